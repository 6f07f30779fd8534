/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/epoll.h>
#include "syn-lane.h"

/* The descriptors of one lane's connections: an epoll set that is one GSource. On the lane's thread. */

G_BEGIN_DECLS

typedef struct _SynEpollSet SynEpollSet;

/* @member has @events. It may take itself and others out of the set, but what they are must stay in memory until the lane's next turn. */
typedef void (*SynEpollFunc) (gpointer member, guint32 events);

SynEpollSet *syn_epoll_set_new (SynLane *lane, const char *name, SynEpollFunc func); /* @name: static */
void syn_epoll_set_free (SynEpollSet *self);

gboolean syn_epoll_set_add (SynEpollSet *self, int fd, guint32 events, gpointer member);
void syn_epoll_set_change (SynEpollSet *self, int fd, guint32 events, gpointer member);
/* Before it is closed, always: closing alone does not take it out for as long as anybody else has it, were it a tool that looks at /proc for a moment. */
void syn_epoll_set_remove (SynEpollSet *self, int fd);

/* What the member brought that has its turn now was a poll, and it waits: nobody minds if the next one like it is read a little later. */
void syn_epoll_set_note_parked (SynEpollSet *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SynEpollSet, syn_epoll_set_free)

G_END_DECLS
