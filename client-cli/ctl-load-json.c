/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The result of a load test for programs: docs/operations.md lists the members. Times are in µs, or in s where the name says so. */

#include "ctl-load-result.h"

static void
add_int (JsonObject *object, const char *name, guint64 value)
{
  json_object_set_int_member (object, name, (gint64) value);
}

static JsonObject *
add_object (JsonObject *object, const char *name)
{
  JsonObject *member = json_object_new ();

  json_object_set_object_member (object, name, member);
  return member;
}

static void
add_latency (JsonObject *object, const char *name, const CtlHistogram *histogram)
{
  JsonObject *latency = add_object (object, name);

  add_int (latency, "count", histogram->count);
  json_object_set_double_member (latency, "mean", ctl_histogram_mean (histogram));
  add_int (latency, "p50", (guint64) ctl_histogram_quantile (histogram, 0.5));
  add_int (latency, "p90", (guint64) ctl_histogram_quantile (histogram, 0.9));
  add_int (latency, "p99", (guint64) ctl_histogram_quantile (histogram, 0.99));
  add_int (latency, "p999", (guint64) ctl_histogram_quantile (histogram, 0.999));
  add_int (latency, "max", (guint64) histogram->max_us);
}

static void
add_config (JsonObject *root, const CtlLoadResult *self)
{
  const CtlSwarmConfig *config = &self->config;

  json_object_set_string_member (root, "mode", ctl_load_mode_to_string (self->mode));
  json_object_set_string_member (root, "server", self->server);
  json_object_set_string_member (root, "path", self->path);
  json_object_set_string_member (root, "transport", config->transport == CTL_LOAD_WS ? "ws" : "http");
  add_int (root, "clients", config->n_views);
  add_int (root, "connections", config->n_connections);
  add_int (root, "threads", config->n_threads);
  json_object_set_double_member (root, "rate", config->rate);
  json_object_set_double_member (root, "hold_s", config->hold_ms / 1000.0);
  json_object_set_double_member (root, "warm_up_s", self->warm_up_s);
  json_object_set_double_member (root, "duration_s", self->duration_s);
  add_int (root, "began_us", (guint64) self->began_us);
  json_object_set_boolean_member (root, "interrupted", self->interrupted);
  if (self->stopped_by != NULL)
    json_object_set_string_member (root, "stopped_by", self->stopped_by);
  else
    json_object_set_null_member (root, "stopped_by");
}

static void
add_storms (JsonObject *root, const CtlLoadResult *self)
{
  JsonObject *object = add_object (root, "storm");
  JsonArray *rounds = json_array_new ();
  double storm_s = ctl_load_result_storm_s (self);

  json_object_set_double_member (object, "calm_s", self->calm_s);
  json_object_set_double_member (object, "storm_s", storm_s);
  if (storm_s > 0 && self->calm_s > 0)
    json_object_set_double_member (object, "ratio", storm_s / self->calm_s);
  else
    json_object_set_null_member (object, "ratio");
  for (guint i = 0; i < self->storms->len; i++)
    {
      const CtlLoadStorm *storm = &g_array_index (self->storms, CtlLoadStorm, i);
      JsonObject *round = json_object_new ();

      json_object_set_double_member (round, "seconds", storm->seconds);
      add_int (round, "rss_before_bytes", storm->rss_before_bytes);
      add_int (round, "rss_peak_bytes", storm->rss_peak_bytes);
      add_int (round, "rss_after_bytes", storm->rss_after_bytes);
      json_array_add_object_element (rounds, round);
    }
  json_object_set_array_member (object, "rounds", rounds);
}

static void
add_samples (JsonObject *root, const CtlLoadResult *self)
{
  JsonArray *samples = json_array_new ();

  for (guint i = 0; i < self->samples->len; i++)
    {
      const CtlLoadSample *sample = &g_array_index (self->samples, CtlLoadSample, i);
      JsonObject *object = json_object_new ();

      json_object_set_double_member (object, "at_s", sample->at_s);
      json_object_set_string_member (object, "phase", sample->phase);
      add_int (object, "connections", sample->connected);
      add_int (object, "clients_ready", sample->ready);
      add_int (object, "questions", sample->questions);
      json_object_set_double_member (object, "deliveries_per_s", sample->deliveries_per_s);
      json_object_set_double_member (object, "bytes_per_s", sample->bytes_per_s);
      json_object_set_double_member (object, "server_cpu", sample->server_cpu);
      json_object_set_double_member (object, "client_cpu", sample->own_cpu);
      add_int (object, "rss_bytes", sample->rss_bytes);
      add_int (object, "age_p50_us", (guint64) sample->age_p50_us);
      add_int (object, "age_p99_us", (guint64) sample->age_p99_us);
      json_array_add_object_element (samples, object);
    }
  json_object_set_array_member (root, "samples", samples);
}

