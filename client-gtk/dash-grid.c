/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A grid of thousands of live rows. The snapshot stays as it came; an index of row numbers sorts and filters
 * it; and only the rows in sight become anything: one light widget each, which is recycled, with its text as
 * prebuilt render nodes. When a snapshot comes, the rows in sight are found again through the diff, what is
 * drawn of them moves along if they moved, and only cells that changed are written anew. Rejected, measured:
 * GtkColumnView binds 205 rows for 50 in sight and takes 2 to 8 times the time; one widget that draws
 * everything redraws everything, and is mute to assistive technology.
 * Main thread. */

#include "dash-grid-private.h"

#include <math.h>

/* Enough for most windows. */
#define SLOTS_AT_FIRST 48

enum
{
  PROP_HADJUSTMENT = 1,
  PROP_VADJUSTMENT,
  PROP_HSCROLL_POLICY,
  PROP_VSCROLL_POLICY,
};

static guint signals[DASH_GRID_N_SIGNALS];

static gboolean
get_border (GtkScrollable *scrollable, GtkBorder *border)
{
  DashGrid *self = DASH_GRID (scrollable);

  *border = (GtkBorder){ .top = (gint16) (self->paint.style.row_height + 1) };
  return TRUE;
}

static void
scrollable_init (GtkScrollableInterface *iface)
{
  iface->get_border = get_border;
}

G_DEFINE_FINAL_TYPE_WITH_CODE (DashGrid,
                               dash_grid,
                               GTK_TYPE_WIDGET,
                               G_IMPLEMENT_INTERFACE (GTK_TYPE_SCROLLABLE, scrollable_init))

GtkWidget *
dash_grid_new (void)
{
  return g_object_new (DASH_TYPE_GRID, NULL);
}

void
dash_grid_emit (DashGrid *self, DashGridSignal signal)
{
  g_signal_emit (self, signals[signal], 0);
}

static int
get_header_height (DashGrid *self)
{
  return self->paint.style.row_height + 1;
}

int
dash_grid_get_body_height (DashGrid *self)
{
  return MAX (0, gtk_widget_get_height (GTK_WIDGET (self)) - get_header_height (self));
}

int
dash_grid_get_offset (GtkAdjustment *adjustment)
{
  return adjustment != NULL ? (int) gtk_adjustment_get_value (adjustment) : 0;
}

int
dash_grid_find_position (DashGrid *self, double y)
{
  double position = (y - get_header_height (self) + dash_grid_get_offset (self->vadjustment))
                    / self->paint.style.row_height;

  if (y < get_header_height (self) || position < 0 || position >= self->n_rows)
    return -1;
  return (int) position;
}

/* ---- scrolling ---- */

static void
value_changed_cb (GtkAdjustment *adjustment, DashGrid *self)
{
  if (self->is_configuring)
    return;
  dash_grid_refresh_slots (self, DASH_GRID_REFRESH_MOVED);
  gtk_widget_queue_allocate (GTK_WIDGET (self));
}

static void
configure_adjustments (DashGrid *self)
{
  int width = gtk_widget_get_width (GTK_WIDGET (self));
  int body_height = dash_grid_get_body_height (self);
  int row_height = self->paint.style.row_height;
  double height = (double) self->n_rows * row_height;

  self->is_configuring = TRUE;
  if (self->hadjustment != NULL)
    {
      double upper = MAX ((double) self->paint.columns.width, width);

      gtk_adjustment_configure (self->hadjustment,
                                MIN (gtk_adjustment_get_value (self->hadjustment), upper - width), 0, upper,
                                width * 0.1, width * 0.9, width);
    }
  if (self->vadjustment != NULL)
    {
      double upper = MAX (height, body_height);

      gtk_adjustment_configure (self->vadjustment,
                                MIN (gtk_adjustment_get_value (self->vadjustment), upper - body_height), 0,
                                upper, row_height, MAX (row_height, body_height - row_height), body_height);
    }
  self->is_configuring = FALSE;
}

