/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "projection-silo.h"
#include "syn-error.h"
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
  g_test_add_func ("/query-grain/base-fails", test_base_fails);
  return g_test_run ();
}
