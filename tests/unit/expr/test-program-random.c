/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Random expressions over random columns, held against the naive evaluator; and their canonical text, which must say the same. */
#include "expr-fixture.h"

#include <string.h>

#define N_ROWS 37

static const char *const strings[] = { "", "A", "AAPL", "aapl", "Änd", "ßx", "MSFT", "B*", "zz top", "AAAA", " pad\t", "a,b,,c", "1.50", "-7", "1e400", "2014-05-01T05:00:00Z" };

static char *
random_cell (GRand *rand, const char *type)
{
  if (strcmp (type, "bool") == 0)
    return g_strdup (g_rand_boolean (rand) ? "true" : "false");
  if (strcmp (type, "string") == 0)
    return g_strdup (strings[g_rand_int_range (rand, 0, G_N_ELEMENTS (strings))]);
  if (strcmp (type, "timestamp") == 0)
    return g_rand_int_range (rand, 0, 4) == 0 ? g_strdup ("1969-12-31T23:59:59.999999Z") : g_strdup_printf ("20%02d-05-0%dT05:00:0%d.%06dZ", g_rand_int_range (rand, 13, 16), g_rand_int_range (rand, 1, 3),
                            g_rand_int_range (rand, 0, 2), g_rand_int_range (rand, 0, 2) * 250000);
  if (strcmp (type, "double") == 0)
    {
      static const char *const values[] = { "0.0", "-0.5", "1.5", "1e200", "-1e200", "3.25", "100.0", "1e-200" };
      return g_strdup (values[g_rand_int_range (rand, 0, G_N_ELEMENTS (values))]);
    }
  if (strcmp (type, "int64") == 0)
    switch (g_rand_int_range (rand, 0, 8))
      {
      case 0:
        return g_strdup ("9223372036854775807");
      case 1:
        return g_strdup ("-9223372036854775808");
      default:
        return g_strdup_printf ("%d", g_rand_int_range (rand, -5, 6));
      }
  if (strcmp (type, "decimal(4)") == 0)
    return g_rand_int_range (rand, 0, 12) == 0 ? g_strdup ("922337203685477.5807")
                                               : g_strdup_printf ("%d.%04d", g_rand_int_range (rand, -5, 105), g_rand_int_range (rand, 0, 4) * 2500);
  g_assert_cmpstr (type, ==, "decimal(2)");
  return g_rand_int_range (rand, 0, 6) == 0 ? g_strdup ("-1701411834604692317316873037158841057.28")
                                            : g_strdup_printf ("%d.%02d", g_rand_int_range (rand, -5, 105), g_rand_int_range (rand, 0, 4) * 25);
}

static ExprTable *
random_table (GRand *rand)
{
  static const struct {
    const char *name, *type;
    gboolean wide;
    int nulls; /* one in so many; 0: none; 1: all */
  } columns[] = {
    { "i", "int64", FALSE, 5 },      { "j", "int64", FALSE, 0 },  { "p", "decimal(4)", FALSE, 6 },   { "q", "decimal(2)", TRUE, 4 },
    { "r", "decimal(4)", FALSE, 0 }, { "d", "double", FALSE, 5 }, { "e", "double", FALSE, 0 },       { "s", "string", FALSE, 5 },
    { "t", "string", FALSE, 0 },     { "u", "string", FALSE, 1 }, { "b", "bool", FALSE, 4 },         { "c", "bool", FALSE, 0 },
    { "m", "timestamp", FALSE, 5 },  { "o", "timestamp", FALSE, 0 },
  };
  ExprTable *table = expr_table_new (N_ROWS);

  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    {
      g_autoptr (GPtrArray) cells = g_ptr_array_new_with_free_func (g_free);

      for (guint row = 0; row < N_ROWS; row++)
        g_ptr_array_add (cells, columns[i].nulls != 0 && g_rand_int_range (rand, 0, columns[i].nulls) == 0 ? NULL
                                                                                                           : random_cell (rand, columns[i].type));
      expr_table_add (table, columns[i].name, columns[i].type, columns[i].wide, (const char *const *) cells->pdata);
    }
  return table;
}

