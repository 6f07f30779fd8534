/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The catalogs that come with Synoptic, and every catalog in its documentation, load; and their screens are what clients read. */
#include "syn-catalog.h"

#include "replica-screen.h"

#include <string.h>

static void
test_data (void)
{
  const char *const names[] = { "market.json", "host.json" };
  g_autoptr (GPtrArray) files = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (GPtrArray) screens = NULL;
  gsize length;
  const char *json;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_ptr_array_add (files, g_test_build_filename (G_TEST_DIST, "data", names[i], NULL));
  g_ptr_array_add (files, NULL);
  catalog = syn_catalog_load ((const char *const *) files->pdata, &error);
  g_assert_no_error (error);
  json = syn_catalog_get_screens_json (catalog, &length);
  screens = replica_screens_parse (json, (gssize) length, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (screens->len, ==, syn_catalog_get_n_screens (catalog));
  g_assert_cmpuint (screens->len, ==, 3);
  g_assert_cmpstr (replica_screen_get_name (g_ptr_array_index (screens, 0)), ==, "market");
  g_assert_cmpuint (replica_screen_get_n_panels (g_ptr_array_index (screens, 0)), ==, 3);
  g_assert_cmpint (replica_screen_get_panel (g_ptr_array_index (screens, 0), 1)->kind, ==, REPLICA_PANEL_CANDLES);
  g_assert_cmpstr (replica_screen_get_panel (g_ptr_array_index (screens, 0), 1)->follows, ==, "market/quotes");
}

/* Blocks between ```json and ``` that hold a catalog: an object whose first member is one of a catalog's. */
static void
test_documentation (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "docs", "catalog.md", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  const char *block;
  guint n = 0;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  for (block = strstr (text, "\n```json\n"); block != NULL; block = strstr (block, "\n```json\n"))
    {
      const char *start = block + strlen ("\n```json\n"), *end = strstr (start, "\n```");
      g_autofree char *json = NULL;
      g_autoptr (SynCatalog) catalog = NULL;

      g_assert_nonnull (end);
      json = g_strndup (start, (gsize) (end - start));
      block = end;
      catalog = syn_catalog_parse ("catalog.md", "/srv", json, -1, &error);
      if (catalog == NULL)
        g_error ("%s in the block\n%s", error->message, json);
      n++;
    }
  g_assert_cmpuint (n, >=, 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/catalog/data", test_data);
  g_test_add_func ("/catalog/documentation", test_documentation);
  return g_test_run ();
}
