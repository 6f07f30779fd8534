/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Tokens to a tree: recursive descent with one function a level of precedence, as the grammar in syn-expr.h
 * has it. Any thread. Nesting is bounded by SYN_MAX_EXPR_DEPTH where a stranger controls the recursion
 * (parentheses, calls, signs, `not`); a chain of operators at one level is a loop here. Parser generators
 * were rejected: their errors say less than these do. */
#include "syn-expr-private.h"

#include "syn-error.h"
#include "syn-limits.h"
#include "syn-suggest.h"

#include <string.h>

typedef struct {
  SynLexer lexer;
  SynToken token; /* the current one */
  guint depth;
} Parser;

static SynExpr *parse_or (Parser *self, GError **error);

static gboolean
advance (Parser *self, GError **error)
{
  return syn_lexer_next (&self->lexer, &self->token, error);
}

/* What stands where a word between two values could: one that was meant, perhaps. */
static char *
suggest_word (const char *found)
{
  static const char *const words[] = { "and", "or", "not", "in", "is", "between", "null", "as", "true", "false" };
  SynSuggest suggest;

  syn_suggest_init (&suggest, found);
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    {
      if (strcmp (found, words[i]) == 0) /* it is what it looks like, in a wrong place */
        return g_strdup ("");
      syn_suggest_add (&suggest, words[i]);
    }
  return syn_suggest_dup_text (&suggest);
}

static gboolean
is_word (const Parser *self, const char *word)
{
  return self->token.kind == SYN_TOKEN_NAME && strcmp (self->token.value, word) == 0;
}

static gboolean
fail_expected (Parser *self, const char *expected, GError **error)
{
  g_autofree char *found = syn_token_describe (&self->token);
  g_autofree char *near = NULL;
  const char *hint = "";

  if (self->token.kind == SYN_TOKEN_NAME)
    {
      hint = near = suggest_word (self->token.value);
      if (g_ascii_strcasecmp (self->token.value, "and") == 0
          || g_ascii_strcasecmp (self->token.value, "or") == 0
          || g_ascii_strcasecmp (self->token.value, "not") == 0
          || g_ascii_strcasecmp (self->token.value, "in") == 0)
        hint = "; and, or, not and in are written in small letters";
      else if (g_ascii_strcasecmp (self->token.value, "like") == 0)
        hint = "; use ~ with * and ?";
    }
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected %s, found %s%s",
               self->token.position, expected, found, hint);
  return FALSE;
}

static gboolean
enter (Parser *self, GError **error)
{
  if (++self->depth <= SYN_MAX_EXPR_DEPTH)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: nested deeper than %d", self->token.position,
               SYN_MAX_EXPR_DEPTH);
  return FALSE;
}

static void
leave (Parser *self)
{
  self->depth--;
}

static SynExpr *
new_binary (SynOp op, guint op_position, SynExpr *left, SynExpr *right)
{
  SynExpr *args[] = { left, right };
  SynExpr *self = syn_expr_new (SYN_EXPR_BINARY, op, left->position, args, 2);

  self->op_position = op_position;
  return self;
}

static SynExpr *
parse_number (Parser *self, gboolean negative, guint position, GError **error)
{
  g_autoptr (SynExpr) expr = syn_expr_new_number (&self->token, negative, position, error);

  if (expr == NULL || !advance (self, error))
    return NULL;
  return g_steal_pointer (&expr);
}

static SynExpr *
parse_literal (Parser *self, GError **error)
{
  g_autoptr (SynExpr) expr = syn_expr_new (SYN_EXPR_LITERAL, SYN_OP_NONE, self->token.position, NULL, 0);

  switch (self->token.kind)
    {
    case SYN_TOKEN_STRING:
      expr->literal.type = REPLICA_TYPE_STRING;
      expr->literal.text = g_steal_pointer (&self->token.value);
      break;
    case SYN_TOKEN_TRUE:
    case SYN_TOKEN_FALSE:
      expr->literal.type = REPLICA_TYPE_BOOL;
      expr->literal.unscaled = self->token.kind == SYN_TOKEN_TRUE;
      break;
    default: /* null */
      break;
    }
  if (!advance (self, error))
    return NULL;
  return g_steal_pointer (&expr);
}

