/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "projection-silo.h"
#include "replica-snapshot-builder.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-outlet.h"

/* An owner of an outlet whose state is a number. */

#define CAP_MS 100
#define MAX_PARKED 3
#define SET_METHOD 1 /* payload: the number, as a pointer; -1: cannot be shown */
#define END_METHOD 2

typedef struct {
  SynOutlet *outlet;
  int number;
  int shown;
} Owner;

static guint n_made; /* of all activations */

static ReplicaSnapshot *
make (gpointer user_data, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  Owner *self = user_data;
  gint64 number = self->number;
  ReplicaColumn column = { .name = "n", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 1, .data = &number };
  ReplicaSnapshotBuilder *builder;

  n_made++;
  if (self->number < 0)
    {
      g_set_error_literal (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "too much");
      return NULL;
    }
  if (previous != NULL && self->number == self->shown)
    return replica_snapshot_ref (previous);
  self->shown = self->number;
  builder = replica_snapshot_builder_new ("number", token, time_us, 1);
  replica_snapshot_builder_add (builder, &column);
  return replica_snapshot_builder_finish (builder, error);
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Owner *self = g_new0 (Owner, 1);

  self->outlet = syn_outlet_new (grain, CAP_MS, MAX_PARKED, make, self);
  return self;
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  Owner *self = state;

  switch (syn_message_get_method (message))
    {
    case SYN_POLL_METHOD:
      syn_outlet_poll (self->outlet, message);
      return;
    case SET_METHOD:
      self->number = GPOINTER_TO_INT (syn_message_steal_payload (message));
      syn_outlet_mark_dirty (self->outlet);
      break;
    case END_METHOD:
      syn_grain_deactivate_soon (grain, NULL);
      break;
    default:
      g_assert_not_reached ();
    }
  syn_message_reply (message, NULL, NULL);
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  Owner *self = state;

  syn_outlet_free (self->outlet);
  g_free (self);
}

static guint n_parked; /* after a cancellation */

static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  Owner *self = state;

  g_assert_true (syn_outlet_cancel (self->outlet, message));
  n_parked = syn_outlet_get_n_parked (self->outlet);
}

static const SynGrainType owner_type = {
  .name = "owner", .idle_age_ms = 1000, .reentrant = TRUE,
  .activate = activate, .receive = receive, .cancelled = cancelled, .deactivate = deactivate,
};

static TestSilo *
start (void)
{
  TestSilo *self = test_silo_new (NULL);

  syn_silo_register (self->silo, &owner_type, NULL);
  test_silo_start (self);
  n_made = 0;
  return self;
}

static void
tell (TestSilo *self, int method, int number)
{
  SynCall call = { .type = "owner", .key = "x", .method = method, .payload = GINT_TO_POINTER (number) };

  syn_call (syn_silo_get_front_lane (self->silo), &call);
  syn_silo_settle (self->silo);
}

static TestAnswer *
poll (TestSilo *self, ReplicaToken token, guint hold_ms)
{
  TestAnswer *answer = test_silo_poll (self, "owner", "x", token, hold_ms);

  syn_silo_settle (self->silo);
  return answer;
}

static ReplicaToken
assert_number (TestAnswer *answer, int number, guint64 serial)
{
  ReplicaToken token;

  g_assert_true (answer->done);
  g_assert_no_error (answer->error);
  g_assert_nonnull (answer->snapshot);
  token = replica_snapshot_get_token (answer->snapshot);
  g_assert_cmpint (replica_column_get_int64 (replica_snapshot_get_column (answer->snapshot, 0), 0), ==, number);
  g_assert_cmpuint (token.serial, ==, serial);
  return token;
}

static void
assert_unchanged (TestAnswer *answer)
{
  g_assert_true (answer->done);
  g_assert_no_error (answer->error);
  g_assert_null (answer->snapshot);
}

static void
test_first (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) none = poll (silo, REPLICA_TOKEN_NONE, 10000);
  g_autoptr (TestAnswer) old = poll (silo, (ReplicaToken) { 4711, 7 }, 10000);
  ReplicaToken token = assert_number (none, 0, 1);

  g_assert_cmpuint (token.epoch, !=, 0);
  assert_number (old, 0, 1);
  g_assert_cmpint (replica_snapshot_get_time_us (none->snapshot), ==, SYN_STEPPED_START_REAL_US);
  g_assert_cmpuint (n_made, ==, 1);
}

