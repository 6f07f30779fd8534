/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The parts of synopticctl load that need no server: its histograms, its time line, and the reader of its light client. */

#include <string.h>

#include "ctl-load-histogram.h"
#include "ctl-load-reader.h"
#include "ctl-load-timeline.h"

/* ---- histogram ---- */

static void
test_histogram_exact (void)
{
  g_autofree CtlHistogram *histogram = g_new0 (CtlHistogram, 1);

  g_assert_cmpint (ctl_histogram_quantile (histogram, 0.5), ==, 0);
  g_assert_cmpfloat (ctl_histogram_mean (histogram), ==, 0);
  /* Up to 127 µs each value has its own bucket. */
  for (gint64 us = 1; us <= 100; us++)
    ctl_histogram_add (histogram, us);
  g_assert_cmpuint (histogram->count, ==, 100);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 0), ==, 1);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 0.5), ==, 50);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 0.9), ==, 90);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 0.99), ==, 99);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 0.999), ==, 100);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 1), ==, 100);
  g_assert_cmpfloat (ctl_histogram_mean (histogram), ==, 50.5);
}

static void
test_histogram_error (void)
{
  /* Alone in a histogram a value is its maximum, and exact; beside a larger one it is the end of its bucket. */
  for (gint64 us = 0; us < G_GINT64_CONSTANT (1) << 39; us = us + us / 3 + 1)
    {
      g_autofree CtlHistogram *histogram = g_new0 (CtlHistogram, 1);
      gint64 read;

      ctl_histogram_add (histogram, us);
      g_assert_cmpint (ctl_histogram_quantile (histogram, 0.5), ==, us);
      ctl_histogram_add_n (histogram, (G_GINT64_CONSTANT (1) << 40) - 1, 1);
      read = ctl_histogram_quantile (histogram, 0.5);
      g_assert_cmpint (read, >=, us);
      g_assert_cmpint (read - us, <=, us / 64);
    }
}

static void
test_histogram_ends (void)
{
  g_autofree CtlHistogram *histogram = g_new0 (CtlHistogram, 1);

  ctl_histogram_add (histogram, -5);
  ctl_histogram_add (histogram, G_MAXINT64);
  ctl_histogram_add_n (histogram, 7, 0);
  g_assert_cmpuint (histogram->count, ==, 2);
  g_assert_cmpint (histogram->min_us, ==, 0);
  g_assert_cmpint (histogram->max_us, ==, (G_GINT64_CONSTANT (1) << CTL_HISTOGRAM_VALUE_BITS) - 1);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 0.5), ==, 0);
  g_assert_cmpint (ctl_histogram_quantile (histogram, 1), ==, histogram->max_us);
}

static int
compare_values (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

/* Any split of random values, merged, is all of them; the quantiles are those of the sorted values, within a bucket; what came
 * after a copy is what was added after it. */
static void
test_histogram_merge (void)
{
  g_autofree CtlHistogram *all = g_new0 (CtlHistogram, 1), *parts = g_new0 (CtlHistogram, 2), *merged = g_new0 (CtlHistogram, 1);
  g_autofree CtlHistogram *later = g_new0 (CtlHistogram, 1);
  g_autoptr (GArray) values = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);

  for (guint i = 0; i < 20000; i++)
    {
      gint64 us = (gint64) 1 << g_rand_int_range (rand, 0, 30);

      us += (gint64) (g_rand_double (rand) * (double) us);
      ctl_histogram_add (all, us);
      ctl_histogram_add (&parts[i % 3 == 0], us);
      g_array_append_val (values, us);
    }
  ctl_histogram_merge (merged, &parts[0]);
  ctl_histogram_merge (merged, &parts[1]);
  merged->sum_us = all->sum_us; /* in another order: not to the bit */
  g_assert_cmpmem (merged, sizeof *merged, all, sizeof *all);
  ctl_histogram_since (all, &parts[0], later);
  g_assert_cmpuint (later->count, ==, parts[1].count);
  g_assert_cmpmem (later->buckets, sizeof later->buckets, parts[1].buckets, sizeof parts[1].buckets);
  g_assert_cmpint (later->max_us, >=, parts[1].max_us);
  g_assert_cmpint (later->max_us - parts[1].max_us, <=, parts[1].max_us / 64);
  g_array_sort (values, compare_values);
  for (guint i = 1; i <= 1000; i++)
    {
      gint64 exact = g_array_index (values, gint64, values->len / 1000 * i - 1), read = ctl_histogram_quantile (all, i / 1000.0);

      g_assert_cmpint (read, >=, exact);
      g_assert_cmpint (read - exact, <=, exact / 64);
    }
}

