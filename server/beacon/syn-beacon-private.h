/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-beacon.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-upstream-path.h"

/* The beacons of a lane from the inside: the set (who may wait, who is answered when: syn-beacon-set.c) and one beacon (what it
 * knows, when it asks the owner: syn-beacon.c). All on the lane's thread. */

G_BEGIN_DECLS

#define SYN_BEACON_HOLD_MS SYN_HOLD_DEFAULT_MS /* of its own polls */
#define SYN_BEACON_MARGIN_MS 5000              /* its deadline: so long after the hold */
#define SYN_BEACON_LIFE_MS (2 * SYN_BEACON_HOLD_MS)
#define SYN_BEACON_GUARD_MS 100    /* before it asks again, when the owner ended a hold early with nothing new */
#define SYN_BEACON_AHEAD_MS 100    /* how long a waiter that holds a newer snapshot than the beacon waits for it to come */
#define SYN_BEACON_REPOLL_MS 1000  /* a reader that let go of its waiter with an answer comes back within this, or not */
#define SYN_BEACON_MAX_ALIASES 16  /* spellings of one path that are known without parsing */
#define SYN_BEACON_SLICE 256       /* answers given before other parcels of the lane get their turn */

typedef struct _SynBase SynBase;

typedef enum {
  SYN_WAITER_IDLE,
  SYN_WAITER_PARKED,            /* in its beacon's list, the hold running */
  SYN_WAITER_DUE,               /* in its beacon's list, the hold over: answered at the owner's next word */
  SYN_WAITER_READY,             /* in the set's ready list: to be answered from what the beacon holds */
  SYN_WAITER_READY_ERROR,       /* …: with the beacon's error */
  SYN_WAITER_READY_OVERLOADED,  /* …: with the set's own refusals */
  SYN_WAITER_READY_UNAVAILABLE,
} SynWaiterState;

struct _SynBeaconSet {
  guint refs; /* the slot's, each beacon's, a posted parcel's */
  SynLane *lane;
  GHashTable *by_name; /* (owned): "type/path" → SynBeacon (a reference); those that live */
  GHashTable *by_raw;  /* (owned): a path as it was spelled → SynBeacon (no reference) */
  SynWaiter *ready;      /* being answered */
  SynWaiter *ready_next; /* answered after those */
  gboolean scheduled;    /* a parcel that will answer them is posted */
  gboolean drained;      /* no poll is taken any more */
  gboolean ended;        /* the lane is gone */
  guint n_initial, n_held;
  guint n_refused;       /* since: */
  gint64 refused_since_ms;
  guint max_initial, max_held, max_beacons; /* the limits; tests lower them */
  GRand *rand;           /* (owned) */
  GQueue bases;          /* of all beacons, the oldest first */
  guint64 base_bytes;    /* in them */
  guint64 max_base_bytes; /* SYN_MAX_LANE_BASE_BYTES */
  SynMetric beacons, waiting, asked, answered, cancelled, base_bytes_metric, bases_missing;
};

typedef enum {
  SYN_BEACON_QUIET,   /* no poll is out: what it holds may be old */
  SYN_BEACON_ASKING,  /* a poll with hold 0 is out: what it holds may be old */
  SYN_BEACON_HOLDING, /* a poll that follows an answer is out: what it holds is the newest */
} SynBeaconPoll;

struct _SynBeacon {
  SynBeaconSet *set; /* (owned) */
  guint refs;        /* the set's while it lives, one per waiter that remembers it, the poll's that is out */
  const char *type;  /* NULL: a path that nothing answers; then only @error matters */
  char *path;        /* (owned) (nullable): canonical: the grain's key; without a type: as it came */
  char *name;        /* (owned): "type/path" */
  GPtrArray *aliases; /* (owned) (nullable): keys of by_raw */
  gboolean alive;    /* in by_name */
  SynBeaconPoll poll;
  ReplicaSnapshot *snapshot; /* (owned) (nullable) */
  GError *error;     /* (owned) (nullable): of the last poll */
  SynBase *bases;    /* (owned): the newest first */
  guint n_bases;
  gsize base_bytes;
  gint64 base_asked_ms; /* when somebody last polled who takes deltas */
  SynUpstreamPath *upward; /* (owned) (nullable): where its owner is a silo beacon: how old what it holds is */
  SynWaiter *waiting;
  guint n_waiters;   /* in @waiting, and in the set's ready list */
  guint n_readers;   /* waiters that remember it: those, and the ones that are between two polls */
  gint64 used_ms;    /* when it was last polled, or a waiter was answered */
  gint64 asked_ms;
  gint64 released_ms; /* when a reader last let go of its waiter without having withdrawn */
  SynCallHandle call; /* of the poll that is out */
  SynTimer idle, guard, leave;
};

/* One beacon. */
SynBeacon *syn_beacon_new (SynBeaconSet *set, const char *type, char *path);
SynBeacon *syn_beacon_new_error (SynBeaconSet *set, char *raw, GError *error);
SynBeacon *syn_beacon_ref (SynBeacon *self);
void syn_beacon_unref (SynBeacon *self);
void syn_beacon_live (SynBeacon *self);
void syn_beacon_die (SynBeacon *self);
/* Links @waiter or makes it ready; asks the owner when it must. */
void syn_beacon_park (SynBeacon *self, SynWaiter *waiter, guint hold_ms);
/* A reader withdrew: takes the poll that is out back when no other is left, at once or when those that may come back have not. */
void syn_beacon_left (SynBeacon *self);
/* syn-beacon-bases.c: @snapshot (transfer full), which the beacon held until now, as a base of deltas, while readers take them. */
void syn_beacon_keep_base (SynBeacon *self, ReplicaSnapshot *snapshot);
void syn_beacon_drop_bases (SynBeacon *self);
/* What @waiter is told now. */
SynAnswer syn_beacon_answer (SynBeacon *self, SynWaiter *waiter, GError **error);

/* The set, for beacons. */
void syn_waiter_make_ready (SynWaiter *waiter, SynWaiterState state);
/* What it asks for is there by now: it is one that is held. */
void syn_waiter_count_as_held (SynWaiter *waiter);
SynBeaconSet *syn_beacon_set_ref (SynBeaconSet *self);
void syn_beacon_set_unref (SynBeaconSet *self);

static inline void
syn_waiter_link (SynWaiter *waiter, SynWaiter **head)
{
  waiter->next = *head;
  if (waiter->next != NULL)
    waiter->next->pprev = &waiter->next;
  waiter->pprev = head;
  *head = waiter;
}

static inline void
syn_waiter_unlink (SynWaiter *waiter)
{
  *waiter->pprev = waiter->next;
  if (waiter->next != NULL)
    waiter->next->pprev = waiter->pprev;
  waiter->next = NULL;
  waiter->pprev = NULL;
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynBeacon, syn_beacon_unref)

G_END_DECLS
