/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plain polls, answered on the lanes: beside them what they share with libsoup's (test-http.c asks the same of both), and where they go
 * over to it. */
#include "front-fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-beacon.h"
#include "syn-http.h"
#include "syn-limits.h"
#include "syn-plain-private.h"

#define POLL GET ("/v1/projections/quotes")

/* A poll that waits for the snapshot after the newest. */
static char *
dup_held (Fixture *f)
{
  char token[REPLICA_TOKEN_TEXT_MAX];

  return g_strdup_printf ("GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: \"%s\"\r\nPrefer: wait=30\r\n\r\n",
                          replica_token_format (fixture_token (f), token));
}

static guint
count (const char *text, const char *part)
{
  guint n = 0;

  for (const char *p = strstr (text, part); p != NULL; p = strstr (p + 1, part))
    n++;
  return n;
}

static void
test_stays (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);

  fixture_publish_snapshot (f, 2);
  for (guint i = 0; i < 5; i++)
    {
      g_autofree char *answer = client_ask (f, fd, POLL), *held = dup_held (f), *none = NULL, *next = NULL;

      g_assert_cmpuint (status_of (answer), ==, 200);
      none = client_ask (f, fd, held);
      g_assert_cmpstr (none, ==, "");
      fixture_publish_snapshot (f, 2 + i);
      next = client_read (f, fd, NULL);
      g_assert_cmpuint (status_of (next), ==, 200);
    }
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.polls), ==, 10);
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.requests), ==, 10);
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.connections), ==, 1);
  client_close (f, fd);
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.connections), ==, 0);
}

/* Whatever is not plain goes over, at once or later, with the bytes that came with it. */
static void
test_goes_over (Fixture *f, gconstpointer data)
{
  static const char upgrade[] = "GET /v1/replica HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                                "Sec-WebSocket-Protocol: synoptic.v1\r\n\r\n";
  static const struct {
    const char *text;
    guint status;
  } requests[] = {
    { GET ("/healthz"), 200 },
    { "HEAD /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\n\r\n", 200 },
    { "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 200 },
    { "GET /v1/projections/quotes HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403 },
    { "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: image/png\r\n\r\n", 406 },
    { "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200 },
    { "GET /v1/projections/% HTTP/1.1\r\nHost: localhost\r\n\r\n", 400 },
    { upgrade, 101 },
  };
  guint before = 0;

  fixture_publish_snapshot (f, 2);
  for (guint round = 0; round < 3; round++)
    for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
      {
        gboolean later = round > 0;
        int fd = client_connect (f);
        gint64 polls = fixture_metric (f, syn_plain_metrics.polls);
        g_autofree char *answer = NULL, *after = NULL;

        g_test_message ("%s", requests[i].text);
        if (later)
          {
            g_autofree char *first = client_ask (f, fd, POLL);

            g_assert_cmpuint (status_of (first), ==, 200);
            /* In two parts, the first of which may still be plain. */
            client_send_bytes (f, fd, requests[i].text, 24);
            answer = client_ask (f, fd, requests[i].text + 24);
          }
        else
          answer = client_ask (f, fd, requests[i].text);
        g_assert_cmpuint (status_of (answer), ==, requests[i].status);
        g_assert_cmpint (fixture_metric (f, syn_plain_metrics.polls), ==, polls + later);
        if (i < 3)
          {
            after = client_ask (f, fd, POLL); /* it stays there */
            g_assert_cmpuint (status_of (after), ==, 200);
            g_assert_cmpint (fixture_metric (f, syn_plain_metrics.polls), ==, polls + later);
          }
        client_close (f, fd);
        if (round == 1)
          before = fixture_count_descriptors (); /* by now both lanes have their sets */
      }
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.connections), ==, 0);
}

/* What is sent ahead is answered in its order, whoever answers it. */
static void
test_ahead (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *held = NULL, *all = NULL, *answers = NULL;
  const char *parts[4];

  fixture_publish_snapshot (f, 2);
  held = dup_held (f);
  all = g_strconcat (POLL, held, POLL, GET ("/healthz"), POLL, NULL);
  answers = client_ask (f, fd, all);
  g_assert_cmpuint (count (answers, "HTTP/1.1 200 OK"), ==, 1);
  fixture_publish_snapshot (f, 3);
  answers = (g_free (answers), client_read (f, fd, NULL));
  g_assert_cmpuint (count (answers, "HTTP/1.1 200 OK"), ==, 4);
  parts[0] = strstr (answers, "\"rows\"");
  parts[1] = strstr (parts[0] + 1, "\"rows\"");
  parts[2] = strstr (parts[1], "text/plain");
  parts[3] = strstr (parts[2], "\"rows\"");
  g_assert_nonnull (parts[3]);
  client_close (f, fd);
}

/* More than is kept: the rest waits in the sockets, and comes after. */
static void
test_much_ahead (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *held = NULL;
  g_autoptr (GString) all = g_string_new (NULL), answers = g_string_new (NULL);
  const guint n = 3 * SYN_MAX_AHEAD_BYTES / (sizeof POLL - 1);

  fixture_publish_snapshot (f, 2);
  held = dup_held (f);
  g_string_append (all, held);
  for (guint i = 0; i < n; i++)
    g_string_append (all, POLL);
  client_send (f, fd, all->str);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 1);
  fixture_publish_snapshot (f, 2);
  for (guint i = 0; i < 4; i++)
    {
      g_autofree char *some = client_read (f, fd, NULL);

      g_string_append (answers, some);
    }
  g_assert_cmpuint (count (answers->str, "HTTP/1.1 200 OK"), ==, n + 1);
  client_close (f, fd);
}

