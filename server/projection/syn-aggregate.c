/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The partial aggregates of a projection, on the lane that owns it. A column at a time: the kind and the type are decided
 * once per batch, and the loops touch the vectors that they need and no others. A vtable with a call per event was
 * rejected: the call costs more than the addition. What is here is the same for every kind; the kinds are in syn-aggregate-KIND.c. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include "replica-number.h"
#include "syn-aggregate-private.h"
#include "syn-limits.h"
#include "syn-scratch.h"

static const SynAggregateOps *
find_ops (SynAggregateKind kind)
{
  switch (kind)
    {
    case SYN_AGGREGATE_FIRST:
    case SYN_AGGREGATE_LAST:
    case SYN_AGGREGATE_MIN:
    case SYN_AGGREGATE_MAX:
    case SYN_AGGREGATE_ANY:
    case SYN_AGGREGATE_ALL:
      return &syn_aggregate_ordered;
    case SYN_AGGREGATE_COUNT:
      return &syn_aggregate_count;
    case SYN_AGGREGATE_SUM:
    case SYN_AGGREGATE_MEAN:
      return &syn_aggregate_sum;
    case SYN_AGGREGATE_VWAP:
      return &syn_aggregate_vwap;
    case SYN_AGGREGATE_STDDEV:
    case SYN_AGGREGATE_VARIANCE:
      return &syn_aggregate_moments;
    case SYN_AGGREGATE_RATE:
      return &syn_aggregate_rate;
    case SYN_AGGREGATE_EWMA:
      return &syn_aggregate_ewma;
    case SYN_AGGREGATE_DISTINCT:
      return &syn_aggregate_distinct;
    case SYN_AGGREGATE_CUSTOM:
      return &syn_aggregate_custom;
    }
  g_return_val_if_reached (NULL);
}

SynAggregate *
syn_aggregate_new (const SynAggregateSpec *spec, gsize max_text_bytes)
{
  SynAggregate *self = g_new0 (SynAggregate, 1);

  self->ops = find_ops (spec->kind);
  self->spec = *spec;
  for (guint i = 0; i < SYN_AGGREGATE_MAX_ARGS; i++)
    {
      self->spec.args[i].expr = NULL;
      self->spec.args[i].program = NULL;
    }
  self->n_values = spec->n_args - (spec->has_order ? 1 : 0);
  self->type = self->n_values > 0 ? spec->args[0].type : REPLICA_TYPE_INT64;
  self->unit = self->type == REPLICA_TYPE_DECIMAL ? replica_exact_powers_of_ten[spec->args[0].scale] : 1;
  self->max_own_bytes = MIN (max_text_bytes, SYN_MAX_DISTINCT_BYTES);
  if (self->type == REPLICA_TYPE_STRING && self->ops == &syn_aggregate_ordered)
    self->pool = syn_string_pool_new (max_text_bytes);
  syn_aggregate_add_vector (self, 0);
  self->ops->setup (self);
  syn_aggregate_reserve (self, 16);
  return self;
}

void
syn_aggregate_free (SynAggregate *self)
{
  if (self->ops->forget != NULL)
    for (guint row = 0; row < self->capacity; row++)
      self->ops->forget (self, row);
  for (guint i = 0; i < self->n_vectors; i++)
    g_free (self->vectors[i].data);
  g_clear_pointer (&self->pool, syn_string_pool_free);
  g_free (self->lent);
  g_free (self->lent_validity);
  g_free (self);
}

gsize
syn_aggregate_get_bytes (const SynAggregate *self)
{
  gsize bytes = self->own_bytes + (self->pool != NULL ? syn_string_pool_get_bytes (self->pool) : 0);

  for (guint i = 0; i < self->n_vectors; i++)
    bytes += self->vectors[i].size > 0 ? self->capacity * self->vectors[i].size : syn_bits_size (self->capacity);
  return bytes;
}

/* ---- rows ---- */

void
syn_aggregate_add_vector (SynAggregate *self, gsize size)
{
  g_return_if_fail (self->n_vectors < SYN_AGGREGATE_MAX_VECTORS && self->capacity == 0);
  self->vectors[self->n_vectors++].size = size;
}

