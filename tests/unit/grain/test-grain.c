/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grains on a stepped silo: activation, turns, mailboxes, idle collection, deadlines. */
#include "puppet-fixture.h"

static void
test_activation (void)
{
  SynSilo *silo = setup (2, FALSE);
  Outcome a = { 0 }, b = { 0 }, c = { 0 };
  g_autofree char *long_key = g_strnfill (5000, 'k');

  g_assert_cmpuint (syn_silo_get_n_activations (silo, "puppet"), ==, 0);
  call (silo, "x", ECHO, &a);
  g_assert_cmpuint (a.n_replies, ==, 0); /* never from within */
  call (silo, "x", FAIL, &b);
  call (silo, long_key, ECHO, &c);
  syn_silo_settle (silo);
  g_assert_cmpstr (a.payload, ==, "hello");
  g_assert_cmpint (b.code, ==, SYN_ERROR_CONFLICT);
  g_assert_cmpstr (c.payload, ==, "hello");
  g_assert_cmpuint (world.n_activated, ==, 2);
  g_assert_cmpuint (syn_silo_get_n_activations (silo, "puppet"), ==, 2);
  g_assert_cmpuint (syn_silo_get_n_activations (silo, NULL), ==, 2);
  g_assert_cmpuint (syn_silo_get_n_activations (silo, "guard"), ==, 0);
  g_assert_cmpuint (world.epochs[0] >> 32, ==, syn_silo_get_incarnation (silo));
  g_assert_cmpuint (world.epochs[1], >, world.epochs[0]);
  outcome_clear (&a);
  outcome_clear (&b);
  outcome_clear (&c);
  /* The record of a message, and of an idle activation, stay small. */
  g_assert_cmpuint (sizeof (SynMessage), <=, 128);
  g_assert_cmpuint (sizeof (SynGrain), <=, 256);
  syn_silo_free (silo);
  g_assert_cmpuint (world.n_deactivated, ==, 2);
}

static void
test_failing_activation (void)
{
  SynSilo *silo = setup (1, FALSE);
  Outcome outcomes[3] = { 0 };

  world.fail_activations = 1;
  for (guint i = 0; i < 2; i++)
    call (silo, "x", ECHO, &outcomes[i]);
  syn_silo_settle (silo);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_cmpint (outcomes[i].code, ==, SYN_ERROR_NOT_FOUND);
      g_assert_cmpstr (outcomes[i].text, ==, "no x today");
    }
  g_assert_cmpuint (syn_silo_get_n_activations (silo, NULL), ==, 0);
  call (silo, "x", ECHO, &outcomes[2]);
  syn_silo_settle (silo);
  g_assert_cmpint (outcomes[2].code, ==, 0);
  for (guint i = 0; i < 3; i++)
    outcome_clear (&outcomes[i]);
  syn_silo_free (silo);
  g_assert_cmpstr (world.warnings->str, ==, "");
}

static void
test_unknown_type (void)
{
  SynSilo *silo = setup (1, FALSE);
  Outcome outcome = { 0 };

  call_type (syn_silo_get_front_lane (silo), "nothing", "x", ECHO, 100, &outcome);
  call_type (syn_silo_get_front_lane (silo), "nothing", "x", ECHO, 0, NULL);
  g_assert_cmpuint (outcome.n_replies, ==, 0);
  syn_silo_settle (silo);
  g_assert_cmpint (outcome.code, ==, SYN_ERROR_INVALID);
  outcome_clear (&outcome);
  syn_silo_free (silo);
}

static void
test_one_way_and_order (void)
{
  SynSilo *silo = setup (2, FALSE);

  for (guint i = 0; i < 5; i++)
    call (silo, "a", CONSUME, NULL);
  syn_silo_settle (silo);
  g_assert_cmpstr (world.log->str, ==, "aaaaa");
  syn_silo_free (silo);
}

static void
test_fair_batches (void)
{
  SynSilo *silo = setup (1, FALSE);

  /* 250 for one, then 2 for another, all on one lane: the other waits for a batch of 100 and not for 250. */
  for (guint i = 0; i < 250; i++)
    call (silo, "a", CONSUME, NULL);
  for (guint i = 0; i < 2; i++)
    call (silo, "b", CONSUME, NULL);
  syn_silo_settle (silo);
  g_assert_cmpuint (world.log->len, ==, 252);
  g_assert_cmpint (strchr (world.log->str, 'b') - world.log->str, <=, SYN_GRAIN_BATCH);
  g_assert_cmpint (strrchr (world.log->str, 'b') - world.log->str, <=, SYN_GRAIN_BATCH + 1);
  syn_silo_free (silo);
}

