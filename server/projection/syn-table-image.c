/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A table's state as bytes: a head, the progress of each input, the rows. Little-endian, 8-aligned as far as it is laid out here. What is read may be of an
 * older catalog, of another version, or damaged: the head says which, and everything behind it is held against the bounds of what is there.
 *
 * The definition is kept as a hash of its text and not field by field: a state of another one is of no use, however little it differs. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-table-image.h"
#include "syn-error.h"
#include "syn-table-private.h"

#define MAGIC G_GUINT64_CONSTANT (0x31304c42544e5953) /* "SYNTBL01" as it lies in a file: the version at its end */
#define HASH_BYTES 32

/* No padding. */
typedef struct {
  guint64 magic;
  guint8 definition[HASH_BYTES];
  guint64 n_inputs;
  guint64 has_newest;
  gint64 newest_us;
  gint64 newest_start;
} Head;

typedef struct {
  guint64 epoch;
  guint64 sequence;
  guint64 record;
} SavedProgress;

G_STATIC_ASSERT (sizeof (Head) == 72 && G_BYTE_ORDER == G_LITTLE_ENDIAN);

struct _SynTableImage {
  const SynProjectionSpec *spec; /* outlives it: of the catalog that the owner holds */
  SynRowsCopy *rows;             /* (owned) */
  SynWindowClock clock;
  SynProgress *progress;         /* (owned) */
};

/* ---- the definition ---- */

static void
append_type (GString *text, ReplicaType type, guint scale)
{
  g_string_append_printf (text, " %s", replica_type_to_string (type));
  if (type == REPLICA_TYPE_DECIMAL)
    g_string_append_printf (text, "(%u)", scale);
}

