/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What expressions are: types, errors of types, values, nulls, overflow; filters; frames that are used again. */
#include "expr-fixture.h"

#include "syn-error.h"

#include <string.h>

/* The rows of expr_table_new_trades():
 *   symbol AAPL MSFT Änd –   last 101.5000 99.9999 -3.2500 –   open 100.00 100.00 0.00 7.00   size 10 -7 2^63-1 –
 *   ratio 0.5 -1.5 1e300 –   active true false true –   n 1 2 3 4   note – – – – */
static void
test_values (void)
{
  static const struct {
    const char *text, *type, *values;
  } cases[] = {
    /* names and literals */
    { "last", "decimal(4)", "101.5000|99.9999|-3.2500|NULL" },
    { "symbol", "string", "AAPL|MSFT|Änd|NULL" },
    { "`spread in %`", "double", "1|2|3|4" },
    { "1", "int64", "1|1|1|1" },
    { "1.50", "decimal(2)", "1.50|1.50|1.50|1.50" },
    { "15e-1", "double", "1.5|1.5|1.5|1.5" },
    { "'x'", "string", "x|x|x|x" },
    { "true", "bool", "true|true|true|true" },
    { "99999999999999999999.5", "decimal(1)", "99999999999999999999.5|99999999999999999999.5|99999999999999999999.5|99999999999999999999.5" },
    /* arithmetic: int64 */
    { "n+1", "int64", "2|3|4|5" },
    { "n-5", "int64", "-4|-3|-2|-1" },
    { "n*-3", "int64", "-3|-6|-9|-12" },
    { "size+1", "int64", "11|-6|NULL|NULL" },
    { "size*2", "int64", "20|-14|NULL|NULL" },
    { "-size-2", "int64", "-12|5|NULL|NULL" },
    { "-9223372036854775808 + n - n", "int64",
      "-9223372036854775808|-9223372036854775808|-9223372036854775808|-9223372036854775808" },
    { "-(-9223372036854775808)", "int64", "NULL|NULL|NULL|NULL" },
    { "abs(-9223372036854775808)", "int64", "NULL|NULL|NULL|NULL" },
    { "n+null", "int64", "NULL|NULL|NULL|NULL" },
    /* decimals */
    { "last+1", "decimal(4)", "102.5000|100.9999|-2.2500|NULL" },
    { "last-open", "decimal(4)", "1.5000|-0.0001|-3.2500|NULL" },
    { "last*size", "decimal(4)", "1015.0000|-699.9993|-29975959119778021372.7500|NULL" },
    { "last*open", "decimal(6)", "10150.000000|9999.990000|0.000000|NULL" },
    { "last*1.5", "decimal(5)", "152.25000|149.99985|-4.87500|NULL" },
    { "last*0.000000000000000001", "double", "1.0150000000000001e-16|9.99999e-17|-3.2500000000000004e-18|NULL" },
    { "-last", "decimal(4)", "-101.5000|-99.9999|3.2500|NULL" },
    { "abs(last)", "decimal(4)", "101.5000|99.9999|3.2500|NULL" },
    { "last*null", "decimal(4)", "NULL|NULL|NULL|NULL" },
    /* doubles; division */
    { "-0.0e0", "double", "-0|-0|-0|-0" },
    { "ceil(-0.5e0)", "double", "0|0|0|0" },
    { "ratio*2", "double", "1|-3|2e300|NULL" },
    { "ratio*ratio", "double", "0.25|2.25|NULL|NULL" },
    { "last+ratio", "double", "102|98.4999|1e300|NULL" },
    { "last/open", "double", "1.015|0.999999|NULL|NULL" },
    { "n/2", "double", "0.5|1|1.5|2" },
    { "n/0", "double", "NULL|NULL|NULL|NULL" },
    { "n/null", "double", "NULL|NULL|NULL|NULL" },
    { "last/open-1", "double", "0.014999999999999902|-0.0000010000000000287557|NULL|NULL" },
    { "-ratio", "double", "-0.5|1.5|-1e300|NULL" },
    { "time-'2014-05-01T05:00:00Z'", "int64", "0|250000|-1398920401000000|NULL" },
    { "time-time", "int64", "0|0|0|NULL" },
    { "time-null", "int64", "NULL|NULL|NULL|NULL" },
    /* comparisons */
    { "last>100", "bool", "true|false|false|NULL" },
    { "100<last", "bool", "true|false|false|NULL" },
    { "last>=99.9999", "bool", "true|true|false|NULL" },
    { "last==99.99990", "bool", "false|true|false|NULL" },
    { "last>99.99989999", "bool", "true|true|false|NULL" },
    { "last<99.99990001", "bool", "false|true|true|NULL" },
    { "last!=open", "bool", "true|true|true|NULL" },
    { "open==n", "bool", "false|false|false|false" },
    { "open==7", "bool", "false|false|false|true" },
    { "open<99999999999999999999.5", "bool", "true|true|true|true" },
    { "size<99999999999999999999.5", "bool", "true|true|true|NULL" },
    { "size>-99999999999999999999.5", "bool", "true|true|true|NULL" },
    { "size==9223372036854775807.0", "bool", "false|false|true|NULL" },
    { "size<9223372036854775807.5", "bool", "true|true|true|NULL" },
    { "ratio<0", "bool", "false|true|false|NULL" },
    { "ratio<last", "bool", "true|true|false|NULL" },
    { "n<2.5e0", "bool", "true|true|false|false" },
    { "symbol=='AAPL'", "bool", "true|false|false|NULL" },
    { "'AAPL'==symbol", "bool", "true|false|false|NULL" },
    { "symbol<'B'", "bool", "true|false|false|NULL" },
    { "'B'<symbol", "bool", "false|true|true|NULL" },
    { "symbol==symbol", "bool", "true|true|true|NULL" },
    { "symbol==note", "bool", "NULL|NULL|NULL|NULL" },
    { "symbol>=lower(symbol)", "bool", "false|false|false|NULL" },
    { "'a'<'b'", "bool", "true|true|true|true" },
    { "active==true", "bool", "true|false|true|NULL" },
    { "active!=(n>2)", "bool", "true|false|false|NULL" },
    { "false<active", "bool", "true|false|true|NULL" },
    { "time>'2014-05-01T05:00:00Z'", "bool", "false|true|false|NULL" },
    { "'2014-05-01T07:00:00+02:00'==time", "bool", "true|false|false|NULL" },
    { "last>null", "bool", "NULL|NULL|NULL|NULL" },
    { "null==null", "bool", "NULL|NULL|NULL|NULL" },
    { "1==1.0", "bool", "true|true|true|true" },
    { "2>1", "bool", "true|true|true|true" },
    /* logic with three values */
    { "active and n>2", "bool", "false|false|true|NULL" },
    { "active and n<4", "bool", "true|false|true|false" },
    { "active or n>3", "bool", "true|false|true|true" },
    { "active or n>4", "bool", "true|false|true|NULL" },
    { "not active", "bool", "false|true|false|NULL" },
    { "null and false", "bool", "false|false|false|false" },
    { "null or true", "bool", "true|true|true|true" },
    { "null or false", "bool", "NULL|NULL|NULL|NULL" },
    { "not null", "bool", "NULL|NULL|NULL|NULL" },
    { "last>100 or size<0 or n==4", "bool", "true|true|false|true" },
    { "n>1 and n<4 and active", "bool", "false|false|true|false" },
    /* in */
    { "n in (1,3)", "bool", "true|false|true|false" },
    { "n not in (1,3)", "bool", "false|true|false|true" },
    { "n in (1.0, 4e0)", "bool", "true|false|false|true" },
    { "n in (2, null)", "bool", "NULL|true|NULL|NULL" },
    { "n not in (2, null)", "bool", "NULL|false|NULL|NULL" },
    { "n in (open, n+0)", "bool", "true|true|true|true" },
    { "symbol in ('AAPL','IBM')", "bool", "true|false|false|NULL" },
    { "symbol not in ('AAPL','IBM')", "bool", "false|true|true|NULL" },
    { "symbol in ('AAPL', null)", "bool", "true|NULL|NULL|NULL" },
    { "symbol in ('AAPL', symbol)", "bool", "true|true|true|NULL" },
    { "'x' in ('y','x')", "bool", "true|true|true|true" },
    { "note in ('a')", "bool", "NULL|NULL|NULL|NULL" },
    { "time in ('2014-05-01T05:00:00Z')", "bool", "true|false|false|NULL" },
    { "'2014-05-01T05:00:00Z' in (time)", "bool", "true|false|false|NULL" },
    { "null in (1)", "bool", "NULL|NULL|NULL|NULL" },
    { "last in (101.5, -3.25)", "bool", "true|false|true|NULL" },
    /* glob */
    { "symbol~'A*'", "bool", "true|false|false|NULL" },
    { "symbol~'?nd'", "bool", "false|false|true|NULL" },
    { "not symbol~'A*'", "bool", "false|true|true|NULL" },
    { "lower(symbol)~'ä*'", "bool", "false|false|true|NULL" },
    { "note~'*'", "bool", "NULL|NULL|NULL|NULL" },
    { "'abc'~'a*'", "bool", "true|true|true|true" },
    { "null~'a*'", "bool", "NULL|NULL|NULL|NULL" },
    /* functions */
    { "abs(size)", "int64", "10|7|9223372036854775807|NULL" },
    { "abs(ratio)", "double", "0.5|1.5|1e300|NULL" },
    { "round(last)", "decimal(0)", "102|100|-3|NULL" },
    { "round(last,1)", "decimal(1)", "101.5|100.0|-3.3|NULL" },
    { "round(last,9)", "decimal(4)", "101.5000|99.9999|-3.2500|NULL" },
    { "round(-last,1)", "decimal(1)", "-101.5|-100.0|3.3|NULL" },
    { "floor(last)", "decimal(0)", "101|99|-4|NULL" },
    { "ceil(last)", "decimal(0)", "102|100|-3|NULL" },
    { "round(open*1.005,1)", "decimal(1)", "100.5|100.5|0.0|7.0" },
    { "round(size)", "int64", "10|-7|9223372036854775807|NULL" },
    { "round(ratio)", "double", "1|-2|1e300|NULL" },
    { "round(n/8,2)", "double", "0.13|0.25|0.38|0.5" },
    { "floor(ratio)", "double", "0|-2|1e300|NULL" },
    { "ceil(n/8)", "double", "1|1|1|1" },
    { "coalesce(last,open)", "decimal(4)", "101.5000|99.9999|-3.2500|7.0000" },
    { "coalesce(size,0)", "int64", "10|-7|9223372036854775807|0" },
    { "coalesce(size,0.5)", "decimal(1)", "10.0|-7.0|9223372036854775807.0|0.5" },
    { "coalesce(ratio,n)", "double", "0.5|-1.5|1e300|4" },
    { "coalesce(note,symbol,'?')", "string", "AAPL|MSFT|Änd|?" },
    { "coalesce(null,n)", "int64", "1|2|3|4" },
    { "coalesce(note,null)", "string", "NULL|NULL|NULL|NULL" },
    { "coalesce(active,false)", "bool", "true|false|true|false" },
    { "coalesce(time,'1970-01-01T00:00:00Z')", "timestamp",
      "2014-05-01T05:00:00Z|2014-05-01T05:00:00.250Z|1969-12-31T23:59:59Z|1970-01-01T00:00:00Z" },
    { "coalesce(n)", "int64", "1|2|3|4" },
    { "if(last>100,'up','down')", "string", "up|down|down|down" },
    { "if(active,symbol,note)", "string", "AAPL|NULL|Änd|NULL" },
    { "if(active,1,2.5)", "decimal(1)", "1.0|2.5|1.0|2.5" },
    { "if(active,n,null)", "int64", "1|NULL|3|NULL" },
    { "if(active,last,open)", "decimal(4)", "101.5000|100.0000|-3.2500|7.0000" },
    { "if(null,n,0)", "int64", "0|0|0|0" },
    { "if(active,active,n>3)", "bool", "true|false|true|true" },
    { "lower(symbol)", "string", "aapl|msft|änd|NULL" },
    { "upper(symbol)", "string", "AAPL|MSFT|ÄND|NULL" },
    { "upper('straße')", "string", "STRAßE|STRAßE|STRAßE|STRAßE" },
    { "lower(null)", "string", "NULL|NULL|NULL|NULL" },
    { "length(symbol)", "int64", "4|4|3|NULL" },
    { "length(note)", "int64", "NULL|NULL|NULL|NULL" },
    { "coalesce(lower(if(n>2,symbol,'XX')),'none')", "string", "xx|xx|änd|none" },
    { "not coalesce(symbol==symbol,false)", "bool", "false|false|false|true" },
  };
  g_autoptr (ExprTable) table = expr_table_new_trades ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *type = NULL;
      g_autofree char *values = expr_table_evaluate (table, cases[i].text, &type, &error);

      g_test_message ("%s", cases[i].text);
      g_assert_no_error (error);
      if (strcmp (values, cases[i].values) != 0)
        g_error ("%s: expected %s, got %s", cases[i].text, cases[i].values, values);
      g_assert_cmpstr (type, ==, cases[i].type);
    }
}

