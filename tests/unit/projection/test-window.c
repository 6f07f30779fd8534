/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Windows, tumbling and sliding: what is in them, what is late; against a reference that looks at every event for every window;
 * and that order of arrival does not matter within `late`. */
#include <string.h>

#include "projection-fixture.h"
#include "syn-limits.h"
#include "syn-table.h"

#define MAX_TEXT (1 << 20)
#define S G_GINT64_CONSTANT (1000000)

/* A projection is given by its window. */
#define CATALOG(window) CATALOG_WITH (window, "")
#define CATALOG_WITH(window, columns)                                                                                    \
  "{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"size\":\"int64\",\"time\":\"timestamp\"}}],"   \
  "\"projections\":[{\"name\":\"p\",\"from\":\"s\",\"key\":[\"symbol\"],\"window\":{\"on\":\"time\"," window "},"                  \
  "\"columns\":{\"n\":\"count()\",\"sum\":\"sum(size)\",\"low\":\"min(size)\",\"high\":\"max(size)\"" columns "}}]}"

typedef struct {
  guint symbol;
  gint64 size;
  gint64 time_us;
} Event;

static SynEventBatch *
batch_of (const SynProjectionSpec *spec, guint64 first_sequence, const Event *events, guint n)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append_printf (text, "%sS%u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT, i > 0 ? "\n" : "", events[i].symbol, events[i].size,
                            events[i].time_us);
  return test_batch (spec->inputs[0].source, first_sequence, text->str);
}

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char *
join_sorted (GPtrArray *lines)
{
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (char **) lines->pdata);
}

/* symbol start n sum low high, a line a row, in the order of the text. */
static char *
shown (SynTable *table)
{
  g_autoptr (ReplicaSnapshot) snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 5, NULL);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (guint row = 0; row < replica_snapshot_get_n_rows (snapshot); row++)
    {
      g_autoptr (GString) line = g_string_new (replica_column_get_string (replica_snapshot_get_column (snapshot, 0), row, NULL));

      for (guint i = 1; i < replica_snapshot_get_n_columns (snapshot); i++)
        {
          gint64 value = replica_column_get_int64 (replica_snapshot_get_column (snapshot, i), row);

          g_string_append_printf (line, " %" G_GINT64_FORMAT, i == 1 ? value / S : value);
        }
      g_ptr_array_add (lines, g_string_free (g_steal_pointer (&line), FALSE));
    }
  return join_sorted (lines);
}

/* ---- by hand ---- */

