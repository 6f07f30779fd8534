/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What HTTP is at an edge, beside the polls (which hang on beacons as everywhere): lists from the upstream, kept; publications, passed on. Front lane.
 *
 * A list is fetched when somebody asks and the one that is kept is older than SYN_LIST_FRESH_MS, once for all who ask meanwhile; and now and then, so that
 * there is one when the upstream is away. Then the one that is kept is given, with its Age. A publication is passed on whole, and its answer comes back as
 * it is: what it means, and whether it was there before, only the owner of the source knows. Rejected: keeping publications until the upstream is back
 * (they would be acknowledged before they are durable, or not acknowledged at all). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include "syn-chain.h"
#include "syn-upstream.h"

#define PATIENCE_MS 2000 /* before a list that is kept is given although another was asked for */
#define FIRST_MS 1000    /* between attempts to have a list at all */

typedef struct _Waiting Waiting;

typedef struct {
  SynHttpEdge *edge;
  const char *path;   /* (static) */
  GBytes *body;       /* (owned) (nullable): the one that is kept */
  gint64 fetched_ms;
  gint64 known_ms;    /* when it was true: before that, where the upstream is an edge that is cut off */
  gboolean fetching;
  Waiting *waiting;
  SynTimer patience;
} List;

static const char *const list_paths[] = { "/v1/projections", "/v1/screens", "/v1/sources" };

struct _SynHttpEdge {
  guint refs;    /* the front's, and one for each request that is out */
  SynHttp *http; /* (nullable): NULL once the front is gone */
  SynUpstream *upstream;
  List lists[G_N_ELEMENTS (list_paths)];
  SynTimer refresh;
};

/* Who waits for a list. */
struct _Waiting {
  SynHttpRequest request; /* first */
  Waiting *next;
  List *list;
};

typedef struct {
  SynHttpRequest request; /* first */
  SynUploads *uploads;    /* (owned) */
  gsize counted;          /* in @uploads */
} Forward;

typedef struct {
  SynMetric online, age_ms, connections, received_bytes, paths, requests, failures;
} EdgeMetrics;

static EdgeMetrics metrics;

static void
register_metrics (void)
{
  metrics.online = syn_metric_register (SYN_METRIC_GAUGE, "upstream_online", "Whether this edge has a connection to its upstream");
  metrics.age_ms = syn_metric_register (SYN_METRIC_GAUGE, "upstream_age_ms", "How long ago it was last known what is the newest at the upstream");
  metrics.connections = syn_metric_register (SYN_METRIC_COUNTER, "upstream_connections_total", "Connections made to the upstream");
  metrics.received_bytes = syn_metric_register (SYN_METRIC_COUNTER, "upstream_received_bytes_total", "Bytes of messages from the upstream");
  metrics.paths = syn_metric_register (SYN_METRIC_GAUGE, "upstream_paths", "Paths of the upstream that are followed, or kept for a while");
  metrics.requests = syn_metric_register (SYN_METRIC_COUNTER, "upstream_requests_total", "Requests of HTTP passed on to the upstream");
  metrics.failures = syn_metric_register (SYN_METRIC_COUNTER, "upstream_failures_total", "Requests of HTTP that the upstream did not answer");
}

static void
edge_unref (SynHttpEdge *self)
{
  if (--self->refs > 0)
    return;
  for (guint i = 0; i < G_N_ELEMENTS (self->lists); i++)
    g_clear_pointer (&self->lists[i].body, g_bytes_unref);
  g_free (self);
}

static void
count_request (SynHttpEdge *self, const GError *error)
{
  if (self->http == NULL)
    return;
  syn_metric_add (self->http->lane, metrics.requests, 1);
  if (error != NULL)
    syn_metric_add (self->http->lane, metrics.failures, 1);
}

/* ---- lists ---- */

static gint64
list_age_ms (const List *list)
{
  return syn_lane_now_ms (list->edge->http->lane) - list->known_ms;
}

static gboolean
is_fresh (const List *list, gint64 within_ms)
{
  return list->body != NULL && syn_lane_now_ms (list->edge->http->lane) - list->fetched_ms < within_ms;
}

/* With the one that is kept; without one, with @error (nullable). */
static void
respond_list (List *list, SoupServerMessage *msg, const GError *error)
{
  if (list->body == NULL)
    {
      syn_http_respond_error (msg, error != NULL ? syn_http_error_code (error) : SYN_ERROR_UNAVAILABLE,
                              error != NULL ? error->message : "the upstream has not answered yet", syn_http_retry_ms (), NULL);
      return;
    }
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Cache-Control", "no-store");
  if (list_age_ms (list) >= 1000)
    syn_http_set_age (msg, list_age_ms (list) / 1000);
  syn_http_respond (msg, SOUP_STATUS_OK, "application/json", list->body);
}

static void
waiting_free (Waiting *self)
{
  for (Waiting **at = &self->list->waiting; *at != NULL; at = &(*at)->next)
    if (*at == self)
      {
        *at = self->next;
        break;
      }
  syn_http_request_unpark (&self->request);
  g_free (self);
}