/* ---- random text, of each kind of value ---- */

static void random_bool (GRand *rand, GString *text, guint depth);
static void random_number (GRand *rand, GString *text, guint depth);
static void random_string (GRand *rand, GString *text, guint depth);
static void random_time (GRand *rand, GString *text, guint depth);
static void random_any (GRand *rand, GString *text, guint depth);

typedef void (*RandomFunc) (GRand *rand, GString *text, guint depth);

static void
pick (GRand *rand, GString *text, const char *const *from, guint n)
{
  g_string_append (text, from[g_rand_int_range (rand, 0, (gint32) n)]);
}

static void
open_call (GRand *rand, GString *text, RandomFunc func, guint depth, const char *name, guint n)
{
  g_string_append_printf (text, "%s(", name);
  for (guint i = 0; i < n; i++)
    {
      if (i > 0)
        g_string_append (text, ", ");
      func (rand, text, depth);
    }
}

static void
random_if (GRand *rand, GString *text, RandomFunc func, guint depth)
{
  g_string_append (text, "if(");
  random_bool (rand, text, depth);
  g_string_append (text, ",");
  func (rand, text, depth);
  g_string_append (text, " , ");
  func (rand, text, depth);
  g_string_append (text, ")");
}

static void
random_number (GRand *rand, GString *text, guint depth)
{
  static const char *const leaves[] = {
    "i", "j", "p", "q", "r", "d", "e", "i", "j", "p", "q", "0", "1", "-3", "2.5", "-0.0001", "1e3", "-1.5e0", "99999999999999999999.5",
    "9223372036854775807", "0.000000000001", "null",
  };
  static const char *const ops[] = { "+", "-", "*", "/", "%", " + ", " - " };
  static const char *const rounds[] = { "round", "floor", "ceil", "abs", "sign" };
  static const char *const maths[] = { "sqrt", "exp", "ln", "log10" };
  static const char *const parts[] = { "year", "month", "day", "hour", "minute", "second", "weekday" };

  if (depth == 0)
    {
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
      return;
    }
  switch (g_rand_int_range (rand, 0, 14))
    {
    case 0:
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
      break;
    case 1:
      g_string_append (text, "-(");
      random_number (rand, text, depth - 1);
      g_string_append (text, ")");
      break;
    case 2:
      open_call (rand, text, random_number, depth - 1, rounds[g_rand_int_range (rand, 0, 5)], 1);
      g_string_append (text, ")");
      break;
    case 3:
      open_call (rand, text, random_number, depth - 1, "round", 1);
      g_string_append_printf (text, ",%d)", g_rand_int_range (rand, 0, 5));
      break;
    case 4:
      open_call (rand, text, random_number, depth - 1, "coalesce", (guint) g_rand_int_range (rand, 1, 4));
      g_string_append (text, ")");
      break;
    case 5:
      random_if (rand, text, random_number, depth - 1);
      break;
    case 6:
      if (g_rand_boolean (rand))
        {
          open_call (rand, text, random_string, depth - 1, "length", 1);
          g_string_append (text, ")");
        }
      else
        g_string_append (text, "(m - o)");
      break;
    case 7:
      open_call (rand, text, random_number, depth - 1, maths[g_rand_int_range (rand, 0, 4)], 1);
      g_string_append (text, ")");
      break;
    case 8:
      open_call (rand, text, random_number, depth - 1, g_rand_boolean (rand) ? "least" : "greatest", (guint) g_rand_int_range (rand, 2, 4));
      g_string_append (text, ")");
      break;
    case 9:
      open_call (rand, text, random_number, depth - 1, "div", 2);
      g_string_append_printf (text, ", %d)", g_rand_int_range (rand, 0, 19));
      break;
    case 10:
      open_call (rand, text, random_time, depth - 1, parts[g_rand_int_range (rand, 0, G_N_ELEMENTS (parts))], 1);
      g_string_append (text, ")");
      break;
    case 11:
      open_call (rand, text, random_string, depth - 1, "number", 1);
      g_string_append (text, g_rand_boolean (rand) ? ")" : ", 2)");
      break;
    default:
      g_string_append (text, "(");
      random_number (rand, text, depth - 1);
      pick (rand, text, ops, G_N_ELEMENTS (ops));
      random_number (rand, text, depth - 1);
      g_string_append (text, ")");
      break;
    }
}

