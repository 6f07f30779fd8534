/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Keys as bytes, for checkpoints, and the copy that they are made from. What is read back may be damaged, though a checkpoint has a checksum: every
 * length is held against what is there before anything is allocated, and every value against what a batch could have brought. Hashes are not
 * saved: they are seeded by process.
 *
 * A copy and what saves it may run on different threads, one after the other; loading on that of the owner. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <math.h>
#include "syn-key-table-private.h"
#include "replica-hash.h"
#include "syn-bits.h"
#include "syn-error.h"
#include "syn-padded.h"

typedef struct {
  guint64 n_rows;
  guint64 n_columns;
} Head;

typedef struct {
  guint64 type; /* and the scale above 8 bits */
  guint64 n_strings;
  guint64 string_bytes;
} ColumnHead;

static guint64
pack_type (const SynKeyColumn *column)
{
  return (guint64) column->type | (guint64) column->scale << 8;
}

/* ---- copies ---- */

SynKeyTable *
syn_key_table_new_copy (const SynKeyTable *from, guint n_rows)
{
  SynKeyTable *self = g_new0 (SynKeyTable, 1);

  self->n_columns = from->n_columns;
  self->windowed = from->windowed;
  self->n_rows = self->capacity = n_rows;
  self->columns = g_new0 (SynKeyColumn, MAX (self->n_columns, 1));
  for (guint i = 0; i < self->n_columns; i++)
    {
      SynKeyColumn *column = &self->columns[i];

      column->type = from->columns[i].type;
      column->scale = from->columns[i].scale;
      column->width = from->columns[i].width;
      /* Not zeroed: that would touch all of it at once, and each row is written before anybody reads. */
      column->data = g_malloc ((gsize) self->n_rows * column->width);
      column->validity = g_malloc0 (syn_bits_size (self->n_rows));
      if (from->columns[i].pool != NULL)
        {
          column->pool = syn_string_pool_new (G_MAXSIZE);
          column->n_copied_strings = syn_string_pool_get_length (from->columns[i].pool);
        }
    }
  return self;
}

void
syn_key_table_copy_rows (SynKeyTable *self, const guint32 *to_rows, const SynKeyTable *from, const guint32 *from_rows, guint n)
{
  for (guint i = 0; i < self->n_columns; i++)
    {
      SynKeyColumn *to = &self->columns[i];

      syn_copy_elements (to->data, to_rows, from->columns[i].data, from_rows, to->width, n);
      syn_copy_bits (to->validity, to_rows, from->columns[i].validity, from_rows, n);
    }
}

gboolean
syn_key_table_copy_text (SynKeyTable *self, const SynKeyTable *from, gsize *budget)
{
  for (guint i = 0; i < self->n_columns; i++)
    if (self->columns[i].pool != NULL
        && (*budget == 0 || !syn_string_pool_copy_some (self->columns[i].pool, from->columns[i].pool, self->columns[i].n_copied_strings, budget)))
      return FALSE;
  return TRUE;
}

gsize
syn_key_table_get_row_bytes (const SynKeyTable *self)
{
  gsize bytes = 0;

  for (guint i = 0; i < self->n_columns; i++)
    bytes += self->columns[i].width + 1;
  return bytes;
}

/* ---- save ---- */

gsize
syn_key_table_get_saved_size (const SynKeyTable *self)
{
  gsize size = sizeof (Head);

  for (guint i = 0; i < self->n_columns; i++)
    {
      const SynKeyColumn *column = &self->columns[i];

      size += sizeof (ColumnHead) + syn_padded ((gsize) self->n_rows * column->width) + syn_padded (syn_bits_size (self->n_rows));
      if (column->pool != NULL)
        size += syn_string_pool_get_saved_size (column->pool);
    }
  return size;
}

void
syn_key_table_save (const SynKeyTable *self, GByteArray *out)
{
  const Head head = { self->n_rows, self->n_columns };

  g_byte_array_append (out, (const guint8 *) &head, sizeof head);
  for (guint i = 0; i < self->n_columns; i++)
    {
      const SynKeyColumn *column = &self->columns[i];
      ColumnHead column_head = { pack_type (column), 0, 0 };

      if (column->pool != NULL)
        {
          column_head.n_strings = syn_string_pool_get_length (column->pool);
          column_head.string_bytes = syn_string_pool_get_bytes (column->pool);
        }
      g_byte_array_append (out, (const guint8 *) &column_head, sizeof column_head);
      syn_append_padded (out, column->data, (gsize) self->n_rows * column->width);
      syn_append_padded (out, column->validity, syn_bits_size (self->n_rows));
      if (column->pool != NULL)
        syn_string_pool_save (column->pool, out);
    }
}

/* ---- load ---- */

static gboolean
fail (GError **error, const char *what)
{
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the saved keys: %s", what);
  return FALSE;
}

/* Room for @n_rows and one more, all zero. */
static void
make_room (SynKeyTable *self, guint n_rows)
{
  guint capacity = self->capacity;

  while (capacity <= n_rows)
    capacity *= 2;
  for (guint i = 0; i < self->n_columns; i++)
    {
      SynKeyColumn *column = &self->columns[i];

      g_free (column->data);
      g_free (column->validity);
      column->data = g_malloc0 ((gsize) capacity * column->width);
      column->validity = g_malloc0 (syn_bits_size (capacity));
    }
  g_free (self->hashes);
  self->hashes = g_new0 (guint32, capacity);
  self->capacity = capacity;
}

