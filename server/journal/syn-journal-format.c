/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows of the journal's file: the schema, and rows checked as they are read. The thread of the connection.
 *
 * Records have a row number of their own, so that all partitions append to the end of one table (a key by partition would split pages in
 * the middle of it), and the small index by (part, seq) is what finds them and refuses a number that is taken. Bytes are the last column:
 * what is before them is read without them. */
#include "syn-journal-format.h"

#include <string.h>

#include "syn-crc32c.h"
#include "syn-disk-text.h"
#include "syn-limits.h"

const char syn_journal_schema[] =
  "CREATE TABLE record (id INTEGER PRIMARY KEY, part INTEGER NOT NULL, seq INTEGER NOT NULL, epoch INTEGER NOT NULL, kind INTEGER NOT NULL,"
  " source TEXT NOT NULL, first INTEGER NOT NULL, n INTEGER NOT NULL, time_us INTEGER NOT NULL, sum INTEGER NOT NULL, bytes BLOB);"
  "CREATE UNIQUE INDEX record_place ON record (part, seq);"
  "CREATE TABLE checkpoint (id INTEGER PRIMARY KEY, part INTEGER NOT NULL, name TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,"
  " time_us INTEGER NOT NULL, n_pieces INTEGER NOT NULL, size INTEGER NOT NULL, sum INTEGER NOT NULL);"
  "CREATE INDEX checkpoint_name ON checkpoint (part, name, id);"
  "CREATE TABLE piece (checkpoint INTEGER NOT NULL, idx INTEGER NOT NULL, sum INTEGER NOT NULL, bytes BLOB NOT NULL,"
  " UNIQUE (checkpoint, idx));"
  "CREATE TABLE hold (part INTEGER NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL, sum INTEGER NOT NULL, PRIMARY KEY (part, name))"
  " WITHOUT ROWID";

/* ---- records ---- */

static char *
column_text (sqlite3_stmt *statement, int column)
{
  const char *text = (const char *) sqlite3_column_text (statement, column);

  return g_strdup (text != NULL ? text : "");
}

/* NULL: no bytes. What cannot be read is the statement's error. */
static GBytes *
column_bytes (sqlite3_stmt *statement, int column)
{
  gconstpointer data;

  if (sqlite3_column_type (statement, column) == SQLITE_NULL)
    return NULL;
  data = sqlite3_column_blob (statement, column);
  return g_bytes_new (data, (gsize) sqlite3_column_bytes (statement, column));
}

SynJournalRecord *
syn_journal_format_read_record (sqlite3_stmt *statement, guint *partition, guint64 *sequence, char **fault)
{
  g_autoptr (SynJournalRecord) record = g_new0 (SynJournalRecord, 1);
  guint part = (guint) sqlite3_column_int64 (statement, 0);
  gint64 n_events = sqlite3_column_int64 (statement, 6);
  const char *wrong = NULL;

  record->sequence = (guint64) sqlite3_column_int64 (statement, 1);
  record->epoch = (guint64) sqlite3_column_int64 (statement, 2);
  record->kind = (SynRecordKind) sqlite3_column_int (statement, 3);
  record->source = column_text (statement, 4);
  record->first_sequence = (guint64) sqlite3_column_int64 (statement, 5);
  record->n_events = (guint) n_events;
  record->time_us = sqlite3_column_int64 (statement, 7);
  record->bytes = column_bytes (statement, 9);
  if (partition != NULL)
    *partition = part;
  if (sequence != NULL)
    *sequence = record->sequence;
  if (n_events < 0 || n_events > G_MAXUINT
      || sqlite3_column_int64 (statement, 8) != (gint64) syn_journal_record_sum (part, record, syn_journal_bytes_sum (record->bytes)))
    wrong = "its checksum does not match";
  else
    wrong = syn_journal_record_find_fault (record);
  if (wrong == NULL)
    return g_steal_pointer (&record);
  *fault = g_strdup (wrong);
  return NULL;
}

void
syn_journal_format_bind_record (sqlite3_stmt *statement, guint partition, const SynJournalRecord *record, guint32 bytes_sum)
{
  gsize size = 0;
  gconstpointer data = record->bytes != NULL ? g_bytes_get_data (record->bytes, &size) : NULL;

  sqlite3_bind_int64 (statement, 1, partition);
  sqlite3_bind_int64 (statement, 2, (gint64) record->sequence);
  sqlite3_bind_int64 (statement, 3, (gint64) record->epoch);
  sqlite3_bind_int (statement, 4, (int) record->kind);
  sqlite3_bind_text (statement, 5, record->source, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 6, (gint64) record->first_sequence);
  sqlite3_bind_int64 (statement, 7, record->n_events);
  sqlite3_bind_int64 (statement, 8, record->time_us);
  sqlite3_bind_int64 (statement, 9, syn_journal_record_sum (partition, record, bytes_sum));
  if (record->bytes == NULL)
    sqlite3_bind_null (statement, 10);
  else if (size == 0)
    sqlite3_bind_zeroblob (statement, 10, 0);
  else
    sqlite3_bind_blob64 (statement, 10, data, size, SQLITE_STATIC);
}

