/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tui-cells.h"

G_BEGIN_DECLS

/* The terminal: the only part that knows curses. Main thread. */
typedef struct _TuiTerminal TuiTerminal;

typedef enum {
  TUI_KEY_NONE = 0,
  /* characters are themselves; the others count from here */
  TUI_KEY_UP = 0x110000,
  TUI_KEY_DOWN,
  TUI_KEY_LEFT,
  TUI_KEY_RIGHT,
  TUI_KEY_PAGE_UP,
  TUI_KEY_PAGE_DOWN,
  TUI_KEY_HOME,
  TUI_KEY_END,
  TUI_KEY_BACKSPACE,
  TUI_KEY_BACKTAB,
  TUI_KEY_HELP,   /* F1 */
  TUI_KEY_FILTER, /* F4 */
  TUI_KEY_QUIT,   /* F10 */
} TuiKey;

typedef void (*TuiKeyFunc) (guint32 key, gpointer user_data);
typedef void (*TuiFrameFunc) (TuiCells *cells, gpointer user_data);

/* Takes the terminal over; NULL and @error when stdin and stdout are not one. @draw is asked for a frame when the terminal is ready for it
 * (see tui_terminal_queue_draw()), with cells of the terminal's size. */
TuiTerminal *tui_terminal_new (TuiKeyFunc key, TuiFrameFunc draw, gpointer user_data, GError **error);
void tui_terminal_free (TuiTerminal *self); /* gives the terminal back */
/* Something changed: a frame is drawn soon, but not before the terminal has said that it has shown the one before. */
void tui_terminal_queue_draw (TuiTerminal *self);
void tui_terminal_repaint (TuiTerminal *self); /* everything anew: Ctrl-L */

G_END_DECLS