/* Its client ends its side: what it asked is answered, also what it asked ahead. */
static void
test_half_closed (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  guint before = fixture_count_descriptors ();
  g_autofree char *held = NULL, *both = NULL, *answers = NULL;
  gboolean closed;

  fixture_publish_snapshot (f, 2);
  held = dup_held (f);
  both = g_strconcat (held, held, "GET /v1/proj", NULL);
  client_send (f, fd, both);
  shutdown (fd, SHUT_WR);
  answers = client_read (f, fd, &closed);
  g_assert_cmpuint (count (answers, "HTTP/1.1 304 Not Modified"), ==, 2);
  g_assert_true (closed);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 0);
  client_close (f, fd);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 2);
}

static void
test_resets (Fixture *f, gconstpointer data)
{
  struct linger reset = { .l_onoff = 1, .l_linger = 0 };
  guint before = fixture_count_descriptors ();

  fixture_publish_snapshot (f, 2);
  for (guint i = 0; i < 12; i++)
    {
      int fd = client_connect (f);
      g_autofree char *held = dup_held (f);

      if (i % 4 == 1)
        client_send (f, fd, "GET /v1/projections/quo");
      if (i % 4 >= 2)
        client_send (f, fd, held);
      if (i % 4 == 3)
        client_send (f, fd, held);
      if (i % 2 == 0)
        setsockopt (fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      client_close (f, fd);
    }
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 0);
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.connections), ==, 0);
}

/* Silent, slow with its first head, idle after an answer, slow with its second head: each has its time, and no byte makes it longer. */
static void
test_slow (Fixture *f, gconstpointer data)
{
  int silent = client_connect (f), slow = client_connect (f), idle = client_connect (f), again = client_connect (f);
  int waits = client_connect (f);
  g_autofree char *idle_answer = NULL, *again_answer = NULL, *held = NULL, *unchanged = NULL;

  fixture_publish_snapshot (f, 2);
  held = dup_held (f);
  idle_answer = client_ask (f, idle, POLL);
  again_answer = client_ask (f, again, POLL);
  g_assert_cmpuint (status_of (idle_answer), ==, 200);
  client_send (f, waits, held);
  for (guint i = 0; i < 4; i++)
    {
      char byte[2] = { "GET "[i], '\0' };

      client_send (f, slow, byte);
      client_send (f, again, byte);
      fixture_advance (f, SYN_HTTP_IDLE_MS / 4 - 100);
    }
  unchanged = client_read (f, waits, NULL);
  g_assert_cmpuint (status_of (unchanged), ==, 304);
  g_assert_false (client_is_closed (f, silent) || client_is_closed (f, slow) || client_is_closed (f, idle) || client_is_closed (f, again));
  fixture_advance (f, 500);
  g_assert_true (client_is_closed (f, silent));
  g_assert_true (client_is_closed (f, slow));
  g_assert_true (client_is_closed (f, idle));
  g_assert_true (client_is_closed (f, again));
  g_assert_false (client_is_closed (f, waits));
  client_close (f, silent);
  client_close (f, slow);
  client_close (f, idle);
  client_close (f, again);
  client_close (f, waits);
}

