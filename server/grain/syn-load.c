/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How busy a thread is: see syn-load.h. On that thread. */
#define G_LOG_DOMAIN "syn-lane"
#include "syn-load.h"

#include <time.h>

gint64
syn_load_thread_cpu_us (gpointer user_data)
{
  struct timespec now;

  if (clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now) != 0)
    return 0;
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

void
syn_load_begin (SynLoad *self, gint64 now_us, gint64 cpu_us)
{
  *self = (SynLoad) { .window = { .began_us = now_us, .ended_us = now_us }, .seen_us = now_us, .window_cpu_us = cpu_us };
}

static void
end_window (SynLoad *self, gint64 cpu_us)
{
  SynLoadWindow *window = &self->window;
  gint64 awake_us = self->seen_us - window->began_us - window->sleep_us;

  window->ended_us = self->seen_us;
  /* The two clocks are looked at one after the other. */
  window->run_us = CLAMP (cpu_us - self->window_cpu_us, 0, awake_us);
  self->run_us += window->run_us;
  self->past[self->n_windows++ % SYN_LOAD_N_WINDOWS] = *window;
  *window = (SynLoadWindow) { .began_us = self->seen_us, .ended_us = self->seen_us };
  self->window_cpu_us = cpu_us;
}

void
syn_load_set_awake (SynLoad *self, gboolean is_awake, gint64 now_us, SynLoadCpuFunc cpu, gpointer user_data)
{
  gint64 passed_us = MAX (now_us - self->seen_us, 0);

  if (self->is_awake)
    self->awake_us += passed_us;
  else
    self->window.sleep_us += passed_us;
  self->seen_us += passed_us;
  self->is_awake = is_awake;
  if (self->seen_us - self->window.began_us >= SYN_LOAD_WINDOW_US)
    end_window (self, cpu (user_data));
}

gboolean
syn_load_look_back (const SynLoad *self, gint64 span_us, gint64 since_us, SynLoadShare *share)
{
  gint64 all_us = 0, run_us = 0, had_us = 0;

  for (guint i = 1; all_us < span_us; i++)
    {
      const SynLoadWindow *window = &self->past[(self->n_windows - i) % SYN_LOAD_N_WINDOWS];

      if (i > self->n_windows || i > SYN_LOAD_N_WINDOWS || window->began_us < since_us)
        return FALSE;
      all_us += window->ended_us - window->began_us;
      run_us += window->run_us;
      had_us += window->run_us + window->sleep_us;
    }
  /* Nothing could be had: it waited for a core all the time. */
  share->permille = had_us > 0 ? (guint) (run_us * 1000 / had_us) : 1000;
  share->had_permille = all_us > 0 ? (guint) (had_us * 1000 / all_us) : 0;
  return TRUE;
}
