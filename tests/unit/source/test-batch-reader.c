/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What the library's batches are to a source: the events that the same text is, by the readers of text. And what no source takes for a batch, beside the table of
 * tests/integration/test_independent_client.py. */
#include "replica-error.h"
#include "replica-event-batch.h"
#include "source-fixture.h"
#include "syn-batch-reader.h"
#include "syn-error.h"
#include "syn-limits.h"

#define ALL_FIELDS "f:bool i:int64 d:double m:decimal(2) s:string t:timestamp"

static ReplicaEventBatch *
make_batch (const SynSourceSpec *spec)
{
  ReplicaEventBatch *batch = replica_event_batch_new (spec->name);

  for (guint i = 0; i < spec->n_fields; i++)
    g_assert_cmpuint (replica_event_batch_add_field (batch, spec->fields[i].name, spec->fields[i].type, spec->fields[i].scale), ==, i);
  return batch;
}

static SynEventBatch *
read_batch (const SynSourceSpec *spec, ReplicaEventBatch *from, const char *producer, guint64 number)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = replica_event_batch_to_bytes (from, producer, number, &error);
  SynEventBatch *batch = NULL;
  SynReadPlace place;

  g_assert_no_error (error);
  syn_batch_reader_read (spec, bytes, &batch, &place, &error);
  g_assert_no_error (error);
  return batch;
}

/* Random text of a value that is one of @field's type. */
static char *
make_text (const SynFieldSpec *field)
{
  gint64 value = (gint64) ((guint64) g_test_rand_int () << 20) ^ g_test_rand_int ();
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  switch (field->type)
    {
    case REPLICA_TYPE_BOOL:
      return g_strdup (value & 1 ? "true" : "false");
    case REPLICA_TYPE_DOUBLE:
      return g_strdup (g_ascii_formatd (buffer, sizeof buffer, "%.17g", g_test_rand_double_range (-1e9, 1e9)));
    case REPLICA_TYPE_DECIMAL:
      return g_strdup_printf ("%" G_GINT64_FORMAT ".%02d", value, g_test_rand_int_range (0, 100));
    case REPLICA_TYPE_STRING:
      return g_strdup_printf (value % 3 == 0 ? "%.0d" : "é-%d of some length", (int) (value % 50));
    case REPLICA_TYPE_TIMESTAMP:
      return g_strdup_printf ("%04d-07-%02dT12:00:%02d.%06dZ", g_test_rand_int_range (1, 10000), g_test_rand_int_range (1, 32), g_test_rand_int_range (0, 60),
                              g_test_rand_int_range (0, 1000000));
    case REPLICA_TYPE_INT64:
    default:
      return g_strdup_printf ("%" G_GINT64_FORMAT, value);
    }
}

static void
test_as_text (void)
{
  static const guint counts[] = { 1, 7, 8, 9, 64, 700 };
  static const int null_percents[] = { 0, 10, 100 };
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (ALL_FIELDS);
  g_autoptr (ReplicaEventBatch) batch = make_batch (spec);

  for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
    for (guint p = 0; p < G_N_ELEMENTS (null_percents); p++)
      {
        g_autoptr (GString) json = g_string_new (NULL);
        g_autoptr (SynEventBatch) read = NULL;
        g_autofree char *expected = NULL, *got = NULL;
        guint64 number;

        replica_event_batch_clear (batch);
        for (guint e = 0; e < counts[c]; e++)
          {
            g_string_append_c (json, '{');
            for (guint i = 0; i < spec->n_fields; i++)
              {
                g_autofree char *text = make_text (&spec->fields[i]);
                gboolean quoted = spec->fields[i].type == REPLICA_TYPE_STRING || spec->fields[i].type == REPLICA_TYPE_TIMESTAMP;
                g_autoptr (GError) error = NULL;

                if (g_test_rand_int_range (0, 100) < null_percents[p])
                  continue;
                replica_event_batch_set_text (batch, i, text, -1, &error);
                g_assert_no_error (error);
                g_string_append_printf (json, "%s\"%s\":%s%s%s", json->str[json->len - 1] == '{' ? "" : ",", spec->fields[i].name, quoted ? "\"" : "", text,
                                        quoted ? "\"" : "");
              }
            g_string_append (json, "}\n");
            replica_event_batch_commit (batch);
          }
        read = read_batch (spec, batch, "me", 12);
        g_assert_cmpstr (syn_event_batch_get_producer (read, &number), ==, "me");
        g_assert_cmpuint (number, ==, 12);
        got = fixture_batch_to_text (read);
        {
          g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, SYN_FORMAT_NDJSON, FALSE);
          g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
          g_autoptr (SynEventBatch) by_text = NULL;
          SynReadPlace place;

          g_assert_true (syn_event_reader_feed (reader, builder, json->str, json->len, &place, NULL)
                         && syn_event_reader_finish (reader, builder, &place, NULL));
          by_text = syn_event_builder_take (builder);
          expected = fixture_batch_to_text (by_text);
        }
        g_assert_cmpstr (got, ==, expected);
      }
}

