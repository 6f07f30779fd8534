/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-table.h"

G_BEGIN_DECLS

/* What the table does on each snapshot of its view. */
void replica_table_set_snapshot (ReplicaTable *self, ReplicaSnapshot *snapshot);

G_END_DECLS
