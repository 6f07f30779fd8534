/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaLink against a scripted silo: the connection, its end, its watchdog and its probe. */

#include <string.h>

#include "fake-silo.h"
#include "replica-link-internal.h"
#include "replica-wire.h"

typedef struct
{
  const char *name;
  guint8 bytes[32];
  gsize size;
} Garbage;

static void
test_garbage (void)
{
  const Garbage cases[] = {
    { "empty", { 0 }, 0 },
    { "unknown type", { 0x77, 0, 0, 0, 1, 0, 0, 0 }, 8 },
    { "a client's message", { 0x01, 1, 0, 0, 1, 0, 0, 0 }, 32 },
    { "a short snapshot", { 0x81, 1, 0, 0, 1, 0, 0, 0, 16, 0, 0, 0 }, 32 },
    { "another token unchanged", { 0x82, 0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 9 }, 24 },
    { "reserved in unchanged", { 0x82, 1, 0, 0, 1, 0, 0, 0 }, 24 },
    { "an error that lies about its size", { 0x83, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 200, 0, 0, 0 }, 16 },
    { "an error that is not UTF-8", { 0x83, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0xff }, 17 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      Fake *fake = fake_new ();
      FakeSeen seen;
      ReplicaView *view = fake_view_new (fake, "a", &seen);
      g_autoptr (FakePoll) poll = NULL;

      g_test_message ("%s", cases[i].name);
      replica_link_start (fake->link);
      poll = fake_take_poll (fake);
      g_assert_cmpuint (poll->view, ==, 1);
      fake_send (fake, cases[i].bytes, cases[i].size);
      fake_wait_state (fake, REPLICA_LINK_OFFLINE);
      g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "broke the protocol"));
      fake_wait_until (fake, soup_websocket_connection_get_state (fake_last_connection (fake))
                                 == SOUP_WEBSOCKET_STATE_CLOSED);
      g_assert_cmpuint (soup_websocket_connection_get_close_code (fake_last_connection (fake)), ==, 1002);
      fake_view_drop (view);
      fake_free (fake);
    }
}

static void
test_unasked (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) poll = NULL;
  FakePoll nobody = { .view = 4711, .path = (char *) "b" };

  replica_link_start (fake->link);
  poll = fake_take_poll (fake);
  /* For a view that is gone, as far as the link can tell: dropped. */
  fake_send_snapshot (fake, &nobody, 1, 1, 1);
  fake_send_error (fake, poll, REPLICA_ERROR_OVERLOADED, 5000, "later");
  fake_wait_until (fake, replica_view_get_error (view) != NULL);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_ONLINE);
  /* A second answer to one poll is none. */
  fake_send_snapshot (fake, poll, 1, 1, 1);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "an answer to nothing"));
  g_assert_cmpuint (seen.n, ==, 0);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_reconnect (void)
{
  for (guint how = 0; how < 3; how++)
    {
      Fake *fake = fake_new ();
      FakeSeen seen;
      ReplicaView *view = fake_view_new (fake, "a", &seen);
      g_autoptr (FakePoll) poll = NULL, again = NULL;

      replica_link_start (fake->link);
      fake_answer (fake, 0, 1, 10);
      fake_wait_until (fake, seen.n == 1);
      poll = fake_take_poll (fake);
      fake_advance_ms (fake, 2000);
      if (how == 0)
        soup_websocket_connection_close (fake_last_connection (fake), 1001, "draining");
      else if (how == 1)
        fake_vanish (fake);
      else
        soup_websocket_connection_send_text (fake_last_connection (fake), "hello");
      fake_wait_state (fake, REPLICA_LINK_OFFLINE);
      g_assert_nonnull (replica_link_get_last_error (fake->link));
      if (how == 0)
        g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "1001: draining"));
      g_assert_false (replica_view_get_live (view));
      g_assert_nonnull (replica_view_get_snapshot (view));
      g_assert_cmpint (replica_view_get_age_us (view), ==, 2000000);

      /* 0.25 s, ± 50 %; then the path is told again, with the token held. */
      fake_advance_ms (fake, 124);
      g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_OFFLINE);
      fake_advance_ms (fake, 252);
      again = fake_take_poll (fake);
      g_assert_cmpuint (again->connection, ==, 1);
      g_assert_true (again->has_path);
      g_assert_cmpuint (again->token.serial, ==, 1);
      g_assert_false (replica_view_get_live (view));
      fake_send_unchanged (fake, again);
      fake_wait_until (fake, replica_view_get_live (view));
      g_assert_cmpint (replica_view_get_age_us (view), ==, 0);
      g_assert_cmpuint (seen.n, ==, 1);
      fake_view_drop (view);
      fake_free (fake);
    }
}

