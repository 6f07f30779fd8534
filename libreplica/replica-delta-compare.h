/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Which values of two vectors differ, for making deltas. Internal to libreplica. Pure, any thread. */

G_BEGIN_DECLS

/**
 * replica_delta_compare:
 * @a: @n values
 * @b: as many
 * @width: bytes of a value: 1, 4 or 8
 * @bits: (out caller-allocates): a bit per value, set where they differ: bit i % 64 of word i / 64; (@n + 63) / 64 words, of which the
 *   bits past @n are 0
 *
 * Reads each value once, without a branch that depends on what it finds.
 *
 * Returns: the number of words up to the last that has a bit set; 0: they are the same
 */
gsize replica_delta_compare (gconstpointer a, gconstpointer b, guint n, guint width, guint64 *bits);

/* The same as on a processor without anything of its own: for tests. */
gsize replica_delta_compare_plain (gconstpointer a, gconstpointer b, guint n, guint width, guint64 *bits);

G_END_DECLS
