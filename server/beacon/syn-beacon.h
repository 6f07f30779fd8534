/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"
#include "synoptic-poll.h"

/* Lane beacons: the replica of a projection nearest to its readers. (At an edge its owner is a silo beacon: syn-silo-beacon.h.) All polls of one lane for one path hang on one beacon, which
 * holds the newest snapshot and has at most one poll of its own outstanding at the owner: a snapshot crosses to the lane
 * once however many wait. Born of the first poll, gone two holds after the last. */

G_BEGIN_DECLS

typedef struct _SynBeaconSet SynBeaconSet; /* the beacons of one lane */
typedef struct _SynBeacon SynBeacon;
typedef struct _SynWaiter SynWaiter;

typedef enum { SYN_ANSWER_SNAPSHOT, SYN_ANSWER_UNCHANGED, SYN_ANSWER_ERROR } SynAnswer;

/* On the lane. @snapshot (transfer none) for SNAPSHOT, and for UNCHANGED the token is the waiter's own. @retry_ms: 0, or when to ask
 * again (OVERLOADED, UNAVAILABLE). May poll again from within. Never called from within syn_beacon_set_poll(). */
typedef void (*SynWaiterFunc) (SynWaiter *waiter, SynAnswer answer, ReplicaSnapshot *snapshot, const GError *error, guint retry_ms);

/* A parked poll: embedded in whatever waits (a view of a connection, an HTTP request): at most 128 bytes. Zero it before first use. */
struct _SynWaiter {
  SynWaiter *next, **pprev; /* pprev: NULL when not waiting */
  SynBeacon *beacon;        /* where it waits, and where it waited last: kept so that the next poll needs no look-up */
  ReplicaToken token;
  SynTimer timer;
  SynWaiterFunc func;
  guint state : 8; /* the beacons' own */
  guint is_new : 1; /* likewise: counted among the polls that something must be made for */
  guint takes_deltas : 1; /* set before a poll: the beacon keeps bases for it */
};
G_STATIC_ASSERT (sizeof (SynWaiter) <= 128);

/* Resolves a path: see syn_projection_resolve(). Given by main.c, for the beacons know no projections. */
typedef gboolean (*SynResolveFunc) (const char *path, const char **type, char **canonical, gpointer user_data, GError **error);

/* One set per lane, in its slot; made on first use on the lane's thread. @resolve is set once for the silo before it starts. */
void syn_beacons_set_resolver (SynSilo *silo, SynResolveFunc resolve, gpointer user_data);
SynBeaconSet *syn_beacon_set_for_lane (SynLane *lane);
/* Parks @waiter for @path (NULL: the path of its poll before). An error in the path is answered like any error. The answer comes
 * later, always exactly once, unless cancelled. */
void syn_beacon_set_poll (SynBeaconSet *self, SynWaiter *waiter, const char *path, ReplicaToken token, guint hold_ms, SynWaiterFunc func);
/* For an answer with a snapshot, from within its function: the one that the poll named, when it is still there. (transfer none) (nullable) */
ReplicaSnapshot *syn_waiter_get_base (SynWaiter *waiter);
/* From within its SynWaiterFunc: how long ago it was known that the answer is the newest there is; 0, but at an edge. */
guint syn_waiter_get_age_ms (SynWaiter *waiter);
/* The token of the newest snapshot that this lane has of what @waiter asked for last. FALSE: it has none. */
gboolean syn_waiter_get_newest (const SynWaiter *waiter, ReplicaToken *token);
/* The newest snapshot that is held for @path in this spelling (transfer none) (nullable), which may be old: asks nobody. */
ReplicaSnapshot *syn_beacon_set_peek (SynBeaconSet *self, const char *path);
/* Its hold is over: it is answered as soon as it is known what with, as a poll without a hold. Also when not waiting. */
void syn_waiter_end_hold (SynWaiter *waiter);
void syn_waiter_cancel (SynWaiter *waiter);  /* the answer will not come; also when not waiting */
/* Cancel, and let go of the beacon: before the waiter's memory goes. Its reader may well come back with another waiter. */
void syn_waiter_forget (SynWaiter *waiter);
/* The same, but its reader has gone: when no other is left, the beacon takes its own poll back, so that nobody makes a
 * snapshot for nobody. */
void syn_waiter_withdraw (SynWaiter *waiter);
/* Answers every waiter (UNAVAILABLE) and lets go of all: when the lane drains. */
void syn_beacon_set_drain (SynBeaconSet *self);
/* For /v1/status: counts over all lanes; any thread. */
typedef struct { guint beacons; guint waiting; } SynBeaconStatus;
void syn_beacons_get_status (SynSilo *silo, SynBeaconStatus *status);

/* A question, over all lanes. */
typedef struct {
  char *path;
  guint n_readers; /* that hang on it: waiting, or between two polls */
  guint n_waiting;
  guint n_lanes;   /* with a beacon of it */
} SynBeaconEntry;
/* On the front lane. @entries (element-type SynBeaconEntry) (transfer none): those with the most readers first. @n_more: beacons that are not
 * among them. */
typedef void (*SynBeaconsFunc) (GPtrArray *entries, guint64 n_more, gpointer user_data);
void syn_beacons_list (SynSilo *silo, const char *type, guint max_entries, SynBeaconsFunc func, gpointer user_data);

G_END_DECLS
