/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the terminal dashboard draws, as text: model → cell buffer → golden frame. No terminal, no network. */
#include <string.h>

#include "replica-number.h"
#include "replica-snapshot-builder.h"
#include "tui-cells.h"
#include "tui-grid.h"
#include "tui-pace.h"
#include "tui-screen.h"

/* A snapshot of quotes: symbol (key), last decimal(2), change double, with prices moved by @step. */
static ReplicaSnapshot *
make_quotes (guint n_rows, guint first, int step, guint64 serial)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("market/quotes", (ReplicaToken) { 1, serial }, 0, n_rows);
  g_autofree guint32 *codes = g_new (guint32, n_rows), *offsets = g_new (guint32, n_rows + 1);
  g_autofree gint64 *last = g_new (gint64, n_rows);
  g_autofree double *change = g_new (double, n_rows);
  g_autoptr (GString) dictionary = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *snapshot;
  guint8 *validity = g_malloc0 (n_rows / 8 + 1);

  for (guint i = 0; i < n_rows; i++)
    {
      offsets[i] = (guint32) dictionary->len;
      g_string_append_printf (dictionary, "SYM%03u", first + i);
      g_string_append_c (dictionary, '\0');
      codes[i] = i;
      last[i] = 10000 + (gint64) (first + i) * 100 + (i % 2 == 0 ? step : 0);
      change[i] = 0.01 * (double) i;
      if (i != 2)
        validity[i / 8] |= (guint8) (1 << (i % 8));
    }
  offsets[n_rows] = (guint32) dictionary->len;
  replica_snapshot_builder_add (builder, &(ReplicaColumn) { .name = "symbol", .type = REPLICA_TYPE_STRING, .width = 4, .is_key = TRUE,
                                .n_rows = n_rows, .data = codes, .dict_offsets = offsets, .dict_bytes = dictionary->str, .n_dict = n_rows });
  replica_snapshot_builder_add (builder, &(ReplicaColumn) { .name = "last", .type = REPLICA_TYPE_DECIMAL, .scale = 2, .width = 8,
                                .n_rows = n_rows, .data = last });
  replica_snapshot_builder_add (builder, &(ReplicaColumn) { .name = "change", .type = REPLICA_TYPE_DOUBLE, .width = 8,
                                .n_rows = n_rows, .data = change, .validity = validity });
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  g_free (validity);
  return snapshot;
}

static void
assert_frame (TuiGrid *grid, guint width, guint height, gboolean focus, const char *golden)
{
  g_autoptr (TuiCells) cells = tui_cells_new (width, height);
  g_autofree char *text = NULL;

  tui_grid_draw (grid, cells, 0, 0, width, height, focus, FALSE);
  text = tui_cells_to_string (cells);
  g_assert_cmpstr (text, ==, golden);
}

static void
test_grid (void)
{
  TuiGrid *grid = tui_grid_new ();
  g_autoptr (ReplicaSnapshot) before = make_quotes (4, 0, 0, 1);
  g_autoptr (ReplicaSnapshot) after = make_quotes (4, 0, -5, 2);
  g_autoptr (ReplicaDiff) diff = replica_diff_new (before, after);

  assert_frame (grid, 10, 2, TRUE, "\n\n");
  tui_grid_set_snapshot (grid, before, NULL);
  assert_frame (grid, 30, 6, TRUE,
                "symbol     last   change\n"
                "SYM000   100.00     0.00\n"
                "SYM001   101.00     0.01\n"
                "SYM002   102.00        –\n"
                "SYM003   103.00     0.03\n"
                "\n");
  tui_grid_set_snapshot (grid, after, diff);
  assert_frame (grid, 30, 5, TRUE,
                "symbol     last   change\n"
                "SYM000    99.95▾    0.00\n"
                "SYM001   101.00     0.01\n"
                "SYM002   101.95▾       –\n"
                "SYM003   103.00     0.03\n");
  tui_grid_free (grid);
}

static void
test_selection_is_a_key (void)
{
  TuiGrid *grid = tui_grid_new ();
  g_autoptr (ReplicaSnapshot) first = make_quotes (10, 0, 0, 1);
  g_autoptr (ReplicaSnapshot) second = make_quotes (10, 3, 0, 2); /* SYM003 is now at the top */

  tui_grid_set_snapshot (grid, first, NULL);
  tui_grid_move (grid, 5);
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 5);
  tui_grid_set_snapshot (grid, second, NULL);
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 2); /* still SYM005 */
  tui_grid_set_sort (grid, "-symbol");
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 2);
  tui_grid_move (grid, 1);
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 1); /* below SYM005, downwards: SYM004 */
  tui_grid_move (grid, -100);
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 9);
  tui_grid_free (grid);
}

