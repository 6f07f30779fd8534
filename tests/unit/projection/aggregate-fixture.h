/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "projection-fixture.h"
#include "syn-aggregate.h"

/* Random events of one field of each type, and aggregates named by their calls over them. */

G_BEGIN_DECLS

#define TEST_MAX_TEXT (1 << 20)

/* b bool, i int64 (sometimes huge), n int64 (small), d double (eighths: their sums are exact), x double (any), m decimal(2), w decimal(2) of which some
 * need 128 bits, p decimal(4), s string, t timestamp, o int64 from 0 to 9; all with nulls. And each event's arrival. */
typedef struct {
  SynSchema *schema;
  TestColumn **columns;
  gint64 *arrivals_us; /* ascending */
  guint n;
} TestEvents;

TestEvents *test_events_new (GRand *rand, guint n);
void test_events_free (TestEvents *self);

/* Of `sum(i)` and so on over those fields. */
SynAggregateSpec test_aggregate_spec (const char *call);
SynAggregate *test_aggregate_new (const char *call);
/* Adds events @from to below @to; event e goes to row @rows[e]. Returns what was lost. */
guint test_aggregate_add (SynAggregate *aggregate, const char *call, const TestEvents *events, guint from, guint to, const guint32 *rows);
char *test_aggregate_results (SynAggregate *aggregate, guint n_rows);
/* The results of two are equal, doubles within @tolerance relative to the greater, or to 1. */
void test_aggregate_assert_equal (SynAggregate *a, SynAggregate *b, guint n_rows, double tolerance);

/* ---- a class such as a module registers: geomean(x), the geometric mean of what is above 0 ---- */
void test_register_geomean (void);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestEvents, test_events_free)

G_END_DECLS
