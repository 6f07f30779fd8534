/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-histogram.h"

/* The snapshots of one projection that any of many views has seen lately, by when they were made. A view that comes late gets the newest
 * only; what it skipped is known here, and counted as arriving with it, so that slow views do not count less often
 * because they are slow (coordinated omission). Nothing is allocated after it is zeroed. */

G_BEGIN_DECLS

#define CTL_TIMELINE_MAX 512

typedef struct
{
  gint64 made_us;
  guint n_have; /* views that have it or a newer one, and held an older one before */
} CtlTimelineEntry;

typedef struct
{
  guint n;
  CtlTimelineEntry entries[CTL_TIMELINE_MAX]; /* the oldest first */
} CtlTimeline;

/* A view that held what was made at @held_us (0: nothing) has now, at @now_us of the same clock, what was made at @made_us. Adds to
 * @ages what each snapshot in between took to arrive, with this one. Returns how many it skipped. With @complete (called with when it was made) each of which
 * that was the last of @n_views to have it. */
guint ctl_timeline_arrived (CtlTimeline *self, gint64 held_us, gint64 made_us, gint64 now_us, guint n_views, CtlHistogram *ages,
                            void (*complete) (gint64 made_us, gpointer data), gpointer data);

G_END_DECLS
