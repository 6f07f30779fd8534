/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From the text of a question to what answers it. Any thread: the catalog is immutable. GUri's query parser was rejected:
 * it keeps one of two equal parameters and says nothing, and its errors have no place. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-suggest.h"

/* Names that are looked at for a suggestion: bounds what a wrong path costs with a huge catalog. */
#define MAX_SUGGESTED 4096
#define MAX_SHOWN 80 /* bytes of a stranger's text in an error */

typedef enum { PARAM_WHERE, PARAM_SELECT, PARAM_SORT, PARAM_LIMIT, N_PARAMS } Param;

static const char *const param_names[N_PARAMS] = { "where", "select", "sort", "limit" };
static const char *const later_names[] = { "group", "join", "offset" };

/* One decoded parameter: NULL when absent. */
typedef struct {
  char *values[N_PARAMS]; /* (owned) */
} Params;

static void
params_clear (Params *self)
{
  for (guint i = 0; i < N_PARAMS; i++)
    g_clear_pointer (&self->values[i], g_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Params, params_clear)

void
syn_query_free (SynQuery *self)
{
  g_free (self->canonical);
  g_clear_pointer (&self->where, syn_program_unref);
  for (guint i = 0; i < self->n_columns; i++)
    {
      g_free (self->columns[i].name);
      g_clear_pointer (&self->columns[i].program, syn_program_unref);
    }
  g_free (self->columns);
  g_free (self->sort);
  syn_catalog_unref (self->catalog);
  g_free (self);
}

gboolean
syn_query_is_plain (const SynQuery *self)
{
  return self->where == NULL && !self->has_select && self->n_sort == 0 && !self->has_limit;
}

/* ---- encoding ---- */

/* A stranger's text, fit to stand in a message. */
static char *
shown (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, MAX_SHOWN));

  for (char *c = valid; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  return g_strconcat (valid, strlen (text) > MAX_SHOWN ? "…" : "", NULL);
}

/* Decodes %XX, and (@is_form) '+'. @what: of the error. NULL: INVALID. */
static char *
decode (const char *text, gsize length, gboolean is_form, const char *what, GError **error)
{
  g_autoptr (GString) decoded = g_string_sized_new (length);
  const char *end;

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];

      if (c == '+' && is_form)
        c = ' ';
      else if (c == '%')
        {
          int high = i + 1 < length ? g_ascii_xdigit_value (text[i + 1]) : -1;
          int low = i + 2 < length ? g_ascii_xdigit_value (text[i + 2]) : -1;

          if (high < 0 || low < 0 || high + low == 0)
            {
              g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                           "%s: byte %" G_GSIZE_FORMAT " as sent: expected two hexadecimal digits after \"%%\", not 00",
                           what, i + 1);
              return NULL;
            }
          c = (char) (high << 4 | low);
          i += 2;
        }
      g_string_append_c (decoded, c);
    }
  if (!g_utf8_validate (decoded->str, (gssize) decoded->len, &end))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: column %ld: not UTF-8", what,
                   g_utf8_strlen (decoded->str, end - decoded->str) + 1);
      return NULL;
    }
  return g_string_free (g_steal_pointer (&decoded), FALSE);
}

/* Encodes what a URL's query (RFC 3986, with the form rules for '+' and '&') cannot hold as it is, and nothing else. */
static void
append_encoded (GString *text, const char *value, const char *literal)
{
  for (const char *c = value; *c != '\0'; c++)
    if (*c == ' ')
      g_string_append_c (text, '+');
    else if (g_ascii_isalnum (*c) || strchr (literal, *c) != NULL)
      g_string_append_c (text, *c);
    else
      g_string_append_printf (text, "%%%02X", (guint) (guchar) *c);
}

#define LITERAL_IN_VALUE "-._~!$'()*,;=:@/?"

/* ---- parameters ---- */

