/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * A batch of events and its builder. The builder keeps its arrays warm from batch to batch; a batch is one
 * block of exactly the size it needs, so that what is shared is small, immutable, and freed in one go by
 * whichever thread comes last. Rejected: handing the builder's arrays over (each batch would pay for growing
 * them again), GVariant (1,408 ns to build one event), one dictionary for all fields (the codes of a small
 * field would be sparse in it).
 *
 * The builder is for one thread; a batch for all.
 */
#include "syn-event-batch-private.h"
#include "syn-limits.h"

#define MIN_CAPACITY 64u
#define MIN_SLOTS 64u
/* What a builder may keep for the next batch; an unusually large batch does not hold its memory for ever. */
#define MAX_KEPT_EVENTS 32768u
#define MAX_KEPT_DICT_BYTES (1u << 20)

G_STATIC_ASSERT (SYN_FIELD_WORDS * 64 >= SYN_MAX_FIELDS);

struct _SynEventBatch
{
  gatomicrefcount ref_count;
  guint n_events;
  const SynSourceSpec *source;
  gint64 arrival_us;
  guint64 first_sequence;
  guint64 epoch;
  SynEventOrigin origin;
  char *producer; /* (owned) (nullable) */
  guint64 producer_number;
  gsize size_bytes;
  const ReplicaColumn *const *columns; /* in this block, as all that they point to but the names, and what is kept */
  GBytes *form;                        /* (owned) (nullable) */
  gpointer keep;                       /* (owned) (nullable): what the columns of a batch that was not built here point into */
  GDestroyNotify free_keep;
};

