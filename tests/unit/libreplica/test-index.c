/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Filter, sort and row keys of a grid. */

#include "replica-index.h"
#include "test-snapshot-fixture.h"

#include <string.h>

#define COLUMNS "symbol*:string venue:string n:int64 p:decimal(2) d:double b:bool t:timestamp"
#define ROWS                                                                                                 \
  "MSFT|Nasdaq|3|1.50|0.5|true|2014-05-01T05:00:00Z\n"                                                       \
  "AAPL|Nasdaq|~|-1.00|-0.5|false|2014-05-01T04:00:00Z\n"                                                    \
  "VOD|London|1|~|1e300|~|~\n"                                                                               \
  "ZÜRN|Zürich|3|99999999999999999999.00|~|true|2013-05-01T05:00:00Z\n"                                    \
  "~|~|-9|0.00|-1e300|false|1969-05-01T05:00:00Z"

static char *
shown (ReplicaIndex *index)
{
  GString *text = g_string_new (NULL);
  guint n_rows;
  const guint32 *rows = replica_index_get_rows (index, &n_rows);

  for (guint i = 0; i < n_rows; i++)
    g_string_append_printf (text, "%s%u", i > 0 ? " " : "", rows[i]);
  return g_string_free (text, FALSE);
}

static void
assert_shown (ReplicaIndex *index, const char *expected)
{
  g_autofree char *text = shown (index);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_filter (void)
{
  static const struct
  {
    const char *filter;
    const char *rows;
  } cases[] = {
    { NULL, "0 1 2 3 4" }, { "", "0 1 2 3 4" }, { "  \t ", "0 1 2 3 4" },
    { "nasdaq", "0 1" },   { "NASDAQ", "0 1" }, { "zürich", "3" },
    { "ZÜRICH", "3" },     { "zür", "3" },      { "nas ms", "0" }, /* each word somewhere in the row */
    { "ms nas", "0" },     { "ms london", "" }, { "don  vo", "2" },
    { "1", "" }, /* numbers are not looked at where there are strings */
    { "n", "0 1 2 3" },    { "\xff", "" },
  };
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, COLUMNS, ROWS);
  g_autoptr (ReplicaIndex) index = replica_index_new ();

  assert_shown (index, "");
  replica_index_set_snapshot (index, snapshot);
  g_assert_true (replica_index_get_snapshot (index) == snapshot);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("filter %u", i);
      replica_index_set_filter (index, cases[i].filter);
      assert_shown (index, cases[i].rows);
    }
  replica_index_set_filter (index, "nasdaq");
  replica_index_set_snapshot (index, NULL);
  assert_shown (index, "");
  g_assert_null (replica_index_get_snapshot (index));
}

/* More words than one pass looks for. */
static void
test_filter_many_words (void)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, "s:string", "abcdefghij\nabcdefghi");
  g_autoptr (ReplicaIndex) index = replica_index_new ();
  g_autoptr (GString) filter = g_string_new (NULL);

  for (guint i = 0; i < 200; i++)
    g_string_append_printf (filter, "%c ", 'a' + i % 9);
  replica_index_set_snapshot (index, snapshot);
  replica_index_set_filter (index, filter->str);
  assert_shown (index, "0 1");
  g_string_append (filter, "J");
  replica_index_set_filter (index, filter->str);
  assert_shown (index, "0");
}

static void
test_filter_numbers (void)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, "n:int64 p:decimal(2) t:timestamp b:bool",
                                                            "12|1.50|2014-05-01T05:00:00Z|true\n3|~|~|false");
  g_autoptr (ReplicaIndex) index = replica_index_new ();

  replica_index_set_snapshot (index, snapshot);
  replica_index_set_filter (index, "1.50 2014-05-01t");
  assert_shown (index, "0");
  replica_index_set_filter (index, "FALSE 3");
  assert_shown (index, "1");
}

