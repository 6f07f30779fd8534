/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* How busy a thread is: of the time that it could have had, how much it ran. Two clocks tell, in windows of half a second: its own poll() says when it
 * slept (two looks at the monotonic clock an iteration), and the CPU clock of the thread, looked at once a window, how much of the rest it ran. What is
 * neither was taken by others, processes or threads: that is no time of the thread's, and counts neither as busy nor as idle.
 *
 *   share = ran / (ran + slept)
 *
 * So whoever has the other half of its core does not make a thread look busy that has little to do; and one that has more to do than it gets never
 * sleeps, and is at 1 however little it gets.
 *
 * Rejected: awake / window (any busy neighbour makes it 1), ran / window (a thread that is drowning in half a core is at 0.5), and the
 * scheduler's own count of waiting for a core (/proc/…/schedstat: a file to be read, and not everywhere; it would add what passes between a wake-up and
 * the first instruction, which here counts as sleep: who sleeps at all is not drowning). */

G_BEGIN_DECLS

#define SYN_LOAD_WINDOW_US 500000 /* at least so long; one ends when the thread next falls asleep or wakes */
#define SYN_LOAD_N_WINDOWS 16     /* those that are remembered */

typedef struct _SynLoadWindow {
  gint64 began_us, ended_us;
  gint64 run_us;   /* on a core */
  gint64 sleep_us; /* in poll() */
} SynLoadWindow;

/* Over some windows together. */
typedef struct _SynLoadShare {
  guint permille;       /* run, of what could be had */
  guint had_permille;   /* what could be had, of the time: the rest was others' */
} SynLoadShare;

typedef struct _SynLoad {
  SynLoadWindow window;   /* that runs; up to @seen_us, and without run_us yet */
  gint64 seen_us;         /* up to when it is accounted for */
  gint64 window_cpu_us;   /* the CPU clock when it began */
  gint64 awake_us;        /* since the beginning: not in poll() */
  gint64 run_us;          /* since the beginning, up to the last window */
  guint n_windows;        /* that have ended: a new one has something new to say */
  gboolean is_awake;
  SynLoadWindow past[SYN_LOAD_N_WINDOWS]; /* a ring: number n at n mod its length */
} SynLoad;

/* The thread's own CPU time, in µs. Called from that thread. */
typedef gint64 (*SynLoadCpuFunc) (gpointer user_data);
gint64 syn_load_thread_cpu_us (gpointer user_data);

/* On the thread whose load it is, as all of these. */
void syn_load_begin (SynLoad *self, gint64 now_us, gint64 cpu_us);
/* It falls asleep, or wakes. @cpu: asked when a window ends. */
void syn_load_set_awake (SynLoad *self, gboolean is_awake, gint64 now_us, SynLoadCpuFunc cpu, gpointer user_data);
/* Over the last windows, as many as make @span_us together. FALSE: there are not so many that began at @since_us or later. */
gboolean syn_load_look_back (const SynLoad *self, gint64 span_us, gint64 since_us, SynLoadShare *share);

G_END_DECLS
