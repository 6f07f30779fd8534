/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-query.h"

/* What the files that parse a query share. Each parser reads the value of one parameter, decoded, and appends its canonical form;
 * FALSE: INVALID (NOT_FOUND for a projection), without the parameter's name before it. */

G_BEGIN_DECLS

/* `expr` over @schema. */
gboolean syn_query_expr_init (SynQueryExpr *self, SynExpr *expr, const SynSchema *schema, GError **error);
void syn_query_expr_clear (SynQueryExpr *self);
/* The same for a condition; its canonical text is appended. NULL: error. */
SynQueryExpr *syn_query_condition_new (SynExpr *expr, const SynSchema *schema, GError **error);
void syn_query_condition_free (SynQueryExpr *self);
/* `EXPR` or `EXPR as NAME`, after a comma when @text is not empty. */
void syn_query_append_named (GString *text, const SynExpr *expr, const char *name);
/* The name as the expression language writes it, in backquotes where it needs them. */
char *syn_query_dup_quoted (const char *name);
/* A projection of the catalog: its index in bases, added when it is new. -1: NOT_FOUND. */
int syn_query_add_base (SynQuery *self, const char *name, GError **error);

gboolean syn_query_parse_join (SynQuery *self, const char *text, GString *canonical, GError **error);
gboolean syn_query_parse_sort (SynQuery *self, const char *text, GString *canonical, GError **error);

/* ---- groups: syn-query-group.c ---- */

/* What is known of the groups while they are parsed. */
typedef struct {
  SynQuery *query;
  GPtrArray *key_texts;  /* (owned): canonical, per key */
  GPtrArray *aliases;    /* (owned): names of selected columns … */
  GPtrArray *alias_exprs; /* (owned): … and their trees over the work schema */
  GArray *aggregates;    /* (owned): SynAggregateSpec */
  GHashTable *by_text;   /* (owned): canonical text of an aggregate → index + 1 */
  GError *error;         /* (owned) */
} SynQueryGrouping;

void syn_query_grouping_init (SynQueryGrouping *self, SynQuery *query);
void syn_query_grouping_clear (SynQueryGrouping *self);
gboolean syn_query_has_aggregate (SynExpr *expr);
/* @text: (nullable): one group of all. */
gboolean syn_query_parse_group (SynQueryGrouping *self, const char *text, GString *canonical, GError **error);
/* The tree over the work schema: aggregates and what is grouped by are replaced by their columns, which are made as needed. */
SynExpr *syn_query_grouping_take (SynQueryGrouping *self, SynExpr *expr, gboolean with_aliases, GError **error);
/* Makes the aggregates and what they read part of the query. */
gboolean syn_query_grouping_finish (SynQueryGrouping *self, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SynQueryGrouping, syn_query_grouping_clear)

G_END_DECLS
