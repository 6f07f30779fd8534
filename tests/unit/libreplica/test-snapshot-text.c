/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The JSON and CSV forms: the exact bytes of small ones, and the naughty strings through an independent
 * reader. */

#include "replica-snapshot-private.h"
#include "test-snapshot-fixture.h"

#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include <string.h>

static void
assert_form (GBytes *form, const char *expected)
{
  g_autofree char *text = g_strndup (g_bytes_get_data (form, NULL), g_bytes_get_size (form));

  g_assert_cmpstr (text, ==, expected);
}

static const struct
{
  const char *columns;
  const char *rows;
  const char *json; /* after the path, token and time */
  const char *csv;
} cases[] = {
  { "symbol*:string last:decimal(4) n:int64", "A|1.1|~\nB|-0.0001|9223372036854775807",
    "\"key\":[\"symbol\"],\"columns\":[{\"name\":\"symbol\",\"type\":\"string\"},{\"name\":\"last\",\"type\":"
    "\"decimal(4)\"},"
    "{\"name\":\"n\",\"type\":\"int64\"}],\"rows\":[[\"A\",1.1000,null],[\"B\",-0.0001,9223372036854775807]]"
    "}",
    "symbol,last,n\nA,1.1000,\nB,-0.0001,9223372036854775807\n" },
  { "a*:bool b*:timestamp c:double",
    "true|2014-05-01T05:00:00Z|0.1\nfalse|2014-05-01T05:00:00.123456Z|-1e300\n~|~|~",
    "\"key\":[\"a\",\"b\"],\"columns\":[{\"name\":\"a\",\"type\":\"bool\"},{\"name\":\"b\",\"type\":"
    "\"timestamp\"},"
    "{\"name\":\"c\",\"type\":\"double\"}],\"rows\":[[true,\"2014-05-01T05:00:00Z\",0.1],"
    "[false,\"2014-05-01T05:00:00.123456Z\",-1e300],[null,null,null]]}",
    "a,b,c\ntrue,2014-05-01T05:00:00Z,0.1\nfalse,2014-05-01T05:00:00.123456Z,-1e300\n,,\n" },
  { "big:decimal(18) whole:decimal(0)", "170141183460469231731.687303715884105727|5",
    "\"key\":[],\"columns\":[{\"name\":\"big\",\"type\":\"decimal(18)\"},{\"name\":\"whole\",\"type\":"
    "\"decimal(0)\"}],"
    "\"rows\":[[170141183460469231731.687303715884105727,5]]}",
    "big,whole\n170141183460469231731.687303715884105727,5\n" },
  { "s:string", "", "\"key\":[],\"columns\":[{\"name\":\"s\",\"type\":\"string\"}],\"rows\":[]}", "s\n" },
  { "\"q\":string a,b:string", "~|x", /* names are escaped too */
    "\"key\":[],\"columns\":[{\"name\":\"\\\"q\\\"\",\"type\":\"string\"},{\"name\":\"a,b\",\"type\":"
    "\"string\"}],"
    "\"rows\":[[null,\"x\"]]}",
    "\"\"\"q\"\"\",\"a,b\"\n,x\n" },
};

static void
test_exact (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (0x2a, cases[i].columns, cases[i].rows);
      g_autofree char *json =
          g_strconcat ("{\"path\":\"test/table\",\"token\":\"7-2a\",\"time\":\"2014-05-01T05:00:00Z\",",
                       cases[i].json, NULL);

      assert_form (replica_snapshot_get_json (snapshot), json);
      assert_form (replica_snapshot_get_csv (snapshot), cases[i].csv);
    }
}

static const struct
{
  const char *text;
  gsize length;
  const char *json;
  const char *csv;
} strings[] = {
  { "", 0, "\"\"", "\"\"" },
  { "plain", 5, "\"plain\"", "plain" },
  { "a b", 3, "\"a b\"", "a b" },
  { " a", 2, "\" a\"", "\" a\"" },
  { "a ", 2, "\"a \"", "\"a \"" },
  { "a,b", 3, "\"a,b\"", "\"a,b\"" },
  { "a\"b", 3, "\"a\\\"b\"", "\"a\"\"b\"" },
  { "a\nb", 3, "\"a\\nb\"", "\"a\nb\"" },
  { "a\r", 2, "\"a\\r\"", "\"a\r\"" },
  { "\\", 1, "\"\\\\\"", "\\" },
  { "/", 1, "\"/\"", "/" },
  { "\b\f\t", 3, "\"\\b\\f\\t\"", "\b\f\t" },
  { "\x01\x1f\x7f", 3, "\"\\u0001\\u001f\x7f\"", "\x01\x1f\x7f" },
  { "é€😀", 9, "\"é€😀\"", "é€😀" },
  { "\u2028", 3, "\"\u2028\"", "\u2028" },
  { "null", 4, "\"null\"", "null" },
  { "</script>", 9, "\"</script>\"", "</script>" },
  { "=1+1", 4, "\"=1+1\"", "=1+1" },
};

