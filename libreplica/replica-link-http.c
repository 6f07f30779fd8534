/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The HTTP side of a link: fetch and publish, beside the views. Same thread as the link; works whether or not
 * the link is started, on the link's own SoupSession.
 *
 * The body is read in pieces against a limit, rather than with soup_session_send_and_read_async(), which
 * would take whatever comes. */

#include <json-glib/json-glib.h>
#include <string.h>

#include "replica-json.h"
#include "replica-link-internal.h"
#include "replica-tls.h"

#define PIECE_BYTES (256 * 1024)
#define ANSWER_MAX_BYTES (1u << 20) /* of an error, or to a publication: a few words */
#define RETRY_MAX_MS (5 * 60 * 1000)

typedef struct
{
  ReplicaLinkFault fault; /* first: of an HTTP error */
  SoupMessage *message; /* (owned) */
  GInputStream *stream; /* (owned) (nullable) */
  GByteArray *body;     /* (owned) */
  gboolean publishes;
  char *etag;           /* (owned) (nullable) */
} Exchange;

static void
exchange_free (gpointer data)
{
  Exchange *exchange = data;

  g_clear_object (&exchange->message);
  g_clear_object (&exchange->stream);
  g_clear_pointer (&exchange->body, g_byte_array_unref);
  g_free (exchange->etag);
  replica_link_fault_clear (&exchange->fault);
  g_free (exchange);
}

void
replica_link_fault_clear (ReplicaLinkFault *fault)
{
  g_clear_pointer (&fault->field, g_free);
  g_clear_pointer (&fault->details, g_free);
}

GError *
replica_link_fault_to_error (const ReplicaLinkFault *fault, ReplicaError code, const char *what)
{
  g_autofree char *said = g_strconcat (what, " ", NULL);
  gboolean with_field = fault->field != NULL && strstr (fault->details, fault->field) == NULL;

  if (fault->line == 0 || strstr (fault->details, said) != NULL)
    return g_error_new_literal (REPLICA_ERROR, (int) code, fault->details);
  return g_error_new (REPLICA_ERROR, (int) code, "%s %" G_GUINT64_FORMAT "%s%s: %s", what, fault->line, with_field ? ", field " : "",
                      with_field ? fault->field : "", fault->details);
}

static ReplicaError
code_of_status (guint status)
{
  switch (status)
    {
    case 404:
      return REPLICA_ERROR_NOT_FOUND;
    case 408:
    case 504:
      return REPLICA_ERROR_TIMEOUT;
    case 409:
    case 412:
      return REPLICA_ERROR_CONFLICT;
    case 413:
    case 414:
    case 431:
      return REPLICA_ERROR_TOO_LARGE;
    case 429:
      return REPLICA_ERROR_OVERLOADED;
    case 502:
    case 503:
      return REPLICA_ERROR_UNAVAILABLE;
    default:
      return status >= 400 && status < 500 ? REPLICA_ERROR_INVALID : REPLICA_ERROR_INTERNAL;
    }
}

static const char *
get_string (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node)
                                                                          : NULL;
}

static gboolean
get_count (JsonObject *object, const char *name, guint64 *value)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_INT64 || json_node_get_int (node) < 0)
    return FALSE;
  *value = (guint64) json_node_get_int (node);
  return TRUE;
}

/* The object that a small body is, or NULL. @parser keeps it. */
static JsonObject *
parse_object (JsonParser *parser, const void *body, gsize size)
{
  JsonNode *root;

  if (size == 0 || size > ANSWER_MAX_BYTES || !replica_json_check (body, size, REPLICA_JSON_MAX_DEPTH, NULL)
      || !json_parser_load_from_data (parser, body, (gssize) size, NULL))
    return NULL;
  root = json_parser_get_root (parser);
  return root != NULL && JSON_NODE_HOLDS_OBJECT (root) ? json_node_get_object (root) : NULL;
}

