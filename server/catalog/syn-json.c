/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads JSON that people write, and tells them where it is wrong. Any thread; no state.
 *
 * Why not json-glib here: of json-glib 1.6 the lines are those of the token after a value, a member given
 * twice replaces the first in silence, 99999999999999999999 is read as -1 and 1e999 as infinity, 'single
 * quotes', comments and unknown escapes pass, and a file of opening brackets overflows the stack. For a
 * catalog each of these would be a setting that is not what was written. The tests hold this reader against
 * json-glib on what both accept. */
#include "syn-json.h"

#include "syn-error.h"

#include <string.h>

typedef struct {
  const char *next, *end;
  const char *line_start;
  guint line;
  guint depth;
  guint n_values, max_values;
} Reader;

static SynJson *read_value (Reader *self, GError **error);

static guint
column_of (const Reader *self)
{
  return (guint)g_utf8_strlen (self->line_start, self->next - self->line_start) + 1;
}

static gboolean
fail (Reader *self, GError **error, const char *expected)
{
  g_autofree char *found = NULL;

  if (self->next == self->end)
    found = g_strdup ("the end of the file");
  else if (g_ascii_iscntrl (*self->next))
    found = g_strdup_printf ("the control character \\u%04x", (guint)(guchar)*self->next);
  else if (*self->next == '/' || *self->next == '#')
    found = g_strdup_printf ("\"%c\" (JSON has no comments)", *self->next);
  else
    found = g_strdup_printf ("\"%.*s\"", (int)(g_utf8_next_char (self->next) - self->next), self->next);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected %s, found %s", column_of (self),
               expected, found);
  return FALSE;
}

static void
skip_space (Reader *self)
{
  for (; self->next < self->end; self->next++)
    if (*self->next == '\n')
      {
        self->line++;
        self->line_start = self->next + 1;
      }
    else if (*self->next != ' ' && *self->next != '\t' && *self->next != '\r')
      return;
}

static gboolean
at (const Reader *self, char c)
{
  return self->next < self->end && *self->next == c;
}

