/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "projection-fixture.h"
#include "syn-table.h"

#define MAX_ROWS 1000
#define MAX_TEXT (1 << 20)

/* A projection is given by what follows its "from" in the catalog. */
#define CATALOG(projection)                                                                                             \
  "{\"sources\":[{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\","         \
  "\"size\":\"int64\",\"time\":\"timestamp\"}}],\"projections\":[{\"name\":\"p\",\"from\":\"trades\"," projection "}]}"

typedef struct {
  SynCatalog *catalog;
  const SynProjectionSpec *spec;
  SynTable *table;
  SynTableCounts counts;
  guint64 next_sequence;
} Fixture;

static void
fixture_init (Fixture *self, const char *json, guint max_rows)
{
  memset (self, 0, sizeof *self);
  self->catalog = test_catalog (json);
  self->spec = syn_catalog_get_projection (self->catalog, 0);
  self->table = syn_table_new (self->spec, max_rows, MAX_TEXT);
  self->next_sequence = 1;
}

static void
fixture_clear (Fixture *self)
{
  syn_table_free (self->table);
  syn_catalog_unref (self->catalog);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Fixture, fixture_clear)

static void
apply (Fixture *self, const char *events)
{
  g_autoptr (SynEventBatch) batch = test_batch (self->spec->inputs[0].source, self->next_sequence, events);

  self->next_sequence += syn_event_batch_get_n_events (batch);
  syn_table_apply (self->table, batch, &self->counts);
}

static char *
csv (Fixture *self)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot =
      syn_table_make_snapshot (self->table, (ReplicaToken) { 1, self->next_sequence }, 5, &error);

  g_assert_no_error (error);
  return test_csv (snapshot);
}

