/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Load shed by stretching the intervals of snapshots. On the lane whose they are.
 *
 * A lane that is busy for more than SYN_LANE_BUDGET_PERMILLE of the time that it can have (grain/syn-load.h: what other processes take is not counted), over
 * SYN_STRETCH_AFTER_MS, lets everything on it wait: polls, events, and snapshots that ten thousand look at, behind those that one does. What can be had
 * back is the CPU time that snapshots take, by making fewer.
 *
 * Which: the *cheapest to delay* are those that save the most CPU time for each reader who is delayed, µs per second / readers. A dear
 * question that one person asks goes first, a hot projection with thousands of readers last: so the least is taken from the fewest. As many are
 * doubled as bring the lane to SYN_LANE_TARGET_PERMILLE by what they cost now, up to syn_stretch_max times each; as each is cheaper then, its like come
 * before it is doubled again. Twice the interval is half the cost; nothing is saved of what comes more seldom than that by itself
 * (a lane that is full cannot tell: there, all come late, and by how late they come more is to be saved than its load says). Whoever is not polled costs nothing and is let alone; and nobody is delayed for nothing: not where all
 * snapshots together are less than SYN_STRETCH_WORTH_PERMILLE of the time (the events are too many), and not those that are left when they all could
 * save less than that share of what is still needed (the hot and cheap, when the dear ones were not enough).
 *
 * Back: below SYN_LANE_CALM_PERMILLE for SYN_STRETCH_BACK_MS, the other way round, as many as will fit under the target, and again after SYN_STRETCH_AFTER_MS
 * for as long as it stays calm. Between the two nothing changes; what was done is given its time to show before more is: only windows that began after the last change count.
 *
 * What a snapshot costs beyond its making (answers to those who wait on this very lane) is not known here, so to go back may turn out to be too much. Then it is stretched
 * again, and the way back is tried after twice the time, up to SYN_STRETCH_BACK_MAX_MS: an error of the estimate costs less and less often, and nothing swings.
 *
 * Rejected: delaying all alike (the hot one pays for the dear), refusing questions (they are asked already), priorities of turns (what is dear still
 * takes its time, and starves instead of being late by a known factor), and wall time as the cost of a snapshot (one that was made while another process had the core
 * would look dear). */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-stretch.h"
#include "syn-limits.h"
#include "syn-load.h"
#include "syn-projection-private.h"
#include "syn-stretch-private.h"

#define LOOK_MS (SYN_LOAD_WINDOW_US / 1000)
#define FIRST_GAP_MS 1000
#define NEAR_PERMILLE ((SYN_LANE_BUDGET_PERMILLE - SYN_LANE_TARGET_PERMILLE) / 2)
#define LEFT_MS 10000 /* one that made none for so long, and for four of its intervals, is stretched no more */

guint syn_stretch_max = SYN_STRETCH_MAX;

/* What it costs per second; 0 when it is not asked any more. */
static gint64
rate_of (const SynStretch *self, const SynStretched *item)
{
  return syn_lane_now_ms (self->lane) - item->made_ms > 2 * item->gap_ms + LOOK_MS ? 0 : item->rate_us;
}

/* What it would cost if the lane had the time: on one that is full snapshots come later than they should. How late is believed up to twice. */
static gint64
demand_of (const SynStretch *self, const SynStretched *item, gboolean is_full)
{
  gint64 rate_us = rate_of (self, item), base_ms = item->factor > 1 ? item->base_ms : item->interval_ms;
  gint64 due_ms = base_ms * item->factor;

  return is_full && due_ms > 0 ? rate_us * CLAMP (item->gap_ms, due_ms, 2 * due_ms) / due_ms : rate_us;
}

/* What doubling its interval would save of that. */
static gint64
saving_of (const SynStretch *self, const SynStretched *item, gboolean is_full)
{
  gint64 base_ms = item->factor > 1 ? item->base_ms : item->interval_ms;
  gint64 doubled_ms = 2 * base_ms * item->factor;

  if (item->factor * 2 > syn_stretch_max || (!is_full && doubled_ms > 0 && item->gap_ms >= doubled_ms))
    return 0;
  return demand_of (self, item, is_full) / 2;
}

typedef struct {
  SynStretched *item;
  gint64 us; /* a second, that a change is about */
} Choice;

/* The dearest per reader first. */
static int
compare (gconstpointer a, gconstpointer b)
{
  const Choice *one = a, *other = b;
  gint64 one_us = one->us * other->item->n_readers, other_us = other->us * one->item->n_readers;

  return one_us == other_us ? 0 : one_us > other_us ? -1 : 1;
}

static void
set_factor (SynStretch *self, SynStretched *item, guint factor)
{
  gint change = (factor > 1) - (item->factor > 1);

  if (item->factor == 1)
    {
      item->base_ms = item->interval_ms > 0 ? item->interval_ms : (guint) CLAMP (item->gap_ms, 1, FIRST_GAP_MS);
      item->since_us = syn_lane_real_us (self->lane);
    }
  self->n_stretched = (guint) ((gint) self->n_stretched + change);
  syn_metric_add (self->lane, syn_projection_metrics ()->stretched, change);
  if (factor > item->factor)
    syn_metric_add (self->lane, syn_projection_metrics ()->stretches, 1);
  item->rate_us = item->rate_us * item->factor / factor;
  item->gap_ms = MAX (item->gap_ms * factor / item->factor, 1);
  item->factor = factor;
  item->changed (item);
}

