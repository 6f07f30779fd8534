/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A WebSocket connection on its lane: its bytes in and out, and its end.
 *
 * While an answer is on its way out, nothing is read: a client that does not take what it asked for cannot
 * ask for more, so that what is queued for it is one answer, without a count. (Of polls that are parked already
 * an answer without a snapshot may come behind it, one each; snapshots wait for their turn: syn-ws-view.c.) An idle connection owns no buffer: bytes are
 * read into the lane's scratch, sent from the snapshot's own memory, and only what is left over of either is
 * kept. What publishes may be long: it is received where it stays. With as many publications out as a connection may have, nothing is read
 * either: the answers come of themselves, and the peer's own buffers tell him to wait.
 *
 * Rejected: reading on while writing (needs a queue per connection with a limit of its own, and a policy for
 * when it is full). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-ws-private.h"

#include <errno.h>
#include <string.h>

#define OUTS_PER_SEND 16
#define READ_BYTES (32u << 10)

G_STATIC_ASSERT (READ_BYTES + REPLICA_WIRE_REQUEST_MAX + 14 <= SYN_WS_SCRATCH);
G_STATIC_ASSERT (READ_BYTES >= SYN_TLS_RECORD_BYTES);

static void
set_interest (SynWsConn *self, guint32 events)
{
  syn_epoll_set_change (self->lane->set, self->fd, events | EPOLLRDHUP, self);
}

/* Nothing is read before something that was published has its answer. */
static gboolean
is_full (const SynWsConn *self)
{
  return self->n_publishes >= SYN_MAX_PUBLISHES_PER_CONNECTION || self->end_code != 0;
}

static void timed_out (SynTimer *timer, gpointer user_data);

static void
arm_stall (SynWsConn *self)
{
  self->unacknowledged = syn_socket_get_unacknowledged (self->fd);
  syn_lane_arm (self->lane->lane, &self->timer, SYN_STALL_MS, timed_out, self);
}

static void
timed_out (SynTimer *timer, gpointer user_data)
{
  SynWsConn *self = user_data;
  int unacknowledged = self->out != NULL ? syn_socket_get_unacknowledged (self->fd) : -1;

  if (unacknowledged >= 0 && unacknowledged < self->unacknowledged)
    arm_stall (self); /* slow, but it moves */
  else if (self->out != NULL)
    {
      syn_metric_add (self->lane->lane, syn_ws_metrics.stalled, 1);
      syn_ws_conn_drop (self);
    }
  else if (self->state == SYN_WS_OPEN)
    syn_ws_conn_close (self, SYN_WS_CLOSE_POLICY, "half a message for too long");
  else
    syn_ws_conn_drop (self);
}

/* ---- out ---- */

static void
close_slow (gpointer owner)
{
  syn_ws_conn_drop (owner);
}

static SynWsOut *
out_new (SynWsConn *conn, const guint8 *head, guint head_bytes, GBytes *body, gsize sent)
{
  SynWsOut *out = g_malloc (sizeof (SynWsOut) + head_bytes);

  out->next = NULL;
  out->hold = (SynSlowHold){ 0 };
  syn_slow_hold (conn->lane->slow, &out->hold, body, close_slow, conn);
  out->sent = sent;
  out->head_bytes = head_bytes;
  memcpy (out->head, head, head_bytes);
  return out;
}

static void
out_free (SynWsConn *conn, SynWsOut *out)
{
  syn_slow_release (conn->lane->slow, &out->hold);
  g_free (out);
}

/* @n bytes went out; or 0, -1. */
static gssize
count_sent (SynWsConn *self, gssize n)
{
  if (n <= 0)
    return n;
  syn_metric_add (self->lane->lane, syn_ws_metrics.sent_bytes, n);
  self->sent_bytes += (guint64) n;
  self->moved_ms = syn_lane_now_ms (self->lane->lane);
  return n;
}

