/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a compressed form: refused, or of the size that it says, within the limits; and any bytes, compressed, come back. */

#include <stdint.h>
#include <string.h>

#include "replica-zstd.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size), body = NULL, back = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) plain = replica_zstd_decompress (bytes, &error);
  ReplicaWireZstd head;

  g_assert_true ((plain == NULL) == (error != NULL));
  if (plain != NULL)
    {
      memcpy (&head, data, sizeof head);
      g_assert_cmpuint (g_bytes_get_size (plain), ==, head.plain_bytes);
      g_assert_cmpuint (g_bytes_get_size (plain), <, size * REPLICA_ZSTD_MAX_RATIO);
    }
  g_clear_error (&error);
  body = replica_zstd_compress (bytes);
  if (body == NULL)
    return 0;
  back = replica_zstd_decompress (body, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (back, bytes));
  return 0;
}
