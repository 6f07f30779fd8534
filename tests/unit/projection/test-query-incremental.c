/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Whatever happens to the projections, an answer from what changed is the one that a fresh evaluation gives. */
#include <string.h>

#include "projection-fixture.h"
#include "replica-snapshot-builder.h"
#include "syn-changes.h"
#include "syn-query-eval.h"
#include "syn-scratch.h"

static const char json[] =
    "{\"sources\":[{\"name\":\"e\",\"kind\":\"http\",\"fields\":{\"k\":\"string\",\"a\":\"int64\",\"d\":\"decimal(2)\",\"f\":\"double\","
    "\"s\":\"string\",\"flag\":\"bool\",\"t\":\"timestamp\"}}],\"projections\":["
    "{\"name\":\"b\",\"from\":\"e\",\"key\":[\"k\"],\"columns\":{\"a\":\"last(a)\",\"d\":\"last(d)\",\"f\":\"last(f)\",\"s\":\"last(s)\","
    "\"flag\":\"last(flag)\",\"t\":\"last(t)\"}},"
    "{\"name\":\"r\",\"from\":\"e\",\"key\":[\"s\"],\"columns\":{\"w\":\"last(a)\",\"name\":\"last(k)\"}},"
    "{\"name\":\"q\",\"from\":\"e\",\"key\":[\"a\",\"flag\"],\"columns\":{\"v\":\"last(d)\",\"other\":\"last(s)\"}}]}";

/* ---- projections that change at random ---- */

#define MAX_COLUMNS 8
#define NULL_VALUE G_MININT

typedef struct {
  const SynProjectionSpec *spec;
  GArray *rows; /* int[MAX_COLUMNS]: a value is made from its number */
  guint serial;
  gboolean wide; /* decimals of 128 bits */
  ReplicaSnapshot *snapshot;
} Model;

static void
append_value (GString *text, const SynColumnSpec *column, int value, gboolean wide)
{
  static const char *const words[] = { "''", "alpha", "alphabet-soup", "alphabet-soup-2", "beta", "é", "zz", "alphabet" };

  switch (column->type)
    {
    case REPLICA_TYPE_STRING:
      if (column->is_key)
        g_string_append_printf (text, "key-%d", value);
      else
        g_string_append (text, words[(guint) value % G_N_ELEMENTS (words)]);
      break;
    case REPLICA_TYPE_BOOL:
      g_string_append (text, value & 1 ? "true" : "false");
      break;
    case REPLICA_TYPE_DECIMAL:
      g_string_append_printf (text, "%d%s.%02d", value % 20 - 7, wide && value % 20 > 7 ? "00000000000000000000" : "", value % 4 * 25);
      break;
    case REPLICA_TYPE_DOUBLE:
      g_string_append_printf (text, "%s%d.5", value % 3 == 0 ? "-" : "", value % 10);
      break;
    default:
      g_string_append_printf (text, "%d", value % 10);
    }
}

static void
model_snap (Model *self)
{
  const SynSchema *schema = self->spec->schema;
  GPtrArray *columns = g_ptr_array_new_with_free_func ((GDestroyNotify) test_column_free);
  ReplicaSnapshotBuilder *builder =
      replica_snapshot_builder_new (self->spec->name, (ReplicaToken) { 7, ++self->serial }, 0, self->rows->len);
  GError *error = NULL;

  for (guint c = 0; c < schema->n_columns; c++)
    {
      TestColumn *column = test_column_new (schema->columns[c].type, schema->columns[c].scale, self->wide ? 16 : 8);

      for (guint row = 0; row < self->rows->len; row++)
        {
          int value = ((int *) (gpointer) self->rows->data)[row * MAX_COLUMNS + c];
          g_autoptr (GString) text = g_string_new (NULL);

          if (value == NULL_VALUE)
            g_string_append (text, "-");
          else
            append_value (text, &schema->columns[c], value, self->wide);
          test_column_add (column, text->str);
        }
      column->column.name = schema->columns[c].name;
      column->column.is_key = schema->columns[c].is_key;
      replica_snapshot_builder_add (builder, &column->column);
      g_ptr_array_add (columns, column);
    }
  replica_snapshot_builder_add_frontier (builder, "e", self->serial * 10);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  self->snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  g_ptr_array_unref (columns);
}

