/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tree and schema to a program: names found, types checked, literals turned into what they are compared with,
 * once; what is left for each row is a loop over arrays. Any thread; the program is immutable afterwards. */
#include "syn-function-private.h"

#include "syn-error.h"

#include <string.h>

static gboolean
compile_name (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  int index = syn_schema_find (self->schema, expr->name);
  const SynColumnSpec *column;

  if (index < 0)
    {
      g_autofree char *near = syn_schema_suggest (self->schema, expr->name);
      gboolean is_function = near[0] == '\0' && syn_function_find (expr->name) != NULL;

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: no column \"%s\"%s%s", expr->position,
                   expr->name, is_function ? "; the function is written " : near,
                   is_function ? syn_function_find (expr->name)->usage : "");
      return FALSE;
    }
  column = &self->schema->columns[index];
  *value = (SynValue){ .operand = ~index, .type = (int)column->type, .scale = column->scale };
  return TRUE;
}

void
syn_compiler_emit_logic (SynCompiler *self, SynKernel kernel, const SynValue *a, const SynValue *b, SynValue *value)
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
      syn_compiler_emit_logic (self, syn_kernel_not, &(SynValue){ .operand = value->operand }, NULL, value);
      return TRUE;
    }
  for (guint i = 1; i < expr->n_args; i++)
    {
      SynValue next;

      if (!compile_condition (self, expr->args[i], who, &next, error))
        return FALSE;
      syn_compiler_emit_logic (self, expr->op == SYN_OP_AND ? syn_kernel_and : syn_kernel_or,
                  &(SynValue){ .operand = value->operand }, &next, value);
    }
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
    case SYN_EXPR_BETWEEN:
    case SYN_EXPR_IS_NULL:
      return syn_compile_test (self, expr, value, error);
    case SYN_EXPR_UNARY:
      return expr->op == SYN_OP_NOT ? compile_logic (self, expr, value, error)
                                    : syn_compile_negation (self, expr, value, error);
    default:
      break;
    }
  switch (expr->op)
    {
    case SYN_OP_OR:
    case SYN_OP_AND:
      return compile_logic (self, expr, value, error);
    case SYN_OP_ADD:
    case SYN_OP_SUB:
    case SYN_OP_MUL:
    case SYN_OP_DIV:
    case SYN_OP_MOD:
      return syn_compile_arithmetic (self, expr, value, error);
    default:
      return syn_compile_test (self, expr, value, error);
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
