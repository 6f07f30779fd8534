/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The floor of the fan-out benchmark: the least that any server can do for the same exchange. One thread, one epoll set, nothing
 * but the handshake, client frames unmasked and looked at, one prepared frame sent to each connection that asked, when a
 * byte comes on stdin. No queue: a socket that is full is a failure of the run, said at the end.
 *
 *   floor-server SNAPSHOT_BYTES        prints `listening on http://127.0.0.1:PORT` */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replica-wire.h"

typedef struct {
  gboolean open;
  gboolean waiting;
} Peer;

static Peer *peers;
static guint n_peers_max;
static guint n_short;

static void
handshake (int fd, const char *request)
{
  static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
  const char *key = strstr (request, "Sec-WebSocket-Key: ");
  g_autoptr (GChecksum) sha = g_checksum_new (G_CHECKSUM_SHA1);
  g_autofree char *accept_text = NULL, *answer = NULL;
  guint8 digest[20];
  gsize digest_bytes = sizeof digest;

  if (key == NULL)
    exit (3);
  key += strlen ("Sec-WebSocket-Key: ");
  g_checksum_update (sha, (const guchar *) key, (gssize) strcspn (key, "\r"));
  g_checksum_update (sha, (const guchar *) magic, sizeof magic - 1);
  g_checksum_get_digest (sha, digest, &digest_bytes);
  accept_text = g_base64_encode (digest, digest_bytes);
  answer = g_strdup_printf ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                            "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n", accept_text);
  if (write (fd, answer, strlen (answer)) < 0)
    exit (3);
  peers[fd].open = TRUE;
}

int
main (int argc, char **argv)
{
  gsize body_bytes = argc > 1 ? g_ascii_strtoull (argv[1], NULL, 10) : 16384;
  gsize message_bytes = sizeof (ReplicaWireSnapshotHead) + body_bytes;
  g_autofree guint8 *frame = g_malloc0 (message_bytes + 10);
  gsize frame_bytes;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t address_bytes = sizeof address;
  struct epoll_event event = { .events = EPOLLIN }, events[512];
  struct rlimit limit;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), set = epoll_create1 (0), one = 1;
  int send_buffer_bytes = 1 << 20; /* room for a whole answer: a floor has no queue */
  guint64 serial = 0;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  n_peers_max = (guint) MIN (limit.rlim_max, 200000);
  peers = g_new0 (Peer, n_peers_max);

  frame[0] = 0x82;
  frame[1] = message_bytes > 0xffff ? 127 : 126;
  for (guint i = 0; i < (message_bytes > 0xffff ? 8u : 2u); i++)
    frame[2 + i] = (guint8) (message_bytes >> (8 * ((message_bytes > 0xffff ? 7 : 1) - i)));
  frame_bytes = (message_bytes > 0xffff ? 10 : 4) + message_bytes;

  if (bind (listener, (struct sockaddr *) &address, sizeof address) != 0 || listen (listener, 4096) != 0
      || getsockname (listener, (struct sockaddr *) &address, &address_bytes) != 0)
    return 3;
  event.data.fd = listener;
  epoll_ctl (set, EPOLL_CTL_ADD, listener, &event);
  event.data.fd = 0;
  epoll_ctl (set, EPOLL_CTL_ADD, 0, &event);
  printf ("listening on http://127.0.0.1:%u\n", ntohs (address.sin_port));
  fflush (stdout);

  for (;;)
    {
      int n = epoll_wait (set, events, G_N_ELEMENTS (events), -1);

      for (int i = 0; i < n; i++)
        {
          int fd = events[i].data.fd;
          char buffer[4096];

          if (fd == listener)
            {
              int peer;

              while ((peer = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                {
                  setsockopt (peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                  setsockopt (peer, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
                  event.data.fd = peer;
                  epoll_ctl (set, EPOLL_CTL_ADD, peer, &event);
                }
            }
          else if (fd == 0)
            {
              ReplicaWireSnapshotHead *head = (ReplicaWireSnapshotHead *) (frame + frame_bytes - message_bytes);
              ReplicaWireSnapshot *body = (ReplicaWireSnapshot *) (head + 1);

              if (read (0, buffer, 1) <= 0)
                {
                  if (n_short > 0)
                    fprintf (stderr, "floor: %u answers did not fit their socket\n", n_short);
                  return 0;
                }
              *head = (ReplicaWireSnapshotHead) { .type = REPLICA_WIRE_SNAPSHOT, .form = REPLICA_WIRE_FORM_FULL, .view = 1,
                                                  .body_bytes = (guint32) body_bytes };
              body->epoch = 1;
              body->serial = ++serial;
              for (guint peer = 0; peer < n_peers_max; peer++)
                if (peers[peer].waiting)
                  {
                    peers[peer].waiting = FALSE;
                    if (send ((int) peer, frame, frame_bytes, MSG_NOSIGNAL) != (gssize) frame_bytes)
                      n_short++;
                  }
            }
          else
            {
              gssize got = read (fd, buffer, sizeof buffer - 1);

              if (got <= 0)
                {
                  peers[fd] = (Peer) { 0 };
                  close (fd);
                }
              else if (!peers[fd].open)
                {
                  buffer[got] = '\0';
                  handshake (fd, buffer);
                }
              else
                {
                  guint8 *mask = (guint8 *) buffer + 2, *payload = mask + 4;

                  for (gssize k = 0; k < got - 6; k++)
                    payload[k] ^= mask[k & 3];
                  peers[fd].waiting = payload[0] == REPLICA_WIRE_POLL;
                }
            }
        }
    }
}
