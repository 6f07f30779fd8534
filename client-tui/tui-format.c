/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Values as a terminal shows them. Main thread. */
#include "tui-format.h"

#include <math.h>
#include <string.h>

#define SAMPLED_ROWS 512

guint
tui_format_decimals (const ReplicaColumn *column)
{
  double largest = 0;
  gboolean whole = TRUE;

  if (column->type != REPLICA_TYPE_DOUBLE)
    return 0;
  for (guint row = 0; row < MIN (column->n_rows, SAMPLED_ROWS); row++)
    if (!replica_column_is_null (column, row))
      {
        double value = fabs (replica_column_get_double (column, row));

        largest = MAX (largest, value);
        whole = whole && value == floor (value);
      }
  if (whole)
    return 0;
  return largest < 1 ? 4 : largest < 100000 ? 2 : 0;
}

const char *
tui_format_cell (const ReplicaColumn *column, guint row, guint decimals, char *buffer)
{
  gsize length;

  if (replica_column_is_null (column, row))
    return "–";
  if (column->type == REPLICA_TYPE_DOUBLE)
    {
      char format[16];

      g_snprintf (format, sizeof format, "%%.%uf", decimals);
      return g_ascii_formatd (buffer, REPLICA_TEXT_MAX, format, replica_column_get_double (column, row));
    }
  if (column->type == REPLICA_TYPE_TIMESTAMP)
    {
      const char *text = replica_column_format (column, row, buffer, &length);
      const char *time = strchr (text, 'T');

      if (time == NULL || strlen (time) < 9)
        return text;
      memmove (buffer, time + 1, 8);
      buffer[8] = '\0';
      return buffer;
    }
  return replica_column_format (column, row, buffer, &length);
}

gboolean
tui_format_is_right (const ReplicaColumn *column)
{
  return column->type == REPLICA_TYPE_INT64 || column->type == REPLICA_TYPE_DOUBLE || column->type == REPLICA_TYPE_DECIMAL;
}

char *
tui_format_age (gint64 age_us)
{
  gint64 seconds = age_us / G_USEC_PER_SEC;

  if (age_us < 0)
    return g_strdup ("–");
  if (seconds < 10)
    return g_strdup_printf ("%d.%ds", (int) seconds, (int) (age_us / 100000 % 10));
  if (seconds < 60)
    return g_strdup_printf ("%ds", (int) seconds);
  if (seconds < 3600)
    return g_strdup_printf ("%dm%02ds", (int) (seconds / 60), (int) (seconds % 60));
  return g_strdup_printf ("%dh%02dm", (int) MIN (seconds / 3600, 99999), (int) (seconds / 60 % 60));
}
