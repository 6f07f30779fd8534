/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "aggregate-fixture.h"

#include <math.h>

#include "syn-scratch.h"

static const struct {
  const char *name;
  ReplicaType type;
  guint scale, width;
} fields[] = {
  { "b", REPLICA_TYPE_BOOL, 0, 1 },      { "i", REPLICA_TYPE_INT64, 0, 8 },     { "n", REPLICA_TYPE_INT64, 0, 8 },
  { "d", REPLICA_TYPE_DOUBLE, 0, 8 },    { "x", REPLICA_TYPE_DOUBLE, 0, 8 },    { "m", REPLICA_TYPE_DECIMAL, 2, 8 },
  { "w", REPLICA_TYPE_DECIMAL, 2, 16 },  { "p", REPLICA_TYPE_DECIMAL, 4, 8 },   { "s", REPLICA_TYPE_STRING, 0, 4 },
  { "t", REPLICA_TYPE_TIMESTAMP, 0, 8 }, { "o", REPLICA_TYPE_INT64, 0, 8 },
};

static char *
random_value (GRand *rand, char field)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  if (g_rand_int_range (rand, 0, 6) == 0)
    return g_strdup ("-");
  switch (field)
    {
    case 'b':
      return g_strdup (g_rand_boolean (rand) ? "true" : "false");
    case 'i':
      if (g_rand_int_range (rand, 0, 8) == 0)
        return g_strdup (g_rand_boolean (rand) ? "9223372036854775807" : "-9223372036854775808");
      return g_strdup_printf ("%d", g_rand_int_range (rand, -50, 50));
    case 'n':
      return g_strdup_printf ("%d", g_rand_int_range (rand, -500, 500));
    case 'd':
      return g_strdup_printf ("%d.%s", g_rand_int_range (rand, -50, 50), g_rand_boolean (rand) ? "125" : "75");
    case 'x':
      if (g_rand_int_range (rand, 0, 20) == 0)
        return g_strdup (g_rand_boolean (rand) ? "nan" : "inf");
      return g_strdup (g_ascii_dtostr (buffer, sizeof buffer, 1000 + g_rand_double_range (rand, -1, 1)));
    case 'w':
      if (g_rand_int_range (rand, 0, 8) == 0)
        return g_strdup_printf ("%d00000000000000000000.25", g_rand_int_range (rand, 1, 50));
      return g_strdup_printf ("%d.%02d", g_rand_int_range (rand, -50, 50), g_rand_int_range (rand, 0, 100));
    case 'm':
      return g_strdup_printf ("%d.%02d", g_rand_int_range (rand, -50, 50), g_rand_int_range (rand, 0, 100));
    case 'p':
      return g_strdup_printf ("%d.%04d", g_rand_int_range (rand, 1, 500), g_rand_int_range (rand, 0, 10000));
    case 's':
      return g_strdup_printf ("s%d", g_rand_int_range (rand, 0, 200));
    case 't':
      /* Around 1970, three seconds of it. */
      return g_strdup_printf ("%d", g_rand_int_range (rand, -1500000, 1500000));
    default:
      return g_strdup_printf ("%d", g_rand_int_range (rand, 0, 10));
    }
}

static SynSchema *
make_schema (void)
{
  SynSchema *schema = syn_schema_new ();

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    syn_schema_add (schema, fields[i].name, fields[i].type, fields[i].scale, FALSE);
  return schema;
}

TestEvents *
test_events_new (GRand *rand, guint n)
{
  TestEvents *self = g_new0 (TestEvents, 1);
  gint64 arrival_us = -1000000;

  self->n = n;
  self->schema = make_schema ();
  self->columns = g_new0 (TestColumn *, G_N_ELEMENTS (fields));
  self->arrivals_us = g_new0 (gint64, n + 1);
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    {
      self->columns[i] = test_column_new (fields[i].type, fields[i].scale, fields[i].width);
      for (guint event = 0; event < n; event++)
        {
          g_autofree char *value = random_value (rand, fields[i].name[0]);

          test_column_add (self->columns[i], value);
        }
    }
  for (guint event = 0; event < n; event++)
    self->arrivals_us[event] = arrival_us += g_rand_int_range (rand, 0, 100000);
  return self;
}

void
test_events_free (TestEvents *self)
{
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    test_column_free (self->columns[i]);
  g_free (self->columns);
  g_free (self->arrivals_us);
  syn_schema_free (self->schema);
  g_free (self);
}

SynAggregateSpec
test_aggregate_spec (const char *call)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse (call, &error);
  g_autoptr (SynSchema) schema = make_schema ();
  SynAggregateSpec spec;

  g_assert_no_error (error);
  syn_aggregate_spec_init (&spec, expr, schema, &error);
  g_assert_no_error (error);
  return spec;
}

