/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Checkpoints of a projection's table. On the grain's lane, but for making bytes of a complete image, which a thread of its own does for all of them, one
 * after the other.
 *
 * Get. The log of the projection's partition is claimed first: then nobody else writes checkpoints of it any more. A checkpoint that cannot be used (of
 * another definition, of another version, damaged in both generations) is said to be so, and the projection is made anew from all that the journal has.
 *
 * Put. After SYN_CHECKPOINT_EVENTS events of its sources (also those that `where` leaves out: what is before a checkpoint is not given again, and need
 * not be held), and more when there are many rows, so that rows are not written much more often than they change; or after SYN_CHECKPOINT_MS when there
 * were any. One at a time. What is in one was acknowledged: a batch comes here after the journal's answer and not before.
 *
 * Hold. For each partition with sources of it, the journal keeps the records from the older generation's on: should the newer one be damaged, the
 * older one is enough. After a start the older generation is not known, so the hold stays until there are two new ones. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-checkpoints.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-projection-private.h"
#include "syn-silo-journal.h"
#include "syn-silo-test.h"
#include "syn-table-image.h"

#define WARN_INTERVAL_MS 10000

struct _SynCheckpoints {
  guint ref_count; /* the activation's, and one for each request on its way */
  gboolean closed;
  SynLane *lane;
  SynJournal *journal;     /* the silo's */
  SynJournalLog *log;
  guint partition;
  char *name;              /* (owned) */
  SynCatalog *catalog;     /* (owned): the spec is its */
  const SynProjectionSpec *spec;
  const SynCheckpointsOwner *functions;
  gpointer owner;          /* NULL: gone */
  SynTable *table;         /* the owner's, once loaded; until then (owned) */
  gboolean loaded;
  SynTableImage *image;    /* (owned) (nullable): being copied */
  struct _Job *job;        /* (nullable): being made into bytes; the thread's */
  gboolean putting;
  guint64 n_events;        /* since the last one was begun; also those that `where` left out: they need not be given again */
  guint64 n_seen;          /* sum of the inputs' sequences when they were counted */
  guint64 n_events_begun;  /* of the one on its way: were in none before */
  SynTimer timer;
  guint n_generations;     /* written by this activation */
  guint64 *records[2];     /* (owned): of each input: needed by the newer, the older generation */
  guint64 *begun_records;  /* (owned): by the one on its way */
  gint64 warned_ms;
};

static void begin (SynCheckpoints *self);
static void put (SynCheckpoints *self, GBytes *bytes);

static void
checkpoints_unref (SynCheckpoints *self)
{
  if (--self->ref_count > 0)
    return;
  if (!self->loaded)
    syn_table_free (self->table);
  for (guint i = 0; i < G_N_ELEMENTS (self->records); i++)
    g_free (self->records[i]);
  g_free (self->begun_records);
  syn_catalog_unref (self->catalog);
  g_free (self->name);
  g_free (self);
}

static SynTable *
new_table (SynCheckpoints *self)
{
  return syn_table_new (self->spec, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
}

static void
warn (SynCheckpoints *self, const char *what, const char *why)
{
  gint64 now_ms = syn_lane_now_ms (self->lane);

  syn_metric_add (self->lane, syn_projection_metrics ()->checkpoint_errors, 1);
  if (self->warned_ms != 0 && now_ms - self->warned_ms < WARN_INTERVAL_MS)
    return;
  self->warned_ms = now_ms;
  g_warning ("projection \"%s\": %s: %s", self->spec->name, what, why);
}

/* ---- hold ---- */

static guint
partition_of_input (SynCheckpoints *self, guint input)
{
  return syn_partition_of (SYN_SOURCE_GRAIN, self->spec->inputs[input].source->name);
}

/* The first record that is needed of those in @partition, with @records (nullable: all) for each input; 0: no source is there. */
static guint64
first_needed (SynCheckpoints *self, guint partition, const guint64 *records)
{
  guint64 first = 0;

  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      guint64 record = records != NULL ? MAX (records[i], 1) : 1;

      if (self->spec->inputs[i].source->durable && partition_of_input (self, i) == partition)
        first = first == 0 ? record : MIN (first, record);
    }
  return first;
}

static void
hold (SynCheckpoints *self, const guint64 *records)
{
  guint64 held = 0; /* a bit per partition */

  G_STATIC_ASSERT (SYN_N_PARTITIONS <= 64);
  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      guint partition = partition_of_input (self, i);

      if (!self->spec->inputs[i].source->durable || (held >> partition & 1))
        continue;
      held |= G_GUINT64_CONSTANT (1) << partition;
      syn_journal_submit (self->journal, syn_journal_request_new_hold (self->lane, partition, self->name,
                                                                      first_needed (self, partition, records), NULL, NULL));
    }
}

