/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tui-panel.h"

G_BEGIN_DECLS

/* One screen of the silo: its panels, one of which has the focus. Main thread. */
typedef struct _TuiScreen TuiScreen;
typedef void (*TuiScreenFunc) (TuiScreen *screen, gpointer user_data);

TuiScreen *tui_screen_new (ReplicaLink *link, ReplicaScreen *screen, TuiScreenFunc changed, gpointer user_data);
void tui_screen_free (TuiScreen *self);
const char *tui_screen_get_title (TuiScreen *self);
TuiPanel *tui_screen_get_focus (TuiScreen *self); /* NULL: a screen without panels */
void tui_screen_move_focus (TuiScreen *self, int step);
void tui_screen_set_active (TuiScreen *self, gboolean active);
void tui_screen_set_frozen (TuiScreen *self, gboolean frozen); /* all panels together */
gboolean tui_screen_get_frozen (TuiScreen *self);
void tui_screen_set_marks (TuiScreen *self, gboolean marks);
void tui_screen_set_filter (TuiScreen *self, const char *filter); /* of the panel in focus */
const char *tui_screen_get_filter (TuiScreen *self);
guint64 tui_screen_get_n_skipped (TuiScreen *self);
/* The selection moved: panels that follow the one in focus follow. */
void tui_screen_follow (TuiScreen *self);
void tui_screen_draw (TuiScreen *self, TuiCells *cells, guint x, guint y, guint width, guint height);
/* Splits @height lines among @n panels that would like @wanted lines each: a title for each, a few rows where there is room, the rest
 * to @focus first. Into @heights. */
void tui_screen_layout (guint n, guint focus, guint height, const guint *wanted, guint *heights);

G_END_DECLS
