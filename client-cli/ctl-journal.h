/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-journal-reader.h"

/* The verb journal's own verbs that have a file of their own. */

G_BEGIN_DECLS

int ctl_journal_export (const char *server, int argc, char **argv);
int ctl_journal_repair (const char *server, int argc, char **argv);
int ctl_journal_drop (const char *server, int argc, char **argv);

G_END_DECLS
