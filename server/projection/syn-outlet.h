/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "synoptic-poll.h"

/* What every grain that owns snapshots does with polls: the newest snapshot and its token, the cap, and the parked polls. */

G_BEGIN_DECLS

typedef struct _SynOutlet SynOutlet;

/* Makes the snapshot of what the owner's state is now: with this @token and time, or, when it would show nothing new,
 * another reference to @previous (nullable). NULL sets @error. */
typedef ReplicaSnapshot *(*SynOutletMakeFunc) (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous,
                                               GError **error);

/* @min_interval_ms: the cap; 0: none. @max_parked: SYN_MAX_PARKED_POLLS. */
SynOutlet *syn_outlet_new (SynGrain *grain, guint min_interval_ms, guint max_parked, SynOutletMakeFunc make, gpointer owner);
/* Fails what is parked (UNAVAILABLE). Call it while the owner is still whole. */
void syn_outlet_free (SynOutlet *self);
/* The owner's state changed. Makes a snapshot at once when somebody waits and the cap allows, or when it will; otherwise when
 * somebody asks. */
void syn_outlet_mark_dirty (SynOutlet *self);
/* The cap allows a snapshot now. */
gboolean syn_outlet_may_make (SynOutlet *self);
/* Takes a message of SYN_POLL_METHOD with payload SynPoll: answers it now or parks it. */
void syn_outlet_poll (SynOutlet *self, SynMessage *message);
/* Of a poll whose caller has gone (SynGrainType.cancelled): takes it out, when it is parked here; else FALSE. */
gboolean syn_outlet_cancel (SynOutlet *self, SynMessage *message);
void syn_outlet_fail_parked (SynOutlet *self, const GError *error);
guint syn_outlet_get_n_parked (SynOutlet *self);

/* The answer to a poll for which there is no room; also for owners that keep polls back before they hand them over. */
void syn_outlet_refuse (SynOutlet *self, SynMessage *message);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynOutlet, syn_outlet_free)

G_END_DECLS
