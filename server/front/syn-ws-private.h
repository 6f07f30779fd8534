/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-form.h"
#include "syn-beacon.h"
#include "syn-epoll-set.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-sender.h"
#include "syn-slow-bodies.h"
#include "syn-socket.h"
#include "syn-ws-frame.h"
#include "syn-ws-lane.h"

/* The WebSocket connections of one lane: what syn-ws-lane.c (the set), syn-ws-conn.c (a connection's life and
 * bytes), syn-ws-view.c (its polls and answers) and syn-ws-publish.c (what it publishes) share. Everything here is touched by the lane's thread
 * only. */

G_BEGIN_DECLS

typedef struct _SynWsLane SynWsLane;
typedef struct _SynWsConn SynWsConn;
typedef struct _SynWsView SynWsView;
typedef struct _SynWsOut SynWsOut;
typedef struct _SynWsJob SynWsJob;
typedef struct _SynWsWalk SynWsWalk;
typedef struct _SynWsPublish SynWsPublish;

typedef enum
{
  SYN_WS_OPEN,
  SYN_WS_CLOSING, /* a close frame is queued or sent; what comes is read and dropped until the peer ends */
  SYN_WS_CLOSED,  /* the descriptor is closed; freed by the reaper */
} SynWsState;

/* Bytes on their way out: a head of the connection's own, and a body that is shared with all who get the same
 * snapshot. */
struct _SynWsOut
{
  SynWsOut *next;
  SynSlowHold hold; /* with the body */
  gsize sent;   /* of head and body together */
  guint head_bytes;
  guint8 head[];
};

/* A view: one poll at a time. */
struct _SynWsView
{
  SynWaiter waiter; /* first: the answer comes by its address */
  SynWsConn *conn;
  guint32 id;
  guint8 accept; /* of the last poll: REPLICA_WIRE_ACCEPT_… */
  guint8 is_owed; /* its answer came while another was on its way out: asked for again once that is gone */
  gint64 sent_us; /* the time of the last snapshot that was sent to it; 0: none */
  gint64 held_us; /* of the one that it holds; at first when it came */
  SynWsJob *job; /* (nullable): makes the form of its answer */
  SynWsView *job_next, **job_pprev; /* who waits for the same */
};

struct _SynWsConn
{
  SynWsConn *next, **pprev; /* among the lane's, or in the graveyard */
  SynWsLane *lane;
  SynWsView **views; /* (owned): by id */
  guint16 n_views, views_size;
  int fd;
  SynTls *tls;    /* (owned) (nullable) */
  SynTimer timer; /* one purpose at a time: a stalled answer, half a message, the peer's end */
  SynWsReader reader;
  guint8 *pending;          /* (owned) (nullable): came, and is not done with */
  SynWsOut *out, *out_last; /* (owned) (nullable) */
  char *agent;              /* (owned) (nullable): what it calls itself */
  gint64 began_ms, moved_ms; /* when a byte last came or went */
  guint64 n_polls, n_snapshots, sent_bytes;
  SynUploads *uploads;      /* (owned) */
  SynWsPublish *publishes;  /* not answered yet */
  guint32 pending_bytes;
  int unacknowledged; /* when the time of a stalled answer began: see syn_socket_get_unacknowledged() */
  guint16 n_owed;   /* of its views */
  guint16 next_owed; /* where the search goes on: no view is passed over for ever */
  guint32 counted;          /* bytes of a large message that is coming, in @uploads */
  guint32 progress;         /* bytes of it that had come when its time was last counted from the beginning */
  const char *end_reason;   /* (nullable) (static) */
  guint16 end_code;         /* to close with once what was published is answered; 0: it does not end */
  guint16 n_publishes;
  guint8 state;
};

struct _SynWsLane
{
  SynLane *lane;
  SynBeaconSet *beacons;
  SynEpollSet *set; /* (owned) */
  SynSender *sender;
  SynSlowBodies *slow;
  guint8 *scratch; /* (owned): SYN_WS_SCRATCH bytes to read into */
  SynWsConn *conns;
  SynWsConn *graveyard;
  SynWsJob *jobs; /* (owned): forms that the thread makes */
  guint n_jobs;
  guint max_jobs; /* SYN_MAX_FORM_JOBS; tests make it small */
  SynWsWalk *walks; /* that go through @conns */
  SynTimer reaper;
  guint n_conns;
  guint max_views; /* SYN_MAX_VIEWS_PER_CONNECTION; tests make it small */
  gboolean draining;
  SynParcel *drained; /* (owned) (nullable): to post to the front when the last connection is gone */
};

