/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"
#include "syn-limits.h"
#include "syn-json.h"

/* The loader, split by what it loads. It fails at the first error, and a catalog that failed is thrown away
 * whole. */

G_BEGIN_DECLS


struct _SynCatalog {
  gatomicrefcount ref_count;
  GPtrArray *sources;     /* SynSourceSpec */
  GPtrArray *projections; /* SynProjectionSpec */
  GPtrArray *families;    /* SynProjectionSpec: each stands for all paths below its name */
  GPtrArray *members;     /* SynProjectionSpec: of families, that panels show */
  GHashTable *sources_by_name;
  GHashTable *projections_by_name;
  GPtrArray *conflations; /* SynConflationSpec */
  GHashTable *conflations_by_name;
  char *screens_json;
  gsize screens_length;
  guint n_screens;
  GPtrArray *panel_paths;  /* char *: of all panels of all screens */
  GPtrArray *panel_follows; /* char *, nullable: likewise, what it follows */
  GPtrArray *panel_places; /* char *: FILE:LINE: screen "NAME" of each */
};

typedef struct {
  SynCatalog *catalog;
  const char *file;             /* as it stands in errors */
  const char *dir;              /* relative paths count from here */
  char *context;                /* (nullable): `source "trades"`, … */
  GHashTable *defined;          /* "source NAME" → "FILE:LINE" */
  GHashTable *projection_names; /* also of those that are not loaded yet */
  GPtrArray *screens;           /* (element-type SynScreenSpec) */
} SynLoader;

typedef struct {
  char *kind;
  char *path;
  char *title;
  char *sort;    /* (nullable) */
  char *follows; /* (nullable) */
} SynPanelSpec;

typedef struct {
  char *name;
  char *title;
  GPtrArray *panels; /* SynPanelSpec */
} SynScreenSpec;

/* ---- errors: "FILE:LINE: context: …"; all return FALSE ---- */
gboolean syn_loader_fail (SynLoader *self, guint line, GError **error, const char *format, ...)
    G_GNUC_PRINTF (4, 5);
/* "FILE:LINE: context, part: message": the part is what the format makes. Only with a context. */
gboolean syn_loader_fail_part (
    SynLoader *self, guint line, GError **error, const char *message, const char *format, ...)
    G_GNUC_PRINTF (5, 6);
void syn_loader_set_context (SynLoader *self, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* ---- members ---- */
/* @known: NULL-terminated. @elsewhere: (nullable): names that exist, but not for @what. */
gboolean syn_loader_check_members (SynLoader *self,
                                   const SynJson *object,
                                   const char *const *known,
                                   const char *const *elsewhere,
                                   const char *what,
                                   GError **error);
gboolean syn_loader_check_kind (
    SynLoader *self, const SynJson *value, const char *name, SynJsonKind kind, GError **error);
/* Absent and optional: *@value is left as it is. An empty string is an error. */
gboolean syn_loader_get_string (SynLoader *self,
                                const SynJson *object,
                                const char *name,
                                gboolean required,
                                const char **value,
                                GError **error);
gboolean syn_loader_get_bool (
    SynLoader *self, const SynJson *object, const char *name, gboolean *value, GError **error);
gboolean syn_loader_get_int (SynLoader *self,
                             const SynJson *object,
                             const char *name,
                             gint64 least,
                             gint64 most,
                             gint64 *value,
                             GError **error);
gboolean syn_loader_get_number (SynLoader *self,
                                const SynJson *object,
                                const char *name,
                                double least,
                                double most,
                                double *value,
                                GError **error);
/* `"max"`, which is 0, or a number above 0. */
gboolean syn_loader_get_speed (SynLoader *self, const SynJson *object, double *value, GError **error);
/* "500ms", "1s", "2m", "1h", "1d". */
gboolean syn_loader_get_duration (SynLoader *self,
                                  const SynJson *object,
                                  const char *name,
                                  gboolean required,
                                  gint64 *value_us,
                                  GError **error);
gboolean syn_loader_get_time (
    SynLoader *self, const SynJson *object, const char *name, gint64 *value_us, GError **error);
gboolean syn_loader_get_array (SynLoader *self,
                               const SynJson *object,
                               const char *name,
                               guint least,
                               guint most,
                               const SynJson **value,
                               GError **error);

/* ---- names ---- */
/* Of sources and screens, and with @slashes of projections: segments of [A-Za-z0-9_.-]+. Also keeps each
 * unique over all files. */
gboolean syn_loader_define (SynLoader *self,
                            const SynJson *object,
                            const char *what,
                            gboolean slashes,
                            const char **name,
                            GError **error);
/* Whether it is a path of a projection, and not too long. */
gboolean syn_catalog_is_path (const char *text);
/* What is wrong with the name of a field or column, as it stands behind it in a message; NULL: nothing. */
const char *syn_catalog_check_column_name (const char *name);
/* Of fields and columns: what `sort`, CSV and the expression language can all write. */
gboolean syn_loader_check_column_name (
    SynLoader *self, guint line, const char *what, const char *name, GError **error);

/* ---- what is loaded ---- */
gboolean syn_loader_add_source (SynLoader *self, const SynJson *object, GError **error);
gboolean syn_loader_add_projection (SynLoader *self, const SynJson *object, GError **error);
/* `"from"`: sets inputs and fields. */
gboolean syn_loader_add_inputs (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error);
/* Why a name that is a field of some of the sources is none of the projection's; NULL: it is one, or no source has it. */
char *syn_loader_explain_field (const SynProjectionSpec *projection, const char *name);
/* The index of a field, or -1 with an error that names @member, at the line of @where. */
int syn_loader_find_field (SynLoader *self,
                           const SynProjectionSpec *projection,
                           const SynJson *where,
                           const char *member,
                           const char *name,
                           GError **error);
/* `"window"`: after the inputs and the key. */
gboolean syn_loader_add_window (SynLoader *self, SynProjectionSpec *projection, const SynJson *object, GError **error);
gboolean syn_loader_add_columns (SynLoader *self,
                                 SynProjectionSpec *projection,
                                 const SynJson *columns,
                                 GError **error);
/* The file of a module stands where the place of its definition would. */
gboolean syn_loader_add_served (SynLoader *self, const SynServedSpec *served, GError **error);
gboolean syn_loader_add_screen (SynLoader *self, const SynJson *object, GError **error);
char *syn_loader_write_screens (SynLoader *self, gsize *length);
/* Groups all projections; after they are loaded. */
void syn_loader_group_projections (SynLoader *self);
void syn_conflation_spec_free (SynConflationSpec *self);
void syn_source_spec_free (SynSourceSpec *self);
void syn_screen_spec_free (SynScreenSpec *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynSourceSpec, syn_source_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynProjectionSpec, syn_projection_spec_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynScreenSpec, syn_screen_spec_free)

G_END_DECLS
