/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests that might be answered without libsoup. Whatever comes: what is taken is a URI that GLib reads as the same path and query (as
 * libsoup does), its pieces lie within its head, it is taken or left whatever follows, no beginning of it was called another's, and what was
 * called another's stays so. */
#include <libsoup/soup.h>
#include <stdint.h>
#include <string.h>
#include "syn-plain-reader.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
check_span (SynPlainSpan span, const char *from, gsize length, gsize max)
{
  g_assert (span.text == NULL || (span.text >= from && span.text + span.length <= from + length && span.length <= max));
}

static void
check_uri (SynPlainSpan path)
{
  g_autofree char *text = g_strndup (path.text, path.length), *uri_text = g_strconcat ("http://localhost:80/v1/projections/", text, NULL);
  g_autofree char *again = NULL;
  g_autoptr (GUri) uri = g_uri_parse (uri_text, SOUP_HTTP_URI_FLAGS, NULL);

  g_assert (uri != NULL);
  again = g_uri_get_query (uri) != NULL ? g_strconcat (g_uri_get_path (uri), "?", g_uri_get_query (uri), NULL) : g_strdup (g_uri_get_path (uri));
  g_assert (g_str_has_prefix (again, "/v1/projections/"));
  g_assert (strcmp (again + strlen ("/v1/projections/"), text) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const char *text = (const char *) data;
  SynPlainRequest request, shorter;
  SynPlainKind kind = syn_plain_read (text, size, &request);
  SynPlainHost known = { 0 };

  if (kind == SYN_PLAIN_MORE)
    g_assert (size < SYN_PLAIN_HEAD_MAX);
  if (kind == SYN_PLAIN_POLL || kind == SYN_PLAIN_UPGRADE)
    {
      g_assert (request.length <= size && request.length <= SYN_PLAIN_HEAD_MAX);
      g_assert (memcmp (text + request.length - 4, "\r\n\r\n", 4) == 0);
      check_span (request.path, text, request.length, SYN_PLAIN_HEAD_MAX);
      check_span (request.host, text, request.length, SYN_PLAIN_VALUE_MAX);
      check_span (request.accept, text, request.length, SYN_PLAIN_VALUE_MAX);
      check_span (request.prefer, text, request.length, SYN_PLAIN_VALUE_MAX);
      check_span (request.origin, text, request.length, SYN_PLAIN_VALUE_MAX);
      check_span (request.agent, text, request.length, SYN_PLAIN_VALUE_MAX);
      check_span (request.key, text, request.length, 24);
      g_assert (request.host.text != NULL);
      g_assert ((kind == SYN_PLAIN_POLL) == (request.path.text != NULL));
      syn_plain_is_allowed (&known, &request);
      if (kind == SYN_PLAIN_POLL)
        check_uri (request.path);
      for (gsize cut = 0; cut < request.length; cut++)
        g_assert (syn_plain_read (text, cut, &shorter) == SYN_PLAIN_MORE);
      g_assert (syn_plain_read (text, request.length, &shorter) == kind);
    }
  if (kind != SYN_PLAIN_OTHER && size > 0)
    g_assert (syn_plain_read (text, size - 1, &shorter) != SYN_PLAIN_OTHER);
  return 0;
}
