/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "aggregate-fixture.h"

#define N_KEYS 5

/* Every kind, and how far results may be apart: 0 where the header says "to the last bit". */
static const struct {
  const char *call;
  double tolerance;
} kinds[] = {
  { "first(b)", 0 },        { "first(i)", 0 },       { "first(d)", 0 },      { "first(w)", 0 },     { "first(s)", 0 },
  { "first(t)", 0 },        { "last(b)", 0 },        { "last(i)", 0 },       { "last(m)", 0 },      { "last(w)", 0 },
  { "last(s)", 0 },         { "first(i, o)", 0 },    { "first(w, o)", 0 },   { "first(s, o)", 0 },  { "first(b, t)", 0 },
  { "last(i, o)", 0 },      { "last(w, t)", 0 },     { "last(s, o)", 0 },    { "last(x, o)", 0 },   { "min(i)", 0 },
  { "min(d)", 0 },          { "min(w)", 0 },         { "min(s)", 0 },        { "max(t)", 0 },       { "max(w)", 0 },
  { "max(s)", 0 },          { "any(b)", 0 },         { "all(b)", 0 },        { "sum(i)", 0 },       { "sum(d)", 0 },
  { "sum(m)", 0 },          { "sum(w)", 0 },         { "sum(x)", 1e-15 },    { "count()", 0 },      { "count(s)", 0 },
  { "count(x)", 0 },        { "mean(i)", 0 },        { "mean(w)", 0 },       { "mean(x)", 1e-15 },  { "vwap(p, n)", 0 },
  { "vwap(w, m)", 0 },      { "vwap(p, d)", 1e-13 }, { "vwap(x, n)", 1e-9 }, { "stddev(n)", 1e-13 }, { "stddev(m)", 1e-13 },
  { "stddev(x)", 1e-12 },   { "variance(x)", 1e-12 }, { "variance(p)", 1e-13 }, { "rate('1s')", 0 }, { "rate('1s', t)", 0 },
  { "rate(n, '500ms')", 0 }, { "rate(m, '2s', t)", 0 }, { "rate(x, '1s', t)", 1e-13 }, { "ewma(n, '1s')", 1e-13 },
  { "ewma(m, '200ms', t)", 1e-13 }, { "ewma(x, '20ms', t)", 1e-14 }, { "distinct(s)", 0 }, { "distinct(i)", 0 }, { "distinct(w)", 0 },
  { "distinct(b)", 0 },     { "geomean(p)", 1e-14 }, { "geomean(n)", 1e-14 },
};

/* A partial whose rows are the keys in an order of its own. */
typedef struct {
  SynAggregate *aggregate;
  guint32 row_of[N_KEYS];
} Part;

static void
shuffle (GRand *rand, guint32 *numbers, guint n)
{
  for (guint i = 0; i < n; i++)
    numbers[i] = i;
  for (guint i = n; i > 1; i--)
    {
      guint j = (guint) g_rand_int_range (rand, 0, (gint32) i);
      guint32 swap = numbers[i - 1];

      numbers[i - 1] = numbers[j];
      numbers[j] = swap;
    }
}

/* Some rows are used and cleared, or removed, before they are used for good. */
static Part
new_part (GRand *rand, const char *call, const TestEvents *events, const guint32 *zeros)
{
  Part part = { .aggregate = test_aggregate_new (call) };

  shuffle (rand, part.row_of, N_KEYS);
  if (g_rand_boolean (rand))
    {
      const guint32 cleared[] = { 0 };

      test_aggregate_add (part.aggregate, call, events, 0, MIN (events->n, 7), zeros);
      if (g_rand_boolean (rand))
        syn_aggregate_clear (part.aggregate, cleared, 1);
      else
        syn_aggregate_remove (part.aggregate, 0, (guint) g_rand_int_range (rand, 0, 3));
      syn_aggregate_compact (part.aggregate, N_KEYS, g_rand_boolean (rand));
    }
  return part;
}

static void
add_to_part (Part *part, const char *call, const TestEvents *events, const guint32 *keys, guint from, guint to)
{
  g_autofree guint32 *rows = g_new (guint32, events->n + 1);

  for (guint i = from; i < to; i++)
    rows[i] = part->row_of[keys[i]];
  test_aggregate_add (part->aggregate, call, events, from, to, rows);
}