static const char *const regexes[] = { "A+", "^(.)", "[a-z]+$", "p|P", "(\\\\d+)[.]", "[^A]{2}", "^$", "Ä|b" };

static void
random_any (GRand *rand, GString *text, guint depth)
{
  static const RandomFunc kinds[] = { random_string, random_number, random_bool, random_time };

  kinds[g_rand_int_range (rand, 0, G_N_ELEMENTS (kinds))](rand, text, depth);
}

static void
random_string (GRand *rand, GString *text, guint depth)
{
  static const char *const small[] = { "i", "j", "1", "2", "-1", "-3", "0", "3", "9223372036854775807", "null" };

  static const char *const leaves[] = { "s", "t", "u", "s", "t", "'AAPL'", "\"\"", "'é'", "null" };

  if (depth == 0)
    {
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
      return;
    }
  switch (g_rand_int_range (rand, 0, 11))
    {
    case 3:
      g_string_append (text, "trim(");
      random_string (rand, text, depth - 1);
      g_string_append (text, ")");
      break;
    case 4:
      open_call (rand, text, random_any, depth - 1, "concat", (guint) g_rand_int_range (rand, 1, 6));
      g_string_append (text, ")");
      break;
    case 5:
      g_string_append (text, "substr(");
      random_string (rand, text, depth - 1);
      g_string_append (text, ", ");
      pick (rand, text, small, G_N_ELEMENTS (small));
      if (g_rand_boolean (rand))
        {
          g_string_append (text, ", ");
          pick (rand, text, small, G_N_ELEMENTS (small));
        }
      g_string_append (text, ")");
      break;
    case 6:
      open_call (rand, text, random_string, depth - 1, "replace", 3);
      g_string_append (text, ")");
      break;
    case 7:
      open_call (rand, text, random_string, depth - 1, "split_part", 2);
      g_string_append (text, ", ");
      pick (rand, text, small, G_N_ELEMENTS (small));
      g_string_append (text, ")");
      break;
    case 8:
      g_string_append (text, "extract(");
      random_string (rand, text, depth - 1);
      g_string_append (text, ", '");
      pick (rand, text, regexes, G_N_ELEMENTS (regexes));
      g_string_append (text, "')");
      break;
    case 9:
      if (g_rand_boolean (rand))
        open_call (rand, text, random_any, depth - 1, "text", 1);
      else
        {
          open_call (rand, text, random_time, depth - 1, "format_time", 1);
          g_string_append (text, ", '%Y %m-%d %H:%M:%S.%f %j'");
        }
      g_string_append (text, ")");
      break;
    case 0:
      open_call (rand, text, random_string, depth - 1, g_rand_boolean (rand) ? "lower" : "upper", 1);
      g_string_append (text, ")");
      break;
    case 1:
      open_call (rand, text, random_string, depth - 1, "coalesce", (guint) g_rand_int_range (rand, 1, 4));
      g_string_append (text, ")");
      break;
    case 2:
      random_if (rand, text, random_string, depth - 1);
      break;
    default:
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
    }
}

