/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The hand-written reader against the rest of the world: the public JSON test suite, the list of naughty
 * strings (both skipped when they are not there), and json-glib on random events and on damaged ones. The
 * reader is stricter than JSON where an event must be flat, of its schema, and without a member twice;
 * nowhere is it more lenient. */
#include <gio/gio.h>
#include <json-glib/json-glib.h>
#include "source-fixture.h"

static const char *const types[] = { "string",      "double",    "int64",       "bool",
                                     "decimal(18)", "timestamp", "timestamp@ms" };

static GBytes *
load_gzip (const char *name)
{
  g_autofree char *path =
      g_test_build_filename (G_TEST_DIST, "..", "shared", "data", "conformance", name, NULL);
  g_autoptr (GFile) file = g_file_new_for_path (path);
  g_autoptr (GFileInputStream) raw = g_file_read (file, NULL, NULL);
  g_autoptr (GZlibDecompressor) gzip = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autoptr (GInputStream) stream = NULL;
  g_autoptr (GOutputStream) memory = g_memory_output_stream_new_resizable ();
  g_autoptr (GError) error = NULL;

  if (raw == NULL)
    return NULL;
  stream = g_converter_input_stream_new (G_INPUT_STREAM (raw), G_CONVERTER (gzip));
  g_output_stream_splice (memory, stream, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);
  return g_memory_output_stream_steal_as_bytes (G_MEMORY_OUTPUT_STREAM (memory));
}

/* Whether @text is accepted as events of @spec; *@batch (nullable) receives them. */
static gboolean
accepts (const SynSourceSpec *spec, SynFormat format, const char *text, gsize length, SynEventBatch **batch)
{
  g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, format, FALSE);
  SynEventBuilder *builder = fixture_builder_for (spec);
  g_autoptr (GError) error = NULL;
  g_autofree char *copy = g_memdup2 (text, length); /* exactly this, for the sanitizer */
  SynReadPlace place = { 0 };
  gboolean ok = syn_event_reader_feed (reader, builder, length > 0 ? copy : "", length, &place, &error)
                && syn_event_reader_finish (reader, builder, &place, &error);

  g_assert_true (ok == (error == NULL));
  if (!ok)
    {
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_cmpuint (place.line, >=, 1);
      g_assert_cmpuint (place.column, >=, 1);
    }
  if (ok && batch != NULL)
    *batch = syn_event_builder_take (builder);
  return ok;
}

/* `[{"v":` … `}]` */
static GString *
wrap (const char *text, gsize length)
{
  GString *wrapped = g_string_new ("[{\"v\":");

  g_string_append_len (wrapped, text, (gssize) length);
  return g_string_append (wrapped, "}]");
}

static gboolean
is_blank (const char *text, gsize length)
{
  if (length >= 3 && memcmp (text, "\xef\xbb\xbf", 3) == 0)
    {
      text += 3;
      length -= 3;
    }
  for (; length > 0 && strchr (" \t\r\n", *text) != NULL && *text != '\0'; length--)
    text++;
  return length == 0;
}

/* The text between the brackets of an array that begins and ends with them. */
static gboolean
inner (const char **text, gsize *length)
{
  const char *p = *text, *end = p + *length;

  while (p < end && g_ascii_isspace (*p))
    p++;
  while (end > p && g_ascii_isspace (end[-1]))
    end--;
  if (end - p < 2 || *p != '[' || end[-1] != ']')
    return FALSE;
  *text = p + 1;
  *length = (gsize) (end - p - 2);
  return TRUE;
}

/* Sources whose fields are all of one type. */
static SynSourceSpec *type_specs[G_N_ELEMENTS (types)];

static void
make_type_specs (void)
{
  for (guint t = 0; t < G_N_ELEMENTS (types); t++)
    {
      g_autofree char *fields = g_strdup_printf ("v:%s a:%s b:%s x:%s id:%s foo:%s k:%s", types[t], types[t],
                                                 types[t], types[t], types[t], types[t], types[t]);

      type_specs[t] = fixture_spec_new (fields);
    }
}

