/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text of a pattern to a tree: recursive descent. Any thread. Nesting is bounded by SYN_MAX_EXPR_DEPTH. */
#include "syn-regex-private.h"

#include "syn-error.h"
#include "syn-limits.h"

#include <string.h>

static void
node_free (gpointer data)
{
  SynRegexNode *node = data;

  g_clear_pointer (&node->ranges, g_array_unref);
  g_free (node);
}

static SynRegexNode *
new_node (SynRegexParser *self, SynRegexNodeKind kind, SynRegexNode *a, SynRegexNode *b)
{
  SynRegexNode *node = g_new0 (SynRegexNode, 1);

  node->kind = kind;
  node->a = a;
  node->b = b;
  g_ptr_array_add (self->nodes, node);
  return node;
}

static SynRegexNode *
fail (SynRegexParser *self, const char *at, GError **error, const char *what)
{
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s at character %ld of the pattern", what,
               g_utf8_strlen (self->pattern, at - self->pattern) + 1);
  return NULL;
}

/* ---- sets ---- */

static void
add_range (GArray *ranges, gunichar first, gunichar last)
{
  SynRegexRange range = { first, last };

  g_array_append_val (ranges, range);
}

static int
compare_ranges (const void *a, const void *b)
{
  const SynRegexRange *x = a, *y = b;

  return x->first < y->first ? -1 : x->first > y->first;
}

/* Sorted, and no two that touch. */
static void
tidy (GArray *ranges)
{
  guint n = 0;

  g_array_sort (ranges, compare_ranges);
  for (guint i = 0; i < ranges->len; i++)
    {
      SynRegexRange range = g_array_index (ranges, SynRegexRange, i);
      SynRegexRange *last = n > 0 ? &g_array_index (ranges, SynRegexRange, n - 1) : NULL;

      if (last != NULL && range.first <= last->last + 1)
        last->last = MAX (last->last, range.last);
      else
        g_array_index (ranges, SynRegexRange, n++) = range;
    }
  g_array_set_size (ranges, n);
}

/* All others, those that are no UTF-8 included. */
static void
invert (GArray *ranges)
{
  gunichar next = 0;
  guint n;

  tidy (ranges);
  n = ranges->len;
  for (guint i = 0; i < n; i++)
    {
      SynRegexRange range = g_array_index (ranges, SynRegexRange, i);

      if (range.first > next)
        add_range (ranges, next, range.first - 1);
      next = range.last + 1;
    }
  if (next <= SYN_REGEX_NO_CHAR)
    add_range (ranges, next, SYN_REGEX_NO_CHAR);
  g_array_remove_range (ranges, 0, n);
}

/* \d, \w, \s and their opposites. */
gboolean
syn_regex_add_named (GArray *ranges, char name)
{
  g_autoptr (GArray) named = g_array_new (FALSE, FALSE, sizeof (SynRegexRange));

  switch (g_ascii_tolower (name))
    {
    case 'd':
      add_range (named, '0', '9');
      break;
    case 'w':
      add_range (named, '0', '9');
      add_range (named, 'A', 'Z');
      add_range (named, '_', '_');
      add_range (named, 'a', 'z');
      break;
    case 's':
      add_range (named, '\t', '\r');
      add_range (named, ' ', ' ');
      break;
    default:
      return FALSE;
    }
  if (g_ascii_isupper (name))
    invert (named);
  g_array_append_vals (ranges, named->data, named->len);
  return TRUE;
}

static SynRegexNode *
new_set (SynRegexParser *self)
{
  SynRegexNode *node = new_node (self, SYN_REGEX_NODE_SET, NULL, NULL);

  node->ranges = g_array_new (FALSE, FALSE, sizeof (SynRegexRange));
  node->set = self->sets->len;
  g_ptr_array_add (self->sets, node);
  return node;
}

static gboolean
take_hex (SynRegexParser *self, const char *at, gunichar *character, GError **error)
{
  gboolean braces = *self->next == '{';
  guint most = braces ? 6 : 2, n = 0;

  self->next += braces;
  for (*character = 0; n < most && g_ascii_isxdigit (*self->next); n++, self->next++)
    *character = *character * 16 + (gunichar)g_ascii_xdigit_value (*self->next);
  if (n == 0 || (!braces && n != 2) || (braces && *self->next != '}') || *character > SYN_REGEX_LAST_CHAR)
    return fail (self, at, error, "expected two hexadecimal digits, or some in braces, after \\x,") != NULL;
  self->next += braces;
  return TRUE;
}

