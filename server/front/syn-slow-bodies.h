/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"

/* The bodies of one lane's answers that are on their way to peers who do not take them at once: how much memory they keep, and whom to close
 * when that is too much. On the lane's thread. */

G_BEGIN_DECLS

typedef struct _SynSlowBodies SynSlowBodies;
typedef struct _SynSlowHold SynSlowHold;

/* Closes who holds. It may release the hold, or leave that for later. */
typedef void (*SynSlowClose) (gpointer owner);

/* One answer's; part of what the connection keeps of it, all zero before. */
struct _SynSlowHold
{
  SynSlowHold *next, **pprev; /* (nullable): in the order in which they began */
  GBytes *body;               /* (owned) (nullable) */
  SynSlowClose close;
  gpointer owner;
};

SynSlowBodies *syn_slow_bodies_for_lane (SynLane *lane); /* made on first use, and the lane's */
void syn_slow_bodies_set_max (SynSlowBodies *self, gsize max_bytes); /* SYN_MAX_SLOW_BYTES; tests make it small */
gsize syn_slow_bodies_get_bytes (SynSlowBodies *self);

/* @body: (nullable): nothing is held. When all bodies, each counted once, are more than the maximum, those who hold for longest are closed, soon, and
 * not from within this. */
void syn_slow_hold (SynSlowBodies *self, SynSlowHold *hold, GBytes *body, SynSlowClose close, gpointer owner);
void syn_slow_release (SynSlowBodies *self, SynSlowHold *hold); /* also of what is not held */

void syn_slow_bodies_register_metrics (void);

G_END_DECLS
