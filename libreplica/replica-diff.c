/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaDiff: the rows and cells that changed from one snapshot to the next. Any thread.
 *
 * Positions are stable, so a row is first looked for where it was; only what is not there goes through a hash
 * of keys. Cells are compared by value, since dictionaries are renumbered from snapshot to snapshot. Only
 * changed rows have an array of cells, so that a quiet snapshot of 100,000 rows costs eight bytes a row.
 * Comparing on demand was rejected: it would keep the older snapshot in memory as long as the diff. */

#include "replica-diff.h"

#include <string.h>

#include "replica-hash.h"

#define NONE G_MAXUINT32

struct _ReplicaDiff
{
  gatomicrefcount ref_count;
  guint n_rows;
  guint n_columns;
  guint n_added;
  guint n_removed;
  guint n_changed;
  gint32 *before_rows; /* (owned): of each row of the newer snapshot, -1 added */
  guint32 *changed_at; /* (owned): of each row, where its cells begin in @cells, in rows of cells; NONE: no
                          change */
  gint8 *cells;        /* (owned): @n_columns for each changed row */
};

G_DEFINE_BOXED_TYPE (ReplicaDiff, replica_diff, replica_diff_ref, replica_diff_unref)

typedef struct
{
  ReplicaSnapshot *before; /* (unowned) */
  ReplicaSnapshot *after;  /* (unowned) */
  const ReplicaColumn *keys_before[REPLICA_SNAPSHOT_MAX_COLUMNS];
  const ReplicaColumn *keys_after[REPLICA_SNAPSHOT_MAX_COLUMNS];
  guint n_keys;
} Comparison;

/* ---- rows ---- */

static gboolean
same_columns (ReplicaSnapshot *before, ReplicaSnapshot *after)
{
  guint n_columns = replica_snapshot_get_n_columns (after);

  if (replica_snapshot_get_n_columns (before) != n_columns)
    return FALSE;
  for (guint i = 0; i < n_columns; i++)
    {
      const ReplicaColumn *a = replica_snapshot_get_column (before, i),
                          *b = replica_snapshot_get_column (after, i);

      /* The width of a decimal may change with its values. */
      if (a->type != b->type || a->scale != b->scale || a->is_key != b->is_key
          || strcmp (a->name, b->name) != 0)
        return FALSE;
    }
  return TRUE;
}

static gboolean
same_key (const Comparison *comparison, guint row_before, guint row_after)
{
  for (guint i = 0; i < comparison->n_keys; i++)
    if (replica_column_compare (comparison->keys_before[i], row_before, comparison->keys_after[i], row_after)
        != 0)
      return FALSE;
  return TRUE;
}

static guint32
hash_key (const ReplicaColumn *const *keys, guint n_keys, guint row)
{
  guint64 hash = replica_hash_seed ();

  for (guint i = 0; i < n_keys; i++)
    {
      const ReplicaColumn *key = keys[i];
      guint64 word = 0;

      if (replica_column_is_null (key, row))
        {
          hash = replica_hash_word (hash, 1);
        }
      else if (key->type == REPLICA_TYPE_STRING)
        {
          gsize length;
          const char *text = replica_column_get_string (key, row, &length);

          hash = replica_hash_bytes (hash, text, length);
        }
      else if (key->type == REPLICA_TYPE_DOUBLE)
        {
          double value = ((const double *) key->data)[row] + 0.0; /* -0 is 0 */

          memcpy (&word, &value, 8);
          hash = replica_hash_word (hash, word);
        }
      else
        {
          ReplicaInt128 value = replica_column_get_int128 (key, row);

          hash = replica_hash_word (hash, (guint64) value);
          if (value != (gint64) value)
            hash = replica_hash_word (hash, (guint64) (value >> 64));
        }
    }
  return replica_hash_finish (hash);
}

