/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

/* Makes a snapshot by laying columns out in its wire form: for servers of snapshots, and for tests of what shows them.
 * One allocation, one copy of each column. Not thread-safe; the snapshot it makes is immutable.
 *
 *   ReplicaSnapshotBuilder *b = replica_snapshot_builder_new ("market/quotes", token, time_us, n_rows);
 *   replica_snapshot_builder_add (b, &column);                  // repeated; n_rows of each must match
 *   replica_snapshot_builder_add_gathered (b, &column, rows);   // n_rows row numbers of a longer column
 *   replica_snapshot_builder_add_frontier (b, "trades", 4711);
 *   snapshot = replica_snapshot_builder_finish (b, &error);     // frees the builder
 *
 * What a column points to (data, validity, dictionary, name) must live until finish. A 16-byte decimal column
 * whose values all fit 8 bytes is narrowed. NaN and infinity become null. A dictionary of which less than half
 * is used is compacted. Null rows' data is zeroed. Errors: REPLICA_ERROR_TOO_LARGE, naming the limit;
 * REPLICA_ERROR_INVALID when two columns share a name, a path or name is not UTF-8, or there are rows and no column. */

G_BEGIN_DECLS

typedef struct _ReplicaSnapshotBuilder ReplicaSnapshotBuilder;

REPLICA_PUBLIC ReplicaSnapshotBuilder *replica_snapshot_builder_new (const char *path, ReplicaToken token, gint64 time_us, guint n_rows);
REPLICA_PUBLIC void replica_snapshot_builder_add (ReplicaSnapshotBuilder *self, const ReplicaColumn *column);
REPLICA_PUBLIC void replica_snapshot_builder_add_gathered (ReplicaSnapshotBuilder *self, const ReplicaColumn *column, const guint32 *rows);
REPLICA_PUBLIC void replica_snapshot_builder_add_frontier (ReplicaSnapshotBuilder *self, const char *source, guint64 sequence);
REPLICA_PUBLIC ReplicaSnapshot *replica_snapshot_builder_finish (ReplicaSnapshotBuilder *self, GError **error);
REPLICA_PUBLIC void replica_snapshot_builder_free (ReplicaSnapshotBuilder *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplicaSnapshotBuilder, replica_snapshot_builder_free)

G_END_DECLS
