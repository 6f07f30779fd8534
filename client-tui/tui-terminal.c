/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Curses, and the pacing of frames. Nothing between us and a slow terminal (ssh, the pty, the kernel) says that it is behind: it takes
 * bytes and keeps them. So each frame ends with a question to the terminal itself (CSI 5 n, device status), and the next frame is
 * drawn only after its answer (CSI 0 n) has come back: reactive polling, with the terminal as the client. Terminals that never answer are
 * found out by time-outs, and drawn to at a fixed pace from then on. Main thread. */
#include "tui-terminal.h"

#include "tui-pace.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <locale.h>
#include <ncurses.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STATUS_ANSWER (KEY_MAX + 1)
#define ANSWER_TIMEOUT_MS 2000  /* longer than any link that one would type on */
#define UNPACED_INTERVAL_MS 250

struct _TuiTerminal {
  SCREEN *screen;
  WINDOW *keys;          /* 1 × 1: reading keys from it repaints nothing */
  TuiKeyFunc key;
  TuiFrameFunc draw;
  gpointer user_data;
  TuiCells *cells;       /* (owned) */
  guint input_source, resize_source, draw_source, answer_source;
  gboolean wanted;       /* a frame is wanted */
  gboolean in_flight;    /* a frame was drawn and not answered for yet */
  TuiPace pace;
};

static const struct {
  short foreground, background;
  attr_t attributes;       /* with colours */
  attr_t mono_attributes;  /* without: the meaning never hangs on colour alone */
} looks[TUI_N_STYLES] = {
  [TUI_STYLE_NORMAL] = { -1, -1, A_NORMAL, A_NORMAL },
  [TUI_STYLE_DIM] = { -1, -1, A_DIM, A_DIM },
  [TUI_STYLE_TITLE] = { COLOR_CYAN, -1, A_NORMAL, A_NORMAL },
  [TUI_STYLE_TITLE_FOCUS] = { COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE },
  [TUI_STYLE_HEADER] = { -1, -1, A_BOLD | A_UNDERLINE, A_BOLD | A_UNDERLINE },
  [TUI_STYLE_SELECTED] = { COLOR_BLACK, COLOR_WHITE, A_NORMAL, A_REVERSE },
  [TUI_STYLE_UP] = { COLOR_BLUE, -1, A_BOLD, A_BOLD },
  [TUI_STYLE_DOWN] = { COLOR_YELLOW, -1, A_NORMAL, A_BOLD },
  [TUI_STYLE_GOOD] = { COLOR_GREEN, -1, A_BOLD, A_BOLD },
  [TUI_STYLE_WARN] = { COLOR_BLACK, COLOR_YELLOW, A_NORMAL, A_REVERSE },
  [TUI_STYLE_ERROR] = { COLOR_WHITE, COLOR_RED, A_BOLD, A_REVERSE | A_BOLD },
  [TUI_STYLE_KEY] = { -1, -1, A_BOLD, A_BOLD },
  [TUI_STYLE_LABEL] = { COLOR_BLACK, COLOR_CYAN, A_NORMAL, A_REVERSE },
};

static void draw_when_ready (TuiTerminal *self);

static void
put_cells (TuiTerminal *self)
{
  TuiCells *cells = self->cells;

  for (guint y = 0; y < cells->height; y++)
    {
      guint x = 0;

      while (x < cells->width)
        {
          guint8 style = cells->cells[(gsize) y * cells->width + x].style;
          char run[4096];
          guint bytes = 0, start = x;

          for (; x < cells->width && bytes < sizeof run - 8; x++)
            {
              const TuiCell *cell = &cells->cells[(gsize) y * cells->width + x];

              if (cell->style != style)
                break;
              /* The last cell of the last line would scroll the screen. */
              if (cell->ch != 0 && !(y == cells->height - 1 && x == cells->width - 1))
                bytes += (guint) g_unichar_to_utf8 (cell->ch, run + bytes);
            }
          run[bytes] = '\0';
          attrset (has_colors () ? looks[style].attributes | (attr_t) COLOR_PAIR (style + 1) : looks[style].mono_attributes);
          mvaddstr ((int) y, (int) start, run);
        }
    }
}

static gboolean
on_answer_timeout (gpointer user_data)
{
  TuiTerminal *self = user_data;

  self->answer_source = 0;
  self->in_flight = FALSE;
  tui_pace_timed_out (&self->pace);
  draw_when_ready (self);
  return G_SOURCE_REMOVE;
}

static gboolean
on_draw (gpointer user_data)
{
  TuiTerminal *self = user_data;

  self->draw_source = 0;
  self->wanted = FALSE;
  tui_cells_clear (self->cells);
  self->draw (self->cells, self->user_data);
  put_cells (self);
  refresh ();
  self->in_flight = TRUE;
  if (tui_pace_is_asking (&self->pace) && write (STDOUT_FILENO, "\033[5n", 4) < 0)
    self->pace.is_mute = TRUE;
  self->answer_source = g_timeout_add (tui_pace_is_asking (&self->pace) ? ANSWER_TIMEOUT_MS : UNPACED_INTERVAL_MS, on_answer_timeout, self);
  return G_SOURCE_REMOVE;
}