/* `expr ("," expr)* ")"`, after the opening parenthesis at @open; appends to @args. */
static gboolean
parse_args (Parser *self, GPtrArray *args, guint open, GError **error)
{
  for (;;)
    {
      SynExpr *arg = parse_or (self, error);

      if (arg == NULL)
        return FALSE;
      g_ptr_array_add (args, arg);
      if (self->token.kind == SYN_TOKEN_CLOSE)
        return advance (self, error);
      if (self->token.kind != SYN_TOKEN_COMMA)
        {
          g_autofree char *expected =
              g_strdup_printf ("an operator, \",\" or \")\" for the \"(\" of column %u", open);
          return fail_expected (self, expected, error);
        }
      if (!advance (self, error))
        return FALSE;
    }
}

static SynExpr *
new_with_args (SynExprKind kind, guint position, GPtrArray *args)
{
  SynExpr *expr = syn_expr_new (kind, SYN_OP_NONE, position, (SynExpr **)args->pdata, args->len);

  /* The references went into the expression. */
  g_ptr_array_set_free_func (args, NULL);
  return expr;
}

static SynExpr *
parse_name (Parser *self, GError **error)
{
  gboolean quoted = self->token.kind == SYN_TOKEN_QUOTED_NAME;
  guint position = self->token.position, open;
  g_autofree char *name = g_steal_pointer (&self->token.value);
  g_autoptr (GPtrArray) args = g_ptr_array_new_with_free_func ((GDestroyNotify)syn_expr_unref);
  SynExpr *expr;

  if (!advance (self, error))
    return NULL;
  if (quoted || self->token.kind != SYN_TOKEN_OPEN)
    return syn_expr_new_name (name, position);
  open = self->token.position;
  if (!enter (self, error) || !advance (self, error))
    return NULL;
  if (self->token.kind == SYN_TOKEN_CLOSE)
    {
      if (!advance (self, error))
        return NULL;
    }
  else if (!parse_args (self, args, open, error))
    return NULL;
  leave (self);
  expr = new_with_args (SYN_EXPR_CALL, position, args);
  expr->name = g_steal_pointer (&name);
  expr->op_position = position;
  return expr;
}

static SynExpr *
parse_primary (Parser *self, GError **error)
{
  g_autoptr (SynExpr) expr = NULL;
  guint open;

  switch (self->token.kind)
    {
    case SYN_TOKEN_NUMBER:
      return parse_number (self, FALSE, self->token.position, error);
    case SYN_TOKEN_STRING:
    case SYN_TOKEN_TRUE:
    case SYN_TOKEN_FALSE:
    case SYN_TOKEN_NULL:
      return parse_literal (self, error);
    case SYN_TOKEN_NAME:
    case SYN_TOKEN_QUOTED_NAME:
      return parse_name (self, error);
    case SYN_TOKEN_OPEN:
      open = self->token.position;
      if (!enter (self, error) || !advance (self, error))
        return NULL;
      expr = parse_or (self, error);
      if (expr == NULL)
        return NULL;
      if (self->token.kind != SYN_TOKEN_CLOSE)
        {
          g_autofree char *expected =
              g_strdup_printf ("an operator or \")\" for the \"(\" of column %u", open);

          fail_expected (self, expected, error);
          return NULL;
        }
      if (!advance (self, error))
        return NULL;
      leave (self);
      return g_steal_pointer (&expr);
    default:
      fail_expected (self, "a name, a value or \"(\"", error);
      return NULL;
    }
}

static SynExpr *
parse_unary (Parser *self, GError **error)
{
  guint position = self->token.position;
  SynExpr *arg, *expr;

  if (self->token.kind != SYN_TOKEN_MINUS)
    return parse_primary (self, error);
  if (!enter (self, error) || !advance (self, error))
    return NULL;
  if (self->token.kind == SYN_TOKEN_NUMBER)
    {
      leave (self);
      return parse_number (self, TRUE, position, error);
    }
  arg = parse_unary (self, error);
  if (arg == NULL)
    return NULL;
  leave (self);
  if (syn_expr_negate_literal (arg))
    {
      arg->position = position;
      return arg;
    }
  expr = syn_expr_new (SYN_EXPR_UNARY, SYN_OP_NEG, position, &arg, 1);
  expr->op_position = position;
  return expr;
}

