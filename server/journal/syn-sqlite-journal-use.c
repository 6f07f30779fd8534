/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each source has in the embedded journal: how much retention may leave of it, and what an operator is told. The writing file's thread, but for
 * peeking.
 *
 * Counted once, at the opening, beside whatever is written meanwhile: some records a job, in the order of their row numbers, which is that
 * in which they came. Whatever is appended later is added, and what is removed subtracted when it had been counted.
 *
 * Rejected: numbers kept in the file (one more page in each commit, and one more thing that can be wrong), counting when somebody asks (a
 * large journal would be read each time). */
#define G_LOG_DOMAIN "syn-journal"

#include <string.h>

#include "syn-sqlite-journal-private.h"

#define COUNT_RECORDS 256 /* of one job */
#define COUNT_US 5000     /* likewise: appends wait for no longer */
#define MEASURE_US G_USEC_PER_SEC

typedef struct {
  guint partition;
  guint64 n_records, n_events, n_bytes;
} Use;

void
syn_journal_weight_clear (gpointer data)
{
  g_free (((SynJournalWeight *) data)->source);
}

void
syn_journal_job_add_weight (SynSqliteJournalJob *job, const SynJournalWeight *weight)
{
  if (job->weights == NULL)
    {
      job->weights = g_array_new (FALSE, FALSE, sizeof (SynJournalWeight));
      g_array_set_clear_func (job->weights, syn_journal_weight_clear);
    }
  g_array_append_vals (job->weights, weight, 1);
}

void
syn_journal_job_clear_weights (SynSqliteJournalJob *job)
{
  if (job->weights != NULL)
    g_array_set_size (job->weights, 0);
}

/* ---- what is known ---- */

static Use *
get_use (SynSqliteJournal *self, const char *source, guint partition)
{
  Use *use = g_hash_table_lookup (self->uses, source);

  if (use == NULL)
    {
      use = g_new0 (Use, 1);
      use->partition = partition;
      g_hash_table_insert (self->uses, g_strdup (source), use);
    }
  return use;
}

static void
add (SynSqliteJournal *self, const SynJournalWeight *weight, int sign)
{
  Use *use = get_use (self, weight->source, weight->partition);

  use->n_records += (guint64) (gint64) sign;
  use->n_events += (guint64) (sign * (gint64) weight->n_events);
  use->n_bytes += (guint64) (sign * (gint64) weight->n_bytes);
  self->counts.n_records += (guint64) (gint64) sign;
}

/* A job is done, and was committed. self->lock is held. */
void
syn_journal_use_take_job (SynSqliteJournal *self, SynSqliteJournalJob *job)
{
  const SynJournalRequest *request = job->request;

  for (guint i = 0; job->weights != NULL && i < job->weights->len; i++)
    {
      const SynJournalWeight *weight = &g_array_index (job->weights, SynJournalWeight, i);

      if (job->is_count)
        add (self, weight, 1);
      else if (weight->id <= self->counted || weight->id > self->count_end)
        add (self, weight, -1);
    }
  if (job->is_count)
    {
      self->counted = job->cursor;
      self->is_counted = !job->more;
    }
  else if (request != NULL && (request->verb == SYN_JOURNAL_APPEND || request->verb == SYN_JOURNAL_CLAIM) && job->is_inserted)
    {
      const SynJournalRecord *record = &request->record;

      add (self,
           &(SynJournalWeight){ .source = record->source != NULL && request->verb == SYN_JOURNAL_APPEND ? record->source : (char *) "",
                                .partition = request->partition, .n_events = record->n_events,
                                .n_bytes = record->bytes != NULL ? g_bytes_get_size (record->bytes) : 0 },
           1);
    }
}

const SynJournalRetention *
syn_journal_use_get_retention (SynSqliteJournal *self, const char *source)
{
  const SynJournalRetention *retention = g_hash_table_lookup (self->rules, source);

  return retention != NULL ? retention : &self->retention;
}

guint64
syn_journal_use_get_bytes (SynSqliteJournal *self, const char *source)
{
  const Use *use = self->is_counted ? g_hash_table_lookup (self->uses, source) : NULL;

  return use != NULL ? use->n_bytes : 0;
}

/* ---- counting ---- */

static void
begin_count (SynSqliteJournal *self)
{
  SynSqliteJournalJob *job = g_new0 (SynSqliteJournalJob, 1);

  job->job.run = syn_sqlite_journal_run_write;
  job->job.done = syn_sqlite_journal_write_done;
  job->self = self;
  job->is_count = TRUE;
  self->counting = syn_sqlite_file_submit (self->writer, &job->job);
  if (!self->counting)
    g_free (job);
}

