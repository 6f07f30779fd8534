/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What taking an event into an aggregate costs: syn_aggregate_update() over batches of events of random keys, for each kind, against a plain loop
 * in the same run that somebody would write for this one case: it trusts that there are no nulls, that 64 bits are enough (doubles for
 * moments, without Welford; for distinct registers only, or a bit for each of a few values), and that times ascend. And merging: all rows
 * of a partial into a projection.
 *
 *   aggregates [--events N] [--keys N] [--rounds N] [--batch N] */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "syn-aggregate.h"

static gint n_events = 1 << 20, n_keys = 5000, n_rounds = 9, batch_events = 4096;

static const GOptionEntry entries[] = {
  { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Events of one round", "N" },
  { "keys", 0, 0, G_OPTION_ARG_INT, &n_keys, "Distinct keys", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { "batch", 0, 0, G_OPTION_ARG_INT, &batch_events, "Events of one batch", "N" },
  { NULL }
};

/* One batch's worth of events, used again and again; rows are of all the events. */
static gint64 *prices, *sizes, *times_us;
static double *reals;
static guint32 *identity, *rows;

/* ---- the plain loops: event e of the batch goes to row r[e] ---- */

#define FLOOR_SLOTS 32 /* 21 are needed */

typedef struct {
  double n, sum, squares, newest;
} FloorMoments;

static gint64 *floor_a, *floor_b;
static double *floor_real;
static FloorMoments *floor_moments;
static double *floor_rings;
static guint8 *floor_registers; /* 4096 a row */

static void
floor_count (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    floor_a[r[e]]++;
}

static void
floor_last (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    floor_a[r[e]] = prices[e];
}

static void
floor_last_by (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    if (times_us[e] >= floor_b[r[e]])
      {
        floor_a[r[e]] = prices[e];
        floor_b[r[e]] = times_us[e];
      }
}

static void
floor_max (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    floor_a[r[e]] = MAX (floor_a[r[e]], prices[e]);
}

static void
floor_sum (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    floor_a[r[e]] += sizes[e];
}

static void
floor_sum_real (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    floor_real[r[e]] += reals[e];
}

static void
floor_mean (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    {
      floor_a[r[e]] += prices[e];
      floor_b[r[e]]++;
    }
}

static void
floor_stddev (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    {
      FloorMoments *m = &floor_moments[r[e]];

      m->n++;
      m->sum += (double) prices[e];
      m->squares += (double) prices[e] * (double) prices[e];
    }
}

static void
floor_vwap (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    {
      floor_a[r[e]] += prices[e] * sizes[e];
      floor_b[r[e]] += sizes[e];
    }
}

static void
floor_rate (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    floor_rings[r[e] * FLOOR_SLOTS + times_us[e] / 500000 % 21]++;
}

static void
floor_ewma (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    {
      FloorMoments *m = &floor_moments[r[e]];
      double left = exp2 ((m->newest - (double) times_us[e]) / 10e6);

      m->n = m->n * left + 1;
      m->sum = m->sum * left + (double) prices[e];
      m->newest = (double) times_us[e];
    }
}

static void
floor_distinct (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    {
      guint64 hash = (guint64) prices[e] * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);
      guint8 value = (guint8) (__builtin_clzll (hash << 12 | 1) + 1), *held = &floor_registers[r[e] * 4096 + (hash >> 52)];

      *held = MAX (*held, value);
    }
}

static void
floor_distinct_few (const guint32 *r, guint n)
{
  for (guint e = 0; e < n; e++)
    floor_a[r[e]] |= G_GINT64_CONSTANT (1) << (sizes[e] / 100 & 63);
}

static const struct {
  const char *call;
  void (*floor) (const guint32 *r, guint n);
} kinds[] = {
  { "count()", floor_count },         { "last(price)", floor_last },   { "last(price, time)", floor_last_by },
  { "max(price)", floor_max },        { "sum(size)", floor_sum },      { "sum(real)", floor_sum_real },
  { "mean(price)", floor_mean },      { "stddev(price)", floor_stddev }, { "vwap(price, size)", floor_vwap },
  { "rate('10s', time)", floor_rate }, { "ewma(price, '10s', time)", floor_ewma }, { "distinct(price)", floor_distinct },
  { "distinct(size)", floor_distinct_few },
};

static void
make_events (void)
{
  GRand *rand = g_rand_new_with_seed (1);

  prices = g_new (gint64, batch_events);
  sizes = g_new (gint64, batch_events);
  times_us = g_new (gint64, batch_events);
  reals = g_new (double, batch_events);
  identity = g_new (guint32, batch_events);
  rows = g_new (guint32, n_events);
  for (int i = 0; i < batch_events; i++)
    {
      prices[i] = g_rand_int_range (rand, 100000, 9000000);
      sizes[i] = g_rand_int_range (rand, 1, 100) * 100;
      times_us[i] = G_GINT64_CONSTANT (1767348000000000) + i * 10;
      reals[i] = g_rand_double_range (rand, 10, 900);
      identity[i] = (guint32) i;
    }
  for (int i = 0; i < n_events; i++)
    rows[i] = (guint32) g_rand_int_range (rand, 0, n_keys);
  g_rand_free (rand);
  floor_a = g_new0 (gint64, n_keys);
  floor_b = g_new0 (gint64, n_keys);
  floor_real = g_new0 (double, n_keys);
  floor_moments = g_new0 (FloorMoments, n_keys);
  floor_rings = g_new0 (double, n_keys * FLOOR_SLOTS);
  floor_registers = g_new0 (guint8, (gsize) n_keys * 4096);
}

static void
run (const char *call, void (*floor) (const guint32 *r, guint n))
{
  const ReplicaColumn columns[] = {
    { .type = REPLICA_TYPE_DECIMAL, .scale = 4, .width = 8, .n_rows = (guint) batch_events, .data = prices },
    { .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = (guint) batch_events, .data = sizes },
    { .type = REPLICA_TYPE_TIMESTAMP, .width = 8, .n_rows = (guint) batch_events, .data = times_us },
    { .type = REPLICA_TYPE_DOUBLE, .width = 8, .n_rows = (guint) batch_events, .data = reals },
  };
  const ReplicaColumn *fields[] = { &columns[0], &columns[1], &columns[2], &columns[3] }, *arguments[SYN_AGGREGATE_MAX_ARGS];
  g_autoptr (SynSchema) schema = syn_schema_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse (call, &error);
  g_autoptr (SynFrame) frame = syn_frame_new ();
  g_auto (SynAggregateSpec) spec;
  g_autoptr (SynAggregate) aggregate = NULL, merged = NULL;
  g_autoptr (BenchSeries) ours = bench_series_new ("synoptic"), bare = bench_series_new ("plain loop"), merging = bench_series_new ("merge");
  g_autofree guint32 *all_rows = g_new (guint32, n_keys);
  guint n_done = (guint) (n_events / batch_events * batch_events);

  syn_schema_add (schema, "price", REPLICA_TYPE_DECIMAL, 4, FALSE);
  syn_schema_add (schema, "size", REPLICA_TYPE_INT64, 0, FALSE);
  syn_schema_add (schema, "time", REPLICA_TYPE_TIMESTAMP, 0, FALSE);
  syn_schema_add (schema, "real", REPLICA_TYPE_DOUBLE, 0, FALSE);
  if (expr == NULL || !syn_aggregate_spec_init (&spec, expr, schema, &error))
    g_error ("%s", error->message);
  aggregate = syn_aggregate_new (&spec, 1 << 30);
  merged = syn_aggregate_new (&spec, 1 << 30);
  syn_aggregate_reserve (aggregate, (guint) n_keys);
  syn_aggregate_reserve (merged, (guint) n_keys);
  /* Bare fields: the programs hand out the columns themselves, in no time. */
  for (guint i = 0; i < spec.n_args; i++)
    arguments[i] = syn_program_run (spec.args[i].program, frame, fields, (guint) batch_events);
  for (int i = 0; i < n_keys; i++)
    all_rows[i] = (guint32) i;

  for (int round = 0; round < n_rounds + 1; round++)
    {
      double start = bench_own_cpu_us (), after_floor, after_ours, after_merge;

      for (guint at = 0; at < n_done; at += (guint) batch_events)
        floor (rows + at, (guint) batch_events);
      after_floor = bench_own_cpu_us ();
      for (guint at = 0; at < n_done; at += (guint) batch_events)
        syn_aggregate_update (aggregate, arguments, NULL, identity, rows + at, (guint) batch_events);
      after_ours = bench_own_cpu_us ();
      syn_aggregate_merge (merged, aggregate, NULL, all_rows, (guint) n_keys);
      after_merge = bench_own_cpu_us ();
      if (round == 0)
        continue; /* warms up */
      bench_series_add (bare, (after_floor - start) * 1e3 / n_done);
      bench_series_add (ours, (after_ours - after_floor) * 1e3 / n_done);
      bench_series_add (merging, (after_merge - after_ours) * 1e3 / n_keys);
    }
  bench_report (call, ours, bare, "ns/event");
  printf ("%-34s merge %.1f ns/row ±%.0f %%\n", "", bench_series_median (merging), bench_series_spread (merging) * 100);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1 || n_keys < 1 || n_rounds < 1 || batch_events < 1 || n_events < batch_events)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: aggregates [OPTION]");
      return 2;
    }
  make_events ();
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    run (kinds[i].call, kinds[i].floor);
  return 0;
}
