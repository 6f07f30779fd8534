/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The beacons of one lane, and the polls that hang on them: admission, paths, and giving answers.
 *
 * No answer is given from within a poll: who is to be answered goes to the ready list, which a parcel posted to the own lane works
 * off, in slices, so that a fan-out to ten thousand does not keep the lane from everything else. Answers to polls made
 * from within answers come after those that were ready before: nobody starves.
 *
 * Paths are found by the bytes they came as, and only parsed when those are new; beacons by the canonical form, so that
 * equal questions meet. Both come from strangers: the tables of them hash with the process's seed.
 *
 * Runs on the lane's thread. Rejected: answering in place (a poll could free what its caller still uses). */
#define G_LOG_DOMAIN "syn-beacon-set"

#include "syn-beacon-private.h"
#include "replica-hash.h"
#include "syn-error.h"
#include "syn-silo-private.h"

#define RESOLVER "beacon resolver"

typedef struct {
  SynResolveFunc resolve;
  gpointer user_data;
} Resolver;

typedef struct {
  SynParcel parcel;
  SynBeaconSet *set; /* (owned) */
} ReadyParcel;

static SynMetric
beacons_metric (void)
{
  return syn_metric_register (SYN_METRIC_GAUGE, "beacons", "Beacons that live");
}

static SynMetric
waiting_metric (void)
{
  return syn_metric_register (SYN_METRIC_GAUGE, "polls_waiting", "Reactive polls that wait for their answer");
}

static void
register_metrics (SynBeaconSet *self)
{
  self->beacons = beacons_metric ();
  self->waiting = waiting_metric ();
  self->asked = syn_metric_register (SYN_METRIC_COUNTER, "beacon_polls_total", "Polls of beacons at the owners of snapshots");
  self->cancelled = syn_metric_register (SYN_METRIC_COUNTER, "beacon_polls_cancelled_total",
                                         "Polls of beacons taken back, for their last reader withdrew");
  self->base_bytes_metric = syn_metric_register (SYN_METRIC_GAUGE, "delta_base_bytes", "Bytes of older snapshots kept as bases of deltas");
  self->bases_missing = syn_metric_register (SYN_METRIC_COUNTER, "delta_bases_missing_total",
                                             "Polls that take deltas whose snapshot was not kept: answered in full");
  self->answered = syn_metric_register (SYN_METRIC_COUNTER, "polls_answered_total", "Reactive polls answered");
}

/* ---- the set ---- */

SynBeaconSet *
syn_beacon_set_ref (SynBeaconSet *self)
{
  self->refs++;
  return self;
}

void
syn_beacon_set_unref (SynBeaconSet *self)
{
  if (--self->refs > 0)
    return;
  g_hash_table_unref (self->by_raw);
  g_hash_table_unref (self->by_name);
  g_rand_free (self->rand);
  g_free (self);
}

static void give_answers (SynBeaconSet *self, guint limit);
static void drop_waiters (SynBeaconSet *self);

/* The lane ends. Whoever polls again from each of its answers is not answered for ever. */
static void
end_set (gpointer data)
{
  SynBeaconSet *self = data;

  syn_beacon_set_drain (self);
  for (guint i = 0; i < 100 && (self->ready != NULL || self->ready_next != NULL); i++)
    give_answers (self, G_MAXUINT);
  self->ended = TRUE;
  drop_waiters (self);
  syn_beacon_set_unref (self);
}

/**
 * syn_beacons_set_resolver:
 * @resolve: as syn_projection_resolve(); called on any lane's thread
 *
 * Before the silo starts.
 */
void
syn_beacons_set_resolver (SynSilo *silo, SynResolveFunc resolve, gpointer user_data)
{
  Resolver *resolver = g_new0 (Resolver, 1);

  resolver->resolve = resolve;
  resolver->user_data = user_data;
  beacons_metric ();
  waiting_metric ();
  syn_silo_set_data (silo, RESOLVER, resolver, g_free);
}

