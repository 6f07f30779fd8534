/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reminders: those of a partition are kept by the lane that hosts its grains; in the store by their planned time, in memory as a timer of the
 * wheel each. When one is due it is a call like any other, which activates its grain. Only when that call was replied to is the next time (or
 * that there is none) written to the store: so it comes at least once, also when the process ends in between, and what was due meanwhile
 * comes once after the start.
 *
 * The planned time moves by whole periods, to the first that lies in the future: ticks keep their phase, and none comes for what was missed
 * twice. A tick that fails comes again after a while, for as long as it takes.
 *
 * What a grain asks goes through the store in order; in memory a reminder changes when that was answered. While something is out
 * (`n_waiting`) its timer rests.
 *
 * Runs on the lane of each partition. Rejected: a grain that keeps the reminders of a partition (another mailbox on the way), asking the
 * store regularly for what is due (a poll of the disk for nothing). */
#define G_LOG_DOMAIN "syn-reminder"

#include "syn-reminder-private.h"

#include "replica-hash.h"
#include "syn-error.h"

typedef struct {
  SynTimer timer;
  SynLane *lane;
  const SynGrainKind *kind;
  char *key, *name;  /* (owned), but in a probe */
  guint partition;
  gint64 due_ms;     /* real time */
  guint64 period_ms; /* 0: once */
  guint n_waiting;   /* requests to the store that are out */
  guint serial;      /* one more whenever its grain asks for something */
  guint tick_serial; /* as it was when the tick began */
  guint n_failures;  /* of ticks, in a row */
  gboolean is_stored;
  gboolean is_done;  /* the only tick was delivered, but the store could not yet be told */
  gboolean in_tick;
} Reminder;

typedef struct {
  SynTimer timer; /* reading it again */
  SynLane *lane;
  guint partition;
} Load;

typedef struct {
  GHashTable *reminders; /* (owned): a set of Reminder */
  guint n_of_partition[SYN_N_PARTITIONS];
  Load loads[SYN_N_PARTITIONS];
} LaneReminders;

/* A request to the store about one reminder. */
typedef struct {
  SynStateTicket ticket;
  Reminder *reminder; /* (nullable): none, when it was refused */
  SynStateFunc func;
  gpointer user_data;
} Ask;

static SynMetric reminders_metric, ticks_metric, failures_metric;

static void arm (Reminder *self);
static void due_cb (SynTimer *timer, gpointer user_data);

/* ---- the lane's part ---- */

static guint
reminder_hash (gconstpointer data)
{
  const Reminder *self = data;
  guint64 hash = replica_hash_word (replica_hash_seed (), self->kind->id);

  hash = replica_hash_bytes (hash, self->key, strlen (self->key));
  return replica_hash_finish (replica_hash_bytes (hash, self->name, strlen (self->name)));
}

static gboolean
reminder_equal (gconstpointer a, gconstpointer b)
{
  const Reminder *x = a, *y = b;

  return x->kind == y->kind && strcmp (x->key, y->key) == 0 && strcmp (x->name, y->name) == 0;
}

static void
reminder_free (gpointer data)
{
  Reminder *self = data;

  syn_lane_disarm (self->lane, &self->timer);
  syn_metric_add (self->lane, reminders_metric, -1);
  g_free (self->key);
  g_free (self->name);
  g_free (self);
}

static void
lane_reminders_free (gpointer data)
{
  LaneReminders *self = data;

  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    if (self->loads[i].lane != NULL)
      syn_lane_disarm (self->loads[i].lane, &self->loads[i].timer);
  g_hash_table_unref (self->reminders);
  g_free (self);
}

static LaneReminders *
get_lane_reminders (SynLane *lane)
{
  LaneReminders *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_REMINDERS);

  if (self != NULL)
    return self;
  self = g_new0 (LaneReminders, 1);
  self->reminders = g_hash_table_new_full (reminder_hash, reminder_equal, reminder_free, NULL);
  syn_lane_set_slot (lane, SYN_LANE_SLOT_REMINDERS, self, lane_reminders_free);
  return self;
}

static Reminder *
find (SynLane *lane, const SynGrainKind *kind, const char *key, const char *name)
{
  Reminder probe = { .kind = kind, .key = (char *) key, .name = (char *) name };

  return g_hash_table_lookup (get_lane_reminders (lane)->reminders, &probe);
}

