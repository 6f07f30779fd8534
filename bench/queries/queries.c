/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What on-demand projections cost, on one core:
 *   - one evaluation from all rows: filter, sort and lay-out over 5,000 rows × 8 columns, against two floors in the same run: a memcpy of
 *     all the columns, and qsort() of an index array by one int64 column, both of which do less;
 *   - many different questions over one projection of 2,000 rows of which a tenth changes per second, each with a reader that waits: a
 *     second's work of the whole path (events, the projection's snapshot, polls, evaluations, answers) on one stepped lane, against
 *     evaluating the same questions from all rows, and against a memcpy of the columns for each of them.
 *
 *   queries [--rows N] [--rounds N] [--queries N] [--base N] [--ticks N] */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench-silo.h"
#include "syn-query-eval.h"
#include "syn-projection.h"
#include "syn-table.h"

static gint n_rows = 5000, n_rounds = 41, n_queries = 10000, n_base = 2000, n_ticks = 9;

static const GOptionEntry entries[] = {
  { "rows", 0, 0, G_OPTION_ARG_INT, &n_rows, "Rows of the single evaluations", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds of them", "N" },
  { "queries", 0, 0, G_OPTION_ARG_INT, &n_queries, "Different questions alive", "N" },
  { "base", 0, 0, G_OPTION_ARG_INT, &n_base, "Rows that they are over", "N" },
  { "ticks", 0, 0, G_OPTION_ARG_INT, &n_ticks, "Seconds", "N" },
  { NULL }
};

static const char catalog_text[] =
  "{ \"sources\": [ { \"name\": \"trades\", \"kind\": \"http\", \"fields\": { \"symbol\": \"string\", \"price\": \"decimal(4)\","
  "     \"size\": \"int64\", \"venue\": \"string\" } } ],"
  "  \"projections\": [ { \"name\": \"quotes\", \"from\": \"trades\", \"key\": [\"symbol\"], \"columns\": {"
  "     \"venue\": \"last(venue)\", \"open\": \"first(price)\", \"last\": \"last(price)\", \"high\": \"max(price)\", \"low\": \"min(price)\","
  "     \"volume\": \"sum(size)\", \"change\": \"last/open-1\" } } ] }";

static void
append_event (GString *text, GRand *rand, int symbol)
{
  g_string_append_printf (text, "{\"symbol\":\"SYM%05d\",\"price\":%d.%04d,\"size\":%d,\"venue\":\"XNY%c\"}\n", symbol,
                          g_rand_int_range (rand, 10, 900), g_rand_int_range (rand, 0, 10000), g_rand_int_range (rand, 1, 100) * 100,
                          'A' + g_rand_int_range (rand, 0, 4));
}

/* ---- a silo on this thread ---- */

typedef struct {
  char *path;
  const char *type;
  ReplicaSnapshot *snapshot; /* (owned) (nullable): the newest that came */
  gboolean waits;
} Reader;

static guint n_answers;
static gboolean is_ending; /* what waits is told so */

static void
on_answer (gpointer payload, const GError *error, gpointer user_data)
{
  Reader *reader = user_data;

  reader->waits = FALSE;
  if (error != NULL && !is_ending)
    g_error ("%s: %s", reader->path, error->message);
  if (payload == NULL)
    return;
  n_answers++;
  g_clear_pointer (&reader->snapshot, replica_snapshot_unref);
  reader->snapshot = payload;
}

static void
poll (SynSilo *silo, Reader *reader)
{
  SynPoll *question = g_new (SynPoll, 1);
  SynCall call = {
    .type = reader->type,
    .key = reader->path,
    .method = SYN_POLL_METHOD,
    .payload = question,
    .payload_free = g_free,
    .reply = on_answer,
    .user_data = reader,
  };

  question->token = reader->snapshot != NULL ? replica_snapshot_get_token (reader->snapshot) : REPLICA_TOKEN_NONE;
  question->hold_ms = 30000;
  reader->waits = TRUE;
  syn_call (syn_silo_get_front_lane (silo), &call);
}

static void
reader_init (Reader *self, SynCatalog *catalog, const char *path)
{
  g_autoptr (GError) error = NULL;

  memset (self, 0, sizeof *self);
  if (!syn_projection_resolve (path, &self->type, &self->path, catalog, &error))
    g_error ("%s: %s", path, error->message);
}

static void
reader_clear (Reader *self)
{
  g_free (self->path);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
}

static SynSilo *
start_silo (SynCatalog *catalog, int rows, GRand *rand)
{
  g_autoptr (GString) text = g_string_new (NULL);
  SynSilo *silo = bench_silo_new (catalog);

  for (int i = 0; i < rows; i++)
    append_event (text, rand, i);
  bench_silo_publish (silo, text);
  syn_silo_settle (silo);
  return silo;
}

static ReplicaSnapshot *
get_base (SynSilo *silo, SynCatalog *catalog)
{
  Reader reader;
  ReplicaSnapshot *snapshot;

  reader_init (&reader, catalog, "quotes");
  poll (silo, &reader);
  syn_silo_settle (silo);
  g_assert_nonnull (reader.snapshot);
  snapshot = g_steal_pointer (&reader.snapshot);
  reader_clear (&reader);
  return snapshot;
}

/* ---- one evaluation ---- */

static int
compare_rows (const void *a, const void *b, void *data)
{
  const gint64 *values = data;
  gint64 x = values[*(const guint32 *) a], y = values[*(const guint32 *) b];

  return (x > y) - (x < y);
}

static void
copy_columns (ReplicaSnapshot *base, char *buffer)
{
  for (guint i = 0; i < replica_snapshot_get_n_columns (base); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (base, i);

      memcpy (buffer, column->data, (gsize) column->n_rows * column->width);
      buffer += (gsize) column->n_rows * column->width;
    }
  __asm__ volatile ("" : : "r"(buffer) : "memory");
}

static void
run_single (SynCatalog *catalog, ReplicaSnapshot *base, const char *what, const char *path)
{
  g_autoptr (BenchSeries) ours = bench_series_new ("synoptic"), sorting = bench_series_new ("qsort of index");
  g_autoptr (BenchSeries) copying = bench_series_new ("memcpy");
  g_autoptr (GError) error = NULL;
  g_autoptr (SynQuery) query = syn_query_parse (path, catalog, &error);
  const ReplicaColumn *volume = replica_snapshot_get_column (base, (guint) replica_snapshot_find_column (base, "volume"));
  guint n = replica_snapshot_get_n_rows (base);
  g_autofree guint32 *rows = g_new (guint32, n);
  g_autofree char *buffer = g_malloc ((gsize) n * 16 * replica_snapshot_get_n_columns (base));

  g_assert_no_error (error);
  for (int round = 0; round < n_rounds + 3; round++)
    {
      ReplicaSnapshot *answer;
      double start_us = bench_own_cpu_us (), ours_us, sort_us, copy_us;

      answer = syn_query_evaluate (query, &base, (ReplicaToken) { 1, 1 }, 0, &error);
      ours_us = bench_own_cpu_us () - start_us;
      g_assert_no_error (error);
      replica_snapshot_unref (answer);
      start_us = bench_own_cpu_us ();
      for (guint i = 0; i < n; i++)
        rows[i] = i;
      qsort_r (rows, n, sizeof *rows, compare_rows, (void *) volume->data);
      sort_us = bench_own_cpu_us () - start_us;
      start_us = bench_own_cpu_us ();
      for (guint i = 0; i < 16; i++)
        copy_columns (base, buffer);
      copy_us = (bench_own_cpu_us () - start_us) / 16;
      if (round < 3)
        continue;
      bench_series_add (ours, ours_us);
      bench_series_add (sorting, sort_us);
      bench_series_add (copying, copy_us);
    }
  bench_report (what, ours, sorting, "us");
  bench_report (what, ours, copying, "us");
}

/* ---- many questions ---- */

/* All different: filters, orders, groups, as a room full of desks would have them. */
static char *
make_path (int i)
{
  switch (i % 5)
    {
    case 0:
      return g_strdup_printf ("quotes?where=volume > %d&sort=-change&limit=50", i * 7);
    case 1:
      return g_strdup_printf ("quotes?where=symbol ~ \"*%d*\"&select=symbol,last,change&sort=symbol", i % 100 + i / 5 * 1000);
    case 2:
      return g_strdup_printf ("quotes?select=symbol,last*%d as value&sort=-value&limit=20", i + 1);
    case 3:
      return g_strdup_printf ("quotes?where=last > %d.%04d&select=symbol,last,volume", 400 + i % 500, i);
    default:
      return g_strdup_printf ("quotes?where=low < %d&group=venue&select=venue,count() as n,sum(volume) as v,max(change) as best&sort=-v", 20 + i);
    }
}

static void
run_many (SynCatalog *catalog)
{
  g_autoptr (BenchSeries) ours = bench_series_new ("synoptic"), full = bench_series_new ("from all rows");
  g_autoptr (BenchSeries) copying = bench_series_new ("memcpy");
  g_autoptr (GRand) rand = g_rand_new_with_seed (2);
  g_autofree Reader *readers = g_new0 (Reader, (gsize) n_queries);
  g_autofree SynQuery **queries = g_new0 (SynQuery *, (gsize) n_queries);
  g_autofree char *buffer = g_malloc ((gsize) n_base * 16 * 16);
  g_autofree char *what = g_strdup_printf ("%d questions, 1 s", n_queries);
  gsize rss_before, rss_after;
  double per_tick = 0;
  SynSilo *silo = start_silo (catalog, n_base, rand);

  for (int i = 0; i < n_queries; i++)
    {
      g_autofree char *path = make_path (i);

      reader_init (&readers[i], catalog, path);
      queries[i] = syn_query_parse (path, catalog, NULL);
    }
  rss_before = bench_process_rss_bytes (getpid ());
  for (int i = 0; i < n_queries; i++)
    {
      poll (silo, &readers[i]);
      if (i % 1000 == 999)
        syn_silo_settle (silo);
    }
  syn_silo_settle (silo);
  rss_after = bench_process_rss_bytes (getpid ());
  for (int tick = 0; tick < n_ticks + 3; tick++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (ReplicaSnapshot) base = NULL;
      double start_us, ours_us, full_us, copy_us;

      for (int i = 0; i < n_base / 10; i++)
        append_event (text, rand, g_rand_int_range (rand, 0, n_base));
      n_answers = 0;
      start_us = bench_own_cpu_us ();
      for (int i = 0; i < n_queries; i++)
        if (!readers[i].waits)
          {
            poll (silo, &readers[i]);
            if (i % 1000 == 999)
              syn_silo_settle (silo);
          }
      bench_silo_publish (silo, text);
      syn_silo_advance (silo, 1000);
      ours_us = bench_own_cpu_us () - start_us;
      if (tick < 3)
        continue;
      per_tick += n_answers;
      base = get_base (silo, catalog);
      start_us = bench_own_cpu_us ();
      for (int i = 0; i < n_queries; i++)
        replica_snapshot_unref (syn_query_evaluate (queries[i], &base, (ReplicaToken) { 1, 1 }, 0, NULL));
      full_us = bench_own_cpu_us () - start_us;
      start_us = bench_own_cpu_us ();
      for (int i = 0; i < n_queries; i++)
        copy_columns (base, buffer);
      copy_us = bench_own_cpu_us () - start_us;
      bench_series_add (ours, ours_us / 1000);
      bench_series_add (full, full_us / 1000);
      bench_series_add (copying, copy_us / 1000);
    }
  bench_report (what, ours, full, "ms");
  bench_report (what, ours, copying, "ms");
  printf ("%-34s %.0f answers a second, %.2f us of CPU a question and second, %.2f KB a question with its reader\n", "",
          per_tick / n_ticks, bench_series_median (ours) * 1000 / n_queries,
          (double) (rss_after - rss_before) / 1024 / n_queries);
  is_ending = TRUE;
  syn_silo_free (silo);
  for (int i = 0; i < n_queries; i++)
    {
      reader_clear (&readers[i]);
      syn_query_free (queries[i]);
    }
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (ReplicaSnapshot) base = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (1);
  SynSilo *silo;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1 || n_rows < 1 || n_queries < 1 || n_base < 10 || n_ticks < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: queries [OPTION]");
      return 2;
    }
  catalog = bench_catalog_new (catalog_text);
  silo = start_silo (catalog, n_rows, rand);
  base = get_base (silo, catalog);
  printf ("one evaluation from all of %d rows\n", n_rows);
  run_single (catalog, base, "where, sort, all rows", "quotes?where=volume>0&sort=-change");
  run_single (catalog, base, "where, sort, limit 50", "quotes?where=volume>0&sort=-change&limit=50");
  run_single (catalog, base, "where a half, sort by text", "quotes?where=last>450&sort=symbol");
  run_single (catalog, base, "where glob, two columns, limit 50", "quotes?where=symbol~\"*1*\"&sort=venue,-volume&limit=50");
  run_single (catalog, base, "group by 4, 3 aggregates", "quotes?group=venue&select=venue,count(),sum(volume) as v,max(change)&sort=-v");
  syn_silo_free (silo);
  printf ("different questions over %d rows, of which a tenth changes a second\n", n_base);
  run_many (catalog);
  return 0;
}
