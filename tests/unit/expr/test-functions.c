/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The functions: values at their edges, errors, limits, and that each of them is in the documentation. */
#include "expr-fixture.h"

#include "syn-error.h"
#include "syn-function-private.h"
#include "syn-limits.h"

#include <string.h>

static void
check_values (ExprTable *table, const char *text, const char *type, const char *values)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *found_type = NULL;
  g_autofree char *found = expr_table_evaluate (table, text, &found_type, &error);

  if (found == NULL)
    g_error ("%s: %s", text, error->message);
  if (strcmp (found, values) != 0 || strcmp (found_type, type) != 0)
    g_error ("%s: expected %s of type %s, got %s of type %s", text, values, type, found, found_type);
}

typedef struct {
  const char *text, *type, *values;
} Case;

static void
test_values (void)
{
  /* symbol AAPL MSFT Änd –   last 101.5000 99.9999 -3.2500 –   size 10 -7 2^63-1 –   ratio 0.5 -1.5 1e300 –   n 1 2 3 4 */
  static const Case cases[] = {
    /* is null, between */
    { "symbol is null", "bool", "false|false|false|true" },
    { "symbol is not null", "bool", "true|true|true|false" },
    { "note is null", "bool", "true|true|true|true" },
    { "n is null", "bool", "false|false|false|false" },
    { "null is null", "bool", "true|true|true|true" },
    { "5 is not null", "bool", "true|true|true|true" },
    { "n / 0 is null", "bool", "true|true|true|true" },
    { "(active is null) == (n == 4)", "bool", "true|true|true|true" },
    { "n between 2 and 3", "bool", "false|true|true|false" },
    { "n not between 2 and 3", "bool", "true|false|false|true" },
    { "n between 3 and 2", "bool", "false|false|false|false" },
    { "last between -3.25 and open", "bool", "false|true|true|NULL" },
    { "n between 3 and null", "bool", "false|false|NULL|NULL" },
    { "symbol between 'A' and 'B'", "bool", "true|false|false|NULL" },
    { "time between '1960-01-01T00:00:00Z' and '2014-05-01T05:00:00Z'", "bool", "true|false|true|NULL" },
    { "2 between n and 3", "bool", "true|true|false|false" },
    /* remainders */
    { "n % 2", "int64", "1|0|1|0" },
    { "size % 4", "int64", "2|-3|3|NULL" },
    { "size % -4", "int64", "2|-3|3|NULL" },
    { "n % 0", "int64", "NULL|NULL|NULL|NULL" },
    { "-9223372036854775808 % -1", "int64", "0|0|0|0" },
    { "n % null", "int64", "NULL|NULL|NULL|NULL" },
    { "last % 10", "decimal(4)", "1.5000|9.9999|-3.2500|NULL" },
    { "last % 0.3", "decimal(4)", "0.1000|0.0999|-0.2500|NULL" },
    { "last % open", "decimal(4)", "1.5000|99.9999|NULL|NULL" },
    { "ratio % 0.4", "double", "0.09999999999999998|-0.29999999999999993|0.10011215964963494|NULL" },
    { "ratio % 0", "double", "NULL|NULL|NULL|NULL" },
    /* numbers */
    { "sign(size)", "int64", "1|-1|1|NULL" },
    { "sign(last - 99.9999)", "int64", "1|0|-1|NULL" },
    { "sign(ratio)", "int64", "1|-1|1|NULL" },
    { "sign(-0e0)", "int64", "0|0|0|0" },
    { "sqrt(n * n)", "double", "1|2|3|4" },
    { "sqrt(last)", "double", "10.074720839804943|9.99999499999875|NULL|NULL" },
    { "pow(n, 3)", "double", "1|8|27|64" },
    { "pow(ratio, 2)", "double", "0.25|2.25|NULL|NULL" },
    { "pow(0, -1)", "double", "NULL|NULL|NULL|NULL" },
    { "pow(-8, 1/3)", "double", "NULL|NULL|NULL|NULL" },
    { "exp(0)", "double", "1|1|1|1" },
    { "exp(size)", "double", "22026.465794806718|0.0009118819655545162|NULL|NULL" },
    { "ln(1)", "double", "0|0|0|0" },
    { "ln(n - 2)", "double", "NULL|NULL|0|0.6931471805599453" },
    { "log10(open)", "double", "2|2|NULL|0.8450980400142568" },
    { "div(n, 3, 4)", "decimal(4)", "0.3333|0.6667|1.0000|1.3333" },
    { "div(-n, 2, 0)", "decimal(0)", "-1|-1|-2|-2" },
    { "div(n, 2, 0)", "decimal(0)", "1|1|2|2" },
    { "div(n, 8, 2)", "decimal(2)", "0.13|0.25|0.38|0.50" },
    { "div(last, open, 6)", "decimal(6)", "1.015000|0.999999|NULL|NULL" },
    { "div(last, size, 18)", "decimal(18)", "10.150000000000000000|-14.285700000000000000|0.000000000000000000|NULL" },
    { "div(1, n, 18)", "decimal(18)", "1.000000000000000000|0.500000000000000000|0.333333333333333333|0.250000000000000000" },
    { "div(size, 0.000000000000000001, 18)", "decimal(18)", "10000000000000000000.000000000000000000|-7000000000000000000.000000000000000000|NULL|NULL" },
    { "div(size, 0.000000000000000001, 0)", "decimal(0)", "10000000000000000000|-7000000000000000000|9223372036854775807000000000000000000|NULL" },
    { "div(n, 0, 2)", "decimal(2)", "NULL|NULL|NULL|NULL" },
    { "div(n, null, 2)", "decimal(2)", "NULL|NULL|NULL|NULL" },
    { "least(n, 2)", "int64", "1|2|2|2" },
    { "greatest(n, 2.5)", "decimal(1)", "2.5|2.5|3.0|4.0" },
    { "greatest(last, open)", "decimal(4)", "101.5000|100.0000|0.0000|NULL" },
    { "least(ratio, n, 0)", "double", "0|-1.5|0|NULL" },
    { "greatest(symbol, 'MB')", "string", "MB|MSFT|Änd|NULL" },
    { "least(symbol, note)", "string", "NULL|NULL|NULL|NULL" },
    { "least('b', 'a')", "string", "a|a|a|a" },
    { "greatest(time, '2014-01-01T00:00:00Z')", "timestamp", "2014-05-01T05:00:00Z|2014-05-01T05:00:00.250Z|2014-01-01T00:00:00Z|NULL" },
    { "least(n, null)", "int64", "NULL|NULL|NULL|NULL" },
    { "greatest(active, false)", "bool", "true|false|true|NULL" },
    /* strings */
    { "trim('  a b\\t ')", "string", "a b|a b|a b|a b" },
    { "trim('   ')", "string", "|||" },
    { "trim('\xc2\xa0é\xe3\x80\x80')", "string", "é|é|é|é" },
    { "substr(symbol, 2)", "string", "APL|SFT|nd|NULL" },
    { "substr(symbol, 1, 1)", "string", "A|M|Ä|NULL" },
    { "substr(symbol, -2)", "string", "PL|FT|nd|NULL" },
    { "substr(symbol, -9, 2)", "string", "AA|MS|Än|NULL" },
    { "substr(symbol, 0, 2)", "string", "AA|MS|Än|NULL" },
    { "substr(symbol, 9)", "string", "|||NULL" },
    { "substr(symbol, 2, -1)", "string", "|||NULL" },
    { "substr(symbol, 2, 9223372036854775807)", "string", "APL|SFT|nd|NULL" },
    { "substr(symbol, -9223372036854775808, 1)", "string", "A|M|Ä|NULL" },
    { "substr(symbol, n, 1)", "string", "A|S|d|NULL" },
    { "substr('héllo', n, 2)", "string", "hé|él|ll|lo" },
    { "starts_with(symbol, 'AA')", "bool", "true|false|false|NULL" },
    { "starts_with('AAPL.N', symbol)", "bool", "true|false|false|NULL" },
    { "ends_with(symbol, 'T')", "bool", "false|true|false|NULL" },
    { "ends_with(symbol, '')", "bool", "true|true|true|NULL" },
    { "contains(symbol, 'SF')", "bool", "false|true|false|NULL" },
    { "contains(symbol, symbol)", "bool", "true|true|true|NULL" },
    { "not contains(symbol, note)", "bool", "NULL|NULL|NULL|NULL" },
    { "contains('abc', null)", "bool", "NULL|NULL|NULL|NULL" },
    { "replace(symbol, 'A', 'xy')", "string", "xyxyPL|MSFT|Änd|NULL" },
    { "replace(symbol, '', 'xy')", "string", "AAPL|MSFT|Änd|NULL" },
    { "replace('aaa', 'aa', 'b')", "string", "ba|ba|ba|ba" },
    { "split_part('a,b,,c', ',', n)", "string", "a|b||c" },
    { "split_part('a,b,,c', ',', -n)", "string", "c||b|a" },
    { "split_part('a,b', ',', 3)", "string", "NULL|NULL|NULL|NULL" },
    { "split_part('a,b', ',', -3)", "string", "NULL|NULL|NULL|NULL" },
    { "split_part('a,b', ',', 0)", "string", "NULL|NULL|NULL|NULL" },
    { "split_part('a,b', '', 1)", "string", "a,b|a,b|a,b|a,b" },
    { "split_part('a::b', '::', 2)", "string", "b|b|b|b" },
    { "concat(symbol, '.', n)", "string", "AAPL.1|MSFT.2|Änd.3|NULL" },
    { "concat(symbol, '.N')", "string", "AAPL.N|MSFT.N|Änd.N|NULL" },
    { "concat('x', n, last, active, ratio, 1.50, true, 5e-1)", "string",
      "x1101.5000true0.51.50true0.5|x299.9999false-1.51.50true0.5|x3-3.2500true1e3001.50true0.5|NULL" },
    { "concat('a', 'b')", "string", "ab|ab|ab|ab" },
    { "concat(symbol)", "string", "AAPL|MSFT|Änd|NULL" },
    { "concat(symbol, null)", "string", "NULL|NULL|NULL|NULL" },
    { "text(last)", "string", "101.5000|99.9999|-3.2500|NULL" },
    { "text(active)", "string", "true|false|true|NULL" },
    { "text(time)", "string", "2014-05-01T05:00:00Z|2014-05-01T05:00:00.250Z|1969-12-31T23:59:59Z|NULL" },
    { "text(symbol)", "string", "AAPL|MSFT|Änd|NULL" },
    { "text(2.50)", "string", "2.50|2.50|2.50|2.50" },
    { "number('1.5e1')", "double", "15|15|15|15" },
    { "number(symbol)", "double", "NULL|NULL|NULL|NULL" },
    { "number(text(last), 4) == last", "bool", "true|true|true|NULL" },
    { "number('1.25', 2)", "decimal(2)", "1.25|1.25|1.25|1.25" },
    { "number('1.25', 1)", "decimal(1)", "NULL|NULL|NULL|NULL" },
    { "number(' 1')", "double", "NULL|NULL|NULL|NULL" },
    { "number('1e999')", "double", "NULL|NULL|NULL|NULL" },
    { "timestamp(text(time)) == time", "bool", "true|true|true|NULL" },
    { "timestamp('soon') is null", "bool", "true|true|true|true" },
    { "matches(symbol, '^A+')", "bool", "true|false|false|NULL" },
    { "matches(symbol, '[a-z]')", "bool", "false|false|true|NULL" },
    { "extract(symbol, '[A-Z](.)')", "string", "A|S|NULL|NULL" },
    { "extract(symbol, '..$')", "string", "PL|FT|nd|NULL" },
    { "extract(symbol, '(x)?A')", "string", "NULL|NULL|NULL|NULL" },
    { "extract('k=42;', 'k=([0-9]+)')", "string", "42|42|42|42" },
    /* times */
    { "year(time)", "int64", "2014|2014|1969|NULL" },
    { "month(time)", "int64", "5|5|12|NULL" },
    { "day(time)", "int64", "1|1|31|NULL" },
    { "hour(time)", "int64", "5|5|23|NULL" },
    { "minute(time)", "int64", "0|0|59|NULL" },
    { "second(time)", "int64", "0|0|59|NULL" },
    { "weekday(time)", "int64", "4|4|3|NULL" },
    { "weekday('2024-02-29T12:00:00+14:00')", "int64", "3|3|3|3" },
    { "day('2024-02-29T12:00:00Z')", "int64", "29|29|29|29" },
    { "year('0001-01-01T00:00:00Z') + year('9999-12-31T23:59:59Z')", "int64", "10000|10000|10000|10000" },
    { "trunc(time, '1h')", "timestamp", "2014-05-01T05:00:00Z|2014-05-01T05:00:00Z|1969-12-31T23:00:00Z|NULL" },
    { "trunc(time, '500ms')", "timestamp", "2014-05-01T05:00:00Z|2014-05-01T05:00:00Z|1969-12-31T23:59:59Z|NULL" },
    { "trunc(time, '1d')", "timestamp", "2014-05-01T00:00:00Z|2014-05-01T00:00:00Z|1969-12-31T00:00:00Z|NULL" },
    { "trunc(time, 'week')", "timestamp", "2014-04-28T00:00:00Z|2014-04-28T00:00:00Z|1969-12-29T00:00:00Z|NULL" },
    { "trunc(time, 'month')", "timestamp", "2014-05-01T00:00:00Z|2014-05-01T00:00:00Z|1969-12-01T00:00:00Z|NULL" },
    { "trunc(time, 'quarter')", "timestamp", "2014-04-01T00:00:00Z|2014-04-01T00:00:00Z|1969-10-01T00:00:00Z|NULL" },
    { "trunc(time, 'year')", "timestamp", "2014-01-01T00:00:00Z|2014-01-01T00:00:00Z|1969-01-01T00:00:00Z|NULL" },
    { "date(time)", "string", "2014-05-01|2014-05-01|1969-12-31|NULL" },
    { "format_time(time, '%Y/%m/%d %H:%M:%S.%f %j %u %%')", "string",
      "2014/05/01 05:00:00.000000 121 4 %|2014/05/01 05:00:00.250000 121 4 %|1969/12/31 23:59:59.000000 365 3 %|NULL" },
    { "format_time(time, '')", "string", "|||NULL" },
    { "time + '5m'", "timestamp", "2014-05-01T05:05:00Z|2014-05-01T05:05:00.250Z|1970-01-01T00:04:59Z|NULL" },
    { "'1d' + time", "timestamp", "2014-05-02T05:00:00Z|2014-05-02T05:00:00.250Z|1970-01-01T23:59:59Z|NULL" },
    { "time - '1d'", "timestamp", "2014-04-30T05:00:00Z|2014-04-30T05:00:00.250Z|1969-12-30T23:59:59Z|NULL" },
    { "time + n * 1000000 - time", "int64", "1000000|2000000|3000000|NULL" },
    { "time + size", "timestamp", "2014-05-01T05:00:00.000010Z|2014-05-01T05:00:00.249993Z|+294247-01-10T04:00:53.775807Z|NULL" },
    { "time + '1s' + 9223372036854775807 is null", "bool", "true|true|false|true" },
    { "time - '2014-05-01T05:00:00Z' > duration('200ms')", "bool", "false|true|false|NULL" },
    { "duration('1h')", "int64", "3600000000|3600000000|3600000000|3600000000" },
    { "time + '1d' > '2014-05-02T05:00:00Z'", "bool", "false|true|false|NULL" },
  };
  g_autoptr (ExprTable) table = expr_table_new_trades ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check_values (table, cases[i].text, cases[i].type, cases[i].values);
}

