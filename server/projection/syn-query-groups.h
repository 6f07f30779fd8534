/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-query-input.h"

/* The groups of one query: which row is in which, and their aggregates. Kept from one evaluation to the next, so that only groups that a
 * changed row left or joined are computed anew. Belongs to the query's lane. */

G_BEGIN_DECLS

typedef struct _SynQueryGroups SynQueryGroups;

SynQueryGroups *syn_query_groups_new (const SynQuery *query);
void syn_query_groups_free (SynQueryGroups *self);
/* From all rows. FALSE: TOO_LARGE; then it is of no use any more. */
gboolean syn_query_groups_fill (SynQueryGroups *self, SynQueryInput *input, GError **error);
/* From the rows that changed (@changed: bits of them; of rows whose where, keys and arguments are the same as before none need be
 * set) and those that are gone. Only after a fill. */
gboolean syn_query_groups_update (SynQueryGroups *self, SynQueryInput *input, const guint8 *changed, GError **error);
guint syn_query_groups_get_n (const SynQueryGroups *self);
const guint32 *syn_query_groups_get_first (const SynQueryGroups *self); /* per group: its first row */
/* What they are grouped by and their aggregates, as the columns of the query's work schema; until the next change. */
void syn_query_groups_lend (SynQueryGroups *self, SynScratch *scratch, ReplicaColumn *columns);
gsize syn_query_groups_get_bytes (const SynQueryGroups *self); /* about: without the text of their keys */
/* Groups whose aggregates were computed since it was made, for tests. */
guint64 syn_query_groups_get_n_computed (const SynQueryGroups *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynQueryGroups, syn_query_groups_free)

G_END_DECLS
