/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Any text up to the first newline as a regular expression, over the rest as it is, UTF-8 or not: what compiles finds only what
 * matches, says the same again from what it has learned, and stays within the text. */
#include <glib.h>
#include <stdint.h>
#include <string.h>

#include "syn-error.h"
#include "syn-regex.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *newline = size > 0 ? memchr (data, '\n', size) : NULL;
  gsize n_pattern = newline != NULL ? (gsize) (newline - data) : size, length = newline != NULL ? size - n_pattern - 1 : 0;
  g_autofree char *pattern = g_strndup ((const char *) data, n_pattern);
  g_autofree char *text = g_malloc (MAX (length, 1));
  g_autoptr (SynRegexCache) cache = syn_regex_cache_new ();
  g_autoptr (SynRegex) regex = NULL;
  g_autoptr (GError) error = NULL;
  gsize start = 0, end = 0;
  gboolean matches, found;

  if (!g_utf8_validate (pattern, -1, NULL))
    return 0;
  if (length > 0)
    memcpy (text, newline + 1, length);
  regex = syn_regex_new (pattern, &error);
  if (regex == NULL)
    {
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      return 0;
    }
  matches = syn_regex_match (regex, cache, text, length);
  found = syn_regex_find (regex, cache, text, length, &start, &end);
  g_assert_true (matches || !found);
  if (found)
    g_assert_true (start <= end && end <= length);
  g_assert_cmpint (syn_regex_match (regex, cache, text, length), ==, matches);
  return 0;
}
