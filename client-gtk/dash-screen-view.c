/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The panels of one screen: the first at the left and the others stacked at its right, or two stacks where
 * they are many; each border can be dragged. They are frozen together, so that one picture stands still. Main
 * thread. */

#include "dash-screen-view.h"

#include "replica.h"

/* A screen with more panels than can be told apart shows the first of them. */
#define DASH_PANELS_MAX 16

/* Up to so many panels, the first has the left side for itself; more are halved between the sides. */
#define N_BESIDE_FIRST 4
#define LEFT_SHARE 0.6
#define DIVIDER_SIZE 3
/* About a frame. */
#define PLACE_MS 20

typedef struct
{
  guint first, n;                       /* of the screen's panels */
  GtkWidget *dividers[DASH_PANELS_MAX]; /* (owned by the widget tree): n - 1, from above */
} Column;

struct _DashScreenView
{
  GtkWidget parent_instance;
  GPtrArray *panels; /* (element-type DashPanel) (owned by the widget tree) */
  Column columns[2];
  GtkWidget *divider; /* (owned by the widget tree) (nullable): between the columns */
  DashPanel *active;  /* (unowned) (nullable) */
  int width, height;  /* as last allocated */
  guint place_source; /* 0: none */
  guint n_places;     /* frames in a row that it took */
  gboolean is_frozen;
};

G_DEFINE_FINAL_TYPE (DashScreenView, dash_screen_view, GTK_TYPE_WIDGET)

enum
{
  PROP_FROZEN = 1,
};

static guint active_changed_signal;

static void
activated_cb (DashPanel *panel, DashScreenView *self)
{
  if (dash_panel_get_grid (panel) == NULL || self->active == panel)
    return;
  self->active = panel;
  g_signal_emit (self, active_changed_signal, 0);
}

static GtkWidget *
divide (DashScreenView *self, GtkOrientation orientation, GtkWidget *start, GtkWidget *end)
{
  GtkWidget *divider = gtk_paned_new (orientation);

  gtk_paned_set_start_child (GTK_PANED (divider), start);
  gtk_paned_set_end_child (GTK_PANED (divider), end);
  gtk_paned_set_shrink_start_child (GTK_PANED (divider), FALSE);
  gtk_paned_set_shrink_end_child (GTK_PANED (divider), FALSE);
  return divider;
}

/* From below: each divider holds one panel, and all that are under it. */
static GtkWidget *
stack (DashScreenView *self, Column *column)
{
  GtkWidget *below = g_ptr_array_index (self->panels, column->first + column->n - 1);

  for (guint i = column->n - 1; i-- > 0;)
    below = column->dividers[i] =
        divide (self, GTK_ORIENTATION_VERTICAL, g_ptr_array_index (self->panels, column->first + i), below);
  return below;
}

static GtkWidget *
lay_out (DashScreenView *self)
{
  guint n = self->panels->len, n_left = n <= N_BESIDE_FIRST ? 1 : n / 2;
  GtkWidget *left;

  self->columns[0] = (Column){ .first = 0, .n = n_left };
  self->columns[1] = (Column){ .first = n_left, .n = n - n_left };
  left = stack (self, &self->columns[0]);
  if (n == n_left)
    return left;
  self->divider = divide (self, GTK_ORIENTATION_HORIZONTAL, left, stack (self, &self->columns[1]));
  return self->divider;
}

/* The height that none needs to pass for all to fit: who wants little gets it, and the others share the rest.
 */
static int
find_level (const int *wanted, guint n, int height)
{
  int level = height / (int) n;

  for (guint round = 0; round < n; round++)
    {
      int left = height;
      guint n_over = 0;

      for (guint i = 0; i < n; i++)
        if (wanted[i] <= level)
          left -= wanted[i];
        else
          n_over++;
      if (n_over == 0)
        break;
      level = left / (int) n_over;
    }
  return level;
}

/* Returns whether it was somewhere else. */
static gboolean
set_position (GtkWidget *divider, int position)
{
  if (gtk_paned_get_position (GTK_PANED (divider)) == position)
    return FALSE;
  gtk_paned_set_position (GTK_PANED (divider), position);
  return TRUE;
}

