/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The always-on grain "projection/PATH": takes batches from its sources into its table, and shows the table through its
 * outlet; or, conflated, partials of its group. Non-reentrant: a batch or partial is applied whole before it is acknowledged and before the next poll is looked at, so a
 * snapshot's frontier is exact.
 *
 * What is conflated may be a tick behind. So before a poll that a new snapshot could answer, the conflation grain is asked to hand over what it
 * has: a reader sees everything that was acknowledged before it asked, as if there were no conflation in between. Polls that come while one such
 * question is out wait for the next one: what they know of may have come after it.
 *
 * With durable sources it begins with its checkpoint (syn-checkpoints.c), takes their events without gaps, asks for those that it lacks, and answers polls
 * when it has them (syn-recovery.c). */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-checkpoints.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-outlet.h"
#include "syn-projection-private.h"
#include "syn-recovery.h"
#include "syn-scratch.h"
#include "syn-source.h"
#include "syn-table.h"

typedef struct {
  SynGrain *grain;
  SynLane *lane;
  SynCatalog *catalog; /* (owned): the spec is its */
  const SynProjectionSpec *spec;
  SynTable *table;     /* (owned) (nullable): until the checkpoint has come */
  SynCheckpoints *checkpoints; /* (owned) (nullable): with durable sources */
  SynRecovery *recovery;       /* (owned) (nullable): likewise */
  gboolean is_recovering;      /* as was counted */
  SynOutlet *outlet;   /* (owned) */
  gboolean has_warned;
  struct _Question *question; /* (nullable): to the conflation grain, out */
  SynMessageList asked;       /* polls that are looked at when it is answered */
  SynMessageList next;        /* polls that came since */
} SynProjection;

/* Outlives the activation when that ends first. */
typedef struct _Question {
  SynProjection *owner; /* (nullable) */
} Question;

static ReplicaSnapshot *
make_snapshot (gpointer owner, ReplicaToken token, gint64 time_us, ReplicaSnapshot *previous, GError **error)
{
  SynProjection *self = owner;

  ReplicaSnapshot *snapshot = syn_table_make_snapshot (self->table, token, time_us, error);

  syn_scratch_end (syn_scratch_get ());
  return snapshot;
}

/* ---- checkpoints and recovery ---- */

static void
set_recovering (SynProjection *self, gboolean is_recovering)
{
  syn_metric_add (self->lane, syn_projection_metrics ()->recovering, (gint64) is_recovering - (gint64) self->is_recovering);
  self->is_recovering = is_recovering;
}

static void
recover (SynProjection *self, int input)
{
  syn_recovery_begin (self->recovery, input);
  set_recovering (self, !syn_recovery_is_over (self->recovery));
}

static void
recovered (gpointer owner)
{
  SynProjection *self = owner;

  set_recovering (self, FALSE);
  syn_outlet_mark_dirty (self->outlet);
}

static void
loaded (gpointer owner, SynTable *table, const GError *error)
{
  SynProjection *self = owner;

  self->table = table;
  syn_grain_activated (self->grain, error);
  if (error == NULL)
    recover (self, -1);
}

static void
wants_step (gpointer owner)
{
  SynProjection *self = owner;
  const SynCall call = { .type = SYN_PROJECTION_GRAIN, .key = self->spec->name, .method = SYN_CHECKPOINT_METHOD };

  syn_call (self->lane, &call);
}

/* Something was taken in. */
static void
changed (SynProjection *self)
{
  if (self->checkpoints != NULL)
    syn_checkpoints_note_progress (self->checkpoints);
  if (!self->is_recovering)
    syn_outlet_mark_dirty (self->outlet);
}

static void
tell_progress (SynProjection *self, SynMessage *message)
{
  const char *name = syn_message_get_payload (message);
  const SynProgress *progress = syn_table_get_progress (self->table);
  SynFeedProgress told = { 0 };

  for (guint i = 0; i < self->spec->n_inputs; i++)
    if (g_strcmp0 (self->spec->inputs[i].source->name, name) == 0 && progress[i].epoch == SYN_DURABLE_EPOCH)
      told.sequence = told.newest = progress[i].sequence;
  syn_message_reply (message, g_memdup2 (&told, sizeof told), g_free);
}

static void
tell_status (SynProjection *self, SynMessage *message)
{
  SynProjectionStatus status = { .recovering = self->is_recovering };

  if (self->recovery != NULL)
    syn_recovery_get_events (self->recovery, syn_table_get_progress (self->table), &status.n_events, &status.n_all);
  syn_message_reply (message, g_memdup2 (&status, sizeof status), g_free);
}

static void
tell_resume (SynProjection *self, SynMessage *message)
{
  guint n = self->spec->n_inputs;
  SynResume *resume = g_malloc0 (sizeof *resume + n * sizeof *resume->progress);

  resume->clock = *syn_table_get_clock (self->table);
  resume->n_inputs = n;
  memcpy (resume->progress, syn_table_get_progress (self->table), n * sizeof *resume->progress);
  syn_message_reply (message, resume, g_free);
}

