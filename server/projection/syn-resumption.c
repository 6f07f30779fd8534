/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The events of a partial cannot be told apart any more, so a projection takes it whole or not at all. When projections of a group begin from checkpoints of
 * different age, the events come again from the least of them on, and partials end exactly where some projection's own events end: each of
 * them is then either all known or all new, to every projection. With several sources, partials are of one source alone until all projections are level: two of
 * them may be apart in opposite directions.
 *
 * The windows' clock goes back with the events, to that of the projection furthest behind: what was late then is late again, and nothing else.
 * (Events of several sources interleave by arrival, which a replay does not repeat: what is late across sources may differ.)
 *
 * Ending the activation and beginning a new one instead was rejected: it would lose what sources that are not durable have in the partial's way,
 * and look like a failure. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-resumption.h"
#include "syn-limits.h"
#include "syn-projection-private.h"
#include "syn-source.h"

typedef enum { IDLE, ASKING, REPLAYING } Stage;

struct _SynResumption {
  guint ref_count; /* the owner's, and one for each question */
  gboolean closed;
  SynLane *lane;
  const SynConflationSpec *group;
  const SynResumptionOwner *functions;
  gpointer owner;
  Stage stage;
  guint n_waiting;       /* answers of this round */
  gboolean failed;       /* one of them was an error */
  SynResume **resumes;   /* (owned): of each projection; (nullable) */
  SynProgress *progress; /* (owned): of each input: the least */
  SynWindowClock clock;
  SynMessageList asking; /* answered at the end of this round */
  SynMessageList next;   /* came since: of the next one */
  SynTimer retry;
};

/* What an answer is to. */
typedef struct {
  SynResumption *resumption; /* (owned) */
  guint index;               /* of a projection */
} Question;

static void
resumption_unref (SynResumption *self)
{
  if (--self->ref_count > 0)
    return;
  for (guint i = 0; i < self->group->n_projections; i++)
    g_free (self->resumes[i]);
  g_free (self->resumes);
  g_free (self->progress);
  g_free (self);
}

SynResumption *
syn_resumption_new (SynLane *lane, const SynConflationSpec *group, const SynResumptionOwner *functions, gpointer owner)
{
  gboolean is_durable = FALSE;
  SynResumption *self;

  for (guint i = 0; i < group->common->n_inputs; i++)
    is_durable |= group->common->inputs[i].source->durable;
  if (!is_durable)
    return NULL;
  self = g_new0 (SynResumption, 1);
  self->ref_count = 1;
  self->lane = lane;
  self->group = group;
  self->functions = functions;
  self->owner = owner;
  self->resumes = g_new0 (SynResume *, group->n_projections);
  self->progress = g_new0 (SynProgress, group->common->n_inputs);
  return self;
}

void
syn_resumption_free (SynResumption *self)
{
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "conflation \"%s\" is being deactivated", self->group->name);

  self->closed = TRUE;
  syn_lane_disarm (self->lane, &self->retry);
  while (self->asking.head != NULL)
    syn_message_fail (syn_message_list_pop (&self->asking), error);
  while (self->next.head != NULL)
    syn_message_fail (syn_message_list_pop (&self->next), error);
  resumption_unref (self);
}

static void
on_retry (SynTimer *timer, gpointer user_data)
{
  SynResumption *self = user_data;

  self->stage = IDLE;
  syn_resumption_begin (self);
}

/* The round is not over: all of it once more, after a while. */
static void
begin_later (SynResumption *self)
{
  syn_lane_arm (self->lane, &self->retry, SYN_RECOVERY_RETRY_MS, on_retry, self);
}

/* ---- second: the sources ---- */

static void
replayed (gpointer payload, const GError *error, gpointer user_data)
{
  SynResumption *self = user_data;

  self->failed |= error != NULL;
  if (--self->n_waiting == 0 && !self->closed)
    {
      if (self->failed)
        begin_later (self);
      else
        {
          self->stage = IDLE;
          self->functions->finish (self->owner);
          while (self->asking.head != NULL)
            syn_message_reply (syn_message_list_pop (&self->asking), NULL, NULL);
          if (self->next.head != NULL)
            syn_resumption_begin (self);
        }
    }
  resumption_unref (self);
}

