/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

/* What a client of https:// has to say of certificates. Whether one is good is decided by GLib's TLS and what it was given to trust, never here: there is no
 * way to take one that was refused. Any thread. Internal to the repository. */

G_BEGIN_DECLS

/* The certificates of a PEM file, as all that is trusted. NULL with INVALID: it cannot be read, or there is none in it. */
GTlsDatabase *replica_tls_load_ca (const char *file, GError **error);
/* Before @message is sent: remembers why the server's certificate is refused, if it is. */
void replica_tls_watch (SoupMessage *message);
/* Why @message failed: @error's text, unless there is something clearer to say of the server's certificate. */
char *replica_tls_dup_reason (SoupMessage *message, const GError *error);
/* Why a certificate is refused, in words that follow "its certificate": "expired on …; is for …, not for HOST". */
char *replica_tls_describe (GTlsCertificateFlags flaws, GTlsCertificate *certificate, const char *host);

G_END_DECLS
