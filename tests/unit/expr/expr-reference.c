/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The naive evaluator that the real one is held against: one row at a time, straight from the tree, every value a struct.
 * Written from the rules of the language, with nothing shared with the compiler and the kernels but the tree itself. */
#include "expr-reference-private.h"

#include "replica-number.h"
#include "syn-duration.h"

#include <math.h>
#include <string.h>

char *
value_keep (const char *text)
{
  static GStringChunk *kept;

  if (kept == NULL)
    kept = g_string_chunk_new (65536);
  return g_string_chunk_insert_const (kept, text);
}

ReplicaInt128
value_power (guint exponent)
{
  ReplicaInt128 result = 1;

  for (guint i = 0; i < exponent; i++)
    result *= 10;
  return result;
}

Value
value_new (int type, guint scale)
{
  return (Value){ .type = type, .scale = scale, .null = TRUE };
}

double
value_as_double (const Value *value)
{
  return value->type == REPLICA_TYPE_DOUBLE ? value->number : (double) value->exact / (double) value_power (value->scale);
}

void
value_join (const Value *a, const Value *b, int *type, guint *scale)
{
  if (a->type == 0 || b->type == 0)
    {
      *type = a->type + b->type;
      *scale = a->scale + b->scale;
    }
  else if (a->type == b->type && a->type != REPLICA_TYPE_DECIMAL)
    {
      *type = a->type;
      *scale = 0;
    }
  else if (a->type == REPLICA_TYPE_TIMESTAMP || b->type == REPLICA_TYPE_TIMESTAMP)
    {
      *type = REPLICA_TYPE_TIMESTAMP;
      *scale = 0;
    }
  else if (a->type == REPLICA_TYPE_DOUBLE || b->type == REPLICA_TYPE_DOUBLE)
    {
      *type = REPLICA_TYPE_DOUBLE;
      *scale = 0;
    }
  else
    {
      *type = REPLICA_TYPE_DECIMAL;
      *scale = MAX (a->scale, b->scale);
    }
}

Value
value_cast (Value from, int type, guint scale)
{
  Value to = value_new (type, scale);

  to.null = from.null;
  if (from.null)
    return to;
  if (type == REPLICA_TYPE_DOUBLE)
    to.number = value_as_double (&from);
  else if (type == REPLICA_TYPE_TIMESTAMP && from.type == REPLICA_TYPE_STRING)
    {
      gint64 time_us = 0;

      g_assert_cmpint (replica_read_timestamp (from.text, strlen (from.text), &time_us), ==, REPLICA_READ_OK);
      to.exact = time_us;
    }
  else if (type == REPLICA_TYPE_STRING)
    to.text = from.text;
  else
    to.null = __builtin_mul_overflow (from.exact, value_power (scale - from.scale), &to.exact);
  return to;
}

/* Not through cast(): a product that does not fit must still compare. */
int
value_order (const Value *a, const Value *b)
{
  int type;
  guint scale;

  value_join (a, b, &type, &scale);
  if (type == REPLICA_TYPE_STRING)
    return strcmp (a->text, b->text);
  if (type == REPLICA_TYPE_DOUBLE)
    {
      double x = value_as_double (a), y = value_as_double (b);
      return x < y ? -1 : x > y;
    }
  if (type == REPLICA_TYPE_TIMESTAMP)
    {
      Value x = value_cast (*a, type, 0), y = value_cast (*b, type, 0);
      return x.exact < y.exact ? -1 : x.exact > y.exact;
    }
  {
    /* Whole parts first, then the rest: no product at all. */
    ReplicaInt128 fa = value_power (a->scale), fb = value_power (b->scale);
    ReplicaInt128 wa = a->exact / fa, wb = b->exact / fb, ra = a->exact % fa, rb = b->exact % fb;

    if (wa != wb)
      return wa < wb ? -1 : 1;
    ra *= value_power (18 - a->scale);
    rb *= value_power (18 - b->scale);
    return ra < rb ? -1 : ra > rb;
  }
}

