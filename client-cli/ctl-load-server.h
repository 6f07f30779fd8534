/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replica.h"

/* What a silo says of itself, beside a load test: its memory and CPU time from /v1/status. Waits for the answers; the caller's thread. */

G_BEGIN_DECLS

typedef struct _CtlLoadServer CtlLoadServer;

typedef struct
{
  gint64 at_us;     /* monotonic: when the answer was here */
  gint64 rtt_us;    /* how long it took */
  gint64 offset_us; /* the server's clock less ours, to half of that */
  guint64 rss_bytes;
  double cpu_s;
  guint questions; /* grains of type query */
  guint polls_waiting, websockets;
} CtlLoadServerReading;

CtlLoadServer *ctl_load_server_new (const char *uri, GError **error);
void ctl_load_server_free (CtlLoadServer *self);
gboolean ctl_load_server_read (CtlLoadServer *self, CtlLoadServerReading *reading, GError **error);
/* The offset of its clock, and the most it can be wrong by: of several answers the one that came back fastest. An offset
 * that cannot be told from 0 is 0: then both are of one machine, or well set. */
gboolean ctl_load_server_read_clock (CtlLoadServer *self, gint64 *offset_us, gint64 *error_us, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlLoadServer, ctl_load_server_free)

G_END_DECLS
