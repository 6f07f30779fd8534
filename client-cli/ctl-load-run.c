/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The course of a load test: all connect at the rate asked for; a time to warm up; the time that is measured; storms; the end, after which the
 * server's memory is watched. The swarm's threads do the work; this one looks at them and at /v1/status once a second. */

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ctl-load-result.h"
#include "ctl.h"

/* Beyond what the rate needs, for the last ones to get their snapshot. */
#define CONNECT_EXTRA_S 30
#define STORM_MAX_S 60
#define STEP_US 5000
#define SAMPLE_MIN_S 0.05
#define SMALL_GROWTH_BYTES (8u << 20) /* no server gives back the last page */

typedef struct
{
  CtlLoadResult *result;
  CtlSwarm *swarm;         /* (owned) */
  CtlLoadServer *server;   /* (owned) */
  CtlSwarmReading last;    /* of the last sample */
  CtlLoadServerReading now, before; /* the server at the last sample, and at the one before */
  gint64 start_us, sampled_us;
  double own_cpu_s;
  double server_cpu_s;     /* that it used since the test began */
  gboolean quiet, is_terminal;
  const char *phase;
} Run;

static volatile sig_atomic_t interrupted;

static void
interrupt_cb (int number)
{
  interrupted = 1;
}

static double
own_cpu_s (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static guint64
own_rss_bytes (void)
{
  g_autofree char *statm = NULL;
  guint64 pages, resident;

  if (!g_file_get_contents ("/proc/self/statm", &statm, NULL, NULL)
      || sscanf (statm, "%" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &pages, &resident) != 2)
    return 0;
  return resident * (guint64) sysconf (_SC_PAGESIZE);
}

static void
say_progress (Run *self, const CtlLoadSample *sample)
{
  char a[CTL_LOAD_NUMBER_MAX], b[CTL_LOAD_NUMBER_MAX], c[CTL_LOAD_NUMBER_MAX], d[CTL_LOAD_NUMBER_MAX], e[CTL_LOAD_NUMBER_MAX];

  if (self->quiet)
    return;
  fprintf (stderr, "%s%6.1f s  %-10s %s of %s clients  %s/s  %s/s  age p99 %s  server %.0f %% CPU, %s%s", self->is_terminal ? "\r\033[K" : "", sample->at_s,
           sample->phase, ctl_load_format_count (a, sample->ready), ctl_load_format_count (b, self->result->config.n_views),
           ctl_load_format_count (c, sample->deliveries_per_s), ctl_load_format_bytes (d, sample->bytes_per_s),
           sample->age_p99_us > 0 ? ctl_load_format_us (e, (double) sample->age_p99_us) : "–", 100 * sample->server_cpu,
           ctl_load_format_bytes ((char[CTL_LOAD_NUMBER_MAX]) { 0 }, (double) sample->rss_bytes), self->is_terminal ? "" : "\n");
  fflush (stderr);
}

/* Looks at both sides, and writes down what happened since the last time. */
static gboolean
take_sample (Run *self, GError **error)
{
  CtlLoadResult *result = self->result;
  g_autofree CtlHistogram *ages = g_new (CtlHistogram, 1);
  CtlSwarmReading reading;
  CtlLoadSample sample;
  double cpu_s, seconds, server_seconds, server_cpu_s;

  self->before = self->now;
  if (!ctl_load_server_read (self->server, &self->now, error))
    return FALSE;
  ctl_swarm_read (self->swarm, &reading);
  cpu_s = own_cpu_s ();
  seconds = (double) (g_get_monotonic_time () - self->sampled_us) / 1e6;
  server_seconds = (double) (self->now.at_us - self->before.at_us) / 1e6;
  /* One that was started anew has begun to count anew. */
  server_cpu_s = self->now.cpu_s - (self->now.cpu_s >= self->before.cpu_s ? self->before.cpu_s : 0);
  self->server_cpu_s += server_cpu_s;
  self->sampled_us = g_get_monotonic_time ();
  ctl_histogram_since (&reading.age, &self->last.age, ages);
  sample = (CtlLoadSample) {
    .at_s = (double) (self->sampled_us - self->start_us) / 1e6,
    .seconds = seconds,
    .phase = self->phase,
    .connected = reading.connected,
    .ready = reading.ready,
    .questions = self->now.questions,
    .deliveries_per_s = (double) (reading.deliveries - self->last.deliveries) / MAX (seconds, 1e-6),
    .bytes_per_s = (double) (reading.received_bytes - self->last.received_bytes) / MAX (seconds, 1e-6),
    .server_cpu = server_cpu_s / MAX (server_seconds, 1e-6),
    .own_cpu = (cpu_s - self->own_cpu_s) / MAX (seconds, 1e-6),
    .rss_bytes = self->now.rss_bytes,
    .age_p50_us = ctl_histogram_quantile (ages, 0.5),
    .age_p99_us = ctl_histogram_quantile (ages, 0.99),
  };
  if (seconds >= SAMPLE_MIN_S) /* between two phases there may be none to speak of */
    {
      g_array_append_val (result->samples, sample);
      say_progress (self, &sample);
    }
  self->own_cpu_s = cpu_s;
  result->rss_peak_bytes = MAX (result->rss_peak_bytes, self->now.rss_bytes);
  result->questions_peak = MAX (result->questions_peak, self->now.questions);
  ctl_swarm_reading_clear (&self->last);
  self->last = reading;
  return TRUE;
}

static void
reset_counts (Run *self)
{
  CtlSwarmReading reading;

  ctl_swarm_reset (self->swarm);
  ctl_swarm_read (self->swarm, &reading);
  ctl_swarm_reading_clear (&self->last);
  self->last = reading;
}

/* Lets it run until @done says so (nullable), or for @seconds; a sample each @interval_s. */
static gboolean
watch (Run *self, const char *phase, double seconds, double interval_s, gboolean (*done) (Run *self), GError **error)
{
  gint64 end_us = g_get_monotonic_time () + (gint64) (seconds * 1e6);

  self->phase = phase;
  for (;;)
    {
      gint64 next_us = MIN (end_us, self->sampled_us + (gint64) (interval_s * 1e6));
      gboolean is_done = FALSE;

      while (!interrupted && !is_done && g_get_monotonic_time () < next_us)
        {
          g_usleep ((gulong) CLAMP (next_us - g_get_monotonic_time (), 1, STEP_US));
          is_done = done != NULL && done (self);
        }
      if (!take_sample (self, error))
        return FALSE;
      if (interrupted || is_done || g_get_monotonic_time () >= end_us)
        return TRUE;
    }
}

static gboolean
all_begun_cb (Run *self)
{
  CtlLoadResult *result = self->result;
  CtlSwarmReading reading;
  gboolean done;

  if (result->max_growth_bytes > 0 && result->stopped_by == NULL && self->now.rss_bytes > result->rss_before_bytes + result->max_growth_bytes)
    {
      ctl_swarm_halt (self->swarm);
      result->stopped_by = "the bound of memory";
    }
  ctl_swarm_read (self->swarm, &reading);
  done = (reading.begun == result->config.n_views || result->stopped_by != NULL) && reading.ready + reading.given_up >= reading.begun;
  ctl_swarm_reading_clear (&reading);
  return done;
}

static gboolean
all_ready_cb (Run *self)
{
  CtlSwarmReading reading;
  gboolean done;

  ctl_swarm_read (self->swarm, &reading);
  done = reading.ready + reading.given_up >= self->result->config.n_views;
  ctl_swarm_reading_clear (&reading);
  return done;
}

static gboolean
connect_all (Run *self, GError **error)
{
  CtlLoadResult *result = self->result;
  const CtlSwarmConfig *config = &result->config;

  ctl_swarm_start (self->swarm);
  if (!watch (self, "connecting", config->n_views / config->rate + CONNECT_EXTRA_S, 1, all_begun_cb, error))
    return FALSE;
  ctl_swarm_read (self->swarm, &result->connect);
  result->connect_s = (double) ((result->connect.all_ready_us != 0 ? result->connect.all_ready_us : g_get_monotonic_time ()) - self->start_us) / 1e6;
  if (result->connect.ready == 0 && !interrupted)
    {
      const char *message = NULL;

      for (guint i = 0; i < CTL_SWARM_N_ERRORS && message == NULL; i++)
        message = result->connect.messages[i];
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_UNAVAILABLE, "%s: no client got a snapshot: %s", result->path,
                   message != NULL ? message : "the server does not answer");
      return FALSE;
    }
  return TRUE;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a, y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

static gboolean
measure (Run *self, GError **error)
{
  CtlLoadResult *result = self->result;
  double interval_s = CLAMP (result->duration_s / 10, 0.1, 1), before_cpu_s, own_before_s;
  gint64 began_us;

  if (result->warm_up_s > 0 && !interrupted && !watch (self, "warm-up", result->warm_up_s, 1, NULL, error))
    return FALSE;
  if (!take_sample (self, error))
    return FALSE;
  result->rss_ready_bytes = self->now.rss_bytes;
  reset_counts (self);
  before_cpu_s = self->server_cpu_s;
  own_before_s = self->own_cpu_s;
  began_us = self->now.at_us;
  if (!watch (self, "measuring", result->duration_s, interval_s, NULL, error))
    return FALSE;
  ctl_swarm_read (self->swarm, &result->measured);
  result->measured_s = (double) (self->now.at_us - began_us) / 1e6;
  result->server_cpu_s = self->server_cpu_s - before_cpu_s;
  result->own_cpu_s = self->own_cpu_s - own_before_s;
  g_array_sort (result->measured.spreads_us, compare_times);
  if (result->measured.spreads_us->len > 0)
    result->calm_s = (double) g_array_index (result->measured.spreads_us, gint64, result->measured.spreads_us->len / 2) / 1e6;
  return TRUE;
}

static gboolean
do_storms (Run *self, guint n_storms, GError **error)
{
  CtlLoadResult *result = self->result;

  for (guint i = 0; i < n_storms && !interrupted; i++)
    {
      CtlLoadStorm storm = { .rss_before_bytes = self->now.rss_bytes };
      guint first_sample = result->samples->len;
      CtlSwarmReading reading;
      gint64 began_us = ctl_swarm_storm (self->swarm);

      if (!watch (self, "storm", STORM_MAX_S, 1, all_ready_cb, error))
        return FALSE;
      ctl_swarm_read (self->swarm, &reading);
      if (reading.all_ready_us > began_us)
        storm.seconds = (double) (reading.all_ready_us - began_us) / 1e6;
      ctl_swarm_reading_clear (&reading);
      if (!watch (self, "calm", MAX (result->warm_up_s, 1), 0.5, NULL, error))
        return FALSE;
      for (guint k = first_sample; k < result->samples->len; k++)
        storm.rss_peak_bytes = MAX (storm.rss_peak_bytes, g_array_index (result->samples, CtlLoadSample, k).rss_bytes);
      storm.rss_after_bytes = self->now.rss_bytes;
      if (!interrupted || storm.seconds > 0)
        g_array_append_val (result->storms, storm);
    }
  return TRUE;
}

/* Nothing is asked any more, the server has let go of the questions, and of most of what it had grown by. */
static gboolean
settled_cb (Run *self)
{
  const CtlLoadResult *result = self->result;
  guint64 grown = result->rss_peak_bytes - result->rss_before_bytes, left = self->now.rss_bytes - MIN (self->now.rss_bytes, result->rss_before_bytes);

  return self->now.questions <= result->questions_before && self->now.websockets == 0 && self->now.polls_waiting == 0
         && (left <= grown / 4 || left <= SMALL_GROWTH_BYTES);
}

static gboolean
finish (Run *self, double settle_s, GError **error)
{
  CtlLoadResult *result = self->result;
  CtlSwarmReading reading;
  gint64 began_us = g_get_monotonic_time ();

  ctl_swarm_read (self->swarm, &reading);
  for (guint i = 0; i < CTL_SWARM_N_ERRORS; i++)
    {
      result->measured.errors[i] = reading.errors[i] + result->connect.errors[i];
      if (result->measured.messages[i] == NULL)
        result->measured.messages[i] = g_strdup (result->connect.messages[i] != NULL ? result->connect.messages[i] : reading.messages[i]);
    }
  result->measured.ready = reading.ready;
  result->measured.begun = reading.begun;
  result->measured.given_up = reading.given_up;
  ctl_swarm_reading_clear (&reading);
  result->own_rss_bytes = own_rss_bytes ();
  result->interrupted = interrupted;
  ctl_swarm_end (self->swarm);
  interrupted = 0; /* a second one ends the wait for the memory */
  if (settle_s > 0 && !watch (self, "ended", settle_s, 1, settled_cb, error))
    return FALSE;
  if (settle_s > 0 && !watch (self, "ended", MIN (settle_s, 2), 1, NULL, error))
    return FALSE;
  result->settle_s = (double) (g_get_monotonic_time () - began_us) / 1e6;
  result->rss_after_bytes = self->now.rss_bytes;
  result->questions_after = self->now.questions;
  return TRUE;
}

static gboolean
run_phases (Run *self, guint n_storms, double settle_s, GError **error)
{
  return connect_all (self, error) && measure (self, error) && do_storms (self, n_storms, error) && finish (self, settle_s, error);
}

gboolean
ctl_load_run (CtlLoadResult *result, guint n_storms, double settle_s, gboolean quiet, GError **error)
{
  Run self = { .result = result, .quiet = quiet, .is_terminal = isatty (STDERR_FILENO) };
  struct sigaction action = { .sa_handler = interrupt_cb, .sa_flags = SA_RESTART }, old;
  gboolean good;

  result->samples = g_array_new (FALSE, FALSE, sizeof (CtlLoadSample));
  result->storms = g_array_new (FALSE, FALSE, sizeof (CtlLoadStorm));
  result->began_us = g_get_real_time ();
  if (!ctl_crowd_raise_limit (result->config.n_connections + result->config.n_threads * 3 + 32, error))
    return FALSE;
  self.server = ctl_load_server_new (result->server, error);
  if (self.server == NULL)
    return FALSE;
  good = ctl_load_server_read_clock (self.server, &result->clock_offset_us, &result->clock_error_us, error)
         && ctl_load_server_read (self.server, &self.now, error);
  if (good)
    {
      result->config.clock_offset_us = result->clock_offset_us;
      result->rss_before_bytes = result->rss_peak_bytes = self.now.rss_bytes;
      result->questions_before = self.now.questions;
      self.swarm = ctl_swarm_new (&result->config, error);
      good = self.swarm != NULL;
    }
  if (good)
    {
      sigaction (SIGINT, &action, &old);
      self.start_us = self.sampled_us = g_get_monotonic_time ();
      self.own_cpu_s = own_cpu_s ();
      ctl_swarm_read (self.swarm, &self.last);
      good = run_phases (&self, n_storms, settle_s, error);
      sigaction (SIGINT, &old, NULL);
      if (self.is_terminal && !quiet)
        fputs ("\r\033[K", stderr);
    }
  ctl_swarm_reading_clear (&self.last);
  g_clear_pointer (&self.swarm, ctl_swarm_free);
  ctl_load_server_free (self.server);
  return good;
}

void
ctl_load_result_clear (CtlLoadResult *self)
{
  ctl_swarm_reading_clear (&self->connect);
  ctl_swarm_reading_clear (&self->measured);
  g_clear_pointer (&self->samples, g_array_unref);
  g_clear_pointer (&self->storms, g_array_unref);
}
