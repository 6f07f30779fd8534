/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timers of grains: each has one message of its own, which is queued when it is due like any request, and is armed again when that
 * request has ended. So ticks never pile up, and interleave as their method says. On the grain's lane.
 *
 * Rejected: a message made per tick (two that wait at once), a period from due time to due time (a slow grain would do nothing else). */
#define G_LOG_DOMAIN "syn-tick"

#include "syn-silo-private.h"

struct _SynTick {
  SynMessage message; /* first; WAITS and OPEN as any; else ENDED */
  SynTimer timer;
  SynGrain *grain;
  SynTick *next;
  guint number;
  guint period_ms;
  gboolean stopped; /* no longer its grain's: freed when its request ends */
};

static void
due_cb (SynTimer *timer, gpointer user_data)
{
  SynTick *self = user_data;
  SynMessage *message = &self->message;

  message->v.long_key = NULL;
  message->is_told = FALSE;
  message->n_filters = 0;
  syn_grain_queue (self->grain, message);
  if (!self->grain->deferred)
    syn_grain_make_runnable (self->grain);
}

static void
unlink_tick (SynTick *self)
{
  for (SynTick **at = &self->grain->ticks; *at != NULL; at = &(*at)->next)
    if (*at == self)
      {
        *at = self->next;
        return;
      }
}

/* It is unlinked already. */
static void
stop (SynTick *self)
{
  syn_lane_disarm (self->grain->lane, &self->timer);
  self->stopped = TRUE;
  if (self->message.stage == SYN_MESSAGE_OPEN)
    return;
  if (self->message.stage == SYN_MESSAGE_WAITS)
    syn_grain_unqueue (self->grain, &self->message);
  g_free (self);
}

/* Its request has ended. */
void
syn_tick_ended (SynMessage *message)
{
  SynTick *self = (SynTick *) message;

  if (!self->stopped && self->period_ms != 0)
    {
      syn_lane_arm (self->grain->lane, &self->timer, self->period_ms, due_cb, self);
      return;
    }
  if (!self->stopped)
    unlink_tick (self);
  g_free (self);
}

void
syn_grain_end_ticks (SynGrain *self)
{
  SynTick *tick;

  while ((tick = self->ticks) != NULL)
    {
      self->ticks = tick->next;
      stop (tick);
    }
}

guint
syn_grain_start_timer (SynGrain *self, int method, guint due_ms, guint period_ms)
{
  SynTick *tick;

  g_return_val_if_fail (!self->ended, 0);
  tick = g_new0 (SynTick, 1);
  tick->message.method = (gint16) method;
  tick->message.is_tick = TRUE;
  tick->message.stage = SYN_MESSAGE_ENDED;
  tick->grain = self;
  tick->number = ++self->n_ticks;
  tick->period_ms = period_ms;
  tick->next = self->ticks;
  self->ticks = tick;
  syn_lane_arm (self->lane, &tick->timer, due_ms, due_cb, tick);
  return tick->number;
}

/**
 * syn_grain_stop_timer:
 * @timer: its number; one that has ended is ignored
 *
 * A tick that waits is dropped; one that is open ends as it would.
 */
void
syn_grain_stop_timer (SynGrain *self, guint timer)
{
  for (SynTick *tick = self->ticks; tick != NULL; tick = tick->next)
    if (tick->number == timer)
      {
        unlink_tick (tick);
        stop (tick);
        return;
      }
}
