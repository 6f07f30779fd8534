/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The strict reader of NDJSON and JSON arrays: table-driven; each text is read whole, split at each byte, and
 * byte by byte. */
#include "source-fixture.h"
#include "syn-limits.h"

#define ALL "f:bool i:int64 d:double m:decimal(4) s:string t:timestamp"

static const FixtureCase ndjson_cases[] = {
  /* framing */
  { "i:int64", "", "" },
  { "i:int64", "\n\r\n  \n\t\r\n", "" },
  { "i:int64", "{\"i\":1}\n{\"i\":2}\n", "1\n2\n" },
  { "i:int64", "{\"i\":1}\r\n\r\n{\"i\":2}", "1\n2\n" },
  { "i:int64", "\xef\xbb\xbf{\"i\":1}\n", "1\n" },
  { "i:int64", "\xef\xbb{\"i\":1}\n", "!1:1:: expected an event, a JSON object, found byte 0xef" },
  { "i:int64", "\xef\xbb", "!1:1:: expected an event, a JSON object, found byte 0xef" },
  { "i:int64", "{\"i\":1}\n\xef\xbb\xbf{\"i\":1}\n",
    "1\n!2:1:: expected an event, a JSON object, found byte 0xef" },
  { "i:int64", " { \"i\" : 1 } \n", "1\n" },
  { "i:int64 j:int64", "\t{\t\"j\"\t:\t1\t,\t\"i\"\t:\t2\t}\t\n", "2|1\n" },
  { "i:int64", "{}\n{ }\n", "-\n-\n" },
  { "i:int64", "{\"i\":1}\n{\"i\":", "1\n!2:6:: the text ends inside an event" },
  { "i:int64", "{\"i\":1}{\"i\":2}\n", "!1:8:: expected the end of the line after the event, found '{'" },
  { "i:int64", "{\"i\":1},\n", "!1:8:: expected the end of the line after the event, found ','" },
  { "i:int64", "[{\"i\":1}]\n", "!1:1:: expected an event, a JSON object; found an array" },
  { "i:int64", "\n\n12\n", "!3:1:: expected an event, a JSON object; found a number" },
  { "i:int64", "hello\n", "!1:1:: expected an event, a JSON object, found 'h'" },
  { "i:int64", "{\"i\":1,}\n", "!1:8:: expected a field's name in quotes, found '}'" },
  { "i:int64", "{,}\n", "!1:2:: expected a field's name in quotes, found ','" },
  { "i:int64", "{i:1}\n", "!1:2:: expected a field's name in quotes, found 'i'" },
  { "i:int64", "{\"i\" 1}\n", "!1:6:i: field \"i\": expected ':', found '1'" },
  { "i:int64", "{\"i\"=1}\n", "!1:5:i: field \"i\": expected ':', found '='" },
  { "i:int64", "{\"i\":1;}\n", "!1:7:: expected ',' or '}' after a value, found ';'" },
  { "i:int64", "{\"i\":1]\n", "!1:7:: expected ',' or '}' after a value, found ']'" },
  { "i:int64", "{\"i\":1", "!1:7:: the text ends inside an event" },
  { "i:int64", "{\"i\"\n", "!1:5:: the text ends inside an event" },
  { "i:int64", "{\n", "!1:2:: the text ends inside an event" },
  { "i:int64", "{\"i\n", "!1:4:: the text ends inside a string" },
  { "i:int64", "{\"i\":1}\n{\"i\":1 /* c */}\n", "1\n!2:8:: expected ',' or '}' after a value, found '/'" },
  /* fields */
  { "i:int64 j:int64", "{\"i\":1}\n{\"j\":2}\n{\"j\":3,\"i\":4}\n", "1|-\n-|2\n4|3\n" },
  { "i:int64", "{\"i\":1,\"i\":2}\n", "!1:8:i: field \"i\": given twice in one event" },
  { "i:int64", "{\"i\":null,\"\\u0069\":2}\n", "!1:11:i: field \"i\": given twice in one event" },
  { "i:int64", "{\"\\u0069\":2}\n", "2\n" },
  { "price:int64", "{\"prise\":1}\n",
    "!1:2:prise: unknown field \"prise\" of source \"trades\"; did you mean \"price\"?" },
  { "i:int64", "{\"completely different\":1}\n",
    "!1:2:completely different: unknown field \"completely different\" of source \"trades\"" },
  { "i:int64", "{\"\":1}\n", "!1:2:: unknown field \"\" of source \"trades\"" },
  { "i:int64=a\"b", "{\"a\\\"b\":1}\n", "1\n" },
  { "i:int64=näme j:int64", "{\"näme\":1,\"j\":2}\n{\"n\\u00e4me\":3}\n", "1|2\n3|-\n" },
  { "p:decimal(2)=x q:double=x s:int64", "{\"x\":1.25,\"s\":1}\n{\"x\": 2}\n{\"x\":null}\n",
    "1.25|1.25|1\n2.00|2|-\n-|-|-\n" },
  /* null, wrong types */
  { ALL, "{\"f\":null,\"i\":null,\"d\":null,\"m\":null,\"s\":null,\"t\":null}\n", "-|-|-|-|-|-\n" },
  { ALL, "{\"f\": null , \"s\": null}\n", "-|-|-|-|-|-\n" },
  { ALL, "{\"i\":nul}\n", "!1:9:i: field \"i\": expected null" },
  { ALL, "{\"m\":\"1.5\"}\n", "!1:6:m: field \"m\": expected decimal(4), found a string" },
  { ALL, "{\"i\":\"1\"}\n", "!1:6:i: field \"i\": expected int64, found a string" },
  { ALL, "{\"d\":true}\n", "!1:6:d: field \"d\": expected double, found a boolean" },
  { ALL, "{\"f\":1}\n", "!1:6:f: field \"f\": expected true or false, found a number" },
  { ALL, "{\"f\":\"true\"}\n", "!1:6:f: field \"f\": expected true or false, found a string" },
  { ALL, "{\"s\":1}\n", "!1:6:s: field \"s\": expected a string, found a number" },
  { ALL, "{\"s\":{}}\n", "!1:6:s: field \"s\": expected a string, found an object" },
  { ALL, "{\"s\":[\"x\"]}\n", "!1:6:s: field \"s\": expected a string, found an array" },
  { ALL, "{\"t\":1}\n",
    "!1:6:t: field \"t\": expected a timestamp as \"2024-05-01T14:30:00Z\", found a number" },
  { ALL, "{\"d\":NaN}\n", "!1:6:d: field \"d\": expected double, found 'N'" },
  { ALL, "{\"d\":Infinity}\n", "!1:6:d: field \"d\": expected double, found 'I'" },
  { ALL, "{\"d\":-Infinity}\n", "!1:7:d: field \"d\": expected a digit, found 'I'" },
  { ALL, "{\"d\":+1}\n", "!1:6:d: field \"d\": expected double, found '+'" },
  { ALL, "{\"d\":.5}\n", "!1:6:d: field \"d\": expected double, found '.'" },
  { ALL, "{\"d\":5.}\n", "!1:8:d: field \"d\": expected a digit after the point, found '}'" },
  { ALL, "{\"d\":1e}\n", "!1:8:d: field \"d\": expected a digit of the exponent, found '}'" },
  { ALL, "{\"d\":01}\n", "!1:7:: expected ',' or '}' after a value, found '1'" },
  { ALL, "{\"d\":0x1}\n", "!1:7:: expected ',' or '}' after a value, found 'x'" },
  { ALL, "{\"f\":tru}\n", "!1:9:f: field \"f\": expected true" },
  { ALL, "{\"f\":True}\n", "!1:6:f: field \"f\": expected true or false, found 'T'" },
  { ALL, "{\"f\":truex}\n", "!1:10:: expected ',' or '}' after a value, found 'x'" },
  { ALL, "{\"f\":true,\"i\":-7,\"d\":1.5e3,\"m\":-0.0001,\"s\":\"x\",\"t\":\"2024-05-01T14:30:00Z\"}\n",
    "true|-7|1500|-0.0001|\"x\"|2024-05-01T14:30:00Z\n" },
  /* int64 */
  { "i:int64", "{\"i\":0}\n{\"i\":-0}\n{\"i\":9223372036854775807}\n{\"i\":-9223372036854775808}\n",
    "0\n0\n9223372036854775807\n-9223372036854775808\n" },
  { "i:int64", "{\"i\":9223372036854775808}\n",
    "!1:6:i: field \"i\": \"9223372036854775808\" is out of the range of int64" },
  { "i:int64", "{\"i\":-9223372036854775809}\n",
    "!1:6:i: field \"i\": \"-9223372036854775809\" is out of the range of int64" },
  { "i:int64", "{\"i\":1.0}\n{\"i\":1e3}\n{\"i\":12.50e1}\n", "1\n1000\n125\n" },
  { "i:int64", "{\"i\":1.5}\n",
    "!1:6:i: field \"i\": expected int64, found \"1.5\", which is no whole number" },
  { "i:int64", "{\"i\":1e400}\n", "!1:6:i: field \"i\": \"1e400\" is out of the range of int64" },
  { "i:int64", "{\"i\":12345678}\n{\"i\":123456789}\n{\"i\":123456789012345678}\n",
    "12345678\n123456789\n123456789012345678\n" },
  /* decimals */
  { "m:decimal(4)", "{\"m\":1}\n{\"m\":1.1}\n{\"m\":-1.2345}\n{\"m\":1.10000}\n{\"m\":1e-4}\n",
    "1.0000\n1.1000\n-1.2345\n1.1000\n0.0001\n" },
  { "m:decimal(4)", "{\"m\":1.23456}\n", "!1:6:m: field \"m\": \"1.23456\" has more than 4 decimals" },
  { "m:decimal(4)", "{\"m\":922337203685477.5807}\n", "922337203685477.5807\n" },
  { "m:decimal(4)", "{\"m\":922337203685477.5808}\n",
    "!1:6:m: field \"m\": \"922337203685477.5808\" is out of the range of decimal(4)" },
  { "m:decimal(0)", "{\"m\":7}\n", "7\n" },
  { "m:decimal(18)", "{\"m\":1.5}\n{\"m\":-0.000000000000000001}\n",
    "1.500000000000000000\n-0.000000000000000001\n" },
  /* doubles */
  { "d:double",
    "{\"d\":0.1}\n{\"d\":1e23}\n{\"d\":5e-324}\n{\"d\":1.7976931348623157e308}\n{\"d\":9007199254740993}\n",
    "0.1\n1e23\n5e-324\n1.7976931348623157e308\n9007199254740992\n" },
  { "d:double", "{\"d\":1e309}\n", "!1:6:d: field \"d\": \"1e309\" is out of the range of double" },
  /* timestamps */
  { "t:timestamp",
    "{\"t\":\"2024-05-01T14:30:00Z\"}\n{\"t\":\"2024-05-01T14:30:00.5Z\"}\n{\"t\":\"2024-05-01T14:30:00."
    "1234567Z\"}\n"
    "{\"t\":\"2024-05-01 14:30:00+02:00\"}\n{\"t\":\"2024-05-02T00:00:00.000001Z\"}\n",
    "2024-05-01T14:30:00Z\n2024-05-01T14:30:00.500Z\n2024-05-01T14:30:00.123456Z\n2024-05-01T12:30:00Z\n"
    "2024-05-02T00:00:00.000001Z\n" },
  { "t:timestamp", "{\"t\":\"2024-05-01T14:30:00Z\"}\n{\"t\":\"2024-05-01T24:00:00Z\"}\n",
    "2024-05-01T14:30:00Z\n!2:6:t: field \"t\": \"2024-05-01T24:00:00Z\" is no time of the years 0001 to "
    "9999" },
  { "t:timestamp", "{\"t\":\"2024-05-01T14:30:00Z\"}\n{\"t\":\"2024-05-01T14:3a:00Z\"}\n",
    "2024-05-01T14:30:00Z\n!2:6:t: field \"t\": expected a timestamp as \"2024-05-01T14:30:00Z\", found "
    "\"2024-05-01T14:3a:00Z\"" },
  { "t:timestamp", "{\"t\":\"2024-02-30T00:00:00Z\"}\n",
    "!1:6:t: field \"t\": \"2024-02-30T00:00:00Z\" is no time of the years 0001 to 9999" },
  { "t:timestamp", "{\"t\":\"2024-05-01T14:30:00Zx\"}\n",
    "!1:6:t: field \"t\": expected a timestamp as \"2024-05-01T14:30:00Z\", found "
    "\"2024-05-01T14:30:00Zx\"" },
  { "t:timestamp", "{\"t\":\"2024\\u002d05-01T14:30:00Z\"}\n", "2024-05-01T14:30:00Z\n" },
  { "t:timestamp", "{\"t\":\"0001-01-01T00:00:00Z\"}\n{\"t\":\"9999-12-31T23:59:59.999999Z\"}\n",
    "0001-01-01T00:00:00Z\n9999-12-31T23:59:59.999999Z\n" },
  { "t:timestamp@ms",
    "{\"t\":43.142}\n{\"t\":43.1429}\n{\"t\":-0.0001}\n{\"t\":1714573800000}\n{\"t\":1.5e3}\n{\"t\":0}\n",
    "1970-01-01T00:00:00.043142Z\n1970-01-01T00:00:00.043142Z\n1969-12-31T23:59:59.999999Z\n2024-05-01T14:30:"
    "00Z\n"
    "1970-01-01T00:00:01.500Z\n1970-01-01T00:00:00Z\n" },
  { "t:timestamp@ns", "{\"t\":1714573800123456789}\n{\"t\":-1}\n{\"t\":999}\n",
    "2024-05-01T14:30:00.123456Z\n1969-12-31T23:59:59.999999Z\n1970-01-01T00:00:00Z\n" },
  { "t:timestamp@s", "{\"t\":1714573800}\n{\"t\":1714573800.0000019}\n{\"t\":253402300799}\n",
    "2024-05-01T14:30:00Z\n2024-05-01T14:30:00.000001Z\n9999-12-31T23:59:59Z\n" },
  { "t:timestamp@s", "{\"t\":253402300800}\n",
    "!1:6:t: field \"t\": \"253402300800\" is no time of the years 0001 to 9999" },
  { "t:timestamp@us", "{\"t\":1e400}\n",
    "!1:6:t: field \"t\": \"1e400\" is no time of the years 0001 to 9999" },
  { "t:timestamp@us", "{\"t\":0e999999999999999}\n{\"t\":1e-400}\n{\"t\":-1e-400}\n",
    "1970-01-01T00:00:00Z\n1970-01-01T00:00:00Z\n1969-12-31T23:59:59.999999Z\n" },
  { "t:timestamp@ms", "{\"t\":\"5\"}\n",
    "!1:6:t: field \"t\": expected a timestamp in ms, a number, found a string" },
  /* strings */
  { "s:string",
    "{\"s\":\"\"}\n{\"s\":\"a\"}\n{\"s\":\"1234567\"}\n{\"s\":\"12345678\"}\n{\"s\":\"123456789\"}\n"
    "{\"s\":\"a longer one than any word\"}\n",
    "\"\"\n\"a\"\n\"1234567\"\n\"12345678\"\n\"123456789\"\n\"a longer one than any word\"\n" },
  { "s:string", "{\"s\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"}\n",
    "\"\\042\\134/\\010\\014\\012\\015\\011A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"\n" },
  { "s:string", "{\"s\":\"a\\u0000b\"}\n", "\"a\\000b\"\n" },
  { "s:string", "{\"s\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xef\xbf\xbf\"}\n",
    "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\xef\xbf\xbf\"\n" },
  { "s:string", "{\"s\":\"x\xc0\x80\"}\n", "!1:8:s: field \"s\": byte 0xc0 is not UTF-8" },
  { "s:string", "{\"s\":\"\xe0\x9f\xbf\"}\n", "!1:8:s: field \"s\": byte 0x9f is not UTF-8" },
  { "s:string", "{\"s\":\"\xed\xa0\x80\"}\n", "!1:8:s: field \"s\": byte 0xa0 is not UTF-8" },
  { "s:string", "{\"s\":\"\xf0\x8f\xbf\xbf\"}\n", "!1:8:s: field \"s\": byte 0x8f is not UTF-8" },
  { "s:string", "{\"s\":\"\xf4\x90\x80\x80\"}\n", "!1:8:s: field \"s\": byte 0x90 is not UTF-8" },
  { "s:string", "{\"s\":\"\xf5\x80\x80\x80\"}\n", "!1:7:s: field \"s\": byte 0xf5 is not UTF-8" },
  { "s:string", "{\"s\":\"\x80\"}\n", "!1:7:s: field \"s\": byte 0x80 is not UTF-8" },
  { "s:string", "{\"s\":\"\xe2\x82\"}\n", "!1:9:s: field \"s\": byte 0x22 is not UTF-8" },
  { "s:string", "{\"s\":\"\xe2\x82\n", "!1:9:: the text ends inside a string" },
  { "s:string", "{\"s\":\"a\tb\"}\n",
    "!1:8:s: field \"s\": a control character (0x09) in a string must be written as \\u0009" },
  { "s:string", "{\"s\":\"\\ud83d\"}\n", "!1:7:s: field \"s\": a lone surrogate in a string" },
  { "s:string", "{\"s\":\"\\ude00\"}\n", "!1:7:s: field \"s\": a lone surrogate in a string" },
  { "s:string", "{\"s\":\"\\ud83d\\u0041\"}\n", "!1:7:s: field \"s\": a lone surrogate in a string" },
  { "s:string", "{\"s\":\"\\ud83dx\"}\n", "!1:7:s: field \"s\": a lone surrogate in a string" },
  { "s:string", "{\"s\":\"\\u00g0\"}\n", "!1:7:s: field \"s\": expected four hexadecimal digits after \\u" },
  { "s:string", "{\"s\":\"\\x41\"}\n", "!1:7:s: field \"s\": unknown escape in a string" },
  { "s:string", "{\"s\":\"\\\n", "!1:8:: the text ends inside a string" },
  { "s:string", "{\"s\":\"\\u12\n", "!1:11:: the text ends inside a string" },
  { "s:string", "{\"s\":'x'}\n", "!1:6:s: field \"s\": expected a string, found '''" },
};

