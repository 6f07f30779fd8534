/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Arithmetic of windows, on whatever thread owns the clock. Lateness by window (an event may count in some of its windows and be late for
 * others) was rejected: what of an event is in a pane could then not be merged into windows as a whole, and two windows over the same
 * time would disagree about what happened in it. */
#include "syn-window.h"

void
syn_window_clock_init (SynWindowClock *self, const SynProjectionSpec *spec)
{
  *self = (SynWindowClock) {
    .slide_us = spec->slide_us,
    .n_panes = spec->slide_us > 0 ? (guint) (spec->window_us / spec->slide_us) : 1,
    .keep_us = spec->keep_us,
    .late_us = spec->late_us,
  };
}

/* The start of the pane that holds @time_us, also before 1970; FALSE when 64 bits cannot say, or not that of the earliest window. */
static gboolean
pane_start (const SynWindowClock *self, gint64 time_us, gint64 *start_us)
{
  gint64 pane = time_us / self->slide_us;
  gint64 earliest;

  if (time_us % self->slide_us < 0)
    pane--;
  return !__builtin_sub_overflow (pane, (gint64) self->n_panes - 1, &earliest)
         && !__builtin_mul_overflow (earliest, self->slide_us, &earliest)
         && !__builtin_mul_overflow (pane, self->slide_us, start_us);
}

gboolean
syn_window_clock_get_gone (const SynWindowClock *self, gint64 *start_us)
{
  return self->has_newest && self->keep_us > 0 && !__builtin_sub_overflow (self->newest_start, self->keep_us, start_us);
}

gboolean
syn_window_clock_get_late (const SynWindowClock *self, gint64 *start_us)
{
  gboolean any = syn_window_clock_get_gone (self, start_us);
  gint64 closed_us;

  /* An event counts while start + slide + late >= newest. */
  if (self->has_newest && self->late_us >= 0 && !__builtin_sub_overflow (self->newest_us, self->slide_us + self->late_us + 1, &closed_us))
    {
      *start_us = any ? MAX (*start_us, closed_us) : closed_us;
      any = TRUE;
    }
  return any;
}

guint
syn_window_clock_assign (SynWindowClock *self, const ReplicaColumn *times, guint32 *events, guint n, gint64 *starts,
                         SynTableCounts *counts)
{
  gint64 late_us = 0;
  gboolean any_late = syn_window_clock_get_late (self, &late_us);
  guint kept = 0;

  for (guint i = 0; i < n; i++)
    {
      guint32 event = events[i];
      gint64 time_us = ((const gint64 *) times->data)[event];
      gint64 start_us;

      if (replica_column_is_null (times, event) || !pane_start (self, time_us, &start_us))
        {
          counts->untimed++;
          continue;
        }
      if (any_late && start_us <= late_us)
        {
          counts->late++;
          continue;
        }
      if (!self->has_newest || time_us > self->newest_us)
        {
          self->has_newest = TRUE;
          self->newest_us = time_us;
          self->newest_start = start_us;
          any_late = syn_window_clock_get_late (self, &late_us);
        }
      starts[kept] = start_us;
      events[kept++] = event;
    }
  return kept;
}

void
syn_window_clock_advance (SynWindowClock *self, const SynWindowClock *later)
{
  if (!later->has_newest || (self->has_newest && later->newest_us <= self->newest_us))
    return;
  self->has_newest = TRUE;
  self->newest_us = later->newest_us;
  self->newest_start = later->newest_start;
}