static SynExpr *
parse_product (Parser *self, GError **error)
{
  g_autoptr (SynExpr) left = parse_unary (self, error);

  while (left != NULL && (self->token.kind == SYN_TOKEN_STAR || self->token.kind == SYN_TOKEN_SLASH
                          || self->token.kind == SYN_TOKEN_PERCENT))
    {
      SynOp op = SYN_OP_MUL + (self->token.kind - SYN_TOKEN_STAR);
      guint position = self->token.position;
      SynExpr *right;

      if (!advance (self, error) || (right = parse_unary (self, error)) == NULL)
        return NULL;
      left = new_binary (op, position, g_steal_pointer (&left), right);
    }
  return g_steal_pointer (&left);
}

static SynExpr *
parse_sum (Parser *self, GError **error)
{
  g_autoptr (SynExpr) left = parse_product (self, error);

  while (left != NULL && (self->token.kind == SYN_TOKEN_PLUS || self->token.kind == SYN_TOKEN_MINUS))
    {
      SynOp op = self->token.kind == SYN_TOKEN_PLUS ? SYN_OP_ADD : SYN_OP_SUB;
      guint position = self->token.position;
      SynExpr *right;

      if (!advance (self, error) || (right = parse_product (self, error)) == NULL)
        return NULL;
      left = new_binary (op, position, g_steal_pointer (&left), right);
    }
  return g_steal_pointer (&left);
}

/* `in (…)`, with the token on "in". */
static SynExpr *
parse_in (Parser *self, SynExpr *left, gboolean negated, guint position, GError **error)
{
  g_autoptr (GPtrArray) args = g_ptr_array_new_with_free_func ((GDestroyNotify)syn_expr_unref);
  guint open;
  SynExpr *expr;

  g_ptr_array_add (args, left);
  if (!advance (self, error))
    return NULL;
  if (self->token.kind != SYN_TOKEN_OPEN)
    {
      fail_expected (self, "\"(\" and a list after \"in\"", error);
      return NULL;
    }
  open = self->token.position;
  if (!enter (self, error) || !advance (self, error) || !parse_args (self, args, open, error))
    return NULL;
  leave (self);
  expr = new_with_args (SYN_EXPR_IN, left->position, args);
  expr->negated = negated;
  expr->op_position = position;
  return expr;
}

/* `between … and …`, with the token on "between". */
static SynExpr *
parse_between (Parser *self, SynExpr *left, gboolean negated, guint position, GError **error)
{
  g_autoptr (GPtrArray) args = g_ptr_array_new_with_free_func ((GDestroyNotify)syn_expr_unref);
  SynExpr *arg, *expr;

  g_ptr_array_add (args, left);
  if (!advance (self, error) || (arg = parse_sum (self, error)) == NULL)
    return NULL;
  g_ptr_array_add (args, arg);
  if (self->token.kind != SYN_TOKEN_AND)
    {
      fail_expected (self, "\"and\" and the upper end of \"between\"", error);
      return NULL;
    }
  if (!advance (self, error) || (arg = parse_sum (self, error)) == NULL)
    return NULL;
  g_ptr_array_add (args, arg);
  expr = new_with_args (SYN_EXPR_BETWEEN, left->position, args);
  expr->negated = negated;
  expr->op_position = position;
  return expr;
}

/* `is null` and `is not null`, with the token on "is". */
static SynExpr *
parse_is (Parser *self, SynExpr *arg, guint position, GError **error)
{
  g_autoptr (SynExpr) left = arg;
  gboolean negated;
  SynExpr *expr;

  if (!advance (self, error))
    return NULL;
  negated = self->token.kind == SYN_TOKEN_NOT;
  if (negated && !advance (self, error))
    return NULL;
  if (self->token.kind != SYN_TOKEN_NULL)
    {
      fail_expected (self, negated ? "\"null\" after \"is not\"" : "\"null\" or \"not null\" after \"is\"", error);
      return NULL;
    }
  if (!advance (self, error))
    return NULL;
  expr = syn_expr_new (SYN_EXPR_IS_NULL, SYN_OP_NONE, left->position, &left, 1);
  left = NULL;
  expr->negated = negated;
  expr->op_position = position;
  return expr;
}

