/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a WebSocket publishes: batches of events, to their sources. On the connection's lane.
 *
 * A batch names its source; it goes there as it came, in the memory that it was received in, and is checked and read there, in the
 * order in which it came. Here only what is needed to find the source is looked at. A publication outlives its connection: what was accepted stays so, whoever
 * hears of it. Rejected: checking batches here, on another lane than the source's (a repeated or refused request is known there without
 * a look at its events, and requests of one source want one order). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-error.h"
#include "syn-source.h"
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

static void
send_refused (SynWsConn *conn, guint32 request, const GError *error, const SynReadPlace *place)
{
  guint8 frame[SYN_WS_HEAD_MAX + sizeof (ReplicaWireRefusedHead) + sizeof place->field + SYN_WS_MESSAGE_MAX];
  int code = syn_http_error_code (error);
  ReplicaWireRefusedHead head = {
    .type = REPLICA_WIRE_REFUSED, .code = (guint16) code, .request = request,
    .retry_ms = code == SYN_ERROR_OVERLOADED || code == SYN_ERROR_UNAVAILABLE ? SYN_RETRY_MS : 0,
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
send_published (SynWsConn *conn, guint32 request, const SynPublished *answer)
{
  guint8 frame[SYN_WS_HEAD_MAX + sizeof (ReplicaWirePublished)];
  const ReplicaWirePublished message = {
    .type = REPLICA_WIRE_PUBLISHED, .request = request, .accepted = answer->accepted, .sequence = answer->sequence,
  };
  guint n = syn_ws_frame_head (frame, SYN_WS_OPCODE_BINARY, sizeof message);

  memcpy (frame + n, &message, sizeof message);
  syn_ws_conn_send (conn, frame, n + sizeof message, NULL);
}

static void
refuse (SynWsConn *conn, guint32 request, int code, const char *message)
{
  const GError error = { SYN_ERROR, code, (char *) message };

  send_refused (conn, request, &error, NULL);
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

static void
published (gpointer payload, const GError *error, gpointer user_data)
{
  SynWsPublish *self = user_data;
  SynWsConn *conn = self->conn;
  SynPublished *answer = payload;

  syn_uploads_give_back (self->uploads, self->counted);
  if (conn != NULL)
    {
      unlink_publish (self);
      if (error != NULL)
        send_refused (conn, self->request, error, NULL);
      else if (answer->error != NULL)
        send_refused (conn, self->request, answer->error, &answer->place);
      else
        send_published (conn, self->request, answer);
      syn_ws_conn_go_on (conn);
    }
  g_clear_pointer (&answer, syn_published_free);
  syn_uploads_unref (self->uploads);
  g_free (self);
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
  SynWsPublish *self = g_new0 (SynWsPublish, 1);
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
  self->conn = conn;
  self->uploads = syn_uploads_ref (conn->uploads);
  self->counted = counted;
  self->request = request;
  g_strlcpy (self->key, source, sizeof self->key);
  self->next = conn->publishes;
  if (self->next != NULL)
    self->next->pprev = &self->next;
  self->pprev = &conn->publishes;
  conn->publishes = self;
  conn->n_publishes++;
  syn_call (lane, &call);
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
  g_autoptr (GBytes) batch = NULL;
  ReplicaWirePublish head;
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
  else if (!syn_uploads_check_source (uploads, name, &error))
    send_refused (self, head.request, error, NULL);
  else
    {
      own = syn_ws_reader_steal (&self->reader);
      batch = own != NULL ? g_bytes_new_take (own, event->length) : g_bytes_new (event->data, event->length);
      hand_on (self, head.request, name, g_bytes_new_from_bytes (batch, sizeof head, batch_bytes), counted);
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
