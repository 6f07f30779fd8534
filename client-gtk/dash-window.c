/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The window: the silo's screens as tabs, the filter, the freeze button and the status line. It fetches the
 * list of screens and asks again until it has it; when the link comes back it asks once more, since the
 * server may be another one by then, and builds the tabs anew only if the answer is another. Main thread;
 * nothing here waits for the network. */

#include "dash-window.h"

#include <string.h>

#include "dash-accessible.h"
#include "dash-screen-view.h"
#include "dash-status-bar.h"

#define TICK_MS 250
#define RETRY_MIN_MS 500
#define RETRY_MAX_MS 5000

struct _DashWindow
{
  AdwApplicationWindow parent_instance;
  ReplicaLink *link;         /* (owned) */
  GCancellable *cancellable; /* (owned): of the fetch */
  GBytes *screens;           /* (owned) (nullable): as they were answered */
  char *fetch_error;         /* (owned) (nullable) */
  gboolean is_fetching;
  guint retry_ms;
  guint retry_source;  /* 0: none */
  guint tick_source;   /* 0: none */
  gboolean is_syncing; /* the entry and the button follow the screen, not the user */

  GtkWidget *freeze_button;
  GtkWidget *frozen_label;
  GtkWidget *search_entry;
  GtkWidget *stack;
  GtkWidget *status;
  AdwTabView *tab_view;
  DashStatusBar *status_bar;
};

G_DEFINE_FINAL_TYPE (DashWindow, dash_window, ADW_TYPE_APPLICATION_WINDOW)

static void fetch_screens (DashWindow *self);

static DashScreenView *
get_screen (DashWindow *self)
{
  AdwTabPage *page = self->tab_view != NULL ? adw_tab_view_get_selected_page (self->tab_view) : NULL;

  return page != NULL ? DASH_SCREEN_VIEW (adw_tab_page_get_child (page)) : NULL;
}

/* ---- what stands above and below the screens ---- */

static void
update_status_page (DashWindow *self)
{
  AdwStatusPage *page = ADW_STATUS_PAGE (self->status);
  g_autofree char *trouble = dash_status_bar_dup_trouble (self->link);
  g_autofree char *text = NULL, *markup = NULL;
  const char *title = "Waiting for the server", *icon = "network-offline-symbolic";

  if (self->screens != NULL)
    {
      title = "This server has no screens";
      icon = "view-grid-symbolic";
      text = g_strdup_printf ("Its catalog names none.\n%s", replica_link_get_uri (self->link));
    }
  else
    text = g_strdup_printf ("%s\n%s", replica_link_get_uri (self->link),
                            self->fetch_error != NULL ? self->fetch_error
                            : trouble != NULL         ? trouble
                                                      : "");
  /* A status page takes its description for markup. */
  markup = g_markup_escape_text (text, -1);
  if (g_strcmp0 (adw_status_page_get_title (page), title) != 0)
    adw_status_page_set_title (page, title);
  if (g_strcmp0 (adw_status_page_get_description (page), markup) != 0)
    adw_status_page_set_description (page, markup);
  if (g_strcmp0 (adw_status_page_get_icon_name (page), icon) != 0)
    adw_status_page_set_icon_name (page, icon);
}

static void
tick (DashWindow *self)
{
  DashScreenView *screen = get_screen (self);
  g_autofree char *frozen = screen != NULL ? dash_screen_view_dup_frozen_text (screen) : NULL;

  dash_status_bar_tick (self->status_bar, self->link, screen);
  if (screen != NULL)
    dash_screen_view_tick (screen);
  else
    update_status_page (self);
  gtk_widget_set_visible (self->frozen_label, frozen != NULL);
  if (frozen != NULL && strcmp (gtk_label_get_label (GTK_LABEL (self->frozen_label)), frozen) != 0)
    gtk_label_set_label (GTK_LABEL (self->frozen_label), frozen);
}

static gboolean
tick_cb (gpointer user_data)
{
  tick (user_data);
  return G_SOURCE_CONTINUE;
}

