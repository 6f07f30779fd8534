/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>
#include "syn-event-reader-private.h"
#include "syn-error.h"

/* Sources made in a line, and batches as text: `symbol:string price:decimal(4)=px time:timestamp@ms`. A name
 * after '=' is the column; a unit after '@' makes a timestamp a number. */

/* One builder is kept for the spec that was used last: with a slow allocator, as the sanitizer's, making one
 * for each way of splitting a text would be most of the time. */
static SynEventBuilder *fixture_builder;
static const SynSourceSpec *fixture_builder_spec;

static inline void
fixture_spec_free (SynSourceSpec *spec)
{
  if (spec == fixture_builder_spec)
    {
      g_clear_pointer (&fixture_builder, syn_event_builder_free);
      fixture_builder_spec = NULL;
    }
  for (guint i = 0; i < spec->n_fields; i++)
    {
      g_free (spec->fields[i].name);
      g_free (spec->fields[i].column);
    }
  g_free (spec->fields);
  g_free (spec->name);
  g_free (spec->path);
  g_free (spec->host_table);
  g_strfreev (spec->columns);
  g_free (spec);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynSourceSpec, fixture_spec_free)

static inline SynSourceSpec *
fixture_spec_new (const char *fields)
{
  static const struct
  {
    const char *name;
    ReplicaType type;
  } types[] = {
    { "bool", REPLICA_TYPE_BOOL },       { "int64", REPLICA_TYPE_INT64 },
    { "double", REPLICA_TYPE_DOUBLE },   { "string", REPLICA_TYPE_STRING },
    { "decimal", REPLICA_TYPE_DECIMAL }, { "timestamp", REPLICA_TYPE_TIMESTAMP },
  };
  static const struct
  {
    const char *name;
    gint64 num, den;
  } units[] = {
    { "s", 1000000, 1 },
    { "ms", 1000, 1 },
    { "us", 1, 1 },
    { "ns", 1, 1000 },
  };
  SynSourceSpec *spec = g_new0 (SynSourceSpec, 1);
  g_auto (GStrv) words = g_strsplit (fields, " ", -1);

  spec->name = g_strdup ("trades");
  spec->time_field = -1;
  spec->n_fields = g_strv_length (words);
  spec->fields = g_new0 (SynFieldSpec, spec->n_fields);
  for (guint i = 0; i < spec->n_fields; i++)
    {
      SynFieldSpec *field = &spec->fields[i];
      char *type = strchr (words[i], ':'), *column = strchr (words[i], '='), *unit = strchr (words[i], '@');

      *type++ = '\0';
      if (column != NULL)
        *column++ = '\0';
      if (unit != NULL)
        *unit++ = '\0';
      field->name = g_strdup (words[i]);
      field->column = g_strdup (column != NULL ? column : words[i]);
      for (guint t = 0; t < G_N_ELEMENTS (types); t++)
        if (g_str_has_prefix (type, types[t].name))
          field->type = types[t].type;
      g_assert_cmpint (field->type, !=, 0);
      if (field->type == REPLICA_TYPE_DECIMAL)
        field->scale = (guint8) atoi (strchr (type, '(') + 1);
      for (guint u = 0; unit != NULL && u < G_N_ELEMENTS (units); u++)
        if (strcmp (unit, units[u].name) == 0)
          {
            field->unit_us_num = units[u].num;
            field->unit_us_den = units[u].den;
          }
    }
  return spec;
}

