/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is read of the embedded journal, on a connection and a thread of its own: a long replay holds up no append, and no append a replay.
 * Each request sees the file as of when it runs, for as long as it runs. */
#define G_LOG_DOMAIN "syn-journal"

#include <string.h>

#include "syn-disk-text.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-sqlite-journal-private.h"

const char *const syn_journal_read_sql[SYN_JR_N_STATEMENTS] = {
  [SYN_JR_RANGE] = "SELECT " SYN_JOURNAL_RECORD_COLUMNS " FROM record WHERE part=?1 AND seq>=?2 AND seq<=?3 ORDER BY seq",
  [SYN_JR_FIRST] = "SELECT seq, time_us FROM record WHERE part=?1 ORDER BY seq LIMIT 1",
  [SYN_JR_LAST] = "SELECT seq, time_us FROM record WHERE part=?1 ORDER BY seq DESC LIMIT 1",
  [SYN_JR_CHECKPOINTS] = "SELECT " SYN_JOURNAL_CHECKPOINT_COLUMNS " FROM checkpoint WHERE part=?1 AND name=?2 ORDER BY id DESC",
  [SYN_JR_PIECES] = "SELECT idx, sum, bytes FROM piece WHERE checkpoint=?1 ORDER BY idx",
  [SYN_JR_USED] = "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
  [SYN_JR_OF_SOURCE] = "SELECT first, time_us FROM record WHERE part=?1 AND source=?2 AND kind=2 ORDER BY seq LIMIT 1",
  [SYN_JR_HOLDS] = "SELECT part, name, seq FROM hold ORDER BY name, part",
  [SYN_JR_OLDER] = "SELECT seq FROM checkpoint WHERE part=?1 AND name=?2 ORDER BY id DESC LIMIT 1 OFFSET 1",
  [SYN_JR_TIME] = "SELECT time_us FROM record WHERE part=?1 AND seq=?2",
};

