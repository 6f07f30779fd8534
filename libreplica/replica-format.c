/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The text of cells, ages and axis labels, the same on every dashboard: pure functions, no display, no locale, any
 * thread. What a cell shows is rounded for the eye; replica_column_format() has every digit, and the tooltip
 * and the clipboard use that. printf's own grouping flag was rejected: it follows the locale, and two desks
 * must read the same. */

#include "replica-format.h"
#include "replica-number.h"

#include <math.h>
#include <string.h>

#define DAY_US (24 * 3600 * G_TIME_SPAN_SECOND)
/* Values looked at to learn a column's magnitude; more are sampled evenly. */
#define OBSERVE_MAX 4096
/* From this up, and below that down, doubles are written with an exponent. */
#define MAGNITUDE_LARGE 15
#define MAGNITUDE_SMALL (-9)

static gint64
floor_div (gint64 a, gint64 b)
{
  gint64 q = a / b;

  return q - (a % b < 0);
}

void
replica_format_init (ReplicaFormat *self, const ReplicaColumn *column)
{
  *self = (ReplicaFormat){
    .type = column->type,
    .scale = column->scale,
    .magnitude = REPLICA_FORMAT_MAGNITUDE_NONE,
  };
  /* Names and numbers that are names are not amounts: process 12345, not 12,345. */
  self->group = !column->is_key && strcmp (column->name, "id") != 0 && strcmp (column->name, "pid") != 0
                && !g_str_has_suffix (column->name, "_id")
                && (column->type == REPLICA_TYPE_INT64 || column->type == REPLICA_TYPE_DECIMAL
                    || column->type == REPLICA_TYPE_DOUBLE);
}

/* Digits after the point that @value needs, up to one more than those that are shown of a rounded value. */
static int
count_digits (double value)
{
  int digits = 0;

  /* What is left of 0.1 + 0.2 is not a digit. */
  for (; digits <= REPLICA_FORMAT_DIGITS_MAX && fabs (value - nearbyint (value)) > fabs (value) * 1e-12;
       digits++)
    value *= 10;
  return digits;
}

static gboolean
uses_exponent (const ReplicaFormat *self)
{
  return self->magnitude != REPLICA_FORMAT_MAGNITUDE_NONE
         && (self->magnitude >= MAGNITUDE_LARGE || self->magnitude < MAGNITUDE_SMALL);
}

static int
get_decimals (const ReplicaFormat *self)
{
  return self->digits <= REPLICA_FORMAT_DIGITS_MAX ? self->digits : replica_format_decimals (self->magnitude);
}

gboolean
replica_format_is_numeric (const ReplicaFormat *self)
{
  return self->type == REPLICA_TYPE_INT64 || self->type == REPLICA_TYPE_DOUBLE
         || self->type == REPLICA_TYPE_DECIMAL || self->type == REPLICA_TYPE_TIMESTAMP;
}

gboolean
replica_format_observe (ReplicaFormat *self, const ReplicaColumn *column, gint64 snapshot_time_us)
{
  ReplicaFormat before = *self;
  guint stride = column->n_rows / OBSERVE_MAX + 1;

  if (self->type == REPLICA_TYPE_DOUBLE)
    {
      double largest = 0;

      for (guint row = 0; row < column->n_rows; row += stride)
        if (!replica_column_is_null (column, row))
          {
            double value = ((const double *) column->data)[row];

            largest = MAX (largest, fabs (value));
            if (self->digits <= REPLICA_FORMAT_DIGITS_MAX)
              self->digits = MAX (self->digits, count_digits (value));
          }
      if (largest > 0)
        self->magnitude = MAX (self->magnitude, (int) floor (log10 (largest)));
      return get_decimals (&before) != get_decimals (self) || uses_exponent (&before) != uses_exponent (self);
    }

  if (self->type == REPLICA_TYPE_TIMESTAMP)
    {
      gint64 day = floor_div (snapshot_time_us, DAY_US);

      for (guint row = 0; row < column->n_rows && !(self->show_date && self->show_fraction); row += stride)
        if (!replica_column_is_null (column, row))
          {
            gint64 time_us = replica_column_get_int64 (column, row);

            self->show_date |= floor_div (time_us, DAY_US) != day;
            self->show_fraction |= time_us % G_TIME_SPAN_SECOND != 0;
          }
      return before.show_date != self->show_date || before.show_fraction != self->show_fraction;
    }

  return FALSE;
}

int
replica_format_decimals (int magnitude)
{
  if (magnitude == REPLICA_FORMAT_MAGNITUDE_NONE || magnitude >= 2)
    return 2;
  if (magnitude >= 0)
    return 3;
  /* Four significant digits of the largest value; what is smaller than that by far is noise beside it. */
  return MIN (3 - magnitude, 12);
}

/* Puts commas between the thousands of the number in @buffer; returns its new length. */
static gsize
group_thousands (char *buffer, gsize length)
{
  gsize start = buffer[0] == '-';
  gsize digits = strspn (buffer + start, "0123456789");
  gsize commas = digits > 0 ? (digits - 1) / 3 : 0;
  char *from = buffer + start + digits;
  char *to = from + commas;

  if (commas == 0)
    return length;
  memmove (to, from, length - start - digits + 1);
  for (gsize i = 1; i <= digits; i++)
    {
      *--to = *--from;
      if (i % 3 == 0 && i < digits)
        *--to = ',';
    }
  return length + commas;
}

