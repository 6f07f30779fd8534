/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"
#include "tui-cells.h"

G_BEGIN_DECLS

/* One grid: a snapshot, which rows of it in which order, the selected row (held by its key), what is scrolled into sight. Knows no
 * network and no terminal. Main thread. */
typedef struct _TuiGrid TuiGrid;

TuiGrid *tui_grid_new (void);
void tui_grid_free (TuiGrid *self);
/* @diff (nullable): what to mark as changed. */
void tui_grid_set_snapshot (TuiGrid *self, ReplicaSnapshot *snapshot, ReplicaDiff *diff);
/* The newest row is on top and what matters: the first row is not held by its key until the user selects one. */
void tui_grid_set_log (TuiGrid *self, gboolean log);
void tui_grid_set_filter (TuiGrid *self, const char *filter);
void tui_grid_set_sort (TuiGrid *self, const char *sort);
const char *tui_grid_get_sort (TuiGrid *self);
/* Sorts by the column @step to the right of (or left of) the one sorted by now; reverses the order. */
void tui_grid_shift_sort (TuiGrid *self, int step);
void tui_grid_reverse_sort (TuiGrid *self);
void tui_grid_set_marks (TuiGrid *self, gboolean marks); /* whether changed cells are marked */
void tui_grid_move (TuiGrid *self, int rows);            /* the selection; clamped */
void tui_grid_move_pages (TuiGrid *self, int pages);     /* by what was in sight, less a row */
void tui_grid_scroll_columns (TuiGrid *self, int columns);
/* The selected row of the snapshot, or -1 when there are no rows. */
int tui_grid_get_selected (TuiGrid *self);
void tui_grid_get_counts (TuiGrid *self, guint *shown, guint *total);
/* Draws heads and rows into the rectangle. @stale dims everything. */
void tui_grid_draw (TuiGrid *self, TuiCells *cells, guint x, guint y, guint width, guint height, gboolean focus, gboolean stale);

G_END_DECLS