static void
test_errors (void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "n between 1 and 'x'", "column 3: cannot compare int64 with string" },
    { "symbol % 2", "column 8: cannot take the remainder of string and int64" },
    { "symbol + note", "column 8: cannot add string and string; concat(a, b, …) joins strings" },
    { "time + '5 minutes'", "column 6: cannot add timestamp and string; a time is moved by a duration, such as time + \"5m\"" },
    { "'5m' - time", "column 1: expected a time (RFC 3339" },
    { "starts_with(symbol, n)", "column 21: starts_with() takes a string as argument 2, found int64" },
    { "starts_with(symbol)", "column 1: starts_with() takes 2 arguments, found 1" },
    { "substr(symbol)", "column 1: substr() takes 2 or 3 arguments, found 1" },
    { "substr(symbol, 1.5)", "column 16: substr() takes an int64 as argument 2, found decimal(1)" },
    { "sqrt(symbol)", "column 6: sqrt() takes a number, found string" },
    { "least(n)", "column 1: least() takes 2 or more arguments, found 1" },
    { "least(n, symbol)", "column 10: least() cannot choose between int64 and string" },
    { "div(ratio, 2, 1)", "column 5: div() takes an int64 or a decimal as argument 1, found double" },
    { "div(n, 2, n)", "column 11: expected a number of digits from 0 to 18" },
    { "number(n)", "column 8: number() takes a string, found int64" },
    { "matches(symbol, symbol)", "column 17: expected a regular expression in quotes, such as" },
    { "matches(symbol, 'a(b')", "column 17: expected ) at character 4 of the pattern" },
    { "matches(n, 'a')", "column 9: matches() takes a string as argument 1, found int64" },
    { "hour(symbol)", "column 6: hour() takes a timestamp, found string" },
    { "hour('noon')", "column 6: expected a time (RFC 3339" },
    { "trunc(time, '1 hour')", "column 13: expected a duration such as \"500ms\", \"1s\", \"2m\", \"1h\" or \"1d\" (at most 3660 days), or \"week\", "
                               "\"month\", \"quarter\" or \"year\", found \"1 hour\"" },
    { "trunc(time, n)", "column 13: expected a duration such as" },
    { "trunc(last, '1h')", "column 7: trunc() takes a timestamp as argument 1, found decimal(4)" },
    { "format_time(time, '%q')", "column 19: expected a format of %Y %m %d %H %M %S %f %j %u and %%, found \"%q\"" },
    { "format_time(time, '%')", "column 19: expected a format" },
    { "duration(n)", "column 10: expected a duration" },
    { "duration('1y')", "column 10: expected a duration" },
    { "len(symbol)", "column 1: no function \"len\"; did you mean \"length\"?" },
    { "SUBSTRING(symbol, 1)", "column 1: no function \"SUBSTRING\"; did you mean \"substr\"?" },
    { "start_with(symbol, 'A')", "column 1: no function \"start_with\"; did you mean \"starts_with\"?" },
    { "length > 3", "column 1: no column \"length\"; the function is written length(s)" },
    { "n in (1, 2) and symbl is null", "column 17: no column \"symbl\"; did you mean \"symbol\"?" },
  };
  g_autoptr (ExprTable) table = expr_table_new_trades ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *found = expr_table_evaluate (table, cases[i].text, NULL, &error);

      if (found != NULL)
        g_error ("%s: expected \"%s\", got %s", cases[i].text, cases[i].message, found);
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      if (!g_str_has_prefix (error->message, cases[i].message))
        g_error ("%s: expected \"%s\", got \"%s\"", cases[i].text, cases[i].message, error->message);
    }
}

