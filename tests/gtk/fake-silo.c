/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A silo small enough to be told what to do, for tests of the dashboard: the same data every time, a snapshot
 * every second, one thread, libsoup's own WebSocket. It knows three projections and answers others with an
 * error.
 *
 *   fake-silo [PORT [only-host]]     with one screen only, if told so; the first line on stdout is "listening
 * on http://127.0.0.1:PORT" */

#include <glib-unix.h>
#include <libsoup/soup.h>
#include <stdlib.h>
#include <string.h>

#include "dash-fixture.h"
#include "replica-wire.h"

#define SCREEN_MARKET                                                                                        \
  "{\"name\":\"market\",\"title\":\"Market\",\"panels\":["                                                   \
  "{\"kind\":\"grid\",\"path\":\"market/quotes\",\"title\":\"Quotes\",\"sort\":\"-volume\"},"                \
  "{\"kind\":\"candles\",\"path\":\"market/candles\",\"title\":\"Candles\",\"follows\":\"market/quotes\"},"  \
  "{\"kind\":\"grid\",\"path\":\"market/nowhere\",\"title\":\"<b>Broken</b>\"}]}"
#define SCREEN_HOST                                                                                          \
  "{\"name\":\"host\",\"title\":\"Host\",\"panels\":["                                                       \
  "{\"kind\":\"line\",\"path\":\"host/cpu\",\"title\":\"CPU load\"},"                                        \
  "{\"kind\":\"grid\",\"path\":\"host/cpu\",\"title\":\"Samples\"}]}"
#define N_INSTRUMENTS 400
#define N_BARS 110

static const char *screens = "{\"screens\":[" SCREEN_MARKET "," SCREEN_HOST "]}";

typedef struct
{
  SoupWebsocketConnection *connection; /* (owned) */
  GHashTable *parked;                  /* view → Poll */
} Client;

typedef struct
{
  guint32 view;
  char *path;
  ReplicaToken held;
  gint64 until_us;
  gboolean is_waiting;
} Poll;

static GPtrArray *clients;
static gint64 start_us;
static guint64 epoch;

static void
poll_free (Poll *poll)
{
  g_free (poll->path);
  g_free (poll);
}

static void
client_free (Client *client)
{
  g_object_unref (client->connection);
  g_hash_table_unref (client->parked);
  g_free (client);
}

static guint64
get_serial (void)
{
  return 1 + (guint64) ((g_get_monotonic_time () - start_us) / G_USEC_PER_SEC);
}

static ReplicaSnapshot *
make_snapshot (const char *path, guint64 serial)
{
  if (strcmp (path, "market/quotes") == 0)
    return dash_fixture_quotes (N_INSTRUMENTS, serial);
  if (g_str_has_prefix (path, "market/candles"))
    return dash_fixture_candles (path, N_BARS, serial);
  if (strcmp (path, "host/cpu") == 0)
    return dash_fixture_load (4, 240, serial);
  return NULL;
}

static void
send_snapshot (Client *client, const Poll *poll, ReplicaSnapshot *snapshot)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (replica_snapshot_get_bytes (snapshot), &size);
  ReplicaWireSnapshotHead head = {
    .type = REPLICA_WIRE_SNAPSHOT,
    .form = REPLICA_WIRE_FORM_FULL,
    .view = poll->view,
    .body_bytes = (guint32) size,
  };
  g_autoptr (GByteArray) message = g_byte_array_new ();
  ReplicaWireSnapshot *body;

  g_byte_array_append (message, (const guint8 *) &head, sizeof head);
  g_byte_array_append (message, data, (guint) size);
  /* The fixtures' epoch is always the same; another process must be another. */
  body = (ReplicaWireSnapshot *) (gpointer) (message->data + sizeof head);
  body->epoch = epoch;
  soup_websocket_connection_send_binary (client->connection, message->data, message->len);
}

static void
send_unchanged (Client *client, const Poll *poll)
{
  ReplicaWireUnchanged message = {
    .type = REPLICA_WIRE_UNCHANGED,
    .view = poll->view,
    .epoch = poll->held.epoch,
    .serial = poll->held.serial,
  };

  soup_websocket_connection_send_binary (client->connection, &message, sizeof message);
}

static void
send_error (Client *client, const Poll *poll)
{
  g_autofree char *text = g_strdup_printf ("there is no projection “%s” <b>here</b>", poll->path);
  ReplicaWireErrorHead head = {
    .type = REPLICA_WIRE_ERROR,
    .code = REPLICA_ERROR_NOT_FOUND,
    .view = poll->view,
    .message_bytes = (guint32) strlen (text),
  };
  g_autoptr (GByteArray) message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &head, sizeof head);
  g_byte_array_append (message, (const guint8 *) text, head.message_bytes);
  soup_websocket_connection_send_binary (client->connection, message->data, message->len);
}

