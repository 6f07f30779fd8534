/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * NDJSON ingest on one core: text → strict reader → batch → projection, in process, against two others in the same run:
 *   - a bare loop that trusts its input: finds the fields by position, converts digits, looks the key up in an open-addressed table and
 *     adds; the least that any program can do for the same rows;
 *   - json-glib with one parser reused and a GHashTable: what the convenient way costs.
 * All three make the same totals, which is checked.
 *
 *   ingest [--events N] [--keys N] [--rounds N] [--chunk BYTES] */
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench-market.h"
#include "bench-silo.h"
#include "syn-event-reader.h"
#include "syn-limits.h"
#include "syn-table.h"

static gint n_events = 200000, n_keys = 5000, n_rounds = 9, chunk_bytes = 256 * 1024;

static const GOptionEntry entries[] = {
  { "events", 0, 0, G_OPTION_ARG_INT, &n_events, "Events of one round", "N" },
  { "keys", 0, 0, G_OPTION_ARG_INT, &n_keys, "Distinct keys", "N" },
  { "rounds", 0, 0, G_OPTION_ARG_INT, &n_rounds, "Rounds", "N" },
  { "chunk", 0, 0, G_OPTION_ARG_INT, &chunk_bytes, "Bytes of one request", "BYTES" },
  { NULL }
};

static const char catalog_text[] =
  "{ \"sources\": [ { \"name\": \"trades\", \"kind\": \"http\", \"fields\": " BENCH_MARKET_FIELDS " } ],"
  "  \"projections\": [ { \"name\": \"quotes\", \"from\": \"trades\", \"key\": [\"symbol\"], \"columns\": {"
  "     \"last\": \"last(price)\", \"high\": \"max(price)\", \"low\": \"min(price)\", \"volume\": \"sum(size)\" } } ] }";

/* What all three must agree on. */
typedef struct {
  gint64 volume;
  guint n_keys;
} Totals;

static Totals
run_ours (SynCatalog *catalog, GString *text)
{
  g_autoptr (SynTable) table = syn_table_new (syn_catalog_get_projection (catalog, 0), SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
  const SynSourceSpec *source = syn_catalog_get_source (catalog, 0);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (source);
  g_autoptr (SynEventReader) reader = syn_event_reader_new (source, SYN_FORMAT_NDJSON, TRUE);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  const ReplicaColumn *volume;
  SynTableCounts counts = { 0 };
  SynReadPlace place;
  guint64 sequence = 1;
  Totals totals = { 0 };

  for (gsize at = 0; at < text->len; at += (gsize) chunk_bytes)
    {
      g_autoptr (SynEventBatch) batch = NULL;

      if (!syn_event_reader_feed (reader, builder, text->str + at, MIN ((gsize) chunk_bytes, text->len - at), &place, &error))
        g_error ("%s", error->message);
      batch = syn_event_builder_take (builder);
      if (batch == NULL)
        continue;
      syn_event_batch_set_first_sequence (batch, sequence, 0);
      sequence += syn_event_batch_get_n_events (batch);
      syn_table_apply (table, batch, &counts);
    }
  snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 0, &error);
  g_assert_no_error (error);
  totals.n_keys = replica_snapshot_get_n_rows (snapshot);
  volume = replica_snapshot_get_column (snapshot, (guint) replica_snapshot_find_column (snapshot, "volume"));
  for (guint row = 0; row < totals.n_keys; row++)
    totals.volume += replica_column_get_int64 (volume, row);
  return totals;
}

typedef struct {
  char symbol[12];
  guint8 length; /* 0: free */
  gint64 last, high, low, volume;
} BareRow;

