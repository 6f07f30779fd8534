/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>
#include "replica-hash.h"
#include "syn-event-batch.h"

/* The builder's insides, for the readers and generators that fill it once per value: setters inline, so that
 * a number costs a store and a bit. Rejected: a call per value (a tenth of the whole cost of an event), a
 * validity bit written per value (only the rare null pays, by clearing its bit). */

G_BEGIN_DECLS

#define SYN_FIELD_WORDS 4 /* × 64 bits ≥ SYN_MAX_FIELDS */

/* A dictionary's slot: empty when @code_plus_1 is 0. Up to 8 bytes of text, the most common kind by far, are
 * their own @word: equal words and lengths are equal texts, nothing else needs to be looked at. Longer ones
 * have their hash there. */
typedef struct
{
  guint64 word;
  guint32 length;
  guint32 code_plus_1;
} SynDictSlot;

typedef struct
{
  void *data; /* (owned): capacity × width bytes; the current event's value is at row n_events */
  guint8 width;
  gboolean is_string;
  guint8 *validity; /* (owned) (nullable): until the first null; all ones but where a null was */
  /* strings */
  char *dict_bytes; /* (owned) */
  gsize dict_used;
  gsize dict_size;
  guint32 *dict_offsets; /* (owned): n_dict + 1 */
  guint n_dict;
  guint dict_capacity;
  SynDictSlot *slots; /* (owned): open addressing, a power of two, at most half full */
  guint slot_mask;
} SynFieldBuilder;

struct _SynEventBuilder
{
  const SynSourceSpec *source;
  guint n_fields;
  guint n_words;
  guint n_events;
  guint capacity; /* always above n_events: the current event has its row */
  guint64 seed;   /* of the dictionaries' hashes: chosen keys cannot be made to collide */
  guint64 set[SYN_FIELD_WORDS];
  guint64 full[SYN_FIELD_WORDS];
  SynFieldBuilder *fields; /* (owned) */
};

static inline void
syn_event_builder_put_int64 (SynEventBuilder *self, guint field, gint64 value)
{
  SynFieldBuilder *builder = &self->fields[field];

  if (builder->width == 1)
    ((guint8 *) builder->data)[self->n_events] = (guint8) value;
  else
    ((gint64 *) builder->data)[self->n_events] = value;
  self->set[field >> 6] |= (guint64) 1 << (field & 63);
}

/* Eight bytes wide: all integer types but bool. */
static inline void
syn_event_builder_put_wide (SynEventBuilder *self, guint field, gint64 value)
{
  ((gint64 *) self->fields[field].data)[self->n_events] = value;
  self->set[field >> 6] |= (guint64) 1 << (field & 63);
}

static inline void
syn_event_builder_put_double (SynEventBuilder *self, guint field, double value)
{
  ((double *) self->fields[field].data)[self->n_events] = value;
  self->set[field >> 6] |= (guint64) 1 << (field & 63);
}

/* The code of @text in the field's dictionary, added when new. */
guint32 syn_event_builder_intern (SynEventBuilder *self, guint field, const char *text, gsize length);

/* Up to 8 bytes as a number, the first the lowest, zeros above; reads nothing beside them. */
static inline guint64
syn_short_text_word (const char *text, gsize length)
{
  guint32 head, tail;

  if (length >= 4)
    {
      memcpy (&head, text, 4);
      memcpy (&tail, text + length - 4, 4);
      return GUINT32_FROM_LE (head) | (guint64) GUINT32_FROM_LE (tail) << (8 * (length - 4));
    }
  if (length == 0)
    return 0;
  return (guint64) (guchar) text[0] | (guint64) (guchar) text[length >> 1] << (8 * (length >> 1))
         | (guint64) (guchar) text[length - 1] << (8 * (length - 1));
}

static inline guint
syn_dict_start (const SynEventBuilder *builder, const SynFieldBuilder *field, guint64 word, gsize length)
{
  return (guint) replica_hash_mix (word ^ builder->seed, G_GUINT64_CONSTANT (0xa0761d6478bd642f) + length * 2)
         & field->slot_mask;
}

static inline void
syn_event_builder_put_code (SynEventBuilder *self, guint field, guint32 code)
{
  ((guint32 *) self->fields[field].data)[self->n_events] = code;
  self->set[field >> 6] |= (guint64) 1 << (field & 63);
}

/* A text of up to 8 bytes of which the caller has the word already. */
static inline void
syn_event_builder_put_short (SynEventBuilder *self, guint index, guint64 word, const char *text, gsize length)
{
  SynFieldBuilder *field = &self->fields[index];
  guint at = syn_dict_start (self, field, word, length);
  const SynDictSlot *slot = &field->slots[at];

  while (slot->code_plus_1 != 0 && (slot->word != word || slot->length != length))
    {
      at = (at + 1) & field->slot_mask;
      slot = &field->slots[at];
    }
  syn_event_builder_put_code (self, index,
                              G_LIKELY (slot->code_plus_1 != 0)
                                  ? slot->code_plus_1 - 1
                                  : syn_event_builder_intern (self, index, text, length));
}

static inline void
syn_event_builder_put_string (SynEventBuilder *self, guint field, const char *text, gsize length)
{
  if (length <= 8)
    syn_event_builder_put_short (self, field, syn_short_text_word (text, length), text, length);
  else
    syn_event_builder_put_code (self, field, syn_event_builder_intern (self, field, text, length));
}

/* Commits; the usual event has all its fields and room for the next. */
void syn_event_builder_commit_slow (SynEventBuilder *self);

static inline void
syn_event_builder_put_event (SynEventBuilder *self)
{
  if (G_LIKELY (self->n_words == 1 && self->set[0] == self->full[0] && self->n_events + 1 < self->capacity))
    {
      self->set[0] = 0;
      self->n_events++;
    }
  else
    syn_event_builder_commit_slow (self);
}

/* As syn_event_builder_take(), but the last event stays in the builder (NULL when there was no other): who
 * paces events by their time only sees that one belongs to the next batch once it has been read. */
SynEventBatch *syn_event_builder_take_but_last (SynEventBuilder *self);

/* A committed value of the builder; FALSE: null. For int64, bool, decimal and timestamp fields. */
gboolean syn_event_builder_peek_int64 (SynEventBuilder *self, guint field, guint row, gint64 *value);

/* Drops all, committed or not. */
void syn_event_builder_reset (SynEventBuilder *self);

G_END_DECLS