static void
test_filter_and_counts (void)
{
  TuiGrid *grid = tui_grid_new ();
  g_autoptr (ReplicaSnapshot) snapshot = make_quotes (100, 0, 0, 1);
  guint shown, total;

  tui_grid_set_snapshot (grid, snapshot, NULL);
  tui_grid_set_filter (grid, "sym04");
  tui_grid_get_counts (grid, &shown, &total);
  g_assert_cmpuint (shown, ==, 10);
  g_assert_cmpuint (total, ==, 100);
  tui_grid_set_filter (grid, "nothing like it");
  g_assert_cmpint (tui_grid_get_selected (grid), ==, -1);
  assert_frame (grid, 40, 2, TRUE, "symbol     last   change\n no row matches the filter\n");
  tui_grid_set_filter (grid, "");
  tui_grid_get_counts (grid, &shown, &total);
  g_assert_cmpuint (shown, ==, 100);
  tui_grid_free (grid);
}

static void
test_sort_keys (void)
{
  TuiGrid *grid = tui_grid_new ();
  g_autoptr (ReplicaSnapshot) snapshot = make_quotes (5, 0, 0, 1);

  tui_grid_set_snapshot (grid, snapshot, NULL);
  tui_grid_shift_sort (grid, 1);
  g_assert_cmpstr (tui_grid_get_sort (grid), ==, "symbol");
  tui_grid_shift_sort (grid, 1);
  g_assert_cmpstr (tui_grid_get_sort (grid), ==, "last");
  tui_grid_reverse_sort (grid);
  g_assert_cmpstr (tui_grid_get_sort (grid), ==, "-last");
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 0); /* still SYM000, the last one now */
  tui_grid_shift_sort (grid, -1);
  g_assert_cmpstr (tui_grid_get_sort (grid), ==, "-symbol");
  tui_grid_free (grid);
}

/* A number cut short would be a wrong number. */
static void
test_narrow (void)
{
  TuiGrid *grid = tui_grid_new ();
  g_autoptr (ReplicaSnapshot) snapshot = make_quotes (2, 0, 0, 1);

  tui_grid_set_snapshot (grid, snapshot, NULL);
  assert_frame (grid, 12, 3, FALSE, "symbol     ›\nSYM000\nSYM001\n");
  tui_grid_scroll_columns (grid, 1);
  assert_frame (grid, 22, 3, FALSE, "symbol    change\nSYM000      0.00\nSYM001      0.01\n");
  tui_grid_free (grid);
}

/* Nothing from outside reaches the terminal as anything but a visible character. */
static void
test_hostile_text (void)
{
  static const struct { const char *text, *drawn; guint width; } cases[] = {
    { "plain", "plain\n", 5 },
    { "\033[31mred", "\357\277\275[31mred\n", 8 },
    { "a\r\nb", "a\357\277\275\357\277\275b\n", 4 },
    { "\302\233x", "\357\277\275x\n", 2 },                /* C1 CSI */
    { "bad \377\376 bytes", "bad \357\277\275\357\277\275 bytes\n", 12 },
    { "\342\200\256evil", "evil\n", 4 },                  /* right-to-left override */
    { "日本", "日本\n", 4 },
    { "e\314\201", "e\n", 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TuiCells) cells = tui_cells_new (30, 1);
      g_autofree char *text = NULL;

      g_assert_cmpuint (tui_text_width (cases[i].text), ==, cases[i].width);
      tui_cells_text (cells, 0, 0, 30, TUI_STYLE_NORMAL, cases[i].text);
      text = tui_cells_to_string (cells);
      g_assert_cmpstr (text, ==, cases[i].drawn);
    }
}

static void
test_text_is_cut (void)
{
  g_autoptr (TuiCells) cells = tui_cells_new (8, 3);
  g_autofree char *text = NULL;

  tui_cells_text (cells, 0, 0, 4, TUI_STYLE_NORMAL, "abcdef");
  tui_cells_text (cells, 0, 1, 4, TUI_STYLE_NORMAL, "日本語");
  tui_cells_text (cells, 6, 2, 100, TUI_STYLE_NORMAL, "xyz");
  tui_cells_text (cells, 100, 100, 4, TUI_STYLE_NORMAL, "outside");
  text = tui_cells_to_string (cells);
  g_assert_cmpstr (text, ==, "abc…\n日 …\n      x…\n");
}

