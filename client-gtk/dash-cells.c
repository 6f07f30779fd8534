/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One data row of a grid as render nodes: a text node per cell, written again only when that cell changes, so
 * that a snapshot that changes a tenth of the cells costs a tenth, and GSK finds the rest the same by
 * pointer. Main thread. */

#include "dash-cells.h"

#include <string.h>

DashCells *
dash_cells_new (void)
{
  DashCells *self = g_new0 (DashCells, 1);

  self->row = DASH_CELLS_NONE;
  return self;
}

void
dash_cells_clear (DashCells *self)
{
  for (guint i = 0; i < self->n; i++)
    g_clear_pointer (&self->nodes[i], gsk_render_node_unref);
  g_clear_pointer (&self->nodes, g_free);
  g_clear_pointer (&self->marks, g_free);
  g_clear_pointer (&self->text, gsk_render_node_unref);
  self->n = 0;
  self->has_marks = FALSE;
  self->row = DASH_CELLS_NONE;
}

void
dash_cells_free (DashCells *self)
{
  dash_cells_clear (self);
  g_free (self);
}

static void
write_cell (DashCells *self,
            guint i,
            DashGridColumn *item,
            const DashGridStyle *style,
            const ReplicaColumn *column,
            guint row,
            gboolean *grew)
{
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  gboolean is_null = replica_column_is_null (column, row);
  gsize length;
  const char *text = replica_format_cell (&item->format, column, row, buffer, &length);
  float text_width;

  if (is_null)
    {
      text = "–";
      length = strlen (text);
    }
  g_clear_pointer (&self->nodes[i], gsk_render_node_unref);
  self->nodes[i] = dash_glyphs_node (item->is_key ? style->bold : style->glyphs, text, length,
                                     is_null ? &style->dim : &style->text, dash_grid_column_get_text_x (item),
                                     (float) style->text_y, dash_grid_column_get_text_width (item),
                                     dash_grid_column_get_align (item), &text_width);
  *grew |= dash_grid_column_grow (item, text_width);
}

static void
join (DashCells *self)
{
  GskRenderNode **present = g_newa (GskRenderNode *, self->n + 1);
  guint n = 0;

  g_clear_pointer (&self->text, gsk_render_node_unref);
  for (guint i = 0; i < self->n; i++)
    if (self->nodes[i] != NULL)
      present[n++] = self->nodes[i];
  if (n > 0)
    self->text = gsk_container_node_new (present, n);
}

gboolean
dash_cells_write (DashCells *self,
                  DashGridColumns *columns,
                  const DashGridStyle *style,
                  ReplicaSnapshot *snapshot,
                  guint row,
                  ReplicaDiff *diff,
                  gboolean is_known,
                  gboolean *grew)
{
  gboolean has_before = diff != NULL && replica_diff_get_before_row (diff, row) >= 0;
  gboolean had_marks = self->has_marks;
  guint n_written = 0;

  if (self->n != columns->n)
    {
      dash_cells_clear (self);
      self->n = columns->n;
      self->nodes = g_new0 (GskRenderNode *, self->n);
      self->marks = g_new0 (gint8, self->n);
      is_known = FALSE;
    }
  self->row = row;
  self->has_marks = FALSE;
  for (guint i = 0; i < self->n; i++)
    {
      int change = has_before ? replica_diff_get_cell (diff, row, i) : 0;
      /* That time goes on is no news. */
      int mark = columns->items[i].format.type != REPLICA_TYPE_TIMESTAMP ? change : 0;

      self->marks[i] = (gint8) mark;
      self->has_marks |= mark != 0;
      if (is_known && change == 0)
        continue;
      write_cell (self, i, &columns->items[i], style, replica_snapshot_get_column (snapshot, i), row, grew);
      n_written++;
    }
  if (n_written > 0)
    join (self);
  return n_written > 0 || self->has_marks || had_marks;
}

static void
append_flashes (DashCells *self,
                const DashGridColumns *columns,
                const DashGridStyle *style,
                float flash_alpha,
                GtkSnapshot *snapshot)
{
  guint i = 0;

  while (i < self->n)
    {
      guint first = i;
      GdkRGBA color = self->marks[i] > 0 ? style->up : style->down;

      /* Neighbours that went the same way are one rectangle. */
      while (i < self->n && self->marks[i] == self->marks[first])
        i++;
      if (self->marks[first] == 0)
        continue;
      color.alpha *= flash_alpha;
      gtk_snapshot_append_color (snapshot, &color,
                                 &GRAPHENE_RECT_INIT (columns->items[first].x, 0,
                                                      columns->items[i - 1].x + columns->items[i - 1].width
                                                          - columns->items[first].x,
                                                      (float) style->row_height));
    }
}

static void
append_marks (DashCells *self,
              const DashGridColumns *columns,
              const DashGridStyle *style,
              GtkSnapshot *snapshot)
{
  for (guint i = 0; i < self->n; i++)
    {
      const DashGridColumn *item = &columns->items[i];
      GskRenderNode *mark = self->marks[i] > 0 ? style->mark_up : style->mark_down;

      if (self->marks[i] == 0 || mark == NULL || !replica_format_is_numeric (&item->format))
        continue;
      gtk_snapshot_save (snapshot);
      gtk_snapshot_translate (snapshot,
                              &GRAPHENE_POINT_INIT (item->x + DASH_CELL_PAD, (float) style->mark_y));
      gtk_snapshot_append_node (snapshot, mark);
      gtk_snapshot_restore (snapshot);
    }
}

void
dash_cells_snapshot (DashCells *self,
                     const DashGridColumns *columns,
                     const DashGridStyle *style,
                     float flash_alpha,
                     GtkSnapshot *snapshot)
{
  /* The columns may already be those of a snapshot that this row has not been written for. */
  if (self->n != columns->n)
    return;
  if (self->has_marks)
    {
      if (flash_alpha > 0)
        append_flashes (self, columns, style, flash_alpha, snapshot);
      append_marks (self, columns, style, snapshot);
    }
  if (self->text != NULL)
    gtk_snapshot_append_node (snapshot, self->text);
}
