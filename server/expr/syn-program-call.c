/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Functions of numbers and of choice, whose types depend on their arguments'. One compilation at a time, on any thread. */
#include "syn-function-private.h"

#include "syn-error.h"

#include <string.h>

/* The one argument of a function of numbers; null stays null and is the answer. */
static gboolean
compile_number (SynCompiler *self, const SynExpr *expr, SynValue *arg, GError **error)
{
  if (!syn_compile_node (self, expr->args[0], arg, error))
    return FALSE;
  if (arg->type == 0)
    return TRUE;
  if (!syn_value_is_number (arg))
    return syn_compile_fail_type (expr, 0, "a number", arg, error);
  syn_compiler_convert (self, arg, (ReplicaType)arg->type, arg->scale);
  return TRUE;
}

SYN_COMPILE_FUNC (syn_compile_abs)
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

SYN_COMPILE_FUNC (syn_compile_sign)
{
  SynValue arg;

  if (!compile_number (self, expr, &arg, error))
    return FALSE;
  if (arg.type == 0)
    {
      syn_compiler_emit_null (self, REPLICA_TYPE_INT64, 0, value);
      return TRUE;
    }
  syn_compiler_emit (self, syn_kernel_sign, REPLICA_TYPE_INT64, 0, value)->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

gboolean
syn_compile_read_digits (const SynExpr *arg, guint *digits, GError **error)
{
  if (arg->kind != SYN_EXPR_LITERAL || arg->literal.type != REPLICA_TYPE_INT64 || arg->literal.unscaled < 0
      || arg->literal.unscaled > REPLICA_DECIMAL_SCALE_MAX)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected a number of digits from 0 to %d",
                   arg->position, REPLICA_DECIMAL_SCALE_MAX);
      return FALSE;
    }
  *digits = (guint)arg->literal.unscaled;
  return TRUE;
}

/* Exact, and therefore of numbers that are. */
SYN_COMPILE_FUNC (syn_compile_div)
{
  SynValue args[2];
  SynStep *step;
  guint digits;

  for (guint i = 0; i < 2; i++)
    {
      if (!syn_compile_node (self, expr->args[i], &args[i], error))
        return FALSE;
      if (args[i].type != 0 && args[i].type != REPLICA_TYPE_INT64 && args[i].type != REPLICA_TYPE_DECIMAL)
        return syn_compile_fail_type (expr, i, "an int64 or a decimal", &args[i], error);
    }
  if (!syn_compile_read_digits (expr->args[2], &digits, error))
    return FALSE;
  if (args[0].type == 0 || args[1].type == 0)
    syn_compiler_emit_null (self, REPLICA_TYPE_DECIMAL, digits, value);
  else
    {
      for (guint i = 0; i < 2; i++)
        syn_compiler_convert (self, &args[i], (ReplicaType)args[i].type, args[i].scale);
      step = syn_compiler_emit (self, syn_kernel_divide, REPLICA_TYPE_DECIMAL, digits, value);
      step->args[0] = args[0].operand;
      step->args[1] = args[1].operand;
      step->constant = (gint)digits + args[1].scale - args[0].scale;
    }
  for (guint i = 0; i < 2; i++)
    syn_compiler_release (self, &args[i]);
  return TRUE;
}

SYN_COMPILE_FUNC (syn_compile_round)
{
  SynValue arg;
  SynStep *step;
  guint digits = 0;

  if (expr->n_args == 2 && !syn_compile_read_digits (expr->args[1], &digits, error))
    return FALSE;
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
  step->constant = function->variant;
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

SYN_COMPILE_FUNC (syn_compile_coalesce)
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

SYN_COMPILE_FUNC (syn_compile_if)
{
  SynValue args[3], common;
  SynStep *step;

  for (guint i = 0; i < 3; i++)
    if (!syn_compile_node (self, expr->args[i], &args[i], error))
      return FALSE;
  if (args[0].type != REPLICA_TYPE_BOOL && args[0].type != 0)
    {
      g_autofree char *type = syn_value_type_to_string (&args[0]);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: if() takes a condition first, found %s",
                   expr->args[0]->position, type);
      return FALSE;
    }
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

/* least() and greatest(): null where any is, as arithmetic. */
SYN_COMPILE_FUNC (syn_compile_extreme)
{
  g_autofree SynValue *args = g_new0 (SynValue, expr->n_args);
  SynValue common;

  for (guint i = 0; i < expr->n_args; i++)
    if (!syn_compile_node (self, expr->args[i], &args[i], error))
      return FALSE;
  if (!unify_args (expr, args, 0, expr->n_args, &common, error))
    return FALSE;
  *value = args[0];
  if (common.type == 0)
    return TRUE;
  syn_compiler_convert_wide (self, value, (ReplicaType)common.type, common.scale);
  for (guint i = 1; i < expr->n_args; i++)
    {
      SynValue before = *value, first;
      SynStep *step;

      syn_compiler_convert_wide (self, &args[i], (ReplicaType)common.type, common.scale);
      if (!syn_compile_compare (self, (SynOp)function->variant, before, args[i], expr->position, &first, error))
        return FALSE;
      step = syn_compiler_emit (self, syn_kernel_choose, (ReplicaType)common.type, common.scale, value);
      step->args[0] = first.operand;
      step->args[1] = before.operand;
      step->args[2] = args[i].operand;
      syn_compiler_release (self, &first);
      syn_compiler_release (self, &before);
      syn_compiler_release (self, &args[i]);
    }
  return TRUE;
}