/* Those that could save something, @all_us: what all snapshots of the lane take of a second, @late_us: and would take more. */
static GArray *
find_savings (SynStretch *self, gboolean is_full, gint64 *all_us, gint64 *late_us)
{
  GArray *choices = g_array_new (FALSE, FALSE, sizeof (Choice));

  *all_us = *late_us = 0;
  for (SynStretched *item = self->items; item != NULL; item = item->next)
    {
      Choice choice = { item, saving_of (self, item, is_full) };

      *all_us += rate_of (self, item);
      *late_us += demand_of (self, item, is_full) - rate_of (self, item);
      if (choice.us > 0)
        g_array_append_val (choices, choice);
    }
  g_array_sort (choices, compare);
  return choices;
}

static void
stretch (SynStretch *self, const SynLoadShare *share)
{
  gint64 all_us, late_us, rest_us = 0; /* what those that are left could save together */
  gint64 near_us = NEAR_PERMILLE * share->had_permille; /* for so little nobody else is delayed */
  gint64 needed_us = ((gint64) share->permille - SYN_LANE_TARGET_PERMILLE) * share->had_permille;
  gint64 now_us = syn_lane_get_load (self->lane)->seen_us;
  g_autoptr (GArray) choices = find_savings (self, share->permille >= SYN_LANE_FULL_PERMILLE, &all_us, &late_us);
  gboolean any = FALSE;

  if (all_us < SYN_STRETCH_WORTH_PERMILLE * share->had_permille)
    return;
  needed_us += late_us;
  for (guint i = 0; i < choices->len; i++)
    rest_us += g_array_index (choices, Choice, i).us;
  for (guint i = 0; i < choices->len && needed_us > near_us && rest_us * 1000 >= needed_us * SYN_STRETCH_WORTH_PERMILLE; i++)
    {
      const Choice *choice = &g_array_index (choices, Choice, i);

      needed_us -= choice->us;
      rest_us -= choice->us;
      set_factor (self, choice->item, choice->item->factor * 2);
      choice->item->busy_permille = share->permille;
      any = TRUE;
    }
  if (!any || self->relaxed_us < 0)
    return;
  /* It was too much, or something else came. */
  self->back_ms = now_us - self->relaxed_us < 2 * self->back_ms * 1000 ? MIN (2 * self->back_ms, SYN_STRETCH_BACK_MAX_MS) : SYN_STRETCH_BACK_MS;
  self->relaxed_us = -1;
}

static void
relax (SynStretch *self, const SynLoadShare *share)
{
  gint64 room_us = (SYN_LANE_TARGET_PERMILLE - (gint64) share->permille) * share->had_permille;
  g_autoptr (GArray) choices = g_array_new (FALSE, FALSE, sizeof (Choice));

  for (SynStretched *item = self->items; item != NULL; item = item->next)
    {
      Choice choice = { item, rate_of (self, item) };

      if (item->factor > 1)
        g_array_append_val (choices, choice);
    }
  g_array_sort (choices, compare);
  for (guint i = choices->len; i-- > 0;)
    {
      const Choice *choice = &g_array_index (choices, Choice, i);

      if (choice->us > room_us)
        continue;
      room_us -= choice->us;
      set_factor (self, choice->item, choice->us == 0 ? 1 : choice->item->factor / 2);
      self->relaxed_us = syn_lane_get_load (self->lane)->seen_us;
    }
}

/* Nobody has asked those for long: whoever comes back begins anew. */
static void
forget_left (SynStretch *self)
{
  for (SynStretched *item = self->items; item != NULL; item = item->next)
    if (item->factor > 1 && syn_lane_now_ms (self->lane) - item->made_ms > MAX (LEFT_MS, 4 * item->gap_ms))
      set_factor (self, item, 1);
}

/* One more window of the lane's load. */
static void
look (SynStretch *self, const SynLoad *load)
{
  gint64 back_ms = self->relaxed_us >= 0 && self->relaxed_us == self->changed_us ? SYN_STRETCH_AFTER_MS : self->back_ms;
  SynLoadShare share;

  if (self->n_stretched > 0)
    forget_left (self);
  if (syn_load_look_back (load, SYN_STRETCH_AFTER_MS * 1000, self->changed_us, &share) && share.permille >= SYN_LANE_BUDGET_PERMILLE)
    {
      self->changed_us = load->seen_us;
      stretch (self, &share);
    }
  else if (self->n_stretched > 0 && syn_load_look_back (load, MIN (back_ms, SYN_STRETCH_BACK_MS) * 1000, self->changed_us, &share)
           && load->seen_us - self->changed_us >= back_ms * 1000 && share.permille < SYN_LANE_CALM_PERMILLE)
    {
      self->changed_us = load->seen_us;
      relax (self, &share);
    }
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
      self->back_ms = SYN_STRETCH_BACK_MS;
      self->relaxed_us = -1;
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
  item->set = NULL;
}

void
syn_stretch_spent (SynStretched *item, gint64 cpu_us)
{
  gint64 now_ms;

  if (item->set == NULL)
    return;
  now_ms = syn_lane_now_ms (item->set->lane);
  item->gap_ms = item->made_ms != 0 ? MAX (now_ms - item->made_ms, 1) : FIRST_GAP_MS;
  item->made_ms = now_ms;
  item->rate_us = (item->rate_us + cpu_us * 1000 / item->gap_ms) / 2;
  check (item->set);
}
