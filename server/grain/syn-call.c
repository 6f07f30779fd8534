/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls, at the caller: the record of a call that is out, its deadline on the caller's wheel, its reply, and its cancellation.
 *
 * When the deadline passes or the caller cancels, the caller is done with the call at once; a parcel follows the message to the receiver, where
 * it takes it out of the mailbox, or tells the grain that has it open. Both are posted by one lane to another, so it cannot
 * overtake the message; and the message and the record are freed here, when both the message and the parcel are back. So
 * nobody ever reaches into another lane, and exactly one reply is told.
 *
 * Runs on the caller's lane, but run_cancel(). Rejected: a deadline at the receiver (two clocks to disagree), a table of calls by
 * number (a look-up a reply, and numbers to run out of). */
#define G_LOG_DOMAIN "syn-call"

#include "syn-silo-private.h"

struct _SynPendingCall {
  SynParcel parcel;     /* the cancellation, there and back */
  SynTimer timer;       /* the deadline */
  SynLane *lane;        /* the caller's */
  SynLane *to;          /* (nullable): it was refused here */
  SynMessage *message;
  SynReplyFunc reply;
  gpointer user_data;
  SynCallHandle *handle; /* (nullable) */
  SynGrain *grain;       /* (nullable): the caller; linked in its calls */
  SynPendingCall *next, **pprev;
  SynContext *context;   /* (owned) (nullable): of the turn that called, for that of the reply */
  gint64 deadline_ms;    /* 0: none */
  gint64 turn_deadline_ms; /* of the turn that called */
  guint limit_ms;        /* from the call to the deadline */
  gboolean ended;        /* nobody waits any more */
  gboolean cancelling;   /* the parcel is out */
  gboolean is_back;      /* the message is, while the parcel is out */
};

/* One allocation for both, for both are made and freed on the caller's lane, which keeps some for the next calls: they are too large for
 * malloc's quick lists. The receiver sees the message only. */
typedef struct _Record Record;
struct _Record {
  SynMessage message; /* first */
  SynPendingCall call;
};

#ifdef __SANITIZE_ADDRESS__
#define MAX_SPARE 0 /* so that what is used after its end is found */
#else
#define MAX_SPARE 512
#endif

static SynMetric calls_metric, timeouts_metric, cancelled_metric, overloaded_metric;

void
syn_call_register_metrics (void)
{
  calls_metric = syn_metric_register (SYN_METRIC_COUNTER, "calls_total", "Calls to grains");
  timeouts_metric = syn_metric_register (SYN_METRIC_COUNTER, "call_timeouts_total", "Calls whose deadline passed");
  cancelled_metric = syn_metric_register (SYN_METRIC_COUNTER, "calls_cancelled_total", "Calls that their caller gave up");
  overloaded_metric = syn_metric_register (SYN_METRIC_COUNTER, "calls_overloaded_total", "Calls refused for a full mailbox");
}

gint64
syn_pending_call_get_deadline_ms (SynPendingCall *self)
{
  return self->deadline_ms;
}

SynLane *
syn_pending_call_get_lane (SynPendingCall *self)
{
  return self->lane;
}

static void
link_to (SynPendingCall *self, SynGrain *grain)
{
  self->grain = grain;
  self->next = grain->calls;
  if (self->next != NULL)
    self->next->pprev = &self->next;
  self->pprev = &grain->calls;
  grain->calls = self;
}

/* Neither its grain nor its owner knows it any more. */
static void
detach (SynPendingCall *self)
{
  if (self->handle != NULL)
    self->handle->call = NULL;
  self->handle = NULL;
  if (self->grain == NULL)
    return;
  *self->pprev = self->next;
  if (self->next != NULL)
    self->next->pprev = self->pprev;
  self->grain = NULL;
}

static void
pending_call_free (SynPendingCall *self)
{
  SynLane *lane = self->lane;
  SynMessage *message = self->message;

  syn_context_unref (self->context);
  if (lane->n_spare_calls >= MAX_SPARE)
    {
      g_free (message); /* the record */
      return;
    }
  message->parcel.next = lane->spare_calls;
  lane->spare_calls = &message->parcel;
  lane->n_spare_calls++;
}

static Record *
record_new (SynLane *lane)
{
  SynParcel *spare = lane->spare_calls;

  if (spare == NULL)
    return g_new (Record, 1);
  lane->spare_calls = spare->next;
  lane->n_spare_calls--;
  return (Record *) spare;
}

void
syn_lane_free_spare_calls (SynLane *lane)
{
  SynParcel *spare;

  while ((spare = lane->spare_calls) != NULL)
    {
      lane->spare_calls = spare->next;
      g_free (spare);
    }
  lane->n_spare_calls = 0;
}

