/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

/* Where to listen, from text. */

G_BEGIN_DECLS

typedef struct
{
  char *host;   /* (owned): as it goes into a URL, "[::1]" */
  guint16 port; /* 0: any */
  guint n_addresses;
  GInetAddress *addresses[2]; /* (owned): "localhost" is two; the second may be missing on the machine */
} SynListenAddress;

/* "ADDR:PORT", "[V6]:PORT", "localhost:PORT". SYN_ERROR_INVALID for what is none, and for anything but
 * loopback. */
gboolean syn_listen_address_parse (const char *text, SynListenAddress *address, GError **error);
void syn_listen_address_clear (SynListenAddress *address);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SynListenAddress, syn_listen_address_clear)

G_END_DECLS