/* ---- get ---- */

static void
on_timer (SynTimer *timer, gpointer user_data)
{
  SynCheckpoints *self = user_data;

  if (self->n_events > 0)
    begin (self);
  syn_lane_arm (self->lane, timer, SYN_CHECKPOINT_MS, on_timer, self);
}

static guint64
sum_progress (SynCheckpoints *self)
{
  guint64 sum = 0;

  for (guint i = 0; i < self->spec->n_inputs; i++)
    sum += syn_table_get_progress (self->table)[i].sequence;
  return sum;
}

static void
finish_loading (SynCheckpoints *self, const GError *error)
{
  if (error != NULL)
    {
      self->functions->loaded (self->owner, NULL, error);
      return;
    }
  self->loaded = TRUE;
  self->n_seen = sum_progress (self);
  if (!syn_table_can_save (self->table))
    g_warning ("projection \"%s\" has an aggregate of a module whose states cannot be saved: it has no checkpoints, the journal keeps all that it is made of, and "
               "a restart replays that",
               self->spec->name);
  else
    syn_lane_arm (self->lane, &self->timer, SYN_CHECKPOINT_MS, on_timer, self);
  self->functions->loaded (self->owner, self->table, NULL);
}

/* Whether @answer has one that can be used; otherwise the table is a new one. */
static gboolean
load (SynCheckpoints *self, SynJournalRequest *answer)
{
  g_autoptr (GError) error = NULL;

  if (answer->note != NULL)
    g_warning ("projection \"%s\": %s", self->spec->name, answer->note);
  if (answer->bytes == NULL)
    return FALSE;
  if (syn_table_load (self->table, answer->bytes, &error))
    return TRUE;
  if (g_error_matches (error, SYN_ERROR, SYN_ERROR_CONFLICT))
    g_message ("%s; it is made anew from all that the journal has", error->message);
  else
    g_warning ("%s; it is made anew from all that the journal has", error->message);
  syn_table_free (self->table);
  self->table = new_table (self);
  return FALSE;
}

static void
got (SynJournalRequest *answer, gpointer user_data)
{
  SynCheckpoints *self = user_data;

  if (!self->closed && answer->error != NULL && !g_error_matches (answer->error, SYN_ERROR, SYN_ERROR_INTERNAL))
    finish_loading (self, answer->error);
  else if (!self->closed)
    {
      if (answer->error != NULL)
        g_warning ("projection \"%s\": %s; it is made anew from all that the journal has", self->spec->name, answer->error->message);
      if (answer->error != NULL || !load (self, answer))
        hold (self, NULL);
      finish_loading (self, NULL);
    }
  checkpoints_unref (self);
}

static void
claimed (SynJournalRequest *answer, gpointer user_data)
{
  SynCheckpoints *self = user_data;
  SynJournalRequest *request;

  if (self->closed)
    {
      checkpoints_unref (self);
      return;
    }
  /* A disk that takes nothing can still be read from. */
  if (answer->error != NULL)
    warn (self, "its checkpoints cannot be written", answer->error->message);
  request = syn_journal_request_new (self->lane, SYN_JOURNAL_GET_CHECKPOINT, self->partition, got, self);
  request->name = g_strdup (self->name);
  syn_journal_submit (self->journal, request);
}

static gboolean
has_durable_source (const SynProjectionSpec *spec)
{
  for (guint i = 0; i < spec->n_inputs; i++)
    if (spec->inputs[i].source->durable)
      return TRUE;
  return FALSE;
}

SynCheckpoints *
syn_checkpoints_new (SynGrain *grain, SynCatalog *catalog, const SynProjectionSpec *spec, const SynCheckpointsOwner *functions, gpointer owner)
{
  SynLane *lane = syn_grain_get_lane (grain);
  SynJournal *journal = syn_silo_get_journal (syn_lane_get_silo (lane));
  SynCheckpoints *self;

  if (journal == NULL || !has_durable_source (spec))
    return NULL;
  self = g_new0 (SynCheckpoints, 1);
  self->ref_count = 1;
  self->lane = lane;
  self->journal = journal;
  self->catalog = syn_catalog_ref (catalog);
  self->spec = spec;
  self->functions = functions;
  self->owner = owner;
  self->table = new_table (self);
  for (guint i = 0; i < G_N_ELEMENTS (self->records); i++)
    self->records[i] = g_new0 (guint64, spec->n_inputs);
  self->begun_records = g_new0 (guint64, spec->n_inputs);
  self->name = g_strdup_printf (SYN_PROJECTION_GRAIN "/%s", spec->name);
  self->partition = syn_partition_of (SYN_PROJECTION_GRAIN, spec->name);
  return self;
}