static void
check_refused (const char *name, const char *text, gsize length)
{
  for (guint t = 0; t < G_N_ELEMENTS (types); t++)
    {
      const SynSourceSpec *spec = type_specs[t];
      g_autoptr (GString) wrapped = wrap (text, length), listed = g_string_new ("[");
      const char *part = text;
      gsize part_length = length;

      g_string_append_len (listed, text, (gssize) length);
      g_string_append_c (listed, ']');
      if (!is_blank (text, length))
        {
          g_assert_false (accepts (spec, SYN_FORMAT_JSON, text, length, NULL));
          g_assert_false (accepts (spec, SYN_FORMAT_NDJSON, text, length, NULL));
          g_assert_false (accepts (spec, SYN_FORMAT_JSON, listed->str, listed->len, NULL));
        }
      g_assert_false (accepts (spec, SYN_FORMAT_JSON, wrapped->str, wrapped->len, NULL));
      /* What is wrong with a number or a string is wrong without the array around it too. */
      if ((g_str_has_prefix (name, "n_number") || g_str_has_prefix (name, "n_string"))
          && inner (&part, &part_length))
        {
          g_autoptr (GString) bare = wrap (part, part_length);
          g_assert_false (accepts (spec, SYN_FORMAT_JSON, bare->str, bare->len, NULL));
        }
    }
}

static gboolean
same_value (const ReplicaColumn *column, guint row, JsonNode *node)
{
  gsize length;

  if (node == NULL || json_node_is_null (node))
    return replica_column_is_null (column, row);
  if (replica_column_is_null (column, row))
    return FALSE;
  switch (column->type)
    {
    case REPLICA_TYPE_STRING:
      {
        const char *text = replica_column_get_string (column, row, &length);
        /* json-glib's strings end at a NUL */
        return strcmp (text, json_node_get_string (node)) == 0;
      }
    case REPLICA_TYPE_BOOL:
      return replica_column_get_int64 (column, row) == json_node_get_boolean (node);
    case REPLICA_TYPE_INT64:
      if (json_node_get_value_type (node) == G_TYPE_INT64)
        return replica_column_get_int64 (column, row) == json_node_get_int (node);
      return (double) replica_column_get_int64 (column, row) == json_node_get_double (node);
    case REPLICA_TYPE_DOUBLE:
      return replica_column_get_double (column, row) == json_node_get_double (node);
    case REPLICA_TYPE_DECIMAL:
      {
        double a = replica_column_get_double (column, row), b = json_node_get_double (node);
        return ABS (a - b) <= ABS (b) * 1e-14;
      }
    case REPLICA_TYPE_TIMESTAMP:
    default:
      return TRUE;
    }
}

/* Returns whether the document was one that an event can hold. */
static gboolean
check_accepted (const char *name, const char *text, gsize length)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonNode *root;

  if (!json_parser_load_from_data (parser, text, (gssize) length, &error))
    {
      g_test_message ("json-glib refuses %s: %s", name, error->message);
      return FALSE;
    }
  root = json_parser_get_root (parser);
  if (root != NULL && JSON_NODE_HOLDS_ARRAY (root) && json_array_get_length (json_node_get_array (root)) == 1
      && inner (&text, &length))
    root = json_array_get_element (json_node_get_array (root), 0);

  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    {
      g_autoptr (GList) members = json_object_get_members (json_node_get_object (root));
      g_autoptr (SynSourceSpec) spec = NULL;
      g_autoptr (SynEventBatch) batch = NULL;
      g_autoptr (GString) fields = g_string_new ("unused:bool"), listed = g_string_new ("[");
      guint i = 1;

      for (GList *l = members; l != NULL; l = l->next)
        {
          JsonNode *value = json_object_get_member (json_node_get_object (root), l->data);

          if (json_node_get_value_type (value) != G_TYPE_STRING)
            return FALSE; /* nested */
          g_string_append_printf (fields, " f%u:string", g_list_position (members, l));
        }
      spec = fixture_spec_new (fields->str);
      for (GList *l = members; l != NULL; l = l->next, i++)
        {
          g_free (spec->fields[i].column);
          spec->fields[i].column = g_strdup (l->data);
        }
      g_string_append_len (listed, text, (gssize) length);
      g_string_append_c (listed, ']');
      if (strstr (name, "duplicated_key") != NULL || strstr (name, "escaped_null_in_key") != NULL)
        return FALSE; /* refused on purpose; a C string cannot be this name */
      g_assert_true (accepts (spec, SYN_FORMAT_JSON, listed->str, listed->len, &batch));
      i = 1;
      for (GList *l = members; l != NULL; l = l->next, i++)
        g_assert_true (same_value (syn_event_batch_get_columns (batch)[i], 0,
                                   json_object_get_member (json_node_get_object (root), l->data)));
      return TRUE;
    }

  if (root == NULL || JSON_NODE_HOLDS_ARRAY (root))
    {
      g_autoptr (SynSourceSpec) spec = fixture_spec_new ("v:string");
      g_autoptr (GString) wrapped = wrap (text, length);

      g_assert_false (accepts (spec, SYN_FORMAT_JSON, wrapped->str, wrapped->len, NULL));
      return FALSE;
    }

  {
    GType type = json_node_is_null (root) ? G_TYPE_STRING : json_node_get_value_type (root);
    const char *fields = type == G_TYPE_STRING    ? "v:string"
                         : type == G_TYPE_BOOLEAN ? "v:bool"
                         : type == G_TYPE_INT64   ? "v:int64"
                                                  : "v:double";
    g_autoptr (SynSourceSpec) spec = fixture_spec_new (fields), as_double = fixture_spec_new ("v:double");
    g_autoptr (SynEventBatch) batch = NULL, double_batch = NULL;
    g_autoptr (GString) wrapped = wrap (text, length);

    if (!accepts (spec, SYN_FORMAT_JSON, wrapped->str, wrapped->len, &batch))
      g_error ("%s is refused: %s", name, wrapped->str);
    g_assert_true (same_value (syn_event_batch_get_columns (batch)[0], 0, root));
    if (type == G_TYPE_INT64)
      {
        g_assert_true (accepts (as_double, SYN_FORMAT_JSON, wrapped->str, wrapped->len, &double_batch));
        g_assert_true (same_value (syn_event_batch_get_columns (double_batch)[0], 0, root));
      }
  }
  return TRUE;
}

