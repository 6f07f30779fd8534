/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes from strangers: every truncation, every flipped bit, and one field wrong at a time. */

#include "replica-snapshot-private.h"
#include "test-snapshot-fixture.h"

#include <string.h>

#define COLUMNS "symbol*:string ok:bool n:int64 vwap:double last:decimal(4) sum:decimal(2) at:timestamp"
#define ROWS                                                                                                 \
  "AAPL|true|1|0.5|1.1000|99999999999999999999.00|2014-05-01T05:00:00Z\n"                                    \
  "~|~|~|~|~|~|~\n"                                                                                          \
  "Zürich|false|-7|-1e300|-0.0001|-0.01|1969-12-31T23:59:59.999999Z"

static ReplicaSnapshot *
sample (void)
{
  return test_snapshot_new (42, COLUMNS, ROWS);
}

/* A copy to write into, of exactly its size. */
static char *
dup_bytes (ReplicaSnapshot *snapshot, gsize *size)
{
  GBytes *bytes = replica_snapshot_get_bytes (snapshot);

  return g_memdup2 (g_bytes_get_data (bytes, size), g_bytes_get_size (bytes));
}

/* Either a clean refusal or a snapshot that can be walked. (transfer full): @data */
static gboolean
try_bytes (char *data, gsize size)
{
  g_autoptr (GBytes) bytes = g_bytes_new_take (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = replica_snapshot_new_from_bytes (bytes, &error);

  g_assert_true ((snapshot == NULL) == (error != NULL));
  if (snapshot == NULL)
    {
      g_assert_true (error->domain == REPLICA_ERROR);
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
      g_assert_true (g_str_has_prefix (error->message, "snapshot: "));
      return FALSE;
    }
  test_snapshot_walk (snapshot);
  return TRUE;
}

static void
test_tokens (void)
{
  static const struct
  {
    ReplicaToken token;
    const char *text;
  } good[] = {
    { { 0, 0 }, "0-0" },
    { { 1, 16 }, "1-10" },
    { { 0xabcdef, 0x123456789 }, "abcdef-123456789" },
    { { G_MAXUINT64, G_MAXUINT64 }, "ffffffffffffffff-ffffffffffffffff" },
  };
  static const char *const bad[] = { "",
                                     "-",
                                     "1",
                                     "1-",
                                     "-1",
                                     "1-1 ",
                                     " 1-1",
                                     "01-1",
                                     "1-01",
                                     "A-1",
                                     "1-1-1",
                                     "g-1",
                                     "+1-1",
                                     "0x1-1",
                                     "1--1",
                                     "1-1\n",
                                     "1_1",
                                     "10000000000000000-1",
                                     "1-10000000000000000" };
  char buffer[REPLICA_TOKEN_TEXT_MAX];
  ReplicaToken token = { 5, 6 };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_assert_false (replica_token_parse (bad[i], &token));
      g_assert_true (replica_token_equal (token, (ReplicaToken){ 5, 6 }));
    }
  for (guint i = 0; i < G_N_ELEMENTS (good); i++)
    {
      g_assert_cmpstr (replica_token_format (good[i].token, buffer), ==, good[i].text);
      g_assert_true (replica_token_parse (good[i].text, &token));
      g_assert_true (replica_token_equal (token, good[i].token));
    }
}