SynEventBatch *
syn_event_batch_ref (SynEventBatch *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
syn_event_batch_unref (SynEventBatch *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  if (self->keep != NULL)
    self->free_keep (self->keep);
  g_clear_pointer (&self->form, g_bytes_unref);
  g_free (self->producer);
  g_free (self);
}

const SynSourceSpec *
syn_event_batch_get_source (SynEventBatch *self)
{
  return self->source;
}

guint
syn_event_batch_get_n_events (SynEventBatch *self)
{
  return self->n_events;
}

const ReplicaColumn *const *
syn_event_batch_get_columns (SynEventBatch *self)
{
  return self->columns;
}

gint64
syn_event_batch_get_arrival_us (SynEventBatch *self)
{
  return self->arrival_us;
}

const char *
syn_event_batch_get_producer (SynEventBatch *self, guint64 *number)
{
  *number = self->producer_number;
  return self->producer;
}

void
syn_event_batch_set_producer (SynEventBatch *self, const char *producer, guint64 number)
{
  g_free (self->producer);
  self->producer = g_strdup (producer);
  self->producer_number = number;
}

gsize
syn_event_batch_get_size_bytes (SynEventBatch *self)
{
  return self->size_bytes;
}

void
syn_event_batch_set_form (SynEventBatch *self, GBytes *bytes)
{
  g_clear_pointer (&self->form, g_bytes_unref);
  self->form = bytes;
}

GBytes *
syn_event_batch_get_form (SynEventBatch *self)
{
  return self->form;
}

guint64
syn_event_batch_get_epoch (SynEventBatch *self)
{
  return self->epoch;
}

void
syn_event_batch_set_epoch (SynEventBatch *self, guint64 epoch)
{
  self->epoch = epoch;
}

const SynEventOrigin *
syn_event_batch_get_origin (SynEventBatch *self)
{
  return &self->origin;
}

void
syn_event_batch_set_origin (SynEventBatch *self, const SynEventOrigin *origin)
{
  self->origin = *origin;
}

guint64
syn_event_batch_get_first_sequence (SynEventBatch *self)
{
  return self->first_sequence;
}

guint64
syn_event_batch_get_last_sequence (SynEventBatch *self)
{
  return self->first_sequence + self->n_events - 1;
}

/* Before the batch is shared. */
void
syn_event_batch_set_first_sequence (SynEventBatch *self, guint64 sequence, gint64 arrival_us)
{
  self->first_sequence = sequence;
  self->arrival_us = arrival_us;
}

static gsize padded (gsize size);

SynEventBatch *
syn_event_batch_new_from_columns (const SynSourceSpec *source, guint n_events, const ReplicaColumn *columns, gsize size_bytes, gpointer keep,
                                  GDestroyNotify free_keep)
{
  gsize head = padded (sizeof (SynEventBatch)), pointers_size = padded (source->n_fields * sizeof (ReplicaColumn *));
  gsize size = head + pointers_size + source->n_fields * sizeof (ReplicaColumn);
  SynEventBatch *self = g_malloc0 (size);
  const ReplicaColumn **pointers = (const ReplicaColumn **) ((char *) self + head);
  ReplicaColumn *copies = (ReplicaColumn *) ((char *) pointers + pointers_size);

  g_atomic_ref_count_init (&self->ref_count);
  self->n_events = n_events;
  self->size_bytes = size + size_bytes;
  self->source = source;
  self->columns = pointers;
  self->keep = keep;
  self->free_keep = free_keep;
  for (guint i = 0; i < source->n_fields; i++)
    {
      copies[i] = columns[i];
      pointers[i] = &copies[i];
    }
  return self;
}

/* ---- building ---- */

static gsize
validity_bytes (gsize rows)
{
  return (rows + 7) / 8;
}

static void
set_capacity (SynEventBuilder *self, guint capacity)
{
  for (guint i = 0; i < self->n_fields; i++)
    {
      SynFieldBuilder *field = &self->fields[i];

      field->data = g_realloc (field->data, (gsize) capacity * field->width);
      if (field->validity != NULL)
        {
          gsize had = validity_bytes (self->capacity), has = validity_bytes (capacity);

          field->validity = g_realloc (field->validity, has);
          if (has > had)
            memset (field->validity + had, 0xff, has - had);
        }
    }
  self->capacity = capacity;
}

static void
set_slots (SynFieldBuilder *field, guint n_slots)
{
  g_free (field->slots);
  field->slots = g_new0 (SynDictSlot, n_slots);
  field->slot_mask = n_slots - 1;
}

/**
 * syn_event_builder_new:
 * @source: the source whose fields the events have; outlives the builder and its batches
 */
SynEventBuilder *
syn_event_builder_new (const SynSourceSpec *source)
{
  SynEventBuilder *self;

  g_return_val_if_fail (source->n_fields > 0 && source->n_fields <= SYN_MAX_FIELDS, NULL);

  self = g_new0 (SynEventBuilder, 1);
  self->source = source;
  self->n_fields = source->n_fields;
  self->n_words = (source->n_fields + 63) / 64;
  self->seed = replica_hash_seed ();
  self->fields = g_new0 (SynFieldBuilder, source->n_fields);
  for (guint i = 0; i < source->n_fields; i++)
    {
      SynFieldBuilder *field = &self->fields[i];

      self->full[i >> 6] |= (guint64) 1 << (i & 63);
      field->width = replica_type_get_width (source->fields[i].type);
      field->is_string = source->fields[i].type == REPLICA_TYPE_STRING;
      if (field->is_string)
        {
          field->dict_capacity = MIN_SLOTS / 2;
          field->dict_offsets = g_new0 (guint32, field->dict_capacity + 1);
          set_slots (field, MIN_SLOTS);
        }
    }
  set_capacity (self, MIN_CAPACITY);
  return self;
}

void
syn_event_builder_free (SynEventBuilder *self)
{
  for (guint i = 0; i < self->n_fields; i++)
    {
      SynFieldBuilder *field = &self->fields[i];

      g_free (field->data);
      g_free (field->validity);
      g_free (field->dict_bytes);
      g_free (field->dict_offsets);
      g_free (field->slots);
    }
  g_free (self->fields);
  g_free (self);
}

/* The seed is secret, so that a publisher cannot aim at one slot. */
static guint64
text_word (guint64 seed, const char *text, gsize length)
{
  guint64 h = seed, w;

  if (length <= 8)
    return syn_short_text_word (text, length);
  for (gsize at = 0; at + 8 < length; at += 8)
    {
      memcpy (&w, text + at, 8);
      h = replica_hash_mix (h ^ w, G_GUINT64_CONSTANT (0xd6e8feb86659fd93));
    }
  memcpy (&w, text + length - 8, 8);
  return replica_hash_mix (h ^ w, G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));
}

