/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* view-log URL PATH…: follows projections over one link, until it is killed, and prints a line per snapshot that it came to show:
 *
 *   PATH TOKEN connection N full N delta N refused N rows N
 *
 * connection: how often the link has come online; the others: of that view since the start, see ReplicaViewCounts. */
#include <replica.h>
#include <stdio.h>

static guint n_online;

static void
on_state (ReplicaLink *link, GParamSpec *pspec, gpointer user_data)
{
  if (replica_link_get_state (link) == REPLICA_LINK_ONLINE)
    n_online++;
}

static void
on_snapshot (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, gpointer user_data)
{
  char token[REPLICA_TOKEN_TEXT_MAX];
  ReplicaViewCounts counts;

  replica_view_get_counts (view, &counts);
  printf ("%s %s connection %u full %" G_GUINT64_FORMAT " delta %" G_GUINT64_FORMAT " refused %" G_GUINT64_FORMAT " rows %u\n",
          replica_view_get_path (view), replica_token_format (replica_snapshot_get_token (snapshot), token), n_online, counts.n_full,
          counts.n_deltas, counts.n_refused, replica_snapshot_get_n_rows (snapshot));
  fflush (stdout);
}

int
main (int argc, char **argv)
{
  g_autoptr (GPtrArray) views = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaLink) link = argc > 2 ? replica_link_new (argv[1], &error) : NULL;

  if (link == NULL)
    {
      fprintf (stderr, "view-log URL PATH…%s%s\n", error != NULL ? ": " : "", error != NULL ? error->message : "");
      return 2;
    }
  g_signal_connect (link, "notify::state", G_CALLBACK (on_state), NULL);
  for (int i = 2; i < argc; i++)
    {
      ReplicaView *view = replica_view_new (link, argv[i]);

      g_ptr_array_add (views, view);
      g_signal_connect (view, "snapshot", G_CALLBACK (on_snapshot), NULL);
      replica_view_start (view);
    }
  replica_link_start (link);
  for (;;)
    g_main_context_iteration (NULL, TRUE);
}
