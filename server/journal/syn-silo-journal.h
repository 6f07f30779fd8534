/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal.h"
#include "syn-silo.h"

/* The journal of a silo: which engine it is, main.c or a test says before the start. */

G_BEGIN_DECLS

/* @owned: freed with the silo; otherwise it outlives the silo, and may be that of the next one. */
void syn_silo_set_journal (SynSilo *silo, SynJournal *journal, gboolean owned);
/* After the start: any thread. (nullable): the silo has none. */
SynJournal *syn_silo_get_journal (SynSilo *silo);

G_END_DECLS
