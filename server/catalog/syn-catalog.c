/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * The catalog: files to specifications, checked whole. All files are parsed, then all sources loaded, then
 * all projections, then all screens, so that it does not matter which file or which order something stands
 * in. The first error ends the load and nothing of it is kept. The result is immutable and shared by all
 * lanes. */
#include "syn-catalog-private.h"

#include "syn-error.h"
#include "syn-limits.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* A parsed file. */
typedef struct {
  char *name; /* as it stands in errors */
  char *dir;
  SynJson *root;
} Document;

static void
document_free (gpointer data)
{
  Document *self = data;

  g_free (self->name);
  g_free (self->dir);
  syn_json_free (self->root);
  g_free (self);
}

static void
free_source (gpointer source)
{
  syn_source_spec_free (source);
}

static void
free_projection (gpointer projection)
{
  syn_projection_spec_free (projection);
}

static void
free_conflation (gpointer conflation)
{
  syn_conflation_spec_free (conflation);
}

static void
free_screen (gpointer screen)
{
  syn_screen_spec_free (screen);
}

static gboolean
parse_document (
    GPtrArray *documents, const char *name, const char *dir, const char *json, gsize length, GError **error)
{
  g_autoptr (GError) cause = NULL;
  Document *document = g_new0 (Document, 1);
  guint line = 1;

  g_ptr_array_add (documents, document);
  document->name = g_strdup (name);
  document->dir = g_canonicalize_filename (dir, NULL);
  if (length > SYN_MAX_CATALOG_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "%s: %" G_GSIZE_FORMAT " bytes; a catalog has at most %u", name, length,
                   SYN_MAX_CATALOG_BYTES);
      return FALSE;
    }
  document->root = syn_json_parse (json, length, SYN_JSON_MAX_VALUES, &line, &cause);
  if (document->root != NULL)
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s:%u: %s", name, line, cause->message);
  return FALSE;
}

typedef gboolean (*AddFunc) (SynLoader *self, const SynJson *object, GError **error);

static gboolean
load_member (
    SynLoader *self, GPtrArray *documents, const char *member, guint most, AddFunc add, GError **error)
{
  guint n = 0;

  for (guint i = 0; i < documents->len; i++)
    {
      const Document *document = g_ptr_array_index (documents, i);
      const SynJson *array;

      self->file = document->name;
      self->dir = document->dir;
      g_clear_pointer (&self->context, g_free);
      if (!syn_loader_get_array (self, document->root, member, 0, G_MAXUINT, &array, error))
        return FALSE;
      if (array != NULL && array->n_items > most - n)
        return syn_loader_fail (self, array->items[most - n]->line, error, "more than %u %s", most, member);
      for (guint j = 0; array != NULL && j < array->n_items; j++)
        {
          g_clear_pointer (&self->context, g_free);
          n++;
          if (!add (self, array->items[j], error))
            return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_root (SynLoader *self, const Document *document, GError **error)
{
  static const char *const members[] = { "sources", "projections", "screens", NULL };

  self->file = document->name;
  g_clear_pointer (&self->context, g_free);
  return syn_loader_check_kind (self, document->root, "the catalog", SYN_JSON_OBJECT, error)
         && syn_loader_check_members (self, document->root, members, NULL, NULL, error);
}

static void
collect_projection_names (SynLoader *self, const Document *document)
{
  const SynJson *projections = syn_json_get (document->root, "projections");

  for (guint i = 0; projections != NULL && i < projections->n_items; i++)
    {
      const SynJson *name = syn_json_get (projections->items[i], "name");

      if (name != NULL && name->kind == SYN_JSON_STRING)
        g_hash_table_add (self->projection_names, name->text);
    }
}

static SynCatalog *
load_documents (GPtrArray *documents, GPtrArray *served, GError **error)
{
  g_autoptr (SynCatalog) catalog = g_new0 (SynCatalog, 1);
  g_autoptr (GHashTable) defined = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GPtrArray) screens = g_ptr_array_new_with_free_func (free_screen);
  g_autoptr (GHashTable) projection_names = g_hash_table_new (g_str_hash, g_str_equal);
  SynLoader loader = {
    .catalog = catalog, .defined = defined, .projection_names = projection_names, .screens = screens
  };
  gboolean ok = TRUE;

  g_atomic_ref_count_init (&catalog->ref_count);
  catalog->sources = g_ptr_array_new_with_free_func (free_source);
  catalog->projections = g_ptr_array_new_with_free_func (free_projection);
  catalog->conflations = g_ptr_array_new_with_free_func (free_conflation);
  catalog->conflations_by_name = g_hash_table_new (g_str_hash, g_str_equal);
  catalog->sources_by_name = g_hash_table_new (g_str_hash, g_str_equal);
  catalog->projections_by_name = g_hash_table_new (g_str_hash, g_str_equal);
  catalog->families = g_ptr_array_new_with_free_func (free_projection);
  catalog->members = g_ptr_array_new_with_free_func (free_projection);
  catalog->panel_paths = g_ptr_array_new_with_free_func (g_free);
  catalog->panel_follows = g_ptr_array_new_with_free_func (g_free);
  catalog->panel_places = g_ptr_array_new_with_free_func (g_free);
  for (guint i = 0; ok && served != NULL && i < served->len; i++)
    ok = syn_loader_add_served (&loader, served->pdata[i], error);
  for (guint i = 0; ok && i < documents->len; i++)
    {
      ok = check_root (&loader, g_ptr_array_index (documents, i), error);
      collect_projection_names (&loader, g_ptr_array_index (documents, i));
    }
  ok = ok && load_member (&loader, documents, "sources", SYN_MAX_SOURCES, syn_loader_add_source, error)
       && load_member (&loader, documents, "projections", SYN_MAX_PROJECTIONS, syn_loader_add_projection,
                       error)
       && load_member (&loader, documents, "screens", SYN_MAX_SCREENS, syn_loader_add_screen, error);
  g_free (loader.context);
  if (!ok)
    return NULL;
  syn_loader_group_projections (&loader);
  catalog->n_screens = screens->len;
  catalog->screens_json = syn_loader_write_screens (&loader, &catalog->screens_length);
  return g_steal_pointer (&catalog);
}

static gboolean
read_file (const char *file, char **json, gsize *length, GError **error)
{
  g_autoptr (GError) cause = NULL;
  GStatBuf status;

  /* Looked at before it is read: a wrong argument may be a disk. */
  if (g_stat (file, &status) != 0)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: %s", file, g_strerror (errno));
      return FALSE;
    }
  if (!S_ISREG (status.st_mode) || (guint64)status.st_size > SYN_MAX_CATALOG_BYTES)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: expected a file of at most %u bytes", file,
                   SYN_MAX_CATALOG_BYTES);
      return FALSE;
    }
  if (g_file_get_contents (file, json, length, &cause))
    return TRUE;
  g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: %s", file, cause->message);
  return FALSE;
}

