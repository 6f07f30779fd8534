/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

G_BEGIN_DECLS

/**
 * replica_follow_dup_path:
 * @path: the path of the panel that follows, query and all, percent-encoded
 * @leader: the snapshot of the grid that it follows
 * @row: the row selected there
 *
 * The path that shows, of @path's projection, only what belongs to that row: a `where` that its key columns (but timestamps,
 * which name windows) equal those of the row, joined with `and` to the `where` that @path may have.
 *
 * Returns: (transfer full): the path, percent-encoded
 */
REPLICA_PUBLIC char *replica_follow_dup_path (const char *path, ReplicaSnapshot *leader, guint row);

G_END_DECLS
