/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Sources of kind "file": reading in steps, zstd and its damages, pacing by event time, following, files that
 * are missing. The clock is the stepped silo's; the worker's threads are waited for, never slept for. */
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <zstd.h>
#include "silo-fixture.h"
#include "syn-file-job.h"
#include "syn-limits.h"

typedef struct
{
  char *dir;
  char *path; /* of the file under test */
} Files;

static Files *
files_new (const char *name)
{
  Files *self = g_new0 (Files, 1);

  self->dir = g_dir_make_tmp ("syn-file-XXXXXX", NULL);
  self->path = g_build_filename (self->dir, name, NULL);
  return self;
}

static void
files_free (Files *self)
{
  g_autoptr (GDir) dir = g_dir_open (self->dir, 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (self->dir, name, NULL);
      g_remove (path);
    }
  g_rmdir (self->dir);
  g_free (self->dir);
  g_free (self->path);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Files, files_free)

static void
write_bytes (const char *path, const char *mode, const char *data, gsize size)
{
  FILE *file = fopen (path, mode);

  g_assert_nonnull (file);
  g_assert_cmpuint (fwrite (data, 1, size, file), ==, size);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
write_text (const char *path, const char *text)
{
  write_bytes (path, "w", text, strlen (text));
}

static void
append_text (const char *path, const char *text)
{
  write_bytes (path, "a", text, strlen (text));
}

static GByteArray *
compress (const char *text, gsize size, gboolean checksum)
{
  GByteArray *bytes = g_byte_array_new ();
  ZSTD_CCtx *zstd = ZSTD_createCCtx ();
  size_t n;

  g_byte_array_set_size (bytes, (guint) ZSTD_compressBound (size));
  ZSTD_CCtx_setParameter (zstd, ZSTD_c_checksumFlag, checksum);
  n = ZSTD_compress2 (zstd, bytes->data, bytes->len, text, size);
  g_assert_false (ZSTD_isError (n));
  g_byte_array_set_size (bytes, (guint) n);
  ZSTD_freeCCtx (zstd);
  return bytes;
}

/* ---- the job alone ---- */

typedef struct
{
  GString *text;
  GArray *sizes;
  GString *times;
  gboolean closed;
} Sink;

static gboolean
sink_give (gpointer user_data, SynEventBatch *batch, gint64 first_us, gint64 last_us)
{
  Sink *self = user_data;
  guint n = syn_event_batch_get_n_events (batch);
  g_autofree char *text = fixture_batch_to_text (batch);

  g_string_append (self->text, text);
  g_array_append_val (self->sizes, n);
  if (first_us == G_MININT64)
    g_string_append (self->times, "- ");
  else
    g_string_append_printf (self->times, "%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT " ", first_us, last_us);
  syn_event_batch_unref (batch);
  return TRUE;
}

static gboolean
sink_is_closed (gpointer user_data)
{
  return ((Sink *) user_data)->closed;
}

static const SynFileSink sink_class = { sink_give, sink_is_closed };

static void
sink_clear (Sink *self)
{
  g_string_free (self->text, TRUE);
  g_string_free (self->times, TRUE);
  g_array_unref (self->sizes);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sink, sink_clear)

static Sink
sink_new (void)
{
  Sink self = { g_string_new (NULL), g_array_new (FALSE, FALSE, sizeof (guint)), g_string_new (NULL), FALSE };

  return self;
}

static SynSourceSpec *
file_spec (const char *fields, const char *path, SynFileFormat format)
{
  SynSourceSpec *spec = fixture_spec_new (fields);

  spec->kind = SYN_SOURCE_FILE;
  spec->path = g_strdup (path);
  spec->format = format;
  return spec;
}

/* Reads the whole file with ample credit: the events, then "!error". */
static char *
read_whole (const SynSourceSpec *spec)
{
  g_autoptr (SynFileJob) job = syn_file_job_new (spec, SYN_MAX_FILE_BATCH_EVENTS);
  g_auto (Sink) sink = sink_new ();
  g_autoptr (GError) error = NULL;
  SynFileStep step;

  syn_file_job_add_credit (job, 1000000);
  step = syn_file_job_step (job, &sink_class, &sink, &error);
  g_assert_true ((step == SYN_FILE_STEP_END) == (error == NULL));
  if (error != NULL)
    g_string_append_printf (sink.text, "!%s", error->message);
  return g_strdup (sink.text->str);
}

static void
test_credit (void)
{
  g_autoptr (Files) files = files_new ("n.csv");
  g_autoptr (SynSourceSpec) spec = file_spec ("n:int64", files->path, SYN_FILE_CSV);
  g_autoptr (SynFileJob) job = syn_file_job_new (spec, 10);
  g_autoptr (GString) text = g_string_new ("n\n"), expected = g_string_new (NULL);
  g_auto (Sink) sink = sink_new ();

  for (guint i = 0; i < 35; i++)
    {
      g_string_append_printf (text, "%u\n", i);
      g_string_append_printf (expected, "%u\n", i);
    }
  write_text (files->path, text->str);

  g_assert_cmpint (syn_file_job_step (job, &sink_class, &sink, NULL), ==, SYN_FILE_STEP_CREDIT);
  g_assert_cmpuint (sink.sizes->len, ==, 0);
  syn_file_job_add_credit (job, 2);
  g_assert_cmpint (syn_file_job_step (job, &sink_class, &sink, NULL), ==, SYN_FILE_STEP_CREDIT);
  g_assert_cmpuint (sink.sizes->len, ==, 2);
  g_assert_cmpint (syn_file_job_get_credit (job), ==, 0);
  syn_file_job_add_credit (job, 5);
  g_assert_cmpint (syn_file_job_step (job, &sink_class, &sink, NULL), ==, SYN_FILE_STEP_END);
  g_assert_cmpuint (sink.sizes->len, ==, 4);
  for (guint i = 0; i < 4; i++)
    g_assert_cmpuint (g_array_index (sink.sizes, guint, i), ==, i < 3 ? 10 : 5);
  g_assert_cmpstr (sink.text->str, ==, expected->str);
  g_assert_cmpint (syn_file_job_step (job, &sink_class, &sink, NULL), ==, SYN_FILE_STEP_END);
  sink.closed = TRUE;
  {
    g_autoptr (SynFileJob) closed = syn_file_job_new (spec, 10);
    syn_file_job_add_credit (closed, 1);
    g_assert_cmpint (syn_file_job_step (closed, &sink_class, &sink, NULL), ==, SYN_FILE_STEP_CLOSED);
  }
}

static void
test_mistakes (void)
{
  static const struct
  {
    SynFileFormat format;
    const char *text, *events, *error;
  } cases[] = {
    { SYN_FILE_CSV, "n\n1\n2\nx\n3\n", "1\n2\n", ":4:1: field \"n\": expected int64, found \"x\"" },
    { SYN_FILE_NDJSON, "{\"n\":1}\n{\"n\":2,\"m\":3}\n", "1\n",
      ":2:8: unknown field \"m\" of source \"trades\"" },
    { SYN_FILE_NDJSON, "{\"n\":1}\n{\"n\":2", "1\n", ":2:7: the text ends inside an event" },
    { SYN_FILE_NDJSON, "{\"n\":1}\n{\"n\":2}", "1\n2\n", NULL },
    { SYN_FILE_CSV, "", "", NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (Files) files = files_new ("text");
      g_autoptr (SynSourceSpec) spec = file_spec ("n:int64", files->path, cases[i].format);
      g_autofree char *read = NULL, *expected = NULL;

      write_text (files->path, cases[i].text);
      read = read_whole (spec);
      expected = cases[i].error != NULL
                     ? g_strconcat (cases[i].events, "!", files->path, cases[i].error, NULL)
                     : g_strdup (cases[i].events);
      g_assert_cmpstr (read, ==, expected);
    }
}

static void
test_not_a_file (void)
{
  g_autoptr (Files) files = files_new ("pipe");
  g_autoptr (SynSourceSpec) pipe_spec = file_spec ("n:int64", files->path, SYN_FILE_CSV);
  g_autoptr (SynSourceSpec) dir_spec = file_spec ("n:int64", files->dir, SYN_FILE_CSV);
  g_autofree char *a = NULL, *b = NULL;

  g_assert_cmpint (mkfifo (files->path, 0600), ==, 0);
  a = read_whole (pipe_spec);
  b = read_whole (dir_spec);
  g_assert_true (g_str_has_suffix (a, "/pipe: not a regular file"));
  g_assert_true (g_str_has_suffix (b, ": not a regular file"));
}

static char *
many_numbers (guint n)
{
  GString *text = g_string_new ("n\n");
  char number[REPLICA_TEXT_MAX];

  for (guint i = 0; i < n; i++)
    {
      g_string_append_len (text, number, (gssize) replica_write_int64 (number, (gint64) i * 7919));
      g_string_append_c (text, '\n');
    }
  return g_string_free (text, FALSE);
}

/* Frames one after the other, an empty one, one that can be skipped: one text. */
static void
test_zstd_frames (void)
{
  g_autoptr (Files) files = files_new ("n.csv.zst");
  g_autoptr (SynSourceSpec) spec = file_spec ("n:int64", files->path, SYN_FILE_CSV);
  g_autofree char *text = many_numbers (100000), *read = NULL;
  static const char skippable[] = "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz";
  gsize size = strlen (text), at = 0;

  write_text (files->path, "");
  for (guint i = 0; at < size; i++)
    {
      gsize part = MIN (size - at, i == 3 ? 0 : 131072 + i * 50000);
      g_autoptr (GByteArray) frame = compress (text + at, part, i % 2 == 0);

      write_bytes (files->path, "a", (const char *) frame->data, frame->len);
      if (i == 2)
        write_bytes (files->path, "a", skippable, sizeof skippable - 1);
      at += part;
    }
  read = read_whole (spec);
  g_assert_cmpstr (read, ==, text + 2);
}

/* Cut at many bytes: what is whole is read, and then comes the truncation; only an end between frames is
 * none. */
static void
test_zstd_truncated (void)
{
  g_autoptr (Files) files = files_new ("n.csv.zst");
  g_autoptr (SynSourceSpec) spec = file_spec ("n:int64", files->path, SYN_FILE_CSV);
  g_autofree char *text = many_numbers (3000);
  g_autoptr (GByteArray) first = compress (text, strlen (text), TRUE), second = compress ("1\n2\n", 4, TRUE);
  gsize boundary = first->len;

  g_byte_array_append (first, second->data, second->len);
  for (gsize cut = 1; cut <= first->len; cut += cut + 40 > first->len ? 1 : 97)
    {
      g_autofree char *read = NULL, *error = g_strdup_printf ("!%s: the file ends at byte %" G_GSIZE_FORMAT
                                                              ", inside of a zstd frame: it is truncated",
                                                              files->path, cut);

      write_bytes (files->path, "w", (const char *) first->data, cut);
      read = read_whole (spec);
      if (cut == first->len || cut == boundary)
        g_assert_null (strchr (read, '!'));
      else
        g_assert_true (g_str_has_suffix (read, error));
    }
}

static void
test_zstd_corrupt (void)
{
  g_autoptr (Files) files = files_new ("n.csv.zst");
  g_autoptr (SynSourceSpec) spec = file_spec ("n:int64", files->path, SYN_FILE_CSV);
  g_autofree char *text = many_numbers (3000), *read = NULL, *plain = NULL;
  g_autoptr (GByteArray) frame = compress (text, strlen (text), TRUE);

  frame->data[frame->len - 2] ^= 0x40; /* the checksum */
  write_bytes (files->path, "w", (const char *) frame->data, frame->len);
  read = read_whole (spec);
  g_assert_nonnull (strstr (read, "!"));
  g_assert_nonnull (strstr (read, ": corrupt zstd data near byte "));
  write_text (files->path, "n\n1\n");
  plain = read_whole (spec);
  g_assert_nonnull (strstr (plain, ": corrupt zstd data near byte "));
}

/* A line of a gigabyte that is a few kilobytes of zstd. */
static void
test_zstd_bomb (void)
{
  g_autoptr (Files) files = files_new ("s.ndjson.zst");
  g_autoptr (SynSourceSpec) spec = file_spec ("s:string", files->path, SYN_FILE_NDJSON);
  g_autofree char *read = NULL, *expected = NULL, *zeros = g_strnfill (16 << 20, 'x');
  g_autoptr (GByteArray) head = compress ("{\"s\":\"ok\"}\n{\"s\":\"", 18, FALSE),
                         body = compress (zeros, 16 << 20, FALSE);

  write_bytes (files->path, "w", (const char *) head->data, head->len);
  for (guint i = 0; i < 64; i++)
    write_bytes (files->path, "a", (const char *) body->data, body->len);
  read = read_whole (spec);
  expected = g_strdup_printf ("\"ok\"\n!%s:2:1048576: the line is longer than 1048576 bytes", files->path);
  g_assert_cmpstr (read, ==, expected);
}

static void
test_pace_batches (void)
{
  g_autoptr (Files) files = files_new ("t.csv");
  g_autoptr (SynSourceSpec) spec = file_spec ("t:timestamp@ms n:int64", files->path, SYN_FILE_CSV);
  g_autoptr (SynFileJob) job = NULL;
  g_auto (Sink) sink = sink_new ();

  write_text (files->path, "t,n\n1000,1\n1000,2\n,3\n1099,4\n1050,5\n1100,6\n,7\n99999,8\n5,9\n6,10\n");
  spec->time_field = 0;
  spec->speed = 1;
  job = syn_file_job_new (spec, SYN_MAX_FILE_BATCH_EVENTS);
  syn_file_job_add_credit (job, 100);
  g_assert_cmpint (syn_file_job_step (job, &sink_class, &sink, NULL), ==, SYN_FILE_STEP_END);
  g_assert_cmpstr (sink.times->str, ==, "1000000-1099000 1100000-1100000 99999000-99999000 5000-6000 ");
  g_assert_cmpuint (g_array_index (sink.sizes, guint, 0), ==, 5);
  g_assert_cmpuint (g_array_index (sink.sizes, guint, 1), ==, 2);
  g_assert_cmpuint (g_array_index (sink.sizes, guint, 2), ==, 1);
  g_assert_cmpuint (g_array_index (sink.sizes, guint, 3), ==, 2);
}

/* ---- in a silo ---- */

#define PROJECTIONS "'projections':[{'name':'p','from':'f','key':['n'],'columns':{'c':'count()'}}]"

static Fixture *
silo_with (Files *files, const char *source)
{
  g_autofree char *json = g_strdup_printf ("{'sources':[%s]," PROJECTIONS "}", source);
  Fixture *fixture = fixture_new (json, files->dir);

  fixture_settle (fixture);
  return fixture;
}

static void
test_replay (void)
{
  g_autoptr (Files) files = files_new ("n.csv.zst");
  g_autofree char *text = many_numbers (50000);
  g_autoptr (GByteArray) frame = compress (text, strlen (text), TRUE);
  g_autoptr (Fixture) fixture = NULL;

  write_bytes (files->path, "w", (const char *) frame->data, frame->len);
  fixture =
      silo_with (files, "{'name':'f','kind':'file','path':'n.csv.zst','speed':'max','fields':{'n':'int64'}}");
  fixture_assert_status (fixture, "f", "finished 50000 in flight 0");
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, text + 2);
  for (guint i = 0; i < fixture->sizes->len; i++)
    g_assert_cmpuint (g_array_index (fixture->sizes, guint, i), <=, SYN_MAX_FILE_BATCH_EVENTS);
}

/* A projection that does not acknowledge stops the reading after so many batches. */
static void
test_back_pressure (void)
{
  g_autoptr (Files) files = files_new ("n.csv");
  g_autofree char *text = many_numbers (100000);
  g_autoptr (Fixture) fixture = NULL;
  SynMessage *message;

  write_text (files->path, text);
  fixture_starts_held = TRUE;
  fixture =
      silo_with (files, "{'name':'f','kind':'file','path':'n.csv','speed':'max','fields':{'n':'int64'}}");
  fixture_starts_held = FALSE;
  fixture_assert_status (fixture, "f", "open 32768 in flight 8");
  fixture->hold = FALSE;
  while ((message = syn_message_list_pop (&fixture->held)) != NULL)
    syn_message_reply (message, NULL, NULL);
  fixture_settle (fixture);
  fixture_assert_status (fixture, "f", "finished 100000 in flight 0");
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, text + 2);
}

static void
test_bad_line (void)
{
  g_autoptr (Files) files = files_new ("n.csv");
  g_autoptr (Fixture) fixture = NULL;
  g_autofree char *expected = NULL, *warning = NULL;

  write_text (files->path, "n\n1\n2\n3.5\n4\n");
  fixture =
      silo_with (files, "{'name':'f','kind':'file','path':'n.csv','speed':'max','fields':{'n':'int64'}}");
  expected = g_strdup_printf (
      "open 2 in flight 0: %s:4:1: field \"n\": expected int64, found \"3.5\", which is no whole number",
      files->path);
  fixture_assert_status (fixture, "f", expected);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "1\n2\n");
  warning = g_strdup_printf ("source \"f\": %s:4:1: field", files->path);
  g_assert_nonnull (strstr (fixture->warnings->str, warning));
}

