/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl watch: each snapshot of a projection as it comes. Whoever reads the output slowly gets fewer,
 * newer ones: writing blocks, and meanwhile the view has at most one answer on its way. */

#include <string.h>

#include "ctl.h"

typedef struct
{
  CtlFormat format;
  gint64 count; /* 0: no end */
  gint64 n_seen;
  int status; /* -1: goes on */
  gboolean was_lost;
} Watch;

static void
snapshot_cb (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, gpointer user_data)
{
  Watch *watch = user_data;

  if (watch->status >= 0)
    return;
  if (watch->format == CTL_FORMAT_TABLE)
    {
      g_autoptr (GDateTime) made =
          g_date_time_new_from_unix_utc (replica_snapshot_get_time_us (snapshot) / G_USEC_PER_SEC);
      g_autofree char *time = made != NULL ? g_date_time_format (made, "%Y-%m-%dT%H:%M:%S") : NULL;
      char token[REPLICA_TOKEN_TEXT_MAX];
      guint n_rows = replica_snapshot_get_n_rows (snapshot);

      printf ("%s-- %s.%03dZ  token %s  %u %s\n", watch->n_seen > 0 ? "\n" : "", time != NULL ? time : "?",
              (int) (replica_snapshot_get_time_us (snapshot) % G_USEC_PER_SEC / 1000),
              replica_token_format (replica_snapshot_get_token (snapshot), token), n_rows,
              n_rows == 1 ? "row" : "rows");
      ctl_table_print_snapshot (snapshot, stdout);
    }
  else
    {
      GBytes *body = watch->format == CTL_FORMAT_JSON ? replica_snapshot_get_json (snapshot)
                                                      : replica_snapshot_get_csv (snapshot);
      gsize size;
      const char *data;

      if (body == NULL)
        {
          ctl_say ("a snapshot of %u rows is more than %u MiB as %s: ask for fewer (where=, limit=)",
                   replica_snapshot_get_n_rows (snapshot), REPLICA_SNAPSHOT_MAX_TEXT_BYTES >> 20,
                   watch->format == CTL_FORMAT_JSON ? "JSON" : "CSV");
          watch->status = CTL_ERROR;
          return;
        }
      data = g_bytes_get_data (body, &size);
      /* One JSON document a line; CSV tables with an empty line between. */
      if (watch->format == CTL_FORMAT_CSV && watch->n_seen > 0)
        putchar ('\n');
      ctl_print_body (body);
      if (size == 0 || data[size - 1] != '\n')
        putchar ('\n');
    }
  watch->n_seen++;
  if (ctl_flush () != CTL_OK)
    watch->status = CTL_ERROR;
  else if (watch->n_seen >= watch->count)
    watch->status = CTL_OK;
}

static void
error_cb (ReplicaView *view, GParamSpec *pspec, gpointer user_data)
{
  Watch *watch = user_data;
  ReplicaError code = replica_view_get_error_code (view);

  if (code == 0)
    return;
  ctl_say ("%s", replica_view_get_error (view));
  /* A question that was wrong from the start will not become right. */
  if (watch->n_seen == 0 && (code == REPLICA_ERROR_INVALID || code == REPLICA_ERROR_NOT_FOUND))
    watch->status = CTL_ERROR;
}

static void
state_cb (ReplicaLink *link, GParamSpec *pspec, gpointer user_data)
{
  Watch *watch = user_data;

  if (replica_link_get_state (link) == REPLICA_LINK_OFFLINE && !watch->was_lost)
    {
      watch->was_lost = TRUE;
      ctl_say ("%s; trying again", replica_link_get_last_error (link));
    }
  else if (replica_link_get_state (link) == REPLICA_LINK_ONLINE && watch->was_lost)
    {
      watch->was_lost = FALSE;
      ctl_say ("connected to %s", replica_link_get_uri (link));
    }
}

int
ctl_watch (const char *server, int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  g_autofree char *path = NULL;
  g_autoptr (ReplicaLink) link = NULL;
  g_autoptr (ReplicaView) view = NULL;
  g_autoptr (GError) error = NULL;
  Watch watch = { .status = -1, .count = G_MAXINT64 };
  const GOptionEntry entries[] = {
    { "count", 'n', 0, G_OPTION_ARG_INT64, &watch.count, "Stop after N snapshots", "N" },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text, "table (default), json (a line each) or csv",
      "FORMAT" },
    { NULL },
  };

  if (!ctl_parse ("PATH", "Prints each snapshot of a projection as it comes, until interrupted.",
                  "PATH as for \"synopticctl get\". Goes on when the server went away and came back.",
                  entries, &server, &argc, &argv, 1, 1)
      || !ctl_parse_format (format_text, TRUE, &watch.format))
    return CTL_USAGE;
  if (watch.count < 1)
    {
      ctl_say ("--count %" G_GINT64_FORMAT ": expected a positive number", watch.count);
      return CTL_USAGE;
    }
  link = ctl_link_new (server, &error);
  if (link == NULL)
    return ctl_fail (error);
  path = ctl_escape_path (argv[1]);
  view = replica_view_new (link, path);
  g_signal_connect (view, "snapshot", G_CALLBACK (snapshot_cb), &watch);
  g_signal_connect (view, "notify::error", G_CALLBACK (error_cb), &watch);
  g_signal_connect (link, "notify::state", G_CALLBACK (state_cb), &watch);
  replica_link_start (link);
  replica_view_start (view);
  while (watch.status < 0)
    ctl_iterate ();
  g_signal_handlers_disconnect_by_data (link, &watch);
  g_signal_handlers_disconnect_by_data (view, &watch);
  replica_view_stop (view);
  replica_link_stop (link);
  return watch.status;
}
