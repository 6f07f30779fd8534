/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Numbers over time. A line per numeric column that is not a key; where the key has more than the time (a
 * disk, a CPU), a line per key and column. Lines are decimated to pixels before cairo sees them. A null is a
 * gap. Lines differ by colour and by dashes, and the legend above names each with its value. Main thread. */

#include "dash-lines.h"

#include "dash-decimate.h"
#include "dash-plot.h"

#include <math.h>
#include <string.h>

typedef struct
{
  char *name;
  GArray *times;  /* (element-type gint64) */
  GArray *values; /* (element-type double): NAN for null */
} Series;

struct _DashLines
{
  DashChart parent_instance;
  GPtrArray *series; /* (element-type Series) (owned) */
  guint n_hidden;    /* lines that there were too many of */
  int decimals;
};

G_DEFINE_FINAL_TYPE (DashLines, dash_lines, DASH_TYPE_CHART)

/* Told apart with every kind of colour vision (Okabe and Ito), brightened for a dark ground. */
static const GdkRGBA line_colors[] = {
  { 0.34f, 0.71f, 0.91f, 1 }, { 0.90f, 0.62f, 0.00f, 1 }, { 0.00f, 0.72f, 0.52f, 1 },
  { 0.94f, 0.45f, 0.20f, 1 }, { 0.80f, 0.47f, 0.65f, 1 }, { 0.25f, 0.52f, 0.85f, 1 },
  { 0.76f, 0.72f, 0.20f, 1 }, { 0.60f, 0.60f, 0.60f, 1 },
};

static void
series_free (Series *series)
{
  g_free (series->name);
  g_array_unref (series->times);
  g_array_unref (series->values);
  g_free (series);
}

GtkWidget *
dash_lines_new (void)
{
  return g_object_new (DASH_TYPE_LINES, NULL);
}

static const GdkRGBA *
get_color (guint index)
{
  return &line_colors[index % G_N_ELEMENTS (line_colors)];
}

static gboolean
is_number (const ReplicaColumn *column)
{
  return !column->is_key
         && (column->type == REPLICA_TYPE_INT64 || column->type == REPLICA_TYPE_DOUBLE
             || column->type == REPLICA_TYPE_DECIMAL);
}

/* What the key of @row is called, without its time. NULL: the key is only the time. */
static char *
dup_row_name (ReplicaSnapshot *snapshot, guint row)
{
  g_autoptr (GString) name = NULL;

  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);
      char buffer[REPLICA_TEXT_MAX];
      const char *text;
      gsize length;

      if (!column->is_key || column->type == REPLICA_TYPE_TIMESTAMP)
        continue;
      text = replica_column_format (column, row, buffer, &length);
      if (name == NULL)
        name = g_string_new (NULL);
      else
        g_string_append_c (name, ' ');
      g_string_append_len (name, text, (gssize) length);
    }
  return name != NULL ? g_string_free (g_steal_pointer (&name), FALSE) : NULL;
}

/* Whether the rows have one key between them but for the time, so that it need not be said. */
static gboolean
is_one_key (ReplicaSnapshot *snapshot)
{
  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      if (!column->is_key || column->type == REPLICA_TYPE_TIMESTAMP)
        continue;
      for (guint row = 1; row < replica_snapshot_get_n_rows (snapshot); row++)
        if (replica_column_compare (column, row, column, 0) != 0)
          return FALSE;
    }
  return TRUE;
}

static Series *
find_series (
    DashLines *self, GHashTable *by_name, const char *row_name, const char *column, gboolean is_only_column)
{
  g_autofree char *name = row_name == NULL ? g_strdup (column)
                          : is_only_column ? g_strdup (row_name)
                                           : g_strdup_printf ("%s %s", row_name, column);
  Series *series = g_hash_table_lookup (by_name, name);

  if (series != NULL || g_hash_table_contains (by_name, name))
    return series;
  if (self->series->len < DASH_LINES_MAX)
    {
      series = g_new0 (Series, 1);
      series->name = g_strdup (name);
      series->times = g_array_new (FALSE, FALSE, sizeof (gint64));
      series->values = g_array_new (FALSE, FALSE, sizeof (double));
      g_ptr_array_add (self->series, series);
    }
  else
    self->n_hidden++;
  g_hash_table_insert (by_name, g_steal_pointer (&name), series);
  return series;
}

static int
compare_times (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const ReplicaColumn *time = user_data;

  return replica_column_compare (time, *(const guint *) a, time, *(const guint *) b);
}

static char *
dash_lines_dup_label (DashChart *chart, const char *title)
{
  DashLines *self = DASH_LINES (chart);
  g_autoptr (GString) label = g_string_new (title != NULL ? title : "Lines");

  g_string_append_printf (label, ": %u lines", self->series->len);
  for (guint i = 0; i < self->series->len; i++)
    {
      const Series *series = g_ptr_array_index (self->series, i);
      char buffer[REPLICA_FORMAT_TEXT_MAX];
      double last =
          series->values->len > 0 ? g_array_index (series->values, double, series->values->len - 1) : NAN;

      g_string_append_printf (label, ", %s %s", series->name,
                              isnan (last) ? "–" : replica_format_double (last, self->decimals, buffer));
    }
  return g_string_free (g_steal_pointer (&label), FALSE);
}