static void
test_utf8 (void)
{
  static const struct
  {
    const char *text;
    gsize length;
    gboolean valid;
  } cases[] = {
    { "", 0, TRUE },
    { "plain ASCII of more than eight bytes", 36, TRUE },
    { "\0\0\0", 3, TRUE },
    { "1234567é", 9, TRUE },
    { "\xc2\x80", 2, TRUE },
    { "\xc1\xbf", 2, FALSE }, /* longer than need be */
    { "\xe0\xa0\x80", 3, TRUE },
    { "\xe0\x9f\xbf", 3, FALSE },
    { "\xed\x9f\xbf", 3, TRUE },
    { "\xed\xa0\x80", 3, FALSE }, /* a surrogate */
    { "\xed\xbf\xbf", 3, FALSE },
    { "\xee\x80\x80", 3, TRUE },
    { "\xf0\x90\x80\x80", 4, TRUE },
    { "\xf0\x8f\xbf\xbf", 4, FALSE },
    { "\xf4\x8f\xbf\xbf", 4, TRUE },
    { "\xf4\x90\x80\x80", 4, FALSE }, /* past the last plane */
    { "\xf5\x80\x80\x80", 4, FALSE },
    { "\x80", 1, FALSE },
    { "\xff", 1, FALSE },
    { "é", 1, FALSE }, /* cut short */
    { "€", 2, FALSE },
    { "😀", 3, FALSE },
    { "\xc3\0", 2, FALSE },
    { "12345678\xc3(", 10, FALSE },
  };
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *copy = g_memdup2 (cases[i].text, cases[i].length);
      g_assert_cmpint (replica_text_is_utf8 (copy != NULL ? copy : "", cases[i].length), ==, cases[i].valid);
    }
  /* Against GLib's, but for NUL: any character, then a random byte over one of them. */
  for (guint i = 0; i < 100000; i++)
    {
      char text[12] = "";
      int n = g_unichar_to_utf8 ((gunichar) g_rand_int_range (rand, 1, 0xd800), text);

      n += g_unichar_to_utf8 ((gunichar) g_rand_int_range (rand, 0xe000, 0x110000), text + n);
      if (i % 2)
        text[g_rand_int_range (rand, 0, n)] = (char) g_rand_int_range (rand, 1, 256);
      g_assert_cmpint (replica_text_is_utf8 (text, (gsize) n), ==,
                       g_utf8_validate_len (text, (gsize) n, NULL));
    }
}

static void
test_accessors (void)
{
  g_autoptr (ReplicaSnapshot) made = sample ();
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot =
      replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (made), &error);
  g_autofree char *text = NULL;

  g_assert_no_error (error);
  g_assert_true (replica_snapshot_get_bytes (snapshot)
                 == replica_snapshot_get_bytes (made)); /* nothing copied */
  g_assert_cmpstr (replica_snapshot_get_path (snapshot), ==, "test/table");
  g_assert_true (replica_token_equal (replica_snapshot_get_token (snapshot), (ReplicaToken){ 7, 42 }));
  g_assert_cmpint (replica_snapshot_get_time_us (snapshot), ==, 1398920400000000);
  g_assert_cmpuint (replica_snapshot_get_n_rows (snapshot), ==, 3);
  g_assert_cmpuint (replica_snapshot_get_n_columns (snapshot), ==, 7);
  g_assert_cmpint (replica_snapshot_find_column (snapshot, "sum"), ==, 5);
  g_assert_cmpint (replica_snapshot_find_column (snapshot, "su"), ==, -1);
  g_assert_true (replica_snapshot_get_column (snapshot, 0)->is_key);
  g_assert_false (replica_snapshot_get_column (snapshot, 1)->is_key);
  g_assert_cmpuint (replica_snapshot_get_column (snapshot, 4)->width, ==, 8); /* narrowed */
  g_assert_cmpuint (replica_snapshot_get_column (snapshot, 5)->width, ==, 16);
  text = test_snapshot_to_text (snapshot);
  g_assert_cmpstr (text, ==, ROWS);
  test_snapshot_walk (snapshot);
}

/* How often its like come: a mark of who made it, in its bytes, and not after anybody has seen it. */
static void
test_stretched (void)
{
  static const guint cases[][2] = { { 0, 0 }, { 1, 100 }, { 100, 100 }, { 4000, 4000 }, { 4001, 4100 }, { G_MAXUINT - 100, 6553500 } };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (ReplicaSnapshot) snapshot = sample (), read = NULL;
      g_autoptr (GError) error = NULL;

      replica_snapshot_set_stretched_ms (snapshot, cases[i][0]);
      read = replica_snapshot_new_from_bytes (replica_snapshot_get_bytes (snapshot), &error);
      g_assert_no_error (error);
      g_assert_cmpuint (replica_snapshot_get_stretched_ms (read), ==, cases[i][1]);
      g_assert_nonnull (replica_snapshot_get_json (snapshot));
      replica_snapshot_set_stretched_ms (snapshot, 500);
      g_assert_cmpuint (replica_snapshot_get_stretched_ms (snapshot), ==, cases[i][1]);
    }
}