static void
test_type_errors (void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "lsat", "column 1: no column \"lsat\"; did you mean \"last\"?" },
    { "last > 1 and sise > 2", "column 14: no column \"sise\"; did you mean \"size\"?" },
    { "zzzzz", "column 1: no column \"zzzzz\"" },
    { "a == 'x'", "column 1: no column \"a\"" },
    { "last == 'x'", "column 6: cannot compare decimal(4) with string" },
    { "n == 'x'", "column 3: cannot compare int64 with string" },
    { "symbol > 3", "column 8: cannot compare string with int64" },
    { "active == 1", "column 8: cannot compare bool with int64" },
    { "time > 5", "column 6: cannot compare timestamp with int64" },
    { "time > symbol", "column 6: cannot compare timestamp with string" },
    { "time > 'yesterday'", "column 8: expected a time (RFC 3339, such as 2014-05-01T05:00:00Z), found \"yesterday\"" },
    { "time > '2014-13-01T00:00:00Z'", "column 8: expected a time" },
    { "n in (1, 'x')", "column 10: cannot compare int64 with string" },
    { "time in ('x')", "column 10: expected a time" },
    { "symbol + 1", "column 8: cannot add string and int64" },
    { "1 - active", "column 3: cannot subtract int64 and bool" },
    { "last * symbol", "column 6: cannot multiply decimal(4) and string" },
    { "time / 2", "column 6: cannot divide timestamp and int64" },
    { "time + time", "column 6: cannot add timestamp and timestamp" },
    { "time + null", "column 6: cannot add timestamp and null" },
    { "time - 'x'", "column 8: expected a time" },
    { "symbol + null", "column 8: cannot add string and null" },
    { "-symbol", "column 1: cannot negate string" },
    { "-(n > 1)", "column 1: cannot negate bool" },
    { "not n", "column 5: \"not\" takes conditions, found int64" },
    { "active and last", "column 12: \"and\" takes conditions, found decimal(4)" },
    { "'x' or active", "column 1: \"or\" takes conditions, found string" },
    { "n ~ 'x'", "column 1: ~ matches strings, found int64" },
    { "symbol ~ symbol", "column 10: expected a pattern in quotes after ~" },
    { "symbol ~ 3", "column 10: expected a pattern in quotes after ~" },
    { "null", "column 1: this is always null and has no type" },
    { "null + null", "column 1: this is always null and has no type" },
    { "coalesce(null, null)", "column 1: this is always null and has no type" },
    { "abs()", "column 1: abs() takes 1 argument, found 0" },
    { "abs(n, n)", "column 1: abs() takes 1 argument, found 2" },
    { "round(n, 1, 2)", "column 1: round() takes 1 or 2 arguments, found 3" },
    { "coalesce()", "column 1: coalesce() takes 1 or more arguments, found 0" },
    { "if(active, 1)", "column 1: if() takes 3 arguments, found 2" },
    { "abs(symbol)", "column 5: abs() takes a number, found string" },
    { "round(last, n)", "column 13: expected a number of digits from 0 to 18" },
    { "round(last, 19)", "column 13: expected a number of digits from 0 to 18" },
    { "round(last, -1)", "column 13: expected a number of digits from 0 to 18" },
    { "if(n, 1, 2)", "column 4: if() takes a condition first, found int64" },
    { "if(active, 1, 'x')", "column 15: if() cannot choose between int64 and string" },
    { "coalesce(n, 1.5, symbol)", "column 18: coalesce() cannot choose between decimal(1) and string" },
    { "coalesce(time, 'x')", "column 16: expected a time" },
    { "lower(n)", "column 7: lower() takes a string, found int64" },
    { "length(active)", "column 8: length() takes a string, found bool" },
    { "foo(n)", "column 1: no function \"foo\"" },
    { "flor(n)", "column 1: no function \"flor\"; did you mean \"floor\"?" },
    { "n > sum(n)", "column 5: sum() is an aggregate over many events; it has its place in the columns of a catalog's projection, not here" },
    { "vwap(n)", "column 1: vwap() is an aggregate" },
  };
  g_autoptr (ExprTable) table = expr_table_new_trades ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (expr_table_evaluate (table, cases[i].text, NULL, &error));
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      if (!g_str_has_prefix (error->message, cases[i].message))
        g_error ("%s: expected \"%s\", got \"%s\"", cases[i].text, cases[i].message, error->message);
    }
}