/* ---- checkpoints ---- */

void
syn_journal_checkpoint_free (SynJournalCheckpoint *self)
{
  g_free (self->name);
  g_free (self);
}

static guint32
sum_numbers (guint32 sum, const guint64 *numbers, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      guint64 number = GUINT64_TO_LE (numbers[i]);

      sum = syn_crc32c (sum, &number, sizeof number);
    }
  return sum;
}

static guint32
checkpoint_sum (const SynJournalCheckpoint *self)
{
  const guint64 numbers[] = { (guint64) self->id, self->partition, self->epoch, self->sequence, (guint64) self->time_us, self->n_pieces,
                              self->size_bytes };

  return syn_crc32c (sum_numbers (0, numbers, G_N_ELEMENTS (numbers)), self->name, strlen (self->name) + 1);
}

SynJournalCheckpoint *
syn_journal_format_read_checkpoint (sqlite3_stmt *statement, char **fault)
{
  g_autoptr (SynJournalCheckpoint) self = g_new0 (SynJournalCheckpoint, 1);

  self->id = sqlite3_column_int64 (statement, 0);
  self->partition = (guint) sqlite3_column_int64 (statement, 1);
  self->name = column_text (statement, 2);
  self->epoch = (guint64) sqlite3_column_int64 (statement, 3);
  self->sequence = (guint64) sqlite3_column_int64 (statement, 4);
  self->time_us = sqlite3_column_int64 (statement, 5);
  self->n_pieces = (guint) sqlite3_column_int64 (statement, 6);
  self->size_bytes = (gsize) sqlite3_column_int64 (statement, 7);
  if (sqlite3_column_int64 (statement, 8) == (gint64) checkpoint_sum (self) && self->size_bytes <= SYN_MAX_CHECKPOINT_BYTES)
    return g_steal_pointer (&self);
  *fault = g_strdup ("its head's checksum does not match");
  return NULL;
}

void
syn_journal_format_bind_checkpoint (sqlite3_stmt *statement, const SynJournalCheckpoint *self)
{
  sqlite3_bind_int64 (statement, 1, self->id);
  sqlite3_bind_int64 (statement, 2, self->partition);
  sqlite3_bind_text (statement, 3, self->name, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 4, (gint64) self->epoch);
  sqlite3_bind_int64 (statement, 5, (gint64) self->sequence);
  sqlite3_bind_int64 (statement, 6, self->time_us);
  sqlite3_bind_int64 (statement, 7, self->n_pieces);
  sqlite3_bind_int64 (statement, 8, (gint64) self->size_bytes);
  sqlite3_bind_int64 (statement, 9, checkpoint_sum (self));
}

guint32
syn_journal_format_piece_sum (gint64 id, guint index, gconstpointer bytes, gsize n_bytes)
{
  const guint64 numbers[] = { (guint64) id, index, n_bytes };

  return sum_numbers (syn_crc32c (0, bytes, n_bytes), numbers, G_N_ELEMENTS (numbers));
}

guint32
syn_journal_format_hold_sum (guint partition, const char *name, guint64 sequence)
{
  const guint64 numbers[] = { partition, sequence };

  return syn_crc32c (sum_numbers (0, numbers, G_N_ELEMENTS (numbers)), name, strlen (name) + 1);
}

GBytes *
syn_journal_format_read_pieces (sqlite3_stmt *statement, const SynJournalCheckpoint *self, char **fault)
{
  g_autofree char *bytes = g_malloc (MAX (self->size_bytes, 1));
  gsize at = 0;
  guint n = 0;
  int result;

  for (; (result = sqlite3_step (statement)) == SQLITE_ROW; n++)
    {
      guint index = (guint) sqlite3_column_int64 (statement, 0);
      gconstpointer piece = sqlite3_column_blob (statement, 2);
      gsize size = (gsize) sqlite3_column_bytes (statement, 2);

      if (index != n || size > self->size_bytes - at || (piece == NULL && size > 0)
          || sqlite3_column_int64 (statement, 1) != (gint64) syn_journal_format_piece_sum (self->id, index, piece, size))
        {
          *fault = g_strdup_printf ("the checksum of its piece %u does not match", n);
          return NULL;
        }
      if (size > 0)
        memcpy (bytes + at, piece, size);
      at += size;
    }
  if (result != SQLITE_DONE)
    {
      g_autofree char *said = syn_disk_text (sqlite3_errmsg (sqlite3_db_handle (statement)));

      *fault = g_strdup_printf ("its piece %u cannot be read: %s", n, said);
    }
  else if (n != self->n_pieces || at != self->size_bytes)
    *fault = g_strdup_printf ("of its %u pieces only %u are there", self->n_pieces, n);
  else
    return g_bytes_new_take (g_steal_pointer (&bytes), self->size_bytes);
  return NULL;
}
