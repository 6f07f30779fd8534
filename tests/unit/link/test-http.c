/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaLink's fetch and publish against a scripted HTTP server. */

#include <string.h>

#include "fake-silo.h"

typedef struct
{
  gboolean done;
  GBytes *body;
  char *etag;
  gboolean published;
  guint64 accepted, sequence;
  GError *error;
  guint retry_ms;
  guint64 line;
  char *field;
  char *message;
} Outcome;

static void
outcome_clear (Outcome *outcome)
{
  g_clear_pointer (&outcome->body, g_bytes_unref);
  g_clear_pointer (&outcome->etag, g_free);
  g_clear_pointer (&outcome->field, g_free);
  g_clear_pointer (&outcome->message, g_free);
  g_clear_error (&outcome->error);
  memset (outcome, 0, sizeof *outcome);
}

static void
look (Outcome *outcome, GAsyncResult *result)
{
  const char *field, *message;

  outcome->retry_ms = replica_link_result_get_retry_ms (result);
  replica_link_result_get_place (result, &outcome->line, &field, &message);
  outcome->field = g_strdup (field);
  outcome->message = g_strdup (message);
  outcome->done = TRUE;
}

static void
fetched_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Outcome *outcome = user_data;

  outcome->body = replica_link_fetch_finish (REPLICA_LINK (object), result, &outcome->etag, &outcome->error);
  look (outcome, result);
}

static void
published_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Outcome *outcome = user_data;

  outcome->published = replica_link_publish_finish (REPLICA_LINK (object), result, &outcome->accepted,
                                                    &outcome->sequence, &outcome->error);
  look (outcome, result);
}

static const char *
request_header (Fake *fake, const char *name)
{
  return soup_message_headers_get_one (soup_server_message_get_request_headers (fake->request), name);
}

static void
test_fetch (void)
{
  Fake *fake = fake_new ();
  Outcome outcome = { 0 };

  /* Never started: HTTP needs no WebSocket. */
  replica_link_fetch_async (fake->link, "/v1/x/quotes?where=last%3E1", NULL, NULL, 30, NULL, fetched_cb,
                            &outcome);
  fake_wait_request (fake);
  g_assert_cmpstr (request_header (fake, "Accept"), ==, "application/json");
  g_assert_null (request_header (fake, "If-None-Match"));
  g_assert_null (request_header (fake, "Prefer")); /* nothing to hold on */
  g_assert_cmpstr (g_uri_get_query (soup_server_message_get_uri (fake->request)), ==, "where=last%3E1");
  soup_message_headers_replace (soup_server_message_get_response_headers (fake->request), "ETag", "\"5-a\"");
  fake_respond (fake, 200, "application/json", "{\"rows\":[[1.1000]]}");
  fake_wait_until (fake, outcome.done);
  g_assert_no_error (outcome.error);
  g_assert_cmpmem (g_bytes_get_data (outcome.body, NULL), g_bytes_get_size (outcome.body),
                   "{\"rows\":[[1.1000]]}", 19);
  g_assert_cmpstr (outcome.etag, ==, "5-a");
  outcome_clear (&outcome);

  replica_link_fetch_async (fake->link, "/v1/x", "text/csv", "5-a", 10, NULL, fetched_cb, &outcome);
  fake_wait_request (fake);
  g_assert_cmpstr (request_header (fake, "Accept"), ==, "text/csv");
  g_assert_cmpstr (request_header (fake, "If-None-Match"), ==, "\"5-a\"");
  g_assert_cmpstr (request_header (fake, "Prefer"), ==, "wait=10");
  fake_respond (fake, 304, NULL, NULL);
  fake_wait_until (fake, outcome.done);
  g_assert_no_error (outcome.error);
  g_assert_null (outcome.body);
  outcome_clear (&outcome);
  fake_free (fake);
}

