/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grain "source/NAME": the one place where events get their sequence, and the hand-over of each batch to
 * the projections made from it, or to the conflation of those that share their events. What is published is read whole before any of it counts; a batch is the same
 * immutable object for all. The bound of batches in flight is the back-pressure: a publisher is told
 * OVERLOADED before anything of its request is applied, a file stops being read, a simulator falls behind and
 * catches up.
 *
 * On the grain's lane. Rejected: reading the body on another thread (a lane's turn is what orders requests,
 * and 64 MB take a tenth of a second), telling the publisher only when all projections have applied (they
 * cannot refuse).
 */
#define G_LOG_DOMAIN "synoptic-source"

#include "syn-source-private.h"
#include "syn-batch-reader.h"
#include "syn-event-reader-private.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-metrics.h"
#include "synoptic-source.h"

/* The grains that events go to, server/projection: known by name only. */
#define PROJECTION_GRAIN "projection"
#define CONFLATION_GRAIN "conflation"
#define WARN_INTERVAL_MS 10000

static SynMetric events_metric, batches_metric, refused_metric, repeated_metric, in_flight_metric, errors_metric;

void
syn_publish_free (SynPublish *publish)
{
  g_clear_pointer (&publish->body, g_bytes_unref);
  g_free (publish->producer);
  g_free (publish);
}

void
syn_published_free (SynPublished *published)
{
  g_clear_error (&published->error);
  g_free (published);
}

void
syn_replay_free (SynReplay *replay)
{
  g_free (replay->key);
  g_free (replay);
}

void
syn_source_status_free (SynSourceStatus *status)
{
  g_free (status->error);
  g_free (status);
}

void
syn_source_unref (SynSource *self)
{
  if (--self->ref_count > 0)
    return;
  syn_source_durable_free (self->durable);
  g_clear_pointer (&self->producers, syn_producers_free);
  g_clear_pointer (&self->builder, syn_event_builder_free);
  g_clear_pointer (&self->catalog, syn_catalog_unref);
  g_free (self->feeds);
  g_free (self->error);
  g_free (self);
}

void
syn_source_set_error (SynSource *self, char *error)
{
  if (error != NULL && g_strcmp0 (error, self->error) != 0)
    g_warning ("source \"%s\": %s", self->spec->name, error);
  g_free (self->error);
  self->error = error;
}

/* ---- batches in flight ---- */

struct _SynFlight
{
  SynSource *source; /* (owned) */
  guint n_waiting;
  SynFeedCall calls[]; /* one for each feed that it went to; their source is not owned */
};

static void
warn_apply_error (SynSource *self, const GError *error)
{
  gint64 now_ms = syn_lane_now_ms (self->lane);

  self->n_apply_errors++;
  syn_metric_add (self->lane, errors_metric, 1);
  if (g_error_matches (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE))
    return; /* the silo is draining: nobody will ask for these events */
  if (self->closed || (self->warned_ms != 0 && now_ms - self->warned_ms < WARN_INTERVAL_MS))
    return;
  g_warning ("source \"%s\": a projection did not apply a batch (%" G_GUINT64_FORMAT " such failures): %s",
             self->spec->name, self->n_apply_errors - self->n_apply_errors_said, error->message);
  self->warned_ms = now_ms;
  self->n_apply_errors_said = self->n_apply_errors;
}

static void
applied (gpointer payload, const GError *error, gpointer user_data)
{
  SynFeedCall *call = user_data;
  SynFlight *flight = call->flight;
  SynSource *self = call->source;
  SynFeed *feed = &self->feeds[call->feed];

  if (error != NULL)
    warn_apply_error (self, error);
  feed->n_out--;
  feed->n_replayed_out -= call->replayed;
  if (!self->closed && self->durable != NULL)
    syn_source_durable_feed_done (self, feed, error != NULL);
  if (--flight->n_waiting > 0)
    return;

  g_free (flight);
  self->in_flight--;
  syn_metric_add (self->lane, in_flight_metric, -1);
  if (!self->closed && self->durable != NULL)
    syn_source_durable_go_on (self);
  if (!self->closed && self->kind != NULL && self->kind->acknowledged != NULL)
    self->kind->acknowledged (self, self->state);
  syn_source_unref (self);
}

