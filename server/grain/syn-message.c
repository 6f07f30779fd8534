/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls to grains. One allocation makes the whole journey: posted to the receiving lane, sorted into a mailbox, received or
 * kept, and posted back as its own reply. Beside it the caller's lane keeps a SynPendingCall: the deadline is the
 * caller's, on the caller's wheel. When it passes, the caller is told so; the message stays whose it is, and
 * its late reply is dropped where the pending call is freed. So nobody ever reaches into what a grain keeps, and
 * exactly one reply is told.
 *
 * Runs on lanes' threads. Rejected: a deadline at the receiver (it would have to take a kept message out of a grain's
 * hands), a table of calls by number (a look-up a reply, and numbers to run out of). */
#define G_LOG_DOMAIN "syn-message"

#include "syn-silo-private.h"
#include "syn-error.h"

struct _SynPendingCall {
  SynTimer timer; /* the deadline */
  SynLane *lane;  /* the caller's */
  SynReplyFunc reply;
  gpointer user_data;
  guint timeout_ms;
  gboolean ended; /* told TIMEOUT already */
};

static SynMetric calls_metric, timeouts_metric, overloaded_metric;

void
syn_message_register_metrics (void)
{
  calls_metric = syn_metric_register (SYN_METRIC_COUNTER, "calls_total", "Calls to grains");
  timeouts_metric = syn_metric_register (SYN_METRIC_COUNTER, "call_timeouts_total", "Calls whose deadline passed");
  overloaded_metric = syn_metric_register (SYN_METRIC_COUNTER, "calls_overloaded_total", "Calls refused for a full mailbox");
}

static void
drop_payload (SynMessage *self)
{
  gpointer payload = g_steal_pointer (&self->payload);

  if (payload != NULL && self->payload_free != NULL)
    self->payload_free (payload);
}

/* ---- back at the caller ---- */

static void
deadline_passed (SynTimer *timer, gpointer user_data)
{
  SynPendingCall *call = user_data;
  g_autoptr (GError) error = NULL;

  call->ended = TRUE;
  syn_metric_add (call->lane, timeouts_metric, 1);
  error = g_error_new (SYN_ERROR, SYN_ERROR_TIMEOUT, "no reply within %u ms", call->timeout_ms);
  call->reply (NULL, error, call->user_data);
}

static void
run_reply (SynLane *lane, SynParcel *parcel)
{
  SynMessage *self = (SynMessage *) parcel;
  SynPendingCall *call = self->call;

  if (call->ended)
    drop_payload (self);
  else
    {
      syn_lane_disarm (lane, &call->timer);
      call->reply (self->v.error != NULL ? NULL : self->payload, self->v.error, call->user_data);
    }
  g_clear_error (&self->v.error);
  g_free (call);
  g_free (self);
}

/* Ends the message; its payload (of the reply by now) goes back, or is dropped when nobody waits. */
static void
send_back (SynMessage *self)
{
  if (self->call == NULL)
    {
      drop_payload (self);
      g_clear_error (&self->v.error);
      g_free (self);
      return;
    }
  self->parcel.run = run_reply;
  syn_lane_post (self->call->lane, &self->parcel);
}

/* ---- calling ---- */

/**
 * syn_call:
 * @from: the lane that calls: its thread runs this, and will run the reply
 *
 * The reply never comes from within this function, also when it is a refusal.
 */
void
syn_call (SynLane *from, const SynCall *call)
{
  SynSilo *silo = from->silo;
  SynMessage *self = g_new (SynMessage, 1);
  const SynGrainKind *kind = syn_silo_find_kind (silo, call->type);
  SynLane *to;
  guint64 hash;
  gsize length;

  g_assert (from == syn_lane_current () || silo->stepped);
  syn_metric_add (from, calls_metric, 1);

  self->parcel.run = syn_message_deliver_parcel;
  self->prev = NULL;
  self->payload = call->payload;
  self->payload_free = call->payload_free;
  self->kind = kind;
  self->call = NULL;
  self->v.long_key = NULL;
  self->method = call->method;
  if (call->reply != NULL)
    {
      SynPendingCall *pending = self->call = g_new0 (SynPendingCall, 1);

      pending->lane = from;
      pending->reply = call->reply;
      pending->user_data = call->user_data;
      pending->timeout_ms = call->timeout_ms;
      if (call->timeout_ms != 0)
        syn_lane_arm (from, &pending->timer, call->timeout_ms, deadline_passed, pending);
    }

  if (kind == NULL || g_atomic_int_get (&silo->draining))
    {
      memset (&self->u, 0, sizeof self->u);
      drop_payload (self);
      if (kind == NULL)
        self->v.error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "there is no grain type \"%s\"", call->type);
      else
        self->v.error = g_error_new_literal (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the silo is draining");
      send_back (self);
      return;
    }

  hash = syn_grain_name_hash (kind->type.name, call->key);
  self->hash = (guint32) (hash >> 32);
  to = syn_silo_lane_of (silo, hash);
  if (__atomic_add_fetch (&to->n_messages, 1, __ATOMIC_RELAXED) > silo->max_lane_messages)
    {
      __atomic_sub_fetch (&to->n_messages, 1, __ATOMIC_RELAXED);
      memset (&self->u, 0, sizeof self->u);
      syn_metric_add (from, overloaded_metric, 1);
      drop_payload (self);
      self->v.error = g_error_new (SYN_ERROR, SYN_ERROR_OVERLOADED, "lane %u has %d messages waiting", to->index,
                                   silo->max_lane_messages);
      send_back (self);
      return;
    }

  length = strlen (call->key) + 1;
  if (length <= sizeof self->u.key)
    memcpy (self->u.key, call->key, length);
  else
    self->v.long_key = g_memdup2 (call->key, length);
  syn_lane_post (to, &self->parcel);
}

/* ---- at the receiver ---- */

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
let_go (SynMessage *self)
{
  g_assert (self->prev == NULL);
  if (syn_timer_is_armed (&self->u.keep.timer))
    syn_lane_disarm (syn_lane_current (), &self->u.keep.timer);
  drop_payload (self);
}

/**
 * syn_message_reply:
 * @payload: (transfer full) (nullable): the answer
 * @payload_free: frees @payload when nobody waits for it (any more)
 */
void
syn_message_reply (SynMessage *self, gpointer payload, GDestroyNotify payload_free)
{
  let_go (self);
  self->payload = payload;
  self->payload_free = payload_free;
  send_back (self);
}

/**
 * syn_message_fail:
 * @error: copied
 */
void
syn_message_fail (SynMessage *self, const GError *error)
{
  let_go (self);
  if (error->code == SYN_ERROR_OVERLOADED && error->domain == SYN_ERROR && syn_lane_current () != NULL)
    syn_metric_add (syn_lane_current (), overloaded_metric, 1);
  if (self->call != NULL)
    self->v.error = g_error_copy (error);
  send_back (self);
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
