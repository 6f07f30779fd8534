/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-grain.h"
#include "syn-limits.h"

/* Messages, activations and their supervision, from the inside. */

G_BEGIN_DECLS

/* Messages that one activation receives before others on its lane get their turn. */
#define SYN_GRAIN_BATCH 100
/* The supervisor's back-off: doubles from the first to the last; forgotten after a life as long as the last. */
#define SYN_RESTART_FIRST_MS 100
#define SYN_RESTART_LAST_MS 30000

/* A registered type. */
typedef struct {
  SynGrainType type;
  gpointer data;
  guint id;
  guint mailbox_limit;
  guint activation_timeout_ms;
} SynGrainKind;

typedef struct _SynPendingCall SynPendingCall;

#define SYN_MESSAGE_KEY_ROOM (sizeof (SynTimer) + sizeof (gpointer))

/* A call on its way there; then, in a mailbox or kept, a record; then the same allocation carries the reply back. */
struct _SynMessage {
  SynParcel parcel;     /* its next also links mailboxes and lists */
  SynMessage *prev;
  union {
    char key[SYN_MESSAGE_KEY_ROOM]; /* on its way there, when it fits */
    struct {
      SynTimer timer;
      gpointer slot;
    } keep;                         /* from its turn on */
  } u;
  gpointer payload;
  GDestroyNotify payload_free;
  const SynGrainKind *kind;
  SynPendingCall *call; /* (nullable): the caller's; NULL: one-way */
  union {
    char *long_key;     /* (owned) (nullable): on its way there */
    GError *error;      /* (owned) (nullable): on its way back */
  } v;
  int method;
  guint32 hash;
};
G_STATIC_ASSERT (sizeof (SynMessage) <= 128);

static inline const char *
syn_message_key (SynMessage *self)
{
  return self->v.long_key != NULL ? self->v.long_key : self->u.key;
}

void syn_message_register_metrics (void);
/* Ends the message's way there: its key is gone, its timer and slot can be used. */
void syn_message_arrive (SynMessage *self);
/* Sorts an arrived call into its activation's mailbox. On the lane's thread. */
void syn_lane_deliver (SynLane *lane, SynMessage *message);
void syn_message_deliver_parcel (SynLane *lane, SynParcel *parcel);

typedef struct _SynSupervised SynSupervised;

struct _SynGrain {
  SynLane *lane;
  const SynGrainKind *kind;
  gpointer state;
  guint64 epoch;
  SynMessageList mailbox;
  SynGrain *next_runnable;
  SynSupervised *supervised; /* (nullable) */
  GError *error;             /* (owned) (nullable): why it ends */
  SynTimer idle;             /* while it is being activated: the limit of that */
  gint64 used_ms;
  gpointer records;          /* what syn-state.c keeps for it; see syn_silo_set_hooks() */
  guint holds;
  guint refs;                /* who else looks at this struct: it is freed when it has ended and there is none */
  guint32 hash;
  guint has_state : 1;       /* activate has made it */
  guint deferred : 1;        /* and syn_grain_activated() is to come */
  guint runnable : 1;
  guint ending : 1;
  guint ended : 1;           /* being deactivated, or it was: no turn any more */
  guint in_turn : 1;
  const char *key;           /* points to what follows, but in a probe */
  char key_bytes[];
};

/* Receives messages, until the budget or the messages end; returns what is left of the budget. */
guint syn_lane_run_turns (SynLane *lane, guint budget);
/* Deactivates everything on @lane, for good. */
void syn_lane_end_grains (SynLane *lane);
void syn_lane_init_grains (SynLane *lane);
void syn_lane_clear_grains (SynLane *lane);
/* Makes sure that it is active (without a message). */
void syn_lane_activate (SynLane *lane, const SynGrainKind *kind, const char *key);

/* Keeps the struct, not the activation: for what will come back when the grain may be gone (`ended`). On its lane. */
SynGrain *syn_grain_ref (SynGrain *self);
void syn_grain_unref (SynGrain *self);

/* Around a turn that no message begins (a state function's, a reply's), of a grain that has not ended. */
typedef struct {
  SynGrain *grain; /* (nullable): none */
} SynTurn;
SynTurn syn_grain_enter (SynGrain *self);
void syn_grain_leave (SynGrain *self, SynTurn before);

guint syn_grain_probe_hash (gconstpointer data);
gboolean syn_grain_probe_equal (gconstpointer a, gconstpointer b);
/* FNV-1a of "type/key", finished by a mixer: the partition, the lane and the directory's hash come from it. */
guint64 syn_grain_name_hash (const char *type, const char *key);

/* ---- the supervisor of a lane ---- */
struct _SynSupervised {
  const SynGrainKind *kind;
  char *key;          /* (owned) */
  guint32 hash;
  SynLane *lane;
  guint failures;     /* in a row */
  gint64 up_ms;       /* since when it is active */
  GError *error;      /* (owned) (nullable): why it is down; NULL: it is not */
  SynTimer timer;     /* the restart */
};

void syn_supervisor_register_metrics (void);
SynSupervised *syn_supervisor_find (SynLane *lane, const SynGrainKind *kind, const char *key, guint32 hash);
SynSupervised *syn_supervisor_add (SynLane *lane, const SynGrainKind *kind, const char *key, guint32 hash);
void syn_supervised_up (SynSupervised *self);
/* It failed: says so, and restarts it after the back-off. */
void syn_supervised_down (SynSupervised *self, const GError *error);
void syn_supervised_free (SynSupervised *self);

G_END_DECLS
