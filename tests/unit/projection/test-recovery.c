/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Nothing acknowledged is lost, on a stepped silo with the real grains over a journal in memory that outlives the silos: whatever fails or is killed when, in
 * the end each projection is what comes of the journal's records, each counted once, and all that a publisher was told is among them. */
#include <string.h>

#include "projection-silo.h"
#include "syn-checkpoints.h"
#include "syn-error.h"
#include "syn-event-codec.h"
#include "syn-limits.h"
#include "syn-memory-journal.h"
#include "syn-projection-private.h"
#include "syn-silo-journal.h"
#include "syn-source.h"

#define FAIL_METHOD 77
#define N_SOURCES 2

#define FIELDS "'fields':{'symbol':'string','size':'int64','time':'timestamp'}"
static const char json[] =
    "{'sources':[{'name':'orders','kind':'http','durable':true," FIELDS "},{'name':'trades','kind':'http','durable':true," FIELDS "}],"
    "'projections':["
    /* straight from the source */
    "{'name':'direct','from':'trades','key':['symbol','size'],'columns':{'n':'count()','last':'last(time)'}},"
    /* a group of two */
    "{'name':'p','from':'trades','key':['symbol'],'columns':{'n':'count()','sum':'sum(size)'}},"
    "{'name':'q','from':'trades','key':['symbol'],'columns':{'n':'count()','last':'last(size)','kinds':'distinct(size)'}},"
    /* windows, which are late for some */
    "{'name':'v','from':'trades','key':['symbol'],'window':{'every':'1m','on':'time','keep':'10m'},'columns':{'n':'count()'}},"
    "{'name':'w','from':'trades','key':['symbol'],'window':{'every':'2m','slide':'1m','on':'time','late':'30s','keep':'10m'},'columns':{'n':'count()'}},"
    /* a group of three, of two sources */
    "{'name':'x','from':['orders','trades'],'key':['symbol'],'columns':{'n':'count()','sum':'sum(size)'}},"
    "{'name':'y','from':['orders','trades'],'key':['symbol'],'columns':{'n':'count()','max':'max(size)'}},"
    "{'name':'z','from':['orders','trades'],'key':['symbol'],'columns':{'sum':'sum(size)'},'min_interval_ms':50}]}";

/* A projection that none of the events is for. */
static const char filtered_json[] = "{'sources':[{'name':'orders','kind':'http','durable':true," FIELDS "},{'name':'trades','kind':'http','durable':true," FIELDS "}],"
                                    "'projections':[{'name':'none','from':'trades','where':'size > 100','key':['symbol'],'columns':{'n':'count()'}}]}";
static const char *catalog_json = json;

static SynGrainType projection_type, conflation_type;
static guint n_until_lid;   /* so many batches, and "direct" keeps the next one; 0: none */
static SynMessageList held; /* under the lid */

static gboolean
fail_if_asked (SynGrain *grain, SynMessage *message)
{
  g_autoptr (GError) error = g_error_new (SYN_ERROR, SYN_ERROR_INTERNAL, "as asked");

  if (syn_message_get_method (message) != FAIL_METHOD)
    return FALSE;
  syn_message_reply (message, NULL, NULL);
  syn_grain_deactivate_soon (grain, error);
  return TRUE;
}

static void
projection_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  if (n_until_lid > 0 && strcmp (syn_grain_get_key (grain), "direct") == 0 && syn_message_get_method (message) == SYN_APPLY_METHOD && --n_until_lid == 0)
    syn_message_list_push (&held, message);
  else if (!fail_if_asked (grain, message))
    syn_projection_grain_type.receive (grain, state, message);
}

static void
conflation_receive (SynGrain *grain, gpointer state, SynMessage *message)
{
  if (!fail_if_asked (grain, message))
    syn_conflation_grain_type.receive (grain, state, message);
}

/* Failures are meant here, but no criticals. */
static GLogWriterOutput
log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL))
    return g_log_writer_default (level, fields, n_fields, user_data);
  return G_LOG_WRITER_HANDLED;
}

