/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-listen-address.h"

/* The listening sockets and the loop that accepts. One thread: that of its context. */

G_BEGIN_DECLS

#define SYN_LISTEN_BACKLOG 4096

typedef struct _SynListener SynListener;
/* @fd: a new connection, non-blocking, owned by the callback from now on; or -1: one was closed unserved, for
 * there was no descriptor for it. Must not free the listener. */
typedef void (*SynListenerFunc) (int fd, gpointer user_data);

/* @authority (out): what to put behind `http://`, with the port that was picked. */
SynListener *syn_listener_new (GMainContext *context,
                               const SynListenAddress *address,
                               SynListenerFunc accepted,
                               gpointer user_data,
                               char **authority,
                               GError **error);
void syn_listener_free (SynListener *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynListener, syn_listener_free)

G_END_DECLS