/* The button and the entry belong to the screen, and to the grid, that has the keyboard. */
static void
sync_controls (DashWindow *self)
{
  DashScreenView *screen = get_screen (self);
  DashPanel *panel = screen != NULL ? dash_screen_view_get_active (screen) : NULL;
  GAction *freeze = g_action_map_lookup_action (G_ACTION_MAP (self), "freeze");
  const char *filter = panel != NULL ? dash_grid_get_filter (dash_panel_get_grid (panel)) : NULL;
  g_autofree char *hint = panel != NULL ? g_strdup_printf ("Filter %s ( / )", dash_panel_get_title (panel))
                                        : g_strdup ("Filter ( / )");

  self->is_syncing = TRUE;
  g_simple_action_set_enabled (G_SIMPLE_ACTION (freeze), screen != NULL);
  g_simple_action_set_state (G_SIMPLE_ACTION (freeze),
                             g_variant_new_boolean (screen != NULL && dash_screen_view_get_frozen (screen)));
  gtk_widget_set_sensitive (self->search_entry, panel != NULL);
  g_object_set (self->search_entry, "placeholder-text", hint, NULL);
  if (strcmp (gtk_editable_get_text (GTK_EDITABLE (self->search_entry)), filter != NULL ? filter : "") != 0)
    gtk_editable_set_text (GTK_EDITABLE (self->search_entry), filter != NULL ? filter : "");
  self->is_syncing = FALSE;
}

static void
active_changed_cb (DashScreenView *screen, DashWindow *self)
{
  if (screen == get_screen (self))
    sync_controls (self);
}

/* ---- screens ---- */

static gboolean
close_page_cb (AdwTabView *view, AdwTabPage *page, DashWindow *self)
{
  /* The silo says which screens there are. */
  adw_tab_view_close_page_finish (
      view, page, self->tab_view == NULL || g_object_get_data (G_OBJECT (page), "gone") != NULL);
  return GDK_EVENT_STOP;
}

static void
page_selected_cb (AdwTabView *view, GParamSpec *pspec, DashWindow *self)
{
  DashScreenView *screen = get_screen (self);
  AdwTabPage *page = adw_tab_view_get_selected_page (view);
  g_autofree char *title = NULL;

  if (self->link == NULL)
    return;
  title =
      page != NULL ? g_strdup_printf ("%s – Synoptic", adw_tab_page_get_title (page)) : g_strdup ("Synoptic");
  gtk_window_set_title (GTK_WINDOW (self), title);
  sync_controls (self);
  tick (self);
  if (screen != NULL)
    gtk_widget_grab_focus (GTK_WIDGET (screen));
}

static void
show_screens (DashWindow *self, GPtrArray *screens)
{
  g_autoptr (GPtrArray) old = g_ptr_array_new_with_free_func (g_object_unref);
  AdwTabPage *before = adw_tab_view_get_selected_page (self->tab_view);
  g_autofree char *selected = before != NULL ? g_strdup (adw_tab_page_get_title (before)) : NULL;

  for (int i = 0; i < adw_tab_view_get_n_pages (self->tab_view); i++)
    g_ptr_array_add (old, g_object_ref (adw_tab_view_get_nth_page (self->tab_view, i)));
  for (guint i = 0; i < screens->len; i++)
    {
      ReplicaScreen *screen = g_ptr_array_index (screens, i);
      GtkWidget *view = dash_screen_view_new (self->link, screen);
      AdwTabPage *page = adw_tab_view_append (self->tab_view, view);
      const char *title = replica_screen_get_title (screen);

      adw_tab_page_set_title (page,
                              title != NULL && *title != '\0' ? title : replica_screen_get_name (screen));
      dash_accessible_mirror_mapped (view);
      g_signal_connect_object (view, "active-changed", G_CALLBACK (active_changed_cb), self, 0);
      if (i == 0 || g_strcmp0 (adw_tab_page_get_title (page), selected) == 0)
        adw_tab_view_set_selected_page (self->tab_view, page);
    }
  for (guint i = 0; i < old->len; i++)
    {
      g_object_set_data (g_ptr_array_index (old, i), "gone", self);
      adw_tab_view_close_page (self->tab_view, g_ptr_array_index (old, i));
    }
  gtk_stack_set_visible_child_name (GTK_STACK (self->stack), screens->len > 0 ? "screens" : "status");
  page_selected_cb (self->tab_view, NULL, self);
}

