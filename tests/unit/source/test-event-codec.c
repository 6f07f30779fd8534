/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Batches to bytes and back: as they were, also under a catalog that has changed, and nothing else is taken for one. */
#include "source-fixture.h"
#include "syn-event-codec.h"
#include "syn-journal-record.h"

#include <math.h>

#define ALL_FIELDS "f:bool i:int64 d:double m:decimal(2) s:string t:timestamp"

/* Random events, each field null with @null_percent. */
static SynEventBatch *
make_batch (const SynSourceSpec *spec, guint n_events, int null_percent)
{
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  SynEventBatch *batch;

  for (guint e = 0; e < n_events; e++)
    {
      for (guint i = 0; i < spec->n_fields; i++)
        {
          gint64 value = (gint64) g_test_rand_int () * G_MAXINT32 ^ g_test_rand_int ();
          char text[40];

          if (g_test_rand_int_range (0, 100) < null_percent)
            continue;
          switch (spec->fields[i].type)
            {
            case REPLICA_TYPE_BOOL:
              syn_event_builder_set_int64 (builder, i, value & 1);
              break;
            case REPLICA_TYPE_DOUBLE:
              syn_event_builder_set_double (builder, i, g_test_rand_double_range (-1e9, 1e9));
              break;
            case REPLICA_TYPE_STRING:
              g_snprintf (text, sizeof text, value % 3 == 0 ? "" : "é-%d-of-some-length", (int) (value % 50));
              syn_event_builder_set_string (builder, i, text, strlen (text));
              break;
            default:
              syn_event_builder_set_int64 (builder, i, spec->fields[i].type == REPLICA_TYPE_TIMESTAMP ? value >> 12 : value);
            }
        }
      syn_event_builder_commit (builder);
    }
  batch = syn_event_builder_take (builder);
  syn_event_batch_set_epoch (batch, 0x123456789abcdef0);
  syn_event_batch_set_first_sequence (batch, 4711, 1700000000000001);
  return batch;
}

static void
test_there_and_back (void)
{
  static const guint counts[] = { 1, 7, 8, 9, 64, 513 };
  static const int null_percents[] = { 0, 10, 100 };
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (ALL_FIELDS);

  for (guint c = 0; c < G_N_ELEMENTS (counts); c++)
    for (guint p = 0; p < G_N_ELEMENTS (null_percents); p++)
      {
        g_autoptr (SynEventBatch) batch = make_batch (spec, counts[c], null_percents[p]), back = NULL;
        g_autoptr (GError) error = NULL;
        g_autoptr (GBytes) bytes = syn_event_codec_encode (batch, &error), again = NULL;
        g_autofree char *before = fixture_batch_to_text (batch), *after = NULL;

        g_assert_no_error (error);
        back = syn_event_codec_decode (spec, bytes, &error);
        g_assert_no_error (error);
        after = fixture_batch_to_text (back);
        g_assert_cmpstr (before, ==, after);
        g_assert_true (syn_event_batch_get_source (back) == spec);
        g_assert_cmpuint (syn_event_batch_get_epoch (back), ==, 0x123456789abcdef0);
        g_assert_cmpuint (syn_event_batch_get_first_sequence (back), ==, 4711);
        g_assert_cmpuint (syn_event_batch_get_last_sequence (back), ==, 4710 + counts[c]);
        g_assert_cmpint (syn_event_batch_get_arrival_us (back), ==, 1700000000000001);
        g_assert_cmpuint (syn_event_batch_get_size_bytes (back), >, g_bytes_get_size (bytes));
        again = syn_event_codec_encode (back, &error);
        g_assert_no_error (error);
        g_assert_true (g_bytes_equal (bytes, again));
      }
}

/* What outlives the bytes that it was made from is the batch's. */
static void
test_keeps (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (ALL_FIELDS);
  g_autoptr (SynEventBatch) batch = make_batch (spec, 20, 10), back = NULL;
  g_autofree char *before = fixture_batch_to_text (batch), *after = NULL;
  GBytes *bytes = syn_event_codec_encode (batch, NULL);

  back = syn_event_codec_decode (spec, bytes, NULL);
  g_bytes_unref (bytes);
  g_clear_pointer (&batch, syn_event_batch_unref);
  batch = syn_event_batch_ref (back);
  g_clear_pointer (&back, syn_event_batch_unref);
  after = fixture_batch_to_text (batch);
  g_assert_cmpstr (before, ==, after);
}

typedef struct {
  const char *then, *now;
  const char *events; /* of {1, "x"} under @now; NULL: refused */
  const char *message;
} Change;

