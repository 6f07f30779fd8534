/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The scalar functions, in one table. A function belongs here when every row has its own result; those over many rows are
 * aggregates, and the catalog's. Searched from the start: only when something is compiled. Any thread. */
#include "syn-function-private.h"

#include "syn-aggregate-name.h"
#include "syn-error.h"
#include "syn-suggest.h"

#include <string.h>

#define TEXT REPLICA_TYPE_STRING
#define BOOL REPLICA_TYPE_BOOL
#define INT64 REPLICA_TYPE_INT64
#define DOUBLE REPLICA_TYPE_DOUBLE
#define TIME REPLICA_TYPE_TIMESTAMP

/* Of doubles, of times, of strings: what syn_compile_plain() makes of one. */
#define MATH(args, func) syn_compile_plain, args, DOUBLE, syn_kernel_math, NULL, func
#define PART(part) syn_compile_plain, "t", INT64, syn_kernel_time_part, NULL, part
#define CELL(args, result, func) syn_compile_plain, args, result, NULL, func, 0
#define SPECIAL(compile, variant) compile, NULL, (ReplicaType)0, NULL, NULL, variant

static const SynFunction functions[] = {
  /* numbers */
  { "abs", "abs(x)", 1, 1, SPECIAL (syn_compile_abs, 0) },
  { "sign", "sign(x)", 1, 1, SPECIAL (syn_compile_sign, 0) },
  { "round", "round(x, n)", 1, 2, SPECIAL (syn_compile_round, SYN_ROUND_NEAREST) },
  { "floor", "floor(x)", 1, 1, SPECIAL (syn_compile_round, SYN_ROUND_FLOOR) },
  { "ceil", "ceil(x)", 1, 1, SPECIAL (syn_compile_round, SYN_ROUND_CEIL) },
  { "div", "div(a, b, n)", 3, 3, SPECIAL (syn_compile_div, 0) },
  { "sqrt", "sqrt(x)", 1, 1, MATH ("d", SYN_MATH_SQRT) },
  { "pow", "pow(x, y)", 2, 2, MATH ("dd", SYN_MATH_POW) },
  { "exp", "exp(x)", 1, 1, MATH ("d", SYN_MATH_EXP) },
  { "ln", "ln(x)", 1, 1, MATH ("d", SYN_MATH_LN) },
  { "log10", "log10(x)", 1, 1, MATH ("d", SYN_MATH_LOG10) },
  /* choices */
  { "coalesce", "coalesce(a, b, …)", 1, 0, SPECIAL (syn_compile_coalesce, 0) },
  { "if", "if(condition, a, b)", 3, 3, SPECIAL (syn_compile_if, 0) },
  { "least", "least(a, b, …)", 2, 0, SPECIAL (syn_compile_extreme, SYN_OP_LE) },
  { "greatest", "greatest(a, b, …)", 2, 0, SPECIAL (syn_compile_extreme, SYN_OP_GE) },
  /* strings */
  { "lower", "lower(s)", 1, 1, CELL ("s", TEXT, syn_cell_lower) },
  { "upper", "upper(s)", 1, 1, CELL ("s", TEXT, syn_cell_upper) },
  { "length", "length(s)", 1, 1, CELL ("s", INT64, syn_cell_length) },
  { "trim", "trim(s)", 1, 1, CELL ("s", TEXT, syn_cell_trim) },
  { "concat", "concat(a, b, …)", 1, 0, SPECIAL (syn_compile_concat, 0) },
  { "substr", "substr(s, from, n)", 2, 3, CELL ("sii", TEXT, syn_cell_substr) },
  { "split_part", "split_part(s, separator, n)", 3, 3, CELL ("ssi", TEXT, syn_cell_split_part) },
  { "replace", "replace(s, from, to)", 3, 3, CELL ("sss", TEXT, syn_cell_replace) },
  { "starts_with", "starts_with(s, t)", 2, 2, CELL ("ss", BOOL, syn_cell_starts_with) },
  { "ends_with", "ends_with(s, t)", 2, 2, CELL ("ss", BOOL, syn_cell_ends_with) },
  { "contains", "contains(s, t)", 2, 2, CELL ("ss", BOOL, syn_cell_contains) },
  { "matches", "matches(s, regex)", 2, 2, syn_compile_pattern, NULL, BOOL, NULL, syn_cell_matches, 0 },
  { "extract", "extract(s, regex)", 2, 2, syn_compile_pattern, NULL, TEXT, NULL, syn_cell_extract, 0 },
  /* between types */
  { "text", "text(x)", 1, 1, SPECIAL (syn_compile_text, 0) },
  { "number", "number(s, n)", 1, 2, syn_compile_number, NULL, (ReplicaType)0, NULL, syn_cell_number, 0 },
  { "timestamp", "timestamp(s)", 1, 1, CELL ("s", TIME, syn_cell_timestamp) },
  /* times */
  { "year", "year(t)", 1, 1, PART (SYN_PART_YEAR) },
  { "month", "month(t)", 1, 1, PART (SYN_PART_MONTH) },
  { "day", "day(t)", 1, 1, PART (SYN_PART_DAY) },
  { "hour", "hour(t)", 1, 1, PART (SYN_PART_HOUR) },
  { "minute", "minute(t)", 1, 1, PART (SYN_PART_MINUTE) },
  { "second", "second(t)", 1, 1, PART (SYN_PART_SECOND) },
  { "weekday", "weekday(t)", 1, 1, PART (SYN_PART_WEEKDAY) },
  { "trunc", "trunc(t, unit)", 2, 2, SPECIAL (syn_compile_trunc, 0) },
  { "date", "date(t)", 1, 1, SPECIAL (syn_compile_format_time, 0) },
  { "format_time", "format_time(t, format)", 2, 2, SPECIAL (syn_compile_format_time, 0) },
  { "duration", "duration(d)", 1, 1, SPECIAL (syn_compile_duration, 0) },
};

