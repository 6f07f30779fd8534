/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl get: one projection as it is now. JSON and CSV are the server's own HTTP bodies, byte for byte;
 * the table is made from the snapshot itself, whose values have every digit. */

#include "ctl.h"

static int
get_body (const char *server, const char *path, CtlFormat format)
{
  g_autofree char *target = g_strconcat ("/v1/projections/", path, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body =
      ctl_fetch (server, target, format == CTL_FORMAT_CSV ? "text/csv" : "application/json", &error);

  if (body == NULL)
    return ctl_fail (error);
  ctl_print_body (body);
  return ctl_flush ();
}

static int
get_table (const char *server, const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaLink) link = ctl_link_new (server, &error);
  g_autoptr (ReplicaView) view = NULL;
  int status = CTL_OK;

  if (link == NULL)
    return ctl_fail (error);
  view = replica_view_new (link, path);
  replica_link_start (link);
  replica_view_start (view);
  while (replica_view_get_snapshot (view) == NULL && replica_view_get_error (view) == NULL
         && replica_link_get_state (link) != REPLICA_LINK_OFFLINE)
    ctl_iterate ();
  if (replica_view_get_snapshot (view) != NULL)
    {
      ctl_table_print_snapshot (replica_view_get_snapshot (view), stdout);
      status = ctl_flush ();
    }
  else
    {
      const char *why = replica_view_get_error (view);

      ctl_say ("%s", why != NULL ? why : replica_link_get_last_error (link));
      status = CTL_ERROR;
    }
  replica_view_stop (view);
  replica_link_stop (link);
  return status;
}

int
ctl_get (const char *server, int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  g_autofree char *path = NULL;
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text, "table (default), json or csv", "FORMAT" },
    { NULL },
  };
  CtlFormat format;

  if (!ctl_parse (
          "PATH", "Prints a projection as it is now.",
          "PATH is the name of a projection, with a query if you like:\n"
          "  synopticctl get 'market/quotes?where=last>100 and symbol~\"A*\"&sort=-change&limit=20'\n"
          "Characters that a URL cannot hold are encoded for you; write an & within an expression as %26.",
          entries, &server, &argc, &argv, 1, 1)
      || !ctl_parse_format (format_text, TRUE, &format))
    return CTL_USAGE;
  path = ctl_escape_path (argv[1]);
  return format == CTL_FORMAT_TABLE ? get_table (server, path) : get_body (server, path, format);
}