SynBeaconSet *
syn_beacon_set_for_lane (SynLane *lane)
{
  SynBeaconSet *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_BEACONS);

  if (self != NULL)
    return self;
  self = g_new0 (SynBeaconSet, 1);
  self->refs = 1;
  self->lane = lane;
  self->by_name = g_hash_table_new_full (replica_hash_text, g_str_equal, NULL, (GDestroyNotify) syn_beacon_unref);
  self->by_raw = g_hash_table_new_full (replica_hash_text, g_str_equal, g_free, NULL);
  self->max_initial = SYN_MAX_INITIAL_POLLS;
  self->max_held = SYN_MAX_HELD_POLLS;
  self->max_beacons = SYN_MAX_BEACONS;
  self->max_base_bytes = SYN_MAX_LANE_BASE_BYTES;
  self->rand = g_rand_new_with_seed ((guint32) syn_lane_real_us (lane) + syn_lane_get_index (lane));
  register_metrics (self);
  syn_lane_set_slot (lane, SYN_LANE_SLOT_BEACONS, self, end_set);
  return self;
}

/* ---- counting who waits ---- */

/* New is a poll without a token, and one for what this lane has no snapshot of: it may have a grain activated, a checkpoint read, a question
 * computed. The others only wait, and cost their record. Each kind has a limit of its own, so that a crowd that comes
 * back at once cannot push out who waits already, nor the other way round. */
static guint *
counter_of (SynBeaconSet *self, SynWaiter *waiter)
{
  return waiter->is_new ? &self->n_initial : &self->n_held;
}

static gboolean
is_new (SynBeacon *beacon, ReplicaToken token)
{
  return beacon == NULL || beacon->snapshot == NULL || replica_token_equal (token, REPLICA_TOKEN_NONE);
}

void
syn_waiter_count_as_held (SynWaiter *waiter)
{
  SynBeaconSet *set = waiter->beacon->set;

  if (!waiter->is_new)
    return;
  waiter->is_new = FALSE;
  set->n_initial--;
  set->n_held++;
}

static void
count_in (SynWaiter *waiter)
{
  SynBeaconSet *set = waiter->beacon->set;

  (*counter_of (set, waiter))++;
  waiter->beacon->n_waiters++;
  syn_metric_add (set->lane, set->waiting, 1);
}

/* Out of whatever list, and of the counts. */
static void
take_out (SynWaiter *waiter)
{
  SynBeacon *beacon = waiter->beacon;
  SynBeaconSet *set = beacon->set;

  syn_waiter_unlink (waiter);
  if (syn_timer_is_armed (&waiter->timer))
    syn_lane_disarm (set->lane, &waiter->timer);
  (*counter_of (set, waiter))--;
  beacon->n_waiters--;
  if (!set->ended)
    {
      beacon->used_ms = syn_lane_now_ms (set->lane);
      syn_metric_add (set->lane, set->waiting, -1);
    }
}

/* ---- answering ---- */

/* Half to one and a half of a time: who is refused together must not come back together. The time grows with how many are refused in a
 * second, so that whoever comes back comes at a rate that can be served, however large the crowd. */
static guint
retry_ms (SynBeaconSet *self, const GError *error)
{
  gint64 now_ms = syn_lane_now_ms (self->lane);
  guint base_ms = SYN_RETRY_MS;

  if (error->domain != SYN_ERROR || (error->code != SYN_ERROR_OVERLOADED && error->code != SYN_ERROR_UNAVAILABLE))
    return 0;
  if (now_ms - self->refused_since_ms >= SYN_RETRY_MS)
    {
      self->refused_since_ms = now_ms;
      self->n_refused = 0;
    }
  base_ms *= 1 + self->n_refused / SYN_RETRY_CROWD;
  base_ms = MIN (base_ms, SYN_RETRY_MAX_MS);
  self->n_refused++;
  return (guint) g_rand_int_range (self->rand, (gint32) base_ms / 2, (gint32) (base_ms + base_ms / 2));
}