void
syn_checkpoints_load (SynCheckpoints *self)
{
  self->log = syn_journal_get_log (self->journal, self->lane, self->partition);
  self->ref_count++;
  syn_journal_log_claim (self->log, claimed, self);
}

/* ---- bytes: a thread ---- */

/* What the thread has made comes back as a parcel, unless nobody waits any more. */
typedef struct _Job {
  SynParcel parcel;     /* first */
  gatomicrefcount ref_count; /* who waits, the thread, and the parcel on its way */
  GMutex mutex;         /* of lane */
  SynLane *lane;        /* NULL: nobody waits; no parcel may reach a lane that has ended */
  SynCheckpoints *checkpoints;
  SynCatalog *catalog;  /* (owned): the image's spec is its */
  SynTableImage *image; /* (owned) */
  GBytes *bytes;        /* (owned) (nullable) */
  GError *error;        /* (owned) (nullable) */
} Job;

static void
job_unref (Job *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_clear_pointer (&self->image, syn_table_image_free);
  g_clear_pointer (&self->bytes, g_bytes_unref);
  g_clear_error (&self->error);
  syn_catalog_unref (self->catalog);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

static void
fail_put (SynCheckpoints *self, const GError *error)
{
  self->n_events += self->n_events_begun;
  self->n_events_begun = 0;
  warn (self, "a checkpoint was not written", error->message);
}

static void
bytes_made (SynLane *lane, SynParcel *parcel)
{
  Job *job = (Job *) parcel;
  SynCheckpoints *self = job->checkpoints;

  /* Closed in the meantime, when the parcel was on its way already. */
  if (job->lane != NULL)
    {
      self->job = NULL;
      if (job->bytes != NULL)
        put (self, job->bytes);
      else
        fail_put (self, job->error);
      job_unref (job);
    }
  job_unref (job);
}

static void
run_job (gpointer data, gpointer user_data)
{
  Job *job = data;
  gboolean is_wanted;

  g_mutex_lock (&job->mutex);
  is_wanted = job->lane != NULL;
  g_mutex_unlock (&job->mutex);
  if (is_wanted)
    job->bytes = syn_table_image_save (job->image, &job->error);
  g_clear_pointer (&job->image, syn_table_image_free);
  g_mutex_lock (&job->mutex);
  if (job->lane != NULL)
    {
      g_atomic_ref_count_inc (&job->ref_count);
      syn_lane_post (job->lane, &job->parcel);
    }
  g_mutex_unlock (&job->mutex);
  job_unref (job);
}

/* One, so that two large ones are not in memory at a time. */
static GThreadPool *
get_pool (void)
{
  static gsize pool;

  if (g_once_init_enter (&pool))
    g_once_init_leave (&pool, (gsize) g_thread_pool_new (run_job, NULL, 1, FALSE, NULL));
  return (GThreadPool *) pool;
}

static void
make_bytes (SynCheckpoints *self, SynTableImage *image)
{
  Job *job = g_new0 (Job, 1);

  job->parcel.run = bytes_made;
  g_atomic_ref_count_init (&job->ref_count);
  g_atomic_ref_count_inc (&job->ref_count);
  g_mutex_init (&job->mutex);
  job->lane = self->lane;
  job->checkpoints = self;
  job->catalog = syn_catalog_ref (self->catalog);
  job->image = image;
  self->job = job;
  if (syn_silo_is_stepped (syn_lane_get_silo (self->lane)))
    run_job (job, NULL);
  else
    g_thread_pool_push (get_pool (), job, NULL);
}

/* ---- put ---- */

static void
put_done (SynJournalRequest *answer, gpointer user_data)
{
  SynCheckpoints *self = user_data;
  const SynProjectionMetrics *metrics = syn_projection_metrics ();

  self->putting = FALSE;
  if (answer->error == NULL)
    {
      guint64 *oldest = self->records[1];

      syn_metric_add (self->lane, metrics->checkpoints, 1);
      self->n_events_begun = 0;
      self->records[1] = self->records[0];
      self->records[0] = self->begun_records;
      self->begun_records = oldest;
      if (++self->n_generations >= 2 && !self->closed)
        hold (self, self->records[1]);
    }
  else if (!self->closed)
    fail_put (self, answer->error);
  checkpoints_unref (self);
}

/* As of which record of the projection's own partition's log: that of its sources there, when there are any. */
static guint64
sequence_of (SynCheckpoints *self)
{
  guint64 first = first_needed (self, self->partition, self->begun_records), last = syn_journal_log_get_last_sequence (self->log);

  return first == 0 ? last : MIN (first - 1, last);
}

static void
put (SynCheckpoints *self, GBytes *bytes)
{
  self->putting = TRUE;
  self->ref_count++;
  syn_metric_add (self->lane, syn_projection_metrics ()->checkpoint_bytes, (gint64) g_bytes_get_size (bytes));
  syn_journal_submit (self->journal, syn_journal_request_new_checkpoint (self->lane, self->partition, self->name,
                                                                        syn_journal_log_get_epoch (self->log), sequence_of (self), bytes, put_done,
                                                                        self));
}

static void
claimed_again (SynJournalRequest *answer, gpointer user_data)
{
  SynCheckpoints *self = user_data;

  if (!self->closed && answer->error != NULL)
    warn (self, "its checkpoints cannot be written", answer->error->message);
  checkpoints_unref (self);
}

static SynTableImage *
new_image (SynCheckpoints *self)
{
  SynTableImage *image = syn_table_image_new (self->table);

  self->n_events_begun = self->n_events;
  self->n_events = 0;
  for (guint i = 0; i < self->spec->n_inputs; i++)
    self->begun_records[i] = syn_table_image_get_progress (image)[i].record;
  return image;
}

static void
begin (SynCheckpoints *self)
{
  if (!self->loaded || self->image != NULL || self->job != NULL || self->putting || !syn_table_can_save (self->table))
    return;
  /* Somebody else's, or never had: the next time it may be written again. */
  if (syn_journal_log_get_epoch (self->log) == 0)
    {
      self->ref_count++;
      syn_journal_log_claim (self->log, claimed_again, self);
      return;
    }
  self->image = new_image (self);
  self->functions->wants_step (self->owner);
}

void
syn_checkpoints_note_progress (SynCheckpoints *self)
{
  guint64 n_rows = syn_table_get_n_rows (self->table), n_seen = sum_progress (self);

  self->n_events += n_seen - MIN (n_seen, self->n_seen); /* a source that is not durable may have begun anew */
  self->n_seen = n_seen;
  if (self->n_events >= MAX (SYN_CHECKPOINT_EVENTS, 4 * n_rows))
    begin (self);
}

void
syn_checkpoints_step (SynCheckpoints *self)
{
  if (self->image == NULL)
    return;
  if (syn_table_image_step (self->image, SYN_CHECKPOINT_SLICE_BYTES))
    make_bytes (self, g_steal_pointer (&self->image));
  else
    self->functions->wants_step (self->owner);
}

/* What is on its way is older than what there is now: it is not waited for. */
static void
put_last (SynCheckpoints *self)
{
  g_autoptr (SynTableImage) image = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  if (!self->loaded || self->n_events + self->n_events_begun == 0 || !syn_table_can_save (self->table)
      || syn_journal_log_get_epoch (self->log) == 0)
    return;
  image = new_image (self);
  while (!syn_table_image_step (image, SYN_CHECKPOINT_SLICE_BYTES))
    ;
  if (syn_table_image_get_saved_size (image) > SYN_MAX_LAST_CHECKPOINT_BYTES)
    return;
  bytes = syn_table_image_save (image, &error);
  if (bytes != NULL)
    put (self, bytes);
  else
    warn (self, "its last checkpoint was not written", error->message);
}

void
syn_checkpoints_free (SynCheckpoints *self)
{
  syn_lane_disarm (self->lane, &self->timer);
  g_clear_pointer (&self->image, syn_table_image_free);
  if (self->job != NULL)
    {
      g_mutex_lock (&self->job->mutex);
      self->job->lane = NULL;
      g_mutex_unlock (&self->job->mutex);
      g_clear_pointer (&self->job, job_unref);
    }
  put_last (self);
  self->closed = TRUE;
  self->owner = NULL;
  checkpoints_unref (self);
}

gboolean
syn_projection_is_reader (SynCatalog *catalog, const char *reader, guint partition)
{
  const SynProjectionSpec *spec;

  if (g_str_has_prefix (reader, SYN_SOURCE_GRAIN "/"))
    {
      const SynSourceSpec *source = syn_catalog_find_source (catalog, reader + strlen (SYN_SOURCE_GRAIN "/"));

      return source != NULL && source->durable && syn_partition_of (SYN_SOURCE_GRAIN, source->name) == partition;
    }
  spec = g_str_has_prefix (reader, SYN_PROJECTION_GRAIN "/") ? syn_catalog_find_projection (catalog, reader + strlen (SYN_PROJECTION_GRAIN "/")) : NULL;
  for (guint i = 0; spec != NULL && i < spec->n_inputs; i++)
    if (spec->inputs[i].source->durable && syn_partition_of (SYN_SOURCE_GRAIN, spec->inputs[i].source->name) == partition)
      return TRUE;
  return FALSE;
}
