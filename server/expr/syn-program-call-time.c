/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Functions of times that take a word: what to cut a time to, how to write it, how long a duration is. One compilation at a time,
 * on any thread. */
#include "syn-function-private.h"

#include "syn-duration.h"
#include "syn-error.h"

#include <string.h>

/* The first argument, as a column; or *@value is null. */
static gboolean
compile_time (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error)
{
  if (!syn_compile_node (self, expr->args[0], value, error))
    return FALSE;
  if (value->type == 0)
    return TRUE;
  if (value->type != REPLICA_TYPE_TIMESTAMP && (value->type != REPLICA_TYPE_STRING || value->literal == NULL))
    return syn_compile_fail_type (expr, 0, "a timestamp", value, error);
  if (!syn_value_check_time (value, error))
    return FALSE;
  syn_compiler_convert (self, value, REPLICA_TYPE_TIMESTAMP, 0);
  return TRUE;
}

static gboolean
fail_word (const SynExpr *arg, const char *expected, GError **error)
{
  const char *found = syn_expr_get_string_literal (arg);

  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected %s%s%.40s%s", arg->position, expected,
               found != NULL ? ", found \"" : ", in quotes", found != NULL ? found : "", found != NULL ? "\"" : "");
  return FALSE;
}

SYN_COMPILE_FUNC (syn_compile_trunc)
{
  static const char *const units[] = {
    [SYN_TRUNC_WEEK] = "week", [SYN_TRUNC_MONTH] = "month", [SYN_TRUNC_QUARTER] = "quarter", [SYN_TRUNC_YEAR] = "year",
  };
  const char *word = syn_expr_get_string_literal (expr->args[1]);
  guint unit = G_N_ELEMENTS (units);
  gint64 duration_us = 0;
  SynValue arg;
  SynStep *step;

  if (!compile_time (self, expr, &arg, error))
    return FALSE;
  if (word != NULL && syn_duration_parse (word, &duration_us))
    unit = SYN_TRUNC_DURATION;
  else if (word != NULL)
    for (unit = SYN_TRUNC_WEEK; unit < G_N_ELEMENTS (units) && strcmp (word, units[unit]) != 0;)
      unit++;
  if (unit == G_N_ELEMENTS (units))
    return fail_word (expr->args[1], SYN_DURATION_EXPECTED ", or \"week\", \"month\", \"quarter\" or \"year\"", error);
  if (arg.type == 0)
    {
      syn_compiler_emit_null (self, REPLICA_TYPE_TIMESTAMP, 0, value);
      return TRUE;
    }
  step = syn_compiler_emit (self, syn_kernel_trunc, REPLICA_TYPE_TIMESTAMP, 0, value);
  step->digits = unit;
  step->constant = duration_us;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

/* Whether all that follows a % is known; @only_date: and nothing asks for the time of day. */
static gboolean
check_format (const char *format, gboolean *only_date)
{
  *only_date = TRUE;
  for (const char *c = strchr (format, '%'); c != NULL; c = strchr (c + 2, '%'))
    {
      if (c[1] == '\0' || strchr ("YmdHMSfju%", c[1]) == NULL)
        return FALSE;
      *only_date &= strchr ("HMSf", c[1]) == NULL;
    }
  return TRUE;
}

SYN_COMPILE_FUNC (syn_compile_format_time)
{
  const char *format = expr->n_args == 1 ? "%Y-%m-%d" : syn_expr_get_string_literal (expr->args[1]);
  gboolean only_date;
  SynValue arg;
  SynStep *step;

  if (!compile_time (self, expr, &arg, error))
    return FALSE;
  if (format == NULL || !check_format (format, &only_date))
    return fail_word (expr->args[1], "a format of %Y %m %d %H %M %S %f %j %u and %%", error);
  if (arg.type == 0)
    {
      syn_compiler_emit_null (self, REPLICA_TYPE_STRING, 0, value);
      return TRUE;
    }
  step = syn_compiler_emit (self, syn_kernel_format_time, REPLICA_TYPE_STRING, 0, value);
  step->text = g_strdup (format);
  step->flag = only_date;
  step->args[0] = arg.operand;
  syn_compiler_release (self, &arg);
  return TRUE;
}

SYN_COMPILE_FUNC (syn_compile_duration)
{
  const char *text = syn_expr_get_string_literal (expr->args[0]);
  gint64 us;

  if (text == NULL || !syn_duration_parse (text, &us))
    return fail_word (expr->args[0], SYN_DURATION_EXPECTED, error);
  syn_compiler_emit (self, syn_kernel_constant, REPLICA_TYPE_INT64, 0, value)->constant = us;
  return TRUE;
}
