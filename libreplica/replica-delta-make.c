/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Makes deltas. Pure, any thread.
 *
 * Goes through the regions of the two layouts side by side: all that comes before the first column, then of each column its name,
 * data, validity and dictionary. As much of a region as both have is compared value by value into a bitmap; what differs is sent as
 * positions and values when that is less than the region itself. Regions that are the same go into the part before them. The columns of
 * a table mostly change in the same rows, so positions that are those of the region before are not sent again.
 *
 * That nothing is missed follows from what is looked at: regions must follow each other without a gap but the padding to 8 bytes,
 * which must be zero, from the first byte of the result to its last; anything else is no delta. (Snapshots that our builder
 * made are all like that; those of others may not be.)
 *
 * Rejected: a list of changed rows from the projection (what aggregates touch is not what their results change, and a delta over
 * several snapshots would need the union); block hashes as rsync (the base is here). */

#include "replica-delta-compare.h"
#include "replica-delta-private.h"

#include <string.h>

/* Of the base: where it is not there in both, no bytes. */
typedef struct
{
  guint32 after_offset, after_bytes;
  guint32 before_offset, before_bytes;
  guint8 width;
} Region;

/* Of a region: which of its values differ. */
typedef struct
{
  guint64 *bits; /* a bit per value */
  gsize n_words; /* as far as bits are set */
  guint n;
} Changes;

typedef struct
{
  const char *before, *after;
  GArray *parts;       /* (element-type ReplicaWireDeltaPart): offsets into payload, which begins after the head and them */
  GByteArray *payload; /* positions, values, tails */
  guint64 max_bytes;   /* of both: past them the delta does not pay */
  guint64 after_at;    /* up to where the result is made */
  guint64 before_at;   /* up to where the base is taken */
  Changes *changes;    /* of the last part that has some */
  Changes *spare;      /* for the next */
  guint32 *positions;  /* (owned) (nullable): of the changes, once somebody needs them */
  guint n_positions, max_positions;
  gboolean is_shared; /* the positions are in payload */
  guint32 shared_offset;
} Make;

static inline guint64
align8 (guint64 n)
{
  return (n + 7) & ~(guint64) 7;
}

/* Appends to the payload, padded to 8. Gives the offset within it. */
static guint32
append (Make *self, gconstpointer data, gsize n_bytes)
{
  static const guint8 zeros[8];
  guint32 offset = self->payload->len;

  g_byte_array_append (self->payload, data, (guint) n_bytes);
  g_byte_array_append (self->payload, zeros, (guint) (align8 (n_bytes) - n_bytes));
  return offset;
}

static gboolean
is_zero_up_to_8 (const char *base, guint64 offset, guint64 end)
{
  for (; offset < end; offset++)
    if (base[offset] != 0)
      return FALSE;
  return TRUE;
}

/* ---- what differs ---- */

/* Compares the first @n values of the two. The columns of a table mostly change in the same rows: then what is known of those is not found out anew.
 * Returns self->changes if these are they, else self->spare. */
static Changes *
compare (Make *self, const Region *region, guint n)
{
  Changes *now = self->spare, *last = self->changes;

  now->n_words = replica_delta_compare (self->before + region->before_offset, self->after + region->after_offset, n, region->width, now->bits);
  if (now->n_words == last->n_words && memcmp (now->bits, last->bits, now->n_words * 8) == 0)
    return last;
  now->n = 0;
  for (gsize k = 0; k < now->n_words; k++)
    now->n += (guint) __builtin_popcountll (now->bits[k]);
  return now;
}

/* Makes @changes those that are sent. */
static void
adopt (Make *self, Changes *changes)
{
  if (changes == self->changes)
    return;
  self->spare = self->changes;
  self->changes = changes;
  self->n_positions = 0;
  self->is_shared = FALSE;
}

