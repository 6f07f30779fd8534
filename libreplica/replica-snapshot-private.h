/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"
#include "replica-wire.h"

/* What the files of ReplicaSnapshot share. */

G_BEGIN_DECLS

struct _ReplicaSnapshot
{
  gatomicrefcount ref_count;
  GBytes *bytes; /* (owned) */
  const ReplicaWireSnapshot *head;
  const ReplicaWireFrontier *frontier;
  GBytes *json; /* (owned) (atomic) (nullable): %NULL until somebody asked for it */
  GBytes *csv;  /* (owned) (atomic) (nullable) */
  ReplicaColumn columns[];
};

/* For bytes that are known to be right: those that the builder laid out, or that have been checked. (transfer
 * full) */
ReplicaSnapshot *replica_snapshot_new_trusted (GBytes *bytes);

/* Whether @text is UTF-8. Unlike g_utf8_validate() this takes NUL for a character, so that a whole dictionary
 * is checked in one go, and reads ASCII eight bytes at a time. */
gboolean replica_text_is_utf8 (const char *text, gsize length);

/* (transfer full): the forms, made anew */
/* NULL: more than @max_bytes. */
GBytes *replica_snapshot_make_json (ReplicaSnapshot *self, gsize max_bytes);
GBytes *replica_snapshot_make_csv (ReplicaSnapshot *self, gsize max_bytes);

G_END_DECLS
