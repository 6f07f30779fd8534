/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-regex.h"

/* A pattern is compiled to instructions over *letters*: all characters that the pattern cannot tell apart are one letter. */

G_BEGIN_DECLS

typedef enum {
  SYN_REGEX_SET,   /* takes one letter of @set, goes on with the next instruction */
  SYN_REGEX_SPLIT, /* goes on at @x, and failing that at @y */
  SYN_REGEX_JUMP,  /* to @x */
  SYN_REGEX_SAVE,  /* notes the place in slot @x: 0, 1: the match, 2, 3: the first group */
  SYN_REGEX_BEGIN, SYN_REGEX_END, SYN_REGEX_WORD, SYN_REGEX_NO_WORD,
  SYN_REGEX_MATCH,
} SynRegexOp;

typedef struct {
  SynRegexOp op;
  guint16 x, y;
  const guint64 *set; /* a bit a letter */
} SynRegexStep;

struct _SynRegex {
  guint64 id; /* never given twice: caches know their pattern by it */
  guint n_steps;
  SynRegexStep *steps;
  gboolean has_group;
  gboolean anchored; /* begins with ^: matches nowhere but at the start */
  /* letters: letter k is the characters from bounds[k] up to bounds[k + 1]; bytes that are no UTF-8 are in the last */
  guint n_letters;
  gunichar *bounds;
  guint16 ascii[128];
  guint64 *words; /* a bit a letter: \w */
  guint n_set_words; /* 64-bit words of a set */
  guint64 *sets;
};

/* ---- the tree ---- */
#define SYN_REGEX_LAST_CHAR 0x10ffffu
#define SYN_REGEX_NO_CHAR (SYN_REGEX_LAST_CHAR + 1) /* stands for bytes that are no UTF-8 */
#define SYN_REGEX_MAX_REPEAT 1000

typedef struct {
  gunichar first, last;
} SynRegexRange;

typedef enum {
  SYN_REGEX_NODE_EMPTY, SYN_REGEX_NODE_SET, SYN_REGEX_NODE_PLACE, SYN_REGEX_NODE_CAT, SYN_REGEX_NODE_ALT, SYN_REGEX_NODE_REPEAT, SYN_REGEX_NODE_GROUP,
} SynRegexNodeKind;

typedef struct _SynRegexNode SynRegexNode;
struct _SynRegexNode {
  SynRegexNodeKind kind;
  GArray *ranges;   /* (owned) (nullable): SET: SynRegexRange, sorted, apart from each other */
  guint set;        /* SET: which one */
  SynRegexOp place; /* PLACE */
  SynRegexNode *a, *b;      /* CAT, ALT: both; REPEAT, GROUP: a */
  guint min, max;   /* REPEAT; max 0: any number */
  gboolean shortest;
  guint group;      /* GROUP: from 1 */
};

typedef struct {
  const char *pattern, *next;
  guint depth, n_groups;
  gboolean uses_words;
  GPtrArray *nodes; /* (owned) of SynRegexNode: frees them all */
  GPtrArray *sets;  /* (element-type SynRegexNode): those that are SETs */
} SynRegexParser;

void syn_regex_parser_init (SynRegexParser *self, const char *pattern);
void syn_regex_parser_clear (SynRegexParser *self);
/* The root, which belongs to the parser as all nodes do. */
SynRegexNode *syn_regex_parse (SynRegexParser *self, GError **error);
/* \d, \w, \s and their opposites; FALSE for other letters. */
gboolean syn_regex_add_named (GArray *ranges, char name);

/* ---- matching ---- */
static inline gboolean
syn_regex_set_has (const guint64 *set, guint letter)
{
  return set[letter / 64] >> (letter % 64) & 1;
}

/* The letter of the character at @text, and where the next one begins. */
const char *syn_regex_next_letter_slow (const SynRegex *self, const char *text, const char *end, guint *letter);

static inline const char *
syn_regex_next_letter (const SynRegex *self, const char *text, const char *end, guint *letter)
{
  if (G_LIKELY ((guchar)*text < 0x80))
    {
      *letter = self->ascii[(guchar)*text];
      return text + 1;
    }
  return syn_regex_next_letter_slow (self, text, end, letter);
}

G_END_DECLS
