/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The durable part of a source's grain: what is published goes to the journal first, and to the feeds and the publisher's answer when it is there;
 * at activation, and for a feed that missed something, what is in the journal comes again. On the grain's lane.
 *
 * Order. Batches get their sequences when they are posted to the log, which takes them in that order or not at all; several are out at a time. One that
 * is not taken takes with it all that were posted after it; until the last of them is answered nothing new is taken, and then their sequences
 * are free again.
 *
 * Activation: trim nothing (answered after all that an activation before this one still had out), hold what is not in a checkpoint, claim, get the
 * checkpoint, and scan what the log has since then for sequences and producers. It is active meanwhile, so that its status can be asked for; publishers
 * are told UNAVAILABLE. Whatever fails begins all of it again after a while. Then it is open, although its feeds may have far to go. But before anything gets
 * a number each feed has told which it has: a log that lost its end would give numbers a second time, and feeds would take the events for repeats.
 *
 * Rejected: deferring the activation until the replay is over (its time limit, and a
 * status that cannot be asked for), publishers that wait for the replay (nothing in it can refuse their events), telling publishers OK before
 * the flush with an option to do so (then it is not durable: leave `"durable"` out).
 */
#define G_LOG_DOMAIN "synoptic-source"

#include "syn-event-codec.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-silo-journal.h"
#include "syn-source-durable-private.h"

#define RETRY_MS 1000      /* after an error of the journal */
#define FEED_RETRY_MS 200  /* after one of a feed */
#define CHECK_MS 5000      /* the first look whether a checkpoint is due */
#define CHECKPOINT_EVENTS (1u << 20)
#define MARK_EVENTS 65536u /* between two marks, at first */

/* A batch on its way to the journal. */
typedef struct {
  SynSource *source;    /* (owned) */
  SynMessageList waiting; /* publishers: more than one when a request was sent again meanwhile */
  SynEventBatch *batch; /* (owned) */
  GList link;           /* in out */
} Append;

static SynMetric recovering_metric;

static void start (SynSource *source);

void
syn_source_durable_register_metrics (void)
{
  recovering_metric = syn_metric_register (SYN_METRIC_GAUGE, "source_recovering", "Durable sources that are not open for publishing yet");
  syn_source_replay_register_metrics ();
}

/* ---- errors, and another try ---- */

static void
on_retry (SynTimer *timer, gpointer user_data)
{
  SynSource *source = user_data;

  if (source->durable->stage != SYN_DURABLE_OPEN)
    start (source);
  else if (source->durable->must_trim)
    syn_source_durable_find_first (source);
  else
    syn_source_replay_begin (source);
}

void
syn_source_durable_fail (SynSource *source, char *message)
{
  SynDurable *self = source->durable;

  syn_source_set_error (source, message);
  self->in_pass = FALSE;
  for (guint i = 0; i < source->n_feeds; i++)
    if (source->feeds[i].state == SYN_FEED_REPLAYED)
      source->feeds[i].state = SYN_FEED_BEHIND;
  syn_lane_arm (source->lane, &self->retry, RETRY_MS, on_retry, source);
}

/* FALSE: something failed, and it is tried again. The reference of the request is given back in any case. */
gboolean
syn_source_durable_came_well (SynSource *source, SynJournalRequest *answer)
{
  SynDurable *self = source->durable;
  gboolean closed = source->closed;

  if (!closed && answer->error != NULL)
    {
      /* What a pass wanted next has gone meanwhile: where does the log begin now? */
      self->must_trim = g_error_matches (answer->error, SYN_ERROR, SYN_ERROR_NOT_FOUND);
      if (g_error_matches (answer->error, SYN_ERROR, SYN_ERROR_INTERNAL))
        syn_source_durable_fail (source, g_strdup_printf ("%s" SYN_DURABLE_REMEDY, answer->error->message));
      else
        syn_source_durable_fail (source, g_strdup (answer->error->message));
    }
  syn_source_unref (source);
  return !closed && answer->error == NULL;
}

