/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl journal: looks at a journal's file, checks it, copies it, takes events out of it; without a server, or beside the one that
 * writes it. Of the server it links the reader of that file only. */

#include <errno.h>
#include <string.h>

#include "ctl.h"
#include "ctl-journal.h"
#include "syn-disk-text.h"

/* ---- inspect ---- */

static void
add_time (JsonBuilder *json, const char *name, gint64 time_us)
{
  const ReplicaColumn column = { .type = REPLICA_TYPE_TIMESTAMP, .width = 8, .n_rows = 1, .data = &time_us };
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, replica_column_format (&column, 0, buffer, &length));
}

static void
add_number (JsonBuilder *json, const char *name, guint64 value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_int_value (json, (gint64) value);
}

static void
add_text (JsonBuilder *json, const char *name, const char *text)
{
  g_autofree char *shown = syn_disk_text (text);

  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, shown);
}

static void
add_log (JsonBuilder *json, gconstpointer data)
{
  const SynJournalExtent *log = data;

  add_number (json, "partition", log->partition);
  add_number (json, "epoch", log->epoch);
  add_number (json, "first", log->first);
  add_number (json, "last", log->last);
  add_time (json, "oldest", log->oldest_us);
  add_time (json, "newest", log->newest_us);
}

static void
add_source (JsonBuilder *json, gconstpointer data)
{
  const SynJournalSource *source = data;

  add_text (json, "source", source->source);
  add_number (json, "partition", source->partition);
  add_number (json, "records", source->n_records);
  add_number (json, "events", source->n_events);
  add_number (json, "first", source->first_sequence);
  add_number (json, "last", source->last_sequence);
  add_number (json, "bytes", source->n_bytes);
  add_time (json, "oldest", source->oldest_us);
  add_time (json, "newest", source->newest_us);
}

static void
add_checkpoint (JsonBuilder *json, gconstpointer data)
{
  const SynJournalCheckpoint *head = data;

  add_text (json, "checkpoint", head->name);
  add_number (json, "partition", head->partition);
  add_number (json, "epoch", head->epoch);
  add_number (json, "record", head->sequence);
  add_number (json, "bytes", head->size_bytes);
  add_time (json, "time", head->time_us);
}

static void
add_hold (JsonBuilder *json, gconstpointer data)
{
  const SynJournalHold *hold = data;

  add_text (json, "reader", hold->name);
  add_number (json, "partition", hold->partition);
  add_number (json, "from", hold->sequence);
}

static void
add_loss (JsonBuilder *json, gconstpointer data)
{
  const SynJournalLost *lost = data;

  add_text (json, "source", lost->source);
  add_number (json, "partition", lost->partition);
  add_number (json, "record", lost->record);
  add_number (json, "first", lost->first_sequence);
  add_number (json, "last", lost->last_sequence);
}

static void
begin_list (JsonBuilder *json, const char *name)
{
  json_builder_set_member_name (json, name);
  json_builder_begin_array (json);
}

static void
add_object (JsonBuilder *json, gconstpointer data, void (*add_members) (JsonBuilder *json, gconstpointer data))
{
  json_builder_begin_object (json);
  add_members (json, data);
  json_builder_end_object (json);
}

static gboolean
add_list (JsonBuilder *json,
          const char *name,
          SynJournalReader *reader,
          GArray *(*list) (SynJournalReader *reader, GError **error),
          void (*add_members) (JsonBuilder *json, gconstpointer data),
          GError **error)
{
  g_autoptr (GArray) items = list (reader, error);

  if (items == NULL)
    return FALSE;
  begin_list (json, name);
  for (guint i = 0; i < items->len; i++)
    add_object (json, items->data + i * g_array_get_element_size (items), add_members);
  json_builder_end_array (json);
  return TRUE;
}

static gboolean
add_checkpoints (JsonBuilder *json, SynJournalReader *reader, GError **error)
{
  g_autoptr (GPtrArray) heads = syn_journal_reader_list_checkpoints (reader, error);

  if (heads == NULL)
    return FALSE;
  begin_list (json, "checkpoints");
  for (guint i = 0; i < heads->len; i++)
    add_object (json, heads->pdata[i], add_checkpoint);
  json_builder_end_array (json);
  return TRUE;
}

static int
inspect (SynJournalReader *reader, CtlFormat format)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonNode) root = NULL;
  g_autoptr (GError) error = NULL;

  json_builder_begin_object (json);
  add_text (json, "file", syn_journal_reader_get_path (reader));
  add_number (json, "format", SYN_JOURNAL_SCHEMA);
  add_number (json, "bytes", syn_journal_reader_get_used_bytes (reader));
  if (!add_list (json, "logs", reader, syn_journal_reader_list_logs, add_log, &error)
      || !add_list (json, "sources", reader, syn_journal_reader_list_sources, add_source, &error)
      || !add_checkpoints (json, reader, &error)
      || !add_list (json, "holds", reader, syn_journal_reader_list_holds, add_hold, &error)
      || !add_list (json, "lost", reader, syn_journal_reader_list_lost, add_loss, &error))
    return ctl_fail (error);
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  if (format == CTL_FORMAT_JSON)
    {
      g_autofree char *text = json_to_string (root, FALSE);

      puts (text);
    }
  else
    ctl_table_print_json (root, stdout);
  return ctl_flush ();
}

