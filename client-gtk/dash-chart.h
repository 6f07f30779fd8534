/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define DASH_TYPE_CHART (dash_chart_get_type ())
/**
 * DashChart:
 *
 * What charts have in common: a place that grows, a title, where the pointer is, and a text for who cannot see them.
 */
G_DECLARE_DERIVABLE_TYPE (DashChart, dash_chart, DASH, CHART, GtkWidget)

/**
 * DashChartClass:
 * @dup_label: what assistive technology is told; @title: (nullable)
 */
struct _DashChartClass
{
  GtkWidgetClass parent_class;
  char *(*dup_label) (DashChart *self, const char *title);
};

void dash_chart_set_title (DashChart *self, const char *title);
/* What is shown is another: tells assistive technology, and draws. */
void dash_chart_refresh (DashChart *self);
/* Whether the pointer is in it, and then where. */
gboolean dash_chart_get_pointer (DashChart *self, double *x, double *y);

G_END_DECLS
