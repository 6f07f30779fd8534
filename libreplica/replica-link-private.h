/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "replica-link.h"
#include "replica-message.h"
#include "replica-timer.h"

/* What a view sees of its link, and what tests set. Same thread as the link. Internal to the repository. */

G_BEGIN_DECLS

#define REPLICA_LINK_MARGIN_US (5 * G_USEC_PER_SEC)
#define REPLICA_LINK_CONNECT_US (10 * G_USEC_PER_SEC)
#define REPLICA_LINK_BACKOFF_MIN_US (G_USEC_PER_SEC / 4)
#define REPLICA_LINK_BACKOFF_MAX_US (8 * G_USEC_PER_SEC)
/* A probe of the round trip waits this long, then a little for an answer to ride behind. */
#define REPLICA_LINK_PROBE_US (5 * G_USEC_PER_SEC)
#define REPLICA_LINK_PROBE_PATIENCE_US (3 * G_USEC_PER_SEC / 2)
#define REPLICA_LINK_PROBE_MAX_US (60 * G_USEC_PER_SEC)
/* The view id of probes; those of views count from 1. */
#define REPLICA_LINK_PROBE_VIEW 0

/**
 * ReplicaLinkClient:
 * @online: a connection stands: poll
 * @offline: it is gone, and with it every outstanding poll
 * @answer: the outstanding poll's answer; %FALSE with an error: the peer broke the protocol, the link closes.
 * The client may detach itself, stop or drop the link meanwhile.
 */
typedef struct
{
  void (*online) (gpointer data);
  void (*offline) (gpointer data);
  gboolean (*answer) (gpointer data, const ReplicaMessage *message, GError **error);
} ReplicaLinkClient;

/* @data, a GObject, is borrowed until the detach. Returns the view's id on this link; never one used before.
 */
guint32
replica_link_attach (ReplicaLink *self, const ReplicaLinkClient *client, gpointer data, const char *path);
/* Withdraws an outstanding poll. An answer that is on its way will find nobody, and is dropped. */
void replica_link_detach (ReplicaLink *self, guint32 view);
/* @accept: the forms that the view reads; the link adds whether compressed. Sends a poll if online and none is outstanding; FALSE otherwise. */
gboolean replica_link_poll (ReplicaLink *self, guint32 view, ReplicaToken token, guint8 accept, guint hold_ms);
/* When the outstanding poll of @view was sent; -1: none is. */
gint64 replica_link_get_asked_us (ReplicaLink *self, guint32 view);
/* Up to when the server knew, as far as has been heard on the connection that stands, that whoever it left waiting holds the newest:
 * the time of its last answer, less the age that it told. -1: not heard yet. */
gint64 replica_link_get_confirmed_us (ReplicaLink *self);
/* Bytes of all messages received, over all connections. */
guint64 replica_link_get_received_bytes (ReplicaLink *self);

/**
 * ReplicaLinkPeer:
 * @request: what else to say in the head of every request: the WebSocket's, and those of fetches and publications
 * @answer: the head of the server's answer to the WebSocket's request; %FALSE with an error: it is not what we want, the connection ends
 * @heard: something was heard on the connection that stands
 *
 * For a program that is a server itself. All on the link's thread; each may be %NULL.
 */
typedef struct
{
  void (*request) (SoupMessageHeaders *headers, gpointer data);
  gboolean (*answer) (SoupMessageHeaders *headers, gpointer data, GError **error);
  void (*heard) (gpointer data);
} ReplicaLinkPeer;

/* Before the link is started. @peer (static), @data (borrowed). */
void replica_link_set_peer (ReplicaLink *self, const ReplicaLinkPeer *peer, gpointer data);

/* Before the link is started: what is trusted instead of the system's authorities. */
void replica_link_set_trust (ReplicaLink *self, GTlsDatabase *trust);

/**
 * ReplicaPublicationEnd:
 * @REPLICA_PUBLICATION_NOT_SENT: nothing of it left
 * @REPLICA_PUBLICATION_UNKNOWN: it left, or a part, and no answer came
 * @REPLICA_PUBLICATION_REFUSED: the server said so; the error's code is its own, as are retry time and place
 */
typedef enum
{
  REPLICA_PUBLICATION_NOT_SENT,
  REPLICA_PUBLICATION_UNKNOWN,
  REPLICA_PUBLICATION_REFUSED
} ReplicaPublicationEnd;

/* In the callback of a publication that failed. */
ReplicaPublicationEnd replica_link_publication_get_end (GAsyncResult *result);

GMainContext *replica_link_get_context (ReplicaLink *self);
const ReplicaClock *replica_link_get_clock (ReplicaLink *self);

/* For tests: time by hand. Before the link is started. */
void replica_link_set_clock (ReplicaLink *self, gint64 (*now_us) (gpointer data), gpointer data);

/* For tests: the connection that stands, to look at what was negotiated. */
SoupWebsocketConnection *replica_link_get_connection (ReplicaLink *self);

G_END_DECLS
