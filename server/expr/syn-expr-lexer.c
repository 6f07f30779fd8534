/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Text to tokens, one at a time, with the column of each in characters. No state but the place; any thread.
 * GScanner was rejected: it knows no columns in characters, and its numbers are doubles. */
#include "syn-expr-private.h"

#include "syn-error.h"
#include "syn-limits.h"

#include <string.h>

static const struct {
  const char *text;
  SynTokenKind kind;
} keywords[] = {
  { "or", SYN_TOKEN_OR },       { "and", SYN_TOKEN_AND },   { "not", SYN_TOKEN_NOT },
  { "in", SYN_TOKEN_IN },       { "as", SYN_TOKEN_AS },     { "true", SYN_TOKEN_TRUE },
  { "false", SYN_TOKEN_FALSE }, { "null", SYN_TOKEN_NULL },
};

/* Longest first. */
static const struct {
  const char *text;
  SynTokenKind kind;
} symbols[] = {
  { "==", SYN_TOKEN_EQ },  { "!=", SYN_TOKEN_NE },   { "<=", SYN_TOKEN_LE },   { ">=", SYN_TOKEN_GE },
  { "=", SYN_TOKEN_EQ },   { "<", SYN_TOKEN_LT },    { ">", SYN_TOKEN_GT },    { "~", SYN_TOKEN_GLOB },
  { "+", SYN_TOKEN_PLUS }, { "-", SYN_TOKEN_MINUS }, { "*", SYN_TOKEN_STAR },  { "/", SYN_TOKEN_SLASH },
  { "(", SYN_TOKEN_OPEN }, { ")", SYN_TOKEN_CLOSE }, { ",", SYN_TOKEN_COMMA },
  { "%", SYN_TOKEN_PERCENT },
};

static gboolean
is_name_start (char c)
{
  return g_ascii_isalpha (c) || c == '_';
}

static gboolean
is_name_char (char c)
{
  return g_ascii_isalnum (c) || c == '_';
}

gboolean
syn_expr_is_plain_name (const char *name)
{
  if (!is_name_start (name[0]))
    return FALSE;
  for (const char *c = name; *c != '\0'; c++)
    if (!is_name_char (*c))
      return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (keywords); i++)
    if (strcmp (name, keywords[i].text) == 0)
      return FALSE;
  return TRUE;
}

void
syn_token_clear (SynToken *token)
{
  g_clear_pointer (&token->value, g_free);
}

char *
syn_token_describe (const SynToken *token)
{
  /* Long enough to recognise, short enough for one line; cut between characters. */
  const gsize longest = 40;
  gsize length = token->length;
  gboolean quoted = token->kind == SYN_TOKEN_STRING || token->kind == SYN_TOKEN_QUOTED_NAME
                    || token->kind == SYN_TOKEN_NUMBER;

  if (token->kind == SYN_TOKEN_END)
    return g_strdup ("the end");
  if (length > longest)
    length = (gsize)(g_utf8_find_prev_char (token->start, token->start + longest) - token->start);
  return g_strdup_printf ("%s%.*s%s%s", quoted ? "" : "\"", (int)length, token->start,
                          length < token->length ? "…" : "", quoted ? "" : "\"");
}

gboolean
syn_lexer_init (SynLexer *self, const char *text, GError **error)
{
  gsize length = strlen (text);
  const char *end;

  self->next = text;
  self->position = 1;
  if (length > SYN_MAX_EXPR_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "the expression has %" G_GSIZE_FORMAT " bytes; at most %d are allowed", length,
                   SYN_MAX_EXPR_BYTES);
      return FALSE;
    }
  if (!g_utf8_validate (text, (gssize)length, &end))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %ld: not UTF-8",
                   g_utf8_strlen (text, end - text) + 1);
      return FALSE;
    }
  return TRUE;
}

static gboolean
take_number (SynLexer *self, SynToken *token, GError **error)
{
  const char *c = token->start;
  const char *wrong = NULL;

  while (g_ascii_isdigit (*c))
    c++;
  if (*c == '.')
    {
      c++;
      if (!g_ascii_isdigit (*c))
        wrong = "a digit after the point";
      while (g_ascii_isdigit (*c))
        c++;
    }
  if (wrong == NULL && (*c == 'e' || *c == 'E'))
    {
      c++;
      if (*c == '+' || *c == '-')
        c++;
      if (!g_ascii_isdigit (*c))
        wrong = "a digit in the exponent";
      while (g_ascii_isdigit (*c))
        c++;
    }
  if (wrong == NULL && (is_name_char (*c) || *c == '.'))
    wrong = "the number to end";
  if (wrong != NULL)
    {
      g_autofree char *found = NULL;

      if (*c == '\0')
        found = g_strdup ("the end");
      else
        found = g_strdup_printf ("\"%.*s\"", (int)(g_utf8_next_char (c) - c), c);
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %u: expected %s, found %s",
                   token->position + (guint)(c - token->start), wrong, found);
      return FALSE;
    }
  token->kind = SYN_TOKEN_NUMBER;
  token->length = (gsize)(c - token->start);
  return TRUE;
}

/* Four hexadecimal digits, or -1. */
static int
read_hex4 (const char *text)
{
  int value = 0;

  for (guint i = 0; i < 4; i++)
    {
      int digit = g_ascii_xdigit_value (text[i]);

      if (digit < 0)
        return -1;
      value = value * 16 + digit;
    }
  return value;
}