static TestSilo *
silo_new (SynJournal *journal, const char *data_dir, guint64 seed)
{
  g_autofree char *text = g_strdelimit (g_strdup (catalog_json), "'", '"');
  g_autoptr (GError) error = NULL;
  TestSilo *self = g_new0 (TestSilo, 1);

  self->silo = syn_silo_new_stepped (2, data_dir, &error);
  g_assert_no_error (error);
  self->catalog = test_catalog (text);
  syn_silo_set_journal (self->silo, journal, FALSE);
  projection_type = syn_projection_grain_type;
  projection_type.receive = projection_receive;
  conflation_type = syn_conflation_grain_type;
  conflation_type.receive = conflation_receive;
  /* As syn_projections_register(), with the types of this test. */
  syn_projection_metrics ();
  syn_silo_register (self->silo, &projection_type, self->catalog);
  syn_silo_register (self->silo, &conflation_type, self->catalog);
  syn_silo_register (self->silo, &syn_query_grain_type, self->catalog);
  for (guint i = 0; i < syn_catalog_get_n_projections (self->catalog); i++)
    syn_silo_keep (self->silo, SYN_PROJECTION_GRAIN, syn_catalog_get_projection (self->catalog, i)->name);
  for (guint i = 0; i < syn_catalog_get_n_conflations (self->catalog); i++)
    if (!syn_catalog_get_conflation (self->catalog, i)->direct)
      syn_silo_keep (self->silo, SYN_CONFLATION_GRAIN, syn_catalog_get_conflation (self->catalog, i)->name);
  syn_sources_register (self->silo, self->catalog);
  syn_silo_seed (self->silo, seed);
  g_assert_true (syn_silo_start (self->silo, NULL, &error));
  return self;
}

/* Nothing that the silo still does comes to the journal. */
static void
kill_silo (TestSilo *self, SynJournal *journal)
{
  syn_memory_journal_set_dead (journal, TRUE);
  test_silo_free (self);
  syn_memory_journal_set_dead (journal, FALSE);
}

/* ---- publishing ---- */

/* The last sequence that each source said it has. */
static guint64 acknowledged[N_SOURCES];

static void
on_published (gpointer payload, const GError *error, gpointer user_data)
{
  SynPublished *published = payload;
  guint64 *sequence = user_data;

  if (error != NULL)
    return;
  g_assert_no_error (published->error);
  *sequence = MAX (*sequence, published->sequence);
  syn_published_free (published);
}

static void
publish (TestSilo *self, guint source, GRand *rand, guint n)
{
  static guint minute;
  GString *body = g_string_new (NULL);
  SynPublish *request = g_new0 (SynPublish, 1);
  const SynCall call = {
    .type = SYN_SOURCE_GRAIN,
    .key = source == 0 ? "orders" : "trades",
    .method = SYN_SOURCE_PUBLISH,
    .payload = request,
    .payload_free = (GDestroyNotify) syn_publish_free,
    .reply = on_published,
    .user_data = &acknowledged[source],
  };

  minute++;
  for (guint i = 0; i < n; i++)
    g_string_append_printf (body, "S%d,%d,2024-01-%02uT%02u:%02u:%02dZ\n", g_rand_int_range (rand, 0, 8), g_rand_int_range (rand, 1, 5), 1 + minute / 600 % 28,
                            minute / 60 % 10, minute % 60, g_rand_int_range (rand, 0, 60));
  g_string_prepend (body, "symbol,size,time\n");
  request->body = g_string_free_to_bytes (body);
  request->format = SYN_FORMAT_CSV;
  syn_call (syn_silo_get_front_lane (self->silo), &call);
}

static void
on_failed (gpointer payload, const GError *error, gpointer user_data)
{
}

static void
fail (TestSilo *self, const char *type, const char *key)
{
  const SynCall call = { .type = type, .key = key, .method = FAIL_METHOD, .reply = on_failed };

  syn_call (syn_silo_get_front_lane (self->silo), &call);
}

/* ---- what is right ---- */

typedef struct {
  GPtrArray *records;
} ReadAll;

static void
records_read (SynJournalRequest *answer, gpointer user_data)
{
  ReadAll *read = user_data;

  g_assert_no_error (answer->error);
  read->records = g_steal_pointer (&answer->records);
}

/* Of each source: what was trimmed, which what is right is made of all the same; and the record that is the first left. */
static GPtrArray *trimmed[N_SOURCES];
static guint64 first_left[N_SOURCES];

static guint
index_of (const SynSourceSpec *source)
{
  return strcmp (source->name, "trades") == 0;
}

static void
forget_trimmed (void)
{
  for (guint i = 0; i < N_SOURCES; i++)
    {
      g_clear_pointer (&trimmed[i], g_ptr_array_unref);
      trimmed[i] = g_ptr_array_new_with_free_func ((GDestroyNotify) syn_journal_record_free);
      first_left[i] = 1;
    }
}