static void
list_positions (Make *self)
{
  const Changes *changes = self->changes;
  guint n = 0;

  if (self->n_positions == changes->n)
    return;
  if (changes->n > self->max_positions)
    {
      g_free (self->positions);
      self->max_positions = changes->n;
      self->positions = g_new (guint32, self->max_positions);
    }
  for (gsize k = 0; k < changes->n_words; k++)
    for (guint64 word = changes->bits[k]; word != 0; word &= word - 1)
      self->positions[n++] = (guint32) (k * 64 + (gsize) __builtin_ctzll (word));
  self->n_positions = n;
}

/* As bits or as numbers, whichever is less; those of the region before when they are the same. */
static void
add_positions (Make *self, ReplicaWireDeltaPart *part)
{
  const Changes *changes = self->changes;
  gboolean is_list = (gsize) changes->n * 4 < changes->n_words * 8;

  if (!self->is_shared)
    self->shared_offset = is_list ? append (self, self->positions, (gsize) changes->n * 4) : append (self, changes->bits, changes->n_words * 8);
  self->is_shared = TRUE;
  part->positions = is_list ? REPLICA_WIRE_POSITIONS_LIST : REPLICA_WIRE_POSITIONS_BITMAP;
  part->positions_offset = self->shared_offset;
}

static void
add_values (Make *self, ReplicaWireDeltaPart *part, const Region *region)
{
  const char *from = self->after + region->after_offset;
  const guint32 *positions = self->positions;
  guint32 offset = self->payload->len;
  gsize n_bytes = (gsize) part->n_changes * region->width, padded_bytes = (gsize) align8 (n_bytes);
  char *to;

  g_byte_array_set_size (self->payload, offset + (guint) padded_bytes);
  to = (char *) self->payload->data + offset;
  /* Constant sizes, so that each is one store. */
  if (region->width == 8)
    for (guint i = 0; i < part->n_changes; i++)
      memcpy (to + (gsize) i * 8, from + (gsize) positions[i] * 8, 8);
  else if (region->width == 4)
    for (guint i = 0; i < part->n_changes; i++)
      memcpy (to + (gsize) i * 4, from + (gsize) positions[i] * 4, 4);
  else
    for (guint i = 0; i < part->n_changes; i++)
      to[i] = from[positions[i]];
  memset (to + n_bytes, 0, padded_bytes - n_bytes);
  part->values_offset = offset;
}

/* ---- regions into parts ---- */

/* All of the region is as it was, and goes on where the part before ended, here and there. */
static gboolean
extend_part_before (Make *self, const Region *region)
{
  ReplicaWireDeltaPart *part = self->parts->len > 0 ? &g_array_index (self->parts, ReplicaWireDeltaPart, self->parts->len - 1) : NULL;
  guint64 base_end;

  if (part == NULL || part->base_bytes != part->length)
    return FALSE;
  base_end = (guint64) part->base_offset + part->base_bytes;
  if (align8 (base_end) != region->before_offset || !is_zero_up_to_8 (self->before, base_end, region->before_offset))
    return FALSE;
  part->length = part->base_bytes = region->before_offset + region->before_bytes - part->base_offset;
  return TRUE;
}

static gboolean
is_same (Make *self, const Region *region)
{
  return region->before_bytes == region->after_bytes
         && memcmp (self->before + region->before_offset, self->after + region->after_offset, region->after_bytes) == 0;
}

/* Plans the region as a part: what of it is taken from the base, and which of that is changed. */
static void
plan_part (Make *self, const Region *region, ReplicaWireDeltaPart *part)
{
  guint n = MIN (region->before_bytes, region->after_bytes) / region->width;
  guint64 taken_bytes = (guint64) n * region->width, as_list, as_bitmap;
  Changes *changes;

  if (n == 0)
    return;
  changes = compare (self, region, n);
  as_list = (guint64) changes->n * (region->width + 4u);
  as_bitmap = (guint64) changes->n * region->width + changes->n_words * 8;
  if (MIN (as_list, as_bitmap) >= taken_bytes)
    return;
  if (changes->n > 0)
    adopt (self, changes);
  part->n_changes = changes->n;
  part->base_offset = region->before_offset;
  part->base_bytes = (guint32) taken_bytes;
}

