/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A GSource with one movable deadline, for the links and views of a client: a handful per program, so that a
 * source each costs nothing (a server with thousands uses a wheel instead). Runs in the context it is
 * attached to.
 *
 * g_source_set_ready_time() would do, but it knows only the monotonic clock; here the clock is asked, so
 * that tests move time by hand and never sleep. */

#include "replica-timer.h"

typedef struct
{
  GSource source;
  const ReplicaClock *clock; /* (borrowed) */
  gint64 deadline_us;
  void (*func) (gpointer data);
  gpointer data;
} ReplicaTimer;

static gboolean
timer_prepare (GSource *source, int *timeout_ms)
{
  ReplicaTimer *self = (ReplicaTimer *) source;
  gint64 left_us;

  *timeout_ms = -1;
  if (self->deadline_us < 0)
    return FALSE;
  left_us = self->deadline_us - replica_clock_now_us (self->clock);
  if (left_us <= 0)
    return TRUE;
  *timeout_ms = (int) MIN ((left_us + 999) / 1000, G_MAXINT);
  return FALSE;
}

static gboolean
timer_check (GSource *source)
{
  int timeout_ms;

  return timer_prepare (source, &timeout_ms);
}

static gboolean
timer_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  ReplicaTimer *self = (ReplicaTimer *) source;

  self->deadline_us = -1;
  self->func (self->data);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs timer_funcs = { timer_prepare, timer_check, timer_dispatch, NULL, NULL, NULL };

GSource *
replica_timer_new (GMainContext *context,
                   const char *name,
                   const ReplicaClock *clock,
                   void (*func) (gpointer data),
                   gpointer data)
{
  GSource *source = g_source_new (&timer_funcs, sizeof (ReplicaTimer));
  ReplicaTimer *self = (ReplicaTimer *) source;

  self->clock = clock;
  self->deadline_us = -1;
  self->func = func;
  self->data = data;
  g_source_set_static_name (source, name);
  g_source_attach (source, context);
  return source;
}

void
replica_timer_set (GSource *timer, gint64 deadline_us)
{
  ReplicaTimer *self = (ReplicaTimer *) timer;

  /* No wake-up is needed: timers are set by the thread that runs their context. */
  self->deadline_us = deadline_us;
}

void
replica_timer_free (GSource *timer)
{
  g_source_destroy (timer);
  g_source_unref (timer);
}