static gboolean
place_column (DashScreenView *self, const Column *column)
{
  gboolean is_moved = FALSE;
  int wanted[DASH_PANELS_MAX], sum = 0, height = self->height - (int) (column->n - 1) * DIVIDER_SIZE, level;

  for (guint i = 0; i < column->n; i++)
    sum += wanted[i] = dash_panel_get_wanted_height (g_ptr_array_index (self->panels, column->first + i));
  level = find_level (wanted, column->n, height);
  for (guint i = 0; i + 1 < column->n; i++)
    is_moved |= set_position (column->dividers[i], sum <= height ? (int) ((gint64) height * wanted[i] / sum)
                                                                 : MIN (wanted[i], level));
  return is_moved;
}

/* Heights by what the panels have to show. A divider that is given another size keeps its share and not its
 * position, so that those within it must be placed again with the next frame. */
static gboolean
place_cb (gpointer user_data)
{
  DashScreenView *self = user_data;
  gboolean is_moved = FALSE;

  if (self->divider != NULL)
    is_moved =
        set_position (self->divider, (int) (self->width * (self->columns[0].n == 1 ? LEFT_SHARE : 0.5)));
  for (guint i = 0; i < G_N_ELEMENTS (self->columns); i++)
    if (self->columns[i].n > 1)
      is_moved |= place_column (self, &self->columns[i]);
  /* A divider asks only for an allocation of its own, which is not enough where a scrollbar comes or goes
   * within it. */
  if (is_moved)
    gtk_widget_queue_resize (GTK_WIDGET (self));
  if (is_moved && ++self->n_places < DASH_PANELS_MAX)
    return G_SOURCE_CONTINUE;
  self->place_source = 0;
  return G_SOURCE_REMOVE;
}

/* Not in the midst of an allocation or a frame, where GTK would paint without another allocation; and once
 * for all panels that are filled by then. */
static void
place_soon (DashScreenView *self)
{
  self->n_places = 0;
  if (self->place_source == 0 && self->width > 1)
    self->place_source = g_timeout_add (PLACE_MS, place_cb, self);
}

static void
filled_cb (DashPanel *panel, DashScreenView *self)
{
  place_soon (self);
}

GtkWidget *
dash_screen_view_new (ReplicaLink *link, ReplicaScreen *screen)
{
  DashScreenView *self = g_object_new (DASH_TYPE_SCREEN_VIEW, NULL);
  guint n = MIN (replica_screen_get_n_panels (screen), DASH_PANELS_MAX);

  for (guint i = 0; i < n; i++)
    {
      GtkWidget *panel = dash_panel_new (link, replica_screen_get_panel (screen, i));

      g_ptr_array_add (self->panels, panel);
      g_signal_connect_object (panel, "activated", G_CALLBACK (activated_cb), self, 0);
      g_signal_connect_object (panel, "filled", G_CALLBACK (filled_cb), self, 0);
      if (self->active == NULL && dash_panel_get_grid (DASH_PANEL (panel)) != NULL)
        self->active = DASH_PANEL (panel);
    }
  for (guint i = 0; i < n; i++)
    {
      int leader = replica_screen_get_leader (screen, i);

      if (leader >= 0 && (guint) leader < n)
        dash_panel_follow (g_ptr_array_index (self->panels, i), g_ptr_array_index (self->panels, leader));
    }
  if (n > 0)
    gtk_widget_set_parent (lay_out (self), GTK_WIDGET (self));
  return GTK_WIDGET (self);
}

gboolean
dash_screen_view_get_frozen (DashScreenView *self)
{
  return self->is_frozen;
}

void
dash_screen_view_set_frozen (DashScreenView *self, gboolean is_frozen)
{
  if (self->is_frozen == !!is_frozen)
    return;
  self->is_frozen = !!is_frozen;
  for (guint i = 0; i < self->panels->len; i++)
    dash_panel_set_frozen (g_ptr_array_index (self->panels, i), self->is_frozen);
  g_object_notify (G_OBJECT (self), "frozen");
}

DashPanel *
dash_screen_view_get_active (DashScreenView *self)
{
  return self->active;
}

void
dash_screen_view_get_totals (DashScreenView *self, guint64 *n_received, guint64 *n_skipped)
{
  *n_received = *n_skipped = 0;
  for (guint i = 0; i < self->panels->len; i++)
    {
      ReplicaView *view = dash_panel_get_view (g_ptr_array_index (self->panels, i));

      *n_received += replica_view_get_n_received (view);
      *n_skipped += replica_view_get_n_skipped (view);
    }
}