static void
test_unaligned (void)
{
  g_autoptr (ReplicaSnapshot) made = sample ();
  GBytes *whole = replica_snapshot_get_bytes (made);
  gsize size = g_bytes_get_size (whole);
  g_autofree char *shifted = g_malloc (size + 1);
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autofree char *text = NULL;

  memcpy (shifted + 1, g_bytes_get_data (whole, NULL), size);
  bytes = g_bytes_new_static (shifted + 1, size);
  snapshot = replica_snapshot_new_from_bytes (bytes, &error);
  g_assert_no_error (error);
  text = test_snapshot_to_text (snapshot);
  g_assert_cmpstr (text, ==, ROWS);
}

static void
test_truncations (void)
{
  g_autoptr (ReplicaSnapshot) snapshot = sample ();
  GBytes *bytes = replica_snapshot_get_bytes (snapshot);
  gsize size = g_bytes_get_size (bytes);

  for (gsize cut = 0; cut < size; cut++)
    {
      char *data = g_memdup2 (g_bytes_get_data (bytes, NULL), cut);

      /* Also with a head that agrees with the cut. */
      g_assert_false (try_bytes (g_memdup2 (data, cut), cut));
      if (cut >= sizeof (ReplicaWireSnapshot))
        ((ReplicaWireSnapshot *) data)->size_bytes = (guint32) cut;
      try_bytes (data, cut);
    }
}

static void
test_flipped_bits (void)
{
  g_autoptr (ReplicaSnapshot) snapshot =
      test_snapshot_new (42, "k*:string ok:bool d:double m:decimal(4)", "é|true|0.5|1.1000\n~|~|~|~");
  gsize size;
  g_autofree char *data = dup_bytes (snapshot, &size);
  guint n_refused = 0;

  for (gsize bit = 0; bit < size * 8; bit++)
    {
      char *copy = g_memdup2 (data, size);

      copy[bit / 8] ^= (char) (1 << bit % 8);
      n_refused += !try_bytes (copy, size);
    }
  /* All of the head's and columns' offsets, lengths and kinds at the least. */
  g_test_message ("%u of %u flips refused", n_refused, (guint) size * 8);
  g_assert_cmpuint (n_refused, >, 1000);
}

/* Where a wrong value is written: a field of the head or of a column, or the bytes that one points to. */
typedef enum
{
  HEAD,
  COLUMN,
  PATH,
  SOURCE,
  NAME,
  DATA,
  VALIDITY,
  DICT_OFFSETS,
  DICT_BYTES,
} Place;

#define IN_HEAD(field, value)                                                                                \
  HEAD, 0, G_STRUCT_OFFSET (ReplicaWireSnapshot, field), G_SIZEOF_MEMBER (ReplicaWireSnapshot, field), value
#define IN_COLUMN(column, field, value)                                                                      \
  COLUMN, column, G_STRUCT_OFFSET (ReplicaWireColumn, field), G_SIZEOF_MEMBER (ReplicaWireColumn, field),    \
      value

/* Columns: 0 symbol:string, 1 ok:bool, 2 n:int64, 3 vwap:double, 4 last:decimal(4), 5 at:timestamp; rows: a
 * value, null, a value. */
