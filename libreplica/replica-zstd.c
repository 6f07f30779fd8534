/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Compresses forms. Any thread: each has contexts of its own, made when it first needs them, since making one costs about as
 * much as compressing a small table.
 *
 * Rejected: WebSocket's permessage-deflate (each connection would compress anew what is the same for all, at a tenth of the speed), a
 * dictionary per projection (deltas save more, and it would have to be agreed on). */

#include "replica-zstd.h"

#include <string.h>
#include <zstd.h>

#define LEVEL 1

static void
free_compressor (gpointer context)
{
  ZSTD_freeCCtx (context);
}

static void
free_decompressor (gpointer context)
{
  ZSTD_freeDCtx (context);
}

static GPrivate compressor = G_PRIVATE_INIT (free_compressor);
static GPrivate decompressor = G_PRIVATE_INIT (free_decompressor);

static ZSTD_CCtx *
get_compressor (void)
{
  ZSTD_CCtx *context = g_private_get (&compressor);

  if (context == NULL)
    {
      context = ZSTD_createCCtx ();
      g_private_set (&compressor, context);
    }
  return context;
}

static ZSTD_DCtx *
get_decompressor (void)
{
  ZSTD_DCtx *context = g_private_get (&decompressor);

  if (context == NULL)
    {
      context = ZSTD_createDCtx ();
      g_private_set (&decompressor, context);
    }
  return context;
}

GBytes *
replica_zstd_compress (GBytes *plain)
{
  gsize size, limit, n;
  const char *data = g_bytes_get_data (plain, &size);
  ReplicaWireZstd head = { .magic = REPLICA_WIRE_ZSTD_MAGIC, .version = REPLICA_WIRE_ZSTD_VERSION, .plain_bytes = (guint32) size };
  const ReplicaWireSnapshot *snapshot = (const ReplicaWireSnapshot *) (gpointer) data;
  g_autofree char *body = NULL;

  if (size < REPLICA_ZSTD_MIN_BYTES)
    return NULL;
  head.epoch = snapshot->epoch; /* where a delta has them, too */
  head.serial = snapshot->serial;
  limit = size - size / 8 - sizeof head;
  body = g_malloc (sizeof head + limit);
  n = ZSTD_compressCCtx (get_compressor (), body + sizeof head, limit, data, size, LEVEL);
  if (ZSTD_isError (n) || n > limit || size / n >= REPLICA_ZSTD_MAX_RATIO)
    return NULL;
  memcpy (body, &head, sizeof head);
  body = g_realloc (body, sizeof head + n);
  return g_bytes_new_take (g_steal_pointer (&body), sizeof head + n);
}

static GBytes *
refuse (GError **error, const char *what)
{
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "compressed snapshot: %s", what);
  return NULL;
}

GBytes *
replica_zstd_decompress (GBytes *body, GError **error)
{
  gsize size, n, frame_bytes;
  const char *data = g_bytes_get_data (body, &size);
  ReplicaWireZstd head;
  g_autofree char *plain = NULL;

  if (size <= sizeof head)
    return refuse (error, "too short for one");
  memcpy (&head, data, sizeof head);
  frame_bytes = size - sizeof head;
  if (head.magic != REPLICA_WIRE_ZSTD_MAGIC || head.version != REPLICA_WIRE_ZSTD_VERSION || head.reserved0 != 0 || head.reserved1 != 0)
    return refuse (error, "it does not begin as one of a known version");
  if (head.plain_bytes < sizeof (ReplicaWireSnapshot) || head.plain_bytes > REPLICA_SNAPSHOT_MAX_BYTES
      || head.plain_bytes / frame_bytes >= REPLICA_ZSTD_MAX_RATIO)
    return refuse (error, "it says that it has fewer bytes than any snapshot has, or more than the limit");
  if (ZSTD_findFrameCompressedSize (data + sizeof head, frame_bytes) != frame_bytes
      || ZSTD_getFrameContentSize (data + sizeof head, frame_bytes) != head.plain_bytes)
    return refuse (error, "it is not one zstd frame of the size that it says");
  plain = g_malloc (head.plain_bytes);
  n = ZSTD_decompressDCtx (get_decompressor (), plain, head.plain_bytes, data + sizeof head, frame_bytes);
  if (ZSTD_isError (n) || n != head.plain_bytes)
    return refuse (error, "zstd cannot read it");
  if (memcmp (plain + G_STRUCT_OFFSET (ReplicaWireSnapshot, epoch), &head.epoch, 2 * sizeof head.epoch) != 0)
    return refuse (error, "what is in it has another token than it says");
  return g_bytes_new_take (g_steal_pointer (&plain), head.plain_bytes);
}
