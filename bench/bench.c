/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The frame of the benchmarks. Medians and the middle half rather than means: on shared machines the slow tail is the
 * neighbour's. CPU time comes from schedstat, whose counts are in nanoseconds; getrusage and /proc/PID/stat round to 10 ms ticks. */
#include "bench.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

BenchSeries *
bench_series_new (const char *name)
{
  BenchSeries *self = g_new0 (BenchSeries, 1);

  self->name = name;
  self->samples = g_array_new (FALSE, FALSE, sizeof (double));
  return self;
}

void
bench_series_add (BenchSeries *self, double value)
{
  g_array_append_val (self->samples, value);
}

void
bench_series_free (BenchSeries *self)
{
  g_array_unref (self->samples);
  g_free (self);
}

static int
compare_doubles (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
bench_series_quantile (BenchSeries *self, double q)
{
  g_autoptr (GArray) sorted = g_array_copy (self->samples);
  double position, below;
  guint index;

  if (sorted->len == 0)
    return 0;
  g_array_sort (sorted, compare_doubles);
  position = q * (sorted->len - 1);
  index = (guint) position;
  below = g_array_index (sorted, double, index);
  if (index + 1 >= sorted->len)
    return below;
  return below + (position - index) * (g_array_index (sorted, double, index + 1) - below);
}

double
bench_series_median (BenchSeries *self)
{
  return bench_series_quantile (self, 0.5);
}

double
bench_series_spread (BenchSeries *self)
{
  double median = bench_series_median (self);

  return median > 0 ? (bench_series_quantile (self, 0.75) - bench_series_quantile (self, 0.25)) / 2 / median : 0;
}

void
bench_report (const char *what, BenchSeries *ours, BenchSeries *floor_series, const char *unit)
{
  g_autoptr (BenchSeries) ratios = bench_series_new ("ratio");

  for (guint i = 0; i < MIN (ours->samples->len, floor_series->samples->len); i++)
    bench_series_add (ratios, g_array_index (ours->samples, double, i) / g_array_index (floor_series->samples, double, i));
  printf ("%-34s %-10s %9.2f ±%2.0f%%   %-14s %9.2f ±%2.0f%%   %-9s ratio %6.2f ±%2.0f%%\n", what,
           ours->name, bench_series_median (ours), 100 * bench_series_spread (ours),
           floor_series->name, bench_series_median (floor_series), 100 * bench_series_spread (floor_series), unit,
           bench_series_median (ratios), 100 * bench_series_spread (ratios));
}

static double
clock_us (clockid_t clock)
{
  struct timespec now;

  clock_gettime (clock, &now);
  return (double) now.tv_sec * 1e6 + (double) now.tv_nsec / 1e3;
}

double
bench_now_us (void)
{
  return clock_us (CLOCK_MONOTONIC);
}

double
bench_own_cpu_us (void)
{
  return clock_us (CLOCK_THREAD_CPUTIME_ID);
}

double
bench_process_cpu_us (GPid pid)
{
  g_autofree char *folder = g_strdup_printf ("/proc/%d/task", (int) pid);
  g_autoptr (GDir) tasks = g_dir_open (folder, 0, NULL);
  const char *task;
  double total_us = 0;

  while (tasks != NULL && (task = g_dir_read_name (tasks)) != NULL)
    {
      g_autofree char *path = g_build_filename (folder, task, "schedstat", NULL);
      g_autofree char *text = NULL;

      if (g_file_get_contents (path, &text, NULL, NULL))
        total_us += (double) g_ascii_strtoull (text, NULL, 10) / 1e3;
    }
  return total_us;
}

gsize
bench_process_rss_bytes (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/statm", (int) pid);
  g_autofree char *text = NULL;
  char *end;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return 0;
  g_ascii_strtoull (text, &end, 10);
  return g_ascii_strtoull (end, NULL, 10) * (gsize) sysconf (_SC_PAGESIZE);
}

char *
bench_folder_new (const char *in)
{
  char *path = g_build_filename (in != NULL ? in : g_get_tmp_dir (), "synoptic-bench-XXXXXX", NULL);

  if (g_mkdtemp (path) == NULL)
    g_error ("%s: %s", path, g_strerror (errno));
  return path;
}

void
bench_folder_remove (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *entry = g_build_filename (path, name, NULL);

      if (g_unlink (entry) != 0)
        bench_folder_remove (entry);
    }
  g_rmdir (path);
}

/* In the child: a benchmark that fails leaves no server behind. */
static void
end_with_parent (gpointer data)
{
  prctl (PR_SET_PDEATHSIG, SIGTERM);
}

BenchProcess *
bench_process_start (const char *const *argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) line = g_string_new (NULL);
  BenchProcess *self = g_new0 (BenchProcess, 1);
  const char *colon;
  char byte;

  if (!g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH, end_with_parent, NULL,
                                 &self->pid, &self->stdin_fd, &self->stdout_fd, NULL, &error))
    {
      g_printerr ("cannot start %s: %s\n", argv[0], error->message);
      exit (1);
    }
  while (read (self->stdout_fd, &byte, 1) == 1 && byte != '\n')
    g_string_append_c (line, byte);
  colon = strrchr (line->str, ':');
  self->port = colon != NULL ? (guint16) g_ascii_strtoull (colon + 1, NULL, 10) : 0;
  if (!g_str_has_prefix (line->str, "listening on ") || self->port == 0)
    {
      g_printerr ("%s did not say where it listens: \"%s\"\n", argv[0], line->str);
      exit (1);
    }
  return self;
}

void
bench_process_stop (BenchProcess *self)
{
  int status;

  kill (self->pid, SIGTERM);
  while (waitpid (self->pid, &status, 0) < 0 && errno == EINTR)
    ;
  close (self->stdin_fd);
  close (self->stdout_fd);
  g_spawn_close_pid (self->pid);
  g_free (self);
}
