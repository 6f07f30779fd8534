/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WebSockets, from the handshake to the close, over real sockets, with time that moves only when told to. */
#include "front-fixture.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include "replica-delta.h"
#include "replica-zstd.h"
#include "replica-snapshot-builder.h"
#include "syn-beacon.h"
#include "syn-ws-private.h"

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define HANDSHAKE \
  "GET /v1/replica HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n"

/* ---- a client ---- */

typedef struct {
  int fd;
  GByteArray *in; /* read, not taken */
  gboolean closed;
} Client;

static Client *
open_client (Fixture *f)
{
  Client *self = g_new0 (Client, 1);
  g_autofree char *answer = NULL;

  self->fd = client_connect (f);
  self->in = g_byte_array_new ();
  answer = client_ask (f, self->fd, HANDSHAKE);
  g_assert_cmpuint (status_of (answer), ==, 101);
  g_assert_true (g_str_has_suffix (answer, "\r\n\r\n"));
  return self;
}

static void
close_client (Fixture *f, Client *self)
{
  client_close (f, self->fd);
  g_byte_array_unref (self->in);
  g_free (self);
}

/* Each lane makes its epoll set for its first connection: so that descriptors can be counted. */
static void
warm_up (Fixture *f)
{
  close_client (f, open_client (f));
  close_client (f, open_client (f));
}

static void
send_frame (Fixture *f, Client *self, guint8 first, const void *payload, gsize length)
{
  static const guint8 mask[4] = { 0x12, 0x34, 0x56, 0x78 };
  guint8 head[SYN_WS_HEAD_MAX];
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  guint n = syn_ws_frame_head (head, 0, length);

  head[0] = first;
  head[1] |= 0x80;
  g_byte_array_append (frame, head, n);
  g_byte_array_append (frame, mask, 4);
  for (gsize i = 0; i < length; i++)
    {
      guint8 byte = ((const guint8 *) payload)[i] ^ mask[i % 4];

      g_byte_array_append (frame, &byte, 1);
    }
  client_send_bytes (f, self->fd, frame->data, frame->len);
}

static GByteArray *
make_poll (guint32 view, const char *path, ReplicaToken token, guint hold_ms)
{
  gsize length = path != NULL ? strlen (path) : 0;
  ReplicaWirePoll poll = { .type = REPLICA_WIRE_POLL, .accept = REPLICA_WIRE_ACCEPT_FULL, .path_bytes = (guint16) length, .view = view,
                           .epoch = token.epoch, .serial = token.serial, .hold_ms = hold_ms };
  GByteArray *message = g_byte_array_new ();

  g_byte_array_append (message, (guint8 *) &poll, sizeof poll);
  if (length > 0)
    g_byte_array_append (message, (const guint8 *) path, (guint) length);
  return message;
}

/* With other forms than the full one. */
static void
send_poll_accept (Fixture *f, Client *self, guint32 view, const char *path, ReplicaToken token, guint hold_ms, guint8 accept)
{
  g_autoptr (GByteArray) message = make_poll (view, path, token, hold_ms);

  message->data[1] = accept;
  send_frame (f, self, 0x82, message->data, message->len);
}

static void
send_poll (Fixture *f, Client *self, guint32 view, const char *path, ReplicaToken token, guint hold_ms)
{
  g_autoptr (GByteArray) message = make_poll (view, path, token, hold_ms);

  send_frame (f, self, 0x82, message->data, message->len);
}

static void
receive (Fixture *f, Client *self)
{
  g_autoptr (GByteArray) more = client_read_bytes (f, self->fd, &self->closed);

  g_byte_array_append (self->in, more->data, more->len);
}

/* The next whole frame's payload, or NULL. */
static GBytes *
take_frame (Fixture *f, Client *self, guint8 *first)
{
  gsize head = 2, length;
  GBytes *payload;

  receive (f, self);
  if (self->in->len < 2)
    return NULL;
  g_assert_cmpuint (self->in->data[1] & 0x80, ==, 0); /* a server does not mask */
  length = self->in->data[1];
  if (length == 126)
    {
      length = (gsize) self->in->data[2] << 8 | self->in->data[3];
      head = 4;
    }
  else if (length == 127)
    {
      length = 0;
      for (guint i = 2; i < 10; i++)
        length = length << 8 | self->in->data[i];
      head = 10;
    }
  if (self->in->len < head + length)
    return NULL;
  *first = self->in->data[0];
  payload = g_bytes_new (self->in->data + head, length);
  g_byte_array_remove_range (self->in, 0, (guint) (head + length));
  return payload;
}

static void
assert_nothing (Fixture *f, Client *self)
{
  receive (f, self);
  g_assert_cmpuint (self->in->len, ==, 0);
  g_assert_false (self->closed);
}

/* The next frame is a message of @type for @view. */
static GBytes *
take_message (Fixture *f, Client *self, guint8 type, guint32 view)
{
  guint8 first = 0;
  GBytes *payload = take_frame (f, self, &first);
  const guint8 *data;
  guint32 got;

  g_assert_nonnull (payload);
  g_assert_cmphex (first, ==, 0x82);
  data = g_bytes_get_data (payload, NULL);
  g_assert_cmphex (data[0], ==, type);
  memcpy (&got, data + 4, sizeof got);
  g_assert_cmpuint (got, ==, view);
  return payload;
}

static void
assert_snapshot (Fixture *f, Client *self, guint32 view, guint n_rows)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_SNAPSHOT, view);
  ReplicaWireSnapshotHead head;
  g_autoptr (GBytes) body = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.form, ==, REPLICA_WIRE_FORM_FULL);
  g_assert_cmpuint (head.body_bytes, ==, g_bytes_get_size (payload) - sizeof head);
  body = g_bytes_new_from_bytes (payload, sizeof head, head.body_bytes);
  snapshot = replica_snapshot_new_from_bytes (body, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (replica_snapshot_get_n_rows (snapshot), ==, n_rows);
}

static void
assert_unchanged (Fixture *f, Client *self, guint32 view, ReplicaToken token)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_UNCHANGED, view);
  ReplicaWireUnchanged unchanged;

  g_assert_cmpuint (g_bytes_get_size (payload), ==, sizeof unchanged);
  memcpy (&unchanged, g_bytes_get_data (payload, NULL), sizeof unchanged);
  g_assert_cmpuint (unchanged.epoch, ==, token.epoch);
  g_assert_cmpuint (unchanged.serial, ==, token.serial);
}

