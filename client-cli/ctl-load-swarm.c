/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Puts the threads of a load test together. */

#include "ctl-load-swarm.h"

#include "ctl-load-flock.h"

struct _CtlSwarm
{
  CtlSwarmConfig config;
  CtlFlock **flocks; /* (owned) */
};

const char *
ctl_swarm_error_to_string (CtlSwarmError error)
{
  static const char *const names[CTL_SWARM_N_ERRORS] = { "connect", "upgrade", "closed", "protocol", "timeout", "overloaded", "unavailable", "refused" };

  return names[error];
}

CtlSwarm *
ctl_swarm_new (const CtlSwarmConfig *config, GError **error)
{
  g_autoptr (CtlSwarm) self = g_new0 (CtlSwarm, 1);

  g_assert (config->n_connections <= config->n_views && config->n_threads <= config->n_connections && config->rate > 0);
  self->config = *config;
  self->flocks = g_new0 (CtlFlock *, config->n_threads);
  for (guint i = 0; i < config->n_threads; i++)
    {
      self->flocks[i] = ctl_flock_new (&self->config, i, error);
      if (self->flocks[i] == NULL)
        return NULL;
    }
  return g_steal_pointer (&self);
}

void
ctl_swarm_free (CtlSwarm *self)
{
  ctl_swarm_end (self);
  for (guint i = 0; i < self->config.n_threads; i++)
    g_clear_pointer (&self->flocks[i], ctl_flock_free);
  g_free (self->flocks);
  g_free (self);
}

void
ctl_swarm_start (CtlSwarm *self)
{
  gint64 now_us = g_get_monotonic_time ();

  for (guint i = 0; i < self->config.n_threads; i++)
    ctl_flock_start (self->flocks[i], now_us);
}

gint64
ctl_swarm_storm (CtlSwarm *self)
{
  gint64 now_us = g_get_monotonic_time ();

  for (guint i = 0; i < self->config.n_threads; i++)
    ctl_flock_storm (self->flocks[i], now_us);
  return now_us;
}

void
ctl_swarm_halt (CtlSwarm *self)
{
  for (guint i = 0; i < self->config.n_threads; i++)
    ctl_flock_halt (self->flocks[i]);
}

void
ctl_swarm_end (CtlSwarm *self)
{
  for (guint i = 0; i < self->config.n_threads; i++)
    if (self->flocks[i] != NULL)
      ctl_flock_end (self->flocks[i]);
}

void
ctl_swarm_reset (CtlSwarm *self)
{
  for (guint i = 0; i < self->config.n_threads; i++)
    ctl_flock_reset (self->flocks[i]);
}

static int
compare_spreads (gconstpointer a, gconstpointer b)
{
  const CtlFlockSpread *x = a, *y = b;

  return (x->made_us > y->made_us) - (x->made_us < y->made_us);
}

void
ctl_swarm_read (CtlSwarm *self, CtlSwarmReading *reading)
{
  g_autoptr (GArray) spreads = g_array_new (FALSE, FALSE, sizeof (CtlFlockSpread));

  *reading = (CtlSwarmReading) { .spreads_us = g_array_new (FALSE, FALSE, sizeof (gint64)) };
  for (guint i = 0; i < self->config.n_threads; i++)
    ctl_flock_read (self->flocks[i], reading, spreads);
  if (reading->ready < self->config.n_views)
    reading->all_ready_us = 0;
  /* Complete where each of the threads has it; then the slowest of them counts. */
  g_array_sort (spreads, compare_spreads);
  for (guint from = 0, to; from < spreads->len; from = to)
    {
      gint64 taken_us = 0;

      for (to = from; to < spreads->len && compare_spreads (&g_array_index (spreads, CtlFlockSpread, to), &g_array_index (spreads, CtlFlockSpread, from)) == 0; to++)
        taken_us = MAX (taken_us, g_array_index (spreads, CtlFlockSpread, to).taken_us);
      if (to - from == self->config.n_threads)
        g_array_append_val (reading->spreads_us, taken_us);
    }
}

void
ctl_swarm_reading_clear (CtlSwarmReading *reading)
{
  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    g_clear_pointer (&reading->messages[i], g_free);
  g_clear_pointer (&reading->spreads_us, g_array_unref);
}
