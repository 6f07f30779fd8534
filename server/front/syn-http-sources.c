/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* POST /v1/sources/NAME/events: publishing. Front lane.
 *
 * Everything that can be refused by the head is refused there. The body is gathered piece by piece into one
 * array, so that a body without a length stops at the limit, and the source gets it without another copy.
 * Reading the events is the source's business, on its lane. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include <string.h>
#include "syn-producers.h"
#include "syn-source.h"

#define PUBLISH_TIMEOUT_MS 30000
#define RESERVE_BYTES (1u << 20) /* set aside for a body by what it says of its length */

/* A body that is coming: belongs to its message. */
typedef struct
{
  SynHttp *http;
  SynUploads *uploads; /* (owned) */
  GByteArray *bytes;   /* (owned) (nullable): NULL once it is handed on */
  gsize counted;       /* in @uploads */
  SynFormat format;
  char *key;         /* (owned): the source's name */
  char *producer;    /* (owned) (nullable) */
  guint64 number;
} Upload;

typedef struct
{
  SynHttpRequest request; /* first */
  char *key;              /* (owned): outlives the call */
  SynUploads *uploads;    /* (owned) */
  gsize counted;          /* in @uploads: until the source has read it */
} Publish;

static const char upload_key[] = "syn-upload";

static void
upload_free (gpointer data)
{
  Upload *self = data;

  syn_uploads_give_back (self->uploads, self->counted);
  syn_uploads_unref (self->uploads);
  g_clear_pointer (&self->bytes, g_byte_array_unref);
  g_free (self->key);
  g_free (self->producer);
  g_free (self);
}

static void
got_chunk (SoupServerMessage *msg, GBytes *chunk, gpointer user_data)
{
  Upload *self = user_data;
  gsize length;
  const guint8 *data = g_bytes_get_data (chunk, &length);

  if (self->bytes->len + length > SYN_MAX_BODY_BYTES)
    {
      g_autofree char *message =
          g_strdup_printf ("the body is longer than %u bytes: send it in parts", SYN_MAX_BODY_BYTES);

      syn_http_cut_off (self->http, msg, SYN_ERROR_TOO_LARGE, message);
      return;
    }
  if (!syn_uploads_take (self->uploads, length))
    {
      syn_http_cut_off (self->http, msg, SYN_ERROR_OVERLOADED, "too much is being published at once");
      return;
    }
  self->counted += length;
  g_byte_array_append (self->bytes, data, (guint) length);
}

static Upload *
await_body (SynHttp *http, SoupServerMessage *msg, goffset length)
{
  Upload *upload = g_new0 (Upload, 1);

  upload->http = http;
  upload->uploads = syn_uploads_ref (http->uploads);
  upload->bytes = g_byte_array_sized_new ((guint) CLAMP (length, 0, (goffset) RESERVE_BYTES));
  g_object_set_data_full (G_OBJECT (msg), upload_key, upload, upload_free);
  g_signal_connect (msg, "got-chunk", G_CALLBACK (got_chunk), upload);
  return upload;
}

/* Who numbers requests says who he is, and the other way round. NULL: that is well. */
static const char *
check_producer (SoupMessageHeaders *headers, const char **producer, guint64 *number)
{
  const char *text = soup_message_headers_get_one (headers, "Synoptic-Sequence");

  *producer = soup_message_headers_get_one (headers, "Synoptic-Producer");
  if ((*producer == NULL) != (text == NULL))
    return "Synoptic-Producer and Synoptic-Sequence come together";
  if (*producer == NULL)
    return NULL;
  if (!syn_producer_is_name (*producer))
    return "Synoptic-Producer: expected 1 to " G_STRINGIFY (SYN_MAX_PRODUCER_BYTES) " letters, digits or . _ : -";
  if (!syn_http_parse_request_number (text, number))
    return "Synoptic-Sequence: expected the number of the request, from 1, one more with each";
  return NULL;
}

