/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-batch.h"
#include "syn-source.h"

/* How far the events of one source have been taken in. An event counts once: what is given a second time (to an activation that was told
 * already, by one that could not know) is recognised by its sequence. A source whose numbering starts again says so by a greater epoch. */

G_BEGIN_DECLS

typedef struct {
  guint64 epoch;
  guint64 sequence; /* of the last event; 0: none */
  guint64 record;   /* of durable sources: of the journal, that of the last event */
} SynProgress;

/* Whether events of a durable source are missing before @batch: it must not be taken in, and comes again. */
static inline gboolean
syn_progress_has_gap (const SynProgress *self, SynEventBatch *batch)
{
  guint64 known = self->epoch == SYN_DURABLE_EPOCH ? self->sequence : 0;

  return syn_event_batch_get_epoch (batch) == SYN_DURABLE_EPOCH && syn_event_batch_get_first_sequence (batch) > known + 1
         && !syn_event_batch_get_origin (batch)->is_first;
}

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