static void
test_errors (void)
{
  const struct
  {
    guint status;
    const char *body;
    const char *retry_after;
    ReplicaError code;
    const char *message;
    guint retry_ms;
    guint64 line;
    const char *field;
  } cases[] = {
    { 404, "{\"error\":{\"code\":\"not-found\",\"message\":\"no projection \\\"x\\\"\"}}", NULL,
      REPLICA_ERROR_NOT_FOUND, "no projection \"x\"", 0, 0, NULL },
    { 400,
      "{\"error\":{\"code\":\"invalid\",\"message\":\"expected a decimal\",\"line\":3,\"field\":\"price\"}}",
      NULL, REPLICA_ERROR_INVALID, "line 3, field price: expected a decimal", 0, 3, "price" },
    { 400,
      "{\"error\":{\"code\":\"invalid\",\"message\":\"field \\\"price\\\": too large\",\"line\":3,"
      "\"field\":\"price\"}}",
      NULL, REPLICA_ERROR_INVALID, "line 3: field \"price\": too large", 0, 3, "price" },
    { 400,
      "{\"error\":{\"code\":\"invalid\",\"message\":\"line 3: half an event\",\"line\":3,\"field\":\"\"}}",
      NULL, REPLICA_ERROR_INVALID, "line 3: half an event", 0, 3, NULL },
    { 503, "{\"error\":{\"code\":\"overloaded\",\"message\":\"full\"}}", "2", REPLICA_ERROR_OVERLOADED,
      "full", 2000, 0, NULL },
    { 503, "{\"error\":{\"code\":\"overloaded\",\"message\":\"full\",\"retry_ms\":150}}", "1",
      REPLICA_ERROR_OVERLOADED, "full", 150, 0, NULL },
    { 503, NULL, NULL, REPLICA_ERROR_UNAVAILABLE, "The server answered 503 Service Unavailable", 0, 0, NULL },
    { 429, "slow down", "soon", REPLICA_ERROR_OVERLOADED, NULL, 0, 0, NULL },
    { 413, "<html>", NULL, REPLICA_ERROR_TOO_LARGE, NULL, 0, 0, NULL },
    { 409, "{\"error\":7}", NULL, REPLICA_ERROR_CONFLICT, NULL, 0, 0, NULL },
    { 500, "{\"error\":{\"code\":\"from-the-future\",\"message\":\"?\",\"line\":-4,\"field\":5}}", NULL,
      REPLICA_ERROR_INTERNAL, "?", 0, 0, NULL },
    { 504, "\xff", NULL, REPLICA_ERROR_TIMEOUT, NULL, 0, 0, NULL },
    { 405, "[]", NULL, REPLICA_ERROR_INVALID, NULL, 0, 0, NULL },
  };
  Fake *fake = fake_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint publish = 0; publish < 2; publish++)
      {
        Outcome outcome = { 0 };
        g_autoptr (GBytes) body = g_bytes_new_static ("{}\n", 3);

        g_test_message ("%u: %u", i, cases[i].status);
        if (publish)
          replica_link_publish_async (fake->link, "trades", body, "application/x-ndjson", NULL, published_cb,
                                      &outcome);
        else
          replica_link_fetch_async (fake->link, "/v1/x", NULL, NULL, 0, NULL, fetched_cb, &outcome);
        fake_wait_request (fake);
        if (cases[i].retry_after != NULL)
          soup_message_headers_replace (soup_server_message_get_response_headers (fake->request),
                                        "Retry-After", cases[i].retry_after);
        fake_respond (fake, cases[i].status, "application/json", cases[i].body);
        fake_wait_until (fake, outcome.done);
        g_assert_null (outcome.body);
        g_assert_false (outcome.published);
        g_assert_error (outcome.error, REPLICA_ERROR, (int) cases[i].code);
        if (cases[i].message != NULL)
          g_assert_cmpstr (outcome.error->message, ==, cases[i].message);
        g_assert_cmpuint (outcome.retry_ms, ==, cases[i].retry_ms);
        g_assert_cmpuint (outcome.line, ==, cases[i].line);
        g_assert_cmpstr (outcome.field, ==, cases[i].field);
        outcome_clear (&outcome);
      }
  fake_free (fake);
}

