/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"

/* Text of events to the batches that go over the WebSocket, by the fields of their source as the server tells them. One thread. */

G_BEGIN_DECLS

typedef struct _CtlBatcher CtlBatcher;

/* @sources: what `GET /v1/sources` gives. Errors: NOT_FOUND, INVALID (not of kind http), PROTOCOL. */
CtlBatcher *ctl_batcher_new (GBytes *sources, const char *source, gboolean csv, GError **error);
void ctl_batcher_free (CtlBatcher *self);
/* The batch of all events in @text (of CSV with its header line), as request @number of @producer. NULL: INVALID or TOO_LARGE, said as the server says
 * it of the same text; @line: of @text, from 1; 0: not known; @field: "" when it is not known; valid until the next call. */
GBytes *ctl_batcher_make (CtlBatcher *self, const char *text, gsize length, const char *producer, guint64 number, guint64 *line,
                          const char **field, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlBatcher, ctl_batcher_free)

G_END_DECLS
