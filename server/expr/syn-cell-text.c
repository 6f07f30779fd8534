/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The functions of strings, one value at a time; syn-kernel-cells.c runs them over columns. Characters are code points of
 * UTF-8. Strings may hold NULs. Where a result is a part of an argument it is not copied. Any thread. */
#include "syn-program-private.h"

#include "replica-number.h"
#include "syn-limits.h"

#include <string.h>

static SynCellState
give (SynCell *result, const char *text, gsize length)
{
  result->text = text;
  result->length = length;
  return SYN_CELL_VALUE;
}

static SynCellState
give_bool (SynCell *result, gboolean value)
{
  result->integer = !!value;
  return SYN_CELL_VALUE;
}

static inline gboolean
begins_char (char c)
{
  return ((guchar)c & 0xc0) != 0x80;
}

/* ---- case ---- */

/* g_utf8_strdown() and its like ask the locale; a server must not. */
static SynCellState
change_case (const SynCell *arg, SynCell *result, SynRegister *out, gboolean upper)
{
  const char *text = arg->text, *end = text + arg->length;
  GString *changed = syn_register_text (out);
  guchar all = 0;

  for (gsize i = 0; i < arg->length; i++)
    all |= (guchar)text[i];
  if (all < 0x80)
    {
      g_string_set_size (changed, arg->length);
      for (gsize i = 0; i < arg->length; i++)
        changed->str[i] = upper ? g_ascii_toupper (text[i]) : g_ascii_tolower (text[i]);
      return give (result, changed->str, changed->len);
    }
  while (text < end)
    {
      gunichar c;

      if ((guchar)*text < 0x80)
        {
          g_string_append_c (changed, upper ? g_ascii_toupper (*text) : g_ascii_tolower (*text));
          text++;
          continue;
        }
      c = g_utf8_get_char_validated (text, end - text);
      if (c >= 0x110000)
        {
          g_string_append_c (changed, *text++);
          continue;
        }
      g_string_append_unichar (changed, upper ? g_unichar_toupper (c) : g_unichar_tolower (c));
      text = g_utf8_next_char (text);
    }
  return give (result, changed->str, changed->len);
}

SYN_CELL_FUNC (syn_cell_lower)
{
  return change_case (&args[0], result, out, FALSE);
}

SYN_CELL_FUNC (syn_cell_upper)
{
  return change_case (&args[0], result, out, TRUE);
}

/* ---- characters ---- */

static gint64
count_chars (const char *text, gsize length)
{
  gint64 n = 0;

  for (gsize i = 0; i < length; i++)
    n += begins_char (text[i]);
  return n;
}

SYN_CELL_FUNC (syn_cell_length)
{
  result->integer = count_chars (args[0].text, args[0].length);
  return SYN_CELL_VALUE;
}

/* @n characters on from @text, or @end. */
static const char *
skip_chars (const char *text, const char *end, gint64 n)
{
  for (; text < end && n > 0; n--)
    for (text++; text < end && !begins_char (*text);)
      text++;
  return text;
}

/* From character args[1], 1 the first, -1 the last one; args[2] of them, or all. */
SYN_CELL_FUNC (syn_cell_substr)
{
  const char *text = args[0].text, *end = text + args[0].length;
  gint64 from = args[1].integer;

  if (from > 0)
    text = skip_chars (text, end, from - 1);
  else if (from < 0)
    {
      gint64 n = count_chars (text, args[0].length);

      if (from > -n)
        text = skip_chars (text, end, n + from);
    }
  if (step->n_args > 2)
    end = skip_chars (text, end, args[2].integer);
  return give (result, text, (gsize)(end - text));
}

SYN_CELL_FUNC (syn_cell_trim)
{
  const char *text = args[0].text, *end = text + args[0].length;

  while (text < end)
    {
      gunichar c = g_utf8_get_char_validated (text, end - text);

      if (c >= 0x110000 || !g_unichar_isspace (c))
        break;
      text = g_utf8_next_char (text);
    }
  while (text < end)
    {
      const char *last = end - 1;
      gunichar c;

      while (last > text && !begins_char (*last))
        last--;
      c = g_utf8_get_char_validated (last, end - last);
      if (c >= 0x110000 || !g_unichar_isspace (c))
        break;
      end = last;
    }
  return give (result, text, (gsize)(end - text));
}

