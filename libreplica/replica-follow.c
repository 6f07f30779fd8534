/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Panels that follow the selection of another panel of their screen. Any thread. */
#include "replica-follow.h"

#include <string.h>

#include "replica-path.h"

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
  replica_path_append_literal (text, value, length);
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
  return replica_path_dup_where (path, condition->str);
}
