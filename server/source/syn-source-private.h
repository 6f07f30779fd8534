/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-source.h"
#include "syn-event-batch-private.h"
#include "syn-producers.h"

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

/* Of a durable source some feeds may have to be given again what they lack; all others are live. */
typedef enum
{
  SYN_FEED_LIVE,     /* gets what is new */
  SYN_FEED_BEHIND,   /* lacks something, and is to be asked how far it is */
  SYN_FEED_ASKED,    /* is being asked */
  SYN_FEED_TOLD,     /* has said: waits for a pass over the journal */
  SYN_FEED_REPLAYED, /* gets what the pass comes to */
} SynFeedState;

/* A grain that a source's batches go to. */
typedef struct
{
  const char *type; /* static */
  const char *key;  /* the catalog's */
  SynFeedState state;
  gboolean has_told;     /* since the source's activation, how far it is */
  guint64 progress;      /* sequence of the last event that was sent to it, or that it says it has */
  guint n_out;           /* batches that it has not acknowledged */
  guint n_replayed_out;  /* of those, replayed ones */
  SynMessageList asking; /* that it be given what it lacks */
} SynFeed;

typedef struct _SynDurable SynDurable;

typedef struct _SynFlight SynFlight;

/* Something that a feed is asked, or a batch for it. */
typedef struct
{
  SynSource *source;
  SynFlight *flight; /* (nullable): of a batch */
  guint feed;
  gboolean replayed;
} SynFeedCall;

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
  SynProducers *producers; /* (owned) */
  SynDurable *durable;     /* (owned) (nullable) */
};

/* Gives the events their sequence and sends them to the projections. Takes @batch. */
void syn_source_deliver (SynSource *self, SynEventBatch *batch);
/* Says why it does not go on, in the status and once in the log; NULL: it does. Takes @error. */
void syn_source_set_error (SynSource *self, char *error);

void syn_source_unref (SynSource *self);
/* To who published: as he wants it. Takes both. */
void syn_source_answer (SynMessage *message, SynPublished *published);
/* Sends a batch that has its sequence to the feeds in @state that lack it. Takes @batch. */
void syn_source_hand_out (SynSource *self, SynEventBatch *batch, SynFeedState state);
void syn_source_count (SynSource *self, SynEventBatch *batch); /* in the metrics: it is accepted */

/* ---- the durable part: syn-source-durable.c ---- */

void syn_source_durable_register_metrics (void);
gboolean syn_source_durable_start (SynSource *self, GError **error);
void syn_source_durable_stop (SynSource *self); /* the activation ends */
void syn_source_durable_free (SynDurable *durable);
/* Whether it knows its producers: before, nothing can be said of a numbered request. */
gboolean syn_source_durable_is_scanned (SynSource *self);
/* Whether something can be published now; else UNAVAILABLE or OVERLOADED, saying why. */
gboolean syn_source_durable_is_open (SynSource *self, GError **error);
/* Writes a batch to the journal and answers @message when it is there, or is not. Takes both. */
void syn_source_durable_publish (SynSource *self, SynEventBatch *batch, SynMessage *message);
/* @message is the same request as one that is on its way: it gets the same answer. */
void syn_source_durable_wait (SynSource *self, const char *producer, guint64 number, SynMessage *message);
/* A batch of @feed was acknowledged, or failed. */
void syn_source_durable_feed_done (SynSource *self, SynFeed *feed, gboolean failed);
void syn_source_durable_go_on (SynSource *self); /* there is room for more batches */
/* Takes @message. */
void syn_source_durable_replay (SynSource *self, SynMessage *message);
void syn_source_durable_get_status (SynSource *self, SynSourceStatus *status);

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