static void
test_suite (void)
{
  g_autoptr (GBytes) tar = load_gzip ("JSONTestSuite.tar.gz");
  gsize size, at = 0;
  const char *data;
  guint n_accepted = 0, n_refused = 0, n_either = 0, n_held = 0;

  if (tar == NULL)
    {
      g_test_skip ("../shared/data/conformance/JSONTestSuite.tar.gz is not there");
      return;
    }
  make_type_specs ();
  data = g_bytes_get_data (tar, &size);
  /* ustar: a header of 512 bytes, the file, padding */
  while (at + 512 <= size && data[at] != '\0')
    {
      const char *path = data + at, *name = strrchr (path, '/'), *text = data + at + 512;
      gsize length = (gsize) g_ascii_strtoull (data + at + 124, NULL, 8);

      at += 512 + (length + 511) / 512 * 512;
      name = name != NULL ? name + 1 : path;
      if (!g_str_has_prefix (path, "test_parsing/"))
        continue;
      if (g_str_has_prefix (name, "n_"))
        {
          n_refused++;
          check_refused (name, text, length);
        }
      else if (g_str_has_prefix (name, "y_"))
        {
          n_accepted++;
          n_held += check_accepted (name, text, length);
        }
      else if (g_str_has_prefix (name, "i_"))
        {
          n_either++;
          for (guint t = 0; t < G_N_ELEMENTS (types); t++)
            {
              const SynSourceSpec *spec = type_specs[t];
              g_autoptr (GString) wrapped = wrap (text, length);
              const char *part = text;
              gsize part_length = length;

              accepts (spec, SYN_FORMAT_JSON, text, length, NULL);
              accepts (spec, SYN_FORMAT_JSON, wrapped->str, wrapped->len, NULL);
              if (inner (&part, &part_length))
                {
                  g_autoptr (GString) bare = wrap (part, part_length);
                  accepts (spec, SYN_FORMAT_JSON, bare->str, bare->len, NULL);
                }
            }
        }
    }
  g_test_message ("accepted %u (%u of them as values of events), refused %u, either %u", n_accepted, n_held,
                  n_refused, n_either);
  g_assert_cmpuint (n_accepted, ==, 95);
  g_assert_cmpuint (n_refused, ==, 188);
  g_assert_cmpuint (n_either, ==, 35);
  g_assert_cmpuint (n_held, >=, 60);
  for (guint t = 0; t < G_N_ELEMENTS (types); t++)
    fixture_spec_free (type_specs[t]);
}

/* ---- naughty strings ---- */

