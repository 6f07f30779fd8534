/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The scripted server of the link's tests: SoupServer in the same thread, on a private context. It is given its connections: when it listens itself, Debian 12's
 * leaks the sockets (fixed in libsoup 3.4). */

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "fake-silo.h"
#include "replica-snapshot-builder.h"
#include "replica-wire.h"

gint64
fake_now (gpointer data)
{
  return ((Fake *) data)->now_us;
}

static void
message_cb (SoupWebsocketConnection *connection, int type, GBytes *bytes, gpointer user_data)
{
  Fake *fake = user_data;
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  guint index;

  g_assert_true (g_ptr_array_find (fake->connections, connection, &index));
  g_assert_cmpint (type, ==, SOUP_WEBSOCKET_DATA_BINARY);
  g_assert_cmpuint (size, >, 0);
  if (data[0] == REPLICA_WIRE_POLL)
    {
      ReplicaWirePoll wire;
      FakePoll *poll = g_new0 (FakePoll, 1);
      g_autofree char *key = NULL;

      g_assert_cmpuint (size, >=, sizeof wire);
      memcpy (&wire, data, sizeof wire);
      g_assert_cmpuint (wire.path_bytes, ==, size - sizeof wire);
      g_assert_true (wire.accept & REPLICA_WIRE_ACCEPT_FULL);
      poll->accept = wire.accept;
      g_assert_cmpuint (wire.reserved, ==, 0);
      poll->connection = index;
      poll->view = wire.view;
      poll->token = (ReplicaToken){ wire.epoch, wire.serial };
      poll->hold_ms = wire.hold_ms;
      poll->has_path = wire.path_bytes > 0;
      key = g_strdup_printf ("%u:%u", index, wire.view);
      if (poll->has_path)
        g_hash_table_replace (fake->paths, g_strdup (key),
                              g_strndup ((const char *) data + sizeof wire, wire.path_bytes));
      poll->path = g_strdup (g_hash_table_lookup (fake->paths, key));
      g_assert_nonnull (poll->path); /* the first poll of a view names it */
      if (wire.view == REPLICA_LINK_PROBE_VIEW)
        {
          fake->n_probes++;
          fake->probe = *poll;
          fake->probe.path = NULL;
          if (fake->answer_probes)
            fake_send_unchanged (fake, poll);
          fake_poll_free (poll);
          return;
        }
      /* At most one poll per view is outstanding. */
      for (GList *l = fake->polls.head; l != NULL; l = l->next)
        g_assert_false (((FakePoll *) l->data)->connection == index
                        && ((FakePoll *) l->data)->view == wire.view);
      if (fake->on_poll != NULL)
        {
          fake->on_poll (fake, poll);
          fake_poll_free (poll);
          return;
        }
      g_queue_push_tail (&fake->polls, poll);
    }
  else if (data[0] == REPLICA_WIRE_PUBLISH)
    g_queue_push_tail (&fake->publications, g_bytes_ref (bytes));
  else
    {
      ReplicaWireWithdraw wire;

      g_assert_cmpuint (data[0], ==, REPLICA_WIRE_WITHDRAW);
      g_assert_cmpuint (size, ==, sizeof wire);
      memcpy (&wire, data, sizeof wire);
      g_array_append_val (fake->withdrawn, wire.view);
      for (GList *l = fake->polls.head; l != NULL; l = l->next)
        if (((FakePoll *) l->data)->view == wire.view)
          {
            fake_poll_free (l->data);
            g_queue_delete_link (&fake->polls, l);
            break;
          }
    }
}

static void
connected_cb (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *connection,
              gpointer user_data)
{
  Fake *fake = user_data;

  g_ptr_array_add (fake->connections, g_object_ref (connection));
  g_signal_connect (connection, "message", G_CALLBACK (message_cb), fake);
}

static void
request_cb (
    SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  Fake *fake = user_data;
  SoupMessageBody *body = soup_server_message_get_request_body (message);

  g_set_object (&fake->request, message);
  g_free (fake->request_body);
  fake->request_body = g_strndup (body->data, (gsize) body->length);
  soup_server_message_pause (message);
  if (fake->on_request != NULL)
    fake->on_request (fake);
}

/* Test programs print even what is only for debugging, and on stdout. */
static void
log_quietly (const char *domain, GLogLevelFlags level, const char *message, gpointer user_data)
{
  if ((level & (G_LOG_LEVEL_DEBUG | G_LOG_LEVEL_INFO)) == 0)
    g_log_default_handler (domain, level, message, user_data);
}

