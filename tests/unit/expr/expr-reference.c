/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The naive evaluator that the real one is held against: one row at a time, straight from the tree, every value a struct.
 * Written from the rules of the language, with nothing shared with the compiler and the kernels but the tree itself. */
#include "expr-fixture.h"

#include "replica-number.h"
#include "syn-duration.h"

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

/* Texts live on: this is a test. */
static char *
keep (const char *text)
{
  static GStringChunk *kept;

  if (kept == NULL)
    kept = g_string_chunk_new (65536);
  return g_string_chunk_insert_const (kept, text);
}

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
      result = make (REPLICA_TYPE_TIMESTAMP, 0);
      result.exact = op == SYN_OP_ADD ? a->exact + us : a->exact - us;
      result.null = a->null || b->null || result.exact != (gint64) result.exact;
      return result;
    }
  if (op == SYN_OP_ADD && b->type == REPLICA_TYPE_TIMESTAMP)
    return arithmetic (op, b, a);

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

/* ---- the functions, by other means than theirs where there are any: GDateTime, GRegex, GLib's UTF-8 ---- */

static Value
make_text (GString *made)
{
  Value value = { .type = REPLICA_TYPE_STRING, .text = keep (made->str) };

  g_string_free (made, TRUE);
  return value;
}

static GString *
as_text (const Value *value)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  switch (value->type)
    {
    case REPLICA_TYPE_STRING:
      return g_string_new (value->text);
    case REPLICA_TYPE_BOOL:
      return g_string_new (value->exact ? "true" : "false");
    case REPLICA_TYPE_DOUBLE:
      length = replica_write_double (buffer, value->number);
      break;
    case REPLICA_TYPE_TIMESTAMP:
      length = replica_write_timestamp (buffer, (gint64) value->exact);
      break;
    default:
      length = replica_write_decimal (buffer, value->exact, value->scale);
    }
  return g_string_new_len (buffer, (gssize) length);
}

static Value
string_function (const char *name, Value *args, guint n_args)
{
  const char *s = args[0].text, *t = n_args > 1 ? args[1].text : NULL;
  GString *made = g_string_new (NULL);
  Value result = { 0 };

  if (strcmp (name, "trim") == 0)
    {
      glong n = g_utf8_strlen (s, -1), from = 0;

      while (from < n && g_unichar_isspace (g_utf8_get_char (g_utf8_offset_to_pointer (s, from))))
        from++;
      while (n > from && g_unichar_isspace (g_utf8_get_char (g_utf8_offset_to_pointer (s, n - 1))))
        n--;
      g_string_append_len (made, g_utf8_offset_to_pointer (s, from), g_utf8_offset_to_pointer (s, n) - g_utf8_offset_to_pointer (s, from));
      return make_text (made);
    }
  if (strcmp (name, "substr") == 0)
    {
      glong n = g_utf8_strlen (s, -1);
      ReplicaInt128 from = args[1].exact < 0 ? n + args[1].exact : args[1].exact - 1, to = n;

      from = CLAMP (from, 0, n);
      if (n_args == 3)
        to = CLAMP (from + args[2].exact, from, n);
      g_string_append_len (made, g_utf8_offset_to_pointer (s, (glong) from),
                           g_utf8_offset_to_pointer (s, (glong) to) - g_utf8_offset_to_pointer (s, (glong) from));
      return make_text (made);
    }
  if (strcmp (name, "replace") == 0)
    {
      g_string_append (made, s);
      if (*t != '\0')
        g_string_replace (made, t, args[2].text, 0);
      return make_text (made);
    }
  if (strcmp (name, "split_part") == 0)
    {
      g_auto (GStrv) parts = *t != '\0' && *s != '\0' ? g_strsplit (s, t, -1) : g_strdupv ((char *[]){ (char *) s, NULL });
      ReplicaInt128 n = g_strv_length (parts), index = args[2].exact < 0 ? n + args[2].exact : args[2].exact - 1;

      if (index >= 0 && index < n)
        {
          g_string_append (made, parts[index]);
          return make_text (made);
        }
      g_string_free (made, TRUE);
      return make (REPLICA_TYPE_STRING, 0);
    }
  if (strcmp (name, "matches") == 0 || strcmp (name, "extract") == 0)
    {
      g_autoptr (GRegex) regex = g_regex_new (t, G_REGEX_DOLLAR_ENDONLY | G_REGEX_NEWLINE_LF, 0, NULL);
      g_autoptr (GMatchInfo) info = NULL;
      gboolean matched = g_regex_match (regex, s, 0, &info);
      gint start = -1, end = -1;

      if (name[0] == 'm')
        {
          g_string_free (made, TRUE);
          return make_bool (FALSE, matched);
        }
      if (matched)
        g_match_info_fetch_pos (info, g_regex_get_capture_count (regex) > 0 ? 1 : 0, &start, &end);
      if (start < 0)
        {
          g_string_free (made, TRUE);
          return make (REPLICA_TYPE_STRING, 0);
        }
      g_string_append_len (made, s + start, end - start);
      return make_text (made);
    }
  g_string_free (made, TRUE);
  if (strcmp (name, "starts_with") == 0)
    return make_bool (FALSE, g_str_has_prefix (s, t));
  if (strcmp (name, "ends_with") == 0)
    return make_bool (FALSE, g_str_has_suffix (s, t));
  g_assert_cmpstr (name, ==, "contains");
  result = make_bool (FALSE, strstr (s, t) != NULL);
  return result;
}

