/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ctl-load-tls.h"

/* Thousands of TCP connections to one address in one epoll set, with TLS or without: connecting, sending, receiving, and nothing else.
 * What is said on them is its user's. One thread, the one that turns it; only ctl_crowd_wake() may be called from others. */

G_BEGIN_DECLS

typedef struct _CtlCrowd CtlCrowd;

typedef struct
{
  /* Connected; over TLS: and the handshake is done. */
  void (*opened) (guint member, gpointer data);
  void (*received) (guint member, const guint8 *bytes, gsize length, gpointer data);
  /* (nullable): how many of the bytes that come next need not be seen: the kernel then drops them without copying them (not over TLS) … */
  guint64 (*skippable) (guint member, gpointer data);
  /* … and this says how many it has dropped. */
  void (*skipped) (guint member, guint64 n_bytes, gpointer data);
  /* It has ended, or could not be opened; @error: for ctl_load_tls_strerror(): an errno, 0 when the peer has closed it, below 0 of TLS. It may be opened again. */
  void (*ended) (guint member, int error, gpointer data);
} CtlCrowdFuncs;

/* @host: an address, or a name. Resolves it, blocking. @first_member: what the whole program has opened before this crowd (source
 * addresses of loopback are dealt out by it). NULL with an error. */
CtlCrowd *ctl_crowd_new (const char *host, guint16 port, guint n_members, guint first_member, const CtlCrowdFuncs *funcs, gpointer data, GError **error);
/* Before any is opened: all speak TLS. Takes @tls. */
void ctl_crowd_set_tls (CtlCrowd *self, CtlLoadTls *tls);
void ctl_crowd_free (CtlCrowd *self); /* closes what is open, without ended() */
/* Begins to connect. opened() or ended() comes from a turn. */
void ctl_crowd_open (CtlCrowd *self, guint member);
/* Closes it, at once and without ended(); nothing, when it is not open. */
void ctl_crowd_close (CtlCrowd *self, guint member);
/* With a reset rather than a handshake: leaves no port behind in TIME_WAIT, and the peer sees an error. */
void ctl_crowd_reset (CtlCrowd *self, guint member);
gboolean ctl_crowd_is_open (CtlCrowd *self, guint member);
/* What the socket does not take is kept and sent when it does. */
void ctl_crowd_send (CtlCrowd *self, guint member, gconstpointer bytes, gsize length);
/* Waits for at most @timeout_ms, then handles what there is. Returns how many members had something; 0: nobody. */
guint ctl_crowd_turn (CtlCrowd *self, int timeout_ms);
void ctl_crowd_wake (CtlCrowd *self); /* any thread */
/* For messages: where a member stands. */
typedef struct
{
  guint16 port;   /* our end's */
  guint n_unread; /* bytes that have come and were not read */
  guint n_unsent; /* bytes that the socket has not taken */
} CtlCrowdLook;
/* FALSE: it is not open. */
gboolean ctl_crowd_look (CtlCrowd *self, guint member, CtlCrowdLook *look);

/* Raises the limit of descriptors to what is allowed. FALSE with an error when @n_wanted do not fit. */
gboolean ctl_crowd_raise_limit (guint n_wanted, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CtlCrowd, ctl_crowd_free)

G_END_DECLS