static gboolean fail (SynSqliteJournalJob *job, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (SynSqliteJournalJob *job, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  return syn_sqlite_file_fail (job->self->reader, &job->job, what);
}

/* The sequence and the time of the row; zeros when there is none. */
static gboolean
look_up (SynSqliteJournalJob *job, SynJournalReadStatement index, guint partition, guint64 *sequence, gint64 *time_us)
{
  sqlite3_stmt *statement = job->self->read[index];
  gboolean done;
  int result;

  sqlite3_bind_int64 (statement, 1, partition);
  result = sqlite3_step (statement);
  done = result == SQLITE_ROW || result == SQLITE_DONE || fail (job, "look up partition %u", partition);
  *sequence = result == SQLITE_ROW ? (guint64) sqlite3_column_int64 (statement, 0) : 0;
  *time_us = result == SQLITE_ROW ? sqlite3_column_int64 (statement, 1) : 0;
  syn_statement_put_back (statement);
  return done;
}

/* ---- records ---- */

/* The row is the record request->next, or there is something wrong: the request's error. FALSE: reading ends here. */
static gboolean
take_row (SynSqliteJournalJob *job, sqlite3_stmt *statement, gsize *n_bytes)
{
  SynJournalRequest *request = job->request;
  const char *path = syn_sqlite_file_get_path (job->self->reader), *source;
  guint64 sequence = (guint64) sqlite3_column_int64 (statement, 1);
  g_autofree char *fault = NULL;
  SynJournalRecord *record;
  gsize size;

  if (sequence != request->next)
    {
      syn_journal_fail (request, SYN_ERROR_INTERNAL,
                        "%s: partition %u: records %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are missing", path, request->partition,
                        request->next, sequence - 1);
      return FALSE;
    }
  source = (const char *) sqlite3_column_text (statement, 4);
  if (request->name != NULL && source != NULL && strcmp (source, request->name) != 0)
    {
      request->next++;
      return TRUE;
    }
  record = syn_journal_format_read_record (statement, NULL, NULL, &fault);
  if (record == NULL)
    {
      syn_journal_fail (request, SYN_ERROR_INTERNAL, "%s: partition %u: record %" G_GUINT64_FORMAT " is damaged: %s", path,
                        request->partition, sequence, fault);
      return FALSE;
    }
  size = record->bytes != NULL ? g_bytes_get_size (record->bytes) : 0;
  if (request->records->len > 0 && *n_bytes + size > request->max_bytes)
    {
      syn_journal_record_free (record);
      return FALSE;
    }
  *n_bytes += size;
  g_ptr_array_add (request->records, record);
  request->next++;
  return TRUE;
}

static gboolean
do_read (SynSqliteJournalJob *job)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->read[SYN_JR_RANGE];
  guint64 first, last, upto;
  gint64 time_us;
  gsize n_bytes = 0;
  gboolean done;
  int result;

  g_clear_pointer (&request->records, g_ptr_array_unref);
  request->records = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_journal_record_free);
  request->next = request->sequence;
  if (!look_up (job, SYN_JR_FIRST, request->partition, &first, &time_us)
      || !look_up (job, SYN_JR_LAST, request->partition, &last, &time_us))
    return FALSE;
  if (request->sequence < first)
    {
      syn_journal_fail (request, SYN_ERROR_NOT_FOUND,
                        "%s: partition %u: record %" G_GUINT64_FORMAT " was trimmed; the first is %" G_GUINT64_FORMAT,
                        syn_sqlite_file_get_path (job->self->reader), request->partition, request->sequence, first);
      return TRUE;
    }
  upto = request->upto == 0 || request->upto > last ? last : request->upto;
  sqlite3_bind_int64 (statement, 1, request->partition);
  sqlite3_bind_int64 (statement, 2, (gint64) request->sequence);
  sqlite3_bind_int64 (statement, 3, (gint64) upto);
  while ((result = sqlite3_step (statement)) == SQLITE_ROW && take_row (job, statement, &n_bytes))
    ;
  done = result == SQLITE_ROW || result == SQLITE_DONE
         || fail (job, "read record %" G_GUINT64_FORMAT " of partition %u", request->next, request->partition);
  syn_statement_put_back (statement);
  if (result == SQLITE_DONE && request->next <= upto)
    syn_journal_fail (request, SYN_ERROR_INTERNAL, "%s: partition %u: records %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are missing",
                      syn_sqlite_file_get_path (job->self->reader), request->partition, request->next, upto);
  return done;
}

/* ---- checkpoints ---- */

/* *@unread: the disk could not be read, which is no damage. */
static GBytes *
read_generation (SynSqliteJournalJob *job, const SynJournalCheckpoint *head, char **fault, gboolean *unread)
{
  sqlite3_stmt *statement = job->self->read[SYN_JR_PIECES];
  GBytes *bytes;

  sqlite3_bind_int64 (statement, 1, head->id);
  bytes = syn_journal_format_read_pieces (statement, head, fault);
  *unread = *unread || (bytes == NULL && syn_sqlite_file_is_read_error (job->self->reader));
  syn_statement_put_back (statement);
  return bytes;
}

static void
pass_over (SynSqliteJournalJob *job, GString *note, sqlite3_stmt *statement, const char *fault)
{
  g_string_append_printf (note, "%s%s: partition %u: checkpoint \"%s\" of record %" G_GINT64_FORMAT " is damaged: %s",
                          note->len > 0 ? "; " : "", syn_sqlite_file_get_path (job->self->reader), job->request->partition,
                          job->request->name, (gint64) sqlite3_column_int64 (statement, 4), fault);
}

