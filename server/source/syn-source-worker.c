/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The threads of sources that must block (reading files, walking /proc), and the way back from them. A piece
 * of work is a step: it never waits for anything but the kernel, and ends when its grain has no room for
 * more, so that a few threads serve any number of sources, and paced or followed files hold none while they
 * wait. Rejected: a thread per source that sleeps (a catalog of a thousand files would be a thousand stacks),
 * joining at the end (a disk that hangs would hang the silo's drain): a step holds references to all it
 * touches, and a closed port takes nothing from it.
 */
#include "syn-source-private.h"
#include "syn-limits.h"

struct _SynPort
{
  gatomicrefcount ref_count;
  GMutex mutex;
  SynLane *lane; /* NULL: closed; changed under the mutex, so that no parcel reaches a lane that has ended */
  gpointer owner;
};

SynPort *
syn_port_new (SynLane *lane, gpointer owner)
{
  SynPort *self = g_new0 (SynPort, 1);

  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->mutex);
  self->lane = lane;
  self->owner = owner;
  return self;
}

void
syn_port_unref (SynPort *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_mutex_clear (&self->mutex);
  g_free (self);
}

void
syn_port_close (SynPort *self)
{
  g_mutex_lock (&self->mutex);
  self->lane = NULL;
  self->owner = NULL;
  g_mutex_unlock (&self->mutex);
}

gpointer
syn_port_get_owner (SynPort *self)
{
  return self->owner; /* written on this lane only */
}

gboolean
syn_port_is_closed (SynPort *self)
{
  gboolean closed;

  g_mutex_lock (&self->mutex);
  closed = self->lane == NULL;
  g_mutex_unlock (&self->mutex);
  return closed;
}

gboolean
syn_port_post (SynPort *self, SynParcel *parcel)
{
  gboolean open;

  g_mutex_lock (&self->mutex);
  open = self->lane != NULL;
  if (open)
    syn_lane_post (self->lane, parcel);
  g_mutex_unlock (&self->mutex);
  return open;
}

/* ---- pools ---- */

typedef struct
{
  void (*run) (gpointer data);
  gpointer data;
  SynWorker worker;
} SynWork;

static GMutex pools_mutex;
static GCond pools_cond;
static GThreadPool *pools[SYN_N_WORKERS];
static guint n_pending[SYN_N_WORKERS];

static void
run_work (gpointer data, gpointer user_data)
{
  g_autofree SynWork *work = data;

  work->run (work->data);

  g_mutex_lock (&pools_mutex);
  n_pending[work->worker]--;
  g_cond_broadcast (&pools_cond);
  g_mutex_unlock (&pools_mutex);
}

void
syn_worker_push (SynWorker worker, void (*run) (gpointer data), gpointer data)
{
  SynWork *work = g_new0 (SynWork, 1);

  work->run = run;
  work->data = data;
  work->worker = worker;
  g_mutex_lock (&pools_mutex);
  if (pools[worker] == NULL)
    pools[worker] =
        g_thread_pool_new (run_work, NULL, worker == SYN_WORKER_FILE ? SYN_MAX_FILE_THREADS : 1, FALSE, NULL);
  n_pending[worker]++;
  g_thread_pool_push (pools[worker], work, NULL); /* what cannot have a thread now waits for one */
  g_mutex_unlock (&pools_mutex);
}

void
syn_worker_wait_idle (SynWorker worker)
{
  g_mutex_lock (&pools_mutex);
  while (n_pending[worker] > 0)
    g_cond_wait (&pools_cond, &pools_mutex);
  g_mutex_unlock (&pools_mutex);
}
