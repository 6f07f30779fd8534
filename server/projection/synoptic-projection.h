/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot-builder.h"
#include "synoptic-grain.h"
#include "synoptic-poll.h"

/**
 * Snapshots from a grain of one's own, and snapshots of others.
 *
 * A grain that answers SYN_POLL_METHOD owns snapshots. What there is to do with polls (the newest snapshot and its token, the cap, parking,
 * holds, readers that go) is an *outlet's*: made in activate, freed in deactivate before anything else, handed every poll in receive, asked first in
 * cancelled. The type's interleave says SYN_ALWAYS of SYN_POLL_METHOD: parked polls stay open beside everything. So that a path leads to the grain:
 * syn_module_serve().
 *
 * All on the grain's lane.
 */

G_BEGIN_DECLS

/* ---- snapshots of one's own ---- */

typedef struct _SynOutlet SynOutlet;

/* Makes the snapshot of what the owner's state is now: with this @token and time (replica-snapshot-builder.h), or, when it would show
 * nothing new, another reference to @previous (nullable). NULL sets @error, which is told to those who wait; it is tried again when somebody asks. */
typedef ReplicaSnapshot *(*SynOutletMakeFunc) (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous,
                                               GError **error);

/* @min_interval_ms: the cap: at most one snapshot in so many ms; 0: none. @max_parked: polls that wait; above: OVERLOADED; 0:
 * SYN_MAX_PARKED_POLLS. @make is called from within the functions below, and by the cap's timer; it must not block. */
SYN_PUBLIC SynOutlet *syn_outlet_new (SynGrain *grain, guint min_interval_ms, guint max_parked, SynOutletMakeFunc make, gpointer owner);
/* Fails what is parked (UNAVAILABLE). Call it while the owner is still whole. */
SYN_PUBLIC void syn_outlet_free (SynOutlet *self);
/* The owner's state changed. Makes a snapshot at once when somebody waits and the cap allows, or when it will; otherwise when
 * somebody asks. */
SYN_PUBLIC void syn_outlet_mark_dirty (SynOutlet *self);
/* Takes a message of SYN_POLL_METHOD with payload SynPoll: answers it now or parks it. */
SYN_PUBLIC void syn_outlet_poll (SynOutlet *self, SynMessage *message);
/* Of a poll whose caller has gone (SynGrainType.cancelled): takes it out, when it is parked here; else FALSE. */
SYN_PUBLIC gboolean syn_outlet_cancel (SynOutlet *self, SynMessage *message);
SYN_PUBLIC void syn_outlet_fail_parked (SynOutlet *self, const GError *error);
SYN_PUBLIC guint syn_outlet_get_n_parked (SynOutlet *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynOutlet, syn_outlet_free)

/* ---- snapshots of others ---- */

/* Polls @path (a projection's, with a query or without, percent-encoded as in a URL) for the grain, not on behalf of a request. @reply's payload is a
 * ReplicaSnapshot (a reference of the callback's) whose token is not @token, or NULL: unchanged, the hold ended. As with any call of a grain, the
 * reply is a turn and does not come when the grain is gone. Poll again from it, with the new token, to follow: at most one poll of a path should be
 * out. @hold_ms: at most 30,000; 0 asks for what there is. Errors of the reply: as of any call; TIMEOUT some seconds after the hold. @handle: (nullable).
 * FALSE: there is no such path (NOT_FOUND, INVALID, TOO_LARGE); then nothing was asked. */
SYN_PUBLIC gboolean syn_grain_poll (SynGrain *from, const char *path, ReplicaToken token, guint hold_ms, SynReplyFunc reply,
                                    gpointer user_data, SynCallHandle *handle, GError **error);

G_END_DECLS
