/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which aggregates there are, what they take and what they give. One loader or query, one thread. */
#include "syn-aggregate-spec.h"

#include "syn-error.h"
#include "syn-expr-private.h"

#include <string.h>

static const struct {
  const char *name;
  SynAggregateKind kind;
  gboolean here; /* in this version */
} aggregates[] = {
  { "first", SYN_AGGREGATE_FIRST, TRUE },
  { "last", SYN_AGGREGATE_LAST, TRUE },
  { "min", SYN_AGGREGATE_MIN, TRUE },
  { "max", SYN_AGGREGATE_MAX, TRUE },
  { "sum", SYN_AGGREGATE_SUM, TRUE },
  { "count", SYN_AGGREGATE_COUNT, TRUE },
  { "mean", SYN_AGGREGATE_MEAN, TRUE },
  { "stddev", 0, FALSE },
  { "vwap", 0, FALSE },
  { "rate", 0, FALSE },
  { "ewma", 0, FALSE },
  { "distinct", 0, FALSE },
};

/* Always FALSE. */
G_GNUC_PRINTF (3, 4)
static gboolean
fail_at (GError **error, const SynExpr *node, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s", syn_expr_get_position (node), message);
  return FALSE;
}

static SynExpr *
find_nested (SynExpr *node, gpointer user_data)
{
  SynExpr **found = user_data;

  if (*found == NULL && syn_expr_get_kind (node) == SYN_EXPR_CALL && syn_expr_is_aggregate_name (syn_expr_get_name (node)))
    *found = node;
  return NULL;
}

/* The result's type, from that of the first argument; FALSE: the aggregate does not take such a thing. */
static gboolean
type_aggregate (SynAggregateSpec *spec)
{
  ReplicaType type = spec->n_args > 0 ? spec->args[0].type : REPLICA_TYPE_INT64;
  gboolean number = type == REPLICA_TYPE_INT64 || type == REPLICA_TYPE_DECIMAL || type == REPLICA_TYPE_DOUBLE;

  spec->type = type;
  spec->scale = spec->args[0].scale;
  switch (spec->kind)
    {
    case SYN_AGGREGATE_SUM:
      return number;
    case SYN_AGGREGATE_MEAN:
      spec->type = REPLICA_TYPE_DOUBLE;
      spec->scale = 0;
      return number;
    case SYN_AGGREGATE_MIN:
    case SYN_AGGREGATE_MAX:
      return type != REPLICA_TYPE_BOOL;
    case SYN_AGGREGATE_COUNT:
      spec->type = REPLICA_TYPE_INT64;
      spec->scale = 0;
      return TRUE;
    default:
      return TRUE;
    }
}

static gboolean
compile_argument (SynAggregateArg *arg, SynExpr *expr, const SynSchema *schema, GError **error)
{
  SynExpr *nested = NULL;
  g_autoptr (SynExpr) same = syn_expr_replace (expr, find_nested, &nested);
  guint scale;

  if (nested != NULL)
    return fail_at (error, nested, "an aggregate cannot stand inside another");
  arg->program = syn_program_compile (expr, schema, error);
  if (arg->program == NULL)
    return FALSE;
  arg->expr = syn_expr_ref (expr);
  arg->type = syn_program_get_type_of (arg->program, &scale);
  arg->scale = (guint8) scale;
  return TRUE;
}

static gboolean
fill (SynAggregateSpec *spec, SynExpr *call, const SynSchema *schema, GError **error)
{
  const char *name = syn_expr_get_name (call);
  guint n_args = syn_expr_get_n_args (call), i = 0;

  while (i < G_N_ELEMENTS (aggregates) && strcmp (aggregates[i].name, name) != 0)
    i++;
  if (i == G_N_ELEMENTS (aggregates) || !aggregates[i].here)
    return fail_at (error, call, "the aggregate %s() is not in this version; there are first, last, min, max, sum, count and mean%s",
                    name, strcmp (name, "vwap") == 0 ? " (a volume-weighted average price is sum(price*size)/sum(size))" : "");
  spec->kind = aggregates[i].kind;
  if (n_args > 1 || (n_args == 0 && spec->kind != SYN_AGGREGATE_COUNT))
    return fail_at (error, call, "%s() takes %s, found %u", name,
                    spec->kind == SYN_AGGREGATE_COUNT ? "no argument or one" : "1 argument", n_args);
  for (; spec->n_args < n_args; spec->n_args++)
    if (!compile_argument (&spec->args[spec->n_args], syn_expr_get_arg (call, spec->n_args), schema, error))
      return FALSE;
  if (!type_aggregate (spec))
    {
      SynColumnSpec column = { .type = spec->args[0].type, .scale = spec->args[0].scale };
      g_autofree char *type_text = syn_column_spec_type_to_string (&column);

      return fail_at (error, syn_expr_get_arg (call, 0), "%s() takes %s, found %s", name,
                      spec->kind == SYN_AGGREGATE_MIN || spec->kind == SYN_AGGREGATE_MAX ? "numbers, strings or timestamps" : "numbers",
                      type_text);
    }
  return TRUE;
}

gboolean
syn_aggregate_spec_init (SynAggregateSpec *spec, SynExpr *call, const SynSchema *schema, GError **error)
{
  g_return_val_if_fail (syn_expr_get_kind (call) == SYN_EXPR_CALL, FALSE);

  memset (spec, 0, sizeof *spec);
  if (fill (spec, call, schema, error))
    return TRUE;
  syn_aggregate_spec_clear (spec);
  return FALSE;
}

gboolean
syn_aggregate_spec_needs_order (const SynAggregateSpec *spec G_GNUC_UNUSED)
{
  return FALSE; /* none of the kinds so far does */
}

void
syn_aggregate_spec_clear (SynAggregateSpec *spec)
{
  for (guint i = 0; i < SYN_AGGREGATE_MAX_ARGS; i++)
    {
      g_clear_pointer (&spec->args[i].expr, syn_expr_unref);
      g_clear_pointer (&spec->args[i].program, syn_program_unref);
    }
  spec->n_args = 0;
}
