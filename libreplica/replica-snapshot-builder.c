/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* ReplicaSnapshotBuilder: lays columns out as a snapshot. The thread that owns it; no locks.
 *
 * Each column is looked at once when it is added, for what decides the layout (is any row null, do decimals
 * fit 8 bytes, which strings are used); finish() then knows every offset, allocates once and copies each
 * column once. Growing a buffer column by column was rejected: at 100,000 rows the moves cost more than the
 * looking. What comes out is what replica_snapshot_new_from_bytes() accepts, and is not checked again; the
 * columns are trusted to keep the promises of ReplicaColumn (codes within the dictionary, UTF-8), which their
 * makers checked when the events came in. */

#include "replica-snapshot-builder.h"
#include "replica-snapshot-private.h"

#include <string.h>

typedef struct
{
  ReplicaColumn column;
  guint32 *rows;         /* (nullable): of @column, to gather; owned by the builder */
  guint8 width;          /* in the snapshot */
  gboolean has_validity; /* in the snapshot: some row is null */
  gboolean has_odd;      /* doubles: some row is NaN or infinite */
  /* strings: the dictionary in the snapshot */
  guint n_dict;
  guint64 dict_size_bytes;
  guint32 *
      used; /* (owned) (nullable): codes of the column, in the order of the snapshot; %NULL: all, in theirs */
  guint32 *codes; /* (owned) (nullable): codes in the snapshot, a row each; with @used */
} Part;

typedef struct
{
  char *name; /* (owned) */
  guint64 sequence;
} Frontier;

struct _ReplicaSnapshotBuilder
{
  char *path; /* (owned) */
  ReplicaToken token;
  gint64 time_us;
  guint n_rows;
  GArray *parts;         /* (element-type Part) */
  GArray *frontier;      /* (element-type Frontier) */
  GPtrArray *gatherings; /* (element-type guint32*): copies of what add_gathered() was given */
};

static void
part_clear (Part *part)
{
  g_free (part->used);
  g_free (part->codes);
}

static void
frontier_clear (Frontier *frontier)
{
  g_free (frontier->name);
}

/**
 * replica_snapshot_builder_new:
 * @path: of the projection
 * @token: the snapshot's
 * @time_us: when it is made, by the server's clock
 * @n_rows: of every column
 *
 * Returns: (transfer full): a builder without columns
 */
