/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "syn-aggregate.h"

#define MAX_TEXT (1 << 20)
#define N_ROWS 4

/* Of one argument of @type. */
static SynAggregate *
aggregate_new (SynAggregateKind kind, ReplicaType type, guint scale, gsize max_text_bytes)
{
  SynAggregateSpec spec = { .kind = kind, .n_args = 1, .args = { { .type = type, .scale = (guint8) scale } }, .type = type, .scale = (guint8) scale };

  if (kind == SYN_AGGREGATE_COUNT || kind == SYN_AGGREGATE_MEAN)
    {
      spec.type = kind == SYN_AGGREGATE_COUNT ? REPLICA_TYPE_INT64 : REPLICA_TYPE_DOUBLE;
      spec.scale = 0;
    }

  return syn_aggregate_new (&spec, max_text_bytes);
}

/* Adds the values from @from to below @to; value i goes to row i % @n_rows. */
static guint
add (SynAggregate *aggregate, const TestColumn *values, guint from, guint to, guint n_rows)
{
  g_autofree guint32 *events = g_new (guint32, to - from + 1);
  g_autofree guint32 *rows = g_new (guint32, to - from + 1);
  const ReplicaColumn *arguments = &values->column;

  for (guint i = from; i < to; i++)
    {
      events[i - from] = i;
      rows[i - from] = i % n_rows;
    }
  return syn_aggregate_update (aggregate, &arguments, NULL, events, rows, to - from);
}

static char *
results (SynAggregate *aggregate, guint n_rows)
{
  ReplicaColumn column = { 0 };

  syn_aggregate_lend (aggregate, n_rows, &column);
  return test_column_to_string (&column);
}

