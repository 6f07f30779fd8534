/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The HTTP connections of the front, on its lane.
 *
 * libsoup does not look at a connection whose message is paused, so that a client that left would hold its
 * parked poll until the end of the hold. All connections are therefore in an epoll set of their own,
 * edge-triggered and only for the end of the stream: one GSource for all, and nothing to do while all is
 * well. The time limits are one timer each on the lane's wheel; the bytes moved are counted by the stream, so
 * that progress costs no re-arming. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-conns.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/epoll.h>
#include "syn-limits.h"
#include "syn-socket.h"

#define EVENTS_PER_TURN 64
#define LINGER_MS 2000
#define LINGER_BYTES (256u << 20)
#define LINGER_READS 64 /* per turn */
#define REFUSE_READS 16 /* of what a refused client has sent already */

/* What an event of the epoll set points to. */
typedef struct
{
  gboolean lingers;
} Watched;

struct _SynHttpConn
{
  Watched watched;
  SynHttpConn *next, **pprev;
  SynHttpConns *set;
  SynHttpStream *stream;  /* (unowned): it outlives this */
  GSocketAddress *remote; /* (owned): points back here */
  SynTimer timer;
  guint64 progress;
  gint64 began_ms, phase_ms; /* when it began; when its phase did */
  /* For an operator's list. */
  guint n_polls, n_snapshots;
  gint64 sent_us, held_us;   /* of the last snapshot that was sent; of the one that it holds, at first when it came */
  gboolean is_polling;       /* the request is a poll */
  gboolean is_reading;       /* a snapshot is on its way */
  gsize answer_bytes;        /* of the answer that is on its way: its body */
  guint64 answer_from;       /* progress, when it began */
  SynHttpPhase phase;
  gboolean left;
  SynHttpLeaveFunc leave;
  gpointer leave_data;
};

typedef struct _Linger Linger;
struct _Linger
{
  Watched watched;
  Linger *next, **pprev;
  SynHttpConns *set;
  int fd;
  gsize dropped;
  SynTimer timer;
};

struct _SynHttpConns
{
  SynLane *lane;
  int epoll_fd;
  GSource *source; /* (owned) */
  SynHttpConn *conns;
  Linger *lingering;
  guint n_conns, n_lingering;
  guint max_conns; /* of both together */
  struct epoll_event *events; /* of the turn that runs, or NULL */
  int n_events;
};

static GQuark
conn_quark (void)
{
  return g_quark_from_static_string ("syn-http-conn");
}

/* What is freed while the events of a turn are gone through must not be met again among them. */
static void
forget_events (SynHttpConns *self, gpointer watched)
{
  for (int i = 0; i < self->n_events; i++)
    {
      if (self->events[i].data.ptr == watched)
        self->events[i].data.ptr = NULL;
    }
}

/* ---- lingering ---- */

static void
linger_free (Linger *self)
{
  forget_events (self->set, self);
  if (self->next != NULL)
    self->next->pprev = self->pprev;
  *self->pprev = self->next;
  self->set->n_lingering--;
  syn_lane_disarm (self->set->lane, &self->timer);
  epoll_ctl (self->set->epoll_fd, EPOLL_CTL_DEL, self->fd, NULL);
  close (self->fd);
  g_free (self);
}

static void
linger_timed_out (SynTimer *timer, gpointer user_data)
{
  linger_free (user_data);
}

static void
linger_read (Linger *self)
{
  char buffer[16384];

  for (guint i = 0; i < LINGER_READS; i++)
    {
      gssize n = recv (self->fd, buffer, sizeof buffer, MSG_DONTWAIT);

      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
      if (n > 0)
        self->dropped += (gsize) n;
      if (n <= 0 || self->dropped > LINGER_BYTES)
        {
          linger_free (self);
          return;
        }
    }
}

void
syn_http_conns_linger (SynHttpConns *self, int fd, SynTls *tls, const char *answer, gsize length)
{
  Linger *linger;
  struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP };

  if (syn_socket_send (fd, tls, answer, length) != (gssize) length)
    {
      syn_socket_close (fd, tls);
      return;
    }
  syn_socket_end (fd, tls);
  g_clear_pointer (&tls, syn_tls_free); /* what comes is dropped as it comes */
  linger = g_new0 (Linger, 1);
  linger->watched.lingers = TRUE;
  linger->set = self;
  linger->fd = fd;
  linger->next = self->lingering;
  if (linger->next != NULL)
    linger->next->pprev = &linger->next;
  linger->pprev = &self->lingering;
  self->lingering = linger;
  self->n_lingering++;
  event.data.ptr = linger;
  syn_lane_arm (self->lane, &linger->timer, LINGER_MS, linger_timed_out, linger);
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    linger_free (linger);
}

/* ---- connections ---- */

