/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-metrics.h"
#include "syn-progress.h"
#include "syn-projection.h"
#include "syn-window.h"

/* What the files of this room share. */

G_BEGIN_DECLS

typedef struct {
  SynMetric applied;
  SynMetric late;
  SynMetric untimed;
  SynMetric dropped;
  SynMetric lost_values;
  SynMetric repeated;
  SynMetric partials;
  SynMetric partial_rows;
  SynMetric merge_errors;
  SynMetric snapshots;
  SynMetric snapshot_us;
  SynMetric evaluations;
  SynMetric incremental;
  SynMetric question_bytes;
  SynMetric stretched;
  SynMetric stretches;
  SynMetric checkpoints;
  SynMetric checkpoint_bytes;
  SynMetric checkpoint_errors;
  SynMetric recovering;
} SynProjectionMetrics;

#define SYN_PROJECTIONS_DATA "projections" /* the silo's: the SynCatalog */

/* To a projection grain: payload a SynPartial of its group; the reply (NULL payload) says that it is merged. */
#define SYN_MERGE_METHOD 1
/* From a projection grain to itself: replied to at once, after all that is in its mailbox already. */
#define SYN_PASS_METHOD 2
/* Likewise: the next slice of a checkpoint. */
#define SYN_CHECKPOINT_METHOD 3
/* To a projection grain from the conflation of its group: how far it is; the reply is a SynResume. After all partials that were handed to it before. */
#define SYN_RESUME_METHOD 4
/* To a conflation grain: what it has leaves for the projections now; the reply (NULL payload) comes after it. */
#define SYN_FLUSH_METHOD 1
/* To a conflation grain, from a projection of its group that lacks events of durable sources: the reply (NULL payload) comes after the partials that bring it
 * all that the sources had. */
#define SYN_RECOVER_METHOD 2

/* How far a projection is: what a conflation that starts again has to know. */
typedef struct {
  SynWindowClock clock;
  guint n_inputs;
  SynProgress progress[]; /* of each input */
} SynResume;

/* SYN_MAX_QUESTION_BYTES; tests lower it. */
extern guint64 syn_query_max_bytes;
const SynProjectionMetrics *syn_projection_metrics (void); /* registered once; any thread */

extern const SynGrainType syn_projection_grain_type; /* type_data: the SynCatalog */
extern const SynGrainType syn_conflation_grain_type; /* type_data: the SynCatalog */
extern const SynGrainType syn_query_grain_type;      /* type_data: the SynCatalog */

G_END_DECLS
