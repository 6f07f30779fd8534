/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>
#include "syn-beacon.h"
#include "syn-catalog.h"
#include "syn-door.h"
#include "syn-http.h"
#include "syn-stretch.h"
#include "syn-http-conns.h"
#include "syn-http-error.h"
#include "syn-http-headers.h"
#include "syn-journal.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-tls-gate.h"
#include "syn-uploads.h"

/* What the handlers of the resources share. Front lane. */

G_BEGIN_DECLS

typedef struct _SynHttpRequest SynHttpRequest;
typedef struct _SynHttpEdge SynHttpEdge;
typedef struct _SynHttpJournalAsk SynHttpJournalAsk;

struct _SynHttp
{
  SynSilo *silo;
  SynCatalog *catalog;
  SynLane *lane;
  SynHttpEdge *edge;   /* (owned) (nullable): NULL: this silo has no upstream */
  SoupServer *server;  /* (owned) */
  int keep_alive_fd;   /* the far end of the listener that libsoup believes in */
  SynHttpConns *conns; /* (owned) */
  SynDoor *door;       /* (owned) */
  SynTlsServer *tls;   /* (owned) (nullable): NULL: connections are plain */
  SynTlsGate *gate;    /* (owned) (nullable): likewise */
  SynHttpRequest *parked;
  SynUploads *uploads; /* (owned) */
  guint max_web_sockets;
  guint next_lane;    /* for the next connection that a lane serves */
  guint n_lists;      /* of connections, being made */
  SynHttpJournalAsk *journal_ask; /* (owned) */
  gboolean ready, draining;
  SynMetric connections, requests, failures, refused;
};

/* ---- routes ---- */

/* @rest: what follows the route's prefix in the path, still percent-encoded; "" for exact ones. */
typedef void (*SynHttpHandler) (SynHttp *http, SoupServerMessage *msg, const char *rest);

