/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

/* A snapshot as what changed since another one: docs/protocol.md, "The layout of a delta". Internal to the repository. Pure functions,
 * any thread. */

G_BEGIN_DECLS

/**
 * replica_delta_make:
 * @base: the snapshot that the reader has
 * @result: another one of the same projection
 *
 * Linear in the size of both, at about the speed of memcmp().
 *
 * Returns: (transfer full) (nullable): the delta; %NULL: @result itself is what to send, for the delta would have more than three
 *   quarters of its bytes, the columns are others, or one of the two is not laid out part by part without a gap
 */
GBytes *replica_delta_make (ReplicaSnapshot *base, ReplicaSnapshot *result);

/**
 * replica_delta_apply:
 * @base: the snapshot that the reader has
 * @delta: bytes from anywhere
 *
 * What comes out is byte for byte what the delta was made from, or nothing comes out: the hash says so. It is checked as any snapshot
 * besides, so that a hostile delta can do no more than a hostile snapshot. It has at most as many bytes as @base and @delta together.
 *
 * Returns: (transfer full): the snapshot, or %NULL with %REPLICA_ERROR_PROTOCOL: ask for it in full
 */
ReplicaSnapshot *replica_delta_apply (ReplicaSnapshot *base, GBytes *delta, GError **error);

G_END_DECLS