static void
waiting_end (SynHttpRequest *request, SynHttpEnd why)
{
  Waiting *self = (Waiting *) request;

  respond_list (self->list, request->msg, NULL);
  waiting_free (self);
}

static void
waiting_gone (SynHttpRequest *request)
{
  waiting_free ((Waiting *) request);
}

static void
respond_waiting (List *list, const GError *error)
{
  syn_lane_disarm (list->edge->http->lane, &list->patience);
  while (list->waiting != NULL)
    {
      respond_list (list, list->waiting->request.msg, error);
      waiting_free (list->waiting);
    }
}

static void
fetched (const SynUpstreamAnswer *answer, const GError *error, gpointer user_data)
{
  List *list = user_data;
  SynHttpEdge *edge = list->edge;
  g_autoptr (GError) refused = NULL;

  list->fetching = FALSE;
  count_request (edge, error);
  if (answer != NULL && answer->status == SOUP_STATUS_OK)
    {
      g_clear_pointer (&list->body, g_bytes_unref);
      list->body = g_bytes_ref (answer->body);
      if (edge->http != NULL)
        {
          list->fetched_ms = syn_lane_now_ms (edge->http->lane);
          list->known_ms = list->fetched_ms - answer->age_s * 1000;
        }
    }
  else if (answer != NULL)
    refused = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the upstream %s answered %u to a question for %s",
                           syn_upstream_get_uri (edge->upstream), answer->status, list->path);
  if (edge->http != NULL)
    respond_waiting (list, error != NULL ? error : refused);
  edge_unref (edge);
}

static void
fetch (List *list)
{
  SynUpstreamRequest *request;

  if (list->fetching)
    return;
  list->fetching = TRUE;
  list->edge->refs++;
  request = g_new0 (SynUpstreamRequest, 1);
  request->method = SOUP_METHOD_GET;
  request->path = g_strdup (list->path);
  syn_upstream_ask (list->edge->upstream, list->edge->http->lane, request, fetched, list);
}

static void
on_patience (SynTimer *timer, gpointer user_data)
{
  List *list = user_data;

  if (list->body != NULL)
    respond_waiting (list, NULL);
}

static void
on_refresh (SynTimer *timer, gpointer user_data)
{
  SynHttpEdge *self = user_data;
  gboolean all = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (self->lists); i++)
    {
      List *list = &self->lists[i];

      all = all && list->body != NULL;
      if (!is_fresh (list, SYN_LIST_REFRESH_MS))
        fetch (list);
    }
  syn_lane_arm (self->http->lane, &self->refresh, all ? SYN_LIST_REFRESH_MS / 4 : FIRST_MS, on_refresh, self);
}

void
syn_http_edge_list (SynHttp *http, SoupServerMessage *msg, const char *path)
{
  List *list = NULL;
  Waiting *waiting;

  for (guint i = 0; i < G_N_ELEMENTS (http->edge->lists); i++)
    if (g_str_equal (http->edge->lists[i].path, path))
      list = &http->edge->lists[i];
  g_return_if_fail (list != NULL);
  if (is_fresh (list, SYN_LIST_FRESH_MS))
    {
      respond_list (list, msg, NULL);
      return;
    }
  waiting = g_new0 (Waiting, 1);
  waiting->request.end = waiting_end;
  waiting->request.gone = waiting_gone;
  waiting->list = list;
  waiting->next = list->waiting;
  list->waiting = waiting;
  syn_http_request_park (&waiting->request, http, msg);
  if (!syn_timer_is_armed (&list->patience))
    syn_lane_arm (http->lane, &list->patience, PATIENCE_MS, on_patience, list);
  fetch (list);
}

/* ---- publications ---- */

static void
forwarded (const SynUpstreamAnswer *answer, const GError *error, gpointer user_data)
{
  Forward *self = user_data;
  SynHttp *http = self->request.http;

  if (syn_http_request_is_alive (&self->request) && answer != NULL)
    {
      SoupMessageHeaders *headers = soup_server_message_get_response_headers (self->request.msg);

      soup_message_headers_replace (headers, "Cache-Control", "no-store");
      if (answer->retry_after != NULL)
        soup_message_headers_replace (headers, "Retry-After", answer->retry_after);
      syn_http_respond (self->request.msg, answer->status, answer->content_type, answer->body);
    }
  else if (syn_http_request_is_alive (&self->request))
    syn_http_respond_error (self->request.msg, syn_http_error_code (error), error->message, syn_http_retry_ms (), NULL);
  if (http != NULL)
    count_request (http->edge, error);
  syn_uploads_give_back (self->uploads, self->counted);
  syn_uploads_unref (self->uploads);
  syn_http_request_unpark (&self->request);
  g_free (self);
}

