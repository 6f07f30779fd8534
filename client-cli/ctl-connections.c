/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl connections: who is connected, a line each; the server sorts, and shows so many. */

#include "ctl.h"

int
ctl_connections (const char *server, int argc, char **argv)
{
  g_autofree char *format_text = NULL, *sort = NULL, *escaped = NULL, *path = NULL;
  int limit = 0;
  const GOptionEntry entries[] = {
    { "sort", 's', 0, G_OPTION_ARG_STRING, &sort,
      "behind (default), waiting, sent, snapshots, polls, views, age or idle: the most first", "ORDER" },
    { "limit", 'n', 0, G_OPTION_ARG_INT, &limit, "at most so many (50)", "N" },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT" },
    { NULL },
  };
  CtlFormat format;

  if (!ctl_parse ("", "Lists who is connected, the slowest first.",
                  "behind_ms: how old the snapshot is that it holds while there is a newer one; waiting_bytes: held back, because\n"
                  "the connection takes no more; goodput_bytes_s, rtt_us: as the server's kernel measured them.",
                  entries, &server, &argc, &argv, 0, 0)
      || !ctl_parse_format (format_text, FALSE, &format))
    return CTL_USAGE;
  if (limit < 0)
    {
      ctl_say ("--limit: %d is not a number of connections", limit);
      return CTL_USAGE;
    }
  escaped = g_uri_escape_string (sort != NULL ? sort : "behind", NULL, FALSE);
  path = g_strdup_printf ("/v1/connections?sort=%s&limit=%d", escaped, limit > 0 ? limit : 50);
  return ctl_print_path (server, path, format, NULL);
}