static void
test_missing (void)
{
  g_autoptr (Files) files = files_new ("n.csv");
  g_autoptr (Fixture) fixture =
      silo_with (files, "{'name':'f','kind':'file','path':'n.csv','speed':'max','fields':{'n':'int64'}}");
  g_autofree char *expected =
      g_strdup_printf ("open 0 in flight 0: %s: cannot be opened: No such file or directory", files->path);

  fixture_assert_status (fixture, "f", expected);
  fixture_advance (fixture, 1000); /* tried again after 1 s, then 2, 4, … */
  write_text (files->path, "n\n5\n");
  fixture_advance (fixture, 1999);
  fixture_assert_status (fixture, "f", expected);
  fixture_advance (fixture, 1);
  fixture_assert_status (fixture, "f", "finished 1 in flight 0");
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "5\n");
}

static void
test_missing_back_off (void)
{
  g_autoptr (Files) files = files_new ("n.csv");
  g_autoptr (Fixture) fixture =
      silo_with (files, "{'name':'f','kind':'file','path':'n.csv','speed':'max','fields':{'n':'int64'}}");
  static const guint waits_ms[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };

  for (guint i = 0; i < G_N_ELEMENTS (waits_ms); i++)
    fixture_advance (fixture, waits_ms[i]);
  write_text (files->path, "n\n5\n");
  fixture_advance (fixture, 29999);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "");
  fixture_advance (fixture, 1);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "5\n");
}