static void
test_backoff (void)
{
  Fake *fake = fake_new ();
  gint64 expected_ms = 250;

  /* Nobody listens any more: each attempt fails, and the waits double up to 8 s. */
  fake_end_server (fake);
  replica_link_start (fake->link);
  for (guint i = 0; i < 9; i++)
    {
      gint64 waited_ms = 0;

      fake_wait_state (fake, REPLICA_LINK_OFFLINE);
      g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), fake->uri));
      while (replica_link_get_state (fake->link) == REPLICA_LINK_OFFLINE)
        {
          /* One step, then whatever is due: not fake_settle(), which would see the refusal too. */
          fake->now_us += 5000;
          waited_ms += 5;
          g_main_context_iteration (fake->context, FALSE);
        }
      g_assert_cmpint (waited_ms, >=, expected_ms / 2);
      g_assert_cmpint (waited_ms, <=, expected_ms * 3 / 2 + 5);
      expected_ms = MIN (expected_ms * 2, 8000);
    }
  fake_free (fake);
}

static void
test_two_views (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen_a, seen_b;
  ReplicaView *a = fake_view_new (fake, "a", &seen_a);
  ReplicaView *b = fake_view_new (fake, "b", &seen_b);
  g_autoptr (FakePoll) first = NULL, second = NULL;
  FakePoll *of_a, *of_b;

  replica_link_start (fake->link);
  first = fake_take_poll (fake);
  second = fake_take_poll (fake);
  of_a = strcmp (first->path, "a") == 0 ? first : second;
  of_b = of_a == first ? second : first;
  g_assert_cmpstr (of_b->path, ==, "b");
  g_assert_cmpuint (of_a->view, !=, of_b->view);
  fake_send_snapshot (fake, of_b, 2, 9, 200);
  fake_send_error (fake, of_a, REPLICA_ERROR_NOT_FOUND, 0, "no a here");
  fake_wait_until (fake, seen_b.n == 1 && replica_view_get_error (a) != NULL);
  g_assert_cmpint (seen_b.value, ==, 200);
  g_assert_null (replica_view_get_error (b));
  g_assert_true (replica_view_get_live (b));
  g_assert_false (replica_view_get_live (a));
  g_assert_cmpuint (fake->connections->len, ==, 1);
  fake_view_drop (a);
  g_clear_pointer (&second, fake_poll_free);
  second = fake_take_poll (fake);
  g_assert_cmpuint (second->token.serial, ==, 9);
  fake_view_drop (b);
  fake_free (fake);
}

static void
test_watchdog (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) first = NULL, again = NULL;
  g_autoptr (GBytes) large = NULL;
  gint64 values[2000] = { 10 };

  replica_link_start (fake->link);
  /* Much that came with an answer is not progress after it. */
  first = fake_take_poll (fake);
  large = fake_snapshot_bytes (first->path, (ReplicaToken){ 1, 1 }, values, G_N_ELEMENTS (values));
  fake_send_body (fake, first->view, large);
  fake_wait_until (fake, seen.n == 1);
  fake_settle (fake);
  g_assert_cmpuint (g_queue_get_length (&fake->polls), ==, 1); /* and never answered */
  fake_advance_ms (fake, 14999);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_ONLINE);
  g_assert_true (replica_view_get_live (view));
  fake_advance_ms (fake, 1);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_OFFLINE);
  g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "said nothing"));
  g_assert_false (replica_view_get_live (view));
  g_queue_clear_full (&fake->polls, (GDestroyNotify) fake_poll_free);
  fake_advance_ms (fake, 400);
  again = fake_take_poll (fake);
  g_assert_cmpuint (again->connection, ==, 1);
  fake_view_drop (view);
  fake_free (fake);
}

