/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The JSON reader of catalogs: strict, with lines, and of one opinion with json-glib on what both accept. */
#include "syn-error.h"
#include "syn-json.h"

#include <json-glib/json-glib.h>
#include <string.h>

static SynJson *
parse (const char *text, guint *line, GError **error)
{
  gsize length = strlen (text);
  g_autofree char *exact = g_memdup2 (text, length);

  return syn_json_parse (exact != NULL ? exact : "", length, SYN_JSON_MAX_VALUES, line, error);
}

static void
assert_same (const SynJson *ours, JsonNode *theirs)
{
  switch (ours->kind)
    {
    case SYN_JSON_NULL:
      g_assert_true (JSON_NODE_HOLDS_NULL (theirs));
      break;
    case SYN_JSON_BOOL:
      g_assert_cmpint (ours->boolean, ==, json_node_get_boolean (theirs));
      break;
    case SYN_JSON_NUMBER:
      g_assert_cmpfloat (g_ascii_strtod (ours->text, NULL), ==, json_node_get_double (theirs));
      break;
    case SYN_JSON_STRING:
      g_assert_cmpstr (ours->text, ==, json_node_get_string (theirs));
      break;
    case SYN_JSON_ARRAY:
      g_assert_cmpuint (ours->n_items, ==, json_array_get_length (json_node_get_array (theirs)));
      for (guint i = 0; i < ours->n_items; i++)
        assert_same (ours->items[i], json_array_get_element (json_node_get_array (theirs), i));
      break;
    default:
      g_assert_cmpuint (ours->n_items, ==, json_object_get_size (json_node_get_object (theirs)));
      for (guint i = 0; i < ours->n_items; i++)
        assert_same (ours->items[i], json_object_get_member (json_node_get_object (theirs), ours->names[i]));
    }
}

static void
test_accepted (void)
{
  static const char *const texts[] = {
    "null", " true ", "false", "0", "-0", "12", "-12.5", "1e3", "1.5E-3", "\"\"", "\"a\"", "[]", "[ ]", "{}", "{ }", "[1,2]", "[[[]]]",
    "{\"a\":1}", "{\"a\":{\"b\":[1,{\"c\":null}]},\"d\":\"e\"}", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\u00e9\\ud83d\\ude00é😀\"",
    "\t\r\n[\n1\n,\n2\n]\n", "{\"\":1}", "\"\x7f\"",
  };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (JsonNode) theirs = json_from_string (texts[i], &error);
      g_autoptr (SynJson) ours = NULL;
      guint line;

      g_test_message ("%s", texts[i]);
      g_assert_no_error (error);
      ours = parse (texts[i], &line, &error);
      g_assert_no_error (error);
      assert_same (ours, theirs);
    }
}

