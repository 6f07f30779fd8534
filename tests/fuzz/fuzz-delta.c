/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two snapshots and something that may be a delta: u32 bytes of the first, u32 bytes of the second, then all three. The delta between the two,
 * applied to the first, is the second; the third is refused, or makes a snapshot of the hash that it says; and so is the right delta with
 * the third laid over it. */

#include <stdint.h>
#include <string.h>

#include "replica-delta-private.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
apply_hostile (ReplicaSnapshot *base, GBytes *delta)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) made = replica_delta_apply (base, delta, &error);
  ReplicaWireDelta head;

  g_assert_true ((made == NULL) == (error != NULL));
  if (made == NULL)
    {
      g_assert_true (error->domain == REPLICA_ERROR);
      return;
    }
  memcpy (&head, g_bytes_get_data (delta, NULL), sizeof head);
  g_assert_cmpuint (replica_snapshot_get_hash (made), ==, head.hash);
  g_assert_cmpuint (replica_snapshot_get_token (made).serial, ==, head.serial);
  g_assert_cmpuint (g_bytes_get_size (replica_snapshot_get_bytes (made)), <=,
                    g_bytes_get_size (replica_snapshot_get_bytes (base)) + g_bytes_get_size (delta));
}

static void
check_pair (ReplicaSnapshot *base, ReplicaSnapshot *result, const uint8_t *over, size_t over_size)
{
  g_autoptr (GBytes) delta = replica_delta_make (base, result), damaged = NULL;
  g_autoptr (ReplicaSnapshot) made = NULL;
  g_autoptr (GError) error = NULL;
  gsize size;
  uint8_t *copy;

  if (delta == NULL)
    return;
  made = replica_delta_apply (base, delta, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (replica_snapshot_get_bytes (made), replica_snapshot_get_bytes (result)));

  copy = g_memdup2 (g_bytes_get_data (delta, NULL), g_bytes_get_size (delta));
  size = g_bytes_get_size (delta);
  for (size_t i = 0; i < over_size && i + 64 < size; i++)
    copy[i + 64] ^= over[i]; /* behind the head, so that it is looked at */
  damaged = g_bytes_new_take (copy, size);
  apply_hostile (base, damaged);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  uint32_t sizes[2];
  g_autoptr (GBytes) a = NULL, b = NULL, delta = NULL;
  g_autoptr (ReplicaSnapshot) base = NULL, result = NULL;

  if (size < sizeof sizes)
    return 0;
  memcpy (sizes, data, sizeof sizes);
  data += sizeof sizes;
  size -= sizeof sizes;
  if (sizes[0] > size || sizes[1] > size - sizes[0])
    return 0;
  a = g_bytes_new (data, sizes[0]);
  b = g_bytes_new (data + sizes[0], sizes[1]);
  data += sizes[0] + sizes[1];
  size -= sizes[0] + sizes[1];
  delta = g_bytes_new (data, size);
  base = replica_snapshot_new_from_bytes (a, NULL);
  result = replica_snapshot_new_from_bytes (b, NULL);
  if (base != NULL)
    apply_hostile (base, delta);
  if (base != NULL && result != NULL)
    {
      check_pair (base, result, data, size);
      check_pair (result, base, data, size);
    }
  return 0;
}
