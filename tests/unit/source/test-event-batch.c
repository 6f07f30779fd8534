/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The columnar builder: what goes in comes out, nulls only where there were some, each string once. */
#include "source-fixture.h"
#include "syn-limits.h"

static void
test_empty (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("a:int64 b:string");
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);

  g_assert_null (syn_event_builder_take (builder));
  syn_event_builder_set_int64 (builder, 0, 1);
  g_assert_true (syn_event_builder_is_set (builder, 0));
  g_assert_false (syn_event_builder_is_set (builder, 1));
  syn_event_builder_abandon (builder);
  g_assert_false (syn_event_builder_is_set (builder, 0));
  g_assert_null (syn_event_builder_take (builder));
}

static void
test_types (void)
{
  g_autoptr (SynSourceSpec) spec =
      fixture_spec_new ("f:bool i:int64 d:double m:decimal(2) s:string t:timestamp");
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autofree char *text = NULL;
  const ReplicaColumn *const *columns;
  static const guint widths[] = { 1, 8, 8, 8, 4, 8 };

  for (guint i = 0; i < 3; i++)
    {
      syn_event_builder_set_int64 (builder, 0, i & 1);
      syn_event_builder_set_int64 (builder, 1, i == 0 ? G_MININT64 : G_MAXINT64);
      syn_event_builder_set_double (builder, 2, 0.5 * i);
      syn_event_builder_set_int64 (builder, 3, 101 * (gint64) i);
      syn_event_builder_set_string (builder, 4, "a\0b", i + 1);
      if (i != 1)
        syn_event_builder_set_int64 (builder, 5, i);
      syn_event_builder_commit (builder);
    }
  g_assert_cmpuint (syn_event_builder_get_n_events (builder), ==, 3);
  batch = syn_event_builder_take (builder);
  g_assert_cmpuint (syn_event_builder_get_n_events (builder), ==, 0);
  text = fixture_batch_to_text (batch);
  g_assert_cmpstr (text, ==,
                   "false|-9223372036854775808|0|0.00|\"a\"|1970-01-01T00:00:00Z\n"
                   "true|9223372036854775807|0.5|1.01|\"a\\000\"|-\n"
                   "false|9223372036854775807|1|2.02|\"a\\000b\"|1970-01-01T00:00:00.000002Z\n");
  columns = syn_event_batch_get_columns (batch);
  for (guint i = 0; i < spec->n_fields; i++)
    {
      g_assert_cmpuint (columns[i]->width, ==, widths[i]);
      g_assert_cmpuint (columns[i]->n_rows, ==, 3);
      g_assert_true ((columns[i]->validity != NULL) == (i == 5));
      g_assert_true (((gsize) columns[i]->data & 7) == 0);
    }
  g_assert_cmpuint (columns[5]->validity[0], ==, 5); /* no bit beyond the rows */
  g_assert_cmpint (replica_column_get_int64 (columns[5], 1), ==, 0);
}

static void
test_sequences (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("a:int64");
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  g_autoptr (SynEventBatch) batch = NULL, other = NULL;

  for (guint i = 0; i < 7; i++)
    {
      syn_event_builder_set_int64 (builder, 0, i);
      syn_event_builder_commit (builder);
    }
  batch = syn_event_builder_take (builder);
  syn_event_batch_set_first_sequence (batch, 11, 1234);
  other = syn_event_batch_ref (batch);
  g_assert_cmpuint (syn_event_batch_get_first_sequence (other), ==, 11);
  g_assert_cmpuint (syn_event_batch_get_last_sequence (other), ==, 17);
  g_assert_cmpint (syn_event_batch_get_arrival_us (other), ==, 1234);
  g_assert_true (syn_event_batch_get_source (other) == spec);
}

