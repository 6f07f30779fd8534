/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The on-demand grain "query/CANONICAL": one question over one or several projections, for all who ask it. It polls each of them as any
 * reader does, with at most one poll outstanding at each, and only while somebody is interested: polls are parked here, or there was one
 * within two holds that its reader did not take back. Between a projection's snapshot and the next poll nothing is computed. The cap
 * of an answer from one projection is that projection's; of one from several, the longest of theirs.
 *
 * While it *follows* its projections (a held poll is out at each, or just came back) its own answer is as new as they allow, and
 * polls are answered from it. Otherwise what it has may be old: the poll is kept back until all of them were asked, without a hold. When it
 * stops following it lets go of their snapshots and of what it remembers about them: only the answer stays, for who comes back. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "replica-form.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-outlet.h"
#include "syn-projection-private.h"
#include "syn-query-eval.h"

#define INTEREST_MS (2 * SYN_HOLD_DEFAULT_MS)
#define MARGIN_MS 5000 /* a hold ends before the deadline of its call */

typedef struct _QueryGrain QueryGrain;

/* One of the projections. */
typedef struct {
  QueryGrain *grain;
  guint index;
  gboolean is_out;           /* a poll is */
  SynCallHandle call;        /* that one */
  gboolean is_fresh;         /* it answered since the grain began to follow */
  ReplicaToken token;        /* of the last snapshot that came */
  ReplicaSnapshot *snapshot; /* (owned) (nullable): that one; held while the grain follows */
} Base;

guint64 syn_query_max_bytes = SYN_MAX_QUESTION_BYTES;

struct _QueryGrain {
  SynGrain *grain;
  SynLane *lane;
  SynQuery *query;        /* (owned) */
  SynQueryRun *run;       /* (owned) */
  SynOutlet *outlet;      /* (owned) */
  Base *bases;            /* (owned): one per base of the query */
  gboolean follows;
  gboolean is_evaluated;  /* the snapshots held are those of the outlet's answer */
  gint64 interest_until_ms;
  gsize answer_bytes;     /* of the outlet's answer */
  gsize bytes;            /* of that and the run's, as was counted */
  SynMessageList waiting; /* polls kept back until all bases answered; each holds the grain */
};

/* ---- the budget ----
 *
 * How many questions there are has a limit (activations of a lane, beacons of a lane); how much they hold has one of its own, over all lanes, for
 * a few strangers can ask for large answers. A question that comes when it is used up is not computed, and one whose answer does not fit lets go
 * of it. The lanes' counts are read as they are: two lanes may pass it by what they make in the same moment. */

static void
count_bytes (QueryGrain *self)
{
  gsize bytes = self->answer_bytes + syn_query_run_get_bytes (self->run);

  syn_metric_add (self->lane, syn_projection_metrics ()->question_bytes, (gint64) bytes - (gint64) self->bytes);
  self->bytes = bytes;
}

/* Whether this one may hold @bytes. */
static gboolean
has_room (QueryGrain *self, gsize bytes, GError **error)
{
  gint64 others = syn_metric_sum (syn_lane_get_silo (self->lane), syn_projection_metrics ()->question_bytes) - (gint64) self->bytes;

  if ((guint64) MAX (others, 0) + bytes <= syn_query_max_bytes)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_OVERLOADED,
               "the answers to all questions may have %" G_GUINT64_FORMAT " MiB together: ask again later, or for less (where=, limit=)",
               syn_query_max_bytes >> 20);
  return FALSE;
}

/* ---- the answer ---- */

/* It comes no more often than its projections do. */
static void
mark_stretched (ReplicaSnapshot **bases, guint n_bases, ReplicaSnapshot *answer)
{
  guint interval_ms = 0;

  for (guint i = 0; i < n_bases; i++)
    interval_ms = MAX (interval_ms, replica_snapshot_get_stretched_ms (bases[i]));
  if (interval_ms > 0)
    replica_snapshot_set_stretched_ms (answer, interval_ms);
}

/* The answer over the newest bases; when it shows the same as before, the one before: its readers need not be woken for a
 * token (nor for a frontier) alone. */