/* Two rows, values dealt to them in turn; a third row gets none. */
static const struct {
  SynAggregateKind kind;
  ReplicaType type;
  guint scale, width;
  const char *values, *expected;
} cases[] = {
  { SYN_AGGREGATE_FIRST, REPLICA_TYPE_INT64, 0, 8, "- 5 3 6 4 7", "3 5 -" },
  { SYN_AGGREGATE_LAST, REPLICA_TYPE_INT64, 0, 8, "3 5 4 6 - -", "4 6 -" },
  { SYN_AGGREGATE_MIN, REPLICA_TYPE_INT64, 0, 8, "3 5 -4 - 9 -9223372036854775808", "-4 -9223372036854775808 -" },
  { SYN_AGGREGATE_MAX, REPLICA_TYPE_INT64, 0, 8, "-3 -5 -4 - -9 -7", "-3 -5 -" },
  { SYN_AGGREGATE_SUM, REPLICA_TYPE_INT64, 0, 8, "3 - -4 -", "-1 - -" },
  { SYN_AGGREGATE_COUNT, REPLICA_TYPE_INT64, 0, 8, "3 - -4 - 5 0", "3 1 0" },
  { SYN_AGGREGATE_MEAN, REPLICA_TYPE_INT64, 0, 8, "3 - 4 -", "3.5 - -" },
  /* 64 bits are passed: null; and back within them: there again. */
  { SYN_AGGREGATE_SUM, REPLICA_TYPE_INT64, 0, 8, "9223372036854775807 9223372036854775807 1 1 - -1", "- 9223372036854775807 -" },
  { SYN_AGGREGATE_MEAN, REPLICA_TYPE_INT64, 0, 8, "9223372036854775807 1 9223372036854775807 2", "9223372036854776000 1.5 -" },
  { SYN_AGGREGATE_FIRST, REPLICA_TYPE_BOOL, 0, 1, "true - false false", "true false -" },
  { SYN_AGGREGATE_MIN, REPLICA_TYPE_BOOL, 0, 1, "true true false -", "false true -" },
  { SYN_AGGREGATE_MAX, REPLICA_TYPE_TIMESTAMP, 0, 8, "1000000 - 2000000 -1", "1970-01-01T00:00:02Z 1969-12-31T23:59:59.999999Z -" },
  { SYN_AGGREGATE_LAST, REPLICA_TYPE_DOUBLE, 0, 8, "1.5 2.5 inf nan", "1.5 2.5 -" },
  { SYN_AGGREGATE_MIN, REPLICA_TYPE_DOUBLE, 0, 8, "1.5 nan -2.5 -inf", "-2.5 - -" },
  { SYN_AGGREGATE_SUM, REPLICA_TYPE_DOUBLE, 0, 8, "1.5 0.25 -0.5 inf", "1 0.25 -" },
  { SYN_AGGREGATE_COUNT, REPLICA_TYPE_DOUBLE, 0, 8, "1.5 nan 2 inf", "2 0 0" },
  { SYN_AGGREGATE_SUM, REPLICA_TYPE_DOUBLE, 0, 8, "1e308 1 1e308 2", "- 3 -" },
  { SYN_AGGREGATE_MEAN, REPLICA_TYPE_DOUBLE, 0, 8, "1 2 2 4", "1.5 3 -" },
  { SYN_AGGREGATE_LAST, REPLICA_TYPE_DECIMAL, 2, 8, "1.10 - 2.25 3", "2.25 3.00 -" },
  { SYN_AGGREGATE_MAX, REPLICA_TYPE_DECIMAL, 2, 16, "1.10 99999999999999999999999.99 2.25 3", "2.25 99999999999999999999999.99 -" },
  { SYN_AGGREGATE_SUM, REPLICA_TYPE_DECIMAL, 4, 8, "922337203685477.5807 1 922337203685477.5807 -", "1844674407370955.1614 1.0000 -" },
  { SYN_AGGREGATE_MEAN, REPLICA_TYPE_DECIMAL, 4, 8, "1.1 2 1.2 -", "1.15 2 -" },
  /* 128 bits are passed: null for good. */
  { SYN_AGGREGATE_SUM, REPLICA_TYPE_DECIMAL, 0, 16,
    "170141183460469231731687303715884105727 7 170141183460469231731687303715884105727 8 -170141183460469231731687303715884105727 9", "- 24 -" },
  { SYN_AGGREGATE_FIRST, REPLICA_TYPE_STRING, 0, 4, "- b a c", "a b -" },
  { SYN_AGGREGATE_LAST, REPLICA_TYPE_STRING, 0, 4, "a b c -", "c b -" },
  { SYN_AGGREGATE_MIN, REPLICA_TYPE_STRING, 0, 4, "ab b a é aa z", "a b -" },
  { SYN_AGGREGATE_MAX, REPLICA_TYPE_STRING, 0, 4, "ab b a é aa z", "ab é -" },
  { SYN_AGGREGATE_COUNT, REPLICA_TYPE_STRING, 0, 4, "ab - a - aa z", "3 1 0" },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SynAggregate) aggregate = aggregate_new (cases[i].kind, cases[i].type, cases[i].scale, MAX_TEXT);
      g_autoptr (TestColumn) values = test_column_parse (cases[i].type, cases[i].scale, cases[i].width, cases[i].values);
      g_autofree char *found = NULL;

      g_test_message ("%u: kind %d of %s", i, cases[i].kind, cases[i].values);
      g_assert_cmpuint (add (aggregate, values, 0, values->column.n_rows, 2), ==, 0);
      found = results (aggregate, 3);
      g_assert_cmpstr (found, ==, cases[i].expected);
    }
}

static void
test_count_events (void)
{
  const SynAggregateSpec spec = { .kind = SYN_AGGREGATE_COUNT, .type = REPLICA_TYPE_INT64 };
  g_autoptr (SynAggregate) aggregate = syn_aggregate_new (&spec, MAX_TEXT);
  const guint32 events[] = { 0, 1, 2, 7 }, rows[] = { 1, 0, 1, 1 };
  g_autofree char *found = NULL;

  syn_aggregate_update (aggregate, NULL, NULL, events, rows, 4);
  found = results (aggregate, 3);
  g_assert_cmpstr (found, ==, "1 3 0");
}

/* What plain addition of these would lose. */
static void
test_compensation (void)
{
  g_autoptr (SynAggregate) aggregate = aggregate_new (SYN_AGGREGATE_SUM, REPLICA_TYPE_DOUBLE, 0, MAX_TEXT);
  g_autoptr (SynAggregate) later = aggregate_new (SYN_AGGREGATE_SUM, REPLICA_TYPE_DOUBLE, 0, MAX_TEXT);
  g_autoptr (TestColumn) values = test_column_parse (REPLICA_TYPE_DOUBLE, 0, 8, "1 1e100 1 -1e100");
  g_autoptr (TestColumn) more = test_column_parse (REPLICA_TYPE_DOUBLE, 0, 8, "1e100 1 -1e100 1");
  const guint32 row = 0;
  g_autofree char *found = NULL;

  add (aggregate, values, 0, 4, 1);
  add (later, more, 0, 4, 1);
  syn_aggregate_merge (aggregate, later, NULL, &row, 1);
  found = results (aggregate, 1);
  g_assert_cmpstr (found, ==, "4");
}