static const struct {
  const char *catalog;
  const char *events; /* a batch a line: SYMBOL,SIZE,SECONDS … */
  const char *expected;
  SynTableCounts counts;
} cases[] = {
  /* An event is in every/slide windows. */
  { CATALOG ("\"every\":\"3s\",\"slide\":\"1s\""), "0,1,10\n0,2,12",
    "S0 10 2 3 1 2\nS0 11 1 2 2 2\nS0 12 1 2 2 2\nS0 8 1 1 1 1\nS0 9 1 1 1 1", { .applied = 2 } },
  /* `keep` counts starts back from the newest: 12 stays with 11 and 10. */
  { CATALOG ("\"every\":\"3s\",\"slide\":\"1s\",\"keep\":\"3s\""), "0,1,10 0,2,12 0,4,9", "S0 10 2 3 1 2\nS0 11 1 2 2 2\nS0 12 1 2 2 2",
    { .applied = 2, .late = 1 } },
  /* `late`: 10 s is over for the window from 0 (end 60) at 70 000 001 µs, not at 70 s sharp. */
  { CATALOG ("\"every\":\"60s\",\"late\":\"10s\""), "0,1,5\n0,1,70 0,2,59\n0,1,71 0,4,59", "S0 0 2 3 1 2\nS0 60 2 2 1 1", { .applied = 4, .late = 1 } },
  { CATALOG ("\"every\":\"60s\",\"late\":\"0s\""), "0,1,60 0,2,59\n0,1,61 0,2,59", "S0 0 1 2 2 2\nS0 60 2 2 1 1", { .applied = 3, .late = 1 } },
  /* Without it, as long as the window is kept. */
  { CATALOG ("\"every\":\"60s\",\"keep\":\"120s\""), "0,1,5\n0,1,119 0,2,59\n0,1,120 0,2,59", "S0 120 1 1 1 1\nS0 60 1 1 1 1", { .applied = 4, .late = 1 } },
  /* The first of the windows to end decides, and for all of them: 3 s ends at 4. */
  { CATALOG ("\"every\":\"3s\",\"slide\":\"1s\",\"late\":\"2s\""), "0,1,6 0,2,3\n0,1,7 0,2,4 0,2,3",
    "S0 1 1 2 2 2\nS0 2 2 4 2 2\nS0 3 2 4 2 2\nS0 4 2 3 1 2\nS0 5 2 2 1 1\nS0 6 2 2 1 1\nS0 7 1 1 1 1", { .applied = 4, .late = 1 } },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SynCatalog) catalog = test_catalog (cases[i].catalog);
      const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
      g_autoptr (SynTable) table = syn_table_new (spec, 1000, MAX_TEXT);
      g_auto (GStrv) batches = g_strsplit (cases[i].events, "\n", -1);
      g_autofree char *found = NULL;
      SynTableCounts counts = { 0 };
      guint64 sequence = 1;

      g_test_message ("case %u", i);
      for (guint j = 0; batches[j] != NULL; j++)
        {
          g_auto (GStrv) words = g_strsplit (batches[j], " ", -1);
          Event events[8];
          g_autoptr (SynEventBatch) batch = NULL;
          guint n = 0;

          for (; words[n] != NULL; n++)
            {
              g_auto (GStrv) parts = g_strsplit (words[n], ",", -1);

              events[n] = (Event) { (guint) atoi (parts[0]), atoi (parts[1]), atoi (parts[2]) * S };
            }
          batch = batch_of (spec, sequence, events, n);
          sequence += n;
          syn_table_apply (table, batch, &counts);
        }
      found = shown (table);
      g_assert_cmpstr (found, ==, cases[i].expected);
      g_assert_cmpuint (counts.applied, ==, cases[i].counts.applied);
      g_assert_cmpuint (counts.late, ==, cases[i].counts.late);
      g_assert_cmpuint (counts.dropped, ==, 0);
      g_assert_cmpuint (counts.untimed, ==, 0);
    }
}

/* Times at the ends of what 64 bits can say. */
static void
test_edges (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (CATALOG ("\"every\":\"3s\",\"slide\":\"1s\",\"late\":\"1s\",\"keep\":\"5s\""));
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
  g_autoptr (SynTable) table = syn_table_new (spec, 1000, MAX_TEXT);
  const Event events[] = { { 0, 1, G_MININT64 }, { 0, 1, G_MININT64 + S }, { 0, 1, G_MININT64 + 4 * S }, { 0, 1, -1 }, { 0, 1, G_MAXINT64 }, { 0, 1, 0 } };
  g_autoptr (SynEventBatch) batch = batch_of (spec, 1, events, G_N_ELEMENTS (events));
  SynTableCounts counts = { 0 };

  syn_table_apply (table, batch, &counts);
  g_assert_cmpuint (counts.untimed, ==, 2);
  g_assert_cmpuint (counts.applied, ==, 3);
  g_assert_cmpuint (counts.late, ==, 1);
  g_assert_cmpuint (syn_table_get_n_rows (table), ==, 3);
}

/* ---- against a reference ---- */

typedef struct {
  gint64 every_us, slide_us, keep_us, late_us;
} Window;

static gint64
floor_to (gint64 time_us, gint64 step_us)
{
  gint64 rest = time_us % step_us;

  return time_us - (rest < 0 ? rest + step_us : rest);
}

