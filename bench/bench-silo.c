/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-silo.h"

#include "syn-projection.h"
#include "syn-source.h"

#define START_US G_GINT64_CONSTANT (1700000000000000)

SynCatalog *
bench_catalog_new (const char *json)
{
  g_autoptr (GError) error = NULL;
  SynCatalog *catalog = syn_catalog_parse ("bench", "/", json, -1, &error);

  g_assert_no_error (error);
  return catalog;
}

SynEventBatch *
bench_market_batch (const SynSourceSpec *source, GRand *rand, guint n, guint first_key, guint n_keys, guint64 sequence)
{
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (source);
  SynEventBatch *batch;
  char text[16];

  for (guint i = 0; i < n; i++)
    {
      guint key = n_keys > 0 ? (guint) g_rand_int_range (rand, 0, (gint32) n_keys) : first_key + i;
      int length = g_snprintf (text, sizeof text, "SYM%07u", key);

      syn_event_builder_set_string (builder, 0, text, (gsize) length);
      syn_event_builder_set_int64 (builder, 1, g_rand_int_range (rand, 1, 1000000));
      syn_event_builder_set_int64 (builder, 2, g_rand_int_range (rand, 1, 100) * 100);
      syn_event_builder_set_int64 (builder, 3, START_US + i);
      text[0] = (char) ('A' + g_rand_int_range (rand, 0, 4));
      syn_event_builder_set_string (builder, 4, text, 1);
      syn_event_builder_commit (builder);
    }
  batch = syn_event_builder_take (builder);
  syn_event_batch_set_first_sequence (batch, sequence, START_US);
  return batch;
}

SynSilo *
bench_silo_new (SynCatalog *catalog)
{
  g_autoptr (GError) error = NULL;
  SynSilo *silo = syn_silo_new_stepped (1, NULL, &error);

  g_assert_no_error (error);
  syn_sources_register (silo, catalog);
  syn_projections_register (silo, catalog);
  syn_silo_start (silo, NULL, &error);
  g_assert_no_error (error);
  syn_silo_settle (silo);
  return silo;
}

static void
published (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_no_error (error);
  g_assert_no_error (((SynPublished *) payload)->error);
  syn_published_free (payload);
}

void
bench_silo_publish (SynSilo *silo, const GString *text)
{
  SynPublish *payload = g_new0 (SynPublish, 1);
  SynCall call = {
    .type = SYN_SOURCE_GRAIN,
    .key = "trades",
    .method = SYN_SOURCE_PUBLISH,
    .payload = payload,
    .payload_free = (GDestroyNotify) syn_publish_free,
    .reply = published,
  };

  payload->body = g_bytes_new (text->str, text->len);
  payload->format = SYN_FORMAT_NDJSON;
  syn_call (syn_silo_get_front_lane (silo), &call);
}
