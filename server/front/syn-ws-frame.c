/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The RFC 6455 codec of the front. Any thread; a reader belongs to one.
 *
 * SoupWebsocketConnection was rejected: it copies every payload on its way out, keeps some 4 KB and a GSource
 * per connection, and its re-poll cost grows with the number of connections beside it. Only what a server
 * needs is here: client frames must be masked, there are no extensions (so no reserved bit may be set), and
 * text is refused because `synoptic.v1` is binary. */
#include "syn-ws-frame.h"

#include <string.h>

#define FIN 0x80
#define RESERVED 0x70
#define OPCODE 0x0f
#define MASKED 0x80
#define LENGTH 0x7f
#define LENGTH_16 126
#define LENGTH_64 127

/* What may stand in a first byte, by opcode. */
typedef struct
{
  guint8 known : 1;
  guint8 control : 1;
  guint16 code; /* refused with this code; 0: taken */
  const char *reason;
} Opcode;

static const Opcode opcodes[16] = {
  [SYN_WS_OPCODE_CONTINUATION] = { .known = 1 },
  [SYN_WS_OPCODE_TEXT] = { .known = 1,
                           .code = SYN_WS_CLOSE_UNSUPPORTED,
                           .reason = "messages are binary here" },
  [SYN_WS_OPCODE_BINARY] = { .known = 1 },
  [SYN_WS_OPCODE_CLOSE] = { .known = 1, .control = 1 },
  [SYN_WS_OPCODE_PING] = { .known = 1, .control = 1 },
  [SYN_WS_OPCODE_PONG] = { .known = 1, .control = 1 },
};

static SynWsEventKind
fail (SynWsEvent *event, guint16 code, const char *reason)
{
  event->kind = SYN_WS_FAIL;
  event->code = code;
  event->reason = reason;
  return SYN_WS_FAIL;
}

