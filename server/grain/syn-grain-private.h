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
  guint64 name_hash;  /* FNV-1a as it stands behind "type/" */
  guint64 table_hash; /* the seeded one, likewise */
} SynGrainKind;

/* The two hashes of a grain's name: the partition is taken from FNV-1a, the same in every process; tables are ordered by a
 * seeded one, for keys are strangers'. */
guint syn_grain_partition (const SynGrainKind *kind, const char *key);
guint32 syn_grain_table_hash (const SynGrainKind *kind, const char *key, gsize length);
void syn_grain_kind_init_hashes (SynGrainKind *self);

/* ---- the request context; syn-context.c ---- */

typedef struct _SynContext SynContext; /* immutable, refcounted, any thread; NULL: nothing travels */
/* A request of a call-chain type, for as long as something that it caused may come back. */
typedef struct _SynCause SynCause;

SynContext *syn_context_ref (SynContext *self);   /* also of NULL */
void syn_context_unref (SynContext *self);        /* likewise */
const char *syn_context_lookup (SynContext *self, const char *name);
/* @self with the pairs set; NULL with nothing left. FALSE: too large, and then @result is not touched. */
gboolean syn_context_with (SynContext *self, const char *const *pairs, SynContext **result);
/* @self (nullable) as it is for what the grain of @epoch does now for a request: that is its last cause, and open. */
SynContext *syn_context_with_cause (SynContext *self, guint64 epoch);
/* On the lane of the grain of @epoch. */
gboolean syn_context_is_caused_by (SynContext *self, guint64 epoch);
/* Of the request that syn_context_with_cause() made @self for. */
void syn_context_close_cause (SynContext *self);
guint syn_context_get_n_causes (SynContext *self); /* any thread */

/* ---- turns ---- */

/* Whose turn it is on a lane, and what travels with the calls made in it. */
typedef struct {
  SynGrain *grain;     /* (nullable): none */
  SynContext *context; /* (nullable) (owned) */
  gint64 deadline_ms;  /* 0: none */
  gint64 start_us;     /* 0: nobody wants to know */
  int method;          /* of the request that begins in it; 0: none */
} SynTurn;

/* ---- messages ---- */

typedef struct _SynPendingCall SynPendingCall; /* syn-call.c */

#define SYN_MESSAGE_KEY_ROOM (sizeof (SynTimer) + sizeof (gpointer))

enum { SYN_MESSAGE_TRAVELS, SYN_MESSAGE_WAITS, SYN_MESSAGE_OPEN, SYN_MESSAGE_ENDED };

/* A call on its way there; then, in a mailbox or kept, a record; then the same allocation carries the reply back. One with a
 * call is freed by the caller's lane only. */
