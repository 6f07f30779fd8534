/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "synoptic-error.h"

/**
 * Grains: virtual actors named `type/key`. A grain is always addressable: the first message activates it on the lane that its
 * placement names (partition = hash(type/key) mod SYN_N_PARTITIONS; locally lane = partition mod lanes); it takes one turn at a time; after
 * its type's idle age without an open request or a reason to stay it is deactivated. This header is all that a grain needs: the
 * server's own use it, and so do those of loadable modules.
 *
 * Threads: an activation lives on one lane, which is one thread; all of its functions are called there, and all functions below
 * that take a SynGrain or a SynMessage must be called there.
 *
 * Turns and requests: a *turn* is one call of a grain's function: of `receive` (a tick's too), a reply, `cancelled`, a state function. A *request* is
 * open from its first turn until its message is replied to or failed. While a request of a non-reentrant type is open, no other request of
 * that grain begins, unless `interleave` (or its flags) allows it; what waits stays in the mailbox, in order. What may begin beside anything does
 * not wait behind what may not; a read-only request does, so that writers are not starved.
 *
 * Failure: an error ends the request that it is given to, and syn_grain_deactivate_soon() the activation; neither touches the lane, nor any
 * other grain. What C cannot do: a turn that crashes takes the process with it, and one that loops takes its lane; turns
 * are expected to be short, and those over SYN_SLOW_TURN_MS are counted (`slow_turns_total`).
 */

G_BEGIN_DECLS

#define SYN_N_PARTITIONS 64

typedef struct _SynSilo SynSilo;
typedef struct _SynLane SynLane;
typedef struct _SynGrain SynGrain;     /* an activation; valid on its lane, from activate to deactivate */
typedef struct _SynMessage SynMessage; /* a request, from its turn until it is replied to or failed */

/* Beside what else a request may be open. */
typedef enum {
  SYN_EXCLUSIVE, /* beside nothing but SYN_ALWAYS */
  SYN_READ_ONLY, /* beside other read-only ones */
  SYN_ALWAYS,    /* beside anything: parked polls */
} SynInterleave;

typedef struct {
  const char *name;            /* the type's name: no '/' */
  guint idle_age_ms;           /* 0: never collected */
  guint mailbox_limit;         /* 0: SYN_MAX_MAILBOX; above it callers get OVERLOADED, at once */
  guint activation_timeout_ms; /* 0: SYN_ACTIVATION_MS; then the activation fails with TIMEOUT */
  gboolean always_on;          /* restarted with back-off after an error, under the supervisor */
  gboolean reentrant;          /* requests interleave freely (still one turn at a time) */
  gboolean call_chain;         /* a request that an open request of this grain caused, over however many grains, is let in */
  gboolean stateless;          /* a stateless worker: an activation on each lane that calls (for those that host no grains: on each in turn),
                                * uncoordinated; not always_on, no state, no reminders */
  SynInterleave (*interleave) (int method); /* (nullable): all SYN_EXCLUSIVE */
  /* Makes the activation's state. May start timers, send messages, read state. On failure every waiting message gets the error.
   * What takes longer (reading state): syn_grain_defer_activation(). @type_data is what was given when it was registered. */
  gpointer (*activate) (SynGrain *grain, const char *key, gpointer type_data, GError **error);
  /* One turn. Owns @message: replies, fails, or keeps it and so keeps the request open. */
  void (*receive) (SynGrain *grain, gpointer state, SynMessage *message);
  /* (nullable) A turn. The caller of a request that is open has gone (it cancelled, its deadline passed, or it is a grain that ended): @message,
   * a kept one, is to be failed or replied to, now or soon. Nobody hears it. Once per message. */
  void (*cancelled) (SynGrain *grain, gpointer state, SynMessage *message);
  /* First answers all that it kept (parked polls first), may write state, then frees @state. */
  void (*deactivate) (SynGrain *grain, gpointer state);
} SynGrainType;

