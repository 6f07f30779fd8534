/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The SoupServer of the front: what it is asked goes by one table of routes to the handlers of the resources.
 * Front lane, which is the main thread, whose default context is the front's while this lives (libsoup
 * attaches its sources to the default context of the moment).
 *
 * libsoup's own table of handlers was not used: it matches decoded paths, while projections are named by what
 * the client wrote, and it has no word for methods. Nothing here compresses: pictures go to loopback, or
 * through a tunnel that has its own opinion. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"
#include "syn-sender.h"
#include "syn-slow-bodies.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "replica-wire.h"
#include "syn-chain.h"
#include "syn-plain.h"
#include "syn-ws-lane.h"

typedef struct
{
  const char *method; /* GET is HEAD too */
  const char *prefix;
  const char *suffix; /* (nullable): NULL: @prefix is the whole path */
  SynHttpHandler handler;
  SynHttpHandler head; /* (nullable): called before the body has come */
  gboolean while_draining;
} Route;

static const Route routes[] = {
  { "GET", "/", NULL, syn_http_index },
  { "GET", "/healthz", NULL, syn_http_healthz, .while_draining = TRUE },
  { "GET", "/readyz", NULL, syn_http_readyz, .while_draining = TRUE },
  { "GET", "/metrics", NULL, syn_http_metrics, .while_draining = TRUE },
  { "GET", "/v1/status", NULL, syn_http_status },
  { "GET", "/v1/connections", NULL, syn_http_connections },
  { "GET", "/v1/screens", NULL, syn_http_screens },
  { "GET", "/v1/sources", NULL, syn_http_sources },
  { "GET", "/v1/projections", NULL, syn_http_projections },
  { "GET", "/v1/projections/", "", syn_http_projection },
  { "GET", "/v1/replica", NULL, syn_http_upgrade },
  { "POST", "/v1/sources/", "/events", syn_http_publish, syn_http_publish_head },
};

static gboolean
route_matches (const Route *route, const char *path)
{
  if (route->suffix == NULL)
    return strcmp (path, route->prefix) == 0;
  return strlen (path) > strlen (route->prefix) + strlen (route->suffix) && g_str_has_prefix (path, route->prefix)
         && g_str_has_suffix (path, route->suffix);
}

/* What stands between the two ends of a route that matches. */
static char *
route_dup_rest (const Route *route, const char *path)
{
  gsize prefix = strlen (route->prefix), suffix = route->suffix != NULL ? strlen (route->suffix) : 0;

  return g_strndup (path + prefix, strlen (path) - prefix - suffix);
}

static gboolean
method_is (const Route *route, SoupServerMessage *msg)
{
  const char *method = soup_server_message_get_method (msg);

  return strcmp (method, route->method) == 0
         || (strcmp (route->method, "GET") == 0 && strcmp (method, "HEAD") == 0);
}

/* The route of @msg; or NULL, and the error is set as its answer. */
static const Route *
find_route (SynHttp *self, SoupServerMessage *msg, char **rest)
{
  const char *path = g_uri_get_path (soup_server_message_get_uri (msg));
  const Route *other = NULL;
  g_autofree char *message = NULL;

  if (*path == '\0')
    path = "/";
  for (guint i = 0; i < G_N_ELEMENTS (routes); i++)
    {
      if (!route_matches (&routes[i], path))
        continue;
      if (method_is (&routes[i], msg))
        {
          if (self->draining && !routes[i].while_draining)
            {
              syn_http_respond_error (msg, SYN_ERROR_UNAVAILABLE, "the silo is going away", SYN_RETRY_MS,
                                      NULL);
              return NULL;
            }
          *rest = route_dup_rest (&routes[i], path);
          return &routes[i];
        }
      other = &routes[i];
    }
  if (other == NULL)
    {
      message = g_strdup_printf ("there is nothing at %.200s; GET / lists what there is", path);
      syn_http_respond_error (msg, SYN_ERROR_NOT_FOUND, message, 0, NULL);
      return NULL;
    }
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Allow",
                                strcmp (other->method, "GET") == 0 ? "GET, HEAD" : other->method);
  message = g_strdup_printf ("%.200s takes %s, not %.32s", path, other->method,
                             soup_server_message_get_method (msg));
  syn_http_respond_error (msg, SYN_FAULT_METHOD, message, 0, NULL);
  return NULL;
}

