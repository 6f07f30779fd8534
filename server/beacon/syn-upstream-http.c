/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests of HTTP that an edge passes on to its upstream: lists, and publications. On the upstream's thread.
 *
 * What went wrong is told apart by whether the upstream can have had all of the request: as long as the last byte of a body was not written, it has taken
 * nothing. A session of its own, for the link's would reuse connections that have been idle for as long as the other end keeps them. */
#define G_LOG_DOMAIN "syn-upstream"
#include "syn-upstream-private.h"

#include "replica-tls.h"
#include "syn-error.h"
#include "syn-limits.h"

#define PIECE_BYTES (256u << 10)
#define IDLE_S 30     /* a silo closes what was idle for 60 s */
#define TIMEOUT_S 30  /* without a byte */

typedef struct {
  SynParcel parcel; /* of the way back */
  SynUpstream *upstream;
  SynLane *lane;
  SynUpstreamRequest *request; /* (owned) (nullable) */
  SynUpstreamFunc func;
  gpointer user_data;
  SoupMessage *message; /* (owned) (nullable) */
  GInputStream *stream; /* (owned) (nullable) */
  GByteArray *bytes;    /* (owned) (nullable) */
  gboolean is_sent;     /* all of it */
  SynUpstreamAnswer answer;
  GError *error;        /* (owned) (nullable) */
} Exchange;

void
syn_upstream_request_free (SynUpstreamRequest *self)
{
  if (self == NULL)
    return;
  g_free (self->path);
  g_free (self->content_type);
  g_free (self->producer);
  g_free (self->sequence);
  g_clear_pointer (&self->body, g_bytes_unref);
  g_free (self);
}

/* ---- the way back ---- */

static void
run_answer (SynLane *lane, SynParcel *parcel)
{
  Exchange *self = (Exchange *) parcel;

  self->func (self->error == NULL ? &self->answer : NULL, self->error, self->user_data);
  g_free (self->answer.content_type);
  g_free (self->answer.retry_after);
  g_clear_pointer (&self->answer.body, g_bytes_unref);
  g_clear_error (&self->error);
  g_free (self);
}

/* Answers with @error (transfer full) (nullable): NULL: what is in the answer. */
static void
finish (Exchange *self, GError *error)
{
  g_clear_object (&self->stream);
  if (self->message != NULL)
    g_signal_handlers_disconnect_by_data (self->message, self);
  g_clear_object (&self->message);
  g_clear_pointer (&self->bytes, g_byte_array_unref);
  g_clear_pointer (&self->request, syn_upstream_request_free);
  self->error = error;
  self->parcel.run = run_answer;
  self->upstream->n_requests--;
  syn_lane_post (self->lane, &self->parcel);
}

static void
fail (Exchange *self, const GError *cause)
{
  const char *uri = self->upstream->uri;
  g_autofree char *why = replica_tls_dup_reason (self->message, cause);

  if (!self->is_sent)
    finish (self, g_error_new (SYN_ERROR, SYN_ERROR_UNAVAILABLE, "the upstream %s is away: %s", uri, why));
  else
    finish (self, g_error_new (SYN_ERROR, SYN_ERROR_TIMEOUT, "the upstream %s has the request, and its answer did not come: %s", uri, why));
}

/* ---- the way there ---- */

static void
wrote_body (SoupMessage *message, gpointer user_data)
{
  ((Exchange *) user_data)->is_sent = TRUE;
}

static void
read_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Exchange *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) piece = g_input_stream_read_bytes_finish (G_INPUT_STREAM (object), result, &error);

  if (piece == NULL)
    {
      fail (self, error);
      return;
    }
  if (g_bytes_get_size (piece) == 0)
    {
      self->answer.body = g_byte_array_free_to_bytes (g_steal_pointer (&self->bytes));
      finish (self, NULL);
      return;
    }
  if (self->bytes->len + g_bytes_get_size (piece) > SYN_MAX_UPSTREAM_ANSWER_BYTES)
    {
      finish (self, g_error_new (SYN_ERROR, SYN_ERROR_TOO_LARGE, "the answer of the upstream %s has more than %u bytes", self->upstream->uri,
                                 SYN_MAX_UPSTREAM_ANSWER_BYTES));
      return;
    }
  g_byte_array_append (self->bytes, g_bytes_get_data (piece, NULL), (guint) g_bytes_get_size (piece));
  g_input_stream_read_bytes_async (self->stream, PIECE_BYTES, G_PRIORITY_DEFAULT, self->upstream->ending, read_cb, self);
}

