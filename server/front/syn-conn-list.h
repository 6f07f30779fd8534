/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-beacon.h"
#include "syn-peer-info.h"

/* Connections as an operator sees them, and the first so many of them in some order, of however many. Any thread, one at a time. */

G_BEGIN_DECLS

/* Always the most first. */
typedef enum
{
  SYN_CONN_BY_BEHIND,    /* the slow */
  SYN_CONN_BY_WAITING,   /* bytes that wait for it */
  SYN_CONN_BY_SENT,      /* bytes sent */
  SYN_CONN_BY_SNAPSHOTS,
  SYN_CONN_BY_POLLS,
  SYN_CONN_BY_VIEWS,
  SYN_CONN_BY_AGE,
  SYN_CONN_BY_IDLE,      /* ms since a byte came or went */
  SYN_CONN_N_ORDERS,
} SynConnOrder;

#define SYN_CONN_AGENT_MAX 64 /* bytes of a user agent that are kept */

typedef struct
{
  const char *kind; /* static: "websocket", "http" */
  const char *tls;  /* static (nullable): its version */
  guint lane;       /* its index; the front's is the number of the others */
  gint64 age_ms, idle_ms;
  guint views, polls_waiting;
  gint64 polls, snapshots; /* since it began; -1: not counted for this kind, as the others */
  gint64 sent_bytes;
  guint64 waiting_bytes;   /* held back here, because the socket is full */
  gint64 behind_ms;        /* how old the oldest snapshot is that it holds while its lane has a newer one; 0: it has all */
  gint64 behind_snapshots; /* at least so many were made since: those that its lane knows of */
  char agent[SYN_CONN_AGENT_MAX + 1];
  SynPeerInfo peer;
} SynConnEntry;

typedef struct
{
  SynConnOrder order;
  guint max;
  guint64 n_seen;
  GArray *heap; /* (owned) (element-type SynConnEntry): the least first */
} SynConnTop;

const char *syn_conn_order_to_string (SynConnOrder order);
/* FALSE: there is none of that name. */
gboolean syn_conn_order_from_string (const char *text, SynConnOrder *order);

/* One more question that the connection has out, or looks at: how far behind it is. @held_us: the time of the snapshot that it holds, or when it
 * first asked; @now_us: by the lane's clock. On the lane of @waiter. */
void syn_conn_entry_note_reader (SynConnEntry *self, const SynWaiter *waiter, gint64 held_us, gint64 now_us);

void syn_conn_top_init (SynConnTop *self, SynConnOrder order, guint max);
void syn_conn_top_clear (SynConnTop *self);
/* Counts @entry; whether it is among the first as far as they are known. Then add it, with what is dear to find out. */
gboolean syn_conn_top_wants (SynConnTop *self, const SynConnEntry *entry);
void syn_conn_top_add (SynConnTop *self, const SynConnEntry *entry);
/* All of @other, which was of the same order. */
void syn_conn_top_merge (SynConnTop *self, const SynConnTop *other);
/* The most first; it takes nothing more afterwards. */
void syn_conn_top_sort (SynConnTop *self);

G_END_DECLS
