/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A silo without threads: see syn-silo-test.h. Lanes are stepped one after the other, a whole iteration each; or, with a seed, a parcel
 * or a turn at a time, of a lane that is drawn. */
#define G_LOG_DOMAIN "syn-silo"

#include "syn-silo-test.h"
#include "syn-silo-private.h"

void
syn_silo_stepped_clock (gint64 *monotonic_us, gint64 *real_us, gpointer user_data)
{
  SynSilo *self = user_data;

  if (monotonic_us != NULL)
    *monotonic_us = self->stepped_us;
  if (real_us != NULL)
    *real_us = SYN_STEPPED_START_REAL_US + (self->stepped_us - SYN_STEPPED_START_MS * 1000);
}

gint64
syn_silo_stepped_cpu_us (gpointer lane)
{
  return ((SynLane *) lane)->burnt_us;
}

SynSilo *
syn_silo_new_stepped (guint n_lanes, const char *data_dir, GError **error)
{
  SynSiloOptions options = { .n_lanes = n_lanes, .data_dir = data_dir };
  SynSilo *self = syn_silo_new (&options, error);

  if (self == NULL)
    return NULL;
  self->stepped = TRUE;
  self->stepped_us = SYN_STEPPED_START_MS * 1000;
  self->started_us = SYN_STEPPED_START_REAL_US;
  if (data_dir == NULL)
    {
      self->incarnation = (guint32) (SYN_STEPPED_START_REAL_US / G_USEC_PER_SEC);
      self->next_epoch = ((guint64) self->incarnation << 32) + 1;
    }
  for (guint i = 0; i < self->n_lanes; i++)
    syn_lane_set_clock (self->lanes[i], syn_silo_stepped_clock, syn_silo_stepped_cpu_us, self);
  return self;
}

gboolean
syn_silo_is_stepped (SynSilo *self)
{
  return self->stepped;
}

SynLane *
syn_silo_enter (SynSilo *self, SynLane *lane)
{
  g_return_val_if_fail (self->stepped, NULL);
  return syn_lane_enter (lane);
}

gboolean
syn_silo_step (SynSilo *self, SynLane *lane)
{
  SynLane *before;
  gboolean any;

  g_return_val_if_fail (self->stepped, FALSE);
  before = syn_lane_enter (lane);
  g_main_context_push_thread_default (lane->context);
  syn_lane_set_awake (lane, TRUE);
  any = g_main_context_iteration (lane->context, FALSE);
  syn_lane_set_awake (lane, FALSE);
  g_main_context_pop_thread_default (lane->context);
  syn_lane_enter (before);
  return any;
}

gboolean
syn_silo_step_all (SynSilo *self)
{
  gboolean any = syn_store_step (self->store);

  for (guint i = 0; i < self->n_lanes; i++)
    any = syn_silo_step (self, self->lanes[i]) || any;
  return syn_silo_step (self, self->front) || any;
}

/* ---- by seed ---- */

/* SplitMix64: any seed will do, and the sequence is the same everywhere. */
static guint64
draw (SynSilo *self)
{
  guint64 z = self->random += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ (z >> 31);
}

static gboolean
is_due (SynSilo *self, SynLane *lane)
{
  gint64 due_ms = syn_lane_next_due_ms (lane);

  return due_ms >= 0 && due_ms <= self->stepped_us / 1000;
}

static gboolean
is_ready (SynSilo *self, SynLane *lane)
{
  return syn_lane_has_work (lane) || is_due (self, lane);
}

/* The lane that runs now: one for a while of 1 to 32 steps, then another. A choice at each step would let all lanes come along
 * equally fast, and find only what lies a step or two apart. NULL: none has anything to do. */
static SynLane *
draw_lane (SynSilo *self)
{
  SynLane *ready[SYN_N_PARTITIONS + 1];
  guint n = 0;
  guint64 random;

  if (self->favoured != NULL && self->n_favoured > 0 && is_ready (self, self->favoured))
    {
      self->n_favoured--;
      return self->favoured;
    }
  for (guint i = 0; i <= self->n_lanes && n < G_N_ELEMENTS (ready); i++)
    {
      SynLane *lane = i < self->n_lanes ? self->lanes[i] : self->front;

      if (is_ready (self, lane))
        ready[n++] = lane;
    }
  if (n == 0)
    return NULL;
  random = draw (self);
  self->favoured = ready[random % n];
  self->n_favoured = (1u << (random >> 32) % 6) - 1;
  return self->favoured;
}

/* As little as there is of one lane that has something to do. FALSE: no lane has. */
static gboolean
step_drawn (SynSilo *self)
{
  SynLane *lane = draw_lane (self);
  guint64 random = draw (self);

  if (lane == NULL)
    return FALSE;
  if (is_due (self, lane) && (random % 4 == 0 || !syn_lane_has_work (lane)))
    syn_lane_run_timers (lane);
  else
    syn_lane_run_one (lane, random % 2 == 0);
  if (random / 4 % 8 == 0)
    syn_store_step (self->store); /* the disk is a party, too */
  return TRUE;
}

void
syn_silo_seed (SynSilo *self, guint64 seed)
{
  g_return_if_fail (self->stepped);
  self->seeded = seed != 0;
  self->random = seed;
  self->favoured = NULL;
}

guint64
syn_silo_search (guint64 first, guint n, gboolean (*holds) (guint64 seed, gpointer user_data), gpointer user_data)
{
  for (guint64 seed = first; seed < first + n; seed++)
    if (!holds (seed, user_data))
      {
        g_printerr ("# does not hold with seed %" G_GUINT64_FORMAT "\n", seed);
        return seed;
      }
  return 0;
}

/* ---- settling ---- */

/* Not beyond @end_us, when what runs burns time: a lane that has more to do than there is time does not settle. */
static void
settle (SynSilo *self, gint64 end_us)
{
  /* With a seed, whole steps only when no lane has anything to do: for sources that others attached, and what is left at the store. */
  for (guint round = 0; self->stepped_us <= end_us && ((self->seeded && step_drawn (self)) || syn_silo_step_all (self)); round++)
    if (round == 100000000 || (!self->seeded && round == 1000000))
      g_error ("the silo does not settle: something polls without progress");
}

void
syn_silo_settle (SynSilo *self)
{
  settle (self, G_MAXINT64);
}

void
syn_silo_burn (SynSilo *self, gint64 us)
{
  SynLane *lane = syn_lane_current ();

  g_return_if_fail (self->stepped && us >= 0 && lane != NULL);
  self->stepped_us += us;
  lane->burnt_us += us;
}

void
syn_silo_steal (SynSilo *self, gint64 us)
{
  g_return_if_fail (self->stepped && us >= 0);
  self->stepped_us += us;
}

gint64
syn_silo_stepped_now_ms (SynSilo *self)
{
  return self->stepped_us / 1000;
}

void
syn_silo_advance (SynSilo *self, gint64 ms)
{
  gint64 target_ms = self->stepped_us / 1000 + ms;

  g_return_if_fail (self->stepped && ms >= 0);
  settle (self, target_ms * 1000);
  while (self->stepped_us / 1000 < target_ms)
    {
      gint64 next_ms = target_ms;

      for (guint i = 0; i <= self->n_lanes; i++)
        {
          gint64 due_ms = syn_lane_next_due_ms (i < self->n_lanes ? self->lanes[i] : self->front);

          if (due_ms >= 0)
            next_ms = MIN (next_ms, due_ms);
        }
      self->stepped_us = MAX (next_ms, self->stepped_us / 1000 + 1) * 1000;
      settle (self, target_ms * 1000);
    }
}
