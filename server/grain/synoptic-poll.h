/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "replica-snapshot.h"

/* The reactive poll as a message between grains: beacon → projection, query → projection. Any grain that owns snapshots
 * answers SYN_POLL_METHOD with payload SynPoll: the reply's payload is a ReplicaSnapshot (a new reference) whose token
 * differs from the one held, or NULL: unchanged, the hold ended. */

G_BEGIN_DECLS

#define SYN_POLL_METHOD 1001

typedef struct {
  ReplicaToken token;
  guint hold_ms;
  guint n_readers; /* who wait for the answer behind the one who asks; 0: it is for itself */
} SynPoll;

G_END_DECLS
