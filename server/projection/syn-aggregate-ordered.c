/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * first and last (by arrival, or by an order that is given), min and max, any and all: one value of those seen. any is the max of
 * bools, all their min.
 *
 * Decimals are kept in 64 bits until a value comes that needs more, then in 128: hardly any ever does, and half the bytes
 * are then half the snapshot's copy. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include "replica-text.h"
#include "syn-aggregate-private.h"
#include "syn-scratch.h"

#define VALUES 1 /* bool, int64, timestamp, decimal as int64 (or all of 128 bits), double, string as code of the pool */
#define ORDERS 2 /* gint64: of the value held; only of those with an order */

static void
setup (SynAggregate *self)
{
  syn_aggregate_add_vector (self, self->type == REPLICA_TYPE_STRING ? sizeof (guint32) : sizeof (gint64));
  if (self->spec.has_order)
    syn_aggregate_add_vector (self, sizeof (gint64));
}

static gboolean
is_wide (const SynAggregate *self)
{
  return self->vectors[VALUES].size == sizeof (ReplicaInt128);
}

static void
widen (SynAggregate *self)
{
  const gint64 *narrow = self->vectors[VALUES].data;
  ReplicaInt128 *wide = g_new (ReplicaInt128, self->capacity);

  for (guint row = 0; row < self->capacity; row++)
    wide[row] = narrow[row];
  g_free (self->vectors[VALUES].data);
  self->vectors[VALUES].data = wide;
  self->vectors[VALUES].size = sizeof *wide;
}

/* Goes over to 128 bits when one of the values needs them. */
static void
widen_if_needed (SynAggregate *self, const SynAggregateInput *input)
{
  const ReplicaColumn *column = input->columns[0];
  gboolean needed = FALSE;

  if (is_wide (self) || column->width != sizeof (ReplicaInt128))
    return;
  for (guint i = 0; i < input->n; i++)
    {
      ReplicaInt128 value = replica_column_get_int128 (column, input->events[i]);

      needed |= value != (gint64) value;
    }
  if (needed)
    widen (self);
}

/* Takes @READ, the value of @event, for each event for which @WINS says so. */
#define TAKE(input, Type, READ, WINS)        \
  SYN_EACH (input, event, row)               \
    {                                        \
      Type value_ = READ;                    \
      if (!syn_bit_get (seen_, row) || WINS) \
        {                                    \
          state_[row] = value_;              \
          syn_bit_set (seen_, row);          \
        }                                    \
    }

/* The same, by order. */
#define TAKE_BY(input, Type, READ, WINS)                     \
  SYN_EACH (input, event, row)                               \
    if (!syn_bit_get (seen_, row) || WINS)                   \
      {                                                      \
        state_[row] = READ;                                  \
        orders_[row] = (input)->order[event];                \
        syn_bit_set (seen_, row);                            \
      }

#define UPDATE(self, input, Type, READ)                                                  \
  G_STMT_START                                                                           \
  {                                                                                      \
    Type *state_ = (self)->vectors[VALUES].data;                                         \
    guint8 *seen_ = syn_aggregate_seen (self);                                           \
    gint64 *orders_ = (self)->vectors[ORDERS].data;                                      \
    switch ((self)->spec.kind)                                                           \
      {                                                                                  \
      case SYN_AGGREGATE_FIRST:                                                          \
        if (orders_ == NULL)                                                             \
          {                                                                              \
            TAKE (input, Type, READ, FALSE)                                              \
          }                                                                              \
        else                                                                             \
          {                                                                              \
            TAKE_BY (input, Type, READ, (input)->order[event] < orders_[row])            \
          }                                                                              \
        break;                                                                           \
      case SYN_AGGREGATE_LAST:                                                           \
        if (orders_ == NULL)                                                             \
          {                                                                              \
            TAKE (input, Type, READ, TRUE)                                               \
          }                                                                              \
        else                                                                             \
          {                                                                              \
            TAKE_BY (input, Type, READ, (input)->order[event] >= orders_[row])           \
          }                                                                              \
        break;                                                                           \
      case SYN_AGGREGATE_MIN:                                                            \
      case SYN_AGGREGATE_ALL:                                                            \
        TAKE (input, Type, READ, value_ < state_[row])                                   \
        break;                                                                           \
      default:                                                                           \
        TAKE (input, Type, READ, value_ > state_[row])                                   \
        break;                                                                           \
      }                                                                                  \
  }                                                                                      \
  G_STMT_END

/* ---- strings ---- */

/* Whether the string of @event takes the place of what @row has. */
static gboolean
string_wins (SynAggregate *self, const SynAggregateInput *input, guint event, guint row)
{
  const gint64 *orders = self->vectors[ORDERS].data;
  const char *text, *held;
  gsize length, held_length;
  int order;

  if (!syn_bit_get (syn_aggregate_seen (self), row))
    return TRUE;
  if (self->spec.kind == SYN_AGGREGATE_LAST)
    return orders == NULL || input->order[event] >= orders[row];
  if (self->spec.kind == SYN_AGGREGATE_FIRST)
    return orders != NULL && input->order[event] < orders[row];
  text = replica_column_get_string (input->columns[0], event, &length);
  held = syn_string_pool_get (self->pool, ((const guint32 *) self->vectors[VALUES].data)[row], &held_length);
  order = replica_compare_text (text, length, held, held_length);
  return self->spec.kind == SYN_AGGREGATE_MIN ? order < 0 : order > 0;
}

