/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-silo.h"
#include "syn-catalog.h"
#include "syn-tls-server.h"

/* Where the network meets the silo: the listener, HTTP (libsoup, on the front lane), WebSocket connections (taken over, given to
 * the lanes in turn, one epoll set per lane). Knows beacons (to poll) and sources (to publish). Main thread only. */

G_BEGIN_DECLS

typedef struct _SynFront SynFront;

/* @listen: "ADDR:PORT", "[V6]:PORT"; port 0 picks one. Anything but loopback is refused: it needs tokens, which this version
 * does not have. @authority receives what to put behind http://, or with @tls (nullable) behind https://: then nothing else is spoken. */
SynFront *syn_front_new (
    SynSilo *silo, SynCatalog *catalog, const char *listen, SynTlsServer *tls, char **authority, GError **error);
/* Another certificate, for connections that come. Only where there was one. */
void syn_front_set_tls (SynFront *self, SynTlsServer *tls);
/* What the threads of TLS do, on a silo that is stepped. */
void syn_front_step_tls (SynFront *self, gint64 now_ms);
void syn_front_set_ready (SynFront *self, gboolean ready); /* what /readyz says */
/* Stops accepting, answers what is parked, closes WebSockets with 1001, calls @done when all is sent or SYN_DRAIN_MS passed. */
void syn_front_drain (SynFront *self, void (*done) (gpointer user_data), gpointer user_data);
void syn_front_free (SynFront *self);

G_END_DECLS
