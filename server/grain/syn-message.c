/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages, at the receiver: from arriving to being replied to or failed. One allocation makes the whole journey: posted to the
 * receiving lane, sorted into a mailbox, received or kept, and posted back as its own reply (see syn-call.c). Runs on the receiving
 * lane's thread. */
#define G_LOG_DOMAIN "syn-message"

#include "syn-silo-private.h"

static SynMetric overloaded_metric;

void
syn_message_register_metrics (void)
{
  overloaded_metric = syn_metric_register (SYN_METRIC_COUNTER, "calls_overloaded_total", "Calls refused for a full mailbox");
  syn_call_register_metrics ();
}

void
syn_message_drop_payload (SynMessage *self)
{
  gpointer payload = g_steal_pointer (&self->payload);

  if (payload != NULL && self->payload_free != NULL)
    self->payload_free (payload);
}

void
syn_message_send_back (SynMessage *self)
{
  self->stage = SYN_MESSAGE_ENDED;
  if (self->context != NULL)
    syn_context_unref (g_steal_pointer (&self->context));
  if (self->is_tick)
    {
      syn_message_drop_payload (self);
      g_clear_error (&self->v.error);
      syn_tick_ended (self);
      return;
    }
  if (self->call == NULL)
    {
      syn_message_drop_payload (self);
      g_clear_error (&self->v.error);
      g_free (self);
      return;
    }
  self->parcel.run = syn_call_run_reply;
  syn_lane_post (syn_pending_call_get_lane (self->call), &self->parcel);
}

void
syn_message_arrive (SynMessage *self)
{
  g_clear_pointer (&self->v.long_key, g_free);
  memset (&self->u, 0, sizeof self->u);
}

int
syn_message_get_method (SynMessage *self)
{
  return self->method;
}

gpointer
syn_message_get_payload (SynMessage *self)
{
  return self->payload;
}

gpointer
syn_message_steal_payload (SynMessage *self)
{
  return g_steal_pointer (&self->payload);
}

gboolean
syn_message_wants_reply (SynMessage *self)
{
  return self->call != NULL;
}

/* What ends a message leaves nothing armed in it. It must be out of its list already. */
static void
let_go (SynMessage *self, const GError *error)
{
  SynGrain *grain = self->to.grain;

  g_assert (self->prev == NULL && self->stage == SYN_MESSAGE_OPEN);
  if (syn_timer_is_armed (&self->u.keep.timer))
    syn_lane_disarm (grain->lane, &self->u.keep.timer);
  syn_message_drop_payload (self);
  syn_grain_close (grain, self, error);
  self->v.error = NULL;
}

static void
count_overload (const GError *error)
{
  if (error->code == SYN_ERROR_OVERLOADED && error->domain == SYN_ERROR && syn_lane_current () != NULL)
    syn_metric_add (syn_lane_current (), overloaded_metric, 1);
}

/**
 * syn_message_reply:
 * @payload: (transfer full) (nullable): the answer
 * @payload_free: frees @payload when nobody waits for it (any more)
 */
void
syn_message_reply (SynMessage *self, gpointer payload, GDestroyNotify payload_free)
{
  let_go (self, NULL);
  self->payload = payload;
  self->payload_free = payload_free;
  syn_message_send_back (self);
}

/**
 * syn_message_fail:
 * @error: copied
 */
void
syn_message_fail (SynMessage *self, const GError *error)
{
  let_go (self, error);
  count_overload (error);
  if (self->call != NULL)
    self->v.error = g_error_copy (error);
  syn_message_send_back (self);
}

void
syn_message_refuse (SynMessage *self, const GError *error)
{
  syn_message_arrive (self);
  syn_message_drop_payload (self);
  count_overload (error);
  if (self->call != NULL)
    self->v.error = g_error_copy (error);
  syn_message_send_back (self);
}

/* ---- lists ---- */

void
syn_message_list_push (SynMessageList *list, SynMessage *message)
{
  message->parcel.next = NULL;
  message->prev = list->tail;
  if (list->tail != NULL)
    list->tail->parcel.next = &message->parcel;
  else
    list->head = message;
  list->tail = message;
  list->length++;
}

void
syn_message_list_remove (SynMessageList *list, SynMessage *message)
{
  SynMessage *next = (SynMessage *) message->parcel.next;

  if (message->prev != NULL)
    message->prev->parcel.next = message->parcel.next;
  else
    list->head = next;
  if (next != NULL)
    next->prev = message->prev;
  else
    list->tail = message->prev;
  message->parcel.next = NULL;
  message->prev = NULL;
  list->length--;
}

SynMessage *
syn_message_list_pop (SynMessageList *list)
{
  SynMessage *message = list->head;

  if (message != NULL)
    syn_message_list_remove (list, message);
  return message;
}

SynTimer *
syn_message_get_timer (SynMessage *self)
{
  return &self->u.keep.timer;
}

gpointer *
syn_message_get_slot (SynMessage *self)
{
  return &self->u.keep.slot;
}