/**
 * syn_catalog_load:
 * @files: NULL-terminated paths of JSON files, of which there is at least one
 *
 * Returns: (transfer full): all of them as one catalog, or NULL with the first error: "FILE:LINE: …"
 */
SynCatalog *
syn_catalog_load (const char *const *files, GError **error)
{
  return syn_catalog_load_with (files, NULL, error);
}

SynCatalog *
syn_catalog_load_with (const char *const *files, GPtrArray *served, GError **error)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (document_free);

  for (guint i = 0; files[i] != NULL; i++)
    {
      g_autofree char *json = NULL, *dir = g_path_get_dirname (files[i]);
      gsize length;

      if (!read_file (files[i], &json, &length, error)
          || !parse_document (documents, files[i], dir, json, length, error))
        return NULL;
    }
  return load_documents (documents, served, error);
}

/**
 * syn_catalog_parse:
 * @name: stands in errors for the name of the file
 * @dir: the folder that relative paths count from
 * @json: the text
 * @length: its bytes, or -1 when it is NUL-terminated
 *
 * Returns: (transfer full): the catalog, or NULL with the first error
 */
SynCatalog *
syn_catalog_parse (const char *name, const char *dir, const char *json, gssize length, GError **error)
{
  g_autoptr (GPtrArray) documents = g_ptr_array_new_with_free_func (document_free);

  if (!parse_document (documents, name, dir, json, length < 0 ? strlen (json) : (gsize)length, error))
    return NULL;
  return load_documents (documents, NULL, error);
}

SynCatalog *
syn_catalog_ref (SynCatalog *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
syn_catalog_unref (SynCatalog *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;
  g_hash_table_unref (self->sources_by_name);
  g_hash_table_unref (self->projections_by_name);
  g_hash_table_unref (self->conflations_by_name);
  g_ptr_array_unref (self->conflations);
  g_ptr_array_unref (self->projections);
  g_ptr_array_unref (self->families);
  g_ptr_array_unref (self->members);
  g_ptr_array_unref (self->sources);
  g_free (self->screens_json);
  g_ptr_array_unref (self->panel_paths);
  g_ptr_array_unref (self->panel_follows);
  g_ptr_array_unref (self->panel_places);
  g_free (self);
}

guint
syn_catalog_get_n_sources (SynCatalog *self)
{
  return self->sources->len;
}

const SynSourceSpec *
syn_catalog_get_source (SynCatalog *self, guint index)
{
  g_return_val_if_fail (index < self->sources->len, NULL);
  return g_ptr_array_index (self->sources, index);
}

const SynSourceSpec *
syn_catalog_find_source (SynCatalog *self, const char *name)
{
  return g_hash_table_lookup (self->sources_by_name, name);
}

guint
syn_catalog_get_n_projections (SynCatalog *self)
{
  return self->projections->len;
}

const SynProjectionSpec *
syn_catalog_get_projection (SynCatalog *self, guint index)
{
  g_return_val_if_fail (index < self->projections->len, NULL);
  return g_ptr_array_index (self->projections, index);
}

const SynProjectionSpec *
syn_catalog_find_projection (SynCatalog *self, const char *name)
{
  return g_hash_table_lookup (self->projections_by_name, name);
}

const char *
syn_catalog_get_screens_json (SynCatalog *self, gsize *length)
{
  if (length != NULL)
    *length = self->screens_length;
  return self->screens_json;
}

guint
syn_catalog_get_n_panels (SynCatalog *self)
{
  return self->panel_paths->len;
}

const char *
syn_catalog_get_panel (SynCatalog *self, guint index, const char **follows, const char **place)
{
  g_return_val_if_fail (index < self->panel_paths->len, NULL);
  *follows = g_ptr_array_index (self->panel_follows, index);
  *place = g_ptr_array_index (self->panel_places, index);
  return g_ptr_array_index (self->panel_paths, index);
}

guint
syn_catalog_get_n_screens (SynCatalog *self)
{
  return self->n_screens;
}
