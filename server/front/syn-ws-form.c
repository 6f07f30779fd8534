/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In which form a view gets a snapshot: in full or as what changed, compressed or not. On the lane's thread, but for run_job().
 *
 * What is there already is taken; what takes less than half a millisecond is made here and now; the rest is made by a thread, and
 * whoever waits for the same on the same lane waits together. That there is one thread makes that what two lanes ask for is made once:
 * the second finds it made. What lanes share is the snapshot, which is immutable; what is made of it hangs on it (replica-form.h), and the
 * lane is told by a parcel. The lock is only for the end: no parcel may reach a lane that is gone.
 *
 * Rejected: a thread per lane (this is rare, and at most once a snapshot), and sending what is not ready in full (it would
 * be on its way for longer than making the smaller one takes). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-silo-test.h"
#include "syn-ws-private.h"

struct _SynWsJob
{
  SynParcel parcel;          /* first */
  gatomicrefcount ref_count; /* the lane's, and the thread's or that of the parcel on its way */
  GMutex mutex;              /* of lane */
  SynLane *lane;             /* NULL: gone */
  SynWsLane *owner;
  SynWsJob *next;            /* of the lane's */
  SynWsView *views;          /* that wait */
  ReplicaSnapshot *snapshot; /* (owned) */
  ReplicaSnapshot *base;     /* (owned) (nullable): as what changed since this one */
  gboolean is_zstd;
  const ReplicaForm *form; /* what was made, of the snapshot */
  gboolean is_delta_new, is_zstd_new;
  gint64 zstd_us;
};

static void
job_unref (SynWsJob *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  replica_snapshot_unref (self->snapshot);
  g_clear_pointer (&self->base, replica_snapshot_unref);
  g_mutex_clear (&self->mutex);
  g_free (self);
}

static void
unlink_job (SynWsLane *lane, SynWsJob *job)
{
  SynWsJob **at = &lane->jobs;

  while (*at != job)
    at = &(*at)->next;
  *at = job->next;
  lane->n_jobs--;
}

static void
count_delta (SynWsLane *lane)
{
  syn_metric_add (lane->lane, syn_ws_metrics.deltas_made, 1);
}

static void
count_compression (SynWsLane *lane, gint64 took_us)
{
  syn_metric_add (lane->lane, syn_ws_metrics.compressions, 1);
  syn_metric_add (lane->lane, syn_ws_metrics.compression_us, took_us);
}

static void
made (SynLane *lane, SynParcel *parcel)
{
  SynWsJob *job = (SynWsJob *) parcel;

  if (job->lane != NULL)
    {
      unlink_job (job->owner, job);
      if (job->is_delta_new)
        count_delta (job->owner);
      if (job->is_zstd_new)
        count_compression (job->owner, job->zstd_us);
      while (job->views != NULL)
        {
          SynWsView *view = job->views;

          syn_ws_form_cancel (view);
          syn_ws_view_formed (view, job->form);
        }
      job_unref (job);
    }
  job_unref (job);
}

static void
run_job (gpointer data, gpointer user_data)
{
  SynWsJob *job = data;
  gint64 start_us;

  if (job->base != NULL)
    job->form = replica_snapshot_get_delta (job->snapshot, job->base, &job->is_delta_new);
  if (job->form == NULL)
    job->form = replica_snapshot_get_full (job->snapshot);
  start_us = g_get_monotonic_time ();
  if (job->is_zstd)
    replica_form_get_zstd (job->form, &job->is_zstd_new);
  job->zstd_us = g_get_monotonic_time () - start_us;
  g_mutex_lock (&job->mutex);
  if (job->lane != NULL)
    {
      g_atomic_ref_count_inc (&job->ref_count);
      syn_lane_post (job->lane, &job->parcel);
    }
  g_mutex_unlock (&job->mutex);
  job_unref (job);
}

static GThreadPool *
get_pool (void)
{
  static gsize pool;

  if (g_once_init_enter (&pool))
    g_once_init_leave (&pool, (gsize) g_thread_pool_new (run_job, NULL, 1, FALSE, NULL));
  return (GThreadPool *) pool;
}