/* FALSE: no delta. */
static gboolean
add_region (Make *self, const Region *region)
{
  guint64 end = (guint64) region->after_offset + region->after_bytes;
  ReplicaWireDeltaPart part = { .length = region->after_bytes };
  guint64 tail_bytes;

  if (region->after_bytes == 0)
    return TRUE;
  if (region->after_offset != align8 (self->after_at) || !is_zero_up_to_8 (self->after, self->after_at, region->after_offset))
    return FALSE;
  self->after_at = end;
  if (region->before_bytes > 0 && region->before_offset < self->before_at)
    return FALSE;

  if (is_same (self, region))
    {
      self->before_at = (guint64) region->before_offset + region->before_bytes;
      if (extend_part_before (self, region))
        return TRUE;
      part.base_offset = region->before_offset;
      part.base_bytes = region->before_bytes;
    }
  else
    {
      plan_part (self, region, &part);
      if (part.base_bytes > 0)
        self->before_at = (guint64) part.base_offset + part.base_bytes;
    }
  tail_bytes = part.length - part.base_bytes;
  if (part.n_changes > 0)
    {
      part.width = region->width;
      list_positions (self);
      add_positions (self, &part);
      add_values (self, &part, region);
    }
  if (tail_bytes > 0)
    part.tail_offset = append (self, self->after + end - tail_bytes, tail_bytes);
  g_array_append_val (self->parts, part);
  return self->payload->len + (guint64) self->parts->len * sizeof part <= self->max_bytes;
}

static gboolean
add_dictionary (Make *self, const ReplicaWireColumn *a, const ReplicaWireColumn *b)
{
  const guint32 *offsets_a = (const guint32 *) (gpointer) (self->before + a->dict_offsets_offset);
  const guint32 *offsets_b = (const guint32 *) (gpointer) (self->after + b->dict_offsets_offset);
  Region offsets = { b->dict_offsets_offset, (b->n_dict + 1) * 4, a->dict_offsets_offset, (a->n_dict + 1) * 4, 4 };
  Region text = { b->dict_bytes_offset, offsets_b[b->n_dict], a->dict_bytes_offset, offsets_a[a->n_dict], 8 };

  return add_region (self, &offsets) && add_region (self, &text);
}

static gboolean
add_column (Make *self, const ReplicaWireColumn *a, const ReplicaWireColumn *b, guint n_before, guint n_after)
{
  guint8 width = MIN (b->width, 8); /* decimals of 16 bytes: in halves */
  Region name = { b->name_offset, b->name_bytes + 1, a->name_offset, a->name_bytes + 1, 1 };
  Region data = { b->data_offset, n_after * b->width, a->data_offset, a->width == b->width ? n_before * a->width : 0, width };
  Region validity = { b->validity_offset, n_after / 8 + (n_after % 8 != 0), a->validity_offset, n_before / 8 + (n_before % 8 != 0), 1 };

  if (a->type != b->type || !add_region (self, &name) || !add_region (self, &data))
    return FALSE;
  if (a->validity_offset == 0)
    validity.before_bytes = 0;
  if (b->validity_offset != 0 && !add_region (self, &validity))
    return FALSE;
  return b->type != REPLICA_TYPE_STRING || add_dictionary (self, a, b);
}

/* The head, columns, frontier and texts that come before the first column's own. */
static guint32
preamble_bytes (const ReplicaWireSnapshot *head, const ReplicaWireColumn *columns)
{
  return head->n_columns > 0 ? columns[0].name_offset : head->size_bytes;
}

static gsize
most_values (const ReplicaSnapshot *snapshot)
{
  const ReplicaWireSnapshot *head = snapshot->head;
  gsize n = head->size_bytes / 8; /* of anything 8 wide */

  n = MAX (n, (gsize) head->n_rows * 2);
  for (guint i = 0; i < head->n_columns; i++)
    n = MAX (n, MAX ((gsize) snapshot->columns[i].n_dict + 1, strlen (snapshot->columns[i].name) + 1));
  return n;
}

