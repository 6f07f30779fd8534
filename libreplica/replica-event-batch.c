/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaEventBatch: the columns of events that are to be published. One thread at a time; no locks.
 *
 * Each field grows an array, and strings a dictionary of the batch's own, so that laying it out is a copy of each column (ReplicaSnapshotBuilder, which
 * knows the layout). Rejected: writing into the layout at once (nothing is known of where a column ends before the last event), a value type that boxes
 * each value (a publisher in C has numbers, not GValues). */

#include "replica-event-batch.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <string.h>

#include "replica-error.h"
#include "replica-hash.h"
#include "replica-json.h"
#include "replica-number.h"
#include "replica-snapshot-builder.h"
#include "replica-snapshot-private.h"

#define MIN_CAPACITY 64u
#define MIN_SLOTS 64u
#define PRODUCER_MAX_BYTES 128
#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-"

typedef struct
{
  char *name; /* (owned) */
  ReplicaType type;
  guint8 scale;
  guint8 width;
  guint n_set;      /* values behind the committed ones */
  guint8 *data;     /* (owned): capacity × width bytes */
  guint8 *validity; /* (owned) (nullable): until the first null; all ones but where a null is */
  /* strings */
  char *dict_bytes;      /* (owned) */
  gsize dict_used, dict_size;
  guint32 *dict_offsets; /* (owned): n_dict + 1 */
  guint32 *dict_hashes;  /* (owned): n_dict */
  guint n_dict, dict_capacity;
  guint32 *slots; /* (owned): code + 1, 0 empty; a power of two, at most half full */
  guint slot_mask;
} Field;

struct _ReplicaEventBatch
{
  GObject parent_instance;

  char *source;   /* (owned) */
  GArray *fields; /* (owned) (element-type Field) */
  guint n_events;
  guint capacity;
  gboolean is_too_large; /* some text had no room */
};

G_DEFINE_FINAL_TYPE (ReplicaEventBatch, replica_event_batch, G_TYPE_OBJECT)

static inline Field *
get_field (ReplicaEventBatch *self, guint field)
{
  return &g_array_index (self->fields, Field, field);
}

static void
field_clear (gpointer data)
{
  Field *field = data;

  g_free (field->name);
  g_free (field->data);
  g_free (field->validity);
  g_free (field->dict_bytes);
  g_free (field->dict_offsets);
  g_free (field->dict_hashes);
  g_free (field->slots);
}

/* ---- room ---- */

static gsize
validity_bytes (guint rows)
{
  return ((gsize) rows + 7) / 8;
}

static void
make_validity (Field *field, guint from_bytes, guint capacity)
{
  field->validity = g_realloc (field->validity, validity_bytes (capacity));
  memset (field->validity + from_bytes, 0xff, validity_bytes (capacity) - from_bytes);
}

static void
make_room (ReplicaEventBatch *self, guint n_events)
{
  guint capacity = MAX (self->capacity, MIN_CAPACITY);

  if (n_events <= self->capacity)
    return;
  while (capacity < n_events)
    capacity *= 2;
  for (guint i = 0; i < self->fields->len; i++)
    {
      Field *field = get_field (self, i);

      field->data = g_realloc (field->data, (gsize) capacity * field->width);
      if (field->validity != NULL)
        make_validity (field, (guint) validity_bytes (self->capacity), capacity);
    }
  self->capacity = capacity;
}

/* Room for @n more values of @field, and where they go. */
static gpointer
take_rows (ReplicaEventBatch *self, Field *field, guint n)
{
  make_room (self, self->n_events + n);
  field->n_set = MAX (field->n_set, n);
  return field->data + (gsize) self->n_events * field->width;
}

/* ---- dictionaries ---- */

static void
set_slots (Field *field, guint n_slots)
{
  g_free (field->slots);
  field->slots = g_new0 (guint32, n_slots);
  field->slot_mask = n_slots - 1;
  for (guint code = 0; code < field->n_dict; code++)
    {
      guint at = field->dict_hashes[code] & field->slot_mask;

      while (field->slots[at] != 0)
        at = (at + 1) & field->slot_mask;
      field->slots[at] = code + 1;
    }
}

