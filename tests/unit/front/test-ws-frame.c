/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The WebSocket frame codec against tables of frames, however they are cut. */
#include <string.h>
#include "syn-ws-frame.h"

#define MESSAGE_MAX 300
#define MASK "\x0f\x1e\x2d\x3c"

/* Frames in, as text: events out, as text, one per line. */
typedef struct {
  const char *name;
  const char *bytes; /* hexadecimal; `*N:XX` repeats the byte XX N times. Masks are zero unless the case says otherwise. */
  const char *events;
} Case;

static const Case cases[] = {
  { "nothing", "", "more" },
  { "binary", "8283 00000000 616263", "message 616263\nmore" },
  { "masked", "8283 0f1e2d3c 6e7c4e", "message 616263\nmore" },
  { "empty", "8280 00000000", "message \nmore" },
  { "two in one", "8281 00000000 61 8281 00000000 62", "message 61\nmessage 62\nmore" },
  { "126 bytes", "82fe007e 00000000 *126:61", "message *126\nmore" },
  { "fragments", "0281 00000000 61 0081 00000000 62 8081 00000000 63", "message 616263\nmore" },
  { "fragments with a ping between", "0281 00000000 61 8981 00000000 70 8081 00000000 63", "ping 70\nmessage 6163\nmore" },
  { "empty fragments", "0280 00000000 0080 00000000 8080 00000000", "message \nmore" },
  { "after a fragmented one", "0281 00000000 61 8081 00000000 62 8281 00000000 63", "message 6162\nmessage 63\nmore" },
  { "ping, pong", "8980 00000000 8a81 00000000 70", "ping \npong 70\nmore" },
  { "a ping of 125", "89fd 00000000 *125:61", "ping *125\nmore" },
  { "half a head", "82", "more" },
  { "half a length", "82fe01", "more" },
  { "half a mask", "8281 0000", "more" },
  { "half a payload", "8282 00000000 61", "more" },
  { "close", "8882 00000000 03e8", "close 1000" },
  { "close with a reason", "8887 00000000 03e9 746368fc", "more" },
  { "close 1001 tchüs", "8888 00000000 03e9 746368c3bc73", "close 1001" },
  { "close without a code", "8880 00000000", "close 1005" },
  { "close 3000", "8882 00000000 0bb8", "close 3000" },
  { "close 4999", "8882 00000000 1387", "close 4999" },
  /* offences */
  { "close of one byte", "8881 00000000 03", "fail 1002" },
  { "close 0", "8882 00000000 0000", "fail 1002" },
  { "close 999", "8882 00000000 03e7", "fail 1002" },
  { "close 1004", "8882 00000000 03ec", "fail 1002" },
  { "close 1005", "8882 00000000 03ed", "fail 1002" },
  { "close 1006", "8882 00000000 03ee", "fail 1002" },
  { "close 1015", "8882 00000000 03f7", "fail 1002" },
  { "close 2999", "8882 00000000 0bb7", "fail 1002" },
  { "close 5000", "8882 00000000 1388", "fail 1002" },
  { "close with a broken reason", "8884 00000000 03e8 c328", "fail 1007" },
  { "close of 126 bytes", "88fe", "fail 1002" },
  { "a ping of 126", "89fe", "fail 1002" },
  { "a ping in parts", "09", "fail 1002" },
  { "a close in parts", "08", "fail 1002" },
  { "a pong in parts", "0a", "fail 1002" },
  { "no mask", "8203", "fail 1002" },
  { "no mask on a ping", "8900", "fail 1002" },
  { "reserved bit 1", "c2", "fail 1002" },
  { "reserved bit 2", "a2", "fail 1002" },
  { "reserved bit 3", "92", "fail 1002" },
  { "opcode 3", "83", "fail 1002" },
  { "opcode 7", "87", "fail 1002" },
  { "opcode b", "8b", "fail 1002" },
  { "opcode f", "8f", "fail 1002" },
  { "text", "81", "fail 1003" },
  { "text in parts", "01", "fail 1003" },
  { "continuation of nothing", "80", "fail 1002" },
  { "continuation after the end", "8281 00000000 61 80", "message 61\nfail 1002" },
  { "a message within a message", "0281 00000000 61 82", "fail 1002" },
  { "text within a message", "0281 00000000 61 81", "fail 1003" },
  { "too long", "82fe012d", "fail 1009" },
  { "just not too long", "82fe012c 00000000 *300:61", "message *300\nmore" },
  { "too long in all", "02fe012c 00000000 *300:61 8081", "fail 1009" },
  { "very long", "82ff0000000100000000", "fail 1009" },
  { "a length beyond all", "82ff8000000000000000", "fail 1002" },
  { "a short length in two bytes", "82fe007d", "fail 1002" },
  { "a short length in eight bytes", "82ff000000000000ffff", "fail 1002" },
  { "nothing is read behind an offence", "8203 8281 00000000 61", "fail 1002" },
};

