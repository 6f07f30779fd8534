/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sums, differences, products, quotients and remainders: which type they have, and what is done with times. One compilation
 * at a time, on any thread. */
#include "syn-program-private.h"

#include "syn-duration.h"
#include "syn-error.h"

static const char *
verb_of (SynOp op)
{
  switch (op)
    {
    case SYN_OP_ADD:
      return "add";
    case SYN_OP_SUB:
      return "subtract";
    case SYN_OP_MUL:
      return "multiply";
    case SYN_OP_MOD:
      return "take the remainder of";
    default:
      return "divide";
    }
}

/* How far a time is moved by what stands beside it: a duration in quotes, or a number of microseconds. */
static gboolean
is_distance (const SynValue *value)
{
  const char *text = value->literal != NULL ? syn_expr_get_string_literal (value->literal) : NULL;
  gint64 us;

  return value->type == REPLICA_TYPE_INT64 || (text != NULL && syn_duration_parse (text, &us));
}

/* `time + "5m"`, `"5m" + time`, `time - "1d"`. */
static gboolean
is_moved_time (SynOp op, const SynValue *left, const SynValue *right)
{
  if (op == SYN_OP_ADD && right->type == REPLICA_TYPE_TIMESTAMP && left->type != REPLICA_TYPE_TIMESTAMP)
    return is_distance (left);
  return (op == SYN_OP_ADD || op == SYN_OP_SUB) && left->type == REPLICA_TYPE_TIMESTAMP && is_distance (right);
}

/* The type of a sum, difference, product, quotient or remainder; FALSE when there is none. */
static gboolean
type_arithmetic (SynOp op, const SynValue *left, const SynValue *right, int *type, guint *scale)
{
  const SynValue *a = left->type == 0 ? right : left, *b = right->type == 0 ? left : right;

  *type = 0;
  *scale = 0;
  if (is_moved_time (op, left, right))
    {
      *type = REPLICA_TYPE_TIMESTAMP;
      return TRUE;
    }
  if (op == SYN_OP_SUB && (a->type == REPLICA_TYPE_TIMESTAMP || b->type == REPLICA_TYPE_TIMESTAMP))
    {
      SynValue common;

      *type = REPLICA_TYPE_INT64;
      return syn_value_unify (a, b, &common);
    }
  if (a->type == 0)
    {
      *type = op == SYN_OP_DIV ? REPLICA_TYPE_DOUBLE : 0;
      return TRUE;
    }
  if (!syn_value_is_number (a) || !syn_value_is_number (b))
    return FALSE;
  if (op == SYN_OP_DIV || a->type == REPLICA_TYPE_DOUBLE || b->type == REPLICA_TYPE_DOUBLE)
    *type = REPLICA_TYPE_DOUBLE;
  else if (a == b)
    {
      /* With null: as the other one. */
      *type = a->type;
      *scale = a->scale;
    }
  else if (a->type == REPLICA_TYPE_INT64 && b->type == REPLICA_TYPE_INT64)
    *type = REPLICA_TYPE_INT64;
  else
    {
      *type = REPLICA_TYPE_DECIMAL;
      *scale = op == SYN_OP_MUL ? (guint)a->scale + b->scale : MAX (a->scale, b->scale);
      if (*scale > REPLICA_DECIMAL_SCALE_MAX)
        {
          *type = REPLICA_TYPE_DOUBLE;
          *scale = 0;
        }
    }
  return TRUE;
}

/* A time where one is wanted, and a distance in microseconds. */
static void
convert_moved (SynCompiler *self, SynValue *value)
{
  const char *text = value->literal != NULL ? syn_expr_get_string_literal (value->literal) : NULL;
  gint64 us = 0;

  if (text == NULL)
    {
      syn_compiler_convert (self, value, (ReplicaType)value->type, 0);
      return;
    }
  syn_duration_parse (text, &us);
  syn_compiler_emit (self, syn_kernel_constant, REPLICA_TYPE_INT64, 0, value)->constant = us;
}

