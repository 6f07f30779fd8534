/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `group`, and what `select` and `having` say over groups. Any thread. The aggregates are taken out of the trees and become hidden
 * columns "$0", "$1", …, equal ones the same, as the catalog does it for the columns of a projection; what is left is
 * compiled over them and what is grouped by. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query-private.h"
#include "syn-error.h"
#include "syn-expr-private.h"
#include "syn-limits.h"
#include "syn-suggest.h"

void
syn_query_grouping_init (SynQueryGrouping *self, SynQuery *query)
{
  self->query = query;
  self->key_texts = g_ptr_array_new_with_free_func (g_free);
  self->aliases = g_ptr_array_new_with_free_func (g_free);
  self->alias_exprs = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_expr_unref);
  self->aggregates = g_array_new (FALSE, TRUE, sizeof (SynAggregateSpec));
  g_array_set_clear_func (self->aggregates, (GDestroyNotify) syn_aggregate_spec_clear);
  self->by_text = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
}

void
syn_query_grouping_clear (SynQueryGrouping *self)
{
  if (self->query == NULL)
    return;
  g_ptr_array_unref (self->key_texts);
  g_ptr_array_unref (self->aliases);
  g_ptr_array_unref (self->alias_exprs);
  g_array_unref (self->aggregates);
  g_hash_table_unref (self->by_text);
  g_clear_error (&self->error);
}

static gboolean
is_aggregate (const SynExpr *node)
{
  return syn_expr_get_kind (node) == SYN_EXPR_CALL && syn_expr_is_aggregate_name (syn_expr_get_name (node));
}

gboolean
syn_query_has_aggregate (SynExpr *expr)
{
  if (is_aggregate (expr))
    return TRUE;
  for (guint i = 0; i < syn_expr_get_n_args (expr); i++)
    if (syn_query_has_aggregate (syn_expr_get_arg (expr, i)))
      return TRUE;
  return FALSE;
}

static gboolean
add_key (SynQueryGrouping *self, SynExpr *expr, const char *name, GError **error)
{
  SynQueryGroup *group = self->query->group;
  SynQueryExpr *key = &group->keys[group->n_keys];
  ReplicaType type;
  guint scale;

  if (syn_query_has_aggregate (expr))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %u: an aggregate is what groups have, and nothing to group by; its place is in select and having",
                   syn_expr_get_position (expr));
      return FALSE;
    }
  if (name[0] == '$')
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: a name here must not begin with \"$\"; give another with \"as\"",
                   syn_expr_get_position (expr));
      return FALSE;
    }
  if (!syn_query_expr_init (key, expr, self->query->input, error))
    return FALSE;
  group->n_keys++;
  g_ptr_array_add (self->key_texts, syn_expr_to_string (expr));
  type = syn_program_get_type_of (key->program, &scale);
  syn_schema_add (group->work, name, type, scale, TRUE);
  return TRUE;
}

gboolean
syn_query_parse_group (SynQueryGrouping *self, const char *text, GString *canonical, GError **error)
{
  SynQueryGroup *group = self->query->group = g_new0 (SynQueryGroup, 1);
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) exprs = text != NULL ? syn_expr_parse_list (text, &names, error) : NULL;

  group->work = syn_schema_new ();
  if (text == NULL)
    return TRUE;
  if (exprs == NULL)
    return FALSE;
  group->keys = g_new0 (SynQueryExpr, exprs->len);
  for (guint i = 0; i < exprs->len; i++)
    {
      SynExpr *expr = g_ptr_array_index (exprs, i);
      const char *name = g_ptr_array_index (names, i);

      if (!add_key (self, expr, name, error))
        return FALSE;
      syn_query_append_named (canonical, expr, name);
    }
  return TRUE;
}

/* ---- over groups ---- */

typedef struct {
  SynQueryGrouping *grouping;
  gboolean with_aliases;
} Taking;

/* The index of the aggregate that @call asks for, -1 with the grouping's error. */
static int
add_aggregate (SynQueryGrouping *self, SynExpr *call)
{
  g_autofree char *text = syn_expr_to_string (call);
  gpointer known = g_hash_table_lookup (self->by_text, text);
  g_autofree char *hidden = g_strdup_printf ("$%u", self->aggregates->len);
  SynAggregateSpec spec;

  if (known != NULL)
    return GPOINTER_TO_INT (known) - 1;
  if (self->aggregates->len == SYN_MAX_COLUMNS)
    {
      g_set_error (&self->error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: more than %d aggregates", syn_expr_get_position (call),
                   SYN_MAX_COLUMNS);
      return -1;
    }
  if (!syn_aggregate_spec_init (&spec, call, self->query->input, &self->error))
    return -1;
  if (syn_aggregate_spec_needs_order (&spec))
    {
      syn_aggregate_spec_clear (&spec);
      g_set_error (&self->error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %u: %s() goes by the times at which events came; rows of a projection have none. Its place is in the columns of "
                   "a catalog's projection",
                   syn_expr_get_position (call), syn_expr_get_name (call));
      return -1;
    }
  syn_schema_add (self->query->group->work, hidden, spec.type, spec.scale, FALSE);
  g_array_append_val (self->aggregates, spec);
  g_hash_table_insert (self->by_text, g_steal_pointer (&text), GINT_TO_POINTER (self->aggregates->len));
  return (int) self->aggregates->len - 1;
}

