/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One partition's log as its owner sees it: what it claimed, where the log ends as far as that is acknowledged, and where it will end when
 * what was posted has been answered. On the partition's lane.
 *
 * Appends are posted without waiting, each naming as expected the one before it. When one is not taken, none after it can be, so all of
 * them fail; only when the last of these answers is in does the log know again where it ends. Rejected: sending again what failed from
 * here (who published it is to be told, and may have gone). */
#define G_LOG_DOMAIN "syn-journal"

#include "syn-journal-private.h"

#include "syn-error.h"
#include "syn-limits.h"

struct _SynJournalLog {
  SynJournal *journal;
  SynLane *lane;
  guint partition;
  guint64 epoch;       /* 0: not claimed */
  guint64 last;        /* acknowledged */
  guint64 next;        /* the last posted */
  guint n_waiting;
  gboolean failing;    /* one was not taken, and answers are still out */
  GPtrArray *claiming; /* (owned) (nullable): claims that wait for the one that is on its way */
};

/* The caller's function behind ours. */
typedef struct {
  SynJournalLog *log;
  SynJournalFunc func;
  gpointer user_data;
} Waiter;

SynJournalLog *
syn_journal_get_log (SynJournal *self, SynLane *lane, guint partition)
{
  SynJournalLog *log = self->logs[partition];

  if (log == NULL)
    {
      log = self->logs[partition] = g_new0 (SynJournalLog, 1);
      log->journal = self;
      log->lane = lane;
      log->partition = partition;
    }
  g_return_val_if_fail (log->lane == lane, NULL);
  return log;
}

void
syn_journal_log_free (SynJournalLog *self)
{
  g_clear_pointer (&self->claiming, g_ptr_array_unref);
  g_free (self);
}

guint64
syn_journal_log_get_epoch (SynJournalLog *self)
{
  return self->epoch;
}

guint64
syn_journal_log_get_last_sequence (SynJournalLog *self)
{
  return self->last;
}

guint
syn_journal_log_get_n_waiting (SynJournalLog *self)
{
  return self->n_waiting;
}

/* ---- claiming ---- */

/* A request that is its own answer: no engine sees it. */
static void
answer_claimed (SynJournalLog *self, Waiter *waiter, const GError *error)
{
  SynJournalRequest *answer
    = syn_journal_request_new (self->lane, SYN_JOURNAL_CLAIM, self->partition, waiter->func, waiter->user_data);

  answer->epoch = self->epoch;
  answer->sequence = self->last;
  answer->error = error != NULL ? g_error_copy (error) : NULL;
  syn_journal_answer (answer);
}

static void
claimed (SynJournalRequest *answer, gpointer user_data)
{
  SynJournalLog *self = user_data;
  g_autoptr (GPtrArray) claiming = g_steal_pointer (&self->claiming);

  if (answer->note != NULL)
    g_warning ("%s", answer->note); /* what the disk has lost: once, not to each that waits */
  if (answer->error == NULL)
    {
      self->epoch = answer->epoch;
      self->last = self->next = answer->sequence;
      self->failing = FALSE;
    }
  for (guint i = 0; i < claiming->len; i++)
    answer_claimed (self, claiming->pdata[i], answer->error);
}

/* Appends of a claim that is over are still out: a claim that went now would be acknowledged before they fail, which is all the same. */
void
syn_journal_log_claim (SynJournalLog *self, SynJournalFunc func, gpointer user_data)
{
  Waiter waiter = { self, func, user_data };

  if (self->epoch != 0)
    {
      answer_claimed (self, &waiter, NULL);
      return;
    }
  if (self->claiming == NULL)
    {
      self->claiming = g_ptr_array_new_with_free_func (g_free);
      syn_journal_submit (self->journal, syn_journal_request_new (self->lane, SYN_JOURNAL_CLAIM, self->partition, claimed, self));
    }
  g_ptr_array_add (self->claiming, g_memdup2 (&waiter, sizeof waiter));
}

/* ---- appending ---- */

static void
appended (SynJournalRequest *answer, gpointer user_data)
{
  Waiter *waiter = user_data;
  SynJournalLog *self = waiter->log;

  self->n_waiting--;
  if (answer->epoch == self->epoch)
    {
      if (answer->error == NULL)
        self->last = answer->sequence;
      else if (g_error_matches (answer->error, SYN_ERROR, SYN_JOURNAL_FENCED))
        self->epoch = 0;
      else
        self->failing = TRUE;
    }
  if (self->n_waiting == 0 && self->failing)
    {
      self->failing = FALSE;
      self->next = self->last;
    }
  if (answer->error == NULL && answer->record.kind == SYN_RECORD_RELEASE)
    self->epoch = 0;
  if (waiter->func != NULL)
    waiter->func (answer, waiter->user_data);
  g_free (waiter);
}

static void
post (SynJournalLog *self, SynJournalRequest *request)
{
  Waiter waiter = { self, request->func, request->user_data };

  request->epoch = self->epoch;
  request->expected = self->next;
  if (self->epoch == 0)
    syn_journal_fail (request, SYN_JOURNAL_FENCED, "partition %u: its log is not claimed", self->partition);
  else if (self->failing)
    syn_journal_fail (request, SYN_ERROR_UNAVAILABLE, "partition %u: a record before this one was not taken", self->partition);
  else
    {
      self->next++;
      self->n_waiting++;
      request->func = appended;
      request->user_data = g_memdup2 (&waiter, sizeof waiter);
    }
  syn_journal_submit (self->journal, request);
}

void
syn_journal_log_append (SynJournalLog *self, const char *source, const SynJournalHead *head, GBytes *bytes, SynJournalFunc func,
                        gpointer user_data)
{
  SynJournalRequest *request = syn_journal_request_new (self->lane, SYN_JOURNAL_APPEND, self->partition, func, user_data);

  request->record.kind = SYN_RECORD_BATCH;
  request->record.source = g_strdup (source);
  request->record.first_sequence = head->first_sequence;
  request->record.n_events = head->n_events;
  request->record.time_us = head->time_us;
  request->record.bytes = g_bytes_ref (bytes);
  post (self, request);
}

void
syn_journal_log_release (SynJournalLog *self, SynJournalFunc func, gpointer user_data)
{
  SynJournalRequest *request = syn_journal_request_new (self->lane, SYN_JOURNAL_APPEND, self->partition, func, user_data);

  request->record.kind = SYN_RECORD_RELEASE;
  request->record.time_us = syn_lane_real_us (self->lane);
  if (self->epoch == 0)
    syn_journal_answer (request);
  else
    post (self, request);
}
