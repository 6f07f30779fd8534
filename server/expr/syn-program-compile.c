/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tree and schema to a program: names found, types checked, literals turned into what they are compared with,
 * once; what is left for each row is a loop over arrays. Any thread; the program is immutable afterwards. */
#include "syn-program-private.h"

#include "syn-error.h"
#include "syn-suggest.h"

#include <string.h>

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
    default:
      return "divide";
    }
}

static gboolean
compile_name (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  int index = syn_schema_find (self->schema, expr->name);
  const SynColumnSpec *column;

  if (index < 0)
    {
      g_autofree char *near = syn_schema_suggest (self->schema, expr->name);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: no column \"%s\"%s", expr->position,
                   expr->name, near);
      return FALSE;
    }
  column = &self->schema->columns[index];
  *value = (SynValue){ .operand = ~index, .type = (int)column->type, .scale = column->scale };
  return TRUE;
}

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

static void
emit_logic (SynCompiler *self, SynKernel kernel, const SynValue *a, const SynValue *b, SynValue *value)
{
  SynValue left = *a, right = { .operand = SYN_NO_OPERAND };
  SynStep *step;

  if (b != NULL)
    right = *b;
  step = syn_compiler_emit (self, kernel, REPLICA_TYPE_BOOL, 0, value);
  step->args[0] = left.operand;
  step->args[1] = right.operand;
  syn_compiler_release (self, &left);
  syn_compiler_release (self, &right);
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
  step->set = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  for (guint i = 1; i < expr->n_args; i++)
    {
      guint8 first = (guint8)expr->args[i]->literal.text[0];

      g_hash_table_add (step->set, g_strdup (expr->args[i]->literal.text));
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
          emit_logic (self, syn_kernel_or, &(SynValue){ .operand = value->operand }, &one, value);
      }
  syn_compiler_release (self, &left);
  if (expr->negated)
    emit_logic (self, syn_kernel_not, &(SynValue){ .operand = value->operand }, NULL, value);
  return TRUE;
}

static gboolean
compile_condition (SynCompiler *self, const SynExpr *expr, const char *who, SynValue *value, GError **error)
{
  if (!syn_compile_node (self, expr, value, error))
    return FALSE;
  if (value->type != REPLICA_TYPE_BOOL && value->type != 0)
    {
      g_autofree char *type = syn_value_type_to_string (value);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: \"%s\" takes conditions, found %s",
                   expr->position, who, type);
      return FALSE;
    }
  syn_compiler_convert (self, value, REPLICA_TYPE_BOOL, 0);
  return TRUE;
}

static gboolean
compile_logic (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  const char *who = syn_op_to_string (expr->op);

  if (!compile_condition (self, expr->args[0], who, value, error))
    return FALSE;
  if (expr->op == SYN_OP_NOT)
    {
      emit_logic (self, syn_kernel_not, &(SynValue){ .operand = value->operand }, NULL, value);
      return TRUE;
    }
  for (guint i = 1; i < expr->n_args; i++)
    {
      SynValue next;

      if (!compile_condition (self, expr->args[i], who, &next, error))
        return FALSE;
      emit_logic (self, expr->op == SYN_OP_AND ? syn_kernel_and : syn_kernel_or,
                  &(SynValue){ .operand = value->operand }, &next, value);
    }
  return TRUE;
}

/* The type of a sum, difference, product or quotient; FALSE when there is none. */
static gboolean
type_arithmetic (SynOp op, const SynValue *left, const SynValue *right, int *type, guint *scale)
{
  const SynValue *a = left->type == 0 ? right : left, *b = right->type == 0 ? left : right;

  *type = 0;
  *scale = 0;
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

static gboolean
compile_arithmetic (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
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

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: cannot %s %s and %s", expr->op_position,
                   verb_of (expr->op), a, b);
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
  if (left.type == REPLICA_TYPE_TIMESTAMP || right.type == REPLICA_TYPE_TIMESTAMP)
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

static gboolean
compile_negation (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
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
syn_compile_node (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  switch (expr->kind)
    {
    case SYN_EXPR_LITERAL:
      *value = (SynValue){
        .operand = SYN_NO_OPERAND, .type = expr->literal.type, .scale = expr->literal.scale, .literal = expr
      };
      return TRUE;
    case SYN_EXPR_NAME:
      return compile_name (self, expr, value, error);
    case SYN_EXPR_CALL:
      return syn_compile_call (self, expr, value, error);
    case SYN_EXPR_IN:
      return compile_in (self, expr, value, error);
    case SYN_EXPR_UNARY:
      return expr->op == SYN_OP_NOT ? compile_logic (self, expr, value, error)
                                    : compile_negation (self, expr, value, error);
    default:
      break;
    }
  switch (expr->op)
    {
    case SYN_OP_OR:
    case SYN_OP_AND:
      return compile_logic (self, expr, value, error);
    case SYN_OP_GLOB:
      return compile_glob (self, expr, value, error);
    case SYN_OP_ADD:
    case SYN_OP_SUB:
    case SYN_OP_MUL:
    case SYN_OP_DIV:
      return compile_arithmetic (self, expr, value, error);
    default:
      return compile_comparison (self, expr, value, error);
    }
}

/**
 * syn_program_compile:
 * @expr: an expression
 * @schema: the names that it may use; not kept
 *
 * Returns: (transfer full): the program, or NULL with SYN_ERROR_INVALID that names the column
 */
SynProgram *
syn_program_compile (SynExpr *expr, const SynSchema *schema, GError **error)
{
  g_autoptr (SynProgram) program = g_new0 (SynProgram, 1);
  g_autoptr (GArray) busy = g_array_new (FALSE, FALSE, sizeof (gboolean));
  SynCompiler self = { .schema = schema, .program = program, .busy = busy };
  SynValue value;

  g_atomic_ref_count_init (&program->ref_count);
  program->steps = g_array_new (FALSE, FALSE, sizeof (SynStep));
  if (!syn_compile_node (&self, expr, &value, error))
    return NULL;
  if (value.type == 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: this is always null and has no type",
                   expr->position);
      return NULL;
    }
  syn_compiler_convert (&self, &value, (ReplicaType)value.type, value.scale);
  program->result = value.operand;
  program->type = (ReplicaType)value.type;
  program->scale = value.scale;
  return g_steal_pointer (&program);
}
