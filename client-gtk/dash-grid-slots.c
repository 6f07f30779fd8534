/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The visible rows of a grid: which slot draws which row, and the flashes of what changed. When a snapshot
 * comes, the rows in sight are found again through the diff; what is drawn of them moves with them, and only
 * cells that changed are written. Main thread. */

#include "dash-grid-private.h"

#include <adwaita.h>
#include <string.h>

#include "dash-accessible.h"

#define FLASH_STEP_MS 150
#define FLASH_STEPS 4
#define FLASH_ALPHA 0.36f
/* What a flash loses where every cell in sight changed: then it says less. */
#define FLASH_ALPHA_DENSITY 0.2f
/* Bytes of a cell that assistive technology is told. */
#define LABEL_CELL_MAX 200

void
dash_grid_make_slots (DashGrid *self, guint n)
{
  while (self->slots->len < n)
    {
      GtkWidget *slot = dash_grid_row_new (&self->paint);

      gtk_widget_set_parent (slot, GTK_WIDGET (self));
      gtk_widget_set_child_visible (slot, FALSE);
      dash_accessible_mirror_mapped (slot);
      g_ptr_array_add (self->slots, slot);
    }
}

/* ---- what the slots show ---- */

static void
set_row_label (DashGrid *self, DashGridRow *slot, ReplicaSnapshot *snapshot, guint row)
{
  g_autoptr (GString) label = g_string_new (NULL);

  for (guint pass = 0; pass < 2; pass++)
    for (guint i = 0; i < self->paint.columns.n; i++)
      {
        const DashGridColumn *item = &self->paint.columns.items[i];
        char buffer[REPLICA_FORMAT_TEXT_MAX];
        gsize length;
        const char *text;

        /* Keys first: that is what the row is called. */
        if (!!item->is_key != (pass == 0))
          continue;
        text =
            replica_format_cell (&item->format, replica_snapshot_get_column (snapshot, i), row, buffer, &length);
        if (label->len > 0)
          g_string_append (label, ", ");
        if (!item->is_key)
          g_string_append_printf (label, "%s ", item->name);
        if (length > LABEL_CELL_MAX)
          length = (gsize) (g_utf8_find_prev_char (text, text + LABEL_CELL_MAX) - text);
        g_string_append_len (label, length > 0 ? text : "–", length > 0 ? (gssize) length : -1);
      }
  dash_grid_row_set_label (slot, label->str);
}

/* Brings to slot @i what is drawn of row @before, if any slot from there on has it. */
static gboolean
claim (DashGrid *self, guint i, guint before)
{
  DashGridRow *slot = g_ptr_array_index (self->slots, i);

  if (before == DASH_CELLS_NONE)
    return FALSE;
  if (dash_grid_row_get_cells (slot)->row == before)
    return TRUE;
  for (guint j = i + 1; j < self->slots->len; j++)
    {
      DashGridRow *other = g_ptr_array_index (self->slots, j);

      if (dash_grid_row_get_cells (other)->row == before)
        {
          dash_grid_row_swap (slot, other);
          return TRUE;
        }
    }
  return FALSE;
}

static void
write_slots (DashGrid *self, DashGridRefresh refresh, gboolean *grew)
{
  ReplicaSnapshot *snapshot = replica_index_get_snapshot (self->index);
  ReplicaDiff *marks = refresh != DASH_GRID_REFRESH_MOVED || self->flash_step > 0 ? self->diff : NULL;
  g_autofree gboolean *is_known = g_new0 (gboolean, self->slots->len + 1);

  /* First everything goes to its place, under the numbers of the snapshot before; then it is written. */
  for (guint i = 0; i < self->slots->len; i++)
    {
      guint position = self->first + i, before;

      if (snapshot == NULL || i >= self->n_used || position >= self->n_rows
          || refresh == DASH_GRID_REFRESH_ALL)
        continue;
      before = self->rows[position];
      if (refresh == DASH_GRID_REFRESH_SNAPSHOT)
        before =
            self->diff != NULL ? (guint) replica_diff_get_before_row (self->diff, before) : DASH_CELLS_NONE;
      is_known[i] = claim (self, i, before);
    }

  for (guint i = 0; i < self->slots->len; i++)
    {
      DashGridRow *slot = g_ptr_array_index (self->slots, i);
      guint position = self->first + i;
      gboolean is_shown = snapshot != NULL && i < self->n_used && position < self->n_rows;

      gtk_widget_set_child_visible (GTK_WIDGET (slot), is_shown);
      if (!is_shown)
        {
          dash_cells_clear (dash_grid_row_get_cells (slot));
          continue;
        }
      dash_grid_row_set_state (slot, (int) position == self->selected, position & 1);
      if (refresh == DASH_GRID_REFRESH_MOVED && is_known[i])
        {
          set_row_label (self, slot, snapshot, self->rows[position]);
          continue;
        }
      if (dash_cells_write (dash_grid_row_get_cells (slot), &self->paint.columns, &self->paint.style,
                            snapshot, self->rows[position], marks, is_known[i], grew))
        {
          gtk_widget_queue_draw (GTK_WIDGET (slot));
          set_row_label (self, slot, snapshot, self->rows[position]);
        }
    }
}

