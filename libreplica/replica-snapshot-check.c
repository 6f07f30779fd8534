/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Checks the bytes of a snapshot, from wherever they came, before anybody looks at them: afterwards no
 * accessor can leave them, every text is UTF-8 and ends, every code has its string and every double is a
 * number. Any thread; no state.
 *
 * Linear in the size of the bytes, and most of the time is one pass over each column that the compiler
 * vectorises; checking lazily on access was rejected, since then every accessor could fail. All arithmetic on
 * offsets is in 64 bits, where nothing that 32-bit fields can say overflows. */

#include "replica-snapshot-private.h"
#include "replica-snapshot-check.h"

#include <string.h>

typedef struct
{
  const char *base;
  guint64 size_bytes;
  guint64 claimed_bytes; /* by the parts checked so far */
  const ReplicaWireSnapshot *head;
  char where[64]; /* the place an error names */
  ReplicaSnapshotFault *fault;
} Check;

G_GNUC_PRINTF (3, 4)
static gboolean
refuse (Check *check, GError **error, const char *format, ...)
{
  g_autofree char *what = NULL;
  va_list args;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "%s: %s", check->where, what);
  return FALSE;
}

gboolean
replica_text_is_utf8 (const char *text, gsize length)
{
  const guint8 *p = (const guint8 *) text, *end = p + length;

  while (p < end)
    {
      guint n;
      guint32 character;
      guint64 chunk;

      while (end - p >= 8)
        {
          memcpy (&chunk, p, 8);
          if (chunk & G_GUINT64_CONSTANT (0x8080808080808080))
            break;
          p += 8;
        }
      if (p == end)
        return TRUE;
      if (*p < 0x80)
        {
          p++;
          continue;
        }
      n = *p >= 0xf0 ? 3 : *p >= 0xe0 ? 2 : 1;
      if (*p < 0xc2 || *p > 0xf4 || (gsize) (end - p) <= n)
        return FALSE;
      character = *p & (0x3fu >> n);
      for (guint i = 1; i <= n; i++)
        {
          if ((p[i] & 0xc0) != 0x80)
            return FALSE;
          character = character << 6 | (p[i] & 0x3f);
        }
      /* Longer than need be, half of a surrogate pair, or past the last plane. */
      if (character < (n == 3   ? 0x10000u
                       : n == 2 ? 0x800u
                                : 0x80u)
          || (character >= 0xd800 && character < 0xe000) || character > 0x10ffff)
        return FALSE;
      p += n + 1;
    }
  return TRUE;
}

static gboolean
check_range (Check *check, const char *what, guint32 offset, guint64 length, GError **error)
{
  if (offset % 8 != 0)
    return refuse (check, error, "offset %u of the %s is not 8-aligned", offset, what);
  if (offset > check->size_bytes || length > check->size_bytes - offset)
    return refuse (check, error,
                   "the %s, %" G_GUINT64_FORMAT " bytes at %u, ends beyond the %" G_GUINT64_FORMAT
                   " bytes there are",
                   what, length, offset, check->size_bytes);
  /* What looks after a snapshot may write its head anew, and no part shall change with that: the journal does. */
  if (offset < sizeof *check->head && length > 0)
    return refuse (check, error, "the %s, %" G_GUINT64_FORMAT " bytes at %u, lies in the head", what, length, offset);
  /* Parts may not share bytes: a thousand columns that all point at the same megabyte would be a gigabyte of
   * work. */
  check->claimed_bytes += length;
  if (check->claimed_bytes > check->size_bytes)
    return refuse (check, error, "the %s, %" G_GUINT64_FORMAT " bytes at %u, shares bytes with another part",
                   what, length, offset);
  return TRUE;
}

static gboolean
check_text (Check *check, const char *what, guint32 offset, guint32 length, GError **error)
{
  const char *text = check->base + offset;

  if (!check_range (check, what, offset, (guint64) length + 1, error))
    return FALSE;
  if (text[length] != '\0' || memchr (text, '\0', length) != NULL)
    return refuse (check, error, "the %s does not end with its only NUL", what);
  if (!replica_text_is_utf8 (text, length))
    return refuse (check, error, "the %s is not UTF-8", what);
  return TRUE;
}

static gboolean
check_shape (Check *check, const ReplicaWireColumn *column, GError **error)
{
  gboolean is_decimal = column->type == REPLICA_TYPE_DECIMAL;

  if (column->type < REPLICA_TYPE_BOOL || column->type > REPLICA_TYPE_TIMESTAMP)
    return refuse (check, error, "unknown type %u", column->type);
  if (column->width != replica_type_get_width (column->type) && !(is_decimal && column->width == 16))
    return refuse (check, error, "%s of width %u", replica_type_to_string (column->type), column->width);
  if (column->scale > (is_decimal ? REPLICA_DECIMAL_SCALE_MAX : 0))
    return refuse (check, error, "%s of scale %u", replica_type_to_string (column->type), column->scale);
  if (column->flags & ~REPLICA_WIRE_COLUMN_KEY)
    return refuse (check, error, "unknown flags 0x%x", column->flags);
  if (column->type != REPLICA_TYPE_STRING
      && (column->n_dict | column->dict_offsets_offset | column->dict_bytes_offset) != 0)
    return refuse (check, error, "a dictionary, and not a string column");
  return TRUE;
}

