/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the embedded journal removes of its records: when asked to (trim), and by itself (retention). The writing file's thread; some records a
 * job, so that appends come between. A log is cut at its beginning only: what a reader finds is whole. */
#define G_LOG_DOMAIN "syn-journal"

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

/* A log's oldest record, if it may go. */
typedef struct {
  gint64 first, time_us;
  guint64 below;
  gboolean is_held;
} Candidate;

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
find_candidates (SynSqliteJournalJob *job, Candidate *candidates)
{
  for (guint p = 0; p < SYN_N_PARTITIONS; p++)
    if (!syn_journal_write_look_up (job, SYN_JW_FIRST, p, &candidates[p].first, &candidates[p].time_us)
        || !find_floor (job, p, &candidates[p].below, &candidates[p].is_held))
      return FALSE;
  return TRUE;
}

/* The log whose first record is to go, the oldest of them; -1: none. */
static int
choose (const SynSqliteJournal *self, const Candidate *candidates, guint64 used)
{
  const SynJournalRetention *retention = &self->retention;
  gboolean too_large = retention->max_bytes != 0 && used > retention->max_bytes;
  int oldest = -1;

  for (guint p = 0; p < SYN_N_PARTITIONS; p++)
    {
      const Candidate *c = &candidates[p];
      gboolean too_old = retention->max_age_ms != 0 && self->newest_us - c->time_us > retention->max_age_ms * 1000;

      if (c->first == 0 || (guint64) c->first >= c->below || !(too_old || too_large || (retention->by_checkpoint && c->is_held)))
        continue;
      if (oldest < 0 || c->time_us < candidates[oldest].time_us)
        oldest = (int) p;
    }
  return oldest;
}

gboolean
syn_journal_write_sweep (SynSqliteJournalJob *job)
{
  Candidate candidates[SYN_N_PARTITIONS];

  job->n_removed = 0;
  job->more = FALSE;
  if (!find_candidates (job, candidates))
    return FALSE;
  for (;;)
    {
      guint64 used;
      int p;

      if (!measure (job, &used))
        return FALSE;
      p = choose (job->self, candidates, used);
      job->more = p >= 0 && job->n_removed == MAX_REMOVED;
      if (p < 0 || job->more)
        return TRUE;
      if (!remove_record (job, (guint) p, (guint64) candidates[p].first)
          || !syn_journal_write_look_up (job, SYN_JW_FIRST, (guint) p, &candidates[p].first, &candidates[p].time_us))
        return FALSE;
    }
}

static gboolean
wants_sweep (const SynSqliteJournal *self)
{
  const SynJournalRetention *retention = &self->retention;

  return !self->sweeping && (retention->max_age_ms != 0 || retention->max_bytes != 0 || retention->by_checkpoint)
         && (self->n_unswept >= SWEEP_BYTES || self->newest_us - self->swept_us >= SWEEP_US);
}

void
syn_sqlite_journal_after_commit (SynSqliteFile *file, gpointer user_data)
{
  SynSqliteJournal *self = user_data;
  SynSqliteJournalJob *job;

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
