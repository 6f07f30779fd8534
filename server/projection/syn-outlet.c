/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Snapshots and the polls for them, on the lane of the grain that owns the outlet (DESIGN.md, "Reactive polling").
 *
 * Lazy: a snapshot is made when somebody waits for one or asks, never because an event came. So a projection that nobody looks at
 * costs its events only, and the newest state is always the one shown: there is no snapshot "on its way" to be lost. Parked polls
 * all hold the current token (others were answered at once), so one new snapshot answers them all. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-outlet.h"
#include "replica-form.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-projection-private.h"
#include "syn-stretch.h"

struct _SynOutlet {
  SynStretched stretched; /* first */
  SynGrain *grain;
  SynLane *lane;
  guint min_interval_ms;
  guint max_parked;
  SynOutletMakeFunc make;
  gpointer owner;
  ReplicaSnapshot *snapshot; /* (owned) (nullable): the newest */
  guint n_answered;          /* readers whom it was given to */
  guint64 serial;            /* of the newest; 0: none */
  GError *error;             /* (owned) (nullable): why the last one could not be made */
  gboolean dirty;
  gboolean has_made;         /* or tried */
  gint64 made_ms;
  SynTimer cap;              /* armed: the cap will allow a snapshot that somebody waits for */
  SynMessageList parked;
};

static void stretch_changed (SynStretched *stretched);

SynOutlet *
syn_outlet_new (SynGrain *grain, guint min_interval_ms, guint max_parked, SynOutletMakeFunc make, gpointer owner)
{
  SynOutlet *self = g_new0 (SynOutlet, 1);

  self->grain = grain;
  self->lane = syn_grain_get_lane (grain);
  self->min_interval_ms = min_interval_ms;
  self->max_parked = max_parked != 0 ? max_parked : SYN_MAX_PARKED_POLLS;
  self->make = make;
  self->owner = owner;
  self->dirty = TRUE;
  self->stretched.grain = grain;
  self->stretched.interval_ms = min_interval_ms;
  self->stretched.changed = stretch_changed;
  syn_stretch_add (self->lane, &self->stretched);
  return self;
}

void
syn_outlet_set_pace_ms (SynOutlet *self, guint pace_ms)
{
  self->stretched.interval_ms = MAX (self->min_interval_ms, pace_ms);
}

guint
syn_outlet_get_n_readers (SynOutlet *self)
{
  return self->stretched.n_readers;
}

guint
syn_outlet_get_n_parked (SynOutlet *self)
{
  return self->parked.length;
}

static ReplicaToken
current_token (SynOutlet *self)
{
  return self->snapshot != NULL ? replica_snapshot_get_token (self->snapshot) : REPLICA_TOKEN_NONE;
}

static gint64
cap_left_ms (SynOutlet *self)
{
  gint64 interval_ms = self->min_interval_ms;

  if (!self->has_made)
    return 0;
  if (self->stretched.factor > 1)
    interval_ms = (gint64) self->stretched.base_ms * self->stretched.factor;
  return MAX (0, self->made_ms + interval_ms - syn_lane_now_ms (self->lane));
}

gboolean
syn_outlet_may_make (SynOutlet *self)
{
  return cap_left_ms (self) == 0;
}

/* Takes the oldest parked poll out; it is no longer a reason to stay. */
static SynMessage *
unpark (SynOutlet *self, SynMessage *message)
{
  syn_message_list_remove (&self->parked, message);
  syn_lane_disarm (self->lane, syn_message_get_timer (message));
  syn_grain_release (self->grain);
  return message;
}

/* Whom a snapshot is for is known when the next one is made: on a busy lane polls come late, when it is there already, and are answered at once. */
static void
answer (SynOutlet *self, SynMessage *message)
{
  const SynPoll *poll = syn_message_get_payload (message);

  self->n_answered += MAX (poll->n_readers, 1);
  self->stretched.n_readers = MAX (self->stretched.n_readers, self->n_answered);
  syn_message_reply (message, replica_snapshot_ref (self->snapshot), (GDestroyNotify) replica_snapshot_unref);
}

static void
answer_parked (SynOutlet *self)
{
  while (self->parked.head != NULL)
    answer (self, unpark (self, self->parked.head));
}

void
syn_outlet_fail_parked (SynOutlet *self, const GError *error)
{
  while (self->parked.head != NULL)
    syn_message_fail (unpark (self, self->parked.head), error);
}

gboolean
syn_outlet_cancel (SynOutlet *self, SynMessage *message)
{
  if (*syn_message_get_slot (message) != self)
    return FALSE;
  syn_message_reply (unpark (self, message), NULL, NULL);
  return TRUE;
}

/* So that whoever looks at it can say why it comes so seldom. */
static void
mark_stretched (SynOutlet *self, ReplicaSnapshot *snapshot, ReplicaToken token)
{
  guint interval_ms = self->stretched.base_ms * self->stretched.factor;

  if (self->stretched.factor > 1 && interval_ms > replica_snapshot_get_stretched_ms (snapshot)
      && replica_token_equal (replica_snapshot_get_token (snapshot), token)) /* made now: nobody else has it */
    replica_snapshot_set_stretched_ms (snapshot, interval_ms);
}

