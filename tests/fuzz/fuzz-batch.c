/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as a batch that somebody publishes: refused with a clear error and place, or a batch as any. What is accepted here is what the reader of text
 * accepts, too, value for value; and the bytes that the journal gets are those that came, which are read back as the same events. */

#include <stdint.h>
#include <string.h>

#include "replica-wire.h"
#include "syn-batch-reader.h"
#include "syn-error.h"
#include "syn-event-codec.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static SynFieldSpec fields[] = {
  { .name = (char *) "f", .column = (char *) "f", .type = REPLICA_TYPE_BOOL },
  { .name = (char *) "i", .column = (char *) "i", .type = REPLICA_TYPE_INT64 },
  { .name = (char *) "d", .column = (char *) "d", .type = REPLICA_TYPE_DOUBLE },
  { .name = (char *) "m", .column = (char *) "m", .type = REPLICA_TYPE_DECIMAL, .scale = 2 },
  { .name = (char *) "s", .column = (char *) "s", .type = REPLICA_TYPE_STRING },
  { .name = (char *) "t", .column = (char *) "t", .type = REPLICA_TYPE_TIMESTAMP },
};
static const SynSourceSpec spec = { .name = (char *) "trades", .n_fields = G_N_ELEMENTS (fields), .fields = fields };

static void
append_text (GString *line, const char *text, gsize length)
{
  g_string_append_c (line, '"');
  for (gsize i = 0; i < length; i++)
    if ((guint8) text[i] < 0x20 || text[i] == '"' || text[i] == '\\')
      g_string_append_printf (line, "\\u%04x", (guint8) text[i]);
    else
      g_string_append_c (line, text[i]);
  g_string_append_c (line, '"');
}

static GString *
to_ndjson (SynEventBatch *batch)
{
  const ReplicaColumn *const *columns = syn_event_batch_get_columns (batch);
  GString *text = g_string_new (NULL);

  for (guint row = 0; row < syn_event_batch_get_n_events (batch); row++)
    {
      for (guint i = 0; i < spec.n_fields; i++)
        {
          char buffer[REPLICA_TEXT_MAX];
          gsize length;
          const char *value;

          g_string_append_printf (text, "%s\"%s\":", i == 0 ? "{" : ",", fields[i].name);
          if (replica_column_is_null (columns[i], row))
            {
              g_string_append (text, "null");
              continue;
            }
          value = replica_column_format (columns[i], row, buffer, &length);
          if (fields[i].type == REPLICA_TYPE_STRING || fields[i].type == REPLICA_TYPE_TIMESTAMP)
            append_text (text, value, length);
          else
            g_string_append_len (text, value, (gssize) length);
        }
      g_string_append (text, "}\n");
    }
  return text;
}

static SynEventBatch *
read_text (const GString *text)
{
  g_autoptr (SynEventReader) reader = syn_event_reader_new (&spec, SYN_FORMAT_NDJSON, FALSE);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (&spec);
  g_autoptr (GError) error = NULL;
  SynReadPlace place;
  gboolean good = syn_event_reader_feed (reader, builder, text->str, text->len, &place, &error) && syn_event_reader_finish (reader, builder, &place, &error);

  if (!good)
    g_error ("accepted as a batch, and not as text: %s", error->message);
  return syn_event_builder_take (builder);
}

static void
check_accepted (SynEventBatch *batch, GBytes *bytes)
{
  g_autoptr (GString) text = to_ndjson (batch), again = NULL, back = NULL;
  g_autoptr (SynEventBatch) by_text = read_text (text), by_journal = NULL;
  g_autoptr (GBytes) kept = NULL;
  g_autoptr (GError) error = NULL;
  guint64 number, number_back;
  const char *producer = syn_event_batch_get_producer (batch, &number);

  again = to_ndjson (by_text);
  g_assert_cmpstr (again->str, ==, text->str);

  syn_event_batch_set_epoch (batch, 5);
  syn_event_batch_set_first_sequence (batch, 77, 1700000000000000);
  kept = syn_event_codec_encode (batch, &error);
  g_assert_no_error (error);
  g_assert (g_bytes_get_size (kept) == g_bytes_get_size (bytes)
            && memcmp ((const char *) g_bytes_get_data (kept, NULL) + 32, (const char *) g_bytes_get_data (bytes, NULL) + 32, g_bytes_get_size (bytes) - 32) == 0);
  by_journal = syn_event_codec_decode (&spec, kept, &error);
  g_assert_no_error (error);
  back = to_ndjson (by_journal);
  g_assert_cmpstr (back->str, ==, text->str);
  g_assert_cmpuint (syn_event_batch_get_first_sequence (by_journal), ==, 77);
  g_assert_cmpstr (syn_event_batch_get_producer (by_journal, &number_back), ==, producer);
  g_assert_cmpuint (number_back, ==, number);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size), own = g_bytes_new (data, size);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (GError) error = NULL;
  SynReadPlace place;

  if (!syn_batch_reader_read (&spec, own, &batch, &place, &error))
    {
      g_assert_null (batch);
      g_assert_true (error->domain == SYN_ERROR && (error->code == SYN_ERROR_INVALID || error->code == SYN_ERROR_TOO_LARGE));
      g_assert_true (g_utf8_validate (error->message, -1, NULL) && g_utf8_validate (place.field, -1, NULL));
      return 0;
    }
  g_assert_no_error (error);
  if (batch != NULL)
    check_accepted (batch, bytes);
  return 0;
}