void
syn_ws_conn_send (SynWsConn *self, const guint8 *head, guint head_bytes, GBytes *body)
{
  gsize total = head_bytes + (body != NULL ? g_bytes_get_size (body) : 0);
  SynWsOut *out;
  gssize n = 0;

  if (self->state == SYN_WS_CLOSED)
    return;
  if (self->out == NULL)
    {
      n = count_sent (self, syn_sender_send (self->lane->sender, self->fd, self->tls, head, head_bytes, body));
      if (n < 0)
        {
          syn_ws_conn_drop (self);
          return;
        }
      if ((gsize) n == total)
        return;
    }
  out = out_new (self, head, head_bytes, body, (gsize) n);
  if (self->out == NULL)
    {
      self->out = out;
      set_interest (self, EPOLLOUT);
      arm_stall (self);
    }
  else
    self->out_last->next = out;
  self->out_last = out;
}

/* Sends what is queued. FALSE when something is left, or the connection is gone. */
static gboolean
flush (SynWsConn *self)
{
  while (self->out != NULL)
    {
      struct iovec vector[2 * OUTS_PER_SEND];
      int n_vector = 0;
      guint n_outs = 0;
      gssize n;

      for (SynWsOut *out = self->out; out != NULL && n_outs < OUTS_PER_SEND; out = out->next, n_outs++)
        n_vector += syn_sender_rest (out->head, out->head_bytes, out->hold.body, out->sent, vector + n_vector);
      n = count_sent (self, syn_sender_send_vector (self->fd, self->tls, vector, n_vector));
      if (n < 0)
        {
          syn_ws_conn_drop (self);
          return FALSE;
        }
      if (n == 0)
        return FALSE;
      arm_stall (self); /* it moves */
      while (self->out != NULL && n > 0)
        {
          SynWsOut *out = self->out;
          gsize left = out->head_bytes + (out->hold.body != NULL ? g_bytes_get_size (out->hold.body) : 0) - out->sent;

          if ((gsize) n < left)
            {
              out->sent += (gsize) n;
              break;
            }
          n -= (gssize) left;
          self->out = out->next;
          out_free (self, out);
        }
    }
  self->out_last = NULL;
  syn_lane_disarm (self->lane->lane, &self->timer);
  return TRUE;
}

/* ---- the end ---- */

/* The close frame is out: the peer gets our end, and a while for its own. */
static void
await_end (SynWsConn *self)
{
  syn_socket_end (self->fd, self->tls);
  set_interest (self, EPOLLIN);
  syn_lane_arm (self->lane->lane, &self->timer, SYN_WS_LINGER_MS, timed_out, self);
}

void
syn_ws_conn_close (SynWsConn *self, guint16 code, const char *reason)
{
  guint8 frame[2 + SYN_WS_CONTROL_MAX];

  if (self->state != SYN_WS_OPEN)
    return;
  syn_ws_conn_cancel_views (self);
  syn_ws_conn_forget_publishes (self);
  self->state = SYN_WS_CLOSING;
  g_clear_pointer (&self->pending, g_free);
  self->pending_bytes = 0;
  syn_ws_reader_clear (&self->reader);
  syn_ws_conn_send (self, frame, syn_ws_close_frame (frame, code, reason), NULL);
  if (self->state == SYN_WS_CLOSING && self->out == NULL)
    await_end (self);
}

void
syn_ws_conn_end (SynWsConn *self, guint16 code, const char *reason)
{
  if (self->n_publishes == 0)
    {
      syn_ws_conn_close (self, code, reason);
      return;
    }
  self->end_code = code;
  self->end_reason = reason;
  if (self->state == SYN_WS_OPEN && self->out == NULL)
    {
      set_interest (self, 0);
      syn_lane_disarm (self->lane->lane, &self->timer);
    }
}

