/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests and turns on a stepped silo: what may begin beside what, open requests, ticks, stateless workers, placement. */
#include "actor.h"

/* ---- beside what a request may be open ---- */

static void
test_exclusive (void)
{
  SynSilo *silo = actor_silo (2);
  Outcome first = { 0 }, second = { 0 }, third = { 0 };

  tell (silo, "actor", "a", WRITE, do_keep, 0, &first);
  tell (silo, "actor", "a", WRITE_2, do_note, 0, &second);
  tell (silo, "actor", "a", WRITE, do_note, 0, &third);
  syn_silo_settle (silo);
  assert_log ("keep1(a) ");
  g_assert_cmpuint (second.n_replies, ==, 0);
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note4(a) note1(a) ");
  g_assert_cmpuint (first.n_replies + second.n_replies + third.n_replies, ==, 3);

  /* The same, failed instead of replied to, is as much of an end; a reentrant one does not wait at all. */
  tell (silo, "reentrant", "r", WRITE, do_keep, 0, NULL);
  tell (silo, "reentrant", "r", WRITE, do_keep, 0, NULL);
  tell (silo, "reentrant", "r", WRITE, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep1(r) keep1(r) note1(r) ");
  syn_silo_free (silo);
}

static void
test_bounded_while_open (void)
{
  SynSilo *silo = actor_silo (1);
  Outcome outcomes[52] = { 0 };

  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  syn_silo_settle (silo);
  for (guint i = 0; i < 51; i++)
    tell (silo, "actor", "a", WRITE, do_note, 0, &outcomes[i]);
  syn_silo_settle (silo);
  g_assert_cmpint (outcomes[50].code, ==, SYN_ERROR_OVERLOADED);
  for (guint i = 0; i < 50; i++)
    g_assert_cmpuint (outcomes[i].n_replies, ==, 0);
  syn_silo_free (silo);
  for (guint i = 0; i < 52; i++)
    outcome_clear (&outcomes[i]);
}

static void
test_read_only (void)
{
  SynSilo *silo = actor_silo (1);

  tell (silo, "actor", "a", READ, do_keep, 0, NULL);
  tell (silo, "actor", "a", READ, do_keep, 0, NULL);
  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  tell (silo, "actor", "a", READ, do_note, 0, NULL); /* behind the writer: it must not wait for ever */
  tell (silo, "actor", "a", PASS, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep2(a) keep2(a) note3(a) ");
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("");
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep1(a) ");
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note2(a) ");
  syn_silo_free (silo);
}

static void
test_order (void)
{
  SynSilo *silo = actor_silo (1);

  /* What passes does so only when it has to. */
  tell (silo, "actor", "a", WRITE, do_note, 0, NULL);
  tell (silo, "actor", "a", PASS, do_note, 0, NULL);
  tell (silo, "actor", "a", WRITE, do_note, 0, NULL);
  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  tell (silo, "actor", "a", WRITE_2, do_note, 0, NULL);
  tell (silo, "actor", "a", PASS, do_note, 0, NULL);
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note1(a) note3(a) note1(a) keep1(a) note3(a) note4(a) ");

  /* It ends with messages waiting: they go to the next activation, in order; what was open is answered first. */
  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  tell (silo, "actor", "a", WRITE_2, do_note, 0, NULL);
  tell (silo, "actor", "a", PASS, do_end, 0, NULL);
  tell (silo, "actor", "a", PASS, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep1(a) note4(a) note3(a) ");
  g_assert_cmpuint (n_actors_activated, ==, 2);
  syn_silo_free (silo);
}

/* ---- call chains ---- */

typedef struct {
  SynMessage *message; /* to be answered when the reply comes */
} Asking;

static void
answer_asking (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree Asking *asking = user_data;

  if (error != NULL)
    syn_message_fail (asking->message, error);
  else
    syn_message_reply (asking->message, payload, NULL);
}

static void
ask (Actor *self, SynMessage *message, const char *type, const char *key, ActorFunc func, guint timeout_ms)
{
  Asking *asking = g_new0 (Asking, 1);
  SynCall call = {
    .type = type, .key = key, .method = WRITE, .payload = (gpointer) func, .timeout_ms = timeout_ms,
    .reply = answer_asking, .user_data = asking,
  };

  asking->message = message;
  syn_grain_call (self->grain, &call);
}

/* first → second → first, and what comes back into it. */
static void
back_to_first_chain (Actor *self, SynMessage *message)
{
  ask (self, message, "chain", "first", do_note, 0);
}

static void
start_chain (Actor *self, SynMessage *message)
{
  ask (self, message, "actor", "second", back_to_first_chain, 0);
}

static void
back_to_first_actor (Actor *self, SynMessage *message)
{
  ask (self, message, "actor", "first", do_note, 0);
}

static void
start_circle (Actor *self, SynMessage *message)
{
  ask (self, message, "actor", "second", back_to_first_actor, 700);
}

static void
test_call_chain (void)
{
  SynSilo *silo = actor_silo (3);
  Outcome outcome = { 0 }, other = { 0 };

  tell (silo, "chain", "first", WRITE, start_chain, 0, &outcome);
  tell (silo, "chain", "first", WRITE_2, do_note, 0, &other); /* nobody caused this one */
  syn_silo_settle (silo);
  assert_log ("note1(first) note4(first) ");
  g_assert_cmpint (outcome.code, ==, 0);
  g_assert_cmpuint (outcome.n_replies + other.n_replies, ==, 2);
  outcome_clear (&outcome);
  outcome_clear (&other);

  /* A type that did not ask for it waits for itself, until the deadline. */
  tell (silo, "actor", "first", WRITE, start_circle, 0, &outcome);
  syn_silo_advance (silo, 699);
  g_assert_cmpuint (outcome.n_replies, ==, 0);
  syn_silo_advance (silo, 1);
  g_assert_cmpint (outcome.code, ==, SYN_ERROR_TIMEOUT);
  g_string_truncate (actor_log, 0);
  tell (silo, "actor", "first", WRITE, do_note, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note1(first) "); /* and nothing is left of it */
  outcome_clear (&outcome);
  syn_silo_free (silo);
}

/* The chain is that of its cause: when that has ended, what it caused is a stranger. */
static void
reply_and_ask (Actor *self, SynMessage *message)
{
  SynCall call = { .type = "chain", .key = "first", .method = WRITE_2, .payload = (gpointer) do_note };

  syn_grain_call (self->grain, &call);
  syn_message_reply (message, NULL, NULL);
}

static void
test_chain_ended (void)
{
  SynSilo *silo = actor_silo (1);

  tell (silo, "chain", "first", WRITE, reply_and_ask, 0, NULL);
  tell (silo, "chain", "first", WRITE, do_keep, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("keep1(first) ");
  syn_silo_free (silo);
}

/* A grain that goes on by calling itself, or one that calls it again, keeps nothing of what has ended. */
static guint n_rounds_left, most_causes;

static void
do_go_on (Actor *self, SynMessage *message)
{
  SynCall call = {
    .type = "chain", .key = n_rounds_left % 3 == 0 ? "first" : "second", .method = WRITE, .payload = (gpointer) do_go_on,
  };

  most_causes = MAX (most_causes, syn_context_get_n_causes (syn_grain_get_lane (self->grain)->turn.context));
  if (n_rounds_left-- > 0)
    syn_grain_call (self->grain, &call);
  syn_message_reply (message, NULL, NULL);
}

static void
test_chain_without_end (void)
{
  SynSilo *silo = actor_silo (2);

  n_rounds_left = 1000;
  most_causes = 0;
  tell (silo, "chain", "first", WRITE, do_go_on, 0, NULL);
  syn_silo_settle (silo);
  g_assert_cmpuint (n_rounds_left, ==, G_MAXUINT);
  g_assert_cmpuint (most_causes, ==, 1);
  syn_silo_free (silo);
}

/* ---- reasons to stay ---- */

static void
do_keep_alive (Actor *self, SynMessage *message)
{
  syn_grain_keep_alive (self->grain, 60000);
  syn_message_reply (message, NULL, NULL);
}

static void
test_reasons_to_stay (void)
{
  SynSilo *silo = actor_silo (1);

  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  syn_silo_advance (silo, 600000);
  g_assert_cmpuint (n_actors_deactivated, ==, 0);
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  syn_silo_advance (silo, 4999); /* idle since its last request ended */
  g_assert_cmpuint (n_actors_deactivated, ==, 0);
  syn_silo_advance (silo, 5001);
  g_assert_cmpuint (n_actors_deactivated, ==, 1);

  tell (silo, "actor", "a", WRITE, do_keep_alive, 0, NULL);
  syn_silo_advance (silo, 59999);
  g_assert_cmpuint (n_actors_deactivated, ==, 1);
  syn_silo_advance (silo, 5001);
  g_assert_cmpuint (n_actors_deactivated, ==, 2);
  syn_silo_free (silo);
}

/* ---- ticks ---- */

static guint started;

static void
do_start_timer (Actor *self, SynMessage *message)
{
  started = syn_grain_start_timer (self->grain, TICK, 100, 1000);
  syn_message_reply (message, NULL, NULL);
}

static void
do_start_once (Actor *self, SynMessage *message)
{
  started = syn_grain_start_timer (self->grain, TICK, 0, 0);
  syn_message_reply (message, NULL, NULL);
}

static void
do_stop_timer (Actor *self, SynMessage *message)
{
  syn_grain_stop_timer (self->grain, started);
  syn_grain_stop_timer (self->grain, started); /* ignored */
  syn_message_reply (message, NULL, NULL);
}

static void
test_ticks (void)
{
  SynSilo *silo = actor_silo (1);

  actor_tick = do_note;
  tell (silo, "actor", "a", WRITE, do_start_timer, 0, NULL);
  syn_silo_advance (silo, 99);
  assert_log ("");
  syn_silo_advance (silo, 1);
  assert_log ("note5(a) ");
  syn_silo_advance (silo, 2000);
  assert_log ("note5(a) note5(a) ");

  /* It waits its turn as any, never twice, and the period counts from its end. */
  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  syn_silo_advance (silo, 3500);
  assert_log ("keep1(a) ");
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note5(a) ");
  syn_silo_advance (silo, 999);
  assert_log ("");
  actor_tick = do_keep; /* takes 10 s */
  syn_silo_advance (silo, 1);
  assert_log ("keep5(a) ");
  tell (silo, "actor", "a", WRITE, do_note, 0, NULL);
  syn_silo_advance (silo, 10000);
  assert_log ("");
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_settle (silo);
  assert_log ("note1(a) ");
  actor_tick = do_note;
  syn_silo_advance (silo, 1000);
  assert_log ("note5(a) ");

  /* Stopped, also while it waits; once. */
  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  syn_silo_advance (silo, 1000);
  tell (silo, "actor", "a", PASS, do_stop_timer, 0, NULL);
  tell (silo, "actor", "a", PASS, do_release, 0, NULL);
  syn_silo_advance (silo, 3000);
  assert_log ("keep1(a) ");
  tell (silo, "actor", "a", WRITE, do_start_once, 0, NULL);
  syn_silo_advance (silo, 3000);
  assert_log ("note5(a) ");
  g_assert_cmpuint (n_actors_deactivated, ==, 0);

  /* No reason to stay; and none is left behind, whatever it was doing. */
  tell (silo, "actor", "a", WRITE, do_start_timer, 0, NULL);
  syn_silo_advance (silo, 5000);
  g_assert_cmpuint (n_actors_deactivated, ==, 1);
  g_string_truncate (actor_log, 0);
  syn_silo_advance (silo, 60000);
  assert_log ("");
  actor_tick = do_keep;
  tell (silo, "actor", "a", WRITE, do_start_timer, 0, NULL);
  syn_silo_advance (silo, 100);
  tell (silo, "actor", "a", PASS, do_end, 0, NULL);
  syn_silo_settle (silo);
  tell (silo, "actor", "a", WRITE, do_start_timer, 0, NULL);
  tell (silo, "actor", "a", WRITE, do_keep, 0, NULL);
  syn_silo_advance (silo, 1000);
  tell (silo, "actor", "a", PASS, do_end, 0, NULL);
  tell (silo, "actor", "a", WRITE, do_note, 0, NULL);
  syn_silo_advance (silo, 2000);
  assert_log ("keep5(a) keep1(a) note1(a) ");
  syn_silo_free (silo);
}

/* ---- stateless workers and placement ---- */

static void
do_note_lane (Actor *self, SynMessage *message)
{
  g_string_append_printf (actor_log, "%u ", syn_lane_get_index (syn_grain_get_lane (self->grain)));
  syn_message_reply (message, NULL, NULL);
}

static void
test_stateless (void)
{
  SynSilo *silo = actor_silo (3);
  SynCall call = { .type = "worker", .key = "w", .method = WRITE, .payload = (gpointer) do_note_lane };

  /* One for each lane that calls, on that lane. */
  for (guint i = 0; i < 6; i++)
    {
      SynLane *lane = syn_silo_get_lane (silo, i % 3);
      SynLane *before = syn_silo_enter (silo, lane);

      syn_call (lane, &call);
      syn_silo_enter (silo, before);
      syn_silo_settle (silo);
    }
  assert_log ("0 1 2 0 1 2 ");
  g_assert_cmpuint (syn_silo_get_n_activations (silo, "worker"), ==, 3);
  /* The front hosts none: its calls go round. */
  for (guint i = 0; i < 6; i++)
    {
      syn_call (syn_silo_get_front_lane (silo), &call);
      syn_silo_settle (silo);
    }
  assert_log ("1 2 0 1 2 0 ");
  g_assert_cmpuint (n_actors_activated, ==, 3);
  syn_silo_free (silo);
}

static guint
all_on_last (guint partition, guint n_lanes, gpointer user_data)
{
  g_assert_cmpstr (user_data, ==, "data");
  g_assert_cmpuint (partition, <, SYN_N_PARTITIONS);
  return n_lanes - 1;
}

static void
test_placement (void)
{
  const SynPlacement placement = { all_on_last, (gpointer) "data" };
  SynSiloOptions options = { .n_lanes = 3, .placement = &placement };
  SynSilo *silo = syn_silo_new (&options, NULL);

  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    g_assert_true (silo->lane_of[i] == syn_silo_get_lane (silo, 2));
  syn_silo_free (silo);
  silo = actor_silo (3);
  for (guint i = 0; i < 10; i++)
    {
      char key[2] = { (char) ('a' + i), '\0' };
      g_autofree char *expected = g_strdup_printf ("%u ", syn_partition_of ("actor", key) % 3);

      tell (silo, "actor", key, WRITE, do_note_lane, 0, NULL);
      syn_silo_settle (silo);
      assert_log (expected);
    }
  syn_silo_free (silo);
}

static void
test_table_hash (void)
{
  SynSilo *silo = actor_silo (1);
  const SynGrainKind *actor = syn_silo_find_kind (silo, "actor"), *worker = syn_silo_find_kind (silo, "worker");

  /* Of the name and of the type; and not the one that anybody can compute. */
  g_assert_cmpuint (syn_grain_table_hash (actor, "key", 3), ==, syn_grain_table_hash (actor, "key", 3));
  g_assert_cmpuint (syn_grain_table_hash (actor, "key", 3), !=, syn_grain_table_hash (actor, "kez", 3));
  g_assert_cmpuint (syn_grain_table_hash (actor, "key", 3), !=, syn_grain_table_hash (worker, "key", 3));
  g_assert_cmpuint (syn_grain_partition (actor, "key"), ==, syn_partition_of ("actor", "key"));
  syn_silo_free (silo);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/turns/exclusive", test_exclusive);
  g_test_add_func ("/turns/bounded-while-open", test_bounded_while_open);
  g_test_add_func ("/turns/read-only", test_read_only);
  g_test_add_func ("/turns/order", test_order);
  g_test_add_func ("/turns/call-chain", test_call_chain);
  g_test_add_func ("/turns/chain-ended", test_chain_ended);
  g_test_add_func ("/turns/chain-without-end", test_chain_without_end);
  g_test_add_func ("/turns/reasons-to-stay", test_reasons_to_stay);
  g_test_add_func ("/turns/ticks", test_ticks);
  g_test_add_func ("/turns/stateless", test_stateless);
  g_test_add_func ("/turns/placement", test_placement);
  g_test_add_func ("/turns/table-hash", test_table_hash);
  return g_test_run ();
}
