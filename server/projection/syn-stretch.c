/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Load shed by stretching the intervals of snapshots. On the lane whose they are.
 *
 * A lane that is busy for more than SYN_LANE_BUDGET_PERMILLE of its time for SYN_STRETCH_AFTER_MS lets everything on it wait: polls, events,
 * and snapshots that ten thousand look at, behind those that one does. What can be had back is the time that snapshots take, by making fewer.
 *
 * Which: the *cheapest to delay* are those that save the most CPU time for each reader who is delayed, µs per second / readers. A dear
 * question that one person asks goes first, a hot projection with thousands of readers last: so the least is taken from the fewest. As many are
 * doubled as bring the lane to SYN_LANE_TARGET_PERMILLE by what they cost now (twice the interval is half the cost), up to SYN_STRETCH_MAX times
 * each. Whoever is not polled costs nothing and is let alone; and nobody is delayed for nothing: not where all snapshots together are less than
 * SYN_STRETCH_WORTH_PERMILLE of the time (the events are too many), and not those that are left when they all could save less than that share of
 * what is still needed (the hot and cheap, when the dear ones were not enough).
 *
 * Back: below SYN_LANE_CALM_PERMILLE for SYN_STRETCH_BACK_MS, the other way round, as many as will fit under the target. Between the two nothing changes;
 * what was done is given its time to show before more is.
 *
 * Rejected: delaying all alike (the hot one pays for the dear), refusing questions (they are asked already), and priorities of turns (what is dear still
 * takes its time, and starves instead of being late by a known factor). */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-stretch.h"
#include "syn-limits.h"
#include "syn-load.h"
#include "syn-projection-private.h"

#define LOOK_MS (SYN_LOAD_WINDOW_US / 1000)
#define FIRST_GAP_MS 1000

struct _SynStretch {
  SynLane *lane;
  SynStretched *items;
  guint n_items, n_stretched;
  guint n_windows;      /* of the lane's load that were looked at */
  gint64 over_since_us; /* -1: it is not */
  gint64 calm_since_us; /* -1: it is not */
  SynTimer look;        /* armed while something is stretched */
};

/* What it costs per second; 0 when it is not asked any more. */
static gint64
rate_of (const SynStretch *self, const SynStretched *item)
{
  return syn_lane_now_ms (self->lane) - item->made_ms > 2 * item->gap_ms + LOOK_MS ? 0 : item->rate_us;
}

/* The dearest per reader first. */
static int
compare (gconstpointer a, gconstpointer b)
{
  const SynStretched *one = *(SynStretched *const *) a, *other = *(SynStretched *const *) b;
  gint64 one_us = one->rate_us * other->n_readers, other_us = other->rate_us * one->n_readers;

  return one_us == other_us ? 0 : one_us > other_us ? -1 : 1;
}

static GPtrArray *
sort_items (SynStretch *self)
{
  GPtrArray *sorted = g_ptr_array_sized_new (self->n_items);

  for (SynStretched *item = self->items; item != NULL; item = item->next)
    g_ptr_array_add (sorted, item);
  g_ptr_array_sort (sorted, compare);
  return sorted;
}

static void
set_factor (SynStretch *self, SynStretched *item, guint factor)
{
  gint change = (factor > 1) - (item->factor > 1);

  self->n_stretched = (guint) ((gint) self->n_stretched + change);
  syn_metric_add (self->lane, syn_projection_metrics ()->stretched, change);
  if (factor > item->factor)
    syn_metric_add (self->lane, syn_projection_metrics ()->stretches, 1);
  item->rate_us = item->rate_us * item->factor / factor;
  item->gap_ms = item->gap_ms * factor / item->factor;
  item->factor = factor;
  item->changed (item);
}

static void
stretch (SynStretch *self, guint permille)
{
  g_autoptr (GPtrArray) sorted = sort_items (self);
  gint64 needed_us = ((gint64) permille - SYN_LANE_TARGET_PERMILLE) * 1000, all_us = 0;
  gint64 rest_us = 0; /* what those that are left could save together */

  for (guint i = 0; i < sorted->len; i++)
    {
      const SynStretched *item = sorted->pdata[i];

      all_us += rate_of (self, item);
      rest_us += item->factor < SYN_STRETCH_MAX ? rate_of (self, item) / 2 : 0;
    }
  if (all_us < SYN_STRETCH_WORTH_PERMILLE * 1000)
    return;
  for (guint i = 0; i < sorted->len && needed_us > 0 && rest_us * 1000 >= needed_us * SYN_STRETCH_WORTH_PERMILLE; i++)
    {
      SynStretched *item = sorted->pdata[i];
      gint64 rate_us = rate_of (self, item);

      if (rate_us == 0 || item->factor >= SYN_STRETCH_MAX)
        continue;
      needed_us -= rate_us / 2;
      rest_us -= rate_us / 2;
      set_factor (self, item, item->factor * 2);
    }
}

