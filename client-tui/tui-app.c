/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The terminal dashboard: the link, the silo's screens, what the keys do, and the lines above and below the panels. Main thread. */
#include "tui-app.h"

#include <glib-unix.h>
#include <string.h>

#include "tui-help.h"
#include "tui-screen.h"
#include "tui-terminal.h"

#define TICK_MS 500          /* ages grow while nothing else happens */
#define SCREENS_RETRY_S 1
#define FILTER_MAX_BYTES 256

typedef struct {
  GMainLoop *loop;         /* (owned) */
  TuiTerminal *terminal;   /* (owned) */
  ReplicaLink *link;       /* (owned) */
  GPtrArray *screens;      /* (owned) (element-type TuiScreen) */
  char *screens_body;      /* (owned) (nullable): what they were made from */
  guint current;
  GCancellable *cancellable;
  guint tick_source, retry_source;
  char *screens_error;     /* (owned) (nullable) */
  gboolean help, filtering, marks;
  gboolean fetching;       /* screens are asked for */
  gboolean fetch_again;    /* the connection came anew meanwhile: the answer may be of another silo */
} TuiApp;

static void fetch_screens (TuiApp *self);

static TuiScreen *
current_screen (TuiApp *self)
{
  return self->current < self->screens->len ? self->screens->pdata[self->current] : NULL;
}

static void
on_screen_changed (TuiScreen *screen, gpointer user_data)
{
  TuiApp *self = user_data;

  tui_terminal_queue_draw (self->terminal);
}

static void
show_screen (TuiApp *self, guint number)
{
  TuiScreen *screen;

  if (number >= self->screens->len)
    return;
  if ((screen = current_screen (self)) != NULL)
    tui_screen_set_active (screen, FALSE);
  self->current = number;
  self->filtering = FALSE;
  tui_screen_set_active (current_screen (self), TRUE);
}

static gboolean
on_retry (gpointer user_data)
{
  TuiApp *self = user_data;

  self->retry_source = 0;
  fetch_screens (self);
  return G_SOURCE_REMOVE;
}

static void
on_screens (GObject *object, GAsyncResult *result, gpointer user_data)
{
  TuiApp *self;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body = replica_link_fetch_finish (REPLICA_LINK (object), result, NULL, &error);
  g_autoptr (GPtrArray) specs = NULL;
  g_autofree char *text = NULL;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  self = user_data;
  self->fetching = FALSE;
  if (self->fetch_again)
    {
      fetch_screens (self);
      return;
    }
  if (body != NULL)
    {
      text = g_strndup (g_bytes_get_data (body, NULL), g_bytes_get_size (body));
      specs = replica_screens_parse (text, -1, &error);
    }
  g_free (self->screens_error);
  self->screens_error = error != NULL ? g_strdup (error->message) : NULL;
  if (specs == NULL)
    self->retry_source = g_timeout_add_seconds (SCREENS_RETRY_S, on_retry, self);
  else if (g_strcmp0 (text, self->screens_body) != 0)
    {
      g_free (self->screens_body);
      self->screens_body = g_steal_pointer (&text);
      g_ptr_array_set_size (self->screens, 0);
      for (guint i = 0; i < specs->len; i++)
        {
          TuiScreen *screen = tui_screen_new (self->link, specs->pdata[i], on_screen_changed, self);

          tui_screen_set_marks (screen, self->marks);
          g_ptr_array_add (self->screens, screen);
        }
      show_screen (self, self->current < self->screens->len ? self->current : 0);
    }
  tui_terminal_queue_draw (self->terminal);
}

static void
fetch_screens (TuiApp *self)
{
  if (self->fetching)
    {
      self->fetch_again = TRUE;
      return;
    }
  g_clear_handle_id (&self->retry_source, g_source_remove);
  self->fetching = TRUE;
  self->fetch_again = FALSE;
  replica_link_fetch_async (self->link, "/v1/screens", NULL, NULL, 0, self->cancellable, on_screens, self);
}

static void
on_link_state (ReplicaLink *link, GParamSpec *pspec, gpointer user_data)
{
  TuiApp *self = user_data;

  /* Another silo may have started at the same address, with other screens. */
  if (replica_link_get_state (link) == REPLICA_LINK_ONLINE && self->screens_body != NULL)
    fetch_screens (self);
  tui_terminal_queue_draw (self->terminal);
}

static gboolean
on_tick (gpointer user_data)
{
  TuiApp *self = user_data;

  tui_terminal_queue_draw (self->terminal);
  return G_SOURCE_CONTINUE;
}

/* ---- drawing ---- */

static void
draw_tabs (TuiApp *self, TuiCells *cells)
{
  guint x = 0;

  tui_cells_fill (cells, 0, 0, cells->width, TUI_STYLE_NORMAL);
  x += tui_cells_text (cells, x, 0, cells->width, TUI_STYLE_KEY, "Synoptic ");
  for (guint i = 0; i < self->screens->len; i++)
    {
      g_autofree char *tab = g_strdup_printf (" %u %s ", i + 1, tui_screen_get_title (self->screens->pdata[i]));

      x += tui_cells_text (cells, x, 0, cells->width - MIN (x, cells->width),
                           i == self->current ? TUI_STYLE_TITLE_FOCUS : TUI_STYLE_TITLE, tab);
    }
}