/* ---- time line ---- */

static void
complete_cb (gint64 made_us, gpointer data)
{
  g_array_append_val ((GArray *) data, made_us);
}

static void
test_timeline (void)
{
  g_autofree CtlTimeline *timeline = g_new0 (CtlTimeline, 1);
  g_autofree CtlHistogram *ages = g_new0 (CtlHistogram, 1);
  g_autoptr (GArray) complete = g_array_new (FALSE, FALSE, sizeof (gint64));

#define ARRIVED(held, made, now) ctl_timeline_arrived (timeline, held, made, now, 2, ages, complete_cb, complete)
  /* Two views come, and hold what was made at 100: that took nobody any time. */
  g_assert_cmpuint (ARRIVED (0, 100, 105), ==, 0);
  g_assert_cmpuint (ARRIVED (0, 100, 106), ==, 0);
  g_assert_cmpuint (ages->count, ==, 0);
  /* The fast one gets two, at once; the slow one only the second, after 90. */
  g_assert_cmpuint (ARRIVED (100, 200, 201), ==, 0);
  g_assert_cmpuint (ARRIVED (200, 250, 251), ==, 0);
  g_assert_cmpuint (complete->len, ==, 0);
  g_assert_cmpuint (ARRIVED (100, 250, 290), ==, 1);
  g_assert_cmpuint (ages->count, ==, 4);
  g_assert_cmpint (ages->max_us, ==, 90); /* the one that it skipped, made at 200 */
  g_assert_cmpuint (complete->len, ==, 2);
  g_assert_cmpint (g_array_index (complete, gint64, 0), ==, 250);
  g_assert_cmpint (g_array_index (complete, gint64, 1), ==, 200);
  /* The slow one sees one that the fast one has skipped, after the fast one has the next. */
  g_assert_cmpuint (ARRIVED (250, 400, 401), ==, 0);
  g_assert_cmpuint (ARRIVED (250, 300, 402), ==, 0);
  g_assert_cmpuint (complete->len, ==, 3);
  g_assert_cmpint (g_array_index (complete, gint64, 2), ==, 300);
  g_assert_cmpuint (ARRIVED (300, 400, 403), ==, 0);
  g_assert_cmpuint (complete->len, ==, 4);
  /* A long run forgets its start, and nothing else. */
  for (gint64 made = 500; made < 5000; made++)
    g_assert_cmpuint (ARRIVED (made == 500 ? 400 : made - 1, made, made + 1), ==, 0);
  g_assert_cmpuint (timeline->n, ==, CTL_TIMELINE_MAX);
  g_assert_cmpuint (ARRIVED (400, 4999, 5003), ==, CTL_TIMELINE_MAX - 1);
  g_assert_cmpuint (ARRIVED (400, 450, 5003), ==, 0); /* before all that is known */
#undef ARRIVED
}

/* ---- heads of responses ---- */