/* Where messages that begin with 4c may have 1000 bytes. */
static const Case large_cases[] = {
  { "not longer than others", "82fe012c 00000000 4c *299:61", "message 4c+299\nmore" },
  { "longer", "82fe012d 00000000 4c *300:61", "message 4c+300\nmore" },
  { "as long as can be", "82fe03e8 00000000 4c *999:61", "message 4c+999\nmore" },
  { "too long", "82fe03e9", "fail 1009" },
  { "of another kind", "82fe012d 00000000 61", "fail 1009" },
  { "of a kind that is not there yet", "82fe012d 00000000", "more" },
  { "then another", "82fe012d 00000000 4c *300:61 8281 00000000 62", "message 4c+300\nmessage 62\nmore" },
  { "two", "82fe012d 00000000 4c *300:61 82fe03e8 00000000 4c *999:61", "message 4c+300\nmessage 4c+999\nmore" },
  { "in parts", "02fe0190 00000000 4c *399:61 8081 00000000 61", "message 4c+400\nmore" },
  { "that grows large", "0281 00000000 4c 00fe012c 00000000 *300:61 0080 00000000 8081 00000000 61", "message 4c+301\nmore" },
  { "that grows large with its second part", "0280 00000000 0081 00000000 4c 80fe0190 00000000 *400:61", "message 4c+400\nmore" },
  { "that grows large, of another kind", "0281 00000000 61 80fe012c", "fail 1009" },
  { "too long in all", "02fe0190 00000000 4c *399:61 00fe0190 00000000 *400:61 80fe00c9", "fail 1009" },
  { "with a ping between", "02fe0190 00000000 4c *399:61 8980 00000000 8081 00000000 61", "ping \nmessage 4c+400\nmore" },
  { "with a ping within", "82fe0190 00000000 4c *100:61", "more" },
  { "and an offence behind it", "82fe012d 00000000 4c *300:61 83", "message 4c+300\nfail 1002" },
};

static GByteArray *
from_hex (const char *text)
{
  GByteArray *bytes = g_byte_array_new ();

  while (*text != '\0')
    {
      guint8 byte;
      guint repeat = 1;

      if (*text == ' ')
        {
          text++;
          continue;
        }
      if (*text == '*')
        {
          repeat = (guint) g_ascii_strtoull (text + 1, (char **) &text, 10);
          text++;
        }
      byte = (guint8) (g_ascii_xdigit_value (text[0]) << 4 | g_ascii_xdigit_value (text[1]));
      text += 2;
      while (repeat-- > 0)
        g_byte_array_append (bytes, &byte, 1);
    }
  return bytes;
}

static void
describe (GString *text, const SynWsEvent *event)
{
  static const char *const names[] = { "more", "message", "ping", "pong", "close", "fail" };

  if (text->len > 0)
    g_string_append_c (text, '\n');
  g_string_append (text, names[event->kind]);
  if (event->kind == SYN_WS_CLOSE || event->kind == SYN_WS_FAIL)
    g_string_append_printf (text, " %u", event->code);
  if (event->kind == SYN_WS_FAIL)
    g_assert_nonnull (event->reason);
  if (event->kind != SYN_WS_MESSAGE && event->kind != SYN_WS_PING && event->kind != SYN_WS_PONG)
    return;
  g_string_append_c (text, ' ');
  if (event->length > 100 && event->data[0] == 0x4c)
    {
      for (gsize i = 1; i < event->length; i++)
        g_assert_cmpuint (event->data[i], ==, 'a');
      g_string_append_printf (text, "4c+%u", (guint) event->length - 1);
      return;
    }
  if (event->length > 100)
    {
      for (gsize i = 0; i < event->length; i++)
        g_assert_cmpuint (event->data[i], ==, 'a');
      g_string_append_printf (text, "*%u", (guint) event->length);
      return;
    }
  for (gsize i = 0; i < event->length; i++)
    g_string_append_printf (text, "%02x", event->data[i]);
}

/* Puts up to @n bytes where the reader wants those of a large message, as a connection does; how many. */
static gsize
put (SynWsReader *reader, const guint8 *bytes, gsize n)
{
  gsize room_bytes = 0;
  guint8 *room = syn_ws_reader_get_room (reader, &room_bytes);

  if (room == NULL)
    return 0;
  g_assert_cmpuint (room_bytes, >, 0);
  n = MIN (n, room_bytes);
  memcpy (room, bytes, n);
  syn_ws_reader_put (reader, n);
  return n;
}

