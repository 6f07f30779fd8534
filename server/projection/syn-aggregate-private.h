/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-aggregate.h"
#include "syn-bits.h"
#include "syn-string-pool.h"

/* The inside of an aggregate, for the files syn-aggregate-KIND.c. An aggregate's state is a few vectors with an element a row, all
 * zero for a row that saw nothing; so growing, moving, clearing and saving rows is the same for every kind (syn-aggregate.c), and a
 * kind is how it takes in a batch, how it takes in a partial, and what it shows. */

G_BEGIN_DECLS

#define SYN_AGGREGATE_MAX_VECTORS 5

/* One part of the state. @size: bytes of a row; 0: a bitmap. */
typedef struct {
  gpointer data; /* (owned) */
  gsize size;
  gboolean is_owned; /* pointers to what the row owns: saved by the kind */
} SynVector;

/* A batch as a kind sees it: event @events[i] goes to row @rows[i]. None of these events has a null or a double that is not
 * finite in any argument; so a kind's loops look at values only. */
typedef struct {
  const ReplicaColumn *const *columns; /* of the arguments, the order left out */
  const gint64 *order;                 /* (nullable): by event: of those kinds that go by one */
  const guint32 *events;
  const guint32 *rows;
  guint n;
} SynAggregateInput;

typedef struct {
  void (*setup) (SynAggregate *self); /* says which vectors */
  guint (*update) (SynAggregate *self, const SynAggregateInput *input);
  guint (*merge) (SynAggregate *self, const SynAggregate *later, const guint32 *from, const guint32 *rows, guint n);
  /* Fills in what differs from: the result's type and scale, width 8, validity = seen. */
  void (*lend) (SynAggregate *self, guint n_rows, ReplicaColumn *column);
  void (*begin) (SynAggregate *self, guint from_row, guint to_row); /* (nullable): zero is not the state of a new row */
  void (*forget) (SynAggregate *self, guint row);                   /* (nullable): frees what the row owns beside the vectors */
  /* (nullable) For syn_aggregate_save(): what the vectors do not say. And back: reads that, and tells whether the vectors that were read are
   * a state at all; whatever they are, no function may come to harm by them afterwards. */
  /* (nullable): what rows own, into rows that own nothing; as syn_aggregate_copy_rows() */
  void (*copy) (SynAggregate *self, const guint32 *to_rows, const SynAggregate *from, const guint32 *from_rows, guint n);
  void (*save) (const SynAggregate *self, guint n_rows, GByteArray *out);
  gboolean (*load) (SynAggregate *self, guint n_rows, const guint8 **at, const guint8 *end);
  gboolean (*set_value_size) (SynAggregate *self, gsize size); /* (nullable): of vector 1 of an empty one; FALSE: it cannot be so */
} SynAggregateOps;

struct _SynAggregate {
  const SynAggregateOps *ops;
  SynAggregateSpec spec; /* its expressions and programs are NULL */
  guint n_values;        /* arguments, the order left out */
  ReplicaType type;      /* of the first value; without one: int64 */
  double unit;           /* 10^scale of the first value: kinds that go by doubles keep unscaled ones, which are exact up to 2^53 */
  guint capacity;
  guint n_vectors;
  SynVector vectors[SYN_AGGREGATE_MAX_VECTORS]; /* the first: SYN_SEEN */
  gpointer lent;         /* (owned) (nullable): results that are not state as it is */
  guint8 *lent_validity; /* (owned) (nullable) */
  guint lent_capacity;
  gsize lent_size;
  /* of some kinds */
  SynStringPool *pool;      /* (owned) (nullable): first, last, min, max of strings */
  guint n_copied_strings;   /* of a copy: so many of the other's are its own */
  gboolean has_newest;      /* rate: some event was taken in */
  gint64 newest_us;         /* rate: the newest of them, in any row */
  gsize own_bytes;          /* distinct: what rows own beside the vectors */
  gsize max_own_bytes;
};

#define SYN_SEEN 0 /* vector: a bit per row: there was a value */

static inline guint8 *
syn_aggregate_seen (const SynAggregate *self)
{
  return self->vectors[SYN_SEEN].data;
}

/* Adds a vector; before there are rows. */
void syn_aggregate_add_vector (SynAggregate *self, gsize size);
/* Results of @size bytes a row, with a validity that begins as what was seen. */
gpointer syn_aggregate_lend_vector (SynAggregate *self, gsize size);
/* The column takes the lent vector; doubles that are not finite become null. */
void syn_aggregate_lend_doubles (SynAggregate *self, guint n_rows, ReplicaColumn *column);
/* The values of @column at @events as doubles, decimals unscaled: n of them, in this thread's scratch memory. */
const double *syn_aggregate_gather (const ReplicaColumn *column, const guint32 *events, guint n);

extern const SynAggregateOps syn_aggregate_ordered, syn_aggregate_count, syn_aggregate_sum, syn_aggregate_vwap, syn_aggregate_moments,
    syn_aggregate_rate, syn_aggregate_ewma, syn_aggregate_distinct, syn_aggregate_custom;

#define SYN_EACH(input, event, row) \
  for (guint i_ = 0, event, row; i_ < (input)->n && (event = (input)->events[i_], row = (input)->rows[i_], TRUE); i_++)

/* Neumaier's sum: what an addition loses is kept beside it. */
static inline void
syn_add_compensated (double *sum, double *compensation, double value)
{
  double next = *sum + value;

  *compensation += __builtin_fabs (*sum) >= __builtin_fabs (value) ? (*sum - next) + value : (value - next) + *sum;
  *sum = next;
}

G_END_DECLS
