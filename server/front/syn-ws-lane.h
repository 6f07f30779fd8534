/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-conn-list.h"
#include "syn-silo.h"
#include "syn-tls.h"
#include "syn-uploads.h"

/* The WebSocket connections of the lanes, as the front sees them. */

G_BEGIN_DECLS

/* Before anything else of this header; main thread. */
void syn_ws_register_metrics (void);
/* Open ones, over all lanes; any thread. */
guint syn_ws_count (SynSilo *silo);
/* Hands a connection, taken over after its handshake, to a lane. Takes @fd and @tls (nullable); @first (transfer full)
 * (nullable): bytes of the client that were read already; @agent: (nullable): what it calls itself, of which the first
 * SYN_CONN_AGENT_MAX bytes are kept; @uploads (transfer none): where it may publish. Any thread. */
/* Makes the lane's set now, while there are descriptors for it. On the lane. */
void syn_ws_lane_prepare (SynLane *lane);
void syn_ws_lane_give (SynLane *lane, int fd, SynTls *tls, GBytes *first, const char *agent, SynUploads *uploads);

typedef void (*SynWsDrainFunc) (gpointer user_data);
/* Answers what is parked with UNAVAILABLE, closes all with 1001; @done on the front lane when the last one is
 * gone. A second call, at once for all that are left (@now). From the front lane. */
void syn_ws_lane_drain (SynLane *lane, gboolean now, SynWsDrainFunc done, gpointer user_data);

/* On the front lane; @top is the list's, to be taken from before it returns. */
typedef void (*SynWsListFunc) (const SynConnTop *top, gpointer user_data);
/* Goes through the lane's connections, some at a time. From the front lane. */
void syn_ws_lane_list (SynLane *lane, SynConnOrder order, guint max, SynWsListFunc done, gpointer user_data);

G_END_DECLS
