/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"
#include "dash-glyphs.h"

G_BEGIN_DECLS

/* The space on each side of a cell's text. Numbers have more on the left, where the mark of a change stands.
 */
#define DASH_CELL_PAD 6
#define DASH_CELL_MARK 11

/**
 * DashGridColumn:
 * @name: (owned)
 * @title: (owned): what the header says: the name, and of times that they are UTC
 * @format: how its cells are written
 * @is_key: part of the key
 * @content_width: the widest text seen
 * @header_width: of its title, with room for the sort mark
 * @user_width: what the user dragged it to, 0: fitted
 * @x: where it begins
 * @width: its whole width
 */
typedef struct
{
  char *name;
  char *title;
  ReplicaFormat format;
  gboolean is_key;
  float content_width;
  float header_width;
  float user_width;
  float x;
  float width;
} DashGridColumn;

/**
 * DashGridColumns:
 * @n: how many
 * @items: (owned)
 * @width: of all together
 *
 * What the header and the rows of a grid agree upon.
 */
typedef struct
{
  guint n;
  DashGridColumn *items;
  float width;
} DashGridColumns;

void dash_grid_columns_clear (DashGridColumns *self);
/* Takes over the columns of @snapshot. Returns whether they are others than before. */
gboolean dash_grid_columns_set_snapshot (DashGridColumns *self, ReplicaSnapshot *snapshot);
/* Learns how to write the values. Returns whether cells must be written anew. */
gboolean dash_grid_columns_observe (DashGridColumns *self, ReplicaSnapshot *snapshot);
/* Measures the headers and a sample of @rows. */
void dash_grid_columns_measure (DashGridColumns *self,
                                ReplicaSnapshot *snapshot,
                                const guint32 *rows,
                                guint n_rows,
                                DashGlyphs *glyphs,
                                DashGlyphs *bold);
/* Takes note of the width of a cell's text. Returns whether the column must grow. */
gboolean dash_grid_column_grow (DashGridColumn *self, float text_width);
/* Places the columns in @available pixels. Returns whether any moved. */
gboolean dash_grid_columns_allot (DashGridColumns *self, float available);
float dash_grid_column_get_natural (const DashGridColumn *self);
DashAlign dash_grid_column_get_align (const DashGridColumn *self);
/* The left edge of the text and the space for it. */
float dash_grid_column_get_text_x (const DashGridColumn *self);
float dash_grid_column_get_text_width (const DashGridColumn *self);
/* The column at @x, or -1. */
int dash_grid_columns_find (const DashGridColumns *self, float x);

G_END_DECLS