static void
draw_status (TuiApp *self, TuiCells *cells, guint y)
{
  TuiScreen *screen = current_screen (self);
  ReplicaLinkState state = replica_link_get_state (self->link);
  gint64 rtt_us = replica_link_get_rtt_us (self->link);
  gboolean frozen = screen != NULL && tui_screen_get_frozen (screen);
  g_autofree char *text = NULL;
  char rtt_text[32];
  const char *rtt = replica_format_rtt (rtt_us, rtt_text);
  const char *reason = replica_link_get_last_error (self->link);
  g_autofree char *known = g_strdup_printf ("Cannot connect to %s: ", replica_link_get_uri (self->link));
  guint x = 0;

  if (state != REPLICA_LINK_ONLINE)
    x += tui_cells_text (cells, x, y, cells->width, TUI_STYLE_ERROR, state == REPLICA_LINK_CONNECTING ? " CONNECTING " : " OFFLINE ");
  else if (frozen)
    x += tui_cells_text (cells, x, y, cells->width, TUI_STYLE_WARN, " FROZEN ");
  else
    x += tui_cells_text (cells, x, y, cells->width, TUI_STYLE_GOOD, " LIVE ");
  /* The URL is told already, and a line is short. */
  if (reason != NULL && g_str_has_prefix (reason, known))
    reason += strlen (known);
  if (state != REPLICA_LINK_ONLINE)
    text = g_strdup_printf (" %s · %s", replica_link_get_uri (self->link), reason != NULL ? reason : "reconnecting");
  else
    text = g_strdup_printf (" %s · rtt %s · skipped %" G_GUINT64_FORMAT " · %ux%u", replica_link_get_uri (self->link), rtt,
                            screen != NULL ? tui_screen_get_n_skipped (screen) : 0, cells->width, cells->height);
  tui_cells_text (cells, x, y, cells->width - x, TUI_STYLE_NORMAL, text);
}

static void
on_draw (TuiCells *cells, gpointer user_data)
{
  TuiApp *self = user_data;
  TuiScreen *screen = current_screen (self);
  guint height = cells->height;

  if (self->help)
    {
      tui_help_draw (cells);
      return;
    }
  if (height < 4 || cells->width < 20)
    {
      tui_cells_text (cells, 0, 0, cells->width, TUI_STYLE_WARN, "too small");
      return;
    }
  draw_tabs (self, cells);
  if (screen != NULL)
    tui_screen_draw (screen, cells, 0, 1, cells->width, height - 3);
  else
    tui_cells_text (cells, 2, 2, cells->width - 2, TUI_STYLE_DIM,
                    self->screens_error != NULL ? self->screens_error
                    : self->screens_body != NULL ? "This silo serves no screens: its catalog names none." : "Asking for the screens …");
  if (self->filtering || (screen != NULL && tui_screen_get_filter (screen)[0] != '\0'))
    {
      g_autofree char *line = g_strconcat ("/", screen != NULL ? tui_screen_get_filter (screen) : "", self->filtering ? "_" : "  (filter on)", NULL);

      tui_cells_text (cells, 0, height - 2, cells->width, self->filtering ? TUI_STYLE_KEY : TUI_STYLE_WARN, line);
    }
  else
    draw_status (self, cells, height - 2);
  tui_help_draw_key_line (cells, height - 1, self->filtering, screen != NULL && tui_screen_get_frozen (screen));
}

/* ---- keys ---- */

static void
on_filter_key (TuiApp *self, TuiScreen *screen, guint32 key)
{
  g_autoptr (GString) filter = g_string_new (tui_screen_get_filter (screen));

  if (key == '\n' || key == '\r')
    self->filtering = FALSE;
  else if (key == 27)
    {
      self->filtering = FALSE;
      g_string_truncate (filter, 0);
    }
  else if (key == TUI_KEY_BACKSPACE && filter->len > 0)
    g_string_truncate (filter, (gsize) (g_utf8_find_prev_char (filter->str, filter->str + filter->len) - filter->str));
  else if (key == 21) /* Ctrl-U */
    g_string_truncate (filter, 0);
  else if (key < 0x110000 && g_unichar_isprint (key) && filter->len < FILTER_MAX_BYTES)
    g_string_append_unichar (filter, key);
  tui_screen_set_filter (screen, filter->str);
}