static const struct
{
  Place place;
  guint column;
  gsize offset;
  gsize size;
  guint64 value;
  const char *message; /* a part of it */
} wrong_values[] = {
  { IN_HEAD (magic, 1), "snapshot: it does not begin as one" },
  { IN_HEAD (version, 2), "unknown version 2" },
  { IN_HEAD (size_bytes, 1000), "it says that it has 1000 bytes" },
  { IN_HEAD (n_rows, G_MAXUINT32), "column 0: the data, 17179869180 bytes" },
  { IN_HEAD (n_rows, 200), "column 0: the data, 800 bytes" },
  { IN_HEAD (n_columns, 0), "3 rows without a column" },
  { IN_HEAD (n_columns, 1000), "the columns, 32000 bytes" },
  { IN_HEAD (columns_offset, 68), "offset 68 of the columns is not 8-aligned" },
  { IN_HEAD (columns_offset, 0xfffffff8), "ends beyond" },
  { IN_HEAD (n_frontier, G_MAXUINT32), "the frontier, 68719476720 bytes" },
  { IN_HEAD (path_offset, 0xfffffff8), "the path" },
  { IN_HEAD (path_bytes, 3), "the path does not end" },
  { IN_HEAD (path_bytes, G_MAXUINT32), "the path, 4294967296 bytes" },
  { PATH, 0, 2, 1, 0, "the path does not end with its only NUL" },
  { PATH, 0, 2, 1, 0xff, "the path is not UTF-8" },
  { SOURCE, 0, 0, 1, 0xff, "the frontier's source is not UTF-8" },
  { NAME, 1, 0, 1, 0xff, "column 1: the name is not UTF-8" },
  { NAME, 1, 0, 2, 0x7461, "two columns have the same name, “at”" },
  { IN_COLUMN (2, name_offset, 4), "column 2: offset 4 of the name is not 8-aligned" },
  { IN_COLUMN (2, type, 7), "column 2: unknown type 7" },
  { IN_COLUMN (2, type, 0), "column 2: unknown type 0" },
  { IN_COLUMN (2, width, 16), "column 2: int64 of width 16" },
  { IN_COLUMN (2, width, 0), "column 2: int64 of width 0" },
  { IN_COLUMN (4, scale, 19), "column 4: decimal of scale 19" },
  { IN_COLUMN (2, scale, 1), "column 2: int64 of scale 1" },
  { IN_COLUMN (2, flags, 2), "column 2: unknown flags 0x2" },
  { IN_COLUMN (2, data_offset, 0xfffffff8), "column 2: the data" },
  { IN_COLUMN (2, data_offset, 12), "column 2: offset 12 of the data is not 8-aligned" },
  { IN_COLUMN (2, validity_offset, 0xfffffff8), "column 2: the validity" },
  { VALIDITY, 2, 0, 1, 0x85, "column 2: validity past the last row" },
  { DATA, 2, 8, 1, 1, "column 2: row 1 is null, but its data is not zero" },
  { DATA, 1, 0, 1, 2, "column 1: a bool that is neither" },
  { DATA, 3, 0, 8, G_MAXUINT64, "column 3: a double that is not" },
  { DATA, 3, 0, 8, G_GUINT64_CONSTANT (0x7ff0000000000000), "column 3: a double that is not" },
  { DATA, 3, 0, 8, G_GUINT64_CONSTANT (0xfff0000000000000), "column 3: a double that is not" },
  { IN_COLUMN (2, n_dict, 1), "column 2: a dictionary" },
  { DATA, 0, 0, 4, 2, "column 0: code 2, and the dictionary has 2" },
  { IN_COLUMN (0, n_dict, 0), "column 0: code 1, and the dictionary has 0" },
  { IN_COLUMN (0, n_dict, G_MAXUINT32), "column 0: the dictionary's offsets, 17179869184 bytes" },
  { DICT_OFFSETS, 0, 0, 4, 1, "column 0: the dictionary's text begins at 1" },
  { DICT_OFFSETS, 0, 4, 4, 0, "column 0: string 0 of the dictionary" },
  { DICT_OFFSETS, 0, 4, 4, G_MAXUINT32, "column 0: string 0 of the dictionary" },
  { DICT_OFFSETS, 0, 8, 4, G_MAXUINT32, "column 0: the dictionary's text, 4294967295 bytes" },
  { DICT_BYTES, 0, 4, 1, '!', "column 0: string 0 of the dictionary" },
  { DICT_BYTES, 0, 0, 1, 0x80, "column 0: the dictionary is not UTF-8" },
};

static char *
find_place (char *base, Place place, guint column)
{
  ReplicaWireSnapshot *head = (ReplicaWireSnapshot *) base;
  ReplicaWireColumn *wire = (ReplicaWireColumn *) (base + head->columns_offset) + column;

  switch (place)
    {
    case COLUMN:
      return (char *) wire;
    case PATH:
      return base + head->path_offset;
    case SOURCE:
      return base + ((ReplicaWireFrontier *) (base + head->frontier_offset))->name_offset;
    case NAME:
      return base + wire->name_offset;
    case DATA:
      return base + wire->data_offset;
    case VALIDITY:
      return base + wire->validity_offset;
    case DICT_OFFSETS:
      return base + wire->dict_offsets_offset;
    case DICT_BYTES:
      return base + wire->dict_bytes_offset;
    case HEAD:
    default:
      return base;
    }
}