void
syn_http_publish_head (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  const char *origin = soup_message_headers_get_one (headers, "Origin");
  const char *coding = soup_message_headers_get_list (headers, "Content-Encoding");
  g_autofree char *name = g_uri_unescape_string (rest, NULL);
  g_autoptr (GError) error = NULL;
  goffset length = soup_message_headers_get_content_length (headers);
  Upload *upload;
  SynFormat format;
  const char *producer, *wrong;
  guint64 number = 0;

  if (origin != NULL && !syn_http_origin_is_allowed (origin))
    {
      syn_http_respond_error (msg, SYN_FAULT_FORBIDDEN, "pages of other hosts may not publish here", 0, NULL);
      return;
    }
  if (http->edge != NULL)
    {
      /* All that is to be said of it, its owner says. */
      await_body (http, msg, length);
      return;
    }
  if (!syn_uploads_check_source (http->uploads, name != NULL ? name : rest, &error))
    {
      syn_http_respond_error (msg, error->code, error->message, 0, NULL);
      return;
    }
  if (!syn_http_parse_content_type (soup_message_headers_get_one (headers, "Content-Type"), &format))
    {
      syn_http_respond_error (msg, SYN_FAULT_MEDIA_TYPE,
                              "events are taken as application/x-ndjson, application/json (an array of "
                              "objects) or text/csv with a "
                              "header line, all in UTF-8",
                              0, NULL);
      return;
    }
  if (coding != NULL && g_ascii_strcasecmp (coding, "identity") != 0)
    {
      syn_http_respond_error (msg, SYN_FAULT_MEDIA_TYPE, "events are taken without a Content-Encoding", 0,
                              NULL);
      return;
    }
  wrong = check_producer (headers, &producer, &number);
  if (wrong != NULL)
    {
      syn_http_respond_error (msg, SYN_ERROR_INVALID, wrong, 0, NULL);
      return;
    }
  upload = await_body (http, msg, length);
  upload->producer = g_strdup (producer);
  upload->number = number;
  upload->format = format;
  upload->key = g_steal_pointer (&name);
}

/* ---- the answer ---- */

static void
published (gpointer payload, const GError *error, gpointer user_data)
{
  Publish *self = user_data;
  SynPublished *answer = payload;

  if (syn_http_request_is_alive (&self->request))
    {
      SoupServerMessage *msg = self->request.msg;

      if (error != NULL)
        syn_http_respond_error (msg, syn_http_error_code (error), error->message, syn_http_retry_ms (), NULL);
      else if (answer->error != NULL)
        syn_http_respond_error (msg, syn_http_error_code (answer->error), answer->error->message,
                                syn_http_retry_ms (), &answer->place);
      else
        {
          GString *json = g_string_new (NULL);

          g_string_printf (json, "{\"accepted\":%" G_GUINT64_FORMAT ",\"sequence\":%" G_GUINT64_FORMAT "}\n",
                           answer->accepted, answer->sequence);
          syn_http_respond_json (msg, json);
        }
    }
  g_clear_pointer (&answer, syn_published_free);
  syn_uploads_give_back (self->uploads, self->counted);
  syn_uploads_unref (self->uploads);
  syn_http_request_unpark (&self->request);
  g_free (self->key);
  g_free (self);
}

static void
free_publish_payload (gpointer payload)
{
  syn_publish_free (payload);
}

void
syn_http_publish (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  Upload *upload = g_object_get_data (G_OBJECT (msg), upload_key);
  g_autoptr (GBytes) body = g_byte_array_free_to_bytes (g_steal_pointer (&upload->bytes));
  g_autoptr (SynUploads) uploads = syn_uploads_ref (upload->uploads);
  gsize counted = upload->counted;
  SynPublish *publish;
  Publish *self;
  SynCall call;

  upload->counted = 0;
  g_signal_handlers_disconnect_by_data (msg, upload);
  if (http->edge != NULL)
    {
      g_object_set_data (G_OBJECT (msg), upload_key, NULL);
      syn_http_edge_publish (http, msg, body, counted);
      return;
    }
  publish = g_new0 (SynPublish, 1);
  publish->body = g_steal_pointer (&body);
  publish->format = upload->format;
  publish->producer = g_steal_pointer (&upload->producer);
  publish->number = upload->number;
  self = g_new0 (Publish, 1);
  self->key = g_steal_pointer (&upload->key);
  self->uploads = g_steal_pointer (&uploads);
  self->counted = counted;
  g_object_set_data (G_OBJECT (msg), upload_key,
                     NULL); /* the message may outlive the front, which an upload must not */
  call = (SynCall){
    .type = SYN_SOURCE_GRAIN,
    .key = self->key,
    .method = SYN_SOURCE_PUBLISH,
    .payload = publish,
    .payload_free = free_publish_payload,
    .timeout_ms = PUBLISH_TIMEOUT_MS,
    .reply = published,
    .user_data = self,
  };
  syn_http_request_park (&self->request, http, msg);
  syn_call (http->lane, &call);
}
