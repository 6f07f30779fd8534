/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The strict reader of CSV: table-driven; each text is read whole, split at each byte, and byte by byte. */
#include "source-fixture.h"
#include "syn-limits.h"

#define ALL "f:bool i:int64 d:double m:decimal(4) s:string t:timestamp"

static const FixtureCase cases[] = {
  { "i:int64", "", "" },
  { "i:int64 s:string", "i,s\n", "" },
  { "i:int64 s:string", "i,s", "" },
  { "i:int64 s:string", "\xef\xbb\xbfi,s\r\n1,a\r\n\r\n2,b", "1|\"a\"\n2|\"b\"\n" },
  { "i:int64 s:string", "\n\ns,i\na,1\n", "1|\"a\"\n" },
  { ALL, "t,s,m,d,i,f\n2024-05-01T14:30:00.25Z,hello,1.5,2.5e0,-3,true\n,,,,,\n",
    "true|-3|2.5|1.5000|\"hello\"|2024-05-01T14:30:00.250Z\n-|-|-|-|-|-\n" },
  { ALL, "s,t\nx,2024-05-01 14:30:00+01:00\ny,\"2024-05-01T14:30:00Z\"\n",
    "-|-|-|-|\"x\"|2024-05-01T13:30:00Z\n-|-|-|-|\"y\"|2024-05-01T14:30:00Z\n" },
  /* header */
  { "price:int64", "prise\n1\n",
    "!1:1:prise: unknown column \"prise\" of source \"trades\"; did you mean \"price\"?" },
  { "i:int64 j:int64", "i,i\n1,2\n", "!1:3:: column \"i\" is there twice" },
  { "i:int64", "i,\n1,\n", "!1:3:: unknown column \"\" of source \"trades\"" },
  { "i:int64", "\"i\"\n1\n", "1\n" },
  { "i:int64", "\"i\"x\n1\n", "!1:4:: expected ',' or the end of the line after a cell in quotes" },
  { "i:int64=a,b j:int64=c", "\"a,b\",c\n1,2\n", "1|2\n" },
  { "p:decimal(2)=x q:double=x j:int64", "x,j\n1.5,2\n,\n\"2\",\"3\"\n", "1.50|1.5|2\n-|-|-\n2.00|2|3\n" },
  /* shape */
  { "i:int64 j:int64", "i,j\n1,2\n3\n", "1|2\n!3:2:: expected 2 cells, found 1" },
  { "i:int64 j:int64", "i,j\n1,2,3\n", "!2:5:: expected 2 cells, found at least 3" },
  { "i:int64 j:int64", "i,j\n1,2,\n", "!2:5:: expected 2 cells, found at least 3" },
  /* quotes */
  { "s:string i:int64", "s,i\n\"a,b\",1\n\"a\"\"b\",2\n\"\",3\n,4\n\"\"\"\",5\n",
    "\"a,b\"|1\n\"a\\042b\"|2\n\"\"|3\n-|4\n\"\\042\"|5\n" },
  { "s:string i:int64", "s,i\n\"two\nlines\r\n\",1\nx,y\n",
    "\"two\\012lines\\015\\012\"|1\n!5:3:i: field \"i\": expected int64, found \"y\"" },
  { "s:string i:int64", "s,i\na\"b,1\nc,2\n", "!2:2:s: field \"s\": a quote inside a cell without quotes" },
  { "s:string i:int64", "s,i\n\"a\"b,1\n",
    "!2:4:s: field \"s\": expected ',' or the end of the line after a cell in quotes" },
  { "s:string i:int64", "s,i\n\"a,1\nb,2\n", "!2:1:s: field \"s\": the closing quote is missing" },
  { "s:string i:int64", "s,i\nx,\"1\n", "!2:3:i: field \"i\": the closing quote is missing" },
  { "s:string i:int64", "s,i\n \"a\",1\n", "!2:2:s: field \"s\": a quote inside a cell without quotes" },
  { "i:int64", "i\n\"\"\n", "!2:1:i: field \"i\": expected int64, found \"\"" },
  /* values */
  { "i:int64 s:string", "i,s\n 1,a\n", "!2:1:i: field \"i\": expected int64, found \" 1\"" },
  { "i:int64", "i\n1.0\n1e2\n-5\n", "1\n100\n-5\n" },
  { "i:int64", "i\n+5\n", "!2:1:i: field \"i\": expected int64, found \"+5\"" },
  { "i:int64", "i\n05\n", "!2:1:i: field \"i\": expected int64, found \"05\"" },
  { "i:int64", "i\n12abc\n", "!2:1:i: field \"i\": expected int64, found \"12abc\"" },
  { "i:int64 j:int64", "i,j\n1,1e999\n", "!2:3:j: field \"j\": \"1e999\" is out of the range of int64" },
  { "m:decimal(2)", "m\n1.234\n", "!2:1:m: field \"m\": \"1.234\" has more than 2 decimals" },
  { "f:bool", "f\ntrue\nfalse\nTRUE\n",
    "true\nfalse\n!4:1:f: field \"f\": expected true or false, found \"TRUE\"" },
  { "d:double", "d\nnan\n", "!2:1:d: field \"d\": expected double, found \"nan\"" },
  { "t:timestamp@ms", "t\n43.142\n0\n-1.5\n",
    "1970-01-01T00:00:00.043142Z\n1970-01-01T00:00:00Z\n1969-12-31T23:59:59.998500Z\n" },
  { "t:timestamp", "t\n2024-05-01T14:30:00Z\n2024-05-01T14:30:00.000001Z\n2024-05-01T14:30Z\n",
    "2024-05-01T14:30:00Z\n2024-05-01T14:30:00.000001Z\n!4:1:t: field \"t\": expected a timestamp as "
    "\"2024-05-01T14:30:00Z\", "
    "found \"2024-05-01T14:30Z\"" },
  { "s:string", "s\n\xc3\xa9t\xc3\xa9 with more than eight bytes\n\"\xe2\x82\xac\"\n",
    "\"\xc3\xa9t\xc3\xa9 with more than eight bytes\"\n\"\xe2\x82\xac\"\n" },
  { "s:string", "s\nabcdefghijk\xff\n", "!2:12:s: field \"s\": byte 0xff is not UTF-8" },
  { "s:string", "s\n\"a\xff\"\n", "!2:1:s: field \"s\": byte 0xff is not UTF-8" },
  { "s:string i:int64", "s,i\n\xc3,1\n", "!2:2:s: field \"s\": byte 0x2c is not UTF-8" },
  { "s:string", "s\na\rb\n", "!2:2:s: field \"s\": a carriage return inside a cell without quotes" },
  { "s:string", "s\na\tb\\n\n", "\"a\\011b\\134n\"\n" },
  { "s:string", "s\na\0b\n", "!2:2:s: field \"s\": a NUL byte inside a cell without quotes", 6 },
  { "s:string", "s\n\"a\0b\"\n", "!2:1:s: field \"s\": a NUL byte in a cell", 8 },
};