static void
test_layout (void)
{
  static const struct { guint n, focus, height, wanted[8], heights[8]; } cases[] = {
    { 1, 0, 21, { 100 }, { 21 } },
    { 1, 0, 21, { 5 }, { 21 } },
    { 2, 0, 21, { 100, 100 }, { 15, 6 } },
    { 2, 1, 21, { 100, 100 }, { 6, 15 } },
    { 3, 0, 21, { 2000, 3, 10 }, { 12, 3, 6 } },
    { 3, 0, 37, { 100, 100, 100 }, { 25, 6, 6 } },
    { 3, 0, 21, { 5, 100, 100 }, { 5, 10, 6 } },
    { 7, 0, 21, { 5, 8, 27, 4, 6, 3, 8 }, { 5, 6, 6, 1, 1, 1, 1 } },
    { 3, 2, 4, { 9, 9, 9 }, { 1, 0, 3 } },
    { 2, 0, 2, { 9, 9 }, { 2, 0 } },
    { 2, 0, 0, { 9, 9 }, { 0, 0 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      guint heights[8], total = 0;

      tui_screen_layout (cases[i].n, cases[i].focus, cases[i].height, cases[i].wanted, heights);
      for (guint j = 0; j < cases[i].n; j++)
        {
          g_assert_cmpuint (heights[j], ==, cases[i].heights[j]);
          total += heights[j];
        }
      g_assert_cmpuint (total, ==, cases[i].height);
    }
}

/* One that has answered once is only slow; one that never did is not asked for ever. */
static void
test_pace (void)
{
  TuiPace never = { 0 }, slow = { 0 }, broken = { .is_mute = TRUE };

  for (guint i = 0; i < TUI_PACE_UNANSWERED_MAX; i++)
    {
      g_assert_true (tui_pace_is_asking (&never));
      tui_pace_timed_out (&never);
    }
  g_assert_false (tui_pace_is_asking (&never));
  tui_pace_answered (&slow);
  for (guint i = 0; i < 100; i++)
    tui_pace_timed_out (&slow);
  g_assert_true (tui_pace_is_asking (&slow));
  tui_pace_answered (&never); /* late, but after all */
  g_assert_true (tui_pace_is_asking (&never));
  g_assert_false (tui_pace_is_asking (&broken));
}

/* What is far below the first rows is as wide as it is, and as exact. */
static void
test_widths_of_rows_in_sight (void)
{
  enum { N = 2000 };
  TuiGrid *grid = tui_grid_new ();
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken) { 1, 1 }, 0, N);
  g_autofree gint64 *n = g_new0 (gint64, N);
  g_autofree double *d = g_new0 (double, N);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 1000; i < N; i++)
    d[i] = 0.25;
  n[N - 1] = 1234567890;
  replica_snapshot_builder_add (builder, &(ReplicaColumn) { .name = "n", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = N, .data = n });
  replica_snapshot_builder_add (builder, &(ReplicaColumn) { .name = "d", .type = REPLICA_TYPE_DOUBLE, .width = 8, .n_rows = N, .data = d });
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  tui_grid_set_snapshot (grid, snapshot, NULL);
  assert_frame (grid, 30, 3, FALSE, " n     d\n 0  0.00\n 0  0.00\n");
  tui_grid_move (grid, N);
  assert_frame (grid, 30, 3, FALSE, "            n     d\n            0  0.25\n1,234,567,890  0.25\n");
  tui_grid_free (grid);
}

/* The first row is selected as a row, before any key is pressed; but it does not take the picture along. */
static void
test_first_row_is_held (void)
{
  TuiGrid *grid = tui_grid_new (), *log = tui_grid_new ();
  g_autoptr (ReplicaSnapshot) first = make_quotes (10, 3, 0, 1);
  g_autoptr (ReplicaSnapshot) second = make_quotes (10, 0, 0, 2); /* SYM003 is the fourth now */

  tui_grid_set_snapshot (grid, first, NULL);
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 0);
  tui_grid_set_snapshot (grid, second, NULL);
  g_assert_cmpint (tui_grid_get_selected (grid), ==, 3);
  assert_frame (grid, 8, 3, TRUE, "symbol ›\nSYM000\nSYM001\n");
  tui_grid_set_log (log, TRUE);
  tui_grid_set_snapshot (log, first, NULL);
  tui_grid_set_snapshot (log, second, NULL);
  g_assert_cmpint (tui_grid_get_selected (log), ==, 0);
  tui_grid_free (grid);
  tui_grid_free (log);
}

static void
test_no_columns (void)
{
  TuiGrid *grid = tui_grid_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot =
      replica_snapshot_builder_finish (replica_snapshot_builder_new ("p", (ReplicaToken) { 1, 1 }, 0, 0), &error);

  g_assert_no_error (error);
  tui_grid_set_snapshot (grid, snapshot, NULL);
  tui_grid_set_sort (grid, "gone");
  tui_grid_shift_sort (grid, 1);
  tui_grid_scroll_columns (grid, 1);
  tui_grid_scroll_columns (grid, -1);
  assert_frame (grid, 20, 2, TRUE, "\n no rows yet\n");
  tui_grid_free (grid);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tui/grid", test_grid);
  g_test_add_func ("/tui/selection-is-a-key", test_selection_is_a_key);
  g_test_add_func ("/tui/filter-and-counts", test_filter_and_counts);
  g_test_add_func ("/tui/sort-keys", test_sort_keys);
  g_test_add_func ("/tui/narrow", test_narrow);
  g_test_add_func ("/tui/hostile-text", test_hostile_text);
  g_test_add_func ("/tui/text-is-cut", test_text_is_cut);
  g_test_add_func ("/tui/layout", test_layout);
  g_test_add_func ("/tui/pace", test_pace);
  g_test_add_func ("/tui/widths-of-rows-in-sight", test_widths_of_rows_in_sight);
  g_test_add_func ("/tui/first-row-is-held", test_first_row_is_held);
  g_test_add_func ("/tui/no-columns", test_no_columns);
  return g_test_run ();
}
