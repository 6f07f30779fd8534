/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* synopticctl journal, in process, on files that the engine wrote: exit status, stdout, stderr; while a server has the file open, too. */
#include <glib/gstdio.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "ctl.h"
#include "ctl-run.h"
#include "journal-fixture.h"
#include "source-fixture.h"
#include "syn-event-codec.h"

static Run run (const char *format, ...) G_GNUC_PRINTF (1, 2);

static Run
run (const char *format, ...)
{
  g_autofree char *line = NULL;
  va_list args;

  va_start (args, format);
  line = g_strdup_vprintf (format, args);
  va_end (args);
  return run_verb (ctl_journal, "http://127.0.0.1:1", line);
}

/* ---- a journal ---- */

typedef struct {
  Journal base;
  guint64 next;
} Fixture;

static void
append_events (Fixture *self, const char *fields, const char *json)
{
  g_autoptr (SynSourceSpec) spec = fixture_spec_new (fields);
  g_autoptr (SynEventBuilder) builder = syn_event_builder_new (spec);
  g_autoptr (SynEventReader) reader = syn_event_reader_new (spec, SYN_FORMAT_NDJSON, TRUE);
  g_autoptr (SynEventBatch) batch = NULL;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  SynJournalLog *log = syn_journal_get_log (self->base.journal, self->base.lane, 11);
  g_auto (Reply) reply = { 0 };
  SynReadPlace place;
  SynJournalHead head;

  if (!syn_event_reader_feed (reader, builder, json, strlen (json), &place, &error) || !syn_event_reader_finish (reader, builder, &place, &error))
    g_error ("%s", error->message);
  batch = syn_event_builder_take (builder);
  head = (SynJournalHead){ self->next, syn_event_batch_get_n_events (batch), 1700000000000000 + (gint64) self->next };
  syn_event_batch_set_first_sequence (batch, head.first_sequence, head.time_us);
  bytes = syn_event_codec_encode (batch, &error);
  g_assert_no_error (error);
  syn_journal_log_claim (log, NULL, NULL);
  journal_settle (&self->base);
  syn_journal_log_append (log, "trades", &head, bytes, reply_take, &reply);
  journal_settle (&self->base);
  g_assert_no_error (reply.error);
  self->next += head.n_events;
}

static void
setup (Fixture *self, gconstpointer data)
{
  g_auto (Reply) put = { 0 }, hold = { 0 };

  journal_setup_sqlite (&self->base, NULL);
  self->next = 1;
  append_events (self, "s:string p:decimal(2) n:int64 t:timestamp",
                 "{\"s\":\"A\",\"p\":1.50,\"n\":1,\"t\":\"2026-01-02T03:04:05Z\"}\n"
                 "{\"s\":\"B, \\\"x\\\"\\n\",\"p\":-2.25,\"n\":2,\"t\":\"2026-01-02T03:04:05.25Z\"}\n");
  append_events (self, "s:string p:decimal(2) n:int64 t:timestamp", "{\"s\":\"\",\"n\":3}\n{\"s\":\"D\"}\n{\"p\":5}\n");
  put = journal_put (&self->base, 11, "projection/quotes", 1, 2, "state", -1);
  g_assert_no_error (put.error);
  hold = journal_ask (&self->base, SYN_JOURNAL_HOLD, 11, "projection/quotes", 2);
}

static void
teardown (Fixture *self, gconstpointer data)
{
  journal_teardown (&self->base, NULL);
}

#define LINES \
  "{\"s\":\"A\",\"p\":1.50,\"n\":1,\"t\":\"2026-01-02T03:04:05Z\"}\n" \
  "{\"s\":\"B, \\\"x\\\"\\u000a\",\"p\":-2.25,\"n\":2,\"t\":\"2026-01-02T03:04:05.250Z\"}\n" \
  "{\"s\":\"\",\"n\":3}\n{\"s\":\"D\"}\n{\"p\":5.00}\n"