static char *
random_value (GRand *rand, ReplicaType type, guint width)
{
  if (g_rand_int_range (rand, 0, 5) == 0)
    return g_strdup ("-");
  switch (type)
    {
    case REPLICA_TYPE_BOOL:
      return g_strdup (g_rand_boolean (rand) ? "true" : "false");
    case REPLICA_TYPE_INT64:
      if (g_rand_int_range (rand, 0, 8) == 0)
        return g_strdup (g_rand_boolean (rand) ? "9223372036854775807" : "-9223372036854775808");
      return g_strdup_printf ("%d", g_rand_int_range (rand, -50, 50));
    case REPLICA_TYPE_TIMESTAMP:
      return g_strdup_printf ("%d", g_rand_int_range (rand, -50, 50));
    case REPLICA_TYPE_DOUBLE:
      /* Eighths: sums of them are exact, so that every order of adding gives the same. */
      return g_strdup_printf ("%d.%s", g_rand_int_range (rand, -50, 50), g_rand_boolean (rand) ? "125" : "75");
    case REPLICA_TYPE_DECIMAL:
      if (width == 16 && g_rand_int_range (rand, 0, 8) == 0)
        return g_strdup_printf ("%d00000000000000000000.25", g_rand_int_range (rand, 1, 50));
      return g_strdup_printf ("%d.%02d", g_rand_int_range (rand, -50, 50), g_rand_int_range (rand, 0, 100));
    case REPLICA_TYPE_STRING:
      return g_strdup_printf ("s%d", g_rand_int_range (rand, 0, 200));
    }
  g_return_val_if_reached (NULL);
}

/* Any split of the events into parts, each aggregated by itself (in batches of any size) and merged in order, gives what
 * one after the other gives. */
