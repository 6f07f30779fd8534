/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * An aggregate: a state per row, and functions that work on many rows at a call. The sum of the logarithms of some events, added to that of
 * others, is that of all: a mergeable partial, as every aggregate has to be. */
#include <math.h>

#include "geomean.h"

typedef struct {
  double sum; /* of logarithms */
  guint64 n;
} State;

static const char *
resolve (const SynAggregateType *args, guint n_args, SynAggregateType *result)
{
  if (args[0].type != REPLICA_TYPE_INT64 && args[0].type != REPLICA_TYPE_DOUBLE && args[0].type != REPLICA_TYPE_DECIMAL)
    return "numbers";
  result->type = REPLICA_TYPE_DOUBLE;
  return NULL;
}

static void
update (gpointer states, const ReplicaColumn *const *args, guint n_args, const guint32 *events, const guint32 *rows, guint n)
{
  State *state = states;

  for (guint i = 0; i < n; i++)
    {
      double x = replica_column_get_double (args[0], events[i]);

      if (x > 0)
        {
          state[rows[i]].sum += log (x);
          state[rows[i]].n++;
        }
    }
}

static void
merge (gpointer states, gconstpointer later, const guint32 *from, const guint32 *rows, guint n)
{
  State *state = states;
  const State *other = later;

  for (guint i = 0; i < n; i++)
    {
      state[rows[i]].sum += other[from[i]].sum;
      state[rows[i]].n += other[from[i]].n;
    }
}

static void
emit (gconstpointer states, guint n_rows, gpointer results, guint8 *validity)
{
  const State *state = states;
  double *result = results;

  for (guint row = 0; row < n_rows; row++)
    if (state[row].n > 0)
      result[row] = exp (state[row].sum / (double) state[row].n);
    else
      validity[row / 8] &= (guint8) ~(1u << row % 8);
}

/* What is saved may come back damaged. */
static gboolean
check (gconstpointer state)
{
  return isfinite (((const State *) state)->sum);
}

const SynAggregateClass geomean_class = {
  .struct_bytes = sizeof (SynAggregateClass),
  .name = "geomean",
  .min_args = 1,
  .max_args = 1,
  .state_bytes = sizeof (State),
  .resolve = resolve,
  .update = update,
  .merge = merge,
  .emit = emit,
  .check = check,
};