static gboolean
lacks (const SynFeed *feed, SynEventBatch *batch, SynFeedState state)
{
  return feed->state == state && feed->progress < syn_event_batch_get_last_sequence (batch);
}

void
syn_source_hand_out (SynSource *self, SynEventBatch *batch, SynFeedState state)
{
  guint n_calls = 0;
  SynFlight *flight;

  for (guint i = 0; i < self->n_feeds; i++)
    n_calls += lacks (&self->feeds[i], batch, state);
  if (n_calls == 0)
    {
      syn_event_batch_unref (batch);
      if (self->kind != NULL && self->kind->acknowledged != NULL)
        self->kind->acknowledged (self, self->state);
      return;
    }

  flight = g_malloc0 (sizeof (SynFlight) + n_calls * sizeof (SynFeedCall));
  flight->source = self;
  self->ref_count++;
  self->in_flight++;
  syn_metric_add (self->lane, in_flight_metric, 1);
  for (guint i = 0; i < self->n_feeds; i++)
    {
      SynFeed *feed = &self->feeds[i];
      SynFeedCall *of = &flight->calls[flight->n_waiting];
      const SynCall call = {
        .type = feed->type,
        .key = feed->key,
        .method = SYN_APPLY_METHOD,
        .payload = batch,
        .payload_free = (GDestroyNotify) syn_event_batch_unref,
        .reply = applied,
        .user_data = of,
      };

      if (!lacks (feed, batch, state))
        continue;
      *of = (SynFeedCall){ .source = self, .flight = flight, .feed = i, .replayed = state == SYN_FEED_REPLAYED };
      feed->progress = syn_event_batch_get_last_sequence (batch);
      feed->n_out++;
      feed->n_replayed_out += of->replayed;
      flight->n_waiting++;
      syn_event_batch_ref (batch);
      syn_call (self->lane, &call);
    }
  syn_event_batch_unref (batch);
}

void
syn_source_count (SynSource *self, SynEventBatch *batch)
{
  syn_metric_add (self->lane, events_metric, syn_event_batch_get_n_events (batch));
  syn_metric_add (self->lane, batches_metric, 1);
}

void
syn_source_deliver (SynSource *self, SynEventBatch *batch)
{
  syn_event_batch_set_epoch (batch, self->epoch);
  syn_event_batch_set_first_sequence (batch, self->sequence + 1, syn_lane_real_us (self->lane));
  self->sequence += syn_event_batch_get_n_events (batch);
  syn_source_count (self, batch);
  syn_source_hand_out (self, batch, SYN_FEED_LIVE);
}

/* ---- messages ---- */

static gboolean
read_body (SynSource *self, const SynPublish *publish, SynReadPlace *place, GError **error)
{
  g_autoptr (SynEventReader) reader = syn_event_reader_new (self->spec, publish->format, TRUE);
  gsize length;
  const char *text = g_bytes_get_data (publish->body, &length);

  syn_event_reader_set_max_events (reader, SYN_MAX_EVENTS_PER_BATCH);
  return syn_event_reader_feed (reader, self->builder, text != NULL ? text : "", length, place, error)
         && syn_event_reader_finish (reader, self->builder, place, error);
}