static void
grow_slots (SynEventBuilder *self, SynFieldBuilder *field)
{
  guint n_slots = (field->slot_mask + 1) * 2;
  g_autofree SynDictSlot *old = g_steal_pointer (&field->slots);
  guint n_old = field->slot_mask + 1;

  set_slots (field, n_slots);
  for (guint i = 0; i < n_old; i++)
    if (old[i].code_plus_1 != 0)
      {
        guint at = syn_dict_start (self, field, old[i].word, old[i].length);

        while (field->slots[at].code_plus_1 != 0)
          at = (at + 1) & field->slot_mask;
        field->slots[at] = old[i];
      }
}

static guint32
add_string (SynFieldBuilder *field, const char *text, gsize length)
{
  guint32 code = field->n_dict;

  if (field->n_dict == field->dict_capacity)
    {
      field->dict_capacity *= 2;
      field->dict_offsets = g_renew (guint32, field->dict_offsets, field->dict_capacity + 1);
    }
  if (field->dict_used + length + 1 > field->dict_size)
    {
      field->dict_size = MAX (field->dict_used + length + 1, MAX (256, field->dict_size * 2));
      field->dict_bytes = g_realloc (field->dict_bytes, field->dict_size);
    }
  if (length > 0)
    memcpy (field->dict_bytes + field->dict_used, text, length);
  field->dict_bytes[field->dict_used + length] = '\0';
  field->dict_used += length + 1;
  g_assert (field->dict_used
            <= G_MAXUINT32); /* callers take a batch long before: body and line limits see to it */
  field->n_dict++;
  field->dict_offsets[field->n_dict] = (guint32) field->dict_used;
  return code;
}

guint32
syn_event_builder_intern (SynEventBuilder *self, guint field_index, const char *text, gsize length)
{
  SynFieldBuilder *field = &self->fields[field_index];
  guint64 word = text_word (self->seed, text, length);
  guint at = syn_dict_start (self, field, word, length);

  for (; field->slots[at].code_plus_1 != 0; at = (at + 1) & field->slot_mask)
    if (field->slots[at].word == word && field->slots[at].length == length)
      {
        guint32 code = field->slots[at].code_plus_1 - 1;

        if (length <= 8 || memcmp (field->dict_bytes + field->dict_offsets[code], text, length) == 0)
          return code;
      }

  field->slots[at].word = word;
  field->slots[at].length = (guint32) length;
  field->slots[at].code_plus_1 = add_string (field, text, length) + 1;
  if (field->n_dict * 2 > field->slot_mask)
    grow_slots (self, field);
  return field->n_dict - 1;
}

void
syn_event_builder_set_int64 (SynEventBuilder *self, guint field, gint64 value)
{
  syn_event_builder_put_int64 (self, field, value);
}

void
syn_event_builder_set_double (SynEventBuilder *self, guint field, double value)
{
  syn_event_builder_put_double (self, field, value);
}

void
syn_event_builder_set_string (SynEventBuilder *self, guint field, const char *text, gsize length)
{
  syn_event_builder_put_string (self, field, text, length);
}

gboolean
syn_event_builder_is_set (SynEventBuilder *self, guint field)
{
  return (self->set[field >> 6] >> (field & 63)) & 1;
}

static void
set_null (SynEventBuilder *self, guint index)
{
  SynFieldBuilder *field = &self->fields[index];
  guint row = self->n_events;

  if (field->validity == NULL)
    {
      field->validity = g_malloc (validity_bytes (self->capacity));
      memset (field->validity, 0xff, validity_bytes (self->capacity));
    }
  field->validity[row >> 3] &= (guint8) ~(1u << (row & 7));
  memset ((char *) field->data + (gsize) row * field->width, 0, field->width);
}

