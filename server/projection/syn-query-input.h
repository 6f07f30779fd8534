/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-snapshot.h"
#include "syn-changes.h"
#include "syn-query.h"
#include "syn-scratch.h"

/* What a query's expressions are evaluated over: the rows of its first projection, each with the row that every join gives it; and which of
 * them changed since the evaluation before. For the length of one evaluation, in the thread's scratch. */

G_BEGIN_DECLS

#define SYN_NO_MATCH G_MAXUINT32

typedef struct _SynQueryInput SynQueryInput;

/* Some of the rows (or all), with those of their columns that were asked for. */
typedef struct {
  SynQueryInput *input;
  const guint32 *rows; /* NULL: all */
  guint n;
  ReplicaColumn *made;
  const ReplicaColumn **columns; /* per field; NULL: not asked for yet */
} SynQuerySlice;

struct _SynQueryInput {
  const SynQuery *query;
  SynScratch *scratch;
  ReplicaSnapshot *const *bases;
  guint n_rows;
  guint32 **maps;    /* per join: the row of the other projection, or SYN_NO_MATCH */
  guint n_frames;    /* taken so far */
  gsize frame_bytes; /* of those */
  SynQuerySlice all;
  /* against the evaluation before */
  gboolean has_before;
  guint n_before;
  SynChanges **changes;        /* (owned) per base */
  guint32 *const *maps_before; /* per join; equal to the one in maps: nothing about it changed */
  const guint8 **changed;      /* per field: bits of rows; NULL: none, or not asked for yet */
  gboolean *has_changed;       /* per field: whether changed says it */
};

/* @bases: snapshots of the query's, in their order. Errors: INTERNAL (one has other columns than the catalog says). */
gboolean syn_query_input_init (SynQueryInput *self, const SynQuery *query, ReplicaSnapshot *const *bases, GError **error);
/* Makes the maps. @before: (nullable) the bases of the evaluation before, and @maps_before what came of them. Of a join that did not
 * change the map is the same pointer; others are new, for the caller to free. FALSE: TOO_LARGE. */
gboolean syn_query_input_join (SynQueryInput *self, ReplicaSnapshot *const *before, guint32 *const *maps_before, guint32 **maps,
                               GError **error);
/* Lets go of what init and join took. */
void syn_query_input_clear (SynQueryInput *self);
/* Marks in @bits (of n_rows) the rows in which a value that @expr reads changed, or that are new. */
void syn_query_input_mark (SynQueryInput *self, const SynQueryExpr *expr, guint8 *bits);
guint8 *syn_query_input_new_bits (SynQueryInput *self); /* zeroed but for the new rows */

/* A program over columns of any kind, in the next frame. */
const ReplicaColumn *syn_query_input_run (SynQueryInput *self, SynProgram *program, const ReplicaColumn *const *columns, guint n_rows);
guint syn_query_input_filter (SynQueryInput *self, SynProgram *program, const ReplicaColumn *const *columns, guint n_rows, guint32 *rows);
/* Whether another expression may be computed. FALSE: TOO_LARGE. */
gboolean syn_query_input_has_room (const SynQueryInput *self, GError **error);

void syn_query_slice_init (SynQuerySlice *self, SynQueryInput *input, const guint32 *rows, guint n);
/* The values of one field, or of an expression, for the rows of the slice; live until the end of the evaluation. */
const ReplicaColumn *syn_query_slice_get (SynQuerySlice *self, guint field);
const ReplicaColumn *syn_query_slice_run (SynQuerySlice *self, const SynQueryExpr *expr);
/* Numbers within the slice of the rows for which it is true; as many as are returned. */
guint32 *syn_query_slice_filter (SynQuerySlice *self, const SynQueryExpr *condition, guint *n);

/* Makes @out the values of @from at @rows, null where that is SYN_NO_MATCH. */
void syn_query_gather (SynScratch *scratch, const ReplicaColumn *from, const guint32 *rows, guint n, ReplicaColumn *out);

G_END_DECLS
