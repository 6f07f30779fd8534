/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Open-high-low-close bars, of the columns `open`, `high`, `low`, `close` and the first timestamp column;
 * `volume` below them where there is one. A bar that rose is hollow and one that fell is filled, besides
 * their colours. The place of a bar is its time, so that a quiet minute is a gap. Where there are more bars
 * than fit, the newest are shown. Plain rectangles, not cairo: 200 bars take 2 ms. Main thread. */

#include "dash-candles.h"

#include "dash-grid-style.h"
#include "dash-plot.h"

#include <math.h>
#include <string.h>

#define SLOT_MIN 5.f
#define SLOT_MAX 16.f
#define VOLUME_SHARE 0.16f

typedef struct
{
  gint64 time_us;
  double open, high, low, close;
  double volume; /* negative: unknown */
} Bar;

struct _DashCandles
{
  DashChart parent_instance;
  GArray *bars; /* (element-type Bar) (owned): by time */
  gint64 step_us;
  int decimals;
  gint64 cursor_us; /* the bar that the keyboard is on, G_MININT64: none */
};

G_DEFINE_FINAL_TYPE (DashCandles, dash_candles, DASH_TYPE_CHART)

GtkWidget *
dash_candles_new (void)
{
  return g_object_new (DASH_TYPE_CANDLES, NULL);
}

static int
compare_bars (gconstpointer a, gconstpointer b)
{
  const Bar *first = a, *second = b;

  return (first->time_us > second->time_us) - (first->time_us < second->time_us);
}

static const ReplicaColumn *
find_number (ReplicaSnapshot *snapshot, const char *name)
{
  int index = replica_snapshot_find_column (snapshot, name);
  const ReplicaColumn *column = index >= 0 ? replica_snapshot_get_column (snapshot, (guint) index) : NULL;

  if (column == NULL || column->type == REPLICA_TYPE_STRING || column->type == REPLICA_TYPE_BOOL
      || column->type == REPLICA_TYPE_TIMESTAMP)
    return NULL;
  return column;
}

/* A table of many keys has bars of each for the same time: those of its first row's key are shown. */
static gboolean
is_of_first_key (ReplicaSnapshot *snapshot, guint row)
{
  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      if (column->is_key && column->type != REPLICA_TYPE_TIMESTAMP
          && replica_column_compare (column, row, column, 0) != 0)
        return FALSE;
    }
  return TRUE;
}

static char *
dash_candles_dup_label (DashChart *chart, const char *title)
{
  DashCandles *self = DASH_CANDLES (chart);
  char price[REPLICA_FORMAT_TEXT_MAX], when[64];
  const Bar *last;

  if (title == NULL)
    title = "Candles";
  if (self->bars->len == 0)
    return g_strdup_printf ("%s: no bars", title);
  last = &g_array_index (self->bars, Bar, self->bars->len - 1);
  return g_strdup_printf ("%s: %u bars, last close %s at %s UTC", title, self->bars->len,
                          replica_format_double (last->close, self->decimals, price),
                          replica_format_time (last->time_us, FALSE, FALSE, when));
}

