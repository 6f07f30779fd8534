/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The exact readers of one value, for all that is not in its usual form: exponents, many digits, other days,
 * errors. Never on the path of an ordinary event. Thread-agnostic, no state but the day cache that is passed
 * in.
 */
#include "syn-value-reader.h"
#include "syn-limits.h"
#include "syn-time-unit.h"

char *
syn_field_expectation (const SynFieldSpec *field)
{
  switch (field->type)
    {
    case REPLICA_TYPE_DECIMAL:
      return g_strdup_printf ("decimal(%u)", field->scale);
    case REPLICA_TYPE_TIMESTAMP:
      if (field->unit_us_num != 0)
        return g_strdup_printf ("a timestamp in %s, a number", syn_time_unit_to_string (field->unit_us_num, field->unit_us_den));
      return g_strdup ("a timestamp as \"2024-05-01T14:30:00Z\"");
    case REPLICA_TYPE_BOOL:
      return g_strdup ("true or false");
    case REPLICA_TYPE_STRING:
      return g_strdup ("a string");
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_DOUBLE:
    default:
      return g_strdup (replica_type_to_string (field->type));
    }
}

/* A token as it may stand in an error: short, printable. */
static char *
shown (const char *text, gsize length)
{
  g_autofree char *cut = g_strndup (text, MIN (length, 40));
  g_autofree char *escaped = g_strescape (cut, NULL);

  return g_strdup_printf ("\"%s%s\"", escaped, length > 40 ? "…" : "");
}

ReplicaReadResult
syn_read_unit_time (const char *text, gsize length, gint64 num, gint64 den, gint64 epoch_us, gint64 *time_us)
{
  const char *p = text, *end = text + length;
  unsigned __int128 digits = 0, product, divisor, quotient;
  gint64 exponent = 0, written = 0;
  gboolean negative, sticky = FALSE, written_negative = FALSE, in_fraction = FALSE;
  guint kept = 0;
  __int128 result;

  negative = p < end && *p == '-';
  p += negative;
  if (p == end || !syn_is_digit (*p) || (*p == '0' && p + 1 < end && syn_is_digit (p[1])))
    return REPLICA_READ_SYNTAX;
  for (; p < end; p++)
    {
      if (*p == '.')
        {
          if (in_fraction || p + 1 == end || !syn_is_digit (p[1]))
            return REPLICA_READ_SYNTAX;
          in_fraction = TRUE;
          continue;
        }
      if (!syn_is_digit (*p))
        break;
      /* 30 digits times 10^6 stay below 2^128; what comes after only matters for which side of a microsecond
       * it is. */
      if (kept < 30)
        {
          digits = digits * 10 + (guint) (*p - '0');
          kept += digits != 0;
          exponent -= in_fraction;
        }
      else
        {
          sticky |= *p != '0';
          exponent += !in_fraction;
        }
    }
  if (p < end)
    {
      if ((*p | 0x20) != 'e' || ++p == end)
        return REPLICA_READ_SYNTAX;
      written_negative = *p == '-';
      p += *p == '-' || *p == '+';
      if (p == end)
        return REPLICA_READ_SYNTAX;
      for (; p < end; p++)
        {
          if (!syn_is_digit (*p))
            return REPLICA_READ_SYNTAX;
          if (written < 1000000000)
            written = written * 10 + (*p - '0');
        }
      exponent += written_negative ? -written : written;
    }

  if (digits == 0)
    {
      /* All zeros, whatever the exponent; @sticky needs 30 digits first. */
      *time_us = epoch_us;
      return REPLICA_READ_OK;
    }
  product = digits * (unsigned __int128) num;
  divisor = (unsigned __int128) den;
  for (; exponent > 0; exponent--)
    {
      if (product > (unsigned __int128) 1 << 96)
        return REPLICA_READ_RANGE;
      product *= 10;
    }
  if (exponent <= -36)
    {
      quotient = 0; /* 10^30 × 10^6 / 10^36 is below 1 */
      sticky = TRUE;
    }
  else
    {
      for (; exponent < 0; exponent++)
        divisor *= 10;
      quotient = product / divisor;
      sticky |= product % divisor != 0;
    }
  if (quotient > (unsigned __int128) G_MAXINT64)
    return REPLICA_READ_RANGE;
  result = negative ? -(__int128) quotient - sticky : (__int128) quotient;
  result += epoch_us;
  if (result < SYN_MIN_TIME_US || result > SYN_MAX_TIME_US)
    return REPLICA_READ_RANGE;
  *time_us = (gint64) result;
  return REPLICA_READ_OK;
}

