/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP, from the socket to the grains and back, with time that moves only when told to. */
#include "front-fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-beacon.h"
#include "syn-error.h"
#include "syn-event-reader.h"
#include "syn-http.h"
#include "syn-http-conns.h"
#include "syn-limits.h"

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

static char *
post (Fixture *f, int fd, const char *head, const char *body)
{
  g_autofree char *text = g_strdup_printf ("%sContent-Length: %zu\r\n\r\n%s", head, strlen (body), body);

  return client_ask (f, fd, text);
}

#define assert_has(text, part) \
  G_STMT_START \
  { \
    if (strstr (text, part) == NULL) \
      g_error ("\"%s\" is not in: %s", part, text); \
  } \
  G_STMT_END

static char *
poll_with (Fixture *f, int fd, const char *more)
{
  g_autofree char *text = g_strdup_printf ("GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\n%s\r\n", more);

  return client_ask (f, fd, text);
}

static char *
token_headers (Fixture *f, const char *prefer)
{
  char token[REPLICA_TOKEN_TEXT_MAX];

  return g_strdup_printf ("If-None-Match: \"%s\"\r\n%s", replica_token_format (fixture_token (f), token), prefer);
}

/* ---- resources ---- */

static void
test_resources (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *request;
    guint status;
    const char *part;
  } cases[] = {
    { GET ("/"), 200, "/v1/projections" },
    { GET ("/healthz"), 200, "ok" },
    { GET ("/readyz"), 503, "not ready" },
    { GET ("/v1/projections"), 200, "{\"projections\":[{\"path\":\"quotes\",\"key\":[\"symbol\"],\"columns\":[{\"name\":\"symbol\",\"type\":\"string\"},{\"name\":\"last\",\"type\":\"decimal(4)\"}],\"min_interval_ms\":1000,\"source\":\"trades\"}]}" },
    { GET ("/v1/screens"), 200, "\"market\"" },
    { GET ("/v1/sources"), 200, "{\"name\":\"trades\",\"kind\":\"http\",\"fields\":[{\"name\":\"symbol\",\"type\":\"string\"},{\"name\":\"price\",\"type\":\"decimal(4)\"}],\"sequence\":4711,\"batches_in_flight\":0,\"finished\":false,\"error\":null}" },
    { GET ("/v1/sources"), 200, "\"error\":\"line 3: \\\"x\\\"\"" },
    { GET ("/v1/status"), 200, "\"lane\":\"front\"" },
    { GET ("/v1/status"), 200, "\"on_demand\":[],\"on_demand_not_listed\":0,\"sources\":" },
    { GET ("/metrics"), 200, "# TYPE synoptic_http_requests_total counter\n" },
    { GET ("/metrics"), 200, "\nprocess_open_fds " },
    { GET ("/nothing"), 404, "\"code\":\"not-found\"" },
    { GET ("/v1/projections/"), 404, "not-found" },
    { GET ("/v1/sources/trades"), 404, "not-found" },
    { GET ("/v1/projections/nothing"), 404, "there is no projection \\\"nothing\\\"" },
    { GET ("/v1/projections/quotes?wher=1"), 400, "what is \\\"wher=1\\\"?" },
    { "DELETE /v1/projections HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "\r\nAllow: GET, HEAD\r\n" },
    { "GET /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, "\r\nAllow: POST\r\n" },
    { "POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 405, "method-not-allowed" },
  };
  int fd = client_connect (f);

  fixture_publish_snapshot (f, 2);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *answer = client_ask (f, fd, cases[i].request); /* all on one connection: it is kept alive */
      g_autofree char *sniff = header_of (answer, "X-Content-Type-Options");

      g_test_message ("%s", cases[i].request);
      g_assert_cmpuint (status_of (answer), ==, cases[i].status);
      assert_has (answer, cases[i].part);
      g_assert_cmpstr (sniff, ==, "nosniff");
    }
  client_close (f, fd);
}

static void
test_ready (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *answer = NULL;

  syn_front_set_ready (f->front, TRUE);
  answer = client_ask (f, fd, GET ("/readyz"));
  g_assert_cmpuint (status_of (answer), ==, 200);
  client_close (f, fd);
}

static void
test_head (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *answer = NULL, *length = NULL, *next = NULL;

  fixture_publish_snapshot (f, 3);
  answer = client_ask (f, fd, "HEAD /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\n\r\n");
  g_assert_cmpuint (status_of (answer), ==, 200);
  g_assert_true (g_str_has_suffix (answer, "\r\n\r\n"));
  length = header_of (answer, "Content-Length");
  g_assert_cmpint (atoi (length), >, 10);
  next = client_ask (f, fd, GET ("/healthz"));
  g_assert_cmpuint (status_of (next), ==, 200);
  client_close (f, fd);
}

/* Every line of /metrics is a comment of known form, or a sample of a metric announced just before. */
static void
test_metrics_format (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *answer = client_ask (f, fd, GET ("/metrics"));
  g_autoptr (GRegex) sample = g_regex_new ("^([a-z_:][a-z0-9_:]*)(\\{[a-z_]+=\"[^\"\\\\]*\"(,[a-z_]+=\"[^\"\\\\]*\")*\\})? -?[0-9.e+-]+$", 0, 0, NULL);
  g_auto (GStrv) lines = g_strsplit (strstr (answer, "\r\n\r\n") + 4, "\n", -1);
  g_autofree char *type = header_of (answer, "Content-Type"), *name = g_strdup ("");
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  g_assert_cmpstr (type, ==, "text/plain; version=0.0.4; charset=utf-8");
  for (guint i = 0; lines[i + 1] != NULL; i++)
    {
      g_autoptr (GMatchInfo) match = NULL;
      g_autofree char *of = NULL;

      if (g_str_has_prefix (lines[i], "# HELP "))
        {
          g_free (name);
          name = g_strndup (lines[i] + 7, strcspn (lines[i] + 7, " "));
          g_assert_true (g_hash_table_add (seen, g_strdup (name)));
          continue;
        }
      if (g_str_has_prefix (lines[i], "# TYPE "))
        {
          g_assert_true (g_str_has_prefix (lines[i] + 7, name));
          g_assert_true (g_str_has_suffix (lines[i], " counter") || g_str_has_suffix (lines[i], " gauge"));
          g_assert_cmpint (g_str_has_suffix (lines[i], " counter"), ==, g_str_has_suffix (name, "_total"));
          continue;
        }
      if (!g_regex_match (sample, lines[i], 0, &match))
        g_error ("not a sample: %s", lines[i]);
      of = g_match_info_fetch (match, 1);
      g_assert_cmpstr (of, ==, name);
    }
  g_assert_cmpuint (g_hash_table_size (seen), >, 15);
  client_close (f, fd);
}

/* ---- polls ---- */

static void
test_poll (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *first = NULL, *same = NULL, *held = NULL, *news = NULL, *unchanged = NULL, *headers = NULL, *tag = NULL;
  g_autofree char *waiting = NULL, *applied = NULL, *vary = NULL, *weak = NULL, *weak_answer = NULL, *length = NULL;

  fixture_publish_snapshot (f, 2);
  first = client_ask (f, fd, GET ("/v1/projections/quotes"));
  g_assert_cmpuint (status_of (first), ==, 200);
  assert_has (first, "\"rows\":[[0],[1]]");
  vary = header_of (first, "Vary");
  g_assert_cmpstr (vary, ==, "Accept");

  /* The same token: 304 at once without a wait, and nothing held. */
  headers = token_headers (f, "");
  same = poll_with (f, fd, headers);
  g_assert_cmpuint (status_of (same), ==, 304);
  g_assert_true (g_str_has_suffix (same, "\r\n\r\n"));
  tag = header_of (same, "ETag");
  g_assert_true (strstr (headers, tag) != NULL);
  length = header_of (same, "Content-Length");
  g_assert_null (length);
  weak = g_strdup_printf ("If-None-Match: \"1-1\", W/%s\r\n", tag);
  weak_answer = poll_with (f, fd, weak);
  g_assert_cmpuint (status_of (weak_answer), ==, 304);

  /* With one: held until there is news. */
  waiting = token_headers (f, "Prefer: wait=10\r\n");
  held = poll_with (f, fd, waiting);
  g_assert_cmpstr (held, ==, "");
  fixture_advance (f, 5000);
  held = (g_free (held), client_read (f, fd, NULL));
  g_assert_cmpstr (held, ==, "");
  fixture_publish_snapshot (f, 3);
  news = client_read (f, fd, NULL);
  g_assert_cmpuint (status_of (news), ==, 200);
  assert_has (news, "[2]]");
  applied = header_of (news, "Preference-Applied");
  g_assert_cmpstr (applied, ==, "wait=10");

  /* … or until the hold ends. */
  g_free (waiting);
  waiting = token_headers (f, "Prefer: wait=10\r\n");
  held = (g_free (held), poll_with (f, fd, waiting));
  g_assert_cmpstr (held, ==, "");
  fixture_advance (f, 9999);
  held = (g_free (held), client_read (f, fd, NULL));
  g_assert_cmpstr (held, ==, "");
  fixture_advance (f, 200);
  unchanged = client_read (f, fd, NULL);
  g_assert_cmpuint (status_of (unchanged), ==, 304);
  client_close (f, fd);
}

static void
test_poll_any (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *at_once = NULL, *held = NULL, *news = NULL, *list = NULL, *old = NULL, *text = NULL;
  char token[REPLICA_TOKEN_TEXT_MAX];
  ReplicaToken before;

  fixture_publish_snapshot (f, 1);
  before = fixture_token (f);
  fixture_publish_snapshot (f, 2);
  at_once = poll_with (f, fd, "If-None-Match: *\r\n");
  g_assert_cmpuint (status_of (at_once), ==, 304);
  held = poll_with (f, fd, "If-None-Match: *\r\nPrefer: wait=20\r\n");
  g_assert_cmpstr (held, ==, "");
  fixture_publish_snapshot (f, 3);
  news = client_read (f, fd, NULL);
  g_assert_cmpuint (status_of (news), ==, 200);

  /* A list whose first is old and whose second is current: current. */
  text = g_strdup_printf ("If-None-Match: \"%s\"", replica_token_format (before, token));
  list = g_strdup_printf ("%s, \"%s\"\r\n", text, replica_token_format (fixture_token (f), token));
  old = poll_with (f, fd, list);
  g_assert_cmpuint (status_of (old), ==, 304);
  client_close (f, fd);
}

static void
test_poll_no_snapshot (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *nothing = client_ask (f, fd, GET ("/v1/projections/quotes"));
  g_autofree char *answer = NULL, *retry = NULL;

  g_assert_cmpstr (nothing, ==, "");
  fixture_advance (f, SYN_HOLD_DEFAULT_MS + 1000);
  answer = client_read (f, fd, NULL);
  g_assert_cmpuint (status_of (answer), ==, 503);
  retry = header_of (answer, "Retry-After");
  g_assert_cmpstr (retry, ==, "1");
  client_close (f, fd);
}

static void
test_forms (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *accept;
    guint status;
    const char *type, *body;
  } cases[] = {
    { "Accept: application/json\r\n", 200, "application/json", "{\"path\":\"quotes\"" },
    { "Accept: text/csv\r\n", 200, "text/csv; charset=utf-8; header=present", "n\n0\n1\n" },
    { "Accept: application/vnd.synoptic.snapshot\r\n", 200, "application/vnd.synoptic.snapshot", "SYNS" },
    { "Accept: text/html\r\n", 406, "application/json", "application/json, text/csv or application/vnd.synoptic.snapshot" },
  };
  int fd = client_connect (f);

  fixture_publish_snapshot (f, 2);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *answer = poll_with (f, fd, cases[i].accept);
      g_autofree char *type = header_of (answer, "Content-Type");

      g_assert_cmpuint (status_of (answer), ==, cases[i].status);
      g_assert_cmpstr (type, ==, cases[i].type);
      if (cases[i].status != 200)
        assert_has (answer, cases[i].body);
      else if (strcmp (cases[i].body, "SYNS") != 0)
        g_assert_true (g_str_has_prefix (strstr (answer, "\r\n\r\n") + 4, cases[i].body));
    }
  client_close (f, fd);
}

