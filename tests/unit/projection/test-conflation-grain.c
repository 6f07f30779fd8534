/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The conflation grain on a stepped silo: when partials leave, that polls see what was acknowledged, back-pressure, and what fails and starts again.
 * The grains are the real ones, but for a method that makes an activation fail, and a lid on merging. */
#include <string.h>

#include "projection-silo.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-projection-private.h"
#include "syn-scratch.h"
#include "syn-source.h"

#define FAIL_METHOD 77

static const char json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"size\":\"int64\",\"time\":\"timestamp\"}}],"
    "\"projections\":["
    "{\"name\":\"p\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\",\"sum\":\"sum(size)\"}},"
    "{\"name\":\"q\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\",\"last\":\"last(size)\"}},"
    "{\"name\":\"w\",\"from\":\"trades\",\"key\":[\"symbol\"],\"window\":{\"every\":\"2m\",\"slide\":\"1m\",\"on\":\"time\",\"late\":\"10s\",\"keep\":\"1h\"},"
    "\"columns\":{\"n\":\"count()\"}}]}";

static gboolean lid;           /* q keeps its partials */
static SynMessageList held;    /* under the lid */
static SynGrainType projection_type, conflation_type;

static gboolean
fail_if_asked (SynGrain *grain, SynMessage *message)
{
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "as asked");

  if (syn_message_get_method (message) != FAIL_METHOD)
    return FALSE;
  syn_message_reply (message, NULL, NULL);
  syn_grain_deactivate_soon (grain, error);
  return TRUE;
}

static void
projection_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  if (lid && strcmp (syn_grain_get_key (grain), "q") == 0 && syn_message_get_method (message) == SYN_MERGE_METHOD)
    syn_message_list_push (&held, message);
  else if (!fail_if_asked (grain, message))
    syn_projection_grain_type.receive (grain, state, message);
}

static void
conflation_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  if (!fail_if_asked (grain, message))
    syn_conflation_grain_type.receive (grain, state, message);
}

/* As syn_projections_register(), with the types of this test. */
static TestSilo *
new_silo (void)
{
  TestSilo *self = test_silo_new (NULL);

  self->catalog = test_catalog (json);
  projection_type = syn_projection_grain_type;
  projection_type.receive = projection_receive;
  projection_type.reentrant = TRUE; /* what is under the lid is open beside the rest */
  conflation_type = syn_conflation_grain_type;
  conflation_type.receive = conflation_receive;
  syn_projection_metrics ();
  syn_silo_register (self->silo, &projection_type, self->catalog);
  syn_silo_register (self->silo, &conflation_type, self->catalog);
  syn_silo_register (self->silo, &syn_query_grain_type, self->catalog);
  for (guint i = 0; i < syn_catalog_get_n_projections (self->catalog); i++)
    syn_silo_keep (self->silo, SYN_PROJECTION_GRAIN, syn_catalog_get_projection (self->catalog, i)->name);
  syn_silo_keep (self->silo, SYN_CONFLATION_GRAIN, "p");
  syn_silo_keep (self->silo, SYN_CONFLATION_GRAIN, "w");
  test_silo_start (self);
  return self;
}

/* The supervisor's warnings are expected here; others would be too, but for criticals. */
static GLogWriterOutput
log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return g_log_writer_default (level, fields, n_fields, user_data);
  return G_LOG_WRITER_HANDLED;
}

/* ---- what is sent ---- */

typedef struct {
  gboolean done;
  int code; /* of the error; 0: none */
} Ack;

static void
on_ack (gpointer payload, const GError *error, gpointer user_data)
{
  Ack *ack = user_data;

  g_assert_false (ack->done);
  ack->done = TRUE;
  ack->code = error != NULL ? error->code : 0;
}

