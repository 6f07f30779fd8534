/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading and writing an order. Any thread. */
#include "syn-sort-name.h"

#include <string.h>

static const char *
skip_spaces (const char *text)
{
  while (g_ascii_isspace (*text))
    text++;
  return text;
}

char *
syn_sort_name_take (const char **next, gboolean *descending, const char **start)
{
  const char *text = skip_spaces (*next);
  const char *close;
  gsize length;
  char *name;

  *descending = *text == '-';
  if (*descending)
    text = skip_spaces (text + 1);
  *start = text;
  close = *text == '`' ? strchr (text + 1, '`') : NULL;
  if (close != NULL)
    {
      const char *after = skip_spaces (close + 1);

      if (*after == ',' || *after == '\0')
        {
          *next = after;
          return g_strndup (text + 1, (gsize) (close - text - 1));
        }
    }
  length = strcspn (text, ",");
  *next = text + length;
  name = g_strndup (text, length);
  return g_strchomp (name);
}

void
syn_sort_name_append (GString *text, const char *name, gboolean descending)
{
  gboolean is_quoted = strchr (name, '`') == NULL
                       && (strchr (name, ',') != NULL || *name == '-' || *name == '\0' || g_ascii_isspace (*name)
                           || g_ascii_isspace (name[strlen (name) - 1]));

  g_string_append_printf (text, "%s%s%s%s%s", text->len > 0 ? "," : "", descending ? "-" : "", is_quoted ? "`" : "",
                          name, is_quoted ? "`" : "");
}
