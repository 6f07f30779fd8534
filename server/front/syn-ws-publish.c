/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a WebSocket publishes: batches of events, to their sources. On the connection's lane.
 *
 * A batch names its source; it goes there as it came (at an edge: to the upstream, `beacon/syn-upstream-publish.c`), in the memory that it was received in, and is checked and read there, in the
 * order in which it came. Here only what is needed to find the source is looked at. A publication outlives its connection: what was accepted stays so, whoever
 * hears of it. Rejected: checking batches here, on another lane than the source's (a repeated or refused request is known there without
 * a look at its events, and requests of one source want one order). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-error.h"
#include "syn-source.h"
#include "syn-upstream.h"
#include "syn-ws-private.h"

#include <string.h>

#define PUBLISH_TIMEOUT_MS 30000

G_STATIC_ASSERT (REPLICA_WIRE_BATCH_MAX_BYTES == SYN_MAX_BODY_BYTES && REPLICA_WIRE_BATCH_MAX_EVENTS == SYN_MAX_EVENTS_PER_BATCH);

struct _SynWsPublish
{
  SynWsPublish *next, **pprev; /* among the connection's */
  SynWsConn *conn;             /* NULL: gone */
  SynUploads *uploads;         /* (owned) */
  gsize counted;               /* in @uploads */
  guint32 request;
  char key[SYN_MAX_NAME_BYTES + 1]; /* the source's name: outlives the call */
};

/* ---- answers ---- */

static guint
cut_text (const char *text, gsize max)
{
  gsize length = strlen (text);

  while (length > max || (length > 0 && length < strlen (text) && ((guint8) text[length] & 0xc0) == 0x80))
    length--;
  return (guint) length;
}

/* @retry_ms: 0: the usual time, where the error has one. */
static void
send_refused (SynWsConn *conn, guint32 request, const GError *error, const SynReadPlace *place, guint retry_ms)
{
  guint8 frame[SYN_WS_HEAD_MAX + sizeof (ReplicaWireRefusedHead) + sizeof place->field + SYN_WS_MESSAGE_MAX];
  int code = syn_http_error_code (error);
  ReplicaWireRefusedHead head = {
    .type = REPLICA_WIRE_REFUSED, .code = (guint16) code, .request = request,
    .retry_ms = retry_ms > 0 || (code != SYN_ERROR_OVERLOADED && code != SYN_ERROR_UNAVAILABLE) ? retry_ms : syn_http_retry_ms (),
    .event = place != NULL ? (guint32) place->line : 0,
    .field_bytes = place != NULL ? (guint32) strlen (place->field) : 0,
    .message_bytes = cut_text (error->message, SYN_WS_MESSAGE_MAX),
  };
  guint n = syn_ws_frame_head (frame, SYN_WS_OPCODE_BINARY, sizeof head + head.field_bytes + head.message_bytes);

  memcpy (frame + n, &head, sizeof head);
  n += sizeof head;
  if (head.field_bytes > 0)
    memcpy (frame + n, place->field, head.field_bytes);
  n += head.field_bytes;
  memcpy (frame + n, error->message, head.message_bytes);
  syn_metric_add (conn->lane->lane, syn_ws_metrics.errors, 1);
  syn_ws_conn_send (conn, frame, n + head.message_bytes, NULL);
}

static void
send_published (SynWsConn *conn, guint32 request, guint64 accepted, guint64 sequence)
{
  guint8 frame[SYN_WS_HEAD_MAX + sizeof (ReplicaWirePublished)];
  const ReplicaWirePublished message = {
    .type = REPLICA_WIRE_PUBLISHED, .request = request, .accepted = accepted, .sequence = sequence,
  };
  guint n = syn_ws_frame_head (frame, SYN_WS_OPCODE_BINARY, sizeof message);

  memcpy (frame + n, &message, sizeof message);
  syn_ws_conn_send (conn, frame, n + sizeof message, NULL);
}

static void
refuse (SynWsConn *conn, guint32 request, int code, const char *message)
{
  const GError error = { SYN_ERROR, code, (char *) message };

  send_refused (conn, request, &error, NULL, 0);
}

