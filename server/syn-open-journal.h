/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"
#include "syn-silo.h"

/* How synopticd comes to its journal: a part of main.c. Main thread, before the silo starts. */

G_BEGIN_DECLS

#define SYN_RETAIN_NOT_GIVEN G_MININT64 /* megabytes */

typedef struct {
  char *age;         /* (nullable): --retain-age; "all": any age */
  gint64 megabytes;  /* --retain-mb; 0: any size */
} SynRetainOptions;

/* Opens the journal in @folder, whose lock the silo holds, when the catalog has a durable source, with what each source retains; it is the silo's
 * from then on. Says who holds records and is no longer in the catalog. Errors: of the options (G_OPTION_ERROR), of the journal. */
gboolean syn_open_journal (SynSilo *silo, SynCatalog *catalog, const char *folder, const SynRetainOptions *options, GError **error);

G_END_DECLS
