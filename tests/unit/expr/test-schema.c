/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Schemas, types as text, and suggestions. */
#include "syn-duration.h"
#include "syn-error.h"
#include "syn-schema.h"
#include "syn-suggest.h"

#include <string.h>

static void
test_types (void)
{
  static const struct {
    const char *text;
    ReplicaType type;
    guint scale;
  } cases[] = {
    { "bool", REPLICA_TYPE_BOOL, 0 },          { "int64", REPLICA_TYPE_INT64, 0 },        { "double", REPLICA_TYPE_DOUBLE, 0 },
    { "string", REPLICA_TYPE_STRING, 0 },      { "timestamp", REPLICA_TYPE_TIMESTAMP, 0 }, { "decimal(0)", REPLICA_TYPE_DECIMAL, 0 },
    { "decimal(4)", REPLICA_TYPE_DECIMAL, 4 }, { "decimal(18)", REPLICA_TYPE_DECIMAL, 18 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SynColumnSpec spec = { 0 };
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;
      guint scale;

      g_assert_true (syn_type_parse (cases[i].text, &spec.type, &scale, &error));
      g_assert_no_error (error);
      g_assert_cmpint (spec.type, ==, cases[i].type);
      g_assert_cmpuint (scale, ==, cases[i].scale);
      spec.scale = (guint8) scale;
      text = syn_column_spec_type_to_string (&spec);
      g_assert_cmpstr (text, ==, cases[i].text);
    }
}

static void
test_bad_types (void)
{
  static const struct {
    const char *text;
    const char *part;
  } cases[] = {
    { "", "expected a type: bool, int64" },
    { "int", "did you mean \"int64\"?" },
    { "float", "did you mean \"double\"?" },
    { "decimal", "did you mean \"decimal(4)\"?" },
    { "strng", "did you mean \"string\"?" },
    { "Bool", "did you mean \"bool\"?" },
    { "decimal()", "expected decimal(0) to decimal(18), found \"decimal()\"" },
    { "decimal(19)", "expected decimal(0) to decimal(18)" },
    { "decimal(04)", "expected decimal(0) to decimal(18)" },
    { "decimal(-1)", "expected decimal(0) to decimal(18)" },
    { "decimal(999999999999999999999)", "expected decimal(0) to decimal(18)" },
    { "decimal( 4)", "expected decimal(0) to decimal(18)" },
    { "zzzzzzzz", "found \"zzzzzzzz\"" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      ReplicaType type;
      guint scale;

      g_assert_false (syn_type_parse (cases[i].text, &type, &scale, &error));
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_nonnull (strstr (error->message, cases[i].part));
    }
}

static void
test_schema (void)
{
  g_autoptr (SynSchema) schema = syn_schema_new ();
  g_autoptr (SynSchema) copy = NULL;
  g_autofree char *none = NULL, *near = NULL;

  g_assert_cmpint (syn_schema_find (schema, "a"), ==, -1);
  none = syn_schema_suggest (schema, "a");
  g_assert_cmpstr (none, ==, "");
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("column-%u", i);
      syn_schema_add (schema, name, i % 2 ? REPLICA_TYPE_DECIMAL : REPLICA_TYPE_STRING, 7, i == 3);
    }
  near = syn_schema_suggest (schema, "colunm-3");
  g_assert_cmpstr (near, ==, "; did you mean \"column-3\"?");
  copy = syn_schema_copy (schema);
  g_assert_cmpuint (copy->n_columns, ==, 100);
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *name = g_strdup_printf ("column-%u", i);

      g_assert_cmpint (syn_schema_find (copy, name), ==, (int) i);
      g_assert_cmpstr (copy->columns[i].name, ==, name);
      g_assert_true (copy->columns[i].name != schema->columns[i].name);
      g_assert_cmpint (copy->columns[i].type, ==, i % 2 ? REPLICA_TYPE_DECIMAL : REPLICA_TYPE_STRING);
      g_assert_cmpint (copy->columns[i].scale, ==, i % 2 ? 7 : 0);
      g_assert_cmpint (copy->columns[i].is_key, ==, i == 3);
    }
}

static void
test_suggest (void)
{
  static const char *const names[] = { "last", "volume", "symbol", "open", "id", "time" };
  static const struct {
    const char *wanted;
    const char *near;
  } cases[] = {
    { "lsat", "last" },   { "volum", "volume" }, { "SYMBOL", "symbol" }, { "oepn", "open" }, { "Symbl", "symbol" },
    { "price", NULL },    { "x", NULL },         { "xy", NULL },         { "tim", "time" },  { "", NULL },
    { "volumevolumevolumevolumevolumevolumevolumevolumevolumevolumevolumevolume", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      SynSuggest suggest;
      g_autofree char *text = NULL;

      syn_suggest_init (&suggest, cases[i].wanted);
      for (guint j = 0; j < G_N_ELEMENTS (names); j++)
        syn_suggest_add (&suggest, names[j]);
      g_assert_cmpstr (suggest.best, ==, cases[i].near);
      text = syn_suggest_dup_text (&suggest);
      g_assert_cmpint (text[0] != '\0', ==, cases[i].near != NULL);
    }
}

static void
test_durations (void)
{
  static const struct {
    const char *text;
    gint64 us; /* 0: none */
  } cases[] = {
    { "500ms", 500000 }, { "1s", 1000000 }, { "2m", 120000000 }, { "1h", G_GINT64_CONSTANT (3600000000) },
    { "3660d", SYN_LONGEST_DURATION_US }, { "3661d", 0 }, { "0s", 0 }, { "-1s", 0 }, { "5", 0 }, { "", 0 }, { "m", 0 },
    { "1.5h", 0 }, { " 1h", 0 }, { "1 h", 0 }, { "1h30m", 0 }, { "1M", 0 }, { "99999999999999999999d", 0 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      gint64 us = 0;

      g_assert_cmpint (syn_duration_parse (cases[i].text, &us), ==, cases[i].us != 0);
      if (cases[i].us != 0)
        g_assert_cmpint (us, ==, cases[i].us);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/schema/types", test_types);
  g_test_add_func ("/schema/bad-types", test_bad_types);
  g_test_add_func ("/schema/columns", test_schema);
  g_test_add_func ("/schema/suggest", test_suggest);
  g_test_add_func ("/schema/durations", test_durations);
  return g_test_run ();
}
