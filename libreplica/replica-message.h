/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-wire.h"

/* The client's side of `synoptic.v1`: reads what a server sends, writes what a client asks. Internal to the
 * repository. */

G_BEGIN_DECLS

/**
 * ReplicaMessage:
 * @type: %REPLICA_WIRE_SNAPSHOT, %REPLICA_WIRE_UNCHANGED or %REPLICA_WIRE_ERROR; %REPLICA_WIRE_PUBLISHED or %REPLICA_WIRE_REFUSED
 * @view: whose poll it answers; of the last two: which publication
 * @token: of the snapshot (as its header says: the rest of the body is not checked yet), or still held
 * @age_us: how long ago the server knew that this is the newest; 0: it knows now (of an error: 0)
 * @form: of a snapshot: %REPLICA_WIRE_FORM_FULL, …
 * @body: (owned) (nullable): the bytes of the snapshot in that form, a part of the message's own; not checked
 * @code: of an error, of what was refused
 * @retry_ms: likewise; 0: no use to ask the same again
 * @text: (owned) (nullable): likewise: valid UTF-8
 * @event: of what was refused: the event that is wrong, from 1; 0: not told
 * @field: (owned) (nullable): likewise: the field, valid UTF-8
 * @accepted: of what was published: events
 * @sequence: of the last of them
 *
 * An answer of the server.
 */
typedef struct
{
  guint8 type;
  guint8 form;
  guint32 view;
  ReplicaToken token;
  gint64 age_us;
  GBytes *body;
  ReplicaError code;
  guint32 retry_ms;
  char *text;
  guint32 event;
  char *field;
  guint64 accepted, sequence;
} ReplicaMessage;

/* FALSE with REPLICA_ERROR_PROTOCOL, and @message is empty. Copies nothing of a snapshot. */
gboolean replica_message_read (GBytes *bytes, ReplicaMessage *message, GError **error);
/* Of a snapshot: whether a poll with these REPLICA_WIRE_ACCEPT_… may be answered so. */
gboolean replica_message_is_accepted (const ReplicaMessage *message, guint8 accept);
void replica_message_clear (ReplicaMessage *message);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ReplicaMessage, replica_message_clear)

/* @path: (nullable): NULL: the one of the view's poll before; @accept: REPLICA_WIRE_ACCEPT_… */
GBytes *replica_message_write_poll (guint32 view, const char *path, ReplicaToken token, guint8 accept, guint hold_ms);
GBytes *replica_message_write_withdraw (guint32 view);
GBytes *replica_message_write_publish (guint32 request, GBytes *batch); /* copies it */

G_END_DECLS
