/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Partials: what a conflation group makes of batches is what each of its projections makes of them alone; room; and what comes twice. */
#include <string.h>

#include "projection-fixture.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-table.h"

#define MAX_TEXT (1 << 20)

static const char json[] =
    "{\"sources\":[{\"name\":\"a\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"size\":\"int64\",\"venue\":\"string\"}},"
    "{\"name\":\"b\",\"kind\":\"http\",\"fields\":{\"venue\":\"string\",\"size\":\"int64\",\"symbol\":\"string\",\"x\":\"int64\"}}],"
    "\"projections\":["
    "{\"name\":\"one\",\"from\":[\"a\",\"b\"],\"key\":[\"symbol\"],\"where\":\"size != 13\",\"columns\":{\"n\":\"count()\",\"sum\":\"sum(size)\","
    "\"mean\":\"mean(size)\"}},"
    "{\"name\":\"two\",\"from\":[\"b\",\"a\"],\"key\":[\"symbol\"],\"where\":\"(size!=13)\",\"columns\":{\"last\":\"last(venue)\",\"first\":\"first(venue)\","
    "\"n\":\"count()\",\"low\":\"min(size)\",\"twice\":\"2*sum(size)\"},\"min_interval_ms\":30},"
    "{\"name\":\"alone\",\"from\":[\"a\",\"b\"],\"key\":[\"symbol\",\"venue\"],\"where\":\"size != 13\",\"columns\":{\"n\":\"count()\"}}]}";

static char *
csv (SynTable *table)
{
  g_autoptr (ReplicaSnapshot) snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 5, NULL);

  return test_csv (snapshot);
}

static void
test_groups (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  const SynConflationSpec *group = syn_catalog_find_conflation (catalog, "one");

  g_assert_cmpuint (syn_catalog_get_n_conflations (catalog), ==, 2);
  g_assert_nonnull (group);
  g_assert_null (syn_catalog_find_conflation (catalog, "two"));
  g_assert_cmpuint (group->n_projections, ==, 2);
  g_assert_cmpstr (group->projections[1]->name, ==, "two");
  g_assert_false (group->direct);
  g_assert_cmpuint (group->tick_ms, ==, 3);
  /* count, sum and mean of the one; last, first and min of the other. */
  g_assert_cmpuint (group->common->n_aggregates, ==, 6);
  g_assert_cmpuint (group->projections[1]->merged[2], ==, group->projections[0]->merged[0]);
  g_assert_true (syn_catalog_find_conflation (catalog, "alone")->direct);
  g_assert_cmpuint (syn_catalog_find_conflation (catalog, "alone")->tick_ms, ==, 100);
}

/* Rows of a table come in the order of arrival, in partials as in batches. */
static void
run_random (guint seed)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  const SynConflationSpec *group = syn_catalog_find_conflation (catalog, "one");
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  SynTable *plain[2], *merged[2];
  SynTableCounts counts_plain = { 0 }, counts_merged = { 0 };
  g_autoptr (SynPartial) partial = NULL;
  guint64 sequences[2] = { 1, 1 };
  SynWindowClock clock;

  syn_window_clock_init (&clock, group->common);
  for (guint i = 0; i < 2; i++)
    {
      plain[i] = syn_table_new (group->projections[i], 12, MAX_TEXT);
      merged[i] = syn_table_new (group->projections[i], 12, MAX_TEXT);
    }
  for (guint step = 0; step < 60; step++)
    {
      guint which = (guint) g_rand_int_range (rand, 0, 2);
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (SynEventBatch) batch = NULL;

      for (gint n = g_rand_int_range (rand, 1, 8); n > 0; n--)
        {
          g_autofree char *symbol = g_rand_int_range (rand, 0, 9) == 0 ? g_strdup ("-") : g_strdup_printf ("S%d", g_rand_int_range (rand, 0, 14));
          g_autofree char *venue = g_rand_int_range (rand, 0, 9) == 0 ? g_strdup ("-") : g_strdup_printf ("V%d", g_rand_int_range (rand, 0, 5));
          gint size = g_rand_int_range (rand, 10, 16);

          if (which == 0)
            g_string_append_printf (text, "%s%s %d %s", text->len > 0 ? "\n" : "", symbol, size, venue);
          else
            g_string_append_printf (text, "%s%s %d %s 1", text->len > 0 ? "\n" : "", venue, size, symbol);
        }
      batch = test_batch (syn_catalog_get_source (catalog, which), sequences[which], text->str);
      sequences[which] += syn_event_batch_get_n_events (batch);
      if (partial == NULL)
        partial = syn_partial_new (group, SYN_MAX_ROWS, MAX_TEXT);
      g_assert_true (syn_partial_is_empty (partial) || syn_partial_get_taken_bytes (partial) > 0);
      syn_partial_add (partial, &clock, batch, 0, syn_event_batch_get_n_events (batch));
      for (guint i = 0; i < 2; i++)
        syn_table_apply (plain[i], batch, &counts_plain);
      if (step == 59 || g_rand_boolean (rand))
        {
          for (guint i = 0; i < 2; i++)
            {
              g_autofree char *expected = NULL, *found = NULL;

              g_assert_true (syn_table_merge (merged[i], partial, &counts_merged, NULL));
              expected = csv (plain[i]);
              found = csv (merged[i]);
              g_assert_cmpstr (found, ==, expected);
            }
          g_clear_pointer (&partial, syn_partial_unref);
        }
    }
  g_assert_cmpuint (counts_merged.applied, ==, counts_plain.applied);
  g_assert_cmpuint (counts_merged.dropped, ==, counts_plain.dropped);
  g_assert_cmpuint (counts_merged.dropped, >, 0);
  for (guint i = 0; i < 2; i++)
    {
      syn_table_free (plain[i]);
      syn_table_free (merged[i]);
    }
}

