/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Matching. Whether there is a match: by a deterministic automaton that is made as it is needed, one state a set of
 * instructions that could go on (K. Thompson, "Regular Expression Search Algorithm", CACM 11:6, 1968); what has been
 * learned stays in the cache, and is forgotten when it grows beyond CACHE_BYTES. Where it is: by
 * following all ways at once, in Perl's order of preference (R. Pike's, as R. Cox describes it in "Regular Expression Matching:
 * the Virtual Machine Approach", 2009), only for the texts that match.
 *
 * `^`, `$` and `\b` ask what comes next, so a state holds the instructions *before* the empty steps are taken, and they
 * are taken when the next letter, or the end, is known. One thread a cache. */
#include "syn-regex-private.h"

#include "replica-hash.h"
#include "syn-limits.h"

#include <string.h>

#define CACHE_BYTES (256u << 10) /* of one pattern's table, about */
#define MIN_STATES 16u
#define MAX_STATES 1024u
#define N_SLOTS (2 * MAX_STATES)

enum {
  UNKNOWN = G_MAXUINT32,
  MATCHED = G_MAXUINT32 - 1,
  DEAD = G_MAXUINT32 - 2
};

/* A state's key: which instructions are pending, and what came before. */
typedef struct {
  guint64 pending[SYN_MAX_REGEX_STATES / 64 + 1];
  guint32 at_start, after_word;
} Key; /* no padding: compared and hashed as bytes */

typedef struct {
  guint16 step;
  gsize places[4];
} Way;

struct _SynRegexCache {
  guint64 id; /* of the pattern; 0: of none */
  guint n_states, max_states, row; /* @row: letters + 1, for the end */
  guint32 *next;                   /* n_states × row */
  gsize next_size;
  Key *keys;
  guint32 slots[N_SLOTS]; /* state + 1 */
  /* empty steps being taken */
  guint16 stack[2 * SYN_MAX_REGEX_STATES + 2];
  guint32 seen[SYN_MAX_REGEX_STATES]; /* in round @round */
  guint32 round;
  /* of find() */
  Way *ways, *new_ways, *way_stack; /* (nullable) */
};

SynRegexCache *
syn_regex_cache_new (void)
{
  return g_new0 (SynRegexCache, 1);
}

void
syn_regex_cache_free (SynRegexCache *self)
{
  if (self == NULL)
    return;
  g_free (self->next);
  g_free (self->keys);
  g_free (self->ways);
  g_free (self->new_ways);
  g_free (self->way_stack);
  g_free (self);
}

gsize
syn_regex_cache_get_bytes (const SynRegexCache *self)
{
  if (self == NULL)
    return 0;
  return sizeof *self + self->next_size + (self->keys != NULL ? MAX_STATES * sizeof *self->keys : 0)
         + (self->ways != NULL ? (4 * SYN_MAX_REGEX_STATES + 4) * sizeof *self->ways : 0);
}

static void
forget (SynRegexCache *self)
{
  self->n_states = 0;
  memset (self->slots, 0, sizeof self->slots);
}

static void
prepare (SynRegexCache *self, const SynRegex *regex)
{
  gsize size;

  if (self->id == regex->id)
    return;
  self->id = regex->id;
  self->row = regex->n_letters + 1;
  self->max_states = CLAMP (CACHE_BYTES / (self->row * (guint)sizeof (guint32)), MIN_STATES, MAX_STATES);
  size = (gsize)self->max_states * self->row * sizeof (guint32);
  if (self->next_size < size)
    {
      g_free (self->next);
      self->next = g_malloc (size);
      self->next_size = size;
    }
  if (self->keys == NULL)
    self->keys = g_new (Key, MAX_STATES);
  forget (self);
}

/* The state of this key, new or known. */
static guint32
find_state (SynRegexCache *self, const Key *key)
{
  guint32 hash = replica_hash_finish (replica_hash_bytes (replica_hash_seed (), (const char *)key, sizeof *key));
  guint slot = hash & (N_SLOTS - 1);

  for (; self->slots[slot] != 0; slot = (slot + 1) & (N_SLOTS - 1))
    if (memcmp (&self->keys[self->slots[slot] - 1], key, sizeof *key) == 0)
      return self->slots[slot] - 1;
  if (self->n_states == self->max_states)
    {
      forget (self);
      slot = hash & (N_SLOTS - 1);
    }
  self->keys[self->n_states] = *key;
  self->slots[slot] = self->n_states + 1;
  memset (self->next + (gsize)self->n_states * self->row, 0xff, self->row * sizeof (guint32));
  return self->n_states++;
}