static Value
time_function (const char *name, const Value *value, const char *unit)
{
  gint64 us = (gint64) value->exact, seconds = us / 1000000 - (us % 1000000 < 0), length;
  g_autoptr (GDateTime) date = g_date_time_new_from_unix_utc (seconds), start = NULL;
  Value result = { .type = REPLICA_TYPE_INT64 };
  GString *made;
  int months;

  if (strcmp (name, "year") == 0)
    result.exact = g_date_time_get_year (date);
  else if (strcmp (name, "month") == 0)
    result.exact = g_date_time_get_month (date);
  else if (strcmp (name, "day") == 0)
    result.exact = g_date_time_get_day_of_month (date);
  else if (strcmp (name, "hour") == 0)
    result.exact = g_date_time_get_hour (date);
  else if (strcmp (name, "minute") == 0)
    result.exact = g_date_time_get_minute (date);
  else if (strcmp (name, "second") == 0)
    result.exact = g_date_time_get_second (date);
  else if (strcmp (name, "weekday") == 0)
    result.exact = g_date_time_get_day_of_week (date);
  else if (strcmp (name, "date") == 0)
    {
      g_autofree char *text = g_date_time_format (date, "%Y-%m-%d");
      return make_text (g_string_new (text));
    }
  else if (strcmp (name, "format_time") == 0)
    {
      g_autofree char *text = NULL;

      made = g_string_new (unit);
      g_string_replace (made, "%f", "@", 0);
      text = g_date_time_format (date, made->str);
      g_string_assign (made, text);
      {
        g_autofree char *fraction = g_strdup_printf ("%06d", (int) (us - seconds * 1000000));
        g_string_replace (made, "@", fraction, 0);
      }
      return make_text (made);
    }
  else
    {
      g_assert_cmpstr (name, ==, "trunc");
      result.type = REPLICA_TYPE_TIMESTAMP;
      if (syn_duration_parse (unit, &length))
        {
          result.exact = us;
          while (result.exact % length != 0 && result.exact % length + length != 0)
            result.exact -= (result.exact % length + length) % length;
          return result;
        }
      months = g_date_time_get_month (date);
      if (strcmp (unit, "week") == 0)
        start = g_date_time_add_days (date, 1 - g_date_time_get_day_of_week (date));
      else
        start = g_date_time_new_utc (g_date_time_get_year (date), unit[0] == 'y' ? 1 : unit[0] == 'q' ? months - (months - 1) % 3 : months, 1, 0, 0, 0);
      result.exact = g_date_time_to_unix (start);
      result.exact = (result.exact - (result.exact % 86400 + 86400) % 86400) * 1000000;
    }
  return result;
}

/* Exact division on paper: one digit after the other. */
static Value
divide (const Value *a, const Value *b, guint digits)
{
  Value result = make (REPLICA_TYPE_DECIMAL, digits);
  int exponent = (int) digits + (int) b->scale - (int) a->scale;
  gboolean negative = (a->exact < 0) != (b->exact < 0);
  unsigned __int128 x = a->exact < 0 ? 0 - (unsigned __int128) a->exact : (unsigned __int128) a->exact;
  unsigned __int128 y = b->exact < 0 ? 0 - (unsigned __int128) b->exact : (unsigned __int128) b->exact, quotient, rest;

  if (a->null || b->null || y == 0)
    return result;
  for (; exponent < 0; exponent++)
    {
      if (y > ((unsigned __int128) 1 << 127) / 5)
        {
          result.null = FALSE;
          return result;
        }
      y *= 10;
    }
  quotient = x / y;
  rest = x % y;
  for (; exponent > 0; exponent--)
    {
      guint digit = 0;
      unsigned __int128 left = rest, ten = 0;

      for (guint i = 0; i < 10; i++)
        {
          ten += left;
          if (ten >= y)
            {
              ten -= y;
              digit++;
            }
        }
      rest = ten;
      if (quotient > (((unsigned __int128) 1 << 127) - digit) / 10)
        return result;
      quotient = quotient * 10 + digit;
    }
  quotient += rest >= y - rest;
  result.null = quotient >= (unsigned __int128) 1 << 127;
  result.exact = result.null ? 0 : negative ? -(ReplicaInt128) quotient : (ReplicaInt128) quotient;
  return result;
}

