/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-number.h"
#include "syn-event-batch-private.h"

/* What JSON and CSV have in common: the text of one value into a field of the current event. The usual forms
 * are read inline, in one pass over the bytes (up to 18 digits; a timestamp in UTC on the same day as the one
 * before); everything else is left to the exact readers of replica-number.h by the _text functions, which see
 * the whole token.
 *
 * The inline readers rely on a sentinel: the byte at the end of the text is readable and is a control
 * character, so that no loop over digits or letters needs to look at its bounds. */

G_BEGIN_DECLS

/* The times that an event may have. */
#define SYN_MIN_TIME_US G_GINT64_CONSTANT (-62135596800000000) /* 0001-01-01T00:00:00Z */
#define SYN_MAX_TIME_US G_GINT64_CONSTANT (253402300799999999) /* 9999-12-31T23:59:59.999999Z */

/* The day of the last timestamp: most events share it with the one before. */
typedef struct
{
  char text[10];
  gint64 day_us;
} SynDayCache;


/* A byte eight times: times 0x01…01. */
#define SYN_ONES G_GUINT64_CONSTANT (0x0101010101010101)

static inline gboolean
syn_is_digit (char c)
{
  return (guchar) (c - '0') < 10;
}

/* A number's digits as far as they go. */
typedef struct
{
  guint64 digits; /* of the whole and the fraction together; meaningful when n_digits ≤ 18 */
  gsize n_digits;
  gsize n_fraction;
  gboolean negative;
} SynNumberText;

/* Appends the digits at @p to @digits, eight at a time where that many bytes are readable; the byte after
 * them. */
static inline const char *
syn_scan_digits (const char *p, const char *end, guint64 *digits)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
  if (G_LIKELY (end - p >= 8))
    {
      guint64 w, other;
      guint n = 8;

      /* Each byte as a digit's value; one that is none has a bit above the low four, or carries into one. */
      memcpy (&w, p, 8);
      w ^= SYN_ONES * '0';
      other = ((w + SYN_ONES * 0x06) | w) & (SYN_ONES * 0xf0);
      if (G_LIKELY (other != 0))
        {
          n = (guint) __builtin_ctzll (other) >> 3;
          if (n == 0)
            return p;
          w <<= 8 * (8 - n); /* as if zeros stood before them */
        }
      /* Pairs, then fours, then eight. */
      w = w * 10 + (w >> 8);
      w = ((w & G_GUINT64_CONSTANT (0x000000ff000000ff)) * G_GUINT64_CONSTANT (0x000f424000000064)
           + ((w >> 16) & G_GUINT64_CONSTANT (0x000000ff000000ff)) * G_GUINT64_CONSTANT (0x0000271000000001))
          >> 32;
      *digits = *digits * replica_powers_of_ten[n] + w;
      p += n;
      if (G_LIKELY (n < 8))
        return p;
    }
#endif
  while (syn_is_digit (*p))
    *digits = *digits * 10 + (guint64) (*p++ - '0');
  return p;
}

/* The byte after a plain number (no exponent, no leading zero), or NULL when it is not one: then read it the
 * exact way. */
static inline const char *
syn_scan_plain_number (const char *p, const char *end, SynNumberText *number)
{
  const char *start;

  number->digits = 0;
  number->negative = *p == '-';
  p += number->negative;
  start = p;
  p = syn_scan_digits (p, end, &number->digits);
  number->n_digits = (gsize) (p - start);
  number->n_fraction = 0;
  if (number->n_digits == 0 || (number->n_digits > 1 && *start == '0'))
    return NULL;
  if (*p == '.')
    {
      start = ++p;
      p = syn_scan_digits (p, end, &number->digits);
      number->n_fraction = (gsize) (p - start);
      number->n_digits += number->n_fraction;
      if (number->n_fraction == 0)
        return NULL;
    }
  return number->n_digits > 18 || (*p | 0x20) == 'e' ? NULL : p;
}

