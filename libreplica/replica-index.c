/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaIndex: the local filter and sort of a grid. One thread, mostly the one with the window.
 *
 * Row numbers only, made anew from the snapshot when somebody asks after something changed: at 20,000 rows
 * that is a fraction of a frame, because text is folded and compared once per entry of a dictionary and not
 * once per row. Keeping the order up to date from diffs was rejected: more state than the time it saves is
 * worth. */

#include "replica-index.h"
#include "replica-number.h"
#include "replica-sort-private.h"

#include <string.h>

/* Words that one pass looks for: a bit each. */
#define WORDS_PER_PASS 64

struct _ReplicaIndex
{
  GObject parent_instance;

  ReplicaSnapshot *snapshot; /* (owned) (nullable) */
  char **words;              /* (owned) (nullable): of the filter, case folded */
  char *sort;                /* (owned) (nullable) */
  guint32 *rows;             /* (owned) */
  guint n_rows;
  gboolean is_stale; /* @rows are not those of the fields above */
};

G_DEFINE_FINAL_TYPE (ReplicaIndex, replica_index, G_TYPE_OBJECT)

/* ---- filter ---- */

/* Which of the words a text contains. @buffer is reused. */
static guint64
match_words (const char *text, gsize length, char *const *words, guint n_words, GString *buffer)
{
  g_autofree char *folded = NULL;
  const char *haystack;
  gboolean is_ascii = TRUE;
  guint64 found = 0;

  g_string_set_size (buffer, length);
  for (gsize i = 0; i < length; i++)
    {
      buffer->str[i] = g_ascii_tolower (text[i]);
      is_ascii &= (guchar) text[i] < 0x80;
    }
  haystack = buffer->str;
  if (!is_ascii)
    haystack = folded = g_utf8_casefold (text, (gssize) length);
  for (guint i = 0; i < n_words; i++)
    if (strstr (haystack, words[i]) != NULL)
      found |= (guint64) 1 << i;
  return found;
}

static void
match_dictionary (
    const ReplicaColumn *column, char *const *words, guint n_words, GString *buffer, guint64 *found)
{
  g_autofree guint64 *entries = g_new (guint64, MAX (column->n_dict, 1));

  for (guint i = 0; i < column->n_dict; i++)
    entries[i] =
        match_words (column->dict_bytes + column->dict_offsets[i],
                     column->dict_offsets[i + 1] - column->dict_offsets[i] - 1, words, n_words, buffer);
  for (guint row = 0; row < column->n_rows; row++)
    if (!replica_column_is_null (column, row))
      found[row] |= entries[((const guint32 *) column->data)[row]];
}

static void
match_cells (const ReplicaColumn *column, char *const *words, guint n_words, GString *buffer, guint64 *found)
{
  char text[REPLICA_TEXT_MAX];

  for (guint row = 0; row < column->n_rows; row++)
    if (!replica_column_is_null (column, row))
      {
        gsize length;
        const char *formatted = replica_column_format (column, row, text, &length);

        found[row] |= match_words (formatted, length, words, n_words, buffer);
      }
}

/* Keeps those of self->rows in which each of the words is somewhere. */
static void
filter_rows (ReplicaIndex *self, char *const *words, guint n_words)
{
  guint n_columns = replica_snapshot_get_n_columns (self->snapshot), n_kept = 0;
  guint64 all = n_words == 64 ? G_MAXUINT64 : ((guint64) 1 << n_words) - 1;
  g_autofree guint64 *found = g_new0 (guint64, MAX (replica_snapshot_get_n_rows (self->snapshot), 1));
  g_autoptr (GString) buffer = g_string_new (NULL);
  gboolean any_string = FALSE;

  for (guint i = 0; i < n_columns; i++)
    any_string |= replica_snapshot_get_column (self->snapshot, i)->type == REPLICA_TYPE_STRING;
  for (guint i = 0; i < n_columns; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (self->snapshot, i);

      if (column->type == REPLICA_TYPE_STRING)
        match_dictionary (column, words, n_words, buffer, found);
      else if (!any_string)
        match_cells (column, words, n_words, buffer, found);
    }
  for (guint i = 0; i < self->n_rows; i++)
    if (found[self->rows[i]] == all)
      self->rows[n_kept++] = self->rows[i];
  self->n_rows = n_kept;
}

/* ---- sort ---- */

