/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "synoptic-projection.h"

/* What every grain that owns snapshots does with polls: synoptic-projection.h; and what only the server's own need of it. */

G_BEGIN_DECLS

/* At what pace its snapshots come when it has no cap of its own: what a busy lane stretches. */
void syn_outlet_set_pace_ms (SynOutlet *self, guint pace_ms);
/* For how many its snapshots are: the readers of the last one. */
guint syn_outlet_get_n_readers (SynOutlet *self);
/* The cap allows a snapshot now. */
gboolean syn_outlet_may_make (SynOutlet *self);
/* The answer to a poll for which there is no room; also for owners that keep polls back before they hand them over. */
void syn_outlet_refuse (SynOutlet *self, SynMessage *message);

G_END_DECLS