static void
test_sort (void)
{
  static const struct
  {
    const char *sort;
    const char *rows;
  } cases[] = {
    { NULL, "0 1 2 3 4" },
    { "", "0 1 2 3 4" },
    { "unknown", "0 1 2 3 4" },
    { "symbol", "1 0 2 3 4" },
    { "-symbol", "3 2 0 1 4" }, /* nulls last in either direction */
    { "n", "4 2 0 3 1" },
    { "-n", "0 3 2 4 1" }, /* equal ones stay in order */
    { "p", "1 4 0 3 2" },
    { "-p", "3 0 4 1 2" },
    { "d", "4 1 0 2 3" },
    { "-d", "2 0 1 4 3" },
    { "b", "1 4 0 3 2" },
    { "-b", "0 3 1 4 2" },
    { "t", "4 3 1 0 2" },
    { "venue,-n", "2 0 1 3 4" },
    { "-venue, symbol", "3 1 0 2 4" },
    { "unknown,-n,-symbol", "3 0 2 4 1" },
    { ",,n,", "4 2 0 3 1" },
    { "-", "0 1 2 3 4" },
  };
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, COLUMNS, ROWS);
  g_autoptr (ReplicaIndex) index = replica_index_new ();

  replica_index_set_snapshot (index, snapshot);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("%s", cases[i].sort);
      replica_index_set_sort (index, cases[i].sort);
      g_assert_cmpstr (replica_index_get_sort (index), ==, cases[i].sort);
      assert_shown (index, cases[i].rows);
    }
  replica_index_set_sort (index, "-n");
  replica_index_set_filter (index, "n");
  assert_shown (index, "0 3 2 1");
}

static void
test_direction (void)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, "x:int64 -x:int64 y:int64", "1|2|3");
  g_autoptr (ReplicaIndex) index = replica_index_new ();

  g_assert_cmpint (replica_index_get_direction (index, "x"), ==, 0);
  replica_index_set_sort (index, "-x, y");
  g_assert_cmpint (replica_index_get_direction (index, "x"), ==, -1);
  g_assert_cmpint (replica_index_get_direction (index, "y"), ==, 1);
  g_assert_cmpint (replica_index_get_direction (index, "z"), ==, 0);
  /* A column of just that name is the one that is sorted by. */
  replica_index_set_snapshot (index, snapshot);
  g_assert_cmpint (replica_index_get_direction (index, "x"), ==, 0);
  g_assert_cmpint (replica_index_get_direction (index, "-x"), ==, 1);
}

/* Every column type, random values with many equal ones and nulls, against a comparison of each with each. */
static void
test_sort_random (void)
{
  static const char *const columns[] = { "c:int64",  "c:double", "c:decimal(2)", "c:decimal(0)",
                                         "c:string", "c:bool",   "c:timestamp" };
  g_autoptr (GRand) rand = g_rand_new_with_seed (6);

  for (guint round = 0; round < 140; round++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (ReplicaSnapshot) snapshot = NULL;
      g_autoptr (ReplicaIndex) index = replica_index_new ();
      gboolean descending = round % 2;
      const ReplicaColumn *column;
      const guint32 *rows;
      guint n_rows;

      for (guint i = 0; i < 200; i++)
        {
          int value = g_rand_int_range (rand, -40, 40);

          if (i > 0)
            g_string_append_c (text, '\n');
          if (value > 35)
            g_string_append_c (text, '~');
          else if (round % 7 == 1)
            g_string_append_printf (text, "%d.5e%d", value, g_rand_int_range (rand, -300, 300));
          else if (round % 7 == 3)
            g_string_append_printf (text, "%d%s", value,
                                    value != 0 && value % 3 == 0 ? "00000000000000000001" : "");
          else if (round % 7 == 4)
            g_string_append_printf (text, "%.*s%d", abs (value) % 12, "same for eight", value % 4);
          else if (round % 7 == 5)
            g_string_append (text, value > 0 ? "true" : "false");
          else if (round % 7 == 6)
            g_string_append_printf (text, "%04d-01-01T00:00:00Z", 1970 + value);
          else
            g_string_append_printf (text, "%d", value);
        }
      snapshot = test_snapshot_new (1, columns[round % 7], text->str);
      column = replica_snapshot_get_column (snapshot, 0);
      replica_index_set_snapshot (index, snapshot);
      replica_index_set_sort (index, descending ? "-c" : "c");
      rows = replica_index_get_rows (index, &n_rows);
      g_assert_cmpuint (n_rows, ==, 200);
      for (guint i = 1; i < n_rows; i++)
        {
          gboolean null_a = replica_column_is_null (column, rows[i - 1]),
                   null_b = replica_column_is_null (column, rows[i]);
          int order = replica_column_compare (column, rows[i - 1], column, rows[i]);

          g_assert_true (!null_a || null_b);
          if (!null_a && !null_b && order != 0)
            g_assert_true ((order > 0) == descending);
          if (order == 0)
            g_assert_cmpuint (rows[i - 1], <, rows[i]);
        }
    }
}

