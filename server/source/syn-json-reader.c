/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grammar of one flat JSON object (RFC 8259), read straight into an event. Strict: all of the grammar of
 * values, nothing beside it; members must be known, once each; a value is of its field's type or null;
 * strings are UTF-8 without lone surrogates. The text ends with a sentinel, a control character that no token
 * contains: loops stop at it by themselves, and a problem exactly there means that the text ends (truncated),
 * which in an array only means: not yet.
 *
 * Thread-agnostic.
 */
#include "syn-event-reader-private.h"
#include "syn-limits.h"

static gboolean
fail_end (SynEventReader *self, const char *end, const char *inside)
{
  self->truncated = TRUE;
  return syn_event_reader_fail (self, end, NULL, "the text ends inside %s", inside);
}

static const char *
skip_space (const char *p, const char *end)
{
  while ((*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n') && p < end)
    p++;
  return p;
}

/* What a value is, by its first byte. */
static const char *
kind_of (char c)
{
  switch (c)
    {
    case '"':
      return "a string";
    case '{':
      return "an object";
    case '[':
      return "an array";
    case 't':
    case 'f':
      return "a boolean";
    case 'n':
      return "null";
    default:
      return c == '-' || syn_is_digit (c) ? "a number" : NULL;
    }
}

/* A byte as it may stand in an error. */
static char *
shown_byte (const char *p)
{
  guchar c = (guchar) *p;

  if (c > 0x20 && c < 0x7f)
    return g_strdup_printf ("'%c'", c);
  return g_strdup_printf ("byte 0x%02x", c);
}

static gboolean
fail_expected (SynEventReader *self, const char *p, const char *end, const char *field, const char *expected)
{
  g_autofree char *found = NULL;

  if (p == end)
    return fail_end (self, end, "an event");
  found = shown_byte (p);
  return syn_event_reader_fail (self, p, field, "expected %s, found %s", expected, found);
}

static const char *
fail_type (SynEventReader *self, const char *p, const char *end, const SynFieldSpec *field)
{
  g_autofree char *expectation = syn_field_expectation (field);
  const char *kind = kind_of (*p);

  if (kind == NULL || p == end)
    fail_expected (self, p, end, field->name, expectation);
  else
    syn_event_reader_fail (self, p, field->name, "expected %s, found %s", expectation, kind);
  return NULL;
}

/* ---- tokens ---- */

/* `true`, `false`, `null`: the byte after it or NULL. */
static const char *
read_word (SynEventReader *self, const char *p, const char *end, const char *word, const SynFieldSpec *field)
{
  for (const char *w = word; *w != '\0'; w++, p++)
    if (*p != *w)
      {
        if (p == end)
          fail_end (self, end, "a word");
        else
          syn_event_reader_fail (self, p, field->name, "expected %s", word);
        return NULL;
      }
  return p;
}

static const char *
scan_digits (
    SynEventReader *self, const char *p, const char *end, const SynFieldSpec *field, const char *expected)
{
  if (!syn_is_digit (*p))
    {
      fail_expected (self, p, end, field->name, expected);
      return NULL;
    }
  while (syn_is_digit (*p))
    p++;
  return p;
}

/* A number token of any form: the byte after it or NULL. */
static const char *
scan_number (SynEventReader *self, const char *p, const char *end, const SynFieldSpec *field)
{
  p += *p == '-';
  if (*p == '0')
    p++;
  else if ((p = scan_digits (self, p, end, field, "a digit")) == NULL)
    return NULL;
  if (*p == '.' && (p = scan_digits (self, p + 1, end, field, "a digit after the point")) == NULL)
    return NULL;
  if (*p == 'e' || *p == 'E')
    {
      p++;
      p += *p == '-' || *p == '+';
      p = scan_digits (self, p, end, field, "a digit of the exponent");
    }
  return p;
}

/* Four hexadecimal digits, or -1; *@at is left at the first byte that is none. */
static int
read_hex (const char **at)
{
  int value = 0;

  for (guint i = 0; i < 4; i++, (*at)++)
    {
      int digit = g_ascii_xdigit_value (**at);

      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
  return value;
}

static const char *
fail_escape (SynEventReader *self,
             const char *start,
             const char *at,
             const char *end,
             const char *name,
             const char *problem)
{
  if (at == end)
    fail_end (self, end, "a string");
  else
    syn_event_reader_fail (self, start, name, "%s", problem);
  return NULL;
}

/* At a backslash: appends what it stands for to the scratch; the byte after the escape or NULL. */
static const char *
read_escape (SynEventReader *self, const char *p, const char *end, const char *name)
{
  static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  const char *start = p++, *letter;
  char utf8[6];
  int code, low;

  if (*p != 'u')
    {
      letter = *p != '\0' ? strchr (letters, *p) : NULL;
      if (letter == NULL)
        return fail_escape (self, start, p, end, name, "unknown escape in a string");
      g_byte_array_append (self->scratch, (const guint8 *) &meanings[letter - letters], 1);
      return p + 1;
    }

  p++;
  code = read_hex (&p);
  if (code < 0)
    return fail_escape (self, start, p, end, name, "expected four hexadecimal digits after \\u");
  if (code >= 0xdc00 && code <= 0xdfff)
    return fail_escape (self, start, start, end, name, "a lone surrogate in a string");
  if (code >= 0xd800 && code <= 0xdbff)
    {
      if (*p != '\\' || *++p != 'u')
        return fail_escape (self, start, p, end, name, "a lone surrogate in a string");
      p++;
      low = read_hex (&p);
      if (low < 0xdc00 || low > 0xdfff)
        return fail_escape (self, start, low < 0 ? p : start, end, name, "a lone surrogate in a string");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
  g_byte_array_append (self->scratch, (const guint8 *) utf8,
                       (guint) g_unichar_to_utf8 ((gunichar) code, utf8));
  return p;
}

/* A string, @p behind its opening quote: the byte behind its closing one, or NULL. *@text is in the text
 * itself, or in the scratch when there were escapes: valid until the next string. */
static const char *
read_string (
    SynEventReader *self, const char *p, const char *end, const char *name, const char **text, gsize *length)
{
  const char *start = p, *wrong;
  gboolean copied = FALSE;

  for (;;)
    {
      p = syn_scan_text (p, end);
      if (*p == '"')
        break;
      if (*p == '\\')
        {
          if (!copied)
            g_byte_array_set_size (self->scratch, 0);
          copied = TRUE;
          g_byte_array_append (self->scratch, (const guint8 *) start, (guint) (p - start));
          start = p = read_escape (self, p, end, name);
        }
      else if ((guchar) *p >= 0x80)
        {
          p = syn_utf8_next (p, &wrong);
          if (p == NULL && wrong == end)
            fail_end (self, end, "a string");
          else if (p == NULL)
            syn_event_reader_fail (self, wrong, name, "byte 0x%02x is not UTF-8", (guchar) *wrong);
        }
      else if (p == end)
        {
          fail_end (self, end, "a string");
          p = NULL;
        }
      else
        {
          syn_event_reader_fail (
              self, p, name, "a control character (0x%02x) in a string must be written as \\u%04x", *p, *p);
          p = NULL;
        }
      if (p == NULL)
        return NULL;
    }
  if (copied)
    {
      g_byte_array_append (self->scratch, (const guint8 *) start, (guint) (p - start));
      *text = (const char *) self->scratch->data;
      *length = self->scratch->len;
    }
  else
    {
      *text = start;
      *length = (gsize) (p - start);
    }
  return p + 1;
}

/* ---- values ---- */

static const char *
put_string (SynEventReader *self,
            SynEventBuilder *builder,
            guint index,
            const char *at,
            const char *text,
            gsize length,
            const char *after)
{
  if (G_UNLIKELY (length > SYN_MAX_STRING_BYTES))
    {
      syn_event_reader_fail_size (self, at, self->source->fields[index].name,
                                  "a string of %" G_GSIZE_FORMAT " bytes, at most %u are allowed", length,
                                  SYN_MAX_STRING_BYTES);
      return NULL;
    }
  syn_event_builder_put_string (builder, index, length > 0 ? text : "", length);
  return after;
}

static const char *
read_other_number (
    SynEventReader *self, SynEventBuilder *builder, guint index, const char *p, const char *end)
{
  const SynFieldSpec *field = &self->source->fields[index];
  const char *after;
  char *problem;

  if (*p != '-' && !syn_is_digit (*p))
    return fail_type (self, p, end, field);
  after = scan_number (self, p, end, field);
  if (after == NULL)
    return NULL;
  if (after == end)
    {
      fail_end (self, end, "an event"); /* the number may go on */
      return NULL;
    }
  problem = syn_value_read_number_text (field, index, p, (gsize) (after - p), builder);
  if (problem != NULL)
    {
      syn_event_reader_fail_take (self, p, field->name, problem);
      return NULL;
    }
  return after;
}

static const char *
read_other_string (
    SynEventReader *self, SynEventBuilder *builder, guint index, const char *p, const char *end)
{
  const SynFieldSpec *field = &self->source->fields[index];
  const char *text, *after;
  char *problem;
  gsize length;

  if (*p != '"')
    return fail_type (self, p, end, field);
  after = read_string (self, p + 1, end, field->name, &text, &length);
  if (after == NULL)
    return NULL;
  if (field->type == REPLICA_TYPE_STRING)
    return put_string (self, builder, index, p, text, length, after);
  problem = syn_value_read_time_text (field, index, text, length, &self->days, builder);
  if (problem != NULL)
    {
      syn_event_reader_fail_take (self, p, field->name, problem);
      return NULL;
    }
  return after;
}

/* The value as it usually is, without space before it: the byte after it, or NULL when it is something else
 * (nothing is said about it then). */
static inline __attribute__ ((always_inline)) const char *
try_value (SynEventReader *self,
           SynEventBuilder *builder,
           SynReadKind kind,
           guint index,
           const char *p,
           const char *end)
{
  const char *after;
  gint64 time_us;

  switch (kind)
    {
    case SYN_READ_STRING:
#if G_BYTE_ORDER == G_LITTLE_ENDIAN
      if (*p == '"' && end - p > 8)
        {
          guint64 w, hit;

          memcpy (&w, ++p, 8);
          hit = syn_text_hits (w, '"', '\\');
          if (hit != 0)
            {
              guint length = (guint) __builtin_ctzll (hit) >> 3;

              if (p[length] != '"')
                return NULL;
              syn_event_builder_put_short (builder, index, w & (((guint64) 1 << (8 * length)) - 1), p,
                                           length);
              return p + length + 1;
            }
          after = syn_scan_text (p + 8, end);
          if (*after != '"' || after - p > (gssize) SYN_MAX_STRING_BYTES)
            return NULL;
          syn_event_builder_put_string (builder, index, p, (gsize) (after - p));
          return after + 1;
        }
#endif
      return NULL;
    case SYN_READ_NUMBER:
      return syn_value_read_number (&self->source->fields[index], index, p, end, builder);
    case SYN_READ_TIME:
      if (*p != '"' || end - p <= 21
          || (after = syn_scan_plain_time (&self->days, p + 1, end, &time_us)) == NULL || *after != '"')
        return NULL;
      syn_event_builder_put_wide (builder, index, time_us);
      return after + 1;
    case SYN_READ_OTHER:
    default:
      return NULL;
    }
}

/* The value whatever it is, for all the fields that read it; space before it is skipped. NULL: it is refused.
 */
static const char *
read_value (SynEventReader *self,
            SynEventBuilder *builder,
            const SynReadColumn *column,
            const char *start,
            const char *end)
{
  const char *after = NULL;

  start = skip_space (start, end);
  for (guint index = column->first; index != SYN_NO_FIELD; index = self->next_field[index])
    {
      const SynFieldSpec *field = &self->source->fields[index];

      after = try_value (self, builder, column->kind, index, start, end);
      if (after != NULL)
        continue;
      if (*start == 'n')
        after = read_word (self, start, end, "null", field);
      else if (field->type == REPLICA_TYPE_BOOL && (*start == 't' || *start == 'f'))
        {
          syn_event_builder_put_int64 (builder, index, *start == 't');
          after = read_word (self, start, end, *start == 't' ? "true" : "false", field);
        }
      else if (field->type == REPLICA_TYPE_BOOL)
        after = fail_type (self, start, end, field);
      else if (syn_field_is_number (field))
        after = read_other_number (self, builder, index, start, end);
      else
        after = read_other_string (self, builder, index, start, end);
      if (after == NULL)
        return NULL;
    }
  return after;
}

/* ---- objects ---- */

/* A member's name that was not the expected one, with its colon: the byte after that, or NULL. */
static const char *
read_name (SynEventReader *self, const char *p, const char *end, SynReadColumn **column)
{
  const char *start = p, *text;
  gsize length;

  if (*p != '"')
    {
      fail_expected (self, p, end, NULL, "a field's name in quotes");
      return NULL;
    }
  p = read_string (self, p + 1, end, NULL, &text, &length);
  if (p == NULL)
    return NULL;
  *column = syn_event_reader_find (self, text, length);
  if (*column == NULL)
    {
      syn_event_reader_fail_unknown (self, start, "field", text, length);
      return NULL;
    }
  p = skip_space (p, end);
  if (*p != ':')
    {
      fail_expected (self, p, end, (*column)->name, "':'");
      return NULL;
    }
  return p + 1;
}

/* Whether the column's name stands at @p, with its quotes and colon: a few loads, where memcmp() would be a
 * call a member. */
static inline gboolean
is_member (const char *p, const char *end, const SynReadColumn *column)
{
  const char *member = column->member;
  gsize n = column->member_length;
  guint64 a, b;
  guint32 c, d, e, f;

  if (G_UNLIKELY (end - p < (gssize) n || n == 0))
    return FALSE;
  if (n < 8)
    {
      memcpy (&c, p, 4);
      memcpy (&d, member, 4);
      memcpy (&e, p + n - 4, 4);
      memcpy (&f, member + n - 4, 4);
      return c == d && e == f;
    }
  for (gsize i = 0; i + 8 < n; i += 8)
    {
      memcpy (&a, p + i, 8);
      memcpy (&b, member + i, 8);
      if (a != b)
        return FALSE;
    }
  memcpy (&a, p + n - 8, 8);
  memcpy (&b, member + n - 8, 8);
  return a == b;
}

gboolean
syn_json_read_object (SynEventReader *self, SynEventBuilder *builder, const char **at, const char *end)
{
  const char *p = *at + 1, *start, *after;
  guint *link = &self->first_column;
  guint64 stamp = ++self->stamp;

  for (gboolean first = TRUE;; first = FALSE)
    {
      SynReadColumn *column = &self->columns[*link];

      /* The member that came here last time, written without spaces; or after all spaces; or any other one.
       */
      start = p;
      if (G_LIKELY (is_member (p, end, column)))
        p += column->member_length;
      else
        {
          p = start = skip_space (p, end);
          if (first && *p == '}')
            {
              *at = p + 1;
              return TRUE;
            }
          if (is_member (p, end, column))
            p += column->member_length;
          else
            {
              p = read_name (self, p, end, &column);
              if (p == NULL)
                return FALSE;
              *link = column->index;
            }
        }
      if (G_UNLIKELY (column->stamp == stamp))
        return syn_event_reader_fail (self, start, column->name, "given twice in one event");
      column->stamp = stamp;
      link = &column->follow;

      after = try_value (self, builder, column->kind, column->first, p, end);
      if (G_UNLIKELY (after == NULL))
        {
          after = read_value (self, builder, column, p, end);
          if (after == NULL)
            return FALSE;
        }

      p = after;
      if (G_UNLIKELY (*p != ',' && *p != '}'))
        p = skip_space (p, end);
      if (*p == ',')
        p++;
      else if (*p == '}')
        break;
      else
        return fail_expected (self, p, end, NULL, "',' or '}' after a value");
    }
  *at = p + 1;
  return TRUE;
}

/* A line of NDJSON that is not blank, @p at its first byte. */
gboolean
syn_json_read_line (SynEventReader *self, SynEventBuilder *builder, const char *p, const char *end)
{
  const char *kind;

  if (*p != '{')
    {
      kind = kind_of (*p);
      if (kind != NULL)
        return syn_event_reader_fail (self, p, NULL, "expected an event, a JSON object; found %s", kind);
      return fail_expected (self, p, end, NULL, "an event, a JSON object");
    }
  if (!syn_json_read_object (self, builder, &p, end))
    return FALSE;
  p = skip_space (p, end);
  if (p < end)
    return fail_expected (self, p, end, NULL, "the end of the line after the event");
  return TRUE;
}