/* Gives @bytes in pieces of @piece, keeping what is not used as a connection does. */
static char *
run (const GByteArray *bytes, gsize piece, guint large_max, gboolean straight)
{
  SynWsReader reader = { .large_type = 0x4c, .large_max = large_max };
  g_autoptr (GByteArray) kept = g_byte_array_new ();
  GString *text = g_string_new (NULL);
  SynWsEvent event = { .kind = SYN_WS_MORE };
  gsize from = 0;

  do
    {
      gsize n = MIN (piece, bytes->len - from);

      if (straight && kept->len == 0)
        {
          gsize there = put (&reader, bytes->data + from, n);

          from += there;
          n -= there;
        }
      g_byte_array_append (kept, bytes->data + from, (guint) n);
      from += n;
      for (;;)
        {
          /* Exactly as long as it is, so that a sanitizer sees a read past its end. */
          g_autofree guint8 *exact = g_memdup2 (kept->data, kept->len);
          gsize used;

          syn_ws_reader_next (&reader, exact, kept->len, MESSAGE_MAX, &used, &event);
          if (event.kind != SYN_WS_MORE)
            describe (text, &event);
          g_assert_cmpuint (used, <=, kept->len);
          if (used > 0)
            g_byte_array_remove_range (kept, 0, (guint) used);
          if (event.kind == SYN_WS_MORE || event.kind == SYN_WS_CLOSE || event.kind == SYN_WS_FAIL)
            break;
        }
    }
  while (from < bytes->len && event.kind == SYN_WS_MORE);
  if (event.kind == SYN_WS_MORE)
    describe (text, &event);
  syn_ws_reader_clear (&reader);
  return g_string_free (text, FALSE);
}

static void
check_cases (const Case *some, guint n_cases, guint large_max, gboolean straight)
{
  static const gsize pieces[] = { G_MAXSIZE, 1, 2, 3, 7, 50 };

  for (guint i = 0; i < n_cases; i++)
    {
      g_autoptr (GByteArray) bytes = from_hex (some[i].bytes);

      for (guint p = 0; p < G_N_ELEMENTS (pieces); p++)
        {
          g_autofree char *events = run (bytes, pieces[p], large_max, straight);

          g_test_message ("%s, in pieces of %" G_GSIZE_FORMAT, some[i].name, pieces[p]);
          g_assert_cmpstr (events, ==, some[i].events);
        }
    }
}

static void
test_reader (void)
{
  check_cases (cases, G_N_ELEMENTS (cases), 0, FALSE);
  check_cases (cases, G_N_ELEMENTS (cases), 0, TRUE);
}

static void
test_large (void)
{
  check_cases (large_cases, G_N_ELEMENTS (large_cases), 1000, FALSE);
  check_cases (large_cases, G_N_ELEMENTS (large_cases), 1000, TRUE);
}

/* A masked large message, whose memory changes hands. */
static void
test_steal (void)
{
  SynWsReader reader = { .large_type = 0x4c, .large_max = 4000 };
  g_autoptr (GByteArray) frame = from_hex ("82fe0bb8 " "0f1e2d3c");
  SynWsEvent event;
  g_autofree guint8 *message = NULL;
  gsize used;

  for (guint i = 0; i < 3000; i++)
    {
      guint8 byte = (guint8) ((i == 0 ? 0x4c : i * 7) ^ MASK[i % 4]);

      g_byte_array_append (frame, &byte, 1);
    }
  g_assert_cmpint (syn_ws_reader_next (&reader, frame->data, 21, MESSAGE_MAX, &used, &event), ==, SYN_WS_MORE);
  g_assert_cmpuint (used, ==, 21);
  g_assert_cmpuint (syn_ws_reader_get_held (&reader), ==, 13);
  for (gsize from = used; from < frame->len; from += used)
    used = put (&reader, frame->data + from, MIN (1001, frame->len - from));
  g_assert_cmpint (syn_ws_reader_next (&reader, frame->data, 0, MESSAGE_MAX, &used, &event), ==, SYN_WS_MESSAGE);
  g_assert_cmpuint (event.length, ==, 3000);
  message = syn_ws_reader_steal (&reader);
  g_assert_true (message == event.data);
  for (guint i = 1; i < 3000; i++)
    g_assert_cmpuint (message[i], ==, (guint8) (i * 7));
  g_assert_cmpint (syn_ws_reader_next (&reader, frame->data, 0, MESSAGE_MAX, &used, &event), ==, SYN_WS_MORE);
  g_assert_cmpuint (syn_ws_reader_get_held (&reader), ==, 0);
}

