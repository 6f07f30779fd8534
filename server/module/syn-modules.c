/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Loads modules, and keeps what they ask for until there is a silo.
 *
 * A shared object runs code of its own as soon as it is opened (constructors), so nothing can be refused before that; its ABI number is looked
 * at before anything of it is called. All symbols are bound at once: a module that needs what this server does not have is refused here, and
 * does not end the process hours later. None is unloaded: type names, vtables and aggregate classes are in it.
 *
 * Main thread, before there are others. */
#define G_LOG_DOMAIN "synoptic-module"

#include "syn-modules.h"
#include "syn-limits.h"
#include "synoptic-module.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>

typedef gboolean (*InitFunc) (SynModule *module, GError **error);

typedef struct {
  SynGrainType type; /* its name is a copy */
  gpointer data;
} Type;

typedef struct {
  char *type; /* (owned) */
  char *key;  /* (owned) */
} Kept;

typedef struct {
  SynFilter filter;
  gpointer user_data;
} Filter;

typedef struct {
  GDestroyNotify destroy;
  gpointer data;
} Given;

struct _SynModule {
  SynModules *modules;
  const char *file;
  guint first_type; /* of its own */
};

struct _SynModules {
  GArray *types;     /* Type */
  GArray *kept;      /* Kept */
  GArray *filters;   /* Filter */
  GArray *given;     /* Given: to be freed at the end */
  GPtrArray *served; /* SynServedSpec */
  GPtrArray *files;  /* char *: loaded */
};

/* Also those of rooms that are not built yet: a module must not stand in their way later. */
static const char *const reserved[] = {
  "source", "projection", "query", "conflation", "beacon", "journal", "cluster", "silo", "lane", "group", "screen", "module",
};

static void
type_clear (gpointer data)
{
  g_free ((char *) ((Type *) data)->type.name);
}

static void
kept_clear (gpointer data)
{
  g_free (((Kept *) data)->type);
  g_free (((Kept *) data)->key);
}

static void
served_free (gpointer data)
{
  syn_served_spec_free (data);
}

