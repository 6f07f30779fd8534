/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /v1/connections?sort=ORDER&limit=N: who is connected, and who of them is slow. Front lane.
 *
 * Each lane goes through its own connections (syn-ws-list.c) and sends the first N of them in that order; the first N of those are the
 * answer. A list under way that nobody waits for any more comes to its end, so how many there are is counted, not how many
 * wait. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include <string.h>
#include "replica-number.h"
#include "syn-suggest.h"
#include "syn-ws-lane.h"

typedef struct
{
  SynHttpRequest request; /* first */
  guint n_lanes;
  gint64 real_us;
  SynConnTop top;
  guint n_out; /* lanes that have not said */
} Listing;

/* ---- the question ---- */

static gboolean
refuse (SoupServerMessage *msg, char *message)
{
  syn_http_respond_error (msg, SYN_ERROR_INVALID, message, 0, NULL);
  g_free (message);
  return FALSE;
}

static gboolean
refuse_order (SoupServerMessage *msg, const char *value)
{
  g_autoptr (GString) all = g_string_new (NULL);
  g_autofree char *hint = NULL;
  SynSuggest suggest;

  syn_suggest_init (&suggest, value);
  for (guint i = 0; i < SYN_CONN_N_ORDERS; i++)
    {
      const char *name = syn_conn_order_to_string ((SynConnOrder) i);

      syn_suggest_add (&suggest, name);
      g_string_append_printf (all, "%s%s", i == 0 ? "" : ", ", name);
    }
  hint = syn_suggest_dup_text (&suggest);
  return refuse (msg, g_strdup_printf ("sort: no order \"%.40s\"%s (one of %s)", value, hint, all->str));
}

/* FALSE: it was refused. */
static gboolean
read_parameter (SoupServerMessage *msg, const char *name, const char *value, SynConnOrder *order, guint *limit)
{
  g_autofree char *hint = NULL;
  SynSuggest suggest;

  if (strcmp (name, "sort") == 0)
    return syn_conn_order_from_string (value, order) || refuse_order (msg, value);
  if (strcmp (name, "limit") == 0)
    {
      gint64 number = 0;

      if (replica_read_int64 (value, strlen (value), &number) != REPLICA_READ_OK || number < 1 || number > SYN_MAX_CONNECTION_ENTRIES)
        return refuse (msg, g_strdup_printf ("limit: \"%.40s\" is not a number from 1 to %d", value, SYN_MAX_CONNECTION_ENTRIES));
      *limit = (guint) number;
      return TRUE;
    }
  syn_suggest_init (&suggest, name);
  syn_suggest_add (&suggest, "sort");
  syn_suggest_add (&suggest, "limit");
  hint = syn_suggest_dup_text (&suggest);
  return refuse (msg, g_strdup_printf ("no parameter \"%.40s\"%s", name, hint));
}

static gboolean
read_query (SoupServerMessage *msg, SynConnOrder *order, guint *limit)
{
  const char *query = g_uri_get_query (soup_server_message_get_uri (msg));
  GUriParamsIter iter;
  g_autoptr (GError) error = NULL;
  char *name, *value;

  if (query == NULL)
    return TRUE;
  g_uri_params_iter_init (&iter, query, -1, "&", G_URI_PARAMS_WWW_FORM);
  while (g_uri_params_iter_next (&iter, &name, &value, &error))
    {
      g_autofree char *own_name = name, *own_value = value;

      if (!read_parameter (msg, own_name, own_value, order, limit))
        return FALSE;
    }
  return error == NULL || refuse (msg, g_strdup (error->message));
}

/* ---- the answer ---- */

/* -1 is not known. */
static void
append_count (GString *json, const char *name, gint64 value)
{
  g_string_append_printf (json, value < 0 ? ",\"%s\":null" : ",\"%s\":%" G_GINT64_FORMAT, name, value);
}