/* The error that an HTTP error's body tells: {"error":{"code","message","line","field","retry_ms"}}. */
static GError *
exchange_error (Exchange *exchange)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  guint status = soup_message_get_status (exchange->message);
  SoupMessageHeaders *headers = soup_message_get_response_headers (exchange->message);
  const char *retry_after = soup_message_headers_get_one (headers, "Retry-After");
  ReplicaError code = code_of_status (status);
  JsonObject *root = parse_object (parser, exchange->body->data, exchange->body->len);
  JsonNode *node = root != NULL ? json_object_get_member (root, "error") : NULL;
  guint64 seconds, count;

  if (retry_after != NULL
      && g_ascii_string_to_unsigned (retry_after, 10, 0, RETRY_MAX_MS / 1000, &seconds, NULL))
    exchange->fault.retry_ms = (guint) seconds * 1000;
  if (node != NULL && JSON_NODE_HOLDS_OBJECT (node))
    {
      JsonObject *object = json_node_get_object (node);
      const char *name = get_string (object, "code");

      for (int known = REPLICA_ERROR_INVALID; name != NULL && known <= REPLICA_ERROR_CONFLICT; known++)
        if (strcmp (name, replica_error_to_string ((ReplicaError) known)) == 0)
          code = (ReplicaError) known;
      exchange->fault.details = g_strdup (get_string (object, "message"));
      exchange->fault.field = g_strdup (get_string (object, "field"));
      if (exchange->fault.field != NULL && *exchange->fault.field == '\0')
        g_clear_pointer (&exchange->fault.field, g_free);
      if (get_count (object, "line", &count))
        exchange->fault.line = count;
      if (get_count (object, "retry_ms", &count))
        exchange->fault.retry_ms = (guint) MIN (count, RETRY_MAX_MS);
    }
  if (exchange->fault.details == NULL)
    exchange->fault.details = g_strdup_printf ("The server answered %u %s", status,
                                         soup_message_get_reason_phrase (exchange->message));
  return replica_link_fault_to_error (&exchange->fault, code, "line");
}

/* Transport errors in the library's one domain, but for cancellation, which the caller knows from GIO. */
static GError *
transport_error (ReplicaLink *self, Exchange *exchange, GError *error)
{
  g_autofree char *reason = replica_tls_dup_reason (exchange->message, error);
  GError *ours;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return error;
  ours = g_error_new (REPLICA_ERROR,
                      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ? REPLICA_ERROR_TIMEOUT
                                                                                : REPLICA_ERROR_UNAVAILABLE,
                      "%s: %s", self->uri, reason);
  g_error_free (error);
  return ours;
}

static void
exchange_done (GTask *task)
{
  Exchange *exchange = g_task_get_task_data (task);
  guint status = soup_message_get_status (exchange->message);

  if (status == 304)
    g_task_return_pointer (task, NULL, NULL);
  else if (status >= 200 && status < 300)
    g_task_return_pointer (task, g_byte_array_free_to_bytes (g_steal_pointer (&exchange->body)),
                           (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_error (task, exchange_error (exchange));
}

static void
exchange_read_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Exchange *exchange = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  GError *error = NULL;
  g_autoptr (GBytes) piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (object), result, &error);
  guint max_bytes;

  if (piece == NULL)
    {
      g_task_return_error (task, transport_error (g_task_get_source_object (task), exchange, error));
      return;
    }
  if (g_bytes_get_size (piece) == 0)
    {
      exchange_done (task);
      return;
    }
  if (soup_message_get_status (exchange->message) >= 400
      && exchange->body->len + g_bytes_get_size (piece) > ANSWER_MAX_BYTES)
    {
      /* No error of a silo: what its status says will do. */
      g_byte_array_set_size (exchange->body, 0);
      exchange_done (task);
      return;
    }
  max_bytes = exchange->publishes ? ANSWER_MAX_BYTES : REPLICA_SNAPSHOT_MAX_BYTES;
  if (exchange->body->len + g_bytes_get_size (piece) > max_bytes)
    {
      g_task_return_new_error (task, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE,
                               "The server's answer is larger than %u bytes", max_bytes);
      return;
    }
  g_byte_array_append (exchange->body, g_bytes_get_data (piece, NULL), (guint) g_bytes_get_size (piece));
  g_input_stream_read_bytes_async (exchange->stream, PIECE_BYTES, G_PRIORITY_DEFAULT, cancellable,
                                   exchange_read_cb, g_steal_pointer (&task));
}

