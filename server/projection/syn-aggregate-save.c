/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * States as bytes, for checkpoints: a head that says of which aggregate and how many rows, then each vector as it lies in memory (little-endian),
 * 8-aligned, then what the kind keeps beside its vectors. No checksum and no compression: a checkpoint has them over all that it
 * holds. What is read back may be damaged all the same, so every length is held against what is there before anything is allocated, and every
 * kind looks at whether its values are ones that it could have written. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-aggregate-private.h"
#include "syn-distinct.h"
#include "syn-error.h"
#include "syn-padded.h"

#define MAGIC G_GUINT64_CONSTANT (0x31304147474e5953) /* "SYNGGA01" as it lies in a file */

/* All gint64 or guint64, so that there is no padding. */
typedef struct {
  guint64 magic;
  guint64 name;      /* the hash of its name: kinds have no numbers that last */
  guint64 arguments; /* 16 bits each: type, scale; the highest bit of all: the last one is an order */
  gint64 period_us;
  guint64 value_size; /* of the first vector after SYN_SEEN */
  guint64 n_rows;
  guint64 has_newest;
  gint64 newest_us;
  guint64 n_strings;
  guint64 string_bytes;
} Head;

G_STATIC_ASSERT (sizeof (Head) == 80 && G_BYTE_ORDER == G_LITTLE_ENDIAN);
G_STATIC_ASSERT (SYN_AGGREGATE_MAX_ARGS <= 4);

static guint64
name_hash (const SynAggregate *self)
{
  const char *name = syn_aggregate_name_get (self->spec.kind, self->spec.klass);

  return syn_distinct_hash_text (name, strlen (name));
}

static guint64
pack_arguments (const SynAggregate *self)
{
  guint64 packed = self->spec.has_order ? G_GUINT64_CONSTANT (1) << 63 : 0;

  for (guint i = 0; i < self->spec.n_args; i++)
    packed |= (guint64) (self->spec.args[i].type | self->spec.args[i].scale << 8) << (16 * i);
  return packed;
}

static gsize
vector_bytes (const SynVector *vector, guint n_rows)
{
  return vector->size > 0 ? n_rows * vector->size : syn_bits_size (n_rows);
}

gboolean
syn_aggregate_can_save (const SynAggregate *self)
{
  return self->spec.klass == NULL || self->spec.klass->clear == NULL;
}

gsize
syn_aggregate_get_saved_size (const SynAggregate *self, guint n_rows)
{
  gsize size = sizeof (Head) + self->own_bytes + (self->pool != NULL ? syn_string_pool_get_saved_size (self->pool) : 0);

  for (guint i = 0; i < self->n_vectors; i++)
    size += syn_padded (vector_bytes (&self->vectors[i], n_rows));
  return size;
}

gboolean
syn_aggregate_save (const SynAggregate *self, guint n_rows, GByteArray *out, GError **error)
{
  ReplicaColumn strings = { 0 };
  gsize total;
  Head head = {
    .magic = MAGIC,
    .name = name_hash (self),
    .arguments = pack_arguments (self),
    .period_us = self->spec.period_us,
    .value_size = self->vectors[SYN_SEEN + 1].size,
    .n_rows = n_rows,
    .has_newest = self->has_newest,
    .newest_us = self->newest_us,
  };

  g_return_val_if_fail (n_rows <= self->capacity, FALSE);
  if (!syn_aggregate_can_save (self))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the aggregate %s() cannot be saved: its states own memory", self->spec.klass->name);
      return FALSE;
    }
  if (self->pool != NULL)
    {
      syn_string_pool_lend (self->pool, &strings);
      head.n_strings = strings.n_dict;
      head.string_bytes = strings.dict_offsets[strings.n_dict];
    }
  total = syn_aggregate_get_saved_size (self, n_rows);
  if (total > G_MAXUINT / 2 || out->len > G_MAXUINT / 2)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "the state of %s() has %" G_GSIZE_FORMAT " bytes; at most 2 GiB can be saved at once",
                   syn_aggregate_name_get (self->spec.kind, self->spec.klass), total);
      return FALSE;
    }
  g_byte_array_append (out, (const guint8 *) &head, sizeof head);
  for (guint i = 0; i < self->n_vectors; i++)
    if (!self->vectors[i].is_owned)
      syn_append_padded (out, self->vectors[i].data, vector_bytes (&self->vectors[i], n_rows));
  if (self->pool != NULL)
    syn_string_pool_save (self->pool, out);
  if (self->ops->save != NULL)
    self->ops->save (self, n_rows, out);
  return TRUE;
}

