/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replica-error.h"

G_DEFINE_QUARK (replica-error-quark, replica_error)

static const char *const names[] = {
  [REPLICA_ERROR_INVALID] = "invalid",         [REPLICA_ERROR_NOT_FOUND] = "not-found",
  [REPLICA_ERROR_OVERLOADED] = "overloaded",   [REPLICA_ERROR_UNAVAILABLE] = "unavailable",
  [REPLICA_ERROR_INTERNAL] = "internal",       [REPLICA_ERROR_TOO_LARGE] = "too-large",
  [REPLICA_ERROR_PROTOCOL] = "protocol",       [REPLICA_ERROR_TIMEOUT] = "timeout",
  [REPLICA_ERROR_CONFLICT] = "conflict",
};

const char *
replica_error_to_string (ReplicaError code)
{
  if ((guint) code < G_N_ELEMENTS (names) && names[code] != NULL)
    return names[code];
  return "internal";
}