static guint32
start_state (SynRegexCache *self)
{
  Key key;

  memset (&key, 0, sizeof key);
  key.pending[0] = 1;
  key.at_start = 1;
  return find_state (self, &key);
}

static void
new_round (SynRegexCache *self)
{
  if (++self->round == 0)
    {
      memset (self->seen, 0, sizeof self->seen);
      self->round = 1;
    }
}

/* Whether an instruction that takes no letter lets pass here. */
static inline gboolean
passes (SynRegexOp op, gboolean at_start, gboolean at_end, gboolean after_word, gboolean before_word)
{
  switch (op)
    {
    case SYN_REGEX_BEGIN:
      return at_start;
    case SYN_REGEX_END:
      return at_end;
    case SYN_REGEX_WORD:
      return after_word != before_word;
    case SYN_REGEX_NO_WORD:
      return after_word == before_word;
    default:
      return TRUE;
    }
}

/* Where a letter (or the end: letter n_letters) leads from a state; written down for the next time. */
static guint32
learn (SynRegexCache *self, const SynRegex *regex, guint32 state, guint letter)
{
  const Key from = self->keys[state];
  gboolean at_end = letter == regex->n_letters;
  gboolean before_word = !at_end && syn_regex_set_has (regex->words, letter);
  guint32 result = DEAD;
  gboolean any = FALSE;
  Key key;

  memset (&key, 0, sizeof key);
  new_round (self);
  for (guint i = 0; i < regex->n_steps && result != MATCHED; i++)
    {
      guint n = 0;

      if (!(from.pending[i / 64] >> (i % 64) & 1))
        {
          if (from.pending[i / 64] == 0)
            i |= 63;
          continue;
        }
      self->stack[n++] = (guint16)i;
      while (n > 0)
        {
          guint k = self->stack[--n];
          const SynRegexStep *step = &regex->steps[k];

          if (self->seen[k] == self->round)
            continue;
          self->seen[k] = self->round;
          if (step->op == SYN_REGEX_MATCH)
            {
              result = MATCHED;
              break;
            }
          if (step->op == SYN_REGEX_SET)
            {
              if (!at_end && syn_regex_set_has (step->set, letter))
                {
                  key.pending[(k + 1) / 64] |= G_GUINT64_CONSTANT (1) << ((k + 1) % 64);
                  any = TRUE;
                }
            }
          else if (step->op == SYN_REGEX_SPLIT)
            {
              self->stack[n++] = step->y;
              self->stack[n++] = step->x;
            }
          else if (step->op == SYN_REGEX_JUMP)
            self->stack[n++] = step->x;
          else if (passes (step->op, from.at_start, at_end, from.after_word, before_word))
            self->stack[n++] = (guint16)(k + 1);
        }
    }
  if (result != MATCHED && !at_end)
    {
      /* A match may begin at each character. */
      if (!regex->anchored)
        {
          key.pending[0] |= 1;
          any = TRUE;
        }
      key.after_word = (guint32)before_word;
      if (any)
        {
          guint n_before = self->n_states;

          result = find_state (self, &key);
          /* All forgotten: what @state was is no more. */
          if (self->n_states < n_before)
            return result;
        }
    }
  self->next[(gsize)state * self->row + letter] = result;
  return result;
}

gboolean
syn_regex_match (const SynRegex *self, SynRegexCache *cache, const char *text, gsize length)
{
  const char *end = text + length;
  guint32 state;

  prepare (cache, self);
  state = cache->n_states > 0 ? 0 : start_state (cache);
  /* State 0 is the start, but after all was forgotten in the middle of a text. */
  if (!cache->keys[0].at_start)
    state = start_state (cache);
  while (text < end)
    {
      guint letter;
      guint32 next;

      text = syn_regex_next_letter (self, text, end, &letter);
      next = cache->next[(gsize)state * cache->row + letter];
      if (G_UNLIKELY (next >= DEAD))
        {
          if (next == UNKNOWN)
            next = learn (cache, self, state, letter);
          if (next == MATCHED)
            return TRUE;
          if (next == DEAD)
            return FALSE;
        }
      state = next;
    }
  {
    guint32 last = cache->next[(gsize)state * cache->row + self->n_letters];

    if (last == UNKNOWN)
      last = learn (cache, self, state, self->n_letters);
    return last == MATCHED;
  }
}

