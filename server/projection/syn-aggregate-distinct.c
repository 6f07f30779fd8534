/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * distinct: how many different values; a SynDistinct for each row. A string's hash is made once per entry of its dictionary that a
 * batch uses, and kept with the partial: strings themselves are not. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-aggregate-private.h"
#include "syn-distinct.h"
#include "syn-scratch.h"

#define SETS 1 /* SynDistinct * (owned) (nullable) */

static void
setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, sizeof (SynDistinct *));
  self->vectors[SETS].is_owned = TRUE;
}

static void
forget (SynAggregate *self, guint row)
{
  SynDistinct **sets = self->vectors[SETS].data;

  self->own_bytes -= syn_distinct_get_bytes (sets[row]);
  g_clear_pointer (&sets[row], syn_distinct_free);
}

/* Whether @row may grow; it is in the bound as long as it is judged before each value. */
static inline gboolean
has_room (const SynAggregate *self)
{
  return self->own_bytes + SYN_DISTINCT_MAX_BYTES <= self->max_own_bytes;
}

static inline void
add (SynAggregate *self, guint row, guint64 hash, guint *n_lost)
{
  SynDistinct **set = (SynDistinct **) self->vectors[SETS].data + row;
  SynDistinct *before = *set;
  gsize bytes = syn_distinct_get_bytes (before);

  if (!has_room (self) && (before == NULL || syn_distinct_is_exact (before)))
    {
      (*n_lost)++;
      return;
    }
  *set = syn_distinct_add (before, hash);
  if (*set != before)
    self->own_bytes += syn_distinct_get_bytes (*set) - bytes;
  syn_bit_set (syn_aggregate_seen (self), row);
}

static inline guint64
hash_of (const ReplicaColumn *column, guint event)
{
  guint64 words[2];

  if (column->type == REPLICA_TYPE_DOUBLE)
    {
      double value = ((const double *) column->data)[event] + 0.0; /* -0 is 0 */

      memcpy (words, &value, sizeof value);
      return syn_distinct_hash_words (words, 1);
    }
  if (column->width == sizeof (ReplicaInt128))
    {
      ReplicaInt128 value = replica_column_get_int128 (column, event);

      words[0] = (guint64) value;
      words[1] = (guint64) (value >> 64);
      /* A value hashes the same in 64 bits and in 128. */
      return syn_distinct_hash_words (words, value == (gint64) value ? 1 : 2);
    }
  words[0] = (guint64) replica_column_get_int64 (column, event);
  return syn_distinct_hash_words (words, 1);
}

static guint
update (SynAggregate *self, const SynAggregateInput *input)
{
  const ReplicaColumn *column = input->columns[0];
  guint n_lost = 0;

  if (column->type == REPLICA_TYPE_STRING)
    {
      guint64 *hashes = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_MAP, (gsize) column->n_dict * sizeof *hashes);

      memset (hashes, 0, (gsize) column->n_dict * sizeof *hashes);
      SYN_EACH (input, event, row)
        {
          guint32 code = ((const guint32 *) column->data)[event];

          if (hashes[code] == 0)
            {
              gsize length;
              const char *text = replica_column_get_string (column, event, &length);

              hashes[code] = syn_distinct_hash_text (text, length);
            }
          add (self, row, hashes[code], &n_lost);
        }
    }
  else
    SYN_EACH (input, event, row)
      add (self, row, hash_of (column, event), &n_lost);
  return n_lost;
}

static guint
merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  SynDistinct **sets = self->vectors[SETS].data;
  SynDistinct *const *parts = later->vectors[SETS].data;
  guint n_lost = 0;

  for (guint i = 0; i < n; i++)
    {
      SynDistinct **set = &sets[rows[i]];

      if (!syn_bit_get (syn_aggregate_seen (later), from[i]))
        continue;
      if (!has_room (self) && syn_distinct_is_exact (*set))
        {
          n_lost++;
          continue;
        }
      self->own_bytes -= syn_distinct_get_bytes (*set);
      *set = syn_distinct_merge (*set, parts[from[i]]);
      self->own_bytes += syn_distinct_get_bytes (*set);
      syn_bit_set (syn_aggregate_seen (self), rows[i]);
    }
  return n_lost;
}

static void
lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  gint64 *results = syn_aggregate_lend_vector (self, sizeof *results);
  SynDistinct *const *sets = self->vectors[SETS].data;

  for (guint row = 0; row < n_rows; row++)
    results[row] = (gint64) syn_distinct_get_count (sets[row]);
  column->data = results;
  column->validity = NULL; /* of nothing there are 0 different ones, as count() */
}

static void
copy (SynAggregate *self, const guint32 *to_rows, const SynAggregate *from, const guint32 *from_rows, guint n)
{
  SynDistinct **sets = self->vectors[SETS].data;
  SynDistinct *const *others = from->vectors[SETS].data;

  for (guint i = 0; i < n; i++)
    {
      SynDistinct **set = &sets[to_rows != NULL ? to_rows[i] : i];

      *set = syn_distinct_merge (NULL, others[from_rows != NULL ? from_rows[i] : i]);
      self->own_bytes += syn_distinct_get_bytes (*set);
    }
}

static void
save (const SynAggregate *self, guint n_rows, GByteArray *out)
{
  for (guint row = 0; row < n_rows; row++)
    syn_distinct_save (((SynDistinct *const *) self->vectors[SETS].data)[row], out);
}

static gboolean
load (SynAggregate *self, guint n_rows, const guint8 **at, const guint8 *end)
{
  SynDistinct **sets = self->vectors[SETS].data;

  for (guint row = 0; row < n_rows; row++)
    {
      if (!syn_distinct_load (&sets[row], at, end))
        return FALSE;
      self->own_bytes += syn_distinct_get_bytes (sets[row]);
      if ((sets[row] != NULL) != syn_bit_get (syn_aggregate_seen (self), row))
        return FALSE;
    }
  return TRUE;
}

const SynAggregateOps syn_aggregate_distinct = {
  .setup = setup,
  .update = update,
  .merge = merge,
  .lend = lend,
  .forget = forget,
  .copy = copy,
  .save = save,
  .load = load,
};