/* Every event by itself, in the order of arrival, whatever the batches. */
static char *
reference (const Window *window, const Event *events, guint n, SynTableCounts *counts)
{
  g_autofree gboolean *counted = g_new0 (gboolean, n);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);
  gint64 newest_us = G_MININT64, first_us = G_MAXINT64, newest_start;

  for (guint i = 0; i < n; i++)
    {
      gint64 pane = floor_to (events[i].time_us, window->slide_us);
      gboolean has_newest = newest_us != G_MININT64;

      if (has_newest && window->keep_us > 0 && pane <= floor_to (newest_us, window->slide_us) - window->keep_us)
        counts->late++;
      else if (has_newest && window->late_us >= 0 && pane + window->slide_us + window->late_us < newest_us)
        counts->late++;
      else
        {
          counted[i] = TRUE;
          counts->applied++;
          newest_us = MAX (newest_us, events[i].time_us);
          first_us = MIN (first_us, pane);
        }
    }
  newest_start = floor_to (newest_us, window->slide_us);
  for (gint64 start = first_us - window->every_us; start <= newest_start; start += window->slide_us)
    for (guint symbol = 0; symbol < 4; symbol++)
      {
        gint64 count = 0, sum = 0, low = G_MAXINT64, high = G_MININT64;

        if (window->keep_us > 0 && start <= newest_start - window->keep_us)
          continue;
        for (guint i = 0; i < n; i++)
          if (counted[i] && events[i].symbol == symbol && events[i].time_us >= start && events[i].time_us < start + window->every_us)
            {
              count++;
              sum += events[i].size;
              low = MIN (low, events[i].size);
              high = MAX (high, events[i].size);
            }
        if (count > 0)
          g_ptr_array_add (lines, g_strdup_printf ("S%u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                                                   " %" G_GINT64_FORMAT,
                                                   symbol, start / S, count, sum, low, high));
      }
  return join_sorted (lines);
}

/* Batches of random sizes, some as they are and some conflated into partials. */
static char *
run (const SynProjectionSpec *spec, GRand *rand, const Event *events, guint n, SynTableCounts *counts)
{
  g_autoptr (SynTable) table = syn_table_new (spec, SYN_MAX_ROWS, MAX_TEXT);
  g_autoptr (SynPartial) partial = NULL;
  gboolean conflate = g_rand_boolean (rand);
  SynWindowClock clock;

  syn_window_clock_init (&clock, spec);
  for (guint at = 0; at < n;)
    {
      guint size = (guint) g_rand_int_range (rand, 1, 9);
      g_autoptr (SynEventBatch) batch = NULL;

      size = MIN (size, n - at);
      batch = batch_of (spec, at + 1, events + at, size);
      at += size;
      if (!conflate)
        {
          syn_table_apply (table, batch, counts);
          continue;
        }
      if (partial == NULL)
        partial = syn_partial_new (spec->group, SYN_MAX_ROWS, MAX_TEXT);
      syn_partial_add (partial, &clock, batch, 0, syn_event_batch_get_n_events (batch));
      if (at == n || g_rand_int_range (rand, 0, 3) == 0)
        {
          g_assert_true (syn_table_merge (table, partial, counts, NULL));
          g_clear_pointer (&partial, syn_partial_unref);
        }
    }
  return shown (table);
}

static void
run_random (guint seed)
{
  static const struct {
    const char *json;
    Window window;
  } windows[] = {
    { CATALOG ("\"every\":\"4s\""), { 4 * S, 4 * S, 0, -1 } },
    { CATALOG ("\"every\":\"4s\",\"late\":\"3s\""), { 4 * S, 4 * S, 0, 3 * S } },
    { CATALOG ("\"every\":\"6s\",\"slide\":\"2s\",\"keep\":\"12s\""), { 6 * S, 2 * S, 12 * S, -1 } },
    { CATALOG ("\"every\":\"6s\",\"slide\":\"2s\",\"late\":\"3s\""), { 6 * S, 2 * S, 0, 3 * S } },
    { CATALOG ("\"every\":\"5s\",\"slide\":\"1s\",\"keep\":\"7s\",\"late\":\"9s\""), { 5 * S, S, 7 * S, 9 * S } },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  guint which = seed % G_N_ELEMENTS (windows);
  g_autoptr (SynCatalog) catalog = test_catalog (windows[which].json);
  Event events[120];
  gint64 time_us = -20 * S;
  g_autofree char *expected = NULL, *found = NULL;
  SynTableCounts counts = { 0 }, expected_counts = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      time_us += g_rand_int_range (rand, 0, 1500000);
      events[i] = (Event) { (guint) g_rand_int_range (rand, 0, 4), g_rand_int_range (rand, -50, 50),
                            time_us - g_rand_int_range (rand, 0, 10) * (g_rand_boolean (rand) ? S : S / 7) };
    }
  expected = reference (&windows[which].window, events, G_N_ELEMENTS (events), &expected_counts);
  found = run (syn_catalog_get_projection (catalog, 0), rand, events, G_N_ELEMENTS (events), &counts);
  g_assert_cmpstr (found, ==, expected);
  g_assert_cmpuint (counts.applied, ==, expected_counts.applied);
  g_assert_cmpuint (counts.late, ==, expected_counts.late);
  g_assert_cmpuint (counts.dropped + counts.untimed + counts.repeated, ==, 0);
}

