/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

G_BEGIN_DECLS

/**
 * replica_filter_dup_path:
 * @path: what a view shows, percent-encoded
 * @snapshot: (nullable): of @path, for its columns
 * @filter: words, as for replica_index_set_filter()
 *
 * The path that asks the server for the rows that @filter matches, of all and not only of those that a `limit` of @path let through: a `where`
 * that each word is in some string column, without regard to case.
 *
 * Returns: (transfer full) (nullable): the path, percent-encoded; %NULL where it would tell nothing new (@path has no limit: all rows
 *   are here; the filter has no word) or cannot be told (no string column, or columns that are of the answer only)
 */
char *replica_filter_dup_path (const char *path, ReplicaSnapshot *snapshot, const char *filter);

G_END_DECLS