char *
syn_table_describe (const SynProjectionSpec *spec)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < spec->n_inputs; i++)
    g_string_append_printf (text, "from %s%s\n", spec->inputs[i].source->name, spec->inputs[i].source->durable ? " durable" : "");
  for (guint i = 0; i < spec->n_keys; i++)
    {
      const SynColumnSpec *column = &spec->fields->columns[spec->keys[i]];

      g_string_append_printf (text, "key %s", column->name);
      append_type (text, column->type, column->scale);
      g_string_append_c (text, '\n');
    }
  if (spec->where_text != NULL)
    g_string_append_printf (text, "where %s\n", spec->where_text);
  if (spec->window_us > 0)
    g_string_append_printf (text,
                            "window every %" G_GINT64_FORMAT " slide %" G_GINT64_FORMAT " late %" G_GINT64_FORMAT " keep %" G_GINT64_FORMAT
                            " on %s\n",
                            spec->window_us, spec->slide_us, spec->late_us, spec->keep_us, spec->fields->columns[spec->time_field].name);
  for (guint i = 0; i < spec->n_aggregates; i++)
    {
      g_string_append_printf (text, "aggregate %s", spec->aggregate_texts[i]);
      for (guint j = 0; j < spec->aggregates[i].n_args; j++)
        append_type (text, spec->aggregates[i].args[j].type, spec->aggregates[i].args[j].scale);
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

static void
hash_definition (const SynProjectionSpec *spec, guint8 hash[HASH_BYTES])
{
  g_autofree char *text = syn_table_describe (spec);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize length = HASH_BYTES;

  g_checksum_update (checksum, (const guchar *) text, (gssize) strlen (text));
  g_checksum_get_digest (checksum, hash, &length);
}

/* ---- images ---- */

gboolean
syn_table_can_save (const SynTable *self)
{
  return syn_rows_can_save (&self->rows);
}

SynTableImage *
syn_table_image_new (SynTable *self)
{
  SynTableImage *image = g_new0 (SynTableImage, 1);

  image->spec = self->spec;
  image->rows = syn_rows_copy_new (&self->rows);
  image->clock = self->clock;
  image->progress = g_memdup2 (self->progress, self->spec->n_inputs * sizeof *self->progress);
  return image;
}

gboolean
syn_table_image_step (SynTableImage *self, gsize max_bytes)
{
  return syn_rows_copy_step (self->rows, max_bytes);
}

void
syn_table_image_free (SynTableImage *self)
{
  syn_rows_copy_free (self->rows);
  g_free (self->progress);
  g_free (self);
}

guint
syn_table_image_get_n_rows (const SynTableImage *self)
{
  return syn_rows_copy_get_n (self->rows);
}

const SynProgress *
syn_table_image_get_progress (const SynTableImage *self)
{
  return self->progress;
}

gsize
syn_table_image_get_saved_size (const SynTableImage *self)
{
  return sizeof (Head) + self->spec->n_inputs * sizeof (SavedProgress) + syn_rows_copy_get_saved_size (self->rows);
}

GBytes *
syn_table_image_save (SynTableImage *self, GError **error)
{
  gsize size = syn_table_image_get_saved_size (self);
  g_autoptr (GByteArray) out = g_byte_array_sized_new ((guint) MIN (size, G_MAXINT32));
  Head head = {
    .magic = MAGIC,
    .n_inputs = self->spec->n_inputs,
    .has_newest = self->clock.has_newest,
    .newest_us = self->clock.newest_us,
    .newest_start = self->clock.newest_start,
  };

  hash_definition (self->spec, head.definition);
  g_byte_array_append (out, (const guint8 *) &head, sizeof head);
  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      const SavedProgress progress = { self->progress[i].epoch, self->progress[i].sequence, self->progress[i].record };

      g_byte_array_append (out, (const guint8 *) &progress, sizeof progress);
    }
  if (!syn_rows_copy_save (self->rows, out, error))
    {
      g_prefix_error (error, "projection \"%s\": ", self->spec->name);
      return NULL;
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

/* ---- load ---- */

static gboolean
fail (const SynTable *self, int code, GError **error, const char *what)
{
  g_set_error (error, SYN_ERROR, code, "the checkpoint of projection \"%s\" %s", self->spec->name, what);
  return FALSE;
}

/* The clock of a projection without windows has seen nothing; that of one with them is where its panes are. */
static gboolean
take_clock (SynTable *self, const Head *head)
{
  if (head->has_newest > 1 || (head->has_newest == 0 && (head->newest_us != 0 || head->newest_start != 0)))
    return FALSE;
  if (head->has_newest == 1
      && (self->spec->window_us == 0 || head->newest_start > head->newest_us
          || (guint64) head->newest_us - (guint64) head->newest_start >= (guint64) self->clock.slide_us
          || head->newest_start % self->clock.slide_us != 0))
    return FALSE;
  self->clock.has_newest = head->has_newest != 0;
  self->clock.newest_us = head->newest_us;
  self->clock.newest_start = head->newest_start;
  return TRUE;
}

gboolean
syn_table_load (SynTable *self, GBytes *bytes, GError **error)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length), *at = data;
  guint8 definition[HASH_BYTES];
  Head head;

  g_return_val_if_fail (syn_table_get_n_rows (self) == 0, FALSE);
  if (length < sizeof head)
    return fail (self, SYN_ERROR_INVALID, error, "is cut short");
  memcpy (&head, at, sizeof head);
  at += sizeof head;
  if (head.magic != MAGIC)
    return fail (self, SYN_ERROR_CONFLICT, error, "is of another version");
  hash_definition (self->spec, definition);
  if (memcmp (head.definition, definition, HASH_BYTES) != 0)
    return fail (self, SYN_ERROR_CONFLICT, error,
                 "is of another definition: its sources, key, \"where\", window or aggregates were other ones");
  if (head.n_inputs != self->spec->n_inputs || length - sizeof head < head.n_inputs * sizeof (SavedProgress))
    return fail (self, SYN_ERROR_INVALID, error, "is cut short");
  if (!take_clock (self, &head))
    return fail (self, SYN_ERROR_INVALID, error, "is damaged: the time of its windows");
  for (guint i = 0; i < self->spec->n_inputs; i++)
    {
      SavedProgress progress;

      memcpy (&progress, at, sizeof progress);
      at += sizeof progress;
      self->progress[i] = (SynProgress) { progress.epoch, progress.sequence, progress.record };
    }
  if (!syn_rows_load (&self->rows, at, length - (gsize) (at - data), error))
    {
      g_prefix_error (error, "the checkpoint of projection \"%s\" is damaged: ", self->spec->name);
      return FALSE;
    }
  syn_table_note_starts (self, 0);
  return TRUE;
}