static SynJournalRequest *
ask (SynSource *source, SynJournalVerb verb, SynJournalFunc func)
{
  source->ref_count++;
  return syn_journal_request_new (source->lane, verb, source->durable->partition, func, source);
}

static void
submit_named (SynSource *source, SynJournalRequest *request)
{
  request->name = g_strdup_printf (SYN_SOURCE_GRAIN "/%s", source->spec->name);
  syn_journal_submit (source->durable->journal, request);
}

/* ---- activation ---- */

static void
checkpoint_got (SynJournalRequest *answer, gpointer user_data)
{
  SynSource *source = user_data;
  SynDurable *self = source->durable;

  if (!syn_source_durable_came_well (source, answer))
    return;
  if (answer->note != NULL)
    g_warning ("source \"%s\": %s", source->spec->name, answer->note);
  if (answer->bytes != NULL && !syn_source_checkpoint_load (source, answer))
    {
      /* Whole by its checksum, and yet not ours: of another version. What is in the log says the same, as far as it goes back. */
      g_warning ("source \"%s\": its checkpoint as of record %" G_GUINT64_FORMAT " of partition %u is none that this version knows", source->spec->name,
                 answer->sequence, self->partition);
    }
  self->stage = SYN_DURABLE_SCANNING;
  self->cursor = MAX (self->record + 1, self->first);
  syn_source_durable_go_on (source);
}

static void
claimed (SynJournalRequest *answer, gpointer user_data)
{
  SynSource *source = user_data;

  source->durable->limit = answer->sequence;
  if (syn_source_durable_came_well (source, answer))
    submit_named (source, ask (source, SYN_JOURNAL_GET_CHECKPOINT, checkpoint_got));
}

static void
held (SynJournalRequest *answer, gpointer user_data)
{
  SynSource *source = user_data;

  if (!syn_source_durable_came_well (source, answer))
    return;
  source->ref_count++;
  syn_journal_log_claim (source->durable->log, claimed, source);
}

static void
trimmed (SynJournalRequest *answer, gpointer user_data)
{
  SynSource *source = user_data;
  SynDurable *self = source->durable;
  SynJournalRequest *request;
  guint64 first = answer->sequence;

  if (!syn_source_durable_came_well (source, answer))
    return;
  self->first = MAX (first, 1);
  self->must_trim = FALSE;
  if (self->stage == SYN_DURABLE_OPEN)
    {
      syn_source_replay_begin (source);
      return;
    }
  request = ask (source, SYN_JOURNAL_HOLD, held);
  request->sequence = self->first;
  submit_named (source, request);
}

void
syn_source_durable_find_first (SynSource *source)
{
  syn_journal_submit (source->durable->journal, ask (source, SYN_JOURNAL_TRIM, trimmed));
}

void
syn_source_durable_open (SynSource *source)
{
  SynDurable *self = source->durable;

  self->stage = SYN_DURABLE_OPEN;
  self->posted = source->sequence;
  syn_source_set_error (source, NULL);
  syn_source_durable_take (source);
  syn_lane_arm (source->lane, &self->check, CHECK_MS, syn_source_checkpoint_on_check, source);
}

static const SynFeed *
find_untold (SynSource *source)
{
  for (guint i = 0; i < source->n_feeds; i++)
    if (!source->feeds[i].has_told)
      return &source->feeds[i];
  return NULL;
}

void
syn_source_durable_take (SynSource *source)
{
  SynDurable *self = source->durable;

  if (self->taking || find_untold (source) != NULL)
    return;
  if (self->must_put)
    {
      if (!self->putting)
        syn_source_checkpoint_put (source);
      return;
    }
  self->taking = TRUE;
  syn_metric_add (source->lane, recovering_metric, -1);
}

void
syn_source_durable_raise (SynSource *source, SynFeed *feed, guint64 newest)
{
  SynDurable *self = source->durable;

  if (self->taking || newest <= source->sequence)
    return;
  g_warning ("source \"%s\": partition %u of the journal: it ends with event %" G_GUINT64_FORMAT ", and %s/%s has events up to %" G_GUINT64_FORMAT
             ": numbers go on above; events %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT " are lost to those that have not taken them",
             source->spec->name, self->partition, source->sequence, feed->type, feed->key, newest, source->sequence + 1, newest);
  source->sequence = self->posted = self->lost_end = newest;
  self->must_put = TRUE;
}

