/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What can be asked of one value of a column whatever its type. Any thread; no state. Loops over whole
 * columns belong where the type is known: these are for the few values that are looked at. */

#include "replica-column.h"
#include "replica-number.h"
#include "replica-text.h"

#include <string.h>

static const char *const type_names[] = {
  [REPLICA_TYPE_BOOL] = "bool",     [REPLICA_TYPE_INT64] = "int64",
  [REPLICA_TYPE_DOUBLE] = "double", [REPLICA_TYPE_DECIMAL] = "decimal",
  [REPLICA_TYPE_STRING] = "string", [REPLICA_TYPE_TIMESTAMP] = "timestamp",
};

const char *
replica_type_to_string (ReplicaType type)
{
  if ((guint) type < G_N_ELEMENTS (type_names) && type_names[type] != NULL)
    return type_names[type];
  return "unknown";
}

guint8
replica_type_get_width (ReplicaType type)
{
  switch (type)
    {
    case REPLICA_TYPE_BOOL:
      return 1;
    case REPLICA_TYPE_STRING:
      return 4;
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_DOUBLE:
    case REPLICA_TYPE_DECIMAL:
    case REPLICA_TYPE_TIMESTAMP:
      return 8;
    }
  g_return_val_if_reached (8);
}

double
replica_column_get_double (const ReplicaColumn *column, guint row)
{
  switch (column->type)
    {
    case REPLICA_TYPE_DOUBLE:
      return ((const double *) column->data)[row];

    case REPLICA_TYPE_DECIMAL:
      if (column->width == 8)
        return (double) replica_column_get_int64 (column, row) / replica_exact_powers_of_ten[column->scale];
      return (double) replica_column_get_int128 (column, row) / replica_exact_powers_of_ten[column->scale];

    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
      return (double) replica_column_get_int64 (column, row);

    case REPLICA_TYPE_STRING:
    default:
      g_return_val_if_reached (0.0);
    }
}

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

int
replica_column_compare (const ReplicaColumn *a, guint row_a, const ReplicaColumn *b, guint row_b)
{
  gboolean null_a = replica_column_is_null (a, row_a), null_b = replica_column_is_null (b, row_b);

  if (null_a || null_b)
    return null_b - null_a;
  switch (a->type)
    {
    case REPLICA_TYPE_DOUBLE:
      {
        double value_a = ((const double *) a->data)[row_a], value_b = ((const double *) b->data)[row_b];
        return COMPARE (value_a, value_b);
      }

    case REPLICA_TYPE_STRING:
      {
        gsize length_a, length_b;
        const char *text_a = replica_column_get_string (a, row_a, &length_a);
        const char *text_b = replica_column_get_string (b, row_b, &length_b);

        return replica_compare_text (text_a, length_a, text_b, length_b);
      }

    case REPLICA_TYPE_BOOL:
    case REPLICA_TYPE_INT64:
    case REPLICA_TYPE_TIMESTAMP:
    case REPLICA_TYPE_DECIMAL:
    default:
      if (a->width == 16 || b->width == 16)
        {
          ReplicaInt128 value_a = replica_column_get_int128 (a, row_a),
                        value_b = replica_column_get_int128 (b, row_b);
          return COMPARE (value_a, value_b);
        }
      else
        {
          gint64 value_a = replica_column_get_int64 (a, row_a), value_b = replica_column_get_int64 (b, row_b);
          return COMPARE (value_a, value_b);
        }
    }
}

const char *
replica_column_format (const ReplicaColumn *column, guint row, char *buffer, gsize *length)
{
  gsize n = 0;

  if (!replica_column_is_null (column, row))
    switch (column->type)
      {
      case REPLICA_TYPE_STRING:
        return replica_column_get_string (column, row, length);

      case REPLICA_TYPE_BOOL:
        n = replica_column_get_int64 (column, row) ? 4 : 5;
        memcpy (buffer, n == 4 ? "true" : "false", n);
        break;

      case REPLICA_TYPE_INT64:
        n = replica_write_int64 (buffer, replica_column_get_int64 (column, row));
        break;

      case REPLICA_TYPE_DOUBLE:
        n = replica_write_double (buffer, ((const double *) column->data)[row]);
        break;

      case REPLICA_TYPE_DECIMAL:
        n = replica_write_decimal (buffer, replica_column_get_int128 (column, row), column->scale);
        break;

      case REPLICA_TYPE_TIMESTAMP:
        n = replica_write_timestamp (buffer, replica_column_get_int64 (column, row));
        break;

      default:
        g_return_val_if_reached ("");
      }
  buffer[n] = '\0';
  if (length != NULL)
    *length = n;
  return buffer;
}
