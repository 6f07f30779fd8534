/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "syn-table.h"

/* What a projection with durable sources does about its checkpoints: gets the newest at its activation, writes one now and then while turns go on, and holds
 * what the journal must keep for it. Of the grain's activation, on its lane. */

G_BEGIN_DECLS

typedef struct _SynCheckpoints SynCheckpoints;

typedef struct {
  /* @table, a new one, is as the newest good checkpoint has it, or empty; or @error: the activation is to fail. Once. */
  void (*loaded) (gpointer owner, SynTable *table, const GError *error);
  /* The next slice of a checkpoint: syn_checkpoints_step() is to be called in a turn of its own, soon, after what waits already. */
  void (*wants_step) (gpointer owner);
} SynCheckpointsOwner;

/* NULL: it has no durable source, or the silo no journal. */
SynCheckpoints *syn_checkpoints_new (SynGrain *grain, SynCatalog *catalog, const SynProjectionSpec *spec, const SynCheckpointsOwner *functions,
                                     gpointer owner);
/* Once; `loaded` comes later. */
void syn_checkpoints_load (SynCheckpoints *self);
/* Events were taken in, or passed over: perhaps one is due. */
void syn_checkpoints_note_progress (SynCheckpoints *self);
void syn_checkpoints_step (SynCheckpoints *self);
/* The activation ends: writes a last one, when something changed and it is not too large for that. Before the table is freed. */
void syn_checkpoints_free (SynCheckpoints *self);

G_END_DECLS
