/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Dates and times of day, in UTC and the proleptic Gregorian calendar, before 1970 too; weekdays and weeks are ISO 8601's
 * (Monday is 1). GDateTime was rejected: an allocation a value, and only the years 1 to 9999. Any thread, one register at a
 * time. */
#include "syn-program-private.h"

#include "replica-number.h"

#include <string.h>

#define US_PER_DAY G_GINT64_CONSTANT (86400000000)

static inline gint64
floor_div (gint64 a, gint64 b)
{
  gint64 quotient = a / b;

  return quotient - (a % b < 0);
}

/* Not by the start of the day, which the smallest times have none of. */
static inline gint64
get_of_day (gint64 time_us)
{
  gint64 rest = time_us % US_PER_DAY;

  return rest < 0 ? rest + US_PER_DAY : rest;
}

/* A day's date, remembered: neighbours are mostly of one day. */
typedef struct {
  gint64 days; /* since 1970-01-01 */
  gint64 year;
  guint month, day;
} Date;

#define DATE_OF_1970 (Date){ 0, 1970, 1, 1 }

static inline void
set_date (Date *self, gint64 days)
{
  if (days == self->days)
    return;
  self->days = days;
  replica_date_from_days (days, &self->year, &self->month, &self->day);
}

/* 1970-01-01 was a Thursday. */
static inline gint64
get_weekday (gint64 days)
{
  return days + 3 - floor_div (days + 3, 7) * 7 + 1;
}

#define PART_ROWS(RESULT)                                                                                    \
  for (guint i = 0; i < n_rows; i++)                                                                         \
    data[i] = (RESULT);                                                                                      \
  break;
#define DATE_ROWS(RESULT)                                                                                    \
  for (guint i = 0; i < n_rows; i++)                                                                         \
    {                                                                                                        \
      set_date (&date, floor_div (x[i], US_PER_DAY));                                                        \
      data[i] = (RESULT);                                                                                    \
    }                                                                                                        \
  break;
#define OF_DAY(us, unit) (get_of_day (us) / (unit))

void
syn_kernel_time_part (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  gint64 *data = syn_register_data (out, (gsize)n_rows * sizeof (gint64));
  const gint64 *x = args[0]->data;
  Date date = DATE_OF_1970;

  syn_register_set_validity (out, args[0], NULL, n_rows);
  switch ((SynTimePart)step->digits)
    {
    case SYN_PART_YEAR:
      DATE_ROWS (date.year)
    case SYN_PART_MONTH:
      DATE_ROWS (date.month)
    case SYN_PART_DAY:
      DATE_ROWS (date.day)
    case SYN_PART_HOUR:
      PART_ROWS (OF_DAY (x[i], G_GINT64_CONSTANT (3600000000)))
    case SYN_PART_MINUTE:
      PART_ROWS (OF_DAY (x[i], G_GINT64_CONSTANT (60000000)) % 60)
    case SYN_PART_SECOND:
      PART_ROWS (OF_DAY (x[i], G_GINT64_CONSTANT (1000000)) % 60)
    default:
      PART_ROWS (get_weekday (floor_div (x[i], US_PER_DAY)))
    }
}

/* ---- the start of what a time lies in ---- */

static gboolean
truncate_time (SynTruncUnit unit, gint64 duration_us, gint64 time_us, Date *date, gint64 *result)
{
  gint64 days = floor_div (time_us, US_PER_DAY);

  switch (unit)
    {
    case SYN_TRUNC_DURATION:
      return !__builtin_mul_overflow (floor_div (time_us, duration_us), duration_us, result);
    case SYN_TRUNC_WEEK:
      days -= get_weekday (days) - 1;
      break;
    case SYN_TRUNC_MONTH:
      set_date (date, days);
      days -= date->day - 1;
      break;
    case SYN_TRUNC_QUARTER:
      set_date (date, days);
      days = replica_days_from_date (date->year, (date->month - 1) / 3 * 3 + 1, 1);
      break;
    default:
      set_date (date, days);
      days = replica_days_from_date (date->year, 1, 1);
    }
  return !__builtin_mul_overflow (days, US_PER_DAY, result);
}

