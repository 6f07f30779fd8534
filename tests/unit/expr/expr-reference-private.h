/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "expr-fixture.h"

/* Between the two files of the naive evaluator: the tree is walked in expr-reference.c, functions are in expr-reference-functions.c. */

typedef struct {
  int type; /* 0: null without a type */
  guint scale;
  gboolean null;
  ReplicaInt128 exact; /* bool, int64, timestamp, decimal */
  double number;
  char *text;
} Value;

/* Texts live on: this is a test. */
char *value_keep (const char *text);
ReplicaInt128 value_power (guint exponent); /* of ten */
Value value_new (int type, guint scale);    /* null */
Value value_new_bool (gboolean null, gboolean value);
double value_as_double (const Value *value);
/* What type two things have together. */
void value_join (const Value *a, const Value *b, int *type, guint *scale);
Value value_cast (Value from, int type, guint scale);
/* Less than, equal to or greater than 0. */
int value_order (const Value *a, const Value *b);

/* round(), floor() and ceil(). */
Value reference_round (const char *name, Value value, guint digits);
/* Of the values of its arguments; FALSE: the function is none of these. */
gboolean reference_function (const SynExpr *expr, Value *args, Value *result);
