/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* TLS under the connections of a load client: GnuTLS on non-blocking descriptors, without an object of GLib. The server's certificate is checked, as every client
 * does. One thread: that of the crowd which has it. */

G_BEGIN_DECLS

typedef struct _CtlLoadTls CtlLoadTls;               /* whom to trust, for all connections of a crowd */
typedef struct _CtlLoadTlsSession CtlLoadTlsSession; /* one connection */

/* Which connections take up a session, rather than make a whole handshake: always the last one that any had (to the server that is as much work as for each its own). */
typedef enum
{
  CTL_LOAD_TLS_RETURNING, /* those of who was connected before */
  CTL_LOAD_TLS_ALWAYS     /* all, as soon as there is one */
} CtlLoadTlsResumption;

/* @host: what the certificate must be for. @ca_file (nullable): the authorities in PEM form, instead of the system's. NULL with an error. */
CtlLoadTls *ctl_load_tls_new (const char *host, const char *ca_file, CtlLoadTlsResumption resumption, GError **error);
void ctl_load_tls_free (CtlLoadTls *self);
/* Whether all should take up a session, and there is none yet. */
gboolean ctl_load_tls_awaits_session (CtlLoadTls *self);
/* What ctl_load_tls_session_…() returned: an errno, 0 (closed), or below 0 an error of TLS. (static), or valid until the next call. */
const char *ctl_load_tls_strerror (int error);

/* @fd: connected, not blocking, borrowed. @returns: of who was connected before. */
CtlLoadTlsSession *ctl_load_tls_session_new (CtlLoadTls *tls, int fd, gboolean returns);
void ctl_load_tls_session_free (CtlLoadTlsSession *self); /* says nothing to the peer */
/* Takes what the socket has, as much as fits: once for each readiness. 1; 0: it has ended; -1: errno (EAGAIN: nothing is there). All of it is to be used up, by a
 * handshake or by reads, before another session's is taken. */
int ctl_load_tls_session_fill (CtlLoadTlsSession *self);
/* A step of the handshake. 1: it is done; 0: it waits for the socket; below 0: it failed. */
int ctl_load_tls_session_handshake (CtlLoadTlsSession *self);
gboolean ctl_load_tls_session_wants_output (CtlLoadTlsSession *self); /* what a handshake waits for */
/* As send(): how many bytes; -1 and errno, EAGAIN among them: then the same bytes are given again, with more behind them or not. */
gssize ctl_load_tls_session_send (CtlLoadTlsSession *self, gconstpointer bytes, gsize length);
/* Of what was filled in. How many bytes; 0: no more, for now; -1: the peer has ended it, or broke it (*@error: 0, or below 0). */
gssize ctl_load_tls_session_read (CtlLoadTlsSession *self, guint8 *out, gsize size, int *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlLoadTls, ctl_load_tls_free)

G_END_DECLS
