/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the text of a question to what answers it. Any thread: the catalog is immutable. Each parameter is read in the order in which the
 * next ones need it, and its canonical form put in its place at the end. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query-private.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-query-params.h"
#include "syn-suggest.h"

/* Names that are looked at for a suggestion: bounds what a wrong path costs with a huge catalog. */
#define MAX_SUGGESTED 4096

/* ---- lifetime ---- */

static void
group_free (SynQueryGroup *self)
{
  for (guint i = 0; i < self->n_keys; i++)
    syn_query_expr_clear (&self->keys[i]);
  for (guint i = 0; i < self->n_aggregates; i++)
    {
      syn_aggregate_spec_clear (&self->aggregates[i]);
      for (guint j = 0; j < SYN_AGGREGATE_MAX_ARGS; j++)
        syn_query_expr_clear (&self->arguments[i][j]);
    }
  g_free (self->keys);
  g_free (self->aggregates);
  g_free (self->arguments);
  g_clear_pointer (&self->work, syn_schema_free);
  g_clear_pointer (&self->having, syn_query_condition_free);
  g_free (self);
}

static void
free_member (gpointer member)
{
  syn_projection_spec_free (member);
}

void
syn_query_free (SynQuery *self)
{
  g_free (self->canonical);
  g_free (self->bases);
  g_ptr_array_unref (self->members);
  for (guint i = 0; i < self->n_joins; i++)
    {
      g_free (self->joins[i].fields);
      g_free (self->joins[i].key_columns);
    }
  g_free (self->joins);
  g_clear_pointer (&self->input, syn_schema_free);
  g_free (self->fields);
  g_clear_pointer (&self->where, syn_query_condition_free);
  g_clear_pointer (&self->group, group_free);
  for (guint i = 0; i < self->n_columns; i++)
    {
      g_free (self->columns[i].name);
      syn_query_expr_clear (&self->columns[i].expr);
    }
  g_free (self->columns);
  g_free (self->sort);
  syn_catalog_unref (self->catalog);
  g_free (self);
}

gboolean
syn_query_is_plain (const SynQuery *self)
{
  return self->n_joins == 0 && self->where == NULL && self->group == NULL && !self->has_select && self->n_sort == 0
         && self->offset == 0 && !self->has_limit;
}

/* ---- expressions ---- */

typedef struct {
  const SynSchema *schema;
  GArray *uses; /* guint */
} Uses;

static void
add_use (const SynExpr *name, gpointer user_data)
{
  Uses *self = user_data;
  int found = syn_schema_find (self->schema, syn_expr_get_name (name));
  guint column = (guint) found;

  for (guint i = 0; i < self->uses->len; i++)
    if (g_array_index (self->uses, guint, i) == column)
      return;
  if (found >= 0)
    g_array_append_val (self->uses, column);
}

gboolean
syn_query_expr_init (SynQueryExpr *self, SynExpr *expr, const SynSchema *schema, GError **error)
{
  Uses uses = { schema, NULL };

  self->program = syn_program_compile (expr, schema, error);
  if (self->program == NULL)
    return FALSE;
  self->column = syn_expr_get_kind (expr) == SYN_EXPR_NAME ? syn_schema_find (schema, syn_expr_get_name (expr)) : -1;
  uses.uses = g_array_new (FALSE, FALSE, sizeof (guint));
  syn_expr_foreach_name (expr, add_use, &uses);
  self->n_uses = uses.uses->len;
  self->uses = (guint *) (gpointer) g_array_free (uses.uses, FALSE);
  return TRUE;
}

void
syn_query_expr_clear (SynQueryExpr *self)
{
  g_clear_pointer (&self->program, syn_program_unref);
  g_clear_pointer (&self->uses, g_free);
  self->n_uses = 0;
}

SynQueryExpr *
syn_query_condition_new (SynExpr *expr, const SynSchema *schema, GError **error)
{
  SynQueryExpr *self = g_new0 (SynQueryExpr, 1);
  g_autofree char *type = NULL;
  SynColumnSpec found = { 0 };
  guint scale;

  if (!syn_query_expr_init (self, expr, schema, error))
    {
      g_free (self);
      return NULL;
    }
  found.type = syn_program_get_type_of (self->program, &scale);
  found.scale = (guint8) scale;
  if (found.type == REPLICA_TYPE_BOOL)
    return self;
  type = syn_column_spec_type_to_string (&found);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected a condition (bool), found %s",
               syn_expr_get_position (expr), type);
  syn_query_condition_free (self);
  return NULL;
}

void
syn_query_condition_free (SynQueryExpr *self)
{
  syn_query_expr_clear (self);
  g_free (self);
}

