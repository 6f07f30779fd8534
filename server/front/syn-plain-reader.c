/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The strict reader of the requests that are answered without libsoup. Any thread.
 *
 * It knows three sorts of headers: those that it acts on, once each and with a value that it is sure of; those that would change what
 * libsoup answers or how it reads on (a body, an expectation), which make the request libsoup's; and all others, which change nothing.
 * A path's escapes must be in the form to which libsoup would have normalised them, so that both ask the same question.
 *
 * Rejected: reading headers until the first that is understood (what comes later may take it back); accepting a bare LF, folded lines or
 * white space before the colon, as lenient readers do (where two readers of one stream differ, a third party gets in between). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-plain-reader.h"

#include <string.h>

#define KEY_BYTES 24 /* of Sec-WebSocket-Key: 16 bytes in base64 */

static const char poll_start[] = "GET /v1/projections/";
static const char upgrade_line[] = "GET /v1/replica HTTP/1.1\r\n";
static const char line_end[] = " HTTP/1.1\r\n";

typedef struct
{
  gboolean keep_alive, upgrades, to_websocket, version, protocol, has_tag;
} Seen;

typedef enum
{
  HEADER_HOST,
  HEADER_CONNECTION,
  HEADER_UPGRADE,
  HEADER_ACCEPT,
  HEADER_PREFER,
  HEADER_IF_NONE_MATCH,
  HEADER_ORIGIN,
  HEADER_AGENT,
  HEADER_WS_KEY,
  HEADER_WS_VERSION,
  HEADER_WS_PROTOCOL,
  HEADER_FOREIGN, /* it makes the request libsoup's */
  HEADER_ANY,
} Header;

static const struct
{
  const char *name;
  Header header;
} headers[] = {
  { "host", HEADER_HOST },
  { "connection", HEADER_CONNECTION },
  { "accept", HEADER_ACCEPT },
  { "if-none-match", HEADER_IF_NONE_MATCH },
  { "prefer", HEADER_PREFER },
  { "upgrade", HEADER_UPGRADE },
  { "origin", HEADER_ORIGIN },
  { "user-agent", HEADER_AGENT },
  { "sec-websocket-key", HEADER_WS_KEY },
  { "sec-websocket-version", HEADER_WS_VERSION },
  { "sec-websocket-protocol", HEADER_WS_PROTOCOL },
  { "content-length", HEADER_FOREIGN },
  { "content-type", HEADER_FOREIGN },
  { "content-encoding", HEADER_FOREIGN },
  { "transfer-encoding", HEADER_FOREIGN },
  { "expect", HEADER_FOREIGN },
  { "range", HEADER_FOREIGN },
  { "if-range", HEADER_FOREIGN },
  { "te", HEADER_FOREIGN },
  { "trailer", HEADER_FOREIGN },
  { "keep-alive", HEADER_FOREIGN },
  { "proxy-connection", HEADER_FOREIGN },
  { "proxy-authorization", HEADER_FOREIGN },
  { "authorization", HEADER_FOREIGN },
  { "http2-settings", HEADER_FOREIGN },
  { "synoptic-chain", HEADER_FOREIGN }, /* of an edge: it is told who is above it */
};

static gboolean
span_is (SynPlainSpan span, const char *word)
{
  return span.length == strlen (word) && g_ascii_strncasecmp (span.text, word, span.length) == 0;
}

static Header
find_header (SynPlainSpan name)
{
  for (guint i = 0; i < G_N_ELEMENTS (headers); i++)
    if (span_is (name, headers[i].name))
      return headers[i].header;
  return HEADER_ANY;
}

/* ---- the target ---- */

