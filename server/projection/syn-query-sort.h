/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"

/* Sorting row numbers by columns: stable, nulls last whichever the direction, the rest as replica_column_compare() orders. */

G_BEGIN_DECLS

typedef struct {
  const ReplicaColumn *column;
  gboolean descending;
} SynSortColumn;

/* Puts the first MIN (@n, @limit) of @rows in order at its beginning; what is behind them is undefined. Returns how many. */
guint syn_sort_rows (guint32 *rows, guint n, const SynSortColumn *columns, guint n_columns, guint limit);

G_END_DECLS
