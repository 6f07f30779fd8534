/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * N subscribers of one server, in one thread, by the protocol of that server: those of a silo poll again with each answer, as do long-polls
 * of nchan; the others are pushed to. The sockets are those of synopticctl's load client. Writes a line to standard output when
 * all have subscribed, and one each time that all have had one message more.
 *
 *   peer-client PROTOCOL PORT SUBSCRIBERS MESSAGE_BYTES */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl-load-crowd.h"
#include "ctl-load-reader.h"

#define LINE_MAX_BYTES 1024
#define OPENING_MAX 200u /* connections begun and not yet subscribed: less than any server's backlog */

typedef struct _Peer Peer;

typedef struct {
  const char *name;
  void (*opened) (Peer *peer);
  /* Takes what it can make sense of (at least a byte, when there is one more than before); returns how much. */
  gsize (*received) (Peer *peer, const guint8 *bytes, gsize length);
  void (*line) (Peer *peer, const char *line); /* (nullable): of received_lines(), each line */
} Protocol;

struct _Peer {
  guint member;
  gboolean subscribed, upgraded;
  guint64 n_messages;
  guint64 left;            /* of a message's body, and what ends it */
  gboolean in_message;     /* what is left is one: it counts at its end */
  GByteArray *kept;        /* (owned) (nullable): the start of a head or line */
  CtlLoadReader reader;    /* of a silo's protocols */
  ReplicaToken token;
  char condition[300];     /* nchan's long-poll: where it goes on */
};

static CtlCrowd *crowd;
static Peer *peers;
static guint n_peers, n_subscribed, n_opened;
static gsize message_bytes;
static char authority[64];
static guint *n_with; /* of message K, modulo two: how many have had it */
static guint64 round_number = 1;
static const Protocol *protocol;

static void
fail (const Peer *peer, const char *what)
{
  fprintf (stderr, "peer-client: %s: subscriber %u: %s\n", protocol->name, peer->member, what);
  exit (1);
}

static void
say (const char *word, guint64 number)
{
  printf ("%s %" G_GUINT64_FORMAT "\n", word, number);
  fflush (stdout);
}

static void
send_bytes (Peer *peer, gconstpointer bytes, gsize length)
{
  ctl_crowd_send (crowd, peer->member, bytes, length);
}

static void
send_text (Peer *peer, const char *text)
{
  send_bytes (peer, text, strlen (text));
}

static void
subscribed (Peer *peer)
{
  if (peer->subscribed)
    return;
  peer->subscribed = TRUE;
  if (++n_subscribed == n_peers)
    say ("subscribed", n_peers);
}

/* Nobody is more than one round ahead: a message is published when all have had the one before. */
static void
got_message (Peer *peer)
{
  if (++peer->n_messages > round_number + 1)
    fail (peer, "more messages than were published");
  n_with[peer->n_messages & 1]++;
  while (n_with[round_number & 1] == n_peers)
    {
      n_with[round_number & 1] = 0;
      say ("round", round_number++);
    }
}

/* Counts off the body that is on its way. */
static gsize
take_body (Peer *peer, gsize length)
{
  gsize take = MIN (length, peer->left);

  peer->left -= take;
  if (peer->left == 0 && peer->in_message)
    {
      peer->in_message = FALSE;
      got_message (peer);
    }
  return take;
}

/* Collects until @end is there; the text, terminated, or NULL as long as it is not. *@used: of @bytes. */
static const char *
take_until (Peer *peer, const guint8 *bytes, gsize length, const char *end, gsize *used)
{
  gsize before, end_bytes = strlen (end);
  const guint8 *found;

  if (peer->kept == NULL)
    peer->kept = g_byte_array_new ();
  before = peer->kept->len;
  g_byte_array_append (peer->kept, bytes, (guint) MIN (length, LINE_MAX_BYTES * 4 - before));
  found = memmem (peer->kept->data, peer->kept->len, end, end_bytes);
  if (found == NULL)
    {
      if (peer->kept->len == LINE_MAX_BYTES * 4)
        fail (peer, "a line without an end");
      *used = length;
      return NULL;
    }
  *used = (gsize) (found - peer->kept->data) + end_bytes - before;
  g_byte_array_set_size (peer->kept, (guint) (before + *used));
  g_byte_array_append (peer->kept, (const guint8 *) "", 1);
  return (const char *) peer->kept->data;
}

