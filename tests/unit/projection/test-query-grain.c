/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "projection-silo.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-projection-private.h"

static const char json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"size\":\"int64\"}}],"
    "\"projections\":[{\"name\":\"p\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\",\"volume\":\"sum(size)\"}}]}";

#define BIG "p?where=volume+%3E+10&select=symbol,volume&sort=-volume"

static TestAnswer *
poll (TestSilo *silo, ReplicaToken token, guint hold_ms)
{
  TestAnswer *answer = test_silo_poll (silo, SYN_QUERY_GRAIN, BIG, token, hold_ms);

  syn_silo_settle (silo->silo);
  return answer;
}

static ReplicaToken
assert_answer (TestAnswer *answer, const char *expected)
{
  g_autofree char *text = NULL;

  g_assert_true (answer->done);
  g_assert_no_error (answer->error);
  g_assert_nonnull (answer->snapshot);
  text = test_csv (answer->snapshot);
  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpstr (replica_snapshot_get_path (answer->snapshot), ==, BIG);
  return replica_snapshot_get_token (answer->snapshot);
}

static void
test_follows (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = NULL;
  g_autoptr (TestAnswer) parked = NULL;
  g_autoptr (TestAnswer) second = NULL;
  ReplicaToken token;
  guint64 sequence;

  test_silo_apply (silo, "p", "A 5\nB 20\nC 30");
  first = poll (silo, REPLICA_TOKEN_NONE, 10000);
  token = assert_answer (first, "symbol,volume\nC,30\nB,20\n");
  replica_snapshot_get_frontier (first->snapshot, 0, &sequence);
  g_assert_cmpuint (sequence, ==, 3);
  parked = poll (silo, token, 10000);
  second = poll (silo, token, 10000);

  /* What it does not show wakes nobody. */
  syn_silo_advance (silo->silo, 2000);
  test_silo_apply (silo, "p", "A 1");
  syn_silo_advance (silo->silo, 2000);
  g_assert_false (parked->done);

  /* What it shows does, at the pace of the projection; all who wait get the same snapshot. */
  test_silo_apply (silo, "p", "A 100");
  syn_silo_advance (silo->silo, 1000);
  token = assert_answer (parked, "symbol,volume\nA,106\nC,30\nB,20\n");
  g_assert_cmpuint (token.serial, ==, 2);
  g_assert_true (second->snapshot == parked->snapshot);
}

static void
test_hold (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 10000);
  ReplicaToken token = assert_answer (first, "symbol,volume\n");
  g_autoptr (TestAnswer) none = poll (silo, token, 0);
  g_autoptr (TestAnswer) parked = poll (silo, token, 25000);

  g_assert_true (none->done);
  g_assert_null (none->snapshot);
  /* Over several holds of its own. */
  syn_silo_advance (silo->silo, 24999);
  g_assert_false (parked->done);
  syn_silo_advance (silo->silo, 1);
  g_assert_true (parked->done);
  g_assert_no_error (parked->error);
  g_assert_null (parked->snapshot);
}

/* It asks the projection only while somebody asks it; then it goes. */
static void
test_interest (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  gint64 made;

  assert_answer (first, "symbol,volume\n");
  /* Within two holds of the last poll it follows: the projection makes snapshots for it. */
  made = test_silo_metric (silo, "snapshots_total");
  syn_silo_advance (silo->silo, 5000);
  test_silo_apply (silo, "p", "A 100");
  g_assert_cmpint (test_silo_metric (silo, "snapshots_total"), ==, made + 1);

  syn_silo_advance (silo->silo, 60000);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_QUERY_GRAIN), ==, 0);
  made = test_silo_metric (silo, "snapshots_total");
  test_silo_apply (silo, "p", "A 100");
  syn_silo_advance (silo->silo, 60000);
  g_assert_cmpint (test_silo_metric (silo, "snapshots_total"), ==, made);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_PROJECTION_GRAIN), ==, 1);
}

