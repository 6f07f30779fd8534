/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publishing over HTTP: what is taken, what is refused and why, and the limits of all uploads together. */
#include "front-fixture.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-error.h"
#include "syn-event-reader.h"
#include "syn-http.h"

static void
test_publish (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *type;
    int format; /* -1: 415 */
  } cases[] = {
    { "", SYN_FORMAT_NDJSON },
    { "Content-Type: application/x-ndjson\r\n", SYN_FORMAT_NDJSON },
    { "Content-Type: application/json; charset=utf-8\r\n", SYN_FORMAT_JSON },
    { "Content-Type: text/csv\r\n", SYN_FORMAT_CSV },
    { "Content-Type: text/plain\r\n", -1 },
    { "Content-Type: text/csv; charset=latin1\r\n", -1 },
    { "Content-Encoding: gzip\r\n", -1 },
  };
  int fd = client_connect (f);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *head = g_strconcat ("POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", cases[i].type, NULL);
      guint before = fixture_n_published ();
      g_autofree char *answer = client_post (f, fd, head, "{\"symbol\":\"A\"}\n");
      const char *body;
      gsize length;

      if (cases[i].format < 0)
        {
          g_assert_cmpuint (status_of (answer), ==, 415);
          g_assert_cmpuint (fixture_n_published (), ==, before);
          continue;
        }
      g_assert_cmpuint (status_of (answer), ==, 200);
      assert_has (answer, "{\"accepted\":7,\"sequence\":4711}");
      g_assert_cmpint (fixture_published_format (), ==, cases[i].format);
      body = fixture_published_body (&length);
      g_assert_cmpmem (body, length, "{\"symbol\":\"A\"}\n", 15);
    }
  client_close (f, fd);
}

