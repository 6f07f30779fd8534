/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections of HTTP: clients that leave, that are slow, that send what is no request, and too many of them. */
#include "front-fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-beacon.h"
#include "syn-http-conns.h"
#include "syn-limits.h"

static void
test_client_leaves (Fixture *f, gconstpointer data)
{
  SynBeaconStatus status;
  int fd = client_connect (f);
  g_autofree char *headers = NULL, *held = NULL, *half = NULL;
  guint before;
  gboolean closed;

  fixture_publish_snapshot (f, 1);
  before = fixture_count_descriptors ();
  headers = fixture_token_headers (f, "Prefer: wait=30\r\n");
  held = client_poll (f, fd, headers);
  g_assert_cmpstr (held, ==, "");
  syn_beacons_get_status (f->silo, &status);
  g_assert_cmpuint (status.waiting, ==, 1);
  client_close (f, fd);
  syn_beacons_get_status (f->silo, &status);
  g_assert_cmpuint (status.waiting, ==, 0);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 2);

  /* Who only ends its own side gets its answer. */
  fd = client_connect (f);
  g_free (headers);
  headers = fixture_token_headers (f, "Prefer: wait=30\r\n");
  half = client_poll (f, fd, headers);
  g_assert_cmpstr (half, ==, "");
  shutdown (fd, SHUT_WR);
  half = (g_free (half), client_read (f, fd, &closed));
  g_assert_cmpuint (status_of (half), ==, 304);
  g_assert_null (strstr (half + 1, "HTTP/1.")); /* and nothing after it */
  g_assert_true (closed);
  client_close (f, fd);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 2);
}