static void
draw_when_ready (TuiTerminal *self)
{
  /* After the input that is there already, so that one frame shows all of it. */
  if (self->wanted && !self->in_flight && self->draw_source == 0)
    self->draw_source = g_idle_add (on_draw, self);
}

void
tui_terminal_queue_draw (TuiTerminal *self)
{
  self->wanted = TRUE;
  draw_when_ready (self);
}

void
tui_terminal_repaint (TuiTerminal *self)
{
  clearok (curscr, TRUE);
  tui_terminal_queue_draw (self);
}

static guint32
translate (gboolean is_key, wint_t code)
{
  if (!is_key)
    return code == 127 || code == 8 ? TUI_KEY_BACKSPACE : (guint32) code;
  switch (code)
    {
    case KEY_UP: return TUI_KEY_UP;
    case KEY_DOWN: return TUI_KEY_DOWN;
    case KEY_LEFT: return TUI_KEY_LEFT;
    case KEY_RIGHT: return TUI_KEY_RIGHT;
    case KEY_PPAGE: return TUI_KEY_PAGE_UP;
    case KEY_NPAGE: return TUI_KEY_PAGE_DOWN;
    case KEY_HOME: return TUI_KEY_HOME;
    case KEY_END: return TUI_KEY_END;
    case KEY_BACKSPACE: return TUI_KEY_BACKSPACE;
    case KEY_BTAB: return TUI_KEY_BACKTAB;
    case KEY_ENTER: return '\n';
    case KEY_F (1): return TUI_KEY_HELP;
    case KEY_F (4): return TUI_KEY_FILTER;
    case KEY_F (10): return TUI_KEY_QUIT;
    default: return TUI_KEY_NONE;
    }
}

static gboolean
on_input (gint fd, GIOCondition condition, gpointer user_data)
{
  TuiTerminal *self = user_data;
  gboolean heard = FALSE;
  wint_t code;
  int result;

  while ((result = wget_wch (self->keys, &code)) != ERR)
    {
      guint32 key;

      heard = TRUE;
      if (result == KEY_CODE_YES && code == STATUS_ANSWER)
        {
          tui_pace_answered (&self->pace);
          if (self->in_flight)
            {
              self->in_flight = FALSE;
              g_clear_handle_id (&self->answer_source, g_source_remove);
              draw_when_ready (self);
            }
          continue;
        }
      key = translate (result == KEY_CODE_YES, code);
      if (key != TUI_KEY_NONE)
        self->key (key, self->user_data);
    }
  /* A terminal that hung up is readable for ever, and says nothing. */
  if (condition & (G_IO_HUP | G_IO_ERR) && !heard)
    {
      self->input_source = 0;
      self->key (TUI_KEY_QUIT, self->user_data);
      return G_SOURCE_REMOVE;
    }
  return G_SOURCE_CONTINUE;
}

static gboolean
on_resize (gpointer user_data)
{
  TuiTerminal *self = user_data;
  struct winsize size;

  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
    {
      resizeterm (size.ws_row, size.ws_col);
      tui_cells_free (self->cells);
      self->cells = tui_cells_new (size.ws_col, size.ws_row);
      tui_terminal_repaint (self);
    }
  return G_SOURCE_CONTINUE;
}

TuiTerminal *
tui_terminal_new (TuiKeyFunc key, TuiFrameFunc draw, gpointer user_data, GError **error)
{
  TuiTerminal *self;
  SCREEN *screen;

  if (!isatty (STDIN_FILENO) || !isatty (STDOUT_FILENO))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "standard input and output are not a terminal (try synopticctl watch)");
      return NULL;
    }
  screen = newterm (NULL, stdout, stdin);
  if (screen == NULL)
    {
      const char *term = g_getenv ("TERM");

      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "the terminal type \"%s\" is not known here", term != NULL ? term : "");
      return NULL;
    }
  self = g_new0 (TuiTerminal, 1);
  self->screen = screen;
  self->key = key;
  self->draw = draw;
  self->user_data = user_data;
  set_term (screen);
  set_escdelay (25);
  cbreak ();
  noecho ();
  nonl ();
  curs_set (0);
  if (has_colors ())
    {
      start_color ();
      use_default_colors ();
      for (short i = 0; i < TUI_N_STYLES; i++)
        init_pair ((short) (i + 1), looks[i].foreground, looks[i].background);
    }
  self->keys = newwin (1, 1, 0, 0);
  keypad (self->keys, TRUE);
  nodelay (self->keys, TRUE);
  define_key ("\033[0n", STATUS_ANSWER);
  self->cells = tui_cells_new ((guint) COLS, (guint) LINES);
  self->input_source = g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, self);
  self->resize_source = g_unix_signal_add (SIGWINCH, on_resize, self);
  return self;
}

void
tui_terminal_free (TuiTerminal *self)
{
  g_clear_handle_id (&self->input_source, g_source_remove);
  g_clear_handle_id (&self->resize_source, g_source_remove);
  g_clear_handle_id (&self->draw_source, g_source_remove);
  g_clear_handle_id (&self->answer_source, g_source_remove);
  delwin (self->keys);
  endwin ();
  delscreen (self->screen);
  tui_cells_free (self->cells);
  g_free (self);
}
