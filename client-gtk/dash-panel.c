/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One panel of a screen. It owns the view and what draws it, and says in its header at all times how much is
 * shown, how old that is, and what is wrong. Where there is nothing to draw it says why instead. Main thread.
 */

#include "dash-panel.h"

#include <adwaita.h>
#include <string.h>

#include "dash-accessible.h"
#include "dash-candles.h"
#include "dash-lines.h"

struct _DashPanel
{
  GtkWidget parent_instance;
  ReplicaView *view; /* (owned) */
  ReplicaPanelKind kind;
  char *path;    /* (owned) */
  char *title;   /* (owned) */

  DashPanel *leader; /* (unowned) (nullable): a sibling, which lives as long */
  char *next_path;   /* (owned) (nullable): to ask for, once thawed */
  char *next_key;    /* (owned) (nullable) */
  char *chart_error; /* (owned) (nullable): why the chart cannot draw the snapshot */
  gboolean is_filled; /* something was shown once */
  gboolean is_frozen;
  gboolean is_stale;

  GtkWidget *header;
  GtkWidget *title_label;
  GtkWidget *key_label;
  GtkWidget *error_label;
  GtkWidget *frozen_label;
  GtkWidget *count_label;
  GtkWidget *stretched_label;
  GtkWidget *age_label;
  GtkWidget *stack;
  GtkWidget *content;
  GtkWidget *status;
  GtkWidget *drawing; /* (unowned): the grid or the chart, within @content */
  GtkWidget *popover; /* (owned by the widget tree) (nullable) */
};

G_DEFINE_FINAL_TYPE (DashPanel, dash_panel, GTK_TYPE_WIDGET)

