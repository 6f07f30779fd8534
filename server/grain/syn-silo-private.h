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

struct _SynSilo {
  guint n_lanes;
  SynLane **lanes;        /* (owned): n_lanes of them */
  SynLane *front;         /* (owned) (nullable): from the start on */
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
  SynSiloHooks hooks;     /* not changed after the start */

  gint draining;          /* atomic: no call is taken any more */
  gboolean drained;
  guint drain_round, drain_acks;
  guint n_flushing;       /* lanes that wait for the store */
  void (*drain_done) (gpointer user_data);
  gpointer drain_data;

  gboolean stepped;
  gint64 stepped_us;      /* monotonic */
};

/* NULL when there is no such type. */
const SynGrainKind *syn_silo_find_kind (SynSilo *self, const char *type);
SynLane *syn_silo_lane_of (SynSilo *self, guint64 hash);
guint64 syn_silo_take_epoch (SynSilo *self);
void syn_silo_set_hooks (SynSilo *self, const SynSiloHooks *hooks); /* before the start */
void syn_silo_flushed (SynSilo *self);
/* What other rooms keep per silo, under a static name: set before the start, read by any thread after it. */
void syn_silo_set_data (SynSilo *self, const char *name, gpointer data, GDestroyNotify destroy);
gpointer syn_silo_get_data (SynSilo *self, const char *name);

G_END_DECLS
