/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Beacons on a stepped silo, over an owner that does what the test says. */
#include "beacon-fixture.h"

static void
test_fan_out (Fixture *self, gconstpointer data)
{
  guint n = 1000;
  g_autofree Reader *readers = g_new0 (Reader, n);
  guint polls;

  for (guint i = 0; i < n; i++)
    {
      readers[i].set = self->set;
      readers[i].again = TRUE;
      poll_path (&readers[i], "quotes", 10000);
    }
  g_assert_cmpuint (status (self).waiting, ==, n);
  syn_silo_settle (self->silo);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (readers[i].n_answers, ==, 1);
      g_assert_true (readers[i].snapshot == readers[0].snapshot);
    }
  g_assert_cmpuint (status (self).beacons, ==, 1);
  g_assert_cmpuint (status (self).waiting, ==, n);
  /* From here on one poll a snapshot, for all of them. */
  polls = world.n_polls;
  g_assert_cmpuint (polls, <=, 3);
  for (guint round = 1; round <= 5; round++)
    {
      syn_silo_advance (self->silo, 1000);
      publish (self, "quotes");
      syn_silo_settle (self->silo);
      for (guint i = 0; i < n; i++)
        {
          g_assert_cmpuint (readers[i].n_answers, ==, 1 + round);
          g_assert_true (replica_token_equal (readers[i].token, world.newest));
        }
      g_assert_cmpuint (world.n_polls, ==, polls + round);
    }
  g_assert_cmpuint (world.max_out, ==, 1);
  g_assert_cmpuint (world.n_resolved, ==, 1);
  for (guint i = 0; i < n; i++)
    reader_clear (&readers[i]);
  g_assert_cmpuint (status (self).waiting, ==, 0);
}

static void
test_slices (Fixture *self, gconstpointer data)
{
  guint n = 3000, n_answered, most = 0;
  g_autofree Reader *readers = g_new0 (Reader, n);

  for (guint i = 0; i < n; i++)
    {
      readers[i].set = self->set;
      poll_path (&readers[i], "quotes", 10000);
    }
  do
    {
      guint before = 0;

      for (guint i = 0; i < n; i++)
        before += readers[i].n_answers;
      syn_silo_step (self->silo, syn_silo_get_lane (self->silo, 0));
      syn_silo_step (self->silo, syn_silo_get_lane (self->silo, 1));
      syn_silo_step (self->silo, self->front);
      n_answered = 0;
      for (guint i = 0; i < n; i++)
        n_answered += readers[i].n_answers;
      most = MAX (most, n_answered - before);
    }
  while (n_answered < n);
  g_assert_cmpuint (most, <=, 1024 + SYN_BEACON_SLICE);
  for (guint i = 0; i < n; i++)
    reader_clear (&readers[i]);
}

static void
test_two_lanes (Fixture *self, gconstpointer data)
{
  SynLane *lane = syn_silo_get_lane (self->silo, 0);
  SynLane *before = syn_silo_enter (self->silo, lane);
  Reader there = { .set = syn_beacon_set_for_lane (lane), .again = TRUE }, here = { .set = self->set, .again = TRUE };

  poll_path (&there, "quotes", 10000);
  syn_silo_enter (self->silo, before);
  poll_path (&here, "quotes", 10000);
  syn_silo_advance (self->silo, 1000);
  publish (self, "quotes");
  syn_silo_settle (self->silo);
  g_assert_true (there.set != here.set);
  g_assert_cmpuint (there.n_answers, ==, 2);
  g_assert_true (there.snapshot == here.snapshot); /* one snapshot, shared across lanes */
  g_assert_cmpuint (status (self).beacons, ==, 2);
  before = syn_silo_enter (self->silo, lane);
  reader_clear (&there);
  syn_silo_enter (self->silo, before);
  reader_clear (&here);
}

static void
test_holds (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };

  poll_path (&reader, "quotes", 0); /* none: what there is, at once */
  syn_silo_settle (self->silo);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  poll_path (&reader, "quotes", 0); /* the same: unchanged, at once */
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.n_answers, ==, 2);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_UNCHANGED);
  poll_path (&reader, NULL, 4000);
  syn_silo_advance (self->silo, 3999);
  g_assert_cmpuint (reader.n_answers, ==, 2);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpuint (reader.n_answers, ==, 3);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_UNCHANGED);
  /* A hold longer than the beacon's own, and longer than allowed. */
  poll_path (&reader, NULL, 3600000);
  syn_silo_advance (self->silo, SYN_HOLD_MAX_MS - 1);
  g_assert_cmpuint (reader.n_answers, ==, 3);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpuint (reader.n_answers, ==, 4);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_UNCHANGED);
  g_assert_cmpuint (world.max_out, ==, 1);
  /* An older token is answered at once. */
  reader.token.serial = 0;
  poll_path (&reader, NULL, 4000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.n_answers, ==, 5);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  reader_clear (&reader);
}