static gboolean
glob (const char *pattern, const char *text)
{
  if (*pattern == '\0')
    return *text == '\0';
  if (*pattern == '*')
    return glob (pattern + 1, text) || (*text != '\0' && glob (pattern, g_utf8_next_char (text)));
  if (*text == '\0')
    return FALSE;
  if (*pattern == '?')
    return glob (pattern + 1, g_utf8_next_char (text));
  if (*pattern == '\\' && pattern[1] != '\0')
    pattern++;
  return g_utf8_get_char (pattern) == g_utf8_get_char (text) && glob (g_utf8_next_char (pattern), g_utf8_next_char (text));
}

Value
value_new_bool (gboolean null, gboolean value)
{
  return (Value){ .type = REPLICA_TYPE_BOOL, .null = null, .exact = !null && value };
}

static Value
compare (SynOp op, const Value *a, const Value *b)
{
  int o;

  if (a->null || b->null)
    return value_new_bool (TRUE, FALSE);
  if (op == SYN_OP_GLOB)
    return value_new_bool (FALSE, glob (b->text, a->text));
  o = value_order (a, b);
  return value_new_bool (FALSE, op == SYN_OP_EQ   ? o == 0
                           : op == SYN_OP_NE ? o != 0
                           : op == SYN_OP_LT ? o < 0
                           : op == SYN_OP_LE ? o <= 0
                           : op == SYN_OP_GT ? o > 0
                                             : o >= 0);
}

static gboolean
operate (SynOp op, ReplicaInt128 a, ReplicaInt128 b, ReplicaInt128 *result)
{
  switch (op)
    {
    case SYN_OP_ADD:
      return __builtin_add_overflow (a, b, result);
    case SYN_OP_SUB:
      return __builtin_sub_overflow (a, b, result);
    case SYN_OP_MOD:
      if (b == 0)
        return TRUE;
      *result = b == -1 ? 0 : a % b;
      return FALSE;
    default:
      return __builtin_mul_overflow (a, b, result);
    }
}

/* `time + "5m"` and the like; a string in quotes beside a time is one or the other by what it says. */
static gboolean
read_distance (const Value *value, gint64 *us)
{
  *us = (gint64) value->exact;
  return value->type == REPLICA_TYPE_INT64 || (value->type == REPLICA_TYPE_STRING && value->text != NULL && syn_duration_parse (value->text, us));
}

static Value
arithmetic (SynOp op, const Value *a, const Value *b)
{
  Value result;
  int type;
  guint scale;
  gint64 us;

  if (a->type == REPLICA_TYPE_TIMESTAMP && b->type != REPLICA_TYPE_TIMESTAMP && read_distance (b, &us))
    {
      result = value_new (REPLICA_TYPE_TIMESTAMP, 0);
      result.exact = op == SYN_OP_ADD ? a->exact + us : a->exact - us;
      result.null = a->null || b->null || result.exact != (gint64) result.exact;
      return result;
    }
  if (op == SYN_OP_ADD && b->type == REPLICA_TYPE_TIMESTAMP)
    return arithmetic (op, b, a);

  value_join (a, b, &type, &scale);
  if (type == REPLICA_TYPE_TIMESTAMP)
    {
      Value x = value_cast (*a, type, 0), y = value_cast (*b, type, 0);

      result = value_new (REPLICA_TYPE_INT64, 0);
      result.null = x.null || y.null;
      result.exact = x.exact - y.exact;
      return result;
    }
  if (type == REPLICA_TYPE_DECIMAL && op == SYN_OP_MUL)
    scale = a->scale + b->scale;
  if (type != 0 && (op == SYN_OP_DIV || scale > REPLICA_DECIMAL_SCALE_MAX))
    type = REPLICA_TYPE_DOUBLE;
  if (type == 0 && op == SYN_OP_DIV)
    type = REPLICA_TYPE_DOUBLE;
  if (type != REPLICA_TYPE_DECIMAL)
    scale = 0;
  result = value_new (type, scale);
  if (a->null || b->null)
    return result;
  if (type == REPLICA_TYPE_DOUBLE)
    {
      double x = value_as_double (a), y = value_as_double (b);

      if ((op == SYN_OP_DIV || op == SYN_OP_MOD) && y == 0)
        return result;
      result.number = op == SYN_OP_MOD ? fmod (x, y) : op == SYN_OP_ADD ? x + y : op == SYN_OP_SUB ? x - y : op == SYN_OP_MUL ? x * y : x / y;
      result.null = !isfinite (result.number);
      return result;
    }
  if (op == SYN_OP_MUL)
    result.null = operate (op, a->exact, b->exact, &result.exact);
  else
    {
      Value x = value_cast (*a, type, scale), y = value_cast (*b, type, scale);

      result.null = x.null || y.null || operate (op, x.exact, y.exact, &result.exact);
    }
  if (type == REPLICA_TYPE_INT64)
    result.null |= result.exact != (gint64) result.exact;
  return result;
}

