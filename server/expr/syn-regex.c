/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tree of a pattern to instructions over letters. Any thread; the result is immutable.
 *
 * Rejected: PCRE2 (and GRegex, which is PCRE2) with a match limit. With one of 10,000, `(a+)+$` takes 0.25 ms for a string of
 * 32 letters before it gives up: more than a second of a lane for 5,000 of them. The limit counts anew from each place where
 * a match could begin, so that the time grows with limit × length; and a tight one makes nulls of honest patterns
 * over long texts. RE2 has linear time, but is C++. */
#include "syn-regex-private.h"

#include "syn-error.h"
#include "syn-limits.h"

#include <string.h>

/* ---- letters ---- */

static int
compare_chars (const void *a, const void *b)
{
  gunichar x = *(const gunichar *)a, y = *(const gunichar *)b;

  return x < y ? -1 : x > y;
}

static guint
find_letter (const SynRegex *self, gunichar character)
{
  guint low = 0, high = self->n_letters;

  while (high - low > 1)
    {
      guint middle = (low + high) / 2;

      if (self->bounds[middle] <= character)
        low = middle;
      else
        high = middle;
    }
  return low;
}

const char *
syn_regex_next_letter_slow (const SynRegex *self, const char *text, const char *end, guint *letter)
{
  gunichar c = g_utf8_get_char_validated (text, end - text);

  if (c > SYN_REGEX_LAST_CHAR)
    {
      *letter = find_letter (self, SYN_REGEX_NO_CHAR);
      return text + 1;
    }
  *letter = find_letter (self, c);
  return g_utf8_next_char (text);
}

static void
fill_set (const SynRegex *self, const GArray *ranges, guint64 *set)
{
  for (guint i = 0; i < ranges->len; i++)
    {
      SynRegexRange range = g_array_index (ranges, SynRegexRange, i);

      for (guint k = find_letter (self, range.first); k < self->n_letters && self->bounds[k] <= range.last; k++)
        set[k / 64] |= G_GUINT64_CONSTANT (1) << (k % 64);
    }
}

static void
add_bounds (GArray *bounds, const GArray *ranges)
{
  for (guint i = 0; i < ranges->len; i++)
    {
      SynRegexRange range = g_array_index (ranges, SynRegexRange, i);
      gunichar after = range.last + 1;

      g_array_append_val (bounds, range.first);
      g_array_append_val (bounds, after);
    }
}

/* Which characters the pattern can tell apart; and the sets in those terms. */
static void
make_letters (SynRegex *self, SynRegexParser *parser)
{
  g_autoptr (GArray) bounds = g_array_new (FALSE, FALSE, sizeof (gunichar));
  g_autoptr (GArray) words = g_array_new (FALSE, FALSE, sizeof (SynRegexRange));
  const gunichar zero = 0;

  syn_regex_add_named (words, 'w');
  g_array_append_val (bounds, zero);
  for (guint i = 0; i < parser->sets->len; i++)
    add_bounds (bounds, ((SynRegexNode *)g_ptr_array_index (parser->sets, i))->ranges);
  if (parser->uses_words)
    add_bounds (bounds, words);
  g_array_sort (bounds, compare_chars);
  self->bounds = g_new (gunichar, bounds->len);
  for (guint i = 0; i < bounds->len; i++)
    {
      gunichar bound = g_array_index (bounds, gunichar, i);

      if (bound <= SYN_REGEX_NO_CHAR && (self->n_letters == 0 || self->bounds[self->n_letters - 1] != bound))
        self->bounds[self->n_letters++] = bound;
    }
  self->n_set_words = (self->n_letters + 63) / 64;
  self->sets = g_new0 (guint64, (gsize)self->n_set_words * (parser->sets->len + 1));
  for (guint i = 0; i < parser->sets->len; i++)
    fill_set (self, ((SynRegexNode *)g_ptr_array_index (parser->sets, i))->ranges,
              self->sets + (gsize)i * self->n_set_words);
  self->words = self->sets + (gsize)parser->sets->len * self->n_set_words;
  if (parser->uses_words)
    fill_set (self, words, self->words);
  for (guint c = 0; c < G_N_ELEMENTS (self->ascii); c++)
    self->ascii[c] = (guint16)find_letter (self, c);
}

/* ---- instructions ---- */

typedef struct {
  SynRegex *regex;
  guint n_calls; /* `(){9}{9}{9}` makes none, but takes its time */
  gboolean too_large;
} Emitter;

static guint
emit (Emitter *self, SynRegexOp op, guint x, guint y)
{
  SynRegex *regex = self->regex;

  if (regex->n_steps == SYN_MAX_REGEX_STATES)
    {
      self->too_large = TRUE;
      return 0;
    }
  regex->steps[regex->n_steps] = (SynRegexStep){ .op = op, .x = (guint16)x, .y = (guint16)y };
  return regex->n_steps++;
}

/* Sets where a split goes on: first the one that is preferred. */
static void
aim (Emitter *self, guint split, guint preferred, guint other, gboolean swap)
{
  self->regex->steps[split].x = (guint16)(swap ? other : preferred);
  self->regex->steps[split].y = (guint16)(swap ? preferred : other);
}

static void emit_node (Emitter *self, const SynRegexNode *node);

