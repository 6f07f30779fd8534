/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The grammar of one record of CSV (RFC 4180), read straight into an event: commas, double quotes, newlines
 * inside of quotes. An empty cell is null; "" is the empty string. Numbers are written as in JSON. Rejected:
 * guessing separators, quotes in the middle of a cell, trimming, records of other lengths: what is not as
 * written down here is refused, with its place.
 *
 * The byte behind the record is a sentinel (its newline). Thread-agnostic.
 */
#include "syn-event-reader-private.h"
#include "syn-limits.h"

const char *
syn_csv_find_end (SynEventReader *self, const char *p, const char *end, char before)
{
  /* The first newline at or behind p (end: none), found once however many quotes stand before it: looking again
   * behind each quote costs the square of a body that is all quotes. */
  const char *newline = NULL;

  while (p < end)
    {
      const char *quote;

      if (self->in_quotes)
        {
          quote = memchr (p, '"', (gsize) (end - p));
          if (quote == NULL)
            return NULL;
          /* A doubled quote leaves and enters again. */
          self->in_quotes = FALSE;
          before = '"';
          p = quote + 1;
          continue;
        }
      if (newline == NULL || newline < p)
        {
          newline = memchr (p, '\n', (gsize) (end - p));
          if (newline == NULL)
            newline = end;
        }
      quote = memchr (p, '"', (gsize) (newline - p));
      if (quote == NULL)
        return newline < end ? newline : NULL;
      /* Only at the start of a cell, or doubled, does a quote open: a stray one must not swallow the lines
       * after it. */
      if (quote > p)
        before = quote[-1];
      self->in_quotes = before == '\0' || before == ',' || before == '"';
      before = '"';
      p = quote + 1;
    }
  return NULL;
}

static gboolean
fail_count (SynEventReader *self, const char *at, guint n)
{
  return syn_event_reader_fail (self, at, NULL, "expected %u cells, found %s%u", self->n_cells,
                                n > self->n_cells ? "at least " : "", n);
}

/* A cell in quotes, @p at the opening one: the byte behind the closing one, or NULL. The text is in the
 * scratch. */
static const char *
read_quoted (SynEventReader *self, const char *p, const char *end, const char *name)
{
  const char *open = p++;

  g_byte_array_set_size (self->scratch, 0);
  for (;;)
    {
      const char *quote = memchr (p, '"', (gsize) (end - p));

      if (quote == NULL)
        {
          syn_event_reader_fail (self, open, name, "the closing quote is missing");
          return NULL;
        }
      g_byte_array_append (self->scratch, (const guint8 *) p, (guint) (quote - p));
      p = quote + 1;
      if (*p != '"')
        return p;
      g_byte_array_append (self->scratch, (const guint8 *) "\"", 1);
      p++;
    }
}

/* The comma or the sentinel after a plain cell; NULL: something in it is refused. */
static const char *
scan_plain (SynEventReader *self, const char *p, const char *end, const char *name)
{
  const char *wrong;

  for (;;)
    if (*(p = syn_scan_cell (p, end)) == ',' || p == end)
      return p;
    else if ((guchar) *p < 0x80 && *p != '"' && *p != '\0' && *p != '\r')
      p++;
    else if ((guchar) *p >= 0x80)
      {
        const char *next = syn_utf8_next (p, &wrong);

        if (next == NULL)
          {
            syn_event_reader_fail (self, wrong, name, "byte 0x%02x is not UTF-8", (guchar) *wrong);
            return NULL;
          }
        p = next;
      }
    else
      {
        syn_event_reader_fail (self, p, name, "%s inside a cell without quotes",
                               *p == '"'    ? "a quote"
                               : *p == '\r' ? "a carriage return"
                                            : "a NUL byte");
        return NULL;
      }
}

/* The text of a quoted cell: UTF-8, without NUL. */
static gboolean
check_quoted (SynEventReader *self, const char *at, const char *name)
{
  const char *text, *end, *wrong;

  g_byte_array_append (self->scratch, (const guint8 *) "\n", 1);
  g_byte_array_set_size (self->scratch, self->scratch->len - 1);
  text = (const char *) self->scratch->data;
  end = text + self->scratch->len;
  while (text < end)
    if ((guchar) *text < 0x80 && *text != '\0')
      text++;
    else if (*text == '\0')
      return syn_event_reader_fail (self, at, name, "a NUL byte in a cell");
    else if ((text = syn_utf8_next (text, &wrong)) == NULL)
      return syn_event_reader_fail (self, at, name, "byte 0x%02x is not UTF-8", (guchar) *wrong);
  return TRUE;
}

/* The text of a cell, of any form, into one field. */
static gboolean
read_text (SynEventReader *self,
           SynEventBuilder *builder,
           guint index,
           const char *at,
           const char *text,
           gsize length)
{
  const SynFieldSpec *field = &self->source->fields[index];
  char *problem = NULL;

  if (field->type == REPLICA_TYPE_STRING)
    {
      if (length > SYN_MAX_STRING_BYTES)
        return syn_event_reader_fail_size (self, at, field->name,
                                           "a string of %" G_GSIZE_FORMAT " bytes, at most %u are allowed",
                                           length, SYN_MAX_STRING_BYTES);
      syn_event_builder_put_string (builder, index, length > 0 ? text : "", length);
      return TRUE;
    }
  if (field->type == REPLICA_TYPE_BOOL)
    {
      gboolean yes = length == 4 && memcmp (text, "true", 4) == 0;

      if (!yes && !(length == 5 && memcmp (text, "false", 5) == 0))
        {
          g_autofree char *cut = g_strndup (text, MIN (length, 40));
          g_autofree char *shown = g_strescape (cut, NULL);

          return syn_event_reader_fail (self, at, field->name, "expected true or false, found \"%s\"", shown);
        }
      syn_event_builder_put_int64 (builder, index, yes);
      return TRUE;
    }
  if (syn_field_is_number (field))
    problem = syn_value_read_number_text (field, index, text, length, builder);
  else
    problem = syn_value_read_time_text (field, index, text, length, &self->days, builder);
  return problem == NULL || syn_event_reader_fail_take (self, at, field->name, problem);
}

