/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "syn-key-table.h"

#define MAX_TEXT (1 << 20)

/* Maps all rows of the columns; the rows as text, "x" where there was no room. */
static char *
map (SynKeyTable *table, TestColumn **columns, guint n_keys, const gint64 *starts)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint n = columns[0]->column.n_rows;
  const ReplicaColumn *keys[4];
  g_autofree guint32 *events = g_new (guint32, n);
  g_autofree guint32 *rows = g_new (guint32, n);

  for (guint i = 0; i < n_keys; i++)
    keys[i] = &columns[i]->column;
  for (guint i = 0; i < n; i++)
    events[i] = i;
  syn_key_table_map (table, keys, starts, events, n, rows);
  for (guint i = 0; i < n; i++)
    {
      g_string_append (text, i > 0 ? " " : "");
      if (rows[i] == SYN_NO_ROW)
        g_string_append_c (text, 'x');
      else
        g_string_append_printf (text, "%u", rows[i]);
    }
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static void
assert_keys (SynKeyTable *table, guint column_index, const char *expected)
{
  ReplicaColumn column = { 0 };
  g_autofree char *text = NULL;

  syn_key_table_lend (table, column_index, &column);
  text = test_column_to_string (&column);
  g_assert_cmpstr (text, ==, expected);
}

static const struct {
  ReplicaType type;
  guint scale;
  const char *first, *first_rows, *second, *second_rows, *keys;
} single[] = {
  { REPLICA_TYPE_STRING, 0, "a b a - '' -", "0 1 0 2 3 2", "- c '' b", "2 4 3 1", "a b -  c" },
  { REPLICA_TYPE_INT64, 0, "1 -1 1 0 -", "0 1 0 2 3", "0 - 9223372036854775807 1", "2 3 4 0", "1 -1 0 - 9223372036854775807" },
  { REPLICA_TYPE_BOOL, 0, "true - false true", "0 1 2 0", "false", "2", "true - false" },
  { REPLICA_TYPE_DOUBLE, 0, "0 -0.0 0.5 -", "0 0 1 2", "0.5 -0.5", "1 3", "0 0.5 - -0.5" },
  { REPLICA_TYPE_DECIMAL, 2, "1.50 1.5 -1.50", "0 0 1", "1.51", "2", "1.50 -1.50 1.51" },
  { REPLICA_TYPE_TIMESTAMP, 0, "0 1 0", "0 1 0", "-1", "2", "1970-01-01T00:00:00Z 1970-01-01T00:00:00.000001Z 1969-12-31T23:59:59.999999Z" },
};

static void
test_single (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (single); i++)
    {
      SynColumnSpec key = { "k", single[i].type, (guint8) single[i].scale, TRUE };
      g_autoptr (SynKeyTable) table = syn_key_table_new (&key, 1, FALSE, 100, MAX_TEXT);
      g_autoptr (TestColumn) first = test_column_parse (single[i].type, single[i].scale, 8, single[i].first);
      g_autoptr (TestColumn) second = test_column_parse (single[i].type, single[i].scale, 8, single[i].second);
      g_autofree char *first_rows = map (table, &first, 1, NULL);
      g_autofree char *second_rows = map (table, &second, 1, NULL);

      g_assert_cmpstr (first_rows, ==, single[i].first_rows);
      g_assert_cmpstr (second_rows, ==, single[i].second_rows);
      assert_keys (table, 0, single[i].keys);
    }
}

static void
test_several (void)
{
  SynColumnSpec keys[2] = { { "a", REPLICA_TYPE_STRING, 0, TRUE }, { "b", REPLICA_TYPE_INT64, 0, TRUE } };
  g_autoptr (SynKeyTable) table = syn_key_table_new (keys, 2, FALSE, 100, MAX_TEXT);
  g_autoptr (TestColumn) a = test_column_parse (REPLICA_TYPE_STRING, 0, 0, "x x y - - x y");
  g_autoptr (TestColumn) b = test_column_parse (REPLICA_TYPE_INT64, 0, 0, "1 2 1 1 - 1 -");
  TestColumn *columns[] = { a, b };
  g_autofree char *rows = map (table, columns, 2, NULL);

  g_assert_cmpstr (rows, ==, "0 1 2 3 4 0 5");
  assert_keys (table, 0, "x x y - - y");
  assert_keys (table, 1, "1 2 1 1 - -");
}

static void
test_no_key (void)
{
  g_autoptr (SynKeyTable) table = syn_key_table_new (NULL, 0, FALSE, 100, MAX_TEXT);
  guint32 events[] = { 0, 1, 2 }, rows[] = { 9, 9, 9 };

  syn_key_table_map (table, NULL, NULL, events, 3, rows);
  g_assert_cmpuint (rows[0] + rows[1] + rows[2], ==, 0);
  g_assert_cmpuint (syn_key_table_get_n_rows (table), ==, 1);
}