static guint32
add_string (ReplicaEventBatch *self, Field *field, const char *text, gsize length, guint32 hash)
{
  if (field->dict_used + length + 1 > REPLICA_SNAPSHOT_MAX_BYTES)
    {
      self->is_too_large = TRUE;
      return 0;
    }
  if (field->n_dict == field->dict_capacity)
    {
      field->dict_capacity = MAX (MIN_SLOTS, field->dict_capacity * 2);
      field->dict_offsets = g_renew (guint32, field->dict_offsets, field->dict_capacity + 1);
      field->dict_hashes = g_renew (guint32, field->dict_hashes, field->dict_capacity);
      field->dict_offsets[0] = 0;
    }
  if (field->dict_used + length + 1 > field->dict_size)
    {
      field->dict_size = MAX (field->dict_used + length + 1, field->dict_size * 2);
      field->dict_bytes = g_realloc (field->dict_bytes, field->dict_size);
    }
  memcpy (field->dict_bytes + field->dict_used, text, length);
  field->dict_bytes[field->dict_used + length] = '\0';
  field->dict_used += length + 1;
  field->dict_hashes[field->n_dict] = hash;
  field->dict_offsets[++field->n_dict] = (guint32) field->dict_used;
  return field->n_dict - 1;
}

static guint32
intern (ReplicaEventBatch *self, Field *field, const char *text, gsize length)
{
  guint32 hash = replica_hash_finish (replica_hash_bytes (replica_hash_seed (), text, length)), code;
  guint at;

  if (field->slots == NULL)
    set_slots (field, MIN_SLOTS);
  for (at = hash & field->slot_mask; field->slots[at] != 0; at = (at + 1) & field->slot_mask)
    {
      code = field->slots[at] - 1;
      if (field->dict_hashes[code] == hash && field->dict_offsets[code + 1] - field->dict_offsets[code] - 1 == length
          && memcmp (field->dict_bytes + field->dict_offsets[code], text, length) == 0)
        return code;
    }
  code = add_string (self, field, text, length, hash);
  if (field->n_dict > 0)
    field->slots[at] = code + 1;
  if (field->n_dict * 2 > field->slot_mask)
    set_slots (field, (field->slot_mask + 1) * 2);
  return code;
}

static gboolean
is_null (const Field *field, guint row)
{
  return field->validity != NULL && !(field->validity[row >> 3] & (1u << (row & 7)));
}

/* Strings of values that were replaced or dropped go: a batch has no more of them than events. */
static void
compact_dictionary (ReplicaEventBatch *self, Field *field)
{
  Field old = *field;
  guint32 *codes = (guint32 *) field->data;

  field->dict_bytes = NULL;
  field->dict_offsets = field->dict_hashes = field->slots = NULL;
  field->dict_used = field->dict_size = 0;
  field->n_dict = field->dict_capacity = 0;
  for (guint row = 0; row < self->n_events; row++)
    if (!is_null (field, row))
      codes[row] = intern (self, field, old.dict_bytes + old.dict_offsets[codes[row]], old.dict_offsets[codes[row] + 1] - old.dict_offsets[codes[row]] - 1);
  g_free (old.dict_bytes);
  g_free (old.dict_offsets);
  g_free (old.dict_hashes);
  g_free (old.slots);
}

/* ---- fields ---- */

ReplicaEventBatch *
replica_event_batch_new (const char *source)
{
  ReplicaEventBatch *self;

  g_return_val_if_fail (source != NULL, NULL);

  self = g_object_new (REPLICA_TYPE_EVENT_BATCH, NULL);
  self->source = g_strdup (source);
  return self;
}

guint
replica_event_batch_add_field (ReplicaEventBatch *self, const char *name, ReplicaType type, guint scale)
{
  Field field = { .type = type, .scale = (guint8) scale, .width = replica_type_get_width (type) };

  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self), 0);
  g_return_val_if_fail (name != NULL && type >= REPLICA_TYPE_BOOL && type <= REPLICA_TYPE_TIMESTAMP, 0);
  g_return_val_if_fail (scale <= (type == REPLICA_TYPE_DECIMAL ? REPLICA_DECIMAL_SCALE_MAX : 0), 0);
  g_return_val_if_fail (self->n_events == 0 && self->capacity == 0, 0);

  field.name = g_strdup (name);
  g_array_append_val (self->fields, field);
  return self->fields->len - 1;
}