static void
emit_repeat (Emitter *self, const SynRegexNode *node)
{
  SynRegex *regex = self->regex;
  guint splits[SYN_REGEX_MAX_REPEAT], n_splits = 0, split, body;

  if (node->max == G_MAXUINT) /* none at all */
    return;
  for (guint i = 0; i + 1 < node->min && !self->too_large; i++)
    emit_node (self, node->a);
  if (node->max == 0)
    {
      if (node->min > 0)
        {
          body = regex->n_steps;
          emit_node (self, node->a);
          split = emit (self, SYN_REGEX_SPLIT, 0, 0);
          aim (self, split, body, split + 1, node->shortest);
          return;
        }
      split = emit (self, SYN_REGEX_SPLIT, 0, 0);
      emit_node (self, node->a);
      emit (self, SYN_REGEX_JUMP, split, 0);
      aim (self, split, split + 1, regex->n_steps, node->shortest);
      return;
    }
  if (node->min > 0)
    emit_node (self, node->a);
  for (guint i = node->min; i < node->max && !self->too_large; i++)
    {
      splits[n_splits++] = emit (self, SYN_REGEX_SPLIT, 0, 0);
      emit_node (self, node->a);
    }
  for (guint i = 0; i < n_splits; i++)
    aim (self, splits[i], splits[i] + 1, regex->n_steps, node->shortest);
}

static void
emit_node (Emitter *self, const SynRegexNode *node)
{
  SynRegex *regex = self->regex;
  guint split, jump;

  if (++self->n_calls > SYN_MAX_REGEX_STATES * 8)
    self->too_large = TRUE;
  if (self->too_large)
    return;
  switch (node->kind)
    {
    case SYN_REGEX_NODE_SET:
      split = emit (self, SYN_REGEX_SET, 0, 0);
      regex->steps[split].set = regex->sets + (gsize)node->set * regex->n_set_words;
      break;
    case SYN_REGEX_NODE_PLACE:
      emit (self, node->place, 0, 0);
      break;
    case SYN_REGEX_NODE_CAT:
      emit_node (self, node->a);
      emit_node (self, node->b);
      break;
    case SYN_REGEX_NODE_ALT:
      split = emit (self, SYN_REGEX_SPLIT, 0, 0);
      emit_node (self, node->a);
      jump = emit (self, SYN_REGEX_JUMP, 0, 0);
      aim (self, split, split + 1, jump + 1, FALSE);
      emit_node (self, node->b);
      regex->steps[jump].x = (guint16)regex->n_steps;
      break;
    case SYN_REGEX_NODE_REPEAT:
      emit_repeat (self, node);
      break;
    case SYN_REGEX_NODE_GROUP:
      if (node->group == 1)
        emit (self, SYN_REGEX_SAVE, 2, 0);
      emit_node (self, node->a);
      if (node->group == 1)
        emit (self, SYN_REGEX_SAVE, 3, 0);
      break;
    default:
      break;
    }
}

static gboolean
is_anchored (const SynRegexNode *node)
{
  switch (node->kind)
    {
    case SYN_REGEX_NODE_PLACE:
      return node->place == SYN_REGEX_BEGIN;
    case SYN_REGEX_NODE_CAT:
    case SYN_REGEX_NODE_GROUP:
      return is_anchored (node->a);
    case SYN_REGEX_NODE_ALT:
      return is_anchored (node->a) && is_anchored (node->b);
    default:
      return FALSE;
    }
}

static SynRegex *
compile (SynRegexParser *parser, GError **error)
{
  static gsize last_id; /* atomic */
  SynRegexNode *root = syn_regex_parse (parser, error);
  g_autoptr (SynRegex) self = NULL;
  Emitter emitter = { 0 };

  if (root == NULL)
    return NULL;
  self = g_new0 (SynRegex, 1);
  self->id = (guint64)g_atomic_pointer_add (&last_id, 1) + 1;
  self->has_group = parser->n_groups > 0;
  self->anchored = is_anchored (root);
  self->steps = g_new0 (SynRegexStep, SYN_MAX_REGEX_STATES);
  make_letters (self, parser);
  emitter.regex = self;
  emit (&emitter, SYN_REGEX_SAVE, 0, 0);
  emit_node (&emitter, root);
  emit (&emitter, SYN_REGEX_SAVE, 1, 0);
  emit (&emitter, SYN_REGEX_MATCH, 0, 0);
  if (emitter.too_large)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the pattern needs more than %d states; repeat less",
                   SYN_MAX_REGEX_STATES);
      return NULL;
    }
  self->steps = g_renew (SynRegexStep, self->steps, self->n_steps);
  return g_steal_pointer (&self);
}

/**
 * syn_regex_new:
 * @pattern: valid UTF-8, at most SYN_MAX_REGEX_BYTES
 *
 * Returns: (transfer full): the pattern, compiled, or NULL with SYN_ERROR_INVALID that says where it is wrong
 */
SynRegex *
syn_regex_new (const char *pattern, GError **error)
{
  SynRegexParser parser;
  SynRegex *self;

  if (strlen (pattern) > SYN_MAX_REGEX_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "the pattern has %" G_GSIZE_FORMAT " bytes; at most %d are allowed", strlen (pattern),
                   SYN_MAX_REGEX_BYTES);
      return NULL;
    }
  syn_regex_parser_init (&parser, pattern);
  self = compile (&parser, error);
  syn_regex_parser_clear (&parser);
  return self;
}

void
syn_regex_free (SynRegex *self)
{
  if (self == NULL)
    return;
  g_free (self->steps);
  g_free (self->bounds);
  g_free (self->sets);
  g_free (self);
}
