/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A set of strings: bytes, offsets and an open-addressing table of entries. A GHashTable of strings was measured at three
 * times the cost, with an allocation an entry. Hashes are seeded: the strings are strangers'. */
#include "syn-dict.h"

#include "replica-hash.h"

#include <string.h>

static void *
keep_and_grow (void *buffer, gsize *size, gsize wanted)
{
  if (wanted <= *size)
    return buffer;
  *size = MAX (wanted, *size * 2);
  return g_realloc (buffer, *size);
}

static guint32
hash_text (const char *text, gsize length)
{
  return replica_hash_finish (replica_hash_bytes (replica_hash_seed (), text, length));
}

void
syn_dict_reset (SynDict *self)
{
  self->n = 0;
  self->offsets = keep_and_grow (self->offsets, &self->offsets_size, 64 * sizeof (guint32));
  self->offsets[0] = 0;
  self->bytes = keep_and_grow (self->bytes, &self->bytes_size, 64);
  if (self->n_slots == 0)
    {
      self->n_slots = 64;
      self->slots = g_new (guint32, self->n_slots);
    }
  memset (self->slots, 0, self->n_slots * sizeof (guint32));
}

static void
place (SynDict *self, guint32 entry, guint32 hash)
{
  guint slot = hash & (self->n_slots - 1);

  while (self->slots[slot] != 0)
    slot = (slot + 1) & (self->n_slots - 1);
  self->slots[slot] = entry + 1;
}

static void
grow_slots (SynDict *self)
{
  self->n_slots *= 2;
  g_free (self->slots);
  self->slots = g_new0 (guint32, self->n_slots);
  for (guint32 k = 0; k < self->n; k++)
    place (self, k, hash_text (self->bytes + self->offsets[k], self->offsets[k + 1] - self->offsets[k] - 1));
}

/* The entry + 1, or 0. */
static guint32
find (const SynDict *self, const char *text, gsize length, guint32 hash)
{
  for (guint slot = hash & (self->n_slots - 1); self->slots[slot] != 0;
       slot = (slot + 1) & (self->n_slots - 1))
    {
      guint32 k = self->slots[slot] - 1;

      if (self->offsets[k + 1] - self->offsets[k] - 1 == length
          && memcmp (self->bytes + self->offsets[k], text, length) == 0)
        return k + 1;
    }
  return 0;
}

gboolean
syn_dict_contains (const SynDict *self, const char *text, gsize length)
{
  return find (self, text, length, hash_text (text, length)) != 0;
}

guint32
syn_dict_intern (SynDict *self, const char *text, gsize length)
{
  guint32 hash = hash_text (text, length), code = find (self, text, length, hash);
  gsize start = self->offsets[self->n];

  if (code != 0)
    return code - 1;
  self->bytes = keep_and_grow (self->bytes, &self->bytes_size, start + length + 1);
  self->offsets = keep_and_grow (self->offsets, &self->offsets_size, ((gsize)self->n + 2) * sizeof (guint32));
  memcpy (self->bytes + start, text, length);
  self->bytes[start + length] = '\0';
  code = self->n++;
  self->offsets[self->n] = (guint32)(start + length + 1);
  place (self, code, hash);
  if (self->n * 2 > self->n_slots)
    grow_slots (self);
  return code;
}

gsize
syn_dict_get_size (const SynDict *self)
{
  return self->offsets[self->n];
}

void
syn_dict_clear (SynDict *self)
{
  g_free (self->offsets);
  g_free (self->bytes);
  g_free (self->slots);
}