static gboolean
read_type (const char *text, ReplicaType *type, guint *scale)
{
  char *end = NULL;

  *scale = 0;
  if (g_str_has_prefix (text, "decimal(") && g_ascii_isdigit (text[8]))
    {
      guint64 value = g_ascii_strtoull (text + 8, &end, 10);

      *type = REPLICA_TYPE_DECIMAL;
      *scale = (guint) MIN (value, 255);
      return strcmp (end, ")") == 0 && value <= REPLICA_DECIMAL_SCALE_MAX;
    }
  for (int known = REPLICA_TYPE_BOOL; known <= REPLICA_TYPE_TIMESTAMP; known++)
    if (known != REPLICA_TYPE_DECIMAL && strcmp (text, replica_type_to_string ((ReplicaType) known)) == 0)
      {
        *type = (ReplicaType) known;
        return TRUE;
      }
  return FALSE;
}

static const char *
get_string (JsonNode *node, const char *name)
{
  JsonNode *member = JSON_NODE_HOLDS_OBJECT (node) ? json_object_get_member (json_node_get_object (node), name) : NULL;

  return member != NULL && json_node_get_value_type (member) == G_TYPE_STRING ? json_node_get_string (member) : NULL;
}

static JsonArray *
get_array (JsonNode *node, const char *name)
{
  JsonNode *member = node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_object_get_member (json_node_get_object (node), name) : NULL;

  return member != NULL && JSON_NODE_HOLDS_ARRAY (member) ? json_node_get_array (member) : NULL;
}

static ReplicaEventBatch *
refuse_sources (GError **error, const char *what)
{
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "The server's list of sources is none: %s", what);
  return NULL;
}

static ReplicaEventBatch *
new_of_fields (const char *source, JsonArray *fields, GError **error)
{
  g_autoptr (ReplicaEventBatch) self = replica_event_batch_new (source);

  for (guint i = 0; i < json_array_get_length (fields); i++)
    {
      const char *name = get_string (json_array_get_element (fields, i), "name"), *text = get_string (json_array_get_element (fields, i), "type");
      ReplicaType type;
      guint scale;

      if (name == NULL || text == NULL || !read_type (text, &type, &scale))
        return refuse_sources (error, "a field without a name, or of an unknown type");
      replica_event_batch_add_field (self, name, type, scale);
    }
  return g_steal_pointer (&self);
}

ReplicaEventBatch *
replica_event_batch_new_from_sources (GBytes *sources, const char *source, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  gsize length;
  const char *text = g_bytes_get_data (sources, &length);
  JsonArray *all;

  if (!replica_json_check (text, length, REPLICA_JSON_MAX_DEPTH, error))
    return NULL;
  if (!json_parser_load_from_data (parser, text, (gssize) length, NULL))
    return refuse_sources (error, "it is no JSON");
  all = get_array (json_parser_get_root (parser), "sources");
  if (all == NULL)
    return refuse_sources (error, "it has no \"sources\"");
  for (guint i = 0; i < json_array_get_length (all); i++)
    {
      JsonNode *node = json_array_get_element (all, i);
      JsonArray *fields = get_array (node, "fields");

      if (g_strcmp0 (get_string (node, "name"), source) != 0)
        continue;
      if (g_strcmp0 (get_string (node, "kind"), "http") != 0)
        {
          g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "Nothing can be published to \"%s\": only sources of kind http are published to", source);
          return NULL;
        }
      return fields != NULL ? new_of_fields (source, fields, error) : refuse_sources (error, "a source without fields");
    }
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_NOT_FOUND, "There is no source \"%s\"", source);
  return NULL;
}

const char *
replica_event_batch_get_source (ReplicaEventBatch *self)
{
  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self), NULL);
  return self->source;
}

guint
replica_event_batch_get_n_fields (ReplicaEventBatch *self)
{
  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self), 0);
  return self->fields->len;
}

const char *
replica_event_batch_get_field_name (ReplicaEventBatch *self, guint field)
{
  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self) && field < self->fields->len, NULL);
  return get_field (self, field)->name;
}

