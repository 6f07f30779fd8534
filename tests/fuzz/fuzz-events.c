/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Any bytes as those of a batch of events, under the catalog they were written with and under one that has changed: refused, or a batch as any,
 * of which every value can be read, and whose own bytes say the same. (That damaged bytes do not get here is the checksum's business.) */

#include <stdint.h>
#include <string.h>

#include "syn-event-codec.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static SynFieldSpec fields[] = {
  { .name = (char *) "f", .type = REPLICA_TYPE_BOOL },      { .name = (char *) "i", .type = REPLICA_TYPE_INT64 },
  { .name = (char *) "d", .type = REPLICA_TYPE_DOUBLE },    { .name = (char *) "m", .type = REPLICA_TYPE_DECIMAL, .scale = 2 },
  { .name = (char *) "s", .type = REPLICA_TYPE_STRING },    { .name = (char *) "t", .type = REPLICA_TYPE_TIMESTAMP },
};
static SynFieldSpec changed_fields[] = {
  { .name = (char *) "new", .type = REPLICA_TYPE_STRING },
  { .name = (char *) "t", .type = REPLICA_TYPE_TIMESTAMP },
  { .name = (char *) "s", .type = REPLICA_TYPE_STRING },
  { .name = (char *) "i", .type = REPLICA_TYPE_INT64 },
};
static const SynSourceSpec specs[] = {
  { .name = (char *) "trades", .n_fields = G_N_ELEMENTS (fields), .fields = fields },
  { .name = (char *) "trades", .n_fields = G_N_ELEMENTS (changed_fields), .fields = changed_fields },
};

static guint64
read_all (SynEventBatch *batch)
{
  const ReplicaColumn *const *columns = syn_event_batch_get_columns (batch);
  guint64 hash = syn_event_batch_get_first_sequence (batch) ^ syn_event_batch_get_epoch (batch);

  for (guint i = 0; i < syn_event_batch_get_source (batch)->n_fields; i++)
    for (guint row = 0; row < syn_event_batch_get_n_events (batch); row++)
      {
        char buffer[REPLICA_TEXT_MAX];
        gsize length;
        const char *text = "null";

        if (!replica_column_is_null (columns[i], row))
          text = replica_column_format (columns[i], row, buffer, &length);
        hash = hash * 31 + g_str_hash (text);
      }
  return hash;
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autoptr (GBytes) bytes = g_bytes_new (data, size);

  for (guint i = 0; i < G_N_ELEMENTS (specs); i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (SynEventBatch) batch = syn_event_codec_decode (&specs[i], bytes, &error), back = NULL;
      g_autoptr (GBytes) again = NULL;

      if (batch == NULL)
        {
          g_assert_true (g_utf8_validate (error->message, -1, NULL));
          continue;
        }
      again = syn_event_codec_encode (batch, &error);
      g_assert_no_error (error);
      back = syn_event_codec_decode (&specs[i], again, &error);
      g_assert_no_error (error);
      g_assert_cmpuint (read_all (back), ==, read_all (batch));
    }
  return 0;
}
