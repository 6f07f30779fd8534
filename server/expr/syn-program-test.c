/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What asks something of a value: comparisons, `~`, `in`, `between` and `is null`. Literals become constants of what they stand
 * beside, once. One compilation at a time, on any thread. */
#include "syn-program-private.h"

#include "syn-error.h"

#include <string.h>

static SynOp
mirror (SynOp op)
{
  switch (op)
    {
    case SYN_OP_LT:
      return SYN_OP_GT;
    case SYN_OP_LE:
      return SYN_OP_GE;
    case SYN_OP_GT:
      return SYN_OP_LT;
    case SYN_OP_GE:
      return SYN_OP_LE;
    default:
      return op;
    }
}

/* Numbers without an exponent, and times: in integers, at the larger scale of the two. */
static void
compare_exact (SynCompiler *self, SynOp op, SynValue left, SynValue right, int type, SynValue *value)
{
  guint scale = MAX (left.scale, right.scale);
  SynStep *step = syn_compiler_emit (self, syn_kernel_compare_exact, REPLICA_TYPE_BOOL, 0, value);

  step->op = op;
  step->args[0] = left.operand;
  step->factors[0] = syn_power_of_ten (scale - left.scale);
  if (right.operand != SYN_NO_OPERAND)
    {
      step->args[1] = right.operand;
      step->factors[1] = syn_power_of_ten (scale - right.scale);
    }
  else if (type == REPLICA_TYPE_TIMESTAMP)
    step->constant = syn_value_get_time (&right);
  else
    step->constant = right.literal->literal.unscaled * syn_power_of_ten (scale - right.scale);
}

gboolean
syn_compile_compare (SynCompiler *self,
                     SynOp op,
                     SynValue left,
                     SynValue right,
                     guint position,
                     SynValue *value,
                     GError **error)
{
  SynValue common, left_owned = { .operand = SYN_NO_OPERAND }, right_owned = { .operand = SYN_NO_OPERAND };
  SynStep *step;

  if (!syn_value_unify (&left, &right, &common))
    {
      g_autofree char *a = syn_value_type_to_string (&left), *b = syn_value_type_to_string (&right);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: cannot compare %s with %s", position, a,
                   b);
      return FALSE;
    }
  if (common.type == REPLICA_TYPE_TIMESTAMP
      && (!syn_value_check_time (&left, error) || !syn_value_check_time (&right, error)))
    return FALSE;
  if (left.type == 0 || right.type == 0)
    {
      syn_compiler_emit_null (self, REPLICA_TYPE_BOOL, 0, value);
      return TRUE;
    }
  /* A literal stands on the right, where the kernels have it as a constant; two of them make one a column. */
  if (left.operand == SYN_NO_OPERAND && right.operand != SYN_NO_OPERAND)
    {
      SynValue swap = left;

      left = right;
      right = swap;
      op = mirror (op);
    }
  if (left.operand == SYN_NO_OPERAND)
    {
      syn_compiler_convert (self, &left, (ReplicaType)common.type, common.scale);
      left_owned = left;
    }
  switch (common.type)
    {
    case REPLICA_TYPE_STRING:
      step =
          syn_compiler_emit (self, right.literal != NULL ? syn_kernel_test_string : syn_kernel_compare_string,
                             REPLICA_TYPE_BOOL, 0, value);
      step->op = op;
      step->args[0] = left.operand;
      step->args[1] = right.operand;
      if (right.literal != NULL)
        {
          step->text = g_strdup (right.literal->literal.text);
          step->text_length = strlen (step->text);
        }
      break;
    case REPLICA_TYPE_BOOL:
      if (right.operand == SYN_NO_OPERAND)
        {
          syn_compiler_convert (self, &right, REPLICA_TYPE_BOOL, 0);
          right_owned = right;
        }
      step = syn_compiler_emit (self, syn_kernel_compare_bool, REPLICA_TYPE_BOOL, 0, value);
      step->op = op;
      step->args[0] = left.operand;
      step->args[1] = right.operand;
      break;
    case REPLICA_TYPE_DOUBLE:
      /* The caller keeps its values: what is converted here is released here. */
      if (left.type != REPLICA_TYPE_DOUBLE)
        {
          step = syn_compiler_emit (self, syn_kernel_to_double, REPLICA_TYPE_DOUBLE, 0, &left_owned);
          step->args[0] = left.operand;
          step->factors[0] = syn_power_of_ten (left.scale);
          left = left_owned;
        }
      if (right.operand != SYN_NO_OPERAND && right.type != REPLICA_TYPE_DOUBLE)
        {
          step = syn_compiler_emit (self, syn_kernel_to_double, REPLICA_TYPE_DOUBLE, 0, &right_owned);
          step->args[0] = right.operand;
          step->factors[0] = syn_power_of_ten (right.scale);
          right = right_owned;
        }
      step = syn_compiler_emit (self, syn_kernel_compare_double, REPLICA_TYPE_BOOL, 0, value);
      step->op = op;
      step->args[0] = left.operand;
      step->args[1] = right.operand;
      if (right.literal != NULL)
        step->number = right.literal->literal.number;
      break;
    default:
      compare_exact (self, op, left, right, common.type, value);
      break;
    }
  syn_compiler_release (self, &left_owned);
  syn_compiler_release (self, &right_owned);
  return TRUE;
}

