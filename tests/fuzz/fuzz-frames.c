/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* WebSocket frames from a stranger. Whatever comes: the events are the same however the bytes were cut and wherever they were put, no message is longer
 * than the limit of its kind, nothing is read behind an offence, a large message that is dropped ends where it would have, and what our own heads say
 * is read back. */
#include <glib.h>
#include <stdint.h>
#include <string.h>
#include "syn-ws-frame.h"

#define MESSAGE_MAX 200
#define LARGE_TYPE 0x10
#define LARGE_MAX 260

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
describe (GByteArray *text, const SynWsEvent *event)
{
  guint32 numbers[3] = { event->kind, event->code, (guint32) event->length };

  g_assert (event->kind != SYN_WS_MESSAGE || event->length <= MESSAGE_MAX || (event->data[0] == LARGE_TYPE && event->length <= LARGE_MAX));
  g_assert ((event->kind != SYN_WS_PING && event->kind != SYN_WS_PONG) || event->length <= SYN_WS_CONTROL_MAX);
  g_assert ((event->kind == SYN_WS_FAIL) == (event->reason != NULL));
  if (event->kind == SYN_WS_FAIL || event->kind == SYN_WS_CLOSE)
    numbers[2] = 0;
  g_byte_array_append (text, (guint8 *) numbers, sizeof numbers);
  if (numbers[2] > 0)
    g_byte_array_append (text, event->data, numbers[2]);
}

/* Puts up to @n bytes where the reader wants those of a large message; how many. */
static gsize
put (SynWsReader *reader, const uint8_t *data, size_t n)
{
  gsize room_bytes = 0;
  guint8 *room = syn_ws_reader_get_room (reader, &room_bytes);

  if (room == NULL)
    return 0;
  n = MIN (n, room_bytes);
  memcpy (room, data, n);
  syn_ws_reader_put (reader, n);
  return n;
}

/* The events of @data given in pieces of @piece. With @drop large messages are dropped as soon as they are known to be: nothing is said of them. */
static GByteArray *
run (const uint8_t *data, size_t size, size_t piece, gboolean straight, gboolean drop, guint *n_large)
{
  GByteArray *text = g_byte_array_new ();
  g_autoptr (GByteArray) kept = g_byte_array_new ();
  SynWsReader reader = { .large_type = LARGE_TYPE, .large_max = LARGE_MAX };
  SynWsEvent event = { .kind = SYN_WS_MORE };

  *n_large = 0;
  for (size_t from = 0; from < size && event.kind == SYN_WS_MORE; from += piece)
    {
      gsize n = MIN (piece, size - from), there = straight && kept->len == 0 ? put (&reader, data + from, n) : 0;

      g_byte_array_append (kept, data + from + there, (guint) (n - there));
      do
        {
          g_autofree guint8 *exact = g_memdup2 (kept->data, kept->len);
          gsize used;

          syn_ws_reader_next (&reader, exact, kept->len, MESSAGE_MAX, &used, &event);
          g_assert (used <= kept->len);
          g_assert (used > 0 || there > 0 || event.kind == SYN_WS_MORE || event.kind == SYN_WS_FAIL);
          if (drop)
            syn_ws_reader_drop (&reader);
          g_assert (!drop || !reader.in_message || syn_ws_reader_get_held (&reader) == 0);
          if (event.kind == SYN_WS_MESSAGE && (event.is_dropped || event.length > MESSAGE_MAX))
            (*n_large)++;
          else if (event.kind != SYN_WS_MORE)
            describe (text, &event);
          else
            g_assert (event.data == NULL);
          if (event.kind == SYN_WS_MESSAGE && !event.is_dropped && event.length > MESSAGE_MAX && !drop)
            describe (text, &event);
          if (used > 0)
            g_byte_array_remove_range (kept, 0, (guint) used);
        }
      while (event.kind != SYN_WS_MORE && event.kind != SYN_WS_CLOSE && event.kind != SYN_WS_FAIL);
      g_assert (reader.message_bytes <= (reader.is_large ? LARGE_MAX : MESSAGE_MAX));
      /* A whole frame is never kept back: at most a head and a payload that is allowed. */
      g_assert (event.kind != SYN_WS_MORE || kept->len < MESSAGE_MAX + 14);
    }
  syn_ws_reader_clear (&reader);
  return text;
}

/* @data as the payload of a frame of ours, masked as a client would, comes back as it was. */
static void
round_trip (const uint8_t *data, size_t size)
{
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  static const guint8 mask[4] = { 0xa5, 0x00, 0xff, 0x3c };
  guint8 head[SYN_WS_HEAD_MAX];
  SynWsReader reader = { 0 };
  SynWsEvent event;
  gsize used;
  guint n = syn_ws_frame_head (head, SYN_WS_OPCODE_BINARY, size);

  head[1] |= 0x80;
  g_byte_array_append (frame, head, n);
  g_byte_array_append (frame, mask, 4);
  for (size_t i = 0; i < size; i++)
    {
      guint8 byte = data[i] ^ mask[i % 4];

      g_byte_array_append (frame, &byte, 1);
    }
  syn_ws_reader_next (&reader, frame->data, frame->len, MESSAGE_MAX, &used, &event);
  if (size <= MESSAGE_MAX)
    {
      g_assert (event.kind == SYN_WS_MESSAGE && used == frame->len && event.length == size);
      g_assert (size == 0 || memcmp (event.data, data, size) == 0);
    }
  else
    g_assert (event.kind == SYN_WS_FAIL && event.code == SYN_WS_CLOSE_TOO_BIG);
  syn_ws_reader_clear (&reader);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  guint n_large, n_dropped;
  g_autoptr (GByteArray) whole = run (data, size, MAX (size, 1), FALSE, FALSE, &n_large);
  g_autoptr (GByteArray) bytes = run (data, size, 1, TRUE, FALSE, &n_large);
  g_autoptr (GByteArray) thirteens = run (data, size, 13, TRUE, FALSE, &n_large);
  g_autoptr (GByteArray) dropped = run (data, size, 13, TRUE, TRUE, &n_dropped);

  g_assert (whole->len == bytes->len && (whole->len == 0 || memcmp (whole->data, bytes->data, whole->len) == 0));
  g_assert (whole->len == thirteens->len && (whole->len == 0 || memcmp (whole->data, thirteens->data, whole->len) == 0));
  g_assert (n_large == n_dropped);
  if (n_large == 0)
    g_assert (whole->len == dropped->len && (whole->len == 0 || memcmp (whole->data, dropped->data, whole->len) == 0));
  round_trip (data, size);
  return 0;
}
