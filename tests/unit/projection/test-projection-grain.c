/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "projection-silo.h"
#include "syn-error.h"
#include "syn-source.h"

static const char json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"size\":\"int64\",\"time\":\"timestamp\"}},"
    "{\"name\":\"others\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"size\":\"int64\",\"time\":\"timestamp\"}}],"
    "\"projections\":["
    "{\"name\":\"p\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\",\"volume\":\"sum(size)\"}},"
    "{\"name\":\"fast\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\"},\"min_interval_ms\":50},"
    "{\"name\":\"w\",\"from\":\"trades\",\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"1m\"},"
    "\"columns\":{\"n\":\"count()\"}},"
    "{\"name\":\"o\",\"from\":\"others\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\"}}]}";

static guint64
frontier_of (ReplicaSnapshot *snapshot)
{
  guint64 sequence;

  g_assert_cmpuint (replica_snapshot_get_n_frontier (snapshot), ==, 1);
  replica_snapshot_get_frontier (snapshot, 0, &sequence);
  return sequence;
}

/* The snapshot that a poll was answered with, as text; and its token. */
static char *
taken (TestAnswer *answer, ReplicaToken *token)
{
  g_assert_true (answer->done);
  g_assert_no_error (answer->error);
  g_assert_nonnull (answer->snapshot);
  *token = replica_snapshot_get_token (answer->snapshot);
  return test_csv (answer->snapshot);
}

static void
test_flow (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = test_silo_poll (silo, SYN_PROJECTION_GRAIN, "p", REPLICA_TOKEN_NONE, 10000);
  g_autoptr (TestAnswer) parked = NULL;
  g_autofree char *empty = NULL;
  g_autofree char *both = NULL;
  ReplicaToken token;

  syn_silo_settle (silo->silo);
  empty = taken (first, &token);
  g_assert_cmpstr (empty, ==, "symbol,n,volume\n");
  g_assert_cmpuint (frontier_of (first->snapshot), ==, 0);

  parked = test_silo_poll (silo, SYN_PROJECTION_GRAIN, "p", token, 10000);
  syn_silo_settle (silo->silo);
  g_assert_cmpint (test_silo_apply (silo, "p", "A 5 0\nB 1 0"), ==, 0);
  g_assert_cmpint (test_silo_apply (silo, "p", "A 7 0"), ==, 0);
  g_assert_false (parked->done);
  syn_silo_advance (silo->silo, 1000);
  both = taken (parked, &token);
  g_assert_cmpstr (both, ==, "symbol,n,volume\nA,2,12\nB,1,1\n");
  g_assert_cmpuint (frontier_of (parked->snapshot), ==, 3);
  g_assert_cmpuint (token.serial, ==, 2);
}

/* Each projection has its own cap. */
static void
test_cap_of_catalog (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (ReplicaSnapshot) first = test_silo_get (silo, "fast");
  g_autoptr (TestAnswer) parked =
      test_silo_poll (silo, SYN_PROJECTION_GRAIN, "fast", replica_snapshot_get_token (first), 10000);

  syn_silo_settle (silo->silo);
  test_silo_apply (silo, "fast", "A 5 0");
  syn_silo_advance (silo->silo, 49);
  g_assert_false (parked->done);
  syn_silo_advance (silo->silo, 1);
  g_assert_true (parked->done);
}

static void
test_refusals (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) unknown = test_silo_poll (silo, SYN_PROJECTION_GRAIN, "nothing", REPLICA_TOKEN_NONE, 0);
  g_autoptr (TestAnswer) wrong_query = test_silo_poll (silo, SYN_QUERY_GRAIN, "p?limit=x", REPLICA_TOKEN_NONE, 0);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (ReplicaSnapshot) after = NULL;
  SynCall call = { .type = SYN_PROJECTION_GRAIN, .key = "p", .method = 77 };

  syn_silo_settle (silo->silo);
  g_assert_error (unknown->error, SYN_ERROR, SYN_ERROR_NOT_FOUND);
  g_assert_error (wrong_query->error, SYN_ERROR, SYN_ERROR_INVALID);

  /* A batch of another source, and no batch at all, are refused and change nothing. */
  batch = test_batch (syn_catalog_find_source (silo->catalog, "others"), 1, "A 1 0");
  call.method = SYN_APPLY_METHOD;
  call.payload = syn_event_batch_ref (batch);
  call.payload_free = (GDestroyNotify) syn_event_batch_unref;
  syn_call (syn_silo_get_front_lane (silo->silo), &call);
  call.payload = NULL;
  syn_call (syn_silo_get_front_lane (silo->silo), &call);
  call.method = 77;
  syn_call (syn_silo_get_front_lane (silo->silo), &call);
  syn_silo_settle (silo->silo);
  after = test_silo_get (silo, "p");
  g_assert_cmpuint (replica_snapshot_get_n_rows (after), ==, 0);
}

