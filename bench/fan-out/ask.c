/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A connection for each request, as it is without TLS; over TLS the session of the last one is taken up, so that a round does not cost a whole handshake. */
#include "ask.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench-http.h"

static void
fail (const char *what, int error)
{
  g_printerr ("cannot ask the server: %s: %s\n", what, ctl_load_tls_strerror (error));
  exit (1);
}

static void
fill (CtlLoadTlsSession *session, int fd)
{
  struct pollfd ready = { .fd = fd, .events = POLLIN };
  int got;

  do
    {
      poll (&ready, 1, -1);
      got = ctl_load_tls_session_fill (session);
    }
  while (got < 0 && (errno == EAGAIN || errno == EINTR));
  if (got < 0)
    fail ("receiving", errno);
}

static void
ask_tls (int fd, CtlLoadTls *tls, const char *request, GString *answer)
{
  CtlLoadTlsSession *session;
  guint8 buffer[4096];
  gsize length = strlen (request), sent = 0;
  gssize got = 0;
  int code;

  fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK);
  session = ctl_load_tls_session_new (tls, fd, TRUE);
  while ((code = ctl_load_tls_session_handshake (session)) == 0)
    fill (session, fd);
  if (code < 0)
    fail ("the handshake", code);
  while (sent < length)
    {
      struct pollfd ready = { .fd = fd, .events = POLLOUT };
      gssize n = ctl_load_tls_session_send (session, request + sent, length - sent);

      if (n < 0 && errno != EAGAIN)
        fail ("sending", errno);
      if (n < 0)
        poll (&ready, 1, -1);
      sent += (gsize) MAX (n, 0);
    }
  for (;;)
    {
      while ((got = ctl_load_tls_session_read (session, buffer, sizeof buffer, &code)) > 0)
        g_string_append_len (answer, (const char *) buffer, got);
      if (got < 0)
        break;
      fill (session, fd);
    }
  if (code != 0)
    fail ("reading", code);
  ctl_load_tls_session_free (session);
}

char *
ask_http (guint16 port, CtlLoadTls *tls, const char *request)
{
  GString *answer = g_string_new (NULL);
  char buffer[4096];
  gssize got;
  int fd = bench_connect (port);

  if (tls != NULL)
    ask_tls (fd, tls, request, answer);
  else
    {
      bench_send (fd, request, strlen (request));
      while ((got = read (fd, buffer, sizeof buffer)) > 0)
        g_string_append_len (answer, buffer, got);
    }
  close (fd);
  return g_string_free (answer, FALSE);
}
