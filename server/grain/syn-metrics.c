/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metrics: one cell per lane and metric. The lane's thread is the only writer of its cells, so adding is a plain load and
 * store (relaxed), and lanes share no cache line. The names are the process's, for they describe the program; the
 * numbers are the lanes'. Rejected: atomics shared by all lanes (a contended line on every event). */
#define G_LOG_DOMAIN "syn-metrics"

#include "syn-lane-private.h"
#include "syn-silo.h"

typedef struct {
  SynMetricKind kind;
  char *name;
  char *type; /* (nullable) */
  char *help;
} Description;

static GMutex mutex; /* guards the two below while metrics are being added */
static Description descriptions[SYN_METRICS_MAX];
static guint n_descriptions; /* atomic: a description is complete before it is counted */

/**
 * syn_metric_register:
 * @name: as in Prometheus, without the prefix `synoptic_`
 *
 * More than %SYN_METRICS_MAX names end the process: the number of metrics is known when it is compiled.
 */
SynMetric
syn_metric_register (SynMetricKind kind, const char *name, const char *help)
{
  return syn_metric_register_typed (kind, name, NULL, help);
}

SynMetric
syn_metric_register_typed (SynMetricKind kind, const char *name, const char *type, const char *help)
{
  SynMetric metric;

  g_mutex_lock (&mutex);
  for (metric = 0; metric < n_descriptions; metric++)
    if (g_str_equal (descriptions[metric].name, name) && g_strcmp0 (descriptions[metric].type, type) == 0)
      break;
  if (metric == n_descriptions)
    {
      if (metric == SYN_METRICS_MAX)
        g_error ("no room for the metric %s: more than %d", name, SYN_METRICS_MAX);
      descriptions[metric] = (Description) { kind, g_strdup (name), g_strdup (type), g_strdup (help) };
      __atomic_store_n (&n_descriptions, metric + 1, __ATOMIC_RELEASE);
    }
  g_mutex_unlock (&mutex);
  return metric;
}

void
syn_metric_add (SynLane *lane, SynMetric metric, gint64 n)
{
  gint64 *cell = &lane->cells[metric];

  __atomic_store_n (cell, __atomic_load_n (cell, __ATOMIC_RELAXED) + n, __ATOMIC_RELAXED);
}

gint64
syn_metric_get (SynLane *lane, SynMetric metric)
{
  g_return_val_if_fail (metric < SYN_METRICS_MAX, 0);
  return __atomic_load_n (&lane->cells[metric], __ATOMIC_RELAXED);
}

gint64
syn_metric_sum (SynSilo *silo, SynMetric metric)
{
  SynLane *front = syn_silo_get_front_lane (silo);
  gint64 sum = front != NULL ? syn_metric_get (front, metric) : 0;

  for (guint i = 0; i < syn_silo_get_n_lanes (silo); i++)
    sum += syn_metric_get (syn_silo_get_lane (silo, i), metric);
  return sum;
}

guint
syn_metrics_count (void)
{
  return __atomic_load_n (&n_descriptions, __ATOMIC_ACQUIRE);
}

/**
 * syn_metric_describe:
 *
 * Returns: (transfer none) (nullable): the name; %NULL when there is no such metric
 */
const char *
syn_metric_describe (SynMetric metric, SynMetricKind *kind, const char **help)
{
  if (metric >= syn_metrics_count ())
    return NULL;
  if (kind != NULL)
    *kind = descriptions[metric].kind;
  if (help != NULL)
    *help = descriptions[metric].help;
  return descriptions[metric].name;
}

const char *
syn_metric_get_type (SynMetric metric)
{
  return metric < syn_metrics_count () ? descriptions[metric].type : NULL;
}
