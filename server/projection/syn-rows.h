/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-aggregate.h"
#include "syn-event-batch.h"
#include "syn-key-table.h"
#include "syn-window.h"

/* Rows of aggregates by key: what a projection's table and a partial both are. In windows the start of a bucket is the last part of the key:
 * of a window in a table, of a pane in a partial; which are the same where windows tumble. One thread. */

G_BEGIN_DECLS

typedef struct _SynRowsCopy SynRowsCopy;

typedef struct {
  const SynProjectionSpec *spec;
  SynKeyTable *keys;         /* (owned) */
  SynAggregate **aggregates; /* (owned): n_aggregates */
  SynRowsCopy *copy;         /* (nullable): being made: who changes rows tells it first */
} SynRows;

void syn_rows_init (SynRows *self, const SynProjectionSpec *spec, guint max_rows, gsize max_text_bytes);
void syn_rows_clear (SynRows *self);
/* Applies the events of @batch from @skip up to, not including, @end, each to one row, and moves @clock on. Returns how many were applied; their rows are
 * *@rows, lent until the next use of SYN_SCRATCH_ROWS. */
guint syn_rows_apply (SynRows *self, SynWindowClock *clock, SynEventBatch *batch, guint skip, guint end, SynTableCounts *counts,
                      const guint32 **rows);
guint syn_rows_get_n (const SynRows *self);
void syn_rows_remove (SynRows *self, guint row); /* the last row takes its number */
void syn_rows_compact (SynRows *self, gboolean tight);

G_END_DECLS