/* Null rows are zero, and no bit is set past the last row. */
static gboolean
check_validity (Check *check, const ReplicaWireColumn *column, GError **error)
{
  const guint8 *validity = (const guint8 *) check->base + column->validity_offset;
  const char *data = check->base + column->data_offset;
  guint n_rows = check->head->n_rows;
  static const char zeros[16];

  for (guint byte = 0; byte < n_rows / 8 + (n_rows % 8 != 0); byte++)
    {
      if (validity[byte] == 0xff && n_rows - byte * 8 >= 8)
        continue;
      for (guint bit = 0; bit < 8; bit++)
        {
          guint64 row = (guint64) byte * 8 + bit;
          gboolean set = validity[byte] >> bit & 1;

          if (row >= n_rows && set)
            return refuse (check, error, "validity past the last row");
          if (row < n_rows && !set && memcmp (data + row * column->width, zeros, column->width) != 0)
            {
              check->fault->row = row + 1;
              return refuse (check, error, "row %" G_GUINT64_FORMAT " is null, but its data is not zero", row);
            }
        }
    }
  return TRUE;
}

static gboolean
refuse_row (Check *check, GError **error, guint row, const char *what)
{
  check->fault->row = (guint64) row + 1;
  return refuse (check, error, "%s, in row %u", what, row);
}

static gboolean
check_bools (Check *check, const guint8 *data, GError **error)
{
  guint8 seen = 0;

  for (guint row = 0; row < check->head->n_rows; row++)
    seen |= data[row];
  for (guint row = 0; seen > 1; row++)
    if (data[row] > 1)
      return refuse_row (check, error, row, "a bool that is neither 0 nor 1");
  return TRUE;
}

static gboolean
check_doubles (Check *check, const guint64 *data, GError **error)
{
  const guint64 exponent = G_GUINT64_CONSTANT (0x7ff) << 52;
  gboolean bad = FALSE;

  for (guint row = 0; row < check->head->n_rows; row++)
    bad |= (data[row] & exponent) == exponent;
  for (guint row = 0; bad; row++)
    if ((data[row] & exponent) == exponent)
      return refuse_row (check, error, row, "a double that is not a finite number");
  return TRUE;
}

static gboolean
check_strings (Check *check, const ReplicaWireColumn *column, GError **error)
{
  const guint32 *offsets = (const guint32 *) (check->base + column->dict_offsets_offset);
  const guint32 *codes = (const guint32 *) (check->base + column->data_offset);
  const char *text = check->base + column->dict_bytes_offset;
  guint32 n_dict = column->n_dict, highest = 0;
  guint64 n_bytes;

  if (!check_range (check, "dictionary's offsets", column->dict_offsets_offset, ((guint64) n_dict + 1) * 4,
                    error))
    return FALSE;
  n_bytes = offsets[n_dict];
  if (!check_range (check, "dictionary's text", column->dict_bytes_offset, n_bytes, error))
    return FALSE;
  if (offsets[0] != 0)
    return refuse (check, error, "the dictionary's text begins at %u", offsets[0]);
  for (guint32 i = 0; i < n_dict; i++)
    if (offsets[i + 1] <= offsets[i] || offsets[i + 1] > n_bytes || text[offsets[i + 1] - 1] != '\0')
      return refuse (check, error, "string %u of the dictionary does not end with NUL", i);
  /* A NUL ends each, so none can borrow from the next: all of them are UTF-8 when the whole text is. */
  if (!replica_text_is_utf8 (text, n_bytes))
    return refuse (check, error, "the dictionary is not UTF-8");
  for (guint row = 0; row < check->head->n_rows; row++)
    highest = MAX (highest, codes[row]);
  if (check->head->n_rows > 0 && highest >= n_dict)
    {
      while (codes[check->fault->row] < n_dict)
        check->fault->row++;
      check->fault->row++;
      return refuse (check, error, "code %u, and the dictionary has %u", highest, n_dict);
    }
  return TRUE;
}

static gboolean
check_column (Check *check, const ReplicaWireColumn *column, GError **error)
{
  guint64 n_rows = check->head->n_rows;
  const char *data = check->base + column->data_offset;

  if (!check_text (check, "name", column->name_offset, column->name_bytes, error))
    return FALSE;
  g_strlcpy (check->fault->column, check->base + column->name_offset, sizeof check->fault->column);
  if (!check_shape (check, column, error)
      || !check_range (check, "data", column->data_offset, n_rows * column->width, error)
      || (column->validity_offset != 0
          && (!check_range (check, "validity", column->validity_offset, (n_rows + 7) / 8, error)
              || !check_validity (check, column, error))))
    return FALSE;
  switch (column->type)
    {
    case REPLICA_TYPE_BOOL:
      return check_bools (check, (const guint8 *) data, error);
    case REPLICA_TYPE_DOUBLE:
      return check_doubles (check, (const guint64 *) data, error);
    case REPLICA_TYPE_STRING:
      return check_strings (check, column, error);
    default:
      return TRUE;
    }
}

