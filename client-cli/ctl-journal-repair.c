/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* synopticctl journal repair, drop: what changes a journal's file, with the silo stopped. Both say everything that they do. */

#include <string.h>

#include "ctl.h"
#include "ctl-journal.h"
#include "syn-journal-editor.h"

static void
say (const char *what, gpointer user_data)
{
  g_autoptr (GString) line = g_string_new (NULL);

  ctl_append_safe (line, what, strlen (what), FALSE);
  puts (line->str);
}

static gboolean
is_sound (const SynJournalRepaired *repaired)
{
  return repaired->n_records == 0 && repaired->n_checkpoints == 0 && repaired->n_holds == 0;
}

int
ctl_journal_repair (const char *server, int argc, char **argv)
{
  gboolean yes = FALSE;
  const GOptionEntry entries[] = {
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Do it", NULL },
    { NULL },
  };
  g_autoptr (SynJournalEditor) editor = NULL;
  g_autoptr (GError) error = NULL;
  SynJournalRepaired repaired;

  if (!ctl_parse ("DIR", "Tells what a damaged journal has lost; with --yes marks it as lost, so that the silo goes on after it.",
                  "The silo must be stopped. Copy the folder first: what is damaged is written over.", entries, &server, &argc, &argv, 1, 1))
    return CTL_USAGE;
  editor = syn_journal_editor_open (argv[1], &error);
  if (editor == NULL || !syn_journal_editor_repair (editor, say, NULL, &repaired, &error))
    return ctl_fail (error);
  if (is_sound (&repaired))
    {
      puts ("OK: nothing is damaged");
      return ctl_flush ();
    }
  if (yes && !syn_journal_editor_commit (editor, &error))
    return ctl_fail (error);
  printf ("%s: %" G_GUINT64_FORMAT " records, %" G_GUINT64_FORMAT " events lost, %" G_GUINT64_FORMAT " records of which it is not known what they had, %" G_GUINT64_FORMAT
          " checkpoints, %" G_GUINT64_FORMAT " holds%s\n",
          yes ? "REPAIRED" : "DAMAGED", repaired.n_records, repaired.n_events, repaired.n_unknown, repaired.n_checkpoints, repaired.n_holds,
          yes ? "" : "; nothing is changed without --yes");
  return ctl_flush () == CTL_OK && yes ? CTL_OK : CTL_ERROR;
}

int
ctl_journal_drop (const char *server, int argc, char **argv)
{
  int partition = -1;
  const GOptionEntry entries[] = {
    { "partition", 'p', 0, G_OPTION_ARG_INT, &partition, "Only in this partition", "N" },
    { NULL },
  };
  g_autoptr (SynJournalEditor) editor = NULL;
  g_autoptr (GError) error = NULL;

  if (!ctl_parse ("DIR NAME", "Lets go of what the journal holds for a reader that is no more: projection/NAME or source/NAME, as inspect lists them.",
                  "The silo must be stopped. What nobody needs then goes by the silo's retention. A projection that comes back is made from what is left.", entries,
                  &server, &argc, &argv, 2, 2))
    return CTL_USAGE;
  if (partition < -1)
    {
      ctl_say ("--partition %d: expected the number of a partition", partition);
      return CTL_USAGE;
    }
  editor = syn_journal_editor_open (argv[1], &error);
  if (editor == NULL || !syn_journal_editor_drop (editor, argv[2], partition, say, NULL, &error) || !syn_journal_editor_commit (editor, &error))
    return ctl_fail (error);
  return ctl_flush ();
}