/* Events, a batch per entry, and the picture after all of them. */
static const struct {
  const char *name, *catalog;
  const char *batches[4];
  const char *expected;
  SynTableCounts counts;
} cases[] = {
  { "quotes",
    CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"last\":\"last(price)\",\"volume\":\"sum(size)\",\"notional\":\"sum(price*size)\","
             "\"vwap\":\"notional/volume\",\"open\":\"first(price)\",\"change\":\"last/open-1\",\"n\":\"count()\"}"),
    { "A 1.5 10 0\nB 2.25 4 0\nA 2 30 0", "- 1 1 0\nA 3 20 0" },
    "symbol,last,volume,notional,vwap,open,change,n\n"
    "A,3.0000,60,135.0000,2.25,1.5000,1,3\nB,2.2500,4,9.0000,2.25,2.2500,0,1\n,1.0000,1,1.0000,1,1.0000,0,1\n",
    { .applied = 5 } },
  { "nulls",
    CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"last\":\"last(price)\",\"low\":\"min(price)\",\"high\":\"max(price)\","
             "\"sum\":\"sum(size)\",\"mean\":\"mean(price)\",\"n\":\"count()\",\"priced\":\"count(price)\"}"),
    { "A - - -\nB 1 - -\nB - 2 -", "B 0.5 - -" },
    "symbol,last,low,high,sum,mean,n,priced\nA,,,,,,1,0\nB,0.5000,0.5000,1.0000,2,0.75,3,2\n",
    { .applied = 4 } },
  { "spread and average",
    CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"sd\":\"stddev(price)\",\"var\":\"variance(size)\",\"vwap\":\"vwap(price, size)\","
             "\"sizes\":\"distinct(size)\",\"big\":\"any(size > 25)\",\"up\":\"all(price > 1)\"}"),
    { "A 2 10 0\nA 4 30 0\nB 1 5 0", "A - 10 0\nA - 7 0\nA 6 - 0" },
    "symbol,sd,var,vwap,sizes,big,up\nA,2,112.25,3.5,3,true,true\nB,,,1,1,false,false\n",
    { .applied = 6 } },
  { "by time",
    CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"open\":\"first(price, time)\",\"close\":\"last(price, time)\",\"arrived\":\"last(price)\","
             "\"rate\":\"rate(size, \\\"1s\\\", time)\",\"smooth\":\"ewma(price, \\\"1s\\\", time)\"}"),
    /* Out of order; equal times go by arrival. */
    { "A 2 10 2000000\nA 5 30 3000000\nB 1 5 1500000", "A 1 40 1000000\nA 6 20 3000000\nA 9 99 -" },
    "symbol,open,close,arrived,rate,smooth\nA,1.0000,6.0000,9.0000,60,4.454545454545454\nB,1.0000,1.0000,1.0000,0,1\n",
    { .applied = 6 } },
  { "rate of a window",
    CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\"},\"columns\":{\"n\":\"rate(\\\"10s\\\")\"}"),
    { "A 1 1 50000000\nA 1 1 55000000\nA 1 1 59000000\nA 1 1 65000000" },
    "symbol,time,n\nA,1970-01-01T00:00:00Z,0.3\nA,1970-01-01T00:01:00Z,0.1\n",
    { .applied = 4 } },
  { "overflow",
    CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"sum\":\"sum(size)\",\"exact\":\"sum(price)\",\"twice\":\"sum*2\"}"),
    { "A 922337203685477.5807 9223372036854775807 0\nA 922337203685477.5807 1 0\nB 1 4611686018427387904 0" },
    "symbol,sum,exact,twice\nA,,1844674407370955.1614,\nB,4611686018427387904,1.0000,\n",
    { .applied = 3 } },
  { "where",
    CATALOG ("\"key\":[\"symbol\"],\"where\":\"size > 5 and symbol != \\\"C\\\"\",\"columns\":{\"n\":\"count()\",\"volume\":\"sum(size)\"}"),
    { "A 1 10 0\nA 1 5 0\nB 1 - 0\nC 1 9 0", "B 1 6 0" },
    "symbol,n,volume\nA,1,10\nB,1,6\n",
    { .applied = 2 } },
  { "no rows", CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\",\"twice\":\"n*2\",\"s\":\"last(symbol)\"}"), { NULL },
    "symbol,n,twice,s\n", { 0 } },
  { "strings", CATALOG ("\"key\":[\"size\"],\"columns\":{\"a\":\"first(symbol)\",\"z\":\"max(symbol)\"}"),
    { "x 1 1 0\ny 1 2 0", "b 1 1 0\nz 1 - 0" }, "size,a,z\n1,x,x\n2,y,y\n,z,z\n", { .applied = 4 } },
  { "windows",
    CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\"},\"columns\":{\"open\":\"first(price)\",\"n\":\"count()\"}"),
    /* Out of order, on the edges, before 1970. */
    { "A 1 1 59999999\nA 2 1 60000000\nB 3 1 0\nA 4 1 -1\nA 5 1 -60000000\nA 6 1 -60000001", "A 7 1 1" },
    "symbol,time,open,n\nA,1970-01-01T00:00:00Z,1.0000,2\nA,1970-01-01T00:01:00Z,2.0000,1\nB,1970-01-01T00:00:00Z,3.0000,1\n"
    "A,1969-12-31T23:59:00Z,4.0000,2\nA,1969-12-31T23:58:00Z,6.0000,1\n",
    { .applied = 7 } },
  { "keep",
    CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"2m\"},\"columns\":{\"n\":\"count()\"}"),
    /* Minutes 0 1 2: with minute 2 the newest, 0 goes, and what comes for it later is late. */
    { "A 1 1 0\nA 1 1 60000000", "A 1 1 120000000\nA 1 1 30000000\nB 1 1 61000000", "A 1 1 -\nC 1 1 59999999\nB 1 1 119999999" },
    "symbol,time,n\nB,1970-01-01T00:01:00Z,2\nA,1970-01-01T00:01:00Z,1\nA,1970-01-01T00:02:00Z,1\n",
    { .applied = 5, .late = 2, .untimed = 1 } },
  { "jump", /* the newest bucket alone survives a jump ahead, also within one batch */
    CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"1m\"},\"columns\":{\"n\":\"count()\"}"),
    { "A 1 1 0\nB 1 1 0\nA 1 1 60000000\nA 1 1 6000000000\nB 1 1 60000000" }, "symbol,time,n\nA,1970-01-01T01:40:00Z,1\n",
    { .applied = 4, .late = 1 } },
  { "no bucket", /* times whose bucket's start is below what 64 bits can say */
    CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"1m\"},\"columns\":{\"n\":\"count()\"}"),
    { "A 1 1 -9223372036854775808\nA 1 1 0" }, "symbol,time,n\nA,1970-01-01T00:00:00Z,1\n", { .applied = 1, .untimed = 1 } },
};