static void
test_inspect (Fixture *self, gconstpointer data)
{
  g_auto (Run) table = run ("journal inspect %s", self->base.folder), json = run ("journal inspect -f json %s", self->base.path);
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject *root, *source, *log, *checkpoint, *hold;

  g_assert_cmpint (table.status, ==, CTL_OK);
  g_assert_nonnull (strstr (table.out, "trades"));
  g_assert_nonnull (strstr (table.out, "projection/quotes"));
  g_assert_true (json_parser_load_from_data (parser, json.out, -1, NULL));
  root = json_node_get_object (json_parser_get_root (parser));
  log = json_array_get_object_element (json_object_get_array_member (root, "logs"), 0);
  g_assert_cmpint (json_object_get_int_member (log, "partition"), ==, 11);
  g_assert_cmpint (json_object_get_int_member (log, "first"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (log, "last"), ==, 3);
  source = json_array_get_object_element (json_object_get_array_member (root, "sources"), 0);
  g_assert_cmpstr (json_object_get_string_member (source, "source"), ==, "trades");
  g_assert_cmpint (json_object_get_int_member (source, "records"), ==, 2);
  g_assert_cmpint (json_object_get_int_member (source, "events"), ==, 5);
  g_assert_cmpint (json_object_get_int_member (source, "first"), ==, 1);
  g_assert_cmpint (json_object_get_int_member (source, "last"), ==, 5);
  g_assert_cmpstr (json_object_get_string_member (source, "oldest"), ==, "2023-11-14T22:13:20.000001Z");
  checkpoint = json_array_get_object_element (json_object_get_array_member (root, "checkpoints"), 0);
  g_assert_cmpint (json_object_get_int_member (checkpoint, "record"), ==, 2);
  hold = json_array_get_object_element (json_object_get_array_member (root, "holds"), 0);
  g_assert_cmpint (json_object_get_int_member (hold, "from"), ==, 2);
}

/* The server goes on beside it, and what is printed can be published again. */
static void
test_export (Fixture *self, gconstpointer data)
{
  g_auto (Run) all = run ("journal export %s trades", self->base.folder), some = run ("journal export --from 2 --to 3 -f csv %s trades", self->base.folder);
  g_auto (Run) none = run ("journal export %s quotes", self->base.folder), bad = run ("journal export -f xml %s trades", self->base.folder);
  g_auto (Run) csv = run ("journal export -f csv %s trades", self->base.folder);
  g_autoptr (SynSourceSpec) spec = fixture_spec_new ("s:string p:decimal(2) n:int64 t:timestamp");
  g_autofree char *from_json = NULL, *from_csv = NULL;

  g_assert_cmpint (all.status, ==, CTL_OK);
  g_assert_cmpstr (all.out, ==, LINES);
  g_assert_cmpstr (some.out, ==, "s,p,n,t\n\"B, \"\"x\"\"\n\",-2.25,2,2026-01-02T03:04:05.250Z\n\"\",,3,\n");
  g_assert_cmpint (none.status, ==, CTL_ERROR);
  g_assert_nonnull (strstr (none.err, "no such events of a source \"quotes\""));
  g_assert_cmpint (bad.status, ==, CTL_USAGE);
  from_json = fixture_read (spec, SYN_FORMAT_NDJSON, TRUE, all.out, strlen (all.out), 0, 0);
  from_csv = fixture_read (spec, SYN_FORMAT_CSV, TRUE, csv.out, strlen (csv.out), 0, 0);
  g_assert_cmpstr (from_json, ==, from_csv);
  g_assert_null (strchr (from_json, '!'));
}

static void
test_changed_fields (Fixture *self, gconstpointer data)
{
  g_auto (Run) csv = { 0 }, json = { 0 };

  append_events (self, "s:string added:bool", "{\"s\":\"E\",\"added\":true}\n");
  json = run ("journal export %s trades", self->base.folder);
  g_assert_cmpstr (json.out, ==, LINES "{\"s\":\"E\",\"added\":true}\n");
  csv = run ("journal export -f csv %s trades", self->base.folder);
  g_assert_cmpint (csv.status, ==, CTL_ERROR);
  g_assert_nonnull (strstr (csv.err, "from event 6 on the fields are others (s,added)"));
}

static void
test_verify (Fixture *self, gconstpointer data)
{
  static const struct {
    const char *damage, *told;
  } cases[] = {
    { "UPDATE record SET n=n+1 WHERE seq=2", ": partition 11: record 2 is damaged: its checksum does not match" },
    { "UPDATE record SET bytes=substr(bytes, 1, 100) WHERE seq=3", ": partition 11: record 3 is damaged: its checksum does not match" },
    { "DELETE FROM record WHERE seq=2", ": partition 11: records 2 to 2 are missing" },
    { "DELETE FROM record WHERE seq>1", ": partition 11: the log ends at record 1, and there is a checkpoint \"projection/quotes\" of record 2" },
    { "UPDATE piece SET bytes=x'00'", ": partition 11: checkpoint \"projection/quotes\" of record 2 is damaged: the checksum of its piece 0" },
    { "UPDATE hold SET seq=1", ": partition 11: hold \"projection/quotes\" is damaged" },
    { "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage=(SELECT rootpage FROM sqlite_schema WHERE name='hold') WHERE name='piece'", ": " },
  };
  g_auto (Run) good = run ("journal verify %s", self->base.folder);
  g_autofree char *whole = NULL;
  gsize length;

  g_assert_cmpint (good.status, ==, CTL_OK);
  g_assert_true (g_str_has_prefix (good.out, "OK: 3 records, 5 events, "));
  journal_close (&self->base);
  g_assert_true (g_file_get_contents (self->base.path, &whole, &length, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Run) bad = { 0 };

      journal_execute (&self->base, cases[i].damage);
      bad = run ("journal verify %s", self->base.path);
      g_assert_cmpint (bad.status, ==, CTL_ERROR);
      if (strstr (bad.err, self->base.path) == NULL || strstr (bad.err, cases[i].told) == NULL)
        g_error ("\"%s\" is not in \"%s\" (%s)", cases[i].told, bad.err, bad.out);
      g_assert_true (g_file_set_contents (self->base.path, whole, (gssize) length, NULL));
    }
  journal_open (&self->base, NULL);
}

static void
test_backup (Fixture *self, gconstpointer data)
{
  g_autofree char *to = g_build_filename (self->base.folder, "copy.db", NULL);
  g_auto (Run) backup = run ("journal backup %s %s", self->base.folder, to), again = run ("journal backup %s %s", self->base.folder, to);
  g_auto (Run) verified = run ("journal verify %s", to), exported = run ("journal export %s trades", to);
  g_auto (Reply) claim = { 0 };

  g_assert_cmpint (backup.status, ==, CTL_OK);
  g_assert_cmpint (again.status, ==, CTL_ERROR);
  g_assert_nonnull (strstr (again.err, "is there already"));
  g_assert_cmpint (verified.status, ==, CTL_OK);
  g_assert_cmpstr (exported.out, ==, LINES);
  append_events (self, "s:string", "{\"s\":\"after\"}\n"); /* the server goes on */
  journal_close (&self->base);
  g_assert_cmpint (g_rename (to, self->base.path), ==, 0); /* restored */
  journal_open (&self->base, NULL);
  claim = journal_claim (&self->base, 11);
  g_assert_no_error (claim.error);
  g_assert_cmpuint (claim.sequence, ==, 4);
}

/* What it says is lost, and a journal that is whole after it: with marks, its readers go on. */
static void
test_repair (Fixture *self, gconstpointer data)
{
  static const struct {
    const char *damage, *told;
    guint n_lost;
  } cases[] = {
    { "UPDATE record SET bytes=x'00' WHERE seq=3", ": partition 11: record 3 is damaged: events 3 to 5 of source \"trades\" are lost", 3 },
    { "UPDATE record SET source='other', first=77 WHERE seq=3", ": partition 11: record 3 is damaged: events 3 to 5 of source \"trades\" are lost", 3 },
    { "DELETE FROM record WHERE seq=3", ": partition 11: record 3 is missing: events 3 to 5 of source \"trades\" are lost", 3 },
    { "DELETE FROM record WHERE seq IN (3, 4)", ": partition 11: record 3 is missing: events 3 to 6 of source \"trades\" are lost", 4 },
    { "UPDATE record SET sum=0 WHERE seq=5", ": partition 11: record 5 is damaged: events 7 to 7 of source \"trades\" are lost", 1 },
    { "UPDATE record SET n=n+77 WHERE seq=5", ": partition 11: record 5 is damaged: events 7 to 84 of source \"trades\" are lost", 78 }, /* as it says */
    { "UPDATE record SET first=9 WHERE seq=5", ": partition 11: record 5 is damaged: what it had is not known; it says: events of source \"trades\"", 0 },
    { "UPDATE record SET epoch=9 WHERE seq=1", ": partition 11: record 1 is damaged: ", 0 },
    { "UPDATE record SET seq=1099511627776 WHERE seq=4", ": partition 11: record 1099511627776 is damaged, in its number too: it is removed", 1 },
    { "UPDATE record SET part=12, seq=7 WHERE seq=4", ": partition 12: record 7 is damaged: what it had is not known", 1 },
    { "UPDATE piece SET bytes=x'00'", ": partition 11: checkpoint \"projection/quotes\" of record 2 is damaged, and is removed: ", 0 },
    { "UPDATE hold SET seq=7", ": partition 11: hold \"projection/quotes\" is damaged: it holds everything", 0 },
  };
  g_autofree char *whole = NULL;
  gsize length;

  append_events (self, "s:string", "{\"s\":\"E\"}\n");
  append_events (self, "s:string", "{\"s\":\"F\"}\n");
  journal_close (&self->base);
  g_assert_true (g_file_get_contents (self->base.path, &whole, &length, NULL));
  {
    g_auto (Run) sound = run ("journal repair --yes %s", self->base.folder);

    g_assert_cmpint (sound.status, ==, CTL_OK);
    g_assert_cmpstr (sound.out, ==, "OK: nothing is damaged\n");
  }
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto (Run) told = { 0 }, still = { 0 }, done = { 0 }, verified = { 0 }, again = { 0 };
      g_auto (Reply) claim = { 0 }, read = { 0 };
      g_autofree char *lost = g_strdup_printf (", %u events marked as lost\n", cases[i].n_lost);

      g_assert_true (g_file_set_contents (self->base.path, whole, (gssize) length, NULL));
      journal_execute (&self->base, cases[i].damage);
      told = run ("journal repair %s", self->base.folder);
      g_assert_cmpint (told.status, ==, CTL_ERROR);
      if (strstr (told.out, self->base.path) == NULL || strstr (told.out, cases[i].told) == NULL)
        g_error ("\"%s\" is not in \"%s\" (%s)", cases[i].told, told.out, told.err);
      g_assert_nonnull (strstr (told.out, "nothing is changed without --yes"));
      still = run ("journal verify %s", self->base.folder);
      g_assert_cmpint (still.status, ==, CTL_ERROR);
      done = run ("journal repair --yes %s", self->base.folder);
      g_assert_cmpint (done.status, ==, CTL_OK);
      g_assert_nonnull (strstr (done.out, "REPAIRED: "));
      verified = run ("journal verify %s", self->base.folder);
      if (verified.status != CTL_OK || (cases[i].n_lost > 0) != g_str_has_suffix (verified.out, lost))
        g_error ("%s: %s%s", cases[i].damage, verified.out, verified.err);
      again = run ("journal repair %s", self->base.folder);
      g_assert_cmpint (again.status, ==, CTL_OK);
      journal_open (&self->base, NULL);
      claim = journal_claim (&self->base, 11);
      g_assert_no_error (claim.error);
      g_assert_null (claim.note);
      read = journal_read (&self->base, 11, 1, 0, NULL, 0);
      g_assert_no_error (read.error);
      journal_close (&self->base);
    }
  g_assert_true (g_file_set_contents (self->base.path, whole, (gssize) length, NULL));
  journal_execute (&self->base, "UPDATE record SET bytes=x'00' WHERE seq=3");
  {
    g_auto (Run) done = run ("journal repair --yes %s", self->base.folder), table = run ("journal inspect -f json %s", self->base.folder);

    g_assert_nonnull (strstr (table.out, "\"lost\":[{\"source\":\"trades\",\"partition\":11,\"record\":3,\"first\":3,\"last\":5}]"));
  }
  journal_execute (&self->base,
                   "PRAGMA writable_schema=ON; UPDATE sqlite_schema SET rootpage=(SELECT rootpage FROM sqlite_schema WHERE name='hold') WHERE name='piece'");
  {
    g_auto (Run) broken = run ("journal repair --yes %s", self->base.folder);

    g_assert_cmpint (broken.status, ==, CTL_ERROR);
    g_assert_nonnull (strstr (broken.err, "SQLite's own structure is damaged"));
  }
  g_assert_true (g_file_set_contents (self->base.path, whole, (gssize) length, NULL));
  journal_open (&self->base, NULL);
}