static void
merge_part (GRand *rand, Part *part, const Part *later)
{
  guint32 keys[N_KEYS], from[N_KEYS], rows[N_KEYS];

  shuffle (rand, keys, N_KEYS);
  for (guint i = 0; i < N_KEYS; i++)
    {
      from[i] = later->row_of[keys[i]];
      rows[i] = part->row_of[keys[i]];
    }
  if (g_rand_int_range (rand, 0, 4) == 0)
    {
      /* NULL: row i of it is partial i. */
      for (guint i = 0; i < N_KEYS; i++)
        for (guint key = 0; key < N_KEYS; key++)
          if (later->row_of[key] == i)
            rows[i] = part->row_of[key];
      g_assert_cmpuint (syn_aggregate_merge (part->aggregate, later->aggregate, NULL, rows, N_KEYS), ==, 0);
    }
  else
    g_assert_cmpuint (syn_aggregate_merge (part->aggregate, later->aggregate, from, rows, N_KEYS), ==, 0);
  syn_aggregate_compact (part->aggregate, N_KEYS, g_rand_boolean (rand));
}

/* The rows in the order of the keys, so that two of them can be compared. */
static SynAggregate *
in_key_order (const char *call, const Part *part)
{
  SynAggregate *ordered = test_aggregate_new (call);
  guint32 rows[N_KEYS] = { 0, 1, 2, 3, 4 };

  syn_aggregate_merge (ordered, part->aggregate, part->row_of, rows, N_KEYS);
  return ordered;
}

/* Any split of the events into parts, each aggregated in batches of any size, and merged in any tree that keeps their order, gives
 * what one batch with all of them gives. */
static void
test_splits (gconstpointer data)
{
  guint kind = GPOINTER_TO_UINT (data);
  const char *call = kinds[kind].call;
  g_autoptr (GRand) rand = g_rand_new_with_seed (20240601 + kind);

  for (guint round = 0; round < 25; round++)
    {
      g_autoptr (TestEvents) events = test_events_new (rand, (guint) g_rand_int_range (rand, 1, 80));
      g_autofree guint32 *keys = g_new (guint32, events->n), *zeros = g_new0 (guint32, events->n);
      g_autoptr (SynAggregate) whole = test_aggregate_new (call);
      g_autoptr (SynAggregate) found = NULL;
      g_autoptr (GArray) parts = g_array_new (FALSE, FALSE, sizeof (Part));

      /* The last key has no event. */
      for (guint i = 0; i < events->n; i++)
        keys[i] = (guint32) g_rand_int_range (rand, 0, N_KEYS - 1);
      test_aggregate_add (whole, call, events, 0, events->n, keys);
      for (guint from = 0, to; from < events->n; from = to)
        {
          Part part = new_part (rand, call, events, zeros);

          to = from + (guint) g_rand_int_range (rand, 1, (gint32) (events->n - from) + 1);
          for (guint at = from, next; at < to; at = next)
            {
              next = at + (guint) g_rand_int_range (rand, 1, (gint32) (to - at) + 1);
              add_to_part (&part, call, events, keys, at, next);
            }
          g_array_append_val (parts, part);
        }
      while (parts->len > 1)
        {
          guint at = (guint) g_rand_int_range (rand, 0, (gint32) parts->len - 1);

          merge_part (rand, &g_array_index (parts, Part, at), &g_array_index (parts, Part, at + 1));
          syn_aggregate_free (g_array_index (parts, Part, at + 1).aggregate);
          g_array_remove_index (parts, at + 1);
        }
      found = in_key_order (call, &g_array_index (parts, Part, 0));
      test_aggregate_assert_equal (found, whole, N_KEYS, kinds[kind].tolerance);
      syn_aggregate_free (g_array_index (parts, Part, 0).aggregate);
    }
}

