/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `sort`: names of columns, one after another. Any thread. Names and not expressions: what is sorted by can then be shown by
 * every client beside the column's title. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query-private.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-query-params.h"
#include "syn-sort-name.h"
#include "syn-suggest.h"

/* What can be sorted by besides the answer's columns: the input's, of groups what they are grouped by. */
static guint
get_n_other (const SynQuery *self, const SynSchema **schema)
{
  *schema = self->group != NULL ? self->group->work : self->input;
  return self->group != NULL ? self->group->n_keys : self->input->n_columns;
}

static gboolean
find_sort (SynQuery *self, const char *name, SynQuerySort *sort, GError **error)
{
  const SynSchema *schema;
  guint n_other = get_n_other (self, &schema);
  g_autofree char *name_shown = NULL;
  g_autofree char *suggestion = NULL;
  SynSuggest suggest;

  for (guint i = 0; i < self->n_columns; i++)
    if (strcmp (self->columns[i].name, name) == 0)
      {
        sort->column = self->columns[i].expr.column;
        sort->output = i;
        return TRUE;
      }
  sort->column = syn_schema_find (schema, name);
  if (sort->column >= 0 && (guint) sort->column < n_other)
    return TRUE;

  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < self->n_columns; i++)
    syn_suggest_add (&suggest, self->columns[i].name);
  for (guint i = 0; i < n_other; i++)
    syn_suggest_add (&suggest, schema->columns[i].name);
  suggestion = syn_suggest_dup_text (&suggest);
  name_shown = syn_query_dup_shown (name);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "no column \"%s\"%s%s", name_shown, suggestion,
               self->group != NULL && *suggestion == '\0' ? "; groups are sorted by what they are grouped by and by selected columns" : "");
  return FALSE;
}

static gboolean
is_same (const SynQuerySort *a, const SynQuerySort *b)
{
  return a->column == b->column && (a->column >= 0 || a->output == b->output);
}

gboolean
syn_query_parse_sort (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  const char *next = text;

  self->sort = g_new0 (SynQuerySort, SYN_MAX_SORT_COLUMNS);
  for (;;)
    {
      SynQuerySort sort = { 0 };
      const char *start;
      g_autofree char *name = syn_sort_name_take (&next, &sort.descending, &start);
      gboolean ok = FALSE, is_known = FALSE;

      if (g_hash_table_size (seen) == SYN_MAX_SORT_COLUMNS)
        g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "more than %d columns", SYN_MAX_SORT_COLUMNS);
      else if (*name == '\0')
        g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "expected the name of a column, found %s",
                     *next == '\0' ? "the end" : "\",\"");
      else
        ok = find_sort (self, name, &sort, error);
      if (ok && !g_hash_table_add (seen, g_strdup (name)))
        {
          g_autofree char *name_shown = syn_query_dup_shown (name);

          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "\"%s\" stands here twice", name_shown);
          ok = FALSE;
        }
      if (!ok)
        {
          g_prefix_error (error, "column %ld: ", g_utf8_strlen (text, start - text) + 1);
          return FALSE;
        }
      /* Another name of a column that is sorted by already: there is nothing left for it to order. */
      for (guint i = 0; i < self->n_sort; i++)
        is_known |= is_same (&self->sort[i], &sort);
      if (!is_known)
        {
          self->sort[self->n_sort++] = sort;
          syn_sort_name_append (canonical, name, sort.descending);
        }
      if (*next == '\0')
        return TRUE;
      next++;
    }
}
