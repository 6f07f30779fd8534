/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The tree of an expression, immutable once made, and its canonical text. Refcounted atomically; any thread.
 */
#include "syn-aggregate-name.h"
#include "syn-expr-private.h"

#include <string.h>

/* How tightly a node binds: its text needs parentheses where something tighter is asked for. */
enum {
  BIND_OR,
  BIND_AND,
  BIND_NOT,
  BIND_COMPARISON,
  BIND_SUM,
  BIND_PRODUCT,
  BIND_UNARY,
  BIND_PRIMARY
};

static const struct {
  const char *text;
  int bind;
} ops[] = {
  [SYN_OP_NONE] = { "", BIND_PRIMARY },     [SYN_OP_OR] = { "or", BIND_OR },
  [SYN_OP_AND] = { "and", BIND_AND },       [SYN_OP_NOT] = { "not", BIND_NOT },
  [SYN_OP_EQ] = { "==", BIND_COMPARISON },  [SYN_OP_NE] = { "!=", BIND_COMPARISON },
  [SYN_OP_LT] = { "<", BIND_COMPARISON },   [SYN_OP_LE] = { "<=", BIND_COMPARISON },
  [SYN_OP_GT] = { ">", BIND_COMPARISON },   [SYN_OP_GE] = { ">=", BIND_COMPARISON },
  [SYN_OP_GLOB] = { "~", BIND_COMPARISON }, [SYN_OP_ADD] = { "+", BIND_SUM },
  [SYN_OP_SUB] = { "-", BIND_SUM },         [SYN_OP_MUL] = { "*", BIND_PRODUCT },
  [SYN_OP_DIV] = { "/", BIND_PRODUCT },     [SYN_OP_MOD] = { "%", BIND_PRODUCT },
  [SYN_OP_NEG] = { "-", BIND_UNARY },
};

const char *
syn_op_to_string (SynOp op)
{
  return ops[op].text;
}

SynExpr *
syn_expr_new (SynExprKind kind, SynOp op, guint position, SynExpr **args, guint n_args)
{
  SynExpr *self = g_new0 (SynExpr, 1);

  g_atomic_ref_count_init (&self->ref_count);
  self->kind = kind;
  self->op = op;
  self->position = position;
  self->op_position = position;
  self->n_args = n_args;
  if (n_args > 0)
    self->args = g_memdup2 (args, n_args * sizeof *args);
  return self;
}

SynExpr *
syn_expr_new_name (const char *name, guint position)
{
  SynExpr *self = syn_expr_new (SYN_EXPR_NAME, SYN_OP_NONE, position, NULL, 0);

  self->name = g_strdup (name);
  return self;
}

