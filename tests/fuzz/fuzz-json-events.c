/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The strict JSON reader on any bytes, as NDJSON and as an array. The first byte says where the text is
 * split. Invariants: the same events and the same mistake however it was split; what is accepted is UTF-8,
 * finite and in range; and json-glib accepts each accepted line too (the reader is never the more lenient
 * one). */
#include <json-glib/json-glib.h>
#include <math.h>
#include <stdint.h>
#include "../unit/source/source-fixture.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define FIELDS                                                                                               \
  "f:bool i:int64 d:double m:decimal(4) s:string t:timestamp u:timestamp@ms p:decimal(2)=x q:double=x"

static void
check_values (const SynSourceSpec *spec, const char *text, gsize length, SynFormat format)
{
  g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, format, TRUE);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  g_autoptr (SynEventBatch) batch = NULL;

  if (!syn_event_reader_feed (reader, builder, text, length, NULL, NULL)
      || !syn_event_reader_finish (reader, builder, NULL, NULL))
    return;
  batch = syn_event_builder_take (builder);
  for (guint i = 0; batch != NULL && i < spec->n_fields; i++)
    for (guint row = 0; row < syn_event_batch_get_n_events (batch); row++)
      {
        const ReplicaColumn *column = syn_event_batch_get_columns (batch)[i];
        gsize bytes;
        const char *string;

        if (replica_column_is_null (column, row))
          continue;
        if (column->type == REPLICA_TYPE_DOUBLE)
          g_assert_true (isfinite (((const double *) column->data)[row]));
        if (column->type != REPLICA_TYPE_STRING)
          continue;
        string = replica_column_get_string (column, row, &bytes);
        for (const char *p = string, *end = string + bytes; p < end; p += strlen (p) + 1)
          g_assert_true (g_utf8_validate (p, -1, NULL));
      }
}

/* json-glib ends at NULs, which the reader refuses as well: only text without them is compared. */
static void
check_lenience (const SynSourceSpec *spec, const char *text, gsize length)
{
  g_autofree char *line = g_strndup (text, length);
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autofree char *read = fixture_read (spec, SYN_FORMAT_NDJSON, TRUE, text, length, 0, 0);
  g_autoptr (GError) error = NULL;

  if (strlen (line) < length || strchr (line, '\n') != NULL || g_str_has_prefix (line, "\xef\xbb\xbf")
      || read[0] == '\0' || strchr (read, '!') != NULL)
    return;
  if (!json_parser_load_from_data (parser, line, -1, &error))
    g_error ("json-glib refuses (%s): %s", error->message, line);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static SynSourceSpec *spec;
  static const SynFormat formats[] = { SYN_FORMAT_NDJSON, SYN_FORMAT_JSON };
  const char *text = (const char *) data + 1;
  gsize length = size - 1, split;

  if (size < 1)
    return 0;
  if (spec == NULL)
    spec = fixture_spec_new (FIELDS);
  split = length > 1 ? 1 + data[0] % (length - 1) : 0;
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    {
      g_autofree char *whole = fixture_read (spec, formats[f], TRUE, text, length, 0, 0);
      g_autofree char *two = fixture_read (spec, formats[f], TRUE, text, length, split, 0);
      g_autofree char *many = fixture_read (spec, formats[f], TRUE, text, length, split, 3);

      g_assert_cmpstr (two, ==, whole);
      g_assert_cmpstr (many, ==, whole);
      check_values (spec, text, length, formats[f]);
    }
  check_lenience (spec, text, length);
  return 0;
}
