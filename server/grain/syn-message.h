/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-lane.h"

/* A call to a grain and its reply. The message is one allocation of at most 128 bytes (a parked poll is a kept
 * message): tests check its size. */

G_BEGIN_DECLS

typedef struct _SynMessage SynMessage;

/* The reply, on the lane that called. Exactly one of @payload (owned by the callback; may be NULL by the method's
 * contract) and @error is meaningful. Called exactly once for each call, also when the deadline passes (TIMEOUT), the
 * mailbox is full (OVERLOADED) or the silo drains (UNAVAILABLE). */
typedef void (*SynReplyFunc) (gpointer payload, const GError *error, gpointer user_data);

typedef struct {
  const char *type; /* static, or at least outliving the call */
  const char *key;
  int method;       /* the type's own enum */
  gpointer payload; /* owned by the call from now on */
  GDestroyNotify payload_free;
  guint timeout_ms; /* 0: none. A hold must end before it. */
  SynReplyFunc reply; /* (nullable): one-way */
  gpointer user_data;
} SynCall;

/* From a lane's thread (@from is syn_lane_current()). Messages from one lane to one grain arrive in order. */
void syn_call (SynLane *from, const SynCall *call);

/* For the receiving grain, on its lane. */
int syn_message_get_method (SynMessage *self);
gpointer syn_message_get_payload (SynMessage *self);   /* (transfer none) */
gpointer syn_message_steal_payload (SynMessage *self);
gboolean syn_message_wants_reply (SynMessage *self);
/* Both end and free the message. The payload of a reply that nobody waits for is freed by @payload_free. */
void syn_message_reply (SynMessage *self, gpointer payload, GDestroyNotify payload_free);
void syn_message_fail (SynMessage *self, const GError *error);
/* An intrusive list for kept messages, and a timer of their own for holds. */
typedef struct { SynMessage *head, *tail; guint length; } SynMessageList;
void syn_message_list_push (SynMessageList *list, SynMessage *message);
SynMessage *syn_message_list_pop (SynMessageList *list); /* NULL when empty */
void syn_message_list_remove (SynMessageList *list, SynMessage *message);
SynTimer *syn_message_get_timer (SynMessage *self);
gpointer *syn_message_get_slot (SynMessage *self); /* one pointer for whoever keeps it */

G_END_DECLS