static gboolean
add_all (Make *self, const ReplicaWireSnapshot *before, const ReplicaWireSnapshot *after)
{
  const ReplicaWireColumn *a = (const ReplicaWireColumn *) (gpointer) (self->before + before->columns_offset);
  const ReplicaWireColumn *b = (const ReplicaWireColumn *) (gpointer) (self->after + after->columns_offset);
  Region preamble = { 0, preamble_bytes (after, b), 0, preamble_bytes (before, a), 8 };

  if (before->n_columns != after->n_columns || !add_region (self, &preamble))
    return FALSE;
  for (guint i = 0; i < after->n_columns; i++)
    if (!add_column (self, &a[i], &b[i], before->n_rows, after->n_rows))
      return FALSE;
  return align8 (self->after_at) == after->size_bytes && is_zero_up_to_8 (self->after, self->after_at, after->size_bytes);
}

static void
shift (guint32 *offset, gboolean is_there, guint32 by)
{
  if (is_there)
    *offset += by;
}

/* (transfer full): head, parts and payload in one */
static GBytes *
assemble (Make *self, ReplicaSnapshot *base, ReplicaSnapshot *result)
{
  guint32 payload_offset = (guint32) (sizeof (ReplicaWireDelta) + self->parts->len * sizeof (ReplicaWireDeltaPart));
  ReplicaWireDelta head = {
    .magic = REPLICA_WIRE_DELTA_MAGIC,
    .version = REPLICA_WIRE_DELTA_VERSION,
    .epoch = result->head->epoch,
    .serial = result->head->serial,
    .base_epoch = base->head->epoch,
    .base_serial = base->head->serial,
    .hash = replica_snapshot_get_hash (result),
    .size_bytes = payload_offset + self->payload->len,
    .base_bytes = base->head->size_bytes,
    .result_bytes = result->head->size_bytes,
    .n_parts = self->parts->len,
  };
  char *bytes = g_malloc (head.size_bytes);

  for (guint i = 0; i < self->parts->len; i++)
    {
      ReplicaWireDeltaPart *part = &g_array_index (self->parts, ReplicaWireDeltaPart, i);

      shift (&part->tail_offset, part->length > part->base_bytes, payload_offset);
      shift (&part->positions_offset, part->n_changes > 0, payload_offset);
      shift (&part->values_offset, part->n_changes > 0, payload_offset);
    }
  memcpy (bytes, &head, sizeof head);
  if (self->parts->len > 0)
    memcpy (bytes + sizeof head, self->parts->data, payload_offset - sizeof head);
  if (self->payload->len > 0)
    memcpy (bytes + payload_offset, self->payload->data, self->payload->len);
  return g_bytes_new_take (bytes, head.size_bytes);
}

GBytes *
replica_delta_make (ReplicaSnapshot *base, ReplicaSnapshot *result)
{
  guint64 max_bytes = (guint64) result->head->size_bytes * 3 / 4;
  gsize n_words = most_values (result) / 64 + 1;
  Changes changes[2] = { 0 };
  Make self = { .changes = &changes[0], .spare = &changes[1] };
  GBytes *delta = NULL;

  if (max_bytes <= sizeof (ReplicaWireDelta))
    return NULL;
  self.before = (const char *) base->head;
  self.after = (const char *) result->head;
  self.max_bytes = max_bytes - sizeof (ReplicaWireDelta);
  self.parts = g_array_new (FALSE, FALSE, sizeof (ReplicaWireDeltaPart));
  self.payload = g_byte_array_sized_new (result->head->size_bytes / 8);
  changes[0].bits = g_new (guint64, n_words * 2);
  changes[1].bits = changes[0].bits + n_words;
  if (add_all (&self, base->head, result->head))
    delta = assemble (&self, base, result);
  g_free (changes[0].bits);
  g_free (self.positions);
  g_array_unref (self.parts);
  g_byte_array_unref (self.payload);
  return delta;
}