/* 128-bit values at the edge: sums, products and scales that do not fit are null, comparisons are exact still. */
static void
test_wide (void)
{
  static const struct {
    const char *text, *values;
  } cases[] = {
    { "w+1", "NULL|-170141183460469231731687303715884104.727|1.000" },
    { "w-1", "170141183460469231731687303715884103.728|NULL|-1.000" },
    { "w+w", "NULL|NULL|0.000" },
    { "-w", "-170141183460469231731687303715884104.728|170141183460469231731687303715884105.727|0.000" },
    { "w*2", "NULL|NULL|0.000" },
    { "w+0.0000001", "NULL|NULL|0.0000001" },
    { "w>0.0000001", "true|false|false" },
    { "w<v", "false|true|false" },
    { "w==v", "false|false|true" },
    { "w>=5", "true|false|false" },
    { "w<99999999999999999999.5", "false|true|true" },
    /* What does not fit at the scale of the others is null, and coalesce() goes on. */
    { "coalesce(w, 0.0000001)", "0.0000001|0.0000001|0.0000000" },
    { "round(w)", "170141183460469231731687303715884105|-170141183460469231731687303715884106|0" },
    { "floor(w)", "170141183460469231731687303715884104|-170141183460469231731687303715884106|0" },
    { "abs(w)", "170141183460469231731687303715884104.728|170141183460469231731687303715884105.727|0.000" },
  };
  g_autoptr (ExprTable) table = expr_table_new (3);

  expr_table_add (table, "w", "decimal(3)", TRUE,
                  (const char *[]){ "170141183460469231731687303715884104.728", "-170141183460469231731687303715884105.727", "0.000" });
  expr_table_add (table, "v", "decimal(9)", FALSE, (const char *[]){ "9223372036.854775807", "-9223372036.854775807", "0.000000000" });
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autofree char *values = expr_table_evaluate (table, cases[i].text, NULL, &error);

      g_assert_no_error (error);
      if (g_strcmp0 (values, cases[i].values) != 0)
        g_error ("%s: expected %s, got %s", cases[i].text, cases[i].values, values);
    }
}

