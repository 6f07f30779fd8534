/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl: the command line. Finds the verb; each verb is a file of its own, ctl-VERB.c. */

#include <locale.h>
#include <string.h>

#include "ctl.h"

static const CtlVerb verbs[] = {
  { "get", "PATH", "prints a projection as it is now", ctl_get },
  { "watch", "PATH", "prints each snapshot of a projection as it comes", ctl_watch },
  { "publish", "SOURCE [FILE|-]", "publishes events to a source", ctl_publish },
  { "projections", "", "lists the projections", ctl_projections },
  { "screens", "", "lists the screens and their panels", ctl_screens },
  { "connections", "", "lists who is connected, the slowest first", ctl_connections },
  { "status", "", "prints how the server is doing", ctl_status },
  { "load", "--hot PROJECTION", "measures the server under many clients", ctl_load },
  { "journal", "VERB DIR|FILE", "looks at a journal's file: inspect, verify, export, backup", ctl_journal },
};

static void
print_help (FILE *out)
{
  fputs ("Usage: synopticctl [--server URL] [--ca FILE] VERB [OPTION…] [ARGUMENT…]\n\nVerbs:\n", out);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    {
      g_autofree char *left = g_strdup_printf ("%s %s", verbs[i].name, verbs[i].synopsis);

      fprintf (out, "  %-25s  %s\n", left, verbs[i].summary);
    }
  fputs ("\nOptions:\n"
         "  --server URL               the server (default: $SYNOPTIC_SERVER, or " REPLICA_DEFAULT_URI ")\n"
         "  --ca FILE                  whom to trust over https (default: $SYNOPTIC_CA, or the system's authorities)\n"
         "  --version                  prints the version\n"
         "  --help                     prints this; \"synopticctl VERB --help\" tells a verb's options\n"
         "\nExit status: 0 done, 1 an error, 2 wrong usage.\n",
         out);
}

int
main (int argc, char **argv)
{
  const char *server = replica_default_uri ();
  g_autoptr (GString) names = NULL;
  int at = 1;

  setlocale (LC_ALL, "");
  ctl_set_ca_file (replica_default_ca_file ());
  for (; at < argc && argv[at][0] == '-'; at++)
    {
      if (strcmp (argv[at], "--help") == 0 || strcmp (argv[at], "-h") == 0)
        {
          print_help (stdout);
          return ctl_flush ();
        }
      if (strcmp (argv[at], "--version") == 0)
        {
          printf ("synopticctl %s\n", SYNOPTIC_VERSION);
          return ctl_flush ();
        }
      if (g_str_has_prefix (argv[at], "--server="))
        {
          server = argv[at] + strlen ("--server=");
        }
      else if (strcmp (argv[at], "--server") == 0 && at + 1 < argc)
        {
          server = argv[++at];
        }
      else if (g_str_has_prefix (argv[at], "--ca="))
        {
          ctl_set_ca_file (argv[at] + strlen ("--ca="));
        }
      else if (strcmp (argv[at], "--ca") == 0 && at + 1 < argc)
        {
          ctl_set_ca_file (argv[++at]);
        }
      else
        {
          ctl_say ("unknown option %s, or its value is missing; see synopticctl --help", argv[at]);
          return CTL_USAGE;
        }
    }
  if (at >= argc)
    {
      print_help (stderr);
      return CTL_USAGE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    if (strcmp (argv[at], verbs[i].name) == 0)
      return verbs[i].run (server, argc - at, argv + at);
  names = g_string_new (NULL);
  for (guint i = 0; i < G_N_ELEMENTS (verbs); i++)
    g_string_append_printf (names, "%s%s", i == 0 ? "" : i + 1 < G_N_ELEMENTS (verbs) ? ", " : " or ", verbs[i].name);
  ctl_say ("no verb \"%s\": expected %s; see synopticctl --help", argv[at], names->str);
  return CTL_USAGE;
}
