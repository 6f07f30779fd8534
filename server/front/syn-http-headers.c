/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Readers of the request headers that the front acts on. Any thread.
 *
 * libsoup's soup_header_parse_quality_list() was not enough: it sorts by quality alone, but which range
 * speaks for a type is decided by how specific it is (`text/csv;q=0, text/<any>` refuses CSV). */
#include "syn-http-headers.h"

#include <string.h>
#include "syn-limits.h"

static const struct
{
  const char *type, *content_type;
} forms[SYN_N_FORMS] = {
  [SYN_FORM_JSON] = { "application/json", "application/json" },
  [SYN_FORM_CSV] = { "text/csv", "text/csv; charset=utf-8; header=present" },
  [SYN_FORM_BINARY] = { SYN_TYPE_BINARY, SYN_TYPE_BINARY },
};

const char *
syn_form_content_type (SynForm form)
{
  return forms[form].content_type;
}

/* ---- lists ---- */

/* A stretch of a header's text, without white space at its ends. */
typedef struct
{
  const char *text;
  gsize length;
} Span;

static Span
span_strip (const char *from, const char *to)
{
  while (from < to && (*from == ' ' || *from == '\t'))
    from++;
  while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
    to--;
  return (Span){ from, (gsize) (to - from) };
}

/* The next element up to @separator that is not within quotes. FALSE at the end. */
static gboolean
next_element (const char **rest, const char *end, char separator, Span *element)
{
  const char *p = *rest;
  gboolean quoted = FALSE;

  if (p == NULL || p > end)
    return FALSE;
  for (; p < end && (quoted || *p != separator); p++)
    {
      if (*p == '"')
        quoted = !quoted;
      else if (quoted && *p == '\\' && p + 1 < end)
        p++;
    }
  *element = span_strip (*rest, p);
  *rest = p + 1;
  return TRUE;
}

static gboolean
span_is (Span span, const char *word)
{
  return strlen (word) == span.length && g_ascii_strncasecmp (span.text, word, span.length) == 0;
}

/* Splits `name=value`, the value's quotes taken off. FALSE without `=`. */
static gboolean
span_split (Span span, Span *name, Span *value)
{
  const char *equals = memchr (span.text, '=', span.length);

  if (equals == NULL)
    return FALSE;
  *name = span_strip (span.text, equals);
  *value = span_strip (equals + 1, span.text + span.length);
  if (value->length >= 2 && value->text[0] == '"' && value->text[value->length - 1] == '"')
    *value = (Span){ value->text + 1, value->length - 2 };
  return TRUE;
}

gboolean
syn_http_list_has (const char *list, const char *word)
{
  const char *rest = list, *end = list != NULL ? list + strlen (list) : NULL;
  Span element;

  while (next_element (&rest, end, ',', &element))
    {
      if (span_is (element, word))
        return TRUE;
    }
  return FALSE;
}

/* ---- Accept ---- */

/* A weight in thousandths, as `0`, `0.5`, `1.000`; -1 when it is none. */
static int
parse_weight (Span value)
{
  int weight, unit = 1000;

  if (value.length == 0 || value.length > 5 || (value.text[0] != '0' && value.text[0] != '1'))
    return -1;
  weight = (value.text[0] - '0') * 1000;
  if (value.length > 1 && value.text[1] != '.')
    return -1;
  for (gsize i = 2; i < value.length; i++)
    {
      if (!g_ascii_isdigit (value.text[i]))
        return -1;
      unit /= 10;
      weight += (value.text[i] - '0') * unit;
    }
  return weight <= 1000 ? weight : -1;
}

/* How specifically @range speaks of @type: 3 the type itself, 2 `text/<any>`, 1 anything, 0 not at all. */
static int
match_range (Span range, const char *type)
{
  const char *slash = strchr (type, '/');

  if (span_is (range, type))
    return 3;
  if (range.length == 3 && memcmp (range.text, "*/*", 3) == 0)
    return 1;
  if (range.length == (gsize) (slash - type) + 2 && range.text[range.length - 1] == '*'
      && g_ascii_strncasecmp (range.text, type, (gsize) (slash - type) + 1) == 0)
    return 2;
  return 0;
}

gboolean
syn_http_negotiate (const char *accept, SynForm *form)
{
  int weights[SYN_N_FORMS] = { 0 }, specific[SYN_N_FORMS] = { 0 }, best = 0;
  const char *rest = accept, *end;
  Span element;

  *form = SYN_FORM_JSON;
  if (accept == NULL || accept[strspn (accept, " \t,")] == '\0')
    return TRUE;
  end = accept + strlen (accept);
  while (next_element (&rest, end, ',', &element))
    {
      const char *parameters = element.text, *element_end = element.text + element.length;
      Span range, parameter, name, value;
      int weight = 1000;

      if (!next_element (&parameters, element_end, ';', &range))
        continue;
      while (next_element (&parameters, element_end, ';', &parameter))
        {
          if (span_split (parameter, &name, &value) && span_is (name, "q"))
            weight = parse_weight (value);
        }
      if (weight < 0)
        continue; /* an element that cannot be read says nothing */
      for (guint i = 0; i < SYN_N_FORMS; i++)
        {
          int how = match_range (range, forms[i].type);

          if (how > specific[i])
            {
              specific[i] = how;
              weights[i] = weight;
            }
        }
    }
  for (guint i = 0; i < SYN_N_FORMS; i++)
    {
      if (weights[i] > best)
        {
          best = weights[i];
          *form = (SynForm) i;
        }
    }
  return best > 0;
}