static Value
negate (Value value)
{
  value.number = -value.number;
  value.null |= operate (SYN_OP_SUB, 0, value.exact, &value.exact);
  value.null |= value.type == REPLICA_TYPE_INT64 && value.exact != (gint64) value.exact;
  return value;
}

static Value evaluate (const SynExpr *expr, ExprTable *table, guint row);

static Value
call (const SynExpr *expr, ExprTable *table, guint row)
{
  g_autofree Value *args = g_new0 (Value, MAX (expr->n_args, 1));
  Value result = { 0 };
  int type;
  guint scale;

  for (guint i = 0; i < expr->n_args; i++)
    args[i] = evaluate (expr->args[i], table, row);
  if (reference_function (expr, args, &result))
    return result;
  if (strcmp (expr->name, "abs") == 0)
    {
      return (args[0].type == REPLICA_TYPE_DOUBLE ? signbit (args[0].number) : args[0].exact < 0) ? negate (args[0]) : args[0];
    }
  if (strcmp (expr->name, "round") == 0 || strcmp (expr->name, "floor") == 0 || strcmp (expr->name, "ceil") == 0)
    return reference_round (expr->name, args[0], expr->n_args == 2 ? (guint) args[1].exact : 0);
  if (strcmp (expr->name, "coalesce") == 0)
    {
      Value common = args[0];

      for (guint i = 1; i < expr->n_args; i++)
        {
          value_join (&common, &args[i], &type, &scale);
          common = value_new (type, scale);
        }
      result = value_new (common.type, common.scale);
      for (guint i = 0; i < expr->n_args && result.null; i++)
        result = value_cast (args[i], common.type, common.scale);
      return result;
    }
  if (strcmp (expr->name, "if") == 0)
    {
      value_join (&args[1], &args[2], &type, &scale);
      return value_cast (!args[0].null && args[0].exact ? args[1] : args[2], type, scale);
    }
  if (strcmp (expr->name, "length") == 0)
    {
      result = value_new (REPLICA_TYPE_INT64, 0);
      result.null = args[0].null;
      result.exact = args[0].null ? 0 : g_utf8_strlen (args[0].text, -1);
      return result;
    }
  g_assert_true (strcmp (expr->name, "lower") == 0 || strcmp (expr->name, "upper") == 0);
  result = value_new (REPLICA_TYPE_STRING, 0);
  result.null = args[0].null;
  if (!result.null)
    {
      GString *changed = g_string_new (NULL);

      for (const char *c = args[0].text; *c != '\0'; c = g_utf8_next_char (c))
        g_string_append_unichar (changed, expr->name[0] == 'l' ? g_unichar_tolower (g_utf8_get_char (c))
                                                               : g_unichar_toupper (g_utf8_get_char (c)));
      result.text = value_keep (changed->str);
      g_string_free (changed, TRUE);
    }
  return result;
}

static Value
name (const SynExpr *expr, ExprTable *table, guint row)
{
  int index = syn_schema_find (table->schema, expr->name);
  const ReplicaColumn *column = g_ptr_array_index (table->columns, index);
  Value value = value_new ((int) column->type, column->scale);

  value.null = replica_column_is_null (column, row);
  if (value.null)
    return value;
  if (column->type == REPLICA_TYPE_STRING)
    value.text = (char *) replica_column_get_string (column, row, NULL);
  else if (column->type == REPLICA_TYPE_DOUBLE)
    value.number = ((const double *) column->data)[row];
  else
    value.exact = replica_column_get_int128 (column, row);
  return value;
}

