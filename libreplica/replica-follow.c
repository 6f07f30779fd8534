/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Panels that follow the selection of another panel of their screen. Any thread. */
#include "replica-follow.h"

#include <string.h>

/* A value as a literal of the expression language: text is quoted with what would end it escaped. */
static void
append_literal (GString *text, const ReplicaColumn *column, guint row)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;
  const char *value = replica_column_format (column, row, buffer, &length);

  if (column->type != REPLICA_TYPE_STRING)
    {
      g_string_append_len (text, value, (gssize) length);
      return;
    }
  g_string_append_c (text, '"');
  for (gsize i = 0; i < length; i++)
    {
      if (value[i] == '"' || value[i] == '\\')
        g_string_append_c (text, '\\');
      if (value[i] == '\n')
        g_string_append (text, "\\n");
      else if (value[i] == '\t')
        g_string_append (text, "\\t");
      else if (value[i] == '\r')
        g_string_append (text, "\\r");
      else
        g_string_append_c (text, value[i]);
    }
  g_string_append_c (text, '"');
}

static gboolean
has_nul (const ReplicaColumn *column, guint row)
{
  const char *text;
  gsize length;

  if (column->type != REPLICA_TYPE_STRING)
    return FALSE;
  text = replica_column_get_string (column, row, &length);
  return memchr (text, '\0', length) != NULL;
}

char *
replica_follow_dup_path (const char *path, ReplicaSnapshot *leader, guint row)
{
  g_autoptr (GString) condition = g_string_new (NULL);
  g_autoptr (GString) result = g_string_new (NULL);
  g_autofree char *escaped = NULL;
  const char *query = strchr (path, '?');
  gboolean has_where = FALSE;

  for (guint i = 0; i < replica_snapshot_get_n_columns (leader); i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (leader, i);

      if (!column->is_key || column->type == REPLICA_TYPE_TIMESTAMP || replica_column_is_null (column, row))
        continue;
      if (has_nul (column, row))
        return g_strdup (path); /* no expression can say it */
      if (condition->len > 0)
        g_string_append (condition, " and ");
      /* Always quoted: a name may be a word of the language. The server's canonical path quotes as needed. */
      g_string_append_printf (condition, "`%s`==", column->name);
      append_literal (condition, column, row);
    }
  if (condition->len == 0)
    return g_strdup (path);
  escaped = g_uri_escape_string (condition->str, NULL, FALSE);

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
