/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copies of states, row by row, for checkpoints: filled on the owner's thread, a slice a turn, and saved and freed on another. Merging rows into an empty
 * aggregate was rejected, though it needs no code: strings would be looked up again one by one, and a module's merge need not be exact. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-aggregate-private.h"

SynAggregate *
syn_aggregate_new_copy (const SynAggregate *from, guint n_rows)
{
  SynAggregate *self = g_new0 (SynAggregate, 1);

  self->ops = from->ops;
  self->spec = from->spec;
  self->n_values = from->n_values;
  self->type = from->type;
  self->unit = from->unit;
  self->capacity = n_rows;
  self->n_vectors = from->n_vectors;
  for (guint i = 0; i < self->n_vectors; i++)
    {
      SynVector *vector = &self->vectors[i];

      *vector = from->vectors[i];
      if (vector->size == 0)
        vector->data = g_malloc0 (syn_bits_size (n_rows));
      else /* Not zeroed, as keys are not; but what is freed must be there. */
        vector->data = vector->is_owned ? g_malloc0 (n_rows * vector->size) : g_malloc (n_rows * vector->size);
    }
  self->has_newest = from->has_newest;
  self->newest_us = from->newest_us;
  if (from->pool != NULL)
    {
      self->pool = syn_string_pool_new (G_MAXSIZE);
      self->n_copied_strings = syn_string_pool_get_length (from->pool);
    }
  return self;
}

void
syn_aggregate_copy_rows (SynAggregate *self, const guint32 *to_rows, const SynAggregate *from, const guint32 *from_rows, guint n)
{
  /* Values of 64 bits have got 128 meanwhile. */
  if (self->vectors[SYN_SEEN + 1].size != from->vectors[SYN_SEEN + 1].size)
    self->ops->set_value_size (self, from->vectors[SYN_SEEN + 1].size);
  for (guint i = 0; i < self->n_vectors; i++)
    {
      SynVector *to = &self->vectors[i];

      if (to->is_owned)
        continue;
      if (to->size > 0)
        syn_copy_elements (to->data, to_rows, from->vectors[i].data, from_rows, to->size, n);
      else
        syn_copy_bits (to->data, to_rows, from->vectors[i].data, from_rows, n);
    }
  if (self->ops->copy != NULL)
    self->ops->copy (self, to_rows, from, from_rows, n);
}

void
syn_aggregate_take_rows (SynAggregate *self, const guint32 *to_rows, SynAggregate *from, guint n)
{
  if (from->vectors[SYN_SEEN + 1].size < self->vectors[SYN_SEEN + 1].size)
    from->ops->set_value_size (from, self->vectors[SYN_SEEN + 1].size);
  syn_aggregate_copy_rows (self, to_rows, from, NULL, n);
}

gboolean
syn_aggregate_copy_text (SynAggregate *self, const SynAggregate *from, gsize *budget)
{
  return self->pool == NULL || (*budget > 0 && syn_string_pool_copy_some (self->pool, from->pool, self->n_copied_strings, budget));
}