static void
on_screen_key (TuiApp *self, TuiScreen *screen, guint32 key)
{
  TuiPanel *panel = tui_screen_get_focus (screen);
  TuiGrid *grid = panel != NULL ? tui_panel_get_grid (panel) : NULL;

  if (key == ' ')
    tui_screen_set_frozen (screen, !tui_screen_get_frozen (screen));
  else if (key == '\t')
    tui_screen_move_focus (screen, 1);
  else if (key == TUI_KEY_BACKTAB)
    tui_screen_move_focus (screen, -1);
  else if (key == 'f')
    {
      self->marks = !self->marks;
      for (guint i = 0; i < self->screens->len; i++)
        tui_screen_set_marks (self->screens->pdata[i], self->marks);
    }
  else if (grid == NULL)
    return;
  else if (key == '/' || key == TUI_KEY_FILTER)
    self->filtering = TRUE;
  else if (key == 27)
    tui_screen_set_filter (screen, "");
  else if (key == TUI_KEY_UP || key == 'k')
    tui_grid_move (grid, -1);
  else if (key == TUI_KEY_DOWN || key == 'j')
    tui_grid_move (grid, 1);
  else if (key == TUI_KEY_PAGE_UP)
    tui_grid_move_pages (grid, -1);
  else if (key == TUI_KEY_PAGE_DOWN)
    tui_grid_move_pages (grid, 1);
  else if (key == TUI_KEY_HOME)
    tui_grid_move (grid, -G_MAXINT / 2);
  else if (key == TUI_KEY_END)
    tui_grid_move (grid, G_MAXINT / 2);
  else if (key == TUI_KEY_LEFT || key == 'h')
    tui_grid_scroll_columns (grid, -1);
  else if (key == TUI_KEY_RIGHT || key == 'l')
    tui_grid_scroll_columns (grid, 1);
  else if (key == '<' || key == ',')
    tui_grid_shift_sort (grid, -1);
  else if (key == '>' || key == '.')
    tui_grid_shift_sort (grid, 1);
  else if (key == 'r')
    tui_grid_reverse_sort (grid);
  tui_screen_follow (screen);
}

static void
on_key (guint32 key, gpointer user_data)
{
  TuiApp *self = user_data;
  TuiScreen *screen = current_screen (self);

  if (key == TUI_KEY_QUIT || key == 3)
    g_main_loop_quit (self->loop);
  else if (self->help)
    self->help = FALSE;
  else if (self->filtering && screen != NULL)
    on_filter_key (self, screen, key);
  else if (key == 'q')
    g_main_loop_quit (self->loop);
  else if (key == '?' || key == TUI_KEY_HELP)
    self->help = TRUE;
  else if (key == 12) /* Ctrl-L */
    tui_terminal_repaint (self->terminal);
  else if (key >= '1' && key <= '9')
    show_screen (self, key - '1');
  else if (key == ']' && self->screens->len > 0)
    show_screen (self, (self->current + 1) % self->screens->len);
  else if (key == '[' && self->screens->len > 0)
    show_screen (self, (self->current + self->screens->len - 1) % self->screens->len);
  else if (screen != NULL)
    on_screen_key (self, screen, key);
  tui_terminal_queue_draw (self->terminal);
}

static gboolean
on_signal (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_CONTINUE;
}

int
tui_app_run (const char *uri, const char *ca_file, GError **error)
{
  TuiApp *self = g_new0 (TuiApp, 1);
  guint term_source, hup_source;

  self->link = replica_link_new (uri, error);
  if (self->link == NULL || !replica_link_set_ca_file (self->link, ca_file, error))
    {
      g_clear_object (&self->link);
      g_free (self);
      return 1;
    }
  self->terminal = tui_terminal_new (on_key, on_draw, self, error);
  if (self->terminal == NULL)
    {
      g_object_unref (self->link);
      g_free (self);
      return 1;
    }
  self->loop = g_main_loop_new (NULL, FALSE);
  self->screens = g_ptr_array_new_with_free_func ((GDestroyNotify) tui_screen_free);
  self->cancellable = g_cancellable_new ();
  self->marks = TRUE;
  g_signal_connect (self->link, "notify::state", G_CALLBACK (on_link_state), self);
  self->tick_source = g_timeout_add (TICK_MS, on_tick, self);
  term_source = g_unix_signal_add (SIGTERM, on_signal, self->loop);
  hup_source = g_unix_signal_add (SIGHUP, on_signal, self->loop);
  replica_link_start (self->link);
  fetch_screens (self);
  tui_terminal_queue_draw (self->terminal);

  g_main_loop_run (self->loop);

  g_cancellable_cancel (self->cancellable);
  g_source_remove (term_source);
  g_source_remove (hup_source);
  g_clear_handle_id (&self->tick_source, g_source_remove);
  g_clear_handle_id (&self->retry_source, g_source_remove);
  g_signal_handlers_disconnect_by_data (self->link, self);
  g_ptr_array_unref (self->screens);
  replica_link_stop (self->link);
  tui_terminal_free (self->terminal);
  /* Cancelled requests end in their callbacks; nothing else is left that could go on for ever. */
  while (g_main_context_iteration (NULL, FALSE))
    ;
  g_object_unref (self->link);
  g_object_unref (self->cancellable);
  g_main_loop_unref (self->loop);
  g_free (self->screens_body);
  g_free (self->screens_error);
  g_free (self);
  return 0;
}