/* ---- publications that are out ---- */

static void
unlink_publish (SynWsPublish *self)
{
  if (self->next != NULL)
    self->next->pprev = self->pprev;
  *self->pprev = self->next;
  self->conn->n_publishes--;
  self->conn = NULL;
}

static SynWsPublish *
publish_new (SynWsConn *conn, guint32 request, gsize counted)
{
  SynWsPublish *self = g_new0 (SynWsPublish, 1);

  self->conn = conn;
  self->uploads = syn_uploads_ref (conn->uploads);
  self->counted = counted;
  self->request = request;
  self->next = conn->publishes;
  if (self->next != NULL)
    self->next->pprev = &self->next;
  self->pprev = &conn->publishes;
  conn->publishes = self;
  conn->n_publishes++;
  return self;
}

/* Its answer is here: gives back what it held, takes it from its connection, and returns that; NULL: it is gone. */
static SynWsConn *
publish_end (SynWsPublish *self)
{
  SynWsConn *conn = self->conn;

  syn_uploads_give_back (self->uploads, self->counted);
  if (conn != NULL)
    unlink_publish (self);
  return conn;
}

static void
publish_free (SynWsPublish *self)
{
  syn_uploads_unref (self->uploads);
  g_free (self);
}

static void
published (gpointer payload, const GError *error, gpointer user_data)
{
  SynWsPublish *self = user_data;
  SynWsConn *conn = publish_end (self);
  SynPublished *answer = payload;

  if (conn != NULL)
    {
      if (error != NULL)
        send_refused (conn, self->request, error, NULL, 0);
      else if (answer->error != NULL)
        send_refused (conn, self->request, answer->error, &answer->place, 0);
      else
        send_published (conn, self->request, answer->accepted, answer->sequence);
      syn_ws_conn_go_on (conn);
    }
  g_clear_pointer (&answer, syn_published_free);
  publish_free (self);
}

static void
free_publish_payload (gpointer payload)
{
  syn_publish_free (payload);
}

/* Takes @batch. */
static void
hand_on (SynWsConn *conn, guint32 request, const char *source, GBytes *batch, gsize counted)
{
  SynLane *lane = conn->lane->lane;
  SynWsPublish *self = publish_new (conn, request, counted);
  SynPublish *publish = g_new0 (SynPublish, 1);
  SynCall call = {
    .type = SYN_SOURCE_GRAIN,
    .key = self->key,
    .method = SYN_SOURCE_PUBLISH,
    .payload = publish,
    .payload_free = free_publish_payload,
    .timeout_ms = PUBLISH_TIMEOUT_MS,
    .reply = published,
    .user_data = self,
  };

  publish->body = batch;
  publish->is_batch = TRUE;
  g_strlcpy (self->key, source, sizeof self->key);
  syn_call (lane, &call);
}

static void
passed_on (const SynUpstreamReceipt *receipt, gpointer user_data)
{
  SynWsPublish *self = user_data;
  SynWsConn *conn = publish_end (self);

  if (conn != NULL)
    {
      SynLane *lane = conn->lane->lane;
      SynReadPlace place = { .line = receipt->event };

      if (receipt->field != NULL && strlen (receipt->field) < sizeof place.field) /* not cut within a character */
        g_strlcpy (place.field, receipt->field, sizeof place.field);
      syn_metric_add (lane, syn_ws_metrics.passed_on, 1);
      if (!receipt->is_answered)
        syn_metric_add (lane, syn_ws_metrics.not_passed_on, 1);
      if (receipt->error == NULL)
        send_published (conn, self->request, receipt->accepted, receipt->sequence);
      else
        send_refused (conn, self->request, receipt->error, &place, receipt->retry_ms);
      syn_ws_conn_go_on (conn);
    }
  publish_free (self);
}

/* Takes @batch. Whatever is wrong with it, its owner says. */
static void
pass_on (SynWsConn *conn, SynUpstream *upstream, guint32 request, GBytes *batch, gsize counted)
{
  /* What comes over one connection stays in order, wherever that is in memory. */
  guint stream = (guint) (GPOINTER_TO_SIZE (conn) / sizeof *conn);

  syn_upstream_publish (upstream, conn->lane->lane, stream, batch, passed_on, publish_new (conn, request, counted));
}

