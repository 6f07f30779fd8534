/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The frame that candles and lines are drawn in. Values stand on the right, beside the newest data; times are
 * UTC, and say so. Main thread. */

#include "dash-plot.h"

#include "replica.h"
#include "dash-grid-style.h"

#include <math.h>

#define PAD 6
#define TICK_SPACE_X 90
#define TICK_SPACE_Y 38

static PangoLayout *
make_layout (GtkWidget *widget, const char *text, int *width, int *height)
{
  PangoLayout *layout = gtk_widget_create_pango_layout (widget, text);
  PangoAttrList *attributes = pango_attr_list_new ();

  pango_attr_list_insert (attributes, pango_attr_font_features_new ("tnum=1"));
  pango_layout_set_attributes (layout, attributes);
  pango_attr_list_unref (attributes);
  pango_layout_set_single_paragraph_mode (layout, TRUE);
  pango_layout_get_pixel_size (layout, width, height);
  return layout;
}

static void
append_layout (GtkSnapshot *snapshot, PangoLayout *layout, float x, float y, const GdkRGBA *color)
{
  gtk_snapshot_save (snapshot);
  gtk_snapshot_translate (snapshot, &GRAPHENE_POINT_INIT (roundf (x), roundf (y)));
  gtk_snapshot_append_layout (snapshot, layout, color);
  gtk_snapshot_restore (snapshot);
}

static void
get_colors (GtkWidget *widget, GdkRGBA *text, GdkRGBA *dim, GdkRGBA *line)
{
  gtk_style_context_get_color (gtk_widget_get_style_context (widget), text);
  *dim = *text;
  dim->alpha *= 0.72f;
  *line = *text;
  line->alpha *= 0.09f;
}

float
dash_plot_snapshot_text (
    GtkWidget *widget, GtkSnapshot *snapshot, const char *text, float x, float y, const GdkRGBA *color)
{
  int width, height;
  g_autoptr (PangoLayout) layout = make_layout (widget, text, &width, &height);

  append_layout (snapshot, layout, x, y, color);
  return (float) width;
}

void
dash_plot_place (DashPlot *self, GtkWidget *widget)
{
  char low[REPLICA_FORMAT_TEXT_MAX], high[REPLICA_FORMAT_TEXT_MAX];
  int width, height, label_width = 0;
  const char *const texts[] = { replica_format_double (self->min, self->decimals, low),
                                replica_format_double (self->max, self->decimals, high) };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (PangoLayout) layout = make_layout (widget, texts[i], &width, &height);

      label_width = MAX (label_width, width);
    }
  graphene_rect_init (&self->area, PAD, (float) (height + PAD),
                      MAX (0.f, (float) (gtk_widget_get_width (widget) - label_width - PAD * 3)),
                      MAX (0.f, (float) (gtk_widget_get_height (widget) - 2 * height - PAD * 2)));
}

float
dash_plot_get_x (const DashPlot *self, gint64 time_us)
{
  return self->area.origin.x
         + self->area.size.width
               * (float) ((double) (time_us - self->min_us) / (double) (self->max_us - self->min_us));
}

float
dash_plot_get_y (const DashPlot *self, double value)
{
  return self->area.origin.y
         + self->area.size.height * (float) ((self->max - value) / (self->max - self->min));
}

gint64
dash_plot_get_time (const DashPlot *self, double x)
{
  double share = (x - (double) self->area.origin.x) / MAX (1.0, (double) self->area.size.width);

  return self->min_us + (gint64) (CLAMP (share, 0, 1) * (double) (self->max_us - self->min_us));
}

double
dash_plot_get_value (const DashPlot *self, double y)
{
  double share = (y - (double) self->area.origin.y) / MAX (1.0, (double) self->area.size.height);

  return self->max - CLAMP (share, 0, 1) * (self->max - self->min);
}

static const char *
format_tick_time (const DashAxisTimes *times, gint64 time_us, char *buffer)
{
  replica_format_time (time_us, times->show_date, FALSE, buffer);
  if (times->show_date)
    buffer[10] = '\0'; /* the day */
  else if (!times->show_seconds)
    buffer[5] = '\0'; /* hours and minutes */
  return buffer;
}