static gboolean
retry_cb (gpointer user_data)
{
  DashWindow *self = user_data;

  self->retry_source = 0;
  fetch_screens (self);
  return G_SOURCE_REMOVE;
}

static void
fetched_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (DashWindow) self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = replica_link_fetch_finish (REPLICA_LINK (source), result, NULL, &error);
  g_autoptr (GPtrArray) screens = NULL;

  self->is_fetching = FALSE;
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || self->link == NULL)
    return;
  if (bytes != NULL && self->screens != NULL && g_bytes_equal (bytes, self->screens))
    return;
  if (bytes != NULL)
    screens =
        replica_screens_parse (g_bytes_get_data (bytes, NULL), (gssize) g_bytes_get_size (bytes), &error);
  g_clear_pointer (&self->fetch_error, g_free);
  if (screens == NULL)
    {
      if (error != NULL)
        self->fetch_error = g_strdup (error->message);
      tick (self);
      self->retry_source = g_timeout_add (self->retry_ms, retry_cb, self);
      self->retry_ms = MIN (self->retry_ms * 2, RETRY_MAX_MS);
      return;
    }
  self->retry_ms = RETRY_MIN_MS;
  g_clear_pointer (&self->screens, g_bytes_unref);
  self->screens = g_steal_pointer (&bytes);
  show_screens (self, screens);
}

static void
fetch_screens (DashWindow *self)
{
  if (self->is_fetching)
    return;
  self->is_fetching = TRUE;
  g_clear_handle_id (&self->retry_source, g_source_remove);
  replica_link_fetch_async (self->link, "/v1/screens", NULL, NULL, 0, self->cancellable, fetched_cb,
                            g_object_ref (self));
}

static void
state_cb (ReplicaLink *link, GParamSpec *pspec, DashWindow *self)
{
  if (replica_link_get_state (link) == REPLICA_LINK_ONLINE)
    fetch_screens (self);
  tick (self);
}

/* ---- what the user does ---- */

static void
search_changed_cb (GtkSearchEntry *entry, DashWindow *self)
{
  DashScreenView *screen = get_screen (self);
  DashPanel *panel = screen != NULL ? dash_screen_view_get_active (screen) : NULL;

  if (!self->is_syncing && panel != NULL)
    dash_panel_set_filter (panel, gtk_editable_get_text (GTK_EDITABLE (entry)));
}

static void
leave_search (DashWindow *self)
{
  DashScreenView *screen = get_screen (self);

  if (screen != NULL)
    gtk_widget_grab_focus (GTK_WIDGET (screen));
}

static void
search_stopped_cb (GtkSearchEntry *entry, DashWindow *self)
{
  gtk_editable_set_text (GTK_EDITABLE (entry), "");
  leave_search (self);
}

static void
search_activated_cb (GtkSearchEntry *entry, DashWindow *self)
{
  leave_search (self);
}

static void
search_action_cb (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  gtk_widget_grab_focus (DASH_WINDOW (user_data)->search_entry);
}

static void
freeze_state_cb (GSimpleAction *action, GVariant *state, gpointer user_data)
{
  DashWindow *self = user_data;
  DashScreenView *screen = get_screen (self);

  if (screen == NULL)
    return;
  g_simple_action_set_state (action, state);
  dash_screen_view_set_frozen (screen, g_variant_get_boolean (state));
  tick (self);
}

static void
screen_action_cb (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  DashWindow *self = user_data;
  int index = g_variant_get_int32 (parameter);

  if (index >= 0 && index < adw_tab_view_get_n_pages (self->tab_view))
    adw_tab_view_set_selected_page (self->tab_view, adw_tab_view_get_nth_page (self->tab_view, index));
}

/* Keys without a modifier come here only when nothing that takes text has the keyboard. */
static gboolean
key_cb (GtkEventControllerKey *controller, guint key, guint code, GdkModifierType modifiers, DashWindow *self)
{
  if ((modifiers & (GDK_CONTROL_MASK | GDK_ALT_MASK | GDK_SUPER_MASK)) != 0)
    return GDK_EVENT_PROPAGATE;
  if (key == GDK_KEY_space || key == GDK_KEY_KP_Space)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.freeze", NULL);
  else if (key == GDK_KEY_slash || key == GDK_KEY_KP_Divide)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.search", NULL);
  else if (key == GDK_KEY_question)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.show-help-overlay", NULL);
  else if (key >= GDK_KEY_1 && key <= GDK_KEY_9)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.screen", "i", (int) (key - GDK_KEY_1));
  else if (key >= GDK_KEY_KP_1 && key <= GDK_KEY_KP_9)
    gtk_widget_activate_action (GTK_WIDGET (self), "win.screen", "i", (int) (key - GDK_KEY_KP_1));
  else
    return GDK_EVENT_PROPAGATE;
  return GDK_EVENT_STOP;
}

