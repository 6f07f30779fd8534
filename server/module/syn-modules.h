/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-catalog.h"
#include "syn-silo.h"

/* The modules of a process: loaded before the catalog, for it must know their aggregates and projections; what they asked for is given to the silo
 * when there is one. Main thread. */

G_BEGIN_DECLS

typedef struct _SynModules SynModules;

SynModules *syn_modules_new (void);
/* Loads one. A name without '/' that is no file here is looked for in the folder of modules (SYN_MODULE_DIR). Errors, one line that begins with
 * the file: NOT_FOUND (no such file), INVALID (no module, of another ABI, or what its init said). After one the whole is of no use. */
gboolean syn_modules_load (SynModules *self, const char *file, GError **error);
/* (transfer none) (element-type SynServedSpec): for syn_catalog_load_with(). */
GPtrArray *syn_modules_get_served (SynModules *self);
/* Types, kept grains and filters. Before the silo starts; the modules must outlive it. */
void syn_modules_register (SynModules *self, SynSilo *silo);
/* Frees what modules gave with a destroy function, the last first. The shared objects stay in the process: what they registered does. */
void syn_modules_free (SynModules *self);
/* A name that no module may give to a type. */
gboolean syn_modules_is_reserved (const char *type);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynModules, syn_modules_free)

G_END_DECLS
