/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The door: each connection is read until it is plain what its first request is. A plain poll goes to a lane with its bytes; the handshake of
 * a WebSocket is answered, and the connection goes to a lane; everything else goes on to libsoup with all bytes that came, as if nobody had
 * looked. On the front lane.
 *
 * Most requests are there by the time that their connection is accepted: those need nothing but the look. The others are watched in an epoll
 * set that is one GSource, each with SYN_HTTP_IDLE_MS for its head.
 *
 * Rejected: sorting on the lanes (a health check would wait behind a lane's long turn, and whatever is not plain cross over twice). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-door.h"

#include <errno.h>
#include <string.h>
#include "syn-http-private.h"
#include "syn-plain-private.h"
#include "syn-socket.h"
#include "syn-ws-lane.h"

#define READ_BYTES (16u << 10)

G_STATIC_ASSERT (READ_BYTES >= SYN_TLS_RECORD_BYTES);

/* One that has not asked yet. */
typedef struct _Newcomer Newcomer;
struct _Newcomer
{
  Newcomer *next, **pprev;
  SynDoor *door;
  SynTimer timer;
  char *head; /* (owned) (nullable): what has come of it */
  gsize head_bytes;
  int fd;
  SynTls *tls; /* (owned) (nullable) */
};

struct _SynDoor
{
  SynHttp *http;
  SynPlainExit *exit; /* (owned): for the lanes */
  SynEpollSet *set; /* (owned) */
  Newcomer *newcomers;
  SynPlainHost host;
  SynPlainUpgrade upgrade;
};

/* ---- where they go ---- */

static SynLane *
next_lane (SynHttp *http)
{
  return syn_silo_get_lane (http->silo, http->next_lane++ % syn_silo_get_n_lanes (http->silo));
}

static void
upgrade (SynDoor *self, int fd, SynTls *tls, const SynPlainRequest *request, const char *rest, gsize rest_bytes)
{
  SynHttp *http = self->http;
  char agent[SYN_PLAIN_VALUE_MAX + 1];
  guint head_bytes;
  const char *head = syn_plain_upgrade_head (&self->upgrade, syn_lane_real_us (http->lane), request->key, &head_bytes);

  syn_metric_add (http->lane, http->requests, 1);
  /* Nothing was sent to it yet: its socket has room, or it is broken. */
  if (syn_socket_send (fd, tls, head, head_bytes) == (gssize) head_bytes)
    syn_ws_lane_give (next_lane (http), fd, tls, rest_bytes > 0 ? g_bytes_new (rest, rest_bytes) : NULL,
                      syn_plain_span_to_text (request->agent, agent), http->uploads);
  else
    syn_socket_close (fd, tls);
}

static SynPlainKind
judge (SynDoor *self, const char *data, gsize length, SynPlainRequest *request)
{
  SynHttp *http = self->http;
  SynPlainKind kind = syn_plain_read (data, length, request);

  if (kind != SYN_PLAIN_POLL && kind != SYN_PLAIN_UPGRADE)
    return kind;
  if (http->draining || !syn_plain_is_allowed (&self->host, request)
      || (kind == SYN_PLAIN_UPGRADE && syn_ws_count (http->silo) >= http->max_web_sockets))
    return SYN_PLAIN_OTHER; /* refused as any other */
  return kind;
}

/* Takes @fd and @tls. The answer may be given before this returns. */
static void
send_on (SynDoor *self, int fd, SynTls *tls, SynPlainKind kind, const SynPlainRequest *request, const char *data, gsize length)
{
  if (kind == SYN_PLAIN_POLL)
    syn_plain_lane_give (next_lane (self->http), fd, tls, g_bytes_new (data, length), self->exit);
  else if (kind == SYN_PLAIN_UPGRADE)
    upgrade (self, fd, tls, request, data + request->length, length - request->length);
  else
    {
      g_autoptr (GBytes) first = g_bytes_new (data, length);

      syn_http_adopt (self->http, fd, tls, first);
    }
}

static void
adopt_from_lane (int fd, SynTls *tls, GBytes *first, gpointer user_data)
{
  syn_http_adopt (((SynDoor *) user_data)->http, fd, tls, first);
}

/* ---- those who have not asked ---- */

static void
newcomer_free (Newcomer *self)
{
  SynDoor *door = self->door;

  syn_lane_disarm (door->http->lane, &self->timer);
  if (self->next != NULL)
    self->next->pprev = self->pprev;
  *self->pprev = self->next;
  syn_metric_add (door->http->lane, syn_plain_metrics.connections, -1);
  g_free (self->head);
  g_free (self);
}

static void
newcomer_drop (Newcomer *self)
{
  syn_epoll_set_remove (self->door->set, self->fd);
  syn_socket_close (self->fd, self->tls);
  newcomer_free (self);
}

static void
timed_out (SynTimer *timer, gpointer user_data)
{
  newcomer_drop (user_data);
}

static void
newcomer_read (Newcomer *self)
{
  SynDoor *door = self->door;
  char buffer[READ_BYTES + SYN_PLAIN_HEAD_MAX];
  SynPlainRequest request;
  SynPlainKind kind;
  gssize n;
  gsize length;
  int fd = self->fd;
  SynTls *tls = self->tls;

  if (self->head_bytes > 0)
    memcpy (buffer, self->head, self->head_bytes);
  n = syn_socket_recv (fd, tls, buffer + self->head_bytes, READ_BYTES);
  if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (n <= 0)
    {
      newcomer_drop (self);
      return;
    }
  length = self->head_bytes + (gsize) n;
  kind = judge (door, buffer, length, &request);
  if (kind == SYN_PLAIN_MORE)
    {
      g_free (self->head);
      self->head_bytes = length; /* less than SYN_PLAIN_HEAD_MAX: or it would have been judged */
      self->head = g_memdup2 (buffer, length);
      return;
    }
  syn_epoll_set_remove (door->set, fd);
  newcomer_free (self); /* before it may be counted elsewhere */
  send_on (door, fd, tls, kind, &request, buffer, length);
}

void
syn_door_take (SynDoor *self, int fd, SynTls *tls)
{
  SynHttp *http = self->http;
  char buffer[READ_BYTES];
  gssize n = syn_socket_recv (fd, tls, buffer, sizeof buffer);
  SynPlainRequest request;
  SynPlainKind kind;
  Newcomer *newcomer;

  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
    {
      syn_socket_close (fd, tls);
      return;
    }
  kind = n > 0 ? judge (self, buffer, (gsize) n, &request) : SYN_PLAIN_MORE;
  if (kind != SYN_PLAIN_MORE)
    {
      send_on (self, fd, tls, kind, &request, buffer, (gsize) n);
      return;
    }
  newcomer = g_new0 (Newcomer, 1);
  newcomer->door = self;
  newcomer->fd = fd;
  newcomer->tls = tls;
  newcomer->head_bytes = (gsize) MAX (n, 0);
  newcomer->head = n > 0 ? g_memdup2 (buffer, (gsize) n) : NULL;
  newcomer->next = self->newcomers;
  if (newcomer->next != NULL)
    newcomer->next->pprev = &newcomer->next;
  newcomer->pprev = &self->newcomers;
  self->newcomers = newcomer;
  syn_metric_add (http->lane, syn_plain_metrics.connections, 1);
  syn_lane_arm (http->lane, &newcomer->timer, SYN_HTTP_IDLE_MS, timed_out, newcomer);
  if (!syn_epoll_set_add (self->set, fd, EPOLLIN, newcomer))
    newcomer_drop (newcomer);
}

/* A newcomer is freed by its own event, or its timer, only: none is in a look that points to one that is gone. */
static void
event (gpointer member, guint32 events)
{
  newcomer_read (member);
}

/* ---- life ---- */

static void
prepare_here (SynLane *lane, SynParcel *parcel)
{
  syn_ws_lane_prepare (lane);
  syn_plain_lane_prepare (lane);
  g_free (parcel);
}

/* Not by the first connection of each: it may come when there is no descriptor left for a set, without which a lane cannot go on. */
static void
prepare_lanes (SynSilo *silo)
{
  for (guint i = 0; i < syn_silo_get_n_lanes (silo); i++)
    {
      SynParcel *parcel = g_new0 (SynParcel, 1);

      parcel->run = prepare_here;
      syn_lane_post (syn_silo_get_lane (silo, i), parcel);
    }
}

SynDoor *
syn_door_new (SynHttp *http)
{
  SynDoor *self = g_new0 (SynDoor, 1);

  self->http = http;
  self->exit = syn_plain_exit_new (adopt_from_lane, self);
  self->set = syn_epoll_set_new (http->lane, "front door", event);
  syn_plain_upgrade_init (&self->upgrade);
  prepare_lanes (http->silo);
  return self;
}

void
syn_door_drain (SynDoor *self)
{
  while (self->newcomers != NULL)
    newcomer_drop (self->newcomers);
}

void
syn_door_free (SynDoor *self)
{
  syn_door_drain (self);
  syn_plain_exit_close (self->exit);
  syn_plain_exit_unref (self->exit);
  syn_epoll_set_free (self->set);
  syn_plain_upgrade_clear (&self->upgrade);
  g_free (self);
}
