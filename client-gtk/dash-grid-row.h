/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gtk/gtk.h>
#include "dash-cells.h"

G_BEGIN_DECLS

#define DASH_TYPE_GRID_ROW (dash_grid_row_get_type ())
G_DECLARE_FINAL_TYPE (DashGridRow, dash_grid_row, DASH, GRID_ROW, GtkWidget)

/**
 * DashGridPaint:
 * @columns: where the cells stand
 * @style: fonts and colours
 * @flash_alpha: how strong changed cells shine now
 * @has_focus: whether the keyboard is with the grid
 *
 * What all the rows of a grid share. It belongs to the grid, which outlives its rows.
 */
typedef struct
{
  DashGridColumns columns;
  DashGridStyle style;
  float flash_alpha;
  gboolean has_focus;
} DashGridPaint;

GtkWidget *dash_grid_row_new (const DashGridPaint *paint);
DashCells *dash_grid_row_get_cells (DashGridRow *self);
/* Exchanges what two rows show. */
void dash_grid_row_swap (DashGridRow *self, DashGridRow *other);
void dash_grid_row_set_state (DashGridRow *self, gboolean is_selected, gboolean is_odd);
/* What assistive technology says of the row; NULL: there is none here. */
void dash_grid_row_set_label (DashGridRow *self, const char *label);

G_END_DECLS
