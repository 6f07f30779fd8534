/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The seed of every hash of data. Any thread. */
#include "replica-hash.h"

guint64
replica_hash_seed (void)
{
  static gsize seed;

  if (g_once_init_enter (&seed))
    g_once_init_leave (&seed, ((gsize) g_random_int () << 32 | g_random_int ()) | 1);
  return seed;
}