/* An edge says who asks: it must not be one that is above this silo. (The WebSocket's handshake looks by itself.) */
static gboolean
comes_from_below (SynHttp *self, SoupServerMessage *msg)
{
  const char *header = soup_message_headers_get_list (soup_server_message_get_request_headers (msg), SYN_CHAIN_HEADER);
  SynChain *chain = syn_chain_get (self->silo);
  g_autoptr (GError) error = NULL;

  if (header == NULL || chain == NULL || strcmp (g_uri_get_path (soup_server_message_get_uri (msg)), REPLICA_WIRE_ENDPOINT) == 0
      || syn_chain_check (chain, header, &error))
    return TRUE;
  syn_http_respond_chain_error (msg, error);
  return FALSE;
}

/* ---- what libsoup tells ---- */

/* The head of a request is there. An answer that is set here goes out instead of the handler's, after the
 * body was read and dropped. */
static void
early (
    SoupServer *server, SoupServerMessage *msg, const char *soup_path, GHashTable *query, gpointer user_data)
{
  SynHttp *self = user_data;
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  SynHttpConn *conn = syn_http_conn_of (msg);
  goffset length = soup_message_headers_get_content_length (headers);
  g_autofree char *rest = NULL;
  const Route *route;

  syn_metric_add (self->lane, self->requests, 1);
  if (conn != NULL)
    syn_http_conn_set_phase (conn, SYN_HTTP_BUSY);
  soup_message_body_set_accumulate (soup_server_message_get_request_body (msg), FALSE);
  if (self->draining)
    soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Connection", "close");
  if (!syn_http_host_is_allowed (soup_message_headers_get_one (headers, "Host")))
    {
      syn_http_respond_error (msg, SYN_FAULT_FORBIDDEN, "this server answers to names of this host only (localhost, 127.0.0.1, [::1])", 0,
                              NULL);
      return;
    }
  if (!comes_from_below (self, msg))
    return;
  if (length > (goffset) SYN_MAX_BODY_BYTES)
    {
      g_autofree char *message =
          g_strdup_printf ("a body of %" G_GOFFSET_FORMAT " bytes is more than the %u that are read at once: "
                           "send it in parts",
                           length, SYN_MAX_BODY_BYTES);

      syn_http_cut_off (self, msg, SYN_ERROR_TOO_LARGE, message);
      return;
    }
  route = find_route (self, msg, &rest);
  if (route != NULL && route->head != NULL)
    route->head (self, msg, rest);
}

/* The whole request is there. */
static void
handle (
    SoupServer *server, SoupServerMessage *msg, const char *soup_path, GHashTable *query, gpointer user_data)
{
  SynHttp *self = user_data;
  g_autofree char *rest = NULL;
  const Route *route = find_route (self, msg, &rest);

  if (route != NULL)
    route->handler (self, msg, rest);
}

static void
request_started (SoupServer *server, SoupServerMessage *msg, gpointer user_data)
{
  SynHttpConn *conn = syn_http_conn_of (msg);

  if (conn != NULL)
    syn_http_conn_set_phase (conn, SYN_HTTP_HEAD);
}

static void
request_finished (SoupServer *server, SoupServerMessage *msg, gpointer user_data)
{
  SynHttp *self = user_data;
  SynHttpConn *conn = syn_http_conn_of (msg);

  if (soup_server_message_get_status (msg) >= 400)
    syn_metric_add (self->lane, self->failures, 1);
  if (conn == NULL)
    return;
  syn_http_conn_set_phase (conn, SYN_HTTP_IDLE);
  if (self->draining)
    syn_http_stream_abort (syn_http_conn_get_stream (conn));
}

/* ---- life ---- */

