/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The supervisor of a lane's always-on grains: those named by syn_silo_keep(), and those of an always-on type that were
 * active once. One that fails is restarted after 0.1 s, twice that the next time, and so on to 30 s; a life of
 * 30 s forgives what was before. While it is down, calls to it fail at once: what calls must not defeat the back-off.
 *
 * Runs on the lane's thread. Rejected: one supervisor grain for the silo (a crossing of lanes to restart what is at hand). */
#define G_LOG_DOMAIN "syn-supervisor"

#include "syn-silo-private.h"

static SynMetric restarts_metric, down_metric;

void
syn_supervisor_register_metrics (void)
{
  restarts_metric = syn_metric_register (SYN_METRIC_COUNTER, "grain_restarts_total", "Restarts of always-on grains after an error");
  down_metric = syn_metric_register (SYN_METRIC_GAUGE, "grains_down", "Always-on grains that wait for their restart");
}

static guint
supervised_hash (gconstpointer data)
{
  return ((const SynSupervised *) data)->hash;
}

static gboolean
supervised_equal (gconstpointer a, gconstpointer b)
{
  const SynSupervised *x = a, *y = b;

  return x->hash == y->hash && x->kind == y->kind && strcmp (x->key, y->key) == 0;
}

SynSupervised *
syn_supervisor_find (SynLane *lane, const SynGrainKind *kind, const char *key, guint32 hash)
{
  SynSupervised probe = { .kind = kind, .key = (char *) key, .hash = hash };

  return lane->supervised != NULL ? g_hash_table_lookup (lane->supervised, &probe) : NULL;
}

SynSupervised *
syn_supervisor_add (SynLane *lane, const SynGrainKind *kind, const char *key, guint32 hash)
{
  SynSupervised *self = syn_supervisor_find (lane, kind, key, hash);

  if (self != NULL)
    return self;
  if (lane->supervised == NULL)
    lane->supervised = g_hash_table_new_full (supervised_hash, supervised_equal, (GDestroyNotify) syn_supervised_free, NULL);
  self = g_new0 (SynSupervised, 1);
  self->kind = kind;
  self->key = g_strdup (key);
  self->hash = hash;
  self->lane = lane;
  g_hash_table_add (lane->supervised, self);
  return self;
}

void
syn_supervised_up (SynSupervised *self)
{
  self->up_ms = syn_lane_now_ms (self->lane);
}

static void
restart_cb (SynTimer *timer, gpointer user_data)
{
  SynSupervised *self = user_data;

  g_clear_error (&self->error);
  syn_metric_add (self->lane, down_metric, -1);
  syn_metric_add (self->lane, restarts_metric, 1);
  syn_lane_activate (self->lane, self->kind, self->key);
}

void
syn_supervised_down (SynSupervised *self, const GError *error)
{
  guint delay_ms = SYN_RESTART_FIRST_MS;
  gint64 now_ms = syn_lane_now_ms (self->lane);

  if (self->up_ms != 0 && now_ms - self->up_ms >= SYN_RESTART_LAST_MS)
    self->failures = 0;
  self->up_ms = 0;
  for (guint i = 0; i < self->failures && delay_ms < SYN_RESTART_LAST_MS; i++)
    delay_ms *= 2;
  delay_ms = MIN (delay_ms, SYN_RESTART_LAST_MS);
  self->failures++;
  if (self->error == NULL)
    syn_metric_add (self->lane, down_metric, 1);
  g_clear_error (&self->error);
  self->error = g_error_copy (error);
  syn_lane_arm (self->lane, &self->timer, delay_ms, restart_cb, self);
  g_warning ("%s/%s failed: %s; restarting it in %u ms (failure %u in a row)", self->kind->type.name, self->key,
             error->message, delay_ms, self->failures);
}

void
syn_supervised_free (SynSupervised *self)
{
  syn_lane_disarm (self->lane, &self->timer);
  if (self->error != NULL)
    syn_metric_add (self->lane, down_metric, -1);
  g_clear_error (&self->error);
  g_free (self->key);
  g_free (self);
}