/* A server that accepts, and then is silent to the handshake, is given up as well. */
static void
test_mute_server (void)
{
  Fake *fake = fake_new ();
  g_autoptr (GSocketListener) mute = g_socket_listener_new ();
  g_autoptr (GError) error = NULL;
  guint16 port = g_socket_listener_add_any_inet_port (mute, NULL, &error);
  g_autofree char *uri = g_strdup_printf ("http://127.0.0.1:%u", port);

  g_assert_no_error (error);
  fake_set_link (fake, uri);
  replica_link_start (fake->link);
  fake_settle (fake);
  fake_advance_ms (fake, 9999);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_CONNECTING);
  fake_advance_ms (fake, 1);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_OFFLINE);
  g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "no answer"));
  fake_free (fake);
}

/* A large snapshot that is still arriving is not silence. */
static void
test_slow_arrival (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) poll = NULL;
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  g_autofree gint64 *values = g_new0 (gint64, 30000);
  g_autoptr (GBytes) body = NULL;
  GOutputStream *out;
  gsize sent = 0;

  replica_link_start (fake->link);
  poll = fake_take_poll (fake);
  for (guint i = 0; i < 30000; i++)
    values[i] = i + 5;
  body = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 1 }, values, 30000);
  {
    ReplicaWireSnapshotHead head = { .type = REPLICA_WIRE_SNAPSHOT,
                                     .form = REPLICA_WIRE_FORM_FULL,
                                     .view = poll->view,
                                     .body_bytes = (guint32) g_bytes_get_size (body) };
    guint64 payload = sizeof head + g_bytes_get_size (body);
    guint8 prefix[10] = { 0x82, 127 };

    for (guint i = 0; i < 8; i++)
      prefix[2 + i] = (guint8) (payload >> (56 - 8 * i));
    g_byte_array_append (frame, prefix, sizeof prefix);
    g_byte_array_append (frame, (const guint8 *) &head, sizeof head);
    g_byte_array_append (frame, g_bytes_get_data (body, NULL), (guint) g_bytes_get_size (body));
  }
  out = g_io_stream_get_output_stream (soup_websocket_connection_get_io_stream (fake_last_connection (fake)));
  for (guint piece = 0; piece < 5; piece++)
    {
      gsize end = frame->len / 5 * (piece + 1);

      while (sent < end)
        {
          gssize n = g_pollable_output_stream_write_nonblocking (G_POLLABLE_OUTPUT_STREAM (out),
                                                                 frame->data + sent, end - sent, NULL, NULL);
          sent += n > 0 ? (gsize) n : 0;
          fake_settle (fake);
        }
      fake_advance_ms (fake, 14000);
      g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_ONLINE);
    }
  while (sent < frame->len)
    {
      gssize n = g_pollable_output_stream_write_nonblocking (
          G_POLLABLE_OUTPUT_STREAM (out), frame->data + sent, frame->len - sent, NULL, NULL);
      sent += n > 0 ? (gsize) n : 0;
      fake_settle (fake);
    }
  fake_wait_until (fake, seen.n == 1);
  g_assert_cmpint (seen.value, ==, 5);
  g_assert_cmpuint (fake->connections->len, ==, 1);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_probe (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a?sort=last", &seen);
  FakePoll probe = { .view = REPLICA_LINK_PROBE_VIEW, .path = (char *) "a?sort=last" };
  g_autoptr (FakePoll) parked = NULL;
  gint64 rtt_us;
  double goodput;
  char *path;

  fake->answer_probes = FALSE;
  g_assert_cmpint (replica_link_get_rtt_us (fake->link), ==, -1);
  replica_link_start (fake->link);
  fake_answer (fake, 0, 3, 10);
  fake_wait_until (fake, fake->n_probes == 1);
  /* It rode behind the re-poll: the same path, the same token, no hold. */
  parked = fake_take_poll (fake);
  g_assert_cmpuint (parked->token.serial, ==, 3);
  g_assert_cmpuint (fake->probe.token.serial, ==, 3);
  g_assert_cmpuint (fake->probe.hold_ms, ==, 0);
  g_assert_true (fake->probe.has_path);
  fake_advance_ms (fake, 40);
  probe.token = parked->token;
  fake_send_unchanged (fake, &probe);
  fake_wait_until (fake, replica_link_get_rtt_us (fake->link) >= 0);
  g_assert_cmpint (replica_link_get_rtt_us (fake->link), ==, 40000);
  /* A parked poll and something heard a round trip after it: that is a confirmation. */
  g_assert_cmpint (replica_view_get_age_us (view), ==, 0);

  /* Quiet: 5 s, and then a little patience, in case an answer comes along. */
  fake_advance_ms (fake, 5000);
  fake_advance_ms (fake, 1499);
  g_assert_cmpuint (fake->n_probes, ==, 1);
  fake_advance_ms (fake, 1);
  g_assert_cmpuint (fake->n_probes, ==, 2);
  /* It fetches a snapshot: not a round trip, and the next waits for 10 s. */
  fake_send_snapshot (fake, &probe, 1, 4, 11);
  fake_advance_ms (fake, 3000);
  fake_send_unchanged (fake, parked);
  fake_advance_ms (fake, 6999);
  g_assert_cmpuint (fake->n_probes, ==, 2);
  g_assert_cmpint (replica_link_get_rtt_us (fake->link), ==, 40000);
  g_assert_cmpuint (seen.n, ==, 1);
  fake_advance_ms (fake, 2);
  fake_answer (fake, 3, 4, 11);
  fake_wait_until (fake, fake->n_probes == 3);
  rtt_us = -2;
  goodput = -1;
  g_object_get (fake->link, "rtt-us", &rtt_us, "goodput", &goodput, "uri", &path, NULL);
  g_assert_cmpint (rtt_us, ==, 40000);
  g_assert_cmpfloat (goodput, ==, 0);
  g_assert_cmpstr (path, ==, fake->uri);
  g_free (path);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_dispose_in_flight (void)
{
  for (guint when = 0; when < 5; when++)
    {
      Fake *fake = fake_new ();
      FakeSeen seen;
      ReplicaView *view = fake_view_new (fake, "a", &seen);

      replica_link_start (fake->link);
      for (guint i = 0; i < when; i++)
        g_main_context_iteration (fake->context, FALSE);
      if (when == 4)
        fake_answer (fake, 0, 1, 1);
      /* Neither is stopped first. */
      g_assert_finalize_object (view);
      g_assert_finalize_object (g_steal_pointer (&fake->link));
      fake_settle (fake);
      fake_free (fake);
    }
}

static void
drop_all_cb (ReplicaView *view, ReplicaSnapshot *snapshot, ReplicaDiff *diff, gpointer user_data)
{
  Fake *fake = user_data;

  replica_view_stop (view);
  g_object_unref (view);
  replica_link_stop (fake->link);
}

static void
test_dispose_in_handler (void)
{
  Fake *fake = fake_new ();
  ReplicaView *view = replica_view_new (fake->link, "a");
  ReplicaView *watched = view;

  g_object_add_weak_pointer (G_OBJECT (view), (gpointer *) &watched);
  g_signal_connect (view, "snapshot", G_CALLBACK (drop_all_cb), fake);
  replica_view_start (view);
  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 1);
  fake_wait_until (fake, watched == NULL);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_OFFLINE);
  fake_free (fake);
}

