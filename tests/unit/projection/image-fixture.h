/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "projection-fixture.h"
#include "syn-table-image.h"

/* Tables of several definitions, for tests and fuzzing of their images. */

G_BEGIN_DECLS

#define TEST_N_IMAGES 5

SynCatalog *test_image_catalog (guint which); /* with one projection */
SynEventBatch *test_image_batch (SynCatalog *catalog, GRand *rand, guint64 first_sequence, guint n, guint n_symbols);
char *test_image_csv (SynTable *table);
GBytes *test_image_save (SynTable *table);

G_END_DECLS
