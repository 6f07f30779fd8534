/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers, and requests that wait for theirs. Front lane. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include <string.h>
#include <unistd.h>

/* ---- answers ---- */

/* libsoup 3.2 has no word for 426, and none for 508. */
static const char *
phrase_of (guint status)
{
  return status == 426 ? "Upgrade Required" : status == 508 ? "Loop Detected" : soup_status_get_phrase (status);
}

void
syn_http_respond (SoupServerMessage *msg, guint status, const char *content_type, GBytes *body)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);

  soup_server_message_set_status (msg, status, phrase_of (status));
  soup_message_headers_replace (headers, "X-Content-Type-Options", "nosniff");
  if (content_type != NULL)
    soup_message_headers_set_content_type (headers, content_type, NULL);
  if (body != NULL)
    {
      SoupMessageBody *response = soup_server_message_get_response_body (msg);
      SynHttpConn *conn = syn_http_conn_of (msg);

      if (conn != NULL)
        syn_http_conn_note_answer (conn, g_bytes_get_size (body));

      /* Not accumulated: libsoup would answer a Range out of it, which is nothing that a picture in motion
       * has. */
      soup_message_body_set_accumulate (response, FALSE);
      soup_message_body_append_bytes (response, body);
    }
  else if (status == SOUP_STATUS_NOT_MODIFIED)
    soup_message_headers_set_encoding (headers,
                                       SOUP_ENCODING_NONE); /* no "Content-Length: 0" of what was not sent */
}

void
syn_http_respond_text (SoupServerMessage *msg, guint status, const char *text)
{
  g_autoptr (GBytes) body = g_bytes_new (text, strlen (text));

  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Cache-Control", "no-store");
  syn_http_respond (msg, status, "text/plain; charset=utf-8", body);
}

void
syn_http_respond_json (SoupServerMessage *msg, GString *json)
{
  g_autoptr (GBytes) body = g_string_free_to_bytes (json);

  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Cache-Control", "no-store");
  syn_http_respond (msg, SOUP_STATUS_OK, "application/json", body);
}

void
syn_http_respond_error (
    SoupServerMessage *msg, int code, const char *message, guint retry_ms, const SynReadPlace *place)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);
  g_autoptr (GBytes) body = syn_http_error_body (code, message, place);
  guint retry_s = syn_http_error_retry_s (code, retry_ms);

  if (retry_s > 0)
    {
      g_autofree char *seconds = g_strdup_printf ("%u", retry_s);

      soup_message_headers_replace (headers, "Retry-After", seconds);
    }
  soup_message_headers_replace (headers, "Cache-Control", "no-store");
  syn_http_respond (msg, syn_http_error_status (code), "application/json", body);
}

void
syn_http_respond_chain_error (SoupServerMessage *msg, const GError *error)
{
  int code = error->code == SYN_ERROR_CONFLICT ? (int) SYN_FAULT_LOOP : error->code;

  syn_http_respond_error (msg, code, error->message, syn_http_retry_ms (), NULL);
  /* An edge that asks for a WebSocket sees nothing of the body: this is for its log. */
  soup_server_message_set_status (msg, syn_http_error_status (code), error->message);
}

void
syn_http_cut_off (SynHttp *http, SoupServerMessage *msg, int code, const char *message)
{
  SynHttpConn *conn = syn_http_conn_of (msg);
  guint status = syn_http_error_status (code), retry_s = syn_http_error_retry_s (code, 0);
  g_autoptr (GBytes) body = syn_http_error_body (code, message, NULL);
  g_autoptr (GString) answer = g_string_new (NULL);
  g_autoptr (GIOStream) stolen = NULL;
  SynTls *tls;
  gsize length;
  int fd;

  if (conn == NULL)
    return;
  g_string_printf (answer,
                   "HTTP/1.1 %u %s\r\nContent-Type: application/json\r\nContent-Length: %" G_GSIZE_FORMAT
                   "\r\n"
                   "X-Content-Type-Options: nosniff\r\nConnection: close\r\n",
                   status, phrase_of (status), g_bytes_get_size (body));
  if (retry_s > 0)
    g_string_append_printf (answer, "Retry-After: %u\r\n", retry_s);
  g_string_append (answer, "\r\n");
  g_string_append_len (answer, g_bytes_get_data (body, &length), (gssize) g_bytes_get_size (body));

  syn_metric_add (http->lane, http->failures, 1);
  fd = syn_http_stream_take_fd (syn_http_conn_get_stream (conn), &tls); /* @conn is freed */
  stolen = soup_server_message_steal_connection (msg);
  syn_http_conns_linger (http->conns, fd, tls, answer->str, answer->len);
}

void
syn_http_set_age (SoupServerMessage *msg, gint64 age_s)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, age_s);

  soup_message_headers_replace (soup_server_message_get_response_headers (msg), "Age", text);
}

void
syn_http_append_columns (GString *json, const SynSchema *schema)
{
  g_string_append_c (json, '[');
  for (guint i = 0; i < schema->n_columns; i++)
    {
      g_autofree char *type = syn_column_spec_type_to_string (&schema->columns[i]);

      g_string_append (json, i > 0 ? ",{\"name\":" : "{\"name\":");
      syn_json_append_string (json, schema->columns[i].name);
      g_string_append (json, ",\"type\":");
      syn_json_append_string (json, type);
      g_string_append_c (json, '}');
    }
  g_string_append_c (json, ']');
}

/* ---- waiting ---- */

static void
unlink_request (SynHttpRequest *self)
{
  if (self->pprev == NULL)
    return;
  if (self->next != NULL)
    self->next->pprev = self->pprev;
  *self->pprev = self->next;
  self->next = NULL;
  self->pprev = NULL;
}

static void
client_left (SynHttpConn *conn, SynHttpLeave how, gpointer user_data)
{
  SynHttpRequest *self = user_data;

  if (how == SYN_HTTP_LEFT)
    {
      if (self->end != NULL)
        self->end (self, SYN_HTTP_END_LEFT);
      return;
    }
  self->conn = NULL;
  if (self->gone != NULL)
    self->gone (self);
}

void
syn_http_request_park (SynHttpRequest *self, SynHttp *http, SoupServerMessage *msg)
{
  self->http = http;
  self->msg = g_object_ref (msg);
  self->conn = syn_http_conn_of (msg);
  self->next = http->parked;
  if (self->next != NULL)
    self->next->pprev = &self->next;
  self->pprev = &http->parked;
  http->parked = self;
  soup_server_message_pause (msg);
  if (self->conn != NULL)
    syn_http_conn_watch (self->conn, client_left, self);
}

gboolean
syn_http_request_is_alive (SynHttpRequest *self)
{
  return self->http != NULL && self->conn != NULL;
}

void
syn_http_request_unpark (SynHttpRequest *self)
{
  unlink_request (self);
  if (syn_http_request_is_alive (self))
    {
      syn_http_conn_watch (self->conn, NULL, NULL);
      if (self->http->draining)
        soup_message_headers_replace (soup_server_message_get_response_headers (self->msg), "Connection",
                                      "close");
      soup_server_message_unpause (self->msg);
    }
  g_clear_object (&self->msg);
}