/* What stands for one character after a backslash, which is at @at. */
static gboolean
take_escaped_char (SynRegexParser *self, const char *at, gunichar *character, GError **error)
{
  static const char from[] = "ntrfv", to[] = "\n\t\r\f\v";
  char c = *self->next;
  const char *simple = c != '\0' ? strchr (from, c) : NULL;

  if (c == '\0')
    return fail (self, at, error, "expected a character after the backslash") != NULL;
  if (g_ascii_isdigit (c))
    return fail (self, at, error, "found a back-reference, which is not known,") != NULL;
  if (c != 'x' && simple == NULL && !g_ascii_ispunct (c) && c != ' ')
    return fail (self, at, error, "found an unknown escape") != NULL;
  self->next++;
  if (c == 'x')
    return take_hex (self, at, character, error);
  *character = (gunichar)(guchar)(simple != NULL ? to[simple - from] : c);
  return TRUE;
}

/* A character of a set, or @named: a \d or the like that was added to it. */
static gboolean
take_member (SynRegexParser *self, GArray *ranges, gunichar *character, gboolean *named, GError **error)
{
  const char *at = self->next;

  *named = FALSE;
  if (*at == '\0')
    return fail (self, at, error, "expected ] to end the set") != NULL;
  if (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '='))
    return fail (self, at, error, "found a named set, which is written \\d, \\w or \\s,") != NULL;
  self->next = g_utf8_next_char (at);
  *character = g_utf8_get_char (at);
  if (*at != '\\')
    return TRUE;
  if (*self->next != '\0' && syn_regex_add_named (ranges, *self->next))
    {
      self->next++;
      *named = TRUE;
      return TRUE;
    }
  return take_escaped_char (self, at, character, error);
}

/* After the opening bracket. */
static SynRegexNode *
parse_set (SynRegexParser *self, GError **error)
{
  SynRegexNode *node = new_set (self);
  gboolean inverted = *self->next == '^', first = TRUE;

  self->next += inverted;
  for (; *self->next != ']' || first; first = FALSE)
    {
      const char *at = self->next;
      gunichar from, to;
      gboolean named, other_named;

      if (!take_member (self, node->ranges, &from, &named, error))
        return NULL;
      to = from;
      if (self->next[0] == '-' && self->next[1] != ']' && self->next[1] != '\0')
        {
          self->next++;
          if (!take_member (self, node->ranges, &to, &other_named, error))
            return NULL;
          if (named || other_named || to < from)
            return fail (self, at, error, "expected a range from a lower to a higher character");
        }
      if (!named)
        add_range (node->ranges, from, to);
    }
  self->next++;
  if (inverted)
    invert (node->ranges);
  tidy (node->ranges);
  return node;
}

static SynRegexNode *
new_char (SynRegexParser *self, gunichar character)
{
  SynRegexNode *node = new_set (self);

  add_range (node->ranges, character, character);
  return node;
}

static SynRegexNode *
new_place (SynRegexParser *self, SynRegexOp place)
{
  SynRegexNode *node = new_node (self, SYN_REGEX_NODE_PLACE, NULL, NULL);

  node->place = place;
  self->uses_words |= place == SYN_REGEX_WORD || place == SYN_REGEX_NO_WORD;
  return node;
}

/* ---- the tree ---- */

static SynRegexNode *parse_alternatives (SynRegexParser *self, GError **error);

static SynRegexNode *
parse_escape (SynRegexParser *self, const char *at, GError **error)
{
  static const struct {
    char name;
    SynRegexOp place;
  } places[] = {
    { 'b', SYN_REGEX_WORD }, { 'B', SYN_REGEX_NO_WORD }, { 'A', SYN_REGEX_BEGIN }, { 'z', SYN_REGEX_END },
  };
  gunichar character;
  SynRegexNode *node;

  for (guint i = 0; i < G_N_ELEMENTS (places); i++)
    if (*self->next == places[i].name)
      {
        self->next++;
        return new_place (self, places[i].place);
      }
  if (*self->next != '\0' && strchr ("dDwWsS", *self->next) != NULL)
    {
      node = new_set (self);
      syn_regex_add_named (node->ranges, *self->next++);
      tidy (node->ranges);
      return node;
    }
  return take_escaped_char (self, at, &character, error) ? new_char (self, character) : NULL;
}

/* After the opening parenthesis, which is at @at. */
static SynRegexNode *
parse_group (SynRegexParser *self, const char *at, GError **error)
{
  guint group = 0;
  SynRegexNode *node;

  if (*self->next != '?')
    group = ++self->n_groups;
  else if (self->next[1] == ':')
    self->next += 2;
  else
    return fail (self, at, error, "found a flag, a named group or a look-around, which are not known,");
  if (++self->depth > SYN_MAX_EXPR_DEPTH)
    return fail (self, at, error, "found parentheses nested too deeply");
  node = parse_alternatives (self, error);
  if (node == NULL)
    return NULL;
  if (*self->next != ')')
    return fail (self, self->next, error, "expected )");
  self->next++;
  self->depth--;
  if (group > 0)
    {
      node = new_node (self, SYN_REGEX_NODE_GROUP, node, NULL);
      node->group = group;
    }
  return node;
}

