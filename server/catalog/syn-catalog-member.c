/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reads members of a catalog's objects, each with its range, and says where and how one is wrong. One loader,
 * one thread. */
#include "syn-catalog-private.h"

#include "replica-number.h"
#include "syn-duration.h"
#include "syn-error.h"
#include "syn-limits.h"
#include "syn-suggest.h"

#include <string.h>

void
syn_loader_set_context (SynLoader *self, const char *format, ...)
{
  va_list args;

  g_free (self->context);
  va_start (args, format);
  self->context = g_strdup_vprintf (format, args);
  va_end (args);
}

gboolean
syn_loader_fail (SynLoader *self, guint line, GError **error, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s:%u: %s%s%s", self->file, line,
               self->context != NULL ? self->context : "", self->context != NULL ? ": " : "", message);
  return FALSE;
}

gboolean
syn_loader_fail_part (
    SynLoader *self, guint line, GError **error, const char *message, const char *format, ...)
{
  g_autofree char *part = NULL;
  va_list args;

  va_start (args, format);
  part = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s:%u: %s, %s: %s", self->file, line, self->context,
               part, message);
  return FALSE;
}

gboolean
syn_loader_check_kind (
    SynLoader *self, const SynJson *value, const char *name, SynJsonKind kind, GError **error)
{
  if (value->kind == kind)
    return TRUE;
  return syn_loader_fail (self, value->line, error, "%s: expected %s, found %s", name,
                          syn_json_kind_to_string (kind),
                          value->kind == SYN_JSON_BOOL ? value->boolean ? "true" : "false"
                                                       : syn_json_kind_to_string (value->kind));
}

gboolean
syn_loader_check_members (SynLoader *self,
                          const SynJson *object,
                          const char *const *known,
                          const char *const *elsewhere,
                          const char *what,
                          GError **error)
{
  for (guint i = 0; i < object->n_items; i++)
    {
      g_autofree char *near = NULL;
      SynSuggest suggest;

      if (g_strv_contains (known, object->names[i]))
        continue;
      if (elsewhere != NULL && g_strv_contains (elsewhere, object->names[i]))
        return syn_loader_fail (self, object->name_lines[i], error, "\"%s\" has no meaning for %s",
                                object->names[i], what);
      syn_suggest_init (&suggest, object->names[i]);
      for (guint j = 0; known[j] != NULL; j++)
        syn_suggest_add (&suggest, known[j]);
      near = syn_suggest_dup_text (&suggest);
      return syn_loader_fail (self, object->name_lines[i], error, "unknown member \"%s\"%s", object->names[i],
                              near);
    }
  return TRUE;
}

static gboolean
find_member (SynLoader *self,
             const SynJson *object,
             const char *name,
             gboolean required,
             const SynJson **member,
             GError **error)
{
  *member = syn_json_get (object, name);
  if (*member == NULL && required)
    return syn_loader_fail (self, object->line, error, "\"%s\" is missing", name);
  return TRUE;
}

gboolean
syn_loader_get_string (SynLoader *self,
                       const SynJson *object,
                       const char *name,
                       gboolean required,
                       const char **value,
                       GError **error)
{
  g_autofree char *quoted = g_strdup_printf ("\"%s\"", name);
  const SynJson *member;

  if (!find_member (self, object, name, required, &member, error))
    return FALSE;
  if (member == NULL)
    return TRUE;
  if (!syn_loader_check_kind (self, member, quoted, SYN_JSON_STRING, error))
    return FALSE;
  if (member->text[0] == '\0')
    return syn_loader_fail (self, member->line, error, "\"%s\" is empty", name);
  *value = member->text;
  return TRUE;
}

gboolean
syn_loader_get_bool (
    SynLoader *self, const SynJson *object, const char *name, gboolean *value, GError **error)
{
  g_autofree char *quoted = g_strdup_printf ("\"%s\"", name);
  const SynJson *member = syn_json_get (object, name);

  if (member == NULL)
    return TRUE;
  if (!syn_loader_check_kind (self, member, quoted, SYN_JSON_BOOL, error))
    return FALSE;
  *value = member->boolean;
  return TRUE;
}

