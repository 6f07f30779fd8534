/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-form.h"

/* A form of a snapshot, compressed: docs/protocol.md, "A compressed form". Internal to the repository. Any thread. */

G_BEGIN_DECLS

/* Fewer bytes are not compressed: what they could save fits the packet that they take anyhow. */
#define REPLICA_ZSTD_MIN_BYTES 1024
/* A form that would shrink further than to this part of itself is sent as it is, and one that claims to is refused, so that who
 * sends little cannot make the reader allocate without end. */
#define REPLICA_ZSTD_MAX_RATIO 4096

/**
 * replica_zstd_compress:
 * @plain: a snapshot in full or as a delta
 *
 * At zstd's level 1, which on tables of numbers is where more work stops to pay (bench/delta). Takes about 5 ms a megabyte.
 *
 * Returns: (transfer full) (nullable): the body of a message; %NULL: it is not worth it (less than an eighth is saved, it
 *   is too small, or it would shrink too far)
 */
GBytes *replica_zstd_compress (GBytes *plain);

/**
 * replica_zstd_decompress:
 * @body: bytes from anywhere
 *
 * Returns: (transfer full): what was compressed, not checked otherwise, or %NULL with %REPLICA_ERROR_PROTOCOL
 */
GBytes *replica_zstd_decompress (GBytes *body, GError **error);

G_END_DECLS
