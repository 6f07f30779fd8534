/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What a publisher has to do for a message is measured with it: a mask of its own, all of its bytes masked, sent. Making the columns is not: they
 * are the same each time, as the text of the other publisher is. Blocking, a thread each. */
#include "ws-publisher.h"

#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "bench-http.h"
#include "replica-wire.h"

#define HANDSHAKE \
  "GET /v1/replica HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" \
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n"
#define PIECE_BYTES (64u << 10) /* masked, then sent while it is in the cache */

static int
open_socket (guint16 port)
{
  int fd = bench_connect (port);
  char answer[4096] = "";
  gsize n = 0;

  bench_send (fd, HANDSHAKE, strlen (HANDSHAKE));
  while (strstr (answer, "\r\n\r\n") == NULL && n + 1 < sizeof answer)
    bench_receive (fd, answer + n++, 1);
  if (!g_str_has_prefix (answer, "HTTP/1.1 101"))
    g_error ("%s", answer);
  return fd;
}

/* @mask: of the first byte on; @data is 8-aligned but for its last piece. */
static void
send_masked (int fd, const guint8 *data, gsize length, guint32 mask)
{
  guint64 buffer[PIECE_BYTES / 8], wide = (guint64) mask << 32 | mask;

  for (gsize at = 0; at < length; at += PIECE_BYTES)
    {
      gsize n = MIN (PIECE_BYTES, length - at);

      buffer[(n - 1) / 8] = 0;
      memcpy (buffer, data + at, n);
      for (gsize i = 0; i < (n + 7) / 8; i++)
        buffer[i] ^= wide;
      bench_send (fd, buffer, n);
    }
}

static void
send_batch (WsPublisher *self, int fd, GRand *rand)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (self->batch, &length);
  ReplicaWirePublish publish = { .type = REPLICA_WIRE_PUBLISH, .batch_bytes = (guint32) length };
  gsize size = sizeof publish + length;
  guint32 mask = g_rand_int (rand);
  guint8 head[14 + sizeof publish] = { 0x82 };
  guint n = 2, n_length = size < 126 ? 0 : size <= G_MAXUINT16 ? 2 : 8; /* the shortest that holds it, or it is refused */

  head[1] = (guint8) (0x80 | (n_length == 0 ? size : n_length == 2 ? 126 : 127));
  for (guint i = n_length; i > 0; i--)
    head[n++] = (guint8) (size >> (8 * (i - 1)));
  memcpy (head + n, &mask, 4);
  n += 4;
  for (guint i = 0; i < sizeof publish; i++)
    head[n++] = ((const guint8 *) &publish)[i] ^ ((const guint8 *) &mask)[i & 3];
  bench_send (fd, head, n);
  send_masked (fd, data, length, mask);
}

/* FALSE: refused for now. */
static gboolean
receive_answer (int fd)
{
  guint8 frame[2 + sizeof (ReplicaWirePublished)];
  guint8 rest[65536];
  guint length;

  bench_receive (fd, frame, 2);
  length = frame[1];
  if (length == 126)
    {
      bench_receive (fd, rest, 2);
      length = (guint) (rest[0] << 8 | rest[1]);
    }
  bench_receive (fd, rest, length);
  if (frame[0] != 0x82)
    g_error ("the server ended it: %.*s", (int) length - 2, (const char *) rest + 2);
  if (rest[0] == REPLICA_WIRE_PUBLISHED)
    return TRUE;
  if (rest[0] != REPLICA_WIRE_REFUSED || (rest[2] != REPLICA_ERROR_OVERLOADED && rest[2] != REPLICA_ERROR_UNAVAILABLE))
    g_error ("refused: %.*s", (int) length - 32, (const char *) rest + 32);
  return FALSE;
}

gpointer
ws_publisher_run (gpointer data)
{
  WsPublisher *self = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  int fd = open_socket (self->port), left = self->requests;
  guint out = 0;

  while (left > 0 || out > 0)
    {
      while (left > 0 && out < self->out)
        {
          send_batch (self, fd, rand);
          left--;
          out++;
        }
      out--;
      if (receive_answer (fd))
        continue;
      self->n_refused++;
      left++;
      g_usleep (500);
    }
  close (fd);
  self->cpu_us = bench_own_cpu_us ();
  return NULL;
}