static ReplicaSnapshot *
sample_with_frontier (void)
{
  static const char *const names[] = { "symbol:string", "ok:bool",         "n:int64",
                                       "vwap:double",   "last:decimal(4)", "at:timestamp" };
  static const char *const values[] = { "AAPL", "true", "5", "0.5", "1.5", "2014-05-01T05:00:00Z" };
  static const ReplicaType types[] = { REPLICA_TYPE_STRING, REPLICA_TYPE_BOOL,    REPLICA_TYPE_INT64,
                                       REPLICA_TYPE_DOUBLE, REPLICA_TYPE_DECIMAL, REPLICA_TYPE_TIMESTAMP };
  static const guint widths[] = { 4, 1, 8, 8, 8, 8 };
  ReplicaSnapshotBuilder *builder = replica_snapshot_builder_new ("test", (ReplicaToken){ 1, 1 }, 0, 3);
  g_autoptr (GPtrArray) columns = g_ptr_array_new_with_free_func ((GDestroyNotify) test_column_free);
  g_autoptr (GError) error = NULL;
  ReplicaSnapshot *snapshot;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *name = g_strndup (names[i], strcspn (names[i], ":"));
      TestColumn *column = test_column_new (name, types[i], i == 4 ? 4 : 0, widths[i], i == 0);

      g_ptr_array_add (columns, column);
      test_column_add_text (column, values[i]);
      test_column_add_null (column);
      test_column_add_text (column, i == 0 ? "MSFT" : values[i]);
      replica_snapshot_builder_add (builder, test_column_get (column));
    }
  replica_snapshot_builder_add_frontier (builder, "trades", 4711);
  snapshot = replica_snapshot_builder_finish (builder, &error);
  g_assert_no_error (error);
  return snapshot;
}

static void
test_wrong_values (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (wrong_values); i++)
    {
      g_autoptr (ReplicaSnapshot) snapshot = sample_with_frontier ();
      gsize size;
      char *base = dup_bytes (snapshot, &size);
      g_autoptr (GBytes) bytes = g_bytes_new_take (base, size);
      g_autoptr (GError) error = NULL;
      g_autoptr (ReplicaSnapshot) before = replica_snapshot_new_from_bytes (bytes, &error);

      g_assert_no_error (error);
      memcpy (find_place (base, wrong_values[i].place, wrong_values[i].column) + wrong_values[i].offset,
              &wrong_values[i].value, wrong_values[i].size);
      g_assert_null (replica_snapshot_new_from_bytes (bytes, &error));
      g_test_message ("%s", error->message);
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
      g_assert_true (g_str_has_prefix (error->message, "snapshot: "));
      g_assert_nonnull (strstr (error->message, wrong_values[i].message));
    }
}