enum
{
  SIGNAL_SELECTION_CHANGED,
  SIGNAL_ACTIVATED,
  SIGNAL_FILLED,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static void
set_text (GtkWidget *label, const char *text)
{
  if (strcmp (gtk_label_get_label (GTK_LABEL (label)), text) != 0)
    gtk_label_set_label (GTK_LABEL (label), text);
}

static void
set_status (DashPanel *self, const char *icon, const char *title, const char *description)
{
  AdwStatusPage *page = ADW_STATUS_PAGE (self->status);
  /* A status page takes its description, and its title, for markup. */
  g_autofree char *title_markup = g_markup_escape_text (title, -1);
  g_autofree char *description_markup = g_markup_escape_text (description, -1);

  if (g_strcmp0 (adw_status_page_get_title (page), title_markup) != 0)
    adw_status_page_set_title (page, title_markup);
  if (g_strcmp0 (adw_status_page_get_description (page), description_markup) != 0)
    adw_status_page_set_description (page, description_markup);
  adw_status_page_set_icon_name (page, icon);
  gtk_stack_set_visible_child_name (GTK_STACK (self->stack), "status");
}

static guint
get_n_total (DashPanel *self)
{
  ReplicaSnapshot *snapshot = replica_view_get_snapshot (self->view);

  return snapshot != NULL ? replica_snapshot_get_n_rows (snapshot) : 0;
}

/* Which page, and the texts of the header that do not change by time alone. */
static void
update_state (DashPanel *self)
{
  const char *error = replica_view_get_error (self->view);
  ReplicaSnapshot *snapshot = replica_view_get_snapshot (self->view);
  guint n_total = get_n_total (self), n_shown = n_total;
  const char *filter = NULL;
  char total[32], shown[32];
  g_autofree char *count = NULL, *recovering = NULL;
  guint percent;

  if (self->kind == REPLICA_PANEL_GRID)
    {
      n_shown = dash_grid_get_n_shown (DASH_GRID (self->drawing));
      filter = dash_grid_get_filter (DASH_GRID (self->drawing));
    }
  if (replica_view_get_recovering (self->view, &percent))
    recovering = g_strdup_printf ("recovering %u %%", percent); /* nothing is wrong */
  if (error == NULL)
    error = self->chart_error;

  if (snapshot == NULL && recovering != NULL)
    set_status (self, "content-loading-symbolic", "The server is recovering", error);
  else if (snapshot == NULL && error != NULL)
    set_status (self, "dialog-warning-symbolic", "This panel cannot be shown", error);
  else if (snapshot == NULL && self->leader != NULL && self->next_path == NULL && !self->is_filled)
    set_status (self, "view-list-symbolic", "Nothing is selected", dash_panel_get_title (self->leader));
  else if (snapshot == NULL)
    set_status (self, "content-loading-symbolic", "Waiting for the first snapshot", self->path);
  else if (self->chart_error != NULL)
    set_status (self, "dialog-warning-symbolic", "This panel cannot be shown", self->chart_error);
  else if (n_total == 0 && (filter == NULL || *filter == '\0'))
    set_status (self, "view-list-symbolic", "No rows", replica_view_get_path (self->view));
  else if (n_shown == 0)
    set_status (self, "system-search-symbolic", "Nothing matches the filter", filter != NULL ? filter : "");
  else
    gtk_stack_set_visible_child_name (GTK_STACK (self->stack), "content");

  gtk_widget_set_visible (self->error_label, snapshot != NULL && error != NULL);
  set_text (self->error_label, recovering != NULL ? recovering : error != NULL ? error : "");
  if (recovering != NULL)
    gtk_widget_remove_css_class (self->error_label, "panel-error");
  else
    gtk_widget_add_css_class (self->error_label, "panel-error");
  gtk_widget_set_tooltip_text (self->error_label, error);
  gtk_widget_set_visible (self->frozen_label, self->is_frozen);
  if (snapshot == NULL)
    count = g_strdup ("");
  else if (n_shown != n_total)
    count = g_strdup_printf ("%s of %s rows", replica_format_count (n_shown, shown),
                             replica_format_count (n_total, total));
  else
    count = g_strdup_printf (n_total == 1 ? "%s row" : "%s rows", replica_format_count (n_total, total));
  set_text (self->count_label, count);
  if (filter != NULL && *filter != '\0')
    gtk_widget_add_css_class (self->count_label, "filtered");
  else
    gtk_widget_remove_css_class (self->count_label, "filtered");
}

/* The mark of a server that has too much to do. */
static void
update_stretched (DashPanel *self)
{
  gint64 interval_ms = replica_view_get_stretched_ms (self->view);
  char text[32];
  g_autofree char *every = interval_ms > 0 ? g_strdup_printf ("every %s", replica_format_age (interval_ms * 1000, text)) : NULL;

  set_text (self->stretched_label, every != NULL ? every : "");
  gtk_widget_set_visible (self->stretched_label, every != NULL);
}

void
dash_panel_tick (DashPanel *self)
{
  gint64 age_us = replica_view_get_age_us (self->view);
  gboolean is_stale = replica_view_get_stale (self->view);
  char text[32];

  set_text (self->age_label, age_us < 0 ? "" : replica_format_age (age_us, text));
  update_stretched (self);
  if (is_stale == self->is_stale)
    return;
  self->is_stale = is_stale;
  if (is_stale)
    gtk_widget_add_css_class (GTK_WIDGET (self), "stale");
  else
    gtk_widget_remove_css_class (GTK_WIDGET (self), "stale");
}

/* ---- following ---- */

static void
ask_next (DashPanel *self)
{
  if (self->next_path == NULL || self->is_frozen)
    return;
  replica_view_set_path (self->view, self->next_path);
  g_clear_pointer (&self->next_path, g_free);
  gtk_widget_set_visible (self->key_label, self->next_key != NULL && *self->next_key != '\0');
  set_text (self->key_label, self->next_key != NULL ? self->next_key : "");
  if (gtk_widget_get_mapped (GTK_WIDGET (self)))
    replica_view_start (self->view);
  update_state (self);
}

static void
leader_selection_cb (DashPanel *leader, DashPanel *self)
{
  ReplicaSnapshot *snapshot;
  g_autofree char *path = NULL;
  guint row;

  snapshot = dash_grid_get_selected (dash_panel_get_grid (leader), &row);
  if (snapshot == NULL)
    return;
  path = replica_follow_dup_path (self->path, snapshot, row);
  if (g_strcmp0 (path, self->next_path != NULL ? self->next_path : replica_view_get_path (self->view)) == 0)
    return;
  /* While frozen the picture stands: what belongs to the other row is asked for on thaw. */
  g_free (self->next_path);
  self->next_path = g_steal_pointer (&path);
  g_free (self->next_key);
  self->next_key = replica_format_dup_key (snapshot, row);
  ask_next (self);
}

void
dash_panel_follow (DashPanel *self, DashPanel *leader)
{
  g_return_if_fail (dash_panel_get_grid (leader) != NULL);

  self->leader = leader;
  g_signal_connect_object (leader, "selection-changed", G_CALLBACK (leader_selection_cb), self, 0);
  leader_selection_cb (leader, self);
  update_state (self);
}

/* ---- what the view says ---- */

static void
snapshot_cb (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, DashPanel *self)
{
  g_autoptr (GError) error = NULL;
  gboolean is_first = !self->is_filled;

  self->is_filled = TRUE;
  if (self->kind == REPLICA_PANEL_GRID)
    dash_grid_set_snapshot (DASH_GRID (self->drawing), snapshot, diff);
  else if (self->kind == REPLICA_PANEL_CANDLES)
    dash_candles_set_snapshot (DASH_CANDLES (self->drawing), snapshot, &error);
  else
    dash_lines_set_snapshot (DASH_LINES (self->drawing), snapshot, &error);
  g_free (self->chart_error);
  self->chart_error = error != NULL ? g_strdup (error->message) : NULL;
  update_state (self);
  dash_panel_tick (self);
  if (is_first)
    g_signal_emit (self, signals[SIGNAL_FILLED], 0);
}

static void
view_notify_cb (ReplicaView *view, GParamSpec *pspec, DashPanel *self)
{
  update_state (self);
  dash_panel_tick (self);
}

static void
grid_selection_cb (DashGrid *grid, DashPanel *self)
{
  g_signal_emit (self, signals[SIGNAL_SELECTION_CHANGED], 0);
}

/* ---- every digit of one row ---- */

static void
popover_closed_cb (GtkPopover *popover, DashPanel *self)
{
  g_clear_pointer (&self->popover, gtk_widget_unparent);
}

static void
row_activated_cb (DashGrid *grid, DashPanel *self)
{
  GtkWidget *table, *scroller;
  GdkRectangle area;
  guint row;
  ReplicaSnapshot *snapshot = dash_grid_get_selected (grid, &row);

  dash_grid_reveal_selected (grid);
  if (snapshot == NULL || !dash_grid_get_selected_area (grid, &area))
    return;
  table = gtk_grid_new ();
  gtk_grid_set_column_spacing (GTK_GRID (table), 12);
  gtk_grid_set_row_spacing (GTK_GRID (table), 2);
  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      char buffer[REPLICA_TEXT_MAX];
      gsize length;
      const char *text = replica_column_format (column, row, buffer, &length);
      GtkWidget *name = gtk_label_new (column->name);
      GtkWidget *value = gtk_label_new (length > 0 ? text : "–");

      gtk_label_set_xalign (GTK_LABEL (name), 1);
      gtk_widget_add_css_class (name, "dim-label");
      gtk_label_set_xalign (GTK_LABEL (value), 0);
      gtk_label_set_selectable (GTK_LABEL (value), TRUE);
      /* With the pointer; a label that takes the keyboard selects all of itself. */
      gtk_widget_set_focusable (value, FALSE);
      gtk_label_set_wrap (GTK_LABEL (value), TRUE);
      gtk_label_set_max_width_chars (GTK_LABEL (value), 60);
      gtk_widget_add_css_class (value, "numeric");
      gtk_grid_attach (GTK_GRID (table), name, 0, (int) i, 1, 1);
      gtk_grid_attach (GTK_GRID (table), value, 1, (int) i, 1, 1);
    }
  scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_policy (GTK_SCROLLED_WINDOW (scroller), GTK_POLICY_NEVER, GTK_POLICY_AUTOMATIC);
  gtk_scrolled_window_set_propagate_natural_height (GTK_SCROLLED_WINDOW (scroller), TRUE);
  gtk_scrolled_window_set_max_content_height (GTK_SCROLLED_WINDOW (scroller), 420);
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), table);
  g_clear_pointer (&self->popover, gtk_widget_unparent);
  self->popover = gtk_popover_new ();
  gtk_popover_set_child (GTK_POPOVER (self->popover), scroller);
  gtk_popover_set_pointing_to (GTK_POPOVER (self->popover), &area);
  /* The grid lays out only what it knows: the popover hangs on what surrounds it. */
  gtk_widget_set_parent (self->popover, self->content);
  g_signal_connect (self->popover, "closed", G_CALLBACK (popover_closed_cb), self);
  gtk_popover_popup (GTK_POPOVER (self->popover));
}

