/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The columns of a grid: how their cells are written and where they stand. A column is fitted to its title
 * and to the text seen in it, and only ever grows, so that the picture stays where the eye left it. Plain
 * data, no display but for the glyphs it measures with. Main thread. */

#include "dash-grid-columns.h"

#include <math.h>
#include <string.h>

/* A column grows by this much at least: not again for every digit. */
#define GROW_STEP 8
/* Text is not given more than this unless the user drags it wider. */
#define TEXT_WIDTH_MAX 260
#define COLUMN_WIDTH_MIN 28
/* Rows measured when a snapshot with new columns comes. */
#define SAMPLE_ROWS 64
/* Of the space that is left, a column takes at most this part of its own width. */
#define SLACK_SHARE 0.6f

void
dash_grid_columns_clear (DashGridColumns *self)
{
  for (guint i = 0; i < self->n; i++)
    {
      g_free (self->items[i].name);
      g_free (self->items[i].title);
    }
  g_clear_pointer (&self->items, g_free);
  self->n = 0;
  self->width = 0;
}

static gboolean
is_same (const DashGridColumns *self, ReplicaSnapshot *snapshot)
{
  if (self->n != replica_snapshot_get_n_columns (snapshot))
    return FALSE;
  for (guint i = 0; i < self->n; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      const DashGridColumn *item = &self->items[i];

      if (item->format.type != column->type || item->format.scale != column->scale
          || item->is_key != !!column->is_key || strcmp (item->name, column->name) != 0)
        return FALSE;
    }
  return TRUE;
}

gboolean
dash_grid_columns_set_snapshot (DashGridColumns *self, ReplicaSnapshot *snapshot)
{
  if (is_same (self, snapshot))
    return FALSE;

  dash_grid_columns_clear (self);
  self->n = replica_snapshot_get_n_columns (snapshot);
  self->items = g_new0 (DashGridColumn, self->n);
  for (guint i = 0; i < self->n; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      self->items[i].name = g_strdup (column->name);
      self->items[i].title = column->type == REPLICA_TYPE_TIMESTAMP ? g_strconcat (column->name, " UTC", NULL)
                                                                    : g_strdup (column->name);
      self->items[i].is_key = column->is_key;
      replica_format_init (&self->items[i].format, column);
    }
  return TRUE;
}

gboolean
dash_grid_columns_observe (DashGridColumns *self, ReplicaSnapshot *snapshot)
{
  gint64 time_us = replica_snapshot_get_time_us (snapshot);
  gboolean is_changed = FALSE;

  for (guint i = 0; i < self->n; i++)
    is_changed |=
        replica_format_observe (&self->items[i].format, replica_snapshot_get_column (snapshot, i), time_us);
  return is_changed;
}

void
dash_grid_columns_measure (DashGridColumns *self,
                           ReplicaSnapshot *snapshot,
                           const guint32 *rows,
                           guint n_rows,
                           DashGlyphs *glyphs,
                           DashGlyphs *bold)
{
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  guint stride = n_rows / SAMPLE_ROWS + 1;

  for (guint i = 0; i < self->n; i++)
    {
      DashGridColumn *item = &self->items[i];
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      float widest = 0;

      item->header_width = dash_glyphs_measure (glyphs, item->title, strlen (item->title)) + DASH_CELL_MARK;
      for (guint row = 0; row < n_rows; row += stride)
        {
          gsize length;
          const char *text = replica_format_cell (&item->format, column, rows[row], buffer, &length);

          widest = MAX (widest, dash_glyphs_measure (item->is_key ? bold : glyphs, text, length));
        }
      dash_grid_column_grow (item, widest);
    }
}

gboolean
dash_grid_column_grow (DashGridColumn *self, float text_width)
{
  float before = dash_grid_column_get_natural (self);

  if (text_width <= self->content_width)
    return FALSE;
  self->content_width = ceilf (text_width / GROW_STEP) * GROW_STEP;
  return self->user_width == 0 && dash_grid_column_get_natural (self) > before;
}

float
dash_grid_column_get_natural (const DashGridColumn *self)
{
  float pads = DASH_CELL_PAD * 2 + (replica_format_is_numeric (&self->format) ? DASH_CELL_MARK : 0);

  if (self->user_width > 0)
    return MAX (self->user_width, COLUMN_WIDTH_MIN);
  return MAX (COLUMN_WIDTH_MIN,
              MAX (self->header_width + DASH_CELL_PAD * 2, MIN (self->content_width, TEXT_WIDTH_MAX) + pads));
}

gboolean
dash_grid_columns_allot (DashGridColumns *self, float available)
{
  float natural = 0, share = 0, x = 0;
  gboolean is_moved = FALSE;

  for (guint i = 0; i < self->n; i++)
    natural += dash_grid_column_get_natural (&self->items[i]);
  if (natural > 0 && available > natural)
    share = MIN (SLACK_SHARE, (available - natural) / natural);
  for (guint i = 0; i < self->n; i++)
    {
      DashGridColumn *item = &self->items[i];
      float width = dash_grid_column_get_natural (item);

      if (item->user_width == 0)
        width = floorf (width * (1 + share));
      is_moved |= item->x != x || item->width != width;
      item->x = x;
      item->width = width;
      x += width;
    }
  self->width = x;
  return is_moved;
}

DashAlign
dash_grid_column_get_align (const DashGridColumn *self)
{
  return replica_format_is_numeric (&self->format) ? DASH_ALIGN_RIGHT : DASH_ALIGN_LEFT;
}

float
dash_grid_column_get_text_x (const DashGridColumn *self)
{
  return self->x + DASH_CELL_PAD
         + (dash_grid_column_get_align (self) == DASH_ALIGN_RIGHT ? DASH_CELL_MARK : 0);
}

float
dash_grid_column_get_text_width (const DashGridColumn *self)
{
  return self->x + self->width - DASH_CELL_PAD - dash_grid_column_get_text_x (self);
}

int
dash_grid_columns_find (const DashGridColumns *self, float x)
{
  for (guint i = 0; i < self->n; i++)
    if (x >= self->items[i].x && x < self->items[i].x + self->items[i].width)
      return (int) i;
  return -1;
}