static Reminder *
reminder_new (SynLane *lane, const SynGrainKind *kind, const char *key, const char *name)
{
  LaneReminders *state = get_lane_reminders (lane);
  Reminder *self = g_new0 (Reminder, 1);

  self->lane = lane;
  self->kind = kind;
  self->key = g_strdup (key);
  self->name = g_strdup (name);
  self->partition = syn_partition_of (kind->type.name, key);
  g_hash_table_add (state->reminders, self);
  state->n_of_partition[self->partition]++;
  syn_metric_add (lane, reminders_metric, 1);
  return self;
}

/* After anything about it was answered: it sleeps on, or is gone. */
static void
settle (Reminder *self)
{
  LaneReminders *state = get_lane_reminders (self->lane);

  if (self->n_waiting > 0 || self->in_tick)
    return;
  if (self->is_stored)
    {
      arm (self);
      return;
    }
  state->n_of_partition[self->partition]--;
  g_hash_table_remove (state->reminders, self);
}

/* ---- asking the store ---- */

/* It was cleared before it was read from the store, at the start. */
static void
forget (SynGrain *grain, const char *name)
{
  Reminder *self = find (grain->lane, grain->kind, grain->key, name);

  if (self == NULL || self->n_waiting > 0)
    return;
  self->is_stored = FALSE;
  self->serial++;
  settle (self);
}

static void
answered (SynStoreRequest *answer, gpointer user_data)
{
  Ask *ask = user_data;
  Reminder *self = ask->reminder;
  gboolean told;

  if (self != NULL)
    {
      self->n_waiting--;
      if (answer->error == NULL)
        {
          self->is_stored = answer->verb == SYN_STORE_SET_REMINDER;
          self->is_done = FALSE;
          self->due_ms = answer->due_ms;
          self->period_ms = answer->period_ms;
        }
      settle (self);
    }
  else if (answer->verb == SYN_STORE_CLEAR_REMINDER && answer->error == NULL)
    forget (ask->ticket.grain, answer->name);
  if (ask->ticket.grain != NULL)
    {
      told = syn_state_tell (&ask->ticket, ask->func, NULL, answer->error, ask->user_data);
      if (!told && answer->error != NULL)
        g_warning ("%s/%s ended, and its reminder \"%s\" is as it was before: %s", answer->type, answer->key, answer->name,
                   answer->error->message);
    }
  syn_state_end (&ask->ticket);
  g_free (ask);
}

static void
submit (Ask *ask, SynStoreVerb verb, Reminder *self, gint64 due_ms, guint64 period_ms)
{
  SynStoreRequest *request
    = syn_store_request_new (self->lane, verb, self->kind->type.name, self->key, self->name, answered, ask);

  ask->reminder = self;
  request->due_ms = due_ms;
  request->period_ms = period_ms;
  self->n_waiting++;
  syn_lane_disarm (self->lane, &self->timer);
  syn_store_submit (syn_silo_get_store (self->lane->silo), request);
}

/* What follows from a tick; no grain waits for it. */
static void
submit_by_itself (SynStoreVerb verb, Reminder *self)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->ticket = syn_state_begin_on (self->lane);
  submit (ask, verb, self, self->due_ms, self->period_ms);
}

/* ---- ticks ---- */

static gint64
real_ms (SynLane *lane)
{
  return syn_lane_real_us (lane) / 1000;
}

static void
tick_failed (Reminder *self, const GError *error)
{
  guint64 delay_ms = (guint64) SYN_REMINDER_RETRY_FIRST_MS << MIN (self->n_failures, 20);

  delay_ms = MIN (delay_ms, SYN_REMINDER_RETRY_LAST_MS);
  if (self->period_ms != 0)
    delay_ms = MIN (delay_ms, self->period_ms);
  syn_metric_add (self->lane, failures_metric, 1);
  if (self->n_failures++ == 0)
    g_warning ("reminder \"%s\" of %s/%s failed, and comes again: %s", self->name, self->kind->type.name, self->key, error->message);
  if (self->n_waiting == 0)
    syn_lane_arm (self->lane, &self->timer, (guint) delay_ms, due_cb, self);
}

static void
tick_ended (gpointer payload, const GError *error, gpointer user_data)
{
  Reminder *self = user_data;
  gint64 now_ms = real_ms (self->lane);

  self->in_tick = FALSE;
  if (error != NULL && self->lane->draining)
    return; /* it is still in the store, and due */
  if (self->serial != self->tick_serial)
    {
      settle (self); /* its grain has set or cleared it meanwhile: that counts */
      return;
    }
  if (error != NULL)
    {
      tick_failed (self, error);
      return;
    }
  self->n_failures = 0;
  syn_metric_add (self->lane, ticks_metric, 1);
  if (self->period_ms == 0)
    {
      self->is_done = TRUE;
      submit_by_itself (SYN_STORE_CLEAR_REMINDER, self);
      return;
    }
  if (self->due_ms <= now_ms)
    self->due_ms += (gint64) (((guint64) (now_ms - self->due_ms) / self->period_ms + 1) * self->period_ms);
  submit_by_itself (SYN_STORE_SET_REMINDER, self);
}

