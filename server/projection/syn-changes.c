/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * What changed between two snapshots, on the lane whose queries ask. Ten thousand queries over one projection all go from the same
 * snapshot to the same next one: whoever comes first compares, the others find the answer in the lane's small cache, by path and both
 * tokens. Columns are compared a block at a time by memcmp; only blocks that differ are looked at row by row.
 *
 * A list of changes kept by the projection itself was rejected: a query skips snapshots as it likes, so it would need one from each
 * to each; and what aggregates touch is not what their results change. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-changes.h"
#include "syn-bits.h"
#include "syn-lane.h"

#define BLOCK_ROWS 64
#define N_CACHED 8                  /* pairs of a lane */
#define MAX_CACHED_BYTES (1u << 20) /* of one; a larger one is computed for each who asks */

struct _SynChanges {
  guint refs;
  char *path;
  ReplicaToken before, after;
  guint n_columns;
  gsize size_bytes;
  guint8 **columns; /* (owned): each nullable */
};

typedef struct {
  SynChanges *entries[N_CACHED]; /* (owned) (nullable) */
  guint next;                    /* the one to replace: the oldest */
  guint n_computed;
} Cache;

typedef struct {
  const ReplicaColumn *before, *after;
  guint n_before, n_after;
  guint8 *bits; /* NULL until one is set */
} Comparison;

static void
mark (Comparison *self, guint row)
{
  if (self->bits == NULL)
    self->bits = g_malloc0 (syn_bits_size (self->n_after));
  syn_bit_set (self->bits, row);
}

static void
compare_data (Comparison *self, guint n)
{
  const char *a = self->before->data, *b = self->after->data;
  gsize width = self->after->width;

  for (guint from = 0; from < n; from += BLOCK_ROWS)
    {
      guint end = MIN (from + BLOCK_ROWS, n);

      if (memcmp (a + from * width, b + from * width, (end - from) * width) == 0)
        continue;
      for (guint row = from; row < end; row++)
        if (memcmp (a + row * width, b + row * width, width) != 0)
          mark (self, row);
    }
}

/* Decimals of two widths: one of the snapshots has a value that needs 128 bits. */
static void
compare_decimals (Comparison *self, guint n)
{
  for (guint row = 0; row < n; row++)
    if (replica_column_get_int128 (self->before, row) != replica_column_get_int128 (self->after, row))
      mark (self, row);
}

static void
compare_validity (Comparison *self, guint n)
{
  const guint8 *a = self->before->validity, *b = self->after->validity;

  if (a == NULL && b == NULL)
    return;
  for (guint from = 0; from < n; from += 8)
    {
      guint differing = (a != NULL ? a[from >> 3] : 0xff) ^ (b != NULL ? b[from >> 3] : 0xff);

      for (guint row = from; differing != 0 && row < MIN (from + 8, n); row++)
        if (differing >> (row - from) & 1)
          mark (self, row);
    }
}

/* Whether the codes of @before mean the same in @after: dictionaries mostly only grow. */
static gboolean
is_beginning (const ReplicaColumn *before, const ReplicaColumn *after)
{
  if (before->n_dict > after->n_dict || before->n_dict == 0)
    return before->n_dict == 0;
  return memcmp (before->dict_offsets, after->dict_offsets, ((gsize) before->n_dict + 1) * sizeof *before->dict_offsets) == 0
         && memcmp (before->dict_bytes, after->dict_bytes, before->dict_offsets[before->n_dict]) == 0;
}

/* Other dictionaries: by the texts, each pair of codes once. */
static void
compare_strings (Comparison *self, guint n)
{
  const guint32 *a = self->before->data, *b = self->after->data;
  g_autofree guint32 *same = g_new (guint32, MAX (self->before->n_dict, 1)); /* the code after that is known to be equal */

  memset (same, 0xff, MAX (self->before->n_dict, 1) * sizeof *same);
  for (guint row = 0; row < n; row++)
    {
      const char *text_a, *text_b;
      gsize length_a, length_b;

      if (replica_column_is_null (self->before, row) || replica_column_is_null (self->after, row) || same[a[row]] == b[row])
        continue;
      text_a = replica_column_get_string (self->before, row, &length_a);
      text_b = replica_column_get_string (self->after, row, &length_b);
      if (length_a == length_b && memcmp (text_a, text_b, length_a) == 0)
        same[a[row]] = b[row];
      else
        mark (self, row);
    }
}