/* {n}, {n,} or {n,m} at @text: its end, or NULL. */
static const char *
read_braces (const char *text, guint *min, guint *max, gboolean *too_many)
{
  guint numbers[2] = { 0, 0 }, n = 0;
  const char *c = text + 1;
  gsize n_digits;

  *too_many = FALSE;
  for (;;)
    {
      for (n_digits = 0; g_ascii_isdigit (*c); c++, n_digits++)
        numbers[n] = MIN (numbers[n] * 10 + (guint)(*c - '0'), SYN_REGEX_MAX_REPEAT + 1);
      *too_many |= numbers[n] > SYN_REGEX_MAX_REPEAT;
      if (n_digits == 0 && n == 0)
        return NULL;
      if (*c == '}')
        break;
      if (*c != ',' || n == 1)
        return NULL;
      n = 1;
      c++;
    }
  *min = numbers[0];
  *max = n == 0 ? numbers[0] : n_digits == 0 ? 0 : numbers[1];
  /* {0} and {0,0} take nothing, which a maximum of 0 does not say. */
  if (*max == 0 && (n == 0 || n_digits > 0))
    *max = G_MAXUINT;
  return c + 1;
}

static SynRegexNode *
parse_atom (SynRegexParser *self, GError **error)
{
  const char *at = self->next;
  guint min, max;
  gboolean too_many;
  SynRegexNode *node;

  self->next = g_utf8_next_char (at);
  switch (*at)
    {
    case '(':
      return parse_group (self, at, error);
    case '[':
      return parse_set (self, error);
    case '\\':
      return parse_escape (self, at, error);
    case '^':
      return new_place (self, SYN_REGEX_BEGIN);
    case '$':
      return new_place (self, SYN_REGEX_END);
    case '.':
      node = new_set (self);
      add_range (node->ranges, '\n', '\n');
      invert (node->ranges);
      return node;
    case '*':
    case '+':
    case '?':
      return fail (self, at, error, "found nothing to repeat");
    case '{':
      if (read_braces (at, &min, &max, &too_many) != NULL)
        return fail (self, at, error, "found nothing to repeat");
      return new_char (self, '{');
    default:
      return new_char (self, g_utf8_get_char (at));
    }
}

static SynRegexNode *
parse_repeat (SynRegexParser *self, GError **error)
{
  SynRegexNode *node = parse_atom (self, error), *repeat;
  const char *at = self->next, *after;
  guint min = 0, max = 0;
  gboolean too_many = FALSE;

  if (node == NULL)
    return NULL;
  if (*at == '*' || *at == '+' || *at == '?')
    {
      min = *at == '+';
      max = *at == '?';
      self->next++;
    }
  else if (*at == '{' && (after = read_braces (at, &min, &max, &too_many)) != NULL)
    {
      if (too_many)
        return fail (self, at, error, "found more than 1000 repetitions");
      if (max != 0 && max != G_MAXUINT && max < min)
        return fail (self, at, error, "expected a least number of repetitions and a greatest");
      self->next = after;
    }
  else
    return node;
  repeat = new_node (self, SYN_REGEX_NODE_REPEAT, node, NULL);
  repeat->min = min;
  repeat->max = max;
  repeat->shortest = *self->next == '?';
  self->next += repeat->shortest;
  if (*self->next == '*' || *self->next == '+' || *self->next == '?')
    return fail (self, self->next, error, "expected one repetition, found two");
  return repeat;
}

static SynRegexNode *
parse_sequence (SynRegexParser *self, GError **error)
{
  SynRegexNode *node = NULL;

  while (*self->next != '\0' && *self->next != '|' && *self->next != ')')
    {
      SynRegexNode *next = parse_repeat (self, error);

      if (next == NULL)
        return NULL;
      node = node == NULL ? next : new_node (self, SYN_REGEX_NODE_CAT, node, next);
    }
  return node != NULL ? node : new_node (self, SYN_REGEX_NODE_EMPTY, NULL, NULL);
}

static SynRegexNode *
parse_alternatives (SynRegexParser *self, GError **error)
{
  SynRegexNode *node = parse_sequence (self, error);

  while (node != NULL && *self->next == '|')
    {
      SynRegexNode *next;

      self->next++;
      next = parse_sequence (self, error);
      node = next != NULL ? new_node (self, SYN_REGEX_NODE_ALT, node, next) : NULL;
    }
  return node;
}

SynRegexNode *
syn_regex_parse (SynRegexParser *self, GError **error)
{
  SynRegexNode *root = parse_alternatives (self, error);

  if (root != NULL && *self->next != '\0')
    return fail (self, self->next, error, "expected ( before the )");
  return root;
}

void
syn_regex_parser_init (SynRegexParser *self, const char *pattern)
{
  *self = (SynRegexParser){ .pattern = pattern, .next = pattern };
  self->nodes = g_ptr_array_new_with_free_func (node_free);
  self->sets = g_ptr_array_new ();
}

void
syn_regex_parser_clear (SynRegexParser *self)
{
  g_ptr_array_unref (self->sets);
  g_ptr_array_unref (self->nodes);
}