/* After a pause in which it did not follow, an answer is not what it remembers but what is. */
static void
test_comes_back (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_answer (first, "symbol,volume\n");
  g_autoptr (TestAnswer) parked = poll (silo, token, 25000);
  g_autoptr (TestAnswer) changed = NULL;
  gint64 made;

  /* The poll ends at 25 s, the last poll of the projection at 30. */
  syn_silo_advance (silo->silo, 35000);
  g_assert_true (parked->done);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_QUERY_GRAIN), ==, 1);
  made = test_silo_metric (silo, "snapshots_total");
  test_silo_apply (silo, "p", "A 100");
  g_assert_cmpint (test_silo_metric (silo, "snapshots_total"), ==, made);
  changed = poll (silo, token, 10000);
  assert_answer (changed, "symbol,volume\nA,100\n");
}

/* The same when there is nothing new: it must not wait for a hold of the projection to find out. */
static void
test_comes_back_unchanged (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_answer (first, "symbol,volume\n");
  g_autoptr (TestAnswer) parked = poll (silo, token, 25000);
  g_autoptr (TestAnswer) same = NULL;
  g_autoptr (TestAnswer) other = NULL;

  syn_silo_advance (silo->silo, 35000);
  g_assert_true (parked->done);
  same = poll (silo, token, 0);
  g_assert_true (same->done);
  g_assert_no_error (same->error);
  g_assert_null (same->snapshot);
  other = poll (silo, REPLICA_TOKEN_NONE, 10000);
  g_assert_true (replica_token_equal (assert_answer (other, "symbol,volume\n"), token));
}

static void
test_drain (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_answer (first, "symbol,volume\n");
  g_autoptr (TestAnswer) parked = poll (silo, token, 30000);

  syn_silo_drain (silo->silo, NULL, NULL);
  syn_silo_settle (silo->silo);
  g_assert_true (parked->done);
  g_assert_error (parked->error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
}

/* ---- over two projections ---- */

static const char joined_json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"size\":\"int64\"}}],"
    "\"projections\":[{\"name\":\"p\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\",\"volume\":\"sum(size)\"}},"
    "{\"name\":\"other\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"most\":\"max(size)\"}}]}";

#define JOINED "p?join=other&select=symbol,volume,most"

static TestAnswer *
poll_joined (TestSilo *silo, ReplicaToken token, guint hold_ms)
{
  TestAnswer *answer = test_silo_poll (silo, SYN_QUERY_GRAIN, JOINED, token, hold_ms);

  syn_silo_settle (silo->silo);
  return answer;
}

static ReplicaToken
assert_joined (TestAnswer *answer, const char *expected, guint64 expected_sequence)
{
  g_autofree char *text = NULL;
  guint64 sequence;

  g_assert_true (answer->done);
  g_assert_no_error (answer->error);
  g_assert_nonnull (answer->snapshot);
  text = test_csv (answer->snapshot);
  g_assert_cmpstr (text, ==, expected);
  g_assert_cmpuint (replica_snapshot_get_n_frontier (answer->snapshot), ==, 1);
  replica_snapshot_get_frontier (answer->snapshot, 0, &sequence);
  g_assert_cmpuint (sequence, ==, expected_sequence);
  return replica_snapshot_get_token (answer->snapshot);
}

/* It follows both, shows the newest of both, at most once a second, and says up to where it has everything. */
static void
test_joined (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (joined_json);
  g_autoptr (TestAnswer) first = NULL;
  g_autoptr (TestAnswer) parked = NULL;
  g_autoptr (TestAnswer) next = NULL;
  g_autoptr (TestAnswer) back = NULL;
  ReplicaToken token;

  test_silo_apply (silo, "p", "A 5\nB 20");
  test_silo_apply (silo, "other", "A 7");
  first = poll_joined (silo, REPLICA_TOKEN_NONE, 10000);
  token = assert_joined (first, "symbol,volume,most\nA,5,7\nB,20,\n", 2);
  parked = poll_joined (silo, token, 10000);
  syn_silo_advance (silo->silo, 2000);
  test_silo_apply (silo, "other", "B 9");
  token = assert_joined (parked, "symbol,volume,most\nA,5,7\nB,20,9\n", 2);

  /* Its own cap: the other projection has one of its own, which has passed. */
  next = poll_joined (silo, token, 10000);
  syn_silo_advance (silo->silo, 500);
  test_silo_apply (silo, "p", "A 1");
  g_assert_false (next->done);
  syn_silo_advance (silo->silo, 500);
  token = assert_joined (next, "symbol,volume,most\nA,6,7\nB,20,9\n", 4);

  /* It comes back with both after a time without readers. */
  syn_silo_advance (silo->silo, 25000);
  test_silo_apply (silo, "other", "A 70");
  back = poll_joined (silo, token, 10000);
  assert_joined (back, "symbol,volume,most\nA,6,70\nB,20,9\n", 5);
  syn_silo_advance (silo->silo, 60000);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_QUERY_GRAIN), ==, 0);
}

