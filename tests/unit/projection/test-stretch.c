/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Load shed by stretching: owners whose snapshots take as long as the test says (of the stepped clock), on one lane, followed by readers. */
#include <string.h>

#include "projection-silo.h"
#include "replica-snapshot-builder.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-load.h"
#include "syn-outlet.h"

#define N_OWNERS 4
#define TICK_METHOD 1
#define TICK_MS 50

/* "0" to "3": what is fixed of an owner, and what the test counts. */
typedef struct {
  guint cap_ms, pace_ms, n_readers;
  gint64 cost_us;
  gint64 event_us; /* what taking in an event costs, every TICK_MS */
  gboolean asked;
  guint n_made;
} Play;

static Play plays[N_OWNERS];
static SynSilo *the_silo;

typedef struct {
  SynGrain *grain;
  SynOutlet *outlet;
  Play *play;
  SynTimer tick;
  gint64 number;
} Owner;

static ReplicaSnapshot *
make (gpointer user_data, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  Owner *self = user_data;
  ReplicaColumn column = { .name = "n", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 1, .data = &self->number };
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("number", token, time_us, 1);

  self->play->n_made++;
  syn_silo_burn (the_silo, self->play->cost_us);
  replica_snapshot_builder_add (builder, &column);
  return replica_snapshot_builder_finish (builder, error);
}

static void
on_tick (SynTimer *timer, gpointer user_data)
{
  Owner *self = user_data;

  self->number++;
  syn_silo_burn (the_silo, self->play->event_us);
  syn_outlet_mark_dirty (self->outlet);
  syn_lane_arm (syn_grain_get_lane (self->grain), &self->tick, TICK_MS, on_tick, self);
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Owner *self = g_new0 (Owner, 1);

  self->grain = grain;
  self->play = &plays[key[0] - '0'];
  self->outlet = syn_outlet_new (grain, self->play->cap_ms, 0, make, self);
  syn_outlet_set_pace_ms (self->outlet, self->play->pace_ms);
  syn_lane_arm (syn_grain_get_lane (grain), &self->tick, TICK_MS, on_tick, self);
  return self;
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  syn_outlet_poll (((Owner *) state)->outlet, message);
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  Owner *self = state;

  syn_outlet_free (self->outlet);
  syn_lane_disarm (syn_grain_get_lane (grain), &self->tick);
  g_free (self);
}

static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  syn_outlet_cancel (((Owner *) state)->outlet, message);
}

static const SynGrainType owner_type = {
  .name = "owner", .idle_age_ms = 1000, .reentrant = TRUE,
  .activate = activate, .receive = receive, .cancelled = cancelled, .deactivate = deactivate,
};

/* ---- readers ---- */

static void ask (Play *play, ReplicaToken token);

static void
answered (gpointer payload, const GError *error, gpointer user_data)
{
  g_autoptr (ReplicaSnapshot) snapshot = payload;
  Play *play = user_data;

  if (play->asked && error == NULL)
    ask (play, snapshot != NULL ? replica_snapshot_get_token (snapshot) : REPLICA_TOKEN_NONE);
}

static void
ask (Play *play, ReplicaToken token)
{
  char key[2] = { (char) ('0' + (play - plays)), '\0' };
  SynPoll *poll = g_new0 (SynPoll, 1);
  SynCall call = { .type = "owner", .key = key, .method = SYN_POLL_METHOD, .payload = poll, .payload_free = g_free,
                   .timeout_ms = 60000, .reply = answered, .user_data = play };

  poll->token = token;
  poll->hold_ms = 30000;
  poll->n_readers = play->n_readers;
  syn_call (syn_silo_get_front_lane (the_silo), &call);
}

static TestSilo *
start (const Play *all, guint n)
{
  TestSilo *self = g_new0 (TestSilo, 1);

  self->silo = the_silo = syn_silo_new_stepped (1, NULL, NULL);
  syn_silo_register (self->silo, &owner_type, NULL);
  g_assert_true (syn_silo_start (self->silo, NULL, NULL));
  memset (plays, 0, sizeof plays);
  memcpy (plays, all, n * sizeof *all);
  for (guint i = 0; i < n; i++)
    if (plays[i].asked)
      ask (&plays[i], REPLICA_TOKEN_NONE);
  return self;
}