/* ---- replies ---- */

/* In a turn of the grain that called, or, when a lane did, just so. */
static void
tell (SynPendingCall *self, gpointer payload, const GError *error)
{
  SynGrain *grain = self->grain;
  SynTurn before;

  detach (self);
  if (grain == NULL)
    {
      self->reply (payload, error, self->user_data);
      return;
    }
  before = syn_grain_enter_for (grain, self->context, self->turn_deadline_ms);
  self->reply (payload, error, self->user_data);
  syn_grain_leave (grain, before);
}

void
syn_call_run_reply (SynLane *lane, SynParcel *parcel)
{
  SynMessage *message = (SynMessage *) parcel;
  SynPendingCall *self = message->call;

  if (self->ended)
    syn_message_drop_payload (message);
  else
    {
      syn_lane_disarm (lane, &self->timer);
      tell (self, message->v.error != NULL ? NULL : message->payload, message->v.error);
    }
  g_clear_error (&message->v.error);
  self->is_back = TRUE;
  if (!self->cancelling)
    pending_call_free (self);
}

/* ---- nobody waits any more ---- */

static void
run_cancel_back (SynLane *lane, SynParcel *parcel)
{
  SynPendingCall *self = (SynPendingCall *) parcel;

  self->cancelling = FALSE;
  if (self->is_back)
    pending_call_free (self);
}

/* On the receiver's lane, behind the message. */
static void
run_cancel (SynLane *lane, SynParcel *parcel)
{
  SynPendingCall *self = (SynPendingCall *) parcel;
  SynMessage *message = self->message;
  SynGrain *grain = message->to.grain;

  if (message->stage == SYN_MESSAGE_WAITS)
    {
      g_autoptr (GError) error = g_error_new_literal (SYN_ERROR, SYN_ERROR_TIMEOUT, "nobody waits any more");

      syn_grain_unqueue (grain, message);
      lane->n_received++;
      syn_message_refuse (message, error);
      if (!grain->deferred && syn_grain_has_next (grain))
        syn_grain_make_runnable (grain); /* it may have stood before one that may begin */
    }
  else if (message->stage == SYN_MESSAGE_OPEN && !message->is_told)
    {
      message->is_told = TRUE;
      if (!grain->ended && grain->kind->type.cancelled != NULL)
        {
          SynTurn before = syn_grain_enter_for (grain, message->context, 0);

          grain->kind->type.cancelled (grain, grain->state, message);
          syn_grain_leave (grain, before);
        }
    }
  parcel->run = run_cancel_back;
  syn_lane_post (self->lane, parcel);
}

static void
abandon (SynPendingCall *self)
{
  self->ended = TRUE;
  syn_lane_disarm (self->lane, &self->timer);
  if (self->to == NULL)
    return;
  self->cancelling = TRUE;
  self->parcel.run = run_cancel;
  syn_lane_post (self->to, &self->parcel);
}

static void
deadline_passed (SynTimer *timer, gpointer user_data)
{
  SynPendingCall *self = user_data;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_TIMEOUT, "no reply within %u ms", self->limit_ms);

  syn_metric_add (self->lane, timeouts_metric, 1);
  abandon (self);
  tell (self, NULL, error);
}

void
syn_call_cancel (SynCallHandle *handle)
{
  SynPendingCall *self = handle->call;

  if (self == NULL)
    return;
  syn_metric_add (self->lane, cancelled_metric, 1);
  detach (self);
  abandon (self);
}

void
syn_grain_cancel_calls (SynGrain *self)
{
  while (self->calls != NULL)
    {
      SynPendingCall *call = self->calls;

      detach (call);
      abandon (call);
    }
}

/* ---- calling ---- */

