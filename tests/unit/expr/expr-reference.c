/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The naive evaluator that the real one is held against: one row at a time, straight from the tree, every value a struct.
 * Written from the rules of the language, with nothing shared with the compiler and the kernels but the tree itself. */
#include "expr-fixture.h"

#include "replica-number.h"

#include <math.h>
#include <string.h>

typedef struct {
  int type; /* 0: null without a type */
  guint scale;
  gboolean null;
  ReplicaInt128 exact; /* bool, int64, timestamp, decimal */
  double number;
  char *text;
} Value;

static ReplicaInt128
power (guint exponent)
{
  ReplicaInt128 result = 1;

  for (guint i = 0; i < exponent; i++)
    result *= 10;
  return result;
}

static Value
make (int type, guint scale)
{
  return (Value){ .type = type, .scale = scale, .null = TRUE };
}

static double
as_double (const Value *value)
{
  return value->type == REPLICA_TYPE_DOUBLE ? value->number : (double) value->exact / (double) power (value->scale);
}

/* What type two things have together. */
static void
join (const Value *a, const Value *b, int *type, guint *scale)
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

static Value
cast (Value from, int type, guint scale)
{
  Value to = make (type, scale);

  to.null = from.null;
  if (from.null)
    return to;
  if (type == REPLICA_TYPE_DOUBLE)
    to.number = as_double (&from);
  else if (type == REPLICA_TYPE_TIMESTAMP && from.type == REPLICA_TYPE_STRING)
    {
      gint64 time_us = 0;

      g_assert_cmpint (replica_read_timestamp (from.text, strlen (from.text), &time_us), ==, REPLICA_READ_OK);
      to.exact = time_us;
    }
  else if (type == REPLICA_TYPE_STRING)
    to.text = from.text;
  else
    to.null = __builtin_mul_overflow (from.exact, power (scale - from.scale), &to.exact);
  return to;
}

