/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Copy on write by rows, for checkpoints. A turn copies the next slice of rows; a batch that comes in between first has the rows that it is about to
 * change copied, if the slices have not got there yet. So each turn pays for a slice, or for the rows that it touches anyway, whatever the size of the
 * projection. On the projection's lane until complete.
 *
 * Rejected: all at once (a turn of 30 ms at a million rows of eight columns); sharing whole columns until they are written to (the first
 * batch writes to all of them); blocks of rows (a batch of a few thousand keys touches every block, so the first batch pays for all);
 * keeping batches back while the slices are made (then publishers wait for checkpoints); copying those rows to their places at once (the first batch then touches every page of
 * memory that is new: 45 ms at a million rows): they are kept in order of arrival, and put in place by who saves. What it costs: the memory of a second table
 * while it lasts, and text that no row uses any more is dropped only afterwards. */
#define G_LOG_DOMAIN "synoptic-projection"
#include "syn-rows-copy.h"
#include "syn-bits.h"
#include "syn-error.h"

#define MIN_SLICE_ROWS 64u
#define MAX_SLICE_ROWS 65536u

/* Rows that were copied, one behind the other, before the slices came to them. */
typedef struct {
  guint n;
  guint32 *rows;             /* (owned): which they are */
  SynKeyTable *keys;         /* (owned) */
  SynAggregate **aggregates; /* (owned) */
} Part;

struct _SynRowsCopy {
  SynRows *rows;             /* (nullable): until complete */
  guint n_rows;
  guint n_aggregates;
  gsize row_bytes;           /* about */
  SynKeyTable *keys;         /* (owned) */
  SynAggregate **aggregates; /* (owned) */
  GArray *parts;             /* (owned): of Part; until they are in place */
  guint cursor;              /* rows below are copied */
  guint8 *touched;           /* (owned): bits: rows copied before the cursor got there */
  guint32 *list;             /* (owned) */
  guint list_capacity;
};

SynRowsCopy *
syn_rows_copy_new (SynRows *rows)
{
  SynRowsCopy *self = g_new0 (SynRowsCopy, 1);

  g_return_val_if_fail (rows->copy == NULL, NULL);
  self->rows = rows;
  self->n_rows = syn_rows_get_n (rows);
  self->n_aggregates = rows->spec->n_aggregates;
  self->keys = syn_key_table_new_copy (rows->keys, self->n_rows);
  self->parts = g_array_new (FALSE, FALSE, sizeof (Part));
  self->row_bytes = syn_key_table_get_row_bytes (rows->keys);
  self->aggregates = g_new0 (SynAggregate *, MAX (self->n_aggregates, 1));
  for (guint i = 0; i < self->n_aggregates; i++)
    {
      syn_aggregate_reserve (rows->aggregates[i], MAX (self->n_rows, 1));
      self->aggregates[i] = syn_aggregate_new_copy (rows->aggregates[i], self->n_rows);
      self->row_bytes += syn_aggregate_get_bytes (rows->aggregates[i]) / MAX (self->n_rows, 16);
    }
  self->touched = g_malloc0 (syn_bits_size (self->n_rows) + 1);
  rows->copy = self;
  return self;
}

static void
free_aggregates (SynRowsCopy *self, SynAggregate **aggregates)
{
  for (guint i = 0; i < self->n_aggregates; i++)
    syn_aggregate_free (aggregates[i]);
  g_free (aggregates);
}

static void
free_parts (SynRowsCopy *self)
{
  for (guint i = 0; i < self->parts->len; i++)
    {
      Part *part = &g_array_index (self->parts, Part, i);

      syn_key_table_free (part->keys);
      free_aggregates (self, part->aggregates);
      g_free (part->rows);
    }
  g_array_set_size (self->parts, 0);
}

void
syn_rows_copy_free (SynRowsCopy *self)
{
  if (self->rows != NULL)
    self->rows->copy = NULL;
  free_parts (self);
  g_array_unref (self->parts);
  syn_key_table_free (self->keys);
  free_aggregates (self, self->aggregates);
  g_free (self->touched);
  g_free (self->list);
  g_free (self);
}

guint
syn_rows_copy_get_n (const SynRowsCopy *self)
{
  return self->n_rows;
}

static guint32 *
make_list (SynRowsCopy *self, guint n)
{
  if (self->list_capacity < n)
    {
      g_free (self->list);
      self->list = g_new (guint32, n);
      self->list_capacity = n;
    }
  return self->list;
}

/* The rows of the list, as a part. */
static void
add_part (SynRowsCopy *self, guint n)
{
  Part part = {
    .n = n,
    .rows = g_memdup2 (self->list, n * sizeof *self->list),
    .keys = syn_key_table_new_copy (self->rows->keys, n),
    .aggregates = g_new0 (SynAggregate *, MAX (self->n_aggregates, 1)),
  };

  syn_key_table_copy_rows (part.keys, NULL, self->rows->keys, part.rows, n);
  for (guint i = 0; i < self->n_aggregates; i++)
    {
      part.aggregates[i] = syn_aggregate_new_copy (self->rows->aggregates[i], n);
      syn_aggregate_copy_rows (part.aggregates[i], NULL, self->rows->aggregates[i], part.rows, n);
    }
  g_array_append_val (self->parts, part);
}

void
syn_rows_copy_touch (SynRowsCopy *self, const guint32 *rows, guint n)
{
  guint32 *list = make_list (self, n);
  guint n_list = 0;

  for (guint i = 0; i < n; i++)
    if (rows[i] >= self->cursor && rows[i] < self->n_rows && !syn_bit_get (self->touched, rows[i]))
      {
        syn_bit_set (self->touched, rows[i]);
        list[n_list++] = rows[i];
      }
  if (n_list > 0)
    add_part (self, n_list);
}

