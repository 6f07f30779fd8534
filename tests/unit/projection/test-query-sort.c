/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "syn-query-sort.h"

static char *
sorted (const SynSortColumn *columns, guint n_columns, guint n, guint limit, const ReplicaColumn *show)
{
  g_autofree guint32 *rows = g_new (guint32, n + 1);
  g_autoptr (GString) text = g_string_new (NULL);
  char buffer[REPLICA_TEXT_MAX];
  guint found;
  gsize length;

  for (guint i = 0; i < n; i++)
    rows[i] = i;
  found = syn_sort_rows (rows, n, columns, n_columns, limit);
  g_assert_cmpuint (found, ==, MIN (n, limit));
  for (guint i = 0; i < found; i++)
    g_string_append_printf (text, "%s%s", i > 0 ? " " : "",
                            replica_column_is_null (show, rows[i]) ? "-"
                                                                   : replica_column_format (show, rows[i], buffer, &length));
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static const struct {
  ReplicaType type;
  guint scale, width;
  const char *values, *ascending, *descending;
} cases[] = {
  { REPLICA_TYPE_INT64, 0, 8, "3 - -1 9223372036854775807 -9223372036854775808 0",
    "-9223372036854775808 -1 0 3 9223372036854775807 -", "9223372036854775807 3 0 -1 -9223372036854775808 -" },
  { REPLICA_TYPE_BOOL, 0, 1, "true - false true", "false true true -", "true true false -" },
  { REPLICA_TYPE_DOUBLE, 0, 8, "1.5 - -1.5 0 1e300 -1e300", "-1e300 -1.5 0 1.5 1e300 -", "1e300 1.5 0 -1.5 -1e300 -" },
  { REPLICA_TYPE_DECIMAL, 2, 8, "1.5 -0.25 - 0", "-0.25 0.00 1.50 -", "1.50 0.00 -0.25 -" },
  { REPLICA_TYPE_DECIMAL, 2, 16, "1.5 -0.25 - 99999999999999999999.5 -99999999999999999999.5 0",
    "-99999999999999999999.50 -0.25 0.00 1.50 99999999999999999999.50 -",
    "99999999999999999999.50 1.50 0.00 -0.25 -99999999999999999999.50 -" },
  { REPLICA_TYPE_STRING, 0, 4, "b a - instrument-10 instrument-9 instrument ab é z",
    "a ab b instrument instrument-10 instrument-9 z é -", "é z instrument-9 instrument-10 instrument b ab a -" },
  { REPLICA_TYPE_STRING, 0, 4, "- - -", "- - -", "- - -" },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint descending = 0; descending < 2; descending++)
      {
        g_autoptr (TestColumn) column = test_column_parse (cases[i].type, cases[i].scale, cases[i].width, cases[i].values);
        SynSortColumn by = { &column->column, descending != 0 };
        const char *expected = descending ? cases[i].descending : cases[i].ascending;
        g_autofree char *all = sorted (&by, 1, column->column.n_rows, G_MAXUINT32, &column->column);
        g_autofree char *one = sorted (&by, 1, column->column.n_rows, 1, &column->column);
        g_autofree char *none = sorted (&by, 1, column->column.n_rows, 0, &column->column);
        g_auto (GStrv) first = g_strsplit (expected, " ", 2);

        g_assert_cmpstr (all, ==, expected);
        g_assert_cmpstr (one, ==, first[0]);
        g_assert_cmpstr (none, ==, "");
      }
}

/* Strings with zeros inside, and ones that are the beginning of others, on both sides of the eighth byte. */
static void
test_zero_bytes (void)
{
  static const char bytes[] = "abcdefgh\0\0abcdefgh\0abcdefg\0abcdefg\0\0abcdefghi";
  const guint32 offsets[] = { 0, 10, 19, 27, 36, 46 };
  const guint32 codes[] = { 0, 1, 2, 3, 4 };
  ReplicaColumn column = { .type = REPLICA_TYPE_STRING, .width = 4, .n_rows = 5, .data = codes, .dict_offsets = offsets,
                           .dict_bytes = bytes, .n_dict = 5 };
  SynSortColumn by = { &column, FALSE };
  guint32 rows[] = { 0, 1, 2, 3, 4 };
  const guint32 expected[] = { 2, 3, 1, 0, 4 };

  syn_sort_rows (rows, 5, &by, 1, 5);
  g_assert_cmpmem (rows, sizeof rows, expected, sizeof expected);
}

typedef struct {
  const SynSortColumn *columns;
  guint n_columns;
} Reference;

static int
compare_rows (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const Reference *reference = user_data;
  guint row_a = *(const guint32 *) a, row_b = *(const guint32 *) b;

  for (guint i = 0; i < reference->n_columns; i++)
    {
      const ReplicaColumn *column = reference->columns[i].column;
      gboolean null_a = replica_column_is_null (column, row_a), null_b = replica_column_is_null (column, row_b);
      int order;

      if (null_a != null_b)
        return null_a - null_b;
      if (null_a)
        continue;
      order = replica_column_compare (column, row_a, column, row_b);
      if (order != 0)
        return reference->columns[i].descending ? -order : order;
    }
  return (row_a > row_b) - (row_a < row_b);
}