static void
accepted_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Fake *fake = user_data;
  g_autoptr (GSocketConnection) connection = g_socket_listener_accept_finish (G_SOCKET_LISTENER (object), result, NULL, NULL);
  g_autoptr (GSocketAddress) local = NULL, remote = NULL;
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GError) error = NULL;

  if (connection == NULL)
    return; /* the fake goes */
  local = g_socket_connection_get_local_address (connection, NULL);
  remote = g_socket_connection_get_remote_address (connection, NULL);
  g_socket_set_option (g_socket_connection_get_socket (connection), IPPROTO_TCP, TCP_NODELAY, TRUE, NULL); /* at once */
  if (fake->certificate != NULL)
    stream = g_tls_server_connection_new (G_IO_STREAM (connection), fake->certificate, &error);
  else
    stream = g_object_ref (G_IO_STREAM (connection));
  g_assert_no_error (error);
  if (remote != NULL) /* else it has ended already */
    soup_server_accept_iostream (fake->server, stream, local, remote, &error);
  g_assert_no_error (error);
  g_socket_listener_accept_async (fake->listener, fake->accepting, accepted_cb, fake);
}

void
fake_set_link (Fake *fake, const char *uri)
{
  g_autoptr (GError) error = NULL;

  if (fake->link != NULL)
    g_assert_finalize_object (g_steal_pointer (&fake->link));
  fake->link = replica_link_new (uri, &error);
  g_assert_no_error (error);
  replica_link_set_clock (fake->link, fake_now, fake);
}

Fake *
fake_new (void)
{
  return fake_new_tls (NULL);
}

Fake *
fake_new_tls (GTlsCertificate *certificate)
{
  Fake *fake = g_new0 (Fake, 1);
  char *protocols[] = { (char *) REPLICA_WIRE_PROTOCOL, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", 0);
  g_autoptr (GSocketAddress) bound = NULL;

  g_log_set_default_handler (log_quietly, NULL);
  alarm (120); /* a test that waits for what never comes */
  fake->context = g_main_context_new ();
  g_main_context_push_thread_default (fake->context);
  fake->now_us = 1000 * G_USEC_PER_SEC;
  fake->answer_probes = TRUE;
  fake->connections = g_ptr_array_new_with_free_func (g_object_unref);
  g_queue_init (&fake->publications);
  fake->withdrawn = g_array_new (FALSE, FALSE, sizeof (guint32));
  fake->paths = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_queue_init (&fake->polls);

  fake->server = soup_server_new (NULL, NULL);
  g_set_object (&fake->certificate, certificate);
  soup_server_add_websocket_handler (fake->server, REPLICA_WIRE_ENDPOINT, NULL, protocols, connected_cb, fake,
                                     NULL);
  soup_server_add_handler (fake->server, "/v1/x", request_cb, fake, NULL);
  soup_server_add_handler (fake->server, "/v1/sources", request_cb, fake, NULL);
  soup_server_add_handler (fake->server, "/v1/projections", request_cb, fake, NULL);
  soup_server_add_handler (fake->server, "/v1/screens", request_cb, fake, NULL);
  soup_server_add_handler (fake->server, "/v1/status", request_cb, fake, NULL);
  soup_server_add_handler (fake->server, "/v1/connections", request_cb, fake, NULL);
  fake->listener = g_socket_listener_new ();
  fake->accepting = g_cancellable_new ();
  g_socket_listener_add_address (fake->listener, address, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, &bound, &error);
  g_assert_no_error (error);
  g_socket_listener_accept_async (fake->listener, fake->accepting, accepted_cb, fake);
  fake->uri = g_strdup_printf ("%s://127.0.0.1:%u", certificate != NULL ? "https" : "http",
                               g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (bound)));

  fake_set_link (fake, fake->uri);
  return fake;
}

void
fake_poll_free (FakePoll *poll)
{
  g_free (poll->path);
  g_free (poll);
}

void
fake_end_server (Fake *fake)
{
  g_cancellable_cancel (fake->accepting);
  fake_settle (fake);
  g_socket_listener_close (fake->listener);
  soup_server_disconnect (fake->server);
}

