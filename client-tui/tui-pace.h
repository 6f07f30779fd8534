/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define TUI_PACE_UNANSWERED_MAX 3 /* frames without an answer before a terminal counts as one that never answers */

/**
 * TuiPace:
 * @has_answered: the terminal has said once that it showed a frame
 * @n_unanswered: frames in a row that it said nothing of
 * @is_mute: it cannot even be asked
 *
 * Whether the terminal is asked after each frame if it has shown it. All 0 at first. One that answered once is asked for ever: when it is
 * silent it is slow, and more frames would be of no help. Main thread.
 */
typedef struct {
  gboolean has_answered;
  guint n_unanswered;
  gboolean is_mute;
} TuiPace;

static inline gboolean
tui_pace_is_asking (const TuiPace *self)
{
  return !self->is_mute && (self->has_answered || self->n_unanswered < TUI_PACE_UNANSWERED_MAX);
}

static inline void
tui_pace_answered (TuiPace *self)
{
  self->has_answered = TRUE;
  self->n_unanswered = 0;
}

/* The time for an answer is over. */
static inline void
tui_pace_timed_out (TuiPace *self)
{
  if (tui_pace_is_asking (self))
    self->n_unanswered++;
}

G_END_DECLS