/* What is left of it. */
static GPtrArray *
read_left (TestSilo *self, SynJournal *journal, const SynSourceSpec *source)
{
  ReadAll read = { NULL };

  syn_journal_submit (journal, syn_journal_request_new_read (syn_silo_get_front_lane (self->silo), syn_partition_of (SYN_SOURCE_GRAIN, source->name),
                                                            MAX (first_left[index_of (source)], 1), 0, source->name, records_read, &read));
  syn_silo_settle (self->silo);
  g_assert_nonnull (read.records);
  return read.records;
}

static void
records_trimmed (SynJournalRequest *answer, gpointer user_data)
{
  g_assert_no_error (answer->error);
  *(guint64 *) user_data = answer->sequence;
}

/* As far as holds allow: the first record left. */
static guint64
trim_one (TestSilo *self, SynJournal *journal, const SynSourceSpec *source)
{
  guint64 first = 0;
  SynJournalRequest *request = syn_journal_request_new (syn_silo_get_front_lane (self->silo), SYN_JOURNAL_TRIM,
                                                        syn_partition_of (SYN_SOURCE_GRAIN, source->name), records_trimmed, &first);

  request->sequence = G_MAXUINT64;
  syn_journal_submit (journal, request);
  syn_silo_settle (self->silo);
  return first;
}

static void
trim (TestSilo *self, SynJournal *journal)
{
  for (guint i = 0; i < N_SOURCES; i++)
    {
      const SynSourceSpec *source = syn_catalog_find_source (self->catalog, i == 0 ? "orders" : "trades");
      g_autoptr (GPtrArray) records = NULL;

      syn_silo_settle (self->silo);
      records = read_left (self, journal, source);
      first_left[i] = trim_one (self, journal, source);
      while (records->len > 0 && ((SynJournalRecord *) records->pdata[0])->sequence < first_left[i])
        g_ptr_array_add (trimmed[i], g_ptr_array_steal_index (records, 0));
    }
}