/* A merge only reads what it merges from: the same partial into two gives the same twice, and says the same after. */
static void
test_const (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      const char *call = kinds[kind].call;
      g_autoptr (TestEvents) events = test_events_new (rand, 40);
      g_autofree guint32 *rows = g_new0 (guint32, events->n);
      g_autoptr (SynAggregate) part = test_aggregate_new (call), one = test_aggregate_new (call), two = test_aggregate_new (call);
      g_autofree char *before = NULL, *after = NULL;
      const guint32 identity[] = { 0, 1, 2 };

      for (guint i = 0; i < events->n; i++)
        rows[i] = i % 3;
      test_aggregate_add (part, call, events, 0, events->n, rows);
      before = test_aggregate_results (part, 3);
      syn_aggregate_merge (one, part, NULL, identity, 3);
      syn_aggregate_merge (two, part, NULL, identity, 3);
      after = test_aggregate_results (part, 3);
      g_assert_cmpstr (before, ==, after);
      test_aggregate_assert_equal (one, two, 3, 0);
      test_aggregate_assert_equal (one, part, 3, 0);
    }
}

/* Rows that are removed take the last one's place, whatever the kind; a cleared one begins anew. */
static void
test_rows (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (8);

  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    {
      const char *call = kinds[kind].call;
      g_autoptr (TestEvents) events = test_events_new (rand, 60);
      g_autofree guint32 *rows = g_new0 (guint32, events->n);
      g_autoptr (SynAggregate) aggregate = test_aggregate_new (call), expected = test_aggregate_new (call);
      const guint32 again[] = { 2, 0, 1 }, first[] = { 0 };
      g_autofree char *kept = NULL, *moved = NULL, *empty = NULL, *nothing = NULL;

      for (guint i = 0; i < events->n; i++)
        rows[i] = i % 3;
      test_aggregate_add (aggregate, call, events, 0, events->n, rows);
      syn_aggregate_merge (expected, aggregate, again, (const guint32[]) { 0, 1 }, 2);
      kept = test_aggregate_results (expected, 1);
      syn_aggregate_remove (aggregate, 0, 2);
      syn_aggregate_compact (aggregate, 2, TRUE);
      moved = test_aggregate_results (aggregate, 1);
      g_assert_cmpstr (moved, ==, kept);

      syn_aggregate_clear (aggregate, first, 1);
      empty = test_aggregate_results (aggregate, 1);
      nothing = strstr (call, "count") == call || strstr (call, "distinct") == call ? g_strdup ("0") : g_strdup ("-");
      g_assert_cmpstr (empty, ==, nothing);
    }
}

/* ---- saved ---- */

/* What is loaded shows the same, and goes on as what was saved; each prefix of it is refused, and so is another aggregate's. */
static void
test_save (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (12);

  for (guint kind = 0; kind < G_N_ELEMENTS (kinds); kind++)
    for (guint n = 0; n < 90; n += 30)
      {
        const char *call = kinds[kind].call;
        g_autoptr (TestEvents) events = test_events_new (rand, 2 * n + 1);
        g_autofree guint32 *rows = g_new0 (guint32, events->n);
        g_autoptr (SynAggregate) saved = test_aggregate_new (call), loaded = test_aggregate_new (call), other = test_aggregate_new ("sum(p)");
        g_autoptr (GByteArray) bytes = g_byte_array_new ();
        g_autoptr (GError) error = NULL;
        guint n_rows = 99, n_expected = n == 0 ? 0 : 5;

        for (guint i = 0; i < events->n; i++)
          rows[i] = (guint32) g_rand_int_range (rand, 0, 4);
        test_aggregate_add (saved, call, events, 0, n, rows);
        g_byte_array_append (bytes, (const guint8 *) "x", 1); /* so that nothing is aligned */
        syn_aggregate_save (saved, n_expected, bytes, &error);
        g_assert_no_error (error);
        syn_aggregate_load (loaded, bytes->data + 1, bytes->len - 1, &n_rows, &error);
        g_assert_no_error (error);
        g_assert_cmpuint (n_rows, ==, n_expected);
        test_aggregate_assert_equal (loaded, saved, 5, 0);
        test_aggregate_add (saved, call, events, n, events->n, rows);
        test_aggregate_add (loaded, call, events, n, events->n, rows);
        test_aggregate_assert_equal (loaded, saved, 5, 0);

        g_assert_false (syn_aggregate_load (other, bytes->data + 1, bytes->len - 1, &n_rows, &error));
        g_assert_nonnull (strstr (error->message, "it is of another aggregate"));
        for (guint length = 0; length < bytes->len - 1; length += 1 + length / 16)
          {
            g_autoptr (SynAggregate) cut = test_aggregate_new (call);
            g_autofree guint8 *copy = g_memdup2 (bytes->data + 1, MAX (length, 1));

            g_assert_false (syn_aggregate_load (cut, copy, length, &n_rows, NULL));
          }
      }
}

