/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Counting different values: see the header. The sketch is that of Flajolet, Fusy, Gandouet and Meunier, "HyperLogLog: the analysis of a
 * near-optimal cardinality estimation algorithm" (2007), over 64-bit hashes; the estimate is Ertl's improved raw one ("New cardinality estimation
 * algorithms for HyperLogLog sketches", 2017), which has no bias at the small end. Flajolet's, with linear counting below 5/2 of the registers,
 * was rejected: it is off by several per cent where it goes over from one to the other, and what mends that is a table of measured biases.
 *
 * The estimate needs only how many registers have which value, and that is kept up as registers change: a snapshot then reads 53 numbers
 * a row and not 4,096. A sparse form of the sketch was rejected: the set is one, and exact. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-distinct.h"

#include <math.h>
#include <string.h>

#include "replica-hash.h"

#define INDEX_BITS 12
#define HASH_BITS (64 - INDEX_BITS) /* of which the register's value is the place of the first one */
#define N_VALUES (HASH_BITS + 2)    /* 0 to HASH_BITS + 1 */
#define FIRST_SLOTS 10              /* doubled up to 1280: 1024 at four fifths */

G_STATIC_ASSERT (SYN_DISTINCT_REGISTERS == 1 << INDEX_BITS);

struct _SynDistinct {
  guint32 n_slots; /* of the set; 0: it is a sketch */
  guint32 n;       /* in the set */
  guint64 slots[]; /* n_slots hashes, 0: free; or a Sketch */
};

typedef struct {
  guint16 n_with[N_VALUES]; /* how many registers have this value; 4096 fits */
  guint8 registers[SYN_DISTINCT_REGISTERS];
} Sketch;

#define SKETCH_BYTES (sizeof (SynDistinct) + sizeof (Sketch))

static inline Sketch *
sketch_of (SynDistinct *self)
{
  return (Sketch *) self->slots;
}

static inline const Sketch *
sketch_of_const (const SynDistinct *self)
{
  return (const Sketch *) self->slots;
}

/* ---- hashes ---- */

/* MurmurHash3's finalizer: a bijection, in which each bit of the input changes each bit of the output half of the time. */
static inline guint64
mix (guint64 x)
{
  x ^= x >> 33;
  x *= G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
  x ^= x >> 33;
  x *= G_GUINT64_CONSTANT (0xc4ceb9fe1a85ec53);
  return x ^ x >> 33;
}

static inline guint64
not_zero (guint64 hash)
{
  return hash != 0 ? hash : 1;
}

guint64
syn_distinct_hash_words (const guint64 *words, guint n_words)
{
  guint64 hash = G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  for (guint i = 0; i < n_words; i++)
    hash = mix (hash ^ words[i]);
  return not_zero (hash);
}

guint64
syn_distinct_hash_text (const char *text, gsize length)
{
  guint64 hash = mix (length + 1), word;

  for (; length >= sizeof word; text += sizeof word, length -= sizeof word)
    {
      memcpy (&word, text, sizeof word);
      hash = mix (hash ^ GUINT64_FROM_LE (word));
    }
  word = 0;
  memcpy (&word, text, length);
  return not_zero (mix (hash ^ GUINT64_FROM_LE (word)));
}

/* ---- the set ---- */

static SynDistinct *
new_set (guint n_slots)
{
  SynDistinct *self = g_malloc0 (sizeof (SynDistinct) + n_slots * sizeof (guint64));

  self->n_slots = n_slots;
  return self;
}

