/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What a frame looks like: a buffer of styled character cells. Everything draws here; only tui-terminal.c knows how
 * cells reach a terminal, and tests read them as text. */

G_BEGIN_DECLS

typedef enum {
  TUI_STYLE_NORMAL,
  TUI_STYLE_DIM,      /* old, or of little weight */
  TUI_STYLE_TITLE,
  TUI_STYLE_TITLE_FOCUS,
  TUI_STYLE_HEADER,   /* column heads */
  TUI_STYLE_SELECTED,
  TUI_STYLE_UP,
  TUI_STYLE_DOWN,
  TUI_STYLE_GOOD,
  TUI_STYLE_WARN,
  TUI_STYLE_ERROR,
  TUI_STYLE_KEY,      /* key line: the key */
  TUI_STYLE_LABEL,    /* key line: what it does */
  TUI_N_STYLES,
} TuiStyle;

typedef struct {
  gunichar ch;      /* 0: the right half of the wide character before */
  guint8 style;
} TuiCell;

typedef struct {
  guint width, height;
  TuiCell *cells;
} TuiCells;

TuiCells *tui_cells_new (guint width, guint height);
void tui_cells_free (TuiCells *self);
void tui_cells_clear (TuiCells *self);
/* Draws UTF-8 from (@x, @y), at most @width columns; returns the columns used. What a terminal must not see (control characters,
 * bytes that are not UTF-8, zero-width and bidirectional marks) is drawn as U+FFFD or left out: text from outside is never trusted. */
guint tui_cells_text (TuiCells *self, guint x, guint y, guint width, TuiStyle style, const char *text);
guint tui_cells_text_right (TuiCells *self, guint x, guint y, guint width, TuiStyle style, const char *text);
void tui_cells_fill (TuiCells *self, guint x, guint y, guint width, TuiStyle style);
/* Columns that the text takes when drawn. */
guint tui_text_width (const char *text);
/* The frame as text, a line a row, trailing spaces cut: for tests. */
char *tui_cells_to_string (TuiCells *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TuiCells, tui_cells_free)

G_END_DECLS