static void
assert_error (Fixture *f, Client *self, guint32 view, guint code, gboolean retry)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_ERROR, view);
  ReplicaWireErrorHead head;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.code, ==, code);
  g_assert_cmpint (head.retry_ms > 0, ==, retry);
  g_assert_cmpuint (head.message_bytes, ==, g_bytes_get_size (payload) - sizeof head);
  g_assert_cmpuint (head.message_bytes, >, 0);
  g_assert_true (g_utf8_validate_len ((const char *) g_bytes_get_data (payload, NULL) + sizeof head, head.message_bytes, NULL));
}

/* The next frame is a close with @code, and then the server's end is closed. */
static void
assert_close (Fixture *f, Client *self, guint16 code)
{
  guint8 first = 0;
  g_autoptr (GBytes) payload = take_frame (f, self, &first);
  const guint8 *data;

  g_assert_nonnull (payload);
  g_assert_cmphex (first, ==, 0x88);
  data = g_bytes_get_data (payload, NULL);
  g_assert_cmpuint (g_bytes_get_size (payload), >=, 2);
  g_assert_cmpuint ((guint) (data[0] << 8 | data[1]), ==, code);
  receive (f, self);
  g_assert_cmpuint (self->in->len, ==, 0);
  g_assert_true (self->closed);
}

/* The next message is a snapshot for @view in that form: in full, or against @base. (transfer full) */
static ReplicaSnapshot *
take_form (Fixture *f, Client *self, guint32 view, guint8 form, ReplicaSnapshot *base)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_SNAPSHOT, view), body = NULL;
  ReplicaWireSnapshotHead head;
  ReplicaSnapshot *snapshot;
  g_autoptr (GError) error = NULL;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.form, ==, form);
  body = g_bytes_new_from_bytes (payload, sizeof head, head.body_bytes);
  if (form & REPLICA_WIRE_FORM_ZSTD)
    {
      GBytes *plain = replica_zstd_decompress (body, &error);

      g_assert_no_error (error);
      g_bytes_unref (g_steal_pointer (&body));
      body = plain;
    }
  snapshot = form & REPLICA_WIRE_FORM_DELTA ? replica_delta_apply (base, body, &error) : replica_snapshot_new_from_bytes (body, &error);
  g_assert_no_error (error);
  return snapshot;
}

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

static guint
count_waiting (Fixture *f)
{
  SynBeaconStatus status;

  fixture_settle (f);
  syn_beacons_get_status (f->silo, &status);
  return status.waiting;
}

static void
test_withdraw (Fixture *f, gconstpointer data)
{
  ReplicaWireWithdraw withdraw = { .type = REPLICA_WIRE_WITHDRAW, .view = 2 };
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 1);
  for (guint32 view = 1; view <= 3; view++)
    send_poll (f, client, view, "quotes", fixture_token (f), 30000);
  g_assert_cmpuint (count_waiting (f), ==, 3);
  send_frame (f, client, 0x82, &withdraw, sizeof withdraw);
  g_assert_cmpuint (count_waiting (f), ==, 2);
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
  g_assert_cmpuint (count_waiting (f), ==, 0);
}

/* A poll takes the place of the one that its view still has out. */
static void
test_replaced (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 1);
  for (guint i = 0; i < 50; i++)
    send_poll (f, client, 1, "quotes", fixture_token (f), 30000);
  g_assert_cmpuint (count_waiting (f), ==, 1);
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
  g_assert_cmpuint (count_waiting (f), ==, SYN_MAX_VIEWS_PER_CONNECTION);
  send_poll (f, client, 1, "quotes", fixture_token (f), 30000);
  assert_error (f, client, 1, REPLICA_ERROR_OVERLOADED, TRUE);
  withdraw.view = 7 * 2654435761u;
  send_frame (f, client, 0x82, &withdraw, sizeof withdraw);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 30000);
  assert_snapshot (f, client, 1, 1);
  close_client (f, client);
  g_assert_cmpuint (count_waiting (f), ==, 0);
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

/* ---- slow peers ---- */

static void
test_slow_reader (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  guint n_rows = 2000000; /* 16 MB: more than both ends' sockets take at once */

  fixture_publish_snapshot (f, n_rows);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  /* What it asks before it has taken that waits, unread. */
  send_poll (f, client, 2, "quotes", REPLICA_TOKEN_NONE, 0);
  send_frame (f, client, 0x89, "p", 1);
  fixture_advance (f, SYN_STALL_MS / 2);
  fixture_publish_snapshot (f, 1); /* meanwhile */
  assert_snapshot (f, client, 1, n_rows);
  {
    guint8 first;

    g_bytes_unref (take_frame (f, client, &first));
    g_assert_cmphex (first, ==, 0x8a);
  }
  assert_snapshot (f, client, 2, 1); /* the newest, not what was when it asked */
  assert_nothing (f, client);
  close_client (f, client);
}

/* ---- a thousand that do not read ---- */

#define N_DEAF 1000
#define N_DEAF_VIEWS 4

/* What all connections hold back, in bytes: their heads, and each body once. */
typedef struct {
  gsize bytes;
  guint n_outs, max_outs, n_bodies, n_conns;
} Held;

static Held
count_held (Fixture *f)
{
  g_autoptr (GHashTable) bodies = g_hash_table_new (NULL, NULL);
  Held held = { 0 };

  for (guint i = 0; i < syn_silo_get_n_lanes (f->silo); i++)
    for (SynWsConn *conn = syn_ws_lane_get (syn_silo_get_lane (f->silo, i))->conns; conn != NULL; conn = conn->next)
      {
        guint n = 0;

        held.n_conns++;
        for (SynWsOut *out = conn->out; out != NULL; out = out->next, n++)
          {
            held.bytes += sizeof *out + out->head_bytes;
            if (out->body != NULL && g_hash_table_add (bodies, out->body))
              held.bytes += g_bytes_get_size (out->body);
          }
        held.n_outs += n;
        held.max_outs = MAX (held.max_outs, n);
      }
  held.n_bodies = g_hash_table_size (bodies);
  return held;
}

