/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The framing of events in text: lines of NDJSON, records of CSV, split anywhere. A record that lies whole in
 * what is fed is read where it lies; only one that is split is put together in the carry, which never grows
 * past SYN_MAX_LINE_BYTES. The newline behind a record is the sentinel its grammar relies on.
 *
 * Rejected: json-glib (3,888 ns an event, see PERF.md), a generic pull parser (the names and types are known
 * beforehand: a value goes straight into its column), copying all text into a buffer of our own first.
 *
 * Thread-agnostic; one thread at a time.
 */
#include "syn-event-reader-private.h"
#include "syn-error.h"
#include "syn-limits.h"

#define BOM "\xef\xbb\xbf"

/* ---- the plan ---- */

static guint
hash_name (const char *name, gsize length)
{
  guint h = 2166136261u; /* FNV-1a: names are short, and a source's fields are no stranger's choice */

  for (gsize i = 0; i < length; i++)
    h = (h ^ (guchar) name[i]) * 16777619u;
  return h ^ (h >> 15);
}

SynReadColumn *
syn_event_reader_find (SynEventReader *self, const char *name, gsize length)
{
  for (guint at = hash_name (name, length) & self->slot_mask; self->slots[at] != 0;
       at = (at + 1) & self->slot_mask)
    {
      SynReadColumn *column = &self->columns[self->slots[at] - 1];

      if (column->name_length == length && memcmp (column->name, name, length) == 0)
        return column;
    }
  return NULL;
}

static const char *
column_name (const SynFieldSpec *field)
{
  return field->column != NULL ? field->column : field->name;
}

/* @member: room for the name with its quotes and colon. */
static void
plan_field (SynEventReader *self, guint index, char *member)
{
  const SynFieldSpec *field = &self->source->fields[index];
  const char *name = column_name (field);
  gsize length = strlen (name);
  SynReadColumn *column = syn_event_reader_find (self, name, length);
  gboolean plain = TRUE;
  guint at;

  self->next_field[index] = SYN_NO_FIELD;
  if (column != NULL)
    {
      guint last = column->first;

      while (self->next_field[last] != SYN_NO_FIELD)
        last = self->next_field[last];
      self->next_field[last] = index;
      column->kind = SYN_READ_OTHER;
      return;
    }

  column = &self->columns[self->n_columns];
  column->index = self->n_columns++;
  column->name = name;
  column->name_length = length;
  column->first = index;
  if (field->type == REPLICA_TYPE_STRING)
    column->kind = SYN_READ_STRING;
  else if (syn_field_is_number (field))
    column->kind = SYN_READ_NUMBER;
  else if (field->type == REPLICA_TYPE_TIMESTAMP)
    column->kind = SYN_READ_TIME;
  for (gsize i = 0; i < length; i++)
    plain &= (guchar) name[i] >= 0x20 && name[i] != '"' && name[i] != '\\';
  column->member = member;
  column->member_length = plain ? length + 3 : 0;
  *member++ = '"';
  memcpy (member, name, length);
  memcpy (member + length, "\":", 2);
  for (at = hash_name (name, length) & self->slot_mask; self->slots[at] != 0; at = (at + 1) & self->slot_mask)
    ;
  self->slots[at] = (guint16) self->n_columns;
}

SynEventReader *
syn_event_reader_new (const SynSourceSpec *source, SynFormat format, gboolean header)
{
  SynEventReader *self;
  guint n_slots = 8;
  gsize size = 0;

  g_return_val_if_fail (source->n_fields > 0 && source->n_fields <= SYN_MAX_FIELDS, NULL);

  self = g_new0 (SynEventReader, 1);
  self->source = source;
  self->format = format;
  self->line = 1;
  while (n_slots < source->n_fields * 2)
    n_slots *= 2;
  self->slots = g_new0 (guint16, n_slots);
  self->slot_mask = n_slots - 1;
  self->columns = g_new0 (SynReadColumn, source->n_fields);
  self->next_field = g_new (guint, source->n_fields);
  for (guint i = 0; i < source->n_fields; i++)
    size += strlen (column_name (&source->fields[i])) + 3;
  self->members = g_malloc (size);
  size = 0;
  for (guint i = 0; i < source->n_fields; i++)
    {
      plan_field (self, i, self->members + size);
      size += strlen (column_name (&source->fields[i])) + 3;
    }
  for (guint i = 0; i < self->n_columns; i++)
    self->columns[i].follow = (i + 1) % self->n_columns;
  self->scratch = g_byte_array_new ();
  if (format == SYN_FORMAT_CSV)
    {
      self->header_pending = header;
      if (!header)
        syn_csv_set_columns (self);
    }
  return self;
}

