/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The result of a load test for a person at a terminal, and how its numbers are written everywhere. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl-load-result.h"
#include "ctl.h"

const char *
ctl_load_format_us (char *out, double us)
{
  static const struct
  {
    double unit;
    const char *name;
  } units[] = { { 1, "µs" }, { 1e3, "ms" }, { 1e6, "s" } };
  guint i = fabs (us) < 1e3 ? 0 : fabs (us) < 1e6 ? 1 : 2;
  double value = us / units[i].unit;

  g_snprintf (out, CTL_LOAD_NUMBER_MAX, i == 0 || fabs (value) >= 100 ? "%.0f %s" : fabs (value) >= 10 ? "%.1f %s" : "%.2f %s", value, units[i].name);
  return out;
}

const char *
ctl_load_format_bytes (char *out, double bytes)
{
  static const char *const names[] = { "bytes", "kB", "MB", "GB", "TB" };
  guint i = 0;

  for (; i + 1 < G_N_ELEMENTS (names) && fabs (bytes) >= 1000; i++)
    bytes /= 1000;
  g_snprintf (out, CTL_LOAD_NUMBER_MAX, i == 0 || fabs (bytes) >= 100 ? "%.0f %s" : fabs (bytes) >= 10 ? "%.1f %s" : "%.2f %s", bytes, names[i]);
  return out;
}

const char *
ctl_load_format_count (char *out, double count)
{
  char digits[CTL_LOAD_NUMBER_MAX];
  gsize n, at = 0;

  g_snprintf (digits, sizeof digits, "%.0f", CLAMP (count, 0, 1e15));
  n = strlen (digits);
  for (gsize i = 0; i < n; i++)
    {
      if (i > 0 && (n - i) % 3 == 0)
        out[at++] = ',';
      out[at++] = digits[i];
    }
  out[at] = '\0';
  return out;
}

const char *
ctl_load_mode_to_string (CtlLoadMode mode)
{
  static const char *const names[] = { "hot", "new-projections", "storm" };

  return names[mode];
}

guint64
ctl_load_result_count_failed (const CtlLoadResult *self)
{
  guint64 n = self->config.n_views - MIN (self->config.n_views, self->measured.ready), n_errors = 0;

  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    n_errors += self->measured.errors[i];
  /* A bound of memory stops new ones: those that never began have not failed. Nor have those that were asking when it was interrupted. */
  if (self->stopped_by != NULL)
    n -= MIN (n, self->config.n_views - self->measured.begun);
  if (self->interrupted)
    n = MIN (n, n_errors);
  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    if (i != CTL_SWARM_OVERLOADED && i != CTL_SWARM_UNAVAILABLE) /* these are told when to come back */
      n += self->measured.errors[i];
  for (guint i = 0; i < self->storms->len; i++)
    n += g_array_index (self->storms, CtlLoadStorm, i).seconds <= 0;
  return n;
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
ctl_load_result_storm_s (const CtlLoadResult *self)
{
  g_autoptr (GArray) seconds = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < self->storms->len; i++)
    {
      if (g_array_index (self->storms, CtlLoadStorm, i).seconds <= 0)
        return 0;
      g_array_append_val (seconds, g_array_index (self->storms, CtlLoadStorm, i).seconds);
    }
  g_array_sort (seconds, compare_doubles);
  return seconds->len > 0 ? g_array_index (seconds, double, seconds->len / 2) : 0;
}

double
ctl_load_result_bytes_per_view (const CtlLoadResult *self)
{
  double grown = (double) self->rss_ready_bytes - (double) self->rss_before_bytes;
  guint n = self->connect.ready;

  return n > 0 ? MAX (grown, 0) / n : 0;
}

static void
print_latency (FILE *out, const char *name, const CtlHistogram *histogram)
{
  static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999, 1 };
  char number[CTL_LOAD_NUMBER_MAX];

  fprintf (out, "%-17s %12s", name, ctl_load_format_count (number, (double) histogram->count));
  for (guint i = 0; i < G_N_ELEMENTS (quantiles); i++)
    {
      ctl_load_format_us (number, (double) ctl_histogram_quantile (histogram, quantiles[i]));
      /* The µ has two bytes and takes one column. */
      fprintf (out, " %*s", 9 + (strstr (number, "µ") != NULL), histogram->count > 0 ? number : "–");
    }
  fputc ('\n', out);
}

static void
print_traffic (const CtlLoadResult *self, FILE *out)
{
  const CtlSwarmReading *measured = &self->measured;
  double seconds = MAX (self->measured_s, 1e-9), deliveries = (double) measured->deliveries;
  char a[CTL_LOAD_NUMBER_MAX], b[CTL_LOAD_NUMBER_MAX], c[CTL_LOAD_NUMBER_MAX], d[CTL_LOAD_NUMBER_MAX], e[CTL_LOAD_NUMBER_MAX];

  fprintf (out, "\ndelivered  %s snapshots in %.1f s: %s/s, %s/s; %s each\n", ctl_load_format_count (a, deliveries), self->measured_s,
           ctl_load_format_count (b, deliveries / seconds), ctl_load_format_bytes (c, (double) measured->received_bytes / seconds),
           ctl_load_format_bytes (d, deliveries > 0 ? (double) measured->snapshot_bytes / deliveries : 0));
  fprintf (out, "           %s skipped by clients that were busy, %s polls unchanged\n", ctl_load_format_count (a, (double) measured->skipped),
           ctl_load_format_count (b, (double) measured->unchanged));
  if (deliveries > 0)
    fprintf (out, "server     %.0f %% of a core, %.1f µs of CPU a delivery\n", 100 * self->server_cpu_s / seconds, 1e6 * self->server_cpu_s / deliveries);
  else
    fprintf (out, "server     %.0f %% of a core\n", 100 * self->server_cpu_s / seconds);
  fprintf (out, "           memory %s before, %s with all, %s at most, %s %.0f s after; %s a %s\n", ctl_load_format_bytes (a, (double) self->rss_before_bytes),
           ctl_load_format_bytes (b, (double) self->rss_ready_bytes), ctl_load_format_bytes (c, (double) self->rss_peak_bytes),
           ctl_load_format_bytes (d, (double) self->rss_after_bytes), self->settle_s, ctl_load_format_bytes (e, ctl_load_result_bytes_per_view (self)),
           self->mode == CTL_LOAD_NEW_PROJECTIONS ? "question" : "client");
  if (deliveries > 0)
    fprintf (out, "this       %.0f %% of a core, %.1f µs of CPU a delivery, memory %s\n", 100 * self->own_cpu_s / seconds,
             1e6 * self->own_cpu_s / deliveries, ctl_load_format_bytes (a, (double) self->own_rss_bytes));
}

