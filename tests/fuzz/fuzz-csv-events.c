/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The strict CSV reader on any bytes, with and without a header line. The first byte says where the text is
 * split. Invariants: the same events and the same mistake however it was split; what was accepted, written
 * back as CSV, reads the same. */
#include <stdint.h>
#include "../unit/source/source-fixture.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define FIELDS "f:bool i:int64 d:double m:decimal(4) s:string t:timestamp"

static char *
write_back (const SynSourceSpec *spec, SynEventBatch *batch)
{
  GString *csv = g_string_new ("f,i,d,m,s,t\n");

  for (guint row = 0; batch != NULL && row < syn_event_batch_get_n_events (batch); row++)
    for (guint i = 0; i < spec->n_fields; i++)
      {
        const ReplicaColumn *column = syn_event_batch_get_columns (batch)[i];
        char buffer[REPLICA_TEXT_MAX];
        gsize length;
        const char *value;

        if (!replica_column_is_null (column, row))
          {
            value = column->type == REPLICA_TYPE_STRING
                        ? replica_column_get_string (column, row, &length)
                        : replica_column_format (column, row, buffer, &length);
            g_string_append_c (csv, '"');
            for (gsize k = 0; k < length; k++)
              {
                if (value[k] == '"')
                  g_string_append_c (csv, '"');
                g_string_append_c (csv, value[k]);
              }
            g_string_append_c (csv, '"');
          }
        g_string_append_c (csv, i + 1 < spec->n_fields ? ',' : '\n');
      }
  return g_string_free (csv, FALSE);
}

static void
check_round_trip (
    const SynSourceSpec *spec, const char *text, gsize length, gboolean header, const char *expected)
{
  g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, SYN_FORMAT_CSV, header);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autofree char *csv = NULL, *read = NULL;

  if (!syn_event_reader_feed (reader, builder, text, length, NULL, NULL)
      || !syn_event_reader_finish (reader, builder, NULL, NULL))
    return;
  batch = syn_event_builder_take (builder);
  csv = write_back (spec, batch);
  read = fixture_read (spec, SYN_FORMAT_CSV, TRUE, csv, strlen (csv), 0, 0);
  g_assert_cmpstr (read, ==, expected);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static SynSourceSpec *spec;
  const char *text = (const char *) data + 1;
  gsize length = size - 1, split;

  if (size < 1)
    return 0;
  if (spec == NULL)
    spec = fixture_spec_new (FIELDS);
  split = length > 1 ? 1 + data[0] % (length - 1) : 0;
  for (guint header = 0; header < 2; header++)
    {
      g_autofree char *whole = fixture_read (spec, SYN_FORMAT_CSV, header, text, length, 0, 0);
      g_autofree char *two = fixture_read (spec, SYN_FORMAT_CSV, header, text, length, split, 0);
      g_autofree char *many = fixture_read (spec, SYN_FORMAT_CSV, header, text, length, split, 3);

      g_assert_cmpstr (two, ==, whole);
      g_assert_cmpstr (many, ==, whole);
      check_round_trip (spec, text, length, header, whole);
    }
  return 0;
}
