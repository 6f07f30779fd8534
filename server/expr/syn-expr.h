/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-schema.h"

/* The expression language of `where`, `select` and catalog columns: one grammar, typed, compiled once, evaluated a column at
 * a time. An expression is parsed to an immutable tree, then compiled against a schema to a program.
 *
 *   or:    and ("or" and)*            and:  not ("and" not)*           not:  "not" not | comparison
 *   comparison: sum (("=="|"="|"!="|"<"|"<="|">"|">="|"~") sum | ["not"] "in" "(" expr ("," expr)* ")"
 *                    | ["not"] "between" sum "and" sum | "is" ["not"] "null")?
 *   sum:   product (("+"|"-") product)*     product: unary (("*"|"/"|"%") unary)*     unary: "-" unary | primary
 *   primary: number | string | "true" | "false" | "null" | name | name "(" [expr ("," expr)*] ")" | "(" expr ")"
 *   names: [A-Za-z_][A-Za-z0-9_]*, or any text between backquotes; strings: "…" or '…' with \ escapes
 *
 * Nulls: three-valued logic; a comparison or arithmetic with null is null; a `where` keeps what is true.
 * Types: int64 op int64 → int64 (overflow → null); decimals exact, scales widen: + - to the larger scale, * adds
 * scales (beyond 18: a double); `/` always gives a double (x/0 → null); decimal with double → double; timestamp - timestamp → int64, in µs. A number literal
 * without point or exponent is an int64, with a point a decimal of its digits, with an exponent a double. A string literal compared with a
 * timestamp is read as one. Mixed numeric comparisons are exact between int64 and decimal.
 * A time is moved by a duration in quotes (`time + "5m"`) or an int64 of microseconds. Words that are no names elsewhere: `is` and
 * `between` are read as such only after a value, so that columns may be called so.
 * Functions: one table, syn-function.c; docs/catalog.md is the reference. */

G_BEGIN_DECLS

typedef struct _SynExpr SynExpr;

typedef enum {
  SYN_EXPR_LITERAL, SYN_EXPR_NAME, SYN_EXPR_CALL, SYN_EXPR_UNARY, SYN_EXPR_BINARY, SYN_EXPR_IN,
  SYN_EXPR_BETWEEN, SYN_EXPR_IS_NULL,
} SynExprKind;

/* Errors: SYN_ERROR_INVALID, "column 7: expected …, found …" (columns count characters from 1). */
SynExpr *syn_expr_parse (const char *text, GError **error);
/* A list: `symbol, last/open-1 as change`: each with its name (the text of a bare name, or the canonical text). */
GPtrArray *syn_expr_parse_list (const char *text, GPtrArray **names, GError **error);
SynExpr *syn_expr_ref (SynExpr *self);
void syn_expr_unref (SynExpr *self);
/* Canonical text: equal for expressions that differ only in spaces, redundant parentheses, `=` for `==`, quoting. */
char *syn_expr_to_string (const SynExpr *self);
SynExprKind syn_expr_get_kind (const SynExpr *self);
const char *syn_expr_get_name (const SynExpr *self); /* of a NAME or CALL */
guint syn_expr_get_position (const SynExpr *self);   /* column of its first character, from 1 */
guint syn_expr_get_n_args (const SynExpr *self);
SynExpr *syn_expr_get_arg (const SynExpr *self, guint index); /* (transfer none) */
/* Calls @func for each name used (not for called functions). */
void syn_expr_foreach_name (const SynExpr *self, void (*func) (const SynExpr *name, gpointer user_data), gpointer user_data);
/* The same tree with nodes replaced: @func returns a new reference for those to replace, NULL for the others. For taking
 * the aggregates out of a column's expression. */
SynExpr *syn_expr_replace (SynExpr *self, SynExpr *(*func) (SynExpr *node, gpointer user_data), gpointer user_data);
SynExpr *syn_expr_new_name (const char *name, guint position);
/* Whether there is a function or an aggregate that @call, a CALL, can mean. Error: SYN_ERROR_INVALID with the position and a suggestion;
 * for those who look at arguments before the call is compiled, so that what is wrong first is said first. */
gboolean syn_expr_check_call (const SynExpr *call, GError **error);

/* ---- compiled ---- */
typedef struct _SynProgram SynProgram; /* immutable, refcounted, any thread */
typedef struct _SynFrame SynFrame;     /* the scratch vectors of one evaluation at a time; belongs to one thread */

/* Errors: SYN_ERROR_INVALID with the position; unknown names with a suggestion. */
SynProgram *syn_program_compile (SynExpr *expr, const SynSchema *schema, GError **error);
SynProgram *syn_program_ref (SynProgram *self);
void syn_program_unref (SynProgram *self);
ReplicaType syn_program_get_type_of (const SynProgram *self, guint *scale);
/* Values of this process that became null because a limit was met (SYN_MAX_STRING_BYTES, SYN_MAX_EXPR_TEXT_BYTES). Any thread. */
guint64 syn_program_get_n_exceeded (void);
SynFrame *syn_frame_new (void);
void syn_frame_free (SynFrame *self);
gsize syn_frame_get_bytes (const SynFrame *self); /* of the vectors that it keeps for the next evaluation */
/* @columns: one per column of the schema, in its order; entries that the program does not use may be NULL. Each has at least
 * @n_rows rows. The result (bool, int64, double, timestamp: as usual; decimal: width 16; strings: with a
 * dictionary) lives in @frame until its next evaluation, or is one of @columns itself. */
const ReplicaColumn *syn_program_run (SynProgram *self, SynFrame *frame, const ReplicaColumn *const *columns, guint n_rows);
/* For a boolean program: the numbers of the rows where it is true, into @rows (n_rows long); returns how many. */
guint syn_program_filter (SynProgram *self, SynFrame *frame, const ReplicaColumn *const *columns, guint n_rows, guint32 *rows);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynExpr, syn_expr_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynProgram, syn_program_unref)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynFrame, syn_frame_free)

G_END_DECLS