/* The codes that may stand in a close frame (RFC 6455 §7.4, and those registered since). */
static gboolean
close_code_is_valid (guint16 code)
{
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static SynWsEventKind
read_close (SynWsEvent *event)
{
  if (event->length == 0)
    {
      event->code = SYN_WS_CLOSE_NO_STATUS;
      return event->kind = SYN_WS_CLOSE;
    }
  if (event->length == 1)
    return fail (event, SYN_WS_CLOSE_PROTOCOL, "a close frame of one byte");
  event->code = (guint16) (event->data[0] << 8 | event->data[1]);
  if (!close_code_is_valid (event->code))
    return fail (event, SYN_WS_CLOSE_PROTOCOL, "a close code that must not be sent");
  if (!g_utf8_validate_len ((const char *) event->data + 2, event->length - 2, NULL))
    return fail (event, SYN_WS_CLOSE_INVALID_DATA, "a close reason that is not UTF-8");
  return event->kind = SYN_WS_CLOSE;
}

static void
unmask (guint8 *data, gsize length, const guint8 *mask)
{
  guint64 wide;
  gsize i = 0;

  memcpy (&wide, mask, 4);
  memcpy ((guint8 *) &wide + 4, mask, 4);
  for (; i + 8 <= length; i += 8)
    {
      guint64 word;

      memcpy (&word, data + i, 8);
      word ^= wide;
      memcpy (data + i, &word, 8);
    }
  for (; i < length; i++)
    data[i] ^= mask[i & 3];
}

/* Checks the first byte against what may come now. */
static SynWsEventKind
check_first_byte (SynWsReader *self, guint8 byte, SynWsEvent *event)
{
  const Opcode *opcode = &opcodes[byte & OPCODE];

  if (byte & RESERVED)
    return fail (event, SYN_WS_CLOSE_PROTOCOL, "a reserved bit is set");
  if (!opcode->known)
    return fail (event, SYN_WS_CLOSE_PROTOCOL, "a reserved opcode");
  if (opcode->code != 0)
    return fail (event, opcode->code, opcode->reason);
  if (opcode->control)
    return (byte & FIN) ? SYN_WS_MORE : fail (event, SYN_WS_CLOSE_PROTOCOL, "a fragmented control frame");
  if ((byte & OPCODE) == SYN_WS_OPCODE_CONTINUATION && !self->in_message)
    return fail (event, SYN_WS_CLOSE_PROTOCOL, "a continuation of nothing");
  if ((byte & OPCODE) != SYN_WS_OPCODE_CONTINUATION && self->in_message)
    return fail (event, SYN_WS_CLOSE_PROTOCOL, "a new message within a fragmented one");
  return SYN_WS_MORE;
}

/* ---- large messages ---- */

#define FIRST_ROOM (1u << 20)   /* allocated for a large message, before more of it has come */
#define ROOM_BYTES (256u << 10) /* received at once, so that the others of the lane have their turn */

/* Room for @n more bytes of the frame that comes. What nobody has written to takes no memory, and a length alone gets no more than FIRST_ROOM. */
static void
make_room (SynWsReader *self, gsize n)
{
  gsize needed = self->message_bytes + n, all = (gsize) self->message_bytes + self->frame_left;

  if (needed <= self->message_size)
    return;
  self->message_size = (guint32) MIN (all, MAX (needed, MAX (FIRST_ROOM, (gsize) self->message_size * 4)));
  self->message = g_realloc (self->message, self->message_size);
}

guint8 *
syn_ws_reader_get_room (SynWsReader *self, gsize *room)
{
  if (!self->in_frame || self->is_dropped || self->frame_left == 0)
    return NULL;
  *room = MIN (self->frame_left, ROOM_BYTES);
  make_room (self, *room);
  return self->message + self->message_bytes;
}

/* @n bytes of the frame are done with. */
static void
move_on (SynWsReader *self, gsize n)
{
  guint8 mask[4];

  memcpy (mask, self->mask, 4);
  for (guint i = 0; i < 4; i++)
    self->mask[i] = mask[(i + n) & 3];
  self->message_bytes += (guint32) n;
  self->frame_left -= (guint32) n;
}

void
syn_ws_reader_put (SynWsReader *self, gsize n)
{
  unmask (self->message + self->message_bytes, n, self->mask);
  move_on (self, n);
}

gsize
syn_ws_reader_get_held (const SynWsReader *self)
{
  return self->is_large && !self->is_dropped ? self->message_bytes : 0;
}

void
syn_ws_reader_drop (SynWsReader *self)
{
  if (!self->is_large || !self->in_message || self->is_dropped)
    return;
  self->is_dropped = TRUE;
  self->message_size = SYN_WS_KEPT_BYTES;
  self->message = g_realloc (self->message, SYN_WS_KEPT_BYTES);
}

guint8 *
syn_ws_reader_steal (SynWsReader *self)
{
  self->message_bytes = self->message_size = 0;
  return g_steal_pointer (&self->message);
}

/* Of a large message: @n bytes of the frame that comes, still masked. */
static void
gather (SynWsReader *self, const guint8 *data, gsize n)
{
  if (!self->is_dropped)
    {
      make_room (self, n);
      memcpy (self->message + self->message_bytes, data, n);
      syn_ws_reader_put (self, n);
      return;
    }
  for (gsize i = 0; i < n && self->message_bytes + i < SYN_WS_KEPT_BYTES; i++)
    self->message[self->message_bytes + i] = data[i] ^ self->mask[i & 3];
  move_on (self, n);
}

/* Whether the message to which a frame of @payload bytes belongs may be a large one; -1: its first byte is needed to tell. */
static int
may_be_large (const SynWsReader *self, guint64 payload, const guint8 *first, const guint8 *mask)
{
  if (payload > self->large_max - MIN (self->large_max, self->message_bytes))
    return FALSE;
  if (self->message_bytes > 0)
    return self->message[0] == self->large_type;
  return first == NULL ? -1 : (first[0] ^ mask[0]) == self->large_type;
}

static SynWsEventKind
end_large (SynWsReader *self, SynWsEvent *event)
{
  event->data = self->message;
  event->is_dropped = self->is_dropped;
  event->length = self->is_dropped ? MIN (self->message_bytes, SYN_WS_KEPT_BYTES) : self->message_bytes;
  self->in_message = FALSE; /* and is cleared with the next call */
  return event->kind = SYN_WS_MESSAGE;
}

/* Appends a fragment. It and what is there fit, since the header was checked. */
static void
keep_fragment (SynWsReader *self, const guint8 *data, gsize length)
{
  self->in_message = TRUE;
  if (length == 0)
    return;
  self->message = g_realloc (self->message, self->message_bytes + length);
  memcpy (self->message + self->message_bytes, data, length);
  self->message_bytes += (guint32) length;
}

SynWsEventKind
syn_ws_reader_next (
    SynWsReader *self, guint8 *data, gsize length, gsize message_max, gsize *used, SynWsEvent *event)
{
  *used = 0;
  *event = (SynWsEvent){ .kind = SYN_WS_MORE };
  if (!self->in_message)
    syn_ws_reader_clear (self); /* the whole message that the last event gave out */

  for (;;)
    {
      guint8 *frame = data + *used;
      gsize rest = length - *used, head = 2;
      guint64 payload;
      guint8 opcode;

      if (self->in_frame)
        {
          gsize n = MIN (rest, self->frame_left);

          if (n > 0)
            gather (self, frame, n);
          *used += n;
          if (self->frame_left > 0)
            return SYN_WS_MORE;
          self->in_frame = FALSE;
          if (self->is_last)
            return end_large (self, event);
          continue;
        }
      if (rest == 0)
        return SYN_WS_MORE;
      if (check_first_byte (self, frame[0], event) == SYN_WS_FAIL)
        return SYN_WS_FAIL;
      if (rest < 2)
        return SYN_WS_MORE;
      opcode = frame[0] & OPCODE;
      if (!(frame[1] & MASKED))
        return fail (event, SYN_WS_CLOSE_PROTOCOL, "a frame without a mask");
      payload = frame[1] & LENGTH;
      if (opcodes[opcode].control && payload > SYN_WS_CONTROL_MAX)
        return fail (event, SYN_WS_CLOSE_PROTOCOL, "a control frame of more than 125 bytes");
      if (payload == LENGTH_16)
        {
          head += 2;
          if (rest < head)
            return SYN_WS_MORE;
          payload = (guint64) frame[2] << 8 | frame[3];
          if (payload < LENGTH_16)
            return fail (event, SYN_WS_CLOSE_PROTOCOL, "a length that is not written the short way");
        }
      else if (payload == LENGTH_64)
        {
          head += 8;
          if (rest < head)
            return SYN_WS_MORE;
          payload = 0;
          for (guint i = 2; i < 10; i++)
            payload = payload << 8 | frame[i];
          if (payload >> 63 || payload <= G_MAXUINT16)
            return fail (event, SYN_WS_CLOSE_PROTOCOL, "a length that is not written the short way");
        }
      if (!opcodes[opcode].control && (self->is_large || payload > message_max - MIN (message_max, self->message_bytes)))
        {
          int large = may_be_large (self, payload, rest > head + 4 ? frame + head + 4 : NULL, frame + head);

          if (large == FALSE)
            return fail (event, SYN_WS_CLOSE_TOO_BIG, "a message longer than any request");
          if (large < 0 || rest < head + 4)
            return SYN_WS_MORE;
          memcpy (self->mask, frame + head, 4);
          self->in_message = self->in_frame = self->is_large = TRUE;
          self->is_last = (frame[0] & FIN) != 0;
          self->frame_left = (guint32) payload;
          *used += head + 4;
          continue;
        }
      head += 4;
      if (rest < head || rest - head < payload)
        return SYN_WS_MORE;

      unmask (frame + head, payload, frame + head - 4);
      *used += head + payload;
      event->data = frame + head;
      event->length = payload;

      switch (opcode)
        {
        case SYN_WS_OPCODE_CLOSE:
          return read_close (event);
        case SYN_WS_OPCODE_PING:
          return event->kind = SYN_WS_PING;
        case SYN_WS_OPCODE_PONG:
          return event->kind = SYN_WS_PONG;
        default:
          break;
        }
      if ((frame[0] & FIN) && !self->in_message)
        return event->kind = SYN_WS_MESSAGE;
      keep_fragment (self, frame + head, payload);
      if (frame[0] & FIN)
        {
          event->data = self->message != NULL ? self->message : frame + head;
          event->length = self->message_bytes;
          self->in_message = FALSE;
          return event->kind = SYN_WS_MESSAGE;
        }
      *event = (SynWsEvent){ .kind = SYN_WS_MORE };
    }
}

void
syn_ws_reader_clear (SynWsReader *self)
{
  g_clear_pointer (&self->message, g_free);
  self->message_bytes = self->message_size = self->frame_left = 0;
  self->in_message = self->is_large = self->in_frame = self->is_dropped = FALSE;
}

guint
syn_ws_frame_head (guint8 *head, guint8 opcode, guint64 payload_bytes)
{
  head[0] = FIN | opcode;
  if (payload_bytes < LENGTH_16)
    {
      head[1] = (guint8) payload_bytes;
      return 2;
    }
  if (payload_bytes <= G_MAXUINT16)
    {
      head[1] = LENGTH_16;
      head[2] = (guint8) (payload_bytes >> 8);
      head[3] = (guint8) payload_bytes;
      return 4;
    }
  head[1] = LENGTH_64;
  for (guint i = 0; i < 8; i++)
    head[2 + i] = (guint8) (payload_bytes >> (8 * (7 - i)));
  return 10;
}

guint
syn_ws_close_frame (guint8 *frame, guint16 code, const char *reason)
{
  gsize length;

  if (code == SYN_WS_CLOSE_NO_STATUS)
    return syn_ws_frame_head (frame, SYN_WS_OPCODE_CLOSE, 0);
  length = reason != NULL ? strlen (reason) : 0;
  while (length > SYN_WS_CONTROL_MAX - 2 || (length > 0 && ((guint8) reason[length] & 0xc0) == 0x80))
    length--; /* cut between characters */
  syn_ws_frame_head (frame, SYN_WS_OPCODE_CLOSE, 2 + length);
  frame[2] = (guint8) (code >> 8);
  frame[3] = (guint8) code;
  if (length > 0)
    memcpy (frame + 4, reason, length);
  return (guint) (4 + length);
}
