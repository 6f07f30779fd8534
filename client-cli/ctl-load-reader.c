/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads what a silo sends to one connection (docs/protocol.md), however the bytes are cut. No socket and no thread, so that
 * tests and the fuzzer feed it, and benchmarks put it over a loop of their own. libreplica's link was rejected: it
 * maps and checks whole snapshots, and costs a client more than the server. */

#include "ctl-load-reader.h"

#include <stdio.h>
#include <string.h>

#define SNAPSHOT_HEAD_BYTES (sizeof (ReplicaWireSnapshotHead) + G_STRUCT_OFFSET (ReplicaWireSnapshot, size_bytes))
#define MESSAGE_MAX_BYTES ((G_GUINT64_CONSTANT (1) << 30) + sizeof (ReplicaWireSnapshotHead))

/* Any nonce will do: the answer to it is known beforehand (RFC 6455, 1.3). */
#define UPGRADE_KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define UPGRADE_ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

enum
{
  PHASE_RESPONSE, /* an HTTP head */
  PHASE_FRAME,    /* a WebSocket frame's head */
  PHASE_BODY,     /* of a frame, or of a response */
  PHASE_DEAD
};

void
ctl_load_reader_clear (CtlLoadReader *self)
{
  CtlLoadTransport transport = self->transport;

  g_clear_pointer (&self->kept, g_byte_array_unref);
  memset (self, 0, sizeof *self);
  self->transport = transport;
}

static gsize
fail (CtlLoadReader *self, CtlLoadEvent *event, const char *reason, gsize used)
{
  self->phase = PHASE_DEAD;
  event->kind = CTL_LOAD_FAIL;
  event->reason = reason;
  return used;
}

/* An answer is about to begin. */
static void
begin_answer (CtlLoadReader *self, guint head_wanted)
{
  self->head_bytes = 0;
  self->head_wanted = (guint16) head_wanted;
  self->message_bytes = 0;
  self->told = self->ended = FALSE;
  self->view = 0;
}

static guint16
code_of_status (guint status)
{
  switch (status)
    {
    case 400:
    case 406:
      return REPLICA_ERROR_INVALID;
    case 403:
    case 404:
      return REPLICA_ERROR_NOT_FOUND;
    case 413:
      return REPLICA_ERROR_TOO_LARGE;
    case 503:
      return REPLICA_ERROR_UNAVAILABLE;
    case 504:
      return REPLICA_ERROR_TIMEOUT;
    default:
      return REPLICA_ERROR_INTERNAL;
    }
}

/* The body of an error says which: {"error":{"code":"overloaded", … */
static guint16
code_of_body (guint status, const guint8 *text, gsize length)
{
  static const char overloaded[] = "\"code\":\"overloaded\"";

  return memmem (text, length, overloaded, sizeof overloaded - 1) != NULL ? REPLICA_ERROR_OVERLOADED : code_of_status (status);
}

/* The start of an answer is here, as much of it as is wanted (or all of a shorter one). Returns what is wrong with it.
 * *@more: it is not yet known how much is wanted. */
static const char *
read_head (CtlLoadReader *self, CtlLoadEvent *event, gboolean *more)
{
  const guint8 *body;

  *more = FALSE;
  if (self->transport == CTL_LOAD_HTTP)
    {
      body = self->head;
      if (self->answer == CTL_LOAD_ERROR)
        {
          event->text = body;
          event->text_bytes = self->head_bytes;
          event->code = code_of_body (self->http.status, body, self->head_bytes);
          event->retry_ms = self->http.retry_ms;
        }
      if (self->answer != CTL_LOAD_SNAPSHOT)
        return NULL;
      event->size_bytes = self->message_bytes;
    }
  else
    {
      guint32 word[4];

      if (self->head_bytes < sizeof (ReplicaWireWithdraw))
        return "a message that is too short";
      memcpy (word, self->head, MIN (sizeof word, (gsize) self->head_bytes));
      self->view = word[1];
      switch (self->head[0])
        {
        case REPLICA_WIRE_SNAPSHOT:
          self->answer = CTL_LOAD_SNAPSHOT;
          if (self->head_wanted < SNAPSHOT_HEAD_BYTES)
            {
              self->head_wanted = SNAPSHOT_HEAD_BYTES;
              *more = TRUE;
              return NULL;
            }
          if (self->head_bytes < SNAPSHOT_HEAD_BYTES)
            return "a snapshot that is too short";
          if (self->head[1] != REPLICA_WIRE_FORM_FULL)
            return "a snapshot in a form that was not asked for";
          event->size_bytes = word[2];
          self->promised_bytes = word[2] + (guint64) sizeof (ReplicaWireSnapshotHead);
          body = self->head + sizeof (ReplicaWireSnapshotHead);
          break;
        case REPLICA_WIRE_UNCHANGED:
          self->answer = CTL_LOAD_UNCHANGED;
          return NULL;
        case REPLICA_WIRE_ERROR:
          self->answer = CTL_LOAD_ERROR;
          if (self->head_wanted < CTL_LOAD_READER_HEAD_MAX)
            {
              self->head_wanted = CTL_LOAD_READER_HEAD_MAX;
              *more = TRUE;
              return NULL;
            }
          if (self->head_bytes < sizeof (ReplicaWireErrorHead))
            return "an error that is too short";
          event->code = (guint16) (word[0] >> 16);
          event->retry_ms = word[2];
          event->text = self->head + sizeof (ReplicaWireErrorHead);
          event->text_bytes = self->head_bytes - sizeof (ReplicaWireErrorHead);
          return NULL;
        default:
          return "a message of an unknown type";
        }
    }
  {
    ReplicaWireSnapshot snapshot;

    memcpy (&snapshot, body, G_STRUCT_OFFSET (ReplicaWireSnapshot, size_bytes));
    if (snapshot.magic != REPLICA_WIRE_MAGIC)
      return "a snapshot that does not begin as one";
    event->token = (ReplicaToken) { .epoch = snapshot.epoch, .serial = snapshot.serial };
    event->time_us = snapshot.time_us;
  }
  return NULL;
}