/* What is grouped by, written out again; -1. */
static int
find_key (SynQueryGrouping *self, SynExpr *node)
{
  g_autofree char *text = NULL;

  if (syn_expr_get_kind (node) == SYN_EXPR_LITERAL)
    return -1;
  text = syn_expr_to_string (node);
  for (guint i = 0; i < self->key_texts->len; i++)
    if (strcmp (g_ptr_array_index (self->key_texts, i), text) == 0)
      return (int) i;
  return -1;
}

/* The names of keys come before those that they are made from: `group=hour(time) as time`. */
static SynExpr *
take_name (Taking *taking, SynExpr *node)
{
  SynQueryGrouping *self = taking->grouping;
  const SynQueryGroup *group = self->query->group;
  const char *name = syn_expr_get_name (node);
  int key = name[0] == '$' ? -1 : syn_schema_find (group->work, name);

  if (key >= 0)
    return NULL;
  key = find_key (self, node);
  if (key >= 0)
    return syn_expr_new_name (group->work->columns[key].name, syn_expr_get_position (node));
  for (guint i = 0; taking->with_aliases && i < self->aliases->len; i++)
    if (strcmp (g_ptr_array_index (self->aliases, i), name) == 0)
      return syn_expr_ref (g_ptr_array_index (self->alias_exprs, i));
  if (name[0] != '$' && syn_schema_find (self->query->input, name) >= 0)
    g_set_error (&self->error, SYN_ERROR, SYN_ERROR_INVALID,
                 "column %u: \"%s\" has one value a row, and a group has many rows; say which, as in last(%s) or sum(%s), or group by it",
                 syn_expr_get_position (node), name, name, name);
  else
    {
      g_autofree char *suggestion = NULL;
      SynSuggest suggest;

      syn_suggest_init (&suggest, name);
      for (guint i = 0; i < group->n_keys; i++)
        syn_suggest_add (&suggest, group->work->columns[i].name);
      for (guint i = 0; taking->with_aliases && i < self->aliases->len; i++)
        syn_suggest_add (&suggest, g_ptr_array_index (self->aliases, i));
      for (guint i = 0; i < self->query->input->n_columns; i++)
        syn_suggest_add (&suggest, self->query->input->columns[i].name);
      suggestion = syn_suggest_dup_text (&suggest);
      g_set_error (&self->error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: no column \"%s\"%s", syn_expr_get_position (node), name,
                   suggestion);
    }
  return NULL;
}

static SynExpr *
take (SynExpr *node, gpointer user_data)
{
  Taking *taking = user_data;
  SynQueryGrouping *self = taking->grouping;
  g_autofree char *hidden = NULL;
  int index;

  if (self->error != NULL)
    return NULL;
  if (syn_expr_get_kind (node) == SYN_EXPR_NAME)
    return take_name (taking, node);
  index = is_aggregate (node) ? -1 : find_key (self, node);
  if (index >= 0)
    return syn_expr_new_name (self->query->group->work->columns[index].name, syn_expr_get_position (node));
  if (!is_aggregate (node))
    {
      if (syn_expr_get_kind (node) == SYN_EXPR_CALL)
        syn_expr_check_call (node, &self->error);
      return NULL;
    }
  index = add_aggregate (self, node);
  hidden = g_strdup_printf ("$%d", index);
  return syn_expr_new_name (hidden, syn_expr_get_position (node));
}

SynExpr *
syn_query_grouping_take (SynQueryGrouping *self, SynExpr *expr, gboolean with_aliases, GError **error)
{
  Taking taking = { self, with_aliases };
  g_autoptr (SynExpr) taken = syn_expr_replace (expr, take, &taking);

  if (self->error == NULL)
    return g_steal_pointer (&taken);
  g_propagate_error (error, g_steal_pointer (&self->error));
  return NULL;
}

gboolean
syn_query_grouping_finish (SynQueryGrouping *self, GError **error)
{
  SynQueryGroup *group = self->query->group;

  group->n_aggregates = self->aggregates->len;
  g_array_set_clear_func (self->aggregates, NULL);
  group->aggregates = g_array_steal (self->aggregates, NULL);
  group->arguments = g_malloc0_n (MAX (group->n_aggregates, 1), sizeof *group->arguments);
  for (guint i = 0; i < group->n_aggregates; i++)
    for (guint j = 0; j < group->aggregates[i].n_args; j++)
      if (!syn_query_expr_init (&group->arguments[i][j], group->aggregates[i].args[j].expr, self->query->input, error))
        return FALSE;
  return TRUE;
}
