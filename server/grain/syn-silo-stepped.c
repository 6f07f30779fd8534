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
    syn_lane_set_clock (self->lanes[i], syn_silo_stepped_clock, self);
  return self;
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
  any = g_main_context_iteration (lane->context, FALSE);
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

void
syn_silo_settle (SynSilo *self)
{
  for (guint round = 0; syn_silo_step_all (self); round++)
    if (round == 1000000)
      g_error ("the silo does not settle: something polls without progress");
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
  syn_silo_settle (self);
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
      syn_silo_settle (self);
    }
}