static gboolean
check_names_differ (Check *check, const ReplicaWireColumn *columns, GError **error)
{
  g_autoptr (GHashTable) seen = NULL;
  guint n = check->head->n_columns;

  /* Comparing each with each is the faster way for the few columns that snapshots have. */
  if (n > 16)
    seen = g_hash_table_new (g_str_hash, g_str_equal);
  for (guint i = 0; i < n; i++)
    {
      char *name = (char *) check->base + columns[i].name_offset;
      gboolean twice = FALSE;

      if (seen != NULL)
        twice = !g_hash_table_add (seen, name);
      else
        for (guint k = 0; k < i; k++)
          twice |= strcmp (name, check->base + columns[k].name_offset) == 0;
      if (twice)
        return refuse (check, error, "two columns have the same name, “%s”", name);
    }
  return TRUE;
}

static gboolean
check_all (Check *check, GError **error)
{
  const ReplicaWireSnapshot *head = check->head;
  const ReplicaWireColumn *columns;
  const ReplicaWireFrontier *frontier;

  g_strlcpy (check->where, "snapshot", sizeof check->where);
  if (check->size_bytes < sizeof *head)
    return refuse (check, error, "%" G_GUINT64_FORMAT " bytes are too few for one", check->size_bytes);
  if (head->magic != REPLICA_WIRE_MAGIC)
    return refuse (check, error, "it does not begin as one");
  if (head->version != REPLICA_WIRE_VERSION)
    return refuse (check, error, "unknown version %u", head->version);
  if (head->size_bytes != check->size_bytes)
    return refuse (check, error, "it says that it has %u bytes, and has %" G_GUINT64_FORMAT, head->size_bytes,
                   check->size_bytes);
  if (head->n_columns > REPLICA_SNAPSHOT_MAX_COLUMNS)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE, "snapshot: %u columns, and the limit is %u",
                   head->n_columns, REPLICA_SNAPSHOT_MAX_COLUMNS);
      return FALSE;
    }
  /* Rows without columns would take no bytes: a stranger's number, bounded by nothing. */
  if (head->n_columns == 0 && head->n_rows != 0)
    return refuse (check, error, "%u rows without a column", head->n_rows);
  check->claimed_bytes = sizeof *head;
  if (!check_range (check, "columns", head->columns_offset, (guint64) head->n_columns * sizeof *columns,
                    error)
      || !check_range (check, "frontier", head->frontier_offset,
                       (guint64) head->n_frontier * sizeof *frontier, error)
      || !check_text (check, "path", head->path_offset, head->path_bytes, error))
    return FALSE;
  columns = (const ReplicaWireColumn *) (check->base + head->columns_offset);
  frontier = (const ReplicaWireFrontier *) (check->base + head->frontier_offset);
  for (guint i = 0; i < head->n_frontier; i++)
    if (!check_text (check, "frontier's source", frontier[i].name_offset, frontier[i].name_bytes, error))
      return FALSE;
  for (guint i = 0; i < head->n_columns; i++)
    {
      g_snprintf (check->where, sizeof check->where, "snapshot: column %u", i);
      if (!check_column (check, &columns[i], error))
        return FALSE;
    }
  g_strlcpy (check->where, "snapshot", sizeof check->where);
  check->fault->column[0] = '\0';
  return check_names_differ (check, columns, error);
}

ReplicaSnapshot *
replica_snapshot_new_from_bytes (GBytes *bytes, GError **error)
{
  ReplicaSnapshotFault fault;

  return replica_snapshot_new_checked (bytes, &fault, error);
}

ReplicaSnapshot *
replica_snapshot_new_checked (GBytes *bytes, ReplicaSnapshotFault *fault, GError **error)
{
  g_autoptr (GBytes) aligned = NULL;
  Check check = { .fault = fault };
  gsize size_bytes;

  *fault = (ReplicaSnapshotFault){ 0 };
  check.base = g_bytes_get_data (bytes, &size_bytes);
  if (size_bytes > REPLICA_SNAPSHOT_MAX_BYTES)
    {
      g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE,
                   "snapshot: %" G_GSIZE_FORMAT " bytes, and the limit is %u", size_bytes,
                   REPLICA_SNAPSHOT_MAX_BYTES);
      return NULL;
    }
  if ((guintptr) check.base % 8 != 0)
    {
      aligned = g_bytes_new (check.base, size_bytes); /* allocated memory is */
      check.base = g_bytes_get_data (aligned, NULL);
    }
  else
    {
      aligned = g_bytes_ref (bytes);
    }
  check.size_bytes = size_bytes;
  check.head = (const ReplicaWireSnapshot *) check.base;
  if (!check_all (&check, error))
    return NULL;
  return replica_snapshot_new_trusted (g_steal_pointer (&aligned));
}