/* Each step begins when the one before has been answered. */
static void
start (SynSource *source)
{
  SynDurable *self = source->durable;

  self->stage = SYN_DURABLE_STARTING;
  self->n_replayed = 0;
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_clear_pointer (&self->ahead, g_ptr_array_unref);
  source->sequence = self->known = self->record = self->put_sequence = self->put_record = 0;
  g_array_set_size (self->marks, 0);
  self->mark_events = MARK_EVENTS;
  g_clear_pointer (&source->producers, syn_producers_free);
  source->producers = syn_producers_new ();
  for (guint i = 0; i < source->n_feeds; i++)
    {
      source->feeds[i].state = SYN_FEED_BEHIND;
      source->feeds[i].has_told = FALSE;
    }
  syn_source_durable_find_first (source);
}

gboolean
syn_source_durable_start (SynSource *source, GError **error)
{
  SynJournal *journal = syn_silo_get_journal (syn_lane_get_silo (source->lane));
  SynDurable *self;

  if (journal == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" is durable, and there is no journal", source->spec->name);
      return FALSE;
    }
  self = source->durable = g_new0 (SynDurable, 1);
  self->source = source;
  self->journal = journal;
  self->partition = syn_partition_of (SYN_SOURCE_GRAIN, source->spec->name);
  self->log = syn_journal_get_log (journal, source->lane, self->partition);
  self->marks = g_array_new (FALSE, FALSE, sizeof (SynMark));
  source->epoch = SYN_DURABLE_EPOCH;
  syn_metric_add (source->lane, recovering_metric, 1);
  start (source);
  return TRUE;
}

/* ---- publishing ---- */

static void
answer_all (Append *append, SynPublished *published, const GError *error)
{
  SynMessage *message;

  while ((message = syn_message_list_pop (&append->waiting)) != NULL)
    if (error != NULL)
      syn_message_fail (message, error);
    else
      syn_source_answer (message, g_memdup2 (published, sizeof *published));
}

static void
taken (SynSource *source, Append *append)
{
  SynDurable *self = source->durable;
  SynEventBatch *batch = append->batch;
  SynPublished published = { .accepted = syn_event_batch_get_n_events (batch), .sequence = syn_event_batch_get_last_sequence (batch) };
  SynAcknowledgement ack = { .accepted = published.accepted, .sequence = published.sequence };
  const char *producer = syn_event_batch_get_producer (batch, &ack.number);

  self->record = syn_event_batch_get_origin (batch)->record;
  source->sequence = published.sequence;
  if (producer != NULL)
    syn_producers_acknowledge (source->producers, producer, &ack);
  syn_source_checkpoint_add_mark (self, syn_event_batch_get_first_sequence (batch), self->record);
  g_clear_pointer (&self->refusal, g_free);
  if (!self->in_pass && source->error != NULL)
    syn_source_set_error (source, NULL);
  answer_all (append, &published, NULL);
  syn_source_count (source, batch);
  syn_source_hand_out (source, g_steal_pointer (&append->batch), SYN_FEED_LIVE);
  if (source->sequence >= self->put_sequence + CHECKPOINT_EVENTS && syn_source_checkpoint_is_due (source))
    syn_source_checkpoint_put (source);
}

static void
not_taken (SynSource *source, Append *append, const GError *cause)
{
  SynDurable *self = source->durable;
  gboolean fenced = g_error_matches (cause, SYN_ERROR, SYN_JOURNAL_FENCED);
  g_autoptr (GError) error = NULL;

  /* Those after the first fail because it did: what it failed of is the reason of all. */
  if (!self->failing || self->refusal == NULL)
    {
      g_free (self->refusal);
      self->refusal = g_strdup (cause->message);
    }
  self->failing = TRUE;
  if (g_error_matches (cause, SYN_ERROR, SYN_ERROR_OVERLOADED) || g_error_matches (cause, SYN_ERROR, SYN_ERROR_TOO_LARGE))
    error = g_error_copy (cause);
  else
    {
      syn_source_set_error (source, g_strdup (self->refusal));
      error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" takes no durable events now: %s", source->spec->name, self->refusal);
    }
  answer_all (append, NULL, error);
  if (fenced && source->grain != NULL)
    syn_grain_deactivate_soon (source->grain, cause);
}

