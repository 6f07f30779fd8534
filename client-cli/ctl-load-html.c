/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The result of a load test as a page of its own: one file, without scripts, readable by day and by night. */

#include <math.h>
#include <string.h>

#include "ctl-load-plot.h"
#include "ctl-load-result.h"

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\n<title>";

/* The colours of lines are told apart by those who see few colours as well, on either ground. */
static const char style[] =
    "</title>\n<style>\n"
    ":root{color-scheme:light dark;--ground:#fff;--card:#f5f6f8;--text:#1c2128;--faint:#5d6673;--grid:#dde1e7;--s0:#0b62c4;--s1:#c2410c;--s2:#0f766e;--s3:#7c3aed}\n"
    "@media(prefers-color-scheme:dark){:root{--ground:#14171c;--card:#1d2128;--text:#e6e9ee;--faint:#9aa4b2;--grid:#343b46;--s0:#6cb2ff;--s1:#ffa05c;--s2:#4fd1c5;--s3:#c4a5ff}}\n"
    "body{background:var(--ground);color:var(--text);font:15px/1.5 system-ui,sans-serif;margin:0 auto;padding:24px;max-width:1380px}\n"
    "h1{font-size:22px;margin:0 0 4px}p{margin:0 0 16px;color:var(--faint);overflow-wrap:anywhere}\n"
    ".cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:0 0 20px}\n"
    ".card{background:var(--card);border-radius:8px;padding:10px 14px}.card b{display:block;font-size:20px}.card span{color:var(--faint);font-size:13px}\n"
    ".bad b{color:var(--s1)}\n"
    ".plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px;margin:0 0 20px}\n"
    "svg{background:var(--card);border-radius:8px;width:100%;height:auto}\n"
    "svg text{font:12px system-ui,sans-serif;fill:var(--faint)}svg .title{font-weight:600;font-size:14px;fill:var(--text)}svg .name{font-weight:600}\n"
    ".grid{stroke:var(--grid);fill:none}.line{fill:none;stroke-width:2;stroke-linejoin:round}\n"
    ".line.s0{stroke:var(--s0)}.line.s1{stroke:var(--s1)}.line.s2{stroke:var(--s2)}.line.s3{stroke:var(--s3)}\n"
    "svg .name.s0{fill:var(--s0)}svg .name.s1{fill:var(--s1)}svg .name.s2{fill:var(--s2)}svg .name.s3{fill:var(--s3)}\n"
    "table{border-collapse:collapse;margin:0 0 20px;font-variant-numeric:tabular-nums}caption{text-align:left;font-weight:600;padding:0 0 6px}\n"
    "th,td{padding:4px 14px 4px 0;text-align:right;border-bottom:1px solid var(--grid)}th:first-child,td:first-child{text-align:left}th{color:var(--faint);font-weight:500}\n"
    "</style></head><body>\n";

static void
format_bytes (double value, char *out)
{
  ctl_load_format_bytes (out, value);
}

static void
format_us (double value, char *out)
{
  ctl_load_format_us (out, value);
}

static void
format_count (double value, char *out)
{
  if (value > 0 && value < 10 && value != floor (value))
    g_snprintf (out, CTL_PLOT_NUMBER_MAX, "%.1f", value);
  else
    ctl_load_format_count (out, value);
}

static void
format_percent (double value, char *out)
{
  g_snprintf (out, CTL_PLOT_NUMBER_MAX, "%.0f %%", value);
}

/* ---- plots ---- */

/* Nines: 0.9 is 1, 0.99 is 2 … where the tail is as wide as the middle. */
static GArray *
make_percentiles (const CtlHistogram *histogram)
{
  GArray *points = g_array_new (FALSE, FALSE, sizeof (CtlPlotPoint));
  double nines_max = histogram->count > 1 ? MIN (log10 ((double) histogram->count), 5) : 0;

  for (double nines = 0; histogram->count > 0 && nines <= nines_max + 1e-9; nines += 0.05)
    {
      CtlPlotPoint point = { .x = nines, .y = (double) ctl_histogram_quantile (histogram, 1 - pow (10, -nines)) };

      g_array_append_val (points, point);
    }
  return points;
}