static ReplicaSnapshot *
snapshot_of_strings (TestColumn *column)
{
  ReplicaSnapshotBuilder *builder =
      replica_snapshot_builder_new ("p\"\n", (ReplicaToken){ 1, 1 }, 0, test_column_get (column)->n_rows);
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *snapshot;

  replica_snapshot_builder_add (builder, test_column_get (column));
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  return snapshot;
}

static void
test_strings (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++)
    {
      g_autoptr (TestColumn) column = test_column_new ("s", REPLICA_TYPE_STRING, 0, 4, FALSE);
      g_autoptr (ReplicaSnapshot) snapshot = NULL;
      g_autofree char *json = g_strdup_printf (
          "{\"path\":\"p\\\"\\n\",\"token\":\"1-1\",\"time\":\"1970-01-01T00:00:00Z\",\"key\":[],"
          "\"columns\":[{\"name\":\"s\",\"type\":\"string\"}],\"rows\":[[%s]]}",
          strings[i].json);
      g_autofree char *csv = g_strdup_printf ("s\n%s\n", strings[i].csv);

      test_column_add_string (column, strings[i].text, strings[i].length);
      snapshot = snapshot_of_strings (column);
      assert_form (replica_snapshot_get_json (snapshot), json);
      assert_form (replica_snapshot_get_csv (snapshot), csv);
    }
}

static void
test_string_with_nul (void)
{
  g_autoptr (TestColumn) column = test_column_new ("s", REPLICA_TYPE_STRING, 0, 4, FALSE);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  GBytes *json, *csv;

  test_column_add_string (column, "a\0b", 3);
  snapshot = snapshot_of_strings (column);
  json = replica_snapshot_get_json (snapshot);
  csv = replica_snapshot_get_csv (snapshot);
  g_assert_nonnull (
      g_strstr_len (g_bytes_get_data (json, NULL), (gssize) g_bytes_get_size (json), "\"a\\u0000b\""));
  g_assert_cmpmem (g_bytes_get_data (csv, NULL), g_bytes_get_size (csv), "s\na\0b\n", 6);
}

/* Rows larger than what is reserved at first: one long string beside many short ones, and wide numbers. */
static void
test_growth (void)
{
  g_autoptr (TestColumn) column = test_column_new ("s", REPLICA_TYPE_STRING, 0, 4, FALSE);
  g_autofree char *text = g_strnfill (100000, '"');
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  gsize length;

  for (guint i = 0; i < 100; i++)
    {
      test_column_add_string (column, "x", 1);
      test_column_add_string (column, i % 10 == 0 ? text : "y", i % 10 == 0 ? 100000 : 1);
      test_column_add_null (column);
    }
  snapshot = snapshot_of_strings (column);
  length = g_bytes_get_size (replica_snapshot_get_json (snapshot));
  g_assert_cmpuint (length, >, 10 * 200000);
  g_assert_cmpuint (length, <, 10 * 200000 + 300 * 8 + 200);
  g_assert_cmpuint (g_bytes_get_size (replica_snapshot_get_csv (snapshot)), ==,
                    2 + 10 * 200003 + 190 * 2 + 100);
  test_snapshot_walk (snapshot);
}

/* A form is made of as many bytes as it may have, and not of one more. */
static void
test_size_limit (void)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, "symbol*:string last:decimal(4) n:int64",
                                                            "A\"|1.1|~\nB|-0.0001|9223372036854775807\n~|~|~");
  GBytes *(*makes[]) (ReplicaSnapshot *, gsize) = { replica_snapshot_make_json, replica_snapshot_make_csv };

  for (guint i = 0; i < G_N_ELEMENTS (makes); i++)
    {
      g_autoptr (GBytes) whole = makes[i] (snapshot, G_MAXSIZE / 2);
      gsize size = g_bytes_get_size (whole);
      g_autoptr (GBytes) same = makes[i] (snapshot, size);

      g_assert_true (g_bytes_equal (whole, same));
      for (gsize less = 0; less < size; less++)
        g_assert_null (makes[i] (snapshot, less));
    }
}

/* One string of 64 KiB in as many rows as make a gigabyte of text: found out before a row is written, also when other
 * entries of the dictionary are in no row, and by each who asks. */
static void
test_string_in_many_rows (void)
{
  const guint n_rows = 16384, n_bytes = 65535;
  g_autofree char *string = g_strnfill (n_bytes, 'x');
  g_autofree char *dictionary = g_malloc0 (n_bytes + 3);
  g_autofree guint32 *codes = g_new0 (guint32, n_rows);
  guint32 offsets[] = { 0, n_bytes + 1, n_bytes + 3 };
  ReplicaColumn column = { .name = "s", .type = REPLICA_TYPE_STRING, .width = 4, .n_rows = n_rows, .data = codes,
                           .dict_offsets = offsets, .dict_bytes = dictionary, .n_dict = 2 };
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("p", (ReplicaToken){ 1, 1 }, 0, n_rows);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  memcpy (dictionary, string, n_bytes);
  dictionary[n_bytes + 1] = 'y';
  replica_snapshot_builder_add (builder, &column);
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (g_bytes_get_size (replica_snapshot_get_bytes (snapshot)), <, 1u << 20);
  for (guint i = 0; i < 2; i++)
    {
      g_assert_null (replica_snapshot_get_json (snapshot));
      g_assert_null (replica_snapshot_get_csv (snapshot));
    }
}

