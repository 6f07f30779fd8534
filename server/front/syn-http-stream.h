/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "syn-tls.h"

/* A connected socket as the GIOStream that a SoupServer reads from and writes to. On the front lane only. */

G_BEGIN_DECLS

#define SYN_TYPE_HTTP_STREAM (syn_http_stream_get_type ())
G_DECLARE_FINAL_TYPE (SynHttpStream, syn_http_stream, SYN, HTTP_STREAM, GIOStream)

/* Takes @fd (non-blocking) and @tls (nullable). */
SynHttpStream *syn_http_stream_new (int fd, SynTls *tls);
/* What was read of it before: given to libsoup first. */
void syn_http_stream_set_first (SynHttpStream *self, GBytes *first);
/* -1 once it is closed or taken. */
int syn_http_stream_get_fd (SynHttpStream *self);
/* What was encrypted is there to be read, without the socket being readable. */
gboolean syn_http_stream_has_pending (SynHttpStream *self);
SynTls *syn_http_stream_get_tls (SynHttpStream *self);
/* Takes the descriptor out, and @tls (out) (nullable): the caller closes both. The stream is then as good as closed. */
int syn_http_stream_take_fd (SynHttpStream *self, SynTls **tls);
/* Between requests: the end of the stream is then told to libsoup as the smallest bad request, because
 * libsoup 3.2 forgets (and leaks) a keep-alive connection whose end it meets there. */
void syn_http_stream_set_idle (SynHttpStream *self, gboolean idle);
/* While a request's head comes, nobody of ours has seen the request: what is written then is libsoup's refusal of what is
 * no request (a wrong %-escape, a header without a colon), without a word. It is sent with its status, and a body
 * like that of all errors. */
void syn_http_stream_set_unseen (SynHttpStream *self, gboolean unseen);
/* Both directions end now; libsoup finds out when it next reads or writes, and lets go of the connection. */
void syn_http_stream_abort (SynHttpStream *self);
/* Called once, when the descriptor is closed or taken. */
void syn_http_stream_set_gone (SynHttpStream *self, void (*gone) (gpointer user_data), gpointer user_data);
/* Bytes moved so far, in both directions: grows while the peer is alive. */
guint64 syn_http_stream_get_progress (SynHttpStream *self);

G_END_DECLS
