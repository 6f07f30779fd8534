/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Request headers, the table of errors, and the address to listen on. */
#include <string.h>
#include <json-glib/json-glib.h>
#include "replica-error.h"
#include "syn-http-error.h"
#include "syn-http-headers.h"
#include "syn-limits.h"
#include "syn-listen-address.h"

static void
test_accept (void)
{
  static const struct {
    const char *accept;
    int form; /* -1: none */
  } cases[] = {
    { NULL, SYN_FORM_JSON },
    { "", SYN_FORM_JSON },
    { " , ", SYN_FORM_JSON },
    { "*/*", SYN_FORM_JSON },
    { "application/json", SYN_FORM_JSON },
    { "Application/JSON", SYN_FORM_JSON },
    { "text/csv", SYN_FORM_CSV },
    { "text/*", SYN_FORM_CSV },
    { "TEXT/*;q=0.3", SYN_FORM_CSV },
    { "application/*", SYN_FORM_JSON },
    { "application/vnd.synoptic.snapshot", SYN_FORM_BINARY },
    { "text/csv, application/json", SYN_FORM_JSON },
    { "text/csv, application/json;q=0.9", SYN_FORM_CSV },
    { "text/csv;q=0.5, application/json;q=0.4, */*;q=0.1", SYN_FORM_CSV },
    { "application/vnd.synoptic.snapshot;q=0.9,*/*;q=0.8", SYN_FORM_BINARY },
    { "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", SYN_FORM_JSON },
    { "application/json;q=0, */*", SYN_FORM_CSV },
    { "*/*;q=0.9, application/json;q=0.1", SYN_FORM_CSV },
    { "*/*, text/csv;q=0, application/json;q=0", SYN_FORM_BINARY },
    { "text/csv;header=present", SYN_FORM_CSV },
    { "text/csv;header=\"a,b;c\\\"d\" ; q=1.000", SYN_FORM_CSV },
    { "text/csv ;Q=0.001", SYN_FORM_CSV },
    { "text/html", -1 },
    { "text/csv;q=0", -1 },
    { "*/*;q=0", -1 },
    { "application/json;q=0.0", -1 },
    { "application/json;q=2", -1 },
    { "application/json;q=1.1", -1 },
    { "application/json;q=x", -1 },
    { "application/json;q=0.1234", -1 },
    { "application", -1 },
    { "*", -1 },
    { "text/", -1 },
    { ";q=1", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SynForm form;
      gboolean any = syn_http_negotiate (cases[i].accept, &form);

      g_test_message ("Accept: %s", cases[i].accept);
      g_assert_cmpint (any ? (int) form : -1, ==, cases[i].form);
    }
}

static void
test_if_none_match (void)
{
  static const struct {
    const char *text;
    guint n;
    gboolean any;
    ReplicaToken first;
  } cases[] = {
    { NULL, 0, FALSE, { 0 } },
    { "\"1f-2\"", 1, FALSE, { 0x1f, 2 } },
    { "W/\"1f-2\"", 1, FALSE, { 0x1f, 2 } },
    { "1f-2", 1, FALSE, { 0x1f, 2 } },
    { "\"1-1\", W/\"1-2\" ,\"1-3\"", 3, FALSE, { 1, 1 } },
    { "\"somebody-elses\", \"1-2\"", 1, FALSE, { 1, 2 } },
    { "\"a,b\", \"1-2\"", 1, FALSE, { 1, 2 } },
    { "*", 0, TRUE, { 0 } },
    { "\"\"", 0, FALSE, { 0 } },
    { "W/", 0, FALSE, { 0 } },
    { "\"", 0, FALSE, { 0 } },
    { ",,,", 0, FALSE, { 0 } },
    { "\"0123456789012345678901234567890123456789012345678901234567890123456789-1\"", 0, FALSE, { 0 } },
  };
  g_autoptr (GString) many = g_string_new ("\"1-1\"");
  SynIfNoneMatch match;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("If-None-Match: %s", cases[i].text);
      syn_http_parse_if_none_match (cases[i].text, &match);
      g_assert_cmpuint (match.n_tokens, ==, cases[i].n);
      g_assert_cmpint (match.any, ==, cases[i].any);
      if (cases[i].n > 0)
        {
          g_assert_true (replica_token_equal (match.tokens[0], cases[i].first));
          g_assert_true (syn_http_matches (&match, cases[i].first));
        }
      g_assert_cmpint (syn_http_matches (&match, (ReplicaToken) { 9, 9 }), ==, cases[i].any);
    }
  for (guint i = 0; i < 100; i++)
    g_string_append (many, ", \"1-1\"");
  syn_http_parse_if_none_match (many->str, &match);
  g_assert_cmpuint (match.n_tokens, ==, SYN_HTTP_MAX_TAGS);
}

