/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Names and types that an expression may use. A plain array: schemas have at most a few hundred columns and
 * are searched when something is compiled, never per row, so a hash table beside it would cost more than it
 * saves. Not locked: immutable once shared. */
#include "syn-schema.h"

#include "syn-error.h"
#include "syn-suggest.h"

#include <string.h>

SynSchema *
syn_schema_new (void)
{
  return g_new0 (SynSchema, 1);
}

/**
 * syn_schema_add:
 * @self: a schema that is not shared yet
 * @name: copied
 * @type: of the column's values
 * @scale: decimals: digits after the point; 0 otherwise
 * @is_key: part of the row's key
 *
 * Adds a column after the others. Names are not checked: who adds columns has done so, with a better error.
 */
void
syn_schema_add (SynSchema *self, const char *name, ReplicaType type, guint scale, gboolean is_key)
{
  /* Grows at powers of two: no capacity to carry around in a public struct. */
  if ((self->n_columns & (self->n_columns - 1)) == 0)
    self->columns = g_renew (SynColumnSpec, self->columns, MAX (self->n_columns * 2, 1));
  self->columns[self->n_columns++] = (SynColumnSpec){
    .name = g_strdup (name),
    .type = type,
    .scale = (guint8)(type == REPLICA_TYPE_DECIMAL ? scale : 0),
    .is_key = !!is_key,
  };
}

int
syn_schema_find (const SynSchema *self, const char *name)
{
  for (guint i = 0; i < self->n_columns; i++)
    if (strcmp (self->columns[i].name, name) == 0)
      return (int)i;
  return -1;
}

char *
syn_schema_suggest (const SynSchema *self, const char *name)
{
  SynSuggest suggest;

  syn_suggest_init (&suggest, name);
  for (guint i = 0; i < self->n_columns; i++)
    syn_suggest_add (&suggest, self->columns[i].name);
  return syn_suggest_dup_text (&suggest);
}

SynSchema *
syn_schema_copy (const SynSchema *self)
{
  SynSchema *copy = syn_schema_new ();

  for (guint i = 0; i < self->n_columns; i++)
    {
      const SynColumnSpec *column = &self->columns[i];
      syn_schema_add (copy, column->name, column->type, column->scale, column->is_key);
    }
  return copy;
}

void
syn_schema_free (SynSchema *self)
{
  if (self == NULL)
    return;
  for (guint i = 0; i < self->n_columns; i++)
    g_free (self->columns[i].name);
  g_free (self->columns);
  g_free (self);
}

char *
syn_column_spec_type_to_string (const SynColumnSpec *spec)
{
  if (spec->type == REPLICA_TYPE_DECIMAL)
    return g_strdup_printf ("decimal(%u)", spec->scale);
  return g_strdup (replica_type_to_string (spec->type));
}

/**
 * syn_type_parse:
 * @text: "bool", "int64", "double", "decimal(4)", "string" or "timestamp"; no spaces
 * @type: (out): the type
 * @scale: (out): decimals: the digits after the point, up to %REPLICA_DECIMAL_SCALE_MAX; 0 otherwise
 *
 * Returns: FALSE with SYN_ERROR_INVALID that says what was expected
 */
gboolean
syn_type_parse (const char *text, ReplicaType *type, guint *scale, GError **error)
{
  static const struct {
    const char *text;
    ReplicaType type;
  } simple[] = {
    { "bool", REPLICA_TYPE_BOOL },           { "int64", REPLICA_TYPE_INT64 },
    { "double", REPLICA_TYPE_DOUBLE },       { "string", REPLICA_TYPE_STRING },
    { "timestamp", REPLICA_TYPE_TIMESTAMP },
  };
  /* What people who know other systems write first. */
  static const char *const others[][2] = {
    { "int", "int64" },          { "integer", "int64" },  { "long", "int64" },
    { "float", "double" },       { "float64", "double" }, { "number", "double" },
    { "boolean", "bool" },       { "text", "string" },    { "str", "string" },
    { "varchar", "string" },     { "time", "timestamp" }, { "datetime", "timestamp" },
    { "decimal", "decimal(4)" },
  };
  g_autofree char *shown = NULL;
  SynSuggest suggest;

  *scale = 0;
  for (guint i = 0; i < G_N_ELEMENTS (simple); i++)
    if (strcmp (text, simple[i].text) == 0)
      {
        *type = simple[i].type;
        return TRUE;
      }
  if (g_str_has_prefix (text, "decimal(") && g_str_has_suffix (text, ")"))
    {
      const char *digits = text + strlen ("decimal(");
      gsize n = strlen (digits) - 1;
      guint value = 0;

      if (n >= 1 && n <= 2 && strspn (digits, "0123456789") == n && (n == 1 || digits[0] != '0'))
        {
          for (gsize i = 0; i < n; i++)
            value = value * 10 + (guint)(digits[i] - '0');
          if (value <= REPLICA_DECIMAL_SCALE_MAX)
            {
              *type = REPLICA_TYPE_DECIMAL;
              *scale = value;
              return TRUE;
            }
        }
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "expected decimal(0) to decimal(%d), found \"%.40s\"",
                   REPLICA_DECIMAL_SCALE_MAX, text);
      return FALSE;
    }
  syn_suggest_init (&suggest, text);
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    if (strcmp (text, others[i][0]) == 0)
      suggest.best = others[i][1];
  if (suggest.best == NULL)
    for (guint i = 0; i < G_N_ELEMENTS (simple); i++)
      syn_suggest_add (&suggest, simple[i].text);
  shown = syn_suggest_dup_text (&suggest);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
               "expected a type: bool, int64, double, decimal(0) to decimal(%d), string or timestamp; found "
               "\"%.40s\"%s",
               REPLICA_DECIMAL_SCALE_MAX, text, shown);
  return FALSE;
}
