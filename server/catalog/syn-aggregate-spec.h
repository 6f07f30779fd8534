/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-expr.h"

/* What an aggregate is asked to do: its kind, its arguments over some schema, and the type of its result. Made from a call in an
 * expression, by the catalog for the columns of a projection and by queries for what they group. */

G_BEGIN_DECLS

typedef enum {
  SYN_AGGREGATE_FIRST, SYN_AGGREGATE_LAST, SYN_AGGREGATE_MIN, SYN_AGGREGATE_MAX, SYN_AGGREGATE_SUM,
  SYN_AGGREGATE_COUNT, SYN_AGGREGATE_MEAN,
} SynAggregateKind;

#define SYN_AGGREGATE_MAX_ARGS 4

typedef struct {
  SynExpr *expr;       /* (owned) (nullable): in specs that a test made by hand */
  SynProgram *program; /* (owned) (nullable): @expr over the schema; NULL with it */
  ReplicaType type;
  guint8 scale;
} SynAggregateArg;

/* One aggregate over events: hidden state of a row. */
typedef struct {
  SynAggregateKind kind;
  guint n_args;          /* count() has none */
  SynAggregateArg args[SYN_AGGREGATE_MAX_ARGS];
  gint64 period_us;      /* of those that have a period; else 0 */
  ReplicaType type;      /* of the result */
  guint8 scale;
} SynAggregateSpec;

/* Fills @spec, which is overwritten, from @call, a call of an aggregate by name, its arguments over @schema. Errors: SYN_ERROR_INVALID,
 * "column 5: sum() takes numbers, found string"; then nothing is to be cleared. */
gboolean syn_aggregate_spec_init (SynAggregateSpec *spec, SynExpr *call, const SynSchema *schema, GError **error);
/* Whether it must be told the time (or other order) of each event. */
gboolean syn_aggregate_spec_needs_order (const SynAggregateSpec *spec);
void syn_aggregate_spec_clear (SynAggregateSpec *spec);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SynAggregateSpec, syn_aggregate_spec_clear)

G_END_DECLS