static void
forget_text (Peer *peer)
{
  g_byte_array_set_size (peer->kept, 0);
}

/* ---- a silo, the floor, node's ws: reactive polls ---- */

static void
poll_silo (Peer *peer, CtlLoadTransport transport, gboolean first)
{
  char out[CTL_LOAD_REQUEST_MAX + 16];
  gsize n = ctl_load_write_poll (out, transport, authority, 1, first || transport == CTL_LOAD_HTTP ? "hot" : NULL, peer->token,
                                 REPLICA_WIRE_HOLD_MAX_MS, g_random_int ());

  send_bytes (peer, out, n);
  subscribed (peer);
}

static gsize
received_silo (Peer *peer, const guint8 *bytes, gsize length)
{
  CtlLoadEvent event;
  gsize used = ctl_load_reader_next (&peer->reader, bytes, length, &event);
  gboolean is_ws = peer->reader.transport == CTL_LOAD_WS;

  switch (event.kind)
    {
    case CTL_LOAD_MORE:
    case CTL_LOAD_PING:
      break;
    case CTL_LOAD_UPGRADED:
      poll_silo (peer, CTL_LOAD_WS, TRUE);
      break;
    case CTL_LOAD_HEAD:
      if (event.answer == CTL_LOAD_ERROR)
        fail (peer, "the server answered with an error");
      if (event.answer == CTL_LOAD_SNAPSHOT)
        peer->token = event.token;
      break;
    case CTL_LOAD_ANSWER:
      if (event.answer == CTL_LOAD_SNAPSHOT)
        got_message (peer);
      poll_silo (peer, is_ws ? CTL_LOAD_WS : CTL_LOAD_HTTP, FALSE);
      break;
    case CTL_LOAD_CLOSE:
      fail (peer, "closed by the server");
      break;
    case CTL_LOAD_FAIL:
      fail (peer, event.reason);
      break;
    }
  return used;
}

static void
opened_silo_ws (Peer *peer)
{
  char out[CTL_LOAD_REQUEST_MAX];

  peer->reader.transport = CTL_LOAD_WS;
  send_bytes (peer, out, ctl_load_write_upgrade (out, authority));
}

static void
opened_silo_http (Peer *peer)
{
  peer->reader.transport = CTL_LOAD_HTTP;
  poll_silo (peer, CTL_LOAD_HTTP, TRUE);
}

/* ---- nchan ---- */

static void
opened_nchan_ws (Peer *peer)
{
  g_autofree char *request = g_strdup_printf ("GET /sub HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", authority);

  send_text (peer, request);
}

static gsize
received_nchan_ws (Peer *peer, const guint8 *bytes, gsize length)
{
  gsize used = 0;
  guint wanted = 2;
  guint64 body = 0;

  if (!peer->upgraded)
    {
      const char *head = take_until (peer, bytes, length, "\r\n\r\n", &used);

      if (head == NULL)
        return used;
      if (!g_str_has_prefix (head, "HTTP/1.1 101"))
        fail (peer, "no WebSocket");
      forget_text (peer);
      peer->upgraded = TRUE;
      subscribed (peer);
      return used;
    }
  if (peer->left > 0)
    return take_body (peer, length);
  while (peer->kept->len < wanted && used < length)
    {
      g_byte_array_append (peer->kept, bytes + used++, 1);
      if (peer->kept->len >= 2)
        wanted = (peer->kept->data[1] & 127) == 126 ? 4 : (peer->kept->data[1] & 127) == 127 ? 10 : 2;
    }
  if (peer->kept->len < wanted)
    return used;
  if ((peer->kept->data[0] & 0xf0) != 0x80 || (peer->kept->data[0] & 15) > 2)
    fail (peer, "an unexpected frame");
  for (guint i = 2; i < wanted; i++)
    body = body << 8 | peer->kept->data[i];
  body = wanted == 2 ? peer->kept->data[1] & 127 : body;
  if (body != message_bytes)
    fail (peer, "a message of another length");
  forget_text (peer);
  peer->left = body;
  peer->in_message = TRUE;
  return used;
}

