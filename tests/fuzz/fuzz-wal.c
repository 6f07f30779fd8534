/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as SQLite's write-ahead log: a verdict, and one of damage names a frame and a commit after it. What is cut off the end of a sound
 * log is no damage. (What SQLite makes of such logs: tests/unit/journal/test-sqlite-journal.c.) */

#include <stdint.h>
#include <string.h>

#include "syn-wal-check.h"

#define HEAD_BYTES 32

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  gsize damaged_at = 0, commit_at = 0;

  if (syn_wal_check_bytes (data, size, &damaged_at, &commit_at))
    return 0;
  g_assert_cmpuint (damaged_at, >=, HEAD_BYTES);
  g_assert_cmpuint (commit_at, >, damaged_at);
  g_assert_cmpuint (commit_at, <, size);
  /* Without that commit, and whatever comes after it, it is one that ends anywhere. */
  g_assert_true (syn_wal_check_bytes (data, commit_at, &damaged_at, &commit_at));
  return 0;
}