static void
test_ndjson (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (ndjson_cases); i++)
    fixture_check_case (&ndjson_cases[i], SYN_FORMAT_NDJSON, TRUE);
}

static const FixtureCase array_cases[] = {
  { "s:string", "[{\"s\":\"\\\"\"}]", "\"\\042\"\n" },
  { "i:int64", "", "" },
  { "i:int64", " \n ", "" },
  { "i:int64", "[]", "" },
  { "i:int64", "\xef\xbb\xbf[ ]\n", "" },
  { "i:int64", "[{\"i\":1}]", "1\n" },
  { "i:int64", "[{\"i\":1},{\"i\":2},{}]\n", "1\n2\n-\n" },
  { "i:int64 s:string", "[\n  {\n    \"i\": 1,\n    \"s\": \"}]{[\\\"}\"\n  }\n  ,\n  { \"i\" : 2 }\n]\n",
    "1|\"}]{[\\042}\"\n2|-\n" },
  { "i:int64", "{\"i\":1}", "!1:1:: expected an array of events, '[', found '{'" },
  { "i:int64", "[1]", "!1:2:: expected an event, a JSON object, found '1'" },
  { "i:int64", "[{\"i\":1},]", "1\n!1:10:: expected an event, a JSON object, found ']'" },
  { "i:int64", "[,]", "!1:2:: expected an event, a JSON object, found ','" },
  { "i:int64", "[{\"i\":1} {\"i\":2}]", "1\n!1:10:: expected ',' or ']' after an event, found '{'" },
  { "i:int64", "[{\"i\":1}]]", "1\n!1:10:: expected the end of the text after the array, found ']'" },
  { "i:int64", "[{\"i\":1}]\n\n[]", "1\n!3:1:: expected the end of the text after the array, found '['" },
  { "i:int64", "[", "!1:2:: the text ends inside the array: expected ']'" },
  { "i:int64", "[{\"i\":1}\n", "1\n!2:1:: the text ends inside the array: expected ']'" },
  { "i:int64", "[{\"i\":1},\n {\"i\":2", "1\n!2:8:: the text ends inside an event" },
  { "i:int64", "[{\"i\":1},\n {\"i\":\"x", "1\n!2:7:i: field \"i\": expected int64, found a string" },
  { "i:int64", "[{\"i\":1},\n {\"i\":1.5}]",
    "1\n!2:7:i: field \"i\": expected int64, found \"1.5\", which is no whole number" },
  { "i:int64", "[{\"i\":1},\n {\"j\":\n1.5}]", "1\n!2:3:j: unknown field \"j\" of source \"trades\"" },
  { "i:int64", "[{\"i\":\n\n{}}]", "!3:1:i: field \"i\": expected int64, found an object" },
  { "s:string", "[{\"s\":\"a\nb\"}]",
    "!1:9:s: field \"s\": a control character (0x0a) in a string must be written as \\u000a" },
  { "s:string", "[{\"s\":\"\\\\\"},{\"s\":\"\\\"}\"}]", "\"\\134\"\n\"\\042}\"\n" },
};

