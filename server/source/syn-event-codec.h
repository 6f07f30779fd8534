/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"
#include "syn-event-batch.h"

/* The bytes of a batch of events, as the journal keeps them: a snapshot's wire form (docs/protocol.md), whose path is the source's name,
 * whose token is the epoch and the first sequence, whose time is the arrival, and whose frontier is the producer with the number of its request. So it says itself what its columns are called and of
 * what type they are: it can be read without the catalog it was written under, and by one that has changed since. Any thread. */

G_BEGIN_DECLS

/* Those that the batch has already (syn_event_batch_get_form()) get its numbering, and no copy is made.
 * Errors name the source: TOO_LARGE (REPLICA_SNAPSHOT_MAX_BYTES), INVALID (a double that is no finite number: it would not come back). */
GBytes *syn_event_codec_encode (SynEventBatch *batch, GError **error);
/* Checks all of @bytes, and copies nothing: the batch keeps @bytes. Fields are found by their names: one that was not there then is null in
 * all events, one that the source no longer has is left out. @source outlives the batch. Errors name the source: INVALID (a field that has
 * another type now: also the field and both types), INTERNAL (not the bytes of a batch of this source). */
SynEventBatch *syn_event_codec_decode (const SynSourceSpec *source, GBytes *bytes, GError **error);
/* The batch that @snapshot's columns are: @columns has one for each of @source's fields, of its type and width; NULL: the field is null in all events.
 * The batch keeps @snapshot, and has its producer if it names one; its numbering is the caller's business. */
SynEventBatch *syn_event_codec_wrap (const SynSourceSpec *source, ReplicaSnapshot *snapshot, const ReplicaColumn *const *columns);

G_END_DECLS
