/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The time of an event in a file, for replaying at the pace at which it happened. Pure functions. Only as
 * strict as pacing needs: what is wrong with an event itself, the server says. */

#include <math.h>
#include <string.h>

#include "ctl.h"

static gboolean
time_of_number (double number, gint64 *time_us)
{
  double size = fabs (number);

  /* Between 1973 and 5138, each unit has a range of its own. */
  if (size < 1e11)
    number *= 1e6;
  else if (size < 1e14)
    number *= 1e3;
  else if (size >= 1e17)
    number /= 1e3;
  if (!(fabs (number) < 9e18))
    return FALSE;
  *time_us = llround (number);
  return TRUE;
}

static gboolean
time_of_text (const char *text, gint64 *time_us)
{
  g_autoptr (GTimeZone) utc = g_time_zone_new_utc ();
  g_autoptr (GDateTime) time = g_date_time_new_from_iso8601 (text, utc);
  double number;
  char *end;

  if (time != NULL)
    {
      *time_us = g_date_time_to_unix (time) * G_USEC_PER_SEC + g_date_time_get_microsecond (time);
      return TRUE;
    }
  number = g_ascii_strtod (text, &end);
  return end != text && *end == '\0' && time_of_number (number, time_us);
}

/* The field at an index of a CSV record, unquoted; NULL: the record has fewer. */
static char *
csv_field (const char *record, gsize length, guint index)
{
  const char *p = record, *end = record + length;

  while (end > p && (end[-1] == '\n' || end[-1] == '\r'))
    end--;
  for (guint i = 0;; i++)
    {
      g_autoptr (GString) field = g_string_new (NULL);

      if (p < end && *p == '"')
        {
          for (p++; p < end; p++)
            {
              if (*p == '"' && !(p + 1 < end && p[1] == '"'))
                break;
              if (*p == '"')
                p++;
              g_string_append_c (field, *p);
            }
          while (p < end && *p != ',')
            p++;
        }
      else
        {
          for (; p < end && *p != ','; p++)
            g_string_append_c (field, *p);
        }
      if (i == index)
        return g_string_free (g_steal_pointer (&field), FALSE);
      if (p >= end)
        return NULL;
      p++;
    }
}

static int
csv_find (const char *header, const char *name)
{
  g_autofree char *field = NULL;

  if (g_str_has_prefix (header, "\xef\xbb\xbf"))
    header += 3;
  for (guint i = 0;; i++)
    {
      g_free (field);
      field = csv_field (header, strlen (header), i);
      if (field == NULL)
        return -1;
      if (strcmp (field, name) == 0)
        return (int) i;
    }
}

static gboolean
json_time (const char *record, gsize length, const char *name, gint64 *time_us)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonNode *node;

  if (!g_utf8_validate_len (record, length, NULL)
      || !json_parser_load_from_data (parser, record, (gssize) length, NULL))
    return FALSE;
  node = json_parser_get_root (parser);
  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return FALSE;
  node = json_object_get_member (json_node_get_object (node), name);
  if (node == NULL || !JSON_NODE_HOLDS_VALUE (node))
    return FALSE;
  if (json_node_get_value_type (node) == G_TYPE_STRING)
    return time_of_text (json_node_get_string (node), time_us);
  if (json_node_get_value_type (node) == G_TYPE_BOOLEAN)
    return FALSE;
  return time_of_number (json_node_get_double (node), time_us);
}

gboolean
ctl_pace_find_column (const char *header, const char *field, int *column, GError **error)
{
  *column = csv_find (header, field);
  if (*column < 0)
    g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "the header has no column \"%s\"", field);
  return *column >= 0;
}

gboolean
ctl_pace_read_time (
    const char *record, gsize length, int column, const char *field, gint64 *time_us, GError **error)
{
  gboolean read;

  if (column >= 0)
    {
      g_autofree char *text = csv_field (record, length, (guint) column);

      read = text != NULL && time_of_text (text, time_us);
    }
  else
    {
      read = json_time (record, length, field, time_us);
    }
  if (!read)
    g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_INVALID, "field \"%s\": expected a time to replay by",
                 field);
  return read;
}

gint64
ctl_pace_wait_us (CtlPace *pace, gint64 time_us, gint64 now_us)
{
  double wait_us;

  if (pace->began_us == 0)
    {
      pace->began_us = now_us;
      pace->first_time_us = time_us;
    }
  wait_us =
      ((double) time_us - (double) pace->first_time_us) / pace->speed - (double) (now_us - pace->began_us);
  return wait_us > 0 ? (gint64) MIN (wait_us, 1e15) : 0;
}
