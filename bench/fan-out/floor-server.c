/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The floor of the fan-out benchmark: the least that any server can do for the same exchange. One epoll set per thread, nothing
 * but the handshake, client frames unmasked and looked at, one prepared frame sent to each connection that asked, when a
 * byte comes on stdin. A GET that is no handshake is a long-poll: its end is looked for, and the answer is a prepared one too. A poll
 * that comes after the byte, with a token from before, is answered at once: however busy the machine, none is passed over. No
 * queue: a socket that is full is a failure of the run, said when it happens.
 *
 * It has as many threads as it is told: two threads that serve one client on two cores take each other's time and caches, which is no
 * fault of what they run, so a server of two lanes is held against a floor of two threads, and one of one against one.
 *
 * With a certificate it does the same over TLS: GnuTLS straight on the sockets, an answer in records as large as they may be.
 *
 *   floor-server SNAPSHOT_BYTES [THREADS [CERTIFICATE KEY]]        prints `listening on http://127.0.0.1:PORT` */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "replica-wire.h"

typedef enum { NEW, WEBSOCKET, LONG_POLL } Kind;

typedef struct {
  Kind kind;
  gboolean waiting;
  guint thread;
  gboolean shakes;      /* TLS's hands, still */
  gnutls_session_t tls; /* (owned) (nullable) */
} Peer;

typedef struct {
  int set;
  int wake; /* an eventfd: a round begins */
} Thread;

/* One answer as it goes out, and where in it the snapshot's body begins. */
typedef struct {
  guint8 *bytes; /* (owned) */
  gsize length;
  ReplicaWireSnapshot *body;
} Answer;

static Peer *peers; /* by descriptor; each touched by its own thread only, once that has it */
static guint n_peers_max;
static guint64 newest; /* atomic: the serial of the prepared answers; 0: there is none for WebSockets yet */
static Thread threads[64];
static guint n_threads = 1;
static Answer frame, response;
static gnutls_certificate_credentials_t credentials; /* NULL: no TLS */
static gnutls_datum_t ticket_key;

/* All of it, or what the socket took before it was full. */
static gssize
transmit (int fd, const void *bytes, gsize length)
{
  gsize done = 0;
  gssize sent = 0;

  if (peers[fd].tls == NULL)
    return send (fd, bytes, length, MSG_NOSIGNAL);
  while (done < length && (sent = gnutls_record_send (peers[fd].tls, (const guint8 *) bytes + done, length - done)) > 0)
    done += (gsize) sent;
  return (gssize) done;
}