/* ---- what the kinds mean, against loops that keep every event ---- */

static gboolean
read_event (const TestEvents *events, guint field, guint event, double *value)
{
  if (replica_column_is_null (&events->columns[field]->column, event))
    return FALSE;
  *value = replica_column_get_double (&events->columns[field]->column, event);
  return isfinite (*value);
}

static void
assert_near (SynAggregate *aggregate, double expected, gboolean null, double tolerance)
{
  ReplicaColumn column = { 0 };

  syn_aggregate_lend (aggregate, 1, &column);
  g_assert_cmpint (replica_column_is_null (&column, 0), ==, null);
  if (!null)
    g_assert_cmpfloat_with_epsilon (((const double *) column.data)[0], expected, tolerance * fmax (1, fabs (expected)));
}

enum { FIELD_N = 2, FIELD_X = 4, FIELD_M = 5, FIELD_T = 9 };

static void
test_stddev_by_definition (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (9);

  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (TestEvents) events = test_events_new (rand, (guint) g_rand_int_range (rand, 1, 60));
      g_autofree guint32 *rows = g_new0 (guint32, events->n);
      g_autoptr (SynAggregate) stddev = test_aggregate_new ("stddev(m)"), variance = test_aggregate_new ("variance(x)");
      const guint fields[] = { FIELD_M, FIELD_X };
      long double squares[2] = { 0, 0 };
      guint n[2] = { 0, 0 };

      test_aggregate_add (stddev, "stddev(m)", events, 0, events->n, rows);
      test_aggregate_add (variance, "variance(x)", events, 0, events->n, rows);
      for (guint k = 0; k < 2; k++)
        {
          long double sum = 0;
          double value;

          for (guint i = 0; i < events->n; i++)
            if (read_event (events, fields[k], i, &value))
              {
                sum += value;
                n[k]++;
              }
          for (guint i = 0; i < events->n; i++)
            if (read_event (events, fields[k], i, &value))
              squares[k] += (value - sum / n[k]) * (value - sum / n[k]);
        }
      assert_near (stddev, n[0] > 1 ? sqrt ((double) (squares[0] / (n[0] - 1))) : 0, n[0] < 2, 1e-13);
      assert_near (variance, n[1] > 1 ? (double) (squares[1] / (n[1] - 1)) : 0, n[1] < 2, 1e-12);
    }
}

static void
test_ewma_by_definition (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (10);

  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (TestEvents) events = test_events_new (rand, (guint) g_rand_int_range (rand, 1, 60));
      g_autofree guint32 *rows = g_new0 (guint32, events->n);
      g_autoptr (SynAggregate) ewma = test_aggregate_new ("ewma(n, '300ms', t)");
      double value, time_us, newest_us = -G_MAXDOUBLE;
      long double sum = 0, weights = 0;

      test_aggregate_add (ewma, "ewma(n, '300ms', t)", events, 0, events->n, rows);
      for (guint i = 0; i < events->n; i++)
        if (read_event (events, FIELD_N, i, &value) && read_event (events, FIELD_T, i, &time_us))
          newest_us = fmax (newest_us, time_us);
      for (guint i = 0; i < events->n; i++)
        if (read_event (events, FIELD_N, i, &value) && read_event (events, FIELD_T, i, &time_us))
          {
            long double weight = powl (2, -(newest_us - time_us) / 300000);

            sum += weight * value;
            weights += weight;
          }
      assert_near (ewma, weights > 0 ? (double) (sum / weights) : 0, weights == 0, 1e-12);
    }
}

