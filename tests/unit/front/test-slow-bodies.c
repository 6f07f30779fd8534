/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What slow peers hold: counted once however many hold it, and when it is too much, the oldest go. On the front lane of a stepped silo. */
#include "syn-slow-bodies.h"

#include "syn-silo-test.h"

#define N 10
#define MAX_BYTES 1000

typedef struct
{
  SynSilo *silo;
  SynSlowBodies *bodies;
  struct
  {
    SynSlowHold hold;
    gboolean is_closed;
  } owners[N];
} Fixture;

static void
setup (Fixture *self, gconstpointer data)
{
  self->silo = syn_silo_new_stepped (1, NULL, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, NULL));
  self->bodies = syn_slow_bodies_for_lane (syn_silo_get_front_lane (self->silo));
  syn_slow_bodies_set_max (self->bodies, MAX_BYTES);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < N; i++)
    syn_slow_release (self->bodies, &self->owners[i].hold);
  g_assert_cmpuint (syn_slow_bodies_get_bytes (self->bodies), ==, 0);
  syn_silo_free (self->silo);
}

static void
closed (gpointer owner)
{
  gboolean *is_closed = owner;

  g_assert_false (*is_closed);
  *is_closed = TRUE;
}

static void
hold (Fixture *self, guint i, GBytes *body)
{
  syn_slow_hold (self->bodies, &self->owners[i].hold, body, closed, &self->owners[i].is_closed);
}

static void
assert_closed (Fixture *self, const char *expected)
{
  syn_silo_advance (self->silo, 1);
  for (guint i = 0; i < N; i++)
    g_assert_cmpint (self->owners[i].is_closed, ==, expected[i] == 'c');
}

static GBytes *
bytes_new (gsize size)
{
  return g_bytes_new_take (g_malloc0 (size), size);
}

static void
test_shared (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) body = bytes_new (MAX_BYTES);

  for (guint i = 0; i < N; i++)
    hold (self, i, i == 4 ? NULL : body);
  g_assert_cmpuint (syn_slow_bodies_get_bytes (self->bodies), ==, MAX_BYTES);
  assert_closed (self, "..........");
  for (guint i = 0; i < N - 1; i++)
    syn_slow_release (self->bodies, &self->owners[i].hold);
  g_assert_cmpuint (syn_slow_bodies_get_bytes (self->bodies), ==, MAX_BYTES);
}

static void
test_oldest (Fixture *self, gconstpointer data)
{
  GBytes *bodies[] = { bytes_new (400), bytes_new (300), bytes_new (300), bytes_new (1), bytes_new (900), bytes_new (2000) };

  hold (self, 0, bodies[0]);
  hold (self, 1, bodies[1]);
  hold (self, 2, bodies[2]);
  assert_closed (self, "..........");
  syn_slow_release (self->bodies, &self->owners[0].hold); /* it has taken it all, and takes the next: the youngest now */
  hold (self, 0, bodies[0]);
  hold (self, 3, bodies[3]);
  g_assert_false (self->owners[1].is_closed); /* not from within */
  assert_closed (self, ".c........");
  hold (self, 4, bodies[4]); /* 2 and 0 are not enough each */
  assert_closed (self, "ccc.......");
  g_assert_cmpuint (syn_slow_bodies_get_bytes (self->bodies), ==, 901);
  hold (self, 5, bodies[4]); /* the same again costs nothing */
  assert_closed (self, "ccc.......");
  hold (self, 6, bodies[5]); /* by itself more than there may be: nobody is left */
  assert_closed (self, "ccccccc...");
  for (guint i = 0; i < G_N_ELEMENTS (bodies); i++)
    g_clear_pointer (&bodies[i], g_bytes_unref);
}

/* What comes back below the maximum by itself closes nobody. */
static void
test_in_time (Fixture *self, gconstpointer data)
{
  g_autoptr (GBytes) one = bytes_new (600), other = bytes_new (600);

  hold (self, 0, one);
  hold (self, 1, other);
  syn_slow_release (self->bodies, &self->owners[1].hold);
  assert_closed (self, "..........");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  syn_slow_bodies_register_metrics ();
  g_test_add ("/slow-bodies/shared", Fixture, NULL, setup, test_shared, teardown);
  g_test_add ("/slow-bodies/oldest", Fixture, NULL, setup, test_oldest, teardown);
  g_test_add ("/slow-bodies/in-time", Fixture, NULL, setup, test_in_time, teardown);
  return g_test_run ();
}
