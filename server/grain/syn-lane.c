/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A lane: one thread, one GMainContext, and ONE GSource in it that is the lane's mailbox, its timer wheel and the turns of
 * its grains. Prepare tells the wheel's timeout, dispatch fires timers, runs parcels and turns within a budget.
 *
 * The mailbox is a list to which any thread pushes with one compare-and-swap, and from which the lane takes everything with
 * one exchange, and reverses it. A push wakes the context only when the list was empty and the lane is about to
 * sleep (`sleeping`): so a batch costs one wake-up, and a busy lane none. The lane sets `sleeping` and then looks at
 * the list; the poster pushes and then looks at `sleeping`: both sequentially consistent, so one of them sees the other.
 *
 * Rejected: GAsyncQueue (a mutex per post), g_main_context_invoke (a GSource per post, 1 µs), one queue per pair of lanes
 * (no sender outside lanes), a higher priority for this source (it would starve the lane's connections). */
#define G_LOG_DOMAIN "syn-lane"

#include "syn-silo-private.h"

typedef struct {
  GSource source;
  SynLane *lane;
} LaneSource;

static __thread SynLane *current;

static void
real_clock (gint64 *monotonic_us, gint64 *real_us, gpointer user_data)
{
  if (monotonic_us != NULL)
    *monotonic_us = g_get_monotonic_time ();
  if (real_us != NULL)
    *real_us = g_get_real_time ();
}

static void
refresh_clock (SynLane *self)
{
  gint64 monotonic_us = 0;

  self->clock (&monotonic_us, NULL, self->clock_data);
  self->now_ms = MAX (self->now_ms, monotonic_us / 1000);
  self->real_us = 0;
}

void
syn_lane_set_awake (SynLane *self, gboolean is_awake)
{
  gint64 awake_us = self->load.awake_us, run_us = self->load.run_us;

  syn_load_set_awake (&self->load, is_awake, syn_lane_look_at_clock_us (self), self->cpu_clock, self->cpu_clock_data);
  syn_metric_add (self, self->busy_us, self->load.awake_us - awake_us);
  if (self->load.run_us != run_us)
    syn_metric_add (self, self->cpu_us, self->load.run_us - run_us);
}

static void
begin_load (SynLane *self)
{
  syn_load_begin (&self->load, syn_lane_look_at_clock_us (self), self->cpu_clock (self->cpu_clock_data));
}

/* The lane whose thread this is sleeps only here. */
static gint
lane_poll (GPollFD *fds, guint n_fds, gint timeout_ms)
{
  SynLane *self = current;
  gint n;

  if (self == NULL)
    return g_poll (fds, n_fds, timeout_ms);
  syn_lane_set_awake (self, FALSE);
  n = g_poll (fds, n_fds, timeout_ms);
  syn_lane_set_awake (self, TRUE);
  return n;
}

/* ---- the mailbox ---- */

static inline void
append_pending (SynLane *self, SynParcel *parcel)
{
  parcel->next = NULL;
  *self->pending_end = parcel;
  self->pending_end = &parcel->next;
}

/**
 * syn_lane_post:
 * @parcel: owned by the lane from now on; its `run` frees it
 *
 * About 50 ns when posts come in batches.
 */
void
syn_lane_post (SynLane *self, SynParcel *parcel)
{
  SynParcel *head;

  if (self == current)
    {
      append_pending (self, parcel); /* prepare looks at it before the next sleep */
      return;
    }
  head = __atomic_load_n (&self->inbox, __ATOMIC_RELAXED);
  do
    parcel->next = head;
  while (!__atomic_compare_exchange_n (&self->inbox, &head, parcel, TRUE, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  /* Only who finds it empty wakes, and only who finds it asleep; `sleeping` is cleared, so that it happens once. */
  if (head == NULL && __atomic_load_n (&self->sleeping, __ATOMIC_SEQ_CST)
      && __atomic_exchange_n (&self->sleeping, FALSE, __ATOMIC_SEQ_CST))
    g_main_context_wakeup (self->context);
}

/* Everything posted so far, oldest first, to the end of what is pending. */
static void
take_inbox (SynLane *self)
{
  SynParcel *parcel, *oldest = NULL, *newest;

  if (__atomic_load_n (&self->inbox, __ATOMIC_RELAXED) == NULL)
    return;
  newest = parcel = __atomic_exchange_n (&self->inbox, NULL, __ATOMIC_ACQUIRE);
  while (parcel != NULL)
    {
      SynParcel *next = parcel->next;
      parcel->next = oldest;
      oldest = parcel;
      parcel = next;
    }
  *self->pending_end = oldest;
  self->pending_end = &newest->next;
}

static inline SynParcel *
pop_pending (SynLane *self)
{
  SynParcel *parcel = self->pending;

  if (parcel == NULL)
    return NULL;
  self->pending = parcel->next;
  if (self->pending == NULL)
    self->pending_end = &self->pending;
  return parcel;
}

/* Runs parcels within the budget; those posted from within are left for the next round. FALSE: there was none. */
static gboolean
run_parcels (SynLane *self)
{
  SynParcel *parcel;
  SynParcel **end;

  take_inbox (self);
  if (self->pending == NULL)
    return FALSE;
  end = self->pending_end;
  while (self->parcel_budget > 0 && (parcel = pop_pending (self)) != NULL)
    {
      gboolean last = &parcel->next == end;

      self->parcel_budget -= parcel->run == syn_message_deliver_parcel ? 1 : SYN_LANE_PARCEL_COST;
      parcel->run (self, parcel);
      if (last)
        break;
    }
  return TRUE;
}

void
syn_lane_charge (SynLane *self, guint n)
{
  self->parcel_budget -= (gint) MIN (n, SYN_LANE_PARCEL_BUDGET) * SYN_LANE_PARCEL_COST;
}

gboolean
syn_lane_has_work (SynLane *self)
{
  return self->pending != NULL || self->runnable != NULL || __atomic_load_n (&self->inbox, __ATOMIC_SEQ_CST) != NULL;
}

gint64
syn_lane_next_due_ms (SynLane *self)
{
  return syn_wheel_next_ms (self->wheel);
}

/* ---- the source ---- */

static gboolean
is_ready (SynLane *self, int *timeout_ms)
{
  gint64 next_ms;

  *timeout_ms = 0;
  if (syn_lane_has_work (self))
    return TRUE;
  next_ms = syn_wheel_next_ms (self->wheel);
  if (next_ms < 0)
    *timeout_ms = -1;
  else if (next_ms <= self->now_ms)
    return TRUE;
  else
    *timeout_ms = (int) MIN (next_ms - self->now_ms, G_MAXINT);
  return FALSE;
}

static gboolean
lane_prepare (GSource *source, int *timeout_ms)
{
  SynLane *self = ((LaneSource *) source)->lane;

  refresh_clock (self);
  __atomic_store_n (&self->sleeping, TRUE, __ATOMIC_SEQ_CST); /* before it looks into the mailbox */
  return is_ready (self, timeout_ms);
}

static gboolean
lane_check (GSource *source)
{
  SynLane *self = ((LaneSource *) source)->lane;
  int timeout_ms;

  __atomic_store_n (&self->sleeping, FALSE, __ATOMIC_SEQ_CST);
  refresh_clock (self);
  return is_ready (self, &timeout_ms);
}

static void
settle_received (SynLane *self)
{
  if (self->n_received == 0)
    return;
  __atomic_sub_fetch (&self->n_messages, self->n_received, __ATOMIC_RELAXED);
  self->n_received = 0;
}

static gboolean
lane_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  SynLane *self = ((LaneSource *) source)->lane;
  SynLane *before = syn_lane_enter (self);
  guint turns = SYN_LANE_TURN_BUDGET;
  gboolean ran;

  __atomic_store_n (&self->sleeping, FALSE, __ATOMIC_SEQ_CST);
  self->parcel_budget = SYN_LANE_PARCEL_BUDGET;
  syn_wheel_advance (self->wheel, self->now_ms);
  do
    {
      guint left;

      ran = run_parcels (self);
      left = syn_lane_run_turns (self, turns);
      ran = ran || left != turns;
      turns = left;
    }
  while (ran && turns > 0 && self->parcel_budget > 0);

  settle_received (self);
  syn_lane_enter (before);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs lane_source_funcs = { lane_prepare, lane_check, lane_dispatch, NULL, NULL, NULL };

/* ---- life ---- */

/**
 * syn_lane_new:
 * @index: its number in the silo; the front's is the number of the others
 * @context: (transfer none) (nullable): the context to live in; %NULL: a new one
 */
SynLane *
syn_lane_new (SynSilo *silo, guint index, GMainContext *context)
{
  SynLane *self = g_aligned_alloc0 (1, sizeof (SynLane), SYN_CACHE_LINE);
  g_autofree char *name = g_strdup_printf ("lane %u", index);

  self->silo = silo;
  self->index = index;
  self->pending_end = &self->pending;
  self->clock = real_clock;
  refresh_clock (self);
  self->wheel = syn_wheel_new (self->now_ms);
  self->busy_us = syn_metric_register (SYN_METRIC_COUNTER, "lane_busy_us_total", "Time that lanes did not sleep");
  self->cpu_us = syn_metric_register (SYN_METRIC_COUNTER, "lane_cpu_us_total", "CPU time of lanes, told twice a second");
  self->cpu_clock = syn_load_thread_cpu_us;
  begin_load (self);
  self->context = context != NULL ? g_main_context_ref (context) : g_main_context_new ();
  g_main_context_set_poll_func (self->context, lane_poll);
  self->source = g_source_new (&lane_source_funcs, sizeof (LaneSource));
  ((LaneSource *) self->source)->lane = self;
  g_source_set_name (self->source, name);
  g_source_attach (self->source, self->context);
  syn_lane_init_grains (self);
  return self;
}

static gpointer
lane_thread (gpointer data)
{
  SynLane *self = data;

  syn_lane_enter (self);
  begin_load (self); /* the CPU clock is this thread's */
  g_main_context_push_thread_default (self->context);
  while (!self->quit)
    g_main_context_iteration (self->context, TRUE);
  syn_lane_end (self);
  g_main_context_pop_thread_default (self->context);
  syn_lane_enter (NULL);
  return NULL;
}

gboolean
syn_lane_start_thread (SynLane *self, GError **error)
{
  g_autofree char *name = g_strdup_printf ("lane-%u", self->index);

  self->thread = g_thread_try_new (name, lane_thread, self, error);
  return self->thread != NULL;
}

gboolean
syn_lane_run_one (SynLane *self, gboolean turn)
{
  SynLane *before = syn_lane_enter (self);
  SynParcel *parcel = NULL;

  take_inbox (self);
  if (!turn || self->runnable == NULL)
    parcel = pop_pending (self);
  if (parcel != NULL)
    parcel->run (self, parcel);
  else if (self->runnable != NULL)
    {
      syn_lane_run_turns (self, 1);
      turn = TRUE;
    }
  else
    turn = FALSE;
  settle_received (self);
  syn_lane_enter (before);
  return turn || parcel != NULL;
}

void
syn_lane_run_timers (SynLane *self)
{
  SynLane *before = syn_lane_enter (self);

  refresh_clock (self);
  syn_wheel_advance (self->wheel, self->now_ms);
  syn_lane_enter (before);
}

/* Without a budget, but not for ever: who posts again from every parcel is cut off. */
gboolean
syn_lane_run_rest (SynLane *self)
{
  SynLane *before = syn_lane_enter (self);
  gboolean any = FALSE;

  for (guint i = 0; i < 1000 && syn_lane_has_work (self); i++)
    {
      self->parcel_budget = SYN_LANE_PARCEL_BUDGET;
      run_parcels (self);
      syn_lane_run_turns (self, SYN_LANE_TURN_BUDGET);
      any = TRUE;
    }
  syn_lane_enter (before);
  return any;
}

void
syn_lane_end (SynLane *self)
{
  SynLane *before = syn_lane_enter (self);

  syn_lane_run_rest (self);
  for (guint i = SYN_LANE_N_SLOTS; i-- > 0;)
    syn_lane_set_slot (self, i, NULL, NULL); /* connections before the beacons that they wait at */
  syn_lane_run_rest (self);
  syn_lane_enter (before);
}

void
syn_lane_free (SynLane *self)
{
  if (self == NULL)
    return;
  g_assert (self->thread == NULL);
  syn_lane_clear_grains (self);
  syn_lane_free_spare_calls (self);
  g_source_destroy (self->source);
  g_source_unref (self->source);
  g_main_context_set_poll_func (self->context, NULL);
  g_main_context_unref (self->context);
  syn_wheel_free (self->wheel);
  g_aligned_free (self);
}

/* ---- what others see ---- */

SynLane *
syn_lane_current (void)
{
  return current;
}

SynLane *
syn_lane_enter (SynLane *self)
{
  SynLane *before = current;

  current = self;
  return before;
}

void
syn_lane_keep_watching (GSource *source)
{
  g_source_set_can_recurse (source, TRUE);
}

guint
syn_lane_get_index (SynLane *self)
{
  return self->index;
}

SynSilo *
syn_lane_get_silo (SynLane *self)
{
  return self->silo;
}

GMainContext *
syn_lane_get_context (SynLane *self)
{
  return self->context;
}

gint64
syn_lane_now_ms (SynLane *self)
{
  return self->now_ms;
}

gint64
syn_lane_real_us (SynLane *self)
{
  if (self->real_us == 0)
    self->clock (NULL, &self->real_us, self->clock_data);
  return self->real_us;
}

gint64
syn_lane_clock_us (SynLane *self)
{
  return syn_lane_look_at_clock_us (self);
}

gint64
syn_lane_cpu_us (SynLane *self)
{
  return self->cpu_clock (self->cpu_clock_data);
}

const SynLoad *
syn_lane_get_load (SynLane *self)
{
  return &self->load;
}

void
syn_lane_set_clock (SynLane *self, SynLaneClockFunc clock, SynLoadCpuFunc cpu_clock, gpointer user_data)
{
  g_return_if_fail (syn_wheel_next_ms (self->wheel) < 0);
  self->clock = clock;
  self->clock_data = user_data;
  self->cpu_clock = cpu_clock;
  self->cpu_clock_data = self;
  self->now_ms = 0;
  refresh_clock (self);
  begin_load (self);
  syn_wheel_free (self->wheel);
  self->wheel = syn_wheel_new (self->now_ms);
}

void
syn_lane_arm (SynLane *self, SynTimer *timer, guint delay_ms, SynTimerFunc func, gpointer user_data)
{
  syn_wheel_arm (self->wheel, timer, self->now_ms + delay_ms, func, user_data);
}

void
syn_lane_disarm (SynLane *self, SynTimer *timer)
{
  syn_wheel_disarm (self->wheel, timer);
}

gpointer
syn_lane_get_slot (SynLane *self, SynLaneSlot slot)
{
  g_return_val_if_fail (slot < SYN_LANE_N_SLOTS, NULL);
  return self->slots[slot].data;
}

void
syn_lane_set_slot (SynLane *self, SynLaneSlot slot, gpointer data, GDestroyNotify destroy)
{
  gpointer old;
  GDestroyNotify old_destroy;

  g_return_if_fail (slot < SYN_LANE_N_SLOTS);
  old = self->slots[slot].data;
  old_destroy = self->slots[slot].destroy;
  self->slots[slot].data = data;
  self->slots[slot].destroy = destroy;
  if (old != NULL && old_destroy != NULL)
    old_destroy (old);
}