/* Where @hash is, or would go: there is always a free slot. */
static guint64 *
find_slot (SynDistinct *self, guint64 hash)
{
  guint64 place = replica_hash_mix (hash ^ replica_hash_seed (), G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
  guint slot = (guint) ((unsigned __int128) place * self->n_slots >> 64);

  while (self->slots[slot] != 0 && self->slots[slot] != hash)
    slot = slot + 1 < self->n_slots ? slot + 1 : 0;
  return &self->slots[slot];
}

/* ---- the sketch ---- */

static inline void
raise_register (SynDistinct *self, guint index, guint8 value)
{
  Sketch *sketch = sketch_of (self);
  guint8 *held = &sketch->registers[index];

  if (value <= *held)
    return;
  sketch->n_with[*held]--;
  sketch->n_with[value]++;
  *held = value;
}

static inline void
sketch_add (SynDistinct *self, guint64 hash)
{
  guint64 rest = hash << INDEX_BITS;
  guint8 value = rest == 0 ? HASH_BITS + 1 : (guint8) (__builtin_clzll (rest) + 1);

  raise_register (self, (guint) (hash >> HASH_BITS), value);
}

/* A sketch of what is in the set @from (nullable). */
static SynDistinct *
new_sketch (const SynDistinct *from)
{
  SynDistinct *self = g_malloc0 (SKETCH_BYTES);

  sketch_of (self)->n_with[0] = SYN_DISTINCT_REGISTERS;
  for (guint i = 0; from != NULL && i < from->n_slots; i++)
    if (from->slots[i] != 0)
      sketch_add (self, from->slots[i]);
  return self;
}

/* Ertl, algorithm 6: both series are summed until they change no more. */
static double
sigma (double x)
{
  double y = 1, z = x, before;

  if (x == 1)
    return HUGE_VAL;
  do
    {
      before = z;
      x *= x;
      z += x * y;
      y += y;
    }
  while (z != before);
  return z;
}

static double
tau (double x)
{
  double y = 1, z = 1 - x, before;

  if (x == 0 || x == 1)
    return 0;
  do
    {
      before = z;
      x = sqrt (x);
      y *= 0.5;
      z -= (1 - x) * (1 - x) * y;
    }
  while (z != before);
  return z / 3;
}

static double
estimate (const SynDistinct *self)
{
  const guint16 *n_with = sketch_of_const (self)->n_with;
  const double m = SYN_DISTINCT_REGISTERS;
  double z = m * tau (1 - n_with[HASH_BITS + 1] / m);

  for (guint value = HASH_BITS; value >= 1; value--)
    z = 0.5 * (z + n_with[value]);
  z += m * sigma (n_with[0] / m);
  return m / (2 * G_LN2) * m / z;
}

/* ---- both ---- */

void
syn_distinct_free (SynDistinct *self)
{
  g_free (self);
}

SynDistinct *
syn_distinct_add (SynDistinct *self, guint64 hash)
{
  guint64 *slot;

  if (self == NULL)
    self = new_set (FIRST_SLOTS);
  if (self->n_slots == 0)
    {
      sketch_add (self, hash);
      return self;
    }
  slot = find_slot (self, hash);
  if (*slot != 0)
    return self;
  if (self->n == SYN_DISTINCT_EXACT)
    {
      SynDistinct *sketch = new_sketch (self);

      sketch_add (sketch, hash);
      g_free (self);
      return sketch;
    }
  if ((self->n + 1) * 5 > self->n_slots * 4)
    {
      SynDistinct *larger = new_set (self->n_slots * 2);

      for (guint i = 0; i < self->n_slots; i++)
        if (self->slots[i] != 0)
          *find_slot (larger, self->slots[i]) = self->slots[i];
      larger->n = self->n;
      g_free (self);
      self = larger;
      slot = find_slot (self, hash);
    }
  *slot = hash;
  self->n++;
  return self;
}

SynDistinct *
syn_distinct_merge (SynDistinct *self, const SynDistinct *other)
{
  if (other == NULL)
    return self;
  if (other->n_slots > 0)
    {
      for (guint i = 0; i < other->n_slots; i++)
        if (other->slots[i] != 0)
          self = syn_distinct_add (self, other->slots[i]);
      return self;
    }
  if (self == NULL || self->n_slots > 0)
    {
      SynDistinct *sketch = new_sketch (self);

      g_free (self);
      self = sketch;
    }
  /* Eight at a time: sketches of one key are mostly equal, and young ones mostly empty. */
  for (guint i = 0; i < SYN_DISTINCT_REGISTERS; i += sizeof (guint64))
    {
      const guint8 *theirs = sketch_of_const (other)->registers + i;
      guint64 held, raised;

      memcpy (&held, sketch_of (self)->registers + i, sizeof held);
      memcpy (&raised, theirs, sizeof raised);
      if (raised == 0 || raised == held)
        continue;
      for (guint j = 0; j < sizeof (guint64); j++)
        raise_register (self, i + j, theirs[j]);
    }
  return self;
}

guint64
syn_distinct_get_count (const SynDistinct *self)
{
  if (self == NULL)
    return 0;
  return self->n_slots > 0 ? self->n : (guint64) (estimate (self) + 0.5);
}

gboolean
syn_distinct_is_exact (const SynDistinct *self)
{
  return self == NULL || self->n_slots > 0;
}

gsize
syn_distinct_get_bytes (const SynDistinct *self)
{
  if (self == NULL)
    return 0;
  return self->n_slots > 0 ? sizeof (SynDistinct) + self->n_slots * sizeof (guint64) : SKETCH_BYTES;
}

/* ---- saved: the number of hashes, then these; or 0xffffffff and the registers ---- */

#define SAVED_SKETCH G_MAXUINT32

void
syn_distinct_save (const SynDistinct *self, GByteArray *out)
{
  guint32 head = self == NULL ? 0 : self->n_slots > 0 ? self->n : SAVED_SKETCH;
  guint32 head_le = GUINT32_TO_LE (head);

  g_byte_array_append (out, (const guint8 *) &head_le, sizeof head_le);
  if (head == SAVED_SKETCH)
    g_byte_array_append (out, sketch_of_const (self)->registers, SYN_DISTINCT_REGISTERS);
  else
    for (guint i = 0; self != NULL && i < self->n_slots; i++)
      if (self->slots[i] != 0)
        {
          guint64 hash_le = GUINT64_TO_LE (self->slots[i]);

          g_byte_array_append (out, (const guint8 *) &hash_le, sizeof hash_le);
        }
}

gboolean
syn_distinct_load (SynDistinct **self, const guint8 **at, const guint8 *end)
{
  g_autoptr (SynDistinct) loaded = NULL;
  guint32 head;

  if ((gsize) (end - *at) < sizeof head)
    return FALSE;
  memcpy (&head, *at, sizeof head);
  *at += sizeof head;
  head = GUINT32_FROM_LE (head);
  if (head == SAVED_SKETCH)
    {
      if (end - *at < SYN_DISTINCT_REGISTERS)
        return FALSE;
      loaded = new_sketch (NULL);
      for (guint i = 0; i < SYN_DISTINCT_REGISTERS; i++)
        {
          if ((*at)[i] > HASH_BITS + 1)
            return FALSE;
          raise_register (loaded, i, (*at)[i]);
        }
      *at += SYN_DISTINCT_REGISTERS;
    }
  else
    {
      if (head > SYN_DISTINCT_EXACT || (gsize) (end - *at) < head * sizeof (guint64))
        return FALSE;
      for (guint i = 0; i < head; i++, *at += sizeof (guint64))
        {
          guint64 hash;

          memcpy (&hash, *at, sizeof hash);
          if (hash == 0)
            return FALSE;
          loaded = syn_distinct_add (loaded, GUINT64_FROM_LE (hash));
        }
      if (syn_distinct_get_count (loaded) != head)
        return FALSE; /* one twice */
    }
  *self = g_steal_pointer (&loaded);
  return TRUE;
}
