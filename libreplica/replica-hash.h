/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

/* Hashing for every table whose keys are data. Internal to the repository. Keys come from strangers, so every hash starts from a seed drawn once per
 * process: collisions cannot be prepared. Multiply-and-fold over eight bytes a step; not cryptographic, and never
 * stored or sent. GLib's g_str_hash was rejected: a byte a step, and no seed. */

G_BEGIN_DECLS

guint64 replica_hash_seed (void); /* the same all through the process */

static inline guint64
replica_hash_mix (guint64 a, guint64 b)
{
  unsigned __int128 product = (unsigned __int128) a * b;

  return (guint64) product ^ (guint64) (product >> 64);
}

static inline guint64
replica_hash_word (guint64 hash, guint64 word)
{
  return replica_hash_mix (hash ^ word, G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)) + word;
}

static inline guint64
replica_hash_bytes (guint64 hash, const char *bytes, gsize length)
{
  guint64 word;

  hash = replica_hash_word (hash, length);
  for (; length >= sizeof word; bytes += sizeof word, length -= sizeof word)
    {
      memcpy (&word, bytes, sizeof word);
      hash = replica_hash_word (hash, word);
    }
  word = 0;
  memcpy (&word, bytes, length);
  return replica_hash_word (hash, word);
}

static inline guint32
replica_hash_finish (guint64 hash)
{
  hash = replica_hash_mix (hash, G_GUINT64_CONSTANT (0xd6e8feb86659fd93));
  return (guint32) (hash ^ (hash >> 32));
}

/* Of a text that ends in a NUL, as a GHashFunc: beside g_str_equal. */
static inline guint
replica_hash_text (gconstpointer text)
{
  return replica_hash_finish (replica_hash_bytes (replica_hash_seed (), text, strlen (text)));
}

G_END_DECLS