static gboolean
is_any (const char *name, const char *const *names)
{
  return g_strv_contains (names, name);
}

/* FALSE: none of these. */
static gboolean
new_function (const SynExpr *expr, Value *args, Value *result)
{
  static const char *const math[] = { "sqrt", "pow", "exp", "ln", "log10", NULL };
  static const char *const times[] = { "year", "month", "day", "hour", "minute", "second", "weekday", "trunc", "date", "format_time", NULL };
  static const char *const strings[] = { "trim", "substr", "replace", "split_part", "matches", "extract", "starts_with", "ends_with", "contains", NULL };
  const char *name = expr->name;
  gboolean any_null = FALSE;
  int type;
  guint scale;

  for (guint i = 0; i < expr->n_args; i++)
    any_null |= args[i].null;
  if (is_any (name, math))
    {
      double x = as_double (&args[0]), y = expr->n_args > 1 ? as_double (&args[1]) : 0;

      *result = make (REPLICA_TYPE_DOUBLE, 0);
      result->number = name[0] == 's' ? sqrt (x) : name[0] == 'p' ? pow (x, y) : name[0] == 'e' ? exp (x) : name[1] == 'n' ? log (x) : log10 (x);
      result->null = any_null || !isfinite (result->number);
    }
  else if (strcmp (name, "sign") == 0)
    {
      *result = make (REPLICA_TYPE_INT64, 0);
      result->null = any_null;
      result->exact = args[0].type == REPLICA_TYPE_DOUBLE ? (args[0].number > 0) - (args[0].number < 0) : (args[0].exact > 0) - (args[0].exact < 0);
    }
  else if (strcmp (name, "div") == 0)
    *result = divide (&args[0], &args[1], (guint) args[2].exact);
  else if (strcmp (name, "least") == 0 || strcmp (name, "greatest") == 0)
    {
      Value common = args[0];

      for (guint i = 1; i < expr->n_args; i++)
        {
          join (&common, &args[i], &type, &scale);
          common = make (type, scale);
        }
      *result = cast (args[0], common.type, common.scale);
      for (guint i = 1; i < expr->n_args; i++)
        {
          Value next = cast (args[i], common.type, common.scale);

          if (next.null || result->null)
            result->null = TRUE;
          else if (name[0] == 'l' ? order (&next, result) < 0 : order (&next, result) > 0)
            *result = next;
        }
    }
  else if (strcmp (name, "concat") == 0 || strcmp (name, "text") == 0)
    {
      GString *made = g_string_new (NULL);

      for (guint i = 0; i < expr->n_args && !any_null; i++)
        {
          GString *one = as_text (&args[i]);

          g_string_append (made, one->str);
          g_string_free (one, TRUE);
        }
      *result = make_text (made);
      result->null = any_null;
    }
  else if (strcmp (name, "number") == 0)
    {
      *result = expr->n_args == 1 ? make (REPLICA_TYPE_DOUBLE, 0) : make (REPLICA_TYPE_DECIMAL, (guint) args[1].exact);
      if (!any_null && expr->n_args == 1)
        result->null = replica_read_double (args[0].text, strlen (args[0].text), &result->number) != REPLICA_READ_OK;
      else if (!any_null)
        result->null = replica_read_decimal128 (args[0].text, strlen (args[0].text), result->scale, &result->exact) != REPLICA_READ_OK;
    }
  else if (is_any (name, strings))
    {
      *result = make (g_str_has_suffix (name, "_with") || strcmp (name, "contains") == 0 || strcmp (name, "matches") == 0 ? REPLICA_TYPE_BOOL
                                                                                                                     : REPLICA_TYPE_STRING, 0);
      if (!any_null)
        *result = string_function (name, args, expr->n_args);
    }
  else if (is_any (name, times))
    {
      Value time = cast (args[0], REPLICA_TYPE_TIMESTAMP, 0);

      *result = make (strcmp (name, "trunc") == 0                                        ? REPLICA_TYPE_TIMESTAMP
                      : strcmp (name, "date") == 0 || strcmp (name, "format_time") == 0 ? REPLICA_TYPE_STRING
                                                                                        : REPLICA_TYPE_INT64, 0);
      if (!any_null)
        *result = time_function (name, &time, expr->n_args > 1 ? args[1].text : NULL);
    }
  else
    return FALSE;
  return TRUE;
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
  if (new_function (expr, args, &result))
    return result;
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
      result.text = keep (changed->str);
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
    case SYN_EXPR_IS_NULL:
      a = evaluate (expr->args[0], table, row);
      return make_bool (FALSE, a.null != expr->negated);
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