static void
send (TestSilo *self, const char *type, const char *key, int method, SynEventBatch *batch, Ack *ack)
{
  SynCall call = {
    .type = type,
    .key = key,
    .method = method,
    .payload = batch != NULL ? syn_event_batch_ref (batch) : NULL,
    .payload_free = (GDestroyNotify) syn_event_batch_unref,
    .reply = on_ack,
    .user_data = ack,
  };

  *ack = (Ack) { 0 };
  syn_call (syn_silo_get_front_lane (self->silo), &call);
}

/* Sends events to a group's grain, without settling. */
static void
publish (TestSilo *self, const char *group, const char *events, Ack *ack)
{
  g_autoptr (SynEventBatch) batch = test_batch (syn_catalog_get_source (self->catalog, 0), self->next_sequence, events);

  self->next_sequence += syn_event_batch_get_n_events (batch);
  send (self, SYN_CONFLATION_GRAIN, group, SYN_APPLY_METHOD, batch, ack);
}

static void
publish_now (TestSilo *self, const char *group, const char *events)
{
  Ack ack;

  publish (self, group, events, &ack);
  syn_silo_settle (self->silo);
  g_assert_true (ack.done);
  g_assert_cmpint (ack.code, ==, 0);
}

static void
fail (TestSilo *self, const char *type, const char *key)
{
  Ack ack;

  send (self, type, key, FAIL_METHOD, NULL, &ack);
  syn_silo_settle (self->silo);
  g_assert_true (ack.done);
}

/* The rows of a projection, and that its frontier is all that was published or, if not 0, @frontier. */
static char *
rows (TestSilo *self, const char *path, guint64 frontier)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_silo_get (self, path);
  guint64 sequence;

  replica_snapshot_get_frontier (snapshot, 0, &sequence);
  g_assert_cmpuint (sequence, ==, frontier != 0 ? frontier : self->next_sequence - 1);
  return test_csv (snapshot);
}

#define assert_rows(self, path, frontier, expected)               \
  G_STMT_START                                                    \
  {                                                               \
    g_autofree char *found_rows = rows (self, path, frontier);    \
    g_assert_cmpstr (found_rows, ==, expected);                   \
  }                                                               \
  G_STMT_END

static gint64
metric (TestSilo *self, const char *name)
{
  return test_silo_metric (self, name);
}

/* ---- tests ---- */

static void
test_ticks (void)
{
  g_autoptr (TestSilo) silo = new_silo ();

  /* The first leave at once, for both. */
  publish_now (silo, "p", "A 1 0");
  g_assert_cmpint (metric (silo, "partials_total"), ==, 1);
  g_assert_cmpint (metric (silo, "applied_events_total"), ==, 2);
  /* Then once a tick, as one row. */
  publish_now (silo, "p", "A 2 0\nA 3 0");
  publish_now (silo, "p", "A 4 0");
  syn_silo_advance (silo->silo, 99);
  g_assert_cmpint (metric (silo, "partials_total"), ==, 1);
  syn_silo_advance (silo->silo, 1);
  g_assert_cmpint (metric (silo, "partials_total"), ==, 2);
  g_assert_cmpint (metric (silo, "partial_rows_total"), ==, 2);
  g_assert_cmpint (metric (silo, "applied_events_total"), ==, 8);
  /* Nothing came: the tick ends, and the next leaves at once again. */
  syn_silo_advance (silo->silo, 100);
  g_assert_cmpint (metric (silo, "partials_total"), ==, 2);
  publish_now (silo, "p", "B 5 0");
  g_assert_cmpint (metric (silo, "partials_total"), ==, 3);
  assert_rows (silo, "p", 0, "symbol,n,sum\nA,4,10\nB,1,5\n");
  assert_rows (silo, "q", 0, "symbol,n,last\nA,4,4\nB,1,5\n");
}

