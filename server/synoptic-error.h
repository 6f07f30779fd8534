/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include "synoptic-macros.h"

/* The server's one error domain. The codes are those of the wire (ReplicaError, docs/protocol.md), so that an error
 * crosses grains, lanes and the network with code and message intact. */

G_BEGIN_DECLS

#define SYN_ERROR (syn_error_quark ())

typedef enum {
  SYN_ERROR_INVALID = 1,     /* the question is malformed: HTTP 400 */
  SYN_ERROR_NOT_FOUND = 2,   /* no such thing: 404 */
  SYN_ERROR_OVERLOADED = 3,  /* a limit is reached, ask again after the retry time: 503 with Retry-After */
  SYN_ERROR_UNAVAILABLE = 4, /* draining, or not ready: 503 */
  SYN_ERROR_INTERNAL = 5,    /* 500 */
  SYN_ERROR_TOO_LARGE = 6,   /* a limit of size: 413 */
  SYN_ERROR_PROTOCOL = 7,    /* the peer broke the protocol: the connection is closed */
  SYN_ERROR_TIMEOUT = 8,     /* a deadline passed: 504 */
  SYN_ERROR_CONFLICT = 9,    /* somebody else changed it first: 409 */
} SynError;

SYN_PUBLIC GQuark syn_error_quark (void);

G_END_DECLS
