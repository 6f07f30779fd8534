/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * `join`: which projections stand beside the first, and which of their rows. Any thread. Only joins by the whole key of the other
 * projection are possible: each row on the left then has at most one on the right, so that row numbers stay those of the
 * left, and a change on either side is a change of known rows. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query-private.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-query-params.h"
#include "syn-suggest.h"

/* One `LEFT = KEY` of `on`. */
typedef struct {
  char *left; /* (owned) */
  guint left_position;
  char *key;  /* (owned) */
  guint key_position;
} Pair;

typedef struct {
  SynQuery *query;
  const char *text;
  const char *next;
  /* the join being read */
  guint position;
  char *as;      /* (owned) (nullable) */
  GArray *pairs; /* (owned): Pair */
} Parser;

static void
pair_clear (gpointer data)
{
  Pair *self = data;

  g_free (self->left);
  g_free (self->key);
}

static void
parser_clear (Parser *self)
{
  g_free (self->as);
  g_clear_pointer (&self->pairs, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Parser, parser_clear)

static void
skip_spaces (Parser *self)
{
  while (g_ascii_isspace (*self->next))
    self->next++;
}

static guint
get_position (Parser *self)
{
  return (guint) g_utf8_strlen (self->text, self->next - self->text) + 1;
}

/* Always FALSE. */
static gboolean
fail_expected (Parser *self, const char *expected, GError **error)
{
  g_autofree char *rest = syn_query_dup_shown (self->next);

  if (*rest == '\0')
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected %s, found the end", get_position (self), expected);
  else
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected %s, found \"%s\"", get_position (self), expected, rest);
  return FALSE;
}

/* Whether the word stands here; then moves behind it. */
static gboolean
take_word (Parser *self, const char *word)
{
  gsize length = strlen (word);

  skip_spaces (self);
  if (strncmp (self->next, word, length) != 0 || !(self->next[length] == '\0' || g_ascii_isspace (self->next[length])))
    return FALSE;
  self->next += length;
  return TRUE;
}

/* A name, bare or in backquotes. NULL: error. */
static char *
take_name (Parser *self, const char *expected, guint *position, GError **error)
{
  gboolean is_quoted;
  gsize length;
  char *name;

  skip_spaces (self);
  *position = get_position (self);
  is_quoted = *self->next == '`';
  length = is_quoted ? strcspn (self->next + 1, "`") : strcspn (self->next, " \t\r\n\v\f,=`");
  if (length == 0 || (is_quoted && self->next[1 + length] == '\0'))
    {
      fail_expected (self, expected, error);
      return NULL;
    }
  if (length > SYN_MAX_NAME_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: a name has at most %d bytes", *position, SYN_MAX_NAME_BYTES);
      return NULL;
    }
  name = g_strndup (self->next + is_quoted, length);
  self->next += length + (is_quoted ? 2 : 0);
  return name;
}

static gboolean
take_pairs (Parser *self, GError **error)
{
  do
    {
      Pair pair = { 0 };
      gboolean ok;

      pair.left = take_name (self, "the name of a column on the left", &pair.left_position, error);
      if (pair.left == NULL)
        return FALSE;
      skip_spaces (self);
      ok = *self->next == '=' || fail_expected (self, "\"=\"", error);
      if (ok)
        self->next += self->next[1] == '=' ? 2 : 1;
      if (ok)
        pair.key = take_name (self, "the name of a key column of the other projection", &pair.key_position, error);
      if (pair.key == NULL)
        {
          pair_clear (&pair);
          return FALSE;
        }
      g_array_append_val (self->pairs, pair);
    }
  while (take_word (self, "and"));
  return TRUE;
}

static gboolean
fail_no_column (const SynSchema *schema, const char *what, const char *name, guint position, GError **error)
{
  g_autofree char *name_shown = syn_query_dup_shown (name);
  g_autofree char *suggestion = NULL;
  SynSuggest suggest;

  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < schema->n_columns; i++)
    syn_suggest_add (&suggest, schema->columns[i].name);
  suggestion = syn_suggest_dup_text (&suggest);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: no %s \"%s\"%s", position, what, name_shown, suggestion);
  return FALSE;
}

/* ---- keys ---- */

/* The field on the left that key @key of @spec is joined to, into the join's next place. */
static gboolean
bind_key (Parser *self, SynQueryJoin *join, const SynProjectionSpec *spec, guint key, GError **error)
{
  const SynSchema *input = self->query->input;
  const SynColumnSpec *column = &spec->schema->columns[key], *left;
  const char *name = column->name;
  guint position = self->position;
  int field;

  for (guint i = 0; i < self->pairs->len; i++)
    {
      const Pair *pair = &g_array_index (self->pairs, Pair, i);

      if (strcmp (pair->key, column->name) == 0)
        {
          name = pair->left;
          position = pair->left_position;
        }
    }
  field = syn_schema_find (input, name);
  if (field < 0 && name != column->name)
    return fail_no_column (input, "column", name, position, error);
  if (field < 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %u: \"%s\" has the key column \"%s\", and on the left there is no column of that name; say which equals it, "
                   "as in: %s on NAME = %s",
                   position, spec->name, name, spec->name, name);
      return FALSE;
    }
  left = &input->columns[field];
  if (left->type != column->type || left->scale != column->scale)
    {
      g_autofree char *left_type = syn_column_spec_type_to_string (left), *type = syn_column_spec_type_to_string (column);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: \"%s\" is a %s, and the key column \"%s\" of \"%s\" a %s", position,
                   left->name, left_type, column->name, spec->name, type);
      return FALSE;
    }
  join->fields[join->n_keys] = (guint) field;
  join->key_columns[join->n_keys++] = key;
  return TRUE;
}

