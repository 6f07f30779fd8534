/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-expr-private.h"
#include "syn-dict.h"
#include "syn-glob.h"
#include "syn-regex.h"

/* A program is a list of steps, each one kernel over whole columns: arguments are columns of the schema or
 * registers, the result goes into a register. Registers are reused as soon as their value has been read for
 * the last time, so a frame needs as many as the expression is deep, not as many as it is long. */

G_BEGIN_DECLS

typedef struct _SynStep SynStep;

/* What a step writes; buffers grow and stay. */
typedef struct {
  ReplicaColumn column; /* points into the buffers */
  void *data;
  gsize data_size;
  guint8 *validity;
  gsize validity_size;
  void *scratch;
  gsize scratch_size;
  SynDict dict;
  GString *text;        /* (owned) (nullable): a string being made */
  SynRegexCache *regex; /* (owned) (nullable) */
  gsize text_before;    /* what the strings of other steps take */
  guint n_exceeded;     /* values of this step that are null because of a limit */
} SynRegister;

/* One value on its way into or out of a function of one row. */
typedef struct {
  const char *text; /* strings; not terminated */
  gsize length;
  gint64 integer;      /* bool, int64, timestamp */
  double number;       /* double */
  ReplicaInt128 exact; /* decimal */
} SynCell;

typedef enum { SYN_CELL_NULL, SYN_CELL_VALUE, SYN_CELL_EXCEEDED } SynCellState;

/* The value of one row from those of its arguments, none of which is null. A string that it makes may live in out->text. */
typedef SynCellState (*SynCellFunc) (const SynStep *step, const SynCell *args, SynCell *result, SynRegister *out);

/* Sets out->column's data, validity and dictionary; type, scale, width and n_rows are set before. Booleans of
 * null rows are always 0; other values of null rows may be anything until the end. */
typedef void (*SynKernel) (const SynStep *step,
                           const ReplicaColumn *const *args,
                           SynRegister *out,
                           guint n_rows);

#define SYN_NO_OPERAND G_MAXINT
#define SYN_STEP_MAX_ARGS 3

struct _SynStep {
  SynKernel kernel;
  int args[SYN_STEP_MAX_ARGS]; /* register, or ~column, or SYN_NO_OPERAND */
  guint out;
  ReplicaType type; /* of the result */
  guint8 scale;
  guint8 width;
  /* what the kernel knows; each uses some of these */
  SynOp op;
  gint64 factors[2]; /* what the arguments are multiplied with to meet at one scale */
  guint digits;
  gboolean flag;
  ReplicaInt128 constant;
  double number;
  char *text; /* (owned) */
  gsize text_length;
  SynGlob *glob;          /* (owned) */
  SynDict *set;           /* (owned): strings */
  guint64 first_bytes[4]; /* of the strings of @set, one bit each */
  SynRegex *regex;        /* (owned) */
  SynCellFunc func;
  guint n_args;           /* of @func: those that are no operands are in @cells */
  SynCell cells[SYN_STEP_MAX_ARGS];
  char *texts[SYN_STEP_MAX_ARGS]; /* (owned): of @cells */
};

struct _SynProgram {
  gatomicrefcount ref_count;
  GArray *steps; /* SynStep */
  guint n_registers;
  int result;
  ReplicaType type;
  guint8 scale;
};

struct _SynFrame {
  guint n_registers;
  SynRegister *registers; /* the last one is for the result */
};

/* ---- compiling ---- */
typedef struct {
  const SynSchema *schema;
  SynProgram *program;
  GArray *busy; /* gboolean a register */
} SynCompiler;

/* The value of a subexpression. A literal stays one until it is known as what type it is wanted. */
typedef struct {
  int operand; /* SYN_NO_OPERAND: a literal */
  int type;    /* 0: null */
  guint8 scale;
  const SynExpr *literal; /* when it is one */
} SynValue;