static char *
describe (const SynFieldSpec *field, ReplicaReadResult result, const char *text, gsize length)
{
  g_autofree char *expectation = syn_field_expectation (field), *token = shown (text, length);

  switch (result)
    {
    case REPLICA_READ_RANGE:
      if (field->type == REPLICA_TYPE_TIMESTAMP)
        return g_strdup_printf ("%s is no time of the years 0001 to 9999", token);
      return g_strdup_printf ("%s is out of the range of %s", token, expectation);
    case REPLICA_READ_PRECISION:
      if (field->type == REPLICA_TYPE_DECIMAL)
        return g_strdup_printf ("%s has more than %u decimals", token, field->scale);
      return g_strdup_printf ("expected %s, found %s, which is no whole number", expectation, token);
    case REPLICA_READ_SYNTAX:
    case REPLICA_READ_OK:
    default:
      return g_strdup_printf ("expected %s, found %s", expectation, token);
    }
}

char *
syn_value_read_number_text (
    const SynFieldSpec *field, guint index, const char *text, gsize length, SynEventBuilder *builder)
{
  ReplicaReadResult result;
  gint64 value = 0;
  double number = 0;

  switch (field->type)
    {
    case REPLICA_TYPE_INT64:
      result = replica_read_decimal (text, length, 0, &value); /* so that 1.0 and 1e3 are whole numbers too */
      break;
    case REPLICA_TYPE_DECIMAL:
      result = replica_read_decimal (text, length, field->scale, &value);
      break;
    case REPLICA_TYPE_DOUBLE:
      result = replica_read_double (text, length, &number);
      if (result == REPLICA_READ_OK)
        syn_event_builder_put_double (builder, index, number);
      return result == REPLICA_READ_OK ? NULL : describe (field, result, text, length);
    case REPLICA_TYPE_TIMESTAMP:
      result =
          syn_read_unit_time (text, length, field->unit_us_num, field->unit_us_den, field->epoch_us, &value);
      break;
    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_STRING:
    default:
      g_return_val_if_reached (g_strdup ("not a number"));
    }
  if (result != REPLICA_READ_OK)
    return describe (field, result, text, length);
  syn_event_builder_put_int64 (builder, index, value);
  return NULL;
}

char *
syn_value_read_time_text (const SynFieldSpec *field,
                          guint index,
                          const char *text,
                          gsize length,
                          SynDayCache *cache,
                          SynEventBuilder *builder)
{
  gint64 value, day_us;
  ReplicaReadResult result = replica_read_timestamp (text, length, &value);
  char day[20];

  if (result != REPLICA_READ_OK)
    return describe (field, result, text, length);
  syn_event_builder_put_int64 (builder, index, value);

  /* The next event is likely to be of the same day. */
  memcpy (day, text, 10);
  memcpy (day + 10, "T00:00:00Z", 10);
  if (replica_read_timestamp (day, sizeof day, &day_us) == REPLICA_READ_OK)
    {
      memcpy (cache->text, day, 10);
      cache->day_us = day_us;
    }
  return NULL;
}

const char *
syn_utf8_next (const char *p, const char **wrong)
{
  const guchar *s = (const guchar *) p;
  guchar low = 0x80, high = 0xbf;
  guint n;

  *wrong = p;
  if (s[0] < 0xc2 || s[0] > 0xf4)
    return NULL;
  if (s[0] < 0xe0)
    n = 2;
  else if (s[0] < 0xf0)
    {
      n = 3;
      if (s[0] == 0xe0)
        low = 0xa0; /* overlong */
      else if (s[0] == 0xed)
        high = 0x9f; /* surrogates */
    }
  else
    {
      n = 4;
      if (s[0] == 0xf0)
        low = 0x90; /* overlong */
      else if (s[0] == 0xf4)
        high = 0x8f; /* above U+10FFFF */
    }
  for (guint i = 1; i < n; i++)
    {
      if (s[i] < low || s[i] > high)
        {
          *wrong = p + i;
          return NULL;
        }
      low = 0x80;
      high = 0xbf;
    }
  return p + n;
}