static void
add_measured (JsonObject *root, const CtlLoadResult *self)
{
  const CtlSwarmReading *measured = &self->measured;
  double seconds = MAX (self->measured_s, 1e-9), deliveries = (double) measured->deliveries;
  JsonObject *object = add_object (root, "measured");

  json_object_set_double_member (object, "seconds", self->measured_s);
  add_int (object, "deliveries", measured->deliveries);
  json_object_set_double_member (object, "deliveries_per_s", deliveries / seconds);
  add_int (object, "received_bytes", measured->received_bytes);
  json_object_set_double_member (object, "bytes_per_s", (double) measured->received_bytes / seconds);
  json_object_set_double_member (object, "snapshot_bytes", deliveries > 0 ? (double) measured->snapshot_bytes / deliveries : 0);
  add_int (object, "polls", measured->polls);
  add_int (object, "unchanged", measured->unchanged);
  add_int (object, "skipped", measured->skipped);

  object = add_object (root, "server_use");
  json_object_set_double_member (object, "cpu", self->server_cpu_s / seconds);
  json_object_set_double_member (object, "cpu_us_per_delivery", deliveries > 0 ? 1e6 * self->server_cpu_s / deliveries : 0);
  add_int (object, "rss_before_bytes", self->rss_before_bytes);
  add_int (object, "rss_ready_bytes", self->rss_ready_bytes);
  add_int (object, "rss_peak_bytes", self->rss_peak_bytes);
  add_int (object, "rss_after_bytes", self->rss_after_bytes);
  json_object_set_double_member (object, "bytes_per_client", ctl_load_result_bytes_per_view (self));
  json_object_set_double_member (object, "settle_s", self->settle_s);
  add_int (object, "questions_before", self->questions_before);
  add_int (object, "questions_peak", self->questions_peak);
  add_int (object, "questions_after", self->questions_after);

  object = add_object (root, "client_use");
  json_object_set_double_member (object, "cpu", self->own_cpu_s / seconds);
  json_object_set_double_member (object, "cpu_us_per_delivery", deliveries > 0 ? 1e6 * self->own_cpu_s / deliveries : 0);
  add_int (object, "rss_bytes", self->own_rss_bytes);
}

JsonNode *
ctl_load_make_json (const CtlLoadResult *self)
{
  JsonNode *node = json_node_new (JSON_NODE_OBJECT);
  JsonObject *root = json_object_new (), *object;

  json_node_take_object (node, root);
  add_config (root, self);
  object = add_object (root, "clock");
  json_object_set_int_member (object, "offset_us", self->clock_offset_us);
  json_object_set_int_member (object, "error_us", self->clock_error_us);
  object = add_object (root, "connect");
  json_object_set_double_member (object, "seconds", self->connect_s);
  add_int (object, "ready", self->connect.ready);
  object = add_object (root, "latency_us");
  add_latency (object, "first_snapshot", &self->connect.first);
  add_latency (object, "age_on_arrival", &self->measured.age);
  add_latency (object, "poll_round_trip", &self->measured.round_trip);
  add_measured (root, self);
  if (self->mode == CTL_LOAD_STORM)
    add_storms (root, self);
  else
    json_object_set_null_member (root, "storm");
  object = add_object (root, "errors");
  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    add_int (object, ctl_swarm_error_to_string (i), self->measured.errors[i]);
  add_int (root, "clients_without_snapshot", self->measured.begun - MIN (self->measured.begun, self->measured.ready));
  json_object_set_boolean_member (root, "ok", ctl_load_result_count_failed (self) == 0);
  add_samples (root, self);
  return node;
}