gboolean syn_compile_node (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error);
gboolean syn_compile_call (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error);
gboolean syn_compile_arithmetic (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error);
gboolean syn_compile_negation (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error);
gboolean syn_compile_test (SynCompiler *self, const SynExpr *expr, SynValue *value, GError **error); /* ~, in, between, is null, == … */
/* Compares one pair of values and leaves both alone. */
gboolean syn_compile_compare (SynCompiler *self,
                              SynOp op,
                              SynValue left,
                              SynValue right,
                              guint position,
                              SynValue *value,
                              GError **error);
/* A new step with its result register; fill the rest in. Valid until the next one. */
SynStep *
syn_compiler_emit (SynCompiler *self, SynKernel kernel, ReplicaType type, guint scale, SynValue *value);
/* Logic over one or two conditions, which it releases; @b nullable. */
void syn_compiler_emit_logic (
    SynCompiler *self, SynKernel kernel, const SynValue *a, const SynValue *b, SynValue *value);
void syn_compiler_release (SynCompiler *self, const SynValue *value);
/* Makes it a column or register of this type, which syn_value_unify() has said it can become. */
void syn_compiler_convert (SynCompiler *self, SynValue *value, ReplicaType type, guint scale);
/* The same and decimals 16 bytes wide. */
void syn_compiler_convert_wide (SynCompiler *self, SynValue *value, ReplicaType type, guint scale);
void syn_compiler_emit_null (SynCompiler *self, ReplicaType type, guint scale, SynValue *value);
/* The type in which values of both can be compared, or chosen between: FALSE when there is none. */
gboolean syn_value_unify (const SynValue *a, const SynValue *b, SynValue *common);
/* A string literal where a time is wanted: reads it, so that a bad one is an error here. */
gboolean syn_value_check_time (const SynValue *value, GError **error);
gint64 syn_value_get_time (const SynValue *value);
char *syn_value_type_to_string (const SynValue *value);
static inline gboolean
syn_value_is_number (const SynValue *value)
{
  return value->type == REPLICA_TYPE_INT64 || value->type == REPLICA_TYPE_DECIMAL
         || value->type == REPLICA_TYPE_DOUBLE;
}
gint64 syn_power_of_ten (guint exponent); /* to 18 */
/* Makes a literal an argument of step->func. Takes @text, of a string. */
void syn_step_set_cell (SynStep *step, guint index, const SynCell *cell, char *text);
void syn_step_clear (SynStep *step);

/* ---- running ---- */
void *syn_register_data (SynRegister *self, gsize size);
void *syn_register_scratch (SynRegister *self, gsize size);
void syn_register_set_validity (SynRegister *self,
                                const ReplicaColumn *a,
                                const ReplicaColumn *b,
                                guint n_rows);                          /* where both have one; @b nullable */
guint8 *syn_register_ensure_validity (SynRegister *self, guint n_rows); /* one to clear bits in */
void syn_register_copy_dict (SynRegister *self, const ReplicaColumn *from);
void syn_register_mask_bools (SynRegister *self, guint n_rows); /* null booleans become 0 */

/* Rows whose double is not finite become null and zero. */
void syn_register_drop_infinite (SynRegister *self, double *data, guint n_rows);

static inline void
syn_set_null (guint8 *validity, guint row)
{
  validity[row >> 3] &= (guint8) ~(1u << (row & 7));
}

GString *syn_register_text (SynRegister *self); /* empty */
/* The code of a string of the result; FALSE, and counted, when it is one too many. */
gboolean syn_register_intern (SynRegister *self, const char *text, gsize length, guint32 *code);
void syn_register_use_dict (SynRegister *self);

static inline ReplicaInt128
syn_load128 (const void *data, guint row)
{
  ReplicaInt128 value;
  __builtin_memcpy (&value, (const char *)data + (gsize)row * sizeof value, sizeof value);
  return value;
}

static inline void
syn_store128 (void *data, guint row, ReplicaInt128 value)
{
  __builtin_memcpy ((char *)data + (gsize)row * sizeof value, &value, sizeof value);
}

/* ---- kernels ---- */
#define SYN_KERNEL(name)                                                                                     \
  void name (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows)

