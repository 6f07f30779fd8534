/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl status: /v1/status for people. The document has a hundred numbers of each lane; what an operator
 * looks for first are sums over the lanes, by what they belong to, what should be 0 and is not, then lanes,
 * questions and sources, a line each. Whoever wants all of it takes --format json, or /metrics. */

#include <string.h>

#include "ctl.h"

/* What is shown, in order. A metric that a server does not have is left out. */
static const struct
{
  const char *group, *name, *metric;
} totals[] = {
  { "events", "published", "source_events_total" },
  { "events", "applied", "applied_events_total" },
  { "events", "batches_in_flight", "source_batches_in_flight" },
  { "conflation", "partials", "partials_total" },
  { "conflation", "rows", "partial_rows_total" },
  { "recovery", "sources_to_open", "source_recovering" },
  { "recovery", "projections_to_come", "projections_recovering" },
  { "recovery", "replayed_events", "source_replayed_events_total" },
  { "checkpoints", "written", "checkpoints_total" },
  { "checkpoints", "bytes", "checkpoint_bytes_total" },
  { "snapshots", "made", "snapshots_total" },
  { "snapshots", "stretched", "snapshots_stretched" },
  { "questions", "evaluated", "query_evaluations_total" },
  { "questions", "from_changes", "query_incremental_total" },
  { "questions", "polls_answered", "polls_answered_total" },
  { "sent", "snapshots", "websocket_snapshots_total" },
  { "sent", "as_deltas", "websocket_deltas_total" },
  { "sent", "compressed", "websocket_compressed_total" },
  { "sent", "full_bytes", "websocket_full_bytes_total" },
  { "sent", "delta_bytes", "websocket_delta_bytes_total" },
  { "sent", "compressed_bytes", "websocket_compressed_bytes_total" },
  { "store", "requests", "store_requests_total" },
  { "store", "waiting", "store_waiting" },
  { "reminders", "set", "reminders" },
  { "reminders", "ticks", "reminder_ticks_total" },
};

/* Those that grow, or are not 0, when something is wrong (docs/operations.md, "What to watch"). */
static const char *const troubles[] = {
  "late_events_total",       "untimed_events_total",      "dropped_events_total",      "dropped_values_total",
  "merge_errors_total",      "repeated_events_total",     "source_refused_total",      "source_apply_errors_total",
  "grain_restarts_total",    "grains_down",               "activations_failed_total",  "slow_turns_total",
  "calls_overloaded_total",  "call_timeouts_total",       "store_conflicts_total",     "store_failures_total",
  "reminder_failures_total", "http_refused_total",        "websocket_stalled_total",   "websocket_protocol_errors_total",
  "checkpoint_errors_total",
};

static const struct
{
  const char *name, *metric;
} of_a_lane[] = {
  { "grains", "activations" },       { "beacons", "beacons" },
  { "polls_waiting", "polls_waiting" }, { "websockets", "websocket_connections" },
  { "events_applied", "applied_events_total" }, { "snapshots", "snapshots_total" },
  { "evaluated", "query_evaluations_total" }, { "slow_turns", "slow_turns_total" },
};

/* Members of a lane beside its metrics. */
static const char *const loads[] = { "busy_percent", "stretched", "worst_stretch" };

static JsonNode *
get (JsonObject *object, const char *name)
{
  return object != NULL ? json_object_get_member (object, name) : NULL;
}

static JsonArray *
get_array (JsonObject *object, const char *name)
{
  JsonNode *node = get (object, name);

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node) ? json_node_get_array (node) : NULL;
}

static JsonObject *
get_object (JsonArray *array, guint index)
{
  JsonNode *node = json_array_get_element (array, index);

  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

/* Of one lane. FALSE: there is no such number. */
static gboolean
read_metric (JsonObject *lane, const char *name, gint64 *value)
{
  JsonNode *metrics = get (lane, "metrics");
  JsonNode *node = metrics != NULL && JSON_NODE_HOLDS_OBJECT (metrics) ? get (json_node_get_object (metrics), name) : NULL;

  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node) || json_node_get_value_type (node) != G_TYPE_INT64)
    return FALSE;
  *value = json_node_get_int (node);
  return TRUE;
}

static gboolean
add_up (JsonArray *lanes, const char *name, gint64 *sum)
{
  gboolean found = FALSE;
  guint64 all = 0; /* a server may send any numbers: no overflow that is undefined */

  for (guint i = 0; i < json_array_get_length (lanes); i++)
    {
      gint64 value;

      if (!read_metric (get_object (lanes, i), name, &value))
        continue;
      all += (guint64) value;
      found = TRUE;
    }
  *sum = (gint64) all;
  return found;
}

static JsonObject *
group_of (JsonObject *out, const char *name)
{
  JsonNode *node = get (out, name);
  JsonObject *group;

  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    return json_node_get_object (node);
  group = json_object_new ();
  json_object_set_object_member (out, name, group);
  return group;
}

/* An edge whose upstream is not there. */
static gboolean
is_cut_off (JsonObject *status)
{
  JsonNode *upstream = get (status, "upstream");
  JsonNode *state = upstream != NULL && JSON_NODE_HOLDS_OBJECT (upstream) ? get (json_node_get_object (upstream), "state") : NULL;

  return state != NULL && json_node_get_value_type (state) == G_TYPE_STRING && !g_str_equal (json_node_get_string (state), "online");
}