static void
test_http (void)
{
  const struct
  {
    const char *text;
    const char *wrong; /* (nullable) */
    CtlLoadHttpHead head;
  } cases[] = {
    { "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", NULL, { .status = 200, .body_bytes = 12 } },
    { "HTTP/1.1 200 OK\r\ncontent-length:\t0 \r\nX-Content-Length: 5\r\n\r\n", NULL, { .status = 200 } },
    { "HTTP/1.1 304 Not Modified\r\nETag: \"1-2\"\r\n\r\n", NULL, { .status = 304 } },
    { "HTTP/1.1 503\r\nRetry-After: 3\r\nConnection: Close\r\nContent-Length: 2\r\n\r\n", NULL,
      { .status = 503, .retry_ms = 3000, .body_bytes = 2, .closes = TRUE } },
    { "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", NULL, { .status = 200, .body_bytes = 1, .closes = TRUE } },
    { "HTTP/1.1 200 OK\r\n\r\n", "a response whose length is not said", { .status = 200 } },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "a response in chunks, which this client does not read", { .status = 200 } },
    { "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", "a response with a wrong Content-Length", { .status = 200, .body_bytes = 1 } },
    { "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "a response with a wrong Content-Length", { .status = 200 } },
    { "HTTP/2.0 200 OK\r\n\r\n", "not an HTTP response", { .status = 0 } },
    { "HTTP/1.1 2x0 OK\r\n\r\n", "not an HTTP response", { .status = 0 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      CtlLoadHttpHead head;
      gsize length = strlen (cases[i].text);

      for (gsize cut = 0; cut < length; cut++)
        g_assert_cmpuint (ctl_load_http_head_length (cases[i].text, cut), ==, 0);
      g_assert_cmpuint (ctl_load_http_head_length (cases[i].text, length), ==, length);
      g_assert_cmpstr (ctl_load_http_parse (cases[i].text, length, &head), ==, cases[i].wrong);
      g_assert_cmpuint (head.status, ==, cases[i].head.status);
      if (cases[i].wrong != NULL)
        continue;
      g_assert_cmpuint (head.body_bytes, ==, cases[i].head.body_bytes);
      g_assert_cmpuint (head.retry_ms, ==, cases[i].head.retry_ms);
      g_assert_cmpint (head.closes, ==, cases[i].head.closes);
    }
}

/* ---- the reader ---- */

static const char upgrade[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
                              "Sec-WebSocket-Protocol: synoptic.v1\r\n\r\n";

static void
add_frame (GByteArray *out, guint8 first, gconstpointer bytes, gsize length)
{
  guint8 head[10] = { first, (guint8) (length < 126 ? length : length <= 0xffff ? 126 : 127) };
  guint n = length < 126 ? 0 : length <= 0xffff ? 2 : 8;

  for (guint i = 0; i < n; i++)
    head[2 + i] = (guint8) (length >> (8 * (n - 1 - i)));
  g_byte_array_append (out, head, 2 + n);
  g_byte_array_append (out, bytes, (guint) length);
}

static GByteArray *
make_snapshot (guint32 view, guint64 serial, gsize body_bytes, gboolean with_head)
{
  GByteArray *message = g_byte_array_new ();
  ReplicaWireSnapshotHead head = { .type = REPLICA_WIRE_SNAPSHOT, .form = REPLICA_WIRE_FORM_FULL, .view = view, .body_bytes = (guint32) body_bytes };
  ReplicaWireSnapshot body = { .magic = REPLICA_WIRE_MAGIC, .version = 1, .epoch = 9, .serial = serial, .time_us = 1000 * (gint64) serial };

  if (with_head)
    g_byte_array_append (message, (guint8 *) &head, sizeof head);
  g_byte_array_append (message, (guint8 *) &body, sizeof body);
  g_byte_array_set_size (message, (guint) (body_bytes + (with_head ? sizeof head : 0)));
  memset (message->data + message->len - (body_bytes - sizeof body), 'x', body_bytes - sizeof body);
  return message;
}

/* What happened, as a line: one letter an event, with its numbers. */
static void
describe (GString *out, const CtlLoadEvent *event)
{
  static const char answers[] = "SUE";

  switch (event->kind)
    {
    case CTL_LOAD_MORE:
      break;
    case CTL_LOAD_UPGRADED:
      g_string_append (out, "up ");
      break;
    case CTL_LOAD_HEAD:
      g_string_append_printf (out, "%c%u", answers[event->answer], event->view);
      if (event->answer == CTL_LOAD_SNAPSHOT)
        g_string_append_printf (out, ":%" G_GINT64_MODIFIER "u@%" G_GINT64_MODIFIER "d/%" G_GINT64_MODIFIER "u", event->token.serial, event->time_us,
                                event->size_bytes);
      if (event->answer == CTL_LOAD_ERROR)
        g_string_append_printf (out, ":%u+%u(%.*s)", event->code, event->retry_ms, (int) event->text_bytes, (const char *) event->text);
      g_string_append_c (out, ' ');
      break;
    case CTL_LOAD_ANSWER:
      g_string_append_printf (out, "%c.%s ", answers[event->answer], event->closes ? "closes" : "");
      break;
    case CTL_LOAD_PING:
      g_string_append_printf (out, "ping(%.*s) ", (int) event->text_bytes, (const char *) event->text);
      break;
    case CTL_LOAD_CLOSE:
      g_string_append_printf (out, "close%u ", event->code);
      break;
    case CTL_LOAD_FAIL:
      g_string_append_printf (out, "fail(%s,%u)", event->reason, event->code);
      break;
    }
}

/* All events of @bytes, given in pieces of @piece; with @skips, what may be dropped is. */
static char *
read_all (CtlLoadTransport transport, const guint8 *bytes, gsize length, gsize piece, gboolean skips)
{
  GString *out = g_string_new (NULL);
  CtlLoadReader reader = { .transport = transport };
  CtlLoadEvent event = { .kind = CTL_LOAD_MORE };

  for (gsize from = 0; from < length && event.kind != CTL_LOAD_FAIL && event.kind != CTL_LOAD_CLOSE;)
    {
      gsize n = MIN (piece, length - from), skippable = skips ? MIN (ctl_load_reader_skippable (&reader), n) : 0;
      g_autofree guint8 *exact = g_memdup2 (bytes + from, n - skippable);
      const guint8 *at = exact != NULL ? exact : (const guint8 *) "";

      ctl_load_reader_skip (&reader, skippable);
      from += n;
      n -= skippable;
      if (exact == NULL)
        n = 0;
      else if (skippable > 0)
        memcpy (exact, bytes + from - n, n);
      do
        {
          gsize used = ctl_load_reader_next (&reader, at, n, &event);

          g_assert_cmpuint (used, <=, n);
          at += used;
          n -= used;
          describe (out, &event);
        }
      while (event.kind != CTL_LOAD_MORE && event.kind != CTL_LOAD_FAIL && event.kind != CTL_LOAD_CLOSE);
      g_assert_true (n == 0 || event.kind != CTL_LOAD_MORE);
    }
  ctl_load_reader_clear (&reader);
  return g_string_free (out, FALSE);
}

static void
assert_events (CtlLoadTransport transport, GByteArray *bytes, const char *expected)
{
  const gsize pieces[] = { 1, 2, 3, 7, 64, 1000, G_MAXSIZE };

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    for (guint skips = 0; skips < 2; skips++)
      {
        g_autofree char *events = NULL;

        if (bytes->len > 20000 && pieces[i] < 64)
          continue; /* it takes long, and cuts nothing that small ones do not have */
        events = read_all (transport, bytes->data, bytes->len, pieces[i], skips);
        g_assert_cmpstr (events, ==, expected);
      }
}

static GByteArray *
begin_ws (void)
{
  GByteArray *bytes = g_byte_array_new ();

  g_byte_array_append (bytes, (const guint8 *) upgrade, sizeof upgrade - 1);
  return bytes;
}

static void
test_reader_ws (void)
{
  g_autoptr (GByteArray) bytes = begin_ws ();
  g_autoptr (GByteArray) small = make_snapshot (3, 41, 64, TRUE), large = make_snapshot (4, 42, 70000, TRUE), cut = make_snapshot (5, 43, 5000, TRUE);
  ReplicaWireUnchanged unchanged = { .type = REPLICA_WIRE_UNCHANGED, .view = 3, .epoch = 9, .serial = 41 };
  ReplicaWireErrorHead error = { .type = REPLICA_WIRE_ERROR, .code = REPLICA_ERROR_OVERLOADED, .view = 3, .retry_ms = 1000, .message_bytes = 4 };
  guint8 text[20];

  add_frame (bytes, 0x82, large->data, large->len);
  assert_events (CTL_LOAD_WS, bytes, "up S4:42@42000/70000 S. ");
  g_byte_array_set_size (bytes, sizeof upgrade - 1);
  add_frame (bytes, 0x82, small->data, small->len);
  add_frame (bytes, 0x89, "still there?", 12);
  add_frame (bytes, 0x82, &unchanged, sizeof unchanged);
  /* In three frames, with a ping between, and an empty one at the end. */
  add_frame (bytes, 0x02, cut->data, 20);
  add_frame (bytes, 0x89, "", 0);
  add_frame (bytes, 0x00, cut->data + 20, cut->len - 20);
  add_frame (bytes, 0x8a, "unasked", 7);
  add_frame (bytes, 0x80, "", 0);
  memcpy (text, &error, sizeof error);
  memcpy (text + sizeof error, "full", 4);
  add_frame (bytes, 0x82, text, sizeof text);
  add_frame (bytes, 0x88, "\x03\xe9" "bye", 5);
  assert_events (CTL_LOAD_WS, bytes, "up S3:41@41000/64 S. ping(still there?) U3 U. ping() S5:43@43000/5000 S. E3:3+1000(full) E. close1001 ");
}

static void
test_reader_ws_bad (void)
{
  g_autoptr (GByteArray) snapshot = make_snapshot (3, 41, 64, TRUE);
  const struct
  {
    guint8 first;
    const char *bytes;
    gsize length;
    const char *expected;
  } cases[] = {
    { 0x81, "text", 4, "up fail(a text message,0)" },
    { 0x83, "", 0, "up fail(frames in a wrong order,0)" },
    { 0x80, "", 0, "up fail(frames in a wrong order,0)" },
    { 0xc2, "", 0, "up fail(a frame with a mask or reserved bits,0)" },
    { 0x82, "", 0, "up fail(a message that is too short,0)" },
    { 0x82, "\x82\0\0\0\0\0\0\0", 8, "up U0 fail(a message of a wrong length,0)" },
    { 0x82, "\x77\0\0\0\0\0\0\0", 8, "up fail(a message of an unknown type,0)" },
    { 0x82, "\x81\1\0\0\0\0\0\0\0", 9, "up fail(a snapshot that is too short,0)" },
    { 0x82, "\x83\0\1\0\0\0\0\0\0", 9, "up fail(an error that is too short,0)" },
    { 0x09, "", 0, "up fail(a wrong control frame,0)" },
    { 0x8b, "", 0, "up fail(a wrong control frame,0)" },
    { 0x88, "", 0, "up close0 " },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = begin_ws ();

      add_frame (bytes, cases[i].first, cases[i].bytes, cases[i].length);
      assert_events (CTL_LOAD_WS, bytes, cases[i].expected);
    }
  {
    /* Lengths that are not written the short way, or are no length; a snapshot that is not as long as it says, in another form, or none. */
    const guint8 long_way[] = { 0x82, 126, 0, 5 }, too_long[] = { 0x82, 127, 1, 0, 0, 0, 0, 0, 0, 0 }, masked[] = { 0x82, 0x80 };
    const struct
    {
      gconstpointer bytes;
      gsize length;
      const char *expected;
    } heads[] = { { long_way, sizeof long_way, "up fail(a frame whose length is not written the short way,0)" },
                  { too_long, sizeof too_long, "up fail(a message that is too long,0)" },
                  { masked, sizeof masked, "up fail(a frame with a mask or reserved bits,0)" } };
    const struct
    {
      guint at;
      guint8 byte;
      const char *expected;
    } changes[] = { { 8, 65, "up S3:41@41000/65 fail(a snapshot that is shorter or longer than it says,0)" },
                    { 1, 7, "up fail(a snapshot in a form that was not asked for,0)" },
                    { 16, 0, "up fail(a snapshot that does not begin as one,0)" } };

    for (guint i = 0; i < G_N_ELEMENTS (heads); i++)
      {
        g_autoptr (GByteArray) bytes = begin_ws ();

        g_byte_array_append (bytes, heads[i].bytes, (guint) heads[i].length);
        assert_events (CTL_LOAD_WS, bytes, heads[i].expected);
      }
    for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
      {
        g_autoptr (GByteArray) bytes = begin_ws ();
        g_autofree guint8 *copy = g_memdup2 (snapshot->data, snapshot->len);

        copy[changes[i].at] = changes[i].byte;
        add_frame (bytes, 0x82, copy, snapshot->len);
        assert_events (CTL_LOAD_WS, bytes, changes[i].expected);
      }
  }
}

static void
test_reader_refused (void)
{
  const struct
  {
    const char *text;
    const char *expected;
  } cases[] = {
    { "HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: 1\r\n\r\n", "fail(the upgrade to a WebSocket was refused,503)" },
    { "HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: wrong\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n", "fail(the upgrade to a WebSocket was refused,101)" },
    { "HTTP/1.1 101 Yes\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", "fail(the upgrade to a WebSocket was refused,101)" },
    { "SSH-2.0-OpenSSH_9\r\n\r\n", "fail(not an HTTP response,0)" },
  };
  g_autoptr (GByteArray) endless = g_byte_array_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GByteArray) bytes = g_byte_array_new ();

      g_byte_array_append (bytes, (const guint8 *) cases[i].text, (guint) strlen (cases[i].text));
      assert_events (CTL_LOAD_WS, bytes, cases[i].expected);
    }
  g_byte_array_set_size (endless, CTL_LOAD_HTTP_HEAD_MAX + 10);
  memset (endless->data, 'x', endless->len);
  assert_events (CTL_LOAD_WS, endless, "fail(a head of a response that is too long,0)");
  assert_events (CTL_LOAD_HTTP, endless, "fail(a head of a response that is too long,0)");
}

static void
test_reader_http (void)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (GByteArray) snapshot = make_snapshot (0, 7, 6000, FALSE);
  static const char head[] = "HTTP/1.1 200 OK\r\nETag: \"9-7\"\r\nContent-Length: 6000\r\n\r\n",
                    others[] = "HTTP/1.1 304 Not Modified\r\nETag: \"9-7\"\r\n\r\n"
                               "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\nContent-Length: 45\r\n\r\n{\"error\":{\"code\":\"overloaded\",\"message\":\"?\"}}"
                               "HTTP/1.1 404 None\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno";

  g_byte_array_append (bytes, (const guint8 *) head, sizeof head - 1);
  g_byte_array_append (bytes, snapshot->data, snapshot->len);
  g_byte_array_append (bytes, (const guint8 *) others, sizeof others - 1);
  assert_events (CTL_LOAD_HTTP, bytes,
                 "S0:7@7000/6000 S. U0 U. E0:3+2000({\"error\":{\"code\":\"overloaded\",\"message\":\"?\"}}) E. E0:2+0(no) E.closes ");
  {
    static const char small[] = "HTTP/1.1 200 OK\r\nContent-Length: 63\r\n\r\n", text[] = "HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n{\"path\":\"market/quotes\",\"token\":\"1-2\"";
    g_autoptr (GByteArray) bad = g_byte_array_new ();

    g_byte_array_append (bad, (const guint8 *) small, sizeof small - 1);
    assert_events (CTL_LOAD_HTTP, bad, "fail(a snapshot that is too short,0)");
    g_byte_array_set_size (bad, 0);
    g_byte_array_append (bad, (const guint8 *) text, sizeof text - 1);
    assert_events (CTL_LOAD_HTTP, bad, "fail(a snapshot that does not begin as one,0)");
  }
}

