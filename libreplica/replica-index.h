/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

G_BEGIN_DECLS

#define REPLICA_TYPE_INDEX (replica_index_get_type ())

/**
 * ReplicaIndex:
 *
 * Which rows of a snapshot to show, in which order: the local filter and sort of a grid, as row numbers; no
 * object per row. One thread only.
 */
REPLICA_PUBLIC
G_DECLARE_FINAL_TYPE (ReplicaIndex, replica_index, REPLICA, INDEX, GObject)

REPLICA_PUBLIC ReplicaIndex *replica_index_new (void);
/* Rows of which each word of @filter is in some string column (or some cell's text, when there is no string column), case
 * folded. NULL or "": all rows. */
REPLICA_PUBLIC void replica_index_set_filter (ReplicaIndex *self, const char *filter);
/* @sort: comma-separated column names, each with an optional leading '-' for descending; stable; nulls last.
 * NULL: the snapshot's own order. Unknown columns are ignored. */
REPLICA_PUBLIC void replica_index_set_sort (ReplicaIndex *self, const char *sort);
REPLICA_PUBLIC const char *replica_index_get_sort (ReplicaIndex *self);
/* How @column takes part in the sort: 1 ascending, -1 descending, 0 not at all. */
REPLICA_PUBLIC int replica_index_get_direction (ReplicaIndex *self, const char *column);
REPLICA_PUBLIC void replica_index_set_snapshot (ReplicaIndex *self, ReplicaSnapshot *snapshot);
/**
 * replica_index_get_snapshot:
 *
 * Returns: (transfer none) (nullable): the snapshot indexed
 */
REPLICA_PUBLIC ReplicaSnapshot *replica_index_get_snapshot (ReplicaIndex *self);
/**
 * replica_index_get_rows:
 * @n_rows: (out): how many
 *
 * Row numbers of the snapshot in order; valid until the next call that changes the index.
 *
 * Returns: (transfer none) (array length=n_rows): the rows
 */
REPLICA_PUBLIC const guint32 *replica_index_get_rows (ReplicaIndex *self, guint *n_rows);
/* A row's key as bytes that compare equal for the same key in every snapshot of the projection; free with g_free. */
REPLICA_PUBLIC char *replica_snapshot_dup_row_key (ReplicaSnapshot *snapshot, guint row);
/* The position (in the index) of the row with that key, or -1. */
REPLICA_PUBLIC int replica_index_find_key (ReplicaIndex *self, const char *row_key);

G_END_DECLS
