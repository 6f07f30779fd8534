/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sources of kind "host", on the grain's lane: asks the worker for a sample each interval, counted from the
 * end of the last one, and hands over what comes. All host sources share one thread: samples are short, and
 * two at a time would measure each other.
 */
#define G_LOG_DOMAIN "synoptic-source"

#include "syn-source-private.h"
#include "syn-host-sample.h"
#include "syn-limits.h"

#define MIN_INTERVAL_MS 100
#define FIRST_INTERVAL_MS 500 /* rates need two samples: the second comes soon */
#define MAX_IN_FLIGHT 8

typedef struct
{
  gatomicrefcount ref_count;
  SynPort *port;           /* (owned) */
  SynHostSampler *sampler; /* (owned) */
  SynCatalog *catalog;     /* (owned) */
} SynHostShared;

typedef struct
{
  SynSource *source;
  SynHostShared *shared; /* (owned) */
  SynTimer timer;
  gboolean second; /* a sample has been taken */
} SynHost;

typedef struct
{
  SynParcel parcel;
  SynHostShared *shared; /* (owned) */
  SynEventBatch *batch;  /* (owned) (nullable) */
  GError *error;         /* (owned) (nullable) */
} SynHostParcel;

static void
shared_unref (SynHostShared *shared)
{
  if (!g_atomic_ref_count_dec (&shared->ref_count))
    return;
  syn_host_sampler_free (shared->sampler);
  syn_port_unref (shared->port);
  syn_catalog_unref (shared->catalog);
  g_free (shared);
}

static void
parcel_free (SynHostParcel *parcel)
{
  g_clear_pointer (&parcel->batch, syn_event_batch_unref);
  g_clear_error (&parcel->error);
  shared_unref (parcel->shared);
  g_free (parcel);
}

static void push_sample (SynTimer *timer, gpointer user_data);

static void
run_parcel (SynLane *lane, SynParcel *base)
{
  SynHostParcel *parcel = (SynHostParcel *) base;
  SynHost *self = syn_port_get_owner (parcel->shared->port);
  guint interval_ms;

  if (self != NULL)
    {
      interval_ms = MAX (MIN_INTERVAL_MS, self->source->spec->interval_ms);
      if (!self->second)
        interval_ms = MIN (interval_ms, FIRST_INTERVAL_MS);
      self->second = TRUE;
      syn_source_set_error (self->source, parcel->error != NULL ? g_strdup (parcel->error->message) : NULL);
      if (parcel->batch != NULL)
        syn_source_deliver (self->source, g_steal_pointer (&parcel->batch));
      syn_lane_arm (lane, &self->timer, interval_ms, push_sample, self);
    }
  parcel_free (parcel);
}

/* On the worker's thread. */
static void
run_sample (gpointer data)
{
  SynHostShared *shared = data;
  SynHostParcel *parcel = g_new0 (SynHostParcel, 1);

  parcel->parcel.run = run_parcel;
  parcel->shared = shared;
  if (!syn_port_is_closed (shared->port))
    parcel->batch = syn_host_sampler_sample (shared->sampler, g_get_monotonic_time (), g_get_real_time (),
                                             &parcel->error);
  if (!syn_port_post (shared->port, &parcel->parcel))
    parcel_free (parcel);
}

static void
push_sample (SynTimer *timer, gpointer user_data)
{
  SynHost *self = user_data;

  /* Whoever cannot keep up with a sample a second does not need the next one. */
  if (self->source->in_flight >= MAX_IN_FLIGHT)
    {
      syn_lane_arm (self->source->lane, &self->timer, FIRST_INTERVAL_MS, push_sample, self);
      return;
    }
  g_atomic_ref_count_inc (&self->shared->ref_count);
  syn_worker_push (SYN_WORKER_HOST, run_sample, self->shared);
}

static gpointer
host_start (SynSource *source)
{
  SynHost *self = g_new0 (SynHost, 1);
  SynHostShared *shared = g_new0 (SynHostShared, 1);

  self->source = source;
  self->shared = shared;
  g_atomic_ref_count_init (&shared->ref_count);
  shared->port = syn_port_new (source->lane, self);
  shared->sampler = syn_host_sampler_new (source->spec, "/proc");
  shared->catalog = syn_catalog_ref (source->catalog);
  push_sample (NULL, self);
  return self;
}

static void
host_stop (SynSource *source, gpointer state)
{
  SynHost *self = state;

  syn_lane_disarm (source->lane, &self->timer);
  syn_port_close (self->shared->port);
  shared_unref (self->shared);
  g_free (self);
}

const SynSourceClass syn_source_host_class = { host_start, host_stop, NULL };