/* Whoever waits no longer is told what there is, not what he thinks there is. */
static void
test_ended_holds (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set }, other = { .set = self->set };

  syn_waiter_end_hold (&reader.waiter); /* it does not wait */
  poll_path (&reader, "quotes", 10000);
  syn_waiter_end_hold (&reader.waiter); /* the owner has not said anything yet */
  g_assert_cmpuint (reader.n_answers, ==, 0);
  syn_silo_settle (self->silo);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  /* The newest is held: so it is unchanged. */
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.n_answers, ==, 1);
  syn_waiter_end_hold (&reader.waiter);
  syn_waiter_end_hold (&reader.waiter);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.n_answers, ==, 2);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_UNCHANGED);
  /* What this lane has is old by now, and not known to be: the owner is asked. */
  syn_silo_advance (self->silo, SYN_BEACON_HOLD_MS);
  publish (self, "quotes");
  poll_path (&reader, NULL, 10000);
  syn_waiter_end_hold (&reader.waiter);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (reader.n_answers, ==, 3);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_true (replica_token_equal (reader.token, world.newest));
  /* It takes nobody else's hold. */
  poll_path (&reader, NULL, 10000);
  poll_path (&other, "quotes", 10000);
  syn_silo_settle (self->silo);
  poll_path (&other, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (status (self).waiting, ==, 2);
  syn_waiter_end_hold (&reader.waiter);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (status (self).waiting, ==, 1);
  reader_clear (&reader);
  reader_clear (&other);
}

static void
test_no_snapshot_yet (Fixture *self, gconstpointer data)
{
  Reader none = { .set = self->set }, old = { .set = self->set, .token = { 5, 5 } }, at_once = { .set = self->set };

  poll_path (&none, "empty", 3000);
  poll_path (&old, "empty", 3000);
  poll_path (&at_once, "empty", 0);
  syn_silo_advance (self->silo, 2999);
  g_assert_cmpint (at_once.answer, ==, SYN_ANSWER_UNCHANGED);
  g_assert_cmpuint (at_once.n_answers, ==, 1);
  g_assert_cmpuint (none.n_answers + old.n_answers, ==, 0);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpint (none.answer, ==, SYN_ANSWER_UNCHANGED);
  g_assert_cmpint (old.code, ==, SYN_ERROR_UNAVAILABLE);
  poll_path (&none, NULL, 3000);
  syn_silo_advance (self->silo, 10);
  publish (self, "empty");
  syn_silo_settle (self->silo);
  g_assert_cmpint (none.answer, ==, SYN_ANSWER_SNAPSHOT);
  reader_clear (&none);
  reader_clear (&old);
  reader_clear (&at_once);
}

static void
test_life_and_death (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };
  guint polls;

  g_assert_cmpuint (status (self).beacons, ==, 0);
  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  syn_waiter_cancel (&reader.waiter);
  g_assert_cmpuint (status (self).waiting, ==, 0);
  /* Nobody waits: the poll that is out ends, and no other follows. */
  polls = world.n_polls;
  syn_silo_advance (self->silo, 19000);
  g_assert_cmpuint (world.n_polls, ==, polls);
  g_assert_cmpuint (status (self).beacons, ==, 1);
  syn_silo_advance (self->silo, 1000); /* two holds after the last */
  g_assert_cmpuint (status (self).beacons, ==, 0);
  syn_silo_advance (self->silo, 60000);
  g_assert_cmpuint (world.n_polls, ==, polls);
  /* Who remembers it finds it again. */
  publish (self, "quotes");
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_true (replica_token_equal (reader.token, world.newest));
  g_assert_cmpuint (status (self).beacons, ==, 1);
  syn_silo_advance (self->silo, 60000);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  reader_clear (&reader);
}