gboolean
dash_candles_set_snapshot (DashCandles *self, ReplicaSnapshot *snapshot, GError **error)
{
  static const char *const names[] = { "open", "high", "low", "close" };
  const ReplicaColumn *numbers[4], *volume = find_number (snapshot, "volume"), *time = NULL;
  double largest = 0;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if ((numbers[i] = find_number (snapshot, names[i])) == NULL)
      {
        g_set_error (
            error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
            "Candles need the columns open, high, low, close and a timestamp; there is no number in “%s”",
            names[i]);
        return FALSE;
      }
  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot) && time == NULL; i++)
    if (replica_snapshot_get_column (snapshot, i)->type == REPLICA_TYPE_TIMESTAMP)
      time = replica_snapshot_get_column (snapshot, i);
  if (time == NULL)
    {
      g_set_error_literal (
          error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
          "Candles need the columns open, high, low, close and a timestamp; there is no timestamp");
      return FALSE;
    }

  g_array_set_size (self->bars, 0);
  for (guint row = 0; row < replica_snapshot_get_n_rows (snapshot); row++)
    {
      Bar bar = { .volume = -1 };
      gboolean is_whole = !replica_column_is_null (time, row) && is_of_first_key (snapshot, row);

      for (guint i = 0; i < 4; i++)
        is_whole = is_whole && !replica_column_is_null (numbers[i], row);
      if (!is_whole)
        continue;
      bar.time_us = replica_column_get_int64 (time, row);
      bar.open = replica_column_get_double (numbers[0], row);
      bar.high = replica_column_get_double (numbers[1], row);
      bar.low = replica_column_get_double (numbers[2], row);
      bar.close = replica_column_get_double (numbers[3], row);
      if (volume != NULL && !replica_column_is_null (volume, row))
        bar.volume = MAX (0, replica_column_get_double (volume, row));
      largest = MAX (largest, fabs (bar.high));
      g_array_append_val (self->bars, bar);
    }
  g_array_sort (self->bars, compare_bars);

  self->step_us = 0;
  for (guint i = 1; i < self->bars->len; i++)
    {
      gint64 step_us =
          g_array_index (self->bars, Bar, i).time_us - g_array_index (self->bars, Bar, i - 1).time_us;

      if (step_us > 0 && (self->step_us == 0 || step_us < self->step_us))
        self->step_us = step_us;
    }
  if (self->step_us == 0)
    self->step_us = 60 * G_TIME_SPAN_SECOND;
  self->decimals = numbers[3]->type == REPLICA_TYPE_DECIMAL ? numbers[3]->scale
                   : numbers[3]->type == REPLICA_TYPE_INT64 ? 0
                   : largest > 0 ? replica_format_decimals ((int) floor (log10 (largest)))
                                 : 2;
  dash_chart_refresh (DASH_CHART (self));
  return TRUE;
}

guint
dash_candles_get_n_bars (DashCandles *self)
{
  return self->bars->len;
}

/* The first bar in sight, with the frame around those in sight. */
static guint
lay_out (DashCandles *self, DashPlot *plot, float *slot)
{
  const Bar *bars = (const Bar *) (gpointer) self->bars->data;
  guint n = self->bars->len, first = n - 1;
  gint64 n_slots = (bars[n - 1].time_us - bars[0].time_us) / self->step_us + 1;
  gint64 n_fit;

  *plot = (DashPlot){ .decimals = self->decimals,
                      .min = bars[n - 1].low,
                      .max = bars[n - 1].high,
                      .has_marker = TRUE,
                      .marker = bars[n - 1].close };
  /* The width of the labels depends on the values in sight, and those on the width: the last bar's will do.
   */
  dash_plot_place (plot, GTK_WIDGET (self));
  n_fit = MAX (1, (gint64) (plot->area.size.width / SLOT_MIN));
  n_slots = MIN (n_slots, n_fit);
  *slot = CLAMP (plot->area.size.width / (float) n_slots, SLOT_MIN, SLOT_MAX);
  plot->max_us = bars[n - 1].time_us + self->step_us;
  plot->min_us =
      plot->max_us - (gint64) ((double) plot->area.size.width / (double) *slot * (double) self->step_us);
  if (plot->min_us >= plot->max_us)
    plot->min_us = plot->max_us - self->step_us;
  while (first > 0 && bars[first - 1].time_us >= plot->min_us)
    first--;
  for (guint i = first; i < n; i++)
    {
      plot->min = MIN (plot->min, bars[i].low);
      plot->max = MAX (plot->max, bars[i].high);
    }
  dash_axis_pad (&plot->min, &plot->max);
  return first;
}