static void
exchange_sent_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  Exchange *exchange = g_task_get_task_data (task);
  GCancellable *cancellable = g_task_get_cancellable (task);
  SoupMessageHeaders *headers = soup_message_get_response_headers (exchange->message);
  GError *error = NULL;
  const char *etag;

  exchange->stream = soup_session_send_finish (SOUP_SESSION (object), result, &error);
  if (exchange->stream == NULL)
    {
      g_task_return_error (task, transport_error (g_task_get_source_object (task), exchange, error));
      return;
    }
  etag = soup_message_headers_get_one (headers, "ETag");
  if (etag != NULL)
    {
      gsize length;

      if (g_str_has_prefix (etag, "W/"))
        etag += 2;
      length = strlen (etag);
      exchange->etag = length >= 2 && etag[0] == '"' && etag[length - 1] == '"'
                           ? g_strndup (etag + 1, length - 2)
                           : g_strdup (etag);
    }
  g_input_stream_read_bytes_async (exchange->stream, PIECE_BYTES, G_PRIORITY_DEFAULT, cancellable,
                                   exchange_read_cb, g_steal_pointer (&task));
}

/* Takes @message and @task. */
static void
exchange_start (ReplicaLink *self, GTask *task, SoupMessage *message)
{
  Exchange *exchange = g_task_get_task_data (task);

  exchange->message = message;
  replica_tls_watch (message);
  if (self->peer != NULL && self->peer->request != NULL)
    self->peer->request (soup_message_get_request_headers (message), self->peer_data);
  soup_session_send_async (self->session, message, G_PRIORITY_DEFAULT, g_task_get_cancellable (task),
                           exchange_sent_cb, task);
}

static GTask *
exchange_new (ReplicaLink *self,
              GCancellable *cancellable,
              GAsyncReadyCallback callback,
              gpointer user_data,
              gpointer tag)
{
  GTask *task = g_task_new (self, cancellable, callback, user_data);
  Exchange *exchange = g_new0 (Exchange, 1);

  exchange->body = g_byte_array_new ();
  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, exchange, exchange_free);
  return task;
}

/* @path_and_query on the link's server; NULL with INVALID where it is none. */
static SoupMessage *
exchange_message (ReplicaLink *self, const char *method, const char *path_and_query, GError **error)
{
  g_autoptr (GError) why = NULL;
  g_autoptr (GUri) uri = NULL;

  if (*path_and_query == '/')
    uri = g_uri_parse_relative (self->endpoint, path_and_query, SOUP_HTTP_URI_FLAGS, &why);
  /* "//elsewhere/" is relative too. */
  if (uri == NULL || g_strcmp0 (g_uri_get_host (uri), g_uri_get_host (self->endpoint)) != 0
      || g_uri_get_port (uri) != g_uri_get_port (self->endpoint))
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "\"%s\" is not a path on the server%s%s",
                   path_and_query, why != NULL ? ": " : "", why != NULL ? why->message : "");
      return NULL;
    }
  return soup_message_new_from_uri (method, uri);
}

