/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Opens the silo's journal: what each source of the catalog retains, and who is left behind in it. Main thread, at the start.
 *
 * When nothing is said, what no reader needs stays for 7 days while the file has no more than 4096 MB: long enough to change a projection over a
 * weekend and have it made anew from all that came, and no disk fills up because nobody thought of it. Rejected: keeping all (a disk that is full refuses
 * events, which is worse than history that nobody asked for), keeping only what is needed (a changed projection would begin with nothing). */
#define G_LOG_DOMAIN "synopticd"

#include "syn-open-journal.h"

#include "syn-duration.h"
#include "syn-error.h"
#include "syn-journal-reader.h"
#include "syn-limits.h"
#include "syn-projection.h"
#include "syn-silo-journal.h"
#include "syn-sqlite-journal.h"

/* ---- what is retained ---- */

static gboolean
read_options (const SynRetainOptions *options, SynSqliteJournalOptions *journal, GError **error)
{
  gint64 age_us = SYN_RETAIN_AGE_US;

  if (g_strcmp0 (options->age, "all") == 0)
    age_us = 0;
  else if (options->age != NULL && !syn_duration_parse (options->age, &age_us))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--retain-age takes \"all\" or " SYN_DURATION_EXPECTED ", not \"%s\"", options->age);
      return FALSE;
    }
  if (options->megabytes != SYN_RETAIN_NOT_GIVEN && (options->megabytes < 0 || options->megabytes > SYN_MAX_RETAIN_MB))
    {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_FAILED, "--retain-mb takes a number of megabytes up to %d; 0: any size", SYN_MAX_RETAIN_MB);
      return FALSE;
    }
  journal->retention.max_age_ms = age_us / 1000;
  journal->max_file_bytes = (guint64) (options->megabytes == SYN_RETAIN_NOT_GIVEN ? SYN_RETAIN_MB : options->megabytes) << 20;
  return TRUE;
}

static SynJournalRetention
retention_of (const SynSourceSpec *spec, const SynJournalRetention *otherwise)
{
  switch (spec->retain)
    {
    case SYN_RETAIN_LIMITS:
      return (SynJournalRetention){ .max_age_ms = (spec->retain_age_us + 999) / 1000, .max_bytes = spec->retain_bytes };
    case SYN_RETAIN_NEEDED:
      return (SynJournalRetention){ .by_checkpoint = TRUE };
    case SYN_RETAIN_ALL:
      return (SynJournalRetention){ .is_kept = TRUE };
    case SYN_RETAIN_DEFAULT:
      break;
    }
  return *otherwise;
}

static GArray *
list_rules (SynCatalog *catalog, const SynJournalRetention *otherwise)
{
  GArray *rules = g_array_new (FALSE, FALSE, sizeof (SynJournalSourceRetention));

  for (guint i = 0; i < syn_catalog_get_n_sources (catalog); i++)
    {
      const SynSourceSpec *spec = syn_catalog_get_source (catalog, i);
      const SynJournalSourceRetention rule = { spec->name, retention_of (spec, otherwise) };

      if (spec->durable)
        g_array_append_val (rules, rule);
    }
  return rules;
}

/* ---- who is left behind ---- */

/* Not for the first time, perhaps: each start says it until somebody decides. */
static void
say_left_behind (SynCatalog *catalog, const char *folder)
{
  g_autoptr (SynJournalReader) reader = syn_journal_reader_open (folder, NULL);
  g_autoptr (GArray) holds = reader != NULL ? syn_journal_reader_list_holds (reader, NULL) : NULL;

  for (guint i = 0; holds != NULL && i < holds->len; i++)
    {
      const SynJournalHold *hold = &g_array_index (holds, SynJournalHold, i);

      if (!syn_projection_is_reader (catalog, hold->name, hold->partition))
        g_warning ("the journal keeps records of partition %u for \"%s\", which no longer reads them by this catalog; to let go of them, stop the silo and run: "
                   "synopticctl journal drop --partition %u %s %s",
                   hold->partition, hold->name, hold->partition, folder, hold->name);
    }
}

/* ---- a file that should be there ---- */

#define MADE "journal.made"

/* A journal that was here once and is gone is not begun anew as if nothing had been. */
static gboolean
check_present (const char *folder, GError **error)
{
  g_autofree char *file = g_build_filename (folder, SYN_JOURNAL_FILE, NULL), *log = g_strconcat (file, "-wal", NULL);
  g_autofree char *made = g_build_filename (folder, MADE, NULL);

  if (g_file_test (file, G_FILE_TEST_EXISTS) || (!g_file_test (made, G_FILE_TEST_EXISTS) && !g_file_test (log, G_FILE_TEST_EXISTS)))
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
               "%s: is missing, and with it what durable sources acknowledged: restore a back-up; or, to begin without all that, remove %s and %s", file, made, log);
  return FALSE;
}

/* Without it the check above sees less, and that is all. */
static void
note_made (const char *folder)
{
  g_autofree char *made = g_build_filename (folder, MADE, NULL);
  g_autoptr (GError) error = NULL;

  if (!g_file_test (made, G_FILE_TEST_EXISTS)
      && !g_file_set_contents_full (made, SYN_JOURNAL_FILE " was made here\n", -1, G_FILE_SET_CONTENTS_DURABLE | G_FILE_SET_CONTENTS_CONSISTENT, 0640, &error))
    g_warning ("%s", error->message);
}

gboolean
syn_open_journal (SynSilo *silo, SynCatalog *catalog, const char *folder, const SynRetainOptions *options, GError **error)
{
  SynSqliteJournalOptions journal_options = { .folder = folder };
  g_autoptr (GArray) rules = NULL;
  SynJournal *journal;

  if (!read_options (options, &journal_options, error))
    return FALSE;
  rules = list_rules (catalog, &journal_options.retention);
  if (rules->len == 0)
    return TRUE;
  journal_options.sources = (const SynJournalSourceRetention *) rules->data;
  journal_options.n_sources = rules->len;
  if (!check_present (folder, error))
    return FALSE;
  journal = syn_sqlite_journal_new (&journal_options, error);
  if (journal == NULL)
    return FALSE;
  note_made (folder);
  syn_silo_set_journal (silo, journal, TRUE);
  say_left_behind (catalog, folder);
  return TRUE;
}