static void
conn_timed_out (SynTimer *timer, gpointer user_data)
{
  SynHttpConn *self = user_data;
  guint64 progress = syn_http_stream_get_progress (self->stream);

  /* What is parked is ours to answer, and is by its hold. */
  if (self->phase == SYN_HTTP_BUSY && (self->leave != NULL || progress != self->progress))
    {
      self->progress = progress;
      syn_lane_arm (self->set->lane, &self->timer, SYN_STALL_MS, conn_timed_out, self);
    }
  else
    syn_http_stream_abort (self->stream);
}

static void
conn_leave (SynHttpConn *self, SynHttpLeave how)
{
  SynHttpLeaveFunc leave = self->leave;

  if (how == SYN_HTTP_GONE)
    self->leave = NULL;
  if (leave != NULL)
    leave (self, how, self->leave_data);
}

static void
conn_gone (gpointer user_data)
{
  SynHttpConn *self = user_data;
  SynHttpConns *set = self->set;

  conn_leave (self, SYN_HTTP_GONE);
  forget_events (set, self);
  epoll_ctl (set->epoll_fd, EPOLL_CTL_DEL, syn_http_stream_get_fd (self->stream), NULL);
  syn_lane_disarm (set->lane, &self->timer);
  if (self->next != NULL)
    self->next->pprev = self->pprev;
  *self->pprev = self->next;
  set->n_conns--;
  g_object_set_qdata (G_OBJECT (self->remote), conn_quark (), NULL);
  g_object_unref (self->remote);
  g_free (self);
}

void
syn_http_refuse (int fd, SynTls *tls)
{
  static const char answer[] =
      "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n";
  char buffer[4096];

  /* The request has often come already: read, so that closing does not reset the answer away. Not more than a
   * head may have: who goes on sending is not read for as long as it does. */
  if (syn_socket_send (fd, tls, answer, sizeof answer - 1) > 0)
    {
      syn_socket_end (fd, tls);
      for (guint i = 0; i < REFUSE_READS && recv (fd, buffer, sizeof buffer, MSG_DONTWAIT) == sizeof buffer; i++)
        ;
    }
  syn_socket_close (fd, tls);
}

SynHttpStream *
syn_http_conns_add (SynHttpConns *self, int fd, SynTls *tls, GSocketAddress *remote)
{
  struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET };
  SynHttpConn *conn;

  if (self->n_conns + self->n_lingering >= self->max_conns)
    {
      syn_http_refuse (fd, tls);
      return NULL;
    }
  conn = g_new0 (SynHttpConn, 1);
  conn->set = self;
  conn->began_ms = syn_lane_now_ms (self->lane);
  conn->stream = syn_http_stream_new (fd, tls);
  conn->remote = g_object_ref (remote);
  g_object_set_qdata (G_OBJECT (remote), conn_quark (), conn);
  conn->next = self->conns;
  if (conn->next != NULL)
    conn->next->pprev = &conn->next;
  conn->pprev = &self->conns;
  self->conns = conn;
  self->n_conns++;
  event.data.ptr = conn;
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
    g_debug ("epoll: %s; this client will not be seen to leave", g_strerror (errno));
  syn_http_stream_set_gone (conn->stream, conn_gone, conn);
  syn_http_conn_set_phase (conn, SYN_HTTP_HEAD);
  return conn->stream;
}

SynHttpConn *
syn_http_conn_of (SoupServerMessage *msg)
{
  return g_object_get_qdata (G_OBJECT (soup_server_message_get_remote_address (msg)), conn_quark ());
}

void
syn_http_conn_set_phase (SynHttpConn *self, SynHttpPhase phase)
{
  self->phase = phase;
  self->phase_ms = syn_lane_now_ms (self->set->lane);
  self->progress = syn_http_stream_get_progress (self->stream);
  self->is_polling = self->is_reading = FALSE;
  self->answer_bytes = 0;
  syn_http_stream_set_idle (self->stream, phase == SYN_HTTP_IDLE);
  syn_http_stream_set_unseen (self->stream, phase == SYN_HTTP_HEAD);
  syn_lane_arm (self->set->lane, &self->timer, phase == SYN_HTTP_BUSY ? SYN_STALL_MS : SYN_HTTP_IDLE_MS,
                conn_timed_out, self);
}

void
syn_http_conn_note_poll (SynHttpConn *self)
{
  self->n_polls++;
  self->is_polling = TRUE;
  if (self->sent_us != 0)
    self->held_us = self->sent_us;
  else if (self->held_us == 0)
    self->held_us = syn_lane_real_us (self->set->lane);
}

void
syn_http_conn_note_snapshot (SynHttpConn *self, gint64 time_us)
{
  self->n_snapshots++;
  self->sent_us = time_us;
  self->is_reading = TRUE;
}

void
syn_http_conn_note_answer (SynHttpConn *self, gsize body_bytes)
{
  self->answer_bytes = body_bytes;
  self->answer_from = syn_http_stream_get_progress (self->stream);
}

SynHttpStream *
syn_http_conn_get_stream (SynHttpConn *self)
{
  return self->stream;
}

