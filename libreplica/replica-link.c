/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One WebSocket to a silo, shared by all the views of a program. Everything runs in the thread-default
 * context of the thread that made the link; nothing blocks. The class is five files: here the connection, in
 * replica-link-views.c its views, the watchdog and the probe, in replica-link-publish.c what is published over it, in replica-link-http.c HTTP,
 * in replica-link-tls.c whom it trusts.
 *
 * States: OFFLINE → CONNECTING → ONLINE → OFFLINE …, one place each way (link_connect, link_went_online,
 * replica_link_drop). A link that is not started stays OFFLINE. Three timers: `retry` (back-off, or the end
 * of a connection attempt), `watchdog` (hold + margin without an answer while a poll is outstanding) and
 * `probe`.
 *
 * Rejected: a connection per view (the server pays for each), a state machine in every view, SoupSession's
 * own timeouts (they know nothing of holds). */

#include <string.h>

#include "replica-link-internal.h"
#include "replica-tls.h"

/* A close frame of ours that the peer does not answer is forgotten by libsoup after 5 s; until then the
 * connection is kept. */
#define MAX_CLOSING 4

enum
{
  PROP_0,
  PROP_URI,
  PROP_STATE,
  PROP_RTT_US,
  PROP_GOODPUT,
  PROP_LAST_ERROR,
  N_PROPS
};

static GParamSpec *props[N_PROPS];

G_DEFINE_FINAL_TYPE (ReplicaLink, replica_link, G_TYPE_OBJECT)

static void link_connect (ReplicaLink *self);

static void
link_set_state (ReplicaLink *self, ReplicaLinkState state)
{
  if (self->state == state)
    return;
  self->state = state;
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_STATE]);
}

static void
link_set_last_error (ReplicaLink *self, const char *why)
{
  if (g_strcmp0 (self->last_error, why) == 0)
    return;
  g_free (self->last_error);
  self->last_error = g_strdup (why);
  g_object_notify_by_pspec (G_OBJECT (self), props[PROP_LAST_ERROR]);
}

/* ---- the connection ---- */

static void
link_message_cb (SoupWebsocketConnection *connection, int type, GBytes *bytes, gpointer user_data)
{
  g_autoptr (ReplicaLink) self = g_object_ref (user_data);
  g_auto (ReplicaMessage) message = { 0 };
  g_autoptr (GError) error = NULL;
  ReplicaLinkView *view;
  double goodput;

  if (connection != self->connection)
    return;
  if (type != SOUP_WEBSOCKET_DATA_BINARY)
    {
      replica_link_drop (self, "The server broke the protocol: a text message",
                         SOUP_WEBSOCKET_CLOSE_PROTOCOL_ERROR);
      return;
    }
  if (!replica_message_read (bytes, &message, &error))
    {
      replica_link_drop (self, error->message, SOUP_WEBSOCKET_CLOSE_PROTOCOL_ERROR);
      return;
    }
  self->heard_us = replica_link_now (self); /* garbage says nothing about what is current */
  self->message_bytes += g_bytes_get_size (bytes);
  if (message.type == REPLICA_WIRE_PUBLISHED || message.type == REPLICA_WIRE_REFUSED)
    {
      replica_link_publication_answered (self, &message);
      if (connection == self->connection)
        replica_link_arm_watchdog (self);
      return;
    }
  if (message.type != REPLICA_WIRE_ERROR)
    self->confirmed_us = MAX (self->confirmed_us, self->heard_us - message.age_us);
  view = g_hash_table_lookup (self->views, GUINT_TO_POINTER (message.view));
  if (message.view == REPLICA_LINK_PROBE_VIEW)
    replica_link_probe_answered (self, &message, &error);
  else if (view != NULL)
    replica_link_answer (self, view, &message, g_bytes_get_size (bytes), &error);
  /* Otherwise the view was withdrawn while this was on its way. */

  if (connection != self->connection)
    return; /* what the view did on its answer */
  replica_link_await_first_byte (self);
  if (error != NULL)
    {
      replica_link_drop (self, error->message, SOUP_WEBSOCKET_CLOSE_PROTOCOL_ERROR);
      return;
    }
  if (self->probe_due)
    replica_link_send_probe (self);
  replica_link_arm_watchdog (self);
  if (self->peer != NULL && self->peer->heard != NULL)
    self->peer->heard (self->peer_data);
  goodput = replica_meter_get_goodput (&self->meter);
  if (goodput != self->goodput)
    {
      self->goodput = goodput;
      g_object_notify_by_pspec (G_OBJECT (self), props[PROP_GOODPUT]);
    }
}

