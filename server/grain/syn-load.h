/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How busy a thread is: the share of its time in which it does not sleep, told for each window that has passed. Asleep is what it spends in its poll();
 * so a lane that has more to do than it gets of a core is busy all the time, whoever has the rest (its CPU time would say half). */

G_BEGIN_DECLS

typedef struct _SynLoad {
  gint64 began_us;   /* of the window that runs */
  gint64 busy_us;    /* in it, up to @seen_us */
  gint64 seen_us;    /* up to when it is accounted for */
  gint64 total_us;   /* busy since the beginning */
  guint n_windows;   /* that have ended: a new one has something new to say */
  guint permille;    /* busy, of the last that ended */
  gboolean is_awake;
} SynLoad;

#define SYN_LOAD_WINDOW_US 500000 /* at least so long; one ends when the thread next falls asleep or wakes */

static inline void
syn_load_account (SynLoad *self, gint64 now_us)
{
  gint64 passed_us = MAX (now_us - self->seen_us, 0);

  if (self->is_awake)
    {
      self->busy_us += passed_us;
      self->total_us += passed_us;
    }
  self->seen_us = MAX (now_us, self->seen_us);
  if (self->seen_us - self->began_us < SYN_LOAD_WINDOW_US)
    return;
  self->permille = (guint) (self->busy_us * 1000 / (self->seen_us - self->began_us));
  self->n_windows++;
  self->began_us = self->seen_us;
  self->busy_us = 0;
}

static inline void
syn_load_begin (SynLoad *self, gint64 now_us)
{
  *self = (SynLoad) { .began_us = now_us, .seen_us = now_us };
}

static inline void
syn_load_set_awake (SynLoad *self, gboolean is_awake, gint64 now_us)
{
  syn_load_account (self, now_us);
  self->is_awake = is_awake;
}

G_END_DECLS