/* ---- the big list of naughty strings ---- */

static char *
load_gz (const char *path, gsize *size)
{
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) raw = g_file_read (file, NULL, NULL);
  g_autoptr (GConverter) gunzip = G_CONVERTER (g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP));
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GError) error = NULL;

  if (raw == NULL)
    return NULL;
  stream = g_converter_input_stream_new (G_INPUT_STREAM (raw), gunzip);
  g_output_stream_splice (memory, stream, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);
  *size = g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (memory));
  return g_memory_output_stream_steal_data (G_MEMORY_OUTPUT_STREAM (memory));
}

/* One record of RFC 4180 with one field; returns where the next begins. A reader of its own, not that of the
 * server. */
static const char *
read_csv_field (const char *p, const char *end, GString *field)
{
  g_string_truncate (field, 0);
  if (p < end && *p == '"')
    {
      for (p++; p < end; p++)
        {
          if (*p == '"' && (p + 1 == end || p[1] != '"'))
            break;
          if (*p == '"')
            p++;
          g_string_append_c (field, *p);
        }
      g_assert_true (p < end);
      p++;
    }
  else
    {
      for (; p < end && *p != '\n'; p++)
        g_string_append_c (field, *p);
    }
  g_assert_true (p < end && *p == '\n');
  return p + 1;
}

static void
test_naughty_strings (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "..", "shared", "data", "conformance", "blns",
                                                 "blns.json.gz", NULL);
  gsize size;
  g_autofree char *text = load_gz (path, &size);
  g_autoptr (JsonParser) list = json_parser_new (), form = json_parser_new ();
  g_autoptr (TestColumn) column = test_column_new ("s", REPLICA_TYPE_STRING, 0, 4, TRUE);
  g_autoptr (ReplicaSnapshot) made = NULL, snapshot = NULL;
  g_autoptr (GString) field = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  JsonArray *naughty, *rows;
  const char *p, *end;
  GBytes *json, *csv;

  if (text == NULL)
    {
      g_autofree char *message = g_strdup_printf ("%s is not there", path);
      g_test_skip (message);
      return;
    }
  json_parser_load_from_data (list, text, (gssize) size, &error);
  g_assert_no_error (error);
  naughty = json_node_get_array (json_parser_get_root (list));
  g_assert_cmpuint (json_array_get_length (naughty), ==, 485);
  for (guint i = 0; i < json_array_get_length (naughty); i++)
    {
      const char *string = json_array_get_string_element (naughty, i);
      test_column_add_string (column, string, strlen (string));
    }
  made = snapshot_of_strings (column);
  snapshot = replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (made), &error);
  g_assert_no_error (error);

  json = replica_snapshot_get_json (snapshot);
  json_parser_load_from_data (form, g_bytes_get_data (json, NULL), (gssize) g_bytes_get_size (json), &error);
  g_assert_no_error (error);
  rows = json_object_get_array_member (json_node_get_object (json_parser_get_root (form)), "rows");
  csv = replica_snapshot_get_csv (snapshot);
  p = g_bytes_get_data (csv, NULL);
  end = p + g_bytes_get_size (csv);
  p = read_csv_field (p, end, field);
  g_assert_cmpstr (field->str, ==, "s");
  for (guint i = 0; i < json_array_get_length (naughty); i++)
    {
      const char *string = json_array_get_string_element (naughty, i);

      g_assert_cmpstr (replica_column_get_string (replica_snapshot_get_column (snapshot, 0), i, NULL), ==,
                       string);
      g_assert_cmpstr (json_array_get_string_element (json_array_get_array_element (rows, i), 0), ==, string);
      p = read_csv_field (p, end, field);
      g_assert_cmpstr (field->str, ==, string);
    }
  g_assert_true (p == end);
  test_snapshot_walk (snapshot);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot-text/exact", test_exact);
  g_test_add_func ("/snapshot-text/strings", test_strings);
  g_test_add_func ("/snapshot-text/string-with-nul", test_string_with_nul);
  g_test_add_func ("/snapshot-text/growth", test_growth);
  g_test_add_func ("/snapshot-text/size-limit", test_size_limit);
  g_test_add_func ("/snapshot-text/string-in-many-rows", test_string_in_many_rows);
  g_test_add_func ("/snapshot-text/naughty-strings", test_naughty_strings);
  return g_test_run ();
}
