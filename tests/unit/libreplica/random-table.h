/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "test-snapshot-fixture.h"

/* A table that changes at random, as no projection does: cells, nulls, rows added, removed and swapped, dictionaries that grow and are begun
 * anew, decimals that come to need 16 bytes. By seed. */

G_BEGIN_DECLS

typedef struct _RandomTable RandomTable;

RandomTable *random_table_new (guint32 seed, guint n_rows, guint n_columns);
void random_table_free (RandomTable *self);
/* Changes about @share of the rows, and now and then how many there are and in which order. */
void random_table_change (RandomTable *self, double share);
/* The same table, of which only single cells change. */
void random_table_change_cells (RandomTable *self, double share);
/* (transfer full): the next serial each time */
ReplicaSnapshot *random_table_get_snapshot (RandomTable *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RandomTable, random_table_free)

G_END_DECLS
