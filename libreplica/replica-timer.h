/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A deadline that can be moved, on a clock that can be replaced. Internal to the repository. */

G_BEGIN_DECLS

/**
 * ReplicaClock:
 * @now_us: (nullable): the time in µs; %NULL: g_get_monotonic_time()
 * @data: for it
 */
typedef struct
{
  gint64 (*now_us) (gpointer data);
  gpointer data;
} ReplicaClock;

static inline gint64
replica_clock_now_us (const ReplicaClock *clock)
{
  return clock->now_us != NULL ? clock->now_us (clock->data) : g_get_monotonic_time ();
}

/* A source attached to @context, idle until replica_timer_set(). @clock is borrowed and must outlive the
 * source.
 * @func is called once per deadline, with the timer off again. */
GSource *replica_timer_new (GMainContext *context,
                            const char *name,
                            const ReplicaClock *clock,
                            void (*func) (gpointer data),
                            gpointer data);
void replica_timer_set (GSource *timer, gint64 deadline_us); /* -1: off */
/* Destroys and unrefs: `g_clear_pointer (&timer, replica_timer_free)`. */
void replica_timer_free (GSource *timer);

G_END_DECLS