void
fake_free (Fake *fake)
{
  if (fake->link != NULL)
    {
      replica_link_stop (fake->link);
      g_assert_finalize_object (fake->link);
    }
  fake_end_server (fake);
  g_object_unref (fake->listener);
  g_object_unref (fake->accepting);
  g_clear_object (&fake->certificate);
  g_clear_object (&fake->request);
  for (guint i = 0; i < fake->connections->len; i++)
    g_signal_handlers_disconnect_by_data (g_ptr_array_index (fake->connections, i), fake);
  g_ptr_array_unref (fake->connections);
  g_object_unref (fake->server);
  fake_settle (fake);
  g_queue_clear_full (&fake->polls, (GDestroyNotify) fake_poll_free);
  g_queue_clear_full (&fake->publications, (GDestroyNotify) g_bytes_unref);
  g_hash_table_unref (fake->paths);
  g_array_unref (fake->withdrawn);
  g_free (fake->uri);
  g_free (fake->request_body);
  g_main_context_pop_thread_default (fake->context);
  g_main_context_unref (fake->context);
  g_free (fake);
  alarm (0);
}

void
fake_settle (Fake *fake)
{
  /* Loopback delivers at once; what one side sends is there when the other side's poll comes round. */
  for (guint quiet = 0; quiet < 5;)
    quiet = g_main_context_iteration (fake->context, FALSE) ? 0 : quiet + 1;
}

void
fake_advance_ms (Fake *fake, gint64 ms)
{
  fake_settle (fake); /* what is on its way arrives before */
  fake->now_us += ms * 1000;
  fake_settle (fake);
}

void
fake_wait_state (Fake *fake, ReplicaLinkState state)
{
  fake_wait_until (fake, replica_link_get_state (fake->link) == state);
}

FakePoll *
fake_take_poll (Fake *fake)
{
  fake_wait_until (fake, !g_queue_is_empty (&fake->polls));
  return g_queue_pop_head (&fake->polls);
}

GBytes *
fake_take_publication (Fake *fake, guint32 *request)
{
  g_autoptr (GBytes) message = NULL;
  ReplicaWirePublish wire;

  fake_wait_until (fake, fake->publications.length > 0);
  message = g_queue_pop_head (&fake->publications);
  g_assert_cmpuint (g_bytes_get_size (message), >=, sizeof wire);
  memcpy (&wire, g_bytes_get_data (message, NULL), sizeof wire);
  g_assert_cmpuint (wire.batch_bytes, ==, g_bytes_get_size (message) - sizeof wire);
  g_assert_cmpuint (wire.reserved0[0] | wire.reserved0[1] | wire.reserved0[2] | wire.reserved1, ==, 0);
  *request = wire.request;
  return g_bytes_new_from_bytes (message, sizeof wire, wire.batch_bytes);
}

SoupWebsocketConnection *
fake_last_connection (Fake *fake)
{
  return g_ptr_array_index (fake->connections, fake->connections->len - 1);
}

GBytes *
fake_snapshot_bytes (const char *path, ReplicaToken token, const gint64 *values, guint n_values)
{
  g_autoptr (ReplicaSnapshotBuilder) builder =
      replica_snapshot_builder_new (path, token, 1700000000000000, n_values);
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GArray) offsets = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (GArray) codes = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  guint32 offset = 0;

  g_array_append_val (offsets, offset);
  for (guint32 i = 0; i < n_values; i++)
    {
      g_string_append_printf (text, "S%u", i);
      g_string_append_c (text, '\0');
      offset = (guint32) text->len;
      g_array_append_val (offsets, offset);
      g_array_append_val (codes, i);
    }
  replica_snapshot_builder_add (builder, &(ReplicaColumn){ .name = "symbol",
                                                           .type = REPLICA_TYPE_STRING,
                                                           .width = 4,
                                                           .is_key = TRUE,
                                                           .n_rows = n_values,
                                                           .data = codes->data,
                                                           .dict_offsets = (const guint32 *) offsets->data,
                                                           .dict_bytes = text->str,
                                                           .n_dict = n_values });
  replica_snapshot_builder_add (
      builder,
      &(ReplicaColumn){
          .name = "last", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = n_values, .data = values });
  snapshot = replica_snapshot_builder_finish (g_steal_pointer (&builder), &error);
  g_assert_no_error (error);
  return g_bytes_ref (replica_snapshot_get_bytes (snapshot));
}

