/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The frame of every benchmark: samples, medians and spreads; the CPU time and memory of a process measured from outside; and
 * child processes that say `listening on http://ADDR:PORT`. Results are ratios against a floor or peer sampled in the
 * same run, in turns (floor, ours, floor, ours, …), so that a noisy neighbour hits both. One thread. */

G_BEGIN_DECLS

typedef struct {
  const char *name;
  GArray *samples; /* double */
} BenchSeries;

BenchSeries *bench_series_new (const char *name);
void bench_series_add (BenchSeries *self, double value);
double bench_series_median (BenchSeries *self);
/* @q: 0 to 1; 0 when there are no samples. */
double bench_series_quantile (BenchSeries *self, double q);
/* The half width of the middle half of the samples, as a fraction of the median. */
double bench_series_spread (BenchSeries *self);
void bench_series_free (BenchSeries *self);
/* One line: both medians with spreads, and the median of the ratios of paired samples with theirs. */
void bench_report (const char *what, BenchSeries *ours, BenchSeries *floor, const char *unit);

double bench_now_us (void);         /* monotonic */
double bench_own_cpu_us (void);     /* of this thread */
/* CPU time of all threads of a process, from the scheduler's own nanosecond counts (/proc/PID/task/TID/schedstat). */
double bench_process_cpu_us (GPid pid);
gsize bench_process_rss_bytes (GPid pid);

/* A new folder in @in, or in the one for temporary files. (transfer full) */
char *bench_folder_new (const char *in);
/* Removes it with all that is in it. */
void bench_folder_remove (const char *path);

typedef struct {
  GPid pid;
  guint16 port;
  int stdin_fd;
  int stdout_fd;
} BenchProcess;

/* Starts a server and reads the port it says; ends the benchmark with a message when it cannot. */
BenchProcess *bench_process_start (const char *const *argv);
void bench_process_stop (BenchProcess *self); /* SIGTERM, then waits */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchSeries, bench_series_free)

G_END_DECLS