static void
due_cb (SynTimer *timer, gpointer user_data)
{
  Reminder *self = user_data;
  SynCall call = { .type = self->kind->type.name, .key = self->key, .method = SYN_REMINDER_METHOD, .payload_free = g_free };

  if (self->lane->draining)
    return;
  if (self->is_done)
    {
      submit_by_itself (SYN_STORE_CLEAR_REMINDER, self);
      return;
    }
  if (real_ms (self->lane) < self->due_ms)
    {
      arm (self);
      return;
    }
  self->in_tick = TRUE;
  self->tick_serial = self->serial;
  call.payload = g_strdup (self->name);
  call.reply = tick_ended;
  call.user_data = self;
  syn_call (self->lane, &call);
}

static void
arm (Reminder *self)
{
  gint64 delay_ms = self->due_ms - real_ms (self->lane);

  if (self->is_done)
    delay_ms = SYN_REMINDER_RETRY_FIRST_MS;
  syn_lane_arm (self->lane, &self->timer, (guint) CLAMP (delay_ms, 0, SYN_REMINDER_NAP_MS), due_cb, self);
}

/* ---- what a grain asks ---- */

static gboolean
check_times (SynGrain *grain, const char *name, guint64 due_ms, guint64 period_ms, GError **error)
{
  const char *type = grain->kind->type.name;

  if (due_ms > SYN_MAX_REMINDER_MS || period_ms > SYN_MAX_REMINDER_MS)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "reminder \"%s\" of %s/%s: a hundred years is the longest", name, type, grain->key);
  else if (period_ms != 0 && period_ms < SYN_MIN_REMINDER_MS)
    g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                 "reminder \"%s\" of %s/%s: a period of %" G_GUINT64_FORMAT " ms is shorter than %d ms; take a timer", name, type,
                 grain->key, period_ms, SYN_MIN_REMINDER_MS);
  else
    return TRUE;
  return FALSE;
}

static gboolean
check_room (SynGrain *grain, GError **error)
{
  LaneReminders *state = get_lane_reminders (grain->lane);
  guint partition = syn_partition_of (grain->kind->type.name, grain->key);

  if (state->n_of_partition[partition] < grain->lane->silo->max_reminders)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_OVERLOADED, "%s/%s: the grains of its partition have %u reminders", grain->kind->type.name,
               grain->key, state->n_of_partition[partition]);
  return FALSE;
}

static void
refuse (Ask *ask, SynStoreVerb verb, const char *name, GError *error)
{
  SynGrain *grain = ask->ticket.grain;
  SynStoreRequest *request
    = syn_store_request_new (grain->lane, verb, grain->kind->type.name, grain->key, name, answered, ask);

  request->error = error;
  syn_store_submit (syn_silo_get_store (grain->lane->silo), request);
}

/**
 * syn_grain_set_reminder:
 * @due_ms: from now; at most SYN_MAX_REMINDER_MS
 * @period_ms: 0: once; from SYN_MIN_REMINDER_MS to SYN_MAX_REMINDER_MS: counted from the planned time, whenever it came
 * @done: (nullable): told when it is durable
 *
 * Replaces the one of that name. Errors: INVALID (a time, the name, a stateless type), OVERLOADED (SYN_MAX_REMINDERS,
 * SYN_MAX_STATE_REQUESTS), UNAVAILABLE (the disk): then it is as it was before.
 */
void
syn_grain_set_reminder (SynGrain *self, const char *name, guint64 due_ms, guint64 period_ms, SynStateFunc done, gpointer user_data)
{
  Ask *ask = g_new0 (Ask, 1);
  GError *error = NULL;
  Reminder *reminder;

  ask->ticket = syn_state_begin (self, &error);
  ask->func = done;
  ask->user_data = user_data;
  reminder = find (self->lane, self->kind, self->key, name);
  if (error != NULL || !syn_store_check (self->kind->type.name, self->key, name, 0, &error)
      || !check_times (self, name, due_ms, period_ms, &error) || (reminder == NULL && !check_room (self, &error)))
    {
      refuse (ask, SYN_STORE_SET_REMINDER, name, error);
      return;
    }
  if (reminder == NULL)
    reminder = reminder_new (self->lane, self->kind, self->key, name);
  reminder->serial++;
  submit (ask, SYN_STORE_SET_REMINDER, reminder, real_ms (self->lane) + (gint64) due_ms, period_ms);
}

