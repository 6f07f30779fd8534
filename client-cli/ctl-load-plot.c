/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Draws lines for the page of a load test. Made here rather than by a library of scripts: the page is to open anywhere, years later,
 * without a network, and print. */

#include "ctl-load-plot.h"

#include <math.h>
#include <string.h>

#define WIDTH 640.0
#define HEIGHT 260.0
#define LEFT 76.0
#define RIGHT 16.0
#define TOP 44.0
#define BOTTOM 30.0
#define POINTS_MAX 600u /* of a line: more are not seen */

typedef struct
{
  double min, max;
  gboolean is_log;
} Axis;

void
ctl_plot_append_text (GString *html, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);

  for (const char *at = valid; *at != '\0'; at = g_utf8_next_char (at))
    {
      gunichar c = g_utf8_get_char (at);

      if (c == '<')
        g_string_append (html, "&lt;");
      else if (c == '>')
        g_string_append (html, "&gt;");
      else if (c == '&')
        g_string_append (html, "&amp;");
      else if (c == '"')
        g_string_append (html, "&quot;");
      else if (g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
        g_string_append (html, "\xef\xbf\xbd"); /* U+FFFD */
      else
        g_string_append_unichar (html, c);
    }
}

/* Numbers of a page have a point, whatever the locale. */
static void
append_number (GString *html, double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  g_string_append (html, g_ascii_formatd (text, sizeof text, "%.1f", value));
}

static double
to_scale (const Axis *axis, double value)
{
  if (axis->is_log)
    return (log10 (MAX (value, 1)) - log10 (axis->min)) / (log10 (axis->max) - log10 (axis->min));
  return (value - axis->min) / (axis->max - axis->min);
}

static double
x_of (const Axis *axis, double value)
{
  return LEFT + CLAMP (to_scale (axis, value), 0, 1) * (WIDTH - LEFT - RIGHT);
}

static double
y_of (const Axis *axis, double value)
{
  return HEIGHT - BOTTOM - CLAMP (to_scale (axis, value), 0, 1) * (HEIGHT - TOP - BOTTOM);
}

/* A step of 1, 2 or 5 times a power of ten that is taken about @n times. */
static double
nice_step (double range, guint n)
{
  double raw = range / n, power = pow (10, floor (log10 (raw)));

  return raw <= power ? power : raw <= 2 * power ? 2 * power : raw <= 5 * power ? 5 * power : 10 * power;
}

static void
find_axes (const CtlPlot *plot, Axis *x, Axis *y)
{
  gboolean any = FALSE;

  *x = (Axis) { 0 };
  *y = (Axis) { .is_log = plot->log_y };
  for (guint i = 0; i < plot->n_lines; i++)
    for (guint k = 0; k < plot->lines[i].points->len; k++)
      {
        const CtlPlotPoint *point = &g_array_index (plot->lines[i].points, CtlPlotPoint, k);

        x->min = any ? MIN (x->min, point->x) : point->x;
        x->max = any ? MAX (x->max, point->x) : point->x;
        y->min = any ? MIN (y->min, point->y) : point->y;
        y->max = any ? MAX (y->max, point->y) : point->y;
        any = TRUE;
      }
  for (guint i = 0; i < plot->n_x_marks; i++)
    x->max = MAX (x->max, g_array_index (plot->x_marks[i].points, CtlPlotPoint, 0).x);
  if (x->max <= x->min)
    x->max = x->min + 1;
  if (y->is_log)
    {
      y->min = pow (10, floor (log10 (MAX (y->min, 1))));
      y->max = pow (10, ceil (log10 (MAX (y->max, 1))));
      if (y->max <= y->min)
        y->max = y->min * 10;
    }
  else
    {
      double step;

      y->min = 0;
      if (y->max <= 0)
        y->max = 1;
      step = nice_step (y->max, 4);
      y->max = ceil (y->max / step - 1e-9) * step;
    }
}

static void
append_line (GString *html, const char *class, double x1, double y1, double x2, double y2)
{
  g_string_append_printf (html, "<path class=\"%s\" d=\"M", class);
  append_number (html, x1);
  g_string_append_c (html, ' ');
  append_number (html, y1);
  g_string_append_c (html, 'L');
  append_number (html, x2);
  g_string_append_c (html, ' ');
  append_number (html, y2);
  g_string_append (html, "\"/>");
}

