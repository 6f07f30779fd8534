/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gmodule.h>
#include "replica-column.h"
#include "synoptic-aggregate.h"
#include "synoptic-error.h"
#include "synoptic-grain.h"
#include "synoptic-poll.h"
#include "synoptic-projection.h"
#include "synoptic-source.h"

/**
 * A loadable module: grains and aggregates of your own in a synopticd that you did not build. docs/modules.md walks through one.
 *
 *   SYNOPTIC_MODULE
 *
 *   G_MODULE_EXPORT gboolean
 *   synoptic_module_init (SynModule *module, GError **error)
 *   {
 *     return syn_module_register (module, &my_grain_type, NULL, NULL, error)
 *            && syn_module_serve (module, &my_projection, error)
 *            && syn_aggregate_class_register (&my_aggregate, error);
 *   }
 *
 * Built as a shared object with `pkg-config --cflags synoptic-grain-1`, linked with GLib only (what synopticd has, it gives), and loaded by
 * `synopticd --module FILE.so`, once, before the catalog is read; it stays until the process ends.
 */

G_BEGIN_DECLS

/* Changes whenever a struct, a function or a rule of the public headers does in a way that a module built before would not survive. A
 * module of another number is refused. */
#define SYNOPTIC_MODULE_ABI 2

/* Once in a module, outside of functions: says which headers it was built against. */
#define SYNOPTIC_MODULE \
  extern __attribute__ ((visibility ("default"))) const guint32 synoptic_module_abi; \
  const guint32 synoptic_module_abi = SYNOPTIC_MODULE_ABI;

typedef struct _SynModule SynModule; /* valid during synoptic_module_init() only */

/* What a module has to define. On the main thread, before there are others: no grain is there yet, nothing may be called but the functions below
 * and syn_aggregate_class_register(). FALSE with @error, and synopticd does not start, naming the file. */
G_MODULE_EXPORT gboolean synoptic_module_init (SynModule *module, GError **error);

/* ---- what it may ask for; each FALSE with @error (INVALID) that says what is wrong, and is to be passed on ---- */

/* A type of grains. @type is copied; its strings and functions must stay. Its name: letters, digits, '_', '.' and '-', none of the server's own
 * (source, projection, query, …), nor another module's. @type_data: given to each activate, from any lane's thread: immutable, or with a lock of its
 * own; @destroy (nullable) frees it at the end of the process, when all grains are gone; also when this fails. */
SYN_PUBLIC gboolean syn_module_register (SynModule *self, const SynGrainType *type, gpointer type_data, GDestroyNotify destroy,
                                         GError **error);

/* An always-on grain: activated when the silo starts, restarted after errors. @type: registered by this module, with always_on. */
SYN_PUBLIC gboolean syn_module_keep (SynModule *self, const char *type, const char *key, GError **error);

typedef struct {
  const char *name; /* as in a catalog */
  ReplicaType type;
  guint8 scale;     /* decimals */
  gboolean is_key;
} SynServedColumn;

typedef struct {
  const char *path; /* "weather/now"; with '/' at its end, "weather/", a family: all paths below it */
  const char *type; /* of the grain, registered by this module, that answers SYN_POLL_METHOD (synoptic-projection.h) */
  const char *key;  /* of the grain; NULL: of a family: the rest of the path is. activate must refuse (NOT_FOUND) keys that mean nothing. */
  const SynServedColumn *columns; /* those of every snapshot, in this order: queries and screens go by them */
  guint n_columns;
  guint min_interval_ms;          /* the cap that its outlet was made with: told to clients */
} SynServed;

/* A projection of one's own: from now on `GET /v1/projections/PATH`, queries over it, panels of screens. All is copied. */
SYN_PUBLIC gboolean syn_module_serve (SynModule *self, const SynServed *served, GError **error);

/* A filter around every request of every grain, in the order of the modules. @filter is copied, its functions must stay; they run on all lanes'
 * threads at once. @destroy (nullable): as of syn_module_register(). At most SYN_MAX_MODULE_FILTERS of all modules together. */
SYN_PUBLIC gboolean syn_module_add_filter (SynModule *self, const SynFilter *filter, gpointer user_data, GDestroyNotify destroy,
                                           GError **error);

G_END_DECLS
