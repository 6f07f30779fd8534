/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What peers hold who take an answer slowly. Each holds one answer at most, whatever is made meanwhile; but each may hold another one, of megabytes, and a peer that
 * takes a little now and then may do so for as long as it likes. So all of it has a limit, and past it the oldest go: who has been taking the same answer for
 * longest is furthest behind, and gets a newer one when it comes back.
 *
 * A body is counted once, however many hold it: ten thousand desks that are in the midst of the same snapshot keep no more of it than one.
 * Closing waits for the lane's timers: an answer may be on its way out to many in a loop that must not lose its place.
 *
 * Rejected: a least rate for each peer (what is slow for one desk is what another's link can do). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-slow-bodies.h"

#include "syn-limits.h"
#include "syn-metrics.h"

struct _SynSlowBodies
{
  SynLane *lane;
  SynSlowHold *first, **last;
  GHashTable *counts; /* (element-type GBytes guint): how many hold each */
  gsize bytes, max_bytes;
  SynTimer timer;
};

static SynMetric held_bytes, closed;

static void
close_oldest (SynTimer *timer, gpointer user_data)
{
  SynSlowBodies *self = user_data;

  while (self->bytes > self->max_bytes)
    {
      SynSlowHold *hold = self->first;
      SynSlowClose close = hold->close;
      gpointer owner = hold->owner;

      syn_slow_release (self, hold);
      syn_metric_add (self->lane, closed, 1);
      close (owner);
    }
}

static void
add_bytes (SynSlowBodies *self, gssize bytes)
{
  self->bytes = (gsize) ((gssize) self->bytes + bytes);
  syn_metric_add (self->lane, held_bytes, bytes);
  if (self->bytes > self->max_bytes && !syn_timer_is_armed (&self->timer))
    syn_lane_arm (self->lane, &self->timer, 0, close_oldest, self);
}

void
syn_slow_hold (SynSlowBodies *self, SynSlowHold *hold, GBytes *body, SynSlowClose close, gpointer owner)
{
  guint count;

  if (body == NULL)
    return;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, body));
  *hold = (SynSlowHold){ .pprev = self->last, .body = g_bytes_ref (body), .close = close, .owner = owner };
  *self->last = hold;
  self->last = &hold->next;
  g_hash_table_insert (self->counts, body, GUINT_TO_POINTER (count + 1));
  if (count == 0)
    add_bytes (self, (gssize) g_bytes_get_size (body));
}

void
syn_slow_release (SynSlowBodies *self, SynSlowHold *hold)
{
  GBytes *body = g_steal_pointer (&hold->body);
  guint count;

  if (body == NULL)
    return;
  *hold->pprev = hold->next;
  if (hold->next != NULL)
    hold->next->pprev = hold->pprev;
  else
    self->last = hold->pprev;
  count = GPOINTER_TO_UINT (g_hash_table_lookup (self->counts, body)) - 1;
  if (count > 0)
    g_hash_table_insert (self->counts, body, GUINT_TO_POINTER (count));
  else
    {
      g_hash_table_remove (self->counts, body);
      add_bytes (self, -(gssize) g_bytes_get_size (body));
    }
  g_bytes_unref (body);
}

gsize
syn_slow_bodies_get_bytes (SynSlowBodies *self)
{
  return self->bytes;
}

void
syn_slow_bodies_set_max (SynSlowBodies *self, gsize max_bytes)
{
  self->max_bytes = max_bytes;
}

static void
slow_bodies_free (gpointer data)
{
  SynSlowBodies *self = data;

  g_assert (self->first == NULL); /* the connections are gone */
  syn_lane_disarm (self->lane, &self->timer);
  g_hash_table_unref (self->counts);
  g_free (self);
}

SynSlowBodies *
syn_slow_bodies_for_lane (SynLane *lane)
{
  SynSlowBodies *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_SLOW);

  if (self != NULL)
    return self;
  self = g_new0 (SynSlowBodies, 1);
  self->lane = lane;
  self->last = &self->first;
  self->max_bytes = SYN_MAX_SLOW_BYTES;
  self->counts = g_hash_table_new (NULL, NULL);
  syn_lane_set_slot (lane, SYN_LANE_SLOT_SLOW, self, slow_bodies_free);
  return self;
}

void
syn_slow_bodies_register_metrics (void)
{
  held_bytes = syn_metric_register (SYN_METRIC_GAUGE, "slow_answers_bytes", "Bodies of answers that peers have not taken yet, each counted once for a lane.");
  closed = syn_metric_register (SYN_METRIC_COUNTER, "slow_answers_closed_total",
                                "Answers whose connection was closed because those were too many bytes, the oldest first.");
}
