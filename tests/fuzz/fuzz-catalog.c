/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text as a catalog: it loads or says where it does not; what the reader takes for JSON, json-glib does too, with as many
 * members; and what loads is whole. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "syn-catalog.h"
#include "syn-error.h"
#include "syn-json.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_json (const char *text, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (SynJson) json = NULL;
  guint line = 0;

  json = syn_json_parse (text, size, SYN_JSON_MAX_VALUES, &line, &error);
  g_assert_cmpuint (line, >=, 1);
  if (json == NULL)
    {
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      return;
    }
  json_parser_load_from_data (parser, text, (gssize) size, &error);
  g_assert_no_error (error);
  if (json->kind == SYN_JSON_OBJECT)
    g_assert_cmpuint (json_object_get_size (json_node_get_object (json_parser_get_root (parser))), ==, json->n_items);
  if (json->kind == SYN_JSON_ARRAY)
    g_assert_cmpuint (json_array_get_length (json_node_get_array (json_parser_get_root (parser))), ==, json->n_items);
}

static void
check_projection (SynCatalog *catalog, const SynProjectionSpec *p)
{
  guint n_keys = p->n_keys + (p->window_us > 0);
  g_autofree guint8 *placed = g_new0 (guint8, p->n_outputs);

  g_assert_cmpuint (p->n_inputs, >=, 1);
  for (guint i = 0; i < p->n_inputs; i++)
    {
      const SynInputSpec *input = &p->inputs[i];

      g_assert_true (syn_catalog_find_source (catalog, input->source->name) == input->source);
      for (guint j = 0; j < p->fields->n_columns; j++)
        g_assert_cmpstr (input->source->fields[input->columns[j]].name, ==, p->fields->columns[j].name);
    }
  g_assert_cmpuint (p->n_outputs, >=, 1);
  g_assert_cmpuint (p->schema->n_columns, ==, n_keys + p->n_outputs);
  g_assert_cmpuint (p->work->n_columns, ==, n_keys + p->n_aggregates + p->n_outputs);
  for (guint i = 0; i < p->n_outputs; i++)
    {
      const SynOutputSpec *output = &p->outputs[i];

      g_assert_cmpint (output->aggregate, <, (int) p->n_aggregates);
      g_assert_cmpint (p->schema->columns[n_keys + i].type, ==, output->type);
      g_assert_cmpint (syn_program_get_type_of (output->program, NULL), ==, output->type);
      g_assert_cmpuint (p->order[i], <, p->n_outputs);
      g_assert_cmpint (placed[p->order[i]]++, ==, 0);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = NULL;
  g_autoptr (JsonParser) screens = NULL;
  const char *json;
  gsize length;

  check_json ((const char *) data, size);
  catalog = syn_catalog_parse ("fuzz.json", "/srv", (const char *) data, (gssize) size, &error);
  if (catalog == NULL)
    {
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_true (g_str_has_prefix (error->message, "fuzz.json:"));
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  for (guint i = 0; i < syn_catalog_get_n_projections (catalog); i++)
    check_projection (catalog, syn_catalog_get_projection (catalog, i));
  json = syn_catalog_get_screens_json (catalog, &length);
  screens = json_parser_new ();
  json_parser_load_from_data (screens, json, (gssize) length, &error);
  g_assert_no_error (error);
  return 0;
}