void
dash_plot_snapshot_axes (const DashPlot *self, GtkWidget *widget, GtkSnapshot *snapshot)
{
  const graphene_rect_t *area = &self->area;
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  GdkRGBA text, dim, line;
  DashAxisTicks ticks;
  DashAxisTimes times;
  float right = area->origin.x + area->size.width;
  float bottom = area->origin.y + area->size.height;
  int width, height;

  get_colors (widget, &text, &dim, &line);
  dash_axis_ticks (self->min, self->max, (guint) MAX (1.f, area->size.height / TICK_SPACE_Y), &ticks);
  for (guint i = 0; i < ticks.n; i++)
    {
      float y = floorf (dash_plot_get_y (self, ticks.values[i]));
      g_autoptr (PangoLayout) layout = make_layout (
          widget, replica_format_double (ticks.values[i], MIN (ticks.decimals, MAX (self->decimals, 0)), buffer),
          &width, &height);

      gtk_snapshot_append_color (snapshot, &line,
                                 &GRAPHENE_RECT_INIT (area->origin.x, y, area->size.width, 1));
      if (!self->has_marker || fabsf (y - dash_plot_get_y (self, self->marker)) > (float) height)
        append_layout (snapshot, layout, (float) (gtk_widget_get_width (widget) - PAD - width),
                       CLAMP (y - (float) height / 2, 0, bottom - (float) height), &dim);
    }

  dash_axis_times (self->min_us, self->max_us, (guint) MAX (1.f, area->size.width / TICK_SPACE_X), &times);
  for (guint i = 0; i < times.n; i++)
    {
      float x = floorf (dash_plot_get_x (self, times.times_us[i]));
      g_autoptr (PangoLayout) layout =
          make_layout (widget, format_tick_time (&times, times.times_us[i], buffer), &width, &height);

      gtk_snapshot_append_color (snapshot, &line,
                                 &GRAPHENE_RECT_INIT (x, area->origin.y, 1, area->size.height));
      /* A label that would stick out is left out. */
      if (x - (float) width / 2 >= 0 && x + (float) width / 2 <= right)
        append_layout (snapshot, layout, x - (float) width / 2, bottom + 2, &dim);
    }
  {
    g_autoptr (PangoLayout) layout = make_layout (widget, "UTC", &width, &height);

    append_layout (snapshot, layout, (float) (gtk_widget_get_width (widget) - PAD - width), bottom + 2, &dim);
  }
  line.alpha *= 2;
  gtk_snapshot_append_color (snapshot, &line,
                             &GRAPHENE_RECT_INIT (right, area->origin.y, 1, area->size.height));
  gtk_snapshot_append_color (snapshot, &line,
                             &GRAPHENE_RECT_INIT (area->origin.x, bottom, area->size.width, 1));
}

static void
append_tag (GtkWidget *widget,
            GtkSnapshot *snapshot,
            const char *text,
            float x,
            float y,
            gboolean is_centered,
            const GdkRGBA *ground)
{
  int width, height;
  g_autoptr (PangoLayout) layout = make_layout (widget, text, &width, &height);
  /* Black or white, whichever can be read on it. */
  float luma = 0.299f * ground->red + 0.587f * ground->green + 0.114f * ground->blue;
  GdkRGBA color = { luma > 0.55f ? 0 : 1, luma > 0.55f ? 0 : 1, luma > 0.55f ? 0 : 1, 1 };

  x = is_centered ? x - (float) width / 2 : x;
  x = CLAMP (x, 2, MAX (2.f, (float) (gtk_widget_get_width (widget) - width - 2)));
  gtk_snapshot_append_color (snapshot, ground,
                             &GRAPHENE_RECT_INIT (x - 3, y, (float) width + 6, (float) height));
  append_layout (snapshot, layout, x, y, &color);
}

void
dash_plot_snapshot_marker (
    const DashPlot *self, GtkWidget *widget, GtkSnapshot *snapshot, double value, const GdkRGBA *color)
{
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  float y = roundf (dash_plot_get_y (self, value));
  float right = self->area.origin.x + self->area.size.width;
  int width, height;
  g_autoptr (PangoLayout) layout =
      make_layout (widget, replica_format_double (value, self->decimals, buffer), &width, &height);
  GdkRGBA line = *color;

  line.alpha *= 0.7f;
  for (float x = self->area.origin.x; x < right; x += 6)
    gtk_snapshot_append_color (snapshot, &line, &GRAPHENE_RECT_INIT (x, y, MIN (3, right - x), 1));
  append_tag (widget, snapshot, buffer, (float) (gtk_widget_get_width (widget) - PAD - width),
              y - (float) height / 2, FALSE, color);
}

void
dash_plot_snapshot_cross (
    const DashPlot *self, GtkWidget *widget, GtkSnapshot *snapshot, float x, float y, gint64 time_us)
{
  const graphene_rect_t *area = &self->area;
  char buffer[REPLICA_FORMAT_TEXT_MAX];
  GdkRGBA text, dim, line;
  float bottom = area->origin.y + area->size.height;

  get_colors (widget, &text, &dim, &line);
  line.alpha = 0.45f;
  gtk_snapshot_append_color (snapshot, &line,
                             &GRAPHENE_RECT_INIT (floorf (x), area->origin.y, 1, area->size.height));
  text.alpha = 1;
  append_tag (widget, snapshot, replica_format_time (time_us, FALSE, time_us % G_TIME_SPAN_SECOND != 0, buffer),
              x, bottom + 2, TRUE, &text);
  if (y >= area->origin.y && y <= bottom)
    {
      int width, height;
      g_autoptr (PangoLayout) layout = make_layout (
          widget, replica_format_double (dash_plot_get_value (self, (double) y), self->decimals, buffer), &width,
          &height);

      gtk_snapshot_append_color (snapshot, &line,
                                 &GRAPHENE_RECT_INIT (area->origin.x, floorf (y), area->size.width, 1));
      append_tag (widget, snapshot, buffer, (float) (gtk_widget_get_width (widget) - PAD - width),
                  y - (float) height / 2, FALSE, &text);
    }
}
