/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a snapshot costs the main thread of the dashboard: CPU time from the snapshot to the end of the frame
 * that shows it, flash frames included in the second figure. Needs a display. Prints, and asserts nothing
 * about time.
 *
 *   grid-bench [ROWS [SNAPSHOTS [PNG]]] */

#include <adwaita.h>
#include <stdlib.h>
#include <time.h>

#include "dash-candles.h"
#include "dash-fixture.h"
#include "dash-grid.h"
#include "dash-lines.h"

static gint64
cpu_us (void)
{
  struct timespec now;

  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gboolean
quit_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

static void
run_for (guint ms)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  g_timeout_add (ms, quit_cb, loop);
  g_main_loop_run (loop);
}

static void
after_paint_cb (GdkFrameClock *clock, gboolean *is_painted)
{
  *is_painted = TRUE;
}

static void
save (GtkWidget *window, const char *file)
{
  g_autoptr (GdkPaintable) paintable = gtk_widget_paintable_new (window);
  GtkSnapshot *snapshot = gtk_snapshot_new ();
  g_autoptr (GskRenderNode) node = NULL;
  g_autoptr (GdkTexture) texture = NULL;

  gdk_paintable_snapshot (paintable, snapshot, gtk_widget_get_width (window), gtk_widget_get_height (window));
  node = gtk_snapshot_free_to_node (snapshot);
  texture = gsk_renderer_render_texture (gtk_native_get_renderer (GTK_NATIVE (window)), node, NULL);
  gdk_texture_save_to_png (texture, file);
}

int
main (int argc, char *argv[])
{
  guint n_rows = argc > 1 ? (guint) atoi (argv[1]) : 2000;
  guint n_snapshots = argc > 2 ? (guint) atoi (argv[2]) : 20;
  GtkWidget *window, *scroller, *grid, *box, *side, *candles, *lines;
  g_autoptr (ReplicaSnapshot) before = NULL, bars = NULL, load = NULL;
  g_autoptr (GtkCssProvider) css = gtk_css_provider_new ();
  gint64 apply_us = 0, frame_us = 0, flash_us = 0;
  gboolean is_painted = FALSE;
  GdkFrameClock *clock;

  if (!gtk_init_check ())
    {
      g_print ("1..0 # SKIP no display\n");
      return 77;
    }
  adw_init ();
  adw_style_manager_set_color_scheme (adw_style_manager_get_default (), ADW_COLOR_SCHEME_PREFER_DARK);
  gtk_css_provider_load_from_resource (css, "/net/synoptic/Synoptic/style-dark.css");
  {
    g_autoptr (GtkCssProvider) base = gtk_css_provider_new ();

    gtk_css_provider_load_from_resource (base, "/net/synoptic/Synoptic/style.css");
    gtk_style_context_add_provider_for_display (gdk_display_get_default (), GTK_STYLE_PROVIDER (base), 600);
  }
  gtk_style_context_add_provider_for_display (gdk_display_get_default (), GTK_STYLE_PROVIDER (css), 601);

  window = gtk_window_new ();
  grid = dash_grid_new ();
  scroller = gtk_scrolled_window_new ();
  gtk_scrolled_window_set_child (GTK_SCROLLED_WINDOW (scroller), grid);
  box = gtk_box_new (GTK_ORIENTATION_HORIZONTAL, 0);
  gtk_box_append (GTK_BOX (box), scroller);
  if (argc > 3)
    {
      side = gtk_box_new (GTK_ORIENTATION_VERTICAL, 0);
      candles = dash_candles_new ();
      lines = dash_lines_new ();
      bars = dash_fixture_candles ("candles", 120, 1);
      load = dash_fixture_load (4, 300, 1);
      dash_candles_set_snapshot (DASH_CANDLES (candles), bars, NULL);
      dash_lines_set_snapshot (DASH_LINES (lines), load, NULL);
      gtk_box_append (GTK_BOX (side), candles);
      gtk_box_append (GTK_BOX (side), lines);
      gtk_box_append (GTK_BOX (box), side);
    }
  gtk_window_set_child (GTK_WINDOW (window), box);
  gtk_window_set_default_size (GTK_WINDOW (window), argc > 3 ? 1600 : 1000, 1150);
  gtk_window_present (GTK_WINDOW (window));
  before = dash_fixture_quotes (n_rows, 1);
  dash_grid_set_snapshot (DASH_GRID (grid), before, NULL);
  if (g_getenv ("GRID_BENCH_SORT") != NULL)
    dash_grid_set_sort (DASH_GRID (grid), g_getenv ("GRID_BENCH_SORT"));
  run_for (500);
  clock = gtk_widget_get_frame_clock (window);
  g_signal_connect (clock, "after-paint", G_CALLBACK (after_paint_cb), &is_painted);

  for (guint i = 0; i < n_snapshots; i++)
    {
      g_autoptr (ReplicaSnapshot) after = dash_fixture_quotes (n_rows, 2 + i);
      g_autoptr (ReplicaDiff) diff = replica_diff_new (before, after);
      gint64 start_us = cpu_us (), applied_us, painted_us;

      is_painted = FALSE;
      dash_grid_set_snapshot (DASH_GRID (grid), after, diff);
      applied_us = cpu_us ();
      while (!is_painted)
        g_main_context_iteration (NULL, TRUE);
      painted_us = cpu_us ();
      if (i + 1 < n_snapshots || argc <= 3)
        run_for (900);
      apply_us += applied_us - start_us;
      frame_us += painted_us - applied_us;
      flash_us += cpu_us () - painted_us;
      g_clear_pointer (&before, replica_snapshot_unref);
      before = g_steal_pointer (&after);
    }
  g_print ("# %u rows x 10 columns, %u snapshots, window %d x %d\n", n_rows, n_snapshots,
           gtk_widget_get_width (window), gtk_widget_get_height (window));
  g_print ("# main thread per snapshot: apply %.2f ms, first frame %.2f ms, together %.2f ms; fading flashes "
           "after it %.2f ms\n",
           (double) apply_us / n_snapshots / 1000, (double) frame_us / n_snapshots / 1000,
           (double) (apply_us + frame_us) / n_snapshots / 1000, (double) flash_us / n_snapshots / 1000);
  if (argc > 3)
    save (window, argv[3]);
  gtk_window_destroy (GTK_WINDOW (window));
  g_print ("1..1\nok 1 - drawn\n");
  return 0;
}