/* Events come when they are due, not before, and at most a batch's length after: a tenth of a second. */
static void
test_paced (void)
{
  g_autoptr (Files) files = files_new ("t.ndjson");
  g_autoptr (Fixture) fixture = NULL;

  write_text (files->path,
              "{\"t\":1000,\"n\":1}\n{\"t\":1060,\"n\":2}\n{\"t\":2000,\"n\":3}\n{\"t\":7202000,\"n\":4}\n");
  fixture = silo_with (files, "{'name':'f','kind':'file','path':'t.ndjson','speed':2,'time':'t','fields':"
                              "{'t':{'type':'timestamp','unit':'ms'},'n':'int64'}}");
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "");
  fixture_advance (fixture, 29);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "");
  fixture_advance (fixture, 1); /* 60 ms of event time at twice the speed */
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==,
                   "1970-01-01T00:00:01Z|1\n1970-01-01T00:00:01.060Z|2\n");
  fixture_advance (fixture, 469);
  g_assert_cmpuint (fixture->sizes->len, ==, 1);
  fixture_advance (fixture, 1);
  g_assert_cmpuint (fixture->sizes->len, ==, 2);
  /* a gap of two hours takes one */
  fixture_advance (fixture, 3599999);
  g_assert_cmpuint (fixture->sizes->len, ==, 2);
  fixture_assert_status (fixture, "f", "open 3 in flight 0");
  fixture_advance (fixture, 1);
  g_assert_cmpuint (fixture->sizes->len, ==, 3);
  fixture_assert_status (fixture, "f", "finished 4 in flight 0");
}

