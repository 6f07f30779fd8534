/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Values of every type: as text, as doubles, and in order. */

#include "replica-error.h"
#include "test-snapshot-fixture.h"

#include <string.h>

static void
test_type_names (void)
{
  g_assert_cmpstr (replica_type_to_string (REPLICA_TYPE_BOOL), ==, "bool");
  g_assert_cmpstr (replica_type_to_string (REPLICA_TYPE_INT64), ==, "int64");
  g_assert_cmpstr (replica_type_to_string (REPLICA_TYPE_DOUBLE), ==, "double");
  g_assert_cmpstr (replica_type_to_string (REPLICA_TYPE_DECIMAL), ==, "decimal");
  g_assert_cmpstr (replica_type_to_string (REPLICA_TYPE_STRING), ==, "string");
  g_assert_cmpstr (replica_type_to_string (REPLICA_TYPE_TIMESTAMP), ==, "timestamp");
  g_assert_cmpstr (replica_type_to_string ((ReplicaType) 0), ==, "unknown");
  g_assert_cmpstr (replica_type_to_string ((ReplicaType) 7), ==, "unknown");
  g_assert_cmpstr (replica_error_to_string (REPLICA_ERROR_NOT_FOUND), ==, "not-found");
  g_assert_cmpstr (replica_error_to_string ((ReplicaError) 77), ==, "internal");
}

/* What each column writes as text reads back as; each list rises. */
static const struct
{
  ReplicaType type;
  guint scale;
  guint width;
  const char *texts; /* by spaces */
} columns[] = {
  { REPLICA_TYPE_BOOL, 0, 1, "~ false true" },
  { REPLICA_TYPE_INT64, 0, 8, "~ -9223372036854775808 -1 0 1 9223372036854775807" },
  { REPLICA_TYPE_DOUBLE, 0, 8,
    "~ -1.7976931348623157e308 -1 -5e-324 0 5e-324 0.1 1e21 1.7976931348623157e308" },
  { REPLICA_TYPE_DECIMAL, 4, 8, "~ -922337203685477.5808 -0.0001 0.0000 1.1000 1.1001 922337203685477.5807" },
  { REPLICA_TYPE_DECIMAL, 0, 16,
    "~ -170141183460469231731687303715884105728 -18446744073709551616 -1 0 18446744073709551615 "
    "18446744073709551616 "
    "170141183460469231731687303715884105727" },
  { REPLICA_TYPE_STRING, 0, 4, "~ A AA AAAAAAAA AAAAAAAAA AAAAAAAAB B a é € 😀" },
  { REPLICA_TYPE_TIMESTAMP, 0, 8,
    "~ 0001-01-01T00:00:00Z 1970-01-01T00:00:00.001Z 2014-05-01T05:00:00.000001Z" },
};

static void
test_format_and_compare (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    {
      g_autoptr (TestColumn) holder =
          test_column_new ("c", columns[i].type, columns[i].scale, columns[i].width, FALSE);
      g_auto (GStrv) texts = g_strsplit (columns[i].texts, " ", -1);
      const ReplicaColumn *column;
      char buffer[REPLICA_TEXT_MAX];

      for (guint row = 0; texts[row] != NULL; row++)
        test_column_add_text (holder, texts[row]);
      column = test_column_get (holder);
      for (guint a = 0; a < column->n_rows; a++)
        {
          gsize length = 99;
          const char *text = replica_column_format (column, a, buffer, &length);

          g_assert_cmpstr (text, ==, a == 0 ? "" : texts[a]);
          g_assert_cmpuint (length, ==, strlen (text));
          g_assert_cmpstr (replica_column_format (column, a, buffer, NULL), ==, text);
          for (guint b = 0; b < column->n_rows; b++)
            {
              int order = replica_column_compare (column, a, column, b);

              g_assert_cmpint ((order > 0) - (order < 0), ==, (a > b) - (a < b));
            }
        }
    }
}

/* The same decimals in 8 and in 16 bytes. */
static void
test_compare_widths (void)
{
  g_autoptr (TestColumn) narrow = test_column_new ("n", REPLICA_TYPE_DECIMAL, 2, 8, FALSE);
  g_autoptr (TestColumn) wide = test_column_new ("w", REPLICA_TYPE_DECIMAL, 2, 16, FALSE);
  const ReplicaColumn *a, *b;

  test_column_add_text (narrow, "-1.50");
  test_column_add_text (wide, "-1.50");
  test_column_add_text (wide, "99999999999999999999.00");
  a = test_column_get (narrow);
  b = test_column_get (wide);
  g_assert_cmpint (replica_column_compare (a, 0, b, 0), ==, 0);
  g_assert_cmpint (replica_column_compare (a, 0, b, 1), <, 0);
  g_assert_cmpint (replica_column_compare (b, 1, a, 0), >, 0);
  g_assert_cmpfloat (replica_column_get_double (b, 1), ==, 1e20);
}

static void
test_doubles (void)
{
  static const struct
  {
    ReplicaType type;
    guint scale;
    guint width;
    const char *text;
    double value;
  } cases[] = {
    { REPLICA_TYPE_BOOL, 0, 1, "true", 1 },
    { REPLICA_TYPE_INT64, 0, 8, "-42", -42 },
    { REPLICA_TYPE_DOUBLE, 0, 8, "0.1", 0.1 },
    { REPLICA_TYPE_DECIMAL, 4, 8, "1.1", 1.1 },
    { REPLICA_TYPE_DECIMAL, 18, 8, "0.000000000000000001", 1e-18 },
    { REPLICA_TYPE_DECIMAL, 1, 16, "-0.3", -0.3 },
    { REPLICA_TYPE_TIMESTAMP, 0, 8, "1970-01-01T00:00:02Z", 2e6 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (TestColumn) column =
          test_column_new ("c", cases[i].type, cases[i].scale, cases[i].width, FALSE);

      test_column_add_text (column, cases[i].text);
      g_assert_cmpfloat (replica_column_get_double (test_column_get (column), 0), ==, cases[i].value);
    }
}

static void
test_strings_with_nul (void)
{
  g_autoptr (TestColumn) holder = test_column_new ("c", REPLICA_TYPE_STRING, 0, 4, FALSE);
  const ReplicaColumn *column;
  gsize length;

  test_column_add_string (holder, "a", 1);
  test_column_add_string (holder, "a\0", 2);
  test_column_add_string (holder, "a\0b", 3);
  test_column_add_string (holder, "", 0);
  column = test_column_get (holder);
  g_assert_cmpint (replica_column_compare (column, 0, column, 1), <, 0);
  g_assert_cmpint (replica_column_compare (column, 1, column, 2), <, 0);
  g_assert_cmpint (replica_column_compare (column, 3, column, 0), <, 0);
  g_assert_cmpmem (replica_column_get_string (column, 2, &length), 4, "a\0b", 4);
  g_assert_cmpuint (length, ==, 3);
  replica_column_get_string (column, 3, &length);
  g_assert_cmpuint (length, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/column/type-names", test_type_names);
  g_test_add_func ("/column/format-and-compare", test_format_and_compare);
  g_test_add_func ("/column/compare-widths", test_compare_widths);
  g_test_add_func ("/column/doubles", test_doubles);
  g_test_add_func ("/column/strings-with-nul", test_strings_with_nul);
  return g_test_run ();
}
