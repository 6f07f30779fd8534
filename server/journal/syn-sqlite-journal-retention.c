/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the embedded journal removes of its records: when asked to (trim), and by itself (retention). The writing file's thread; some records a
 * job, so that appends come between. A log is cut at its beginning only: what a reader finds is whole. */
#define G_LOG_DOMAIN "syn-journal"

#include <string.h>

#include "syn-sqlite-journal-private.h"

#define MAX_REMOVED 256              /* records of one job */
#define SWEEP_BYTES (4u << 20)       /* appended before retention looks again */
#define SWEEP_US (60 * G_USEC_PER_SEC)

/* ---- what goes ---- */

/* The sequence of the generation before the newest; 0: there are not two. */
static gboolean
find_older (SynSqliteJournalJob *job, guint partition, const char *name, guint64 *sequence)
{
  sqlite3_stmt *statement = job->self->write[SYN_JW_GENERATIONS];
  gboolean done;
  int result;

  *sequence = 0;
  sqlite3_bind_int64 (statement, 1, partition);
  sqlite3_bind_text (statement, 2, name, -1, SQLITE_STATIC);
  result = sqlite3_step (statement);
  if (result == SQLITE_ROW)
    result = sqlite3_step (statement);
  if (result == SQLITE_ROW)
    *sequence = (guint64) sqlite3_column_int64 (statement, 1);
  done = result == SQLITE_ROW || result == SQLITE_DONE || syn_journal_write_fail (job, "look up the checkpoints of partition %u", partition);
  syn_statement_put_back (statement);
  return done;
}

/* *@below: no record from there on may go. *@is_held: there is a hold. One that is damaged holds everything. */
static gboolean
find_floor (SynSqliteJournalJob *job, guint partition, guint64 *below, gboolean *is_held)
{
  sqlite3_stmt *statement = job->self->write[SYN_JW_HOLDS];
  SynJournalTail tail;
  gboolean done;
  int result;

  *is_held = FALSE;
  if (!syn_journal_write_find_tail (job, partition, &tail))
    return FALSE;
  *below = tail.sequence;
  sqlite3_bind_int64 (statement, 1, partition);
  while ((result = sqlite3_step (statement)) == SQLITE_ROW)
    {
      const char *name = (const char *) sqlite3_column_text (statement, 0);
      guint64 needed = (guint64) sqlite3_column_int64 (statement, 1), older;

      *is_held = TRUE;
      if (name == NULL || sqlite3_column_int64 (statement, 2) != (gint64) syn_journal_format_hold_sum (partition, name, needed))
        {
          *below = 0;
          continue;
        }
      if (!find_older (job, partition, name, &older))
        {
          syn_statement_put_back (statement);
          return FALSE;
        }
      *below = MIN (*below, older != 0 ? MAX (needed, older + 1) : needed);
    }
  done = result == SQLITE_DONE || syn_journal_write_fail (job, "look up the holds of partition %u", partition);
  syn_statement_put_back (statement);
  return done;
}

static gboolean
remove_record (SynSqliteJournalJob *job, guint partition, guint64 sequence)
{
  sqlite3_stmt *statement = job->self->write[SYN_JW_REMOVE];

  sqlite3_bind_int64 (statement, 1, partition);
  sqlite3_bind_int64 (statement, 2, (gint64) sequence);
  job->n_removed++;
  if (sqlite3_step (statement) == SQLITE_ROW)
    {
      const char *source = (const char *) sqlite3_column_text (statement, 1);

      syn_journal_job_add_weight (job, &(SynJournalWeight){ .id = sqlite3_column_int64 (statement, 0), .partition = partition,
                                                            .source = g_strdup (source != NULL ? source : ""),
                                                            .n_events = (guint) sqlite3_column_int64 (statement, 2),
                                                            .n_bytes = (guint64) sqlite3_column_int64 (statement, 3) });
    }
  else /* SQLITE_DONE would mean that it was not there */
    {
      syn_statement_put_back (statement);
      return syn_journal_write_fail (job, "remove record %" G_GUINT64_FORMAT " of partition %u", sequence, partition);
    }
  return syn_journal_write_finish (job, statement, "remove a record", partition);
}

gboolean
syn_journal_write_trim (SynSqliteJournalJob *job)
{
  guint partition = job->request->partition;
  guint64 below;
  gboolean is_held;
  gint64 first, time_us;

  job->n_removed = 0;
  syn_journal_job_clear_weights (job);
  if (!find_floor (job, partition, &below, &is_held))
    return FALSE;
  below = MIN (below, job->below);
  for (;;)
    {
      if (!syn_journal_write_look_up (job, SYN_JW_FIRST, partition, &first, &time_us))
        return FALSE;
      job->result = (guint64) MAX (first, 1);
      job->more = first != 0 && (guint64) first < below && job->n_removed == MAX_REMOVED;
      if (first == 0 || (guint64) first >= below || job->more)
        return TRUE;
      if (!remove_record (job, partition, (guint64) first))
        return FALSE;
    }
}

/* ---- retention ---- */

/* A log's oldest record, if it may go. What is before its first batch (claims) goes as that one does. */
typedef struct {
  gint64 first;
  gint64 time_us;  /* of the first batch; when there is none, of the first record */
  char *source;    /* (owned) (nullable): of the first batch; NULL: there is none */
  guint64 below;
  gboolean is_held;
} Candidate;

