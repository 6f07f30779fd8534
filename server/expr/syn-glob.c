/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Globs for `~`. The stars cut the pattern into segments: the first stands at the start, the last at the end,
 * those between at the leftmost place after the one before, which is the only choice that needs to be tried.
 * Segments of plain text are found by memmem(), which is linear; segments with `?` by a bit-parallel scan
 * (one bit a character of the segment, shifted with each character of the text). Rejected: GPatternSpec and
 * the usual recursive or backtracking matchers (exponential or quadratic for patterns that a stranger may
 * choose), and GRegex (a compiler and a JIT for two operators). */
#include "syn-glob.h"

#include <string.h>

#define ANY_CHAR ((gunichar)-1) /* `?` */

typedef struct {
  guint n_chars;
  gunichar *chars; /* ANY_CHAR for `?` */
  gboolean plain;  /* no `?`: @bytes is all of it */
  char *bytes;
  gsize n_bytes;
  /* For the scan, when there is a `?`: bit i of a character's mask is set where the segment's character i
   * takes it. */
  guint n_words;
  guint64 *any_mask;   /* of characters that the segment does not name */
  guint64 *ascii[128]; /* (nullable) */
  GHashTable *others;  /* character → mask */
} Segment;

struct _SynGlob {
  guint n_segments; /* one more than there are stars, of which several in a row are one */
  Segment *segments;
};

static guint64 *
segment_ensure_mask (Segment *self, gunichar character)
{
  guint64 *mask = character < 128 ? self->ascii[character]
                                  : g_hash_table_lookup (self->others, GUINT_TO_POINTER (character));

  if (mask != NULL)
    return mask;
  mask = g_memdup2 (self->any_mask, self->n_words * sizeof *mask);
  if (character < 128)
    self->ascii[character] = mask;
  else
    g_hash_table_insert (self->others, GUINT_TO_POINTER (character), mask);
  return mask;
}

static const guint64 *
segment_get_mask (const Segment *self, gunichar character)
{
  const guint64 *mask = character < 128 ? self->ascii[character]
                                        : g_hash_table_lookup (self->others, GUINT_TO_POINTER (character));

  return mask != NULL ? mask : self->any_mask;
}

static void
segment_make_masks (Segment *self)
{
  self->n_words = (self->n_chars + 63) / 64;
  self->any_mask = g_new0 (guint64, self->n_words);
  self->others = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  for (guint i = 0; i < self->n_chars; i++)
    if (self->chars[i] == ANY_CHAR)
      self->any_mask[i / 64] |= G_GUINT64_CONSTANT (1) << (i & 63);
  for (guint i = 0; i < self->n_chars; i++)
    if (self->chars[i] != ANY_CHAR)
      segment_ensure_mask (self, self->chars[i])[i / 64] |= G_GUINT64_CONSTANT (1) << (i & 63);
}

static void
segment_finish (Segment *self, GArray *chars)
{
  GString *bytes = g_string_new (NULL);

  memset (self, 0, sizeof *self);
  self->n_chars = chars->len;
  self->chars = g_memdup2 (chars->data, chars->len * sizeof (gunichar));
  self->plain = TRUE;
  for (guint i = 0; i < self->n_chars; i++)
    if (self->chars[i] == ANY_CHAR)
      self->plain = FALSE;
    else
      g_string_append_unichar (bytes, self->chars[i]);
  self->n_bytes = bytes->len;
  self->bytes = g_string_free (bytes, FALSE);
  if (!self->plain)
    segment_make_masks (self);
  g_array_set_size (chars, 0);
}

SynGlob *
syn_glob_new (const char *pattern)
{
  SynGlob *self = g_new0 (SynGlob, 1);
  g_autoptr (GArray) segments = g_array_new (FALSE, TRUE, sizeof (Segment));
  g_autoptr (GArray) chars = g_array_new (FALSE, FALSE, sizeof (gunichar));
  Segment segment;

  for (const char *c = pattern; *c != '\0'; c = g_utf8_next_char (c))
    {
      gunichar character = g_utf8_get_char (c);

      if (character == '*')
        {
          while (c[1] == '*')
            c++;
          segment_finish (&segment, chars);
          g_array_append_val (segments, segment);
          continue;
        }
      if (character == '?')
        character = ANY_CHAR;
      else if (character == '\\' && c[1] != '\0')
        {
          c++;
          character = g_utf8_get_char (c);
        }
      g_array_append_val (chars, character);
    }
  segment_finish (&segment, chars);
  g_array_append_val (segments, segment);
  self->n_segments = segments->len;
  self->segments = g_memdup2 (segments->data, segments->len * sizeof (Segment));
  return self;
}