static int *
model_row (Model *self, guint row)
{
  return (int *) (gpointer) self->rows->data + row * MAX_COLUMNS;
}

/* Keys stay unique: each combination of a number is looked for. */
static gboolean
has_key (Model *self, const int *values)
{
  for (guint row = 0; row < self->rows->len; row++)
    {
      gboolean same = TRUE;

      for (guint c = 0; c < self->spec->schema->n_columns; c++)
        {
          int mine = model_row (self, row)[c], other = values[c];
          gboolean is_bool = self->spec->schema->columns[c].type == REPLICA_TYPE_BOOL;
          gboolean is_int = self->spec->schema->columns[c].type == REPLICA_TYPE_INT64;

          if (!self->spec->schema->columns[c].is_key)
            continue;
          if (mine != NULL_VALUE && other != NULL_VALUE && is_bool)
            mine &= 1, other &= 1;
          if (mine != NULL_VALUE && other != NULL_VALUE && is_int)
            mine %= 10, other %= 10;
          same &= mine == other;
        }
      if (same)
        return TRUE;
    }
  return FALSE;
}

static void
model_insert (Model *self, GRand *rand)
{
  int values[MAX_COLUMNS] = { 0 };

  for (guint c = 0; c < self->spec->schema->n_columns; c++)
    values[c] = g_rand_int_range (rand, 0, 8) == 0 ? NULL_VALUE : g_rand_int_range (rand, 0, 40);
  if (!has_key (self, values))
    g_array_append_vals (self->rows, values, 1);
}

static void
model_step (Model *self, GRand *rand)
{
  guint n_changes = (guint) g_rand_int_range (rand, 0, g_rand_int_range (rand, 0, 6) == 0 ? 60 : 5);
  int kind = g_rand_int_range (rand, 0, 60);

  if (kind == 0)
    g_array_set_size (self->rows, 0);
  if (kind == 1)
    self->wide = !self->wide;
  for (guint i = 0; i < (kind < 3 ? 25u : kind < 12 ? 2u : 0u); i++)
    model_insert (self, rand);
  /* The last row takes the place of the one removed. */
  for (guint i = 0; i < (kind >= 12 && kind < 20 ? 2u : 0u) && self->rows->len > 0; i++)
    g_array_remove_index_fast (self->rows, (guint) g_rand_int_range (rand, 0, (gint32) self->rows->len));
  for (guint i = 0; i < n_changes && self->rows->len > 0; i++)
    {
      guint row = (guint) g_rand_int_range (rand, 0, (gint32) self->rows->len);
      guint c = (guint) g_rand_int_range (rand, 0, (gint32) self->spec->schema->n_columns);

      if (!self->spec->schema->columns[c].is_key)
        model_row (self, row)[c] = g_rand_int_range (rand, 0, 8) == 0 ? NULL_VALUE : g_rand_int_range (rand, 0, 40);
    }
  model_snap (self);
}

static void
model_init (Model *self, SynCatalog *catalog, const char *name, guint n_rows, GRand *rand)
{
  *self = (Model) { .spec = syn_catalog_find_projection (catalog, name) };
  g_assert_nonnull (self->spec);
  self->rows = g_array_new (FALSE, TRUE, MAX_COLUMNS * sizeof (int));
  for (guint i = 0; i < n_rows; i++)
    model_insert (self, rand);
  model_snap (self);
}

static void
model_clear (Model *self)
{
  g_array_unref (self->rows);
  replica_snapshot_unref (self->snapshot);
}

/* ---- queries at random ---- */

static const char *
pick (GRand *rand, const char *const *from, guint n)
{
  return from[g_rand_int_range (rand, 0, (gint32) n)];
}

#define PICK(rand, ...)                                                   \
  ({                                                                      \
    static const char *const from_[] = { __VA_ARGS__ };                   \
    pick (rand, from_, G_N_ELEMENTS (from_));                             \
  })

