/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WebSockets, from the handshake to the close, over real sockets, with time that moves only when told to: what is asked and answered on one. */
#include "ws-fixture.h"

#include <string.h>
#include <unistd.h>
#include "syn-ws-private.h"

/* ---- the handshake ---- */

static void
test_handshake (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *remove, *put;
    guint status;
    const char *has;
  } cases[] = {
    { "", "", 101, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" },
    { "", "", 101, "Sec-WebSocket-Protocol: synoptic.v1\r\n" },
    { "synoptic.v1\r\n", "other, synoptic.v1\r\n", 101, "Sec-WebSocket-Protocol: synoptic.v1\r\n" },
    { "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n", 101, "" },
    { "\r\n\r\n", "\r\nOrigin: http://localhost:8000\r\n\r\n", 101, "" },
    { "\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n", 403, "forbidden" },
    { "\r\n\r\n", "\r\nOrigin: null\r\n\r\n", 403, "forbidden" },
    { "Upgrade: websocket\r\n", "", 426, "Upgrade: websocket\r\n" },
    { "keep-alive, Upgrade", "keep-alive", 426, "upgrade-required" },
    { "Version: 13", "Version: 12", 426, "Sec-WebSocket-Version: 13\r\n" },
    { "Version: 13", "Version: 11", 426, " 426 Upgrade Required\r\n" },
    { "Sec-WebSocket-Protocol: synoptic.v1\r\n", "", 400, "subprotocol" },
    { "synoptic.v1", "synoptic.v2", 400, "subprotocol" },
    { KEY, "short", 400, "invalid" },
    { "Sec-WebSocket-Key: " KEY "\r\n", "", 400, "invalid" },
    { "GET", "HEAD", 400, "" },
    { "GET", "POST", 405, "Allow: GET, HEAD" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GString) request = g_string_new (HANDSHAKE);
      int fd = client_connect (f);
      g_autofree char *answer = NULL;

      g_string_replace (request, cases[i].remove, cases[i].put, *cases[i].remove == '\0' ? 1 : 0);
      answer = client_ask (f, fd, request->str);
      g_test_message ("%s\n%s", request->str, answer);
      g_assert_cmpuint (status_of (answer), ==, cases[i].status);
      g_assert_nonnull (strstr (answer, cases[i].has));
      g_assert_null (strstr (answer, "Sec-WebSocket-Extensions"));
      client_close (f, fd);
    }
}

/* What a client sends at once behind its request is not lost in libsoup's buffer. */
static void
test_early_bytes (Fixture *f, gconstpointer data)
{
  Client client = { .fd = client_connect (f), .in = g_byte_array_new () };
  g_autoptr (GByteArray) request = g_byte_array_new ();
  g_autoptr (GByteArray) poll = make_poll (1, "quotes", REPLICA_TOKEN_NONE, 1000);
  guint8 head[6] = { 0x82, (guint8) (0x80 | poll->len) };
  const char *end;

  fixture_publish_snapshot (f, 5);
  g_byte_array_append (request, (const guint8 *) HANDSHAKE, strlen (HANDSHAKE));
  g_byte_array_append (request, head, sizeof head); /* a mask of zeros */
  g_byte_array_append (request, poll->data, poll->len);
  g_byte_array_append (request, head, 1); /* and the beginning of another */
  client_send_bytes (f, client.fd, request->data, request->len);
  receive (f, &client);
  end = g_strstr_len ((const char *) client.in->data, client.in->len, "\r\n\r\n");
  g_assert_nonnull (end);
  g_byte_array_remove_range (client.in, 0, (guint) (end + 4 - (const char *) client.in->data));
  assert_snapshot (f, &client, 1, 5);
  client_send_bytes (f, client.fd, head + 1, sizeof head - 1);
  client_send_bytes (f, client.fd, poll->data, poll->len);
  assert_snapshot (f, &client, 1, 5);
  client_close (f, client.fd);
  g_byte_array_unref (client.in);
}

/* ---- polls ---- */