/* The newest that is whole; an older one also when the disk does not give the newer one out. */
static gboolean
do_get (SynSqliteJournalJob *job)
{
  SynJournalRequest *request = job->request;
  sqlite3_stmt *statement = job->self->read[SYN_JR_CHECKPOINTS];
  g_autoptr (GString) note = g_string_new (NULL);
  guint n_damaged = 0;
  gboolean done, unread = FALSE;
  int result;

  request->epoch = request->sequence = 0;
  g_clear_pointer (&request->bytes, g_bytes_unref);
  g_clear_pointer (&request->note, g_free);
  sqlite3_bind_int64 (statement, 1, request->partition);
  sqlite3_bind_text (statement, 2, request->name, -1, SQLITE_STATIC);
  while ((result = sqlite3_step (statement)) == SQLITE_ROW && request->bytes == NULL)
    {
      g_autofree char *fault = NULL;
      g_autoptr (SynJournalCheckpoint) head = syn_journal_format_read_checkpoint (statement, &fault);

      if (head != NULL)
        request->bytes = read_generation (job, head, &fault, &unread);
      if (request->bytes == NULL)
        {
          n_damaged++;
          pass_over (job, note, statement, fault);
          continue;
        }
      request->epoch = head->epoch;
      request->sequence = head->sequence;
    }
  done = result == SQLITE_ROW || result == SQLITE_DONE
         || fail (job, "read checkpoint \"%s\" of partition %u", request->name, request->partition);
  syn_statement_put_back (statement);
  if (note->len > 0)
    request->note = g_strdup (note->str);
  if (done && request->bytes == NULL && unread)
    syn_journal_fail (request, SYN_ERROR_UNAVAILABLE, "%s", note->str); /* ask again: nobody is to begin anew because of it */
  else if (done && request->bytes == NULL && n_damaged > 1) /* after a single one, all records are still there */
    syn_journal_fail (request, SYN_ERROR_INTERNAL, "%s", note->str);
  return done;
}

/* ---- status ---- */

/* When the record was written; 0: it is not there. */
static gboolean
find_time (SynSqliteJournalJob *job, guint partition, guint64 sequence, gint64 *time_us)
{
  sqlite3_stmt *statement = job->self->read[SYN_JR_TIME];
  gboolean done;
  int result;

  sqlite3_bind_int64 (statement, 1, partition);
  sqlite3_bind_int64 (statement, 2, (gint64) sequence);
  result = sqlite3_step (statement);
  done = result == SQLITE_ROW || result == SQLITE_DONE || fail (job, "look up partition %u", partition);
  *time_us = result == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : 0;
  syn_statement_put_back (statement);
  return done;
}

static gboolean
look_up_source (SynSqliteJournalJob *job, SynJournalSourceStatus *source)
{
  sqlite3_stmt *statement = job->self->read[SYN_JR_OF_SOURCE];
  gboolean done;
  int result;

  if (source->n_records == 0)
    return TRUE;
  sqlite3_bind_int64 (statement, 1, source->partition);
  sqlite3_bind_text (statement, 2, source->source, -1, SQLITE_STATIC);
  result = sqlite3_step (statement);
  done = result == SQLITE_ROW || result == SQLITE_DONE || fail (job, "look up source \"%s\"", source->source);
  if (result == SQLITE_ROW)
    {
      source->first_sequence = (guint64) sqlite3_column_int64 (statement, 0);
      source->oldest_us = sqlite3_column_int64 (statement, 1);
    }
  syn_statement_put_back (statement);
  return done;
}

/* A reader that has two checkpoints needs what follows the older one. */
static gboolean
find_needed (SynSqliteJournalJob *job, SynJournalReaderStatus *reader)
{
  sqlite3_stmt *statement = job->self->read[SYN_JR_OLDER];
  gboolean done;
  int result;

  sqlite3_bind_int64 (statement, 1, reader->partition);
  sqlite3_bind_text (statement, 2, reader->name, -1, SQLITE_STATIC);
  result = sqlite3_step (statement);
  done = result == SQLITE_ROW || result == SQLITE_DONE || fail (job, "look up the checkpoints of partition %u", reader->partition);
  if (result == SQLITE_ROW)
    reader->sequence = MAX (reader->sequence, (guint64) sqlite3_column_int64 (statement, 0) + 1);
  syn_statement_put_back (statement);
  return done && find_time (job, reader->partition, reader->sequence, &reader->time_us);
}

