/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What changed, by key and by position: small ones in a table, then random ones against a slow and obvious
 * comparison. */

#include "replica-diff.h"
#include "replica-index.h"
#include "test-snapshot-fixture.h"

#include <string.h>

#define KEYED "k*:string v:int64 s:string"
#define UNKEYED "v:int64 s:string"

static const struct
{
  const char *name;
  const char *columns_before; /* NULL: no older snapshot */
  const char *before;
  const char *columns_after;
  const char *after;
  guint n_added, n_removed, n_changed;
  const char *rows;  /* the before row of each, by spaces */
  const char *cells; /* of each row a word: < = > */
} cases[] = {
  { "nothing before", NULL, NULL, KEYED, "a|1|x\nb|2|y", 2, 0, 0, "-1 -1", "=== ===" },
  { "the same", KEYED, "a|1|x\nb|2|y", KEYED, "a|1|x\nb|2|y", 0, 0, 0, "0 1", "=== ===" },
  { "cells", KEYED, "a|1|x\nb|2|y\nc|3|z", KEYED, "a|2|x\nb|1|y\nc|3|y", 0, 0, 3, "0 1 2", "=>= =<= ==>" },
  { "nulls", KEYED, "a|1|~\nb|~|y\nc|~|~", KEYED, "a|~|x\nb|2|~\nc|~|~", 0, 0, 2, "0 1 2", "=>> =>> ===" },
  { "added at the end", KEYED, "a|1|x", KEYED, "a|1|x\nb|2|y", 1, 0, 0, "0 -1", "=== ===" },
  { "added in front", KEYED, "a|1|x", KEYED, "b|2|y\na|1|x", 1, 0, 0, "-1 0", "=== ===" },
  { "removed", KEYED, "a|1|x\nb|2|y\nc|3|z", KEYED, "a|1|x\nc|4|z", 0, 1, 1, "0 2", "=== =>=" },
  { "all gone", KEYED, "a|1|x\nb|2|y", KEYED, "", 0, 2, 0, "", "" },
  { "all others", KEYED, "a|1|x\nb|2|y", KEYED, "c|1|x\nd|2|y", 2, 2, 0, "-1 -1", "=== ===" },
  { "swapped", KEYED, "a|1|x\nb|2|y", KEYED, "b|2|y\na|3|x", 0, 0, 1, "1 0", "=== =>=" },
  { "null key", KEYED, "~|1|x\nb|2|y", KEYED, "b|2|y\n~|0|x", 0, 0, 1, "1 0", "=== =<=" },
  { "key twice", KEYED, "a|1|x\na|2|y", KEYED, "b|0|x\na|1|x\na|2|y", 1, 0, 2, "-1 1 0", "=== =<> =>>" },
  { "long keys", KEYED, "aaaaaaaaaaaaaaaa|1|x\naaaaaaaaaaaaaaab|2|x", KEYED,
    "aaaaaaaaaaaaaaab|2|x\naaaaaaaaaaaaaaaa|1|x", 0, 0, 0, "1 0", "=== ===" },
  { "by position", UNKEYED, "1|x\n2|y", UNKEYED, "2|x\n2|z\n3|w", 1, 0, 2, "0 1 -1", ">= => ==" },
  { "other name", KEYED, "a|1|x", "k*:string w:int64 s:string", "a|1|x", 1, 1, 0, "-1", "===" },
  { "other type", "k*:string v:decimal(0)", "a|1", "k*:string v:int64", "a|1", 1, 1, 0, "-1", "==" },
  { "other scale", "k*:string v:decimal(0)", "a|1", "k*:string v:decimal(1)", "a|1", 1, 1, 0, "-1", "==" },
  { "other key", "k*:string v:int64", "a|1", "k*:string v*:int64", "a|1", 1, 1, 0, "-1", "==" },
  { "one column more", "k*:string", "a", "k*:string v:int64", "a|1", 1, 1, 0, "-1", "==" },
  { "widths of decimals", "k*:string v:decimal(0)", "a|1\nb|2", "k*:string v:decimal(0)",
    "a|99999999999999999999\nb|2", 0, 0, 1, "0 1", "=> ==" },
  { "falling doubles", "k*:int64 v:double w:bool t:timestamp", "1|0.5|true|2014-05-01T05:00:01Z",
    "k*:int64 v:double w:bool t:timestamp", "1|-0.5|false|2014-05-01T05:00:00Z", 0, 0, 1, "0", "=<><" },
  { "zeros", "k*:double v:double", "0|-0\n1|0", "k*:double v:double", "1|-0\n-0|0", 0, 0, 0, "1 0", "== ==" },
  { "keys of all types", "a*:bool b*:int64 c*:decimal(2) d*:timestamp e*:decimal(0) v:int64",
    "true|1|0.5|2014-05-01T05:00:00Z|99999999999999999999|1\nfalse|1|0.5|2014-05-01T05:00:00Z|"
    "99999999999999999999|1",
    "a*:bool b*:int64 c*:decimal(2) d*:timestamp e*:decimal(0) v:int64",
    "false|1|0.5|2014-05-01T05:00:00Z|99999999999999999999|2\ntrue|1|0.5|2014-05-01T05:00:00Z|"
    "99999999999999999999|0",
    0, 0, 2, "1 0", "=====> =====<" },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ReplicaSnapshot) before = NULL,
                                  after = test_snapshot_new (2, cases[i].columns_after, cases[i].after);
      g_autoptr (ReplicaDiff) diff = NULL;
      g_autoptr (GString) rows = g_string_new (NULL), cells = g_string_new (NULL);

      if (cases[i].columns_before != NULL)
        before = test_snapshot_new (1, cases[i].columns_before, cases[i].before);
      diff = replica_diff_new (before, after);
      for (guint row = 0; row < replica_snapshot_get_n_rows (after); row++)
        {
          g_string_append_printf (rows, "%s%d", row > 0 ? " " : "", replica_diff_get_before_row (diff, row));
          if (row > 0)
            g_string_append_c (cells, ' ');
          for (guint c = 0; c < replica_snapshot_get_n_columns (after); c++)
            g_string_append_c (cells, "<=>"[replica_diff_get_cell (diff, row, c) + 1]);
        }
      g_test_message ("%s", cases[i].name);
      g_assert_cmpstr (rows->str, ==, cases[i].rows);
      g_assert_cmpstr (cells->str, ==, cases[i].cells);
      g_assert_cmpuint (replica_diff_get_n_added (diff), ==, cases[i].n_added);
      g_assert_cmpuint (replica_diff_get_n_removed (diff), ==, cases[i].n_removed);
      g_assert_cmpuint (replica_diff_get_n_changed (diff), ==, cases[i].n_changed);
    }
}