ReplicaType
replica_event_batch_get_field_type (ReplicaEventBatch *self, guint field)
{
  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self) && field < self->fields->len, REPLICA_TYPE_INT64);
  return get_field (self, field)->type;
}

int
replica_event_batch_find_field (ReplicaEventBatch *self, const char *name)
{
  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self), -1);

  for (guint i = 0; i < self->fields->len; i++)
    if (strcmp (get_field (self, i)->name, name) == 0)
      return (int) i;
  return -1;
}

guint
replica_event_batch_get_n_events (ReplicaEventBatch *self)
{
  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self), 0);
  return self->n_events;
}

gsize
replica_event_batch_get_size_bytes (ReplicaEventBatch *self)
{
  gsize size = sizeof (ReplicaWireSnapshot);

  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self), 0);

  for (guint i = 0; i < self->fields->len; i++)
    {
      const Field *field = get_field (self, i);

      size += sizeof (ReplicaWireColumn) + strlen (field->name) + (gsize) self->n_events * field->width + field->dict_used + field->n_dict * sizeof (guint32)
              + (field->validity != NULL ? validity_bytes (self->n_events) : 0);
    }
  return size;
}

/* ---- values ---- */

static gboolean
is_integer (ReplicaType type)
{
  return type == REPLICA_TYPE_INT64 || type == REPLICA_TYPE_BOOL || type == REPLICA_TYPE_TIMESTAMP || type == REPLICA_TYPE_DECIMAL;
}

void
replica_event_batch_set_int64s (ReplicaEventBatch *self, guint field, const gint64 *values, guint n_values)
{
  gpointer rows;

  g_return_if_fail (REPLICA_IS_EVENT_BATCH (self) && field < self->fields->len);
  g_return_if_fail (is_integer (get_field (self, field)->type));

  rows = take_rows (self, get_field (self, field), n_values);
  if (get_field (self, field)->width == 8)
    memcpy (rows, values, n_values * sizeof *values);
  else
    for (guint i = 0; i < n_values; i++)
      ((guint8 *) rows)[i] = values[i] != 0;
}

void
replica_event_batch_set_int64 (ReplicaEventBatch *self, guint field, gint64 value)
{
  replica_event_batch_set_int64s (self, field, &value, 1);
}

void
replica_event_batch_set_doubles (ReplicaEventBatch *self, guint field, const double *values, guint n_values)
{
  g_return_if_fail (REPLICA_IS_EVENT_BATCH (self) && field < self->fields->len);
  g_return_if_fail (get_field (self, field)->type == REPLICA_TYPE_DOUBLE);

  memcpy (take_rows (self, get_field (self, field), n_values), values, n_values * sizeof *values);
}

void
replica_event_batch_set_double (ReplicaEventBatch *self, guint field, double value)
{
  replica_event_batch_set_doubles (self, field, &value, 1);
}

void
replica_event_batch_set_string (ReplicaEventBatch *self, guint index, const char *text, gssize length)
{
  Field *field;
  guint32 *row;

  g_return_if_fail (REPLICA_IS_EVENT_BATCH (self) && index < self->fields->len && text != NULL);
  g_return_if_fail (get_field (self, index)->type == REPLICA_TYPE_STRING);

  field = get_field (self, index);
  row = take_rows (self, field, 1);
  *row = intern (self, field, text, length < 0 ? strlen (text) : (gsize) length);
}

void
replica_event_batch_set_strings (ReplicaEventBatch *self, guint index, const char *const *values, guint n_values)
{
  Field *field;
  guint32 *rows;

  g_return_if_fail (REPLICA_IS_EVENT_BATCH (self) && index < self->fields->len);
  g_return_if_fail (get_field (self, index)->type == REPLICA_TYPE_STRING);

  field = get_field (self, index);
  rows = take_rows (self, field, n_values);
  for (guint i = 0; i < n_values; i++)
    rows[i] = intern (self, field, values[i], strlen (values[i]));
}

