/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A silo: its lanes, its grain types, its incarnation, and how it ends.
 *
 * The drain. First no call is taken any more, anywhere. Then parcels go to every lane (the front's too) and back in rounds:
 *   round 0   each lane deactivates its grains, which answer what they kept; every message is failed from now on
 *   round 1   what a lane sent before it came to its round 0 has been failed, for it was in the mailbox before this parcel
 *   round 2   the replies of rounds 0 and 1 have been told
 *   round 3   and what those, and the replies to those, posted to other lanes has run
 * Mailboxes keep the order of posts, so each round's parcel lies behind what the rounds before it caused. Then what grains
 * wrote is flushed, and the caller hears, and may free the silo, which joins the threads.
 *
 * Runs on the main thread, which is the front lane after the start; what any thread may call says so. */
#define G_LOG_DOMAIN "syn-silo"

#include "syn-silo-private.h"
#include "syn-error.h"
#include "syn-memory-store.h"
#include "syn-reminder-private.h"
#include "syn-silo-test.h"

#define DRAIN_ROUNDS 4

typedef struct {
  SynParcel parcel;
  SynSilo *silo;
} DrainParcel;

typedef struct {
  SynParcel parcel;
  const SynGrainKind *kind;
  char *key;
} KeepParcel;

typedef struct {
  gpointer data;
  void (*close) (gpointer data); /* (nullable) */
  GDestroyNotify destroy;
} RoomData;

static void
room_data_free (gpointer data)
{
  RoomData *room = data;

  if (room->destroy != NULL)
    room->destroy (room->data);
  g_free (room);
}

static void
kept_clear (gpointer data)
{
  g_free (((SynKept *) data)->key);
}

/* ---- making one ---- */

/**
 * syn_silo_new:
 * @options: how many lanes, the data folder, the placement
 *
 * Starts nothing. Errors: those of the data folder, naming the file (see syn-data-dir.h).
 */
SynSilo *
syn_silo_new (const SynSiloOptions *options, GError **error)
{
  g_autoptr (SynDataDir) data_dir = NULL;
  guint32 incarnation = (guint32) (g_get_real_time () / G_USEC_PER_SEC);
  const SynPlacement *placement = options->placement != NULL ? options->placement : &syn_placement_local;
  SynSilo *self;

  if (options->data_dir != NULL)
    {
      data_dir = syn_data_dir_open (options->data_dir, &incarnation, error);
      if (data_dir == NULL)
        return NULL;
    }
  self = g_new0 (SynSilo, 1);
  self->data_dir = g_steal_pointer (&data_dir);
  self->incarnation = incarnation;
  self->next_epoch = ((guint64) incarnation << 32) + 1;
  self->max_lane_messages = SYN_MAX_LANE_MESSAGES;
  self->max_reminders = SYN_MAX_REMINDERS;
  self->started_us = g_get_real_time ();
  self->kept = g_array_new (FALSE, FALSE, sizeof (SynKept));
  g_array_set_clear_func (self->kept, kept_clear);
  self->data = g_hash_table_new_full (g_str_hash, g_str_equal, NULL, room_data_free);
  self->n_lanes = options->n_lanes != 0 ? options->n_lanes : g_get_num_processors ();
  self->lanes = g_new0 (SynLane *, self->n_lanes);
  for (guint i = 0; i < self->n_lanes; i++)
    self->lanes[i] = syn_lane_new (self, i, NULL);
  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    {
      guint lane = placement->lane_of (i, self->n_lanes, placement->user_data);

      g_assert (lane < self->n_lanes);
      self->lane_of[i] = self->lanes[lane];
    }
  return self;
}

/**
 * syn_silo_register:
 * @type: copied; its name must live as long as the silo
 *
 * Before the start.
 */
void
syn_silo_register (SynSilo *self, const SynGrainType *type, gpointer type_data)
{
  SynGrainKind *kind = &self->kinds[self->n_kinds];

  g_return_if_fail (!self->started);
  g_return_if_fail (strchr (type->name, '/') == NULL);
  g_return_if_fail (syn_silo_find_kind (self, type->name) == NULL);
  g_return_if_fail (self->n_kinds < SYN_LANE_MAX_TYPES);
  g_return_if_fail (!type->stateless || !type->always_on);
  kind->type = *type;
  kind->data = type_data;
  kind->id = self->n_kinds++;
  kind->mailbox_limit = type->mailbox_limit != 0 ? type->mailbox_limit : SYN_MAX_MAILBOX;
  kind->activation_timeout_ms = type->activation_timeout_ms != 0 ? type->activation_timeout_ms : SYN_ACTIVATION_MS;
  syn_grain_kind_init_hashes (kind);
}

void
syn_silo_keep (SynSilo *self, const char *type, const char *key)
{
  const SynGrainKind *kind = syn_silo_find_kind (self, type);
  SynKept kept;

  g_return_if_fail (!self->started);
  g_return_if_fail (kind != NULL);
  kept = (SynKept) { kind->id, g_strdup (key) };
  g_array_append_val (self->kept, kept);
}

void
syn_silo_set_store (SynSilo *self, SynStore *store)
{
  g_return_if_fail (!self->started);
  syn_store_free (self->store);
  self->store = store;
}

SynStore *
syn_silo_get_store (SynSilo *self)
{
  return self->store;
}

const SynGrainKind *
syn_silo_find_kind (SynSilo *self, const char *type)
{
  for (guint i = 0; i < self->n_kinds; i++)
    if (self->kinds[i].type.name == type || strcmp (self->kinds[i].type.name, type) == 0)
      return &self->kinds[i];
  return NULL;
}

SynLane *
syn_silo_lane_of (SynSilo *self, guint partition)
{
  return self->lane_of[partition];
}

SynLane *
syn_silo_worker_lane (SynSilo *self, SynLane *from)
{
  if (from != self->front)
    return from;
  self->next_worker = (self->next_worker + 1) % self->n_lanes;
  return self->lanes[self->next_worker];
}

/* Any lane. Epochs run on into the next incarnation's after 2^32 activations, so that one is taken before it is used. */
guint64
syn_silo_take_epoch (SynSilo *self)
{
  guint64 epoch = __atomic_fetch_add (&self->next_epoch, 1, __ATOMIC_RELAXED);
  g_autoptr (GError) error = NULL;

  if (G_UNLIKELY ((guint32) epoch == 0 && self->data_dir != NULL)
      && !syn_data_dir_write_incarnation (self->data_dir, (guint32) (epoch >> 32), &error))
    g_critical ("epochs may come twice after a restart: %s", error->message);
  return epoch;
}

/* ---- start ---- */

static void
run_keep (SynLane *lane, SynParcel *parcel)
{
  KeepParcel *keep = (KeepParcel *) parcel;

  syn_supervisor_add (lane, keep->kind, keep->key, syn_grain_table_hash (keep->kind, keep->key, strlen (keep->key)));
  syn_lane_activate (lane, keep->kind, keep->key);
  g_free (keep->key);
  g_free (keep);
}

/**
 * syn_silo_start:
 * @front_context: (nullable): what the calling thread runs; %NULL: the default context (stepped: one of its own)
 *
 * The kept grains are activated on their lanes while this returns.
 */
gboolean
syn_silo_start (SynSilo *self, GMainContext *front_context, GError **error)
{
  g_return_val_if_fail (!self->started, FALSE);
  if (front_context == NULL && !self->stepped)
    front_context = g_main_context_default ();
  syn_store_register_metrics ();
  syn_state_install (self);
  if (self->store == NULL)
    self->store = syn_memory_store_new ();
  self->front = syn_lane_new (self, self->n_lanes, front_context);
  if (self->stepped)
    syn_lane_set_clock (self->front, syn_silo_stepped_clock, syn_silo_stepped_cpu_us, self);
  syn_lane_enter (self->front);
  self->started = TRUE;
  for (guint i = 0; i < self->n_lanes && !self->stepped; i++)
    if (!syn_lane_start_thread (self->lanes[i], error))
      return FALSE;
  syn_reminders_start (self);
  for (guint i = 0; i < self->kept->len; i++)
    {
      SynKept *kept = &g_array_index (self->kept, SynKept, i);
      KeepParcel *parcel = g_new0 (KeepParcel, 1);

      parcel->parcel.run = run_keep;
      parcel->kind = &self->kinds[kept->kind];
      parcel->key = g_strdup (kept->key);
      syn_lane_post (self->lane_of[syn_grain_partition (parcel->kind, kept->key)], &parcel->parcel);
    }
  return TRUE;
}

/* ---- drain ---- */

static void start_round (SynSilo *self);

/* Back on the front lane. */
static void
run_drain_ack (SynLane *lane, SynParcel *parcel)
{
  DrainParcel *drain = (DrainParcel *) parcel;
  SynSilo *self = drain->silo;

  g_free (drain);
  if (--self->drain_acks > 0)
    return;
  if (++self->drain_round < DRAIN_ROUNDS)
    {
      start_round (self);
      return;
    }
  if (self->hooks.flush != NULL)
    self->hooks.flush (self);
  else
    syn_silo_flushed (self);
}

void
syn_silo_flushed (SynSilo *self)
{
  self->drained = TRUE;
  if (self->drain_done != NULL)
    self->drain_done (self->drain_data);
}

void
syn_silo_set_hooks (SynSilo *self, const SynSiloHooks *hooks)
{
  g_return_if_fail (!self->started);
  self->hooks = *hooks;
}

static void
run_drain (SynLane *lane, SynParcel *parcel)
{
  DrainParcel *drain = (DrainParcel *) parcel;

  if (!lane->draining)
    syn_lane_end_grains (lane);
  parcel->run = run_drain_ack;
  syn_lane_post (drain->silo->front, parcel);
}

static void
start_round (SynSilo *self)
{
  self->drain_acks = self->n_lanes + 1;
  for (guint i = 0; i <= self->n_lanes; i++)
    {
      DrainParcel *drain = g_new0 (DrainParcel, 1);

      drain->parcel.run = run_drain;
      drain->silo = self;
      syn_lane_post (i < self->n_lanes ? self->lanes[i] : self->front, &drain->parcel);
    }
}

/**
 * syn_silo_drain:
 * @done: (nullable): called on the front lane, once, later
 *
 * Front lane only, once, after the start.
 */
void
syn_silo_drain (SynSilo *self, void (*done) (gpointer user_data), gpointer user_data)
{
  g_return_if_fail (self->started && !g_atomic_int_get (&self->draining));
  self->drain_done = done;
  self->drain_data = user_data;
  g_atomic_int_set (&self->draining, TRUE);
  start_round (self);
}

static void
run_quit (SynLane *lane, SynParcel *parcel)
{
  lane->quit = TRUE;
  g_free (parcel);
}

static void
end_lanes (SynSilo *self)
{
  for (guint i = 0; i < self->n_lanes; i++)
    {
      SynLane *lane = self->lanes[i];
      SynParcel *quit;

      if (lane->thread == NULL)
        {
          syn_lane_end (lane);
          continue;
        }
      quit = g_new0 (SynParcel, 1);
      quit->run = run_quit;
      syn_lane_post (lane, quit);
    }
  for (guint i = 0; i < self->n_lanes; i++)
    if (self->lanes[i]->thread != NULL)
      g_thread_join (g_steal_pointer (&self->lanes[i]->thread));
  if (self->front != NULL)
    syn_lane_end (self->front);
}

/* What the ends of lanes posted to lanes that had ended: their threads are gone, so this one runs it. */
static void
run_rests (SynSilo *self)
{
  gboolean any = TRUE;

  for (guint round = 0; any && round < 1000; round++)
    {
      any = FALSE;
      for (guint i = 0; i < self->n_lanes; i++)
        any = syn_lane_run_rest (self->lanes[i]) || any;
      if (self->front != NULL)
        any = syn_lane_run_rest (self->front) || any;
    }
}

static void
close_engines (SynSilo *self)
{
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->data);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      const RoomData *room = value;

      if (room->close != NULL)
        room->close (room->data);
    }
}

