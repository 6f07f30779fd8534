/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Runs every example of the documentation: the table in its ```expr-table block, and in each ```expr block lines of
 * `EXPRESSION → value | value | value` and `EXPRESSION ✗ error`. */
#include "expr-fixture.h"

#include <string.h>

static char *
read_document (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "docs", "catalog.md", NULL);
  g_autoptr (GError) error = NULL;
  char *text = NULL;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

/* The lines of the next block with this tag; NULL when there is none. */
static char **
next_block (const char **at, const char *tag)
{
  g_autofree char *fence = g_strdup_printf ("\n```%s\n", tag);
  const char *start = strstr (*at, fence), *end;
  g_autofree char *block = NULL;

  if (start == NULL)
    return NULL;
  start += strlen (fence);
  end = strstr (start, "\n```");
  g_assert_nonnull (end);
  *at = end;
  block = g_strndup (start, (gsize) (end - start));
  return g_strsplit (block, "\n", -1);
}

static char **
split_cells (const char *line)
{
  g_autoptr (GRegex) spaces = g_regex_new (" +", 0, 0, NULL);

  return g_regex_split (spaces, line, 0);
}

static ExprTable *
read_table (const char *document)
{
  g_auto (GStrv) lines = next_block (&document, "expr-table");
  guint n_rows = g_strv_length (lines) - 2;
  g_auto (GStrv) names = split_cells (lines[0]), types = split_cells (lines[1]);
  ExprTable *table = expr_table_new (n_rows);
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) g_strfreev);

  g_assert_cmpuint (g_strv_length (names), ==, g_strv_length (types));
  for (guint i = 0; i < n_rows; i++)
    {
      g_ptr_array_add (rows, split_cells (lines[i + 2]));
      g_assert_cmpuint (g_strv_length (g_ptr_array_index (rows, i)), ==, g_strv_length (names));
    }
  for (guint column = 0; names[column] != NULL; column++)
    {
      g_autofree const char **cells = g_new0 (const char *, n_rows);

      for (guint row = 0; row < n_rows; row++)
        {
          const char *cell = ((char **) g_ptr_array_index (rows, row))[column];
          cells[row] = strcmp (cell, "-") == 0 ? NULL : cell;
        }
      expr_table_add (table, names[column], types[column], FALSE, cells);
    }
  return table;
}

static void
check_line (ExprTable *table, const char *line, guint *n_values, guint *n_errors)
{
  const char *values = strstr (line, " → "), *message = strstr (line, " ✗ ");
  const char *middle = values != NULL ? values : message;
  g_autofree char *text = NULL, *found = NULL;
  g_autoptr (GError) error = NULL;

  if (middle == NULL)
    g_error ("no result in \"%s\"", line);
  text = g_strchomp (g_strndup (line, (gsize) (middle - line)));
  found = expr_table_evaluate (table, text, NULL, &error);
  if (values != NULL)
    {
      g_auto (GStrv) cells = NULL;
      g_autoptr (GString) written = g_string_new (NULL);

      g_assert_no_error (error);
      cells = g_strsplit (found, "|", -1);
      for (guint i = 0; cells[i] != NULL; i++)
        g_string_append_printf (written, "%s%s", i > 0 ? " | " : "", strcmp (cells[i], "NULL") == 0 ? "-" : cells[i]);
      if (strcmp (written->str, values + strlen (" → ")) != 0)
        g_error ("%s: the documentation says %s, it is %s", text, values + strlen (" → "), written->str);
      (*n_values)++;
    }
  else
    {
      if (found != NULL || strcmp (error->message, message + strlen (" ✗ ")) != 0)
        g_error ("%s: the documentation says \"%s\", it is \"%s\"", text, message + strlen (" ✗ "), found != NULL ? found : error->message);
      (*n_errors)++;
    }
}

static void
test_documentation (void)
{
  g_autofree char *document = read_document ();
  g_autoptr (ExprTable) table = read_table (document);
  const char *at = document;
  guint n_values = 0, n_errors = 0;
  char **lines;

  while ((lines = next_block (&at, "expr")) != NULL)
    {
      for (guint i = 0; lines[i] != NULL; i++)
        check_line (table, lines[i], &n_values, &n_errors);
      g_strfreev (lines);
    }
  g_test_message ("%u values, %u errors", n_values, n_errors);
  g_assert_cmpuint (n_values, >=, 30);
  g_assert_cmpuint (n_errors, >=, 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/expr/documentation", test_documentation);
  return g_test_run ();
}