/* libsoup keeps connections alive only while it has some listener. It gets one that nobody can reach: an end
 * of a pair of sockets, at whose other end nobody ever writes. (A real one, on loopback or in the file
 * system, would be a second door.) */
static gboolean
add_silent_listener (SynHttp *self, GError **error)
{
  int pair[2];
  g_autoptr (GSocket) socket = NULL;

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "cannot make a pair of sockets: %s",
                   g_strerror (errno));
      return FALSE;
    }
  self->keep_alive_fd = pair[1];
  socket = g_socket_new_from_fd (pair[0], error);
  if (socket == NULL)
    {
      close (pair[0]);
      return FALSE;
    }
  return soup_server_listen_socket (self->server, socket, 0, error);
}

SynHttp *
syn_http_new (SynSilo *silo, SynCatalog *catalog, GError **error)
{
  SynHttp *self = g_new0 (SynHttp, 1);

  self->silo = silo;
  self->catalog = syn_catalog_ref (catalog);
  self->lane = syn_silo_get_front_lane (silo);
  self->keep_alive_fd = -1;
  self->uploads = syn_uploads_new (catalog, SYN_MAX_UPLOAD_BYTES);
  self->max_web_sockets = SYN_MAX_CONNECTIONS;
  self->connections =
      syn_metric_register (SYN_METRIC_COUNTER, "http_connections_total", "Connections accepted.");
  self->requests = syn_metric_register (SYN_METRIC_COUNTER, "http_requests_total", "HTTP requests.");
  self->failures = syn_metric_register (SYN_METRIC_COUNTER, "http_failures_total",
                                        "HTTP requests answered with a status of 400 or more.");
  self->refused = syn_metric_register (SYN_METRIC_COUNTER, "http_refused_total",
                                       "Connections closed unserved, for a limit was reached.");
  syn_ws_register_metrics ();
  syn_sender_register_metrics ();
  syn_slow_bodies_register_metrics ();
  self->edge = syn_http_edge_new (self);
  self->journal_ask = syn_http_journal_ask_new (self);
  syn_plain_register_metrics ();
  syn_http_register_tls_metrics ();
  g_main_context_push_thread_default (syn_lane_get_context (self->lane));
  self->conns = syn_http_conns_new (self->lane);
  self->door = syn_door_new (self);
  for (guint i = 0; i < syn_silo_get_n_lanes (silo); i++)
    syn_plain_lane_open (syn_silo_get_lane (silo, i));
  /* raw-paths: a projection's path goes on as it was written. */
  self->server = soup_server_new ("server-header", "synopticd/" SYNOPTIC_VERSION, "raw-paths", TRUE, NULL);
  soup_server_remove_websocket_extension (self->server, SOUP_TYPE_WEBSOCKET_EXTENSION_DEFLATE);
  soup_server_add_early_handler (self->server, NULL, early, self, NULL);
  soup_server_add_handler (self->server, NULL, handle, self, NULL);
  g_signal_connect (self->server, "request-started", G_CALLBACK (request_started), self);
  g_signal_connect (self->server, "request-finished", G_CALLBACK (request_finished), self);
  if (!add_silent_listener (self, error))
    {
      syn_http_free (self);
      return NULL;
    }
  return self;
}

void
syn_http_free (SynHttp *self)
{
  while (self->parked != NULL)
    {
      SynHttpRequest *request = self->parked;

      self->parked = request->next;
      if (request->next != NULL)
        request->next->pprev = &self->parked;
      request->next = NULL;
      request->pprev = NULL;
      if (request->conn != NULL)
        syn_http_conn_watch (request->conn, NULL, NULL);
      request->conn = NULL;
      request->http = NULL;
      if (request->gone != NULL)
        request->gone (request);
    }
  g_clear_pointer (&self->edge, syn_http_edge_free);
  g_clear_pointer (&self->journal_ask, syn_http_journal_ask_free);
  g_signal_handlers_disconnect_by_data (self->server, self);
  soup_server_disconnect (self->server);
  g_clear_pointer (&self->gate, syn_tls_gate_free);
  g_clear_pointer (&self->tls, syn_tls_server_unref);
  syn_door_free (self->door);
  syn_http_conns_free (self->conns);
  g_object_unref (self->server);
  if (self->keep_alive_fd >= 0)
    close (self->keep_alive_fd);
  g_main_context_pop_thread_default (syn_lane_get_context (self->lane));
  syn_uploads_unref (self->uploads);
  syn_catalog_unref (self->catalog);
  g_free (self);
}