/* Many events, nulls in every pattern, strings of every short length and many equal ones; against a model. */
static void
test_random (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("a:int64 s:string u:string");
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (guint round = 0; round < 40; round++)
    {
      g_autoptr (GString) expected = g_string_new (NULL);
      g_autoptr (GHashTable) distinct = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
      g_autoptr (SynEventBatch) batch = NULL;
      g_autofree char *text = NULL;
      guint n = (guint) g_rand_int_range (rand, 1, round % 8 == 0 ? 20000 : 300);
      gboolean has_null = FALSE;
      const ReplicaColumn *column;

      for (guint i = 0; i < n; i++)
        {
          guint length = (guint) g_rand_int_range (rand, 0, 24);
          char s[32], u[32];

          if (g_rand_int_range (rand, 0, 50) == 0)
            {
              syn_event_builder_set_string (builder, 1, "gone", 4);
              syn_event_builder_abandon (builder);
            }
          for (guint k = 0; k < length; k++)
            s[k] = (char) ('a' + g_rand_int_range (rand, 0, length < 4 ? 3 : 1 + (gint32) (round % 3)));
          s[length] = '\0';
          g_snprintf (u, sizeof u, "%u", i * 7919);
          syn_event_builder_set_string (builder, 2, u, strlen (u));
          syn_event_builder_set_string (builder, 1, s, length);
          g_hash_table_add (distinct, g_strdup (s));
          if (round % 3 == 0 && g_rand_int_range (rand, 0, 9) == 0)
            {
              has_null = TRUE;
              g_string_append (expected, "-");
            }
          else
            {
              syn_event_builder_set_int64 (builder, 0, i);
              g_string_append_printf (expected, "%u", i);
            }
          g_string_append_printf (expected, "|\"%s\"|\"%s\"\n", s, u);
          syn_event_builder_commit (builder);
        }
      batch = syn_event_builder_take (builder);
      text = fixture_batch_to_text (batch);
      g_assert_cmpstr (text, ==, expected->str);
      g_assert_true ((syn_event_batch_get_columns (batch)[0]->validity != NULL) == has_null);
      column = syn_event_batch_get_columns (batch)[1];
      /* abandoned events may leave a word of theirs in the dictionary */
      g_assert_cmpuint (column->n_dict, >=, g_hash_table_size (distinct));
      g_assert_cmpuint (column->n_dict, <=, g_hash_table_size (distinct) + 1);
      g_assert_cmpuint (syn_event_batch_get_columns (batch)[2]->n_dict, ==, n);
    }
}

static void
test_take_but_last (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("a:int64 s:string d:double f:bool");
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  g_autoptr (SynEventBatch) first = NULL, rest = NULL;
  g_autofree char *first_text = NULL, *rest_text = NULL;
  gint64 value = 0;

  for (guint i = 0; i < 3; i++)
    {
      g_autofree char *name = g_strdup_printf ("name-%u", i);

      g_assert_null (i == 0 ? syn_event_builder_take_but_last (builder) : NULL);
      if (i != 2)
        syn_event_builder_set_int64 (builder, 0, i);
      syn_event_builder_set_string (builder, 1, name, strlen (name));
      syn_event_builder_set_double (builder, 2, i / 2.0);
      syn_event_builder_set_int64 (builder, 3, 1);
      syn_event_builder_commit (builder);
    }
  g_assert_true (syn_event_builder_peek_int64 (builder, 0, 1, &value));
  g_assert_cmpint (value, ==, 1);
  g_assert_false (syn_event_builder_peek_int64 (builder, 0, 2, &value));
  first = syn_event_builder_take_but_last (builder);
  g_assert_cmpuint (syn_event_builder_get_n_events (builder), ==, 1);
  g_assert_null (syn_event_builder_take_but_last (builder));
  rest = syn_event_builder_take (builder);
  first_text = fixture_batch_to_text (first);
  rest_text = fixture_batch_to_text (rest);
  g_assert_cmpstr (first_text, ==, "0|\"name-0\"|0|true\n1|\"name-1\"|0.5|true\n");
  g_assert_cmpstr (rest_text, ==, "-|\"name-2\"|1|true\n");
}

static void
test_many_fields (void)
{
  g_autoptr (GString) fields = g_string_new ("f0:int64");
  g_autoptr (SynSourceSpec) spec = NULL;
  g_autoptr (SynEventBuilder) builder = NULL;
  g_autoptr (SynEventBatch) batch = NULL;

  for (guint i = 1; i < SYN_MAX_FIELDS; i++)
    g_string_append_printf (fields, " f%u:int64", i);
  spec = fixture_spec_new (fields->str);
  builder = syn_event_builder_new (spec);
  for (guint row = 0; row < SYN_MAX_FIELDS; row++)
    {
      for (guint i = 0; i < SYN_MAX_FIELDS; i++)
        if (i != row)
          syn_event_builder_set_int64 (builder, i, i);
      syn_event_builder_commit (builder);
    }
  batch = syn_event_builder_take (builder);
  for (guint row = 0; row < SYN_MAX_FIELDS; row++)
    for (guint i = 0; i < SYN_MAX_FIELDS; i++)
      {
        const ReplicaColumn *column = syn_event_batch_get_columns (batch)[i];

        g_assert_true (replica_column_is_null (column, row) == (i == row));
        g_assert_cmpint (replica_column_get_int64 (column, row), ==, i == row ? 0 : i);
      }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/event-batch/empty", test_empty);
  g_test_add_func ("/event-batch/types", test_types);
  g_test_add_func ("/event-batch/sequences", test_sequences);
  g_test_add_func ("/event-batch/random", test_random);
  g_test_add_func ("/event-batch/take-but-last", test_take_but_last);
  g_test_add_func ("/event-batch/many-fields", test_many_fields);
  return g_test_run ();
}
