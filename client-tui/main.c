/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * synoptic-tui: the dashboard for terminals. */
#include <locale.h>

#include "tui-app.h"

int
main (int argc, char **argv)
{
  g_autofree char *server = NULL, *ca = NULL;
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
    { "server", 's', 0, G_OPTION_ARG_STRING, &server, "The silo (default: $SYNOPTIC_SERVER, or " REPLICA_DEFAULT_URI ")", "URL" },
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, &ca, "Whom to trust over https (default: $SYNOPTIC_CA, or the system's authorities)", "FILE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
    { NULL }
  };
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  int status;

  setlocale (LC_ALL, "");
  g_option_context_set_summary (options, "The live screens of a Synoptic silo, in a terminal. Press ? for the keys.");
  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || argc > 1)
    {
      g_printerr ("synoptic-tui: %s\n", error != NULL ? error->message : "what it shows comes from the silo: no argument but options");
      return 2;
    }
  if (version)
    {
      g_print ("synoptic-tui " SYNOPTIC_VERSION "\n");
      return 0;
    }
  if (server == NULL)
    server = g_strdup (replica_default_uri ());
  status = tui_app_run (server, ca != NULL ? ca : replica_default_ca_file (), &error);
  if (error != NULL)
    g_printerr ("synoptic-tui: %s\n", error->message);
  return status;
}
