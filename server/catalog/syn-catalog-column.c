/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The columns of a projection. Each is an expression over aggregates, key columns and other columns. The
 * aggregates are taken out of the tree and become hidden columns "$0", "$1", …, equal ones the same; what is
 * left is compiled over the projection's own names, in an order in which every column comes after those that
 * it uses. One loader, one thread. */
#include "syn-catalog-private.h"

#include "syn-error.h"
#include "syn-expr-private.h"
#include "syn-limits.h"
#include "syn-suggest.h"

#include <string.h>

/* One column's way through the loader. */
typedef struct {
  SynLoader *loader;
  SynProjectionSpec *projection;
  const SynJson *columns;
  GArray *aggregates;  /* SynAggregateSpec */
  GPtrArray *texts;    /* char *: canonical, of each */
  GHashTable *by_text; /* canonical text of an aggregate → its index + 1 */
  SynExpr **exprs;     /* of each column, without aggregates */
  GError *error;       /* the first one, "column 5: …" */
} Columns;

static void
fail_at (Columns *self, const SynExpr *node, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (self->error != NULL)
    return;
  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  self->error =
      g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s", syn_expr_get_position (node), message);
}

static gboolean
fail_column (Columns *self, guint index, GError **error)
{
  syn_loader_fail_part (self->loader, self->columns->items[index]->line, error, self->error->message,
                        "column \"%s\"", self->columns->names[index]);
  g_clear_error (&self->error);
  return FALSE;
}

/* ---- aggregates ---- */

/* A field that only some of the sources have. */
static void
check_common (const SynExpr *node, gpointer user_data)
{
  Columns *self = user_data;
  g_autofree char *why = syn_loader_explain_field (self->projection, syn_expr_get_name (node));

  if (why != NULL)
    fail_at (self, node, "%s", why);
}

/* The index of the aggregate that @call asks for, -1 with self->error. */
static int
add_aggregate (Columns *self, SynExpr *call)
{
  g_autofree char *text = syn_expr_to_string (call);
  gpointer known = g_hash_table_lookup (self->by_text, text);
  SynAggregateSpec spec;

  if (known != NULL)
    return GPOINTER_TO_INT (known) - 1;
  syn_expr_foreach_name (call, check_common, self);
  if (self->error != NULL || !syn_aggregate_spec_init (&spec, call, self->projection->fields, &self->error))
    return -1;
  spec.as_of_row = self->projection->window_us != 0;
  if (self->projection->slide_us < self->projection->window_us && !spec.has_order
      && (spec.kind == SYN_AGGREGATE_FIRST || spec.kind == SYN_AGGREGATE_LAST))
    {
      /* Panes are merged into windows: which of two was there first by arrival, nobody knows any more. */
      fail_at (self, call, "in windows that slide, %s() needs the order to go by, as in %s(x, time)", syn_expr_get_name (call),
               syn_expr_get_name (call));
      syn_aggregate_spec_clear (&spec);
      return -1;
    }
  g_array_append_val (self->aggregates, spec);
  g_ptr_array_add (self->texts, g_strdup (text));
  g_hash_table_insert (self->by_text, g_steal_pointer (&text), GINT_TO_POINTER (self->aggregates->len));
  return (int)self->aggregates->len - 1;
}

static SynExpr *
take_aggregate (SynExpr *node, gpointer user_data)
{
  Columns *self = user_data;
  g_autofree char *hidden = NULL;
  int index;

  if (self->error != NULL || syn_expr_get_kind (node) != SYN_EXPR_CALL || !syn_expr_check_call (node, &self->error)
      || !syn_expr_is_aggregate_name (syn_expr_get_name (node)))
    return NULL;
  index = add_aggregate (self, node);
  hidden = g_strdup_printf ("$%d", index);
  return syn_expr_new_name (hidden, syn_expr_get_position (node));
}

/* ---- names ---- */

/* Hidden names are the loader's alone. */
static void
check_not_hidden (const SynExpr *node, gpointer user_data)
{
  const char *name = syn_expr_get_name (node);

  if (name[0] == '$')
    fail_at (user_data, node, "no column \"%s\"", name);
}

static gboolean
is_own_name (const Columns *self, const char *name)
{
  return name[0] == '$' || syn_schema_find (self->projection->work, name) >= 0;
}

static void
check_name (const SynExpr *node, gpointer user_data)
{
  Columns *self = user_data;
  const SynSchema *fields = self->projection->fields;
  const char *name = syn_expr_get_name (node);
  g_autofree char *near = NULL;
  SynSuggest suggest;

  if (is_own_name (self, name))
    return;
  check_common (node, self);
  if (self->error != NULL)
    return;
  if (syn_schema_find (fields, name) >= 0)
    {
      fail_at (
          self, node,
          "\"%s\" is a field of the source, with one value an event; say which, as in last(%s) or sum(%s)",
          name, name, name);
      return;
    }
  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < self->projection->work->n_columns; i++)
    syn_suggest_add (&suggest, self->projection->work->columns[i].name);
  near = syn_suggest_dup_text (&suggest);
  fail_at (self, node, "no column \"%s\"%s", name, near);
}

