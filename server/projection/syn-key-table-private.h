/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-key-table.h"
#include "syn-string-pool.h"

/* The inside of a key table, for what maps keys (syn-key-table.c) and what copies, saves and loads it (syn-key-table-save.c). */

G_BEGIN_DECLS

typedef struct {
  ReplicaType type;
  guint8 scale;
  guint8 width;
  guint8 *data;        /* (owned): capacity × width */
  guint8 *validity;    /* (owned): capacity bits */
  guint n_nulls;
  SynStringPool *pool; /* (owned) (nullable): strings */
  guint n_copied_strings; /* of a copy: so many of the other's are its own */
} SynKeyColumn;

struct _SynKeyTable {
  guint n_columns; /* with the window's start */
  gboolean windowed;
  SynKeyColumn *columns; /* (owned) */
  guint n_rows;
  guint capacity;
  guint max_rows;
  guint32 *hashes; /* (owned): per row */
  guint32 *slots;  /* (owned): row + 1, 0 empty */
  guint32 mask;
};

#define SYN_NULL_WORD G_GUINT64_CONSTANT (0xa0761d6478bd642f) /* only hashed: null and a value that looks like it are told apart */

/* Slots anew, for as many rows as the capacity, from the rows' hashes. */
void syn_key_table_rebuild (SynKeyTable *self);

G_END_DECLS