static void
test_row_keys (void)
{
  static const struct
  {
    const char *columns;
    const char *row;
    const char *key;
  } cases[] = {
    { "a*:string", "AAPL", "s4:AAPL" },
    { "a*:string", "", "s0:" }, /* two rows of it */
    { "a*:string", "~", "n" },
    { "a*:string b*:string", "a|b", "s1:as1:b" },
    { "a*:string b*:string", "~|n", "ns1:n" },
    { "a:string b*:int64", "x|-5", "i2:-5" },
    { "a*:decimal(4)", "1.1", "d6:1.1000" },
    { "a*:decimal(0)", "99999999999999999999", "d20:99999999999999999999" },
    { "a*:bool b*:timestamp", "true|2014-05-01T05:00:00Z", "b4:truet20:2014-05-01T05:00:00Z" },
    { "a*:double", "-0", "f1:0" },
    { "a:string", "x", "#0" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ReplicaSnapshot) snapshot =
          test_snapshot_new (1, cases[i].columns, *cases[i].row != '\0' ? cases[i].row : "\n");
      g_autoptr (ReplicaIndex) index = replica_index_new ();
      g_autofree char *key = replica_snapshot_dup_row_key (snapshot, 0);

      g_assert_cmpstr (key, ==, cases[i].key);
      replica_index_set_snapshot (index, snapshot);
      g_assert_cmpint (replica_index_find_key (index, key), ==, 0);
    }
}

static void
test_row_key_with_nul (void)
{
  g_autoptr (TestColumn) column = test_column_new ("s", REPLICA_TYPE_STRING, 0, 4, TRUE);
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, 3);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (ReplicaIndex) index = replica_index_new ();

  test_column_add_string (column, "a", 1);
  test_column_add_string (column, "a\0b", 3);
  test_column_add_string (column, "a\0c", 3);
  replica_snapshot_builder_add (builder, test_column_get (column));
  snapshot = replica_snapshot_builder_finish (builder, NULL);
  replica_index_set_snapshot (index, snapshot);
  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *key = replica_snapshot_dup_row_key (snapshot, i);
      g_assert_cmpint (replica_index_find_key (index, key), ==, (int) i);
    }
}

static void
test_find_key (void)
{
  static const char *const strange[] = { "",       "s",        "s4",      "s4:", "s99999999999999999999:MSFT",
                                         "s4:MSF", "s5:MSFTX", "i4:MSFT", "n",   "#0",
                                         "x" };
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, COLUMNS, ROWS);
  g_autoptr (ReplicaSnapshot) unkeyed = test_snapshot_new (1, "a:int64", "1\n2\n3");
  g_autoptr (ReplicaIndex) index = replica_index_new ();
  g_autofree char *of_null = replica_snapshot_dup_row_key (snapshot, 4);

  g_assert_cmpint (replica_index_find_key (index, "s4:MSFT"), ==, -1);
  replica_index_set_snapshot (index, snapshot);
  replica_index_set_sort (index, "symbol");
  g_assert_cmpint (replica_index_find_key (index, "s4:MSFT"), ==, 1);
  g_assert_cmpint (replica_index_find_key (index, "s4:AAPL"), ==, 0);
  g_assert_cmpint (replica_index_find_key (index, "s4:GOOG"), ==, -1);
  g_assert_cmpint (replica_index_find_key (index, of_null), ==, 4);
  for (guint i = 0; i < G_N_ELEMENTS (strange); i++)
    g_assert_cmpint (replica_index_find_key (index, strange[i]), ==, g_str_equal (strange[i], "n") ? 4 : -1);
  replica_index_set_filter (index, "nasdaq");
  g_assert_cmpint (replica_index_find_key (index, "s3:VOD"), ==, -1);
  replica_index_set_filter (index, NULL);
  replica_index_set_sort (index, "-a");
  replica_index_set_snapshot (index, unkeyed);
  g_assert_cmpint (replica_index_find_key (index, "#0"), ==, 2);
  g_assert_cmpint (replica_index_find_key (index, "#3"), ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/index/filter", test_filter);
  g_test_add_func ("/index/filter-many-words", test_filter_many_words);
  g_test_add_func ("/index/filter-numbers", test_filter_numbers);
  g_test_add_func ("/index/sort", test_sort);
  g_test_add_func ("/index/direction", test_direction);
  g_test_add_func ("/index/sort-random", test_sort_random);
  g_test_add_func ("/index/row-keys", test_row_keys);
  g_test_add_func ("/index/row-key-with-nul", test_row_key_with_nul);
  g_test_add_func ("/index/find-key", test_find_key);
  return g_test_run ();
}
