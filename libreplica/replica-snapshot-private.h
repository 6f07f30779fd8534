/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-form.h"
#include "replica-wire.h"

/* What the files of ReplicaSnapshot share. */

G_BEGIN_DECLS

/* The snapshot as what changed since another. */
typedef struct _ReplicaDelta ReplicaDelta;
struct _ReplicaDelta
{
  ReplicaDelta *next;
  ReplicaToken base;
  ReplicaForm form; /* without bytes: the full form is the better one */
};

struct _ReplicaSnapshot
{
  gatomicrefcount ref_count;
  GBytes *bytes; /* (owned) */
  const ReplicaWireSnapshot *head;
  const ReplicaWireFrontier *frontier;
  GBytes *json; /* (owned) (atomic) (nullable): %NULL until somebody asked for it */
  GBytes *csv;  /* (owned) (atomic) (nullable) */
  guint64 hash; /* (atomic) 0: not known yet */
  ReplicaForm full;
  ReplicaDelta *deltas; /* (owned) (atomic) (nullable): those made so far */
  ReplicaColumn columns[];
};

/* For bytes that are known to be right: those that the builder laid out, or that have been checked. (transfer
 * full) */
ReplicaSnapshot *replica_snapshot_new_trusted (GBytes *bytes);

/* replica-form.c: all of them but the text. */
void replica_snapshot_free_forms (ReplicaSnapshot *self);

/* Whether @text is UTF-8. Unlike g_utf8_validate() this takes NUL for a character, so that a whole dictionary
 * is checked in one go, and reads ASCII eight bytes at a time. */
gboolean replica_text_is_utf8 (const char *text, gsize length);

/* XXH64 of the bytes, computed once. */
guint64 replica_snapshot_get_hash (ReplicaSnapshot *self);

/* (transfer full): the forms, made anew */
/* NULL: more than @max_bytes. */
GBytes *replica_snapshot_make_json (ReplicaSnapshot *self, gsize max_bytes);
GBytes *replica_snapshot_make_csv (ReplicaSnapshot *self, gsize max_bytes);

G_END_DECLS