/* Reads a number of type int64, decimal or double, or a timestamp with a unit, in its usual form. Returns the
 * byte after it, or NULL: use syn_value_read_number_text(). */
static inline const char *
syn_value_read_number (
    const SynFieldSpec *field, guint index, const char *p, const char *end, SynEventBuilder *builder)
{
  SynNumberText number;
  gint64 value;

  p = syn_scan_plain_number (p, end, &number);
  if (G_UNLIKELY (p == NULL))
    return NULL;

  switch (field->type)
    {
    case REPLICA_TYPE_INT64:
      if (number.n_fraction > 0)
        return NULL;
      value = (gint64) number.digits;
      break;
    case REPLICA_TYPE_DECIMAL:
      if (number.n_fraction > field->scale || number.n_digits + field->scale - number.n_fraction > 18)
        return NULL;
      value = (gint64) number.digits * (gint64) replica_powers_of_ten[field->scale - number.n_fraction];
      break;
    case REPLICA_TYPE_DOUBLE:
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ == 0
      /* Exact operands and one correctly rounded division: the nearest double (Clinger 1990). */
      if (number.digits <= G_GUINT64_CONSTANT (1) << 53)
        {
          double d = (double) number.digits / replica_exact_powers_of_ten[number.n_fraction];
          syn_event_builder_put_double (builder, index, number.negative ? -d : d);
          return p;
        }
#endif
      return NULL;
    case REPLICA_TYPE_TIMESTAMP:
      /* floor (number × num / den), where that fits 64 bits. */
      if (number.negative || number.n_fraction > 15
          || __builtin_mul_overflow ((gint64) number.digits, field->unit_us_num, &value))
        return NULL;
      if (number.n_fraction > 0 || field->unit_us_den != 1)
        value /= field->unit_us_den * (gint64) replica_powers_of_ten[number.n_fraction];
      if (__builtin_add_overflow (value, field->epoch_us, &value))
        return NULL;
      if (value < G_GINT64_CONSTANT (-62135596800000000) || value > G_GINT64_CONSTANT (253402300799999999))
        return NULL;
      syn_event_builder_put_wide (builder, index, value);
      return p;
    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_STRING:
    default:
      return NULL;
    }
  syn_event_builder_put_wide (builder, index, number.negative ? -value : value);
  return p;
}

/* `14:30:00` as seconds, or -1. */
static inline gint
syn_scan_clock (const char *p)
{
  guint64 w;
  guint hour, minute, second;

  /* Each byte less the '0' or ':' that it should be: a digit's value, or 0. */
  memcpy (&w, p, 8);
  w = GUINT64_FROM_LE (w) ^ G_GUINT64_CONSTANT (0x30303a30303a3030);
  if (((w + G_GUINT64_CONSTANT (0x0606000606000606)) | w) & G_GUINT64_CONSTANT (0xf0f0fff0f0fff0f0))
    return -1;
  hour = (guint) (w & 0xff) * 10 + (guint) (w >> 8 & 0xff);
  minute = (guint) (w >> 24 & 0xff) * 10 + (guint) (w >> 32 & 0xff);
  second = (guint) (w >> 48 & 0xff) * 10 + (guint) (w >> 56);
  if (hour > 23 || minute > 59 || second > 59)
    return -1;
  return (gint) ((hour * 60 + minute) * 60 + second);
}

/* Reads `2024-05-01T14:30:00[.123456]Z`, with a 'T', of a day that is cached. Returns the byte after the 'Z'
 * or NULL. At least 20 bytes must be readable at @p. */
