/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An HTTP connection that polls plainly, on its lane: its bytes in and out, and its end.
 *
 * One request at a time: while its answer waits or is on its way, what the client sends ahead is kept, up to a limit, and then not read. A
 * request that is not plain ends the connection's stay here: it goes to the front lane with what was read of it, where libsoup takes it
 * over as if it had been there all the time; it does not come back. An idle connection owns no buffer.
 *
 * Rejected: MSG_PEEK (two calls of the kernel per request, and no way to wait for the rest of half a head without spinning); the connections
 * of WebSockets for this, too (their queue, their reader and their views are of no use here, and ours of none there). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-plain-private.h"

#include <errno.h>
#include <string.h>

static void process (SynPlainConn *self, const char *data, gsize length);

static void
set_interest (SynPlainConn *self, guint32 events)
{
  syn_epoll_set_change (self->lane->set, self->fd, events, self);
}

static void arm_stall (SynPlainConn *self);

static void
timed_out (SynTimer *timer, gpointer user_data)
{
  SynPlainConn *self = user_data;
  int unacknowledged = self->state == SYN_PLAIN_SENDING ? syn_socket_get_unacknowledged (self->fd) : -1;

  if (unacknowledged >= 0 && unacknowledged < self->out->unacknowledged)
    {
      arm_stall (self); /* slow, but it moves */
      return;
    }
  if (self->state == SYN_PLAIN_SENDING)
    syn_metric_add (self->lane->lane, syn_plain_metrics.stalled, 1);
  syn_plain_conn_drop (self);
}

static void
arm (SynPlainConn *self, guint ms)
{
  syn_lane_arm (self->lane->lane, &self->timer, ms, timed_out, self);
}

static void
arm_stall (SynPlainConn *self)
{
  self->out->unacknowledged = syn_socket_get_unacknowledged (self->fd);
  arm (self, SYN_STALL_MS);
}

/* ---- the end ---- */

static void
bury (SynPlainConn *self)
{
  self->state = SYN_PLAIN_CLOSED;
  syn_lane_disarm (self->lane->lane, &self->timer);
  self->fd = -1;
  syn_plain_lane_bury (self->lane, self);
}

void
syn_plain_conn_drop (SynPlainConn *self)
{
  if (self->state == SYN_PLAIN_CLOSED)
    return;
  if (self->state == SYN_PLAIN_WAITING || self->state == SYN_PLAIN_SENDING)
    syn_waiter_withdraw (&self->waiter);
  syn_epoll_set_remove (self->lane->set, self->fd);
  syn_socket_close (self->fd, g_steal_pointer (&self->tls));
  bury (self);
}

static void
out_clear (SynPlainConn *self)
{
  if (self->out != NULL)
    syn_slow_release (self->lane->slow, &self->out->hold);
  g_clear_pointer (&self->out, g_free);
}

static void
close_slow (gpointer owner)
{
  syn_plain_conn_drop (owner);
}

void
syn_plain_conn_free (SynPlainConn *self)
{
  out_clear (self);
  g_free (self->pending);
  g_free (self);
}

static void
pass_on (SynPlainConn *self, const char *data, gsize length)
{
  int fd = self->fd;

  syn_epoll_set_remove (self->lane->set, fd);
  syn_plain_lane_pass_on (self->lane, fd, g_steal_pointer (&self->tls), g_bytes_new (data, length));
  bury (self);
}

/* ---- in ---- */

static void
keep (SynPlainConn *self, const char *data, gsize length)
{
  self->pending = length > 0 ? g_memdup2 (data, length) : NULL;
  self->pending_bytes = (guint32) length;
}

static void
process_pending (SynPlainConn *self)
{
  g_autofree char *data = g_steal_pointer (&self->pending);
  gsize length = self->pending_bytes;

  self->pending_bytes = 0;
  process (self, data, length);
}

/* Goes through @data until it is used up, or a poll waits; keeps the rest, and sees to the timer. */
static void
process (SynPlainConn *self, const char *data, gsize length)
{
  gsize done = 0;

  while (self->state == SYN_PLAIN_READING && done < length)
    {
      SynPlainRequest request;
      SynPlainKind kind = syn_plain_read (data + done, length - done, &request);

      if (kind == SYN_PLAIN_MORE)
        break;
      if (kind != SYN_PLAIN_POLL || !syn_plain_conn_poll (self, &request))
        {
          pass_on (self, data + done, length - done);
          return;
        }
      done += request.length;
    }
  keep (self, data + done, length - done);
  if (self->state == SYN_PLAIN_WAITING)
    {
      syn_lane_disarm (self->lane->lane, &self->timer);
      if (self->ended)
        syn_plain_conn_end_poll (self);
      else if (self->pending_bytes >= SYN_MAX_AHEAD_BYTES)
        set_interest (self, 0);
    }
  else if (self->state == SYN_PLAIN_READING)
    {
      if (self->ended)
        syn_plain_conn_drop (self);
      else
        arm (self, SYN_HTTP_IDLE_MS);
    }
}

