/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"
#include "syn-lane-private.h"
#include "syn-grain-private.h"
#include "syn-data-dir.h"
#include "syn-store.h"

/* The inside of a silo, for server/grain/. */

G_BEGIN_DECLS

typedef struct {
  guint kind;
  char *key;
} SynKept;

/* What the keeper of grains' state hangs on. */
typedef struct {
  /* On the grain's lane, after it was deactivated, when it has records. (nullable) */
  void (*ended) (SynGrain *grain);
  /* On the front lane, when all grains have ended and all their messages were answered: the silo is drained when
   * syn_silo_flushed() has been called, there. (nullable) */
  void (*flush) (SynSilo *silo);
} SynSiloHooks;

typedef struct {
  SynFilter filter;
  gpointer user_data;
} SynSiloFilter;

struct _SynSilo {
  guint n_lanes;
  SynLane **lanes;        /* (owned): n_lanes of them */
  SynLane *front;         /* (owned) (nullable): from the start on */
  SynLane *lane_of[SYN_N_PARTITIONS]; /* what the placement says */
  guint next_worker;      /* the front lane's: where its next stateless worker is */
  gint max_lane_messages; /* SYN_MAX_LANE_MESSAGES; tests lower it */
  SynDataDir *data_dir;   /* (owned) (nullable) */
  SynStore *store;        /* (owned): from the start on */
  guint32 incarnation;
  guint64 next_epoch;     /* atomic */
  gint64 started_us;
  guint n_kinds;
  SynGrainKind kinds[SYN_LANE_MAX_TYPES]; /* not changed after the start */
  GArray *kept;           /* (owned): of SynKept */
  GHashTable *data;       /* (owned): other rooms', by name; not changed after the start */
  gboolean started;
  SynSiloHooks hooks;     /* not changed after the start; the filters neither */
  guint n_filters;
  SynSiloFilter filters[SYN_MAX_FILTERS];
  gboolean times_requests, times_turns; /* some filter wants to know */

  gint draining;          /* atomic: no call is taken any more */
  gboolean drained;
  guint drain_round, drain_acks;
  guint max_reminders;    /* SYN_MAX_REMINDERS; tests lower it */
  guint n_flushing;       /* lanes that wait for the store */
  void (*drain_done) (gpointer user_data);
  gpointer drain_data;

  gboolean stepped;
  gint64 stepped_us;      /* monotonic */
  gboolean seeded;
  guint64 random;         /* seeded: the state of the generator that chooses steps, */
  SynLane *favoured;      /* (nullable): and the lane it has chosen */
  guint n_favoured;       /* for how many steps more */
};

/* NULL when there is no such type. */
const SynGrainKind *syn_silo_find_kind (SynSilo *self, const char *type);
SynLane *syn_silo_lane_of (SynSilo *self, guint partition);
/* Where the stateless workers are that @from calls. On @from. */
SynLane *syn_silo_worker_lane (SynSilo *self, SynLane *from);
/* Of a stepped silo: its clocks, and one round of all lanes; whether any had something to do. */
void syn_silo_stepped_clock (gint64 *monotonic_us, gint64 *real_us, gpointer user_data);
gint64 syn_silo_stepped_cpu_us (gpointer lane);
gboolean syn_silo_step_all (SynSilo *self);
guint64 syn_silo_take_epoch (SynSilo *self);
void syn_silo_set_hooks (SynSilo *self, const SynSiloHooks *hooks); /* before the start */
void syn_silo_flushed (SynSilo *self);
/* What other rooms keep per silo, under a static name: set before the start, read by any thread after it. */
void syn_silo_set_data (SynSilo *self, const char *name, gpointer data, GDestroyNotify destroy);
gpointer syn_silo_get_data (SynSilo *self, const char *name);
/* The same for what has threads of its own that answer to lanes. @close: when the lanes have ended: answers all that they asked; what it posts to
 * them is run after it. */
void syn_silo_set_engine (SynSilo *self, const char *name, gpointer data, void (*close) (gpointer data), GDestroyNotify destroy);

G_END_DECLS