static void
test_windows (void)
{
  SynColumnSpec key = { "k", REPLICA_TYPE_STRING, 0, TRUE };
  g_autoptr (SynKeyTable) table = syn_key_table_new (&key, 1, TRUE, 100, MAX_TEXT);
  g_autoptr (TestColumn) column = test_column_parse (REPLICA_TYPE_STRING, 0, 0, "a a a b a - -");
  const gint64 starts[] = { 0, 60, 0, 60, 60, 0, 60 };
  g_autofree char *rows = map (table, &column, 1, starts);

  g_assert_cmpstr (rows, ==, "0 1 0 2 1 3 4");
  g_assert_cmpint (syn_key_table_get_start (table, 2), ==, 60);
}

static void
test_limits (void)
{
  SynColumnSpec key = { "k", REPLICA_TYPE_STRING, 0, TRUE };
  g_autoptr (SynKeyTable) table = syn_key_table_new (&key, 1, FALSE, 2, MAX_TEXT);
  g_autoptr (SynKeyTable) narrow = syn_key_table_new (&key, 1, FALSE, 100, 6);
  g_autoptr (TestColumn) column = test_column_parse (REPLICA_TYPE_STRING, 0, 0, "a b c a c -");
  g_autoptr (TestColumn) texts = test_column_parse (REPLICA_TYPE_STRING, 0, 0, "four long fo");
  g_autofree char *rows = map (table, &column, 1, NULL);
  g_autofree char *text_rows = map (narrow, &texts, 1, NULL);

  g_assert_cmpstr (rows, ==, "0 1 x 0 x x");
  g_assert_cmpstr (text_rows, ==, "0 x x");
}

/* Random insertions and removals against a GHashTable from key to the position that an array of the same moves gives. */
static void
test_random (void)
{
  SynColumnSpec keys[2] = { { "a", REPLICA_TYPE_STRING, 0, TRUE }, { "b", REPLICA_TYPE_INT64, 0, TRUE } };

  for (guint n_keys = 1; n_keys <= 2; n_keys++)
    {
      g_autoptr (SynKeyTable) table = syn_key_table_new (keys, n_keys, TRUE, 100000, MAX_TEXT);
      g_autoptr (GPtrArray) model = g_ptr_array_new_with_free_func (g_free);
      g_autoptr (GRand) rand = g_rand_new_with_seed (n_keys);

      for (guint round = 0; round < 60; round++)
        {
          g_autoptr (TestColumn) a = test_column_new (REPLICA_TYPE_STRING, 0, 0);
          g_autoptr (TestColumn) b = test_column_new (REPLICA_TYPE_INT64, 0, 0);
          const ReplicaColumn *columns[] = { &a->column, &b->column };
          gint64 starts[50];
          guint32 events[50], rows[50];

          for (guint i = 0; i < 50; i++)
            {
              g_autofree char *text = g_strdup_printf ("key-%d", g_rand_int_range (rand, 0, 40));
              g_autofree char *number = g_strdup_printf ("%d", g_rand_int_range (rand, 0, 3));

              test_column_add (a, g_rand_int_range (rand, 0, 10) == 0 ? "-" : text);
              test_column_add (b, g_rand_int_range (rand, 0, 10) == 0 ? "-" : number);
              starts[i] = g_rand_int_range (rand, -2, 3) * 60;
              events[i] = i;
            }
          syn_key_table_map (table, columns, starts, events, 50, rows);
          for (guint i = 0; i < 50; i++)
            {
              char buffer[REPLICA_TEXT_MAX];
              gsize length;
              g_autofree char *key = g_strdup_printf (
                  "%s/%s/%" G_GINT64_FORMAT,
                  replica_column_is_null (&a->column, i) ? "-" : replica_column_get_string (&a->column, i, NULL),
                  n_keys < 2 || replica_column_is_null (&b->column, i) ? "-"
                                                                       : replica_column_format (&b->column, i, buffer, &length),
                  starts[i]);

              if (rows[i] == model->len)
                g_ptr_array_add (model, g_steal_pointer (&key));
              else
                {
                  g_assert_cmpuint (rows[i], <, model->len);
                  g_assert_cmpstr (g_ptr_array_index (model, rows[i]), ==, key);
                }
            }
          g_assert_cmpuint (syn_key_table_get_n_rows (table), ==, model->len);
          g_assert_cmpuint (syn_key_table_get_capacity (table), >, model->len);
          for (guint n = g_rand_int_range (rand, 0, (gint32) model->len); n > 0; n--)
            {
              guint row = (guint) g_rand_int_range (rand, 0, (gint32) model->len);

              g_assert_cmpuint (syn_key_table_remove (table, row), ==, model->len - 1);
              g_ptr_array_remove_index_fast (model, row);
            }
          syn_key_table_compact (table, round % 2 == 0);
        }
      /* No key is in it twice. */
      {
        g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

        for (guint i = 0; i < model->len; i++)
          g_assert_true (g_hash_table_add (seen, g_ptr_array_index (model, i)));
      }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/key-table/single", test_single);
  g_test_add_func ("/key-table/several", test_several);
  g_test_add_func ("/key-table/no-key", test_no_key);
  g_test_add_func ("/key-table/windows", test_windows);
  g_test_add_func ("/key-table/limits", test_limits);
  g_test_add_func ("/key-table/random", test_random);
  return g_test_run ();
}
