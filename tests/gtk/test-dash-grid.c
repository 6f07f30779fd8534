/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The widgets with snapshots made here, in a real window. Exits with 77 where there is no display. */

#include <adwaita.h>
#include <string.h>

#include "dash-candles.h"
#include "dash-cells.h"
#include "dash-fixture.h"
#include "dash-grid-private.h"
#include "dash-lines.h"

typedef struct
{
  GtkWidget *window;
  GtkWidget *scroller;
  DashGrid *grid;
} Fixture;

static void
paint_cb (GdkFrameClock *clock, gboolean *is_painted)
{
  *is_painted = TRUE;
}

/* Until a frame that shows what is now was painted. */
static void
paint (GtkWidget *window)
{
  GdkFrameClock *clock = gtk_widget_get_frame_clock (window);
  gboolean is_painted = FALSE;
  gulong handler = g_signal_connect (clock, "after-paint", G_CALLBACK (paint_cb), &is_painted);

  gtk_widget_queue_draw (window);
  while (!is_painted)
    g_main_context_iteration (NULL, TRUE);
  g_signal_handler_disconnect (clock, handler);
}

static void
show (GtkWidget *window)
{
  gtk_window_present (GTK_WINDOW (window));
  while (!gtk_widget_get_mapped (window))
    g_main_context_iteration (NULL, TRUE);
  paint (window);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->window = g_object_ref (gtk_window_new ());
  fixture->scroller = gtk_scrolled_window_new ();
  fixture->grid = DASH_GRID (dash_grid_new ());
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (fixture->scroller), GTK_WIDGET (fixture->grid));
  gtk_window_set_child (GTK_WINDOW (fixture->window), fixture->scroller);
  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 900, 600);
  show (fixture->window);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  gtk_window_destroy (GTK_WINDOW (fixture->window));
  g_object_unref (fixture->window);
}

static const char *
get_symbol (ReplicaSnapshot *snapshot, guint row)
{
  return replica_column_get_string (replica_snapshot_get_column (snapshot, 0), row, NULL);
}

/* What the slots draw is what the index says, by row number, and every cell of it is there. */
static void
assert_drawn (Fixture *fixture)
{
  DashGrid *grid = fixture->grid;

  g_assert_cmpint ((int) grid->n_used * grid->paint.style.row_height, >=, dash_grid_get_body_height (grid));
  for (guint i = 0; i < grid->slots->len; i++)
    {
      DashCells *cells = dash_grid_row_get_cells (g_ptr_array_index (grid->slots, i));

      if (i >= grid->n_used || grid->first + i >= grid->n_rows)
        {
          g_assert_cmpuint (cells->row, ==, DASH_CELLS_NONE);
          continue;
        }
      g_assert_cmpuint (cells->row, ==, grid->rows[grid->first + i]);
      g_assert_nonnull (cells->text);
    }
}

static void
test_recycles (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ReplicaSnapshot) snapshot = dash_fixture_quotes (2000, 1);
  GtkAdjustment *vertical = gtk_scrolled_window_get_vadjustment (GTK_SCROLLED_WINDOW (fixture->scroller));
  guint n_slots;

  dash_grid_set_snapshot (fixture->grid, snapshot, NULL);
  paint (fixture->window);
  n_slots = fixture->grid->slots->len;
  g_assert_cmpuint (n_slots, >, 10);
  g_assert_cmpuint (n_slots, <, 60);
  assert_drawn (fixture);
  for (guint step = 0; step < 40; step++)
    {
      gtk_adjustment_set_value (vertical, step * 977.0);
      assert_drawn (fixture);
    }
  gtk_adjustment_set_value (vertical, 1e9);
  paint (fixture->window);
  assert_drawn (fixture);
  g_assert_cmpuint (fixture->grid->slots->len, ==, n_slots);
  g_assert_cmpuint (fixture->grid->first + fixture->grid->n_used, >=, 2000);
  /* A taller window has more rows in sight. */
  gtk_window_set_default_size (GTK_WINDOW (fixture->window), 900, 1190);
  for (guint i = 0; i < 100 && fixture->grid->slots->len == n_slots; i++)
    paint (fixture->window);
  paint (fixture->window);
  g_assert_cmpuint (fixture->grid->slots->len, >, n_slots);
  assert_drawn (fixture);
}