static void
link_broken_cb (SoupWebsocketConnection *connection, GError *error, gpointer user_data)
{
  ReplicaLink *self = user_data;

  if (connection != self->connection)
    return;
  g_free (self->broken);
  self->broken = g_strdup (error->message);
}

static void
link_closed_cb (SoupWebsocketConnection *connection, gpointer user_data)
{
  ReplicaLink *self = user_data;
  g_autofree char *why = NULL;

  if (connection != self->connection)
    {
      g_ptr_array_remove_fast (self->closing, connection);
      return;
    }
  if (self->broken != NULL)
    {
      why = g_strdup_printf ("The connection broke: %s", self->broken);
    }
  else if (soup_websocket_connection_get_close_code (connection) == 0
           || soup_websocket_connection_get_close_code (connection) == SOUP_WEBSOCKET_CLOSE_ABNORMAL)
    {
      why = g_strdup ("The server closed the connection without a word");
    }
  else
    {
      const char *data = soup_websocket_connection_get_close_data (connection);

      why = g_strdup_printf ("The server closed the connection (%u%s%s)",
                             soup_websocket_connection_get_close_code (connection),
                             data != NULL && *data != '\0' ? ": " : "", data != NULL ? data : "");
    }
  replica_link_drop (self, why, 0);
}

/* The end of a connection, or of an attempt. @close_code: to tell the peer, 0: it knows. */
void
replica_link_drop (ReplicaLink *self, const char *why, guint close_code)
{
  g_autoptr (ReplicaLink) keep G_GNUC_UNUSED = g_object_ref (self);
  g_autoptr (SoupWebsocketConnection) connection = g_steal_pointer (&self->connection);
  g_autofree char *reason = g_strdup (why);
  GHashTableIter iter;
  ReplicaLinkView *view;

  g_cancellable_cancel (self->connecting);
  g_clear_object (&self->connecting);
  replica_link_unwatch_socket (self);
  g_clear_object (&self->socket);
  g_clear_pointer (&self->broken, g_free);
  if (connection != NULL && close_code != 0
      && soup_websocket_connection_get_state (connection) == SOUP_WEBSOCKET_STATE_OPEN)
    {
      /* Kept until the peer has answered, so that the frame does leave; bounded, whatever peers do. */
      if (self->closing->len >= MAX_CLOSING)
        g_ptr_array_remove_index (self->closing, 0);
      g_ptr_array_add (self->closing, g_object_ref (connection));
      soup_websocket_connection_close (connection, (gushort) close_code, NULL);
    }
  else if (connection != NULL)
    {
      g_signal_handlers_disconnect_by_data (connection, self);
    }

  /* Who listens to a property may start or stop the link: let them, when all of it is consistent. */
  g_object_freeze_notify (G_OBJECT (self));
  self->probe_due = FALSE;
  self->probe_sent_us = -1;
  replica_timer_set (self->watchdog, -1);
  replica_timer_set (self->probe, -1);
  replica_timer_set (self->retry, -1);
  if (self->started)
    {
      gint64 backoff_us = MIN (REPLICA_LINK_BACKOFF_MIN_US << MIN (self->n_failures, 8), REPLICA_LINK_BACKOFF_MAX_US);

      self->n_failures++;
      replica_timer_set (self->retry,
                         replica_link_now (self) + (gint64) (backoff_us * g_random_double_range (0.5, 1.5)));
    }
  link_set_last_error (self, reason);
  link_set_state (self, REPLICA_LINK_OFFLINE);
  replica_link_tell_views (self, FALSE);
  /* Only now: views look at what was still asked, and when something was last heard. */
  g_hash_table_iter_init (&iter, self->views);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &view))
    {
      view->asked_us = -1;
      view->polled = view->path_sent = FALSE;
    }
  self->heard_us = self->confirmed_us = -1;
  g_object_thaw_notify (G_OBJECT (self));
  replica_link_fail_publications (self, reason);
}

