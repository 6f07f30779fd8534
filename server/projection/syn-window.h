/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"
#include "syn-table-counts.h"

/* The time of a projection's windows: which of them an event is in, and which it comes too late for.
 *
 * Time is cut into panes of `slide`, aligned to 1970. A pane's window is the one that begins with it; an event is in the window of its own
 * pane and in those of the every/slide - 1 panes before. The first of them to end is the earliest, and it ends with the event's pane; so one
 * rule for a pane says whether an event counts, in all of its windows or in none. */

G_BEGIN_DECLS

typedef struct {
  gint64 slide_us; /* 0: no windows */
  guint n_panes;   /* of a window: every/slide */
  gint64 keep_us;  /* 0: all */
  gint64 late_us;  /* -1: no bound but keep */
  gboolean has_newest;
  gint64 newest_us;    /* the latest time of any event that counted */
  gint64 newest_start; /* of its pane */
} SynWindowClock;

void syn_window_clock_init (SynWindowClock *self, const SynProjectionSpec *spec);
/* Gives each of the @n @events the start of its pane, and takes those out that count in none; adds to late and untimed of @counts. Event by
 * event, for what is late depends on what came before, not on how it was batched. Returns how many are left. */
guint syn_window_clock_assign (SynWindowClock *self, const ReplicaColumn *times, guint32 *events, guint n, gint64 *starts,
                               SynTableCounts *counts);
/* What @later has seen, which came after. */
void syn_window_clock_advance (SynWindowClock *self, const SynWindowClock *later);
/* Events of panes that start at *@start_us or before come too late. FALSE: none does. */
gboolean syn_window_clock_get_late (const SynWindowClock *self, gint64 *start_us);
/* Windows that start at *@start_us or before are gone. FALSE: none is. */
gboolean syn_window_clock_get_gone (const SynWindowClock *self, gint64 *start_us);

G_END_DECLS
