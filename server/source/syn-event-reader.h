/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-batch.h"

/* Strict readers of flat events, compiled from a source's fields: NDJSON, a JSON array of objects, CSV. Incremental: text
 * comes in pieces, split anywhere; memory is bounded by the longest line allowed. Errors say what was expected and
 * where, as a SynReadError beside the GError. Thread-agnostic; one thread at a time. */

G_BEGIN_DECLS

typedef enum { SYN_FORMAT_NDJSON, SYN_FORMAT_JSON, SYN_FORMAT_CSV } SynFormat;

typedef struct {
  guint64 line;     /* from 1; of the text; for a JSON array: the line in the text */
  guint column;     /* bytes into the line, from 1 */
  char field[129];  /* the field's name, or "" */
} SynReadPlace;

typedef struct _SynEventReader SynEventReader;

/* @header: CSV: TRUE reads the first line as column names; FALSE takes the source's `columns`. */
SynEventReader *syn_event_reader_new (const SynSourceSpec *source, SynFormat format, gboolean header);
void syn_event_reader_free (SynEventReader *self);
/* Feeds text; complete events are committed to @builder. FALSE: SYN_ERROR_INVALID or SYN_ERROR_TOO_LARGE, and
 * @place says where; events committed before stay in the builder (the caller drops them for all-or-nothing). */
gboolean syn_event_reader_feed (SynEventReader *self, SynEventBuilder *builder, const char *text, gsize length,
                                SynReadPlace *place, GError **error);
/* The end of the text: an unfinished last line is read too; half an event is an error. */
gboolean syn_event_reader_finish (SynEventReader *self, SynEventBuilder *builder, SynReadPlace *place, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynEventReader, syn_event_reader_free)

G_END_DECLS
