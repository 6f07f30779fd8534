/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The naive evaluator's functions, by other means than the real ones where there are any: GDateTime, GRegex, GLib's UTF-8. */
#include "expr-reference-private.h"

#include "replica-number.h"
#include "syn-duration.h"

#include <math.h>
#include <string.h>

Value
reference_round (const char *name, Value value, guint digits)
{
  int mode = name[0] == 'r' ? 0 : name[0] == 'f' ? -1 : 1;
  Value result;

  if (value.type == REPLICA_TYPE_DOUBLE)
    {
      double factor = (double) value_power (digits), scaled = value.number * factor;

      if (!value.null && fabs (scaled) < 0x1p52)
        value.number = (mode == 0 ? round (scaled) : mode < 0 ? floor (scaled) : ceil (scaled)) / factor + 0.0;
      return value;
    }
  if (value.type != REPLICA_TYPE_DECIMAL || value.scale <= digits)
    return value;
  result = value_new (REPLICA_TYPE_DECIMAL, digits);
  result.null = value.null;
  if (!value.null)
    {
      ReplicaInt128 factor = value_power (value.scale - digits), down = value.exact / factor, below = value.exact % factor;

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
make_text (GString *made)
{
  Value value = { .type = REPLICA_TYPE_STRING, .text = value_keep (made->str) };

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
      return value_new (REPLICA_TYPE_STRING, 0);
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
          return value_new_bool (FALSE, matched);
        }
      if (matched)
        g_match_info_fetch_pos (info, g_regex_get_capture_count (regex) > 0 ? 1 : 0, &start, &end);
      if (start < 0)
        {
          g_string_free (made, TRUE);
          return value_new (REPLICA_TYPE_STRING, 0);
        }
      g_string_append_len (made, s + start, end - start);
      return make_text (made);
    }
  g_string_free (made, TRUE);
  if (strcmp (name, "starts_with") == 0)
    return value_new_bool (FALSE, g_str_has_prefix (s, t));
  if (strcmp (name, "ends_with") == 0)
    return value_new_bool (FALSE, g_str_has_suffix (s, t));
  g_assert_cmpstr (name, ==, "contains");
  result = value_new_bool (FALSE, strstr (s, t) != NULL);
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
  Value result = value_new (REPLICA_TYPE_DECIMAL, digits);
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
gboolean
reference_function (const SynExpr *expr, Value *args, Value *result)
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
      double x = value_as_double (&args[0]), y = expr->n_args > 1 ? value_as_double (&args[1]) : 0;

      *result = value_new (REPLICA_TYPE_DOUBLE, 0);
      result->number = name[0] == 's' ? sqrt (x) : name[0] == 'p' ? pow (x, y) : name[0] == 'e' ? exp (x) : name[1] == 'n' ? log (x) : log10 (x);
      result->null = any_null || !isfinite (result->number);
    }
  else if (strcmp (name, "sign") == 0)
    {
      *result = value_new (REPLICA_TYPE_INT64, 0);
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
          value_join (&common, &args[i], &type, &scale);
          common = value_new (type, scale);
        }
      *result = value_cast (args[0], common.type, common.scale);
      for (guint i = 1; i < expr->n_args; i++)
        {
          Value next = value_cast (args[i], common.type, common.scale);

          if (next.null || result->null)
            result->null = TRUE;
          else if (name[0] == 'l' ? value_order (&next, result) < 0 : value_order (&next, result) > 0)
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
      *result = expr->n_args == 1 ? value_new (REPLICA_TYPE_DOUBLE, 0) : value_new (REPLICA_TYPE_DECIMAL, (guint) args[1].exact);
      if (!any_null && expr->n_args == 1)
        result->null = replica_read_double (args[0].text, strlen (args[0].text), &result->number) != REPLICA_READ_OK;
      else if (!any_null)
        result->null = replica_read_decimal128 (args[0].text, strlen (args[0].text), result->scale, &result->exact) != REPLICA_READ_OK;
    }
  else if (is_any (name, strings))
    {
      gboolean is_bool = g_str_has_suffix (name, "_with") || strcmp (name, "contains") == 0 || strcmp (name, "matches") == 0;

      *result = value_new (is_bool ? REPLICA_TYPE_BOOL : REPLICA_TYPE_STRING, 0);
      if (!any_null)
        *result = string_function (name, args, expr->n_args);
    }
  else if (is_any (name, times))
    {
      Value time = value_cast (args[0], REPLICA_TYPE_TIMESTAMP, 0);

      *result = value_new (strcmp (name, "trunc") == 0                                        ? REPLICA_TYPE_TIMESTAMP
                      : strcmp (name, "date") == 0 || strcmp (name, "format_time") == 0 ? REPLICA_TYPE_STRING
                                                                                        : REPLICA_TYPE_INT64, 0);
      if (!any_null)
        *result = time_function (name, &time, expr->n_args > 1 ? args[1].text : NULL);
    }
  else
    return FALSE;
  return TRUE;
}