void
syn_event_reader_free (SynEventReader *self)
{
  g_free (self->members);
  g_free (self->columns);
  g_free (self->next_field);
  g_free (self->slots);
  g_byte_array_unref (self->scratch);
  g_free (self->cells);
  g_free (self->bad_columns);
  g_free (self->carry);
  g_free (self->problem);
  g_free (self->unknown_field);
  g_free (self);
}

void
syn_event_reader_set_max_events (SynEventReader *self, guint64 max_events)
{
  self->max_events = max_events;
}

/* ---- what is wrong, and where ---- */

gboolean
syn_event_reader_fail_take (SynEventReader *self, const char *at, const char *field, char *problem)
{
  g_free (self->problem);
  self->problem = problem;
  self->problem_at = at;
  self->problem_field = field;
  self->problem_code = SYN_ERROR_INVALID;
  return FALSE;
}

gboolean
syn_event_reader_fail (SynEventReader *self, const char *at, const char *field, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  syn_event_reader_fail_take (self, at, field, g_strdup_vprintf (format, args));
  va_end (args);
  return FALSE;
}

gboolean
syn_event_reader_fail_size (SynEventReader *self, const char *at, const char *field, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  syn_event_reader_fail_take (self, at, field, g_strdup_vprintf (format, args));
  va_end (args);
  self->problem_code = SYN_ERROR_TOO_LARGE;
  return FALSE;
}

gboolean
syn_event_reader_fail_unknown (
    SynEventReader *self, const char *at, const char *kind, const char *name, gsize length)
{
  g_autoptr (SynSchema) names = syn_schema_new ();
  g_autofree char *cut = g_utf8_make_valid (name, (gssize) MIN (length, 64));
  g_autofree char *shown = g_strescape (cut, NULL);
  g_autofree char *near = NULL;

  for (guint i = 0; i < self->n_columns; i++)
    syn_schema_add (names, self->columns[i].name, REPLICA_TYPE_STRING, 0, FALSE);
  near = length <= 64 ? syn_schema_suggest (names, cut) : g_strdup ("");
  g_free (self->unknown_field);
  self->unknown_field = g_strdup (cut);
  return syn_event_reader_fail (self, at, NULL, "unknown %s \"%s%s\" of source \"%s\"%s", kind, shown,
                                length > 64 ? "…" : "", self->source->name, near);
}

void
syn_text_advance (const char *from, const char *to, guint64 *line, guint64 *column_base)
{
  const char *newline;

  while (from < to && (newline = memchr (from, '\n', (gsize) (to - from))) != NULL)
    {
      (*line)++;
      *column_base = 0;
      from = newline + 1;
    }
  *column_base += (guint64) (to - from);
}

static void
report (SynEventReader *self, guint64 line, guint64 column, SynReadPlace *place, GError **error)
{
  self->failed = TRUE;
  if (place != NULL)
    {
      place->line = line;
      place->column = (guint) MIN (column, G_MAXUINT);
      g_strlcpy (place->field,
                 self->problem_field != NULL ? self->problem_field : self->unknown_field != NULL ? self->unknown_field : "",
                 sizeof place->field);
    }
  if (self->problem_field != NULL)
    g_set_error (error, SYN_ERROR, self->problem_code, "field \"%s\": %s", self->problem_field,
                 self->problem);
  else
    g_set_error_literal (error, SYN_ERROR, self->problem_code, self->problem);
}

static gboolean
check_alive (SynEventReader *self, SynReadPlace *place, GError **error)
{
  if (!self->failed)
    return TRUE;
  syn_event_reader_fail (self, NULL, NULL, "the text was refused before");
  report (self, self->line, 1, place, error);
  return FALSE;
}

/* ---- records ---- */