/* Who asks after the acknowledgement sees it, whatever the tick; also in the middle of another question, and through a query. */
static void
test_polls_see (void)
{
  g_autoptr (TestSilo) silo = new_silo ();
  g_autoptr (TestAnswer) first = NULL, second = NULL;
  g_autofree char *text = NULL;
  Ack ack;

  publish_now (silo, "p", "A 1 0");
  publish_now (silo, "p", "A 2 0");
  assert_rows (silo, "p", 0, "symbol,n,sum\nA,2,3\n");
  publish_now (silo, "p", "A 2 0");
  assert_rows (silo, "q", 0, "symbol,n,last\nA,3,2\n");
  publish_now (silo, "p", "B 2 0");
  syn_silo_advance (silo->silo, 1000);
  publish_now (silo, "p", "B 3 0");
  assert_rows (silo, "p?where=symbol='B'", 0, "symbol,n,sum\nB,2,5\n");
  /* Sent at once, in this order: the poll sees it, acknowledged or not. */
  syn_silo_advance (silo->silo, 1000);
  first = test_silo_poll (silo, SYN_PROJECTION_GRAIN, "q", REPLICA_TOKEN_NONE, 0);
  publish (silo, "p", "C 7 0", &ack);
  syn_silo_settle (silo->silo);
  second = test_silo_poll (silo, SYN_PROJECTION_GRAIN, "q", REPLICA_TOKEN_NONE, 0);
  syn_silo_settle (silo->silo);
  g_assert_true (ack.done && first->done && second->done);
  /* Within the cap a poll is answered with what there is, without a question. */
  g_assert_nonnull (second->snapshot);
  syn_silo_advance (silo->silo, 1000);
  assert_rows (silo, "q", 0, "symbol,n,last\nA,3,2\nB,2,3\nC,1,7\n");
}

/* A projection that does not merge: partials wait and grow, batches are kept back once they are full, and nothing is lost. */
static void
test_back_pressure (void)
{
  g_autoptr (TestSilo) silo = new_silo ();
  g_autoptr (GString) many = g_string_new (NULL);
  g_autofree char *after = NULL;
  Ack acks[3];

  for (guint i = 0; i < SYN_CONFLATION_MAX_ROWS; i++)
    g_string_append_printf (many, "%sS%u 1 0", i > 0 ? "\n" : "", i);
  lid = TRUE;
  publish_now (silo, "p", "S0 1 0");
  g_assert_cmpuint (held.length, ==, 1);
  publish_now (silo, "p", "S0 1 0");
  syn_silo_advance (silo->silo, 1000);
  g_assert_cmpuint (held.length, ==, 1); /* no second one on its way */
  publish_now (silo, "p", many->str);    /* now it is full, but taken in */
  publish (silo, "p", "S0 1 0", &acks[0]);
  publish (silo, "p", "S1 1 0", &acks[1]);
  syn_silo_advance (silo->silo, 1000);
  g_assert_false (acks[0].done || acks[1].done);
  /* A poll of p is behind them; one of q too. */
  lid = FALSE;
  while (held.head != NULL)
    syn_message_reply (syn_message_list_pop (&held), NULL, NULL);
  syn_silo_settle (silo->silo);
  g_assert_true (acks[0].done && acks[1].done);
  g_assert_cmpint (acks[0].code + acks[1].code, ==, 0);
  after = rows (silo, "p?where=symbol='S0' or symbol='S1'&sort=symbol", 0);
  g_assert_cmpstr (after, ==, "symbol,n,sum\nS0,4,4\nS1,2,2\n");

  /* Polls that flush leave so many on their way and no more. */
  lid = TRUE;
  for (guint i = 0; i < 2 * SYN_CONFLATION_MAX_FLIGHTS; i++)
    {
      g_autoptr (ReplicaSnapshot) snapshot = NULL;

      publish_now (silo, "p", "S0 1 0");
      syn_silo_advance (silo->silo, 1000);
      snapshot = test_silo_get (silo, "p");
    }
  g_assert_cmpuint (held.length, ==, SYN_CONFLATION_MAX_FLIGHTS);
  /* The silo ends under the lid: what is kept back is answered. */
  publish (silo, "p", many->str, &acks[0]);
  publish (silo, "p", "S0 1 0", &acks[2]);
  syn_silo_settle (silo->silo);
  g_assert_false (acks[2].done);
  lid = FALSE;
  while (held.head != NULL)
    syn_message_reply (syn_message_list_pop (&held), NULL, NULL);
  syn_silo_settle (silo->silo);
  g_assert_true (acks[2].done);
}