void
replica_link_fetch_async (ReplicaLink *self,
                          const char *path,
                          const char *accept,
                          const char *if_none_match,
                          guint wait_s,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  SoupMessage *message;
  SoupMessageHeaders *headers;
  GError *error = NULL;

  g_return_if_fail (REPLICA_IS_LINK (self));
  g_return_if_fail (path != NULL);

  task = exchange_new (self, cancellable, callback, user_data, replica_link_fetch_async);
  message = exchange_message (self, SOUP_METHOD_GET, path, &error);
  if (message == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  headers = soup_message_get_request_headers (message);
  soup_message_headers_replace (headers, "Accept", accept != NULL ? accept : "application/json");
  if (if_none_match != NULL)
    {
      g_autofree char *quoted = g_strdup_printf ("\"%s\"", if_none_match);

      soup_message_headers_replace (headers, "If-None-Match", quoted);
      if (wait_s > 0)
        {
          g_autofree char *prefer = g_strdup_printf ("wait=%u", wait_s);

          soup_message_headers_replace (headers, "Prefer", prefer);
        }
    }
  exchange_start (self, g_steal_pointer (&task), message);
}

GBytes *
replica_link_fetch_finish (ReplicaLink *self, GAsyncResult *result, char **etag, GError **error)
{
  Exchange *exchange;

  g_return_val_if_fail (g_task_is_valid (result, self), NULL);

  exchange = g_task_get_task_data (G_TASK (result));
  if (etag != NULL)
    *etag = g_strdup (exchange->etag);
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
replica_link_publish_numbered_async (ReplicaLink *self,
                                     const char *source,
                                     GBytes *body,
                                     const char *content_type,
                                     const char *producer,
                                     guint64 number,
                                     GCancellable *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  g_autofree char *name = NULL;
  g_autofree char *path = NULL;
  SoupMessage *message;
  GError *error = NULL;

  g_return_if_fail (REPLICA_IS_LINK (self));
  g_return_if_fail (source != NULL && body != NULL && content_type != NULL);

  task = exchange_new (self, cancellable, callback, user_data, replica_link_publish_async);
  ((Exchange *) g_task_get_task_data (task))->publishes = TRUE;
  name = g_uri_escape_string (source, "/", FALSE);
  path = g_strdup_printf ("/v1/sources/%s/events", name);
  message = exchange_message (self, SOUP_METHOD_POST, path, &error);
  if (message == NULL)
    {
      g_task_return_error (task, error);
      return;
    }
  soup_message_headers_replace (soup_message_get_request_headers (message), "Accept", "application/json");
  if (producer != NULL)
    {
      g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);

      soup_message_headers_replace (soup_message_get_request_headers (message), "Synoptic-Producer", producer);
      soup_message_headers_replace (soup_message_get_request_headers (message), "Synoptic-Sequence", text);
    }
  soup_message_set_request_body_from_bytes (message, content_type, body);
  exchange_start (self, g_steal_pointer (&task), message);
}

void
replica_link_publish_async (ReplicaLink *self,
                            const char *source,
                            GBytes *body,
                            const char *content_type,
                            GCancellable *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer user_data)
{
  replica_link_publish_numbered_async (self, source, body, content_type, NULL, 0, cancellable, callback, user_data);
}

gboolean
replica_link_publish_finish (
    ReplicaLink *self, GAsyncResult *result, guint64 *accepted, guint64 *sequence, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GBytes) body = NULL;
  JsonObject *object = NULL;
  guint64 n_accepted, last_sequence;
  GError *why = NULL;

  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);

  body = g_task_propagate_pointer (G_TASK (result), &why);
  if (why != NULL)
    {
      g_propagate_error (error, why);
      return FALSE;
    }
  if (body != NULL)
    object = parse_object (parser, g_bytes_get_data (body, NULL), g_bytes_get_size (body));
  if (object == NULL || !get_count (object, "accepted", &n_accepted)
      || !get_count (object, "sequence", &last_sequence))
    {
      g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                           "The server's answer to a publication is not {\"accepted\":N,\"sequence\":S}");
      return FALSE;
    }
  if (accepted != NULL)
    *accepted = n_accepted;
  if (sequence != NULL)
    *sequence = last_sequence;
  return TRUE;
}

guint
replica_link_result_get_retry_ms (GAsyncResult *result)
{
  g_return_val_if_fail (G_IS_TASK (result), 0);
  return ((ReplicaLinkFault *) g_task_get_task_data (G_TASK (result)))->retry_ms;
}

gboolean
replica_link_result_get_place (GAsyncResult *result, guint64 *line, const char **field, const char **message)
{
  const ReplicaLinkFault *fault;

  g_return_val_if_fail (G_IS_TASK (result), FALSE);

  fault = g_task_get_task_data (G_TASK (result));
  if (line != NULL)
    *line = fault->line;
  if (field != NULL)
    *field = fault->field;
  if (message != NULL)
    *message = fault->details;
  return fault->line > 0 || fault->field != NULL;
}
