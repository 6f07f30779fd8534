/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /metrics: the Prometheus text format, version 0.0.4. Front lane. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include <string.h>

#include "syn-expr.h"
#include "syn-process.h"

#define CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

void
syn_http_append_metric_head (GString *text, const char *name, const char *type, const char *help)
{
  g_string_append_printf (text, "# HELP %s ", name);
  for (const char *p = help; *p != '\0'; p++)
    {
      if (*p == '\\')
        g_string_append (text, "\\\\");
      else if (*p == '\n')
        g_string_append (text, "\\n");
      else
        g_string_append_c (text, *p);
    }
  g_string_append_printf (text, "\n# TYPE %s %s\n", name, type);
}

void
syn_http_append_metric (GString *text, const char *name, const char *type, const char *help, double value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  syn_http_append_metric_head (text, name, type, help);
  g_string_append_printf (text, "%s %s\n", name, g_ascii_dtostr (number, sizeof number, value));
}

/* Prometheus counts in seconds: what is kept in µs is told so. Returns the name of ours up to its unit, or NULL. */
static char *
strip_us (const char *name)
{
  return g_str_has_suffix (name, "_us_total") ? g_strndup (name, strlen (name) - strlen ("_us_total")) : NULL;
}

static void
append_value (GString *text, gint64 value, gboolean us)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  if (us)
    g_string_append (text, g_ascii_formatd (number, sizeof number, "%.6f", (double) value / G_USEC_PER_SEC));
  else
    g_string_append_printf (text, "%" G_GINT64_FORMAT, value);
  g_string_append_c (text, '\n');
}

/* By lane: who adds them up gets the silo's, and who does not sees a lane that is busier than the others. */
static void
append_lane (GString *text, const char *name, const char *type, const char *lane_name, gint64 value, gboolean us)
{
  g_string_append_printf (text, "%s{", name);
  if (type != NULL)
    g_string_append_printf (text, "type=\"%s\",", type);
  g_string_append_printf (text, "lane=\"%s\"} ", lane_name);
  append_value (text, value, us);
}

/* Whether one before @metric has its name: then it was written with that. */
static gboolean
is_of_family_before (SynMetric metric)
{
  const char *name = syn_metric_describe (metric, NULL, NULL);

  for (SynMetric i = 0; i < metric && syn_metric_get_type (metric) != NULL; i++)
    if (g_str_equal (syn_metric_describe (i, NULL, NULL), name))
      return TRUE;
  return FALSE;
}

static void
append_metric (GString *text, SynSilo *silo, SynMetric metric)
{
  SynMetricKind kind;
  const char *help;
  const char *short_name = syn_metric_describe (metric, &kind, &help);
  gboolean total = kind == SYN_METRIC_COUNTER && !g_str_has_suffix (short_name, "_total");
  g_autofree char *timed = strip_us (short_name);
  g_autofree char *name = timed != NULL ? g_strconcat ("synoptic_", timed, "_seconds_total", NULL)
                                        : g_strconcat ("synoptic_", short_name, total ? "_total" : NULL, NULL);

  if (is_of_family_before (metric))
    return;
  syn_http_append_metric_head (text, name, kind == SYN_METRIC_COUNTER ? "counter" : "gauge", help);
  for (SynMetric i = metric; i < syn_metrics_count (); i++)
    {
      const char *type = syn_metric_get_type (i);

      if (i != metric && (type == NULL || !g_str_equal (syn_metric_describe (i, NULL, NULL), short_name)))
        continue;
      for (guint k = 0; k < syn_silo_get_n_lanes (silo); k++)
        {
          char lane_name[12];

          g_snprintf (lane_name, sizeof lane_name, "%u", k);
          append_lane (text, name, type, lane_name, syn_metric_get (syn_silo_get_lane (silo, k), i), timed != NULL);
        }
      append_lane (text, name, type, "front", syn_metric_get (syn_silo_get_front_lane (silo), i), timed != NULL);
    }
}

static void
append_process (GString *text)
{
  SynProcess process;

  syn_process_read (&process);
  syn_http_append_metric (text, "process_cpu_seconds_total", "counter",
                 "Total user and system CPU time spent in seconds.", process.cpu_s);
  syn_http_append_metric (text, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes.",
                 (double) process.rss_bytes);
  syn_http_append_metric (text, "process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.",
                 (double) process.virtual_bytes);
  syn_http_append_metric (text, "process_open_fds", "gauge", "Number of open file descriptors.", process.descriptors);
  if (process.max_descriptors != G_MAXUINT64)
    syn_http_append_metric (text, "process_max_fds", "gauge", "Maximum number of open file descriptors.",
                   (double) process.max_descriptors);
  syn_http_append_metric (text, "process_start_time_seconds", "gauge",
                 "Start time of the process since unix epoch in seconds.", process.started_s);
}

void
syn_http_metrics (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  GString *text = g_string_new (NULL);
  g_autoptr (GBytes) body = NULL;

  syn_http_edge_note_metrics (http);
  syn_http_append_metric_head (text, "synoptic_build_info", "gauge", "The version that runs; always 1.");
  g_string_append (text, "synoptic_build_info{version=\"" SYNOPTIC_VERSION "\"} 1\n");
  syn_http_append_metric (text, "synoptic_ready", "gauge", "Whether /readyz says yes.",
                 http->ready && !http->draining);
  syn_http_append_metric (text, "synoptic_http_connections", "gauge", "Open HTTP connections.", syn_http_count (http));
  syn_http_append_metric_head (text, "synoptic_grains", "gauge", "Activations, by type of grain.");
  for (guint i = 0; i < syn_silo_get_n_types (http->silo); i++)
    g_string_append_printf (text, "synoptic_grains{type=\"%s\"} %u\n", syn_silo_get_type_name (http->silo, i),
                            syn_silo_get_n_activations (http->silo, syn_silo_get_type_name (http->silo, i)));
  syn_http_append_metric (text, "synoptic_expression_limits_total", "counter",
                 "Values of expressions that are null because a string grew beyond its limit.",
                 (double) syn_program_get_n_exceeded ());
  syn_http_append_journal_metrics (text, http->silo);
  for (guint i = 0; i < syn_metrics_count (); i++)
    append_metric (text, http->silo, i);
  append_process (text);
  body = g_string_free_to_bytes (text);
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Cache-Control", "no-store");
  syn_http_respond (msg, SOUP_STATUS_OK, CONTENT_TYPE, body);
}