static void
set_adjustment (DashGrid *self, GtkAdjustment **place, GtkAdjustment *adjustment)
{
  if (*place == adjustment)
    return;
  if (*place != NULL)
    {
      g_signal_handlers_disconnect_by_func (*place, value_changed_cb, self);
      g_clear_object (place);
    }
  if (adjustment != NULL)
    {
      *place = g_object_ref_sink (adjustment);
      g_signal_connect (adjustment, "value-changed", G_CALLBACK (value_changed_cb), self);
      configure_adjustments (self);
    }
}

static guint
get_n_wanted (DashGrid *self)
{
  return (guint) (dash_grid_get_body_height (self) / self->paint.style.row_height + 2);
}

static gboolean
grow_cb (gpointer user_data)
{
  DashGrid *self = user_data;

  self->grow_source = 0;
  dash_grid_make_slots (self, get_n_wanted (self));
  return G_SOURCE_REMOVE;
}

static void
dash_grid_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  DashGrid *self = DASH_GRID (widget);
  int row_height = self->paint.style.row_height;
  float columns_width;
  int full_width, x, y;

  self->n_used = MIN (get_n_wanted (self), self->slots->len);
  /* Not now: a new child would ask for another allocation in the midst of this one. */
  if (self->n_used < get_n_wanted (self) && self->grow_source == 0)
    self->grow_source = g_idle_add (grow_cb, self);
  if (dash_grid_columns_allot (&self->paint.columns, (float) width))
    {
      self->is_stale = TRUE;
      dash_grid_header_refresh (DASH_GRID_HEADER (self->header));
    }
  configure_adjustments (self);
  columns_width = self->paint.columns.width;
  self->is_allocating = TRUE;
  dash_grid_refresh_slots (self, DASH_GRID_REFRESH_MOVED);
  self->is_allocating = FALSE;
  if (self->paint.columns.width != columns_width) /* a longer text came into sight */
    configure_adjustments (self);

  full_width = MAX (width, (int) ceilf (self->paint.columns.width));
  x = -dash_grid_get_offset (self->hadjustment);
  y = get_header_height (self) + (int) self->first * row_height - dash_grid_get_offset (self->vadjustment);
  gtk_widget_size_allocate (self->header, &(GtkAllocation){ x, 0, full_width, get_header_height (self) }, -1);
  for (guint i = 0; i < self->slots->len; i++)
    gtk_widget_size_allocate (g_ptr_array_index (self->slots, i),
                              &(GtkAllocation){ x, y + (int) i * row_height, full_width, row_height }, -1);
}

static void
dash_grid_measure (GtkWidget *widget,
                   GtkOrientation orientation,
                   int for_size,
                   int *minimum,
                   int *natural,
                   int *minimum_baseline,
                   int *natural_baseline)
{
  DashGrid *self = DASH_GRID (widget);

  if (orientation == GTK_ORIENTATION_HORIZONTAL)
    {
      float width = 0;

      for (guint i = 0; i < self->paint.columns.n; i++)
        width += dash_grid_column_get_natural (&self->paint.columns.items[i]);
      *minimum = 0;
      *natural = (int) ceilf (width);
    }
  else
    {
      *minimum = get_header_height (self);
      *natural = get_header_height (self) + (int) MIN (self->n_rows, 40u) * self->paint.style.row_height;
    }
}

static void
dash_grid_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  DashGrid *self = DASH_GRID (widget);
  float width = (float) gtk_widget_get_width (widget);

  gtk_snapshot_push_clip (snapshot, &GRAPHENE_RECT_INIT (0, (float) get_header_height (self), width,
                                                         (float) dash_grid_get_body_height (self)));
  for (guint i = 0; i < self->slots->len; i++)
    gtk_widget_snapshot_child (widget, g_ptr_array_index (self->slots, i), snapshot);
  gtk_snapshot_pop (snapshot);
  gtk_widget_snapshot_child (widget, self->header, snapshot);
}

/* ---- the model ---- */

static void
find_selected (DashGrid *self)
{
  self->selected = self->selected_key != NULL ? replica_index_find_key (self->index, self->selected_key) : -1;
}

/* After the index changed. */
static void
take_rows (DashGrid *self)
{
  ReplicaSnapshot *snapshot = replica_index_get_snapshot (self->index);

  self->rows = NULL;
  self->n_rows = 0;
  if (snapshot != NULL)
    self->rows = replica_index_get_rows (self->index, &self->n_rows);
  self->n_total = snapshot != NULL ? replica_snapshot_get_n_rows (snapshot) : 0;
  find_selected (self);
  configure_adjustments (self);
}