static void
test_dies_while_polling (Fixture *self, gconstpointer data)
{
  Reader a = { .set = self->set }, b = { .set = self->set };

  /* The owner keeps a poll for ever; the beacon's life ends before the poll's deadline can matter. */
  poll_path (&a, "quotes", 10000);
  syn_silo_settle (self->silo);
  world.manner = SILENT;
  poll_path (&a, NULL, 1000);
  syn_silo_advance (self->silo, 5000);
  g_assert_cmpint (a.code, ==, SYN_ERROR_TIMEOUT); /* nobody could say whether what it holds is the newest */
  world.manner = FAITHFUL;
  poll_path (&b, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (b.answer, ==, SYN_ANSWER_SNAPSHOT);
  syn_silo_advance (self->silo, 60000);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  reader_clear (&a);
  reader_clear (&b);
}

static void
test_freshness (Fixture *self, gconstpointer data)
{
  Reader first = { .set = self->set }, late = { .set = self->set }, behind = { .set = self->set };
  guint asking;

  poll_path (&first, "quotes", 10000);
  syn_silo_settle (self->silo);
  behind.token = first.token;
  /* No poll is out; meanwhile the world goes on. */
  publish (self, "quotes");
  syn_silo_advance (self->silo, 5000);
  asking = world.n_asking;
  poll_path (&late, "quotes", 10000);
  poll_path (&behind, "quotes", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_asking, ==, asking + 1); /* one question for both */
  g_assert_true (replica_token_equal (late.token, world.newest));
  g_assert_true (replica_token_equal (behind.token, world.newest));
  g_assert_cmpuint (late.n_answers, ==, 1);
  g_assert_cmpuint (behind.n_answers, ==, 1);
  /* While a poll is held, what the beacon has is the newest, and nobody is asked. */
  poll_path (&first, "quotes", 10000);
  syn_silo_settle (self->silo);
  poll_path (&first, NULL, 10000);
  syn_silo_settle (self->silo);
  asking = world.n_polls;
  late.token = REPLICA_TOKEN_NONE;
  poll_path (&late, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (world.n_polls, ==, asking);
  g_assert_cmpint (late.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_cmpuint (late.n_answers, ==, 2);
  reader_clear (&first);
  reader_clear (&late);
  reader_clear (&behind);
}

static void
test_ahead (Fixture *self, gconstpointer data)
{
  Reader parked = { .set = self->set, .again = TRUE }, ahead = { .set = self->set };

  poll_path (&parked, "quotes", 10000);
  syn_silo_settle (self->silo);
  /* It holds what this lane has not got yet: it is not shown the past. */
  ahead.token = parked.token;
  ahead.token.serial += 1;
  poll_path (&ahead, "quotes", 10000);
  syn_silo_advance (self->silo, SYN_BEACON_AHEAD_MS - 1);
  g_assert_cmpuint (ahead.n_answers, ==, 0);
  publish (self, "quotes");
  publish (self, "quotes");
  syn_silo_settle (self->silo);
  g_assert_cmpint (ahead.answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_true (replica_token_equal (ahead.token, world.newest));
  /* A token that nobody gave out does not wait for its whole hold. */
  ahead.token.epoch += 100;
  poll_path (&ahead, "quotes", 10000);
  syn_silo_advance (self->silo, SYN_BEACON_AHEAD_MS);
  g_assert_cmpuint (ahead.n_answers, ==, 2);
  g_assert_cmpint (ahead.answer, ==, SYN_ANSWER_SNAPSHOT);
  reader_clear (&parked);
  reader_clear (&ahead);
}

typedef struct {
  const char *name;
  int error;
  gboolean retry;
} ErrorRow;

static const ErrorRow error_rows[] = {
  { "overloaded", SYN_ERROR_OVERLOADED, TRUE }, { "unavailable", SYN_ERROR_UNAVAILABLE, TRUE },
  { "internal", SYN_ERROR_INTERNAL, FALSE },    { "invalid", SYN_ERROR_INVALID, FALSE },
};

static void
test_errors (Fixture *self, gconstpointer data)
{
  const ErrorRow *row = data;
  Reader readers[20] = { 0 };
  guint polls, distinct = 0;

  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      readers[i].set = self->set;
      poll_path (&readers[i], "quotes", 10000);
    }
  syn_silo_settle (self->silo);
  world.error = row->error;
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    poll_path (&readers[i], NULL, 10000);
  syn_silo_settle (self->silo);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      g_assert_cmpint (readers[i].code, ==, row->error);
      g_assert_cmpstr (readers[i].text, ==, "the owner says no");
      if (row->retry)
        {
          g_assert_cmpuint (readers[i].retry_ms, >=, SYN_RETRY_MS / 2);
          g_assert_cmpuint (readers[i].retry_ms, <, SYN_RETRY_MS * 3 / 2);
          distinct += readers[i].retry_ms != readers[0].retry_ms;
        }
      else
        g_assert_cmpuint (readers[i].retry_ms, ==, 0);
    }
  g_assert_cmpint (distinct > 0, ==, row->retry); /* jittered */
  /* It asks again only when somebody polls. */
  polls = world.n_polls;
  syn_silo_advance (self->silo, 15000);
  g_assert_cmpuint (world.n_polls, ==, polls);
  world.error = 0;
  publish (self, "quotes");
  poll_path (&readers[0], NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (readers[0].answer, ==, SYN_ANSWER_SNAPSHOT);
  g_assert_true (replica_token_equal (readers[0].token, world.newest));
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    reader_clear (&readers[i]);
}

static void
test_paths (Fixture *self, gconstpointer data)
{
  Reader a = { .set = self->set }, b = { .set = self->set }, bad = { .set = self->set }, absent = { .set = self->set };
  Reader nothing = { .set = self->set };

  poll_path (&a, "Quotes", 10000);
  poll_path (&b, "QUOTES", 10000); /* the same, spelled otherwise: one beacon */
  syn_silo_settle (self->silo);
  g_assert_true (a.snapshot == b.snapshot);
  g_assert_cmpuint (status (self).beacons, ==, 1);
  g_assert_cmpuint (world.n_resolved, ==, 2);
  poll_path (&a, "QUOTES", 10000); /* a spelling known by now is not parsed again */
  poll_path (&b, "Quotes", 10000);
  g_assert_cmpuint (world.n_resolved, ==, 2);

  poll_path (&bad, "quo!tes", 10000);
  poll_path (&absent, "absent", 10000);
  poll_path (&nothing, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (bad.code, ==, SYN_ERROR_INVALID);
  g_assert_cmpstr (bad.text, ==, "quo!tes: malformed");
  g_assert_cmpuint (bad.retry_ms, ==, 0);
  g_assert_cmpint (absent.code, ==, SYN_ERROR_NOT_FOUND);
  g_assert_cmpint (nothing.code, ==, SYN_ERROR_INVALID);
  poll_path (&bad, NULL, 10000); /* the path of its poll before: still malformed */
  syn_silo_settle (self->silo);
  g_assert_cmpuint (bad.n_answers, ==, 2);
  g_assert_cmpint (bad.code, ==, SYN_ERROR_INVALID);
  poll_path (&bad, "quotes", 10000); /* the same waiter, another path */
  syn_silo_settle (self->silo);
  g_assert_cmpint (bad.answer, ==, SYN_ANSWER_SNAPSHOT);

  /* Spellings beyond those that are remembered are parsed, and work. */
  for (guint i = 0; i < 3 * SYN_BEACON_MAX_ALIASES; i++)
    {
      g_autofree char *path = g_strdup ("abcdefgh");

      for (guint bit = 0; bit < 8; bit++)
        if (i & (1u << bit))
          path[bit] = g_ascii_toupper (path[bit]);
      syn_waiter_cancel (&a.waiter);
      a.token = REPLICA_TOKEN_NONE;
      poll_path (&a, path, 10000);
      syn_silo_settle (self->silo);
      g_assert_cmpint (a.answer, ==, SYN_ANSWER_SNAPSHOT);
    }
  g_assert_cmpuint (g_hash_table_size (self->set->by_raw), <=, 3 + 1 + SYN_BEACON_MAX_ALIASES);
  reader_clear (&a);
  reader_clear (&b);
  reader_clear (&bad);
  reader_clear (&absent);
  reader_clear (&nothing);
  syn_silo_advance (self->silo, 60000);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  g_assert_cmpuint (g_hash_table_size (self->set->by_raw), ==, 0);
}

static void
test_owner_goes_back (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };
  ReplicaToken held;

  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  held = reader.token;
  world.manner = BACKWARD;
  poll_path (&reader, NULL, 10000);
  syn_silo_advance (self->silo, 60000);
  g_assert_cmpuint (reader.n_answers, ==, 2);
  g_assert_cmpint (reader.code, ==, SYN_ERROR_INTERNAL);
  g_assert_true (replica_token_equal (reader.token, held));
  g_assert_cmpuint (world.n_polls, <, 5);
  reader_clear (&reader);
}

static void
test_guard (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };
  guint polls;

  /* An owner that does not hold: the beacon does not spin. */
  poll_path (&reader, "quotes", 10000);
  syn_silo_settle (self->silo);
  world.manner = HASTY;
  poll_path (&reader, NULL, 10000);
  polls = world.n_polls;
  syn_silo_advance (self->silo, 10000);
  g_assert_cmpuint (world.n_polls - polls, <=, 2 * 10000 / SYN_BEACON_GUARD_MS + 2);
  g_assert_cmpuint (reader.n_answers, ==, 2);
  g_assert_cmpint (reader.answer, ==, SYN_ANSWER_UNCHANGED);
  reader_clear (&reader);
}

static void
test_deadline (Fixture *self, gconstpointer data)
{
  Reader reader = { .set = self->set };

  world.manner = SILENT;
  poll_path (&reader, "quotes", 10000);
  syn_silo_advance (self->silo, SYN_BEACON_MARGIN_MS - 1);
  g_assert_cmpuint (reader.n_answers, ==, 0);
  syn_silo_advance (self->silo, 1);
  g_assert_cmpint (reader.code, ==, SYN_ERROR_TIMEOUT);
  world.manner = FAITHFUL;
  publish (self, "quotes"); /* the late reply of what was given up comes now */
  poll_path (&reader, NULL, 10000);
  syn_silo_settle (self->silo);
  g_assert_true (replica_token_equal (reader.token, world.newest));
  reader_clear (&reader);
}

static void
test_drain (Fixture *self, gconstpointer data)
{
  Reader readers[100] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      readers[i].set = self->set;
      readers[i].again = i % 2 == 0;
      poll_path (&readers[i], i % 3 == 0 ? "quotes" : "empty", 10000);
    }
  syn_silo_advance (self->silo, 10);
  syn_beacon_set_drain (self->set);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      if (readers[i].again || i % 3 != 0)
        g_assert_cmpint (readers[i].code, ==, SYN_ERROR_UNAVAILABLE);
      g_assert_null (readers[i].waiter.pprev);
    }
  g_assert_cmpuint (status (self).waiting, ==, 0);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  poll_path (&readers[0], NULL, 10000);
  poll_path (&readers[1], "other", 10000);
  syn_silo_settle (self->silo);
  g_assert_cmpint (readers[0].code, ==, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpint (readers[1].code, ==, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpuint (readers[1].retry_ms, >, 0);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    reader_clear (&readers[i]);
}

static void
test_silo_drains (Fixture *self, gconstpointer data)
{
  SynSilo *silo = g_steal_pointer (&self->silo);
  Reader readers[10] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      readers[i].set = self->set;
      poll_path (&readers[i], "empty", 10000);
    }
  syn_silo_settle (silo);
  syn_silo_free (silo);
  for (guint i = 0; i < G_N_ELEMENTS (readers); i++)
    {
      g_assert_cmpuint (readers[i].n_answers, ==, 1);
      g_assert_cmpint (readers[i].code, ==, SYN_ERROR_UNAVAILABLE);
      reader_clear (&readers[i]); /* after the lane: the beacon does not dangle */
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, data, func) g_test_add (path, Fixture, data, fixture_setup, func, fixture_teardown)
  ADD ("/beacon/fan-out", NULL, test_fan_out);
  ADD ("/beacon/slices", NULL, test_slices);
  ADD ("/beacon/two-lanes", NULL, test_two_lanes);
  ADD ("/beacon/holds", NULL, test_holds);
  ADD ("/beacon/ended-holds", NULL, test_ended_holds);
  ADD ("/beacon/no-snapshot-yet", NULL, test_no_snapshot_yet);
  ADD ("/beacon/life-and-death", NULL, test_life_and_death);
  ADD ("/beacon/dies-while-polling", NULL, test_dies_while_polling);
  ADD ("/beacon/freshness", NULL, test_freshness);
  ADD ("/beacon/ahead", NULL, test_ahead);
  for (guint i = 0; i < G_N_ELEMENTS (error_rows); i++)
    {
      g_autofree char *path = g_strdup_printf ("/beacon/errors/%s", error_rows[i].name);

      ADD (path, &error_rows[i], test_errors);
    }
  ADD ("/beacon/paths", NULL, test_paths);
  ADD ("/beacon/owner-goes-back", NULL, test_owner_goes_back);
  ADD ("/beacon/guard", NULL, test_guard);
  ADD ("/beacon/deadline", NULL, test_deadline);
  ADD ("/beacon/drain", NULL, test_drain);
  ADD ("/beacon/silo-drains", NULL, test_silo_drains);
  return g_test_run ();
}