/* What people's fingers know from other languages. */
static const char *const others[][2] = {
  { "len", "length" },      { "char_length", "length" }, { "strlen", "length" },   { "substring", "substr" }, { "ltrim", "trim" },
  { "rtrim", "trim" },      { "ceiling", "ceil" },       { "ifnull", "coalesce" }, { "nvl", "coalesce" },     { "iff", "if" },
  { "case", "if" },         { "ucase", "upper" },        { "lcase", "lower" },     { "power", "pow" },        { "log", "ln" },
  { "mod", "%" },           { "date_trunc", "trunc" },   { "bucket", "trunc" },    { "to_char", "text" },     { "cast", "text" },
  { "to_number", "number" }, { "regexp_matches", "matches" }, { "regexp_extract", "extract" }, { "min_of", "least" }, { "max_of", "greatest" },
  { "dow", "weekday" },     { "dayofweek", "weekday" },  { "strftime", "format_time" }, { "to_timestamp", "timestamp" }, { "like", "~" },
};

const SynFunction *
syn_function_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    if (strcmp (functions[i].name, name) == 0)
      return &functions[i];
  return NULL;
}

gboolean
syn_expr_is_function_name (const char *name)
{
  return syn_function_find (name) != NULL;
}

void
syn_function_foreach (void (*func) (const char *name, const char *usage, gpointer user_data), gpointer user_data)
{
  for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
    func (functions[i].name, functions[i].usage, user_data);
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
  for (guint i = 0; i < G_N_ELEMENTS (others) && suggest.best == NULL; i++)
    if (g_ascii_strcasecmp (expr->name, others[i][0]) == 0)
      suggest.best = others[i][1];
  if (suggest.best == NULL)
    {
      for (guint i = 0; i < G_N_ELEMENTS (functions); i++)
        syn_suggest_add (&suggest, functions[i].name);
      syn_aggregate_name_suggest (&suggest);
    }
  near = syn_suggest_dup_text (&suggest);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: no function \"%s\"%s", expr->position,
               expr->name, near);
  return FALSE;
}