/* Any columns, any number of rows, any limit: as a stable comparison sort has it. */
static void
test_random (void)
{
  static const ReplicaType types[] = { REPLICA_TYPE_BOOL,    REPLICA_TYPE_INT64,  REPLICA_TYPE_DOUBLE,
                                       REPLICA_TYPE_DECIMAL, REPLICA_TYPE_STRING, REPLICA_TYPE_TIMESTAMP };
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (guint round = 0; round < 300; round++)
    {
      guint n = (guint) g_rand_int_range (rand, 0, round % 50 == 0 ? 3000 : round % 3 == 0 ? 400 : 60);
      guint n_columns = (guint) g_rand_int_range (rand, 1, 4);
      guint limit = g_rand_boolean (rand) ? (guint) g_rand_int_range (rand, 0, (gint32) n + 2) : G_MAXUINT32;
      TestColumn *columns[3];
      SynSortColumn by[3];
      Reference reference = { by, n_columns };
      g_autofree guint32 *rows = g_new (guint32, n + 1);
      g_autofree guint32 *expected = g_new (guint32, n + 1);

      for (guint c = 0; c < n_columns; c++)
        {
          ReplicaType type = types[g_rand_int_range (rand, 0, G_N_ELEMENTS (types))];
          gint32 spread = g_rand_boolean (rand) ? 4 : 100000;

          columns[c] = test_column_parse (type, 2, g_rand_boolean (rand) ? 8 : 16, "");
          for (guint i = 0; i < n; i++)
            {
              gint32 value = g_rand_int_range (rand, -spread, spread);
              g_autofree char *text = type == REPLICA_TYPE_BOOL     ? g_strdup (value > 0 ? "true" : "false")
                                      : type == REPLICA_TYPE_STRING ? g_strdup_printf ("common-%d", value)
                                                                    : g_strdup_printf ("%d", value);

              test_column_add (columns[c], g_rand_int_range (rand, 0, 6) == 0 ? "-" : text);
            }
          by[c] = (SynSortColumn) { &columns[c]->column, g_rand_boolean (rand) };
        }
      for (guint i = 0; i < n; i++)
        rows[i] = expected[i] = i;
      g_qsort_with_data (expected, (gint) n, sizeof *expected, compare_rows, &reference);
      g_assert_cmpuint (syn_sort_rows (rows, n, by, n_columns, limit), ==, MIN (n, limit));
      g_assert_cmpmem (rows, MIN (n, limit) * sizeof *rows, expected, MIN (n, limit) * sizeof *rows);
      for (guint i = 1; i < MIN (n, limit); i++)
        {
          g_assert_cmpint (syn_sort_compare (by, n_columns, rows[i - 1], rows[i]), <, 0);
          g_assert_cmpint (syn_sort_compare (by, n_columns, rows[i], rows[i - 1]), >, 0);
        }
      for (guint c = 0; c < n_columns; c++)
        test_column_free (columns[c]);
    }
}

/* The same long text on every row is looked at once, and not once a row; and what differs at its end only is told apart. */
static void
test_long_text (void)
{
  const gsize length = 60000;
  const guint n = 20000;
  g_autofree char *bytes = g_malloc (3 * (length + 1));
  const guint32 offsets[] = { 0, (guint32) length + 1, 2 * ((guint32) length + 1), 3 * ((guint32) length + 1) };
  g_autofree guint32 *codes = g_new (guint32, n);
  g_autofree guint32 *rows = g_new (guint32, n);
  ReplicaColumn column = { .type = REPLICA_TYPE_STRING, .width = 4, .n_rows = n, .data = codes, .dict_offsets = offsets,
                           .dict_bytes = bytes, .n_dict = 3 };
  SynSortColumn by = { &column, FALSE };

  memset (bytes, 'x', 3 * (length + 1));
  for (guint i = 0; i < 3; i++)
    {
      bytes[(i + 1) * (length + 1) - 1] = '\0';
      bytes[(i + 1) * (length + 1) - 2] = i == 1 ? 'a' : 'b'; /* entries 0 and 2 are the same text */
    }
  for (guint i = 0; i < n; i++)
    {
      rows[i] = i;
      codes[i] = i % 3;
    }
  syn_sort_rows (rows, n, &by, 1, n);
  for (guint i = 1; i < n; i++)
    {
      gboolean last_a = codes[rows[i - 1]] == 1, a = codes[rows[i]] == 1;

      g_assert_true (last_a || !a);
      g_assert_true (last_a != a || rows[i - 1] < rows[i]);
      g_assert_cmpint (syn_sort_compare (&by, 1, rows[i - 1], rows[i]), <, 0);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query-sort/cases", test_cases);
  g_test_add_func ("/query-sort/zero-bytes", test_zero_bytes);
  g_test_add_func ("/query-sort/long-text", test_long_text);
  g_test_add_func ("/query-sort/random", test_random);
  return g_test_run ();
}