struct _SynMessage {
  SynParcel parcel;     /* its next also links mailboxes and lists */
  SynMessage *prev;
  union {
    char key[SYN_MESSAGE_KEY_ROOM]; /* on its way there, when it fits */
    struct {
      SynTimer timer;
      gpointer slot;
    } keep;                         /* from its first turn on */
  } u;
  gpointer payload;
  GDestroyNotify payload_free;
  union {
    const SynGrainKind *kind; /* on its way there */
    SynGrain *grain;          /* from then on */
  } to;
  SynPendingCall *call;       /* (nullable): the caller's; NULL: one-way */
  SynContext *context;        /* (owned) (nullable) */
  union {
    char *long_key;     /* (owned) (nullable): on its way there */
    gint64 begun_us;    /* while it is open: 0: no filter wants to know */
    GError *error;      /* (owned) (nullable): on its way back */
  } v;
  guint32 hash;         /* on its way there: for the directory; then its number by arrival */
  gint16 method;
  guint8 stage : 2;     /* written on its way there by the caller's lane, then by the receiver's */
  guint8 mode : 2;      /* SynInterleave */
  guint8 passes : 1;    /* does not wait behind what may not begin yet */
  guint8 is_tick : 1;   /* part of a SynTick */
  guint8 is_told : 1;   /* that nobody waits for it any more */
  guint8 n_filters;     /* that let it in */
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
/* Ends one that never began. On the lane where it arrived. */
void syn_message_refuse (SynMessage *self, const GError *error);
void syn_message_drop_payload (SynMessage *self);
/* Ends the message: its payload (the reply's by now) or error goes back, or is dropped when nobody waits. */
void syn_message_send_back (SynMessage *self);
/* Sorts an arrived call into its activation's mailbox. On the lane's thread. */
void syn_lane_deliver (SynLane *lane, SynMessage *message);
void syn_message_deliver_parcel (SynLane *lane, SynParcel *parcel);

/* Of the call whose message this is; 0: none. Any thread, while the message is there. */
gint64 syn_pending_call_get_deadline_ms (SynPendingCall *self);
void syn_call_register_metrics (void);
void syn_lane_free_spare_calls (SynLane *lane);
void syn_call_run_reply (SynLane *lane, SynParcel *parcel);
SynLane *syn_pending_call_get_lane (SynPendingCall *self);
/* All calls of a grain that ends. */
void syn_grain_cancel_calls (SynGrain *self);

/* ---- activations ---- */

typedef struct _SynSupervised SynSupervised;
typedef struct _SynTick SynTick; /* syn-tick.c */

struct _SynGrain {
  SynLane *lane;
  const SynGrainKind *kind;
  gpointer state;
  guint64 epoch;
  SynMessageList mailbox;
  SynMessageList passing;    /* waiting too, but not behind what may not begin; merged by number */
  SynGrain *next_runnable;
  SynSupervised *supervised; /* (nullable) */
  GError *error;             /* (owned) (nullable): why it ends */
  SynTimer idle;             /* while it is being activated: the limit of that */
  gint64 used_ms;
  gint64 keep_until_ms;
  SynPendingCall *calls;     /* that are out */
  SynTick *ticks;            /* (owned) */
  gpointer records;          /* what syn-state.c keeps for it; see syn_silo_set_hooks() */
  guint n_open[3];           /* requests, by SynInterleave */
  guint n_ticks;             /* ever started: the number of the last */
  guint32 arrivals;          /* the number of the last message */
  guint holds;
  guint refs;                /* who else looks at this struct (open messages do): freed when it has ended and there is none */
  guint32 hash;
  guint has_state : 1;       /* activate has made it */
  guint deferred : 1;        /* and syn_grain_activated() is to come */
  guint has_begun : 1;       /* with a request */
  guint runnable : 1;
  guint ending : 1;
  guint ended : 1;           /* being deactivated, or it was: no turn any more */
  guint in_turn : 1;
  const char *key;           /* points to what follows, but in a probe */
  char key_bytes[];
};

/* Keeps the struct, not the activation: for what will come back when the grain may be gone (`ended`). On its lane. */
SynGrain *syn_grain_ref (SynGrain *self);
void syn_grain_unref (SynGrain *self);

/* Around a turn that no message begins (a state function's, a reply's), of a grain that has not ended. @context (nullable). */
SynTurn syn_grain_enter_for (SynGrain *self, SynContext *context, gint64 deadline_ms);
void syn_grain_leave (SynGrain *self, SynTurn before);

/* Receives messages, until the budget or the messages end; returns what is left of the budget. */
guint syn_lane_run_turns (SynLane *lane, guint budget);
/* Deactivates everything on @lane, for good. */
void syn_lane_end_grains (SynLane *lane);
void syn_lane_init_grains (SynLane *lane);
void syn_lane_clear_grains (SynLane *lane);
/* Makes sure that it is active (without a message). */
void syn_lane_activate (SynLane *lane, const SynGrainKind *kind, const char *key);

guint syn_grain_probe_hash (gconstpointer data);
gboolean syn_grain_probe_equal (gconstpointer a, gconstpointer b);
void syn_grain_make_runnable (SynGrain *self);

/* ---- which message is next; syn-mailbox.c ---- */

/* @message is @self's from now on: waits, in order. */
void syn_grain_queue (SynGrain *self, SynMessage *message);
/* The first that may begin; out of the mailbox, and open. NULL: none. */
SynMessage *syn_grain_begin_next (SynGrain *self);
gboolean syn_grain_has_next (SynGrain *self);
/* Takes one that waits out. */
void syn_grain_unqueue (SynGrain *self, SynMessage *message);
static inline guint
syn_grain_n_waiting (const SynGrain *self)
{
  return self->mailbox.length + self->passing.length;
}
static inline gboolean
syn_grain_is_busy (const SynGrain *self)
{
  return (self->n_open[0] | self->n_open[1] | self->n_open[2]) != 0;
}
/* The request ended: with @error (nullable). */
void syn_grain_close (SynGrain *self, SynMessage *message, const GError *error);

/* ---- ticks; syn-tick.c ---- */
void syn_tick_ended (SynMessage *message);
void syn_grain_end_ticks (SynGrain *self);

/* ---- filters; syn-filter.c ---- */
gboolean syn_filters_before (SynMessage *message, GError **error);
void syn_filters_after (SynMessage *message, const GError *error);
void syn_filters_turn (const SynTurn *turn);

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