/* The extremes of time, and of 128 bits. */
static void
test_extremes (void)
{
  g_autoptr (ExprTable) table = expr_table_new (2);

  expr_table_add (table, "t", "timestamp", FALSE, (const char *[]){ "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z" });
  expr_table_add (table, "i", "int64", FALSE, (const char *[]){ "-9223372036854775808", "9223372036854775807" });
  expr_table_add (table, "w", "decimal(3)", TRUE,
                  (const char *[]){ "170141183460469231731687303715884105.727", "-170141183460469231731687303715884105.728" });
  check_values (table, "year(t + i)", "int64", "-290308|294247");
  check_values (table, "weekday(t + i)", "int64", "7|7");
  check_values (table, "hour(t + i)", "int64", "19|4");
  check_values (table, "trunc(t + i, '1h')", "timestamp", "NULL|+294247-01-10T04:00:00Z");
  check_values (table, "trunc(t + i, 'year')", "timestamp", "NULL|+294247-01-01T00:00:00Z");
  check_values (table, "t + i - '1ms'", "timestamp", "NULL|+294247-01-10T04:00:54.774806Z");
  check_values (table, "div(w, 1, 3)", "decimal(3)", "170141183460469231731687303715884105.727|NULL");
  check_values (table, "div(w, -1, 3)", "decimal(3)", "-170141183460469231731687303715884105.727|NULL");
  check_values (table, "div(w, w, 18)", "decimal(18)", "1.000000000000000000|1.000000000000000000");
  check_values (table, "div(w, 3, 3)", "decimal(3)", "56713727820156410577229101238628035.242|-56713727820156410577229101238628035.243");
  check_values (table, "div(w, 3, 4)", "decimal(4)", "NULL|NULL");
  check_values (table, "div(w, 30, 4)", "decimal(4)", "5671372782015641057722910123862803.5242|-5671372782015641057722910123862803.5243");
  check_values (table, "div(1, w, 18)", "decimal(18)", "0.000000000000000000|0.000000000000000000");
  check_values (table, "div(w, 99999999999999999999.5, 12)", "decimal(12)", "1701411834604692.317325380096|-1701411834604692.317325380096");
  check_values (table, "w % 7", "decimal(3)", "5.727|-5.728");
  check_values (table, "i % 10", "int64", "-8|7");
  check_values (table, "least(w, 0.0000001)", "decimal(7)", "NULL|NULL");
}

