/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The program: its options, its actions and its keys. Each start is a process of its own, since each may look
 * at another server. Main thread. */

#include "dash-application.h"

#include "dash-window.h"

struct _DashApplication
{
  AdwApplication parent_instance;
  char *server;  /* (owned) */
  char *ca_file; /* (owned) (nullable) */
};

G_DEFINE_FINAL_TYPE (DashApplication, dash_application, ADW_TYPE_APPLICATION)

DashApplication *
dash_application_new (void)
{
  return g_object_new (DASH_TYPE_APPLICATION, "application-id", DASH_APPLICATION_ID, "flags",
                       G_APPLICATION_NON_UNIQUE, "resource-base-path", "/net/synoptic/Synoptic", NULL);
}

static void
about_cb (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  GtkApplication *application = user_data;

  adw_show_about_window (gtk_application_get_active_window (application), "application-name", "Synoptic",
                         "application-icon", DASH_APPLICATION_ID, "version", SYNOPTIC_VERSION, "comments",
                         "The same live picture for everyone, as fresh as each network allows.",
                         "license-type", GTK_LICENSE_LGPL_2_1, "developer-name", "The Synoptic authors",
                         NULL);
}

static void
quit_cb (GSimpleAction *action, GVariant *parameter, gpointer user_data)
{
  GList *windows;

  /* Closed, not just left: their links say goodbye. */
  while ((windows = gtk_application_get_windows (user_data)) != NULL)
    gtk_window_destroy (windows->data);
  g_application_quit (user_data);
}

static void
appearance_cb (GSimpleAction *action, GVariant *state, gpointer user_data)
{
  const char *name = g_variant_get_string (state, NULL);
  AdwColorScheme scheme = g_str_equal (name, "light")    ? ADW_COLOR_SCHEME_FORCE_LIGHT
                          : g_str_equal (name, "system") ? ADW_COLOR_SCHEME_PREFER_LIGHT
                                                         : ADW_COLOR_SCHEME_PREFER_DARK;

  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), scheme);
  g_simple_action_set_state (action, state);
}

static void
dash_application_startup (GApplication *application)
{
  static const GActionEntry actions[] = {
    { "about", about_cb },
    { "quit", quit_cb },
    { "appearance", NULL, "s", "'dark'", appearance_cb },
  };
  static const struct
  {
    const char *action;
    const char *keys[3];
  } accels[] = {
    { "app.quit", { "<Control>q" } },
    { "win.search", { "<Control>f" } },
    { "win.show-help-overlay", { "F1", "<Control>question" } },
  };

  G_APPLICATION_CLASS (dash_application_parent_class)->startup (application);
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_PREFER_DARK);
  g_action_map_add_action_entries (G_ACTION_MAP (application), actions, G_N_ELEMENTS (actions), application);
  for (guint i = 0; i < G_N_ELEMENTS (accels); i++)
    gtk_application_set_accels_for_action (GTK_APPLICATION (application), accels[i].action, accels[i].keys);
}

/* NULL with an error: the URL, or the file of authorities, is none. */
static ReplicaLink *
dash_link_new (DashApplication *self, GError **error)
{
  g_autoptr (ReplicaLink) link = replica_link_new (self->server, error);

  if (link == NULL || !replica_link_set_ca_file (link, self->ca_file, error))
    return NULL;
  return g_steal_pointer (&link);
}

static void
dash_application_activate (GApplication *application)
{
  DashApplication *self = DASH_APPLICATION (application);
  g_autoptr (ReplicaLink) link = NULL;
  g_autoptr (GError) error = NULL;
  GtkWindow *window = gtk_application_get_active_window (GTK_APPLICATION (application));

  if (window == NULL)
    {
      link = dash_link_new (self, &error);
      if (link == NULL)
        {
          /* The URL was checked when the options were read; a file may have gone since. */
          g_printerr ("synoptic: %s\n", error->message);
          return;
        }
      window = GTK_WINDOW (dash_window_new (ADW_APPLICATION (application), link));
    }
  gtk_window_present (window);
}

static int
dash_application_handle_local_options (GApplication *application, GVariantDict *options)
{
  DashApplication *self = DASH_APPLICATION (application);
  g_autoptr (ReplicaLink) link = NULL;
  g_autoptr (GError) error = NULL;
  const char *server = NULL, *ca_file = NULL;

  if (g_variant_dict_contains (options, "version"))
    {
      g_print ("synoptic %s\n", SYNOPTIC_VERSION);
      return 0;
    }
  if (!g_variant_dict_lookup (options, "server", "&s", &server))
    server = replica_default_uri ();
  if (!g_variant_dict_lookup (options, "ca", "^&ay", &ca_file))
    ca_file = replica_default_ca_file ();
  g_free (self->server);
  self->server = g_strdup (server);
  g_free (self->ca_file);
  self->ca_file = g_strdup (ca_file);
  link = dash_link_new (self, &error);
  if (link == NULL)
    {
      g_printerr ("synoptic: %s\n", error->message);
      return 2;
    }
  return -1;
}

static void
dash_application_finalize (GObject *object)
{
  g_free (DASH_APPLICATION (object)->server);
  g_free (DASH_APPLICATION (object)->ca_file);
  G_OBJECT_CLASS (dash_application_parent_class)->finalize (object);
}

static void
dash_application_class_init (DashApplicationClass *klass)
{
  GApplicationClass *application_class = G_APPLICATION_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = dash_application_finalize;
  application_class->startup = dash_application_startup;
  application_class->activate = dash_application_activate;
  application_class->handle_local_options = dash_application_handle_local_options;
}

static void
dash_application_init (DashApplication *self)
{
  static const GOptionEntry options[] = {
    { "server", 's', 0, G_OPTION_ARG_STRING, NULL,
      "The silo to look at (default: $SYNOPTIC_SERVER, or " REPLICA_DEFAULT_URI ")", "URL" },
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, NULL, "Whom to trust over https (default: $SYNOPTIC_CA, or the system's authorities)", "FILE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, NULL, "Print the version and exit", NULL },
    { NULL },
  };

  g_application_add_main_option_entries (G_APPLICATION (self), options);
  g_application_set_option_context_summary (G_APPLICATION (self), "Live screens of a Synoptic silo.");
}
