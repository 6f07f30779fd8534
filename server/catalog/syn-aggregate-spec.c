/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Which aggregates there are, what they take and what they give. One loader or query, one thread. */
#include "syn-aggregate-spec.h"

#include "syn-duration.h"
#include "syn-error.h"
#include "syn-expr-private.h"

#include <string.h>

#define ANY_TYPE ~0u
#define TYPE(type) (1u << REPLICA_TYPE_##type)
#define NUMBERS (TYPE (INT64) | TYPE (DECIMAL) | TYPE (DOUBLE))

/* How each kind is called: its values, each of any of some types, then its period if it has one, then the order if it is given. The
 * result has the type of the first value, unless it says another. */
static const struct {
  guint min_values, max_values;
  guint types;            /* of values: a bit per ReplicaType */
  const char *types_text; /* as it stands after "takes" */
  gboolean period, order;
  ReplicaType result;     /* 0: the first value's */
  const char *call;       /* as it stands after "takes" */
} kinds[] = {
  [SYN_AGGREGATE_FIRST] = { 1, 1, ANY_TYPE, NULL, FALSE, TRUE, 0, "(x) or (x, order)" },
  [SYN_AGGREGATE_LAST] = { 1, 1, ANY_TYPE, NULL, FALSE, TRUE, 0, "(x) or (x, order)" },
  [SYN_AGGREGATE_MIN] = { 1, 1, ANY_TYPE & ~TYPE (BOOL), "numbers, strings or timestamps", FALSE, FALSE, 0, "1 argument" },
  [SYN_AGGREGATE_MAX] = { 1, 1, ANY_TYPE & ~TYPE (BOOL), "numbers, strings or timestamps", FALSE, FALSE, 0, "1 argument" },
  [SYN_AGGREGATE_ANY] = { 1, 1, TYPE (BOOL), "bool", FALSE, FALSE, 0, "1 argument" },
  [SYN_AGGREGATE_ALL] = { 1, 1, TYPE (BOOL), "bool", FALSE, FALSE, 0, "1 argument" },
  [SYN_AGGREGATE_SUM] = { 1, 1, NUMBERS, "numbers", FALSE, FALSE, 0, "1 argument" },
  [SYN_AGGREGATE_COUNT] = { 0, 1, ANY_TYPE, NULL, FALSE, FALSE, REPLICA_TYPE_INT64, "no argument or one" },
  [SYN_AGGREGATE_MEAN] = { 1, 1, NUMBERS, "numbers", FALSE, FALSE, REPLICA_TYPE_DOUBLE, "1 argument" },
  [SYN_AGGREGATE_STDDEV] = { 1, 1, NUMBERS, "numbers", FALSE, FALSE, REPLICA_TYPE_DOUBLE, "1 argument" },
  [SYN_AGGREGATE_VARIANCE] = { 1, 1, NUMBERS, "numbers", FALSE, FALSE, REPLICA_TYPE_DOUBLE, "1 argument" },
  [SYN_AGGREGATE_VWAP] = { 2, 2, NUMBERS, "numbers", FALSE, FALSE, REPLICA_TYPE_DOUBLE, "2 arguments, (price, size)" },
  [SYN_AGGREGATE_RATE] = { 0, 1, NUMBERS, "numbers", TRUE, TRUE, REPLICA_TYPE_DOUBLE,
                           "(\"period\") or (x, \"period\"), and then the time if it is not the source's" },
  [SYN_AGGREGATE_EWMA] = { 1, 1, NUMBERS, "numbers", TRUE, TRUE, REPLICA_TYPE_DOUBLE,
                           "(x, \"half-life\"), and then the time if it is not the source's" },
  [SYN_AGGREGATE_DISTINCT] = { 1, 1, ANY_TYPE, NULL, FALSE, FALSE, REPLICA_TYPE_INT64, "1 argument" },
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
fail_type (GError **error, const SynExpr *call, guint index, const SynAggregateArg *arg, const char *takes)
{
  SynColumnSpec column = { .type = arg->type, .scale = arg->scale };
  g_autofree char *found = syn_column_spec_type_to_string (&column);

  return fail_at (error, syn_expr_get_arg (call, index), "%s() takes %s, found %s", syn_expr_get_name (call), takes, found);
}

static gboolean
fail_count (GError **error, const SynExpr *call, const char *takes)
{
  return fail_at (error, call, "%s() takes %s, found %u", syn_expr_get_name (call), takes, syn_expr_get_n_args (call));
}

static gboolean
add_argument (SynAggregateSpec *spec, SynExpr *expr, const SynSchema *schema, GError **error)
{
  return compile_argument (&spec->args[spec->n_args++], expr, schema, error);
}

static gboolean
fill_custom (SynAggregateSpec *spec, SynExpr *call, const SynSchema *schema, GError **error)
{
  const SynAggregateClass *klass = spec->klass;
  guint n_args = syn_expr_get_n_args (call);
  SynAggregateType types[SYN_AGGREGATE_MAX_ARGS], result = { 0 };
  const char *takes;

  if (n_args < klass->min_args || n_args > klass->max_args)
    {
      g_autofree char *range = klass->min_args == klass->max_args
                                 ? g_strdup_printf ("%u argument%s", klass->min_args, klass->min_args == 1 ? "" : "s")
                                 : g_strdup_printf ("%u to %u arguments", klass->min_args, klass->max_args);

      return fail_count (error, call, range);
    }
  for (guint i = 0; i < n_args; i++)
    {
      if (!add_argument (spec, syn_expr_get_arg (call, i), schema, error))
        return FALSE;
      types[i] = (SynAggregateType) { spec->args[i].type, spec->args[i].scale };
    }
  takes = klass->resolve (types, n_args, &result);
  if (takes != NULL)
    return fail_type (error, call, 0, &spec->args[0], takes);
  if (result.type < REPLICA_TYPE_BOOL || result.type > REPLICA_TYPE_TIMESTAMP || result.type == REPLICA_TYPE_STRING
      || result.scale > REPLICA_DECIMAL_SCALE_MAX)
    return fail_at (error, call, "%s() says that its result has a type that no aggregate of a module may have", klass->name);
  spec->type = result.type;
  spec->scale = result.type == REPLICA_TYPE_DECIMAL ? result.scale : 0;
  return TRUE;
}

static gboolean
fill (SynAggregateSpec *spec, SynExpr *call, const SynSchema *schema, GError **error)
{
  const char *name = syn_expr_get_name (call);
  guint n_args = syn_expr_get_n_args (call), n_values = 0, at = 0;

  if (!syn_aggregate_name_find (name, &spec->kind, &spec->klass))
    return fail_at (error, call, "there is no aggregate %s()", name);
  if (spec->kind == SYN_AGGREGATE_CUSTOM)
    return fill_custom (spec, call, schema, error);
  /* Values end where a literal period stands. */
  while (n_values < MIN (n_args, kinds[spec->kind].max_values)
         && !(kinds[spec->kind].period && n_values >= kinds[spec->kind].min_values
              && syn_expr_get_string_literal (syn_expr_get_arg (call, n_values)) != NULL))
    n_values++;
  if (n_values < kinds[spec->kind].min_values)
    return fail_count (error, call, kinds[spec->kind].call);
  for (; at < n_values; at++)
    {
      if (!add_argument (spec, syn_expr_get_arg (call, at), schema, error))
        return FALSE;
      if (!(kinds[spec->kind].types & 1u << spec->args[at].type))
        return fail_type (error, call, at, &spec->args[at], kinds[spec->kind].types_text);
    }
  if (kinds[spec->kind].period)
    {
      const char *text = at < n_args ? syn_expr_get_string_literal (syn_expr_get_arg (call, at)) : NULL;

      if (at == n_args)
        return fail_count (error, call, kinds[spec->kind].call);
      if (text == NULL || !syn_duration_parse (text, &spec->period_us))
        return fail_at (error, syn_expr_get_arg (call, at), "%s(): expected " SYN_DURATION_EXPECTED, name);
      at++;
    }
  if (at < n_args && kinds[spec->kind].order)
    {
      SynAggregateArg *order = &spec->args[spec->n_args];

      if (!add_argument (spec, syn_expr_get_arg (call, at), schema, error))
        return FALSE;
      if (kinds[spec->kind].period ? order->type != REPLICA_TYPE_TIMESTAMP
                                   : order->type != REPLICA_TYPE_TIMESTAMP && order->type != REPLICA_TYPE_INT64)
        return fail_type (error, call, at, order, kinds[spec->kind].period ? "the time as a timestamp" : "an order that is a timestamp or int64");
      spec->has_order = TRUE;
      at++;
    }
  if (at < n_args)
    return fail_count (error, call, kinds[spec->kind].call);
  spec->type = kinds[spec->kind].result != 0 ? kinds[spec->kind].result : spec->args[0].type;
  spec->scale = kinds[spec->kind].result != 0 ? 0 : spec->args[0].scale;
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
syn_aggregate_spec_needs_order (const SynAggregateSpec *spec)
{
  return (spec->kind == SYN_AGGREGATE_RATE || spec->kind == SYN_AGGREGATE_EWMA) && !spec->has_order;
}

gboolean
syn_aggregate_spec_equal_state (const SynAggregateSpec *a, const SynAggregateSpec *b)
{
  if (a->kind != b->kind || a->klass != b->klass || a->n_args != b->n_args || a->has_order != b->has_order || a->period_us != b->period_us)
    return FALSE;
  for (guint i = 0; i < a->n_args; i++)
    if (a->args[i].type != b->args[i].type || a->args[i].scale != b->args[i].scale)
      return FALSE;
  return TRUE;
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