/* Strings may hold NULs: they are part of the text. */
static void
test_nul (void)
{
  static const guint32 offsets[] = { 0, 2, 6, 8 }, codes[] = { 0, 1, 2 };
  static const char bytes[] = "a\0a\0b\0b";
  static const struct {
    const char *text, *values;
  } cases[] = {
    { "s in ('a', 'b')", "true|false|true" },   { "s == 'a'", "true|false|false" },          { "length(s)", "1|3|1" },
    { "starts_with(s, 'a')", "true|true|false" }, { "ends_with(s, 'b')", "false|true|true" }, { "length(concat(s, 'x'))", "2|4|2" },
    { "matches(s, '^a.b$')", "false|true|false" }, { "length(upper(s))", "1|3|1" },           { "contains(s, 'b')", "false|true|true" },
    { "length(replace(s, 'a', 'cc'))", "2|4|1" },  { "s ~ 'a?b'", "false|true|false" },
  };
  g_autoptr (ExprTable) table = expr_table_new (3);
  ReplicaColumn *column = g_new0 (ReplicaColumn, 1);

  *column = (ReplicaColumn){ .name = g_strdup ("s"), .type = REPLICA_TYPE_STRING, .width = 4, .n_rows = 3, .n_dict = 3,
                             .data = g_memdup2 (codes, sizeof codes), .dict_offsets = g_memdup2 (offsets, sizeof offsets),
                             .dict_bytes = g_memdup2 (bytes, sizeof bytes) };
  syn_schema_add (table->schema, "s", REPLICA_TYPE_STRING, 0, FALSE);
  g_ptr_array_add (table->columns, column);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *found = expr_table_evaluate (table, cases[i].text, NULL, NULL);

      if (g_strcmp0 (found, cases[i].values) != 0)
        g_error ("%s: expected %s, got %s", cases[i].text, cases[i].values, found);
    }
}