static void
test_overload (void)
{
  SynSilo *silo = setup (1, FALSE);
  guint n = 1000, limit = PUPPET_MAILBOX_LIMIT;
  g_autofree Outcome *outcomes = g_new0 (Outcome, n);
  guint n_ok = 0, n_over = 0;

  for (guint i = 0; i < n; i++)
    call (silo, "a", ECHO, &outcomes[i]);
  syn_silo_settle (silo);
  for (guint i = 0; i < n; i++)
    {
      g_assert_cmpuint (outcomes[i].n_replies, ==, 1);
      if (outcomes[i].code == 0)
        n_ok++;
      else
        {
          g_assert_cmpint (outcomes[i].code, ==, SYN_ERROR_OVERLOADED);
          g_assert_cmpuint (i, >=, limit); /* the first ones are the ones that got in */
          n_over++;
        }
      outcome_clear (&outcomes[i]);
    }
  g_assert_cmpuint (n_ok, ==, limit);
  g_assert_cmpuint (n_over, ==, n - limit);
  /* And it goes on. */
  call (silo, "a", ECHO, &outcomes[0]);
  syn_silo_settle (silo);
  g_assert_cmpint (outcomes[0].code, ==, 0);
  outcome_clear (&outcomes[0]);
  syn_silo_free (silo);
}

static void
test_lane_bound (void)
{
  SynSilo *silo = setup (1, FALSE);
  guint max = 3000;
  Outcome last[10] = { 0 };

  g_assert_cmpint (silo->max_lane_messages, ==, SYN_MAX_LANE_MESSAGES);
  silo->max_lane_messages = (gint) max;
  /* To many grains, none of which gets many; the lane is not run meanwhile. */
  for (guint i = 0; i < max; i++)
    {
      char key[16];

      g_snprintf (key, sizeof key, "%u", i % 512);
      call (silo, key, CONSUME, NULL);
    }
  for (guint i = 0; i < 10; i++)
    call (silo, "z", ECHO, &last[i]);
  syn_silo_settle (silo);
  g_assert_cmpuint (world.log->len, ==, max);
  for (guint i = 0; i < 10; i++)
    {
      g_assert_cmpint (last[i].code, ==, SYN_ERROR_OVERLOADED);
      outcome_clear (&last[i]);
    }
  call (silo, "z", ECHO, &last[0]); /* all that was received counts no more */
  syn_silo_settle (silo);
  g_assert_cmpint (last[0].code, ==, 0);
  outcome_clear (&last[0]);
  syn_silo_free (silo);
}

