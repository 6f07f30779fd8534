/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text as the path and query of a question. What is accepted has a canonical form that parses to itself, and an answer that
 * is the same whichever of the two is asked, has no more rows than asked for, and is a beginning of the answer without
 * the limit; and when the projections change, the answer from what changed is that of a fresh evaluation. What is refused says so in UTF-8, with one of three codes. */
#include <stdint.h>
#include <string.h>

#include "syn-error.h"
#include "syn-limits.h"
#include "syn-query-eval.h"
#include "syn-table.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const char json[] =
    "{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\",\"size\":\"int64\","
    "\"real\":\"double\",\"flag\":\"bool\",\"time\":\"timestamp\"}}],\"projections\":[{\"name\":\"q\",\"from\":\"s\",\"key\":[\"symbol\"],"
    "\"columns\":{\"last\":\"last(price)\",\"volume\":\"sum(size)\",\"real\":\"last(real)\",\"flag\":\"last(flag)\",\"at\":\"max(time)\","
    "\"notional\":\"sum(price*size)\",\"a b\":\"count()\"}},"
    "{\"name\":\"r\",\"from\":\"s\",\"key\":[\"symbol\"],\"columns\":{\"lot\":\"max(size)\",\"note\":\"last(symbol)\"}},"
    "{\"name\":\"by/flag\",\"from\":\"s\",\"key\":[\"flag\"],\"columns\":{\"members\":\"count()\"}}]}";

#define N_PROJECTIONS 3

static SynCatalog *catalog;
static ReplicaSnapshot *snapshots[2][N_PROJECTIONS]; /* before and after a few events */

static SynEventBatch *
make_batch (const SynSourceSpec *source, guint from, guint n)
{
  static const char *const symbols[] = { "A", "AB", "instrument-1", "instrument-2", "", NULL, "é", "zzz" };
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (source);
  SynEventBatch *batch;

  for (guint i = from; i < from + n; i++)
    {
      const char *symbol = symbols[i % G_N_ELEMENTS (symbols)];

      if (symbol != NULL)
        syn_event_builder_set_string (builder, 0, symbol, strlen (symbol));
      if (i % 5 != 1)
        syn_event_builder_set_int64 (builder, 1, (gint64) i * 12345 - 40000);
      syn_event_builder_set_int64 (builder, 2, i == 3 ? G_MAXINT64 : (gint64) i);
      if (i % 3 != 0)
        syn_event_builder_set_double (builder, 3, i == 4 ? 1e308 : -1.5 * i);
      if (i % 4 != 0)
        syn_event_builder_set_int64 (builder, 4, i % 2);
      syn_event_builder_set_int64 (builder, 5, (gint64) i * 1000000 - 3000000);
      syn_event_builder_commit (builder);
    }
  batch = syn_event_builder_take (builder);
  syn_event_batch_set_first_sequence (batch, from + 1, 0);
  return batch;
}

static void
set_up (void)
{
  g_autoptr (GError) error = NULL;

  catalog = syn_catalog_parse ("fuzz.json", "/", json, -1, &error);
  g_assert_no_error (error);
  for (guint p = 0; p < N_PROJECTIONS; p++)
    {
      const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, p);
      g_autoptr (SynTable) table = syn_table_new (spec, 100, 1 << 20);

      for (guint i = 0; i < 2; i++)
        {
          g_autoptr (SynEventBatch) batch = make_batch (syn_catalog_get_source (catalog, 0), i * 8, i == 0 ? 8 : 3);
          SynTableCounts counts = { 0 };

          syn_table_apply (table, batch, &counts);
          snapshots[i][p] = syn_table_make_snapshot (table, (ReplicaToken) { 1, i + 1 }, 0, &error);
          g_assert_no_error (error);
        }
    }
}

/* The snapshots that @query asks for. */
static void
find_bases (const SynQuery *query, guint when, ReplicaSnapshot **bases)
{
  for (guint i = 0; i < query->n_bases; i++)
    for (guint p = 0; p < N_PROJECTIONS; p++)
      if (query->bases[i] == syn_catalog_get_projection (catalog, p))
        bases[i] = snapshots[when][p];
}

/* From the first snapshots to the second, and back. */
static void
check_changes (const SynQuery *query)
{
  g_autoptr (SynQueryRun) run = syn_query_run_new (query);
  g_autoptr (ReplicaSnapshot) answer = NULL;
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 4; i++)
    {
      ReplicaSnapshot *bases[N_PROJECTIONS] = { NULL };
      g_autoptr (ReplicaSnapshot) fresh = NULL;
      g_autoptr (ReplicaSnapshot) before = g_steal_pointer (&answer);

      find_bases (query, i % 2, bases);
      answer = syn_query_run_evaluate (run, bases, (ReplicaToken) { 3, i + 1 }, 0, before, &error);
      g_assert_no_error (error);
      fresh = syn_query_evaluate (query, bases, (ReplicaToken) { 3, i + 1 }, 0, &error);
      g_assert_no_error (error);
      g_assert_true (syn_query_same_answer (answer, fresh));
    }
}

static ReplicaSnapshot *
evaluate (const SynQuery *query)
{
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *bases[N_PROJECTIONS] = { NULL };
  ReplicaSnapshot *answer;

  find_bases (query, 0, bases);
  answer = syn_query_evaluate (query, bases, (ReplicaToken) { 2, 1 }, 0, &error);
  g_assert_no_error (error);
  return answer;
}

static void
check_beginning (ReplicaSnapshot *answer, ReplicaSnapshot *whole)
{
  g_assert_cmpuint (replica_snapshot_get_n_rows (answer), <=, replica_snapshot_get_n_rows (whole));
  for (guint i = 0; i < replica_snapshot_get_n_columns (answer); i++)
    {
      const ReplicaColumn *a = replica_snapshot_get_column (answer, i), *b = replica_snapshot_get_column (whole, i);

      for (guint row = 0; row < replica_snapshot_get_n_rows (answer); row++)
        g_assert_cmpint (replica_column_compare (a, row, b, row), ==, 0);
    }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *path = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (SynQuery) query = NULL;
  g_autoptr (SynQuery) again = NULL;
  g_autoptr (ReplicaSnapshot) answer = NULL;
  g_autoptr (ReplicaSnapshot) same = NULL;
  g_autoptr (ReplicaSnapshot) whole = NULL;
  g_autoptr (ReplicaSnapshot) checked = NULL;

  if (catalog == NULL)
    set_up ();
  query = syn_query_parse (path, catalog, &error);
  if (query == NULL)
    {
      g_assert_true (error->domain == SYN_ERROR);
      g_assert_true (error->code == SYN_ERROR_NOT_FOUND || error->code == SYN_ERROR_INVALID || error->code == SYN_ERROR_TOO_LARGE);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (query->canonical), <=, SYN_MAX_QUERY_BYTES);
  again = syn_query_parse (query->canonical, catalog, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (again->canonical, ==, query->canonical);

  answer = evaluate (query);
  same = evaluate (again);
  g_assert_true (syn_query_same_answer (answer, same));
  checked = replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (answer), &error);
  g_assert_no_error (error);
  if (query->has_limit)
    g_assert_cmpuint (replica_snapshot_get_n_rows (answer), <=, query->limit);
  check_changes (query);
  again->has_limit = FALSE;
  whole = evaluate (again);
  check_beginning (answer, whole);
  return 0;
}
