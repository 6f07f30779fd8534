/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"

/* A batch of events, columnar and immutable: what crosses from a source to its projections, and later to the journal.
 * Refcounted atomically. Column i is field i of the source; strings are dictionary-coded within the batch (each
 * distinct string once); decimals have width 8. */

G_BEGIN_DECLS

typedef struct _SynEventBatch SynEventBatch;

SynEventBatch *syn_event_batch_ref (SynEventBatch *self);
void syn_event_batch_unref (SynEventBatch *self);
const SynSourceSpec *syn_event_batch_get_source (SynEventBatch *self);
guint syn_event_batch_get_n_events (SynEventBatch *self);
const ReplicaColumn *const *syn_event_batch_get_columns (SynEventBatch *self); /* n_fields of them */
gint64 syn_event_batch_get_arrival_us (SynEventBatch *self);
gsize syn_event_batch_get_size_bytes (SynEventBatch *self); /* of its memory */
/* Of the numbering that the sequences are of: a source that starts again at 1 has a greater one than before. */
guint64 syn_event_batch_get_epoch (SynEventBatch *self);
void syn_event_batch_set_epoch (SynEventBatch *self, guint64 epoch); /* before the batch is shared */
/* What a batch of a durable source is in the journal; all zeros for others. Set before the batch is shared. */
typedef struct {
  guint64 record;     /* the number of its record, in the log of its source's partition */
  guint64 replay_end; /* of a batch that is replayed: the source's last sequence when that began; 0: it is new */
  gboolean is_first;  /* what was before it is not in the journal any more: it may be taken after a gap */
} SynEventOrigin;
const SynEventOrigin *syn_event_batch_get_origin (SynEventBatch *self);
void syn_event_batch_set_origin (SynEventBatch *self, const SynEventOrigin *origin);
/* Sequences of its first and last event, from 1; set by the source's grain before the batch is shared. */
guint64 syn_event_batch_get_first_sequence (SynEventBatch *self);
guint64 syn_event_batch_get_last_sequence (SynEventBatch *self);
void syn_event_batch_set_first_sequence (SynEventBatch *self, guint64 sequence, gint64 arrival_us);

/* Who published it and the number of the request, where that was given; set before the batch is shared. */
const char *syn_event_batch_get_producer (SynEventBatch *self, guint64 *number); /* (nullable) */
void syn_event_batch_set_producer (SynEventBatch *self, const char *producer, guint64 number);

/* A batch over memory that somebody else made: @columns (as many as @source has fields, of their types and names; copied) point into
 * what @keep is, which @free_keep frees with the batch. */
SynEventBatch *syn_event_batch_new_from_columns (const SynSourceSpec *source, guint n_events, const ReplicaColumn *columns, gsize size_bytes,
                                                 gpointer keep, GDestroyNotify free_keep);

/* The bytes of syn-event-codec.h that its columns point into, where they came so. Before the batch is journalled nobody else has them: what numbers it
 * writes into their head. Takes @bytes. */
void syn_event_batch_set_form (SynEventBatch *self, GBytes *bytes);
GBytes *syn_event_batch_get_form (SynEventBatch *self); /* (transfer none) (nullable) */

/* ---- building: one thread ---- */
typedef struct _SynEventBuilder SynEventBuilder;
SynEventBuilder *syn_event_builder_new (const SynSourceSpec *source);
void syn_event_builder_free (SynEventBuilder *self);
/* The current event's fields (unset ones are null), then commit or abandon it. Setters check nothing. */
void syn_event_builder_set_int64 (SynEventBuilder *self, guint field, gint64 value); /* bool, int64, decimal (unscaled), timestamp */
void syn_event_builder_set_double (SynEventBuilder *self, guint field, double value);
void syn_event_builder_set_string (SynEventBuilder *self, guint field, const char *text, gsize length);
gboolean syn_event_builder_is_set (SynEventBuilder *self, guint field);
void syn_event_builder_commit (SynEventBuilder *self);
void syn_event_builder_abandon (SynEventBuilder *self);
guint syn_event_builder_get_n_events (SynEventBuilder *self);
/* Takes what was committed as a batch, or NULL when nothing was; the builder is empty and reusable. */
SynEventBatch *syn_event_builder_take (SynEventBuilder *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynEventBatch, syn_event_batch_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynEventBuilder, syn_event_builder_free)

G_END_DECLS
