/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The metrics of requests by type of grain: a filter like any other. On the receiving lane. It asks for the time of turns, not of requests: a
 * parked poll is open for seconds, and that is no work. */
#define G_LOG_DOMAIN "syn-request-metrics"

#include "syn-request-filters.h"

#include "syn-silo-private.h"

typedef struct {
  SynSilo *silo;
  SynMetric requests[SYN_LANE_MAX_TYPES], errors[SYN_LANE_MAX_TYPES], turn_us[SYN_LANE_MAX_TYPES];
  SynMetric slow;
} Metrics;

static guint
id_of (Metrics *self, const SynCallInfo *info)
{
  return syn_silo_find_kind (self->silo, info->type)->id;
}

static gboolean
before (const SynCallInfo *info, gpointer user_data, GError **error)
{
  Metrics *self = user_data;

  syn_metric_add (syn_lane_current (), self->requests[id_of (self, info)], 1);
  return TRUE;
}

static void
after (const SynCallInfo *info, gint64 elapsed_us, const GError *error, gpointer user_data)
{
  Metrics *self = user_data;

  if (error != NULL)
    syn_metric_add (syn_lane_current (), self->errors[id_of (self, info)], 1);
}

static void
turn (const SynCallInfo *info, gint64 turn_us, gpointer user_data)
{
  Metrics *self = user_data;
  SynLane *lane = syn_lane_current ();

  syn_metric_add (lane, self->turn_us[id_of (self, info)], turn_us);
  if (turn_us > SYN_SLOW_TURN_MS * 1000)
    syn_metric_add (lane, self->slow, 1);
}

void
syn_silo_add_metrics_filter (SynSilo *silo)
{
  static const SynFilter filter = { .before = before, .after = after, .turn = turn, .untimed = TRUE };
  Metrics *self = g_new0 (Metrics, 1);

  self->silo = silo;
  self->slow = syn_metric_register (SYN_METRIC_COUNTER, "slow_turns_total", "Turns of grains that held their lane for too long");
  for (guint i = 0; i < silo->n_kinds; i++)
    {
      const char *type = silo->kinds[i].type.name;

      self->requests[i] = syn_metric_register_typed (SYN_METRIC_COUNTER, "grain_requests_total", type, "Requests begun, by type of grain");
      self->errors[i] = syn_metric_register_typed (SYN_METRIC_COUNTER, "grain_request_errors_total", type, "Requests that failed, by type of grain");
      self->turn_us[i] = syn_metric_register_typed (SYN_METRIC_COUNTER, "grain_turn_us_total", type, "Time spent in turns, by type of grain");
    }
  syn_silo_set_data (silo, "request-metrics", self, g_free);
  syn_silo_add_filter (silo, &filter, self);
}