/* Only cells that changed are written anew. */
static void
test_writes_only_changes (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ReplicaSnapshot) before = dash_fixture_quotes (300, 50);
  g_autoptr (ReplicaSnapshot) after = dash_fixture_quotes (300, 51);
  g_autoptr (ReplicaDiff) diff = replica_diff_new (before, after);
  g_autoptr (GPtrArray) nodes = g_ptr_array_new_with_free_func ((GDestroyNotify) gsk_render_node_unref);
  guint n_same = 0, n_other = 0;

  dash_grid_set_snapshot (fixture->grid, before, NULL);
  paint (fixture->window);
  for (guint i = 0; i < fixture->grid->slots->len; i++)
    {
      DashCells *cells = dash_grid_row_get_cells (g_ptr_array_index (fixture->grid->slots, i));

      for (guint j = 0; j < cells->n; j++)
        g_ptr_array_add (nodes, cells->nodes[j] != NULL ? gsk_render_node_ref (cells->nodes[j]) : NULL);
    }
  dash_grid_set_snapshot (fixture->grid, after, diff);
  assert_drawn (fixture);
  for (guint i = 0, k = 0; i < fixture->grid->n_used; i++)
    {
      DashCells *cells = dash_grid_row_get_cells (g_ptr_array_index (fixture->grid->slots, i));

      for (guint j = 0; j < cells->n; j++, k++)
        {
          int change = replica_diff_get_cell (diff, cells->row, j);

          gboolean is_time = replica_snapshot_get_column (after, j)->type == REPLICA_TYPE_TIMESTAMP;

          g_assert_cmpint (cells->marks[j], ==, is_time ? 0 : change);
          if (change == 0)
            g_assert_true (cells->nodes[j] == g_ptr_array_index (nodes, k));
          else
            g_assert_true (cells->nodes[j] != g_ptr_array_index (nodes, k));
          n_same += change == 0;
          n_other += change != 0;
        }
    }
  g_assert_cmpuint (n_same, >, 0);
  g_assert_cmpuint (n_other, >, 0);
}

static void
count_cb (DashGrid *grid, guint *count)
{
  ++*count;
}

static void
test_selection_stays (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ReplicaSnapshot) before = dash_fixture_quotes (500, 1);
  g_autoptr (ReplicaSnapshot) after = dash_fixture_quotes (400, 2);
  g_autoptr (ReplicaDiff) diff = replica_diff_new (before, after);
  g_autofree char *symbol = NULL;
  guint row, count = 0;

  g_signal_connect (fixture->grid, "selection-changed", G_CALLBACK (count_cb), &count);
  dash_grid_set_snapshot (fixture->grid, before, NULL);
  g_assert_true (dash_grid_get_selected (fixture->grid, &row) == before);
  g_assert_cmpuint (row, ==, 0);
  dash_grid_select (fixture->grid, 37);
  g_assert_cmpuint (count, ==, 2);
  dash_grid_get_selected (fixture->grid, &row);
  symbol = g_strdup (get_symbol (before, row));

  dash_grid_set_sort (fixture->grid, "-volume");
  dash_grid_get_selected (fixture->grid, &row);
  g_assert_cmpstr (get_symbol (before, row), ==, symbol);
  dash_grid_set_snapshot (fixture->grid, after, diff);
  g_assert_true (dash_grid_get_selected (fixture->grid, &row) == after);
  g_assert_cmpstr (get_symbol (after, row), ==, symbol);
  assert_drawn (fixture);

  /* Not among the rows shown: nothing is selected, until it is shown again. */
  dash_grid_set_filter (fixture->grid, "no such row anywhere");
  g_assert_cmpuint (dash_grid_get_n_shown (fixture->grid), ==, 0);
  g_assert_cmpuint (dash_grid_get_n_total (fixture->grid), ==, 400);
  g_assert_null (dash_grid_get_selected (fixture->grid, &row));
  assert_drawn (fixture);
  dash_grid_set_filter (fixture->grid, symbol);
  g_assert_cmpuint (dash_grid_get_n_shown (fixture->grid), ==, 1);
  g_assert_nonnull (dash_grid_get_selected (fixture->grid, &row));
  assert_drawn (fixture);
  dash_grid_set_filter (fixture->grid, NULL);
  g_assert_cmpuint (dash_grid_get_n_shown (fixture->grid), ==, 400);
  g_assert_cmpuint (count, ==, 2);
}

