/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The timer wheel of a lane: every hold, idle age, cap and period of the lane. Hierarchical, 1 ms ticks; O(1) insert
 * and cancel; no allocation (timers are embedded in what they time). Knows no clock: the lane tells it the time, so
 * that tests inject one. Not thread-safe. */

G_BEGIN_DECLS

typedef struct _SynWheel SynWheel;
typedef struct _SynTimer SynTimer;
typedef void (*SynTimerFunc) (SynTimer *timer, gpointer user_data);

struct _SynTimer {
  SynTimer *next, **pprev; /* pprev: NULL when not armed */
  gint64 due_ms;
  SynTimerFunc func;
  gpointer user_data;
};

SynWheel *syn_wheel_new (gint64 now_ms);
void syn_wheel_free (SynWheel *self); /* disarms what is left */
/* Arms (or re-arms) @timer to fire at @due_ms (at once, in the next advance, when that is past). */
void syn_wheel_arm (SynWheel *self, SynTimer *timer, gint64 due_ms, SynTimerFunc func, gpointer user_data);
void syn_wheel_disarm (SynWheel *self, SynTimer *timer); /* also when not armed */
static inline gboolean syn_timer_is_armed (const SynTimer *timer) { return timer->pprev != NULL; }
/* Fires all that is due; callbacks may arm and disarm anything. Returns the number fired. */
guint syn_wheel_advance (SynWheel *self, gint64 now_ms);
/* When something may next be due (never later than the true time), or -1 when nothing is armed. */
gint64 syn_wheel_next_ms (SynWheel *self);

G_END_DECLS
