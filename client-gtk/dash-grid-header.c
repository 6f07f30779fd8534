/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The titles of a grid's columns, drawn as one piece: click to sort, drag an edge to resize, double-click an
 * edge to fit. Main thread. */

#include "dash-grid-header.h"

#include <string.h>

/* How near to an edge the pointer must be to drag it. */
#define EDGE 5

struct _DashGridHeader
{
  GtkWidget parent_instance;
  DashGridPaint *paint; /* (unowned): the grid's */
  ReplicaIndex *index;  /* (unowned): the grid's */
  int cursor;
  int drag_column;
  double drag_width;
};

G_DEFINE_FINAL_TYPE (DashGridHeader, dash_grid_header, GTK_TYPE_WIDGET)

enum
{
  SIGNAL_CLICKED,
  SIGNAL_RESIZED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

GtkWidget *
dash_grid_header_new (DashGridPaint *paint, ReplicaIndex *index)
{
  DashGridHeader *self = g_object_new (DASH_TYPE_GRID_HEADER, NULL);

  self->paint = paint;
  self->index = index;
  return GTK_WIDGET (self);
}

static void
update_label (DashGridHeader *self)
{
  g_autoptr (GString) label = g_string_new ("Columns:");

  for (guint i = 0; i < self->paint->columns.n; i++)
    {
      const char *name = self->paint->columns.items[i].name;
      int direction = replica_index_get_direction (self->index, name);

      g_string_append_printf (label, "%s %s%s", i > 0 ? "," : "", name,
                              direction > 0   ? " ascending"
                              : direction < 0 ? " descending"
                                              : "");
    }
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, label->str, -1);
}

void
dash_grid_header_set_cursor (DashGridHeader *self, int column)
{
  if (self->cursor == column)
    return;
  self->cursor = column;
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

void
dash_grid_header_refresh (DashGridHeader *self)
{
  update_label (self);
  gtk_widget_queue_draw (GTK_WIDGET (self));
}

static void
append_title (DashGridHeader *self, guint i, GtkSnapshot *snapshot)
{
  const DashGridStyle *style = &self->paint->style;
  const DashGridColumn *item = &self->paint->columns.items[i];
  int direction = replica_index_get_direction (self->index, item->name);
  gboolean is_right = dash_grid_column_get_align (item) == DASH_ALIGN_RIGHT;
  float width = item->width - DASH_CELL_PAD * 2 - (is_right || direction != 0 ? DASH_CELL_MARK : 0);
  float x = item->x + DASH_CELL_PAD + (is_right ? DASH_CELL_MARK : 0);
  GskRenderNode *mark = direction > 0 ? style->sort_up : style->sort_down;
  g_autoptr (GskRenderNode) node = NULL;

  if (self->cursor == (int) i && self->paint->has_focus)
    {
      GdkRGBA color = style->accent;

      color.alpha = 0.45f;
      gtk_snapshot_append_color (snapshot, &color,
                                 &GRAPHENE_RECT_INIT (item->x, 0, item->width, (float) style->row_height));
    }
  node = dash_glyphs_node (style->glyphs, item->title, strlen (item->title),
                           direction != 0 ? &style->text : &style->dim, x, (float) style->text_y, width,
                           dash_grid_column_get_align (item), NULL);
  if (node != NULL)
    gtk_snapshot_append_node (snapshot, node);
  if (direction != 0 && mark != NULL)
    {
      gtk_snapshot_save (snapshot);
      gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (is_right ? item->x + DASH_CELL_PAD
                                                                       : item->x + item->width - DASH_CELL_PAD
                                                                             - DASH_CELL_MARK + 2,
                                                              (float) style->mark_y));
      gtk_snapshot_append_node (snapshot, mark);
      gtk_snapshot_restore (snapshot);
    }
  gtk_snapshot_append_color (
      snapshot, &style->line,
      &GRAPHENE_RECT_INIT (item->x + item->width - 1, 4, 1, (float) style->row_height - 8));
}

static void
dash_grid_header_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  DashGridHeader *self = DASH_GRID_HEADER (widget);
  const DashGridStyle *style = &self->paint->style;
  float width = (float) gtk_widget_get_width (widget);
  float height = (float) gtk_widget_get_height (widget);

  gtk_snapshot_append_color (snapshot, &style->header, &GRAPHENE_RECT_INIT (0, 0, width, height));
  for (guint i = 0; i < self->paint->columns.n; i++)
    append_title (self, i, snapshot);
  gtk_snapshot_append_color (snapshot, &style->line, &GRAPHENE_RECT_INIT (0, height - 1, width, 1));
}

