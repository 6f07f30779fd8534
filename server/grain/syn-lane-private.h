/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain-private.h"
#include "syn-lane.h"
#include "syn-load.h"
#include "syn-metrics.h"

/* The inside of a lane, for server/grain/ and for tests that inject a clock. */

G_BEGIN_DECLS

/* Bounds of one dispatch, so that a lane's other sources (its connections) get their turn. Sorting a message into a
 * mailbox costs one unit of the parcels' budget, any other parcel SYN_LANE_PARCEL_COST: it may run anything. As
 * more messages can be sorted than received in a dispatch, a flooded mailbox reaches its bound and says OVERLOADED,
 * instead of the flood waiting unseen in the lane's inbox. */
#define SYN_LANE_PARCEL_COST 8
#define SYN_LANE_PARCEL_BUDGET (1024 * SYN_LANE_PARCEL_COST)
#define SYN_LANE_TURN_BUDGET 1024

#define SYN_LANE_MAX_TYPES 32
#define SYN_CACHE_LINE 64

/* Fills in what is asked for (either may be NULL): monotonic and real time in µs. */
typedef void (*SynLaneClockFunc) (gint64 *monotonic_us, gint64 *real_us, gpointer user_data);

struct _SynLane {
  /* Written by other threads. */
  SynParcel *inbox;  /* atomic: newest first */
  gint sleeping;     /* atomic: somebody must wake the context after a post */
  gint n_messages;   /* atomic: calls posted here and not yet received: bounds the memory of all mailboxes */

  /* Written by the lane's thread only. */
  SynParcel *pending __attribute__ ((aligned (SYN_CACHE_LINE))); /* oldest first */
  SynParcel **pending_end;
  SynSilo *silo;
  guint index;
  gboolean quit;
  gboolean draining;         /* its grains are gone, and none is activated any more */
  gint n_received;           /* to be taken off n_messages at the end of this dispatch */
  gint parcel_budget;        /* what is left of this dispatch */
  SynWheel *wheel;           /* (owned) */
  gint64 now_ms;
  gint64 real_us;            /* 0: not asked for in this iteration */
  SynLoad load;
  SynMetric busy_us, cpu_us;
  SynLoadCpuFunc cpu_clock;
  gpointer cpu_clock_data;
  gint64 burnt_us;           /* by a stepped one: its CPU clock */
  SynLaneClockFunc clock;
  gpointer clock_data;
  GMainContext *context;     /* (owned) */
  GSource *source;           /* (owned) */
  GThread *thread;           /* (owned) (nullable): none for the front's, and when stepped */
  struct {
    gpointer data;
    GDestroyNotify destroy;
  } slots[SYN_LANE_N_SLOTS];

  SynParcel *spare_calls;    /* (owned): see syn-call.c */
  gint n_spare_calls;

  /* Grains: see syn-grain.c and syn-supervisor.c. */
  GHashTable *directory;     /* (owned): a set of SynGrain */
  GHashTable *supervised;    /* (owned): a set of SynSupervised */
  SynGrain *runnable;        /* a queue: those with messages to receive, or about to end */
  SynGrain **runnable_end;
  SynTurn turn;              /* whose it is */
  gint64 turn_end_us;        /* of the last one, when the next follows at once; 0: not known */
  guint n_active[SYN_LANE_MAX_TYPES]; /* atomic, relaxed: read by anyone */

  gint64 cells[SYN_METRICS_MAX] __attribute__ ((aligned (SYN_CACHE_LINE)));
};

/* @context: (transfer none) (nullable): one of its own. */
SynLane *syn_lane_new (SynSilo *silo, guint index, GMainContext *context);
gboolean syn_lane_start_thread (SynLane *self, GError **error);
/* On the lane's thread: runs what was posted and destroys the slots. */
void syn_lane_end (SynLane *self);
/* Runs what is in the mailbox now, without a budget; returns whether there was anything. For after the thread's end. */
gboolean syn_lane_run_rest (SynLane *self);
void syn_lane_free (SynLane *self);

/* Runs one parcel, or else (@turn: rather) one turn; FALSE: there is neither. For tests that choose the interleaving. */
gboolean syn_lane_run_one (SynLane *self, gboolean turn);
/* Fires what is due on the wheel. */
void syn_lane_run_timers (SynLane *self);

/* Makes @self the current lane of this thread (NULL: none); returns the one before. For a thread that runs several. */
SynLane *syn_lane_enter (SynLane *self);

/* Tests: must be called while nothing is armed, or with a clock that goes on from the one before. The CPU clock is given the lane. */
void syn_lane_set_clock (SynLane *self, SynLaneClockFunc clock, SynLoadCpuFunc cpu_clock, gpointer user_data);
/* When something of the wheel may be due; -1: nothing. On the lane's thread. */
gint64 syn_lane_next_due_ms (SynLane *self);
/* From within a parcel that did the work of @n of them: taken off this dispatch's budget. */
void syn_lane_charge (SynLane *self, guint n);
/* It begins to run, or to sleep. Its own poll() tells it; and who steps it, for whom the time between two steps is nobody's. */
void syn_lane_set_awake (SynLane *self, gboolean is_awake);
/* Something waits to be run, apart from timers. Any thread, when stepped; else the lane's. */
gboolean syn_lane_has_work (SynLane *self);

/* Now, not as of the start of the iteration. */
static inline gint64
syn_lane_look_at_clock_us (SynLane *self)
{
  gint64 us;

  self->clock (&us, NULL, self->clock_data);
  return us;
}

G_END_DECLS