static void
appended (SynJournalRequest *answer, gpointer user_data)
{
  Append *append = user_data;
  SynSource *source = append->source;
  SynDurable *self = source->durable;

  if (!source->closed)
    {
      g_queue_unlink (&self->out, &append->link);
      if (answer->error == NULL)
        {
          const SynEventOrigin origin = {
            .record = answer->sequence,
            .is_first = self->lost_end != 0 && syn_event_batch_get_first_sequence (append->batch) == self->lost_end + 1,
          };

          syn_event_batch_set_origin (append->batch, &origin);
          taken (source, append);
        }
      else
        not_taken (source, append, answer->error);
      if (self->failing && self->out.length == 0)
        {
          self->failing = FALSE;
          self->posted = source->sequence;
          syn_producers_unpost (source->producers);
        }
    }
  g_clear_pointer (&append->batch, syn_event_batch_unref);
  g_free (append);
  syn_source_unref (source);
}

gboolean
syn_source_durable_is_scanned (SynSource *source)
{
  return source->durable->stage == SYN_DURABLE_OPEN;
}

gboolean
syn_source_durable_is_open (SynSource *source, GError **error)
{
  SynDurable *self = source->durable;

  if (self->stage != SYN_DURABLE_OPEN && source->error != NULL)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" is not recovered yet: %s", source->spec->name, source->error);
  else if (self->stage != SYN_DURABLE_OPEN)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" is recovering: what its journal says of it is being read",
                 source->spec->name);
  else if (!self->taking && find_untold (source) != NULL)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" is recovering: %s/%s has not told yet which events it has",
                 source->spec->name, find_untold (source)->type, find_untold (source)->key);
  else if (!self->taking)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" is recovering: its checkpoint is being written", source->spec->name);
  else if (self->failing)
    g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" takes no durable events now: %s", source->spec->name, self->refusal);
  else if (self->out.length + source->in_flight >= SYN_MAX_BATCHES_IN_FLIGHT)
    g_set_error (error, SYN_ERROR, SYN_ERROR_OVERLOADED, "source \"%s\" has %u batches that are not written or not applied yet", source->spec->name,
                 self->out.length + source->in_flight);
  else
    return TRUE;
  return FALSE;
}

void
syn_source_durable_publish (SynSource *source, SynEventBatch *batch, SynMessage *message)
{
  SynDurable *self = source->durable;
  const SynJournalHead head = {
    .first_sequence = self->posted + 1, .n_events = syn_event_batch_get_n_events (batch), .time_us = syn_lane_real_us (source->lane),
  };
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  Append *append;
  const char *producer;
  guint64 number;

  syn_event_batch_set_epoch (batch, SYN_DURABLE_EPOCH);
  syn_event_batch_set_first_sequence (batch, head.first_sequence, head.time_us);
  bytes = syn_event_codec_encode (batch, &error);
  if (bytes != NULL && g_bytes_get_size (bytes) > SYN_MAX_JOURNAL_RECORD_BYTES)
    g_set_error (&error, SYN_ERROR, SYN_ERROR_TOO_LARGE,
                 "source \"%s\": the events of one request take %" G_GSIZE_FORMAT " bytes in the journal, more than %u: send them in parts",
                 source->spec->name, g_bytes_get_size (bytes), SYN_MAX_JOURNAL_RECORD_BYTES);
  if (error != NULL)
    {
      syn_event_batch_unref (batch);
      syn_message_fail (message, error);
      return;
    }
  producer = syn_event_batch_get_producer (batch, &number);
  if (producer != NULL)
    syn_producers_post (source->producers, producer, number);
  self->posted += head.n_events;
  append = g_new0 (Append, 1);
  append->source = source;
  append->batch = batch;
  append->link.data = append;
  syn_message_list_push (&append->waiting, message);
  g_queue_push_tail_link (&self->out, &append->link);
  source->ref_count++;
  syn_journal_log_append (self->log, source->spec->name, &head, bytes, appended, append);
}