static char *
random_query (GRand *rand)
{
  GString *path = g_string_new ("b?");
  gboolean joined = g_rand_boolean (rand);
  const char *sort;

  if (joined)
    g_string_append_printf (path, "&join=%s", PICK (rand, "r,q as q", "r on k=s,q as q on a=a and flag=flag", "r,q as q on w=a"));
  if (g_rand_boolean (rand))
    g_string_append_printf (path, "&where=%s",
                            joined ? PICK (rand, "w > 3", "name ~ \"a*\" or a < 3", "`q.v` > d", "coalesce(`q.v`, 0.00) >= 0 and flag")
                                   : PICK (rand, "a > 4", "s ~ \"alpha*\"", "not flag", "d*2 > 3 and f < 4", "a in (1, 2, 3)", "s == \"zz\"",
                                           "true", "k ~ \"*1*\"", "t > \"1970-01-01T00:00:00.000005Z\""));
  if (g_rand_int_range (rand, 0, 3) == 0)
    {
      const char *group = joined ? PICK (rand, "name", "w, flag", "`q.other` as other", NULL)
                                 : PICK (rand, "s", "flag, s", "d", "f", "a/2 as half, flag", "upper(s)", "t", NULL);

      if (group != NULL)
        g_string_append_printf (path, "&group=%s", group);
      if (group == NULL || g_rand_boolean (rand))
        {
          g_string_append_printf (path, "&select=%s%s%s", group != NULL && strchr (group, '/') == NULL ? strchr (group, ' ') == NULL ? group : "count() as c0" : "count(a) as c1",
                                  ",count() as n,sum(a) as a_sum,",
                                  PICK (rand, "sum(d) as x,last(s) as last", "max(f)-min(f) as x,first(k) as last", "mean(f) as x,min(s) as last",
                                        "sum(f) as x,max(t) as last", "sum(d)/count() as x,last(d) as last"));
          if (g_rand_boolean (rand))
            g_string_append_printf (path, "&having=%s", PICK (rand, "n > 1", "x > 1 or count() == 3", "sum(a) > 4 and n < 9"));
          sort = PICK (rand, "-n", "last", "x,-n", "-last,a_sum", NULL);
          if (sort != NULL)
            g_string_append_printf (path, "&sort=%s", sort);
        }
    }
  else
    {
      if (g_rand_boolean (rand))
        g_string_append_printf (path, "&select=%s", joined ? PICK (rand, "k,w,name", "k,a,`q.v`-d as z,upper(`q.other`) as o", "name,s as s2")
                                                           : PICK (rand, "k,a,d*3 as z", "lower(s) as s2,f", "a", "k,s,t,flag"));
      if (g_rand_boolean (rand))
        g_string_append_printf (path, "&sort=%s", joined ? PICK (rand, "w,-s", "-name", "`q.v`,a") : PICK (rand, "a", "-s,f", "d,-k", "-t,flag,s", "-f"));
      else if (strstr (path->str, " as z") != NULL)
        g_string_append (path, "&sort=-z");
    }
  if (g_rand_boolean (rand))
    g_string_append_printf (path, "&limit=%d", g_rand_int_range (rand, 0, 12));
  if (g_rand_int_range (rand, 0, 3) == 0)
    g_string_append_printf (path, "&offset=%d", g_rand_int_range (rand, 0, 5));
  return g_string_free (path, FALSE);
}

/* ---- the property ---- */

#define N_QUERIES 6

typedef struct {
  SynQuery *query;
  SynQueryRun *run;
  ReplicaSnapshot *answer; /* the last; NULL at first */
} Asked;

static void
ask (Asked *self, SynCatalog *catalog, Model *models, guint n_models, guint serial)
{
  ReplicaSnapshot *bases[3] = { NULL };
  g_autoptr (ReplicaSnapshot) fresh = NULL;
  g_autoptr (ReplicaSnapshot) checked = NULL;
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *answer;
  guint64 sequence, fresh_sequence;

  for (guint i = 0; i < self->query->n_bases; i++)
    for (guint j = 0; j < n_models; j++)
      if (self->query->bases[i] == models[j].spec)
        bases[i] = models[j].snapshot;
  answer = syn_query_run_evaluate (self->run, bases, (ReplicaToken) { 9, serial }, 0, self->answer, &error);
  g_assert_no_error (error);
  fresh = syn_query_evaluate (self->query, bases, (ReplicaToken) { 9, serial }, 0, &error);
  g_assert_no_error (error);
  if (!syn_query_same_answer (answer, fresh))
    {
      g_autofree char *found = test_csv (answer), *expected = test_csv (fresh);

      g_test_message ("%s", self->query->canonical);
      g_assert_cmpstr (found, ==, expected);
      g_assert_not_reached ();
    }
  checked = replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (answer), &error);
  g_assert_no_error (error);
  g_assert_cmpuint (replica_snapshot_get_n_frontier (answer), ==, 1);
  g_assert_cmpstr (replica_snapshot_get_frontier (answer, 0, &sequence), ==, "e");
  replica_snapshot_get_frontier (fresh, 0, &fresh_sequence);
  if (answer != self->answer)
    g_assert_cmpuint (sequence, ==, fresh_sequence);
  else
    g_assert_cmpuint (sequence, <=, fresh_sequence);
  g_clear_pointer (&self->answer, replica_snapshot_unref);
  self->answer = answer;
}

