/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Read by the server's own readers: a value means the same whichever way it is published, and what is wrong with it is said in the same words.
 * Rejected: readers of our own (they would be others), replica_event_batch_set_text() for each value (it knows no units, and no names that fields have
 * in JSON and CSV). */

#include "ctl-publish-batch.h"

#include <string.h>

#include <json-glib/json-glib.h>

#include "replica-number.h"
#include "syn-error.h"
#include "syn-event-reader.h"
#include "syn-time-unit.h"

struct _CtlBatcher
{
  SynSourceSpec spec; /* its name, fields and schema are all that readers look at */
  SynFormat format;
  SynEventBuilder *builder;  /* (owned) */
  ReplicaEventBatch *batch;  /* (owned): of the same fields in the same order */
  SynReadPlace place;
};

/* ---- the fields ---- */

static const char *
get_text (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_value_type (node) == G_TYPE_STRING ? json_node_get_string (node) : NULL;
}

static gboolean
read_field (CtlBatcher *self, JsonObject *object, GError **error)
{
  const char *name = get_text (object, "name"), *type = get_text (object, "type"), *column = get_text (object, "column");
  const char *unit = get_text (object, "unit"), *epoch = get_text (object, "epoch");
  SynFieldSpec *field = &self->spec.fields[self->spec.n_fields];
  guint scale;

  if (!syn_type_parse (type, &field->type, &scale, error))
    return FALSE;
  field->scale = (guint8) scale;
  field->unit_us_den = 1;
  if ((unit != NULL && !syn_time_unit_parse (unit, &field->unit_us_num, &field->unit_us_den))
      || (epoch != NULL && replica_read_timestamp (epoch, strlen (epoch), &field->epoch_us) != REPLICA_READ_OK))
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "The server's field \"%s\" has a unit or an epoch that is none", name);
      return FALSE;
    }
  field->name = g_strdup (name);
  field->column = g_strdup (column != NULL ? column : name);
  syn_schema_add (self->spec.schema, name, field->type, field->scale, FALSE);
  self->spec.n_fields++;
  return TRUE;
}

static gboolean
read_fields (CtlBatcher *self, GBytes *sources, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  gsize length;
  const char *text = g_bytes_get_data (sources, &length);
  JsonArray *all;

  /* It was looked at by replica_event_batch_new_from_sources(): all of it is there. */
  if (!json_parser_load_from_data (parser, text, (gssize) length, error))
    return FALSE;
  all = json_object_get_array_member (json_node_get_object (json_parser_get_root (parser)), "sources");
  for (guint i = 0; i < json_array_get_length (all); i++)
    {
      JsonNode *node = json_array_get_element (all, i);
      JsonArray *fields;

      if (!JSON_NODE_HOLDS_OBJECT (node) || g_strcmp0 (get_text (json_node_get_object (node), "name"), self->spec.name) != 0)
        continue;
      fields = json_object_get_array_member (json_node_get_object (node), "fields");
      self->spec.fields = g_new0 (SynFieldSpec, json_array_get_length (fields) + 1);
      for (guint f = 0; f < json_array_get_length (fields); f++)
        if (!read_field (self, json_array_get_object_element (fields, f), error))
          return FALSE;
      break;
    }
  return TRUE;
}

CtlBatcher *
ctl_batcher_new (GBytes *sources, const char *source, gboolean csv, GError **error)
{
  g_autoptr (CtlBatcher) self = g_new0 (CtlBatcher, 1);

  self->format = csv ? SYN_FORMAT_CSV : SYN_FORMAT_NDJSON;
  self->spec.name = g_strdup (source);
  self->spec.schema = syn_schema_new ();
  self->batch = replica_event_batch_new_from_sources (sources, source, error);
  if (self->batch == NULL || !read_fields (self, sources, error))
    return NULL;
  self->builder = syn_event_builder_new (&self->spec);
  return g_steal_pointer (&self);
}

void
ctl_batcher_free (CtlBatcher *self)
{
  g_clear_pointer (&self->builder, syn_event_builder_free);
  g_clear_object (&self->batch);
  for (guint i = 0; i < self->spec.n_fields; i++)
    {
      g_free (self->spec.fields[i].name);
      g_free (self->spec.fields[i].column);
    }
  g_free (self->spec.fields);
  syn_schema_free (self->spec.schema);
  g_free (self->spec.name);
  g_free (self);
}

/* ---- events ---- */

static void
copy_value (ReplicaEventBatch *batch, guint field, const ReplicaColumn *column, guint row)
{
  if (replica_column_is_null (column, row))
    return;
  switch (column->type)
    {
    case REPLICA_TYPE_STRING:
      {
        gsize length;
        const char *text = replica_column_get_string (column, row, &length);

        replica_event_batch_set_string (batch, field, text, (gssize) length);
      }
      break;
    case REPLICA_TYPE_DOUBLE:
      replica_event_batch_set_double (batch, field, replica_column_get_double (column, row));
      break;
    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_DECIMAL:
    case REPLICA_TYPE_TIMESTAMP:
    default:
      replica_event_batch_set_int64 (batch, field, replica_column_get_int64 (column, row));
      break;
    }
}

/* All the events of @text into the builder. */
static gboolean
read_events (CtlBatcher *self, const char *text, gsize length, GError **error)
{
  g_autoptr (SynEventReader) reader = syn_event_reader_new (&self->spec, self->format, TRUE);

  return syn_event_reader_feed (reader, self->builder, text, length, &self->place, error)
         && syn_event_reader_finish (reader, self->builder, &self->place, error);
}

GBytes *
ctl_batcher_make (CtlBatcher *self,
                  const char *text,
                  gsize length,
                  const char *producer,
                  guint64 number,
                  guint64 *line,
                  const char **field,
                  GError **error)
{
  g_autoptr (SynEventBatch) events = NULL;
  g_autoptr (GError) wrong = NULL;
  gboolean is_read;

  self->place = (SynReadPlace){ 0 };
  is_read = read_events (self, text, length, &wrong);
  events = syn_event_builder_take (self->builder); /* also those before what is wrong: none of them goes out */
  *line = self->place.line;
  *field = self->place.field;
  if (!is_read)
    {
      g_set_error_literal (error, REPLICA_ERROR, wrong->code, wrong->message); /* the same numbers */
      return NULL;
    }
  replica_event_batch_clear (self->batch);
  for (guint row = 0; events != NULL && row < syn_event_batch_get_n_events (events); row++)
    {
      for (guint i = 0; i < self->spec.n_fields; i++)
        copy_value (self->batch, i, syn_event_batch_get_columns (events)[i], row);
      replica_event_batch_commit (self->batch);
    }
  return replica_event_batch_to_bytes (self->batch, producer, number, error);
}
