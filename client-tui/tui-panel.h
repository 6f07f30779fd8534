/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"
#include "tui-grid.h"

G_BEGIN_DECLS

/* One panel of a screen: a view of a projection and the grid that shows it. (A terminal shows candles and lines as their rows, newest
 * first.) Main thread. */
typedef struct _TuiPanel TuiPanel;
typedef void (*TuiPanelFunc) (TuiPanel *panel, gpointer user_data);

/* @changed is called whenever what it shows may look different. */
TuiPanel *tui_panel_new (ReplicaLink *link, const ReplicaPanel *panel, TuiPanelFunc changed, gpointer user_data);
void tui_panel_free (TuiPanel *self);
TuiGrid *tui_panel_get_grid (TuiPanel *self);
ReplicaView *tui_panel_get_view (TuiPanel *self);
/* Only the panels of the screen in sight ask. */
void tui_panel_set_active (TuiPanel *self, gboolean active);
/* Shows what belongs to the selected row of @leader; does nothing when that is what it shows. */
void tui_panel_follow (TuiPanel *self, TuiPanel *leader);
/* What is typed: rows that are here at once, and what the server has besides. */
void tui_panel_set_filter (TuiPanel *self, const char *filter);
void tui_panel_draw (TuiPanel *self, TuiCells *cells, guint x, guint y, guint width, guint height, gboolean focus);

G_END_DECLS
