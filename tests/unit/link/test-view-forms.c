/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaView against a scripted silo: deltas and compressed snapshots, and those that do not fit. */

#include <string.h>

#include "fake-silo.h"
#include "replica-delta.h"
#include "replica-wire.h"
#include "replica-zstd.h"

/* @serial of "a", with @value, as what changed since @base_serial of @base_value; @damage: one of its values. */
static void
send_delta (Fake *fake, const FakePoll *poll, guint64 base_serial, gint64 base_value, guint64 serial, gint64 value, gboolean damage)
{
  gint64 before[64] = { base_value }, after[64] = { value };
  g_autoptr (GBytes) a = fake_snapshot_bytes ("a", (ReplicaToken){ 1, base_serial }, before, 64);
  g_autoptr (GBytes) b = fake_snapshot_bytes ("a", (ReplicaToken){ 1, serial }, after, 64);
  g_autoptr (ReplicaSnapshot) base = replica_snapshot_new_from_bytes (a, NULL);
  g_autoptr (ReplicaSnapshot) result = replica_snapshot_new_from_bytes (b, NULL);
  g_autoptr (GBytes) delta = base_serial != 0 ? replica_delta_make (base, result) : g_bytes_ref (b), sent = NULL;
  gsize size = g_bytes_get_size (delta);
  char *copy = g_memdup2 (g_bytes_get_data (delta, NULL), size);

  if (damage)
    copy[size - 8] ^= 1;
  sent = g_bytes_new_take (copy, size);
  fake_send_form (fake, poll->view, base_serial != 0 ? REPLICA_WIRE_FORM_DELTA : REPLICA_WIRE_FORM_FULL, sent);
}

static void
test_deltas (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) poll = NULL;
  ReplicaViewCounts counts;

  replica_link_start (fake->link);
  poll = fake_take_poll (fake);
  g_assert_cmpuint (poll->accept, ==, REPLICA_WIRE_ACCEPT_FULL); /* it has nothing to apply one to */
  send_delta (fake, poll, 0, 0, 1, 10, FALSE);
  g_clear_pointer (&poll, fake_poll_free);
  poll = fake_take_poll (fake);
  g_assert_cmpuint (poll->accept, ==, REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_DELTA);
  send_delta (fake, poll, 1, 10, 2, 20, FALSE);
  fake_wait_until (fake, seen.n == 2);
  g_assert_cmpint (seen.value, ==, 20);
  g_assert_cmpuint (seen.n_changed, ==, 1);

  /* While it is frozen they are applied to what is not shown. */
  replica_view_set_frozen (view, TRUE);
  for (guint64 serial = 3; serial <= 5; serial++)
    {
      g_clear_pointer (&poll, fake_poll_free);
      poll = fake_take_poll (fake);
      g_assert_cmpuint (poll->token.serial, ==, serial - 1);
      send_delta (fake, poll, serial - 1, (gint64) serial * 10 - 10, serial, (gint64) serial * 10, FALSE);
    }
  fake_wait_until (fake, replica_view_get_n_received (view) == 5);
  replica_view_set_frozen (view, FALSE);
  g_assert_cmpint (seen.value, ==, 50);
  replica_view_get_counts (view, &counts);
  g_assert_cmpuint (counts.n_full, ==, 1);
  g_assert_cmpuint (counts.n_deltas, ==, 4);
  g_assert_cmpuint (counts.n_refused, ==, 0);
  g_assert_cmpuint (counts.full_bytes, >, counts.delta_bytes / 4);
  fake_view_drop (view);
  fake_free (fake);
}