/* ---- the panel ---- */

GtkWidget *
dash_panel_new (ReplicaLink *link, const ReplicaPanel *panel)
{
  DashPanel *self = g_object_new (DASH_TYPE_PANEL, NULL);

  self->kind = panel->kind;
  self->path = g_strdup (panel->path);
  self->title = g_strdup (panel->title != NULL && *panel->title != '\0' ? panel->title : panel->path);
  self->view = replica_view_new (link, panel->path);
  gtk_label_set_label (GTK_LABEL (self->title_label), self->title);
  gtk_accessible_update_property (GTK_ACCESSIBLE (self), GTK_ACCESSIBLE_PROPERTY_LABEL, self->title, -1);

  if (self->kind == REPLICA_PANEL_GRID)
    {
      GtkWidget *scroller = gtk_scrolled_window_new ();

      self->drawing = dash_grid_new ();
      dash_grid_set_title (DASH_GRID (self->drawing), self->title);
      dash_grid_set_sort (DASH_GRID (self->drawing), panel->sort);
      gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), self->drawing);
      adw_bin_set_child (ADW_BIN (self->content), scroller);
      g_signal_connect (self->drawing, "selection-changed", G_CALLBACK (grid_selection_cb), self);
      g_signal_connect (self->drawing, "row-activated", G_CALLBACK (row_activated_cb), self);
    }
  else
    {
      self->drawing = self->kind == REPLICA_PANEL_CANDLES ? dash_candles_new () : dash_lines_new ();
      dash_chart_set_title (DASH_CHART (self->drawing), self->title);
      adw_bin_set_child (ADW_BIN (self->content), self->drawing);
    }
  g_signal_connect_object (self->view, "snapshot", G_CALLBACK (snapshot_cb), self, 0);
  g_signal_connect_object (self->view, "notify::error", G_CALLBACK (view_notify_cb), self, 0);
  g_signal_connect_object (self->view, "notify::live", G_CALLBACK (view_notify_cb), self, 0);
  update_state (self);
  return GTK_WIDGET (self);
}