void
syn_event_reader_reserve (SynEventReader *self, gsize size)
{
  if (size + 1 <= self->carry_size)
    return;
  self->carry_size = MAX (size + 1, MAX (4096, self->carry_size * 2));
  self->carry = g_realloc (self->carry, self->carry_size);
}

gboolean
syn_event_reader_commit (SynEventReader *self, SynEventBuilder *builder, const char *at)
{
  if (G_UNLIKELY (self->max_events != 0 && self->n_events == self->max_events))
    {
      syn_event_builder_abandon (builder);
      return syn_event_reader_fail_size (self, at, NULL, "more than %" G_GUINT64_FORMAT " events",
                                         self->max_events);
    }
  self->n_events++;
  syn_event_builder_put_event (builder);
  return TRUE;
}

/* One record, [@start, @end), with a newline at @end. */
static gboolean
read_record (SynEventReader *self, SynEventBuilder *builder, const char *start, const char *end)
{
  const char *p = start;
  gboolean ok, header = FALSE;

  if (self->format == SYN_FORMAT_NDJSON)
    {
      while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
        p++;
      if (p == end)
        {
          self->line++;
          return TRUE;
        }
      ok = syn_json_read_line (self, builder, p, end);
    }
  else
    {
      if (end > p && end[-1] == '\r')
        end--;
      if (p == end)
        {
          self->line++;
          return TRUE;
        }
      header = self->header_pending;
      if (header)
        ok = syn_csv_read_header (self, p, end);
      else
        ok = syn_csv_read_record (self, builder, p, end);
    }
  if (G_UNLIKELY (!ok))
    {
      syn_event_builder_abandon (builder);
      return FALSE;
    }
  if (header)
    self->header_pending = FALSE;
  else if (!syn_event_reader_commit (self, builder, start))
    return FALSE;
  self->line++;
  return TRUE;
}

/* The place of problem_at in the record that starts at @start. */
static gboolean
refuse (SynEventReader *self, const char *start, SynReadPlace *place, GError **error)
{
  guint64 line = self->line, column = 0;

  syn_text_advance (start, self->problem_at, &line, &column);
  report (self, line, column + 1, place, error);
  return FALSE;
}

static gboolean
refuse_long (SynEventReader *self, SynReadPlace *place, GError **error)
{
  syn_event_reader_fail_size (self, NULL, NULL, "the line is longer than %u bytes", SYN_MAX_LINE_BYTES);
  report (self, self->line, SYN_MAX_LINE_BYTES, place, error);
  return FALSE;
}

static const char *
find_end (SynEventReader *self, const char *p, const char *end, char before)
{
  if (self->format == SYN_FORMAT_CSV)
    return syn_csv_find_end (self, p, end, before);
  return memchr (p, '\n', (gsize) (end - p));
}

/* The newlines that a record has inside it, in quotes. */
static void
count_inner_lines (SynEventReader *self, const char *start, const char *end)
{
  if (self->format == SYN_FORMAT_CSV)
    while ((start = memchr (start, '\n', (gsize) (end - start))) != NULL)
      {
        self->line++;
        start++;
      }
}

static gboolean
feed_records (SynEventReader *self,
              SynEventBuilder *builder,
              const char *text,
              gsize length,
              guint max_events,
              gsize *consumed,
              SynReadPlace *place,
              GError **error)
{
  const char *p = text, *end = text + length;
  guint64 stop = self->n_events + max_events;

  while (p < end && self->n_events < stop)
    {
      char before = self->carry_used > 0 ? self->carry[self->carry_used - 1] : '\0';
      const char *newline = find_end (self, p, end, before), *upto = newline != NULL ? newline : end;

      if (self->carry_used + (gsize) (upto - p) > SYN_MAX_LINE_BYTES)
        return refuse_long (self, place, error);
      if (newline != NULL && self->carry_used == 0)
        {
          if (!read_record (self, builder, p, newline))
            return refuse (self, p, place, error);
          count_inner_lines (self, p, newline);
          p = newline + 1;
          continue;
        }

      syn_event_reader_reserve (self, self->carry_used + (gsize) (upto - p));
      memcpy (self->carry + self->carry_used, p, (gsize) (upto - p));
      self->carry_used += (gsize) (upto - p);
      p = upto;
      if (newline != NULL)
        {
          self->carry[self->carry_used] = '\n';
          if (!read_record (self, builder, self->carry, self->carry + self->carry_used))
            return refuse (self, self->carry, place, error);
          count_inner_lines (self, self->carry, self->carry + self->carry_used);
          self->carry_used = 0;
          p++;
        }
    }
  if (consumed != NULL)
    *consumed = (gsize) (p - text);
  return TRUE;
}

