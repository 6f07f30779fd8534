/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "synoptic-grain.h"

/* Events from a grain of one's own, into a source of the catalog: published as by POST /v1/sources/NAME/events, from within. */

G_BEGIN_DECLS

typedef struct {
  guint64 accepted; /* events of this request */
  guint64 sequence; /* of the last event that the source has accepted */
} SynReceipt;

/* @source: the name of a source of kind "http". @ndjson: one JSON object a line, UTF-8; all of it or nothing. @reply: payload a SynReceipt, to be
 * freed with g_free(); errors: NOT_FOUND (no such source), INVALID ("line 3, column 7: …"; or the source is of another kind), TOO_LARGE,
 * OVERLOADED (the projections are behind: publish again later), TIMEOUT. One after the other: publish again from the reply, so that what you make
 * never waits in a mailbox. On behalf of the request whose turn it is. */
SYN_PUBLIC void syn_grain_publish (SynGrain *from, const char *source, GBytes *ndjson, SynReplyFunc reply, gpointer user_data);

G_END_DECLS
