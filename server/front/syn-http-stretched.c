/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is stretched (projection/syn-stretch.h), as the members of /v1/status and /v1/projections say it. Front lane. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include "replica-number.h"
#include "syn-limits.h"

static void
append_percent (GString *json, const char *name, guint permille)
{
  g_string_append_printf (json, ",\"%s\":%u.%u", name, permille / 10, permille % 10);
}

void
syn_http_append_stretched (GString *json, const SynStretchEntry *entry, guint n_lanes)
{
  char since[REPLICA_TEXT_MAX + 1];

  since[replica_write_timestamp (since, entry->since_us)] = '\0';
  g_string_append_printf (json, "\"factor\":%u,\"interval_ms\":%u,\"since\":\"%s\",\"readers\":%u", entry->factor, entry->interval_ms, since,
                          entry->n_readers);
  append_percent (json, "cpu_percent", entry->cpu_permille);
  if (entry->lane < n_lanes)
    g_string_append_printf (json, ",\"lane\":\"%u\"", entry->lane);
  else
    g_string_append (json, ",\"lane\":\"front\"");
  append_percent (json, "lane_busy_percent", entry->busy_permille);
}

void
syn_http_append_stretched_list (GString *json, GPtrArray *entries, guint64 n_more, guint n_lanes)
{
  g_string_append (json, "\"stretched\":[");
  for (guint i = 0; i < entries->len; i++)
    {
      const SynStretchEntry *entry = entries->pdata[i];

      g_string_append (json, i > 0 ? ",{\"path\":" : "{\"path\":");
      syn_json_append_string (json, entry->key);
      g_string_append (json, ",\"grain\":");
      syn_json_append_string (json, entry->type);
      g_string_append_c (json, ',');
      syn_http_append_stretched (json, entry, n_lanes);
      g_string_append_c (json, '}');
    }
  g_string_append_printf (json, "],\"stretched_not_listed\":%" G_GUINT64_FORMAT, n_more);
}

void
syn_http_append_lane_load (GString *json, const SynStretchLane *lane)
{
  if (lane->is_known)
    {
      append_percent (json, "busy_percent", lane->busy_permille);
      append_percent (json, "available_percent", lane->had_permille);
    }
  else
    g_string_append (json, ",\"busy_percent\":null,\"available_percent\":null");
  append_percent (json, "budget_percent", SYN_LANE_BUDGET_PERMILLE);
  g_string_append_printf (json, ",\"stretched\":%u,\"worst_stretch\":%u", lane->n_stretched, lane->worst_factor);
}
