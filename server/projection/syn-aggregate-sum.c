/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * count, sum, mean and vwap. Sums of int64 and decimals are exact, in 128 bits; those of doubles are compensated (Neumaier, "Rundungsfehleranalyse
 * einiger Verfahren zur Summation endlicher Summen", 1974), so that they do not depend on how events were batched beyond the last bits.
 *
 * vwap is Σ price·size / Σ size, both sums exact unless one of the two is a double; so unlike sum(price*size)/sum(size) it stays exact
 * also when the scales of both together pass 18. Its result is a double, as that of every division: one quotient of two exact
 * numbers. A decimal was rejected: there is no scale that is right for every price. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-aggregate-private.h"

/* ---- count ---- */

#define COUNTS 1 /* gint64 */

static void
count_setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, sizeof (gint64));
}

static guint
count_update (SynAggregate *self, const SynAggregateInput *input)
{
  gint64 *counts = self->vectors[COUNTS].data;

  for (guint i = 0; i < input->n; i++)
    counts[input->rows[i]]++;
  return 0;
}

static guint
count_merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  gint64 *counts = self->vectors[COUNTS].data;
  const gint64 *parts = later->vectors[COUNTS].data;

  for (guint i = 0; i < n; i++)
    counts[rows[i]] += parts[from[i]];
  return 0;
}

static void
count_lend (SynAggregate *self, guint n_rows G_GNUC_UNUSED, ReplicaColumn *column)
{
  column->data = self->vectors[COUNTS].data;
  column->validity = NULL;
}

/* With room to count on. */
static gboolean
are_counts (const SynAggregate *self, guint vector, guint n_rows)
{
  for (guint row = 0; row < n_rows; row++)
    if (((const guint64 *) self->vectors[vector].data)[row] >> 62 != 0)
      return FALSE;
  return TRUE;
}

static gboolean
count_load (SynAggregate *self, guint n_rows, const guint8 **at G_GNUC_UNUSED, const guint8 *end G_GNUC_UNUSED)
{
  return are_counts (self, COUNTS, n_rows);
}

const SynAggregateOps syn_aggregate_count = {
  .setup = count_setup,
  .update = count_update,
  .merge = count_merge,
  .lend = count_lend,
  .load = count_load,
};

/* ---- sum, mean ---- */

#define SUMS 1          /* ReplicaInt128, or double */
#define OVERFLOWED 2    /* with 128 bits: a bit */
#define COMPENSATIONS 2 /* with doubles: double */
#define SUM_COUNTS 3    /* mean: gint64 */

static gboolean
is_exact (const SynAggregate *self)
{
  return self->type != REPLICA_TYPE_DOUBLE;
}

static void
sum_setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, is_exact (self) ? sizeof (ReplicaInt128) : sizeof (double));
  syn_aggregate_add_vector (self, is_exact (self) ? 0 : sizeof (double));
  if (self->spec.kind == SYN_AGGREGATE_MEAN)
    syn_aggregate_add_vector (self, sizeof (gint64));
}

static inline void
add_exact (ReplicaInt128 *sums, guint8 *overflowed, guint row, ReplicaInt128 value)
{
  if (__builtin_add_overflow (sums[row], value, &sums[row]))
    syn_bit_set (overflowed, row);
}

static guint
sum_update (SynAggregate *self, const SynAggregateInput *input)
{
  const ReplicaColumn *column = input->columns[0];
  guint8 *seen = syn_aggregate_seen (self);
  gint64 *counts = self->vectors[SUM_COUNTS].data;

  if (!is_exact (self))
    {
      double *sums = self->vectors[SUMS].data, *compensations = self->vectors[COMPENSATIONS].data;
      const double *values = column->data;

      SYN_EACH (input, event, row)
        {
          syn_add_compensated (&sums[row], &compensations[row], values[event]);
          syn_bit_set (seen, row);
        }
    }
  else
    {
      ReplicaInt128 *sums = self->vectors[SUMS].data;
      guint8 *overflowed = self->vectors[OVERFLOWED].data;

      if (column->width == 8)
        SYN_EACH (input, event, row)
          {
            add_exact (sums, overflowed, row, ((const gint64 *) column->data)[event]);
            syn_bit_set (seen, row);
          }
      else
        SYN_EACH (input, event, row)
          {
            add_exact (sums, overflowed, row, replica_column_get_int128 (column, event));
            syn_bit_set (seen, row);
          }
    }
  if (counts != NULL)
    for (guint i = 0; i < input->n; i++)
      counts[input->rows[i]]++;
  return 0;
}

