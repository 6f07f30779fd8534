/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What deltas cost and save, on one core: a table of quotes as a projection makes it, of which a share of the rows, drawn at random, was
 * traded since the snapshot before. Bytes of the delta beside those of the full form; making it and applying it, against memcpy() of the
 * full form, laying the full form out, and checking it, which a client does without deltas; compressing either form. Making a delta also in its
 * parts, against the floor of what nobody can do without: memcpy() of the full form, and its hash. Which of the two goes first, and finds the bytes
 * further from the processor, changes from round to round.
 *
 *   bench-delta [--rows N] [--percent N] [--rounds N] */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "bench-silo.h"
#include "replica-delta-private.h"
#include "replica-snapshot-builder.h"
#include "replica-zstd.h"
#include "syn-projection.h"

static gint n_rows = 2000, percent = 10, n_rounds = 101;

static const GOptionEntry entries[] = {
  { "rows", 0, 0, G_OPTION_ARG_INT, &n_rows, "Rows of the table", "N" },
  { "percent", 0, 0, G_OPTION_ARG_INT, &percent, "of them that change from one snapshot to the next", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { NULL }
};

static const char catalog_text[] =
  "{ \"sources\": [ { \"name\": \"trades\", \"kind\": \"http\", \"fields\": { \"symbol\": \"string\", \"price\": \"decimal(4)\","
  "     \"size\": \"int64\", \"time\": \"timestamp\" } } ],"
  "  \"projections\": [ { \"name\": \"quotes\", \"from\": \"trades\", \"key\": [\"symbol\"], \"columns\": {"
  "     \"last\": \"last(price)\", \"volume\": \"sum(size)\", \"notional\": \"sum(price*size)\", \"vwap\": \"notional/volume\","
  "     \"open\": \"first(price)\", \"change\": \"last/open-1\", \"time\": \"last(time)\" } } ] }";

static void
trade (SynSilo *silo, GRand *rand, const int *symbols, int n)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (int i = 0; i < n; i++)
    g_string_append_printf (text, "{\"symbol\":\"SYM%05d\",\"price\":%d.%04d,\"size\":%d,\"time\":\"2026-11-22T12:%02d:%02d.%03dZ\"}\n",
                            symbols[i], g_rand_int_range (rand, 10, 900), g_rand_int_range (rand, 0, 10000),
                            g_rand_int_range (rand, 1, 100) * 100, g_rand_int_range (rand, 0, 60), g_rand_int_range (rand, 0, 60),
                            g_rand_int_range (rand, 0, 1000));
  bench_silo_publish (silo, text);
  syn_silo_settle (silo);
}

static void
on_answer (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
  *(ReplicaSnapshot **) user_data = payload;
}

static ReplicaSnapshot *
get_snapshot (SynSilo *silo, const char *type, const char *key)
{
  ReplicaSnapshot *snapshot = NULL;
  SynCall call = { .type = type,
                   .key = key,
                   .method = SYN_POLL_METHOD,
                   .payload = g_new0 (SynPoll, 1),
                   .payload_free = g_free,
                   .reply = on_answer,
                   .user_data = &snapshot };

  syn_call (syn_silo_get_front_lane (silo), &call);
  syn_silo_settle (silo);
  syn_silo_advance (silo, 1000); /* the cap */
  g_assert_nonnull (snapshot);
  return snapshot;
}

/* As a projection lays its vectors out. */
static ReplicaSnapshot *
lay_out (ReplicaSnapshot *snapshot)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new (
    replica_snapshot_get_path (snapshot), replica_snapshot_get_token (snapshot), 0, replica_snapshot_get_n_rows (snapshot));

  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    replica_snapshot_builder_add (builder, replica_snapshot_get_column (snapshot, i));
  return replica_snapshot_builder_finish (builder, NULL);
}

typedef struct {
  BenchSeries *make, *make_hashed, *floor, *hash, *apply, *copy, *layout, *check, *zip, *unzip, *zip_delta;
  BenchSeries *delta_share, *zip_share, *zip_delta_share; /* % of the full form */
} Series;

static double
percent_of (GBytes *part, GBytes *full)
{
  return 100.0 * (double) g_bytes_get_size (part) / (double) g_bytes_get_size (full);
}

static void
compress_both (Series *series, GBytes *full, GBytes *delta)
{
  g_autoptr (GBytes) zipped = NULL, back = NULL, zipped_delta = NULL;
  double start_us = bench_own_cpu_us ();

  zipped = replica_zstd_compress (full);
  bench_series_add (series->zip, bench_own_cpu_us () - start_us);
  start_us = bench_own_cpu_us ();
  back = replica_zstd_decompress (zipped, NULL);
  bench_series_add (series->unzip, bench_own_cpu_us () - start_us);
  g_assert_true (g_bytes_equal (back, full));
  start_us = bench_own_cpu_us ();
  zipped_delta = replica_zstd_compress (delta);
  bench_series_add (series->zip_delta, bench_own_cpu_us () - start_us);
  bench_series_add (series->zip_share, percent_of (zipped, full));
  bench_series_add (series->zip_delta_share, percent_of (zipped_delta != NULL ? zipped_delta : delta, full));
}

/* memcpy() and the hash: what is needed to have the bytes of a result somewhere, and to vouch for them. */
static void
run_floor (Series *series, GBytes *bytes, char *buffer)
{
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  double start_us = bench_own_cpu_us (), copied_us, end_us;
  guint64 hash;

  memcpy (buffer, data, size);
  __asm__ volatile ("" : : "r"(buffer) : "memory");
  copied_us = bench_own_cpu_us ();
  hash = replica_delta_hash (bytes);
  __asm__ volatile ("" : : "r"(hash));
  end_us = bench_own_cpu_us ();
  bench_series_add (series->copy, copied_us - start_us);
  bench_series_add (series->hash, end_us - copied_us);
  bench_series_add (series->floor, end_us - start_us);
}