/* A function of a string is computed once for each string in use: the others do not even reach the dictionary. */
static void
test_used_entries (void)
{
  g_autoptr (ExprTable) table = expr_table_new (1000);
  g_autoptr (SynFrame) frame = syn_frame_new ();
  g_autofree const char **cells = g_new0 (const char *, 1000);
  static const char *const texts[] = { "lower(s)", "concat(s, '.N')", "substr(s, 1, 2)", "if(n > 0, trim(s), s)" };
  GStringChunk *kept = g_string_chunk_new (4096);

  for (guint i = 0; i < 1000; i++)
    {
      g_autofree char *cell = g_strdup_printf ("S%u", i);

      cells[i] = g_string_chunk_insert (kept, cell);
    }
  expr_table_add (table, "s", "string", FALSE, cells);
  for (guint i = 0; i < 1000; i++)
    cells[i] = "1";
  expr_table_add (table, "n", "int64", FALSE, cells);
  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (SynExpr) expr = syn_expr_parse (texts[i], NULL);
      g_autoptr (SynProgram) program = syn_program_compile (expr, table->schema, NULL);
      const ReplicaColumn *result =
          syn_program_run (program, frame, (const ReplicaColumn *const *) table->columns->pdata, 2);

      g_assert_cmpuint (result->n_dict, <=, 2);
    }
  g_string_chunk_free (kept);
}