static guint8 *
compare_column (const ReplicaColumn *before, const ReplicaColumn *after, guint n_before, guint n_after)
{
  Comparison self = { before, after, n_before, n_after, NULL };
  guint n = MIN (n_before, n_after);

  if (after->type == REPLICA_TYPE_STRING && !is_beginning (before, after))
    compare_strings (&self, n);
  else if (before->width != after->width)
    compare_decimals (&self, n);
  else
    compare_data (&self, n);
  compare_validity (&self, n);
  for (guint row = n; row < n_after; row++)
    mark (&self, row);
  return self.bits;
}

static SynChanges *
compare (ReplicaSnapshot *before, ReplicaSnapshot *after)
{
  guint n_columns = replica_snapshot_get_n_columns (after);
  guint n_before = replica_snapshot_get_n_rows (before), n_after = replica_snapshot_get_n_rows (after);
  SynChanges *self = g_new0 (SynChanges, 1);

  self->refs = 1;
  self->path = g_strdup (replica_snapshot_get_path (after));
  self->before = replica_snapshot_get_token (before);
  self->after = replica_snapshot_get_token (after);
  self->n_columns = n_columns;
  self->columns = g_new0 (guint8 *, MAX (n_columns, 1));
  for (guint i = 0; i < n_columns && before != after; i++)
    {
      self->columns[i] =
          compare_column (replica_snapshot_get_column (before, i), replica_snapshot_get_column (after, i), n_before, n_after);
      self->size_bytes += self->columns[i] != NULL ? syn_bits_size (n_after) : 0;
    }
  return self;
}

void
syn_changes_unref (SynChanges *self)
{
  if (--self->refs > 0)
    return;
  for (guint i = 0; i < self->n_columns; i++)
    g_free (self->columns[i]);
  g_free (self->columns);
  g_free (self->path);
  g_free (self);
}

const guint8 *
syn_changes_get_column (const SynChanges *self, guint column)
{
  return self->columns[column];
}

/* ---- the cache of a lane ---- */

static void
cache_free (gpointer data)
{
  Cache *self = data;

  for (guint i = 0; i < N_CACHED; i++)
    g_clear_pointer (&self->entries[i], syn_changes_unref);
  g_free (self);
}

static GPrivate cache_private = G_PRIVATE_INIT (cache_free);

/* The lane's; outside of lanes (tests, benchmarks) the thread's. Not the thread's alone: epochs are unique in a silo, and a test has
 * many on one thread. */
static Cache *
get_cache (void)
{
  SynLane *lane = syn_lane_current ();
  Cache *self = lane != NULL ? syn_lane_get_slot (lane, SYN_LANE_SLOT_CHANGES) : g_private_get (&cache_private);

  if (self != NULL)
    return self;
  self = g_new0 (Cache, 1);
  if (lane != NULL)
    syn_lane_set_slot (lane, SYN_LANE_SLOT_CHANGES, self, cache_free);
  else
    g_private_set (&cache_private, self);
  return self;
}

static gboolean
has_same_columns (ReplicaSnapshot *a, ReplicaSnapshot *b)
{
  if (replica_snapshot_get_n_columns (a) != replica_snapshot_get_n_columns (b))
    return FALSE;
  for (guint i = 0; i < replica_snapshot_get_n_columns (a); i++)
    {
      const ReplicaColumn *x = replica_snapshot_get_column (a, i), *y = replica_snapshot_get_column (b, i);

      if (x->type != y->type || x->scale != y->scale)
        return FALSE;
    }
  return TRUE;
}

SynChanges *
syn_changes_get (ReplicaSnapshot *before, ReplicaSnapshot *after)
{
  Cache *cache = get_cache ();
  ReplicaToken token_before = replica_snapshot_get_token (before), token_after = replica_snapshot_get_token (after);
  const char *path = replica_snapshot_get_path (after);
  SynChanges *self;

  for (guint i = 0; i < N_CACHED; i++)
    {
      self = cache->entries[i];
      if (self != NULL && replica_token_equal (self->after, token_after) && replica_token_equal (self->before, token_before)
          && strcmp (self->path, path) == 0)
        {
          self->refs++;
          return self;
        }
    }
  if (!has_same_columns (before, after) || strcmp (replica_snapshot_get_path (before), path) != 0)
    return NULL;
  self = compare (before, after);
  cache->n_computed++;
  if (self->size_bytes > MAX_CACHED_BYTES)
    return self;
  g_clear_pointer (&cache->entries[cache->next], syn_changes_unref);
  cache->entries[cache->next] = self;
  cache->next = (cache->next + 1) % N_CACHED;
  self->refs++;
  return self;
}

guint
syn_changes_get_n_computed (void)
{
  return get_cache ()->n_computed;
}
