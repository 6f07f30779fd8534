/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"

/* A question: `PATH?join=…&where=…&group=…&having=…&select=…&sort=…&offset=N&limit=N`, parsed, checked against the catalog, compiled.
 * Immutable; made and freed on any thread, its programs run on one at a time per frame.
 *
 * join     PATH [as NAME] [on COLUMN=KEY and …],…: to each row, the row of the other projection whose key columns equal the equally
 *          named columns on the left (or those that `on` says); nulls where there is none. Its other columns come under their own
 *          names, with `as` as NAME.column.
 * where    keeps the rows for which a boolean expression is true
 * group    EXPR [as NAME],…: one row for each combination of values that occurs, null being one. Aggregates in `select` or
 *          `having` without it: one row for all.
 * having   keeps the groups for which it is true; over what is grouped by, aggregates, and selected names
 * select   the columns of the answer; all when absent, of groups what they are grouped by
 * sort     by selected names and other columns (of two with the same name the selected one), '-' for descending; stable; nulls last
 *          either way. Names with commas in backquotes.
 * offset   leaves out so many rows; limit: at most so many
 *
 * They are applied in this order, which is that of the canonical text; it has expressions in their canonical form, leaves out what
 * says nothing, and percent-encodes what a URL's query cannot hold: equal questions share it, and it parses to itself. Groups stand in the
 * order of their first rows. */

G_BEGIN_DECLS

/* An expression, and which columns of its schema it reads. */
typedef struct {
  int column;          /* the schema's, when it is one as it is; -1: evaluate @program */
  SynProgram *program; /* never NULL */
  guint n_uses;
  guint *uses;         /* each once */
} SynQueryExpr;

/* A column that expressions see before grouping. */
typedef struct {
  int join;     /* index into joins; -1: of the first projection */
  guint base;   /* index into bases */
  guint column; /* of that projection's schema */
} SynQueryField;

/* What a row on the left is joined to. */
typedef struct {
  guint base;         /* index into bases */
  guint n_keys;
  guint *fields;      /* per key column of the other projection: the field on the left; before those of this join */
  guint *key_columns; /* the key columns, by number in the other's schema */
} SynQueryJoin;

typedef struct {
  guint n_keys;             /* 0: all rows are one group */
  SynQueryExpr *keys;       /* over the input */
  guint n_aggregates;
  SynAggregateSpec *aggregates;
  SynQueryExpr (*arguments)[SYN_AGGREGATE_MAX_ARGS]; /* per aggregate: over the input */
  SynSchema *work;          /* the keys, then the aggregates as "$0", "$1", … */
  SynQueryExpr *having;     /* (nullable): over @work */
} SynQueryGroup;

/* A column of the answer: over the input, of groups over their @work. */
typedef struct {
  char *name;
  SynQueryExpr expr;
  gboolean is_key;
} SynQueryColumn;

typedef struct {
  gboolean descending;
  int column;  /* of the input (groups: @work), or -1: @output */
  guint output; /* index into SynQuery.columns */
} SynQuerySort;

typedef struct {
  char *canonical;
  SynCatalog *catalog; /* (owned): the bases are its, but for members */
  GPtrArray *members;  /* (owned): SynProjectionSpec: bases below a family of a module's */
  guint n_bases;       /* projections asked, each once; the first is the one that the path names */
  const SynProjectionSpec **bases;
  guint n_joins;
  SynQueryJoin *joins;
  SynSchema *input;      /* what expressions see before grouping */
  SynQueryField *fields; /* as many as @input has columns */
  SynQueryExpr *where;   /* (nullable) */
  SynQueryGroup *group;  /* (nullable) */
  guint n_columns;
  SynQueryColumn *columns;
  guint n_sort;
  SynQuerySort *sort;
  guint offset;
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
