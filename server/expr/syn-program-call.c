/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scalar functions: one table, one compile function each. A function belongs here when every row has its
 * own result; those over many rows are aggregates, and the catalog's. */
#include "syn-aggregate-name.h"
#include "syn-program-private.h"

#include "syn-error.h"
#include "syn-suggest.h"

#include <string.h>

typedef struct {
  const char *name;
  guint min_args;
  guint max_args; /* 0: any number */
  gboolean (*compile) (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error);
  guint variant;
} Function;

static const Function *find_function (const char *name);

static gboolean
fail_type (const SynExpr *expr, guint index, const char *expected, const SynValue *found, GError **error)
{
  g_autofree char *type = syn_value_type_to_string (found);

  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s() takes %s, found %s",
               expr->args[index]->position, expr->name, expected, type);
  return FALSE;
}

/* The one argument of a function of numbers; null stays null and is the answer. */
static gboolean
compile_number (SynCompiler *self, const SynExpr *expr, SynValue *arg, GError **error)
{
  if (!syn_compile_node (self, expr->args[0], arg, error))
    return FALSE;
  if (arg->type == 0)
    return TRUE;
  if (!syn_value_is_number (arg))
    return fail_type (expr, 0, "a number", arg, error);
  syn_compiler_convert (self, arg, (ReplicaType)arg->type, arg->scale);
  return TRUE;
}

static gboolean
compile_abs (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue arg;
  SynStep *step;

  if (!compile_number (self, expr, &arg, error))
    return FALSE;
  if (arg.type == 0)
    {
      *value = arg;
      return TRUE;
    }
  step = syn_compiler_emit (self, syn_kernel_negate, (ReplicaType)arg.type, arg.scale, value);
  step->flag = TRUE;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

static gboolean
compile_round (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue arg;
  SynStep *step;
  guint digits = 0;

  if (expr->n_args == 2)
    {
      const SynExpr *n = expr->args[1];

      if (n->kind != SYN_EXPR_LITERAL || n->literal.type != REPLICA_TYPE_INT64 || n->literal.unscaled < 0
          || n->literal.unscaled > REPLICA_DECIMAL_SCALE_MAX)
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                       "column %u: expected a number of digits from 0 to %d", n->position,
                       REPLICA_DECIMAL_SCALE_MAX);
          return FALSE;
        }
      digits = (guint)n->literal.unscaled;
    }
  if (!compile_number (self, expr, &arg, error))
    return FALSE;
  if (arg.type == 0 || arg.type == REPLICA_TYPE_INT64
      || (arg.type == REPLICA_TYPE_DECIMAL && arg.scale <= digits))
    {
      *value = arg; /* nothing to round */
      return TRUE;
    }
  if (arg.type == REPLICA_TYPE_DECIMAL)
    {
      step = syn_compiler_emit (self, syn_kernel_round_decimal, REPLICA_TYPE_DECIMAL, digits, value);
      step->factors[0] = syn_power_of_ten (arg.scale - digits);
    }
  else
    {
      step = syn_compiler_emit (self, syn_kernel_round_double, REPLICA_TYPE_DOUBLE, 0, value);
      step->factors[0] = syn_power_of_ten (digits);
    }
  step->constant = find_function (expr->name)->variant;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

/* One type for some arguments, of which the first stands at @from. */
static gboolean
unify_args (const SynExpr *expr, const SynValue *args, guint from, guint n, SynValue *common, GError **error)
{
  *common = args[from];
  for (guint i = from + 1; i < n; i++)
    {
      SynValue before = *common;

      if (!syn_value_unify (&before, &args[i], common))
        {
          g_autofree char *a = syn_value_type_to_string (&before), *b = syn_value_type_to_string (&args[i]);

          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s() cannot choose between %s and %s",
                       expr->args[i]->position, expr->name, a, b);
          return FALSE;
        }
      /* Strings in quotes may become times only as long as all so far were. */
      if (common->type == REPLICA_TYPE_STRING && before.literal != NULL && args[i].literal != NULL)
        common->literal = args[i].type == REPLICA_TYPE_STRING ? args[i].literal : before.literal;
    }
  if (common->type == REPLICA_TYPE_TIMESTAMP)
    for (guint i = from; i < n; i++)
      if (!syn_value_check_time (&args[i], error))
        return FALSE;
  return TRUE;
}

static gboolean
compile_coalesce (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  g_autofree SynValue *args = g_new0 (SynValue, expr->n_args);
  SynValue common;

  for (guint i = 0; i < expr->n_args; i++)
    if (!syn_compile_node (self, expr->args[i], &args[i], error))
      return FALSE;
  if (!unify_args (expr, args, 0, expr->n_args, &common, error))
    return FALSE;
  if (common.type == 0)
    {
      *value = args[0];
      return TRUE;
    }
  *value = args[0];
  syn_compiler_convert_wide (self, value, (ReplicaType)common.type, common.scale);
  for (guint i = 1; i < expr->n_args; i++)
    {
      SynValue before = *value;
      SynStep *step;

      syn_compiler_convert_wide (self, &args[i], (ReplicaType)common.type, common.scale);
      step = syn_compiler_emit (self, syn_kernel_coalesce, (ReplicaType)common.type, common.scale, value);
      step->args[0] = before.operand;
      step->args[1] = args[i].operand;
      syn_compiler_release (self, &before);
      syn_compiler_release (self, &args[i]);
    }
  return TRUE;
}