static void
test_filter (void)
{
  static const struct {
    const char *text;
    guint n;
    guint32 rows[4];
  } cases[] = {
    { "last>0", 2, { 0, 1 } }, { "not last>0", 1, { 2 } },   { "active", 2, { 0, 2 } }, { "n>0", 4, { 0, 1, 2, 3 } },
    { "n>9", 0, { 0 } },       { "note=='x'", 0, { 0 } },    { "true", 4, { 0, 1, 2, 3 } }, { "last>0 or n==4", 3, { 0, 1, 3 } },
  };
  g_autoptr (ExprTable) table = expr_table_new_trades ();
  g_autoptr (SynFrame) frame = syn_frame_new ();

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (SynExpr) expr = syn_expr_parse (cases[i].text, NULL);
      g_autoptr (SynProgram) program = syn_program_compile (expr, table->schema, NULL);
      guint32 rows[4];
      guint n = syn_program_filter (program, frame, (const ReplicaColumn *const *) table->columns->pdata, 4, rows);

      g_assert_cmpuint (n, ==, cases[i].n);
      for (guint j = 0; j < n; j++)
        g_assert_cmpuint (rows[j], ==, cases[i].rows[j]);
      /* Fewer rows than the columns have. */
      n = syn_program_filter (program, frame, (const ReplicaColumn *const *) table->columns->pdata, 1, rows);
      g_assert_cmpuint (n, ==, cases[i].n > 0 && cases[i].rows[0] == 0);
      n = syn_program_filter (program, frame, (const ReplicaColumn *const *) table->columns->pdata, 0, NULL);
      g_assert_cmpuint (n, ==, 0);
    }
}