/* ---- clients that leave, and those that are slow ---- */

/* A snapshot whose text would be too large is refused as text, and given in the binary form. */
static void
test_form_too_large (Fixture *f, gconstpointer data)
{
  int fd = client_connect (f);
  g_autofree char *json = NULL, *csv = NULL, *binary = NULL;

  fixture_publish_text (f, 65536, 5000);
  json = client_ask (f, fd, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\n\r\n");
  g_assert_cmpuint (status_of (json), ==, 413);
  assert_has (json, "\"code\":\"too-large\",\"message\":\"65536 rows are more than 256 MiB as application/json: ");
  csv = client_ask (f, fd, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\nAccept: text/csv\r\n\r\n");
  g_assert_cmpuint (status_of (csv), ==, 413);
  binary = client_ask (f, fd, "GET /v1/projections/quotes HTTP/1.1\r\nHost: localhost\r\n"
                              "Accept: application/vnd.synoptic.snapshot\r\n\r\n");
  g_assert_cmpuint (status_of (binary), ==, 200);
  client_close (f, fd);
}

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
  headers = token_headers (f, "Prefer: wait=30\r\n");
  held = poll_with (f, fd, headers);
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
  headers = token_headers (f, "Prefer: wait=30\r\n");
  half = poll_with (f, fd, headers);
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
      streams[i] = syn_http_conns_add (conns, pairs[i][0], remote);
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
  syn_http_conns_linger (conns, lingers[0], "bye", 3);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, refused), ==, 0);
  g_assert_cmpint (send (refused[1], sent, sizeof sent, 0), ==, sizeof sent);
  far = dup (refused[0]); /* what is left of it can be looked at when the front has closed its own */
  g_assert_null (syn_http_conns_add (conns, refused[0], remote));
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
    g_autoptr (SynHttpStream) stream = syn_http_conns_add (conns, refused[0], remote);

    g_assert_nonnull (stream);
  }
  close (refused[1]);
  syn_http_conns_free (conns);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
}

