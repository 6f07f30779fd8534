/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "dash-grid-columns.h"
#include "dash-grid-style.h"

G_BEGIN_DECLS

#define DASH_CELLS_NONE G_MAXUINT

/**
 * DashCells:
 * @row: of the snapshot shown, %DASH_CELLS_NONE: nothing
 * @n: columns
 * @nodes: (owned): the text of each cell, %NULL where there is none
 * @marks: per column -1 fell, 0 same, 1 rose or is another, in the newest snapshot
 * @has_marks: whether any is not 0
 * @text: (owned) (nullable): all of @nodes
 *
 * One data row as it is drawn. It belongs to a place on the screen, and moves to another when the row does.
 */
typedef struct
{
  guint row;
  guint n;
  GskRenderNode **nodes;
  gint8 *marks;
  gboolean has_marks;
  GskRenderNode *text;
} DashCells;

DashCells *dash_cells_new (void);
void dash_cells_free (DashCells *self);
void dash_cells_clear (DashCells *self);
/**
 * dash_cells_write:
 * @row: of @snapshot
 * @diff: (nullable): what changed since the snapshot before, for the marks
 * @is_known: @self shows the same row of the snapshot before: only what changed is written
 * @grew: (out): a column must become wider
 *
 * Returns: whether anything is drawn otherwise than before
 */
gboolean dash_cells_write (DashCells *self,
                           DashGridColumns *columns,
                           const DashGridStyle *style,
                           ReplicaSnapshot *snapshot,
                           guint row,
                           ReplicaDiff *diff,
                           gboolean is_known,
                           gboolean *grew);
void dash_cells_snapshot (DashCells *self,
                          const DashGridColumns *columns,
                          const DashGridStyle *style,
                          float flash_alpha,
                          GtkSnapshot *snapshot);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (DashCells, dash_cells_free)

G_END_DECLS
