/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaView against a scripted silo: the rules of reactive polling, one test each. */

#include <string.h>

#include "fake-silo.h"
#include "replica-wire.h"

static void
test_loop (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "market/quotes?sort=-last", &seen);
  g_autoptr (FakePoll) first = NULL, second = NULL, third = NULL;

  g_assert_cmpint (replica_view_get_age_us (view), ==, -1);
  g_assert_false (replica_view_get_live (view));
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_OFFLINE);
  replica_link_start (fake->link);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_CONNECTING);
  fake_wait_state (fake, REPLICA_LINK_ONLINE);
  g_assert_null (replica_link_get_last_error (fake->link));
  g_assert_cmpstr (soup_websocket_connection_get_protocol (replica_link_get_connection (fake->link)), ==,
                   "synoptic.v1");
  g_assert_null (soup_websocket_connection_get_extensions (replica_link_get_connection (fake->link)));

  first = fake_take_poll (fake);
  g_assert_true (first->has_path);
  g_assert_cmpstr (first->path, ==, "market/quotes?sort=-last");
  g_assert_true (replica_token_equal (first->token, REPLICA_TOKEN_NONE));
  g_assert_cmpuint (first->hold_ms, ==, 10000);
  g_assert_cmpuint (first->view, !=, REPLICA_LINK_PROBE_VIEW);

  fake_send_snapshot (fake, first, 5, 3, 42);
  second = fake_take_poll (fake);
  g_assert_false (second->has_path);
  g_assert_cmpuint (second->token.epoch, ==, 5);
  g_assert_cmpuint (second->token.serial, ==, 3);
  fake_wait_until (fake, seen.n == 1);
  g_assert_cmpint (seen.value, ==, 42);
  g_assert_cmpuint (seen.n_added, ==, 2);
  g_assert_true (replica_view_get_live (view));
  g_assert_cmpuint (replica_view_get_n_received (view), ==, 1);
  g_assert_cmpuint (replica_view_get_n_skipped (view), ==, 0);

  /* `unchanged`, when the hold ends: asks again, shows nothing, and is a confirmation. */
  fake_advance_ms (fake, 9000);
  g_assert_cmpint (replica_view_get_age_us (view), <=, 9000000);
  fake_send_unchanged (fake, second);
  third = fake_take_poll (fake);
  g_assert_cmpuint (third->token.serial, ==, 3);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 0);
  g_assert_cmpuint (seen.n, ==, 1);
  g_assert_true (replica_view_get_live (view));

  fake_send_snapshot (fake, third, 5, 4, 43);
  fake_wait_until (fake, seen.n == 2);
  g_assert_cmpuint (seen.n_changed, ==, 1);
  g_assert_cmpuint (seen.n_added, ==, 0);
  fake_view_drop (view);
  fake_free (fake);
}

/* A server that is an edge says how old its own knowledge is: that is added. */
static void
test_age_at_an_edge (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) first = NULL, second = NULL, third = NULL;

  replica_link_start (fake->link);
  first = fake_take_poll (fake);
  fake->age_ms = 90000;
  fake_send_snapshot (fake, first, 5, 3, 42);
  second = fake_take_poll (fake);
  fake_wait_until (fake, seen.n == 1);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 90000000);
  fake_advance_ms (fake, 1000);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 91000000);
  /* Its upstream is there again, but not heard from for 2.5 s. */
  fake->age_ms = 2500;
  fake_send_unchanged (fake, second);
  third = fake_take_poll (fake);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 2500000);
  /* What was known once is not unknown again. */
  fake_advance_ms (fake, 1000);
  fake->age_ms = 600000;
  fake_send_unchanged (fake, third);
  g_clear_pointer (&first, fake_poll_free);
  first = fake_take_poll (fake);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 3500000);
  fake_view_drop (view);
  fake_free (fake);
}

/* One that confirms asks with hold 0 until it is answered, and so again on each connection. */
static void
test_confirms (void)
{
  Fake *fake = fake_new ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaView) view = replica_view_new (fake->link, "a");
  g_autoptr (FakePoll) first = NULL, second = NULL, third = NULL, fourth = NULL;

  replica_view_set_confirms (view, TRUE);
  replica_view_start (view);
  replica_link_start (fake->link);
  first = fake_take_poll (fake);
  g_assert_cmpuint (first->hold_ms, ==, 0);
  fake_send_snapshot (fake, first, 5, 3, 42);
  second = fake_take_poll (fake);
  g_assert_cmpuint (second->hold_ms, ==, 10000);
  fake_settle (fake);
  g_assert_true (replica_view_get_live (view));
  g_assert_cmpuint (replica_snapshot_get_token (replica_view_get_snapshot (view)).serial, ==, 3); /* nobody listens to `snapshot` */

  fake_vanish (fake);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_assert_false (replica_view_get_live (view));
  fake_advance_ms (fake, 400);
  third = fake_take_poll (fake);
  g_assert_cmpuint (third->hold_ms, ==, 0);
  g_assert_cmpuint (third->token.serial, ==, 3);
  g_assert_false (replica_view_get_live (view));
  fake_send_unchanged (fake, third);
  fourth = fake_take_poll (fake);
  g_assert_cmpuint (fourth->hold_ms, ==, 10000);
  g_assert_true (replica_view_get_live (view));
  replica_view_stop (view);
  g_clear_object (&view);
  fake_free (fake);
}