static void
test_sort_cycle (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ReplicaSnapshot) snapshot = dash_fixture_quotes (50, 1);
  static const char *const expected[] = { "last", "-last", NULL, "last" };

  dash_grid_set_snapshot (fixture->grid, snapshot, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      dash_grid_sort_by (fixture->grid, 2);
      g_assert_cmpstr (replica_index_get_sort (fixture->grid->index), ==, expected[i]);
    }
  dash_grid_sort_by (fixture->grid, 99);
  g_assert_cmpstr (replica_index_get_sort (fixture->grid->index), ==, "last");
}

/* Text from outside may be anything. */
static void
test_hostile_texts (Fixture *fixture, gconstpointer data)
{
  g_autofree char *huge = g_strnfill (60000, 'W');
  const char *texts[] = {
    "",
    "<b>&amp;</b>",
    "two\nlines\r\n",
    "tab\there",
    "\x01\x1b[31m",
    "שלום עולם",
    "مرحبا",
    "日本語テキスト",
    "👩‍👩‍👧‍👦",
    "é̀̂̃",
    "\xe2\x80\xae"
    "backwards",
    huge,
    "%s%n",
    "x",
  };
  g_autoptr (ReplicaSnapshot) odd = dash_fixture_texts (texts, G_N_ELEMENTS (texts));
  g_autoptr (ReplicaSnapshot) quotes = dash_fixture_quotes (20, 1);
  g_autoptr (ReplicaSnapshot) none = dash_fixture_texts (texts, 0);

  dash_grid_set_snapshot (fixture->grid, odd, NULL);
  paint (fixture->window);
  g_assert_cmpuint (dash_grid_get_n_shown (fixture->grid), ==, G_N_ELEMENTS (texts));
  /* A huge text does not make a huge column. */
  g_assert_cmpfloat (dash_grid_column_get_natural (&fixture->grid->paint.columns.items[0]), <, 400);
  /* Other columns, no rows, no snapshot, and back. */
  dash_grid_set_snapshot (fixture->grid, quotes, NULL);
  paint (fixture->window);
  assert_drawn (fixture);
  dash_grid_set_snapshot (fixture->grid, none, NULL);
  paint (fixture->window);
  g_assert_cmpuint (dash_grid_get_n_total (fixture->grid), ==, 0);
  dash_grid_set_snapshot (fixture->grid, NULL, NULL);
  paint (fixture->window);
  dash_grid_set_snapshot (fixture->grid, odd, NULL);
  paint (fixture->window);
}

/* A grid that nobody sees writes nothing, and shows the newest when it is seen again. */
static void
test_unmapped (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ReplicaSnapshot) before = dash_fixture_quotes (100, 60), after = dash_fixture_quotes (100, 61);
  g_autoptr (ReplicaDiff) diff = replica_diff_new (before, after);
  DashCells *cells;
  GskRenderNode *text;

  dash_grid_set_snapshot (fixture->grid, before, NULL);
  paint (fixture->window);
  gtk_widget_set_visible (fixture->scroller, FALSE);
  cells = dash_grid_row_get_cells (g_ptr_array_index (fixture->grid->slots, 0));
  text = cells->text;
  dash_grid_set_snapshot (fixture->grid, after, diff);
  g_assert_true (cells->text == text);
  g_assert_cmpuint (fixture->grid->flash_source, ==, 0);
  gtk_widget_set_visible (fixture->scroller, TRUE);
  paint (fixture->window);
  assert_drawn (fixture);
}

