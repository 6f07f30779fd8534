/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"
#include "syn-event-batch.h"
#include "syn-silo-test.h"

/* A silo within the benchmark's own process, without what it has around it; whatever fails ends the benchmark. One thread. */

G_BEGIN_DECLS

/* (transfer full) */
SynCatalog *bench_catalog_new (const char *json);

/* @n trades as a batch of @source, whose fields are BENCH_MARKET_FIELDS. Their keys are random ones of @n_keys, or, with 0, those from
 * @first_key on, each once; their sequences begin with @sequence. (transfer full) */
SynEventBatch *bench_market_batch (const SynSourceSpec *source, GRand *rand, guint n, guint first_key, guint n_keys, guint64 sequence);

/* A stepped silo of one lane with the catalog's sources and projections, started and settled. Freed by syn_silo_free(). */
SynSilo *bench_silo_new (SynCatalog *catalog);
/* Publishes NDJSON at the source "trades"; what comes of it comes with the next step. */
void bench_silo_publish (SynSilo *silo, const GString *text);

G_END_DECLS