static int
read_hex4 (Reader *self)
{
  int value = 0;

  for (guint i = 0; i < 4; i++, self->next++)
    {
      int digit = self->next < self->end ? g_ascii_xdigit_value (*self->next) : -1;

      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
  return value;
}

/* After the backslash. */
static gboolean
read_escape (Reader *self, GString *text, GError **error)
{
  static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
  const char *simple = self->next < self->end && *self->next != '\0' ? strchr (from, *self->next) : NULL;
  int high, low;

  if (simple != NULL)
    {
      g_string_append_c (text, to[simple - from]);
      self->next++;
      return TRUE;
    }
  if (!at (self, 'u'))
    return fail (self, error, "an escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u");
  self->next++;
  high = read_hex4 (self);
  if (high < 0)
    return fail (self, error, "four hexadecimal digits");
  if (high == 0)
    return fail (self, error, "text without \\u0000");
  if (high >= 0xd800 && high <= 0xdfff)
    {
      if (high >= 0xdc00 || !at (self, '\\') || self->next + 1 == self->end || self->next[1] != 'u')
        return fail (self, error, "a pair of surrogates");
      self->next += 2;
      low = read_hex4 (self);
      if (low < 0xdc00 || low > 0xdfff)
        return fail (self, error, "the second of a pair of surrogates");
      high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
  g_string_append_unichar (text, (gunichar)high);
  return TRUE;
}

/* At the opening quote. */
static char *
read_string (Reader *self, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  self->next++;
  while (!at (self, '"'))
    {
      const char *start = self->next;

      while (self->next < self->end && *self->next != '"' && *self->next != '\\'
             && !g_ascii_iscntrl (*self->next))
        self->next++;
      g_string_append_len (text, start, self->next - start);
      if (at (self, '\\'))
        {
          self->next++;
          if (!read_escape (self, text, error))
            return NULL;
        }
      else if (at (self, 0x7f))
        g_string_append_c (text, *self->next++);
      else if (!at (self, '"'))
        {
          fail (self, error, "the string to end with \"");
          return NULL;
        }
    }
  self->next++;
  return g_string_free (g_steal_pointer (&text), FALSE);
}

static gboolean
read_digits (Reader *self, const char *expected, GError **error)
{
  if (self->next == self->end || !g_ascii_isdigit (*self->next))
    return fail (self, error, expected);
  while (self->next < self->end && g_ascii_isdigit (*self->next))
    self->next++;
  return TRUE;
}

static gboolean
read_number (Reader *self, SynJson *value, GError **error)
{
  const char *start = self->next;

  value->kind = SYN_JSON_NUMBER;
  if (at (self, '-'))
    self->next++;
  if (at (self, '0'))
    {
      self->next++;
      if (self->next < self->end && g_ascii_isdigit (*self->next))
        return fail (self, error, "a number without leading zeros");
    }
  else if (!read_digits (self, "a digit", error))
    return FALSE;
  if (at (self, '.'))
    {
      self->next++;
      if (!read_digits (self, "a digit after the point", error))
        return FALSE;
    }
  if (at (self, 'e') || at (self, 'E'))
    {
      self->next++;
      if (at (self, '+') || at (self, '-'))
        self->next++;
      if (!read_digits (self, "a digit in the exponent", error))
        return FALSE;
    }
  value->text = g_strndup (start, (gsize)(self->next - start));
  return TRUE;
}

static void
free_later (gpointer value)
{
  syn_json_free (value);
}

/* What stands between brackets, at the opening one. */
static gboolean
read_items (Reader *self, SynJson *value, GError **error)
{
  gboolean is_object = *self->next == '{';
  char close = is_object ? '}' : ']';
  g_autoptr (GPtrArray) items = g_ptr_array_new_with_free_func (free_later);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GArray) lines = g_array_new (FALSE, FALSE, sizeof (guint));
  g_autoptr (GHashTable) seen = is_object ? g_hash_table_new (g_str_hash, g_str_equal) : NULL;

  value->kind = is_object ? SYN_JSON_OBJECT : SYN_JSON_ARRAY;
  if (++self->depth > SYN_JSON_MAX_DEPTH)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: nested deeper than %d", column_of (self),
                   SYN_JSON_MAX_DEPTH);
      return FALSE;
    }
  self->next++;
  skip_space (self);
  while (!at (self, close))
    {
      SynJson *item;

      if (items->len > 0)
        {
          if (!at (self, ','))
            return fail (self, error, is_object ? "\",\" or \"}\"" : "\",\" or \"]\"");
          self->next++;
          skip_space (self);
          if (at (self, close))
            return fail (self, error, is_object ? "another member after \",\"" : "another value after \",\"");
        }
      if (is_object)
        {
          char *name;

          if (!at (self, '"'))
            return fail (self, error, "the name of a member in double quotes");
          g_array_append_val (lines, self->line);
          name = read_string (self, error);
          if (name == NULL)
            return FALSE;
          g_ptr_array_add (names, name);
          if (!g_hash_table_add (seen, name))
            {
              g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: \"%s\" is given twice",
                           column_of (self), name);
              return FALSE;
            }
          skip_space (self);
          if (!at (self, ':'))
            return fail (self, error, "\":\"");
          self->next++;
          skip_space (self);
        }
      item = read_value (self, error);
      if (item == NULL)
        return FALSE;
      g_ptr_array_add (items, item);
      skip_space (self);
    }
  self->next++;
  self->depth--;
  value->n_items = items->len;
  g_ptr_array_set_free_func (items, NULL);
  value->items = (SynJson **)g_ptr_array_free (g_steal_pointer (&items), FALSE);
  g_ptr_array_set_free_func (names, NULL);
  value->names = (char **)g_ptr_array_free (g_steal_pointer (&names), FALSE);
  value->name_lines = (guint *)(gpointer)g_array_free (g_steal_pointer (&lines), FALSE);
  return TRUE;
}