/* libsoup 3.2 leaks a descriptor for each. */
static void
test_keep_alive_closed_by_client (Fixture *f, gconstpointer data)
{
  guint before = fixture_count_descriptors ();
  struct linger reset = { .l_onoff = 1, .l_linger = 0 };

  for (guint i = 0; i < 40; i++)
    {
      int fd = client_connect (f);
      guint n_requests = i % 4; /* none at all, too */

      for (guint k = 0; k < n_requests; k++)
        {
          g_autofree char *answer = client_ask (f, fd, GET ("/healthz"));

          g_assert_cmpuint (status_of (answer), ==, 200);
        }
      if (i % 3 == 1)
        client_send (f, fd, "GE"); /* the beginning of another */
      if (i % 5 == 2)
        setsockopt (fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      client_close (f, fd);
    }
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
}

static void
test_pipelining (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *answers = client_ask (f, fd, GET ("/healthz") GET ("/readyz") GET ("/healthz"));
  const char *second = strstr (answers + 1, "HTTP/1.1 503"), *third;

  g_assert_cmpuint (status_of (answers), ==, 200);
  g_assert_nonnull (second);
  third = strstr (second, "HTTP/1.1 200");
  g_assert_nonnull (third);
  client_close (f, fd);
}

static void
test_idle (Fixture *f, gconstpointer data)
{
  int silent = client_connect (f), idle = client_connect (f), slow = client_connect (f), half = client_connect (f);
  int working = client_connect (f);
  g_autofree char *answer = client_ask (f, idle, GET ("/healthz"));

  client_send (f, half, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  /* A head that comes byte by byte does not live longer for it. */
  for (guint i = 0; i < 6; i++)
    {
      g_autofree char *working_answer = client_ask (f, working, GET ("/healthz"));

      client_send (f, slow, "GET / HTTP/1.1\r\nX-Slow: 1\r\n" + i);
      g_assert_false (client_is_closed (f, silent) || client_is_closed (f, idle) || client_is_closed (f, slow)
                      || client_is_closed (f, half));
      fixture_advance (f, SYN_HTTP_IDLE_MS / 6 + 1);
    }
  g_assert_true (client_is_closed (f, silent));
  g_assert_true (client_is_closed (f, idle));
  g_assert_true (client_is_closed (f, slow));
  g_assert_false (client_is_closed (f, working));
  fixture_advance (f, 2 * SYN_STALL_MS); /* counted from a byte that moved */
  g_assert_true (client_is_closed (f, half));
  client_close (f, silent);
  client_close (f, idle);
  client_close (f, slow);
  client_close (f, half);
  client_close (f, working);
}

static void
test_stalled_reader (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f), small = 4096;
  guint before;

  fixture_publish_snapshot (f, 2000000);
  before = fixture_count_descriptors ();
  setsockopt (fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client_send (f, fd, GET ("/v1/projections/quotes"));
  fixture_advance (f, 1000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  fixture_advance (f, 3 * SYN_STALL_MS);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
  client_close (f, fd);
}

static void
test_garbage (Fixture *f, gconstpointer data)
{
  static const char *const garbage[] = {
    "\x16\x03\x01\x02", "garbage\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "\r\n\r\n\r\n", "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET http://[/ HTTP/1.1\r\nHost: x\r\n\r\n",
    /* Not: an unheard-of Transfer-Encoding, for which libsoup 3.2 leaks the path. */
  };
  guint before = fixture_count_descriptors ();

  for (guint i = 0; i < G_N_ELEMENTS (garbage); i++)
    {
      int fd = client_connect (f);
      g_autofree char *answer = client_ask (f, fd, garbage[i]);

      if (*answer != '\0')
        g_assert_cmpuint (status_of (answer), >=, 400);
      client_close (f, fd);
    }
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
}

/* What libsoup refuses before anybody of ours sees it has a body like all errors; the connection ends. */
static void
test_refused_unseen (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *request;
    guint status;
  } cases[] = {
    { "GET /v1/projections/%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400 },
    { "GET /v1/projections/quotes?where=% HTTP/1.1\r\nHost: localhost\r\n\r\n", 400 },
    { "GET / HTTP/1.1\r\n\r\n", 400 },
    { "garbage\r\n\r\n", 400 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      int fd = client_connect (f);
      g_autofree char *good = client_ask (f, fd, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
      g_autofree char *answer = NULL, *type = NULL, *length = NULL;

      g_test_message ("%s", cases[i].request);
      g_assert_cmpuint (status_of (good), ==, 200);
      answer = client_ask (f, fd, cases[i].request);
      g_assert_cmpuint (status_of (answer), ==, cases[i].status);
      type = header_of (answer, "Content-Type");
      g_assert_cmpstr (type, ==, "application/json");
      length = header_of (answer, "Content-Length");
      g_assert_cmpuint (strlen (strstr (answer, "\r\n\r\n") + 4), ==, (guint) atoi (length));
      assert_has (answer, "\r\n\r\n{\"error\":{\"code\":\"invalid\",\"message\":\"");
      g_assert_true (client_is_closed (f, fd));
      client_close (f, fd);
    }
}

static void
test_too_many_connections (Fixture *f, gconstpointer data)
{
  SynHttpConns *conns = syn_http_conns_new (syn_silo_get_front_lane (f->silo));
  guint before = fixture_count_descriptors ();
  SynHttpStream *streams[3];
  int pairs[3][2];
  char answer[256] = "";

  syn_http_conns_set_max (conns, 2);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GSocketAddress) remote = g_inet_socket_address_new_from_string ("127.0.0.1", i + 1);

      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), ==, 0);
      streams[i] = syn_http_conns_add (conns, pairs[i][0], NULL, remote);
    }
  g_assert_nonnull (streams[0]);
  g_assert_nonnull (streams[1]);
  g_assert_null (streams[2]);
  g_assert_cmpint (recv (pairs[2][1], answer, sizeof answer - 1, 0), >, 0);
  g_assert_cmpuint (status_of (answer), ==, 503);
  g_assert_cmpint (recv (pairs[2][1], answer, sizeof answer - 1, 0), ==, 0);
  g_assert_cmpuint (syn_http_conns_count (conns), ==, 2);
  g_clear_object (&streams[0]);
  g_assert_cmpuint (syn_http_conns_count (conns), ==, 1);
  syn_http_conns_free (conns);
  g_object_unref (streams[1]);
  for (guint i = 0; i < 3; i++)
    close (pairs[i][1]);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
}

/* Who is refused and has sent much is not read to its end; who lingers has a place like any other. */
static void
test_refused_bounds (Fixture *f, gconstpointer data)
{
  SynHttpConns *conns = syn_http_conns_new (syn_silo_get_front_lane (f->silo));
  g_autoptr (GSocketAddress) remote = g_inet_socket_address_new_from_string ("127.0.0.1", 1);
  guint before = fixture_count_descriptors ();
  static const char sent[120000] = "POST";
  int lingers[2], refused[2], far, unread = 0;
  char answer[256] = "";

  syn_http_conns_set_max (conns, 1);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, lingers), ==, 0);
  syn_http_conns_linger (conns, lingers[0], NULL, "bye", 3);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, refused), ==, 0);
  g_assert_cmpint (send (refused[1], sent, sizeof sent, 0), ==, sizeof sent);
  far = dup (refused[0]); /* what is left of it can be looked at when the front has closed its own */
  g_assert_null (syn_http_conns_add (conns, refused[0], NULL, remote));
  g_assert_cmpint (recv (refused[1], answer, sizeof answer - 1, 0), >, 0);
  g_assert_cmpuint (status_of (answer), ==, 503);
  g_assert_cmpint (ioctl (far, FIONREAD, &unread), ==, 0);
  g_assert_cmpint (unread, >=, 120000 - 65536);
  close (far);
  close (refused[1]);

  close (lingers[1]); /* which ends the lingering, and frees its place */
  fixture_settle (f);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, refused), ==, 0);
  {
    g_autoptr (SynHttpStream) stream = syn_http_conns_add (conns, refused[0], NULL, remote);

    g_assert_nonnull (stream);
  }
  close (refused[1]);
  syn_http_conns_free (conns);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/http/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("client-leaves", test_client_leaves);
  ADD ("keep-alive-closed-by-client", test_keep_alive_closed_by_client);
  ADD ("pipelining", test_pipelining);
  ADD ("idle", test_idle);
  ADD ("stalled-reader", test_stalled_reader);
  ADD ("garbage", test_garbage);
  ADD ("refused-unseen", test_refused_unseen);
  ADD ("too-many-connections", test_too_many_connections);
  ADD ("refused-bounds", test_refused_bounds);
  return g_test_run ();
}