static GBytes *
run_make (BenchSeries *series, ReplicaSnapshot *base, ReplicaSnapshot *result)
{
  double start_us = bench_own_cpu_us ();
  GBytes *delta = replica_delta_make (base, result);

  bench_series_add (series, bench_own_cpu_us () - start_us);
  g_assert_nonnull (delta);
  return delta;
}

static void
run_round (Series *series, ReplicaSnapshot *base, ReplicaSnapshot *result, char *buffer, gboolean floor_first)
{
  g_autoptr (GBytes) delta = NULL, same = NULL;
  g_autoptr (ReplicaSnapshot) made = NULL, full = NULL, again = NULL;
  double start_us;

  if (floor_first)
    run_floor (series, replica_snapshot_get_bytes (result), buffer);
  delta = run_make (series->make, base, result);
  if (!floor_first)
    run_floor (series, replica_snapshot_get_bytes (result), buffer);
  same = run_make (series->make_hashed, base, result);
  g_assert_true (g_bytes_equal (same, delta));
  start_us = bench_own_cpu_us ();
  made = replica_delta_apply (base, delta, NULL);
  bench_series_add (series->apply, bench_own_cpu_us () - start_us);
  g_assert_true (g_bytes_equal (replica_snapshot_get_bytes (made), replica_snapshot_get_bytes (result)));
  start_us = bench_own_cpu_us ();
  full = lay_out (result);
  bench_series_add (series->layout, bench_own_cpu_us () - start_us);
  start_us = bench_own_cpu_us ();
  again = replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (result), NULL);
  bench_series_add (series->check, bench_own_cpu_us () - start_us);
  bench_series_add (series->delta_share, percent_of (delta, replica_snapshot_get_bytes (result)));
  compress_both (series, replica_snapshot_get_bytes (result), delta);
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autoptr (BenchSeries) make = bench_series_new ("make"), apply = bench_series_new ("apply"), copy = bench_series_new ("memcpy");
  g_autoptr (BenchSeries) layout = bench_series_new ("lay out"), check = bench_series_new ("check"), share = bench_series_new ("%");
  g_autoptr (BenchSeries) zip = bench_series_new ("zstd"), unzip = bench_series_new ("unzstd"), zip_delta = bench_series_new ("zstd delta");
  g_autoptr (BenchSeries) zip_share = bench_series_new ("%"), zip_delta_share = bench_series_new ("%");
  g_autoptr (BenchSeries) make_hashed = bench_series_new ("make, hash known"), floor = bench_series_new ("memcpy + hash");
  g_autoptr (BenchSeries) hash = bench_series_new ("hash");
  Series series = { make, make_hashed, floor, hash, apply, copy, layout, check, zip, unzip, zip_delta, share, zip_share, zip_delta_share };
  g_autofree int *symbols = NULL;
  g_autofree char *buffer = NULL, *key = NULL, *what = NULL;
  g_autoptr (ReplicaSnapshot) base = NULL;
  const char *type;
  gsize full_bytes;
  SynSilo *silo;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    g_error ("%s", error->message);
  catalog = bench_catalog_new (catalog_text);
  silo = bench_silo_new (catalog);
  syn_projection_resolve ("quotes", &type, &key, catalog, &error);
  g_assert_no_error (error);

  symbols = g_new (int, (gsize) n_rows);
  for (int i = 0; i < n_rows; i++)
    symbols[i] = i;
  trade (silo, rand, symbols, n_rows);
  base = get_snapshot (silo, type, key);
  full_bytes = g_bytes_get_size (replica_snapshot_get_bytes (base));
  buffer = g_malloc0 (full_bytes + (1u << 20));
  for (int round = 0; round < n_rounds; round++)
    {
      ReplicaSnapshot *result;
      int n = MAX (n_rows * percent / 100, 1);

      for (int i = 0; i < n; i++) /* the first n of a shuffle: exactly so many different rows */
        {
          int k = g_rand_int_range (rand, i, n_rows), symbol = symbols[k];

          symbols[k] = symbols[i];
          symbols[i] = symbol;
        }
      trade (silo, rand, symbols, n);
      result = get_snapshot (silo, type, key);
      run_round (&series, base, result, buffer, round % 2 == 0);
      replica_snapshot_unref (base);
      base = result;
    }
  what = g_strdup_printf ("%d x 8, %d %% of rows", n_rows, percent);
  printf ("%-34s full %zu bytes; of it: delta %.1f %%, zstd %.1f %%, delta and zstd %.1f %%\n", what, full_bytes,
          bench_series_median (share), bench_series_median (zip_share), bench_series_median (zip_delta_share));
  bench_report (what, make, floor, "us");
  bench_report (what, make_hashed, floor, "us");
  bench_report (what, hash, copy, "us");
  bench_report (what, make, copy, "us");
  bench_report (what, make, layout, "us");
  bench_report (what, apply, floor, "us");
  bench_report (what, apply, copy, "us");
  bench_report (what, apply, check, "us");
  bench_report (what, zip, copy, "us");
  bench_report (what, unzip, copy, "us");
  bench_report (what, zip_delta, make, "us");
  printf ("%-34s bytes/s of the full form: compressed %.0f M, decompressed %.0f M\n", "", (double) full_bytes / bench_series_median (zip),
          (double) full_bytes / bench_series_median (unzip));
  syn_silo_free (silo);
  return 0;
}
