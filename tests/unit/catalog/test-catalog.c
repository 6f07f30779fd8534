/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the catalog makes of what it accepts. */
#include "syn-builtin-fields.h"
#include "syn-catalog.h"
#include "syn-error.h"
#include "syn-limits.h"

#include <glib/gstdio.h>
#include <string.h>

#define TRADES \
  "{\"name\":\"trades\",\"kind\":\"http\",\"fields\":{\"symbol\":\"string\",\"venue\":\"string\",\"price\":\"decimal(4)\",\"size\":\"int64\"," \
  "\"weight\":\"double\",\"firm\":\"bool\",\"time\":\"timestamp\"}}"

static SynCatalog *
parse (const char *json)
{
  g_autoptr (GError) error = NULL;
  SynCatalog *catalog = syn_catalog_parse ("test.json", "/srv/synoptic", json, -1, &error);

  g_assert_no_error (error);
  return catalog;
}

static SynCatalog *
parse_projection (const char *members)
{
  g_autofree char *json = g_strdup_printf ("{\"sources\":[" TRADES "],\"projections\":[{\"name\":\"p\",\"from\":\"trades\",%s}]}", members);

  return parse (json);
}

static char *
describe_schema (const SynSchema *schema)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < schema->n_columns; i++)
    {
      g_autofree char *type = syn_column_spec_type_to_string (&schema->columns[i]);
      g_string_append_printf (text, "%s%s%s %s", i > 0 ? ", " : "", schema->columns[i].is_key ? "*" : "", schema->columns[i].name, type);
    }
  return g_string_free (text, FALSE);
}

static void
assert_schema (const SynSchema *schema, const char *expected)
{
  g_autofree char *text = describe_schema (schema);

  g_assert_cmpstr (text, ==, expected);
}

static void
test_empty (void)
{
  g_autoptr (SynCatalog) catalog = parse ("{}");
  g_autoptr (SynCatalog) again = syn_catalog_ref (catalog);
  gsize length;

  g_assert_cmpuint (syn_catalog_get_n_sources (again), ==, 0);
  g_assert_cmpuint (syn_catalog_get_n_projections (again), ==, 0);
  g_assert_cmpuint (syn_catalog_get_n_screens (again), ==, 0);
  g_assert_cmpstr (syn_catalog_get_screens_json (again, &length), ==, "{\"screens\":[]}");
  g_assert_cmpuint (length, ==, strlen ("{\"screens\":[]}"));
  g_assert_null (syn_catalog_find_source (again, "trades"));
  g_assert_null (syn_catalog_find_projection (again, "p"));
}

static void
test_fields (void)
{
  g_autoptr (SynCatalog) catalog = parse (
    "{\"sources\":[{\"name\":\"ticks\",\"kind\":\"http\",\"durable\":false,\"fields\":{"
    "\"at\":{\"type\":\"timestamp\",\"unit\":\"ms\",\"epoch\":\"2014-05-01T05:00:00Z\",\"column\":\"time_ms\"},"
    "\"late\":{\"type\":\"timestamp\",\"unit\":\"ns\",\"column\":\"time_ms\"},\"bid\":\"decimal(5)\",\"user agent\":{\"type\":\"string\"},"
    "\"plain\":\"timestamp\"}}]}");
  const SynSourceSpec *source = syn_catalog_find_source (catalog, "ticks");

  g_assert_true (source == syn_catalog_get_source (catalog, 0));
  g_assert_cmpint (source->kind, ==, SYN_SOURCE_HTTP);
  g_assert_cmpstr (source->name, ==, "ticks");
  g_assert_cmpint (source->time_field, ==, -1);
  g_assert_cmpuint (source->n_fields, ==, 5);
  assert_schema (source->schema, "at timestamp, late timestamp, bid decimal(5), user agent string, plain timestamp");
  g_assert_cmpstr (source->fields[0].name, ==, "at");
  g_assert_cmpstr (source->fields[0].column, ==, "time_ms");
  g_assert_cmpint (source->fields[0].unit_us_num, ==, 1000);
  g_assert_cmpint (source->fields[0].unit_us_den, ==, 1);
  g_assert_cmpint (source->fields[0].epoch_us, ==, G_GINT64_CONSTANT (1398920400000000));
  g_assert_cmpstr (source->fields[1].column, ==, "time_ms");
  g_assert_cmpint (source->fields[1].unit_us_num, ==, 1);
  g_assert_cmpint (source->fields[1].unit_us_den, ==, 1000);
  g_assert_cmpint (source->fields[1].epoch_us, ==, 0);
  g_assert_cmpint (source->fields[2].type, ==, REPLICA_TYPE_DECIMAL);
  g_assert_cmpint (source->fields[2].scale, ==, 5);
  g_assert_cmpstr (source->fields[2].column, ==, "bid");
  g_assert_cmpint (source->fields[4].unit_us_num, ==, 0);
}