/* ---- HTTP ---- */

static gboolean
is_accepted (const char *text, gsize length)
{
  gsize accept_length, protocol_length;
  const char *accept = ctl_load_http_find (text, length, "Sec-WebSocket-Accept", &accept_length);
  const char *protocol = ctl_load_http_find (text, length, "Sec-WebSocket-Protocol", &protocol_length);

  return accept != NULL && protocol != NULL && accept_length == strlen (UPGRADE_ACCEPT)
         && memcmp (accept, UPGRADE_ACCEPT, accept_length) == 0 && protocol_length == strlen (REPLICA_WIRE_PROTOCOL)
         && memcmp (protocol, REPLICA_WIRE_PROTOCOL, protocol_length) == 0;
}

static gsize
on_response (CtlLoadReader *self, CtlLoadEvent *event, const char *text, gsize length, gsize used)
{
  const char *wrong = ctl_load_http_parse (text, length, &self->http);

  if (self->transport == CTL_LOAD_WS)
    {
      gboolean accepted = self->http.status == 101 && is_accepted (text, length);

      g_clear_pointer (&self->kept, g_byte_array_unref);
      event->code = (guint16) self->http.status;
      event->retry_ms = self->http.retry_ms;
      if (!accepted)
        return fail (self, event, self->http.status == 0 ? wrong : "the upgrade to a WebSocket was refused", used);
      self->phase = PHASE_FRAME;
      event->kind = CTL_LOAD_UPGRADED;
      return used;
    }
  g_clear_pointer (&self->kept, g_byte_array_unref);
  if (wrong != NULL)
    return fail (self, event, wrong, used);
  if (self->http.status == 200)
    {
      if (self->http.body_bytes < sizeof (ReplicaWireSnapshot))
        return fail (self, event, "a snapshot that is too short", used);
      begin_answer (self, G_STRUCT_OFFSET (ReplicaWireSnapshot, size_bytes));
      self->answer = CTL_LOAD_SNAPSHOT;
    }
  else
    {
      begin_answer (self, CTL_LOAD_READER_HEAD_MAX);
      self->answer = self->http.status == 304 ? CTL_LOAD_UNCHANGED : CTL_LOAD_ERROR;
      if (self->http.status < 200)
        return fail (self, event, "an answer that was not asked for", used);
    }
  self->left = self->message_bytes = self->http.body_bytes;
  self->last_frame = self->in_message = TRUE;
  self->phase = PHASE_BODY;
  return used;
}

static gsize
read_response (CtlLoadReader *self, CtlLoadEvent *event, const guint8 *bytes, gsize length)
{
  gsize before = self->kept != NULL ? self->kept->len : 0, head_length;

  if (before == 0)
    {
      head_length = ctl_load_http_head_length ((const char *) bytes, MIN (length, CTL_LOAD_HTTP_HEAD_MAX));
      if (head_length > 0)
        return on_response (self, event, (const char *) bytes, head_length, head_length);
      self->kept = g_byte_array_new ();
    }
  g_byte_array_append (self->kept, bytes, (guint) MIN (length, CTL_LOAD_HTTP_HEAD_MAX - before));
  head_length = ctl_load_http_head_length ((const char *) self->kept->data, self->kept->len);
  if (head_length > 0)
    return on_response (self, event, (const char *) self->kept->data, head_length, head_length - before);
  if (self->kept->len == CTL_LOAD_HTTP_HEAD_MAX)
    return fail (self, event, "a head of a response that is too long", length);
  return length;
}

/* ---- frames ---- */