static void
test_publish_errors (Fixture *f, gconstpointer data)
{
  static const char head[] = "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n";
  int fd = client_connect (f);
  g_autofree char *invalid = NULL, *nowhere = NULL, *overloaded = NULL, *retry = NULL, *unknown = NULL, *simulated = NULL;
  g_autofree char *foreign = NULL, *encoded = NULL, *empty = NULL;

  fixture_refuse_next (SYN_ERROR_INVALID, "expected a decimal", 3, "price");
  invalid = client_post (f, fd, head, "x");
  g_assert_cmpuint (status_of (invalid), ==, 400);
  assert_has (invalid, "{\"error\":{\"code\":\"invalid\",\"message\":\"expected a decimal\",\"line\":3,\"column\":5,\"field\":\"price\"}}");

  fixture_refuse_next (SYN_ERROR_TOO_LARGE, "a line is too long", 9, "");
  nowhere = client_post (f, fd, head, "x");
  g_assert_cmpuint (status_of (nowhere), ==, 413);
  assert_has (nowhere, "\"line\":9,\"column\":5,\"field\":null");

  fixture_refuse_next (SYN_ERROR_OVERLOADED, "later", 0, "");
  overloaded = client_post (f, fd, head, "x");
  g_assert_cmpuint (status_of (overloaded), ==, 503);
  retry = header_of (overloaded, "Retry-After");
  g_assert_true (strcmp (retry, "1") == 0 || strcmp (retry, "2") == 0);

  unknown = client_post (f, fd, "POST /v1/sources/nothing/events HTTP/1.1\r\nHost: localhost\r\n", "x");
  g_assert_cmpuint (status_of (unknown), ==, 404);
  simulated = client_post (f, fd, "POST /v1/sources/gen/events HTTP/1.1\r\nHost: localhost\r\n", "x");
  g_assert_cmpuint (status_of (simulated), ==, 400);
  foreign = client_post (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n", "x");
  g_assert_cmpuint (status_of (foreign), ==, 403);
  encoded = client_post (f, fd, "POST /v1/sources/tr%61des/events HTTP/1.1\r\nHost: localhost\r\n", "x");
  g_assert_cmpuint (status_of (encoded), ==, 200);
  empty = client_post (f, fd, head, "");
  g_assert_cmpuint (status_of (empty), ==, 200);
  client_close (f, fd);
}

static void
test_publish_large (Fixture *f, gconstpointer data)
{
  guint before = fixture_count_descriptors (), n = fixture_n_published ();
  int fd = client_connect (f);
  g_autofree char *answer = NULL, *piece = g_strnfill (1 << 20, 'x'), *chunked = NULL, *expected = NULL, *works = NULL;
  gboolean closed;

  /* Said to be too long: refused by its head alone. */
  answer = client_ask (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108865\r\n\r\n");
  g_assert_cmpuint (status_of (answer), ==, 413);
  assert_has (answer, "\"code\":\"too-large\"");
  for (guint i = 0; i < 4; i++)
    client_send (f, fd, piece); /* a client that goes on is not answered by a reset */
  g_assert_true (client_is_closed (f, fd));
  client_close (f, fd);
  fixture_advance (f, 10000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);

  /* Without a length: cut off when it is too long. */
  fd = client_connect (f);
  client_send (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  for (guint i = 0; i < 70; i++)
    {
      client_send (f, fd, "100000\r\n");
      client_send (f, fd, piece);
      client_send (f, fd, "\r\n");
    }
  chunked = client_read (f, fd, &closed);
  g_assert_cmpuint (status_of (chunked), ==, 413);
  g_assert_true (closed);
  client_close (f, fd);

  /* Who asks before sending is told before sending. */
  fd = client_connect (f);
  expected = client_ask (f, fd, "POST /v1/sources/nothing/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                                "Content-Length: 1000\r\n\r\n");
  g_assert_cmpuint (status_of (expected), ==, 404);
  client_close (f, fd);
  fd = client_connect (f);
  works = client_ask (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                             "Content-Length: 4\r\n\r\n");
  g_assert_cmpuint (status_of (works), ==, 100);
  works = (g_free (works), client_ask (f, fd, "body"));
  g_assert_cmpuint (status_of (works), ==, 200);
  client_close (f, fd);
  fixture_advance (f, 10000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  g_assert_cmpuint (fixture_n_published (), ==, n + 1);
}

static void
test_publish_while_leaving (Fixture *f, gconstpointer data)
{
  guint before = fixture_count_descriptors ();
  int fd = client_connect (f);

  fixture_hold_published (TRUE);
  g_free (client_post (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));
  client_close (f, fd);
  fixture_release (f);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);

  /* A source that never answers: a timeout. */
  fd = client_connect (f);
  fixture_hold_published (TRUE);
  g_free (client_post (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));
  fixture_advance (f, 30001);
  {
    g_autofree char *answer = client_read (f, fd, NULL);

    g_assert_cmpuint (status_of (answer), ==, 504);
  }
  client_close (f, fd);
  fixture_release (f);
}

/* ---- limits of all together ---- */

static int
connect_pair (SynHttp *http, guint number)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string ("127.0.0.1", number);
  int pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), ==, 0);
  syn_http_accept (http, pair[0], address, address);
  return pair[1];
}

static void
test_limits (Fixture *f, gconstpointer data)
{
  static const char head[] = "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 60\r\n\r\n";
  SynHttp *http = syn_http_new (f->silo, f->catalog, NULL);
  int first = connect_pair (http, 1), second = connect_pair (http, 2), socket = connect_pair (http, 3);
  g_autofree char *half = g_strnfill (59, 'x'), *refused = NULL, *whole = NULL, *again = NULL, *upgrade = NULL;
  gboolean closed;

  syn_http_set_limits (http, 100, 0);
  client_send (f, first, head);
  client_send (f, first, half);
  client_send (f, second, head);
  client_send (f, second, half);
  refused = client_read (f, second, &closed);
  g_assert_cmpuint (status_of (refused), ==, 503);
  assert_has (refused, "\"code\":\"overloaded\"");
  assert_has (refused, "\r\nRetry-After: ");
  g_assert_true (closed);
  close (second);
  whole = client_ask (f, first, "x");
  g_assert_cmpuint (status_of (whole), ==, 200);
  /* What was counted for both is free again. */
  client_send (f, first, head);
  client_send (f, first, half);
  again = client_ask (f, first, "x");
  g_assert_cmpuint (status_of (again), ==, 200);

  upgrade = client_ask (f, socket, "GET /v1/replica HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Protocol: synoptic.v1\r\n\r\n");
  g_assert_cmpuint (status_of (upgrade), ==, 503);
  close (first);
  close (socket);
  fixture_settle (f);
  g_assert_cmpuint (syn_http_count (http), ==, 0);
  syn_http_free (http);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/http/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("publish", test_publish);
  ADD ("publish-errors", test_publish_errors);
  ADD ("publish-large", test_publish_large);
  ADD ("publish-while-leaving", test_publish_while_leaving);
  ADD ("limits", test_limits);
  return g_test_run ();
}
