/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The state of a table as bytes: what was is what is loaded, whatever came in while it was copied; and goes on as if nothing had happened. And what is
 * refused. */
#include <string.h>

#include "image-fixture.h"
#include "syn-error.h"

#define MAX_ROWS 2000
#define MAX_TEXT (1 << 20)

/* Random batches; at some step an image is begun, and made a slice at a time while more come in. What is loaded from it takes in all that came since (some of it
 * known already) and shows the same after each batch. */
static void
run_random (guint which, guint seed)
{
  g_autoptr (SynCatalog) catalog = test_image_catalog (which);
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed * 100 + which);
  g_autoptr (SynTable) table = syn_table_new (spec, MAX_ROWS, MAX_TEXT), loaded = syn_table_new (spec, MAX_ROWS, MAX_TEXT);
  g_autoptr (SynTableImage) image = NULL;
  g_autoptr (GPtrArray) batches = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_event_batch_unref);
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = NULL;
  g_autoptr (GBytes) bytes = NULL;
  guint n_symbols = (guint) g_rand_int_range (rand, 3, 900), begun = 0, n_steps = 0;
  SynTableCounts counts = { 0 }, counts_loaded = { 0 };
  guint64 next = 1;
  guint first;

  for (guint step = 0; bytes == NULL; step++)
    {
      SynEventBatch *batch = test_image_batch (catalog, rand, next, (guint) g_rand_int_range (rand, 1, 60), n_symbols);

      next += syn_event_batch_get_n_events (batch);
      g_ptr_array_add (batches, batch);
      syn_table_apply (table, batch, &counts);
      if (g_rand_int_range (rand, 0, 4) == 0)
        g_free (test_image_csv (table));
      if (image == NULL && step >= 30 && g_rand_int_range (rand, 0, 10) == 0)
        {
          expected = test_image_csv (table);
          image = syn_table_image_new (table);
          begun = batches->len;
        }
      else if (image != NULL && g_rand_boolean (rand))
        {
          n_steps++;
          if (syn_table_image_step (image, (gsize) g_rand_int_range (rand, 1, 2000)))
            {
              bytes = syn_table_image_save (image, &error);
              g_assert_no_error (error);
            }
        }
    }
  g_test_message ("%u: %u rows of %u symbols in %u steps, %u batches meanwhile, %" G_GSIZE_FORMAT " bytes", which, syn_table_image_get_n_rows (image),
                  n_symbols, n_steps, batches->len - begun, g_bytes_get_size (bytes));
  syn_table_load (loaded, bytes, &error);
  g_assert_no_error (error);
  {
    g_autofree char *found = test_image_csv (loaded);

    g_assert_cmpstr (found, ==, expected);
  }
  /* Sequences tell what is known. */
  first = begun - (guint) g_rand_int_range (rand, 0, (gint32) MIN (begun, 5));
  for (guint i = 0; i < 30; i++)
    {
      SynEventBatch *batch = test_image_batch (catalog, rand, next, (guint) g_rand_int_range (rand, 1, 60), n_symbols);

      next += syn_event_batch_get_n_events (batch);
      g_ptr_array_add (batches, batch);
      syn_table_apply (table, batch, &counts);
    }
  for (guint i = first; i < batches->len; i++)
    syn_table_apply (loaded, batches->pdata[i], &counts_loaded);
  {
    g_autofree char *found = test_image_csv (loaded), *original = test_image_csv (table);

    g_assert_cmpstr (found, ==, original);
  }
  /* Not one is missing or counted twice. */
  g_assert_cmpuint (syn_table_get_progress (loaded)->sequence, ==, next - 1);
}

static void
test_random (void)
{
  for (guint which = 0; which < TEST_N_IMAGES; which++)
    for (guint seed = 1; seed <= (g_test_slow () ? 20u : 3u); seed++)
      run_random (which, seed);
}