static void
test_cap (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_number (first, 0, 1);
  g_autoptr (TestAnswer) parked = poll (silo, token, 10000);
  g_autoptr (TestAnswer) quiet = NULL;
  g_autoptr (TestAnswer) next = NULL;

  /* Right after a snapshot: the cap, and then one with all that came meanwhile. */
  tell (silo, SET_METHOD, 1);
  syn_silo_advance (silo->silo, CAP_MS / 2);
  tell (silo, SET_METHOD, 2);
  syn_silo_advance (silo->silo, CAP_MS / 2 - 1);
  g_assert_false (parked->done);
  syn_silo_advance (silo->silo, 1);
  token = assert_number (parked, 2, 2);

  /* After a quiet time: at once. */
  quiet = poll (silo, token, 10000);
  syn_silo_advance (silo->silo, 5000);
  g_assert_false (quiet->done);
  tell (silo, SET_METHOD, 3);
  token = assert_number (quiet, 3, 3);

  /* And the cap again. */
  next = poll (silo, token, 10000);
  tell (silo, SET_METHOD, 4);
  g_assert_false (next->done);
  syn_silo_advance (silo->silo, CAP_MS);
  assert_number (next, 4, 4);
  g_assert_cmpuint (n_made, ==, 4);
}

static void
test_lazy (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = NULL;
  g_autoptr (TestAnswer) capped = NULL;
  g_autoptr (TestAnswer) later = NULL;
  ReplicaToken token;

  for (int i = 1; i < 20; i++)
    tell (silo, SET_METHOD, i);
  g_assert_cmpuint (n_made, ==, 0);
  first = poll (silo, REPLICA_TOKEN_NONE, 0);
  token = assert_number (first, 19, 1);

  /* Changed, and the cap does not allow it yet: what there is. */
  tell (silo, SET_METHOD, 20);
  capped = poll (silo, REPLICA_TOKEN_NONE, 0);
  assert_number (capped, 19, 1);
  /* Nobody waits: nothing is made when the cap would allow it, but when somebody asks. */
  syn_silo_advance (silo->silo, 5 * CAP_MS);
  g_assert_cmpuint (n_made, ==, 1);
  later = poll (silo, token, 10000);
  assert_number (later, 20, 2);
}

static void
test_hold (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_number (first, 0, 1);
  g_autoptr (TestAnswer) none = poll (silo, token, 0);
  g_autoptr (TestAnswer) some = poll (silo, token, 5000);
  g_autoptr (TestAnswer) longest = poll (silo, token, G_MAXUINT);

  assert_unchanged (none);
  syn_silo_advance (silo->silo, 4999);
  g_assert_false (some->done);
  syn_silo_advance (silo->silo, 1);
  assert_unchanged (some);
  syn_silo_advance (silo->silo, SYN_HOLD_MAX_MS - 5000 - 1);
  g_assert_false (longest->done);
  syn_silo_advance (silo->silo, 1);
  assert_unchanged (longest);
  /* A hold that ends while the cap is on: the change is there for the next. */
  {
    g_autoptr (TestAnswer) hit = poll (silo, token, 10);
    g_autoptr (TestAnswer) missed = NULL;
    g_autoptr (TestAnswer) found = NULL;

    tell (silo, SET_METHOD, 1);
    token = assert_number (hit, 1, 2);
    missed = poll (silo, token, 10);
    tell (silo, SET_METHOD, 2);
    syn_silo_advance (silo->silo, 10);
    assert_unchanged (missed);
    found = poll (silo, token, 1000);
    syn_silo_advance (silo->silo, CAP_MS);
    assert_number (found, 2, 3);
  }
}

/* What shows nothing new is no new snapshot: who waits goes on waiting. */
static void
test_same (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_number (first, 0, 1);
  g_autoptr (TestAnswer) parked = poll (silo, token, 10000);

  syn_silo_advance (silo->silo, 1000);
  tell (silo, SET_METHOD, 0);
  g_assert_cmpuint (n_made, ==, 2);
  g_assert_false (parked->done);
  syn_silo_advance (silo->silo, 1000);
  tell (silo, SET_METHOD, 1);
  assert_number (parked, 1, 2);
}

