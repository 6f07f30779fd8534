/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>
#include "dash-axis.h"

G_BEGIN_DECLS

/**
 * DashPlot:
 * @area: where the data is drawn, in the widget
 * @min: the value at its lower edge
 * @max: the value at its upper edge
 * @min_us: the time at its left edge
 * @max_us: the time at its right edge
 * @decimals: of readouts and labels of values
 * @has_marker: whether dash_plot_snapshot_marker() will be used, so that labels give way to it
 * @marker: with which value
 *
 * The frame of a chart: axes, grid lines and labels; what candles and lines have in common.
 */
typedef struct
{
  graphene_rect_t area;
  double min, max;
  gint64 min_us, max_us;
  int decimals;
  gboolean has_marker;
  double marker;
} DashPlot;

/* Leaves room in @widget for a line of readout above, the value labels on the right and the time labels
 * below. */
void dash_plot_place (DashPlot *self, GtkWidget *widget);
float dash_plot_get_x (const DashPlot *self, gint64 time_us);
float dash_plot_get_y (const DashPlot *self, double value);
gint64 dash_plot_get_time (const DashPlot *self, double x);
double dash_plot_get_value (const DashPlot *self, double y);
void dash_plot_snapshot_axes (const DashPlot *self, GtkWidget *widget, GtkSnapshot *snapshot);
/* Cross hairs at (@x, @y) with their value and time; @y below 0: only the time. */
void dash_plot_snapshot_cross (
    const DashPlot *self, GtkWidget *widget, GtkSnapshot *snapshot, float x, float y, gint64 time_us);
/* A value on the value axis, on a coloured ground. */
void dash_plot_snapshot_marker (
    const DashPlot *self, GtkWidget *widget, GtkSnapshot *snapshot, double value, const GdkRGBA *color);
/* Plain text, never markup. Returns its width. */
float dash_plot_snapshot_text (
    GtkWidget *widget, GtkSnapshot *snapshot, const char *text, float x, float y, const GdkRGBA *color);

G_END_DECLS
