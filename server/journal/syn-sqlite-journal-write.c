/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the embedded journal writes: claims, appends, checkpoints. What is removed: -retention.c. The writing file's thread, each request within a
 * transaction that it shares with all that wait; it may be run again, so it changes nothing here but its own job.
 *
 * Where a log ends is asked of the file each time: 3 µs, and nothing to set back when a commit fails. What takes long is cut up: a checkpoint
 * into its pieces, a trim into some records, each a job of its own, so that appends come between. */
#define G_LOG_DOMAIN "syn-journal"

#include <string.h>

#include "syn-error.h"
#include "syn-limits.h"
#include "syn-sqlite-journal-private.h"

#define MAX_LOOKED_BACK 64 /* damaged records at a log's end, for the epoch of a whole one */

const char *const syn_journal_write_sql[SYN_JW_N_STATEMENTS] = {
  [SYN_JW_TAIL] = "SELECT seq, epoch FROM record WHERE part=?1 ORDER BY seq DESC LIMIT 1",
  [SYN_JW_INSERT] = "INSERT INTO record (" SYN_JOURNAL_RECORD_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
  [SYN_JW_AT] = "SELECT " SYN_JOURNAL_RECORD_COLUMNS " FROM record WHERE part=?1 AND seq=?2",
  [SYN_JW_BACKWARDS] = "SELECT " SYN_JOURNAL_RECORD_COLUMNS " FROM record WHERE part=?1 ORDER BY seq DESC",
  [SYN_JW_BEYOND] = "SELECT max(seq), max(epoch) FROM checkpoint WHERE part=?1",
  [SYN_JW_FIRST] = "SELECT seq, time_us FROM record WHERE part=?1 ORDER BY seq LIMIT 1",
  [SYN_JW_REMOVE] = "DELETE FROM record WHERE part=?1 AND seq=?2 RETURNING id, source, n * (kind=2), length(bytes)",
  [SYN_JW_PUT_PIECE] = "INSERT OR REPLACE INTO piece (checkpoint, idx, sum, bytes) VALUES (?1, ?2, ?3, ?4)",
  [SYN_JW_PUT_HEAD] = "INSERT INTO checkpoint (" SYN_JOURNAL_CHECKPOINT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
  [SYN_JW_GENERATIONS] = "SELECT id, seq FROM checkpoint WHERE part=?1 AND name=?2 ORDER BY id DESC",
  [SYN_JW_REMOVE_PIECES] = "DELETE FROM piece WHERE checkpoint=?1",
  [SYN_JW_REMOVE_HEAD] = "DELETE FROM checkpoint WHERE id=?1",
  [SYN_JW_HOLD] = "INSERT OR REPLACE INTO hold (part, name, seq, sum) VALUES (?1, ?2, ?3, ?4)",
  [SYN_JW_HOLDS] = "SELECT name, seq, sum FROM hold WHERE part=?1",
  [SYN_JW_UNHOLD] = "DELETE FROM hold WHERE part=?1 AND name=?2",
  [SYN_JW_USED] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
  [SYN_JW_FIRST_BATCH] = "SELECT time_us, source FROM record WHERE part=?1 AND kind=2 ORDER BY seq LIMIT 1",
  [SYN_JW_COUNT] = "SELECT id, part, source, n * (kind=2), length(bytes) FROM record WHERE id>?1 AND id<=?2 ORDER BY id",
  [SYN_JW_LAST_ID] = "SELECT coalesce(max(id), 0) FROM record",
  [SYN_JW_OLDEST] = "SELECT time_us FROM record ORDER BY id LIMIT 1",
};

gboolean
syn_journal_write_fail (SynSqliteJournalJob *job, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  return syn_sqlite_file_fail (job->self->writer, &job->job, what);
}

/* Runs what answers no row. */
gboolean
syn_journal_write_finish (SynSqliteJournalJob *job, sqlite3_stmt *statement, const char *what, guint partition)
{
  gboolean done = sqlite3_step (statement) == SQLITE_DONE || syn_journal_write_fail (job, "%s of partition %u", what, partition);

  syn_statement_put_back (statement);
  return done;
}