/* Finds the rows that are not where they were, among those of the older snapshot that nobody has claimed. */
static void
match_by_hash (ReplicaDiff *self, const Comparison *comparison, guint8 *claimed, guint n_before)
{
  guint n_unclaimed = 0, mask;
  g_autofree guint32 *heads = NULL; /* of chains of row + 1 */
  g_autofree guint32 *next = NULL;

  for (guint row = 0; row < n_before; row++)
    n_unclaimed += !claimed[row];
  if (n_unclaimed == 0)
    return;
  mask = (guint) (((guint64) 1 << MIN (g_bit_storage (n_unclaimed), 31)) - 1);
  heads = g_new0 (guint32, (gsize) mask + 1);
  next = g_new (guint32, n_before);
  for (guint row = n_before; row-- > 0;)
    if (!claimed[row])
      {
        guint slot = hash_key (comparison->keys_before, comparison->n_keys, row) & mask;

        next[row] = heads[slot];
        heads[slot] = row + 1;
      }
  for (guint row = 0; row < self->n_rows; row++)
    {
      guint32 *link;

      if (self->before_rows[row] >= 0)
        continue;
      link = &heads[hash_key (comparison->keys_after, comparison->n_keys, row) & mask];
      while (*link != 0 && !same_key (comparison, *link - 1, row))
        link = &next[*link - 1];
      if (*link != 0)
        {
          self->before_rows[row] = (gint32) (*link - 1);
          *link = next[*link - 1]; /* each older row is found once, even if a key is there twice */
        }
    }
}

static void
match_rows (ReplicaDiff *self, Comparison *comparison)
{
  guint n_before = replica_snapshot_get_n_rows (comparison->before), n_both = MIN (n_before, self->n_rows);
  guint n_matched = 0;
  g_autofree guint8 *claimed = g_malloc0 (MAX (n_before, 1));

  for (guint i = 0; i < self->n_columns; i++)
    if (replica_snapshot_get_column (comparison->after, i)->is_key)
      {
        comparison->keys_before[comparison->n_keys] = replica_snapshot_get_column (comparison->before, i);
        comparison->keys_after[comparison->n_keys++] = replica_snapshot_get_column (comparison->after, i);
      }
  for (guint row = 0; row < n_both; row++)
    if (same_key (comparison, row, row))
      {
        self->before_rows[row] = (gint32) row;
        claimed[row] = 1;
        n_matched++;
      }
  if (comparison->n_keys > 0 && n_matched < self->n_rows && n_matched < n_before)
    {
      match_by_hash (self, comparison, claimed, n_before);
      n_matched = 0;
      for (guint row = 0; row < self->n_rows; row++)
        n_matched += self->before_rows[row] >= 0;
    }
  self->n_added = self->n_rows - n_matched;
  self->n_removed = n_before - n_matched;
}

/* ---- cells ---- */

/* Strings of the two dictionaries below this code are the same, so that mostly equal codes are equal strings.
 */
static guint
common_codes (const ReplicaColumn *a, const ReplicaColumn *b)
{
  guint low = 0, high = MIN (a->n_dict, b->n_dict);

  if (a->n_dict == b->n_dict && memcmp (a->dict_offsets, b->dict_offsets, ((gsize) high + 1) * 4) == 0
      && memcmp (a->dict_bytes, b->dict_bytes, a->dict_offsets[high]) == 0)
    return high;
  /* Equal offsets and equal bytes up to one are equal offsets and bytes up to every smaller one. */
  while (low < high)
    {
      guint middle = low + (high - low + 1) / 2;

      if (memcmp (a->dict_offsets, b->dict_offsets, ((gsize) middle + 1) * 4) == 0
          && memcmp (a->dict_bytes, b->dict_bytes, a->dict_offsets[middle]) == 0)
        low = middle;
      else
        high = middle - 1;
    }
  return low;
}

static inline int
compare_cell (const ReplicaColumn *a, guint row_a, const ReplicaColumn *b, guint row_b, guint n_common)
{
  gboolean null_a = replica_column_is_null (a, row_a), null_b = replica_column_is_null (b, row_b);
  int order;

  if (null_a || null_b)
    return null_a != null_b;
  if (a->type == REPLICA_TYPE_STRING)
    {
      guint32 code_a = ((const guint32 *) a->data)[row_a], code_b = ((const guint32 *) b->data)[row_b];

      if (code_a == code_b && code_a < n_common)
        return 0;
    }
  else if (a->width == 8 && b->width == 8
           && ((const guint64 *) a->data)[row_a] == ((const guint64 *) b->data)[row_b])
    {
      return 0;
    }
  order = replica_column_compare (b, row_b, a, row_a);
  if (a->type == REPLICA_TYPE_STRING || a->type == REPLICA_TYPE_BOOL)
    return order != 0;
  return (order > 0) - (order < 0);
}