static ReplicaSnapshot *
make_answer (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  QueryGrain *self = owner;
  const SynProjectionMetrics *metrics = syn_projection_metrics ();
  g_autofree ReplicaSnapshot **bases = g_new (ReplicaSnapshot *, self->query->n_bases);
  guint64 n_full = syn_query_run_get_counts (self->run).full;
  ReplicaSnapshot *answer;

  for (guint i = 0; i < self->query->n_bases; i++)
    {
      bases[i] = self->bases[i].snapshot;
      if (bases[i] != NULL)
        continue;
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "\"%s\": the projection has not answered yet", self->query->canonical);
      return NULL;
    }
  if (!has_room (self, self->answer_bytes, error))
    return NULL;
  answer = syn_query_run_evaluate (self->run, bases, token, time_us, previous, error);
  if (answer != NULL)
    {
      gsize answer_bytes = g_bytes_get_size (replica_snapshot_get_bytes (answer));

      if (has_room (self, answer_bytes + syn_query_run_get_bytes (self->run), error))
        self->answer_bytes = answer_bytes;
      else
        {
          g_clear_pointer (&answer, replica_snapshot_unref);
          syn_query_run_reset (self->run);
        }
    }
  count_bytes (self);
  if (answer != NULL && answer != previous)
    mark_stretched (bases, self->query->n_bases, answer);
  self->is_evaluated = answer != NULL;
  syn_metric_add (self->lane, metrics->evaluations, 1);
  if (syn_query_run_get_counts (self->run).full == n_full)
    syn_metric_add (self->lane, metrics->incremental, 1);
  return answer;
}

/* The longest of the projections' caps. */
static guint
get_pace_ms (const SynQuery *query)
{
  guint pace_ms = 0;

  for (guint i = 0; i < query->n_bases; i++)
    pace_ms = MAX (pace_ms, query->bases[i]->min_interval_ms);
  return pace_ms;
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  g_autoptr (SynQuery) query = syn_query_parse (key, type_data, error);
  QueryGrain *self;

  if (query == NULL)
    return NULL;
  self = g_new0 (QueryGrain, 1);
  self->grain = grain;
  self->lane = syn_grain_get_lane (grain);
  self->run = syn_query_run_new (query);
  self->bases = g_new0 (Base, query->n_bases);
  for (guint i = 0; i < query->n_bases; i++)
    {
      self->bases[i].grain = self;
      self->bases[i].index = i;
    }
  self->outlet = syn_outlet_new (grain, query->n_bases > 1 ? get_pace_ms (query) : 0, SYN_MAX_PARKED_POLLS, make_answer, self);
  syn_outlet_set_pace_ms (self->outlet, get_pace_ms (query));
  self->query = g_steal_pointer (&query);
  return self;
}

/* ---- following ---- */

/* Takes its polls back (no projection is to make a snapshot for it), and lets go of the snapshots. With one projection its token is kept: when it has nothing newer, the answer is
 * still right. With several, one may have, and then all are needed. */
static void
stop_following (QueryGrain *self)
{
  gboolean keeps_token = self->query->n_bases == 1 && self->is_evaluated;

  for (guint i = 0; i < self->query->n_bases; i++)
    {
      Base *base = &self->bases[i];

      if (base->is_out)
        syn_call_cancel (&base->call);
      base->is_out = FALSE;
      base->is_fresh = FALSE;
      g_clear_pointer (&base->snapshot, replica_snapshot_unref);
      if (!keeps_token)
        base->token = REPLICA_TOKEN_NONE;
    }
  syn_query_run_reset (self->run);
  count_bytes (self);
  self->follows = FALSE;
}

static void
fail_waiting (QueryGrain *self, const GError *error)
{
  SynMessage *message;

  while ((message = syn_message_list_pop (&self->waiting)) != NULL)
    {
      syn_grain_release (self->grain);
      syn_message_fail (message, error);
    }
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  QueryGrain *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "\"%s\" is being deactivated",
                                          self->query->canonical);

  fail_waiting (self, error);
  syn_outlet_free (self->outlet);
  self->answer_bytes = 0;
  stop_following (self);
  g_free (self->bases);
  syn_query_run_free (self->run);
  syn_query_free (self->query);
  g_free (self);
}

static gboolean
is_waited_for (QueryGrain *self)
{
  return syn_outlet_get_n_parked (self->outlet) > 0 || self->waiting.length > 0;
}

static void on_base_answer (gpointer payload, const GError *error, gpointer user_data);

