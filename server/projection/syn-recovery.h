/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "syn-table.h"

/* Whether a projection has all that its durable sources had, or is being given again what it lacks: after its activation, and after a gap. Of the grain's
 * activation, on its lane. */

G_BEGIN_DECLS

typedef struct _SynRecovery SynRecovery;

/* @ended: it has all now; perhaps several times. */
SynRecovery *syn_recovery_new (SynLane *lane, const SynProjectionSpec *spec, void (*ended) (gpointer owner), gpointer owner);
/* Asks each durable source, or the conflation of the group, for what the projection lacks; those that are being asked already are not asked again. @input: only
 * that one; -1: all. */
void syn_recovery_begin (SynRecovery *self, int input);
/* A batch or partial of @input says that the source had so many when its replay began; 0: it does not. */
void syn_recovery_note_end (SynRecovery *self, guint input, guint64 replay_end);
gboolean syn_recovery_is_over (const SynRecovery *self);
/* Of its durable sources together: events that it has, and those that it is known to be going to have. */
void syn_recovery_get_events (const SynRecovery *self, const SynProgress *progress, guint64 *n_events, guint64 *n_all);
/* What polls are answered meanwhile: UNAVAILABLE. */
GError *syn_recovery_make_error (const SynRecovery *self, const SynProgress *progress);
void syn_recovery_free (SynRecovery *self);

G_END_DECLS
