/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-link-private.h"
#include "replica-meter.h"

/* The inside of ReplicaLink, for its own files (replica-link*.c) and no other. */

G_BEGIN_DECLS

typedef struct
{
  guint32 id;
  const ReplicaLinkClient *client; /* (static) */
  gpointer data;                   /* (borrowed) a GObject */
  char *path;                      /* (owned) */
  gboolean polled;                 /* on the connection that stands: the server knows of it */
  gboolean path_sent;              /* and has its path */
  gint64 asked_us;                 /* when the outstanding poll was sent; -1: none is */
  guint hold_ms;
  ReplicaToken token; /* that it named */
  guint8 accept;      /* and the forms that it asked for */
} ReplicaLinkView;

/* What an error said beside its message; the head of a task's data where replica_link_result_get_…() work. */
typedef struct
{
  guint retry_ms;
  guint64 line;  /* or event, from 1; 0: not told */
  char *field;   /* (owned) (nullable) */
  char *details; /* (owned) (nullable): the message alone */
} ReplicaLinkFault;

struct _ReplicaLink
{
  GObject parent_instance;

  char *uri;             /* (owned) as given */
  GUri *endpoint;        /* (owned) */
  GMainContext *context; /* (owned) */
  SoupSession *session;  /* (owned) */
  ReplicaClock clock;
  const ReplicaLinkPeer *peer; /* (static) (nullable) */
  gpointer peer_data;

  gboolean started;
  ReplicaLinkState state;
  char *last_error;                    /* (owned) (nullable) */
  GCancellable *connecting;            /* (owned) (nullable) */
  GSocket *socket;                     /* (owned) (nullable) under the connection, to ask the kernel */
  SoupWebsocketConnection *connection; /* (owned) (nullable) */
  GPtrArray *closing;                  /* (owned) connections that wait for the peer's close frame */
  char *broken;                        /* (owned) (nullable) what libsoup said before "closed" */
  guint n_failures;                    /* in a row: what the back-off grows with */

  GHashTable *views; /* (owned) id → ReplicaLinkView */
  guint32 last_id;
  GQueue publications; /* (owned) of GTask: not answered, in the order in which they are sent */
  guint32 last_request;

  GSource *retry;         /* (owned) */
  GSource *watchdog;      /* (owned) */
  GSource *probe;         /* (owned) */
  gint64 heard_us;        /* anything, on this connection; -1 */
  gint64 confirmed_us;    /* see replica_link_get_confirmed_us() */
  guint64 message_bytes;  /* of all messages, over all connections */
  gint64 answer_us;       /* an answer to a view, or bytes of one */
  guint64 received_bytes; /* by the kernel, when the watchdog last looked */

  gboolean probe_due;
  gint64 probe_sent_us; /* -1: none is outstanding */
  gint64 probe_every_us;
  ReplicaToken probe_token;
  ReplicaMeter meter;
  gint64 connect_us; /* when the last attempt began */
  double goodput; /* as notified */
  GSource *first_byte;      /* (owned) (nullable) of the connection that stands: when an answer begins to arrive */
  gint64 first_us;          /* when the one that is arriving did; -1: not seen */
  gsize first_bytes;        /* that were here by then */
  ReplicaCompression compression;
  gboolean is_zstd;     /* asks for compressed answers */
  gboolean is_loopback;
};

static inline gint64
replica_link_now (ReplicaLink *self)
{
  return replica_clock_now_us (&self->clock);
}

/* replica-link.c: the end of a connection, or of an attempt. @close_code: to tell the peer; 0: it knows. */
void replica_link_drop (ReplicaLink *self, const char *why, guint close_code);

/* replica-link-http.c */
/* @what: of what @fault's line is the number. The place goes in front, as far as the message does not tell it by itself. */
GError *replica_link_fault_to_error (const ReplicaLinkFault *fault, ReplicaError code, const char *what);
void replica_link_fault_clear (ReplicaLinkFault *fault);

/* replica-link-publish.c */
void replica_link_send_publications (ReplicaLink *self); /* those that waited for the connection */
gint64 replica_link_get_publication_due (ReplicaLink *self); /* when the first answer has to be there; -1: none is out */
/* The connection is gone, or does not come. */
void replica_link_fail_publications (ReplicaLink *self, const char *why);
/* PUBLISHED or REFUSED; takes texts out of it. */
void replica_link_publication_answered (ReplicaLink *self, ReplicaMessage *message);

/* replica-link-views.c */
/* FALSE: not connected, or closing: what is sent then would not leave. */
gboolean replica_link_send (ReplicaLink *self, GBytes *message);
void replica_link_view_free (gpointer data);
void replica_link_tell_views (ReplicaLink *self, gboolean online);
void replica_link_watchdog_cb (gpointer data);
/* replica-link-goodput.c: a connection stands, or is gone; a message of @size_bytes, the answer to what was asked at @asked_us, is here. */
void replica_link_watch_socket (ReplicaLink *self);
void replica_link_unwatch_socket (ReplicaLink *self);
void replica_link_measure (ReplicaLink *self, gsize size_bytes, gint64 asked_us);
void replica_link_choose_compression (ReplicaLink *self); /* by what is known of the link now */
/* Any message has been handled: the next byte belongs to another. */
void replica_link_await_first_byte (ReplicaLink *self);
void replica_link_arm_watchdog (ReplicaLink *self);
/* Bytes that the kernel has received on the connection; 0: unknown. */
guint64 replica_link_received_bytes (ReplicaLink *self);
void replica_link_probe_cb (gpointer data);
void replica_link_send_probe (ReplicaLink *self);
/* FALSE with an error: the peer broke the protocol. */
gboolean replica_link_probe_answered (ReplicaLink *self, const ReplicaMessage *message, GError **error);
gboolean replica_link_answer (
    ReplicaLink *self, ReplicaLinkView *view, const ReplicaMessage *message, gsize size, GError **error);

G_END_DECLS
