/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ws-fixture.h"

#include <string.h>
#include <sys/socket.h>
#include "replica-delta.h"
#include "replica-zstd.h"
#include "syn-ws-private.h"

Client *
open_client (Fixture *f)
{
  Client *self = g_new0 (Client, 1);
  g_autofree char *answer = NULL;

  self->fd = client_connect (f);
  self->in = g_byte_array_new ();
  answer = client_ask (f, self->fd, HANDSHAKE);
  g_assert_cmpuint (status_of (answer), ==, 101);
  g_assert_true (g_str_has_suffix (answer, "\r\n\r\n"));
  return self;
}

Client *
open_deaf (Fixture *f, guint index)
{
  g_autoptr (SynUploads) uploads = syn_uploads_new (f->catalog, SYN_MAX_UPLOAD_BYTES);
  Client *self = g_new0 (Client, 1);
  int pair[2], small = 4096;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
  setsockopt (pair[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  self->fd = pair[1];
  self->in = g_byte_array_new ();
  syn_ws_lane_give (syn_silo_get_lane (f->silo, index % syn_silo_get_n_lanes (f->silo)), pair[0], NULL, NULL, "deaf/1", uploads);
  return self;
}

void
close_client (Fixture *f, Client *self)
{
  client_close (f, self->fd);
  g_byte_array_unref (self->in);
  g_free (self);
}

void
warm_up (Fixture *f)
{
  close_client (f, open_client (f));
  close_client (f, open_client (f));
}

void
send_frame (Fixture *f, Client *self, guint8 first, const void *payload, gsize length)
{
  static const guint8 mask[4] = { 0x12, 0x34, 0x56, 0x78 };
  guint8 head[SYN_WS_HEAD_MAX];
  g_autoptr (GByteArray) frame = g_byte_array_new ();
  guint n = syn_ws_frame_head (head, 0, length);

  head[0] = first;
  head[1] |= 0x80;
  g_byte_array_append (frame, head, n);
  g_byte_array_append (frame, mask, 4);
  for (gsize i = 0; i < length; i++)
    {
      guint8 byte = ((const guint8 *) payload)[i] ^ mask[i % 4];

      g_byte_array_append (frame, &byte, 1);
    }
  client_send_bytes (f, self->fd, frame->data, frame->len);
}

GByteArray *
make_poll (guint32 view, const char *path, ReplicaToken token, guint hold_ms)
{
  gsize length = path != NULL ? strlen (path) : 0;
  ReplicaWirePoll poll = { .type = REPLICA_WIRE_POLL, .accept = REPLICA_WIRE_ACCEPT_FULL, .path_bytes = (guint16) length, .view = view,
                           .epoch = token.epoch, .serial = token.serial, .hold_ms = hold_ms };
  GByteArray *message = g_byte_array_new ();

  g_byte_array_append (message, (guint8 *) &poll, sizeof poll);
  if (length > 0)
    g_byte_array_append (message, (const guint8 *) path, (guint) length);
  return message;
}

void
send_poll_accept (Fixture *f, Client *self, guint32 view, const char *path, ReplicaToken token, guint hold_ms, guint8 accept)
{
  g_autoptr (GByteArray) message = make_poll (view, path, token, hold_ms);

  message->data[1] = accept;
  send_frame (f, self, 0x82, message->data, message->len);
}

void
send_poll (Fixture *f, Client *self, guint32 view, const char *path, ReplicaToken token, guint hold_ms)
{
  g_autoptr (GByteArray) message = make_poll (view, path, token, hold_ms);

  send_frame (f, self, 0x82, message->data, message->len);
}

void
receive (Fixture *f, Client *self)
{
  g_autoptr (GByteArray) more = client_read_bytes (f, self->fd, &self->closed);

  g_byte_array_append (self->in, more->data, more->len);
}

GBytes *
take_frame (Fixture *f, Client *self, guint8 *first)
{
  gsize head = 2, length;
  GBytes *payload;

  receive (f, self);
  if (self->in->len < 2)
    return NULL;
  g_assert_cmpuint (self->in->data[1] & 0x80, ==, 0); /* a server does not mask */
  length = self->in->data[1];
  if (length == 126)
    {
      length = (gsize) self->in->data[2] << 8 | self->in->data[3];
      head = 4;
    }
  else if (length == 127)
    {
      length = 0;
      for (guint i = 2; i < 10; i++)
        length = length << 8 | self->in->data[i];
      head = 10;
    }
  if (self->in->len < head + length)
    return NULL;
  *first = self->in->data[0];
  payload = g_bytes_new (self->in->data + head, length);
  g_byte_array_remove_range (self->in, 0, (guint) (head + length));
  return payload;
}

void
assert_nothing (Fixture *f, Client *self)
{
  receive (f, self);
  g_assert_cmpuint (self->in->len, ==, 0);
  g_assert_false (self->closed);
}

GBytes *
take_message (Fixture *f, Client *self, guint8 type, guint32 view)
{
  guint8 first = 0;
  GBytes *payload = take_frame (f, self, &first);
  const guint8 *data;
  guint32 got;

  g_assert_nonnull (payload);
  g_assert_cmphex (first, ==, 0x82);
  data = g_bytes_get_data (payload, NULL);
  g_assert_cmphex (data[0], ==, type);
  memcpy (&got, data + 4, sizeof got);
  g_assert_cmpuint (got, ==, view);
  return payload;
}

void
assert_snapshot (Fixture *f, Client *self, guint32 view, guint n_rows)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_SNAPSHOT, view);
  ReplicaWireSnapshotHead head;
  g_autoptr (GBytes) body = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GError) error = NULL;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.form, ==, REPLICA_WIRE_FORM_FULL);
  g_assert_cmpuint (head.body_bytes, ==, g_bytes_get_size (payload) - sizeof head);
  body = g_bytes_new_from_bytes (payload, sizeof head, head.body_bytes);
  snapshot = replica_snapshot_new_from_bytes (body, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (replica_snapshot_get_n_rows (snapshot), ==, n_rows);
}