SynModules *
syn_modules_new (void)
{
  SynModules *self = g_new0 (SynModules, 1);

  self->types = g_array_new (FALSE, FALSE, sizeof (Type));
  g_array_set_clear_func (self->types, type_clear);
  self->kept = g_array_new (FALSE, FALSE, sizeof (Kept));
  g_array_set_clear_func (self->kept, kept_clear);
  self->filters = g_array_new (FALSE, FALSE, sizeof (Filter));
  self->given = g_array_new (FALSE, FALSE, sizeof (Given));
  self->served = g_ptr_array_new_with_free_func (served_free);
  self->files = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
syn_modules_free (SynModules *self)
{
  for (guint i = self->given->len; i > 0; i--)
    {
      const Given *given = &g_array_index (self->given, Given, i - 1);

      given->destroy (given->data);
    }
  g_array_unref (self->given);
  g_array_unref (self->types);
  g_array_unref (self->kept);
  g_array_unref (self->filters);
  g_ptr_array_unref (self->served);
  g_ptr_array_unref (self->files);
  g_free (self);
}

GPtrArray *
syn_modules_get_served (SynModules *self)
{
  return self->served;
}

gboolean
syn_modules_is_reserved (const char *type)
{
  for (guint i = 0; i < G_N_ELEMENTS (reserved); i++)
    if (strcmp (reserved[i], type) == 0)
      return TRUE;
  return FALSE;
}

/* ---- what a module asks for ---- */

static gboolean fail (GError **error, const char *format, ...) G_GNUC_PRINTF (2, 3);

static gboolean
fail (GError **error, const char *format, ...)
{
  va_list args;
  GError *made;

  va_start (args, format);
  made = g_error_new_valist (SYN_ERROR, SYN_ERROR_INVALID, format, args);
  va_end (args);
  g_propagate_error (error, made);
  return FALSE;
}

static void
keep_given (SynModules *self, gpointer data, GDestroyNotify destroy)
{
  Given given = { destroy, data };

  if (destroy != NULL)
    g_array_append_val (self->given, given);
}

/* From @from on; NULL: there is none. */
static const Type *
find_type (SynModules *self, const char *name, guint from)
{
  for (guint i = from; i < self->types->len; i++)
    if (strcmp (g_array_index (self->types, Type, i).type.name, name) == 0)
      return &g_array_index (self->types, Type, i);
  return NULL;
}

static gboolean
is_type_name (const char *name)
{
  gsize length = strlen (name);

  return length >= 1 && length <= SYN_MAX_NAME_BYTES
         && strspn (name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") == length;
}

gboolean
syn_module_register (SynModule *self, const SynGrainType *type, gpointer type_data, GDestroyNotify destroy, GError **error)
{
  Type added = { *type, type_data };

  keep_given (self->modules, type_data, destroy);
  if (type->name == NULL || !is_type_name (type->name))
    return fail (error, "the name of a grain type is of letters, digits, \"_\", \".\" and \"-\", at most %d; \"%s\" is not",
                 SYN_MAX_NAME_BYTES, type->name != NULL ? type->name : "");
  if (syn_modules_is_reserved (type->name))
    return fail (error, "the name \"%s\" is the server's own: give the grain type another", type->name);
  if (find_type (self->modules, type->name, 0) != NULL)
    return fail (error, "there is a grain type \"%s\" already", type->name);
  if (type->activate == NULL || type->receive == NULL || type->deactivate == NULL)
    return fail (error, "the grain type \"%s\" lacks one of activate, receive and deactivate", type->name);
  if (type->stateless && type->always_on)
    return fail (error, "the grain type \"%s\" cannot be both stateless and always on", type->name);
  if (self->modules->types->len >= SYN_MAX_MODULE_TYPES)
    return fail (error, "there are %d grain types of modules already (SYN_MAX_MODULE_TYPES)", SYN_MAX_MODULE_TYPES);
  added.type.name = g_strdup (type->name);
  g_array_append_val (self->modules->types, added);
  return TRUE;
}

gboolean
syn_module_keep (SynModule *self, const char *type, const char *key, GError **error)
{
  const Type *found = find_type (self->modules, type, self->first_type);
  Kept kept;

  if (found == NULL)
    return fail (error, "the module has not registered a grain type \"%s\" to keep \"%s\" of", type, key);
  if (!found->type.always_on)
    return fail (error, "the grain type \"%s\" is not always_on: \"%s\" cannot be kept", type, key);
  kept = (Kept) { g_strdup (type), g_strdup (key) };
  g_array_append_val (self->modules->kept, kept);
  return TRUE;
}

gboolean
syn_module_serve (SynModule *self, const SynServed *served, GError **error)
{
  SynServedSpec *spec;

  if (served->path == NULL || served->type == NULL)
    return fail (error, "a projection to serve has no path, or no grain type");
  if (find_type (self->modules, served->type, self->first_type) == NULL)
    return fail (error, "the projection \"%s\": the module has not registered the grain type \"%s\"", served->path, served->type);
  spec = g_new0 (SynServedSpec, 1);
  g_ptr_array_add (self->modules->served, spec);
  spec->path = g_strdup (served->path);
  spec->type = g_strdup (served->type);
  spec->key = g_strdup (served->key);
  spec->module = g_strdup (self->file);
  spec->min_interval_ms = served->min_interval_ms;
  spec->schema = syn_schema_new ();
  for (guint i = 0; i < served->n_columns; i++)
    syn_schema_add (spec->schema, served->columns[i].name != NULL ? served->columns[i].name : "", served->columns[i].type,
                    served->columns[i].scale, served->columns[i].is_key);
  return syn_served_spec_check (spec, error);
}

gboolean
syn_module_add_filter (SynModule *self, const SynFilter *filter, gpointer user_data, GDestroyNotify destroy, GError **error)
{
  Filter added = { *filter, user_data };

  keep_given (self->modules, user_data, destroy);
  if (self->modules->filters->len >= SYN_MAX_MODULE_FILTERS)
    return fail (error, "there are %d filters of modules already (SYN_MAX_MODULE_FILTERS)", SYN_MAX_MODULE_FILTERS);
  g_array_append_val (self->modules->filters, added);
  return TRUE;
}

/* ---- loading ---- */

/* Where it is; NULL: no such file. */
static char *
find_file (const char *file, GError **error)
{
  g_autofree char *path = g_canonicalize_filename (file, NULL);
  GStatBuf status;
  int failure;

  if (strchr (file, '/') == NULL && !g_file_test (path, G_FILE_TEST_EXISTS))
    {
      g_autofree char *installed = g_build_filename (SYN_MODULE_DIR, file, NULL);

      if (g_file_test (installed, G_FILE_TEST_EXISTS))
        return g_steal_pointer (&installed);
    }
  if (g_stat (path, &status) != 0)
    {
      failure = errno;
      g_set_error (error, SYN_ERROR, SYN_ERROR_NOT_FOUND, "%s: %s", file, g_strerror (failure));
      return NULL;
    }
  if (!S_ISREG (status.st_mode))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: not a module: not a file", file);
      return NULL;
    }
  return g_steal_pointer (&path);
}

/* What the loader says begins with the path; once is enough. */
static const char *
skip_path (const char *text, const char *path)
{
  gsize length = strlen (path);

  return g_str_has_prefix (text, path) && g_str_has_prefix (text + length, ": ") ? text + length + 2 : text;
}

static gboolean
check_abi (GModule *object, const char *file, GError **error)
{
  const guint32 *abi;

  if (!g_module_symbol (object, "synoptic_module_abi", (gpointer *) &abi) || abi == NULL)
    return fail (error, "%s: not a module of synopticd: it has no SYNOPTIC_MODULE", file);
  if (*abi != SYNOPTIC_MODULE_ABI)
    return fail (error, "%s: built for ABI %u of modules, and this synopticd has %u: build it against this version's headers", file, *abi,
                 SYNOPTIC_MODULE_ABI);
  return TRUE;
}

static gboolean
init (SynModules *self, GModule *object, const char *file, GError **error)
{
  SynModule module = { self, file, self->types->len };
  g_autoptr (GError) cause = NULL;
  InitFunc run;

  if (!check_abi (object, file, error))
    return FALSE;
  if (!g_module_symbol (object, "synoptic_module_init", (gpointer *) &run) || run == NULL)
    return fail (error, "%s: not a module of synopticd: it has no synoptic_module_init()", file);
  g_module_make_resident (object);
  if (run (&module, &cause))
    return TRUE;
  g_set_error (error, cause != NULL ? cause->domain : SYN_ERROR, cause != NULL ? cause->code : SYN_ERROR_INVALID, "%s: %s", file,
               cause != NULL ? cause->message : "synoptic_module_init() failed, and does not say why");
  return FALSE;
}

gboolean
syn_modules_load (SynModules *self, const char *file, GError **error)
{
  g_autofree char *path = find_file (file, error);
  g_autoptr (GError) cause = NULL;
  GModule *object;
  gboolean ok;

  if (path == NULL)
    return FALSE;
  if (g_ptr_array_find_with_equal_func (self->files, path, g_str_equal, NULL))
    return fail (error, "%s: given twice", file);
  object = g_module_open_full (path, G_MODULE_BIND_LOCAL, &cause);
  if (object == NULL)
    return fail (error, "%s: cannot be loaded: %s", file, skip_path (cause->message, path));
  g_ptr_array_add (self->files, g_steal_pointer (&path));
  ok = init (self, object, file, error);
  g_module_close (object); /* does nothing once it is resident */
  return ok;
}

void
syn_modules_register (SynModules *self, SynSilo *silo)
{
  for (guint i = 0; i < self->types->len; i++)
    syn_silo_register (silo, &g_array_index (self->types, Type, i).type, g_array_index (self->types, Type, i).data);
  for (guint i = 0; i < self->kept->len; i++)
    syn_silo_keep (silo, g_array_index (self->kept, Kept, i).type, g_array_index (self->kept, Kept, i).key);
  for (guint i = 0; i < self->filters->len; i++)
    syn_silo_add_filter (silo, &g_array_index (self->filters, Filter, i).filter, g_array_index (self->filters, Filter, i).user_data);
}