static gboolean
refuse_text (const Field *field, const char *text, gsize length, ReplicaReadResult result, GError **error)
{
  g_autofree char *cut = g_utf8_make_valid (text, (gssize) MIN (length, 40)), *shown = g_strescape (cut, NULL);
  g_autofree char *type =
      field->type == REPLICA_TYPE_DECIMAL ? g_strdup_printf ("decimal(%u)", field->scale) : g_strdup (replica_type_to_string (field->type));

  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "field \"%s\": expected %s%s, found \"%s\"%s", field->name,
               field->type == REPLICA_TYPE_TIMESTAMP ? "a time as 2024-05-01T12:00:00Z for " : "", type, shown,
               result == REPLICA_READ_RANGE       ? ", which is out of its range"
               : result == REPLICA_READ_PRECISION ? ", which has more decimals"
                                                  : "");
  return FALSE;
}

gboolean
replica_event_batch_set_text (ReplicaEventBatch *self, guint index, const char *text, gssize text_length, GError **error)
{
  const Field *field;
  ReplicaReadResult result = REPLICA_READ_SYNTAX;
  gsize length;
  gint64 value = 0;
  double number = 0;

  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self) && index < self->fields->len && text != NULL, FALSE);

  field = get_field (self, index);
  length = text_length < 0 ? strlen (text) : (gsize) text_length;
  switch (field->type)
    {
    case REPLICA_TYPE_STRING:
      replica_event_batch_set_string (self, index, text, (gssize) length);
      return TRUE;
    case REPLICA_TYPE_DOUBLE:
      result = replica_read_double (text, length, &number);
      if (result == REPLICA_READ_OK)
        replica_event_batch_set_double (self, index, number);
      return result == REPLICA_READ_OK || refuse_text (field, text, length, result, error);
    case REPLICA_TYPE_BOOL:
      value = length == 4 && memcmp (text, "true", 4) == 0;
      if (value || (length == 5 && memcmp (text, "false", 5) == 0))
        result = REPLICA_READ_OK;
      break;
    case REPLICA_TYPE_TIMESTAMP:
      result = replica_read_timestamp (text, length, &value);
      break;
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_DECIMAL:
    default:
      result = replica_read_decimal (text, length, field->scale, &value);
      break;
    }
  if (result != REPLICA_READ_OK)
    return refuse_text (field, text, length, result, error);
  replica_event_batch_set_int64 (self, index, value);
  return TRUE;
}

void
replica_event_batch_commit_many (ReplicaEventBatch *self, guint n_events)
{
  g_return_if_fail (REPLICA_IS_EVENT_BATCH (self));

  make_room (self, self->n_events + n_events);
  for (guint i = 0; i < self->fields->len; i++)
    {
      Field *field = get_field (self, i);

      if (field->n_set < n_events && field->validity == NULL)
        make_validity (field, 0, self->capacity);
      for (guint row = self->n_events + field->n_set; row < self->n_events + n_events; row++)
        {
          field->validity[row >> 3] &= (guint8) ~(1u << (row & 7));
          memset (field->data + (gsize) row * field->width, 0, field->width);
        }
      field->n_set = 0;
    }
  self->n_events += n_events;
}

void
replica_event_batch_commit (ReplicaEventBatch *self)
{
  replica_event_batch_commit_many (self, 1);
}

void
replica_event_batch_abandon (ReplicaEventBatch *self)
{
  g_return_if_fail (REPLICA_IS_EVENT_BATCH (self));

  for (guint i = 0; i < self->fields->len; i++)
    get_field (self, i)->n_set = 0;
}

void
replica_event_batch_clear (ReplicaEventBatch *self)
{
  replica_event_batch_abandon (self);
  for (guint i = 0; i < self->fields->len; i++)
    {
      Field *field = get_field (self, i);

      g_clear_pointer (&field->validity, g_free);
      if (field->slots != NULL)
        memset (field->slots, 0, ((gsize) field->slot_mask + 1) * sizeof *field->slots);
      field->n_dict = 0;
      field->dict_used = 0;
    }
  self->n_events = 0;
  self->is_too_large = FALSE;
}

/* ---- the layout ---- */

static gboolean
refuse_event (ReplicaEventBatch *self, GError **error, const Field *field, guint row, const char *what)
{
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "%s: event %u, field \"%s\": %s", self->source, row + 1, field->name, what);
  return FALSE;
}