static void
test_changed_catalog (void)
{
  static const Change changes[] = {
    { "a:int64 b:string", "b:string a:int64", "\"x\"|1\n", NULL },
    { "a:int64 b:string", "b:string", "\"x\"\n", NULL },
    { "a:int64 b:string", "z:string a:int64 y:decimal(3) b:string x:bool", "-|1|-|\"x\"|-\n", NULL },
    { "a:int64 b:string", "y:double", "-\n", NULL },
    { "a:int64 b:string", "a:double b:string", NULL, "source \"trades\": field \"a\" is double, and was int64 when its events were kept" },
    { "a:decimal(2) b:string", "a:decimal(4) b:string", NULL,
      "source \"trades\": field \"a\" is decimal(4), and was decimal(2) when its events were kept" },
    { "a:timestamp b:string", "a:int64", NULL, "source \"trades\": field \"a\" is int64, and was timestamp when its events were kept" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (changes); i++)
    {
      g_autoptr (SynSourceSpec) then = fixture_spec_new (changes[i].then), now = fixture_spec_new (changes[i].now);
      g_autoptr (SynEventBuilder) builder = syn_event_builder_new (then);
      g_autoptr (SynEventBatch) batch = NULL, back = NULL;
      g_autoptr (GBytes) bytes = NULL, again = NULL;
      g_autoptr (GError) error = NULL;
      g_autofree char *text = NULL;

      syn_event_builder_set_int64 (builder, 0, 1);
      syn_event_builder_set_string (builder, 1, "x", 1);
      syn_event_builder_commit (builder);
      batch = syn_event_builder_take (builder);
      bytes = syn_event_codec_encode (batch, &error);
      g_assert_no_error (error);
      back = syn_event_codec_decode (now, bytes, &error);
      if (changes[i].events == NULL)
        {
          g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
          g_assert_cmpstr (error->message, ==, changes[i].message);
          continue;
        }
      g_assert_no_error (error);
      text = fixture_batch_to_text (back);
      g_assert_cmpstr (text, ==, changes[i].events);
      again = syn_event_codec_encode (back, &error); /* what was null is a column as any */
      g_assert_no_error (error);
    }
}

static void
test_others (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("a:int64"), other = fixture_spec_new ("a:int64");
  g_autoptr (SynEventBatch) batch = make_batch (spec, 3, 0), back = NULL;
  g_autoptr (GBytes) bytes = syn_event_codec_encode (batch, NULL);
  g_autoptr (GError) error = NULL;

  g_free (other->name);
  other->name = g_strdup ("quotes");
  back = syn_event_codec_decode (other, bytes, &error);
  g_assert_null (back);
  g_assert_error (error, SYN_ERROR, SYN_ERROR_INTERNAL);
  g_assert_cmpstr (error->message, ==, "source \"quotes\": kept events are those of \"trades\"");
}

static void
test_not_finite (void)
{
  static const double odd[] = { NAN, INFINITY, -INFINITY };
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("a:int64 d:double");

  for (guint i = 0; i < G_N_ELEMENTS (odd); i++)
    {
      g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
      g_autoptr (SynEventBatch) batch = NULL;
      g_autoptr (GBytes) bytes = NULL;
      g_autoptr (GError) error = NULL;

      syn_event_builder_commit (builder); /* nulls are none of them */
      syn_event_builder_set_double (builder, 1, odd[i]);
      syn_event_builder_commit (builder);
      batch = syn_event_builder_take (builder);
      bytes = syn_event_codec_encode (batch, &error);
      g_assert_null (bytes);
      g_assert_error (error, SYN_ERROR, SYN_ERROR_INVALID);
      g_assert_cmpstr (error->message, ==, "source \"trades\": field \"d\" of event 2 of a batch is not a finite number");
    }
}

/* As the journal reads them: a record that is cut off at any byte, or has any one bit flipped, is not what its checksum says; and what passes
 * all the same (the checksum too) is a batch or an error, never beyond the bytes. */
static void
test_damaged (void)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (ALL_FIELDS);
  g_autoptr (SynEventBatch) batch = make_batch (spec, 9, 20);
  g_autoptr (GBytes) bytes = syn_event_codec_encode (batch, NULL);
  SynJournalRecord record = { .sequence = 5, .epoch = 2, .kind = SYN_RECORD_BATCH, .source = (char *) "trades", .first_sequence = 4711,
                              .n_events = 9, .time_us = 1, .bytes = bytes };
  guint32 sum = syn_journal_record_sum (3, &record, syn_journal_bytes_sum (bytes));
  gsize size;
  const guint8 *data = g_bytes_get_data (bytes, &size);
  guint n_passed = 0;

  for (gsize i = 0; i < size * 9; i++)
    {
      gsize length = i < size ? i : size;
      g_autofree guint8 *copy = g_memdup2 (data, length); /* exactly this, for the sanitizer */
      g_autoptr (GBytes) damaged = NULL;
      g_autoptr (SynEventBatch) back = NULL;
      g_autoptr (GError) error = NULL;

      if (i >= size)
        copy[(i - size) / 8] ^= (guint8) (1 << (i - size) % 8);
      damaged = g_bytes_new_take (g_steal_pointer (&copy), length);
      record.bytes = damaged;
      g_assert_cmphex (syn_journal_record_sum (3, &record, syn_journal_bytes_sum (damaged)), !=, sum);
      back = syn_event_codec_decode (spec, damaged, &error);
      g_assert_true ((back == NULL) == (error != NULL));
      if (back != NULL)
        {
          g_autofree char *text = fixture_batch_to_text (back);

          g_assert_cmpuint (strlen (text), >, 0);
          n_passed++;
        }
      else
        g_assert_true (strstr (error->message, "trades") != NULL);
    }
  g_test_message ("%u of %" G_GSIZE_FORMAT " would have been taken for a batch without the checksum", n_passed, size * 9);
  g_assert_cmpuint (n_passed, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/event-codec/there-and-back", test_there_and_back);
  g_test_add_func ("/event-codec/keeps", test_keeps);
  g_test_add_func ("/event-codec/changed-catalog", test_changed_catalog);
  g_test_add_func ("/event-codec/others", test_others);
  g_test_add_func ("/event-codec/not-finite", test_not_finite);
  g_test_add_func ("/event-codec/damaged", test_damaged);
  return g_test_run ();
}
