/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-column.h"

/* The names and types that an expression may use: a source's fields, or a projection's columns. A plain value, copied
 * freely; immutable once shared. */

G_BEGIN_DECLS

typedef struct {
  char *name;
  ReplicaType type;
  guint8 scale;    /* decimals */
  gboolean is_key; /* projections */
} SynColumnSpec;

typedef struct {
  guint n_columns;
  SynColumnSpec *columns;
} SynSchema;

SynSchema *syn_schema_new (void);
void syn_schema_add (SynSchema *self, const char *name, ReplicaType type, guint scale, gboolean is_key);
int syn_schema_find (const SynSchema *self, const char *name); /* -1 */
/* `; did you mean "last"?`, or the empty string when no name is near. (transfer full) */
char *syn_schema_suggest (const SynSchema *self, const char *name);
SynSchema *syn_schema_copy (const SynSchema *self);
void syn_schema_free (SynSchema *self);
/* "decimal(4)", "int64", …; with its inverse. FALSE sets SYN_ERROR_INVALID, naming what was expected. */
char *syn_column_spec_type_to_string (const SynColumnSpec *spec);
gboolean syn_type_parse (const char *text, ReplicaType *type, guint *scale, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynSchema, syn_schema_free)

G_END_DECLS