static SynAnswer
decide (SynBeaconSet *self, SynWaiter *waiter, GError **error)
{
  switch ((SynWaiterState) waiter->state)
    {
    case SYN_WAITER_READY_OVERLOADED:
      *error = g_error_new (SYN_ERROR, SYN_ERROR_OVERLOADED, "too many polls: ask again later");
      return SYN_ANSWER_ERROR;
    case SYN_WAITER_READY_UNAVAILABLE:
      *error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the silo is draining");
      return SYN_ANSWER_ERROR;
    case SYN_WAITER_IDLE:
    case SYN_WAITER_PARKED:
    case SYN_WAITER_DUE:
    case SYN_WAITER_READY:
    case SYN_WAITER_READY_ERROR:
      break;
    }
  return syn_beacon_answer (waiter->beacon, waiter, error);
}

static void
give_answer (SynBeaconSet *self, SynWaiter *waiter)
{
  /* Kept over the callback, in which the waiter may let go of the beacon, and be freed. */
  g_autoptr (SynBeacon) beacon = syn_beacon_ref (waiter->beacon);
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;
  SynAnswer answer = decide (self, waiter, &error);

  if (answer == SYN_ANSWER_SNAPSHOT)
    snapshot = replica_snapshot_ref (beacon->snapshot);
  take_out (waiter);
  waiter->state = SYN_WAITER_IDLE;
  syn_metric_add (self->lane, self->answered, 1);
  waiter->func (waiter, answer, snapshot, error, error != NULL ? retry_ms (self, error) : 0);
}

static void
give_answers (SynBeaconSet *self, guint limit)
{
  if (self->ready == NULL)
    {
      self->ready = g_steal_pointer (&self->ready_next);
      if (self->ready != NULL)
        self->ready->pprev = &self->ready;
    }
  for (guint n = 0; n < limit && self->ready != NULL; n++)
    give_answer (self, self->ready);
}

static void schedule (SynBeaconSet *self);

static void
run_ready (SynLane *lane, SynParcel *parcel)
{
  ReadyParcel *ready = (ReadyParcel *) parcel;
  SynBeaconSet *self = ready->set;

  g_free (ready);
  self->scheduled = FALSE;
  if (!self->ended)
    {
      give_answers (self, SYN_BEACON_SLICE);
      syn_lane_charge (lane, SYN_BEACON_SLICE);
      if (self->ready != NULL || self->ready_next != NULL)
        schedule (self);
    }
  syn_beacon_set_unref (self);
}

static void
schedule (SynBeaconSet *self)
{
  ReadyParcel *ready;

  if (self->scheduled)
    return;
  self->scheduled = TRUE;
  ready = g_new0 (ReadyParcel, 1);
  ready->parcel.run = run_ready;
  ready->set = syn_beacon_set_ref (self);
  syn_lane_post (self->lane, &ready->parcel);
}

/* From its beacon's list, or from nowhere, to the ready list. */
void
syn_waiter_make_ready (SynWaiter *waiter, SynWaiterState state)
{
  SynBeaconSet *set = waiter->beacon->set;

  if (waiter->pprev != NULL)
    syn_waiter_unlink (waiter);
  if (syn_timer_is_armed (&waiter->timer))
    syn_lane_disarm (set->lane, &waiter->timer);
  waiter->state = state;
  syn_waiter_link (waiter, &set->ready_next);
  schedule (set);
}

/* ---- polling ---- */

/* Stands for @path, which was not answered: with @error (transfer full), until it is asked for again. */
static SynBeacon *
no_beacon (SynBeaconSet *self, const char *path, GError *error)
{
  gboolean keep = path != NULL && strlen (path) <= SYN_MAX_QUERY_BYTES;

  return syn_beacon_new_error (self, keep ? g_strdup (path) : NULL, error);
}

static GError *
too_many_beacons (void)
{
  return g_error_new_literal (SYN_ERROR, SYN_ERROR_OVERLOADED, "too many different questions: ask again later");
}

/* The beacon of that name, made when there is none. A new reference. */
static SynBeacon *
find_or_make (SynBeaconSet *self, const char *raw, const char *type, const char *canonical)
{
  g_autofree char *name = g_strconcat (type, "/", canonical, NULL);
  SynBeacon *beacon = g_hash_table_lookup (self->by_name, name);

  if (beacon != NULL)
    return syn_beacon_ref (beacon);
  if (g_hash_table_size (self->by_name) >= self->max_beacons)
    return no_beacon (self, raw, too_many_beacons ());
  beacon = syn_beacon_new (self, type, g_strdup (canonical));
  syn_beacon_live (beacon);
  return beacon;
}

