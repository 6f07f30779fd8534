/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Grains that are always on: how the supervisor starts them again, how soon, and what it says meanwhile. */
#include "puppet-fixture.h"

static void
test_back_off (void)
{
  static const guint delays_ms[] = { 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000 };
  SynMetric restarts, down;
  SynSilo *silo = setup (1, TRUE);
  SynLane *front = syn_silo_get_front_lane (silo);
  Outcome outcome = { 0 };
  g_auto (GStrv) lines = NULL;

  restarts = syn_metric_register (SYN_METRIC_COUNTER, "grain_restarts_total", "");
  down = syn_metric_register (SYN_METRIC_GAUGE, "grains_down", "");
  world.fail_activations = G_N_ELEMENTS (delays_ms);
  syn_silo_settle (silo);
  g_assert_cmpint (syn_metric_sum (silo, down), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (delays_ms); i++)
    {
      g_assert_cmpuint (world.fail_activations, ==, G_N_ELEMENTS (delays_ms) - 1 - i);
      /* Who calls meanwhile is told at once, and does not defeat the back-off. */
      call_type (front, "guard", "g", ECHO, 0, &outcome);
      syn_silo_settle (silo);
      g_assert_cmpint (outcome.code, ==, SYN_ERROR_UNAVAILABLE);
      g_assert_nonnull (strstr (outcome.text, "no g today"));
      outcome_clear (&outcome);
      syn_silo_advance (silo, delays_ms[i] - 1);
      g_assert_cmpuint (world.fail_activations, ==, G_N_ELEMENTS (delays_ms) - 1 - i);
      g_assert_cmpint (syn_metric_sum (silo, restarts), ==, i);
      syn_silo_advance (silo, 1);
      g_assert_cmpint (syn_metric_sum (silo, restarts), ==, i + 1);
    }
  g_assert_cmpuint (world.n_activated, ==, 1);
  g_assert_cmpint (syn_metric_sum (silo, down), ==, 0);
  lines = g_strsplit (world.warnings->str, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, G_N_ELEMENTS (delays_ms) + 1); /* one each, and the end */
  g_assert_nonnull (strstr (lines[0], "guard/g"));
  g_assert_nonnull (strstr (lines[0], "no g today"));

  /* A short life does not forgive, one of 30 s does. */
  call_type (front, "guard", "g", END_WITH_ERROR, 0, NULL);
  syn_silo_advance (silo, 29999);
  g_assert_cmpuint (world.n_activated, ==, 1);
  syn_silo_advance (silo, 1);
  g_assert_cmpuint (world.n_activated, ==, 2);
  syn_silo_advance (silo, 30000);
  call_type (front, "guard", "g", END_WITH_ERROR, 0, NULL);
  syn_silo_advance (silo, 100);
  g_assert_cmpuint (world.n_activated, ==, 3);
  syn_silo_free (silo);
}

static void
test_always_on (void)
{
  SynSilo *silo = setup (2, TRUE);
  Outcome outcome = { 0 };

  syn_silo_settle (silo);
  g_assert_cmpuint (world.n_activated, ==, 1);
  syn_silo_advance (silo, 3600000);
  g_assert_cmpuint (world.n_deactivated, ==, 0);
  /* Of an always-on type, but not named: supervised once it was active; a name that never was is only an error. */
  world.fail_activations = 1;
  call_type (syn_silo_get_front_lane (silo), "guard", "other", ECHO, 0, &outcome);
  syn_silo_advance (silo, 1000);
  g_assert_cmpint (outcome.code, ==, SYN_ERROR_NOT_FOUND);
  g_assert_cmpuint (world.n_activated, ==, 1);
  outcome_clear (&outcome);
  call_type (syn_silo_get_front_lane (silo), "guard", "other", END_WITH_ERROR, 0, NULL);
  syn_silo_settle (silo);
  g_assert_cmpuint (world.n_activated, ==, 2);
  syn_silo_advance (silo, 100);
  g_assert_cmpuint (world.n_activated, ==, 3);
  g_assert_cmpuint (syn_silo_get_n_activations (silo, "guard"), ==, 2);
  syn_silo_free (silo);
}

int
main (int argc, char **argv)
{
  int status;

  puppets_begin (&argc, &argv);
  g_test_add_func ("/grain/back-off", test_back_off);
  g_test_add_func ("/grain/always-on", test_always_on);
  status = g_test_run ();
  puppets_end ();
  return status;
}
