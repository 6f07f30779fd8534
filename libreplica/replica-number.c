/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Text of numbers and times, both ways, but for writing doubles (replica-double.c). Any thread; no state.
 *
 * These run per value when events are read and when the JSON and CSV forms are written, so: no printf (slow),
 * no strtod but for the rare double that needs it, no GDateTime (an allocation per value), nothing that knows
 * a locale. The grammar is JSON's, kept strictly, so that a number that is accepted here is one that every
 * JSON reader accepts. */

#include "replica-number.h"

#include <math.h>
#include <string.h>

#define US_PER_SECOND G_GINT64_CONSTANT (1000000)
#define SECONDS_PER_DAY G_GINT64_CONSTANT (86400)
/* 0001-01-01 and 10000-01-01, in days since 1970-01-01 */
#define FIRST_DAY G_GINT64_CONSTANT (-719162)
#define END_DAY G_GINT64_CONSTANT (2932897)
/* Exponents are counted up to here and no further: beyond it every value is out of range or zero anyway. */
#define EXPONENT_MAX (G_GINT64_CONSTANT (1) << 40)
#define UINT128_MAX (~(unsigned __int128) 0)

static const char digit_pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

const guint64 replica_powers_of_ten[20] = {
  1ull,
  10ull,
  100ull,
  1000ull,
  10000ull,
  100000ull,
  1000000ull,
  10000000ull,
  100000000ull,
  1000000000ull,
  10000000000ull,
  100000000000ull,
  1000000000000ull,
  10000000000000ull,
  100000000000000ull,
  1000000000000000ull,
  10000000000000000ull,
  100000000000000000ull,
  1000000000000000000ull,
  10000000000000000000ull,
};