static void
test_follow (void)
{
  g_autoptr (Files) files = files_new ("log.csv");
  g_autofree char *other = g_build_filename (files->dir, "other", NULL);
  g_autoptr (Fixture) fixture = NULL;

  write_text (files->path, "n\n1\n2");
  fixture =
      silo_with (files, "{'name':'f','kind':'file','path':'log.csv','follow':true,'fields':{'n':'int64'}}");
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "1\n"); /* "2" may go on */
  append_text (files->path, "3\n4\n");
  fixture_advance (fixture, 249);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "1\n");
  fixture_advance (fixture, 1);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "1\n23\n4\n");
  fixture_assert_status (fixture, "f", "open 3 in flight 0");

  /* truncated: from its beginning, header and all */
  write_text (files->path, "n\n5\n");
  fixture_advance (fixture, 250);
  fixture_advance (fixture, 250);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "1\n23\n4\n5\n");
  g_assert_nonnull (strstr (fixture->warnings->str, "the file was truncated"));

  /* replaced, with a last line in the old one that nobody had seen */
  append_text (files->path, "6");
  write_text (other, "n\n7\n");
  g_assert_cmpint (g_rename (other, files->path), ==, 0);
  fixture_advance (fixture, 250);
  fixture_advance (fixture, 250);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "1\n23\n4\n5\n6\n7\n");

  /* gone, and there again */
  g_assert_cmpint (g_remove (files->path), ==, 0);
  fixture_advance (fixture, 1000);
  write_text (files->path, "n\n8\n");
  fixture_advance (fixture, 500);
  g_assert_cmpstr (fixture_applied (fixture, "p"), ==, "1\n23\n4\n5\n6\n7\n8\n");
  fixture_assert_status (fixture, "f", "open 7 in flight 0");
}