static void
opened_nchan_http (Peer *peer)
{
  g_autofree char *request = g_strdup_printf ("GET /sub HTTP/1.1\r\nHost: %s\r\n%s\r\n", authority, peer->condition);

  send_text (peer, request);
  subscribed (peer);
}

static gsize
received_nchan_http (Peer *peer, const guint8 *bytes, gsize length)
{
  gsize used, tag_length, time_length;
  const char *head, *tag, *time, *wrong;
  CtlLoadHttpHead parsed;

  if (peer->left > 0)
    {
      used = take_body (peer, length);
      if (peer->left == 0)
        opened_nchan_http (peer);
      return used;
    }
  head = take_until (peer, bytes, length, "\r\n\r\n", &used);
  if (head == NULL)
    return used;
  wrong = ctl_load_http_parse (head, peer->kept->len - 1, &parsed);
  if (wrong != NULL || parsed.status != 200 || parsed.body_bytes != message_bytes)
    fail (peer, wrong != NULL ? wrong : "an unexpected answer");
  tag = ctl_load_http_find (head, peer->kept->len - 1, "Etag", &tag_length);
  time = ctl_load_http_find (head, peer->kept->len - 1, "Last-Modified", &time_length);
  if (tag == NULL || time == NULL)
    fail (peer, "an answer without its place in the channel");
  g_snprintf (peer->condition, sizeof peer->condition, "If-None-Match: %.*s\r\nIf-Modified-Since: %.*s\r\n", (int) tag_length, tag, (int) time_length, time);
  forget_text (peer);
  peer->left = parsed.body_bytes;
  peer->in_message = TRUE;
  return used;
}

/* ---- redis and nats: lines, and bodies between them ---- */

static gsize
received_lines (Peer *peer, const guint8 *bytes, gsize length)
{
  gsize used;
  const char *line;

  if (peer->left > 0)
    return take_body (peer, length);
  line = take_until (peer, bytes, length, "\r\n", &used);
  if (line == NULL)
    return used;
  protocol->line (peer, line);
  forget_text (peer);
  return used;
}

/* A line said that a message comes, with a line's end behind it. */
static void
expect_body (Peer *peer, guint64 body_bytes)
{
  peer->left = body_bytes + 2;
  peer->in_message = TRUE;
}

static void
opened_redis (Peer *peer)
{
  send_text (peer, "SUBSCRIBE hot\r\n");
}

static void
line_of_redis (Peer *peer, const char *line)
{
  if (line[0] == '-')
    fail (peer, line);
  if (line[0] == ':')
    subscribed (peer);
  if (line[0] == '$' && g_ascii_strtoull (line + 1, NULL, 10) == message_bytes)
    expect_body (peer, message_bytes);
}

static void
opened_nats (Peer *peer)
{
  send_text (peer, "CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\nSUB hot 1\r\nPING\r\n");
}

static void
line_of_nats (Peer *peer, const char *line)
{
  if (g_str_has_prefix (line, "PING"))
    send_text (peer, "PONG\r\n");
  else if (g_str_has_prefix (line, "PONG"))
    subscribed (peer);
  else if (g_str_has_prefix (line, "-ERR"))
    fail (peer, line);
  else if (g_str_has_prefix (line, "MSG hot 1 "))
    expect_body (peer, g_ascii_strtoull (line + strlen ("MSG hot 1 "), NULL, 10));
}

/* ---- MQTT 3.1.1 ---- */

static void
opened_mqtt (Peer *peer)
{
  /* CONNECT, a clean session without keep-alive, with a name of its own. */
  g_autofree char *name = g_strdup_printf ("s%08u", peer->member);
  guint8 packet[] = { 0x10, 10 + 2 + 9, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0 };

  memcpy (packet + 14, name, 9);
  send_bytes (peer, packet, sizeof packet);
}

