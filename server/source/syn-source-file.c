/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sources of kind "file", on the grain's lane: sends the reading to a worker step by step, hands over what
 * comes back, at once or when its time has come. Nothing waits anywhere but in timers of the lane: the
 * worker's step ends when SYN_MAX_FILE_BATCHES are read and not applied, and the next one begins when there
 * is room again.
 *
 * A file that is not there is tried again (1 s, doubling, up to 30 s); a mistake in it stops the source, says
 * so in the status, and leaves everything else running.
 */
#define G_LOG_DOMAIN "synoptic-source"

#include "syn-source-private.h"
#include "syn-file-job.h"
#include "syn-limits.h"

#define FOLLOW_MS 250
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000
#define MAX_ARM_MS 3600000
#define ANEW_US G_GINT64_CONSTANT (1000000) /* event time that steps back by more has begun anew */

/* What the lane and the worker hold together. */
typedef struct
{
  gatomicrefcount ref_count;
  SynPort *port;       /* (owned) */
  SynFileJob *job;     /* (owned) */
  SynCatalog *catalog; /* (owned): the job reads the spec */
} SynFileShared;

typedef struct
{
  SynSource *source;
  SynFileShared *shared; /* (owned) */
  gboolean running;      /* a step is queued or under way */
  gboolean wants_step;   /* the last one ended for want of room */
  gboolean ended;        /* no step will come any more */
  SynTimer again_timer;  /* follow, retry */
  guint retry_ms;
  /* paced */
  SynTimer pace_timer;
  GQueue waiting; /* of SynFileParcel, in order */
  gboolean clock_runs;
  gint64 origin_ms; /* when event time origin_us passes */
  gint64 origin_us;
  gint64 newest_us;
} SynFile;

typedef struct
{
  SynParcel parcel;
  SynFileShared *shared; /* (owned) */
  SynEventBatch *batch;  /* (owned) (nullable): the end of a step */
  gint64 first_us, last_us;
  SynFileStep step;
  GError *error; /* (owned) (nullable) */
} SynFileParcel;

static void
shared_unref (SynFileShared *shared)
{
  if (!g_atomic_ref_count_dec (&shared->ref_count))
    return;
  syn_file_job_free (shared->job);
  syn_port_unref (shared->port);
  syn_catalog_unref (shared->catalog);
  g_free (shared);
}

static SynFileShared *
shared_ref (SynFileShared *shared)
{
  g_atomic_ref_count_inc (&shared->ref_count);
  return shared;
}

static void
parcel_free (SynFileParcel *parcel)
{
  g_clear_pointer (&parcel->batch, syn_event_batch_unref);
  g_clear_error (&parcel->error);
  shared_unref (parcel->shared);
  g_free (parcel);
}

/* ---- on the worker's thread ---- */

static void run_parcel (SynLane *lane, SynParcel *parcel);

static gboolean
post (SynFileShared *shared, SynFileParcel *parcel)
{
  parcel->parcel.run = run_parcel;
  parcel->shared = shared_ref (shared);
  if (syn_port_post (shared->port, &parcel->parcel))
    return TRUE;
  parcel_free (parcel);
  return FALSE;
}

static gboolean
sink_give (gpointer user_data, SynEventBatch *batch, gint64 first_us, gint64 last_us)
{
  SynFileParcel *parcel = g_new0 (SynFileParcel, 1);

  parcel->batch = batch;
  parcel->first_us = first_us;
  parcel->last_us = last_us;
  return post (user_data, parcel);
}

static gboolean
sink_is_closed (gpointer user_data)
{
  return syn_port_is_closed (((SynFileShared *) user_data)->port);
}

static void
run_step (gpointer data)
{
  static const SynFileSink sink = { sink_give, sink_is_closed };
  SynFileShared *shared = data;
  SynFileParcel *parcel = g_new0 (SynFileParcel, 1);

  parcel->step = syn_file_job_step (shared->job, &sink, shared, &parcel->error);
  post (shared, parcel);
  shared_unref (shared);
}

/* ---- on the lane ---- */

static void
push_step (SynFile *self)
{
  if (self->running || self->ended)
    return;
  self->running = TRUE;
  self->wants_step = FALSE;
  syn_worker_push (SYN_WORKER_FILE, run_step, shared_ref (self->shared));
}

static void
again (SynTimer *timer, gpointer user_data)
{
  push_step (user_data);
}

static void
check_exhausted (SynFile *self)
{
  if (self->ended && g_queue_is_empty (&self->waiting) && self->source->error == NULL)
    self->source->exhausted = TRUE;
}

static void
release (SynFile *self, SynFileParcel *parcel)
{
  syn_source_deliver (self->source, g_steal_pointer (&parcel->batch));
  parcel_free (parcel);
}

/* When the batch's last event is due: none is shown before its time, and none a batch's length after it. */
static gint64
due_ms (SynFile *self, const SynFileParcel *parcel)
{
  double ahead_ms;

  if (parcel->last_us == G_MININT64)
    return self->origin_ms;
  ahead_ms = (double) (parcel->last_us - self->origin_us) / 1000.0 / self->source->spec->speed;
  return self->origin_ms + (gint64) MIN (ahead_ms, 9e15);
}

