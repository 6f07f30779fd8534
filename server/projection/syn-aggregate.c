/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The partial aggregates of a projection, on the lane that owns it. A column at a time: the kind and the type are decided
 * once per batch, and the loops touch the vectors that they need and no others. A vtable with a call per event was
 * rejected: the call costs more than the addition.
 *
 * first, last, min and max of decimals are kept in 64 bits until a value comes that needs more, then in 128: hardly any ever
 * does, and half the bytes are then half the snapshot's copy. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include "syn-aggregate.h"
#include "syn-bits.h"
#include "syn-scratch.h"
#include "syn-string-pool.h"

struct _SynAggregate {
  SynAggregateKind kind;
  ReplicaType type; /* of the argument; of count(): anything */
  guint8 scale;
  gboolean wide; /* values are 128 bits */
  guint n_args;
  guint capacity;
  guint8 *seen;           /* (owned): bit per row: there was a value */
  gint64 *counts;         /* (owned) (nullable): count, mean */
  ReplicaInt128 *sums;    /* (owned) (nullable): sum, mean of int64 and decimals */
  guint8 *overflowed;     /* (owned) (nullable): bit per row, with sums */
  double *sums_double;    /* (owned) (nullable): sum, mean of doubles */
  double *compensations;  /* (owned) (nullable): with sums_double */
  gpointer values;        /* (owned) (nullable): first, last, min, max: bool, int64, timestamp, decimal as int64 (or 128 when
                             wide), double, string as code of pool */
  SynStringPool *pool;    /* (owned) (nullable): strings */
  gpointer lent;          /* (owned) (nullable): results that are not state as it is */
  guint8 *lent_validity;  /* (owned) (nullable) */
  guint lent_capacity;
};

static gboolean
is_ordered (const SynAggregate *self)
{
  return self->kind <= SYN_AGGREGATE_MAX;
}

static gsize
value_size (const SynAggregate *self)
{
  if (self->type == REPLICA_TYPE_STRING)
    return sizeof (guint32);
  return self->wide ? sizeof (ReplicaInt128) : sizeof (gint64);
}

SynAggregate *
syn_aggregate_new (const SynAggregateSpec *spec, gsize max_text_bytes)
{
  SynAggregate *self = g_new0 (SynAggregate, 1);
  ReplicaType type = spec->n_args > 0 ? spec->args[0].type : REPLICA_TYPE_INT64;

  G_STATIC_ASSERT (SYN_AGGREGATE_FIRST < SYN_AGGREGATE_MAX && SYN_AGGREGATE_LAST < SYN_AGGREGATE_MAX
                   && SYN_AGGREGATE_MIN < SYN_AGGREGATE_MAX && SYN_AGGREGATE_SUM > SYN_AGGREGATE_MAX);
  self->kind = spec->kind;
  self->n_args = spec->n_args;
  self->type = type;
  self->scale = type == REPLICA_TYPE_DECIMAL ? spec->args[0].scale : 0;
  if (is_ordered (self) && type == REPLICA_TYPE_STRING)
    self->pool = syn_string_pool_new (max_text_bytes);
  syn_aggregate_reserve (self, 16);
  return self;
}

void
syn_aggregate_free (SynAggregate *self)
{
  g_free (self->seen);
  g_free (self->counts);
  g_free (self->sums);
  g_free (self->overflowed);
  g_free (self->sums_double);
  g_free (self->compensations);
  g_free (self->values);
  g_clear_pointer (&self->pool, syn_string_pool_free);
  g_free (self->lent);
  g_free (self->lent_validity);
  g_free (self);
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
  self->seen = syn_grow_zeroed (self->seen, syn_bits_size (old), syn_bits_size (capacity));
  if (self->kind == SYN_AGGREGATE_COUNT || self->kind == SYN_AGGREGATE_MEAN)
    self->counts = syn_grow_zeroed (self->counts, old * sizeof *self->counts, capacity * sizeof *self->counts);
  if (is_ordered (self))
    self->values = syn_grow_zeroed (self->values, old * value_size (self), capacity * value_size (self));
  else if (self->kind != SYN_AGGREGATE_COUNT && self->type == REPLICA_TYPE_DOUBLE)
    {
      self->sums_double = syn_grow_zeroed (self->sums_double, old * sizeof (double), capacity * sizeof (double));
      self->compensations = syn_grow_zeroed (self->compensations, old * sizeof (double), capacity * sizeof (double));
    }
  else if (self->kind != SYN_AGGREGATE_COUNT)
    {
      self->sums = syn_grow_zeroed (self->sums, old * sizeof *self->sums, capacity * sizeof *self->sums);
      self->overflowed = syn_grow_zeroed (self->overflowed, syn_bits_size (old), syn_bits_size (capacity));
    }
}

