/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One beacon: the newest snapshot of one path on one lane, and at most one poll of its own at the owner.
 *
 * What it holds is known to be the newest only while a poll is out that followed an answer (HOLDING): the owner would have
 * said otherwise. When nobody waits it lets that poll end and asks no more; what it holds may then be old, so the
 * next waiter, whatever its token, is answered only after the owner was asked with hold 0 (ASKING). The poll after a new
 * snapshot goes out at once when somebody waited for that one: they will be back.
 *
 * When its last reader withdraws (rather than being answered and on its way back), the poll that is out is taken back: a
 * filter that changes with each key leaves no question behind that is still being answered. The beacon itself stays for its
 * two holds, with what it holds, and asks no more. Readers over HTTP let go with each answer and come back with a new waiter: for
 * so long (SYN_BEACON_REPOLL_MS) a withdrawal beside them takes nothing back.
 *
 * Tokens only go forward: a snapshot that is not newer than the one held is refused, as an error. (At an edge within an epoch: what the upstream's
 * address leads to may have become another silo.) There, when the upstream is away, who does not hold the last snapshot is given it all the same: with its age.
 *
 * Runs on its lane. Rejected: answering from an old snapshot while asking (a reader would be shown the past as the present),
 * a second poll beside the held one to ask for freshness (two polls to keep apart). */
#define G_LOG_DOMAIN "syn-beacon"

#include "syn-beacon-private.h"
#include "syn-error.h"
#include "syn-silo-beacon.h"

static void ask (SynBeacon *self, SynBeaconPoll poll);

/* ---- life ---- */

/**
 * syn_beacon_new:
 * @path: (transfer full): canonical
 */
SynBeacon *
syn_beacon_new (SynBeaconSet *set, const char *type, char *path)
{
  SynBeacon *self = g_new0 (SynBeacon, 1);

  self->refs = 1;
  self->released_ms = self->base_asked_ms = G_MININT32; /* never */
  self->set = syn_beacon_set_ref (set);
  self->type = type;
  self->path = path;
  if (type != NULL)
    self->name = g_strconcat (type, "/", path, NULL);
  if (type != NULL && g_str_equal (type, SYN_SILO_BEACON_GRAIN))
    self->upward = syn_upstream_path_get (syn_silo_beacons_get_paths (syn_lane_get_silo (set->lane)), path);
  return self;
}

/* Stands for a path that is not answered; @error (transfer full) says why. @raw (transfer full) (nullable): as it came. */
SynBeacon *
syn_beacon_new_error (SynBeaconSet *set, char *raw, GError *error)
{
  SynBeacon *self = syn_beacon_new (set, NULL, raw);

  self->error = error;
  return self;
}

SynBeacon *
syn_beacon_ref (SynBeacon *self)
{
  self->refs++;
  return self;
}

void
syn_beacon_unref (SynBeacon *self)
{
  if (self == NULL || --self->refs > 0)
    return;
  g_assert (!self->alive && self->waiting == NULL);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_clear_error (&self->error);
  g_clear_pointer (&self->aliases, g_ptr_array_unref);
  g_clear_pointer (&self->upward, syn_upstream_path_unref);
  g_free (self->path);
  g_free (self->name);
  syn_beacon_set_unref (self->set);
  g_free (self);
}

static void
idle_cb (SynTimer *timer, gpointer user_data)
{
  SynBeacon *self = user_data;
  gint64 idle_ms = syn_lane_now_ms (self->set->lane) - self->used_ms;

  if (self->n_waiters > 0)
    syn_lane_arm (self->set->lane, &self->idle, SYN_BEACON_LIFE_MS, idle_cb, self);
  else if (idle_ms < SYN_BEACON_LIFE_MS)
    syn_lane_arm (self->set->lane, &self->idle, (guint) (SYN_BEACON_LIFE_MS - idle_ms), idle_cb, self);
  else
    syn_beacon_die (self);
}

/* Enters the set: once. */
void
syn_beacon_live (SynBeacon *self)
{
  SynBeaconSet *set = self->set;

  self->alive = TRUE;
  g_hash_table_insert (set->by_name, self->name, syn_beacon_ref (self));
  syn_metric_add (set->lane, set->beacons, 1);
  self->used_ms = syn_lane_now_ms (set->lane);
  syn_lane_arm (set->lane, &self->idle, SYN_BEACON_LIFE_MS, idle_cb, self);
}

/* Leaves the set, for good: who remembers it finds a new one. A poll that is out ends by itself. */
void
syn_beacon_die (SynBeacon *self)
{
  SynBeaconSet *set = self->set;

  if (!self->alive)
    return;
  self->alive = FALSE;
  syn_lane_disarm (set->lane, &self->idle);
  syn_lane_disarm (set->lane, &self->guard);
  syn_lane_disarm (set->lane, &self->leave);
  for (guint i = 0; self->aliases != NULL && i < self->aliases->len; i++)
    g_hash_table_remove (set->by_raw, self->aliases->pdata[i]);
  g_clear_pointer (&self->aliases, g_ptr_array_unref);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  syn_beacon_drop_bases (self);
  g_clear_error (&self->error);
  syn_metric_add (set->lane, set->beacons, -1);
  g_hash_table_remove (set->by_name, self->name); /* drops the set's reference: may be the last */
}