ReplicaSnapshotBuilder *
replica_snapshot_builder_new (const char *path, ReplicaToken token, gint64 time_us, guint n_rows)
{
  ReplicaSnapshotBuilder *self = g_new0 (ReplicaSnapshotBuilder, 1);

  self->path = g_strdup (path);
  self->token = token;
  self->time_us = time_us;
  self->n_rows = n_rows;
  self->parts = g_array_sized_new (FALSE, FALSE, sizeof (Part), 16);
  g_array_set_clear_func (self->parts, (GDestroyNotify) part_clear);
  self->frontier = g_array_new (FALSE, FALSE, sizeof (Frontier));
  g_array_set_clear_func (self->frontier, (GDestroyNotify) frontier_clear);
  self->gatherings = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
replica_snapshot_builder_free (ReplicaSnapshotBuilder *self)
{
  g_free (self->path);
  g_array_unref (self->parts);
  g_array_unref (self->frontier);
  g_ptr_array_unref (self->gatherings);
  g_free (self);
}

/* ---- what decides the layout ---- */

static inline guint
source_row (const Part *part, guint row)
{
  return part->rows != NULL ? part->rows[row] : row;
}

static inline gboolean
is_finite_bits (guint64 bits)
{
  return (bits >> 52 & 0x7ff) != 0x7ff;
}

static gboolean
any_null (const Part *part, guint n_rows)
{
  const guint8 *validity = part->column.validity;

  if (validity == NULL)
    return FALSE;
  if (part->rows != NULL)
    {
      for (guint row = 0; row < n_rows; row++)
        if (replica_column_is_null (&part->column, part->rows[row]))
          return TRUE;
      return FALSE;
    }
  for (guint byte = 0; byte < n_rows / 8; byte++)
    if (validity[byte] != 0xff)
      return TRUE;
  for (guint row = n_rows & ~7u; row < n_rows; row++)
    if (replica_column_is_null (&part->column, row))
      return TRUE;
  return FALSE;
}

static gboolean
any_odd (const Part *part, guint n_rows)
{
  const guint64 *data = part->column.data;
  gboolean odd = FALSE;

  if (part->rows != NULL)
    for (guint row = 0; row < n_rows; row++)
      odd |= !is_finite_bits (data[part->rows[row]]);
  else
    for (guint row = 0; row < n_rows; row++)
      odd |= !is_finite_bits (data[row]);
  return odd;
}

static gboolean
all_fit_int64 (const Part *part, guint n_rows)
{
  for (guint i = 0; i < n_rows; i++)
    {
      guint row = source_row (part, i);
      ReplicaInt128 value;

      if (replica_column_is_null (&part->column, row))
        continue;
      value = replica_column_get_int128 (&part->column, row);
      if (value != (gint64) value)
        return FALSE;
    }
  return TRUE;
}

static inline guint64
dict_entry_bytes (const ReplicaColumn *column, guint32 code)
{
  return column->dict_offsets[code + 1] - column->dict_offsets[code];
}

/* Numbers the used strings in the order of their first row. @codes has their old codes, a row each, and gets
 * the new. Returns their count. */
static guint
renumber_by_table (guint32 *codes, guint n_rows, guint n_dict, guint32 *used)
{
  g_autofree guint32 *numbers = g_new0 (guint32, n_dict); /* number + 1 */
  guint n_used = 0;

  for (guint row = 0; row < n_rows; row++)
    {
      guint32 code = codes[row];

      if (numbers[code] == 0)
        {
          used[n_used++] = code;
          numbers[code] = n_used;
        }
      codes[row] = numbers[code] - 1;
    }
  return n_used;
}

/* The same where the dictionary is far larger than the rows: an on-demand query that shows ten of a million.
 */
static guint
renumber_by_hash (guint32 *codes, guint n_rows, guint32 *used)
{
  guint bits = g_bit_storage (n_rows) + 1;
  guint32 mask = (1u << bits) - 1;
  g_autofree guint32 *slots = g_new0 (guint32, (gsize) mask + 1); /* number + 1 */
  guint n_used = 0;

  for (guint row = 0; row < n_rows; row++)
    {
      guint32 code = codes[row];
      guint32 slot = (code * 2654435769u) >> (32 - bits);

      while (slots[slot] != 0 && used[slots[slot] - 1] != code)
        slot = (slot + 1) & mask;
      if (slots[slot] == 0)
        {
          used[n_used++] = code;
          slots[slot] = n_used;
        }
      codes[row] = slots[slot] - 1;
    }
  return n_used;
}

static guint
count_used (const Part *part, guint n_rows)
{
  const guint32 *codes = part->column.data;
  g_autofree guint8 *seen = g_malloc0 (part->column.n_dict);
  guint n_used = 0;

  for (guint row = 0; row < n_rows; row++)
    {
      guint from = source_row (part, row);
      guint32 code = codes[from];

      if (replica_column_is_null (&part->column, from))
        continue;
      n_used += !seen[code];
      seen[code] = 1;
    }
  return n_used;
}

static void
plan_dictionary (Part *part, guint n_rows)
{
  const ReplicaColumn *column = &part->column;
  guint64 n_dict = column->n_dict;

  if (n_dict == 0)
    {
      /* Every row is null: one empty string for their code 0 to name. */
      part->n_dict = n_rows > 0 ? 1 : 0;
      part->dict_size_bytes = part->n_dict;
      return;
    }
  if (n_rows > REPLICA_SNAPSHOT_MAX_BYTES / 4)
    return; /* finish() refuses it for its codes alone */
  if (n_dict <= (guint64) n_rows * 2 && (guint64) count_used (part, n_rows) * 2 >= n_dict)
    {
      part->n_dict = column->n_dict;
      part->dict_size_bytes = column->dict_offsets[n_dict] - column->dict_offsets[0];
      return;
    }
  part->used = g_new (guint32, MAX (n_rows, 1));
  part->codes = g_new (guint32, MAX (n_rows, 1));
  for (guint row = 0; row < n_rows; row++)
    {
      guint from = source_row (part, row);

      part->codes[row] = replica_column_is_null (column, from) ? 0 : ((const guint32 *) column->data)[from];
    }
  part->n_dict = n_dict / 8 > n_rows ? renumber_by_hash (part->codes, n_rows, part->used)
                                     : renumber_by_table (part->codes, n_rows, column->n_dict, part->used);
  for (guint i = 0; i < part->n_dict; i++)
    part->dict_size_bytes += dict_entry_bytes (column, part->used[i]);
}

static void
add_part (ReplicaSnapshotBuilder *self, const ReplicaColumn *column, guint32 *rows)
{
  Part part = { .column = *column, .rows = rows, .width = column->width };

  part.has_validity = any_null (&part, self->n_rows);
  if (!part.has_validity)
    part.column.validity = NULL;
  switch (column->type)
    {
    case REPLICA_TYPE_DOUBLE:
      part.has_odd = any_odd (&part, self->n_rows);
      part.has_validity |= part.has_odd;
      break;

    case REPLICA_TYPE_DECIMAL:
      if (column->width == 16 && all_fit_int64 (&part, self->n_rows))
        part.width = 8;
      break;

    case REPLICA_TYPE_STRING:
      plan_dictionary (&part, self->n_rows);
      break;

    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
    default:
      break;
    }
  g_array_append_val (self->parts, part);
}

/**
 * replica_snapshot_builder_add:
 * @self: a builder
 * @column: a column of as many rows as the snapshot; what it points to must live until finish
 *
 * Adds a column.
 */
void
replica_snapshot_builder_add (ReplicaSnapshotBuilder *self, const ReplicaColumn *column)
{
  g_return_if_fail (column->n_rows == self->n_rows);
  add_part (self, column, NULL);
}

/**
 * replica_snapshot_builder_add_gathered:
 * @self: a builder
 * @column: a column; what it points to must live until finish
 * @rows: as many row numbers of it as the snapshot has rows; may go at once
 *
 * Adds a column made of some rows of another one.
 */
void
replica_snapshot_builder_add_gathered (ReplicaSnapshotBuilder *self,
                                       const ReplicaColumn *column,
                                       const guint32 *rows)
{
  gsize size = (gsize) self->n_rows * sizeof *rows;
  guint32 *copy = NULL;

  /* The columns of a query are all gathered by the same rows: one copy serves them. */
  if (self->gatherings->len > 0)
    copy = g_ptr_array_index (self->gatherings, self->gatherings->len - 1);
  if (copy == NULL || (size > 0 && memcmp (copy, rows, size) != 0))
    {
      copy = g_malloc (MAX (size, 1));
      if (size > 0)
        memcpy (copy, rows, size);
      g_ptr_array_add (self->gatherings, copy);
    }
  add_part (self, column, copy);
}

/**
 * replica_snapshot_builder_add_frontier:
 * @self: a builder
 * @source: the name of a source
 * @sequence: of its last event that the snapshot includes
 */
void
replica_snapshot_builder_add_frontier (ReplicaSnapshotBuilder *self, const char *source, guint64 sequence)
{
  Frontier frontier = { g_strdup (source), sequence };

  g_array_append_val (self->frontier, frontier);
}

/* ---- the copy ---- */

static void
write_validity (const Part *part, guint n_rows, guint8 *validity)
{
  const ReplicaColumn *column = &part->column;
  const guint64 *doubles = column->data;

  if (part->rows == NULL && !part->has_odd)
    {
      memcpy (validity, column->validity, ((gsize) n_rows + 7) / 8);
      if (n_rows % 8 != 0)
        validity[n_rows / 8] &= (guint8) ((1u << n_rows % 8) - 1);
      return;
    }
  memset (validity, 0, ((gsize) n_rows + 7) / 8);
  for (guint row = 0; row < n_rows; row++)
    {
      guint from = source_row (part, row);
      gboolean valid =
          !replica_column_is_null (column, from) && (!part->has_odd || is_finite_bits (doubles[from]));

      validity[row >> 3] |= (guint8) (valid << (row & 7));
    }
}

static void
zero_null_rows (const guint8 *validity, guint n_rows, char *data, guint width)
{
  for (guint row = 0; row < n_rows; row++)
    {
      if ((row & 7) == 0 && validity[row >> 3] == 0xff)
        row += 7;
      else if (!(validity[row >> 3] & (1u << (row & 7))))
        memset (data + (gsize) row * width, 0, width);
    }
}

static void
write_data (const Part *part, guint n_rows, char *data)
{
  const ReplicaColumn *column = &part->column;

  if (part->codes != NULL)
    {
      memcpy (data, part->codes, (gsize) n_rows * 4);
    }
  else if (part->width != column->width)
    {
      for (guint row = 0; row < n_rows; row++)
        ((gint64 *) data)[row] = (gint64) replica_column_get_int128 (column, source_row (part, row));
    }
  else if (column->type == REPLICA_TYPE_BOOL)
    {
      for (guint row = 0; row < n_rows; row++)
        data[row] = ((const guint8 *) column->data)[source_row (part, row)] != 0;
    }
  else if (part->rows == NULL)
    {
      if (n_rows > 0) /* then there are data */
        memcpy (data, column->data, (gsize) n_rows * column->width);
    }
  else if (column->width == 8)
    {
      for (guint row = 0; row < n_rows; row++)
        ((guint64 *) data)[row] = ((const guint64 *) column->data)[part->rows[row]];
    }
  else if (column->width == 4)
    {
      for (guint row = 0; row < n_rows; row++)
        ((guint32 *) data)[row] = ((const guint32 *) column->data)[part->rows[row]];
    }
  else
    {
      for (guint row = 0; row < n_rows; row++)
        memcpy (data + (gsize) row * 16, (const char *) column->data + (gsize) part->rows[row] * 16, 16);
    }
}

static void
write_dictionary (const Part *part, guint32 *offsets, char *text)
{
  const ReplicaColumn *column = &part->column;
  guint32 at = 0;

  if (column->n_dict == 0)
    {
      offsets[0] = 0;
      if (part->n_dict == 1)
        {
          offsets[1] = 1;
          text[0] = '\0';
        }
    }
  else if (part->used == NULL)
    {
      guint32 first = column->dict_offsets[0];

      for (guint i = 0; i <= part->n_dict; i++)
        offsets[i] = column->dict_offsets[i] - first;
      memcpy (text, column->dict_bytes + first, offsets[part->n_dict]);
    }
  else
    {
      for (guint i = 0; i < part->n_dict; i++)
        {
          guint32 code = part->used[i];
          gsize n = dict_entry_bytes (column, code);

          offsets[i] = at;
          memcpy (text + at, column->dict_bytes + column->dict_offsets[code], n);
          at += (guint32) n;
        }
      offsets[part->n_dict] = at;
    }
}

/* Hands out the parts of the layout, 8-aligned one after the other; the bytes between them are zeroed.
 * Without @base it only counts, so that the same code that writes tells how much room it needs. */
typedef struct
{
  char *base;
  guint64 size_bytes;
} Layout;

static guint32
layout_take (Layout *layout, guint64 n_bytes)
{
  guint64 offset = layout->size_bytes;

  layout->size_bytes += (n_bytes + 7) & ~(guint64) 7;
  if (layout->base != NULL && n_bytes % 8 != 0)
    memset (layout->base + layout->size_bytes - 8, 0, 8);
  return (guint32) offset;
}

static guint32
layout_take_text (Layout *layout, const char *text, gsize n_bytes)
{
  guint32 offset = layout_take (layout, (guint64) n_bytes + 1);

  if (layout->base != NULL)
    memcpy (layout->base + offset, text, n_bytes + 1);
  return offset;
}

static void
lay_out_part (Layout *layout, const Part *part, guint n_rows, ReplicaWireColumn *wire)
{
  const ReplicaColumn *column = &part->column;
  ReplicaWireColumn result = {
    .name_bytes = (guint32) strlen (column->name),
    .type = (guint8) column->type,
    .scale = column->type == REPLICA_TYPE_DECIMAL ? column->scale : 0,
    .width = part->width,
    .flags = column->is_key ? REPLICA_WIRE_COLUMN_KEY : 0,
    .n_dict = part->n_dict,
  };

  result.name_offset = layout_take_text (layout, column->name, result.name_bytes);
  result.data_offset = layout_take (layout, (guint64) n_rows * part->width);
  if (part->has_validity)
    result.validity_offset = layout_take (layout, ((guint64) n_rows + 7) / 8);
  if (column->type == REPLICA_TYPE_STRING)
    {
      result.dict_offsets_offset = layout_take (layout, ((guint64) part->n_dict + 1) * 4);
      result.dict_bytes_offset = layout_take (layout, part->dict_size_bytes);
    }
  if (layout->base == NULL)
    return;

  *wire = result;
  write_data (part, n_rows, layout->base + result.data_offset);
  if (part->has_validity)
    {
      guint8 *validity = (guint8 *) layout->base + result.validity_offset;

      write_validity (part, n_rows, validity);
      zero_null_rows (validity, n_rows, layout->base + result.data_offset, part->width);
    }
  if (column->type == REPLICA_TYPE_STRING)
    write_dictionary (part, (guint32 *) (layout->base + result.dict_offsets_offset),
                      layout->base + result.dict_bytes_offset);
}

static void
lay_out (ReplicaSnapshotBuilder *self, Layout *layout)
{
  ReplicaWireSnapshot head = {
    .magic = REPLICA_WIRE_MAGIC,
    .version = REPLICA_WIRE_VERSION,
    .epoch = self->token.epoch,
    .serial = self->token.serial,
    .time_us = self->time_us,
    .n_rows = self->n_rows,
    .n_columns = self->parts->len,
    .n_frontier = self->frontier->len,
    .path_bytes = (guint32) strlen (self->path),
  };
  ReplicaWireColumn *columns = NULL;

  layout_take (layout, sizeof head);
  head.columns_offset = layout_take (layout, (guint64) self->parts->len * sizeof (ReplicaWireColumn));
  head.frontier_offset = layout_take (layout, (guint64) self->frontier->len * sizeof (ReplicaWireFrontier));
  head.path_offset = layout_take_text (layout, self->path, head.path_bytes);
  for (guint i = 0; i < self->frontier->len; i++)
    {
      const Frontier *frontier = &g_array_index (self->frontier, Frontier, i);
      gsize n_bytes = strlen (frontier->name);
      guint32 offset = layout_take_text (layout, frontier->name, n_bytes);

      if (layout->base != NULL)
        ((ReplicaWireFrontier *) (layout->base + head.frontier_offset))[i] =
            (ReplicaWireFrontier){ offset, (guint32) n_bytes, frontier->sequence };
    }
  if (layout->base != NULL)
    columns = (ReplicaWireColumn *) (layout->base + head.columns_offset);
  for (guint i = 0; i < self->parts->len; i++)
    lay_out_part (layout, &g_array_index (self->parts, Part, i), self->n_rows,
                  columns != NULL ? columns + i : NULL);
  if (layout->base != NULL)
    {
      head.size_bytes = (guint32) layout->size_bytes;
      memcpy (layout->base, &head, sizeof head);
    }
}

static gboolean
check_names (ReplicaSnapshotBuilder *self, GError **error)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < self->parts->len; i++)
    {
      const char *name = g_array_index (self->parts, Part, i).column.name;

      if (!replica_text_is_utf8 (name, strlen (name)))
        {
          g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "%s: the name of column %u is not UTF-8",
                       self->path, i);
          return FALSE;
        }
      if (!g_hash_table_add (seen, (char *) name))
        {
          g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID,
                       "%s: two columns have the same name, “%s”", self->path, name);
          return FALSE;
        }
    }
  return TRUE;
}