/* Two numbers of the first row; zeros when there is none. */
gboolean
syn_journal_write_look_up (SynSqliteJournalJob *job, SynJournalWriteStatement index, guint partition, gint64 *a, gint64 *b)
{
  sqlite3_stmt *statement = job->self->write[index];
  gboolean done;
  int result;

  sqlite3_bind_int64 (statement, 1, partition);
  result = sqlite3_step (statement);
  done = result == SQLITE_ROW || result == SQLITE_DONE || syn_journal_write_fail (job, "look up partition %u", partition);
  *a = result == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : 0;
  *b = result == SQLITE_ROW ? sqlite3_column_int64 (statement, 1) : 0;
  syn_statement_put_back (statement);
  return done;
}

gboolean
syn_journal_write_find_tail (SynSqliteJournalJob *job, guint partition, SynJournalTail *tail)
{
  return syn_journal_write_look_up (job, SYN_JW_TAIL, partition, (gint64 *) &tail->sequence, (gint64 *) &tail->epoch);
}

/* ---- claims and appends ---- */

/* The epoch of the newest whole record, and one for each damaged one after it, which may have been a claim. */
static gboolean
find_sound_epoch (SynSqliteJournalJob *job, guint64 *epoch, GString *note)
{
  sqlite3_stmt *statement = job->self->write[SYN_JW_BACKWARDS];
  guint n_damaged = 0;
  gboolean done;
  int result;

  *epoch = 0;
  sqlite3_bind_int64 (statement, 1, job->request->partition);
  while ((result = sqlite3_step (statement)) == SQLITE_ROW && n_damaged < MAX_LOOKED_BACK)
    {
      guint64 sequence;
      g_autofree char *fault = NULL;
      g_autoptr (SynJournalRecord) record = syn_journal_format_read_record (statement, NULL, &sequence, &fault);

      if (record != NULL)
        {
          *epoch = record->epoch;
          break;
        }
      g_string_append_printf (note, "%s: partition %u: record %" G_GUINT64_FORMAT " at the log's end is damaged: %s; ",
                              syn_sqlite_file_get_path (job->self->writer), job->request->partition, sequence, fault);
      n_damaged++;
    }
  done = result == SQLITE_ROW || result == SQLITE_DONE || syn_journal_write_fail (job, "read the end of partition %u", job->request->partition);
  syn_statement_put_back (statement);
  *epoch += n_damaged;
  return done;
}

static gboolean
insert (SynSqliteJournalJob *job, const SynJournalRecord *record, guint32 bytes_sum)
{
  sqlite3_stmt *statement = job->self->write[SYN_JW_INSERT];
  gboolean done;

  syn_journal_format_bind_record (statement, job->request->partition, record, bytes_sum);
  done = sqlite3_step (statement) == SQLITE_DONE
         || syn_journal_write_fail (job, "append record %" G_GUINT64_FORMAT " of partition %u", record->sequence, job->request->partition);
  job->is_inserted = done;
  syn_statement_put_back (statement);
  return done;
}

static gboolean
do_claim (SynSqliteJournalJob *job)
{
  SynJournalRequest *request = job->request;
  g_autoptr (GString) note = g_string_new (NULL);
  SynJournalRecord record = { .kind = SYN_RECORD_CLAIM, .source = (char *) "", .time_us = request->record.time_us };
  SynJournalTail tail;
  gint64 beyond, beyond_epoch;

  if (!syn_journal_write_find_tail (job, request->partition, &tail) || !find_sound_epoch (job, &record.epoch, note)
      || !syn_journal_write_look_up (job, SYN_JW_BEYOND, request->partition, &beyond, &beyond_epoch))
    return FALSE;
  if (beyond > (gint64) tail.sequence) /* the disk lost what it had said was there: those numbers are not given again */
    {
      g_string_append_printf (note,
                              "%s: partition %u: the log ends at record %" G_GUINT64_FORMAT ", and there is a checkpoint of record "
                              "%" G_GINT64_FORMAT ": the records between, and whatever came after, are lost; ",
                              syn_sqlite_file_get_path (job->self->writer), request->partition, tail.sequence, beyond);
      tail.sequence = (guint64) beyond;
    }
  record.epoch = MAX (record.epoch, (guint64) beyond_epoch) + 1;
  record.sequence = tail.sequence + 1;
  request->epoch = record.epoch;
  job->result = record.sequence;
  g_clear_pointer (&request->note, g_free);
  if (note->len > 0)
    request->note = g_strdup (note->str);
  return insert (job, &record, 0);
}