static SynWsJob *
start_job (SynWsLane *lane, ReplicaSnapshot *snapshot, ReplicaSnapshot *base, gboolean is_zstd)
{
  SynWsJob *job = g_new0 (SynWsJob, 1);

  job->parcel.run = made;
  g_atomic_ref_count_init (&job->ref_count);
  g_atomic_ref_count_inc (&job->ref_count);
  g_mutex_init (&job->mutex);
  job->lane = lane->lane;
  job->owner = lane;
  job->snapshot = replica_snapshot_ref (snapshot);
  job->base = base != NULL ? replica_snapshot_ref (base) : NULL;
  job->is_zstd = is_zstd;
  job->next = lane->jobs;
  lane->jobs = job;
  lane->n_jobs++;
  if (syn_silo_is_stepped (syn_lane_get_silo (lane->lane)))
    run_job (job, NULL);
  else
    g_thread_pool_push (get_pool (), job, NULL);
  return job;
}

/* FALSE: too many wait already. */
static gboolean
wait_for_job (SynWsView *view, ReplicaSnapshot *snapshot, ReplicaSnapshot *base, gboolean is_zstd)
{
  SynWsLane *lane = view->conn->lane;
  SynWsJob *job = lane->jobs;

  while (job != NULL && (job->snapshot != snapshot || job->base != base || job->is_zstd != is_zstd))
    job = job->next;
  if (job == NULL && lane->n_jobs >= lane->max_jobs)
    return FALSE;
  if (job == NULL)
    job = start_job (lane, snapshot, base, is_zstd);
  view->job = job;
  view->job_next = job->views;
  if (view->job_next != NULL)
    view->job_next->job_pprev = &view->job_next;
  view->job_pprev = &job->views;
  job->views = view;
  return TRUE;
}

void
syn_ws_form_cancel (SynWsView *view)
{
  if (view->job == NULL)
    return;
  *view->job_pprev = view->job_next;
  if (view->job_next != NULL)
    view->job_next->job_pprev = view->job_pprev;
  view->job = NULL;
  view->job_next = NULL;
  view->job_pprev = NULL;
}

void
syn_ws_lane_forget_jobs (SynWsLane *lane)
{
  while (lane->jobs != NULL)
    {
      SynWsJob *job = lane->jobs;

      unlink_job (lane, job);
      while (job->views != NULL)
        syn_ws_form_cancel (job->views);
      g_mutex_lock (&job->mutex);
      job->lane = NULL;
      g_mutex_unlock (&job->mutex);
      job_unref (job);
    }
}

/* ---- the choice ---- */

static gsize
size_of (const ReplicaForm *form)
{
  return g_bytes_get_size (form->bytes);
}

static void
compress_here (SynWsLane *lane, const ReplicaForm *form)
{
  gint64 start_us = g_get_monotonic_time ();
  gboolean is_new;

  replica_form_get_zstd (form, &is_new);
  if (is_new)
    count_compression (lane, g_get_monotonic_time () - start_us);
}

const ReplicaForm *
syn_ws_form_choose (SynWsView *view, ReplicaSnapshot *snapshot)
{
  SynWsLane *lane = view->conn->lane;
  ReplicaSnapshot *base = view->accept & REPLICA_WIRE_ACCEPT_DELTA ? syn_waiter_get_base (&view->waiter) : NULL;
  gboolean is_zstd = (view->accept & REPLICA_WIRE_ACCEPT_ZSTD) != 0, is_new = FALSE;
  const ReplicaForm *full = replica_snapshot_get_full (snapshot), *form = NULL;
  GBytes *zstd;

  if (base != NULL && !replica_snapshot_peek_delta (snapshot, base, &form))
    {
      if (size_of (full) > SYN_DELTA_INLINE_BYTES)
        return wait_for_job (view, snapshot, base, is_zstd) ? NULL : full;
      form = replica_snapshot_get_delta (snapshot, base, &is_new);
      if (is_new)
        count_delta (lane);
    }
  if (form == NULL)
    form = full;
  if (is_zstd && !replica_form_peek_zstd (form, &zstd))
    {
      if (size_of (form) <= SYN_COMPRESS_INLINE_BYTES)
        compress_here (lane, form);
      else if (wait_for_job (view, snapshot, form != full ? base : NULL, TRUE))
        return NULL;
    }
  return form;
}