static const char *
hint_for (SynOp op, const SynValue *left, const SynValue *right)
{
  if (op == SYN_OP_ADD && left->type == REPLICA_TYPE_STRING && right->type == REPLICA_TYPE_STRING)
    return "; concat(a, b, …) joins strings";
  if ((op == SYN_OP_ADD || op == SYN_OP_SUB)
      && ((left->type == REPLICA_TYPE_TIMESTAMP && right->literal != NULL)
          || (right->type == REPLICA_TYPE_TIMESTAMP && left->literal != NULL)))
    return "; a time is moved by a duration, such as time + \"5m\"";
  return "";
}

gboolean
syn_compile_arithmetic (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue left, right;
  gboolean is_null;
  SynStep *step;
  guint scale;
  int type;

  if (!syn_compile_node (self, expr->args[0], &left, error)
      || !syn_compile_node (self, expr->args[1], &right, error))
    return FALSE;
  if (!type_arithmetic (expr->op, &left, &right, &type, &scale))
    {
      g_autofree char *a = syn_value_type_to_string (&left), *b = syn_value_type_to_string (&right);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: cannot %s %s and %s%s", expr->op_position,
                   verb_of (expr->op), a, b, hint_for (expr->op, &left, &right));
      return FALSE;
    }
  is_null = left.type == 0 || right.type == 0;
  if (is_null)
    {
      syn_compiler_release (self, &left);
      syn_compiler_release (self, &right);
      if (type == 0)
        *value = left;
      else
        syn_compiler_emit_null (self, (ReplicaType)type, scale, value);
      return TRUE;
    }
  if (type == REPLICA_TYPE_TIMESTAMP)
    {
      convert_moved (self, &left);
      convert_moved (self, &right);
    }
  else if (left.type == REPLICA_TYPE_TIMESTAMP || right.type == REPLICA_TYPE_TIMESTAMP)
    {
      if (!syn_value_check_time (&left, error) || !syn_value_check_time (&right, error))
        return FALSE;
      syn_compiler_convert (self, &left, REPLICA_TYPE_TIMESTAMP, 0);
      syn_compiler_convert (self, &right, REPLICA_TYPE_TIMESTAMP, 0);
    }
  else if (type == REPLICA_TYPE_DOUBLE)
    {
      syn_compiler_convert (self, &left, REPLICA_TYPE_DOUBLE, 0);
      syn_compiler_convert (self, &right, REPLICA_TYPE_DOUBLE, 0);
    }
  else
    {
      /* Literals become columns of their own type; scales meet inside the kernel. */
      syn_compiler_convert (self, &left, (ReplicaType)left.type, left.scale);
      syn_compiler_convert (self, &right, (ReplicaType)right.type, right.scale);
    }
  step = syn_compiler_emit (self,
                            type == REPLICA_TYPE_DOUBLE    ? syn_kernel_double
                            : type == REPLICA_TYPE_DECIMAL ? syn_kernel_decimal
                                                           : syn_kernel_int64,
                            (ReplicaType)type, scale, value);
  step->op = expr->op;
  step->args[0] = left.operand;
  step->args[1] = right.operand;
  if (type == REPLICA_TYPE_DECIMAL && expr->op != SYN_OP_MUL)
    {
      step->factors[0] = syn_power_of_ten (scale - left.scale);
      step->factors[1] = syn_power_of_ten (scale - right.scale);
    }
  syn_compiler_release (self, &left);
  syn_compiler_release (self, &right);
  return TRUE;
}

gboolean
syn_compile_negation (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  SynValue arg;
  SynStep *step;

  if (!syn_compile_node (self, expr->args[0], &arg, error))
    return FALSE;
  if (arg.type == 0)
    {
      *value = arg;
      return TRUE;
    }
  if (!syn_value_is_number (&arg))
    {
      g_autofree char *type = syn_value_type_to_string (&arg);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: cannot negate %s", expr->op_position,
                   type);
      return FALSE;
    }
  syn_compiler_convert (self, &arg, (ReplicaType)arg.type, arg.scale);
  step = syn_compiler_emit (self, syn_kernel_negate, (ReplicaType)arg.type, arg.scale, value);
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

