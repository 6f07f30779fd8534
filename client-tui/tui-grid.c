/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grid of the terminal dashboard. The selection is a row key, not a position, so that it stays on its row when rows come, go or
 * are sorted anew; the scroll offset stays put unless the selection that the user chose would leave the window. Column widths are
 * those of what is in sight, and only grow while the columns stay the same, so that the picture does not twitch. Key columns stay in sight when columns are scrolled. */
#include "tui-grid.h"

#include <string.h>

#define MAX_TEXT_WIDTH 40 /* of a string column */
#define SAMPLE_ROWS 64
#define GAP 2             /* after each column: the mark of a change, and a space */

typedef struct {
  ReplicaFormat format;
  guint width;
} Column;

struct _TuiGrid {
  ReplicaIndex *index;       /* (owned) */
  ReplicaDiff *diff;         /* (owned) (nullable) */
  char *selected_key;        /* (owned) (nullable): none while there are no rows */
  guint selected;            /* position of the selection when last known */
  guint top;                 /* first position in sight */
  guint first_column;        /* first non-key column in sight */
  GArray *columns;           /* Column (owned) */
  char *columns_signature;   /* (owned) (nullable): names and types that columns are for */
  guint page;                /* rows in sight when last drawn */
  gboolean marks;
  gboolean is_filtered;
  gboolean is_log;           /* nothing is selected by key before the user does */
  gboolean is_chosen;        /* the user has moved the selection: it is kept in sight */
};

TuiGrid *
tui_grid_new (void)
{
  TuiGrid *self = g_new0 (TuiGrid, 1);

  self->index = replica_index_new ();
  self->columns = g_array_new (FALSE, TRUE, sizeof (Column));
  self->marks = TRUE;
  return self;
}

void
tui_grid_free (TuiGrid *self)
{
  g_object_unref (self->index);
  g_clear_pointer (&self->diff, replica_diff_unref);
  g_free (self->selected_key);
  g_array_unref (self->columns);
  g_free (self->columns_signature);
  g_free (self);
}

static char *
make_signature (ReplicaSnapshot *snapshot)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      g_string_append_printf (text, "%s:%d:%u,", column->name, column->type, column->scale);
    }
  return g_string_free (text, FALSE);
}

/* What a column head says; times say their clock. @direction: as of replica_index_get_direction(). */
static char *
make_head (const ReplicaColumn *column, int direction)
{
  static const char *const arrows[] = { "▼", "", "▲" };

  return g_strconcat (column->name, column->type == REPLICA_TYPE_TIMESTAMP ? " UTC" : "", arrows[direction + 1], NULL);
}

/* The cell as shown: in @buffer (REPLICA_FORMAT_TEXT_MAX bytes) or the snapshot. */
static const char *
format_cell (const Column *item, const ReplicaColumn *column, guint row, char *buffer)
{
  gsize length;

  return replica_column_is_null (column, row) ? "–" : replica_format_cell (&item->format, column, row, buffer, &length);
}

/* Widens the columns to what @n_rows @rows need, so that no number in sight is ever cut. */
static void
grow_columns (TuiGrid *self, ReplicaSnapshot *snapshot, const guint32 *rows, guint n_rows)
{
  for (guint i = 0; i < self->columns->len; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      Column *item = &g_array_index (self->columns, Column, i);
      g_autofree char *head = make_head (column, 0);

      item->width = MAX (item->width, tui_text_width (head) + 1); /* room for the arrow */
      for (guint row = 0; row < n_rows; row++)
        {
          char buffer[REPLICA_FORMAT_TEXT_MAX];
          guint needed = tui_text_width (format_cell (item, column, rows[row], buffer));

          item->width = MAX (item->width, column->type == REPLICA_TYPE_STRING ? MIN (needed, MAX_TEXT_WIDTH) : needed);
        }
    }
}

/* Other columns, or other values in them: how cells are written. New columns are fitted to rows from all over, so that scrolling widens
 * them seldom. */
static void
learn_columns (TuiGrid *self, ReplicaSnapshot *snapshot)
{
  g_autofree char *signature = make_signature (snapshot);
  guint n_columns = replica_snapshot_get_n_columns (snapshot);
  gboolean is_new = g_strcmp0 (signature, self->columns_signature) != 0;

  if (is_new)
    {
      g_array_set_size (self->columns, 0);
      g_array_set_size (self->columns, n_columns);
      self->first_column = 0;
      g_free (self->columns_signature);
      self->columns_signature = g_steal_pointer (&signature);
    }
  for (guint i = 0; i < n_columns; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      Column *item = &g_array_index (self->columns, Column, i);

      if (is_new)
        replica_format_init (&item->format, column);
      replica_format_observe (&item->format, column, replica_snapshot_get_time_us (snapshot));
    }
  if (is_new)
    {
      guint32 sample[SAMPLE_ROWS];
      guint n_rows = replica_snapshot_get_n_rows (snapshot), stride = n_rows / SAMPLE_ROWS + 1, n = 0;

      for (guint row = 0; row < n_rows; row += stride)
        sample[n++] = row;
      grow_columns (self, snapshot, sample, n);
    }
}