/* ---- the window ---- */

GtkWidget *
dash_window_new (AdwApplication *application, ReplicaLink *link)
{
  DashWindow *self = g_object_new (DASH_TYPE_WINDOW, "application", application, NULL);

  self->link = g_object_ref (link);
  g_signal_connect_object (link, "notify::state", G_CALLBACK (state_cb), self, 0);
  self->tick_source = g_timeout_add (TICK_MS, tick_cb, self);
  replica_link_start (link);
  fetch_screens (self);
  sync_controls (self);
  tick (self);
  return GTK_WIDGET (self);
}

static void
dash_window_dispose (GObject *object)
{
  DashWindow *self = DASH_WINDOW (object);

  g_clear_handle_id (&self->tick_source, g_source_remove);
  g_clear_handle_id (&self->retry_source, g_source_remove);
  if (self->cancellable != NULL)
    g_cancellable_cancel (self->cancellable);
  g_clear_object (&self->cancellable);
  if (self->link != NULL)
    {
      g_signal_handlers_disconnect_by_data (self->link, self);
      replica_link_stop (self->link);
    }
  g_clear_object (&self->link);
  G_OBJECT_CLASS (dash_window_parent_class)->dispose (object);
}

static void
dash_window_finalize (GObject *object)
{
  DashWindow *self = DASH_WINDOW (object);

  g_clear_pointer (&self->screens, g_bytes_unref);
  g_clear_pointer (&self->fetch_error, g_free);
  G_OBJECT_CLASS (dash_window_parent_class)->finalize (object);
}

static void
dash_window_class_init (DashWindowClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->dispose = dash_window_dispose;
  G_OBJECT_CLASS (klass)->finalize = dash_window_finalize;
  g_type_ensure (DASH_TYPE_STATUS_BAR);
  gtk_widget_class_set_template_from_resource (widget_class, "/net/synoptic/Synoptic/dash-window.ui");
  gtk_widget_class_bind_template_child (widget_class, DashWindow, freeze_button);
  gtk_widget_class_bind_template_child (widget_class, DashWindow, frozen_label);
  gtk_widget_class_bind_template_child (widget_class, DashWindow, search_entry);
  gtk_widget_class_bind_template_child (widget_class, DashWindow, stack);
  gtk_widget_class_bind_template_child (widget_class, DashWindow, status);
  gtk_widget_class_bind_template_child (widget_class, DashWindow, tab_view);
  gtk_widget_class_bind_template_child (widget_class, DashWindow, status_bar);
  gtk_widget_class_bind_template_callback (widget_class, search_changed_cb);
  gtk_widget_class_bind_template_callback (widget_class, search_stopped_cb);
  gtk_widget_class_bind_template_callback (widget_class, search_activated_cb);
  gtk_widget_class_bind_template_callback (widget_class, close_page_cb);
  gtk_widget_class_bind_template_callback (widget_class, page_selected_cb);
}

static void
dash_window_init (DashWindow *self)
{
  static const GActionEntry actions[] = {
    { "freeze", NULL, NULL, "false", freeze_state_cb },
    { "search", search_action_cb },
    { "screen", screen_action_cb, "i" },
  };
  GtkEventController *keys = gtk_event_controller_key_new ();

  self->cancellable = g_cancellable_new ();
  self->retry_ms = RETRY_MIN_MS;
  g_action_map_add_action_entries (G_ACTION_MAP (self), actions, G_N_ELEMENTS (actions), self);
  gtk_widget_init_template (GTK_WIDGET (self));
  dash_accessible_mirror_mapped (self->status);
  g_signal_connect (keys, "key-pressed", G_CALLBACK (key_cb), self);
  gtk_widget_add_controller (GTK_WIDGET (self), keys);
}
