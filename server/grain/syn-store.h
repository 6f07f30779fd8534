/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"

/* What grains keep beyond their activation, as an interface: named records with an ETag, and reminders. A silo has one store, chosen in
 * main.c; the memory one (syn-memory-store.h) is for tests and for a silo without a data folder.
 *
 * A request is posted from a lane and its answer comes back on that lane: nobody waits. Requests from one lane are done in their order;
 * those of different lanes in some order. What was acknowledged is durable, as far as the engine can make it so.
 *
 * Records are told apart by (type, key, name), reminders likewise; both belong to a partition, so that an engine over several machines can
 * keep them by it. The ETag of a record is a number that never comes twice in a store, also not after the record was removed and made
 * again; 0 means that there is none. */

G_BEGIN_DECLS

typedef struct _SynStore SynStore;
typedef struct _SynStoreRequest SynStoreRequest;

typedef enum {
  SYN_STORE_READ,           /* → bytes and etag; NULL and 0: no such record */
  SYN_STORE_WRITE,          /* bytes, expected etag (0: there must be none) → etag, or CONFLICT */
  SYN_STORE_REMOVE,         /* expected etag → 0, or CONFLICT; expected 0 of a record that is not there: done */
  SYN_STORE_SET_REMINDER,   /* due_ms, period_ms; replaces one of the same name */
  SYN_STORE_CLEAR_REMINDER, /* also when there is none */
  SYN_STORE_LIST_REMINDERS, /* partition → reminders */
  SYN_STORE_FLUSH,          /* answered after everything that this lane asked for before */
} SynStoreVerb;

typedef struct {
  char *type, *key, *name; /* (owned) */
  gint64 due_ms;           /* real time, ms since 1970 */
  guint64 period_ms;       /* 0: once */
} SynStoreReminder;

/* On the asking lane. Of @answer one may take bytes and reminders (g_steal_pointer); it is freed after the call. */
typedef void (*SynStoreFunc) (SynStoreRequest *answer, gpointer user_data);

struct _SynStoreRequest {
  SynParcel parcel;   /* the way back; its next is the engine's until then */
  SynLane *lane;      /* who asks */
  SynStoreFunc func;  /* (nullable) */
  gpointer user_data;
  SynStoreVerb verb;
  guint partition;
  const char *type, *key, *name; /* in the same allocation; "" when the verb has none */
  guint64 etag;
  GBytes *bytes;      /* (owned) (nullable) */
  gint64 due_ms;
  guint64 period_ms;
  GPtrArray *reminders; /* (owned) (nullable): of SynStoreReminder */
  GError *error;      /* (owned) (nullable): INVALID, TOO_LARGE (a name, the bytes), CONFLICT, OVERLOADED (the engine is behind),
                       * UNAVAILABLE (it cannot now: a full disk…; whether a write was done is not known), INTERNAL (a damaged record,
                       * naming file and record) */
  char text[];
};

typedef struct {
  /* Any lane's thread. Takes @request over, never waits, and calls syn_store_answer() once, later or at once. */
  void (*submit) (SynStore *self, SynStoreRequest *request);
  /* Does what waits, on the calling thread; whether there was anything. For stepped silos; others: NULL. (nullable) */
  gboolean (*step) (SynStore *self);
  /* Answers everything first. No thread submits meanwhile; what is submitted afterwards is UNAVAILABLE. Once. */
  void (*close) (SynStore *self);
  void (*free) (SynStore *self);
} SynStoreClass;

/* The head of each engine's struct. */
struct _SynStore {
  const SynStoreClass *klass;
  gboolean closed;
};

/* @key, @name: (nullable): copied. Fill in etag, bytes, due_ms and so on; then submit it. */
SynStoreRequest *syn_store_request_new (SynLane *lane, SynStoreVerb verb, const char *type, const char *key, const char *name,
                                        SynStoreFunc func, gpointer user_data);
SynStoreRequest *syn_store_request_new_list (SynLane *lane, guint partition, SynStoreFunc func, gpointer user_data);
/* Refuses what is too large or has no name, at once (the answer still comes as a parcel); the rest goes to the engine. */
void syn_store_submit (SynStore *self, SynStoreRequest *request);
/* What submit refuses: INVALID, TOO_LARGE. */
gboolean syn_store_check (const char *type, const char *key, const char *name, gsize size_bytes, GError **error);
/* For engines, any thread: sends @request back as its own answer. */
void syn_store_answer (SynStoreRequest *request);
void syn_store_request_fail (SynStoreRequest *request, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);
gsize syn_store_request_size_bytes (const SynStoreRequest *request); /* what it keeps in memory, about */
void syn_store_register_metrics (void);

gboolean syn_store_step (SynStore *self);
void syn_store_close (SynStore *self); /* answers everything; no other thread submits meanwhile or later */
void syn_store_free (SynStore *self); /* closes it first when nobody did */

SynStoreReminder *syn_store_reminder_new (const char *type, const char *key, const char *name, gint64 due_ms, guint64 period_ms);
void syn_store_reminder_free (SynStoreReminder *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynStore, syn_store_free)

G_END_DECLS