static gboolean
compile_if (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue args[3], common;
  SynStep *step;

  for (guint i = 0; i < 3; i++)
    if (!syn_compile_node (self, expr->args[i], &args[i], error))
      return FALSE;
  if (args[0].type != REPLICA_TYPE_BOOL && args[0].type != 0)
    return fail_type (expr, 0, "a condition first", &args[0], error);
  if (!unify_args (expr, args, 1, 3, &common, error))
    return FALSE;
  if (common.type == 0)
    {
      syn_compiler_release (self, &args[0]);
      *value = args[1];
      return TRUE;
    }
  syn_compiler_convert (self, &args[0], REPLICA_TYPE_BOOL, 0);
  syn_compiler_convert_wide (self, &args[1], (ReplicaType)common.type, common.scale);
  syn_compiler_convert_wide (self, &args[2], (ReplicaType)common.type, common.scale);
  step = syn_compiler_emit (self, syn_kernel_if, (ReplicaType)common.type, common.scale, value);
  for (guint i = 0; i < 3; i++)
    {
      step->args[i] = args[i].operand;
      syn_compiler_release (self, &args[i]);
    }
  return TRUE;
}

enum {
  STRING_LOWER,
  STRING_UPPER,
  STRING_LENGTH
};

static gboolean
compile_string (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  guint variant = find_function (expr->name)->variant;
  SynValue arg;
  SynStep *step;

  if (!syn_compile_node (self, expr->args[0], &arg, error))
    return FALSE;
  if (arg.type != REPLICA_TYPE_STRING && arg.type != 0)
    return fail_type (expr, 0, "a string", &arg, error);
  syn_compiler_convert (self, &arg, REPLICA_TYPE_STRING, 0);
  if (variant == STRING_LENGTH)
    step = syn_compiler_emit (self, syn_kernel_length, REPLICA_TYPE_INT64, 0, value);
  else
    step = syn_compiler_emit (self, syn_kernel_change_case, REPLICA_TYPE_STRING, 0, value);
  step->flag = variant == STRING_UPPER;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

static const Function functions[] = {
  { "abs", 1, 1, compile_abs, 0 },
  { "round", 1, 2, compile_round, SYN_ROUND_NEAREST },
  { "floor", 1, 1, compile_round, SYN_ROUND_FLOOR },
  { "ceil", 1, 1, compile_round, SYN_ROUND_CEIL },
  { "coalesce", 1, 0, compile_coalesce, 0 },
  { "if", 3, 3, compile_if, 0 },
  { "lower", 1, 1, compile_string, STRING_LOWER },
  { "upper", 1, 1, compile_string, STRING_UPPER },
  { "length", 1, 1, compile_string, STRING_LENGTH },
};

static const Function *
find_function (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    if (strcmp (functions[i].name, name) == 0)
      return &functions[i];
  return NULL;
}

gboolean
syn_expr_is_function_name (const char *name)
{
  return find_function (name) != NULL;
}

static gboolean
fail_unknown (const SynExpr *expr, GError **error)
{
  g_autofree char *near = NULL;
  SynSuggest suggest;

  if (syn_expr_is_aggregate_name (expr->name))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %u: %s() is an aggregate over many events; it has its place in the columns of a "
                   "catalog's projection, not here",
                   expr->position, expr->name);
      return FALSE;
    }
  syn_suggest_init (&suggest, expr->name);
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    syn_suggest_add (&suggest, functions[i].name);
  syn_aggregate_name_suggest (&suggest);
  near = syn_suggest_dup_text (&suggest);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: no function \"%s\"%s", expr->position,
               expr->name, near);
  return FALSE;
}

gboolean
syn_compile_call (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  const Function *function = find_function (expr->name);

  if (function == NULL)
    return fail_unknown (expr, error);
  if (expr->n_args < function->min_args || (function->max_args > 0 && expr->n_args > function->max_args))
    {
      g_autofree char *takes = NULL;

      if (function->max_args == 0)
        takes = g_strdup_printf ("%u or more arguments", function->min_args);
      else if (function->max_args > function->min_args)
        takes = g_strdup_printf ("%u or %u arguments", function->min_args, function->max_args);
      else
        takes = g_strdup_printf ("%u argument%s", function->min_args, function->min_args == 1 ? "" : "s");
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s() takes %s, found %u", expr->position,
                   expr->name, takes, expr->n_args);
      return FALSE;
    }
  return function->compile (self, expr, value, error);
}
