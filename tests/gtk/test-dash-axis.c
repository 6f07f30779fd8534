/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "dash-axis.h"

#include <math.h>

#include "dash-decimate.h"

static void
test_ticks (void)
{
  static const struct
  {
    double min, max;
    guint n_max;
    gboolean has_ticks;
  } rows[] = {
    { 0, 10, 10, TRUE }, { 0, 10, 5, TRUE },        { 0, 1, 5, TRUE },    { 1.0831, 1.0879, 5, TRUE },
    { -5, 5, 4, TRUE },  { 1e9, 1e9 + 4, 4, TRUE }, { 0, 1e-9, 2, TRUE }, { 5, 5, 4, FALSE },
    { 5, 4, 4, FALSE },  { 0, 1, 0, FALSE },
  };
  DashAxisTicks ticks;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      dash_axis_ticks (rows[i].min, rows[i].max, rows[i].n_max, &ticks);
      /* One more than asked for where both ends are multiples. */
      g_assert_cmpuint (ticks.n, <=, rows[i].n_max + (rows[i].has_ticks));
      if (!rows[i].has_ticks)
        {
          g_assert_cmpuint (ticks.n, ==, 0);
          continue;
        }
      g_assert_cmpuint (ticks.n, >, 0);
      for (guint j = 0; j < ticks.n; j++)
        {
          double slack = (rows[i].max - rows[i].min) * 1e-6;

          g_assert_cmpfloat (ticks.values[j], >=, rows[i].min - slack);
          g_assert_cmpfloat (ticks.values[j], <=, rows[i].max + slack);
          g_assert_true (j == 0 || ticks.values[j] > ticks.values[j - 1]);
        }
    }
  dash_axis_ticks (0, 10, 5, &ticks);
  g_assert_cmpuint (ticks.n, ==, 6);
  g_assert_cmpfloat (ticks.values[1], ==, 2);
  g_assert_cmpint (ticks.decimals, ==, 0);
  dash_axis_ticks (0, 1, 5, &ticks);
  g_assert_cmpuint (ticks.n, ==, 6);
  g_assert_cmpfloat_with_epsilon (ticks.values[1], 0.2, 1e-12);
  g_assert_cmpint (ticks.decimals, ==, 1);
  dash_axis_ticks (0, (double) INFINITY, 5, &ticks);
  g_assert_cmpuint (ticks.n, ==, 0);
  dash_axis_ticks (0, (double) NAN, 5, &ticks);
  g_assert_cmpuint (ticks.n, ==, 0);
  dash_axis_ticks (0, 1, 1000, &ticks);
  g_assert_cmpuint (ticks.n, <=, DASH_AXIS_TICKS_MAX);
}

static void
test_times (void)
{
  const gint64 minute = G_TIME_SPAN_MINUTE;
  DashAxisTimes times;

  dash_axis_times (30 * minute + 1, 60 * minute, 6, &times);
  g_assert_cmpuint (times.n, ==, 6);
  g_assert_cmpint (times.times_us[0], ==, 35 * minute);
  g_assert_cmpint (times.times_us[5], ==, 60 * minute);
  g_assert_false (times.show_seconds);
  dash_axis_times (0, 10 * G_TIME_SPAN_SECOND, 6, &times);
  g_assert_true (times.show_seconds);
  g_assert_cmpuint (times.n, ==, 6);
  /* Before 1970 too. */
  dash_axis_times (-10 * minute - 1, -5 * minute, 6, &times);
  g_assert_cmpuint (times.n, >, 0);
  for (guint i = 0; i < times.n; i++)
    {
      g_assert_cmpint (times.times_us[i], >=, -10 * minute - 1);
      g_assert_cmpint (times.times_us[i], <=, -5 * minute);
    }
  dash_axis_times (0, 40 * G_TIME_SPAN_DAY, 6, &times);
  g_assert_true (times.show_date);
  dash_axis_times (0, 0, 6, &times);
  g_assert_cmpuint (times.n, ==, 0);
  /* More than the longest step: some ticks, never too many. */
  dash_axis_times (0, 40000 * G_TIME_SPAN_DAY, 6, &times);
  g_assert_cmpuint (times.n, <=, 6);
}

static void
test_pad (void)
{
  static const double pairs[][2] = { { 1, 2 }, { 5, 5 }, { 0, 0 }, { -3, -3 } };

  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++)
    {
      double min = pairs[i][0], max = pairs[i][1];

      dash_axis_pad (&min, &max);
      g_assert_cmpfloat (min, <, pairs[i][0]);
      g_assert_cmpfloat (max, >, pairs[i][1]);
    }
}

static void
test_decimate (void)
{
  const guint n = 20000, width = 300;
  g_autofree DashPoint *points = g_new (DashPoint, n), *fewer = g_new (DashPoint, n);
  guint n_fewer;

  for (guint i = 0; i < n; i++)
    points[i] = (DashPoint){ (double) i * width / n, sin (i * 0.37) * (i % 101) };
  points[7777].y = 1e6;
  n_fewer = dash_decimate (points, n, fewer);
  g_assert_cmpuint (n_fewer, <=, width * 4);
  for (guint pixel = 0; pixel < width; pixel++)
    {
      double low = INFINITY, high = -INFINITY, fewer_low = INFINITY, fewer_high = -INFINITY;

      for (guint i = 0; i < n; i++)
        if (floor (points[i].x) == pixel)
          low = MIN (low, points[i].y), high = MAX (high, points[i].y);
      for (guint i = 0; i < n_fewer; i++)
        if (floor (fewer[i].x) == pixel)
          fewer_low = MIN (fewer_low, fewer[i].y), fewer_high = MAX (fewer_high, fewer[i].y);
      g_assert_cmpfloat (low, ==, fewer_low);
      g_assert_cmpfloat (high, ==, fewer_high);
    }
  for (guint i = 1; i < n_fewer; i++)
    g_assert_cmpfloat (fewer[i].x, >=, fewer[i - 1].x);
  g_assert_cmpuint (dash_decimate (points, 0, fewer), ==, 0);
  g_assert_cmpuint (dash_decimate (points, 1, fewer), ==, 1);
  /* What is already thin stays as it is. */
  for (guint i = 0; i < 100; i++)
    points[i] = (DashPoint){ i * 3.0, i % 7 };
  g_assert_cmpuint (dash_decimate (points, 100, fewer), ==, 100);
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/axis/ticks", test_ticks);
  g_test_add_func ("/axis/times", test_times);
  g_test_add_func ("/axis/pad", test_pad);
  g_test_add_func ("/axis/decimate", test_decimate);
  return g_test_run ();
}