/* ---- If-None-Match, Prefer ---- */

void
syn_http_parse_if_none_match (const char *text, SynIfNoneMatch *match)
{
  const char *rest = text, *end = text != NULL ? text + strlen (text) : NULL;
  Span element;

  memset (match, 0, sizeof *match);
  while (next_element (&rest, end, ',', &element))
    {
      char tag[REPLICA_TOKEN_TEXT_MAX];

      if (span_is (element, "*"))
        match->any = TRUE;
      if (element.length > 2 && memcmp (element.text, "W/", 2) == 0)
        element = (Span){ element.text + 2, element.length - 2 };
      if (element.length >= 2 && element.text[0] == '"' && element.text[element.length - 1] == '"')
        element = (Span){ element.text + 1, element.length - 2 };
      if (element.length == 0 || element.length >= sizeof tag || match->n_tokens == SYN_HTTP_MAX_TAGS)
        continue;
      memcpy (tag, element.text, element.length);
      tag[element.length] = '\0';
      if (replica_token_parse (tag, &match->tokens[match->n_tokens]))
        match->n_tokens++;
    }
}

gboolean
syn_http_matches (const SynIfNoneMatch *match, ReplicaToken token)
{
  if (match->any)
    return TRUE;
  for (guint i = 0; i < match->n_tokens; i++)
    {
      if (replica_token_equal (match->tokens[i], token))
        return TRUE;
    }
  return FALSE;
}

int
syn_http_parse_prefer_wait (const char *text)
{
  const char *rest = text, *end = text != NULL ? text + strlen (text) : NULL;
  Span element;

  while (next_element (&rest, end, ',', &element))
    {
      const char *parameters = element.text;
      Span preference, name, value;
      int seconds = 0;
      gsize i;

      if (!next_element (&parameters, element.text + element.length, ';', &preference)
          || !span_split (preference, &name, &value) || !span_is (name, "wait"))
        continue;
      for (i = 0; i < value.length && g_ascii_isdigit (value.text[i]); i++)
        seconds = MIN (seconds * 10 + (value.text[i] - '0'), SYN_HOLD_MAX_MS / 1000);
      if (i > 0 && i == value.length)
        return seconds; /* the first one counts */
    }
  return -1;
}

/* ---- Content-Type ---- */

gboolean
syn_http_parse_content_type (const char *text, SynFormat *format)
{
  static const struct
  {
    const char *type;
    SynFormat format;
  } types[] = {
    { "application/x-ndjson", SYN_FORMAT_NDJSON },
    { "application/ndjson", SYN_FORMAT_NDJSON },
    { "application/jsonl", SYN_FORMAT_NDJSON },
    { "application/json", SYN_FORMAT_JSON },
    { "text/csv", SYN_FORMAT_CSV },
  };
  const char *rest = text, *end;
  gboolean known = FALSE;
  Span type, parameter, name, value;

  *format = SYN_FORMAT_NDJSON;
  if (text == NULL)
    return TRUE;
  end = text + strlen (text);
  if (!next_element (&rest, end, ';', &type))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      if (span_is (type, types[i].type))
        {
          *format = types[i].format;
          known = TRUE;
        }
    }
  while (next_element (&rest, end, ';', &parameter))
    {
      if (!span_split (parameter, &name, &value))
        continue;
      if (span_is (name, "charset") && !span_is (value, "utf-8") && !span_is (value, "utf8")
          && !span_is (value, "us-ascii"))
        return FALSE;
      if (span_is (name, "header") && span_is (value, "absent"))
        return FALSE; /* the first line names the columns */
    }
  return known;
}

/* ---- Origin ---- */

static gboolean
host_is_loopback (const char *host)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (host);

  return g_ascii_strcasecmp (host, "localhost") == 0
         || (address != NULL && g_inet_address_get_is_loopback (address));
}

gboolean
syn_http_origin_is_allowed (const char *origin)
{
  g_autoptr (GUri) uri = g_uri_parse (origin, G_URI_FLAGS_NONE, NULL);

  /* Not `null`, and not what is no origin. */
  return uri != NULL && g_uri_get_host (uri) != NULL && host_is_loopback (g_uri_get_host (uri));
}

gboolean
syn_http_host_is_allowed (const char *host)
{
  g_autofree char *text = NULL;
  g_autoptr (GUri) uri = NULL;

  if (host == NULL)
    return TRUE; /* HTTP/1.0 tools; every browser sends one */
  text = g_strconcat ("http://", host, NULL);
  uri = g_uri_parse (text, G_URI_FLAGS_NONE, NULL);
  return uri != NULL && g_uri_get_host (uri) != NULL && host_is_loopback (g_uri_get_host (uri));
}

gboolean
syn_http_parse_request_number (const char *text, guint64 *number)
{
  return g_ascii_isdigit (text[0]) && g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT64, number, NULL);
}