gboolean
syn_loader_get_int (SynLoader *self,
                    const SynJson *object,
                    const char *name,
                    gint64 least,
                    gint64 most,
                    gint64 *value,
                    GError **error)
{
  const SynJson *member = syn_json_get (object, name);
  gint64 number;

  if (member == NULL)
    return TRUE;
  if (member->kind != SYN_JSON_NUMBER
      || replica_read_int64 (member->text, strlen (member->text), &number) != REPLICA_READ_OK
      || number < least || number > most)
    return syn_loader_fail (
        self, member->line, error,
        "\"%s\": expected a whole number from %" G_GINT64_FORMAT " to %" G_GINT64_FORMAT ", found %.40s",
        name, least, most,
        member->kind == SYN_JSON_NUMBER ? member->text : syn_json_kind_to_string (member->kind));
  *value = number;
  return TRUE;
}

gboolean
syn_loader_get_number (SynLoader *self,
                       const SynJson *object,
                       const char *name,
                       double least,
                       double most,
                       double *value,
                       GError **error)
{
  const SynJson *member = syn_json_get (object, name);
  double number;

  if (member == NULL)
    return TRUE;
  if (member->kind != SYN_JSON_NUMBER
      || replica_read_double (member->text, strlen (member->text), &number) != REPLICA_READ_OK
      || !(number >= least && number <= most))
    return syn_loader_fail (
        self, member->line, error, "\"%s\": expected a number from %g to %g, found %.40s", name, least, most,
        member->kind == SYN_JSON_NUMBER ? member->text : syn_json_kind_to_string (member->kind));
  *value = number;
  return TRUE;
}

gboolean
syn_loader_get_speed (SynLoader *self, const SynJson *object, double *value, GError **error)
{
  const SynJson *member = syn_json_get (object, "speed");
  double number;

  if (member == NULL)
    return TRUE;
  if (member->kind == SYN_JSON_STRING && strcmp (member->text, "max") == 0)
    {
      *value = 0;
      return TRUE;
    }
  if (member->kind != SYN_JSON_NUMBER
      || replica_read_double (member->text, strlen (member->text), &number) != REPLICA_READ_OK
      || !(number >= 0.001 && number <= 1e6))
    return syn_loader_fail (self, member->line, error,
                            "\"speed\": expected \"max\" or a number from 0.001 to 1000000, found %s%.40s%s",
                            member->kind == SYN_JSON_STRING ? "\"" : "",
                            member->text != NULL ? member->text : syn_json_kind_to_string (member->kind),
                            member->kind == SYN_JSON_STRING ? "\"" : "");
  *value = number;
  return TRUE;
}

gboolean
syn_loader_get_duration (SynLoader *self,
                         const SynJson *object,
                         const char *name,
                         gboolean required,
                         gint64 *value_us,
                         GError **error)
{
  const char *text = NULL;

  if (!syn_loader_get_string (self, object, name, required, &text, error))
    return FALSE;
  if (text != NULL && !syn_duration_parse (text, value_us))
    return syn_loader_fail (self, syn_json_get (object, name)->line, error,
                            "\"%s\": expected " SYN_DURATION_EXPECTED ", found \"%.40s\"",
                            name, text);
  return TRUE;
}

gboolean
syn_loader_get_time (
    SynLoader *self, const SynJson *object, const char *name, gint64 *value_us, GError **error)
{
  const char *text = NULL;

  if (!syn_loader_get_string (self, object, name, FALSE, &text, error))
    return FALSE;
  if (text != NULL && replica_read_timestamp (text, strlen (text), value_us) != REPLICA_READ_OK)
    return syn_loader_fail (
        self, syn_json_get (object, name)->line, error,
        "\"%s\": expected a time (RFC 3339, such as 2014-05-01T05:00:00Z), found \"%.40s\"", name, text);
  return TRUE;
}

