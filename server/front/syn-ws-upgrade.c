/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GET /v1/replica: the handshake of a WebSocket, and taking the connection over. Front lane.
 *
 * libsoup checks and answers the handshake. When the 101 is written, the connection is stolen from it: what
 * it has read beyond the request is taken out of its buffer, the descriptor out of our stream, and both go to
 * a lane; all of libsoup's objects go with the message. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-private.h"

#include <string.h>
#include <unistd.h>
#include "replica-wire.h"
#include "syn-chain.h"
#include "syn-ws-lane.h"

#define FIRST_BYTES_MAX (64u << 10) /* more than libsoup's buffer ever holds */

/* What the client sent behind its request, without waiting for the answer. */
static GBytes *
drain_stream (GIOStream *stream, SynHttpStream *own)
{
  GPollableInputStream *input = G_POLLABLE_INPUT_STREAM (g_io_stream_get_input_stream (stream));
  g_autoptr (GByteArray) bytes = g_byte_array_new ();

  while (bytes->len < FIRST_BYTES_MAX || syn_http_stream_has_pending (own))
    {
      guint8 buffer[8192];
      gssize n = g_pollable_input_stream_read_nonblocking (input, buffer, sizeof buffer, NULL, NULL);

      if (n <= 0)
        break;
      g_byte_array_append (bytes, buffer, (guint) n);
    }
  return bytes->len > 0 ? g_byte_array_free_to_bytes (g_steal_pointer (&bytes)) : NULL;
}

static void
take_over (SoupServerMessage *msg, gpointer user_data)
{
  SynHttp *http = user_data;
  SynHttpConn *conn = syn_http_conn_of (msg);
  g_autoptr (GIOStream) stream = NULL;
  g_autoptr (GBytes) first = NULL;
  g_autofree char *agent = NULL;
  SynHttpStream *own;
  SynTls *tls;
  int fd;

  if (conn == NULL || soup_server_message_get_status (msg) != SOUP_STATUS_SWITCHING_PROTOCOLS)
    return; /* gone, or another informational answer */
  agent = g_strdup (soup_message_headers_get_one (soup_server_message_get_request_headers (msg), "User-Agent"));
  own = g_object_ref (syn_http_conn_get_stream (conn));
  syn_http_stream_set_idle (own, FALSE);
  stream = soup_server_message_steal_connection (msg);
  first = drain_stream (stream, own);
  fd = syn_http_stream_take_fd (own, &tls); /* @conn is freed */
  g_object_unref (own);
  if (fd < 0)
    return;
  syn_ws_lane_give (syn_silo_get_lane (http->silo, http->next_lane++ % syn_silo_get_n_lanes (http->silo)), fd, tls,
                    g_steal_pointer (&first), agent, http->uploads);
}

static void
refuse_upgrade (SoupServerMessage *msg, const char *message)
{
  SoupMessageHeaders *headers = soup_server_message_get_response_headers (msg);

  soup_message_headers_replace (headers, "Upgrade", "websocket");
  soup_message_headers_replace (headers, "Connection", "Upgrade");
  soup_message_headers_replace (headers, "Sec-WebSocket-Version", "13");
  syn_http_respond_error (msg, SYN_FAULT_UPGRADE, message, 0, NULL);
}

/* An edge is told which silos are above it. */
static gboolean
admit (SynHttp *http, SoupServerMessage *msg)
{
  const char *header = soup_message_headers_get_list (soup_server_message_get_request_headers (msg), SYN_CHAIN_HEADER);
  SynChain *chain = syn_chain_get (http->silo);
  g_autofree char *answer = NULL;
  g_autoptr (GError) error = NULL;

  if (header == NULL || chain == NULL)
    return TRUE;
  if (!syn_chain_admit (chain, header, &answer, &error))
    {
      syn_http_respond_chain_error (msg, error);
      return FALSE;
    }
  soup_message_headers_replace (soup_server_message_get_response_headers (msg), SYN_CHAIN_HEADER, answer);
  return TRUE;
}

void
syn_http_upgrade (SynHttp *http, SoupServerMessage *msg, const char *rest)
{
  SoupMessageHeaders *headers = soup_server_message_get_request_headers (msg);
  const char *origin = soup_message_headers_get_one (headers, "Origin");
  const char *version = soup_message_headers_get_one (headers, "Sec-WebSocket-Version");
  char *protocols[] = { (char *) REPLICA_WIRE_PROTOCOL, NULL };
  g_autoptr (GError) error = NULL;

  if (!syn_http_list_has (soup_message_headers_get_list (headers, "Upgrade"), "websocket")
      || !syn_http_list_has (soup_message_headers_get_list (headers, "Connection"), "upgrade"))
    {
      refuse_upgrade (msg, "this is a WebSocket, subprotocol " REPLICA_WIRE_PROTOCOL ": upgrade to it");
      return;
    }
  if (g_strcmp0 (version, "13") != 0)
    {
      refuse_upgrade (msg, "the WebSocket version is 13");
      return;
    }
  if (origin != NULL && !syn_http_origin_is_allowed (origin))
    {
      syn_http_respond_error (msg, SYN_FAULT_FORBIDDEN, "pages of other hosts may not connect here", 0, NULL);
      return;
    }
  if (!syn_http_list_has (soup_message_headers_get_list (headers, "Sec-WebSocket-Protocol"),
                          REPLICA_WIRE_PROTOCOL))
    {
      syn_http_respond_error (msg, SYN_ERROR_INVALID,
                              "the WebSocket must ask for the subprotocol " REPLICA_WIRE_PROTOCOL
                              " (Sec-WebSocket-Protocol)",
                              0, NULL);
      return;
    }
  if (syn_ws_count (http->silo) >= http->max_web_sockets)
    {
      syn_http_respond_error (msg, SYN_ERROR_OVERLOADED, "too many connections", syn_http_retry_ms (), NULL);
      return;
    }
  if (!soup_websocket_server_check_handshake (msg, NULL, protocols, NULL, &error))
    {
      syn_http_respond_error (msg, SYN_ERROR_INVALID, error->message, 0, NULL);
      return;
    }
  if (!admit (http, msg))
    return;
  /* No extensions are given, so none is agreed to: compressing a picture for every client costs more than all
   * the rest. */
  soup_websocket_server_process_handshake (msg, NULL, protocols, NULL, NULL);
  g_signal_connect (msg, "wrote-informational", G_CALLBACK (take_over), http);
}
