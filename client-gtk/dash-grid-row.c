/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One visible row of a grid: a light widget without children, recycled as the grid scrolls. It is a widget at
 * all, and not just a part of the grid's drawing, so that GTK keeps the render nodes of those rows that did
 * not change, and so that assistive technology finds a row with a text. Main thread. */

#include "dash-grid-row.h"

struct _DashGridRow
{
  GtkWidget parent_instance;
  const DashGridPaint *paint; /* (unowned): the grid's */
  DashCells *cells;           /* (owned) */
  char *label;                /* (owned) (nullable) */
  gboolean is_selected;
  gboolean is_odd;
};

G_DEFINE_FINAL_TYPE (DashGridRow, dash_grid_row, GTK_TYPE_WIDGET)

GtkWidget *
dash_grid_row_new (const DashGridPaint *paint)
{
  DashGridRow *self = g_object_new (DASH_TYPE_GRID_ROW, NULL);

  self->paint = paint;
  return GTK_WIDGET (self);
}

DashCells *
dash_grid_row_get_cells (DashGridRow *self)
{
  return self->cells;
}

void
dash_grid_row_swap (DashGridRow *self, DashGridRow *other)
{
  DashCells *cells = self->cells;

  self->cells = other->cells;
  other->cells = cells;
  gtk_widget_queue_draw (GTK_WIDGET (self));
  gtk_widget_queue_draw (GTK_WIDGET (other));
}

void
dash_grid_row_set_state (DashGridRow *self, gboolean is_selected, gboolean is_odd)
{
  if (self->is_selected == is_selected && self->is_odd == is_odd)
    return;
  if (self->is_selected != is_selected)
    gtk_accessible_update_state (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_STATE_SELECTED, is_selected, -1);
  self->is_selected = is_selected;
  self->is_odd = is_odd;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
dash_grid_row_set_label (DashGridRow *self, const char *label)
{
  if (g_strcmp0 (self->label, label) == 0)
    return;
  g_free (self->label);
  self->label = g_strdup (label);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL,
                                  label != NULL ? label : "", -1);
}

static void
dash_grid_row_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  DashGridRow *self = DASH_GRID_ROW (widget);
  const DashGridStyle *style = &self->paint->style;
  float width = (float) gtk_widget_get_width (widget);
  float height = (float) style->row_height;

  if (self->cells->row == DASH_CELLS_NONE)
    return;
  if (self->is_selected)
    {
      GdkRGBA color = style->accent;

      color.alpha = self->paint->has_focus ? 0.38f : 0.22f;
      gtk_snapshot_append_color (snapshot, &color, &GRAPHENE_RECT_INIT (0, 0, width, height));
      gtk_snapshot_append_color (snapshot, &style->accent, &GRAPHENE_RECT_INIT (0, 0, 3, height));
    }
  else if (self->is_odd)
    gtk_snapshot_append_color (snapshot, &style->stripe, &GRAPHENE_RECT_INIT (0, 0, width, height));
  dash_cells_snapshot (self->cells, &self->paint->columns, style, self->paint->flash_alpha, snapshot);
}

static void
dash_grid_row_measure (GtkWidget *widget,
                       GtkOrientation orientation,
                       int for_size,
                       int *minimum,
                       int *natural,
                       int *minimum_baseline,
                       int *natural_baseline)
{
  DashGridRow *self = DASH_GRID_ROW (widget);

  *minimum = *natural = orientation == GTK_ORIENTATION_VERTICAL ? self->paint->style.row_height : 0;
}

static void
dash_grid_row_finalize (GObject *object)
{
  DashGridRow *self = DASH_GRID_ROW (object);

  g_clear_pointer (&self->cells, dash_cells_free);
  g_clear_pointer (&self->label, g_free);
  G_OBJECT_CLASS (dash_grid_row_parent_class)->finalize (object);
}

static void
dash_grid_row_class_init (DashGridRowClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->finalize = dash_grid_row_finalize;
  widget_class->snapshot = dash_grid_row_snapshot;
  widget_class->measure = dash_grid_row_measure;
  gtk_widget_class_set_css_name (widget_class, "gridrow");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_ROW);
}

static void
dash_grid_row_init (DashGridRow *self)
{
  self->cells = dash_cells_new ();
  gtk_widget_set_can_target (GTK_WIDGET (self), FALSE);
}