static void
append_entry (GString *json, const SynConnEntry *entry, guint n_lanes, gint64 real_us)
{
  char since[REPLICA_TEXT_MAX + 1];

  g_string_append (json, "{\"peer\":");
  syn_json_append_string (json, entry->peer.address);
  g_string_append_printf (json, ",\"kind\":\"%s\",\"lane\":", entry->kind);
  if (entry->lane < n_lanes)
    g_string_append_printf (json, "\"%u\"", entry->lane);
  else
    g_string_append (json, "\"front\"");
  if (entry->tls != NULL)
    g_string_append_printf (json, ",\"tls\":\"%s\"", entry->tls);
  else
    g_string_append (json, ",\"tls\":null");
  g_string_append (json, ",\"user_agent\":");
  if (entry->agent[0] != '\0')
    syn_json_append_string (json, entry->agent);
  else
    g_string_append (json, "null");
  since[replica_write_timestamp (since, (real_us / 1000 - entry->age_ms) * 1000)] = '\0';
  g_string_append_printf (json, ",\"since\":\"%s\"", since);
  append_count (json, "idle_ms", entry->idle_ms);
  append_count (json, "views", entry->views);
  append_count (json, "polls", entry->polls);
  append_count (json, "polls_waiting", entry->polls_waiting);
  append_count (json, "snapshots", entry->snapshots);
  append_count (json, "sent_bytes", entry->sent_bytes);
  append_count (json, "waiting_bytes", (gint64) MIN (entry->waiting_bytes, (guint64) G_MAXINT64));
  append_count (json, "unacknowledged_bytes", entry->peer.unacknowledged_bytes);
  append_count (json, "behind_ms", entry->behind_ms);
  append_count (json, "behind_snapshots", entry->behind_snapshots);
  append_count (json, "goodput_bytes_s", entry->peer.goodput_bytes_s);
  append_count (json, "rtt_us", entry->peer.rtt_us);
  g_string_append_c (json, '}');
}

static void
finish (Listing *self)
{
  SynHttp *http = self->request.http;

  syn_conn_top_sort (&self->top);
  if (syn_http_request_is_alive (&self->request))
    {
      GString *json = g_string_new ("{\"connections\":[");

      for (guint i = 0; i < self->top.heap->len; i++)
        {
          if (i > 0)
            g_string_append_c (json, ',');
          append_entry (json, &g_array_index (self->top.heap, SynConnEntry, i), self->n_lanes, self->real_us);
        }
      g_string_append_printf (json, "],\"connections_not_listed\":%" G_GUINT64_FORMAT "}\n", self->top.n_seen - self->top.heap->len);
      syn_http_respond_json (self->request.msg, json);
    }
  syn_http_request_unpark (&self->request);
  syn_conn_top_clear (&self->top);
  if (http != NULL)
    http->n_lists--;
  g_free (self);
}

static void
lane_said (const SynConnTop *top, gpointer user_data)
{
  Listing *self = user_data;

  syn_conn_top_merge (&self->top, top);
  if (--self->n_out == 0)
    finish (self);
}

void
syn_http_connections (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  SynConnOrder order = SYN_CONN_BY_BEHIND;
  guint limit = SYN_CONNECTION_ENTRIES;
  Listing *self;

  if (!read_query (msg, &order, &limit))
    return;
  if (http->n_lists >= SYN_MAX_CONNECTION_LISTS)
    {
      syn_http_respond_error (msg, SYN_ERROR_OVERLOADED, "connections are being listed for others: ask again", syn_http_retry_ms (), NULL);
      return;
    }
  self = g_new0 (Listing, 1);
  http->n_lists++;
  self->n_lanes = syn_silo_get_n_lanes (http->silo);
  self->real_us = syn_lane_real_us (http->lane);
  syn_conn_top_init (&self->top, order, limit);
  syn_http_request_park (&self->request, http, msg);
  syn_http_conns_list (http->conns, &self->top);
  self->n_out = self->n_lanes;
  for (guint i = 0; i < self->n_lanes; i++)
    syn_ws_lane_list (syn_silo_get_lane (http->silo, i), order, limit, lane_said, self);
}