static void
test_random (void)
{
  for (guint seed = 0; seed < 60; seed++)
    run_random (seed);
}

/* ---- order ---- */

static int
compare_times (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const gint64 x = ((const Event *) a)->time_us, y = ((const Event *) b)->time_us;

  return (x > y) - (x < y);
}

typedef struct {
  Event event;
  gint64 arrival_us;
} Delayed;

static int
compare_arrivals (gconstpointer a, gconstpointer b, gpointer user_data)
{
  const gint64 x = ((const Delayed *) a)->arrival_us, y = ((const Delayed *) b)->arrival_us;

  return (x > y) - (x < y);
}

#define BY_TIME ",\"first\":\"first(size,time)\",\"last\":\"last(size,time)\",\"kinds\":\"distinct(size)\""

/* No event arrives after one that is `late` younger: then all of them count, and the windows are those of the sorted events. */
static void
run_order (guint seed)
{
  static const char *const windows[] = {
    CATALOG_WITH ("\"every\":\"4s\",\"late\":\"3s\"", BY_TIME),
    CATALOG_WITH ("\"every\":\"6s\",\"slide\":\"2s\",\"late\":\"3s\"", BY_TIME),
    CATALOG_WITH ("\"every\":\"6s\",\"slide\":\"1s\",\"late\":\"3s\",\"keep\":\"20s\"", BY_TIME),
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  g_autoptr (SynCatalog) catalog = test_catalog (windows[seed % G_N_ELEMENTS (windows)]);
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
  Event sorted[150], arrived[G_N_ELEMENTS (sorted)];
  Delayed delayed[G_N_ELEMENTS (sorted)];
  g_autofree char *expected = NULL, *found = NULL;
  SynTableCounts counts = { 0 }, sorted_counts = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (sorted); i++)
    sorted[i] = (Event) { (guint) g_rand_int_range (rand, 0, 4), g_rand_int_range (rand, -50, 50), g_rand_int_range (rand, 0, 60 * S) };
  g_qsort_with_data (sorted, G_N_ELEMENTS (sorted), sizeof *sorted, compare_times, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (sorted); i++)
    delayed[i] = (Delayed) { sorted[i], sorted[i].time_us + g_rand_int_range (rand, 0, 3 * S + 1) };
  g_qsort_with_data (delayed, G_N_ELEMENTS (delayed), sizeof *delayed, compare_arrivals, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (delayed); i++)
    arrived[i] = delayed[i].event;
  expected = run (spec, rand, sorted, G_N_ELEMENTS (sorted), &sorted_counts);
  found = run (spec, rand, arrived, G_N_ELEMENTS (arrived), &counts);
  g_assert_cmpstr (found, ==, expected);
  g_assert_cmpuint (counts.applied, ==, G_N_ELEMENTS (sorted));
  g_assert_cmpuint (sorted_counts.applied, ==, G_N_ELEMENTS (sorted));
}

static void
test_order (void)
{
  for (guint seed = 0; seed < 60; seed++)
    run_order (seed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/window/cases", test_cases);
  g_test_add_func ("/window/edges", test_edges);
  g_test_add_func ("/window/random", test_random);
  g_test_add_func ("/window/order", test_order);
  return g_test_run ();
}