/* Who takes no byte of an answer is closed; who takes them slowly gets all of it. */
static void
test_stalled (Fixture *f, gconstpointer data)
{
  int stalled = client_connect (f), small = 4096;
  guint before;

  fixture_publish_snapshot (f, 500000);
  setsockopt (stalled, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  before = fixture_count_descriptors ();
  client_send (f, stalled, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.synoptic.snapshot\r\n\r\n");
  fixture_advance (f, SYN_STALL_MS - 1000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  {
    int slow = client_connect (f);
    g_autoptr (GByteArray) bytes = NULL;
    const char *body;

    client_send (f, slow, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.synoptic.snapshot\r\n\r\n");
    fixture_advance (f, 500);
    bytes = client_read_bytes (f, slow, NULL);
    body = memmem (bytes->data, bytes->len, "\r\n\r\nSYNS", 8);
    g_assert_nonnull (body);
    g_assert_cmpuint (bytes->len - (guint) (body + 4 - (const char *) bytes->data), >, 500000 * 8);
    client_close (f, slow);
  }
  fixture_advance (f, SYN_STALL_MS + 2000); /* counted from a byte that its system took */
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.stalled), ==, 1);
  client_close (f, stalled);
}

/* Who takes less in a minute than makes room for more of it is slow, and not stalled. */
static void
test_trickle (Fixture *f, gconstpointer data)
{
  int slow = client_connect (f), small = 32768;
  guint before;

  fixture_publish_snapshot (f, 2000000);
  setsockopt (slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  before = fixture_count_descriptors ();
  client_send (f, slow, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.synoptic.snapshot\r\n\r\n");
  for (guint i = 0; i < 5; i++)
    {
      static char some[1 << 18];

      fixture_advance (f, SYN_STALL_MS / 2);
      g_assert_cmpint (recv (slow, some, sizeof some, 0), >, 0);
      fixture_advance (f, SYN_STALL_MS / 2);
      g_assert_cmpuint (fixture_count_descriptors (), ==, before);
    }
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.stalled), ==, 0);
  client_close (f, slow);
}

/* Text of a large snapshot is not made on a lane. */
static void
test_large_text (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *first = NULL, *second = NULL;
  gint64 polls;

  fixture_publish_snapshot (f, 2);
  first = client_ask (f, fd, POLL);
  fixture_publish_snapshot (f, SYN_MAX_PLAIN_TEXT_BYTES / 8 + 1000);
  g_free (client_ask (f, fd, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.synoptic.snapshot\r\n\r\n"));
  polls = fixture_metric (f, syn_plain_metrics.polls);
  second = client_ask (f, fd, POLL);
  g_assert_cmpuint (status_of (second), ==, 200);
  g_assert_cmpint (fixture_metric (f, syn_plain_metrics.polls), ==, polls);
  client_close (f, fd);
}

/* ---- limits ---- */

static void
test_too_many (Fixture *f, gconstpointer data)
{
  SynHttp *http = syn_http_new (f->silo, f->catalog, NULL);
  guint before = fixture_count_descriptors ();
  int pairs[3][2];
  char answer[256] = "";

  syn_http_set_limits (http, 100, 2);
  for (guint i = 0; i < 3; i++)
    {
      g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i]), ==, 0);
      syn_http_take (http, pairs[i][0]);
      fixture_settle (f);
    }
  g_assert_cmpint (recv (pairs[2][1], answer, sizeof answer - 1, 0), >, 0);
  g_assert_cmpuint (status_of (answer), ==, 503);
  g_assert_cmpint (recv (pairs[2][1], answer, sizeof answer - 1, 0), ==, 0);
  g_assert_cmpuint (syn_http_count (http), ==, 2);
  for (guint i = 0; i < 3; i++)
    close (pairs[i][1]);
  fixture_settle (f);
  g_assert_cmpuint (syn_http_count (http), ==, 0);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  syn_http_free (http);
  fixture_settle (f);
}

/* ---- drain ---- */

static void
test_drain (Fixture *f, gconstpointer data)
{
  int idle = client_connect (f), waits = client_connect (f), silent = client_connect (f), ahead = client_connect (f);
  g_autofree char *held = NULL, *answer = NULL, *connection = NULL, *two = NULL, *answers = NULL;
  gboolean closed;

  fixture_publish_snapshot (f, 2);
  g_free (client_ask (f, idle, POLL));
  held = dup_held (f);
  client_send (f, waits, held);
  two = g_strconcat (held, POLL, NULL);
  client_send (f, ahead, two);
  fixture_drain (f);
  answer = client_read (f, waits, &closed);
  g_assert_cmpuint (status_of (answer), ==, 503);
  connection = header_of (answer, "Connection");
  g_assert_cmpstr (connection, ==, "close");
  g_assert_true (closed);
  answers = client_read (f, ahead, &closed);
  g_assert_cmpuint (count (answers, "HTTP/1.1"), ==, 1);
  g_assert_true (closed);
  g_assert_true (client_is_closed (f, idle));
  g_assert_true (client_is_closed (f, silent));
  fixture_advance (f, 100);
  g_assert_true (f->drained);
  close (idle);
  close (waits);
  close (silent);
  close (ahead);
}

/* An answer that is on its way is let go on, until it has had its time. */
static void
test_drain_late (Fixture *f, gconstpointer data)
{
  int slow = client_connect (f), small = 4096;

  fixture_publish_snapshot (f, 500000);
  setsockopt (slow, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  client_send (f, slow, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: application/vnd.synoptic.snapshot\r\n\r\n");
  fixture_drain (f);
  fixture_advance (f, 1000);
  g_assert_false (f->drained);
  fixture_advance (f, SYN_DRAIN_MS - 1000);
  g_assert_true (f->drained);
  client_close (f, slow);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/plain/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("stays", test_stays);
  ADD ("goes-over", test_goes_over);
  ADD ("ahead", test_ahead);
  ADD ("much-ahead", test_much_ahead);
  ADD ("half-closed", test_half_closed);
  ADD ("resets", test_resets);
  ADD ("slow", test_slow);
  ADD ("stalled", test_stalled);
  ADD ("trickle", test_trickle);
  ADD ("large-text", test_large_text);
  ADD ("too-many", test_too_many);
  ADD ("drain", test_drain);
  ADD ("drain-late", test_drain_late);
  return g_test_run ();
}
