/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The always-on grain "conflation/GROUP", between the sources and the projections of one conflation group: takes batches into a partial, and
 * at the tick hands that one partial to every projection of the group, which merges it. On its own lane.
 *
 * When. The first events after a quiet time leave at once; what comes after them leaves at the next tick, all of it as one. A partial that has grown
 * past its bounds leaves before. None leaves while the one before has not been merged everywhere: it grows instead, which is what conflation
 * is for; and when it has grown past its bounds too, batches are kept back unacknowledged, until the source's bound of batches in flight holds up the
 * publisher. A projection that is about to make a snapshot asks for a flush first, so a reader sees all that was acknowledged before it
 * asked, and nobody waits for a tick.
 *
 * Acknowledged. A batch is acknowledged once it is in the partial: its memory is free, and nothing of it can be refused any more.
 *
 * Once. Events are known by their sequences, here and in the tables: what comes again, because an activation failed in between and somebody
 * who could not know better sent it again, is recognised and not counted. A partial goes to a projection once; one that fails to
 * take it (it is being restarted) misses these events and no others, as it would miss batches, and its snapshots begin anew. An activation that ends
 * hands over what it has before it goes. Events of durable sources are missed by nobody: what would leave a gap is not taken in, the journal has it, and it comes
 * again (syn-resumption.c), also to a projection that begins anew from an older checkpoint.
 *
 * Which groups. One projection alone gets its batches straight from the source: over partials each event would be grouped here
 * and merged once more there, and nothing is shared. Measured (bench/conflation, 5,000 keys, CPU against straight): one projection 1.2 ×, and 1.5 × when
 * a tick has one batch; 4 of a group 0.36 ×, 16 of a group 0.16 ×. Unless its windows slide: then each event would go into every one of its windows. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-partial.h"
#include "syn-progress.h"
#include "syn-projection-private.h"
#include "syn-resumption.h"
#include "syn-scratch.h"
#include "syn-source.h"
#include "syn-table.h"

#define WARN_INTERVAL_MS 10000

typedef struct {
  guint ref_count; /* the activation's, and one for each partial on its way */
  gboolean closed;
  SynLane *lane;
  SynCatalog *catalog; /* (owned): the group is its */
  const SynConflationSpec *group;
  SynProgress *progress; /* (owned): of each input */
  SynWindowClock clock;
  SynPartial *partial;   /* (owned): being filled */
  SynTimer tick;         /* armed: a partial left less than a tick ago */
  guint n_flights;       /* partials that some projection has not merged yet */
  SynMessageList waiting; /* kept back for want of room, in order: batches, and flushes that came after them */
  SynResumption *resumption; /* (owned) (nullable): with durable sources */
  SynMessageList asked;      /* questions of sources how far this is, while the projections are being asked */
  gint64 warned_ms;
  guint64 n_errors, n_errors_said;
} SynConflation;

typedef struct {
  SynConflation *conflation; /* (owned) */
  guint n_waiting;
} Flight;

static void drain (SynConflation *self);

static void
conflation_unref (SynConflation *self)
{
  if (--self->ref_count > 0)
    return;
  syn_partial_unref (self->partial);
  syn_catalog_unref (self->catalog);
  g_free (self->progress);
  g_free (self);
}