static Value
logic (const SynExpr *expr, ExprTable *table, guint row)
{
  /* false < null < true: `and` is the least, `or` the greatest, `not` turns it around. */
  int result = expr->op == SYN_OP_AND ? 1 : -1;

  for (guint i = 0; i < expr->n_args; i++)
    {
      Value value = evaluate (expr->args[i], table, row);
      int truth = value.null ? 0 : value.exact ? 1 : -1;

      if (expr->op == SYN_OP_NOT)
        result = -truth;
      else
        result = expr->op == SYN_OP_AND ? MIN (result, truth) : MAX (result, truth);
    }
  return value_new_bool (result == 0, result > 0);
}

static Value
evaluate (const SynExpr *expr, ExprTable *table, guint row)
{
  Value a, b;

  switch (expr->kind)
    {
    case SYN_EXPR_LITERAL:
      a = value_new (expr->literal.type, expr->literal.scale);
      a.null = a.type == 0;
      a.exact = expr->literal.unscaled;
      a.number = expr->literal.number;
      a.text = expr->literal.text;
      return a;
    case SYN_EXPR_NAME:
      return name (expr, table, row);
    case SYN_EXPR_CALL:
      return call (expr, table, row);
    case SYN_EXPR_IN:
      {
        int result = -1;

        a = evaluate (expr->args[0], table, row);
        for (guint i = 1; i < expr->n_args; i++)
          {
            Value equal;

            b = evaluate (expr->args[i], table, row);
            equal = compare (SYN_OP_EQ, &a, &b);
            result = MAX (result, equal.null ? 0 : equal.exact ? 1 : -1);
          }
        if (expr->negated)
          result = -result;
        return value_new_bool (result == 0, result > 0);
      }
    case SYN_EXPR_IS_NULL:
      a = evaluate (expr->args[0], table, row);
      return value_new_bool (FALSE, a.null != expr->negated);
    case SYN_EXPR_BETWEEN:
      {
        Value low = evaluate (expr->args[1], table, row), high = evaluate (expr->args[2], table, row), above, below;
        int result;

        a = evaluate (expr->args[0], table, row);
        above = compare (SYN_OP_GE, &a, &low);
        below = compare (SYN_OP_LE, &a, &high);
        result = MIN (above.null ? 0 : above.exact ? 1 : -1, below.null ? 0 : below.exact ? 1 : -1);
        if (expr->negated)
          result = -result;
        return value_new_bool (result == 0, result > 0);
      }
    default:
      break;
    }
  if (expr->op == SYN_OP_AND || expr->op == SYN_OP_OR || expr->op == SYN_OP_NOT)
    return logic (expr, table, row);
  a = evaluate (expr->args[0], table, row);
  if (expr->op == SYN_OP_NEG)
    return negate (a);
  b = evaluate (expr->args[1], table, row);
  if (expr->op >= SYN_OP_EQ && expr->op <= SYN_OP_GLOB)
    return compare (expr->op, &a, &b);
  return arithmetic (expr->op, &a, &b);
}

char *
expr_reference_evaluate (const SynExpr *expr, ExprTable *table, guint row, char **type)
{
  Value value = evaluate (expr, table, row);
  SynColumnSpec spec = { .type = (ReplicaType) value.type, .scale = (guint8) value.scale };
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  *type = value.type == 0 ? g_strdup ("null") : syn_column_spec_type_to_string (&spec);
  if (value.null)
    return NULL;
  switch (value.type)
    {
    case REPLICA_TYPE_BOOL:
      return g_strdup (value.exact ? "true" : "false");
    case REPLICA_TYPE_DOUBLE:
      length = replica_write_double (buffer, value.number);
      break;
    case REPLICA_TYPE_STRING:
      return g_strdup (value.text);
    case REPLICA_TYPE_TIMESTAMP:
      length = replica_write_timestamp (buffer, (gint64) value.exact);
      break;
    default:
      length = replica_write_decimal (buffer, value.exact, value.scale);
    }
  return g_strndup (buffer, length);
}
