/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A growing dictionary: text in one arena, a code per string, open addressing from text to code. On the lane of the
 * projection that owns it.
 *
 * One pool per column rather than one per projection: a column's dictionary in a snapshot is then the pool itself, and
 * needs no translation. Reference counts per string were rejected: they cost two writes per event that changes a
 * string, and compaction is needed all the same. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-string-pool.h"
#include "syn-padded.h"
#include "replica-hash.h"

#define SLACK_STRINGS 1024
#define SLACK_BYTES (64u << 10)

struct _SynStringPool {
  guint n;
  guint capacity;
  guint32 *offsets; /* (owned): n + 1 */
  guint32 *hashes;  /* (owned): n */
  char *bytes;      /* (owned): offsets[n] used */
  gsize bytes_capacity;
  gsize max_bytes;
  guint32 *slots; /* (owned): code + 1, 0 empty */
  guint32 mask;
  guint due_strings; /* compaction is due from here */
  gsize due_bytes;
};

SynStringPool *
syn_string_pool_new (gsize max_bytes)
{
  SynStringPool *self = g_new0 (SynStringPool, 1);

  self->max_bytes = MIN (max_bytes, (gsize) 1 << 31);
  self->capacity = 16;
  self->offsets = g_new0 (guint32, self->capacity + 1);
  self->hashes = g_new0 (guint32, self->capacity);
  self->bytes_capacity = 256;
  self->bytes = g_malloc0 (self->bytes_capacity);
  self->mask = 31;
  self->slots = g_new0 (guint32, self->mask + 1);
  self->due_strings = SLACK_STRINGS;
  self->due_bytes = SLACK_BYTES;
  return self;
}

void
syn_string_pool_free (SynStringPool *self)
{
  g_free (self->offsets);
  g_free (self->hashes);
  g_free (self->bytes);
  g_free (self->slots);
  g_free (self);
}

const char *
syn_string_pool_get (const SynStringPool *self, guint32 code, gsize *length)
{
  if (length != NULL)
    *length = self->offsets[code + 1] - self->offsets[code] - 1;
  return self->bytes + self->offsets[code];
}

guint32
syn_string_pool_get_hash (const SynStringPool *self, guint32 code)
{
  return self->hashes[code];
}

guint
syn_string_pool_get_length (const SynStringPool *self)
{
  return self->n;
}

gsize
syn_string_pool_get_bytes (const SynStringPool *self)
{
  return self->offsets[self->n];
}

gboolean
syn_string_pool_wants_compaction (const SynStringPool *self, guint n_rows, gboolean tight)
{
  if (self->n >= self->due_strings || self->offsets[self->n] >= self->due_bytes)
    return TRUE;
  return tight && self->n > n_rows + n_rows / 4 + 16;
}

/* Puts every code into a fresh table of at least twice as many slots. */
static void
rebuild_slots (SynStringPool *self, guint32 n_slots)
{
  g_free (self->slots);
  self->slots = g_new0 (guint32, n_slots);
  self->mask = n_slots - 1;
  for (guint code = 0; code < self->n; code++)
    {
      guint32 at = self->hashes[code] & self->mask;

      while (self->slots[at] != 0)
        at = (at + 1) & self->mask;
      self->slots[at] = code + 1;
    }
}

static guint32
append (SynStringPool *self, const char *text, gsize length, guint32 hash)
{
  gsize used = self->offsets[self->n];
  gsize needed = used + length + 1;

  if (needed > self->max_bytes || self->n >= G_MAXUINT32 / 4)
    return SYN_NO_STRING;
  if (self->n == self->capacity)
    {
      self->capacity *= 2;
      self->offsets = g_renew (guint32, self->offsets, self->capacity + 1);
      self->hashes = g_renew (guint32, self->hashes, self->capacity);
    }
  if (needed > self->bytes_capacity)
    {
      self->bytes_capacity = MAX (needed, self->bytes_capacity * 2);
      self->bytes = g_realloc (self->bytes, self->bytes_capacity);
    }
  memcpy (self->bytes + used, text, length);
  self->bytes[used + length] = '\0';
  self->hashes[self->n] = hash;
  self->offsets[++self->n] = (guint32) needed;
  return self->n - 1;
}

guint32
syn_string_pool_intern (SynStringPool *self, const char *text, gsize length)
{
  guint32 hash = replica_hash_finish (replica_hash_bytes (replica_hash_seed (), text, length));
  guint32 at = hash & self->mask;
  guint32 code;

  for (; self->slots[at] != 0; at = (at + 1) & self->mask)
    {
      code = self->slots[at] - 1;
      if (self->hashes[code] == hash && self->offsets[code + 1] - self->offsets[code] - 1 == length
          && memcmp (self->bytes + self->offsets[code], text, length) == 0)
        return code;
    }
  code = append (self, text, length, hash);
  if (code == SYN_NO_STRING)
    return code;
  self->slots[at] = code + 1;
  if (self->n > self->mask / 2)
    rebuild_slots (self, (self->mask + 1) * 2);
  return code;
}