static void
ask_base (QueryGrain *self, guint index, guint hold_ms)
{
  Base *base = &self->bases[index];
  SynPoll *poll = g_new (SynPoll, 1);
  SynCall call = {
    .method = SYN_POLL_METHOD,
    .payload = poll,
    .payload_free = g_free,
    .timeout_ms = hold_ms + MARGIN_MS,
    .reply = on_base_answer,
    .user_data = base,
    .handle = &base->call,
    .detached = TRUE, /* for all who wait, now and later */
  };

  syn_projection_spec_get_grain (self->query->bases[index], &call.type, &call.key);
  poll->token = base->token;
  poll->hold_ms = hold_ms;
  poll->n_readers = syn_outlet_get_n_readers (self->outlet);
  base->is_out = TRUE;
  base->call = (SynCallHandle) { NULL };
  syn_grain_call (self->grain, &call);
}

static gboolean
are_all_fresh (QueryGrain *self)
{
  for (guint i = 0; i < self->query->n_bases; i++)
    if (!self->bases[i].is_fresh)
      return FALSE;
  return TRUE;
}

static void
take_base_answer (QueryGrain *self, Base *base, ReplicaSnapshot *snapshot)
{
  SynMessage *message;

  base->is_fresh = TRUE;
  if (snapshot != NULL)
    {
      base->token = replica_snapshot_get_token (snapshot);
      g_clear_pointer (&base->snapshot, replica_snapshot_unref);
      base->snapshot = replica_snapshot_ref (snapshot);
      self->is_evaluated = FALSE;
      syn_outlet_mark_dirty (self->outlet);
    }
  if (!is_waited_for (self) && syn_lane_now_ms (self->lane) >= self->interest_until_ms)
    {
      stop_following (self);
      return;
    }
  ask_base (self, base->index, SYN_HOLD_DEFAULT_MS);
  self->follows = are_all_fresh (self);
  while (self->follows && (message = syn_message_list_pop (&self->waiting)) != NULL)
    {
      syn_grain_release (self->grain);
      syn_outlet_poll (self->outlet, message);
    }
}

static void
on_base_answer (gpointer payload, const GError *error, gpointer user_data)
{
  Base *base = user_data;
  QueryGrain *self = base->grain;
  g_autoptr (ReplicaSnapshot) snapshot = payload;

  base->is_out = FALSE;
  if (error == NULL)
    {
      take_base_answer (self, base, snapshot);
      return;
    }
  stop_following (self);
  fail_waiting (self, error);
  syn_outlet_fail_parked (self->outlet, error);
}

/* ---- polls ---- */

static void
take_poll (QueryGrain *self, SynMessage *message)
{
  self->interest_until_ms = syn_lane_now_ms (self->lane) + INTEREST_MS;
  if (self->follows)
    {
      syn_outlet_poll (self->outlet, message);
      return;
    }
  if (self->waiting.length + syn_outlet_get_n_parked (self->outlet) >= SYN_MAX_PARKED_POLLS)
    {
      syn_outlet_refuse (self->outlet, message);
      return;
    }
  *syn_message_get_slot (message) = NULL;
  syn_message_list_push (&self->waiting, message);
  syn_grain_hold (self->grain);
  for (guint i = 0; i < self->query->n_bases; i++)
    if (!self->bases[i].is_out && !self->bases[i].is_fresh)
      ask_base (self, i, 0);
}

/* A reader took its poll back. Without another one nobody is interested any more: no projection is to make a snapshot for it. */
static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  QueryGrain *self = state;

  if (!syn_outlet_cancel (self->outlet, message))
    {
      syn_message_list_remove (&self->waiting, message);
      syn_grain_release (self->grain);
      syn_message_reply (message, NULL, NULL);
    }
  if (is_waited_for (self))
    return;
  self->interest_until_ms = 0;
  stop_following (self);
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  QueryGrain *self = state;

  if (syn_message_get_method (message) == SYN_POLL_METHOD)
    take_poll (self, message);
  else
    {
      g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "\"%s\": no method %d", self->query->canonical,
                                              syn_message_get_method (message));

      syn_message_fail (message, error);
    }
}

/* Parked polls are open beside each other. */
static SynInterleave
interleave (int method)
{
  return method == SYN_POLL_METHOD ? SYN_ALWAYS : SYN_EXCLUSIVE;
}

const SynGrainType syn_query_grain_type = {
  .name = SYN_QUERY_GRAIN,
  .interleave = interleave,
  .idle_age_ms = 2 * SYN_HOLD_DEFAULT_MS,
  .activate = activate,
  .receive = receive,
  .cancelled = cancelled,
  .deactivate = deactivate,
};
