/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which requests stay out of libsoup: what the strict reader takes, what it leaves, and when it says so. */
#include <string.h>
#include "syn-plain-reader.h"

#define POLL_LINE "GET /v1/projections/p HTTP/1.1\r\n"
#define HOST "Host: localhost:7878\r\n"
#define END "\r\n"
#define UPGRADE_LINE "GET /v1/replica HTTP/1.1\r\n"
#define SWITCH "Connection: Upgrade\r\nUpgrade: websocket\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define PROTOCOL "Sec-WebSocket-Protocol: synoptic.v1\r\n"

static const struct {
  const char *text;
  SynPlainKind kind;
} cases[] = {
  { POLL_LINE HOST END, SYN_PLAIN_POLL },
  { POLL_LINE "hOsT:\t 127.0.0.1 \t\r\n" END, SYN_PLAIN_POLL },
  { POLL_LINE HOST "If-None-Match: \"1-2f\"\r\nPrefer: wait=10\r\nAccept: text/csv;q=0.5, */*\r\nConnection: keep-alive\r\n" END, SYN_PLAIN_POLL },
  { POLL_LINE HOST "User-Agent: curl/7.88.1\r\nAccept-Encoding: gzip, br\r\nCookie: a=b\r\nX-Empty:\r\nOrigin: null\r\n" END, SYN_PLAIN_POLL },
  { POLL_LINE HOST END "GET / HTTP/1.1\r\n", SYN_PLAIN_POLL },
  { "GET /v1/projections/a/b?where=x%3E1&sort=-n,m HTTP/1.1\r\n" HOST END, SYN_PLAIN_POLL },
  { "GET /v1/projections/a?b/.//..? HTTP/1.1\r\n" HOST END, SYN_PLAIN_POLL },
  { UPGRADE_LINE HOST SWITCH KEY VERSION PROTOCOL END, SYN_PLAIN_UPGRADE },
  { UPGRADE_LINE HOST "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" KEY VERSION PROTOCOL
    "Sec-WebSocket-Extensions: permessage-deflate\r\nOrigin: http://localhost\r\n" END "\x82", SYN_PLAIN_UPGRADE },

  { "", SYN_PLAIN_MORE },
  { "G", SYN_PLAIN_MORE },
  { "GET /v1/", SYN_PLAIN_MORE },
  { "GET /v1/projections/p HTTP/1.1\r", SYN_PLAIN_MORE },
  { POLL_LINE HOST, SYN_PLAIN_MORE },
  { POLL_LINE HOST "\r", SYN_PLAIN_MORE },

  /* Other resources, methods and versions, as early as they are known. */
  { "P", SYN_PLAIN_OTHER },
  { "\r\n", SYN_PLAIN_OTHER },
  { "\x16\x03\x01", SYN_PLAIN_OTHER },
  { "GET /h", SYN_PLAIN_OTHER },
  { "GET /v1/s", SYN_PLAIN_OTHER },
  { "GET  /v1/projections/p", SYN_PLAIN_OTHER },
  { "GET /v1/projections HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/ HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/?a HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/p HTTP/1.0\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/p HTTP/1.1 \r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/p  HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/p\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/replica?a HTTP/1.1\r\n", SYN_PLAIN_OTHER },

  /* Paths that libsoup would refuse, or make something else of. */
  { "GET /v1/projections/%zz HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/% HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a%3e HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a%41 HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a%7E HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a%00 HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a%7F HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a%C3%A9 HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/../x HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a/./x HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections//x HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a#b HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a\"b HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },
  { "GET /v1/projections/a\xc3\xa9 HTTP/1.1\r\n" HOST END, SYN_PLAIN_OTHER },

  /* Heads that two readers could read in two ways. */
  { "GET /v1/projections/p HTTP/1.1\nHost: localhost\n\n", SYN_PLAIN_OTHER },
  { POLL_LINE "Host: localhost\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE "Host: localhost\r" "X: y\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST " folded\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE "Host : localhost\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "nothing\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST ": x\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "X: \x01\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "X: \xff\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST HOST END, SYN_PLAIN_OTHER },
  { POLL_LINE END, SYN_PLAIN_OTHER },
  { POLL_LINE "Host:\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE "Host: a@localhost\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE "Host: localhost:\r\n" END, SYN_PLAIN_OTHER },

  /* Headers that change the answer, or what comes after the head. */
  { POLL_LINE HOST "Content-Length: 0\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "transfer-encoding: chunked\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "Expect: 100-continue\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "TE: trailers\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "Synoptic-Chain: a\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "Connection: close\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "Connection: keep-alive\r\nConnection: keep-alive\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "Accept: a/b\r\nAccept: c/d\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "If-None-Match: *\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "If-None-Match: \"0-0\"\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "If-None-Match: W/\"1-2\"\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "If-None-Match: \"1-2\", \"1-3\"\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "If-None-Match: \"1-2\"\r\nIf-None-Match: \"1-3\"\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "If-None-Match: \"\"\r\n" END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST SWITCH END, SYN_PLAIN_OTHER },
  { POLL_LINE HOST "Upgrade: h2c\r\n" END, SYN_PLAIN_OTHER },

  /* Handshakes that something is wrong with. */
  { UPGRADE_LINE HOST END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH KEY VERSION PROTOCOL "Synoptic-Chain: a\r\n" END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH KEY VERSION END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH KEY PROTOCOL END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH VERSION PROTOCOL END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST KEY VERSION PROTOCOL "Connection: Upgrade\r\n" END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH KEY KEY VERSION PROTOCOL END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH KEY "Sec-WebSocket-Version: 8\r\n" PROTOCOL END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH KEY VERSION "Sec-WebSocket-Protocol: a, synoptic.v1\r\n" END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n" VERSION PROTOCOL END, SYN_PLAIN_OTHER },
  { UPGRADE_LINE HOST SWITCH "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ*==\r\n" VERSION PROTOCOL END, SYN_PLAIN_OTHER },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gsize length = strlen (cases[i].text);
      g_autofree char *exact = g_memdup2 (cases[i].text, length); /* not a byte more */
      SynPlainRequest request;

      g_test_message ("%s", cases[i].text);
      g_assert_cmpint (syn_plain_read (exact != NULL ? exact : "", length, &request), ==, cases[i].kind);
    }
}

static void
assert_span (SynPlainSpan span, const char *text)
{
  char copy[SYN_PLAIN_VALUE_MAX + 1];

  g_assert_cmpstr (syn_plain_span_to_text (span, copy), ==, text);
}

static void
test_fields (void)
{
  static const char text[] = "GET /v1/projections/a/b?c=%22 HTTP/1.1\r\n" HOST "Accept:  text/csv \r\nprefer: wait=3\r\n"
                             "If-None-Match: \"1f-2\"\r\n" END "GET";
  SynPlainRequest request;

  g_assert_cmpint (syn_plain_read (text, sizeof text - 1, &request), ==, SYN_PLAIN_POLL);
  g_assert_cmpuint (request.length, ==, sizeof text - 1 - 3);
  assert_span (request.path, "a/b?c=%22");
  assert_span (request.host, "localhost:7878");
  assert_span (request.accept, "text/csv");
  assert_span (request.prefer, "wait=3");
  assert_span (request.origin, NULL);
  assert_span (request.key, NULL);
  g_assert_cmpuint (request.token.epoch, ==, 0x1f);
  g_assert_cmpuint (request.token.serial, ==, 2);
  g_assert_cmpint (syn_plain_read (UPGRADE_LINE HOST SWITCH KEY VERSION PROTOCOL END, 192, &request), ==, SYN_PLAIN_MORE);
}

/* A head that is longer than heads are here, and a value: libsoup's. */
static void
test_long (void)
{
  g_autofree char *fill = g_strnfill (SYN_PLAIN_HEAD_MAX, 'x');
  g_autofree char *head = g_strconcat (POLL_LINE HOST "X: ", fill, NULL);
  g_autofree char *value = g_strdup_printf (POLL_LINE HOST "Accept: %.*s\r\n" END, SYN_PLAIN_VALUE_MAX + 1, fill);
  g_autofree char *fits = g_strdup_printf (POLL_LINE HOST "Accept: %.*s\r\n" END, SYN_PLAIN_VALUE_MAX, fill);
  SynPlainRequest request;

  g_assert_cmpint (syn_plain_read (head, SYN_PLAIN_HEAD_MAX - 1, &request), ==, SYN_PLAIN_MORE);
  g_assert_cmpint (syn_plain_read (head, SYN_PLAIN_HEAD_MAX, &request), ==, SYN_PLAIN_OTHER);
  g_assert_cmpint (syn_plain_read (value, strlen (value), &request), ==, SYN_PLAIN_OTHER);
  g_assert_cmpint (syn_plain_read (fits, strlen (fits), &request), ==, SYN_PLAIN_POLL);
}

static void
test_allowed (void)
{
  static const struct {
    const char *text;
    gboolean allowed;
  } requests[] = {
    { POLL_LINE HOST END, TRUE },
    { POLL_LINE "Host: evil.example\r\n" END, FALSE },
    { POLL_LINE HOST END, TRUE }, /* known by now */
    { POLL_LINE "Host: localhost:787\r\n" END, TRUE },
    { POLL_LINE "Host: [::1]:7878\r\n" END, TRUE },
    { POLL_LINE "Host: localhost.evil.example\r\n" END, FALSE },
    { POLL_LINE "Host: localhost:99999\r\n" END, FALSE },
    { POLL_LINE HOST "Origin: http://evil.example\r\n" END, TRUE }, /* who polls is not asked for it */
    { UPGRADE_LINE HOST SWITCH KEY VERSION PROTOCOL "Origin: http://localhost:3000\r\n" END, TRUE },
    { UPGRADE_LINE HOST SWITCH KEY VERSION PROTOCOL "Origin: http://evil.example\r\n" END, FALSE },
    { UPGRADE_LINE "Host: evil.example\r\n" SWITCH KEY VERSION PROTOCOL END, FALSE },
  };
  SynPlainHost known = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (requests); i++)
    {
      SynPlainRequest request;

      g_test_message ("%s", requests[i].text);
      g_assert_cmpint (syn_plain_read (requests[i].text, strlen (requests[i].text), &request), !=, SYN_PLAIN_OTHER);
      g_assert_cmpint (syn_plain_is_allowed (&known, &request), ==, requests[i].allowed);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/front/plain-reader/cases", test_cases);
  g_test_add_func ("/front/plain-reader/fields", test_fields);
  g_test_add_func ("/front/plain-reader/long", test_long);
  g_test_add_func ("/front/plain-reader/allowed", test_allowed);
  return g_test_run ();
}