gboolean
syn_loader_get_array (SynLoader *self,
                      const SynJson *object,
                      const char *name,
                      guint least,
                      guint most,
                      const SynJson **value,
                      GError **error)
{
  g_autofree char *quoted = g_strdup_printf ("\"%s\"", name);

  if (!find_member (self, object, name, least > 0, value, error))
    return FALSE;
  if (*value == NULL)
    return TRUE;
  if (!syn_loader_check_kind (self, *value, quoted, SYN_JSON_ARRAY, error))
    return FALSE;
  if ((*value)->n_items < least)
    return syn_loader_fail (self, (*value)->line, error, "\"%s\" is empty", name);
  if ((*value)->n_items > most)
    return syn_loader_fail (self, (*value)->line, error, "\"%s\" has %u entries; at most %u are allowed",
                            name, (*value)->n_items, most);
  return TRUE;
}

/* ---- names ---- */

static gboolean
is_path (const char *name, gboolean slashes)
{
  const char *segment = name;

  for (;;)
    {
      gsize n = strspn (segment, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");

      /* "." and ".." mean something else in a URL. */
      if (n == 0 || (n <= 2 && strspn (segment, ".") == n))
        return FALSE;
      if (segment[n] == '\0')
        return TRUE;
      if (segment[n] != '/' || !slashes)
        return FALSE;
      segment += n + 1;
    }
}

gboolean
syn_loader_define (SynLoader *self,
                   const SynJson *object,
                   const char *what,
                   gboolean slashes,
                   const char **name,
                   GError **error)
{
  g_autofree char *key = NULL, *place = NULL;
  const char *before;

  syn_loader_set_context (self, "%s", what);
  if (!syn_loader_get_string (self, object, "name", TRUE, name, error))
    return FALSE;
  if (strlen (*name) > SYN_MAX_NAME_BYTES)
    return syn_loader_fail (self, syn_json_get (object, "name")->line, error,
                            "a name has at most %d bytes, this one has %" G_GSIZE_FORMAT, SYN_MAX_NAME_BYTES,
                            strlen (*name));
  if (!is_path (*name, slashes))
    return syn_loader_fail (self, syn_json_get (object, "name")->line, error,
                            "expected a name of letters, digits, \"_\", \".\" and \"-\"%s, found \"%s\"",
                            slashes ? ", with \"/\" between its parts" : "", *name);
  syn_loader_set_context (self, "%s \"%s\"", what, *name);
  key = g_strdup_printf ("%s %s", what, *name);
  before = g_hash_table_lookup (self->defined, key);
  if (before != NULL)
    return syn_loader_fail (self, syn_json_get (object, "name")->line, error, "is defined already, at %s",
                            before);
  place = g_strdup_printf ("%s:%u", self->file, syn_json_get (object, "name")->line);
  g_hash_table_insert (self->defined, g_steal_pointer (&key), g_steal_pointer (&place));
  return TRUE;
}

gboolean
syn_catalog_is_path (const char *text)
{
  return strlen (text) <= SYN_MAX_NAME_BYTES && is_path (text, TRUE);
}

const char *
syn_catalog_check_column_name (const char *name)
{
  gsize length = strlen (name);

  if (length == 0)
    return "is empty";
  if (length > SYN_MAX_NAME_BYTES)
    return "has more than " G_STRINGIFY (SYN_MAX_NAME_BYTES) " bytes";
  if (!g_utf8_validate (name, -1, NULL))
    return "is not UTF-8";
  if (name[0] == '-' || name[0] == '$' || name[0] == ' ' || name[length - 1] == ' ')
    return "begins with \"-\" or \"$\", or begins or ends with a space";
  if (strpbrk (name, "`,") != NULL)
    return "has a backquote or a comma in it";
  for (const char *c = name; *c != '\0'; c = g_utf8_next_char (c))
    if (!g_unichar_isprint (g_utf8_get_char (c)))
      return "has a character in it that cannot be printed";
  return NULL;
}

gboolean
syn_loader_check_column_name (SynLoader *self, guint line, const char *what, const char *name, GError **error)
{
  gsize length = strlen (name);
  const char *wrong;

  if (length > SYN_MAX_NAME_BYTES)
    return syn_loader_fail (self, line, error,
                            "the name of a %s has at most %d bytes, \"%.20s…\" has %" G_GSIZE_FORMAT, what,
                            SYN_MAX_NAME_BYTES, name, length);
  wrong = syn_catalog_check_column_name (name);
  if (wrong != NULL)
    return syn_loader_fail (self, line, error, "the name of the %s \"%s\" %s", what, name, wrong);
  return TRUE;
}