static void
begin_tls (int fd)
{
  Peer *peer = &peers[fd];

  gnutls_init (&peer->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  gnutls_set_default_priority (peer->tls);
  gnutls_credentials_set (peer->tls, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_session_ticket_enable_server (peer->tls, &ticket_key);
  gnutls_transport_set_int (peer->tls, fd);
  peer->shakes = TRUE;
}

/* One read of what came. GNUTLS_E_AGAIN: nothing of it is for us yet; 0 or another below: the end. */
static gssize
receive (int fd, char *buffer, gsize size)
{
  Peer *peer = &peers[fd];
  int code;

  if (peer->tls == NULL)
    return read (fd, buffer, size);
  if (!peer->shakes)
    return gnutls_record_recv (peer->tls, buffer, size);
  code = gnutls_handshake (peer->tls);
  peer->shakes = code == GNUTLS_E_AGAIN;
  return code == GNUTLS_E_SUCCESS ? GNUTLS_E_AGAIN : code;
}

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
  if (transmit (fd, answer, strlen (answer)) < 0)
    exit (3);
  peers[fd].kind = WEBSOCKET;
}

static void
make_answers (gsize body_bytes)
{
  gsize message_bytes = sizeof (ReplicaWireSnapshotHead) + body_bytes;
  gboolean is_long = message_bytes > 0xffff;
  guint head_bytes = is_long ? 10 : 4;
  g_autofree char *head = g_strdup_printf ("HTTP/1.1 200 OK\r\nServer: floor\r\nDate: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
                                           "ETag: \"1-1000000000000000\"\r\nVary: Accept\r\n"
                                           "Content-Type: application/vnd.synoptic.snapshot\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n",
                                           body_bytes);

  frame.length = head_bytes + message_bytes;
  frame.bytes = g_malloc0 (frame.length);
  frame.bytes[0] = 0x82;
  frame.bytes[1] = is_long ? 127 : 126;
  for (guint i = 0; i < (is_long ? 8u : 2u); i++)
    frame.bytes[2 + i] = (guint8) (message_bytes >> (8 * ((is_long ? 7 : 1) - i)));
  *(ReplicaWireSnapshotHead *) (frame.bytes + head_bytes) = (ReplicaWireSnapshotHead) {
    .type = REPLICA_WIRE_SNAPSHOT, .form = REPLICA_WIRE_FORM_FULL, .view = 1, .body_bytes = (guint32) body_bytes,
  };
  frame.body = (ReplicaWireSnapshot *) (frame.bytes + frame.length - body_bytes);

  response.length = strlen (head) + body_bytes;
  response.bytes = g_malloc0 (response.length);
  memcpy (response.bytes, head, strlen (head));
  response.body = (ReplicaWireSnapshot *) (response.bytes + strlen (head));
}

/* The token is all that tells one round's answer from the last one's, and is written between rounds: at the start of the snapshot,
 * and over HTTP in the ETag's last digits too, which lie in the head. Who reads @newest may send what is prepared: it is told last, and a thread that
 * missed it has its client among the waiting when it is woken for the round. */
static void
set_serial (guint64 serial)
{
  g_autofree char *text = g_strdup_printf ("1%015" G_GINT64_MODIFIER "x", serial);
  char *tag = strstr ((char *) response.bytes, "ETag: ");
  const ReplicaWireSnapshot start = { .magic = REPLICA_WIRE_MAGIC, .version = REPLICA_WIRE_VERSION, .epoch = 1, .serial = serial };

  memcpy (frame.body, &start, G_STRUCT_OFFSET (ReplicaWireSnapshot, time_us));
  memcpy (response.body, &start, G_STRUCT_OFFSET (ReplicaWireSnapshot, time_us));
  memcpy (tag + strlen ("ETag: \"1-"), text, 16);
  __atomic_store_n (&newest, serial, __ATOMIC_RELEASE);
}

static void
watch (int set, int fd)
{
  struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

  epoll_ctl (set, EPOLL_CTL_ADD, fd, &event);
}

static void
accept_all (int listener)
{
  static guint next;
  int peer, one = 1, send_buffer_bytes = 1 << 20; /* room for a whole answer: a floor has no queue */

  while ((peer = accept4 (listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
    {
      setsockopt (peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      setsockopt (peer, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof send_buffer_bytes);
      peers[peer] = (Peer) { .thread = next++ % n_threads };
      if (credentials != NULL)
        begin_tls (peer);
      watch (threads[peers[peer].thread].set, peer);
    }
}

static void
send_answer (int fd, const Answer *answer)
{
  gssize sent = transmit (fd, answer->bytes, answer->length);

  peers[fd].waiting = FALSE;
  if (sent != (gssize) answer->length)
    fprintf (stderr, "floor: of an answer of %" G_GSIZE_FORMAT " bytes connection %d took %" G_GSSIZE_FORMAT " (%s): the round will not end\n", answer->length,
             fd, sent, sent < 0 ? strerror (errno) : "its socket is full");
}

/* A poll that holds @serial: waits, unless a round went by while it was on its way. */
static void
take_poll (int fd, guint64 serial, const Answer *answer)
{
  guint64 now = __atomic_load_n (&newest, __ATOMIC_ACQUIRE);

  if (serial == now)
    peers[fd].waiting = TRUE;
  else
    send_answer (fd, answer);
}

static void
answer_waiting (guint thread)
{
  for (guint fd = 0; fd < n_peers_max; fd++)
    if (peers[fd].waiting && peers[fd].thread == thread)
      send_answer ((int) fd, peers[fd].kind == WEBSOCKET ? &frame : &response);
}

static void
read_peer (int fd)
{
  static const char tag[] = "\r\nIf-None-Match: \"1-";
  char buffer[4096];
  gssize got = receive (fd, buffer, sizeof buffer - 1);
  Peer *peer = &peers[fd];

  if (got == GNUTLS_E_AGAIN)
    return;
  if (got <= 0)
    {
      peer->waiting = FALSE;
      g_clear_pointer (&peer->tls, gnutls_deinit);
      close (fd);
      return;
    }
  if (peer->kind == WEBSOCKET)
    {
      guint8 *mask = (guint8 *) buffer + 2, *payload = mask + 4;

      for (gssize k = 0; k < got - 6; k++)
        payload[k] ^= mask[k & 3];
      if (payload[0] == REPLICA_WIRE_POLL)
        {
          ReplicaWirePoll poll;

          memcpy (&poll, payload, sizeof poll);
          take_poll (fd, poll.serial, &frame);
        }
      return;
    }
  buffer[got] = '\0';
  if (peer->kind == NEW && strstr (buffer, "Sec-WebSocket-Key: ") != NULL)
    handshake (fd, buffer);
  else if (got > 4 && memcmp (buffer, "GET ", 4) == 0 && memcmp (buffer + got - 4, "\r\n\r\n", 4) == 0)
    {
      const char *token = strstr (buffer, tag);

      peer->kind = LONG_POLL;
      if (token != NULL)
        take_poll (fd, g_ascii_strtoull (token + strlen (tag), NULL, 16), &response);
      else
        send_answer (fd, &response);
    }
  else
    exit (3);
}

static gpointer
run_thread (gpointer data)
{
  guint index = GPOINTER_TO_UINT (data);
  struct epoll_event events[512];

  for (;;)
    {
      int n = epoll_wait (threads[index].set, events, G_N_ELEMENTS (events), -1);

      for (int i = 0; i < n; i++)
        {
          int fd = events[i].data.fd;
          guint64 count;

          if (fd != threads[index].wake)
            read_peer (fd);
          else if (read (fd, &count, sizeof count) == sizeof count)
            answer_waiting (index);
        }
    }
  return NULL;
}

int
main (int argc, char **argv)
{
  gsize body_bytes = argc > 1 ? g_ascii_strtoull (argv[1], NULL, 10) : 16384;
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  socklen_t address_bytes = sizeof address;
  struct epoll_event events[512];
  struct rlimit limit;
  int listener = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  guint64 serial = 0, one = 1;

  if (argc > 2)
    n_threads = (guint) CLAMP (atoi (argv[2]), 1, (int) G_N_ELEMENTS (threads));
  if (argc > 4 && (gnutls_certificate_allocate_credentials (&credentials) < 0
                   || gnutls_session_ticket_key_generate (&ticket_key) < 0
                   || gnutls_certificate_set_x509_key_file (credentials, argv[3], argv[4], GNUTLS_X509_FMT_PEM) < 0))
    return 3;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  n_peers_max = (guint) MIN (limit.rlim_max, 200000);
  peers = g_new0 (Peer, n_peers_max);
  make_answers (body_bytes);
  set_serial (0);

  if (bind (listener, (struct sockaddr *) &address, sizeof address) != 0 || listen (listener, 4096) != 0
      || getsockname (listener, (struct sockaddr *) &address, &address_bytes) != 0)
    return 3;
  for (guint i = 0; i < n_threads; i++)
    {
      threads[i].set = epoll_create1 (EPOLL_CLOEXEC);
      threads[i].wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
      watch (threads[i].set, threads[i].wake);
      if (i > 0)
        g_thread_unref (g_thread_new ("floor", run_thread, GUINT_TO_POINTER (i)));
    }
  /* The first thread accepts for all, and hears stdin. */
  watch (threads[0].set, listener);
  watch (threads[0].set, 0);
  printf ("listening on http://127.0.0.1:%u\n", ntohs (address.sin_port));
  fflush (stdout);

  for (;;)
    {
      int n = epoll_wait (threads[0].set, events, G_N_ELEMENTS (events), -1);

      for (int i = 0; i < n; i++)
        {
          int fd = events[i].data.fd;
          char byte;

          if (fd == listener)
            accept_all (listener);
          else if (fd != 0)
            read_peer (fd);
          else if (read (0, &byte, 1) <= 0)
            return 0;
          else
            {
              set_serial (++serial);
              for (guint k = 1; k < n_threads; k++)
                if (write (threads[k].wake, &one, sizeof one) != sizeof one)
                  return 3;
              answer_waiting (0);
            }
        }
    }
}
