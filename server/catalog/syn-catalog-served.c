/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Projections that grains of modules serve: in the catalog beside those that it makes from sources, so that lists, queries and
 * screens know them, with their columns, before anything has been asked of the grain. The main thread, before there are others; then immutable.
 *
 * A family, whose path ends in '/', has no specification for each path below it (they are without number): who asks for one gets a
 * specification of its own. */
#include "syn-catalog-private.h"

#include "syn-error.h"
#include "syn-limits.h"

#include <string.h>

void
syn_served_spec_free (SynServedSpec *self)
{
  g_free (self->path);
  g_free (self->type);
  g_free (self->key);
  g_free (self->module);
  g_clear_pointer (&self->schema, syn_schema_free);
  g_free (self);
}

static gboolean
fail (const SynServedSpec *self, GError **error, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
fail (const SynServedSpec *self, GError **error, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "the projection \"%s\": %s", self->path, text);
  return FALSE;
}

static gboolean
is_family (const char *path)
{
  return g_str_has_suffix (path, "/");
}

static gboolean
check_columns (const SynServedSpec *self, GError **error)
{
  const SynSchema *schema = self->schema;

  if (schema->n_columns < 1 || schema->n_columns > SYN_MAX_COLUMNS)
    return fail (self, error, "it has %u columns; from 1 to %d are expected", schema->n_columns, SYN_MAX_COLUMNS);
  for (guint i = 0; i < schema->n_columns; i++)
    {
      const SynColumnSpec *column = &schema->columns[i];
      const char *wrong = syn_catalog_check_column_name (column->name);

      if (wrong != NULL)
        return fail (self, error, "the name of column %u %s", i + 1, wrong);
      if (column->type < REPLICA_TYPE_BOOL || column->type > REPLICA_TYPE_TIMESTAMP)
        return fail (self, error, "the column \"%s\" has no type that there is", column->name);
      if (column->scale > REPLICA_DECIMAL_SCALE_MAX)
        return fail (self, error, "the column \"%s\" has a scale above %d", column->name, REPLICA_DECIMAL_SCALE_MAX);
      if (column->is_key && column->type == REPLICA_TYPE_DOUBLE)
        return fail (self, error, "the key \"%s\" is a double, which does not compare exactly", column->name);
      if ((guint) syn_schema_find (schema, column->name) != i)
        return fail (self, error, "there are two columns \"%s\"", column->name);
    }
  return TRUE;
}

gboolean
syn_served_spec_check (const SynServedSpec *self, GError **error)
{
  g_autofree char *path = g_strndup (self->path, strlen (self->path) - (is_family (self->path) ? 1 : 0));

  if (!syn_catalog_is_path (path))
    return fail (self, error,
                 "expected a path of letters, digits, \"_\", \".\" and \"-\", with \"/\" between its parts, of at most %d bytes",
                 SYN_MAX_NAME_BYTES);
  if (is_family (self->path) && self->key != NULL)
    return fail (self, error, "all paths below it are served, so that the rest of each is the key: there cannot be another");
  if (!is_family (self->path) && self->key == NULL)
    return fail (self, error, "the key of its grain is missing");
  return check_columns (self, error);
}

static SynProjectionSpec *
projection_new (const char *path, const char *type, const char *key, const char *module, const SynSchema *schema, guint min_interval_ms)
{
  SynProjectionSpec *self = g_new0 (SynProjectionSpec, 1);

  self->name = g_strdup (path);
  self->served_type = g_intern_string (type);
  self->served_key = g_strdup (key);
  self->module = g_strdup (module);
  self->schema = syn_schema_copy (schema);
  self->fields = syn_schema_new ();
  self->work = syn_schema_new ();
  self->min_interval_ms = min_interval_ms;
  self->time_field = -1;
  self->late_us = -1;
  return self;
}

gboolean
syn_loader_add_served (SynLoader *self, const SynServedSpec *served, GError **error)
{
  SynProjectionSpec *projection;
  g_autofree char *key = g_strdup_printf ("projection %s", served->path);
  const char *before = g_hash_table_lookup (self->defined, key);

  if (before != NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: the projection \"%s\" is served already, by %s", served->module,
                   served->path, before);
      return FALSE;
    }
  g_hash_table_insert (self->defined, g_steal_pointer (&key), g_strdup (served->module));
  projection = projection_new (served->path, served->type, served->key, served->module, served->schema, served->min_interval_ms);
  if (is_family (served->path))
    {
      g_ptr_array_add (self->catalog->families, projection);
      return TRUE;
    }
  g_hash_table_insert (self->catalog->projections_by_name, projection->name, projection);
  g_ptr_array_add (self->catalog->projections, projection);
  return TRUE;
}

SynProjectionSpec *
syn_catalog_dup_family_member (SynCatalog *self, const char *path)
{
  const SynProjectionSpec *found = NULL;

  for (guint i = 0; i < self->families->len; i++)
    {
      const SynProjectionSpec *family = self->families->pdata[i];

      if (g_str_has_prefix (path, family->name) && (found == NULL || strlen (family->name) > strlen (found->name)))
        found = family; /* the nearest */
    }
  if (found == NULL || !syn_catalog_is_path (path))
    return NULL;
  return projection_new (path, found->served_type, path + strlen (found->name), found->module, found->schema, found->min_interval_ms);
}

guint
syn_catalog_get_n_families (SynCatalog *self)
{
  return self->families->len;
}

const SynProjectionSpec *
syn_catalog_get_family (SynCatalog *self, guint index)
{
  g_return_val_if_fail (index < self->families->len, NULL);
  return g_ptr_array_index (self->families, index);
}
