/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "projection-fixture.h"
#include "syn-projection.h"
#include "syn-silo-test.h"

/* A stepped silo with the projections of a catalog, and polls whose answers can be looked at. */

G_BEGIN_DECLS

typedef struct {
  SynCatalog *catalog;
  SynSilo *silo;
  guint64 next_sequence; /* of the one source */
} TestSilo;

/* An answer, or that there is none yet. */
typedef struct {
  gboolean done;
  ReplicaSnapshot *snapshot; /* NULL with done and no error: unchanged */
  GError *error;
} TestAnswer;

TestSilo *test_silo_new (const char *catalog_json); /* started and settled; NULL: nothing registered, not started */
void test_silo_start (TestSilo *self);
void test_silo_free (TestSilo *self);
/* Applies events to a projection and settles; the batch's error code, or 0. */
int test_silo_apply (TestSilo *self, const char *projection, const char *events);
/* Sends a poll, without settling. */
TestAnswer *test_silo_poll (TestSilo *self, const char *type, const char *key, ReplicaToken token, guint hold_ms);
/* Sends a poll without a hold, settles, and returns the snapshot (which it must be answered with). */
ReplicaSnapshot *test_silo_get (TestSilo *self, const char *path);
void test_answer_free (TestAnswer *self);
gint64 test_silo_metric (TestSilo *self, const char *name);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestSilo, test_silo_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TestAnswer, test_answer_free)

G_END_DECLS
