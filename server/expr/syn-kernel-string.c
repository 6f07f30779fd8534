/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Strings: the dictionary of a result, and what is made from each entry of one. Any thread, one register at a
 * time.
 *
 * The dictionary is bytes, offsets and an open-addressing table of entries: a GHashTable of strings was
 * measured at three times the cost, with an allocation an entry. */
#include "replica-hash.h"
#include "syn-program-private.h"

#include <string.h>

static void *
keep_and_grow (void *buffer, gsize *size, gsize wanted)
{
  if (wanted <= *size)
    return buffer;
  *size = MAX (wanted, *size * 2);
  return g_realloc (buffer, *size);
}

static guint32
hash_text (const char *text, gsize length)
{
  return replica_hash_finish (replica_hash_bytes (replica_hash_seed (), text, length));
}

void
syn_dict_reset (SynDict *self)
{
  self->n = 0;
  self->offsets = keep_and_grow (self->offsets, &self->offsets_size, 64 * sizeof (guint32));
  self->offsets[0] = 0;
  self->bytes = keep_and_grow (self->bytes, &self->bytes_size, 64);
  if (self->n_slots == 0)
    {
      self->n_slots = 64;
      self->slots = g_new (guint32, self->n_slots);
    }
  memset (self->slots, 0, self->n_slots * sizeof (guint32));
}

static void
place (SynDict *self, guint32 entry, guint32 hash)
{
  guint slot = hash & (self->n_slots - 1);

  while (self->slots[slot] != 0)
    slot = (slot + 1) & (self->n_slots - 1);
  self->slots[slot] = entry + 1;
}

static void
grow_slots (SynDict *self)
{
  self->n_slots *= 2;
  g_free (self->slots);
  self->slots = g_new0 (guint32, self->n_slots);
  for (guint32 k = 0; k < self->n; k++)
    place (self, k, hash_text (self->bytes + self->offsets[k], self->offsets[k + 1] - self->offsets[k] - 1));
}

/* The code of this string, new or known. */
guint32
syn_dict_intern (SynDict *self, const char *text, gsize length)
{
  guint32 hash = hash_text (text, length), code;
  gsize start = self->offsets[self->n];

  for (guint slot = hash & (self->n_slots - 1); self->slots[slot] != 0;
       slot = (slot + 1) & (self->n_slots - 1))
    {
      guint32 k = self->slots[slot] - 1;

      if (self->offsets[k + 1] - self->offsets[k] - 1 == length
          && memcmp (self->bytes + self->offsets[k], text, length) == 0)
        return k;
    }
  self->bytes = keep_and_grow (self->bytes, &self->bytes_size, start + length + 1);
  self->offsets = keep_and_grow (self->offsets, &self->offsets_size, ((gsize)self->n + 2) * sizeof (guint32));
  memcpy (self->bytes + start, text, length);
  self->bytes[start + length] = '\0';
  code = self->n++;
  self->offsets[self->n] = (guint32)(start + length + 1);
  place (self, code, hash);
  if (self->n * 2 > self->n_slots)
    grow_slots (self);
  return code;
}

void
syn_dict_clear (SynDict *self)
{
  g_free (self->offsets);
  g_free (self->bytes);
  g_free (self->slots);
}

void
syn_register_use_dict (SynRegister *self)
{
  self->column.dict_offsets = self->dict.offsets;
  self->column.dict_bytes = self->dict.bytes;
  self->column.n_dict = self->dict.n;
}

/* g_utf8_strdown() and its like ask the locale; a server must not. */
static void
change_case (GString *result, const char *text, gsize length, gboolean upper)
{
  const char *end = text + length;
  guchar all = 0;

  for (gsize i = 0; i < length; i++)
    all |= (guchar)text[i];
  if (all < 0x80)
    {
      g_string_set_size (result, length);
      for (gsize i = 0; i < length; i++)
        result->str[i] = upper ? g_ascii_toupper (text[i]) : g_ascii_tolower (text[i]);
      return;
    }
  g_string_truncate (result, 0);
  while (text < end)
    {
      gunichar c;

      if ((guchar)*text < 0x80)
        {
          g_string_append_c (result, upper ? g_ascii_toupper (*text) : g_ascii_tolower (*text));
          text++;
          continue;
        }
      c = g_utf8_get_char_validated (text, end - text);
      if (c >= 0x110000)
        {
          g_string_append_c (result, *text++);
          continue;
        }
      g_string_append_unichar (result, upper ? g_unichar_toupper (c) : g_unichar_tolower (c));
      text = g_utf8_next_char (text);
    }
}

void
syn_kernel_change_case (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  const guint32 *codes = column->data;
  guint32 *data = syn_register_data (out, (gsize)n_rows * sizeof (guint32));
  guint32 *map = syn_register_scratch (out, MAX ((gsize)column->n_dict, 1) * sizeof (guint32));
  g_autoptr (GString) changed = g_string_new (NULL);

  map[0] = 0;
  syn_dict_reset (&out->dict);
  for (guint k = 0; k < column->n_dict; k++)
    {
      change_case (changed, column->dict_bytes + column->dict_offsets[k],
                   column->dict_offsets[k + 1] - column->dict_offsets[k] - 1, step->flag);
      map[k] = syn_dict_intern (&out->dict, changed->str, changed->len);
    }
  for (guint i = 0; i < n_rows; i++)
    data[i] = map[codes[i]];
  syn_register_use_dict (out);
  syn_register_set_validity (out, column, NULL, n_rows);
}

/* In characters. */
void
syn_kernel_length (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)
{
  const ReplicaColumn *column = args[0];
  const guint32 *codes = column->data;
  gint64 *data = syn_register_data (out, (gsize)n_rows * sizeof (gint64));
  gint64 *lengths = syn_register_scratch (out, MAX ((gsize)column->n_dict, 1) * sizeof (gint64));

  lengths[0] = 0;
  for (guint k = 0; k < column->n_dict; k++)
    lengths[k] = g_utf8_strlen (column->dict_bytes + column->dict_offsets[k],
                                (gssize)(column->dict_offsets[k + 1] - column->dict_offsets[k] - 1));
  for (guint i = 0; i < n_rows; i++)
    data[i] = lengths[codes[i]];
  syn_register_set_validity (out, column, NULL, n_rows);
}