/* The one for a path that was not seen in this spelling, or long ago. A new reference. */
static SynBeacon *
resolve (SynBeaconSet *self, const char *path)
{
  Resolver *resolver = syn_silo_get_data (syn_lane_get_silo (self->lane), RESOLVER);
  g_autofree char *canonical = NULL;
  g_autoptr (GError) error = NULL;
  const char *type = NULL;
  SynBeacon *beacon;

  if (resolver == NULL)
    error = g_error_new (SYN_ERROR, SYN_ERROR_NOT_FOUND, "nothing resolves paths here");
  else if (!resolver->resolve (path, &type, &canonical, resolver->user_data, &error) && error == NULL)
    error = g_error_new (SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: not found", path);
  if (error != NULL)
    return no_beacon (self, path, g_steal_pointer (&error));

  beacon = find_or_make (self, path, type, canonical);
  if (beacon->type == NULL)
    return beacon;
  if (beacon->aliases == NULL)
    beacon->aliases = g_ptr_array_new ();
  if (beacon->aliases->len < SYN_BEACON_MAX_ALIASES)
    {
      char *alias = g_strdup (path);

      g_ptr_array_add (beacon->aliases, alias);
      g_hash_table_insert (self->by_raw, alias, beacon);
    }
  return beacon;
}

/* Makes @beacon (transfer full) (nullable) the one that @waiter remembers. */
static void
remember (SynWaiter *waiter, SynBeacon *beacon, gboolean withdraws)
{
  SynBeacon *had = waiter->beacon;

  waiter->beacon = beacon;
  if (beacon != NULL)
    beacon->n_readers++;
  if (had == NULL)
    return;
  had->n_readers--;
  if (!had->set->ended)
    {
      if (withdraws)
        syn_beacon_left (had);
      else
        had->released_ms = syn_lane_now_ms (had->set->lane);
    }
  syn_beacon_unref (had);
}

/* Makes waiter->beacon the one for @path, or for the path that it had. */
static void
choose_beacon (SynBeaconSet *self, SynWaiter *waiter, const char *path)
{
  SynBeacon *had = waiter->beacon;
  SynBeacon *found;

  if (path == NULL && had != NULL && had->type == NULL)
    path = had->path; /* refused before: once more */
  if (path != NULL)
    {
      found = g_hash_table_lookup (self->by_raw, path);
      if (found != NULL && found == had)
        return;
      found = found != NULL ? syn_beacon_ref (found) : resolve (self, path);
    }
  else if (had == NULL)
    found = no_beacon (self, NULL, g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "a first poll needs a path"));
  else if (had->alive || had->type == NULL)
    return;
  else /* it died while the waiter was away */
    found = find_or_make (self, NULL, had->type, had->path);
  remember (waiter, found, TRUE);
}

/**
 * syn_beacon_set_poll:
 * @waiter: not waiting; zeroed before its first poll
 * @path: (nullable): as it came; %NULL: the path of its poll before
 * @token: the snapshot it holds, or none
 * @hold_ms: how long it may wait; more than %SYN_HOLD_MAX_MS is taken as that; 0: answered as soon as it is known
 *
 * While %SYN_MAX_INITIAL_POLLS new polls wait on this lane (without a token, or for what it has no snapshot of), another is answered
 * OVERLOADED; while %SYN_MAX_HELD_POLLS others do, another of those is.
 */