static void
test_array (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (array_cases); i++)
    fixture_check_case (&array_cases[i], SYN_FORMAT_JSON, TRUE);
}

/* Arrays much longer than the window, and objects as long as it, at all kinds of piece sizes. */
static void
test_array_window (void)
{
  static const gsize pieces[] = { 0, 1000, 4096, 65535, 65536, 65537, 200000 };
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("i:int64 s:string");
  g_autoptr (GString) text = g_string_new ("["), expected = g_string_new (NULL);

  for (guint i = 0; i < 400; i++)
    {
      gsize length = i % 50 == 7 ? 65000 - i : i * 7 % 900;
      g_autofree char *filler = g_strnfill (length, (char) ('a' + i % 26));

      g_string_append_printf (text, "%s\n{\"i\":%u,\"s\":\"%s\"}", i > 0 ? "," : "", i, filler);
      g_string_append_printf (expected, "%u|\"%s\"\n", i, filler);
    }
  g_string_append (text, "]");
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autofree char *read = fixture_read (spec, SYN_FORMAT_JSON, TRUE, text->str, text->len, 0, pieces[i]);
      g_assert_cmpstr (read, ==, expected->str);
    }
  /* and the place of a mistake far behind the first window */
  text->str[text->len - 2] = '!';
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autofree char *read = fixture_read (spec, SYN_FORMAT_JSON, TRUE, text->str, text->len, 0, pieces[i]);
      g_assert_true (g_str_has_suffix (read, "!401:109:: expected ',' or '}' after a value, found '!'"));
    }
}

