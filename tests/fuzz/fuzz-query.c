/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text as the path and query of a question. What is accepted has a canonical form that parses to itself, and an answer that
 * is the same whichever of the two is asked, has no more rows than asked for, and is a beginning of the answer without
 * the limit. What is refused says so in UTF-8, with one of three codes. */
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
    "\"notional\":\"sum(price*size)\",\"a b\":\"count()\"}}]}";

static SynCatalog *catalog;
static ReplicaSnapshot *base;

static void
set_up (void)
{
  static const char *const symbols[] = { "A", "AB", "instrument-1", "instrument-2", "", NULL, "é", "zzz" };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynEventBuilder) builder = NULL;
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (SynTable) table = NULL;
  const SynProjectionSpec *spec;
  SynTableCounts counts = { 0 };

  catalog = syn_catalog_parse ("fuzz.json", "/", json, -1, &error);
  g_assert_no_error (error);
  spec = syn_catalog_get_projection (catalog, 0);
  builder = syn_event_builder_new (spec->inputs[0].source);
  for (guint i = 0; i < G_N_ELEMENTS (symbols); i++)
    {
      if (symbols[i] != NULL)
        syn_event_builder_set_string (builder, 0, symbols[i], strlen (symbols[i]));
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
  syn_event_batch_set_first_sequence (batch, 1, 0);
  table = syn_table_new (spec, 100, 1 << 20);
  syn_table_apply (table, batch, &counts);
  base = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 0, &error);
  g_assert_no_error (error);
}

static ReplicaSnapshot *
evaluate (const SynQuery *query)
{
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *answer = syn_query_evaluate (query, &base, (ReplicaToken) { 2, 1 }, 0, &error);

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
  again->has_limit = FALSE;
  whole = evaluate (again);
  check_beginning (answer, whole);
  return 0;
}