static void
test_cases (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Fixture) fixture;
      g_autofree char *found = NULL;

      g_test_message ("%s", cases[i].name);
      fixture_init (&fixture, cases[i].catalog, MAX_ROWS);
      for (guint j = 0; j < G_N_ELEMENTS (cases[i].batches) && cases[i].batches[j] != NULL; j++)
        apply (&fixture, cases[i].batches[j]);
      found = csv (&fixture);
      g_assert_cmpstr (found, ==, cases[i].expected);
      g_assert_cmpuint (fixture.counts.applied, ==, cases[i].counts.applied);
      g_assert_cmpuint (fixture.counts.late, ==, cases[i].counts.late);
      g_assert_cmpuint (fixture.counts.untimed, ==, cases[i].counts.untimed);
      g_assert_cmpuint (fixture.counts.dropped, ==, cases[i].counts.dropped);
    }
}

static void
test_row_limit (void)
{
  g_auto (Fixture) fixture;
  g_autofree char *found = NULL;

  fixture_init (&fixture, CATALOG ("\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\"}"), 2);
  apply (&fixture, "A 1 1 0\nB 1 1 0\nC 1 1 0\nA 1 1 0\nC 1 1 0\n- 1 1 0");
  found = csv (&fixture);
  g_assert_cmpstr (found, ==, "symbol,n\nA,2\nB,1\n");
  g_assert_cmpuint (fixture.counts.applied, ==, 3);
  g_assert_cmpuint (fixture.counts.dropped, ==, 3);
}

/* Buckets that go make room again. */
static void
test_row_limit_windows (void)
{
  g_auto (Fixture) fixture;
  g_autofree char *found = NULL;

  fixture_init (&fixture,
                CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"1m\"},\"columns\":{\"n\":\"count()\"}"), 2);
  apply (&fixture, "A 1 1 0\nA 1 1 60000000");
  apply (&fixture, "B 1 1 60000000\nB 1 1 119999999\nC 1 1 60000000");
  found = csv (&fixture);
  g_assert_cmpstr (found, ==, "symbol,time,n\nA,1970-01-01T00:01:00Z,1\nB,1970-01-01T00:01:00Z,2\n");
  g_assert_cmpuint (fixture.counts.dropped, ==, 1);
}