static void
test_uri (void)
{
  const struct
  {
    const char *uri;
    gboolean good;
  } cases[] = {
    { "http://127.0.0.1:7878", TRUE },     { "ws://127.0.0.1:7878/", TRUE },      { "http://[::1]:80", TRUE },
    { "http://silo.example", TRUE },       { "https://127.0.0.1:7878", TRUE },    { "127.0.0.1:7878", FALSE },
    { "wss://[::1]/", TRUE },              { "https://", FALSE },                 { "https://silo.example/v1", FALSE },
    { "ftp://silo.example", FALSE },
    { "http://127.0.0.1:7878/v1", FALSE }, { "http://127.0.0.1:99999", FALSE },   { "http://", FALSE },
    { "http://a@127.0.0.1", FALSE },       { "http://127.0.0.1:7878/?x", FALSE }, { "", FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (ReplicaLink) link = replica_link_new (cases[i].uri, &error);

      g_test_message ("%s", cases[i].uri);
      g_assert_cmpint (link != NULL, ==, cases[i].good);
      if (cases[i].good)
        g_assert_no_error (error);
      else
        g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
    }
}

static void
test_default_uri (void)
{
  g_autofree char *before = g_strdup (g_getenv ("SYNOPTIC_SERVER"));

  g_unsetenv ("SYNOPTIC_SERVER");
  g_assert_cmpstr (replica_default_uri (), ==, "http://127.0.0.1:7878");
  g_setenv ("SYNOPTIC_SERVER", "", TRUE);
  g_assert_cmpstr (replica_default_uri (), ==, "http://127.0.0.1:7878");
  g_setenv ("SYNOPTIC_SERVER", "http://[::1]:1", TRUE);
  g_assert_cmpstr (replica_default_uri (), ==, "http://[::1]:1");
  g_unsetenv ("SYNOPTIC_SERVER");
  if (before != NULL)
    g_setenv ("SYNOPTIC_SERVER", before, TRUE);
}

/* Nothing is measured before the first snapshot, which is the one that comes in full: then it counts whether connecting took as long as it does to somewhere far,
 * also through a tunnel, which has its end on loopback. */
static void
test_far (void)
{
  for (guint round = 0; round < 2; round++)
    {
      Fake *fake = fake_new ();
      FakeSeen seen;
      ReplicaView *view = fake_view_new (fake, "a", &seen);
      g_autoptr (FakePoll) poll = NULL;

      replica_link_start (fake->link);
      fake->now_us += round == 0 ? REPLICA_METER_FAR_LOOPBACK_US : 2 * REPLICA_METER_FAR_LOOPBACK_US;
      poll = fake_take_poll (fake);
      g_assert_true (fake->link->is_loopback);
      g_assert_cmpint ((poll->accept & REPLICA_WIRE_ACCEPT_ZSTD) != 0, ==, round == 1);
      g_assert_cmpint (replica_link_get_compresses (fake->link), ==, round == 1);
      fake_view_drop (view);
      fake_free (fake);
    }
}

/* What a message takes counts from its first byte, and only what came after that was seen. */
static void
test_first_byte (void)
{
  const guint n = 60000;
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autofree gint64 *values = g_new0 (gint64, n);
  g_autoptr (FakePoll) poll = NULL;
  g_autoptr (GBytes) body = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 1 }, values, n);
  gsize first_bytes, size = g_bytes_get_size (body) + sizeof (ReplicaWireSnapshotHead);

  replica_link_start (fake->link);
  poll = fake_take_poll (fake);
  g_assert_cmpint (fake->link->first_us, ==, -1);
  fake_advance_ms (fake, 5000); /* parked: that is not the link's doing */
  fake_send_body (fake, poll->view, body); /* far more than the sockets' buffers hold */
  fake_wait_until (fake, fake->link->first_us >= 0);
  first_bytes = fake->link->first_bytes;
  g_assert_cmpuint (first_bytes, >, 0);
  g_assert_cmpuint (first_bytes, <, size / 2);
  g_assert_cmpuint (seen.n, ==, 0);
  fake->now_us += G_USEC_PER_SEC / 20;
  fake_wait_until (fake, seen.n == 1);
  g_assert_cmpfloat_with_epsilon (replica_link_get_goodput (fake->link), (double) (size - first_bytes) * 20, 32 * 20); /* and the frame's head */
  g_assert_cmpint (fake->link->first_us, ==, -1);
  g_assert_false (replica_link_get_compresses (fake->link)); /* slow enough, but near, on loopback */
  fake->link->is_loopback = FALSE;
  g_clear_pointer (&poll, fake_poll_free);
  poll = fake_take_poll (fake);
  fake_send_snapshot (fake, poll, 1, 2, 5);
  fake_wait_until (fake, seen.n == 2);
  g_assert_true (replica_link_get_compresses (fake->link));
  g_assert_false (poll->accept & REPLICA_WIRE_ACCEPT_ZSTD); /* that one had left before */
  g_clear_pointer (&poll, fake_poll_free);
  poll = fake_take_poll (fake);
  g_assert_true (poll->accept & REPLICA_WIRE_ACCEPT_ZSTD);
  fake_view_drop (view);
  fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link/garbage", test_garbage);
  g_test_add_func ("/link/far", test_far);
  g_test_add_func ("/link/first-byte", test_first_byte);
  g_test_add_func ("/link/unasked", test_unasked);
  g_test_add_func ("/link/reconnect", test_reconnect);
  g_test_add_func ("/link/backoff", test_backoff);
  g_test_add_func ("/link/two-views", test_two_views);
  g_test_add_func ("/link/watchdog", test_watchdog);
  g_test_add_func ("/link/mute-server", test_mute_server);
  g_test_add_func ("/link/slow-arrival", test_slow_arrival);
  g_test_add_func ("/link/probe", test_probe);
  g_test_add_func ("/link/dispose-in-flight", test_dispose_in_flight);
  g_test_add_func ("/link/dispose-in-handler", test_dispose_in_handler);
  g_test_add_func ("/link/uri", test_uri);
  g_test_add_func ("/link/default-uri", test_default_uri);
  return g_test_run ();
}
