/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * desk: libreplica's view of one projection, which says of each snapshot how it came, a line of JSON each: `now` and `made` (µs, UTC), `delta`, `zstd`, `bytes`, and of
 * the link `goodput` (bytes/s), `rtt_us`, `asks_zstd` (what the next but one poll asks for). Ends after COUNT snapshots.
 *
 *   desk URL PATH COUNT [auto|always|never] */
#include <stdio.h>
#include <stdlib.h>

#include "replica.h"

typedef struct
{
  ReplicaLink *link;
  ReplicaViewCounts counts; /* by the snapshot before */
  gint64 left;
} Desk;

static void
snapshot_cb (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, gpointer user_data)
{
  Desk *desk = user_data;
  ReplicaViewCounts now;

  replica_view_get_counts (view, &now);
  printf ("{\"now\":%" G_GINT64_FORMAT ",\"made\":%" G_GINT64_FORMAT ",\"delta\":%s,\"zstd\":%s,\"bytes\":%" G_GUINT64_FORMAT
          ",\"goodput\":%.0f,\"rtt_us\":%" G_GINT64_FORMAT ",\"asks_zstd\":%s}\n",
          g_get_real_time (), replica_snapshot_get_time_us (snapshot), now.n_deltas > desk->counts.n_deltas ? "true" : "false",
          now.n_compressed > desk->counts.n_compressed ? "true" : "false",
          now.full_bytes + now.delta_bytes - desk->counts.full_bytes - desk->counts.delta_bytes, replica_link_get_goodput (desk->link),
          replica_link_get_rtt_us (desk->link), replica_link_get_compresses (desk->link) ? "true" : "false");
  fflush (stdout);
  desk->counts = now;
  desk->left--;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaLink) link = NULL;
  g_autoptr (ReplicaView) view = NULL;
  Desk desk = { 0 };

  if (argc < 4)
    {
      fputs ("desk URL PATH COUNT [auto|always|never]\n", stderr);
      return 2;
    }
  desk.link = link = replica_link_new (argv[1], &error);
  if (link == NULL)
    {
      fprintf (stderr, "desk: %s\n", error->message);
      return 1;
    }
  desk.left = atoll (argv[3]);
  if (argc > 4)
    replica_link_set_compression (link, g_str_equal (argv[4], "always") ? REPLICA_COMPRESSION_ALWAYS
                                        : g_str_equal (argv[4], "never") ? REPLICA_COMPRESSION_NEVER
                                                                         : REPLICA_COMPRESSION_AUTO);
  view = replica_view_new (link, argv[2]);
  g_signal_connect (view, "snapshot", G_CALLBACK (snapshot_cb), &desk);
  replica_link_start (link);
  replica_view_start (view);
  while (desk.left > 0)
    g_main_context_iteration (NULL, TRUE);
  replica_view_stop (view);
  replica_link_stop (link);
  return 0;
}