static void
append_json (GString *text, const char *string, gboolean escape_all)
{
  g_string_append_c (text, '"');
  for (const char *p = string; *p != '\0'; p = g_utf8_next_char (p))
    {
      gunichar c = g_utf8_get_char (p);

      if (escape_all && c > 0xffff)
        g_string_append_printf (text, "\\u%04x\\u%04X", 0xd800 + ((c - 0x10000) >> 10),
                                0xdc00 + ((c - 0x10000) & 0x3ff));
      else if (escape_all || c < 0x20)
        g_string_append_printf (text, "\\u%04x", c);
      else if (c == '"' || c == '\\')
        g_string_append_printf (text, "\\%c", (char) c);
      else
        g_string_append_unichar (text, c);
    }
  g_string_append_c (text, '"');
}

static void
append_csv (GString *text, const char *string)
{
  g_string_append_c (text, '"');
  for (; *string != '\0'; string++)
    {
      if (*string == '"')
        g_string_append_c (text, '"');
      g_string_append_c (text, *string);
    }
  g_string_append_c (text, '"');
}

static void
test_naughty_strings (void)
{
  g_autoptr (GBytes) list = load_gzip ("blns/blns.json.gz");
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("i:int64 s:string");
  g_autoptr (GString) raw = g_string_new (NULL), escaped = g_string_new ("["), csv = g_string_new (NULL);
  JsonArray *strings;
  gsize size;
  const char *data;

  if (list == NULL)
    {
      g_test_skip ("../shared/data/conformance/blns is not there");
      return;
    }
  data = g_bytes_get_data (list, &size);
  g_assert_true (json_parser_load_from_data (parser, data, (gssize) size, NULL));
  strings = json_node_get_array (json_parser_get_root (parser));
  g_assert_cmpuint (json_array_get_length (strings), ==, 485);
  for (guint i = 0; i < json_array_get_length (strings); i++)
    {
      const char *string = json_array_get_string_element (strings, i);

      g_string_append_printf (raw, "{\"i\":%u,\"s\":", i);
      append_json (raw, string, FALSE);
      g_string_append (raw, "}\n");
      g_string_append_printf (escaped, "%s{\"i\":%u,\"s\":", i > 0 ? ",\n" : "", i);
      append_json (escaped, string, TRUE);
      g_string_append (escaped, "}");
      g_string_append_printf (csv, "%u,", i);
      append_csv (csv, string);
      g_string_append (csv, "\n");
    }
  g_string_append (escaped, "]");

  {
    const struct
    {
      SynFormat format;
      GString *text;
    } forms[] = {
      { SYN_FORMAT_NDJSON, raw },
      { SYN_FORMAT_JSON, escaped },
      { SYN_FORMAT_CSV, csv },
    };

    for (guint f = 0; f < G_N_ELEMENTS (forms); f++)
      {
        g_autoptr (SynEventBatch) batch = NULL;

        g_assert_true (accepts (spec, forms[f].format, forms[f].text->str, forms[f].text->len, &batch));
        g_assert_cmpuint (syn_event_batch_get_n_events (batch), ==, 485);
        for (guint i = 0; i < 485; i++)
          g_assert_cmpstr (replica_column_get_string (syn_event_batch_get_columns (batch)[1], i, NULL), ==,
                           json_array_get_string_element (strings, i));
      }
  }
}

/* ---- against json-glib ---- */

static const char *const names[] = { "flag", "count", "ratio", "price", "symbol" };
#define RANDOM_FIELDS "flag:bool count:int64 ratio:double price:decimal(4) symbol:string"

static void
append_space (GString *text, GRand *rand)
{
  static const char *const spaces[] = { "", "", "", "", "", " ", "  ", "\t", "\r", " \t " };

  g_string_append (text, spaces[g_rand_int_range (rand, 0, G_N_ELEMENTS (spaces))]);
}

static void
append_random_string (GString *text, GRand *rand)
{
  static const char *const parts[] = { "a",
                                       "Zz",
                                       "0",
                                       " ",
                                       "\\n",
                                       "\\\"",
                                       "\\\\",
                                       "\\/",
                                       "\\u0041",
                                       "\\u00e9",
                                       "\\ud83d\\ude00",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "{",
                                       "}",
                                       "[",
                                       ",",
                                       ":",
                                       "'",
                                       "longer text" };

  g_string_append_c (text, '"');
  for (gint n = g_rand_int_range (rand, 0, 9); n > 0; n--)
    g_string_append (text, parts[g_rand_int_range (rand, 0, G_N_ELEMENTS (parts))]);
  g_string_append_c (text, '"');
}