/* Makes a snapshot of a state that changed. */
static void
make (SynOutlet *self)
{
  const SynProjectionMetrics *metrics = syn_projection_metrics ();
  gint64 start_us = syn_lane_clock_us (self->lane), start_cpu_us = syn_lane_cpu_us (self->lane);
  ReplicaToken token = { syn_grain_get_epoch (self->grain), self->serial + 1 };
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;

  syn_lane_disarm (self->lane, &self->cap);
  snapshot = self->make (self->owner, token, syn_lane_real_us (self->lane), self->snapshot, &error);
  self->has_made = TRUE;
  self->made_ms = syn_lane_now_ms (self->lane);
  g_clear_error (&self->error);
  syn_metric_add (self->lane, metrics->snapshot_us, syn_lane_clock_us (self->lane) - start_us);
  syn_stretch_spent (&self->stretched, syn_lane_cpu_us (self->lane) - start_cpu_us);
  if (snapshot == NULL)
    {
      /* Still dirty: it is tried again when the cap allows and somebody asks. Meanwhile nobody is shown a picture that
       * looks current and is not. */
      self->error = g_steal_pointer (&error);
      syn_outlet_fail_parked (self, self->error);
      return;
    }
  self->dirty = FALSE;
  if (snapshot == self->snapshot)
    return;
  mark_stretched (self, snapshot, token);
  self->serial++;
  syn_metric_add (self->lane, metrics->snapshots, 1);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  self->snapshot = g_steal_pointer (&snapshot);
  self->stretched.n_readers = MAX (self->n_answered, 1); /* of the one before, until this one has more */
  self->n_answered = 0;
  answer_parked (self);
}

static void make_when_allowed (SynOutlet *self);

static void
on_cap (SynTimer *timer, gpointer user_data)
{
  SynOutlet *self = user_data;

  if (self->dirty && self->parked.length > 0)
    make_when_allowed (self); /* it may have been stretched meanwhile */
}

/* Whoever waits waits no longer than the new interval says. */
static void
stretch_changed (SynStretched *stretched)
{
  SynOutlet *self = (SynOutlet *) stretched;

  if (syn_timer_is_armed (&self->cap))
    syn_lane_arm (self->lane, &self->cap, (guint) MAX (cap_left_ms (self), 1), on_cap, self);
}

/* Somebody waits: makes a snapshot now, or when the cap allows. */
static void
make_when_allowed (SynOutlet *self)
{
  gint64 left_ms = cap_left_ms (self);

  if (left_ms == 0)
    make (self);
  else if (!syn_timer_is_armed (&self->cap))
    syn_lane_arm (self->lane, &self->cap, (guint) left_ms, on_cap, self);
}

void
syn_outlet_mark_dirty (SynOutlet *self)
{
  self->dirty = TRUE;
  if (self->parked.length > 0)
    make_when_allowed (self);
}

static void
on_hold_ended (SynTimer *timer, gpointer user_data)
{
  SynMessage *message = user_data;
  SynOutlet *self = *syn_message_get_slot (message);

  syn_message_reply (unpark (self, message), NULL, NULL);
}

void
syn_outlet_refuse (SynOutlet *self, SynMessage *message)
{
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_OVERLOADED, "\"%s\": %u polls wait already",
                                          syn_grain_get_key (self->grain), self->max_parked);

  syn_message_fail (message, error);
}

void
syn_outlet_poll (SynOutlet *self, SynMessage *message)
{
  const SynPoll *poll = syn_message_get_payload (message);
  guint hold_ms = MIN (poll->hold_ms, SYN_HOLD_MAX_MS);

  if (self->dirty && cap_left_ms (self) == 0)
    make (self);
  if (self->error != NULL)
    {
      syn_message_fail (message, self->error);
      return;
    }
  if (!replica_token_equal (poll->token, current_token (self)))
    {
      answer (self, message);
      return;
    }
  if (hold_ms == 0)
    {
      syn_message_reply (message, NULL, NULL);
      return;
    }
  if (self->parked.length >= self->max_parked)
    {
      syn_outlet_refuse (self, message);
      return;
    }
  *syn_message_get_slot (message) = self;
  syn_message_list_push (&self->parked, message);
  syn_grain_hold (self->grain);
  syn_lane_arm (self->lane, syn_message_get_timer (message), hold_ms, on_hold_ended, message);
  if (self->dirty)
    make_when_allowed (self);
}

void
syn_outlet_free (SynOutlet *self)
{
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "\"%s\" is being deactivated",
                                          syn_grain_get_key (self->grain));

  syn_outlet_fail_parked (self, error);
  syn_stretch_remove (&self->stretched);
  syn_lane_disarm (self->lane, &self->cap);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_clear_error (&self->error);
  g_free (self);
}