#define SYN_WS_SCRATCH (64u << 10)
#define SYN_WS_LINGER_MS 2000
#define SYN_WS_MESSAGE_MAX 512 /* bytes of an error's message */

/* The counts; see syn_ws_register_metrics(). */
typedef struct
{
  SynMetric connections, polls, snapshots, unchanged, errors, sent_bytes, protocol_errors, stalled;
  SynMetric deltas, deltas_made, delta_bytes, full_bytes, compressed, compressed_bytes, compressions, compression_us;
  SynMetric publishes, passed_on, not_passed_on;
} SynWsMetrics;
extern SynWsMetrics syn_ws_metrics;

/* ---- syn-ws-lane.c ---- */
SynWsLane *syn_ws_lane_get (SynLane *lane); /* made on first use */
/* Marks @conn's memory for the reaper: nothing is freed while it may be on somebody's stack. */
void syn_ws_lane_bury (SynWsLane *self, SynWsConn *conn);

/* ---- syn-ws-list.c ---- */
/* @conn leaves the lane's list: walks that stand at it go on behind it. */
void syn_ws_lane_step_over (SynWsLane *self, SynWsConn *conn);
/* The set goes: walks end with what they have. */
void syn_ws_lane_end_walks (SynWsLane *self);

/* ---- syn-ws-conn.c ---- */
SynWsConn *syn_ws_conn_new (SynWsLane *lane, int fd, SynTls *tls, SynUploads *uploads); /* takes them */
void syn_ws_conn_feed (SynWsConn *self, GBytes *first);
void syn_ws_conn_event (SynWsConn *self, guint32 events);
/* Queues a frame. Sends at once what the socket takes. */
void syn_ws_conn_send (SynWsConn *self, const guint8 *head, guint head_bytes, GBytes *body);
/* The closing handshake, from our side or as the answer to the peer's. */
void syn_ws_conn_close (SynWsConn *self, guint16 code, const char *reason);
/* The same, after what was published has its answers; nothing more is read. @reason: static. */
void syn_ws_conn_end (SynWsConn *self, guint16 code, const char *reason);
/* Some publication was answered: goes on where it stopped for it. */
void syn_ws_conn_go_on (SynWsConn *self);
/* At once, without a word. */
void syn_ws_conn_drop (SynWsConn *self);
void syn_ws_conn_free (SynWsConn *self); /* dropped before */

/* ---- syn-ws-form.c ---- */
/* The form in which @view, answered from within its waiter's function, gets @snapshot; compressed, if it takes that and that is known
 * of the form. NULL: it is being made, and syn_ws_view_formed() will come. */
const ReplicaForm *syn_ws_form_choose (SynWsView *view, ReplicaSnapshot *snapshot);
void syn_ws_form_cancel (SynWsView *view); /* also when nothing is being made for it */
void syn_ws_lane_forget_jobs (SynWsLane *lane);

/* ---- syn-ws-view.c ---- */
/* The form that syn_ws_form_choose() did not have is there. */
void syn_ws_view_formed (SynWsView *self, const ReplicaForm *form);
/* A binary message of the client. */
void syn_ws_conn_message (SynWsConn *self, const SynWsEvent *event);
void syn_ws_conn_cancel_views (SynWsConn *self);
/* How many views, polls that wait, and how far behind. */
void syn_ws_conn_note_views (SynWsConn *self, SynConnEntry *entry);
void syn_ws_conn_free_views (SynWsConn *self);
/* Nothing is on its way out: asks for the next answer that is owed. */
void syn_ws_conn_pay (SynWsConn *self);
/* Answers UNAVAILABLE to what is parked. */
void syn_ws_conn_excuse_views (SynWsConn *self);

/* ---- syn-ws-publish.c ---- */
/* FALSE: it breaks the protocol. */
gboolean syn_ws_conn_publish (SynWsConn *self, const SynWsEvent *event);
/* Counts what is held of a large message that is coming; past what all may hold, it is dropped. */
void syn_ws_conn_count_upload (SynWsConn *self);
/* The connection is no more: what it published goes on without it. */
void syn_ws_conn_forget_publishes (SynWsConn *self);

G_END_DECLS