/* ---- the owner ---- */

static gboolean
is_newer (ReplicaToken a, ReplicaToken b)
{
  return a.epoch != b.epoch ? a.epoch > b.epoch : a.serial > b.serial;
}

static ReplicaToken
held_token (SynBeacon *self)
{
  return self->snapshot != NULL ? replica_snapshot_get_token (self->snapshot) : REPLICA_TOKEN_NONE;
}

/* Whether its owner may answer with @token now. */
static gboolean
follows (SynBeacon *self, ReplicaToken token)
{
  ReplicaToken held = held_token (self);

  return is_newer (token, held) || (self->upward != NULL && token.epoch != held.epoch);
}

/* At an edge, when its upstream is away, the last snapshot is still good for those who do not have it. */
static gboolean
is_last_word (SynBeacon *self, const GError *error)
{
  return self->upward != NULL && self->snapshot != NULL
         && !(error->domain == SYN_ERROR
              && (error->code == SYN_ERROR_NOT_FOUND || error->code == SYN_ERROR_INVALID || error->code == SYN_ERROR_TOO_LARGE));
}

static void
fail_all (SynBeacon *self, const GError *error)
{
  gboolean keeps = is_last_word (self, error);

  g_clear_error (&self->error);
  self->error = g_error_copy (error);
  while (self->waiting != NULL)
    {
      gboolean lacks = keeps && !replica_token_equal (self->waiting->token, held_token (self));

      syn_waiter_make_ready (self->waiting, lacks ? SYN_WAITER_READY : SYN_WAITER_READY_ERROR);
    }
}

/* Those whose token the snapshot differs from, and those whose hold was over. */
static void
answer_all (SynBeacon *self)
{
  ReplicaToken token = held_token (self);
  SynWaiter *next;

  g_clear_error (&self->error);
  for (SynWaiter *waiter = self->waiting; waiter != NULL; waiter = next)
    {
      next = waiter->next;
      if (waiter->state == SYN_WAITER_DUE
          || (self->snapshot != NULL && !replica_token_equal (waiter->token, token)))
        syn_waiter_make_ready (waiter, SYN_WAITER_READY);
      else if (self->snapshot != NULL)
        syn_waiter_count_as_held (waiter);
    }
}

static void
guard_cb (SynTimer *timer, gpointer user_data)
{
  SynBeacon *self = user_data;

  if (self->waiting != NULL)
    ask (self, SYN_BEACON_ASKING);
}

static void
poll_reply (gpointer payload, const GError *error, gpointer user_data)
{
  g_autoptr (SynBeacon) self = user_data;
  g_autoptr (ReplicaSnapshot) snapshot = payload;
  g_autoptr (GError) refused = NULL;
  SynBeaconPoll was = self->poll;
  gboolean somebody = self->waiting != NULL;
  SynLane *lane = self->set->lane;

  self->poll = SYN_BEACON_QUIET;
  if (!self->alive)
    return;
  if (error == NULL && snapshot != NULL && self->snapshot != NULL && !follows (self, replica_snapshot_get_token (snapshot)))
    {
      char held[REPLICA_TOKEN_TEXT_MAX], given[REPLICA_TOKEN_TEXT_MAX];

      refused = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "%s: its owner answered %s to a poll that holds %s", self->path,
                             replica_token_format (replica_snapshot_get_token (snapshot), given),
                             replica_token_format (held_token (self), held));
      error = refused;
    }
  if (error != NULL)
    {
      fail_all (self, error);
      return;
    }
  if (snapshot != NULL)
    {
      if (self->snapshot != NULL)
        syn_beacon_keep_base (self, g_steal_pointer (&self->snapshot));
      self->snapshot = replica_snapshot_ref (snapshot);
    }
  answer_all (self);

  if (was == SYN_BEACON_HOLDING && snapshot == NULL
      && syn_lane_now_ms (lane) - self->asked_ms < SYN_BEACON_HOLD_MS / 2)
    syn_lane_arm (lane, &self->guard, SYN_BEACON_GUARD_MS, guard_cb, self);
  else if (self->waiting != NULL || (was == SYN_BEACON_HOLDING && snapshot != NULL && somebody))
    ask (self, SYN_BEACON_HOLDING);
}