void
syn_silo_free (SynSilo *self)
{
  if (self == NULL)
    return;
  if (self->started)
    {
      if (!g_atomic_int_get (&self->draining))
        syn_silo_drain (self, NULL, NULL);
      while (!self->drained)
        {
          if (self->stepped)
            {
              syn_silo_step_all (self);
              continue;
            }
          for (guint i = 0; i < self->n_lanes; i++)
            if (self->lanes[i]->thread == NULL)
              syn_lane_run_rest (self->lanes[i]); /* the start failed before its thread was made */
          g_main_context_iteration (self->front->context, TRUE);
        }
    }
  end_lanes (self);
  if (self->store != NULL)
    syn_store_close (self->store);
  close_engines (self);
  run_rests (self);
  if (self->front != NULL && syn_lane_current () == self->front)
    syn_lane_enter (NULL);
  for (guint i = 0; i < self->n_lanes; i++)
    syn_lane_free (self->lanes[i]);
  syn_lane_free (self->front);
  g_free (self->lanes);
  g_array_unref (self->kept);
  g_hash_table_unref (self->data);
  syn_store_free (self->store); /* before the lock is let go of */
  syn_data_dir_close (self->data_dir);
  g_free (self);
}

/* ---- what others see; any thread ---- */

guint
syn_silo_get_n_lanes (SynSilo *self)
{
  return self->n_lanes;
}

