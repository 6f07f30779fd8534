/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-beacon.h"
#include "syn-epoll-set.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-sender.h"
#include "syn-slow-bodies.h"
#include "syn-plain.h"
#include "syn-plain-reader.h"
#include "syn-socket.h"

/* What syn-plain-lane.c (the set), syn-plain-conn.c (a connection's life and bytes), syn-plain-poll.c (its polls and their answers) and
 * syn-plain-head.c (how answers begin) share. Everything here is touched by the lane's thread only. */

G_BEGIN_DECLS

typedef struct _SynPlainLane SynPlainLane;
typedef struct _SynPlainConn SynPlainConn;

typedef enum
{
  SYN_PLAIN_READING, /* between requests, or within a head: SYN_HTTP_IDLE_MS at most */
  SYN_PLAIN_WAITING, /* its poll is at the beacon */
  SYN_PLAIN_SENDING, /* the socket is full: SYN_STALL_MS until it takes a byte */
  SYN_PLAIN_CLOSED,  /* the descriptor is closed, or given away; freed by the reaper */
} SynPlainState;

/* What is left of an answer. */
typedef struct
{
  SynSlowHold hold; /* with the body, which is shared with all who get the same */
  gsize sent;   /* of head and body together */
  guint head_bytes;
  int unacknowledged; /* when the time in which a byte must move began */
  char head[];
} SynPlainOut;

struct _SynPlainConn
{
  SynWaiter waiter;           /* first: the answer comes by its address */
  SynPlainConn *next, **pprev; /* among the lane's, or in the graveyard */
  SynPlainLane *lane;
  SynTimer timer;             /* one purpose at a time: see SynPlainState */
  SynPlainOut *out;           /* (owned) (nullable) */
  char *pending;              /* (owned) (nullable): came, and is not done with */
  gint64 began_ms, moved_ms;  /* for an operator's list, as: */
  gint64 sent_us, held_us;    /* of the last snapshot that was sent; of the one that it holds, at first when it came */
  guint64 sent_bytes;
  guint32 n_polls, n_snapshots;
  guint32 pending_bytes;
  int fd;
  SynTls *tls;                /* (owned) (nullable) */
  gint16 wait_s;              /* of the poll's Prefer; -1: there was none */
  guint8 form;
  guint8 state;
  guint ended : 1;            /* the peer sends no more */
  guint ends : 1;             /* the answer is the last one */
};

G_STATIC_ASSERT (sizeof (SynPlainConn) <= 256); /* each long-poll that waits has one */

#define SYN_PLAIN_HEAD_BYTES 512 /* of an answer's head at most */

/* The last head that was made: all who get one answer in one second get the same head. */
typedef struct
{
  char text[SYN_PLAIN_HEAD_BYTES];
  guint length; /* 0: none */
  gint64 real_s;
  guint status;
  guint age_s;
  gint wait_s;
  SynForm form;
  gsize body_bytes;
  ReplicaToken token;
} SynPlainHead;

struct _SynPlainLane
{
  SynLane *lane;
  SynBeaconSet *beacons;
  SynPlainExit *exit; /* (owned) (nullable) */
  SynEpollSet *set; /* (owned) */
  SynSender *sender;
  SynSlowBodies *slow;
  char *scratch;      /* (owned): SYN_PLAIN_SCRATCH bytes to read into */
  SynPlainConn *conns;
  SynPlainConn *graveyard;
  SynTimer reaper;
  SynPlainHost host;
  SynPlainHead head;
  gboolean draining;
};

#define SYN_PLAIN_READ_BYTES (16u << 10)
#define SYN_PLAIN_SCRATCH (SYN_PLAIN_READ_BYTES + SYN_MAX_AHEAD_BYTES)
G_STATIC_ASSERT (SYN_PLAIN_READ_BYTES >= SYN_TLS_RECORD_BYTES);

typedef struct
{
  SynMetric connections, polls, requests, failures, stalled;
} SynPlainMetrics;
extern SynPlainMetrics syn_plain_metrics;

/* ---- syn-plain-lane.c ---- */
/* Marks @conn's memory for the reaper: nothing is freed while it may be on somebody's stack. */
void syn_plain_lane_bury (SynPlainLane *self, SynPlainConn *conn);
/* To the front lane. Takes @fd, @tls and @first. */
void syn_plain_lane_pass_on (SynPlainLane *self, int fd, SynTls *tls, GBytes *first);

/* ---- syn-plain-conn.c ---- */
SynPlainConn *syn_plain_conn_new (SynPlainLane *lane, int fd, SynTls *tls); /* takes both */
void syn_plain_conn_feed (SynPlainConn *self, GBytes *first);
void syn_plain_conn_event (SynPlainConn *self, guint32 events);
/* The answer to what it asked; sends at once what the socket takes. */
void syn_plain_conn_send (SynPlainConn *self, const char *head, guint head_bytes, GBytes *body);
/* The silo goes away. */
void syn_plain_conn_drain (SynPlainConn *self);
/* At once, without a word. */
void syn_plain_conn_drop (SynPlainConn *self);
void syn_plain_conn_free (SynPlainConn *self); /* dropped before */

/* ---- syn-plain-poll.c ---- */
/* FALSE: it is not one to be answered here, and nothing was done. */
gboolean syn_plain_conn_poll (SynPlainConn *self, const SynPlainRequest *request);
/* What waits is to wait no longer: its client has sent its last byte, and is answered as soon as it is known what with; or the silo goes away
 * (draining), and it is answered now. */
void syn_plain_conn_end_poll (SynPlainConn *self);

/* ---- syn-plain-head.c ---- */
/* The head of a 200 (@form, @body_bytes) or a 304; @age_s: of what is answered, not told when it is 0; @wait_s: -1 or what was preferred.
 * Valid until the next call. */
const char *syn_plain_head_of (SynPlainLane *lane,
                               guint status,
                               SynForm form,
                               ReplicaToken token,
                               gsize body_bytes,
                               guint age_s,
                               gint wait_s,
                               guint *length);
/* The head of an error. */
GString *syn_plain_error_head (SynPlainLane *lane, int code, guint retry_ms, gsize body_bytes, gint wait_s, gboolean close);
/* "HTTP/1.1 …" to the end of the date's line, as it is in that second; returns how long it is. */
guint syn_plain_print_start (char text[SYN_PLAIN_HEAD_BYTES], guint status, gint64 real_s);

/* ---- syn-plain-upgrade.c ---- */
/* Answers to handshakes: of those of one second only the accepted key differs. */
typedef struct
{
  gint64 real_s;
  guint key_at, length;
  GChecksum *sha; /* (owned) */
  char text[SYN_PLAIN_HEAD_BYTES];
} SynPlainUpgrade;

void syn_plain_upgrade_init (SynPlainUpgrade *self);
void syn_plain_upgrade_clear (SynPlainUpgrade *self);
/* The answer; @key as it came. @real_us: now. Valid until the next call. */
const char *syn_plain_upgrade_head (SynPlainUpgrade *self, gint64 real_us, SynPlainSpan key, guint *length);

G_END_DECLS