/* An escape at @c, after the backslash: appends what it stands for and returns what follows it, or NULL. */
static const char *
take_escape (const char *c, GString *value)
{
  static const char from[] = "\\\"'ntr/", to[] = "\\\"'\n\t\r/";
  const char *simple = *c != '\0' ? strchr (from, *c) : NULL;
  int high, low;

  if (simple != NULL)
    {
      g_string_append_c (value, to[simple - from]);
      return c + 1;
    }
  if (*c != 'u' || (high = read_hex4 (c + 1)) <= 0)
    return NULL;
  c += 5;
  if (high >= 0xd800 && high <= 0xdbff)
    {
      if (c[0] != '\\' || c[1] != 'u' || (low = read_hex4 (c + 2)) < 0xdc00 || low > 0xdfff)
        return NULL;
      g_string_append_unichar (value, 0x10000 + (gunichar)((high - 0xd800) << 10) + (gunichar)(low - 0xdc00));
      return c + 6;
    }
  if (high >= 0xdc00 && high <= 0xdfff)
    return NULL;
  g_string_append_unichar (value, (gunichar)high);
  return c;
}

static gboolean
take_string (SynLexer *self, SynToken *token, GError **error)
{
  char quote = *token->start;
  g_autoptr (GString) value = g_string_new (NULL);
  const char *c = token->start + 1;

  while (*c != quote && *c != '\0')
    {
      const char *after;

      if (*c != '\\')
        {
          g_string_append_c (value, *c++);
          continue;
        }
      after = take_escape (c + 1, value);
      if (after == NULL)
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                       "column %ld: expected an escape (\\\\ \\\" \\' \\/ \\n \\t \\r or \\u and four "
                       "hexadecimal digits) after the backslash",
                       token->position + g_utf8_strlen (token->start, c - token->start));
          return FALSE;
        }
      c = after;
    }
  if (*c == '\0')
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %ld: expected %c to end the string that begins at column %u, found the end",
                   token->position + g_utf8_strlen (token->start, -1), quote, token->position);
      return FALSE;
    }
  token->kind = SYN_TOKEN_STRING;
  token->length = (gsize)(c + 1 - token->start);
  token->value = g_string_free (g_steal_pointer (&value), FALSE);
  return TRUE;
}

static gboolean
take_quoted_name (SynLexer *self, SynToken *token, GError **error)
{
  const char *end = strchr (token->start + 1, '`');

  if (end == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %ld: expected ` to end the name that begins at column %u, found the end",
                   token->position + g_utf8_strlen (token->start, -1), token->position);
      return FALSE;
    }
  if (end == token->start + 1)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "column %u: expected a name between the backquotes, found none", token->position);
      return FALSE;
    }
  for (const char *c = token->start + 1; c < end; c++)
    if (g_ascii_iscntrl (*c))
      {
        g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "column %ld: a name cannot hold control characters",
                     token->position + g_utf8_strlen (token->start, c - token->start));
        return FALSE;
      }
  token->kind = SYN_TOKEN_QUOTED_NAME;
  token->length = (gsize)(end + 1 - token->start);
  token->value = g_strndup (token->start + 1, token->length - 2);
  return TRUE;
}

static void
take_name (SynLexer *self, SynToken *token)
{
  const char *c = token->start;

  while (is_name_char (*c))
    c++;
  token->kind = SYN_TOKEN_NAME;
  token->length = (gsize)(c - token->start);
  for (guint i = 0; i < G_N_ELEMENTS (keywords); i++)
    if (strlen (keywords[i].text) == token->length
        && memcmp (token->start, keywords[i].text, token->length) == 0)
      {
        token->kind = keywords[i].kind;
        return;
      }
  token->value = g_strndup (token->start, token->length);
}

static gboolean
take_symbol (SynLexer *self, SynToken *token, GError **error)
{
  const char *c = token->start, *hint = "";

  for (guint i = 0; i < G_N_ELEMENTS (symbols); i++)
    if (g_str_has_prefix (c, symbols[i].text))
      {
        token->kind = symbols[i].kind;
        token->length = strlen (symbols[i].text);
        return TRUE;
      }
  /* What people's fingers know from other languages. */
  if (*c == '&')
    hint = "; use \"and\"";
  else if (*c == '|')
    hint = "; use \"or\"";
  else if (*c == '!')
    hint = "; use \"not\" or \"!=\"";
  else if (*c == '^')
    hint = "; use pow(x, y)";
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
               "column %u: expected a name, a value or an operator, found \"%.*s\"%s", token->position,
               (int)(g_utf8_next_char (c) - c), c, hint);
  return FALSE;
}

gboolean
syn_lexer_next (SynLexer *self, SynToken *token, GError **error)
{
  gboolean ok = TRUE;

  syn_token_clear (token);
  while (*self->next == ' ' || *self->next == '\t' || *self->next == '\n' || *self->next == '\r')
    {
      self->next++;
      self->position++;
    }
  token->start = self->next;
  token->position = self->position;
  token->length = 0;
  if (*token->start == '\0')
    token->kind = SYN_TOKEN_END;
  else if (g_ascii_isdigit (*token->start))
    ok = take_number (self, token, error);
  else if (*token->start == '"' || *token->start == '\'')
    ok = take_string (self, token, error);
  else if (*token->start == '`')
    ok = take_quoted_name (self, token, error);
  else if (is_name_start (*token->start))
    take_name (self, token);
  else
    ok = take_symbol (self, token, error);
  if (!ok)
    return FALSE;
  self->next = token->start + token->length;
  self->position += (guint)g_utf8_strlen (token->start, (gssize)token->length);
  return TRUE;
}
