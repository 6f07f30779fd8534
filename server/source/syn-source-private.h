/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-source.h"
#include "syn-event-batch-private.h"

/* What the grain (syn-source.c) and the kinds of sources share. All on the grain's lane, but for the worker
 * and the port, through which the threads of file and host sources hand over what they made. */

G_BEGIN_DECLS

typedef struct _SynSource SynSource;

typedef struct
{
  gpointer (*start) (SynSource *source);            /* (nullable) */
  void (*stop) (SynSource *source, gpointer state); /* frees @state */
  void (*acknowledged) (SynSource *source,
                        gpointer state); /* (nullable): a batch has been applied everywhere: there is room */
} SynSourceClass;

extern const SynSourceClass syn_source_file_class, syn_source_simulator_class, syn_source_host_class;

/* A grain that a source's batches go to. */
typedef struct
{
  const char *type; /* static */
  const char *key;  /* the catalog's */
} SynFeed;

struct _SynSource
{
  guint ref_count; /* the activation's, and one for each batch in flight */
  SynGrain *grain; /* valid until closed */
  SynLane *lane;
  SynCatalog *catalog; /* (owned) */
  const SynSourceSpec *spec;
  SynFeed *feeds; /* (owned): projections made from this source, or what conflates its events for them */
  guint n_feeds;
  gboolean closed;
  SynEventBuilder *builder; /* (owned) */
  guint64 epoch;    /* of its numbering, which begins anew with each activation */
  guint64 sequence;
  guint in_flight;
  guint64 n_apply_errors;
  guint64 n_apply_errors_said;
  gint64 warned_ms;
  gboolean exhausted;         /* no more will come */
  char *error;                /* (owned) (nullable) */
  const SynSourceClass *kind; /* (nullable): http has none */
  gpointer state;
};

/* Gives the events their sequence and sends them to the projections. Takes @batch. */
void syn_source_deliver (SynSource *self, SynEventBatch *batch);
/* Says why it does not go on, in the status and once in the log; NULL: it does. Takes @error. */
void syn_source_set_error (SynSource *self, char *error);

/* ---- threads ---- */

/* Where a thread leaves parcels for a grain that may be gone by then: closed, it takes none. */
typedef struct _SynPort SynPort;
SynPort *syn_port_new (SynLane *lane, gpointer owner);
void syn_port_unref (SynPort *self);
void syn_port_close (SynPort *self);         /* on the lane */
gpointer syn_port_get_owner (SynPort *self); /* on the lane: NULL when closed */
gboolean syn_port_is_closed (SynPort *self); /* any thread; may change at once */
gboolean syn_port_post (SynPort *self,
                        SynParcel *parcel); /* any thread; FALSE: closed, @parcel is the caller's */

/* Threads for leaf work that blocks: at most SYN_MAX_FILE_THREADS read files, one samples the host. */
typedef enum
{
  SYN_WORKER_FILE,
  SYN_WORKER_HOST,
  SYN_N_WORKERS
} SynWorker;
void syn_worker_push (SynWorker worker, void (*run) (gpointer data), gpointer data);
/* Tests: returns when nothing is running or queued. */
void syn_worker_wait_idle (SynWorker worker);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynPort, syn_port_unref)

G_END_DECLS