static void
test_conflation_fails (void)
{
  g_autoptr (TestSilo) silo = new_silo ();
  g_autoptr (SynEventBatch) again = NULL;
  Ack ack;

  publish_now (silo, "p", "A 1 0");
  publish_now (silo, "p", "A 2 0\nB 3 0"); /* waits for its tick */
  fail (silo, SYN_CONFLATION_GRAIN, "p");
  /* What it had left before it went; polls do not wait for it. */
  assert_rows (silo, "p", 3, "symbol,n,sum\nA,2,3\nB,1,3\n");
  syn_silo_advance (silo->silo, 1000);
  /* The new one is sent what the old one had, and does not know: the tables do. */
  again = test_batch (syn_catalog_get_source (silo->catalog, 0), 1, "A 1 0\nA 2 0\nB 3 0");
  send (silo, SYN_CONFLATION_GRAIN, "p", SYN_APPLY_METHOD, again, &ack);
  syn_silo_settle (silo->silo);
  g_assert_cmpint (ack.code, ==, 0);
  g_assert_cmpint (metric (silo, "repeated_events_total"), ==, 6);
  send (silo, SYN_CONFLATION_GRAIN, "p", SYN_APPLY_METHOD, again, &ack);
  syn_silo_settle (silo->silo);
  g_assert_cmpint (metric (silo, "repeated_events_total"), ==, 9); /* once here, and not handed on */
  publish_now (silo, "p", "B 4 0");
  syn_silo_advance (silo->silo, 1000);
  assert_rows (silo, "p", 4, "symbol,n,sum\nA,2,3\nB,2,7\n");
  assert_rows (silo, "q", 4, "symbol,n,last\nA,2,2\nB,2,4\n");
  g_assert_cmpint (metric (silo, "applied_events_total"), ==, 8);
}

static void
test_projection_fails (void)
{
  g_autoptr (TestSilo) silo = new_silo ();

  publish_now (silo, "p", "A 1 0");
  fail (silo, SYN_PROJECTION_GRAIN, "q");
  publish_now (silo, "p", "A 2 0"); /* what leaves while it is down, it misses; p does not */
  syn_silo_advance (silo->silo, 99);
  assert_rows (silo, "p", 0, "symbol,n,sum\nA,2,3\n");
  syn_silo_advance (silo->silo, 101);
  publish_now (silo, "p", "A 4 0");
  syn_silo_advance (silo->silo, 2000);
  publish_now (silo, "p", "A 8 0");
  syn_silo_advance (silo->silo, 1000);
  assert_rows (silo, "p", 0, "symbol,n,sum\nA,4,15\n");
  assert_rows (silo, "q", 0, "symbol,n,last\nA,2,8\n");
}

/* A source that starts again counts from 1, with a greater epoch: also in the middle of a tick. */
static void
test_source_restarts (void)
{
  g_autoptr (TestSilo) silo = new_silo ();
  g_autoptr (SynEventBatch) anew = NULL;
  Ack ack;

  publish_now (silo, "p", "A 1 0");
  publish_now (silo, "p", "A 2 0");
  anew = test_batch (syn_catalog_get_source (silo->catalog, 0), 1, "A 4 0");
  syn_event_batch_set_epoch (anew, 5);
  send (silo, SYN_CONFLATION_GRAIN, "p", SYN_APPLY_METHOD, anew, &ack);
  syn_silo_settle (silo->silo);
  g_assert_cmpint (ack.code, ==, 0);
  assert_rows (silo, "p", 1, "symbol,n,sum\nA,3,7\n");
  g_assert_cmpint (metric (silo, "repeated_events_total"), ==, 0);
}

