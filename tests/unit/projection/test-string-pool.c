/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "syn-string-pool.h"

static guint32
intern (SynStringPool *pool, const char *text)
{
  return syn_string_pool_intern (pool, text, strlen (text));
}

static void
test_intern (void)
{
  g_autoptr (SynStringPool) pool = syn_string_pool_new (1 << 20);
  ReplicaColumn column = { 0 };
  gsize length;

  g_assert_cmpuint (intern (pool, "one"), ==, 0);
  g_assert_cmpuint (intern (pool, ""), ==, 1);
  g_assert_cmpuint (intern (pool, "one"), ==, 0);
  g_assert_cmpuint (syn_string_pool_intern (pool, "one\0more", 8), ==, 2);
  g_assert_cmpuint (syn_string_pool_intern (pool, "one\0much", 8), ==, 3);
  g_assert_cmpuint (intern (pool, ""), ==, 1);
  g_assert_cmpmem (syn_string_pool_get (pool, 2, &length), 8, "one\0more", 8);
  g_assert_cmpuint (length, ==, 8);
  syn_string_pool_get (pool, 1, &length);
  g_assert_cmpuint (length, ==, 0);
  syn_string_pool_lend (pool, &column);
  g_assert_cmpuint (column.n_dict, ==, 4);
  g_assert_cmpstr (column.dict_bytes + column.dict_offsets[0], ==, "one");
}

static void
test_many (void)
{
  g_autoptr (SynStringPool) pool = syn_string_pool_new (1 << 24);
  char text[64];

  for (guint round = 0; round < 2; round++)
    for (guint i = 0; i < 20000; i++)
      {
        g_snprintf (text, sizeof text, "a text that is longer than a word, %u", i);
        g_assert_cmpuint (intern (pool, text), ==, i);
        g_assert_cmpstr (syn_string_pool_get (pool, i, NULL), ==, text);
      }
}

/* Text and hashes survive, codes follow, what nobody names is gone. */
static void
test_compact (void)
{
  g_autoptr (SynStringPool) pool = syn_string_pool_new (1 << 24);
  guint32 codes[300], hashes[300];
  guint8 validity[300 / 8 + 1] = { 0 };
  char text[64];

  for (guint i = 0; i < 3000; i++)
    {
      g_snprintf (text, sizeof text, "number %u", i);
      intern (pool, text);
    }
  for (guint row = 0; row < 300; row++)
    {
      codes[row] = (row * 7919) % 3000;
      hashes[row] = syn_string_pool_get_hash (pool, codes[row]);
      if (row % 3 != 0)
        validity[row / 8] |= (guint8) (1u << (row % 8));
      else
        codes[row] = 0;
    }
  g_assert_true (syn_string_pool_wants_compaction (pool, 300, FALSE));
  syn_string_pool_compact (pool, codes, validity, 300);
  g_assert_cmpuint (syn_string_pool_get_length (pool), ==, 200);
  g_assert_false (syn_string_pool_wants_compaction (pool, 300, TRUE));
  for (guint row = 0; row < 300; row++)
    if (row % 3 != 0)
      {
        g_snprintf (text, sizeof text, "number %u", (row * 7919) % 3000);
        g_assert_cmpstr (syn_string_pool_get (pool, codes[row], NULL), ==, text);
        g_assert_cmpuint (syn_string_pool_get_hash (pool, codes[row]), ==, hashes[row]);
        g_assert_cmpuint (intern (pool, text), ==, codes[row]);
      }
  /* To nothing, and on from there. */
  memset (validity, 0, sizeof validity);
  syn_string_pool_compact (pool, codes, validity, 300);
  g_assert_cmpuint (syn_string_pool_get_length (pool), ==, 0);
  g_assert_cmpuint (syn_string_pool_get_bytes (pool), ==, 0);
  g_assert_cmpuint (intern (pool, "again"), ==, 0);
}

/* A column whose every value is new each time: what is kept stays bounded. */
static void
test_churn (void)
{
  g_autoptr (SynStringPool) pool = syn_string_pool_new (1 << 24);
  guint32 codes[10] = { 0 };
  guint8 validity[2] = { 0xff, 0x03 };
  guint most = 0;
  char text[64];

  for (guint i = 0; i < 100000; i++)
    {
      g_snprintf (text, sizeof text, "value %u", i);
      codes[i % 10] = intern (pool, text);
      if (i >= 10 && syn_string_pool_wants_compaction (pool, 10, FALSE))
        syn_string_pool_compact (pool, codes, validity, 10);
      most = MAX (most, syn_string_pool_get_length (pool));
    }
  g_assert_cmpuint (most, <=, 2048);
  g_assert_cmpstr (syn_string_pool_get (pool, codes[9], NULL), ==, "value 99999");
}

static void
test_full (void)
{
  g_autoptr (SynStringPool) pool = syn_string_pool_new (10);

  g_assert_cmpuint (intern (pool, "1234"), ==, 0);
  g_assert_cmpuint (intern (pool, "12345"), ==, SYN_NO_STRING);
  g_assert_cmpuint (intern (pool, "5678"), ==, 1);
  g_assert_cmpuint (intern (pool, ""), ==, SYN_NO_STRING);
  g_assert_cmpuint (intern (pool, "1234"), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/string-pool/intern", test_intern);
  g_test_add_func ("/string-pool/many", test_many);
  g_test_add_func ("/string-pool/compact", test_compact);
  g_test_add_func ("/string-pool/churn", test_churn);
  g_test_add_func ("/string-pool/full", test_full);
  return g_test_run ();
}
