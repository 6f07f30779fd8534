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
/* Below 0 when row @a comes before row @b in that order (rows equal in all columns stand by their numbers), 0 for the same row. */
int syn_sort_compare (const SynSortColumn *columns, guint n_columns, guint32 a, guint32 b);

G_END_DECLS