/* What grows beyond the limits is null, and counted. */
static void
test_limits (void)
{
  g_autoptr (ExprTable) table = expr_table_new (2);
  g_autofree char *longest = g_strnfill (SYN_MAX_STRING_BYTES, 'a');
  g_autoptr (GString) text = g_string_new ("s");
  guint64 before = syn_program_get_n_exceeded ();

  expr_table_add (table, "s", "string", FALSE, (const char *[]){ "aa", longest });
  check_values (table, "length(s)", "int64", "2|65536");
  check_values (table, "length(concat(s, ''))", "int64", "2|65536");
  g_assert_cmpuint (syn_program_get_n_exceeded (), ==, before);
  check_values (table, "length(concat(s, 'b'))", "int64", "3|NULL");
  g_assert_cmpuint (syn_program_get_n_exceeded (), ==, before + 1);
  check_values (table, "length(replace(s, 'a', 'aa'))", "int64", "4|NULL");
  g_assert_cmpuint (syn_program_get_n_exceeded (), ==, before + 2);
  /* Twenty doublings: a megabyte, if it were allowed to come to that. */
  for (guint i = 0; i < 20; i++)
    {
      g_string_prepend (text, "replace(");
      g_string_append (text, ", 'a', 'aa')");
    }
  check_values (table, text->str, "string", "NULL|NULL");
  g_assert_cmpuint (syn_program_get_n_exceeded (), ==, before + 4);
}

