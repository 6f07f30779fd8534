/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"
#include "syn-message.h"

/* Grains: virtual actors named `type/key`. A grain is always addressable: the first message activates it on the lane
 * that its name hashes to (partition = hash(type/key) mod SYN_N_PARTITIONS; lane = partition mod lanes), one
 * turn at a time; after the type's idle age without a message or parked poll it is deactivated. */

G_BEGIN_DECLS

#define SYN_N_PARTITIONS 64

typedef struct _SynGrain SynGrain; /* an activation; valid on its lane, from activate to deactivate */

typedef struct {
  const char *name;      /* the type's name: no '/' */
  guint idle_age_ms;     /* 0: never collected */
  guint mailbox_limit;   /* 0: SYN_MAX_MAILBOX */
  gboolean always_on;    /* restarted with back-off after an error, under the supervisor */
  /* Makes the activation's state. May arm timers and send messages. On failure every waiting message gets the error.
   * @type_data is what was given to syn_silo_register(). */
  gpointer (*activate) (SynGrain *grain, const char *key, gpointer type_data, GError **error);
  /* One turn. Owns @message: replies, fails or keeps it (a parked poll is a kept message). */
  void (*receive) (SynGrain *grain, gpointer state, SynMessage *message);
  /* First answers all that it kept, then frees its state. Timers must be disarmed. */
  void (*deactivate) (SynGrain *grain, gpointer state);
} SynGrainType;

SynLane *syn_grain_get_lane (SynGrain *self);
const char *syn_grain_get_key (SynGrain *self);
guint64 syn_grain_get_epoch (SynGrain *self); /* unique and growing over the silo's life and restarts */
/* Counts reasons to stay (parked polls, subscribers): above 0 it is not idle. */
void syn_grain_hold (SynGrain *self);
void syn_grain_release (SynGrain *self);
/* Ends the activation after this turn; an always-on one is restarted by the supervisor with back-off when @error. */
void syn_grain_deactivate_soon (SynGrain *self, const GError *error);

G_END_DECLS
