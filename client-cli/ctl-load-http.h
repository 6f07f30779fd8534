/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The head of an HTTP/1.1 response, as far as a load client has to know it. Text in, numbers out; no allocation. */

G_BEGIN_DECLS

#define CTL_LOAD_HTTP_HEAD_MAX 8192

typedef struct
{
  guint status;
  guint64 body_bytes; /* by Content-Length; 0 for 1xx, 204 and 304 */
  guint32 retry_ms;   /* by Retry-After in seconds; 0: none */
  gboolean closes;    /* Connection: close, or HTTP/1.0 */
} CtlLoadHttpHead;

/* How long the head at @text is, its empty line included; 0: it does not end within @length. */
gsize ctl_load_http_head_length (const char *text, gsize length);
/* Reads a head of @length bytes, its empty line included. Returns NULL, or what is wrong with it. A body whose length
 * is not said before it is refused. */
const char *ctl_load_http_parse (const char *text, gsize length, CtlLoadHttpHead *head);
/* The value of a header, without the space around it: in place, not terminated. NULL: there is none. */
const char *ctl_load_http_find (const char *text, gsize length, const char *name, gsize *value_length);

G_END_DECLS
