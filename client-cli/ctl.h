/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdio.h>

#include <json-glib/json-glib.h>

#include "replica.h"

/* synopticctl: what its verbs share. One thread; verbs run the main context themselves and return an exit
 * status. */

G_BEGIN_DECLS

enum
{
  CTL_OK = 0,
  CTL_ERROR = 1,
  CTL_USAGE = 2
};

typedef enum
{
  CTL_FORMAT_TABLE,
  CTL_FORMAT_JSON,
  CTL_FORMAT_CSV
} CtlFormat;

typedef struct
{
  const char *name;
  const char *synopsis; /* of what follows the name */
  const char *summary;
  int (*run) (const char *server, int argc, char **argv); /* argv[0]: the verb */
} CtlVerb;

int ctl_get (const char *server, int argc, char **argv);
int ctl_watch (const char *server, int argc, char **argv);
int ctl_publish (const char *server, int argc, char **argv);
int ctl_status (const char *server, int argc, char **argv);
int ctl_connections (const char *server, int argc, char **argv);
int ctl_screens (const char *server, int argc, char **argv);
int ctl_projections (const char *server, int argc, char **argv);
int ctl_journal (const char *server, int argc, char **argv);
int ctl_load (const char *server, int argc, char **argv);

/* ctl-common.c */

/* Parses a verb's options: @entries (nullable) and `--server`, which replaces *@server, and `--ca`. What is left of @argv
 * are the arguments;
 * @min to @max of them. FALSE: told, exit with CTL_USAGE. `--help` prints and exits. */
gboolean ctl_parse (const char *synopsis,
                    const char *summary,
                    const char *description,
                    const GOptionEntry *entries,
                    const char **server,
                    int *argc,
                    char ***argv,
                    int min,
                    int max);
gboolean ctl_parse_format (const char *text, gboolean with_csv, CtlFormat *format); /* FALSE: told */
void ctl_say (const char *format, ...)
    G_GNUC_PRINTF (1, 2);           /* to stderr, behind the program's name, terminal-safe */
int ctl_fail (const GError *error); /* says it; CTL_ERROR */
int ctl_flush (void);               /* CTL_OK, or CTL_ERROR where stdout could not be written */
/* Bytes of a body to stdout as they are; if that is a terminal, with what could steer it made visible. */
void ctl_print_body (GBytes *body);
/* Waits for something to happen, and lets it. */
void ctl_iterate (void);
/* The authorities that links of https:// trust, as --ca said; (nullable): the system's. */
const char *ctl_get_ca_file (void);
void ctl_set_ca_file (const char *file); /* borrowed */
/* A link, not started, that trusts those. */
ReplicaLink *ctl_link_new (const char *server, GError **error);
/* A GET, waited for. */
GBytes *ctl_fetch (const char *server, const char *path, const char *accept, GError **error);

/* ctl-list.c */

/* A verb without arguments that prints a JSON document of the server: as it is (`--format json`), or as a table
 * of what @arrange (nullable) makes of it (transfer full). */
int ctl_print_document (const char *server,
                        int argc,
                        char **argv,
                        const char *path,
                        const char *summary,
                        JsonNode *(*arrange) (JsonNode *root));
/* The same of any path, for verbs with options of their own; an exit status. */
int ctl_print_path (const char *server, const char *path, CtlFormat format, JsonNode *(*arrange) (JsonNode *root));
/* The document itself, looked at before anything believes it: (transfer full) (nullable): NULL: told. */
JsonParser *ctl_fetch_document (const char *server, const char *path);

/* ctl-text.c */

/* A PATH with query as a person types it, as a URL carries it: what is not safe in one becomes %XX; `%XX`,
 * `&`, `=`, `?` stay; a
 * `+` is a plus. */
char *ctl_escape_path (const char *path);
/* Appends text with control characters, broken UTF-8 and what turns the direction of writing made visible, as
 * \n, \x1b, \u202e. */
void ctl_append_safe (GString *out, const char *text, gsize length, gboolean keep_newlines);
/* Columns that it takes on a terminal. */
guint ctl_text_width (const char *text);

/* ctl-table.c */

/* A table whose cells are asked for twice (widths, then text), so that none is kept. */
typedef struct
{
  guint n_rows;
  guint n_columns;
  gpointer data;
  const char *(*header) (gpointer data, guint column);
  gboolean (*is_number) (gpointer data, guint column); /* asked once a column: it may look at every row */
  void (*append_cell) (gpointer data, guint row, guint column, GString *out); /* terminal-safe */
} CtlTable;

void ctl_table_print (const CtlTable *table, FILE *out);
/* Columns of a terminal that @column takes, without the two spaces between columns. */
guint ctl_table_get_width (const CtlTable *table, guint column);
void ctl_table_print_snapshot (ReplicaSnapshot *snapshot, FILE *out);
/* Any JSON for people: scalars as names and values, arrays of objects as tables. */
void ctl_table_print_json (JsonNode *root, FILE *out);
/* Objects, a line each with all their members, however many. */
void ctl_table_print_objects (JsonArray *objects, FILE *out);

/* ctl-lines.c */

typedef struct _CtlLines CtlLines;
typedef enum
{
  CTL_LINES_RECORD,
  CTL_LINES_WAIT,
  CTL_LINES_END,
  CTL_LINES_ERROR
} CtlLinesResult;

#define CTL_LINE_MAX_BYTES (1u << 20)

/* Reads records, line by line; @quoted: CSV, where a line end within quotes ends nothing. @fd is borrowed. */
CtlLines *ctl_lines_new (int fd, gboolean quoted);
void ctl_lines_free (CtlLines *self);
/* The next record with its line end, valid until the next call; @line: its (first) line's number, from 1.
 * @block FALSE: WAIT where nothing more is there right now. */
CtlLinesResult ctl_lines_next (
    CtlLines *self, gboolean block, const char **record, gsize *length, guint64 *line, GError **error);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlLines, ctl_lines_free)

/* ctl-pace.c */

/* Where the field stands in the records of a CSV file, from its header line: FALSE with an error. */
gboolean ctl_pace_find_column (const char *header, const char *field, int *column, GError **error);
/* The event's time in µs, of a record: FALSE with an error. @column: CSV: where it stands; -1: NDJSON.
 * Times are RFC 3339 text, or numbers since 1970 in s, ms, µs or ns, told apart by their size. */
gboolean ctl_pace_read_time (
    const char *record, gsize length, int column, const char *field, gint64 *time_us, GError **error);

/* A replay: when an event is due. */
typedef struct
{
  double speed;         /* times real time, above 0 */
  gint64 began_us;      /* when the first event went out; 0: none has */
  gint64 first_time_us; /* the time that it had */
} CtlPace;

/* How long to wait, from @now_us (not 0), until an event of @time_us is due; 0: it is. Times that go back are
 * due at once. */
gint64 ctl_pace_wait_us (CtlPace *pace, gint64 time_us, gint64 now_us);

G_END_DECLS
