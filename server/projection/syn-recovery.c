/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A projection asks for what it lacks and is told when it has it: its sources themselves, when it gets its batches from them, or the grain that
 * conflates for its group. Between the two it makes no snapshots: what it could show is older than what others were told is there, and would carry the time of now. A
 * client goes on showing what it has, with its age. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-recovery.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-projection-private.h"
#include "syn-source.h"

typedef enum { IDLE, OUT, FAILED } State;

typedef struct {
  State state;
  gboolean has_gap;   /* something was missed while the question was out: perhaps after it was answered there */
  guint64 replay_end;
} Input;

struct _SynRecovery {
  guint ref_count; /* the owner's, and one for each question */
  gboolean closed;
  SynLane *lane;
  const SynProjectionSpec *spec;
  void (*ended) (gpointer owner);
  gpointer owner;
  Input *inputs;   /* (owned); of a group all durable ones are asked for together */
  guint n_asked;   /* inputs that are not IDLE */
  SynTimer retry;
};

typedef struct {
  SynRecovery *recovery; /* (owned) */
  guint input;           /* of a group: the first durable one */
} Question;

static void ask_failed (SynTimer *timer, gpointer user_data);
static void ask (SynRecovery *self, guint input);

static void
recovery_unref (SynRecovery *self)
{
  if (--self->ref_count > 0)
    return;
  g_free (self->inputs);
  g_free (self);
}

SynRecovery *
syn_recovery_new (SynLane *lane, const SynProjectionSpec *spec, void (*ended) (gpointer owner), gpointer owner)
{
  SynRecovery *self = g_new0 (SynRecovery, 1);

  self->ref_count = 1;
  self->lane = lane;
  self->spec = spec;
  self->ended = ended;
  self->owner = owner;
  self->inputs = g_new0 (Input, spec->n_inputs);
  return self;
}

void
syn_recovery_free (SynRecovery *self)
{
  self->closed = TRUE;
  syn_lane_disarm (self->lane, &self->retry);
  recovery_unref (self);
}

static void
answered (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree Question *question = user_data;
  SynRecovery *self = question->recovery;

  if (!self->closed && error != NULL)
    {
      self->inputs[question->input].state = FAILED;
      if (!syn_timer_is_armed (&self->retry))
        syn_lane_arm (self->lane, &self->retry, SYN_RECOVERY_RETRY_MS, ask_failed, self);
    }
  else if (!self->closed && self->inputs[question->input].has_gap)
    ask (self, question->input);
  else if (!self->closed)
    {
      self->inputs[question->input].state = IDLE;
      if (--self->n_asked == 0)
        self->ended (self->owner);
    }
  recovery_unref (self);
}

static void
ask (SynRecovery *self, guint input)
{
  Question *question = g_new (Question, 1);
  SynCall call = { .reply = answered, .user_data = question };

  *question = (Question) { self, input };
  self->ref_count++;
  self->n_asked += self->inputs[input].state == IDLE;
  self->inputs[input].state = OUT;
  self->inputs[input].has_gap = FALSE;
  if (self->spec->group->direct)
    {
      SynReplay *replay = g_new (SynReplay, 1);

      *replay = (SynReplay) { SYN_PROJECTION_GRAIN, g_strdup (self->spec->name) };
      call.type = SYN_SOURCE_GRAIN;
      call.key = self->spec->inputs[input].source->name;
      call.method = SYN_SOURCE_REPLAY;
      call.payload = replay;
      call.payload_free = (GDestroyNotify) syn_replay_free;
    }
  else
    {
      call.type = SYN_CONFLATION_GRAIN;
      call.key = self->spec->group->name;
      call.method = SYN_RECOVER_METHOD;
    }
  syn_call (self->lane, &call);
}

static void
ask_failed (SynTimer *timer, gpointer user_data)
{
  SynRecovery *self = user_data;

  for (guint i = 0; i < self->spec->n_inputs; i++)
    if (self->inputs[i].state == FAILED)
      ask (self, i);
}

void
syn_recovery_begin (SynRecovery *self, int input)
{
  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      if (!self->spec->inputs[i].source->durable)
        continue;
      if (input < 0 || input == (int) i || !self->spec->group->direct)
        {
          self->inputs[i].has_gap = TRUE;
          if (self->inputs[i].state == IDLE)
            ask (self, i);
        }
      if (!self->spec->group->direct)
        return; /* one question for all */
    }
}

void
syn_recovery_note_end (SynRecovery *self, guint input, guint64 replay_end)
{
  self->inputs[input].replay_end = MAX (self->inputs[input].replay_end, replay_end);
}

gboolean
syn_recovery_is_over (const SynRecovery *self)
{
  return self->n_asked == 0;
}

void
syn_recovery_get_events (const SynRecovery *self, const SynProgress *progress, guint64 *n_events, guint64 *n_all)
{
  *n_events = *n_all = 0;
  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      guint64 n = progress[i].epoch == SYN_DURABLE_EPOCH ? progress[i].sequence : 0;

      if (!self->spec->inputs[i].source->durable)
        continue;
      *n_events += n;
      *n_all += MAX (n, self->inputs[i].replay_end);
    }
}

GError *
syn_recovery_make_error (const SynRecovery *self, const SynProgress *progress)
{
  guint64 n_events, n_all;

  syn_recovery_get_events (self, progress, &n_events, &n_all);
  if (n_all > n_events)
    return g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE,
                        "projection \"%s\" is recovering: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT " events (%u %%)", self->spec->name, n_events,
                        n_all, (guint) ((double) n_events / (double) n_all * 100));
  return g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE,
                      "projection \"%s\" is recovering: %" G_GUINT64_FORMAT " events, and its sources are being asked for what came after", self->spec->name,
                      n_events);
}
