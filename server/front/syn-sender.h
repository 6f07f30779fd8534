/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"
#include "syn-tls.h"

/* How the answers of one lane leave: a head of the connection's own, and a body that is shared with all who get the same. A body that many get is
 * laid into a file in memory, whose pages the kernel then sends without copying them. On the lane's thread. */

G_BEGIN_DECLS

typedef struct _SynSender SynSender;

SynSender *syn_sender_for_lane (SynLane *lane); /* made on first use, and the lane's */

/**
 * syn_sender_send:
 * @fd: a socket that does not block
 * @tls: (nullable): of @fd: what is encrypted is different for each, so that nothing but the body itself is shared
 * @head: (array length=head_bytes)
 * @body: (nullable): immutable
 *
 * Sends the beginning of an answer. What the socket did not take is the caller's to send, with the bytes of both.
 *
 * Returns: how many bytes it took, of head and body together; 0 when it is full, -1 when it is broken
 */
gssize syn_sender_send (SynSender *self, int fd, SynTls *tls, const void *head, gsize head_bytes, GBytes *body);

/* What is left of an answer after its first @sent bytes, in at most two stretches: how many. */
int syn_sender_rest (const void *head, gsize head_bytes, GBytes *body, gsize sent, struct iovec *vector);
/* Likewise, of stretches: with TLS those that were not all sent, and what comes behind them. */
gssize syn_sender_send_vector (int fd, SynTls *tls, struct iovec *vector, int n_vector);

void syn_sender_register_metrics (void);

G_END_DECLS