static void
test_idle (void)
{
  SynSilo *silo = setup (1, FALSE);
  Outcome kept = { 0 };

  call (silo, "a", CONSUME, NULL);
  syn_silo_advance (silo, 4999);
  call (silo, "a", CONSUME, NULL); /* used again: counts from here */
  syn_silo_advance (silo, 4999);
  g_assert_cmpuint (world.n_deactivated, ==, 0);
  syn_silo_advance (silo, 1);
  g_assert_cmpuint (world.n_deactivated, ==, 1);
  g_assert_cmpuint (syn_silo_get_n_activations (silo, NULL), ==, 0);

  /* Held: stays for as long as it is. So does an open request. What it keeps is answered when it goes. */
  call (silo, "a", HOLD, NULL);
  call (silo, "a", KEEP, &kept);
  syn_silo_advance (silo, 60000);
  g_assert_cmpuint (world.n_activated, ==, 2);
  g_assert_cmpuint (world.n_deactivated, ==, 1);
  call (silo, "a", RELEASE, NULL);
  syn_silo_advance (silo, 60000);
  g_assert_cmpuint (world.n_deactivated, ==, 1);
  call (silo, "a", END, NULL);
  syn_silo_settle (silo);
  g_assert_cmpuint (world.n_deactivated, ==, 2);
  g_assert_cmpint (kept.code, ==, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpuint (world.epochs[1], >, world.epochs[0]);
  outcome_clear (&kept);
  syn_silo_free (silo);
  g_assert_cmpuint (world.n_deactivated, ==, 2);
}

static void
test_kept_messages (void)
{
  SynSilo *silo = setup (1, FALSE);
  Outcome kept[50] = { 0 };

  for (guint i = 0; i < 50; i++)
    call (silo, "a", KEEP, &kept[i]);
  syn_silo_settle (silo);
  g_assert_cmpuint (kept[0].n_replies, ==, 0);
  call (silo, "a", FLUSH, NULL);
  syn_silo_settle (silo);
  for (guint i = 0; i < 50; i++)
    {
      g_assert_cmpstr (kept[i].payload, ==, "flushed");
      outcome_clear (&kept[i]);
    }
  syn_silo_free (silo);
}

static void
test_ending (void)
{
  SynSilo *silo = setup (1, FALSE);
  Outcome before = { 0 }, after = { 0 }, hit = { 0 }, fresh = { 0 };

  /* Without an error what waits goes to the next activation, in order. */
  call (silo, "a", END, NULL);
  call (silo, "a", ECHO, &before);
  call (silo, "a", ECHO, &after);
  syn_silo_settle (silo);
  g_assert_cmpuint (world.n_activated, ==, 2);
  g_assert_cmpuint (world.n_deactivated, ==, 1);
  g_assert_cmpstr (before.payload, ==, "hello");
  g_assert_cmpstr (after.payload, ==, "hello");
  /* With one it gets the error; the next call starts afresh. */
  call (silo, "a", END_WITH_ERROR, NULL);
  call (silo, "a", ECHO, &hit);
  syn_silo_settle (silo);
  g_assert_cmpint (hit.code, ==, SYN_ERROR_CONFLICT);
  call (silo, "a", ECHO, &fresh);
  syn_silo_settle (silo);
  g_assert_cmpstr (fresh.payload, ==, "hello");
  g_assert_cmpuint (world.n_activated, ==, 3);
  outcome_clear (&before);
  outcome_clear (&after);
  outcome_clear (&hit);
  outcome_clear (&fresh);
  syn_silo_free (silo);
}

/* ---- activations that take time ---- */

typedef struct {
  SynGrain *grain;
  guint n_received, n_freed;
} Slow;

static Slow slow;

static gpointer
slow_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  slow.grain = grain;
  syn_grain_defer_activation (grain);
  if (strcmp (key, "at-once") == 0)
    syn_grain_activated (grain, NULL);
  return &slow;
}

static void
slow_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  slow.n_received++;
  syn_message_reply (message, syn_message_steal_payload (message), g_free);
}

static void
slow_deactivate (SynGrain *grain, gpointer state)
{
  g_assert_true (state == &slow);
  slow.n_freed++;
}

static void
test_deferred_activation (void)
{
  static const SynGrainType type = {
    .name = "slow", .idle_age_ms = 5000, .activation_timeout_ms = 700, .mailbox_limit = 3,
    .activate = slow_activate, .receive = slow_receive, .deactivate = slow_deactivate,
  };
  SynSilo *silo = syn_silo_new_stepped (2, NULL, NULL);
  SynLane *front;
  Outcome outcomes[4] = { 0 };
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "no state");

  slow = (Slow) { 0 };
  syn_silo_register (silo, &type, NULL);
  g_assert_true (syn_silo_start (silo, NULL, NULL));
  front = syn_silo_get_front_lane (silo);

  /* Waits, in order and bounded, until it is said to be active. */
  for (guint i = 0; i < 4; i++)
    call_type (front, "slow", "a", ECHO, 0, &outcomes[i]);
  syn_silo_advance (silo, 699);
  g_assert_cmpuint (slow.n_received, ==, 0);
  g_assert_cmpint (outcomes[3].code, ==, SYN_ERROR_OVERLOADED);
  syn_grain_activated (slow.grain, NULL);
  syn_silo_settle (silo);
  g_assert_cmpuint (slow.n_received, ==, 3);
  for (guint i = 0; i < 3; i++)
    g_assert_cmpstr (outcomes[i].payload, ==, "hello");
  for (guint i = 0; i < 4; i++)
    outcome_clear (&outcomes[i]);
  syn_silo_advance (silo, 4999); /* its idle age counts from there */
  g_assert_cmpuint (slow.n_freed, ==, 0);
  syn_silo_advance (silo, 1);
  g_assert_cmpuint (slow.n_freed, ==, 1);

  /* From within activate is as good. */
  call_type (front, "slow", "at-once", ECHO, 0, &outcomes[0]);
  syn_silo_settle (silo);
  g_assert_cmpstr (outcomes[0].payload, ==, "hello");
  outcome_clear (&outcomes[0]);

  /* Not in time; and an error of its own. What activate made is freed; the next call activates afresh. */
  call_type (front, "slow", "b", ECHO, 0, &outcomes[0]);
  syn_silo_advance (silo, 699);
  g_assert_cmpuint (outcomes[0].n_replies, ==, 0);
  syn_silo_advance (silo, 1);
  g_assert_cmpint (outcomes[0].code, ==, SYN_ERROR_TIMEOUT);
  g_assert_cmpstr (outcomes[0].text, ==, "slow/b was not activated within 700 ms");
  g_assert_cmpuint (slow.n_freed, ==, 2);
  call_type (front, "slow", "b", ECHO, 0, &outcomes[1]);
  syn_silo_settle (silo);
  syn_grain_activated (slow.grain, error);
  syn_silo_settle (silo);
  g_assert_cmpint (outcomes[1].code, ==, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpstr (outcomes[1].text, ==, "no state");
  g_assert_cmpuint (slow.n_freed, ==, 3);
  outcome_clear (&outcomes[0]);
  outcome_clear (&outcomes[1]);

  /* The drain does not wait for it. */
  call_type (front, "slow", "c", ECHO, 0, &outcomes[0]);
  syn_silo_settle (silo);
  syn_silo_free (silo);
  g_assert_cmpint (outcomes[0].code, ==, SYN_ERROR_UNAVAILABLE);
  outcome_clear (&outcomes[0]);
  g_assert_cmpuint (slow.n_freed, ==, 5);
  g_assert_cmpuint (slow.n_received, ==, 4);
}

