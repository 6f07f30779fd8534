/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What waits for an activation, and which of it may begin. Lane's thread.
 *
 * Two lists, merged by the numbers that messages get as they arrive: what may begin beside anything does not wait behind what may not. Of
 * the others only the first is looked at, so that read-only requests do not overtake a writer for ever. Whether a message passes is
 * known when it arrives: its method does not change, and a request that caused it is open by then or never again. Rejected: one
 * list and a search in it (4,096 steps for each message to a grain that is waited for), skipping over writers. */
#define G_LOG_DOMAIN "syn-grain"

#include "syn-silo-private.h"

void
syn_grain_queue (SynGrain *self, SynMessage *message)
{
  const SynGrainType *type = &self->kind->type;

  message->to.grain = self;
  message->stage = SYN_MESSAGE_WAITS;
  message->hash = ++self->arrivals;
  message->passes = FALSE;
  if (type->reentrant)
    message->mode = SYN_ALWAYS;
  else
    {
      message->mode = type->interleave != NULL ? type->interleave (message->method) : SYN_EXCLUSIVE;
      message->passes = message->mode == SYN_ALWAYS
                        || (type->call_chain && syn_context_is_caused_by (message->context, self->epoch));
    }
  syn_message_list_push (message->passes ? &self->passing : &self->mailbox, message);
}

void
syn_grain_unqueue (SynGrain *self, SynMessage *message)
{
  syn_message_list_remove (message->passes ? &self->passing : &self->mailbox, message);
}

static inline gboolean
may_begin (SynGrain *self, SynMessage *message)
{
  switch ((SynInterleave) message->mode)
    {
    case SYN_ALWAYS:
      return TRUE;
    case SYN_READ_ONLY:
      return self->n_open[SYN_EXCLUSIVE] == 0;
    case SYN_EXCLUSIVE:
    default:
      return (self->n_open[SYN_EXCLUSIVE] | self->n_open[SYN_READ_ONLY]) == 0;
    }
}

static inline SynMessageList *
next_list (SynGrain *self)
{
  SynMessage *first = self->mailbox.head, *passing = self->passing.head;

  if (first != NULL && may_begin (self, first) && (passing == NULL || (gint32) (first->hash - passing->hash) < 0))
    return &self->mailbox;
  return passing != NULL ? &self->passing : NULL;
}

gboolean
syn_grain_has_next (SynGrain *self)
{
  return next_list (self) != NULL;
}

SynMessage *
syn_grain_begin_next (SynGrain *self)
{
  SynMessageList *list = next_list (self);
  SynMessage *message;

  if (list == NULL)
    return NULL;
  message = syn_message_list_pop (list);
  message->stage = SYN_MESSAGE_OPEN;
  self->n_open[message->mode]++;
  self->refs++;
  if (!message->is_tick)
    {
      self->has_begun = TRUE;
      self->used_ms = self->lane->now_ms;
      self->lane->n_received++;
    }
  syn_message_arrive (message);
  if (self->kind->type.call_chain)
    {
      SynContext *caused = syn_context_with_cause (message->context, self->epoch);

      syn_context_unref (message->context);
      message->context = caused;
    }
  return message;
}

void
syn_grain_close (SynGrain *self, SynMessage *message, const GError *error)
{
  message->stage = SYN_MESSAGE_ENDED;
  if (message->n_filters > 0)
    syn_filters_after (message, error);
  if (self->kind->type.call_chain)
    syn_context_close_cause (message->context);
  self->n_open[message->mode]--;
  if (!message->is_tick)
    self->used_ms = self->lane->now_ms;
  if (!self->in_turn && !self->ending && !self->deferred && syn_grain_has_next (self))
    syn_grain_make_runnable (self);
  syn_grain_unref (self);
}