static void
sent_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Exchange *self = user_data;
  g_autoptr (GError) error = NULL;
  SoupMessageHeaders *headers;
  const char *age;
  guint64 age_s;

  self->stream = soup_session_send_finish (SOUP_SESSION (object), result, &error);
  if (self->stream == NULL)
    {
      fail (self, error);
      return;
    }
  self->is_sent = TRUE; /* also of a request without a body */
  headers = soup_message_get_response_headers (self->message);
  self->answer.status = soup_message_get_status (self->message);
  self->answer.content_type = g_strdup (soup_message_headers_get_one (headers, "Content-Type"));
  self->answer.retry_after = g_strdup (soup_message_headers_get_one (headers, "Retry-After"));
  age = soup_message_headers_get_one (headers, "Age");
  if (age != NULL && g_ascii_string_to_unsigned (age, 10, 0, G_MAXINT32, &age_s, NULL))
    self->answer.age_s = (gint64) age_s;
  self->bytes = g_byte_array_new ();
  g_input_stream_read_bytes_async (self->stream, PIECE_BYTES, G_PRIORITY_DEFAULT, self->upstream->ending, read_cb, self);
}

static void
set_headers (Exchange *self)
{
  SoupMessageHeaders *headers = soup_message_get_request_headers (self->message);
  g_autofree char *asking = syn_chain_dup_asking (self->upstream->chain);

  soup_message_headers_replace (headers, SYN_CHAIN_HEADER, asking);
  soup_message_headers_replace (headers, "Accept", "application/json");
  if (self->request->producer != NULL)
    soup_message_headers_replace (headers, "Synoptic-Producer", self->request->producer);
  if (self->request->sequence != NULL)
    soup_message_headers_replace (headers, "Synoptic-Sequence", self->request->sequence);
  if (self->request->body != NULL)
    {
      soup_message_set_request_body_from_bytes (self->message, self->request->content_type, self->request->body);
      if (self->request->content_type == NULL)
        soup_message_headers_remove (headers, "Content-Type");
    }
}

static gboolean
start_cb (gpointer data)
{
  Exchange *self = data;
  SynUpstream *upstream = self->upstream;
  g_autofree char *url = NULL;

  upstream->n_requests++;
  if (replica_link_get_state (upstream->link) != REPLICA_LINK_ONLINE)
    {
      finish (self, syn_upstream_new_away_error (upstream));
      return G_SOURCE_REMOVE;
    }
  url = g_strconcat (upstream->uri, g_str_has_suffix (upstream->uri, "/") ? self->request->path + 1 : self->request->path, NULL);
  if (g_str_has_prefix (url, "ws"))
    {
      char *http = g_strconcat ("http", url + 2, NULL);

      g_free (url);
      url = http;
    }
  self->message = soup_message_new (self->request->method, url);
  if (self->message == NULL)
    {
      finish (self, g_error_new (SYN_ERROR, SYN_ERROR_INVALID, "no URL: %.200s", url));
      return G_SOURCE_REMOVE;
    }
  set_headers (self);
  replica_tls_watch (self->message);
  if (self->request->body != NULL)
    g_signal_connect (self->message, "wrote-body", G_CALLBACK (wrote_body), self);
  soup_session_send_async (upstream->session, self->message, G_PRIORITY_DEFAULT, upstream->ending, sent_cb, self);
  return G_SOURCE_REMOVE;
}

void
syn_upstream_ask (SynUpstream *self, SynLane *lane, SynUpstreamRequest *request, SynUpstreamFunc func, gpointer user_data)
{
  Exchange *exchange = g_new0 (Exchange, 1);

  exchange->upstream = self;
  exchange->lane = lane;
  exchange->request = request;
  exchange->func = func;
  exchange->user_data = user_data;
  syn_upstream_invoke (self, start_cb, exchange, NULL);
}

/* ---- all ---- */

void
syn_upstream_http_init (SynUpstream *self)
{
  self->ending = g_cancellable_new ();
  self->session = soup_session_new_with_options ("user-agent", "synopticd/" SYNOPTIC_VERSION, "max-conns", SYN_MAX_UPSTREAM_REQUESTS,
                                                 "max-conns-per-host", SYN_MAX_UPSTREAM_REQUESTS, "idle-timeout", IDLE_S, "timeout", TIMEOUT_S, NULL);
  if (self->trust != NULL)
    soup_session_set_tls_database (self->session, self->trust);
}

void
syn_upstream_http_clear (SynUpstream *self)
{
  g_cancellable_cancel (self->ending);
  while (self->n_requests > 0)
    g_main_context_iteration (self->context, TRUE);
  g_clear_object (&self->session);
  g_clear_object (&self->ending);
}
