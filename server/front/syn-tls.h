/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/uio.h>
#include "syn-tls-server.h"

/* The TLS of one connection, over a descriptor that it does not own. Belongs to one thread at a time, as its connection does. */

G_BEGIN_DECLS

#define SYN_TLS_RECORD_BYTES 16384 /* who reads so many at once leaves nothing behind that epoll does not tell of */

typedef struct _SynTls SynTls;

typedef enum
{
  SYN_TLS_DONE,
  SYN_TLS_WAITS, /* for the peer: see syn_tls_wants_write() */
  SYN_TLS_FAILED,
} SynTlsStep;

/* Why a handshake came to nothing, coarsely. */
typedef enum
{
  SYN_TLS_FAILURE_PLAIN,    /* what came is no TLS, but HTTP */
  SYN_TLS_FAILURE_LEFT,     /* the peer went away */
  SYN_TLS_FAILURE_STALLED,  /* it took too long */
  SYN_TLS_FAILURE_REFUSED,  /* the peer does not take our certificate, or something else of ours */
  SYN_TLS_FAILURE_MISMATCH, /* no version, cipher or group that both have */
  SYN_TLS_FAILURE_PROTOCOL, /* what came makes no sense */
  SYN_TLS_FAILURE_ENDED,    /* the silo goes away */
  SYN_TLS_N_FAILURES,
} SynTlsFailure;

SynTls *syn_tls_new (SynTlsServer *server, int fd);
/* Tells the peer that this was all, unless it was told or cannot be; the descriptor is closed by whom it belongs to, afterwards. */
void syn_tls_free (SynTls *self);

/* Goes on with the handshake as far as it can without waiting. */
SynTlsStep syn_tls_handshake (SynTls *self, SynTlsFailure *failure);
/* Something that was made could not be sent: to be called again when the descriptor takes more. */
gboolean syn_tls_wants_write (SynTls *self);

/* As recv() with MSG_DONTWAIT, of at most one record: 0 is the end, with or without a word; -1 has errno, EPROTO when what came makes no sense. With
 * @count less than SYN_TLS_RECORD_BYTES something may be left that is there already: ask syn_tls_has_pending(). */
gssize syn_tls_recv (SynTls *self, void *buffer, gsize count);
gboolean syn_tls_has_pending (SynTls *self);

/* As sendmsg() with MSG_DONTWAIT: how many bytes of @vector are on their way. What follows them may be encrypted already: the next call must begin with
 * the same bytes, as it does when what was not sent is sent again; more may come behind. */
gssize syn_tls_sendv (SynTls *self, const struct iovec *vector, int n_vector);
/* Our side ends here. */
void syn_tls_end (SynTls *self);

/* After the handshake. */
const char *syn_tls_get_version (SynTls *self); /* static: "TLS1.3" */
gboolean syn_tls_is_resumed (SynTls *self);

G_END_DECLS