SynLane *
syn_silo_get_lane (SynSilo *self, guint index)
{
  g_return_val_if_fail (index < self->n_lanes, NULL);
  return self->lanes[index];
}

SynLane *
syn_silo_get_front_lane (SynSilo *self)
{
  return self->front;
}

guint32
syn_silo_get_incarnation (SynSilo *self)
{
  return self->incarnation;
}

gint64
syn_silo_get_started_us (SynSilo *self)
{
  return self->started_us;
}

guint
syn_silo_get_n_types (SynSilo *self)
{
  return self->n_kinds;
}

const char *
syn_silo_get_type_name (SynSilo *self, guint index)
{
  g_return_val_if_fail (index < self->n_kinds, NULL);
  return self->kinds[index].type.name;
}

/**
 * syn_silo_get_n_activations:
 * @type: (nullable): %NULL: of all types
 */
guint
syn_silo_get_n_activations (SynSilo *self, const char *type)
{
  guint n = 0;

  for (guint k = 0; k < self->n_kinds; k++)
    if (type == NULL || strcmp (self->kinds[k].type.name, type) == 0)
      for (guint i = 0; i < self->n_lanes; i++)
        n += __atomic_load_n (&self->lanes[i]->n_active[k], __ATOMIC_RELAXED);
  return n;
}

void
syn_silo_set_data (SynSilo *self, const char *name, gpointer data, GDestroyNotify destroy)
{
  syn_silo_set_engine (self, name, data, NULL, destroy);
}

void
syn_silo_set_engine (SynSilo *self, const char *name, gpointer data, void (*close) (gpointer data), GDestroyNotify destroy)
{
  RoomData *room = g_new0 (RoomData, 1);

  g_return_if_fail (!self->started);
  room->data = data;
  room->close = close;
  room->destroy = destroy;
  g_hash_table_replace (self->data, (char *) name, room);
}

gpointer
syn_silo_get_data (SynSilo *self, const char *name)
{
  RoomData *room = g_hash_table_lookup (self->data, name);

  return room != NULL ? room->data : NULL;
}