static void
relax (SynStretch *self, guint permille)
{
  g_autoptr (GPtrArray) sorted = sort_items (self);
  gint64 room_us = (SYN_LANE_TARGET_PERMILLE - (gint64) permille) * 1000;

  for (guint i = sorted->len; i-- > 0;)
    {
      SynStretched *item = sorted->pdata[i];
      gint64 more_us = rate_of (self, item);

      if (item->factor == 1 || more_us > room_us)
        continue;
      room_us -= more_us;
      set_factor (self, item, more_us == 0 ? 1 : item->factor / 2);
    }
}

/* One more window of the lane's load. */
static void
look (SynStretch *self, const SynLoad *load)
{
  gint64 now_us = load->seen_us;
  gboolean is_over = load->permille >= SYN_LANE_BUDGET_PERMILLE, is_calm = load->permille < SYN_LANE_CALM_PERMILLE;

  self->over_since_us = !is_over ? -1 : self->over_since_us < 0 ? now_us - SYN_LOAD_WINDOW_US : self->over_since_us;
  self->calm_since_us = !is_calm ? -1 : self->calm_since_us < 0 ? now_us - SYN_LOAD_WINDOW_US : self->calm_since_us;
  if (is_over && now_us - self->over_since_us >= SYN_STRETCH_AFTER_MS * 1000)
    stretch (self, load->permille);
  else if (is_calm && self->n_stretched > 0 && now_us - self->calm_since_us >= SYN_STRETCH_BACK_MS * 1000)
    relax (self, load->permille);
  else
    return;
  self->over_since_us = self->calm_since_us = -1;
}

static void check (SynStretch *self);

static void
look_again (SynTimer *timer, gpointer user_data)
{
  check (user_data);
}

static void
check (SynStretch *self)
{
  const SynLoad *load = syn_lane_get_load (self->lane);

  if (load->n_windows != self->n_windows)
    {
      self->n_windows = load->n_windows;
      look (self, load);
    }
  if (self->n_stretched == 0)
    syn_lane_disarm (self->lane, &self->look);
  else if (!syn_timer_is_armed (&self->look))
    syn_lane_arm (self->lane, &self->look, LOOK_MS, look_again, self);
}

static void
stretch_free (gpointer data)
{
  SynStretch *self = data;

  for (SynStretched *item = self->items; item != NULL; item = item->next)
    item->set = NULL;
  syn_lane_disarm (self->lane, &self->look);
  g_free (self);
}

void
syn_stretch_add (SynLane *lane, SynStretched *item)
{
  SynStretch *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_STRETCH);

  if (self == NULL)
    {
      self = g_new0 (SynStretch, 1);
      self->lane = lane;
      self->over_since_us = self->calm_since_us = -1;
      syn_lane_set_slot (lane, SYN_LANE_SLOT_STRETCH, self, stretch_free);
    }
  item->set = self;
  item->factor = 1;
  item->n_readers = 1;
  item->next = self->items;
  if (item->next != NULL)
    item->next->pprev = &item->next;
  item->pprev = &self->items;
  self->items = item;
  self->n_items++;
}

void
syn_stretch_remove (SynStretched *item)
{
  SynStretch *self = item->set;

  if (self == NULL)
    return; /* the lane has ended */
  if (item->factor > 1)
    {
      self->n_stretched--;
      syn_metric_add (self->lane, syn_projection_metrics ()->stretched, -1);
    }
  *item->pprev = item->next;
  if (item->next != NULL)
    item->next->pprev = item->pprev;
  self->n_items--;
  item->set = NULL;
}

void
syn_stretch_spent (SynStretched *item, gint64 us)
{
  gint64 now_ms;

  if (item->set == NULL)
    return;
  now_ms = syn_lane_now_ms (item->set->lane);
  item->gap_ms = item->made_ms != 0 ? MAX (now_ms - item->made_ms, 1) : FIRST_GAP_MS;
  item->made_ms = now_ms;
  item->rate_us = (item->rate_us + us * 1000 / item->gap_ms) / 2;
  check (item->set);
}