void
syn_event_builder_commit_slow (SynEventBuilder *self)
{
  for (guint w = 0; w < self->n_words; w++)
    {
      guint64 unset = self->full[w] & ~self->set[w];

      for (; unset != 0; unset &= unset - 1)
        set_null (self, w * 64 + (guint) __builtin_ctzll (unset));
      self->set[w] = 0;
    }
  if (++self->n_events == self->capacity)
    set_capacity (self, self->capacity * 2);
}

void
syn_event_builder_abandon (SynEventBuilder *self)
{
  memset (self->set, 0, sizeof self->set);
}

void
syn_event_builder_commit (SynEventBuilder *self)
{
  syn_event_builder_put_event (self);
}

guint
syn_event_builder_get_n_events (SynEventBuilder *self)
{
  return self->n_events;
}

gboolean
syn_event_builder_peek_int64 (SynEventBuilder *self, guint index, guint row, gint64 *value)
{
  SynFieldBuilder *field = &self->fields[index];

  if (field->validity != NULL && !(field->validity[row >> 3] & (1u << (row & 7))))
    return FALSE;
  *value = field->width == 1 ? ((const guint8 *) field->data)[row] : ((const gint64 *) field->data)[row];
  return TRUE;
}

static gsize
padded (gsize size)
{
  return (size + 7) & ~(gsize) 7;
}

/* Copies @size bytes to *@at, which moves on by the padded size. */
static void *
put_block (char **at, const void *from, gsize size)
{
  void *block = *at;

  if (size > 0)
    memcpy (block, from, size);
  memset ((char *) block + size, 0, padded (size) - size);
  *at += padded (size);
  return block;
}

static gboolean
has_null (const guint8 *validity, guint rows)
{
  for (guint i = 0; i < rows / 8; i++)
    if (validity[i] != 0xff)
      return TRUE;
  return rows % 8 != 0 && (guint8) (validity[rows / 8] | (0xffu << (rows % 8))) != 0xff;
}

/* The first @rows events as one block: the struct, the columns, their data. */
static SynEventBatch *
make_batch (SynEventBuilder *self, guint rows)
{
  gsize size = padded (sizeof (SynEventBatch)) + padded (self->n_fields * sizeof (ReplicaColumn *))
               + self->n_fields * padded (sizeof (ReplicaColumn));
  SynEventBatch *batch;
  const ReplicaColumn **pointers;
  ReplicaColumn *columns;
  char *at;

  for (guint i = 0; i < self->n_fields; i++)
    {
      SynFieldBuilder *field = &self->fields[i];

      size += padded ((gsize) rows * field->width);
      if (field->validity != NULL)
        size += padded (validity_bytes (rows));
      if (field->is_string)
        size += padded ((field->n_dict + 1) * sizeof (guint32)) + padded (field->dict_used);
    }

  at = g_malloc (size);
  batch = (SynEventBatch *) at;
  at += padded (sizeof (SynEventBatch));
  pointers = (const ReplicaColumn **) at;
  at += padded (self->n_fields * sizeof (ReplicaColumn *));
  columns = (ReplicaColumn *) at;
  at += self->n_fields * padded (sizeof (ReplicaColumn));

  memset (batch, 0, sizeof *batch);
  g_atomic_ref_count_init (&batch->ref_count);
  batch->n_events = rows;
  batch->size_bytes = size;
  batch->source = self->source;
  batch->columns = pointers;
  for (guint i = 0; i < self->n_fields; i++)
    {
      SynFieldBuilder *field = &self->fields[i];
      const SynFieldSpec *spec = &self->source->fields[i];
      ReplicaColumn *column = &columns[i];

      memset (column, 0, sizeof *column);
      pointers[i] = column;
      column->name = spec->name;
      column->type = spec->type;
      column->scale = spec->scale;
      column->width = field->width;
      column->n_rows = rows;
      column->data = put_block (&at, field->data, (gsize) rows * field->width);
      if (field->validity != NULL && has_null (field->validity, rows))
        {
          guint8 *validity = put_block (&at, field->validity, validity_bytes (rows));

          if (rows % 8 != 0)
            validity[rows / 8] &= (guint8) ((1u << (rows % 8)) - 1);
          column->validity = validity;
        }
      if (field->is_string)
        {
          column->n_dict = field->n_dict;
          column->dict_offsets = put_block (&at, field->dict_offsets, (field->n_dict + 1) * sizeof (guint32));
          column->dict_bytes = put_block (&at, field->dict_bytes, field->dict_used);
        }
    }
  g_assert (at <= (char *) batch + size);
  return batch;
}