static guint
sum_merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  guint8 *seen = syn_aggregate_seen (self);
  gint64 *counts = self->vectors[SUM_COUNTS].data;

  for (guint i = 0; i < n; i++)
    {
      guint row = rows[i], part = from[i];

      if (!syn_bit_get (syn_aggregate_seen (later), part))
        continue;
      syn_bit_set (seen, row);
      if (counts != NULL)
        counts[row] += ((const gint64 *) later->vectors[SUM_COUNTS].data)[part];
      if (is_exact (self))
        {
          add_exact (self->vectors[SUMS].data, self->vectors[OVERFLOWED].data, row,
                     ((const ReplicaInt128 *) later->vectors[SUMS].data)[part]);
          if (syn_bit_get (later->vectors[OVERFLOWED].data, part))
            syn_bit_set (self->vectors[OVERFLOWED].data, row);
        }
      else
        {
          double *compensations = self->vectors[COMPENSATIONS].data;

          syn_add_compensated ((double *) self->vectors[SUMS].data + row, &compensations[row],
                               ((const double *) later->vectors[SUMS].data)[part]);
          compensations[row] += ((const double *) later->vectors[COMPENSATIONS].data)[part];
        }
    }
  return 0;
}

static void
lend_sums_int64 (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  gint64 *results = syn_aggregate_lend_vector (self, sizeof *results);
  const ReplicaInt128 *sums = self->vectors[SUMS].data;

  for (guint row = 0; row < n_rows; row++)
    {
      results[row] = (gint64) sums[row];
      if (results[row] != sums[row] || syn_bit_get (self->vectors[OVERFLOWED].data, row))
        {
          syn_bit_clear (self->lent_validity, row);
          results[row] = 0;
        }
    }
  column->data = results;
  column->validity = self->lent_validity;
}

/* The sums as they are, unless one has overflowed. */
static void
lend_sums_decimal (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  const guint8 *overflowed = self->vectors[OVERFLOWED].data;
  gboolean any = FALSE;

  column->data = self->vectors[SUMS].data;
  column->width = sizeof (ReplicaInt128);
  for (guint i = 0; i < syn_bits_size (n_rows); i++)
    any |= overflowed[i] != 0;
  if (!any)
    return;
  column->data = memcpy (syn_aggregate_lend_vector (self, sizeof (ReplicaInt128)), column->data, n_rows * sizeof (ReplicaInt128));
  column->validity = self->lent_validity;
  for (guint row = 0; row < n_rows; row++)
    if (syn_bit_get (overflowed, row))
      {
        syn_bit_clear (self->lent_validity, row);
        ((ReplicaInt128 *) self->lent)[row] = 0;
      }
}

/* Sums of doubles, and all means. */
static void
lend_doubles (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  double *results = syn_aggregate_lend_vector (self, sizeof *results);
  const gint64 *counts = self->vectors[SUM_COUNTS].data;

  for (guint row = 0; row < n_rows; row++)
    {
      double sum;

      if (is_exact (self))
        sum = (double) ((const ReplicaInt128 *) self->vectors[SUMS].data)[row];
      else
        sum = ((const double *) self->vectors[SUMS].data)[row] + ((const double *) self->vectors[COMPENSATIONS].data)[row];
      if (is_exact (self) && syn_bit_get (self->vectors[OVERFLOWED].data, row))
        syn_bit_clear (self->lent_validity, row);
      /* One division, by an exact number: one rounding. */
      results[row] = counts != NULL ? sum / ((double) MAX (counts[row], 1) * self->unit) : sum;
    }
  syn_aggregate_lend_doubles (self, n_rows, column);
}

static void
sum_lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  if (self->spec.type == REPLICA_TYPE_DOUBLE)
    lend_doubles (self, n_rows, column);
  else if (self->spec.type == REPLICA_TYPE_DECIMAL)
    lend_sums_decimal (self, n_rows, column);
  else
    lend_sums_int64 (self, n_rows, column);
}

static gboolean
sum_load (SynAggregate *self, guint n_rows, const guint8 **at G_GNUC_UNUSED, const guint8 *end G_GNUC_UNUSED)
{
  return self->spec.kind != SYN_AGGREGATE_MEAN || are_counts (self, SUM_COUNTS, n_rows);
}

const SynAggregateOps syn_aggregate_sum = {
  .setup = sum_setup,
  .update = sum_update,
  .merge = sum_merge,
  .lend = sum_lend,
  .load = sum_load,
};

/* ---- vwap ---- */

/* exact */
#define NOTIONALS 1   /* ReplicaInt128, of the scales of both */
#define VWAP_BAD 2    /* a bit: one of the sums has left 128 bits */
#define VOLUMES 3     /* ReplicaInt128 */
/* with doubles: sums and what they lost, all double */
#define NOTIONAL_SUMS 1
#define NOTIONAL_COMPENSATIONS 2
#define VOLUME_SUMS 3
#define VOLUME_COMPENSATIONS 4

static gboolean
is_vwap_exact (const SynAggregate *self)
{
  return self->spec.args[0].type != REPLICA_TYPE_DOUBLE && self->spec.args[1].type != REPLICA_TYPE_DOUBLE;
}

static void
vwap_setup (SynAggregate *self)
{
  if (is_vwap_exact (self))
    {
      syn_aggregate_add_vector (self, sizeof (ReplicaInt128));
      syn_aggregate_add_vector (self, 0);
      syn_aggregate_add_vector (self, sizeof (ReplicaInt128));
      return;
    }
  for (guint i = 0; i < 4; i++)
    syn_aggregate_add_vector (self, sizeof (double));
}