char *
syn_query_dup_quoted (const char *name)
{
  g_autoptr (SynExpr) expr = syn_expr_new_name (name, 1);

  return syn_expr_to_string (expr);
}

void
syn_query_append_named (GString *text, const SynExpr *expr, const char *name)
{
  g_autofree char *expr_text = syn_expr_to_string (expr);
  const char *own_name = syn_expr_get_kind (expr) == SYN_EXPR_NAME ? syn_expr_get_name (expr) : expr_text;

  g_string_append_printf (text, "%s%s", text->len > 0 ? "," : "", expr_text);
  if (strcmp (own_name, name) != 0)
    {
      g_autofree char *quoted = syn_query_dup_quoted (name);

      g_string_append_printf (text, " as %s", quoted);
    }
}

/* ---- the projections ---- */

/* Also a path below a family of a module's, which has a specification of the query's own. */
static const SynProjectionSpec *
find_spec (SynQuery *self, const char *name)
{
  const SynProjectionSpec *spec = syn_catalog_find_projection (self->catalog, name);
  SynProjectionSpec *member;

  for (guint i = 0; spec == NULL && i < self->n_bases; i++)
    if (strcmp (self->bases[i]->name, name) == 0)
      spec = self->bases[i];
  if (spec != NULL)
    return spec;
  member = syn_catalog_dup_family_member (self->catalog, name);
  if (member != NULL)
    g_ptr_array_add (self->members, member);
  return member;
}

int
syn_query_add_base (SynQuery *self, const char *name, GError **error)
{
  const SynProjectionSpec *spec = find_spec (self, name);
  guint n = syn_catalog_get_n_projections (self->catalog);
  g_autofree char *name_shown = NULL;
  g_autofree char *suggestion = NULL;
  SynSuggest suggest;

  if (spec != NULL)
    {
      for (guint i = 0; i < self->n_bases; i++)
        if (self->bases[i] == spec)
          return (int) i;
      self->bases = g_renew (const SynProjectionSpec *, self->bases, self->n_bases + 1);
      self->bases[self->n_bases] = spec;
      return (int) self->n_bases++;
    }
  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < MIN (n, MAX_SUGGESTED); i++)
    syn_suggest_add (&suggest, syn_catalog_get_projection (self->catalog, i)->name);
  suggestion = syn_suggest_dup_text (&suggest);
  name_shown = syn_query_dup_shown (name);
  g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "no projection \"%s\"%s", name_shown, suggestion);
  return -1;
}

static void
take_base_fields (SynQuery *self)
{
  const SynSchema *schema = self->bases[0]->schema;

  self->input = syn_schema_copy (schema);
  self->fields = g_new (SynQueryField, MAX (schema->n_columns, 1));
  for (guint i = 0; i < schema->n_columns; i++)
    self->fields[i] = (SynQueryField) { -1, 0, i };
}

/* ---- where, having, select ---- */

static gboolean
parse_where (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  g_autoptr (SynExpr) expr = syn_expr_parse (text, error);
  g_autofree char *expr_text = NULL;

  if (expr == NULL)
    return FALSE;
  self->where = syn_query_condition_new (expr, self->input, error);
  if (self->where == NULL)
    return FALSE;
  expr_text = syn_expr_to_string (expr);
  g_string_append (canonical, expr_text);
  return TRUE;
}

static gboolean
parse_having (SynQueryGrouping *grouping, const char *text, GString *canonical, GError **error)
{
  g_autoptr (SynExpr) expr = syn_expr_parse (text, error);
  g_autoptr (SynExpr) taken = NULL;
  g_autofree char *expr_text = NULL;

  if (expr == NULL)
    return FALSE;
  taken = syn_query_grouping_take (grouping, expr, TRUE, error);
  if (taken == NULL)
    return FALSE;
  grouping->query->group->having = syn_query_condition_new (taken, grouping->query->group->work, error);
  if (grouping->query->group->having == NULL)
    return FALSE;
  expr_text = syn_expr_to_string (expr);
  g_string_append (canonical, expr_text);
  return TRUE;
}

/* The answer has the keys of what it shows (the first projection's; of groups what they are grouped by) if it has all of
 * them under their own names: only then do they name its rows. */
static void
mark_keys (SynQuery *self)
{
  const SynSchema *schema = self->group != NULL ? self->group->work : self->input;

  for (guint i = 0; i < schema->n_columns; i++)
    {
      gboolean found = FALSE;

      for (guint j = 0; j < self->n_columns && schema->columns[i].is_key; j++)
        found |= self->columns[j].expr.column == (int) i && strcmp (self->columns[j].name, schema->columns[i].name) == 0;
      if (schema->columns[i].is_key && !found)
        return;
    }
  for (guint j = 0; j < self->n_columns; j++)
    {
      int column = self->columns[j].expr.column;

      self->columns[j].is_key = column >= 0 && schema->columns[column].is_key
                                && strcmp (self->columns[j].name, schema->columns[column].name) == 0;
    }
}

