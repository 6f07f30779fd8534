/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl journal export: events of a source as NDJSON or CSV, as they could be published again. A batch says itself what its fields
 * are called: no catalog is needed. Null fields are left out of NDJSON, and empty in CSV. */

#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl-journal.h"

typedef struct
{
  guint64 from, to;
  gboolean csv;
  GString *header; /* (owned) (nullable): CSV: of the batches so far */
  GString *line;   /* (owned) */
  GString *safe;   /* (owned) */
  gboolean to_terminal;
  guint64 n_events;
  GError *error; /* (owned) (nullable) */
} Export;

static void
append_json_string (GString *out, const char *text, gsize length)
{
  g_string_append_c (out, '"');
  for (gsize i = 0; i < length; i++)
    {
      guchar c = (guchar) text[i];

      if (c == '"' || c == '\\')
        g_string_append_printf (out, "\\%c", c);
      else if (c < 0x20 || c == 0x7f)
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_c (out, (char) c);
    }
  g_string_append_c (out, '"');
}

/* The empty string in quotes: without them it is null. */
static void
append_csv_string (GString *out, const char *text, gsize length)
{
  gboolean quoted = length == 0;

  for (gsize i = 0; i < length; i++)
    quoted = quoted || strchr (",\"\r\n", text[i]) != NULL || text[i] == ' ';
  if (!quoted)
    {
      g_string_append_len (out, text, (gssize) length);
      return;
    }
  g_string_append_c (out, '"');
  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '"')
        g_string_append_c (out, '"');
      g_string_append_c (out, text[i]);
    }
  g_string_append_c (out, '"');
}

static void
append_value (GString *out, const ReplicaColumn *column, guint row, gboolean csv)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;
  const char *text = replica_column_format (column, row, buffer, &length);

  if (column->type == REPLICA_TYPE_STRING && csv)
    append_csv_string (out, text, length);
  else if (column->type == REPLICA_TYPE_STRING || (column->type == REPLICA_TYPE_TIMESTAMP && !csv))
    append_json_string (out, text, length);
  else
    g_string_append_len (out, text, (gssize) length);
}

static void
print_event (Export *self, ReplicaSnapshot *batch, guint row)
{
  GString *line = self->line;

  g_string_truncate (line, 0);
  for (guint i = 0; i < replica_snapshot_get_n_columns (batch); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (batch, i);

      if (self->csv && i > 0)
        g_string_append_c (line, ',');
      if (replica_column_is_null (column, row))
        continue;
      if (!self->csv)
        {
          g_string_append_c (line, line->len == 0 ? '{' : ',');
          append_json_string (line, column->name, strlen (column->name));
          g_string_append_c (line, ':');
        }
      append_value (line, column, row, self->csv);
    }
  if (!self->csv)
    g_string_append (line, line->len == 0 ? "{}" : "}");
  g_string_append_c (line, '\n');
  self->n_events++;
  if (!self->to_terminal)
    {
      fwrite (line->str, 1, line->len, stdout);
      return;
    }
  g_string_truncate (self->safe, 0);
  ctl_append_safe (self->safe, line->str, line->len, TRUE);
  fwrite (self->safe->str, 1, self->safe->len, stdout);
}

/* Of CSV, once; another one later cannot be said in one table. */
static gboolean
check_header (Export *self, ReplicaSnapshot *batch, guint64 first)
{
  g_autoptr (GString) header = g_string_new (NULL);

  for (guint i = 0; i < replica_snapshot_get_n_columns (batch); i++)
    {
      const char *name = replica_snapshot_get_column (batch, i)->name;

      if (i > 0)
        g_string_append_c (header, ',');
      append_csv_string (header, name, strlen (name));
    }
  if (self->header == NULL)
    {
      fprintf (stdout, "%s\n", header->str);
      self->header = g_steal_pointer (&header);
      return TRUE;
    }
  if (g_string_equal (self->header, header))
    return TRUE;
  g_set_error (&self->error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
               "from event %" G_GUINT64_FORMAT " on the fields are others (%s): export up to there and from there, or as ndjson", first,
               header->str);
  return FALSE;
}

static gboolean
export_record (guint partition, const SynJournalRecord *record, gpointer user_data)
{
  Export *self = user_data;
  guint64 last = record->first_sequence + record->n_events - 1;
  g_autoptr (ReplicaSnapshot) batch = NULL;
  guint n_rows;

  if (last < self->from || record->first_sequence > self->to || record->bytes == NULL)
    return TRUE;
  batch = replica_snapshot_new_from_bytes (record->bytes, &self->error);
  if (batch == NULL)
    {
      g_prefix_error (&self->error, "partition %u: record %" G_GUINT64_FORMAT ": ", partition, record->sequence);
      return FALSE;
    }
  if (self->csv && !check_header (self, batch, record->first_sequence))
    return FALSE;
  n_rows = MIN (replica_snapshot_get_n_rows (batch), record->n_events);
  for (guint row = 0; row < n_rows; row++)
    if (record->first_sequence + row >= self->from && record->first_sequence + row <= self->to)
      print_event (self, batch, row);
  return !ferror (stdout);
}

int
ctl_journal_export (const char *server, int argc, char **argv)
{
  g_autofree char *format = NULL;
  gint64 from = 1, to = G_MAXINT64;
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format, "ndjson (default) or csv with a header line", "FORMAT" },
    { "from", 0, 0, G_OPTION_ARG_INT64, &from, "The first event's sequence (default: the first that is there)", "N" },
    { "to", 0, 0, G_OPTION_ARG_INT64, &to, "The last event's sequence (default: the last that is there)", "N" },
    { NULL },
  };
  g_autoptr (SynJournalReader) reader = NULL;
  g_autoptr (GError) error = NULL;
  Export self = { 0 };
  gboolean done;

  if (!ctl_parse ("DIR|FILE SOURCE", "Prints the events of a source, in their order.", NULL, entries, &server, &argc, &argv, 2, 2))
    return CTL_USAGE;
  if (format != NULL && strcmp (format, "ndjson") != 0 && strcmp (format, "csv") != 0)
    {
      ctl_say ("--format %s: expected ndjson or csv", format);
      return CTL_USAGE;
    }
  if (from < 0 || to < from)
    {
      ctl_say ("journal export: --from and --to are sequences of events, the second not below the first");
      return CTL_USAGE;
    }
  reader = syn_journal_reader_open (argv[1], &error);
  if (reader == NULL)
    return ctl_fail (error);
  self.from = (guint64) from;
  self.to = (guint64) to;
  self.csv = format != NULL && strcmp (format, "csv") == 0;
  self.line = g_string_new (NULL);
  self.safe = g_string_new (NULL);
  self.to_terminal = isatty (STDOUT_FILENO);
  done = syn_journal_reader_walk (reader, argv[2], export_record, &self, &error) && self.error == NULL;
  if (done && self.n_events == 0)
    ctl_say ("%s: no such events of a source \"%s\"", syn_journal_reader_get_path (reader), argv[2]);
  else if (!done)
    ctl_fail (self.error != NULL ? self.error : error);
  done = done && self.n_events > 0;
  if (self.header != NULL)
    g_string_free (self.header, TRUE);
  g_string_free (self.line, TRUE);
  g_string_free (self.safe, TRUE);
  g_clear_error (&self.error);
  return ctl_flush () == CTL_OK && done ? CTL_OK : CTL_ERROR;
}
