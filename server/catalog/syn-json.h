/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A JSON text as a tree whose every value knows its line, for files that people write. Private to the catalog. */

G_BEGIN_DECLS

#define SYN_JSON_MAX_DEPTH 16
#define SYN_JSON_MAX_VALUES (1u << 20)

typedef enum {
  SYN_JSON_NULL, SYN_JSON_BOOL, SYN_JSON_NUMBER, SYN_JSON_STRING, SYN_JSON_ARRAY, SYN_JSON_OBJECT,
} SynJsonKind;

typedef struct _SynJson SynJson;
struct _SynJson {
  SynJsonKind kind;
  guint line;        /* of its first character, from 1 */
  gboolean boolean;
  char *text;        /* STRING: the value; NUMBER: as written, in JSON syntax */
  guint n_items;     /* ARRAY, OBJECT: in the order of the text */
  SynJson **items;
  char **names;      /* OBJECT: unique */
  guint *name_lines; /* OBJECT */
};

/* Strict RFC 8259, with at most @max_values values. Errors: SYN_ERROR_INVALID, with *@line set; the message has the column. */
SynJson *syn_json_parse (const char *text, gsize length, guint max_values, guint *line, GError **error);
void syn_json_free (SynJson *self);
/* The member, or NULL. */
const SynJson *syn_json_get (const SynJson *self, const char *name);
/* The line of a member's name. */
guint syn_json_get_name_line (const SynJson *self, const char *name);
/* "a number", "an object", … */
const char *syn_json_kind_to_string (SynJsonKind kind);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynJson, syn_json_free)

G_END_DECLS