static void
test_snapshot (void)
{
  g_auto (Fixture) fixture;
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) first = NULL;
  g_autoptr (ReplicaSnapshot) second = NULL;
  const ReplicaColumn *column;
  guint64 sequence;

  fixture_init (&fixture,
                CATALOG ("\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\"},\"columns\":{\"total\":\"sum(price)\",\"b\":\"total+a\","
                         "\"a\":\"total*2\"}"),
                MAX_ROWS);
  first = syn_table_make_snapshot (fixture.table, (ReplicaToken) { 7, 1 }, 11, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (replica_snapshot_get_n_rows (first), ==, 0);
  g_assert_cmpstr (replica_snapshot_get_frontier (first, 0, &sequence), ==, "trades");
  g_assert_cmpuint (sequence, ==, 0);

  apply (&fixture, "A 1 1 0\nA 2.5 1 1\nB 1 1 -");
  second = syn_table_make_snapshot (fixture.table, (ReplicaToken) { 7, 2 }, 12, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (replica_snapshot_get_path (second), ==, "p");
  g_assert_cmpuint (replica_snapshot_get_token (second).epoch, ==, 7);
  g_assert_cmpuint (replica_snapshot_get_token (second).serial, ==, 2);
  g_assert_cmpint (replica_snapshot_get_time_us (second), ==, 12);
  g_assert_cmpuint (replica_snapshot_get_n_frontier (second), ==, 1);
  replica_snapshot_get_frontier (second, 0, &sequence);
  g_assert_cmpuint (sequence, ==, 3);
  g_assert_true (replica_snapshot_get_column (second, 0)->is_key);
  g_assert_true (replica_snapshot_get_column (second, 1)->is_key);
  g_assert_cmpstr (replica_snapshot_get_column (second, 1)->name, ==, "time");
  column = replica_snapshot_get_column (second, 3);
  g_assert_false (column->is_key);
  g_assert_cmpstr (column->name, ==, "b");
  g_assert_cmpint (column->type, ==, REPLICA_TYPE_DECIMAL);
  g_assert_cmpint ((gint64) replica_column_get_int128 (column, 0), ==, 105000);
  /* The first one is as it was. */
  g_assert_cmpuint (replica_snapshot_get_n_rows (first), ==, 0);
}

/* Text that changes all the time: the snapshot has no more of it than is shown. */
static void
test_text_churn (void)
{
  g_auto (Fixture) fixture;
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  gsize size;

  fixture_init (&fixture, CATALOG ("\"key\":[\"size\"],\"columns\":{\"s\":\"last(symbol)\"}"), MAX_ROWS);
  for (guint i = 0; i < 300; i++)
    {
      g_autoptr (GString) events = g_string_new (NULL);

      for (guint j = 0; j < 20; j++)
        g_string_append_printf (events, "%sa-rather-long-text-%u 1 %u 0", j > 0 ? "\n" : "", i * 20 + j, j % 10);
      apply (&fixture, events->str);
    }
  snapshot = syn_table_make_snapshot (fixture.table, (ReplicaToken) { 1, 1 }, 0, &error);
  g_assert_no_error (error);
  g_bytes_get_data (replica_snapshot_get_bytes (snapshot), &size);
  g_assert_cmpuint (size, <, 2048);
}

/* ---- against a reference that is as simple as can be ---- */

#define EVERY 60000000
#define KEEP (5 * (gint64) EVERY)

typedef struct {
  char *symbol; /* NULL: null */
  gint64 start;
  gint64 n, sum_price, volume;
  gint64 first, last, low, high;
  gboolean priced, sized;
} Row;

static void
row_free (gpointer data)
{
  Row *row = data;

  g_free (row->symbol);
  g_free (row);
}

static Row *
reference_row (GPtrArray *rows, const char *symbol, gint64 start)
{
  Row *row;

  for (guint i = 0; i < rows->len; i++)
    {
      row = g_ptr_array_index (rows, i);
      if (g_strcmp0 (row->symbol, symbol) == 0 && row->start == start)
        return row;
    }
  row = g_new0 (Row, 1);
  row->symbol = g_strdup (symbol);
  row->start = start;
  g_ptr_array_add (rows, row);
  return row;
}

static void
reference_add (Row *row, gboolean priced, gint64 price, gboolean sized, gint64 size)
{
  row->n++;
  if (sized)
    row->volume += size;
  row->sized |= sized;
  if (!priced)
    return;
  row->sum_price += price;
  row->first = row->priced ? row->first : price;
  row->last = price;
  row->low = row->priced ? MIN (row->low, price) : price;
  row->high = row->priced ? MAX (row->high, price) : price;
  row->priced = TRUE;
}

/* Several sources, whose fields differ in number and order: the rows are of all of them, the frontier is of each. */
static void
test_inputs (void)
{
  static const char json[] =
      "{\"sources\":[{\"name\":\"nyse\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"price\":\"decimal(4)\",\"lot\":\"int64\"}},"
      "{\"name\":\"lse\",\"kind\":\"http\",\"fields\":{\"isin\":\"string\",\"price\":\"decimal(4)\",\"symbol\":\"string\",\"lot\":\"double\"}}],"
      "\"projections\":[{\"name\":\"p\",\"from\":[\"nyse\",\"lse\"],\"key\":[\"symbol\"],\"where\":\"price > 1\","
      "\"columns\":{\"n\":\"count()\",\"last\":\"last(price)\"}}]}";
  g_autoptr (SynCatalog) catalog = test_catalog (json);
  const SynProjectionSpec *spec = syn_catalog_get_projection (catalog, 0);
  g_autoptr (SynTable) table = syn_table_new (spec, MAX_ROWS, MAX_TEXT);
  g_autoptr (SynEventBatch) first = test_batch (syn_catalog_find_source (catalog, "nyse"), 1, "A 2 7\nB 3 7\nA 1 1");
  g_autoptr (SynEventBatch) second = test_batch (syn_catalog_find_source (catalog, "lse"), 41, "X1 5 C 0.5\nX2 6 A 0.5\nX3 0.5 B -");
  g_autoptr (SynEventBatch) third = test_batch (syn_catalog_find_source (catalog, "nyse"), 4, "B 9 7");
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autofree char *found = NULL;
  SynTableCounts counts = { 0 };
  guint64 sequence;

  g_assert_cmpuint (spec->n_inputs, ==, 2);
  g_assert_cmpstr (spec->inputs[0].source->name, ==, "lse"); /* by name */
  g_assert_cmpuint (spec->fields->n_columns, ==, 2);
  syn_table_apply (table, first, &counts);
  syn_table_apply (table, second, &counts);
  syn_table_apply (table, third, &counts);
  g_assert_cmpuint (counts.applied, ==, 5);
  snapshot = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 5, NULL);
  found = test_csv (snapshot);
  g_assert_cmpstr (found, ==, "symbol,n,last\nA,2,6.0000\nB,2,9.0000\nC,1,5.0000\n");
  g_assert_cmpuint (replica_snapshot_get_n_frontier (snapshot), ==, 2);
  g_assert_cmpstr (replica_snapshot_get_frontier (snapshot, 0, &sequence), ==, "lse");
  g_assert_cmpuint (sequence, ==, 43);
  g_assert_cmpstr (replica_snapshot_get_frontier (snapshot, 1, &sequence), ==, "nyse");
  g_assert_cmpuint (sequence, ==, 4);
}

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static char *
cell (const ReplicaColumn *column, guint row)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  if (replica_column_is_null (column, row))
    return g_strdup ("-");
  if (column->type == REPLICA_TYPE_STRING)
    return g_strdup (replica_column_get_string (column, row, &length));
  if (column->type == REPLICA_TYPE_DOUBLE)
    return g_strdup (replica_column_format (column, row, buffer, &length));
  return g_strdup_printf ("%" G_GINT64_FORMAT, (gint64) replica_column_get_int128 (column, row));
}

