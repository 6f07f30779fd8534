/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The projections of a catalog: source, key, window, which events count. Their columns are
 * syn-catalog-column.c's. One loader, one thread. */
#include "syn-catalog-private.h"

#include "syn-limits.h"
#include "syn-suggest.h"

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
      g_free (self->outputs[i].text);
      g_clear_pointer (&self->outputs[i].program, syn_program_unref);
    }
  g_clear_pointer (&self->where, syn_program_unref);
  syn_schema_free (self->work);
  syn_schema_free (self->schema);
  g_free (self->name);
  g_free (self->keys);
  g_free (self->aggregates);
  g_free (self->outputs);
  g_free (self->order);
  g_free (self);
}

static gboolean
load_from (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error)
{
  g_autofree char *near = NULL;
  const char *from = NULL;
  SynSuggest suggest;

  if (!syn_loader_get_string (self, object, "from", TRUE, &from, error))
    return FALSE;
  projection->source = g_hash_table_lookup (self->catalog->sources_by_name, from);
  if (projection->source != NULL)
    return TRUE;
  if (g_hash_table_contains (self->projection_names, from))
    return syn_loader_fail (self, syn_json_get (object, "from")->line, error,
                            "\"from\": \"%s\" is a projection; projections are made from sources. To ask "
                            "something of a projection, poll it with a "
                            "query, as in %s?where=…",
                            from, from);
  syn_suggest_init (&suggest, from);
  for (guint i = 0; i < self->catalog->sources->len; i++)
    syn_suggest_add (&suggest, ((SynSourceSpec *)g_ptr_array_index (self->catalog->sources, i))->name);
  near = syn_suggest_dup_text (&suggest);
  return syn_loader_fail (self, syn_json_get (object, "from")->line, error,
                          "\"from\": there is no source \"%s\"%s", from, near);
}

static gboolean
load_key (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error)
{
  const SynSourceSpec *source = projection->source;
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
      field = syn_schema_find (source->schema, item->text);
      if (field < 0)
        {
          g_autofree char *near = syn_schema_suggest (source->schema, item->text);

          return syn_loader_fail (self, item->line, error, "\"key\": the source \"%s\" has no field \"%s\"%s",
                                  source->name, item->text, near);
        }
      if (source->fields[field].type == REPLICA_TYPE_DOUBLE)
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

static gboolean
load_window (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error)
{
  static const char *const members[] = { "every", "on", "keep", NULL };
  const SynSourceSpec *source = projection->source;
  const SynJson *window = syn_json_get (object, "window");
  const char *on = NULL;

  if (window == NULL)
    return TRUE;
  if (!syn_loader_check_kind (self, window, "\"window\"", SYN_JSON_OBJECT, error)
      || !syn_loader_check_members (self, window, members, NULL, NULL, error)
      || !syn_loader_get_duration (self, window, "every", TRUE, &projection->window_us, error)
      || !syn_loader_get_duration (self, window, "keep", FALSE, &projection->keep_us, error)
      || !syn_loader_get_string (self, window, "on", TRUE, &on, error))
    return FALSE;
  projection->time_field = syn_schema_find (source->schema, on);
  if (projection->time_field < 0)
    {
      g_autofree char *near = syn_schema_suggest (source->schema, on);

      return syn_loader_fail (self, syn_json_get (window, "on")->line, error,
                              "\"on\": the source \"%s\" has no field \"%s\"%s", source->name, on, near);
    }
  if (source->fields[projection->time_field].type != REPLICA_TYPE_TIMESTAMP)
    {
      g_autofree char *type =
          syn_column_spec_type_to_string (&source->schema->columns[projection->time_field]);

      return syn_loader_fail (self, syn_json_get (window, "on")->line, error,
                              "\"on\": a window needs a timestamp; \"%s\" is %s", on, type);
    }
  if (projection->keep_us != 0 && projection->keep_us < projection->window_us)
    return syn_loader_fail (self, syn_json_get (window, "keep")->line, error,
                            "\"keep\" is shorter than \"every\"");
  for (guint i = 0; i < projection->n_keys; i++)
    if (projection->keys[i] == (guint)projection->time_field)
      return syn_loader_fail (self, syn_json_get (window, "on")->line, error,
                              "\"%s\" is in the key, and the window's column would have the same name", on);
  return TRUE;
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
    projection->where = syn_program_compile (expr, projection->source->schema, &cause);
  if (projection->where == NULL)
    return syn_loader_fail_part (self, syn_json_get (object, "where")->line, error, cause->message,
                                 "\"where\"");
  if (syn_program_get_type_of (projection->where, NULL) != REPLICA_TYPE_BOOL)
    return syn_loader_fail (self, syn_json_get (object, "where")->line, error,
                            "\"where\": expected a condition, found a value of type %s",
                            replica_type_to_string (syn_program_get_type_of (projection->where, NULL)));
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
  if (!syn_loader_check_kind (self, object, "an entry of \"projections\"", SYN_JSON_OBJECT, error)
      || !syn_loader_define (self, object, "projection", TRUE, &name, error)
      || !syn_loader_check_members (self, object, members, NULL, NULL, error))
    return FALSE;
  projection->name = g_strdup (name);
  if (!load_from (self, projection, object, error) || !load_key (self, projection, object, error)
      || !load_window (self, projection, object, error) || !load_where (self, projection, object, error)
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
