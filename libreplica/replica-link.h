/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "replica-error.h"
#include "replica-event-batch.h"

G_BEGIN_DECLS

/**
 * ReplicaLinkState:
 * @REPLICA_LINK_OFFLINE: not connected; a jittered back-off is running (or the link was never started)
 * @REPLICA_LINK_CONNECTING: a connection is being made
 * @REPLICA_LINK_ONLINE: connected, and heard from within hold + margin
 */
typedef enum {
  REPLICA_LINK_OFFLINE,
  REPLICA_LINK_CONNECTING,
  REPLICA_LINK_ONLINE,
} ReplicaLinkState;

/**
 * ReplicaCompression:
 * @REPLICA_COMPRESSION_AUTO: when the goodput that was measured says that it pays (until one was, if the other end is far); never to a server that
 *   is near and on loopback
 * @REPLICA_COMPRESSION_NEVER: snapshots come as they are
 * @REPLICA_COMPRESSION_ALWAYS: the server is asked to compress whatever it sends to views
 */
typedef enum {
  REPLICA_COMPRESSION_AUTO,
  REPLICA_COMPRESSION_NEVER,
  REPLICA_COMPRESSION_ALWAYS,
} ReplicaCompression;

#define REPLICA_TYPE_LINK (replica_link_get_type ())

/**
 * ReplicaLink:
 *
 * One multiplexed connection to a silo, for all the views of a program. Lives in the thread-default main
 * context of the thread that made it, and emits there; never blocks. Reconnects by itself (0.25 s doubling to
 * 8 s, jittered ±50 %), measures the round trip by polls that are answered at once, and measures goodput from what it receives.
 *
 * Properties: `uri` (construct-only), `state` (notify), `rtt-us` (gint64, -1 unknown), `goodput` (double, bytes/s,
 * 0 unknown), `last-error` (string, nullable: why it is not online).
 */
REPLICA_PUBLIC
G_DECLARE_FINAL_TYPE (ReplicaLink, replica_link, REPLICA, LINK, GObject)

#define REPLICA_DEFAULT_URI "http://127.0.0.1:7878"
/* Where a client looks when nobody tells it: $SYNOPTIC_SERVER unless it is empty, else %REPLICA_DEFAULT_URI. */
REPLICA_PUBLIC const char *replica_default_uri (void);

/* @uri: http://HOST:PORT of a silo (or ws://), or https://HOST:PORT (or wss://) of one that speaks TLS; no path. NULL with REPLICA_ERROR_INVALID. */
REPLICA_PUBLIC ReplicaLink *replica_link_new (const char *uri, GError **error);

/**
 * replica_link_set_ca_file:
 * @file: (nullable) (type filename): certificates in PEM form: the authorities that are trusted, instead of the system's; %NULL: the system's are
 *
 * Of https:// the server's certificate is always checked: signed by somebody trusted, valid today, and for the host in the link's URL. What fails that is
 * told by `last-error`, and tried again like any other failure. Before the link is started and asked for anything, once. The file is read here, blocking;
 * of a link of http:// it is not needed, and not read.
 *
 * Returns: %FALSE with %REPLICA_ERROR_INVALID: the file cannot be read, or there is no certificate in it
 */
REPLICA_PUBLIC gboolean replica_link_set_ca_file (ReplicaLink *self, const char *file, GError **error);

/**
 * replica_default_ca_file:
 *
 * Returns: (nullable) (transfer none): what a client gives replica_link_set_ca_file() when nobody tells it: $SYNOPTIC_CA unless it is empty
 */
REPLICA_PUBLIC const char *replica_default_ca_file (void);
REPLICA_PUBLIC void replica_link_start (ReplicaLink *self);
REPLICA_PUBLIC void replica_link_stop (ReplicaLink *self);
REPLICA_PUBLIC const char *replica_link_get_uri (ReplicaLink *self);
REPLICA_PUBLIC ReplicaLinkState replica_link_get_state (ReplicaLink *self);
REPLICA_PUBLIC gint64 replica_link_get_rtt_us (ReplicaLink *self);
REPLICA_PUBLIC double replica_link_get_goodput (ReplicaLink *self);
/* From the next poll on. */
REPLICA_PUBLIC void replica_link_set_compression (ReplicaLink *self, ReplicaCompression compression);
/* Whether snapshots are asked for compressed at the moment. */
REPLICA_PUBLIC gboolean replica_link_get_compresses (ReplicaLink *self);
REPLICA_PUBLIC const char *replica_link_get_last_error (ReplicaLink *self);

/**
 * replica_link_fetch_async:
 * @path: an HTTP path and query on the same silo, as `/v1/screens`
 * @accept: (nullable): an Accept header, %NULL for JSON
 * @if_none_match: (nullable): a token text to hold on
 * @wait_s: for `Prefer: wait=N` together with @if_none_match; 0 none
 *
 * A plain HTTP request beside the views. The finish function returns the body, with @etag (out, nullable) the new
 * token text; an HTTP error becomes a %REPLICA_ERROR with the server's message. A 304 is %NULL without error.
 */
