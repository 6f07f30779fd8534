/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-error.h"
#include "replica-macros.h"

G_BEGIN_DECLS

#define REPLICA_JSON_MAX_DEPTH 32u

/**
 * replica_json_check:
 * @json: text that came from somebody else
 * @length: its bytes
 * @max_depth: brackets within brackets, at most; %REPLICA_JSON_MAX_DEPTH where nothing else is known
 *
 * Whether @json may be given to json-glib, which recurses once per bracket, takes comments and single quotes as
 * well, and loses memory with each token that is none: UTF-8, tokens of JSON only, and not too deep. Whether
 * they stand in a right order json-glib finds out by itself. Any thread.
 *
 * Returns: %FALSE with %REPLICA_ERROR_PROTOCOL, naming the byte
 */
REPLICA_PUBLIC gboolean replica_json_check (const char *json, gsize length, guint max_depth, GError **error);

G_END_DECLS