/* Columns that a program does not use may be missing; the result of a bare name is that column. */
static void
test_unused_columns (void)
{
  g_autoptr (ExprTable) table = expr_table_new_trades ();
  g_autoptr (SynExpr) name = syn_expr_parse ("n", NULL), sum = syn_expr_parse ("n + 1", NULL);
  g_autoptr (SynProgram) name_program = syn_program_compile (name, table->schema, NULL);
  g_autoptr (SynProgram) sum_program = syn_program_compile (sum, table->schema, NULL);
  g_autoptr (SynProgram) again = syn_program_ref (sum_program);
  g_autoptr (SynFrame) frame = syn_frame_new ();
  g_autofree const ReplicaColumn **columns = g_new0 (const ReplicaColumn *, table->schema->n_columns);
  int n = syn_schema_find (table->schema, "n");
  g_autofree char *values = NULL;

  columns[n] = g_ptr_array_index (table->columns, n);
  g_assert_true (syn_program_run (name_program, frame, columns, 4) == columns[n]);
  values = expr_format_column (syn_program_run (again, frame, columns, 4));
  g_assert_cmpstr (values, ==, "2|3|4|5");
}

/* Decimals that were computed are 16 bytes wide, whatever they were computed from. */
static void
test_decimal_width (void)
{
  static const char *const texts[] = { "last+1", "1.5", "round(last,1)", "-last", "coalesce(last,0)", "if(active,last,null)", "last*size" };
  g_autoptr (ExprTable) table = expr_table_new_trades ();
  g_autoptr (SynFrame) frame = syn_frame_new ();

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (SynExpr) expr = syn_expr_parse (texts[i], NULL);
      g_autoptr (SynProgram) program = syn_program_compile (expr, table->schema, NULL);
      const ReplicaColumn *result = syn_program_run (program, frame, (const ReplicaColumn *const *) table->columns->pdata, 4);

      g_assert_cmpint (result->type, ==, REPLICA_TYPE_DECIMAL);
      g_assert_cmpint (result->width, ==, 16);
    }
}