/* ---- the grain ---- */

static const SynCheckpointsOwner checkpoints_owner = { loaded, wants_step };

static gpointer
activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  const SynProjectionSpec *spec = syn_catalog_find_projection (type_data, key);
  SynProjection *self;

  if (spec == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "no projection \"%s\"", key);
      return NULL;
    }
  self = g_new0 (SynProjection, 1);
  self->grain = grain;
  self->lane = syn_grain_get_lane (grain);
  self->catalog = syn_catalog_ref (type_data);
  self->spec = spec;
  self->outlet = syn_outlet_new (grain, spec->min_interval_ms, SYN_MAX_PARKED_POLLS, make_snapshot, self);
  self->checkpoints = syn_checkpoints_new (grain, self->catalog, spec, &checkpoints_owner, self);
  if (self->checkpoints == NULL)
    {
      self->table = syn_table_new (spec, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
      return self;
    }
  self->recovery = syn_recovery_new (self->lane, spec, recovered, self);
  syn_grain_defer_activation (grain);
  syn_checkpoints_load (self->checkpoints);
  return self;
}

static void
deactivate (SynGrain *grain, gpointer state)
{
  SynProjection *self = state;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "\"%s\" is being deactivated", self->spec->name);

  if (self->question != NULL)
    self->question->owner = NULL;
  while (self->asked.head != NULL)
    syn_message_fail (syn_message_list_pop (&self->asked), error);
  while (self->next.head != NULL)
    syn_message_fail (syn_message_list_pop (&self->next), error);
  syn_outlet_free (self->outlet);
  set_recovering (self, FALSE);
  g_clear_pointer (&self->recovery, syn_recovery_free);
  g_clear_pointer (&self->checkpoints, syn_checkpoints_free);
  g_clear_pointer (&self->table, syn_table_free);
  syn_catalog_unref (self->catalog);
  g_free (self);
}

static void
count (SynProjection *self, const SynTableCounts *counts)
{
  const SynProjectionMetrics *metrics = syn_projection_metrics ();

  syn_metric_add (self->lane, metrics->applied, (gint64) counts->applied);
  syn_metric_add (self->lane, metrics->late, (gint64) counts->late);
  syn_metric_add (self->lane, metrics->untimed, (gint64) counts->untimed);
  syn_metric_add (self->lane, metrics->dropped, (gint64) counts->dropped);
  syn_metric_add (self->lane, metrics->lost_values, (gint64) counts->lost_values);
  syn_metric_add (self->lane, metrics->repeated, (gint64) counts->repeated);
  if (counts->dropped + counts->lost_values > 0 && !self->has_warned)
    {
      self->has_warned = TRUE;
      g_warning ("projection \"%s\" is full (%u rows): events that need more are dropped, and counted in "
                 "dropped_events_total and dropped_values_total",
                 self->spec->name, syn_table_get_n_rows (self->table));
    }
}

static void
apply (SynProjection *self, SynMessage *message)
{
  SynEventBatch *batch = syn_message_get_payload (message);
  int input = batch != NULL ? syn_projection_spec_find_input (self->spec, syn_event_batch_get_source (batch)) : -1;
  SynTableCounts counts = { 0 };

  if (input < 0)
    {
      g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "projection \"%s\": a batch of another source",
                                              self->spec->name);

      syn_message_fail (message, error);
      return;
    }
  if (self->recovery != NULL)
    syn_recovery_note_end (self->recovery, (guint) input, syn_event_batch_get_origin (batch)->replay_end);
  if (self->recovery != NULL && syn_table_has_gap (self->table, batch))
    {
      /* The journal has it, and it comes again. */
      syn_message_reply (message, NULL, NULL);
      recover (self, input);
      return;
    }
  syn_table_apply (self->table, batch, &counts);
  syn_scratch_end (syn_scratch_get ());
  count (self, &counts);
  syn_message_reply (message, NULL, NULL);
  /* Also when nothing in the rows changed: the frontier did, and somebody may wait for it. */
  changed (self);
}

static void
merge (SynProjection *self, SynMessage *message)
{
  const SynPartial *partial = syn_message_get_payload (message);
  g_autoptr (GError) error = NULL;
  SynTableCounts counts = { 0 };
  gboolean ok;

  if (partial != NULL && self->recovery != NULL)
    {
      int input = syn_table_find_gap (self->table, partial);

      for (guint i = 0; i < self->spec->n_inputs; i++)
        syn_recovery_note_end (self->recovery, i, syn_partial_get_spans (partial)[i].replay_end);
      if (input >= 0)
        {
          syn_message_reply (message, NULL, NULL);
          recover (self, input);
          return;
        }
    }
  ok = partial != NULL && syn_table_merge (self->table, partial, &counts, &error);
  syn_scratch_end (syn_scratch_get ());
  if (!ok)
    {
      if (error == NULL)
        error = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "projection \"%s\": no partial", self->spec->name);
      syn_message_fail (message, error);
      return;
    }
  count (self, &counts);
  syn_message_reply (message, NULL, NULL);
  changed (self);
}