static void
answer (Client *client, Poll *poll)
{
  guint64 serial = get_serial ();

  if (!poll->is_waiting
      || soup_websocket_connection_get_state (client->connection) != SOUP_WEBSOCKET_STATE_OPEN)
    return;
  if (!replica_token_equal (poll->held, (ReplicaToken){ epoch, serial }))
    {
      g_autoptr (ReplicaSnapshot) snapshot = make_snapshot (poll->path, serial);

      poll->is_waiting = FALSE;
      if (snapshot != NULL)
        send_snapshot (client, poll, snapshot);
      else
        send_error (client, poll);
    }
  else if (g_get_monotonic_time () >= poll->until_us)
    {
      poll->is_waiting = FALSE;
      send_unchanged (client, poll);
    }
}

static void
message_cb (SoupWebsocketConnection *connection, int type, GBytes *bytes, Client *client)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  if (size >= sizeof (ReplicaWirePoll) && data[0] == REPLICA_WIRE_POLL)
    {
      ReplicaWirePoll message;
      Poll *poll;

      memcpy (&message, data, sizeof message);
      poll = g_hash_table_lookup (client->parked, GUINT_TO_POINTER (message.view));
      if (poll == NULL)
        {
          poll = g_new0 (Poll, 1);
          g_hash_table_insert (client->parked, GUINT_TO_POINTER (message.view), poll);
        }
      poll->view = message.view;
      poll->held = (ReplicaToken){ message.epoch, message.serial };
      poll->until_us = g_get_monotonic_time () + (gint64) message.hold_ms * 1000;
      poll->is_waiting = TRUE;
      if (message.path_bytes > 0)
        {
          g_free (poll->path);
          poll->path = g_strndup ((const char *) data + sizeof message, message.path_bytes);
        }
      answer (client, poll);
    }
  else if (size >= sizeof (ReplicaWireWithdraw) && data[0] == REPLICA_WIRE_WITHDRAW)
    {
      ReplicaWireWithdraw message;

      memcpy (&message, data, sizeof message);
      g_hash_table_remove (client->parked, GUINT_TO_POINTER (message.view));
    }
}

static gboolean
tick_cb (gpointer user_data)
{
  for (guint i = 0; i < clients->len; i++)
    {
      Client *client = g_ptr_array_index (clients, i);
      GHashTableIter iter;
      gpointer poll;

      g_hash_table_iter_init (&iter, client->parked);
      while (g_hash_table_iter_next (&iter, NULL, &poll))
        answer (client, poll);
    }
  return G_SOURCE_CONTINUE;
}

static void
closed_cb (SoupWebsocketConnection *connection, Client *client)
{
  g_ptr_array_remove (clients, client);
}

static void
websocket_cb (SoupServer *server,
              SoupServerMessage *message,
              const char *path,
              SoupWebsocketConnection *connection,
              gpointer user_data)
{
  Client *client = g_new0 (Client, 1);

  client->connection = g_object_ref (connection);
  client->parked = g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) poll_free);
  g_ptr_array_add (clients, client);
  g_signal_connect (connection, "message", G_CALLBACK (message_cb), client);
  g_signal_connect (connection, "closed", G_CALLBACK (closed_cb), client);
}

static void
screens_cb (
    SoupServer *server, SoupServerMessage *message, const char *path, GHashTable *query, gpointer user_data)
{
  soup_server_message_set_status (message, SOUP_STATUS_OK, NULL);
  soup_server_message_set_response (message, "application/json", SOUP_MEMORY_STATIC, screens,
                                    strlen (screens));
}

static gboolean
quit_cb (gpointer user_data)
{
  g_main_loop_quit (user_data);
  return G_SOURCE_REMOVE;
}

int
main (int argc, char *argv[])
{
  static char *protocols[] = { (char *) REPLICA_WIRE_PROTOCOL, NULL };
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (SoupServer) server = soup_server_new (NULL, NULL);
  g_autoptr (GError) error = NULL;
  GSList *uris;

  if (argc > 2 && strcmp (argv[2], "only-host") == 0)
    screens = "{\"screens\":[" SCREEN_HOST "]}";
  start_us = g_get_monotonic_time ();
  epoch = (guint64) g_get_real_time ();
  clients = g_ptr_array_new_with_free_func ((GDestroyNotify) client_free);
  soup_server_add_handler (server, "/v1/screens", screens_cb, NULL, NULL);
  soup_server_add_websocket_handler (server, REPLICA_WIRE_ENDPOINT, NULL, protocols, websocket_cb, NULL,
                                     NULL);
  if (!soup_server_listen_local (server, argc > 1 ? (guint) atoi (argv[1]) : 0, SOUP_SERVER_LISTEN_IPV4_ONLY,
                                 &error))
    {
      g_printerr ("fake-silo: %s\n", error->message);
      return 1;
    }
  uris = soup_server_get_uris (server);
  g_print ("listening on http://127.0.0.1:%d\n", g_uri_get_port (uris->data));
  g_slist_free_full (uris, (GDestroyNotify) g_uri_unref);
  g_unix_signal_add (SIGTERM, quit_cb, loop);
  g_timeout_add (50, tick_cb, NULL);
  g_main_loop_run (loop);
  g_ptr_array_unref (clients);
  return 0;
}
