/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bases of deltas that a beacon keeps: for whom, how many, and what of them goes when there are too many. */
#include "beacon-fixture.h"
#include "replica-snapshot-private.h"

typedef struct {
  SynWaiter waiter;
  ReplicaToken base;  /* what the beacon still had of what it named */
  ReplicaToken given;
  gboolean makes_forms; /* of each snapshot, all there are */
} Taker;

static void
told (SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms)
{
  Taker *self = (Taker *) waiter;
  ReplicaSnapshot *base;

  g_assert_cmpint (answer, ==, SYN_ANSWER_SNAPSHOT);
  self->given = replica_snapshot_get_token (snapshot);
  base = syn_waiter_get_base (waiter);
  self->base = base != NULL ? replica_snapshot_get_token (base) : REPLICA_TOKEN_NONE;
  if (!self->makes_forms)
    return;
  if (base != NULL)
    {
      /* Only the bytes that are counted are kept. */
      g_assert_null (base->json);
      g_assert_null (base->csv);
      g_assert_null (base->deltas);
      g_assert_null (base->full.zstd);
      replica_snapshot_get_delta (snapshot, base, NULL);
    }
  replica_snapshot_get_json (snapshot);
  replica_snapshot_get_csv (snapshot);
  replica_form_get_zstd (replica_snapshot_get_full (snapshot), NULL);
}

static void
take (Fixture *f, Taker *self, const char *path, ReplicaToken token)
{
  self->waiter.takes_deltas = TRUE;
  self->given = REPLICA_TOKEN_NONE;
  syn_beacon_set_poll (f->set, &self->waiter, path, token, 10000, told);
  syn_silo_settle (f->silo);
}

/* As one that polls on as soon as it is answered. */
static void
take_next (Fixture *f, Taker *self, const char *path)
{
  ReplicaToken held = self->given;

  take (f, self, path, held);
  publish (f, path);
  syn_silo_settle (f->silo);
  g_assert_true (replica_token_equal (self->base, held));
}

static gint64
missing (Fixture *f)
{
  return syn_metric_sum (f->silo, f->set->bases_missing);
}

static void
test_ring (Fixture *self, gconstpointer data)
{
  Taker taker = { 0 }, late = { 0 };
  ReplicaToken first;
  gint64 before = missing (self);

  take (self, &taker, "quotes", REPLICA_TOKEN_NONE);
  first = taker.given;
  g_assert_cmpuint (self->set->base_bytes, ==, 0);
  for (guint i = 1; i <= SYN_MAX_BASES; i++)
    {
      take_next (self, &taker, "quotes");
      take (self, &late, "quotes", first);
      g_assert_true (replica_token_equal (late.base, first));
      g_assert_cmpuint (g_queue_get_length (&self->set->bases), ==, i);
      syn_silo_advance (self->silo, 1000);
    }
  g_assert_cmpint (missing (self), ==, before); /* a poll without a token misses nothing */
  take_next (self, &taker, "quotes");
  g_assert_cmpuint (g_queue_get_length (&self->set->bases), ==, SYN_MAX_BASES);
  take (self, &late, "quotes", first);
  g_assert_true (replica_token_equal (late.base, REPLICA_TOKEN_NONE));
  g_assert_cmpint (missing (self), ==, before + 1);
  g_assert_cmpint (syn_metric_sum (self->silo, self->set->base_bytes_metric), ==, (gint64) self->set->base_bytes);

  /* They go with the beacon. */
  syn_waiter_withdraw (&taker.waiter);
  syn_waiter_withdraw (&late.waiter);
  syn_silo_advance (self->silo, 2 * SYN_BEACON_LIFE_MS);
  g_assert_cmpuint (status (self).beacons, ==, 0);
  g_assert_cmpuint (self->set->base_bytes, ==, 0);
  g_assert_cmpint (syn_metric_sum (self->silo, self->set->base_bytes_metric), ==, 0);
}

static void
test_only_for_takers (Fixture *self, gconstpointer data)
{
  Reader plain = { .set = self->set, .again = TRUE };
  Taker taker = { 0 };

  poll_path (&plain, "quotes", 10000);
  syn_silo_settle (self->silo);
  for (guint i = 0; i < 5; i++)
    {
      syn_silo_advance (self->silo, 1000);
      publish (self, "quotes");
      syn_silo_settle (self->silo);
    }
  g_assert_cmpuint (plain.n_answers, ==, 6);
  g_assert_cmpuint (self->set->base_bytes, ==, 0);
  /* From the first that does, until two holds after its last poll. */
  take (self, &taker, "quotes", REPLICA_TOKEN_NONE);
  take_next (self, &taker, "quotes");
  g_assert_cmpuint (g_queue_get_length (&self->set->bases), ==, 1);
  syn_waiter_withdraw (&taker.waiter);
  for (guint i = 0; i < 2 + SYN_BEACON_LIFE_MS / 1000; i++)
    {
      syn_silo_advance (self->silo, 1000);
      publish (self, "quotes");
      syn_silo_settle (self->silo);
    }
  g_assert_cmpuint (g_queue_get_length (&self->set->bases), <=, SYN_MAX_BASES - 1); /* pushed out, and none came after */
  reader_clear (&plain);
}

/* What was made of a snapshot goes when it is no longer the newest: see told(). */
static void
test_bare (Fixture *self, gconstpointer data)
{
  Taker taker = { .makes_forms = TRUE };

  take (self, &taker, "quotes", REPLICA_TOKEN_NONE);
  for (guint i = 1; i <= 3; i++)
    {
      take_next (self, &taker, "quotes");
      syn_silo_advance (self->silo, 1000);
    }
  syn_waiter_withdraw (&taker.waiter);
}

/* The oldest of the lane goes, whoever's it is. */
static void
test_lane_limit (Fixture *self, gconstpointer data)
{
  Taker a = { 0 }, b = { 0 }, late = { 0 };
  ReplicaToken first, second;
  gsize size;

  take (self, &a, "a", REPLICA_TOKEN_NONE);
  take (self, &b, "b", REPLICA_TOKEN_NONE);
  first = a.given;
  take_next (self, &a, "a");
  second = a.given;
  size = self->set->base_bytes;
  self->set->max_base_bytes = 3 * size;
  take_next (self, &a, "a");
  take_next (self, &b, "b");
  g_assert_cmpuint (self->set->base_bytes, ==, 3 * size);
  take_next (self, &b, "b");
  g_assert_cmpuint (self->set->base_bytes, ==, 3 * size);
  take (self, &late, "a", first);
  g_assert_true (replica_token_equal (late.base, REPLICA_TOKEN_NONE));
  take (self, &late, "a", second);
  g_assert_true (replica_token_equal (late.base, second));
  /* One that is larger than all that may be kept pushes nothing out. */
  self->set->max_base_bytes = size - 1;
  take (self, &a, "a", a.given);
  publish (self, "a");
  syn_silo_settle (self->silo);
  g_assert_true (replica_token_equal (a.base, REPLICA_TOKEN_NONE));
  syn_waiter_withdraw (&a.waiter);
  syn_waiter_withdraw (&b.waiter);
  syn_waiter_withdraw (&late.waiter);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name, func) g_test_add ("/beacon/bases/" name, Fixture, NULL, fixture_setup, func, fixture_teardown)
  ADD ("ring", test_ring);
  ADD ("only-for-takers", test_only_for_takers);
  ADD ("bare", test_bare);
  ADD ("lane-limit", test_lane_limit);
  return g_test_run ();
}
