/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The text of a question as it comes in a URL: a path, and parameters that stand there at most once. Plain values; any thread. */

G_BEGIN_DECLS

/* In the order of the canonical text, which is that in which they work. */
typedef enum {
  SYN_QUERY_JOIN,
  SYN_QUERY_WHERE,
  SYN_QUERY_GROUP,
  SYN_QUERY_HAVING,
  SYN_QUERY_SELECT,
  SYN_QUERY_SORT,
  SYN_QUERY_OFFSET,
  SYN_QUERY_LIMIT,
  SYN_QUERY_N_PARAMS,
} SynQueryParam;

typedef struct {
  char *name;                       /* (owned): the path, decoded */
  char *values[SYN_QUERY_N_PARAMS]; /* (owned): decoded; NULL when absent */
} SynQueryParams;

/* Errors: INVALID (`where: byte 7 as sent: …`; an unknown parameter with a suggestion), TOO_LARGE. Clear it either way. */
gboolean syn_query_params_init (SynQueryParams *self, const char *path, GError **error);
void syn_query_params_clear (SynQueryParams *self);
const char *syn_query_param_to_string (SynQueryParam param); /* "where", … */
/* Encodes what a URL's query (RFC 3986, with the form rules for '+' and '&') cannot hold as it is, and nothing else. */
void syn_query_append_encoded (GString *text, const char *value);
/* A stranger's text, fit to stand in a message: valid, without control characters, and short. */
char *syn_query_dup_shown (const char *text);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SynQueryParams, syn_query_params_clear)

G_END_DECLS
