/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"
#include "syn-query.h"

/* The answers to a query, one after another as its projections change. What an evaluation finds out (which rows are kept and in which
 * order, who is joined to whom, the groups) is kept for the next, which then looks at the rows that changed only. The answer is
 * always the one that a fresh evaluation would give. Belongs to one thread at a time. */

G_BEGIN_DECLS

typedef struct _SynQueryRun SynQueryRun;

typedef struct {
  guint64 full;        /* evaluations from all rows */
  guint64 incremental; /* from those that changed */
  guint64 unchanged;   /* of the latter: without looking at a row */
} SynQueryCounts;

SynQueryRun *syn_query_run_new (const SynQuery *query); /* @query must outlive it */
void syn_query_run_free (SynQueryRun *self);
/* Forgets what it knows, and lets go of the snapshots: the next evaluation is from all rows. */
void syn_query_run_reset (SynQueryRun *self);
/* @bases: snapshots of @query's bases, in their order; kept until the next. @previous: (nullable) the answer before, of which another
 * reference is returned when nothing that it shows changed. The answer's path is the canonical one; its frontier has for each source
 * the least sequence of the bases that it feeds: up to there everything is included. Errors: INTERNAL (a base has other columns),
 * TOO_LARGE; then it is reset. */
ReplicaSnapshot *syn_query_run_evaluate (SynQueryRun *self, ReplicaSnapshot *const *bases, ReplicaToken token, gint64 time_us,
                                         ReplicaSnapshot *previous, GError **error);
SynQueryCounts syn_query_run_get_counts (const SynQueryRun *self);
/* About, of what is kept for the next evaluation, but for the projections' snapshots, which it only shares. */
gsize syn_query_run_get_bytes (const SynQueryRun *self);

/* The same once, from all rows. */
ReplicaSnapshot *syn_query_evaluate (const SynQuery *query, ReplicaSnapshot *const *bases, ReplicaToken token, gint64 time_us,
                                     GError **error);
/* Whether both show the same: all but token, time and frontier. */
gboolean syn_query_same_answer (ReplicaSnapshot *a, ReplicaSnapshot *b);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynQueryRun, syn_query_run_free)

G_END_DECLS