static gboolean
parse_columns (Columns *self, GError **error)
{
  SynProjectionSpec *projection = self->projection;

  for (guint i = 0; i < self->columns->n_items; i++)
    {
      g_autoptr (SynExpr) whole = syn_expr_parse (self->columns->items[i]->text, &self->error);

      if (whole != NULL)
        {
          syn_expr_foreach_name (whole, check_not_hidden, self);
          self->exprs[i] = syn_expr_replace (whole, take_aggregate, self);
        }
      if (self->error == NULL)
        syn_expr_foreach_name (self->exprs[i], check_name, self);
      if (self->error != NULL)
        return fail_column (self, i, error);
    }
  projection->n_aggregates = self->aggregates->len;
  projection->aggregates = g_array_steal (self->aggregates, NULL);
  g_ptr_array_add (self->texts, NULL);
  projection->aggregate_texts = (char **)g_ptr_array_steal (self->texts, NULL);
  return TRUE;
}

/* ---- order ---- */

typedef struct {
  Columns *columns;
  GArray *path;  /* guint: columns on the way from the first to this one */
  guint8 *state; /* 0: not seen, 1: on the path, 2: placed */
  guint n_placed;
  gboolean cycle;
  guint cycle_at;
} Sorter;

static void place_column (Sorter *self, guint index);

static void
place_name (const SynExpr *node, gpointer user_data)
{
  Sorter *self = user_data;
  const SynProjectionSpec *projection = self->columns->projection;

  for (guint i = 0; i < projection->n_outputs; i++)
    if (strcmp (projection->outputs[i].name, syn_expr_get_name (node)) == 0)
      place_column (self, i);
}

static void
report_cycle (Sorter *self, guint index)
{
  const SynProjectionSpec *projection = self->columns->projection;
  g_autoptr (GString) cycle = g_string_new (NULL);
  guint from = 0;

  while (g_array_index (self->path, guint, from) != index)
    from++;
  for (guint i = from; i < self->path->len; i++)
    g_string_append_printf (cycle, "%s → ", projection->outputs[g_array_index (self->path, guint, i)].name);
  g_string_append (cycle, projection->outputs[index].name);
  self->cycle = TRUE;
  self->cycle_at = index;
  self->columns->error =
      g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "columns that need each other: %s", cycle->str);
}

/* Depth first. The recursion is as deep as the longest chain of columns, of which there are at most
 * SYN_MAX_COLUMNS. */
static void
place_column (Sorter *self, guint index)
{
  if (self->cycle || self->state[index] == 2)
    return;
  if (self->state[index] == 1)
    {
      report_cycle (self, index);
      return;
    }
  self->state[index] = 1;
  g_array_append_val (self->path, index);
  syn_expr_foreach_name (self->columns->exprs[index], place_name, self);
  if (self->cycle)
    return;
  g_array_set_size (self->path, self->path->len - 1);
  self->state[index] = 2;
  self->columns->projection->order[self->n_placed++] = index;
}

static gboolean
order_columns (Columns *self, GError **error)
{
  SynProjectionSpec *projection = self->projection;
  g_autoptr (GArray) path = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autofree guint8 *state = g_new0 (guint8, projection->n_outputs);
  Sorter sorter = { .columns = self, .path = path, .state = state };

  projection->order = g_new0 (guint, projection->n_outputs);
  for (guint i = 0; i < projection->n_outputs; i++)
    {
      place_column (&sorter, i);
      if (sorter.cycle)
        return fail_column (self, sorter.cycle_at, error);
    }
  return TRUE;
}

/* ---- types ---- */

/* A type that nothing reads: columns are compiled after those that they use. */
#define NOT_YET REPLICA_TYPE_BOOL

