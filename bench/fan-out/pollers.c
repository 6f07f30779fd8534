/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Written against sockets rather than libreplica so that the client costs little beside the server that it measures, and is the
 * same for servers that know nothing of libreplica. Frames are expected unfragmented, as both servers send them. */
#include "pollers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replica-wire.h"

#define FRAME_BYTES (10 + sizeof (ReplicaWireSnapshotHead) + 24) /* enough of a frame to know the token */
#define HEAD_MAX 512 /* the head of an HTTP answer */
#define ROUND_DEADLINE_MS 60000

typedef struct {
  int fd;
  gboolean upgraded;
  guint head_bytes;    /* collected of the current frame's start, or of the answer's head */
  gboolean in_body;
  guint8 head[HEAD_MAX];
  guint64 left;        /* bytes of the current frame still to come after the head */
  ReplicaToken token;
  gboolean answered;   /* in this round */
} Poller;

struct _Pollers {
  guint n;
  Poller *each;
  int set;
  const char *name; /* the server's */
  char *path;
  gboolean http;
  guint16 port;
  guint n_answered;
  gsize body_bytes;
};

static void
fail (const char *what)
{
  g_printerr ("fan-out client: %s: %s\n", what, g_strerror (errno));
  exit (1);
}

static void
send_get (Pollers *self, Poller *poller)
{
  char request[1024], token[REPLICA_TOKEN_TEXT_MAX];
  int n = snprintf (request, sizeof request, "GET /v1/projections/%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
                    "Accept: application/vnd.synoptic.snapshot\r\n", self->path, self->port);

  if (!replica_token_equal (poller->token, REPLICA_TOKEN_NONE))
    n += snprintf (request + n, sizeof request - (gsize) n, "If-None-Match: \"%s\"\r\nPrefer: wait=%d\r\n",
                   replica_token_format (poller->token, token), REPLICA_WIRE_HOLD_MAX_MS / 1000);
  n += snprintf (request + n, sizeof request - (gsize) n, "\r\n");
  if (send (poller->fd, request, (gsize) n, MSG_NOSIGNAL) != n)
    fail ("a poll could not be sent");
}

static void
send_poll (Pollers *self, Poller *poller, gboolean first)
{
  guint8 frame[14 + sizeof (ReplicaWirePoll) + 512];
  gsize path_bytes = first ? strlen (self->path) : 0, payload_bytes = sizeof (ReplicaWirePoll) + path_bytes;
  gsize at = 0;
  ReplicaWirePoll poll = {
    .type = REPLICA_WIRE_POLL, .accept = REPLICA_WIRE_ACCEPT_FULL, .path_bytes = (guint16) path_bytes, .view = 1,
    .epoch = poller->token.epoch, .serial = poller->token.serial, .hold_ms = REPLICA_WIRE_HOLD_MAX_MS,
  };

  frame[at++] = 0x82;
  if (payload_bytes < 126)
    frame[at++] = (guint8) (0x80 | payload_bytes);
  else
    {
      frame[at++] = 0x80 | 126;
      frame[at++] = (guint8) (payload_bytes >> 8);
      frame[at++] = (guint8) payload_bytes;
    }
  memset (frame + at, 0, 4); /* a mask of zeroes is a mask */
  at += 4;
  memcpy (frame + at, &poll, sizeof poll);
  if (path_bytes > 0)
    memcpy (frame + at + sizeof poll, self->path, path_bytes);
  at += payload_bytes;
  if (send (poller->fd, frame, at, MSG_NOSIGNAL) != (gssize) at)
    fail ("a poll could not be sent");
}

static void
take_token (Pollers *self, Poller *poller, ReplicaToken token, gsize body_bytes)
{
  if (!replica_token_equal (token, poller->token) && !poller->answered)
    {
      poller->answered = TRUE;
      self->n_answered++;
    }
  poller->token = token;
  self->body_bytes = body_bytes;
}