/* Some of 40 keys in some order, with a cell each. */
static char *
random_rows (GRand *rand, gboolean shuffle)
{
  GString *rows = g_string_new (NULL);
  guint order[40];

  for (guint i = 0; i < 40; i++)
    order[i] = i;
  for (guint i = 39; i > 0 && shuffle; i--)
    {
      guint other = (guint) g_rand_int_range (rand, 0, (gint32) i + 1), swap = order[i];

      order[i] = order[other];
      order[other] = swap;
    }
  for (guint i = 0; i < 40; i++)
    if (g_rand_int_range (rand, 0, 4) > 0)
      g_string_append_printf (rows, "%skey number %u|%d|%s%u", rows->len > 0 ? "\n" : "", order[i],
                              g_rand_int_range (rand, 0, 3), g_rand_boolean (rand) ? "text" : "other",
                              order[i] % 3);
  return g_string_free (rows, FALSE);
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);

  for (guint round = 0; round < 100; round++)
    {
      g_autofree char *rows_before = random_rows (rand, round % 3 == 0),
                      *rows_after = random_rows (rand, round % 3 == 0);
      g_autoptr (ReplicaSnapshot) before = test_snapshot_new (1, KEYED, rows_before),
                                  after = test_snapshot_new (2, KEYED, rows_after);
      g_autoptr (ReplicaDiff) diff = replica_diff_new (before, after);
      g_autoptr (GHashTable) by_key = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      guint n_found = 0, n_changed = 0;

      for (guint row = 0; row < replica_snapshot_get_n_rows (before); row++)
        g_hash_table_insert (by_key, replica_snapshot_dup_row_key (before, row), GUINT_TO_POINTER (row + 1));
      for (guint row = 0; row < replica_snapshot_get_n_rows (after); row++)
        {
          g_autofree char *key = replica_snapshot_dup_row_key (after, row);
          gboolean any = FALSE;
          int expected = GPOINTER_TO_INT (g_hash_table_lookup (by_key, key)) - 1;

          g_assert_cmpint (replica_diff_get_before_row (diff, row), ==, expected);
          n_found += expected >= 0;
          for (guint c = 0; c < 3; c++)
            {
              int order = expected < 0 ? 0
                                       : replica_column_compare (replica_snapshot_get_column (after, c), row,
                                                                 replica_snapshot_get_column (before, c),
                                                                 (guint) expected);
              int cell = c == 2 ? order != 0 : (order > 0) - (order < 0);

              g_assert_cmpint (replica_diff_get_cell (diff, row, c), ==, cell);
              any |= cell != 0;
            }
          n_changed += any;
        }
      g_assert_cmpuint (replica_diff_get_n_added (diff), ==, replica_snapshot_get_n_rows (after) - n_found);
      g_assert_cmpuint (replica_diff_get_n_removed (diff), ==,
                        replica_snapshot_get_n_rows (before) - n_found);
      g_assert_cmpuint (replica_diff_get_n_changed (diff), ==, n_changed);
    }
}

static void
test_boxed (void)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, KEYED, "a|1|x");
  ReplicaDiff *diff = replica_diff_new (NULL, snapshot);
  g_auto (GValue) value = G_VALUE_INIT;

  g_value_init (&value, REPLICA_TYPE_DIFF);
  g_value_take_boxed (&value, diff);
  g_assert_true (g_value_get_boxed (&value) == diff);
  g_assert_true (g_type_is_a (REPLICA_TYPE_SNAPSHOT, G_TYPE_BOXED));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/diff/cases", test_cases);
  g_test_add_func ("/diff/random", test_random);
  g_test_add_func ("/diff/boxed", test_boxed);
  return g_test_run ();
}
