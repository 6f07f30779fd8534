/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The strict JSON reader on any bytes, as NDJSON and as an array. The first byte says where the text is
 * split. Invariants: the same events and the same mistake however it was split; what is accepted is UTF-8,
 * finite and in range; and json-glib accepts each accepted line too (the reader is never the more lenient
 * one). */
#include <json-glib/json-glib.h>
#include <stdint.h>
#include "../unit/source/source-fixture.h"

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define FIELDS                                                                                               \
  "f:bool i:int64 d:double m:decimal(4) s:string t:timestamp u:timestamp@ms p:decimal(2)=x q:double=x"

/* json-glib ends at NULs, which the reader refuses as well: only text without them is compared. */
static void
check_lenience (const char *text, gsize length, const char *read)
{
  g_autofree char *line = g_strndup (text, length);
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GError) error = NULL;

  if (strlen (line) < length || strchr (line, '\n') != NULL || g_str_has_prefix (line, "\xef\xbb\xbf")
      || read[0] == '\0' || strchr (read, '!') != NULL)
    return;
  parser = json_parser_new ();
  if (!json_parser_load_from_data (parser, line, -1, &error))
    g_error ("json-glib refuses (%s): %s", error->message, line);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static SynSourceSpec *spec;
  static const SynFormat formats[] = { SYN_FORMAT_NDJSON, SYN_FORMAT_JSON };
  const char *text = (const char *) data + 1;
  gsize length = size - 1, split;

  if (size < 1)
    return 0;
  if (spec == NULL)
    spec = fixture_spec_new (FIELDS);
  split = length > 1 ? 1 + data[0] % (length - 1) : 0;
  for (guint f = 0; f < G_N_ELEMENTS (formats); f++)
    {
      g_autofree char *whole = fixture_read (spec, formats[f], TRUE, text, length, 0, 0);
      g_autofree char *two = fixture_read (spec, formats[f], TRUE, text, length, split, 0);
      g_autofree char *many = fixture_read (spec, formats[f], TRUE, text, length, split, 3);

      g_assert_cmpstr (two, ==, whole);
      g_assert_cmpstr (many, ==, whole);
      g_assert_true (g_utf8_validate (whole, -1, NULL));
      if (f == 0)
        check_lenience (text, length, whole);
    }
  return 0;
}