static void
test_poll_before_check (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) poll = NULL, next = NULL;
  const gint64 values[] = { 1, 2 };
  g_autoptr (GBytes) good = NULL, bad = NULL;
  guint8 *broken;

  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  poll = fake_take_poll (fake);
  good = fake_snapshot_bytes ("a", (ReplicaToken){ 1, 2 }, values, 2);
  broken = g_memdup2 (g_bytes_get_data (good, NULL), g_bytes_get_size (good));
  ((ReplicaWireSnapshot *) broken)->columns_offset = 0xfffffff8;
  bad = g_bytes_new_take (broken, g_bytes_get_size (good));
  fake_send_body (fake, poll->view, bad);

  /* The next poll was on its way before the snapshot turned out to be broken; the link then closes with 1002.
   */
  next = fake_take_poll (fake);
  g_assert_cmpuint (next->token.serial, ==, 2);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_assert_nonnull (replica_link_get_last_error (fake->link));
  fake_wait_until (fake, soup_websocket_connection_get_state (fake_last_connection (fake))
                             == SOUP_WEBSOCKET_STATE_CLOSED);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (fake_last_connection (fake)), ==, 1002);
  g_assert_cmpuint (seen.n, ==, 1);
  g_assert_cmpint (seen.value, ==, 10);
  g_assert_false (replica_view_get_live (view));

  /* After the back-off it asks with what it really has. */
  fake_advance_ms (fake, 400);
  fake_answer (fake, 1, 2, 11);
  fake_wait_until (fake, seen.n == 2);
  fake_view_drop (view);
  fake_free (fake);
}

/* The mark of what comes less often than it should: while it does, and not when nothing comes for another reason. */
static void
test_stretched (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  const gint64 value = 1;
  guint64 serial = 0;

  g_assert_cmpuint (replica_view_get_stretched_ms (view), ==, 0);
  replica_link_start (fake->link);
  for (guint16 tenths = 0; tenths <= 40; tenths += 20)
    {
      g_autoptr (FakePoll) poll = fake_take_poll (fake);
      g_autoptr (GBytes) plain = fake_snapshot_bytes ("a", (ReplicaToken) { 1, ++serial }, &value, 1);
      g_autoptr (GByteArray) marked = g_byte_array_new ();
      g_autoptr (GBytes) bytes = NULL;

      g_byte_array_append (marked, g_bytes_get_data (plain, NULL), (guint) g_bytes_get_size (plain));
      memcpy (marked->data + 6, &tenths, sizeof tenths);
      bytes = g_byte_array_free_to_bytes (g_steal_pointer (&marked));
      fake_send_body (fake, poll->view, bytes);
      fake_wait_until (fake, replica_view_get_snapshot (view) != NULL && replica_snapshot_get_token (replica_view_get_snapshot (view)).serial == serial);
      g_assert_cmpuint (replica_view_get_stretched_ms (view), ==, tenths * 100u);
    }
  replica_view_set_frozen (view, TRUE);
  g_assert_cmpuint (replica_view_get_stretched_ms (view), ==, 0);
  replica_view_set_frozen (view, FALSE);
  fake_advance_ms (fake, 8900);
  g_assert_cmpuint (replica_view_get_stretched_ms (view), ==, 4000);
  fake_advance_ms (fake, 200);
  g_assert_cmpuint (replica_view_get_stretched_ms (view), ==, 0);
  fake_view_drop (view);
  fake_free (fake);
}