void
syn_aggregate_reserve (SynAggregate *self, guint n_rows)
{
  guint old = self->capacity;
  guint capacity = MAX (old, 16);

  if (n_rows <= old)
    return;
  while (capacity < n_rows)
    capacity *= 2;
  self->capacity = capacity;
  for (guint i = 0; i < self->n_vectors; i++)
    {
      SynVector *vector = &self->vectors[i];

      vector->data = vector->size > 0 ? syn_grow_zeroed (vector->data, old * vector->size, capacity * vector->size)
                                      : syn_grow_zeroed (vector->data, syn_bits_size (old), syn_bits_size (capacity));
    }
  if (self->ops->begin != NULL)
    self->ops->begin (self, old, capacity);
}

static void
zero_row (SynAggregate *self, guint row)
{
  for (guint i = 0; i < self->n_vectors; i++)
    if (self->vectors[i].size > 0)
      memset ((char *) self->vectors[i].data + row * self->vectors[i].size, 0, self->vectors[i].size);
    else
      syn_bit_clear (self->vectors[i].data, row);
  if (self->ops->begin != NULL)
    self->ops->begin (self, row, row + 1);
}

void
syn_aggregate_clear (SynAggregate *self, const guint32 *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      if (self->ops->forget != NULL)
        self->ops->forget (self, rows[i]);
      zero_row (self, rows[i]);
    }
}

void
syn_aggregate_remove (SynAggregate *self, guint row, guint last)
{
  g_return_if_fail (row <= last && last < self->capacity);

  if (self->ops->forget != NULL)
    self->ops->forget (self, row);
  if (row != last)
    for (guint i = 0; i < self->n_vectors; i++)
      {
        gsize size = self->vectors[i].size;
        char *data = self->vectors[i].data;

        if (size > 0)
          memcpy (data + row * size, data + last * size, size);
        else
          syn_bit_copy (self->vectors[i].data, row, last);
      }
  zero_row (self, last);
}

/* ---- update, merge ---- */

/* Whether some event may have to be left out for the sake of @column. */
static gboolean
may_skip (const ReplicaColumn *column, const guint32 *events, guint n)
{
  guint bad = 0;

  if (column->validity != NULL)
    return TRUE;
  if (column->type == REPLICA_TYPE_DOUBLE)
    for (guint i = 0; i < n; i++)
      bad += !isfinite (((const double *) column->data)[events[i]]);
  return bad > 0;
}

/* Leaves out the events in which @column has no value: nulls, and doubles that are not finite, which a snapshot cannot have and
 * so aggregates must not either. @to_events and @to_rows may be those of @input. */
static void
keep_values (SynAggregateInput *input, const ReplicaColumn *column, guint32 *to_events, guint32 *to_rows)
{
  gboolean doubles = column->type == REPLICA_TYPE_DOUBLE;
  guint kept = 0;

  for (guint i = 0; i < input->n; i++)
    {
      guint32 event = input->events[i], row = input->rows[i];

      to_events[kept] = event;
      to_rows[kept] = row;
      kept += !replica_column_is_null (column, event) && (!doubles || isfinite (((const double *) column->data)[event]));
    }
  input->events = to_events;
  input->rows = to_rows;
  input->n = kept;
}

guint
syn_aggregate_update (SynAggregate *self, const ReplicaColumn *const *arguments, const gint64 *order_us, const guint32 *events,
                      const guint32 *rows, guint n)
{
  SynAggregateInput input = { arguments, order_us, events, rows, n };
  SynScratch *scratch = syn_scratch_get ();

  for (guint i = 0; i < self->spec.n_args; i++)
    {
      g_return_val_if_fail (arguments[i]->type == self->spec.args[i].type, 0);
      if (may_skip (arguments[i], input.events, input.n))
        keep_values (&input, arguments[i], syn_scratch_buffer (scratch, SYN_SCRATCH_VALUE_EVENTS, ((gsize) n + 1) * sizeof *events),
                     syn_scratch_buffer (scratch, SYN_SCRATCH_VALUE_ROWS, ((gsize) n + 1) * sizeof *rows));
    }
  if (self->spec.has_order)
    input.order = arguments[self->spec.n_args - 1]->data;
  g_return_val_if_fail (input.order != NULL || !syn_aggregate_spec_needs_order (&self->spec), 0);
  return input.n > 0 ? self->ops->update (self, &input) : 0;
}