void
dash_grid_set_snapshot (DashGrid *self, ReplicaSnapshot *snapshot, ReplicaDiff *diff)
{
  DashGridRefresh refresh = DASH_GRID_REFRESH_SNAPSHOT;
  gboolean has_new_columns = FALSE;

  g_clear_pointer (&self->diff, replica_diff_unref);
  replica_index_set_snapshot (self->index, snapshot);
  if (snapshot != NULL)
    {
      has_new_columns = dash_grid_columns_set_snapshot (&self->paint.columns, snapshot);
      if (dash_grid_columns_observe (&self->paint.columns, snapshot) || has_new_columns)
        refresh = DASH_GRID_REFRESH_ALL;
      if (diff != NULL && !has_new_columns)
        self->diff = replica_diff_ref (diff);
    }
  else
    {
      refresh = DASH_GRID_REFRESH_ALL;
      dash_grid_columns_clear (&self->paint.columns);
    }
  take_rows (self);
  if (refresh == DASH_GRID_REFRESH_ALL && snapshot != NULL)
    {
      dash_grid_columns_measure (&self->paint.columns, snapshot, self->rows, self->n_rows,
                                 self->paint.style.glyphs, self->paint.style.bold);
      dash_grid_columns_allot (&self->paint.columns, (float) gtk_widget_get_width (GTK_WIDGET (self)));
      configure_adjustments (self);
      self->cursor = MIN (self->cursor, (int) self->paint.columns.n - 1);
      dash_grid_header_set_cursor (DASH_GRID_HEADER (self->header), self->cursor);
      dash_grid_header_refresh (DASH_GRID_HEADER (self->header));
      gtk_widget_queue_resize (GTK_WIDGET (self));
    }
  if (self->diff != NULL && replica_diff_get_n_changed (self->diff) > 0)
    dash_grid_start_flash (self);
  dash_grid_refresh_slots (self, refresh);
  dash_grid_tune_flash (self);
  if (self->selected_key == NULL && self->n_rows > 0)
    dash_grid_select (self, 0);
}

void
dash_grid_set_filter (DashGrid *self, const char *filter)
{
  if (g_strcmp0 (self->filter, filter) == 0)
    return;
  g_free (self->filter);
  self->filter = g_strdup (filter);
  replica_index_set_filter (self->index, filter);
  take_rows (self);
  if (self->vadjustment != NULL)
    gtk_adjustment_set_value (self->vadjustment, 0);
  dash_grid_refresh_slots (self, DASH_GRID_REFRESH_MOVED);
  gtk_widget_queue_allocate (GTK_WIDGET (self));
}

const char *
dash_grid_get_filter (DashGrid *self)
{
  return self->filter;
}

void
dash_grid_set_sort (DashGrid *self, const char *sort)
{
  replica_index_set_sort (self->index, sort);
  dash_grid_header_refresh (DASH_GRID_HEADER (self->header));
  take_rows (self);
  dash_grid_refresh_slots (self, DASH_GRID_REFRESH_MOVED);
}

void
dash_grid_sort_by (DashGrid *self, guint column)
{
  const char *sort = replica_index_get_sort (self->index);
  g_autofree char *down = NULL;

  if (column >= self->paint.columns.n)
    return;
  down = g_strdup_printf ("-%s", self->paint.columns.items[column].name);
  if (g_strcmp0 (sort, down) == 0)
    dash_grid_set_sort (self, NULL);
  else if (g_strcmp0 (sort, self->paint.columns.items[column].name) == 0)
    dash_grid_set_sort (self, down);
  else
    dash_grid_set_sort (self, self->paint.columns.items[column].name);
}

void
dash_grid_resize_column (DashGrid *self, guint column, double width)
{
  if (column >= self->paint.columns.n)
    return;
  self->paint.columns.items[column].user_width = (float) width;
  gtk_widget_queue_resize (GTK_WIDGET (self));
}