SYN_PUBLIC SynLane *syn_grain_get_lane (SynGrain *self);
SYN_PUBLIC const char *syn_grain_get_key (SynGrain *self);
SYN_PUBLIC guint64 syn_grain_get_epoch (SynGrain *self); /* unique and growing over the silo's life and restarts */
/* The clocks, as of about now: one that never goes back, and µs since 1970. Use these and no others: tests inject them. */
SYN_PUBLIC gint64 syn_grain_get_now_ms (SynGrain *self);
SYN_PUBLIC gint64 syn_grain_get_real_us (SynGrain *self);
/* Counts reasons to stay (subscribers); above 0 it is not idle. Open requests are reasons by themselves; timers are not. */
SYN_PUBLIC void syn_grain_hold (SynGrain *self);
SYN_PUBLIC void syn_grain_release (SynGrain *self);
/* Keeps it active for at least @ms from now. */
SYN_PUBLIC void syn_grain_keep_alive (SynGrain *self, guint ms);
/* Ends the activation after this turn; an always-on one is restarted by the supervisor with back-off when @error. */
SYN_PUBLIC void syn_grain_deactivate_soon (SynGrain *self, const GError *error);
/* From within activate only: messages go on waiting until syn_grain_activated() (from a state function, a reply, …), which has
 * to come within the type's time limit. When that fails, or comes too late, what activate returned is given to deactivate. */
SYN_PUBLIC void syn_grain_defer_activation (SynGrain *self);
SYN_PUBLIC void syn_grain_activated (SynGrain *self, const GError *error);

/* ---- calls ---- */

/* The reply, on the lane that called. Exactly one of @payload (owned by the callback; may be NULL by the method's contract) and @error is
 * meaningful; domain, code and message are those that the grain gave. Called exactly once for each call, also when the deadline passes
 * (TIMEOUT), the mailbox is full (OVERLOADED) or the silo drains (UNAVAILABLE); never after syn_call_cancel(). */
typedef void (*SynReplyFunc) (gpointer payload, const GError *error, gpointer user_data);

/* Tells one call apart while it is out; owned by the caller, who keeps it in place until the reply has come. Zero it before. */
typedef struct { gpointer call; } SynCallHandle;

typedef struct {
  const char *type; /* static, or at least outliving the call */
  const char *key;
  int method;       /* the type's own enum; from 1 to 999; the runtime's are above */
  gpointer payload; /* owned by the call from now on */
  GDestroyNotify payload_free;
  guint timeout_ms; /* 0: none of its own */
  SynReplyFunc reply; /* (nullable): one-way; then there is no deadline either */
  gpointer user_data;
  SynCallHandle *handle; /* (nullable) */
  const char *const *context; /* (nullable): name, value, name, value, …, NULL: set for this call, beside what travels with it */
  gboolean detached; /* syn_grain_call(): not on behalf of the request whose turn it is: nothing travels with it */
} SynCall;

/* From a lane's thread (@from is that lane): on nobody's behalf, so nothing travels with it. Messages from one lane to one grain arrive
 * in order. */
SYN_PUBLIC void syn_call (SynLane *from, const SynCall *call);
/* From a grain, on behalf of the request whose turn it is: its deadline holds as well (the sooner one counts), its context and its call chain
 * travel on. The reply is a turn of the grain, on behalf of the same request; it is dropped (its payload freed) when the grain is gone
 * by then, and the call is cancelled when the grain goes. */
SYN_PUBLIC void syn_grain_call (SynGrain *from, const SynCall *call);
/* Nobody waits any more: the reply will not come; a message that still waits in a mailbox is dropped, one that is open is told to its grain.
 * Does nothing when the reply has come already. On the lane that called. The same happens when the deadline passes. */
SYN_PUBLIC void syn_call_cancel (SynCallHandle *handle);

SYN_PUBLIC int syn_message_get_method (SynMessage *self);
SYN_PUBLIC gpointer syn_message_get_payload (SynMessage *self); /* (transfer none) */
SYN_PUBLIC gpointer syn_message_steal_payload (SynMessage *self);
SYN_PUBLIC gboolean syn_message_wants_reply (SynMessage *self);
/* Both end and free the message. The payload of a reply that nobody waits for is freed by @payload_free. */
SYN_PUBLIC void syn_message_reply (SynMessage *self, gpointer payload, GDestroyNotify payload_free);
SYN_PUBLIC void syn_message_fail (SynMessage *self, const GError *error);