/* A connection whose server's end takes little before it is full. */
static Client *
open_deaf (Fixture *f, guint index)
{
  g_autoptr (SynUploads) uploads = syn_uploads_new (f->catalog, SYN_MAX_UPLOAD_BYTES);
  Client *self = g_new0 (Client, 1);
  int pair[2], small = 4096;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
  setsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  self->fd = pair[1];
  self->in = g_byte_array_new ();
  syn_ws_lane_give (syn_silo_get_lane (f->silo, index % syn_silo_get_n_lanes (f->silo)), pair[0], NULL, "deaf/1", uploads);
  return self;
}

/* The next frame is a snapshot, for whichever view. */
static void
assert_snapshot_on (Fixture *f, Client *self, guint n_rows)
{
  guint8 first = 0;
  g_autoptr (GBytes) payload = take_frame (f, self, &first);
  g_autoptr (GBytes) body = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;

  g_assert_nonnull (payload);
  g_assert_cmphex (*(const guint8 *) g_bytes_get_data (payload, NULL), ==, REPLICA_WIRE_SNAPSHOT);
  body = g_bytes_new_from_bytes (payload, sizeof (ReplicaWireSnapshotHead), g_bytes_get_size (payload) - sizeof (ReplicaWireSnapshotHead));
  snapshot = replica_snapshot_new_from_bytes (body, NULL);
  g_assert_nonnull (snapshot);
  g_assert_cmpuint (replica_snapshot_get_n_rows (snapshot), ==, n_rows);
}

/* ---- the operator's list ---- */

/* The entry of @list for connection number @index as listed, up to the next. */
static char *
entry_of (const char *list, guint index)
{
  const char *at = strstr (list, "\"connections\":[");
  const char *end;

  for (guint i = 0; at != NULL && i <= index; i++)
    at = strstr (at + 1, "{\"peer\"");
  if (at == NULL)
    return NULL;
  end = strchr (at, '}');
  return g_strndup (at, (gsize) (end - at));
}

static void
assert_says (const char *entry, const char *expected)
{
  g_assert_nonnull (entry);
  if (strstr (entry, expected) == NULL)
    g_error ("%s is not in %s", expected, entry);
}