void
syn_string_pool_compact (SynStringPool *self, guint32 *codes, const guint8 *validity, guint n_rows)
{
  g_autofree guint32 *moved = g_new0 (guint32, self->n + 1); /* new code + 1; 0: dead */
  guint n_slots = 32;
  guint n = 0;
  gsize used = 0;

  for (guint row = 0; row < n_rows; row++)
    if (validity[row >> 3] & (1u << (row & 7)))
      moved[codes[row]] = 1;
  for (guint code = 0; code < self->n; code++)
    {
      gsize size = self->offsets[code + 1] - self->offsets[code];

      if (moved[code] == 0)
        continue;
      /* In place: what is written never overtakes what is read. */
      memmove (self->bytes + used, self->bytes + self->offsets[code], size);
      self->hashes[n] = self->hashes[code];
      self->offsets[n] = (guint32) used;
      used += size;
      moved[code] = ++n;
    }
  /* offsets[n] was last: it may still have been needed as the end of string n while that was read. */
  self->offsets[n] = (guint32) used;
  self->n = n;
  for (guint row = 0; row < n_rows; row++)
    if (validity[row >> 3] & (1u << (row & 7)))
      codes[row] = moved[codes[row]] - 1;

  if (self->capacity > 64 && n < self->capacity / 4)
    {
      self->capacity = MAX (16, n * 2);
      self->offsets = g_renew (guint32, self->offsets, self->capacity + 1);
      self->hashes = g_renew (guint32, self->hashes, self->capacity);
    }
  if (self->bytes_capacity > SLACK_BYTES && used < self->bytes_capacity / 4)
    {
      self->bytes_capacity = MAX (256, used * 2);
      self->bytes = g_realloc (self->bytes, self->bytes_capacity);
    }
  while (n_slots / 2 <= n)
    n_slots *= 2;
  rebuild_slots (self, n_slots);
  self->due_strings = 2 * n + SLACK_STRINGS;
  self->due_bytes = 2 * used + SLACK_BYTES;
}

void
syn_string_pool_lend (const SynStringPool *self, ReplicaColumn *column)
{
  column->dict_offsets = self->offsets;
  column->dict_bytes = self->bytes;
  column->n_dict = self->n;
}

/* ---- checkpoints ---- */

gboolean
syn_string_pool_copy_some (SynStringPool *self, const SynStringPool *from, guint n_strings, gsize *budget)
{
  guint upto = self->n;
  gsize size;

  g_return_val_if_fail (n_strings <= from->n && self->n <= n_strings, TRUE);
  if (self->capacity < n_strings)
    {
      /* Not touched before it is written to: the system hands out a page at a time. */
      g_free (self->offsets);
      g_free (self->bytes);
      self->capacity = n_strings;
      self->bytes_capacity = from->offsets[n_strings];
      self->offsets = g_new (guint32, n_strings + 1);
      self->bytes = g_malloc (self->bytes_capacity);
      self->offsets[0] = 0;
    }
  else if (self->bytes_capacity < from->offsets[n_strings])
    {
      self->bytes_capacity = from->offsets[n_strings];
      self->bytes = g_realloc (self->bytes, self->bytes_capacity);
    }
  while (upto < n_strings && (upto == self->n || from->offsets[upto] - from->offsets[self->n] + 4 * (upto - self->n) < *budget))
    upto++;
  size = from->offsets[upto] - from->offsets[self->n];
  memcpy (self->bytes + from->offsets[self->n], from->bytes + from->offsets[self->n], size);
  memcpy (self->offsets + self->n + 1, from->offsets + self->n + 1, (upto - self->n) * sizeof *self->offsets);
  size += 4 * (upto - self->n);
  *budget -= MIN (*budget, size);
  self->n = upto;
  return self->n == n_strings;
}

gsize
syn_string_pool_get_saved_size (const SynStringPool *self)
{
  return syn_padded (self->n * sizeof *self->offsets) + syn_padded (self->offsets[self->n]);
}

void
syn_string_pool_save (const SynStringPool *self, GByteArray *out)
{
  syn_append_padded (out, self->offsets, self->n * sizeof *self->offsets);
  syn_append_padded (out, self->bytes, self->offsets[self->n]);
}

/* Text may hold NULs, before and after which it is UTF-8. */
static gboolean
is_text (const char *text, gsize length)
{
  for (const char *end = text + length, *nul; text < end; text = nul + 1)
    {
      nul = memchr (text, '\0', (gsize) (end - text));
      if (nul == NULL)
        nul = end;
      if (!g_utf8_validate_len (text, (gsize) (nul - text), NULL))
        return FALSE;
    }
  return TRUE;
}

gboolean
syn_string_pool_load (SynStringPool *self, guint64 n_strings, guint64 n_bytes, const guint8 *data)
{
  const char *bytes = (const char *) data + syn_padded (n_strings * sizeof (guint32));
  guint32 start, next;

  g_return_val_if_fail (self->n == 0, FALSE);
  for (guint i = 0; i < n_strings; i++)
    {
      memcpy (&start, data + i * sizeof start, sizeof start);
      next = (guint32) n_bytes;
      if (i + 1 < n_strings)
        memcpy (&next, data + (i + 1) * sizeof next, sizeof next);
      /* Each must be a new one. */
      if ((i == 0 && start != 0) || next <= start || next > n_bytes || bytes[next - 1] != '\0' || !is_text (bytes + start, next - 1 - start)
          || syn_string_pool_intern (self, bytes + start, next - 1 - start) != i)
        return FALSE;
    }
  return self->n > 0 || n_bytes == 0;
}