static gboolean
list_readers (SynSqliteJournalJob *job, GPtrArray *readers)
{
  sqlite3_stmt *statement = job->self->read[SYN_JR_HOLDS];
  gboolean done;
  int result;

  while ((result = sqlite3_step (statement)) == SQLITE_ROW)
    {
      SynJournalReaderStatus *reader = g_new0 (SynJournalReaderStatus, 1);

      *reader = (SynJournalReaderStatus){ .partition = (guint) sqlite3_column_int64 (statement, 0),
                                          .name = syn_disk_text ((const char *) sqlite3_column_text (statement, 1)),
                                          .sequence = (guint64) sqlite3_column_int64 (statement, 2) };
      g_ptr_array_add (readers, reader);
    }
  done = result == SQLITE_DONE || fail (job, "look up the holds");
  syn_statement_put_back (statement);
  for (guint i = 0; done && i < readers->len; i++)
    done = find_needed (job, readers->pdata[i]);
  return done;
}

static gboolean
do_status (SynSqliteJournalJob *job)
{
  SynSqliteJournal *self = job->self;
  SynJournalStatus *status = syn_sqlite_journal_peek (&self->journal);
  sqlite3_stmt *statement = self->read[SYN_JR_USED];
  gboolean done;

  g_clear_pointer (&job->request->status, syn_journal_status_free);
  job->request->status = status;
  done = sqlite3_step (statement) == SQLITE_ROW || fail (job, "measure it");
  status->n_bytes = done ? (guint64) sqlite3_column_int64 (statement, 0) : 0;
  syn_statement_put_back (statement);
  status->n_records = 0;
  status->oldest_us = status->newest_us = 0;
  for (guint p = 0; done && p < SYN_N_PARTITIONS; p++)
    {
      guint64 first, last;
      gint64 oldest_us, newest_us;

      done = look_up (job, SYN_JR_FIRST, p, &first, &oldest_us) && look_up (job, SYN_JR_LAST, p, &last, &newest_us);
      if (!done || first == 0)
        continue;
      status->n_records += last - first + 1;
      if (status->oldest_us == 0 || oldest_us < status->oldest_us)
        status->oldest_us = oldest_us;
      status->newest_us = MAX (status->newest_us, newest_us);
    }
  for (guint i = 0; done && status->sources != NULL && i < status->sources->len; i++)
    done = look_up_source (job, status->sources->pdata[i]);
  status->readers = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_journal_reader_status_free);
  return done && list_readers (job, status->readers);
}

/* ---- jobs ---- */

gboolean
syn_sqlite_journal_run_read (SynSqliteFile *file, SynSqliteJob *base)
{
  SynSqliteJournalJob *job = (SynSqliteJournalJob *) base;

  g_clear_error (&job->request->error);
  switch (job->request->verb)
    {
    case SYN_JOURNAL_READ:
      return do_read (job);
    case SYN_JOURNAL_GET_CHECKPOINT:
      return do_get (job);
    case SYN_JOURNAL_STATUS:
      return do_status (job);
    default:
      g_return_val_if_reached (TRUE);
    }
}

void
syn_sqlite_journal_read_done (SynSqliteJob *base)
{
  SynSqliteJournalJob *job = (SynSqliteJournalJob *) base;
  SynJournalRequest *request = job->request;

  if (job->job.error != NULL)
    {
      g_clear_error (&request->error);
      request->error = g_steal_pointer (&job->job.error);
    }
  if (request->note != NULL)
    g_warning ("%s", request->note);
  g_free (job);
  syn_journal_answer (request);
}