/* ---- as you type ---- */

static void
on_typed (gpointer payload, const GError *error, gpointer user_data)
{
  ReplicaSnapshot **snapshot = user_data;

  g_assert_no_error (error);
  *snapshot = payload;
}

static void
send_typed (TestSilo *silo, const char *key, ReplicaToken token, SynCallHandle *handle, ReplicaSnapshot **snapshot)
{
  SynPoll *poll = g_new (SynPoll, 1);
  SynCall call = {
    .type = SYN_QUERY_GRAIN,
    .key = key,
    .method = SYN_POLL_METHOD,
    .payload = poll,
    .payload_free = g_free,
    .reply = on_typed,
    .user_data = snapshot,
    .handle = handle,
  };

  *poll = (SynPoll) { token, 10000 };
  syn_call (syn_silo_get_front_lane (silo->silo), &call);
  syn_silo_settle (silo->silo);
}

/* Each text asked for once, answered, and taken back with the next key: one evaluation each, whatever happens to the projection
 * meanwhile, and no grain stays longer than its idle age. */
static void
test_typed (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  gint64 made, evaluated = test_silo_metric (silo, "query_evaluations_total");

  test_silo_apply (silo, "p", "A1 5\nB2 20\nC3 30");
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *path = g_strdup_printf ("p?where=symbol ~ \"%u*\"&sort=-volume&limit=%u", i, 20 + i % 3);
      g_autofree char *canonical = NULL;
      SynCallHandle handle = { NULL };
      ReplicaSnapshot *first = NULL, *second = NULL;
      ReplicaToken token;
      const char *type;

      g_assert_true (syn_projection_resolve (path, &type, &canonical, silo->catalog, NULL));
      send_typed (silo, canonical, REPLICA_TOKEN_NONE, &handle, &first);
      g_assert_nonnull (first);
      token = replica_snapshot_get_token (first);
      replica_snapshot_unref (first);
      handle = (SynCallHandle) { NULL };
      send_typed (silo, canonical, token, &handle, &second);
      syn_silo_advance (silo->silo, 50);
      syn_call_cancel (&handle);
      syn_silo_settle (silo->silo);
      syn_silo_advance (silo->silo, 50);
      test_silo_apply (silo, "p", "A1 5");
      g_assert_null (second);
    }
  g_assert_cmpint (test_silo_metric (silo, "query_evaluations_total") - evaluated, ==, 100);
  g_assert_cmpint (test_silo_metric (silo, "query_incremental_total"), ==, 0);

  /* Nobody asks the projection any more. */
  made = test_silo_metric (silo, "snapshots_total");
  syn_silo_advance (silo->silo, 2000);
  test_silo_apply (silo, "p", "A1 5");
  syn_silo_advance (silo->silo, 2000);
  g_assert_cmpint (test_silo_metric (silo, "snapshots_total"), ==, made);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_QUERY_GRAIN), >, 0);
  syn_silo_advance (silo->silo, syn_query_grain_type.idle_age_ms + 1000);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_QUERY_GRAIN), ==, 0);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_PROJECTION_GRAIN), ==, 1);
}