/* Who is slow comes first, with how far behind it is and what waits for it; who is not, and who only asks, come after. */
static void
test_listed (Fixture *f, gconstpointer data)
{
  Client *quick = open_client (f), *deaf = open_deaf (f, 0), *deafer = open_deaf (f, 2);
  int asks = client_connect (f);
  g_autofree char *list = NULL, *first = NULL, *second = NULL, *third = NULL, *fourth = NULL, *bytes = NULL, *refused = NULL;

  fixture_publish_snapshot (f, 20000);
  send_poll (f, deafer, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  fixture_advance (f, 500);
  send_poll (f, deaf, 1, "quotes", fixture_token (f), 30000);
  send_poll (f, deaf, 9, "quotes", fixture_token (f), 30000);
  send_poll (f, quick, 1, "quotes", fixture_token (f), 30000);
  for (guint i = 0; i < 3; i++)
    {
      fixture_advance (f, 1000);
      fixture_publish_snapshot (f, 20000);
      g_bytes_unref (take_message (f, quick, REPLICA_WIRE_SNAPSHOT, 1));
      send_poll (f, quick, 1, "quotes", fixture_token (f), 30000);
    }
  fixture_advance (f, 500);
  list = client_ask (f, asks, "GET /v1/connections?limit=4 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  g_assert_cmpuint (status_of (list), ==, 200);
  first = entry_of (list, 0);
  second = entry_of (list, 1);
  third = entry_of (list, 2);
  fourth = entry_of (list, 3);
  bytes = g_strdup_printf ("\"snapshots\":1,\"sent_bytes\":");
  /* The one that came first is farther behind: neither holds anything newer than when it came. */
  assert_says (first, "\"user_agent\":\"deaf/1\"");
  assert_says (first, "\"kind\":\"websocket\"");
  assert_says (first, "\"behind_ms\":4000");
  assert_says (first, "\"idle_ms\":4000");
  assert_says (first, bytes);
  assert_says (second, "\"views\":2");
  assert_says (second, "\"behind_ms\":3500");
  assert_says (second, "\"polls_waiting\":0");
  assert_says (second, "\"behind_snapshots\":3");
  assert_says (second, "\"idle_ms\":2500");
  assert_says (third, "\"behind_ms\":0,\"behind_snapshots\":0");
  assert_says (fourth, "\"behind_ms\":0,\"behind_snapshots\":0");
  g_assert_null (strstr (first, "\"waiting_bytes\":0"));
  g_assert_nonnull (strstr (list, "\"connections_not_listed\":0}"));
  g_assert_true ((strstr (third, "\"kind\":\"http\"") != NULL) != (strstr (fourth, "\"kind\":\"http\"") != NULL));
  g_clear_pointer (&list, g_free);
  g_clear_pointer (&first, g_free);
  list = client_ask (f, asks, "GET /v1/connections?sort=polls&limit=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  first = entry_of (list, 0);
  assert_says (first, "\"polls\":4,\"polls_waiting\":1,\"snapshots\":3");
  assert_says (first, "\"peer\":\"127.0.0.1:");
  g_assert_nonnull (strstr (list, "\"connections_not_listed\":3}"));

  refused = client_ask (f, asks, "GET /v1/connections?sort=behnd HTTP/1.1\r\nHost: localhost\r\n\r\n");
  g_assert_cmpuint (status_of (refused), ==, 400);
  g_assert_nonnull (strstr (refused, "did you mean \\\"behind\\\"?"));
  for (const char *const *query = (const char *const[]){ "limit=0", "limit=1001", "limit=x", "order=age", "sort=%zz", NULL }; *query != NULL; query++)
    {
      g_autofree char *request = g_strdup_printf ("GET /v1/connections?%s HTTP/1.1\r\nHost: localhost\r\n\r\n", *query);
      g_autofree char *answer = client_ask (f, asks, request);

      g_assert_cmpuint (status_of (answer), ==, 400);
    }
  client_close (f, asks);
  close_client (f, quick);
  close_client (f, deaf);
  close_client (f, deafer);
}

/* Connections end while they are gone through; more lists than may be are refused; the front goes while some are on their way. */
static void
test_listed_while_ending (Fixture *f, gconstpointer data)
{
  static const char request[] = "GET /v1/connections?limit=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n";
  g_autofree Client **clients = g_new (Client *, 3000);
  int asks[SYN_MAX_CONNECTION_LISTS + 1];
  guint n_refused = 0;
  struct rlimit limit;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = MIN (limit.rlim_max, 7000);
  setrlimit (RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < 7000)
    {
      g_test_skip ("not enough descriptors");
      return;
    }
  for (guint i = 0; i < 3000; i++)
    clients[i] = open_deaf (f, 0);
  fixture_settle (f);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    {
      asks[i] = client_connect (f);
      g_assert_cmpint (send (asks[i], request, sizeof request - 1, MSG_NOSIGNAL), ==, sizeof request - 1);
    }
  /* One step of the lane at a time, in which one part of it is gone through, and many of what comes next leave. */
  for (guint step = 0; step < 40; step++)
    {
      syn_silo_step (f->silo, syn_silo_get_front_lane (f->silo));
      for (guint i = step * 70; i < (step + 1) * 70; i++)
        shutdown (clients[i]->fd, SHUT_RDWR);
      syn_silo_step (f->silo, syn_silo_get_lane (f->silo, 0));
    }
  fixture_settle (f);
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    {
      g_autofree char *answer = client_read (f, asks[i], NULL);

      n_refused += status_of (answer) == 503;
      if (status_of (answer) != 503)
        g_assert_cmpuint (status_of (answer), ==, 200);
    }
  g_assert_cmpuint (n_refused, <=, 1);
  g_assert_cmpint (send (asks[0], request, sizeof request - 1, MSG_NOSIGNAL), ==, sizeof request - 1);
  for (guint step = 0; step < 3; step++)
    syn_silo_step (f->silo, syn_silo_get_front_lane (f->silo));
  for (guint i = 0; i < G_N_ELEMENTS (asks); i++)
    close (asks[i]);
  for (guint i = 0; i < 3000; i++)
    {
      close (clients[i]->fd);
      g_byte_array_unref (clients[i]->in);
      g_free (clients[i]);
    }
}

/* Each costs the one answer that it asked for, whatever its views and however many snapshots come; in the end the newest is what it gets, and who
 * takes nothing is closed. */
static void
test_deaf_crowd (Fixture *f, gconstpointer data)
{
  g_autofree Client **clients = g_new (Client *, N_DEAF);
  struct rlimit limit;
  gsize body;
  Held held;

  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = MIN (limit.rlim_max, 2 * N_DEAF + 200);
  setrlimit (RLIMIT_NOFILE, &limit);
  fixture_publish_snapshot (f, 1);
  for (guint i = 0; i < N_DEAF; i++)
    {
      clients[i] = open_deaf (f, i);
      for (guint view = 1; view <= N_DEAF_VIEWS; view++)
        send_poll (f, clients[i], view, "quotes", fixture_token (f), 30000);
    }
  g_assert_cmpuint (count_waiting (f), ==, N_DEAF * N_DEAF_VIEWS);
  for (guint i = 0; i < 20; i++)
    {
      fixture_publish_snapshot (f, 20000 + i);
      held = count_held (f);
      g_assert_cmpuint (held.n_conns, ==, N_DEAF);
      g_assert_cmpuint (held.n_outs, ==, N_DEAF);
      g_assert_cmpuint (held.max_outs, ==, 1);
      g_assert_cmpuint (held.n_bodies, ==, 1);
      body = 20000 * 8 + 4096;
      g_assert_cmpuint (held.bytes, <, body + N_DEAF * (sizeof (SynWsOut) + 64));
      fixture_advance (f, 1000);
    }
  g_assert_cmpuint (count_waiting (f), ==, 0); /* nor does it keep polls of theirs */
  /* One wakes up: what was on its way, then the newest for the others. */
  assert_snapshot_on (f, clients[7], 20000);
  for (guint i = 1; i < N_DEAF_VIEWS; i++)
    assert_snapshot_on (f, clients[7], 20019);
  assert_nothing (f, clients[7]);
  /* The others are closed when their time is over. */
  fixture_advance (f, SYN_STALL_MS);
  held = count_held (f);
  g_assert_cmpuint (held.n_conns, ==, 1);
  g_assert_cmpuint (held.bytes, ==, 0);
  for (guint i = 0; i < N_DEAF; i++)
    close_client (f, clients[i]);
}

static void
test_stalled_reader (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  guint before = fixture_count_descriptors ();

  fixture_publish_snapshot (f, 2000000);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  fixture_advance (f, SYN_STALL_MS - 1000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  fixture_advance (f, 2000);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
  close_client (f, client);
}

/* Who leaves in the middle of an answer, or while it waits, leaves nothing behind. */
static void
test_leaving (Fixture *f, gconstpointer data)
{
  guint before = (warm_up (f), fixture_count_descriptors ());
  Client *client = open_client (f);

  fixture_publish_snapshot (f, 2000000);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  close_client (f, client);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);

  client = open_client (f);
  send_poll (f, client, 1, "quotes", fixture_token (f), 30000);
  g_assert_cmpuint (count_waiting (f), ==, 1);
  close_client (f, client);
  g_assert_cmpuint (count_waiting (f), ==, 0);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
}

static void
test_half_a_message (Fixture *f, gconstpointer data)
{
  Client *half_head = open_client (f), *half_message = open_client (f), *idle = open_client (f);

  client_send_bytes (f, half_head->fd, "\x82\xa0\x01", 3);
  send_frame (f, half_message, 0x02, "abc", 3);
  fixture_advance (f, SYN_STALL_MS - 1000);
  client_send_bytes (f, half_head->fd, "\x02", 1); /* a byte now and then does not help */
  fixture_advance (f, 2000);
  assert_close (f, half_head, 1008);
  assert_close (f, half_message, 1008);
  assert_nothing (f, idle); /* who has nothing half said may be silent */
  close_client (f, half_head);
  close_client (f, half_message);
  close_client (f, idle);
}

/* A client that does not end after its close is not waited for long. */
static void
test_linger (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  guint before = fixture_count_descriptors ();

  send_frame (f, client, 0x81, "text", 4);
  fixture_settle (f);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before);
  fixture_advance (f, SYN_WS_LINGER_MS + 100);
  g_assert_cmpuint (fixture_count_descriptors (), ==, before - 1);
  close_client (f, client);
}

/* ---- publishing ---- */

/* A batch of @n_rows numbers for @source. */
static GBytes *
make_batch (const char *source, guint n_rows)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new (source, REPLICA_TOKEN_NONE, 0, n_rows);
  g_autofree gint64 *numbers = g_new0 (gint64, n_rows);
  const ReplicaColumn column = { .name = "price", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = n_rows, .data = numbers };
  g_autoptr (ReplicaSnapshot) snapshot = NULL;

  for (guint i = 0; i < n_rows; i++)
    numbers[i] = i * 1000003;
  replica_snapshot_builder_add (builder, &column);
  snapshot = replica_snapshot_builder_finish (builder, NULL);
  return g_bytes_ref (replica_snapshot_get_bytes (snapshot));
}

static GByteArray *
make_publication (guint32 request, GBytes *batch)
{
  const ReplicaWirePublish head = { .type = REPLICA_WIRE_PUBLISH, .request = request, .batch_bytes = (guint32) g_bytes_get_size (batch) };
  GByteArray *message = g_byte_array_new ();

  g_byte_array_append (message, (const guint8 *) &head, sizeof head);
  g_byte_array_append (message, g_bytes_get_data (batch, NULL), (guint) g_bytes_get_size (batch));
  return message;
}

static void
send_batch (Fixture *f, Client *self, guint32 request, GBytes *batch)
{
  g_autoptr (GByteArray) message = make_publication (request, batch);

  send_frame (f, self, 0x82, message->data, message->len);
}

static void
assert_published (Fixture *f, Client *self, guint32 request)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_PUBLISHED, request);
  ReplicaWirePublished published;

  g_assert_cmpuint (g_bytes_get_size (payload), ==, sizeof published);
  memcpy (&published, g_bytes_get_data (payload, NULL), sizeof published);
  g_assert_cmpuint (published.accepted, ==, 7);
  g_assert_cmpuint (published.sequence, ==, 4711);
}

