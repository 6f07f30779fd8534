/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-aggregate-name.h"
#include "syn-expr.h"

/* What an aggregate is asked to do: its kind, its arguments over some schema, and the type of its result. Made from a call in an
 * expression, by the catalog for the columns of a projection and by queries for what they group. */

G_BEGIN_DECLS

#define SYN_RATE_BUCKETS 20 /* of a rate's period; a whole number of µs each, for periods are whole milliseconds */

typedef struct {
  SynExpr *expr;       /* (owned) (nullable): in specs that a test made by hand */
  SynProgram *program; /* (owned) (nullable): @expr over the schema; NULL with it */
  ReplicaType type;
  guint8 scale;
} SynAggregateArg;

/* One aggregate over events: hidden state of a row. */
typedef struct {
  SynAggregateKind kind;
  const SynAggregateClass *klass; /* SYN_AGGREGATE_CUSTOM; else NULL */
  guint n_args;          /* count() has none; periods are none */
  SynAggregateArg args[SYN_AGGREGATE_MAX_ARGS];
  gboolean has_order;    /* the last argument, int64 or timestamp, is the order of events: first, last, rate, ewma */
  gint64 period_us;      /* rate: the period; ewma: the half-life; else 0 */
  gboolean as_of_row;    /* rate: the period ends with the newest event of the row and not of all rows: windows set it */
  ReplicaType type;      /* of the result */
  guint8 scale;
} SynAggregateSpec;

/* Fills @spec, which is overwritten, from @call, a call of an aggregate by name, its arguments over @schema. Errors: SYN_ERROR_INVALID,
 * "column 5: sum() takes numbers, found string"; then nothing is to be cleared. */
gboolean syn_aggregate_spec_init (SynAggregateSpec *spec, SynExpr *call, const SynSchema *schema, GError **error);
/* Whether it must be told the time of each event: a rate or ewma that names none. */
gboolean syn_aggregate_spec_needs_order (const SynAggregateSpec *spec);
/* Whether states of one can be merged into states of the other. */
gboolean syn_aggregate_spec_equal_state (const SynAggregateSpec *a, const SynAggregateSpec *b);
void syn_aggregate_spec_clear (SynAggregateSpec *spec);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SynAggregateSpec, syn_aggregate_spec_clear)

G_END_DECLS
