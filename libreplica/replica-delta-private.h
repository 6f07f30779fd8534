/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <xxhash.h>

#include "replica-delta.h"
#include "replica-snapshot-private.h"

/* What making deltas and applying them share. */

G_BEGIN_DECLS

/* Of a result: XXH64 with seed 0. Faster than the copy that it checks is not needed, known to every language is: XXH3 is twice as
 * fast, and three hundred lines. Finds damage and mistakes, not malice: who sends deltas may as well send full snapshots. */
static inline guint64
replica_delta_hash (GBytes *bytes)
{
  gsize size;
  const void *data = g_bytes_get_data (bytes, &size);

  return XXH64 (data, size, 0);
}

G_END_DECLS