void
syn_beacon_set_poll (SynBeaconSet *self, SynWaiter *waiter, const char *path, ReplicaToken token, guint hold_ms, SynWaiterFunc func)
{
  /* Before anything is resolved or made. A spelling that is not known counts as new. */
  SynBeacon *known = path != NULL ? g_hash_table_lookup (self->by_raw, path) : waiter->beacon;
  gboolean full;

  g_return_if_fail (waiter->pprev == NULL);
  g_return_if_fail (!self->ended);
  waiter->func = func;
  waiter->token = token;
  waiter->is_new = is_new (known, token);
  full = waiter->is_new ? self->n_initial >= self->max_initial : self->n_held >= self->max_held;
  if (full || self->drained)
    {
      /* The path is not looked at, only kept for the next time. */
      if (waiter->beacon == NULL || path != NULL)
        remember (waiter, no_beacon (self, path, g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "a first poll needs a path")), TRUE);
      count_in (waiter);
      syn_waiter_make_ready (waiter, self->drained ? SYN_WAITER_READY_UNAVAILABLE : SYN_WAITER_READY_OVERLOADED);
      return;
    }
  choose_beacon (self, waiter, path);
  waiter->is_new = is_new (waiter->beacon, token);
  count_in (waiter);
  if (waiter->beacon->type == NULL)
    syn_waiter_make_ready (waiter, SYN_WAITER_READY_ERROR);
  else
    syn_beacon_park (waiter->beacon, waiter, MIN (hold_ms, SYN_HOLD_MAX_MS));
}

guint
syn_waiter_get_age_ms (SynWaiter *waiter)
{
  SynBeacon *beacon = waiter->beacon;

  if (beacon == NULL || beacon->upward == NULL)
    return 0;
  return syn_upstream_path_get_age_ms (beacon->upward, syn_lane_now_ms (beacon->set->lane));
}

ReplicaSnapshot *
syn_beacon_set_peek (SynBeaconSet *self, const char *path)
{
  SynBeacon *beacon = g_hash_table_lookup (self->by_raw, path);

  return beacon != NULL ? beacon->snapshot : NULL;
}

void
syn_waiter_cancel (SynWaiter *waiter)
{
  if (waiter->pprev == NULL)
    return;
  take_out (waiter);
  waiter->state = SYN_WAITER_IDLE;
}

void
syn_waiter_forget (SynWaiter *waiter)
{
  syn_waiter_cancel (waiter);
  remember (waiter, NULL, FALSE);
}

void
syn_waiter_withdraw (SynWaiter *waiter)
{
  syn_waiter_cancel (waiter);
  remember (waiter, NULL, TRUE);
}

/* ---- drain ---- */

static GPtrArray *
all_beacons (SynBeaconSet *self)
{
  GPtrArray *all = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_beacon_unref);
  GHashTableIter iter;
  gpointer beacon;

  g_hash_table_iter_init (&iter, self->by_name);
  while (g_hash_table_iter_next (&iter, NULL, &beacon))
    g_ptr_array_add (all, syn_beacon_ref (beacon));
  return all;
}

/**
 * syn_beacon_set_drain:
 *
 * Answers before it returns. Polls made from within those answers, and later, are answered UNAVAILABLE too, later.
 */
void
syn_beacon_set_drain (SynBeaconSet *self)
{
  g_autoptr (GPtrArray) all = all_beacons (self);
  SynWaiter *last;

  self->drained = TRUE;
  for (guint i = 0; i < all->len; i++)
    {
      SynBeacon *beacon = all->pdata[i];

      while (beacon->waiting != NULL)
        syn_waiter_make_ready (beacon->waiting, SYN_WAITER_READY_UNAVAILABLE);
    }
  /* One list of all that wait now; answered from their beacons' snapshots where that was decided already. */
  if (self->ready != NULL && self->ready_next != NULL)
    {
      for (last = self->ready; last->next != NULL;)
        last = last->next;
      last->next = g_steal_pointer (&self->ready_next);
      last->next->pprev = &last->next;
    }
  give_answers (self, G_MAXUINT);
  for (guint i = 0; i < all->len; i++)
    syn_beacon_die (all->pdata[i]);
}

/* Without an answer: the lane is gone. */
static void
drop_waiters (SynBeaconSet *self)
{
  while (self->ready != NULL || self->ready_next != NULL)
    {
      SynWaiter *waiter = self->ready != NULL ? self->ready : self->ready_next;

      syn_waiter_cancel (waiter);
    }
}

void
syn_beacons_get_status (SynSilo *silo, SynBeaconStatus *status)
{
  status->beacons = (guint) MAX (0, syn_metric_sum (silo, beacons_metric ()));
  status->waiting = (guint) MAX (0, syn_metric_sum (silo, waiting_metric ()));
}
