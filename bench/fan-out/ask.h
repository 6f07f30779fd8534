/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-tls.h"

/* One request of the fan-out benchmark beside its pollers, over TLS or not. Blocks; whatever fails ends the benchmark. One thread. */

G_BEGIN_DECLS

/* @request says "Connection: close": the answer is all that comes. @tls (nullable): NULL: plain. (transfer full) */
char *ask_http (guint16 port, CtlLoadTls *tls, const char *request);

G_END_DECLS
