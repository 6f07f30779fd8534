/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "projection-fixture.h"

#include <string.h>

#include "replica-number.h"

static void
set_field (SynEventBuilder *builder, const SynFieldSpec *spec, guint field, const char *value)
{
  gsize length = strlen (value);
  gint64 number = 0;

  if (strcmp (value, "-") == 0)
    return;
  switch (spec->type)
    {
    case REPLICA_TYPE_STRING:
      if (strcmp (value, "''") == 0)
        value = "";
      syn_event_builder_set_string (builder, field, value, strlen (value));
      return;
    case REPLICA_TYPE_DOUBLE:
      syn_event_builder_set_double (builder, field, g_ascii_strtod (value, NULL));
      return;
    case REPLICA_TYPE_BOOL:
      number = strcmp (value, "true") == 0;
      break;
    case REPLICA_TYPE_DECIMAL:
      g_assert_cmpint (replica_read_decimal (value, length, spec->scale, &number), ==, REPLICA_READ_OK);
      break;
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
      g_assert_cmpint (replica_read_int64 (value, length, &number), ==, REPLICA_READ_OK);
      break;
    }
  syn_event_builder_set_int64 (builder, field, number);
}

SynEventBatch *
test_batch (const SynSourceSpec *source, guint64 first_sequence, const char *text)
{
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (source);
  SynEventBatch *batch;

  /* Not g_strsplit() of the whole: it calls strstr() a line, and the sanitizer's measures all that follows each time. */
  for (const char *end; *text != '\0'; text = *end != '\0' ? end + 1 : end)
    {
      g_autofree char *line = g_strndup (text, strcspn (text, "\n"));
      g_auto (GStrv) values = g_strsplit (g_strstrip (line), " ", -1);
      guint field = 0;

      end = text + strcspn (text, "\n");

      if (values[0] == NULL)
        continue;
      for (guint j = 0; values[j] != NULL; j++)
        if (*values[j] != '\0')
          {
            set_field (builder, &source->fields[field], field, values[j]);
            field++;
          }
      g_assert_cmpuint (field, ==, source->n_fields);
      syn_event_builder_commit (builder);
    }
  batch = syn_event_builder_take (builder);
  syn_event_batch_set_first_sequence (batch, first_sequence, 0);
  return batch;
}

SynCatalog *
test_catalog (const char *json)
{
  g_autoptr (GError) error = NULL;
  SynCatalog *catalog = syn_catalog_parse ("test.json", "/", json, -1, &error);

  g_assert_no_error (error);
  return catalog;
}

char *
test_csv (ReplicaSnapshot *snapshot)
{
  GBytes *bytes = replica_snapshot_get_csv (snapshot);
  gsize size;
  const char *text = g_bytes_get_data (bytes, &size);

  return g_strndup (text, size);
}
