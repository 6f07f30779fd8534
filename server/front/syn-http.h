/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"
#include "syn-catalog.h"
#include "syn-tls-server.h"

/* HTTP: the SoupServer of the front, its routes and its connections. Front lane. */

G_BEGIN_DECLS

typedef struct _SynHttp SynHttp;

SynHttp *syn_http_new (SynSilo *silo, SynCatalog *catalog, GError **error);
void syn_http_free (SynHttp *self);
/* From now on every connection must be TLS. Again: those that come are shown this one. */
void syn_http_set_tls (SynHttp *self, SynTlsServer *server);
void syn_http_set_ready (SynHttp *self, gboolean ready);
/* Takes @fd, a new connection, non-blocking; -1: one was closed unserved, for there was no descriptor for it. */
void syn_http_take (SynHttp *self, int fd);
/* The same, past the door: straight to libsoup. */
void syn_http_accept (SynHttp *self, int fd, GSocketAddress *local, GSocketAddress *remote);
/* Answers what is parked, closes what is idle, and makes every answer from now on the last of its connection.
 */
void syn_http_drain (SynHttp *self);
/* Instead of SYN_MAX_UPLOAD_BYTES and SYN_MAX_CONNECTIONS: for tests. */
void syn_http_set_limits (SynHttp *self, gsize max_upload_bytes, guint max_web_sockets);
/* Connections that are still there, those that are WebSockets apart. */
guint syn_http_count (SynHttp *self);
/* What the threads of TLS do, on a silo that is stepped. */
void syn_http_step_tls (SynHttp *self, gint64 now_ms);

G_END_DECLS