static void
append_label (GString *html, const char *class, const char *anchor, double x, double y, const char *text)
{
  g_string_append_printf (html, "<text class=\"%s\" text-anchor=\"%s\" x=\"", class, anchor);
  append_number (html, x);
  g_string_append (html, "\" y=\"");
  append_number (html, y);
  g_string_append (html, "\">");
  ctl_plot_append_text (html, text);
  g_string_append (html, "</text>");
}

static void
append_y_tick (GString *html, const CtlPlot *plot, const Axis *axis, double value)
{
  char text[CTL_PLOT_NUMBER_MAX];
  double y = y_of (axis, value);

  plot->format_y (value, text);
  append_line (html, "grid", LEFT, y, WIDTH - RIGHT, y);
  append_label (html, "tick", "end", LEFT - 6, y + 4, text);
}

static void
append_axes (GString *html, const CtlPlot *plot, const Axis *x, const Axis *y)
{
  if (y->is_log)
    {
      for (double value = y->min; value <= y->max * 1.001; value *= 10)
        append_y_tick (html, plot, y, value);
    }
  else
    {
      double step = nice_step (y->max, 4);

      for (guint i = 0; i * step <= y->max * 1.001; i++)
        append_y_tick (html, plot, y, i * step);
    }
  for (guint i = 0; i < plot->n_x_marks; i++)
    append_label (html, "tick", "middle", MIN (x_of (x, g_array_index (plot->x_marks[i].points, CtlPlotPoint, 0).x), WIDTH - RIGHT - 14), HEIGHT - 10,
                  plot->x_marks[i].name);
  if (plot->n_x_marks == 0)
    {
      double step = nice_step (x->max - x->min, 6);

      for (double value = ceil (x->min / step) * step; value <= x->max + step / 1000; value += step)
        {
          g_autofree char *text = g_strdup_printf ("%.*f%s", step < 1 ? 1 : 0, value, plot->x_unit);

          append_label (html, "tick", "middle", x_of (x, value), HEIGHT - 10, text);
        }
    }
}

static void
append_points (GString *html, guint number, const CtlPlotLine *line, const Axis *x, const Axis *y)
{
  guint step = (line->points->len + POINTS_MAX - 1) / POINTS_MAX;

  g_string_append_printf (html, "<path class=\"line s%u\" d=\"", number);
  for (guint from = 0; from < line->points->len; from += step)
    {
      const CtlPlotPoint *highest = &g_array_index (line->points, CtlPlotPoint, from);

      /* Of those that share a place the highest: a peak must not be lost. */
      for (guint i = from + 1; i < MIN (from + step, line->points->len); i++)
        if (g_array_index (line->points, CtlPlotPoint, i).y > highest->y)
          highest = &g_array_index (line->points, CtlPlotPoint, i);
      g_string_append_c (html, from == 0 ? 'M' : 'L');
      append_number (html, x_of (x, highest->x));
      g_string_append_c (html, ' ');
      append_number (html, y_of (y, highest->y));
    }
  g_string_append (html, "\"/>");
}

void
ctl_plot_append (GString *html, const CtlPlot *plot)
{
  Axis x, y;
  double name_at = WIDTH - RIGHT;
  gboolean any = FALSE;

  find_axes (plot, &x, &y);
  g_string_append_printf (html, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\"><title>", WIDTH, HEIGHT);
  ctl_plot_append_text (html, plot->title);
  g_string_append (html, "</title>");
  append_label (html, "title", "start", 8, 20, plot->title);
  for (guint i = 0; i < plot->n_lines; i++)
    any |= plot->lines[i].points->len > 0;
  if (!any)
    append_label (html, "tick", "middle", WIDTH / 2, HEIGHT / 2, "nothing was seen");
  else
    append_axes (html, plot, &x, &y);
  for (guint i = plot->n_lines; i-- > 0;)
    {
      g_autofree char *class = g_strdup_printf ("name s%u", i);

      if (plot->lines[i].points->len == 0)
        continue;
      append_points (html, i, &plot->lines[i], &x, &y);
      if (plot->n_lines == 1)
        continue;
      append_label (html, class, "end", name_at, 20, plot->lines[i].name);
      name_at -= 16 + 7.0 * (double) g_utf8_strlen (plot->lines[i].name, -1);
    }
  g_string_append (html, "</svg>\n");
}