/* Whether @value is one that a batch could have brought. */
static gboolean
is_value (const SynKeyColumn *column, guint row)
{
  double number;

  switch (column->type)
    {
    case REPLICA_TYPE_BOOL:
      return column->data[row] <= 1;
    case REPLICA_TYPE_STRING:
      return ((const guint32 *) column->data)[row] < syn_string_pool_get_length (column->pool);
    case REPLICA_TYPE_DOUBLE:
      number = ((const double *) column->data)[row];
      return isfinite (number) && !(number == 0 && signbit (number));
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_DECIMAL:
    case REPLICA_TYPE_TIMESTAMP:
      break;
    }
  return TRUE;
}

static const char *
load_column (SynKeyColumn *column, guint n_rows, const guint8 **at, const guint8 *end)
{
  gsize data_size = (gsize) n_rows * column->width, bits_size = syn_bits_size (n_rows);
  ColumnHead head;

  memcpy (&head, *at, sizeof head);
  *at += sizeof head + syn_padded (data_size) + syn_padded (bits_size);
  memcpy (column->data, *at - syn_padded (bits_size) - syn_padded (data_size), data_size);
  memcpy (column->validity, *at - syn_padded (bits_size), bits_size);
  if (n_rows % 8 != 0)
    column->validity[n_rows / 8] &= (guint8) ((1u << n_rows % 8) - 1);
  if (column->pool != NULL)
    {
      gsize rest = (gsize) (end - *at);

      if (head.string_bytes > rest || head.n_strings > head.string_bytes
          || syn_padded (head.string_bytes) + syn_padded (head.n_strings * sizeof (guint32)) > rest)
        return "they are cut short";
      if (!syn_string_pool_load (column->pool, head.n_strings, head.string_bytes, *at))
        return "their text is damaged";
      *at += syn_string_pool_get_saved_size (column->pool);
    }
  column->n_nulls = 0;
  for (guint row = 0; row < n_rows; row++)
    if (!syn_bit_get (column->validity, row))
      {
        column->n_nulls++;
        memset (column->data + (gsize) row * column->width, 0, column->width);
      }
    else if (!is_value (column, row))
      return "a value is damaged";
  return NULL;
}

static guint64
stored_word (const SynKeyColumn *column, guint row)
{
  if (column->type == REPLICA_TYPE_STRING)
    return syn_string_pool_get_hash (column->pool, ((const guint32 *) column->data)[row]);
  return column->width == 1 ? column->data[row] : ((const guint64 *) column->data)[row];
}

/* As a key of a batch is hashed. */
static guint32
hash_row (const SynKeyTable *self, guint row)
{
  guint64 hash = replica_hash_seed ();

  for (guint i = 0; i < self->n_columns; i++)
    hash = replica_hash_word (hash, syn_bit_get (self->columns[i].validity, row) ? stored_word (&self->columns[i], row) : SYN_NULL_WORD);
  return replica_hash_finish (hash);
}

static gboolean
are_equal (const SynKeyTable *self, guint a, guint b)
{
  for (guint i = 0; i < self->n_columns; i++)
    {
      const SynKeyColumn *column = &self->columns[i];

      if (syn_bit_get (column->validity, a) != syn_bit_get (column->validity, b)
          || memcmp (column->data + (gsize) a * column->width, column->data + (gsize) b * column->width, column->width) != 0)
        return FALSE;
    }
  return TRUE;
}

/* FALSE: two rows have one key. */
static gboolean
index_rows (SynKeyTable *self)
{
  g_free (self->slots);
  self->mask = self->capacity * 2 - 1;
  self->slots = g_new0 (guint32, (gsize) self->mask + 1);
  for (guint row = 0; row < self->n_rows; row++)
    {
      guint32 at;

      self->hashes[row] = hash_row (self, row);
      for (at = self->hashes[row] & self->mask; self->slots[at] != 0; at = (at + 1) & self->mask)
        if (self->hashes[self->slots[at] - 1] == self->hashes[row] && are_equal (self, self->slots[at] - 1, row))
          return FALSE;
      self->slots[at] = row + 1;
    }
  return TRUE;
}

gboolean
syn_key_table_load (SynKeyTable *self, const guint8 *data, gsize length, GError **error)
{
  const guint8 *at = data, *end = data + length;
  Head head;

  g_return_val_if_fail (self->n_rows == 0, FALSE);
  if (length < sizeof head)
    return fail (error, "they are cut short");
  memcpy (&head, at, sizeof head);
  at += sizeof head;
  if (head.n_columns != self->n_columns)
    return fail (error, "they have other columns");
  if (head.n_rows > self->max_rows)
    return fail (error, "there are more rows than a projection may have");
  /* Without key columns there is one row at most, which has no bytes. */
  if (self->n_columns == 0 && head.n_rows > 1)
    return fail (error, "there are several rows without a key");
  for (guint i = 0; i < self->n_columns; i++)
    {
      SynKeyColumn *column = &self->columns[i];
      gsize needed = sizeof (ColumnHead) + syn_padded ((gsize) head.n_rows * column->width) + syn_padded (syn_bits_size ((guint) head.n_rows));
      const char *fault;
      ColumnHead column_head;

      if (needed > (gsize) (end - at))
        return fail (error, "they are cut short");
      memcpy (&column_head, at, sizeof column_head);
      if (column_head.type != pack_type (column) || (column->pool == NULL && (column_head.n_strings > 0 || column_head.string_bytes > 0)))
        return fail (error, "a column is of another type");
      if (i == 0)
        make_room (self, (guint) head.n_rows);
      fault = load_column (column, (guint) head.n_rows, &at, end);
      if (fault != NULL)
        return fail (error, fault);
    }
  if (at != end)
    return fail (error, "there is more than they say");
  if (self->windowed && self->columns[self->n_columns - 1].n_nulls > 0)
    return fail (error, "a window has no start");
  self->n_rows = (guint) head.n_rows;
  if (!index_rows (self))
    return fail (error, "two rows have one key");
  return TRUE;
}