static void
candidates_clear (Candidate *candidates)
{
  for (guint p = 0; p < SYN_N_PARTITIONS; p++)
    g_free (candidates[p].source);
  g_free (candidates);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Candidate, candidates_clear)

static gboolean
measure (SynSqliteJournalJob *job, guint64 *used)
{
  sqlite3_stmt *statement = job->self->write[SYN_JW_USED];
  gboolean done = sqlite3_step (statement) == SQLITE_ROW || syn_journal_write_fail (job, "measure it");

  *used = done ? (guint64) sqlite3_column_int64 (statement, 0) : 0;
  syn_statement_put_back (statement);
  return done;
}

static gboolean
find_first (SynSqliteJournalJob *job, guint partition, Candidate *candidate)
{
  sqlite3_stmt *statement = job->self->write[SYN_JW_FIRST_BATCH];
  gboolean done;
  int result;

  g_clear_pointer (&candidate->source, g_free);
  if (!syn_journal_write_look_up (job, SYN_JW_FIRST, partition, &candidate->first, &candidate->time_us))
    return FALSE;
  if (candidate->first == 0)
    return TRUE;
  sqlite3_bind_int64 (statement, 1, partition);
  result = sqlite3_step (statement);
  done = result == SQLITE_ROW || result == SQLITE_DONE || syn_journal_write_fail (job, "look up partition %u", partition);
  if (result == SQLITE_ROW)
    {
      candidate->time_us = sqlite3_column_int64 (statement, 0);
      candidate->source = g_strdup ((const char *) sqlite3_column_text (statement, 1));
    }
  syn_statement_put_back (statement);
  return done;
}

static gboolean
find_candidates (SynSqliteJournalJob *job, Candidate *candidates)
{
  for (guint p = 0; p < SYN_N_PARTITIONS; p++)
    if (!find_first (job, p, &candidates[p]) || !find_floor (job, p, &candidates[p].below, &candidates[p].is_held))
      return FALSE;
  return TRUE;
}

/* What a source has, but for what this job has removed. */
static guint64
bytes_left (SynSqliteJournalJob *job, const char *source)
{
  guint64 n_bytes = syn_journal_use_get_bytes (job->self, source);

  for (guint i = 0; job->weights != NULL && i < job->weights->len; i++)
    {
      const SynJournalWeight *weight = &g_array_index (job->weights, SynJournalWeight, i);

      if (strcmp (weight->source, source) == 0)
        n_bytes -= MIN (n_bytes, weight->n_bytes);
    }
  return n_bytes;
}

static gboolean
may_go (SynSqliteJournalJob *job, const Candidate *c, guint64 used)
{
  const SynSqliteJournal *self = job->self;
  const char *source = c->source != NULL ? c->source : "";
  const SynJournalRetention *retention = syn_journal_use_get_retention (job->self, source);

  if (c->first == 0 || (guint64) c->first >= c->below)
    return FALSE;
  return (retention->max_age_ms != 0 && self->newest_us - c->time_us > retention->max_age_ms * 1000)
         || (retention->by_checkpoint && c->is_held)
         || (self->max_file_bytes != 0 && !retention->is_kept && used > self->max_file_bytes)
         || (retention->max_bytes != 0 && bytes_left (job, source) > retention->max_bytes);
}

/* The log whose first record is to go, the oldest of them; -1: none. */
static int
choose (SynSqliteJournalJob *job, const Candidate *candidates, guint64 used)
{
  int oldest = -1;

  for (guint p = 0; p < SYN_N_PARTITIONS; p++)
    if (may_go (job, &candidates[p], used) && (oldest < 0 || candidates[p].time_us < candidates[oldest].time_us))
      oldest = (int) p;
  return oldest;
}

gboolean
syn_journal_write_sweep (SynSqliteJournalJob *job)
{
  g_autoptr (Candidate) candidates = g_new0 (Candidate, SYN_N_PARTITIONS);

  job->n_removed = 0;
  syn_journal_job_clear_weights (job);
  job->more = FALSE;
  if (!find_candidates (job, candidates))
    return FALSE;
  for (;;)
    {
      guint64 used;
      int p;

      if (!measure (job, &used))
        return FALSE;
      p = choose (job, candidates, used);
      job->more = p >= 0 && job->n_removed == MAX_REMOVED;
      if (p < 0 || job->more)
        return TRUE;
      if (!remove_record (job, (guint) p, (guint64) candidates[p].first) || !find_first (job, (guint) p, &candidates[p]))
        return FALSE;
    }
}

static gboolean
wants_sweep (const SynSqliteJournal *self)
{
  return !self->sweeping && self->has_retention
         && (self->n_unswept >= SWEEP_BYTES || self->newest_us - self->swept_us >= SWEEP_US);
}

void
syn_sqlite_journal_after_commit (SynSqliteFile *file, gpointer user_data)
{
  SynSqliteJournal *self = user_data;
  SynSqliteJournalJob *job;

  syn_journal_use_after_commit (self);
  if (!wants_sweep (self))
    return;
  self->n_unswept = 0;
  self->swept_us = self->newest_us;
  job = g_new0 (SynSqliteJournalJob, 1);
  job->job.run = syn_sqlite_journal_run_write;
  job->job.done = syn_sqlite_journal_write_done;
  job->job.writes = TRUE;
  job->self = self;
  self->sweeping = syn_sqlite_file_submit (file, &job->job);
  if (!self->sweeping)
    g_free (job);
}