static int
run_inspect (const char *server, int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT" },
    { NULL },
  };
  g_autoptr (SynJournalReader) reader = NULL;
  g_autoptr (GError) error = NULL;
  CtlFormat format;

  if (!ctl_parse ("DIR|FILE", "Tells what a journal has: logs, sources, checkpoints, holds.", NULL, entries, &server, &argc, &argv, 1, 1)
      || !ctl_parse_format (format_text, FALSE, &format))
    return CTL_USAGE;
  reader = syn_journal_reader_open (argv[1], &error);
  return reader != NULL ? inspect (reader, format) : ctl_fail (error);
}

/* ---- verify, backup ---- */

static void
say_fault (const char *what, gpointer user_data)
{
  ctl_say ("%s", what);
}

static int
run_verify (const char *server, int argc, char **argv)
{
  g_autoptr (SynJournalReader) reader = NULL;
  g_autoptr (GError) error = NULL;
  SynJournalVerified verified;

  if (!ctl_parse ("DIR|FILE", "Checks all of a journal: each checksum, each number, each batch.", NULL, NULL, &server, &argc, &argv, 1, 1))
    return CTL_USAGE;
  reader = syn_journal_reader_open (argv[1], &error);
  if (reader == NULL || !syn_journal_reader_verify (reader, say_fault, NULL, &verified, &error))
    return ctl_fail (error);
  printf ("%s: %" G_GUINT64_FORMAT " records, %" G_GUINT64_FORMAT " events, %" G_GUINT64_FORMAT " bytes, %" G_GUINT64_FORMAT
          " checkpoints, %" G_GUINT64_FORMAT " faults",
          verified.n_faults == 0 ? "OK" : "DAMAGED", verified.n_records, verified.n_events, verified.n_bytes, verified.n_checkpoints,
          verified.n_faults);
  if (verified.n_lost_events > 0)
    printf (", %" G_GUINT64_FORMAT " events marked as lost", verified.n_lost_events);
  putchar ('\n');
  return ctl_flush () == CTL_OK && verified.n_faults == 0 ? CTL_OK : CTL_ERROR;
}

static int
run_backup (const char *server, int argc, char **argv)
{
  g_autoptr (SynJournalReader) reader = NULL;
  g_autoptr (GError) error = NULL;

  if (!ctl_parse ("DIR|FILE TO", "Copies a journal as it is now into the new file TO.", NULL, NULL, &server, &argc, &argv, 2, 2))
    return CTL_USAGE;
  reader = syn_journal_reader_open (argv[1], &error);
  if (reader == NULL || !syn_journal_reader_back_up (reader, argv[2], &error))
    return ctl_fail (error);
  return CTL_OK;
}

/* ---- the verb ---- */

static const CtlVerb verbs[] = {
  { "inspect", "DIR|FILE", "tells what it has", run_inspect },
  { "verify", "DIR|FILE", "checks all of it", run_verify },
  { "export", "DIR|FILE SOURCE", "prints the events of a source", ctl_journal_export },
  { "backup", "DIR|FILE TO", "copies it, also while a server runs", run_backup },
  { "repair", "DIR", "tells what is lost where it is damaged; --yes marks it so", ctl_journal_repair },
  { "drop", "DIR NAME", "lets go of what is held for a reader that is no more", ctl_journal_drop },
};

static void
print_verbs (FILE *out)
{
  fputs ("Usage: synopticctl journal VERB [OPTION…] DIR|FILE [ARGUMENT…]\n\nReads a journal's file (DIR: that of a data folder), also while a "
         "server writes to it; repair and drop change\nit, and want the server stopped.\n\nVerbs:\n",
         out);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *left = g_strdup_printf ("%s %s", verbs[i].name, verbs[i].synopsis);

      fprintf (out, "  %-25s  %s\n", left, verbs[i].summary);
    }
}

int
ctl_journal (const char *server, int argc, char **argv)
{
  if (argc > 1 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0))
    {
      print_verbs (stdout);
      return ctl_flush ();
    }
  for (guint i = 0; argc > 1 && i < G_N_ELEMENTS (verbs); i++)
    if (strcmp (argv[1], verbs[i].name) == 0)
      {
        g_autofree char *name = g_strconcat ("journal ", verbs[i].name, NULL);
        char *kept = argv[1];
        int status;

        argv[1] = name; /* what its messages begin with */
        status = verbs[i].run (server, argc - 1, argv + 1);
        argv[1] = kept;
        return status;
      }
  if (argc > 1)
    ctl_say ("journal: no verb \"%s\"; see synopticctl journal --help", argv[1]);
  else
    print_verbs (stderr);
  return CTL_USAGE;
}
