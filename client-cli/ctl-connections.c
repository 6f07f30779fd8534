/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl connections: who is connected, a line each; the server sorts, and shows so many.
 *
 * A line holds what tells the slow from the others, in units for people, as many columns as the terminal is wide, the most telling first; what it is
 * sorted by is among them always. All that the server tells, as it tells it: --wide, --format json. */

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl.h"

#define WIDTH_DEFAULT 120 /* into a file, a pipe */
#define AGENT_MIN 8       /* columns: with fewer it is left out */

typedef struct
{
  const char *title;
  const char *member;
  void (*append) (GString *out, JsonNode *value); /* of one that is not null */
  gboolean is_text;
  const char *order;     /* (nullable): what the server sorts by it */
  gboolean is_sorted_by; /* shown only then */
} Column;

static void append_text (GString *out, JsonNode *value);
static void append_kind (GString *out, JsonNode *value);
static void append_count (GString *out, JsonNode *value);
static void append_bytes (GString *out, JsonNode *value);
static void append_ms (GString *out, JsonNode *value);
static void append_us (GString *out, JsonNode *value);
static void append_since (GString *out, JsonNode *value);

/* From the left; what does not fit is left out. */
static const Column columns[] = {
  { "PEER", "peer", append_text, TRUE, NULL, FALSE },
  { "KIND", "kind", append_kind, TRUE, NULL, FALSE },
  { "BEHIND", "behind_ms", append_ms, FALSE, "behind", FALSE },
  { "SNAPS", "behind_snapshots", append_count, FALSE, NULL, FALSE },
  { "WAITING", "waiting_bytes", append_bytes, FALSE, "waiting", FALSE },
  { "UNACKED", "unacknowledged_bytes", append_bytes, FALSE, NULL, FALSE },
  { "RATE", "goodput_bytes_s", append_bytes, FALSE, NULL, FALSE },
  { "RTT", "rtt_us", append_us, FALSE, NULL, FALSE },
  { "IDLE", "idle_ms", append_ms, FALSE, "idle", FALSE },
  { "VIEWS", "views", append_count, FALSE, "views", FALSE },
  { "AGE", "since", append_since, FALSE, "age", FALSE },
  { "SENT", "sent_bytes", append_bytes, FALSE, "sent", TRUE },
  { "SENT-SNAPS", "snapshots", append_count, FALSE, "snapshots", TRUE },
  { "POLLS", "polls", append_count, FALSE, "polls", TRUE },
  { "LANE", "lane", append_text, TRUE, NULL, FALSE },
  { "AGENT", "user_agent", append_text, TRUE, NULL, FALSE },
};
#define N_ALWAYS 3 /* who, of what kind, and what is sorted by */

/* ---- cells ---- */

static gint64
number_of (JsonNode *value)
{
  return JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) == G_TYPE_INT64 ? json_node_get_int (value) : 0;
}

static const char *
text_of (JsonNode *value)
{
  return JSON_NODE_HOLDS_VALUE (value) && json_node_get_value_type (value) == G_TYPE_STRING ? json_node_get_string (value) : "";
}

static void
append_text (GString *out, JsonNode *value)
{
  ctl_append_safe (out, text_of (value), strlen (text_of (value)), FALSE);
}

static void
append_kind (GString *out, JsonNode *value)
{
  if (g_str_equal (text_of (value), "websocket"))
    g_string_append (out, "ws");
  else
    append_text (out, value);
}

static void
append_count (GString *out, JsonNode *value)
{
  g_string_append_printf (out, "%" G_GINT64_FORMAT, number_of (value));
}

/* Three digits, as "812", "1.5K", "15K", "1.2M": powers of 1024. */
static void
append_bytes (GString *out, JsonNode *value)
{
  static const char units[] = "KMGTPE";
  double size = (double) number_of (value);
  guint unit = 0;

  if (size < 1000)
    {
      append_count (out, value);
      return;
    }
  for (size /= 1024; size >= 999.5 && unit + 1 < strlen (units); size /= 1024)
    unit++;
  g_string_append_printf (out, size < 9.95 ? "%.1f%c" : "%.0f%c", size, units[unit]);
}