/* ---- publishing ---- */

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
      g_autofree char *answer = post (f, fd, head, "{\"symbol\":\"A\"}\n");
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
  invalid = post (f, fd, head, "x");
  g_assert_cmpuint (status_of (invalid), ==, 400);
  assert_has (invalid, "{\"error\":{\"code\":\"invalid\",\"message\":\"expected a decimal\",\"line\":3,\"column\":5,\"field\":\"price\"}}");

  fixture_refuse_next (SYN_ERROR_TOO_LARGE, "a line is too long", 9, "");
  nowhere = post (f, fd, head, "x");
  g_assert_cmpuint (status_of (nowhere), ==, 413);
  assert_has (nowhere, "\"line\":9,\"column\":5,\"field\":null");

  fixture_refuse_next (SYN_ERROR_OVERLOADED, "later", 0, "");
  overloaded = post (f, fd, head, "x");
  g_assert_cmpuint (status_of (overloaded), ==, 503);
  retry = header_of (overloaded, "Retry-After");
  g_assert_cmpstr (retry, ==, "1");

  unknown = post (f, fd, "POST /v1/sources/nothing/events HTTP/1.1\r\nHost: localhost\r\n", "x");
  g_assert_cmpuint (status_of (unknown), ==, 404);
  simulated = post (f, fd, "POST /v1/sources/gen/events HTTP/1.1\r\nHost: localhost\r\n", "x");
  g_assert_cmpuint (status_of (simulated), ==, 400);
  foreign = post (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n", "x");
  g_assert_cmpuint (status_of (foreign), ==, 403);
  encoded = post (f, fd, "POST /v1/sources/tr%61des/events HTTP/1.1\r\nHost: localhost\r\n", "x");
  g_assert_cmpuint (status_of (encoded), ==, 200);
  empty = post (f, fd, head, "");
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
  g_free (post (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));
  client_close (f, fd);
  fixture_release (f);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);

  /* A source that never answers: a timeout. */
  fd = client_connect (f);
  fixture_hold_published (TRUE);
  g_free (post (f, fd, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));
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
  assert_has (refused, "\r\nRetry-After: 1\r\n");
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

