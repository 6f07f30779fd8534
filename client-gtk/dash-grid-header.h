/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>
#include "dash-grid-row.h"

G_BEGIN_DECLS

#define DASH_TYPE_GRID_HEADER (dash_grid_header_get_type ())
/**
 * DashGridHeader:
 *
 * The titles of a grid's columns. Signals: `clicked` (guint column); `resized` (guint column, double width):
 * the user drags an edge, or double-clicks it (width 0: fit again).
 */
G_DECLARE_FINAL_TYPE (DashGridHeader, dash_grid_header, DASH, GRID_HEADER, GtkWidget)

GtkWidget *dash_grid_header_new (DashGridPaint *paint, ReplicaIndex *index);
/* The column that the keyboard is on, -1: none. */
void dash_grid_header_set_cursor (DashGridHeader *self, int column);
/* After the columns or the sort changed. */
void dash_grid_header_refresh (DashGridHeader *self);

G_END_DECLS