/* The share of the oldest bucket that is in the period counts; every younger event counts whole. */
static void
test_rate_by_definition (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);

  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (TestEvents) events = test_events_new (rand, (guint) g_rand_int_range (rand, 1, 80));
      g_autofree guint32 *rows = g_new0 (guint32, events->n);
      g_autoptr (SynAggregate) rate = test_aggregate_new ("rate(n, '1s', t)");
      const double period_us = 1000000, width_us = period_us / SYN_RATE_BUCKETS;
      double value, time_us, newest_us = -G_MAXDOUBLE, sum = 0;
      gboolean any = FALSE;

      /* Row 0 is asked for; row 1 only makes time go on. */
      for (guint i = 0; i < events->n; i++)
        rows[i] = g_rand_int_range (rand, 0, 3) == 0;
      test_aggregate_add (rate, "rate(n, '1s', t)", events, 0, events->n, rows);
      for (guint i = 0; i < events->n; i++)
        if (read_event (events, FIELD_N, i, &value) && read_event (events, FIELD_T, i, &time_us))
          newest_us = fmax (newest_us, time_us);
      for (guint i = 0; i < events->n; i++)
        if (rows[i] == 0 && read_event (events, FIELD_N, i, &value) && read_event (events, FIELD_T, i, &time_us))
          {
            double start_us = newest_us - period_us, bucket_us = floor (time_us / width_us) * width_us;

            any = TRUE;
            if (bucket_us >= start_us)
              sum += value;
            else if (bucket_us + width_us > start_us)
              sum += value * (bucket_us + width_us - start_us) / width_us;
          }
      assert_near (rate, sum, !any, 1e-12);
    }
}

static void
add_one (SynAggregate *aggregate, guint row, gint64 time_us)
{
  const guint32 event = 0, rows[] = { row };

  syn_aggregate_update (aggregate, NULL, &time_us, &event, rows, 1);
}

/* Without a window what is quiet falls to 0; in windows each row keeps the rate it ended with. */
static void
test_rate_as_of (void)
{
  g_auto (SynAggregateSpec) spec = test_aggregate_spec ("rate('1s')");
  g_autoptr (SynAggregate) all = syn_aggregate_new (&spec, 0), by_row = NULL;
  g_autofree char *busy = NULL, *quiet = NULL, *ended = NULL;

  spec.as_of_row = TRUE;
  by_row = syn_aggregate_new (&spec, 0);
  for (guint i = 0; i < 10; i++)
    {
      add_one (all, 0, 60000000 + i);
      add_one (by_row, 0, 60000000 + i);
    }
  busy = test_aggregate_results (all, 1);
  g_assert_cmpstr (busy, ==, "10");
  add_one (all, 1, 70000000);
  add_one (by_row, 1, 70000000);
  quiet = test_aggregate_results (all, 2);
  g_assert_cmpstr (quiet, ==, "0 1");
  ended = test_aggregate_results (by_row, 2);
  g_assert_cmpstr (ended, ==, "10 1");
  /* The ends of time, either way. */
  add_one (all, 0, G_MININT64);
  add_one (all, 0, G_MAXINT64);
  add_one (by_row, 1, G_MAXINT64);
  add_one (by_row, 1, G_MININT64);
}

/* ---- vwap is exact where sum(price*size) could not be ---- */

static void
test_vwap_exact (void)
{
  const SynAggregateSpec spec = {
    .kind = SYN_AGGREGATE_VWAP,
    .n_args = 2,
    .args = { { .type = REPLICA_TYPE_DECIMAL, .scale = 12 }, { .type = REPLICA_TYPE_DECIMAL, .scale = 9 } },
    .type = REPLICA_TYPE_DOUBLE,
  };
  g_autoptr (SynAggregate) vwap = syn_aggregate_new (&spec, 0);
  g_autoptr (TestColumn) price = test_column_parse (REPLICA_TYPE_DECIMAL, 12, 8, "0.1 0.3 100000.000000000001 - 2 5 7 100000.000000000002 0.1");
  g_autoptr (TestColumn) size = test_column_parse (REPLICA_TYPE_DECIMAL, 9, 8, "1 1 -5.5 5 - 1 -1 5.5 0.000000001");
  const ReplicaColumn *arguments[] = { &price->column, &size->column };
  const guint32 events[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8 }, rows[] = { 0, 0, 1, 0, 0, 2, 2, 1, 1 };
  g_autofree char *found = NULL;

  syn_aggregate_update (vwap, arguments, NULL, events, rows, 9);
  found = test_aggregate_results (vwap, 3);
  /* Millions that cancel, and what is left of them: 5.5e-12 + 1e-10 over 1e-9. Sizes that cancel leave no price. */
  g_assert_cmpstr (found, ==, "0.2 0.1055 -");
}

