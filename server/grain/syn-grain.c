/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Activations: a directory per lane (a set keyed by type and key, touched by its lane only), mailboxes, turns, and the end
 * of what was idle for long.
 *
 * An arriving call is sorted into its activation's mailbox, which makes the activation runnable; it is activated in its
 * first turn. Runnable ones take turns in a queue, at most SYN_GRAIN_BATCH messages each before the next.
 * A grain ends in its own turn, in its idle timer or in the drain, never within a call to it; what its mailbox still
 * held then goes to a new activation, or gets the error when that is why it ended.
 *
 * The idle timer is armed once, for the idle age; a message only notes the time, and the timer counts on from there when
 * it fires. Rejected: re-arming at every message (two cache lines more per message). */
#define G_LOG_DOMAIN "syn-grain"

#include "syn-silo-private.h"
#include "syn-error.h"

static SynMetric active_metric, activated_metric, failed_metric, idle_metric;

static void
register_metrics (void)
{
  active_metric = syn_metric_register (SYN_METRIC_GAUGE, "activations", "Grains that are active");
  activated_metric = syn_metric_register (SYN_METRIC_COUNTER, "activations_total", "Activations made");
  failed_metric = syn_metric_register (SYN_METRIC_COUNTER, "activations_failed_total",
                                       "Activations that failed, or ended by an error");
  idle_metric = syn_metric_register (SYN_METRIC_COUNTER, "idle_collections_total", "Activations ended because they were idle");
  syn_message_register_metrics ();
  syn_supervisor_register_metrics ();
}

static void grain_end (SynGrain *self);

/* ---- the directory ---- */

guint
syn_grain_probe_hash (gconstpointer data)
{
  return ((const SynGrain *) data)->hash;
}

gboolean
syn_grain_probe_equal (gconstpointer a, gconstpointer b)
{
  const SynGrain *x = a, *y = b;

  return x->hash == y->hash && x->kind == y->kind && strcmp (x->key, y->key) == 0;
}

static SynGrain *
find (SynLane *lane, const SynGrainKind *kind, const char *key, guint32 hash)
{
  SynGrain probe = { .kind = kind, .key = key, .hash = hash };

  return g_hash_table_lookup (lane->directory, &probe);
}

/* ---- the queue of those with something to do ---- */

void
syn_grain_make_runnable (SynGrain *self)
{
  if (self->runnable)
    return;
  self->runnable = TRUE;
  self->next_runnable = NULL;
  *self->lane->runnable_end = self;
  self->lane->runnable_end = &self->next_runnable;
}

static SynGrain *
pop_runnable (SynLane *lane)
{
  SynGrain *self = lane->runnable;

  if (self == NULL)
    return NULL;
  lane->runnable = self->next_runnable;
  if (lane->runnable == NULL)
    lane->runnable_end = &lane->runnable;
  self->runnable = FALSE;
  return self;
}

/* ---- turns of any kind ---- */

static inline SynTurn
enter (SynGrain *self, SynContext *context, gint64 deadline_ms, int method)
{
  SynLane *lane = self->lane;
  SynTurn before = lane->turn;

  lane->turn.grain = self;
  lane->turn.context = syn_context_ref (context);
  lane->turn.deadline_ms = deadline_ms;
  lane->turn.start_us = 0;
  if (lane->silo->times_turns)
    lane->turn.start_us = lane->turn_end_us != 0 ? lane->turn_end_us : syn_lane_look_at_clock_us (lane);
  lane->turn.method = method;
  self->in_turn = TRUE;
  return before;
}

static inline void
leave (SynGrain *self, SynTurn before)
{
  SynLane *lane = self->lane;

  if (lane->silo->times_turns)
    syn_filters_turn (&lane->turn);
  if (lane->turn.context != NULL)
    syn_context_unref (lane->turn.context);
  self->in_turn = FALSE;
  lane->turn = before;
}