/* An event of exactly @length bytes, most of them spaces between its members. */
static char *
long_line (gsize length)
{
  char *line = g_strnfill (length, ' ');

  memcpy (line, "{\"i\":1,", 7);
  memcpy (line + length - 7, "\"s\":\"\"}", 7);
  return line;
}

static void
test_limits (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("i:int64 s:string");
  g_autofree char *just = long_line (SYN_MAX_LINE_BYTES), *over = long_line (SYN_MAX_LINE_BYTES + 1);
  g_autofree char *string = g_strnfill (SYN_MAX_STRING_BYTES, 'x');
  static const gsize pieces[] = { 0, 65536, 100001 };

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++)
    {
      g_autofree char *text = g_strconcat ("{\"i\":0}\n", just, "\n", NULL),
                      *array = g_strconcat ("[", just, "]", NULL);
      g_autofree char *long_text = g_strconcat ("{\"i\":0}\n", over, "\n", NULL),
                      *long_array = g_strconcat ("[", over, "]", NULL);
      g_autofree char *a = fixture_read (spec, SYN_FORMAT_NDJSON, TRUE, text, strlen (text), 0, pieces[i]);
      g_autofree char *b =
          fixture_read (spec, SYN_FORMAT_NDJSON, TRUE, long_text, strlen (long_text), 0, pieces[i]);
      g_autofree char *c = fixture_read (spec, SYN_FORMAT_JSON, TRUE, array, strlen (array), 0, pieces[i]);
      g_autofree char *d =
          fixture_read (spec, SYN_FORMAT_JSON, TRUE, long_array, strlen (long_array), 0, pieces[i]);

      g_assert_cmpstr (a, ==, "0|-\n1|\"\"\n");
      g_assert_cmpstr (b, ==, "0|-\n!2:1048576:: the line is longer than 1048576 bytes");
      g_assert_cmpstr (c, ==, "1|\"\"\n");
      g_assert_cmpstr (d, ==, "!1:2:: the event is longer than 1048576 bytes");
    }
  {
    g_autofree char *fits = g_strdup_printf ("{\"s\":\"%s\"}", string),
                    *no = g_strdup_printf ("{\"s\":\"%sx\"}", string);
    g_autofree char *escaped = g_strdup_printf ("{\"s\":\"\\n%s\"}", string);
    g_autofree char *a = fixture_read (spec, SYN_FORMAT_NDJSON, TRUE, fits, strlen (fits), 0, 0);
    g_autofree char *b = fixture_read (spec, SYN_FORMAT_NDJSON, TRUE, no, strlen (no), 0, 0);
    g_autofree char *c = fixture_read (spec, SYN_FORMAT_NDJSON, TRUE, escaped, strlen (escaped), 0, 0);

    g_assert_cmpuint (strlen (a), ==, SYN_MAX_STRING_BYTES + 5);
    g_assert_cmpstr (b, ==, "!1:6:s: field \"s\": a string of 65537 bytes, at most 65536 are allowed");
    g_assert_cmpstr (c, ==, "!1:6:s: field \"s\": a string of 65537 bytes, at most 65536 are allowed");
  }
}