/* Sets that find no room leave what was counted, and say how much they lost; whoever comes into a sketch still counts. */
static void
test_distinct_full (void)
{
  g_auto (SynAggregateSpec) spec = test_aggregate_spec ("distinct(n)");
  g_autoptr (SynAggregate) full = syn_aggregate_new (&spec, 28000), part = syn_aggregate_new (&spec, 28000);
  g_autoptr (TestColumn) values = test_column_new (REPLICA_TYPE_INT64, 0, 8);
  const ReplicaColumn *arguments[] = { &values->column };
  g_autofree guint32 *events = g_new (guint32, 3000), *rows = g_new (guint32, 3000);
  ReplicaColumn column = { 0 };
  const gint64 *counts;
  guint lost;

  for (guint i = 0; i < 3000; i++)
    {
      g_autofree char *value = g_strdup_printf ("%u", i);

      test_column_add (values, value);
      events[i] = i;
      rows[i] = i < 1500 ? 0 : i / 750;
    }
  g_assert_cmpuint (syn_aggregate_update (full, arguments, NULL, events, rows, 1500), ==, 0);
  lost = syn_aggregate_update (full, arguments, NULL, events + 1500, rows + 1500, 1500);
  syn_aggregate_lend (full, 4, &column);
  counts = column.data;
  g_assert_cmpuint (lost, >, 0);
  g_assert_cmpint (counts[2] + counts[3] + lost, ==, 1500);
  g_assert_cmpuint (syn_aggregate_get_bytes (full), <, 29000);
  /* Row 0 is a sketch. */
  for (guint i = 0; i < 3000; i++)
    rows[i] = 0;
  g_assert_cmpuint (syn_aggregate_update (full, arguments, NULL, events, rows, 3000), ==, 0);
  syn_aggregate_lend (full, 1, &column);
  g_assert_cmpint (((const gint64 *) column.data)[0], >, 2800);

  rows[0] = 5;
  syn_aggregate_update (part, arguments, NULL, events, rows, 1);
  g_assert_cmpuint (syn_aggregate_merge (full, part, (const guint32[]) { 5 }, (const guint32[]) { 9 }, 1), ==, 1);
  syn_aggregate_clear (full, (const guint32[]) { 0, 2, 3 }, 3);
  g_assert_cmpuint (syn_aggregate_merge (full, part, (const guint32[]) { 5 }, (const guint32[]) { 9 }, 1), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  test_register_geomean ();
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    {
      g_autofree char *path = g_strdup_printf ("/aggregate-merge/splits/%02u-%.*s", i, (int) strcspn (kinds[i].call, "("), kinds[i].call);

      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_splits);
    }
  g_test_add_func ("/aggregate-merge/const", test_const);
  g_test_add_func ("/aggregate-merge/rows", test_rows);
  g_test_add_func ("/aggregate-merge/save", test_save);
  g_test_add_func ("/aggregate-merge/stddev", test_stddev_by_definition);
  g_test_add_func ("/aggregate-merge/ewma", test_ewma_by_definition);
  g_test_add_func ("/aggregate-merge/rate", test_rate_by_definition);
  g_test_add_func ("/aggregate-merge/rate-as-of", test_rate_as_of);
  g_test_add_func ("/aggregate-merge/vwap", test_vwap_exact);
  g_test_add_func ("/aggregate-merge/distinct-full", test_distinct_full);
  return g_test_run ();
}