/* ---- the request context: what travels with a call, and with the calls that it causes ---- */

/* Of the request whose turn this is; NULL: not set. Keys and values are short texts (SYN_MAX_CONTEXT_BYTES together). */
SYN_PUBLIC const char *syn_context_get (const char *name);
/* From now on in this turn, its calls, and the turns of their replies. NULL removes. FALSE: not a turn of a grain, or it would be more than
 * SYN_MAX_CONTEXT_BYTES; then nothing changed. */
SYN_PUBLIC gboolean syn_context_set (const char *name, const char *value);
/* ms until the deadline of the request whose turn this is; -1: none. */
SYN_PUBLIC gint64 syn_context_get_time_left_ms (void);

/* ---- filters: around every request of every grain of the silo; a module adds one by syn_module_add_filter() ---- */

typedef struct {
  const char *type;
  const char *key;
  int method;
} SynCallInfo;

typedef struct {
  /* On the receiving lane, before the first turn, in the order in which they were added; the request's context is set. FALSE with
   * @error refuses the request. (nullable) */
  gboolean (*before) (const SynCallInfo *info, gpointer user_data, GError **error);
  /* When it ends, in the opposite order; for each whose `before` let it pass. @error: (nullable): what it failed with. (nullable) */
  void (*after) (const SynCallInfo *info, gint64 elapsed_us, const GError *error, gpointer user_data);
  /* After each turn; @info's method is 0 when no request began in it. (nullable) */
  void (*turn) (const SynCallInfo *info, gint64 turn_us, gpointer user_data);
  gboolean untimed; /* `after` does not look at elapsed_us, which is 0 when no filter does: it costs two looks at the clock */
} SynFilter;

/* ---- timers: the period counts from the end of the tick ---- */

/* A tick is a request of @method to the grain itself, without payload and reply: it waits its turn like any other, and the next one is
 * @period_ms (0: none) after it was ended. Timers end with the activation, and are no reason to stay. Returns its number, from 1. */
SYN_PUBLIC guint syn_grain_start_timer (SynGrain *self, int method, guint due_ms, guint period_ms);
SYN_PUBLIC void syn_grain_stop_timer (SynGrain *self, guint timer);

/* ---- state: named records with an ETag, and reminders; kept by the silo's store ---- */

/* A turn. @bytes: (nullable): no such record. Not called once the grain is deactivated. */
typedef void (*SynStateFunc) (SynGrain *grain, GBytes *bytes, const GError *error, gpointer user_data);
SYN_PUBLIC void syn_grain_read_state (SynGrain *self, const char *name, SynStateFunc func, gpointer user_data);
/* The ETag of what this activation read or wrote last goes along; a stale one fails with CONFLICT, and the activation ends so that the
 * next starts afresh and receives what waits (to an always-on grain that is an error like any: what waits fails with it, and it is
 * restarted with back-off). @bytes NULL removes the record. @func (nullable). Acknowledged when durable. Errors: CONFLICT, UNAVAILABLE,
 * TOO_LARGE (SYN_MAX_STATE_BYTES). */
SYN_PUBLIC void syn_grain_write_state (SynGrain *self, const char *name, GBytes *bytes, SynStateFunc func, gpointer user_data);

/* A request that comes at its time, over restarts: method SYN_REMINDER_METHOD, payload its name (const char *). At least once; what was due
 * while the silo was down comes once. It has come when the grain replied (NULL); failed, it comes again after a while. @period_ms 0: once;
 * else at least SYN_MIN_REMINDER_MS, and counted from the planned time. */
#define SYN_REMINDER_METHOD 1002
SYN_PUBLIC void syn_grain_set_reminder (SynGrain *self, const char *name, guint64 due_ms, guint64 period_ms, SynStateFunc done, gpointer user_data);
SYN_PUBLIC void syn_grain_clear_reminder (SynGrain *self, const char *name, SynStateFunc done, gpointer user_data);

G_END_DECLS
