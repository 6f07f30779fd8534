/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

G_BEGIN_DECLS

/**
 * ReplicaDiff:
 *
 * What changed from one snapshot to the next of the same projection, by row key (by position when no column is
 * a key). Refcounted, immutable.
 */
typedef struct _ReplicaDiff ReplicaDiff;

#define REPLICA_TYPE_DIFF (replica_diff_get_type ())
REPLICA_PUBLIC GType replica_diff_get_type (void);

/**
 * replica_diff_new:
 * @before: (nullable): the older snapshot; %NULL: every row is added
 * @after: the newer one
 *
 * Linear in the size of the snapshots. Snapshots with other columns count as all removed, all added.
 *
 * Returns: (transfer full):
 */
REPLICA_PUBLIC ReplicaDiff *replica_diff_new (ReplicaSnapshot *before, ReplicaSnapshot *after);
REPLICA_PUBLIC ReplicaDiff *replica_diff_ref (ReplicaDiff *self);
REPLICA_PUBLIC void replica_diff_unref (ReplicaDiff *self);

REPLICA_PUBLIC guint replica_diff_get_n_added (ReplicaDiff *self);
REPLICA_PUBLIC guint replica_diff_get_n_removed (ReplicaDiff *self);
REPLICA_PUBLIC guint replica_diff_get_n_changed (ReplicaDiff *self); /* rows with at least one other cell */
/* The row of @after in @before, or -1 for an added one. */
REPLICA_PUBLIC int replica_diff_get_before_row (ReplicaDiff *self, guint row);
/* -1: the cell fell, 0: same, 1: it rose (numbers, times), or is another (strings, bools: always 1; null ↔ value: 1). 0 in added rows. */
REPLICA_PUBLIC int replica_diff_get_cell (ReplicaDiff *self, guint row, guint column);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplicaDiff, replica_diff_unref)

G_END_DECLS
