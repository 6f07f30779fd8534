/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom a lane lets wait, and when those that it refuses are to come again. */
#include "beacon-fixture.h"

/* Two limits: one for polls that something must be made for, one for those that only wait. */
static void
test_admission (Fixture *self, gconstpointer data)
{
  Reader first = { .set = self->set }, late = { .set = self->set }, held[4] = { 0 }, initial[4] = { 0 };
  guint n_polls;

  self->set->max_held = 3;
  self->set->max_initial = 2;
  poll_path (&first, "there", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (first.answer, ==, SYN_ANSWER_SNAPSHOT);
  for (guint i = 0; i < 4; i++)
    {
      held[i].set = initial[i].set = self->set;
      held[i].token = first.token;
      poll_path (&held[i], "there", 10000);
      poll_path (&initial[i], "empty", 10000);
    }
  syn_silo_settle (self->silo);
  for (guint i = 0; i < 4; i++)
    {
      g_assert_cmpint (held[i].code, ==, i < 3 ? 0 : SYN_ERROR_OVERLOADED);
      g_assert_cmpint (initial[i].code, ==, i < 2 ? 0 : SYN_ERROR_OVERLOADED);
    }
  g_assert_cmpuint (held[3].retry_ms, >=, SYN_RETRY_MS / 2);
  g_assert_cmpuint (status (self).waiting, ==, 5);
  /* A token does not help to what this lane has no snapshot of; nothing is resolved or asked for it. */
  late.token = first.token;
  n_polls = world.n_polls + world.n_resolved;
  poll_path (&late, "unheard-of", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (late.code, ==, SYN_ERROR_OVERLOADED);
  g_assert_cmpuint (world.n_polls + world.n_resolved, ==, n_polls);
  reader_clear (&late);
  syn_waiter_withdraw (&first.waiter);
  syn_waiter_withdraw (&held[0].waiter);
  /* One leaves: the refused one gets in, without saying its path again. */
  syn_waiter_cancel (&initial[0].waiter);
  poll_path (&initial[3], NULL, 10000);
  publish (self, "empty");
  syn_silo_settle (self->silo);
  g_assert_cmpint (initial[3].answer, ==, SYN_ANSWER_SNAPSHOT);

  for (guint i = 1; i < 4; i++)
    syn_waiter_withdraw (&held[i].waiter);
  syn_silo_advance (self->silo, 3 * SYN_BEACON_LIFE_MS / 2); /* "there" is gone */
  poll_path (&initial[2], NULL, 0);
  syn_silo_settle (self->silo);
  self->set->max_beacons = 1;
  initial[0].token = initial[1].token = REPLICA_TOKEN_NONE;
  poll_path (&initial[0], "another", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (initial[0].code, ==, SYN_ERROR_OVERLOADED);
  poll_path (&initial[1], "EMPTY", 10000); /* it lives already */
  syn_silo_settle (self->silo);
  g_assert_cmpint (initial[1].answer, ==, SYN_ANSWER_SNAPSHOT);
  self->set->max_beacons = 2;
  poll_path (&initial[0], NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (initial[0].answer, ==, SYN_ANSWER_SNAPSHOT);
  for (guint i = 0; i < 4; i++)
    {
      reader_clear (&held[i]);
      reader_clear (&initial[i]);
    }
  g_assert_cmpuint (self->set->n_held + self->set->n_initial, ==, 0);
}

/* All come back at once with the token that is still the newest, to a lane that has forgotten: new until it knows that, then held. */
static void
test_new_becomes_held (Fixture *self, gconstpointer data)
{
  Reader readers[4] = { 0 };

  readers[0].set = self->set;
  poll_path (&readers[0], "there", 10000);
  syn_silo_settle (self->silo);
  syn_waiter_forget (&readers[0].waiter);
  syn_silo_advance (self->silo, 2 * SYN_BEACON_LIFE_MS);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  for (guint i = 0; i < 4; i++)
    {
      readers[i].set = self->set;
      readers[i].token = readers[0].token;
      poll_path (&readers[i], "there", 10000);
    }
  g_assert_cmpuint (self->set->n_initial, ==, 4);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (self->set->n_initial, ==, 0);
  g_assert_cmpuint (self->set->n_held, ==, 4);
  for (guint i = 0; i < 4; i++)
    reader_clear (&readers[i]);
  g_assert_cmpuint (self->set->n_held + self->set->n_initial, ==, 0);
}

/* Those behind a crowd that was refused in the same second are asked to wait longer than it, and none at the same time as the others. */
static void
test_crowd (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };
  guint least = G_MAXUINT, most = 0;

  self->set->max_initial = 0;
  for (guint i = 0; i < 2 * SYN_RETRY_CROWD + 100; i++)
    {
      poll_path (&reader, "there", 10000);
      syn_silo_settle (self->silo);
      g_assert_cmpint (reader.code, ==, SYN_ERROR_OVERLOADED);
      if (i == 99 || i == 2 * SYN_RETRY_CROWD - 1)
        least = G_MAXUINT, most = 0;
      least = MIN (least, reader.retry_ms);
      most = MAX (most, reader.retry_ms);
      if (i == 98)
        g_assert_true (least >= SYN_RETRY_MS / 2 && most < SYN_RETRY_MS * 3 / 2 && most - least > SYN_RETRY_MS / 4);
    }
  g_assert_cmpuint (least, >=, SYN_RETRY_MS * 3 / 2);
  g_assert_cmpuint (most, <, SYN_RETRY_MS * 9 / 2);
  g_assert_cmpuint (most - least, >, SYN_RETRY_MS);
  /* However many. */
  self->set->n_refused = G_MAXINT;
  poll_path (&reader, "there", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.retry_ms, >=, SYN_RETRY_MAX_MS / 2);
  g_assert_cmpuint (reader.retry_ms, <, SYN_RETRY_MAX_MS * 3 / 2);
  /* A second later it is another crowd. */
  syn_silo_advance (self->silo, SYN_RETRY_MS);
  poll_path (&reader, "there", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.retry_ms, <, SYN_RETRY_MS * 3 / 2);
  reader_clear (&reader);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add ("/beacon/admission", Fixture, NULL, fixture_setup, test_admission, fixture_teardown);
  g_test_add ("/beacon/new-becomes-held", Fixture, NULL, fixture_setup, test_new_becomes_held, fixture_teardown);
  g_test_add ("/beacon/crowd", Fixture, NULL, fixture_setup, test_crowd, fixture_teardown);
  return g_test_run ();
}