ReplicaView *
dash_panel_get_view (DashPanel *self)
{
  return self->view;
}

const char *
dash_panel_get_title (DashPanel *self)
{
  return self->title;
}

DashGrid *
dash_panel_get_grid (DashPanel *self)
{
  return self->kind == REPLICA_PANEL_GRID ? DASH_GRID (self->drawing) : NULL;
}

void
dash_panel_set_frozen (DashPanel *self, gboolean is_frozen)
{
  self->is_frozen = is_frozen;
  replica_view_set_frozen (self->view, is_frozen);
  ask_next (self);
  update_state (self);
  dash_panel_tick (self);
}

void
dash_panel_set_filter (DashPanel *self, const char *filter)
{
  if (self->kind != REPLICA_PANEL_GRID)
    return;
  dash_grid_set_filter (DASH_GRID (self->drawing), filter);
  replica_view_set_filter (self->view, filter);
  update_state (self);
}

int
dash_panel_get_wanted_height (DashPanel *self)
{
  int header_height, natural;

  gtk_widget_measure (self->header, GTK_ORIENTATION_VERTICAL, -1, NULL, &header_height, NULL, NULL);
  gtk_widget_measure (self->drawing, GTK_ORIENTATION_VERTICAL, -1, NULL, &natural, NULL, NULL);
  /* Space for a message, at least. */
  return header_height + MAX (natural, 60);
}

