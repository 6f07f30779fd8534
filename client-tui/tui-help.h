/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tui-cells.h"

G_BEGIN_DECLS

/* Every key, in one table: what `?` shows, and the key line at the foot of the screen. */
void tui_help_draw (TuiCells *cells);
void tui_help_draw_key_line (TuiCells *cells, guint y, gboolean filtering, gboolean frozen);

G_END_DECLS