/* One that has no room is read to its end, wherever that was found; what follows it is as it was. */
static void
test_drop (void)
{
  for (gsize at = 9; at < 3008; at += at < 40 ? 1 : 400)
    {
      SynWsReader reader = { .large_type = 0x4c, .large_max = 4000 };
      g_autoptr (GByteArray) frames = from_hex ("82fe0bb8 " "0f1e2d3c");
      SynWsEvent event;
      gsize from, used;
      guint n_events = 0;

      for (guint i = 0; i < 3000; i++)
        {
          guint8 byte = (guint8) ((0x4c + i) ^ MASK[i % 4]);

          g_byte_array_append (frames, &byte, 1);
        }
      g_byte_array_append (frames, (const guint8 *) "\x82\x81\0\0\0\0b", 7);
      g_assert_cmpint (syn_ws_reader_next (&reader, frames->data, at, MESSAGE_MAX, &used, &event), ==, SYN_WS_MORE);
      g_assert_cmpuint (used, ==, at);
      syn_ws_reader_drop (&reader);
      syn_ws_reader_drop (&reader);
      g_assert_cmpuint (syn_ws_reader_get_held (&reader), ==, 0);
      for (from = at; from < frames->len || n_events < 2; from += used)
        {
          g_assert_cmpuint (n_events, <, 2);
          g_assert_null (syn_ws_reader_get_room (&reader, &used));
          syn_ws_reader_next (&reader, frames->data + from, MIN (7, frames->len - from), MESSAGE_MAX, &used, &event);
          if (event.kind != SYN_WS_MESSAGE)
            continue;
          g_assert_cmpint (event.is_dropped, ==, n_events == 0);
          if (n_events++ > 0)
            g_assert_cmpmem (event.data, event.length, "b", 1);
          else
            g_assert_cmpmem (event.data, event.length, "LMNOPQRSTUVWXYZ[", SYN_WS_KEPT_BYTES);
        }
      syn_ws_reader_clear (&reader);
    }
}

static void
test_heads (void)
{
  static const struct {
    guint64 length;
    const char *head;
  } heads[] = {
    { 0, "8200" }, { 125, "827d" }, { 126, "827e007e" }, { 65535, "827effff" }, { 65536, "827f0000000000010000" },
    { G_GUINT64_CONSTANT (0x123456789a), "827f000000123456789a" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
    {
      guint8 head[SYN_WS_HEAD_MAX];
      g_autoptr (GByteArray) expected = from_hex (heads[i].head);
      guint n = syn_ws_frame_head (head, SYN_WS_OPCODE_BINARY, heads[i].length);

      g_assert_cmpmem (head, n, expected->data, expected->len);
    }
}

static void
test_close_frames (void)
{
  static const struct {
    guint16 code;
    const char *reason;
    const char *frame;
  } closes[] = {
    { 1000, NULL, "880203e8" },
    { 1001, "", "880203e9" },
    { 1002, "no", "880403ea6e6f" },
    { SYN_WS_CLOSE_NO_STATUS, "unsaid", "8800" },
  };
  guint8 frame[2 + SYN_WS_CONTROL_MAX];
  GString *reason = g_string_new ("x");
  guint n;

  for (guint i = 0; i < G_N_ELEMENTS (closes); i++)
    {
      g_autoptr (GByteArray) expected = from_hex (closes[i].frame);

      n = syn_ws_close_frame (frame, closes[i].code, closes[i].reason);
      g_assert_cmpmem (frame, n, expected->data, expected->len);
    }
  /* A reason that does not fit is cut between characters: 1 + 61 × 2 = 123. */
  for (guint i = 0; i < 100; i++)
    g_string_append (reason, "ü");
  n = syn_ws_close_frame (frame, 1002, reason->str);
  g_assert_cmpuint (n, ==, 2 + SYN_WS_CONTROL_MAX);
  g_assert_true (g_utf8_validate_len ((char *) frame + 4, n - 4, NULL));
  reason->str[0] = 'y';
  g_string_append_c (reason, 'z');
  g_string_erase (reason, 0, 1);
  n = syn_ws_close_frame (frame, 1002, reason->str);
  g_assert_cmpuint (n, ==, 2 + SYN_WS_CONTROL_MAX - 1);
  g_assert_true (g_utf8_validate_len ((char *) frame + 4, n - 4, NULL));
  g_string_free (reason, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/front/ws-frame/reader", test_reader);
  g_test_add_func ("/front/ws-frame/large", test_large);
  g_test_add_func ("/front/ws-frame/steal", test_steal);
  g_test_add_func ("/front/ws-frame/drop", test_drop);
  g_test_add_func ("/front/ws-frame/heads", test_heads);
  g_test_add_func ("/front/ws-frame/close-frames", test_close_frames);
  return g_test_run ();
}