static void
test_merge (void)
{
  static const struct {
    ReplicaType type;
    guint width;
    gboolean sums;
  } types[] = {
    { REPLICA_TYPE_BOOL, 1, FALSE },     { REPLICA_TYPE_INT64, 8, TRUE },   { REPLICA_TYPE_DOUBLE, 8, TRUE },
    { REPLICA_TYPE_DECIMAL, 8, TRUE },   { REPLICA_TYPE_DECIMAL, 16, TRUE }, { REPLICA_TYPE_STRING, 4, FALSE },
    { REPLICA_TYPE_TIMESTAMP, 8, FALSE },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (20240601);

  for (guint t = 0; t < G_N_ELEMENTS (types); t++)
    for (SynAggregateKind kind = SYN_AGGREGATE_FIRST; kind <= SYN_AGGREGATE_MEAN; kind++)
      for (guint round = 0; round < 12; round++)
        {
          ReplicaType type = types[t].type;
          g_autoptr (SynAggregate) whole = aggregate_new (kind, type, 2, MAX_TEXT);
          g_autoptr (SynAggregate) merged = aggregate_new (kind, type, 2, MAX_TEXT);
          g_autoptr (TestColumn) values = test_column_new (type, 2, types[t].width);
          g_autofree char *expected = NULL;
          g_autofree char *found = NULL;
          gboolean shuffled = round % 2 == 1;
          const guint32 from_rows[N_ROWS] = { 2, 0, 3, 1 };
          guint32 rows[N_ROWS] = { 0, 1, 2, 3 };
          guint n = (guint) g_rand_int_range (rand, 1, 60);

          if (kind == SYN_AGGREGATE_ANY || kind == SYN_AGGREGATE_ALL
              || (!types[t].sums && (kind == SYN_AGGREGATE_SUM || kind == SYN_AGGREGATE_MEAN)))
            continue;
          for (guint i = 0; i < n; i++)
            {
              g_autofree char *value = random_value (rand, type, types[t].width);

              test_column_add (values, value);
            }
          if (shuffled)
            memcpy (rows, from_rows, sizeof rows);
          add (whole, values, 0, n, N_ROWS);
          for (guint from = 0, to; from < n; from = to)
            {
              g_autoptr (SynAggregate) part = aggregate_new (kind, type, 2, MAX_TEXT);
              guint middle;

              to = from + (guint) g_rand_int_range (rand, 1, (gint32) (n - from) + 1);
              middle = from + (guint) g_rand_int_range (rand, 0, (gint32) (to - from) + 1);
              add (part, values, from, middle, N_ROWS);
              add (part, values, middle, to, N_ROWS);
              syn_aggregate_merge (merged, part, shuffled ? from_rows : NULL, rows, N_ROWS);
              syn_aggregate_compact (merged, N_ROWS, TRUE);
            }
          expected = results (whole, N_ROWS);
          found = results (merged, N_ROWS);
          g_assert_cmpstr (found, ==, expected);
        }
}

/* Rows move into holes and come back empty; text that only they had goes. */
static void
test_remove (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SynAggregate) aggregate = aggregate_new (cases[i].kind, cases[i].type, cases[i].scale, MAX_TEXT);
      g_autoptr (SynAggregate) fresh = aggregate_new (cases[i].kind, cases[i].type, cases[i].scale, MAX_TEXT);
      g_autoptr (TestColumn) values = test_column_parse (cases[i].type, cases[i].scale, cases[i].width, cases[i].values);
      g_auto (GStrv) expected = g_strsplit (cases[i].expected, " ", -1);
      g_autofree char *one = NULL;
      g_autofree char *again = NULL;
      g_autofree char *moved = g_strdup_printf ("%s %s", expected[1], expected[2]);

      add (aggregate, values, 0, values->column.n_rows, 2);
      syn_aggregate_remove (aggregate, 0, 1);
      syn_aggregate_compact (aggregate, 1, TRUE);
      one = results (aggregate, 2);
      g_assert_cmpstr (one, ==, moved);

      syn_aggregate_clear (aggregate, (const guint32[]) { 0, 1 }, 2);
      add (aggregate, values, 0, values->column.n_rows, 2);
      again = results (aggregate, 3);
      g_assert_cmpstr (again, ==, cases[i].expected);
    }
}

static void
test_growth (void)
{
  g_autoptr (SynAggregate) sum = aggregate_new (SYN_AGGREGATE_SUM, REPLICA_TYPE_DECIMAL, 2, MAX_TEXT);
  g_autoptr (TestColumn) values = test_column_parse (REPLICA_TYPE_DECIMAL, 2, 8, "1 2 3");
  const guint32 events[] = { 0, 1, 2 }, rows[] = { 0, 999, 1 };
  ReplicaColumn column = { 0 };

  syn_aggregate_reserve (sum, 1000);
  syn_aggregate_update (sum, (const ReplicaColumn *[]) { &values->column }, NULL, events, rows, 3);
  syn_aggregate_reserve (sum, 100000);
  syn_aggregate_lend (sum, 100000, &column);
  g_assert_cmpint ((gint64) replica_column_get_int128 (&column, 999), ==, 200);
  g_assert_true (replica_column_is_null (&column, 99999));
}

/* Text that finds no room leaves what was there, and is counted. */
static void
test_full (void)
{
  g_autoptr (SynAggregate) last = aggregate_new (SYN_AGGREGATE_LAST, REPLICA_TYPE_STRING, 0, 6);
  g_autoptr (TestColumn) values = test_column_parse (REPLICA_TYPE_STRING, 0, 4, "ab cd ef gh");
  g_autofree char *found = NULL;

  g_assert_cmpuint (add (last, values, 0, 4, 2), ==, 2);
  found = results (last, 2);
  g_assert_cmpstr (found, ==, "ab cd");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/aggregate/cases", test_cases);
  g_test_add_func ("/aggregate/count-events", test_count_events);
  g_test_add_func ("/aggregate/compensation", test_compensation);
  g_test_add_func ("/aggregate/merge", test_merge);
  g_test_add_func ("/aggregate/remove", test_remove);
  g_test_add_func ("/aggregate/growth", test_growth);
  g_test_add_func ("/aggregate/full", test_full);
  return g_test_run ();
}
