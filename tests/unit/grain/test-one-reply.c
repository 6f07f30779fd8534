/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Each call is answered exactly once, whatever the interleaving, the drain in its midst. */
#include "puppet-fixture.h"

typedef struct {
  const Outcome *outcomes;
  guint n; /* called before the drain began */
  gboolean done;
} Drain;

/* Whoever called before the drain has been told by the time that it is over. */
static void
drained (gpointer user_data)
{
  Drain *self = user_data;

  g_assert_false (self->done);
  self->done = TRUE;
  for (guint i = 0; i < self->n; i++)
    g_assert_cmpuint (self->outcomes[i].n_replies, ==, 1);
}

static void
test_call_while_draining (void)
{
  SynSilo *silo = setup (2, FALSE);
  SynLane *lane = syn_silo_get_lane (silo, 0), *before;
  Outcome outcome = { 0 };

  /* Refused where it is made: the lane that it is for does not run at all. */
  syn_silo_drain (silo, NULL, NULL);
  before = syn_silo_enter (silo, lane);
  call_type (lane, "puppet", "a", ECHO, 0, &outcome);
  call_type (lane, "puppet", "b", ECHO, 0, NULL);
  syn_silo_enter (silo, before);
  g_assert_cmpuint (outcome.n_replies, ==, 0);
  syn_silo_step (silo, lane);
  g_assert_cmpint (outcome.code, ==, SYN_ERROR_UNAVAILABLE);
  outcome_clear (&outcome);
  syn_silo_free (silo);
  g_assert_cmpuint (world.n_activated, ==, 0);
}

static void
test_interleavings (gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));
  SynSilo *silo = setup (3, TRUE);
  static const int methods[] = { ECHO, ECHO, KEEP, KEEP, FLUSH, FAIL, END, END_WITH_ERROR };
  static const char *const keys[] = { "a", "b", "c", "d", "e", "g" };
  guint n = 2000, called = 0;
  guint drain_at = (guint) g_rand_int_range (rand, 1000, 2500);
  g_autofree Outcome *outcomes = g_new0 (Outcome, n);
  Drain drain = { .outcomes = outcomes };

  syn_silo_seed (silo, g_rand_int (rand) % 2 * GPOINTER_TO_UINT (data)); /* half of them */
  world.fail_activations = (guint) g_rand_int_range (rand, 0, 20);
  for (guint round = 0; (round < 4000 && called < n) || round <= drain_at; round++)
    {
      SynLane *lane = NULL;
      guint pick = (guint) g_rand_int_range (rand, 0, 4);

      lane = pick < 3 ? syn_silo_get_lane (silo, pick) : syn_silo_get_front_lane (silo);
      if (round == drain_at)
        {
          drain.n = called;
          syn_silo_drain (silo, drained, &drain);
        }
      switch (g_rand_int_range (rand, 0, 4))
        {
        case 0:
          syn_silo_step (silo, lane);
          break;
        case 1:
          if (g_rand_int_range (rand, 0, 20) == 0)
            syn_silo_advance (silo, g_rand_int_range (rand, 0, 3000));
          break;
        default:
          if (called < n)
            {
              guint timeout_ms = (guint) g_rand_int_range (rand, 0, 3) * 700;
              const char *key = keys[g_rand_int_range (rand, 0, G_N_ELEMENTS (keys))];
              const char *type = *key == 'g' ? "guard" : "puppet";
              SynLane *before = syn_silo_enter (silo, lane);

              call_type (lane, type, key, methods[g_rand_int_range (rand, 0, G_N_ELEMENTS (methods))], timeout_ms,
                         &outcomes[called++]);
              syn_silo_enter (silo, before);
            }
        }
    }
  syn_silo_free (silo);
  g_assert_true (drain.done);
  for (guint i = 0; i < called; i++)
    {
      g_assert_cmpuint (outcomes[i].n_replies, ==, 1);
      outcome_clear (&outcomes[i]);
    }
  g_assert_cmpuint (world.n_activated, ==, world.n_deactivated);
}

int
main (int argc, char **argv)
{
  int status;

  puppets_begin (&argc, &argv);
  g_test_add_func ("/grain/call-while-draining", test_call_while_draining);
  for (guint seed = 1; seed <= 25; seed++)
    {
      g_autofree char *path = g_strdup_printf ("/grain/interleavings/%u", seed);

      g_test_add_data_func (path, GUINT_TO_POINTER (seed), test_interleavings);
    }
  status = g_test_run ();
  puppets_end ();
  return status;
}