/**
 * replica_snapshot_builder_finish:
 * @self: (transfer full): a builder
 *
 * Returns: (transfer full): the snapshot, or %NULL with %REPLICA_ERROR_TOO_LARGE, or %REPLICA_ERROR_INVALID
 * when columns share a name, a text is not UTF-8, or there are rows and no column
 */
ReplicaSnapshot *
replica_snapshot_builder_finish (ReplicaSnapshotBuilder *self, GError **error)
{
  G_GNUC_UNUSED g_autoptr (ReplicaSnapshotBuilder) owned = self;
  Layout layout = { 0 };

  if (!replica_text_is_utf8 (self->path, strlen (self->path)))
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "a projection's path is not UTF-8");
      return NULL;
    }
  if (self->parts->len > REPLICA_SNAPSHOT_MAX_COLUMNS)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE, "%s: %u columns, and the limit is %u",
                   self->path, self->parts->len, REPLICA_SNAPSHOT_MAX_COLUMNS);
      return NULL;
    }
  if (self->parts->len == 0 && self->n_rows > 0)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "%s: %u rows without a column", self->path,
                   self->n_rows);
      return NULL;
    }
  if (!check_names (self, error))
    return NULL;

  lay_out (self, &layout);
  if (layout.size_bytes > REPLICA_SNAPSHOT_MAX_BYTES)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE,
                   "%s: a snapshot of %" G_GUINT64_FORMAT " bytes, and the limit is %u", self->path,
                   layout.size_bytes, REPLICA_SNAPSHOT_MAX_BYTES);
      return NULL;
    }
  layout.base = g_malloc (layout.size_bytes);
  layout.size_bytes = 0;
  lay_out (self, &layout);
  return replica_snapshot_new_trusted (g_bytes_new_take (layout.base, layout.size_bytes));
}
