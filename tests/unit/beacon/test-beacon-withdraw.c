/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Readers that withdraw: the poll of their beacon goes with the last of them, and not before. */
#include "beacon-fixture.h"

/* The last reader that withdraws takes the beacon's poll with it, at once; until then nothing is taken back. */
static void
test_withdraw (Fixture *self, gconstpointer data)
{
  Reader a = { .set = self->set, .again = TRUE }, b = { .set = self->set };
  guint polls;

  poll_path (&a, "quotes", 10000);
  poll_path (&b, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_out, ==, 1);
  /* One reader waits, the other has its answer and is on its way back. */
  syn_waiter_withdraw (&a.waiter);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_cancelled, ==, 0);
  g_assert_cmpuint (world.n_out, ==, 1);
  poll_path (&b, NULL, 10000);
  syn_silo_settle (self->silo);
  polls = world.n_polls;
  syn_waiter_withdraw (&b.waiter);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_cancelled, ==, 1);
  g_assert_cmpuint (world.n_out, ==, 0);
  g_assert_cmpuint (status (self).waiting, ==, 0);
  /* What changes now is nobody's: the beacon asks no more, and goes two holds after its last poll. */
  publish (self, "quotes");
  syn_silo_advance (self->silo, SYN_BEACON_LIFE_MS - 1);
  g_assert_cmpuint (status (self).beacons, ==, 1);
  g_assert_cmpuint (world.n_polls, ==, polls);
  /* Who comes back to it is not shown the past. */
  poll_path (&a, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (a.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_true (replica_token_equal (a.token, world.newest));
  g_assert_cmpuint (world.n_out, ==, 1);
  syn_waiter_withdraw (&a.waiter);
  syn_silo_advance (self->silo, SYN_BEACON_LIFE_MS);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  g_assert_cmpuint (world.n_out, ==, 0);
  g_assert_cmpuint (world.n_cancelled, ==, 2);
  reader_clear (&a);
  reader_clear (&b);
}

/* Withdrawn before the owner has said a word, and by a poll for another path. */
static void
test_withdraw_early (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };

  world.manner = SILENT;
  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_out, ==, 1);
  syn_waiter_withdraw (&reader.waiter);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_out, ==, 0);
  poll_path (&reader, "candles", 10000);
  syn_silo_settle (self->silo);
  syn_waiter_cancel (&reader.waiter); /* as a connection does before it polls again */
  poll_path (&reader, "trades", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_out, ==, 1);
  g_assert_cmpuint (world.n_cancelled, ==, 2);
  g_assert_cmpuint (reader.n_answers, ==, 0);
  reader_clear (&reader);
}

/* A reader over HTTP lets go of its waiter with each answer: a withdrawal beside it takes nothing back while it may come
 * back, and does when it has not. */
static void
test_withdraw_beside_http (Fixture *self, gconstpointer data)
{
  Reader http = { .set = self->set }, other = { .set = self->set, .again = TRUE };
  guint polls;

  poll_path (&other, "quotes", 10000);
  poll_path (&http, "quotes", 10000);
  syn_silo_settle (self->silo);
  reader_clear (&http);
  syn_waiter_withdraw (&other.waiter);
  syn_silo_advance (self->silo, SYN_BEACON_REPOLL_MS - 1);
  g_assert_cmpuint (world.n_cancelled, ==, 0);
  polls = world.n_polls;
  poll_path (&http, "quotes", 10000); /* just in time: nothing is asked again */
  syn_silo_advance (self->silo, 5000);
  g_assert_cmpuint (world.n_cancelled, ==, 0);
  g_assert_cmpuint (world.n_polls, ==, polls);
  publish (self, "quotes");
  syn_silo_settle (self->silo);
  reader_clear (&http);
  poll_path (&other, "quotes", 10000);
  syn_silo_settle (self->silo);
  syn_waiter_withdraw (&other.waiter);
  syn_silo_advance (self->silo, SYN_BEACON_REPOLL_MS);
  g_assert_cmpuint (world.n_cancelled, ==, 1); /* it did not come back */
  g_assert_cmpuint (world.n_out, ==, 0);
  reader_clear (&other);
}

/* A hundred questions typed, each withdrawn by the next: each is asked once and followed once, and in the end nobody asks. */
static void
test_typing (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set, .again = TRUE };

  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *path = g_strdup_printf ("quotes%u", i);

      syn_waiter_cancel (&reader.waiter);
      reader.token = REPLICA_TOKEN_NONE;
      poll_path (&reader, path, 10000);
      syn_silo_advance (self->silo, 100);
      g_assert_cmpuint (world.n_out, ==, 1);
    }
  g_assert_cmpuint (reader.n_answers, ==, 100);
  g_assert_cmpuint (world.n_polls, ==, 300); /* for the snapshot; whether it still is the newest; and one that follows */
  g_assert_cmpuint (world.n_cancelled, ==, 99);
  syn_waiter_withdraw (&reader.waiter);
  syn_silo_advance (self->silo, SYN_BEACON_LIFE_MS);
  g_assert_cmpuint (world.n_out, ==, 0);
  g_assert_cmpuint (world.n_polls, ==, 300);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  reader_clear (&reader);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/beacon/withdraw", Fixture, NULL, fixture_setup, test_withdraw, fixture_teardown);
  g_test_add ("/beacon/withdraw-early", Fixture, NULL, fixture_setup, test_withdraw_early, fixture_teardown);
  g_test_add ("/beacon/withdraw-beside-http", Fixture, NULL, fixture_setup, test_withdraw_beside_http, fixture_teardown);
  g_test_add ("/beacon/typing", Fixture, NULL, fixture_setup, test_typing, fixture_teardown);
  return g_test_run ();
}