static void
end (TestSilo *self)
{
  for (guint i = 0; i < N_OWNERS; i++)
    plays[i].asked = FALSE;
  syn_silo_free (self->silo);
  g_free (self);
}

/* Snapshots that each makes in the next @ms. */
static void
count (TestSilo *self, gint64 ms, guint made[N_OWNERS])
{
  for (guint i = 0; i < N_OWNERS; i++)
    plays[i].n_made = 0;
  syn_silo_advance (self->silo, ms);
  for (guint i = 0; i < N_OWNERS; i++)
    made[i] = plays[i].n_made;
}

static gint64
busy_us (TestSilo *self)
{
  return syn_lane_get_load (syn_silo_get_lane (self->silo, 0))->total_us;
}

/* The next @ms pass; how busy the lane is in them. */
static guint
load (TestSilo *self, gint64 ms)
{
  gint64 before_us = busy_us (self), start_ms = syn_silo_stepped_now_ms (self->silo);

  syn_silo_advance (self->silo, ms);
  return (guint) ((busy_us (self) - before_us) / (syn_silo_stepped_now_ms (self->silo) - start_ms));
}

#define stretched(self) test_silo_metric (self, "snapshots_stretched")

/* ---- tests ---- */

/* The dear one with one reader is made half as often, which is enough; the one with many readers, and the cheap one, are as before; and all is when
 * there is room again. */