static void
release_due (SynTimer *timer, gpointer user_data)
{
  SynFile *self = user_data;
  gint64 now_ms = syn_lane_now_ms (self->source->lane);
  SynFileParcel *parcel;

  while ((parcel = g_queue_peek_head (&self->waiting)) != NULL)
    {
      gint64 wait_ms;

      /* The clock starts with the first event, and again where event time does. */
      if (parcel->first_us != G_MININT64
          && (!self->clock_runs || parcel->first_us < self->newest_us - ANEW_US))
        {
          self->clock_runs = TRUE;
          self->origin_ms = now_ms;
          self->origin_us = parcel->first_us;
          self->newest_us = parcel->first_us;
        }
      wait_ms = due_ms (self, parcel) - now_ms;
      if (wait_ms > 0)
        {
          syn_lane_arm (self->source->lane, &self->pace_timer, (guint) MIN (wait_ms, MAX_ARM_MS), release_due,
                        self);
          break;
        }
      self->newest_us = MAX (self->newest_us, parcel->last_us);
      release (self, g_queue_pop_head (&self->waiting));
    }
  check_exhausted (self);
}

static void
take_batch (SynFile *self, SynFileParcel *parcel)
{
  const SynSourceSpec *spec = self->source->spec;

  if (spec->speed > 0 && spec->time_field >= 0)
    {
      g_queue_push_tail (&self->waiting, parcel);
      if (!syn_timer_is_armed (&self->pace_timer))
        release_due (NULL, self);
    }
  else
    release (self, parcel);
}

static void
end_step (SynFile *self, SynFileParcel *parcel)
{
  SynSource *source = self->source;

  self->running = FALSE;
  if (parcel->step != SYN_FILE_STEP_MISSING && parcel->step != SYN_FILE_STEP_FAILED)
    {
      syn_source_set_error (source, NULL);
      self->retry_ms = RETRY_MIN_MS;
    }
  switch (parcel->step)
    {
    case SYN_FILE_STEP_CREDIT:
      self->wants_step = TRUE;
      if (syn_file_job_get_credit (self->shared->job) > 0)
        push_step (self);
      break;
    case SYN_FILE_STEP_END:
      if (source->spec->follow)
        syn_lane_arm (source->lane, &self->again_timer, FOLLOW_MS, again, self);
      else
        self->ended = TRUE;
      break;
    case SYN_FILE_STEP_MISSING:
      syn_source_set_error (source, g_strdup (parcel->error->message));
      syn_lane_arm (source->lane, &self->again_timer, self->retry_ms, again, self);
      self->retry_ms = MIN (self->retry_ms * 2, RETRY_MAX_MS);
      break;
    case SYN_FILE_STEP_FAILED:
      syn_source_set_error (source, g_strdup (parcel->error->message));
      self->ended = TRUE;
      break;
    case SYN_FILE_STEP_CLOSED:
    default:
      break;
    }
  check_exhausted (self);
}

static void
run_parcel (SynLane *lane, SynParcel *base)
{
  SynFileParcel *parcel = (SynFileParcel *) base;
  SynFile *self = syn_port_get_owner (parcel->shared->port);

  if (self == NULL)
    parcel_free (parcel);
  else if (parcel->batch != NULL)
    take_batch (self, parcel);
  else
    {
      end_step (self, parcel);
      parcel_free (parcel);
    }
}

static void
file_acknowledged (SynSource *source, gpointer state)
{
  SynFile *self = state;

  syn_file_job_add_credit (self->shared->job, 1);
  if (self->wants_step)
    push_step (self);
}

static gpointer
file_start (SynSource *source)
{
  SynFile *self = g_new0 (SynFile, 1);
  SynFileShared *shared = g_new0 (SynFileShared, 1);

  self->source = source;
  self->shared = shared;
  self->retry_ms = RETRY_MIN_MS;
  g_queue_init (&self->waiting);
  g_atomic_ref_count_init (&shared->ref_count);
  shared->port = syn_port_new (source->lane, self);
  shared->job = syn_file_job_new (source->spec, SYN_MAX_FILE_BATCH_EVENTS);
  shared->catalog = syn_catalog_ref (source->catalog);
  syn_file_job_add_credit (shared->job, SYN_MAX_FILE_BATCHES);
  push_step (self);
  return self;
}

static void
file_stop (SynSource *source, gpointer state)
{
  SynFile *self = state;

  syn_lane_disarm (source->lane, &self->again_timer);
  syn_lane_disarm (source->lane, &self->pace_timer);
  syn_port_close (self->shared->port);
  g_queue_clear_full (&self->waiting, (GDestroyNotify) parcel_free);
  shared_unref (self->shared);
  g_free (self);
}

const SynSourceClass syn_source_file_class = { file_start, file_stop, file_acknowledged };