static gboolean
take_param (Params *params, const char *text, gsize length, GError **error)
{
  const char *equals = memchr (text, '=', length);
  gsize name_length = equals != NULL ? (gsize) (equals - text) : length;
  g_autofree char *name = decode (text, name_length, TRUE, "the name of a parameter", error);
  g_autofree char *name_shown = NULL;
  guint param;

  if (name == NULL)
    return FALSE;
  name_shown = shown (name);
  for (param = 0; param < N_PARAMS; param++)
    if (strcmp (name, param_names[param]) == 0)
      break;
  for (guint i = 0; i < G_N_ELEMENTS (later_names); i++)
    if (strcmp (name, later_names[i]) == 0)
      {
        g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: not in this version", name);
        return FALSE;
      }
  if (param == N_PARAMS)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "unknown parameter \"%s\": expected where, select, sort or limit",
                   name_shown);
      return FALSE;
    }
  if (equals == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: expected \"=\" and a value", name);
      return FALSE;
    }
  if (params->values[param] != NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: given twice", name);
      return FALSE;
    }
  params->values[param] = decode (equals + 1, length - name_length - 1, TRUE, name, error);
  return params->values[param] != NULL;
}

static gboolean
take_params (Params *params, const char *query, GError **error)
{
  while (*query != '\0')
    {
      gsize length = strcspn (query, "&");

      if (length > 0 && !take_param (params, query, length, error))
        return FALSE;
      query += length;
      if (*query == '&')
        query++;
    }
  return TRUE;
}

/* ---- where and select ---- */

static gboolean
parse_where (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  g_autoptr (SynExpr) expr = syn_expr_parse (text, error);
  g_autofree char *expr_text = NULL;
  SynColumnSpec found = { 0 };
  guint scale;

  if (expr != NULL)
    self->where = syn_program_compile (expr, self->base->schema, error);
  if (self->where == NULL)
    {
      g_prefix_error (error, "where: ");
      return FALSE;
    }
  found.type = syn_program_get_type_of (self->where, &scale);
  found.scale = (guint8) scale;
  if (found.type != REPLICA_TYPE_BOOL)
    {
      g_autofree char *type = syn_column_spec_type_to_string (&found);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "where: column %u: expected a condition (bool), found %s",
                   syn_expr_get_position (expr), type);
      return FALSE;
    }
  expr_text = syn_expr_to_string (expr);
  g_string_append (canonical, expr_text);
  return TRUE;
}

/* The name as the expression language writes it, in backquotes where it needs them. */
static char *
dup_quoted_name (const char *name)
{
  g_autoptr (SynExpr) expr = syn_expr_new_name (name, 1);

  return syn_expr_to_string (expr);
}

static void
append_select (GString *canonical, const SynExpr *expr, const char *name)
{
  g_autofree char *text = syn_expr_to_string (expr);
  const char *own_name = syn_expr_get_kind (expr) == SYN_EXPR_NAME ? syn_expr_get_name (expr) : text;

  g_string_append (canonical, text);
  if (strcmp (own_name, name) != 0)
    {
      g_autofree char *quoted = dup_quoted_name (name);

      g_string_append_printf (canonical, " as %s", quoted);
    }
}

/* The answer has the projection's keys if it has all of them under their own names: only then do they name its rows. */
static void
mark_keys (SynQuery *self)
{
  const SynSchema *schema = self->base->schema;

  for (guint i = 0; i < schema->n_columns; i++)
    {
      gboolean found = FALSE;

      for (guint j = 0; j < self->n_columns && schema->columns[i].is_key; j++)
        found |= self->columns[j].column == (int) i && strcmp (self->columns[j].name, schema->columns[i].name) == 0;
      if (schema->columns[i].is_key && !found)
        return;
    }
  for (guint j = 0; j < self->n_columns; j++)
    {
      int column = self->columns[j].column;

      self->columns[j].is_key = column >= 0 && schema->columns[column].is_key
                                && strcmp (self->columns[j].name, schema->columns[column].name) == 0;
    }
}

static gboolean
parse_select (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  const SynSchema *schema = self->base->schema;
  g_autoptr (GPtrArray) names = NULL;
  g_autoptr (GPtrArray) exprs = syn_expr_parse_list (text, &names, error);

  if (exprs == NULL)
    {
      g_prefix_error (error, "select: ");
      return FALSE;
    }
  self->has_select = TRUE;
  self->columns = g_new0 (SynQueryColumn, exprs->len);
  for (guint i = 0; i < exprs->len; i++)
    {
      SynExpr *expr = g_ptr_array_index (exprs, i);
      SynQueryColumn *column = &self->columns[self->n_columns++];

      column->name = g_strdup (g_ptr_array_index (names, i));
      column->column = syn_expr_get_kind (expr) == SYN_EXPR_NAME ? syn_schema_find (schema, syn_expr_get_name (expr)) : -1;
      if (column->column < 0)
        column->program = syn_program_compile (expr, schema, error);
      if (column->column < 0 && column->program == NULL)
        {
          g_prefix_error (error, "select: ");
          return FALSE;
        }
      g_string_append (canonical, i > 0 ? "," : "");
      append_select (canonical, expr, column->name);
    }
  mark_keys (self);
  return TRUE;
}