/* A recovery is told by the text of an error, which anything may stand in. */
static void
test_recovering (void)
{
  static const struct
  {
    ReplicaError code;
    const char *text;
    int percent; /* -1: is none */
  } cases[] = {
    { REPLICA_ERROR_UNAVAILABLE, "projection \"a\" is recovering: 5 of 10 events (50 %)", 50 },
    { REPLICA_ERROR_UNAVAILABLE, "projection \"a\" is recovering: 18446744073709551615 of 18446744073709551615 events (100 %)", 100 },
    { REPLICA_ERROR_UNAVAILABLE, "projection \"a\" is recovering: 7 of 0 events (100 %)", 0 },
    { REPLICA_ERROR_UNAVAILABLE, "projection \"a\" is recovering: 9 of 2 events (100 %)", 100 },
    { REPLICA_ERROR_UNAVAILABLE, "projection \"a\" is recovering: 3 events, and its sources are being asked for what came after", 0 },
    { REPLICA_ERROR_UNAVAILABLE, "projection \"a\" is recovering: ", 0 },
    { REPLICA_ERROR_INTERNAL, "projection \"a\" is recovering: 5 of 10 events (50 %)", -1 },
    { REPLICA_ERROR_UNAVAILABLE, "the silo is ending", -1 },
  };
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  guint percent = 7;

  g_assert_false (replica_view_get_recovering (view, &percent));
  replica_link_start (fake->link);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (FakePoll) poll = fake_take_poll (fake);
      gboolean recovering;

      fake_send_error (fake, poll, cases[i].code, 1000, cases[i].text);
      fake_wait_until (fake, g_strcmp0 (replica_view_get_error (view), cases[i].text) == 0 && replica_view_get_error_code (view) == cases[i].code);
      recovering = replica_view_get_recovering (view, &percent);
      g_assert_cmpint (recovering, ==, cases[i].percent >= 0);
      g_assert_true (!recovering || (int) percent == cases[i].percent);
      g_assert_cmpint (replica_view_get_recovering (view, NULL), ==, recovering);
      fake_advance_ms (fake, 1000);
    }
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_error_and_retry (void)
{
  const struct
  {
    ReplicaError code;
    guint32 retry_ms;
    gint64 not_before_ms;
    gint64 by_ms;
  } cases[] = {
    { REPLICA_ERROR_OVERLOADED, 1500, 1499, 1500 },
    { REPLICA_ERROR_OVERLOADED, 1, 99, 100 }, /* a server that wants to be asked all the time is not */
    { REPLICA_ERROR_UNAVAILABLE, 0, 999, 1000 },
    { REPLICA_ERROR_INTERNAL, 0, 1999, 2000 }, /* the second in a row */
    { REPLICA_ERROR_NOT_FOUND, 0, 7999, 8000 },
    { REPLICA_ERROR_INVALID, 0, 7999, 8000 },
  };
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);

  replica_link_start (fake->link);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (FakePoll) poll = fake_take_poll (fake);
      g_autoptr (FakePoll) good = NULL;
      g_autofree char *text = g_strdup_printf ("no such column \"x\" at %u", i);

      g_test_message ("%s, retry %u", replica_error_to_string (cases[i].code), cases[i].retry_ms);
      fake_send_error (fake, poll, cases[i].code, cases[i].retry_ms, text);
      fake_wait_until (fake, g_strcmp0 (replica_view_get_error (view), text) == 0);
      g_assert_false (replica_view_get_live (view));
      g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_ONLINE);
      fake_advance_ms (fake, cases[i].not_before_ms);
      g_assert_true (g_queue_is_empty (&fake->polls));
      fake_advance_ms (fake, cases[i].by_ms - cases[i].not_before_ms);
      g_assert_cmpuint (g_queue_get_length (&fake->polls), ==, 1);
      if (cases[i].code == REPLICA_ERROR_UNAVAILABLE)
        continue; /* so that the one after it is the second in a row */
      good = fake_take_poll (fake);
      g_assert_true (good->has_path); /* the server need not have kept it */
      fake_send_snapshot (fake, good, 1, 1 + i, i);
      fake_wait_until (fake, replica_view_get_error (view) == NULL && seen.value == i);
      g_assert_true (replica_view_get_live (view));
    }
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_freeze (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);

  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  fake_wait_until (fake, seen.n == 1);
  replica_view_set_frozen (view, TRUE);
  g_assert_true (replica_view_get_frozen (view));
  g_assert_cmpuint (replica_view_get_n_behind (view), ==, 0);
  fake_advance_ms (fake, 1000);
  fake_answer (fake, 1, 2, 11);
  fake_advance_ms (fake, 1000);
  fake_answer (fake, 2, 5, 12); /* two were skipped */
  fake_wait_until (fake, replica_view_get_n_received (view) == 3);
  g_assert_cmpuint (replica_view_get_n_behind (view), ==, 4);
  g_assert_cmpuint (seen.n, ==, 1);
  g_assert_cmpuint (replica_snapshot_get_token (replica_view_get_snapshot (view)).serial, ==, 1);
  /* Out of date since the first newer one may have been made: when ours was last confirmed. */
  g_assert_cmpint (replica_view_get_age_us (view), ==, 2000000);
  g_assert_true (replica_view_get_live (view));

  replica_view_set_frozen (view, FALSE);
  g_assert_cmpuint (seen.n, ==, 2);
  g_assert_cmpint (seen.value, ==, 12);
  g_assert_cmpuint (seen.n_changed, ==, 1);
  g_assert_cmpuint (replica_view_get_n_behind (view), ==, 0);
  g_assert_cmpuint (replica_view_get_n_skipped (view), ==, 2);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 0);

  /* Nothing missed: nothing shown. */
  replica_view_set_frozen (view, TRUE);
  replica_view_set_frozen (view, FALSE);
  g_assert_cmpuint (seen.n, ==, 2);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_interval (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);

  replica_view_set_min_interval_ms (view, 2000);
  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  fake_wait_until (fake, seen.n == 1);
  fake_advance_ms (fake, 500);
  fake_answer (fake, 1, 2, 11);
  fake_advance_ms (fake, 500);
  fake_answer (fake, 2, 3, 12);
  fake_wait_until (fake, replica_view_get_n_received (view) == 3);
  fake_advance_ms (fake, 999);
  g_assert_cmpuint (seen.n, ==, 1);
  fake_advance_ms (fake, 1);
  g_assert_cmpuint (seen.n, ==, 2); /* the newest wins */
  g_assert_cmpint (seen.value, ==, 12);
  fake_advance_ms (fake, 5000);
  g_assert_cmpuint (seen.n, ==, 2);
  fake_answer (fake, 3, 4, 13);
  fake_wait_until (fake, seen.n == 3); /* after a quiet time: at once */

  /* Frozen while one waits: it goes on waiting for the thaw. */
  fake_answer (fake, 4, 5, 14);
  fake_wait_until (fake, replica_view_get_n_received (view) == 5);
  replica_view_set_frozen (view, TRUE);
  g_assert_cmpuint (replica_view_get_n_behind (view), ==, 1);
  fake_advance_ms (fake, 4000);
  g_assert_cmpuint (seen.n, ==, 3);
  replica_view_set_frozen (view, FALSE);
  g_assert_cmpuint (seen.n, ==, 4);
  g_assert_cmpint (seen.value, ==, 14);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_tokens (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) poll = NULL, after = NULL;

  replica_link_start (fake->link);
  fake_answer (fake, 0, 7, 10);
  fake_answer (fake, 7, 12, 11);
  fake_wait_until (fake, seen.n == 2);
  g_assert_cmpuint (replica_view_get_n_skipped (view), ==, 4);

  /* Back within the epoch: refused, and not asked again at once. */
  fake_answer (fake, 12, 9, 99);
  fake_wait_until (fake, replica_view_get_error (view) != NULL);
  g_assert_nonnull (strstr (replica_view_get_error (view), "went back"));
  g_assert_cmpuint (seen.n, ==, 2);
  g_assert_cmpuint (replica_snapshot_get_token (replica_view_get_snapshot (view)).serial, ==, 12);
  fake_advance_ms (fake, 999);
  g_assert_true (g_queue_is_empty (&fake->polls));
  fake_advance_ms (fake, 1);

  /* Another epoch, a lower serial: a server that started again. */
  poll = fake_take_poll (fake);
  g_assert_cmpuint (poll->token.serial, ==, 12);
  fake_send_snapshot (fake, poll, 2, 1, 12);
  fake_wait_until (fake, seen.n == 3);
  g_assert_null (replica_view_get_error (view));
  g_assert_cmpuint (replica_view_get_n_skipped (view), ==, 4);
  after = fake_take_poll (fake);
  g_assert_cmpuint (after->token.epoch, ==, 2);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_guard (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  guint n;

  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  /* A server that does not hold is not asked in a loop. */
  for (guint round = 0; round < 3; round++)
    {
      for (n = 0; !replica_view_get_error (view) && n < 100; n++)
        {
          g_autoptr (FakePoll) poll = fake_take_poll (fake);

          if (n % 2 == 0)
            fake_send_unchanged (fake, poll);
          else
            fake_send_snapshot (fake, poll, 1, 1, 10); /* the same once more is nothing new either */
          fake_settle (fake);
        }
      g_assert_cmpuint (n, ==, 20);
      g_assert_true (g_queue_is_empty (&fake->polls));
      fake_advance_ms (fake, (1000 << round) - 1);
      g_assert_true (g_queue_is_empty (&fake->polls));
      fake_advance_ms (fake, 1);
      g_assert_cmpuint (g_queue_get_length (&fake->polls), ==, 1);
      if (round < 2)
        {
          g_autoptr (FakePoll) poll = fake_take_poll (fake);

          fake_send_unchanged (fake, poll);
          fake_wait_until (fake, replica_view_get_error (view) == NULL);
          n = 0;
          fake_advance_ms (fake, 1000);
        }
    }
  g_assert_cmpuint (seen.n, ==, 1);
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_stale (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) parked = NULL, fresh = NULL;

  g_assert_false (replica_view_get_stale (view)); /* there is nothing that could be */
  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  fake_wait_until (fake, seen.n == 1);
  parked = fake_take_poll (fake);
  fake_advance_ms (fake, 5000);
  g_assert_false (replica_view_get_stale (view));

  /* Another question: not live for a moment, and stale only when that lasts. */
  replica_view_set_path (view, "b");
  g_assert_false (replica_view_get_live (view));
  fresh = fake_take_poll (fake);
  fake_settle (fake);
  fake_advance_ms (fake, 1500);
  g_assert_false (replica_view_get_stale (view));
  fake_advance_ms (fake, 1);
  g_assert_true (replica_view_get_stale (view));
  replica_view_set_frozen (view, TRUE);
  g_assert_false (replica_view_get_stale (view)); /* that it stands still was asked for */
  replica_view_set_frozen (view, FALSE);
  fake_send_snapshot (fake, fresh, 1, 1, 20);
  fake_wait_until (fake, seen.n == 2);
  g_assert_false (replica_view_get_stale (view));

  /* Without a connection it is at once. */
  fake_vanish (fake);
  fake_wait_state (fake, REPLICA_LINK_OFFLINE);
  g_assert_true (replica_view_get_stale (view));
  fake_view_drop (view);
  fake_free (fake);
}