/* One cell of a known column, not empty: the byte after it, or NULL. */
static const char *
read_cell (SynEventReader *self, SynEventBuilder *builder, guint index, const char *p, const char *end)
{
  const SynFieldSpec *field = &self->source->fields[index];
  const char *after, *text;
  gsize length;
  gint64 time_us;

  if (*p == '"')
    {
      after = read_quoted (self, p, end, field->name);
      if (after == NULL || !check_quoted (self, p, field->name))
        return NULL;
      text = (const char *) self->scratch->data;
      length = self->scratch->len;
    }
  else
    {
      if (syn_field_is_number (field))
        {
          after = syn_value_read_number (field, index, p, end, builder);
          if (after != NULL && (after == end || *after == ','))
            return after;
        }
      else if (field->type == REPLICA_TYPE_TIMESTAMP && end - p >= 20)
        {
          after = syn_scan_plain_time (&self->days, p, end, &time_us);
          if (after != NULL && (after == end || *after == ','))
            {
              syn_event_builder_put_int64 (builder, index, time_us);
              return after;
            }
        }
      after = scan_plain (self, p, end, field->name);
      if (after == NULL)
        return NULL;
      text = p;
      length = (gsize) (after - p);
    }
  return read_text (self, builder, index, p, text, length) ? after : NULL;
}

/* A cell that nothing reads; its grammar is checked all the same. */
static const char *
skip_cell (SynEventReader *self, const char *p, const char *end)
{
  if (*p != '"')
    return scan_plain (self, p, end, NULL);
  p = read_quoted (self, p, end, NULL);
  return p != NULL && check_quoted (self, p, NULL) ? p : NULL;
}

gboolean
syn_csv_read_record (SynEventReader *self, SynEventBuilder *builder, const char *p, const char *end)
{
  if (self->bad_columns != NULL)
    return syn_event_reader_fail (self, p, NULL, "%s", self->bad_columns);

  for (guint i = 0;; i++)
    {
      const SynReadColumn *column;
      const char *start = p;

      if (i == self->n_cells)
        return fail_count (self, p, i + 1);
      column = self->cells[i];
      if (column == NULL)
        {
          if ((p = skip_cell (self, start, end)) == NULL)
            return FALSE;
        }
      else if (*p != ',' && p < end)
        for (guint field = column->first; field != SYN_NO_FIELD; field = self->next_field[field])
          if ((p = read_cell (self, builder, field, start, end)) == NULL)
            return FALSE;
      if (p == end)
        return i + 1 == self->n_cells || fail_count (self, p, i + 1);
      if (*p != ',')
        return syn_event_reader_fail (self, p, column != NULL ? column->name : NULL,
                                      "expected ',' or the end of the line after a cell in quotes");
      p++;
    }
}

static void
add_cell (SynEventReader *self, SynReadColumn *column)
{
  self->cells = g_renew (SynReadColumn *, self->cells, self->n_cells + 1);
  self->cells[self->n_cells++] = column;
}

/* The cells of the header are names of fields, each at most once, in any order; fields without a cell are
 * null. */
gboolean
syn_csv_read_header (SynEventReader *self, const char *p, const char *end)
{
  self->stamp++;
  for (;;)
    {
      const char *start = p, *text;
      SynReadColumn *column;
      gsize length;

      if (*p == '"')
        {
          p = read_quoted (self, p, end, NULL);
          if (p == NULL || !check_quoted (self, start, NULL))
            return FALSE;
          text = (const char *) self->scratch->data;
          length = self->scratch->len;
        }
      else
        {
          p = scan_plain (self, p, end, NULL);
          if (p == NULL)
            return FALSE;
          text = start;
          length = (gsize) (p - start);
        }
      if (p < end && *p != ',')
        return syn_event_reader_fail (self, p, NULL,
                                      "expected ',' or the end of the line after a cell in quotes");
      column = syn_event_reader_find (self, length > 0 ? text : "", length);
      if (column == NULL)
        return syn_event_reader_fail_unknown (self, start, "column", length > 0 ? text : "", length);
      if (column->stamp == self->stamp)
        return syn_event_reader_fail (self, start, NULL, "column \"%s\" is there twice", column->name);
      column->stamp = self->stamp;
      add_cell (self, column);
      if (p == end)
        return TRUE;
      p++;
    }
}

void
syn_csv_set_columns (SynEventReader *self)
{
  if (self->source->columns == NULL)
    {
      /* No header and no names: the fields' order. */
      for (guint i = 0; i < self->n_columns; i++)
        add_cell (self, &self->columns[i]);
      return;
    }
  for (char **name = self->source->columns; *name != NULL; name++)
    {
      SynReadColumn *column = **name != '\0' ? syn_event_reader_find (self, *name, strlen (*name)) : NULL;

      if (column == NULL && **name != '\0' && self->bad_columns == NULL)
        self->bad_columns =
            g_strdup_printf ("the source's \"columns\" name \"%s\", which no field reads", *name);
      add_cell (self, column);
    }
}