static void
ask (SynBeacon *self, SynBeaconPoll poll)
{
  SynLane *lane = self->set->lane;
  SynPoll *question;
  SynCall call;

  if (self->poll != SYN_BEACON_QUIET || syn_timer_is_armed (&self->guard))
    return;
  question = g_new (SynPoll, 1);
  question->token = held_token (self);
  question->hold_ms = poll == SYN_BEACON_ASKING ? 0 : SYN_BEACON_HOLD_MS;
  question->n_readers = self->n_readers;
  call = (SynCall) {
    .type = self->type,
    .key = self->path,
    .method = SYN_POLL_METHOD,
    .payload = question,
    .payload_free = g_free,
    .timeout_ms = question->hold_ms + SYN_BEACON_MARGIN_MS,
    .reply = poll_reply,
    .user_data = syn_beacon_ref (self),
    .handle = &self->call,
  };
  self->poll = poll;
  self->asked_ms = syn_lane_now_ms (lane);
  syn_metric_add (lane, self->set->asked, 1);
  syn_call (lane, &call);
}

/* ---- nobody is left ---- */

static void
leave_cb (SynTimer *timer, gpointer user_data)
{
  syn_beacon_left (user_data);
}

void
syn_beacon_left (SynBeacon *self)
{
  SynLane *lane = self->set->lane;
  gint64 left_ms = self->released_ms + SYN_BEACON_REPOLL_MS - syn_lane_now_ms (lane);

  if (self->n_readers > 0 || self->poll == SYN_BEACON_QUIET || !self->alive)
    return;
  if (left_ms > 0)
    {
      if (!syn_timer_is_armed (&self->leave))
        syn_lane_arm (lane, &self->leave, (guint) left_ms, leave_cb, self);
      return;
    }
  syn_call_cancel (&self->call);
  self->poll = SYN_BEACON_QUIET;
  syn_metric_add (lane, self->set->cancelled, 1);
  syn_beacon_unref (self); /* the poll's */
}

/* ---- waiters ---- */

static void
hold_over (SynTimer *timer, gpointer user_data)
{
  SynWaiter *waiter = user_data;

  /* What the beacon holds is not known to be the newest: the owner's word is on its way. */
  if (waiter->beacon->poll == SYN_BEACON_ASKING)
    waiter->state = SYN_WAITER_DUE;
  else
    syn_waiter_make_ready (waiter, SYN_WAITER_READY);
}

void
syn_waiter_end_hold (SynWaiter *waiter)
{
  if (waiter->state != SYN_WAITER_PARKED)
    return;
  syn_lane_disarm (waiter->beacon->set->lane, &waiter->timer);
  hold_over (&waiter->timer, waiter);
}

static void
link_waiter (SynBeacon *self, SynWaiter *waiter, guint hold_ms)
{
  syn_waiter_link (waiter, &self->waiting);
  waiter->state = hold_ms == 0 ? SYN_WAITER_DUE : SYN_WAITER_PARKED;
  if (hold_ms != 0)
    syn_lane_arm (self->set->lane, &waiter->timer, hold_ms, hold_over, waiter);
}

/* @waiter is counted in n_waiters already, and linked nowhere. */
void
syn_beacon_park (SynBeacon *self, SynWaiter *waiter, guint hold_ms)
{
  ReplicaToken token = held_token (self);
  gboolean differs = self->snapshot != NULL && !replica_token_equal (waiter->token, token);

  self->used_ms = syn_lane_now_ms (self->set->lane);
  if (waiter->takes_deltas)
    self->base_asked_ms = self->used_ms;
  if (self->poll != SYN_BEACON_HOLDING)
    {
      link_waiter (self, waiter, hold_ms);
      ask (self, SYN_BEACON_ASKING);
    }
  else if (differs && hold_ms != 0 && is_newer (waiter->token, token))
    {
      /* From another lane, a moment ahead of this one: the answer to our poll is on its way. It is not shown the
       * past; but a token that nobody gave out (of a data folder that is no more) must not wait its whole hold. */
      link_waiter (self, waiter, MIN (hold_ms, SYN_BEACON_AHEAD_MS));
    }
  else if (differs || hold_ms == 0)
    syn_waiter_make_ready (waiter, SYN_WAITER_READY);
  else
    link_waiter (self, waiter, hold_ms);
}

gboolean
syn_waiter_get_newest (const SynWaiter *waiter, ReplicaToken *token)
{
  if (waiter->beacon == NULL || waiter->beacon->snapshot == NULL)
    return FALSE;
  *token = replica_snapshot_get_token (waiter->beacon->snapshot);
  return TRUE;
}

SynAnswer
syn_beacon_answer (SynBeacon *self, SynWaiter *waiter, GError **error)
{
  if (waiter->state == SYN_WAITER_READY_ERROR && self->error != NULL)
    {
      *error = g_error_copy (self->error);
      return SYN_ANSWER_ERROR;
    }
  if (replica_token_equal (waiter->token, held_token (self)))
    return SYN_ANSWER_UNCHANGED; /* also none, when there is no snapshot yet */
  if (self->snapshot != NULL)
    return SYN_ANSWER_SNAPSHOT;
  *error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s has no snapshot yet", self->path);
  return SYN_ANSWER_ERROR;
}