static void
test_random (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  SynQueryCounts total = { 0 };
  guint n_grouped = 0, n_joined = 0;

  for (guint32 seed = 0; seed < (g_test_slow () ? 120 : 40); seed++)
    {
      g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
      Asked asked[N_QUERIES] = { { NULL } };
      Model models[3];

      g_test_message ("seed %u", seed);
      model_init (&models[0], catalog, "b", (guint) g_rand_int_range (rand, 0, 80), rand);
      model_init (&models[1], catalog, "r", 20, rand);
      model_init (&models[2], catalog, "q", 15, rand);
      for (guint i = 0; i < N_QUERIES; i++)
        {
          g_autofree char *path = random_query (rand);
          g_autoptr (GError) error = NULL;

          asked[i].query = syn_query_parse (path, catalog, &error);
          if (error != NULL)
            g_error ("%s: %s", path, error->message);
          asked[i].run = syn_query_run_new (asked[i].query);
          n_grouped += asked[i].query->group != NULL;
          n_joined += asked[i].query->n_joins > 0;
        }
      for (guint step = 1; step < 40; step++)
        {
          for (guint i = 0; i < N_QUERIES; i++)
            if (g_rand_int_range (rand, 0, 5) > 0)
              ask (&asked[i], catalog, models, 3, step);
          for (guint i = 0; i < 3; i++)
            if (g_rand_int_range (rand, 0, 3) > 0)
              model_step (&models[i], rand);
        }
      for (guint i = 0; i < N_QUERIES; i++)
        {
          SynQueryCounts counts = syn_query_run_get_counts (asked[i].run);

          total.full += counts.full;
          total.incremental += counts.incremental;
          total.unchanged += counts.unchanged;
          g_clear_pointer (&asked[i].answer, replica_snapshot_unref);
          syn_query_run_free (asked[i].run);
          syn_query_free (asked[i].query);
        }
      for (guint i = 0; i < 3; i++)
        model_clear (&models[i]);
    }
  /* It did take the ways that it is there to try. */
  g_test_message ("%" G_GUINT64_FORMAT " full, %" G_GUINT64_FORMAT " incremental, %" G_GUINT64_FORMAT " unchanged; %u grouped, %u joined",
                  total.full, total.incremental, total.unchanged, n_grouped, n_joined);
  g_assert_cmpuint (total.full, >, 1000);
  g_assert_cmpuint (total.incremental, >, total.full);
  g_assert_cmpuint (total.unchanged, >, 1000);
  g_assert_cmpuint (n_grouped, >, 50);
  g_assert_cmpuint (n_joined, >, 50);
}

/* What changed is found out once for all who ask. */
static void
test_shared (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  static const char *const paths[] = { "b?where=a>3", "b?sort=-d&limit=3", "b?group=s&select=s,count()" };
  Asked asked[G_N_ELEMENTS (paths)] = { { NULL } };
  guint n_before;
  Model model;

  model_init (&model, catalog, "b", 100, rand);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      asked[i].query = syn_query_parse (paths[i], catalog, NULL);
      asked[i].run = syn_query_run_new (asked[i].query);
    }
  n_before = syn_changes_get_n_computed ();
  for (guint step = 0; step < 10; step++)
    {
      for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
        ask (&asked[i], catalog, &model, 1, step + 1);
      model_row (&model, 3)[1] = (int) step;
      model_snap (&model);
    }
  g_assert_cmpuint (syn_changes_get_n_computed () - n_before, ==, 9);
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      SynQueryCounts counts = syn_query_run_get_counts (asked[i].run);

      /* With a limit the second one sorts all, to go on from. */
      g_assert_cmpuint (counts.full, ==, i == 1 ? 2 : 1);
      g_assert_cmpuint (counts.incremental, ==, i == 1 ? 8 : 9);
      g_clear_pointer (&asked[i].answer, replica_snapshot_unref);
      syn_query_run_free (asked[i].run);
      syn_query_free (asked[i].query);
    }
  model_clear (&model);
}