static gboolean
bind_keys (Parser *self, SynQueryJoin *join, const SynProjectionSpec *spec, GError **error)
{
  for (guint i = 0; i < self->pairs->len; i++)
    {
      const Pair *pair = &g_array_index (self->pairs, Pair, i);
      int key = syn_schema_find (spec->schema, pair->key);

      if (key < 0 || !spec->schema->columns[key].is_key)
        {
          g_autofree char *what = g_strdup_printf ("key column of \"%s\"", spec->name);
          g_autoptr (SynSchema) keys = syn_schema_new ();

          for (guint j = 0; j < spec->schema->n_columns; j++)
            if (spec->schema->columns[j].is_key)
              syn_schema_add (keys, spec->schema->columns[j].name, spec->schema->columns[j].type, 0, TRUE);
          return fail_no_column (keys, what, pair->key, pair->key_position, error);
        }
      for (guint j = 0; j < i; j++)
        if (strcmp (g_array_index (self->pairs, Pair, j).key, pair->key) == 0)
          {
            g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: \"%s\" stands here twice", pair->key_position, pair->key);
            return FALSE;
          }
    }
  join->fields = g_new (guint, MAX (spec->schema->n_columns, 1));
  join->key_columns = g_new (guint, MAX (spec->schema->n_columns, 1));
  for (guint i = 0; i < spec->schema->n_columns; i++)
    if (spec->schema->columns[i].is_key && !bind_key (self, join, spec, i, error))
      return FALSE;
  return TRUE;
}

/* ---- columns ---- */

static gboolean
add_columns (Parser *self, guint join, const SynProjectionSpec *spec, GError **error)
{
  SynQuery *query = self->query;

  for (guint i = 0; i < spec->schema->n_columns; i++)
    {
      const SynColumnSpec *column = &spec->schema->columns[i];
      g_autofree char *name = self->as != NULL ? g_strdup_printf ("%s.%s", self->as, column->name) : g_strdup (column->name);

      if (column->is_key)
        continue;
      if (syn_schema_find (query->input, name) >= 0)
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                       "column %u: there is a column \"%s\" already; give these another name, as in: %s as NAME", self->position, name,
                       spec->name);
          return FALSE;
        }
      query->fields = g_renew (SynQueryField, query->fields, query->input->n_columns + 1);
      query->fields[query->input->n_columns] = (SynQueryField) { (int) join, query->joins[join].base, i };
      syn_schema_add (query->input, name, column->type, column->scale, FALSE);
    }
  return TRUE;
}

static void
append_join (Parser *self, const SynQueryJoin *join, GString *canonical)
{
  const SynProjectionSpec *spec = self->query->bases[join->base];
  const char *word = " on ";

  g_string_append_printf (canonical, "%s%s", canonical->len > 0 ? "," : "", spec->name);
  if (self->as != NULL)
    {
      g_autofree char *quoted = syn_query_dup_quoted (self->as);

      g_string_append_printf (canonical, " as %s", quoted);
    }
  for (guint i = 0; i < join->n_keys; i++)
    {
      const char *left = self->query->input->columns[join->fields[i]].name;
      const char *key = spec->schema->columns[join->key_columns[i]].name;
      g_autofree char *left_quoted = syn_query_dup_quoted (left), *key_quoted = syn_query_dup_quoted (key);

      if (strcmp (left, key) == 0)
        continue;
      g_string_append_printf (canonical, "%s%s = %s", word, left_quoted, key_quoted);
      word = " and ";
    }
}

static gboolean
take_join (Parser *self, GString *canonical, GError **error)
{
  SynQuery *query = self->query;
  g_autofree char *path = NULL;
  SynQueryJoin *join;
  guint ignored;
  int base;

  g_clear_pointer (&self->as, g_free);
  g_array_set_size (self->pairs, 0);
  path = take_name (self, "the name of a projection", &self->position, error);
  if (path == NULL)
    return FALSE;
  if (query->n_joins == SYN_MAX_JOINS)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: more than %d projections", self->position, SYN_MAX_JOINS);
      return FALSE;
    }
  base = syn_query_add_base (query, path, error);
  if (base < 0)
    {
      g_prefix_error (error, "column %u: ", self->position);
      return FALSE;
    }
  if (take_word (self, "as"))
    {
      self->as = take_name (self, "a name after \"as\"", &ignored, error);
      if (self->as == NULL)
        return FALSE;
    }
  if (take_word (self, "on") && !take_pairs (self, error))
    return FALSE;

  query->joins = g_renew (SynQueryJoin, query->joins, query->n_joins + 1);
  join = &query->joins[query->n_joins++];
  *join = (SynQueryJoin) { .base = (guint) base };
  if (!bind_keys (self, join, query->bases[base], error) || !add_columns (self, query->n_joins - 1, query->bases[base], error))
    return FALSE;
  append_join (self, join, canonical);
  return TRUE;
}

gboolean
syn_query_parse_join (SynQuery *self, const char *text, GString *canonical, GError **error)
{
  g_auto (Parser) parser = { .query = self, .text = text, .next = text };

  parser.pairs = g_array_new (FALSE, FALSE, sizeof (Pair));
  g_array_set_clear_func (parser.pairs, pair_clear);
  for (;;)
    {
      if (!take_join (&parser, canonical, error))
        return FALSE;
      skip_spaces (&parser);
      if (*parser.next == '\0')
        return TRUE;
      if (*parser.next != ',')
        return fail_expected (&parser, "\"as\", \"on\", \",\" or the end", error);
      parser.next++;
    }
}
