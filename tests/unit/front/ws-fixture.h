/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "front-fixture.h"
#include "replica-wire.h"

/* A client of the WebSocket over a plain socket, beside the fixture of the front: it makes and takes frames by itself, so that the test
 * knows the protocol by other means than the server. */

typedef struct {
  int fd;
  GByteArray *in; /* read, not taken */
  gboolean closed;
} Client;

#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define HANDSHAKE \
  "GET /v1/replica HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" \
  "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: synoptic.v1\r\n\r\n"

/* Connected, and its handshake answered. Freed by close_client(). */
Client *open_client (Fixture *f);
/* One on lane number @index (of all, and round again) whose server's end takes little before it is full. Freed by close_client(). */
Client *open_deaf (Fixture *f, guint index);
void close_client (Fixture *f, Client *self);
/* Each lane makes its epoll set for its first connection: so that descriptors can be counted. */
void warm_up (Fixture *f);

/* A frame whose first byte is @first, masked. */
void send_frame (Fixture *f, Client *self, guint8 first, const void *payload, gsize length);
/* (transfer full) @path: (nullable): the view's, said before. */
GByteArray *make_poll (guint32 view, const char *path, ReplicaToken token, guint hold_ms);
/* A poll that takes the full form; and one that takes those of @accept. */
void send_poll (Fixture *f, Client *self, guint32 view, const char *path, ReplicaToken token, guint hold_ms);
void send_poll_accept (Fixture *f, Client *self, guint32 view, const char *path, ReplicaToken token, guint hold_ms, guint8 accept);

/* Reads what has come into `in`. */
void receive (Fixture *f, Client *self);
/* The next whole frame's payload, or NULL. (transfer full) */
GBytes *take_frame (Fixture *f, Client *self, guint8 *first);
/* The next frame is a message of @type for @view. (transfer full) */
GBytes *take_message (Fixture *f, Client *self, guint8 type, guint32 view);
/* The next message is a snapshot for @view in that form: in full, or against @base. (transfer full) */
ReplicaSnapshot *take_form (Fixture *f, Client *self, guint32 view, guint8 form, ReplicaSnapshot *base);

/* Nothing has come, and the connection is open. */
void assert_nothing (Fixture *f, Client *self);
/* The next frame is that message for @view: */
void assert_snapshot (Fixture *f, Client *self, guint32 view, guint n_rows);
void assert_unchanged (Fixture *f, Client *self, guint32 view, ReplicaToken token);
void assert_error (Fixture *f, Client *self, guint32 view, guint code, gboolean retry);
/* The next frame is a close with @code, and then the server's end is closed. */
void assert_close (Fixture *f, Client *self, guint16 code);