gboolean
dash_lines_set_snapshot (DashLines *self, ReplicaSnapshot *snapshot, GError **error)
{
  g_autoptr (GHashTable) by_name = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree guint *order = NULL;
  const ReplicaColumn *time = NULL;
  guint n_numbers = 0, n = 0;
  gboolean has_one_key;
  double largest = 0;

  for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      if (time == NULL && column->type == REPLICA_TYPE_TIMESTAMP)
        time = column;
      n_numbers += is_number (column);
    }
  if (time == NULL || n_numbers == 0)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
                   "Lines need a timestamp and a number; there is no %s",
                   time == NULL ? "timestamp" : "number");
      return FALSE;
    }

  has_one_key = is_one_key (snapshot);
  g_ptr_array_set_size (self->series, 0);
  self->n_hidden = 0;
  self->decimals = 0;
  order = g_new (guint, replica_snapshot_get_n_rows (snapshot) + 1);
  for (guint row = 0; row < replica_snapshot_get_n_rows (snapshot); row++)
    if (!replica_column_is_null (time, row))
      order[n++] = row;
  g_qsort_with_data (order, (int) n, sizeof *order, compare_times, (gpointer) time);
  for (guint i = 0; i < n; i++)
    {
      g_autofree char *row_name = has_one_key ? NULL : dup_row_name (snapshot, order[i]);
      gint64 time_us = replica_column_get_int64 (time, order[i]);

      for (guint j = 0; j < replica_snapshot_get_n_columns (snapshot); j++)
        {
          const ReplicaColumn *column = replica_snapshot_get_column (snapshot, j);
          Series *series;
          double value;

          if (!is_number (column))
            continue;
          series = find_series (self, by_name, row_name, column->name, n_numbers == 1);
          if (series == NULL)
            continue;
          value = replica_column_is_null (column, order[i]) ? (double) NAN
                                                            : replica_column_get_double (column, order[i]);
          if (!isnan (value))
            largest = MAX (largest, fabs (value));
          if (column->type == REPLICA_TYPE_DECIMAL)
            self->decimals = MAX (self->decimals, column->scale);
          else if (column->type == REPLICA_TYPE_DOUBLE)
            self->decimals = MAX (self->decimals, 1);
          g_array_append_val (series->times, time_us);
          g_array_append_val (series->values, value);
        }
    }
  if (self->decimals > 0)
    self->decimals = MIN (self->decimals, replica_format_decimals (largest > 0 ? (int) floor (log10 (largest))
                                                                            : REPLICA_FORMAT_MAGNITUDE_NONE));
  dash_chart_refresh (DASH_CHART (self));
  return TRUE;
}

guint
dash_lines_get_n_lines (DashLines *self)
{
  return self->series->len;
}

static gboolean
lay_out (DashLines *self, DashPlot *plot)
{
  gboolean has_value = FALSE;

  *plot = (DashPlot){ .decimals = self->decimals };
  for (guint i = 0; i < self->series->len; i++)
    {
      const Series *series = g_ptr_array_index (self->series, i);

      for (guint j = 0; j < series->values->len; j++)
        {
          double value = g_array_index (series->values, double, j);
          gint64 time_us = g_array_index (series->times, gint64, j);

          if (isnan (value))
            continue;
          plot->min = has_value ? MIN (plot->min, value) : value;
          plot->max = has_value ? MAX (plot->max, value) : value;
          plot->min_us = has_value ? MIN (plot->min_us, time_us) : time_us;
          plot->max_us = has_value ? MAX (plot->max_us, time_us) : time_us;
          has_value = TRUE;
        }
    }
  if (!has_value)
    return FALSE;
  /* Amounts that come near to zero are read against it. */
  if (plot->min > 0 && plot->min < plot->max * 0.5)
    plot->min = 0;
  if (plot->min == 0 && plot->max > 0)
    plot->max *= 1.06;
  else
    dash_axis_pad (&plot->min, &plot->max);
  if (plot->max_us == plot->min_us)
    plot->min_us -= G_TIME_SPAN_SECOND;
  dash_plot_place (plot, GTK_WIDGET (self));
  return plot->area.size.width > 10 && plot->area.size.height > 10;
}

static void
stroke (cairo_t *cr, const DashPoint *points, guint n)
{
  g_autofree DashPoint *fewer = g_new (DashPoint, n + 1);
  guint n_fewer = dash_decimate (points, n, fewer);

  for (guint i = 0; i < n_fewer; i++)
    cairo_line_to (cr, fewer[i].x, fewer[i].y);
  if (n_fewer == 1)
    cairo_rel_line_to (cr, 1, 0);
  cairo_stroke (cr);
}

