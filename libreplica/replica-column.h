/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-macros.h"

G_BEGIN_DECLS

/**
 * ReplicaType:
 * @REPLICA_TYPE_BOOL: one byte a row, 0 or 1
 * @REPLICA_TYPE_INT64: signed 64 bits
 * @REPLICA_TYPE_DOUBLE: IEEE 754 binary64; never NaN or infinite in a snapshot (those become null)
 * @REPLICA_TYPE_DECIMAL: exact: an integer divided by 10^scale; the integer has 64 bits, or 128 where a
 *   value of the column needs them
 * @REPLICA_TYPE_STRING: UTF-8, dictionary-coded: one 32-bit code a row into the column's dictionary
 * @REPLICA_TYPE_TIMESTAMP: signed 64 bits, microseconds since 1970-01-01T00:00:00Z
 *
 * The type of a column. The numbers are those of the wire.
 */
typedef enum {
  REPLICA_TYPE_BOOL = 1,
  REPLICA_TYPE_INT64 = 2,
  REPLICA_TYPE_DOUBLE = 3,
  REPLICA_TYPE_DECIMAL = 4,
  REPLICA_TYPE_STRING = 5,
  REPLICA_TYPE_TIMESTAMP = 6,
} ReplicaType;

#define REPLICA_DECIMAL_SCALE_MAX 18
/* Enough for any value but a string, with its NUL. */
#define REPLICA_TEXT_MAX 384

#ifndef __GI_SCANNER__ /* other languages have no 128 bits: they read decimals as text */
typedef __int128 ReplicaInt128;
#endif

/**
 * ReplicaColumn:
 * @name: NUL-terminated
 * @type: of every value
 * @scale: decimals only: digits after the point, 0 to %REPLICA_DECIMAL_SCALE_MAX
 * @width: bytes of one value in @data: 1 bool, 8 int64, double, timestamp; 8 or 16 decimal; 4 string
 * @is_key: part of the row's key
 * @n_rows: values in @data
 * @data: (not nullable): the values, aligned to 8 bytes (16-byte decimals are only 8-aligned: read them with
 *   replica_column_get_int128())
 * @validity: (nullable): bit `row % 8` of byte `row / 8` is set where there is a value; %NULL: no nulls.
 *   The data of a null row is zero.
 * @dict_offsets: strings: @n_dict + 1 offsets into @dict_bytes; string k is the bytes from offset k up to
 *   offset k+1 less 1, where a NUL stands
 * @dict_bytes: strings: the text
 * @n_dict: strings: entries of the dictionary
 *
 * One column of values: the common form of event batches, of the vectors that expressions work on, and of
 * snapshots. It owns nothing: the batch or snapshot it belongs to owns the memory. Immutable once shared.
 */
typedef struct {
  const char *name;
  ReplicaType type;
  guint8 scale;
  guint8 width;
  gboolean is_key;
  guint n_rows;
  const void *data;
  const guint8 *validity;
  const guint32 *dict_offsets;
  const char *dict_bytes;
  guint n_dict;
} ReplicaColumn;

REPLICA_PUBLIC const char *replica_type_to_string (ReplicaType type); /* "bool", "int64", "decimal", … */
/* Bytes of one value in a column's data; of a decimal, 8: the width of those that fit. */
REPLICA_PUBLIC guint8 replica_type_get_width (ReplicaType type);

static inline gboolean
replica_column_is_null (const ReplicaColumn *column, guint row)
{
  return column->validity != NULL && !(column->validity[row >> 3] & (1u << (row & 7)));
}

/* bool, int64, timestamp, and decimals of width 8 (unscaled) */
static inline gint64
replica_column_get_int64 (const ReplicaColumn *column, guint row)
{
  return column->width == 1 ? ((const guint8 *) column->data)[row] : ((const gint64 *) column->data)[row];
}

#ifndef __GI_SCANNER__
/* Any integer type or decimal, unscaled. */
static inline ReplicaInt128
replica_column_get_int128 (const ReplicaColumn *column, guint row)
{
  if (column->width == 16)
    {
      ReplicaInt128 value;
      __builtin_memcpy (&value, (const char *) column->data + (gsize) row * 16, sizeof value);
      return value;
    }
  return replica_column_get_int64 (column, row);
}
#endif

/* The string of a row, NUL-terminated; @length (nullable) receives its bytes. Not for null rows. */
static inline const char *
replica_column_get_string (const ReplicaColumn *column, guint row, gsize *length)
{
  guint32 code = ((const guint32 *) column->data)[row];

  if (length != NULL)
    *length = column->dict_offsets[code + 1] - column->dict_offsets[code] - 1;
  return column->dict_bytes + column->dict_offsets[code];
}

/**
 * replica_column_get_double:
 * @column: a column of any type but string
 * @row: below n_rows, not null
 *
 * Returns: the value as a double: decimals divided by their scale (inexact), timestamps in microseconds
 */
REPLICA_PUBLIC double replica_column_get_double (const ReplicaColumn *column, guint row);

/**
 * replica_column_compare:
 * @a: a column
 * @row_a: a row of it
 * @b: a column of the same type (and scale)
 * @row_b: a row of it
 *
 * Orders two values: numbers by value, strings by bytes (memcmp), false before true, null before everything.
 *
 * Returns: below, equal to or above 0
 */
REPLICA_PUBLIC int replica_column_compare (const ReplicaColumn *a, guint row_a, const ReplicaColumn *b, guint row_b);

/**
 * replica_column_format:
 * @column: a column
 * @row: below n_rows
 * @buffer: (out caller-allocates): at least %REPLICA_TEXT_MAX bytes; not used for strings
 * @length: (out): bytes of the result
 *
 * The value as text with every digit: decimals with exactly their scale's digits, doubles in the shortest
 * form that reads back the same, timestamps as RFC 3339 with `Z` (fraction only when there is one: 3 or 6
 * digits), booleans `true` and `false`, null as the empty string.
 *
 * Returns: (transfer none): NUL-terminated; @buffer, or the column's own string
 */
REPLICA_PUBLIC const char *replica_column_format (const ReplicaColumn *column, guint row, char *buffer, gsize *length);

G_END_DECLS
