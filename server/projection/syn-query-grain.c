/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The on-demand grain "query/CANONICAL": one question over one projection, for all who ask it. It polls the projection as any
 * reader does, with at most one poll outstanding, and only while somebody is interested: polls are parked here, or there was one
 * within two holds. Between the base's snapshot and the next poll nothing is computed; the cap is the base's.
 *
 * While it *follows* the base (a held poll is out there, or just came back) its own answer is as new as the base allows, and
 * polls are answered from it. Otherwise what it has may be old: the poll is kept back until the base was asked, without a hold. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-outlet.h"
#include "syn-projection-private.h"
#include "syn-query-eval.h"

#define INTEREST_MS (2 * SYN_HOLD_DEFAULT_MS)
#define MARGIN_MS 5000 /* a hold ends before the deadline of its call */

typedef struct _SynQueryState SynQueryState;

/* What outlives the grain when it is deactivated with a poll outstanding. */
typedef struct {
  SynQueryState *state; /* (nullable): cleared by the deactivation */
} BaseCall;

struct _SynQueryState {
  SynGrain *grain;
  SynLane *lane;
  SynQuery *query;         /* (owned) */
  SynOutlet *outlet;       /* (owned) */
  BaseCall *call;          /* (owned by the call) (nullable): the poll that is out */
  gboolean follows;
  ReplicaToken base_token; /* of the last snapshot that came */
  ReplicaSnapshot *base;   /* (owned) (nullable): that one, until it has been evaluated */
  gint64 interest_until_ms;
  SynMessageList waiting;  /* polls kept back until the base answers; each holds the grain */
};

/* The answer over the newest base; when it shows the same as before, the one before: its readers need not be woken for a
 * token (nor for a frontier) alone. */
static ReplicaSnapshot *
make_answer (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  SynQueryState *self = owner;
  ReplicaSnapshot *answer;

  if (self->base == NULL)
    {
      if (previous != NULL)
        return replica_snapshot_ref (previous);
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "\"%s\": the projection has not answered yet", self->query->canonical);
      return NULL;
    }
  answer = syn_query_evaluate (self->query, self->base, token, time_us, error);
  if (answer == NULL)
    return NULL;
  /* The base is kept only for as long as it is news. */
  g_clear_pointer (&self->base, replica_snapshot_unref);
  if (previous != NULL && syn_query_same_answer (answer, previous))
    {
      replica_snapshot_unref (answer);
      return replica_snapshot_ref (previous);
    }
  return answer;
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  g_autoptr (SynQuery) query = syn_query_parse (key, type_data, error);
  SynQueryState *self;

  if (query == NULL)
    return NULL;
  self = g_new0 (SynQueryState, 1);
  self->grain = grain;
  self->lane = syn_grain_get_lane (grain);
  self->query = g_steal_pointer (&query);
  self->outlet = syn_outlet_new (grain, 0, SYN_MAX_PARKED_POLLS, make_answer, self);
  return self;
}

static void
fail_waiting (SynQueryState *self, const GError *error)
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
  SynQueryState *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "\"%s\" is being deactivated",
                                          self->query->canonical);

  fail_waiting (self, error);
  syn_outlet_free (self->outlet);
  if (self->call != NULL)
    self->call->state = NULL;
  g_clear_pointer (&self->base, replica_snapshot_unref);
  syn_query_free (self->query);
  g_free (self);
}

static gboolean
is_interesting (SynQueryState *self)
{
  return syn_outlet_get_n_parked (self->outlet) > 0 || self->waiting.length > 0
         || syn_lane_now_ms (self->lane) < self->interest_until_ms;
}

static void on_base_answer (gpointer payload, const GError *error, gpointer user_data);

static void
ask_base (SynQueryState *self, guint hold_ms)
{
  SynPoll *poll = g_new (SynPoll, 1);
  SynCall call = {
    .type = SYN_PROJECTION_GRAIN,
    .key = self->query->base->name,
    .method = SYN_POLL_METHOD,
    .payload = poll,
    .payload_free = g_free,
    .timeout_ms = hold_ms + MARGIN_MS,
    .reply = on_base_answer,
  };

  poll->token = self->base_token;
  poll->hold_ms = hold_ms;
  self->call = g_new (BaseCall, 1);
  self->call->state = self;
  call.user_data = self->call;
  syn_call (self->lane, &call);
}

static void
on_base_answer (gpointer payload, const GError *error, gpointer user_data)
{
  BaseCall *call = user_data;
  SynQueryState *self = call->state;
  g_autoptr (ReplicaSnapshot) snapshot = payload;
  SynMessage *message;

  g_free (call);
  if (self == NULL)
    return;
  self->call = NULL;
  self->follows = FALSE;
  if (error != NULL)
    {
      fail_waiting (self, error);
      syn_outlet_fail_parked (self->outlet, error);
      return;
    }
  if (snapshot != NULL)
    {
      self->base_token = replica_snapshot_get_token (snapshot);
      g_clear_pointer (&self->base, replica_snapshot_unref);
      self->base = g_steal_pointer (&snapshot);
      syn_outlet_mark_dirty (self->outlet);
    }
  if (is_interesting (self))
    {
      self->follows = TRUE;
      ask_base (self, SYN_HOLD_DEFAULT_MS);
    }
  while ((message = syn_message_list_pop (&self->waiting)) != NULL)
    {
      syn_grain_release (self->grain);
      syn_outlet_poll (self->outlet, message);
    }
}

static void
take_poll (SynQueryState *self, SynMessage *message)
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
  syn_message_list_push (&self->waiting, message);
  syn_grain_hold (self->grain);
  if (self->call == NULL)
    ask_base (self, 0);
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynQueryState *self = state;

  if (syn_message_get_method (message) == SYN_POLL_METHOD)
    take_poll (self, message);
  else
    {
      g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "\"%s\": no method %d", self->query->canonical,
                                              syn_message_get_method (message));

      syn_message_fail (message, error);
    }
}

static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynQueryState *self = state;

  if (syn_outlet_cancel (self->outlet, message))
    return;
  syn_message_list_remove (&self->waiting, message);
  syn_grain_release (grain);
  syn_message_reply (message, NULL, NULL);
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