SynTurn
syn_grain_enter_for (SynGrain *self, SynContext *context, gint64 deadline_ms)
{
  self->lane->turn_end_us = 0;
  return enter (self, context, deadline_ms, 0);
}

void
syn_grain_leave (SynGrain *self, SynTurn before)
{
  leave (self, before);
  self->lane->turn_end_us = 0;
  if (self->ended)
    return;
  if ((self->ending && self->has_state) || (!self->ending && !self->deferred && syn_grain_has_next (self)))
    syn_grain_make_runnable (self); /* it ends, or goes on, in the next run of turns */
}

/* ---- life ---- */

static void
idle_cb (SynTimer *timer, gpointer user_data)
{
  SynGrain *self = user_data;
  guint idle_age_ms = self->kind->type.idle_age_ms;
  gint64 idle_ms = self->lane->now_ms - self->used_ms;

  if (self->holds > 0 || self->runnable || syn_grain_is_busy (self) || syn_grain_n_waiting (self) > 0)
    syn_lane_arm (self->lane, &self->idle, idle_age_ms, idle_cb, self);
  else if (self->keep_until_ms > self->lane->now_ms)
    syn_lane_arm (self->lane, &self->idle, (guint) MIN (self->keep_until_ms - self->lane->now_ms, G_MAXINT), idle_cb, self);
  else if (idle_ms < idle_age_ms)
    syn_lane_arm (self->lane, &self->idle, (guint) (idle_age_ms - idle_ms), idle_cb, self);
  else
    {
      syn_metric_add (self->lane, idle_metric, 1);
      grain_end (self);
    }
}

/* In the directory, but not activated yet. */
static SynGrain *
grain_new (SynLane *lane, const SynGrainKind *kind, const char *key, guint32 hash)
{
  gsize length = strlen (key) + 1;
  SynGrain *self = g_malloc0 (sizeof (SynGrain) + length);

  self->lane = lane;
  self->kind = kind;
  self->refs = 1;
  self->hash = hash;
  memcpy (self->key_bytes, key, length);
  self->key = self->key_bytes;
  self->supervised = syn_supervisor_find (lane, kind, key, hash);
  g_hash_table_add (lane->directory, self);
  return self;
}

/* Takes messages from now on. */
static void
grain_ready (SynGrain *self)
{
  const SynGrainType *type = &self->kind->type;
  SynLane *lane = self->lane;

  self->used_ms = lane->now_ms;
  if (type->idle_age_ms != 0 && !self->ending)
    syn_lane_arm (lane, &self->idle, type->idle_age_ms, idle_cb, self);
  if (self->supervised == NULL && type->always_on)
    self->supervised = syn_supervisor_add (lane, self->kind, self->key, self->hash);
  if (self->supervised != NULL)
    syn_supervised_up (self->supervised);
}

static void
activation_timeout_cb (SynTimer *timer, gpointer user_data)
{
  SynGrain *self = user_data;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_TIMEOUT, "%s/%s was not activated within %u ms",
                                          self->kind->type.name, self->key, self->kind->activation_timeout_ms);

  syn_grain_activated (self, error);
}

static void
grain_activate (SynGrain *self)
{
  const SynGrainType *type = &self->kind->type;
  SynLane *lane = self->lane;
  SynTurn before;
  g_autoptr (GError) error = NULL;

  self->epoch = syn_silo_take_epoch (lane->silo);
  self->used_ms = lane->now_ms;
  before = enter (self, NULL, 0, 0);
  self->state = type->activate (self, self->key, self->kind->data, &error);
  leave (self, before);
  if (error != NULL)
    {
      g_clear_error (&self->error);
      self->error = g_steal_pointer (&error);
      self->ending = TRUE;
      return;
    }
  self->has_state = TRUE;
  __atomic_add_fetch (&lane->n_active[self->kind->id], 1, __ATOMIC_RELAXED);
  syn_metric_add (lane, active_metric, 1);
  syn_metric_add (lane, activated_metric, 1);
  if (!self->deferred)
    grain_ready (self);
  else if (!self->ending)
    syn_lane_arm (lane, &self->idle, self->kind->activation_timeout_ms, activation_timeout_cb, self);
}

