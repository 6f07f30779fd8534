/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* All that can be wrong with a journal's file, looked for. One pass over the records by partition and number, one over the checkpoints. */
#include "syn-journal-reader.h"

#include <string.h>

#include "replica-snapshot.h"
#include "syn-disk-text.h"
#include "syn-error.h"

typedef struct {
  SynJournalReader *reader;
  sqlite3 *db;
  void (*fault) (const char *what, gpointer user_data);
  gpointer user_data;
  SynJournalVerified *verified;
  /* of the partition that is walked */
  int partition;
  guint64 sequence, epoch;
  GHashTable *sources; /* (owned): name → the sequence that its next event has */
} Verify;

static void tell (Verify *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
tell (Verify *self, const char *format, ...)
{
  g_autofree char *what = NULL, *line = NULL, *shown = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strdup_printf ("%s: %s", syn_journal_reader_get_path (self->reader), what);
  shown = syn_disk_text (line);
  self->verified->n_faults++;
  self->fault (shown, self->user_data);
}

/* ---- records ---- */

static void
check_events (Verify *self, guint partition, const SynJournalRecord *record)
{
  guint64 *next = g_hash_table_lookup (self->sources, record->source);
  gboolean is_lost = record->kind == SYN_RECORD_LOST;
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = record->bytes != NULL ? replica_snapshot_new_from_bytes (record->bytes, &error) : NULL;

  if (next != NULL && *next != record->first_sequence)
    tell (self,
          "partition %u: record %" G_GUINT64_FORMAT ": events of \"%s\" go on at %" G_GUINT64_FORMAT ", and should at %" G_GUINT64_FORMAT,
          partition, record->sequence, record->source, record->first_sequence, *next);
  if (next == NULL)
    {
      next = g_new (guint64, 1);
      g_hash_table_insert (self->sources, g_strdup (record->source), next);
    }
  *next = record->first_sequence + record->n_events;
  if (is_lost)
    return;
  if (snapshot == NULL)
    tell (self, "partition %u: record %" G_GUINT64_FORMAT ": its events cannot be read: %s", partition, record->sequence,
          error != NULL ? error->message : "there are no bytes");
  else if (replica_snapshot_get_n_rows (snapshot) != record->n_events
           || strcmp (replica_snapshot_get_path (snapshot), record->source) != 0)
    tell (self, "partition %u: record %" G_GUINT64_FORMAT ": says %u events of \"%s\", and has %u of \"%s\"", partition, record->sequence,
          record->n_events, record->source, replica_snapshot_get_n_rows (snapshot), replica_snapshot_get_path (snapshot));
}

/* The number follows the one before; the epoch too: a claim has the next, everything else the same. */
static void
check_place (Verify *self, guint partition, guint64 sequence, const SynJournalRecord *record)
{
  gboolean is_first = self->partition != (int) partition;

  if (is_first)
    g_hash_table_remove_all (self->sources);
  else if (sequence != self->sequence + 1)
    tell (self, "partition %u: records %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are missing", partition, self->sequence + 1,
          sequence - 1);
  if (record != NULL && !is_first && self->epoch != 0 && sequence == self->sequence + 1
      && record->epoch != self->epoch + (record->kind == SYN_RECORD_CLAIM ? 1 : 0))
    tell (self, "partition %u: record %" G_GUINT64_FORMAT ": a %s of epoch %" G_GUINT64_FORMAT " after epoch %" G_GUINT64_FORMAT, partition,
          sequence, syn_record_kind_to_string (record->kind), record->epoch, self->epoch);
  self->partition = (int) partition;
  self->sequence = sequence;
  self->epoch = record != NULL ? record->epoch : 0;
}

static void
check_row (Verify *self, sqlite3_stmt *statement)
{
  g_autofree char *fault = NULL;
  guint64 sequence;
  guint partition;
  g_autoptr (SynJournalRecord) record = syn_journal_format_read_record (statement, &partition, &sequence, &fault);

  self->verified->n_records++;
  check_place (self, partition, sequence, record);
  if (record == NULL)
    {
      tell (self, "partition %u: record %" G_GUINT64_FORMAT " is damaged: %s", partition, sequence, fault);
      g_hash_table_remove_all (self->sources); /* whose events it had is not known */
      return;
    }
  if (record->kind == SYN_RECORD_LOST)
    {
      self->verified->n_lost_events += record->n_events;
      check_events (self, partition, record);
    }
  if (record->kind != SYN_RECORD_BATCH)
    return;
  self->verified->n_events += record->n_events;
  self->verified->n_bytes += record->bytes != NULL ? g_bytes_get_size (record->bytes) : 0;
  check_events (self, partition, record);
}

static void
walk (Verify *self, const char *sql, void (*row) (Verify *self, sqlite3_stmt *statement))
{
  sqlite3_stmt *statement = NULL;
  int result = sqlite3_prepare_v2 (self->db, sql, -1, &statement, NULL);

  if (result == SQLITE_OK)
    while ((result = sqlite3_step (statement)) == SQLITE_ROW)
      row (self, statement);
  if (result != SQLITE_DONE && self->partition >= 0)
    tell (self, "partition %d: after record %" G_GUINT64_FORMAT ": cannot read on: %s", self->partition, self->sequence,
          sqlite3_errmsg (self->db));
  else if (result != SQLITE_DONE)
    tell (self, "cannot read it: %s", sqlite3_errmsg (self->db));
  sqlite3_finalize (statement);
}

/* ---- the rest ---- */

static void
check_checkpoint (Verify *self, sqlite3_stmt *statement)
{
  g_autofree char *fault = NULL, *name = g_strdup ((const char *) sqlite3_column_text (statement, 2));
  g_autoptr (SynJournalCheckpoint) head = syn_journal_format_read_checkpoint (statement, &fault);
  guint64 last = (guint64) sqlite3_column_int64 (statement, 9);
  g_autoptr (GBytes) bytes = NULL;
  sqlite3_stmt *pieces = NULL;

  self->verified->n_checkpoints++;
  if (head != NULL && sqlite3_prepare_v2 (self->db, "SELECT idx, sum, bytes FROM piece WHERE checkpoint=?1 ORDER BY idx", -1, &pieces, NULL) == SQLITE_OK)
    {
      sqlite3_bind_int64 (pieces, 1, head->id);
      bytes = syn_journal_format_read_pieces (pieces, head, &fault);
    }
  sqlite3_finalize (pieces);
  if (bytes == NULL)
    tell (self, "partition %" G_GINT64_FORMAT ": checkpoint \"%s\" of record %" G_GINT64_FORMAT " is damaged: %s",
          (gint64) sqlite3_column_int64 (statement, 1), name != NULL ? name : "", (gint64) sqlite3_column_int64 (statement, 4),
          fault != NULL ? fault : "its pieces cannot be read");
  else if (head->sequence > last)
    tell (self, "partition %u: the log ends at record %" G_GUINT64_FORMAT ", and there is a checkpoint \"%s\" of record %" G_GUINT64_FORMAT,
          head->partition, last, head->name, head->sequence);
}

static void
check_hold (Verify *self, sqlite3_stmt *statement)
{
  guint partition = (guint) sqlite3_column_int64 (statement, 0);
  const char *name = (const char *) sqlite3_column_text (statement, 1);
  guint64 sequence = (guint64) sqlite3_column_int64 (statement, 2);

  if (name == NULL || sqlite3_column_int64 (statement, 3) != (gint64) syn_journal_format_hold_sum (partition, name, sequence))
    tell (self, "partition %u: hold \"%s\" is damaged: its checksum does not match", partition, name != NULL ? name : "");
}

static void
check_structure (Verify *self, sqlite3_stmt *statement)
{
  const char *text = (const char *) sqlite3_column_text (statement, 0);

  if (text != NULL && strcmp (text, "ok") != 0)
    tell (self, "%s", text);
}

static gboolean
begin (Verify *self, GError **error)
{
  if (sqlite3_exec (self->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: cannot read it: %s", syn_journal_reader_get_path (self->reader),
               sqlite3_errmsg (self->db));
  return FALSE;
}

gboolean
syn_journal_reader_verify (SynJournalReader *reader, void (*fault) (const char *what, gpointer user_data), gpointer user_data,
                           SynJournalVerified *verified, GError **error)
{
  g_autoptr (GHashTable) sources = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  Verify self = { .reader = reader, .db = syn_journal_reader_get_db (reader), .fault = fault, .user_data = user_data, .verified = verified,
                  .partition = -1, .sources = sources };

  *verified = (SynJournalVerified){ 0 };
  if (!begin (&self, error))
    return FALSE;
  walk (&self, "SELECT " SYN_JOURNAL_RECORD_COLUMNS " FROM record ORDER BY part, seq", check_row);
  self.partition = -1;
  walk (&self,
        "SELECT " SYN_JOURNAL_CHECKPOINT_COLUMNS ", (SELECT max(seq) FROM record r WHERE r.part=c.part) FROM checkpoint c ORDER BY part, name, id",
        check_checkpoint);
  walk (&self, "SELECT part, name, seq, sum FROM hold ORDER BY part, name", check_hold);
  walk (&self, "PRAGMA integrity_check(20)", check_structure);
  sqlite3_exec (self.db, "COMMIT", NULL, NULL, NULL);
  return TRUE;
}