static void
draw_series (const Series *series, guint index, const DashPlot *plot, cairo_t *cr)
{
  static const double dashes[] = { 6, 3 };
  g_autofree DashPoint *points = g_new (DashPoint, series->values->len + 1);
  guint n = 0;

  gdk_cairo_set_source_rgba (cr, get_color (index));
  cairo_set_dash (cr, dashes, index < G_N_ELEMENTS (line_colors) / 2 ? 0 : 2, 0);
  for (guint i = 0; i < series->values->len; i++)
    {
      double value = g_array_index (series->values, double, i);

      if (isnan (value))
        {
          stroke (cr, points, n);
          n = 0;
          continue;
        }
      points[n++] = (DashPoint){ (double) dash_plot_get_x (plot, g_array_index (series->times, gint64, i)),
                                 (double) dash_plot_get_y (plot, value) };
    }
  stroke (cr, points, n);
}

/* The sample of @series nearest to @time_us. */
static guint
find_sample (const Series *series, gint64 time_us)
{
  guint low = 0, high = series->times->len;

  while (low < high)
    {
      guint middle = low + (high - low) / 2;

      if (g_array_index (series->times, gint64, middle) < time_us)
        low = middle + 1;
      else
        high = middle;
    }
  if (low == series->times->len)
    return low - 1;
  if (low > 0
      && time_us - g_array_index (series->times, gint64, low - 1)
             < g_array_index (series->times, gint64, low) - time_us)
    return low - 1;
  return low;
}

static void
append_legend (DashLines *self, const DashPlot *plot, gint64 time_us, GtkSnapshot *snapshot)
{
  GtkWidget *widget = GTK_WIDGET (self);
  float x = plot->area.origin.x;
  float right = (float) gtk_widget_get_width (widget) - 40;
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  GdkRGBA color;

  gtk_style_context_get_color (gtk_widget_get_style_context (widget), &color);
  for (guint i = 0; i < self->series->len && x < right; i++)
    {
      const Series *series = g_ptr_array_index (self->series, i);
      double value;
      g_autofree char *text = NULL;

      if (series->values->len == 0)
        continue;
      value = g_array_index (series->values, double, find_sample (series, time_us));
      text = g_strdup_printf ("%s %s", series->name,
                              isnan (value) ? "–" : replica_format_double (value, self->decimals, buffer));
      gtk_snapshot_append_color (snapshot, get_color (i), &GRAPHENE_RECT_INIT (x, 8, 10, 3));
      x += 14;
      x += dash_plot_snapshot_text (widget, snapshot, text, x, 1, &color) + 14;
    }
  if (self->n_hidden > 0)
    {
      g_autofree char *text = g_strdup_printf ("and %u more", self->n_hidden);

      dash_plot_snapshot_text (widget, snapshot, text, x, 1, &color);
    }
}

static void
dash_lines_snapshot (GtkWidget *widget, GtkSnapshot *snapshot)
{
  DashLines *self = DASH_LINES (widget);
  double x, y;
  gboolean is_hovered = dash_chart_get_pointer (DASH_CHART (self), &x, &y);
  gint64 time_us;
  DashPlot plot;
  cairo_t *cr;

  if (gtk_widget_get_width (widget) < 80 || gtk_widget_get_height (widget) < 60 || !lay_out (self, &plot))
    return;
  dash_plot_snapshot_axes (&plot, widget, snapshot);
  cr = gtk_snapshot_append_cairo (snapshot, &plot.area);
  cairo_set_line_width (cr, 1.5);
  cairo_set_line_join (cr, CAIRO_LINE_JOIN_BEVEL);
  for (guint i = 0; i < self->series->len; i++)
    draw_series (g_ptr_array_index (self->series, i), i, &plot, cr);
  cairo_destroy (cr);
  time_us = is_hovered ? dash_plot_get_time (&plot, x) : plot.max_us;
  if (is_hovered)
    {
      const Series *series = g_ptr_array_index (self->series, 0);

      time_us = g_array_index (series->times, gint64, find_sample (series, time_us));
      dash_plot_snapshot_cross (&plot, widget, snapshot, dash_plot_get_x (&plot, time_us), (float) y,
                                time_us);
    }
  gtk_snapshot_push_clip (
      snapshot, &GRAPHENE_RECT_INIT (0, 0, (float) gtk_widget_get_width (widget) - 4, plot.area.origin.y));
  append_legend (self, &plot, time_us, snapshot);
  gtk_snapshot_pop (snapshot);
}

static void
dash_lines_finalize (GObject *object)
{
  DashLines *self = DASH_LINES (object);

  g_clear_pointer (&self->series, g_ptr_array_unref);
  G_OBJECT_CLASS (dash_lines_parent_class)->finalize (object);
}

static void
dash_lines_class_init (DashLinesClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = dash_lines_finalize;
  GTK_WIDGET_CLASS (klass)->snapshot = dash_lines_snapshot;
  DASH_CHART_CLASS (klass)->dup_label = dash_lines_dup_label;
}

static void
dash_lines_init (DashLines *self)
{
  self->series = g_ptr_array_new_with_free_func ((GDestroyNotify) series_free);
}