SynAggregate *
test_aggregate_new (const char *call)
{
  g_auto (SynAggregateSpec) spec = test_aggregate_spec (call);

  return syn_aggregate_new (&spec, TEST_MAX_TEXT);
}

guint
test_aggregate_add (SynAggregate *aggregate, const char *call, const TestEvents *self, guint from, guint to, const guint32 *rows)
{
  g_auto (SynAggregateSpec) spec = test_aggregate_spec (call);
  g_autofree guint32 *events = g_new (guint32, to - from + 1);
  const ReplicaColumn *columns[G_N_ELEMENTS (fields)], *arguments[SYN_AGGREGATE_MAX_ARGS];

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    columns[i] = &self->columns[i]->column;
  for (guint i = 0; i < spec.n_args; i++)
    arguments[i] = syn_program_run (spec.args[i].program, syn_scratch_frame (syn_scratch_get (), i), columns, self->n);
  for (guint event = from; event < to; event++)
    events[event - from] = event;
  return syn_aggregate_update (aggregate, arguments, self->arrivals_us, events, rows + from, to - from);
}

char *
test_aggregate_results (SynAggregate *aggregate, guint n_rows)
{
  ReplicaColumn column = { 0 };

  syn_aggregate_lend (aggregate, n_rows, &column);
  return test_column_to_string (&column);
}

void
test_aggregate_assert_equal (SynAggregate *a, SynAggregate *b, guint n_rows, double tolerance)
{
  g_autofree char *text_a = test_aggregate_results (a, n_rows), *text_b = test_aggregate_results (b, n_rows);
  ReplicaColumn left = { 0 }, right = { 0 };

  if (tolerance == 0)
    {
      g_assert_cmpstr (text_a, ==, text_b);
      return;
    }
  syn_aggregate_lend (a, n_rows, &left);
  syn_aggregate_lend (b, n_rows, &right);
  g_assert_cmpint (left.type, ==, REPLICA_TYPE_DOUBLE);
  for (guint row = 0; row < n_rows; row++)
    {
      double x = ((const double *) left.data)[row], y = ((const double *) right.data)[row];

      g_assert_cmpint (replica_column_is_null (&left, row), ==, replica_column_is_null (&right, row));
      g_assert_cmpfloat_with_epsilon (x, y, tolerance * fmax (1, fmax (fabs (x), fabs (y))));
    }
}

/* ---- geomean ---- */

typedef struct {
  double log_sum;
  gint64 n, n_bad;
} Geomean;

static const char *
geomean_resolve (const SynAggregateType *args, guint n_args G_GNUC_UNUSED, SynAggregateType *result)
{
  result->type = REPLICA_TYPE_DOUBLE;
  return args[0].type == REPLICA_TYPE_DOUBLE || args[0].type == REPLICA_TYPE_DECIMAL || args[0].type == REPLICA_TYPE_INT64 ? NULL : "numbers";
}

static void
geomean_update (gpointer states, const ReplicaColumn *const *args, guint n_args G_GNUC_UNUSED, const guint32 *events, const guint32 *rows, guint n)
{
  Geomean *state = states;

  for (guint i = 0; i < n; i++)
    {
      double x = replica_column_get_double (args[0], events[i]);

      if (x > 0)
        {
          state[rows[i]].log_sum += log (x);
          state[rows[i]].n++;
        }
      else
        state[rows[i]].n_bad++;
    }
}

static void
geomean_merge (gpointer states, gconstpointer later, const guint32 *from, const guint32 *rows, guint n)
{
  Geomean *state = states;
  const Geomean *part = later;

  for (guint i = 0; i < n; i++)
    {
      state[rows[i]].log_sum += part[from[i]].log_sum;
      state[rows[i]].n += part[from[i]].n;
      state[rows[i]].n_bad += part[from[i]].n_bad;
    }
}

static void
geomean_emit (gconstpointer states, guint n_rows, gpointer results, guint8 *validity)
{
  const Geomean *state = states;

  for (guint row = 0; row < n_rows; row++)
    {
      ((double *) results)[row] = exp (state[row].log_sum / (double) state[row].n);
      if (state[row].n_bad > 0)
        validity[row / 8] &= (guint8) ~(1u << row % 8);
    }
}

static gboolean
geomean_check (gconstpointer state)
{
  const Geomean *self = state;

  return (self->n | self->n_bad) >> 62 == 0;
}

void
test_register_geomean (void)
{
  static const SynAggregateClass klass = {
    .struct_bytes = sizeof klass,
    .name = "geomean",
    .min_args = 1,
    .max_args = 1,
    .state_bytes = sizeof (Geomean),
    .resolve = geomean_resolve,
    .update = geomean_update,
    .merge = geomean_merge,
    .emit = geomean_emit,
    .check = geomean_check,
  };
  g_autoptr (GError) error = NULL;

  syn_aggregate_class_register (&klass, &error);
  g_assert_no_error (error);
}
