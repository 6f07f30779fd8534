/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Compares two vectors value by value, 64 at a time. Pure, any thread.
 *
 * Written so that the compiler makes vectors of it: a byte per value that says whether it differs, then eight such bytes at a time become eight
 * bits by one multiplication. (A word built bit by bit is a chain of 64 steps.) Values of 8 bytes are compared as two of 4, for the
 * oldest x86-64 has no comparison of longer ones; where there is AVX2 the same code, compiled for that, is twice as fast.
 *
 * Rejected: to look with memcmp() first whether a block differs at all (where a tenth of the rows changed, nearly all blocks do, and where none
 * did, this is as fast as memory); hashing the result in between, which keeps only the multiplier busy (no gain was to be measured); ifuncs (sanitizers do not like what runs before them); intrinsics (three versions of each). */

#include "replica-delta-compare.h"

#include <string.h>

#define BLOCK 64 /* values; bits of a word */

typedef guint64 (*Compare) (gconstpointer a, gconstpointer b);

static inline __attribute__ ((always_inline)) guint64
gather_bits (const guint8 *differs)
{
  guint64 word = 0;

  for (guint i = 0; i < BLOCK; i += 8)
    {
      guint64 eight;

      memcpy (&eight, differs + i, 8);
      eight = GUINT64_FROM_LE (eight);
      word |= (eight * G_GUINT64_CONSTANT (0x0102040810204080) >> 56) << i; /* byte k, 0 or 1, to bit 56 + k */
    }
  return word;
}

static inline __attribute__ ((always_inline)) guint64
compare_1 (gconstpointer a, gconstpointer b)
{
  const guint8 *x = a, *y = b;
  guint8 differs[BLOCK];

  for (guint i = 0; i < BLOCK; i++)
    differs[i] = x[i] != y[i];
  return gather_bits (differs);
}

static inline __attribute__ ((always_inline)) guint64
compare_4 (gconstpointer a, gconstpointer b)
{
  const guint32 *x = a, *y = b;
  guint8 differs[BLOCK];

  for (guint i = 0; i < BLOCK; i++)
    differs[i] = x[i] != y[i];
  return gather_bits (differs);
}

static inline __attribute__ ((always_inline)) guint64
compare_8 (gconstpointer a, gconstpointer b)
{
  const guint32 *x = a, *y = b;
  guint8 halves[2 * BLOCK], differs[BLOCK];

  for (guint i = 0; i < 2 * BLOCK; i++)
    halves[i] = x[i] != y[i];
  for (guint i = 0; i < BLOCK; i++)
    differs[i] = halves[2 * i] | halves[2 * i + 1];
  return gather_bits (differs);
}

#define VERSION(name, attributes)                                                                                                    \
  attributes static guint64 compare_1_##name (gconstpointer a, gconstpointer b) { return compare_1 (a, b); }                         \
  attributes static guint64 compare_4_##name (gconstpointer a, gconstpointer b) { return compare_4 (a, b); }                         \
  attributes static guint64 compare_8_##name (gconstpointer a, gconstpointer b) { return compare_8 (a, b); }

VERSION (plain, )

#ifdef __x86_64__
VERSION (avx2, __attribute__ ((target ("avx2"))))
#endif

static Compare
choose_plain (guint width)
{
  return width == 8 ? compare_8_plain : width == 4 ? compare_4_plain : compare_1_plain;
}

static Compare
choose (guint width)
{
#ifdef __x86_64__
  if (__builtin_cpu_supports ("avx2"))
    return width == 8 ? compare_8_avx2 : width == 4 ? compare_4_avx2 : compare_1_avx2;
#endif
  return choose_plain (width);
}

static gsize
compare_all (Compare compare, gconstpointer a, gconstpointer b, guint n, guint width, guint64 *bits)
{
  const char *x = a, *y = b;
  gsize step = (gsize) BLOCK * width, n_words = 0, word = 0;

  for (; word < n / BLOCK; word++, x += step, y += step)
    {
      bits[word] = compare (x, y);
      n_words = bits[word] != 0 ? word + 1 : n_words;
    }
  if (n % BLOCK != 0)
    {
      guint64 rest_x[BLOCK] = { 0 }, rest_y[BLOCK] = { 0 };

      memcpy (rest_x, x, (gsize) (n % BLOCK) * width);
      memcpy (rest_y, y, (gsize) (n % BLOCK) * width);
      bits[word] = compare (rest_x, rest_y);
      n_words = bits[word] != 0 ? word + 1 : n_words;
    }
  return n_words;
}

gsize
replica_delta_compare (gconstpointer a, gconstpointer b, guint n, guint width, guint64 *bits)
{
  return compare_all (choose (width), a, b, n, width, bits);
}

gsize
replica_delta_compare_plain (gconstpointer a, gconstpointer b, guint n, guint width, guint64 *bits)
{
  return compare_all (choose_plain (width), a, b, n, width, bits);
}
