/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"
#include "syn-catalog.h"
#include "synoptic-poll.h"

/* The grains that own snapshots: "projection/PATH" (always-on, fed by its sources, or by "conflation/GROUP" when it shares their events with
 * other projections; which, syn_catalog says) and "query/CANONICAL" (on-demand:
 * a query over one or several projections; polls them as any reader does; collected when idle). */

G_BEGIN_DECLS

#define SYN_PROJECTION_GRAIN "projection"
#define SYN_QUERY_GRAIN "query"
#define SYN_CONFLATION_GRAIN "conflation"

void syn_projections_register (SynSilo *silo, SynCatalog *catalog);

/* Also paths that modules serve: then @type is theirs, and @canonical the key of their grain.
 *
 * A path with query, `market/quotes?where=…`, percent-encoded as in a URL ('+' is a space), to the grain that answers it and the
 * canonical path. Checks everything that can be: names, types, syntax. Errors: NOT_FOUND (with a suggestion), INVALID (naming the
 * parameter and the position), TOO_LARGE. @type: static. Any thread. @user_data: the SynCatalog. */
gboolean syn_projection_resolve (const char *path, const char **type, char **canonical, gpointer user_data, GError **error);
/* Whom to poll for it. @type: static. @key: the specification's. Any thread. */
void syn_projection_spec_get_grain (const SynProjectionSpec *spec, const char **type, const char **key);
/* Whether the answers to two paths have a key column in common, so that one panel can follow another: equally named, of one type.
 * Errors: as above, and INVALID if not. Any thread. */
gboolean syn_projection_check_follows (const char *leader, const char *follower, SynCatalog *catalog, GError **error);
/* Whether a reader of the journal, as its holds and checkpoints call it ("projection/market/quotes", "source/trades"), needs records of @partition by
 * this catalog. Any thread. */
gboolean syn_projection_is_reader (SynCatalog *catalog, const char *reader, guint partition);
/* How far a recovery is; none: @recovering is FALSE. */
typedef struct {
  gboolean recovering;
  guint64 n_events; /* of its durable sources together: that it has */
  guint64 n_all;    /* likewise: that it is known to be going to have */
} SynProjectionStatus;

/* To a projection's grain, no payload: the reply is a SynProjectionStatus * (g_free). */
#define SYN_PROJECTION_STATUS_METHOD 1010
gint64 syn_projections_count_recovering (SynSilo *silo); /* any thread */

G_END_DECLS