/* The position of the selected row after rows moved; when its row is gone, the selection stays where it was on the screen. */
static void
find_selection (TuiGrid *self)
{
  guint n_rows;
  int position;

  replica_index_get_rows (self->index, &n_rows);
  position = self->selected_key != NULL ? replica_index_find_key (self->index, self->selected_key) : -1;
  if (position >= 0)
    self->selected = (guint) position;
  else
    self->selected = n_rows > 0 ? MIN (self->selected, n_rows - 1) : 0;
}

static void
keep_selection (TuiGrid *self)
{
  int row = tui_grid_get_selected (self);

  g_clear_pointer (&self->selected_key, g_free);
  if (row >= 0)
    self->selected_key = replica_snapshot_dup_row_key (replica_index_get_snapshot (self->index), (guint) row);
}

void
tui_grid_set_snapshot (TuiGrid *self, ReplicaSnapshot *snapshot, ReplicaDiff *diff)
{
  g_clear_pointer (&self->diff, replica_diff_unref);
  /* The first picture is not all news. */
  if (diff != NULL && replica_index_get_snapshot (self->index) != NULL)
    self->diff = replica_diff_ref (diff);
  replica_index_set_snapshot (self->index, snapshot);
  learn_columns (self, snapshot);
  find_selection (self);
  /* From the first picture on a row is selected, and not a place. */
  if (self->selected_key == NULL && !self->is_log)
    keep_selection (self);
}

void
tui_grid_set_log (TuiGrid *self, gboolean log)
{
  self->is_log = log;
}

void
tui_grid_set_filter (TuiGrid *self, const char *filter)
{
  replica_index_set_filter (self->index, filter);
  self->is_filtered = filter != NULL && *filter != '\0';
  find_selection (self);
  self->top = 0;
}

void
tui_grid_set_sort (TuiGrid *self, const char *sort)
{
  replica_index_set_sort (self->index, sort);
  find_selection (self);
}

const char *
tui_grid_get_sort (TuiGrid *self)
{
  return replica_index_get_sort (self->index);
}

void
tui_grid_shift_sort (TuiGrid *self, int step)
{
  ReplicaSnapshot *snapshot = replica_index_get_snapshot (self->index);
  const char *sort = replica_index_get_sort (self->index);
  gboolean down = sort != NULL && sort[0] == '-';
  g_autofree char *name = NULL, *next = NULL;
  int n_columns, column;

  if (snapshot == NULL || replica_snapshot_get_n_columns (snapshot) == 0)
    return;
  n_columns = (int) replica_snapshot_get_n_columns (snapshot);
  if (sort == NULL || sort[0] == '\0')
    column = step > 0 ? 0 : n_columns - 1;
  else
    {
      name = g_strndup (sort + down, strcspn (sort + down, ","));
      column = (replica_snapshot_find_column (snapshot, name) + step + n_columns) % n_columns;
    }
  next = g_strconcat (down ? "-" : "", replica_snapshot_get_column (snapshot, (guint) column)->name, NULL);
  tui_grid_set_sort (self, next);
}

void
tui_grid_reverse_sort (TuiGrid *self)
{
  const char *sort = replica_index_get_sort (self->index);
  g_autofree char *next = NULL;

  if (sort == NULL || sort[0] == '\0')
    return;
  next = sort[0] == '-' ? g_strdup (sort + 1) : g_strconcat ("-", sort, NULL);
  tui_grid_set_sort (self, next);
}

void
tui_grid_set_marks (TuiGrid *self, gboolean marks)
{
  self->marks = marks;
}

void
tui_grid_move (TuiGrid *self, int rows)
{
  guint n_rows;

  replica_index_get_rows (self->index, &n_rows);
  if (n_rows == 0)
    return;
  self->is_chosen = TRUE;
  self->selected = (guint) CLAMP ((gint64) self->selected + rows, 0, (gint64) n_rows - 1);
  keep_selection (self);
}

void
tui_grid_move_pages (TuiGrid *self, int pages)
{
  tui_grid_move (self, pages * (int) MAX (self->page, 2) - pages);
}

void
tui_grid_scroll_columns (TuiGrid *self, int columns)
{
  ReplicaSnapshot *snapshot = replica_index_get_snapshot (self->index);

  if (snapshot != NULL)
    self->first_column = (guint) CLAMP ((int) self->first_column + columns, 0, MAX ((int) replica_snapshot_get_n_columns (snapshot) - 1, 0));
}

