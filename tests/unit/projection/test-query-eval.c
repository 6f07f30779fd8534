/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "replica-snapshot-builder.h"
#include "syn-error.h"
#include "syn-query-eval.h"
#include "syn-table.h"

static const char json[] =
    "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(2)\","
    "\"size\":\"int64\",\"big\":\"bool\"}},"
    "{\"name\":\"refs\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"sector\":\"string\",\"lot\":\"int64\"}}],\"projections\":[{\"name\":\"q\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{"
    "\"last\":\"last(price)\",\"volume\":\"sum(size)\",\"big\":\"last(big)\",\"vwap\":\"sum(price*size)/sum(size)\"}},"
    "{\"name\":\"ref\",\"from\":\"refs\",\"key\":[\"symbol\"],\"columns\":{\"sector\":\"last(sector)\",\"lot\":\"last(lot)\"}},"
    "{\"name\":\"lots\",\"from\":\"refs\",\"key\":[\"lot\"],\"columns\":{\"volume\":\"count()\"}}]}";

static ReplicaSnapshot *
make_snapshot (SynCatalog *catalog, guint projection, guint64 sequence, const char *events)
{
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, projection);
  g_autoptr (SynTable) table = syn_table_new (spec, 1000, 1 << 20);
  g_autoptr (SynEventBatch) batch = test_batch (spec->inputs[0].source, sequence, events);
  SynTableCounts counts = { 0 };

  syn_table_apply (table, batch, &counts);
  return syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 1, NULL);
}

static ReplicaSnapshot *
make_base (SynCatalog *catalog, guint64 sequence, const char *events)
{
  return make_snapshot (catalog, 0, sequence, events);
}

#define REFS "A tech 10\nB food 100\nD tech -\nX food 7\n- none 1"