SynExpr *
syn_expr_ref (SynExpr *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
syn_expr_unref (SynExpr *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  for (guint i = 0; i < self->n_args; i++)
    syn_expr_unref (self->args[i]);
  g_free (self->args);
  g_free (self->name);
  g_free (self->literal.text);
  g_free (self);
}

SynExprKind
syn_expr_get_kind (const SynExpr *self)
{
  return self->kind;
}

const char *
syn_expr_get_name (const SynExpr *self)
{
  return self->name;
}

guint
syn_expr_get_position (const SynExpr *self)
{
  return self->position;
}

guint
syn_expr_get_n_args (const SynExpr *self)
{
  return self->n_args;
}

SynExpr *
syn_expr_get_arg (const SynExpr *self, guint index)
{
  g_return_val_if_fail (index < self->n_args, NULL);
  return self->args[index];
}

const char *
syn_expr_get_string_literal (const SynExpr *self)
{
  return self->kind == SYN_EXPR_LITERAL && self->literal.type == REPLICA_TYPE_STRING ? self->literal.text
                                                                                     : NULL;
}

gboolean
syn_expr_is_aggregate_name (const char *name)
{
  return syn_aggregate_name_find (name, NULL, NULL);
}

void
syn_expr_foreach_name (const SynExpr *self,
                       void (*func) (const SynExpr *name, gpointer user_data),
                       gpointer user_data)
{
  if (self->kind == SYN_EXPR_NAME)
    func (self, user_data);
  for (guint i = 0; i < self->n_args; i++)
    syn_expr_foreach_name (self->args[i], func, user_data);
}

SynExpr *
syn_expr_replace (SynExpr *self, SynExpr *(*func) (SynExpr *node, gpointer user_data), gpointer user_data)
{
  SynExpr *replaced = func (self, user_data);
  g_autofree SynExpr **args = NULL;
  gboolean changed = FALSE;

  if (replaced != NULL)
    return replaced;
  if (self->n_args == 0)
    return syn_expr_ref (self);
  args = g_new (SynExpr *, self->n_args);
  for (guint i = 0; i < self->n_args; i++)
    {
      args[i] = syn_expr_replace (self->args[i], func, user_data);
      changed |= args[i] != self->args[i];
    }
  if (!changed)
    {
      for (guint i = 0; i < self->n_args; i++)
        syn_expr_unref (args[i]);
      return syn_expr_ref (self);
    }
  replaced = syn_expr_new (self->kind, self->op, self->position, args, self->n_args);
  replaced->op_position = self->op_position;
  replaced->negated = self->negated;
  replaced->name = g_strdup (self->name);
  return replaced;
}

/* ---- canonical text ---- */

void
syn_expr_append_name (GString *text, const char *name)
{
  if (syn_expr_is_plain_name (name))
    g_string_append (text, name);
  else
    g_string_append_printf (text, "`%s`", name);
}

static int
get_bind (const SynExpr *self)
{
  if (self->kind == SYN_EXPR_IN || self->kind == SYN_EXPR_BETWEEN || self->kind == SYN_EXPR_IS_NULL)
    return BIND_COMPARISON;
  return ops[self->op].bind;
}

static void append (GString *text, const SynExpr *self);

static void
append_bound (GString *text, const SynExpr *self, int at_least)
{
  gboolean parentheses = get_bind (self) < at_least;

  if (parentheses)
    g_string_append_c (text, '(');
  append (text, self);
  if (parentheses)
    g_string_append_c (text, ')');
}

static void
append_args (GString *text, const SynExpr *self, guint from)
{
  g_string_append_c (text, '(');
  for (guint i = from; i < self->n_args; i++)
    {
      if (i > from)
        g_string_append (text, ", ");
      append (text, self->args[i]);
    }
  g_string_append_c (text, ')');
}

static void
append (GString *text, const SynExpr *self)
{
  int bind = get_bind (self);

  switch (self->kind)
    {
    case SYN_EXPR_LITERAL:
      syn_expr_append_literal (text, &self->literal);
      break;
    case SYN_EXPR_NAME:
      syn_expr_append_name (text, self->name);
      break;
    case SYN_EXPR_CALL:
      g_string_append (text, self->name);
      append_args (text, self, 0);
      break;
    case SYN_EXPR_UNARY:
      g_string_append (text, ops[self->op].text);
      if (self->op == SYN_OP_NOT)
        g_string_append_c (text, ' ');
      /* `-5` is a literal; the negation of the literal 5, which only a replacement can make, is not. */
      if (self->op == SYN_OP_NEG && self->args[0]->kind == SYN_EXPR_LITERAL)
        append_bound (text, self->args[0], BIND_PRIMARY + 1);
      else
        append_bound (text, self->args[0], bind);
      break;
    case SYN_EXPR_IN:
      append_bound (text, self->args[0], BIND_SUM);
      g_string_append (text, self->negated ? " not in " : " in ");
      append_args (text, self, 1);
      break;
    case SYN_EXPR_BETWEEN:
      append_bound (text, self->args[0], BIND_SUM);
      g_string_append (text, self->negated ? " not between " : " between ");
      append_bound (text, self->args[1], BIND_SUM);
      g_string_append (text, " and ");
      append_bound (text, self->args[2], BIND_SUM);
      break;
    case SYN_EXPR_IS_NULL:
      append_bound (text, self->args[0], BIND_SUM);
      g_string_append (text, self->negated ? " is not null" : " is null");
      break;
    case SYN_EXPR_BINARY:
      for (guint i = 0; i < self->n_args; i++)
        {
          /* Left-associative; comparisons do not associate at all; arguments of or and and bind tighter than
           * they do. */
          int at_least = i > 0 || bind <= BIND_AND || bind == BIND_COMPARISON ? bind + 1 : bind;

          if (i > 0)
            g_string_append_printf (text, " %s ", ops[self->op].text);
          append_bound (text, self->args[i], at_least);
        }
      break;
    default:
      g_assert_not_reached ();
    }
}

/**
 * syn_expr_to_string:
 * @self: an expression
 *
 * Returns: (transfer full): its canonical text: equal for expressions that differ only in spaces, redundant
 * parentheses, quoting, `=` for `==` or leading zeros; parsing it gives the same tree and the same text again
 */
char *
syn_expr_to_string (const SynExpr *self)
{
  GString *text = g_string_new (NULL);

  append (text, self);
  return g_string_free (text, FALSE);
}