/* The rows of a snapshot as lines in order of their text: rows have no order of their own. */
static char *
sorted_cells (ReplicaSnapshot *snapshot)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (guint row = 0; row < replica_snapshot_get_n_rows (snapshot); row++)
    {
      g_autoptr (GString) line = g_string_new (NULL);

      for (guint i = 0; i < replica_snapshot_get_n_columns (snapshot); i++)
        {
          g_autofree char *text = cell (replica_snapshot_get_column (snapshot, i), row);

          g_string_append_printf (line, "%s ", text);
        }
      g_ptr_array_add (lines, g_string_free (g_steal_pointer (&line), FALSE));
    }
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (char **) lines->pdata);
}

static char *
reference_text (GPtrArray *rows, gboolean windowed)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = g_ptr_array_index (rows, i);
      g_autoptr (GString) line = g_string_new (row->symbol != NULL ? row->symbol : "-");

      if (windowed)
        g_string_append_printf (line, " %" G_GINT64_FORMAT, row->start);
      g_string_append_printf (line, " %" G_GINT64_FORMAT, row->n);
      if (row->sized)
        g_string_append_printf (line, " %" G_GINT64_FORMAT, row->volume);
      else
        g_string_append (line, " -");
      if (row->priced)
        g_string_append_printf (line, " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                                      " %" G_GINT64_FORMAT " ",
                                row->sum_price, row->first, row->last, row->low, row->high);
      else
        g_string_append (line, " - - - - - ");
      g_ptr_array_add (lines, g_string_free (g_steal_pointer (&line), FALSE));
    }
  g_ptr_array_sort (lines, compare_lines);
  g_ptr_array_add (lines, NULL);
  return g_strjoinv ("\n", (char **) lines->pdata);
}

