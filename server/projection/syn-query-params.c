/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * From a URL's text to parameters and back. Any thread. GUri's query parser was rejected: it keeps one of two equal parameters and says
 * nothing, and its errors have no place. */
#define G_LOG_DOMAIN "synoptic-projection"
#include <string.h>
#include "syn-query-params.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-suggest.h"

#define MAX_SHOWN 80 /* bytes of a stranger's text in an error */
#define LITERAL_IN_VALUE "-._~!$'()*,;=:@/?"

static const char *const param_names[SYN_QUERY_N_PARAMS] = {
  "join", "where", "group", "having", "select", "sort", "offset", "limit",
};

const char *
syn_query_param_to_string (SynQueryParam param)
{
  return param_names[param];
}

void
syn_query_params_clear (SynQueryParams *self)
{
  g_clear_pointer (&self->name, g_free);
  for (guint i = 0; i < SYN_QUERY_N_PARAMS; i++)
    g_clear_pointer (&self->values[i], g_free);
}

char *
syn_query_dup_shown (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, (gssize) strnlen (text, MAX_SHOWN));

  for (char *c = valid; *c != '\0'; c++)
    if (g_ascii_iscntrl (*c))
      *c = '?';
  return g_strconcat (valid, strlen (text) > MAX_SHOWN ? "…" : "", NULL);
}

void
syn_query_append_encoded (GString *text, const char *value)
{
  for (const char *c = value; *c != '\0'; c++)
    if (*c == ' ')
      g_string_append_c (text, '+');
    else if (g_ascii_isalnum (*c) || strchr (LITERAL_IN_VALUE, *c) != NULL)
      g_string_append_c (text, *c);
    else
      g_string_append_printf (text, "%%%02X", (guint) (guchar) *c);
}

/* Decodes %XX, and (@is_form) '+'. @what: of the error. NULL: INVALID. */
static char *
decode (const char *text, gsize length, gboolean is_form, const char *what, GError **error)
{
  g_autoptr (GString) decoded = g_string_sized_new (length);
  const char *end;

  for (gsize i = 0; i < length; i++)
    {
      char c = text[i];

      if (c == '+' && is_form)
        c = ' ';
      else if (c == '%')
        {
          int high = i + 1 < length ? g_ascii_xdigit_value (text[i + 1]) : -1;
          int low = i + 2 < length ? g_ascii_xdigit_value (text[i + 2]) : -1;

          if (high < 0 || low < 0 || high + low == 0)
            {
              g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                           "%s: byte %" G_GSIZE_FORMAT " as sent: expected two hexadecimal digits after \"%%\", not 00",
                           what, i + 1);
              return NULL;
            }
          c = (char) (high << 4 | low);
          i += 2;
        }
      g_string_append_c (decoded, c);
    }
  if (!g_utf8_validate (decoded->str, (gssize) decoded->len, &end))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: column %ld: not UTF-8", what,
                   g_utf8_strlen (decoded->str, end - decoded->str) + 1);
      return NULL;
    }
  return g_string_free (g_steal_pointer (&decoded), FALSE);
}

static gboolean
fail_unknown (const char *name, GError **error)
{
  g_autofree char *name_shown = syn_query_dup_shown (name);
  g_autofree char *suggestion = NULL;
  SynSuggest suggest;

  syn_suggest_init (&suggest, name_shown);
  for (guint i = 0; i < SYN_QUERY_N_PARAMS; i++)
    syn_suggest_add (&suggest, param_names[i]);
  suggestion = syn_suggest_dup_text (&suggest);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
               "unknown parameter \"%s\": expected join, where, group, having, select, sort, offset or limit%s", name_shown,
               suggestion);
  return FALSE;
}

static gboolean
take_param (SynQueryParams *self, const char *text, gsize length, GError **error)
{
  const char *equals = memchr (text, '=', length);
  gsize name_length = equals != NULL ? (gsize) (equals - text) : length;
  g_autofree char *name = decode (text, name_length, TRUE, "the name of a parameter", error);
  guint param = 0;

  if (name == NULL)
    return FALSE;
  while (param < SYN_QUERY_N_PARAMS && strcmp (name, param_names[param]) != 0)
    param++;
  if (param == SYN_QUERY_N_PARAMS)
    return fail_unknown (name, error);
  if (equals == NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: expected \"=\" and a value", name);
      return FALSE;
    }
  if (self->values[param] != NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: given twice%s", name,
                   param == SYN_QUERY_JOIN ? "; several projections are one list with commas" : "");
      return FALSE;
    }
  self->values[param] = decode (equals + 1, length - name_length - 1, TRUE, name, error);
  return self->values[param] != NULL;
}

static gboolean
take_params (SynQueryParams *self, const char *query, GError **error)
{
  while (*query != '\0')
    {
      gsize length = strcspn (query, "&");

      if (length > 0 && !take_param (self, query, length, error))
        return FALSE;
      query += length;
      if (*query == '&')
        query++;
    }
  return TRUE;
}

/**
 * syn_query_params_init:
 * @path: as in a URL; of the part before the '?' only %XX is decoded, behind it '+' is a space too
 *
 * Returns: FALSE with INVALID or TOO_LARGE
 */
gboolean
syn_query_params_init (SynQueryParams *self, const char *path, GError **error)
{
  gsize name_length = strcspn (path, "?");
  /* Before any work: three bytes of text make at least one. */
  gsize n_decoded = strlen (path) / 3;

  *self = (SynQueryParams) { NULL };
  if (n_decoded <= SYN_MAX_QUERY_BYTES)
    {
      self->name = decode (path, name_length, FALSE, "the path", error);
      if (self->name == NULL)
        return FALSE;
      if (path[name_length] == '?' && !take_params (self, path + name_length + 1, error))
        return FALSE;
      n_decoded = strlen (self->name);
      for (guint i = 0; i < SYN_QUERY_N_PARAMS; i++)
        if (self->values[i] != NULL)
          n_decoded += strlen (param_names[i]) + 2 + strlen (self->values[i]);
    }
  if (n_decoded <= SYN_MAX_QUERY_BYTES)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_TOO_LARGE, "the path and its query have more than %u bytes", SYN_MAX_QUERY_BYTES);
  return FALSE;
}