/* Bytes changed anywhere: it is whole after a repair, or is said to be beyond one. */
static void
test_repair_random (Fixture *self, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  g_autofree char *whole = NULL;
  guint n_repaired = 0, n_refused = 0;
  gsize length;

  for (guint i = 0; i < 20; i++)
    append_events (self, "s:string", "{\"s\":\"a text that is longer than those of other events, so that there is something to be damaged\"}\n");
  journal_close (&self->base);
  g_assert_true (g_file_get_contents (self->base.path, &whole, &length, NULL));
  for (guint i = 0; i < 150; i++)
    {
      g_autofree char *damaged = g_memdup2 (whole, length);
      g_auto (Run) repaired = { 0 }, verified = { 0 };

      /* Where something is: most of the pages is empty. */
      for (guint n = (guint) g_rand_int_range (rand, 1, 4); n > 0; n--)
        {
          gsize at;

          do
            at = (gsize) g_rand_int_range (rand, 0, (gint) length);
          while (damaged[at] == '\0');
          damaged[at] = (char) g_rand_int (rand);
        }
      g_assert_true (g_file_set_contents (self->base.path, damaged, (gssize) length, NULL));
      repaired = run ("journal repair --yes %s", self->base.folder);
      if (repaired.status != CTL_OK)
        {
          g_assert_cmpstr (repaired.err, !=, "");
          n_refused++;
          continue;
        }
      verified = run ("journal verify %s", self->base.folder);
      if (verified.status != CTL_OK)
        g_error ("%s%s%s", repaired.out, verified.out, verified.err);
      n_repaired++;
    }
  g_test_message ("%u repaired, %u refused", n_repaired, n_refused);
  g_assert_cmpuint (n_repaired, >, 50);
  g_assert_true (g_file_set_contents (self->base.path, whole, (gssize) length, NULL));
  journal_open (&self->base, NULL);
}