static void
run_random (guint seed, gboolean windowed)
{
#define COLUMNS                                                                                                          \
  "\"columns\":{\"n\":\"count()\",\"volume\":\"sum(size)\",\"total\":\"sum(price)\",\"first\":\"first(price)\","             \
  "\"last\":\"last(price)\",\"low\":\"min(price)\",\"high\":\"max(price)\"}"
  static const char plain[] = CATALOG ("\"key\":[\"symbol\"],\"where\":\"size != 13\"," COLUMNS);
  static const char windows[] = CATALOG (
      "\"key\":[\"symbol\"],\"where\":\"size != 13\",\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"5m\"}," COLUMNS);
  g_auto (Fixture) fixture;
  g_autoptr (GRand) rand = g_rand_new_with_seed (seed);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func (row_free);
  guint64 late = 0, untimed = 0, applied = 0;
  gint64 newest = G_MININT64, now = -20 * (gint64) EVERY;

  fixture_init (&fixture, windowed ? windows : plain, 100000);
  for (guint b = 0; b < 25; b++)
    {
      g_autoptr (GString) events = g_string_new (NULL);
      g_autoptr (ReplicaSnapshot) snapshot = NULL;
      g_autofree char *found = NULL;
      g_autofree char *expected = NULL;

      for (gint n = g_rand_int_range (rand, 1, 60); n > 0; n--)
        {
          g_autofree char *symbol = g_strdup_printf ("S%d", g_rand_int_range (rand, 0, 12));
          gboolean named = g_rand_int_range (rand, 0, 10) > 0;
          gboolean priced = g_rand_int_range (rand, 0, 8) > 0;
          gboolean sized = g_rand_int_range (rand, 0, 8) > 0;
          gboolean timed = g_rand_int_range (rand, 0, 15) > 0;
          gint64 price = g_rand_int_range (rand, -1000, 1000);
          gint64 size = g_rand_int_range (rand, 0, 20);
          gint64 time, start = 0;

          now += g_rand_int_range (rand, 0, EVERY / 4);
          time = now - (g_rand_int_range (rand, 0, 4) == 0 ? g_rand_int_range (rand, 0, 8) * (gint64) EVERY : 0);
          if (g_rand_int_range (rand, 0, 200) == 0)
            now += 20 * (gint64) EVERY;
          g_string_append_printf (events, "%s", events->len > 0 ? "\n" : "");
          g_string_append_printf (events, "%s ", named ? symbol : "-");
          if (priced)
            g_string_append_printf (events, "%" G_GINT64_FORMAT "e-4 ", price);
          else
            g_string_append (events, "- ");
          if (sized)
            g_string_append_printf (events, "%" G_GINT64_FORMAT " ", size);
          else
            g_string_append (events, "- ");
          if (timed)
            g_string_append_printf (events, "%" G_GINT64_FORMAT, time);
          else
            g_string_append (events, "-");

          /* The reference: what `where` leaves is what is known to be true. */
          if (!sized || size == 13)
            continue;
          if (windowed)
            {
              if (!timed)
                {
                  untimed++;
                  continue;
                }
              start = time / EVERY * EVERY;
              if (start > time)
                start -= EVERY;
              if (newest != G_MININT64 && start <= newest - KEEP)
                {
                  late++;
                  continue;
                }
              newest = MAX (newest, start);
            }
          applied++;
          reference_add (reference_row (rows, named ? symbol : NULL, start), priced, price, sized, size);
          for (guint i = rows->len; windowed && i-- > 0;)
            if (((Row *) g_ptr_array_index (rows, i))->start <= newest - KEEP)
              g_ptr_array_remove_index (rows, i);
        }
      apply (&fixture, events->str);
      snapshot = syn_table_make_snapshot (fixture.table, (ReplicaToken) { 1, b + 1 }, 0, NULL);
      found = sorted_cells (snapshot);
      expected = reference_text (rows, windowed);
      g_assert_cmpstr (found, ==, expected);
      g_assert_cmpuint (fixture.counts.applied, ==, applied);
      g_assert_cmpuint (fixture.counts.late, ==, late);
      g_assert_cmpuint (fixture.counts.untimed, ==, untimed);
    }
}

static void
test_random (void)
{
  for (guint seed = 0; seed < 12; seed++)
    run_random (seed, seed % 2 != 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/table/cases", test_cases);
  g_test_add_func ("/table/row-limit", test_row_limit);
  g_test_add_func ("/table/row-limit-windows", test_row_limit_windows);
  g_test_add_func ("/table/snapshot", test_snapshot);
  g_test_add_func ("/table/text-churn", test_text_churn);
  g_test_add_func ("/table/inputs", test_inputs);
  g_test_add_func ("/table/random", test_random);
  return g_test_run ();
}