static void
link_went_online (ReplicaLink *self, SoupWebsocketConnection *connection)
{
  GObjectClass *class = G_OBJECT_GET_CLASS (connection);
  guint64 max_bytes = (guint64) REPLICA_SNAPSHOT_MAX_BYTES + sizeof (ReplicaWireSnapshotHead);

  self->connection = g_object_ref (connection);
  soup_websocket_connection_set_max_incoming_payload_size (connection, max_bytes);
  /* Newer libsoups bound a message besides its frames. */
  if (g_object_class_find_property (class, "max-total-message-size") != NULL)
    g_object_set (connection, "max-total-message-size", max_bytes, NULL);
  g_signal_connect_object (connection, "message", G_CALLBACK (link_message_cb), self, 0);
  g_signal_connect_object (connection, "error", G_CALLBACK (link_broken_cb), self, 0);
  g_signal_connect_object (connection, "closed", G_CALLBACK (link_closed_cb), self, 0);

  self->heard_us = self->answer_us = replica_link_now (self);
  self->received_bytes = replica_link_received_bytes (self);
  replica_link_watch_socket (self);
  self->meter.reach_us = (self->heard_us - self->connect_us) / 2; /* one round trip for TCP, one for HTTP */
  replica_link_choose_compression (self);
  self->meter.last_arrival_us = self->heard_us;
  self->probe_due = TRUE; /* the first answer brings the first round trip */
  self->probe_every_us = REPLICA_LINK_PROBE_US;
  replica_timer_set (self->retry, -1);
  replica_timer_set (self->probe, self->heard_us + REPLICA_LINK_PROBE_US);
  g_object_freeze_notify (G_OBJECT (self));
  link_set_last_error (self, NULL);
  link_set_state (self, REPLICA_LINK_ONLINE);
  replica_link_tell_views (self, TRUE);
  g_object_thaw_notify (G_OBJECT (self));
  if (connection == self->connection)
    {
      replica_link_send_publications (self);
      replica_link_arm_watchdog (self);
    }
}

typedef struct
{
  GWeakRef link;
  GCancellable *cancellable; /* (owned) */
  SoupMessage *message;      /* (owned) */
} Attempt;

static void
attempt_free (Attempt *attempt)
{
  g_weak_ref_clear (&attempt->link);
  g_object_unref (attempt->cancellable);
  g_object_unref (attempt->message);
  g_free (attempt);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Attempt, attempt_free)

/* Why there is no WebSocket: what the server answered instead of one says more than libsoup. */
static char *
attempt_dup_error (Attempt *attempt, ReplicaLink *self, const GError *error)
{
  guint status = soup_message_get_status (attempt->message);
  g_autofree char *reason = replica_tls_dup_reason (attempt->message, error);

  if (status < 400)
    return g_strdup_printf ("Cannot connect to %s: %s", self->uri, reason);
  /* So a server that speaks TLS answers who does not. */
  return g_strdup_printf ("Cannot connect to %s: it answered %u %s%s", self->uri, status, soup_message_get_reason_phrase (attempt->message),
                          status == 400 && g_strcmp0 (g_uri_get_scheme (self->endpoint), "http") == 0 ? " (is it https://?)" : "");
}

static gboolean
peer_agrees (ReplicaLink *self, Attempt *attempt, GError **error)
{
  return self->peer == NULL || self->peer->answer == NULL
         || self->peer->answer (soup_message_get_response_headers (attempt->message), self->peer_data, error);
}