static void
select_all (SynQuery *self)
{
  const SynSchema *schema = self->base->schema;

  self->n_columns = schema->n_columns;
  self->columns = g_new0 (SynQueryColumn, MAX (schema->n_columns, 1));
  for (guint i = 0; i < schema->n_columns; i++)
    {
      self->columns[i].name = g_strdup (schema->columns[i].name);
      self->columns[i].column = (int) i;
    }
  mark_keys (self);
}

/* ---- sort and limit ---- */

static const char *
skip_spaces (const char *text)
{
  while (g_ascii_isspace (*text))
    text++;
  return text;
}

/* One item of `sort`, up to the comma or the end: [-]NAME or [-]`NAME`. Moves *@next behind it. */
static char *
take_sort_name (const char **next, gboolean *descending, const char **start)
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

static void
append_sort (GString *canonical, const char *name, gboolean descending)
{
  gboolean is_quoted = strchr (name, '`') == NULL
                       && (strchr (name, ',') != NULL || *name == '-' || *name == '\0' || g_ascii_isspace (*name)
                           || g_ascii_isspace (name[strlen (name) - 1]));

  g_string_append_printf (canonical, "%s%s%s%s%s", canonical->len > 0 ? "," : "", descending ? "-" : "", is_quoted ? "`" : "",
                          name, is_quoted ? "`" : "");
}

static gboolean
find_sort (SynQuery *self, const char *name, SynQuerySort *sort, GError **error)
{
  g_autofree char *name_shown = NULL;
  g_autofree char *suggestion = NULL;
  SynSuggest suggest;

  for (guint i = 0; i < self->n_columns; i++)
    if (strcmp (self->columns[i].name, name) == 0)
      {
        sort->column = self->columns[i].column;
        sort->output = i;
        return TRUE;
      }
  sort->column = syn_schema_find (self->base->schema, name);
  if (sort->column >= 0)
    return TRUE;

  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < self->n_columns; i++)
    syn_suggest_add (&suggest, self->columns[i].name);
  for (guint i = 0; i < self->base->schema->n_columns; i++)
    syn_suggest_add (&suggest, self->base->schema->columns[i].name);
  suggestion = syn_suggest_dup_text (&suggest);
  name_shown = shown (name);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "no column \"%s\"%s", name_shown, suggestion);
  return FALSE;
}

static gboolean
parse_sort (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  const char *next = text;

  self->sort = g_new0 (SynQuerySort, SYN_MAX_SORT_COLUMNS);
  for (;;)
    {
      SynQuerySort sort = { 0 };
      const char *start;
      g_autofree char *name = take_sort_name (&next, &sort.descending, &start);
      gboolean ok = FALSE;

      if (self->n_sort == SYN_MAX_SORT_COLUMNS)
        g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "more than %d columns", SYN_MAX_SORT_COLUMNS);
      else if (*name == '\0')
        g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "expected the name of a column, found %s",
                     *next == '\0' ? "the end" : "\",\"");
      else
        ok = find_sort (self, name, &sort, error);
      for (guint i = 0; ok && i < self->n_sort; i++)
        if (self->sort[i].column == sort.column && (sort.column >= 0 || self->sort[i].output == sort.output))
          {
            g_autofree char *name_shown = shown (name);

            g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "\"%s\" stands here twice", name_shown);
            ok = FALSE;
          }
      if (!ok)
        {
          g_prefix_error (error, "sort: column %ld: ", g_utf8_strlen (text, start - text) + 1);
          return FALSE;
        }
      self->sort[self->n_sort++] = sort;
      append_sort (canonical, name, sort.descending);
      if (*next == '\0')
        return TRUE;
      next++;
    }
}

