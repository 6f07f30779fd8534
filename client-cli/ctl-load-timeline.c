/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A sorted array: what arrives is nearly always the newest or the one before it, so the search from the end takes a step or two. */

#include "ctl-load-timeline.h"

#include <string.h>

/* Where @made_us is; put in, if nobody had seen it. */
static guint
find_or_insert (CtlTimeline *self, gint64 made_us)
{
  guint at = self->n;

  while (at > 0 && self->entries[at - 1].made_us > made_us)
    at--;
  if (at > 0 && self->entries[at - 1].made_us == made_us)
    return at - 1;
  if (self->n == CTL_TIMELINE_MAX)
    {
      /* The oldest goes. */
      if (at == 0)
        return 0;
      memmove (self->entries, self->entries + 1, (self->n - 1) * sizeof *self->entries);
      self->n--;
      at--;
    }
  memmove (self->entries + at + 1, self->entries + at, (self->n - at) * sizeof *self->entries);
  /* Whoever has a newer one has had it, as far as anybody is asked: those are counted there. */
  self->entries[at] = (CtlTimelineEntry) { .made_us = made_us, .n_have = at < self->n ? self->entries[at + 1].n_have : 0 };
  self->n++;
  return at;
}

guint
ctl_timeline_arrived (CtlTimeline *self, gint64 held_us, gint64 made_us, gint64 now_us, guint n_views, CtlHistogram *ages,
                      void (*complete) (gint64 made_us, gpointer data), gpointer data)
{
  guint at = find_or_insert (self, made_us), skipped = 0;

  if (held_us == 0)
    return 0; /* what came before it was there was nothing to it */
  for (guint i = at + 1; i-- > 0 && self->entries[i].made_us > held_us;)
    {
      CtlTimelineEntry *entry = &self->entries[i];

      if (entry->made_us > made_us)
        continue;
      ctl_histogram_add (ages, now_us - entry->made_us);
      skipped += entry->made_us < made_us;
      if (++entry->n_have == n_views && complete != NULL)
        complete (entry->made_us, data);
    }
  return skipped;
}