static void
test_stop (void)
{
  Fake *fake = fake_new ();
  FakeSeen seen;
  ReplicaView *view = fake_view_new (fake, "a", &seen);
  g_autoptr (FakePoll) parked = NULL, again = NULL;

  replica_link_start (fake->link);
  fake_answer (fake, 0, 1, 10);
  fake_wait_until (fake, seen.n == 1);
  parked = fake_take_poll (fake);
  replica_view_stop (view);
  fake_wait_until (fake, fake->withdrawn->len == 1);
  g_assert_cmpuint (g_array_index (fake->withdrawn, guint32, 0), ==, parked->view);
  g_assert_false (replica_view_get_live (view));
  g_assert_nonnull (replica_view_get_snapshot (view));
  fake_advance_ms (fake, 20000); /* and no watchdog minds */
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_ONLINE);
  g_assert_cmpint (replica_view_get_age_us (view), ==, 20000000);

  replica_view_start (view);
  again = fake_take_poll (fake);
  g_assert_cmpuint (again->token.serial, ==, 1); /* what it has, it has */
  fake_send_unchanged (fake, again);
  fake_wait_until (fake, replica_view_get_live (view));

  /* The link's own stop: the views wait, and go on with the next start. */
  replica_link_stop (fake->link);
  g_assert_cmpint (replica_link_get_state (fake->link), ==, REPLICA_LINK_OFFLINE);
  g_assert_null (replica_link_get_last_error (fake->link));
  g_assert_false (replica_view_get_live (view));
  fake_advance_ms (fake, 60000);
  g_assert_cmpuint (fake->connections->len, ==, 1);
  g_assert_cmpuint (soup_websocket_connection_get_close_code (fake_last_connection (fake)), ==, 1000);
  g_queue_clear_full (&fake->polls, (GDestroyNotify) fake_poll_free);
  replica_link_start (fake->link);
  fake_answer (fake, 1, 2, 11);
  fake_wait_until (fake, seen.n == 2);
  fake_view_drop (view);
  fake_free (fake);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/view/loop", test_loop);
  g_test_add_func ("/view/age-at-an-edge", test_age_at_an_edge);
  g_test_add_func ("/view/confirms", test_confirms);
  g_test_add_func ("/view/poll-before-check", test_poll_before_check);
  g_test_add_func ("/view/error-and-retry", test_error_and_retry);
  g_test_add_func ("/view/recovering", test_recovering);
  g_test_add_func ("/view/stretched", test_stretched);
  g_test_add_func ("/view/freeze", test_freeze);
  g_test_add_func ("/view/interval", test_interval);
  g_test_add_func ("/view/tokens", test_tokens);
  g_test_add_func ("/view/guard", test_guard);
  g_test_add_func ("/view/stale", test_stale);
  g_test_add_func ("/view/stop", test_stop);
  return g_test_run ();
}
