/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the user does to a grid: keys, clicks, tooltips, the clipboard. Main thread. */

#include "dash-grid-private.h"

#include <string.h>

typedef enum
{
  MOVE_ROWS,
  MOVE_PAGES,
  MOVE_ENDS,
} Move;

static gboolean
move_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  DashGrid *self = DASH_GRID (widget);
  int how, by, page, to;

  g_variant_get (args, "(ii)", &how, &by);
  if (self->n_rows == 0)
    return TRUE;
  page = MAX (1, dash_grid_get_body_height (self) / self->paint.style.row_height - 1);
  if (how == MOVE_ENDS)
    to = by < 0 ? 0 : (int) self->n_rows - 1;
  else if (self->selected < 0)
    to = 0;
  else
    to = self->selected + by * (how == MOVE_PAGES ? page : 1);
  dash_grid_select (self, (guint) CLAMP (to, 0, (int) self->n_rows - 1));
  return TRUE;
}

static gboolean
cursor_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  DashGrid *self = DASH_GRID (widget);

  dash_grid_set_cursor (self, MAX (0, self->cursor + g_variant_get_int32 (args)));
  return TRUE;
}

static gboolean
sort_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  DashGrid *self = DASH_GRID (widget);

  if (self->cursor < 0)
    dash_grid_set_cursor (self, 0);
  if (self->cursor >= 0)
    dash_grid_sort_by (self, (guint) self->cursor);
  return TRUE;
}

static gboolean
resize_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  DashGrid *self = DASH_GRID (widget);

  if (self->cursor >= 0)
    dash_grid_resize_column (
        self, (guint) self->cursor,
        MAX (1.0, (double) self->paint.columns.items[self->cursor].width + g_variant_get_int32 (args)));
  return TRUE;
}

static gboolean
activate_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  DashGrid *self = DASH_GRID (widget);

  if (self->selected < 0)
    return FALSE;
  dash_grid_emit (self, DASH_GRID_SIGNAL_ROW_ACTIVATED);
  return TRUE;
}

/* The selected row as tab-separated values, with every digit. */
static gboolean
copy_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  DashGrid *self = DASH_GRID (widget);
  g_autoptr (GString) text = g_string_new (NULL);
  guint row;
  ReplicaSnapshot *snapshot = dash_grid_get_selected (self, &row);

  if (snapshot == NULL)
    return FALSE;
  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      char buffer[REPLICA_TEXT_MAX];
      gsize length;
      const char *cell =
          replica_column_format (replica_snapshot_get_column (snapshot, i), row, buffer, &length);

      if (i > 0)
        g_string_append_c (text, '\t');
      for (gsize j = 0; j < length; j++)
        g_string_append_c (text, strchr ("\t\n\r", cell[j]) != NULL ? ' ' : cell[j]);
    }
  g_string_append_c (text, '\n');
  gdk_clipboard_set_text (gtk_widget_get_clipboard (widget), text->str);
  return TRUE;
}

static void
pressed_cb (GtkGestureClick *gesture, int n_press, double x, double y, DashGrid *self)
{
  int position = dash_grid_find_position (self, y);

  gtk_widget_grab_focus (GTK_WIDGET (self));
  if (position < 0)
    return;
  if (position != self->selected)
    dash_grid_select (self, (guint) position);
  if (n_press == 2)
    dash_grid_emit (self, DASH_GRID_SIGNAL_ROW_ACTIVATED);
}