gboolean
syn_journal_write_count (SynSqliteJournalJob *job)
{
  SynSqliteJournal *self = job->self;
  sqlite3_stmt *statement = self->write[SYN_JW_COUNT];
  gint64 until_us = g_get_monotonic_time () + COUNT_US;
  gboolean done;
  int result;

  syn_journal_job_clear_weights (job);
  job->cursor = self->counted;
  job->more = FALSE;
  sqlite3_bind_int64 (statement, 1, self->counted);
  sqlite3_bind_int64 (statement, 2, self->count_end);
  for (guint n = 0; (result = sqlite3_step (statement)) == SQLITE_ROW; n++)
    {
      const char *source = (const char *) sqlite3_column_text (statement, 2);

      if (n == COUNT_RECORDS || (n > 0 && g_get_monotonic_time () > until_us))
        {
          job->more = TRUE;
          break;
        }
      job->cursor = sqlite3_column_int64 (statement, 0);
      syn_journal_job_add_weight (job, &(SynJournalWeight){ .id = job->cursor, .partition = (guint) sqlite3_column_int64 (statement, 1),
                                                            .source = g_strdup (source != NULL ? source : ""),
                                                            .n_events = (guint) sqlite3_column_int64 (statement, 3),
                                                            .n_bytes = (guint64) sqlite3_column_int64 (statement, 4) });
    }
  done = result == SQLITE_ROW || result == SQLITE_DONE || syn_journal_write_fail (job, "count its records");
  syn_statement_put_back (statement);
  return done;
}

/* A count that found no room among what waits goes on later; one that could not read is given up. */
void
syn_journal_use_end_count (SynSqliteJournal *self, const GError *error)
{
  self->counting = FALSE;
  if (error == NULL || g_error_matches (error, SYN_ERROR, SYN_ERROR_OVERLOADED))
    return;
  self->count_end = -1;
  g_warning ("%s: limits of size of single sources are not kept", error->message);
}

/* ---- sizes and times ---- */

static gint64
read_number (sqlite3_stmt *statement)
{
  gint64 number = sqlite3_step (statement) == SQLITE_ROW ? sqlite3_column_int64 (statement, 0) : 0;

  syn_statement_put_back (statement);
  return number;
}

static void
measure (SynSqliteJournal *self)
{
  gint64 used = read_number (self->write[SYN_JW_USED]), oldest_us = read_number (self->write[SYN_JW_OLDEST]);

  self->measured_us = g_get_monotonic_time ();
  g_mutex_lock (&self->lock);
  self->counts.n_bytes = (guint64) used;
  self->counts.oldest_us = oldest_us;
  self->counts.newest_us = self->newest_us;
  g_mutex_unlock (&self->lock);
}

/* Before the thread begins. */
void
syn_journal_use_open (SynSqliteJournal *self)
{
  self->count_end = read_number (self->write[SYN_JW_LAST_ID]);
  measure (self);
  begin_count (self);
}

void
syn_journal_use_after_commit (SynSqliteJournal *self)
{
  if (g_get_monotonic_time () - self->measured_us >= MEASURE_US)
    measure (self);
  if (!self->is_counted && !self->counting && self->count_end >= 0)
    begin_count (self);
}

/* ---- peeking: any thread ---- */

static int
compare_sources (gconstpointer a, gconstpointer b)
{
  const SynJournalSourceStatus *const *left = a, *const *right = b;

  return strcmp ((*left)->source, (*right)->source);
}

/* Also those that have nothing there. */
static GPtrArray *
list_sources (SynSqliteJournal *self)
{
  GPtrArray *list = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_journal_source_status_free);
  GHashTableIter iter;
  gpointer key, value;

  g_hash_table_iter_init (&iter, self->uses);
  while (g_hash_table_iter_next (&iter, &key, &value))
    {
      const Use *use = value;
      SynJournalSourceStatus *status;

      if (*(const char *) key == '\0' || (use->n_records == 0 && !g_hash_table_contains (self->rules, key)))
        continue;
      status = g_new0 (SynJournalSourceStatus, 1);
      *status = (SynJournalSourceStatus){ .source = g_strdup (key), .partition = use->partition, .n_records = use->n_records,
                                          .n_events = use->n_events, .n_bytes = use->n_bytes,
                                          .retention = *syn_journal_use_get_retention (self, key) };
      g_ptr_array_add (list, status);
    }
  g_hash_table_iter_init (&iter, self->rules);
  while (g_hash_table_iter_next (&iter, &key, &value))
    if (!g_hash_table_contains (self->uses, key))
      {
        SynJournalSourceStatus *status = g_new0 (SynJournalSourceStatus, 1);

        status->source = g_strdup (key);
        status->retention = *(const SynJournalRetention *) value;
        g_ptr_array_add (list, status);
      }
  g_ptr_array_sort (list, compare_sources);
  return list;
}

SynJournalStatus *
syn_sqlite_journal_peek (SynJournal *journal)
{
  SynSqliteJournal *self = (SynSqliteJournal *) journal;
  SynJournalStatus *status = g_new0 (SynJournalStatus, 1);
  SynSqliteFlushes flushes;

  g_mutex_lock (&self->lock);
  *status = self->counts;
  status->last_error = g_strdup (self->counts.last_error);
  if (self->is_counted)
    status->sources = list_sources (self);
  g_mutex_unlock (&self->lock);
  syn_sqlite_file_get_flushes (self->writer, &flushes);
  status->n_commits = flushes.n_commits;
  status->flush_us = flushes.flush_us;
  status->longest_flush_us = flushes.longest_flush_us;
  status->last_commit_us = flushes.last_commit_us;
  syn_sqlite_file_get_waiting (self->writer, &status->n_queued, &status->n_queued_bytes);
  return status;
}