void
syn_event_builder_reset (SynEventBuilder *self)
{
  guint used = self->n_events;

  for (guint i = 0; i < self->n_fields; i++)
    {
      SynFieldBuilder *field = &self->fields[i];

      g_clear_pointer (&field->validity, g_free);
      if (!field->is_string)
        continue;
      /* Clearing costs what the table is large: a table grown by one odd batch goes back to what this one
       * needed. */
      if (field->slot_mask + 1 > MIN_SLOTS && field->n_dict * 8 < field->slot_mask + 1)
        set_slots (field, MAX (MIN_SLOTS, (field->slot_mask + 1) / 4));
      else if (field->n_dict > 0)
        memset (field->slots, 0, (field->slot_mask + 1) * sizeof (SynDictSlot));
      if (field->dict_size > MAX_KEPT_DICT_BYTES && field->dict_used * 4 < field->dict_size)
        {
          g_clear_pointer (&field->dict_bytes, g_free);
          field->dict_size = 0;
        }
      field->n_dict = 0;
      field->dict_used = 0;
    }
  self->n_events = 0;
  memset (self->set, 0, sizeof self->set);
  if (self->capacity > MAX_KEPT_EVENTS && used * 4 < self->capacity)
    set_capacity (self, MAX_KEPT_EVENTS);
}

SynEventBatch *
syn_event_builder_take (SynEventBuilder *self)
{
  SynEventBatch *batch = self->n_events > 0 ? make_batch (self, self->n_events) : NULL;

  syn_event_builder_reset (self);
  return batch;
}

/* A value of the builder, held while its arrays are emptied. */
typedef struct
{
  gboolean is_set;
  gint64 word;  /* numbers: the bits */
  gsize at;     /* strings: where the text is */
  gsize length;
} KeptValue;

static KeptValue
keep_value (const SynFieldBuilder *field, guint row, GString *texts)
{
  KeptValue kept = { .is_set = field->validity == NULL || (field->validity[row >> 3] & (1u << (row & 7))) != 0 };

  if (!kept.is_set)
    return kept;
  if (field->is_string)
    {
      guint32 code = ((const guint32 *) field->data)[row];

      kept.at = texts->len;
      kept.length = field->dict_offsets[code + 1] - field->dict_offsets[code] - 1;
      g_string_append_len (texts, field->dict_bytes + field->dict_offsets[code], (gssize) kept.length);
    }
  else
    kept.word = field->width == 1 ? ((const guint8 *) field->data)[row] : ((const gint64 *) field->data)[row];
  return kept;
}

SynEventBatch *
syn_event_builder_take_but_last (SynEventBuilder *self)
{
  guint last = self->n_events - 1;
  g_autofree KeptValue *kept = NULL;
  g_autoptr (GString) texts = NULL;
  SynEventBatch *batch;

  if (self->n_events < 2)
    return NULL;
  kept = g_new (KeptValue, self->n_fields);
  texts = g_string_new (NULL);
  for (guint i = 0; i < self->n_fields; i++)
    kept[i] = keep_value (&self->fields[i], last, texts);
  batch = make_batch (self, last);
  syn_event_builder_reset (self);
  for (guint i = 0; i < self->n_fields; i++)
    if (kept[i].is_set && self->fields[i].is_string)
      syn_event_builder_put_string (self, i, texts->str + kept[i].at, kept[i].length);
    else if (kept[i].is_set)
      syn_event_builder_put_int64 (self, i, kept[i].word); /* of doubles too: their bits */
  syn_event_builder_commit (self);
  return batch;
}
