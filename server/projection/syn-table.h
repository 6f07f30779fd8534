/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-event-batch.h"
#include "replica-snapshot.h"

/* The state of one projection: rows by key, the aggregates of each, and how they are shown. Knows no grain and no clock. */

G_BEGIN_DECLS

typedef struct _SynTable SynTable;

/* What became of the events of a batch; @applied + @late + @untimed + @dropped are those that passed `where`. */
typedef struct {
  guint64 applied;
  guint64 late;        /* their bucket was gone already */
  guint64 untimed;     /* windows: without an event time, or one that has no bucket in 64 bits */
  guint64 dropped;     /* they needed a row, or text of a key, and there was no room */
  guint64 lost_values; /* applied, but a string of an aggregate found no room */
} SynTableCounts;

/* @spec must outlive the table. @max_rows: SYN_MAX_ROWS; @max_text_bytes per string column: SYN_TABLE_MAX_TEXT_BYTES. */
#define SYN_TABLE_MAX_TEXT_BYTES (1u << 30)
SynTable *syn_table_new (const SynProjectionSpec *spec, guint max_rows, gsize max_text_bytes);
void syn_table_free (SynTable *self);
/* Applies all of @batch, which must be of one of the projection's sources. Adds to @counts. Room is judged as of the end of the batch
 * before: buckets that fall out of `keep` are removed at the end of the batch that moved the newest one on. */
void syn_table_apply (SynTable *self, SynEventBatch *batch, SynTableCounts *counts);
guint syn_table_get_n_rows (const SynTable *self);
/* Errors: SYN_ERROR_TOO_LARGE. */
ReplicaSnapshot *syn_table_make_snapshot (SynTable *self, ReplicaToken token, gint64 time_us, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynTable, syn_table_free)

G_END_DECLS