/* "0", "350ms", "4.5s", "1m05s", "2h13m", "3d04h". */
static void
append_span (GString *out, gint64 ms)
{
  gint64 s = ms / 1000;

  if (ms <= 0)
    g_string_append_c (out, '0');
  else if (ms < 1000)
    g_string_append_printf (out, "%" G_GINT64_FORMAT "ms", ms);
  else if (s < 60)
    g_string_append_printf (out, s < 10 ? "%.1fs" : "%.0fs", (double) (ms / 100) / 10);
  else if (s < 3600)
    g_string_append_printf (out, "%" G_GINT64_FORMAT "m%02" G_GINT64_FORMAT "s", s / 60, s % 60);
  else if (s < 86400)
    g_string_append_printf (out, "%" G_GINT64_FORMAT "h%02" G_GINT64_FORMAT "m", s / 3600, s / 60 % 60);
  else
    g_string_append_printf (out, "%" G_GINT64_FORMAT "d%02" G_GINT64_FORMAT "h", s / 86400, s / 3600 % 24);
}

static void
append_ms (GString *out, JsonNode *value)
{
  append_span (out, number_of (value));
}

static void
append_us (GString *out, JsonNode *value)
{
  gint64 us = number_of (value);

  if (us < 1000)
    g_string_append_printf (out, "%" G_GINT64_FORMAT "us", us);
  else if (us < 9950)
    g_string_append_printf (out, "%.1fms", (double) us / 1000);
  else
    append_span (out, (us + 500) / 1000);
}

/* By this machine's clock: of a server with another one it is off by that. */
static void
append_since (GString *out, JsonNode *value)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) since = g_date_time_new_from_iso8601 (text_of (value), utc);

  if (since != NULL)
    append_span (out, g_get_real_time () / 1000 / 1000 * 1000 - g_date_time_to_unix (since) * 1000);
}

/* ---- the table ---- */

typedef struct
{
  JsonArray *rows;
  Column shown[G_N_ELEMENTS (columns)];
  guint n_shown;
  guint agent_width; /* 0: whole */
} Connections;

static const char *
header (gpointer data, guint column)
{
  return ((Connections *) data)->shown[column].title;
}

static gboolean
is_number (gpointer data, guint column)
{
  return !((Connections *) data)->shown[column].is_text;
}

static void
append_cell (gpointer data, guint row, guint column, GString *out)
{
  Connections *self = data;
  const Column *shown = &self->shown[column];
  JsonNode *value = json_object_get_member (json_array_get_object_element (self->rows, row), shown->member);
  gsize before = out->len;

  if (value == NULL || JSON_NODE_HOLDS_NULL (value))
    {
      if (!shown->is_text)
        g_string_append_c (out, '-');
      return;
    }
  shown->append (out, value);
  if (shown->append == append_text && self->agent_width > 0 && g_str_equal (shown->member, "user_agent"))
    while (ctl_text_width (out->str + before) > self->agent_width)
      g_string_truncate (out, (gsize) (g_utf8_prev_char (out->str + out->len) - out->str));
}

static guint
get_terminal_width (void)
{
  struct winsize size;

  return isatty (STDOUT_FILENO) && ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : WIDTH_DEFAULT;
}

/* What is sorted by stands behind who it is. */
static void
choose (Connections *self, const char *order)
{
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    if (i + 1 < N_ALWAYS || g_strcmp0 (columns[i].order, order) == 0)
      self->shown[self->n_shown++] = columns[i];
  for (guint i = N_ALWAYS - 1; i < G_N_ELEMENTS (columns); i++)
    if (!columns[i].is_sorted_by && g_strcmp0 (columns[i].order, order) != 0)
      self->shown[self->n_shown++] = columns[i];
}