/* Takes the empty steps from @way at @place; what would take @letter goes to new_ways. TRUE when it came to a match, whose
 * places are then in @found. */
static gboolean
follow (SynRegexCache *self,
        const SynRegex *regex,
        const Way *way,
        gsize place,
        guint letter,
        const Key *around,
        guint *n_new,
        gsize *found)
{
  gboolean at_end = letter == regex->n_letters;
  gboolean before_word = !at_end && syn_regex_set_has (regex->words, letter);
  guint n = 0;

  self->way_stack[n++] = *way;
  while (n > 0)
    {
      Way at = self->way_stack[--n];
      const SynRegexStep *step = &regex->steps[at.step];
      guint k = at.step;

      if (self->seen[k] == self->round)
        continue;
      self->seen[k] = self->round;
      at.step = (guint16)(k + 1);
      switch (step->op)
        {
        case SYN_REGEX_MATCH:
          memcpy (found, at.places, sizeof at.places);
          return TRUE;
        case SYN_REGEX_SET:
          if (!at_end && syn_regex_set_has (step->set, letter))
            self->new_ways[(*n_new)++] = at;
          break;
        case SYN_REGEX_SPLIT:
          at.step = step->y;
          self->way_stack[n++] = at;
          at.step = step->x;
          self->way_stack[n++] = at;
          break;
        case SYN_REGEX_JUMP:
          at.step = step->x;
          self->way_stack[n++] = at;
          break;
        case SYN_REGEX_SAVE:
          at.places[step->x] = place;
          self->way_stack[n++] = at;
          break;
        default:
          if (passes (step->op, around->at_start, at_end, around->after_word, before_word))
            self->way_stack[n++] = at;
        }
    }
  return FALSE;
}

gboolean
syn_regex_find (
    const SynRegex *self, SynRegexCache *cache, const char *text, gsize length, gsize *start, gsize *end_place)
{
  static const Way fresh = { 0, { G_MAXSIZE, G_MAXSIZE, G_MAXSIZE, G_MAXSIZE } };
  const char *end = text + length, *at = text;
  gsize found[4] = { G_MAXSIZE, G_MAXSIZE, G_MAXSIZE, G_MAXSIZE };
  gboolean matched = FALSE;
  guint n_ways = 0, first = 0;
  Key around;

  if (!syn_regex_match (self, cache, text, length))
    return FALSE;
  if (cache->ways == NULL)
    {
      cache->ways = g_new (Way, SYN_MAX_REGEX_STATES + 1);
      cache->new_ways = g_new (Way, SYN_MAX_REGEX_STATES + 1);
      cache->way_stack = g_new (Way, 2 * SYN_MAX_REGEX_STATES + 2);
    }
  memset (&around, 0, sizeof around);
  around.at_start = 1;
  for (;;)
    {
      const char *next = end;
      guint letter = self->n_letters, n_new = 0;
      Way *swap;

      if (at < end)
        next = syn_regex_next_letter (self, at, end, &letter);
      new_round (cache);
      /* What began further left, or is preferred, comes first; a match ends all that come after it. */
      if (!matched && (!self->anchored || around.at_start))
        cache->ways[n_ways++] = fresh;
      for (guint i = 0; i < n_ways; i++)
        if (follow (cache, self, &cache->ways[i], (gsize)(at - text), letter, &around, &n_new, found))
          {
            matched = TRUE;
            break;
          }
      if (at == end || (n_new == 0 && (matched || self->anchored)))
        break;
      swap = cache->ways;
      cache->ways = cache->new_ways;
      cache->new_ways = swap;
      n_ways = n_new;
      around.at_start = 0;
      around.after_word = (guint32)syn_regex_set_has (self->words, letter);
      at = next;
    }
  if (!matched)
    return FALSE;
  first = self->has_group ? 2 : 0;
  *start = found[first];
  *end_place = found[first + 1];
  return *start != G_MAXSIZE && *end_place != G_MAXSIZE;
}
