/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"

/* The check of a snapshot's bytes, for who has to say where they are wrong. Internal to the repository. Any thread. */

G_BEGIN_DECLS

typedef struct
{
  char column[129]; /* the name of the column that is wrong, cut to this length; "": not known, or it is in no column */
  guint64 row;      /* its row, from 1; 0: not known */
} ReplicaSnapshotFault;

/* As replica_snapshot_new_from_bytes(), and says where the error is. */
ReplicaSnapshot *replica_snapshot_new_checked (GBytes *bytes, ReplicaSnapshotFault *fault, GError **error);

G_END_DECLS