/* The newest time of all rows goes back, with the row that had it. */
static void
test_rate (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  g_autoptr (GError) error = NULL;
  Asked asked = { NULL };
  Model model;

  model_init (&model, catalog, "b", 0, rand);
  model.serial = 1000; /* tokens that no test before has used: the thread's cache knows theirs */
  for (int i = 0; i < 10; i++)
    {
      int values[MAX_COLUMNS] = { i, 1, 0, 0, i / 5, 0, i };

      g_array_append_vals (model.rows, values, 1);
    }
  model_snap (&model);
  asked.query = syn_query_parse ("b?group=s&select=s,rate(a,\"1ms\",t %2B 1000000*a) as r", catalog, &error);
  g_assert_no_error (error);
  asked.run = syn_query_run_new (asked.query);
  for (guint step = 1; step < 4; step++)
    {
      ask (&asked, catalog, &model, 1, step);
      model_row (&model, 9)[1] = step == 1 ? 7 : 1;
      model_snap (&model);
    }
  g_assert_cmpuint (syn_query_run_get_counts (asked.run).full, ==, 3);
  replica_snapshot_unref (asked.answer);
  syn_query_run_free (asked.run);
  syn_query_free (asked.query);
  model_clear (&model);
}

/* A big base leaves no memory behind. */
static void
test_scratch (void)
{
  SynScratch *scratch = syn_scratch_get ();
  gsize n = 0;

  for (guint i = 0; i < SYN_SCRATCH_N_BUFFERS; i++)
    memset (syn_scratch_buffer (scratch, i, 8u << 20), 1, 8u << 20);
  for (guint i = 0; i < 100; i++)
    {
      char *bytes = syn_scratch_alloc (scratch, 1 + i * 10000);

      g_assert_cmpuint ((gsize) bytes % 16, ==, 0);
      memset (bytes, 1, 1 + i * 10000);
      n += 1 + i * 10000;
    }
  g_assert_cmpuint (syn_scratch_get_bytes (scratch), >, n + SYN_SCRATCH_N_BUFFERS * (8u << 20));
  syn_scratch_end (scratch);
  g_assert_cmpuint (syn_scratch_get_bytes (scratch), <=, (SYN_SCRATCH_N_BUFFERS + 1) * SYN_SCRATCH_KEEP_BYTES + (1u << 20));

  /* Nor do many columns of a small one. */
  n = syn_scratch_get_bytes (scratch);
  {
    g_autoptr (SynSchema) schema = syn_schema_new ();
    g_autoptr (SynExpr) expr = syn_expr_parse ("x + 1", NULL);
    g_autoptr (SynProgram) program = NULL;
    g_autofree gint64 *data = g_new0 (gint64, 50000);
    const ReplicaColumn column = { .name = "x", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 50000, .data = data };
    const ReplicaColumn *columns[] = { &column };

    syn_schema_add (schema, "x", REPLICA_TYPE_INT64, 0, FALSE);
    program = syn_program_compile (expr, schema, NULL);
    for (guint i = 0; i < 100; i++)
      syn_program_run (program, syn_scratch_frame (scratch, i), columns, 50000);
  }
  g_assert_cmpuint (syn_scratch_get_bytes (scratch), >, n + 2 * SYN_SCRATCH_KEEP_FRAMES_BYTES);
  syn_scratch_end (scratch);
  g_assert_cmpuint (syn_scratch_get_bytes (scratch), <=, n + SYN_SCRATCH_KEEP_FRAMES_BYTES);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query-incremental/random", test_random);
  g_test_add_func ("/query-incremental/shared", test_shared);
  g_test_add_func ("/query-incremental/rate", test_rate);
  g_test_add_func ("/query-incremental/scratch", test_scratch);
  return g_test_run ();
}
