/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"
#include "replica-wire.h"

/* The binary forms of a snapshot, as they go over the wire: in full, or as what changed since another snapshot; either of them also
 * compressed. Each is made at most once, when first asked for, and shared by everyone. Internal to the repository. */

G_BEGIN_DECLS

/**
 * ReplicaForm:
 * @form: %REPLICA_WIRE_FORM_FULL or %REPLICA_WIRE_FORM_DELTA
 * @bytes: (owned)
 * @zstd: (owned) (atomic) (nullable): compressed; for replica_form_get_zstd()
 *
 * Belongs to its snapshot. Immutable.
 */
typedef struct
{
  guint8 form;
  GBytes *bytes;
  GBytes *zstd;
} ReplicaForm;

/**
 * replica_form_peek_zstd:
 * @zstd: (out) (transfer none) (nullable): the compressed form; %NULL: compressing does not pay
 *
 * Returns: whether that is known already
 */
gboolean replica_form_peek_zstd (const ReplicaForm *self, GBytes **zstd);

/**
 * replica_form_get_zstd:
 * @is_new: (out) (optional): whether it was compressed just now
 *
 * Any thread, without a lock. Two threads that are the first to ask may both do the work.
 *
 * Returns: (transfer none) (nullable): the body of a message of form @form + %REPLICA_WIRE_FORM_ZSTD; %NULL: compressing does not pay
 */
GBytes *replica_form_get_zstd (const ReplicaForm *self, gboolean *is_new);

const ReplicaForm *replica_snapshot_get_full (ReplicaSnapshot *self);

/**
 * replica_snapshot_set_stretched_ms:
 *
 * Of one that was built just now: before anybody else has it, or any form of it was made (then nothing happens).
 */
void replica_snapshot_set_stretched_ms (ReplicaSnapshot *self, guint interval_ms);

/**
 * replica_snapshot_get_delta:
 * @base: an older snapshot of the same projection; looked up by its token
 * @is_new: (out) (optional): whether it was made just now
 *
 * Any thread, without a lock. Two threads that are the first to ask may both make it.
 *
 * Returns: (transfer none) (nullable): the delta; %NULL: send it in full (that is found out once, too)
 */
const ReplicaForm *replica_snapshot_get_delta (ReplicaSnapshot *self, ReplicaSnapshot *base, gboolean *is_new);

/**
 * replica_snapshot_peek_delta:
 * @delta: (out) (transfer none) (nullable): as replica_snapshot_get_delta() gives
 *
 * Returns: whether that is known already
 */
gboolean replica_snapshot_peek_delta (ReplicaSnapshot *self, ReplicaSnapshot *base, const ReplicaForm **delta);

/**
 * replica_snapshot_new_bare:
 *
 * The same snapshot, without any form that was made of it (text, deltas, compressed): for whoever keeps it for its bytes. Those are shared.
 *
 * Returns: (transfer full)
 */
ReplicaSnapshot *replica_snapshot_new_bare (ReplicaSnapshot *self);

G_END_DECLS
