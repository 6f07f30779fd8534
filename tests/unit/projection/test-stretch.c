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
#include "syn-stretch.h"

#define N_OWNERS 4
#define TICK_METHOD 1
#define TICK_MS 50

/* "0" to "3": what is fixed of an owner, and what the test counts. */
typedef struct {
  guint cap_ms, pace_ms, n_readers;
  gint64 cost_us;
  gint64 event_us;  /* what taking in an event costs, every tick_ms (TICK_MS, unless it says otherwise) */
  gint64 answer_us; /* what comes of a snapshot beside its making: the lane does that at the next tick */
  gint64 stolen_us; /* how long others have the core in the midst of an event */
  guint tick_ms;
  guint late_ms;    /* its reader asks again so long after an answer */
  SynTimer ask_again;
  ReplicaToken token;
  gboolean asked;
  guint n_made, n_due; /* n_due: of those made, those that nothing came of yet */
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
  self->play->n_due++;
  syn_silo_burn (the_silo, self->play->cost_us);
  replica_snapshot_builder_add (builder, &column);
  return replica_snapshot_builder_finish (builder, error);
}

static guint
tick_ms (const Play *play)
{
  return play->tick_ms != 0 ? play->tick_ms : TICK_MS;
}

static void
on_tick (SynTimer *timer, gpointer user_data)
{
  Owner *self = user_data;

  self->number++;
  syn_silo_burn (the_silo, self->play->event_us + self->play->answer_us * self->play->n_due);
  self->play->n_due = 0;
  syn_silo_steal (the_silo, self->play->stolen_us);
  syn_outlet_mark_dirty (self->outlet);
  syn_lane_arm (syn_grain_get_lane (self->grain), &self->tick, tick_ms (self->play), on_tick, self);
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  Owner *self = g_new0 (Owner, 1);

  self->grain = grain;
  self->play = &plays[key[0] - '0'];
  self->outlet = syn_outlet_new (grain, self->play->cap_ms, 0, make, self);
  syn_outlet_set_pace_ms (self->outlet, self->play->pace_ms);
  syn_lane_arm (syn_grain_get_lane (grain), &self->tick, tick_ms (self->play), on_tick, self);
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
ask_late (SynTimer *timer, gpointer user_data)
{
  ask (user_data, ((Play *) user_data)->token);
}

static void
answered (gpointer payload, const GError *error, gpointer user_data)
{
  g_autoptr (ReplicaSnapshot) snapshot = payload;
  Play *play = user_data;

  if (snapshot != NULL)
    play->token = replica_snapshot_get_token (snapshot);
  if (play->asked && error == NULL && play->late_ms > 0)
    syn_lane_arm (syn_silo_get_front_lane (the_silo), &play->ask_again, play->late_ms, ask_late, play);
  else if (play->asked && error == NULL)
    ask (play, play->token);
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
    {
      plays[i].asked = FALSE;
      syn_lane_disarm (syn_silo_get_front_lane (self->silo), &plays[i].ask_again);
    }
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
  return syn_lane_get_load (syn_silo_get_lane (self->silo, 0))->awake_us;
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

/* It is not only what is made that costs: going back is too much each time. It is tried ever more seldom, and neither swings. */
static void
test_hidden_cost (void)
{
  const Play all[] = { { .cap_ms = 100, .cost_us = 15000, .answer_us = 75000, .tick_ms = 10, .n_readers = 1, .asked = TRUE } };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  gint64 stretches[4];

  for (guint i = 0; i < G_N_ELEMENTS (stretches); i++)
    {
      syn_silo_advance (silo->silo, 120000);
      stretches[i] = test_silo_metric (silo, "snapshot_stretches_total");
    }
  g_assert_cmpint (stretches[0], >=, 1);
  g_assert_cmpint (stretches[0], <=, 8);
  /* At the most once in the longest time. */
  g_assert_cmpint (stretches[3] - stretches[1], <=, 2 * 240000 / SYN_STRETCH_BACK_MAX_MS);
  end (silo);
}

/* Load that comes and goes around the budget, second by second: what is stretched stays so, and no more is. */
static void
test_unsteady (void)
{
  const Play all[] = {
    { .cap_ms = 100, .cost_us = 20000, .tick_ms = 10, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 30000, .tick_ms = 10, .n_readers = 2, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  gint64 before = 0, stretched_before = 0;

  plays[0].event_us = 7000;
  syn_silo_advance (silo->silo, 6000);
  g_assert_cmpint (stretched (silo), >, 0);
  for (guint i = 0; i < 120; i++)
    {
      plays[0].event_us = i % 2 == 0 ? 5000 : 12000;
      syn_silo_advance (silo->silo, 1000);
      if (i == 20)
        {
          before = test_silo_metric (silo, "snapshot_stretches_total");
          stretched_before = stretched (silo);
        }
    }
  g_assert_cmpint (test_silo_metric (silo, "snapshot_stretches_total"), ==, before);
  g_assert_cmpint (stretched (silo), ==, stretched_before);
  end (silo);
}

/* What others take of the core is neither the lane's load nor its snapshots' cost. */
static void
test_neighbour (void)
{
  const Play all[] = {
    { .cap_ms = 100, .cost_us = 4000, .stolen_us = 42000, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 1000, .n_readers = 1, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));

  g_assert_cmpuint (load (silo, 30000), >=, SYN_LANE_BUDGET_PERMILLE); /* it is hardly ever asleep */
  g_assert_cmpint (stretched (silo), ==, 0);
  g_assert_cmpint (test_silo_metric (silo, "lane_cpu_us_total"), <, test_silo_metric (silo, "lane_busy_us_total") / 3);
  end (silo);
}

/* Half a core that is full is full. */
static void
test_half_a_core (void)
{
  const Play all[] = { { .cap_ms = 50, .cost_us = 30000, .stolen_us = 30000, .n_readers = 1, .asked = TRUE } };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));

  syn_silo_advance (silo->silo, 5000);
  g_assert_cmpint (stretched (silo), ==, 1);
  end (silo);
}

/* Polls come so late that a snapshot may be made at once, and they never wait for one: their readers are counted all the same. */
static void
test_readers_of_late_polls (void)
{
  const Play all[] = {
    { .cap_ms = 200, .cost_us = 90000, .late_ms = 110, .n_readers = 1000, .asked = TRUE }, /* dearer, but for so many */
    { .cap_ms = 200, .cost_us = 80000, .late_ms = 120, .event_us = 10000, .n_readers = 1, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  guint made[N_OWNERS];

  syn_silo_advance (silo->silo, 20000);
  count (silo, 10000, made);
  g_assert_cmpuint (made[0], >=, 40);
  g_assert_cmpuint (made[1], <=, made[0] / 2);
  end (silo);
}

/* Alike, they are delayed alike: none is taken to the bound while another goes on as before. */
static void
test_fair (void)
{
  const Play all[] = {
    { .cap_ms = 100, .cost_us = 32000, .n_readers = 3, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 32000, .n_readers = 3, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 32000, .n_readers = 3, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 32000, .n_readers = 3, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  guint made[N_OWNERS], least = G_MAXUINT, most = 0;

  syn_silo_advance (silo->silo, 20000);
  g_assert_cmpuint (load (silo, 4000), <, SYN_LANE_BUDGET_PERMILLE);
  count (silo, 20000, made);
  for (guint i = 0; i < N_OWNERS; i++)
    {
      least = MIN (least, made[i]);
      most = MAX (most, made[i]);
    }
  g_assert_cmpuint (most, <=, 2 * least + 2);
  g_assert_cmpuint (least, >=, 20000 / 400 - 2);
  end (silo);
}

/* What changes seldom by itself saves nothing when it may come less often, as long as the lane is not full. */
static void
test_seldom (void)
{
  const Play all[] = {
    { .cap_ms = 100, .cost_us = 340000, .tick_ms = 1000, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 80000, .tick_ms = 10, .n_readers = 1, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  guint made[N_OWNERS];

  syn_silo_advance (silo->silo, 20000);
  g_assert_cmpint (stretched (silo), ==, 1);
  count (silo, 10000, made);
  g_assert_cmpuint (made[0], >=, 7); /* every event, and what making it takes */
  end (silo);
}

/* Five times what there is time for: it takes three steps, not one for each tenth too much. */
static void
test_far_too_much (void)
{
  const Play all[] = {
    { .cap_ms = 40, .cost_us = 60000, .tick_ms = 10, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 40, .cost_us = 50000, .tick_ms = 10, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 40, .cost_us = 50000, .tick_ms = 10, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 40, .cost_us = 40000, .tick_ms = 10, .n_readers = 1, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));

  syn_silo_advance (silo->silo, 3 * (SYN_STRETCH_AFTER_MS + 700));
  g_assert_cmpint (stretched (silo), ==, 4);
  g_assert_cmpint (test_silo_metric (silo, "snapshot_stretches_total"), >=, 11);
  g_assert_cmpuint (load (silo, 4000), <, SYN_LANE_BUDGET_PERMILLE);
  end (silo);
}

/* Nothing is left of it some seconds after the load has gone: from the bound. */
static void
test_recovery (void)
{
  const Play all[] = {
    { .cap_ms = 100, .cost_us = 400000, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 400000, .n_readers = 1, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));

  syn_silo_advance (silo->silo, 40000);
  g_assert_cmpint (test_silo_metric (silo, "snapshot_stretches_total"), ==, 6); /* both, 8 times */
  plays[0].cost_us = plays[1].cost_us = 500;
  syn_silo_advance (silo->silo, SYN_STRETCH_BACK_MS + 2 * SYN_STRETCH_AFTER_MS + 3000);
  g_assert_cmpint (stretched (silo), ==, 0);
  end (silo);
}

static void
noted (const SynStretchLane *lanes, GPtrArray *entries, guint64 n_more, gpointer user_data)
{
  GString *text = user_data;

  for (guint i = 0; i < 2; i++)
    g_string_append_printf (text, "%s %u, %u at most; ", lanes[i].is_known ? lanes[i].busy_permille >= 600 ? "busy" : "idle" : "unknown",
                            lanes[i].n_stretched, lanes[i].worst_factor);
  for (guint i = 0; i < entries->len; i++)
    {
      const SynStretchEntry *entry = entries->pdata[i];

      g_assert_cmpint (entry->since_us, >, SYN_STEPPED_START_REAL_US);
      g_assert_cmpuint (entry->busy_permille, >=, SYN_LANE_BUDGET_PERMILLE);
      g_assert_cmpuint (entry->cpu_permille, >, 0);
      g_string_append_printf (text, "%s/%s %u×, %u ms, for %u; ", entry->type, entry->key, entry->factor, entry->interval_ms, entry->n_readers);
    }
  g_string_append_printf (text, "%u more", (guint) n_more);
}

/* What is said of it. */
static void
test_list (void)
{
  const Play all[] = {
    { .cap_ms = 100, .cost_us = 180000, .tick_ms = 10, .n_readers = 3, .asked = TRUE },
    { .cap_ms = 250, .cost_us = 120000, .tick_ms = 10, .n_readers = 1, .asked = TRUE },
    { .cap_ms = 100, .cost_us = 20, .tick_ms = 10, .n_readers = 1000, .asked = TRUE },
  };
  TestSilo *silo = start (all, G_N_ELEMENTS (all));
  GString *text = g_string_new (NULL);

  syn_stretch_list (silo->silo, 5, noted, text);
  syn_silo_settle (silo->silo);
  g_assert_cmpstr (text->str, ==, "unknown 0, 1 at most; unknown 0, 1 at most; 0 more");
  syn_silo_advance (silo->silo, 30000);
  g_string_truncate (text, 0);
  syn_stretch_list (silo->silo, 5, noted, text);
  syn_silo_settle (silo->silo);
  g_assert_cmpstr (text->str, ==, "busy 2, 4 at most; idle 0, 1 at most; owner/0 4×, 400 ms, for 3; owner/1 2×, 500 ms, for 1; 0 more");
  g_string_truncate (text, 0);
  syn_stretch_list (silo->silo, 1, noted, text);
  syn_silo_settle (silo->silo);
  g_assert_nonnull (g_strrstr (text->str, "for 3; 1 more"));
  g_string_free (text, TRUE);
  end (silo);
}

/* An operator may say how far, and never. */
static void
test_max (void)
{
  const Play all[] = { { .cap_ms = 100, .cost_us = 400000, .n_readers = 1, .asked = TRUE } };

  for (guint max = 1; max <= 4; max *= 2)
    {
      TestSilo *silo;

      syn_stretch_max = max;
      silo = start (all, G_N_ELEMENTS (all));
      syn_silo_advance (silo->silo, 20000);
      g_assert_cmpint (1 << test_silo_metric (silo, "snapshot_stretches_total"), ==, max);
      end (silo);
    }
  syn_stretch_max = SYN_STRETCH_MAX;
}

/* ---- how busy a thread is ---- */

static gint64
read_cpu (gpointer user_data)
{
  return *(gint64 *) user_data;
}

static void
test_load (void)
{
  gint64 cpu_us = 5000;
  SynLoadShare share;
  SynLoad self;

  syn_load_begin (&self, 1000, cpu_us);
  syn_load_set_awake (&self, TRUE, 1000, read_cpu, &cpu_us);
  cpu_us += 400000;
  syn_load_set_awake (&self, FALSE, 401000, read_cpu, &cpu_us);
  g_assert_cmpuint (self.n_windows, ==, 0);
  g_assert_false (syn_load_look_back (&self, 1, 0, &share));
  syn_load_set_awake (&self, TRUE, 501000, read_cpu, &cpu_us);
  g_assert_cmpuint (self.n_windows, ==, 1);
  g_assert_true (syn_load_look_back (&self, 500000, 0, &share));
  g_assert_cmpuint (share.permille, ==, 800);
  g_assert_cmpuint (share.had_permille, ==, 1000);
  g_assert_false (syn_load_look_back (&self, 500001, 0, &share));
  g_assert_false (syn_load_look_back (&self, 500000, 1001, &share)); /* it began before */
  /* Longer than a window, in one go; a clock that stands or goes back is no time. */
  cpu_us += 3000000;
  syn_load_set_awake (&self, FALSE, 3501000, read_cpu, &cpu_us);
  g_assert_cmpuint (self.n_windows, ==, 2);
  g_assert_true (syn_load_look_back (&self, 1, 0, &share));
  g_assert_cmpuint (share.permille, ==, 1000);
  syn_load_set_awake (&self, TRUE, 3400000, read_cpu, &cpu_us);
  syn_load_set_awake (&self, TRUE, 3501000, read_cpu, &cpu_us);
  g_assert_cmpuint (self.n_windows, ==, 2);
  syn_load_set_awake (&self, FALSE, 3501000, read_cpu, &cpu_us);
  syn_load_set_awake (&self, TRUE, 13501000, read_cpu, &cpu_us);
  g_assert_true (syn_load_look_back (&self, 1, 0, &share));
  g_assert_cmpuint (share.permille, ==, 0);
  g_assert_cmpint (self.awake_us, ==, 3400000);
  g_assert_cmpint (self.run_us, ==, 3400000);
}

/* Others have three quarters of the time that it is awake: of the rest it ran half. */
static void
test_load_of_others (void)
{
  gint64 cpu_us = 0;
  SynLoadShare share;
  SynLoad self;

  syn_load_begin (&self, 0, 0);
  for (guint i = 0; i < 100; i++)
    {
      syn_load_set_awake (&self, TRUE, i * 100000 + 20000, read_cpu, &cpu_us);
      cpu_us += 20000;
      syn_load_set_awake (&self, FALSE, i * 100000 + 100000, read_cpu, &cpu_us);
    }
  g_assert_cmpuint (self.n_windows, ==, 20);
  g_assert_true (syn_load_look_back (&self, 4000000, 0, &share));
  g_assert_cmpuint (share.permille, ==, 500);
  g_assert_cmpuint (share.had_permille, ==, 400);
  g_assert_false (syn_load_look_back (&self, 9000000, 0, &share)); /* not so many are remembered */
  /* A CPU clock that says more than passed is not believed. */
  syn_load_begin (&self, 0, 0);
  syn_load_set_awake (&self, TRUE, 0, read_cpu, &cpu_us);
  syn_load_set_awake (&self, FALSE, 600000, read_cpu, &cpu_us);
  g_assert_cmpint (self.run_us, ==, 600000);
  /* Nothing was left for it. */
  syn_load_begin (&self, 0, cpu_us);
  syn_load_set_awake (&self, TRUE, 0, read_cpu, &cpu_us);
  syn_load_set_awake (&self, TRUE, 600000, read_cpu, &cpu_us);
  g_assert_true (syn_load_look_back (&self, 1, 0, &share));
  g_assert_cmpuint (share.permille, ==, 1000);
  g_assert_cmpuint (share.had_permille, ==, 0);
}

/* The real clock of a thread: what it spins, and not what it sleeps. */
static void
test_thread_clock (void)
{
  gint64 begin_us = syn_load_thread_cpu_us (NULL), now_us;

  while ((now_us = syn_load_thread_cpu_us (NULL)) - begin_us < 2000)
    ;
  g_assert_cmpint (now_us, >, begin_us);
  g_usleep (20000);
  g_assert_cmpint (syn_load_thread_cpu_us (NULL) - now_us, <, 20000);
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
  g_test_add_func ("/stretch/load-of-others", test_load_of_others);
  g_test_add_func ("/stretch/thread-clock", test_thread_clock);
  g_test_add_func ("/stretch/hidden-cost", test_hidden_cost);
  g_test_add_func ("/stretch/unsteady", test_unsteady);
  g_test_add_func ("/stretch/neighbour", test_neighbour);
  g_test_add_func ("/stretch/half-a-core", test_half_a_core);
  g_test_add_func ("/stretch/readers-of-late-polls", test_readers_of_late_polls);
  g_test_add_func ("/stretch/fair", test_fair);
  g_test_add_func ("/stretch/seldom", test_seldom);
  g_test_add_func ("/stretch/far-too-much", test_far_too_much);
  g_test_add_func ("/stretch/recovery", test_recovery);
  g_test_add_func ("/stretch/list", test_list);
  g_test_add_func ("/stretch/max", test_max);
  g_test_add_func ("/stretch/goes", test_goes);
  return g_test_run ();
}
