/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo-private.h"

/* What grains ask of their silo's store, from the inside: see syn-state.c and syn-reminder.c. */

G_BEGIN_DECLS

/* Before the start: hangs itself on the ends of grains, and on the silo's drain. */
void syn_state_install (SynSilo *silo);

/* One request to the store that is out: the drain waits for its answer; so does its grain while it is alive. */
typedef struct {
  SynLane *lane;
  SynGrain *grain; /* (owned) (nullable): maybe ended */
  gpointer book;   /* (owned) (nullable) */
  SynContext *context; /* (owned) (nullable): of the turn that asked, as the deadline: what the answer's turn does is on the same behalf */
  gint64 deadline_ms;
} SynStateTicket;

/* On the grain's lane. With an error when the grain may not ask (INVALID, OVERLOADED): the answer, which comes as one all the same, is that. */
SynStateTicket syn_state_begin (SynGrain *grain, GError **error);
/* Of a request that no grain waits for. */
SynStateTicket syn_state_begin_on (SynLane *lane);
void syn_state_end (SynStateTicket *ticket);
/* The turn that brings an answer, unless the grain has ended; TRUE when it was told. @func: (nullable) */
gboolean syn_state_tell (const SynStateTicket *ticket, SynStateFunc func, GBytes *bytes, const GError *error, gpointer user_data);

G_END_DECLS
