/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "synoptic-grain.h"
#include "syn-lane.h"

/* Kept messages, for the server's own grains (a parked poll is one). Calls, and what a grain does with a message: synoptic-grain.h.
 * A message is one allocation of at most 128 bytes: tests check its size. */

G_BEGIN_DECLS

/* An intrusive list for kept messages, and a timer of their own for holds. */
typedef struct { SynMessage *head, *tail; guint length; } SynMessageList;
void syn_message_list_push (SynMessageList *list, SynMessage *message);
SynMessage *syn_message_list_pop (SynMessageList *list); /* NULL when empty */
void syn_message_list_remove (SynMessageList *list, SynMessage *message);
SynTimer *syn_message_get_timer (SynMessage *self);
gpointer *syn_message_get_slot (SynMessage *self); /* one pointer for whoever keeps it; NULL at first */

G_END_DECLS
