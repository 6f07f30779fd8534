/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A panel: title line with age, count and state, then the grid. Main thread. */
#include "tui-panel.h"

#include <string.h>

struct _TuiPanel {
  ReplicaPanel spec;       /* (owned) strings */
  ReplicaView *view;       /* (owned) */
  TuiGrid *grid;           /* (owned) */
  TuiPanelFunc changed;
  gpointer user_data;
  gboolean waiting;        /* for the one it follows to have rows */
  gboolean active;
};

static void
on_snapshot (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, gpointer user_data)
{
  TuiPanel *self = user_data;

  /* A chart's rows are a table here: the newest on top. */
  if (self->spec.kind != REPLICA_PANEL_GRID && tui_grid_get_sort (self->grid) == NULL)
    for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
      if (replica_snapshot_get_column (snapshot, i)->type == REPLICA_TYPE_TIMESTAMP)
        {
          g_autofree char *sort = g_strconcat ("-", replica_snapshot_get_column (snapshot, i)->name, NULL);
          tui_grid_set_sort (self->grid, sort);
          break;
        }
  tui_grid_set_snapshot (self->grid, snapshot, diff);
  self->changed (self, self->user_data);
}

static void
on_notify (ReplicaView *view, GParamSpec *pspec, gpointer user_data)
{
  TuiPanel *self = user_data;

  self->changed (self, self->user_data);
}

TuiPanel *
tui_panel_new (ReplicaLink *link, const ReplicaPanel *panel, TuiPanelFunc changed, gpointer user_data)
{
  TuiPanel *self = g_new0 (TuiPanel, 1);

  self->spec = (ReplicaPanel) { panel->kind, g_strdup (panel->path), g_strdup (panel->title), g_strdup (panel->sort), g_strdup (panel->follows) };
  self->changed = changed;
  self->user_data = user_data;
  self->waiting = panel->follows != NULL;
  self->grid = tui_grid_new ();
  tui_grid_set_log (self->grid, panel->kind != REPLICA_PANEL_GRID);
  if (panel->sort != NULL)
    tui_grid_set_sort (self->grid, panel->sort);
  self->view = replica_view_new (link, panel->path);
  g_signal_connect (self->view, "snapshot", G_CALLBACK (on_snapshot), self);
  g_signal_connect (self->view, "notify::error", G_CALLBACK (on_notify), self);
  g_signal_connect (self->view, "notify::live", G_CALLBACK (on_notify), self);
  return self;
}

void
tui_panel_free (TuiPanel *self)
{
  g_signal_handlers_disconnect_by_data (self->view, self);
  replica_view_stop (self->view);
  g_object_unref (self->view);
  tui_grid_free (self->grid);
  g_free (self->spec.path);
  g_free (self->spec.title);
  g_free (self->spec.sort);
  g_free (self->spec.follows);
  g_free (self);
}

TuiGrid *
tui_panel_get_grid (TuiPanel *self)
{
  return self->grid;
}

ReplicaView *
tui_panel_get_view (TuiPanel *self)
{
  return self->view;
}

void
tui_panel_set_active (TuiPanel *self, gboolean active)
{
  self->active = active;
  if (active && !self->waiting)
    replica_view_start (self->view);
  else
    replica_view_stop (self->view);
}

void
tui_panel_follow (TuiPanel *self, TuiPanel *leader)
{
  ReplicaSnapshot *snapshot = replica_view_get_snapshot (leader->view);
  int row = tui_grid_get_selected (leader->grid);
  g_autofree char *path = NULL;

  if (snapshot == NULL || row < 0)
    return;
  path = replica_follow_dup_path (self->spec.path, snapshot, (guint) row);
  if (strcmp (path, replica_view_get_path (self->view)) != 0)
    replica_view_set_path (self->view, path);
  if (self->waiting)
    {
      self->waiting = FALSE;
      tui_panel_set_active (self, self->active);
    }
}

void
tui_panel_set_filter (TuiPanel *self, const char *filter)
{
  tui_grid_set_filter (self->grid, filter);
  replica_view_set_filter (self->view, filter);
}

void
tui_panel_draw (TuiPanel *self, TuiCells *cells, guint x, guint y, guint width, guint height, gboolean focus)
{
  TuiStyle style = focus ? TUI_STYLE_TITLE_FOCUS : TUI_STYLE_TITLE;
  gboolean stale = replica_view_get_stale (self->view), frozen = replica_view_get_frozen (self->view);
  gint64 stretched_ms = replica_view_get_stretched_ms (self->view);
  char age_text[32], every[32];
  const char *age = replica_format_age (replica_view_get_age_us (self->view), age_text);
  g_autofree char *state = NULL, *left = NULL;
  const char *error = replica_view_get_error (self->view);
  guint shown, total, state_width, percent = 0;
  gboolean is_recovering = replica_view_get_recovering (self->view, &percent);

  if (height == 0)
    return;
  tui_grid_get_counts (self->grid, &shown, &total);
  left = shown == total ? g_strdup_printf ("%s %s  %u rows", focus ? "▸" : " ", self->spec.title, total)
                        : g_strdup_printf ("%s %s  %u of %u rows", focus ? "▸" : " ", self->spec.title, shown, total);
  if (frozen)
    state = g_strdup_printf ("FROZEN · %" G_GUINT64_FORMAT " behind · %s ", replica_view_get_n_behind (self->view), age);
  else if (is_recovering && replica_view_get_snapshot (self->view) == NULL)
    state = g_strdup_printf ("recovering %u %% ", percent);
  else if (is_recovering)
    state = g_strdup_printf ("recovering %u %% · age %s ", percent, age);
  else if (replica_view_get_snapshot (self->view) == NULL)
    state = g_strdup (self->waiting ? "nothing selected " : "waiting ");
  else if (stretched_ms > 0 && !stale)
    state = g_strdup_printf ("every %s · age %s ", replica_format_age (stretched_ms * 1000, every), age);
  else
    state = g_strdup_printf ("%s%s ", stale ? "OLD · " : "age ", age);
  tui_cells_fill (cells, x, y, width, style);
  state_width = MIN (tui_text_width (state), width);
  tui_cells_text (cells, x + width - state_width, y, state_width, frozen || is_recovering ? TUI_STYLE_WARN : stale ? TUI_STYLE_ERROR : style, state);
  if (width > state_width + 1)
    tui_cells_text (cells, x, y, width - state_width - 1, style, left);
  if (error != NULL && !is_recovering && height > 1)
    {
      tui_cells_text (cells, x + 1, y + 1, width - 1, TUI_STYLE_ERROR, error);
      y++;
      height--;
    }
  if (height > 1)
    tui_grid_draw (self->grid, cells, x, y + 1, width, height - 1, focus, stale);
}
