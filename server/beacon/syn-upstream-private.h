/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>
#include "replica-link-private.h"
#include "syn-chain.h"
#include "syn-upstream.h"
#include "syn-upstream-path.h"

/* The upstream's thread from the inside: its life and the link (syn-upstream.c), the views of paths (syn-upstream-views.c), requests of HTTP
 * (syn-upstream-http.c), batches of events (syn-upstream-publish.c). */

G_BEGIN_DECLS

typedef struct _SynUpstreamPipe SynUpstreamPipe;

struct _SynUpstream {
  SynSilo *silo;
  SynChain *chain;         /* the silo's */
  SynUpstreamPaths *paths; /* (owned) */
  char *uri;               /* (owned) */
  GTlsDatabase *trust;     /* (owned) (nullable): whom, instead of the system's authorities */
  GMainContext *context;   /* (owned): the thread's */
  GThread *thread;         /* (nullable) */
  /* The thread's. */
  GMainLoop *loop;         /* (owned) */
  ReplicaLink *link;       /* (owned) */
  GHashTable *views;       /* (owned): set of the views of paths: syn-upstream-views.c */
  GPtrArray *changed;      /* (owned): of those, which something is to be told of */
  GSource *flush;          /* (owned) (nullable): will tell */
  guint n_followed;
  SoupSession *session;    /* (owned) */
  GCancellable *ending;    /* (owned): of all requests */
  guint n_requests;        /* that are out */
  SynUpstreamPipe *pipes;  /* (owned): SYN_MAX_UPSTREAM_PIPES connections that publish */
  GSource *pipes_timer;    /* (owned) */
  guint n_passing;         /* batches that are out */
  gsize passing_bytes;     /* of those */
  gsize max_passing_bytes; /* SYN_MAX_UPSTREAM_PUBLISH_BYTES; tests make it small, before the start, as … */
  gint64 max_wait_us;      /* … SYN_UPSTREAM_WAIT_MS */
  /* Any thread's, under the mutex. */
  GMutex mutex;
  SynUpstreamStatus status;
};

static inline gint64
syn_upstream_now_ms (void)
{
  return g_get_monotonic_time () / 1000; /* as a lane's clock */
}

/* Runs @func on the thread, in the order of the calls of one thread; @free in any case. */
void syn_upstream_invoke (SynUpstream *self, GSourceFunc func, gpointer data, GDestroyNotify free);

/* syn-upstream-views.c: on the thread, but for the ops */
extern const SynUpwardOps syn_upstream_ops;
void syn_upstream_views_init (SynUpstream *self);
void syn_upstream_views_state_changed (SynUpstream *self); /* the link came, or went */
void syn_upstream_views_clear (SynUpstream *self);

/* syn-upstream-http.c: on the thread */
void syn_upstream_http_init (SynUpstream *self);
void syn_upstream_http_clear (SynUpstream *self); /* answers all */

/* syn-upstream-publish.c: on the thread */
void syn_upstream_publish_init (SynUpstream *self);
void syn_upstream_publish_state_changed (SynUpstream *self); /* the link came, or went */
void syn_upstream_publish_clear (SynUpstream *self); /* answers all */

/* One more link to the upstream, not started: (transfer full). On the thread. */
ReplicaLink *syn_upstream_new_link (SynUpstream *self);
/* An error that says that the upstream is away, and why. On the thread. */
GError *syn_upstream_new_away_error (SynUpstream *self);

G_END_DECLS