/* One of two readers goes: the other one is served on. */
static void
test_one_goes (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (TestAnswer) first = poll (silo, REPLICA_TOKEN_NONE, 0);
  ReplicaToken token = assert_answer (first, "symbol,volume\n");
  g_autoptr (TestAnswer) stays = poll (silo, token, 10000);
  SynCallHandle handle = { NULL };
  ReplicaSnapshot *none = NULL;

  send_typed (silo, BIG, token, &handle, &none);
  syn_call_cancel (&handle);
  syn_silo_settle (silo->silo);
  syn_silo_advance (silo->silo, 1000);
  test_silo_apply (silo, "p", "A 100");
  assert_answer (stays, "symbol,volume\nA,100\n");
  g_assert_null (none);
}

/* ---- over a projection that can fail ---- */

typedef struct {
  SynMessageList kept;
  gboolean keeps; /* polls, forever */
  guint n_polls;
} Base;

static Base base;

static gpointer
base_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  return &base;
}

static void
base_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_OVERLOADED, "not now");

  base.n_polls++;
  if (base.keeps)
    syn_message_list_push (&base.kept, message);
  else
    syn_message_fail (message, error);
}

static void
base_deactivate (SynGrain *grain, gpointer state)
{
  SynMessage *message;

  while ((message = syn_message_list_pop (&base.kept)) != NULL)
    syn_message_reply (message, NULL, NULL);
}

static const SynGrainType base_type = {
  .name = SYN_PROJECTION_GRAIN, .reentrant = TRUE,
  .activate = base_activate, .receive = base_receive, .deactivate = base_deactivate,
};