static gboolean
parse_select (SynQueryGrouping *grouping, GPtrArray *exprs, GPtrArray *names, GString *canonical, GError **error)
{
  SynQuery *self = grouping->query;

  self->has_select = TRUE;
  self->columns = g_new0 (SynQueryColumn, exprs->len);
  for (guint i = 0; i < exprs->len; i++)
    {
      SynExpr *expr = g_ptr_array_index (exprs, i);
      const char *name = g_ptr_array_index (names, i);
      SynQueryColumn *column = &self->columns[self->n_columns++];
      g_autoptr (SynExpr) taken = NULL;

      column->name = g_strdup (name);
      if (self->group != NULL)
        {
          taken = syn_query_grouping_take (grouping, expr, FALSE, error);
          if (taken == NULL)
            return FALSE;
        }
      if (!syn_query_expr_init (&column->expr, taken != NULL ? taken : expr, taken != NULL ? self->group->work : self->input, error))
        return FALSE;
      if (taken != NULL)
        {
          g_ptr_array_add (grouping->aliases, g_strdup (name));
          g_ptr_array_add (grouping->alias_exprs, g_steal_pointer (&taken));
        }
      syn_query_append_named (canonical, expr, name);
    }
  mark_keys (self);
  return TRUE;
}

/* All of the input, or what is grouped by. */
static gboolean
select_all (SynQuery *self, GError **error)
{
  const SynSchema *schema = self->group != NULL ? self->group->work : self->input;
  guint n = self->group != NULL ? self->group->n_keys : schema->n_columns;

  if (n == 0 && self->group != NULL)
    {
      g_set_error_literal (error, SYN_ERROR, SYN_ERROR_INVALID, "having: without a group, select says what is shown");
      return FALSE;
    }
  if (n > SYN_MAX_COLUMNS)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "join: %u columns; at most %d are allowed: say which with select", n,
                   SYN_MAX_COLUMNS);
      return FALSE;
    }
  self->columns = g_new0 (SynQueryColumn, MAX (n, 1));
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (SynExpr) expr = syn_expr_new_name (schema->columns[i].name, 1);

      self->columns[self->n_columns++].name = g_strdup (schema->columns[i].name);
      if (!syn_query_expr_init (&self->columns[i].expr, expr, schema, error))
        return FALSE;
    }
  mark_keys (self);
  return TRUE;
}

/* ---- offset and limit ---- */

static gboolean
parse_number (const char *text, guint *number, GError **error)
{
  guint64 value;
  g_autofree char *text_shown = NULL;

  /* It takes neither signs nor spaces. */
  if (g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &value, NULL))
    {
      *number = (guint) value;
      return TRUE;
    }
  text_shown = syn_query_dup_shown (text);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "expected a whole number from 0 to %u, found \"%s\"", G_MAXUINT32, text_shown);
  return FALSE;
}

static gboolean
parse_offset (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  if (!parse_number (text, &self->offset, error))
    return FALSE;
  if (self->offset > 0)
    g_string_append_printf (canonical, "%u", self->offset);
  return TRUE;
}

static gboolean
parse_limit (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  if (!parse_number (text, &self->limit, error))
    return FALSE;
  /* No projection has more rows: it says nothing. */
  self->has_limit = self->limit < SYN_MAX_ROWS;
  if (self->has_limit)
    g_string_append_printf (canonical, "%u", self->limit);
  return TRUE;
}

/* ---- the whole ---- */

typedef struct {
  const SynQueryParams *params;
  GString *values[SYN_QUERY_N_PARAMS]; /* (owned): the canonical values */
} Texts;

static void
texts_clear (Texts *self)
{
  for (guint i = 0; i < SYN_QUERY_N_PARAMS; i++)
    if (self->values[i] != NULL)
      g_string_free (self->values[i], TRUE);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Texts, texts_clear)

/* The value of a parameter, and where its canonical form goes; NULL when it was not given. */
static const char *
get_text (Texts *texts, SynQueryParam param)
{
  return texts->params->values[param];
}

static gboolean
fail_in (SynQueryParam param, GError **error)
{
  g_prefix_error (error, "%s: ", syn_query_param_to_string (param));
  return FALSE;
}

