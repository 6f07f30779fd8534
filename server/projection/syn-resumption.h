/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "syn-progress.h"
#include "syn-window.h"

/* How a conflation begins, and begins again when one of its projections lacks something: asks all of them how far they are, then the durable sources
 * for what the least of them lacks. Of the conflation's activation, on its lane. */

G_BEGIN_DECLS

typedef struct _SynResumption SynResumption;

typedef struct {
  void (*ask) (gpointer owner);      /* a round begins: what is there is to be handed over, so that what projections say is after it */
  void (*resume) (gpointer owner);   /* all have said: go on from where syn_resumption_get_progress() is */
  void (*finish) (gpointer owner);   /* the sources have replayed: what is there is to be handed over */
} SynResumptionOwner;

/* NULL: no source is durable. */
SynResumption *syn_resumption_new (SynLane *lane, const SynConflationSpec *group, const SynResumptionOwner *functions, gpointer owner);
void syn_resumption_begin (SynResumption *self);
/* @message is answered (NULL payload) at the end of a round that begins from now on. */
void syn_resumption_add (SynResumption *self, SynMessage *message);
/* Some batch would leave a gap: unless a round is going on, another one begins. */
void syn_resumption_note_gap (SynResumption *self);
gboolean syn_resumption_is_asking (const SynResumption *self);
/* From `resume` on: of a durable input, what all projections have; and the clock of the one that is the furthest behind. */
const SynProgress *syn_resumption_get_progress (const SynResumption *self, guint input);
const SynWindowClock *syn_resumption_get_clock (const SynResumption *self);
/* The first sequence not below @from at which some projection's own events of @input end: a partial must not go across it. 0: there is none. */
guint64 syn_resumption_get_seal (const SynResumption *self, guint input, guint64 from);
/* The last event of @input that some projection has; 0: none. */
guint64 syn_resumption_get_newest (const SynResumption *self, guint input);
/* Whether some projection has events beyond @progress (of each input): then partials are of one input each. */
gboolean syn_resumption_is_behind (const SynResumption *self, const SynProgress *progress);
void syn_resumption_free (SynResumption *self);

G_END_DECLS