static void
append_bar (const Bar *bar, const DashPlot *plot, float slot, const GdkRGBA *color, GtkSnapshot *snapshot)
{
  float width = MAX (1.f, floorf (slot * 0.7f));
  float left = floorf (dash_plot_get_x (plot, bar->time_us) + (slot - width) / 2);
  float top = floorf (dash_plot_get_y (plot, MAX (bar->open, bar->close)));
  float bottom = MAX (top + 1, floorf (dash_plot_get_y (plot, MIN (bar->open, bar->close))));
  float high = floorf (dash_plot_get_y (plot, bar->high));
  float low = floorf (dash_plot_get_y (plot, bar->low));
  float middle = floorf (left + width / 2);

  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (middle, high, 1, MAX (0.f, top - high)));
  gtk_snapshot_append_color (snapshot, color,
                             &GRAPHENE_RECT_INIT (middle, bottom, 1, MAX (0.f, low - bottom)));
  if (bar->close < bar->open || width < 3 || bottom - top < 3)
    {
      gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (left, top, width, bottom - top));
      return;
    }
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (left, top, width, 1));
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (left, bottom - 1, width, 1));
  gtk_snapshot_append_color (snapshot, color, &GRAPHENE_RECT_INIT (left, top + 1, 1, bottom - top - 2));
  gtk_snapshot_append_color (snapshot, color,
                             &GRAPHENE_RECT_INIT (left + width - 1, top + 1, 1, bottom - top - 2));
}

static void
append_volumes (DashCandles *self, guint first, const DashPlot *plot, float slot, GtkSnapshot *snapshot)
{
  float width = MAX (1.f, floorf (slot * 0.7f));
  float bottom = plot->area.origin.y + plot->area.size.height;
  double largest = 0;
  GdkRGBA color;

  for (guint i = first; i < self->bars->len; i++)
    largest = MAX (largest, g_array_index (self->bars, Bar, i).volume);
  if (largest <= 0)
    return;
  gtk_style_context_get_color (gtk_widget_get_style_context (GTK_WIDGET (self)), &color);
  color.alpha *= 0.16f;
  for (guint i = first; i < self->bars->len; i++)
    {
      const Bar *bar = &g_array_index (self->bars, Bar, i);
      float height =
          floorf ((float) (MAX (0, bar->volume) / largest) * plot->area.size.height * VOLUME_SHARE);
      float left = floorf (dash_plot_get_x (plot, bar->time_us) + (slot - width) / 2);

      gtk_snapshot_append_color (snapshot, &color,
                                 &GRAPHENE_RECT_INIT (left, bottom - height, width, height));
    }
}

/* The bar to read out: under the pointer, or where the keyboard is, or the last. */
static guint
find_bar (DashCandles *self, const DashPlot *plot, guint first, gboolean *is_pointed)
{
  guint best = self->bars->len - 1;
  gint64 wanted_us;
  double x, y;
  gboolean is_hovered = dash_chart_get_pointer (DASH_CHART (self), &x, &y);

  *is_pointed = is_hovered || self->cursor_us != G_MININT64;
  if (!*is_pointed)
    return best;
  wanted_us = is_hovered ? dash_plot_get_time (plot, x) - self->step_us / 2 : self->cursor_us;
  for (guint i = first; i < self->bars->len; i++)
    if (ABS (g_array_index (self->bars, Bar, i).time_us - wanted_us)
        < ABS (g_array_index (self->bars, Bar, best).time_us - wanted_us))
      best = i;
  return best;
}

/* What does not fit is left out from the end, rather than cut. */
static void
append_readout (DashCandles *self, const Bar *bar, const GdkRGBA *color, GtkSnapshot *snapshot)
{
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  g_autoptr (PangoLayout) layout = gtk_widget_create_pango_layout (GTK_WIDGET (self), NULL);
  const char *mark = bar->close < bar->open ? "▼" : bar->close > bar->open ? "▲" : "=";
  g_autoptr (GString) text = g_string_new (replica_format_time (bar->time_us, FALSE, FALSE, buffer));
  g_autoptr (GPtrArray) rest = g_ptr_array_new_with_free_func (g_free);
  const struct
  {
    const char *name;
    double value;
  } prices[] = {
    { "O", bar->open },
    { "H", bar->high },
    { "L", bar->low },
    { "C", bar->close },
  };

  for (guint i = 0; i < G_N_ELEMENTS (prices); i++)
    g_ptr_array_add (rest, g_strdup_printf ("  %s %s", prices[i].name,
                                            replica_format_double (prices[i].value, self->decimals, buffer)));
  if (bar->open != 0)
    g_ptr_array_add (rest,
                     g_strdup_printf ("  %s %s %%", mark,
                                      replica_format_double ((bar->close / bar->open - 1) * 100, 2, buffer)));
  if (bar->volume >= 0)
    g_ptr_array_add (rest, g_strdup_printf ("  V %s", replica_format_double (bar->volume, 0, buffer)));
  for (guint i = 0; i < rest->len; i++)
    {
      gsize length = text->len;
      int width;

      g_string_append (text, g_ptr_array_index (rest, i));
      pango_layout_set_text (layout, text->str, -1);
      pango_layout_get_pixel_size (layout, &width, NULL);
      if (width + 10 <= gtk_widget_get_width (GTK_WIDGET (self)))
        continue;
      g_string_truncate (text, length);
      break;
    }
  dash_plot_snapshot_text (GTK_WIDGET (self), snapshot, text->str, 6, 1, color);
}