static void
print_errors (const CtlLoadResult *self, FILE *out)
{
  gboolean any = FALSE;

  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    {
      const char *message = self->measured.messages[i];
      g_autoptr (GString) safe = g_string_new (NULL);

      if (self->measured.errors[i] == 0)
        continue;
      if (message != NULL)
        ctl_append_safe (safe, message, strlen (message), FALSE);
      fprintf (out, "%-10s %s: %" G_GUINT64_FORMAT "%s%s%s\n", any ? "" : "errors", ctl_swarm_error_to_string (i), self->measured.errors[i],
               safe->len > 0 ? " (the first: " : "", safe->str, safe->len > 0 ? ")" : "");
      any = TRUE;
    }
  if (!any)
    fprintf (out, "errors     none\n");
  if (self->measured.ready < self->measured.begun)
    fprintf (out, "           %u of %u clients have no snapshot\n", self->measured.begun - self->measured.ready, self->measured.begun);
}

static void
print_storms (const CtlLoadResult *self, FILE *out)
{
  double storm_s = ctl_load_result_storm_s (self);
  char a[CTL_LOAD_NUMBER_MAX], b[CTL_LOAD_NUMBER_MAX], c[CTL_LOAD_NUMBER_MAX], d[CTL_LOAD_NUMBER_MAX];

  if (self->storms->len == 0)
    return;
  fprintf (out, "\ncalm       a snapshot is with all after %s (median of %u)\n",
           self->calm_s > 0 ? ctl_load_format_us (a, self->calm_s * 1e6) : "an unknown time", self->measured.spreads_us->len);
  for (guint i = 0; i < self->storms->len; i++)
    {
      const CtlLoadStorm *storm = &g_array_index (self->storms, CtlLoadStorm, i);

      fprintf (out, "storm %-4u all have a fresh snapshot after %s; memory %s before, %s at most, %s after\n", i + 1,
               storm->seconds > 0 ? ctl_load_format_us (a, storm->seconds * 1e6) : "an unknown time: not all came back",
               ctl_load_format_bytes (b, (double) storm->rss_before_bytes), ctl_load_format_bytes (c, (double) storm->rss_peak_bytes),
               ctl_load_format_bytes (d, (double) storm->rss_after_bytes));
    }
  if (storm_s > 0 && self->calm_s > 0)
    fprintf (out, "           the median is %.2f × calm\n", storm_s / self->calm_s);
}

void
ctl_load_print_text (const CtlLoadResult *self, FILE *out)
{
  const CtlSwarmConfig *config = &self->config;
  g_autoptr (GString) path = g_string_new (NULL);
  char a[CTL_LOAD_NUMBER_MAX], b[CTL_LOAD_NUMBER_MAX];

  ctl_append_safe (path, self->path, strlen (self->path), FALSE);
  fprintf (out, "%s %s: %s clients over %s %s, %u %s, hold %u s\n", ctl_load_mode_to_string (self->mode), path->str,
           ctl_load_format_count (a, config->n_views), ctl_load_format_count (b, config->n_connections),
           config->transport == CTL_LOAD_WS ? "WebSockets" : "HTTP connections", config->n_threads, config->n_threads == 1 ? "thread" : "threads",
           config->hold_ms / 1000);
  if (self->stopped_by != NULL)
    fprintf (out, "stopped by %s, at %u\n", self->stopped_by, self->measured.begun);
  fprintf (out, "connected  in %.2f s; then %.1f s of warm-up\n\n", self->connect_s, self->warm_up_s);
  fprintf (out, "%-17s %12s %9s %9s %9s %9s %9s\n", "latency", "count", "p50", "p90", "p99", "p99.9", "max");
  print_latency (out, "first snapshot", &self->connect.first);
  print_latency (out, "age on arrival", &self->measured.age);
  print_latency (out, "poll round trip", &self->measured.round_trip);
  print_traffic (self, out);
  if (self->mode == CTL_LOAD_NEW_PROJECTIONS)
    fprintf (out, "questions  %u before, %u at most, %u after\n", self->questions_before, self->questions_peak, self->questions_after);
  if (self->clock_offset_us == 0)
    fprintf (out, "clock      the server's and this one are the same to %s\n", ctl_load_format_us (a, (double) self->clock_error_us));
  else
    fprintf (out, "clock      the server's is %s %s (to %s): ages are corrected by that\n", ctl_load_format_us (a, fabs ((double) self->clock_offset_us)),
             self->clock_offset_us > 0 ? "ahead" : "behind", ctl_load_format_us (b, (double) self->clock_error_us));
  print_storms (self, out);
  print_errors (self, out);
  if (self->interrupted)
    fprintf (out, "interrupted: this is what was seen until then\n");
}
