/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every verb does: options, errors, output, one request. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

void
ctl_say (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autoptr (GString) safe = g_string_new ("synopticctl: ");
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  ctl_append_safe (safe, text, strlen (text), FALSE);
  fflush (stdout); /* in the order in which it happened */
  fprintf (stderr, "%s\n", safe->str);
}

int
ctl_fail (const GError *error)
{
  ctl_say ("%s", error->message);
  return CTL_ERROR;
}

int
ctl_flush (void)
{
  if (fflush (stdout) == 0 && !ferror (stdout))
    return CTL_OK;
  ctl_say ("cannot write: %s", g_strerror (errno));
  return CTL_ERROR;
}

gboolean
ctl_parse (const char *synopsis,
           const char *summary,
           const char *description,
           const GOptionEntry *entries,
           const char **server,
           int *argc,
           char ***argv,
           int min,
           int max)
{
  static char *option, *ca_option; /* (owned by the process) what --server and --ca said */
  const GOptionEntry common[] = {
    { "server", 0, 0, G_OPTION_ARG_STRING, &option,
      "The server (default: $SYNOPTIC_SERVER, or " REPLICA_DEFAULT_URI ")", "URL" },
    { "ca", 0, 0, G_OPTION_ARG_FILENAME, &ca_option, "Whom to trust over https (default: $SYNOPTIC_CA, or the system's authorities)", "FILE" },
    { NULL },
  };
  g_autofree char *program = g_strdup_printf ("synopticctl %s", (*argv)[0]);
  g_autoptr (GOptionContext) context = g_option_context_new (synopsis);
  g_autoptr (GError) error = NULL;

  g_clear_pointer (&option, g_free);
  g_clear_pointer (&ca_option, g_free);
  g_set_prgname (program);
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
  if (entries != NULL)
    g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, common, NULL);
  if (!g_option_context_parse (context, argc, argv, &error))
    {
      ctl_say ("%s: %s", (*argv)[0], error->message);
      return FALSE;
    }
  if (*argc > 1 && strcmp ((*argv)[1], "--") == 0)
    {
      memmove (*argv + 1, *argv + 2, (gsize) (*argc - 1) * sizeof **argv);
      (*argc)--;
    }
  if (*argc - 1 < min || *argc - 1 > max)
    {
      ctl_say ("%s: %s; expected: %s %s", (*argv)[0],
               *argc - 1 < min ? "an argument is missing" : "too many arguments", program, synopsis);
      return FALSE;
    }
  if (option != NULL)
    *server = option;
  if (ca_option != NULL)
    ctl_set_ca_file (ca_option);
  return TRUE;
}

gboolean
ctl_parse_format (const char *text, gboolean with_csv, CtlFormat *format)
{
  *format = CTL_FORMAT_TABLE;
  if (text == NULL || strcmp (text, "table") == 0)
    return TRUE;
  if (strcmp (text, "json") == 0)
    *format = CTL_FORMAT_JSON;
  else if (with_csv && strcmp (text, "csv") == 0)
    *format = CTL_FORMAT_CSV;
  else
    {
      ctl_say ("--format %s: expected table%s json%s", text, with_csv ? "," : " or",
               with_csv ? " or csv" : "");
      return FALSE;
    }
  return TRUE;
}

void
ctl_print_body (GBytes *body)
{
  gsize size;
  const char *data = g_bytes_get_data (body, &size);

  if (isatty (STDOUT_FILENO))
    {
      g_autoptr (GString) safe = g_string_sized_new (size);

      ctl_append_safe (safe, data, size, TRUE);
      fwrite (safe->str, 1, safe->len, stdout);
    }
  else
    {
      fwrite (data, 1, size, stdout);
    }
}

void
ctl_iterate (void)
{
  g_main_context_iteration (g_main_context_get_thread_default (), TRUE);
}

static const char *ca_file;

const char *
ctl_get_ca_file (void)
{
  return ca_file;
}

void
ctl_set_ca_file (const char *file)
{
  ca_file = file;
}

ReplicaLink *
ctl_link_new (const char *server, GError **error)
{
  g_autoptr (ReplicaLink) link = replica_link_new (server, error);

  if (link == NULL || !replica_link_set_ca_file (link, ca_file, error))
    return NULL;
  return g_steal_pointer (&link);
}

typedef struct
{
  gboolean done;
  GBytes *body;
  GError *error;
} Fetched;

static void
fetched_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Fetched *fetched = user_data;

  fetched->body = replica_link_fetch_finish (REPLICA_LINK (object), result, NULL, &fetched->error);
  fetched->done = TRUE;
}

GBytes *
ctl_fetch (const char *server, const char *path, const char *accept, GError **error)
{
  g_autoptr (ReplicaLink) link = ctl_link_new (server, error);
  Fetched fetched = { 0 };

  if (link == NULL)
    return NULL;
  replica_link_fetch_async (link, path, accept, NULL, 0, NULL, fetched_cb, &fetched);
  while (!fetched.done)
    ctl_iterate ();
  if (fetched.error != NULL)
    g_propagate_error (error, fetched.error);
  return fetched.body;
}