static void
test_damage (void)
{
  for (guint which = 0; which < TEST_N_IMAGES; which++)
    {
      g_autoptr (SynCatalog) catalog = test_image_catalog (which), other = test_image_catalog ((which + 1) % TEST_N_IMAGES);
      const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
      g_autoptr (GRand) rand = g_rand_new_with_seed (5);
      g_autoptr (SynTable) table = syn_table_new (spec, MAX_ROWS, MAX_TEXT);
      g_autoptr (SynEventBatch) batch = test_image_batch (catalog, rand, 1, 50, 9);
      g_autoptr (GBytes) bytes = NULL;
      SynTableCounts counts = { 0 };
      gsize length;
      const char *data;

      syn_table_apply (table, batch, &counts);
      bytes = test_image_save (table);
      data = g_bytes_get_data (bytes, &length);
      /* The slow run, and fuzz-checkpoint, cut at every byte. */
      for (gsize cut = 0; cut < length; cut += g_test_slow () ? 1 : 11)
        {
          g_autoptr (SynTable) loaded = syn_table_new (spec, MAX_ROWS, MAX_TEXT);
          g_autoptr (GBytes) part = g_bytes_new (data, cut);
          g_autoptr (GError) error = NULL;

          g_assert_false (syn_table_load (loaded, part, &error));
          g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
          g_assert_nonnull (strstr (error->message, "the checkpoint of projection \"p\""));
        }
      /* Of another definition; of another version; with more behind it. */
      for (guint i = 0; i < 3; i++)
        {
          g_autoptr (SynTable) loaded = syn_table_new (i == 0 ? syn_catalog_get_projection (other, 0) : spec, MAX_ROWS, MAX_TEXT);
          g_autofree char *changed = g_malloc0 (length + 1);
          g_autoptr (GBytes) whole = NULL;
          g_autoptr (GError) error = NULL;

          memcpy (changed, data, length);
          changed[7] = i == 1 ? '2' : changed[7];
          whole = g_bytes_new (changed, length + (i == 2));
          g_assert_false (syn_table_load (loaded, whole, &error));
          g_assert_error (error, SYN_ERROR, (gint) (i == 2 ? SYN_ERROR_INVALID : SYN_ERROR_CONFLICT));
        }
    }
}

static char *
describe (const char *price, const char *where, const char *columns)
{
  g_autofree char *json = g_strdup_printf (
      "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"%s\"}}],\"projections\":[{\"name\":\"p\","
      "\"from\":\"trades\",%s\"key\":[\"symbol\"],\"columns\":{%s}}]}",
      price, where, columns);
  g_autoptr (SynCatalog) catalog = test_catalog (json);

  return syn_table_describe (syn_catalog_get_projection (catalog, 0));
}

/* What is computed from aggregates may change; what is summed may not. */
static void
test_definition (void)
{
  g_autofree char *one = describe ("decimal(2)", "", "\"s\":\"sum(price)\",\"t\":\"s*2\"");
  g_autofree char *formula = describe ("decimal(2)", "", "\"s\":\"sum(price)\",\"twice\":\"s * 2 + 1\"");
  g_autofree char *scale = describe ("decimal(3)", "", "\"s\":\"sum(price)\",\"t\":\"s*2\"");
  g_autofree char *where = describe ("decimal(2)", "\"where\":\"price > 1\",", "\"s\":\"sum(price)\",\"t\":\"s*2\"");
  g_autofree char *aggregate = describe ("decimal(2)", "", "\"s\":\"max(price)\",\"t\":\"s*2\"");

  g_assert_cmpstr (one, ==, "from trades\nkey symbol string\naggregate sum(price) decimal(2)\n");
  g_assert_cmpstr (formula, ==, one);
  g_assert_cmpstr (scale, !=, one);
  g_assert_cmpstr (where, !=, one);
  g_assert_cmpstr (aggregate, !=, one);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/table-image/random", test_random);
  g_test_add_func ("/table-image/damage", test_damage);
  g_test_add_func ("/table-image/definition", test_definition);
  return g_test_run ();
}