/* Asked for when that is said to pay: in full and as deltas. A damaged one ends the connection, as any damaged snapshot does. */
static void
test_compressed (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autofree gint64 *values = g_new0 (gint64, 500);
  g_autoptr (FakePoll) poll = NULL;
  g_autoptr (GBytes) full = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 1 }, values, 500), zstd = replica_zstd_compress (full);
  g_autoptr (GBytes) cut = NULL;
  ReplicaViewCounts counts;

  replica_link_start (fake->link);
  poll = fake_take_poll (fake);
  g_assert_false (poll->accept & REPLICA_WIRE_ACCEPT_ZSTD); /* not on loopback */
  g_assert_false (replica_link_get_compresses (fake->link));
  replica_link_set_compression (fake->link, REPLICA_COMPRESSION_ALWAYS);
  fake_send_body (fake, poll->view, full);
  g_clear_pointer (&poll, fake_poll_free);
  poll = fake_take_poll (fake);
  g_assert_cmpuint (poll->accept, ==, REPLICA_WIRE_ACCEPT_ALL);
  g_bytes_unref (full);
  g_bytes_unref (zstd);
  values[0] = 99;
  full = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 2 }, values, 500);
  zstd = replica_zstd_compress (full);
  fake_send_form (fake, poll->view, REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD, zstd);
  fake_wait_until (fake, seen.n == 2);
  g_assert_cmpint (seen.value, ==, 99);
  replica_view_get_counts (view, &counts);
  g_assert_cmpuint (counts.n_compressed, ==, 1);
  g_assert_cmpuint (counts.n_full, ==, 2);
  replica_link_set_compression (fake->link, REPLICA_COMPRESSION_AUTO);
  g_assert_false (replica_link_get_compresses (fake->link));

  g_clear_pointer (&poll, fake_poll_free);
  poll = fake_take_poll (fake);
  g_bytes_unref (full);
  g_bytes_unref (zstd);
  full = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 3 }, values, 500);
  zstd = replica_zstd_compress (full);
  cut = g_bytes_new_from_bytes (zstd, 0, g_bytes_get_size (zstd) - 1);
  fake_send_form (fake, poll->view, REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD, cut);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_assert_cmpint (seen.value, ==, 99);
  fake_view_drop (view);
  fake_free (fake);
}

/* One that does not fit: nothing of it is shown, the poll that was out is withdrawn, and the whole is asked for. After three in a row
 * no more are. */
static void
test_bad_deltas (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) poll = NULL;
  ReplicaViewCounts counts;
  guint64 serial = 1;

  replica_link_start (fake->link);
  poll = fake_take_poll (fake);
  send_delta (fake, poll, 0, 0, serial, 10, FALSE);
  for (guint i = 1; i <= 3; i++)
    {
      guint32 id = poll->view;

      g_clear_pointer (&poll, fake_poll_free);
      poll = fake_take_poll (fake);
      fake_wait_until (fake, seen.n == i);
      g_assert_cmpuint (poll->accept, ==, REPLICA_WIRE_ACCEPT_FULL | REPLICA_WIRE_ACCEPT_DELTA);
      g_assert_cmpuint (poll->token.serial, ==, serial);
      if (i == 2) /* against another base */
        send_delta (fake, poll, serial + 5, 77, serial + 1, 20, FALSE);
      else
        send_delta (fake, poll, serial, (gint64) i * 10, serial + 1, 20, TRUE);
      serial++;
      g_clear_pointer (&poll, fake_poll_free);
      poll = fake_take_poll (fake); /* the one that had left before the delta was looked at is withdrawn */
      g_assert_cmpuint (poll->view, !=, id);
      g_assert_cmpuint (g_array_index (fake->withdrawn, guint32, i - 1), ==, id);
      g_assert_true (replica_token_equal (poll->token, REPLICA_TOKEN_NONE));
      g_assert_cmpuint (poll->accept, ==, REPLICA_WIRE_ACCEPT_FULL);
      g_assert_cmpuint (seen.n, ==, i);
      g_assert_cmpint (seen.value, ==, (gint64) i * 10);
      g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_ONLINE);
      send_delta (fake, poll, 0, 0, ++serial, (gint64) (i + 1) * 10, FALSE);
    }
  g_clear_pointer (&poll, fake_poll_free);
  poll = fake_take_poll (fake);
  g_assert_cmpuint (poll->accept, ==, REPLICA_WIRE_ACCEPT_FULL);
  g_assert_cmpuint (poll->token.serial, ==, serial);
  fake_wait_until (fake, seen.n == 4);
  replica_view_get_counts (view, &counts);
  g_assert_cmpuint (counts.n_refused, ==, 3);
  g_assert_cmpuint (counts.n_full, ==, 4);

  /* Another path, another chance. But one that was not asked for is an offence. */
  replica_view_set_path (view, "b");
  g_clear_pointer (&poll, fake_poll_free);
  poll = fake_take_poll (fake);
  send_delta (fake, poll, 1, 10, 2, 20, FALSE);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_assert_nonnull (strstr (replica_link_get_last_error (fake->link), "not asked for"));
  fake_view_drop (view);
  fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/view/deltas", test_deltas);
  g_test_add_func ("/view/compressed", test_compressed);
  g_test_add_func ("/view/bad-deltas", test_bad_deltas);
  return g_test_run ();
}