void
syn_ws_conn_drop (SynWsConn *self)
{
  if (self->state == SYN_WS_CLOSED)
    return;
  syn_ws_conn_cancel_views (self);
  syn_ws_conn_forget_publishes (self);
  self->state = SYN_WS_CLOSED;
  syn_lane_disarm (self->lane->lane, &self->timer);
  syn_epoll_set_remove (self->lane->set, self->fd);
  syn_socket_close (self->fd, g_steal_pointer (&self->tls));
  self->fd = -1;
  syn_ws_lane_bury (self->lane, self);
}

void
syn_ws_conn_free (SynWsConn *self)
{
  syn_ws_conn_free_views (self);
  while (self->out != NULL)
    {
      SynWsOut *out = self->out;

      self->out = out->next;
      out_free (self, out);
    }
  syn_ws_reader_clear (&self->reader);
  syn_uploads_unref (self->uploads);
  g_free (self->pending);
  g_free (self->agent);
  g_free (self);
}

/* ---- in ---- */

/* FALSE: nothing more is to be read of this connection now. */
static gboolean
handle_event (SynWsConn *self, const SynWsEvent *event)
{
  guint8 pong[SYN_WS_HEAD_MAX + SYN_WS_CONTROL_MAX];
  guint head_bytes;

  switch (event->kind)
    {
    case SYN_WS_MORE:
      return FALSE;
    case SYN_WS_MESSAGE:
      syn_ws_conn_message (self, event);
      return TRUE;
    case SYN_WS_PING:
      head_bytes = syn_ws_frame_head (pong, SYN_WS_OPCODE_PONG, event->length);
      if (event->length > 0)
        memcpy (pong + head_bytes, event->data, event->length);
      syn_ws_conn_send (self, pong, head_bytes + (guint) event->length, NULL);
      return TRUE;
    case SYN_WS_PONG:
      return TRUE;
    case SYN_WS_CLOSE:
      syn_ws_conn_close (self, event->code, NULL);
      return FALSE;
    case SYN_WS_FAIL:
    default:
      syn_metric_add (self->lane->lane, syn_ws_metrics.protocol_errors, 1);
      syn_ws_conn_close (self, event->code, event->reason);
      return FALSE;
    }
}

/* Goes through @data until it is used up, or an answer waits to go out. Keeps the rest. */
static void
process (SynWsConn *self, guint8 *data, gsize length)
{
  gsize done = 0;
  gboolean more = TRUE, some_whole = FALSE;

  while (more && self->state == SYN_WS_OPEN && self->out == NULL && !is_full (self))
    {
      SynWsEvent event;
      gsize used;

      syn_ws_reader_next (&self->reader, data + done, length - done, REPLICA_WIRE_REQUEST_MAX, &used, &event);
      done += used;
      syn_ws_conn_count_upload (self);
      some_whole |= event.kind != SYN_WS_MORE;
      more = handle_event (self, &event);
    }
  if (self->state != SYN_WS_OPEN)
    return;
  if (done < length)
    {
      self->pending = g_memdup2 (data + done, length - done);
      self->pending_bytes = (guint32) (length - done);
    }
  if (self->out != NULL)
    return; /* the timer is the answer's */
  if (is_full (self))
    set_interest (self, 0);
  if (is_full (self) || (self->pending == NULL && !self->reader.in_message))
    syn_lane_disarm (self->lane->lane, &self->timer);
  else if (some_whole || !syn_timer_is_armed (&self->timer) || self->reader.message_bytes >= self->progress + SYN_PUBLISH_PROGRESS_BYTES)
    syn_lane_arm (self->lane->lane, &self->timer, SYN_STALL_MS, timed_out, self);
  else
    return;
  self->progress = self->reader.message_bytes;
}

static void
process_pending (SynWsConn *self)
{
  g_autofree guint8 *data = g_steal_pointer (&self->pending);
  gsize length = self->pending_bytes;

  self->pending_bytes = 0;
  if (length > 0 || self->reader.in_message)
    process (self, length > 0 ? data : self->lane->scratch, length);
}