static void
test_retain (void)
{
  static const struct {
    const char *retain;
    SynRetainKind kind;
    gint64 age_us;
    guint64 bytes;
  } cases[] = {
    { "", SYN_RETAIN_DEFAULT, 0, 0 },
    { ",\"retain\":\"all\"", SYN_RETAIN_ALL, 0, 0 },
    { ",\"retain\":\"needed\"", SYN_RETAIN_NEEDED, 0, 0 },
    { ",\"retain\":{\"age\":\"2h\"}", SYN_RETAIN_LIMITS, G_GINT64_CONSTANT (7200000000), 0 },
    { ",\"retain\":{\"mb\":512,\"age\":\"1d\"}", SYN_RETAIN_LIMITS, G_GINT64_CONSTANT (86400000000), 512u << 20 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *text
        = g_strdup_printf ("{\"sources\":[{\"name\":\"s\",\"kind\":\"http\",\"durable\":true,\"fields\":{\"a\":\"int64\"}%s}]}", cases[i].retain);
      g_autoptr (SynCatalog) catalog = parse (text);
      const SynSourceSpec *source = syn_catalog_get_source (catalog, 0);

      g_assert_cmpint (source->retain, ==, cases[i].kind);
      g_assert_cmpint (source->retain_age_us, ==, cases[i].age_us);
      g_assert_cmpuint (source->retain_bytes, ==, cases[i].bytes);
    }
}

static void
test_file (void)
{
  static const struct {
    const char *members;
    const char *path;
    SynFileFormat format;
    gboolean follow;
    double speed;
    int time_field;
  } cases[] = {
    { "\"path\":\"a.csv\"", "/srv/synoptic/a.csv", SYN_FILE_CSV, FALSE, 0, -1 },
    { "\"path\":\"../x/a.csv.zst\"", "/srv/x/a.csv.zst", SYN_FILE_CSV, FALSE, 0, -1 },
    { "\"path\":\"/data/a.ndjson\"", "/data/a.ndjson", SYN_FILE_NDJSON, FALSE, 0, -1 },
    { "\"path\":\"a.jsonl.zst\"", "/srv/synoptic/a.jsonl.zst", SYN_FILE_NDJSON, FALSE, 0, -1 },
    { "\"path\":\"a.log\",\"format\":\"ndjson\",\"follow\":true", "/srv/synoptic/a.log", SYN_FILE_NDJSON, TRUE, 0, -1 },
    { "\"path\":\"a.log\",\"format\":\"csv\",\"speed\":\"max\"", "/srv/synoptic/a.log", SYN_FILE_CSV, FALSE, 0, -1 },
    { "\"path\":\"a.csv\",\"speed\":2.5,\"time\":\"t\"", "/srv/synoptic/a.csv", SYN_FILE_CSV, FALSE, 2.5, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *json = g_strdup_printf (
        "{\"sources\":[{\"name\":\"f\",\"kind\":\"file\",\"fields\":{\"x\":\"int64\",\"t\":\"timestamp\"},%s}]}", cases[i].members);
      g_autoptr (SynCatalog) catalog = parse (json);
      const SynSourceSpec *source = syn_catalog_find_source (catalog, "f");

      g_assert_cmpint (source->kind, ==, SYN_SOURCE_FILE);
      g_assert_cmpstr (source->path, ==, cases[i].path);
      g_assert_cmpint (source->format, ==, cases[i].format);
      g_assert_cmpint (source->follow, ==, cases[i].follow);
      g_assert_cmpfloat (source->speed, ==, cases[i].speed);
      g_assert_cmpint (source->time_field, ==, cases[i].time_field);
      g_assert_null (source->columns);
    }
}

static void
test_file_columns (void)
{
  g_autoptr (SynCatalog) catalog = parse (
    "{\"sources\":[{\"name\":\"f\",\"kind\":\"file\",\"path\":\"t.csv\",\"columns\":[\"ms\",\"\",\"bid\",\"\",\"ask\"],"
    "\"fields\":{\"bid\":\"decimal(5)\",\"time\":{\"type\":\"timestamp\",\"unit\":\"ms\",\"column\":\"ms\"}}}]}");
  const SynSourceSpec *source = syn_catalog_find_source (catalog, "f");

  g_assert_cmpuint (g_strv_length (source->columns), ==, 5);
  g_assert_cmpstr (source->columns[0], ==, "ms");
  g_assert_cmpstr (source->columns[1], ==, "");
  g_assert_cmpstr (source->columns[4], ==, "ask");
}

static void
test_simulator (void)
{
  g_autoptr (SynCatalog) catalog = parse (
    "{\"sources\":[{\"name\":\"a\",\"kind\":\"simulator\"},"
    "{\"name\":\"b\",\"kind\":\"simulator\",\"instruments\":10,\"rate\":100000,\"seed\":9223372036854775807,\"burst\":1.5,\"limit\":1000,"
    "\"speed\":\"max\",\"start\":\"2014-05-01T05:00:00Z\",\"fields\":{\"price\":\"decimal(4)\",\"symbol\":\"string\"}}]}");
  const SynSourceSpec *a = syn_catalog_find_source (catalog, "a"), *b = syn_catalog_find_source (catalog, "b");

  assert_schema (a->schema, "symbol string, venue string, price decimal(4), size int64, side string, time timestamp");
  assert_schema (b->schema, "symbol string, venue string, price decimal(4), size int64, side string, time timestamp");
  g_assert_cmpuint (a->n_fields, ==, SYN_SIMULATOR_N_FIELDS);
  g_assert_cmpint (a->time_field, ==, SYN_SIMULATOR_TIME);
  g_assert_cmpuint (a->instruments, ==, 2000);
  g_assert_cmpuint (a->rate, ==, 10000);
  g_assert_cmpuint (a->seed, ==, 1);
  g_assert_cmpfloat (a->burst, ==, 5);
  g_assert_cmpuint (a->limit, ==, 0);
  g_assert_cmpfloat (a->speed, ==, 1);
  g_assert_cmpint (a->start_us, ==, 0);
  g_assert_cmpuint (b->instruments, ==, 10);
  g_assert_cmpuint (b->rate, ==, 100000);
  g_assert_cmpuint (b->seed, ==, G_MAXINT64);
  g_assert_cmpfloat (b->burst, ==, 1.5);
  g_assert_cmpuint (b->limit, ==, 1000);
  g_assert_cmpfloat (b->speed, ==, 0);
  g_assert_cmpint (b->start_us, ==, G_GINT64_CONSTANT (1398920400000000));
}

static void
test_host (void)
{
  static const struct {
    const char *table, *schema;
  } cases[] = {
    { "cpu", "cpu string, user double, system double, iowait double, idle double, busy double, time timestamp" },
    { "memory", "name string, total int64, used int64, available int64, cached int64, time timestamp" },
    { "disk", "device string, read_bytes int64, written_bytes int64, reads double, writes double, busy double, time timestamp" },
    { "network", "interface string, rx_bytes int64, tx_bytes int64, rx_packets double, tx_packets double, errors int64, time timestamp" },
    { "process", "slot int64, pid int64, name string, user string, cpu double, memory int64, state string, time timestamp" },
    { "load", "name string, value double, time timestamp" },
  };
  g_autoptr (SynCatalog) more = parse (
    "{\"sources\":[{\"name\":\"h\",\"kind\":\"host\",\"table\":\"process\",\"interval_ms\":250,\"processes\":7}]}");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *json = g_strdup_printf ("{\"sources\":[{\"name\":\"h\",\"kind\":\"host\",\"table\":\"%s\"}]}", cases[i].table);
      g_autoptr (SynCatalog) catalog = parse (json);
      const SynSourceSpec *source = syn_catalog_find_source (catalog, "h");

      g_assert_cmpint (source->kind, ==, SYN_SOURCE_HOST);
      g_assert_cmpstr (source->host_table, ==, cases[i].table);
      assert_schema (source->schema, cases[i].schema);
      g_assert_cmpuint (source->interval_ms, ==, 1000);
      g_assert_cmpuint (source->processes, ==, 20);
      g_assert_cmpuint (source->time_field, ==, source->n_fields - 1);
    }
  g_assert_cmpuint (syn_catalog_find_source (more, "h")->interval_ms, ==, 250);
  g_assert_cmpuint (syn_catalog_find_source (more, "h")->processes, ==, 7);
}

static void
test_columns (void)
{
  g_autoptr (SynCatalog) catalog = parse_projection (
    "\"key\":[\"symbol\"],\"columns\":{\"change\":\"last/open-1\",\"last\":\"last(price)\",\"open\":\"first(price)\","
    "\"notional\":\"sum(price*size)\",\"volume\":\"sum( size )\",\"vwap\":\"notional/volume\",\"again\":\"sum(price * size) / sum(size)\","
    "\"n\":\"count()\",\"sized\":\"count(size)\",\"label\":\"upper(symbol)\",\"hot\":\"last > open and n > 10\",\"mid\":\"mean(price)\","
    "\"w\":\"sum(weight)\",\"first venue\":\"min(venue)\",\"firm\":\"last(firm)\",\"at\":\"max(time)\"}");
  const SynProjectionSpec *p = syn_catalog_find_projection (catalog, "p");
  guint position[64];

  g_assert_true (p == syn_catalog_get_projection (catalog, 0));
  g_assert_cmpuint (p->n_inputs, ==, 1);
  g_assert_true (p->inputs[0].source == syn_catalog_find_source (catalog, "trades"));
  assert_schema (p->schema,
                 "*symbol string, change double, last decimal(4), open decimal(4), notional decimal(4), volume int64, vwap double, again double, "
                 "n int64, sized int64, label string, hot bool, mid double, w double, first venue string, firm bool, at timestamp");
  assert_schema (p->work,
                 "*symbol string, $0 decimal(4), $1 decimal(4), $2 decimal(4), $3 int64, $4 int64, $5 int64, $6 double, $7 double, $8 string, "
                 "$9 bool, $10 timestamp, change double, last decimal(4), open decimal(4), notional decimal(4), volume int64, vwap double, "
                 "again double, n int64, sized int64, label string, hot bool, mid double, w double, first venue string, firm bool, at timestamp");
  /* Equal aggregates are one: sum(price*size) and sum(size) stand twice. */
  g_assert_cmpuint (p->n_aggregates, ==, 11);
  g_assert_cmpint (p->aggregates[0].kind, ==, SYN_AGGREGATE_LAST);
  g_assert_cmpint (p->aggregates[1].kind, ==, SYN_AGGREGATE_FIRST);
  g_assert_cmpint (p->aggregates[2].kind, ==, SYN_AGGREGATE_SUM);
  g_assert_cmpint (p->aggregates[4].kind, ==, SYN_AGGREGATE_COUNT);
  g_assert_cmpuint (p->aggregates[4].n_args, ==, 0);
  g_assert_null (p->aggregates[4].args[0].program);
  g_assert_cmpuint (p->aggregates[5].n_args, ==, 1);
  g_assert_nonnull (p->aggregates[5].args[0].expr);
  g_assert_nonnull (p->aggregates[5].args[0].program);
  g_assert_cmpint (p->aggregates[6].kind, ==, SYN_AGGREGATE_MEAN);
  g_assert_cmpuint (p->n_outputs, ==, 16);
  g_assert_cmpstr (p->outputs[0].name, ==, "change");
  g_assert_cmpint (p->outputs[0].aggregate, ==, -1);
  g_assert_cmpint (p->outputs[1].aggregate, ==, 0);
  g_assert_cmpint (p->outputs[3].aggregate, ==, 2);
  g_assert_cmpint (p->outputs[6].aggregate, ==, -1);
  for (guint i = 0; i < p->n_outputs; i++)
    {
      g_assert_nonnull (p->outputs[i].program);
      position[p->order[i]] = i;
    }
  g_assert_cmpuint (position[0], >, position[1]); /* change after last and open */
  g_assert_cmpuint (position[0], >, position[2]);
  g_assert_cmpuint (position[5], >, position[3]); /* vwap after notional and volume */
  g_assert_cmpuint (position[5], >, position[4]);
  g_assert_cmpuint (p->min_interval_ms, ==, 1000);
  g_assert_cmpint (p->window_us, ==, 0);
  g_assert_null (p->where);
}

/* Values, periods and orders each find their place, and results their type. */
static void
test_aggregates (void)
{
  g_autoptr (SynCatalog) catalog = parse_projection (
    "\"key\":[\"symbol\"],\"columns\":{\"open\":\"first(price, time)\",\"sd\":\"stddev(price)\",\"var\":\"variance(size)\",\"vwap\":\"vwap(price, size)\","
    "\"n\":\"rate('1m')\",\"flow\":\"rate(size, '30s')\",\"timed\":\"rate('1s', time)\",\"all\":\"rate(size, '1s', time)\","
    "\"smooth\":\"ewma(price, '90s')\",\"venues\":\"distinct(venue)\",\"some\":\"any(size > 1)\",\"every\":\"all(firm)\"}");
  g_autoptr (SynCatalog) windows = parse_projection (
    "\"key\":[\"symbol\"],\"window\":{\"every\":\"1m\",\"on\":\"time\"},\"columns\":{\"n\":\"rate('1s')\"}");
  const SynProjectionSpec *p = syn_catalog_find_projection (catalog, "p");
  static const struct {
    SynAggregateKind kind;
    guint n_args;
    gboolean has_order, needs_order;
    gint64 period_us;
  } expected[] = {
    { SYN_AGGREGATE_FIRST, 2, TRUE, FALSE, 0 },          { SYN_AGGREGATE_STDDEV, 1, FALSE, FALSE, 0 },
    { SYN_AGGREGATE_VARIANCE, 1, FALSE, FALSE, 0 },      { SYN_AGGREGATE_VWAP, 2, FALSE, FALSE, 0 },
    { SYN_AGGREGATE_RATE, 0, FALSE, TRUE, 60000000 },    { SYN_AGGREGATE_RATE, 1, FALSE, TRUE, 30000000 },
    { SYN_AGGREGATE_RATE, 1, TRUE, FALSE, 1000000 },     { SYN_AGGREGATE_RATE, 2, TRUE, FALSE, 1000000 },
    { SYN_AGGREGATE_EWMA, 1, FALSE, TRUE, 90000000 },    { SYN_AGGREGATE_DISTINCT, 1, FALSE, FALSE, 0 },
    { SYN_AGGREGATE_ANY, 1, FALSE, FALSE, 0 },           { SYN_AGGREGATE_ALL, 1, FALSE, FALSE, 0 },
  };

  assert_schema (p->schema, "*symbol string, open decimal(4), sd double, var double, vwap double, n double, flow double, timed double, "
                            "all double, smooth double, venues int64, some bool, every bool");
  g_assert_cmpuint (p->n_aggregates, ==, G_N_ELEMENTS (expected));
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    {
      const SynAggregateSpec *spec = &p->aggregates[i];

      g_assert_cmpint (spec->kind, ==, expected[i].kind);
      g_assert_cmpuint (spec->n_args, ==, expected[i].n_args);
      g_assert_cmpint (spec->has_order, ==, expected[i].has_order);
      g_assert_cmpint (syn_aggregate_spec_needs_order (spec), ==, expected[i].needs_order);
      g_assert_cmpint (spec->period_us, ==, expected[i].period_us);
      g_assert_false (spec->as_of_row);
    }
  g_assert_true (syn_catalog_find_projection (windows, "p")->aggregates[0].as_of_row);
}

static void
test_window (void)
{
  g_autoptr (SynCatalog) catalog = parse_projection (
    "\"key\":[\"venue\",\"symbol\"],\"where\":\"size > 0 and venue != 'X'\",\"min_interval_ms\":100,"
    "\"window\":{\"every\":\"1m\",\"on\":\"time\",\"keep\":\"2h\"},\"columns\":{\"close\":\"last(price)\",\"late\":\"time < '2014-05-01T05:00:00Z'\"}");
  const SynProjectionSpec *p = syn_catalog_find_projection (catalog, "p");

  assert_schema (p->schema, "*venue string, *symbol string, *time timestamp, close decimal(4), late bool");
  g_assert_cmpint (p->window_us, ==, 60000000);
  g_assert_cmpint (p->keep_us, ==, G_GINT64_CONSTANT (7200000000));
  g_assert_cmpint (p->time_field, ==, 6);
  g_assert_cmpuint (p->n_keys, ==, 2);
  g_assert_cmpuint (p->keys[0], ==, 1);
  g_assert_cmpuint (p->keys[1], ==, 0);
  g_assert_nonnull (p->where);
  g_assert_cmpuint (p->min_interval_ms, ==, 100);
}

static void
test_durations (void)
{
  static const struct {
    const char *text;
    gint64 us;
  } cases[] = {
    { "1ms", 1000 },
    { "500ms", 500000 },
    { "1s", 1000000 },
    { "2m", 120000000 },
    { "1h", G_GINT64_CONSTANT (3600000000) },
    { "3660d", G_GINT64_CONSTANT (316224000000000) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *members = g_strdup_printf ("\"window\":{\"every\":\"%s\",\"on\":\"time\"},\"columns\":{\"n\":\"count()\"}", cases[i].text);
      g_autoptr (SynCatalog) catalog = parse_projection (members);
      const SynProjectionSpec *p = syn_catalog_find_projection (catalog, "p");

      g_assert_cmpint (p->window_us, ==, cases[i].us);
      g_assert_cmpint (p->keep_us, ==, 0);
      /* No key but the window: one row a window. */
      assert_schema (p->schema, "*time timestamp, n int64");
    }
}

static void
test_no_key (void)
{
  g_autoptr (SynCatalog) catalog = parse_projection ("\"columns\":{\"n\":\"count()\"}");
  const SynProjectionSpec *p = syn_catalog_find_projection (catalog, "p");

  g_assert_cmpuint (p->n_keys, ==, 0);
  assert_schema (p->schema, "n int64");
}

/* A column's program computes what its text says, over work columns in the order of the work schema. */
static void
test_programs (void)
{
  g_autoptr (SynCatalog) catalog = parse_projection ("\"key\":[\"symbol\"],\"columns\":{\"twice\":\"n*2\",\"n\":\"count()\",\"m\":\"sum(size)+n\"}");
  const SynProjectionSpec *p = syn_catalog_find_projection (catalog, "p");
  static const gint64 count[] = { 3, 4 }, sum[] = { 30, -40 };
  ReplicaColumn columns[6] = { 0 };
  const ReplicaColumn *pointers[6] = { NULL, &columns[1], &columns[2], NULL, NULL, NULL };
  g_autoptr (SynFrame) frame = syn_frame_new ();
  const ReplicaColumn *result;

  assert_schema (p->work, "*symbol string, $0 int64, $1 int64, twice int64, n int64, m int64");
  columns[1] = (ReplicaColumn){ .name = "$0", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 2, .data = count };
  columns[2] = (ReplicaColumn){ .name = "$1", .type = REPLICA_TYPE_INT64, .width = 8, .n_rows = 2, .data = sum };
  g_assert_cmpuint (p->order[0], ==, 1);
  g_assert_true (syn_program_run (p->outputs[1].program, frame, pointers, 2) == &columns[1]);
  pointers[4] = &columns[1];
  result = syn_program_run (p->outputs[0].program, frame, pointers, 2);
  g_assert_cmpint (replica_column_get_int64 (result, 0), ==, 6);
  g_assert_cmpint (replica_column_get_int64 (result, 1), ==, 8);
  result = syn_program_run (p->outputs[2].program, frame, pointers, 2);
  g_assert_cmpint (replica_column_get_int64 (result, 0), ==, 33);
  g_assert_cmpint (replica_column_get_int64 (result, 1), ==, -36);
}

static void
test_screens (void)
{
  g_autoptr (SynCatalog) catalog = parse (
    "{\"sources\":[" TRADES "],\"projections\":["
    "{\"name\":\"a/b\",\"from\":\"trades\",\"key\":[\"symbol\"],\"columns\":{\"n\":\"count()\"}},"
    "{\"name\":\"a/c\",\"from\":\"trades\",\"key\":[\"symbol\"],\"window\":{\"every\":\"1s\",\"on\":\"time\"},"
    "\"columns\":{\"open\":\"first(price)\",\"high\":\"max(price)\",\"low\":\"min(price)\",\"close\":\"last(price)\"}}],"
    "\"screens\":[{\"name\":\"one\",\"title\":\"The \\\"first\\\"\",\"panels\":[{\"grid\":\"a/b\",\"sort\":\" - n , `symbol`\",\"title\":\"É\"},"
    "{\"candles\":\"a/c\",\"follows\":\"a/b\"},{\"line\":\"a/c\"},{\"grid\":\"a/b?where=n>1&limit=5\",\"sort\":\"x\"}]},"
    "{\"name\":\"two\",\"panels\":[{\"grid\":\"a/b\"}]}]}");
  gsize length;
  const char *json = syn_catalog_get_screens_json (catalog, &length);

  g_assert_cmpuint (syn_catalog_get_n_screens (catalog), ==, 2);
  g_assert_cmpuint (length, ==, strlen (json));
  g_assert_cmpstr (json, ==,
                   "{\"screens\":[{\"name\":\"one\",\"title\":\"The \\\"first\\\"\",\"panels\":["
                   "{\"kind\":\"grid\",\"path\":\"a/b\",\"title\":\"É\",\"sort\":\"-n,symbol\"},"
                   "{\"kind\":\"candles\",\"path\":\"a/c\",\"title\":\"a/c\",\"follows\":\"a/b\"},"
                   "{\"kind\":\"line\",\"path\":\"a/c\",\"title\":\"a/c\"},"
                   "{\"kind\":\"grid\",\"path\":\"a/b?where=n>1&limit=5\",\"title\":\"a/b\",\"sort\":\"x\"}]},"
                   "{\"name\":\"two\",\"title\":\"two\",\"panels\":[{\"kind\":\"grid\",\"path\":\"a/b\",\"title\":\"a/b\"}]}]}");
}

/* ---- files ---- */

typedef struct {
  char *dir;
  GPtrArray *files;
} Files;

static void
files_set_up (Files *self, gconstpointer data)
{
  self->dir = g_dir_make_tmp ("test-catalog-XXXXXX", NULL);
  self->files = g_ptr_array_new_with_free_func (g_free);
}

static void
files_tear_down (Files *self, gconstpointer data)
{
  for (guint i = 0; i < self->files->len; i++)
    if (g_ptr_array_index (self->files, i) != NULL)
      g_unlink (g_ptr_array_index (self->files, i));
  g_rmdir (self->dir);
  g_ptr_array_unref (self->files);
  g_free (self->dir);
}

static const char *
files_add (Files *self, const char *name, const char *text)
{
  char *path = g_build_filename (self->dir, name, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  g_ptr_array_add (self->files, path);
  return path;
}

/* Order and file do not matter: a screen before its projection, a projection before its source. */
static void
test_several_files (Files *self, gconstpointer data)
{
  const char *a = files_add (self, "a.json",
                             "{\"screens\":[{\"name\":\"s\",\"panels\":[{\"grid\":\"p\"}]}],"
                             "\"projections\":[{\"name\":\"p\",\"from\":\"trades\",\"columns\":{\"n\":\"count()\"}}]}");
  const char *b = files_add (self, "b.json", "{\"sources\":[{\"name\":\"trades\",\"kind\":\"file\",\"path\":\"x.csv\",\"fields\":{\"a\":\"int64\"}}]}");
  const char *const files[] = { a, b, NULL };
  g_autoptr (GError) error = NULL;
  g_autoptr (SynCatalog) catalog = syn_catalog_load (files, &error);
  g_autofree char *path = g_build_filename (self->dir, "x.csv", NULL);

  g_assert_no_error (error);
  g_assert_cmpstr (syn_catalog_get_source (catalog, 0)->path, ==, path);
  g_assert_cmpuint (syn_catalog_get_n_screens (catalog), ==, 1);
}

static void
test_defined_twice (Files *self, gconstpointer data)
{
  const char *a = files_add (self, "a.json", "{\"sources\":[\n{\"name\":\"t\",\"kind\":\"simulator\"}]}");
  const char *b = files_add (self, "b.json", "{\"sources\":[\n\n{\"name\":\"t\",\"kind\":\"simulator\"}]}");
  const char *const files[] = { a, b, NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *expected = g_strdup_printf ("%s:3: source \"t\": is defined already, at %s:2", b, a);

  g_assert_null (syn_catalog_load (files, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_cmpstr (error->message, ==, expected);
}

static void
test_bad_files (Files *self, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (self->dir, "missing.json", NULL);
  const char *const no_file[] = { missing, NULL }, *const folder[] = { self->dir, NULL };
  g_autoptr (GError) error = NULL;

  g_assert_null (syn_catalog_load (no_file, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND);
  g_assert_true (g_str_has_prefix (error->message, missing));
  g_clear_error (&error);
  g_assert_null (syn_catalog_load (folder, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "expected a file of at most 16777216 bytes"));
  g_clear_error (&error);
  {
    g_autofree char *large = g_strnfill (SYN_MAX_CATALOG_BYTES + 1, ' ');
    const char *const files[] = { files_add (self, "large.json", large), NULL };

    g_assert_null (syn_catalog_load (files, &error));
    g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
    g_clear_error (&error);
    g_assert_null (syn_catalog_parse ("large.json", "/", large, -1, &error));
    g_assert_cmpstr (error->message, ==, "large.json: 16777217 bytes; a catalog has at most 16777216");
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/catalog/empty", test_empty);
  g_test_add_func ("/catalog/fields", test_fields);
  g_test_add_func ("/catalog/retain", test_retain);
  g_test_add_func ("/catalog/file", test_file);
  g_test_add_func ("/catalog/file-columns", test_file_columns);
  g_test_add_func ("/catalog/simulator", test_simulator);
  g_test_add_func ("/catalog/host", test_host);
  g_test_add_func ("/catalog/columns", test_columns);
  g_test_add_func ("/catalog/aggregates", test_aggregates);
  g_test_add_func ("/catalog/window", test_window);
  g_test_add_func ("/catalog/durations", test_durations);
  g_test_add_func ("/catalog/no-key", test_no_key);
  g_test_add_func ("/catalog/programs", test_programs);
  g_test_add_func ("/catalog/screens", test_screens);
  g_test_add ("/catalog/several-files", Files, NULL, files_set_up, test_several_files, files_tear_down);
  g_test_add ("/catalog/defined-twice", Files, NULL, files_set_up, test_defined_twice, files_tear_down);
  g_test_add ("/catalog/bad-files", Files, NULL, files_set_up, test_bad_files, files_tear_down);
  return g_test_run ();
}