static void
test_drop (Fixture *self, gconstpointer data)
{
  g_autofree char *lock = g_build_filename (self->base.folder, "lock", NULL);
  g_auto (Reply) put = journal_put (&self->base, 11, "source/trades", 1, 2, "state", -1), hold = journal_ask (&self->base, SYN_JOURNAL_HOLD, 11, "source/trades", 2);
  g_auto (Reply) other = journal_ask (&self->base, SYN_JOURNAL_HOLD, 5, "projection/quotes", 1);
  int fd = g_open (lock, O_RDWR | O_CREAT, 0600);

  journal_close (&self->base);
  {
    g_auto (Run) none = run ("journal drop %s projection/quots", self->base.folder), usage = run ("journal drop %s", self->base.folder);
    g_auto (Run) elsewhere = run ("journal drop -p 3 %s projection/quotes", self->base.folder);

    g_assert_cmpint (none.status, ==, CTL_ERROR);
    g_assert_nonnull (strstr (none.err, "nothing is held for \"projection/quots\"; there are: \"projection/quotes\", \"source/trades\""));
    g_assert_cmpint (usage.status, ==, CTL_USAGE);
    g_assert_nonnull (strstr (elsewhere.err, "in partition 3"));
  }
  g_assert_cmpint (flock (fd, LOCK_EX | LOCK_NB), ==, 0);
  {
    g_auto (Run) busy = run ("journal drop %s projection/quotes", self->base.folder), repair = run ("journal repair %s", self->base.folder);

    g_assert_cmpint (busy.status, ==, CTL_ERROR);
    g_assert_nonnull (strstr (busy.err, "a silo uses this folder: stop it first"));
    g_assert_nonnull (strstr (repair.err, "a silo uses this folder: stop it first"));
  }
  close (fd);
  {
    g_auto (Run) one = run ("journal drop --partition 5 %s projection/quotes", self->base.folder);

    g_assert_cmpint (one.status, ==, CTL_OK);
    g_assert_null (strstr (one.out, "removed the checkpoint")); /* which is of another partition */
  }
  {
    g_auto (Run) projection = run ("journal drop %s projection/quotes", self->base.folder), source = run ("journal drop %s source/trades", self->base.folder);
    g_auto (Run) inspected = run ("journal inspect -f json %s", self->base.folder), verified = run ("journal verify %s", self->base.folder);

    g_assert_nonnull (strstr (projection.out, "partition 11: let go of what is held for \"projection/quotes\", record 2"));
    g_assert_nonnull (strstr (projection.out, "partition 11: removed the checkpoint of \"projection/quotes\", record 2"));
    g_assert_cmpint (source.status, ==, CTL_OK);
    g_assert_nonnull (strstr (inspected.out, "\"checkpoint\":\"source/trades\"")); /* its numbers go on */
    g_assert_nonnull (strstr (inspected.out, "\"holds\":[]"));
    g_assert_cmpint (verified.status, ==, CTL_OK);
  }
  journal_open (&self->base, NULL);
}