static gboolean
check_field (ReplicaEventBatch *self, Field *field, GError **error)
{
  if (field->type == REPLICA_TYPE_STRING)
    {
      if (field->n_dict > self->n_events)
        compact_dictionary (self, field);
      if (replica_text_is_utf8 (field->dict_bytes, field->dict_used))
        return TRUE;
      for (guint row = 0; row < self->n_events; row++)
        {
          guint32 code = ((const guint32 *) field->data)[row];

          if (!is_null (field, row)
              && !replica_text_is_utf8 (field->dict_bytes + field->dict_offsets[code], field->dict_offsets[code + 1] - field->dict_offsets[code]))
            return refuse_event (self, error, field, row, "a string that is not UTF-8");
        }
      compact_dictionary (self, field); /* it is none of any event */
      return TRUE;
    }
  for (guint row = 0; field->type == REPLICA_TYPE_DOUBLE && row < self->n_events; row++)
    if (!is_null (field, row) && !isfinite (((const double *) field->data)[row]))
      return refuse_event (self, error, field, row, "not a finite number");
  return TRUE;
}

static gboolean
check_producer (const char *producer, guint64 number, GError **error)
{
  gsize length = producer != NULL ? strspn (producer, NAME_CHARACTERS) : 0;

  if (producer == NULL || (length > 0 && length <= PRODUCER_MAX_BYTES && producer[length] == '\0' && number >= 1 && number <= G_MAXINT64))
    return TRUE;
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
               "A producer has a name of 1 to %u letters, digits or . _ : -, and his request a number from 1, one more with each", PRODUCER_MAX_BYTES);
  return FALSE;
}

static ReplicaSnapshot *
lay_out (ReplicaEventBatch *self, const char *producer, guint64 number, GError **error)
{
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new (self->source, REPLICA_TOKEN_NONE, 0, self->n_events);

  for (guint i = 0; i < self->fields->len; i++)
    {
      const Field *field = get_field (self, i);
      const ReplicaColumn column = {
        .name = field->name, .type = field->type, .scale = field->scale, .width = field->width, .n_rows = self->n_events, .data = field->data,
        .validity = field->validity, .dict_offsets = field->dict_offsets, .dict_bytes = field->dict_bytes, .n_dict = field->n_dict,
      };

      replica_snapshot_builder_add (builder, &column);
    }
  if (producer != NULL)
    replica_snapshot_builder_add_frontier (builder, producer, number);
  return replica_snapshot_builder_finish (builder, error);
}

GBytes *
replica_event_batch_to_bytes (ReplicaEventBatch *self, const char *producer, guint64 number, GError **error)
{
  g_autoptr (ReplicaSnapshot) snapshot = NULL;

  g_return_val_if_fail (REPLICA_IS_EVENT_BATCH (self), NULL);

  if (!check_producer (producer, number, error))
    return NULL;
  if (!self->is_too_large && self->n_events <= REPLICA_WIRE_BATCH_MAX_EVENTS)
    {
      for (guint i = 0; i < self->fields->len; i++)
        if (!check_field (self, get_field (self, i), error))
          return NULL;
      snapshot = lay_out (self, producer, number, error);
      if (snapshot == NULL)
        return NULL;
    }
  if (snapshot == NULL || g_bytes_get_size (replica_snapshot_get_bytes (snapshot)) > REPLICA_WIRE_BATCH_MAX_BYTES)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE, "%s: more than %u events, or %u bytes of them, at once: publish them in parts", self->source,
                   REPLICA_WIRE_BATCH_MAX_EVENTS, REPLICA_WIRE_BATCH_MAX_BYTES);
      return NULL;
    }
  return g_bytes_ref (replica_snapshot_get_bytes (snapshot));
}

/* ---- the class ---- */

static void
replica_event_batch_finalize (GObject *object)
{
  ReplicaEventBatch *self = REPLICA_EVENT_BATCH (object);

  g_array_unref (self->fields);
  g_free (self->source);
  G_OBJECT_CLASS (replica_event_batch_parent_class)->finalize (object);
}

static void
replica_event_batch_class_init (ReplicaEventBatchClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = replica_event_batch_finalize;
}

static void
replica_event_batch_init (ReplicaEventBatch *self)
{
  self->fields = g_array_new (FALSE, FALSE, sizeof (Field));
  g_array_set_clear_func (self->fields, field_clear);
}
