/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Functions of strings whose arguments or types are not plain: values as text, joined strings, numbers from text, and patterns.
 * One compilation at a time, on any thread. */
#include "syn-function-private.h"

#include "replica-number.h"
#include "syn-error.h"

#include <string.h>

/* A literal as the text of its value. */
static char *
dup_literal_text (const SynLiteral *literal)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  switch (literal->type)
    {
    case REPLICA_TYPE_STRING:
      return g_strdup (literal->text);
    case REPLICA_TYPE_BOOL:
      return g_strdup (literal->unscaled ? "true" : "false");
    case REPLICA_TYPE_DOUBLE:
      length = replica_write_double (buffer, literal->number);
      break;
    default:
      length = replica_write_decimal (buffer, literal->unscaled, literal->scale);
    }
  return g_strndup (buffer, length);
}

/* A column of strings of a value that is no literal. */
static void
convert_to_text (SynCompiler *self, SynValue *value)
{
  SynValue from = *value;

  if (from.type == REPLICA_TYPE_STRING)
    return;
  syn_compiler_emit (self, syn_kernel_format, REPLICA_TYPE_STRING, 0, value)->args[0] = from.operand;
  syn_compiler_release (self, &from);
}

static void
emit_text (SynCompiler *self, char *text, SynValue *value)
{
  SynStep *step = syn_compiler_emit (self, syn_kernel_constant, REPLICA_TYPE_STRING, 0, value);

  step->text = text;
  step->text_length = strlen (text);
}

SYN_COMPILE_FUNC (syn_compile_text)
{
  if (!syn_compile_node (self, expr->args[0], value, error))
    return FALSE;
  if (value->type == 0)
    syn_compiler_emit_null (self, REPLICA_TYPE_STRING, 0, value);
  else if (value->literal != NULL)
    emit_text (self, dup_literal_text (&value->literal->literal), value);
  else
    convert_to_text (self, value);
  return TRUE;
}

/* One step joins as many as it has arguments; what it gives is the first one of the next. */
SYN_COMPILE_FUNC (syn_compile_concat)
{
  g_autofree SynValue *args = g_new0 (SynValue, expr->n_args);
  gboolean any_null = FALSE;
  guint next = 0;

  for (guint i = 0; i < expr->n_args; i++)
    {
      if (!syn_compile_node (self, expr->args[i], &args[i], error))
        return FALSE;
      any_null |= args[i].type == 0;
    }
  if (any_null)
    {
      for (guint i = 0; i < expr->n_args; i++)
        syn_compiler_release (self, &args[i]);
      syn_compiler_emit_null (self, REPLICA_TYPE_STRING, 0, value);
      return TRUE;
    }
  for (guint i = 0; i < expr->n_args; i++)
    if (args[i].literal == NULL)
      convert_to_text (self, &args[i]);
    else if (i == 0)
      emit_text (self, dup_literal_text (&args[i].literal->literal), &args[i]);
  *value = args[next++];
  while (next < expr->n_args)
    {
      SynValue before = *value;
      SynStep *step = syn_compiler_emit (self, syn_kernel_cells, REPLICA_TYPE_STRING, 0, value);
      guint first = next;

      step->func = syn_cell_concat;
      step->args[0] = before.operand;
      for (step->n_args = 1; step->n_args < SYN_STEP_MAX_ARGS && next < expr->n_args; step->n_args++, next++)
        if (args[next].literal == NULL)
          step->args[step->n_args] = args[next].operand;
        else
          {
            char *text = dup_literal_text (&args[next].literal->literal);

            syn_step_set_cell (step, step->n_args, &(SynCell){ .length = strlen (text) }, text);
          }
      syn_compiler_release (self, &before);
      for (guint i = first; i < next; i++)
        syn_compiler_release (self, &args[i]);
    }
  return TRUE;
}

/* A string that is not null, as a column; or *@value is null. */
static gboolean
compile_string (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  if (!syn_compile_node (self, expr->args[0], value, error))
    return FALSE;
  if (value->type != REPLICA_TYPE_STRING && value->type != 0)
    return syn_compile_fail_type (expr, 0, "a string", value, error);
  if (value->type != 0)
    syn_compiler_convert (self, value, REPLICA_TYPE_STRING, 0);
  return TRUE;
}

SYN_COMPILE_FUNC (syn_compile_number)
{
  ReplicaType type = expr->n_args == 2 ? REPLICA_TYPE_DECIMAL : REPLICA_TYPE_DOUBLE;
  guint digits = 0;
  SynValue arg;
  SynStep *step;

  if (!compile_string (self, expr, &arg, error)
      || (expr->n_args == 2 && !syn_compile_read_digits (expr->args[1], &digits, error)))
    return FALSE;
  if (arg.type == 0)
    {
      syn_compiler_emit_null (self, type, digits, value);
      return TRUE;
    }
  step = syn_compiler_emit (self, syn_kernel_cells, type, digits, value);
  step->func = function->func;
  step->n_args = 1;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

/* matches() and extract(): the pattern is compiled here, once. */
SYN_COMPILE_FUNC (syn_compile_pattern)
{
  const SynExpr *pattern = expr->args[1];
  g_autoptr (GError) cause = NULL;
  SynRegex *regex;
  SynValue arg;
  SynStep *step;

  if (!compile_string (self, expr, &arg, error))
    return FALSE;
  if (syn_expr_get_string_literal (pattern) == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %u: expected a regular expression in quotes, such as \"^A[0-9]+$\"", pattern->position);
      return FALSE;
    }
  regex = syn_regex_new (syn_expr_get_string_literal (pattern), &cause);
  if (regex == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s", pattern->position, cause->message);
      return FALSE;
    }
  if (arg.type == 0)
    {
      syn_regex_free (regex);
      syn_compiler_emit_null (self, function->result, 0, value);
      return TRUE;
    }
  step = syn_compiler_emit (self, syn_kernel_cells, function->result, 0, value);
  step->func = function->func;
  step->regex = regex;
  step->n_args = 1;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}
