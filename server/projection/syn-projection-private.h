/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-metrics.h"
#include "syn-projection.h"

/* What the files of this room share. */

G_BEGIN_DECLS

typedef struct {
  SynMetric applied;
  SynMetric late;
  SynMetric untimed;
  SynMetric dropped;
  SynMetric lost_values;
  SynMetric snapshots;
  SynMetric snapshot_us;
} SynProjectionMetrics;

const SynProjectionMetrics *syn_projection_metrics (void); /* registered once; any thread */

extern const SynGrainType syn_projection_grain_type; /* type_data: the SynCatalog */
extern const SynGrainType syn_query_grain_type;      /* type_data: the SynCatalog */

G_END_DECLS
