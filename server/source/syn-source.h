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
  SYN_SOURCE_REPLAY,      /* payload: SynReplay; durable sources only (others: INVALID): see below */
} SynSourceMethod;

typedef struct {
  GBytes *body;
  SynFormat format;
  gboolean is_batch;      /* @body is a batch in the form of syn-batch-reader.h, and nobody else's memory: it may be written to. It names its producer
                           * by itself, and @format does not count */
  gboolean wants_receipt; /* by a grain: the reply is a SynReceipt, and an invalid body a failed call, with its place in the message */
  char *producer; /* (owned) (nullable): who numbers his requests, so that one that comes twice counts once */
  guint64 number; /* of the request, from 1 */
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
  gboolean durable;
  gboolean recovering;  /* durable: some feed is given again what it lacks, or it is not open yet */
  guint64 replayed;     /* events, to these */
  guint permille;       /* of what is to be replayed to them */
} SynSourceStatus;

void syn_publish_free (SynPublish *publish);
void syn_published_free (SynPublished *published);
void syn_source_status_free (SynSourceStatus *status);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynPublished, syn_published_free)

/* Registers the grain type and keeps one grain per source of the catalog. */
void syn_sources_register (SynSilo *silo, SynCatalog *catalog);

/* The messages that a projection grain gets from its source: method SYN_APPLY_METHOD, payload a SynEventBatch; the reply (NULL
 * payload) acknowledges it. */
#define SYN_APPLY_METHOD 1000

/* ---- durable sources: what was journalled comes again to those who lack it ----
 *
 * The sequences of a durable source never begin anew: its batches are all of one epoch, and what they are of the journal is said by
 * syn_event_batch_get_origin(). A feed (who gets its batches: a projection grain or a conflation grain) takes their events without gaps. What would
 * leave one (its activation began after others had been delivered) it acknowledges and does not take; and asks for a replay, which brings it
 * again. */
#define SYN_DURABLE_EPOCH G_MAXUINT64

/* To a feed, from a durable source that is about to replay: payload the source's name (char *, g_free); the reply is a SynFeedProgress * (g_free).
 * Answered once the feed has its checkpoint. At its activation a source
 * asks each of its feeds, and replays to all of them from the least on; what one of them has already it recognises by its sequence. */
#define SYN_PROGRESS_METHOD 1003

typedef struct {
  guint64 sequence; /* of that source's events it has all up to this one, and they need not come again; 0: none */
  guint64 newest;   /* nothing up to this one would be counted by all that it feeds; not below sequence */
} SynFeedProgress;

/* SYN_SOURCE_REPLAY: a feed that is made of this source lacks events. The source asks it for its progress, and delivers to it alone what it has delivered so far
 * and comes after that; what is delivered later follows without a gap. The reply (NULL payload) says that all of it has been acknowledged. Feeds
 * ask it once when they have been activated, too, and from then on are as new as the source. Errors: those of the journal. */
typedef struct {
  const char *type; /* the feed's grain type: static */
  char *key;
} SynReplay;

void syn_replay_free (SynReplay *replay);

G_END_DECLS
