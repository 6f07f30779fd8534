/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-fixture.h"

#define CATALOG(projection)                                                                                             \
  "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\","         \
  "\"size\":\"int64\",\"time\":\"timestamp\",\"x\":\"double\",\"up\":\"bool\"}}],\"projections\":[{\"name\":\"p\",\"from\":\"trades\"," projection "}]}"

static const char *const catalogs[TEST_N_IMAGES] = {
  CATALOG ("\"key\":[\"symbol\"],\"where\":\"size != 13\",\"columns\":{\"last\":\"last(price)\",\"volume\":\"sum(size)\",\"notional\":\"sum(price*size)\","
           "\"vwap\":\"vwap(price, size)\",\"open\":\"first(symbol)\",\"high\":\"max(symbol)\",\"n\":\"count()\",\"sd\":\"stddev(x)\","
           "\"kinds\":\"distinct(size)\",\"rate\":\"rate(\\\"1s\\\")\",\"e\":\"ewma(x, \\\"1s\\\")\",\"mean\":\"mean(x)\",\"any\":\"any(up)\"}"),
  CATALOG ("\"key\":[\"symbol\",\"up\"],\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"3m\"},"
           "\"columns\":{\"n\":\"count()\",\"s\":\"last(symbol)\",\"kinds\":\"distinct(symbol)\",\"low\":\"min(price)\"}"),
  CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"4m\",\"slide\":\"1m\",\"on\":\"time\",\"late\":\"90s\",\"keep\":\"10m\"},"
           "\"columns\":{\"n\":\"count()\",\"sum\":\"sum(x)\",\"open\":\"first(price, time)\"}"),
  CATALOG ("\"key\":[\"price\",\"size\"],\"columns\":{\"n\":\"count()\",\"s\":\"max(symbol)\"}"),
  CATALOG ("\"columns\":{\"n\":\"count()\",\"s\":\"last(symbol)\",\"sum\":\"sum(price)\"}"),
};

SynCatalog *
test_image_catalog (guint which)
{
  return test_catalog (catalogs[which]);
}

static void
append (GString *text, GRand *rand, const char *format, gint value)
{
  if (text->len > 0 && text->str[text->len - 1] != '\n')
    g_string_append_c (text, ' ');
  if (g_rand_int_range (rand, 0, 12) == 0)
    g_string_append_c (text, '-');
  else
    g_string_append_printf (text, format, value);
}

/* Time goes on with the sequences, so that windows fall out of what is kept; some events come late. */
SynEventBatch *
test_image_batch (SynCatalog *catalog, GRand *rand, guint64 first_sequence, guint n, guint n_symbols)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    {
      gint second = (gint) (first_sequence + i) / 8 - g_rand_int_range (rand, 0, 60);

      second += second == 0;

      if (i > 0)
        g_string_append_c (text, '\n');
      append (text, rand, "S%d", g_rand_int_range (rand, 0, (gint32) n_symbols));
      append (text, rand, "%d.25", g_rand_int_range (rand, -40, 40));
      append (text, rand, "%d", g_rand_int_range (rand, 10, 40));
      append (text, rand, "%d000000", second);
      append (text, rand, "%d.5", g_rand_int_range (rand, -9, 9));
      append (text, rand, g_rand_boolean (rand) ? "true" : "false", 0);
    }
  return test_batch (syn_catalog_get_source (catalog, 0), first_sequence, text->str);
}

char *
test_image_csv (SynTable *table)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 5, &error);

  g_assert_no_error (error);
  return test_csv (snapshot);
}

GBytes *
test_image_save (SynTable *table)
{
  g_autoptr (SynTableImage) image = syn_table_image_new (table);
  g_autoptr (GError) error = NULL;
  GBytes *bytes;

  while (!syn_table_image_step (image, 1 << 20))
    ;
  bytes = syn_table_image_save (image, &error);
  g_assert_no_error (error);
  return bytes;
}
