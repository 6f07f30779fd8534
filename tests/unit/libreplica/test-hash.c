/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The seeded hash: what was prepared to meet in one bucket of GLib's does not meet in it. */

#include "replica-hash.h"

/* 4,096 texts with one g_str_hash: h = 33 h + c, so "aQ" and "b0" are worth the same, in each of twelve places. */
static void
test_prepared_texts (void)
{
  g_autoptr (GHashTable) hashes = g_hash_table_new (NULL, NULL);
  guint theirs = 0;

  for (guint i = 0; i < 4096; i++)
    {
      char text[25];

      for (guint bit = 0; bit < 12; bit++)
        memcpy (text + 2 * bit, i >> bit & 1 ? "aQ" : "b0", 2);
      text[24] = '\0';
      if (i == 0)
        theirs = g_str_hash (text);
      g_assert_cmpuint (g_str_hash (text), ==, theirs);
      g_hash_table_add (hashes, GUINT_TO_POINTER (replica_hash_text (text)));
    }
  g_assert_cmpuint (g_hash_table_size (hashes), >, 4090);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/hash/prepared-texts", test_prepared_texts);
  return g_test_run ();
}