static void
ask_sources (SynResumption *self)
{
  self->stage = REPLAYING;
  self->failed = FALSE;
  for (guint i = 0; i < self->group->common->n_inputs; i++)
    {
      const SynSourceSpec *source = self->group->common->inputs[i].source;
      SynReplay *replay;
      SynCall call = {
        .type = SYN_SOURCE_GRAIN,
        .key = source->name,
        .method = SYN_SOURCE_REPLAY,
        .payload_free = (GDestroyNotify) syn_replay_free,
        .reply = replayed,
        .user_data = self,
      };

      if (!source->durable)
        continue;
      replay = g_new (SynReplay, 1);
      *replay = (SynReplay) { SYN_CONFLATION_GRAIN, g_strdup (self->group->name) };
      call.payload = replay;
      self->ref_count++;
      self->n_waiting++;
      syn_call (self->lane, &call);
    }
}

/* ---- first: the projections ---- */

static gboolean
is_earlier (const SynWindowClock *a, const SynWindowClock *b)
{
  return b->has_newest && (!a->has_newest || a->newest_us < b->newest_us);
}

static guint64
sequence_of (const SynResume *resume, guint input)
{
  return resume->progress[input].epoch == SYN_DURABLE_EPOCH ? resume->progress[input].sequence : 0;
}

static void
conclude (SynResumption *self)
{
  self->clock = self->resumes[0]->clock;
  for (guint i = 0; i < self->group->n_projections; i++)
    {
      const SynResume *resume = self->resumes[i];

      if (is_earlier (&resume->clock, &self->clock))
        self->clock = resume->clock;
      for (guint j = 0; j < resume->n_inputs; j++)
        {
          guint64 sequence = sequence_of (resume, j);

          if (i == 0 || sequence < self->progress[j].sequence)
            self->progress[j] = (SynProgress) { SYN_DURABLE_EPOCH, sequence, resume->progress[j].record };
        }
    }
}

static void
resume_told (gpointer payload, const GError *error, gpointer user_data)
{
  g_autofree Question *question = user_data;
  SynResumption *self = question->resumption;

  g_free (self->resumes[question->index]);
  self->resumes[question->index] = error == NULL ? payload : NULL;
  self->failed |= error != NULL;
  if (--self->n_waiting == 0 && !self->closed)
    {
      if (self->failed)
        begin_later (self);
      else
        {
          conclude (self);
          ask_sources (self);
          self->functions->resume (self->owner);
        }
    }
  resumption_unref (self);
}

void
syn_resumption_begin (SynResumption *self)
{
  SynMessage *message;

  g_return_if_fail (self->stage == IDLE);
  while ((message = syn_message_list_pop (&self->next)) != NULL)
    syn_message_list_push (&self->asking, message);
  self->stage = ASKING;
  self->failed = FALSE;
  self->functions->ask (self->owner);
  for (guint i = 0; i < self->group->n_projections; i++)
    {
      Question *question = g_new (Question, 1);
      const SynCall call = {
        .type = SYN_PROJECTION_GRAIN,
        .key = self->group->projections[i]->name,
        .method = SYN_RESUME_METHOD,
        .reply = resume_told,
        .user_data = question,
      };

      *question = (Question) { self, i };
      self->ref_count++;
      self->n_waiting++;
      syn_call (self->lane, &call);
    }
}

void
syn_resumption_add (SynResumption *self, SynMessage *message)
{
  syn_message_list_push (&self->next, message);
  if (self->stage == IDLE)
    syn_resumption_begin (self);
}

void
syn_resumption_note_gap (SynResumption *self)
{
  if (self->stage == IDLE)
    syn_resumption_begin (self);
}

gboolean
syn_resumption_is_asking (const SynResumption *self)
{
  return self->stage == ASKING;
}

const SynProgress *
syn_resumption_get_progress (const SynResumption *self, guint input)
{
  return &self->progress[input];
}

const SynWindowClock *
syn_resumption_get_clock (const SynResumption *self)
{
  return &self->clock;
}

guint64
syn_resumption_get_seal (const SynResumption *self, guint input, guint64 from)
{
  guint64 seal = 0;

  for (guint i = 0; i < self->group->n_projections; i++)
    {
      guint64 sequence = self->resumes[i] != NULL ? sequence_of (self->resumes[i], input) : 0;

      if (sequence >= from && (seal == 0 || sequence < seal))
        seal = sequence;
    }
  return seal;
}

guint64
syn_resumption_get_newest (const SynResumption *self, guint input)
{
  guint64 newest = 0;

  for (guint i = 0; i < self->group->n_projections; i++)
    if (self->resumes[i] != NULL)
      newest = MAX (newest, sequence_of (self->resumes[i], input));
  return newest;
}

gboolean
syn_resumption_is_behind (const SynResumption *self, const SynProgress *progress)
{
  for (guint i = 0; i < self->group->common->n_inputs; i++)
    if (self->group->common->inputs[i].source->durable && syn_resumption_get_seal (self, i, progress[i].sequence + 1) != 0)
      return TRUE;
  return FALSE;
}