/* More sources than threads, and more than one thread's worth of each. */
static void
test_many_files (void)
{
  g_autoptr (Files) files = files_new ("unused");
  g_autoptr (GString) sources = g_string_new ("{'sources':["), expected = g_string_new (NULL);
  g_autoptr (Fixture) fixture = NULL;
  g_autofree char *text = many_numbers (20000);

  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *name = g_strdup_printf ("%u.csv", i),
                      *path = g_build_filename (files->dir, name, NULL);

      write_text (path, text);
      g_string_append_printf (
          sources, "%s{'name':'f%u','kind':'file','path':'%s','speed':'max','fields':{'n':'int64'}}",
          i > 0 ? "," : "", i, name);
    }
  g_string_append (sources, "],'projections':[");
  for (guint i = 0; i < 12; i++)
    g_string_append_printf (sources, "%s{'name':'p%u','from':'f%u','key':['n'],'columns':{'c':'count()'}}",
                            i > 0 ? "," : "", i, i);
  g_string_append (sources, "]}");
  fixture = fixture_new (sources->str, files->dir);
  fixture_settle (fixture);
  for (guint i = 0; i < 12; i++)
    {
      g_autofree char *source = g_strdup_printf ("f%u", i), *projection = g_strdup_printf ("p%u", i);

      fixture_assert_status (fixture, source, "finished 20000 in flight 0");
      g_assert_cmpstr (fixture_applied (fixture, projection), ==, text + 2);
    }
}