/* A frame's head is whole: what it says. */
static const char *
on_frame_head (CtlLoadReader *self)
{
  const guint8 *head = self->frame_head;
  guint opcode = head[0] & 15, short_length = head[1] & 127;
  gboolean last = (head[0] & 0x80) != 0;
  guint64 length = short_length;

  if (short_length >= 126)
    {
      length = 0;
      for (guint i = 2; i < self->frame_head_bytes; i++)
        length = length << 8 | head[i];
      if (length < 126 || (short_length == 127 && length <= 0xffff))
        return "a frame whose length is not written the short way";
    }
  if ((head[0] & 0x70) != 0 || (head[1] & 0x80) != 0)
    return "a frame with a mask or reserved bits";
  self->in_control = opcode >= 8;
  if (self->in_control)
    {
      if (opcode > 10 || !last || length > sizeof self->control)
        return "a wrong control frame";
      self->control_bytes = 0;
    }
  else
    {
      if (opcode != (self->in_message ? 0u : 2u))
        return opcode == 1 ? "a text message" : "frames in a wrong order";
      if (!self->in_message)
        begin_answer (self, sizeof (ReplicaWireSnapshotHead));
      if (length > MESSAGE_MAX_BYTES - self->message_bytes)
        return "a message that is too long";
      self->message_bytes += length;
      self->in_message = TRUE;
      self->last_frame = last;
    }
  self->left = length;
  self->phase = PHASE_BODY;
  return NULL;
}

static gsize
read_frame_head (CtlLoadReader *self, CtlLoadEvent *event, const guint8 *bytes, gsize length)
{
  gsize used = 0;

  while (used < length)
    {
      guint wanted = 2;

      self->frame_head[self->frame_head_bytes++] = bytes[used++];
      if (self->frame_head_bytes >= 2)
        wanted = (self->frame_head[1] & 127) == 126 ? 4 : (self->frame_head[1] & 127) == 127 ? 10 : 2;
      if (self->frame_head_bytes == wanted)
        {
          const char *wrong = on_frame_head (self);

          self->frame_head_bytes = 0;
          if (wrong != NULL)
            fail (self, event, wrong, used);
          break;
        }
    }
  return used;
}

static gsize
read_control (CtlLoadReader *self, CtlLoadEvent *event, const guint8 *bytes, gsize length, guint opcode)
{
  gsize take = MIN (length, self->left);

  if (take > 0)
    memcpy (self->control + self->control_bytes, bytes, take);
  self->control_bytes += (guint8) take;
  self->left -= take;
  if (self->left > 0)
    return take;
  self->in_control = FALSE;
  self->phase = PHASE_FRAME;
  if (opcode == 8)
    {
      self->phase = PHASE_DEAD;
      event->kind = CTL_LOAD_CLOSE;
      event->code = self->control_bytes >= 2 ? (guint16) (self->control[0] << 8 | self->control[1]) : 0;
    }
  else if (opcode == 9)
    {
      event->kind = CTL_LOAD_PING;
      event->text = self->control;
      event->text_bytes = self->control_bytes;
    }
  return take;
}

/* ---- answers ---- */

static void
end_answer (CtlLoadReader *self, CtlLoadEvent *event)
{
  self->in_message = FALSE;
  self->phase = self->transport == CTL_LOAD_WS ? PHASE_FRAME : PHASE_RESPONSE;
  if (self->transport == CTL_LOAD_WS && self->answer == CTL_LOAD_SNAPSHOT && self->message_bytes != self->promised_bytes)
    {
      fail (self, event, "a snapshot that is shorter or longer than it says", 0);
      return;
    }
  if (self->transport == CTL_LOAD_WS && self->answer == CTL_LOAD_UNCHANGED && self->message_bytes != sizeof (ReplicaWireUnchanged))
    {
      fail (self, event, "a message of a wrong length", 0);
      return;
    }
  event->kind = CTL_LOAD_ANSWER;
  event->answer = self->answer;
  event->view = self->view;
  event->closes = self->transport == CTL_LOAD_HTTP && self->http.closes;
}

static gsize
read_body (CtlLoadReader *self, CtlLoadEvent *event, const guint8 *bytes, gsize length)
{
  gsize used = 0;

  while (!self->told)
    {
      gsize take = MIN (MIN (length - used, self->left), (guint64) (self->head_wanted - self->head_bytes));
      gboolean whole, more;
      const char *wrong;

      if (take > 0)
        memcpy (self->head + self->head_bytes, bytes + used, take);
      self->head_bytes += (guint16) take;
      self->left -= take;
      used += take;
      whole = self->left == 0 && self->last_frame;
      if (self->head_bytes < self->head_wanted && !whole)
        break;
      wrong = read_head (self, event, &more);
      if (wrong != NULL)
        return fail (self, event, wrong, used);
      if (more)
        continue;
      self->told = TRUE;
      event->kind = CTL_LOAD_HEAD;
      event->answer = self->answer;
      event->view = self->view;
      return used;
    }
  if (self->told)
    {
      gsize take = MIN (length - used, self->left);

      self->left -= take;
      used += take;
    }
  if (self->left == 0 && self->last_frame)
    end_answer (self, event);
  else if (self->left == 0)
    self->phase = PHASE_FRAME;
  return used;
}

