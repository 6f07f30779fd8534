/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * rate: how much a second over the trailing period (T - period, T]. T is the newest time that any row has seen, so that what has gone
 * quiet falls to 0 while others go on; in windows it is the newest of the row itself, for a window that is over has ended.
 *
 * The period is cut into SYN_RATE_BUCKETS buckets, aligned to 1970, and a row keeps one more than those: all that T can reach. What
 * is in the period is the buckets wholly in it, and of the oldest, which T - period cuts, the share that is in it, as if its events lay
 * evenly. So events in any order, and partials in any split, make the same buckets. Every event with its time was rejected
 * (memory without bound), and so was a decaying rate, which is ewma's and never says "in the last minute".
 *
 * Buckets are doubles of unscaled values: exact for counts, int64 and decimals while a bucket holds less than 2^53. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-aggregate-private.h"

#define RINGS 1
#define N_SLOTS (SYN_RATE_BUCKETS + 1)

typedef struct {
  gint64 newest_us;
  gint64 newest;         /* the bucket of newest_us: bucket b is in slot b mod N_SLOTS, for b from newest - SYN_RATE_BUCKETS */
  double slots[N_SLOTS];
} Ring;

static void
setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, sizeof (Ring));
}

static inline gint64
bucket_us (const SynAggregate *self)
{
  return self->spec.period_us / SYN_RATE_BUCKETS;
}

static inline gint64
divide_down (gint64 a, gint64 b)
{
  gint64 quotient = a / b;

  return quotient - (a % b < 0);
}

static inline guint
slot_of (gint64 bucket)
{
  gint64 rest = bucket % N_SLOTS;

  return (guint) (rest < 0 ? rest + N_SLOTS : rest);
}

/* Makes @bucket the newest one of @ring, which was before it. */
static void
advance (Ring *ring, gint64 bucket)
{
  if (bucket - ring->newest >= N_SLOTS)
    memset (ring->slots, 0, sizeof ring->slots);
  else
    for (gint64 b = ring->newest + 1; b <= bucket; b++)
      ring->slots[slot_of (b)] = 0;
  ring->newest = bucket;
}

static inline void
see_time (SynAggregate *self, Ring *ring, guint row, gint64 time_us, gint64 bucket)
{
  if (!syn_bit_get (syn_aggregate_seen (self), row))
    {
      syn_bit_set (syn_aggregate_seen (self), row);
      ring->newest_us = time_us;
      ring->newest = bucket;
      return;
    }
  if (bucket > ring->newest)
    advance (ring, bucket);
  ring->newest_us = MAX (ring->newest_us, time_us);
}

static inline void
add (Ring *ring, gint64 bucket, double value)
{
  if (bucket + SYN_RATE_BUCKETS >= ring->newest)
    ring->slots[slot_of (bucket)] += value;
}

static guint
update (SynAggregate *self, const SynAggregateInput *input)
{
  const double *values = self->n_values > 0 ? syn_aggregate_gather (input->columns[0], input->events, input->n) : NULL;
  Ring *rings = self->vectors[RINGS].data;
  gint64 width_us = bucket_us (self);

  for (guint i = 0; i < input->n; i++)
    {
      gint64 time_us = input->order[input->events[i]], bucket = divide_down (time_us, width_us);
      Ring *ring = &rings[input->rows[i]];

      see_time (self, ring, input->rows[i], time_us, bucket);
      add (ring, bucket, values != NULL ? values[i] : 1);
      if (!self->has_newest || time_us > self->newest_us)
        {
          self->has_newest = TRUE;
          self->newest_us = time_us;
        }
    }
  return 0;
}

static guint
merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  Ring *rings = self->vectors[RINGS].data;
  const Ring *parts = later->vectors[RINGS].data;

  for (guint i = 0; i < n; i++)
    {
      const Ring *part = &parts[from[i]];
      Ring *ring = &rings[rows[i]];

      if (!syn_bit_get (syn_aggregate_seen (later), from[i]))
        continue;
      see_time (self, ring, rows[i], part->newest_us, part->newest);
      for (gint64 b = part->newest - SYN_RATE_BUCKETS; b <= part->newest; b++)
        add (ring, b, part->slots[slot_of (b)]);
    }
  return 0;
}

static void
lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  double *results = syn_aggregate_lend_vector (self, sizeof *results);
  const Ring *rings = self->vectors[RINGS].data;
  gint64 width_us = bucket_us (self);

  for (guint row = 0; row < n_rows; row++)
    {
      const Ring *ring = &rings[row];
      gint64 now_us = self->spec.as_of_row ? ring->newest_us : self->newest_us;
      gint64 now = divide_down (now_us, width_us), oldest = now - SYN_RATE_BUCKETS;
      double sum = 0;

      results[row] = 0;
      if (!syn_bit_get (self->lent_validity, row))
        continue;
      for (gint64 b = MAX (oldest + 1, ring->newest - SYN_RATE_BUCKETS); b <= ring->newest; b++)
        sum += ring->slots[slot_of (b)];
      if (oldest >= ring->newest - SYN_RATE_BUCKETS && oldest <= ring->newest)
        sum += ring->slots[slot_of (oldest)] * ((double) (width_us - (now_us - now * width_us)) / (double) width_us);
      results[row] = sum / self->unit / ((double) self->spec.period_us / G_USEC_PER_SEC);
    }
  syn_aggregate_lend_doubles (self, n_rows, column);
}

static gboolean
load (SynAggregate *self, guint n_rows, const guint8 **at G_GNUC_UNUSED, const guint8 *end G_GNUC_UNUSED)
{
  const Ring *rings = self->vectors[RINGS].data;

  for (guint row = 0; row < n_rows; row++)
    {
      gboolean seen = syn_bit_get (syn_aggregate_seen (self), row);

      if (seen ? !self->has_newest || rings[row].newest_us > self->newest_us || rings[row].newest != divide_down (rings[row].newest_us, bucket_us (self))
               : rings[row].newest_us != 0 || rings[row].newest != 0)
        return FALSE;
      for (guint slot = 0; slot < N_SLOTS; slot++)
        if (!seen && rings[row].slots[slot] != 0)
          return FALSE;
    }
  return TRUE;
}

const SynAggregateOps syn_aggregate_rate = { .setup = setup, .update = update, .merge = merge, .lend = lend, .load = load };