static void
put_in_place (SynRowsCopy *self)
{
  for (guint i = 0; i < self->parts->len; i++)
    {
      Part *part = &g_array_index (self->parts, Part, i);

      syn_key_table_copy_rows (self->keys, part->rows, part->keys, NULL, part->n);
      for (guint j = 0; j < self->n_aggregates; j++)
        syn_aggregate_take_rows (self->aggregates[j], part->rows, part->aggregates[j], part->n);
    }
  free_parts (self);
}

static void
copy_slice (SynRowsCopy *self, gsize max_bytes)
{
  gsize n = CLAMP (max_bytes / MAX (self->row_bytes, 1), MIN_SLICE_ROWS, MAX_SLICE_ROWS);
  guint end = self->cursor + (guint) MIN (n, self->n_rows - self->cursor);
  guint32 *list = make_list (self, end - self->cursor);
  guint n_list = 0;

  for (guint row = self->cursor; row < end; row++)
    if (!syn_bit_get (self->touched, row))
      list[n_list++] = row;
  if (n_list > 0)
    {
      syn_key_table_copy_rows (self->keys, list, self->rows->keys, list, n_list);
      for (guint i = 0; i < self->n_aggregates; i++)
        syn_aggregate_copy_rows (self->aggregates[i], list, self->rows->aggregates[i], list, n_list);
    }
  self->cursor = end;
}

gboolean
syn_rows_copy_step (SynRowsCopy *self, gsize max_bytes)
{
  gsize budget = max_bytes;

  if (self->rows == NULL)
    return TRUE;
  if (self->cursor < self->n_rows)
    {
      copy_slice (self, max_bytes);
      return FALSE;
    }
  if (!syn_key_table_copy_text (self->keys, self->rows->keys, &budget))
    return FALSE;
  for (guint i = 0; i < self->n_aggregates; i++)
    if (!syn_aggregate_copy_text (self->aggregates[i], self->rows->aggregates[i], &budget))
      return FALSE;
  self->rows->copy = NULL;
  self->rows = NULL;
  return TRUE;
}

/* ---- bytes: keys, then each aggregate, each behind its length ---- */

gboolean
syn_rows_can_save (const SynRows *self)
{
  for (guint i = 0; i < self->spec->n_aggregates; i++)
    if (!syn_aggregate_can_save (self->aggregates[i]))
      return FALSE;
  return TRUE;
}

gsize
syn_rows_copy_get_saved_size (const SynRowsCopy *self)
{
  gsize size = sizeof (guint64) + syn_key_table_get_saved_size (self->keys);

  for (guint i = 0; i < self->n_aggregates; i++)
    size += sizeof (guint64) + syn_aggregate_get_saved_size (self->aggregates[i], self->n_rows);
  return size;
}

static guint
begin_section (GByteArray *out)
{
  static const guint64 unknown = 0;

  g_byte_array_append (out, (const guint8 *) &unknown, sizeof unknown);
  return out->len;
}

static void
end_section (GByteArray *out, guint start)
{
  guint64 length = out->len - start;

  memcpy (out->data + start - sizeof length, &length, sizeof length);
}

gboolean
syn_rows_copy_save (SynRowsCopy *self, GByteArray *out, GError **error)
{
  guint start;

  g_return_val_if_fail (self->rows == NULL, FALSE);
  put_in_place (self);
  if (out->len + syn_rows_copy_get_saved_size (self) > G_MAXINT32)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "a state of %" G_GSIZE_FORMAT " bytes: at most 2 GiB can be saved",
                   syn_rows_copy_get_saved_size (self));
      return FALSE;
    }
  start = begin_section (out);
  syn_key_table_save (self->keys, out);
  end_section (out, start);
  for (guint i = 0; i < self->n_aggregates; i++)
    {
      start = begin_section (out);
      if (!syn_aggregate_save (self->aggregates[i], self->n_rows, out, error))
        return FALSE;
      end_section (out, start);
    }
  return TRUE;
}

static gboolean
next_section (const guint8 **at, const guint8 *end, const guint8 **data, gsize *length, GError **error)
{
  guint64 found;

  if ((gsize) (end - *at) >= sizeof found)
    {
      memcpy (&found, *at, sizeof found);
      *at += sizeof found;
      if (found <= (gsize) (end - *at))
        {
          *data = *at;
          *length = found;
          *at += found;
          return TRUE;
        }
    }
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the saved rows are cut short");
  return FALSE;
}

gboolean
syn_rows_load (SynRows *self, const guint8 *data, gsize length, GError **error)
{
  const guint8 *at = data, *end = data + length, *section;
  gsize section_length;
  guint n_rows;

  if (!next_section (&at, end, &section, &section_length, error) || !syn_key_table_load (self->keys, section, section_length, error))
    return FALSE;
  for (guint i = 0; i < self->spec->n_aggregates; i++)
    {
      if (!next_section (&at, end, &section, &section_length, error)
          || !syn_aggregate_load (self->aggregates[i], section, section_length, &n_rows, error))
        return FALSE;
      if (n_rows != syn_rows_get_n (self))
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the saved rows: an aggregate has %u, the keys %u", n_rows, syn_rows_get_n (self));
          return FALSE;
        }
    }
  if (at != end)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the saved rows: there is more than they say");
      return FALSE;
    }
  return TRUE;
}