/* Leaves out what is beyond @width; of the agent, which is the last, what is. */
static void
fit (Connections *self, CtlTable *table, guint width)
{
  guint used = 0, n = 0;

  for (; n < self->n_shown; n++)
    {
      guint more = ctl_table_get_width (table, n) + (n > 0 ? 2 : 0);

      if (n >= N_ALWAYS && used + more > width)
        break;
      used += more;
    }
  if (n + 1 == self->n_shown && used + 2 + AGENT_MIN <= width)
    {
      self->agent_width = width - used - 2;
      n++;
    }
  table->n_columns = n;
}

static void
print_some (JsonArray *rows, const char *order)
{
  Connections self = { .rows = rows };
  CtlTable table = { .n_rows = json_array_get_length (rows), .data = &self, .header = header, .is_number = is_number, .append_cell = append_cell };

  choose (&self, order);
  fit (&self, &table, get_terminal_width ());
  ctl_table_print (&table, stdout);
}

/* (nullable): NULL: it is none. */
static JsonArray *
get_rows (JsonNode *root)
{
  JsonNode *node = JSON_NODE_HOLDS_OBJECT (root) ? json_object_get_member (json_node_get_object (root), "connections") : NULL;

  if (node == NULL || !JSON_NODE_HOLDS_ARRAY (node))
    return NULL;
  for (guint i = 0; i < json_array_get_length (json_node_get_array (node)); i++)
    if (!JSON_NODE_HOLDS_OBJECT (json_array_get_element (json_node_get_array (node), i)))
      return NULL;
  return json_node_get_array (node);
}

static int
print_table (const char *server, const char *path, const char *order, gboolean wide)
{
  g_autoptr (JsonParser) parser = ctl_fetch_document (server, path);
  JsonArray *rows;
  JsonNode *more;

  if (parser == NULL)
    return CTL_ERROR;
  rows = get_rows (json_parser_get_root (parser));
  if (rows == NULL)
    {
      ctl_say ("the server's answer to %s is no list of connections", path);
      return CTL_ERROR;
    }
  if (wide)
    ctl_table_print_objects (rows, stdout);
  else
    print_some (rows, order);
  more = json_object_get_member (json_node_get_object (json_parser_get_root (parser)), "connections_not_listed");
  if (more != NULL && number_of (more) > 0)
    printf ("(%" G_GINT64_FORMAT " more: -n N lists N)\n", number_of (more));
  return ctl_flush ();
}

int
ctl_connections (const char *server, int argc, char **argv)
{
  g_autofree char *format_text = NULL, *sort = NULL, *escaped = NULL, *path = NULL;
  gboolean wide = FALSE;
  int limit = 0;
  const GOptionEntry entries[] = {
    { "sort", 's', 0, G_OPTION_ARG_STRING, &sort,
      "behind (default), waiting, sent, snapshots, polls, views, age or idle: the most first", "ORDER" },
    { "limit", 'n', 0, G_OPTION_ARG_INT, &limit, "at most so many (50)", "N" },
    { "wide", 'w', 0, G_OPTION_ARG_NONE, &wide, "all that the server tells of each, however wide", NULL },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT" },
    { NULL },
  };
  CtlFormat format;

  if (!ctl_parse ("", "Lists who is connected, the slowest first, a line each.",
                  "BEHIND: how old the snapshot is that it holds while there is a newer one, SNAPS: how many newer ones there\n"
                  "are at least; WAITING: bytes held back, because the connection takes no more; UNACKED: bytes on their way;\n"
                  "RATE (bytes a second), RTT: as the server's kernel measured them; IDLE: since a byte came or went.\n"
                  "As many columns as the terminal is wide; -: not known.",
                  entries, &server, &argc, &argv, 0, 0)
      || !ctl_parse_format (format_text, FALSE, &format))
    return CTL_USAGE;
  if (limit < 0)
    {
      ctl_say ("--limit: %d is not a number of connections", limit);
      return CTL_USAGE;
    }
  escaped = g_uri_escape_string (sort != NULL ? sort : "behind", NULL, FALSE);
  path = g_strdup_printf ("/v1/connections?sort=%s&limit=%d", escaped, limit > 0 ? limit : 50);
  return format == CTL_FORMAT_JSON ? ctl_print_path (server, path, format, NULL) : print_table (server, path, sort != NULL ? sort : "behind", wide);
}
