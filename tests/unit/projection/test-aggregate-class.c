/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "aggregate-fixture.h"
#include "syn-error.h"
#include "syn-table.h"

#define CATALOG(columns) \
  "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(2)\",\"size\":\"int64\"}}]," \
  "\"projections\":[{\"name\":\"p\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{" columns "}}]}"

/* From the catalog to the snapshot. */
static void
test_projection (void)
{
  g_autoptr (SynCatalog) catalog = test_catalog (CATALOG ("\"g\":\"geomean(price)\",\"twice\":\"2*g\",\"n\":\"count()\""));
  const SynSourceSpec *source = syn_catalog_find_source (catalog, "trades");
  g_autoptr (SynTable) table = syn_table_new (syn_catalog_find_projection (catalog, "p"), 100, 100);
  g_autoptr (SynEventBatch) one = test_batch (source, 1, "A 4 1\nA 1 1\nB 8 1\nC - 1"), two = test_batch (source, 5, "A 16 1\nB -1 1");
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *csv = NULL;
  SynTableCounts counts = { 0 };

  syn_table_apply (table, one, &counts);
  syn_table_apply (table, two, &counts);
  snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 0, &error);
  g_assert_no_error (error);
  csv = test_csv (snapshot);
  g_assert_cmpstr (csv, ==, "symbol,g,twice,n\nA,4,8,3\nB,,,2\nC,,,1\n");
}

static void
test_errors (void)
{
  static const struct {
    const char *columns, *message;
  } cases[] = {
    { "\"g\":\"geomean(symbol)\"", "column \"g\": column 9: geomean() takes numbers, found string" },
    { "\"g\":\"geomean()\"", "column \"g\": column 1: geomean() takes 1 argument, found 0" },
    { "\"g\":\"geomean(price, size)\"", "column \"g\": column 1: geomean() takes 1 argument, found 2" },
    { "\"g\":\"geomean(sum(price))\"", "column \"g\": column 9: an aggregate cannot stand inside another" },
    { "\"g\":\"geomeen(count())\"", "column \"g\": column 1: no function \"geomeen\"; did you mean \"geomean\"?" },
    { "\"g\":\"geotext(price)\"", "column \"g\": column 1: geotext() says that its result has a type that no aggregate of a module may have" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *json = g_strdup_printf (CATALOG ("%s"), cases[i].columns);
      g_autoptr (GError) error = NULL;
      g_autoptr (SynCatalog) catalog = syn_catalog_parse ("test.json", "/", json, -1, &error);

      g_assert_null (catalog);
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, cases[i].message));
    }
}

/* ---- classes that are refused ---- */

static const char *
resolve_text (const SynAggregateType *args G_GNUC_UNUSED, guint n_args G_GNUC_UNUSED, SynAggregateType *result)
{
  result->type = REPLICA_TYPE_STRING;
  return NULL;
}

static void
update_nothing (gpointer states G_GNUC_UNUSED, const ReplicaColumn *const *args G_GNUC_UNUSED, guint n_args G_GNUC_UNUSED,
                const guint32 *events G_GNUC_UNUSED, const guint32 *rows G_GNUC_UNUSED, guint n G_GNUC_UNUSED)
{
}

static void
merge_nothing (gpointer states G_GNUC_UNUSED, gconstpointer later G_GNUC_UNUSED, const guint32 *from G_GNUC_UNUSED,
               const guint32 *rows G_GNUC_UNUSED, guint n G_GNUC_UNUSED)
{
}

static void
emit_nothing (gconstpointer states G_GNUC_UNUSED, guint n_rows G_GNUC_UNUSED, gpointer results G_GNUC_UNUSED, guint8 *validity G_GNUC_UNUSED)
{
}

#define CLASS(...)                                                                                                        \
  {                                                                                                                       \
    .struct_bytes = sizeof (SynAggregateClass), .name = "fine", .min_args = 1, .max_args = 1, .state_bytes = 8,           \
    .resolve = resolve_text, .update = update_nothing, .merge = merge_nothing, .emit = emit_nothing, __VA_ARGS__          \
  }

static void
test_refused (void)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init"
  static const struct {
    SynAggregateClass klass;
    const char *message;
  } cases[] = {
    { CLASS (.struct_bytes = 8), "the aggregate class: it was built for another version of synoptic-aggregate.h" },
    { CLASS (.name = "Geo"), "the aggregate Geo: its name is not a plain one in lower case" },
    { CLASS (.name = "a b"), "plain" },
    { CLASS (.name = ""), "plain" },
    { CLASS (.name = "and"), "plain" },
    { CLASS (.name = "sum"), "there is another function of this name" },
    { CLASS (.name = "geomean"), "there is another function of this name" },
    { CLASS (.name = "abs"), "there is another function of this name" },
    { CLASS (.min_args = 0), "from 1 to 4 arguments" },
    { CLASS (.max_args = 0), "from 1 to 4 arguments" },
    { CLASS (.max_args = 5), "from 1 to 4 arguments" },
    { CLASS (.state_bytes = 0), "state_bytes is not from 1 to 4096" },
    { CLASS (.state_bytes = 4097), "state_bytes is not from 1 to 4096" },
    { CLASS (.merge = NULL), "it lacks one of" },
    { CLASS (.resolve = NULL), "it lacks one of" },
  };