static gboolean
parse_limit (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  guint64 limit;

  /* g_ascii_string_to_unsigned() takes neither signs nor spaces. */
  if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT32, &limit, NULL))
    {
      g_autofree char *text_shown = shown (text);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "limit: expected a whole number from 0 to %u, found \"%s\"",
                   G_MAXUINT32, text_shown);
      return FALSE;
    }
  self->has_limit = TRUE;
  self->limit = (guint) limit;
  g_string_append_printf (canonical, "%u", self->limit);
  return TRUE;
}

/* ---- the whole ---- */

static gboolean
find_base (SynQuery *self, const char *name, GError **error)
{
  g_autofree char *name_shown = NULL;
  g_autofree char *suggestion = NULL;
  guint n = syn_catalog_get_n_projections (self->catalog);
  SynSuggest suggest;

  self->base = syn_catalog_find_projection (self->catalog, name);
  if (self->base != NULL)
    return TRUE;
  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < MIN (n, MAX_SUGGESTED); i++)
    syn_suggest_add (&suggest, syn_catalog_get_projection (self->catalog, i)->name);
  suggestion = syn_suggest_dup_text (&suggest);
  name_shown = shown (name);
  g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "no projection \"%s\"%s", name_shown, suggestion);
  return FALSE;
}

static gboolean
parse_params (SynQuery *self, const Params *params, GString *canonical, GError **error)
{
  static gboolean (*const parsers[N_PARAMS]) (SynQuery *, const char *, GString *, GError **) = {
    parse_where, parse_select, parse_sort, parse_limit,
  };
  char separator = '?';

  if (params->values[PARAM_SELECT] == NULL)
    select_all (self);
  for (guint i = 0; i < N_PARAMS; i++)
    {
      g_autoptr (GString) value = g_string_new (NULL);

      if (params->values[i] == NULL)
        continue;
      if (!parsers[i](self, params->values[i], value, error))
        return FALSE;
      g_string_append_printf (canonical, "%c%s=", separator, param_names[i]);
      append_encoded (canonical, value->str, LITERAL_IN_VALUE);
      separator = '&';
    }
  return TRUE;
}

/**
 * syn_query_parse:
 * @path: as in a URL; of the part before the '?' only %XX is decoded, behind it '+' is a space too
 * @catalog: is referenced by the result
 *
 * Returns: (transfer full): the question, or NULL with NOT_FOUND, INVALID or TOO_LARGE
 */
SynQuery *
syn_query_parse (const char *path, SynCatalog *catalog, GError **error)
{
  g_autoptr (SynQuery) self = g_new0 (SynQuery, 1);
  g_auto (Params) params = { { NULL } };
  g_autoptr (GString) canonical = g_string_new (NULL);
  g_autofree char *name = NULL;
  gsize length = strlen (path);
  gsize name_length = strcspn (path, "?");
  gsize n_decoded;

  self->catalog = syn_catalog_ref (catalog);
  /* Before any work: three bytes of text make at least one. */
  n_decoded = length / 3;
  if (n_decoded <= SYN_MAX_QUERY_BYTES)
    {
      name = decode (path, name_length, FALSE, "the path", error);
      if (name == NULL)
        return NULL;
      if (path[name_length] == '?' && !take_params (&params, path + name_length + 1, error))
        return NULL;
      n_decoded = strlen (name);
      for (guint i = 0; i < N_PARAMS; i++)
        if (params.values[i] != NULL)
          n_decoded += strlen (param_names[i]) + 2 + strlen (params.values[i]);
    }
  if (n_decoded > SYN_MAX_QUERY_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "the path and its query have more than %u bytes",
                   SYN_MAX_QUERY_BYTES);
      return NULL;
    }
  if (!find_base (self, name, error))
    return NULL;
  g_string_assign (canonical, self->base->name);
  if (!parse_params (self, &params, canonical, error))
    return NULL;
  /* It is a path itself, shown with every snapshot and asked for again. */
  if (canonical->len > SYN_MAX_QUERY_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE,
                   "the query in canonical form has %" G_GSIZE_FORMAT " bytes; at most %u are allowed", canonical->len,
                   SYN_MAX_QUERY_BYTES);
      return NULL;
    }
  self->canonical = g_string_free (g_steal_pointer (&canonical), FALSE);
  return g_steal_pointer (&self);
}