static Totals
run_bare (GString *text)
{
  guint n_slots = 16384;
  g_autofree BareRow *rows = NULL;
  const char *p = text->str, *end = text->str + text->len;
  Totals totals = { 0 };

  while (n_slots < 2 * (guint) n_keys)
    n_slots *= 2;
  rows = g_new0 (BareRow, n_slots);
  while (p < end)
    {
      const char *symbol = p + strlen ("{\"symbol\":\""), *after;
      guint64 hash = 14695981039346656037u;
      gint64 price = 0, size = 0;
      BareRow *row;

      for (after = symbol; *after != '"'; after++)
        hash = (hash ^ (guint8) *after) * 1099511628211u;
      for (p = after + strlen ("\",\"price\":"); *p != ','; p++)
        if (*p != '.')
          price = price * 10 + (*p - '0');
      for (p += strlen (",\"size\":"); *p != ','; p++)
        size = size * 10 + (*p - '0');
      p = (const char *) memchr (p, '\n', (gsize) (end - p)) + 1;
      for (guint slot = (guint) (hash * 0x9e3779b97f4a7c15u >> 40) & (n_slots - 1);; slot = (slot + 1) & (n_slots - 1))
        {
          row = &rows[slot];
          if (row->length == 0)
            {
              row->length = (guint8) (after - symbol);
              memcpy (row->symbol, symbol, row->length);
              row->high = row->low = price;
              totals.n_keys++;
              break;
            }
          if (row->length == after - symbol && memcmp (row->symbol, symbol, row->length) == 0)
            break;
        }
      row->last = price;
      row->high = MAX (row->high, price);
      row->low = MIN (row->low, price);
      row->volume += size;
    }
  for (guint slot = 0; slot < n_slots; slot++)
    totals.volume += rows[slot].volume;
  return totals;
}

static Totals
run_json_glib (GString *text)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GHashTable) rows = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GError) error = NULL;
  const char *p = text->str, *end = text->str + text->len;
  Totals totals = { 0 };

  while (p < end)
    {
      const char *newline = memchr (p, '\n', (gsize) (end - p));
      JsonObject *event;
      const char *symbol;
      BareRow *row;
      gint64 price;

      if (!json_parser_load_from_data (parser, p, newline - p, &error))
        g_error ("%s", error->message);
      event = json_node_get_object (json_parser_get_root (parser));
      symbol = json_object_get_string_member (event, "symbol");
      price = (gint64) (json_object_get_double_member (event, "price") * 10000 + 0.5);
      row = g_hash_table_lookup (rows, symbol);
      if (row == NULL)
        {
          row = g_new0 (BareRow, 1);
          row->high = row->low = price;
          g_hash_table_insert (rows, g_strdup (symbol), row);
        }
      row->last = price;
      row->high = MAX (row->high, price);
      row->low = MIN (row->low, price);
      row->volume += json_object_get_int_member (event, "size");
      totals.volume += json_object_get_int_member (event, "size");
      p = newline + 1;
    }
  totals.n_keys = g_hash_table_size (rows);
  return totals;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (BenchSeries) ours = bench_series_new ("synoptic"), bare = bench_series_new ("bare loop"), glib = bench_series_new ("json-glib");
  g_autofree char *title = NULL;
  GString *text;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1 || n_events < 1 || n_keys < 1 || chunk_bytes < 1)
    {
      g_printerr ("%s\n", error != NULL ? error->message : "usage: ingest [OPTION]");
      return 2;
    }
  catalog = bench_catalog_new (catalog_text);
  text = bench_market_text ((guint) n_events, (guint) n_keys);

  for (int round = 0; round < n_rounds + 1; round++)
    {
      double start = bench_own_cpu_us (), after_bare, after_ours, after_glib;
      Totals expected = run_bare (text), got, got_glib;

      after_bare = bench_own_cpu_us ();
      got = run_ours (catalog, text);
      after_ours = bench_own_cpu_us ();
      got_glib = run_json_glib (text);
      after_glib = bench_own_cpu_us ();
      if (got.volume != expected.volume || got.n_keys != expected.n_keys || got_glib.volume != expected.volume)
        g_error ("the totals differ");
      if (round == 0)
        continue; /* warms up */
      bench_series_add (bare, (after_bare - start) * 1e3 / n_events);
      bench_series_add (ours, (after_ours - after_bare) * 1e3 / n_events);
      bench_series_add (glib, (after_glib - after_ours) * 1e3 / n_events);
    }
  title = g_strdup_printf ("%.0f bytes an event, %d keys", (double) text->len / n_events, n_keys);
  bench_report (title, ours, bare, "ns/event");
  bench_report (title, ours, glib, "ns/event");
  printf ("%-34s %.1f M events/s on one core\n", "", 1e3 / bench_series_median (ours));
  g_string_free (text, TRUE);
  return 0;
}
