/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaSnapshot: a view of the columns in the bytes of the wire form. Immutable but for its two cached
 * forms, which any thread may make: the first to finish stores its own, a thread that was slower drops what
 * it made. A lock would hold lanes up for as long as the form takes; a duplicate costs only the work, and
 * only when two lanes ask at once. */

#include "replica-snapshot-private.h"

#include <string.h>

G_DEFINE_BOXED_TYPE (ReplicaSnapshot, replica_snapshot, replica_snapshot_ref, replica_snapshot_unref)

/* ---- tokens ---- */

static char *
write_hex (char *buffer, guint64 value)
{
  int shift = value != 0 ? (63 - __builtin_clzll (value)) / 4 * 4 : 0;

  for (; shift >= 0; shift -= 4)
    *buffer++ = "0123456789abcdef"[value >> shift & 15];
  return buffer;
}

const char *
replica_token_format (ReplicaToken token, char *buffer)
{
  char *p = write_hex (buffer, token.epoch);

  *p++ = '-';
  p = write_hex (p, token.serial);
  *p = '\0';
  return buffer;
}

/* One to sixteen lower-case digits without a leading zero, so that each token has one text only. */
static const char *
read_hex (const char *text, guint64 *value)
{
  const char *p = text;

  *value = 0;
  for (; g_ascii_isxdigit (*p) && !g_ascii_isupper (*p); p++)
    *value = *value << 4 | (guint64) g_ascii_xdigit_value (*p);
  if (p == text || p - text > 16 || (*text == '0' && p - text > 1))
    return NULL;
  return p;
}

/**
 * replica_token_parse:
 * @text: a token's text, and nothing else
 * @token: (out): the token
 *
 * Returns: whether @text is one; @token is left alone when not
 */
gboolean
replica_token_parse (const char *text, ReplicaToken *token)
{
  ReplicaToken result;

  text = read_hex (text, &result.epoch);
  if (text == NULL || *text != '-')
    return FALSE;
  text = read_hex (text + 1, &result.serial);
  if (text == NULL || *text != '\0')
    return FALSE;
  *token = result;
  return TRUE;
}

/* ---- the snapshot ---- */

/* What is cached of a form that is too large: that is found out once, too. */
static char no_form;
#define NO_FORM ((GBytes *) (gpointer) &no_form)

static void
free_form (GBytes *form)
{
  if (form != NULL && form != NO_FORM)
    g_bytes_unref (form);
}

ReplicaSnapshot *
replica_snapshot_new_trusted (GBytes *bytes)
{
  const char *base = g_bytes_get_data (bytes, NULL);
  const ReplicaWireSnapshot *head = (const ReplicaWireSnapshot *) base;
  const ReplicaWireColumn *wire = (const ReplicaWireColumn *) (base + head->columns_offset);
  ReplicaSnapshot *self = g_malloc (sizeof *self + head->n_columns * sizeof (ReplicaColumn));

  g_atomic_ref_count_init (&self->ref_count);
  self->bytes = bytes;
  self->head = head;
  self->frontier = (const ReplicaWireFrontier *) (base + head->frontier_offset);
  self->json = NULL;
  self->csv = NULL;
  self->hash = 0;
  self->full = (ReplicaForm){ REPLICA_WIRE_FORM_FULL, bytes };
  self->deltas = NULL;
  for (guint i = 0; i < head->n_columns; i++, wire++)
    {
      gboolean is_string = wire->type == REPLICA_TYPE_STRING;

      self->columns[i] = (ReplicaColumn){
        .name = base + wire->name_offset,
        .type = wire->type,
        .scale = wire->scale,
        .width = wire->width,
        .is_key = (wire->flags & REPLICA_WIRE_COLUMN_KEY) != 0,
        .n_rows = head->n_rows,
        .data = base + wire->data_offset,
        .validity = wire->validity_offset != 0 ? (const guint8 *) base + wire->validity_offset : NULL,
        .dict_offsets = is_string ? (const guint32 *) (base + wire->dict_offsets_offset) : NULL,
        .dict_bytes = is_string ? base + wire->dict_bytes_offset : NULL,
        .n_dict = wire->n_dict,
      };
    }
  return self;
}