static void
test_poll (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 3);
  send_poll (f, client, 7, "quotes", REPLICA_TOKEN_NONE, 10000);
  assert_snapshot (f, client, 7, 3);

  /* With the token it waits, and the path need not be said again. */
  send_poll (f, client, 7, NULL, fixture_token (f), 10000);
  assert_nothing (f, client);
  fixture_advance (f, 5000);
  assert_nothing (f, client);
  fixture_publish_snapshot (f, 4);
  assert_snapshot (f, client, 7, 4);

  /* An old token is answered at once; the hold ends with `unchanged`. */
  send_poll (f, client, 7, NULL, (ReplicaToken) { fixture_token (f).epoch, 1 }, 10000);
  assert_snapshot (f, client, 7, 4);
  send_poll (f, client, 7, NULL, fixture_token (f), 10000);
  fixture_advance (f, 9900);
  assert_nothing (f, client);
  fixture_advance (f, 200);
  assert_unchanged (f, client, 7, fixture_token (f));
  send_poll (f, client, 7, NULL, fixture_token (f), 0);
  assert_unchanged (f, client, 7, fixture_token (f));

  /* More than the longest hold is the longest. */
  send_poll (f, client, 7, NULL, fixture_token (f), G_MAXUINT32);
  fixture_advance (f, SYN_HOLD_MAX_MS - 100);
  assert_nothing (f, client);
  fixture_advance (f, 200);
  assert_unchanged (f, client, 7, fixture_token (f));

  /* Nobody asked: nothing comes. */
  fixture_publish_snapshot (f, 5);
  assert_nothing (f, client);
  close_client (f, client);
}

static void
test_poll_errors (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autofree char *broken = g_strdup ("quo\xfftes"), *nul = g_strdup ("quotes");
  g_autoptr (GByteArray) with_nul = make_poll (5, nul, REPLICA_TOKEN_NONE, 0);
  g_autofree char *longest = g_strnfill (REPLICA_WIRE_PATH_MAX, 'x');

  fixture_publish_snapshot (f, 1);
  send_poll (f, client, 1, "nothing", REPLICA_TOKEN_NONE, 0);
  assert_error (f, client, 1, REPLICA_ERROR_NOT_FOUND, FALSE);
  send_poll (f, client, 2, "quotes?x", REPLICA_TOKEN_NONE, 0);
  assert_error (f, client, 2, REPLICA_ERROR_INVALID, FALSE);
  send_poll (f, client, 3, NULL, REPLICA_TOKEN_NONE, 0);
  assert_error (f, client, 3, REPLICA_ERROR_INVALID, FALSE);
  send_poll (f, client, 4, broken, REPLICA_TOKEN_NONE, 0);
  assert_error (f, client, 4, REPLICA_ERROR_INVALID, FALSE);
  with_nul->data[sizeof (ReplicaWirePoll) + 2] = '\0';
  send_frame (f, client, 0x82, with_nul->data, with_nul->len);
  assert_error (f, client, 5, REPLICA_ERROR_INVALID, FALSE);
  send_poll (f, client, 6, longest, REPLICA_TOKEN_NONE, 0);
  assert_error (f, client, 6, REPLICA_ERROR_NOT_FOUND, FALSE);
  /* All that costs the connection nothing. */
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  assert_snapshot (f, client, 1, 1);
  close_client (f, client);
}

static void
test_withdraw (Fixture *f, gconstpointer data)
{
  ReplicaWireWithdraw withdraw = { .type = REPLICA_WIRE_WITHDRAW, .view = 2 };
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 1);
  for (guint32 view = 1; view <= 3; view++)
    send_poll (f, client, view, "quotes", fixture_token (f), 30000);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 3);
  send_frame (f, client, 0x82, &withdraw, sizeof withdraw);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 2);
  withdraw.view = 99; /* never heard of: nothing to do */
  send_frame (f, client, 0x82, &withdraw, sizeof withdraw);
  fixture_publish_snapshot (f, 2);
  for (guint i = 0; i < 2; i++)
    {
      guint8 first;
      g_autoptr (GBytes) payload = take_frame (f, client, &first);
      guint32 view;

      g_assert_nonnull (payload);
      memcpy (&view, (const guint8 *) g_bytes_get_data (payload, NULL) + 4, sizeof view);
      g_assert_cmpuint (view, !=, 2);
    }
  assert_nothing (f, client);
  withdraw.view = 2;
  send_poll (f, client, 2, NULL, REPLICA_TOKEN_NONE, 0); /* forgotten, with its path */
  assert_error (f, client, 2, REPLICA_ERROR_INVALID, FALSE);
  close_client (f, client);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 0);
}

