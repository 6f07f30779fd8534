/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-suggest.h"
#include "synoptic-aggregate.h"

/* The names of aggregates: the one list of them, for whoever compiles expressions. Those of the server, and the classes that were registered
 * before the first catalog was loaded; from then on immutable, any thread. */

G_BEGIN_DECLS

typedef enum {
  SYN_AGGREGATE_FIRST, SYN_AGGREGATE_LAST, SYN_AGGREGATE_MIN, SYN_AGGREGATE_MAX, SYN_AGGREGATE_ANY, SYN_AGGREGATE_ALL,
  SYN_AGGREGATE_SUM, SYN_AGGREGATE_COUNT, SYN_AGGREGATE_MEAN, SYN_AGGREGATE_STDDEV, SYN_AGGREGATE_VARIANCE, SYN_AGGREGATE_VWAP,
  SYN_AGGREGATE_RATE, SYN_AGGREGATE_EWMA, SYN_AGGREGATE_DISTINCT,
  SYN_AGGREGATE_CUSTOM, /* of a registered class */
} SynAggregateKind;

/* FALSE: there is none of this name. @kind, @klass: (nullable); *@klass is NULL but for SYN_AGGREGATE_CUSTOM. */
gboolean syn_aggregate_name_find (const char *name, SynAggregateKind *kind, const SynAggregateClass **klass);
/* The name of a kind, or of the class. */
const char *syn_aggregate_name_get (SynAggregateKind kind, const SynAggregateClass *klass);
/* Adds all names to @suggest. */
void syn_aggregate_name_suggest (SynSuggest *suggest);

G_END_DECLS
