/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"
#include "syn-event-reader.h"

/* The grain "source/NAME": gives events their sequence and hands each batch to the projections that are made from it, with
 * at most SYN_MAX_BATCHES_IN_FLIGHT unacknowledged. One per source, always on. Where its events come from is
 * its kind's business: http (published), file, simulator, host. */

G_BEGIN_DECLS

#define SYN_SOURCE_GRAIN "source"

typedef enum {
  SYN_SOURCE_PUBLISH = 1, /* payload: SynPublish; reply: SynPublished, or an error; http sources only (others: INVALID) */
  SYN_SOURCE_STATUS,      /* reply: SynSourceStatus */
} SynSourceMethod;

typedef struct {
  GBytes *body;
  SynFormat format;
} SynPublish;

/* The answer: @error is NULL when accepted. An invalid body is an answer, not a failed call, for it carries its place. */
typedef struct {
  guint64 accepted;
  guint64 sequence; /* of the last event accepted by this source so far */
  GError *error;
  SynReadPlace place;
} SynPublished;

typedef struct {
  guint64 sequence;
  guint batches_in_flight;
  gboolean finished;    /* file: read to the end; simulator: limit reached */
  char *error;          /* (nullable): why it stopped, with file, line and position */
} SynSourceStatus;

void syn_publish_free (SynPublish *publish);
void syn_published_free (SynPublished *published);
void syn_source_status_free (SynSourceStatus *status);

/* Registers the grain type and keeps one grain per source of the catalog. */
void syn_sources_register (SynSilo *silo, SynCatalog *catalog);

/* The messages that a projection grain gets from its source: method SYN_APPLY_METHOD, payload a SynEventBatch; the reply (NULL
 * payload) acknowledges it. */
#define SYN_APPLY_METHOD 1000

G_END_DECLS
