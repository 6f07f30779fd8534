/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The always-on grain "projection/PATH": takes batches from its sources into its table, and shows the table through its
 * outlet. Non-reentrant: a batch is applied whole before it is acknowledged and before the next poll is looked at, so a
 * snapshot's frontier is exact. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-outlet.h"
#include "syn-projection-private.h"
#include "syn-source.h"
#include "syn-table.h"

typedef struct {
  SynLane *lane;
  SynCatalog *catalog; /* (owned): the spec is its */
  const SynProjectionSpec *spec;
  SynTable *table;     /* (owned) */
  SynOutlet *outlet;   /* (owned) */
  gboolean has_warned;
} SynProjection;

static ReplicaSnapshot *
make_snapshot (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  SynProjection *self = owner;

  return syn_table_make_snapshot (self->table, token, time_us, error);
}

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  const SynProjectionSpec *spec = syn_catalog_find_projection (type_data, key);
  SynProjection *self;

  if (spec == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "no projection \"%s\"", key);
      return NULL;
    }
  self = g_new0 (SynProjection, 1);
  self->lane = syn_grain_get_lane (grain);
  self->catalog = syn_catalog_ref (type_data);
  self->spec = spec;
  self->table = syn_table_new (spec, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
  self->outlet = syn_outlet_new (grain, spec->min_interval_ms, SYN_MAX_PARKED_POLLS, make_snapshot, self);
  return self;
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  SynProjection *self = state;

  syn_outlet_free (self->outlet);
  syn_table_free (self->table);
  syn_catalog_unref (self->catalog);
  g_free (self);
}

static void
count (SynProjection *self, const SynTableCounts *counts)
{
  const SynProjectionMetrics *metrics = syn_projection_metrics ();

  syn_metric_add (self->lane, metrics->applied, (gint64) counts->applied);
  syn_metric_add (self->lane, metrics->late, (gint64) counts->late);
  syn_metric_add (self->lane, metrics->untimed, (gint64) counts->untimed);
  syn_metric_add (self->lane, metrics->dropped, (gint64) counts->dropped);
  syn_metric_add (self->lane, metrics->lost_values, (gint64) counts->lost_values);
  if (counts->dropped + counts->lost_values > 0 && !self->has_warned)
    {
      self->has_warned = TRUE;
      g_warning ("projection \"%s\" is full (%u rows): events that need more are dropped, and counted in "
                 "dropped_events_total and dropped_values_total",
                 self->spec->name, syn_table_get_n_rows (self->table));
    }
}

static void
apply (SynProjection *self, SynMessage *message)
{
  SynEventBatch *batch = syn_message_get_payload (message);
  SynTableCounts counts = { 0 };

  if (batch == NULL || syn_projection_spec_find_input (self->spec, syn_event_batch_get_source (batch)) < 0)
    {
      g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "projection \"%s\": a batch of another source",
                                              self->spec->name);

      syn_message_fail (message, error);
      return;
    }
  syn_table_apply (self->table, batch, &counts);
  count (self, &counts);
  syn_message_reply (message, NULL, NULL);
  /* Also when nothing in the rows changed: the frontier did, and somebody may wait for it. */
  syn_outlet_mark_dirty (self->outlet);
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynProjection *self = state;
  g_autoptr (GError) error = NULL;

  switch (syn_message_get_method (message))
    {
    case SYN_APPLY_METHOD:
      apply (self, message);
      break;
    case SYN_POLL_METHOD:
      syn_outlet_poll (self->outlet, message);
      break;
    default:
      error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "projection \"%s\": no method %d", self->spec->name,
                           syn_message_get_method (message));
      syn_message_fail (message, error);
      break;
    }
}

static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynProjection *self = state;

  syn_outlet_cancel (self->outlet, message);
}

/* Parked polls are open beside batches. */
static SynInterleave
interleave (int method)
{
  return method == SYN_POLL_METHOD ? SYN_ALWAYS : SYN_EXCLUSIVE;
}

const SynGrainType syn_projection_grain_type = {
  .name = SYN_PROJECTION_GRAIN,
  .idle_age_ms = 0,
  .always_on = TRUE,
  .interleave = interleave,
  .activate = activate,
  .receive = receive,
  .cancelled = cancelled,
  .deactivate = deactivate,
};