/* A poll takes the place of the one that its view still has out. */
static void
test_replaced (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 1);
  for (guint i = 0; i < 50; i++)
    send_poll (f, client, 1, "quotes", fixture_token (f), 30000);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 1);
  fixture_publish_snapshot (f, 2);
  assert_snapshot (f, client, 1, 2);
  assert_nothing (f, client);
  close_client (f, client);
}

static void
test_many_views (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  ReplicaWireWithdraw withdraw = { .type = REPLICA_WIRE_WITHDRAW };

  fixture_publish_snapshot (f, 1);
  for (guint32 i = 0; i < SYN_MAX_VIEWS_PER_CONNECTION; i++)
    send_poll (f, client, i * 2654435761u, "quotes", fixture_token (f), 30000); /* in no order */
  g_assert_cmpuint (fixture_n_waiting (f), ==, SYN_MAX_VIEWS_PER_CONNECTION);
  send_poll (f, client, 1, "quotes", fixture_token (f), 30000);
  assert_error (f, client, 1, REPLICA_ERROR_OVERLOADED, TRUE);
  withdraw.view = 7 * 2654435761u;
  send_frame (f, client, 0x82, &withdraw, sizeof withdraw);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 30000);
  assert_snapshot (f, client, 1, 1);
  close_client (f, client);
  g_assert_cmpuint (fixture_n_waiting (f), ==, 0);
}

/* ---- the protocol ---- */

static void
test_ping_and_close (Fixture *f, gconstpointer data)
{
  Client *client;
  guint8 first;
  guint before;
  GBytes *pong;

  warm_up (f);
  client = open_client (f);
  before = fixture_count_descriptors ();
  send_frame (f, client, 0x89, "hello", 5);
  pong = take_frame (f, client, &first);
  g_assert_cmphex (first, ==, 0x8a);
  g_assert_cmpmem (g_bytes_get_data (pong, NULL), g_bytes_get_size (pong), "hello", 5);
  g_bytes_unref (pong);
  send_frame (f, client, 0x8a, "unasked", 7);
  assert_nothing (f, client);
  send_frame (f, client, 0x88, "\x0b\xb8" "bye", 5);
  assert_close (f, client, 3000);
  close_client (f, client);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 2);

  /* A close without a code is answered by one without. */
  client = open_client (f);
  send_frame (f, client, 0x88, "", 0);
  pong = take_frame (f, client, &first);
  g_assert_cmphex (first, ==, 0x88);
  g_assert_cmpuint (g_bytes_get_size (pong), ==, 0);
  g_bytes_unref (pong);
  close_client (f, client);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 2);
}