static inline const char *
syn_scan_plain_time (const SynDayCache *cache, const char *p, const char *end, gint64 *time_us)
{
  gint seconds;
  guint64 micros = 0;

  if (memcmp (p, cache->text, 10) != 0 || p[10] != 'T' || (seconds = syn_scan_clock (p + 11)) < 0)
    return NULL;
  p += 19;
  if (*p == '.')
    {
      const char *start = p + 1;
      gsize n;

      p = syn_scan_digits (start, end, &micros);
      n = (gsize) (p - start);
      if (n == 0 || n > 18)
        return NULL;
      if (n < 6)
        micros *= replica_powers_of_ten[6 - n];
      else if (n > 6)
        micros /= replica_powers_of_ten[n - 6];
    }
  if (*p != 'Z')
    return NULL;
  *time_us = cache->day_us + seconds * G_GINT64_CONSTANT (1000000) + (gint64) micros;
  return p + 1;
}

/* The whole token. NULL: done; otherwise what is wrong with it, a sentence for the error. */
char *syn_value_read_number_text (const SynFieldSpec *field,
                                  guint index,
                                  const char *text,
                                  gsize length,
                                  SynEventBuilder *builder) G_GNUC_WARN_UNUSED_RESULT;
char *syn_value_read_time_text (const SynFieldSpec *field,
                                guint index,
                                const char *text,
                                gsize length,
                                SynDayCache *cache,
                                SynEventBuilder *builder) G_GNUC_WARN_UNUSED_RESULT;

/* Whether values of the field are written as numbers: a timestamp with a unit is one. */
static inline gboolean
syn_field_is_number (const SynFieldSpec *field)
{
  return field->type == REPLICA_TYPE_INT64 || field->type == REPLICA_TYPE_DECIMAL
         || field->type == REPLICA_TYPE_DOUBLE
         || (field->type == REPLICA_TYPE_TIMESTAMP && field->unit_us_num != 0);
}

/* "decimal(4)", "a timestamp as 2024-05-01T14:30:00Z", "a timestamp in ms". */
char *syn_field_expectation (const SynFieldSpec *field);

/* µs = floor (number × num / den) + epoch, exact for any JSON number. */
ReplicaReadResult
syn_read_unit_time (const char *text, gsize length, gint64 num, gint64 den, gint64 epoch_us, gint64 *time_us);

/* One UTF-8 sequence of two to four bytes at @p (its first byte is 0x80 or above). Returns the byte after it,
 * or NULL with the first byte that is wrong. Never reads past a sentinel that is no continuation byte. */
const char *syn_utf8_next (const char *p, const char **wrong);

/* In each byte of the result the high bit is set where @w has @c, up to the first such byte (above that there
 * may be more: only the lowest bit set counts). The classic zero-byte test of the bit-twiddling literature.
 */
static inline guint64
syn_bytes_equal (guint64 w, char c)
{
  guint64 x = w ^ (SYN_ONES * (guchar) c);

  return (x - SYN_ONES) & ~x;
}

/* The lowest bit set tells the first of 8 bytes that is @quote, @other, a control character or not ASCII. */
static inline guint64
syn_text_hits (guint64 w, char quote, char other)
{
  return (syn_bytes_equal (w, quote) | syn_bytes_equal (w, other) | ((w - SYN_ONES * 0x20) & ~w) | w)
         & (SYN_ONES * 0x80);
}

/* The first byte from @p on that is @quote, @other, a control character or not ASCII; the sentinel at @end is
 * one. */
static inline const char *
syn_scan_bytes (const char *p, const char *end, char quote, char other)
{
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
  while (end - p >= 8)
    {
      guint64 w, hit;

      memcpy (&w, p, 8);
      hit = syn_text_hits (w, quote, other);
      if (hit != 0)
        return p + (__builtin_ctzll (hit) >> 3);
      p += 8;
    }
#endif
  while ((guchar) *p >= 0x20 && *p != quote && *p != other && (guchar) *p < 0x80)
    p++;
  return p;
}

/* Inside a JSON string. */
static inline const char *
syn_scan_text (const char *p, const char *end)
{
  return syn_scan_bytes (p, end, '"', '\\');
}

/* Inside a CSV cell without quotes. */
static inline const char *
syn_scan_cell (const char *p, const char *end)
{
  return syn_scan_bytes (p, end, '"', ',');
}

G_END_DECLS
