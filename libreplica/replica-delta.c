/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Applies deltas. Pure, any thread.
 *
 * A delta is about bytes, not about rows and columns: a list of parts, each a stretch of the base with some values exchanged and
 * something appended. Which stretches these are is the maker's affair (replica-delta-make.c: one per column, mostly); whoever applies
 * knows nothing of columns, and what comes out is the server's full form to the byte, which a hash can vouch for. Rows added, removed
 * or in another order, dictionaries that grew, columns that got their first null: nothing is a special case here.
 *
 * Rejected: a delta of rows and cells, from which the reader would build a snapshot anew (its bytes would be its own, so nothing could
 * prove them right, and an edge silo could not make deltas against them); bsdiff and the like (a thousand times the work).
 *
 * Takes of the base must ascend, so that no byte of it is used twice: the result is never larger than base and delta
 * together, and the work is linear in that, whatever the delta says. */

#include "replica-delta-private.h"

#include <string.h>

typedef struct
{
  const char *base, *delta;
  guint64 base_bytes, size_bytes;
  char *result;
  guint64 result_bytes;
  guint64 at;       /* of the result: where the next part goes */
  guint64 base_end; /* where the last take ended */
} Apply;

static gboolean
refuse (GError **error, const char *what)
{
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "delta: %s", what);
  return FALSE;
}

static gboolean
is_within (const Apply *self, guint32 offset, guint64 length)
{
  return offset % 8 == 0 && offset <= self->size_bytes && length <= self->size_bytes - offset;
}

static inline void
exchange (char *to, guint64 position, const char *value, guint8 width)
{
  /* Constant sizes, so that each is one store. */
  if (width == 8)
    memcpy (to + position * 8, value, 8);
  else if (width == 4)
    memcpy (to + position * 4, value, 4);
  else
    to[position] = *value;
}

static gboolean
apply_list (Apply *self, const ReplicaWireDeltaPart *part, GError **error)
{
  const guint32 *positions = (const guint32 *) (gpointer) (self->delta + part->positions_offset);
  const char *value = self->delta + part->values_offset;
  guint64 end = part->base_bytes / part->width;
  gint64 last = -1;

  if (!is_within (self, part->positions_offset, (guint64) part->n_changes * 4))
    return refuse (error, "positions end beyond it");
  for (guint32 i = 0; i < part->n_changes; i++, value += part->width)
    {
      if (positions[i] <= last || positions[i] >= end)
        return refuse (error, "a position is not within its part, or not after the one before");
      exchange (self->result + self->at, positions[i], value, part->width);
      last = positions[i];
    }
  return TRUE;
}

static gboolean
apply_bitmap (Apply *self, const ReplicaWireDeltaPart *part, GError **error)
{
  const guint64 *words = (const guint64 *) (gpointer) (self->delta + part->positions_offset);
  const char *value = self->delta + part->values_offset;
  guint64 end = part->base_bytes / part->width, n_words;
  guint32 n_left = part->n_changes;

  if (!is_within (self, part->positions_offset, 0))
    return refuse (error, "positions begin beyond it");
  n_words = MIN ((self->size_bytes - part->positions_offset) / 8, (end + 63) / 64);
  for (guint64 k = 0; k < n_words && n_left > 0; k++)
    for (guint64 word = words[k]; word != 0; word &= word - 1, value += part->width)
      {
        guint64 position = k * 64 + (guint64) __builtin_ctzll (word);

        if (n_left-- == 0 || position >= end)
          return refuse (error, "more bits are set than there are changes, or past the part's end");
        exchange (self->result + self->at, position, value, part->width);
      }
  return n_left == 0 || refuse (error, "fewer bits are set than there are changes");
}

static gboolean
apply_changes (Apply *self, const ReplicaWireDeltaPart *part, GError **error)
{
  if (part->n_changes == 0)
    return (part->width | part->positions | part->positions_offset | part->values_offset) == 0
           || refuse (error, "a part without changes says where they are");
  if (part->width != 1 && part->width != 4 && part->width != 8)
    return refuse (error, "values of an unknown width");
  if (!is_within (self, part->values_offset, (guint64) part->n_changes * part->width))
    return refuse (error, "values end beyond it");
  if (part->positions == REPLICA_WIRE_POSITIONS_LIST)
    return apply_list (self, part, error);
  if (part->positions == REPLICA_WIRE_POSITIONS_BITMAP)
    return apply_bitmap (self, part, error);
  return refuse (error, "positions of an unknown kind");
}

