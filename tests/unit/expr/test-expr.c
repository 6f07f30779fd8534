/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text to tree and back: canonical text, errors with their column, limits, lists, replacement. */
#include "syn-error.h"
#include "syn-expr-private.h"
#include "syn-limits.h"

#include <string.h>

static void
check_canonical (const char *text, const char *expected)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse (text, &error), again = NULL;
  g_autofree char *canonical = NULL, *twice = NULL;

  g_test_message ("%s", text);
  g_assert_no_error (error);
  canonical = syn_expr_to_string (expr);
  g_assert_cmpstr (canonical, ==, expected);
  again = syn_expr_parse (canonical, &error);
  g_assert_no_error (error);
  twice = syn_expr_to_string (again);
  g_assert_cmpstr (twice, ==, expected);
}

static void
test_canonical (void)
{
  static const struct {
    const char *text, *canonical;
  } cases[] = {
    { "last", "last" },
    { " last ", "last" },
    { "last>100", "last > 100" },
    { "last=100", "last == 100" },
    { "((last))>(100)", "last > 100" },
    { "last>100 and symbol~\"A*\"", "last > 100 and symbol ~ \"A*\"" },
    { "last>100 and symbol~'A*'", "last > 100 and symbol ~ \"A*\"" },
    { "a+b*c", "a + b * c" },
    { "(a+b)*c", "(a + b) * c" },
    { "a+(b*c)", "a + b * c" },
    { "a-(b-c)", "a - (b - c)" },
    { "(a-b)-c", "a - b - c" },
    { "a+(b+c)", "a + (b + c)" },
    { "a/(b*c)/d", "a / (b * c) / d" },
    { "a or b and c", "a or b and c" },
    { "(a or b) and c", "(a or b) and c" },
    { "a or (b and c)", "a or b and c" },
    { "a and (b and c)", "a and b and c" },
    { "(a and b) and c", "a and b and c" },
    { "a or (b or (c or d))", "a or b or c or d" },
    { "not a", "not a" },
    { "not(a)", "not a" },
    { "not not a", "not not a" },
    { "not (a and b)", "not (a and b)" },
    { "not a and b", "not a and b" },
    { "not a == b", "not a == b" },
    { "(not a) == b", "(not a) == b" },
    { "(a == b) == c", "(a == b) == c" },
    { "a == (b > c)", "a == (b > c)" },
    { "a in (1,2 , 3)", "a in (1, 2, 3)" },
    { "a not in (1)", "a not in (1)" },
    { "not a in (1)", "not a in (1)" },
    { "(a in (1)) == b", "(a in (1)) == b" },
    { "a + 1 in (b*2)", "a + 1 in (b * 2)" },
    { "-a", "-a" },
    { "--a", "--a" },
    { "-(-a)", "--a" },
    { "-(a+b)", "-(a + b)" },
    { "-a*b", "-a * b" },
    { "-(a*b)", "-(a * b)" },
    { "a*-b", "a * -b" },
    { "a--b", "a - -b" },
    { "-5", "-5" },
    { "- 5", "-5" },
    { "-(5)", "-5" },
    { "--5", "5" },
    { "a-5", "a - 5" },
    { "a - -5", "a - -5" },
    { "007", "7" },
    { "0", "0" },
    { "1.50", "1.50" },
    { "00.5", "0.5" },
    { "-1.50", "-1.50" },
    { "-0.0", "0.0" },
    { "1e3", "1000e0" },
    { "1E+3", "1000e0" },
    { "1.5e-7", "1.5e-7" },
    { "-0e0", "-0e0" },
    { "9223372036854775807", "9223372036854775807" },
    { "-9223372036854775808", "-9223372036854775808" },
    { "true", "true" },
    { "null", "null" },
    { "\"a\\\"b\"", "\"a\\\"b\"" },
    { "'a\"b'", "\"a\\\"b\"" },
    { "'it\\'s'", "\"it's\"" },
    { "\"\\u00e9\\n\\t\\r\\\\\\/\"", "\"é\\n\\t\\r\\\\/\"" },
    { "\"\\ud83d\\ude00\"", "\"😀\"" },
    { "\"\\u0001\"", "\"\\u0001\"" },
    { "\"a\nb\"", "\"a\\nb\"" },
    { "`last`", "last" },
    { "`spread in %`", "`spread in %`" },
    { "`and`", "`and`" },
    { "`1st`", "`1st`" },
    { "`true` and ordinary", "`true` and ordinary" },
    { "andy or notes", "andy or notes" },
    { "abs(last)", "abs(last)" },
    { "round( last , 2 )", "round(last, 2)" },
    { "count()", "count()" },
    { "if(a>b,\"up\",\"down\")", "if(a > b, \"up\", \"down\")" },
    { "sum(price*size)/sum(size)", "sum(price * size) / sum(size)" },
    { "a\n==\t1", "a == 1" },
    { "_x1", "_x1" },
    { "a%b*c/d", "a % b * c / d" },
    { "a%(b*c)", "a % (b * c)" },
    { "a  is  null", "a is null" },
    { "(a+1)is not null", "a + 1 is not null" },
    { "(a == b) is null", "(a == b) is null" },
    { "not (a is null)", "not a is null" },
    { "(a is null) == true", "(a is null) == true" },
    { "a between(1)and(2)and b", "a between 1 and 2 and b" },
    { "a not between 1+1 and (b)", "a not between 1 + 1 and b" },
    { "(a between 1 and 2) between b and c", "(a between 1 and 2) between b and c" },
    { "a between (b and c) and d", "a between (b and c) and d" },
    { "is is null and between between is and between", "is is null and between between is and between" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    check_canonical (cases[i].text, cases[i].canonical);
}

static void
test_errors (void)
{
  static const struct {
    const char *text, *message;
  } cases[] = {
    { "", "column 1: expected a name, a value or \"(\", found the end" },
    { "   ", "column 4: expected a name, a value or \"(\", found the end" },
    { "last >", "column 7: expected a name, a value or \"(\", found the end" },
    { "last > > 3", "column 8: expected a name, a value or \"(\", found \">\"" },
    { "last 3", "column 6: expected an operator or the end, found 3" },
    { "last)", "column 5: expected an operator or the end, found \")\"" },
    { "(last", "column 6: expected an operator or \")\" for the \"(\" of column 1, found the end" },
    { "(last 5", "column 7: expected an operator or \")\" for the \"(\" of column 1, found 5" },
    { "abs(last", "column 9: expected an operator, \",\" or \")\" for the \"(\" of column 4, found the end" },
    { "abs(,)", "column 5: expected a name, a value or \"(\", found \",\"" },
    { "abs(last,)", "column 10: expected a name, a value or \"(\", found \")\"" },
    { "a == b == c", "column 8: expected an operator or the end, found \"==\"" },
    { "a < b < c", "column 7: expected an operator or the end, found \"<\"" },
    { "a in 3", "column 6: expected \"(\" and a list after \"in\", found 3" },
    { "a in ()", "column 7: expected a name, a value or \"(\", found \")\"" },
    { "a not b", "column 7: expected \"in\" or \"between\" after \"not\", found \"b\"" },
    { "a AND b", "column 3: expected an operator or the end, found \"AND\"; and, or, not and in are written in small letters" },
    { "a like 'x'", "column 3: expected an operator or the end, found \"like\"; use ~ with * and ?" },
    { "a is", "column 5: expected \"null\" or \"not null\" after \"is\", found the end" },
    { "a is not 3", "column 10: expected \"null\" after \"is not\", found 3" },
    { "a is nul", "column 6: expected \"null\" or \"not null\" after \"is\", found \"nul\"; did you mean \"null\"?" },
    { "a IS null", "column 3: expected an operator or the end, found \"IS\"; did you mean \"is\"?" },
    { "a is null is null", "column 11: expected an operator or the end, found \"is\"" },
    { "a between 1", "column 12: expected \"and\" and the upper end of \"between\", found the end" },
    { "a beetween 1 and 2", "column 3: expected an operator or the end, found \"beetween\"; did you mean \"between\"?" },
    { "a `is` null", "column 3: expected an operator or the end, found `is`" },
    { "a ^ b", "column 3: expected a name, a value or an operator, found \"^\"; use pow(x, y)" },
    { "a && b", "column 3: expected a name, a value or an operator, found \"&\"; use \"and\"" },
    { "a || b", "column 3: expected a name, a value or an operator, found \"|\"; use \"or\"" },
    { "!a", "column 1: expected a name, a value or an operator, found \"!\"; use \"not\" or \"!=\"" },
    { "a % % b", "column 5: expected a name, a value or \"(\", found \"%\"" },
    { "é", "column 1: expected a name, a value or an operator, found \"é\"" },
    { "\"é\" é", "column 5: expected a name, a value or an operator, found \"é\"" },
    { "\"abc", "column 5: expected \" to end the string that begins at column 1, found the end" },
    { "a == 'é", "column 8: expected ' to end the string that begins at column 6, found the end" },
    { "'a\\q'", "column 3: expected an escape" },
    { "'\\u12'", "column 2: expected an escape" },
    { "'\\u0000'", "column 2: expected an escape" },
    { "'\\ud800'", "column 2: expected an escape" },
    { "'\\ud800\\u0041'", "column 2: expected an escape" },
    { "'\\udc00'", "column 2: expected an escape" },
    { "'\\", "column 2: expected an escape" },
    { "`abc", "column 5: expected ` to end the name that begins at column 1, found the end" },
    { "``", "column 1: expected a name between the backquotes, found none" },
    { "`a\nb`", "column 3: a name cannot hold control characters" },
    { "1.", "column 3: expected a digit after the point, found the end" },
    { "1.x", "column 3: expected a digit after the point, found \"x\"" },
    { ".5", "column 1: expected a name, a value or an operator, found \".\"" },
    { "1e", "column 3: expected a digit in the exponent, found the end" },
    { "1e+", "column 4: expected a digit in the exponent, found the end" },
    { "12abc", "column 3: expected the number to end, found \"a\"" },
    { "1.2.3", "column 4: expected the number to end, found \".\"" },
    { "9223372036854775808", "column 1: 9223372036854775808 is out of range for an int64; with an exponent it is a double" },
    { "a > -9223372036854775809", "column 5: 9223372036854775809 is out of range for an int64" },
    { "1e400", "column 1: 1e400 is out of range" },
    { "0.1234567890123456789", "column 1: a decimal has at most 18 digits after the point" },
    { "999999999999999999999.5", "column 1: 999999999999999999999.5 is out of range" },
    { "a as b", "column 3: expected an operator or the end, found \"as\"" },
    { "not", "column 4: expected a name, a value or \"(\", found the end" },
    { "a, b", "column 2: expected an operator or the end, found \",\"" },
    { "\xff", "column 1: not UTF-8" },
    { "\"é\" == \xc3", "column 8: not UTF-8" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynExpr) expr = syn_expr_parse (cases[i].text, &error);

      g_test_message ("%s", error != NULL ? error->message : cases[i].text);
      g_assert_null (expr);
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      if (!g_str_has_prefix (error->message, cases[i].message))
        g_error ("%s: expected \"%s\", got \"%s\"", cases[i].text, cases[i].message, error->message);
    }
}

static char *
repeat (const char *text, guint n)
{
  GString *all = g_string_new (NULL);

  for (guint i = 0; i < n; i++)
    g_string_append (all, text);
  return g_string_free (all, FALSE);
}

static gboolean
parses (const char *text, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse (text, &error);

  if (expr == NULL && message != NULL && strstr (error->message, message) == NULL)
    g_error ("expected \"%s\", got \"%s\"", message, error->message);
  return expr != NULL;
}

static void
test_depth (void)
{
  static const struct {
    const char *open, *close;
  } kinds[] = { { "(", ")" }, { "abs(", ")" }, { "-(", "+b)" }, { "not ", "" }, { "- ", "" }, { "a in (", ")" }, { "if(a, ", ", b)" } };

  static const guint depths[] = { SYN_MAX_EXPR_DEPTH / 2, SYN_MAX_EXPR_DEPTH, SYN_MAX_EXPR_DEPTH + 1, 400 };

  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++)
    for (guint j = 0; j < G_N_ELEMENTS (depths); j++)
      {
        g_autofree char *open = repeat (kinds[i].open, depths[j]), *close = repeat (kinds[i].close, depths[j]);
        g_autofree char *text = g_strconcat (open, "a", close, NULL);
        /* `-(` is two levels. */
        gboolean fits = depths[j] * (strcmp (kinds[i].open, "-(") == 0 ? 2 : 1) <= SYN_MAX_EXPR_DEPTH;

        g_assert_cmpint (parses (text, "nested deeper than 64"), ==, fits);
      }
}

/* What is long but not deep must not need stack: chains are loops. */
static void
test_bytes (void)
{
  g_autofree char *plus = repeat ("+a", SYN_MAX_EXPR_BYTES / 2 - 1);
  g_autofree char *sum = g_strconcat ("a", plus, NULL);
  g_autofree char *spaces = g_strnfill (SYN_MAX_EXPR_BYTES - 1, ' ');
  g_autofree char *longest = g_strconcat (spaces, "a", NULL), *longer = g_strconcat (spaces, "aa", NULL);
  g_autofree char *or = repeat (" or a", (SYN_MAX_EXPR_BYTES - 1) / 5);
  g_autofree char *ors = g_strconcat ("a", or, NULL);

  g_assert_true (parses (longest, NULL));
  g_assert_false (parses (longer, "the expression has 4097 bytes; at most 4096 are allowed"));
  g_assert_true (parses (ors, NULL));
  /* Written out it has spaces around each operator. */
  g_assert_false (parses (sum, "bytes when written out"));
}

static void
test_positions (void)
{
  g_autoptr (SynExpr) expr = syn_expr_parse ("  'é' + abs ( last )", NULL);
  SynExpr *call;

  g_assert_cmpint (syn_expr_get_kind (expr), ==, SYN_EXPR_BINARY);
  g_assert_cmpuint (syn_expr_get_position (expr), ==, 3);
  g_assert_cmpuint (syn_expr_get_n_args (expr), ==, 2);
  call = syn_expr_get_arg (expr, 1);
  g_assert_cmpint (syn_expr_get_kind (call), ==, SYN_EXPR_CALL);
  g_assert_cmpstr (syn_expr_get_name (call), ==, "abs");
  g_assert_cmpuint (syn_expr_get_position (call), ==, 9);
  g_assert_cmpuint (syn_expr_get_position (syn_expr_get_arg (call, 0)), ==, 15);
}

static void
test_list (void)
{
  static const struct {
    const char *text, *names, *exprs;
  } cases[] = {
    { "symbol", "symbol", "symbol" },
    { "symbol,last/open-1 as change", "symbol;change", "symbol;last / open - 1" },
    { "last/open , `spread in %`", "last / open;spread in %", "last / open;`spread in %`" },
    { "a as `x y`, b", "x y;b", "a;b" },
    { "`a`", "a", "a" },
    { "sum(n) as worst, max(n)", "worst;max(n)", "sum(n);max(n)" },
  };
  static const struct {
    const char *text, *message;
  } errors[] = {
    { "", "column 1: expected a name, a value or \"(\", found the end" },
    { "a,", "column 3: expected a name, a value or \"(\", found the end" },
    { "a b", "column 3: expected an operator, \"as\", \",\" or the end, found \"b\"" },
    { "a as", "column 5: expected a name after \"as\", found the end" },
    { "a as 3", "column 6: expected a name after \"as\", found 3" },
    { "a as b c", "column 8: expected an operator, \"as\", \",\" or the end, found \"c\"" },
    { "a, b, a", "column 7: \"a\" stands here twice" },
    { "a, b as a", "column 4: \"a\" stands here twice" },
    { "1+1, 1 + 1", "column 6: \"1 + 1\" stands here twice" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (GPtrArray) names = NULL;
      g_autoptr (GPtrArray) exprs = syn_expr_parse_list (cases[i].text, &names, &error);
      g_autoptr (GString) all_names = g_string_new (NULL), all_exprs = g_string_new (NULL);

      g_assert_no_error (error);
      g_assert_cmpuint (exprs->len, ==, names->len);
      for (guint j = 0; j < exprs->len; j++)
        {
          g_autofree char *text = syn_expr_to_string (g_ptr_array_index (exprs, j));

          g_string_append_printf (all_names, "%s%s", j > 0 ? ";" : "", (char *) g_ptr_array_index (names, j));
          g_string_append_printf (all_exprs, "%s%s", j > 0 ? ";" : "", text);
        }
      g_assert_cmpstr (all_names->str, ==, cases[i].names);
      g_assert_cmpstr (all_exprs->str, ==, cases[i].exprs);
    }
  for (guint i = 0; i < G_N_ELEMENTS (errors); i++)
    {
      g_autoptr (GError) error = NULL;
      GPtrArray *names = NULL;

      g_assert_null (syn_expr_parse_list (errors[i].text, &names, &error));
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_null (names);
      if (!g_str_has_prefix (error->message, errors[i].message))
        g_error ("%s: expected \"%s\", got \"%s\"", errors[i].text, errors[i].message, error->message);
    }
}

static void
test_list_limits (void)
{
  g_autoptr (GString) many = g_string_new ("c0");
  g_autofree char *name = g_strnfill (SYN_MAX_NAME_BYTES + 1, 'n');
  g_autofree char *as = g_strdup_printf ("a as %s", name), *unnamed = g_strdup_printf ("a + %s", name);
  g_autoptr (GPtrArray) exprs = NULL;
  const char *const bad[] = { as, unnamed };

  for (guint i = 1; i < SYN_MAX_COLUMNS; i++)
    g_string_append_printf (many, ",c%u", i);
  exprs = syn_expr_parse_list (many->str, NULL, NULL);
  g_assert_cmpuint (exprs->len, ==, SYN_MAX_COLUMNS);
  g_string_append (many, ",x");
  {
    g_autoptr (GError) error = NULL;

    g_assert_null (syn_expr_parse_list (many->str, NULL, &error));
    g_assert_nonnull (strstr (error->message, "more than 256 columns"));
  }
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_null (syn_expr_parse_list (bad[i], NULL, &error));
      g_assert_nonnull (strstr (error->message, "a name has at most 128 bytes"));
    }
}

static void
collect_name (const SynExpr *name, gpointer user_data)
{
  g_string_append_printf (user_data, "%s ", syn_expr_get_name (name));
}

static SynExpr *
replace_sum (SynExpr *node, gpointer user_data)
{
  guint *n = user_data;
  g_autofree char *name = NULL;

  if (syn_expr_get_kind (node) != SYN_EXPR_CALL || strcmp (syn_expr_get_name (node), "sum") != 0)
    return NULL;
  name = g_strdup_printf ("$%u", (*n)++);
  return syn_expr_new_name (name, syn_expr_get_position (node));
}

static void
test_replace (void)
{
  g_autoptr (SynExpr) expr = syn_expr_parse ("x not in (1, -sum(a*b)) or not (sum(c) > 1 and y ~ 'q') or abs(z) == 1.5", NULL);
  g_autoptr (SynExpr) plain = syn_expr_parse ("a + abs(b)", NULL), same = NULL;
  g_autoptr (SynExpr) replaced = NULL;
  g_autoptr (GString) names = g_string_new (NULL);
  g_autofree char *text = NULL, *before = NULL;
  guint n = 0;

  replaced = syn_expr_replace (expr, replace_sum, &n);
  text = syn_expr_to_string (replaced);
  g_assert_cmpstr (text, ==, "x not in (1, -`$0`) or not (`$1` > 1 and y ~ \"q\") or abs(z) == 1.5");
  before = syn_expr_to_string (expr);
  g_assert_cmpstr (before, ==, "x not in (1, -sum(a * b)) or not (sum(c) > 1 and y ~ \"q\") or abs(z) == 1.5");
  syn_expr_foreach_name (replaced, collect_name, names);
  g_assert_cmpstr (names->str, ==, "x $0 $1 y z ");
  /* What nothing was replaced in is itself. */
  same = syn_expr_replace (plain, replace_sum, &n);
  g_assert_true (same == plain);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/expr/canonical", test_canonical);
  g_test_add_func ("/expr/errors", test_errors);
  g_test_add_func ("/expr/depth", test_depth);
  g_test_add_func ("/expr/bytes", test_bytes);
  g_test_add_func ("/expr/positions", test_positions);
  g_test_add_func ("/expr/list", test_list);
  g_test_add_func ("/expr/list-limits", test_list_limits);
  g_test_add_func ("/expr/replace", test_replace);
  return g_test_run ();
}