/* Each part in bounds, but the same bytes for several: the work could be made any multiple of the size. */
static void
test_shared_bytes (void)
{
  g_autoptr (GString) ones = g_string_new ("1");
  g_autoptr (ReplicaSnapshot) snapshot = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  ReplicaWireColumn *columns;
  ReplicaWireSnapshot *head;
  gsize size;

  for (guint i = 1; i < 1000; i++)
    g_string_append (ones, "|1");
  g_string_replace (ones, "|", "\n", 0);
  snapshot = test_snapshot_new (1, "a:int64", ones->str);
  head = (ReplicaWireSnapshot *) dup_bytes (snapshot, &size);
  bytes = g_bytes_new_take (head, size);
  columns = (ReplicaWireColumn *) ((char *) head + head->columns_offset);
  /* The second column's entry lies in the data, and says that its data is the first one's. */
  head->columns_offset = columns[0].data_offset;
  head->n_columns = 2;
  {
    ReplicaWireColumn first = columns[0];
    ReplicaWireColumn *moved = (ReplicaWireColumn *) ((char *) head + head->columns_offset);

    moved[0] = moved[1] = first;
  }
  g_assert_null (replica_snapshot_new_from_bytes (bytes, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
  g_assert_nonnull (strstr (error->message, "shares bytes"));
}

/* A part in the head would change with it: with the token and the time that whoever passes a snapshot on gives it. */
static void
test_in_the_head (void)
{
  g_autoptr (ReplicaSnapshot) snapshot = test_snapshot_new (1, "a:int64", "1\n2");
  gsize size;
  ReplicaWireSnapshot *head = (ReplicaWireSnapshot *) dup_bytes (snapshot, &size);
  g_autoptr (GBytes) bytes = g_bytes_new_take (head, size);
  ReplicaWireColumn *column = (ReplicaWireColumn *) ((char *) head + head->columns_offset);

  for (guint offset = 0; offset < sizeof *head; offset += 8)
    {
      g_autoptr (GError) error = NULL;

      column->data_offset = offset;
      g_assert_null (replica_snapshot_new_from_bytes (bytes, &error));
      g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
      g_assert_nonnull (strstr (error->message, "the data, 16 bytes at"));
      g_assert_nonnull (strstr (error->message, "lies in the head"));
    }
}

static void
test_limits (void)
{
  gsize size = sizeof (ReplicaWireSnapshot) + (REPLICA_SNAPSHOT_MAX_COLUMNS + 1) * sizeof (ReplicaWireColumn);
  ReplicaWireSnapshot *head = g_malloc0 (size);
  g_autoptr (GBytes) bytes = g_bytes_new_take (head, size);
  g_autoptr (GBytes) huge =
      g_bytes_new_static (head, (gsize) REPLICA_SNAPSHOT_MAX_BYTES + 8); /* never read so far */
  g_autoptr (GError) error = NULL;

  head->magic = REPLICA_WIRE_MAGIC;
  head->version = REPLICA_WIRE_VERSION;
  head->size_bytes = (guint32) size;
  head->n_columns = REPLICA_SNAPSHOT_MAX_COLUMNS + 1;
  head->columns_offset = sizeof *head;
  g_assert_null (replica_snapshot_new_from_bytes (bytes, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);
  g_assert_nonnull (strstr (error->message, "1025 columns, and the limit is 1024"));
  g_clear_error (&error);
  g_assert_null (replica_snapshot_new_from_bytes (huge, &error));
  g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE);
  g_clear_error (&error);
  /* No column at all, and no row, is a snapshot. */
  head->n_columns = 0;
  head->path_offset = sizeof *head;
  {
    g_autoptr (ReplicaSnapshot) snapshot = replica_snapshot_new_from_bytes (bytes, &error);
    g_assert_no_error (error);
    test_snapshot_walk (snapshot);
  }
  /* Nothing is fewer bytes than a head. */
  {
    g_autoptr (GBytes) nothing = g_bytes_new (NULL, 0);
    g_assert_null (replica_snapshot_new_from_bytes (nothing, &error));
    g_assert_error (error, REPLICA_ERROR, REPLICA_ERROR_PROTOCOL);
  }
}

static gpointer
ask_for_forms (gpointer snapshot)
{
  GBytes **forms = g_new (GBytes *, 2);

  forms[0] = replica_snapshot_get_json (snapshot);
  forms[1] = replica_snapshot_get_csv (snapshot);
  return forms;
}

/* Whoever asks, however many at once: one form. */
static void
test_forms_made_once (void)
{
  for (guint round = 0; round < 50; round++)
    {
      g_autoptr (ReplicaSnapshot) snapshot = sample ();
      GThread *threads[4];

      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        threads[i] = g_thread_new ("asks", ask_for_forms, snapshot);
      for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
        {
          g_autofree GBytes **forms = g_thread_join (threads[i]);

          g_assert_true (forms[0] == replica_snapshot_get_json (snapshot));
          g_assert_true (forms[1] == replica_snapshot_get_csv (snapshot));
        }
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/snapshot/tokens", test_tokens);
  g_test_add_func ("/snapshot/utf8", test_utf8);
  g_test_add_func ("/snapshot/accessors", test_accessors);
  g_test_add_func ("/snapshot/stretched", test_stretched);
  g_test_add_func ("/snapshot/unaligned", test_unaligned);
  g_test_add_func ("/snapshot/truncations", test_truncations);
  g_test_add_func ("/snapshot/flipped-bits", test_flipped_bits);
  g_test_add_func ("/snapshot/wrong-values", test_wrong_values);
  g_test_add_func ("/snapshot/shared-bytes", test_shared_bytes);
  g_test_add_func ("/snapshot/in-the-head", test_in_the_head);
  g_test_add_func ("/snapshot/limits", test_limits);
  g_test_add_func ("/snapshot/forms-made-once", test_forms_made_once);
  return g_test_run ();
}