static void
assert_refused (Fixture *f, Client *self, guint32 request, guint code, guint event, const char *field, gboolean retry)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_REFUSED, request);
  const char *text = (const char *) g_bytes_get_data (payload, NULL) + sizeof (ReplicaWireRefusedHead);
  ReplicaWireRefusedHead head;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.code, ==, code);
  g_assert_cmpuint (head.event, ==, event);
  g_assert_cmpint (head.retry_ms > 0, ==, retry);
  g_assert_cmpuint (head.message_bytes + head.field_bytes, ==, g_bytes_get_size (payload) - sizeof head);
  g_assert_cmpmem (text, head.field_bytes, field, strlen (field));
  g_assert_cmpuint (head.message_bytes, >, 0);
  g_assert_true (g_utf8_validate_len (text, head.message_bytes, NULL));
}

/* What is held of all that is being published. */
static gsize
count_uploads (Fixture *f)
{
  for (guint i = 0; i < syn_silo_get_n_lanes (f->silo); i++)
    {
      SynWsLane *lane = syn_ws_lane_get (syn_silo_get_lane (f->silo, i));

      if (lane->conns != NULL)
        return syn_uploads_get_used (lane->conns->uploads);
    }
  g_assert_not_reached ();
}

static SynUploads *
get_uploads (Fixture *f)
{
  for (guint i = 0; i < syn_silo_get_n_lanes (f->silo); i++)
    if (syn_ws_lane_get (syn_silo_get_lane (f->silo, i))->conns != NULL)
      return syn_ws_lane_get (syn_silo_get_lane (f->silo, i))->conns->uploads;
  g_assert_not_reached ();
}

static void
assert_body (GBytes *batch)
{
  gsize length;
  const char *body = fixture_published_body (&length);

  g_assert_cmpmem (body, length, g_bytes_get_data (batch, NULL), g_bytes_get_size (batch));
  g_assert_cmpuint ((gsize) body % 8, ==, 0);
  g_assert_true (fixture_published_is_batch ());
}

static void
test_publish (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autoptr (GBytes) small = make_batch ("trades", 10), large = make_batch ("trades", 50000), unknown = make_batch ("trade", 1);
  g_autoptr (GBytes) closed = make_batch ("gen", 1), nothing = g_bytes_new (NULL, 0);

  fixture_publish_snapshot (f, 2);
  send_batch (f, client, 5, small);
  assert_published (f, client, 5);
  assert_body (small);
  send_batch (f, client, 6, large);
  assert_published (f, client, 6);
  assert_body (large);
  send_poll (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0);
  assert_snapshot (f, client, 1, 2);
  send_batch (f, client, 7, unknown);
  assert_refused (f, client, 7, REPLICA_ERROR_NOT_FOUND, 0, "", FALSE);
  send_batch (f, client, 8, closed);
  assert_refused (f, client, 8, REPLICA_ERROR_INVALID, 0, "", FALSE);
  send_batch (f, client, 9, nothing);
  assert_refused (f, client, 9, REPLICA_ERROR_INVALID, 0, "", FALSE);
  g_assert_cmpuint (fixture_n_published (), ==, 2);
  fixture_refuse_next (SYN_ERROR_INVALID, "not that", 12, "price");
  send_batch (f, client, 0, large);
  assert_refused (f, client, 0, REPLICA_ERROR_INVALID, 12, "price", FALSE);
  fixture_refuse_next (SYN_ERROR_OVERLOADED, "not now", 0, "");
  send_batch (f, client, 0, small);
  assert_refused (f, client, 0, REPLICA_ERROR_OVERLOADED, 0, "", TRUE);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, client);
}

