/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads the server's messages and writes the client's. Pure functions, any thread.
 *
 * Reading a snapshot's message is two steps on purpose: here only the sizes and the token, so that the next
 * poll can leave before the body, which may be large, is checked by replica_snapshot_new_from_bytes(). The
 * structs are copied out with memcpy, never cast: a message may begin anywhere. */

#include <string.h>

#include "replica-message.h"

static gboolean
broken (GError **error, const char *what)
{
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "The server broke the protocol: %s", what);
  return FALSE;
}

/* Whether the body begins as something of that form. */
static gboolean
is_of_form (guint8 form, guint32 magic, guint16 version)
{
  switch (form)
    {
    case REPLICA_WIRE_FORM_FULL:
      return magic == REPLICA_WIRE_MAGIC && version == REPLICA_WIRE_VERSION;
    case REPLICA_WIRE_FORM_DELTA:
      return magic == REPLICA_WIRE_DELTA_MAGIC && version == REPLICA_WIRE_DELTA_VERSION;
    case REPLICA_WIRE_FORM_FULL | REPLICA_WIRE_FORM_ZSTD:
    case REPLICA_WIRE_FORM_DELTA | REPLICA_WIRE_FORM_ZSTD:
      return magic == REPLICA_WIRE_ZSTD_MAGIC && version == REPLICA_WIRE_ZSTD_VERSION;
    default:
      return FALSE;
    }
}

static gboolean
read_snapshot (GBytes *bytes, const guint8 *data, gsize size, ReplicaMessage *message, GError **error)
{
  ReplicaWireSnapshotHead head;
  ReplicaWireZstd snapshot; /* the forms have their magic, version and token in the same places, and as many bytes at least */

  if (size < sizeof head + sizeof snapshot)
    return broken (error, "a snapshot's message is cut short");
  memcpy (&head, data, sizeof head);
  memcpy (&snapshot, data + sizeof head, sizeof snapshot);
  if (head.reserved0 != 0)
    return broken (error, "a reserved field of a snapshot's message is not 0");
  if (head.body_bytes != size - sizeof head)
    return broken (error, "a snapshot's message does not have the size that it says");
  if (head.body_bytes > REPLICA_SNAPSHOT_MAX_BYTES)
    return broken (error, "a snapshot is larger than the limit");
  if (!is_of_form (head.form, snapshot.magic, snapshot.version))
    return broken (error, "what should be a snapshot is not one of a known form and version");
  if (snapshot.epoch == 0 || snapshot.serial == 0)
    return broken (error, "a snapshot has no token");

  message->view = head.view;
  message->form = head.form;
  message->token = (ReplicaToken){ snapshot.epoch, snapshot.serial };
  message->age_us = (gint64) head.age_ms * 1000;
  message->body = g_bytes_new_from_bytes (bytes, sizeof head, head.body_bytes);
  return TRUE;
}

static gboolean
read_unchanged (const guint8 *data, gsize size, ReplicaMessage *message, GError **error)
{
  ReplicaWireUnchanged unchanged;

  if (size != sizeof unchanged)
    return broken (error, "an \"unchanged\" has the wrong size");
  memcpy (&unchanged, data, sizeof unchanged);
  if (unchanged.reserved != 0)
    return broken (error, "a reserved field of an \"unchanged\" is not 0");
  message->view = unchanged.view;
  message->token = (ReplicaToken){ unchanged.epoch, unchanged.serial };
  message->age_us = (gint64) unchanged.age_10ms * 10000;
  return TRUE;
}

/* A code of a later version still is an error that the text explains. */
static ReplicaError
read_code (guint16 code)
{
  return code >= REPLICA_ERROR_INVALID && code <= REPLICA_ERROR_CONFLICT ? (ReplicaError) code : REPLICA_ERROR_INTERNAL;
}

static gboolean
read_published (const guint8 *data, gsize size, ReplicaMessage *message, GError **error)
{
  ReplicaWirePublished published;

  if (size != sizeof published)
    return broken (error, "a \"published\" has the wrong size");
  memcpy (&published, data, sizeof published);
  if (published.reserved[0] != 0 || published.reserved[1] != 0 || published.reserved[2] != 0)
    return broken (error, "a reserved field of a \"published\" is not 0");
  message->view = published.request;
  message->accepted = published.accepted;
  message->sequence = published.sequence;
  return TRUE;
}

