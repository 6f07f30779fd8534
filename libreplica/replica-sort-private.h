/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"

/* Sorting row numbers by columns, for ReplicaIndex. */

G_BEGIN_DECLS

/* Sorts @rows by @column, stably, nulls last in either direction. */
void replica_sort_rows (guint32 *rows, guint n_rows, const ReplicaColumn *column, gboolean descending);

G_END_DECLS
