/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "replica-view.h"

G_BEGIN_DECLS

#define REPLICA_TYPE_ROW (replica_row_get_type ())
/**
 * ReplicaRow:
 *
 * One row of a #ReplicaTable, the same object for the same key from snapshot to snapshot. Signal `changed`.
 */
REPLICA_PUBLIC
G_DECLARE_FINAL_TYPE (ReplicaRow, replica_row, REPLICA, ROW, GObject)
/* The cell's text with every digit, or NULL where the table has no such column. (transfer full) */
REPLICA_PUBLIC char *replica_row_dup_text (ReplicaRow *self, const char *column);
/**
 * replica_row_get_snapshot:
 * @row: (out): its position there
 *
 * Returns: (transfer none): the snapshot that the row is shown from
 */
REPLICA_PUBLIC ReplicaSnapshot *replica_row_get_snapshot (ReplicaRow *self, guint *row);

#define REPLICA_TYPE_TABLE (replica_table_get_type ())
/**
 * ReplicaTable:
 *
 * A #GListModel of #ReplicaRow over a view, for list widgets of any toolkit: rows are updated in place and
 * items-changed is emitted only where rows come, go or move, so that selection and scroll position survive.
 * For grids of thousands of rows use #ReplicaIndex, which has no object per row.
 */
REPLICA_PUBLIC
G_DECLARE_FINAL_TYPE (ReplicaTable, replica_table, REPLICA, TABLE, GObject)
REPLICA_PUBLIC ReplicaTable *replica_table_new (ReplicaView *view);

G_END_DECLS