static gsize
received_mqtt (Peer *peer, const guint8 *bytes, gsize length)
{
  static const guint8 subscribe[] = { 0x82, 8, 0, 1, 0, 3, 'h', 'o', 't', 0 };
  gsize used = 0;
  guint64 body = 0;

  if (peer->left > 0)
    return take_body (peer, length);
  if (peer->kept == NULL)
    peer->kept = g_byte_array_new ();
  while (used < length && (peer->kept->len < 2 || (peer->kept->data[peer->kept->len - 1] & 0x80) != 0))
    g_byte_array_append (peer->kept, bytes + used++, 1);
  if (peer->kept->len < 2 || (peer->kept->data[peer->kept->len - 1] & 0x80) != 0)
    return used;
  for (guint i = 1; i < peer->kept->len; i++)
    body |= (guint64) (peer->kept->data[i] & 127) << (7 * (i - 1));
  switch (peer->kept->data[0] >> 4)
    {
    case 2: /* CONNACK: its two bytes are not looked at: a refusal closes */
      send_bytes (peer, subscribe, sizeof subscribe);
      break;
    case 3: /* PUBLISH */
      if (body != message_bytes + 5)
        fail (peer, "a message of another length");
      peer->in_message = TRUE;
      break;
    case 9: /* SUBACK */
      subscribed (peer);
      break;
    default:
      fail (peer, "an unexpected packet");
    }
  forget_text (peer);
  peer->left = body;
  return used;
}

static const Protocol protocols[] = {
  { "silo-ws", opened_silo_ws, received_silo, NULL },       { "silo-http", opened_silo_http, received_silo, NULL },
  { "nchan-ws", opened_nchan_ws, received_nchan_ws, NULL }, { "nchan-http", opened_nchan_http, received_nchan_http, NULL },
  { "redis", opened_redis, received_lines, line_of_redis }, { "nats", opened_nats, received_lines, line_of_nats },
  { "mqtt", opened_mqtt, received_mqtt, NULL },
};

/* ---- the crowd ---- */

static void
opened_cb (guint member, gpointer data)
{
  protocol->opened (&peers[member]);
}

static void
received_cb (guint member, const guint8 *bytes, gsize length, gpointer data)
{
  Peer *peer = &peers[member];

  /* An answer of a silo may end without another byte. */
  do
    {
      gsize used = protocol->received (peer, bytes, length);

      bytes += used;
      length -= used;
    }
  while (length > 0 || (protocol->received == received_silo && peer->reader.told && peer->reader.left == 0 && peer->reader.in_message));
}

static void
ended_cb (guint member, int error, gpointer data)
{
  fail (&peers[member], error != 0 ? g_strerror (error) : "closed by the server");
}

int
main (int argc, char **argv)
{
  static const CtlCrowdFuncs funcs = { .opened = opened_cb, .received = received_cb, .ended = ended_cb };
  g_autoptr (GError) error = NULL;
  guint16 port;

  for (guint i = 0; argc == 5 && i < G_N_ELEMENTS (protocols); i++)
    if (strcmp (argv[1], protocols[i].name) == 0)
      protocol = &protocols[i];
  if (protocol == NULL)
    {
      fputs ("usage: peer-client PROTOCOL PORT SUBSCRIBERS MESSAGE_BYTES\n", stderr);
      return 2;
    }
  port = (guint16) atoi (argv[2]);
  n_peers = (guint) atoi (argv[3]);
  message_bytes = (gsize) atol (argv[4]);
  g_snprintf (authority, sizeof authority, "127.0.0.1:%u", port);
  peers = g_new0 (Peer, n_peers);
  n_with = g_new0 (guint, 2);
  if (!ctl_crowd_raise_limit (n_peers + 32, &error) || (crowd = ctl_crowd_new ("127.0.0.1", port, n_peers, 0, &funcs, NULL, &error)) == NULL)
    {
      fprintf (stderr, "peer-client: %s\n", error->message);
      return 1;
    }
  for (guint i = 0; i < n_peers; i++)
    peers[i].member = i;
  for (;;)
    {
      while (n_opened < n_peers && n_opened < n_subscribed + OPENING_MAX)
        ctl_crowd_open (crowd, n_opened++);
      ctl_crowd_turn (crowd, 1000);
      if (getppid () == 1)
        return 0; /* whoever started it is gone */
    }
}