static void
test_base_fails (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (NULL);
  g_autoptr (TestAnswer) refused = NULL;
  g_autoptr (TestAnswer) late = NULL;
  g_autoptr (TestAnswer) later = NULL;

  silo->catalog = test_catalog (json);
  syn_silo_register (silo->silo, &base_type, NULL);
  syn_silo_register (silo->silo, &syn_query_grain_type, silo->catalog);
  test_silo_start (silo);
  base = (Base) { 0 };

  /* Its error is the answer, and each poll asks once: no loop. */
  refused = poll (silo, REPLICA_TOKEN_NONE, 10000);
  g_assert_error (refused->error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  g_assert_cmpuint (base.n_polls, ==, 1);

  /* It says nothing: all who wait get the deadline's error, and one poll was out for all of them. */
  base.keeps = TRUE;
  late = poll (silo, REPLICA_TOKEN_NONE, 10000);
  later = poll (silo, REPLICA_TOKEN_NONE, 10000);
  g_assert_false (late->done);
  g_assert_cmpuint (base.n_polls, ==, 2);
  syn_silo_advance (silo->silo, 5000);
  g_assert_error (late->error, SYN_ERROR, SYN_ERROR_TIMEOUT);
  g_assert_error (later->error, SYN_ERROR, SYN_ERROR_TIMEOUT);
}

/* Answers share a budget of bytes: what does not fit is refused, holds nothing, and there is room again when a question is gone. */
static void
test_budget (void)
{
  g_autoptr (TestSilo) silo = test_silo_new (json);
  g_autoptr (GString) many = g_string_new (NULL);
  g_autoptr (TestAnswer) first = NULL, grouped = NULL, second = NULL, small = NULL, parked = NULL, after = NULL;
  gint64 held;

  for (guint i = 0; i < 1000; i++)
    g_string_append_printf (many, "S%u %u\n", i, 20 + i);
  test_silo_apply (silo, "p", many->str);
  g_assert_cmpint (test_silo_metric (silo, "question_bytes"), ==, 0);
  first = poll (silo, REPLICA_TOKEN_NONE, 10000);
  g_assert_no_error (first->error);
  held = test_silo_metric (silo, "question_bytes");
  g_assert_cmpint (held, >=, (gint64) g_bytes_get_size (replica_snapshot_get_bytes (first->snapshot)));
  g_assert_cmpint (held, <, 200000);

  /* As large as the first: there is room for one and a half. */
  syn_query_max_bytes = (guint64) held * 3 / 2;
  second = test_silo_poll (silo, SYN_QUERY_GRAIN, "p?where=volume+%3E+9&sort=volume", REPLICA_TOKEN_NONE, 10000);
  syn_silo_settle (silo->silo);
  g_assert_error (second->error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  g_assert_nonnull (strstr (second->error->message, "together"));
  g_assert_cmpint (test_silo_metric (silo, "question_bytes"), ==, held);
  small = test_silo_poll (silo, SYN_QUERY_GRAIN, "p?where=volume+%3E+1010", REPLICA_TOKEN_NONE, 10000);
  syn_silo_settle (silo->silo);
  g_assert_no_error (small->error);
  g_assert_cmpuint (replica_snapshot_get_n_rows (small->snapshot), ==, 9);

  /* What it remembers of groups counts too: more than the two rows of the answer. */
  held = test_silo_metric (silo, "question_bytes");
  syn_query_max_bytes = (guint64) held + 4000;
  grouped = test_silo_poll (silo, SYN_QUERY_GRAIN, "p?group=volume+%3E+500+as+big&select=big,count()+as+n", REPLICA_TOKEN_NONE, 10000);
  syn_silo_settle (silo->silo);
  g_assert_error (grouped->error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  g_assert_cmpint (test_silo_metric (silo, "question_bytes"), ==, held);

  /* One that outgrows it lets go of the new answer, and says so to who waits. */
  syn_query_max_bytes = (guint64) held;
  parked = poll (silo, replica_snapshot_get_token (first->snapshot), 10000);
  g_assert_false (parked->done);
  test_silo_apply (silo, "p", "a-new-one 1000\nand-another 2000");
  syn_silo_advance (silo->silo, 1000);
  g_assert_error (parked->error, SYN_ERROR, SYN_ERROR_OVERLOADED);
  g_assert_cmpint (test_silo_metric (silo, "question_bytes"), <=, held);

  /* Nobody asks any more: they go, and what they held with them. */
  syn_silo_advance (silo->silo, 120000);
  g_assert_cmpuint (syn_silo_get_n_activations (silo->silo, SYN_QUERY_GRAIN), ==, 0);
  g_assert_cmpint (test_silo_metric (silo, "question_bytes"), ==, 0);
  after = poll (silo, REPLICA_TOKEN_NONE, 0);
  g_assert_no_error (after->error);
  g_assert_cmpuint (replica_snapshot_get_n_rows (after->snapshot), ==, 1002);
  syn_query_max_bytes = SYN_MAX_QUESTION_BYTES;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query-grain/follows", test_follows);
  g_test_add_func ("/query-grain/hold", test_hold);
  g_test_add_func ("/query-grain/interest", test_interest);
  g_test_add_func ("/query-grain/comes-back", test_comes_back);
  g_test_add_func ("/query-grain/comes-back-unchanged", test_comes_back_unchanged);
  g_test_add_func ("/query-grain/drain", test_drain);
  g_test_add_func ("/query-grain/typed", test_typed);
  g_test_add_func ("/query-grain/one-goes", test_one_goes);
  g_test_add_func ("/query-grain/joined", test_joined);
  g_test_add_func ("/query-grain/base-fails", test_base_fails);
  g_test_add_func ("/query-grain/budget", test_budget);
  return g_test_run ();
}