/* "-0.00" would say that something is below zero where the eye sees nothing. */
static gsize
strip_negative_zero (char *buffer, gsize length)
{
  if (buffer[0] == '-' && strspn (buffer + 1, "0.") == length - 1)
    {
      memmove (buffer, buffer + 1, length);
      length--;
    }
  return length;
}

static gsize
write_double (char *buffer, double value, int decimals, gboolean exponent)
{
  char format[8];
  gsize length;

  g_snprintf (format, sizeof format, exponent ? "%%.%de" : "%%.%df", exponent ? 5 : decimals);
  g_ascii_formatd (buffer, REPLICA_TEXT_MAX, format, value);
  length = strip_negative_zero (buffer, strlen (buffer));
  return exponent ? length : group_thousands (buffer, length);
}

const char *
replica_format_time (gint64 time_us, gboolean show_date, gboolean show_fraction, char *buffer)
{
  gint64 days = floor_div (time_us, DAY_US);
  gint64 in_day_us = time_us - days * DAY_US;
  int seconds = (int) (in_day_us / G_TIME_SPAN_SECOND);
  int length = 0;

  if (show_date)
    {
      gint64 year;
      guint month, day;

      replica_date_from_days (days, &year, &month, &day);
      length = g_snprintf (buffer, 64, "%04" G_GINT64_FORMAT "-%02u-%02u ", year, month, day);
    }
  length +=
      g_snprintf (buffer + length, 16, "%02d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (show_fraction)
    g_snprintf (buffer + length, 8, ".%03d", (int) (in_day_us % G_TIME_SPAN_SECOND / 1000));
  return buffer;
}

const char *
replica_format_cell (const ReplicaFormat *self, const ReplicaColumn *column, guint row, char *buffer, gsize *length)
{
  if (replica_column_is_null (column, row))
    {
      *length = 0;
      return "";
    }

  switch (self->type)
    {
    case REPLICA_TYPE_STRING:
      return replica_column_get_string (column, row, length);
    case REPLICA_TYPE_BOOL:
      {
        const char *text = replica_column_get_int64 (column, row) ? "yes" : "no";
        *length = strlen (text);
        return text;
      }
    case REPLICA_TYPE_DOUBLE:
      *length = write_double (buffer, ((const double *) column->data)[row], get_decimals (self),
                              uses_exponent (self));
      return buffer;
    case REPLICA_TYPE_TIMESTAMP:
      replica_format_time (replica_column_get_int64 (column, row), self->show_date, self->show_fraction, buffer);
      *length = strlen (buffer);
      return buffer;
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_DECIMAL:
      {
        const char *text = replica_column_format (column, row, buffer, length);

        if (text != buffer)
          memmove (buffer, text, *length + 1);
        if (self->group)
          *length = group_thousands (buffer, *length);
        return buffer;
      }
    default:
      g_return_val_if_reached ("");
    }
}

const char *
replica_format_double (double value, int decimals, char *buffer)
{
  write_double (buffer, value, decimals, fabs (value) >= 1e15);
  return buffer;
}

const char *
replica_format_count (guint64 value, char *buffer)
{
  int length = g_snprintf (buffer, 32, "%" G_GUINT64_FORMAT, value);

  group_thousands (buffer, (gsize) length);
  return buffer;
}

const char *
replica_format_age (gint64 age_us, char *buffer)
{
  gint64 seconds = age_us / G_TIME_SPAN_SECOND;

  if (age_us < 0)
    g_strlcpy (buffer, "–", 32);
  else if (seconds < 10)
    g_snprintf (buffer, 32, "%d.%d s", (int) seconds, (int) (age_us / 100000 % 10));
  else if (seconds < 60)
    g_snprintf (buffer, 32, "%d s", (int) seconds);
  else if (seconds < 3600)
    g_snprintf (buffer, 32, "%d min %02d s", (int) (seconds / 60), (int) (seconds % 60));
  else
    g_snprintf (buffer, 32, "%" G_GINT64_FORMAT " h %02d min", seconds / 3600, (int) (seconds / 60 % 60));
  return buffer;
}

const char *
replica_format_rtt (gint64 rtt_us, char *buffer)
{
  if (rtt_us < 0)
    g_strlcpy (buffer, "–", 32);
  else if (rtt_us < 10000)
    g_snprintf (buffer, 32, "%d.%d ms", (int) (rtt_us / 1000), (int) (rtt_us / 100 % 10));
  else
    g_snprintf (buffer, 32, "%" G_GINT64_FORMAT " ms", rtt_us / 1000);
  return buffer;
}

char *
replica_format_dup_key (ReplicaSnapshot *snapshot, guint row)
{
  g_autoptr (GString) key = g_string_new (NULL);

  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      char buffer[REPLICA_TEXT_MAX];
      const char *text;
      gsize length;

      if (!column->is_key)
        continue;
      text = replica_column_format (column, row, buffer, &length);
      if (key->len > 0)
        g_string_append (key, " · ");
      g_string_append_len (key, text, (gssize) length);
    }
  return g_string_free (g_steal_pointer (&key), FALSE);
}