static void
test_publish (void)
{
  const struct
  {
    const char *answer;
    gboolean good;
    guint64 accepted, sequence;
  } cases[] = {
    { "{\"accepted\":2,\"sequence\":4711}", TRUE, 2, 4711 },
    { "{\"accepted\":0,\"sequence\":0}", TRUE, 0, 0 },
    { "{\"accepted\":\"2\",\"sequence\":4711}", FALSE, 0, 0 },
    { "{\"accepted\":-1,\"sequence\":4711}", FALSE, 0, 0 },
    { "{\"accepted\":2}", FALSE, 0, 0 },
    { "[]", FALSE, 0, 0 },
    { "", FALSE, 0, 0 },
  };
  Fake *fake = fake_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Outcome outcome = { 0 };
      g_autoptr (GBytes) body = g_bytes_new_static ("{\"a\":1}\n{\"a\":2}\n", 16);

      g_test_message ("%s", cases[i].answer);
      replica_link_publish_async (fake->link, "a b#c", body, "application/x-ndjson", NULL, published_cb,
                                  &outcome);
      fake_wait_request (fake);
      g_assert_cmpstr (soup_server_message_get_method (fake->request), ==, "POST");
      g_assert_cmpstr (g_uri_get_path (soup_server_message_get_uri (fake->request)), ==,
                       "/v1/sources/a b#c/events");
      g_assert_cmpstr (request_header (fake, "Content-Type"), ==, "application/x-ndjson");
      g_assert_cmpstr (fake->request_body, ==, "{\"a\":1}\n{\"a\":2}\n");
      fake_respond (fake, 200, "application/json", cases[i].answer);
      fake_wait_until (fake, outcome.done);
      if (cases[i].good)
        {
          g_assert_no_error (outcome.error);
          g_assert_true (outcome.published);
          g_assert_cmpuint (outcome.accepted, ==, cases[i].accepted);
          g_assert_cmpuint (outcome.sequence, ==, cases[i].sequence);
        }
      else
        {
          g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
          g_assert_false (outcome.published);
        }
      outcome_clear (&outcome);
    }
  fake_free (fake);
}

/* What no silo answers: brackets that json-glib would recurse over, and small answers that are not small. */
static void
test_hostile_bodies (void)
{
  g_autofree char *deep = g_strnfill ((1u << 20) - 1, '['), *large = g_strnfill (2u << 20, ' ');
  g_autoptr (GBytes) body = g_bytes_new_static ("{}\n", 3);
  const struct
  {
    guint status;
    const char *answer;
    ReplicaError code;
  } cases[] = {
    { 500, deep, REPLICA_ERROR_INTERNAL },
    { 404, large, REPLICA_ERROR_NOT_FOUND },
    { 200, deep, REPLICA_ERROR_PROTOCOL },
    { 200, large, REPLICA_ERROR_TOO_LARGE },
  };
  Fake *fake = fake_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Outcome outcome = { 0 };

      replica_link_publish_async (fake->link, "trades", body, "application/x-ndjson", NULL, published_cb,
                                  &outcome);
      fake_wait_request (fake);
      fake_respond (fake, cases[i].status, "application/json", cases[i].answer);
      fake_wait_until (fake, outcome.done);
      g_assert_error (outcome.error, REPLICA_ERROR, (int) cases[i].code);
      outcome_clear (&outcome);
    }
  fake_free (fake);
}

static void
test_elsewhere (void)
{
  const char *const paths[] = { "//127.0.0.1:1/v1/x", "v1/x", "", "http://127.0.0.1:1/", "//other/x" };
  Fake *fake = fake_new ();

  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      Outcome outcome = { 0 };

      replica_link_fetch_async (fake->link, paths[i], NULL, NULL, 0, NULL, fetched_cb, &outcome);
      fake_wait_until (fake, outcome.done);
      g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
      outcome_clear (&outcome);
    }
  fake_free (fake);
}

static void
test_unreachable_and_cancelled (void)
{
  Fake *fake = fake_new ();
  Outcome outcome = { 0 };
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();

  replica_link_fetch_async (fake->link, "/v1/x", NULL, NULL, 0, cancellable, fetched_cb, &outcome);
  fake_wait_request (fake);
  g_cancellable_cancel (cancellable);
  fake_wait_until (fake, outcome.done);
  g_assert_error (outcome.error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  outcome_clear (&outcome);
  fake_respond (fake, 200, "text/plain", "late");
  fake_settle (fake);

  fake_end_server (fake);
  replica_link_fetch_async (fake->link, "/v1/x", NULL, NULL, 0, NULL, fetched_cb, &outcome);
  fake_wait_until (fake, outcome.done);
  g_assert_error (outcome.error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE);
  outcome_clear (&outcome);
  fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/http/fetch", test_fetch);
  g_test_add_func ("/http/errors", test_errors);
  g_test_add_func ("/http/publish", test_publish);
  g_test_add_func ("/http/hostile-bodies", test_hostile_bodies);
  g_test_add_func ("/http/elsewhere", test_elsewhere);
  g_test_add_func ("/http/unreachable-and-cancelled", test_unreachable_and_cancelled);
  return g_test_run ();
}
