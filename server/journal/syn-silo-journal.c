/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A silo's journal. It is closed when the lanes have ended, before what it answered them is run for the last time, and freed after them. */
#include "syn-silo-journal.h"

#include "syn-journal-private.h"
#include "syn-silo-private.h"

#define NAME "journal"

static void
close_owned (gpointer data)
{
  syn_journal_close (data);
}

static void
answer_all (gpointer data)
{
  while (syn_journal_step (data))
    ;
}

/* The logs were those of lanes that are gone. */
static void
let_go (gpointer data)
{
  SynJournal *journal = data;

  for (guint i = 0; i < SYN_N_PARTITIONS; i++)
    g_clear_pointer (&journal->logs[i], syn_journal_log_free);
}

void
syn_silo_set_journal (SynSilo *silo, SynJournal *journal, gboolean owned)
{
  if (owned)
    syn_silo_set_engine (silo, NAME, journal, close_owned, (GDestroyNotify) syn_journal_free);
  else
    syn_silo_set_engine (silo, NAME, journal, answer_all, let_go);
}

SynJournal *
syn_silo_get_journal (SynSilo *silo)
{
  return syn_silo_get_data (silo, NAME);
}