static void
append_random_value (GString *text, GRand *rand, guint field)
{
  if (g_rand_int_range (rand, 0, 10) == 0)
    {
      g_string_append (text, "null");
      return;
    }
  switch (field)
    {
    case 0:
      g_string_append (text, g_rand_boolean (rand) ? "true" : "false");
      break;
    case 1:
      g_string_append_printf (text, "%" G_GINT64_FORMAT,
                              (gint64) (((guint64) g_rand_int (rand) << 32 | g_rand_int (rand))
                                        >> g_rand_int_range (rand, 0, 63)));
      break;
    case 2:
      g_string_append_printf (text, "%s%u.%0*u%s%s", g_rand_boolean (rand) ? "-" : "",
                              g_rand_int (rand) >> g_rand_int_range (rand, 0, 32),
                              g_rand_int_range (rand, 1, 12), g_rand_int (rand),
                              g_rand_boolean (rand) ? "e-" : "", "");
      if (g_str_has_suffix (text->str, "e-"))
        g_string_append_printf (text, "%d", g_rand_int_range (rand, 0, 320));
      break;
    case 3:
      g_string_append_printf (text, "%s%u.%04u", g_rand_boolean (rand) ? "-" : "",
                              g_rand_int (rand) >> g_rand_int_range (rand, 0, 32),
                              g_rand_int_range (rand, 0, 10000));
      break;
    default:
      append_random_string (text, rand);
      break;
    }
}

static void
append_random_event (GString *text, GRand *rand)
{
  guint start = (guint) g_rand_int_range (rand, 0, 5);
  gboolean first = TRUE;

  g_string_append_c (text, '{');
  for (guint i = 0; i < 5; i++)
    {
      guint field = (start + i * 2) % 5;

      if (g_rand_int_range (rand, 0, 6) == 0)
        continue;
      append_space (text, rand);
      if (!first)
        {
          g_string_append_c (text, ',');
          append_space (text, rand);
        }
      first = FALSE;
      g_string_append_printf (text, "\"%s\"", names[field]);
      append_space (text, rand);
      g_string_append_c (text, ':');
      append_space (text, rand);
      append_random_value (text, rand, field);
    }
  append_space (text, rand);
  g_string_append_c (text, '}');
}

static void
check_same (SynEventBatch *batch, const char *text, gsize length)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  JsonObject *object;

  if (!json_parser_load_from_data (parser, text, (gssize) length, &error))
    g_error ("json-glib refuses (%s) what the reader accepts: %s", error->message, text);
  object = json_node_get_object (json_parser_get_root (parser));
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    if (!same_value (syn_event_batch_get_columns (batch)[i], 0, json_object_get_member (object, names[i])))
      g_error ("another %s: %s", names[i], text);
}

static void
test_differential (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (RANDOM_FIELDS);
  g_autoptr (GRand) rand = g_rand_new_with_seed (20240501);
  guint n_damaged_accepted = 0;

  for (guint i = 0; i < 1500; i++)
    {
      g_autoptr (GString) text = g_string_new (NULL);
      g_autoptr (SynEventBatch) batch = NULL, damaged_batch = NULL;

      append_random_event (text, rand);
      if (!accepts (spec, SYN_FORMAT_NDJSON, text->str, text->len, &batch))
        g_error ("refused: %s", text->str);
      check_same (batch, text->str, text->len);

      /* A byte changed: what the reader still accepts, json-glib does too, with the same values. */
      text->str[g_rand_int_range (rand, 0, (gint32) text->len)] = (char) g_rand_int_range (rand, 1, 256);
      if (strchr (text->str, '\n') == NULL
          && accepts (spec, SYN_FORMAT_NDJSON, text->str, text->len, &damaged_batch) && damaged_batch != NULL)
        {
          check_same (damaged_batch, text->str, text->len);
          n_damaged_accepted++;
        }
    }
  g_assert_cmpuint (n_damaged_accepted, >, 30);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/json-conformance/suite", test_suite);
  g_test_add_func ("/json-conformance/naughty-strings", test_naughty_strings);
  g_test_add_func ("/json-conformance/differential", test_differential);
  return g_test_run ();
}