static void
test_failure (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_number (first, 0, 1);
  g_autoptr (TestAnswer) parked = poll (silo, token, 10000);
  g_autoptr (TestAnswer) capped = NULL;
  g_autoptr (TestAnswer) again = NULL;
  g_autoptr (TestAnswer) well = NULL;

  syn_silo_advance (silo->silo, 1000);
  tell (silo, SET_METHOD, -1);
  g_assert_error (parked->error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
  capped = poll (silo, REPLICA_TOKEN_NONE, 0);
  g_assert_error (capped->error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
  g_assert_cmpuint (n_made, ==, 2);
  syn_silo_advance (silo->silo, CAP_MS);
  again = poll (silo, token, 10000);
  g_assert_error (again->error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
  g_assert_cmpuint (n_made, ==, 3);
  tell (silo, SET_METHOD, 5);
  syn_silo_advance (silo->silo, CAP_MS);
  well = poll (silo, token, 10000);
  assert_number (well, 5, 2);
}

static void
test_overloaded (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_number (first, 0, 1);
  TestAnswer *parked[MAX_PARKED];
  g_autoptr (TestAnswer) refused = NULL;
  g_autoptr (TestAnswer) answered = NULL;
  g_autoptr (TestAnswer) room = NULL;

  for (guint i = 0; i < MAX_PARKED; i++)
    parked[i] = poll (silo, token, 1000 + i);
  refused = poll (silo, token, 1000);
  g_assert_error (refused->error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  /* Those that need not wait are answered all the same. */
  answered = poll (silo, REPLICA_TOKEN_NONE, 1000);
  assert_number (answered, 0, 1);
  syn_silo_advance (silo->silo, 1000);
  g_assert_true (parked[0]->done);
  room = poll (silo, token, 1000);
  g_assert_false (room->done);
  tell (silo, SET_METHOD, 1);
  assert_number (room, 1, 2);
  for (guint i = 0; i < MAX_PARKED; i++)
    test_answer_free (parked[i]);
}

/* Parked polls keep their grain; the end of the grain answers them; the next one has another epoch. */
static void
test_end (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_number (first, 0, 1);
  g_autoptr (TestAnswer) parked = poll (silo, token, 20000);
  g_autoptr (TestAnswer) next = NULL;
  g_autoptr (TestAnswer) drained = NULL;
  ReplicaToken next_token;

  syn_silo_advance (silo->silo, 15000);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, "owner"), ==, 1);
  tell (silo, END_METHOD, 0);
  g_assert_true (parked->done);
  g_assert_error (parked->error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);

  next = poll (silo, token, 20000);
  next_token = assert_number (next, 0, 1);
  g_assert_cmpuint (next_token.epoch, >, token.epoch);
  /* Idle: it goes. */
  syn_silo_advance (silo->silo, 2001);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, "owner"), ==, 0);

  drained = poll (silo, REPLICA_TOKEN_NONE, 20000);
  token = assert_number (drained, 0, 1);
  test_answer_free (g_steal_pointer (&drained));
  drained = poll (silo, token, 20000);
  g_assert_false (drained->done);
  syn_silo_drain (silo->silo, NULL, NULL);
  syn_silo_settle (silo->silo);
  g_assert_true (drained->done);
  g_assert_error (drained->error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
}

static void
never (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_not_reached ();
}

/* A poll whose caller has gone makes room for another at once, costs no snapshot, and is no reason to stay. */
static void
test_cancelled (void)
{
  g_autoptr (TestSilo) silo = start ();
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 10000);
  ReplicaToken token = assert_number (first, 0, 1);
  SynCallHandle handles[MAX_PARKED] = { 0 };
  guint made = n_made;

  for (guint i = 0; i < MAX_PARKED; i++)
    {
      SynPoll *question = g_new (SynPoll, 1);
      SynCall call = {
        .type = "owner", .key = "x", .method = SYN_POLL_METHOD, .payload = question, .payload_free = g_free,
        .reply = never, .handle = &handles[i],
      };

      *question = (SynPoll) { token, 30000 };
      syn_call (syn_silo_get_front_lane (silo->silo), &call);
    }
  syn_silo_settle (silo->silo);
  for (guint i = 0; i < MAX_PARKED; i++)
    {
      syn_call_cancel (&handles[i]);
      syn_silo_settle (silo->silo);
      g_assert_cmpuint (n_parked, ==, MAX_PARKED - 1 - i);
    }
  tell (silo, SET_METHOD, 7);
  syn_silo_advance (silo->silo, 500);
  g_assert_cmpuint (n_made, ==, made);
  syn_silo_advance (silo->silo, 1000);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, "owner"), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/outlet/first", test_first);
  g_test_add_func ("/outlet/cap", test_cap);
  g_test_add_func ("/outlet/lazy", test_lazy);
  g_test_add_func ("/outlet/hold", test_hold);
  g_test_add_func ("/outlet/same", test_same);
  g_test_add_func ("/outlet/failure", test_failure);
  g_test_add_func ("/outlet/overloaded", test_overloaded);
  g_test_add_func ("/outlet/end", test_end);
  g_test_add_func ("/outlet/cancelled", test_cancelled);
  return g_test_run ();
}