void
syn_ws_conn_go_on (SynWsConn *self)
{
  if (self->state != SYN_WS_OPEN || self->out != NULL || (self->n_publishes != SYN_MAX_PUBLISHES_PER_CONNECTION - 1 && self->end_code == 0))
    return;
  if (self->end_code != 0)
    {
      if (self->n_publishes == 0)
        syn_ws_conn_close (self, self->end_code, self->end_reason);
      return;
    }
  process_pending (self);
  if (self->state == SYN_WS_OPEN && self->out == NULL && !is_full (self))
    set_interest (self, EPOLLIN);
}

static void
read_some (SynWsConn *self)
{
  guint8 *scratch = self->lane->scratch, *room = NULL;
  gsize kept = self->pending_bytes, room_bytes;
  gssize n;

  if (self->state == SYN_WS_OPEN && kept == 0)
    room = syn_ws_reader_get_room (&self->reader, &room_bytes);
  /* Of a record all is read, also what follows the message. */
  if (room != NULL && (self->tls == NULL || room_bytes >= SYN_TLS_RECORD_BYTES))
    {
      n = syn_socket_recv (self->fd, self->tls, room, room_bytes);
      self->moved_ms = syn_lane_now_ms (self->lane->lane);
      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      if (n <= 0)
        {
          syn_ws_conn_drop (self);
          return;
        }
      syn_ws_reader_put (&self->reader, (gsize) n);
      process (self, scratch, 0);
      return;
    }
  if (self->state == SYN_WS_OPEN && kept > 0)
    memcpy (scratch, self->pending, kept);
  else
    kept = 0;
  n = syn_socket_recv (self->fd, self->tls, scratch + kept, READ_BYTES);
  self->moved_ms = syn_lane_now_ms (self->lane->lane);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      syn_ws_conn_drop (self);
      return;
    }
  g_clear_pointer (&self->pending, g_free);
  self->pending_bytes = 0;
  if (self->state == SYN_WS_OPEN)
    process (self, scratch, kept + (gsize) n);
}

void
syn_ws_conn_event (SynWsConn *self, guint32 events)
{
  if (self->state == SYN_WS_CLOSED)
    return;
  if (events & (EPOLLERR | EPOLLHUP))
    {
      syn_ws_conn_drop (self);
      return;
    }
  if (self->out != NULL)
    {
      /* Who sends no more while we write does not read either: a WebSocket is not closed by halves. */
      if (events & EPOLLRDHUP)
        syn_ws_conn_drop (self);
      else if (flush (self))
        {
          if (self->state == SYN_WS_CLOSING)
            await_end (self);
          else if (self->end_code != 0 && self->n_publishes == 0)
            syn_ws_conn_close (self, self->end_code, self->end_reason);
          else
            {
              process_pending (self);
              if (self->state == SYN_WS_OPEN && self->out == NULL)
                set_interest (self, is_full (self) ? 0 : EPOLLIN);
              if (self->out == NULL)
                syn_ws_conn_pay (self);
            }
        }
      return;
    }
  if (self->state == SYN_WS_OPEN && is_full (self))
    {
      if (events & EPOLLRDHUP) /* nobody waits for the answers */
        syn_ws_conn_drop (self);
      return;
    }
  read_some (self);
}

void
syn_ws_conn_feed (SynWsConn *self, GBytes *first)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (first, &length);
  g_autofree guint8 *copy = g_memdup2 (data, length);

  if (length > 0)
    process (self, copy, length);
}

SynWsConn *
syn_ws_conn_new (SynWsLane *lane, int fd, SynTls *tls, SynUploads *uploads)
{
  SynWsConn *self = g_new0 (SynWsConn, 1);

  self->lane = lane;
  self->fd = fd;
  self->tls = tls;
  self->began_ms = self->moved_ms = syn_lane_now_ms (lane->lane);
  self->uploads = uploads;
  self->reader.large_type = REPLICA_WIRE_PUBLISH;
  self->reader.large_max = sizeof (ReplicaWirePublish) + SYN_MAX_BODY_BYTES;
  return self;
}