guint64
ctl_load_reader_skippable (const CtlLoadReader *self)
{
  return self->phase == PHASE_BODY && !self->in_control && self->told ? self->left : 0;
}

void
ctl_load_reader_skip (CtlLoadReader *self, guint64 n_bytes)
{
  g_assert (n_bytes <= ctl_load_reader_skippable (self));
  self->left -= n_bytes;
}

gsize
ctl_load_reader_next (CtlLoadReader *self, const guint8 *bytes, gsize length, CtlLoadEvent *event)
{
  gsize used = 0;

  *event = (CtlLoadEvent) { .kind = CTL_LOAD_MORE };
  for (;;)
    {
      /* A body may be at its end without another byte. */
      if (event->kind != CTL_LOAD_MORE || self->phase == PHASE_DEAD || (used == length && (self->phase != PHASE_BODY || self->left > 0)))
        return used;
      switch (self->phase)
        {
        case PHASE_RESPONSE:
          used += read_response (self, event, bytes + used, length - used);
          break;
        case PHASE_FRAME:
          used += read_frame_head (self, event, bytes + used, length - used);
          break;
        default:
          if (self->in_control)
            used += read_control (self, event, bytes + used, length - used, self->frame_head[0] & 15);
          else
            used += read_body (self, event, bytes + used, length - used);
          break;
        }
    }
}

/* ---- what is sent ---- */

gsize
ctl_load_write_upgrade (char *out, const char *authority)
{
  return (gsize) g_snprintf (out, CTL_LOAD_REQUEST_MAX,
                             "GET " REPLICA_WIRE_ENDPOINT " HTTP/1.1\r\nHost: %.200s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Key: " UPGRADE_KEY "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " REPLICA_WIRE_PROTOCOL
                             "\r\n\r\n",
                             authority);
}

static gsize
write_frame (char *out, guint opcode, const void *first, gsize first_bytes, const void *second, gsize second_bytes, guint32 mask)
{
  gsize length = first_bytes + second_bytes, at = 2;
  guint8 *frame = (guint8 *) out, key[4];

  memcpy (key, &mask, sizeof key);
  frame[0] = (guint8) (0x80 | opcode);
  frame[1] = (guint8) (0x80 | (length < 126 ? length : 126));
  if (length >= 126)
    {
      frame[at++] = (guint8) (length >> 8);
      frame[at++] = (guint8) length;
    }
  memcpy (frame + at, key, sizeof key);
  at += sizeof key;
  memcpy (frame + at, first, first_bytes);
  if (second_bytes > 0)
    memcpy (frame + at + first_bytes, second, second_bytes);
  for (gsize i = 0; i < length; i++)
    frame[at + i] ^= key[i & 3];
  return at + length;
}

gsize
ctl_load_write_poll (char *out, CtlLoadTransport transport, const char *authority, guint32 view, const char *path, ReplicaToken token,
                     guint32 hold_ms, guint32 mask)
{
  gsize path_bytes = path != NULL ? strlen (path) : 0;
  ReplicaWirePoll poll = {
    .type = REPLICA_WIRE_POLL, .accept = REPLICA_WIRE_ACCEPT_FULL, .path_bytes = (guint16) path_bytes, .view = view,
    .epoch = token.epoch, .serial = token.serial, .hold_ms = hold_ms,
  };
  char condition[128] = "";

  if (transport == CTL_LOAD_WS)
    return write_frame (out, 2, &poll, sizeof poll, path, path_bytes, mask);
  if (token.epoch != 0 || token.serial != 0)
    g_snprintf (condition, sizeof condition, "If-None-Match: \"%" G_GINT64_MODIFIER "x-%" G_GINT64_MODIFIER "x\"\r\n", token.epoch, token.serial);
  if (hold_ms >= 1000)
    g_snprintf (condition + strlen (condition), sizeof condition - strlen (condition), "Prefer: wait=%u\r\n", hold_ms / 1000);
  return (gsize) g_snprintf (out, CTL_LOAD_REQUEST_MAX + path_bytes,
                             "GET /v1/projections/%s HTTP/1.1\r\nHost: %.200s\r\nAccept: application/vnd.synoptic.snapshot\r\n%s\r\n", path,
                             authority, condition);
}

gsize
ctl_load_write_pong (char *out, const guint8 *text, gsize length, guint32 mask)
{
  return write_frame (out, 10, text, length, NULL, 0, mask);
}
