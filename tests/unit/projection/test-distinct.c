/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>

#include "syn-distinct.h"

/* Values @from to below @to, each several times. */
static SynDistinct *
add_range (SynDistinct *self, guint64 from, guint64 to)
{
  for (guint64 i = from; i < to; i++)
    for (guint again = 0; again < 1 + i % 2; again++)
      self = syn_distinct_add (self, syn_distinct_hash_words (&i, 1));
  return self;
}

static void
test_exact (void)
{
  g_autoptr (SynDistinct) set = NULL;

  g_assert_cmpuint (syn_distinct_get_count (NULL), ==, 0);
  for (guint64 n = 0; n < SYN_DISTINCT_EXACT; n++)
    {
      set = add_range (g_steal_pointer (&set), n, n + 1);
      g_assert_cmpuint (syn_distinct_get_count (set), ==, n + 1);
    }
  g_assert_true (syn_distinct_is_exact (set));
  set = add_range (g_steal_pointer (&set), 0, SYN_DISTINCT_EXACT);
  g_assert_cmpuint (syn_distinct_get_count (set), ==, SYN_DISTINCT_EXACT);
  g_assert_cmpuint (syn_distinct_get_bytes (set), <=, SYN_DISTINCT_MAX_BYTES);
  set = add_range (g_steal_pointer (&set), SYN_DISTINCT_EXACT, SYN_DISTINCT_EXACT + 1);
  g_assert_false (syn_distinct_is_exact (set));
}

/* Against exact counts: each within 3 standard errors, and all of them together without a bias. 60 sets of independent values. */
static void
test_error (void)
{
  const double sigma = 1.04 / sqrt (SYN_DISTINCT_REGISTERS);
  const guint64 counts[] = { 1025, 1500, 2500, 5000, 10240, 12000, 15000, 20000, 50000, 200000, 1000000 };

  for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
    {
      double bias = 0;
      guint n_sets = counts[c] > 100000 ? 6 : 60, n_far = 0;

      for (guint64 s = 0; s < n_sets; s++)
        {
          g_autoptr (SynDistinct) set = NULL;
          double error;

          for (guint64 i = 0; i < counts[c]; i++)
            {
              guint64 words[] = { s, i };

              set = syn_distinct_add (g_steal_pointer (&set), syn_distinct_hash_words (words, 2));
            }
          error = ((double) syn_distinct_get_count (set) - (double) counts[c]) / (double) counts[c];
          n_far += fabs (error) > 3 * sigma;
          bias += error / n_sets;
        }
      g_test_message ("%" G_GUINT64_FORMAT ": mean error %+.3f %%, %u of %u beyond 3 sigma", counts[c], bias * 100, n_far, n_sets);
      /* Of 60, 0.16 are expected beyond 3 sigma; two or more would be one chance in eighty. */
      g_assert_cmpuint (n_far, <=, 1);
      g_assert_cmpfloat (fabs (bias), <, 4 * sigma / sqrt (n_sets));
    }
}

/* Sets and sketches of any sizes, overlapping, merged: as all at once. */
static void
test_merge (void)
{
  const struct {
    guint64 a_from, a_to, b_from, b_to;
  } cases[] = {
    { 0, 0, 0, 10 },       { 0, 10, 0, 0 },         { 0, 500, 250, 750 },    { 0, 1000, 24, 1024 },      { 0, 1000, 500, 1500 },
    { 0, 1000, 0, 30000 }, { 0, 30000, 500, 1000 }, { 0, 30000, 0, 30000 },  { 0, 30000, 15000, 60000 }, { 0, 0, 0, 5000 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SynDistinct) a = add_range (NULL, cases[i].a_from, cases[i].a_to), b = add_range (NULL, cases[i].b_from, cases[i].b_to);
      g_autoptr (SynDistinct) all = add_range (add_range (NULL, cases[i].a_from, cases[i].a_to), cases[i].b_from, cases[i].b_to);
      guint64 b_count = syn_distinct_get_count (b);

      a = syn_distinct_merge (g_steal_pointer (&a), b);
      g_assert_cmpuint (syn_distinct_get_count (a), ==, syn_distinct_get_count (all));
      g_assert_cmpuint (syn_distinct_get_count (b), ==, b_count);
    }
}

/* Text: equal ones hash equally, and those that differ in one byte, or a NUL more, do not. */
static void
test_hash (void)
{
  g_assert_cmpuint (syn_distinct_hash_text ("abcdefghij", 10), ==, syn_distinct_hash_text ("abcdefghij", 10));
  g_assert_cmpuint (syn_distinct_hash_text ("abcdefghij", 10), !=, syn_distinct_hash_text ("abcdefghik", 10));
  g_assert_cmpuint (syn_distinct_hash_text ("a\0", 2), !=, syn_distinct_hash_text ("a", 1));
  g_assert_cmpuint (syn_distinct_hash_text ("", 0), !=, 0);
  /* Never another one: it is in checkpoints. */
  g_assert_cmphex (syn_distinct_hash_text ("synoptic", 8), ==, G_GUINT64_CONSTANT (0x67da2e786c860173));
}

static void
test_save (void)
{
  const guint64 counts[] = { 0, 1, 1024, 1025, 30000 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++)
    {
      g_autoptr (SynDistinct) set = add_range (NULL, 0, counts[i]), loaded = NULL, more = NULL;
      g_autoptr (GByteArray) bytes = g_byte_array_new (), again = g_byte_array_new ();
      const guint8 *at;

      syn_distinct_save (set, bytes);
      at = bytes->data;
      g_assert_true (syn_distinct_load (&loaded, &at, bytes->data + bytes->len));
      g_assert_true (at == bytes->data + bytes->len);
      g_assert_cmpuint (syn_distinct_get_count (loaded), ==, syn_distinct_get_count (set));
      /* And it is as good as the one that was saved. */
      loaded = add_range (g_steal_pointer (&loaded), 500, 2000);
      set = add_range (g_steal_pointer (&set), 500, 2000);
      g_assert_cmpuint (syn_distinct_get_count (loaded), ==, syn_distinct_get_count (set));
      for (guint length = 0; length < bytes->len; length += 1 + length / 8)
        {
          at = bytes->data;
          g_assert_false (syn_distinct_load (&more, &at, bytes->data + length));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/distinct/exact", test_exact);
  g_test_add_func ("/distinct/error", test_error);
  g_test_add_func ("/distinct/merge", test_merge);
  g_test_add_func ("/distinct/hash", test_hash);
  g_test_add_func ("/distinct/save", test_save);
  return g_test_run ();
}
