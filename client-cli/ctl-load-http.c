/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Reads what a server of HTTP/1.1 says before a body. Strict where it matters for where the next response begins,
 * and blind to everything else. */

#include "ctl-load-http.h"

#include <string.h>

gsize
ctl_load_http_head_length (const char *text, gsize length)
{
  const char *end = memmem (text, length, "\r\n\r\n", 4);

  return end != NULL ? (gsize) (end + 4 - text) : 0;
}

const char *
ctl_load_http_find (const char *text, gsize length, const char *name, gsize *value_length)
{
  const char *end = text + length;
  gsize name_length = strlen (name);

  for (const char *line = memchr (text, '\n', length); line != NULL && ++line < end; line = memchr (line, '\n', (gsize) (end - line)))
    {
      const char *stop = memchr (line, '\r', (gsize) (end - line)), *value = line + name_length + 1;

      if (stop == NULL || stop < value || line[name_length] != ':' || g_ascii_strncasecmp (line, name, name_length) != 0)
        continue;
      while (value < stop && (*value == ' ' || *value == '\t'))
        value++;
      while (stop > value && (stop[-1] == ' ' || stop[-1] == '\t'))
        stop--;
      *value_length = (gsize) (stop - value);
      return value;
    }
  return NULL;
}

/* FALSE: not a number, or none that fits. */
static gboolean
read_number (const char *text, gsize length, guint64 *number)
{
  *number = 0;
  for (gsize i = 0; i < length; i++)
    {
      if (!g_ascii_isdigit (text[i]) || *number > G_MAXINT64 / 10 - 10)
        return FALSE;
      *number = *number * 10 + (guint64) (text[i] - '0');
    }
  return length > 0;
}

const char *
ctl_load_http_parse (const char *text, gsize length, CtlLoadHttpHead *head)
{
  const char *value;
  gsize value_length;
  guint64 number;

  *head = (CtlLoadHttpHead) { 0 };
  if (length < 14 || strncmp (text, "HTTP/1.", 7) != 0 || (text[7] != '0' && text[7] != '1') || text[8] != ' '
      || !read_number (text + 9, 3, &number) || (text[12] != ' ' && text[12] != '\r'))
    return "not an HTTP response";
  head->status = (guint) number;
  value = ctl_load_http_find (text, length, "Connection", &value_length);
  head->closes = value != NULL ? value_length == 5 && g_ascii_strncasecmp (value, "close", 5) == 0 : text[7] == '0';
  value = ctl_load_http_find (text, length, "Retry-After", &value_length);
  if (value != NULL && read_number (value, value_length, &number))
    head->retry_ms = (guint32) MIN (number, 3600) * 1000;
  if (head->status < 200 || head->status == 204 || head->status == 304)
    return NULL;
  if (ctl_load_http_find (text, length, "Transfer-Encoding", &value_length) != NULL)
    return "a response in chunks, which this client does not read";
  value = ctl_load_http_find (text, length, "Content-Length", &value_length);
  if (value == NULL)
    return "a response whose length is not said";
  if (!read_number (value, value_length, &head->body_bytes))
    return "a response with a wrong Content-Length";
  return NULL;
}
