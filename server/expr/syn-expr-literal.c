/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Literals: numbers from their digits, exactly, and all of them as canonical text. Any thread. */
#include "syn-expr-private.h"

#include "replica-number.h"
#include "syn-error.h"

#include <string.h>

/* A minus sign before it belongs to it, so that the smallest int64 can be
 * written. */
SynExpr *
syn_expr_new_number (const SynToken *token, gboolean negative, guint position, GError **error)
{
  g_autoptr (SynExpr) expr = syn_expr_new (SYN_EXPR_LITERAL, SYN_OP_NONE, position, NULL, 0);
  SynLiteral *literal = &expr->literal;
  const char *digits = token->start;
  gsize length = token->length;
  const char *point;
  g_autofree char *text = NULL;
  gsize n;
  ReplicaReadResult result;

  while (length > 1 && digits[0] == '0' && g_ascii_isdigit (digits[1]))
    {
      digits++;
      length--;
    }
  text = g_strdup_printf ("%s%.*s", negative ? "-" : "", (int)length, digits);
  n = strlen (text);
  point = strchr (text, '.');
  if (strpbrk (text, "eE") != NULL)
    {
      literal->type = REPLICA_TYPE_DOUBLE;
      result = replica_read_double (text, n, &literal->number);
    }
  else
    {
      gsize scale = point != NULL ? strlen (point + 1) : 0;
      ReplicaInt128 widest;

      if (scale > REPLICA_DECIMAL_SCALE_MAX)
        {
          g_set_error (
              error, SYN_ERROR, SYN_ERROR_INVALID,
              "column %u: a decimal has at most %d digits after the point; with an exponent it is a double",
              token->position, REPLICA_DECIMAL_SCALE_MAX);
          return NULL;
        }
      literal->type = point != NULL ? REPLICA_TYPE_DECIMAL : REPLICA_TYPE_INT64;
      literal->scale = (guint8)scale;
      if (point != NULL)
        {
          result = replica_read_decimal128 (text, n, (guint)scale, &literal->unscaled);
          /* Must survive being compared at the largest scale. */
          if (result == REPLICA_READ_OK)
            result = replica_read_decimal128 (text, n, REPLICA_DECIMAL_SCALE_MAX, &widest);
        }
      else
        {
          gint64 value = 0;

          result = replica_read_int64 (text, n, &value);
          literal->unscaled = value;
        }
      if (result == REPLICA_READ_OK)
        result = replica_read_double (text, n, &literal->number);
    }
  if (result != REPLICA_READ_OK)
    {
      g_autofree char *found = syn_token_describe (token);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: %s is out of range%s", position, found,
                   literal->type == REPLICA_TYPE_INT64 ? " for an int64; with an exponent it is a double"
                                                       : "");
      return NULL;
    }
  return g_steal_pointer (&expr);
}

/* `-(5)` is -5: turns the sign of a number around, unless there is none, or no int64 for it. */
gboolean
syn_expr_negate_literal (SynExpr *expr)
{
  SynLiteral *literal = &expr->literal;

  if (expr->kind != SYN_EXPR_LITERAL
      || (literal->type != REPLICA_TYPE_INT64 && literal->type != REPLICA_TYPE_DECIMAL
          && literal->type != REPLICA_TYPE_DOUBLE)
      || (literal->type == REPLICA_TYPE_INT64 && literal->unscaled == G_MININT64))
    return FALSE;
  literal->unscaled = -literal->unscaled;
  literal->number = -literal->number;
  return TRUE;
}

static void
append_string (GString *text, const char *value)
{
  g_string_append_c (text, '"');
  for (const char *c = value; *c != '\0'; c++)
    switch (*c)
      {
      case '"':
        g_string_append (text, "\\\"");
        break;
      case '\\':
        g_string_append (text, "\\\\");
        break;
      case '\n':
        g_string_append (text, "\\n");
        break;
      case '\t':
        g_string_append (text, "\\t");
        break;
      case '\r':
        g_string_append (text, "\\r");
        break;
      default:
        if (g_ascii_iscntrl (*c))
          g_string_append_printf (text, "\\u%04x", (guint)(guchar)*c);
        else
          g_string_append_c (text, *c);
      }
  g_string_append_c (text, '"');
}

void
syn_expr_append_literal (GString *text, const SynLiteral *literal)
{
  char buffer[REPLICA_TEXT_MAX];
  gsize length;

  switch (literal->type)
    {
    case REPLICA_TYPE_BOOL:
      g_string_append (text, literal->unscaled ? "true" : "false");
      break;
    case REPLICA_TYPE_INT64:
      length = replica_write_int64 (buffer, (gint64)literal->unscaled);
      g_string_append_len (text, buffer, (gssize)length);
      break;
    case REPLICA_TYPE_DECIMAL:
      /* A negative zero has no other way to stay what was written, and needs none: it is zero. */
      length = replica_write_decimal (buffer, literal->unscaled, literal->scale);
      g_string_append_len (text, buffer, (gssize)length);
      break;
    case REPLICA_TYPE_DOUBLE:
      /* The exponent is what makes it a double. */
      length = replica_write_double (buffer, literal->number);
      g_string_append_len (text, buffer, (gssize)length);
      if (memchr (buffer, 'e', length) == NULL && memchr (buffer, 'E', length) == NULL)
        g_string_append (text, "e0");
      break;
    case REPLICA_TYPE_STRING:
      append_string (text, literal->text);
      break;
    default:
      g_string_append (text, "null");
    }
}