guint
syn_aggregate_merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  g_return_val_if_fail (syn_aggregate_spec_equal_state (&self->spec, &later->spec), 0);

  if (from == NULL)
    {
      guint32 *identity = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_PARTS, ((gsize) n + 1) * sizeof *identity);

      for (guint i = 0; i < n; i++)
        identity[i] = i;
      from = identity;
    }
  if (later->has_newest && (!self->has_newest || later->newest_us > self->newest_us))
    {
      self->has_newest = TRUE;
      self->newest_us = later->newest_us;
    }
  return self->ops->merge (self, later, from, rows, n);
}

void
syn_aggregate_compact (SynAggregate *self, guint n_rows, gboolean tight)
{
  /* Only kinds of one vector of codes have a pool: it is the one after SYN_SEEN. */
  if (self->pool != NULL && syn_string_pool_wants_compaction (self->pool, n_rows, tight))
    syn_string_pool_compact (self->pool, self->vectors[SYN_SEEN + 1].data, syn_aggregate_seen (self), n_rows);
}

const double *
syn_aggregate_gather (const ReplicaColumn *column, const guint32 *events, guint n)
{
  double *values = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_DOUBLES, ((gsize) n + 1) * sizeof *values);
  const gint64 *narrow = column->data;

  if (column->type == REPLICA_TYPE_DOUBLE)
    for (guint i = 0; i < n; i++)
      values[i] = ((const double *) column->data)[events[i]];
  else if (column->width == 8)
    for (guint i = 0; i < n; i++)
      values[i] = (double) narrow[events[i]];
  else
    for (guint i = 0; i < n; i++)
      {
        ReplicaInt128 value = replica_column_get_int128 (column, events[i]);

        /* Hardly any needs the long way, which is a call. */
        values[i] = value == (gint64) value ? (double) (gint64) value : (double) value;
      }
  return values;
}

/* ---- results ---- */

gpointer
syn_aggregate_lend_vector (SynAggregate *self, gsize size)
{
  if (self->lent_capacity < self->capacity || self->lent_size < size)
    {
      g_free (self->lent);
      g_free (self->lent_validity);
      self->lent_capacity = self->capacity;
      self->lent_size = size;
      self->lent = g_malloc (self->lent_capacity * size);
      self->lent_validity = g_malloc (syn_bits_size (self->lent_capacity));
    }
  memcpy (self->lent_validity, syn_aggregate_seen (self), syn_bits_size (self->capacity));
  return self->lent;
}

void
syn_aggregate_lend_doubles (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  double *results = self->lent;

  for (guint row = 0; row < n_rows; row++)
    {
      if (!isfinite (results[row]))
        syn_bit_clear (self->lent_validity, row);
      if (!syn_bit_get (self->lent_validity, row))
        results[row] = 0;
    }
  column->data = self->lent;
  column->validity = self->lent_validity;
}

static gboolean
is_all_set (const guint8 *bits, guint n_rows)
{
  for (guint i = 0; i < n_rows / 8; i++)
    if (bits[i] != 0xff)
      return FALSE;
  for (guint row = n_rows / 8 * 8; row < n_rows; row++)
    if (!syn_bit_get (bits, row))
      return FALSE;
  return TRUE;
}

void
syn_aggregate_lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  g_return_if_fail (n_rows <= self->capacity);

  column->type = self->spec.type;
  column->scale = self->spec.scale;
  column->width = 8;
  column->n_rows = n_rows;
  column->validity = syn_aggregate_seen (self);
  self->ops->lend (self, n_rows, column);
  if (column->validity != NULL && is_all_set (column->validity, n_rows))
    column->validity = NULL;
}