static void
append_percentiles (GString *html, const CtlLoadResult *self)
{
  static const struct
  {
    const char *name;
    double quantile;
  } marks[] = { { "0", 0 }, { "50 %", 0.5 }, { "90 %", 0.9 }, { "99 %", 0.99 }, { "99.9 %", 0.999 }, { "99.99 %", 0.9999 } };
  g_autoptr (GArray) first = make_percentiles (&self->connect.first), age = make_percentiles (&self->measured.age);
  g_autoptr (GArray) round_trip = make_percentiles (&self->measured.round_trip);
  CtlPlotLine lines[] = { { "age on arrival", age }, { "first snapshot", first }, { "poll round trip", round_trip } };
  CtlPlotLine x_marks[G_N_ELEMENTS (marks)];

  for (guint i = 0; i < G_N_ELEMENTS (marks); i++)
    {
      CtlPlotPoint at = { .x = -log10 (1 - marks[i].quantile) };

      x_marks[i] = (CtlPlotLine) { marks[i].name, g_array_new (FALSE, FALSE, sizeof at) };
      g_array_append_val (x_marks[i].points, at);
    }
  ctl_plot_append (html, &(CtlPlot) { .title = "Latency by percentile", .lines = lines, .n_lines = G_N_ELEMENTS (lines), .log_y = TRUE,
                                      .x_marks = x_marks, .n_x_marks = G_N_ELEMENTS (x_marks), .format_y = format_us });
  for (guint i = 0; i < G_N_ELEMENTS (marks); i++)
    g_array_unref (x_marks[i].points);
}

typedef double (*ValueFunc) (const CtlLoadSample *sample);

static double
value_deliveries (const CtlLoadSample *sample)
{
  return sample->deliveries_per_s;
}

static double
value_bytes (const CtlLoadSample *sample)
{
  return sample->bytes_per_s;
}

static double
value_rss (const CtlLoadSample *sample)
{
  return (double) sample->rss_bytes;
}

static double
value_server_cpu (const CtlLoadSample *sample)
{
  return 100 * sample->server_cpu;
}

static double
value_own_cpu (const CtlLoadSample *sample)
{
  return 100 * sample->own_cpu;
}

static double
value_age_p50 (const CtlLoadSample *sample)
{
  return sample->age_p50_us > 0 ? (double) sample->age_p50_us : NAN;
}

static double
value_age_p99 (const CtlLoadSample *sample)
{
  return sample->age_p99_us > 0 ? (double) sample->age_p99_us : NAN;
}

static double
value_ready (const CtlLoadSample *sample)
{
  return sample->ready;
}

static double
value_questions (const CtlLoadSample *sample)
{
  return sample->questions;
}

static void
append_over_time (GString *html, const CtlLoadResult *self, const char *title, gboolean log_y, void (*format_y) (double, char *),
                  const char *name, ValueFunc func, const char *second_name, ValueFunc second)
{
  g_autoptr (GArray) points = g_array_new (FALSE, FALSE, sizeof (CtlPlotPoint)), more = g_array_new (FALSE, FALSE, sizeof (CtlPlotPoint));
  CtlPlotLine lines[] = { { name, points }, { second_name, more } };

  for (guint i = 0; i < self->samples->len; i++)
    {
      const CtlLoadSample *sample = &g_array_index (self->samples, CtlLoadSample, i);
      CtlPlotPoint point = { .x = sample->at_s, .y = func (sample) };

      if (!isnan (point.y))
        g_array_append_val (points, point);
      if (second == NULL)
        continue;
      point.y = second (sample);
      if (!isnan (point.y))
        g_array_append_val (more, point);
    }
  ctl_plot_append (html, &(CtlPlot) { .title = title, .lines = lines, .n_lines = second != NULL ? 2 : 1, .log_y = log_y, .format_y = format_y, .x_unit = " s" });
}

/* ---- the rest ---- */