void
syn_http_edge_publish (SynHttp *http, SoupServerMessage *msg, GBytes *body, gsize counted)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  SynUpstreamRequest *request = g_new0 (SynUpstreamRequest, 1);
  Forward *self = g_new0 (Forward, 1);

  request->method = SOUP_METHOD_POST;
  request->path = g_strdup (g_uri_get_path (soup_server_message_get_uri (msg)));
  request->content_type = g_strdup (soup_message_headers_get_one (headers, "Content-Type"));
  request->producer = g_strdup (soup_message_headers_get_one (headers, "Synoptic-Producer"));
  request->sequence = g_strdup (soup_message_headers_get_one (headers, "Synoptic-Sequence"));
  request->body = g_bytes_ref (body);
  self->uploads = syn_uploads_ref (http->uploads);
  self->counted = counted;
  syn_http_request_park (&self->request, http, msg);
  syn_upstream_ask (http->edge->upstream, http->lane, request, forwarded, self);
}

/* ---- what is said of it ---- */

static const char *
state_name (ReplicaLinkState state)
{
  return state == REPLICA_LINK_ONLINE ? "online" : state == REPLICA_LINK_CONNECTING ? "connecting" : "offline";
}

void
syn_http_edge_append_status (SynHttp *http, GString *json)
{
  g_auto (SynUpstreamStatus) status = { 0 };
  gint64 now_ms = syn_lane_now_ms (http->lane);

  if (syn_chain_get (http->silo) != NULL)
    g_string_append_printf (json, "\"id\":\"%s\",", syn_chain_get_id (syn_chain_get (http->silo)));
  if (http->edge == NULL)
    return;
  syn_upstream_get_status (http->edge->upstream, &status);
  g_string_append (json, "\"upstream\":{\"url\":");
  syn_json_append_string (json, syn_upstream_get_uri (http->edge->upstream));
  g_string_append_printf (json, ",\"state\":\"%s\",\"state_s\":%.3f,\"error\":", state_name (status.state),
                          (double) MAX (0, now_ms - status.since_ms) / 1000);
  if (status.error != NULL)
    syn_json_append_string (json, status.error);
  else
    g_string_append (json, "null");
  if (status.heard_ms >= 0)
    g_string_append_printf (json, ",\"age_s\":%.3f", (double) MAX (0, now_ms - status.heard_ms) / 1000);
  else
    g_string_append (json, ",\"age_s\":null");
  if (status.rtt_us >= 0)
    g_string_append_printf (json, ",\"rtt_us\":%" G_GINT64_FORMAT, status.rtt_us);
  else
    g_string_append (json, ",\"rtt_us\":null");
  g_string_append_printf (json,
                          ",\"goodput_bytes_per_s\":%.0f,\"received_bytes\":%" G_GUINT64_FORMAT ",\"connections\":%" G_GUINT64_FORMAT
                          ",\"paths\":%u,\"above\":[",
                          status.goodput, status.received_bytes, status.n_connections, status.n_paths);
  for (guint i = 0; status.above != NULL && status.above[i] != NULL; i++)
    g_string_append_printf (json, "%s\"%s\"", i > 0 ? "," : "", status.above[i]);
  g_string_append (json, "]},");
}

static void
set_metric (SynLane *lane, SynMetric metric, gint64 value)
{
  syn_metric_add (lane, metric, value - syn_metric_get (lane, metric));
}

void
syn_http_edge_note_metrics (SynHttp *http)
{
  g_auto (SynUpstreamStatus) status = { 0 };

  if (http->edge == NULL)
    return;
  syn_upstream_get_status (http->edge->upstream, &status);
  set_metric (http->lane, metrics.online, status.state == REPLICA_LINK_ONLINE);
  set_metric (http->lane, metrics.age_ms, status.heard_ms < 0 ? -1 : MAX (0, syn_lane_now_ms (http->lane) - status.heard_ms));
  set_metric (http->lane, metrics.connections, (gint64) status.n_connections);
  set_metric (http->lane, metrics.received_bytes, (gint64) status.received_bytes);
  set_metric (http->lane, metrics.paths, status.n_paths);
}

gboolean
syn_http_edge_was_reached (SynHttp *http)
{
  g_auto (SynUpstreamStatus) status = { 0 };

  if (http->edge == NULL)
    return TRUE;
  syn_upstream_get_status (http->edge->upstream, &status);
  return status.n_connections > 0;
}

/* ---- life ---- */

SynHttpEdge *
syn_http_edge_new (SynHttp *http)
{
  SynUpstream *upstream = syn_upstream_get (http->silo);
  SynHttpEdge *self;

  register_metrics ();
  if (upstream == NULL)
    return NULL;
  self = g_new0 (SynHttpEdge, 1);
  self->refs = 1;
  self->http = http;
  self->upstream = upstream;
  for (guint i = 0; i < G_N_ELEMENTS (self->lists); i++)
    {
      self->lists[i].edge = self;
      self->lists[i].path = list_paths[i];
    }
  syn_lane_arm (http->lane, &self->refresh, 0, on_refresh, self);
  return self;
}

void
syn_http_edge_free (SynHttpEdge *self)
{
  syn_lane_disarm (self->http->lane, &self->refresh);
  for (guint i = 0; i < G_N_ELEMENTS (self->lists); i++)
    syn_lane_disarm (self->http->lane, &self->lists[i].patience);
  self->http = NULL;
  edge_unref (self);
}