static void
link_connected_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (Attempt) attempt = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (SoupWebsocketConnection) connection =
      soup_session_websocket_connect_finish (SOUP_SESSION (object), result, &error);
  g_autoptr (ReplicaLink) self = g_weak_ref_get (&attempt->link);

  if (self == NULL || self->connecting != attempt->cancellable)
    return; /* given up meanwhile; the connection goes with its last reference */
  g_clear_object (&self->connecting);
  if (connection == NULL)
    {
      g_autofree char *why = attempt_dup_error (attempt, self, error);

      replica_link_drop (self, why, 0);
    }
  else if (g_strcmp0 (soup_websocket_connection_get_protocol (connection), REPLICA_WIRE_PROTOCOL) != 0)
    {
      g_autofree char *why = g_strdup_printf ("%s does not speak " REPLICA_WIRE_PROTOCOL, self->uri);

      soup_websocket_connection_close (connection, SOUP_WEBSOCKET_CLOSE_PROTOCOL_ERROR, NULL);
      replica_link_drop (self, why, 0);
    }
  else if (!peer_agrees (self, attempt, &error))
    {
      soup_websocket_connection_close (connection, SOUP_WEBSOCKET_CLOSE_GOING_AWAY, NULL);
      replica_link_drop (self, error->message, 0);
    }
  else
    {
      link_went_online (self, connection);
    }
}

static void
link_network_event_cb (SoupMessage *message, GSocketClientEvent event, GIOStream *stream, gpointer user_data)
{
  ReplicaLink *self = user_data;

  if (event == G_SOCKET_CLIENT_CONNECTED && G_IS_SOCKET_CONNECTION (stream) && self->connecting != NULL)
    g_set_object (&self->socket, g_socket_connection_get_socket (G_SOCKET_CONNECTION (stream)));
}

static void
link_connect (ReplicaLink *self)
{
  g_autoptr (SoupMessage) message = soup_message_new_from_uri (SOUP_METHOD_GET, self->endpoint);
  char *protocols[] = { (char *) REPLICA_WIRE_PROTOCOL, NULL };
  Attempt *attempt = g_new0 (Attempt, 1);

  self->connecting = g_cancellable_new ();
  self->connect_us = replica_link_now (self);
  g_weak_ref_init (&attempt->link, self);
  attempt->cancellable = g_object_ref (self->connecting);
  attempt->message = g_object_ref (message);
  if (self->peer != NULL && self->peer->request != NULL)
    self->peer->request (soup_message_get_request_headers (message), self->peer_data);
  replica_tls_watch (message);
  g_signal_connect_object (message, "network-event", G_CALLBACK (link_network_event_cb), self, 0);
  replica_timer_set (self->retry, replica_link_now (self) + REPLICA_LINK_CONNECT_US);
  g_main_context_push_thread_default (self->context);
  soup_session_websocket_connect_async (self->session, message, NULL, protocols, G_PRIORITY_DEFAULT,
                                        self->connecting, link_connected_cb, attempt);
  g_main_context_pop_thread_default (self->context);
  link_set_state (self, REPLICA_LINK_CONNECTING);
}

static void
link_retry_cb (gpointer data)
{
  ReplicaLink *self = data;

  if (self->state == REPLICA_LINK_CONNECTING)
    {
      g_autofree char *why = g_strdup_printf ("Cannot connect to %s: no answer%s", self->uri,
                                              g_strcmp0 (g_uri_get_scheme (self->endpoint), "https") == 0 ? " (does it speak TLS?)" : "");

      replica_link_drop (self, why, 0);
    }
  else
    {
      link_connect (self);
    }
}

GMainContext *
replica_link_get_context (ReplicaLink *self)
{
  return self->context;
}

const ReplicaClock *
replica_link_get_clock (ReplicaLink *self)
{
  return &self->clock;
}

void
replica_link_set_clock (ReplicaLink *self, gint64 (*now_us) (gpointer data), gpointer data)
{
  g_return_if_fail (!self->started);

  self->clock = (ReplicaClock){ now_us, data };
}

void
replica_link_set_peer (ReplicaLink *self, const ReplicaLinkPeer *peer, gpointer data)
{
  g_return_if_fail (!self->started);

  self->peer = peer;
  self->peer_data = data;
}

SoupWebsocketConnection *
replica_link_get_connection (ReplicaLink *self)
{
  return self->connection;
}

/* ---- the class ---- */

