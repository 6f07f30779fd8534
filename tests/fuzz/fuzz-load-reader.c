/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a load client reads from whoever it was pointed at. The first byte says over which transport. Whatever comes: the events are the same
 * however the bytes were cut, and whether what may be dropped is; nothing is read behind the end. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "ctl-load-reader.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n";

static void
describe (GByteArray *text, const CtlLoadEvent *event)
{
  guint64 numbers[] = { event->kind, event->answer, event->view, event->token.epoch, event->token.serial, (guint64) event->time_us,
                        event->size_bytes, event->code, event->retry_ms, event->closes, event->text_bytes };

  g_assert ((event->kind == CTL_LOAD_FAIL) == (event->reason != NULL));
  g_assert (event->text_bytes <= CTL_LOAD_READER_HEAD_MAX);
  g_byte_array_append (text, (guint8 *) numbers, sizeof numbers);
  if (event->text_bytes > 0)
    g_byte_array_append (text, event->text, (guint) event->text_bytes);
}

static GByteArray *
run (CtlLoadTransport transport, const uint8_t *data, size_t size, size_t piece, gboolean skips)
{
  GByteArray *text = g_byte_array_new ();
  CtlLoadReader reader = { .transport = transport };
  CtlLoadEvent event = { .kind = CTL_LOAD_MORE };

  for (size_t from = 0; from < size && event.kind == CTL_LOAD_MORE;)
    {
      size_t n = MIN (piece, size - from);
      size_t dropped = skips ? (size_t) MIN (ctl_load_reader_skippable (&reader), n) : 0;
      g_autofree uint8_t *exact = g_malloc (n - dropped + 1); /* not NULL; the sanitizer sees all but one byte past the end */
      const uint8_t *at = exact + 1;

      memcpy (exact + 1, data + from + dropped, n - dropped);
      ctl_load_reader_skip (&reader, dropped);
      from += n;
      n -= dropped;
      do
        {
          gsize used = ctl_load_reader_next (&reader, at, n, &event);

          g_assert (used <= n);
          at += used;
          n -= used;
          if (event.kind != CTL_LOAD_MORE)
            describe (text, &event);
        }
      while (event.kind != CTL_LOAD_MORE && event.kind != CTL_LOAD_FAIL && event.kind != CTL_LOAD_CLOSE);
      g_assert (event.kind != CTL_LOAD_MORE || n == 0);
    }
  ctl_load_reader_clear (&reader);
  return text;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  CtlLoadTransport transport = size > 0 && data[0] == 'h' ? CTL_LOAD_HTTP : CTL_LOAD_WS;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GByteArray) whole = NULL;

  /* Frames come behind an upgrade; 'u': the bytes are all there is. */
  if (size > 0 && data[0] == 'w')
    g_byte_array_append (bytes, (const guint8 *) upgrade, sizeof upgrade - 1);
  if (size > 1)
    g_byte_array_append (bytes, data + 1, (guint) size - 1);
  whole = run (transport, bytes->data, bytes->len, G_MAXSIZE, FALSE);
  for (guint i = 0; i < 3; i++)
    {
      g_autoptr (GByteArray) cut = run (transport, bytes->data, bytes->len, (const size_t[]) { 1, 13, 300 }[i], i > 0);

      g_assert (cut->len == whole->len && (cut->len == 0 || memcmp (cut->data, whole->data, cut->len) == 0));
    }
  return 0;
}
