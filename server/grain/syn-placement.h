/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "synoptic-grain.h"

/* Where grains live: which lane has a partition. A grain's partition is hash(type/key) mod SYN_N_PARTITIONS, the same for ever, in every
 * process; only where a partition lives is policy, chosen when the silo is made. Callers name grains, never places. */

G_BEGIN_DECLS

typedef struct {
  /* Asked once per partition, when the silo is made: the lane, below @n_lanes. On the thread that makes the silo. */
  guint (*lane_of) (guint partition, guint n_lanes, gpointer user_data);
  gpointer user_data;
} SynPlacement;

/* All of them here: partition mod lanes. */
extern const SynPlacement syn_placement_local;

G_END_DECLS