static void
replica_link_dispose (GObject *object)
{
  ReplicaLink *self = REPLICA_LINK (object);

  self->started = FALSE;
  g_cancellable_cancel (self->connecting);
  g_clear_object (&self->connecting);
  replica_link_unwatch_socket (self);
  g_clear_object (&self->socket);
  if (self->connection != NULL)
    g_signal_handlers_disconnect_by_data (self->connection, self);
  g_clear_object (&self->connection);
  for (guint i = 0; i < self->closing->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (self->closing, i), self);
  g_ptr_array_set_size (self->closing, 0);
  g_clear_pointer (&self->retry, replica_timer_free);
  g_clear_pointer (&self->watchdog, replica_timer_free);
  g_clear_pointer (&self->probe, replica_timer_free);
  g_clear_object (&self->session);

  G_OBJECT_CLASS (replica_link_parent_class)->dispose (object);
}

static void
replica_link_finalize (GObject *object)
{
  ReplicaLink *self = REPLICA_LINK (object);

  /* Each view holds a reference to its link. */
  g_assert (g_hash_table_size (self->views) == 0);
  g_hash_table_unref (self->views);
  g_ptr_array_unref (self->closing);
  g_clear_pointer (&self->endpoint, g_uri_unref);
  g_main_context_unref (self->context);
  g_free (self->uri);
  g_free (self->last_error);
  g_free (self->broken);

  G_OBJECT_CLASS (replica_link_parent_class)->finalize (object);
}

static void
replica_link_get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  ReplicaLink *self = REPLICA_LINK (object);

  switch (id)
    {
    case PROP_URI:
      g_value_set_string (value, self->uri);
      break;
    case PROP_STATE:
      g_value_set_int (value, (int) self->state);
      break;
    case PROP_RTT_US:
      g_value_set_int64 (value, self->meter.rtt_us);
      break;
    case PROP_GOODPUT:
      g_value_set_double (value, self->goodput);
      break;
    case PROP_LAST_ERROR:
      g_value_set_string (value, self->last_error);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
replica_link_set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  ReplicaLink *self = REPLICA_LINK (object);

  switch (id)
    {
    case PROP_URI:
      self->uri = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
    }
}

static void
replica_link_class_init (ReplicaLinkClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS | G_PARAM_EXPLICIT_NOTIFY;

  object_class->dispose = replica_link_dispose;
  object_class->finalize = replica_link_finalize;
  object_class->get_property = replica_link_get_property;
  object_class->set_property = replica_link_set_property;

  props[PROP_URI] = g_param_spec_string ("uri", NULL, NULL, NULL,
                                         G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS);
  props[PROP_STATE] = g_param_spec_int ("state", NULL, NULL, REPLICA_LINK_OFFLINE, REPLICA_LINK_ONLINE,
                                        REPLICA_LINK_OFFLINE, readable);
  props[PROP_RTT_US] = g_param_spec_int64 ("rtt-us", NULL, NULL, -1, G_MAXINT64, -1, readable);
  props[PROP_GOODPUT] = g_param_spec_double ("goodput", NULL, NULL, 0, G_MAXDOUBLE, 0, readable);
  props[PROP_LAST_ERROR] = g_param_spec_string ("last-error", NULL, NULL, NULL, readable);
  g_object_class_install_properties (object_class, N_PROPS, props);
}

static void
replica_link_init (ReplicaLink *self)
{
  self->context = g_main_context_ref_thread_default ();
  g_queue_init (&self->publications);
  self->views = g_hash_table_new_full (NULL, NULL, NULL, replica_link_view_free);
  self->closing = g_ptr_array_new_with_free_func (g_object_unref);
  self->heard_us = self->confirmed_us = -1;
  self->probe_sent_us = -1;
  replica_meter_init (&self->meter);
  self->retry = replica_timer_new (self->context, "[replica] retry", &self->clock, link_retry_cb, self);
  self->watchdog =
      replica_timer_new (self->context, "[replica] watchdog", &self->clock, replica_link_watchdog_cb, self);
  self->probe =
      replica_timer_new (self->context, "[replica] probe", &self->clock, replica_link_probe_cb, self);
  /* No feature is added: without an extension manager no deflate is offered, which would cost the server 500
   * µs per 100 KB. A stalled HTTP exchange ends by the timeout, which is longer than the longest hold. */
  self->session = soup_session_new_with_options ("user-agent", "libreplica/0.1.0", "max-conns", 64,
                                                 "max-conns-per-host", 16, "timeout", 60, NULL);
  soup_session_remove_feature_by_type (self->session, SOUP_TYPE_WEBSOCKET_EXTENSION_MANAGER);
}