static void
test_refused (Fixture *self, gconstpointer data)
{
  g_auto (Run) missing = run ("journal inspect %s/nothing", self->base.folder), no_verb = run ("journal frobnicate x");
  g_auto (Run) usage = run ("journal"), help = run ("journal --help"), newer = { 0 }, other = { 0 }, garbage = { 0 };
  g_autofree char *text = g_strnfill (5000, 'g');

  g_assert_cmpint (missing.status, ==, CTL_ERROR);
  g_assert_nonnull (strstr (missing.err, "there is no journal"));
  g_assert_cmpint (no_verb.status, ==, CTL_USAGE);
  g_assert_cmpint (usage.status, ==, CTL_USAGE);
  g_assert_cmpint (help.status, ==, CTL_OK);
  journal_close (&self->base);
  journal_execute (&self->base, "PRAGMA user_version=9");
  newer = run ("journal verify %s", self->base.folder);
  g_assert_nonnull (strstr (newer.err, "is of format 9, made by a newer version"));
  journal_execute (&self->base, "PRAGMA application_id=9");
  other = run ("journal verify %s", self->base.folder);
  g_assert_nonnull (strstr (other.err, "is no journal"));
  g_assert_true (g_file_set_contents (self->base.path, text, -1, NULL));
  garbage = run ("journal verify %s", self->base.folder);
  g_assert_cmpint (garbage.status, ==, CTL_ERROR);
  g_assert_nonnull (strstr (garbage.err, "not a database"));
}

int
main (int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*run) (Fixture *self, gconstpointer data);
  } tests[] = {
    { "inspect", test_inspect }, { "export", test_export }, { "changed-fields", test_changed_fields },
    { "verify", test_verify },   { "backup", test_backup }, { "refused", test_refused },
    { "repair", test_repair },   { "repair-random", test_repair_random }, { "drop", test_drop },
  };

  g_test_init (&argc, &argv, NULL);
  store_catch_warnings ();
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strconcat ("/ctl-journal/", tests[i].name, NULL);

      g_test_add (path, Fixture, NULL, setup, tests[i].run, teardown);
    }
  return g_test_run ();
}
