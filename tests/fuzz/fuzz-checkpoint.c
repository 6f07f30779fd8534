/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as the checkpoint of a projection (the first byte says of which; what names the definition is put right): refused, or as good as any: it
 * can be shown, takes in events, and is saved to what loads again and shows the same. */

#include "syn-error.h"
#include "syn-source.h"
#include "syn-table-image.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define HEAD_BYTES 40 /* magic, definition */
#define MAX_TEXT (1 << 20)

#define CATALOG(projection)                                                                                             \
  "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\","         \
  "\"size\":\"int64\",\"time\":\"timestamp\",\"up\":\"bool\"}}],\"projections\":[{\"name\":\"p\",\"from\":\"trades\"," projection "}]}"

static const char *const catalogs[] = {
  CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"last\":\"last(price)\",\"volume\":\"sum(size)\",\"open\":\"first(symbol)\",\"n\":\"count()\","
           "\"kinds\":\"distinct(size)\"}"),
  CATALOG ("\"key\":[\"symbol\",\"up\"],\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"3m\"},\"columns\":{\"n\":\"count()\",\"low\":\"min(price)\"}"),
  CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"4m\",\"slide\":\"1m\",\"on\":\"time\",\"late\":\"90s\",\"keep\":\"10m\"},"
           "\"columns\":{\"n\":\"count()\"}"),
  CATALOG ("\"columns\":{\"n\":\"count()\",\"s\":\"last(symbol)\"}"),
};

static GBytes *
save (SynTable *table)
{
  g_autoptr (SynTableImage) image = syn_table_image_new (table);
  g_autoptr (GError) error = NULL;
  GBytes *bytes;

  while (!syn_table_image_step (image, 1 << 16))
    ;
  bytes = syn_table_image_save (image, &error);
  g_assert_no_error (error);
  return bytes;
}

/* NULL: it has become too large to be shown. */
static GBytes *
show (SynTable *table)
{
  g_autoptr (ReplicaSnapshot) snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 5, NULL);

  return snapshot != NULL ? g_bytes_ref (replica_snapshot_get_bytes (snapshot)) : NULL;
}

static SynEventBatch *
make_batch (const SynSourceSpec *source, const SynTable *table)
{
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (source);
  SynEventBatch *batch;

  for (gint64 i = 0; i < 4; i++)
    {
      syn_event_builder_set_string (builder, 0, i % 2 ? "A" : "S1", i % 2 ? 1 : 2);
      syn_event_builder_set_int64 (builder, 1, i * 10000);
      syn_event_builder_set_int64 (builder, 3, i * 60 * G_USEC_PER_SEC);
      syn_event_builder_commit (builder);
    }
  batch = syn_event_builder_take (builder);
  syn_event_batch_set_epoch (batch, SYN_DURABLE_EPOCH);
  syn_event_batch_set_first_sequence (batch, MIN (syn_table_get_progress (table)->sequence, G_MAXINT64) + 1, 5);
  return batch;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *json = catalogs[size > 0 ? data[0] % G_N_ELEMENTS (catalogs) : 0];
  g_autoptr (SynCatalog) catalog = syn_catalog_parse ("fuzz.json", "/", json, -1, NULL);
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
  g_autoptr (SynTable) empty = syn_table_new (spec, 4096, MAX_TEXT), table = syn_table_new (spec, 4096, MAX_TEXT);
  g_autoptr (SynTable) again = syn_table_new (spec, 4096, MAX_TEXT);
  g_autoptr (GBytes) nothing = save (empty), bytes = NULL, saved = NULL, before = NULL, after = NULL;
  g_autofree uint8_t *copy = size > 0 ? g_memdup2 (data + 1, size - 1) : NULL;
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  SynTableCounts counts = { 0 };

  if (size == 0)
    return 0;
  if (size > HEAD_BYTES)
    memcpy (copy, g_bytes_get_data (nothing, NULL), HEAD_BYTES);
  bytes = g_bytes_new_take (g_steal_pointer (&copy), size - 1);
  if (!syn_table_load (table, bytes, &error))
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  before = show (table);
  saved = save (table);
  syn_table_load (again, saved, &error);
  g_assert_no_error (error);
  after = show (again);
  g_assert_true ((before == NULL) == (after == NULL));
  if (before != NULL)
    g_assert_true (g_bytes_equal (before, after));
  batch = make_batch (syn_catalog_get_source (catalog, 0), table);
  syn_table_apply (table, batch, &counts);
  g_clear_pointer (&before, g_bytes_unref);
  before = show (table);
  return 0;
}
