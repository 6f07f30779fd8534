/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What conflation costs and saves, on one core: NDJSON text → strict reader → batches → N projections, once through partials that are merged
 * at the tick (as the conflation grain does), once straight (each projection takes each batch). The floor is the reader and its batches
 * alone: what is above it is what the projections cost. All ways make the same totals, which is checked.
 *
 *   conflation [--events N] [--keys N] [--tick-events N] [--rounds N] */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "bench-market.h"
#include "bench-silo.h"
#include "syn-event-reader.h"
#include "syn-limits.h"
#include "syn-table.h"

#define MAX_PROJECTIONS 16
#define CHUNK_BYTES (256 * 1024)

static gint n_events = 200000, n_keys = 5000, tick_events = 100000, n_rounds = 9;

static const GOptionEntry entries[] = {
  { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Events of one round", "N" },
  { "keys", 0, 0, G_OPTION_ARG_INT, &n_keys, "Distinct keys", "N" },
  { "tick-events", 0, 0, G_OPTION_ARG_INT, &tick_events, "Events between two ticks", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { NULL }
};

/* All projections of one group, or each of its own (a `where` that all events pass). */
static SynCatalog *
make_catalog (gboolean one_group)
{
  g_autoptr (GString) json = g_string_new ("{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":" BENCH_MARKET_FIELDS
                                           "}],\"projections\":[");

  for (guint i = 0; i < MAX_PROJECTIONS; i++)
    {
      g_string_append_printf (json, "%s{\"name\":\"p%u\",\"from\":\"trades\",\"key\":[\"symbol\"],", i > 0 ? "," : "", i);
      if (!one_group)
        g_string_append_printf (json, "\"where\":\"size > -%u\",", i);
      g_string_append (json, "\"columns\":{\"last\":\"last(price)\",\"high\":\"max(price)\",\"low\":\"min(price)\",\"volume\":\"sum(size)\"}}");
    }
  g_string_append (json, "]}");
  return bench_catalog_new (json->str);
}

static gint64
total_of (SynTable *table)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 0, &error);
  const ReplicaColumn *volume;
  gint64 total = 0;

  g_assert_no_error (error);
  volume = replica_snapshot_get_column (snapshot, (guint) replica_snapshot_find_column (snapshot, "volume"));
  for (guint row = 0; row < volume->n_rows; row++)
    total += replica_column_get_int64 (volume, row);
  return total;
}

/* @n_projections 0: the reader alone. Returns the ns of CPU an event. */
static double
run (SynCatalog *catalog, GString *text, guint n_projections, gboolean conflate, gint64 *total)
{
  const SynSourceSpec *source = syn_catalog_get_source (catalog, 0);
  const SynConflationSpec *group = syn_catalog_get_conflation (catalog, 0);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (source);
  g_autoptr (SynEventReader) reader = syn_event_reader_new (source, SYN_FORMAT_NDJSON, TRUE);
  g_autoptr (SynPartial) partial = NULL;
  g_autoptr (GError) error = NULL;
  SynTable *tables[MAX_PROJECTIONS];
  SynTableCounts counts = { 0 };
  SynWindowClock clock;
  SynReadPlace place;
  guint64 sequence = 1, ticked = 1;
  double start_us = bench_own_cpu_us (), cpu_us;

  syn_window_clock_init (&clock, group->common);
  for (guint i = 0; i < n_projections; i++)
    tables[i] = syn_table_new (syn_catalog_get_projection (catalog, i), SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
  for (gsize at = 0; at < text->len; at += CHUNK_BYTES)
    {
      g_autoptr (SynEventBatch) batch = NULL;
      gboolean last = at + CHUNK_BYTES >= text->len;

      if (!syn_event_reader_feed (reader, builder, text->str + at, MIN (CHUNK_BYTES, text->len - at), &place, &error))
        g_error ("%s", error->message);
      batch = syn_event_builder_take (builder);
      if (batch == NULL)
        continue;
      syn_event_batch_set_first_sequence (batch, sequence, 0);
      sequence += syn_event_batch_get_n_events (batch);
      for (guint i = 0; i < n_projections && !conflate; i++)
        syn_table_apply (tables[i], batch, &counts);
      if (!conflate)
        continue;
      if (partial == NULL)
        partial = syn_partial_new (group, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
      syn_partial_add (partial, &clock, batch, 0, syn_event_batch_get_n_events (batch));
      if (!last && sequence - ticked < (guint64) tick_events)
        continue;
      ticked = sequence;
      for (guint i = 0; i < n_projections; i++)
        if (!syn_table_merge (tables[i], partial, &counts, &error))
          g_error ("%s", error->message);
      g_clear_pointer (&partial, syn_partial_unref);
    }
  cpu_us = bench_own_cpu_us () - start_us;
  for (guint i = 0; i < n_projections; i++)
    {
      gint64 found = total_of (tables[i]);

      if (*total != 0 && found != *total)
        g_error ("the totals differ");
      *total = found;
      syn_table_free (tables[i]);
    }
  return cpu_us * 1e3 / n_events;
}

int
main (int argc, char **argv)
{
  static const guint sizes[] = { 1, 4, 16 };
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) together = NULL, apart = NULL;
  GString *text;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1 || n_events < 1 || n_keys < 1 || tick_events < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: conflation [OPTION]");
      return 2;
    }
  together = make_catalog (TRUE);
  apart = make_catalog (FALSE);
  text = bench_market_text ((guint) n_events, (guint) n_keys);
  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++)
    {
      g_autoptr (BenchSeries) reader = bench_series_new ("reader"), merged = bench_series_new ("conflated"),
                              straight = bench_series_new ("straight"), own = bench_series_new ("own where");
      g_autofree char *one_group = g_strdup_printf ("%u of one group", sizes[s]);
      g_autofree char *groups = g_strdup_printf ("%u of different groups", sizes[s]);
      gint64 total = 0;

      for (int round = 0; round < n_rounds + 1; round++)
        {
          double floor_ns = run (together, text, 0, FALSE, &total), merged_ns = run (together, text, sizes[s], TRUE, &total),
                 straight_ns = run (together, text, sizes[s], FALSE, &total), own_ns = run (apart, text, sizes[s], FALSE, &total);

          if (round == 0)
            continue; /* warms up */
          bench_series_add (reader, floor_ns);
          bench_series_add (merged, merged_ns);
          bench_series_add (straight, straight_ns);
          bench_series_add (own, own_ns);
        }
      bench_report (one_group, merged, straight, "ns/event");
      bench_report (one_group, merged, reader, "ns/event");
      bench_report (one_group, straight, reader, "ns/event");
      bench_report (groups, own, reader, "ns/event");
      printf ("%-34s %.1f M events/s conflated, %.1f straight, %.1f in groups of their own, on one core\n", "", 1e3 / bench_series_median (merged),
              1e3 / bench_series_median (straight), 1e3 / bench_series_median (own));
    }
  g_string_free (text, TRUE);
  return 0;
}