/* ---- deadlines ---- */

static void
test_deadline (void)
{
  SynSilo *silo = setup (1, FALSE);
  SynMetric timeouts = syn_metric_register (SYN_METRIC_COUNTER, "call_timeouts_total", "");
  Outcome late = { 0 }, early = { 0 };

  call_type (syn_silo_get_front_lane (silo), "puppet", "a", KEEP, 1000, &late);
  call_type (syn_silo_get_front_lane (silo), "puppet", "b", KEEP, 1000, &early);
  syn_silo_advance (silo, 999);
  g_assert_cmpuint (late.n_replies, ==, 0);
  call (silo, "b", FLUSH, NULL);
  syn_silo_settle (silo);
  syn_silo_advance (silo, 1);
  g_assert_cmpint (late.code, ==, SYN_ERROR_TIMEOUT);
  g_assert_cmpstr (early.payload, ==, "flushed");
  g_assert_cmpint (syn_metric_sum (silo, timeouts), ==, 1);
  /* The late reply is dropped (note_reply asserts that there is one), and leaks nothing. */
  call (silo, "a", FLUSH, NULL);
  syn_silo_settle (silo);
  outcome_clear (&late);
  outcome_clear (&early);
  syn_silo_free (silo);
}

/* ---- lists ---- */

static void
test_lists (void)
{
  SynMessage messages[4] = { 0 };
  SynMessageList list = { 0 };

  for (guint i = 0; i < 4; i++)
    syn_message_list_push (&list, &messages[i]);
  g_assert_cmpuint (list.length, ==, 4);
  syn_message_list_remove (&list, &messages[1]); /* inner */
  syn_message_list_remove (&list, &messages[3]); /* last */
  g_assert_true (syn_message_list_pop (&list) == &messages[0]);
  syn_message_list_push (&list, &messages[3]);
  g_assert_true (syn_message_list_pop (&list) == &messages[2]);
  g_assert_true (syn_message_list_pop (&list) == &messages[3]);
  g_assert_null (syn_message_list_pop (&list));
  g_assert_cmpuint (list.length, ==, 0);
  g_assert_null (list.head);
  g_assert_null (list.tail);
}

int
main (int argc, char **argv)
{
  int status;

  puppets_begin (&argc, &argv);
  g_test_add_func ("/grain/activation", test_activation);
  g_test_add_func ("/grain/failing-activation", test_failing_activation);
  g_test_add_func ("/grain/deferred-activation", test_deferred_activation);
  g_test_add_func ("/grain/unknown-type", test_unknown_type);
  g_test_add_func ("/grain/one-way-and-order", test_one_way_and_order);
  g_test_add_func ("/grain/fair-batches", test_fair_batches);
  g_test_add_func ("/grain/overload", test_overload);
  g_test_add_func ("/grain/lane-bound", test_lane_bound);
  g_test_add_func ("/grain/idle", test_idle);
  g_test_add_func ("/grain/kept-messages", test_kept_messages);
  g_test_add_func ("/grain/ending", test_ending);
  g_test_add_func ("/grain/deadline", test_deadline);
  g_test_add_func ("/grain/lists", test_lists);
  status = g_test_run ();
  puppets_end ();
  return status;
}