/* The name of the source that a batch is for, into @name; FALSE: it says none that could be one. All else of it is checked by the source. */
static gboolean
read_source (const guint8 *batch, gsize length, char name[SYN_MAX_NAME_BYTES + 1])
{
  ReplicaWireSnapshot head;

  if (length < sizeof head)
    return FALSE;
  memcpy (&head, batch, sizeof head);
  if (head.magic != REPLICA_WIRE_MAGIC || head.path_bytes == 0 || head.path_bytes > SYN_MAX_NAME_BYTES || head.path_offset > length
      || head.path_bytes > length - head.path_offset)
    return FALSE;
  memcpy (name, batch + head.path_offset, head.path_bytes);
  name[head.path_bytes] = '\0';
  return strlen (name) == head.path_bytes && g_utf8_validate (name, -1, NULL);
}

gboolean
syn_ws_conn_publish (SynWsConn *self, const SynWsEvent *event)
{
  SynUploads *uploads = self->uploads;
  gsize counted = self->counted, batch_bytes;
  char name[SYN_MAX_NAME_BYTES + 1];
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) whole = NULL, batch = NULL;
  ReplicaWirePublish head;
  SynUpstream *upstream;
  guint8 *own;

  self->counted = 0; /* it is this publication's now, or nobody's */
  if (event->length < sizeof head)
    {
      syn_uploads_give_back (uploads, counted);
      return FALSE;
    }
  memcpy (&head, event->data, sizeof head);
  batch_bytes = event->length - sizeof head;
  if (memcmp (head.reserved0, "\0\0", 3) != 0 || head.reserved1 != 0 || (!event->is_dropped && head.batch_bytes != batch_bytes))
    {
      syn_uploads_give_back (uploads, counted);
      return FALSE;
    }
  syn_metric_add (self->lane->lane, syn_ws_metrics.publishes, 1);
  if (event->is_dropped || !syn_uploads_take (uploads, event->length - counted))
    {
      syn_uploads_give_back (uploads, counted);
      refuse (self, head.request, SYN_ERROR_OVERLOADED, "too much is being published at once");
      return TRUE;
    }
  counted = event->length;
  if (!read_source (event->data + sizeof head, batch_bytes, name))
    refuse (self, head.request, SYN_ERROR_INVALID, "not a batch of events: it does not begin as one, or does not name its source");
  else if ((upstream = syn_upstream_get (syn_lane_get_silo (self->lane->lane))) == NULL && !syn_uploads_check_source (uploads, name, &error))
    send_refused (self, head.request, error, NULL, 0);
  else
    {
      own = syn_ws_reader_steal (&self->reader);
      batch = own != NULL ? g_bytes_new_take (own, event->length) : g_bytes_new (event->data, event->length);
      whole = g_steal_pointer (&batch);
      batch = g_bytes_new_from_bytes (whole, sizeof head, batch_bytes);
      if (upstream != NULL)
        pass_on (self, upstream, head.request, g_steal_pointer (&batch), counted);
      else
        hand_on (self, head.request, name, g_steal_pointer (&batch), counted);
      return TRUE;
    }
  syn_uploads_give_back (uploads, counted);
  return TRUE;
}

void
syn_ws_conn_count_upload (SynWsConn *self)
{
  gsize held = syn_ws_reader_get_held (&self->reader);

  if (held <= self->counted || !self->reader.in_message) /* what has come whole is its publication's */
    return;
  if (syn_uploads_take (self->uploads, held - self->counted))
    {
      self->counted = (guint32) held;
      return;
    }
  syn_uploads_give_back (self->uploads, self->counted);
  self->counted = 0;
  syn_ws_reader_drop (&self->reader);
}

void
syn_ws_conn_forget_publishes (SynWsConn *self)
{
  while (self->publishes != NULL)
    unlink_publish (self->publishes);
  syn_uploads_give_back (self->uploads, self->counted);
  self->counted = 0;
}
