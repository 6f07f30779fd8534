/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "syn-http.h"
#include "syn-tls.h"

/* Where connections come in, and are sorted by what they ask first. Front lane. */

G_BEGIN_DECLS

typedef struct _SynDoor SynDoor;

SynDoor *syn_door_new (SynHttp *http);
/* Closes those that have not asked yet. */
void syn_door_free (SynDoor *self);
/* Takes @fd and @tls (nullable). */
void syn_door_take (SynDoor *self, int fd, SynTls *tls);
/* Closes those that have not asked; what the lanes pass on goes on coming. */
void syn_door_drain (SynDoor *self);

G_END_DECLS