void
syn_glob_free (SynGlob *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_segments; i++)
    {
      g_free (self->segments[i].chars);
      g_free (self->segments[i].bytes);
      g_free (self->segments[i].any_mask);
      for (guint c = 0; c < G_N_ELEMENTS (self->segments[i].ascii); c++)
        g_free (self->segments[i].ascii[c]);
      g_clear_pointer (&self->segments[i].others, g_hash_table_unref);
    }
  g_free (self->segments);
  g_free (self);
}

/* The character at @text and where the next one begins. */
static const char *
next_char (const char *text, const char *end, gunichar *character)
{
  gunichar c;

  if ((guchar)*text < 0x80)
    {
      *character = (guchar)*text;
      return text + 1;
    }
  c = g_utf8_get_char_validated (text, end - text);
  if (c >= 0x110000)
    {
      /* No pattern holds such a character: only `?` and `*` meet it. */
      *character = 0x110000u + (guchar)*text;
      return text + 1;
    }
  *character = c;
  return g_utf8_next_char (text);
}

/* The end of the segment if it stands at @text, else NULL. */
static const char *
match_here (const Segment *self, const char *text, const char *end)
{
  if (self->plain)
    {
      if (self->n_bytes == 0)
        return text;
      /* The first byte by itself: most strings end here, before a call. */
      if ((gsize)(end - text) < self->n_bytes || *text != self->bytes[0])
        return NULL;
      return memcmp (text, self->bytes, self->n_bytes) == 0 ? text + self->n_bytes : NULL;
    }
  for (guint i = 0; i < self->n_chars; i++)
    {
      gunichar character;

      if (text == end)
        return NULL;
      text = next_char (text, end, &character);
      if (self->chars[i] != ANY_CHAR && self->chars[i] != character)
        return NULL;
    }
  return text;
}

static const char *
previous_char (const char *start, const char *text)
{
  /* The mirror of next_char(): a valid sequence that ends here, or one byte. */
  for (guint n = 2; n <= 4 && text - start >= (gssize)n; n++)
    {
      gunichar character;

      if ((guchar)text[-(int)n] >= 0xc0 && next_char (text - n, text, &character) == text)
        return text - n;
    }
  return text - 1;
}

/* Where the segment begins if it ends at @end and does not begin before @start, else NULL. */
static const char *
find_last (const Segment *self, const char *start, const char *end)
{
  const char *from = end;

  if (self->plain)
    return (gsize)(end - start) >= self->n_bytes ? end - self->n_bytes : NULL;
  for (guint i = 0; i < self->n_chars; i++)
    {
      if (from == start)
        return NULL;
      from = previous_char (start, from);
    }
  return from;
}

/* The end of the leftmost occurrence at or after @text: bit i of @state is set when the last i + 1 characters
 * were the first i + 1 of the segment. */
static const char *
scan (const Segment *self, const char *text, const char *end)
{
  g_autofree guint64 *buffer = self->n_words > 1 ? g_new0 (guint64, self->n_words) : NULL;
  guint64 one = 0, *state = buffer != NULL ? buffer : &one;
  guint64 last = G_GUINT64_CONSTANT (1) << ((self->n_chars - 1) & 63);

  while (text < end)
    {
      const guint64 *mask;
      guint64 carry = 1;
      gunichar character;

      text = next_char (text, end, &character);
      mask = segment_get_mask (self, character);
      for (guint word = 0; word < self->n_words; word++)
        {
          guint64 shifted = (state[word] << 1) | carry;

          carry = state[word] >> 63;
          state[word] = shifted & mask[word];
        }
      if (state[self->n_words - 1] & last)
        return text;
    }
  return NULL;
}

static const char *
find (const Segment *self, const char *text, const char *end)
{
  const char *found;

  if (self->n_chars == 0)
    return text;
  if (!self->plain)
    return scan (self, text, end);
  if (self->n_bytes == 1)
    {
      found = memchr (text, self->bytes[0], (gsize)(end - text));
      return found != NULL ? found + 1 : NULL;
    }
  found = memmem (text, (gsize)(end - text), self->bytes, self->n_bytes);
  return found != NULL ? found + self->n_bytes : NULL;
}

gboolean
syn_glob_match (const SynGlob *self, const char *text, gsize length)
{
  const char *end = text + length, *at = match_here (&self->segments[0], text, end), *from;
  const Segment *last = &self->segments[self->n_segments - 1];

  if (at == NULL)
    return FALSE;
  if (self->n_segments == 1)
    return at == end;
  for (guint i = 1; i + 1 < self->n_segments; i++)
    {
      at = find (&self->segments[i], at, end);
      if (at == NULL)
        return FALSE;
    }
  if (last->n_chars == 0)
    return TRUE;
  from = find_last (last, at, end);
  return from != NULL && match_here (last, from, end) == end;
}

const char *
syn_glob_get_prefix (const SynGlob *self, gsize *length)
{
  if (self->n_segments != 2 || self->segments[1].n_chars > 0 || !self->segments[0].plain)
    return NULL;
  *length = self->segments[0].n_bytes;
  return self->segments[0].bytes;
}