ReplicaSnapshot *
replica_snapshot_ref (ReplicaSnapshot *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
replica_snapshot_unref (ReplicaSnapshot *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  free_form (self->json);
  free_form (self->csv);
  replica_snapshot_free_forms (self);
  g_bytes_unref (self->bytes);
  g_free (self);
}

GBytes *
replica_snapshot_get_bytes (ReplicaSnapshot *self)
{
  return self->bytes;
}

const char *
replica_snapshot_get_path (ReplicaSnapshot *self)
{
  return (const char *) self->head + self->head->path_offset;
}

ReplicaToken
replica_snapshot_get_token (ReplicaSnapshot *self)
{
  return (ReplicaToken){ self->head->epoch, self->head->serial };
}

gint64
replica_snapshot_get_time_us (ReplicaSnapshot *self)
{
  return self->head->time_us;
}

guint
replica_snapshot_get_stretched_ms (ReplicaSnapshot *self)
{
  return self->head->stretched_100ms * 100u;
}

/* Into its own bytes, which nobody has seen yet: it is known only when the snapshot is there, and all that makes them would have to pass it on. */
void
replica_snapshot_set_stretched_ms (ReplicaSnapshot *self, guint interval_ms)
{
  if (self->hash == 0 && self->json == NULL && self->csv == NULL && self->deltas == NULL && self->full.zstd == NULL)
    ((ReplicaWireSnapshot *) self->head)->stretched_100ms = (guint16) MIN ((interval_ms + 99) / 100, G_MAXUINT16);
}

guint
replica_snapshot_get_n_rows (ReplicaSnapshot *self)
{
  return self->head->n_rows;
}

guint
replica_snapshot_get_n_columns (ReplicaSnapshot *self)
{
  return self->head->n_columns;
}

const ReplicaColumn *
replica_snapshot_get_column (ReplicaSnapshot *self, guint column)
{
  g_return_val_if_fail (column < self->head->n_columns, NULL);
  return &self->columns[column];
}

int
replica_snapshot_find_column (ReplicaSnapshot *self, const char *name)
{
  for (guint i = 0; i < self->head->n_columns; i++)
    if (strcmp (self->columns[i].name, name) == 0)
      return (int) i;
  return -1;
}

guint
replica_snapshot_get_n_frontier (ReplicaSnapshot *self)
{
  return self->head->n_frontier;
}

const char *
replica_snapshot_get_frontier (ReplicaSnapshot *self, guint index, guint64 *sequence)
{
  g_return_val_if_fail (index < self->head->n_frontier, NULL);
  if (sequence != NULL)
    *sequence = self->frontier[index].sequence;
  return (const char *) self->head + self->frontier[index].name_offset;
}

/* ---- the forms made once ---- */

static GBytes *
get_form (ReplicaSnapshot *self, GBytes **cached, GBytes *(*make) (ReplicaSnapshot *, gsize))
{
  GBytes *form = g_atomic_pointer_get (cached);

  if (form == NULL)
    {
      form = make (self, REPLICA_SNAPSHOT_MAX_TEXT_BYTES);
      if (form == NULL)
        form = NO_FORM;
      if (!g_atomic_pointer_compare_and_exchange (cached, NULL, form))
        {
          free_form (form);
          form = g_atomic_pointer_get (cached);
        }
    }
  return form != NO_FORM ? form : NULL;
}

GBytes *
replica_snapshot_get_json (ReplicaSnapshot *self)
{
  return get_form (self, &self->json, replica_snapshot_make_json);
}

GBytes *
replica_snapshot_get_csv (ReplicaSnapshot *self)
{
  return get_form (self, &self->csv, replica_snapshot_make_csv);
}