gboolean
syn_expr_check_call (const SynExpr *call, GError **error)
{
  return syn_function_find (call->name) != NULL || syn_expr_is_aggregate_name (call->name) || fail_unknown (call, error);
}

gboolean
syn_compile_fail_type (const SynExpr *expr, guint index, const char *expected, const SynValue *found, GError **error)
{
  g_autofree char *type = syn_value_type_to_string (found), *place = NULL;

  if (expr->n_args > 1)
    place = g_strdup_printf (" as argument %u", index + 1);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s() takes %s%s, found %s",
               expr->args[index]->position, expr->name, expected, place != NULL ? place : "", type);
  return FALSE;
}

/* Whether @value is, or can become, what letter @kind of a function's arguments stands for. */
static gboolean
check_arg (const SynExpr *expr, guint index, char kind, const SynValue *value, GError **error)
{
  if (value->type == 0)
    return TRUE;
  switch (kind)
    {
    case 's':
      return value->type == REPLICA_TYPE_STRING || syn_compile_fail_type (expr, index, "a string", value, error);
    case 'i':
      return value->type == REPLICA_TYPE_INT64 || syn_compile_fail_type (expr, index, "an int64", value, error);
    case 'd':
      return syn_value_is_number (value) || syn_compile_fail_type (expr, index, "a number", value, error);
    default:
      if (value->type == REPLICA_TYPE_STRING && value->literal != NULL)
        return syn_value_check_time (value, error);
      return value->type == REPLICA_TYPE_TIMESTAMP || syn_compile_fail_type (expr, index, "a timestamp", value, error);
    }
}

static ReplicaType
type_of_arg (char kind)
{
  return kind == 's' ? REPLICA_TYPE_STRING : kind == 'i' ? REPLICA_TYPE_INT64 : kind == 'd' ? REPLICA_TYPE_DOUBLE : REPLICA_TYPE_TIMESTAMP;
}

SYN_COMPILE_FUNC (syn_compile_plain)
{
  SynValue args[SYN_STEP_MAX_ARGS];
  gboolean any_null = FALSE, any_column = FALSE;
  SynStep *step;

  g_assert (expr->n_args <= SYN_STEP_MAX_ARGS);
  for (guint i = 0; i < expr->n_args; i++)
    {
      if (!syn_compile_node (self, expr->args[i], &args[i], error)
          || !check_arg (expr, i, function->args[i], &args[i], error))
        return FALSE;
      any_null |= args[i].type == 0;
      any_column |= args[i].literal == NULL;
    }
  if (any_null)
    {
      for (guint i = 0; i < expr->n_args; i++)
        syn_compiler_release (self, &args[i]);
      syn_compiler_emit_null (self, function->result, 0, value);
      return TRUE;
    }
  /* Functions of one row take literals as they are, as long as there is something else to go by. */
  for (guint i = 0; i < expr->n_args; i++)
    if (function->func == NULL || args[i].literal == NULL || (!any_column && i == 0))
      {
        syn_compiler_convert (self, &args[i], type_of_arg (function->args[i]), 0);
        args[i].literal = NULL;
      }
  step = syn_compiler_emit (self, function->kernel != NULL ? function->kernel : syn_kernel_cells, function->result, 0, value);
  step->func = function->func;
  step->digits = function->variant;
  step->n_args = expr->n_args;
  for (guint i = 0; i < expr->n_args; i++)
    if (args[i].literal == NULL)
      {
        step->args[i] = args[i].operand;
        syn_compiler_release (self, &args[i]);
      }
    else
      {
        const SynLiteral *literal = &args[i].literal->literal;
        SynCell cell = { .integer = (gint64)literal->unscaled, .number = literal->number };

        if (literal->text != NULL)
          cell.length = strlen (literal->text);
        syn_step_set_cell (step, i, &cell, g_strdup (literal->text));
      }
  return TRUE;
}

gboolean
syn_compile_call (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  const SynFunction *function = syn_function_find (expr->name);

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
  return function->compile (self, function, expr, value, error);
}