static void
dash_grid_header_measure (GtkWidget *widget,
                          GtkOrientation orientation,
                          int for_size,
                          int *minimum,
                          int *natural,
                          int *minimum_baseline,
                          int *natural_baseline)
{
  DashGridHeader *self = DASH_GRID_HEADER (widget);

  *minimum = *natural = orientation == GTK_ORIENTATION_VERTICAL ? self->paint->style.row_height + 1 : 0;
}

/* The column whose right edge is at @x, or -1. */
static int
find_edge (DashGridHeader *self, double x)
{
  const DashGridColumns *columns = &self->paint->columns;

  for (guint i = 0; i < columns->n; i++)
    if (ABS (columns->items[i].x + columns->items[i].width - (float) x) <= EDGE)
      return (int) i;
  return -1;
}

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, DashGridHeader *self)
{
  int edge = find_edge (self, x);

  if (n_press == 2 && edge >= 0)
    g_signal_emit (self, signals[SIGNAL_RESIZED], 0, (guint) edge, 0.0);
}

static void
released_cb (GtkGestureClick *gesture, int n_press, double x, double y, DashGridHeader *self)
{
  int column = dash_grid_columns_find (&self->paint->columns, (float) x);

  if (find_edge (self, x) < 0 && column >= 0)
    g_signal_emit (self, signals[SIGNAL_CLICKED], 0, (guint) column);
}

static void
drag_begin_cb (GtkGestureDrag *gesture, double x, double y, DashGridHeader *self)
{
  self->drag_column = find_edge (self, x);
  if (self->drag_column < 0)
    gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_DENIED);
  else
    self->drag_width = self->paint->columns.items[self->drag_column].width;
}

static void
drag_update_cb (GtkGestureDrag *gesture, double dx, double dy, DashGridHeader *self)
{
  /* The columns may have become others under the drag. */
  if (self->drag_column < 0 || self->drag_column >= (int) self->paint->columns.n || ABS (dx) < 1)
    return;
  gtk_gesture_set_state (GTK_GESTURE (gesture), GTK_EVENT_SEQUENCE_CLAIMED);
  g_signal_emit (self, signals[SIGNAL_RESIZED], 0, (guint) self->drag_column,
                 MAX (1.0, self->drag_width + dx));
}

static void
motion_cb (GtkEventControllerMotion *controller, double x, double y, DashGridHeader *self)
{
  gtk_widget_set_cursor_from_name (GTK_WIDGET (self), find_edge (self, x) >= 0 ? "col-resize" : NULL);
}

static void
dash_grid_header_class_init (DashGridHeaderClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  widget_class->snapshot = dash_grid_header_snapshot;
  widget_class->measure = dash_grid_header_measure;
  gtk_widget_class_set_css_name (widget_class, "gridheader");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_ROW);

  signals[SIGNAL_CLICKED] = g_signal_new ("clicked", DASH_TYPE_GRID_HEADER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                          NULL, G_TYPE_NONE, 1, G_TYPE_UINT);
  signals[SIGNAL_RESIZED] = g_signal_new ("resized", DASH_TYPE_GRID_HEADER, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                          NULL, G_TYPE_NONE, 2, G_TYPE_UINT, G_TYPE_DOUBLE);
}

static void
dash_grid_header_init (DashGridHeader *self)
{
  GtkGesture *click = gtk_gesture_click_new ();
  GtkGesture *drag = gtk_gesture_drag_new ();
  GtkEventController *motion = gtk_event_controller_motion_new ();

  self->cursor = -1;
  self->drag_column = -1;
  g_signal_connect (click, "pressed", G_CALLBACK (pressed_cb), self);
  g_signal_connect (click, "released", G_CALLBACK (released_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  g_signal_connect (drag, "drag-begin", G_CALLBACK (drag_begin_cb), self);
  g_signal_connect (drag, "drag-update", G_CALLBACK (drag_update_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (drag));
  g_signal_connect (motion, "motion", G_CALLBACK (motion_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), motion);
}