static void
enter_cb (GtkEventControllerFocus *controller, DashPanel *self)
{
  g_signal_emit (self, signals[SIGNAL_ACTIVATED], 0);
}

/* What nobody sees is not asked for. */
static void
dash_panel_map (GtkWidget *widget)
{
  DashPanel *self = DASH_PANEL (widget);

  GTK_WIDGET_CLASS (dash_panel_parent_class)->map (widget);
  if (self->leader == NULL || self->next_key != NULL)
    replica_view_start (self->view);
}

static void
dash_panel_unmap (GtkWidget *widget)
{
  GTK_WIDGET_CLASS (dash_panel_parent_class)->unmap (widget);
  replica_view_stop (DASH_PANEL (widget)->view);
}

static gboolean
dash_panel_grab_focus (GtkWidget *widget)
{
  return gtk_widget_grab_focus (DASH_PANEL (widget)->drawing);
}

static void
dash_panel_dispose (GObject *object)
{
  DashPanel *self = DASH_PANEL (object);
  GtkWidget *child;

  if (self->view != NULL)
    replica_view_stop (self->view);
  g_clear_pointer (&self->popover, gtk_widget_unparent);
  while ((child = gtk_widget_get_first_child (GTK_WIDGET (self))) != NULL)
    gtk_widget_unparent (child);
  self->leader = NULL;
  g_clear_object (&self->view);
  G_OBJECT_CLASS (dash_panel_parent_class)->dispose (object);
}

static void
dash_panel_finalize (GObject *object)
{
  DashPanel *self = DASH_PANEL (object);

  g_free (self->path);
  g_free (self->title);
  g_free (self->next_path);
  g_free (self->next_key);
  g_free (self->chart_error);
  G_OBJECT_CLASS (dash_panel_parent_class)->finalize (object);
}

static void
dash_panel_class_init (DashPanelClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);
  static const char *const names[N_SIGNALS] = { "selection-changed", "activated", "filled" };

  object_class->dispose = dash_panel_dispose;
  object_class->finalize = dash_panel_finalize;
  widget_class->map = dash_panel_map;
  widget_class->unmap = dash_panel_unmap;
  widget_class->grab_focus = dash_panel_grab_focus;
  gtk_widget_class_set_template_from_resource (widget_class, "/net/synoptic/Synoptic/dash-panel.ui");
  gtk_widget_class_bind_template_child (widget_class, DashPanel, header);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, title_label);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, key_label);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, error_label);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, frozen_label);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, count_label);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, stretched_label);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, age_label);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, stack);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, content);
  gtk_widget_class_bind_template_child (widget_class, DashPanel, status);
  gtk_widget_class_set_css_name (widget_class, "dashpanel");
  gtk_widget_class_set_accessible_role (widget_class, GTK_ACCESSIBLE_ROLE_GROUP);
  for (guint i = 0; i < N_SIGNALS; i++)
    signals[i] =
        g_signal_new (names[i], DASH_TYPE_PANEL, G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL, G_TYPE_NONE, 0);
}

static void
dash_panel_init (DashPanel *self)
{
  GtkEventController *focus = gtk_event_controller_focus_new ();

  gtk_widget_init_template (GTK_WIDGET (self));
  dash_accessible_mirror_mapped (self->content);
  dash_accessible_mirror_mapped (self->status);
  g_signal_connect (focus, "enter", G_CALLBACK (enter_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), focus);
}