static void
test_random (void)
{
  for (guint seed = 0; seed < 20; seed++)
    run_random (seed);
}

static void
test_repeated (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  const SynConflationSpec *group = syn_catalog_find_conflation (catalog, "one");
  const SynSourceSpec *source = syn_catalog_find_source (catalog, "a");
  g_autoptr (SynTable) table = syn_table_new (group->projections[0], 100, MAX_TEXT);
  g_autoptr (SynTable) other = syn_table_new (syn_catalog_find_projection (catalog, "alone"), 100, MAX_TEXT);
  g_autoptr (SynEventBatch) first = test_batch (source, 1, "A 1 x\nA 2 x\nB 3 y");
  g_autoptr (SynEventBatch) overlapping = test_batch (source, 2, "A 2 x\nB 3 y\nC 4 z");
  g_autoptr (SynEventBatch) again = test_batch (source, 1, "D 9 x");
  g_autoptr (SynPartial) one = syn_partial_new (group, 100, MAX_TEXT);
  g_autoptr (SynPartial) two = syn_partial_new (group, 100, MAX_TEXT);
  g_autoptr (GError) error = NULL;
  SynWindowClock clock;
  SynTableCounts counts = { 0 };
  g_autofree char *found = NULL, *restarted = NULL;

  syn_window_clock_init (&clock, group->common);
  syn_partial_add (one, &clock, first, 0, 3);
  syn_partial_add (two, &clock, overlapping, 0, 3);
  g_assert_true (syn_table_merge (table, one, &counts, NULL));
  g_assert_cmpuint (counts.applied, ==, 3);
  /* The same once more: nothing. One that overlaps: refused whole. Of a batch, what is new. */
  g_assert_true (syn_table_merge (table, one, &counts, NULL));
  g_assert_cmpuint (counts.repeated, ==, 3);
  g_assert_false (syn_table_merge (table, two, &counts, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INTERNAL);
  g_clear_error (&error);
  syn_table_apply (table, first, &counts);
  g_assert_cmpuint (counts.repeated, ==, 6);
  syn_table_apply (table, overlapping, &counts);
  g_assert_cmpuint (counts.repeated, ==, 8);
  g_assert_cmpuint (counts.applied, ==, 4);
  found = csv (table);
  g_assert_cmpstr (found, ==, "symbol,n,sum,mean\nA,2,3,1.5\nB,1,3,3\nC,1,4,4\n");
  /* A source that counts anew says so; what is left of the numbering before is old. */
  syn_table_apply (table, again, &counts);
  g_assert_cmpuint (counts.repeated, ==, 9);
  syn_event_batch_set_epoch (again, 7);
  syn_table_apply (table, again, &counts);
  syn_table_apply (table, overlapping, &counts);
  g_assert_cmpuint (counts.repeated, ==, 12);
  restarted = csv (table);
  g_assert_cmpstr (restarted, ==, "symbol,n,sum,mean\nA,2,3,1.5\nB,1,3,3\nC,1,4,4\nD,1,9,9\n");
  /* Not of the group. */
  g_assert_false (syn_table_merge (other, one, &counts, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INTERNAL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/partial/groups", test_groups);
  g_test_add_func ("/partial/random", test_random);
  g_test_add_func ("/partial/repeated", test_repeated);
  return g_test_run ();
}