void
dash_grid_set_cursor (DashGrid *self, int column)
{
  self->cursor = CLAMP (column, -1, (int) self->paint.columns.n - 1);
  dash_grid_header_set_cursor (DASH_GRID_HEADER (self->header), self->cursor);
  if (self->cursor >= 0 && self->hadjustment != NULL)
    {
      const DashGridColumn *item = &self->paint.columns.items[self->cursor];

      gtk_adjustment_clamp_page (self->hadjustment, (double) item->x, (double) (item->x + item->width));
    }
}

void
dash_grid_set_title (DashGrid *self, const char *title)
{
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, title, -1);
}

guint
dash_grid_get_n_shown (DashGrid *self)
{
  return self->n_rows;
}

guint
dash_grid_get_n_total (DashGrid *self)
{
  return self->n_total;
}

ReplicaSnapshot *
dash_grid_get_selected (DashGrid *self, guint *row)
{
  if (self->selected < 0)
    return NULL;
  *row = self->rows[self->selected];
  return replica_index_get_snapshot (self->index);
}

void
dash_grid_select (DashGrid *self, guint position)
{
  if (position >= self->n_rows)
    return;
  g_free (self->selected_key);
  self->selected_key =
      replica_snapshot_dup_row_key (replica_index_get_snapshot (self->index), self->rows[position]);
  self->selected = (int) position;
  dash_grid_reveal_selected (self);
  dash_grid_refresh_slots (self, DASH_GRID_REFRESH_MOVED);
  dash_grid_emit (self, DASH_GRID_SIGNAL_SELECTION_CHANGED);
}

void
dash_grid_reveal_selected (DashGrid *self)
{
  double row_height = self->paint.style.row_height;

  if (self->vadjustment != NULL && self->selected >= 0)
    gtk_adjustment_clamp_page (self->vadjustment, self->selected * row_height,
                               (self->selected + 1) * row_height);
}

gboolean
dash_grid_get_selected_area (DashGrid *self, GdkRectangle *area)
{
  int row_height = self->paint.style.row_height;
  int y = get_header_height (self) + self->selected * row_height - dash_grid_get_offset (self->vadjustment);

  if (self->selected < 0 || y < 0 || y + row_height > gtk_widget_get_height (GTK_WIDGET (self)))
    return FALSE;
  *area =
      (GdkRectangle){ 0, y, MIN (gtk_widget_get_width (GTK_WIDGET (self)), (int) self->paint.columns.width),
                      row_height };
  return TRUE;
}

/* ---- the widget ---- */

static void
dash_grid_map (GtkWidget *widget)
{
  DashGrid *self = DASH_GRID (widget);

  GTK_WIDGET_CLASS (dash_grid_parent_class)->map (widget);
  dash_grid_refresh_slots (self, DASH_GRID_REFRESH_MOVED);
}

static void
dash_grid_unmap (GtkWidget *widget)
{
  DashGrid *self = DASH_GRID (widget);

  dash_grid_stop_flash (self);
  g_clear_handle_id (&self->grow_source, g_source_remove);
  GTK_WIDGET_CLASS (dash_grid_parent_class)->unmap (widget);
}

static void
dash_grid_css_changed (GtkWidget *widget, GtkCssStyleChange *change)
{
  DashGrid *self = DASH_GRID (widget);

  GTK_WIDGET_CLASS (dash_grid_parent_class)->css_changed (widget, change);
  if (!dash_grid_style_load (&self->paint.style, widget))
    return;
  for (guint i = 0; i < self->paint.columns.n; i++)
    self->paint.columns.items[i].content_width = 0;
  if (self->n_rows > 0)
    dash_grid_columns_measure (&self->paint.columns, replica_index_get_snapshot (self->index), self->rows,
                               self->n_rows, self->paint.style.glyphs, self->paint.style.bold);
  self->is_stale = TRUE;
  gtk_widget_queue_resize (widget);
}