static void
test_columns_stay (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ReplicaSnapshot) before = dash_fixture_quotes (200, 1);
  g_autofree float *widths = NULL;
  DashGridColumns *columns = &fixture->grid->paint.columns;
  ReplicaSnapshot *last = before;
  g_autoptr (GPtrArray) all = g_ptr_array_new_with_free_func ((GDestroyNotify) replica_snapshot_unref);

  dash_grid_set_snapshot (fixture->grid, before, NULL);
  paint (fixture->window);
  widths = g_new (float, columns->n);
  for (guint i = 0; i < columns->n; i++)
    widths[i] = dash_grid_column_get_natural (&columns->items[i]);
  for (guint64 serial = 2; serial < 12; serial++)
    {
      ReplicaSnapshot *next = dash_fixture_quotes (200, serial);
      g_autoptr (ReplicaDiff) diff = replica_diff_new (last, next);

      g_ptr_array_add (all, next);
      dash_grid_set_snapshot (fixture->grid, next, diff);
      assert_drawn (fixture);
      for (guint i = 0; i < columns->n; i++)
        g_assert_cmpfloat (dash_grid_column_get_natural (&columns->items[i]), >=, widths[i]);
      last = next;
    }
  dash_grid_resize_column (fixture->grid, 2, 222);
  paint (fixture->window);
  g_assert_cmpfloat (columns->items[2].width, ==, 222);
  dash_grid_resize_column (fixture->grid, 2, 0);
  paint (fixture->window);
  g_assert_cmpfloat (columns->items[2].width, !=, 222);
}

static void
test_charts (Fixture *fixture, gconstpointer data)
{
  g_autoptr (ReplicaSnapshot) quotes = dash_fixture_quotes (20, 1), load = dash_fixture_load (14, 30, 1);
  g_autoptr (ReplicaSnapshot) bars = dash_fixture_candles ("bars", 500, 1),
                              one = dash_fixture_candles ("one", 1, 1);
  g_autoptr (ReplicaSnapshot) none = dash_fixture_candles ("none", 0, 1);
  const char *texts[] = { "x" };
  g_autoptr (ReplicaSnapshot) text = dash_fixture_texts (texts, 1);
  GtkWidget *box = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
  GtkWidget *candles = dash_candles_new (), *lines = dash_lines_new ();
  g_autoptr (GError) error = NULL;

  gtk_box_append (GTK_BOX (box), candles);
  gtk_box_append (GTK_BOX (box), lines);
  gtk_window_set_child (GTK_WINDOW (fixture->window), box);

  g_assert_true (dash_candles_set_snapshot (DASH_CANDLES (candles), bars, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (dash_candles_get_n_bars (DASH_CANDLES (candles)), ==, 500);
  g_assert_true (dash_lines_set_snapshot (DASH_LINES (lines), load, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (dash_lines_get_n_lines (DASH_LINES (lines)), ==, DASH_LINES_MAX);
  paint (fixture->window);

  g_assert_false (dash_candles_set_snapshot (DASH_CANDLES (candles), quotes, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "“open”"));
  g_clear_error (&error);
  g_assert_false (dash_lines_set_snapshot (DASH_LINES (lines), text, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_clear_error (&error);
  /* What was shown stays. */
  g_assert_cmpuint (dash_candles_get_n_bars (DASH_CANDLES (candles)), ==, 500);
  paint (fixture->window);

  g_assert_true (dash_candles_set_snapshot (DASH_CANDLES (candles), one, NULL));
  g_assert_true (dash_lines_set_snapshot (DASH_LINES (lines), one, NULL));
  paint (fixture->window);
  g_assert_true (dash_candles_set_snapshot (DASH_CANDLES (candles), none, NULL));
  g_assert_cmpuint (dash_candles_get_n_bars (DASH_CANDLES (candles)), ==, 0);
  g_assert_true (dash_lines_set_snapshot (DASH_LINES (lines), none, NULL));
  paint (fixture->window);
}

#define ADD(path, func) g_test_add (path, Fixture, NULL, set_up, func, tear_down)

int
main (int argc, char *argv[])
{
  if (!gtk_init_check ())
    {
      g_print ("1..0 # SKIP no display\n");
      return 77;
    }
  adw_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("/grid/recycles", test_recycles);
  ADD ("/grid/writes-only-changes", test_writes_only_changes);
  ADD ("/grid/selection-stays", test_selection_stays);
  ADD ("/grid/sort-cycle", test_sort_cycle);
  ADD ("/grid/hostile-texts", test_hostile_texts);
  ADD ("/grid/unmapped", test_unmapped);
  ADD ("/grid/columns-stay", test_columns_stay);
  ADD ("/charts", test_charts);
  return g_test_run ();
}
