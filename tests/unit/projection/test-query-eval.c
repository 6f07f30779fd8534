/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "replica-snapshot-builder.h"
#include "syn-error.h"
#include "syn-query-eval.h"
#include "syn-table.h"

static const char json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(2)\","
    "\"size\":\"int64\",\"big\":\"bool\"}}],\"projections\":[{\"name\":\"q\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{"
    "\"last\":\"last(price)\",\"volume\":\"sum(size)\",\"big\":\"last(big)\",\"vwap\":\"sum(price*size)/sum(size)\"}}]}";

static ReplicaSnapshot *
make_base (SynCatalog *catalog, guint64 sequence, const char *events)
{
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
  g_autoptr (SynTable) table = syn_table_new (spec, 1000, 1 << 20);
  g_autoptr (SynEventBatch) batch = test_batch (spec->inputs[0].source, sequence, events);
  SynTableCounts counts = { 0 };

  syn_table_apply (table, batch, &counts);
  return syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 1, NULL);
}

static ReplicaSnapshot *
evaluate (SynCatalog *catalog, ReplicaSnapshot *base, const char *path, guint64 serial)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynQuery) query = syn_query_parse (path, catalog, &error);
  ReplicaSnapshot *answer;

  g_assert_no_error (error);
  answer = syn_query_evaluate (query, base, (ReplicaToken) { 2, serial }, (gint64) serial, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (replica_snapshot_get_path (answer), ==, query->canonical);
  return answer;
}

#define EVENTS "A 1.50 10 true\nB 3 5 false\nC - 7 -\nD 2 - true\n- 2 1 true\nB 2.5 5 false"

static const struct {
  const char *path, *expected;
} cases[] = {
  { "q?limit=100", "symbol,last,volume,big,vwap\nA,1.50,10,true,1.5\nB,2.50,10,false,2.75\nC,,7,,\nD,2.00,,true,\n,2.00,1,true,2\n" },
  { "q?limit=0", "symbol,last,volume,big,vwap\n" },
  { "q?select=symbol&limit=2", "symbol\nA\nB\n" },
  { "q?where=last>=2&select=symbol", "symbol\nB\nD\n\n" },
  { "q?where=not (last>=2)&select=symbol", "symbol\nA\n" },
  { "q?where=false", "symbol,last,volume,big,vwap\n" },
  { "q?where=big and volume > 5&select=symbol,last", "symbol,last\nA,1.50\n" },
  { "q?sort=last&select=symbol,last", "symbol,last\nA,1.50\nD,2.00\n,2.00\nB,2.50\nC,\n" },
  { "q?sort=-last&select=symbol,last", "symbol,last\nB,2.50\nD,2.00\n,2.00\nA,1.50\nC,\n" },
  { "q?sort=-last,-volume&select=symbol", "symbol\nB\n\nD\nA\nC\n" },
  { "q?sort=-last,-volume&select=symbol&limit=2", "symbol\nB\n\n" },
  { "q?sort=symbol&select=symbol", "symbol\nA\nB\nC\nD\n\n" },
  { "q?sort=-symbol&select=symbol&limit=1", "symbol\nD\n" },
  { "q?sort=volume&select=symbol", "symbol\n\nC\nA\nB\nD\n" },
  { "q?select=symbol,last*volume as value&sort=-value", "symbol,value\nB,25.00\nA,15.00\n,2.00\nC,\nD,\n" },
  { "q?select=symbol,-last as last&sort=last", "symbol,last\nB,-2.50\nD,-2.00\n,-2.00\nA,-1.50\nC,\n" },
  { "q?where=volume>0&select=volume/4 as v&sort=-v&limit=3", "v\n2.5\n2.5\n1.75\n" },
};

static void
test_cases (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  g_autoptr (ReplicaSnapshot) base = make_base (catalog, 1, EVENTS);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ReplicaSnapshot) answer = evaluate (catalog, base, cases[i].path, 1);
      g_autoptr (GString) expected = g_string_new (cases[i].expected);
      g_autofree char *found = test_csv (answer);
      guint64 sequence;

      g_test_message ("%s", cases[i].path);
      g_assert_cmpstr (found, ==, expected->str);
      g_assert_cmpuint (replica_snapshot_get_token (answer).epoch, ==, 2);
      g_assert_cmpstr (replica_snapshot_get_frontier (answer, 0, &sequence), ==, "trades");
      g_assert_cmpuint (sequence, ==, 6);
    }
}

/* Two answers are the same when what they show is, whatever their tokens, times and frontiers. */
static void
test_same (void)
{
  static const struct {
    const char *path, *events;
    gboolean same;
  } changes[] = {
    { "q?select=symbol,last", EVENTS "\nB 2.5 100 true", TRUE },
    { "q?select=symbol,last", EVENTS "\nB 2.6 100 true", FALSE },
    { "q?where=symbol==\"A\"", EVENTS "\nB 9 9 true", TRUE },
    { "q?where=symbol==\"A\"", EVENTS "\nA - - -", TRUE },
    { "q?where=symbol==\"A\"", EVENTS "\nA - - false", FALSE },
    { "q?select=symbol", EVENTS "\nE 1 1 true", FALSE },
    { "q?select=symbol&limit=3", EVENTS "\nE 1 1 true", TRUE },
    { "q?select=last&where=symbol==\"C\"", EVENTS "\nC 0 1 true", FALSE }, /* null is not zero */
  };
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  g_autoptr (ReplicaSnapshot) base = make_base (catalog, 1, EVENTS);

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (ReplicaSnapshot) changed = make_base (catalog, 100, changes[i].events);
      g_autoptr (ReplicaSnapshot) before = evaluate (catalog, base, changes[i].path, 1);
      g_autoptr (ReplicaSnapshot) after = evaluate (catalog, changed, changes[i].path, 2);

      g_test_message ("%s with %s", changes[i].path, changes[i].events);
      g_assert_true (syn_query_same_answer (before, before));
      g_assert_true (syn_query_same_answer (before, after) == changes[i].same);
    }
}

static void
test_foreign_base (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynQuery) query = syn_query_parse ("q?limit=1", catalog, &error);
  g_autoptr (ReplicaSnapshot) foreign =
      replica_snapshot_builder_finish (replica_snapshot_builder_new ("q", (ReplicaToken) { 1, 1 }, 0, 0), NULL);

  g_assert_nonnull (foreign);
  g_assert_null (syn_query_evaluate (query, foreign, (ReplicaToken) { 1, 1 }, 0, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INTERNAL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query-eval/cases", test_cases);
  g_test_add_func ("/query-eval/same", test_same);
  g_test_add_func ("/query-eval/foreign-base", test_foreign_base);
  return g_test_run ();
}
