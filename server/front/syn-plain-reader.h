/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "replica-snapshot.h"
#include "syn-http-headers.h"
#include "syn-limits.h"

/* The requests that stay out of libsoup: a plain poll, and the handshake of a WebSocket. A strict reader: what it takes is what libsoup
 * would have read in the same bytes, and everything else (another method, a body, a header that changes the answer, any doubt) is left to
 * libsoup, untouched. Pure: bytes in, a request out. */

G_BEGIN_DECLS

#define SYN_PLAIN_HEAD_MAX SYN_MAX_PLAIN_HEAD_BYTES
#define SYN_PLAIN_VALUE_MAX 256 /* of a value that is looked at */

typedef enum
{
  SYN_PLAIN_MORE,    /* plain so far, but the head's end has not come */
  SYN_PLAIN_POLL,    /* GET /v1/projections/PATH */
  SYN_PLAIN_UPGRADE, /* GET /v1/replica: all that the handshake needs is there */
  SYN_PLAIN_OTHER,   /* libsoup's; found as early as the byte that says so is there */
} SynPlainKind;

/* A stretch of the head; NULL: there is none. */
typedef struct
{
  const char *text;
  gsize length;
} SynPlainSpan;

typedef struct
{
  gsize length;        /* of the whole head */
  SynPlainSpan path;   /* of a poll: what follows /v1/projections/, as it was written */
  SynPlainSpan host;   /* always there; not judged */
  SynPlainSpan accept, prefer;
  SynPlainSpan origin; /* not judged: of an upgrade it matters */
  SynPlainSpan agent;  /* of User-Agent */
  SynPlainSpan key;    /* of an upgrade */
  ReplicaToken token;  /* of If-None-Match, which has one entity tag, or REPLICA_TOKEN_NONE */
} SynPlainRequest;

/* @request is filled for POLL and UPGRADE only, and points into @data. What follows the head is not looked at. */
SynPlainKind syn_plain_read (const char *data, gsize length, SynPlainRequest *request);

/* Copies @span, which must not be longer than SYN_PLAIN_VALUE_MAX, as text; NULL for none. @text: SYN_PLAIN_VALUE_MAX + 1 bytes. */
const char *syn_plain_span_to_text (SynPlainSpan span, char *text);

/* The hosts that were allowed last: most requests have the same. Zero it before first use. */
typedef struct
{
  gsize length;
  char text[64];
} SynPlainHost;
/* Whether @request, which has been read, is addressed to this server, and (an upgrade) from a page that may. */
gboolean syn_plain_is_allowed (SynPlainHost *known, const SynPlainRequest *request);

G_END_DECLS