/* Sliding windows are conflated also for one projection alone; what is late is counted once an event. */
static void
test_windows (void)
{
  g_autoptr (TestSilo) silo = new_silo ();

  publish_now (silo, "w", "A 1 0\nA 1 60000000");
  publish_now (silo, "w", "A 1 70000001\nA 1 59999999\nA 1 60000000\nA 1 -");
  assert_rows (silo, "w", 0, "symbol,time,n\nA,1970-01-01T00:00:00Z,4\nA,1970-01-01T00:01:00Z,3\nA,1969-12-31T23:59:00Z,1\n");
  g_assert_cmpint (metric (silo, "late_events_total"), ==, 1);
  g_assert_cmpint (metric (silo, "untimed_events_total"), ==, 1);
  g_assert_cmpint (metric (silo, "applied_events_total"), ==, 4);
}

static void
never (gpointer payload, const GError *error, gpointer user_data)
{
  g_assert_not_reached ();
}

/* Polls whose callers go while the conflation grain is asked: the one that it was asked for, and the one behind it. */
static void
test_cancelled (void)
{
  g_autoptr (TestSilo) silo = new_silo ();

  publish_now (silo, "p", "A 1 0");
  for (guint steps = 0; steps < 12; steps++)
    {
      SynCallHandle handles[2] = { 0 };
      g_autoptr (TestAnswer) other = NULL;

      for (guint i = 0; i < 2; i++)
        {
          SynCall call = {
            .type = SYN_PROJECTION_GRAIN,
            .key = "p",
            .method = SYN_POLL_METHOD,
            .payload = g_new0 (SynPoll, 1),
            .payload_free = g_free,
            .reply = never,
            .handle = &handles[i],
          };

          syn_call (syn_silo_get_front_lane (silo->silo), &call);
          for (guint j = 0; j < (i == 0 ? steps % 4 : steps / 4); j++)
            for (guint lane = 0; lane < 2; lane++)
              syn_silo_step (silo->silo, syn_silo_get_lane (silo->silo, lane));
        }
      other = test_silo_poll (silo, SYN_PROJECTION_GRAIN, "p", REPLICA_TOKEN_NONE, 0);
      for (guint i = 0; i < 2; i++)
        syn_call_cancel (&handles[i]);
      syn_silo_settle (silo->silo);
      g_assert_true (other->done);
      g_assert_no_error (other->error);
      syn_silo_advance (silo->silo, 1000);
    }
}

static void
test_refusals (void)
{
  g_autoptr (TestSilo) silo = new_silo ();
  Ack acks[3];

  send (silo, SYN_CONFLATION_GRAIN, "p", SYN_APPLY_METHOD, NULL, &acks[0]);
  send (silo, SYN_CONFLATION_GRAIN, "p", 42, NULL, &acks[1]);
  send (silo, SYN_PROJECTION_GRAIN, "p", SYN_MERGE_METHOD, NULL, &acks[2]);
  syn_silo_settle (silo->silo);
  g_assert_cmpint (acks[0].code, ==, SYN_ERROR_INTERNAL);
  g_assert_cmpint (acks[1].code, ==, SYN_ERROR_INVALID);
  g_assert_cmpint (acks[2].code, ==, SYN_ERROR_INTERNAL);
}

/* ---- any order of turns ---- */

