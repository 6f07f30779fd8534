/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-expr-private.h"
#include "syn-glob.h"

/* A program is a list of steps, each one kernel over whole columns: arguments are columns of the schema or
 * registers, the result goes into a register. Registers are reused as soon as their value has been read for
 * the last time, so a frame needs as many as the expression is deep, not as many as it is long. */

G_BEGIN_DECLS

typedef struct _SynStep SynStep;

/* A set of strings that grows: the dictionary of a string column under construction. */
typedef struct {
  guint32 *offsets; /* n + 1 */
  gsize offsets_size;
  char *bytes;
  gsize bytes_size;
  guint32 *slots; /* open addressing: entry + 1, 0: free */
  guint n_slots;
  guint n;
} SynDict;

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
} SynRegister;

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
  GHashTable *set;        /* (owned): strings */
  guint64 first_bytes[4]; /* of the strings of @set, one bit each */
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

void syn_dict_reset (SynDict *self);
guint32 syn_dict_intern (SynDict *self, const char *text, gsize length);
void syn_dict_clear (SynDict *self);
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
void
syn_kernel_constant (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void syn_kernel_null (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
/* numbers */
void
syn_kernel_to_double (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void syn_kernel_widen (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void syn_kernel_int64 (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void
syn_kernel_decimal (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void
syn_kernel_double (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void syn_kernel_negate (const SynStep *step,
                        const ReplicaColumn *const *args,
                        SynRegister *out,
                        guint n_rows); /* flag: abs() */
typedef enum {
  SYN_ROUND_NEAREST,
  SYN_ROUND_FLOOR,
  SYN_ROUND_CEIL
} SynRoundMode; /* in step->constant */
void syn_kernel_round_decimal (const SynStep *step,
                               const ReplicaColumn *const *args,
                               SynRegister *out,
                               guint n_rows);
void syn_kernel_round_double (const SynStep *step,
                              const ReplicaColumn *const *args,
                              SynRegister *out,
                              guint n_rows);
/* comparisons; without a second argument: with the constant */
void syn_kernel_compare_exact (const SynStep *step,
                               const ReplicaColumn *const *args,
                               SynRegister *out,
                               guint n_rows);
void syn_kernel_compare_double (const SynStep *step,
                                const ReplicaColumn *const *args,
                                SynRegister *out,
                                guint n_rows);
void syn_kernel_compare_bool (const SynStep *step,
                              const ReplicaColumn *const *args,
                              SynRegister *out,
                              guint n_rows);
void syn_kernel_compare_string (const SynStep *step,
                                const ReplicaColumn *const *args,
                                SynRegister *out,
                                guint n_rows);
void syn_kernel_test_string (const SynStep *step,
                             const ReplicaColumn *const *args,
                             SynRegister *out,
                             guint n_rows); /* text, glob or set */
/* logic */
void syn_kernel_and (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void syn_kernel_or (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void syn_kernel_not (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void syn_kernel_if (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
void
syn_kernel_coalesce (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);
/* strings */
void syn_kernel_change_case (const SynStep *step,
                             const ReplicaColumn *const *args,
                             SynRegister *out,
                             guint n_rows); /* flag: upper */
void
syn_kernel_length (const SynStep *step, const ReplicaColumn *const *args, SynRegister *out, guint n_rows);

G_END_DECLS
