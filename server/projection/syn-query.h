/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"

/* A question: `PATH?where=EXPR&select=EXPR [as NAME],…&sort=[-]NAME,…&limit=N`, parsed, checked against the catalog, compiled.
 * Immutable; made and freed on any thread, its programs run on one at a time per frame.
 *
 * where    keeps the rows for which a boolean expression over the projection's columns is true
 * select   the columns of the answer; all of the projection's when absent
 * sort     by selected names and the projection's own columns (of two with the same name the selected one), '-' for descending;
 *          stable; nulls last either way. Names with commas in backquotes.
 * limit    at most so many rows, from 0
 *
 * They are applied in this order: where, sort, limit, select. The canonical text has them in the order above, expressions in
 * their canonical form, and percent-encodes what a URL's query cannot hold: equal questions share it, and it parses to itself. */

G_BEGIN_DECLS

/* A column of the answer. */
typedef struct {
  char *name;
  int column;          /* of the projection, when it is one as it is; -1: evaluate @program */
  SynProgram *program; /* (nullable) */
  gboolean is_key;
} SynQueryColumn;

typedef struct {
  gboolean descending;
  int column;  /* of the projection, or -1: @output */
  guint output; /* index into SynQuery.columns */
} SynQuerySort;

typedef struct {
  char *canonical;
  SynCatalog *catalog; /* (owned): @base is its */
  const SynProjectionSpec *base;
  SynProgram *where; /* (nullable) */
  guint n_columns;
  SynQueryColumn *columns;
  guint n_sort;
  SynQuerySort *sort;
  gboolean has_limit;
  guint limit;
  gboolean has_select;
} SynQuery;

/* Errors: NOT_FOUND (no such projection, with a suggestion), INVALID (`where: column 7: …`), TOO_LARGE. */
SynQuery *syn_query_parse (const char *path, SynCatalog *catalog, GError **error);
void syn_query_free (SynQuery *self);
gboolean syn_query_is_plain (const SynQuery *self); /* the projection itself */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynQuery, syn_query_free)

G_END_DECLS
