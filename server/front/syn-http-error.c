/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one table from error codes to HTTP. Any thread. */
#include "syn-http-error.h"

#include "replica-error.h"
#include "syn-limits.h"

typedef struct
{
  int code;
  guint status;
  const char *name; /* NULL: that of the wire */
  gboolean retry;
} Row;

static const Row rows[] = {
  { SYN_ERROR_INVALID, 400, NULL, FALSE },
  { SYN_ERROR_NOT_FOUND, 404, NULL, FALSE },
  { SYN_ERROR_OVERLOADED, 503, NULL, TRUE },
  { SYN_ERROR_UNAVAILABLE, 503, NULL, TRUE },
  { SYN_ERROR_INTERNAL, 500, NULL, FALSE },
  { SYN_ERROR_TOO_LARGE, 413, NULL, FALSE },
  { SYN_ERROR_PROTOCOL, 400, NULL, FALSE },
  { SYN_ERROR_TIMEOUT, 504, NULL, FALSE },
  { SYN_ERROR_CONFLICT, 409, NULL, FALSE },
  { SYN_FAULT_FORBIDDEN, 403, "forbidden", FALSE },
  { SYN_FAULT_METHOD, 405, "method-not-allowed", FALSE },
  { SYN_FAULT_NOT_ACCEPTABLE, 406, "not-acceptable", FALSE },
  { SYN_FAULT_MEDIA_TYPE, 415, "unsupported-media-type", FALSE },
  { SYN_FAULT_UPGRADE, 426, "upgrade-required", FALSE },
  { SYN_FAULT_LOOP, 508, "loop", FALSE },
};

static const Row *
find_row (int code)
{
  const Row *internal = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      if (rows[i].code == code)
        return &rows[i];
      if (rows[i].code == SYN_ERROR_INTERNAL)
        internal = &rows[i];
    }
  return internal;
}

int
syn_http_error_code (const GError *error)
{
  return error->domain == SYN_ERROR || error->domain == REPLICA_ERROR ? error->code : SYN_ERROR_INTERNAL;
}

guint
syn_http_error_status (int code)
{
  return find_row (code)->status;
}

const char *
syn_http_error_name (int code)
{
  const Row *row = find_row (code);

  return row->name != NULL ? row->name : replica_error_to_string ((ReplicaError) row->code);
}

guint
syn_http_retry_ms (void)
{
  return (guint) g_random_int_range (SYN_RETRY_MS / 2, SYN_RETRY_MS + SYN_RETRY_MS / 2);
}

guint
syn_http_error_retry_s (int code, guint retry_ms)
{
  if (!find_row (code)->retry)
    return 0;
  if (retry_ms == 0)
    retry_ms = syn_http_retry_ms ();
  return (retry_ms + 999) / 1000;
}

void
syn_json_append_string (GString *json, const char *text)
{
  g_autofree char *valid = g_utf8_validate (text, -1, NULL) ? NULL : g_utf8_make_valid (text, -1);

  g_string_append_c (json, '"');
  for (const char *p = valid != NULL ? valid : text; *p != '\0'; p++)
    {
      if (*p == '"' || *p == '\\')
        {
          g_string_append_c (json, '\\');
          g_string_append_c (json, *p);
        }
      else if ((guchar) *p < 0x20 || *p == 0x7f)
        g_string_append_printf (json, "\\u%04x", (guchar) *p);
      else
        g_string_append_c (json, *p);
    }
  g_string_append_c (json, '"');
}

GBytes *
syn_http_error_body (int code, const char *message, const SynReadPlace *place)
{
  GString *json = g_string_new ("{\"error\":{\"code\":");

  syn_json_append_string (json, syn_http_error_name (code));
  g_string_append (json, ",\"message\":");
  syn_json_append_string (json, message);
  if (place != NULL)
    {
      if (place->line > 0)
        g_string_append_printf (json, ",\"line\":%" G_GUINT64_FORMAT ",\"column\":%u", place->line,
                                place->column);
      else
        g_string_append (json, ",\"line\":null,\"column\":null");
      g_string_append (json, ",\"field\":");
      if (place->field[0] != '\0')
        syn_json_append_string (json, place->field);
      else
        g_string_append (json, "null");
    }
  g_string_append (json, "}}\n");
  return g_string_free_to_bytes (json);
}
