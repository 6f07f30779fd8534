/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-batch.h"

/* How far the events of one source have been taken in. An event counts once: what is given a second time (to an activation that was told
 * already, by one that could not know) is recognised by its sequence. A source whose numbering starts again says so by a greater epoch. */

G_BEGIN_DECLS

typedef struct {
  guint64 epoch;
  guint64 sequence; /* of the last event; 0: none */
} SynProgress;

/* How many events at the beginning of @batch were taken in before. */
static inline guint
syn_progress_get_known (const SynProgress *self, SynEventBatch *batch)
{
  guint64 epoch = syn_event_batch_get_epoch (batch), first = syn_event_batch_get_first_sequence (batch);
  guint n_events = syn_event_batch_get_n_events (batch);

  if (epoch > self->epoch || (epoch == self->epoch && first > self->sequence))
    return 0;
  if (epoch < self->epoch || first + n_events - 1 <= self->sequence)
    return n_events;
  return (guint) (self->sequence - first + 1);
}

G_END_DECLS
