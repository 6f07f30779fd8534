/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-swarm.h"

/* One thread of a swarm, with its share of the views and connections: views T, T + N, T + 2N … of N threads, over the
 * connections that are dealt out likewise. */

G_BEGIN_DECLS

typedef struct _CtlFlock CtlFlock;

/* @config outlives it. */
CtlFlock *ctl_flock_new (const CtlSwarmConfig *config, guint number, GError **error);
void ctl_flock_free (CtlFlock *self); /* ended, or never started */
/* @at_us: when (monotonic) the first view of the swarm is due. */
void ctl_flock_start (CtlFlock *self, gint64 at_us);
void ctl_flock_storm (CtlFlock *self, gint64 at_us);
void ctl_flock_halt (CtlFlock *self);
void ctl_flock_end (CtlFlock *self);
void ctl_flock_reset (CtlFlock *self);

/* A snapshot that all views of a flock had, and how long after it was made. */
typedef struct
{
  gint64 made_us, taken_us;
} CtlFlockSpread;

/* Adds what it has to @reading, and CtlFlockSpreads to @spreads. */
void ctl_flock_read (CtlFlock *self, CtlSwarmReading *reading, GArray *spreads);

G_END_DECLS
