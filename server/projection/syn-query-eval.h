/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"
#include "syn-query.h"

/* The answer to a query over one snapshot of its projection. */

G_BEGIN_DECLS

/* @base: a snapshot of @query->base. The answer's path is the canonical one, its frontier that of @base. Errors: INTERNAL (@base
 * has other columns), TOO_LARGE. */
ReplicaSnapshot *syn_query_evaluate (const SynQuery *query, ReplicaSnapshot *base, ReplicaToken token, gint64 time_us,
                                     GError **error);
/* Whether both show the same: all but token, time and frontier. */
gboolean syn_query_same_answer (ReplicaSnapshot *a, ReplicaSnapshot *b);

G_END_DECLS