void
syn_source_durable_wait (SynSource *source, const char *producer, guint64 number, SynMessage *message)
{
  for (GList *at = source->durable->out.head; at != NULL; at = at->next)
    {
      Append *append = at->data;
      guint64 other_number;
      const char *other = syn_event_batch_get_producer (append->batch, &other_number);

      if (other_number == number && g_strcmp0 (other, producer) == 0)
        {
          syn_message_list_push (&append->waiting, message);
          return;
        }
    }
  g_assert_not_reached (); /* what is pending is out */
}

/* ---- feeds that are behind ---- */

void
syn_source_durable_feed_done (SynSource *source, SynFeed *feed, gboolean failed)
{
  SynDurable *self = source->durable;

  if (failed && (feed->state == SYN_FEED_LIVE || feed->state == SYN_FEED_REPLAYED))
    feed->state = SYN_FEED_BEHIND;
  syn_source_replay_answer (feed);
  if (feed->state != SYN_FEED_BEHIND || feed->n_out > 0 || self->stage != SYN_DURABLE_OPEN)
    return;
  if (!failed)
    syn_source_replay_begin (source);
  else if (!syn_timer_is_armed (&self->retry))
    syn_lane_arm (source->lane, &self->retry, FEED_RETRY_MS, on_retry, source);
}

void
syn_source_durable_replay (SynSource *source, SynMessage *message)
{
  const SynReplay *replay = syn_message_get_payload (message);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < source->n_feeds; i++)
    {
      SynFeed *feed = &source->feeds[i];

      if (strcmp (feed->type, replay->type) != 0 || strcmp (feed->key, replay->key) != 0)
        continue;
      /* One that is being asked answers as it is now; before it was asked, it will be. */
      if (feed->state != SYN_FEED_ASKED)
        feed->state = SYN_FEED_BEHIND;
      syn_message_list_push (&feed->asking, message);
      syn_source_replay_begin (source);
      return;
    }
  error = g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "source \"%s\" does not feed %s/%s", source->spec->name, replay->type, replay->key);
  syn_message_fail (message, error);
}

/* ---- the end ---- */

void
syn_source_durable_stop (SynSource *source)
{
  SynDurable *self = source->durable;
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE,
                                          "source \"%s\" is being deactivated: whether these events are taken is not known", source->spec->name);

  g_autoptr (GError) gone = g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "source \"%s\" is being deactivated", source->spec->name);

  syn_lane_disarm (source->lane, &self->retry);
  syn_lane_disarm (source->lane, &self->check);
  for (GList *at = self->out.head; at != NULL; at = at->next)
    answer_all (at->data, NULL, error);
  g_queue_init (&self->out);
  for (guint i = 0; i < source->n_feeds; i++)
    while (source->feeds[i].asking.head != NULL)
      syn_message_fail (syn_message_list_pop (&source->feeds[i].asking), gone);
  if (!self->taking)
    syn_metric_add (source->lane, recovering_metric, -1);
  if (self->stage == SYN_DURABLE_OPEN && syn_source_checkpoint_is_due (source))
    syn_source_checkpoint_put (source);
}

void
syn_source_durable_free (SynDurable *self)
{
  if (self == NULL)
    return;
  g_clear_pointer (&self->records, g_ptr_array_unref);
  g_clear_pointer (&self->ahead, g_ptr_array_unref);
  g_array_unref (self->marks);
  g_free (self->refusal);
  g_free (self);
}

void
syn_source_durable_get_status (SynSource *source, SynSourceStatus *status)
{
  SynDurable *self = source->durable;

  status->durable = TRUE;
  status->recovering = !self->taking || syn_source_count_feeds (source, SYN_FEED_LIVE) < source->n_feeds;
  status->replayed = self->n_replayed;
  status->permille = syn_source_replay_get_permille (source);
}
