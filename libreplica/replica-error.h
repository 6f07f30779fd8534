/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica-macros.h"

G_BEGIN_DECLS

/**
 * REPLICA_ERROR:
 *
 * The one error domain of libreplica. Codes say what a caller would do differently; the numbers are those
 * of the wire (docs/protocol.md, "Errors") and never change.
 */
#define REPLICA_ERROR (replica_error_quark ())

/**
 * ReplicaError:
 * @REPLICA_ERROR_INVALID: the question is malformed (path, expression, option): ask another one
 * @REPLICA_ERROR_NOT_FOUND: no such projection, source or screen
 * @REPLICA_ERROR_OVERLOADED: a limit of the server is reached: ask again after the retry time
 * @REPLICA_ERROR_UNAVAILABLE: the server is draining or cannot be reached: reconnect with back-off
 * @REPLICA_ERROR_INTERNAL: the server failed: its log has more
 * @REPLICA_ERROR_TOO_LARGE: a limit of size is passed
 * @REPLICA_ERROR_PROTOCOL: the peer broke the protocol
 * @REPLICA_ERROR_TIMEOUT: a deadline passed
 * @REPLICA_ERROR_CONFLICT: somebody else changed it first
 */
typedef enum {
  REPLICA_ERROR_INVALID = 1,
  REPLICA_ERROR_NOT_FOUND = 2,
  REPLICA_ERROR_OVERLOADED = 3,
  REPLICA_ERROR_UNAVAILABLE = 4,
  REPLICA_ERROR_INTERNAL = 5,
  REPLICA_ERROR_TOO_LARGE = 6,
  REPLICA_ERROR_PROTOCOL = 7,
  REPLICA_ERROR_TIMEOUT = 8,
  REPLICA_ERROR_CONFLICT = 9,
} ReplicaError;

REPLICA_PUBLIC GQuark replica_error_quark (void);

/**
 * replica_error_to_string:
 * @code: a code
 *
 * Returns: (transfer none): the name used in JSON answers, as `not-found`
 */
REPLICA_PUBLIC const char *replica_error_to_string (ReplicaError code);

G_END_DECLS