/* ---- drain ---- */

static void
drained (gpointer user_data)
{
  g_assert_false (((Fixture *) user_data)->drained);
  ((Fixture *) user_data)->drained = TRUE;
}

static void
test_drain (Fixture *f, gconstpointer data)
{
  int idle = client_connect (f), parked = client_connect (f), publishing = client_connect (f);
  g_autofree char *first = client_ask (f, idle, GET ("/healthz")), *headers = NULL, *held = NULL, *answer = NULL, *close_header = NULL;
  g_autofree char *rest = NULL;
  gboolean closed;

  fixture_publish_snapshot (f, 1);
  headers = token_headers (f, "Prefer: wait=30\r\n");
  held = poll_with (f, parked, headers);
  g_assert_cmpstr (held, ==, "");
  fixture_hold_published (TRUE);
  g_free (post (f, publishing, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));

  syn_front_drain (f->front, drained, f);
  answer = client_read (f, parked, &closed);
  g_assert_cmpuint (status_of (answer), ==, 503);
  close_header = header_of (answer, "Connection");
  g_assert_cmpstr (close_header, ==, "close");
  g_assert_true (closed);
  g_assert_true (client_is_closed (f, idle));
  g_assert_false (f->drained); /* what was published is waited for */
  fixture_release (f);
  rest = client_read (f, publishing, &closed);
  g_assert_cmpuint (status_of (rest), ==, 200);
  g_assert_true (closed);
  fixture_advance (f, 100);
  g_assert_true (f->drained);
  client_close (f, idle);
  client_close (f, parked);
  client_close (f, publishing);
}