const double replica_exact_powers_of_ten[23] = {
  1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static inline gboolean
is_digit (char c)
{
  return (guchar) (c - '0') < 10;
}

/* ---- writing ---- */

static inline guint
count_digits (guint64 value)
{
  /* 1233 / 4096 is log10(2), near enough for 64 bits. */
  guint n = ((guint) (64 - __builtin_clzll (value | 1)) * 1233) >> 12;

  return n + (value >= replica_powers_of_ten[n]) + (value == 0);
}

/* Eight digits in two independent halves: half as long a chain of divisions as one pair after the other. */
static inline void
write_8_digits (char *buffer, guint32 value)
{
  guint32 high = value / 10000, low = value % 10000;

  memcpy (buffer, digit_pairs + high / 100 * 2, 2);
  memcpy (buffer + 2, digit_pairs + high % 100 * 2, 2);
  memcpy (buffer + 4, digit_pairs + low / 100 * 2, 2);
  memcpy (buffer + 6, digit_pairs + low % 100 * 2, 2);
}

/* Exactly @n digits, with leading zeros. */
static inline void
write_digits (char *buffer, guint64 value, guint n)
{
  guint32 rest;

  while (n >= 8)
    {
      n -= 8;
      write_8_digits (buffer + n, (guint32) (value % 100000000));
      value /= 100000000;
    }
  for (rest = (guint32) value; n >= 2; rest /= 100)
    {
      n -= 2;
      memcpy (buffer + n, digit_pairs + rest % 100 * 2, 2);
    }
  if (n == 1)
    buffer[0] = (char) ('0' + rest % 10);
}

static inline gsize
write_uint64 (char *buffer, guint64 value)
{
  guint n = count_digits (value);

  write_digits (buffer, value, n);
  return n;
}

static gsize
write_uint128 (char *buffer, unsigned __int128 value)
{
  const guint64 unit = replica_powers_of_ten[19];
  gsize n;

  if (value <= G_MAXUINT64)
    return write_uint64 (buffer, (guint64) value);
  n = write_uint128 (buffer, value / unit);
  write_digits (buffer + n, (guint64) (value % unit), 19);
  return n + 19;
}

gsize
replica_write_int64 (char *buffer, gint64 value)
{
  if (value >= 0)
    return write_uint64 (buffer, (guint64) value);
  buffer[0] = '-';
  return 1 + write_uint64 (buffer + 1, -(guint64) value);
}

gsize
replica_write_int128 (char *buffer, ReplicaInt128 value)
{
  if (value >= 0)
    return write_uint128 (buffer, (unsigned __int128) value);
  buffer[0] = '-';
  return 1 + write_uint128 (buffer + 1, -(unsigned __int128) value);
}

gsize
replica_write_decimal (char *buffer, ReplicaInt128 unscaled, guint scale)
{
  unsigned __int128 magnitude = unscaled < 0 ? -(unsigned __int128) unscaled : (unsigned __int128) unscaled;
  gsize n = 0;

  g_assert (scale <= REPLICA_DECIMAL_SCALE_MAX);
  if (unscaled < 0)
    buffer[n++] = '-';
  if (scale == 0)
    return n + write_uint128 (buffer + n, magnitude);
  if (magnitude <= G_MAXUINT64)
    {
      guint64 value = (guint64) magnitude;

      n += write_uint64 (buffer + n, value / replica_powers_of_ten[scale]);
      buffer[n++] = '.';
      write_digits (buffer + n, value % replica_powers_of_ten[scale], scale);
    }
  else
    {
      n += write_uint128 (buffer + n, magnitude / replica_powers_of_ten[scale]);
      buffer[n++] = '.';
      write_digits (buffer + n, (guint64) (magnitude % replica_powers_of_ten[scale]), scale);
    }
  return n + scale;
}

/* ---- the calendar: days since 1970-01-01 in the proleptic Gregorian calendar ----
 *
 * Years are counted from 1 March, so that the leap day is a year's last one and months have a regular pattern
 * of lengths (31 30 31 30 31, twice, then 31 and the rest: 153 days per five months). A cycle of 400 years
 * has 146,097 days. */

gint64
replica_days_from_date (gint64 year, guint month, guint day)
{
  gint64 y = month > 2 ? year : year - 1;
  guint m = month > 2 ? month - 3 : month + 9;
  gint64 cycle = (y >= 0 ? y : y - 399) / 400;
  gint64 in_cycle = y - cycle * 400;

  return cycle * 146097 + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 + (153 * m + 2) / 5 + day - 1
         - 719468;
}

void
replica_date_from_days (gint64 days, gint64 *year, guint *month, guint *day)
{
  gint64 z = days + 719468; /* since 0000-03-01 */
  gint64 cycle = (z >= 0 ? z : z - 146096) / 146097;
  guint d = (guint) (z - cycle * 146097);
  guint y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
  guint m;

  d -= y * 365 + y / 4 - y / 100;
  m = (5 * d + 2) / 153;
  *day = d - (153 * m + 2) / 5 + 1;
  *month = m < 10 ? m + 3 : m - 9;
  *year = cycle * 400 + y + (*month <= 2);
}

static guint
days_in_month (guint year, guint month)
{
  static const guint8 days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

  if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
    return 29;
  return days[month - 1];
}

gsize
replica_write_timestamp (char *buffer, gint64 time_us)
{
  gint64 seconds = time_us / US_PER_SECOND;
  gint64 us = time_us % US_PER_SECOND;
  gint64 days, year;
  guint month, day, second;
  gsize n = 0;

  if (us < 0)
    {
      us += US_PER_SECOND;
      seconds--;
    }
  days = seconds / SECONDS_PER_DAY;
  if (seconds % SECONDS_PER_DAY < 0)
    days--;
  second = (guint) (seconds - days * SECONDS_PER_DAY);
  replica_date_from_days (days, &year, &month, &day);

  /* RFC 3339 has four digits; beyond them ISO 8601's expanded form, with a sign, so that nothing is written
   * wrongly. */
  if (year < 0 || year > 9999)
    buffer[n++] = year < 0 ? '-' : '+';
  if (year < 0)
    year = -year;
  if (year > 9999)
    {
      n += write_uint64 (buffer + n, (guint64) year);
    }
  else
    {
      write_digits (buffer + n, (guint64) year, 4);
      n += 4;
    }
  memcpy (buffer + n, "-00-00T00:00:00", 15);
  write_digits (buffer + n + 1, month, 2);
  write_digits (buffer + n + 4, day, 2);
  write_digits (buffer + n + 7, second / 3600, 2);
  write_digits (buffer + n + 10, second / 60 % 60, 2);
  write_digits (buffer + n + 13, second % 60, 2);
  n += 15;
  if (us != 0)
    {
      gboolean milli = us % 1000 == 0;

      buffer[n++] = '.';
      write_digits (buffer + n, (guint64) (milli ? us / 1000 : us), milli ? 3 : 6);
      n += milli ? 3 : 6;
    }
  buffer[n++] = 'Z';
  return n;
}

/* ---- reading numbers ---- */

/* A JSON number taken apart: (-1)^negative × mantissa × 10^exponent. */
typedef struct
{
  unsigned __int128 mantissa; /* without trailing zeros: these are in the exponent */
  gint64 exponent;
  gboolean negative;
  gboolean overflow; /* the mantissa needs more than 128 bits; the exponent is still that of its last digit
                        but zeros */
} Parts;

/* Takes one more digit into @parts; zeros wait in @zeros until a digit comes that needs them. */
static inline void
take_digit (Parts *parts, guint digit, guint64 *zeros)
{
  if (digit == 0)
    {
      if (parts->mantissa != 0 || parts->overflow)
        (*zeros)++;
      return;
    }
  if (*zeros > 38 && parts->mantissa != 0)
    parts->overflow = TRUE;
  for (guint64 i = 0; i <= *zeros && !parts->overflow; i++)
    {
      guint last = i == *zeros ? digit : 0;

      if (parts->mantissa > (UINT128_MAX - last) / 10)
        parts->overflow = TRUE;
      else
        parts->mantissa = parts->mantissa * 10 + last;
    }
  *zeros = 0;
}

/* The grammar of JSON: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)? and nothing after it. */
static gboolean
read_parts (const char *text, gsize length, Parts *parts)
{
  const char *p = text, *end = text + length;
  guint64 zeros = 0;
  gint64 exponent = 0, n_fraction = 0;

  *parts = (Parts){ 0 };
  if (p < end && *p == '-')
    {
      parts->negative = TRUE;
      p++;
    }
  if (p == end || !is_digit (*p))
    return FALSE;
  if (*p == '0')
    p++;
  else
    for (; p < end && is_digit (*p); p++)
      take_digit (parts, (guint) (*p - '0'), &zeros);
  if (p < end && *p == '.')
    {
      const char *first = ++p;

      for (; p < end && is_digit (*p); p++)
        take_digit (parts, (guint) (*p - '0'), &zeros);
      n_fraction = p - first;
      if (n_fraction == 0)
        return FALSE;
    }
  if (p < end && (*p == 'e' || *p == 'E'))
    {
      gboolean negative = FALSE;

      p++;
      if (p < end && (*p == '+' || *p == '-'))
        negative = *p++ == '-';
      if (p == end)
        return FALSE;
      for (; p < end && is_digit (*p); p++)
        if (exponent < EXPONENT_MAX)
          exponent = exponent * 10 + (*p - '0');
      if (!is_digit (p[-1]))
        return FALSE;
      if (negative)
        exponent = -exponent;
    }
  parts->exponent = exponent - n_fraction + (gint64) zeros;
  return p == end;
}

/* The magnitude at a scale, limited to what an integer of @max (and one more below zero) holds. */
static ReplicaReadResult
read_scaled (const char *text,
             gsize length,
             guint scale,
             unsigned __int128 max,
             gboolean *negative,
             unsigned __int128 *magnitude)
{
  Parts parts;
  gint64 shift;

  g_assert (scale <= REPLICA_DECIMAL_SCALE_MAX);
  if (!read_parts (text, length, &parts))
    return REPLICA_READ_SYNTAX;
  *negative = parts.negative;
  *magnitude = 0;
  if (parts.mantissa == 0 && !parts.overflow)
    return REPLICA_READ_OK;
  shift = (gint64) scale + parts.exponent;
  if (shift < 0)
    return REPLICA_READ_PRECISION;
  if (parts.overflow || shift > 38)
    return REPLICA_READ_RANGE;
  max += parts.negative;
  for (; shift > 0; shift--)
    {
      if (parts.mantissa > max / 10)
        return REPLICA_READ_RANGE;
      parts.mantissa *= 10;
    }
  if (parts.mantissa > max)
    return REPLICA_READ_RANGE;
  *magnitude = parts.mantissa;
  return REPLICA_READ_OK;
}

/* The common case at full speed: at most 18 digits and no exponent. FALSE says nothing about the text: the
 * whole reader then decides. */
static inline gboolean
read_short (const char *text, gsize length, gint64 *digits, guint *n_fraction)
{
  const char *p = text, *end = text + length, *first;
  gboolean negative = FALSE;
  guint64 value = 0;
  gsize n;

  if (p < end && *p == '-')
    {
      negative = TRUE;
      p++;
    }
  if ((gsize) (end - p) > 19)
    return FALSE;
  first = p;
  for (; p < end && is_digit (*p); p++)
    value = value * 10 + (guint) (*p - '0');
  n = (gsize) (p - first);
  if (n == 0 || n > 18 || (*first == '0' && n > 1))
    return FALSE;
  *n_fraction = 0;
  if (p < end && *p == '.')
    {
      first = ++p;
      for (; p < end && is_digit (*p); p++)
        value = value * 10 + (guint) (*p - '0');
      *n_fraction = (guint) (p - first);
      if (*n_fraction == 0)
        return FALSE;
    }
  *digits = negative ? -(gint64) value : (gint64) value;
  return p == end;
}

static inline gboolean
read_short_decimal (const char *text, gsize length, guint scale, gint64 *unscaled)
{
  guint n_fraction;
  gint64 digits, product;

  if (!read_short (text, length, &digits, &n_fraction) || n_fraction > scale
      || __builtin_mul_overflow (digits, (gint64) replica_powers_of_ten[scale - n_fraction], &product))
    return FALSE;
  *unscaled = product;
  return TRUE;
}

ReplicaReadResult
replica_read_decimal (const char *text, gsize length, guint scale, gint64 *unscaled)
{
  ReplicaReadResult result;
  unsigned __int128 magnitude;
  gboolean negative;

  if (read_short_decimal (text, length, scale, unscaled))
    return REPLICA_READ_OK;
  result = read_scaled (text, length, scale, G_MAXINT64, &negative, &magnitude);
  if (result == REPLICA_READ_OK)
    *unscaled = (gint64) (negative ? -(guint64) magnitude : (guint64) magnitude);
  return result;
}

ReplicaReadResult
replica_read_decimal128 (const char *text, gsize length, guint scale, ReplicaInt128 *unscaled)
{
  ReplicaReadResult result;
  unsigned __int128 magnitude;
  gboolean negative;
  gint64 value;

  if (read_short_decimal (text, length, scale, &value))
    {
      *unscaled = value;
      return REPLICA_READ_OK;
    }
  result = read_scaled (text, length, scale, UINT128_MAX >> 1, &negative, &magnitude);
  if (result == REPLICA_READ_OK)
    *unscaled = (ReplicaInt128) (negative ? -magnitude : magnitude);
  return result;
}

ReplicaReadResult
replica_read_int64 (const char *text, gsize length, gint64 *value)
{
  return replica_read_decimal (text, length, 0, value);
}

ReplicaReadResult
replica_read_double (const char *text, gsize length, double *value)
{
  char small[256];
  g_autofree char *large = NULL;
  char *copy = small;
  guint n_fraction;
  gint64 digits;
  double result;
  Parts parts;

  /* Both operands exact: one correctly rounded operation gives the nearest double (Clinger, "How to Read
   * Floating Point Numbers Accurately", 1990). Not for 0, which may have a sign. */
  if (read_short (text, length, &digits, &n_fraction) && digits != 0 && ABS (digits) <= (1ll << 53))
    {
      *value = (double) digits / replica_exact_powers_of_ten[n_fraction];
      return REPLICA_READ_OK;
    }
  if (!read_parts (text, length, &parts))
    return REPLICA_READ_SYNTAX;
  if (!parts.overflow && parts.mantissa <= (1ull << 53) && ABS (parts.exponent) <= 22)
    {
      result = (double) (guint64) parts.mantissa;
      if (parts.exponent < 0)
        result /= replica_exact_powers_of_ten[-parts.exponent];
      else
        result *= replica_exact_powers_of_ten[parts.exponent];
      *value = parts.negative ? -result : result;
      return REPLICA_READ_OK;
    }
  if (parts.mantissa == 0 && !parts.overflow)
    {
      *value = parts.negative ? -0.0 : 0.0;
      return REPLICA_READ_OK;
    }
  if (length >= sizeof small)
    copy = large = g_malloc (length + 1);
  memcpy (copy, text, length);
  copy[length] = '\0';
  result = g_ascii_strtod (copy, NULL);
  if (!isfinite (result))
    return REPLICA_READ_RANGE;
  *value = result;
  return REPLICA_READ_OK;
}

/* ---- reading times ---- */

/* Two digits at @text, or a number above 99. */
static inline guint
read_pair (const char *text)
{
  if (!is_digit (text[0]) || !is_digit (text[1]))
    return 1000;
  return (guint) (text[0] - '0') * 10 + (guint) (text[1] - '0');
}

ReplicaReadResult
replica_read_timestamp (const char *text, gsize length, gint64 *time_us)
{
  guint century, in_century, year, month, day, hour, minute, second;
  gint64 us = 0, offset_s = 0, days, seconds;
  gsize i = 19;

  /* 0001-01-01T00:00:00Z */
  if (length < 20 || text[4] != '-' || text[7] != '-'
      || (text[10] != 'T' && text[10] != 't' && text[10] != ' ') || text[13] != ':' || text[16] != ':')
    return REPLICA_READ_SYNTAX;
  century = read_pair (text);
  in_century = read_pair (text + 2);
  month = read_pair (text + 5);
  day = read_pair (text + 8);
  hour = read_pair (text + 11);
  minute = read_pair (text + 14);
  second = read_pair (text + 17);
  if (century > 99 || in_century > 99 || month > 99 || day > 99 || hour > 99 || minute > 99 || second > 99)
    return REPLICA_READ_SYNTAX;

  if (text[i] == '.')
    {
      gint64 unit = 100000;
      gsize first = ++i;

      for (; i < length && is_digit (text[i]); i++)
        {
          us += unit * (text[i] - '0'); /* past six digits the unit is 0 */
          unit /= 10;
        }
      if (i == first || i == length)
        return REPLICA_READ_SYNTAX;
    }
  if (text[i] == 'Z' || text[i] == 'z')
    {
      if (i + 1 != length)
        return REPLICA_READ_SYNTAX;
    }
  else
    {
      guint offset_hour, offset_minute;

      if ((text[i] != '+' && text[i] != '-') || length - i != 6 || text[i + 3] != ':')
        return REPLICA_READ_SYNTAX;
      offset_hour = read_pair (text + i + 1);
      offset_minute = read_pair (text + i + 4);
      if (offset_hour > 99 || offset_minute > 99)
        return REPLICA_READ_SYNTAX;
      if (offset_hour > 23 || offset_minute > 59)
        return REPLICA_READ_RANGE;
      offset_s = (gint64) offset_hour * 3600 + offset_minute * 60;
      if (text[i] == '-')
        offset_s = -offset_s;
    }

  year = century * 100 + in_century;
  /* Second 60 has no place on a time line without leap seconds: refused rather than moved. */
  if (year < 1 || month < 1 || month > 12 || day < 1 || day > days_in_month (year, month) || hour > 23
      || minute > 59 || second > 59)
    return REPLICA_READ_RANGE;
  days = replica_days_from_date (year, month, day);
  seconds = days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second - offset_s;
  if (seconds < FIRST_DAY * SECONDS_PER_DAY || seconds >= END_DAY * SECONDS_PER_DAY)
    return REPLICA_READ_RANGE;
  *time_us = seconds * US_PER_SECOND + us;
  return REPLICA_READ_OK;
}
