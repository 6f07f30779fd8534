/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * ewma: the mean of the values of a row, each with the weight 2^(-age / half-life). The age counts back from the newest event of the row;
 * from when it counts changes all weights by the same factor and so falls out of the mean. That is why it is mergeable, takes
 * events in any order, and needs no clock: a state is (time, weight at that time, mean). */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include "syn-aggregate-private.h"

#define DECAYS 1

typedef struct {
  gint64 newest_us;
  double weight; /* of all values, as of newest_us; 0: none */
  double mean;   /* unscaled */
} Decay;

static void
setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, sizeof (Decay));
}

/* What is left of a weight of 1 after the time from @from_us to the later @to_us. */
static inline double
decay (const SynAggregate *self, gint64 from_us, gint64 to_us)
{
  return exp2 (-(double) ((guint64) to_us - (guint64) from_us) / (double) self->spec.period_us);
}

/* Adds values of @weight as of @time_us, whose mean is @mean. */
static inline void
add (const SynAggregate *self, Decay *state, gint64 time_us, double weight, double mean)
{
  if (state->weight == 0)
    {
      *state = (Decay) { time_us, weight, mean };
      return;
    }
  if (time_us > state->newest_us)
    {
      state->weight *= decay (self, state->newest_us, time_us);
      state->newest_us = time_us;
    }
  else if (time_us < state->newest_us)
    weight *= decay (self, time_us, state->newest_us);
  state->weight += weight;
  state->mean += (mean - state->mean) * (weight / state->weight);
}

static guint
update (SynAggregate *self, const SynAggregateInput *input)
{
  const double *values = syn_aggregate_gather (input->columns[0], input->events, input->n);
  Decay *states = self->vectors[DECAYS].data;

  for (guint i = 0; i < input->n; i++)
    {
      add (self, &states[input->rows[i]], input->order[input->events[i]], 1, values[i]);
      syn_bit_set (syn_aggregate_seen (self), input->rows[i]);
    }
  return 0;
}

static guint
merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  Decay *states = self->vectors[DECAYS].data;
  const Decay *parts = later->vectors[DECAYS].data;

  for (guint i = 0; i < n; i++)
    {
      const Decay *part = &parts[from[i]];

      if (part->weight == 0)
        continue;
      add (self, &states[rows[i]], part->newest_us, part->weight, part->mean);
      syn_bit_set (syn_aggregate_seen (self), rows[i]);
    }
  return 0;
}

static void
lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  double *results = syn_aggregate_lend_vector (self, sizeof *results);
  const Decay *states = self->vectors[DECAYS].data;

  for (guint row = 0; row < n_rows; row++)
    results[row] = states[row].mean / self->unit;
  syn_aggregate_lend_doubles (self, n_rows, column);
}

static gboolean
load (SynAggregate *self, guint n_rows, const guint8 **at G_GNUC_UNUSED, const guint8 *end G_GNUC_UNUSED)
{
  const Decay *states = self->vectors[DECAYS].data;

  for (guint row = 0; row < n_rows; row++)
    if (!isfinite (states[row].weight) || states[row].weight < 0 || (states[row].weight > 0) != syn_bit_get (syn_aggregate_seen (self), row))
      return FALSE;
  return TRUE;
}

const SynAggregateOps syn_aggregate_ewma = { .setup = setup, .update = update, .merge = merge, .lend = lend, .load = load };