static void
test_drain_late (Fixture *f, gconstpointer data)
{
  int publishing = client_connect (f);

  fixture_hold_published (TRUE);
  g_free (post (f, publishing, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));
  syn_front_drain (f->front, drained, f);
  fixture_advance (f, 1000);
  g_assert_false (f->drained);
  fixture_advance (f, SYN_DRAIN_MS - 1000);
  g_assert_true (f->drained);
  client_close (f, publishing);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/http/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("resources", test_resources);
  ADD ("ready", test_ready);
  ADD ("head", test_head);
  ADD ("metrics-format", test_metrics_format);
  ADD ("poll", test_poll);
  ADD ("poll-any", test_poll_any);
  ADD ("poll-no-snapshot", test_poll_no_snapshot);
  ADD ("forms", test_forms);
  ADD ("form-too-large", test_form_too_large);
  ADD ("client-leaves", test_client_leaves);
  ADD ("keep-alive-closed-by-client", test_keep_alive_closed_by_client);
  ADD ("pipelining", test_pipelining);
  ADD ("idle", test_idle);
  ADD ("stalled-reader", test_stalled_reader);
  ADD ("garbage", test_garbage);
  ADD ("refused-unseen", test_refused_unseen);
  ADD ("too-many-connections", test_too_many_connections);
  ADD ("refused-bounds", test_refused_bounds);
  ADD ("publish", test_publish);
  ADD ("publish-errors", test_publish_errors);
  ADD ("publish-large", test_publish_large);
  ADD ("publish-while-leaving", test_publish_while_leaving);
  ADD ("limits", test_limits);
  ADD ("drain", test_drain);
  ADD ("drain-late", test_drain_late);
  return g_test_run ();
}