static void
on_head (Pollers *self, Poller *poller)
{
  guint64 payload_bytes = poller->head[1] & 127;
  guint at = 2;
  const ReplicaWireSnapshotHead *message;
  ReplicaToken token;

  if (payload_bytes == 126)
    {
      payload_bytes = (guint64) poller->head[2] << 8 | poller->head[3];
      at = 4;
    }
  else if (payload_bytes == 127)
    {
      payload_bytes = 0;
      for (guint i = 2; i < 10; i++)
        payload_bytes = payload_bytes << 8 | poller->head[i];
      at = 10;
    }
  message = (const ReplicaWireSnapshotHead *) (poller->head + at);
  poller->left = at + payload_bytes - FRAME_BYTES;
  if (message->type != REPLICA_WIRE_SNAPSHOT)
    {
      errno = EPROTO;
      fail (message->type == REPLICA_WIRE_ERROR ? "the server answered with an error" : "not a snapshot");
    }
  memcpy (&token, (const guint8 *) (message + 1) + G_STRUCT_OFFSET (ReplicaWireSnapshot, epoch), sizeof token);
  take_token (self, poller, token, message->body_bytes);
}

/* The head of an HTTP answer is there. */
static void
on_http_head (Pollers *self, Poller *poller)
{
  const char *head = (const char *) poller->head, *length = strstr (head, "\r\nContent-Length: "), *tag = strstr (head, "\r\nETag: \"");
  char text[REPLICA_TOKEN_TEXT_MAX] = "";
  ReplicaToken token;

  poller->left = 0;
  if (g_str_has_prefix (head, "HTTP/1.1 304 "))
    return;
  if (!g_str_has_prefix (head, "HTTP/1.1 200 ") || length == NULL || tag == NULL)
    {
      g_printerr ("%s\n", head);
      errno = EPROTO;
      fail ("not a snapshot");
    }
  tag += strlen ("\r\nETag: \"");
  memcpy (text, tag, MIN (strcspn (tag, "\""), sizeof text - 1));
  poller->left = g_ascii_strtoull (length + strlen ("\r\nContent-Length: "), NULL, 10);
  if (!replica_token_parse (text, &token))
    {
      errno = EPROTO;
      fail ("an ETag that is no token");
    }
  take_token (self, poller, token, poller->left);
}

/* Some of @bytes into the head; returns how many. */
static gsize
collect_http (Pollers *self, Poller *poller, const guint8 *bytes, gsize length)
{
  gsize take = MIN (length, HEAD_MAX - 1 - poller->head_bytes), had = poller->head_bytes;
  char *end;

  memcpy (poller->head + had, bytes, take);
  poller->head[had + take] = '\0';
  end = memmem (poller->head, had + take, "\r\n\r\n", 4);
  if (end == NULL && had + take == HEAD_MAX - 1)
    {
      errno = EPROTO;
      fail ("a head without an end");
    }
  if (end == NULL)
    {
      poller->head_bytes += (guint) take;
      return take;
    }
  end[4] = '\0';
  poller->head_bytes = (guint) (end + 4 - (char *) poller->head);
  poller->in_body = TRUE;
  on_http_head (self, poller);
  return poller->head_bytes - had;
}

static gsize
collect_frame (Pollers *self, Poller *poller, const guint8 *bytes, gsize length)
{
  gsize take = MIN (length, FRAME_BYTES - poller->head_bytes);

  memcpy (poller->head + poller->head_bytes, bytes, take);
  poller->head_bytes += (guint) take;
  if (poller->head_bytes == FRAME_BYTES)
    {
      poller->in_body = TRUE;
      on_head (self, poller);
    }
  return take;
}

static void
on_bytes (Pollers *self, Poller *poller, const guint8 *bytes, gsize length)
{
  while (length > 0)
    {
      gsize take;

      if (!poller->in_body)
        take = self->http ? collect_http (self, poller, bytes, length) : collect_frame (self, poller, bytes, length);
      else
        {
          take = MIN (length, poller->left);
          poller->left -= take;
        }
      bytes += take;
      length -= take;
      if (poller->in_body && poller->left == 0)
        {
          poller->head_bytes = 0;
          poller->in_body = FALSE;
          if (self->http)
            send_get (self, poller);
          else
            send_poll (self, poller, FALSE);
        }
    }
}