static gboolean
is_unreserved (char c)
{
  return g_ascii_isalnum (c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* Whether `%XY` at @p is what libsoup would make of it: upper case, of a printable character that needs it. */
static gboolean
is_normal_escape (const char *p, const char *end)
{
  int high, low;
  char c;

  if (end - p < 3 || g_ascii_islower (p[1]) || g_ascii_islower (p[2]))
    return FALSE;
  high = g_ascii_xdigit_value (p[1]);
  low = g_ascii_xdigit_value (p[2]);
  if (high < 2 || high > 7 || low < 0)
    return FALSE;
  c = (char) (high * 16 + low);
  return c != 0x7f && !is_unreserved (c);
}

/* The end of the path and query that begin at @p; NULL when there is anything in them that a URI should not have, or that could be
 * read in two ways. */
static const char *
skip_target (const char *p, const char *end)
{
  gboolean in_query = FALSE;
  char before = '/';

  for (; p < end && *p != ' '; before = *p++)
    {
      if (*p == '%')
        {
          if (!is_normal_escape (p, end))
            return NULL;
          p += 2;
        }
      else if (*p == '?')
        in_query = TRUE;
      else if (!in_query && before == '/' && (*p == '/' || *p == '.'))
        return NULL; /* an empty segment, or one that may mean "here" or "up" */
      else if (!is_unreserved (*p) && strchr ("!$&'()*+,;=:@/", *p) == NULL)
        return NULL;
    }
  return p;
}

/* ---- headers ---- */

static gboolean
is_token_char (char c)
{
  return g_ascii_isalnum (c) || (c != '\0' && strchr ("!#$%&'*+-.^_`|~", c) != NULL);
}

static gboolean
read_connection (SynPlainSpan value, Seen *seen)
{
  if (seen->keep_alive || seen->upgrades)
    return FALSE;
  seen->keep_alive = span_is (value, "keep-alive") || span_is (value, "keep-alive, upgrade");
  seen->upgrades = span_is (value, "upgrade") || span_is (value, "keep-alive, upgrade");
  return seen->keep_alive || seen->upgrades;
}

/* One strong entity tag of ours. */
static gboolean
read_tag (SynPlainSpan value, Seen *seen, SynPlainRequest *request)
{
  char text[REPLICA_TOKEN_TEXT_MAX];

  if (seen->has_tag || value.length < 3 || value.length - 2 >= sizeof text || value.text[0] != '"' || value.text[value.length - 1] != '"')
    return FALSE;
  memcpy (text, value.text + 1, value.length - 2);
  text[value.length - 2] = '\0';
  seen->has_tag = TRUE;
  return replica_token_parse (text, &request->token) && !replica_token_equal (request->token, REPLICA_TOKEN_NONE);
}

static gboolean
read_once (SynPlainSpan value, SynPlainSpan *into)
{
  if (into->text != NULL || value.length == 0 || value.length > SYN_PLAIN_VALUE_MAX)
    return FALSE;
  *into = value;
  return TRUE;
}

static gboolean
is_host (SynPlainSpan value)
{
  for (gsize i = 0; i < value.length; i++)
    if (!g_ascii_isalnum (value.text[i]) && strchr (".:[]-", value.text[i]) == NULL)
      return FALSE;
  return value.length > 0 && value.text[value.length - 1] != ':';
}

static gboolean
is_key (SynPlainSpan value)
{
  for (gsize i = 0; i < MIN (value.length, KEY_BYTES - 2); i++)
    if (!g_ascii_isalnum (value.text[i]) && value.text[i] != '+' && value.text[i] != '/')
      return FALSE;
  return value.length == KEY_BYTES && memcmp (value.text + KEY_BYTES - 2, "==", 2) == 0;
}

static gboolean
read_flag (gboolean right, gboolean *flag)
{
  if (!right || *flag)
    return FALSE;
  *flag = TRUE;
  return TRUE;
}

static gboolean
read_header (SynPlainSpan name, SynPlainSpan value, Seen *seen, SynPlainRequest *request)
{
  switch (find_header (name))
    {
    case HEADER_HOST:
      return is_host (value) && read_once (value, &request->host);
    case HEADER_CONNECTION:
      return read_connection (value, seen);
    case HEADER_UPGRADE:
      return read_flag (span_is (value, "websocket"), &seen->to_websocket);
    case HEADER_ACCEPT:
      return read_once (value, &request->accept);
    case HEADER_PREFER:
      return read_once (value, &request->prefer);
    case HEADER_IF_NONE_MATCH:
      return read_tag (value, seen, request);
    case HEADER_ORIGIN:
      return read_once (value, &request->origin);
    case HEADER_AGENT:
      return read_once (value, &request->agent);
    case HEADER_WS_KEY:
      return is_key (value) && read_once (value, &request->key);
    case HEADER_WS_VERSION:
      return read_flag (span_is (value, "13"), &seen->version);
    case HEADER_WS_PROTOCOL:
      return read_flag (value.length == strlen ("synoptic.v1") && memcmp (value.text, "synoptic.v1", value.length) == 0, &seen->protocol);
    case HEADER_FOREIGN:
      return FALSE;
    case HEADER_ANY:
    default:
      return TRUE;
    }
}

/* The lines from @p to the empty one, which ends at @end. */
static gboolean
read_headers (const char *p, const char *end, Seen *seen, SynPlainRequest *request)
{
  while (p < end - 2)
    {
      const char *eol = memchr (p, '\r', (gsize) (end - p)), *name = p;
      SynPlainSpan value;

      while (p < eol && is_token_char (*p))
        p++;
      if (p == name || p == eol || *p != ':')
        return FALSE;
      value.text = p + 1;
      value.length = (gsize) (eol - value.text);
      while (value.length > 0 && (*value.text == ' ' || *value.text == '\t'))
        {
          value.text++;
          value.length--;
        }
      while (value.length > 0 && (value.text[value.length - 1] == ' ' || value.text[value.length - 1] == '\t'))
        value.length--;
      if (!read_header ((SynPlainSpan){ name, (gsize) (p - name) }, value, seen, request))
        return FALSE;
      p = eol + 2;
    }
  return request->host.text != NULL;
}

/* ---- the whole ---- */

/* The end of the head, behind its empty line; NULL: it has not come. @plain (out): whether all up to there is printable ASCII, in lines that
 * end as they should. */
static const char *
find_end (const char *data, gsize length, gboolean *plain)
{
  *plain = TRUE;
  for (gsize i = 0; i < length; i++)
    {
      guchar c = (guchar) data[i];

      if (c == '\r')
        {
          if (i + 1 < length && data[i + 1] != '\n')
            break;
        }
      else if (c == '\n')
        {
          if (i == 0 || data[i - 1] != '\r')
            break;
          if (i >= 3 && data[i - 2] == '\n')
            return data + i + 1;
        }
      else if ((c < 0x20 && c != '\t') || c >= 0x7f)
        break;
      if (i + 1 == length)
        return NULL;
    }
  *plain = length == 0;
  return NULL;
}

static gboolean
starts_like (const char *data, gsize length, const char *start)
{
  return memcmp (data, start, MIN (length, strlen (start))) == 0;
}

SynPlainKind
syn_plain_read (const char *data, gsize length, SynPlainRequest *request)
{
  gboolean is_poll = starts_like (data, length, poll_start), is_upgrade = starts_like (data, length, upgrade_line), plain;
  const char *end, *p;
  Seen seen = { 0 };

  if (!is_poll && !is_upgrade)
    return SYN_PLAIN_OTHER;
  end = find_end (data, MIN (length, SYN_PLAIN_HEAD_MAX), &plain);
  if (!plain)
    return SYN_PLAIN_OTHER;
  if (end == NULL)
    return length < SYN_PLAIN_HEAD_MAX ? SYN_PLAIN_MORE : SYN_PLAIN_OTHER;

  *request = (SynPlainRequest){ .length = (gsize) (end - data), .token = REPLICA_TOKEN_NONE };
  p = data + (is_poll ? strlen (poll_start) : strlen (upgrade_line));
  if (is_poll)
    {
      request->path.text = p;
      p = skip_target (p, end);
      if (p == NULL || p == request->path.text || *request->path.text == '?' || (gsize) (end - p) < strlen (line_end)
          || memcmp (p, line_end, strlen (line_end)) != 0)
        return SYN_PLAIN_OTHER;
      request->path.length = (gsize) (p - request->path.text);
      p += strlen (line_end);
    }
  if (!read_headers (p, end, &seen, request))
    return SYN_PLAIN_OTHER;
  if (is_poll)
    return !seen.upgrades && !seen.to_websocket ? SYN_PLAIN_POLL : SYN_PLAIN_OTHER;
  return seen.upgrades && seen.to_websocket && seen.version && seen.protocol && request->key.text != NULL ? SYN_PLAIN_UPGRADE
                                                                                                         : SYN_PLAIN_OTHER;
}

const char *
syn_plain_span_to_text (SynPlainSpan span, char *text)
{
  if (span.text == NULL)
    return NULL;
  memcpy (text, span.text, span.length);
  text[span.length] = '\0';
  return text;
}

gboolean
syn_plain_is_allowed (SynPlainHost *known, const SynPlainRequest *request)
{
  char text[SYN_PLAIN_VALUE_MAX + 1];
  SynPlainSpan host = request->host;

  if (request->key.text != NULL && request->origin.text != NULL
      && !syn_http_origin_is_allowed (syn_plain_span_to_text (request->origin, text)))
    return FALSE;
  if (known->length > 0 && host.length == known->length && memcmp (host.text, known->text, host.length) == 0)
    return TRUE;
  if (host.length > sizeof known->text || !syn_http_host_is_allowed (syn_plain_span_to_text (host, text)))
    return FALSE;
  memcpy (known->text, host.text, host.length);
  known->length = host.length;
  return TRUE;
}
