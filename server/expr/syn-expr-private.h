/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-expr.h"

/* The inside of the expression tree, for the parser and the compiler; and the tokens between the lexer and the parser. */

G_BEGIN_DECLS

typedef enum {
  SYN_OP_NONE,
  SYN_OP_OR, SYN_OP_AND, SYN_OP_NOT, /* or, and: two or more arguments */
  SYN_OP_EQ, SYN_OP_NE, SYN_OP_LT, SYN_OP_LE, SYN_OP_GT, SYN_OP_GE, SYN_OP_GLOB,
  SYN_OP_ADD, SYN_OP_SUB, SYN_OP_MUL, SYN_OP_DIV, SYN_OP_MOD, SYN_OP_NEG,
} SynOp;

/* A literal; @type 0 is null. Numbers carry their value in every form that they can be asked for. */
typedef struct {
  int type; /* 0, or a ReplicaType: bool, int64, decimal, double, string */
  guint8 scale;
  ReplicaInt128 unscaled; /* bool, int64, decimal */
  double number;          /* int64, decimal, double */
  char *text;             /* strings */
} SynLiteral;

struct _SynExpr {
  gatomicrefcount ref_count;
  SynExprKind kind;
  SynOp op;
  gboolean negated;    /* of IN, BETWEEN, IS_NULL */
  guint position;      /* of its first character */
  guint op_position;   /* of its operator: where type errors point */
  char *name;          /* NAME, CALL */
  SynLiteral literal;
  guint n_args;
  SynExpr **args;
};

const char *syn_op_to_string (SynOp op);
/* The tree's text when it is a bare literal string, else NULL. */
const char *syn_expr_get_string_literal (const SynExpr *self);
/* Takes the references in @args. */
SynExpr *syn_expr_new (SynExprKind kind, SynOp op, guint position, SynExpr **args, guint n_args);
/* Turns the sign of a number around; FALSE when it is none, or has no opposite. */
gboolean syn_expr_negate_literal (SynExpr *expr);
void syn_expr_append_literal (GString *text, const SynLiteral *literal);
/* TRUE for first, sum, …: names that are no scalar functions. */
gboolean syn_expr_is_aggregate_name (const char *name);
/* TRUE for the scalar ones: abs, round, … */
gboolean syn_expr_is_function_name (const char *name);
/* Whether @name can stand in text without backquotes. */
gboolean syn_expr_is_plain_name (const char *name);
/* Appends @name, in backquotes if it needs them. */
void syn_expr_append_name (GString *text, const char *name);

/* ---- lexer ---- */
typedef enum {
  SYN_TOKEN_END, SYN_TOKEN_NUMBER, SYN_TOKEN_STRING, SYN_TOKEN_NAME, SYN_TOKEN_QUOTED_NAME,
  SYN_TOKEN_OR, SYN_TOKEN_AND, SYN_TOKEN_NOT, SYN_TOKEN_IN, SYN_TOKEN_AS, SYN_TOKEN_TRUE, SYN_TOKEN_FALSE, SYN_TOKEN_NULL,
  SYN_TOKEN_EQ, SYN_TOKEN_NE, SYN_TOKEN_LT, SYN_TOKEN_LE, SYN_TOKEN_GT, SYN_TOKEN_GE, SYN_TOKEN_GLOB,
  SYN_TOKEN_PLUS, SYN_TOKEN_MINUS, SYN_TOKEN_STAR, SYN_TOKEN_SLASH, SYN_TOKEN_PERCENT, SYN_TOKEN_OPEN, SYN_TOKEN_CLOSE, SYN_TOKEN_COMMA,
} SynTokenKind;

typedef struct {
  SynTokenKind kind;
  guint position;    /* in characters, from 1 */
  const char *start; /* in the text */
  gsize length;
  char *value;       /* (owned) (nullable): of strings and names, unescaped */
} SynToken;

typedef struct {
  const char *next;
  guint position;
} SynLexer;

/* Checks size and UTF-8 first: the lexer relies on both. */
gboolean syn_lexer_init (SynLexer *self, const char *text, GError **error);
/* @token's previous value is freed: start from { 0 }. */
gboolean syn_lexer_next (SynLexer *self, SynToken *token, GError **error);
void syn_token_clear (SynToken *token);
/* `"last"`, `12.5`, `the end`, as it stands after "found". */
char *syn_token_describe (const SynToken *token);

/* The number that the token is. */
SynExpr *syn_expr_new_number (const SynToken *token, gboolean negative, guint position, GError **error);

G_END_DECLS