static void
sort_rows (ReplicaIndex *self)
{
  g_auto (GStrv) names = g_strsplit (self->sort, ",", -1);
  guint n_names = g_strv_length (names);

  /* Stable sorts, the least important first, leave the rows in the order of all. */
  while (n_names-- > 0)
    {
      const char *name = g_strstrip (names[n_names]);
      gboolean descending = *name == '-';
      int column = replica_snapshot_find_column (self->snapshot, name);

      /* A column's own name may begin with the sign. */
      if (descending && column < 0)
        column = replica_snapshot_find_column (self->snapshot, name + 1);
      else
        descending = FALSE;
      if (column >= 0)
        replica_sort_rows (self->rows, self->n_rows,
                           replica_snapshot_get_column (self->snapshot, (guint) column), descending);
    }
}

static void
ensure_rows (ReplicaIndex *self)
{
  guint n_words = self->words != NULL ? g_strv_length (self->words) : 0;

  if (!self->is_stale)
    return;
  self->is_stale = FALSE;
  self->n_rows = self->snapshot != NULL ? replica_snapshot_get_n_rows (self->snapshot) : 0;
  self->rows = g_renew (guint32, self->rows, MAX (self->n_rows, 1));
  for (guint i = 0; i < self->n_rows; i++)
    self->rows[i] = i;
  for (guint i = 0; i < n_words && self->n_rows > 0; i += WORDS_PER_PASS)
    filter_rows (self, self->words + i, MIN (n_words - i, WORDS_PER_PASS));
  if (self->sort != NULL && self->n_rows > 1)
    sort_rows (self);
}

/* ---- row keys ----
 *
 * For each key column a letter for its type, the bytes of its text in decimal, a colon and the text, as in
 * `s4:AAPL`; `n` for null; and `#` with the position when no column is a key. A NUL in a string is written C0
 * 80, which no UTF-8 contains. */

static char
type_letter (const ReplicaColumn *column)
{
  static const char letters[] = {
    [REPLICA_TYPE_BOOL] = 'b',    [REPLICA_TYPE_INT64] = 'i',  [REPLICA_TYPE_DOUBLE] = 'f',
    [REPLICA_TYPE_DECIMAL] = 'd', [REPLICA_TYPE_STRING] = 's', [REPLICA_TYPE_TIMESTAMP] = 't',
  };

  return letters[column->type];
}

static void
append_number (GString *key, guint64 number)
{
  char text[REPLICA_TEXT_MAX];

  g_string_append_len (key, text, (gssize) replica_write_int128 (text, number));
}

static void
append_cell_key (GString *key, const ReplicaColumn *column, guint row)
{
  char buffer[REPLICA_TEXT_MAX];
  const char *text;
  gsize length, n_nul = 0;

  if (replica_column_is_null (column, row))
    {
      g_string_append_c (key, 'n');
      return;
    }
  text = replica_column_format (column, row, buffer, &length);
  if (column->type == REPLICA_TYPE_DOUBLE && strcmp (text, "-0") == 0)
    {
      text++;
      length--;
    }
  if (column->type == REPLICA_TYPE_STRING)
    for (gsize i = 0; i < length; i++)
      n_nul += text[i] == '\0';
  g_string_append_c (key, type_letter (column));
  append_number (key, length + n_nul);
  g_string_append_c (key, ':');
  if (n_nul == 0)
    {
      g_string_append_len (key, text, (gssize) length);
      return;
    }
  for (gsize i = 0; i < length; i++)
    if (text[i] == '\0')
      g_string_append (key, "\xc0\x80");
    else
      g_string_append_c (key, text[i]);
}

static void
append_row_key (GString *key, ReplicaSnapshot *snapshot, guint row)
{
  guint n_columns = replica_snapshot_get_n_columns (snapshot);
  gboolean any_key = FALSE;

  for (guint i = 0; i < n_columns; i++)
    {
      const ReplicaColumn *column = replica_snapshot_get_column (snapshot, i);

      if (!column->is_key)
        continue;
      any_key = TRUE;
      append_cell_key (key, column, row);
    }
  if (!any_key)
    {
      g_string_append_c (key, '#');
      append_number (key, row);
    }
}

/**
 * replica_snapshot_dup_row_key:
 * @snapshot: a snapshot
 * @row: below its rows
 *
 * Returns: (transfer full): the row's key; opaque, to compare with g_str_equal()
 */
char *
replica_snapshot_dup_row_key (ReplicaSnapshot *snapshot, guint row)
{
  GString *key = g_string_sized_new (32);

  g_return_val_if_fail (row < replica_snapshot_get_n_rows (snapshot), NULL);
  append_row_key (key, snapshot, row);
  return g_string_free (key, FALSE);
}

