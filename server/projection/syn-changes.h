/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

/* Which rows of a snapshot differ from another of the same projection, column by column and by position: row positions are stable from
 * one snapshot to the next, so that a row that moved into another's place is a change of that place. Computed once for a pair
 * of snapshots, and shared by all queries of the lane that ask. Belongs to its lane; immutable. */

G_BEGIN_DECLS

typedef struct _SynChanges SynChanges;

/* NULL: they have other columns (a projection's never change within a silo's life; snapshots from elsewhere may). */
SynChanges *syn_changes_get (ReplicaSnapshot *before, ReplicaSnapshot *after);
void syn_changes_unref (SynChanges *self);
/* Bit `row` is set where the value of @column differs, and for the rows that @before has not; NULL: for no row. */
const guint8 *syn_changes_get_column (const SynChanges *self, guint column);
guint syn_changes_get_n_computed (void); /* by this lane so far; for tests */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynChanges, syn_changes_unref)

G_END_DECLS
