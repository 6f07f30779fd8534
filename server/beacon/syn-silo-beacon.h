/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-upstream-path.h"

/* The silo beacon: the replica of one path on an edge, that the lane beacons poll as they poll a projection: a grain "silo-beacon/PATH", born of the first
 * poll, gone two holds after the last, followed upstream while somebody waits. A silo that owns its projections has none: each lane's
 * beacon polls the owner directly, so a snapshot crosses to each lane once already, and the owner is what a silo beacon would be. */

G_BEGIN_DECLS

#define SYN_SILO_BEACON_GRAIN "silo-beacon"
#define SYN_SILO_BEACON_LEAVE_MS 2000    /* without a poll for so long it is followed no more */
#define SYN_SILO_BEACON_PATIENCE_MS 3000 /* a poll with hold 0 waits for the upstream's word at most so long */

typedef struct _SynSiloBeacon SynSiloBeacon;

/* Before the silo starts; @paths outlives it. */
void syn_silo_beacons_register (SynSilo *silo, SynUpstreamPaths *paths);
/* Of an edge: NULL: @silo is none. */
SynUpstreamPaths *syn_silo_beacons_get_paths (SynSilo *silo);
/* On its lane: what came from upstream. @upward stays the caller's. */
void syn_silo_beacon_told (SynSiloBeacon *self, const SynUpward *upward);

G_END_DECLS