static void
append_card (GString *html, gboolean bad, const char *value, const char *what)
{
  g_string_append_printf (html, "<div class=\"card%s\"><b>", bad ? " bad" : "");
  ctl_plot_append_text (html, value);
  g_string_append (html, "</b><span>");
  ctl_plot_append_text (html, what);
  g_string_append (html, "</span></div>\n");
}

static void
append_cards (GString *html, const CtlLoadResult *self)
{
  const CtlSwarmReading *measured = &self->measured;
  double seconds = MAX (self->measured_s, 1e-9), deliveries = (double) measured->deliveries, storm_s = ctl_load_result_storm_s (self);
  guint64 n_failed = ctl_load_result_count_failed (self);
  char text[CTL_LOAD_NUMBER_MAX];
  g_autofree char *ratio = g_strdup_printf ("%.2f ×", self->calm_s > 0 ? storm_s / self->calm_s : 0);

  g_string_append (html, "<div class=\"cards\">\n");
  append_card (html, FALSE, ctl_load_format_count (text, deliveries / seconds), "snapshots a second");
  append_card (html, FALSE, ctl_load_format_bytes (text, (double) measured->received_bytes / seconds), "a second");
  append_card (html, FALSE, ctl_load_format_us (text, (double) ctl_histogram_quantile (&measured->age, 0.99)), "age on arrival, p99");
  if (deliveries > 0)
    append_card (html, FALSE, ctl_load_format_us (text, 1e6 * self->server_cpu_s / deliveries), "server CPU a delivery");
  append_card (html, FALSE, ctl_load_format_bytes (text, ctl_load_result_bytes_per_view (self)),
               self->mode == CTL_LOAD_NEW_PROJECTIONS ? "server memory a question" : "server memory a client");
  if (storm_s > 0 && self->calm_s > 0)
    append_card (html, FALSE, ratio, "storm against calm");
  append_card (html, n_failed > 0, ctl_load_format_count (text, (double) n_failed), "failures");
  g_string_append (html, "</div>\n");
}

static void
append_latency_row (GString *html, const char *name, const CtlHistogram *histogram)
{
  static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999, 1 };
  char text[CTL_LOAD_NUMBER_MAX];

  g_string_append_printf (html, "<tr><td>%s</td><td>%s</td>", name, ctl_load_format_count (text, (double) histogram->count));
  for (guint i = 0; i < G_N_ELEMENTS (quantiles); i++)
    g_string_append_printf (html, "<td>%s</td>", histogram->count > 0 ? ctl_load_format_us (text, (double) ctl_histogram_quantile (histogram, quantiles[i])) : "–");
  g_string_append (html, "</tr>\n");
}

static void
append_tables (GString *html, const CtlLoadResult *self)
{
  char a[CTL_LOAD_NUMBER_MAX], b[CTL_LOAD_NUMBER_MAX], c[CTL_LOAD_NUMBER_MAX];

  g_string_append (html, "<table><caption>Latency</caption><tr><th></th><th>count</th><th>p50</th><th>p90</th><th>p99</th><th>p99.9</th><th>max</th></tr>\n");
  append_latency_row (html, "first snapshot, from when its client was due", &self->connect.first);
  append_latency_row (html, "age on arrival, skipped ones included", &self->measured.age);
  append_latency_row (html, "poll round trip, from when it was due", &self->measured.round_trip);
  g_string_append (html, "</table>\n<table><caption>Server memory</caption><tr><th>before</th><th>with all</th><th>at most</th><th>after</th></tr>\n");
  g_string_append_printf (html, "<tr><td>%s</td><td>%s</td><td>%s</td>", ctl_load_format_bytes (a, (double) self->rss_before_bytes),
                          ctl_load_format_bytes (b, (double) self->rss_ready_bytes), ctl_load_format_bytes (c, (double) self->rss_peak_bytes));
  g_string_append_printf (html, "<td>%s</td></tr></table>\n", ctl_load_format_bytes (a, (double) self->rss_after_bytes));
  if (self->storms->len > 0)
    g_string_append_printf (html, "<table><caption>Storms (calm: %s)</caption><tr><th></th><th>all fresh after</th><th>memory before</th><th>at most</th><th>after</th></tr>\n",
                            ctl_load_format_us (a, self->calm_s * 1e6));
  for (guint i = 0; i < self->storms->len; i++)
    {
      const CtlLoadStorm *storm = &g_array_index (self->storms, CtlLoadStorm, i);

      g_string_append_printf (html, "<tr><td>%u</td><td>%s</td><td>%s</td>", i + 1, storm->seconds > 0 ? ctl_load_format_us (a, storm->seconds * 1e6) : "not all",
                              ctl_load_format_bytes (b, (double) storm->rss_before_bytes));
      g_string_append_printf (html, "<td>%s</td><td>%s</td></tr>\n", ctl_load_format_bytes (a, (double) storm->rss_peak_bytes),
                              ctl_load_format_bytes (b, (double) storm->rss_after_bytes));
    }
  if (self->storms->len > 0)
    g_string_append (html, "</table>\n");
  g_string_append (html, "<table><caption>Errors</caption><tr><th>kind</th><th>count</th><th>the first</th></tr>\n");
  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    {
      if (self->measured.errors[i] == 0)
        continue;
      g_string_append_printf (html, "<tr><td>%s</td><td>%" G_GUINT64_FORMAT "</td><td>", ctl_swarm_error_to_string (i), self->measured.errors[i]);
      ctl_plot_append_text (html, self->measured.messages[i] != NULL ? self->measured.messages[i] : "");
      g_string_append (html, "</td></tr>\n");
    }
  g_string_append (html, "</table>\n");
}