static gboolean
dash_grid_query_tooltip (GtkWidget *widget, int x, int y, gboolean is_keyboard, GtkTooltip *tooltip)
{
  DashGrid *self = DASH_GRID (widget);
  ReplicaSnapshot *snapshot = replica_index_get_snapshot (self->index);
  int offset = dash_grid_get_offset (self->hadjustment), voffset = dash_grid_get_offset (self->vadjustment);
  int row_height = self->paint.style.row_height;
  int position = is_keyboard ? self->selected : dash_grid_find_position (self, y);
  int column =
      is_keyboard ? self->cursor : dash_grid_columns_find (&self->paint.columns, (float) (x + offset));
  const DashGridColumn *item;
  char buffer[REPLICA_TEXT_MAX];
  g_autofree char *text = NULL;
  const char *cell;
  gsize length;

  if (snapshot == NULL || position < 0 || column < 0)
    return FALSE;
  item = &self->paint.columns.items[column];
  cell = replica_column_format (replica_snapshot_get_column (snapshot, (guint) column), self->rows[position],
                                buffer, &length);
  text = g_strdup_printf ("%s: %s", item->name, length > 0 ? cell : "no value");
  gtk_tooltip_set_text (tooltip, text);
  gtk_tooltip_set_tip_area (tooltip, &(GdkRectangle){ (int) item->x - offset,
                                                      row_height + 1 + position * row_height - voffset,
                                                      (int) item->width, row_height });
  return TRUE;
}

static void
focus_cb (GtkEventControllerFocus *controller, GParamSpec *pspec, DashGrid *self)
{
  self->paint.has_focus = gtk_event_controller_focus_contains_focus (controller);
  gtk_widget_queue_draw (self->header);
  for (guint i = 0; i < self->slots->len; i++)
    gtk_widget_queue_draw (g_ptr_array_index (self->slots, i));
}

static void
header_clicked_cb (DashGridHeader *header, guint column, DashGrid *self)
{
  gtk_widget_grab_focus (GTK_WIDGET (self));
  dash_grid_set_cursor (self, (int) column);
  dash_grid_sort_by (self, column);
}

static void
header_resized_cb (DashGridHeader *header, guint column, double width, DashGrid *self)
{
  dash_grid_resize_column (self, column, width);
}

void
dash_grid_input_class_init (GtkWidgetClass *widget_class)
{
  static const struct
  {
    guint key, keypad;
    int how, by;
  } moves[] = {
    { GDK_KEY_Up, GDK_KEY_KP_Up, MOVE_ROWS, -1 },
    { GDK_KEY_Down, GDK_KEY_KP_Down, MOVE_ROWS, 1 },
    { GDK_KEY_Page_Up, GDK_KEY_KP_Page_Up, MOVE_PAGES, -1 },
    { GDK_KEY_Page_Down, GDK_KEY_KP_Page_Down, MOVE_PAGES, 1 },
    { GDK_KEY_Home, GDK_KEY_KP_Home, MOVE_ENDS, -1 },
    { GDK_KEY_End, GDK_KEY_KP_End, MOVE_ENDS, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (moves); i++)
    {
      gtk_widget_class_add_binding (widget_class, moves[i].key, 0, move_cb, "(ii)", moves[i].how,
                                    moves[i].by);
      gtk_widget_class_add_binding (widget_class, moves[i].keypad, 0, move_cb, "(ii)", moves[i].how,
                                    moves[i].by);
    }
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Left, 0, cursor_cb, "i", -1);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Right, 0, cursor_cb, "i", 1);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_s, 0, sort_cb, NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Left, GDK_CONTROL_MASK, resize_cb, "i", -10);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Right, GDK_CONTROL_MASK, resize_cb, "i", 10);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Return, 0, activate_cb, NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_KP_Enter, 0, activate_cb, NULL);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_c, GDK_CONTROL_MASK, copy_cb, NULL);
  widget_class->query_tooltip = dash_grid_query_tooltip;
}

void
dash_grid_input_init (DashGrid *self)
{
  GtkGesture *click = gtk_gesture_click_new ();
  GtkEventController *focus = gtk_event_controller_focus_new ();

  g_signal_connect (click, "pressed", G_CALLBACK (pressed_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), GTK_EVENT_CONTROLLER (click));
  g_signal_connect (focus, "notify::contains-focus", G_CALLBACK (focus_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), focus);
  g_signal_connect (self->header, "clicked", G_CALLBACK (header_clicked_cb), self);
  g_signal_connect (self->header, "resized", G_CALLBACK (header_resized_cb), self);
  gtk_widget_set_has_tooltip (GTK_WIDGET (self), TRUE);
}
