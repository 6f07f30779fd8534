/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "replica-snapshot.h"
#include "syn-event-reader.h"

/* What the front reads out of request headers. Pure functions over text: no message, no lane. */

G_BEGIN_DECLS

/* The forms of a snapshot over HTTP, in the server's order of preference. */
typedef enum
{
  SYN_FORM_JSON,
  SYN_FORM_CSV,
  SYN_FORM_BINARY,
  SYN_N_FORMS,
} SynForm;

#define SYN_TYPE_BINARY "application/vnd.synoptic.snapshot"

/* As it is written in Content-Type. */
const char *syn_form_content_type (SynForm form);

/* The form that @accept (nullable: any) likes best by RFC 9110 §12.5.1; FALSE: none of them. */
gboolean syn_http_negotiate (const char *accept, SynForm *form);

#define SYN_HTTP_MAX_TAGS 16 /* entity tags looked at in one If-None-Match */

typedef struct
{
  gboolean any; /* `*` */
  guint n_tokens;
  ReplicaToken tokens[SYN_HTTP_MAX_TAGS];
} SynIfNoneMatch;

/* Weak (`W/"…"`) and strong tags are the same here, as RFC 9110 §13.1.2 wants; tags that are not ours match
 * nothing. */
void syn_http_parse_if_none_match (const char *text, SynIfNoneMatch *match);
gboolean syn_http_matches (const SynIfNoneMatch *match, ReplicaToken token);

/* The seconds of `wait=N` in a Prefer header (RFC 7240), at most SYN_HOLD_MAX_MS; -1: none. */
int syn_http_parse_prefer_wait (const char *text);

/* The format of a body that is published, by its Content-Type (nullable: NDJSON). FALSE: none that is read
 * here. */
gboolean syn_http_parse_content_type (const char *text, SynFormat *format);

/* The number of a request in Synoptic-Sequence: digits, from 1 to 2⁶³ − 1. */
gboolean syn_http_parse_request_number (const char *text, guint64 *number);

/* Whether a page from @origin may publish here and connect: its host is loopback. (The server's own name is, too: see
 * syn_http_host_is_allowed().) */
gboolean syn_http_origin_is_allowed (const char *origin);

/* Whether a request may be addressed to @host (nullable): a name of this host's loopback. A page whose own name was made to resolve to
 * 127.0.0.1 (DNS rebinding) is of the same origin for its browser, but says that name here. */
gboolean syn_http_host_is_allowed (const char *host);

/* Whether the comma-separated @list (nullable) has @word, case-insensitively. */
gboolean syn_http_list_has (const char *list, const char *word);

G_END_DECLS