/* The silo ends while files are being read, paced and followed: nothing is left, nothing waits. */
static void
test_stop (void)
{
  g_autoptr (Files) files = files_new ("n.csv");
  g_autofree char *text = many_numbers (200000);

  write_text (files->path, text);
  for (guint i = 0; i < 6; i++)
    {
      Fixture *fixture = fixture_new (
          "{'sources':[{'name':'f','kind':'file','path':'n.csv','speed':'max','fields':{'n':'int64'}},"
          "{'name':'g','kind':'file','path':'n.csv','follow':true,'fields':{'n':'int64'}}]," PROJECTIONS "}",
          files->dir);

      for (guint k = 0; k < i; k++)
        syn_silo_settle (fixture->silo);
      fixture_free (fixture);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  g_log_set_writer_func (fixture_log, NULL, NULL);
  g_test_add_func ("/source-file/credit", test_credit);
  g_test_add_func ("/source-file/mistakes", test_mistakes);
  g_test_add_func ("/source-file/not-a-file", test_not_a_file);
  g_test_add_func ("/source-file/zstd-frames", test_zstd_frames);
  g_test_add_func ("/source-file/zstd-truncated", test_zstd_truncated);
  g_test_add_func ("/source-file/zstd-corrupt", test_zstd_corrupt);
  g_test_add_func ("/source-file/zstd-bomb", test_zstd_bomb);
  g_test_add_func ("/source-file/pace-batches", test_pace_batches);
  g_test_add_func ("/source-file/replay", test_replay);
  g_test_add_func ("/source-file/back-pressure", test_back_pressure);
  g_test_add_func ("/source-file/bad-line", test_bad_line);
  g_test_add_func ("/source-file/missing", test_missing);
  g_test_add_func ("/source-file/missing-back-off", test_missing_back_off);
  g_test_add_func ("/source-file/paced", test_paced);
  g_test_add_func ("/source-file/follow", test_follow);
  g_test_add_func ("/source-file/many-files", test_many_files);
  g_test_add_func ("/source-file/stop", test_stop);
  return g_test_run ();
}