static ReplicaSnapshot *
evaluate (SynCatalog *catalog, ReplicaSnapshot *base, const char *path, guint64 serial)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynQuery) query = syn_query_parse (path, catalog, &error);
  g_autoptr (ReplicaSnapshot) ref = make_snapshot (catalog, 1, 1, REFS);
  g_autoptr (ReplicaSnapshot) lots = make_snapshot (catalog, 2, 1, REFS "\nE other 7\nF other 5");
  ReplicaSnapshot *bases[3] = { base };
  ReplicaSnapshot *answer;

  g_assert_no_error (error);
  for (guint i = 1; i < query->n_bases; i++)
    bases[i] = query->bases[i] == syn_catalog_get_projection (catalog, 1) ? ref : lots;
  answer = syn_query_evaluate (query, bases, (ReplicaToken) { 2, serial }, (gint64) serial, &error);
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
  /* the same column by two names */
  { "q?select=last as x,symbol&sort=-x,last,symbol", "x,symbol\n2.50,B\n2.00,D\n2.00,\n1.50,A\n,C\n" },
  { "q?select=symbol&sort=symbol&offset=3", "symbol\nD\n\n" },
  { "q?select=symbol&offset=1&limit=2", "symbol\nB\nC\n" },
  { "q?select=symbol&offset=9", "symbol\n" },
  { "q?select=symbol&offset=4294967295&limit=4294967295", "symbol\n" },
  /* joins: null equals nothing, also no null */
  { "q?join=ref&select=symbol,volume,sector,lot", "symbol,volume,sector,lot\nA,10,tech,10\nB,10,food,100\nC,7,,\nD,,tech,\n,1,,\n" },
  { "q?join=ref&where=sector==\"tech\"&select=symbol", "symbol\nA\nD\n" },
  { "q?join=ref&select=symbol,lot/volume as lots&sort=-lots", "symbol,lots\nB,10\nA,1\nC,\nD,\n,\n" },
  { "q?join=ref as r&select=symbol,`r.lot`&limit=2", "symbol,r.lot\nA,10\nB,100\n" },
  { "q?join=ref,lots as l on lot=lot&select=symbol,lot,`l.volume` as n", "symbol,lot,n\nA,10,1\nB,100,1\nC,,\nD,,\n,,\n" },
  { "q?join=lots as l on volume=lot&select=symbol,volume,`l.volume` as n&sort=symbol", "symbol,volume,n\nA,10,1\nB,10,1\nC,7,2\nD,,\n,1,1\n" },
  { "q?join=q as me&select=symbol,last-`me.last` as none&limit=1", "symbol,none\nA,0.00\n" },
  { "q?join=ref&group=sector&select=sector,count() as n,sum(volume) as v&sort=-n,sector", "sector,n,v\ntech,2,10\n,2,8\nfood,1,10\n" },
  /* groups: in the order of their first rows; null is one */
  { "q?group=big&select=big,count() as n,sum(volume) as v,max(last) as top", "big,n,v,top\ntrue,3,11,2.00\nfalse,1,10,2.50\n,1,7,\n" },
  { "q?group=big", "big\ntrue\nfalse\n\n" },
  { "q?group=last", "last\n1.50\n2.50\n\n2.00\n" },
  { "q?group=big&select=sum(volume)/count() as mean,big&having=count()>1", "mean,big\n3.6666666666666665,true\n" },
  { "q?group=big&select=big,count() as n&having=n=1 and not big", "big,n\nfalse,1\n" },
  { "q?where=volume>1&group=big&select=big,first(symbol) as first,last(symbol) as last&sort=big", "big,first,last\nfalse,B,B\ntrue,A,A\n,C,C\n" },
  { "q?group=volume/10 as tens,big&select=tens,count() as n&sort=-tens,big&limit=2", "tens,n\n1,1\n1,1\n" },
  { "q?group=last*1000 as mills&select=mills,count()&sort=-mills&offset=1&limit=2", "mills,count()\n2000.00,2\n1500.00,1\n" },
  { "q?select=count() as n,count(last) as priced,sum(volume) as v", "n,priced,v\n5,4,28\n" },
  { "q?where=false&select=count() as n,sum(volume) as v", "n,v\n0,\n" },
  { "q?where=false&group=big&select=big,count() as n", "big,n\n" },
  { "q?having=count()>9&select=count() as n", "n\n" },
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
      /* refs goes to 5 in one of its projections, and to 7 in the other. */
      g_assert_cmpuint (sequence, ==, 6);
      if (replica_snapshot_get_n_frontier (answer) == 2)
        {
          g_assert_cmpstr (replica_snapshot_get_frontier (answer, 1, &sequence), ==, "refs");
          g_assert_cmpuint (sequence, ==, strstr (cases[i].path, "join=ref") != NULL ? 5 : 7);
        }
      g_assert_cmpuint (replica_snapshot_get_n_frontier (answer), ==, strstr (cases[i].path, "=ref") || strstr (cases[i].path, "=lots") ? 2 : 1);
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
  ReplicaSnapshot *foreign =
      replica_snapshot_builder_finish (replica_snapshot_builder_new ("q", (ReplicaToken) { 1, 1 }, 0, 0), NULL);

  g_assert_nonnull (foreign);
  g_assert_null (syn_query_evaluate (query, &foreign, (ReplicaToken) { 1, 1 }, 0, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INTERNAL);
  replica_snapshot_unref (foreign);
}

/* Many columns, each just within the bound of one. */
static void
test_too_large (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
  g_autoptr (SynTable) table = syn_table_new (spec, 10000, 1 << 20);
  g_autoptr (GString) events = g_string_new (NULL);
  g_autoptr (GString) path = g_string_new ("q?select=");
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (ReplicaSnapshot) base = NULL;
  g_autoptr (SynQuery) query = NULL;
  g_autoptr (GError) error = NULL;
  SynTableCounts counts = { 0 };

  for (guint i = 0; i < 1100; i++)
    g_string_append_printf (events, "%s%02000u 1 1 -", i > 0 ? "\n" : "", i);
  batch = test_batch (spec->inputs[0].source, 1, events->str);
  syn_table_apply (table, batch, &counts);
  base = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 1, NULL);
  for (guint i = 0; i < 15; i++)
    {
      g_string_append (path, i > 0 ? ",concat(symbol" : "concat(symbol");
      for (guint j = 0; j < 30; j++)
        g_string_append (path, ",symbol");
      g_string_append_printf (path, ") as a%u", i);
    }
  query = syn_query_parse (path->str, catalog, &error);
  g_assert_no_error (error);
  g_assert_null (syn_query_evaluate (query, &base, (ReplicaToken) { 1, 1 }, 0, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
  g_assert_nonnull (strstr (error->message, "its expressions make more than"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/query-eval/cases", test_cases);
  g_test_add_func ("/query-eval/same", test_same);
  g_test_add_func ("/query-eval/foreign-base", test_foreign_base);
  g_test_add_func ("/query-eval/too-large", test_too_large);
  return g_test_run ();
}
