/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The views of a link: who has asked what, when something must have been heard, and how long the way is. Same
 * thread as the link; split from replica-link.c, which makes and ends the connection.
 *
 * The round trip is measured with polls, not with WebSocket pings: libsoup 3.2 sends pings by a timer of its
 * own and does not tell when. A probe is a poll on the reserved view 0, hold 0, with the path and token of
 * some parked poll: the server answers `unchanged` at once. To keep it from fetching a snapshot a second
 * time, it rides right behind a re-poll, when the token is as new as can be; when it fetches one all the
 * same, that is not counted, and the next probe waits twice as long.
 *
 * libsoup hands over whole messages only, so a large snapshot on a slow link would look like silence: before
 * the watchdog gives up it asks the kernel whether bytes still arrive.
 */

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "replica-link-internal.h"

/* Fewer bytes than this within hold + margin are answers to probes, not a snapshot that is arriving. */
#define PROGRESS_BYTES 4096

void
replica_link_view_free (gpointer data)
{
  ReplicaLinkView *view = data;

  g_free (view->path);
  g_free (view);
}

/* Calls every view, which may attach and detach views, or let go of the last reference to one, meanwhile. */
void
replica_link_tell_views (ReplicaLink *self, gboolean online)
{
  g_autoptr (GPtrArray) objects = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (guint32));
  GHashTableIter iter;
  ReplicaLinkView *view;

  g_hash_table_iter_init (&iter, self->views);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &view))
    {
      g_ptr_array_add (objects, g_object_ref (view->data));
      g_array_append_val (ids, view->id);
    }
  for (guint i = 0; i < ids->len; i++)
    {
      view = g_hash_table_lookup (self->views, GUINT_TO_POINTER (g_array_index (ids, guint32, i)));
      if (view == NULL || (self->state == REPLICA_LINK_ONLINE) != online)
        continue;
      if (online)
        view->client->online (view->data);
      else
        view->client->offline (view->data);
    }
}

/* ---- the watchdog ---- */

guint64
replica_link_received_bytes (ReplicaLink *self)
{
  struct tcp_info info;
  socklen_t size = sizeof info;

  if (self->socket == NULL)
    return 0;
  memset (&info, 0, sizeof info);
  if (getsockopt (g_socket_get_fd (self->socket), IPPROTO_TCP, TCP_INFO, &info, &size) != 0)
    return 0;
  return info.tcpi_bytes_received;
}

void
replica_link_arm_watchdog (ReplicaLink *self)
{
  GHashTableIter iter;
  ReplicaLinkView *view;
  gint64 deadline_us = self->connection != NULL ? replica_link_get_publication_due (self) : -1;

  g_hash_table_iter_init (&iter, self->views);
  while (self->connection != NULL && g_hash_table_iter_next (&iter, NULL, (gpointer *) &view))
    {
      gint64 due_us;

      if (view->asked_us < 0)
        continue;
      due_us = MAX (view->asked_us, self->answer_us) + (gint64) view->hold_ms * 1000 + REPLICA_LINK_MARGIN_US;
      if (deadline_us < 0 || due_us < deadline_us)
        deadline_us = due_us;
    }
  replica_timer_set (self->watchdog, deadline_us);
}

void
replica_link_watchdog_cb (gpointer data)
{
  ReplicaLink *self = data;
  guint64 received_bytes = replica_link_received_bytes (self);

  if (received_bytes >= self->received_bytes + PROGRESS_BYTES)
    {
      self->received_bytes = received_bytes;
      self->answer_us = replica_link_now (self);
      replica_link_arm_watchdog (self);
      return;
    }
  replica_link_drop (self, "The server said nothing for longer than a poll may wait",
                     SOUP_WEBSOCKET_CLOSE_GOING_AWAY);
}

gboolean
replica_link_send (ReplicaLink *self, GBytes *message)
{
  if (self->connection == NULL || soup_websocket_connection_get_state (self->connection) != SOUP_WEBSOCKET_STATE_OPEN)
    return FALSE;
  soup_websocket_connection_send_message (self->connection, SOUP_WEBSOCKET_DATA_BINARY, message);
  return TRUE;
}

/* ---- the probe ---- */

void
replica_link_send_probe (ReplicaLink *self)
{
  GHashTableIter iter;
  ReplicaLinkView *view, *newest = NULL;
  g_autoptr (GBytes) message = NULL;

  if (self->probe_sent_us >= 0)
    return;
  g_hash_table_iter_init (&iter, self->views);
  while (g_hash_table_iter_next (&iter, NULL, (gpointer *) &view))
    if (view->asked_us >= 0 && view->token.epoch != 0
        && (newest == NULL || view->asked_us > newest->asked_us))
      newest = view;
  if (newest == NULL)
    return;
  message = replica_message_write_poll (REPLICA_LINK_PROBE_VIEW, newest->path, newest->token,
                                        REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_DELTA
                                            | (self->is_zstd ? REPLICA_WIRE_ACCEPT_ZSTD : 0),
                                        0);
  if (!replica_link_send (self, message))
    return;
  self->probe_due = FALSE;
  self->probe_token = newest->token;
  self->probe_sent_us = replica_link_now (self);
  replica_timer_set (self->probe, -1);
}

