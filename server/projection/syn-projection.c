/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The room's door: grain types, metrics, and paths to grains. syn_projections_register() runs before the lanes start;
 * syn_projection_resolve() runs on any thread, for the catalog is immutable. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-projection-private.h"
#include "syn-error.h"
#include "syn-query.h"
#include "syn-silo-private.h"

const SynProjectionMetrics *
syn_projection_metrics (void)
{
  static SynProjectionMetrics metrics;
  static gsize registered;

  if (g_once_init_enter (&registered))
    {
      metrics.applied = syn_metric_register (SYN_METRIC_COUNTER, "applied_events_total",
                                             "Events applied to projections, each counted once per projection");
      metrics.late = syn_metric_register (SYN_METRIC_COUNTER, "late_events_total",
                                          "Events whose window was no longer kept by a projection");
      metrics.untimed = syn_metric_register (SYN_METRIC_COUNTER, "untimed_events_total",
                                             "Events without an event time that a window could use");
      metrics.dropped = syn_metric_register (SYN_METRIC_COUNTER, "dropped_events_total",
                                             "Events that a projection had no room for");
      metrics.lost_values = syn_metric_register (SYN_METRIC_COUNTER, "dropped_values_total",
                                                 "Strings that an aggregate had no room for");
      metrics.repeated = syn_metric_register (SYN_METRIC_COUNTER, "repeated_events_total",
                                              "Events that came a second time, and were not counted again");
      metrics.partials = syn_metric_register (SYN_METRIC_COUNTER, "partials_total", "Partials that conflation handed to projections");
      metrics.partial_rows = syn_metric_register (SYN_METRIC_COUNTER, "partial_rows_total", "Rows of the partials that conflation handed over");
      metrics.merge_errors = syn_metric_register (SYN_METRIC_COUNTER, "merge_errors_total", "Partials that a projection did not merge");
      metrics.snapshots = syn_metric_register (SYN_METRIC_COUNTER, "snapshots_total",
                                               "Snapshots made by projections and queries");
      metrics.snapshot_us = syn_metric_register (SYN_METRIC_COUNTER, "snapshot_us_total",
                                                 "Time spent making snapshots");
      metrics.evaluations = syn_metric_register (SYN_METRIC_COUNTER, "query_evaluations_total", "Answers computed by queries");
      metrics.incremental = syn_metric_register (SYN_METRIC_COUNTER, "query_incremental_total",
                                                 "Of the answers computed by queries, those from changed rows only");
      metrics.question_bytes = syn_metric_register (SYN_METRIC_GAUGE, "question_bytes",
                                                    "Bytes of the answers to questions, and of what is remembered to go on from");
      metrics.stretched = syn_metric_register (SYN_METRIC_GAUGE, "snapshots_stretched",
                                               "Projections and questions whose snapshots come less often, for their lane has too much to do");
      metrics.stretches = syn_metric_register (SYN_METRIC_COUNTER, "snapshot_stretches_total",
                                               "Times that the interval of some projection's or question's snapshots was doubled");
      metrics.checkpoints = syn_metric_register (SYN_METRIC_COUNTER, "checkpoints_total", "Checkpoints of projections that were written");
      metrics.checkpoint_bytes = syn_metric_register (SYN_METRIC_COUNTER, "checkpoint_bytes_total", "Bytes of the checkpoints that were to be written");
      metrics.checkpoint_errors = syn_metric_register (SYN_METRIC_COUNTER, "checkpoint_errors_total", "Checkpoints that could not be written");
      metrics.recovering = syn_metric_register (SYN_METRIC_GAUGE, "projections_recovering",
                                                "Projections that are being given again what came after their checkpoint");
      g_once_init_leave (&registered, 1);
    }
  return &metrics;
}

/**
 * syn_projections_register:
 * @silo: a silo that has not started
 * @catalog: must outlive @silo
 *
 * Registers the grain types, and keeps one projection grain per projection of the catalog and one conflation grain per group that is
 * conflated.
 */
void
syn_projections_register (SynSilo *silo, SynCatalog *catalog)
{
  syn_projection_metrics ();
  syn_silo_set_data (silo, SYN_PROJECTIONS_DATA, catalog, NULL);
  syn_silo_register (silo, &syn_projection_grain_type, catalog);
  syn_silo_register (silo, &syn_conflation_grain_type, catalog);
  syn_silo_register (silo, &syn_query_grain_type, catalog);
  for (guint i = 0; i < syn_catalog_get_n_projections (catalog); i++)
    if (syn_catalog_get_projection (catalog, i)->module == NULL)
      syn_silo_keep (silo, SYN_PROJECTION_GRAIN, syn_catalog_get_projection (catalog, i)->name);
  for (guint i = 0; i < syn_catalog_get_n_conflations (catalog); i++)
    if (!syn_catalog_get_conflation (catalog, i)->direct)
      syn_silo_keep (silo, SYN_CONFLATION_GRAIN, syn_catalog_get_conflation (catalog, i)->name);
}

void
syn_projection_spec_get_grain (const SynProjectionSpec *spec, const char **type, const char **key)
{
  *type = spec->module != NULL ? spec->served_type : SYN_PROJECTION_GRAIN;
  *key = spec->module != NULL ? spec->served_key : spec->name;
}

gboolean
syn_projection_resolve (const char *path, const char **type, char **canonical, gpointer user_data, GError **error)
{
  g_autoptr (SynQuery) query = syn_query_parse (path, user_data, error);
  const char *key;

  if (query == NULL)
    return FALSE;
  *type = SYN_QUERY_GRAIN;
  key = query->canonical;
  if (syn_query_is_plain (query))
    syn_projection_spec_get_grain (query->bases[0], type, &key);
  *canonical = g_strdup (key);
  return TRUE;
}

gboolean
syn_projection_check_follows (const char *leader, const char *follower, SynCatalog *catalog, GError **error)
{
  g_autoptr (SynQuery) a = syn_query_parse (leader, catalog, error);
  g_autoptr (SynQuery) b = a != NULL ? syn_query_parse (follower, catalog, error) : NULL;

  if (b == NULL)
    return FALSE;
  for (guint i = 0; i < a->n_columns; i++)
    for (guint j = 0; j < b->n_columns && a->columns[i].is_key; j++)
      if (b->columns[j].is_key && strcmp (a->columns[i].name, b->columns[j].name) == 0
          && syn_program_get_type_of (a->columns[i].expr.program, NULL) == syn_program_get_type_of (b->columns[j].expr.program, NULL))
        return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "\"follows\": \"%s\" has no key column in common with it", leader);
  return FALSE;
}

gint64
syn_projections_count_recovering (SynSilo *silo)
{
  return syn_metric_sum (silo, syn_projection_metrics ()->recovering);
}
