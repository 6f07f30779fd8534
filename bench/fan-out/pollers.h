/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-tls.h"

/* The load client of the fan-out benchmark: N connections in one epoll set of one thread, WebSockets of `synoptic.v1` with one view each, or
 * HTTP long-polls, that ask again as soon as they have their answer. The same client for every server. */

G_BEGIN_DECLS

typedef struct _Pollers Pollers;

/* Connects and asks on each: for the upgrade, and the polls go out as the upgrades come (pump, or wait for a round), or (@http) at
 * once. @name: static, for messages. Ends the benchmark with a message on any failure. @explain: (nullable): says what the server knows of the
 * connection from @port, when an answer did not come. @tls (nullable): they speak TLS; taken. */
Pollers *pollers_new (const char *name, guint16 port, const char *path, guint n_clients, gboolean http, CtlLoadTls *tls,
                      void (*explain) (guint16 port, gpointer data), gpointer data);
/* Handles what has arrived, without waiting for anybody. */
void pollers_pump (Pollers *self);
/* Waits until each has had one more answer with another token. Returns the body bytes of one answer. */
gsize pollers_wait_round (Pollers *self);
/* All connections end at once, as when a network goes, and all are opened again at once, with nothing in their hands. Wait for a round then. */
void pollers_storm (Pollers *self);
void pollers_free (Pollers *self);

G_END_DECLS
