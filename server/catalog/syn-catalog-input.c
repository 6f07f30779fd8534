/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The sources of a projection, `"from"`: one, or several whose events go into the same rows. The projection sees the
 * fields that all of them have with equal name and type, in the order of the first; its expressions are compiled once, over these.
 * The inputs are ordered by name and not as written: what is made of them does not depend on it. One loader, one thread. */
#include "syn-catalog-private.h"

#include "syn-limits.h"
#include "syn-suggest.h"

#include <string.h>

static const SynSourceSpec *
find_source (SynLoader *self, const SynJson *from, GError **error)
{
  const SynSourceSpec *source = g_hash_table_lookup (self->catalog->sources_by_name, from->text);
  g_autofree char *near = NULL;
  SynSuggest suggest;

  if (source != NULL)
    return source;
  if (g_hash_table_contains (self->projection_names, from->text))
    {
      syn_loader_fail (self, from->line, error,
                       "\"from\": \"%s\" is a projection; projections are made from sources. To ask "
                       "something of a projection, poll it with a "
                       "query, as in %s?where=…",
                       from->text, from->text);
      return NULL;
    }
  syn_suggest_init (&suggest, from->text);
  for (guint i = 0; i < self->catalog->sources->len; i++)
    syn_suggest_add (&suggest, ((SynSourceSpec *)g_ptr_array_index (self->catalog->sources, i))->name);
  near = syn_suggest_dup_text (&suggest);
  syn_loader_fail (self, from->line, error, "\"from\": there is no source \"%s\"%s", from->text, near);
  return NULL;
}

/* The index of the source's field that is just as @field; -1. */
static int
find_same (const SynSourceSpec *source, const SynColumnSpec *field)
{
  int index = syn_schema_find (source->schema, field->name);
  const SynColumnSpec *found = index >= 0 ? &source->schema->columns[index] : NULL;

  return found != NULL && found->type == field->type && found->scale == field->scale ? index : -1;
}

static gboolean
is_common (const SynProjectionSpec *projection, const SynColumnSpec *field)
{
  for (guint i = 1; i < projection->n_inputs; i++)
    if (find_same (projection->inputs[i].source, field) < 0)
      return FALSE;
  return TRUE;
}

static void
find_fields (SynProjectionSpec *projection)
{
  const SynSchema *first = projection->inputs[0].source->schema;

  projection->fields = syn_schema_new ();
  for (guint i = 0; i < first->n_columns; i++)
    if (is_common (projection, &first->columns[i]))
      syn_schema_add (projection->fields, first->columns[i].name, first->columns[i].type, first->columns[i].scale, FALSE);
  for (guint i = 0; i < projection->n_inputs; i++)
    {
      SynInputSpec *input = &projection->inputs[i];

      input->columns = g_new0 (guint, MAX (projection->fields->n_columns, 1));
      input->is_same = TRUE;
      for (guint j = 0; j < projection->fields->n_columns; j++)
        {
          input->columns[j] = (guint)find_same (input->source, &projection->fields->columns[j]);
          input->is_same &= input->columns[j] == j;
        }
    }
}

static int
compare_inputs (gconstpointer a, gconstpointer b)
{
  return strcmp (((const SynInputSpec *)a)->source->name, ((const SynInputSpec *)b)->source->name);
}

gboolean
syn_loader_add_inputs (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error)
{
  const SynJson *from = syn_json_get (object, "from");
  const SynJson *list = NULL;
  const char *one = NULL;

  if (from != NULL && from->kind == SYN_JSON_ARRAY)
    {
      if (!syn_loader_get_array (self, object, "from", 1, SYN_MAX_INPUTS, &list, error))
        return FALSE;
    }
  else if (!syn_loader_get_string (self, object, "from", TRUE, &one, error))
    return FALSE;
  projection->inputs = g_new0 (SynInputSpec, list != NULL ? list->n_items : 1);
  for (guint i = 0; i < (list != NULL ? list->n_items : 1); i++)
    {
      const SynJson *item = list != NULL ? list->items[i] : from;
      const SynSourceSpec *source;

      if (!syn_loader_check_kind (self, item, "an entry of \"from\"", SYN_JSON_STRING, error))
        return FALSE;
      source = find_source (self, item, error);
      if (source == NULL)
        return FALSE;
      if (syn_projection_spec_find_input (projection, source) >= 0)
        return syn_loader_fail (self, item->line, error, "\"from\": \"%s\" is given twice", item->text);
      projection->inputs[projection->n_inputs++].source = source;
    }
  qsort (projection->inputs, projection->n_inputs, sizeof *projection->inputs, compare_inputs);
  find_fields (projection);
  if (projection->fields->n_columns == 0)
    return syn_loader_fail (self, from->line, error, "\"from\": these sources have no field in common (with equal name and type)");
  return TRUE;
}

char *
syn_loader_explain_field (const SynProjectionSpec *projection, const char *name)
{
  const SynSourceSpec *has = NULL;
  g_autofree char *type = NULL;
  int index = -1;

  if (syn_schema_find (projection->fields, name) >= 0)
    return NULL;
  for (guint i = 0; i < projection->n_inputs && has == NULL; i++)
    {
      index = syn_schema_find (projection->inputs[i].source->schema, name);
      if (index >= 0)
        has = projection->inputs[i].source;
    }
  if (has == NULL)
    return NULL;
  type = syn_column_spec_type_to_string (&has->schema->columns[index]);
  for (guint i = 0; i < projection->n_inputs; i++)
    {
      const SynSourceSpec *source = projection->inputs[i].source;
      int other = syn_schema_find (source->schema, name);

      if (other < 0)
        return g_strdup_printf ("the source \"%s\" has no field \"%s\", which \"%s\" has; a projection sees what all of its sources have",
                                source->name, name, has->name);
      if (find_same (source, &has->schema->columns[index]) < 0)
        {
          g_autofree char *other_type = syn_column_spec_type_to_string (&source->schema->columns[other]);

          return g_strdup_printf ("\"%s\" is %s in the source \"%s\", but %s in \"%s\"; a projection sees what is the same in all of its sources",
                                  name, type, has->name, other_type, source->name);
        }
    }
  g_return_val_if_reached (NULL);
}

int
syn_loader_find_field (SynLoader *self,
                       const SynProjectionSpec *projection,
                       const SynJson *where,
                       const char *member,
                       const char *name,
                       GError **error)
{
  int field = syn_schema_find (projection->fields, name);
  g_autofree char *why = NULL;
  g_autofree char *near = NULL;

  if (field >= 0)
    return field;
  why = syn_loader_explain_field (projection, name);
  if (why != NULL)
    {
      syn_loader_fail (self, where->line, error, "\"%s\": %s", member, why);
      return -1;
    }
  near = syn_schema_suggest (projection->fields, name);
  if (projection->n_inputs == 1)
    syn_loader_fail (self, where->line, error, "\"%s\": the source \"%s\" has no field \"%s\"%s", member,
                     projection->inputs[0].source->name, name, near);
  else
    syn_loader_fail (self, where->line, error, "\"%s\": these sources have no field \"%s\"%s", member, name, near);
  return -1;
}

int
syn_projection_spec_find_input (const SynProjectionSpec *self, const SynSourceSpec *source)
{
  for (guint i = 0; i < self->n_inputs; i++)
    if (self->inputs[i].source == source)
      return (int)i;
  return -1;
}
