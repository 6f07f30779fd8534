/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>
#include "replica.h"

G_BEGIN_DECLS

#define DASH_TYPE_GRID (dash_grid_get_type ())
/**
 * DashGrid:
 *
 * Rows and columns of a snapshot, to be put into a #GtkScrolledWindow. What is selected, and what is sorted
 * and filtered, stays from snapshot to snapshot by row key.
 *
 * Signals: `selection-changed`; `row-activated`: Enter or a double-click on the selected row.
 */
G_DECLARE_FINAL_TYPE (DashGrid, dash_grid, DASH, GRID, GtkWidget)

GtkWidget *dash_grid_new (void);
/* @diff: (nullable): from the snapshot shown before. NULL @snapshot: nothing to show. */
void dash_grid_set_snapshot (DashGrid *self, ReplicaSnapshot *snapshot, ReplicaDiff *diff);
void dash_grid_set_filter (DashGrid *self, const char *filter);
const char *dash_grid_get_filter (DashGrid *self);
void dash_grid_set_sort (DashGrid *self, const char *sort);
void dash_grid_set_title (DashGrid *self, const char *title);
guint dash_grid_get_n_shown (DashGrid *self);
guint dash_grid_get_n_total (DashGrid *self);
/* (transfer none) (nullable): with @row, NULL when no row that is shown is selected */
ReplicaSnapshot *dash_grid_get_selected (DashGrid *self, guint *row);
/* @position: among the rows shown */
void dash_grid_select (DashGrid *self, guint position);
/* Scrolls to the selected row. */
void dash_grid_reveal_selected (DashGrid *self);
/* Where the selected row is drawn, for what points to it. */
gboolean dash_grid_get_selected_area (DashGrid *self, GdkRectangle *area);

G_END_DECLS