/* A line an event, values separated by '|'; null is '-', strings are escaped and in quotes. */
static inline char *
fixture_batch_to_text (SynEventBatch *batch)
{
  GString *text = g_string_new (NULL);
  guint n_fields = batch != NULL ? syn_event_batch_get_source (batch)->n_fields : 0;

  for (guint row = 0; batch != NULL && row < syn_event_batch_get_n_events (batch); row++)
    {
      for (guint i = 0; i < n_fields; i++)
        {
          const ReplicaColumn *column = syn_event_batch_get_columns (batch)[i];
          char buffer[REPLICA_TEXT_MAX];
          gsize length;
          const char *value;

          g_string_append (text, i > 0 ? "|" : "");
          if (replica_column_is_null (column, row))
            {
              g_string_append_c (text, '-');
              continue;
            }
          if (column->type != REPLICA_TYPE_STRING)
            {
              value = replica_column_format (column, row, buffer, &length);
              g_string_append_len (text, value, (gssize) length);
              continue;
            }
          value = replica_column_get_string (column, row, &length);
          g_string_append_c (text, '"');
          for (gsize k = 0; k < length; k++)
            if (value[k] == '"' || value[k] == '\\' || (guchar) value[k] < 0x20)
              g_string_append_printf (text, "\\%03o", (guchar) value[k]);
            else
              g_string_append_c (text, value[k]);
          g_string_append_c (text, '"');
        }
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

static inline SynEventBuilder *
fixture_builder_for (const SynSourceSpec *spec)
{
  if (spec != fixture_builder_spec)
    {
      g_clear_pointer (&fixture_builder, syn_event_builder_free);
      fixture_builder = syn_event_builder_new (spec);
      fixture_builder_spec = spec;
    }
  syn_event_builder_reset (fixture_builder);
  return fixture_builder;
}

/* All of @text: a first piece of @first bytes, then pieces of @piece bytes (0: the rest at once). The events
 * as text, and after them the error if there was one, as "!LINE:COLUMN:FIELD: message". */
static inline char *
fixture_read (const SynSourceSpec *spec,
              SynFormat format,
              gboolean header,
              const char *text,
              gsize length,
              gsize first,
              gsize piece)
{
  g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, format, header);
  SynEventBuilder *builder = fixture_builder_for (spec);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *events = NULL;
  SynReadPlace place = { 0 };
  gboolean ok = TRUE;

  for (gsize at = 0, part; ok && at < length; at += part)
    {
      g_autofree char *copy = NULL;

      part = at == 0 && first > 0 ? first : piece > 0 ? piece : length;
      part = MIN (part, length - at);
      copy = g_memdup2 (text + at, part); /* exactly this, for the sanitizer */
      ok = syn_event_reader_feed (reader, builder, copy, part, &place, &error);
    }
  if (ok)
    ok = syn_event_reader_finish (reader, builder, &place, &error);
  g_assert_true (ok == (error == NULL));
  batch = syn_event_builder_take (builder);
  events = fixture_batch_to_text (batch);
  if (ok)
    return g_steal_pointer (&events);
  return g_strdup_printf ("%s!%" G_GUINT64_FORMAT ":%u:%s: %s", events, place.line, place.column, place.field,
                          error->message);
}

/* Reads @text whole, and then split in two at each byte, and byte by byte: always the same. */
static inline char *
fixture_read_all_ways (
    const SynSourceSpec *spec, SynFormat format, gboolean header, const char *text, gsize length)
{
  g_autofree char *whole = fixture_read (spec, format, header, text, length, 0, 0), *bytes = NULL;

  for (gsize at = 1; at < length; at++)
    {
      g_autofree char *split = fixture_read (spec, format, header, text, length, at, 0);

      if (strcmp (whole, split) != 0)
        g_test_message ("split at byte %" G_GSIZE_FORMAT " of: %s", at, text);
      g_assert_cmpstr (split, ==, whole);
    }
  bytes = fixture_read (spec, format, header, text, length, 1, 1);
  g_assert_cmpstr (bytes, ==, whole);
  return g_steal_pointer (&whole);
}

typedef struct
{
  const char *fields;
  const char *text;
  const char *expected;
  gssize length; /* 0: a string */
} FixtureCase;

static inline void
fixture_check_case (const FixtureCase *c, SynFormat format, gboolean header)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (c->fields);
  gsize length = c->length > 0 ? (gsize) c->length : strlen (c->text);
  g_autofree char *read = fixture_read_all_ways (spec, format, header, c->text, length);

  if (strcmp (read, c->expected) != 0)
    g_test_message ("reading: %s", c->text);
  g_assert_cmpstr (read, ==, c->expected);
}