char *
ctl_load_make_html (const CtlLoadResult *self)
{
  const CtlSwarmConfig *config = &self->config;
  GString *html = g_string_new (head);
  g_autoptr (GDateTime) began = g_date_time_new_from_unix_utc (self->began_us / G_USEC_PER_SEC);
  g_autofree char *when = began != NULL ? g_date_time_format (began, "%Y-%m-%d %H:%M:%S UTC") : g_strdup ("?");
  g_autofree char *title = g_strdup_printf ("%s: %s", ctl_load_mode_to_string (self->mode), self->path);
  g_autofree char *asked = g_strdup_printf ("%s, %s: %u clients over %u %s, %g new a second, hold %u s, %g s of warm-up, %g s measured%s%s%s", self->server, when,
                                            config->n_views, config->n_connections, config->transport == CTL_LOAD_WS ? "WebSockets" : "HTTP connections",
                                            config->rate, config->hold_ms / 1000, self->warm_up_s, self->measured_s,
                                            self->stopped_by != NULL ? "; stopped by " : "", self->stopped_by != NULL ? self->stopped_by : "",
                                            self->interrupted ? "; interrupted" : "");

  ctl_plot_append_text (html, title);
  g_string_append (html, style);
  g_string_append (html, "<h1>");
  ctl_plot_append_text (html, title);
  g_string_append (html, "</h1>\n<p>");
  ctl_plot_append_text (html, asked);
  g_string_append (html, "</p>\n");
  append_cards (html, self);
  g_string_append (html, "<div class=\"plots\">\n");
  append_percentiles (html, self);
  append_over_time (html, self, "Age on arrival", TRUE, format_us, "p50", value_age_p50, "p99", value_age_p99);
  append_over_time (html, self, "Snapshots delivered a second", FALSE, format_count, "", value_deliveries, NULL, NULL);
  append_over_time (html, self, "Bytes received a second", FALSE, format_bytes, "", value_bytes, NULL, NULL);
  append_over_time (html, self, "Memory of the server", FALSE, format_bytes, "", value_rss, NULL, NULL);
  if (self->mode == CTL_LOAD_NEW_PROJECTIONS)
    append_over_time (html, self, "Questions alive, and clients with an answer", FALSE, format_count, "questions", value_questions, "clients", value_ready);
  else
    append_over_time (html, self, "Clients with a snapshot", FALSE, format_count, "", value_ready, NULL, NULL);
  append_over_time (html, self, "CPU, of one core", FALSE, format_percent, "server", value_server_cpu, "this client", value_own_cpu);
  g_string_append (html, "</div>\n");
  append_tables (html, self);
  g_string_append (html, "</body></html>\n");
  return g_string_free (html, FALSE);
}