static void
test_offences (Fixture *f, gconstpointer data)
{
  static const struct {
    const char *name;
    guint8 first;
    gsize length;
    const char *payload;
    guint16 code;
  } cases[] = {
    { "text", 0x81, 2, "hi", 1003 },
    { "reserved bit", 0xc2, 1, "x", 1002 },
    { "reserved opcode", 0x83, 1, "x", 1002 },
    { "orphan", 0x80, 1, "x", 1002 },
    { "fragmented ping", 0x09, 1, "x", 1002 },
    { "long ping", 0x89, 126, NULL, 1002 },
    { "too long", 0x82, REPLICA_WIRE_REQUEST_MAX + 1, NULL, 1009 },
    { "close code", 0x88, 2, "\x03\xed", 1002 },
    { "empty message", 0x82, 0, "", 1002 },
    { "unknown type", 0x82, 8, "\x7f\0\0\0\0\0\0\0", 1002 },
    { "an answer", 0x82, 24, NULL, 1002 },
    { "short poll", 0x82, 31, "\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1002 },
    { "poll without a form", 0x82, 32, "\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1002 },
    { "poll with unknown forms", 0x82, 32, "\x01\x41\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1002 },
    { "poll with reserved", 0x82, 32, "\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 1002 },
    { "poll with a path that is not there", 0x82, 32, "\x01\x01\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1002 },
    { "withdraw with reserved", 0x82, 8, "\x02\x01\0\0\0\0\0\0", 1002 },
    { "short publication", 0x82, 15, "\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 1002 },
    { "publication with reserved", 0x82, 16, "\x10\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 1002 },
    { "publication with more reserved", 0x82, 16, "\x10\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0", 1002 },
    { "publication of another length", 0x82, 16, "\x10\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0", 1002 },
    { "short withdraw", 0x82, 7, "\x02\0\0\0\0\0\0", 1002 },
  };
  guint before = (warm_up (f), fixture_count_descriptors ());

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Client *client = open_client (f);
      g_autofree char *filler = g_strnfill (cases[i].length, (char) 0x81);

      g_test_message ("%s", cases[i].name);
      send_frame (f, client, cases[i].first, cases[i].payload != NULL ? cases[i].payload : filler, cases[i].length);
      assert_close (f, client, cases[i].code);
      send_frame (f, client, 0x82, "more", 4); /* read and dropped */
      close_client (f, client);
    }
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
}

static void
test_unmasked (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);

  client_send_bytes (f, client->fd, "\x82\x01x", 3);
  assert_close (f, client, 1002);
  close_client (f, client);
}

static void
test_fragments (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autoptr (GByteArray) poll = make_poll (1, "quotes", REPLICA_TOKEN_NONE, 0);
  guint8 first;

  fixture_publish_snapshot (f, 2);
  send_frame (f, client, 0x02, poll->data, 10);
  send_frame (f, client, 0x00, poll->data + 10, 0);
  send_frame (f, client, 0x89, "between", 7);
  send_frame (f, client, 0x80, poll->data + 10, poll->len - 10);
  g_bytes_unref (take_frame (f, client, &first));
  g_assert_cmphex (first, ==, 0x8a);
  assert_snapshot (f, client, 1, 2);
  close_client (f, client);
}

/* ---- the end ---- */

static void
test_drain (Fixture *f, gconstpointer data)
{
  Client *waiting = open_client (f), *idle = open_client (f), *other_lane = open_client (f);

  fixture_publish_snapshot (f, 1);
  send_poll (f, waiting, 1, "quotes", fixture_token (f), 30000);
  send_poll (f, waiting, 2, "quotes", fixture_token (f), 30000);
  send_poll (f, other_lane, 3, "quotes", fixture_token (f), 30000);
  fixture_drain (f);
  assert_error (f, waiting, 1, REPLICA_ERROR_UNAVAILABLE, TRUE);
  assert_error (f, waiting, 2, REPLICA_ERROR_UNAVAILABLE, TRUE);
  assert_close (f, waiting, 1001);
  assert_close (f, idle, 1001);
  assert_error (f, other_lane, 3, REPLICA_ERROR_UNAVAILABLE, TRUE);
  assert_close (f, other_lane, 1001);
  g_assert_false (f->drained);
  close_client (f, waiting);
  close_client (f, idle);
  close_client (f, other_lane);
  fixture_advance (f, 100);
  g_assert_true (f->drained);
}

static void
test_drain_late (Fixture *f, gconstpointer data)
{
  Client *slow = open_client (f);

  fixture_publish_snapshot (f, 2000000);
  send_poll (f, slow, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  fixture_drain (f);
  fixture_advance (f, 1000);
  g_assert_false (f->drained);
  fixture_advance (f, SYN_DRAIN_MS - 1000);
  g_assert_true (f->drained);
  close_client (f, slow);
}

/* The silo may end under open connections. */
static void
test_free_without_drain (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 1);
  send_poll (f, client, 1, "quotes", fixture_token (f), 30000);
  fixture_tear_down (f, data);
  close (client->fd);
  g_byte_array_unref (client->in);
  g_free (client);
  fixture_set_up (f, data);
}

static void
test_sizes (void)
{
  g_test_message ("connection %zu, view %zu, waiter %zu bytes", sizeof (SynWsConn), sizeof (SynWsView), sizeof (SynWaiter));
  g_assert_cmpuint (sizeof (SynWaiter), <=, 128);
  /* With one view, its table and malloc's share. */
  g_assert_cmpuint (sizeof (SynWsConn) + sizeof (SynWsView) + sizeof (SynWsView *) + 3 * 16, <=, 512);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/ws/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  g_test_add_func ("/front/ws/sizes", test_sizes);
  ADD ("handshake", test_handshake);
  ADD ("early-bytes", test_early_bytes);
  ADD ("poll", test_poll);
  ADD ("poll-errors", test_poll_errors);
  ADD ("withdraw", test_withdraw);
  ADD ("replaced", test_replaced);
  ADD ("many-views", test_many_views);
  ADD ("ping-and-close", test_ping_and_close);
  ADD ("offences", test_offences);
  ADD ("unmasked", test_unmasked);
  ADD ("fragments", test_fragments);
  ADD ("drain", test_drain);
  ADD ("drain-late", test_drain_late);
  ADD ("free-without-drain", test_free_without_drain);
  return g_test_run ();
}
