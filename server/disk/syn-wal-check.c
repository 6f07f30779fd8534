/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a log as sqlite.org/fileformat2.html#the_write_ahead_log says: a head of 32 bytes, then frames of a head of 24 bytes and a page. Frames
 * of this log have its salts; a checksum runs through all of them. Frames with other salts are left over from before the log began anew.
 *
 * The whole log is mapped: it has some 16 MiB. Any thread. */
#include "syn-wal-check.h"

#include <string.h>

#define HEAD_BYTES 32
#define FRAME_HEAD_BYTES 24
#define MAGIC 0x377f0682u /* its last bit: checksums of big-endian words */

static guint32
word_at (const guint8 *at)
{
  return (guint32) at[0] << 24 | (guint32) at[1] << 16 | (guint32) at[2] << 8 | at[3];
}

static void
sum (const guint8 *at, gsize n_bytes, gboolean big, guint32 sums[2])
{
  for (gsize i = 0; i + 8 <= n_bytes; i += 8)
    {
      guint32 a = word_at (at + i), b = word_at (at + i + 4);

      sums[0] += (big ? a : GUINT32_SWAP_LE_BE (a)) + sums[1];
      sums[1] += (big ? b : GUINT32_SWAP_LE_BE (b)) + sums[0];
    }
}

/* From the first frame that is not whole on: whether a commit of this log is there. */
static gboolean
commit_follows (const guint8 *log, gsize size, gsize at, gsize frame_bytes, gsize *commit_at)
{
  for (at += frame_bytes; at + frame_bytes <= size; at += frame_bytes)
    if (memcmp (log + at + 8, log + 16, 8) == 0 && word_at (log + at + 4) != 0 && word_at (log + at) != 0)
      {
        *commit_at = at;
        return TRUE;
      }
  return FALSE;
}

gboolean
syn_wal_check_bytes (const guint8 *log, gsize size, gsize *damaged_at, gsize *commit_at)
{
  guint32 sums[2] = { 0, 0 }, page_bytes;
  gsize frame_bytes;
  gboolean big;

  if (size < HEAD_BYTES || (word_at (log) & ~1u) != MAGIC)
    return TRUE;
  big = (word_at (log) & 1) != 0;
  page_bytes = word_at (log + 8);
  if (page_bytes < 512 || page_bytes > 65536 || (page_bytes & (page_bytes - 1)) != 0)
    return TRUE;
  sum (log, 24, big, sums);
  if (sums[0] != word_at (log + 24) || sums[1] != word_at (log + 28))
    return TRUE;
  frame_bytes = FRAME_HEAD_BYTES + page_bytes;
  for (gsize at = HEAD_BYTES; at + frame_bytes <= size; at += frame_bytes)
    {
      const guint8 *frame = log + at;

      if (memcmp (frame + 8, log + 16, 8) == 0)
        {
          sum (frame, 8, big, sums);
          sum (frame + FRAME_HEAD_BYTES, page_bytes, big, sums);
          if (sums[0] == word_at (frame + 16) && sums[1] == word_at (frame + 20))
            continue;
        }
      *damaged_at = at;
      return !commit_follows (log, size, at, frame_bytes, commit_at);
    }
  return TRUE;
}

gboolean
syn_wal_check (const char *database_path, char **fault)
{
  g_autofree char *path = g_strconcat (database_path, "-wal", NULL);
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, NULL);
  const guint8 *log = file != NULL ? (const guint8 *) g_mapped_file_get_contents (file) : NULL;
  gsize damaged_at, commit_at;

  if (log == NULL || syn_wal_check_bytes (log, g_mapped_file_get_length (file), &damaged_at, &commit_at))
    return TRUE;
  *fault = g_strdup_printf ("%s: byte %" G_GSIZE_FORMAT ": a damaged frame, and a commit after it (byte %" G_GSIZE_FORMAT "): unless that one had "
                            "failed, or the power was cut while it was flushed, what was committed from there on is lost",
                            path, damaged_at, commit_at);
  return FALSE;
}
