/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Accepts connections for the front, on its lane, by one GSource over all its sockets.
 *
 * libsoup's own listener was rejected: its backlog is 10, and the first accept() that fails for want of a
 * descriptor ends it for good. This one keeps a descriptor in reserve: with it, a connection that cannot be
 * served is taken and closed, so that its client knows, and the queue does not make the loop spin.
 * GSocketService was rejected for the same two reasons. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "syn-error.h"
#include "syn-lane.h"
#include "syn-limits.h"

#define ACCEPTS_PER_TURN 64 /* so that those who are in are served between batches of newcomers */
#define PAUSE_US 100000     /* after a failure that waiting may cure */
#define PORT_TRIES 16       /* for one port that is free on both addresses of localhost */

typedef struct
{
  int fd;
  gpointer tag;
  GSocketAddress *local; /* (owned) */
} Socket;

typedef struct
{
  GSource source;
  SynListener *listener;
} ListenerSource;

struct _SynListener
{
  GSource *source; /* (owned) */
  guint n_sockets;
  Socket sockets[2];
  int reserve_fd;
  gboolean paused;
  SynListenerFunc accepted;
  gpointer user_data;
};

static void
open_reserve (SynListener *self)
{
  if (self->reserve_fd < 0)
    self->reserve_fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
set_paused (SynListener *self, gboolean paused)
{
  self->paused = paused;
  for (guint i = 0; i < self->n_sockets; i++)
    g_source_modify_unix_fd (self->source, self->sockets[i].tag, paused ? 0 : G_IO_IN);
  g_source_set_ready_time (self->source, paused ? g_get_monotonic_time () + PAUSE_US : -1);
}

/* Takes one connection and closes it. FALSE, with errno, when there is none (EAGAIN), or even that is
 * impossible. */
static gboolean
refuse_one (SynListener *self, Socket *from)
{
  int fd, saved;

  errno = EMFILE;
  if (self->reserve_fd < 0)
    return FALSE;
  close (self->reserve_fd);
  self->reserve_fd = -1;
  fd = accept4 (from->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  saved = errno;
  if (fd >= 0)
    close (fd);
  open_reserve (self);
  errno = saved;
  if (fd < 0)
    return FALSE;
  self->accepted (-1, self->user_data);
  return TRUE;
}

static void
accept_some (SynListener *self, Socket *from)
{
  for (guint n = 0; n < ACCEPTS_PER_TURN; n++)
    {
      int fd = accept4 (from->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

      if (fd >= 0)
        {
          self->accepted (fd, self->user_data);
          continue;
        }
      switch (errno)
        {
        case EAGAIN:
          return;
        case EMFILE:
        case ENFILE:
          if (refuse_one (self, from))
            continue;
          if (errno == EAGAIN)
            return; /* there was nobody: accept() looks for a descriptor first */
          break;
        case ENOBUFS:
        case ENOMEM:
        case EBADF:
        case EINVAL:
        case ENOTSOCK:
          break;
        default:
          continue; /* a connection that was gone before it was taken: the errors of the network come out here
                     */
        }
      g_debug ("accept: %s; trying again soon", g_strerror (errno));
      open_reserve (self);
      set_paused (self, TRUE);
      return;
    }
}

static gboolean
listener_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  SynListener *self = ((ListenerSource *) source)->listener;

  if (self->paused && g_get_monotonic_time () >= g_source_get_ready_time (source))
    set_paused (self, FALSE);
  for (guint i = 0; i < self->n_sockets && !self->paused; i++)
    accept_some (self, &self->sockets[i]);
  return G_SOURCE_CONTINUE;
}

static GSourceFuncs listener_funcs = { .dispatch = listener_dispatch };

/* ---- making ---- */

/* What every connection inherits. A peer that vanishes without a word is found by probes; one to which an answer is under way, by the kernel's giving up
 * to send it again.
 *
 * TCP_USER_TIMEOUT was rejected. Linux counts it from the first probe of a full window, and forgets that only when the window opens for all of
 * what stands first in the queue: a reader that was slow twice, more than that time apart, was reset, whatever it had taken in between. */
static void
set_options (int fd)
{
  int on = 1, idle_s = SYN_STALL_MS / 1000, interval_s = 15, count = 4;

  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt (fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
  setsockopt (fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static int
open_socket (GInetAddress *inet, guint16 port, GSocketAddress **local, GError **error)
{
  g_autoptr (GSocketAddress) wanted = g_inet_socket_address_new (inet, port);
  struct sockaddr_storage storage;
  socklen_t length = (socklen_t) g_socket_address_get_native_size (wanted);
  int on = 1, saved, fd;

  g_socket_address_to_native (wanted, &storage, sizeof storage, NULL);
  fd = socket (storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0)
    {
      setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
      set_options (fd);
      if (storage.ss_family == AF_INET6)
        setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      if (bind (fd, (struct sockaddr *) &storage, length) == 0 && listen (fd, SYN_LISTEN_BACKLOG) == 0)
        {
          length = sizeof storage;
          getsockname (fd, (struct sockaddr *) &storage, &length);
          *local = g_socket_address_new_from_native (&storage, length);
          return fd;
        }
    }
  saved = errno;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved), "%s", g_strerror (saved));
  if (fd >= 0)
    close (fd);
  errno = saved;
  return -1;
}

/* Opens all addresses on one port. */
static gboolean
open_all (const SynListenAddress *address, Socket *sockets, guint *n_sockets, GError **error)
{
  guint16 port = address->port;

  for (guint i = 0; i < address->n_addresses; i++)
    {
      g_autoptr (GError) local_error = NULL;
      Socket *opened = &sockets[*n_sockets];

      opened->fd = open_socket (address->addresses[i], port, &opened->local, &local_error);
      if (opened->fd >= 0)
        {
          port = g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (opened->local));
          ++*n_sockets;
        }
      else if (i == 0 || (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT))
        {
          /* A machine may be without IPv6; but somebody else's server on the other half of localhost would be
           * met by our clients. */
          g_propagate_error (error, g_steal_pointer (&local_error));
          return FALSE;
        }
    }
  return TRUE;
}

static void
close_all (Socket *sockets, guint n_sockets)
{
  for (guint i = 0; i < n_sockets; i++)
    {
      close (sockets[i].fd);
      g_clear_object (&sockets[i].local);
    }
}

SynListener *
syn_listener_new (GMainContext *context,
                  const SynListenAddress *address,
                  SynListenerFunc accepted,
                  gpointer user_data,
                  char **authority,
                  GError **error)
{
  Socket sockets[2] = { 0 };
  guint n_sockets = 0;
  gboolean opened = FALSE;
  SynListener *self;

  for (guint i = 0; !opened && i < PORT_TRIES; i++)
    {
      g_autoptr (GError) local_error = NULL;

      opened = open_all (address, sockets, &n_sockets, &local_error);
      if (opened)
        break;
      close_all (sockets, n_sockets);
      n_sockets = 0;
      if (address->port != 0 || i == PORT_TRIES - 1
          || !g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE))
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "cannot listen on %s:%u: %s", address->host,
                       address->port, local_error->message);
          return NULL;
        }
    }

  self = g_new0 (SynListener, 1);
  memcpy (self->sockets, sockets, sizeof sockets);
  self->n_sockets = n_sockets;
  self->reserve_fd = -1;
  open_reserve (self);
  self->accepted = accepted;
  self->user_data = user_data;
  self->source = g_source_new (&listener_funcs, sizeof (ListenerSource));
  ((ListenerSource *) self->source)->listener = self;
  g_source_set_static_name (self->source, "front listener");
  syn_lane_keep_watching (self->source);
  for (guint i = 0; i < n_sockets; i++)
    self->sockets[i].tag = g_source_add_unix_fd (self->source, self->sockets[i].fd, G_IO_IN);
  g_source_attach (self->source, context);
  *authority = g_strdup_printf ("%s:%u", address->host,
                                g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (sockets[0].local)));
  return self;
}

void
syn_listener_free (SynListener *self)
{
  g_source_destroy (self->source);
  g_source_unref (self->source);
  close_all (self->sockets, self->n_sockets);
  if (self->reserve_fd >= 0)
    close (self->reserve_fd);
  g_free (self);
}