static void
compare_cells (ReplicaDiff *self, const Comparison *comparison)
{
  gsize room = 0;

  for (guint i = 0; i < self->n_columns; i++)
    {
      const ReplicaColumn *a = replica_snapshot_get_column (comparison->before, i);
      const ReplicaColumn *b = replica_snapshot_get_column (comparison->after, i);
      guint n_common = a->type == REPLICA_TYPE_STRING ? common_codes (a, b) : 0;

      for (guint row = 0; row < self->n_rows; row++)
        {
          int cell;

          if (self->before_rows[row] < 0)
            continue;
          cell = compare_cell (a, (guint) self->before_rows[row], b, row, n_common);
          if (cell == 0)
            continue;
          if (self->changed_at[row] == NONE)
            {
              if (self->n_changed == room)
                {
                  room = MAX (64, room * 2);
                  self->cells = g_realloc (self->cells, room * self->n_columns);
                }
              memset (self->cells + (gsize) self->n_changed * self->n_columns, 0, self->n_columns);
              self->changed_at[row] = self->n_changed++;
            }
          self->cells[(gsize) self->changed_at[row] * self->n_columns + i] = (gint8) cell;
        }
    }
}

/* ---- public ---- */

ReplicaDiff *
replica_diff_new (ReplicaSnapshot *before, ReplicaSnapshot *after)
{
  ReplicaDiff *self = g_new0 (ReplicaDiff, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->n_rows = replica_snapshot_get_n_rows (after);
  self->n_columns = replica_snapshot_get_n_columns (after);
  self->n_added = self->n_rows;
  self->before_rows = g_new (gint32, MAX (self->n_rows, 1));
  self->changed_at = g_new (guint32, MAX (self->n_rows, 1));
  memset (self->before_rows, 0xff, (gsize) self->n_rows * sizeof *self->before_rows); /* -1 */
  memset (self->changed_at, 0xff, (gsize) self->n_rows * sizeof *self->changed_at);   /* NONE */
  if (before == NULL)
    return self;
  if (same_columns (before, after))
    {
      g_autofree Comparison *comparison = g_new0 (Comparison, 1);

      comparison->before = before;
      comparison->after = after;
      match_rows (self, comparison);
      compare_cells (self, comparison);
    }
  else
    {
      self->n_removed = replica_snapshot_get_n_rows (before);
    }
  return self;
}

ReplicaDiff *
replica_diff_ref (ReplicaDiff *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
replica_diff_unref (ReplicaDiff *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_free (self->before_rows);
  g_free (self->changed_at);
  g_free (self->cells);
  g_free (self);
}

guint
replica_diff_get_n_added (ReplicaDiff *self)
{
  return self->n_added;
}

guint
replica_diff_get_n_removed (ReplicaDiff *self)
{
  return self->n_removed;
}

guint
replica_diff_get_n_changed (ReplicaDiff *self)
{
  return self->n_changed;
}

int
replica_diff_get_before_row (ReplicaDiff *self, guint row)
{
  g_return_val_if_fail (row < self->n_rows, -1);
  return self->before_rows[row];
}

/**
 * replica_diff_get_cell:
 * @self: a diff
 * @row: of the newer snapshot
 * @column: of both
 *
 * Returns: how the cell changed; 0 in an added row, which has no cell to compare with
 */
int
replica_diff_get_cell (ReplicaDiff *self, guint row, guint column)
{
  g_return_val_if_fail (row < self->n_rows && column < self->n_columns, 0);
  if (self->changed_at[row] == NONE)
    return 0;
  return self->cells[(gsize) self->changed_at[row] * self->n_columns + column];
}
