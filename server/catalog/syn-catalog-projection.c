/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The projections of a catalog: key, window, which events count. Sources, window and columns are those of
 * syn-catalog-input.c, syn-catalog-window.c and syn-catalog-column.c. One loader, one thread. */
#include "syn-catalog-private.h"

#include "syn-error.h"
#include "syn-limits.h"

#include <string.h>

#define SHORTEST_INTERVAL_MS 10
#define LONGEST_INTERVAL_MS 3600000

void
syn_projection_spec_free (SynProjectionSpec *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_aggregates; i++)
    syn_aggregate_spec_clear (&self->aggregates[i]);
  for (guint i = 0; i < self->n_outputs; i++)
    {
      g_free (self->outputs[i].name);
      g_clear_pointer (&self->outputs[i].program, syn_program_unref);
    }
  g_clear_pointer (&self->where, syn_program_unref);
  for (guint i = 0; i < self->n_inputs; i++)
    g_free (self->inputs[i].columns);
  g_free (self->inputs);
  g_clear_pointer (&self->fields, syn_schema_free);
  syn_schema_free (self->work);
  syn_schema_free (self->schema);
  g_free (self->name);
  g_free (self->keys);
  g_free (self->aggregates);
  g_strfreev (self->aggregate_texts);
  g_free (self->merged);
  g_free (self->where_text);
  g_free (self->outputs);
  g_free (self->order);
  g_free (self->served_key);
  g_free (self->module);
  g_free (self);
}

static gboolean
load_key (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error)
{
  const SynJson *key;

  if (!syn_loader_get_array (self, object, "key", 0, SYN_MAX_COLUMNS, &key, error))
    return FALSE;
  if (key == NULL)
    return TRUE;
  projection->keys = g_new0 (guint, key->n_items);
  for (guint i = 0; i < key->n_items; i++)
    {
      const SynJson *item = key->items[i];
      int field;

      if (!syn_loader_check_kind (self, item, "an entry of \"key\"", SYN_JSON_STRING, error))
        return FALSE;
      field = syn_loader_find_field (self, projection, item, "key", item->text, error);
      if (field < 0)
        return FALSE;
      if (projection->fields->columns[field].type == REPLICA_TYPE_DOUBLE)
        return syn_loader_fail (
            self, item->line, error,
            "\"key\": \"%s\" is a double, which does not compare exactly; declare it as a decimal",
            item->text);
      for (guint j = 0; j < projection->n_keys; j++)
        if (projection->keys[j] == (guint)field)
          return syn_loader_fail (self, item->line, error, "\"key\": \"%s\" is given twice", item->text);
      projection->keys[projection->n_keys++] = (guint)field;
    }
  return TRUE;
}

typedef struct {
  const SynProjectionSpec *projection;
  GError **error;
} FieldCheck;

static void
check_field (const SynExpr *name, gpointer user_data)
{
  const FieldCheck *check = user_data;
  g_autofree char *why = *check->error == NULL ? syn_loader_explain_field (check->projection, syn_expr_get_name (name)) : NULL;

  if (why != NULL)
    g_set_error (check->error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s", syn_expr_get_position (name), why);
}

static gboolean
load_where (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error)
{
  g_autoptr (SynExpr) expr = NULL;
  g_autoptr (GError) cause = NULL;
  const char *text = NULL;

  if (!syn_loader_get_string (self, object, "where", FALSE, &text, error))
    return FALSE;
  if (text == NULL)
    return TRUE;
  expr = syn_expr_parse (text, &cause);
  if (expr != NULL)
    {
      FieldCheck check = { projection, &cause };

      syn_expr_foreach_name (expr, check_field, &check);
      if (cause == NULL)
        projection->where = syn_program_compile (expr, projection->fields, &cause);
    }
  if (projection->where == NULL)
    return syn_loader_fail_part (self, syn_json_get (object, "where")->line, error, cause->message,
                                 "\"where\"");
  if (syn_program_get_type_of (projection->where, NULL) != REPLICA_TYPE_BOOL)
    return syn_loader_fail (self, syn_json_get (object, "where")->line, error,
                            "\"where\": expected a condition, found a value of type %s",
                            replica_type_to_string (syn_program_get_type_of (projection->where, NULL)));
  projection->where_text = syn_expr_to_string (expr);
  return TRUE;
}

gboolean
syn_loader_add_projection (SynLoader *self, const SynJson *object, GError **error)
{
  static const char *const members[] = {
    "name", "from", "key", "window", "where", "columns", "min_interval_ms", NULL
  };
  g_autoptr (SynProjectionSpec) projection = g_new0 (SynProjectionSpec, 1);
  gint64 min_interval_ms = SYN_MIN_INTERVAL_MS;
  const SynJson *columns;
  const char *name;

  projection->time_field = -1;
  projection->late_us = -1;
  if (!syn_loader_check_kind (self, object, "an entry of \"projections\"", SYN_JSON_OBJECT, error)
      || !syn_loader_define (self, object, "projection", TRUE, &name, error)
      || !syn_loader_check_members (self, object, members, NULL, NULL, error))
    return FALSE;
  projection->name = g_strdup (name);
  if (!syn_loader_add_inputs (self, projection, object, error) || !load_key (self, projection, object, error)
      || !syn_loader_add_window (self, projection, object, error) || !load_where (self, projection, object, error)
      || !syn_loader_get_int (self, object, "min_interval_ms", SHORTEST_INTERVAL_MS, LONGEST_INTERVAL_MS,
                              &min_interval_ms, error))
    return FALSE;
  projection->min_interval_ms = (guint)min_interval_ms;
  columns = syn_json_get (object, "columns");
  if (columns == NULL)
    return syn_loader_fail (self, object->line, error, "\"columns\" is missing");
  if (!syn_loader_add_columns (self, projection, columns, error))
    return FALSE;
  g_hash_table_insert (self->catalog->projections_by_name, projection->name, projection);
  g_ptr_array_add (self->catalog->projections, g_steal_pointer (&projection));
  return TRUE;
}
