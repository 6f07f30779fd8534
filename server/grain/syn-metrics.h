/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"

/* Counters and gauges, one cell per lane: written by the lane's thread only (relaxed), read by anyone (relaxed, summed).
 * Names are Prometheus names without the `synoptic_` prefix; they may be registered at any time, and are never forgotten. */

G_BEGIN_DECLS

typedef guint SynMetric;
#define SYN_METRICS_MAX 256

typedef enum { SYN_METRIC_COUNTER, SYN_METRIC_GAUGE } SynMetricKind;

/* Any thread, once per name (the same name gives the same metric). */
SynMetric syn_metric_register (SynMetricKind kind, const char *name, const char *help);
/* One of several of the same name, told apart by a type of grain. */
SynMetric syn_metric_register_typed (SynMetricKind kind, const char *name, const char *type, const char *help);
const char *syn_metric_get_type (SynMetric metric); /* (nullable) */
void syn_metric_add (SynLane *lane, SynMetric metric, gint64 n); /* on the lane's thread */
gint64 syn_metric_sum (SynSilo *silo, SynMetric metric);         /* any thread */
gint64 syn_metric_get (SynLane *lane, SynMetric metric);         /* any thread */
guint syn_metrics_count (void);
const char *syn_metric_describe (SynMetric metric, SynMetricKind *kind, const char **help); /* the name */

G_END_DECLS
