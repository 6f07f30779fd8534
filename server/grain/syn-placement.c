/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names, and the local policy of placement. Any thread.
 *
 * The partition comes from FNV-1a, finished by a mixer: it is written into journals, and never changes. The tables that find grains by
 * name are ordered by another hash, seeded per process: whoever may choose keys could prepare collisions of the first. */
#define G_LOG_DOMAIN "syn-placement"

#include "replica-hash.h"
#include "syn-silo-private.h"

static guint64
fnv (guint64 hash, const char *text)
{
  for (const char *p = text; *p != '\0'; p++)
    hash = (hash ^ (guchar) *p) * G_GUINT64_CONSTANT (0x100000001b3);
  return hash;
}

static guint
partition_of (guint64 hash, const char *key)
{
  hash = fnv (hash, key);
  /* FNV's low bits are poor: MurmurHash3's finalizer spreads them. */
  hash ^= hash >> 33;
  hash *= G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
  hash ^= hash >> 33;
  hash *= G_GUINT64_CONSTANT (0xc4ceb9fe1a85ec53);
  hash ^= hash >> 33;
  return (guint) (hash % SYN_N_PARTITIONS);
}

static guint64
hash_of_type (const char *type)
{
  return fnv (fnv (G_GUINT64_CONSTANT (0xcbf29ce484222325), type), "/");
}

void
syn_grain_kind_init_hashes (SynGrainKind *self)
{
  self->name_hash = hash_of_type (self->type.name);
  self->table_hash = replica_hash_word (replica_hash_seed (), self->id);
}

guint
syn_grain_partition (const SynGrainKind *kind, const char *key)
{
  return partition_of (kind->name_hash, key);
}

guint32
syn_grain_table_hash (const SynGrainKind *kind, const char *key, gsize length)
{
  return replica_hash_finish (replica_hash_bytes (kind->table_hash, key, length));
}

/**
 * syn_partition_of:
 *
 * The partition of a grain, from its name alone: the same for ever, in every process, for journals are kept by it.
 */
guint
syn_partition_of (const char *type, const char *key)
{
  return partition_of (hash_of_type (type), key);
}

static guint
local_lane_of (guint partition, guint n_lanes, gpointer user_data)
{
  return partition % n_lanes;
}

const SynPlacement syn_placement_local = { local_lane_of, NULL };