/* With all that may be out, nothing more is read, and nobody else is kept waiting. */
static void
test_publish_many (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f), *other = open_client (f);
  g_autoptr (GBytes) batch = make_batch ("trades", 2000);
  guint8 first;

  fixture_hold_published (TRUE);
  for (guint32 i = 0; i < SYN_MAX_PUBLISHES_PER_CONNECTION + 3; i++)
    send_batch (f, client, i, batch);
  send_frame (f, client, 0x89, "now?", 4);
  fixture_settle (f);
  g_assert_cmpuint (fixture_n_published (), ==, SYN_MAX_PUBLISHES_PER_CONNECTION);
  g_assert_cmpuint (count_uploads (f), ==, SYN_MAX_PUBLISHES_PER_CONNECTION * (sizeof (ReplicaWirePublish) + g_bytes_get_size (batch)));
  assert_nothing (f, client);
  fixture_advance (f, 20000); /* who waits for us is not half silent */
  send_frame (f, other, 0x89, "", 0);
  g_bytes_unref (take_frame (f, other, &first));
  g_assert_cmphex (first, ==, 0x8a);
  fixture_release (f);
  for (guint32 i = 0; i < SYN_MAX_PUBLISHES_PER_CONNECTION; i++)
    assert_published (f, client, i);
  for (guint32 i = 0; i < 3; i++)
    assert_published (f, client, SYN_MAX_PUBLISHES_PER_CONNECTION + i);
  g_bytes_unref (take_frame (f, client, &first));
  g_assert_cmphex (first, ==, 0x8a);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, client);
  close_client (f, other);
}

/* What a connection published goes on without it. */
static void
test_publish_and_leave (Fixture *f, gconstpointer data)
{
  Client *watcher = open_client (f), *client;
  g_autoptr (GBytes) batch = make_batch ("trades", 20000);
  g_autoptr (GByteArray) half = make_publication (3, batch);

  client = open_client (f);
  fixture_hold_published (TRUE);
  send_batch (f, client, 1, batch);
  send_batch (f, client, 2, batch);
  client_send_bytes (f, client->fd, "\x82\xff\0\0\0\0\0\2\x71\x80\0\0\0\0", 14);
  client_send_bytes (f, client->fd, half->data, 70000);
  fixture_settle (f);
  g_assert_cmpuint (count_uploads (f), ==, 2 * half->len + 70000);
  close_client (f, client);
  g_assert_cmpuint (count_uploads (f), ==, 2 * half->len);
  fixture_release (f);
  g_assert_cmpuint (fixture_n_published (), ==, 2);
  g_assert_cmpuint (count_uploads (f), ==, 0);

  /* The same with as many out as may be. */
  client = open_client (f);
  fixture_hold_published (TRUE);
  for (guint32 i = 0; i < SYN_MAX_PUBLISHES_PER_CONNECTION + 1; i++)
    send_batch (f, client, i, batch);
  close_client (f, client);
  fixture_release (f);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, watcher);
}

static void
test_publish_no_room (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autoptr (GBytes) batch = make_batch ("trades", 20000), small = make_batch ("trades", 20);
  SynUploads *uploads = syn_uploads_ref (get_uploads (f));
  gsize whole = sizeof (ReplicaWirePublish) + g_bytes_get_size (batch);

  /* Whether the room ends with its first byte, in the middle or with its last. */
  for (gsize room = 0; room <= whole; room += room == whole - 1 ? 1 : (whole - 1) / 2)
    {
      g_assert_true (syn_uploads_take (uploads, SYN_MAX_UPLOAD_BYTES - room));
      send_batch (f, client, 1, batch);
      if (room < whole)
        assert_refused (f, client, 1, REPLICA_ERROR_OVERLOADED, 0, "", TRUE);
      else
        assert_published (f, client, 1);
      syn_uploads_give_back (uploads, SYN_MAX_UPLOAD_BYTES - room);
      g_assert_cmpuint (syn_uploads_get_used (uploads), ==, 0);
      send_batch (f, client, 2, small);
      assert_published (f, client, 2);
    }
  syn_uploads_take (uploads, SYN_MAX_UPLOAD_BYTES);
  send_batch (f, client, 3, small);
  assert_refused (f, client, 3, REPLICA_ERROR_OVERLOADED, 0, "", TRUE);
  syn_uploads_give_back (uploads, SYN_MAX_UPLOAD_BYTES);
  syn_uploads_unref (uploads);
  close_client (f, client);
}

/* A large message has its time as long as it moves. */
static void
test_publish_slowly (Fixture *f, gconstpointer data)
{
  Client *slow = open_client (f), *stuck = open_client (f);
  g_autofree guint8 *zeros = g_malloc0 (SYN_PUBLISH_PROGRESS_BYTES);
  g_autoptr (GBytes) small = make_batch ("trades", 1);

  for (guint i = 0; i < 2; i++)
    {
      Client *client = i == 0 ? slow : stuck;

      send_batch (f, client, 1, small); /* the time of what was before does not count */
      fixture_advance (f, SYN_STALL_MS / 2);
      assert_published (f, client, 1);
      client_send_bytes (f, client->fd, "\x82\xff\0\0\0\0\3\0\0\0\0\0\0\0\x10", 15);
    }
  for (guint i = 0; i < 4; i++)
    {
      fixture_advance (f, SYN_STALL_MS / 2 - 1000);
      client_send_bytes (f, slow->fd, zeros, SYN_PUBLISH_PROGRESS_BYTES);
      if (i < 2)
        client_send_bytes (f, stuck->fd, zeros, 1000);
    }
  assert_close (f, stuck, 1008);
  assert_nothing (f, slow);
  fixture_advance (f, SYN_STALL_MS + 1000);
  assert_close (f, slow, 1008);
  g_assert_cmpuint (count_uploads (f), ==, 0);
  close_client (f, slow);
  close_client (f, stuck);
}

/* ---- the end ---- */

static void
drained (gpointer user_data)
{
  ((Fixture *) user_data)->drained = TRUE;
}

static void
test_drain (Fixture *f, gconstpointer data)
{
  Client *waiting = open_client (f), *idle = open_client (f), *other_lane = open_client (f);

  fixture_publish_snapshot (f, 1);
  send_poll (f, waiting, 1, "quotes", fixture_token (f), 30000);
  send_poll (f, waiting, 2, "quotes", fixture_token (f), 30000);
  send_poll (f, other_lane, 3, "quotes", fixture_token (f), 30000);
  syn_front_drain (f->front, drained, f);
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
  syn_front_drain (f->front, drained, f);
  fixture_advance (f, 1000);
  g_assert_false (f->drained);
  fixture_advance (f, SYN_DRAIN_MS - 1000);
  g_assert_true (f->drained);
  close_client (f, slow);
}

