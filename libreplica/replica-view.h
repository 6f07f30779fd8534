/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-link.h"
#include "replica-diff.h"

G_BEGIN_DECLS

#define REPLICA_TYPE_VIEW (replica_view_get_type ())

/**
 * ReplicaView:
 *
 * The local replica of one projection: runs the poll loop on its link, keeps the newest snapshot, holds it still
 * while frozen. Same thread as its link.
 *
 * Properties: `path` (notify), `frozen`, `snapshot` (the one to show), `error` (string, nullable: what the server said
 * of this path, cleared by the next good answer), `n-received`, `n-skipped` (snapshots that the server made and
 * this view never saw while it was started, by the serials), `n-behind` (while frozen: snapshots newer than the one shown), `live`
 * (gboolean: the link is online and the last poll was answered without error within hold + margin).
 *
 * Signals: `snapshot` (ReplicaSnapshot *snapshot, ReplicaDiff *diff): the picture to show changed; on thaw it comes
 * once, with the diff of everything missed; after a change of path every row of the first one is added. A token that goes back within an epoch is refused.
 */
REPLICA_PUBLIC
G_DECLARE_FINAL_TYPE (ReplicaView, replica_view, REPLICA, VIEW, GObject)

REPLICA_PUBLIC ReplicaView *replica_view_new (ReplicaLink *link, const char *path);
REPLICA_PUBLIC void replica_view_start (ReplicaView *self); /* also when the link is not online yet */
REPLICA_PUBLIC void replica_view_stop (ReplicaView *self);  /* withdraws the outstanding poll; keeps the snapshot */
REPLICA_PUBLIC const char *replica_view_get_path (ReplicaView *self);
/* Another question, as the filter is typed: the snapshot shown stays until the first answer to it. */
REPLICA_PUBLIC void replica_view_set_path (ReplicaView *self, const char *path);
/**
 * replica_view_set_filter:
 * @filter: (nullable): what the user has typed so far, words as for replica_index_set_filter()
 *
 * Where the path has a `limit`, and rows that match may be missing here, asks the server for those that do, a moment after the last
 * change; the question before is withdrawn. Everywhere else nothing happens. The path stays what it is, and the rows are yet to be filtered
 * by an index: what is there of them is shown at once, and what a server that does not know the question has is all there is.
 */
REPLICA_PUBLIC void replica_view_set_filter (ReplicaView *self, const char *filter);
REPLICA_PUBLIC gboolean replica_view_get_frozen (ReplicaView *self);
REPLICA_PUBLIC void replica_view_set_frozen (ReplicaView *self, gboolean frozen);
/**
 * replica_view_get_snapshot:
 *
 * Returns: (transfer none) (nullable): the snapshot to show
 */
REPLICA_PUBLIC ReplicaSnapshot *replica_view_get_snapshot (ReplicaView *self);
REPLICA_PUBLIC gboolean replica_view_get_live (ReplicaView *self);
/* Whether what is shown should be marked as old: it is not frozen and not live, and that for more than a moment, as it is after a
 * change of path, or for want of a connection. */
REPLICA_PUBLIC gboolean replica_view_get_stale (ReplicaView *self);
REPLICA_PUBLIC const char *replica_view_get_error (ReplicaView *self);
REPLICA_PUBLIC ReplicaError replica_view_get_error_code (ReplicaView *self); /* 0: no error */
/**
 * replica_view_get_recovering:
 * @percent: (out) (optional): how much of it the projection has, 0 to 100
 *
 * Whether the server says that it is giving the projection again what it lost by a restart: nothing is wrong, and what is shown (if anything) is kept, and grows old,
 * until that is done. It is an error of the view like any other, too; `notify::error` comes with each new number.
 */
REPLICA_PUBLIC gboolean replica_view_get_recovering (ReplicaView *self, guint *percent);
/* While what is shown comes less often than it should, for the server has too much to do: how often, in ms. 0: as it should; also when frozen, and when so long nothing
 * came that it is not for that. */
REPLICA_PUBLIC guint replica_view_get_stretched_ms (ReplicaView *self);
REPLICA_PUBLIC guint64 replica_view_get_n_received (ReplicaView *self);
REPLICA_PUBLIC guint64 replica_view_get_n_skipped (ReplicaView *self);
REPLICA_PUBLIC guint64 replica_view_get_n_behind (ReplicaView *self);
/**
 * ReplicaViewCounts:
 * @n_full: snapshots that came in full
 * @n_deltas: snapshots that came as what changed
 * @n_refused: deltas that could not be applied; the snapshot was then asked for in full
 * @n_compressed: of both, those that came compressed
 * @full_bytes: in those in full, as they came
 * @delta_bytes: in those as deltas
 *
 * In which form a view received its snapshots.
 */
typedef struct {
  guint64 n_full;
  guint64 n_deltas;
  guint64 n_refused;
  guint64 n_compressed;
  guint64 full_bytes;
  guint64 delta_bytes;
} ReplicaViewCounts;
/**
 * replica_view_get_counts:
 * @counts: (out caller-allocates): since the view was made
 */
REPLICA_PUBLIC void replica_view_get_counts (ReplicaView *self, ReplicaViewCounts *counts);
/* At most one snapshot shown per this many ms, whatever the server's cap; 0: as the server sends. */
REPLICA_PUBLIC void replica_view_set_min_interval_ms (ReplicaView *self, guint min_interval_ms);
REPLICA_PUBLIC void replica_view_set_hold_ms (ReplicaView *self, guint hold_ms);
/* Whether it asks with a hold of 0 first, when it starts, when the link comes back and after an error: then `live` says within a round trip whether
 * what is kept still is the newest; without it (the default) that is known when there is news, or when the hold ends. */
REPLICA_PUBLIC void replica_view_set_confirms (ReplicaView *self, gboolean confirms);
/* Microseconds by which what is shown may be out of date, or -1 without a snapshot: 0 ≤ age. While live and not
 * frozen: the time since the server last confirmed that this snapshot is the newest (an answer, `unchanged` or
 * a held poll count as confirmation); otherwise the time since that last confirmation. By the monotonic clock. Where the
 * server is an edge and says of an answer how old it is, that counts too. */
REPLICA_PUBLIC gint64 replica_view_get_age_us (ReplicaView *self);

G_END_DECLS
