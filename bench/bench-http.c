/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Plain sockets rather than libsoup: what the client costs is in each result, and is to be little. */
#include "bench-http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int
bench_connect (guint16 port)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (port), .sin_addr.s_addr = htonl (INADDR_LOOPBACK) };
  int fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

  if (fd < 0 || connect (fd, (struct sockaddr *) &address, sizeof address) != 0)
    g_error ("connect: %s", g_strerror (errno));
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void
bench_send (int fd, const void *data, gsize length)
{
  const guint8 *at = data;

  while (length > 0)
    {
      gssize n = send (fd, at, length, MSG_NOSIGNAL);

      if (n <= 0)
        g_error ("send: %s", g_strerror (errno));
      at += n;
      length -= (gsize) n;
    }
}

static gsize
receive_some (int fd, void *data, gsize length)
{
  gssize n = recv (fd, data, length, 0);

  if (n <= 0)
    g_error ("recv: %s", n == 0 ? "the server has gone" : g_strerror (errno));
  return (gsize) n;
}

void
bench_receive (int fd, void *data, gsize length)
{
  guint8 *at = data;

  while (length > 0)
    {
      gsize n = receive_some (fd, at, length);

      at += n;
      length -= n;
    }
}

char *
bench_exchange (int fd, const char *request, gsize length)
{
  g_autoptr (GString) answer = g_string_new (NULL);
  gsize wanted = G_MAXSIZE;

  bench_send (fd, request, length);
  while (answer->len < wanted)
    {
      char buffer[65536];
      const char *end, *size;

      g_string_append_len (answer, buffer, (gssize) receive_some (fd, buffer, sizeof buffer));
      end = strstr (answer->str, "\r\n\r\n");
      size = strcasestr (answer->str, "\r\nContent-Length:");
      if (wanted == G_MAXSIZE && end != NULL && size != NULL && size < end)
        wanted = (gsize) (end + 4 - answer->str) + (gsize) g_ascii_strtoull (size + strlen ("\r\nContent-Length:"), NULL, 10);
    }
  return g_string_free (g_steal_pointer (&answer), FALSE);
}

char *
bench_ask (int fd, const char *head, const char *body)
{
  g_autofree char *request = g_strdup_printf ("%sHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n%s", head, strlen (body), body);

  return bench_exchange (fd, request, strlen (request));
}

guint
bench_status_of (const char *answer)
{
  return g_str_has_prefix (answer, "HTTP/1.1 ") ? (guint) atoi (answer + strlen ("HTTP/1.1 ")) : 0;
}