/* Back from here, without having been anywhere. */
static void
refuse (SynMessage *self, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
refuse (SynMessage *self, int code, const char *format, ...)
{
  va_list args;

  if (self->call != NULL)
    self->call->to = NULL;
  memset (&self->u, 0, sizeof self->u);
  syn_message_drop_payload (self);
  va_start (args, format);
  self->v.error = g_error_new_valist (SYN_ERROR, code, format, args);
  va_end (args);
  syn_message_send_back (self);
}

static void
pending_call_init (SynPendingCall *self, SynLane *from, const SynCall *call, SynMessage *message, SynGrain *grain, const SynTurn *turn)
{
  self->lane = from;
  self->to = NULL;
  self->message = message;
  self->reply = call->reply;
  self->user_data = call->user_data;
  self->handle = call->handle;
  if (self->handle != NULL)
    self->handle->call = self;
  self->grain = NULL;
  if (grain != NULL)
    link_to (self, grain);
  self->context = turn != NULL ? syn_context_ref (turn->context) : NULL;
  self->turn_deadline_ms = turn != NULL ? turn->deadline_ms : 0;
  self->deadline_ms = call->timeout_ms != 0 ? from->now_ms + call->timeout_ms : 0;
  if (self->turn_deadline_ms != 0 && (self->deadline_ms == 0 || self->turn_deadline_ms < self->deadline_ms))
    self->deadline_ms = self->turn_deadline_ms;
  self->limit_ms = (guint) MAX (0, self->deadline_ms - from->now_ms);
  self->ended = self->cancelling = self->is_back = FALSE;
  self->timer.pprev = NULL;
  self->timer.next = NULL;
  if (self->limit_ms != 0)
    syn_lane_arm (from, &self->timer, self->limit_ms, deadline_passed, self);
}

/* @turn: (nullable): on whose behalf */
static void
send (SynLane *from, const SynCall *call, SynGrain *grain, const SynTurn *turn)
{
  SynSilo *silo = from->silo;
  const SynGrainKind *kind = syn_silo_find_kind (silo, call->type);
  SynPendingCall *pending = NULL;
  SynMessage *self;
  SynLane *to;
  gsize length;

  syn_metric_add (from, calls_metric, 1);
  if (call->reply != NULL)
    {
      Record *record = record_new (from);

      self = &record->message;
      pending = &record->call;
      pending_call_init (pending, from, call, self, grain, turn);
    }
  else
    self = g_new (SynMessage, 1);
  self->parcel.run = syn_message_deliver_parcel;
  self->prev = NULL;
  self->payload = call->payload;
  self->payload_free = call->payload_free;
  self->to.kind = kind;
  self->context = turn != NULL ? syn_context_ref (turn->context) : NULL;
  self->v.long_key = NULL;
  self->method = (gint16) call->method;
  self->stage = SYN_MESSAGE_TRAVELS;
  self->passes = self->is_tick = self->is_told = FALSE;
  self->mode = SYN_EXCLUSIVE;
  self->n_filters = 0;
  self->call = pending;

  if (kind == NULL)
    {
      refuse (self, SYN_ERROR_INVALID, "there is no grain type \"%s\"", call->type);
      return;
    }
  if (g_atomic_int_get (&silo->draining))
    {
      refuse (self, SYN_ERROR_UNAVAILABLE, "the silo is draining");
      return;
    }
  if (pending != NULL && pending->deadline_ms != 0 && pending->limit_ms == 0)
    {
      syn_metric_add (from, timeouts_metric, 1);
      refuse (self, SYN_ERROR_TIMEOUT, "the deadline has passed already");
      return;
    }
  if (call->context != NULL)
    {
      SynContext *before = self->context;

      if (!syn_context_with (before, call->context, &self->context))
        {
          refuse (self, SYN_ERROR_TOO_LARGE, "the context of a call may have %u bytes", SYN_MAX_CONTEXT_BYTES);
          return;
        }
      syn_context_unref (before);
    }

  length = strlen (call->key);
  self->hash = syn_grain_table_hash (kind, call->key, length);
  to = kind->type.stateless ? syn_silo_worker_lane (silo, from) : silo->lane_of[syn_grain_partition (kind, call->key)];
  if (__atomic_add_fetch (&to->n_messages, 1, __ATOMIC_RELAXED) > silo->max_lane_messages)
    {
      __atomic_sub_fetch (&to->n_messages, 1, __ATOMIC_RELAXED);
      syn_metric_add (from, overloaded_metric, 1);
      refuse (self, SYN_ERROR_OVERLOADED, "lane %u has %d messages waiting", to->index, silo->max_lane_messages);
      return;
    }
  if (length < sizeof self->u.key)
    memcpy (self->u.key, call->key, length + 1);
  else
    self->v.long_key = g_memdup2 (call->key, length + 1);
  if (pending != NULL)
    pending->to = to;
  syn_lane_post (to, &self->parcel);
}

/**
 * syn_call:
 * @from: the lane that calls: its thread runs this, and will run the reply
 *
 * The reply never comes from within this function, also when it is a refusal.
 */
void
syn_call (SynLane *from, const SynCall *call)
{
  g_assert (from == syn_lane_current () || from->silo->stepped);
  send (from, call, NULL, NULL);
}

/**
 * syn_grain_call:
 * @from: the grain that calls, on its lane; one that is being deactivated gets no reply any more
 */
void
syn_grain_call (SynGrain *from, const SynCall *call)
{
  SynTurn *turn = &from->lane->turn;
  gboolean on_behalf = !call->detached && turn->grain == from;
  SynCall last;

  if (from->ended && call->reply != NULL)
    {
      last = *call;
      last.reply = NULL;
      call = &last;
    }
  send (from->lane, call, from, on_behalf ? turn : NULL);
}
