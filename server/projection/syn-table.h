/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-batch.h"
#include "syn-partial.h"
#include "syn-progress.h"
#include "replica-snapshot.h"

/* The state of one projection: rows by key, the aggregates of each, and how they are shown. Knows no grain and no clock. */

G_BEGIN_DECLS

typedef struct _SynTable SynTable;

/* @spec must outlive the table. @max_rows: SYN_MAX_ROWS; @max_text_bytes per string column: SYN_TABLE_MAX_TEXT_BYTES. */
#define SYN_TABLE_MAX_TEXT_BYTES (1u << 30)
SynTable *syn_table_new (const SynProjectionSpec *spec, guint max_rows, gsize max_text_bytes);
void syn_table_free (SynTable *self);
/* Applies all of @batch, which must be of one of the projection's sources, but for events that it has already. Adds to @counts. Room is
 * judged as of the end of the batch before: windows that fall out of `keep` are removed at the end of the batch that moved the newest one on. */
void syn_table_apply (SynTable *self, SynEventBatch *batch, SynTableCounts *counts);
/* The same for the events that @partial, of the projection's group, has taken in; nothing when it has them already. FALSE: it is not the group's, or
 * the table has some of its events but not all; then nothing was changed. */
gboolean syn_table_merge (SynTable *self, const SynPartial *partial, SynTableCounts *counts, GError **error);
guint syn_table_get_n_rows (const SynTable *self);
const SynProgress *syn_table_get_progress (const SynTable *self); /* of each input */
const SynWindowClock *syn_table_get_clock (const SynTable *self);
/* Whether events of a durable source are missing before @batch, of one of the projection's sources; then it is not to be applied. */
gboolean syn_table_has_gap (const SynTable *self, SynEventBatch *batch);
int syn_table_find_gap (const SynTable *self, const SynPartial *partial); /* the input of which there are; -1: of none */
/* Errors: SYN_ERROR_TOO_LARGE. */
ReplicaSnapshot *syn_table_make_snapshot (SynTable *self, ReplicaToken token, gint64 time_us, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynTable, syn_table_free)

G_END_DECLS
