/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl screens: what the dashboards show, a line per panel. */

#include <string.h>

#include "ctl.h"

typedef struct
{
  ReplicaScreen *screen;
  const ReplicaPanel *panel; /* NULL: a screen without any */
} Row;

enum
{
  SCREEN,
  KIND,
  TITLE,
  PATH,
  SORT,
  FOLLOWS,
  N_COLUMNS
};

static const char *
header (gpointer data, guint column)
{
  static const char *const names[] = { "screen", "kind", "title", "path", "sort", "follows" };

  return names[column];
}

static gboolean
is_number (gpointer data, guint column)
{
  return FALSE;
}

static void
append_cell (gpointer data, guint row, guint column, GString *out)
{
  const Row *r = &g_array_index ((GArray *) data, Row, row);
  const char *text = NULL;

  if (column == SCREEN)
    text = replica_screen_get_name (r->screen);
  else if (r->panel == NULL)
    text = NULL;
  else if (column == KIND)
    text = replica_panel_kind_to_string (r->panel->kind);
  else if (column == TITLE)
    text = r->panel->title;
  else if (column == PATH)
    text = r->panel->path;
  else if (column == SORT)
    text = r->panel->sort;
  else
    text = r->panel->follows;
  if (text != NULL)
    ctl_append_safe (out, text, strlen (text), FALSE);
}

int
ctl_screens (const char *server, int argc, char **argv)
{
  g_autofree char *format_text = NULL;
  const GOptionEntry entries[] = {
    { "format", 'f', 0, G_OPTION_ARG_STRING, &format_text, "table (default) or json", "FORMAT" },
    { NULL },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) body = NULL;
  g_autoptr (GPtrArray) screens = NULL;
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (Row));
  CtlFormat format;
  const char *data;
  gsize size;

  if (!ctl_parse ("", "Lists the screens that the server has, with their panels.", NULL, entries, &server,
                  &argc, &argv, 0, 0)
      || !ctl_parse_format (format_text, FALSE, &format))
    return CTL_USAGE;
  body = ctl_fetch (server, "/v1/screens", "application/json", &error);
  if (body == NULL)
    return ctl_fail (error);
  if (format == CTL_FORMAT_JSON)
    {
      ctl_print_body (body);
      putchar ('\n');
      return ctl_flush ();
    }
  data = g_bytes_get_data (body, &size);
  screens = replica_screens_parse (data != NULL ? data : "", (gssize) size, &error);
  if (screens == NULL)
    return ctl_fail (error);
  for (guint i = 0; i < screens->len; i++)
    {
      ReplicaScreen *screen = g_ptr_array_index (screens, i);
      guint n_panels = replica_screen_get_n_panels (screen);

      for (guint p = 0; p < MAX (n_panels, 1); p++)
        {
          Row row = { screen, p < n_panels ? replica_screen_get_panel (screen, p) : NULL };

          g_array_append_val (rows, row);
        }
    }
  ctl_table_print (&(CtlTable){ .n_rows = rows->len,
                                .n_columns = N_COLUMNS,
                                .data = rows,
                                .header = header,
                                .is_number = is_number,
                                .append_cell = append_cell },
                   stdout);
  return ctl_flush ();
}
