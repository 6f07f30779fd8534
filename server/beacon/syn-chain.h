/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"

/* Who this silo is, and which silos are above it: so that edges (silos that have an upstream) make a chain and never a ring.
 *
 * Each silo has an id, another one at each start. An edge says in the head of all that it asks its upstream who asks: its own id, then those of the edges
 * that asked it. The upstream refuses what has its own id in it; to an edge's WebSocket it answers its own id, then those above it; the edge refuses a
 * list that has its own id in it, or that is too long. An edge that never reached its own upstream knows nothing of what is above, and lets no
 * edge in: so a ring of silos that start together never closes, whatever the order. The first two rules are there to say so clearly.
 *
 * Any thread: there is a lock, which no event and no poll comes by. */

G_BEGIN_DECLS

#define SYN_CHAIN_HEADER "Synoptic-Chain"
#define SYN_CHAIN_ID_BYTES 16 /* of its text: hexadecimal digits */

typedef struct _SynChain SynChain;

/* @upstream: (nullable): the URL of the one above, for errors; NULL: nothing is above. Kept by the silo; before it starts. */
SynChain *syn_chain_install (SynSilo *silo, const char *upstream);
SynChain *syn_chain_get (SynSilo *silo); /* (nullable): none was installed */
const char *syn_chain_get_id (SynChain *self);

/* Upward: what to say in a request; and what the upstream's answer said (@header nullable): INVALID, CONFLICT (it is a ring), TOO_LARGE (too long). */
char *syn_chain_dup_asking (SynChain *self);
gboolean syn_chain_learn (SynChain *self, const char *header, GError **error);
/* Those above, the nearest first: (transfer full) (nullable): NULL: not known. */
char **syn_chain_dup_above (SynChain *self);
/* Downward: of any request, whether its @header lets it in: INVALID, CONFLICT (it is a ring). */
gboolean syn_chain_check (SynChain *self, const char *header, GError **error);
/* Of one for a WebSocket also: what to answer (@answer), and UNAVAILABLE: we do not know what is above ourselves. */
gboolean syn_chain_admit (SynChain *self, const char *header, char **answer, GError **error);

G_END_DECLS