static gboolean
read_refused (const guint8 *data, gsize size, ReplicaMessage *message, GError **error)
{
  ReplicaWireRefusedHead head;
  const char *text = (const char *) data + sizeof head;

  if (size < sizeof head)
    return broken (error, "a \"refused\" is cut short");
  memcpy (&head, data, sizeof head);
  if (head.reserved0 != 0 || head.reserved1 != 0)
    return broken (error, "a reserved field of a \"refused\" is not 0");
  if ((guint64) head.field_bytes + head.message_bytes != size - sizeof head)
    return broken (error, "a \"refused\" does not have the size that it says");
  if (!g_utf8_validate_len (text, head.field_bytes, NULL) || !g_utf8_validate_len (text + head.field_bytes, head.message_bytes, NULL))
    return broken (error, "a text of a \"refused\" is not UTF-8");
  message->view = head.request;
  message->code = read_code (head.code);
  message->retry_ms = head.retry_ms;
  message->event = head.event;
  message->field = head.field_bytes > 0 ? g_strndup (text, head.field_bytes) : NULL;
  message->text = g_strndup (text + head.field_bytes, head.message_bytes);
  return TRUE;
}

static gboolean
read_error (const guint8 *data, gsize size, ReplicaMessage *message, GError **error)
{
  ReplicaWireErrorHead head;
  const char *text = (const char *) data + sizeof head;

  if (size < sizeof head)
    return broken (error, "an error's message is cut short");
  memcpy (&head, data, sizeof head);
  if (head.reserved0 != 0)
    return broken (error, "a reserved field of an error's message is not 0");
  if (head.message_bytes != size - sizeof head)
    return broken (error, "an error's message does not have the size that it says");
  if (!g_utf8_validate_len (text, head.message_bytes, NULL))
    return broken (error, "the text of an error is not UTF-8");
  message->view = head.view;
  message->code = read_code (head.code);
  message->retry_ms = head.retry_ms;
  message->text = g_strndup (text, head.message_bytes);
  return TRUE;
}

gboolean
replica_message_read (GBytes *bytes, ReplicaMessage *message, GError **error)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);

  memset (message, 0, sizeof *message);
  if (size == 0)
    return broken (error, "an empty message");
  message->type = data[0];
  switch (data[0])
    {
    case REPLICA_WIRE_SNAPSHOT:
      return read_snapshot (bytes, data, size, message, error);
    case REPLICA_WIRE_UNCHANGED:
      return read_unchanged (data, size, message, error);
    case REPLICA_WIRE_ERROR:
      return read_error (data, size, message, error);
    case REPLICA_WIRE_PUBLISHED:
      return read_published (data, size, message, error);
    case REPLICA_WIRE_REFUSED:
      return read_refused (data, size, message, error);
    default:
      return broken (error, "a message of an unknown type");
    }
}

gboolean
replica_message_is_accepted (const ReplicaMessage *message, guint8 accept)
{
  return (!(message->form & REPLICA_WIRE_FORM_DELTA) || (accept & REPLICA_WIRE_ACCEPT_DELTA))
         && (!(message->form & REPLICA_WIRE_FORM_ZSTD) || (accept & REPLICA_WIRE_ACCEPT_ZSTD));
}

void
replica_message_clear (ReplicaMessage *message)
{
  g_clear_pointer (&message->body, g_bytes_unref);
  g_clear_pointer (&message->text, g_free);
  g_clear_pointer (&message->field, g_free);
}

GBytes *
replica_message_write_poll (guint32 view, const char *path, ReplicaToken token, guint8 accept, guint hold_ms)
{
  gsize path_bytes = path != NULL ? strlen (path) : 0;
  ReplicaWirePoll poll = {
    .type = REPLICA_WIRE_POLL,
    .accept = accept,
    .path_bytes = (guint16) path_bytes,
    .view = view,
    .epoch = token.epoch,
    .serial = token.serial,
    .hold_ms = hold_ms,
  };
  guint8 *data;

  g_return_val_if_fail (path_bytes <= REPLICA_WIRE_PATH_MAX, NULL);

  data = g_malloc (sizeof poll + path_bytes);
  memcpy (data, &poll, sizeof poll);
  if (path_bytes > 0)
    memcpy (data + sizeof poll, path, path_bytes);
  return g_bytes_new_take (data, sizeof poll + path_bytes);
}

GBytes *
replica_message_write_withdraw (guint32 view)
{
  ReplicaWireWithdraw withdraw = { .type = REPLICA_WIRE_WITHDRAW, .view = view };

  return g_bytes_new (&withdraw, sizeof withdraw);
}

GBytes *
replica_message_write_publish (guint32 request, GBytes *batch)
{
  gsize size;
  gconstpointer from = g_bytes_get_data (batch, &size);
  const ReplicaWirePublish head = { .type = REPLICA_WIRE_PUBLISH, .request = request, .batch_bytes = (guint32) size };
  guint8 *data = g_malloc (sizeof head + size);

  memcpy (data, &head, sizeof head);
  memcpy (data + sizeof head, from, size);
  return g_bytes_new_take (data, sizeof head + size);
}
