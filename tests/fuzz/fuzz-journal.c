/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A journal's file with damage anywhere: the input says which, five bytes each (kind, place, value), in a file that the engine wrote. What the
 * reader of operators and the engine give out of it is what was put in, or an error. */

#include <glib/gstdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "journal-fixture.h"
#include "syn-journal-reader.h"

#define N_RECORDS 40
#define BIG 40000 /* bytes of one record: it has pages of its own */

enum { FLIP, SET, CLEAR, CUT, N_KINDS };

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static Journal journal;
static char *sound;
static gsize sound_size;
static GHashTable *texts; /* of the records, by number */

static void
finish (void)
{
  journal_teardown (&journal, NULL);
  g_free (sound);
  g_hash_table_unref (texts);
}

static void
make (void)
{
  g_autofree char *big = g_strnfill (BIG, 'b');
  guint64 epoch;

  store_catch_warnings ();
  journal_setup_sqlite (&journal, NULL);
  epoch = journal_fill (&journal, 0, N_RECORDS);
  texts = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, g_free);
  for (guint i = 0; i <= N_RECORDS; i++)
    {
      gint64 sequence = 2 + i; /* after the claim */

      g_hash_table_insert (texts, g_memdup2 (&sequence, sizeof sequence), i < N_RECORDS ? g_strdup_printf ("%u", i) : g_strdup (big));
    }
  {
    g_auto (Reply) large = journal_append (&journal, 0, epoch, N_RECORDS + 1, big);
    g_auto (Reply) one = journal_put (&journal, 0, "p", epoch, 10, big, BIG), two = journal_put (&journal, 0, "p", epoch, 20, "two", -1);

    g_assert_no_error (large.error);
    g_assert_no_error (one.error);
    g_assert_no_error (two.error);
  }
  journal_close (&journal);
  g_assert_true (g_file_get_contents (journal.path, &sound, &sound_size, NULL));
  atexit (finish);
}

static gboolean
look (guint partition, const SynJournalRecord *record, gpointer user_data)
{
  const gint64 sequence = (gint64) record->sequence;
  const char *text = g_hash_table_lookup (texts, &sequence);
  gsize size;
  const char *bytes = g_bytes_get_data (record->bytes, &size);

  g_assert_cmpuint (partition, ==, 0);
  g_assert_nonnull (text);
  g_assert_cmpmem (bytes, size, text, strlen (text));
  return TRUE;
}

/* What is said can be shown, whatever stands in the file. */
static void
look_at_text (const char *what, gpointer user_data)
{
  g_assert_true (g_utf8_validate (what, -1, NULL));
  for (const char *at = what; *at != '\0'; at = g_utf8_next_char (at))
    g_assert_true (!g_unichar_iscntrl (g_utf8_get_char (at)) || *at == '\n');
}

static void
look_at_error (const GError *error)
{
  if (error != NULL)
    look_at_text (error->message, NULL);
}

static void
read_as_operator (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SynJournalReader) reader = syn_journal_reader_open (journal.path, &error);
  SynJournalVerified verified;

  look_at_error (error);
  if (reader == NULL)
    return;
  syn_journal_reader_walk (reader, "s", look, NULL, &error);
  look_at_error (error);
  g_clear_error (&error);
  syn_journal_reader_verify (reader, look_at_text, NULL, &verified, &error);
  look_at_error (error);
}

static void
read_as_silo (void)
{
  g_autoptr (GError) error = NULL;

  journal.journal = syn_sqlite_journal_new (&(SynSqliteJournalOptions){ .folder = journal.folder, .stepped = TRUE }, &error);
  look_at_error (error);
  if (journal.journal == NULL)
    return;
  {
    g_auto (Reply) records = journal_read (&journal, 0, 2, 0, NULL, 0), checkpoint = journal_get (&journal, 0, "p");

    for (guint i = 0; records.records != NULL && i < records.records->len; i++)
      if (((SynJournalRecord *) records.records->pdata[i])->kind == SYN_RECORD_BATCH)
        look (0, records.records->pdata[i], NULL);
    look_at_error (records.error);
    look_at_error (checkpoint.error);
    if (checkpoint.bytes != NULL)
      {
        gsize size = g_bytes_get_size (checkpoint.bytes);

        g_assert_true ((size == 3 && checkpoint.sequence == 20) || (size == BIG && checkpoint.sequence == 10));
      }
  }
  journal_close (&journal);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  g_autofree char *log = NULL, *index = NULL, *bytes = NULL;
  gsize length;

  if (sound == NULL)
    make ();
  length = sound_size;
  bytes = g_memdup2 (sound, sound_size);
  for (; size >= 5 && length > 0; data += 5, size -= 5)
    {
      gsize at = ((gsize) data[1] << 16 | (gsize) data[2] << 8 | data[3]) % length;

      switch (data[0] % N_KINDS)
        {
        case FLIP:
          bytes[at] ^= (char) (1 << data[4] % 8);
          break;
        case SET:
          bytes[at] = (char) data[4];
          break;
        case CLEAR:
          memset (bytes + at, 0, MIN (length - at, (gsize) data[4] * 16));
          break;
        case CUT:
          length = at;
          break;
        }
    }
  log = g_strconcat (journal.path, "-wal", NULL);
  index = g_strconcat (journal.path, "-shm", NULL);
  g_unlink (log);
  g_unlink (index);
  g_assert_true (g_file_set_contents_full (journal.path, bytes, (gssize) length, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  read_as_operator ();
  read_as_silo ();
  store_forget_warnings ();
  return 0;
}