/* It may be a second time that the same is appended. */
static gboolean
compare (SynSqliteJournalJob *job, const SynJournalTail *tail)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->write[SYN_JW_AT];
  const char *path = syn_sqlite_file_get_path (job->self->writer);
  gboolean done, same = FALSE;
  int result;

  sqlite3_bind_int64 (statement, 1, request->partition);
  sqlite3_bind_int64 (statement, 2, (gint64) request->expected + 1);
  result = sqlite3_step (statement);
  done = result == SQLITE_ROW || result == SQLITE_DONE || syn_journal_write_fail (job, "look up a record of partition %u", request->partition);
  if (result == SQLITE_ROW)
    {
      g_autofree char *fault = NULL;
      g_autoptr (SynJournalRecord) have = syn_journal_format_read_record (statement, NULL, NULL, &fault);

      same = have != NULL && syn_journal_same_record (request, have, syn_journal_bytes_sum (have->bytes));
    }
  syn_statement_put_back (statement);
  if (done && !same)
    syn_journal_fence (request, tail, path);
  return done;
}

static gboolean
do_append (SynSqliteJournalJob *job)
{
  SynJournalRequest *request = job->request;
  SynJournalTail tail;

  job->result = request->expected + 1;
  if (!syn_journal_write_find_tail (job, request->partition, &tail))
    return FALSE;
  switch (syn_journal_judge (request, &tail, syn_sqlite_file_get_path (job->self->writer)))
    {
    case SYN_JOURNAL_TAKE:
      return insert (job, &request->record, request->bytes_sum);
    case SYN_JOURNAL_HAVE:
      return compare (job, &tail);
    case SYN_JOURNAL_REFUSED:
      break;
    }
  return TRUE;
}

/* ---- checkpoints ---- */

static gboolean
remove_checkpoint (SynSqliteJournalJob *job, gint64 id, guint partition)
{
  sqlite3_stmt *pieces = job->self->write[SYN_JW_REMOVE_PIECES], *head = job->self->write[SYN_JW_REMOVE_HEAD];

  sqlite3_bind_int64 (pieces, 1, id);
  sqlite3_bind_int64 (head, 1, id);
  return syn_journal_write_finish (job, pieces, "remove a checkpoint", partition)
         && syn_journal_write_finish (job, head, "remove a checkpoint", partition);
}

/* All but the newest @n_kept. */
static gboolean
remove_generations (SynSqliteJournalJob *job, guint n_kept)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->write[SYN_JW_GENERATIONS];
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  gboolean done;
  int result;

  sqlite3_bind_int64 (statement, 1, request->partition);
  sqlite3_bind_text (statement, 2, request->name, -1, SQLITE_STATIC);
  for (guint n = 0; (result = sqlite3_step (statement)) == SQLITE_ROW; n++)
    if (n >= n_kept)
      {
        gint64 id = sqlite3_column_int64 (statement, 0);

        g_array_append_val (ids, id);
      }
  done = result == SQLITE_DONE || syn_journal_write_fail (job, "look up the checkpoints of partition %u", request->partition);
  syn_statement_put_back (statement);
  for (guint i = 0; done && i < ids->len; i++)
    done = remove_checkpoint (job, g_array_index (ids, gint64, i), request->partition);
  return done;
}

static gboolean
put_head (SynSqliteJournalJob *job, guint n_pieces)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->write[SYN_JW_PUT_HEAD];
  const SynJournalCheckpoint head = { .id = job->checkpoint, .partition = request->partition, .name = request->name,
                                      .epoch = request->epoch, .sequence = request->sequence, .time_us = request->record.time_us,
                                      .n_pieces = n_pieces, .size_bytes = g_bytes_get_size (request->bytes) };

  syn_journal_format_bind_checkpoint (statement, &head);
  if (!syn_journal_write_finish (job, statement, "write a checkpoint", request->partition) || !remove_generations (job, 2))
    return FALSE;
  for (guint i = 0; i < job->self->torn->len; i++)
    if (!remove_checkpoint (job, g_array_index (job->self->torn, gint64, i), request->partition))
      return FALSE;
  return TRUE;
}

