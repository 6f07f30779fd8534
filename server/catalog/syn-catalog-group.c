/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which projections are conflated together: those that take the same events to the same rows, that is, of the same sources, key,
 * `where` and window. What they share is a projection's spec of its own, without columns, with the aggregates of all of
 * them, equal ones once. Programs are borrowed from the projections, which the catalog frees last. One loader, one thread. */
#include "syn-catalog-private.h"

#include <string.h>

void
syn_conflation_spec_free (SynConflationSpec *self)
{
  /* All but these vectors is that of the projections. */
  g_free (self->common->aggregates);
  g_free (self->common->aggregate_texts);
  g_free (self->common);
  g_free (self->projections);
  g_free (self->name);
  g_free (self);
}

/* Equal for projections of one group. Names have no NUL, and neither commas nor backquotes. */
static char *
group_key (const SynProjectionSpec *projection)
{
  GString *key = g_string_new (NULL);

  for (guint i = 0; i < projection->n_inputs; i++)
    g_string_append_printf (key, "%s,", projection->inputs[i].source->name);
  for (guint i = 0; i < projection->n_keys; i++)
    g_string_append_printf (key, "`%s", projection->fields->columns[projection->keys[i]].name);
  if (projection->window_us > 0)
    g_string_append_printf (key, ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT ",%d",
                            projection->window_us, projection->slide_us, projection->keep_us, projection->late_us,
                            projection->time_field);
  if (projection->where_text != NULL)
    g_string_append_printf (key, ",,%s", projection->where_text);
  return g_string_free (key, FALSE);
}

static SynConflationSpec *
group_new (const SynProjectionSpec *first)
{
  SynConflationSpec *self = g_new0 (SynConflationSpec, 1);
  SynProjectionSpec *common = g_new0 (SynProjectionSpec, 1);

  *common = *first;
  common->name = self->name = g_strdup (first->name);
  common->n_aggregates = common->n_outputs = 0;
  common->aggregates = NULL;
  common->aggregate_texts = NULL;
  common->outputs = NULL;
  common->order = NULL;
  common->merged = NULL;
  common->work = common->schema = NULL;
  common->group = self;
  self->common = common;
  return self;
}

/* The index of an aggregate in the union. */
static guint
merge_aggregate (SynProjectionSpec *common, const SynAggregateSpec *aggregate, char *text)
{
  guint n = common->n_aggregates;

  for (guint i = 0; i < n; i++)
    if (strcmp (common->aggregate_texts[i], text) == 0)
      return i;
  common->aggregates = g_renew (SynAggregateSpec, common->aggregates, n + 1);
  common->aggregate_texts = g_renew (char *, common->aggregate_texts, n + 1);
  common->aggregates[n] = *aggregate;
  common->aggregate_texts[n] = text;
  return common->n_aggregates++;
}

static void
group_add (SynConflationSpec *self, SynProjectionSpec *projection)
{
  guint tick_ms = CLAMP (projection->min_interval_ms / 10, SYN_MIN_TICK_MS, SYN_MAX_TICK_MS);

  projection->group = self;
  projection->merged = g_new0 (guint, MAX (projection->n_aggregates, 1));
  for (guint i = 0; i < projection->n_aggregates; i++)
    projection->merged[i] = merge_aggregate (self->common, &projection->aggregates[i], projection->aggregate_texts[i]);
  self->projections = g_renew (const SynProjectionSpec *, self->projections, self->n_projections + 1);
  self->projections[self->n_projections++] = projection;
  self->tick_ms = self->n_projections == 1 ? tick_ms : MIN (self->tick_ms, tick_ms);
  self->direct = self->n_projections == 1 && projection->slide_us == projection->window_us;
}

void
syn_loader_group_projections (SynLoader *self)
{
  g_autoptr (GHashTable) groups = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < self->catalog->projections->len; i++)
    {
      SynProjectionSpec *projection = g_ptr_array_index (self->catalog->projections, i);
      g_autofree char *key = NULL;
      SynConflationSpec *group;

      if (projection->module != NULL)
        continue; /* takes no events */
      key = group_key (projection);
      group = g_hash_table_lookup (groups, key);
      if (group == NULL)
        {
          group = group_new (projection);
          g_ptr_array_add (self->catalog->conflations, group);
          g_hash_table_insert (self->catalog->conflations_by_name, group->name, group);
          g_hash_table_insert (groups, g_steal_pointer (&key), group);
        }
      group_add (group, projection);
    }
}

guint
syn_catalog_get_n_conflations (SynCatalog *self)
{
  return self->conflations->len;
}

const SynConflationSpec *
syn_catalog_get_conflation (SynCatalog *self, guint index)
{
  g_return_val_if_fail (index < self->conflations->len, NULL);
  return g_ptr_array_index (self->conflations, index);
}

const SynConflationSpec *
syn_catalog_find_conflation (SynCatalog *self, const char *name)
{
  return g_hash_table_lookup (self->conflations_by_name, name);
}
