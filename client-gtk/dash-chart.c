/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The base of charts: everything but the drawing. Main thread. */

#include "dash-chart.h"

typedef struct
{
  char *title; /* (owned) (nullable) */
  gboolean is_hovered;
  double x, y; /* of the pointer */
} DashChartPrivate;

G_DEFINE_ABSTRACT_TYPE_WITH_PRIVATE (DashChart, dash_chart, GTK_TYPE_WIDGET)

static DashChartPrivate *
get_private (DashChart *self)
{
  return dash_chart_get_instance_private (self);
}

static void
update_label (DashChart *self)
{
  g_autofree char *label = DASH_CHART_GET_CLASS (self)->dup_label (self, get_private (self)->title);

  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label, -1);
}

void
dash_chart_set_title (DashChart *self, const char *title)
{
  DashChartPrivate *priv = get_private (self);

  g_free (priv->title);
  priv->title = g_strdup (title);
  update_label (self);
}

void
dash_chart_refresh (DashChart *self)
{
  update_label (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

gboolean
dash_chart_get_pointer (DashChart *self, double *x, double *y)
{
  DashChartPrivate *priv = get_private (self);

  *x = priv->x;
  *y = priv->y;
  return priv->is_hovered;
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, DashChart *self)
{
  DashChartPrivate *priv = get_private (self);

  priv->is_hovered = TRUE;
  priv->x = x;
  priv->y = y;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
leave_cb (GtkEventControllerMotion *controller, DashChart *self)
{
  get_private (self)->is_hovered = FALSE;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
dash_chart_measure (GtkWidget *widget,
                    GtkOrientation orientation,
                    int for_size,
                    int *minimum,
                    int *natural,
                    int *minimum_baseline,
                    int *natural_baseline)
{
  *minimum = 0;
  *natural = orientation == GTK_ORIENTATION_HORIZONTAL ? 480 : 280;
}

static void
dash_chart_finalize (GObject *object)
{
  g_clear_pointer (&get_private (DASH_CHART (object))->title, g_free);
  G_OBJECT_CLASS (dash_chart_parent_class)->finalize (object);
}

static void
dash_chart_class_init (DashChartClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = dash_chart_finalize;
  widget_class->measure = dash_chart_measure;
  gtk_widget_class_set_css_name (widget_class, "dashchart");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_IMG);
}

static void
dash_chart_init (DashChart *self)
{
  GtkEventController *motion = gtk_event_controller_motion_new ();

  g_signal_connect (motion, "motion", G_CALLBACK (motion_cb), self);
  g_signal_connect (motion, "leave", G_CALLBACK (leave_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), motion);
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_hexpand (GTK_WIDGET (self), TRUE);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
}
