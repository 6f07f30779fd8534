/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How fast the link is, and whether answers are worth compressing. Same thread as the link.
 *
 * libsoup hands over whole messages only. So that the time that one takes to arrive is known, the socket under it is watched for the first
 * byte, with a source that then looks away until the message is here: one look per message. What the kernel has by then arrived earlier,
 * nobody knows when (this thread may have drawn a window meanwhile), and is not counted.
 *
 * Rejected: the time since the question (most of it is waiting for news), and reading the socket ahead of libsoup. */

#include <sys/ioctl.h>

#include "replica-link-internal.h"

typedef struct
{
  GSource source;
  ReplicaLink *link; /* (borrowed): it outlives the source */
  gpointer tag; /* NULL: it looks away */
  int fd;
} FirstByte;

static gboolean
first_byte_check (GSource *source)
{
  FirstByte *self = (FirstByte *) source;

  return self->tag != NULL && g_source_query_unix_fd (source, self->tag) != 0;
}

static gboolean
first_byte_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  FirstByte *self = (FirstByte *) source;
  int n_bytes = 0;

  ioctl (self->fd, FIONREAD, &n_bytes);
  self->link->first_us = replica_link_now (self->link);
  self->link->first_bytes = (gsize) MAX (n_bytes, 0);
  /* Taken out, for of a descriptor that is in poll() hears who has ended, whatever he asked for. */
  g_source_remove_unix_fd (source, g_steal_pointer (&self->tag));
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs first_byte_funcs = { NULL, first_byte_check, first_byte_dispatch, NULL, NULL, NULL };

static gboolean
is_loopback (GSocket *socket)
{
  g_autoptr (GSocketAddress) remote = g_socket_get_remote_address (socket, NULL);

  return remote != NULL && G_IS_INET_SOCKET_ADDRESS (remote)
         && g_inet_address_get_is_loopback (g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (remote)));
}

void
replica_link_watch_socket (ReplicaLink *self)
{
  FirstByte *source;

  self->first_us = -1;
  self->is_loopback = FALSE;
  if (self->socket == NULL)
    return;
  self->is_loopback = is_loopback (self->socket);
  self->first_byte = g_source_new (&first_byte_funcs, sizeof (FirstByte));
  source = (FirstByte *) self->first_byte;
  source->link = self;
  source->fd = g_socket_get_fd (self->socket);
  source->tag = g_source_add_unix_fd (self->first_byte, source->fd, G_IO_IN);
  g_source_set_static_name (self->first_byte, "[replica] first byte");
  g_source_set_priority (self->first_byte, G_PRIORITY_HIGH); /* before libsoup reads */
  g_source_attach (self->first_byte, self->context);
}

void
replica_link_unwatch_socket (ReplicaLink *self)
{
  if (self->first_byte == NULL)
    return;
  g_source_destroy (self->first_byte);
  g_clear_pointer (&self->first_byte, g_source_unref);
}

void
replica_link_await_first_byte (ReplicaLink *self)
{
  FirstByte *source = (FirstByte *) self->first_byte;

  self->first_us = -1;
  if (source != NULL && source->tag == NULL)
    source->tag = g_source_add_unix_fd (self->first_byte, source->fd, G_IO_IN);
}

void
replica_link_choose_compression (ReplicaLink *self)
{
  switch (self->compression)
    {
    case REPLICA_COMPRESSION_NEVER:
      self->is_zstd = FALSE;
      break;
    case REPLICA_COMPRESSION_ALWAYS:
      self->is_zstd = TRUE;
      break;
    case REPLICA_COMPRESSION_AUTO:
    default:
      /* What is on loopback and far is at the other end of a tunnel. */
      self->is_zstd = (!self->is_loopback || replica_meter_is_far (&self->meter, REPLICA_METER_FAR_LOOPBACK_US))
                      && replica_meter_pays_zstd (&self->meter, self->is_zstd);
      break;
    }
}

void
replica_link_measure (ReplicaLink *self, gsize size_bytes, gint64 asked_us)
{
  gsize seen_bytes = size_bytes > self->first_bytes ? size_bytes - self->first_bytes : 0;

  if (self->first_byte == NULL)
    replica_meter_add_message (&self->meter, size_bytes, asked_us, self->heard_us);
  else if (self->first_us >= 0 && size_bytes >= REPLICA_METER_BIG_BYTES && seen_bytes < REPLICA_METER_BIG_BYTES)
    replica_meter_add_unseen (&self->meter);
  else if (self->first_us >= 0)
    replica_meter_add_stretch (&self->meter, seen_bytes, self->first_us, self->heard_us);
  replica_link_choose_compression (self);
}

void
replica_link_set_compression (ReplicaLink *self, ReplicaCompression compression)
{
  g_return_if_fail (REPLICA_IS_LINK (self));

  self->compression = compression;
  replica_link_choose_compression (self);
}

gboolean
replica_link_get_compresses (ReplicaLink *self)
{
  g_return_val_if_fail (REPLICA_IS_LINK (self), FALSE);
  return self->is_zstd;
}