static gboolean
feed_array (SynEventReader *self,
            SynEventBuilder *builder,
            const char *text,
            gsize length,
            SynReadPlace *place,
            GError **error)
{
  guint64 line, column;

  if (syn_json_array_feed (self, builder, text, length))
    return TRUE;
  syn_event_builder_abandon (builder);
  syn_json_array_locate (self, self->problem_at, &line, &column);
  report (self, line, column, place, error);
  return FALSE;
}

static gboolean
feed_text (SynEventReader *self,
           SynEventBuilder *builder,
           const char *text,
           gsize length,
           guint max_events,
           gsize *consumed,
           SynReadPlace *place,
           GError **error)
{
  if (self->format == SYN_FORMAT_JSON)
    return feed_array (self, builder, text, length, place, error);
  return feed_records (self, builder, text, length, max_events, consumed, place, error);
}

static gboolean
feed (SynEventReader *self,
      SynEventBuilder *builder,
      const char *text,
      gsize length,
      guint max_events,
      gsize *consumed,
      SynReadPlace *place,
      GError **error)
{
  gsize skipped = 0, used = length;

  if (!check_alive (self, place, error))
    return FALSE;

  /* A byte order mark, itself split anywhere. What only looked like one is text. */
  while (self->bom < 3 && skipped < length)
    if (text[skipped] == BOM[self->bom])
      {
        self->bom++;
        skipped++;
      }
    else
      {
        guint held = self->bom;

        self->bom = 3;
        if (held > 0 && !feed_text (self, builder, BOM, held, G_MAXUINT, NULL, place, error))
          return FALSE;
        /* The bytes of this piece that were held are in that text. */
      }
  if (skipped == length)
    {
      if (consumed != NULL)
        *consumed = length;
      return TRUE;
    }
  if (!feed_text (self, builder, text + skipped, length - skipped, max_events, &used, place, error))
    return FALSE;
  if (consumed != NULL)
    *consumed = skipped + used;
  return TRUE;
}

gboolean
syn_event_reader_feed (SynEventReader *self,
                       SynEventBuilder *builder,
                       const char *text,
                       gsize length,
                       SynReadPlace *place,
                       GError **error)
{
  return feed (self, builder, text, length, G_MAXUINT, NULL, place, error);
}

gboolean
syn_event_reader_feed_some (SynEventReader *self,
                            SynEventBuilder *builder,
                            const char *text,
                            gsize length,
                            guint max_events,
                            gsize *consumed,
                            SynReadPlace *place,
                            GError **error)
{
  g_return_val_if_fail (self->format != SYN_FORMAT_JSON, FALSE);
  return feed (self, builder, text, length, max_events, consumed, place, error);
}

gboolean
syn_event_reader_finish (SynEventReader *self, SynEventBuilder *builder, SynReadPlace *place, GError **error)
{
  if (!check_alive (self, place, error))
    return FALSE;
  if (self->bom > 0 && self->bom < 3)
    {
      guint held = self->bom;

      self->bom = 3;
      if (!feed_text (self, builder, BOM, held, G_MAXUINT, NULL, place, error))
        return FALSE;
    }
  if (self->format == SYN_FORMAT_JSON)
    {
      guint64 line, column;

      if (syn_json_array_finish (self, builder))
        return TRUE;
      syn_event_builder_abandon (builder);
      syn_json_array_locate (self, self->problem_at, &line, &column);
      report (self, line, column, place, error);
      return FALSE;
    }
  if (self->carry_used > 0)
    {
      self->carry[self->carry_used] = '\n';
      if (!read_record (self, builder, self->carry, self->carry + self->carry_used))
        return refuse (self, self->carry, place, error);
      self->carry_used = 0;
      self->in_quotes = FALSE;
    }
  return TRUE;
}