/* Whole columns, of different length, behind single events. */
static void
test_columns (void)
{
  static const gint64 integers[] = { 1, -2, 3, 4 }, flags[] = { 0, 7 };
  static const double doubles[] = { 0.5, -0.25, 1e300 };
  static const char *const strings[] = { "a", "b", "a", "c" };
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (ALL_FIELDS);
  g_autoptr (ReplicaEventBatch) batch = make_batch (spec);
  g_autoptr (SynEventBatch) read = NULL;
  const ReplicaColumn *const *columns;

  replica_event_batch_set_string (batch, 4, "first", -1);
  replica_event_batch_commit (batch);
  replica_event_batch_set_int64s (batch, 1, integers, 4);
  replica_event_batch_set_doubles (batch, 2, doubles, 3);
  replica_event_batch_set_int64s (batch, 0, flags, 2);
  replica_event_batch_set_strings (batch, 4, strings, 4);
  replica_event_batch_commit_many (batch, 3);
  replica_event_batch_set_int64 (batch, 1, 99);
  replica_event_batch_abandon (batch);
  replica_event_batch_commit (batch);
  g_assert_cmpuint (replica_event_batch_get_n_events (batch), ==, 5);
  g_assert_cmpint (replica_event_batch_find_field (batch, "s"), ==, 4);
  g_assert_cmpint (replica_event_batch_find_field (batch, "z"), ==, -1);
  read = read_batch (spec, batch, NULL, 0);
  columns = syn_event_batch_get_columns (read);
  for (guint row = 0; row < 5; row++)
    {
      gboolean many = row >= 1 && row < 4;

      g_assert_cmpint (replica_column_is_null (columns[1], row), ==, !many);
      g_assert_cmpint (replica_column_is_null (columns[2], row), ==, !many);
      g_assert_cmpint (replica_column_is_null (columns[0], row), ==, row < 1 || row > 2);
      g_assert_cmpint (replica_column_is_null (columns[4], row), ==, row > 3);
      g_assert_true (replica_column_is_null (columns[5], row));
      if (!many)
        continue;
      g_assert_cmpint (replica_column_get_int64 (columns[1], row), ==, integers[row - 1]);
      g_assert_cmpfloat (replica_column_get_double (columns[2], row), ==, doubles[row - 1]);
      g_assert_cmpstr (replica_column_get_string (columns[4], row, NULL), ==, strings[row - 1]);
    }
  g_assert_cmpint (replica_column_get_int64 (columns[0], 2), ==, 1);
}

/* Strings that no event has any more are in no batch. */
static void
test_dropped_strings (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("s:string");
  g_autoptr (ReplicaEventBatch) batch = make_batch (spec);

  for (guint round = 0; round < 2; round++)
    {
      g_autoptr (SynEventBatch) read = NULL;

      for (guint i = 0; i < 300; i++)
        {
          char text[20];

          g_snprintf (text, sizeof text, "dropped %u", i);
          replica_event_batch_set_string (batch, 0, i % 7 == 0 ? "\xff\xfe" : text, -1);
          if (i % 3 == 0)
            replica_event_batch_abandon (batch);
          g_snprintf (text, sizeof text, "%u", i % 50);
          replica_event_batch_set_string (batch, 0, text, -1);
          if (i % 2 == 0)
            replica_event_batch_commit (batch);
        }
      read = read_batch (spec, batch, NULL, 0);
      g_assert_cmpuint (syn_event_batch_get_n_events (read), ==, 150);
      for (guint i = 0; i < 150; i++)
        g_assert_cmpint (atoi (replica_column_get_string (syn_event_batch_get_columns (read)[0], i, NULL)), ==, i * 2 % 50);
      replica_event_batch_clear (batch);
    }
}

/* What only snapshots have in their head. */
static void
test_reserved (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (ALL_FIELDS);
  g_autoptr (ReplicaEventBatch) batch = make_batch (spec);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) good = NULL, bad = NULL;
  SynEventBatch *read = NULL;
  SynReadPlace place;
  guint8 *data;

  replica_event_batch_set_string (batch, 4, "first", -1);
  replica_event_batch_commit (batch);
  good = replica_event_batch_to_bytes (batch, NULL, 0, &error);
  g_assert_no_error (error);
  data = g_memdup2 (g_bytes_get_data (good, NULL), g_bytes_get_size (good));
  data[6] = 1;
  bad = g_bytes_new_take (data, g_bytes_get_size (good));
  g_assert_false (syn_batch_reader_read (spec, bad, &read, &place, &error));
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "reserved"));
  g_assert_null (read);
}