static void
test_cheapest_first (void)
{
  const Play all[] = {
    { .cap_ms = 200, .cost_us = 100000, .n_readers = 1, .asked = TRUE },   /* half of the time */
    { .cap_ms = 250, .cost_us = 100000, .n_readers = 10, .asked = TRUE },  /* 4 tenths */
    { .cap_ms = 100, .cost_us = 1000, .n_readers = 1000, .asked = TRUE },  /* a hundredth */
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  guint made[N_OWNERS];

  g_assert_cmpuint (load (silo, 1500), >=, SYN_LANE_BUDGET_PERMILLE);
  g_assert_cmpint (stretched (silo), ==, 0); /* not before it has been so for a while */
  syn_silo_advance (silo->silo, 3000);
  g_assert_cmpint (stretched (silo), ==, 1);
  count (silo, 12000, made);
  g_assert_cmpuint (made[0], >=, 26);
  g_assert_cmpuint (made[0], <=, 31);  /* every 400 ms */
  g_assert_cmpuint (made[1], >=, 30);  /* as often as the lane lets it */
  g_assert_cmpuint (made[2], >=, 50);
  g_assert_cmpint (stretched (silo), ==, 1);
  g_assert_cmpuint (load (silo, 2000), <, SYN_LANE_BUDGET_PERMILLE);
  g_assert_cmpint (test_silo_metric (silo, "snapshot_stretches_total"), ==, 1);

  /* The other leaves. Not at once: it might come back. */
  plays[1].asked = FALSE;
  syn_silo_advance (silo->silo, 1000);
  g_assert_cmpuint (load (silo, 2000), <, SYN_LANE_CALM_PERMILLE);
  g_assert_cmpint (stretched (silo), ==, 1);
  syn_silo_advance (silo->silo, 6000);
  g_assert_cmpint (stretched (silo), ==, 0);
  count (silo, 10000, made);
  g_assert_cmpuint (made[0], >=, 45);
  g_assert_cmpint (stretched (silo), ==, 0);
  end (silo);
}

/* Up to the bound and no further, and back by halves. What has no cap of its own goes at its projection's pace. */
static void
test_bound (void)
{
  const Play all[] = { { .cap_ms = 0, .pace_ms = 50, .cost_us = 45000, .n_readers = 1, .asked = TRUE } };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  guint made[N_OWNERS];

  /* As soon as it comes half as often it costs twice as much. */
  for (guint factor = 2; factor <= SYN_STRETCH_MAX; factor *= 2)
    {
      syn_silo_advance (silo->silo, 5000);
      g_assert_cmpint (1 << test_silo_metric (silo, "snapshot_stretches_total"), ==, factor);
      plays[0].cost_us *= 2;
    }
  g_assert_cmpuint (load (silo, 10000), >=, SYN_LANE_BUDGET_PERMILLE);
  syn_silo_advance (silo->silo, 20000);
  g_assert_cmpint (1 << test_silo_metric (silo, "snapshot_stretches_total"), ==, SYN_STRETCH_MAX);
  count (silo, 4000, made);
  g_assert_cmpuint (made[0], >=, 4000 / (50 * SYN_STRETCH_MAX) - 1);
  g_assert_cmpuint (made[0], <=, 4000 / (50 * SYN_STRETCH_MAX) + 1);

  plays[0].cost_us = 1000;
  syn_silo_advance (silo->silo, SYN_STRETCH_BACK_MS + 2000);
  g_assert_cmpint (stretched (silo), ==, 1);
  syn_silo_advance (silo->silo, 3 * SYN_STRETCH_BACK_MS);
  g_assert_cmpint (stretched (silo), ==, 0);
  count (silo, 2000, made);
  g_assert_cmpuint (made[0], >=, 38); /* every event */
  end (silo);
}

/* Events take the time, not snapshots: nobody is delayed for nothing. */
static void
test_not_worth (void)
{
  const Play all[] = {
    { .cap_ms = 1000, .cost_us = 20000, .event_us = 42000, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 1000, .cost_us = 20000, .n_readers = 1, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));

  g_assert_cmpuint (load (silo, 30000), >=, SYN_LANE_BUDGET_PERMILLE);
  g_assert_cmpint (stretched (silo), ==, 0);
  end (silo);
}

/* The dear one is not enough; the hot and cheap one would not help, and is let alone. */
static void
test_let_alone (void)
{
  const Play all[] = {
    { .cap_ms = 100, .cost_us = 12000, .event_us = 42000, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 500, .n_readers = 1000, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  guint made[N_OWNERS];

  g_assert_cmpuint (load (silo, 20000), >=, SYN_LANE_BUDGET_PERMILLE);
  g_assert_cmpint (stretched (silo), ==, 1);
  count (silo, 10000, made);
  g_assert_cmpuint (made[1], >=, 90);
  g_assert_cmpuint (made[0], <, made[1]);
  end (silo);
}

/* One that goes while it is stretched is counted no more. */
static void
test_goes (void)
{
  const Play all[] = { { .cap_ms = 100, .cost_us = 90000, .n_readers = 1, .asked = TRUE } };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));

  syn_silo_advance (silo->silo, 4000);
  g_assert_cmpint (stretched (silo), ==, 1);
  plays[0].asked = FALSE;
  syn_silo_advance (silo->silo, 3500);
  g_assert_cmpint (stretched (silo), ==, 0);
  end (silo);
}

/* The share of its time that something is awake. */
static void
test_load (void)
{
  SynLoad self;

  syn_load_begin (&self, 1000);
  syn_load_set_awake (&self, TRUE, 1000);
  syn_load_set_awake (&self, FALSE, 401000);
  g_assert_cmpuint (self.n_windows, ==, 0);
  syn_load_set_awake (&self, TRUE, 501000);
  g_assert_cmpuint (self.n_windows, ==, 1);
  g_assert_cmpuint (self.permille, ==, 800);
  /* Longer than a window, in one go; a clock that stands or goes back is no time. */
  syn_load_set_awake (&self, FALSE, 3501000);
  g_assert_cmpuint (self.n_windows, ==, 2);
  g_assert_cmpuint (self.permille, ==, 1000);
  syn_load_set_awake (&self, TRUE, 3400000);
  syn_load_set_awake (&self, TRUE, 3501000);
  g_assert_cmpuint (self.n_windows, ==, 2);
  syn_load_set_awake (&self, FALSE, 3501000);
  syn_load_set_awake (&self, TRUE, 13501000);
  g_assert_cmpuint (self.permille, ==, 0);
  g_assert_cmpint (self.total_us, ==, 3400000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/stretch/load", test_load);
  g_test_add_func ("/stretch/cheapest-first", test_cheapest_first);
  g_test_add_func ("/stretch/bound", test_bound);
  g_test_add_func ("/stretch/not-worth", test_not_worth);
  g_test_add_func ("/stretch/let-alone", test_let_alone);
  g_test_add_func ("/stretch/goes", test_goes);
  return g_test_run ();
}
