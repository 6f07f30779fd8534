/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-program-private.h"

/* The table of scalar functions: a function is one row of it (syn-function.c), what computes it, and a line in
 * docs/catalog.md with examples. */

G_BEGIN_DECLS

typedef struct _SynFunction SynFunction;

typedef gboolean (*SynCompileFunc) (
    SynCompiler *self, const SynFunction *function, const SynExpr *expr, SynValue *value, GError **error);

struct _SynFunction {
  const char *name;
  const char *usage; /* as documentation and errors write it */
  guint min_args;
  guint max_args;    /* 0: any number */
  SynCompileFunc compile;
  /* for syn_compile_plain(): */
  const char *args;  /* a letter each: s string, i int64, d any number, as a double, t timestamp */
  ReplicaType result;
  SynKernel kernel;  /* of whole columns; or NULL, and */
  SynCellFunc func;  /* of one row */
  guint variant;     /* what it is to the kernel (step->digits), or to compile() */
};

#define SYN_COMPILE_FUNC(name)                                                                               \
  gboolean name (SynCompiler *self, const SynFunction *function, const SynExpr *expr, SynValue *value,       \
                 GError **error)

const SynFunction *syn_function_find (const char *name);
/* Calls @func for each function, in the order of the documentation. */
void syn_function_foreach (void (*func) (const char *name, const char *usage, gpointer user_data), gpointer user_data);

/* Arguments and result as the table says; null when any argument is. */
SYN_COMPILE_FUNC (syn_compile_plain);
/* numbers (syn-program-call.c) */
SYN_COMPILE_FUNC (syn_compile_abs);
SYN_COMPILE_FUNC (syn_compile_sign);
SYN_COMPILE_FUNC (syn_compile_round); /* variant: SynRoundMode */
SYN_COMPILE_FUNC (syn_compile_div);
/* choices */
SYN_COMPILE_FUNC (syn_compile_coalesce);
SYN_COMPILE_FUNC (syn_compile_if);
SYN_COMPILE_FUNC (syn_compile_extreme); /* variant: SynOp that prefers the first */
/* strings (syn-program-call-text.c) */
SYN_COMPILE_FUNC (syn_compile_text);
SYN_COMPILE_FUNC (syn_compile_concat);
SYN_COMPILE_FUNC (syn_compile_number);
SYN_COMPILE_FUNC (syn_compile_pattern);
/* times (syn-program-call-time.c) */
SYN_COMPILE_FUNC (syn_compile_trunc);
SYN_COMPILE_FUNC (syn_compile_format_time); /* variant 1: date() */
SYN_COMPILE_FUNC (syn_compile_duration);

/* "column 8: substr() takes an int64 as argument 2, found string" */
gboolean syn_compile_fail_type (const SynExpr *expr, guint index, const char *expected, const SynValue *found, GError **error);
/* An argument that is a number of digits written there. */
gboolean syn_compile_read_digits (const SynExpr *arg, guint *digits, GError **error);

G_END_DECLS
