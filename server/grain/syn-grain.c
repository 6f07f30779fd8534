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

/* ---- names ---- */

guint64
syn_grain_name_hash (const char *type, const char *key)
{
  guint64 hash = G_GUINT64_CONSTANT (0xcbf29ce484222325);
  const guint64 prime = G_GUINT64_CONSTANT (0x100000001b3);

  for (const char *p = type; *p != '\0'; p++)
    hash = (hash ^ (guchar) *p) * prime;
  hash = (hash ^ '/') * prime;
  for (const char *p = key; *p != '\0'; p++)
    hash = (hash ^ (guchar) *p) * prime;
  /* FNV's low bits are poor: MurmurHash3's finalizer spreads them. */
  hash ^= hash >> 33;
  hash *= G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
  hash ^= hash >> 33;
  hash *= G_GUINT64_CONSTANT (0xc4ceb9fe1a85ec53);
  hash ^= hash >> 33;
  return hash;
}

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

static void
make_runnable (SynGrain *self)
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
enter (SynGrain *self)
{
  SynTurn before = { self->lane->turn };

  self->lane->turn = self;
  self->in_turn = TRUE;
  return before;
}

static inline void
leave (SynGrain *self, SynTurn before)
{
  self->in_turn = FALSE;
  self->lane->turn = before.grain;
}

/* ---- life ---- */

static void
idle_cb (SynTimer *timer, gpointer user_data)
{
  SynGrain *self = user_data;
  guint idle_age_ms = self->kind->type.idle_age_ms;
  gint64 idle_ms = self->lane->now_ms - self->used_ms;

  if (self->holds > 0 || self->runnable)
    syn_lane_arm (self->lane, &self->idle, idle_age_ms, idle_cb, self);
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
  before = enter (self);
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

/* Out of the directory, deactivated, freed; then its left messages go where they must. */
static void
grain_end (SynGrain *self)
{
  SynLane *lane = self->lane;
  SynMessageList left = self->mailbox;
  g_autoptr (GError) error = g_steal_pointer (&self->error);
  SynSupervised *supervised = self->supervised;
  SynTurn before;
  SynMessage *message;

  g_assert (!self->runnable);
  self->ending = TRUE;
  self->ended = TRUE;
  self->mailbox = (SynMessageList) { NULL, NULL, 0 };
  g_hash_table_remove (lane->directory, self);
  syn_lane_disarm (lane, &self->idle);
  if (self->has_state)
    {
      before = enter (self);
      self->kind->type.deactivate (self, self->state);
      leave (self, before);
      __atomic_sub_fetch (&lane->n_active[self->kind->id], 1, __ATOMIC_RELAXED);
      syn_metric_add (lane, active_metric, -1);
    }
  if (error != NULL)
    syn_metric_add (lane, failed_metric, 1);
  g_clear_error (&self->error);
  if (self->records != NULL && lane->silo->hooks.ended != NULL)
    lane->silo->hooks.ended (self);
  syn_grain_unref (self);

  if (supervised != NULL && error != NULL && !lane->draining)
    syn_supervised_down (supervised, error);
  while ((message = syn_message_list_pop (&left)) != NULL)
    {
      lane->n_received++;
      syn_message_arrive (message);
      if (error != NULL)
        syn_message_fail (message, error);
      else
        {
          g_autoptr (GError) gone = g_error_new_literal (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the silo is draining");
          syn_message_fail (message, gone);
        }
    }
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
  syn_message_arrive (message);
  syn_message_fail (message, error);
}

void
syn_lane_deliver (SynLane *lane, SynMessage *message)
{
  const SynGrainKind *kind = message->kind;
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
  if (grain->mailbox.length >= kind->mailbox_limit)
    {
      refuse (lane, message, SYN_ERROR_OVERLOADED, "%s/%s has %u messages waiting", kind->type.name, grain->key,
              grain->mailbox.length);
      return;
    }
  syn_message_list_push (&grain->mailbox, message);
  if (!grain->deferred)
    make_runnable (grain);
}

void
syn_message_deliver_parcel (SynLane *lane, SynParcel *parcel)
{
  syn_lane_deliver (lane, (SynMessage *) parcel);
}

void
syn_lane_activate (SynLane *lane, const SynGrainKind *kind, const char *key)
{
  guint32 hash = (guint32) (syn_grain_name_hash (kind->type.name, key) >> 32);

  if (lane->draining || find (lane, kind, key, hash) != NULL)
    return;
  make_runnable (grain_new (lane, kind, key, hash));
}

/* ---- turns ---- */

SynTurn
syn_grain_enter (SynGrain *self)
{
  return enter (self);
}

void
syn_grain_leave (SynGrain *self, SynTurn before)
{
  leave (self, before);
  if (self->ending && self->has_state)
    make_runnable (self); /* it ends in the next run of turns */
}

/* What is left when a grain ended for no error starts the next activation, in order. */
static void
end_and_pass_on (SynGrain *self)
{
  SynLane *lane = self->lane;
  SynMessageList left = { NULL, NULL, 0 };
  const SynGrainKind *kind = self->kind;
  guint32 hash = self->hash;
  SynGrain *next;

  if (self->error == NULL && self->mailbox.length > 0 && !lane->draining)
    {
      g_autofree char *key = g_strdup (self->key);

      left = self->mailbox;
      self->mailbox = (SynMessageList) { NULL, NULL, 0 };
      grain_end (self);
      next = grain_new (lane, kind, key, hash);
      next->mailbox = left;
      make_runnable (next);
      return;
    }
  grain_end (self);
}

static guint
run_turns_of (SynGrain *self, guint budget)
{
  guint n = MIN (budget, SYN_GRAIN_BATCH);
  guint done = 0;

  if (!self->has_state && !self->ending)
    {
      done++; /* also an activation without a message costs something */
      grain_activate (self);
    }
  self->used_ms = self->lane->now_ms;
  while (!self->ending && !self->deferred && done < n && self->mailbox.head != NULL)
    {
      SynMessage *message = syn_message_list_pop (&self->mailbox);
      SynTurn before = enter (self);

      done++;
      self->lane->n_received++;
      syn_message_arrive (message);
      self->kind->type.receive (self, self->state, message);
      leave (self, before);
    }
  if (self->ending)
    end_and_pass_on (self);
  else if (self->mailbox.head != NULL && !self->deferred)
    make_runnable (self);
  return MAX (done, 1);
}

guint
syn_lane_run_turns (SynLane *lane, guint budget)
{
  SynGrain *grain;

  while (budget > 0 && (grain = pop_runnable (lane)) != NULL)
    budget -= run_turns_of (grain, budget);
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
    make_runnable (self);
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
  if (self->mailbox.head != NULL)
    make_runnable (self);
}
