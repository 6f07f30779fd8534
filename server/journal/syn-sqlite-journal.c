/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The embedded journal: opening, closing, and requests to the one thread or the other. Requests arrive on lanes' threads.
 *
 * Two connections to one file in WAL mode: the writer's commits are seen by each read that begins after them. The log is moved into the
 * file every 16 MiB: less often means fewer flushes of the file, more means a longer look at the log after a crash.
 *
 * Rejected: a file per partition (64 flushes where one will do), files of our own appended to (bench/journal has what that would save: the
 * format, its recovery, trimming and back-up would be ours to get right), batches by partition in one table (see syn-journal-format.c). */
#define G_LOG_DOMAIN "syn-journal"

#include "syn-error.h"
#include "syn-limits.h"
#include "syn-sqlite-journal-private.h"
#include "syn-wal-check.h"

#define PAGE_BYTES 16384 /* of 4096 to 65536 the one at which batches cost least that a small append does not pay for */
#define MAX_WAL_BYTES (16u << 20)

static gboolean
is_read (SynJournalVerb verb)
{
  return verb == SYN_JOURNAL_READ || verb == SYN_JOURNAL_GET_CHECKPOINT || verb == SYN_JOURNAL_STATUS;
}

static void
sqlite_submit (SynJournal *journal, SynJournalRequest *request)
{
  SynSqliteJournal *self = (SynSqliteJournal *) journal;
  SynSqliteJournalJob *job = g_new0 (SynSqliteJournalJob, 1);
  gboolean reads = is_read (request->verb);

  job->self = self;
  job->request = request;
  job->below = request->sequence;
  job->job.run = reads ? syn_sqlite_journal_run_read : syn_sqlite_journal_run_write;
  job->job.done = reads ? syn_sqlite_journal_read_done : syn_sqlite_journal_write_done;
  job->job.writes = !reads;
  job->job.size_bytes = sizeof *job + syn_journal_request_size_bytes (request);
  if (syn_sqlite_file_submit (reads ? self->reader : self->writer, &job->job))
    return;
  g_free (job);
  syn_journal_fail (request, SYN_ERROR_OVERLOADED, "%s: too much waits to be %s", syn_sqlite_file_get_path (self->writer),
                    reads ? "read" : "written");
  syn_journal_answer (request);
}

static gboolean
sqlite_step (SynJournal *journal)
{
  SynSqliteJournal *self = (SynSqliteJournal *) journal;
  gboolean wrote;

  if (!self->stepped)
    return FALSE;
  wrote = syn_sqlite_file_step (self->writer);
  return syn_sqlite_file_step (self->reader) || wrote;
}

static void
sqlite_close (SynJournal *journal)
{
  SynSqliteJournal *self = (SynSqliteJournal *) journal;

  if (self->reader != NULL)
    syn_sqlite_file_stop (self->reader);
  if (self->writer != NULL)
    syn_sqlite_file_stop (self->writer);
}

/* The writer last: it moves the log into the file. */
static void
sqlite_free (SynJournal *journal)
{
  SynSqliteJournal *self = (SynSqliteJournal *) journal;

  for (guint i = 0; i < SYN_JR_N_STATEMENTS; i++)
    sqlite3_finalize (self->read[i]);
  for (guint i = 0; i < SYN_JW_N_STATEMENTS; i++)
    sqlite3_finalize (self->write[i]);
  syn_sqlite_file_close (self->reader);
  syn_sqlite_file_close (self->writer);
  g_array_unref (self->torn);
  g_hash_table_unref (self->rules);
  g_hash_table_unref (self->uses);
  g_free (self->counts.last_error);
  g_mutex_clear (&self->lock);
  g_free (self);
}

static gboolean
prepare (SynSqliteFile *file, const char *const *sql, sqlite3_stmt **statements, guint n, GError **error)
{
  for (guint i = 0; i < n; i++)
    if ((statements[i] = syn_sqlite_file_prepare (file, sql[i], error)) == NULL)
      return FALSE;
  return TRUE;
}

static gboolean
open_files (SynSqliteJournal *self, const SynSqliteJournalOptions *options, GError **error)
{
  g_autofree char *path = g_build_filename (options->folder, SYN_JOURNAL_FILE, NULL), *fault = NULL;
  SynSqliteOptions file_options = {
    .path = path,
    .vfs = options->vfs,
    .schema = syn_journal_schema,
    .schema_version = SYN_JOURNAL_SCHEMA,
    .application_id = SYN_JOURNAL_APPLICATION_ID,
    .thread_name = "journal",
    .page_bytes = PAGE_BYTES,
    .max_wal_pages = MAX_WAL_BYTES / PAGE_BYTES,
    .max_jobs = options->max_requests != 0 ? options->max_requests : SYN_MAX_JOURNAL_REQUESTS,
    .max_bytes = options->max_bytes != 0 ? options->max_bytes : SYN_MAX_JOURNAL_QUEUE_BYTES,
    .after_commit = syn_sqlite_journal_after_commit,
    .user_data = self,
  };

  /* What SQLite passes over in silence, before it does. */
  if (!syn_wal_check (path, &fault))
    g_warning ("%s", fault);
  self->writer = syn_sqlite_file_open (&file_options, error);
  if (self->writer == NULL || !syn_sqlite_journal_sweep_pieces (self, error)
      || !prepare (self->writer, syn_journal_write_sql, self->write, SYN_JW_N_STATEMENTS, error))
    return FALSE;
  file_options.thread_name = "journal-reader";
  file_options.reads_only = TRUE;
  file_options.after_commit = NULL;
  self->reader = syn_sqlite_file_open (&file_options, error);
  if (self->reader == NULL || !prepare (self->reader, syn_journal_read_sql, self->read, SYN_JR_N_STATEMENTS, error))
    return FALSE;
  syn_journal_use_open (self);
  return self->stepped || (syn_sqlite_file_start (self->writer, error) && syn_sqlite_file_start (self->reader, error));
}

static const SynJournalClass sqlite_class = {
  .submit = sqlite_submit, .step = sqlite_step, .peek = syn_sqlite_journal_peek, .close = sqlite_close, .free = sqlite_free,
};

static gboolean
removes_any (const SynJournalRetention *retention)
{
  return retention->max_age_ms != 0 || retention->max_bytes != 0 || retention->by_checkpoint;
}

static void
take_retention (SynSqliteJournal *self, const SynSqliteJournalOptions *options)
{
  self->retention = options->retention;
  self->max_file_bytes = options->max_file_bytes;
  self->has_retention = self->max_file_bytes != 0 || removes_any (&self->retention);
  for (guint i = 0; i < options->n_sources; i++)
    {
      const SynJournalSourceRetention *source = &options->sources[i];

      g_hash_table_insert (self->rules, g_strdup (source->source), g_memdup2 (&source->retention, sizeof source->retention));
      self->has_retention = self->has_retention || removes_any (&source->retention);
    }
}

SynJournal *
syn_sqlite_journal_new (const SynSqliteJournalOptions *options, GError **error)
{
  SynSqliteJournal *self = g_new0 (SynSqliteJournal, 1);
  g_autoptr (SynJournal) journal = &self->journal;

  self->journal.klass = &sqlite_class;
  self->stepped = options->stepped;
  self->rules = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  self->uses = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  take_retention (self, options);
  self->torn = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_mutex_init (&self->lock);
  return open_files (self, options, error) ? g_steal_pointer (&journal) : NULL;
}