/* ---- parts ---- */

SYN_CELL_FUNC (syn_cell_starts_with)
{
  return give_bool (result, args[0].length >= args[1].length && memcmp (args[0].text, args[1].text, args[1].length) == 0);
}

SYN_CELL_FUNC (syn_cell_ends_with)
{
  return give_bool (result, args[0].length >= args[1].length
                                && memcmp (args[0].text + args[0].length - args[1].length, args[1].text, args[1].length) == 0);
}

SYN_CELL_FUNC (syn_cell_contains)
{
  return give_bool (result, memmem (args[0].text, args[0].length, args[1].text, args[1].length) != NULL);
}

SYN_CELL_FUNC (syn_cell_replace)
{
  const char *text = args[0].text, *end = text + args[0].length, *found;
  GString *made;

  if (args[1].length == 0
      || (found = memmem (text, args[0].length, args[1].text, args[1].length)) == NULL)
    return give (result, text, args[0].length);
  made = syn_register_text (out);
  do
    {
      g_string_append_len (made, text, found - text);
      g_string_append_len (made, args[2].text, (gssize)args[2].length);
      text = found + args[1].length;
      /* The rest could only make it longer; and a replacement of replacements grows without end. */
      if (made->len > SYN_MAX_STRING_BYTES)
        return SYN_CELL_EXCEEDED;
    }
  while ((found = memmem (text, (gsize)(end - text), args[1].text, args[1].length)) != NULL);
  g_string_append_len (made, text, end - text);
  return give (result, made->str, made->len);
}

/* Part args[2] of what args[1] separates, 1 the first, -1 the last; null when there is none. */
SYN_CELL_FUNC (syn_cell_split_part)
{
  const char *text = args[0].text, *end = text + args[0].length, *found;
  gint64 wanted = args[2].integer, n = 1;
  gsize length = args[1].length;

  if (length == 0)
    return wanted == 1 || wanted == -1 ? give (result, text, args[0].length) : SYN_CELL_NULL;
  if (wanted < 0)
    {
      for (const char *at = text; (found = memmem (at, (gsize)(end - at), args[1].text, length)) != NULL; n++)
        at = found + length;
      if (wanted < -n)
        return SYN_CELL_NULL;
      wanted += n + 1;
    }
  if (wanted == 0)
    return SYN_CELL_NULL;
  for (n = 1; (found = memmem (text, (gsize)(end - text), args[1].text, length)) != NULL; n++)
    {
      if (n == wanted)
        return give (result, text, (gsize)(found - text));
      text = found + length;
    }
  return n == wanted ? give (result, text, (gsize)(end - text)) : SYN_CELL_NULL;
}

SYN_CELL_FUNC (syn_cell_concat)
{
  GString *made = syn_register_text (out);

  for (guint i = 0; i < step->n_args; i++)
    g_string_append_len (made, args[i].text, (gssize)args[i].length);
  return give (result, made->str, made->len);
}

/* ---- patterns ---- */

static SynRegexCache *
ensure_cache (SynRegister *out)
{
  if (out->regex == NULL)
    out->regex = syn_regex_cache_new ();
  return out->regex;
}

SYN_CELL_FUNC (syn_cell_matches)
{
  return give_bool (result, syn_regex_match (step->regex, ensure_cache (out), args[0].text, args[0].length));
}

SYN_CELL_FUNC (syn_cell_extract)
{
  gsize start, end;

  if (!syn_regex_find (step->regex, ensure_cache (out), args[0].text, args[0].length, &start, &end))
    return SYN_CELL_NULL;
  return give (result, args[0].text + start, end - start);
}

/* ---- to other types ---- */

SYN_CELL_FUNC (syn_cell_number)
{
  ReplicaReadResult read;

  if (step->type == REPLICA_TYPE_DOUBLE)
    read = replica_read_double (args[0].text, args[0].length, &result->number);
  else
    read = replica_read_decimal128 (args[0].text, args[0].length, step->scale, &result->exact);
  return read == REPLICA_READ_OK ? SYN_CELL_VALUE : SYN_CELL_NULL;
}

SYN_CELL_FUNC (syn_cell_timestamp)
{
  return replica_read_timestamp (args[0].text, args[0].length, &result->integer) == REPLICA_READ_OK ? SYN_CELL_VALUE
                                                                                                  : SYN_CELL_NULL;
}