static void
test_refused (void)
{
  static const struct {
    const char *text;
    guint line;
    const char *message;
  } cases[] = {
    { "", 1, "column 1: expected a value, found the end of the file" },
    { "\n\n  ", 3, "column 3: expected a value, found the end of the file" },
    { "nul", 1, "column 1: expected a value, found \"n\"" },
    { "nulll", 1, "column 1: expected a value" },
    { "True", 1, "column 1: expected a value, found \"T\"" },
    { "'a'", 1, "column 1: expected a value, found \"'\"" },
    { "[1 2]", 1, "column 4: expected \",\" or \"]\", found \"2\"" },
    { "[1,]", 1, "column 4: expected another value after \",\", found \"]\"" },
    { "{\"a\":1,}", 1, "column 8: expected another member after \",\", found \"}\"" },
    { "{a:1}", 1, "column 2: expected the name of a member in double quotes, found \"a\"" },
    { "{\"a\" 1}", 1, "column 6: expected \":\", found \"1\"" },
    { "{\"a\":1\n\"b\":2}", 2, "column 1: expected \",\" or \"}\", found \"\"\"" },
    { "{\"a\":1,\n\"é\":2,\n \"a\":3}", 3, "column 5: \"a\" is given twice" },
    { "[1", 1, "column 3: expected \",\" or \"]\", found the end of the file" },
    { "{", 1, "column 2: expected the name of a member in double quotes, found the end of the file" },
    { "[1] 2", 1, "column 5: expected the end of the file, found \"2\"" },
    { "// no\n1", 1, "column 1: expected a value, found \"/\" (JSON has no comments)" },
    { "[1, # no\n2]", 1, "column 5: expected a value, found \"#\" (JSON has no comments)" },
    { "01", 1, "column 2: expected a number without leading zeros" },
    { "-", 1, "column 2: expected a digit" },
    { "+1", 1, "column 1: expected a value" },
    { ".5", 1, "column 1: expected a value" },
    { "1.", 1, "column 3: expected a digit after the point" },
    { "1e", 1, "column 3: expected a digit in the exponent" },
    { "0x10", 1, "column 2: expected the end of the file" },
    { "\"a", 1, "column 3: expected the string to end with \", found the end of the file" },
    { "\"a\nb\"", 1, "column 3: expected the string to end with \", found the control character \\u000a" },
    { "\"\\q\"", 1, "column 3: expected an escape" },
    { "\"\\u12\"", 1, "column 6: expected four hexadecimal digits" },
    { "\"\\u0000\"", 1, "column 8: expected text without \\u0000" },
    { "\"\\ud800\"", 1, "column 8: expected a pair of surrogates" },
    { "\"\\ud800\\u0041\"", 1, "column 14: expected the second of a pair of surrogates" },
    { "\"\\udc00\"", 1, "column 8: expected a pair of surrogates" },
    { "\"\\", 1, "column 3: expected an escape" },
    { "[\n\"\xff\"]", 2, "column 2: not UTF-8" },
    { "[[[[[[[[[[[[[[[[[", 1, "column 17: nested deeper than 16" },
    { "{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":[{\"a\":", 1, "nested deeper than 16" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;
      guint line = 0;

      g_assert_null (parse (cases[i].text, &line, &error));
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      if (strstr (error->message, cases[i].message) == NULL || line != cases[i].line)
        g_error ("%s: expected %u: %s, got %u: %s", cases[i].text, cases[i].line, cases[i].message, line, error->message);
    }
}

static void
test_nul (void)
{
  g_autoptr (GError) error = NULL;
  guint line;

  g_assert_null (syn_json_parse ("[1,\n\0]", 6, SYN_JSON_MAX_VALUES, &line, &error));
  g_assert_cmpuint (line, ==, 2);
  g_assert_cmpstr (error->message, ==, "column 1: a NUL byte");
}

static void
test_lines (void)
{
  guint line;
  g_autoptr (SynJson) root = parse ("{\n \"a\":\n  1\n,\n \"b\": [ 1,\n\n {\"c\":\n\"d\"} ]\n\n}\n", &line, NULL);
  const SynJson *b = syn_json_get (root, "b");

  g_assert_cmpuint (root->line, ==, 1);
  g_assert_cmpuint (syn_json_get_name_line (root, "a"), ==, 2);
  g_assert_cmpuint (syn_json_get (root, "a")->line, ==, 3);
  g_assert_cmpuint (syn_json_get_name_line (root, "b"), ==, 5);
  g_assert_cmpuint (b->items[0]->line, ==, 5);
  g_assert_cmpuint (b->items[1]->line, ==, 7);
  g_assert_cmpuint (syn_json_get (b->items[1], "c")->line, ==, 8);
  g_assert_cmpuint (syn_json_get_name_line (root, "none"), ==, 1);
  g_assert_null (syn_json_get (root, "none"));
  g_assert_null (syn_json_get (b, "c"));
}

static void
test_many_values (void)
{
  static const char text[] = "[1,\n[2,{\"a\":3}],4]"; /* seven values */
  g_autoptr (GError) error = NULL;
  guint line;
  g_autoptr (SynJson) seven = syn_json_parse (text, strlen (text), 7, &line, &error);

  g_assert_no_error (error);
  g_assert_nonnull (seven);
  g_assert_null (syn_json_parse (text, strlen (text), 6, &line, &error));
  g_assert_cmpstr (error->message, ==, "more than 6 values in one file");
  g_assert_cmpuint (line, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json/accepted", test_accepted);
  g_test_add_func ("/json/refused", test_refused);
  g_test_add_func ("/json/nul", test_nul);
  g_test_add_func ("/json/lines", test_lines);
  g_test_add_func ("/json/many-values", test_many_values);
  return g_test_run ();
}
