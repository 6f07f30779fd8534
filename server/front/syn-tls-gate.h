/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"
#include "syn-tls.h"

/* Where connections become TLS, before the door: some threads that do nothing but handshakes. */

G_BEGIN_DECLS

typedef struct _SynTlsGate SynTlsGate;

/* On the lane. @fd, @tls (transfer full): a connection that may be read from now on; or -1 and NULL: one came to nothing, for @failure, and is closed. */
typedef void (*SynTlsGateFunc) (int fd, SynTls *tls, SynTlsFailure failure, gpointer user_data);

/* @n_threads: 0: none, and syn_tls_gate_step() does what they would: for tests. On @lane, as all of this but that. */
SynTlsGate *syn_tls_gate_new (SynLane *lane, guint n_threads, SynTlsGateFunc func, gpointer user_data);
/* Takes @fd: of a new connection, non-blocking. @func comes once for it, unless the gate is freed before. */
void syn_tls_gate_take (SynTlsGate *self, int fd, SynTlsServer *server);
/* Closes those that are under way, and those that come. */
void syn_tls_gate_drain (SynTlsGate *self);
/* Waits for the threads: for a step of a handshake at most. */
void syn_tls_gate_free (SynTlsGate *self);

/* Instead of SYN_MAX_TLS_HANDSHAKES, of each thread: for tests. Before the first connection. */
void syn_tls_gate_set_max (SynTlsGate *self, guint max_handshakes);
/* One round, without waiting. @now_ms: of any clock that does not go back. */
void syn_tls_gate_step (SynTlsGate *self, gint64 now_ms);

G_END_DECLS
