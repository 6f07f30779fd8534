/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A buffer of character cells, and the one place where text becomes cells. Main thread. */
#include "tui-cells.h"

#include <string.h>

TuiCells *
tui_cells_new (guint width, guint height)
{
  TuiCells *self = g_new0 (TuiCells, 1);

  self->width = MAX (width, 1);
  self->height = MAX (height, 1);
  self->cells = g_new (TuiCell, (gsize) self->width * self->height);
  tui_cells_clear (self);
  return self;
}

void
tui_cells_free (TuiCells *self)
{
  g_free (self->cells);
  g_free (self);
}

void
tui_cells_clear (TuiCells *self)
{
  for (gsize i = 0; i < (gsize) self->width * self->height; i++)
    self->cells[i] = (TuiCell) { ' ', TUI_STYLE_NORMAL };
}

/* The next character of @text as a terminal may see it, and its columns (0: leave it out). */
static const char *
next_char (const char *text, gunichar *ch, guint *columns)
{
  gunichar c = g_utf8_get_char_validated (text, -1);

  if (c == (gunichar) -1 || c == (gunichar) -2)
    {
      *ch = 0xfffd;
      *columns = 1;
      return text + 1;
    }
  *ch = c;
  if (g_unichar_iszerowidth (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
    *columns = 0; /* also the marks that reorder what stands around them */
  else if (g_unichar_iscntrl (c) || !g_unichar_isdefined (c) || g_unichar_type (c) == G_UNICODE_PRIVATE_USE
           || g_unichar_type (c) == G_UNICODE_LINE_SEPARATOR || g_unichar_type (c) == G_UNICODE_PARAGRAPH_SEPARATOR)
    {
      *ch = 0xfffd;
      *columns = 1;
    }
  else
    *columns = g_unichar_iswide (c) ? 2 : 1;
  return g_utf8_next_char (text);
}

guint
tui_text_width (const char *text)
{
  guint total = 0, columns;
  gunichar ch;

  while (*text != '\0')
    {
      text = next_char (text, &ch, &columns);
      total += columns;
    }
  return total;
}

guint
tui_cells_text (TuiCells *self, guint x, guint y, guint width, TuiStyle style, const char *text)
{
  guint used = 0, columns;
  gunichar ch;

  if (y >= self->height || x >= self->width)
    return 0;
  width = MIN (width, self->width - x);
  while (*text != '\0')
    {
      const char *next = next_char (text, &ch, &columns);
      TuiCell *cell = &self->cells[(gsize) y * self->width + x + used];

      if (used + columns > width)
        break;
      if (columns > 0)
        *cell = (TuiCell) { ch, (guint8) style };
      if (columns == 2)
        cell[1] = (TuiCell) { 0, (guint8) style };
      used += columns;
      text = next;
    }
  /* Cut text says so. */
  if (*text != '\0' && width > 1)
    {
      TuiCell *last = &self->cells[(gsize) y * self->width + x + width - 1];

      if (last->ch == 0 && width > 2)
        last[-1].ch = ' ';
      *last = (TuiCell) { 0x2026, (guint8) style };
      used = width;
    }
  return used;
}

guint
tui_cells_text_right (TuiCells *self, guint x, guint y, guint width, TuiStyle style, const char *text)
{
  guint needed = tui_text_width (text);

  if (needed >= width)
    return tui_cells_text (self, x, y, width, style, text);
  return tui_cells_text (self, x + width - needed, y, needed, style, text);
}

void
tui_cells_fill (TuiCells *self, guint x, guint y, guint width, TuiStyle style)
{
  if (y >= self->height || x >= self->width)
    return;
  for (guint i = 0; i < MIN (width, self->width - x); i++)
    self->cells[(gsize) y * self->width + x + i] = (TuiCell) { ' ', (guint8) style };
}

char *
tui_cells_to_string (TuiCells *self)
{
  GString *text = g_string_new (NULL);

  for (guint y = 0; y < self->height; y++)
    {
      for (guint x = 0; x < self->width; x++)
        {
          gunichar ch = self->cells[(gsize) y * self->width + x].ch;

          if (ch != 0)
            g_string_append_unichar (text, ch);
        }
      while (text->len > 0 && text->str[text->len - 1] == ' ')
        g_string_truncate (text, text->len - 1);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}