static void fail (SynMessage *message, int code, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
fail (SynMessage *message, int code, const char *format, ...)
{
  g_autoptr (GError) error = NULL;
  va_list args;

  va_start (args, format);
  error = g_error_new_valist (SYN_ERROR, code, format, args);
  va_end (args);
  syn_message_fail (message, error);
}

/* To a grain, which has no place of its own to show: it stands in the message. Takes @published. */
static void
reply_receipt (SynMessage *message, SynPublished *published)
{
  SynReceipt *receipt;

  if (published->error != NULL)
    {
      if (published->place.line > 0)
        g_prefix_error (&published->error, "line %" G_GUINT64_FORMAT ", column %u: ", published->place.line, published->place.column);
      syn_message_fail (message, published->error);
    }
  else
    {
      receipt = g_new (SynReceipt, 1);
      *receipt = (SynReceipt) { published->accepted, published->sequence };
      syn_message_reply (message, receipt, g_free);
    }
  syn_published_free (published);
}

void
syn_source_answer (SynMessage *message, SynPublished *published)
{
  const SynPublish *publish = syn_message_get_payload (message);

  if (publish->wants_receipt)
    reply_receipt (message, published);
  else
    syn_message_reply (message, published, (GDestroyNotify) syn_published_free);
}

/* A request that its producer has numbered. TRUE: it is the next one. FALSE: it has been answered, or will be. */
static gboolean
is_next_request (SynSource *self, const char *producer, guint64 number, SynMessage *message)
{
  SynAcknowledgement ack;
  SynPublished *published;

  switch (syn_producers_judge (self->producers, producer, number, &ack))
    {
    case SYN_REQUEST_NEXT:
      return TRUE;
    case SYN_REQUEST_KNOWN:
      published = g_new0 (SynPublished, 1);
      published->accepted = ack.accepted;
      published->sequence = ack.sequence;
      syn_metric_add (self->lane, repeated_metric, 1);
      syn_source_answer (message, published);
      break;
    case SYN_REQUEST_PENDING:
      syn_metric_add (self->lane, repeated_metric, 1);
      syn_source_durable_wait (self, producer, number, message);
      break;
    case SYN_REQUEST_TOO_OLD:
      syn_metric_add (self->lane, refused_metric, 1);
      fail (message, SYN_ERROR_CONFLICT,
            "producer \"%s\": request %" G_GUINT64_FORMAT " was taken before; the last one taken is %" G_GUINT64_FORMAT
            ", and only of the last %u the answer is known",
            producer, number, ack.number, SYN_PRODUCER_WINDOW);
      break;
    case SYN_REQUEST_TOO_NEW:
      syn_metric_add (self->lane, refused_metric, 1);
      fail (message, SYN_ERROR_CONFLICT,
            "producer \"%s\": request %" G_GUINT64_FORMAT " came before the one that it follows; the last one taken is %" G_GUINT64_FORMAT,
            producer, number, ack.number);
      break;
    }
  return FALSE;
}

static gboolean
is_open (SynSource *self, GError **error)
{
  if (self->durable != NULL)
    return syn_source_durable_is_open (self, error);
  if (self->in_flight < SYN_MAX_BATCHES_IN_FLIGHT)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_OVERLOADED, "source \"%s\" has %u batches that are not applied yet", self->spec->name,
               self->in_flight);
  return FALSE;
}

/* What was read counts: now, or when it is in the journal. */
static void
accept (SynSource *self, SynEventBatch *batch, SynMessage *message)
{
  SynPublished *published;
  SynAcknowledgement ack;
  const char *producer = syn_event_batch_get_producer (batch, &ack.number);

  if (self->durable != NULL)
    {
      syn_source_durable_publish (self, batch, message);
      return;
    }
  published = g_new0 (SynPublished, 1);
  ack.accepted = published->accepted = syn_event_batch_get_n_events (batch);
  ack.sequence = published->sequence = self->sequence + published->accepted;
  if (producer != NULL)
    syn_producers_acknowledge (self->producers, producer, &ack);
  syn_source_deliver (self, batch);
  syn_source_answer (message, published);
}

/* The answer to what had no event, or (with @published->error) cannot be read. Takes @published. */
static void
answer_without_events (SynSource *self, SynPublished *published, SynMessage *message)
{
  if (published->error != NULL)
    syn_metric_add (self->lane, refused_metric, 1);
  else
    memset (&published->place, 0, sizeof published->place);
  published->sequence = self->sequence;
  syn_source_answer (message, published);
}