static SynPartial *
new_partial (SynConflation *self)
{
  return syn_partial_new (self->group, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
}

static gboolean
is_full (SynConflation *self)
{
  return syn_partial_get_n_rows (self->partial) >= SYN_CONFLATION_MAX_ROWS
         || syn_partial_get_taken_bytes (self->partial) >= SYN_CONFLATION_MAX_BYTES;
}

/* ---- partials on their way ---- */

static void
warn_merge_error (SynConflation *self, const GError *error)
{
  gint64 now_ms = syn_lane_now_ms (self->lane);

  syn_metric_add (self->lane, syn_projection_metrics ()->merge_errors, 1);
  self->n_errors++;
  if (g_error_matches (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE) || self->closed
      || (self->warned_ms != 0 && now_ms - self->warned_ms < WARN_INTERVAL_MS))
    return;
  g_warning ("conflation \"%s\": a projection did not merge a partial (%" G_GUINT64_FORMAT " such failures): %s", self->group->name,
             self->n_errors - self->n_errors_said, error->message);
  self->warned_ms = now_ms;
  self->n_errors_said = self->n_errors;
}

static void
merged (gpointer payload, const GError *error, gpointer user_data)
{
  Flight *flight = user_data;
  SynConflation *self = flight->conflation;

  if (error != NULL)
    warn_merge_error (self, error);
  if (--flight->n_waiting > 0)
    return;
  g_free (flight);
  self->n_flights--;
  if (!self->closed)
    drain (self);
  conflation_unref (self);
}

static void on_tick (SynTimer *timer, gpointer user_data);

static void
hand_over (SynConflation *self)
{
  const SynProjectionMetrics *metrics = syn_projection_metrics ();
  g_autoptr (SynPartial) partial = NULL;
  Flight *flight;

  if (syn_partial_is_empty (self->partial))
    return;
  partial = self->partial;
  self->partial = new_partial (self);
  syn_metric_add (self->lane, metrics->partials, 1);
  syn_metric_add (self->lane, metrics->partial_rows, syn_partial_get_n_rows (partial));
  flight = g_new0 (Flight, 1);
  flight->conflation = self;
  flight->n_waiting = self->group->n_projections;
  self->ref_count++;
  self->n_flights++;
  for (guint i = 0; i < self->group->n_projections; i++)
    {
      const SynCall call = {
        .type = SYN_PROJECTION_GRAIN,
        .key = self->group->projections[i]->name,
        .method = SYN_MERGE_METHOD,
        .payload = syn_partial_ref (partial),
        .payload_free = (GDestroyNotify) syn_partial_unref,
        .reply = merged,
        .user_data = flight,
      };

      syn_call (self->lane, &call);
    }
  syn_lane_disarm (self->lane, &self->tick);
  syn_lane_arm (self->lane, &self->tick, self->group->tick_ms, on_tick, self);
}

static void
on_tick (SynTimer *timer, gpointer user_data)
{
  SynConflation *self = user_data;

  if (self->n_flights == 0)
    hand_over (self);
}

/* ---- what comes ---- */

/* Events @from up to, not including, @end of @batch. */
static void
add (SynConflation *self, guint input, SynEventBatch *batch, guint from, guint end)
{
  SynProgress *progress = &self->progress[input];

  syn_partial_add (self->partial, &self->clock, batch, from, end);
  syn_scratch_end (syn_scratch_get ());
  progress->epoch = syn_event_batch_get_epoch (batch);
  progress->sequence = syn_event_batch_get_first_sequence (batch) + end - 1;
  progress->record = syn_event_batch_get_origin (batch)->record;
}

/* Some projection has events of this batch already, or of another source that comes after: partials end where its own events do. */
static void
add_in_pieces (SynConflation *self, guint input, SynEventBatch *batch, guint from)
{
  guint64 first = syn_event_batch_get_first_sequence (batch);
  guint n_events = syn_event_batch_get_n_events (batch);
  const SynSpan *span = &syn_partial_get_spans (self->partial)[input];

  if (span->first == 0 || span->epoch != syn_event_batch_get_epoch (batch))
    hand_over (self);
  while (from < n_events)
    {
      guint64 seal = syn_resumption_get_seal (self->resumption, input, first + from);
      guint end = seal != 0 && seal < first + n_events - 1 ? (guint) (seal - first) + 1 : n_events;

      add (self, input, batch, from, end);
      if (self->progress[input].sequence == seal)
        hand_over (self);
      from = end;
    }
}

/* FALSE: its time is not now, and it comes again. */
static gboolean
may_take (SynConflation *self, guint input, SynEventBatch *batch)
{
  if (self->resumption == NULL || syn_event_batch_get_epoch (batch) != SYN_DURABLE_EPOCH)
    return TRUE;
  if (syn_resumption_is_asking (self->resumption))
    return FALSE;
  if (!syn_progress_has_gap (&self->progress[input], batch))
    return TRUE;
  syn_resumption_note_gap (self->resumption);
  return FALSE;
}

static void
take (SynConflation *self, SynMessage *message)
{
  SynEventBatch *batch = syn_message_get_payload (message);
  guint input = (guint) syn_projection_spec_find_input (self->group->common, syn_event_batch_get_source (batch));
  guint n_events = syn_event_batch_get_n_events (batch), known;

  if (!may_take (self, input, batch))
    {
      syn_message_reply (message, NULL, NULL);
      return;
    }
  known = syn_progress_get_known (&self->progress[input], batch);
  syn_metric_add (self->lane, syn_projection_metrics ()->repeated, known);
  if (known < n_events && self->resumption != NULL && syn_resumption_is_behind (self->resumption, self->progress))
    add_in_pieces (self, input, batch, known);
  else if (known < n_events)
    {
      const SynSpan *span = &syn_partial_get_spans (self->partial)[input];

      /* A span is of one numbering. */
      if (span->first != 0 && span->epoch != syn_event_batch_get_epoch (batch))
        hand_over (self);
      add (self, input, batch, known, n_events);
    }
  syn_message_reply (message, NULL, NULL);
  if (self->n_flights == 0 && (!syn_timer_is_armed (&self->tick) || is_full (self)))
    hand_over (self);
}

static void
flush (SynConflation *self, SynMessage *message)
{
  /* Beyond, a projection is stuck: the one that asks makes do with what it has. */
  if (self->n_flights < SYN_CONFLATION_MAX_FLIGHTS)
    hand_over (self);
  /* After the partial, and from the same lane: that is in the mailbox when this arrives. */
  syn_message_reply (message, NULL, NULL);
}

static gboolean
has_room (SynConflation *self)
{
  return self->n_flights == 0 || !is_full (self);
}

static void
handle (SynConflation *self, SynMessage *message)
{
  if (syn_message_get_method (message) == SYN_FLUSH_METHOD)
    flush (self, message);
  else
    take (self, message);
}

/* A partial has been merged everywhere. */
static void
drain (SynConflation *self)
{
  if (self->n_flights == 0 && (!syn_timer_is_armed (&self->tick) || is_full (self)))
    hand_over (self);
  while (self->waiting.head != NULL && has_room (self))
    handle (self, syn_message_list_pop (&self->waiting));
}

/* ---- beginning, and beginning again ---- */

static void
tell_progress (SynConflation *self, SynMessage *message)
{
  const char *name = syn_message_get_payload (message);
  const SynProjectionSpec *common = self->group->common;
  SynFeedProgress told = { 0 };

  for (guint i = 0; i < common->n_inputs; i++)
    if (g_strcmp0 (common->inputs[i].source->name, name) == 0 && self->progress[i].epoch == SYN_DURABLE_EPOCH)
      {
        told.sequence = self->progress[i].sequence;
        told.newest = MAX (told.sequence, syn_resumption_get_newest (self->resumption, i));
      }
  syn_message_reply (message, g_memdup2 (&told, sizeof told), g_free);
}

static void
resume (gpointer owner)
{
  SynConflation *self = owner;

  /* Of sources that are not durable something may have come meanwhile, by the old clock. */
  hand_over (self);
  for (guint i = 0; i < self->group->common->n_inputs; i++)
    if (self->group->common->inputs[i].source->durable)
      self->progress[i] = *syn_resumption_get_progress (self->resumption, i);
  self->clock = *syn_resumption_get_clock (self->resumption);
  while (self->asked.head != NULL)
    tell_progress (self, syn_message_list_pop (&self->asked));
}

static void
hand_over_now (gpointer owner)
{
  hand_over (owner);
}

static const SynResumptionOwner resumption_owner = { hand_over_now, resume, hand_over_now };

static void
ask_or_recover (SynConflation *self, SynMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (self->resumption == NULL)
    {
      error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "conflation \"%s\": none of its sources is durable", self->group->name);
      syn_message_fail (message, error);
    }
  else if (syn_message_get_method (message) == SYN_RECOVER_METHOD)
    syn_resumption_add (self->resumption, message);
  else if (syn_resumption_is_asking (self->resumption))
    syn_message_list_push (&self->asked, message);
  else
    tell_progress (self, message);
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynConflation *self = state;
  int method = syn_message_get_method (message);
  SynEventBatch *batch = method == SYN_APPLY_METHOD ? syn_message_get_payload (message) : NULL;
  g_autoptr (GError) error = NULL;

  if (method == SYN_PROGRESS_METHOD || method == SYN_RECOVER_METHOD)
    {
      ask_or_recover (self, message);
      return;
    }
  if (method == SYN_APPLY_METHOD
      && (batch == NULL || syn_projection_spec_find_input (self->group->common, syn_event_batch_get_source (batch)) < 0))
    error = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "conflation \"%s\": a batch of another source", self->group->name);
  else if (method != SYN_APPLY_METHOD && method != SYN_FLUSH_METHOD)
    error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "conflation \"%s\": no method %d", self->group->name, method);
  if (error != NULL)
    syn_message_fail (message, error);
  else if (self->waiting.length > 0 || (method == SYN_APPLY_METHOD && !has_room (self)))
    syn_message_list_push (&self->waiting, message);
  else
    handle (self, message);
}

