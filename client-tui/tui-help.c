/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the keys do. Main thread. */
#include "tui-help.h"

#include <string.h>

static const struct {
  const char *key;
  const char *what;
  const char *label; /* (nullable): short, for the key line */
} keys[] = {
  { "?, F1", "this help; any key closes it", "Help" },
  { "/, F4", "filter rows as you type: Enter keeps it, Esc clears it", "Filter" },
  { "Space", "freeze the picture; again: thaw, and mark what changed meanwhile", "Freeze" },
  { "Tab", "the next panel; Shift-Tab the one before", "Panel" },
  { "1-9, ]", "a screen by its number; ] the next, [ the one before", "Screen" },
  { "< >", "sort by the column to the left, to the right; r reverses", "Sort" },
  { "↑ ↓ k j", "select a row (held by its key); PgUp PgDn a page, Home End the ends", NULL },
  { "← → h l", "scroll the columns; key columns stay", NULL },
  { "f", "marks ▴▾ on changed numbers, on and off", NULL },
  { "Ctrl-L", "draw everything anew", NULL },
  { "q, F10", "quit", "Quit" },
};

void
tui_help_draw (TuiCells *cells)
{
  tui_cells_clear (cells);
  tui_cells_fill (cells, 0, 0, cells->width, TUI_STYLE_TITLE_FOCUS);
  tui_cells_text (cells, 1, 0, cells->width, TUI_STYLE_TITLE_FOCUS, "Synoptic: keys");
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      tui_cells_text (cells, 2, 2 + i, 10, TUI_STYLE_KEY, keys[i].key);
      tui_cells_text (cells, 13, 2 + i, cells->width > 13 ? cells->width - 13 : 0, TUI_STYLE_NORMAL, keys[i].what);
    }
  tui_cells_text (cells, 2, 3 + G_N_ELEMENTS (keys), cells->width, TUI_STYLE_DIM,
                  "age: since the server last said that this picture is the newest.");
  tui_cells_text (cells, 2, 4 + G_N_ELEMENTS (keys), cells->width, TUI_STYLE_DIM,
                  "skipped: snapshots made while this link was busy with an older one.");
}

void
tui_help_draw_key_line (TuiCells *cells, guint y, gboolean filtering, gboolean frozen)
{
  guint x = 0;

  tui_cells_fill (cells, 0, y, cells->width, TUI_STYLE_LABEL);
  if (filtering)
    {
      x += tui_cells_text (cells, x, y, cells->width, TUI_STYLE_KEY, "Enter");
      x += tui_cells_text (cells, x, y, cells->width, TUI_STYLE_LABEL, "Keep ");
      x += tui_cells_text (cells, x, y, cells->width, TUI_STYLE_KEY, "Esc");
      tui_cells_text (cells, x, y, cells->width, TUI_STYLE_LABEL, "Clear");
      return;
    }
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++)
    if (keys[i].label != NULL)
      {
        g_autofree char *key = g_strndup (keys[i].key, strcspn (keys[i].key, ","));
        const char *label = frozen && g_str_equal (keys[i].label, "Freeze") ? "Thaw" : keys[i].label;

        if (x + tui_text_width (key) + tui_text_width (label) + 1 > cells->width)
          break;
        x += tui_cells_text (cells, x, y, cells->width - x, TUI_STYLE_KEY, key);
        x += tui_cells_text (cells, x, y, cells->width - x, TUI_STYLE_LABEL, label);
        x++;
      }
}