/* Whether a request may be read, and its number, if it has one, says that it is to be. FALSE: it is answered, or will be. */
static gboolean
is_wanted (SynSource *self, const char *producer, guint64 number, SynMessage *message)
{
  g_autoptr (GError) error = NULL;

  if (producer != NULL && (self->durable == NULL || syn_source_durable_is_scanned (self)) && !is_next_request (self, producer, number, message))
    return FALSE;
  if (is_open (self, &error))
    return TRUE;
  syn_metric_add (self->lane, refused_metric, 1);
  syn_message_fail (message, error);
  return FALSE;
}

/* Who laid his events out himself named himself among them. */
static void
receive_batch (SynSource *self, SynMessage *message)
{
  const SynPublish *publish = syn_message_get_payload (message);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (SynPublished) published = g_new0 (SynPublished, 1);
  const char *producer;
  guint64 number;

  if (!syn_batch_reader_read (self->spec, publish->body, &batch, &published->place, &published->error) || batch == NULL)
    {
      answer_without_events (self, g_steal_pointer (&published), message);
      return;
    }
  producer = syn_event_batch_get_producer (batch, &number);
  if (is_wanted (self, producer, number, message))
    accept (self, g_steal_pointer (&batch), message);
}

static void
receive_text (SynSource *self, SynMessage *message)
{
  const SynPublish *publish = syn_message_get_payload (message);
  g_autoptr (SynPublished) published = g_new0 (SynPublished, 1);
  SynEventBatch *batch;

  if (!is_wanted (self, publish->producer, publish->number, message))
    return;
  if (g_bytes_get_size (publish->body) > SYN_MAX_BODY_BYTES) /* the front stops earlier */
    {
      syn_metric_add (self->lane, refused_metric, 1);
      fail (message, SYN_ERROR_TOO_LARGE, "%" G_GSIZE_FORMAT " bytes of events; at most %u are taken at once",
            g_bytes_get_size (publish->body), SYN_MAX_BODY_BYTES);
      return;
    }
  if (!read_body (self, publish, &published->place, &published->error))
    syn_event_builder_reset (self->builder);
  batch = syn_event_builder_take (self->builder);
  if (batch == NULL)
    {
      answer_without_events (self, g_steal_pointer (&published), message);
      return;
    }
  if (publish->producer != NULL)
    syn_event_batch_set_producer (batch, publish->producer, publish->number);
  accept (self, batch, message);
}

static void
receive_publish (SynSource *self, SynMessage *message)
{
  const SynPublish *publish = syn_message_get_payload (message);

  if (self->spec->kind != SYN_SOURCE_HTTP)
    {
      syn_metric_add (self->lane, refused_metric, 1);
      fail (message, SYN_ERROR_INVALID,
            "source \"%s\" is not of kind \"http\": nothing can be published to it", self->spec->name);
    }
  else if (publish->is_batch)
    receive_batch (self, message);
  else
    receive_text (self, message);
}

static void
receive_status (SynSource *self, SynMessage *message)
{
  SynSourceStatus *status = g_new0 (SynSourceStatus, 1);

  status->sequence = self->sequence;
  status->batches_in_flight = self->in_flight;
  status->finished = self->exhausted && self->in_flight == 0;
  status->error = g_strdup (self->error);
  if (self->durable != NULL)
    syn_source_durable_get_status (self, status);
  syn_message_reply (message, status, (GDestroyNotify) syn_source_status_free);
}

static void
source_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  SynSource *self = state;
  int method = syn_message_get_method (message);

  switch (method)
    {
    case SYN_SOURCE_PUBLISH:
      receive_publish (self, message);
      break;
    case SYN_SOURCE_STATUS:
      receive_status (self, message);
      break;
    case SYN_SOURCE_REPLAY:
      if (self->durable != NULL)
        syn_source_durable_replay (self, message);
      else
        fail (message, SYN_ERROR_INVALID, "source \"%s\" is not durable: nothing of it can be replayed", self->spec->name);
      break;
    default:
      fail (message, SYN_ERROR_INVALID, "a source has no method %d", method);
      break;
    }
}