/**
 * syn_grain_clear_reminder:
 * @done: (nullable): told when it is durable; also when there was none
 *
 * A tick that has begun still comes. Errors: as syn_grain_set_reminder().
 */
void
syn_grain_clear_reminder (SynGrain *self, const char *name, SynStateFunc done, gpointer user_data)
{
  Ask *ask = g_new0 (Ask, 1);
  GError *error = NULL;
  Reminder *reminder;

  ask->ticket = syn_state_begin (self, &error);
  ask->func = done;
  ask->user_data = user_data;
  reminder = find (self->lane, self->kind, self->key, name);
  if (error != NULL || !syn_store_check (self->kind->type.name, self->key, name, 0, &error) || reminder == NULL)
    {
      refuse (ask, SYN_STORE_CLEAR_REMINDER, name, error); /* or asks, when it is only not known here */
      return;
    }
  reminder->serial++;
  submit (ask, SYN_STORE_CLEAR_REMINDER, reminder, 0, 0);
}

/* ---- the start ---- */

static void load (Load *self);

static void
load_cb (SynTimer *timer, gpointer user_data)
{
  Load *self = user_data;

  if (!self->lane->draining)
    load (self);
}

static void
take_row (SynLane *lane, const SynStoreReminder *row, guint *n_unknown)
{
  const SynGrainKind *kind = syn_silo_find_kind (lane->silo, row->type);
  Reminder *self;

  if (kind == NULL || kind->type.stateless)
    {
      *n_unknown += 1;
      return;
    }
  self = find (lane, kind, row->key, row->name);
  if (self == NULL)
    self = reminder_new (lane, kind, row->key, row->name);
  else if (self->is_stored)
    return; /* set since then; one that is being set has this for when that fails */
  self->is_stored = TRUE;
  self->due_ms = row->due_ms;
  self->period_ms = row->period_ms;
  settle (self);
}

static void
loaded (SynStoreRequest *answer, gpointer user_data)
{
  Ask *ask = user_data;
  SynLane *lane = ask->ticket.lane;
  Load *self = &get_lane_reminders (lane)->loads[answer->partition];
  guint n_unknown = 0;

  if (answer->error != NULL)
    {
      g_warning ("the reminders of partition %u are not there yet: %s", answer->partition, answer->error->message);
      if (!lane->draining)
        syn_lane_arm (lane, &self->timer, SYN_REMINDER_RETRY_FIRST_MS * 10, load_cb, self);
    }
  else
    for (guint i = 0; i < answer->reminders->len && !lane->draining; i++)
      take_row (lane, answer->reminders->pdata[i], &n_unknown);
  if (n_unknown > 0)
    g_warning ("%u reminders of partition %u are of grain types that this silo does not have; they are kept", n_unknown,
               answer->partition);
  syn_state_end (&ask->ticket);
  g_free (ask);
}

static void
load (Load *self)
{
  Ask *ask = g_new0 (Ask, 1);

  ask->ticket = syn_state_begin_on (self->lane);
  syn_store_submit (syn_silo_get_store (self->lane->silo), syn_store_request_new_list (self->lane, self->partition, loaded, ask));
}

static void
run_start (SynLane *lane, SynParcel *parcel)
{
  LaneReminders *state = get_lane_reminders (lane);

  g_free (parcel);
  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    if (syn_silo_lane_of (lane->silo, i) == lane)
      {
        state->loads[i].lane = lane;
        state->loads[i].partition = i;
        load (&state->loads[i]);
      }
}

void
syn_reminders_start (SynSilo *silo)
{
  reminders_metric = syn_metric_register (SYN_METRIC_GAUGE, "reminders", "Reminders that are set");
  ticks_metric = syn_metric_register (SYN_METRIC_COUNTER, "reminder_ticks_total", "Reminders that came and were replied to");
  failures_metric = syn_metric_register (SYN_METRIC_COUNTER, "reminder_failures_total", "Reminders that failed, and come again");
  for (guint i = 0; i < silo->n_lanes; i++)
    {
      SynParcel *parcel = g_new0 (SynParcel, 1);

      parcel->run = run_start;
      syn_lane_post (silo->lanes[i], parcel);
    }
}