SYN_KERNEL (syn_kernel_constant);
SYN_KERNEL (syn_kernel_null);
/* numbers */
SYN_KERNEL (syn_kernel_to_double);
SYN_KERNEL (syn_kernel_widen);
SYN_KERNEL (syn_kernel_int64); /* of timestamps too: they are microseconds */
SYN_KERNEL (syn_kernel_decimal);
SYN_KERNEL (syn_kernel_double);
SYN_KERNEL (syn_kernel_negate); /* flag: abs() */
typedef enum { SYN_ROUND_NEAREST, SYN_ROUND_FLOOR, SYN_ROUND_CEIL } SynRoundMode; /* in step->constant */
SYN_KERNEL (syn_kernel_round_decimal);
SYN_KERNEL (syn_kernel_round_double);
typedef enum { SYN_MATH_SQRT, SYN_MATH_LN, SYN_MATH_LOG10, SYN_MATH_EXP, SYN_MATH_POW } SynMathFunc; /* in step->digits */
SYN_KERNEL (syn_kernel_math);
SYN_KERNEL (syn_kernel_sign);
SYN_KERNEL (syn_kernel_divide); /* exact; constant: the power of ten that the first argument is multiplied with */
/* comparisons; without a second argument: with the constant */
SYN_KERNEL (syn_kernel_compare_exact);
SYN_KERNEL (syn_kernel_compare_double);
SYN_KERNEL (syn_kernel_compare_bool);
SYN_KERNEL (syn_kernel_compare_string);
SYN_KERNEL (syn_kernel_test_string); /* text, glob or set */
/* logic */
SYN_KERNEL (syn_kernel_and);
SYN_KERNEL (syn_kernel_or);
SYN_KERNEL (syn_kernel_not);
SYN_KERNEL (syn_kernel_is_null); /* flag: is not null */
SYN_KERNEL (syn_kernel_if);
SYN_KERNEL (syn_kernel_choose); /* as if(), but null where any of the three is */
SYN_KERNEL (syn_kernel_coalesce);
/* strings */
SYN_KERNEL (syn_kernel_cells);  /* step->func, once for each string in use, or each row */
SYN_KERNEL (syn_kernel_format); /* any value as its text */
/* times */
typedef enum {
  SYN_PART_YEAR, SYN_PART_MONTH, SYN_PART_DAY, SYN_PART_HOUR, SYN_PART_MINUTE, SYN_PART_SECOND, SYN_PART_WEEKDAY,
} SynTimePart; /* in step->digits */
SYN_KERNEL (syn_kernel_time_part);
typedef enum { SYN_TRUNC_DURATION, SYN_TRUNC_WEEK, SYN_TRUNC_MONTH, SYN_TRUNC_QUARTER, SYN_TRUNC_YEAR } SynTruncUnit; /* in step->digits */
SYN_KERNEL (syn_kernel_trunc);       /* constant: the duration */
SYN_KERNEL (syn_kernel_format_time); /* text: the format */

/* ---- functions of one row (syn-cell-text.c): SynCellFunc ---- */
#define SYN_CELL_FUNC(name)                                                                                  \
  SynCellState name (const SynStep *step, const SynCell *args, SynCell *result, SynRegister *out)

SYN_CELL_FUNC (syn_cell_lower);
SYN_CELL_FUNC (syn_cell_upper);
SYN_CELL_FUNC (syn_cell_length);
SYN_CELL_FUNC (syn_cell_trim);
SYN_CELL_FUNC (syn_cell_substr);
SYN_CELL_FUNC (syn_cell_starts_with);
SYN_CELL_FUNC (syn_cell_ends_with);
SYN_CELL_FUNC (syn_cell_contains);
SYN_CELL_FUNC (syn_cell_replace);
SYN_CELL_FUNC (syn_cell_split_part);
SYN_CELL_FUNC (syn_cell_concat);
SYN_CELL_FUNC (syn_cell_matches);
SYN_CELL_FUNC (syn_cell_extract);
SYN_CELL_FUNC (syn_cell_number); /* to a double, or a decimal of the step's scale */
SYN_CELL_FUNC (syn_cell_timestamp);

G_END_DECLS
