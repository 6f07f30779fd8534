/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "syn-placement.h"
#include "syn-store.h"

/* One server process: its lanes, its grain types, its incarnation. */

G_BEGIN_DECLS

typedef struct {
  guint n_lanes;          /* 0: one per core */
  const char *data_dir;   /* (nullable): locked, and the incarnation counted in it; NULL (tests): incarnation from the clock */
  const SynPlacement *placement; /* (nullable): syn_placement_local */
} SynSiloOptions;

/* Takes the lock on @data_dir (made when missing): a second silo on the same folder is refused with a clear error. */
SynSilo *syn_silo_new (const SynSiloOptions *options, GError **error);
void syn_silo_register (SynSilo *self, const SynGrainType *type, gpointer type_data);
/* What keeps the state of grains and their reminders: (transfer full). Before the start; without one, a memory store is made then. */
void syn_silo_set_store (SynSilo *self, SynStore *store);
SynStore *syn_silo_get_store (SynSilo *self); /* after the start: any thread */
/* Names an always-on grain: activated when the silo starts, restarted after errors. */
void syn_silo_keep (SynSilo *self, const char *type, const char *key);
/* Before the silo starts. At most SYN_MAX_FILTERS. */
void syn_silo_add_filter (SynSilo *self, const SynFilter *filter, gpointer user_data);
/* Starts the lane threads, then the always-on grains. The calling thread becomes the front lane on @front_context. */
gboolean syn_silo_start (SynSilo *self, GMainContext *front_context, GError **error);
/* Deactivates everything (parked polls are answered UNAVAILABLE or unchanged), then calls @done on the front lane. New
 * calls fail UNAVAILABLE. */
void syn_silo_drain (SynSilo *self, void (*done) (gpointer user_data), gpointer user_data);
void syn_silo_free (SynSilo *self); /* after the drain: joins the threads */

guint syn_silo_get_n_lanes (SynSilo *self); /* without the front's */
SynLane *syn_silo_get_lane (SynSilo *self, guint index);
SynLane *syn_silo_get_front_lane (SynSilo *self);
guint32 syn_silo_get_incarnation (SynSilo *self);
gint64 syn_silo_get_started_us (SynSilo *self);
guint syn_partition_of (const char *type, const char *key);
/* The types of grains that are registered, those of modules too; and what is active, per type. Any thread, once the silo is started. */
guint syn_silo_get_n_types (SynSilo *self);
const char *syn_silo_get_type_name (SynSilo *self, guint index);
guint syn_silo_get_n_activations (SynSilo *self, const char *type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynSilo, syn_silo_free)

G_END_DECLS
