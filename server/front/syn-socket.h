/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-tls.h"

/* A connected socket, plain or with TLS on it: what every place of the front that reads and writes one calls. @tls: (nullable): of @fd. A plain
 * one costs the look at a pointer. The thread that the connection belongs to. */

G_BEGIN_DECLS

/* As recv() with MSG_DONTWAIT. */
static inline gssize
syn_socket_recv (int fd, SynTls *tls, void *buffer, gsize count)
{
  return G_LIKELY (tls == NULL) ? recv (fd, buffer, count, MSG_DONTWAIT) : syn_tls_recv (tls, buffer, count);
}

/* As sendmsg() with MSG_DONTWAIT and MSG_NOSIGNAL; see syn_tls_sendv() for what must be given again. */
static inline gssize
syn_socket_sendv (int fd, SynTls *tls, struct iovec *vector, int n_vector)
{
  struct msghdr message = { .msg_iov = vector, .msg_iovlen = (size_t) n_vector };

  return G_LIKELY (tls == NULL) ? sendmsg (fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) : syn_tls_sendv (tls, vector, n_vector);
}

static inline gssize
syn_socket_send (int fd, SynTls *tls, const void *bytes, gsize count)
{
  struct iovec vector = { (void *) bytes, count };

  return G_LIKELY (tls == NULL) ? send (fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL) : syn_tls_sendv (tls, &vector, 1);
}

/* Bytes that were sent, and that the peer's system has not taken yet; -1: not known. A large buffer takes no more for minutes while a slow peer reads
 * all the time: that it gets emptier is what tells him from one that does not. */
static inline int
syn_socket_get_unacknowledged (int fd)
{
  int n_bytes;

  return ioctl (fd, SIOCOUTQ, &n_bytes) == 0 ? n_bytes : -1;
}

/* Our side ends, the peer's may go on. */
static inline void
syn_socket_end (int fd, SynTls *tls)
{
  if (tls != NULL)
    syn_tls_end (tls);
  shutdown (fd, SHUT_WR);
}

/* Takes both. */
static inline void
syn_socket_close (int fd, SynTls *tls)
{
  if (tls != NULL)
    syn_tls_free (tls);
  close (fd);
}

G_END_DECLS