/* ---- update ---- */

typedef struct {
  const ReplicaColumn *column;
  const guint32 *events;
  const guint32 *rows;
  guint n;
} Values;

/* For each value that is not null, in order, with its @event and @row. */
#define FOR_EACH_VALUE(values, event, row)                                                                             \
  for (guint i_ = 0, event, row; i_ < (values)->n && (event = (values)->events[i_], row = (values)->rows[i_], TRUE); i_++) \
    if (!replica_column_is_null ((values)->column, event))

/* first, last, min, max over a vector of numbers: @READ is the value of @event. */
#define UPDATE_ORDERED(self, values_, Type, READ)                        \
  G_STMT_START                                                           \
  {                                                                      \
    Type *state_ = (self)->values;                                       \
    guint8 *seen_ = (self)->seen;                                        \
    switch ((self)->kind)                                                \
      {                                                                  \
      case SYN_AGGREGATE_FIRST:                                          \
        FOR_EACH_VALUE (values_, event, row)                             \
          if (!syn_bit_get (seen_, row))                                 \
            {                                                            \
              state_[row] = READ;                                        \
              syn_bit_set (seen_, row);                                  \
            }                                                            \
        break;                                                           \
      case SYN_AGGREGATE_LAST:                                           \
        FOR_EACH_VALUE (values_, event, row)                             \
          {                                                              \
            state_[row] = READ;                                          \
            syn_bit_set (seen_, row);                                    \
          }                                                              \
        break;                                                           \
      case SYN_AGGREGATE_MIN:                                            \
        FOR_EACH_VALUE (values_, event, row)                             \
          {                                                              \
            Type value_ = READ;                                          \
            if (!syn_bit_get (seen_, row) || value_ < state_[row])       \
              state_[row] = value_;                                      \
            syn_bit_set (seen_, row);                                    \
          }                                                              \
        break;                                                           \
      default:                                                           \
        FOR_EACH_VALUE (values_, event, row)                             \
          {                                                              \
            Type value_ = READ;                                          \
            if (!syn_bit_get (seen_, row) || value_ > state_[row])       \
              state_[row] = value_;                                      \
            syn_bit_set (seen_, row);                                    \
          }                                                              \
        break;                                                           \
      }                                                                  \
  }                                                                      \
  G_STMT_END

/* A copy of a double column in which what is not finite is null: snapshots have neither NaN nor infinity, so aggregates must
 * not either. Returns FALSE when the column is clean as it is (the usual case: one pass that only reads). */
static gboolean
drop_non_finite (const Values *values, ReplicaColumn *clean, guint8 **validity)
{
  const double *data = values->column->data;
  guint n_rows = values->column->n_rows;
  guint bad = 0;

  for (guint i = 0; i < values->n; i++)
    bad += !isfinite (data[values->events[i]]);
  if (bad == 0)
    return FALSE;
  *validity = g_malloc0 (syn_bits_size (n_rows) + 1);
  for (guint i = 0; i < values->n; i++)
    if (!replica_column_is_null (values->column, values->events[i]) && isfinite (data[values->events[i]]))
      syn_bit_set (*validity, values->events[i]);
  *clean = *values->column;
  clean->validity = *validity;
  return TRUE;
}

/* Goes over to 128 bits when one of the values needs them. */
static void
widen_if_needed (SynAggregate *self, const Values *values)
{
  const gint64 *narrow;
  ReplicaInt128 *wide;
  gboolean needed = FALSE;

  if (self->wide || values->column->width != 16)
    return;
  for (guint i = 0; i < values->n; i++)
    {
      ReplicaInt128 value = replica_column_get_int128 (values->column, values->events[i]);

      needed |= value != (gint64) value;
    }
  if (!needed)
    return;
  narrow = self->values;
  wide = g_new0 (ReplicaInt128, self->capacity);
  for (guint row = 0; row < self->capacity; row++)
    wide[row] = narrow[row];
  g_free (self->values);
  self->values = wide;
  self->wide = TRUE;
}

