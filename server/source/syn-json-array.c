/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The framing of events in one JSON array. Nothing marks the end of an object from afar, as a newline does
 * that of a line, and the grammar wants a sentinel behind its text; so the text goes through a window (64 KB,
 * in the cache: a few ns an event) that always ends with one. An object that reaches the end of the window is
 * tried again when its closing brace has been seen: found by a scan that remembers where it was, so that a
 * body in tiny pieces costs no more than once.
 *
 * Thread-agnostic.
 */
#include "syn-event-reader-private.h"
#include "syn-limits.h"

#define WINDOW_BYTES (64u << 10)

void
syn_json_array_locate (SynEventReader *self, const char *at, guint64 *line, guint64 *column)
{
  *line = self->line;
  *column = self->column_base;
  if (at != NULL && self->carry != NULL)
    syn_text_advance (self->carry + self->array_start, at, line, column);
  (*column)++;
}

/* Whether the object that begins at array_start is whole, looking on from where it was left. It is flat, or
 * refused: the first brace outside of a string closes it. */
static gboolean
scan_object (SynEventReader *self)
{
  const char *p = self->carry + self->array_scanned, *end = self->carry + self->carry_used;

  for (; p < end; p++)
    if (self->in_escape)
      self->in_escape = FALSE;
    else if (*p == '"')
      self->in_string = !self->in_string;
    else if (self->in_string)
      self->in_escape = *p == '\\';
    else if (*p == '}')
      return TRUE;
  self->array_scanned = self->carry_used;
  return FALSE;
}

/* Drops what has been read from the window. */
static void
consume (SynEventReader *self, const char *upto)
{
  syn_text_advance (self->carry + self->array_start, upto, &self->line, &self->column_base);
  self->array_start = (gsize) (upto - self->carry);
}

static gboolean
is_space (char c)
{
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static gboolean
fail_expected (SynEventReader *self, const char *p, const char *expected)
{
  g_autofree char *found = (guchar) *p > 0x20 && (guchar) *p < 0x7f
                               ? g_strdup_printf ("'%c'", *p)
                               : g_strdup_printf ("byte 0x%02x", (guchar) *p);

  return syn_event_reader_fail (self, p, NULL, "expected %s, found %s", expected, found);
}

/* Reads what is in the window as far as it goes. */
static gboolean
read_window (SynEventReader *self, SynEventBuilder *builder)
{
  const char *p = self->carry + self->array_start, *end = self->carry + self->carry_used;

  self->carry[self->carry_used] = '\n';
  for (;;)
    {
      const char *start;

      while (p < end && is_space (*p))
        p++;
      if (p == end)
        break;

      switch (self->array_state)
        {
        case SYN_ARRAY_BEFORE:
          if (*p != '[')
            return fail_expected (self, p, "an array of events, '['");
          self->array_state = SYN_ARRAY_FIRST;
          p++;
          continue;
        case SYN_ARRAY_NEXT:
          if (*p != ',' && *p != ']')
            return fail_expected (self, p, "',' or ']' after an event");
          self->array_state = *p == ',' ? SYN_ARRAY_OBJECT : SYN_ARRAY_DONE;
          p++;
          continue;
        case SYN_ARRAY_DONE:
          return fail_expected (self, p, "the end of the text after the array");
        case SYN_ARRAY_FIRST:
          if (*p == ']')
            {
              self->array_state = SYN_ARRAY_DONE;
              p++;
              continue;
            }
          break;
        case SYN_ARRAY_OBJECT:
        default:
          break;
        }

      if (*p != '{')
        return fail_expected (self, p, "an event, a JSON object");
      start = p;
      if (self->array_scanned > 0 && !scan_object (self))
        break;
      self->truncated = FALSE;
      if (!syn_json_read_object (self, builder, &p, end))
        {
          if (!self->truncated)
            return FALSE;
          syn_event_builder_abandon (builder);
          consume (self, start);
          self->array_scanned = self->array_start;
          self->in_string = self->in_escape = FALSE;
          scan_object (self);
          p = start;
          break;
        }
      self->array_scanned = 0;
      if (p - start > (gssize) SYN_MAX_LINE_BYTES)
        return syn_event_reader_fail_size (self, start, NULL, "the event is longer than %u bytes",
                                           SYN_MAX_LINE_BYTES);
      if (!syn_event_reader_commit (self, builder, start))
        return FALSE;
      self->array_state = SYN_ARRAY_NEXT;
    }
  consume (self, p);
  return TRUE;
}

/* An object whose end never came is read as far as it goes: what is wrong inside of it matters more than that
 * it ends too late, and is the same however the text was split. */
static gboolean
fail_unfinished (SynEventReader *self, SynEventBuilder *builder)
{
  const char *p = self->carry + self->array_start, *end = self->carry + self->carry_used;

  self->carry[self->carry_used] = '\n';
  self->truncated = FALSE;
  if (!syn_json_read_object (self, builder, &p, end) && !self->truncated)
    return FALSE;
  if (self->carry_used - self->array_start > SYN_MAX_LINE_BYTES)
    return syn_event_reader_fail_size (self, self->carry + self->array_start, NULL,
                                       "the event is longer than %u bytes", SYN_MAX_LINE_BYTES);
  return syn_event_reader_fail (self, end, NULL, "the text ends inside an event");
}

gboolean
syn_json_array_feed (SynEventReader *self, SynEventBuilder *builder, const char *text, gsize length)
{
  while (length > 0)
    {
      gsize room, part;

      /* What is unfinished moves to the front; a long object makes the window grow to what it needs. */
      if (self->array_start > 0)
        {
          memmove (self->carry, self->carry + self->array_start, self->carry_used - self->array_start);
          self->carry_used -= self->array_start;
          self->array_scanned -= MIN (self->array_scanned, self->array_start);
          self->array_start = 0;
        }
      syn_event_reader_reserve (self, MAX (WINDOW_BYTES, self->carry_used + WINDOW_BYTES / 2));
      room = self->carry_size - 1 - self->carry_used;
      part = MIN (room, length);
      memcpy (self->carry + self->carry_used, text, part);
      self->carry_used += part;
      text += part;
      length -= part;
      if (!read_window (self, builder))
        return FALSE;
      if (self->carry_used - self->array_start > SYN_MAX_LINE_BYTES)
        return fail_unfinished (self, builder);
    }
  return TRUE;
}

gboolean
syn_json_array_finish (SynEventReader *self, SynEventBuilder *builder)
{
  if (self->array_state == SYN_ARRAY_DONE
      || (self->array_state == SYN_ARRAY_BEFORE && self->carry_used == self->array_start))
    return TRUE;
  if (self->carry_used > self->array_start)
    return fail_unfinished (self, builder);
  return syn_event_reader_fail (self, self->carry + self->carry_used, NULL,
                                "the text ends inside the array: expected ']'");
}