static void
dash_grid_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  DashGrid *self = DASH_GRID (object);

  switch (id)
    {
    case PROP_HADJUSTMENT:
      g_value_set_object (value, self->hadjustment);
      break;
    case PROP_VADJUSTMENT:
      g_value_set_object (value, self->vadjustment);
      break;
    case PROP_HSCROLL_POLICY:
      g_value_set_enum (value, self->hscroll_policy);
      break;
    case PROP_VSCROLL_POLICY:
      g_value_set_enum (value, self->vscroll_policy);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
dash_grid_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  DashGrid *self = DASH_GRID (object);

  switch (id)
    {
    case PROP_HADJUSTMENT:
      set_adjustment (self, &self->hadjustment, g_value_get_object (value));
      break;
    case PROP_VADJUSTMENT:
      set_adjustment (self, &self->vadjustment, g_value_get_object (value));
      break;
    case PROP_HSCROLL_POLICY:
      self->hscroll_policy = g_value_get_enum (value);
      break;
    case PROP_VSCROLL_POLICY:
      self->vscroll_policy = g_value_get_enum (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
dash_grid_dispose (GObject *object)
{
  DashGrid *self = DASH_GRID (object);

  dash_grid_stop_flash (self);
  g_clear_handle_id (&self->grow_source, g_source_remove);
  set_adjustment (self, &self->hadjustment, NULL);
  set_adjustment (self, &self->vadjustment, NULL);
  for (guint i = 0; i < self->slots->len; i++)
    gtk_widget_unparent (g_ptr_array_index (self->slots, i));
  g_ptr_array_set_size (self->slots, 0);
  g_clear_pointer (&self->header, gtk_widget_unparent);
  G_OBJECT_CLASS (dash_grid_parent_class)->dispose (object);
}

static void
dash_grid_finalize (GObject *object)
{
  DashGrid *self = DASH_GRID (object);

  g_clear_object (&self->index);
  g_clear_pointer (&self->diff, replica_diff_unref);
  g_clear_pointer (&self->slots, g_ptr_array_unref);
  g_clear_pointer (&self->filter, g_free);
  g_clear_pointer (&self->selected_key, g_free);
  dash_grid_columns_clear (&self->paint.columns);
  dash_grid_style_clear (&self->paint.style);
  G_OBJECT_CLASS (dash_grid_parent_class)->finalize (object);
}

static void
dash_grid_class_init (DashGridClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  static const char *const names[DASH_GRID_N_SIGNALS] = { "selection-changed", "row-activated" };

  object_class->get_property = dash_grid_get_property;
  object_class->set_property = dash_grid_set_property;
  object_class->dispose = dash_grid_dispose;
  object_class->finalize = dash_grid_finalize;
  widget_class->map = dash_grid_map;
  widget_class->unmap = dash_grid_unmap;
  widget_class->measure = dash_grid_measure;
  widget_class->size_allocate = dash_grid_size_allocate;
  widget_class->snapshot = dash_grid_snapshot;
  widget_class->css_changed = dash_grid_css_changed;
  g_object_class_override_property (object_class, PROP_HADJUSTMENT, "hadjustment");
  g_object_class_override_property (object_class, PROP_VADJUSTMENT, "vadjustment");
  g_object_class_override_property (object_class, PROP_HSCROLL_POLICY, "hscroll-policy");
  g_object_class_override_property (object_class, PROP_VSCROLL_POLICY, "vscroll-policy");
  for (guint i = 0; i < DASH_GRID_N_SIGNALS; i++)
    signals[i] =
        g_signal_new (names[i], DASH_TYPE_GRID, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_css_name (widget_class, "dashgrid");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GRID);
  dash_grid_input_class_init (widget_class);
}

static void
dash_grid_init (DashGrid *self)
{
  self->index = replica_index_new ();
  self->slots = g_ptr_array_new ();
  self->selected = -1;
  self->cursor = -1;
  dash_grid_style_load (&self->paint.style, GTK_WIDGET (self));
  self->header = dash_grid_header_new (&self->paint, self->index);
  gtk_widget_set_parent (self->header, GTK_WIDGET (self));
  dash_grid_make_slots (self, SLOTS_AT_FIRST);
  gtk_widget_set_overflow (GTK_WIDGET (self), GTK_OVERFLOW_HIDDEN);
  gtk_widget_set_focusable (GTK_WIDGET (self), TRUE);
  gtk_widget_set_hexpand (GTK_WIDGET (self), TRUE);
  gtk_widget_set_vexpand (GTK_WIDGET (self), TRUE);
  dash_grid_input_init (self);
}