/* Not through cast(): a product that does not fit must still compare. */
static int
order (const Value *a, const Value *b)
{
  int type;
  guint scale;

  join (a, b, &type, &scale);
  if (type == REPLICA_TYPE_STRING)
    return strcmp (a->text, b->text);
  if (type == REPLICA_TYPE_DOUBLE)
    {
      double x = as_double (a), y = as_double (b);
      return x < y ? -1 : x > y;
    }
  if (type == REPLICA_TYPE_TIMESTAMP)
    {
      Value x = cast (*a, type, 0), y = cast (*b, type, 0);
      return x.exact < y.exact ? -1 : x.exact > y.exact;
    }
  {
    /* Whole parts first, then the rest: no product at all. */
    ReplicaInt128 fa = power (a->scale), fb = power (b->scale);
    ReplicaInt128 wa = a->exact / fa, wb = b->exact / fb, ra = a->exact % fa, rb = b->exact % fb;

    if (wa != wb)
      return wa < wb ? -1 : 1;
    ra *= power (18 - a->scale);
    rb *= power (18 - b->scale);
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

static Value
make_bool (gboolean null, gboolean value)
{
  return (Value){ .type = REPLICA_TYPE_BOOL, .null = null, .exact = !null && value };
}

static Value
compare (SynOp op, const Value *a, const Value *b)
{
  int o;

  if (a->null || b->null)
    return make_bool (TRUE, FALSE);
  if (op == SYN_OP_GLOB)
    return make_bool (FALSE, glob (b->text, a->text));
  o = order (a, b);
  return make_bool (FALSE, op == SYN_OP_EQ   ? o == 0
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
    default:
      return __builtin_mul_overflow (a, b, result);
    }
}

static Value
arithmetic (SynOp op, const Value *a, const Value *b)
{
  Value result;
  int type;
  guint scale;

  join (a, b, &type, &scale);
  if (type == REPLICA_TYPE_TIMESTAMP)
    {
      Value x = cast (*a, type, 0), y = cast (*b, type, 0);

      result = make (REPLICA_TYPE_INT64, 0);
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
  result = make (type, scale);
  if (a->null || b->null)
    return result;
  if (type == REPLICA_TYPE_DOUBLE)
    {
      double x = as_double (a), y = as_double (b);

      if (op == SYN_OP_DIV && y == 0)
        return result;
      result.number = op == SYN_OP_ADD ? x + y : op == SYN_OP_SUB ? x - y : op == SYN_OP_MUL ? x * y : x / y;
      result.null = !isfinite (result.number);
      return result;
    }
  if (op == SYN_OP_MUL)
    result.null = operate (op, a->exact, b->exact, &result.exact);
  else
    {
      Value x = cast (*a, type, scale), y = cast (*b, type, scale);

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
round_value (const char *name, Value value, guint digits)
{
  int mode = name[0] == 'r' ? 0 : name[0] == 'f' ? -1 : 1;
  Value result;

  if (value.type == REPLICA_TYPE_DOUBLE)
    {
      double factor = (double) power (digits), scaled = value.number * factor;

      if (!value.null && fabs (scaled) < 0x1p52)
        value.number = (mode == 0 ? round (scaled) : mode < 0 ? floor (scaled) : ceil (scaled)) / factor + 0.0;
      return value;
    }
  if (value.type != REPLICA_TYPE_DECIMAL || value.scale <= digits)
    return value;
  result = make (REPLICA_TYPE_DECIMAL, digits);
  result.null = value.null;
  if (!value.null)
    {
      ReplicaInt128 factor = power (value.scale - digits), down = value.exact / factor, below = value.exact % factor;

      if (below < 0)
        {
          down--;
          below += factor;
        }
      /* The value is down + below / factor, in units of the result. */
      if (mode < 0 || below == 0)
        result.exact = down;
      else if (mode > 0)
        result.exact = down + 1;
      else
        result.exact = below < factor - below ? down : below > factor - below ? down + 1 : value.exact < 0 ? down : down + 1;
    }
  return result;
}

static Value
call (const SynExpr *expr, ExprTable *table, guint row)
{
  g_autofree Value *args = g_new0 (Value, MAX (expr->n_args, 1));
  Value result = { 0 };
  int type;
  guint scale;

  for (guint i = 0; i < expr->n_args; i++)
    args[i] = evaluate (expr->args[i], table, row);
  if (strcmp (expr->name, "abs") == 0)
    {
      return (args[0].type == REPLICA_TYPE_DOUBLE ? signbit (args[0].number) : args[0].exact < 0) ? negate (args[0]) : args[0];
    }
  if (strcmp (expr->name, "round") == 0 || strcmp (expr->name, "floor") == 0 || strcmp (expr->name, "ceil") == 0)
    return round_value (expr->name, args[0], expr->n_args == 2 ? (guint) args[1].exact : 0);
  if (strcmp (expr->name, "coalesce") == 0)
    {
      Value common = args[0];

      for (guint i = 1; i < expr->n_args; i++)
        {
          join (&common, &args[i], &type, &scale);
          common = make (type, scale);
        }
      result = make (common.type, common.scale);
      for (guint i = 0; i < expr->n_args && result.null; i++)
        result = cast (args[i], common.type, common.scale);
      return result;
    }
  if (strcmp (expr->name, "if") == 0)
    {
      join (&args[1], &args[2], &type, &scale);
      return cast (!args[0].null && args[0].exact ? args[1] : args[2], type, scale);
    }
  if (strcmp (expr->name, "length") == 0)
    {
      result = make (REPLICA_TYPE_INT64, 0);
      result.null = args[0].null;
      result.exact = args[0].null ? 0 : g_utf8_strlen (args[0].text, -1);
      return result;
    }
  g_assert_true (strcmp (expr->name, "lower") == 0 || strcmp (expr->name, "upper") == 0);
  result = make (REPLICA_TYPE_STRING, 0);
  result.null = args[0].null;
  if (!result.null)
    {
      GString *changed = g_string_new (NULL);

      for (const char *c = args[0].text; *c != '\0'; c = g_utf8_next_char (c))
        g_string_append_unichar (changed, expr->name[0] == 'l' ? g_unichar_tolower (g_utf8_get_char (c))
                                                               : g_unichar_toupper (g_utf8_get_char (c)));
      result.text = (char *) g_intern_string (changed->str); /* lives on: this is a test */
      g_string_free (changed, TRUE);
    }
  return result;
}

static Value
name (const SynExpr *expr, ExprTable *table, guint row)
{
  int index = syn_schema_find (table->schema, expr->name);
  const ReplicaColumn *column = g_ptr_array_index (table->columns, index);
  Value value = make ((int) column->type, column->scale);

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
  return make_bool (result == 0, result > 0);
}

static Value
evaluate (const SynExpr *expr, ExprTable *table, guint row)
{
  Value a, b;

  switch (expr->kind)
    {
    case SYN_EXPR_LITERAL:
      a = make (expr->literal.type, expr->literal.scale);
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
        return make_bool (result == 0, result > 0);
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