static SynJson *
read_value (Reader *self, GError **error)
{
  static const struct {
    const char *text;
    SynJsonKind kind;
    gboolean boolean;
  } words[] = {
    { "null", SYN_JSON_NULL, FALSE },
    { "true", SYN_JSON_BOOL, TRUE },
    { "false", SYN_JSON_BOOL, FALSE },
  };
  g_autoptr (SynJson) value = g_new0 (SynJson, 1);

  value->line = self->line;
  if (++self->n_values > self->max_values)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "more than %u values in one file", self->max_values);
      return NULL;
    }
  if (at (self, '{') || at (self, '['))
    return read_items (self, value, error) ? g_steal_pointer (&value) : NULL;
  if (at (self, '"'))
    {
      value->kind = SYN_JSON_STRING;
      value->text = read_string (self, error);
      return value->text != NULL ? g_steal_pointer (&value) : NULL;
    }
  if (self->next < self->end && (*self->next == '-' || g_ascii_isdigit (*self->next)))
    return read_number (self, value, error) ? g_steal_pointer (&value) : NULL;
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      gsize n = strlen (words[i].text);

      if ((gsize)(self->end - self->next) >= n && memcmp (self->next, words[i].text, n) == 0
          && ((gsize)(self->end - self->next) == n || !g_ascii_isalnum (self->next[n])))
        {
          value->kind = words[i].kind;
          value->boolean = words[i].boolean;
          self->next += n;
          return g_steal_pointer (&value);
        }
    }
  fail (self, error, "a value");
  return NULL;
}

SynJson *
syn_json_parse (const char *text, gsize length, guint max_values, guint *line, GError **error)
{
  Reader self = { .next = text, .end = text + length, .line_start = text, .line = 1, .max_values = max_values };
  g_autoptr (SynJson) value = NULL;
  const char *valid_end;

  if (!g_utf8_validate_len (text, length, &valid_end))
    {
      for (; self.next < valid_end; self.next++)
        if (*self.next == '\n')
          {
            self.line++;
            self.line_start = self.next + 1;
          }
      *line = self.line;
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s", column_of (&self),
                   *valid_end == '\0' ? "a NUL byte" : "not UTF-8");
      return NULL;
    }
  skip_space (&self);
  value = read_value (&self, error);
  if (value != NULL)
    {
      skip_space (&self);
      if (self.next != self.end)
        {
          fail (&self, error, "the end of the file");
          g_clear_pointer (&value, syn_json_free);
        }
    }
  *line = self.line;
  return g_steal_pointer (&value);
}

void
syn_json_free (SynJson *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_items; i++)
    {
      syn_json_free (self->items[i]);
      if (self->kind == SYN_JSON_OBJECT)
        g_free (self->names[i]);
    }
  g_free (self->items);
  g_free (self->names);
  g_free (self->name_lines);
  g_free (self->text);
  g_free (self);
}

static guint
find (const SynJson *self, const char *name)
{
  guint i = 0;

  if (self->kind != SYN_JSON_OBJECT)
    return self->n_items;
  while (i < self->n_items && strcmp (self->names[i], name) != 0)
    i++;
  return i;
}

const SynJson *
syn_json_get (const SynJson *self, const char *name)
{
  guint i = find (self, name);

  return i < self->n_items ? self->items[i] : NULL;
}

guint
syn_json_get_name_line (const SynJson *self, const char *name)
{
  guint i = find (self, name);

  return self->kind == SYN_JSON_OBJECT && i < self->n_items ? self->name_lines[i] : self->line;
}

const char *
syn_json_kind_to_string (SynJsonKind kind)
{
  static const char *const names[] = { "null",     "true or false", "a number",
                                       "a string", "an array",      "an object" };

  return names[kind];
}
