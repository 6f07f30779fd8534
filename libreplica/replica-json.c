/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guard in front of json-glib, for what servers send. Any thread. A reader of our own was not written for
 * the client's side: what it reads is small, and only has to be harmless. */

#include "replica-json.h"
#include "replica-number.h"

#include <string.h>

/* The code unit of `\uXXXX`, or -1. */
static int
read_code_unit (const char *json, gsize length)
{
  int unit = 0;

  if (length < 6 || json[0] != '\\' || json[1] != 'u')
    return -1;
  for (guint i = 2; i < 6; i++)
    {
      if (!g_ascii_isxdigit (json[i]))
        return -1;
      unit = unit << 4 | g_ascii_xdigit_value (json[i]);
    }
  return unit;
}

/* The bytes of the escape that begins at @json, or 0 if it is none. A pair of surrogates is one. */
static gsize
measure_escape (const char *json, gsize length)
{
  int unit, low;

  if (length < 2 || memchr ("\"\\/bfnrtu", json[1], 9) == NULL)
    return 0;
  if (json[1] != 'u')
    return 2;
  unit = read_code_unit (json, length);
  if (unit < 0xd800 || unit > 0xdfff)
    return unit >= 0 ? 6 : 0;
  low = unit < 0xdc00 ? read_code_unit (json + 6, length - 6) : -1;
  return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* The bytes of the string that begins at @json, its quotes included, or 0 if it is not one. */
static gsize
measure_string (const char *json, gsize length)
{
  gsize i = 1;

  while (i < length && json[i] != '"')
    {
      gsize n_bytes = json[i] == '\\' ? measure_escape (json + i, length - i) : (guchar) json[i] >= 0x20;

      if (n_bytes == 0)
        return 0;
      i += n_bytes;
    }
  return i < length ? i + 1 : 0;
}

/* The bytes of the number or literal that begins at @json, or 0 if it is neither. */
static gsize
measure_word (const char *json, gsize length)
{
  gsize n_bytes = 0;
  double number;

  while (n_bytes < length && (g_ascii_isalnum (json[n_bytes]) || strchr ("+-.", json[n_bytes]) != NULL))
    n_bytes++;
  if ((n_bytes == 4 && (memcmp (json, "true", 4) == 0 || memcmp (json, "null", 4) == 0))
      || (n_bytes == 5 && memcmp (json, "false", 5) == 0))
    return n_bytes;
  return n_bytes > 0 && replica_read_double (json, n_bytes, &number) == REPLICA_READ_OK ? n_bytes : 0;
}

/* A bracket within a comment or single quotes would not count: neither gets to json-glib. */
gboolean
replica_json_check (const char *json, gsize length, guint max_depth, GError **error)
{
  guint depth = 0;

  g_return_val_if_fail (json != NULL || length == 0, FALSE);
  if (!g_utf8_validate_len (json, length, NULL))
    {
      g_set_error_literal (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL, "not UTF-8");
      return FALSE;
    }
  for (gsize i = 0; i < length; i++)
    {
      gsize n_bytes = 1;

      if (json[i] == '"')
        n_bytes = measure_string (json + i, length - i);
      else if (json[i] == '[' || json[i] == '{')
        depth++;
      else if (json[i] == ']' || json[i] == '}')
        depth -= depth > 0;
      else if (memchr (" \t\r\n,:", json[i], 6) == NULL)
        n_bytes = measure_word (json + i, length - i);
      if (n_bytes == 0)
        {
          g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                       "what begins at byte %" G_GSIZE_FORMAT " is not JSON", i);
          return FALSE;
        }
      if (depth > max_depth)
        {
          g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL,
                       "nested deeper than %u at byte %" G_GSIZE_FORMAT, max_depth, i);
          return FALSE;
        }
      i += n_bytes - 1;
    }
  return TRUE;
}
