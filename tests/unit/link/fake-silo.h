/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libsoup/soup.h>

#include "replica-link-private.h"
#include "replica-view.h"

/* A silo that does what a test says, in the test's own thread and context, and time that stands still until
 * it is moved. */

typedef struct
{
  guint connection; /* the how manieth, from 0 */
  guint32 view;
  ReplicaToken token;
  guint8 accept;
  guint hold_ms;
  gboolean has_path;
  char *path; /* (owned) also when it was not repeated */
} FakePoll;

typedef struct _Fake Fake;

struct _Fake
{
  GMainContext *context;
  GSocketListener *listener;
  GCancellable *accepting;
  GTlsCertificate *certificate; /* (owned) (nullable): of connections to come; NULL: they speak no TLS */
  SoupServer *server;
  char *uri;
  gint64 now_us;
  gboolean answer_probes; /* on view 0, with `unchanged` */
  guint age_ms;           /* what answers say of it: a multiple of 10 */
  guint n_probes;
  FakePoll probe; /* the last one; its path is not kept */

  GPtrArray *connections; /* of SoupWebsocketConnection, as they came; closed ones too */
  GQueue polls;           /* of FakePoll, of views but 0; not yet taken */
  GHashTable *paths;      /* "connection:view" → path */
  GArray *withdrawn;      /* of guint32 */
  GQueue publications;    /* of GBytes: whole messages, as they came */

  SoupServerMessage *request; /* (owned) (nullable) the last HTTP request, paused until it is answered */
  char *request_body;
  ReplicaLink *link;

  /* What answers by itself, where nobody can take and send in turn. */
  void (*on_poll) (Fake *fake, const FakePoll *poll);
  void (*on_request) (Fake *fake);
  gpointer data; /* for them */
};

/* The clock of a Fake. */
gint64 fake_now (gpointer data);
Fake *fake_new (void);
/* One that speaks TLS, with this certificate; its link trusts nobody but the system's authorities. */
Fake *fake_new_tls (GTlsCertificate *certificate);
/* Another link to it, for one that is not started: of these it keeps the last. */
void fake_set_link (Fake *fake, const char *uri);
/* Nobody listens any more, and what was connected is not. */
void fake_end_server (Fake *fake);
void fake_free (Fake *fake);
void fake_poll_free (FakePoll *poll);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakePoll, fake_poll_free)

/* Runs the context until nothing is left to do. */
void fake_settle (Fake *fake);
void fake_advance_ms (Fake *fake, gint64 ms);
/* Runs the context until the link is in that state. */
void fake_wait_state (Fake *fake, ReplicaLinkState state);
/* The next poll of a view; runs the context until it comes. */
FakePoll *fake_take_poll (Fake *fake);
SoupWebsocketConnection *fake_last_connection (Fake *fake);
/* The batch of the next publication, and its number; runs the context until it comes. */
GBytes *fake_take_publication (Fake *fake, guint32 *request);

/* The wire form of a snapshot of `symbol` (key) and `last`, with one row per value. */
GBytes *fake_snapshot_bytes (const char *path, ReplicaToken token, const gint64 *values, guint n_values);
void fake_send (Fake *fake, const void *data, gsize size);
void fake_send_body (Fake *fake, guint32 view, GBytes *body);
void fake_send_form (Fake *fake, guint32 view, guint8 form, GBytes *body);
void fake_send_snapshot (Fake *fake, const FakePoll *poll, guint64 epoch, guint64 serial, gint64 value);
void fake_send_unchanged (Fake *fake, const FakePoll *poll);
void
fake_send_error (Fake *fake, const FakePoll *poll, ReplicaError code, guint32 retry_ms, const char *text);
/* The connection breaks off, without a close frame. */
void fake_vanish (Fake *fake);

/* Runs the context until an HTTP request is there; then answers it. */
void fake_wait_request (Fake *fake);
void fake_respond (Fake *fake, guint status, const char *type, const char *body);

typedef struct
{
  guint n;
  gint64 value; /* of the first row, as shown last */
  guint n_changed, n_added, n_removed;
} FakeSeen;

/* A view that is started, and notes in @seen what it shows. */
ReplicaView *fake_view_new (Fake *fake, const char *path, FakeSeen *seen);
/* Stops it and drops the last reference. */
void fake_view_drop (ReplicaView *view);
/* Takes the next poll, which must name this serial, and answers it with a snapshot. */
void fake_answer (Fake *fake, guint64 held_serial, guint64 serial, gint64 value);

#define fake_wait_until(fake, condition)                                                                     \
  while (!(condition))                                                                                       \
  g_main_context_iteration ((fake)->context, TRUE)
