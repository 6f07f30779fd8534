/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* After a storm of connections, or ten thousand questions that nobody asks any more, all that they took is free again, but the allocator
 * keeps it: it gives back only what lies at the end of a heap, and something small always lives there. malloc_trim() gives back every free page.
 *
 * That takes some ms, in which it locks one arena after the other, so it runs on a thread of its own, and only in a quiet moment: when many
 * activations and connections have ended since the last time, and in this period nearly none. A server where they come and go all the time uses the memory
 * again by itself. M_TRIM_THRESHOLD was tried: it gave nothing back. */
#define G_LOG_DOMAIN "synopticd"
#include "syn-trim.h"

#include <malloc.h>

#include "syn-lane.h"
#include "syn-metrics.h"

#define PERIOD_MS 10000
#define MANY 1000
#define FEW 100

struct _SynTrim
{
  SynSilo *silo;
  SynTimer timer;
  SynMetric idle, accepted, trims;
  gint64 seen, trimmed_at; /* what had ended and come, in the last period, at the last time */
  GThread *thread;         /* (owned) (nullable) */
};

static gpointer
trim (gpointer data)
{
  malloc_trim (0);
  return NULL;
}

static void
tick (SynTimer *timer, gpointer user_data)
{
  SynTrim *self = user_data;
  gint64 now = syn_metric_sum (self->silo, self->idle) + syn_metric_sum (self->silo, self->accepted), lately = now - self->seen;

  self->seen = now;
  if (now - self->trimmed_at >= MANY && lately < FEW)
    {
      if (self->thread != NULL)
        g_thread_join (g_steal_pointer (&self->thread)); /* of a period ago at least: it has ended */
      self->trimmed_at = now;
      syn_metric_add (syn_silo_get_front_lane (self->silo), self->trims, 1);
      self->thread = g_thread_new ("trim", trim, NULL);
    }
  syn_lane_arm (syn_silo_get_front_lane (self->silo), &self->timer, PERIOD_MS, tick, self);
}

SynTrim *
syn_trim_new (SynSilo *silo)
{
  SynTrim *self = g_new0 (SynTrim, 1);

  self->silo = silo;
  self->idle = syn_metric_register (SYN_METRIC_COUNTER, "idle_collections_total", "Activations ended because they were idle");
  self->accepted = syn_metric_register (SYN_METRIC_COUNTER, "http_connections_total", "Connections accepted.");
  self->trims = syn_metric_register (SYN_METRIC_COUNTER, "memory_trims_total", "Times that free memory was given back to the system");
  syn_lane_arm (syn_silo_get_front_lane (silo), &self->timer, PERIOD_MS, tick, self);
  return self;
}

void
syn_trim_free (SynTrim *self)
{
  syn_lane_disarm (syn_silo_get_front_lane (self->silo), &self->timer);
  if (self->thread != NULL)
    g_thread_join (self->thread);
  g_free (self);
}
