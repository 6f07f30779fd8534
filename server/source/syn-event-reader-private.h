/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-reader.h"
#include "syn-value-reader.h"

/* The reader's insides, shared by its framing (syn-event-reader.c: records in lines; syn-json-array.c:
 * objects in an array) and its two grammars (syn-json-reader.c, syn-csv-reader.c). The framing gives a
 * grammar one whole record with a sentinel behind it; the grammar fills the builder's current event or says
 * what is wrong and where; the framing commits.
 *
 * A name in the text (a "column") may feed several fields; a cell that nothing reads is column NULL. */

G_BEGIN_DECLS

#define SYN_NO_FIELD G_MAXUINT

typedef enum
{
  SYN_READ_OTHER, /* several fields, or a type that is rare: the general way */
  SYN_READ_STRING,
  SYN_READ_NUMBER,
  SYN_READ_TIME,
} SynReadKind;

typedef struct
{
  const char *name; /* the spec's */
  gsize name_length;
  const char *member;  /* in SynEventReader.members: `"name":`, as it most often stands in JSON */
  gsize member_length; /* 0: the name needs escapes, it is never matched as it stands */
  guint index;         /* its own, among the columns */
  guint first;         /* the first field that reads it; SynReadPlan.next_field leads to the others */
  SynReadKind kind;    /* of that field, when it is the only one */
  guint64 stamp;       /* of the last event that had it */
  guint follow; /* the column that came after it in the last event: members come in the same order again and
                   again */
} SynReadColumn;

typedef enum
{
  SYN_ARRAY_BEFORE, /* expects '[' */
  SYN_ARRAY_FIRST,  /* expects an object or ']' */
  SYN_ARRAY_NEXT,   /* expects ',' or ']' */
  SYN_ARRAY_OBJECT, /* expects an object */
  SYN_ARRAY_DONE,   /* expects nothing more */
} SynArrayState;

struct _SynEventReader
{
  const SynSourceSpec *source;
  SynFormat format;

  /* the plan */
  guint n_columns;
  SynReadColumn *columns; /* (owned) */
  char *members;          /* (owned): the texts of all columns' members */
  guint *next_field;      /* (owned): per field, the next one that reads the same column, or SYN_NO_FIELD */
  guint16 *slots;         /* (owned): open addressing over names: column + 1, or 0 */
  guint slot_mask;
  guint first_column; /* the one the last event began with */
  guint64 stamp;      /* of the event (or header) being read */
  SynDayCache days;
  GByteArray *scratch; /* (owned): a string with its escapes undone */

  /* CSV */
  gboolean header_pending;
  guint n_cells;
  SynReadColumn **cells; /* (owned): what each cell is, NULL: skipped */
  char *bad_columns;     /* (owned) (nullable): why the source's `columns` cannot be used */

  /* framing */
  guint bom;           /* bytes of a byte order mark seen; 3: past it, or there is none */
  guint64 line;        /* of the record to come; arrays: of the byte at array_start */
  guint64 column_base; /* arrays: bytes of its line before array_start */
  guint64 n_events;
  guint64 max_events; /* 0: none */
  char *carry; /* (owned): the unfinished record; arrays: the window; one byte more is allocated, for the
                  sentinel */
  gsize carry_used;
  gsize carry_size;
  gboolean in_quotes; /* CSV: the scan for the record's end is inside quotes */
  gboolean in_string; /* array: the scan for the object's end is inside a string */
  gboolean in_escape;
  SynArrayState array_state;
  gsize array_start;   /* what of the window has been read */
  gsize array_scanned; /* of an unfinished object: up to where its end was looked for; 0: not begun */
  gboolean failed;

  /* what is wrong with the record being read */
  const char *problem_at;
  char *problem; /* (owned) (nullable) */
  const char *problem_field;
  char *unknown_field; /* (owned) (nullable): a name that is no field's */
  int problem_code;
  gboolean truncated; /* it is only that the text ends */
};

/* For grammars: return its FALSE. @field may be NULL. */
gboolean
syn_event_reader_fail (SynEventReader *self, const char *at, const char *field, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
gboolean
syn_event_reader_fail_size (SynEventReader *self, const char *at, const char *field, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
/* Takes @problem. */
gboolean syn_event_reader_fail_take (SynEventReader *self, const char *at, const char *field, char *problem);
SynReadColumn *syn_event_reader_find (SynEventReader *self, const char *name, gsize length);
/* "unknown field "prise", did you mean "price"?" */
gboolean syn_event_reader_fail_unknown (
    SynEventReader *self, const char *at, const char *kind, const char *name, gsize length);
/* Counts the event that was just read and commits it; FALSE: one too many. */
gboolean syn_event_reader_commit (SynEventReader *self, SynEventBuilder *builder, const char *at);
/* The carry, with room for @size bytes and the sentinel. */
void syn_event_reader_reserve (SynEventReader *self, gsize size);

/* Moves @line and @column_base over the text. */
void syn_text_advance (const char *from, const char *to, guint64 *line, guint64 *column_base);

/* The grammars: *@p is at the '{'; moves it behind the '}'. *@end is the sentinel. */
gboolean
syn_json_read_object (SynEventReader *self, SynEventBuilder *builder, const char **p, const char *end);
gboolean syn_json_read_line (SynEventReader *self, SynEventBuilder *builder, const char *p, const char *end);
gboolean syn_csv_read_header (SynEventReader *self, const char *p, const char *end);
gboolean syn_csv_read_record (SynEventReader *self, SynEventBuilder *builder, const char *p, const char *end);
/* The names of a source without a header line. */
void syn_csv_set_columns (SynEventReader *self);
/* The end of the record that @p is in (its newline), or NULL; @before is the byte before @p, 0 at the
 * record's start. Keeps in_quotes for the next call. */
const char *syn_csv_find_end (SynEventReader *self, const char *p, const char *end, char before);

gboolean syn_json_array_feed (SynEventReader *self, SynEventBuilder *builder, const char *text, gsize length);
gboolean syn_json_array_finish (SynEventReader *self, SynEventBuilder *builder);
void syn_json_array_locate (SynEventReader *self, const char *at, guint64 *line, guint64 *column);

/* ---- for sources ---- */
/* The text may not hold more events than this: TOO_LARGE. */
void syn_event_reader_set_max_events (SynEventReader *self, guint64 max_events);
/* As syn_event_reader_feed(), but stops after @max_events more events; @consumed says how far it came. NDJSON
 * and CSV. */
gboolean syn_event_reader_feed_some (SynEventReader *self,
                                     SynEventBuilder *builder,
                                     const char *text,
                                     gsize length,
                                     guint max_events,
                                     gsize *consumed,
                                     SynReadPlace *place,
                                     GError **error);

G_END_DECLS