void
assert_unchanged (Fixture *f, Client *self, guint32 view, ReplicaToken token)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_UNCHANGED, view);
  ReplicaWireUnchanged unchanged;

  g_assert_cmpuint (g_bytes_get_size (payload), ==, sizeof unchanged);
  memcpy (&unchanged, g_bytes_get_data (payload, NULL), sizeof unchanged);
  g_assert_cmpuint (unchanged.epoch, ==, token.epoch);
  g_assert_cmpuint (unchanged.serial, ==, token.serial);
}

void
assert_error (Fixture *f, Client *self, guint32 view, guint code, gboolean retry)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_ERROR, view);
  ReplicaWireErrorHead head;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.code, ==, code);
  g_assert_cmpint (head.retry_ms > 0, ==, retry);
  g_assert_cmpuint (head.message_bytes, ==, g_bytes_get_size (payload) - sizeof head);
  g_assert_cmpuint (head.message_bytes, >, 0);
  g_assert_true (g_utf8_validate_len ((const char *) g_bytes_get_data (payload, NULL) + sizeof head, head.message_bytes, NULL));
}

void
assert_close (Fixture *f, Client *self, guint16 code)
{
  guint8 first = 0;
  g_autoptr (GBytes) payload = take_frame (f, self, &first);
  const guint8 *data;

  g_assert_nonnull (payload);
  g_assert_cmphex (first, ==, 0x88);
  data = g_bytes_get_data (payload, NULL);
  g_assert_cmpuint (g_bytes_get_size (payload), >=, 2);
  g_assert_cmpuint ((guint) (data[0] << 8 | data[1]), ==, code);
  receive (f, self);
  g_assert_cmpuint (self->in->len, ==, 0);
  g_assert_true (self->closed);
}

ReplicaSnapshot *
take_form (Fixture *f, Client *self, guint32 view, guint8 form, ReplicaSnapshot *base)
{
  g_autoptr (GBytes) payload = take_message (f, self, REPLICA_WIRE_SNAPSHOT, view), body = NULL;
  ReplicaWireSnapshotHead head;
  ReplicaSnapshot *snapshot;
  g_autoptr (GError) error = NULL;

  memcpy (&head, g_bytes_get_data (payload, NULL), sizeof head);
  g_assert_cmpuint (head.form, ==, form);
  body = g_bytes_new_from_bytes (payload, sizeof head, head.body_bytes);
  if (form & REPLICA_WIRE_FORM_ZSTD)
    {
      GBytes *plain = replica_zstd_decompress (body, &error);

      g_assert_no_error (error);
      g_bytes_unref (g_steal_pointer (&body));
      body = plain;
    }
  snapshot = form & REPLICA_WIRE_FORM_DELTA ? replica_delta_apply (base, body, &error) : replica_snapshot_new_from_bytes (body, &error);
  g_assert_no_error (error);
  return snapshot;
}
