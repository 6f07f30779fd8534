/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Panels one above the other: the one in focus gets the room, the others keep their title and, where there is room, their first rows.
 * (Side by side would cut columns at 80; a terminal has rows to scroll, not columns to spare.) Main thread. */
#include "tui-screen.h"

#define ROWS_OF_OTHERS 6 /* title, heads and four rows: what any panel has before one gets all that it would like */
#define ROWS_OF_FOCUS 12 /* what the one in focus has before others get more than their titles */

typedef struct {
  TuiPanel *panel;
  char *filter;
} Slot;

struct _TuiScreen {
  ReplicaScreen *spec;  /* (owned) */
  GArray *slots;        /* Slot (owned) */
  guint focus;
  gboolean frozen;
  TuiScreenFunc changed;
  gpointer user_data;
};

#define SLOT(self, i) g_array_index ((self)->slots, Slot, (i))

static void
on_panel_changed (TuiPanel *panel, gpointer user_data)
{
  TuiScreen *self = user_data;

  tui_screen_follow (self);
  self->changed (self, self->user_data);
}

TuiScreen *
tui_screen_new (ReplicaLink *link, ReplicaScreen *screen, TuiScreenFunc changed, gpointer user_data)
{
  TuiScreen *self = g_new0 (TuiScreen, 1);

  self->spec = replica_screen_ref (screen);
  self->slots = g_array_new (FALSE, TRUE, sizeof (Slot));
  self->changed = changed;
  self->user_data = user_data;
  for (guint i = 0; i < replica_screen_get_n_panels (screen); i++)
    {
      Slot slot = { tui_panel_new (link, replica_screen_get_panel (screen, i), on_panel_changed, self), NULL };
      g_array_append_val (self->slots, slot);
    }
  return self;
}

void
tui_screen_free (TuiScreen *self)
{
  for (guint i = 0; i < self->slots->len; i++)
    {
      tui_panel_free (SLOT (self, i).panel);
      g_free (SLOT (self, i).filter);
    }
  g_array_unref (self->slots);
  replica_screen_unref (self->spec);
  g_free (self);
}

const char *
tui_screen_get_title (TuiScreen *self)
{
  return replica_screen_get_title (self->spec);
}

TuiPanel *
tui_screen_get_focus (TuiScreen *self)
{
  return self->focus < self->slots->len ? SLOT (self, self->focus).panel : NULL;
}

void
tui_screen_move_focus (TuiScreen *self, int step)
{
  if (self->slots->len > 0)
    self->focus = (guint) ((int) self->focus + step + (int) self->slots->len) % self->slots->len;
}

void
tui_screen_set_active (TuiScreen *self, gboolean active)
{
  for (guint i = 0; i < self->slots->len; i++)
    tui_panel_set_active (SLOT (self, i).panel, active);
}

void
tui_screen_set_frozen (TuiScreen *self, gboolean frozen)
{
  self->frozen = frozen;
  for (guint i = 0; i < self->slots->len; i++)
    replica_view_set_frozen (tui_panel_get_view (SLOT (self, i).panel), frozen);
}

gboolean
tui_screen_get_frozen (TuiScreen *self)
{
  return self->frozen;
}

void
tui_screen_set_marks (TuiScreen *self, gboolean marks)
{
  for (guint i = 0; i < self->slots->len; i++)
    tui_grid_set_marks (tui_panel_get_grid (SLOT (self, i).panel), marks);
}

void
tui_screen_set_filter (TuiScreen *self, const char *filter)
{
  Slot *slot;

  if (self->focus >= self->slots->len)
    return;
  slot = &SLOT (self, self->focus);
  g_free (slot->filter);
  slot->filter = g_strdup (filter);
  tui_panel_set_filter (slot->panel, filter);
  tui_screen_follow (self);
}

const char *
tui_screen_get_filter (TuiScreen *self)
{
  if (self->focus >= self->slots->len || SLOT (self, self->focus).filter == NULL)
    return "";
  return SLOT (self, self->focus).filter;
}

guint64
tui_screen_get_n_skipped (TuiScreen *self)
{
  guint64 total = 0;

  for (guint i = 0; i < self->slots->len; i++)
    total += replica_view_get_n_skipped (tui_panel_get_view (SLOT (self, i).panel));
  return total;
}

void
tui_screen_follow (TuiScreen *self)
{
  for (guint i = 0; i < self->slots->len; i++)
    {
      int leader = replica_screen_get_leader (self->spec, i);

      if (leader >= 0)
        tui_panel_follow (SLOT (self, i).panel, SLOT (self, leader).panel);
    }
}

/* Grows a panel to @height, or as far as there is room. */
static void
grow (guint *panel_height, guint height, guint *left)
{
  guint more = height > *panel_height ? MIN (height - *panel_height, *left) : 0;

  *panel_height += more;
  *left -= more;
}

void
tui_screen_layout (guint n, guint focus, guint height, const guint *wanted, guint *heights)
{
  guint left = height;

  for (guint i = 0; i < n; i++)
    heights[i] = 0;
  if (n == 0)
    return;
  /* The one in focus first: its title, heads and a row are worth more than other panels' titles. */
  grow (&heights[focus], 3, &left);
  for (guint i = 0; i < n; i++)
    grow (&heights[i], 1, &left);
  /* Then a fair part for each, then what each would like. */
  grow (&heights[focus], MIN (wanted[focus], ROWS_OF_FOCUS), &left);
  for (guint i = 0; i < n; i++)
    if (left >= 2) /* less than heads and a row is no use */
      grow (&heights[i], MIN (wanted[i], ROWS_OF_OTHERS), &left);
  grow (&heights[focus], wanted[focus], &left);
  for (guint i = 0; i < n; i++)
    if (left >= 2)
      grow (&heights[i], wanted[i], &left);
  heights[focus] += left;
}

void
tui_screen_draw (TuiScreen *self, TuiCells *cells, guint x, guint y, guint width, guint height)
{
  g_autofree guint *heights = g_new0 (guint, self->slots->len + 1), *wanted = g_new0 (guint, self->slots->len + 1);

  for (guint i = 0; i < self->slots->len; i++)
    {
      guint shown, total;

      tui_grid_get_counts (tui_panel_get_grid (SLOT (self, i).panel), &shown, &total);
      wanted[i] = 2 + MIN (MAX (shown, 1), height);
    }
  tui_screen_layout (self->slots->len, self->focus, height, wanted, heights);
  for (guint i = 0; i < self->slots->len; i++)
    {
      tui_panel_draw (SLOT (self, i).panel, cells, x, y, width, heights[i], i == self->focus);
      y += heights[i];
    }
}