static int
compare_lines (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static char *
sorted (char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  qsort (lines, g_strv_length (lines), sizeof *lines, compare_lines);
  g_free (text);
  return g_strjoinv ("\n", lines);
}

/* Every projection is what its definition makes of the journal, and that has all that was acknowledged. */
static gboolean
is_right (TestSilo *self, SynJournal *journal)
{
  gboolean right = TRUE;

  for (guint i = 0; i < syn_catalog_get_n_projections (self->catalog); i++)
    {
      const SynProjectionSpec *spec = syn_catalog_get_projection (self->catalog, i);
      g_autoptr (SynTable) table = syn_table_new (spec, SYN_MAX_ROWS, SYN_TABLE_MAX_TEXT_BYTES);
      g_autoptr (ReplicaSnapshot) expected = NULL, found = NULL;
      g_autofree char *expected_csv = NULL, *found_csv = NULL;
      g_autoptr (TestAnswer) answer = NULL;
      SynTableCounts counts = { 0 };

      for (guint j = 0; j < spec->n_inputs; j++)
        {
          const SynSourceSpec *source = spec->inputs[j].source;
          g_autoptr (GPtrArray) records = read_left (self, journal, source);
          const GPtrArray *gone = trimmed[index_of (source)];
          guint n_gone = gone != NULL ? gone->len : 0;
          guint64 last = 0;

          for (guint k = 0; k < n_gone + records->len; k++)
            {
              const SynJournalRecord *record = k < n_gone ? gone->pdata[k] : records->pdata[k - n_gone];
              g_autoptr (GError) error = NULL;
              g_autoptr (SynEventBatch) batch = syn_event_codec_decode (source, record->bytes, &error);

              g_assert_no_error (error);
              g_assert_cmpuint (record->first_sequence, ==, last + 1);
              last = record->first_sequence + record->n_events - 1;
              syn_event_batch_set_epoch (batch, SYN_DURABLE_EPOCH);
              syn_table_apply (table, batch, &counts);
            }
          g_assert_cmpuint (last, >=, acknowledged[index_of (source)]);
        }
      expected = syn_table_make_snapshot (table, (ReplicaToken) { 1, 1 }, 5, NULL);
      answer = test_silo_poll (self, SYN_PROJECTION_GRAIN, spec->name, REPLICA_TOKEN_NONE, 0);
      syn_silo_settle (self->silo);
      g_assert_true (answer->done);
      if (answer->error != NULL)
        {
          g_print ("# %s: %s\n", spec->name, answer->error->message);
          right = FALSE;
          continue;
        }
      expected_csv = sorted (test_csv (expected));
      found_csv = sorted (test_csv (answer->snapshot));
      if (strcmp (expected_csv, found_csv) != 0)
        {
          g_print ("# %s: expected\n%s\n# found\n%s\n", spec->name, expected_csv, found_csv);
          right = FALSE;
        }
      for (guint j = 0; j < spec->n_inputs; j++)
        {
          guint64 sequence;

          replica_snapshot_get_frontier (answer->snapshot, j, &sequence);
          if (sequence != syn_table_get_progress (table)[j].sequence)
            {
              g_print ("# %s: frontier %" G_GUINT64_FORMAT "\n", spec->name, sequence);
              right = FALSE;
            }
        }
    }
  return right;
}

/* ---- tests ---- */

static const char *const names[] = { "direct", "p", "q", "v", "w", "x", "y", "z" };
static const char *const groups[] = { "p", "w", "x" };

/* A random history: publishing, time, polls, grains that fail, a journal that fails, and silos that are killed in the middle of anything. */
static gboolean
holds (guint64 seed, gpointer user_data)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) seed);
  TestSilo *self = silo_new (journal, NULL, seed);
  guint *n_trimmed = user_data;
  gboolean right;

  memset (acknowledged, 0, sizeof acknowledged);
  forget_trimmed ();
  syn_silo_settle (self->silo);
  for (guint step = 0; step < 60; step++)
    {
      gint what = g_rand_int_range (rand, 0, 100);

      if (what < 50)
        publish (self, (guint) g_rand_int_range (rand, 0, N_SOURCES), rand, (guint) g_rand_int_range (rand, 1, 9));
      else if (what < 60)
        syn_silo_advance (self->silo, g_rand_int_range (rand, 1, 300));
      else if (what < 66)
        syn_silo_advance (self->silo, SYN_CHECKPOINT_MS);
      else if (what < 76)
        fail (self, SYN_PROJECTION_GRAIN, names[g_rand_int_range (rand, 0, G_N_ELEMENTS (names))]);
      else if (what < 82)
        fail (self, SYN_CONFLATION_GRAIN, groups[g_rand_int_range (rand, 0, G_N_ELEMENTS (groups))]);
      else if (what < 86)
        syn_memory_journal_fail_append (journal, (guint) g_rand_int_range (rand, 1, 4), SYN_ERROR_UNAVAILABLE, SYN_FAILING_BEFORE);
      else if (what < 94)
        {
          /* After so many steps of any lane. */
          for (gint n = g_rand_int_range (rand, 0, 200); n > 0; n--)
            syn_silo_step (self->silo, g_rand_boolean (rand) ? syn_silo_get_lane (self->silo, 0) : syn_silo_get_lane (self->silo, 1));
          kill_silo (self, journal);
          self = silo_new (journal, NULL, seed + step);
        }
      else if (n_trimmed != NULL)
        trim (self, journal);
      if (g_rand_boolean (rand))
        syn_silo_settle (self->silo);
    }
  if (n_trimmed != NULL)
    *n_trimmed += trimmed[0]->len + trimmed[1]->len;
  syn_memory_journal_fail_append (journal, 0, 0, SYN_FAILING_BEFORE);
  syn_silo_advance (self->silo, 60000);
  right = is_right (self, journal);
  forget_trimmed ();
  test_silo_free (self);
  return right;
}

static void
test_random (void)
{
  g_assert_cmpuint (syn_silo_search (1, 60, holds, NULL), ==, 0);
}

/* The same with a journal of which all goes that no hold needs, again and again: what is needed is never among it. */
static void
test_trimmed (void)
{
  guint n_trimmed = 0;

  g_assert_cmpuint (syn_silo_search (1000, 60, holds, &n_trimmed), ==, 0);
  g_assert_cmpuint (n_trimmed, >, 100);
}