static void
drop_messages (SynGrain *self, SynMessageList *list, const GError *error)
{
  SynMessage *message;

  while ((message = syn_message_list_pop (list)) != NULL)
    {
      self->lane->n_received++;
      syn_message_refuse (message, error);
    }
}

/* Out of the directory, deactivated, freed; what waits gets the error. */
static void
grain_end (SynGrain *self)
{
  SynLane *lane = self->lane;
  g_autoptr (GError) error = g_steal_pointer (&self->error);
  g_autoptr (GError) draining = NULL;
  SynSupervised *supervised = self->supervised;
  SynTurn before;

  g_assert (!self->runnable);
  self->ending = TRUE;
  self->ended = TRUE;
  g_hash_table_remove (lane->directory, self);
  syn_lane_disarm (lane, &self->idle);
  syn_grain_end_ticks (self);
  if (self->has_state)
    {
      before = enter (self, NULL, 0, 0);
      self->kind->type.deactivate (self, self->state);
      leave (self, before);
      __atomic_sub_fetch (&lane->n_active[self->kind->id], 1, __ATOMIC_RELAXED);
      syn_metric_add (lane, active_metric, -1);
    }
  syn_grain_cancel_calls (self);
  if (syn_grain_is_busy (self))
    g_warning ("%s/%s was deactivated with requests open: who made them waits for the deadline", self->kind->type.name, self->key);
  if (error != NULL)
    syn_metric_add (lane, failed_metric, 1);
  g_clear_error (&self->error);
  if (self->records != NULL && lane->silo->hooks.ended != NULL)
    lane->silo->hooks.ended (self);

  if (supervised != NULL && error != NULL && !lane->draining)
    syn_supervised_down (supervised, error);
  if (error == NULL)
    draining = g_error_new_literal (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the silo is draining");
  drop_messages (self, &self->mailbox, error != NULL ? error : draining);
  drop_messages (self, &self->passing, error != NULL ? error : draining);
  syn_grain_unref (self);
}

/* ---- arriving ---- */

static void
refuse (SynLane *lane, SynMessage *message, int code, const char *format, ...) G_GNUC_PRINTF (4, 5);

static void
refuse (SynLane *lane, SynMessage *message, int code, const char *format, ...)
{
  g_autoptr (GError) error = NULL;
  va_list args;

  va_start (args, format);
  error = g_error_new_valist (SYN_ERROR, code, format, args);
  va_end (args);
  lane->n_received++;
  syn_message_refuse (message, error);
}

void
syn_lane_deliver (SynLane *lane, SynMessage *message)
{
  const SynGrainKind *kind = message->to.kind;
  const char *key = syn_message_key (message);
  SynGrain *grain;

  message->prev = NULL;
  if (lane->draining)
    {
      refuse (lane, message, SYN_ERROR_UNAVAILABLE, "the silo is draining");
      return;
    }
  grain = find (lane, kind, key, message->hash);
  if (grain == NULL)
    {
      SynSupervised *supervised = syn_supervisor_find (lane, kind, key, message->hash);

      if (supervised != NULL && supervised->error != NULL)
        {
          refuse (lane, message, SYN_ERROR_UNAVAILABLE, "%s/%s is being restarted after: %s", kind->type.name, key,
                  supervised->error->message);
          return;
        }
      if (g_hash_table_size (lane->directory) >= SYN_MAX_ACTIVATIONS_PER_LANE)
        {
          refuse (lane, message, SYN_ERROR_OVERLOADED, "lane %u has %u activations", lane->index,
                  g_hash_table_size (lane->directory));
          return;
        }
      grain = grain_new (lane, kind, key, message->hash);
    }
  if (syn_grain_n_waiting (grain) >= kind->mailbox_limit)
    {
      refuse (lane, message, SYN_ERROR_OVERLOADED, "%s/%s has %u messages waiting", kind->type.name, grain->key,
              syn_grain_n_waiting (grain));
      return;
    }
  syn_grain_queue (grain, message);
  if (!grain->has_state || (!grain->deferred && syn_grain_has_next (grain)))
    syn_grain_make_runnable (grain);
}

void
syn_message_deliver_parcel (SynLane *lane, SynParcel *parcel)
{
  syn_lane_deliver (lane, (SynMessage *) parcel);
}

void
syn_lane_activate (SynLane *lane, const SynGrainKind *kind, const char *key)
{
  guint32 hash = syn_grain_table_hash (kind, key, strlen (key));

  if (lane->draining || find (lane, kind, key, hash) != NULL)
    return;
  syn_grain_make_runnable (grain_new (lane, kind, key, hash));
}

/* ---- turns ---- */

static void
own_messages (SynGrain *grain, SynMessageList *list)
{
  for (SynMessage *message = list->head; message != NULL; message = (SynMessage *) message->parcel.next)
    message->to.grain = grain;
}

/* What is left when a grain ended for no error starts the next activation, in order. */
static void
end_and_pass_on (SynGrain *self)
{
  SynLane *lane = self->lane;
  SynMessageList mailbox, passing;
  SynGrain *next;

  if (self->error != NULL || lane->draining)
    {
      grain_end (self);
      return;
    }
  syn_grain_end_ticks (self);
  if (syn_grain_n_waiting (self) == 0)
    {
      grain_end (self);
      return;
    }
  mailbox = self->mailbox;
  passing = self->passing;
  self->mailbox = self->passing = (SynMessageList) { NULL, NULL, 0 };
  syn_grain_ref (self);
  grain_end (self);
  next = grain_new (lane, self->kind, self->key, self->hash);
  next->arrivals = self->arrivals;
  next->mailbox = mailbox;
  next->passing = passing;
  own_messages (next, &next->mailbox);
  own_messages (next, &next->passing);
  syn_grain_unref (self);
  syn_grain_make_runnable (next);
}

/* The first turn of a request. */
static inline void
run_turn (SynGrain *self, SynMessage *message)
{
  SynTurn before = enter (self, message->context, message->call != NULL ? syn_pending_call_get_deadline_ms (message->call) : 0,
                          message->method);
  g_autoptr (GError) error = NULL;

  if (self->lane->silo->n_filters > 0 && !syn_filters_before (message, &error))
    syn_message_fail (message, error);
  else
    self->kind->type.receive (self, self->state, message);
  leave (self, before);
}

static guint
run_turns_of (SynGrain *self, guint budget)
{
  guint n = MIN (budget, SYN_GRAIN_BATCH);
  guint done = 0;
  SynMessage *message;

  if (!self->has_state && !self->ending)
    {
      done++; /* also an activation without a message costs something */
      grain_activate (self);
    }
  while (!self->ending && !self->deferred && done < n && (message = syn_grain_begin_next (self)) != NULL)
    {
      done++;
      run_turn (self, message);
    }
  if (self->ending)
    end_and_pass_on (self);
  else if (!self->deferred && syn_grain_has_next (self))
    syn_grain_make_runnable (self);
  return MAX (done, 1);
}

guint
syn_lane_run_turns (SynLane *lane, guint budget)
{
  SynGrain *grain;

  while (budget > 0 && (grain = pop_runnable (lane)) != NULL)
    budget -= run_turns_of (grain, budget);
  lane->turn_end_us = 0;
  return budget;
}

/* ---- the lane's side ---- */

void
syn_lane_init_grains (SynLane *lane)
{
  register_metrics ();
  lane->directory = g_hash_table_new (syn_grain_probe_hash, syn_grain_probe_equal);
  lane->runnable_end = &lane->runnable;
}

void
syn_lane_end_grains (SynLane *lane)
{
  g_autoptr (GPtrArray) all = g_ptr_array_sized_new (g_hash_table_size (lane->directory));
  GHashTableIter iter;
  gpointer grain;

  lane->draining = TRUE;
  while (pop_runnable (lane) != NULL)
    ;
  g_hash_table_iter_init (&iter, lane->directory);
  while (g_hash_table_iter_next (&iter, &grain, NULL))
    g_ptr_array_add (all, grain);
  for (guint i = 0; i < all->len; i++)
    {
      SynGrain *self = all->pdata[i];

      /* A deactivation before may have asked this one to end soon. */
      if (self->runnable)
        while (pop_runnable (lane) != NULL)
          ;
      grain_end (self);
    }
  if (lane->supervised != NULL)
    g_hash_table_remove_all (lane->supervised);
}

void
syn_lane_clear_grains (SynLane *lane)
{
  g_assert (g_hash_table_size (lane->directory) == 0);
  g_clear_pointer (&lane->supervised, g_hash_table_unref);
  g_clear_pointer (&lane->directory, g_hash_table_unref);
}

/* ---- what a grain sees ---- */

SynLane *
syn_grain_get_lane (SynGrain *self)
{
  return self->lane;
}

const char *
syn_grain_get_type_name (SynGrain *self)
{
  return self->kind->type.name;
}

const char *
syn_grain_get_key (SynGrain *self)
{
  return self->key;
}

SynGrain *
syn_grain_ref (SynGrain *self)
{
  self->refs++;
  return self;
}

void
syn_grain_unref (SynGrain *self)
{
  if (--self->refs == 0)
    g_free (self);
}

guint64
syn_grain_get_epoch (SynGrain *self)
{
  return self->epoch;
}

gint64
syn_grain_get_now_ms (SynGrain *self)
{
  return syn_lane_now_ms (self->lane);
}

gint64
syn_grain_get_real_us (SynGrain *self)
{
  return syn_lane_real_us (self->lane);
}

void
syn_grain_hold (SynGrain *self)
{
  self->holds++;
}

void
syn_grain_release (SynGrain *self)
{
  g_return_if_fail (self->holds > 0);
  self->holds--;
  self->used_ms = self->lane->now_ms;
}

void
syn_grain_keep_alive (SynGrain *self, guint ms)
{
  self->keep_until_ms = MAX (self->keep_until_ms, self->lane->now_ms + ms);
}

/**
 * syn_grain_deactivate_soon:
 * @error: (nullable): why; copied. Messages that wait in the mailbox get it. Without one they go to the next activation.
 *
 * From a turn, a timer or a reply; during activate too, which then still has to return a state. The first error stays.
 */
void
syn_grain_deactivate_soon (SynGrain *self, const GError *error)
{
  if (error != NULL && self->error == NULL)
    self->error = g_error_copy (error);
  if (self->ending)
    return;
  self->ending = TRUE;
  if (!self->in_turn && self->has_state)
    syn_grain_make_runnable (self);
}

void
syn_grain_defer_activation (SynGrain *self)
{
  g_return_if_fail (!self->has_state && self->in_turn);
  self->deferred = TRUE;
}

/**
 * syn_grain_activated:
 * @error: (nullable): why it failed; copied. All that waits gets it, and what activate returned is given to deactivate.
 *
 * Once for each syn_grain_defer_activation(), from a later turn or from activate itself. After the time limit it comes too late, and
 * is ignored.
 */
void
syn_grain_activated (SynGrain *self, const GError *error)
{
  if (!self->deferred || self->ending)
    return;
  self->deferred = FALSE;
  syn_lane_disarm (self->lane, &self->idle);
  if (error != NULL)
    {
      syn_grain_deactivate_soon (self, error);
      return;
    }
  if (!self->has_state)
    return; /* grain_activate() does the rest */
  grain_ready (self);
  if (!self->in_turn && syn_grain_has_next (self))
    syn_grain_make_runnable (self);
}