void
dash_grid_refresh_slots (DashGrid *self, DashGridRefresh refresh)
{
  gboolean grew = FALSE;

  if (self->is_stale)
    refresh = DASH_GRID_REFRESH_ALL;
  if (!gtk_widget_get_mapped (GTK_WIDGET (self)))
    {
      self->is_stale |= refresh != DASH_GRID_REFRESH_MOVED;
      return;
    }
  self->is_stale = FALSE;
  self->first = (guint) (dash_grid_get_offset (self->vadjustment) / self->paint.style.row_height);
  write_slots (self, refresh, &grew);
  if (grew
      && dash_grid_columns_allot (&self->paint.columns, (float) gtk_widget_get_width (GTK_WIDGET (self))))
    {
      gboolean again = FALSE;

      write_slots (self, DASH_GRID_REFRESH_ALL, &again);
      dash_grid_header_refresh (DASH_GRID_HEADER (self->header));
      if (!self->is_allocating)
        gtk_widget_queue_allocate (GTK_WIDGET (self));
    }
}

/* ---- flashes ---- */

static void
redraw_marked (DashGrid *self)
{
  for (guint i = 0; i < self->slots->len; i++)
    if (dash_grid_row_get_cells (g_ptr_array_index (self->slots, i))->has_marks)
      gtk_widget_queue_draw (g_ptr_array_index (self->slots, i));
}

static gboolean
flash_cb (gpointer user_data)
{
  DashGrid *self = user_data;

  self->flash_step--;
  self->paint.flash_alpha = self->flash_peak * (float) self->flash_step / FLASH_STEPS;
  redraw_marked (self);
  if (self->flash_step > 0)
    return G_SOURCE_CONTINUE;
  self->flash_source = 0;
  return G_SOURCE_REMOVE;
}

/* In steps, not on every frame: a fade at 60 frames a second costs more than all the rest where there is no
 * GPU. */
void
dash_grid_start_flash (DashGrid *self)
{
  if (!gtk_widget_get_mapped (GTK_WIDGET (self)) || !adw_get_enable_animations (GTK_WIDGET (self)))
    {
      self->flash_step = 0;
      self->paint.flash_alpha = 0;
      return;
    }
  self->flash_step = FLASH_STEPS;
  if (self->flash_source == 0)
    self->flash_source = g_timeout_add (FLASH_STEP_MS, flash_cb, self);
}

void
dash_grid_tune_flash (DashGrid *self)
{
  guint n_marks = 0, n_cells = 0;

  if (self->flash_step == 0)
    return;
  for (guint i = 0; i < self->n_used; i++)
    {
      const DashCells *cells = dash_grid_row_get_cells (g_ptr_array_index (self->slots, i));

      n_cells += cells->n;
      for (guint j = 0; j < cells->n && cells->has_marks; j++)
        n_marks += cells->marks[j] != 0;
    }
  self->flash_peak = FLASH_ALPHA - FLASH_ALPHA_DENSITY * (float) n_marks / (float) MAX (n_cells, 1);
  self->paint.flash_alpha = self->flash_peak;
}

void
dash_grid_stop_flash (DashGrid *self)
{
  g_clear_handle_id (&self->flash_source, g_source_remove);
  self->flash_step = 0;
  self->paint.flash_alpha = 0;
}
