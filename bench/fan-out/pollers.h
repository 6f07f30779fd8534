/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The load client of the fan-out benchmark: N WebSocket connections of `synoptic.v1` in one epoll set of one thread, each with one view
 * that asks again as soon as it knows the token of its answer. The same client for every server. */

G_BEGIN_DECLS

typedef struct _Pollers Pollers;

/* Connects and asks for the upgrade on each; the polls go out as the upgrades come (pump, or wait for a round). Ends the
 * benchmark with a message on any failure. */
Pollers *pollers_new (guint16 port, const char *path, guint n_clients);
/* Handles what has arrived, without waiting for anybody. */
void pollers_pump (Pollers *self);
/* Waits until each has had one more answer with another token. Returns the body bytes of one answer. */
gsize pollers_wait_round (Pollers *self);
void pollers_free (Pollers *self);

G_END_DECLS