void
replica_link_probe_cb (gpointer data)
{
  ReplicaLink *self = data;

  if (self->probe_due)
    {
      /* No answer came to ride behind: a quiet view, of which the token is the newest. */
      replica_link_send_probe (self);
      return;
    }
  self->probe_due = TRUE;
  replica_timer_set (self->probe, replica_link_now (self) + REPLICA_LINK_PROBE_PATIENCE_US);
}

gboolean
replica_link_probe_answered (ReplicaLink *self, const ReplicaMessage *message, GError **error)
{
  if (self->probe_sent_us < 0)
    {
      g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                           "The server broke the protocol: an answer to nothing");
      return FALSE;
    }
  if (message->type == REPLICA_WIRE_UNCHANGED)
    {
      if (!replica_token_equal (message->token, self->probe_token))
        {
          g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                               "The server broke the protocol: an \"unchanged\" names another token");
          return FALSE;
        }
      replica_meter_add_rtt (&self->meter, replica_link_now (self) - self->probe_sent_us);
      self->probe_every_us = REPLICA_LINK_PROBE_US;
      g_object_notify (G_OBJECT (self), "rtt-us");
    }
  else
    {
      self->probe_every_us = MIN (self->probe_every_us * 2, REPLICA_LINK_PROBE_MAX_US);
    }
  self->probe_sent_us = -1;
  if (self->connection != NULL)
    replica_timer_set (self->probe, replica_link_now (self) + self->probe_every_us);
  return TRUE;
}

/* ---- answers ---- */

gboolean
replica_link_answer (
    ReplicaLink *self, ReplicaLinkView *view, const ReplicaMessage *message, gsize size, GError **error)
{
  g_autoptr (GObject) keep G_GNUC_UNUSED = g_object_ref (view->data);
  const ReplicaLinkClient *client = view->client;
  gint64 asked_us = view->asked_us;

  if (asked_us < 0)
    {
      g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                           "The server broke the protocol: an answer to nothing");
      return FALSE;
    }
  if (message->type == REPLICA_WIRE_UNCHANGED && !replica_token_equal (message->token, view->token))
    {
      g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                           "The server broke the protocol: an \"unchanged\" names another token");
      return FALSE;
    }
  if (message->type == REPLICA_WIRE_SNAPSHOT && !replica_message_is_accepted (message, view->accept))
    {
      g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                           "The server broke the protocol: a snapshot came in a form that was not asked for");
      return FALSE;
    }
  view->asked_us = -1;
  /* A server that refused the poll may not have kept its path. */
  if (message->type == REPLICA_WIRE_ERROR)
    view->path_sent = FALSE;
  self->answer_us = self->heard_us;
  self->received_bytes = replica_link_received_bytes (self); /* progress counts from here */
  replica_link_measure (self, size, asked_us);
  if (!client->answer (view->data, message, error))
    return FALSE;
  if (message->type != REPLICA_WIRE_ERROR)
    self->n_failures = 0;
  return TRUE;
}

/* ---- what views call ---- */

guint32
replica_link_attach (ReplicaLink *self, const ReplicaLinkClient *client, gpointer data, const char *path)
{
  ReplicaLinkView *view = g_new0 (ReplicaLinkView, 1);

  /* 2^32 views on, the count starts again: past the probe's id, and those that still live. */
  do
    self->last_id++;
  while (self->last_id == REPLICA_LINK_PROBE_VIEW
         || g_hash_table_contains (self->views, GUINT_TO_POINTER (self->last_id)));
  view->id = self->last_id;
  view->client = client;
  view->data = data;
  view->path = g_strdup (path);
  view->asked_us = -1;
  g_hash_table_insert (self->views, GUINT_TO_POINTER (view->id), view);
  return view->id;
}

void
replica_link_detach (ReplicaLink *self, guint32 id)
{
  ReplicaLinkView *view = g_hash_table_lookup (self->views, GUINT_TO_POINTER (id));

  g_return_if_fail (view != NULL);

  if (view->polled)
    {
      g_autoptr (GBytes) message = replica_message_write_withdraw (id);

      replica_link_send (self, message);
    }
  g_hash_table_remove (self->views, GUINT_TO_POINTER (id));
  replica_link_arm_watchdog (self);
}

gboolean
replica_link_poll (ReplicaLink *self, guint32 id, ReplicaToken token, guint8 accept, guint hold_ms)
{
  ReplicaLinkView *view = g_hash_table_lookup (self->views, GUINT_TO_POINTER (id));
  g_autoptr (GBytes) message = NULL;

  g_return_val_if_fail (view != NULL, FALSE);

  if (view->asked_us >= 0)
    return FALSE;
  if (self->is_zstd)
    accept |= REPLICA_WIRE_ACCEPT_ZSTD;
  message = replica_message_write_poll (id, view->path_sent ? NULL : view->path, token, accept, hold_ms);
  if (!replica_link_send (self, message))
    return FALSE;
  view->path_sent = view->polled = TRUE;
  view->asked_us = replica_link_now (self);
  view->token = token;
  view->accept = accept;
  view->hold_ms = hold_ms;
  replica_link_arm_watchdog (self);
  return TRUE;
}

gint64
replica_link_get_asked_us (ReplicaLink *self, guint32 id)
{
  ReplicaLinkView *view = g_hash_table_lookup (self->views, GUINT_TO_POINTER (id));

  return view != NULL ? view->asked_us : -1;
}

gint64
replica_link_get_confirmed_us (ReplicaLink *self)
{
  return self->confirmed_us;
}

guint64
replica_link_get_received_bytes (ReplicaLink *self)
{
  return self->message_bytes;
}
