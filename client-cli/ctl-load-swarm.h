/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-crowd.h"
#include "ctl-load-histogram.h"
#include "ctl-load-reader.h"

/* The clients of a load test: views that poll reactively, each as soon as it knows the token of its answer, over connections that
 * are shared by some of them or not, in a few threads. Its functions are for one thread, the caller's; the swarm's own
 * threads keep the counts, and a reading is a copy. */

G_BEGIN_DECLS

typedef enum
{
  CTL_SWARM_CONNECT,     /* no connection */
  CTL_SWARM_UPGRADE,     /* no WebSocket */
  CTL_SWARM_CLOSED,      /* ended by the server, or on the way */
  CTL_SWARM_PROTOCOL,    /* what came is not what the protocol says */
  CTL_SWARM_TIMEOUT,     /* nothing came within the hold and 5 s */
  CTL_SWARM_OVERLOADED,  /* told to ask again later, which it does */
  CTL_SWARM_UNAVAILABLE, /* likewise */
  CTL_SWARM_REFUSED,     /* the question is wrong, or the server failed at it: given up */
  CTL_SWARM_N_ERRORS
} CtlSwarmError;

const char *ctl_swarm_error_to_string (CtlSwarmError error);

typedef struct
{
  CtlLoadTransport transport;
  const char *host;
  guint16 port;
  const char *authority;
  gboolean is_tls;
  const char *ca_file; /* (nullable): of TLS: the authorities to trust, instead of the system's */
  /* As it stands in a URL; `{}` in it (also %7B%7D) is the view's number, from 1. */
  const char *path;
  const char *probe_path;
  guint n_views, n_connections, n_threads; /* at least as many views as connections, and connections as threads */
  double rate;                             /* views that begin a second */
  guint hold_ms;
  guint probes_per_s;   /* of all threads together; 0: none */
  gint64 clock_offset_us; /* the server's clock less ours */
} CtlSwarmConfig;

#define CTL_SWARM_MARGIN_MS 5000

/* Counts since the last reset; gauges as of now. */
typedef struct
{
  guint64 deliveries, unchanged, polls, received_bytes, snapshot_bytes;
  guint64 skipped; /* snapshots that somebody saw and others did not ask for in time */
  guint64 reconnects;
  guint64 errors[CTL_SWARM_N_ERRORS];
  char *messages[CTL_SWARM_N_ERRORS]; /* (owned) (nullable): of the first of each kind */
  guint connected, ready, given_up;   /* connections; views with a snapshot; views that ask no more */
  guint begun;                        /* views that are due */
  gint64 all_ready_us;                /* monotonic: when the last view got its first snapshot; 0: not all have one */
  CtlHistogram first, age, round_trip;
  /* How long a snapshot took, from when it was made until each view had it or a newer one: of those that came to all. */
  GArray *spreads_us; /* (owned) gint64 */
} CtlSwarmReading;

typedef struct _CtlSwarm CtlSwarm;

/* @config's texts outlive it. */
CtlSwarm *ctl_swarm_new (const CtlSwarmConfig *config, GError **error);
void ctl_swarm_free (CtlSwarm *self);
void ctl_swarm_start (CtlSwarm *self);
/* All connections end at once, as when a network goes, and all come back at once, with nothing in their hands. Returns when
 * (monotonic). */
gint64 ctl_swarm_storm (CtlSwarm *self);
void ctl_swarm_halt (CtlSwarm *self); /* views that are not due yet never are */
void ctl_swarm_end (CtlSwarm *self); /* closes all connections and joins the threads */
void ctl_swarm_reset (CtlSwarm *self);
void ctl_swarm_read (CtlSwarm *self, CtlSwarmReading *reading);
void ctl_swarm_reading_clear (CtlSwarmReading *reading);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlSwarm, ctl_swarm_free)
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (CtlSwarmReading, ctl_swarm_reading_clear)

G_END_DECLS