static void
test_prefer (void)
{
  static const struct {
    const char *text;
    int wait_s;
  } cases[] = {
    { NULL, -1 },         { "", -1 },
    { "wait=10", 10 },    { "Wait=10", 10 },
    { "wait = 10", 10 },  { "wait=\"10\"", 10 },
    { "wait=0", 0 },      { "wait=30", 30 },
    { "wait=31", 30 },    { "wait=99999999999999999999", 30 },
    { "wait", -1 },       { "wait=", -1 },
    { "wait=-1", -1 },    { "wait=1.5", -1 },
    { "wait=ten", -1 },   { "await=5", -1 },
    { "respond-async, wait=7", 7 },
    { "return=minimal; foo=\"wait=3\", wait=7; bar", 7 },
    { "wait=2, wait=9", 2 },
    { "wait=x, wait=9", 9 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("Prefer: %s", cases[i].text);
      g_assert_cmpint (syn_http_parse_prefer_wait (cases[i].text), ==, cases[i].wait_s);
    }
}

static void
test_content_type (void)
{
  static const struct {
    const char *text;
    int format; /* -1: none */
  } cases[] = {
    { NULL, SYN_FORMAT_NDJSON },
    { "application/x-ndjson", SYN_FORMAT_NDJSON },
    { "application/ndjson", SYN_FORMAT_NDJSON },
    { "application/jsonl", SYN_FORMAT_NDJSON },
    { "application/json", SYN_FORMAT_JSON },
    { "APPLICATION/JSON; charset=UTF-8", SYN_FORMAT_JSON },
    { "application/json;charset=\"utf-8\"", SYN_FORMAT_JSON },
    { "text/csv", SYN_FORMAT_CSV },
    { "text/csv; header=present; charset=us-ascii", SYN_FORMAT_CSV },
    { "text/csv; header=absent", -1 },
    { "text/csv; charset=iso-8859-1", -1 },
    { "", -1 },
    { "text/plain", -1 },
    { "application/x-www-form-urlencoded", -1 },
    { "multipart/form-data; boundary=x", -1 },
    { "application/jsonish", -1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SynFormat format;
      gboolean known = syn_http_parse_content_type (cases[i].text, &format);

      g_test_message ("Content-Type: %s", cases[i].text);
      g_assert_cmpint (known ? (int) format : -1, ==, cases[i].format);
    }
}

static void
test_host (void)
{
  static const struct {
    const char *host;
    gboolean allowed;
  } cases[] = {
    { NULL, TRUE }, { "localhost", TRUE }, { "LocalHost:7878", TRUE }, { "127.0.0.1:7878", TRUE }, { "127.1.2.3", TRUE }, { "[::1]:7878", TRUE },
    { "evil.example:7878", FALSE }, { "127.0.0.1.evil.example", FALSE }, { "localhost@evil.example", FALSE }, { "10.0.0.1", FALSE },
    { "", FALSE }, { "0.0.0.0", FALSE }, { "::1", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("Host: %s", cases[i].host != NULL ? cases[i].host : "(none)");
      g_assert_cmpint (syn_http_host_is_allowed (cases[i].host), ==, cases[i].allowed);
    }
}

static void
test_origin (void)
{
  static const struct {
    const char *origin;
    gboolean allowed;
  } cases[] = {
    { "http://localhost:3000", TRUE },
    { "http://127.0.0.1", TRUE },
    { "http://127.8.9.10:1", TRUE },
    { "http://[::1]:3000", TRUE },
    { "https://desk.example", FALSE },
    { "https://DESK.example:7878", FALSE },
    { "https://evil.example", FALSE },
    { "https://localhost.evil.example", FALSE },
    { "https://evil.example/127.0.0.1", FALSE },
    { "https://127.0.0.1@evil.example", FALSE },
    { "http://127.0.0.1.evil.example", FALSE },
    { "http://10.0.0.1", FALSE },
    { "https://evil.example", FALSE },
    { "null", FALSE },
    { "", FALSE },
    { "file://", FALSE },
    { "http://", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_test_message ("Origin: %s", cases[i].origin);
      g_assert_cmpint (syn_http_origin_is_allowed (cases[i].origin), ==, cases[i].allowed);
    }
}

static void
test_list (void)
{
  g_assert_true (syn_http_list_has ("keep-alive, Upgrade", "upgrade"));
  g_assert_true (syn_http_list_has ("synoptic.v1", "synoptic.v1"));
  g_assert_false (syn_http_list_has ("synoptic.v10, xsynoptic.v1", "synoptic.v1"));
  g_assert_false (syn_http_list_has (NULL, "upgrade"));
  g_assert_false (syn_http_list_has ("", "upgrade"));
}

/* ---- errors ---- */

static void
test_error_table (void)
{
  static const struct {
    int code;
    guint status;
    const char *name;
    guint retry_s;
  } cases[] = {
    { SYN_ERROR_INVALID, 400, "invalid", 0 },
    { SYN_ERROR_NOT_FOUND, 404, "not-found", 0 },
    { SYN_ERROR_OVERLOADED, 503, "overloaded", 1 },
    { SYN_ERROR_UNAVAILABLE, 503, "unavailable", 1 },
    { SYN_ERROR_INTERNAL, 500, "internal", 0 },
    { SYN_ERROR_TOO_LARGE, 413, "too-large", 0 },
    { SYN_ERROR_PROTOCOL, 400, "protocol", 0 },
    { SYN_ERROR_TIMEOUT, 504, "timeout", 0 },
    { SYN_ERROR_CONFLICT, 409, "conflict", 0 },
    { SYN_FAULT_FORBIDDEN, 403, "forbidden", 0 },
    { SYN_FAULT_METHOD, 405, "method-not-allowed", 0 },
    { SYN_FAULT_NOT_ACCEPTABLE, 406, "not-acceptable", 0 },
    { SYN_FAULT_MEDIA_TYPE, 415, "unsupported-media-type", 0 },
    { SYN_FAULT_UPGRADE, 426, "upgrade-required", 0 },
    { 0, 500, "internal", 0 },
    { 4711, 500, "internal", 0 },
  };
  guint n_late = 0;
  g_autoptr (GError) own = g_error_new (SYN_ERROR, SYN_ERROR_TIMEOUT, "x");
  g_autoptr (GError) wire = g_error_new (REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE, "x");
  g_autoptr (GError) other = g_error_new (G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "x");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_cmpuint (syn_http_error_status (cases[i].code), ==, cases[i].status);
      g_assert_cmpstr (syn_http_error_name (cases[i].code), ==, cases[i].name);
      g_assert_cmpuint (syn_http_error_retry_s (cases[i].code, 1), ==, cases[i].retry_s);
    }
  /* Who is refused together is told different times. */
  for (guint i = 0; i < 1000; i++)
    {
      guint retry_ms = syn_http_retry_ms (), retry_s = syn_http_error_retry_s (SYN_ERROR_OVERLOADED, 0);

      g_assert_cmpuint (retry_ms, >=, SYN_RETRY_MS / 2);
      g_assert_cmpuint (retry_ms, <, SYN_RETRY_MS + SYN_RETRY_MS / 2);
      g_assert_true (retry_s == 1 || retry_s == 2);
      n_late += retry_s == 2;
    }
  g_assert_cmpuint (n_late, >, 300); /* by chance alone: never */
  g_assert_cmpuint (n_late, <, 700);
  g_assert_cmpuint (syn_http_error_retry_s (SYN_ERROR_OVERLOADED, 1), ==, 1);
  g_assert_cmpuint (syn_http_error_retry_s (SYN_ERROR_OVERLOADED, 1001), ==, 2);
  g_assert_cmpint (syn_http_error_code (own), ==, SYN_ERROR_TIMEOUT);
  g_assert_cmpint (syn_http_error_code (wire), ==, SYN_ERROR_TOO_LARGE);
  g_assert_cmpint (syn_http_error_code (other), ==, SYN_ERROR_INTERNAL);
}

static void
check_body (const char *message, const SynReadPlace *place)
{
  g_autoptr (GBytes) body = syn_http_error_body (SYN_ERROR_INVALID, message, place);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *object;

  json_parser_load_from_data (parser, g_bytes_get_data (body, NULL), (gssize) g_bytes_get_size (body), &error);
  g_assert_no_error (error);
  object = json_object_get_object_member (json_node_get_object (json_parser_get_root (parser)), "error");
  g_assert_cmpstr (json_object_get_string_member (object, "code"), ==, "invalid");
  if (g_utf8_validate (message, -1, NULL))
    g_assert_cmpstr (json_object_get_string_member (object, "message"), ==, message);
  g_assert_cmpint (json_object_has_member (object, "line"), ==, place != NULL);
  g_assert_cmpint (json_object_has_member (object, "field"), ==, place != NULL);
  if (place == NULL)
    return;
  if (place->line > 0)
    g_assert_cmpint (json_object_get_int_member (object, "line"), ==, (gint64) place->line);
  else
    g_assert_true (json_object_get_null_member (object, "line"));
  if (place->field[0] != '\0')
    g_assert_cmpstr (json_object_get_string_member (object, "field"), ==, place->field);
  else
    g_assert_true (json_object_get_null_member (object, "field"));
}

static void
test_error_body (void)
{
  SynReadPlace place = { .line = 3, .column = 17, .field = "pri\"ce" };
  SynReadPlace nowhere = { 0 };

  check_body ("plain", NULL);
  check_body ("quo\"ted \\ \n \t \x01 \x7f ü 🜚", NULL);
  check_body ("broken \xff\xfe utf-8", NULL);
  check_body ("", NULL);
  check_body ("with a place", &place);
  check_body ("without one", &nowhere);
}

/* ---- listen ---- */

static void
test_listen (void)
{
  static const struct {
    const char *text;
    const char *host; /* NULL: refused */
    guint port;
    guint n;
  } cases[] = {
    { "127.0.0.1:7878", "127.0.0.1", 7878, 1 },
    { "127.0.0.1:0", "127.0.0.1", 0, 1 },
    { "127.255.3.4:1", "127.255.3.4", 1, 1 },
    { "[::1]:65535", "[::1]", 65535, 1 },
    { "[0:0:0:0:0:0:0:1]:80", "[::1]", 80, 1 },
    { "localhost:80", "localhost", 80, 2 },
    { "LOCALHOST:80", "localhost", 80, 2 },
    { "0.0.0.0:80", NULL, 0, 0 },
    { "192.168.1.1:80", NULL, 0, 0 },
    { "[::]:80", NULL, 0, 0 },
    { "[::ffff:127.0.0.1]:80", NULL, 0, 0 },
    { "[localhost]:80", NULL, 0, 0 },
    { "::1:80", NULL, 0, 0 },
    { "[::1]", NULL, 0, 0 },
    { "[::1:80", NULL, 0, 0 },
    { "[]:80", NULL, 0, 0 },
    { "127.0.0.1", NULL, 0, 0 },
    { "127.0.0.1:", NULL, 0, 0 },
    { "127.0.0.1:65536", NULL, 0, 0 },
    { "127.0.0.1:-1", NULL, 0, 0 },
    { "127.0.0.1:+1", NULL, 0, 0 },
    { "127.0.0.1:http", NULL, 0, 0 },
    { "127.0.0.1: 80", NULL, 0, 0 },
    { "127.1:80", NULL, 0, 0 },
    { "desk.example:80", NULL, 0, 0 },
    { ":80", NULL, 0, 0 },
    { "80", NULL, 0, 0 },
    { "", NULL, 0, 0 },
    { ":", NULL, 0, 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (SynListenAddress) address = { 0 };
      g_autoptr (GError) error = NULL;
      gboolean good = syn_listen_address_parse (cases[i].text, &address, &error);

      g_test_message ("\"%s\": %s", cases[i].text, error != NULL ? error->message : "good");
      g_assert_cmpint (good, ==, cases[i].host != NULL);
      if (good)
        {
          g_assert_no_error (error);
          g_assert_cmpstr (address.host, ==, cases[i].host);
          g_assert_cmpuint (address.port, ==, cases[i].port);
          g_assert_cmpuint (address.n_addresses, ==, cases[i].n);
        }
      else
        {
          g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
          g_assert_nonnull (strstr (error->message, cases[i].text));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/front/headers/accept", test_accept);
  g_test_add_func ("/front/headers/if-none-match", test_if_none_match);
  g_test_add_func ("/front/headers/prefer", test_prefer);
  g_test_add_func ("/front/headers/content-type", test_content_type);
  g_test_add_func ("/front/headers/origin", test_origin);
  g_test_add_func ("/front/headers/host", test_host);
  g_test_add_func ("/front/headers/list", test_list);
  g_test_add_func ("/front/error/table", test_error_table);
  g_test_add_func ("/front/error/body", test_error_body);
  g_test_add_func ("/front/listen-address", test_listen);
  return g_test_run ();
}