void
fake_send (Fake *fake, const void *data, gsize size)
{
  soup_websocket_connection_send_binary (fake_last_connection (fake), data, size);
}

void
fake_send_body (Fake *fake, guint32 view, GBytes *body)
{
  fake_send_form (fake, view, REPLICA_WIRE_FORM_FULL, body);
}

void
fake_send_form (Fake *fake, guint32 view, guint8 form, GBytes *body)
{
  ReplicaWireSnapshotHead head = { .type = REPLICA_WIRE_SNAPSHOT,
                                   .form = form,
                                   .view = view,
                                   .body_bytes = (guint32) g_bytes_get_size (body),
                                   .age_ms = fake->age_ms };
  g_autoptr (GByteArray) message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &head, sizeof head);
  g_byte_array_append (message, g_bytes_get_data (body, NULL), (guint) g_bytes_get_size (body));
  fake_send (fake, message->data, message->len);
}

void
fake_send_snapshot (Fake *fake, const FakePoll *poll, guint64 epoch, guint64 serial, gint64 value)
{
  const gint64 values[] = { value, 7 };
  g_autoptr (GBytes) body = fake_snapshot_bytes (poll->path, (ReplicaToken){ epoch, serial }, values, 2);

  fake_send_body (fake, poll->view, body);
}

void
fake_send_unchanged (Fake *fake, const FakePoll *poll)
{
  ReplicaWireUnchanged wire = { .type = REPLICA_WIRE_UNCHANGED,
                                .age_10ms = (guint16) (fake->age_ms / 10),
                                .view = poll->view,
                                .epoch = poll->token.epoch,
                                .serial = poll->token.serial };

  fake_send (fake, &wire, sizeof wire);
}

void
fake_send_error (Fake *fake, const FakePoll *poll, ReplicaError code, guint32 retry_ms, const char *text)
{
  ReplicaWireErrorHead head = { .type = REPLICA_WIRE_ERROR,
                                .code = (guint16) code,
                                .view = poll->view,
                                .retry_ms = retry_ms,
                                .message_bytes = (guint32) strlen (text) };
  g_autoptr (GByteArray) message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &head, sizeof head);
  g_byte_array_append (message, (const guint8 *) text, (guint) strlen (text));
  fake_send (fake, message->data, message->len);
}

void
fake_vanish (Fake *fake)
{
  g_autoptr (GError) error = NULL;

  g_io_stream_close (soup_websocket_connection_get_io_stream (fake_last_connection (fake)), NULL, &error);
  g_assert_no_error (error);
}

void
fake_wait_request (Fake *fake)
{
  fake_wait_until (fake, fake->request != NULL);
}

void
fake_respond (Fake *fake, guint status, const char *type, const char *body)
{
  g_autoptr (SoupServerMessage) request = g_steal_pointer (&fake->request);

  soup_server_message_set_status (request, status, NULL);
  if (body != NULL)
    soup_server_message_set_response (request, type, SOUP_MEMORY_COPY, body, strlen (body));
  soup_server_message_unpause (request);
}

/* ---- the other side: a view and what it showed ---- */

static void
snapshot_cb (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, gpointer user_data)
{
  FakeSeen *seen = user_data;

  g_assert_true (replica_view_get_snapshot (view) == snapshot);
  seen->n++;
  seen->value = replica_column_get_int64 (replica_snapshot_get_column (snapshot, 1), 0);
  seen->n_changed = replica_diff_get_n_changed (diff);
  seen->n_added = replica_diff_get_n_added (diff);
  seen->n_removed = replica_diff_get_n_removed (diff);
}

ReplicaView *
fake_view_new (Fake *fake, const char *path, FakeSeen *seen)
{
  ReplicaView *view = replica_view_new (fake->link, path);

  memset (seen, 0, sizeof *seen);
  g_signal_connect (view, "snapshot", G_CALLBACK (snapshot_cb), seen);
  replica_view_start (view);
  return view;
}

void
fake_view_drop (ReplicaView *view)
{
  replica_view_stop (view);
  g_assert_finalize_object (view);
}

/* Takes the next poll, which must name this token, and answers it with a snapshot. */
void
fake_answer (Fake *fake, guint64 held_serial, guint64 serial, gint64 value)
{
  g_autoptr (FakePoll) poll = fake_take_poll (fake);

  g_assert_cmpuint (poll->token.serial, ==, held_serial);
  fake_send_snapshot (fake, poll, 1, serial, value);
}