static void
test_metrics (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;

  test_silo_apply (silo, "w", "A 1 0\nA 1 60000000\nA 1 -");
  test_silo_apply (silo, "w", "A 1 120000000\nA 1 0\nB 1 0");
  g_assert_cmpint (test_silo_metric (silo, "applied_events_total"), ==, 3);
  g_assert_cmpint (test_silo_metric (silo, "late_events_total"), ==, 2);
  g_assert_cmpint (test_silo_metric (silo, "untimed_events_total"), ==, 1);
  g_assert_cmpint (test_silo_metric (silo, "dropped_events_total"), ==, 0);
  g_assert_cmpint (test_silo_metric (silo, "snapshots_total"), ==, 0);
  snapshot = test_silo_get (silo, "w");
  g_assert_cmpint (test_silo_metric (silo, "snapshots_total"), ==, 1);
  g_assert_cmpint (test_silo_metric (silo, "snapshot_us_total"), >=, 0);
}

/* ---- readers and a publisher, in any order ---- */

#define N_READERS 5

typedef struct {
  const char *type, *key;
  TestAnswer *answer; /* outstanding */
  ReplicaToken token;
  guint64 frontier;
} Reader;

/* Takes what came: tokens go on within the epoch, and the rows are exactly the events up to the frontier. */
static void
reader_take (Reader *reader)
{
  ReplicaSnapshot *snapshot = reader->answer->snapshot;

  g_assert_no_error (reader->answer->error);
  if (snapshot != NULL)
    {
      ReplicaToken token = replica_snapshot_get_token (snapshot);
      const ReplicaColumn *n = replica_snapshot_get_column (snapshot, 1);
      guint64 sum = 0;

      /* A query grain that was collected comes back with a later epoch. */
      if (token.epoch == reader->token.epoch)
        g_assert_cmpuint (token.serial, >, reader->token.serial);
      else
        g_assert_cmpuint (token.epoch, >, reader->token.epoch);
      for (guint row = 0; row < n->n_rows; row++)
        sum += (guint64) replica_column_get_int64 (n, row);
      g_assert_cmpuint (sum, ==, frontier_of (snapshot));
      g_assert_cmpuint (frontier_of (snapshot), >=, reader->frontier);
      reader->token = token;
      reader->frontier = frontier_of (snapshot);
    }
  g_clear_pointer (&reader->answer, test_answer_free);
}

static void
run_interleaving (guint seed)
{
  static const char *const queries[] = { "p?sort=-n", "p?where=n+%3E=+0&sort=symbol" };
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  Reader readers[N_READERS] = { 0 };

  for (guint i = 0; i < N_READERS; i++)
    {
      readers[i].type = i < 3 ? SYN_PROJECTION_GRAIN : SYN_QUERY_GRAIN;
      readers[i].key = i < 3 ? "p" : queries[i - 3];
    }
  for (guint step = 0; step < 400; step++)
    {
      Reader *reader = &readers[g_rand_int_range (rand, 0, N_READERS)];

      switch (g_rand_int_range (rand, 0, 6))
        {
        case 0:
        case 1:
          {
            g_autoptr (GString) events = g_string_new (NULL);

            for (gint n = g_rand_int_range (rand, 1, 6); n > 0; n--)
              g_string_append_printf (events, "%sS%d 1 0", events->len > 0 ? "\n" : "", g_rand_int_range (rand, 0, 9));
            test_silo_apply (silo, "p", events->str);
          }
          break;
        case 2:
        case 3:
          if (reader->answer == NULL)
            reader->answer = test_silo_poll (silo, reader->type, reader->key, reader->token,
                                             (guint) g_rand_int_range (rand, 0, 2) * 10000);
          break;
        case 4:
          syn_silo_step (silo->silo, syn_silo_get_lane (silo->silo, (guint) g_rand_int_range (rand, 0, 2)));
          break;
        default:
          syn_silo_advance (silo->silo, g_rand_int_range (rand, 0, 10) == 0 ? 30000 : g_rand_int_range (rand, 0, 400));
          break;
        }
      for (guint i = 0; i < N_READERS; i++)
        if (readers[i].answer != NULL && readers[i].answer->done)
          reader_take (&readers[i]);
    }
  /* Whatever happened before: who goes on polling ends with the last state, and it is all of it. */
  for (guint round = 0; round < 4; round++)
    {
      for (guint i = 0; i < N_READERS; i++)
        if (readers[i].answer == NULL)
          readers[i].answer = test_silo_poll (silo, readers[i].type, readers[i].key, readers[i].token, 10000);
      syn_silo_advance (silo->silo, 3000);
      for (guint i = 0; i < N_READERS; i++)
        if (readers[i].answer->done)
          reader_take (&readers[i]);
    }
  for (guint i = 0; i < N_READERS; i++)
    g_assert_cmpuint (readers[i].frontier, ==, silo->next_sequence - 1);
  syn_silo_advance (silo->silo, 30000);
  for (guint i = 0; i < N_READERS; i++)
    if (readers[i].answer != NULL)
      reader_take (&readers[i]);
}

static void
test_interleavings (void)
{
  for (guint seed = 0; seed < 25; seed++)
    run_interleaving (seed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/projection-grain/flow", test_flow);
  g_test_add_func ("/projection-grain/cap-of-catalog", test_cap_of_catalog);
  g_test_add_func ("/projection-grain/refusals", test_refusals);
  g_test_add_func ("/projection-grain/metrics", test_metrics);
  g_test_add_func ("/projection-grain/interleavings", test_interleavings);
  return g_test_run ();
}
