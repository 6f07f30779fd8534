/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gnutls/gnutls.h>
#include <glib.h>

/* What the server shows to prove who it is: a certificate (with its chain) and its key, what it agrees to speak, and the key of its tickets. Immutable;
 * any thread. Connections keep the one that they began with: a new pair is for those that come. */

G_BEGIN_DECLS

typedef struct _SynTlsServer SynTlsServer;

/* Of two files in PEM, which may be one and the same; the chain follows its certificate. NULL with SYN_ERROR_INVALID: the message names the file, and
 * what is wrong with it. */
SynTlsServer *syn_tls_server_new (const char *certificate_file, const char *key_file, GError **error);
SynTlsServer *syn_tls_server_ref (SynTlsServer *self);
void syn_tls_server_unref (SynTlsServer *self);

/* The certificate's subject, as "CN=host.example,O=…". */
const char *syn_tls_server_get_subject (SynTlsServer *self);
/* The first second of its time, and the last one, since 1970. */
gint64 syn_tls_server_get_not_before_s (SynTlsServer *self);
gint64 syn_tls_server_get_not_after_s (SynTlsServer *self);
/* Makes @connection one of this server's. */
void syn_tls_server_set_up (SynTlsServer *self, gnutls_session_t connection);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynTlsServer, syn_tls_server_unref)

G_END_DECLS