/* ---- the grain ---- */

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  const SynConflationSpec *group = syn_catalog_find_conflation (type_data, key);
  SynConflation *self;

  if (group == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "no conflation group \"%s\"", key);
      return NULL;
    }
  self = g_new0 (SynConflation, 1);
  self->ref_count = 1;
  self->lane = syn_grain_get_lane (grain);
  self->catalog = syn_catalog_ref (type_data);
  self->group = group;
  self->progress = g_new0 (SynProgress, group->common->n_inputs);
  syn_window_clock_init (&self->clock, group->common);
  self->partial = new_partial (self);
  self->resumption = syn_resumption_new (self->lane, group, &resumption_owner, self);
  if (self->resumption != NULL)
    syn_resumption_begin (self->resumption);
  return self;
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  SynConflation *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "conflation \"%s\" is being deactivated", self->group->name);

  self->closed = TRUE;
  while (self->waiting.head != NULL)
    syn_message_fail (syn_message_list_pop (&self->waiting), error);
  while (self->asked.head != NULL)
    syn_message_fail (syn_message_list_pop (&self->asked), error);
  g_clear_pointer (&self->resumption, syn_resumption_free);
  hand_over (self);
  syn_lane_disarm (self->lane, &self->tick);
  conflation_unref (self);
}

/* Batches that wait for room are open beside flushes and each other; turns are whole anyway. */
const SynGrainType syn_conflation_grain_type = {
  .name = SYN_CONFLATION_GRAIN,
  .idle_age_ms = 0,
  .always_on = TRUE,
  .reentrant = TRUE,
  .activate = activate,
  .receive = receive,
  .deactivate = deactivate,
};
