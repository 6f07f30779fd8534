/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-program-private.h"

/* A small table to evaluate expressions over, made from text, and values as text. */

typedef struct {
  SynSchema *schema;
  GPtrArray *columns; /* ReplicaColumn, owned with all that they point to */
  guint n_rows;
} ExprTable;

ExprTable *expr_table_new (guint n_rows);
void expr_table_free (ExprTable *self);
/* @cells: as many as there are rows, as replica_column_format() writes them; NULL is null. @wide: decimals of 16 bytes. */
void expr_table_add (ExprTable *self, const char *name, const char *type, gboolean wide, const char *const *cells);
/* The table of the documentation and of most tests: four rows, the last with nulls. */
ExprTable *expr_table_new_trades (void);

/* The result of an expression as "a|b|NULL|d"; NULL with error. */
char *expr_table_evaluate (ExprTable *self, const char *text, char **type, GError **error);
char *expr_format_column (const ReplicaColumn *column);

/* The naive reference: one row at a time, straight from the tree. The value as replica_column_format() would write it, or NULL;
 * @type receives the type as text. */
char *expr_reference_evaluate (const SynExpr *expr, ExprTable *table, guint row, char **type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (ExprTable, expr_table_free)