static gboolean
compile_glob (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  const char *pattern = syn_expr_get_string_literal (expr->args[1]);
  SynValue left;
  SynStep *step;

  if (!syn_compile_node (self, expr->args[0], &left, error))
    return FALSE;
  if (left.type != REPLICA_TYPE_STRING && left.type != 0)
    {
      g_autofree char *type = syn_value_type_to_string (&left);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: ~ matches strings, found %s",
                   expr->args[0]->position, type);
      return FALSE;
    }
  if (pattern == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %u: expected a pattern in quotes after ~, such as \"A*\"",
                   expr->args[1]->position);
      return FALSE;
    }
  if (left.type == 0)
    {
      syn_compiler_emit_null (self, REPLICA_TYPE_BOOL, 0, value);
      return TRUE;
    }
  syn_compiler_convert (self, &left, REPLICA_TYPE_STRING, 0);
  step = syn_compiler_emit (self, syn_kernel_test_string, REPLICA_TYPE_BOOL, 0, value);
  step->op = SYN_OP_GLOB;
  step->args[0] = left.operand;
  step->glob = syn_glob_new (pattern);
  syn_compiler_release (self, &left);
  return TRUE;
}

/* All that `in` asks for, when it is strings in quotes: one look-up an entry of the dictionary. */
static gboolean
compile_in_set (SynCompiler *self, const SynExpr *expr, const SynValue *left, SynValue *value)
{
  SynStep *step;

  if (left->type != REPLICA_TYPE_STRING)
    return FALSE;
  for (guint i = 1; i < expr->n_args; i++)
    if (syn_expr_get_string_literal (expr->args[i]) == NULL)
      return FALSE;
  step = syn_compiler_emit (self, syn_kernel_test_string, REPLICA_TYPE_BOOL, 0, value);
  step->op = SYN_OP_EQ;
  step->args[0] = left->operand;
  step->set = g_new0 (SynDict, 1);
  syn_dict_reset (step->set);
  for (guint i = 1; i < expr->n_args; i++)
    {
      const char *text = expr->args[i]->literal.text;
      guint8 first = (guint8)text[0];

      syn_dict_intern (step->set, text, strlen (text));
      step->first_bytes[first / 64] |= G_GUINT64_CONSTANT (1) << (first % 64);
    }
  return TRUE;
}

static gboolean
compile_in (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue left;

  if (!syn_compile_node (self, expr->args[0], &left, error))
    return FALSE;
  if (left.literal != NULL && left.type == REPLICA_TYPE_STRING)
    {
      /* A literal may still become a time beside a timestamp, but only while it is one. */
      gboolean all_literal = TRUE;

      for (guint i = 1; i < expr->n_args; i++)
        all_literal &= syn_expr_get_string_literal (expr->args[i]) != NULL;
      if (all_literal)
        syn_compiler_convert (self, &left, REPLICA_TYPE_STRING, 0);
    }
  if (!compile_in_set (self, expr, &left, value))
    for (guint i = 1; i < expr->n_args; i++)
      {
        SynValue item, one;

        if (!syn_compile_node (self, expr->args[i], &item, error)
            || !syn_compile_compare (self, SYN_OP_EQ, left, item, expr->args[i]->position, &one, error))
          return FALSE;
        syn_compiler_release (self, &item);
        if (i == 1)
          *value = one;
        else
          syn_compiler_emit_logic (self, syn_kernel_or, &(SynValue){ .operand = value->operand }, &one, value);
      }
  syn_compiler_release (self, &left);
  if (expr->negated)
    syn_compiler_emit_logic (self, syn_kernel_not, &(SynValue){ .operand = value->operand }, NULL, value);
  return TRUE;
}

/* Both ends count; the value is computed once. */
static gboolean
compile_between (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue args[3], above, below;

  for (guint i = 0; i < 3; i++)
    if (!syn_compile_node (self, expr->args[i], &args[i], error))
      return FALSE;
  if (!syn_compile_compare (self, SYN_OP_GE, args[0], args[1], expr->op_position, &above, error)
      || !syn_compile_compare (self, SYN_OP_LE, args[0], args[2], expr->op_position, &below, error))
    return FALSE;
  for (guint i = 0; i < 3; i++)
    syn_compiler_release (self, &args[i]);
  syn_compiler_emit_logic (self, syn_kernel_and, &above, &below, value);
  if (expr->negated)
    syn_compiler_emit_logic (self, syn_kernel_not, &(SynValue){ .operand = value->operand }, NULL, value);
  return TRUE;
}

static gboolean
compile_is_null (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue arg;
  SynStep *step;

  if (!syn_compile_node (self, expr->args[0], &arg, error))
    return FALSE;
  if (arg.operand == SYN_NO_OPERAND)
    {
      step = syn_compiler_emit (self, syn_kernel_constant, REPLICA_TYPE_BOOL, 0, value);
      step->constant = (arg.type == 0) != expr->negated;
      return TRUE;
    }
  step = syn_compiler_emit (self, syn_kernel_is_null, REPLICA_TYPE_BOOL, 0, value);
  step->flag = expr->negated;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

static gboolean
compile_comparison (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue left, right;

  if (!syn_compile_node (self, expr->args[0], &left, error)
      || !syn_compile_node (self, expr->args[1], &right, error)
      || !syn_compile_compare (self, expr->op, left, right, expr->op_position, value, error))
    return FALSE;
  syn_compiler_release (self, &left);
  syn_compiler_release (self, &right);
  return TRUE;
}

gboolean
syn_compile_test (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  switch (expr->kind)
    {
    case SYN_EXPR_IN:
      return compile_in (self, expr, value, error);
    case SYN_EXPR_BETWEEN:
      return compile_between (self, expr, value, error);
    case SYN_EXPR_IS_NULL:
      return compile_is_null (self, expr, value, error);
    default:
      return expr->op == SYN_OP_GLOB ? compile_glob (self, expr, value, error)
                                     : compile_comparison (self, expr, value, error);
    }
}