int
replica_index_find_key (ReplicaIndex *self, const char *row_key)
{
  g_autoptr (GString) key = g_string_sized_new (64);
  const ReplicaColumn *first = NULL;
  const char *text = NULL;
  guint64 length = 0;

  ensure_rows (self);
  if (self->snapshot == NULL || row_key == NULL)
    return -1;
  /* Most keys begin with a string, and its length and bytes rule out nearly every row at a glance. */
  for (guint i = 0; i < replica_snapshot_get_n_columns (self->snapshot) && first == NULL; i++)
    if (replica_snapshot_get_column (self->snapshot, i)->is_key)
      first = replica_snapshot_get_column (self->snapshot, i);
  if (first != NULL && first->type == REPLICA_TYPE_STRING && row_key[0] == 's')
    {
      length = g_ascii_strtoull (row_key + 1, (char **) &text, 10);
      text =
          *text == ':' && length <= strlen (text + 1) && strstr (text, "\xc0\x80") == NULL ? text + 1 : NULL;
    }
  for (guint i = 0; i < self->n_rows; i++)
    {
      guint row = self->rows[i];

      if (text != NULL)
        {
          const char *string;
          gsize string_length;

          if (replica_column_is_null (first, row))
            continue;
          string = replica_column_get_string (first, row, &string_length);
          if (string_length != length || memcmp (string, text, length) != 0)
            continue;
        }
      g_string_truncate (key, 0);
      append_row_key (key, self->snapshot, row);
      if (strcmp (key->str, row_key) == 0)
        return (int) i;
    }
  return -1;
}

/* ---- public ---- */

ReplicaIndex *
replica_index_new (void)
{
  return g_object_new (REPLICA_TYPE_INDEX, NULL);
}

void
replica_index_set_filter (ReplicaIndex *self, const char *filter)
{
  g_autofree char *folded = NULL;
  g_auto (GStrv) parts = NULL;
  g_autoptr (GStrvBuilder) words = g_strv_builder_new ();
  g_auto (GStrv) result = NULL;

  if (filter != NULL)
    {
      g_autofree char *valid = g_utf8_make_valid (filter, -1);

      folded = g_utf8_casefold (valid, -1);
      parts = g_strsplit_set (folded, " \t\r\n", -1);
    }
  for (guint i = 0; parts != NULL && parts[i] != NULL; i++)
    if (*parts[i] != '\0')
      g_strv_builder_add (words, parts[i]);
  result = g_strv_builder_end (words);
  if (*result == NULL)
    g_clear_pointer (&result, g_strfreev);
  if (result == NULL ? self->words == NULL
                     : self->words != NULL
                           && g_strv_equal ((const char *const *) result, (const char *const *) self->words))
    return;
  g_strfreev (self->words);
  self->words = g_steal_pointer (&result);
  self->is_stale = TRUE;
}

void
replica_index_set_sort (ReplicaIndex *self, const char *sort)
{
  if (g_strcmp0 (sort, self->sort) == 0)
    return;
  g_free (self->sort);
  self->sort = g_strdup (sort);
  self->is_stale = TRUE;
}

const char *
replica_index_get_sort (ReplicaIndex *self)
{
  return self->sort;
}

int
replica_index_get_direction (ReplicaIndex *self, const char *column)
{
  g_auto (GStrv) names = g_strsplit (self->sort != NULL ? self->sort : "", ",", -1);

  for (guint i = 0; names[i] != NULL; i++)
    {
      const char *name = g_strstrip (names[i]);

      if (strcmp (name, column) == 0)
        return 1;
      /* As when rows are sorted: the sign may be a part of a column's own name. */
      if (*name == '-' && strcmp (name + 1, column) == 0
          && (self->snapshot == NULL || replica_snapshot_find_column (self->snapshot, name) < 0))
        return -1;
    }
  return 0;
}

void
replica_index_set_snapshot (ReplicaIndex *self, ReplicaSnapshot *snapshot)
{
  if (snapshot == self->snapshot)
    return;
  if (snapshot != NULL)
    replica_snapshot_ref (snapshot);
  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  self->snapshot = snapshot;
  self->is_stale = TRUE;
}

ReplicaSnapshot *
replica_index_get_snapshot (ReplicaIndex *self)
{
  return self->snapshot;
}

const guint32 *
replica_index_get_rows (ReplicaIndex *self, guint *n_rows)
{
  ensure_rows (self);
  *n_rows = self->n_rows;
  return self->rows;
}

static void
replica_index_finalize (GObject *object)
{
  ReplicaIndex *self = REPLICA_INDEX (object);

  g_clear_pointer (&self->snapshot, replica_snapshot_unref);
  g_strfreev (self->words);
  g_free (self->sort);
  g_free (self->rows);
  G_OBJECT_CLASS (replica_index_parent_class)->finalize (object);
}

static void
replica_index_class_init (ReplicaIndexClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = replica_index_finalize;
}

static void
replica_index_init (ReplicaIndex *self)
{
  self->is_stale = TRUE; /* so that get_rows never gives NULL */
}
