/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is typed into a filter as a question to the server. The typed text stands in it as patterns in quotes only: what would end a quote or
 * mean something in a pattern is escaped, and the whole is percent-encoded. Any thread. */

#include "replica-filter.h"

#include <string.h>

#include "replica-path.h"

/* Whether some rows may be missing, and the `where` is about the same columns as the answer. */
static gboolean
is_cut (const char *path)
{
  static const char *const known[] = { "where=", "sort=", "limit=" };
  const char *query = strchr (path, '?');
  g_auto (GStrv) parameters = g_strsplit (query != NULL ? query + 1 : "", "&", -1);
  gboolean has_limit = FALSE;

  for (guint i = 0; parameters[i] != NULL; i++)
    {
      guint k = 0;

      while (k < G_N_ELEMENTS (known) && !g_str_has_prefix (parameters[i], known[k]))
        k++;
      if (k == G_N_ELEMENTS (known) && *parameters[i] != '\0')
        return FALSE;
      has_limit |= k == 2;
    }
  return has_limit;
}

/* The word within a glob, in the letters of lower(). */
static char *
dup_pattern (const char *word)
{
  GString *pattern = g_string_new ("*");

  for (const char *p = word; *p != '\0'; p = g_utf8_next_char (p))
    {
      if (strchr ("*?\\", *p) != NULL)
        g_string_append_c (pattern, '\\');
      g_string_append_unichar (pattern, g_unichar_tolower (g_utf8_get_char (p)));
    }
  g_string_append_c (pattern, '*');
  return g_string_free (pattern, FALSE);
}

char *
replica_filter_dup_path (const char *path, ReplicaSnapshot *snapshot, const char *filter)
{
  g_autoptr (GString) condition = g_string_new (NULL);
  g_autofree char *valid = g_utf8_make_valid (filter, -1);
  g_auto (GStrv) words = g_strsplit_set (valid, " \t\r\n", -1);

  if (snapshot == NULL || !is_cut (path))
    return NULL;
  for (guint i = 0; words[i] != NULL; i++)
    {
      g_autofree char *pattern = dup_pattern (words[i]);
      gboolean is_first = TRUE;

      if (*words[i] == '\0')
        continue;
      g_string_append (condition, condition->len > 0 ? " and (" : "(");
      for (guint c = 0; c < replica_snapshot_get_n_columns (snapshot); c++)
        {
          const ReplicaColumn *column = replica_snapshot_get_column (snapshot, c);

          if (column->type != REPLICA_TYPE_STRING)
            continue;
          g_string_append_printf (condition, "%slower(`%s`)~", is_first ? "" : " or ", column->name);
          replica_path_append_literal (condition, pattern, strlen (pattern));
          is_first = FALSE;
        }
      if (is_first)
        return NULL;
      g_string_append_c (condition, ')');
    }
  return condition->len > 0 ? replica_path_dup_where (path, condition->str) : NULL;
}