static SynExpr *
parse_comparison (Parser *self, GError **error)
{
  g_autoptr (SynExpr) left = parse_sum (self, error);
  guint position = self->token.position;
  SynExpr *right;
  SynOp op;

  if (left == NULL)
    return NULL;
  switch (self->token.kind)
    {
    case SYN_TOKEN_EQ:
    case SYN_TOKEN_NE:
    case SYN_TOKEN_LT:
    case SYN_TOKEN_LE:
    case SYN_TOKEN_GT:
    case SYN_TOKEN_GE:
    case SYN_TOKEN_GLOB:
      op = SYN_OP_EQ + (self->token.kind - SYN_TOKEN_EQ);
      break;
    case SYN_TOKEN_IN:
      return parse_in (self, g_steal_pointer (&left), FALSE, position, error);
    case SYN_TOKEN_NOT:
      if (!advance (self, error))
        return NULL;
      if (is_word (self, "between"))
        return parse_between (self, g_steal_pointer (&left), TRUE, position, error);
      if (self->token.kind != SYN_TOKEN_IN)
        {
          fail_expected (self, "\"in\" or \"between\" after \"not\"", error);
          return NULL;
        }
      return parse_in (self, g_steal_pointer (&left), TRUE, position, error);
    default:
      if (is_word (self, "is"))
        return parse_is (self, g_steal_pointer (&left), position, error);
      if (is_word (self, "between"))
        return parse_between (self, g_steal_pointer (&left), FALSE, position, error);
      return g_steal_pointer (&left);
    }
  if (!advance (self, error) || (right = parse_sum (self, error)) == NULL)
    return NULL;
  return new_binary (op, position, g_steal_pointer (&left), right);
}

static SynExpr *
parse_not (Parser *self, GError **error)
{
  guint position = self->token.position;
  SynExpr *arg, *expr;

  if (self->token.kind != SYN_TOKEN_NOT)
    return parse_comparison (self, error);
  if (!enter (self, error) || !advance (self, error) || (arg = parse_not (self, error)) == NULL)
    return NULL;
  leave (self);
  expr = syn_expr_new (SYN_EXPR_UNARY, SYN_OP_NOT, position, &arg, 1);
  expr->op_position = position;
  return expr;
}

/* `a and (b and c)` says what `a and b and c` says, so both become one node with three arguments: equal
 * questions get equal text, and long lists stay flat. */
static SynExpr *
parse_logic (Parser *self, SynOp op, GError **error)
{
  SynTokenKind kind = op == SYN_OP_OR ? SYN_TOKEN_OR : SYN_TOKEN_AND;
  g_autoptr (GPtrArray) args = g_ptr_array_new_with_free_func ((GDestroyNotify)syn_expr_unref);
  guint position = self->token.position, op_position = 0;
  SynExpr *expr;

  for (;;)
    {
      g_autoptr (SynExpr) arg =
          op == SYN_OP_OR ? parse_logic (self, SYN_OP_AND, error) : parse_not (self, error);

      if (arg == NULL)
        return NULL;
      if (args->len == 0 && self->token.kind != kind)
        return g_steal_pointer (&arg);
      if (arg->kind == SYN_EXPR_BINARY && arg->op == op)
        for (guint i = 0; i < arg->n_args; i++)
          g_ptr_array_add (args, syn_expr_ref (arg->args[i]));
      else
        g_ptr_array_add (args, g_steal_pointer (&arg));
      if (self->token.kind != kind)
        break;
      if (op_position == 0)
        op_position = self->token.position;
      if (!advance (self, error))
        return NULL;
    }
  expr = new_with_args (SYN_EXPR_BINARY, position, args);
  expr->op = op;
  expr->op_position = op_position;
  return expr;
}

static SynExpr *
parse_or (Parser *self, GError **error)
{
  return parse_logic (self, SYN_OP_OR, error);
}

/* The canonical text must be readable itself, as it goes through grain names and URLs. */
static gboolean
check_canonical_length (gsize length, GError **error)
{
  if (length <= SYN_MAX_EXPR_BYTES)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
               "the expression has %" G_GSIZE_FORMAT " bytes when written out; at most %d are allowed",
               length, SYN_MAX_EXPR_BYTES);
  return FALSE;
}

/**
 * syn_expr_parse:
 * @text: NUL-terminated, at most SYN_MAX_EXPR_BYTES
 *
 * Returns: (transfer full): the tree, or NULL with SYN_ERROR_INVALID that names the column
 */