static gboolean
apply_part (Apply *self, const ReplicaWireDeltaPart *part, GError **error)
{
  guint64 tail_bytes, end;

  if (part->length == 0 || part->reserved != 0 || part->base_bytes > part->length)
    return refuse (error, "a part of no length, with more of the base than it has, or with a reserved field set");
  if (part->length > self->result_bytes - self->at)
    return refuse (error, "the parts are larger than what they make");
  if (part->base_bytes > 0
      && (part->base_offset % 8 != 0 || part->base_offset < self->base_end || part->base_offset > self->base_bytes
          || part->base_bytes > self->base_bytes - part->base_offset))
    return refuse (error, "a part is taken from beyond the base, or from what another one took");
  tail_bytes = part->length - part->base_bytes;
  if (tail_bytes > 0 ? part->tail_offset < sizeof (ReplicaWireDelta) || !is_within (self, part->tail_offset, tail_bytes)
                     : part->tail_offset != 0)
    return refuse (error, "what a part appends is not in it");

  if (part->base_bytes > 0)
    {
      memcpy (self->result + self->at, self->base + part->base_offset, part->base_bytes);
      self->base_end = (guint64) part->base_offset + part->base_bytes;
    }
  if (tail_bytes > 0)
    memcpy (self->result + self->at + part->base_bytes, self->delta + part->tail_offset, tail_bytes);
  if (!apply_changes (self, part, error))
    return FALSE;
  end = self->at + part->length;
  self->at = (end + 7) & ~(guint64) 7;
  if (self->at > self->result_bytes)
    return refuse (error, "the parts are larger than what they make");
  memset (self->result + end, 0, self->at - end);
  return TRUE;
}

static gboolean
check_head (const ReplicaWireDelta *head, ReplicaSnapshot *base, gsize base_bytes, gsize size_bytes, GError **error)
{
  ReplicaToken token = replica_snapshot_get_token (base);

  if (size_bytes < sizeof *head)
    return refuse (error, "too short for one");
  if (head->magic != REPLICA_WIRE_DELTA_MAGIC || head->version != REPLICA_WIRE_DELTA_VERSION || head->reserved0 != 0)
    return refuse (error, "it does not begin as one of a known version");
  if (head->size_bytes != size_bytes)
    return refuse (error, "it does not have the size that it says");
  if (head->base_epoch != token.epoch || head->base_serial != token.serial || head->base_bytes != base_bytes)
    return refuse (error, "it was made against another snapshot");
  if (head->n_parts > (size_bytes - sizeof *head) / sizeof (ReplicaWireDeltaPart))
    return refuse (error, "its parts end beyond it");
  /* So no allocation is out of proportion with what the peer has really sent, by now and before. */
  if (head->result_bytes > REPLICA_SNAPSHOT_MAX_BYTES || head->result_bytes > (guint64) base_bytes + size_bytes)
    return refuse (error, "it makes more than base and delta have");
  return TRUE;
}

ReplicaSnapshot *
replica_delta_apply (ReplicaSnapshot *base, GBytes *delta, GError **error)
{
  g_autoptr (GBytes) aligned = NULL, made = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autofree char *result = NULL;
  ReplicaToken token;
  const ReplicaWireDelta *head;
  const ReplicaWireDeltaPart *parts;
  gsize size_bytes, base_bytes;
  Apply self = { .delta = g_bytes_get_data (delta, &size_bytes),
                 .base = g_bytes_get_data (replica_snapshot_get_bytes (base), &base_bytes) };

  if ((guintptr) self.delta % 8 != 0)
    {
      aligned = g_bytes_new (self.delta, size_bytes);
      self.delta = g_bytes_get_data (aligned, NULL);
    }
  head = (const ReplicaWireDelta *) (gpointer) self.delta;
  if (!check_head (head, base, base_bytes, size_bytes, error))
    return NULL;
  self.base_bytes = base_bytes;
  self.size_bytes = size_bytes;
  self.result_bytes = head->result_bytes;
  self.result = result = g_malloc (MAX (head->result_bytes, 1));
  parts = (const ReplicaWireDeltaPart *) (head + 1);
  for (guint32 i = 0; i < head->n_parts; i++)
    if (!apply_part (&self, &parts[i], error))
      return NULL;
  if (self.at != self.result_bytes)
    {
      refuse (error, "its parts make less than it says");
      return NULL;
    }
  made = g_bytes_new_take (g_steal_pointer (&result), head->result_bytes);
  if (replica_delta_hash (made) != head->hash)
    {
      refuse (error, "what it makes does not have the hash that it says");
      return NULL;
    }
  snapshot = replica_snapshot_new_from_bytes (made, error);
  if (snapshot == NULL)
    return NULL;
  token = replica_snapshot_get_token (snapshot);
  if (head->epoch != token.epoch || head->serial != token.serial)
    {
      refuse (error, "what it makes has another token than it says");
      return NULL;
    }
  snapshot->hash = head->hash; /* an edge makes deltas of it in its turn */
  return g_steal_pointer (&snapshot);
}