/* The same script, killed after each step of it; then a second silo has all that was acknowledged. */
static void
test_kill_everywhere (void)
{
  for (guint n_steps = 0; n_steps < 400; n_steps += 3)
    {
      g_autoptr (SynJournal) journal = syn_memory_journal_new ();
      g_autoptr (GRand) rand = g_rand_new_with_seed (7);
      TestSilo *self = silo_new (journal, NULL, 0);
      guint left = n_steps;

      memset (acknowledged, 0, sizeof acknowledged);
      syn_silo_settle (self->silo);
      publish (self, 1, rand, 20);
      publish (self, 0, rand, 20);
      syn_silo_settle (self->silo);
      syn_silo_advance (self->silo, SYN_CHECKPOINT_MS);
      publish (self, 1, rand, 5);
      publish (self, 0, rand, 5);
      fail (self, SYN_PROJECTION_GRAIN, "x");
      publish (self, 1, rand, 5);
      for (gboolean busy = TRUE; busy && left > 0;)
        {
          busy = FALSE;
          for (guint i = 0; i < 2 && left > 0; i++, left--)
            busy |= syn_silo_step (self->silo, syn_silo_get_lane (self->silo, i));
          busy |= syn_silo_step (self->silo, syn_silo_get_front_lane (self->silo));
        }
      kill_silo (self, journal);
      self = silo_new (journal, NULL, 0);
      syn_silo_settle (self->silo);
      syn_silo_advance (self->silo, 5000);
      g_assert_true (is_right (self, journal));
      test_silo_free (self);
    }
}

/* Projections of a group begin from checkpoints of different age: each is handed partials that are all known or all new to it, and refuses none. */
static gboolean
is_uneven_right (guint64 seed, gpointer user_data)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed ((guint32) seed);
  TestSilo *self = silo_new (journal, NULL, 0);
  gint64 *n_known = user_data;
  gboolean right;

  memset (acknowledged, 0, sizeof acknowledged);
  syn_silo_settle (self->silo);
  for (guint step = 0; step < 40; step++)
    {
      publish (self, (guint) g_rand_int_range (rand, 0, N_SOURCES), rand, (guint) g_rand_int_range (rand, 1, 30));
      syn_silo_settle (self->silo);
      /* One that fails writes a checkpoint of its own before it goes. */
      if (g_rand_int_range (rand, 0, 4) == 0)
        {
          fail (self, SYN_PROJECTION_GRAIN, names[g_rand_int_range (rand, 0, G_N_ELEMENTS (names))]);
          syn_silo_advance (self->silo, g_rand_int_range (rand, 0, 2000));
        }
    }
  kill_silo (self, journal);
  self = silo_new (journal, NULL, seed);
  syn_silo_settle (self->silo);
  syn_silo_advance (self->silo, 1000);
  right = is_right (self, journal) && test_silo_metric (self, "merge_errors_total") == 0;
  *n_known += test_silo_metric (self, "repeated_events_total");
  test_silo_free (self);
  return right;
}

static void
test_uneven (void)
{
  gint64 n_known = 0;

  g_assert_cmpuint (syn_silo_search (1, 30, is_uneven_right, &n_known), ==, 0);
  g_assert_cmpint (n_known, >, 1000);
}

/* What a checkpoint has is not applied again; a damaged or foreign one is not used. */
static void
test_checkpoint (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  TestSilo *self = silo_new (journal, NULL, 0);

  memset (acknowledged, 0, sizeof acknowledged);
  syn_silo_settle (self->silo);
  publish (self, 1, rand, 100);
  syn_silo_settle (self->silo);
  g_assert_cmpuint (acknowledged[1], ==, 100);
  g_assert_cmpint (test_silo_metric (self, "checkpoints_total"), ==, 0);
  syn_silo_advance (self->silo, SYN_CHECKPOINT_MS);
  g_assert_cmpint (test_silo_metric (self, "checkpoints_total"), ==, 8);
  /* Nothing changed: nothing is written. */
  syn_silo_advance (self->silo, 2 * SYN_CHECKPOINT_MS);
  g_assert_cmpint (test_silo_metric (self, "checkpoints_total"), ==, 8);
  publish (self, 1, rand, 7);
  syn_silo_settle (self->silo);
  kill_silo (self, journal);

  self = silo_new (journal, NULL, 0);
  syn_silo_settle (self->silo);
  g_assert_true (is_right (self, journal));
  /* Only what came after: seven events in eight projections, of which some may be late for windows. */
  g_assert_cmpint (test_silo_metric (self, "applied_events_total") + test_silo_metric (self, "late_events_total"), ==, 8 * 7);
  /* At the end a last one, so that the next has nothing to do. */
  test_silo_free (self);
  self = silo_new (journal, NULL, 0);
  syn_silo_settle (self->silo);
  g_assert_true (is_right (self, journal));
  g_assert_cmpint (test_silo_metric (self, "applied_events_total"), ==, 0);
  test_silo_free (self);
}

