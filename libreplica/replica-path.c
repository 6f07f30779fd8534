/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Conditions put into paths: for panels that follow, and for filters. Any thread. */

#include "replica-path.h"

#include <string.h>

void
replica_path_append_literal (GString *condition, const char *text, gsize length)
{
  g_string_append_c (condition, '"');
  for (gsize i = 0; i < length; i++)
    {
      if (text[i] == '"' || text[i] == '\\')
        g_string_append_c (condition, '\\');
      if (text[i] == '\n')
        g_string_append (condition, "\\n");
      else if (text[i] == '\t')
        g_string_append (condition, "\\t");
      else if (text[i] == '\r')
        g_string_append (condition, "\\r");
      else
        g_string_append_c (condition, text[i]);
    }
  g_string_append_c (condition, '"');
}

char *
replica_path_dup_where (const char *path, const char *condition)
{
  g_autofree char *escaped = g_uri_escape_string (condition, NULL, FALSE);
  g_autoptr (GString) result = g_string_new (NULL);
  const char *query = strchr (path, '?');
  gboolean has_where = FALSE;

  g_string_append_len (result, path, query != NULL ? query - path : (gssize) strlen (path));
  g_string_append_c (result, '?');
  if (query != NULL)
    {
      g_auto (GStrv) parameters = g_strsplit (query + 1, "&", -1);

      for (guint i = 0; parameters[i] != NULL; i++)
        {
          if (parameters[i][0] == '\0')
            continue;
          if (g_str_has_prefix (parameters[i], "where="))
            {
              has_where = TRUE;
              g_string_append_printf (result, "where=%%28%s%%29%%20and%%20%s&", parameters[i] + strlen ("where="), escaped);
            }
          else
            g_string_append_printf (result, "%s&", parameters[i]);
        }
    }
  if (!has_where)
    g_string_append_printf (result, "where=%s&", escaped);
  g_string_truncate (result, result->len - 1);
  return g_string_free (g_steal_pointer (&result), FALSE);
}