char *
dash_screen_view_dup_frozen_text (DashScreenView *self)
{
  guint64 n_behind = 0;
  gint64 age_us = 0;
  char count[32], age[32];

  if (!self->is_frozen)
    return NULL;
  /* The panel that is furthest behind says how far the picture is. */
  for (guint i = 0; i < self->panels->len; i++)
    {
      ReplicaView *view = dash_panel_get_view (g_ptr_array_index (self->panels, i));

      n_behind = MAX (n_behind, replica_view_get_n_behind (view));
      age_us = MAX (age_us, replica_view_get_age_us (view));
    }
  return g_strdup_printf (n_behind == 1 ? "FROZEN · %s snapshot, %s behind"
                                        : "FROZEN · %s snapshots, %s behind",
                          replica_format_count (n_behind, count), replica_format_age (age_us, age));
}

void
dash_screen_view_tick (DashScreenView *self)
{
  for (guint i = 0; i < self->panels->len; i++)
    dash_panel_tick (g_ptr_array_index (self->panels, i));
}

static void
dash_screen_view_size_allocate (GtkWidget *widget, int width, int height, int baseline)
{
  DashScreenView *self = DASH_SCREEN_VIEW (widget);
  GtkWidget *child = gtk_widget_get_first_child (widget);

  gboolean is_first = self->width <= 1;

  self->width = width;
  self->height = height;
  if (is_first)
    place_soon (self);
  if (child != NULL)
    gtk_widget_size_allocate (child, &(GtkAllocation){ 0, 0, width, height }, -1);
}

static void
dash_screen_view_measure (GtkWidget *widget,
                          GtkOrientation orientation,
                          int for_size,
                          int *minimum,
                          int *natural,
                          int *minimum_baseline,
                          int *natural_baseline)
{
  GtkWidget *child = gtk_widget_get_first_child (widget);

  *minimum = *natural = 0;
  if (child != NULL)
    gtk_widget_measure (child, orientation, for_size, minimum, natural, NULL, NULL);
}

static gboolean
dash_screen_view_grab_focus (GtkWidget *widget)
{
  DashScreenView *self = DASH_SCREEN_VIEW (widget);

  if (self->active != NULL)
    return gtk_widget_grab_focus (GTK_WIDGET (self->active));
  return self->panels->len > 0 && gtk_widget_grab_focus (g_ptr_array_index (self->panels, 0));
}

static void
dash_screen_view_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  if (id == PROP_FROZEN)
    g_value_set_boolean (value, DASH_SCREEN_VIEW (object)->is_frozen);
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
dash_screen_view_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  if (id == PROP_FROZEN)
    dash_screen_view_set_frozen (DASH_SCREEN_VIEW (object), g_value_get_boolean (value));
  else
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
}

static void
dash_screen_view_dispose (GObject *object)
{
  DashScreenView *self = DASH_SCREEN_VIEW (object);
  GtkWidget *child;

  self->active = NULL;
  g_clear_handle_id (&self->place_source, g_source_remove);
  g_ptr_array_set_size (self->panels, 0);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  G_OBJECT_CLASS (dash_screen_view_parent_class)->dispose (object);
}

static void
dash_screen_view_finalize (GObject *object)
{
  DashScreenView *self = DASH_SCREEN_VIEW (object);

  g_clear_pointer (&self->panels, g_ptr_array_unref);
  G_OBJECT_CLASS (dash_screen_view_parent_class)->finalize (object);
}

static void
dash_screen_view_class_init (DashScreenViewClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  object_class->get_property = dash_screen_view_get_property;
  object_class->set_property = dash_screen_view_set_property;
  object_class->dispose = dash_screen_view_dispose;
  object_class->finalize = dash_screen_view_finalize;
  widget_class->measure = dash_screen_view_measure;
  widget_class->size_allocate = dash_screen_view_size_allocate;
  widget_class->grab_focus = dash_screen_view_grab_focus;
  g_object_class_install_property (
      object_class, PROP_FROZEN,
      g_param_spec_boolean ("frozen", NULL, NULL, FALSE,
                            G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS));
  active_changed_signal = g_signal_new ("active-changed", DASH_TYPE_SCREEN_VIEW, G_SIGNAL_RUN_LAST, 0, NULL,
                                        NULL, NULL, G_TYPE_NONE, 0);
  gtk_widget_class_set_css_name (widget_class, "dashscreen");
}

static void
dash_screen_view_init (DashScreenView *self)
{
  self->panels = g_ptr_array_new ();
}