/* All strings that an expression makes, together: beyond SYN_MAX_EXPR_TEXT_BYTES they are null. */
static void
test_text_limit (void)
{
  const guint n_rows = SYN_MAX_EXPR_TEXT_BYTES / SYN_MAX_STRING_BYTES + 10;
  g_autoptr (ExprTable) table = expr_table_new (n_rows);
  g_autofree const char **cells = g_new0 (const char *, n_rows);
  g_autofree char *longest = g_strnfill (SYN_MAX_STRING_BYTES - 8, 'a');
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse ("concat(n, s)", NULL);
  g_autoptr (SynProgram) program = NULL;
  g_autoptr (SynFrame) frame = syn_frame_new ();
  const ReplicaColumn *result;
  GStringChunk *kept = g_string_chunk_new (4096);
  guint n_null = 0;

  for (guint i = 0; i < n_rows; i++)
    cells[i] = longest;
  expr_table_add (table, "s", "string", FALSE, cells);
  for (guint i = 0; i < n_rows; i++)
    {
      g_autofree char *cell = g_strdup_printf ("%u", i);

      cells[i] = g_string_chunk_insert (kept, cell);
    }
  expr_table_add (table, "n", "string", FALSE, cells);
  program = syn_program_compile (expr, table->schema, &error);
  g_assert_no_error (error);
  result = syn_program_run (program, frame, (const ReplicaColumn *const *) table->columns->pdata, n_rows);
  for (guint i = 0; i < n_rows; i++)
    n_null += replica_column_is_null (result, i);
  g_assert_cmpuint (n_null, >=, 9);
  g_assert_cmpuint (n_null, <, 20);
  g_assert_cmpuint (result->dict_offsets[result->n_dict], <=, SYN_MAX_EXPR_TEXT_BYTES);

  /* Steps that are live at the same time share it; and a run leaves nothing to the next. */
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (SynExpr) two = syn_expr_parse ("concat(n, s) < concat(s, n)", NULL);
      g_autoptr (SynProgram) both = syn_program_compile (two, table->schema, &error);

      g_assert_no_error (error);
      result = syn_program_run (both, frame, (const ReplicaColumn *const *) table->columns->pdata, n_rows);
      n_null = 0;
      for (guint row = 0; row < n_rows; row++)
        n_null += replica_column_is_null (result, row);
      g_assert_cmpuint (n_null, >=, n_rows - 1);
    }
  result = syn_program_run (program, frame, (const ReplicaColumn *const *) table->columns->pdata, n_rows);
  g_assert_true (replica_column_is_null (result, n_rows - 1) && !replica_column_is_null (result, n_rows - 20));
  g_string_chunk_free (kept);
}

static void
check_documented (const char *name, const char *usage, gpointer user_data)
{
  const char *document = user_data;
  g_autofree char *quoted = g_strdup_printf ("`%s`", usage), *called = g_strdup_printf ("%s(", name);
  gboolean has_example = FALSE;

  if (strstr (document, quoted) == NULL)
    g_error ("docs/catalog.md does not have %s", quoted);
  for (const char *at = document; !has_example && (at = strstr (at, "\n```expr\n")) != NULL; at++)
    {
      const char *end = strstr (at + 5, "\n```");
      has_example = g_strstr_len (at, end - at, called) != NULL;
    }
  if (!has_example)
    g_error ("docs/catalog.md has no example of %s()", name);
}

static void
test_documented (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "docs", "catalog.md", NULL), *document = NULL;

  g_assert_true (g_file_get_contents (path, &document, NULL, NULL));
  syn_function_foreach (check_documented, document);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/functions/values", test_values);
  g_test_add_func ("/functions/errors", test_errors);
  g_test_add_func ("/functions/extremes", test_extremes);
  g_test_add_func ("/functions/nul", test_nul);
  g_test_add_func ("/functions/used-entries", test_used_entries);
  g_test_add_func ("/functions/limits", test_limits);
  g_test_add_func ("/functions/text-limit", test_text_limit);
  g_test_add_func ("/functions/documented", test_documented);
  return g_test_run ();
}