static void
dash_candles_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  DashCandles *self = DASH_CANDLES (widget);
  gboolean is_pointed;
  double x, y;
  GdkRGBA up, down;
  const Bar *last, *bar;
  DashPlot plot;
  float slot;
  guint first, index;

  if (self->bars->len == 0 || gtk_widget_get_width (widget) < 80 || gtk_widget_get_height (widget) < 60)
    return;
  dash_style_lookup (widget, "dash_up", &up);
  dash_style_lookup (widget, "dash_down", &down);
  first = lay_out (self, &plot, &slot);
  last = &g_array_index (self->bars, Bar, self->bars->len - 1);
  dash_plot_snapshot_axes (&plot, widget, snapshot);
  gtk_snapshot_push_clip (snapshot, &plot.area);
  append_volumes (self, first, &plot, slot, snapshot);
  for (guint i = first; i < self->bars->len; i++)
    {
      bar = &g_array_index (self->bars, Bar, i);
      append_bar (bar, &plot, slot, bar->close < bar->open ? &down : &up, snapshot);
    }
  gtk_snapshot_pop (snapshot);
  dash_plot_snapshot_marker (&plot, widget, snapshot, last->close, last->close < last->open ? &down : &up);
  index = find_bar (self, &plot, first, &is_pointed);
  bar = &g_array_index (self->bars, Bar, index);
  if (is_pointed)
    dash_plot_snapshot_cross (&plot, widget, snapshot, dash_plot_get_x (&plot, bar->time_us) + slot / 2,
                              dash_chart_get_pointer (DASH_CHART (self), &x, &y) ? (float) y : -1, bar->time_us);
  append_readout (self, bar, bar->close < bar->open ? &down : &up, snapshot);
}

static gboolean
step_cb (GtkWidget *widget, GVariant *args, gpointer user_data)
{
  DashCandles *self = DASH_CANDLES (widget);
  int by = g_variant_get_int32 (args);
  int at = (int) self->bars->len - 1;

  if (self->bars->len == 0)
    return FALSE;
  if (by == 0)
    {
      self->cursor_us = G_MININT64;
      gtk_widget_queue_draw (widget);
      return TRUE;
    }
  if (self->cursor_us != G_MININT64)
    {
      while (at > 0 && g_array_index (self->bars, Bar, at).time_us > self->cursor_us)
        at--;
      at = CLAMP (at + by, 0, (int) self->bars->len - 1);
    }
  self->cursor_us = g_array_index (self->bars, Bar, at).time_us;
  gtk_widget_queue_draw (widget);
  return TRUE;
}

static void
dash_candles_finalize (GObject *object)
{
  DashCandles *self = DASH_CANDLES (object);

  g_clear_pointer (&self->bars, g_array_unref);
  G_OBJECT_CLASS (dash_candles_parent_class)->finalize (object);
}

static void
dash_candles_class_init (DashCandlesClass *klass)
{
  GtkWidgetClass *widget_class = GTK_WIDGET_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = dash_candles_finalize;
  widget_class->snapshot = dash_candles_snapshot;
  DASH_CHART_CLASS (klass)->dup_label = dash_candles_dup_label;
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Left, 0, step_cb, "i", -1);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Right, 0, step_cb, "i", 1);
  gtk_widget_class_add_binding (widget_class, GDK_KEY_Escape, 0, step_cb, "i", 0);
}

static void
dash_candles_init (DashCandles *self)
{
  self->bars = g_array_new (FALSE, FALSE, sizeof (Bar));
  self->cursor_us = G_MININT64;
}