static gboolean
parse_grouped (SynQueryGrouping *grouping, Texts *texts, GError **error)
{
  SynQuery *self = grouping->query;
  const char *select = get_text (texts, SYN_QUERY_SELECT), *having = get_text (texts, SYN_QUERY_HAVING);
  const char *group = get_text (texts, SYN_QUERY_GROUP);
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) exprs = select != NULL ? syn_expr_parse_list (select, &names, error) : NULL;
  gboolean is_grouped = group != NULL || having != NULL;

  if (select != NULL && exprs == NULL)
    return fail_in (SYN_QUERY_SELECT, error);
  for (guint i = 0; exprs != NULL && i < exprs->len && !is_grouped; i++)
    is_grouped = syn_query_has_aggregate (g_ptr_array_index (exprs, i));
  if (is_grouped && !syn_query_parse_group (grouping, group, texts->values[SYN_QUERY_GROUP], error))
    return fail_in (SYN_QUERY_GROUP, error);
  if (exprs == NULL ? !select_all (self, error)
                    : !parse_select (grouping, exprs, names, texts->values[SYN_QUERY_SELECT], error))
    return exprs == NULL ? FALSE : fail_in (SYN_QUERY_SELECT, error);
  if (having != NULL && !parse_having (grouping, having, texts->values[SYN_QUERY_HAVING], error))
    return fail_in (SYN_QUERY_HAVING, error);
  return !is_grouped || syn_query_grouping_finish (grouping, error);
}

static gboolean
parse_all (SynQuery *self, Texts *texts, GError **error)
{
  static const struct {
    SynQueryParam param;
    gboolean (*parse) (SynQuery *, const char *, GString *, GError **);
  } before[] = { { SYN_QUERY_JOIN, syn_query_parse_join }, { SYN_QUERY_WHERE, parse_where } },
    after[] = { { SYN_QUERY_SORT, syn_query_parse_sort }, { SYN_QUERY_OFFSET, parse_offset }, { SYN_QUERY_LIMIT, parse_limit } };
  g_auto (SynQueryGrouping) grouping = { NULL };

  for (guint i = 0; i < G_N_ELEMENTS (before); i++)
    {
      const char *text = get_text (texts, before[i].param);

      if (text != NULL && !before[i].parse (self, text, texts->values[before[i].param], error))
        return fail_in (before[i].param, error);
    }
  syn_query_grouping_init (&grouping, self);
  if (!parse_grouped (&grouping, texts, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (after); i++)
    {
      const char *text = get_text (texts, after[i].param);

      if (text != NULL && !after[i].parse (self, text, texts->values[after[i].param], error))
        return fail_in (after[i].param, error);
    }
  return TRUE;
}

static char *
dup_canonical (const SynQuery *self, const Texts *texts)
{
  GString *canonical = g_string_new (self->bases[0]->name);
  char separator = '?';

  for (guint i = 0; i < SYN_QUERY_N_PARAMS; i++)
    if (texts->values[i]->len > 0)
      {
        g_string_append_printf (canonical, "%c%s=", separator, syn_query_param_to_string (i));
        syn_query_append_encoded (canonical, texts->values[i]->str);
        separator = '&';
      }
  return g_string_free (canonical, FALSE);
}

/**
 * syn_query_parse:
 * @path: as in a URL; of the part before the '?' only %XX is decoded, behind it '+' is a space too
 * @catalog: is referenced by the result
 *
 * Returns: (transfer full): the question, or NULL with NOT_FOUND, INVALID or TOO_LARGE
 */
SynQuery *
syn_query_parse (const char *path, SynCatalog *catalog, GError **error)
{
  g_autoptr (SynQuery) self = g_new0 (SynQuery, 1);
  g_auto (SynQueryParams) params = { NULL };
  g_auto (Texts) texts = { .params = &params };

  self->catalog = syn_catalog_ref (catalog);
  self->members = g_ptr_array_new_with_free_func (free_member);
  if (!syn_query_params_init (&params, path, error) || syn_query_add_base (self, params.name, error) < 0)
    return NULL;
  for (guint i = 0; i < SYN_QUERY_N_PARAMS; i++)
    texts.values[i] = g_string_new (NULL);
  take_base_fields (self);
  if (!parse_all (self, &texts, error))
    return NULL;
  self->canonical = dup_canonical (self, &texts);
  /* It is a path itself, shown with every snapshot and asked for again. */
  if (strlen (self->canonical) > SYN_MAX_QUERY_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE,
                   "the query in canonical form has %" G_GSIZE_FORMAT " bytes; at most %u are allowed", strlen (self->canonical),
                   SYN_MAX_QUERY_BYTES);
      return NULL;
    }
  return g_steal_pointer (&self);
}