ReplicaLink *
replica_link_new (const char *uri, GError **error)
{
  g_autoptr (GUri) parsed = NULL;
  g_autoptr (GError) why = NULL;
  ReplicaLink *self;
  gboolean is_tls;

  g_return_val_if_fail (uri != NULL, NULL);

  parsed = g_uri_parse (uri, SOUP_HTTP_URI_FLAGS, &why);
  if (parsed == NULL)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "\"%s\" is not the address of a server: %s",
                   uri, why->message);
      return NULL;
    }
  is_tls = g_strcmp0 (g_uri_get_scheme (parsed), "https") == 0 || g_strcmp0 (g_uri_get_scheme (parsed), "wss") == 0;
  if (!is_tls && g_strcmp0 (g_uri_get_scheme (parsed), "http") != 0 && g_strcmp0 (g_uri_get_scheme (parsed), "ws") != 0)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
                   "\"%s\" is not the address of a server: expected http://HOST:PORT or https://HOST:PORT", uri);
      return NULL;
    }
  if (g_uri_get_host (parsed) == NULL || *g_uri_get_host (parsed) == '\0'
      || g_uri_get_userinfo (parsed) != NULL || g_uri_get_query (parsed) != NULL
      || g_uri_get_fragment (parsed) != NULL
      || (*g_uri_get_path (parsed) != '\0' && strcmp (g_uri_get_path (parsed), "/") != 0))
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
                   "\"%s\" is not the address of a server: expected %s://HOST:PORT and nothing behind",
                   uri, is_tls ? "https" : "http");
      return NULL;
    }
  if (is_tls && !g_tls_backend_supports_tls (g_tls_backend_get_default ()))
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "\"%s\": GLib has no TLS here: the package glib-networking is not installed", uri);
      return NULL;
    }
  self = g_object_new (REPLICA_TYPE_LINK, "uri", uri, NULL);
  self->endpoint = g_uri_build (SOUP_HTTP_URI_FLAGS, is_tls ? "https" : "http", NULL, g_uri_get_host (parsed),
                                g_uri_get_port (parsed), REPLICA_WIRE_ENDPOINT, NULL, NULL);
  return self;
}

/**
 * replica_link_start:
 * @self: a link
 *
 * Connects, and reconnects from then on. Nothing if it is started.
 */
void
replica_link_start (ReplicaLink *self)
{
  g_return_if_fail (REPLICA_IS_LINK (self));

  if (self->started)
    return;
  self->started = TRUE;
  self->n_failures = 0;
  link_connect (self);
}

/**
 * replica_link_stop:
 * @self: a link
 *
 * Closes the connection and stays offline. Views keep what they have, and poll again after
 * replica_link_start().
 */
void
replica_link_stop (ReplicaLink *self)
{
  g_return_if_fail (REPLICA_IS_LINK (self));

  if (!self->started)
    return;
  self->started = FALSE;
  replica_link_drop (self, NULL, SOUP_WEBSOCKET_CLOSE_NORMAL);
}

const char *
replica_default_uri (void)
{
  const char *uri = g_getenv ("SYNOPTIC_SERVER");

  return uri != NULL && *uri != '\0' ? uri : REPLICA_DEFAULT_URI;
}

const char *
replica_link_get_uri (ReplicaLink *self)
{
  g_return_val_if_fail (REPLICA_IS_LINK (self), NULL);
  return self->uri;
}

ReplicaLinkState
replica_link_get_state (ReplicaLink *self)
{
  g_return_val_if_fail (REPLICA_IS_LINK (self), REPLICA_LINK_OFFLINE);
  return self->state;
}

gint64
replica_link_get_rtt_us (ReplicaLink *self)
{
  g_return_val_if_fail (REPLICA_IS_LINK (self), -1);
  return self->meter.rtt_us;
}

double
replica_link_get_goodput (ReplicaLink *self)
{
  g_return_val_if_fail (REPLICA_IS_LINK (self), 0);
  return self->goodput;
}

const char *
replica_link_get_last_error (ReplicaLink *self)
{
  g_return_val_if_fail (REPLICA_IS_LINK (self), NULL);
  return self->last_error;
}