static guint
update_strings (SynAggregate *self, const SynAggregateInput *input)
{
  const ReplicaColumn *column = input->columns[0];
  const guint32 unknown = SYN_NO_STRING - 1;
  guint32 *codes = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_MAP, (gsize) column->n_dict * sizeof *codes);
  guint32 *state = self->vectors[VALUES].data;
  gint64 *orders = self->vectors[ORDERS].data;
  guint n_lost = 0;

  for (guint i = 0; i < column->n_dict; i++)
    codes[i] = unknown;
  SYN_EACH (input, event, row)
    {
      guint32 code = ((const guint32 *) column->data)[event];

      if (!string_wins (self, input, event, row))
        continue;
      if (codes[code] == unknown)
        {
          gsize length;
          const char *text = replica_column_get_string (column, event, &length);

          codes[code] = syn_string_pool_intern (self->pool, text, length);
        }
      if (codes[code] == SYN_NO_STRING)
        {
          n_lost++;
          continue;
        }
      state[row] = codes[code];
      if (orders != NULL)
        orders[row] = input->order[event];
      syn_bit_set (syn_aggregate_seen (self), row);
    }
  return n_lost;
}

/* ---- a kind's functions ---- */

static guint
update (SynAggregate *self, const SynAggregateInput *input)
{
  const ReplicaColumn *column = input->columns[0];

  switch (self->type)
    {
    case REPLICA_TYPE_STRING:
      return update_strings (self, input);
    case REPLICA_TYPE_DOUBLE:
      UPDATE (self, input, double, ((const double *) column->data)[event]);
      break;
    case REPLICA_TYPE_DECIMAL:
      widen_if_needed (self, input);
      if (is_wide (self))
        UPDATE (self, input, ReplicaInt128, replica_column_get_int128 (column, event));
      else if (column->width == 16)
        UPDATE (self, input, gint64, (gint64) replica_column_get_int128 (column, event));
      else
        UPDATE (self, input, gint64, ((const gint64 *) column->data)[event]);
      break;
    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
      UPDATE (self, input, gint64, replica_column_get_int64 (column, event));
      break;
    }
  return 0;
}

/* The state of @later is a column of values like any other, whose events are its rows. */
static guint
merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  SynScratch *scratch = syn_scratch_get ();
  guint32 *parts = syn_scratch_buffer (scratch, SYN_SCRATCH_VALUE_EVENTS, ((gsize) n + 1) * sizeof *parts);
  guint32 *to = syn_scratch_buffer (scratch, SYN_SCRATCH_VALUE_ROWS, ((gsize) n + 1) * sizeof *to);
  ReplicaColumn column = {
    .type = later->type,
    .width = (guint8) later->vectors[VALUES].size,
    .n_rows = later->capacity,
    .data = later->vectors[VALUES].data,
  };
  const ReplicaColumn *columns[] = { &column };
  SynAggregateInput input = { columns, later->vectors[ORDERS].data, parts, to, 0 };

  if (later->pool != NULL)
    syn_string_pool_lend (later->pool, &column);
  for (guint i = 0; i < n; i++)
    {
      parts[input.n] = from[i];
      to[input.n] = rows[i];
      input.n += syn_bit_get (syn_aggregate_seen (later), from[i]);
    }
  return update (self, &input);
}

static void
lend (SynAggregate *self, guint n_rows, ReplicaColumn *column)
{
  if (self->type == REPLICA_TYPE_BOOL)
    {
      guint8 *results = syn_aggregate_lend_vector (self, 1);
      const gint64 *values = self->vectors[VALUES].data;

      for (guint row = 0; row < n_rows; row++)
        results[row] = values[row] != 0;
      column->width = 1;
      column->data = results;
      return;
    }
  column->data = self->vectors[VALUES].data;
  column->width = (guint8) self->vectors[VALUES].size;
  if (self->pool != NULL)
    syn_string_pool_lend (self->pool, column);
}

static gboolean
set_value_size (SynAggregate *self, gsize size)
{
  if (self->type != REPLICA_TYPE_DECIMAL || size != sizeof (ReplicaInt128))
    return FALSE;
  widen (self);
  return TRUE;
}

static gboolean
load (SynAggregate *self, guint n_rows, const guint8 **at G_GNUC_UNUSED, const guint8 *end G_GNUC_UNUSED)
{
  for (guint row = 0; row < n_rows; row++)
    {
      gboolean seen = syn_bit_get (syn_aggregate_seen (self), row);
      const char *value = (const char *) self->vectors[VALUES].data + row * self->vectors[VALUES].size;

      for (gsize i = 0; !seen && i < self->vectors[VALUES].size; i++)
        if (value[i] != 0)
          return FALSE;
      if (seen && self->type == REPLICA_TYPE_STRING && ((const guint32 *) self->vectors[VALUES].data)[row] >= syn_string_pool_get_length (self->pool))
        return FALSE;
      if (self->type == REPLICA_TYPE_DOUBLE && !isfinite (((const double *) self->vectors[VALUES].data)[row]))
        return FALSE;
      if (self->type == REPLICA_TYPE_BOOL && ((const guint64 *) self->vectors[VALUES].data)[row] > 1)
        return FALSE;
    }
  return TRUE;
}

const SynAggregateOps syn_aggregate_ordered = {
  .setup = setup,
  .update = update,
  .merge = merge,
  .lend = lend,
  .load = load,
  .set_value_size = set_value_size,
};