static int
compare_text (const char *a, gsize a_length, const char *b, gsize b_length)
{
  int order = memcmp (a, b, MIN (a_length, b_length));

  return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

/* Whether the string of @event takes the place of what @row has. */
static gboolean
string_wins (SynAggregate *self, const ReplicaColumn *column, guint event, guint row)
{
  const char *text, *held;
  gsize length, held_length;
  int order;

  if (!syn_bit_get (self->seen, row) || self->kind == SYN_AGGREGATE_LAST)
    return TRUE;
  if (self->kind == SYN_AGGREGATE_FIRST)
    return FALSE;
  text = replica_column_get_string (column, event, &length);
  held = syn_string_pool_get (self->pool, ((const guint32 *) self->values)[row], &held_length);
  order = compare_text (text, length, held, held_length);
  return self->kind == SYN_AGGREGATE_MIN ? order < 0 : order > 0;
}

static guint
update_strings (SynAggregate *self, const Values *values)
{
  const ReplicaColumn *column = values->column;
  const guint32 unknown = SYN_NO_STRING - 1;
  guint32 *codes = syn_scratch_buffer (syn_scratch_get (), SYN_SCRATCH_MAP, (gsize) column->n_dict * sizeof *codes);
  guint32 *state = self->values;
  guint n_lost = 0;

  for (guint i = 0; i < column->n_dict; i++)
    codes[i] = unknown;
  FOR_EACH_VALUE (values, event, row)
    {
      guint32 code = ((const guint32 *) column->data)[event];

      if (!string_wins (self, column, event, row))
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
      syn_bit_set (self->seen, row);
    }
  return n_lost;
}

static guint
update_ordered (SynAggregate *self, const Values *values)
{
  const ReplicaColumn *column = values->column;

  switch (self->type)
    {
    case REPLICA_TYPE_STRING:
      return update_strings (self, values);
    case REPLICA_TYPE_DOUBLE:
      UPDATE_ORDERED (self, values, double, ((const double *) column->data)[event]);
      break;
    case REPLICA_TYPE_DECIMAL:
      widen_if_needed (self, values);
      if (self->wide)
        UPDATE_ORDERED (self, values, ReplicaInt128, replica_column_get_int128 (column, event));
      else if (column->width == 16)
        UPDATE_ORDERED (self, values, gint64, (gint64) replica_column_get_int128 (column, event));
      else
        UPDATE_ORDERED (self, values, gint64, ((const gint64 *) column->data)[event]);
      break;
    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
      UPDATE_ORDERED (self, values, gint64, replica_column_get_int64 (column, event));
      break;
    }
  return 0;
}

static inline void
add_int128 (SynAggregate *self, guint row, ReplicaInt128 value)
{
  if (__builtin_add_overflow (self->sums[row], value, &self->sums[row]))
    syn_bit_set (self->overflowed, row);
}

static inline void
add_double (SynAggregate *self, guint row, double value)
{
  double sum = self->sums_double[row];
  double next = sum + value;

  self->compensations[row] += fabs (sum) >= fabs (value) ? (sum - next) + value : (value - next) + sum;
  self->sums_double[row] = next;
}

static void
update_sums (SynAggregate *self, const Values *values)
{
  const ReplicaColumn *column = values->column;

  if (self->sums_double != NULL)
    {
      const double *data = column->data;

      FOR_EACH_VALUE (values, event, row)
        {
          add_double (self, row, data[event]);
          syn_bit_set (self->seen, row);
        }
    }
  else
    FOR_EACH_VALUE (values, event, row)
      {
        add_int128 (self, row, replica_column_get_int128 (column, event));
        syn_bit_set (self->seen, row);
      }
  if (self->counts != NULL)
    FOR_EACH_VALUE (values, event, row)
      self->counts[row]++;
}

guint
syn_aggregate_update (SynAggregate *self, const ReplicaColumn *const *arguments, const gint64 *order_us G_GNUC_UNUSED,
                      const guint32 *events, const guint32 *rows, guint n)
{
  const ReplicaColumn *argument = self->n_args > 0 ? arguments[0] : NULL;
  Values values = { argument, events, rows, n };
  g_autofree guint8 *validity = NULL;
  ReplicaColumn clean;

  if (argument == NULL)
    {
      for (guint i = 0; i < n; i++)
        self->counts[rows[i]]++;
      return 0;
    }
  if (argument->type == REPLICA_TYPE_DOUBLE && drop_non_finite (&values, &clean, &validity))
    values.column = &clean;
  if (self->kind == SYN_AGGREGATE_COUNT)
    {
      FOR_EACH_VALUE (&values, event, row)
        self->counts[row]++;
      return 0;
    }
  g_return_val_if_fail (argument->type == self->type, 0);
  if (is_ordered (self))
    return update_ordered (self, &values);
  update_sums (self, &values);
  return 0;
}

/* ---- merge, remove, compact ---- */

/* The state of @later as a column of values like any other: 64 bits or 128, codes with their dictionary. */
static ReplicaColumn
state_column (const SynAggregate *later)
{
  ReplicaColumn column = {
    .type = later->type == REPLICA_TYPE_BOOL ? REPLICA_TYPE_INT64 : later->type,
    .scale = later->scale,
    .width = (guint8) value_size (later),
    .n_rows = later->capacity,
    .data = later->values,
    .validity = later->seen,
  };

  if (later->pool != NULL)
    syn_string_pool_lend (later->pool, &column);
  return column;
}

guint
syn_aggregate_merge (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n)
{
  g_return_val_if_fail (self->kind == later->kind && self->type == later->type && self->scale == later->scale, 0);

  if (is_ordered (self))
    {
      g_autofree guint32 *identity = NULL;
      ReplicaColumn column = state_column (later);
      Values values = { &column, from, rows, n };

      if (from == NULL)
        {
          values.events = identity = g_new (guint32, n + 1);
          for (guint i = 0; i < n; i++)
            identity[i] = i;
        }
      return update_ordered (self, &values);
    }
  for (guint i = 0; i < n; i++)
    {
      guint row = rows[i], part = from != NULL ? from[i] : i;

      if (self->counts != NULL)
        self->counts[row] += later->counts[part];
      if (!syn_bit_get (later->seen, part))
        continue;
      syn_bit_set (self->seen, row);
      if (self->sums_double != NULL)
        {
          add_double (self, row, later->sums_double[part]);
          self->compensations[row] += later->compensations[part];
        }
      else
        {
          add_int128 (self, row, later->sums[part]);
          if (syn_bit_get (later->overflowed, part))
            syn_bit_set (self->overflowed, row);
        }
    }
  return 0;
}

static void
clear_row (SynAggregate *self, guint row)
{
  if (self->counts != NULL)
    self->counts[row] = 0;
  if (self->sums != NULL)
    self->sums[row] = 0;
  if (self->sums_double != NULL)
    self->sums_double[row] = self->compensations[row] = 0;
  if (self->values != NULL)
    memset ((char *) self->values + row * value_size (self), 0, value_size (self));
  syn_bit_clear (self->seen, row);
  if (self->overflowed != NULL)
    syn_bit_clear (self->overflowed, row);
}

void
syn_aggregate_clear (SynAggregate *self, const guint32 *rows, guint n)
{
  for (guint i = 0; i < n; i++)
    clear_row (self, rows[i]);
}

void
syn_aggregate_remove (SynAggregate *self, guint row, guint last)
{
  g_return_if_fail (row <= last && last < self->capacity);

  if (row != last)
    {
      if (self->counts != NULL)
        self->counts[row] = self->counts[last];
      if (self->sums != NULL)
        self->sums[row] = self->sums[last];
      if (self->sums_double != NULL)
        {
          self->sums_double[row] = self->sums_double[last];
          self->compensations[row] = self->compensations[last];
        }
      if (self->values != NULL)
        memcpy ((char *) self->values + row * value_size (self), (char *) self->values + last * value_size (self), value_size (self));
      syn_bit_copy (self->seen, row, last);
      if (self->overflowed != NULL)
        syn_bit_copy (self->overflowed, row, last);
    }
  clear_row (self, last);
}

void
syn_aggregate_compact (SynAggregate *self, guint n_rows, gboolean tight)
{
  if (self->pool != NULL && syn_string_pool_wants_compaction (self->pool, n_rows, tight))
    syn_string_pool_compact (self->pool, self->values, self->seen, n_rows);
}

/* ---- results ---- */

static gpointer
lent_vector (SynAggregate *self)
{
  if (self->lent_capacity < self->capacity)
    {
      g_free (self->lent);
      g_free (self->lent_validity);
      self->lent_capacity = self->capacity;
      self->lent = g_new (gint64, self->lent_capacity);
      self->lent_validity = g_malloc (syn_bits_size (self->lent_capacity));
    }
  memcpy (self->lent_validity, self->seen, syn_bits_size (self->capacity));
  return self->lent;
}

/* The value of a row that is null although it saw something. */
static void
lend_null (SynAggregate *self, guint row)
{
  syn_bit_clear (self->lent_validity, row);
  ((gint64 *) self->lent)[row] = 0;
}

static void
lend_sums_int64 (SynAggregate *self, guint n_rows)
{
  gint64 *results = lent_vector (self);

  for (guint row = 0; row < n_rows; row++)
    {
      results[row] = (gint64) self->sums[row];
      if (results[row] != self->sums[row] || syn_bit_get (self->overflowed, row))
        lend_null (self, row);
    }
}

/* Sums of doubles, and all means: doubles that may turn out not finite. */
static void
lend_doubles (SynAggregate *self, guint n_rows)
{
  double *results = lent_vector (self);
  double unit = 1;

  for (guint i = 0; i < self->scale; i++)
    unit *= 10;
  for (guint row = 0; row < n_rows; row++)
    {
      double sum = self->sums_double != NULL ? self->sums_double[row] + self->compensations[row] : (double) self->sums[row];

      results[row] = 0;
      if (!syn_bit_get (self->seen, row))
        continue;
      /* One division, by an exact number: one rounding. */
      results[row] = self->counts != NULL ? sum / ((double) self->counts[row] * unit) : sum;
      if (!isfinite (results[row]) || (self->overflowed != NULL && syn_bit_get (self->overflowed, row)))
        lend_null (self, row);
    }
}

static void
lend_bools (SynAggregate *self, guint n_rows)
{
  guint8 *results = lent_vector (self);
  const gint64 *values = self->values;

  for (guint row = 0; row < n_rows; row++)
    results[row] = values[row] != 0;
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

  column->type = self->type;
  column->scale = self->scale;
  column->width = 8;
  column->n_rows = n_rows;
  column->validity = self->seen;
  if (self->kind == SYN_AGGREGATE_COUNT)
    {
      column->type = REPLICA_TYPE_INT64;
      column->scale = 0;
      column->data = self->counts;
      column->validity = NULL;
      return;
    }
  if (is_ordered (self) && self->type == REPLICA_TYPE_BOOL)
    {
      lend_bools (self, n_rows);
      column->width = 1;
      column->data = self->lent;
    }
  else if (is_ordered (self))
    {
      column->data = self->values;
      column->width = (guint8) value_size (self);
      if (self->pool != NULL)
        syn_string_pool_lend (self->pool, column);
    }
  else if (self->kind == SYN_AGGREGATE_MEAN || self->type == REPLICA_TYPE_DOUBLE)
    {
      lend_doubles (self, n_rows);
      column->type = REPLICA_TYPE_DOUBLE;
      column->scale = 0;
      column->data = self->lent;
      column->validity = self->lent_validity;
    }
  else if (self->type == REPLICA_TYPE_DECIMAL)
    {
      column->data = self->sums;
      column->width = sizeof *self->sums;
      for (guint row = 0; row < n_rows; row++)
        if (syn_bit_get (self->overflowed, row))
          {
            lent_vector (self);
            for (; row < n_rows; row++)
              if (syn_bit_get (self->overflowed, row))
                syn_bit_clear (self->lent_validity, row);
            column->validity = self->lent_validity;
          }
    }
  else
    {
      lend_sums_int64 (self, n_rows);
      column->type = REPLICA_TYPE_INT64;
      column->data = self->lent;
      column->validity = self->lent_validity;
    }
  if (is_all_set (column->validity, n_rows))
    column->validity = NULL;
}