REPLICA_PUBLIC void replica_link_fetch_async (ReplicaLink *self, const char *path, const char *accept,
                                              const char *if_none_match, guint wait_s, GCancellable *cancellable,
                                              GAsyncReadyCallback callback, gpointer user_data);
REPLICA_PUBLIC GBytes *replica_link_fetch_finish (ReplicaLink *self, GAsyncResult *result, char **etag, GError **error);

/* POST @body to a source; @content_type: application/x-ndjson, application/json or text/csv. The finish function
 * gives the events accepted and the sequence of the last; the error's message names line and field. */
REPLICA_PUBLIC void replica_link_publish_async (ReplicaLink *self, const char *source, GBytes *body,
                                                const char *content_type, GCancellable *cancellable,
                                                GAsyncReadyCallback callback, gpointer user_data);
/* The same, numbered: a request of the same @producer (1 to 128 letters, digits or . _ : -) and @number counts once, however often it is
 * sent, also over restarts of the server when the source is durable. @number is one more with each request that was accepted and
 * had an event; the first may be any from 1. So what failed with OVERLOADED, UNAVAILABLE or TIMEOUT is sent again as it was. */
REPLICA_PUBLIC void replica_link_publish_numbered_async (ReplicaLink *self, const char *source, GBytes *body,
                                                         const char *content_type, const char *producer, guint64 number,
                                                         GCancellable *cancellable, GAsyncReadyCallback callback,
                                                         gpointer user_data);
REPLICA_PUBLIC gboolean replica_link_publish_finish (ReplicaLink *self, GAsyncResult *result, guint64 *accepted,
                                                     guint64 *sequence, GError **error);

/**
 * replica_link_publish_batch_async:
 * @batch: events; it is laid out at once, and may change afterwards
 * @cancellable: (nullable): what was sent already may be accepted all the same
 *
 * Publishes events over the link's WebSocket: the cheapest way for many. The link has to be started; while it connects, this waits; when it is offline, or its
 * connection ends before the answer, the error is %REPLICA_ERROR_UNAVAILABLE. Several may be out at a time, and are taken in the order of the calls; a server
 * reads on after 8 of them when it has answered one, so who watches over the same link waits, too.
 */
REPLICA_PUBLIC void replica_link_publish_batch_async (ReplicaLink *self, ReplicaEventBatch *batch, GCancellable *cancellable,
                                                      GAsyncReadyCallback callback, gpointer user_data);

/**
 * replica_link_publish_batch_numbered_async:
 * @batch: as for replica_link_publish_batch_async()
 * @producer: (nullable): who publishes: as for replica_link_publish_numbered_async()
 * @number: of the request; over HTTP and over the WebSocket the same numbers count
 *
 * The same, numbered: what failed with %REPLICA_ERROR_OVERLOADED, %REPLICA_ERROR_UNAVAILABLE or %REPLICA_ERROR_TIMEOUT is sent again as it was, and counts
 * once. At most 8 of a producer should be out. Its end is replica_link_publish_batch_finish(), too.
 */
REPLICA_PUBLIC void replica_link_publish_batch_numbered_async (ReplicaLink *self, ReplicaEventBatch *batch, const char *producer, guint64 number,
                                                               GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);

/**
 * replica_link_publish_bytes_async:
 * @batch: what replica_event_batch_to_bytes() gave, with its producer and number if it has them; sent as it is
 *
 * The same for who keeps what he sends, to send it again. Its end is replica_link_publish_batch_finish(), too.
 */
REPLICA_PUBLIC void replica_link_publish_bytes_async (ReplicaLink *self, GBytes *batch, GCancellable *cancellable, GAsyncReadyCallback callback,
                                                      gpointer user_data);

/**
 * replica_link_publish_batch_finish:
 * @accepted: (out) (optional): events that were accepted
 * @sequence: (out) (optional): of the last of them
 *
 * Returns: %FALSE with an error: nothing was accepted, or (%REPLICA_ERROR_UNAVAILABLE, %REPLICA_ERROR_TIMEOUT) it is not known. Of what was wrong with the events,
 *   replica_link_result_get_place() tells the event, from 1, in the place of a line
 */
REPLICA_PUBLIC gboolean replica_link_publish_batch_finish (ReplicaLink *self, GAsyncResult *result, guint64 *accepted, guint64 *sequence, GError **error);

/**
 * replica_link_result_get_retry_ms:
 * @result: the result of a fetch or a publication, in its callback
 *
 * Returns: after how many milliseconds the server asks to try the same again (as with
 *   %REPLICA_ERROR_OVERLOADED); 0: it did not say
 */
REPLICA_PUBLIC guint replica_link_result_get_retry_ms (GAsyncResult *result);

/**
 * replica_link_result_get_place:
 * @result: the result of a fetch or a publication, in its callback
 * @line: (out) (optional): the line of the body that was refused, from 1; 0: not told
 * @field: (out) (optional) (nullable) (transfer none): the field
 * @message: (out) (optional) (nullable) (transfer none): the server's message alone
 *
 * What an HTTP error said of the place, for who sent a part of something larger.
 *
 * Returns: whether a line or a field was told
 */
REPLICA_PUBLIC gboolean replica_link_result_get_place (GAsyncResult *result, guint64 *line, const char **field,
                                                       const char **message);

G_END_DECLS
