/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-rows.h"

/* A partial: what the events of one tick come to, for all projections of a conflation group: per key (and pane of a window) the union of their
 * aggregates. Filled by one thread; once it is sealed it is immutable, and shared by the projections that merge it. Refcounted atomically. */

G_BEGIN_DECLS

typedef struct _SynPartial SynPartial;

/* Which of a source's events are in it: all from @first to @last. */
typedef struct {
  guint64 epoch;
  guint64 first; /* 0: none of this source */
  guint64 last;
  guint64 record; /* of durable sources: of the journal, that of the last */
  guint64 replay_end; /* likewise: that of its batches; 0: they are new */
  gboolean is_first; /* likewise: nothing before it is in the journal any more */
} SynSpan;

SynPartial *syn_partial_new (const SynConflationSpec *group, guint max_rows, gsize max_text_bytes);
SynPartial *syn_partial_ref (SynPartial *self);
void syn_partial_unref (SynPartial *self);
/* Takes events @skip up to, not including, @end of @batch in; it must be of one of the group's sources, in the order of their sequences. @clock goes from partial to
 * partial. */
void syn_partial_add (SynPartial *self, SynWindowClock *clock, SynEventBatch *batch, guint skip, guint end);
gboolean syn_partial_is_empty (const SynPartial *self); /* no event was given, which is not to say that any counted */
gsize syn_partial_get_taken_bytes (const SynPartial *self); /* of the batches that went in */

const SynConflationSpec *syn_partial_get_group (const SynPartial *self);
guint syn_partial_get_n_rows (const SynPartial *self);
const SynRows *syn_partial_get_rows (const SynPartial *self);
const guint64 *syn_partial_get_n_events (const SynPartial *self); /* that went into each row */
const SynSpan *syn_partial_get_spans (const SynPartial *self);    /* of each input */
const SynWindowClock *syn_partial_get_clock (const SynPartial *self); /* after its last event */
/* What never came to a row: late, untimed, dropped; and lost values. applied is 0: it is the table that says. */
const SynTableCounts *syn_partial_get_counts (const SynPartial *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynPartial, syn_partial_unref)

G_END_DECLS
