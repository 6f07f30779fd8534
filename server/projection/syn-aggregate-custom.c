/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An aggregate of a registered class (synoptic-aggregate.h): its states are one vector, and its functions are called once a batch. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-aggregate-private.h"
#include "synoptic-aggregate.h"

#define STATES 1

static void
setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, self->spec.klass->state_bytes);
}

static void
begin (SynAggregate *self, guint from_row, guint to_row)
{
  const SynAggregateClass *klass = self->spec.klass;

  if (klass->init != NULL)
    for (guint row = from_row; row < to_row; row++)
      klass->init ((char *) self->vectors[STATES].data + row * klass->state_bytes);
}

static void
forget (SynAggregate *self, guint row)
{
  const SynAggregateClass *klass = self->spec.klass;

  if (klass->clear != NULL)
    klass->clear ((char *) self->vectors[STATES].data + row * klass->state_bytes);
}

static guint
update (SynAggregate *self, const SynAggregateInput *input)
{
  for (guint i = 0; i < input->n; i++)
    syn_bit_set (syn_aggregate_seen (self), input->rows[i]);
  self->spec.klass->update (self->vectors[STATES].data, input->columns, self->n_values, input->events, input->rows, input->n);
  return 0;
}

static guint
merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    if (syn_bit_get (syn_aggregate_seen (later), from[i]))
      syn_bit_set (syn_aggregate_seen (self), rows[i]);
  self->spec.klass->merge (self->vectors[STATES].data, later->vectors[STATES].data, from, rows, n);
  return 0;
}

/* A class may say that there is no value where there were some, not the other way round; and a null's data is zero. */
static void
lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  gsize size = self->spec.type == REPLICA_TYPE_BOOL ? 1 : self->spec.type == REPLICA_TYPE_DECIMAL ? sizeof (ReplicaInt128) : 8;
  char *results = syn_aggregate_lend_vector (self, size);

  memset (results, 0, n_rows * size);
  self->spec.klass->emit (self->vectors[STATES].data, n_rows, results, self->lent_validity);
  for (guint i = 0; i < syn_bits_size (n_rows); i++)
    self->lent_validity[i] &= syn_aggregate_seen (self)[i];
  column->width = (guint8) size;
  column->data = results;
  column->validity = self->lent_validity;
  if (self->spec.type == REPLICA_TYPE_DOUBLE)
    {
      syn_aggregate_lend_doubles (self, n_rows, column);
      return;
    }
  for (guint row = 0; row < n_rows; row++)
    {
      if (!syn_bit_get (self->lent_validity, row))
        memset (results + row * size, 0, size);
      else if (size == 1)
        results[row] = results[row] != 0;
    }
}

static gboolean
load (SynAggregate *self, guint n_rows, const guint8 **at G_GNUC_UNUSED, const guint8 *end G_GNUC_UNUSED)
{
  const SynAggregateClass *klass = self->spec.klass;

  for (guint row = 0; klass->check != NULL && row < n_rows; row++)
    if (!klass->check ((const char *) self->vectors[STATES].data + row * klass->state_bytes))
      return FALSE;
  return klass->clear == NULL; /* else they are pointers, of another process */
}

const SynAggregateOps syn_aggregate_custom = {
  .setup = setup,
  .update = update,
  .merge = merge,
  .lend = lend,
  .begin = begin,
  .forget = forget,
  .load = load,
};