static void
on_readable (Pollers *self, Poller *poller)
{
  static guint8 buffer[256 * 1024];
  gssize got = recv (poller->fd, buffer, sizeof buffer, 0);

  if (got == 0)
    {
      errno = ECONNRESET;
      fail ("the server closed a connection");
    }
  if (got < 0)
    {
      if (errno == EAGAIN)
        return;
      fail ("recv");
    }
  if (!poller->upgraded && !self->http)
    {
      const guint8 *end = memmem (buffer, (gsize) got, "\r\n\r\n", 4);

      if (end == NULL || strncmp ((const char *) buffer, "HTTP/1.1 101", 12) != 0)
        {
          errno = EPROTO;
          fail ("the upgrade was refused");
        }
      poller->upgraded = TRUE;
      send_poll (self, poller, TRUE);
      end += 4;
      got -= end - buffer;
      on_bytes (self, poller, end, (gsize) got);
      return;
    }
  on_bytes (self, poller, buffer, (gsize) got);
}

static void
wait_until_answered (Pollers *self, guint n_wanted)
{
  struct epoll_event events[512];
  double end_us = (double) g_get_monotonic_time () + ROUND_DEADLINE_MS * 1e3;

  while (self->n_answered < n_wanted)
    {
      int n = epoll_wait (self->set, events, G_N_ELEMENTS (events), 1000);

      if ((double) g_get_monotonic_time () > end_us)
        {
          g_printerr ("fan-out client: %s: %u of %u answered in %u s\n", self->name, self->n_answered, n_wanted, ROUND_DEADLINE_MS / 1000);
          exit (1);
        }
      for (int i = 0; i < n; i++)
        on_readable (self, &self->each[events[i].data.u32]);
    }
}

void
pollers_pump (Pollers *self)
{
  struct epoll_event events[512];
  int n;

  while ((n = epoll_wait (self->set, events, G_N_ELEMENTS (events), 5)) > 0)
    for (int i = 0; i < n; i++)
      on_readable (self, &self->each[events[i].data.u32]);
}

/* Bodies may still be arriving, and the polls after them leaving, when the last token is known. */
static void
drain (Pollers *self)
{
  struct epoll_event events[512];
  guint busy = 1;

  while (busy > 0)
    {
      int n = epoll_wait (self->set, events, G_N_ELEMENTS (events), 20);

      for (int i = 0; i < n; i++)
        on_readable (self, &self->each[events[i].data.u32]);
      busy = 0;
      for (guint i = 0; i < self->n; i++)
        busy += self->each[i].head_bytes > 0;
    }
}

Pollers *
pollers_new (const char *name, guint16 port, const char *path, guint n_clients, gboolean http)
{
  Pollers *self = g_new0 (Pollers, 1);
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  g_autofree char *request = g_strdup_printf ("GET " REPLICA_WIRE_ENDPOINT " HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                                              "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                              "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n", port);
  int one = 1;

  self->n = n_clients;
  self->each = g_new0 (Poller, n_clients);
  self->set = epoll_create1 (EPOLL_CLOEXEC);
  self->path = g_strdup (path);
  self->name = name;
  self->http = http;
  self->port = port;
  g_assert (strlen (path) < 500);
  for (guint i = 0; i < n_clients; i++)
    {
      struct epoll_event event = { .events = EPOLLIN, .data.u32 = i };
      Poller *poller = &self->each[i];

      poller->fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (poller->fd < 0 || connect (poller->fd, (struct sockaddr *) &address, sizeof address) != 0)
        fail ("connect");
      setsockopt (poller->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      if (http)
        send_get (self, poller);
      else if (send (poller->fd, request, strlen (request), MSG_NOSIGNAL) != (gssize) strlen (request))
        fail ("the upgrade request could not be sent");
      epoll_ctl (self->set, EPOLL_CTL_ADD, poller->fd, &event);
    }
  return self;
}

gsize
pollers_wait_round (Pollers *self)
{
  wait_until_answered (self, self->n);
  drain (self);
  self->n_answered = 0;
  for (guint i = 0; i < self->n; i++)
    self->each[i].answered = FALSE;
  return self->body_bytes;
}

void
pollers_free (Pollers *self)
{
  for (guint i = 0; i < self->n; i++)
    close (self->each[i].fd);
  close (self->set);
  g_free (self->each);
  g_free (self->path);
  g_free (self);
}