int
tui_grid_get_selected (TuiGrid *self)
{
  guint n_rows;
  const guint32 *rows = replica_index_get_rows (self->index, &n_rows);

  return self->selected < n_rows ? (int) rows[self->selected] : -1;
}

void
tui_grid_get_counts (TuiGrid *self, guint *shown, guint *total)
{
  ReplicaSnapshot *snapshot = replica_index_get_snapshot (self->index);

  replica_index_get_rows (self->index, shown);
  *total = snapshot != NULL ? replica_snapshot_get_n_rows (snapshot) : 0;
}

static void
draw_cell (TuiGrid *self, TuiCells *cells, guint x, guint y, guint width, const ReplicaColumn *column, guint column_index,
           guint row, TuiStyle row_style, gboolean stale)
{
  const Column *item = &g_array_index (self->columns, Column, column_index);
  gboolean is_right = replica_format_is_numeric (&item->format);
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  const char *text = format_cell (item, column, row, buffer);
  /* That time goes on is no news. */
  int change = self->diff != NULL && self->marks && !stale && is_right && column->type != REPLICA_TYPE_TIMESTAMP
                   ? replica_diff_get_cell (self->diff, row, column_index) : 0;
  TuiStyle style = row_style;

  if (change != 0 && row_style == TUI_STYLE_NORMAL)
    style = change > 0 ? TUI_STYLE_UP : TUI_STYLE_DOWN;
  if (is_right)
    tui_cells_text_right (cells, x, y, width, style, text);
  else
    tui_cells_text (cells, x, y, width, style, text);
  if (change != 0)
    tui_cells_text (cells, x + width, y, 1, style, change > 0 ? "▴" : "▾");
}

void
tui_grid_draw (TuiGrid *self, TuiCells *cells, guint x, guint y, guint width, guint height, gboolean focus, gboolean stale)
{
  ReplicaSnapshot *snapshot = replica_index_get_snapshot (self->index);
  guint n_rows, n_columns, at = 0, n_columns_right = 0, skipped = 0;
  const guint32 *rows;
  guint body = height > 0 ? height - 1 : 0;

  if (snapshot == NULL || height == 0)
    return;
  self->page = body;
  rows = replica_index_get_rows (self->index, &n_rows);
  n_columns = replica_snapshot_get_n_columns (snapshot);
  if (self->is_chosen && self->selected < self->top)
    self->top = self->selected;
  else if (self->is_chosen && body > 0 && self->selected >= self->top + body)
    self->top = self->selected - body + 1;
  if (self->top + body > n_rows)
    self->top = n_rows > body ? n_rows - body : 0;

  grow_columns (self, snapshot, rows + self->top, MIN (body, n_rows - self->top));
  tui_cells_fill (cells, x, y, width, TUI_STYLE_HEADER);
  for (guint i = 0; i < body && self->top + i < n_rows; i++)
    if (focus && self->top + i == self->selected)
      tui_cells_fill (cells, x, y + 1 + i, width, TUI_STYLE_SELECTED);

  for (guint c = 0; c < n_columns; c++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, c);
      const Column *item = &g_array_index (self->columns, Column, c);
      gboolean is_right = replica_format_is_numeric (&item->format);
      guint column_width = item->width;
      g_autofree char *head = make_head (column, replica_index_get_direction (self->index, column->name));

      if (!column->is_key && skipped < self->first_column)
        {
          skipped++;
          continue;
        }
      /* A number cut short is a wrong number: it is shown whole or not at all. */
      if (n_columns_right > 0 || (at + column_width > width && (at > 0 || is_right)))
        {
          n_columns_right++;
          continue;
        }
      column_width = MIN (column_width, width);
      if (is_right)
        tui_cells_text_right (cells, x + at, y, column_width, TUI_STYLE_HEADER, head);
      else
        tui_cells_text (cells, x + at, y, column_width, TUI_STYLE_HEADER, head);
      for (guint i = 0; i < body && self->top + i < n_rows; i++)
        {
          TuiStyle style = stale ? TUI_STYLE_DIM : TUI_STYLE_NORMAL;

          if (focus && self->top + i == self->selected)
            style = TUI_STYLE_SELECTED;
          draw_cell (self, cells, x + at, y + 1 + i, column_width, column, c, rows[self->top + i], style, stale);
        }
      at += column_width + GAP;
    }
  if (n_columns_right > 0 && width > 0)
    tui_cells_text (cells, x + width - 1, y, 1, TUI_STYLE_HEADER, "›");
  if (n_rows == 0 && body > 0)
    tui_cells_text (cells, x + 1, y + 1, width, TUI_STYLE_DIM,
                    self->is_filtered ? "no row matches the filter" : "no rows yet");
}