void syn_http_index (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_healthz (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_readyz (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_metrics (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_status (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_connections (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_screens (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_sources (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_projections (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_projection (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_upgrade (SynHttp *http, SoupServerMessage *msg, const char *rest);
/* Publishing comes in two parts: when the head is there (and may be refused before its body has come), and
 * with the body. */
void syn_http_publish_head (SynHttp *http, SoupServerMessage *msg, const char *rest);
void syn_http_publish (SynHttp *http, SoupServerMessage *msg, const char *rest);

/* ---- an edge (syn-http-edge.c) ---- */

/* NULL: it is none. */
SynHttpEdge *syn_http_edge_new (SynHttp *http);
void syn_http_edge_free (SynHttpEdge *self);
/* Answers with one of the upstream's lists: @path is its own. */
void syn_http_edge_list (SynHttp *http, SoupServerMessage *msg, const char *path);
/* Passes on what was published, and what comes back. */
void syn_http_edge_publish (SynHttp *http, SoupServerMessage *msg, GBytes *body, gsize counted);
/* `"upstream":{…},` */
void syn_http_edge_append_status (SynHttp *http, GString *json);
/* The edge's numbers into the front lane's metrics. */
void syn_http_edge_note_metrics (SynHttp *http);
gboolean syn_http_edge_was_reached (SynHttp *http);

/* ---- TLS (syn-http-tls.c) ---- */

void syn_http_register_tls_metrics (void);
/* Takes @fd, which has not said anything. */
void syn_http_take_to_gate (SynHttp *self, int fd);
/* `"tls":{…},` */
void syn_http_append_tls_status (SynHttp *http, GString *json);
/* ---- connections ---- */

/* Takes @fd and @tls (nullable), a connection whose client sent @first already: from now on it is libsoup's. */
void syn_http_adopt (SynHttp *self, int fd, SynTls *tls, GBytes *first);

/* ---- answers ---- */

void syn_http_respond (SoupServerMessage *msg, guint status, const char *content_type, GBytes *body);
void syn_http_respond_text (SoupServerMessage *msg, guint status, const char *text);
void syn_http_respond_json (SoupServerMessage *msg, GString *json); /* takes @json; not to be cached */
/* How old what is answered is. */
void syn_http_set_age (SoupServerMessage *msg, gint64 age_s);
/* `[{"name":…,"type":…},…]` */
void syn_http_append_columns (GString *json, const SynSchema *schema);

/* ---- syn-http-journal.c: @journal (nullable) ---- */

SynHttpJournalAsk *syn_http_journal_ask_new (SynHttp *http);
void syn_http_journal_ask_free (SynHttpJournalAsk *self);
/* @status (transfer full) (nullable); @is_busy: its disk does not answer, and this is only what is known without it. */
typedef void (*SynHttpJournalFunc) (SynJournalStatus *status, gboolean is_busy, gpointer user_data);
/* What the journal says of itself, in SYN_STATUS_JOURNAL_MS at the latest; @func is called once, never from within. */
void syn_http_ask_journal (SynHttp *http, SynHttpJournalFunc func, gpointer user_data);
void syn_http_append_journal (GString *json, const SynJournalStatus *journal, gboolean is_busy);
void syn_http_append_journal_readers (GString *json, const SynJournalStatus *journal, SynCatalog *catalog);
void syn_http_append_journal_source (GString *json, const SynJournalStatus *journal, const char *name);
void syn_http_append_journal_metrics (GString *text, SynSilo *silo);

/* ---- syn-http-stretched.c ---- */

/* Members of an object, without its braces. @n_lanes: of the silo; the number of the front lane. */
void syn_http_append_stretched (GString *json, const SynStretchEntry *entry, guint n_lanes);
/* Two members: the list, and how many more there are. */
void syn_http_append_stretched_list (GString *json, GPtrArray *entries, guint64 n_more, guint n_lanes);
/* Members of a lane's object, each behind a comma. */
void syn_http_append_lane_load (GString *json, const SynStretchLane *lane);

/* ---- syn-http-metrics.c: lines that have no lane ---- */

/* The head of a metric's lines. In a help text, only the backslash and the end of a line are special. */
void syn_http_append_metric_head (GString *text, const char *name, const char *type, const char *help);
void syn_http_append_metric (GString *text, const char *name, const char *type, const char *help, double value);
/* @code: a SynError or a SynFault. @place: (nullable), for what was published. */
void syn_http_respond_error (
    SoupServerMessage *msg, int code, const char *message, guint retry_ms, const SynReadPlace *place);
/* What syn-chain.h says of an edge that asks. */
void syn_http_respond_chain_error (SoupServerMessage *msg, const GError *error);
/* Answers with an error while the rest of the request still comes, and ends the connection: what comes is not
 * read into memory. */
void syn_http_cut_off (SynHttp *http, SoupServerMessage *msg, int code, const char *message);

/* ---- requests that wait ---- */

typedef enum
{
  SYN_HTTP_END_LEFT,  /* its client sends no more: answer as soon as it is known what with */
  SYN_HTTP_END_DRAIN, /* the silo goes away: answer soon */
} SynHttpEnd;

/* At the head of what a handler keeps while a message is paused. */
struct _SynHttpRequest
{
  SynHttpRequest *next, **pprev;
  SynHttp *http;          /* NULL once the front is freed: nobody waits for the answer any more */
  SoupServerMessage *msg; /* (owned) */
  SynHttpConn *conn;      /* (nullable): NULL once the connection is gone: @msg must not be touched */
  void (*end) (SynHttpRequest *self, SynHttpEnd why); /* (nullable): it cannot be hurried */
  void (*gone) (
      SynHttpRequest *self); /* (nullable): the connection, or the front, is no more. May free it. */
};

/* Pauses @msg. */
void syn_http_request_park (SynHttpRequest *self, SynHttp *http, SoupServerMessage *msg);
/* Whether an answer would still reach somebody. */
gboolean syn_http_request_is_alive (SynHttpRequest *self);
/* After the answer was put into the message: lets it go out. Its memory stays the caller's. */
void syn_http_request_unpark (SynHttpRequest *self);

G_END_DECLS
