/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A plot as an inline SVG: lines over two axes. Colours are classes of the page that it stands in (s0, s1, … for lines and their names; grid, tick). One thread. */

G_BEGIN_DECLS

typedef struct
{
  double x, y;
} CtlPlotPoint;

typedef struct
{
  const char *name;
  GArray *points; /* CtlPlotPoint, by x; borrowed */
} CtlPlotLine;

typedef struct
{
  const char *title; /* what an axis shows is said in it */
  const CtlPlotLine *lines;
  guint n_lines; /* at most 4 */
  gboolean log_y; /* then values below 1 are 1 */
  /* Where x is not a number for people: names at places, instead of round numbers. */
  const CtlPlotLine *x_marks; /* (nullable): each with one point, of which x counts */
  guint n_x_marks;
  void (*format_y) (double value, char *out); /* into CTL_PLOT_NUMBER_MAX bytes */
  const char *x_unit; /* behind the numbers of x */
} CtlPlot;

#define CTL_PLOT_NUMBER_MAX 32

/* Appends an <svg>; a line without points is left out, and a plot without any says so. Texts are escaped. */
void ctl_plot_append (GString *html, const CtlPlot *plot);
/* Text for HTML: escaped, control characters and broken UTF-8 replaced. */
void ctl_plot_append_text (GString *html, const char *text);

G_END_DECLS