/* A gigabyte without a newline: refused after the first one that is too many, with its line; nothing of it is
 * kept. */
static void
test_endless_line (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("s:string");
  g_autofree char *piece = g_strnfill (1 << 20, 'x');
  static const SynFormat formats[] = { SYN_FORMAT_NDJSON, SYN_FORMAT_CSV, SYN_FORMAT_JSON };

  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    {
      g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, formats[f], FALSE);
      g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
      g_autoptr (GError) error = NULL;
      SynReadPlace place = { 0 };
      guint n = 0;
      const char *start = formats[f] == SYN_FORMAT_JSON  ? "\n[{\"s\":\""
                          : formats[f] == SYN_FORMAT_CSV ? "\n\""
                                                         : "\n{\"s\":\"";

      g_assert_true (syn_event_reader_feed (reader, builder, start, strlen (start), &place, &error));
      while (n < 1024 && syn_event_reader_feed (reader, builder, piece, 1 << 20, &place, &error))
        n++;
      g_assert_cmpuint (n, <=, 1);
      g_assert_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
      g_assert_cmpuint (place.line, ==, 2);
      g_assert_cmpuint (reader->carry_size, <=, 3 * SYN_MAX_LINE_BYTES);
      g_clear_error (&error);
      /* and it stays refused */
      g_assert_false (syn_event_reader_feed (reader, builder, "\n", 1, &place, &error));
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_clear_error (&error);
      g_assert_false (syn_event_reader_finish (reader, builder, &place, &error));
      g_assert_nonnull (error);
    }
}

