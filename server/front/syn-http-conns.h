/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>
#include "syn-conn-list.h"
#include "syn-http-stream.h"
#include "syn-lane.h"

/* The HTTP connections of the front: who is there, who left, who is too slow. Front lane. */

G_BEGIN_DECLS

typedef struct _SynHttpConns SynHttpConns;
typedef struct _SynHttpConn SynHttpConn; /* lives until its stream is gone */

typedef enum
{
  SYN_HTTP_IDLE, /* between requests: SYN_HTTP_IDLE_MS at most */
  SYN_HTTP_HEAD, /* a request has begun: its head must be here in SYN_HTTP_IDLE_MS */
  SYN_HTTP_BUSY, /* a body comes, an answer goes: a byte must move every SYN_STALL_MS */
} SynHttpPhase;

typedef enum
{
  SYN_HTTP_LEFT, /* the client sends no more, and likely is away; an answer may still be sent */
  SYN_HTTP_GONE, /* the connection is no more: touch its message no further */
} SynHttpLeave;
typedef void (*SynHttpLeaveFunc) (SynHttpConn *conn, SynHttpLeave how, gpointer user_data);

SynHttpConns *syn_http_conns_new (SynLane *lane);
/* Closes what is left. */
void syn_http_conns_free (SynHttpConns *self);
guint syn_http_conns_count (SynHttpConns *self);
/* Instead of SYN_MAX_HTTP_CONNECTIONS: for tests. */
void syn_http_conns_set_max (SynHttpConns *self, guint max);

/* Takes @fd and @tls (nullable). The stream is for soup_server_accept_iostream(), with @remote, by which syn_http_conn_of() finds
 * the connection. NULL, and @fd is closed after a 503, when as many as may be are there. */
SynHttpStream *syn_http_conns_add (SynHttpConns *self, int fd, SynTls *tls, GSocketAddress *remote);
/* Takes @fd and @tls (nullable), and closes them after a 503. */
void syn_http_refuse (int fd, SynTls *tls);
/* (nullable): NULL once the connection is gone. */
SynHttpConn *syn_http_conn_of (SoupServerMessage *msg);
void syn_http_conn_set_phase (SynHttpConn *self, SynHttpPhase phase);
SynHttpStream *syn_http_conn_get_stream (SynHttpConn *self);
/* For an operator's list: a poll came; its answer is a snapshot made at @time_us; an answer of so many bytes, and its head, goes out now. */
void syn_http_conn_note_poll (SynHttpConn *self);
void syn_http_conn_note_snapshot (SynHttpConn *self, gint64 time_us);
void syn_http_conn_note_answer (SynHttpConn *self, gsize body_bytes);
/* While a request is parked: told when its client leaves (at once, from a later iteration, when it has left
 * already). NULL: no more. */
void syn_http_conn_watch (SynHttpConn *self, SynHttpLeaveFunc func, gpointer user_data);

/* All of them, for an operator's list. */
void syn_http_conns_list (SynHttpConns *self, SynConnTop *top);
/* Ends the connections that are between requests: when the front drains. */
void syn_http_conns_abort_idle (SynHttpConns *self);
/* Takes @fd and @tls (nullable); sends @answer, then reads and drops what comes until the client closes (or too much, or too
 * long), so that the answer is not lost to a reset. */
void syn_http_conns_linger (SynHttpConns *self, int fd, SynTls *tls, const char *answer, gsize length);

G_END_DECLS