/* ---- the grain ---- */

static const SynSourceClass *
class_of (SynSourceKind kind)
{
  switch (kind)
    {
    case SYN_SOURCE_FILE:
      return &syn_source_file_class;
    case SYN_SOURCE_SIMULATOR:
      return &syn_source_simulator_class;
    case SYN_SOURCE_HOST:
      return &syn_source_host_class;
    case SYN_SOURCE_HTTP:
    default:
      return NULL;
    }
}

static gpointer
source_activate (SynGrain *grain, const char *key, gpointer type_data, GError **error)
{
  SynCatalog *catalog = type_data;
  const SynSourceSpec *spec = syn_catalog_find_source (catalog, key);
  SynSource *self;

  if (spec == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "there is no source \"%s\"", key);
      return NULL;
    }

  self = g_new0 (SynSource, 1);
  self->ref_count = 1;
  self->grain = grain;
  self->lane = syn_grain_get_lane (grain);
  self->catalog = syn_catalog_ref (catalog);
  self->spec = spec;
  self->epoch = syn_grain_get_epoch (grain);
  self->feeds = g_new0 (SynFeed, syn_catalog_get_n_conflations (catalog) + 1);
  for (guint i = 0; i < syn_catalog_get_n_conflations (catalog); i++)
    {
      const SynConflationSpec *group = syn_catalog_get_conflation (catalog, i);

      if (syn_projection_spec_find_input (group->common, spec) >= 0)
        self->feeds[self->n_feeds++] = (SynFeed){ .type = group->direct ? PROJECTION_GRAIN : CONFLATION_GRAIN, .key = group->name };
    }
  self->builder = syn_event_builder_new (spec);
  self->producers = syn_producers_new ();
  if (spec->durable && !syn_source_durable_start (self, error))
    {
      syn_source_unref (self);
      return NULL;
    }
  self->kind = class_of (spec->kind);
  if (self->kind != NULL)
    self->state = self->kind->start (self);
  return self;
}

static void
source_deactivate (SynGrain *grain, gpointer state)
{
  SynSource *self = state;

  if (self->durable != NULL)
    syn_source_durable_stop (self);
  self->closed = TRUE;
  if (self->kind != NULL)
    self->kind->stop (self, g_steal_pointer (&self->state));
  self->grain = NULL;
  syn_source_unref (self);
}

/**
 * syn_sources_register:
 * @catalog: outlives the silo
 *
 * Before the silo starts.
 */
void
syn_sources_register (SynSilo *silo, SynCatalog *catalog)
{
  static const SynGrainType type = {
    .name = SYN_SOURCE_GRAIN,
    .always_on = TRUE,
    .reentrant = TRUE, /* many may wait for the journal */
    .activate = source_activate,
    .receive = source_receive,
    .deactivate = source_deactivate,
  };

  events_metric =
      syn_metric_register (SYN_METRIC_COUNTER, "source_events_total", "Events accepted by sources");
  batches_metric = syn_metric_register (SYN_METRIC_COUNTER, "source_batches_total",
                                        "Batches of events handed to projections");
  refused_metric =
      syn_metric_register (SYN_METRIC_COUNTER, "source_refused_total", "Publish requests that were refused");
  repeated_metric = syn_metric_register (SYN_METRIC_COUNTER, "source_repeated_total",
                                         "Publish requests that came again, and counted once");
  syn_source_durable_register_metrics ();
  in_flight_metric = syn_metric_register (SYN_METRIC_GAUGE, "source_batches_in_flight",
                                          "Batches that some projection, or its conflation, has not taken in yet");
  errors_metric = syn_metric_register (SYN_METRIC_COUNTER, "source_apply_errors_total",
                                       "Batches that a projection did not apply");
  syn_silo_register (silo, &type, catalog);
  for (guint i = 0; i < syn_catalog_get_n_sources (catalog); i++)
    syn_silo_keep (silo, SYN_SOURCE_GRAIN, syn_catalog_get_source (catalog, i)->name);
}
