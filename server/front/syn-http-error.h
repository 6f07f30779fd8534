/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include "syn-error.h"
#include "syn-event-reader.h"

/* How an error looks over HTTP: one table from code to status and name, one body. Pure. */

G_BEGIN_DECLS

/* What is wrong with a request that no SynError says; numbered behind them. */
typedef enum
{
  SYN_FAULT_FORBIDDEN = 100,
  SYN_FAULT_METHOD,
  SYN_FAULT_NOT_ACCEPTABLE,
  SYN_FAULT_MEDIA_TYPE,
  SYN_FAULT_UPGRADE,
  SYN_FAULT_LOOP,
} SynFault;

/* The code of an error as it goes out: one of another domain than ours (the same numbers in libreplica's) is
 * internal. */
int syn_http_error_code (const GError *error);
/* @code: a SynError or a SynFault; anything else is an internal error. */
guint syn_http_error_status (int code);
const char *syn_http_error_name (int code);
/* When to ask again what is refused now: half to one and a half of SYN_RETRY_MS, for who is refused together must not come back together. */
guint syn_http_retry_ms (void);
/* Seconds for Retry-After, or 0: none. @retry_ms: 0 unless the error came with one: then syn_http_retry_ms(). */
guint syn_http_error_retry_s (int code, guint retry_ms);
/* `{"error":{"code","message"}}`; with @place (nullable) also `line`, `column`, `field`, null where unknown.
 */
GBytes *syn_http_error_body (int code, const char *message, const SynReadPlace *place);

/* Appends @text as a JSON string, quotes and all. @text is valid UTF-8 (what is not is replaced). */
void syn_json_append_string (GString *json, const char *text);

G_END_DECLS