/* One piece; with the last one the head. */
static gboolean
do_put (SynSqliteJournalJob *job)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->write[SYN_JW_PUT_PIECE];
  gsize size, at = (gsize) job->piece * SYN_MAX_CHECKPOINT_PIECE_BYTES, n_bytes;
  const char *bytes = g_bytes_get_data (request->bytes, &size);
  guint n_pieces = MAX (1, (guint) ((size + SYN_MAX_CHECKPOINT_PIECE_BYTES - 1) / SYN_MAX_CHECKPOINT_PIECE_BYTES));
  SynJournalTail tail;

  job->more = FALSE;
  job->result = request->sequence;
  if (!syn_journal_write_find_tail (job, request->partition, &tail))
    return FALSE;
  if (!syn_journal_judge_checkpoint (request, &tail, syn_sqlite_file_get_path (job->self->writer)))
    return TRUE;
  if (job->checkpoint == 0)
    job->checkpoint = ++job->self->last_checkpoint;
  n_bytes = MIN (size - at, SYN_MAX_CHECKPOINT_PIECE_BYTES);
  sqlite3_bind_int64 (statement, 1, job->checkpoint);
  sqlite3_bind_int64 (statement, 2, job->piece);
  sqlite3_bind_int64 (statement, 3, syn_journal_format_piece_sum (job->checkpoint, job->piece, bytes + at, n_bytes));
  if (n_bytes > 0)
    sqlite3_bind_blob64 (statement, 4, bytes + at, n_bytes, SQLITE_STATIC);
  else
    sqlite3_bind_zeroblob (statement, 4, 0);
  job->more = job->piece + 1 < n_pieces;
  return syn_journal_write_finish (job, statement, "write a checkpoint", request->partition) && (job->more || put_head (job, n_pieces));
}

static gboolean
do_hold (SynSqliteJournalJob *job)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->write[SYN_JW_HOLD];
  guint64 sequence = MAX (job->below, 1);

  job->result = sequence;
  sqlite3_bind_int64 (statement, 1, request->partition);
  sqlite3_bind_text (statement, 2, request->name, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (statement, 3, (gint64) sequence);
  sqlite3_bind_int64 (statement, 4, syn_journal_format_hold_sum (request->partition, request->name, sequence));
  return syn_journal_write_finish (job, statement, "hold records", request->partition);
}

static gboolean
do_drop (SynSqliteJournalJob *job)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->write[SYN_JW_UNHOLD];

  sqlite3_bind_int64 (statement, 1, request->partition);
  sqlite3_bind_text (statement, 2, request->name, -1, SQLITE_STATIC);
  return syn_journal_write_finish (job, statement, "remove a hold", request->partition) && remove_generations (job, 0);
}

/* ---- jobs ---- */

gboolean
syn_sqlite_journal_run_write (SynSqliteFile *file, SynSqliteJob *base)
{
  SynSqliteJournalJob *job = (SynSqliteJournalJob *) base;

  job->is_inserted = FALSE;
  if (job->request == NULL)
    return job->is_count ? syn_journal_write_count (job) : syn_journal_write_sweep (job);
  g_clear_error (&job->request->error);
  switch (job->request->verb)
    {
    case SYN_JOURNAL_CLAIM:
      return do_claim (job);
    case SYN_JOURNAL_APPEND:
      return do_append (job);
    case SYN_JOURNAL_PUT_CHECKPOINT:
      return do_put (job);
    case SYN_JOURNAL_DROP_CHECKPOINT:
      return do_drop (job);
    case SYN_JOURNAL_HOLD:
      return do_hold (job);
    case SYN_JOURNAL_TRIM:
      return syn_journal_write_trim (job);
    case SYN_JOURNAL_READ:
    case SYN_JOURNAL_GET_CHECKPOINT:
    case SYN_JOURNAL_STATUS:
      break;
    }
  g_return_val_if_reached (TRUE);
}

