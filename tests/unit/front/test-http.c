/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* HTTP, from the socket to the grains and back, with time that moves only when told to: what is asked and answered. */
#include "front-fixture.h"

#include <stdlib.h>
#include <string.h>
#include "syn-limits.h"

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
  headers = fixture_token_headers (f, "");
  same = client_poll (f, fd, headers);
  g_assert_cmpuint (status_of (same), ==, 304);
  g_assert_true (g_str_has_suffix (same, "\r\n\r\n"));
  tag = header_of (same, "ETag");
  g_assert_true (strstr (headers, tag) != NULL);
  length = header_of (same, "Content-Length");
  g_assert_null (length);
  weak = g_strdup_printf ("If-None-Match: \"1-1\", W/%s\r\n", tag);
  weak_answer = client_poll (f, fd, weak);
  g_assert_cmpuint (status_of (weak_answer), ==, 304);

  /* With one: held until there is news. */
  waiting = fixture_token_headers (f, "Prefer: wait=10\r\n");
  held = client_poll (f, fd, waiting);
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
  waiting = fixture_token_headers (f, "Prefer: wait=10\r\n");
  held = (g_free (held), client_poll (f, fd, waiting));
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
  at_once = client_poll (f, fd, "If-None-Match: *\r\n");
  g_assert_cmpuint (status_of (at_once), ==, 304);
  held = client_poll (f, fd, "If-None-Match: *\r\nPrefer: wait=20\r\n");
  g_assert_cmpstr (held, ==, "");
  fixture_publish_snapshot (f, 3);
  news = client_read (f, fd, NULL);
  g_assert_cmpuint (status_of (news), ==, 200);

  /* A list whose first is old and whose second is current: current. */
  text = g_strdup_printf ("If-None-Match: \"%s\"", replica_token_format (before, token));
  list = g_strdup_printf ("%s, \"%s\"\r\n", text, replica_token_format (fixture_token (f), token));
  old = client_poll (f, fd, list);
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
      g_autofree char *answer = client_poll (f, fd, cases[i].accept);
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

/* ---- drain ---- */

static void
test_drain (Fixture *f, gconstpointer data)
{
  int idle = client_connect (f), parked = client_connect (f), publishing = client_connect (f);
  g_autofree char *first = client_ask (f, idle, GET ("/healthz")), *headers = NULL, *held = NULL, *answer = NULL, *close_header = NULL;
  g_autofree char *rest = NULL;
  gboolean closed;

  fixture_publish_snapshot (f, 1);
  headers = fixture_token_headers (f, "Prefer: wait=30\r\n");
  held = client_poll (f, parked, headers);
  g_assert_cmpstr (held, ==, "");
  fixture_hold_published (TRUE);
  g_free (client_post (f, publishing, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));

  fixture_drain (f);
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
  g_free (client_post (f, publishing, "POST /v1/sources/trades/events HTTP/1.1\r\nHost: localhost\r\n", "x"));
  fixture_drain (f);
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
  ADD ("drain", test_drain);
  ADD ("drain-late", test_drain_late);
  return g_test_run ();
}
