/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-link.h"
#include "syn-silo.h"

/* What makes a silo an edge: another silo, its upstream, that it serves everything of. One link for all of the edge, on a thread of its own that is no lane and
 * serves nobody; a snapshot comes over it once, goes to its silo beacon as an immutable object, and from there to each lane. Questions of HTTP (lists) and
 * publications are passed on beside it. */

G_BEGIN_DECLS

typedef struct _SynUpstream SynUpstream;

/* Before @silo starts: registers the silo beacons, resolves paths, and is kept by the silo, whose chain (syn-chain.h) is installed. It connects from
 * syn_upstream_start() on, reconnects by itself, and ends with the silo. @ca_file (nullable): the authorities to trust over https://, instead of the
 * system's; read once. NULL: INVALID: @uri is no URL of a silo, or @ca_file has no certificates. */
SynUpstream *syn_upstream_new (SynSilo *silo, const char *uri, const char *ca_file, GError **error);
void syn_upstream_start (SynUpstream *self); /* after the silo has started */
SynUpstream *syn_upstream_get (SynSilo *silo); /* (nullable): NULL: it is no edge. Any thread */
const char *syn_upstream_get_uri (SynUpstream *self);

typedef struct {
  ReplicaLinkState state;
  char *error;              /* (owned) (nullable): why it is not online */
  gint64 since_ms;          /* since when it is online, or is not, by the lanes' clock */
  gint64 heard_ms;          /* up to when it is known what was the newest; -1: never */
  gint64 rtt_us;            /* -1: unknown */
  double goodput;           /* bytes/s; 0: unknown */
  guint64 received_bytes;   /* of messages of the link */
  guint64 n_connections;    /* how often it went online */
  guint n_paths;            /* followed, or kept for a while */
  char **above;             /* (owned) (nullable): the ids of the silos above, the nearest first */
} SynUpstreamStatus;
void syn_upstream_get_status (SynUpstream *self, SynUpstreamStatus *status); /* any thread */
void syn_upstream_status_clear (SynUpstreamStatus *status);

/* A request of HTTP to the upstream. The strings are (nullable), all is (owned). */
typedef struct {
  const char *method; /* static */
  char *path;         /* with its query */
  char *content_type, *producer, *sequence;
  GBytes *body;       /* (nullable) */
} SynUpstreamRequest;

typedef struct {
  guint status; /* of HTTP */
  char *content_type, *retry_after; /* (nullable) */
  gint64 age_s; /* as it said; 0: it did not */
  GBytes *body;
} SynUpstreamAnswer;

/* On the lane that asked. Exactly one of @answer (transfer none) and @error. UNAVAILABLE: the upstream cannot be reached, and has taken nothing; TIMEOUT: it
 * had the whole request, and no answer came: nobody knows. */
typedef void (*SynUpstreamFunc) (const SynUpstreamAnswer *answer, const GError *error, gpointer user_data);
void syn_upstream_ask (SynUpstream *self, SynLane *lane, SynUpstreamRequest *request, SynUpstreamFunc func, gpointer user_data);
void syn_upstream_request_free (SynUpstreamRequest *request);

/* What became of a batch that was passed on. */
typedef struct {
  gboolean is_answered; /* by the upstream; otherwise this edge says it */
  guint64 accepted, sequence;
  const GError *error; /* (nullable): NULL: it was accepted. Otherwise nothing of it was, but for TIMEOUT: nobody knows */
  guint retry_ms;      /* with an error: as the upstream said; 0: it did not */
  guint64 event;       /* that is wrong, from 1; 0: not known */
  const char *field;   /* (nullable) */
} SynUpstreamReceipt;

/* On the lane that asked, once. UNAVAILABLE, OVERLOADED of this edge (it cannot be sent now), TIMEOUT; or whatever the upstream says. */
typedef void (*SynUpstreamPublishedFunc) (const SynUpstreamReceipt *receipt, gpointer user_data);
/* Passes on @batch (transfer full), as docs/protocol.md §3.4 has it. Those of one @stream that a lane gives arrive in that order. Any lane. */
void syn_upstream_publish (SynUpstream *self, SynLane *lane, guint stream, GBytes *batch, SynUpstreamPublishedFunc func, gpointer user_data);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SynUpstreamStatus, syn_upstream_status_clear)

G_END_DECLS