/* A result depends on nothing that an evaluation before it left in the frame. */
static void
test_frame_reuse (void)
{
  static const char *const texts[] = { "coalesce(note,symbol,'?')", "last*size+1", "lower(symbol)~'a*' and n>0", "if(active,'yes','no')", "n/2" };
  g_autoptr (ExprTable) table = expr_table_new_trades ();
  g_autoptr (SynFrame) frame = syn_frame_new ();

  for (guint round = 0; round < 3; round++)
    for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
      {
        g_autoptr (SynExpr) expr = syn_expr_parse (texts[i], NULL);
        g_autoptr (SynProgram) program = syn_program_compile (expr, table->schema, NULL);
        g_autofree char *fresh = expr_table_evaluate (table, texts[i], NULL, NULL);
        g_autofree char *reused = expr_format_column (
          syn_program_run (program, frame, (const ReplicaColumn *const *) table->columns->pdata, 4));

        g_assert_cmpstr (reused, ==, fresh);
      }
}

/* Registers go with the depth of an expression, not with its length. */
static void
test_registers (void)
{
  g_autoptr (GString) text = g_string_new ("n == 0");
  g_autoptr (ExprTable) table = expr_table_new_trades ();
  g_autoptr (SynExpr) expr = NULL;
  g_autoptr (SynProgram) program = NULL;

  for (guint i = 1; i < 150; i++)
    g_string_append_printf (text, " or n + %u == last", i);
  expr = syn_expr_parse (text->str, NULL);
  program = syn_program_compile (expr, table->schema, NULL);
  g_assert_cmpuint (program->steps->len, >, 400);
  g_assert_cmpuint (program->n_registers, <=, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/program/values", test_values);
  g_test_add_func ("/program/type-errors", test_type_errors);
  g_test_add_func ("/program/wide", test_wide);
  g_test_add_func ("/program/filter", test_filter);
  g_test_add_func ("/program/unused-columns", test_unused_columns);
  g_test_add_func ("/program/decimal-width", test_decimal_width);
  g_test_add_func ("/program/frame-reuse", test_frame_reuse);
  g_test_add_func ("/program/registers", test_registers);
  return g_test_run ();
}