static void
test_refused_here (void)
{
  static const struct
  {
    guint field;
    const char *text;
    const char *message;
  } cases[] = {
    { 0, "yes", "expected bool" },          { 0, "1", "expected bool" },
    { 1, "1.5", "more decimals" },          { 1, "9223372036854775808", "out of its range" },
    { 1, "", "expected int64, found \"\"" }, { 2, "NaN", "expected double" },
    { 2, "1e999", "out of its range" },     { 3, "0.001", "expected decimal(2)" },
    { 5, "yesterday\n", "found \"yesterday\\n\"" }, { 5, "10000-01-01T00:00:00Z", "a time as" },
  };
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (ALL_FIELDS);
  g_autoptr (ReplicaEventBatch) batch = make_batch (spec);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_assert_false (replica_event_batch_set_text (batch, cases[i].field, cases[i].text, -1, &error));
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, cases[i].message));
      g_clear_error (&error);
    }
  replica_event_batch_commit (batch); /* nothing of it was set */
  replica_event_batch_set_string (batch, 4, "\xff", -1);
  replica_event_batch_commit (batch);
  g_assert_null (replica_event_batch_to_bytes (batch, NULL, 0, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "event 2, field \"s\""));
  g_clear_error (&error);
  replica_event_batch_clear (batch);
  replica_event_batch_commit_many (batch, SYN_MAX_EVENTS_PER_BATCH + 1);
  g_assert_null (replica_event_batch_to_bytes (batch, NULL, 0, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);
}

static void
test_sources (void)
{
  static const char json[] = "{\"sources\":[{\"name\":\"a\",\"kind\":\"file\",\"fields\":[]},{\"name\":\"b\",\"kind\":\"http\",\"fields\":["
                             "{\"name\":\"x\",\"type\":\"decimal(18)\"},{\"name\":\"y\",\"type\":\"string\"}]}]}";
  static const struct
  {
    const char *json, *source;
    ReplicaError code;
  } cases[] = {
    { json, "a", REPLICA_ERROR_INVALID },
    { json, "c", REPLICA_ERROR_NOT_FOUND },
    { "{}", "c", REPLICA_ERROR_PROTOCOL },
    { "", "c", REPLICA_ERROR_PROTOCOL },
    { "[{\"name\":\"c\"}]", "c", REPLICA_ERROR_PROTOCOL },
    { "{\"sources\":[{\"name\":\"c\",\"kind\":\"http\"}]}", "c", REPLICA_ERROR_PROTOCOL },
    { "{\"sources\":[{\"name\":\"c\",\"kind\":\"http\",\"fields\":[7]}]}", "c", REPLICA_ERROR_PROTOCOL },
    { "{\"sources\":[{\"name\":\"c\",\"kind\":\"http\",\"fields\":[{\"name\":\"x\",\"type\":\"decimal(19)\"}]}]}", "c", REPLICA_ERROR_PROTOCOL },
    { "{\"sources\":[{\"name\":\"c\",\"kind\":\"http\",\"fields\":[{\"name\":\"x\",\"type\":\"decimal\"}]}]}", "c", REPLICA_ERROR_PROTOCOL },
    { "{\"sources\":[5,{\"name\":\"c\",\"kind\":\"http\",\"fields\":[{\"name\":\"x\",\"type\":\"int32\"}]}]}", "c", REPLICA_ERROR_PROTOCOL },
  };
  g_autoptr (GBytes) bytes = g_bytes_new_static (json, strlen (json));
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaEventBatch) batch = replica_event_batch_new_from_sources (bytes, "b", &error);

  g_assert_no_error (error);
  g_assert_cmpstr (replica_event_batch_get_source (batch), ==, "b");
  g_assert_cmpuint (replica_event_batch_get_n_fields (batch), ==, 2);
  g_assert_cmpstr (replica_event_batch_get_field_name (batch, 0), ==, "x");
  g_assert_cmpint (replica_event_batch_get_field_type (batch, 1), ==, REPLICA_TYPE_STRING);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GBytes) wrong = g_bytes_new_static (cases[i].json, strlen (cases[i].json));

      g_test_message ("%s", cases[i].json);
      g_assert_null (replica_event_batch_new_from_sources (wrong, cases[i].source, &error));
      g_assert_error (error, REPLICA_ERROR, (int) cases[i].code);
      g_clear_error (&error);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/batch-reader/as-text", test_as_text);
  g_test_add_func ("/batch-reader/columns", test_columns);
  g_test_add_func ("/batch-reader/dropped-strings", test_dropped_strings);
  g_test_add_func ("/batch-reader/reserved", test_reserved);
  g_test_add_func ("/batch-reader/refused-here", test_refused_here);
  g_test_add_func ("/batch-reader/sources", test_sources);
  return g_test_run ();
}