/* What was published has its answer before the end, and nothing is read meanwhile. */
static void
test_drain_publishing (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  g_autoptr (GBytes) batch = make_batch ("trades", 3);

  fixture_hold_published (TRUE);
  send_batch (f, client, 1, batch);
  send_batch (f, client, 2, batch);
  fixture_settle (f);
  syn_front_drain (f->front, drained, f);
  send_batch (f, client, 3, batch);
  assert_nothing (f, client);
  fixture_release (f);
  assert_published (f, client, 1);
  assert_published (f, client, 2);
  assert_close (f, client, 1001);
  close_client (f, client);
  fixture_advance (f, 100);
  g_assert_true (f->drained);
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

/* ---- forms ---- */

#define BOTH (REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_DELTA)

static gint64
metric (Fixture *f, SynMetric which)
{
  return syn_metric_sum (f->silo, which);
}

static void
test_deltas (Fixture *f, gconstpointer data)
{
  Client *fast = open_client (f), *slow = open_client (f), *plain = open_client (f);
  g_autoptr (ReplicaSnapshot) first = NULL, newest = NULL, other = NULL;
  gint64 sent = metric (f, syn_ws_metrics.deltas), made = metric (f, syn_ws_metrics.deltas_made);
  gint64 delta_bytes = metric (f, syn_ws_metrics.delta_bytes), full_bytes = metric (f, syn_ws_metrics.full_bytes);

  fixture_publish_text (f, 500, 100);
  send_poll_accept (f, fast, 1, "quotes", REPLICA_TOKEN_NONE, 0, BOTH);
  first = take_form (f, fast, 1, REPLICA_WIRE_FORM_FULL, NULL);
  send_poll_accept (f, slow, 1, "quotes", REPLICA_TOKEN_NONE, 0, BOTH);
  replica_snapshot_unref (take_form (f, slow, 1, REPLICA_WIRE_FORM_FULL, NULL));
  newest = replica_snapshot_ref (first);
  for (guint i = 0; i < 3; i++)
    {
      ReplicaSnapshot *next;

      send_poll_accept (f, fast, 1, NULL, replica_snapshot_get_token (newest), 10000, BOTH);
      assert_nothing (f, fast);
      fixture_publish_text (f, 500, 100);
      next = take_form (f, fast, 1, REPLICA_WIRE_FORM_DELTA, newest);
      g_assert_true (replica_token_equal (replica_snapshot_get_token (next), fixture_token (f)));
      replica_snapshot_unref (newest);
      newest = next;
    }
  /* One that has not asked for so long gets it in one; and shares what was made. */
  send_poll_accept (f, slow, 1, NULL, replica_snapshot_get_token (first), 0, BOTH);
  other = take_form (f, slow, 1, REPLICA_WIRE_FORM_DELTA, first);
  g_assert_true (g_bytes_equal (replica_snapshot_get_bytes (other), replica_snapshot_get_bytes (newest)));
  g_clear_pointer (&other, replica_snapshot_unref);
  send_poll_accept (f, slow, 1, NULL, replica_snapshot_get_token (first), 0, BOTH);
  other = take_form (f, slow, 1, REPLICA_WIRE_FORM_DELTA, first);
  g_assert_cmpint (metric (f, syn_ws_metrics.deltas) - sent, ==, 5);
  g_assert_cmpint (metric (f, syn_ws_metrics.deltas_made) - made, ==, 4);
  g_assert_cmpint (metric (f, syn_ws_metrics.delta_bytes) - delta_bytes, <, 5 * 400);

  /* In full: to who does not take deltas, and who names what nobody knows. */
  send_poll (f, plain, 1, "quotes", replica_snapshot_get_token (first), 0);
  replica_snapshot_unref (take_form (f, plain, 1, REPLICA_WIRE_FORM_FULL, NULL));
  send_poll_accept (f, slow, 1, NULL, (ReplicaToken) { 1, 1 }, 0, BOTH);
  replica_snapshot_unref (take_form (f, slow, 1, REPLICA_WIRE_FORM_FULL, NULL));
  /* And when that is less: other texts. */
  send_poll_accept (f, slow, 1, NULL, replica_snapshot_get_token (newest), 10000, BOTH);
  fixture_publish_text (f, 10, 3);
  replica_snapshot_unref (take_form (f, slow, 1, REPLICA_WIRE_FORM_FULL, NULL));
  g_assert_cmpint (metric (f, syn_ws_metrics.full_bytes) - full_bytes, >, 4 * 5000);
  close_client (f, fast);
  close_client (f, slow);
  close_client (f, plain);
}

#define ALL REPLICA_WIRE_ACCEPT_ALL

/* Small ones on the lane, large ones by the thread; each once, for all. */
static void
test_compressed (Fixture *f, gconstpointer data)
{
  Client *a = open_client (f), *b = open_client (f), *plain = open_client (f);
  const guint rows[] = { 500, 30000 };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (ReplicaSnapshot) first = NULL, second = NULL;
      gint64 made = metric (f, syn_ws_metrics.compressions), sent = metric (f, syn_ws_metrics.compressed);
      gint64 bytes = metric (f, syn_ws_metrics.compressed_bytes);
      gsize size;

      fixture_publish_text (f, rows[i], 100);
      send_poll_accept (f, a, 1, "quotes", REPLICA_TOKEN_NONE, 0, ALL);
      first = take_form (f, a, 1, REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD, NULL);
      size = g_bytes_get_size (replica_snapshot_get_bytes (first));
      g_assert_cmpint (size > SYN_COMPRESS_INLINE_BYTES, ==, i == 1);
      send_poll_accept (f, b, 1, "quotes", REPLICA_TOKEN_NONE, 0, REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_ZSTD);
      second = take_form (f, b, 1, REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD, NULL);
      g_assert_true (g_bytes_equal (replica_snapshot_get_bytes (first), replica_snapshot_get_bytes (second)));
      g_assert_cmpint (metric (f, syn_ws_metrics.compressions) - made, ==, 1);
      g_assert_cmpint (metric (f, syn_ws_metrics.compressed) - sent, ==, 2);
      g_assert_cmpint (metric (f, syn_ws_metrics.compressed_bytes) - bytes, <, (gint64) size);
      send_poll (f, plain, 1, "quotes", REPLICA_TOKEN_NONE, 0);
      replica_snapshot_unref (take_form (f, plain, 1, REPLICA_WIRE_FORM_FULL, NULL));

      /* A delta that is too small to gain by it goes as it is. */
      send_poll_accept (f, a, 1, NULL, replica_snapshot_get_token (first), 10000, ALL);
      fixture_publish_text (f, rows[i], 100);
      replica_snapshot_unref (take_form (f, a, 1, REPLICA_WIRE_FORM_DELTA, first));
    }
  close_client (f, a);
  close_client (f, b);
  close_client (f, plain);
}