/* ---- load ---- */

static gboolean
fail (const SynAggregate *self, GError **error, const char *what)
{
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the saved state of %s(): %s",
               syn_aggregate_name_get (self->spec.kind, self->spec.klass), what);
  return FALSE;
}

/* What is wrong with the head, or NULL. Afterwards there are bytes for all that it counts. */
static const char *
check_head (SynAggregate *self, const Head *head, gsize rest)
{
  gsize needed = 0;

  if (head->magic != MAGIC)
    return "it is none, or of another version";
  if (head->name != name_hash (self) || head->arguments != pack_arguments (self) || head->period_us != self->spec.period_us)
    return "it is of another aggregate";
  if (head->value_size != self->vectors[SYN_SEEN + 1].size
      && !(self->ops->set_value_size != NULL && self->ops->set_value_size (self, head->value_size)))
    return "its values have a size that they cannot have";
  /* Each row takes a bit at the least. */
  if (head->n_rows > rest * 8 || head->n_rows > G_MAXINT32 || head->has_newest > 1)
    return "it is cut short";
  for (guint i = 0; i < self->n_vectors; i++)
    needed += self->vectors[i].is_owned ? head->n_rows * sizeof (guint32) : syn_padded (vector_bytes (&self->vectors[i], (guint) head->n_rows));
  if (self->pool == NULL && (head->n_strings > 0 || head->string_bytes > 0))
    return "it has strings";
  if (needed > rest || head->string_bytes > rest || head->n_strings > head->string_bytes
      || needed + syn_padded (head->string_bytes) + syn_padded (head->n_strings * sizeof (guint32)) > rest)
    return "it is cut short";
  return NULL;
}

static void
load_vectors (SynAggregate *self, guint n_rows, const guint8 **at)
{
  for (guint i = 0; i < self->n_vectors; i++)
    {
      SynVector *vector = &self->vectors[i];
      gsize size = vector_bytes (vector, n_rows);

      if (vector->is_owned)
        continue;
      memcpy (vector->data, *at, size);
      *at += syn_padded (size);
      /* Bits of rows that are not there yet. */
      if (vector->size == 0 && n_rows % 8 != 0)
        ((guint8 *) vector->data)[n_rows / 8] &= (guint8) ((1u << n_rows % 8) - 1);
    }
}

gboolean
syn_aggregate_load (SynAggregate *self, const guint8 *data, gsize length, guint *n_rows, GError **error)
{
  const guint8 *at = data, *end = data + length;
  const char *fault;
  Head head;

  for (guint i = 0; i < syn_bits_size (self->capacity); i++)
    g_return_val_if_fail (syn_aggregate_seen (self)[i] == 0, FALSE);
  if (length < sizeof head)
    return fail (self, error, "it is cut short");
  memcpy (&head, at, sizeof head);
  at += sizeof head;
  fault = check_head (self, &head, length - sizeof head);
  if (fault != NULL)
    return fail (self, error, fault);
  syn_aggregate_reserve (self, (guint) head.n_rows);
  load_vectors (self, (guint) head.n_rows, &at);
  self->has_newest = head.has_newest != 0;
  self->newest_us = head.newest_us;
  if (self->pool != NULL)
    {
      if (!syn_string_pool_load (self->pool, head.n_strings, head.string_bytes, at))
        return fail (self, error, "its strings are damaged");
      at += syn_padded (head.n_strings * sizeof (guint32)) + syn_padded (head.string_bytes);
    }
  if (self->ops->load != NULL && !self->ops->load (self, (guint) head.n_rows, &at, end))
    return fail (self, error, "it is damaged");
  if (at != end)
    return fail (self, error, "there is more than it says");
  *n_rows = (guint) head.n_rows;
  return TRUE;
}
