/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Where the ticks of a chart's axes are. Pure functions, no display. */

#include "dash-axis.h"

#include <math.h>

static double
nice_step (double least)
{
  double power = pow (10, floor (log10 (least)));

  for (guint i = 0; i < 3; i++)
    {
      double step = power * (i == 0 ? 1 : i == 1 ? 2 : 5);

      if (step >= least * (1 - 1e-9))
        return step;
    }
  return power * 10;
}

void
dash_axis_ticks (double min, double max, guint n_max, DashAxisTicks *ticks)
{
  double step, index, last;

  *ticks = (DashAxisTicks){ 0 };
  n_max = MIN (n_max, DASH_AXIS_TICKS_MAX - 1);
  if (!(max > min) || n_max < 1 || !isfinite (max - min))
    return;

  step = nice_step ((max - min) / n_max);
  ticks->decimals = (int) CLAMP (-floor (log10 (step) + 1e-9), 0, 12);
  /* Counted by index: adding a step again and again would drift. */
  index = ceil (min / step - 1e-9);
  last = floor (max / step + 1e-9);
  for (; index <= last && ticks->n <= n_max; index++)
    ticks->values[ticks->n++] = index * step;
}

void
dash_axis_times (gint64 min_us, gint64 max_us, guint n_max, DashAxisTimes *times)
{
  static const gint64 steps_s[] = {
    1,     2,     5,         10,        15,         30,         60,         120,
    300,   600,   900,       1800,      3600,       7200,       10800,      21600,
    43200, 86400, 2 * 86400, 7 * 86400, 14 * 86400, 28 * 86400, 91 * 86400, 364 * 86400,
  };
  gint64 step_us = 0, time_us;

  *times = (DashAxisTimes){ 0 };
  n_max = MIN (n_max, DASH_AXIS_TICKS_MAX);
  if (max_us <= min_us || n_max < 1)
    return;

  for (guint i = 0; i < G_N_ELEMENTS (steps_s); i++)
    {
      step_us = steps_s[i] * G_TIME_SPAN_SECOND;
      if ((max_us - min_us) / step_us < n_max)
        break;
    }
  times->show_seconds = step_us < G_TIME_SPAN_MINUTE;
  times->show_date = step_us >= G_TIME_SPAN_DAY;
  time_us = min_us / step_us * step_us;
  while (time_us < min_us)
    time_us += step_us;
  for (; time_us <= max_us && times->n < n_max; time_us += step_us)
    times->times_us[times->n++] = time_us;
}

void
dash_axis_pad (double *min, double *max)
{
  double pad = (*max - *min) * 0.06;

  if (pad <= 0)
    pad = *max != 0 ? fabs (*max) * 0.001 : 1;
  *min -= pad;
  *max += pad;
}