static void
count (SynSqliteJournalJob *job)
{
  SynSqliteJournal *self = job->self;
  SynJournalRequest *request = job->request;
  gboolean appends = request != NULL && (request->verb == SYN_JOURNAL_APPEND || request->verb == SYN_JOURNAL_CLAIM);
  const GError *error = request != NULL && request->error != NULL ? request->error : job->job.error;
  gboolean failed = g_error_matches (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE) || g_error_matches (error, SYN_ERROR, SYN_ERROR_INTERNAL);

  if (appends && request->error == NULL)
    {
      self->newest_us = MAX (self->newest_us, request->record.time_us);
      self->n_unswept += request->record.bytes != NULL ? g_bytes_get_size (request->record.bytes) : 0;
    }
  g_mutex_lock (&self->lock);
  if (job->job.error == NULL && !failed)
    {
      self->counts.n_trimmed += job->n_removed;
      syn_journal_use_take_job (self, job);
    }
  self->counts.n_failures += failed;
  if (appends)
    {
      self->counts.n_appends++;
      g_clear_pointer (&self->counts.last_error, g_free);
      if (request->error != NULL)
        self->counts.last_error = g_strdup (request->error->message);
      else
        self->counts.n_events_appended += request->record.n_events;
    }
  g_mutex_unlock (&self->lock);
}

static void
job_free (SynSqliteJournalJob *job)
{
  g_clear_pointer (&job->weights, g_array_unref);
  g_free (job);
}

/* Submits the next step of what is done in steps. */
static gboolean
go_on (SynSqliteJournalJob *job)
{
  if (!job->more || job->job.error != NULL || (job->request != NULL && job->request->error != NULL))
    return FALSE;
  count (job);
  job->piece++;
  if (syn_sqlite_file_submit (job->self->writer, &job->job))
    return TRUE;
  job->n_removed = 0; /* counted */
  syn_journal_job_clear_weights (job);
  g_set_error (&job->job.error, SYN_ERROR, SYN_ERROR_OVERLOADED, "%s: too much waits to be written",
               syn_sqlite_file_get_path (job->self->writer));
  return FALSE;
}

void
syn_sqlite_journal_write_done (SynSqliteJob *base)
{
  SynSqliteJournalJob *job = (SynSqliteJournalJob *) base;
  SynSqliteJournal *self = job->self;
  SynJournalRequest *request = job->request;

  if (go_on (job))
    return;
  if (request == NULL)
    {
      count (job);
      if (job->is_count)
        syn_journal_use_end_count (self, job->job.error);
      else
        self->sweeping = FALSE;
      if (!job->is_count && job->job.error != NULL)
        g_warning ("retention: %s", job->job.error->message);
      g_clear_error (&job->job.error);
      job_free (job);
      return;
    }
  if (job->job.error != NULL)
    {
      g_clear_error (&request->error);
      request->error = g_steal_pointer (&job->job.error);
    }
  count (job);
  if (request->error == NULL)
    request->sequence = job->result;
  if (request->note != NULL)
    g_warning ("%s", request->note);
  if (job->checkpoint != 0 && request->error != NULL)
    g_array_append_val (self->torn, job->checkpoint);
  else if (job->checkpoint != 0)
    g_array_set_size (self->torn, 0);
  if (request->verb == SYN_JOURNAL_PUT_CHECKPOINT)
    g_clear_pointer (&request->bytes, g_bytes_unref);
  job_free (job);
  syn_journal_answer (request);
}

gboolean
syn_sqlite_journal_sweep_pieces (SynSqliteJournal *self, GError **error)
{
  sqlite3_stmt *statement = syn_sqlite_file_prepare (
    self->writer, "SELECT max((SELECT coalesce(max(id), 0) FROM checkpoint), (SELECT coalesce(max(checkpoint), 0) FROM piece))", error);
  gboolean done;

  if (statement == NULL)
    return FALSE;
  done = sqlite3_step (statement) == SQLITE_ROW;
  if (done)
    self->last_checkpoint = sqlite3_column_int64 (statement, 0);
  else
    syn_sqlite_file_set_error (self->writer, error, "read its checkpoints");
  sqlite3_finalize (statement);
  if (done
      && sqlite3_exec (syn_sqlite_file_get_db (self->writer), "DELETE FROM piece WHERE checkpoint NOT IN (SELECT id FROM checkpoint)", NULL,
                       NULL, NULL)
           != SQLITE_OK)
    {
      g_autoptr (GError) local = NULL;

      syn_sqlite_file_set_error (self->writer, &local, "remove what is left of a checkpoint"); /* no loss, and the disk may be full */
      g_warning ("%s", local->message);
    }
  return done;
}