/* What `where` leaves out is progress all the same: it is not given again after a start, and the journal need not hold it. */
static void
test_filtered (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  TestSilo *self;

  catalog_json = filtered_json;
  self = silo_new (journal, NULL, 0);
  syn_silo_settle (self->silo);
  for (guint i = 1; i <= 3; i++)
    {
      publish (self, 1, rand, 100);
      syn_silo_settle (self->silo);
      syn_silo_advance (self->silo, SYN_CHECKPOINT_MS);
      g_assert_cmpint (test_silo_metric (self, "checkpoints_total"), ==, i);
    }
  g_assert_cmpuint (trim_one (self, journal, syn_catalog_find_source (self->catalog, "trades")), >, 2);
  syn_silo_advance (self->silo, 2 * SYN_CHECKPOINT_MS);
  g_assert_cmpint (test_silo_metric (self, "checkpoints_total"), ==, 3);
  test_silo_free (self);
  catalog_json = json;
}

/* Polls are told how far it is until it is there. */
static void
test_recovering (void)
{
  g_autoptr (SynJournal) journal = syn_memory_journal_new ();
  g_autoptr (GRand) rand = g_rand_new_with_seed (3);
  g_autofree char *dir = g_dir_make_tmp ("synoptic-recovery-XXXXXX", NULL);
  g_autofree char *remove = g_strdup_printf ("rm -r %s", dir);
  TestSilo *self = silo_new (journal, dir, 0);
  g_autoptr (ReplicaSnapshot) before = NULL, after = NULL;
  g_autoptr (TestAnswer) answer = NULL, query = NULL;

  memset (acknowledged, 0, sizeof acknowledged);
  syn_silo_settle (self->silo);
  for (guint i = 0; i < 200; i++)
    {
      publish (self, 1, rand, 10);
      syn_silo_settle (self->silo);
    }
  syn_silo_advance (self->silo, 1000);
  before = test_silo_get (self, "direct");
  kill_silo (self, journal);
  self = silo_new (journal, dir, 0);
  n_until_lid = 44;
  syn_silo_settle (self->silo);
  g_assert_cmpuint (held.length, ==, 1);
  answer = test_silo_poll (self, SYN_PROJECTION_GRAIN, "direct", REPLICA_TOKEN_NONE, 1000);
  query = test_silo_poll (self, SYN_QUERY_GRAIN, "direct?limit=1", REPLICA_TOKEN_NONE, 0);
  syn_silo_settle (self->silo);
  g_assert_true (answer->done && query->done);
  g_assert_error (answer->error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  g_assert_cmpstr (answer->error->message, ==, "projection \"direct\" is recovering: 430 of 2000 events (21 %)");
  g_assert_error (query->error, SYN_ERROR, SYN_ERROR_UNAVAILABLE);
  g_assert_nonnull (strstr (query->error->message, "430 of 2000 events"));
  g_assert_cmpint (syn_metric_sum (self->silo, syn_projection_metrics ()->recovering), ==, 8); /* one pass for all */
  syn_message_reply (syn_message_list_pop (&held), NULL, NULL); /* it is lost on the way: there is a gap, and it comes once more */
  syn_silo_settle (self->silo);
  syn_silo_advance (self->silo, 1000);
  g_assert_true (is_right (self, journal));
  g_assert_cmpint (syn_metric_sum (self->silo, syn_projection_metrics ()->recovering), ==, 0);
  /* Its tokens are later ones. */
  after = test_silo_get (self, "direct");
  g_assert_cmpuint (replica_snapshot_get_token (after).epoch, >, replica_snapshot_get_token (before).epoch);
  test_silo_free (self);
  g_spawn_command_line_sync (remove, NULL, NULL, NULL, NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (log_writer, NULL, NULL);
  g_test_add_func ("/recovery/checkpoint", test_checkpoint);
  g_test_add_func ("/recovery/filtered", test_filtered);
  g_test_add_func ("/recovery/recovering", test_recovering);
  g_test_add_func ("/recovery/uneven", test_uneven);
  g_test_add_func ("/recovery/kill-everywhere", test_kill_everywhere);
  g_test_add_func ("/recovery/random", test_random);
  g_test_add_func ("/recovery/trimmed", test_trimmed);
  return g_test_run ();
}