static void
read_some (SynPlainConn *self)
{
  char *scratch = self->lane->scratch;
  gsize kept = self->pending_bytes;
  gssize n;

  if (kept > 0)
    memcpy (scratch, self->pending, kept);
  n = syn_socket_recv (self->fd, self->tls, scratch + kept, SYN_PLAIN_READ_BYTES);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n < 0 || (n == 0 && self->state != SYN_PLAIN_WAITING))
    {
      syn_plain_conn_drop (self);
      return;
    }
  if (n == 0)
    {
      self->ended = TRUE;
      set_interest (self, 0); /* the end is told for ever */
      syn_plain_conn_end_poll (self);
      return;
    }
  g_clear_pointer (&self->pending, g_free);
  self->pending_bytes = 0;
  if (self->state == SYN_PLAIN_READING && kept > 0)
    {
      /* The time of a head runs from its first byte. */
      SynPlainRequest request;

      if (syn_plain_read (scratch, kept + (gsize) n, &request) == SYN_PLAIN_MORE)
        {
          keep (self, scratch, kept + (gsize) n);
          return;
        }
    }
  if (self->state == SYN_PLAIN_READING)
    {
      process (self, scratch, kept + (gsize) n);
      return;
    }
  keep (self, scratch, kept + (gsize) n);
  if (self->pending_bytes >= SYN_MAX_AHEAD_BYTES)
    set_interest (self, 0);
}

/* ---- out ---- */

/* @n bytes went out; or 0, -1. */
static gssize
note_sent (SynPlainConn *self, gssize n)
{
  if (n > 0)
    {
      self->moved_ms = syn_lane_now_ms (self->lane->lane);
      self->sent_bytes += (guint64) n;
    }
  return n;
}

static void
all_sent (SynPlainConn *self)
{
  self->state = SYN_PLAIN_READING;
  /* Its client may well come back with another connection, as those do that libsoup serves; not when it has ended its side. */
  if (self->ended)
    syn_waiter_withdraw (&self->waiter);
  else
    syn_waiter_forget (&self->waiter);
  if (self->ends)
    syn_plain_conn_drop (self);
  else
    process_pending (self);
}

void
syn_plain_conn_send (SynPlainConn *self, const char *head, guint head_bytes, GBytes *body)
{
  gsize total = head_bytes + (body != NULL ? g_bytes_get_size (body) : 0);
  gssize n = note_sent (self, syn_sender_send (self->lane->sender, self->fd, self->tls, head, head_bytes, body));
  gboolean was_full = self->pending_bytes >= SYN_MAX_AHEAD_BYTES;

  if (n < 0)
    {
      self->state = SYN_PLAIN_SENDING; /* nothing waits any more */
      syn_plain_conn_drop (self);
      return;
    }
  if ((gsize) n == total)
    {
      if (was_full && !self->ended)
        set_interest (self, EPOLLIN);
      all_sent (self);
      return;
    }
  self->out = g_malloc (sizeof (SynPlainOut) + head_bytes);
  self->out->hold = (SynSlowHold){ 0 };
  syn_slow_hold (self->lane->slow, &self->out->hold, body, close_slow, self);
  self->out->sent = (gsize) n;
  self->out->head_bytes = head_bytes;
  memcpy (self->out->head, head, head_bytes);
  self->state = SYN_PLAIN_SENDING;
  set_interest (self, EPOLLOUT);
  arm_stall (self);
}

static void
flush (SynPlainConn *self)
{
  SynPlainOut *out = self->out;
  struct iovec vector[2];
  int n_vector = syn_sender_rest (out->head, out->head_bytes, out->hold.body, out->sent, vector);
  gssize n = note_sent (self, syn_sender_send_vector (self->fd, self->tls, vector, n_vector));

  if (n < 0)
    {
      syn_plain_conn_drop (self);
      return;
    }
  if (n > 0)
    arm_stall (self); /* it moves */
  out->sent += (gsize) n;
  if (out->sent < out->head_bytes + (out->hold.body != NULL ? g_bytes_get_size (out->hold.body) : 0))
    return;
  out_clear (self);
  set_interest (self, self->ended ? 0 : EPOLLIN);
  all_sent (self);
}

void
syn_plain_conn_event (SynPlainConn *self, guint32 events)
{
  if (self->state == SYN_PLAIN_CLOSED)
    return;
  if (events & (EPOLLERR | EPOLLHUP))
    syn_plain_conn_drop (self);
  else if (self->state == SYN_PLAIN_SENDING)
    flush (self);
  else
    read_some (self);
}

void
syn_plain_conn_drain (SynPlainConn *self)
{
  self->ends = TRUE;
  if (self->state == SYN_PLAIN_WAITING)
    syn_plain_conn_end_poll (self);
  else if (self->state == SYN_PLAIN_READING)
    syn_plain_conn_drop (self);
}

void
syn_plain_conn_feed (SynPlainConn *self, GBytes *first)
{
  gsize length;
  const char *data = g_bytes_get_data (first, &length);

  process (self, data, length);
}

SynPlainConn *
syn_plain_conn_new (SynPlainLane *lane, int fd, SynTls *tls)
{
  SynPlainConn *self = g_new0 (SynPlainConn, 1);

  self->lane = lane;
  self->fd = fd;
  self->tls = tls;
  self->began_ms = self->moved_ms = syn_lane_now_ms (lane->lane);
  self->state = SYN_PLAIN_READING;
  return self;
}