static void
random_time (GRand *rand, GString *text, guint depth)
{
  static const char *const leaves[] = { "m", "o", "m", "'2014-05-01T05:00:00Z'", "'2015-05-02T07:00:01.25+02:00'" };

  static const char *const moves[] = { " + '5m'", " - '1d'", " + '36h'", " - '1ms'", " + 1000000", " - '3660d' - '3660d' - '3660d' - '3660d' - '3660d'" };
  static const char *const units[] = { "1h", "7m", "1d", "250ms", "week", "month", "quarter", "year" };

  if (depth == 0)
    {
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
      return;
    }
  switch (g_rand_int_range (rand, 0, 6))
    {
    case 0:
      g_string_append (text, "coalesce(m, ");
      random_time (rand, text, 0);
      g_string_append (text, ")");
      break;
    case 1:
      g_string_append (text, "(m");
      pick (rand, text, moves, G_N_ELEMENTS (moves));
      g_string_append (text, ")");
      break;
    case 2:
      g_string_append (text, "trunc(");
      random_time (rand, text, depth - 1);
      g_string_append (text, ", '");
      pick (rand, text, units, G_N_ELEMENTS (units));
      g_string_append (text, "')");
      break;
    case 3:
      open_call (rand, text, random_time, depth - 1, g_rand_boolean (rand) ? "least" : "greatest", 2);
      g_string_append (text, ")");
      break;
    default:
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
    }
}

static void
random_pair (GRand *rand, GString *text, RandomFunc func, guint depth)
{
  static const char *const ops[] = { "==", "!=", "<", "<=", ">", ">=", " = " };

  g_string_append (text, "(");
  func (rand, text, depth);
  pick (rand, text, ops, G_N_ELEMENTS (ops));
  func (rand, text, depth);
  g_string_append (text, ")");
}

static void
random_in (GRand *rand, GString *text, RandomFunc func, guint depth)
{
  guint n = (guint) g_rand_int_range (rand, 1, 5);

  g_string_append (text, "(");
  func (rand, text, depth);
  g_string_append (text, g_rand_boolean (rand) ? " in " : " not in ");
  open_call (rand, text, func, depth, "", n);
  g_string_append (text, "))");
}

static void
random_bool (GRand *rand, GString *text, guint depth)
{
  static const char *const leaves[] = { "b", "c", "b", "c", "true", "false", "null" };
  static const char *const names[] = { "starts_with", "ends_with", "contains" };
  static const char *const globs[] = { "A*", "*", "?*", "*p*", "", "\\\\*", "B\\\\*", "*?p?", "Ä??" };

  if (depth == 0)
    {
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
      return;
    }
  switch (g_rand_int_range (rand, 0, 15))
    {
    case 11:
      g_string_append (text, "(");
      random_any (rand, text, depth - 1);
      g_string_append (text, g_rand_boolean (rand) ? " is null)" : " is not null)");
      break;
    case 12:
      {
        static const RandomFunc kinds[] = { random_string, random_number, random_time };
        RandomFunc func = kinds[g_rand_int_range (rand, 0, 3)];

        g_string_append (text, "(");
        func (rand, text, depth - 1);
        g_string_append (text, g_rand_boolean (rand) ? " between " : " not between ");
        func (rand, text, depth - 1);
        g_string_append (text, " and ");
        func (rand, text, depth - 1);
        g_string_append (text, ")");
      }
      break;
    case 13:
      open_call (rand, text, random_string, depth - 1, names[g_rand_int_range (rand, 0, 3)], 2);
      g_string_append (text, ")");
      break;
    case 14:
      g_string_append (text, "matches(");
      random_string (rand, text, depth - 1);
      g_string_append (text, ", '");
      pick (rand, text, regexes, G_N_ELEMENTS (regexes));
      g_string_append (text, "')");
      break;
    case 0:
      pick (rand, text, leaves, G_N_ELEMENTS (leaves));
      break;
    case 1:
      g_string_append (text, "(not ");
      random_bool (rand, text, depth - 1);
      g_string_append (text, ")");
      break;
    case 2:
    case 3:
      g_string_append (text, "(");
      random_bool (rand, text, depth - 1);
      g_string_append (text, g_rand_boolean (rand) ? " and " : " or ");
      random_bool (rand, text, depth - 1);
      g_string_append (text, ")");
      break;
    case 4:
      random_pair (rand, text, random_string, depth - 1);
      break;
    case 5:
      random_pair (rand, text, random_time, depth - 1);
      break;
    case 6:
      random_in (rand, text, g_rand_boolean (rand) ? random_number : random_string, depth - 1);
      break;
    case 7:
      g_string_append (text, "(");
      random_string (rand, text, depth - 1);
      g_string_append (text, " ~ '");
      pick (rand, text, globs, G_N_ELEMENTS (globs));
      g_string_append (text, "')");
      break;
    case 8:
      random_if (rand, text, random_bool, depth - 1);
      break;
    default:
      random_pair (rand, text, random_number, depth - 1);
    }
}