SynExpr *
syn_expr_parse (const char *text, GError **error)
{
  Parser self = { 0 };
  g_autoptr (SynExpr) expr = NULL;
  g_autofree char *canonical = NULL;

  if (syn_lexer_init (&self.lexer, text, error) && advance (&self, error))
    expr = parse_or (&self, error);
  if (expr != NULL && self.token.kind != SYN_TOKEN_END)
    {
      fail_expected (&self, "an operator or the end", error);
      g_clear_pointer (&expr, syn_expr_unref);
    }
  syn_token_clear (&self.token);
  if (expr == NULL)
    return NULL;
  canonical = syn_expr_to_string (expr);
  if (!check_canonical_length (strlen (canonical), error))
    return NULL;
  return g_steal_pointer (&expr);
}

/* `as NAME`, or what an expression is called without; NULL on error. */
static char *
parse_list_name (Parser *self, SynExpr *expr, guint position, gboolean *named, GError **error)
{
  g_autofree char *name = NULL;

  *named = self->token.kind == SYN_TOKEN_AS;
  if (!*named)
    name = expr->kind == SYN_EXPR_NAME ? g_strdup (expr->name) : syn_expr_to_string (expr);
  else
    {
      if (!advance (self, error))
        return NULL;
      position = self->token.position;
      if (self->token.kind != SYN_TOKEN_NAME && self->token.kind != SYN_TOKEN_QUOTED_NAME)
        {
          fail_expected (self, "a name after \"as\"", error);
          return NULL;
        }
      name = g_steal_pointer (&self->token.value);
      if (!advance (self, error))
        return NULL;
    }
  if (strlen (name) > SYN_MAX_NAME_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: a name has at most %d bytes%s", position,
                   SYN_MAX_NAME_BYTES, *named ? "" : "; give this one with \"as\"");
      return NULL;
    }
  return g_steal_pointer (&name);
}

/**
 * syn_expr_parse_list:
 * @text: `symbol, last/open-1 as change`; at most SYN_MAX_COLUMNS expressions
 * @names: (out) (nullable) (transfer full) (element-type utf8): as many names, each once
 *
 * Returns: (transfer full) (element-type SynExpr): the expressions, or NULL with SYN_ERROR_INVALID that names
 * the column
 */
GPtrArray *
syn_expr_parse_list (const char *text, GPtrArray **names, GError **error)
{
  Parser self = { 0 };
  g_autoptr (GPtrArray) exprs = g_ptr_array_new_with_free_func ((GDestroyNotify)syn_expr_unref);
  g_autoptr (GPtrArray) all_names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  gsize canonical_length = 0;
  gboolean ok = syn_lexer_init (&self.lexer, text, error) && advance (&self, error);

  while (ok)
    {
      guint position = self.token.position;
      SynExpr *expr = parse_or (&self, error);
      g_autofree char *canonical = NULL;
      gboolean named;
      char *name;

      ok = expr != NULL;
      if (!ok)
        break;
      g_ptr_array_add (exprs, expr);
      name = parse_list_name (&self, expr, position, &named, error);
      ok = name != NULL;
      if (!ok)
        break;
      g_ptr_array_add (all_names, name);
      canonical = syn_expr_to_string (expr);
      canonical_length +=
          strlen (canonical) + strlen (", ") + (named ? strlen (name) + strlen (" as ``") : 0);
      if (!g_hash_table_add (seen, name))
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                       "column %u: \"%s\" stands here twice; give one another name with \"as\"", position,
                       name);
          ok = FALSE;
        }
      else if (exprs->len > SYN_MAX_COLUMNS)
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: more than %d columns", position,
                       SYN_MAX_COLUMNS);
          ok = FALSE;
        }
      else if (self.token.kind == SYN_TOKEN_END)
        break;
      else if (self.token.kind != SYN_TOKEN_COMMA)
        ok = fail_expected (&self, "an operator, \"as\", \",\" or the end", error);
      else
        ok = advance (&self, error);
    }
  syn_token_clear (&self.token);
  if (!ok || !check_canonical_length (canonical_length, error))
    return NULL;
  if (names != NULL)
    *names = g_steal_pointer (&all_names);
  return g_steal_pointer (&exprs);
}
