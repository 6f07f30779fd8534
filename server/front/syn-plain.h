/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-conn-list.h"
#include "syn-silo.h"
#include "syn-tls.h"

/* The HTTP connections that poll plainly, on the lanes, as the front sees them: no libsoup is between them and their beacons. */

G_BEGIN_DECLS

/* Where what a lane does not answer goes on to. References are any thread's; what is behind it is the front lane's. */
typedef struct _SynPlainExit SynPlainExit;
/* On the front lane. Takes @fd and @tls (nullable); @first (transfer none): what its client sent that was not answered yet. */
typedef void (*SynPlainPassFunc) (int fd, SynTls *tls, GBytes *first, gpointer user_data);
SynPlainExit *syn_plain_exit_new (SynPlainPassFunc pass, gpointer user_data);
SynPlainExit *syn_plain_exit_ref (SynPlainExit *self);
void syn_plain_exit_unref (SynPlainExit *self);
/* On the front lane: what still comes is closed. */
void syn_plain_exit_close (SynPlainExit *self);

/* Before anything else of this header; main thread. */
void syn_plain_register_metrics (void);
/* Those that are open, over all lanes; any thread. */
guint syn_plain_count (SynSilo *silo);
/* The lane's set is made now rather than with its first connection. Any thread. */
void syn_plain_lane_open (SynLane *lane);
/* All of the lane's, for an operator's list. On the lane. */
void syn_plain_lane_list (SynLane *lane, SynConnTop *top);
/* Makes the lane's set now, while there are descriptors for it. On the lane. */
void syn_plain_lane_prepare (SynLane *lane);
/* Hands a connection to a lane. Takes @fd, @tls (nullable) and @first: a request that the lane will find plain, and whatever follows. Any thread. */
void syn_plain_lane_give (SynLane *lane, int fd, SynTls *tls, GBytes *first, SynPlainExit *exit);
/* Answers what is parked, closes what is idle, and makes every answer from now on the last of its connection; or (@now) cuts off all. Any
 * thread. */
void syn_plain_lane_drain (SynLane *lane, gboolean now);

G_END_DECLS