void
syn_http_set_ready (SynHttp *self, gboolean ready)
{
  self->ready = ready;
}

void
syn_http_set_limits (SynHttp *self, gsize max_upload_bytes, guint max_web_sockets)
{
  syn_uploads_set_max (self->uploads, max_upload_bytes);
  self->max_web_sockets = max_web_sockets;
}

guint
syn_http_count (SynHttp *self)
{
  return syn_http_conns_count (self->conns) + syn_plain_count (self->silo);
}

void
syn_http_take (SynHttp *self, int fd)
{
  if (fd >= 0 && syn_plain_count (self->silo) + syn_ws_count (self->silo) >= self->max_web_sockets)
    {
      if (self->tls == NULL)
        syn_http_refuse (fd, NULL);
      else
        close (fd); /* half a millisecond to say no is what there is no time for */
      fd = -1;
    }
  syn_metric_add (self->lane, fd >= 0 ? self->connections : self->refused, 1);
  if (fd >= 0 && self->tls != NULL)
    syn_http_take_to_gate (self, fd);
  else if (fd >= 0)
    syn_door_take (self->door, fd, NULL);
}

/* What getpeername() or getsockname() says; a connection that is gone already has none, but libsoup wants one. */
static GSocketAddress *
address_of (int fd, int (*get) (int fd, struct sockaddr *address, socklen_t *length))
{
  struct sockaddr_storage storage = { 0 };
  socklen_t length = sizeof storage;
  GSocketAddress *address = NULL;

  if (get (fd, (struct sockaddr *) &storage, &length) == 0)
    address = g_socket_address_new_from_native (&storage, length);
  return address != NULL ? address : g_inet_socket_address_new_from_string ("0.0.0.0", 0);
}

static int
get_peer (int fd, struct sockaddr *address, socklen_t *length)
{
  return getpeername (fd, address, length);
}

static int
get_own (int fd, struct sockaddr *address, socklen_t *length)
{
  return getsockname (fd, address, length);
}

static void
serve (SynHttp *self, int fd, SynTls *tls, GBytes *first, GSocketAddress *local, GSocketAddress *remote)
{
  g_autoptr (SynHttpStream) stream = syn_http_conns_add (self->conns, fd, tls, remote);

  if (stream == NULL)
    {
      syn_metric_add (self->lane, self->refused, 1);
      return;
    }
  if (first != NULL)
    syn_http_stream_set_first (stream, first);
  soup_server_accept_iostream (self->server, G_IO_STREAM (stream), local, remote, NULL);
}

void
syn_http_adopt (SynHttp *self, int fd, SynTls *tls, GBytes *first)
{
  g_autoptr (GSocketAddress) local = address_of (fd, get_own), remote = address_of (fd, get_peer);

  serve (self, fd, tls, first, local, remote);
}

void
syn_http_accept (SynHttp *self, int fd, GSocketAddress *local, GSocketAddress *remote)
{
  syn_metric_add (self->lane, self->connections, 1);
  serve (self, fd, NULL, NULL, local, remote);
}

void
syn_http_drain (SynHttp *self)
{
  SynHttpRequest *next;

  self->draining = TRUE;
  for (SynHttpRequest *request = self->parked; request != NULL; request = next)
    {
      next = request->next;
      if (request->end != NULL)
        request->end (request, SYN_HTTP_END_DRAIN);
    }
  if (self->gate != NULL)
    syn_tls_gate_drain (self->gate);
  syn_door_drain (self->door);
  syn_http_conns_abort_idle (self->conns);
}