/* ---- what is sent ---- */

static void
test_requests (void)
{
  char out[CTL_LOAD_REQUEST_MAX + 64];
  ReplicaToken token = { .epoch = 0xabc, .serial = 16 };
  ReplicaWirePoll poll;
  gsize n = ctl_load_write_poll (out, CTL_LOAD_WS, "h:1", 7, "dir/p", token, 10000, 0x01020304);
  guint8 *frame = (guint8 *) out;

  g_assert_cmpuint (n, ==, 2 + 4 + sizeof poll + 5);
  g_assert_cmpuint (frame[0], ==, 0x82);
  g_assert_cmpuint (frame[1], ==, 0x80 + sizeof poll + 5);
  for (gsize i = 6; i < n; i++)
    frame[i] ^= frame[2 + ((i - 6) & 3)];
  memcpy (&poll, frame + 6, sizeof poll);
  g_assert_cmpuint (poll.type, ==, REPLICA_WIRE_POLL);
  g_assert_cmpuint (poll.path_bytes, ==, 5);
  g_assert_cmpuint (poll.view, ==, 7);
  g_assert_cmpuint (poll.epoch, ==, 0xabc);
  g_assert_cmpuint (poll.serial, ==, 16);
  g_assert_cmpuint (poll.hold_ms, ==, 10000);
  g_assert_cmpmem (frame + 6 + sizeof poll, 5, "dir/p", 5);

  n = ctl_load_write_poll (out, CTL_LOAD_HTTP, "h:1", 7, "dir/p?limit=3", token, 10000, 0);
  g_assert_cmpuint (n, ==, strlen (out));
  g_assert_cmpstr (out, ==, "GET /v1/projections/dir/p?limit=3 HTTP/1.1\r\nHost: h:1\r\nAccept: application/vnd.synoptic.snapshot\r\n"
                            "If-None-Match: \"abc-10\"\r\nPrefer: wait=10\r\n\r\n");
  ctl_load_write_poll (out, CTL_LOAD_HTTP, "h:1", 7, "p", (ReplicaToken) { 0 }, 0, 0);
  g_assert_cmpstr (out, ==, "GET /v1/projections/p HTTP/1.1\r\nHost: h:1\r\nAccept: application/vnd.synoptic.snapshot\r\n\r\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/load/histogram/exact", test_histogram_exact);
  g_test_add_func ("/load/histogram/error", test_histogram_error);
  g_test_add_func ("/load/histogram/ends", test_histogram_ends);
  g_test_add_func ("/load/histogram/merge", test_histogram_merge);
  g_test_add_func ("/load/timeline", test_timeline);
  g_test_add_func ("/load/http", test_http);
  g_test_add_func ("/load/reader/ws", test_reader_ws);
  g_test_add_func ("/load/reader/ws-bad", test_reader_ws_bad);
  g_test_add_func ("/load/reader/refused", test_reader_refused);
  g_test_add_func ("/load/reader/http", test_reader_http);
  g_test_add_func ("/load/requests", test_requests);
  return g_test_run ();
}
