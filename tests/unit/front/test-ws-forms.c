/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The forms of a snapshot over a WebSocket: in full or as a delta, compressed or not; made on the lane or beside it, each once. */
#include "ws-fixture.h"

#include "replica-wire.h"
#include "syn-ws-private.h"

#define BOTH (REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_DELTA)
#define ALL REPLICA_WIRE_ACCEPT_ALL

static void
test_deltas (Fixture *f, gconstpointer data)
{
  Client *fast = open_client (f), *slow = open_client (f), *plain = open_client (f);
  g_autoptr (ReplicaSnapshot) first = NULL, newest = NULL, other = NULL;
  gint64 sent = fixture_metric (f, syn_ws_metrics.deltas), made = fixture_metric (f, syn_ws_metrics.deltas_made);
  gint64 delta_bytes = fixture_metric (f, syn_ws_metrics.delta_bytes), full_bytes = fixture_metric (f, syn_ws_metrics.full_bytes);

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
  g_assert_cmpint (fixture_metric (f, syn_ws_metrics.deltas) - sent, ==, 5);
  g_assert_cmpint (fixture_metric (f, syn_ws_metrics.deltas_made) - made, ==, 4);
  g_assert_cmpint (fixture_metric (f, syn_ws_metrics.delta_bytes) - delta_bytes, <, 5 * 400);

  /* In full: to who does not take deltas, and who names what nobody knows. */
  send_poll (f, plain, 1, "quotes", replica_snapshot_get_token (first), 0);
  replica_snapshot_unref (take_form (f, plain, 1, REPLICA_WIRE_FORM_FULL, NULL));
  send_poll_accept (f, slow, 1, NULL, (ReplicaToken) { 1, 1 }, 0, BOTH);
  replica_snapshot_unref (take_form (f, slow, 1, REPLICA_WIRE_FORM_FULL, NULL));
  /* And when that is less: other texts. */
  send_poll_accept (f, slow, 1, NULL, replica_snapshot_get_token (newest), 10000, BOTH);
  fixture_publish_text (f, 10, 3);
  replica_snapshot_unref (take_form (f, slow, 1, REPLICA_WIRE_FORM_FULL, NULL));
  g_assert_cmpint (fixture_metric (f, syn_ws_metrics.full_bytes) - full_bytes, >, 4 * 5000);
  close_client (f, fast);
  close_client (f, slow);
  close_client (f, plain);
}

/* Small ones on the lane, large ones by the thread; each once, for all. */
static void
test_compressed (Fixture *f, gconstpointer data)
{
  Client *a = open_client (f), *b = open_client (f), *plain = open_client (f);
  const guint rows[] = { 500, 30000 };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (ReplicaSnapshot) first = NULL, second = NULL;
      gint64 made = fixture_metric (f, syn_ws_metrics.compressions), sent = fixture_metric (f, syn_ws_metrics.compressed);
      gint64 bytes = fixture_metric (f, syn_ws_metrics.compressed_bytes);
      gsize size;

      fixture_publish_text (f, rows[i], 100);
      send_poll_accept (f, a, 1, "quotes", REPLICA_TOKEN_NONE, 0, ALL);
      first = take_form (f, a, 1, REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD, NULL);
      size = g_bytes_get_size (replica_snapshot_get_bytes (first));
      g_assert_cmpint (size > SYN_COMPRESS_INLINE_BYTES, ==, i == 1);
      send_poll_accept (f, b, 1, "quotes", REPLICA_TOKEN_NONE, 0, REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_ZSTD);
      second = take_form (f, b, 1, REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD, NULL);
      g_assert_true (g_bytes_equal (replica_snapshot_get_bytes (first), replica_snapshot_get_bytes (second)));
      g_assert_cmpint (fixture_metric (f, syn_ws_metrics.compressions) - made, ==, 1);
      g_assert_cmpint (fixture_metric (f, syn_ws_metrics.compressed) - sent, ==, 2);
      g_assert_cmpint (fixture_metric (f, syn_ws_metrics.compressed_bytes) - bytes, <, (gint64) size);
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
  gint64 made = fixture_metric (f, syn_ws_metrics.deltas_made);

  fixture_publish_text (f, 300000, 100);
  send_poll_accept (f, client, 1, "quotes", REPLICA_TOKEN_NONE, 0, BOTH);
  first = take_form (f, client, 1, REPLICA_WIRE_FORM_FULL, NULL);
  g_assert_cmpuint (g_bytes_get_size (replica_snapshot_get_bytes (first)), >, SYN_DELTA_INLINE_BYTES);
  send_poll_accept (f, client, 1, NULL, replica_snapshot_get_token (first), 10000, BOTH);
  fixture_publish_text (f, 300000, 100);
  second = take_form (f, client, 1, REPLICA_WIRE_FORM_DELTA, first);
  g_assert_cmpint (fixture_metric (f, syn_ws_metrics.deltas_made) - made, ==, 1);

  for (guint i = 0; i < 2; i++)
    lanes[i]->max_jobs = 0;
  send_poll_accept (f, client, 1, NULL, replica_snapshot_get_token (second), 10000, ALL);
  fixture_publish_text (f, 300000, 100);
  third = take_form (f, client, 1, REPLICA_WIRE_FORM_FULL, NULL);
  send_poll_accept (f, client, 2, "quotes", REPLICA_TOKEN_NONE, 0, ALL);
  fourth = take_form (f, client, 2, REPLICA_WIRE_FORM_FULL, NULL);
  g_assert_cmpint (fixture_metric (f, syn_ws_metrics.deltas_made) - made, ==, 1);
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
  return g_test_run ();
}