static void
test_header (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    fixture_check_case (&cases[i], SYN_FORMAT_CSV, TRUE);
}

/* Without a header line the catalog's columns tell; "" skips one. */
static void
test_columns (void)
{
  static const struct
  {
    const char *columns, *text, *expected;
  } rows[] = {
    { NULL, "1,a,2\n", "1|\"a\"|2\n" },
    { "i:s:j", "1,a,2\n3,,\n", "1|\"a\"|2\n3|-|-\n" },
    { "j:i", "1,2\n", "2|-|1\n" },
    { ":i:::s", "x,1,\"skipped \"\"too\"\"\",,a\n", "1|\"a\"|-\n" },
    { ":i", "x\"y,1\n", "!1:2:: a quote inside a cell without quotes" },
    { ":i", "\"x,1\n", "!1:1:: the closing quote is missing" },
    { ":i", "\xff,1\n", "!1:1:: byte 0xff is not UTF-8" },
    { "i:k", "1,2\n", "!1:1:: the source's \"columns\" name \"k\", which no field reads" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr (SynSourceSpec) spec = fixture_spec_new ("i:int64 s:string j:int64");
      g_autofree char *read = NULL;

      spec->columns = rows[i].columns != NULL ? g_strsplit (rows[i].columns, ":", -1) : NULL;
      read = fixture_read_all_ways (spec, SYN_FORMAT_CSV, FALSE, rows[i].text, strlen (rows[i].text));
      g_assert_cmpstr (read, ==, rows[i].expected);
    }
}

static void
test_limits (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("s:string i:int64");
  g_autofree char *string = g_strnfill (SYN_MAX_STRING_BYTES, 'x'),
                  *quoted = g_strnfill (SYN_MAX_LINE_BYTES, '\n');
  g_autofree char *fits = g_strdup_printf ("s,i\n%s,1\n\"%s\",2\n", string, string);
  g_autofree char *no = g_strdup_printf ("s,i\na,1\n\n%sx,1\n", string),
                  *quoted_no = g_strdup_printf ("s,i\n1,\"%sx\"\n", string);
  g_autofree char *endless = g_strdup_printf ("s,i\n\"%s", quoted),
                  *stray = g_strdup_printf ("s,i\na\"b\n%s", quoted);
  g_autofree char *a = fixture_read (spec, SYN_FORMAT_CSV, TRUE, fits, strlen (fits), 0, 4096);
  g_autofree char *b = fixture_read (spec, SYN_FORMAT_CSV, TRUE, no, strlen (no), 0, 0);
  g_autofree char *c = fixture_read (spec, SYN_FORMAT_CSV, TRUE, endless, strlen (endless), 0, 4096);
  g_autofree char *d = fixture_read (spec, SYN_FORMAT_CSV, TRUE, stray, strlen (stray), 0, 4096);

  g_assert_cmpuint (strlen (a), ==, 2 * (SYN_MAX_STRING_BYTES + 5));
  g_assert_cmpstr (b, ==, "\"a\"|1\n!4:1:s: field \"s\": a string of 65537 bytes, at most 65536 are allowed");
  /* quotes may hold newlines, but not a megabyte of them; a stray one holds none */
  g_assert_cmpstr (c, ==, "!2:1048576:: the line is longer than 1048576 bytes");
  g_assert_cmpstr (d, ==, "!2:2:s: field \"s\": a quote inside a cell without quotes");
}

/* A body that is one line of nothing but quotes: looked through once. (At a look per quote, 16 MB take a quarter of an hour.) */
static void
test_all_quotes (void)
{
  const gsize n_bytes = 16u << 20;
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("s:string i:int64");
  g_autoptr (GString) text = g_string_sized_new (n_bytes + 8);
  g_autofree char *whole = NULL, *ended = NULL, *pieces = NULL;

  g_string_append (text, "s,i\n");
  for (gsize i = 0; i < n_bytes; i++)
    g_string_append_c (text, '"');
  whole = fixture_read (spec, SYN_FORMAT_CSV, TRUE, text->str, text->len, 0, 0);
  g_assert_cmpstr (whole, ==, "!2:1048576:: the line is longer than 1048576 bytes");
  pieces = fixture_read (spec, SYN_FORMAT_CSV, TRUE, text->str, text->len, 0, 1u << 19);
  g_assert_cmpstr (pieces, ==, whole);
  g_string_append_c (text, '\n');
  ended = fixture_read (spec, SYN_FORMAT_CSV, TRUE, text->str, text->len, 0, 0);
  g_assert_cmpstr (ended, ==, whole);
}

/* Strings of all kinds written as RFC 4180 has it come back the same. */
static void
test_round_trip (void)
{
  static const char alphabet[] = "ab,\"\n\r \t;'";
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("s:string i:int64");
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autoptr (GString) text = g_string_new ("i,s\n"), expected = g_string_new (NULL);

  for (guint i = 0; i < 50; i++)
    {
      guint length = (guint) g_rand_int_range (rand, 0, 14);

      g_string_append_printf (text, "%u,\"", i);
      g_string_append_c (expected, '"');
      for (guint k = 0; k < length; k++)
        {
          char c = alphabet[g_rand_int_range (rand, 0, (gint32) sizeof alphabet - 1)];

          g_string_append_c (text, c);
          if (c == '"')
            g_string_append_c (text, c);
          if (c == '"' || (guchar) c < 0x20)
            g_string_append_printf (expected, "\\%03o", (guint) c);
          else
            g_string_append_c (expected, c);
        }
      g_string_append (text, i % 3 == 0 ? "\"\r\n" : "\"\n");
      g_string_append_printf (expected, "\"|%u\n", i);
    }
  {
    g_autofree char *read = fixture_read_all_ways (spec, SYN_FORMAT_CSV, TRUE, text->str, text->len);
    g_assert_cmpstr (read, ==, expected->str);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/csv-reader/header", test_header);
  g_test_add_func ("/csv-reader/columns", test_columns);
  g_test_add_func ("/csv-reader/limits", test_limits);
  g_test_add_func ("/csv-reader/all-quotes", test_all_quotes);
  g_test_add_func ("/csv-reader/round-trip", test_round_trip);
  return g_test_run ();
}