#pragma GCC diagnostic pop

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (syn_aggregate_class_register (&cases[i].klass, &error));
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      if (strstr (error->message, cases[i].message) == NULL)
        g_error ("%u: expected \"%s\", found \"%s\"", i, cases[i].message, error->message);
    }
}

/* ---- a class whose states own memory, do not begin as zero, and give decimals ---- */

typedef struct {
  GArray *values; /* (owned): gint64; never NULL */
} Median;

static const char *
median_resolve (const SynAggregateType *args, guint n_args G_GNUC_UNUSED, SynAggregateType *result)
{
  *result = args[0];
  return args[0].type == REPLICA_TYPE_DECIMAL ? NULL : "decimals";
}

static void
median_init (gpointer state)
{
  ((Median *) state)->values = g_array_new (FALSE, FALSE, sizeof (gint64));
}

static void
median_clear (gpointer state)
{
  g_array_unref (((Median *) state)->values);
}

static void
median_update (gpointer states, const ReplicaColumn *const *args, guint n_args G_GNUC_UNUSED, const guint32 *events, const guint32 *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      gint64 value = (gint64) replica_column_get_int128 (args[0], events[i]);

      g_array_append_val (((Median *) states)[rows[i]].values, value);
    }
}

static void
median_merge (gpointer states, gconstpointer later, const guint32 *from, const guint32 *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      const GArray *part = ((const Median *) later)[from[i]].values;

      g_array_append_vals (((Median *) states)[rows[i]].values, part->data, part->len);
    }
}

static int
compare_values (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

static void
median_emit (gconstpointer states, guint n_rows, gpointer results, guint8 *validity G_GNUC_UNUSED)
{
  for (guint row = 0; row < n_rows; row++)
    {
      GArray *values = ((const Median *) states)[row].values;

      g_array_sort (values, compare_values);
      if (values->len > 0)
        ((ReplicaInt128 *) results)[row] = g_array_index (values, gint64, values->len / 2);
    }
}

static void
test_owned (void)
{
  static const SynAggregateClass klass = {
    .struct_bytes = sizeof klass, .name = "middle", .min_args = 1, .max_args = 1, .state_bytes = sizeof (Median), .resolve = median_resolve,
    .init = median_init, .clear = median_clear, .update = median_update, .merge = median_merge, .emit = median_emit,
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynAggregate) aggregate = NULL, part = NULL;
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autoptr (TestColumn) values = test_column_parse (REPLICA_TYPE_DECIMAL, 2, 8, "5 1 3 - 9 2");
  const ReplicaColumn *arguments[] = { &values->column };
  const guint32 events[] = { 0, 1, 2, 3, 4, 5 }, rows[] = { 0, 0, 0, 0, 1, 1 }, more[] = { 40, 0, 0, 0, 1, 1 }, back[] = { 1, 0 };
  g_autofree char *before = NULL, *merged = NULL, *removed = NULL, *cleared = NULL;

  syn_aggregate_class_register (&klass, &error);
  g_assert_no_error (error);
  aggregate = test_aggregate_new ("middle(m)");
  part = test_aggregate_new ("middle(m)");
  syn_aggregate_update (aggregate, arguments, NULL, events, rows, 6);
  before = test_aggregate_results (aggregate, 3);
  g_assert_cmpstr (before, ==, "3.00 9.00 -");
  syn_aggregate_reserve (part, 50);
  syn_aggregate_update (part, arguments, NULL, events, more, 6);
  syn_aggregate_merge (aggregate, part, (const guint32[]) { 0, 40 }, back, 2);
  merged = test_aggregate_results (aggregate, 3);
  g_assert_cmpstr (merged, ==, "5.00 3.00 -");
  syn_aggregate_remove (aggregate, 0, 1);
  removed = test_aggregate_results (aggregate, 2);
  g_assert_cmpstr (removed, ==, "3.00 -");
  g_assert_false (syn_aggregate_save (aggregate, 2, bytes, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, "the aggregate middle() cannot be saved: its states own memory");
  syn_aggregate_clear (aggregate, events, 1);
  syn_aggregate_update (aggregate, arguments, NULL, events, (const guint32[]) { 1 }, 1);
  cleared = test_aggregate_results (aggregate, 2);
  g_assert_cmpstr (cleared, ==, "- 5.00");
}

static void
register_text (void)
{
  static const SynAggregateClass klass = CLASS ();
  static SynAggregateClass text;
  g_autoptr (GError) error = NULL;

  text = klass;
  text.name = "geotext";
  syn_aggregate_class_register (&text, &error);
  g_assert_no_error (error);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  test_register_geomean ();
  register_text ();
  g_test_add_func ("/aggregate-class/projection", test_projection);
  g_test_add_func ("/aggregate-class/errors", test_errors);
  g_test_add_func ("/aggregate-class/refused", test_refused);
  g_test_add_func ("/aggregate-class/owned", test_owned);
  return g_test_run ();
}