/* Deltas of large snapshots are the thread's, too. Past the limit nothing waits for it. */
static void
test_large_deltas (Fixture *f, gconstpointer data)
{
  Client *client = open_client (f);
  SynWsLane *lanes[] = { syn_ws_lane_get (syn_silo_get_lane (f->silo, 0)), syn_ws_lane_get (syn_silo_get_lane (f->silo, 1)) };
  g_autoptr (ReplicaSnapshot) first = NULL, second = NULL, third = NULL, fourth = NULL;
  gint64 made = metric (f, syn_ws_metrics.deltas_made);

  fixture_publish_text (f, 300000, 100);
  send_poll_accept (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0, BOTH);
  first = take_form (f, client, 1, REPLICA_WIRE_FORM_FULL, NULL);
  g_assert_cmpuint (g_bytes_get_size (replica_snapshot_get_bytes (first)), >, SYN_DELTA_INLINE_BYTES);
  send_poll_accept (f, client, 1, NULL, replica_snapshot_get_token (first), 10000, BOTH);
  fixture_publish_text (f, 300000, 100);
  second = take_form (f, client, 1, REPLICA_WIRE_FORM_DELTA, first);
  g_assert_cmpint (metric (f, syn_ws_metrics.deltas_made) - made, ==, 1);

  for (guint i = 0; i < 2; i++)
    lanes[i]->max_jobs = 0;
  send_poll_accept (f, client, 1, NULL, replica_snapshot_get_token (second), 10000, ALL);
  fixture_publish_text (f, 300000, 100);
  third = take_form (f, client, 1, REPLICA_WIRE_FORM_FULL, NULL);
  send_poll_accept (f, client, 2, "quotes", REPLICA_TOKEN_NONE, 0, ALL);
  fourth = take_form (f, client, 2, REPLICA_WIRE_FORM_FULL, NULL);
  g_assert_cmpint (metric (f, syn_ws_metrics.deltas_made) - made, ==, 1);
  for (guint i = 0; i < 2; i++)
    lanes[i]->max_jobs = SYN_MAX_FORM_JOBS;
  send_poll_accept (f, client, 2, NULL, replica_snapshot_get_token (second), 0, ALL);
  g_clear_pointer (&fourth, replica_snapshot_unref);
  fourth = take_form (f, client, 2, REPLICA_WIRE_FORM_DELTA, second);
  g_assert_true (g_bytes_equal (replica_snapshot_get_bytes (third), replica_snapshot_get_bytes (fourth)));
  close_client (f, client);
}

/* Who leaves, asks anew or withdraws while his answer is being compressed. */
static void
test_compressed_gone (Fixture *f, gconstpointer data)
{
  Client *stays = open_client (f), *leaves = open_client (f);
  SynLane *lanes[] = { syn_silo_get_lane (f->silo, 0), syn_silo_get_lane (f->silo, 1) };
  g_autoptr (GByteArray) withdrawal = g_byte_array_new ();
  ReplicaWireWithdraw withdraw = { .type = REPLICA_WIRE_WITHDRAW, .view = 3 };

  fixture_publish_text (f, 30000, 100);
  for (guint32 view = 1; view <= 4; view++)
    {
      send_poll_accept (f, stays, view, "quotes", REPLICA_TOKEN_NONE, 0, ALL);
      send_poll_accept (f, leaves, view, "quotes", REPLICA_TOKEN_NONE, 0, ALL);
    }
  for (guint32 view = 1; view <= 4; view++)
    replica_snapshot_unref (take_form (f, stays, view, REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD, NULL));
  fixture_publish_text (f, 30001, 101);
  g_byte_array_append (withdrawal, (const guint8 *) &withdraw, sizeof withdraw);
  /* One lane's turn at a time, so that the next thing comes in between. */
  send_poll_accept (f, stays, 1, NULL, REPLICA_TOKEN_NONE, 0, ALL);
  send_poll_accept (f, stays, 3, NULL, REPLICA_TOKEN_NONE, 0, ALL);
  send_frame (f, stays, 0x82, withdrawal->data, withdrawal->len);
  send_poll (f, stays, 1, NULL, REPLICA_TOKEN_NONE, 0);
  for (guint i = 0; i < 3; i++)
    for (guint k = 0; k < 2; k++)
      syn_silo_step (f->silo, lanes[k]);
  close_client (f, leaves);
  fixture_settle (f);
  receive (f, stays);
  g_assert_false (stays->closed);
  close_client (f, stays);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/front/ws/" name, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("deltas", test_deltas);
  ADD ("compressed", test_compressed);
  ADD ("large-deltas", test_large_deltas);
  ADD ("compressed-gone", test_compressed_gone);
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
  ADD ("slow-reader", test_slow_reader);
  ADD ("stalled-reader", test_stalled_reader);
  ADD ("deaf-crowd", test_deaf_crowd);
  ADD ("listed", test_listed);
  ADD ("listed-while-ending", test_listed_while_ending);
  ADD ("leaving", test_leaving);
  ADD ("half-a-message", test_half_a_message);
  ADD ("linger", test_linger);
  ADD ("publish", test_publish);
  ADD ("publish-many", test_publish_many);
  ADD ("publish-and-leave", test_publish_and_leave);
  ADD ("publish-no-room", test_publish_no_room);
  ADD ("publish-slowly", test_publish_slowly);
  ADD ("drain-publishing", test_drain_publishing);
  ADD ("drain", test_drain);
  ADD ("drain-late", test_drain_late);
  ADD ("free-without-drain", test_free_without_drain);
  return g_test_run ();
}
