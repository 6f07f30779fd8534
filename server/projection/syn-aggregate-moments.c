/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * variance and stddev of a sample (n - 1): count, mean and the sum of squared distances from the mean, updated one value at a time
 * (Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4, 1962) and merged pairwise (Chan, Golub
 * and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", COMPSTAT 1982). Σx² - (Σx)²/n was
 * rejected: for prices, whose mean is large against their spread, it cancels to nothing.
 *
 * Doubles: how events were batched shows in the last bits. One struct a row and not a vector a part: each update needs all of it. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include "syn-aggregate-private.h"

#define MOMENTS 1

typedef struct {
  double n;       /* of values: exact up to 2^53 */
  double mean;    /* unscaled */
  double squares; /* Σ (x - mean)² */
} Moments;

static void
setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, sizeof (Moments));
}

static guint
update (SynAggregate *self, const SynAggregateInput *input)
{
  const double *values = syn_aggregate_gather (input->columns[0], input->events, input->n);
  Moments *states = self->vectors[MOMENTS].data;

  for (guint i = 0; i < input->n; i++)
    {
      Moments *state = &states[input->rows[i]];
      double distance = values[i] - state->mean;

      state->n += 1;
      state->mean += distance / state->n;
      state->squares += distance * (values[i] - state->mean);
      syn_bit_set (syn_aggregate_seen (self), input->rows[i]);
    }
  return 0;
}

static guint
merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  Moments *states = self->vectors[MOMENTS].data;
  const Moments *parts = later->vectors[MOMENTS].data;

  for (guint i = 0; i < n; i++)
    {
      Moments *state = &states[rows[i]];
      const Moments *part = &parts[from[i]];
      double total = state->n + part->n, distance = part->mean - state->mean;

      if (part->n == 0)
        continue;
      syn_bit_set (syn_aggregate_seen (self), rows[i]);
      if (state->n == 0)
        {
          *state = *part;
          continue;
        }
      state->mean += distance * (part->n / total);
      state->squares += part->squares + distance * distance * (state->n * (part->n / total));
      state->n = total;
    }
  return 0;
}

static void
lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  double *results = syn_aggregate_lend_vector (self, sizeof *results);
  const Moments *states = self->vectors[MOMENTS].data;

  for (guint row = 0; row < n_rows; row++)
    {
      double variance = states[row].n > 1 ? states[row].squares / (states[row].n - 1) : 0;

      /* One value alone has no spread to tell. */
      if (!(states[row].n > 1))
        syn_bit_clear (self->lent_validity, row);
      results[row] = self->spec.kind == SYN_AGGREGATE_STDDEV ? sqrt (variance) / self->unit : variance / (self->unit * self->unit);
    }
  syn_aggregate_lend_doubles (self, n_rows, column);
}

static gboolean
load (SynAggregate *self, guint n_rows, const guint8 **at G_GNUC_UNUSED, const guint8 *end G_GNUC_UNUSED)
{
  const Moments *states = self->vectors[MOMENTS].data;

  for (guint row = 0; row < n_rows; row++)
    if (!isfinite (states[row].n) || states[row].n < 0 || states[row].squares < 0
        || (states[row].n > 0) != syn_bit_get (syn_aggregate_seen (self), row))
      return FALSE;
  return TRUE;
}

const SynAggregateOps syn_aggregate_moments = { .setup = setup, .update = update, .merge = merge, .lend = lend, .load = load };