void
syn_kernel_trunc (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  gint64 *data = syn_register_data (out, (gsize)n_rows * sizeof (gint64));
  const gint64 *x = args[0]->data;
  SynTruncUnit unit = (SynTruncUnit)step->digits;
  gint64 duration_us = (gint64)step->constant;
  guint8 *validity = NULL;
  Date date = DATE_OF_1970;

  syn_register_set_validity (out, args[0], NULL, n_rows);
  for (guint i = 0; i < n_rows; i++)
    {
      data[i] = 0;
      if (truncate_time (unit, duration_us, x[i], &date, &data[i]))
        continue;
      /* The smallest times begin in what is not a time any more. */
      if (validity == NULL)
        validity = syn_register_ensure_validity (out, n_rows);
      syn_set_null (validity, i);
    }
}

/* ---- as text ---- */

static void
append_year (GString *text, gint64 year)
{
  /* As timestamps are written: beyond four digits, with a sign. */
  if (year < 0 || year > 9999)
    g_string_append_c (text, year < 0 ? '-' : '+');
  g_string_append_printf (text, "%04" G_GINT64_FORMAT, ABS (year));
}

static void
append_two (GString *text, gint64 value)
{
  g_string_append_c (text, (char)('0' + value / 10));
  g_string_append_c (text, (char)('0' + value % 10));
}

/* The compiler has checked the format. */
static void
append_time (GString *text, const char *format, gint64 time_us, Date *date)
{
  gint64 days = floor_div (time_us, US_PER_DAY), of_day = get_of_day (time_us);

  set_date (date, days);
  for (const char *c = format; *c != '\0'; c++)
    {
      if (*c != '%')
        {
          g_string_append_c (text, *c);
          continue;
        }
      switch (*++c)
        {
        case 'Y':
          append_year (text, date->year);
          break;
        case 'm':
          append_two (text, date->month);
          break;
        case 'd':
          append_two (text, date->day);
          break;
        case 'H':
          append_two (text, of_day / G_GINT64_CONSTANT (3600000000));
          break;
        case 'M':
          append_two (text, of_day / 60000000 % 60);
          break;
        case 'S':
          append_two (text, of_day / 1000000 % 60);
          break;
        case 'f':
          g_string_append_printf (text, "%06d", (int)(of_day % 1000000));
          break;
        case 'j':
          g_string_append_printf (text, "%03d", (int)(days - replica_days_from_date (date->year, 1, 1)) + 1);
          break;
        case 'u':
          g_string_append_c (text, (char)('0' + get_weekday (days)));
          break;
        default:
          g_string_append_c (text, '%');
        }
    }
}

void
syn_kernel_format_time (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  const gint64 *x = column->data;
  guint32 *data = syn_register_data (out, (gsize)n_rows * sizeof (guint32));
  gint64 unit = step->flag ? US_PER_DAY : 1, last = 0; /* flag: only the date is asked for */
  gboolean any = FALSE, fits = TRUE;
  Date date = DATE_OF_1970;
  guint32 code = 0;

  syn_dict_reset (&out->dict);
  syn_register_set_validity (out, column, NULL, n_rows);
  for (guint i = 0; i < n_rows; i++)
    {
      gint64 at = floor_div (x[i], unit);

      data[i] = 0;
      if (replica_column_is_null (column, i))
        continue;
      if (!any || at != last)
        {
          GString *text = syn_register_text (out);

          append_time (text, step->text, x[i], &date);
          fits = syn_register_intern (out, text->str, text->len, &code);
          last = at;
          any = TRUE;
        }
      data[i] = fits ? code : 0;
      if (!fits)
        syn_set_null (syn_register_ensure_validity (out, n_rows), i);
    }
  syn_register_use_dict (out);
}