static gboolean
compile_columns (Columns *self, GError **error)
{
  SynProjectionSpec *projection = self->projection;
  guint first_output;

  for (guint i = 0; i < projection->n_aggregates; i++)
    {
      g_autofree char *hidden = g_strdup_printf ("$%u", i);
      syn_schema_add (projection->work, hidden, projection->aggregates[i].type,
                      projection->aggregates[i].scale, FALSE);
    }
  first_output = projection->work->n_columns;
  for (guint i = 0; i < projection->n_outputs; i++)
    syn_schema_add (projection->work, projection->outputs[i].name, NOT_YET, 0, FALSE);
  for (guint i = 0; i < projection->n_outputs; i++)
    {
      guint index = projection->order[i], scale;
      SynOutputSpec *output = &projection->outputs[index];
      SynExpr *expr = self->exprs[index];

      output->program = syn_program_compile (expr, projection->work, &self->error);
      if (output->program == NULL)
        return fail_column (self, index, error);
      output->type = syn_program_get_type_of (output->program, &scale);
      output->scale = (guint8)scale;
      projection->work->columns[first_output + index].type = output->type;
      projection->work->columns[first_output + index].scale = output->scale;
      output->aggregate = -1;
      if (syn_expr_get_kind (expr) == SYN_EXPR_NAME && syn_expr_get_name (expr)[0] == '$')
        output->aggregate = (int)g_ascii_strtoull (syn_expr_get_name (expr) + 1, NULL, 10);
    }
  for (guint i = 0; i < projection->n_outputs; i++)
    syn_schema_add (projection->schema, projection->outputs[i].name, projection->outputs[i].type,
                    projection->outputs[i].scale, FALSE);
  return TRUE;
}

static void
add_key_column (SynProjectionSpec *projection, guint field)
{
  const SynColumnSpec *spec = &projection->fields->columns[field];

  syn_schema_add (projection->work, spec->name, spec->type, spec->scale, TRUE);
  syn_schema_add (projection->schema, spec->name, spec->type, spec->scale, TRUE);
}

/* Names of keys, window and outputs, in a schema that is only there to find them. */
static gboolean
add_names (Columns *self, GError **error)
{
  SynProjectionSpec *projection = self->projection;
  const SynJson *columns = self->columns;
  guint n_keys = projection->work->n_columns;

  if (columns->n_items == 0)
    return syn_loader_fail (self->loader, columns->line, error, "\"columns\" is empty");
  if (n_keys + columns->n_items > SYN_MAX_COLUMNS)
    return syn_loader_fail (self->loader, columns->line, error,
                            "%u columns with the key's; at most %d are allowed", n_keys + columns->n_items,
                            SYN_MAX_COLUMNS);
  projection->outputs = g_new0 (SynOutputSpec, columns->n_items);
  for (guint i = 0; i < columns->n_items; i++)
    {
      g_autofree char *who = g_strdup_printf ("column \"%s\"", columns->names[i]);

      if (!syn_loader_check_column_name (self->loader, columns->name_lines[i], "column", columns->names[i],
                                         error)
          || !syn_loader_check_kind (self->loader, columns->items[i], who, SYN_JSON_STRING, error))
        return FALSE;
      if (syn_schema_find (projection->schema, columns->names[i]) >= 0)
        return syn_loader_fail (self->loader, columns->name_lines[i], error,
                                "column \"%s\" has the name of a key column", columns->names[i]);
      projection->outputs[projection->n_outputs++] = (SynOutputSpec){
        .name = g_strdup (columns->names[i]),
        .aggregate = -1,
      };
    }
  return TRUE;
}

gboolean
syn_loader_add_columns (SynLoader *loader,
                        SynProjectionSpec *projection,
                        const SynJson *columns,
                        GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (SynAggregateSpec));
  g_autoptr (GPtrArray) texts = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) by_text = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree SynExpr **exprs = NULL;
  SynSchema *keys;
  Columns self = {
    .loader = loader, .projection = projection, .columns = columns, .aggregates = found, .texts = texts,
    .by_text = by_text
  };
  gboolean ok;

  if (!syn_loader_check_kind (loader, columns, "\"columns\"", SYN_JSON_OBJECT, error))
    return FALSE;
  projection->work = syn_schema_new ();
  projection->schema = syn_schema_new ();
  for (guint i = 0; i < projection->n_keys; i++)
    add_key_column (projection, projection->keys[i]);
  if (projection->window_us != 0)
    add_key_column (projection, (guint)projection->time_field);
  if (!add_names (&self, error))
    return FALSE;
  /* Until the aggregates are known, the work schema is keys and outputs: the names that a column may use. */
  keys = syn_schema_copy (projection->work);
  for (guint i = 0; i < projection->n_outputs; i++)
    syn_schema_add (projection->work, projection->outputs[i].name, NOT_YET, 0, FALSE);
  self.exprs = exprs = g_new0 (SynExpr *, projection->n_outputs);
  g_array_set_clear_func (found, (GDestroyNotify) syn_aggregate_spec_clear);
  ok = parse_columns (&self, error);
  syn_schema_free (projection->work);
  projection->work = keys;
  ok = ok && order_columns (&self, error) && compile_columns (&self, error);
  for (guint i = 0; i < projection->n_outputs; i++)
    g_clear_pointer (&exprs[i], syn_expr_unref);
  return ok;
}
