/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What the kernel knows of a connected socket's other end. Any thread; three system calls, so asked only of those that are shown. */

G_BEGIN_DECLS

typedef struct
{
  char address[64];            /* "127.0.0.1:5000", "[::1]:5000"; "" when it has none */
  gint64 unacknowledged_bytes; /* sent, but not acknowledged by the peer's kernel; -1: not known, as the others */
  gint64 acknowledged_bytes;   /* since the connection began */
  gint64 goodput_bytes_s;      /* as last measured, of what was acknowledged */
  gint64 rtt_us;
} SynPeerInfo;

void syn_peer_info_read (int fd, SynPeerInfo *info);

G_END_DECLS