void
syn_http_conn_watch (SynHttpConn *self, SynHttpLeaveFunc func, gpointer user_data)
{
  struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET, .data.ptr = self };

  self->leave = func;
  self->leave_data = user_data;
  /* Modifying raises the edge once more when the client has left already. */
  if (func != NULL && self->left)
    epoll_ctl (self->set->epoll_fd, EPOLL_CTL_MOD, syn_http_stream_get_fd (self->stream), &event);
}

/* ---- the set ---- */

static gboolean
conns_ready (gint fd, GIOCondition condition, gpointer user_data)
{
  SynHttpConns *self = user_data;
  struct epoll_event events[EVENTS_PER_TURN];

  self->n_events = epoll_wait (self->epoll_fd, events, EVENTS_PER_TURN, 0);
  self->events = events;
  for (int i = 0; i < self->n_events; i++)
    {
      Watched *watched = events[i].data.ptr;

      if (watched == NULL)
        continue;
      if (watched->lingers)
        linger_read ((Linger *) watched);
      else
        {
          SynHttpConn *conn = (SynHttpConn *) watched;

          conn->left = TRUE;
          conn_leave (conn, SYN_HTTP_LEFT);
        }
    }
  self->events = NULL;
  self->n_events = 0;
  return G_SOURCE_CONTINUE;
}

SynHttpConns *
syn_http_conns_new (SynLane *lane)
{
  SynHttpConns *self = g_new0 (SynHttpConns, 1);

  self->lane = lane;
  self->max_conns = SYN_MAX_HTTP_CONNECTIONS;
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd < 0)
    g_error ("the front could not make its epoll set: %s", g_strerror (errno));
  self->source = g_unix_fd_source_new (self->epoll_fd, G_IO_IN);
  g_source_set_static_name (self->source, "front HTTP connections");
  syn_lane_keep_watching (self->source);
  g_source_set_callback (self->source, G_SOURCE_FUNC (conns_ready), self, NULL);
  g_source_attach (self->source, syn_lane_get_context (lane));
  return self;
}

void
syn_http_conns_free (SynHttpConns *self)
{
  while (self->lingering != NULL)
    linger_free (self->lingering);
  while (self->conns != NULL)
    {
      SynTls *tls;
      int fd = syn_http_stream_take_fd (self->conns->stream, &tls); /* frees the first */

      syn_socket_close (fd, tls);
    }
  g_source_destroy (self->source);
  g_source_unref (self->source);
  close (self->epoll_fd);
  g_free (self);
}

guint
syn_http_conns_count (SynHttpConns *self)
{
  return self->n_conns;
}

/* What its socket has not taken yet is libsoup's: known from what has moved since the answer began, but for the few bytes of its head. */
static guint64
waiting_bytes (SynHttpConn *self)
{
  guint64 moved = syn_http_stream_get_progress (self->stream) - self->answer_from;

  return self->answer_bytes > moved ? self->answer_bytes - moved : 0;
}

static void
note (SynHttpConn *self, SynConnTop *top)
{
  gint64 now_ms = syn_lane_now_ms (self->set->lane);
  SynConnEntry entry = {
    .kind = "http",
    .lane = syn_lane_get_index (self->set->lane),
    .age_ms = now_ms - self->began_ms,
    .idle_ms = now_ms - self->phase_ms,
    .polls = self->n_polls,
    .snapshots = self->n_snapshots,
    .sent_bytes = -1,
    .views = self->is_polling,
    .polls_waiting = self->is_polling && self->leave != NULL,
    .waiting_bytes = waiting_bytes (self),
    .tls = syn_http_stream_get_tls (self->stream) != NULL ? syn_tls_get_version (syn_http_stream_get_tls (self->stream)) : NULL,
  };

  if (self->is_reading && entry.waiting_bytes > 0)
    {
      entry.behind_snapshots = 1;
      entry.behind_ms = (syn_lane_real_us (self->set->lane) - self->held_us) / 1000;
    }
  /* Of libsoup's, only the kernel knows the bytes. */
  if (top->order == SYN_CONN_BY_SENT)
    {
      syn_peer_info_read (syn_http_stream_get_fd (self->stream), &entry.peer);
      entry.sent_bytes = entry.peer.acknowledged_bytes;
    }
  if (!syn_conn_top_wants (top, &entry))
    return;
  syn_peer_info_read (syn_http_stream_get_fd (self->stream), &entry.peer);
  entry.sent_bytes = entry.peer.acknowledged_bytes;
  syn_conn_top_add (top, &entry);
}

/* They are few (SYN_MAX_HTTP_CONNECTIONS), so in one go. */
void
syn_http_conns_list (SynHttpConns *self, SynConnTop *top)
{
  for (SynHttpConn *conn = self->conns; conn != NULL; conn = conn->next)
    note (conn, top);
}

void
syn_http_conns_set_max (SynHttpConns *self, guint max)
{
  self->max_conns = max;
}

void
syn_http_conns_abort_idle (SynHttpConns *self)
{
  for (SynHttpConn *conn = self->conns; conn != NULL; conn = conn->next)
    {
      if (conn->phase != SYN_HTTP_BUSY)
        syn_http_stream_abort (conn->stream);
    }
}