static void
add_totals (JsonObject *out, JsonArray *lanes)
{
  gint64 sum, us;
  gboolean well = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (totals); i++)
    {
      if (!add_up (lanes, totals[i].metric, &sum))
        continue;
      json_object_set_int_member (group_of (out, totals[i].group), totals[i].name, sum);
      if (g_str_equal (totals[i].group, "snapshots") && sum > 0 && add_up (lanes, "snapshot_us_total", &us))
        json_object_set_int_member (group_of (out, "snapshots"), "mean_us", us / sum);
    }
  for (guint i = 0; i < G_N_ELEMENTS (troubles); i++)
    if (add_up (lanes, troubles[i], &sum) && sum != 0)
      {
        json_object_set_int_member (group_of (out, "look_at"), troubles[i], sum);
        well = FALSE;
      }
  if (is_cut_off (out))
    {
      json_object_set_string_member (group_of (out, "look_at"), "upstream", "away");
      well = FALSE;
    }
  if (well)
    json_object_set_string_member (out, "look_at", "nothing");
}

static void
add_lanes (JsonObject *out, JsonArray *lanes)
{
  JsonArray *rows = json_array_new ();

  for (guint i = 0; i < json_array_get_length (lanes); i++)
    {
      JsonObject *lane = get_object (lanes, i), *row = json_object_new ();
      JsonNode *name = get (lane, "lane");
      gint64 value;

      if (name != NULL)
        json_object_set_member (row, "lane", json_node_copy (name));
      for (guint k = 0; k < G_N_ELEMENTS (loads); k++)
        if (get (lane, loads[k]) != NULL)
          json_object_set_member (row, loads[k], json_node_copy (get (lane, loads[k])));
      for (guint k = 0; k < G_N_ELEMENTS (of_a_lane); k++)
        if (read_metric (lane, of_a_lane[k].metric, &value))
          json_object_set_int_member (row, of_a_lane[k].name, value);
      json_array_add_object_element (rows, row);
    }
  json_object_set_array_member (out, "lanes", rows);
}

/* As a person would type it. One with an encoded & stays as it is: behind `get` that must be. */
static char *
decode_path (const char *path)
{
  g_autofree char *spaced = g_strdelimit (g_strdup (path), "+", ' ');
  char *text = strchr (path, '?') != NULL ? g_uri_unescape_string (spaced, "&") : NULL;

  return text != NULL && g_utf8_validate (text, -1, NULL) ? text : (g_free (text), g_strdup (path));
}

/* The objects of an array without the member @but; with @path (nullable), that one decoded and last, since it is long. */
static JsonArray *
copy_rows (JsonArray *array, const char *but, const char *path)
{
  JsonArray *rows = json_array_new ();

  for (guint i = 0; i < json_array_get_length (array); i++)
    {
      JsonObject *object = get_object (array, i), *row = json_object_new ();
      g_autoptr (GList) names = object != NULL ? json_object_get_members (object) : NULL;
      const char *text = NULL;

      for (GList *l = names; l != NULL; l = l->next)
        {
          JsonNode *node = get (object, l->data);

          if (path != NULL && g_str_equal (l->data, path) && JSON_NODE_HOLDS_VALUE (node)
              && json_node_get_value_type (node) == G_TYPE_STRING)
            text = json_node_get_string (node);
          else if (!g_str_equal (l->data, but))
            json_object_set_member (row, l->data, json_node_copy (node));
        }
      if (text != NULL)
        {
          g_autofree char *decoded = decode_path (text);

          json_object_set_string_member (row, path, decoded);
        }
      json_array_add_object_element (rows, row);
    }
  return rows;
}

/* (transfer full) */
static JsonNode *
arrange (JsonNode *root)
{
  JsonObject *status, *out;
  g_autoptr (GList) names = NULL;
  JsonNode *node;

  if (!JSON_NODE_HOLDS_OBJECT (root))
    return json_node_copy (root);
  status = json_node_get_object (root);
  out = json_object_new ();
  names = json_object_get_members (status);
  for (GList *l = names; l != NULL; l = l->next)
    if (!JSON_NODE_HOLDS_ARRAY (get (status, l->data)) && !JSON_NODE_HOLDS_NULL (get (status, l->data))) /* no journal: no line */
      json_object_set_member (out, l->data, json_node_copy (get (status, l->data)));
  if (get_array (status, "lanes") != NULL)
    {
      add_totals (out, get_array (status, "lanes"));
      add_lanes (out, get_array (status, "lanes"));
    }
  for (GList *l = names; l != NULL; l = l->next)
    if (JSON_NODE_HOLDS_ARRAY (get (status, l->data)) && !g_str_equal (l->data, "lanes"))
      json_object_set_array_member (out, l->data, copy_rows (get_array (status, l->data), "fields", "path"));
  node = json_node_new (JSON_NODE_OBJECT);
  json_node_take_object (node, out);
  return node;
}

int
ctl_status (const char *server, int argc, char **argv)
{
  return ctl_print_document (server, argc, argv, "/v1/status", "Prints how the server is doing.", arrange);
}
