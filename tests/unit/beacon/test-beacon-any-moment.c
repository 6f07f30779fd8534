/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Readers that poll, cancel, withdraw and forget at any moment, over an owner of any manner: each poll is answered once, or cancelled. */
#include "beacon-fixture.h"

typedef struct {
  Reader reader;
  Fixture *fixture;
  GRand *rand;
  gboolean waiting;
  guint n_polls, n_cancelled, n_answers;
} Player;

static void player_act (Player *self);

static void
player_answered (SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms)
{
  Player *self = (Player *) waiter;

  g_assert_true (self->waiting);
  g_assert_false (self->reader.polling);
  self->waiting = FALSE;
  self->n_answers++;
  if (answer == SYN_ANSWER_SNAPSHOT)
    {
      ReplicaToken token = replica_snapshot_get_token (snapshot);

      g_assert_false (replica_token_equal (token, self->reader.token));
      self->reader.token = token;
    }
  if (g_rand_int_range (self->rand, 0, 2) == 0)
    player_act (self); /* from within */
}

static void
player_act (Player *self)
{
  static const char *const paths[] = { "quotes", "QUOTES", "candles", "empty", "absent", "bad!", NULL, NULL, NULL };
  SynWaiter *waiter = &self->reader.waiter;

  switch (g_rand_int_range (self->rand, 0, 7))
    {
    case 2:
      syn_waiter_withdraw (waiter);
      self->n_cancelled += self->waiting;
      self->waiting = FALSE;
      g_assert_null (waiter->beacon);
      break;
    case 0:
      syn_waiter_cancel (waiter);
      self->n_cancelled += self->waiting;
      self->waiting = FALSE;
      break;
    case 1:
      syn_waiter_forget (waiter);
      self->n_cancelled += self->waiting;
      self->waiting = FALSE;
      g_assert_null (waiter->beacon);
      break;
    default:
      if (self->waiting)
        return;
      if (g_rand_int_range (self->rand, 0, 4) == 0)
        self->reader.token = REPLICA_TOKEN_NONE;
      self->waiting = TRUE;
      self->n_polls++;
      self->reader.polling = TRUE;
      syn_beacon_set_poll (self->fixture->set, waiter, paths[g_rand_int_range (self->rand, 0, G_N_ELEMENTS (paths))],
                           self->reader.token, (guint) g_rand_int_range (self->rand, 0, 3) * 700, player_answered);
      self->reader.polling = FALSE;
    }
}

static void
test_any_moment (Fixture *self, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (GPOINTER_TO_UINT (data));
  Player *players[30];
  guint n_polls = 0, n_ends = 0;

  for (guint i = 0; i < G_N_ELEMENTS (players); i++)
    {
      players[i] = g_new0 (Player, 1);
      players[i]->fixture = self;
      players[i]->rand = rand;
    }
  self->set->max_held = 20;
  self->set->max_initial = 10;
  for (guint round = 0; round < 3000; round++)
    switch (g_rand_int_range (rand, 0, 8))
      {
      case 0:
        syn_silo_step (self->silo, syn_silo_get_lane (self->silo, (guint) g_rand_int_range (rand, 0, 2)));
        break;
      case 1:
        syn_silo_step (self->silo, self->front);
        break;
      case 2:
        publish (self, g_rand_int_range (rand, 0, 2) == 0 ? "quotes" : "candles");
        break;
      case 3:
        if (g_rand_int_range (rand, 0, 10) == 0)
          syn_silo_advance (self->silo, g_rand_int_range (rand, 0, 30000));
        break;
      case 4:
        if (g_rand_int_range (rand, 0, 30) == 0)
          world.error = world.error == 0 ? SYN_ERROR_OVERLOADED : 0;
        if (g_rand_int_range (rand, 0, 30) == 0)
          world.manner = g_rand_int_range (rand, 0, 2) == 0 ? SILENT : FAITHFUL;
        break;
      default:
        player_act (players[g_rand_int_range (rand, 0, G_N_ELEMENTS (players))]);
      }
  /* Time enough for every hold and deadline: each poll was answered once, or cancelled. */
  syn_silo_advance (self->silo, 120000);
  for (guint i = 0; i < G_N_ELEMENTS (players); i++)
    {
      syn_waiter_cancel (&players[i]->reader.waiter);
      n_polls += players[i]->n_polls;
      n_ends += players[i]->n_answers + players[i]->n_cancelled + players[i]->waiting;
      g_assert_false (players[i]->waiting && !(world.manner == SILENT || world.error != 0));
    }
  g_assert_cmpuint (n_polls, ==, n_ends);
  g_assert_cmpuint (n_polls, >, 300);
  g_assert_cmpuint (status (self).waiting, ==, 0);
  g_assert_cmpuint (self->set->n_held + self->set->n_initial, ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (players); i++)
    {
      syn_waiter_forget (&players[i]->reader.waiter);
      g_free (players[i]);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint seed = 1; seed <= 20; seed++)
    {
      g_autofree char *path = g_strdup_printf ("/beacon/any-moment/%u", seed);

      g_test_add (path, Fixture, GUINT_TO_POINTER (seed), fixture_setup, test_any_moment, fixture_teardown);
    }
  return g_test_run ();
}