static void
run_interleaving (guint seed)
{
  static const char *const paths[] = { "p", "q" };
  g_autoptr (TestSilo) silo = new_silo ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  Ack acks[64];
  guint n_acks = 0;
  TestAnswer *answers[2] = { NULL };
  guint64 seen[2] = { 0 };

  for (guint step = 0; step < 300; step++)
    {
      guint which = (guint) g_rand_int_range (rand, 0, 2);

      switch (g_rand_int_range (rand, 0, 5))
        {
        case 0:
          if (n_acks < G_N_ELEMENTS (acks))
            publish (silo, "p", g_rand_boolean (rand) ? "A 1 0" : "A 1 0\nB 1 0", &acks[n_acks++]);
          break;
        case 1:
          if (answers[which] == NULL)
            answers[which] = test_silo_poll (silo, SYN_PROJECTION_GRAIN, paths[which], REPLICA_TOKEN_NONE, 0);
          break;
        case 2:
        case 3:
          syn_silo_step (silo->silo, syn_silo_get_lane (silo->silo, (guint) g_rand_int_range (rand, 0, 2)));
          syn_silo_step (silo->silo, syn_silo_get_front_lane (silo->silo));
          break;
        default:
          syn_silo_advance (silo->silo, g_rand_int_range (rand, 0, 4) == 0 ? 1000 : 20);
          break;
        }
      for (guint i = 0; i < 2; i++)
        if (answers[i] != NULL && answers[i]->done)
          {
            const ReplicaColumn *n;
            guint64 sum = 0, sequence;

            g_assert_no_error (answers[i]->error);
            n = replica_snapshot_get_column (answers[i]->snapshot, 1);
            for (guint row = 0; row < n->n_rows; row++)
              sum += (guint64) replica_column_get_int64 (n, row);
            replica_snapshot_get_frontier (answers[i]->snapshot, 0, &sequence);
            g_assert_cmpuint (sum, ==, sequence);
            g_assert_cmpuint (sequence, >=, seen[i]);
            seen[i] = sequence;
            g_clear_pointer (&answers[i], test_answer_free);
          }
    }
  syn_silo_advance (silo->silo, 2000);
  for (guint i = 0; i < 2; i++)
    {
      g_autofree char *text = rows (silo, paths[i], 0);

      g_assert_true (answers[i] == NULL || answers[i]->done);
      g_clear_pointer (&answers[i], test_answer_free);
    }
  for (guint i = 0; i < n_acks; i++)
    g_assert_true (acks[i].done && acks[i].code == 0);
  g_assert_cmpint (metric (silo, "applied_events_total"), ==, (gint64) (2 * (silo->next_sequence - 1)));
}

static void
test_interleavings (void)
{
  for (guint seed = 0; seed < 25; seed++)
    run_interleaving (seed);
}

/* Nothing polls: what a batch or partial made grow is given back all the same. */
static void
test_scratch (void)
{
  g_autoptr (TestSilo) silo = new_silo ();
  SynScratch *scratch = syn_scratch_get ();
  gsize before = syn_scratch_get_bytes (scratch);

  syn_scratch_buffer (scratch, SYN_SCRATCH_EVENTS, 8 * SYN_SCRATCH_KEEP_BYTES);
  publish_now (silo, "p", "A 1 0");
  g_assert_cmpint (metric (silo, "applied_events_total"), ==, 2);
  g_assert_cmpuint (syn_scratch_get_bytes (scratch), <, before + SYN_SCRATCH_KEEP_BYTES);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (log_writer, NULL, NULL);
  g_test_add_func ("/conflation/ticks", test_ticks);
  g_test_add_func ("/conflation/polls-see", test_polls_see);
  g_test_add_func ("/conflation/back-pressure", test_back_pressure);
  g_test_add_func ("/conflation/conflation-fails", test_conflation_fails);
  g_test_add_func ("/conflation/projection-fails", test_projection_fails);
  g_test_add_func ("/conflation/source-restarts", test_source_restarts);
  g_test_add_func ("/conflation/windows", test_windows);
  g_test_add_func ("/conflation/cancelled", test_cancelled);
  g_test_add_func ("/conflation/refusals", test_refusals);
  g_test_add_func ("/conflation/scratch", test_scratch);
  g_test_add_func ("/conflation/interleavings", test_interleavings);
  return g_test_run ();
}
