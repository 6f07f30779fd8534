/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define DASH_AXIS_TICKS_MAX 32

/**
 * DashAxisTicks:
 * @n: how many
 * @values: where they are, ascending
 * @decimals: digits after the point that tell them apart
 *
 * The ticks of a value axis: multiples of 1, 2 or 5 times a power of ten.
 */
typedef struct
{
  guint n;
  double values[DASH_AXIS_TICKS_MAX];
  int decimals;
} DashAxisTicks;

/**
 * DashAxisTimes:
 * @n: how many
 * @times_us: where they are, ascending
 * @show_seconds: whether the labels need seconds
 * @show_date: whether the ticks are days
 */
typedef struct
{
  guint n;
  gint64 times_us[DASH_AXIS_TICKS_MAX];
  gboolean show_seconds;
  gboolean show_date;
} DashAxisTimes;

/* @n_max steps at most within @min to @max, so one tick more where both are ticks. */
void dash_axis_ticks (double min, double max, guint n_max, DashAxisTicks *ticks);
/* At most @n_max ticks. */
void dash_axis_times (gint64 min_us, gint64 max_us, guint n_max, DashAxisTimes *times);
/* Widens a range so that what is drawn does not touch the border; an empty one becomes something around it.
 */
void dash_axis_pad (double *min, double *max);

G_END_DECLS
