/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compresses what is too large to be compressed on a lane: a thread does that for all of them, and whoever waits for the same form on
 * the same lane waits together. On the lane's thread, but for run_job().
 *
 * The one thread makes that a form asked for by two lanes is compressed once: the second finds it made. What lanes share is the
 * snapshot, which is immutable; what the thread has made hangs on it (replica-form.h), and the lane is told by a parcel. The lock
 * is only for the end: no parcel may reach a lane that is gone.
 *
 * Rejected: a thread per lane (compressing is rare, and at most once a snapshot), and sending what is not ready in full (on
 * the links that ask for this the compressed one is there first all the same). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-silo-test.h"
#include "syn-ws-private.h"

struct _SynWsJob
{
  SynParcel parcel; /* first */
  gatomicrefcount ref_count; /* the lane's, and the thread's or that of the parcel on its way */
  GMutex mutex;              /* of lane */
  SynLane *lane;             /* NULL: gone */
  SynWsLane *owner;
  SynWsJob *next; /* of the lane's */
  SynWsView *views; /* that wait */
  ReplicaSnapshot *snapshot; /* (owned) */
  const ReplicaForm *form;   /* of it */
  gboolean is_new;
  gint64 took_us;
};

static void
job_unref (SynWsJob *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  replica_snapshot_unref (self->snapshot);
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

void
syn_ws_count_compression (SynWsLane *lane, gint64 took_us)
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
      if (job->is_new)
        syn_ws_count_compression (job->owner, job->took_us);
      while (job->views != NULL)
        {
          SynWsView *view = job->views;

          syn_ws_compress_cancel (view);
          syn_ws_view_compressed (view, job->form);
        }
      job_unref (job);
    }
  job_unref (job);
}

static void
run_job (gpointer data, gpointer user_data)
{
  SynWsJob *job = data;
  gint64 start_us = g_get_monotonic_time ();

  replica_form_get_zstd (job->form, &job->is_new);
  job->took_us = g_get_monotonic_time () - start_us;
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
start_job (SynWsLane *lane, ReplicaSnapshot *snapshot, const ReplicaForm *form)
{
  SynWsJob *job = g_new0 (SynWsJob, 1);

  job->parcel.run = made;
  g_atomic_ref_count_init (&job->ref_count);
  g_atomic_ref_count_inc (&job->ref_count);
  g_mutex_init (&job->mutex);
  job->lane = lane->lane;
  job->owner = lane;
  job->snapshot = replica_snapshot_ref (snapshot);
  job->form = form;
  job->next = lane->jobs;
  lane->jobs = job;
  lane->n_jobs++;
  if (syn_silo_is_stepped (syn_lane_get_silo (lane->lane)))
    run_job (job, NULL);
  else
    g_thread_pool_push (get_pool (), job, NULL);
  return job;
}

gboolean
syn_ws_compress (SynWsView *view, ReplicaSnapshot *snapshot, const ReplicaForm *form)
{
  SynWsLane *lane = view->conn->lane;
  SynWsJob *job = lane->jobs;

  while (job != NULL && job->form != form)
    job = job->next;
  if (job == NULL && lane->n_jobs >= SYN_MAX_COMPRESSIONS)
    return FALSE;
  if (job == NULL)
    job = start_job (lane, snapshot, form);
  view->job = job;
  view->job_next = job->views;
  if (view->job_next != NULL)
    view->job_next->job_pprev = &view->job_next;
  view->job_pprev = &job->views;
  job->views = view;
  return TRUE;
}

void
syn_ws_compress_cancel (SynWsView *view)
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
        syn_ws_compress_cancel (job->views);
      g_mutex_lock (&job->mutex);
      job->lane = NULL;
      g_mutex_unlock (&job->mutex);
      job_unref (job);
    }
}