static void
test_max_events (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("i:int64");
  static const struct
  {
    SynFormat format;
    const char *text;
  } cases[] = {
    { SYN_FORMAT_NDJSON, "{\"i\":1}\n{\"i\":2}\n{\"i\":3}\n" },
    { SYN_FORMAT_JSON, "[{\"i\":1}\n,{\"i\":2},\n{\"i\":3}]" },
    { SYN_FORMAT_CSV, "i\n1\n2\n3\n" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (guint max = 2; max <= 3; max++)
      {
        g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, cases[i].format, TRUE);
        g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
        g_autoptr (GError) error = NULL;
        SynReadPlace place = { 0 };
        gboolean ok;

        syn_event_reader_set_max_events (reader, max);
        ok = syn_event_reader_feed (reader, builder, cases[i].text, strlen (cases[i].text), &place, &error)
             && syn_event_reader_finish (reader, builder, &place, &error);
        g_assert_true (ok == (max == 3));
        if (ok)
          continue;
        g_assert_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE);
        g_assert_cmpstr (error->message, ==, "more than 2 events");
        g_assert_cmpuint (place.line, ==, i == 2 ? 4 : 3);
      }
}

static void
test_feed_some (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("i:int64");
  g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, SYN_FORMAT_NDJSON, FALSE);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  static const char text[] = "\xef\xbb\xbf\n{\"i\":1}\n\n{\"i\":2}\n{\"i\":3}\n{\"i\":4";
  static const gsize consumed[] = { 12, 21, 29, 35 };
  SynReadPlace place;
  gsize at = 0, used;

  for (guint i = 0; i < G_N_ELEMENTS (consumed); i++)
    {
      g_assert_true (syn_event_reader_feed_some (reader, builder, text + at, strlen (text) - at, 1, &used,
                                                 &place, NULL));
      at += used;
      g_assert_cmpuint (at, ==, consumed[i]);
      g_assert_cmpuint (syn_event_builder_get_n_events (builder), ==, MIN (i + 1, 3));
    }
  g_assert_true (syn_event_reader_feed_some (reader, builder, "}\n{\"i\":5}\n", 10, 1, &used, &place, NULL));
  g_assert_cmpuint (used, ==, 2);
  g_assert_cmpuint (syn_event_builder_get_n_events (builder), ==, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-reader/ndjson", test_ndjson);
  g_test_add_func ("/json-reader/array", test_array);
  g_test_add_func ("/json-reader/array-window", test_array_window);
  g_test_add_func ("/json-reader/limits", test_limits);
  g_test_add_func ("/json-reader/endless-line", test_endless_line);
  g_test_add_func ("/json-reader/max-events", test_max_events);
  g_test_add_func ("/json-reader/feed-some", test_feed_some);
  return g_test_run ();
}