static gboolean
check (ExprTable *table, SynFrame *frame, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynExpr) expr = syn_expr_parse (text, &error), again = NULL;
  g_autoptr (SynProgram) program = NULL;
  g_autofree char *canonical = NULL, *twice = NULL, *type = NULL;
  const ReplicaColumn *result;
  SynColumnSpec spec = { 0 };
  guint scale;

  if (expr == NULL && strstr (error->message, "bytes") != NULL)
    return FALSE;
  g_assert_no_error (error);
  canonical = syn_expr_to_string (expr);
  again = syn_expr_parse (canonical, &error);
  if (again == NULL)
    g_error ("%s became %s: %s", text, canonical, error->message);
  twice = syn_expr_to_string (again);
  g_assert_cmpstr (canonical, ==, twice);
  program = syn_program_compile (again, table->schema, &error);
  if (program == NULL)
    {
      /* The generator knows the kinds of values, but neither null's lack of one nor that two times in quotes are strings. */
      if (strstr (error->message, "always null") == NULL && strstr (error->message, "cannot") == NULL && strstr (error->message, "takes") == NULL)
        g_error ("%s: %s", text, error->message);
      return FALSE;
    }
  spec.type = syn_program_get_type_of (program, &scale);
  spec.scale = (guint8) scale;
  type = syn_column_spec_type_to_string (&spec);
  result = syn_program_run (program, frame, (const ReplicaColumn *const *) table->columns->pdata, table->n_rows);
  for (guint row = 0; row < table->n_rows; row++)
    {
      /* From the tree as it was written, so that the canonical text is held against it too. */
      g_autofree char *expected_type = NULL;
      g_autofree char *expected = expr_reference_evaluate (expr, table, row, &expected_type);
      char buffer[REPLICA_TEXT_MAX];
      gsize length;
      const char *found = replica_column_is_null (result, row) ? NULL : replica_column_format (result, row, buffer, &length);

      if (g_strcmp0 (found, expected) != 0 || strcmp (type, expected_type) != 0)
        g_error ("%s, row %u: expected %s of type %s, got %s of type %s", text, row, expected != NULL ? expected : "NULL", expected_type,
                 found != NULL ? found : "NULL", type);
    }
  return TRUE;
}

static void
test_random (void)
{
  static const RandomFunc kinds[] = { random_bool, random_number, random_string, random_time };
  GRand *rand = g_rand_new_with_seed (987654321);
  g_autoptr (SynFrame) frame = syn_frame_new ();
  guint n_checked = 0;

  for (guint i = 0; i < 20; i++)
    {
      g_autoptr (ExprTable) table = random_table (rand);

      for (guint j = 0; j < 72; j++)
        {
          g_autoptr (GString) text = g_string_new (NULL);

          kinds[j % G_N_ELEMENTS (kinds)](rand, text, (guint) g_rand_int_range (rand, 1, 5));
          n_checked += (guint) check (table, frame, text->str);
        }
    }
  g_test_message ("%u expressions of 1440 compiled and agreed", n_checked);
  g_assert_cmpuint (n_checked, >, 1000);
  g_rand_free (rand);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/program/random", test_random);
  return g_test_run ();
}