static inline double
read_unscaled (const ReplicaColumn *column, guint event)
{
  return column->type == REPLICA_TYPE_DOUBLE ? ((const double *) column->data)[event]
                                             : (double) replica_column_get_int128 (column, event);
}

static guint
vwap_update (SynAggregate *self, const SynAggregateInput *input)
{
  const ReplicaColumn *price = input->columns[0], *size = input->columns[1];
  guint8 *seen = syn_aggregate_seen (self);

  if (!is_vwap_exact (self))
    {
      double *notionals = self->vectors[NOTIONAL_SUMS].data, *notional_rests = self->vectors[NOTIONAL_COMPENSATIONS].data;
      double *volumes = self->vectors[VOLUME_SUMS].data, *volume_rests = self->vectors[VOLUME_COMPENSATIONS].data;

      SYN_EACH (input, event, row)
        {
          double volume = read_unscaled (size, event);

          syn_add_compensated (&notionals[row], &notional_rests[row], read_unscaled (price, event) * volume);
          syn_add_compensated (&volumes[row], &volume_rests[row], volume);
          syn_bit_set (seen, row);
        }
    }
  else
    {
      ReplicaInt128 *notionals = self->vectors[NOTIONALS].data, *volumes = self->vectors[VOLUMES].data;
      guint8 *bad = self->vectors[VWAP_BAD].data;

      if (price->width == 8 && size->width == 8)
        SYN_EACH (input, event, row)
          {
            gint64 volume = ((const gint64 *) size->data)[event];

            add_exact (notionals, bad, row, (ReplicaInt128) ((const gint64 *) price->data)[event] * volume);
            add_exact (volumes, bad, row, volume);
            syn_bit_set (seen, row);
          }
      else
        SYN_EACH (input, event, row)
          {
            ReplicaInt128 volume = replica_column_get_int128 (size, event), notional = 0;

            if (__builtin_mul_overflow (replica_column_get_int128 (price, event), volume, &notional))
              syn_bit_set (bad, row);
            add_exact (notionals, bad, row, notional);
            add_exact (volumes, bad, row, volume);
            syn_bit_set (seen, row);
          }
    }
  return 0;
}

static guint
vwap_merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    {
      guint row = rows[i], part = from[i];

      if (!syn_bit_get (syn_aggregate_seen (later), part))
        continue;
      syn_bit_set (syn_aggregate_seen (self), row);
      if (is_vwap_exact (self))
        {
          guint8 *bad = self->vectors[VWAP_BAD].data;

          add_exact (self->vectors[NOTIONALS].data, bad, row, ((const ReplicaInt128 *) later->vectors[NOTIONALS].data)[part]);
          add_exact (self->vectors[VOLUMES].data, bad, row, ((const ReplicaInt128 *) later->vectors[VOLUMES].data)[part]);
          if (syn_bit_get (later->vectors[VWAP_BAD].data, part))
            syn_bit_set (bad, row);
          continue;
        }
      for (guint v = NOTIONAL_SUMS; v <= VOLUME_SUMS; v += VOLUME_SUMS - NOTIONAL_SUMS)
        {
          double *rests = self->vectors[v + 1].data;

          syn_add_compensated ((double *) self->vectors[v].data + row, &rests[row], ((const double *) later->vectors[v].data)[part]);
          rests[row] += ((const double *) later->vectors[v + 1].data)[part];
        }
    }
  return 0;
}

static void
vwap_lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  double *results = syn_aggregate_lend_vector (self, sizeof *results);

  for (guint row = 0; row < n_rows; row++)
    {
      double notional, volume;

      if (is_vwap_exact (self))
        {
          notional = (double) ((const ReplicaInt128 *) self->vectors[NOTIONALS].data)[row];
          volume = (double) ((const ReplicaInt128 *) self->vectors[VOLUMES].data)[row];
          if (syn_bit_get (self->vectors[VWAP_BAD].data, row))
            syn_bit_clear (self->lent_validity, row);
        }
      else
        {
          notional = ((const double *) self->vectors[NOTIONAL_SUMS].data)[row] + ((const double *) self->vectors[NOTIONAL_COMPENSATIONS].data)[row];
          volume = ((const double *) self->vectors[VOLUME_SUMS].data)[row] + ((const double *) self->vectors[VOLUME_COMPENSATIONS].data)[row];
        }
      /* Nothing was traded, all told: no price. The scale of the size is in both and falls out. */
      if (volume == 0)
        syn_bit_clear (self->lent_validity, row);
      results[row] = volume == 0 ? 0 : notional / volume / self->unit;
    }
  syn_aggregate_lend_doubles (self, n_rows, column);
}

const SynAggregateOps syn_aggregate_vwap = { .setup = vwap_setup, .update = vwap_update, .merge = vwap_merge, .lend = vwap_lend };