/* ---- polls of what is conflated ---- */

static void ask (SynProjection *self);

static void
keep (SynMessageList *list, SynMessage *message)
{
  *syn_message_get_slot (message) = list;
  syn_message_list_push (list, message);
}

static void
answer (SynProjection *self, SynMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (!self->is_recovering)
    {
      syn_outlet_poll (self->outlet, message);
      return;
    }
  error = syn_recovery_make_error (self->recovery, syn_table_get_progress (self->table));
  syn_message_fail (message, error);
}

/* What was handed over has been merged. */
static void
passed (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree Question *question = user_data;
  SynProjection *self = question->owner;

  if (self == NULL)
    return;
  self->question = NULL;
  while (self->asked.head != NULL)
    {
      SynMessage *message = syn_message_list_pop (&self->asked);

      *syn_message_get_slot (message) = NULL;
      answer (self, message);
    }
  if (self->next.head != NULL)
    ask (self);
}

/* The partial that was handed over before this was said is in the mailbox. Also when it failed: then the conflation grain is being
 * restarted, and what there is is shown. */
static void
flushed (gpointer payload, const GError *error, gpointer user_data)
{
  Question *question = user_data;
  SynCall call = {
    .type = SYN_PROJECTION_GRAIN,
    .method = SYN_PASS_METHOD,
    .reply = passed,
    .user_data = question,
  };

  if (question->owner == NULL)
    {
      g_free (question);
      return;
    }
  call.key = question->owner->spec->name;
  syn_call (question->owner->lane, &call);
}

static void
ask (SynProjection *self)
{
  SynCall call = {
    .type = SYN_CONFLATION_GRAIN,
    .key = self->spec->group->name,
    .method = SYN_FLUSH_METHOD,
    .reply = flushed,
  };

  self->question = g_new0 (Question, 1);
  self->question->owner = self;
  call.user_data = self->question;
  while (self->next.head != NULL)
    keep (&self->asked, syn_message_list_pop (&self->next));
  syn_call (self->lane, &call);
}

static void
poll (SynProjection *self, SynMessage *message)
{
  if (self->is_recovering || self->spec->group->direct || !syn_outlet_may_make (self->outlet))
    answer (self, message);
  else if (self->asked.length + self->next.length + syn_outlet_get_n_parked (self->outlet) >= SYN_MAX_PARKED_POLLS)
    syn_outlet_refuse (self->outlet, message);
  else
    {
      keep (&self->next, message);
      if (self->question == NULL)
        ask (self);
    }
}

static void
receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynProjection *self = state;
  g_autoptr (GError) error = NULL;

  switch (syn_message_get_method (message))
    {
    case SYN_APPLY_METHOD:
      apply (self, message);
      break;
    case SYN_MERGE_METHOD:
      merge (self, message);
      break;
    case SYN_PASS_METHOD:
      syn_message_reply (message, NULL, NULL);
      break;
    case SYN_POLL_METHOD:
      poll (self, message);
      break;
    case SYN_PROGRESS_METHOD:
      tell_progress (self, message);
      break;
    case SYN_RESUME_METHOD:
      tell_resume (self, message);
      break;
    case SYN_PROJECTION_STATUS_METHOD:
      tell_status (self, message);
      break;
    case SYN_CHECKPOINT_METHOD:
      syn_message_reply (message, NULL, NULL);
      syn_checkpoints_step (self->checkpoints);
      break;
    default:
      error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "projection \"%s\": no method %d", self->spec->name,
                           syn_message_get_method (message));
      syn_message_fail (message, error);
      break;
    }
}

static void
cancelled (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynProjection *self = state;

  if (syn_outlet_cancel (self->outlet, message))
    return;
  /* One that waits for what is conflated: its slot names the list. */
  syn_message_list_remove (*syn_message_get_slot (message), message);
  syn_message_reply (message, NULL, NULL);
}

/* Parked polls are open beside batches. */
static SynInterleave
interleave (int method)
{
  return method == SYN_POLL_METHOD ? SYN_ALWAYS : SYN_EXCLUSIVE;
}

const SynGrainType syn_projection_grain_type = {
  .name = SYN_PROJECTION_GRAIN,
  .idle_age_ms = 0,
  .always_on = TRUE,
  /* As many as can be parked: after a snapshot all who follow it ask again at once. */
  .mailbox_limit = SYN_MAX_PARKED_POLLS,
  .interleave = interleave,
  .activate = activate,
  .receive = receive,
  .cancelled = cancelled,
  .deactivate = deactivate,
};
