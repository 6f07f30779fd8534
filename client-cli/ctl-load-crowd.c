/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One thread that turns one level-triggered epoll set, one recv() an event, so that nobody is starved by a fast
 * neighbour. A GSource or a GSocketConnection for each was rejected: the client would be dearer than the server that
 * it measures (GLib's main context looks at every source in every turn). */

#include "ctl-load-crowd.h"

#include <errno.h>
#include <gio/gio.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER_BYTES (256u * 1024)
#define WAKE_KEY G_MAXUINT64
/* Of the 28,000 ports that a source address has by default, for one peer. */
#define MEMBERS_PER_ADDRESS 25000u
/* Below this much to skip, a recv() that copies is as cheap, and may bring the next message along. */
#define SKIP_MIN_BYTES 4096u

typedef struct
{
  int fd; /* -1: not open */
  guint32 generation; /* told apart from what was open before in an event of the same turn */
  gboolean connected, watches_output;
  gboolean shakes;         /* hands: not opened yet */
  gboolean returns;        /* was open before */
  GByteArray *unsent;      /* (owned) (nullable) */
  CtlLoadTlsSession *tls;  /* (owned) (nullable) */
} Member;

struct _CtlCrowd
{
  int set, wake;
  struct sockaddr_storage address;
  socklen_t address_bytes;
  guint n_members, first_member;
  Member *members; /* (owned) */
  CtlCrowdFuncs funcs;
  gpointer data;
  guint8 *buffer;  /* (owned) */
  CtlLoadTls *tls; /* (owned) (nullable) */
};

gboolean
ctl_crowd_raise_limit (guint n_wanted, GError **error)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return TRUE;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < n_wanted)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_TOO_MANY_OPEN_FILES,
                   "%u descriptors are needed, and the limit of this process is %" G_GUINT64_FORMAT
                   ": raise it (ulimit -Hn, or LimitNOFILE= of a service), or ask for fewer connections",
                   n_wanted, (guint64) limit.rlim_max);
      return FALSE;
    }
  return TRUE;
}

static gboolean
resolve (CtlCrowd *self, const char *host, guint16 port, GError **error)
{
  g_autofree char *service = g_strdup_printf ("%u", port);
  const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
  struct addrinfo *found = NULL;
  int code = getaddrinfo (host, service, &hints, &found);

  if (code != 0 || found == NULL)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND, "%s: %s", host, gai_strerror (code));
      return FALSE;
    }
  memcpy (&self->address, found->ai_addr, found->ai_addrlen);
  self->address_bytes = found->ai_addrlen;
  freeaddrinfo (found);
  return TRUE;
}

CtlCrowd *
ctl_crowd_new (const char *host, guint16 port, guint n_members, guint first_member, const CtlCrowdFuncs *funcs, gpointer data, GError **error)
{
  g_autoptr (CtlCrowd) self = g_new0 (CtlCrowd, 1);
  struct epoll_event event = { .events = EPOLLIN, .data.u64 = WAKE_KEY };

  self->funcs = *funcs;
  self->data = data;
  self->n_members = n_members;
  self->first_member = first_member;
  self->members = g_new0 (Member, n_members);
  for (guint i = 0; i < n_members; i++)
    self->members[i].fd = -1;
  self->buffer = g_malloc (BUFFER_BYTES);
  self->set = epoll_create1 (EPOLL_CLOEXEC);
  self->wake = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (self->set < 0 || self->wake < 0 || epoll_ctl (self->set, EPOLL_CTL_ADD, self->wake, &event) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "cannot watch connections: %s", g_strerror (errno));
      return NULL;
    }
  if (!resolve (self, host, port, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
ctl_crowd_free (CtlCrowd *self)
{
  for (guint i = 0; i < self->n_members; i++)
    ctl_crowd_close (self, i);
  if (self->set >= 0)
    close (self->set);
  if (self->wake >= 0)
    close (self->wake);
  g_clear_pointer (&self->tls, ctl_load_tls_free);
  g_free (self->members);
  g_free (self->buffer);
  g_free (self);
}

void
ctl_crowd_set_tls (CtlCrowd *self, CtlLoadTls *tls)
{
  self->tls = tls;
}

gboolean
ctl_crowd_is_open (CtlCrowd *self, guint member)
{
  return self->members[member].fd >= 0;
}

void
ctl_crowd_close (CtlCrowd *self, guint member)
{
  Member *m = &self->members[member];

  if (m->fd < 0)
    return;
  g_clear_pointer (&m->tls, ctl_load_tls_session_free);
  close (m->fd); /* which takes it out of the set */
  m->fd = -1;
  m->generation++;
  g_clear_pointer (&m->unsent, g_byte_array_unref);
}

void
ctl_crowd_reset (CtlCrowd *self, guint member)
{
  const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

  if (self->members[member].fd >= 0)
    setsockopt (self->members[member].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ctl_crowd_close (self, member);
}

static void
end_member (CtlCrowd *self, guint member, int error)
{
  ctl_crowd_close (self, member);
  self->funcs.ended (member, error, self->data);
}

static void
watch (CtlCrowd *self, guint member, int operation, gboolean output)
{
  Member *m = &self->members[member];
  struct epoll_event event = { .events = EPOLLIN | (output ? EPOLLOUT : 0), .data.u64 = (guint64) m->generation << 32 | member };

  m->watches_output = output;
  epoll_ctl (self->set, operation, m->fd, &event);
}

/* 127.0.0.1 has ports for the first members, 127.0.0.2 for the next … */
static void
choose_source (CtlCrowd *self, int fd, guint member)
{
  const struct sockaddr_in *peer = (const struct sockaddr_in *) &self->address;
  guint which = (self->first_member + member) / MEMBERS_PER_ADDRESS;
  struct sockaddr_in source = { .sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK + which) };
  int one = 1;

  if (which == 0 || self->address.ss_family != AF_INET || (ntohl (peer->sin_addr.s_addr) >> 24) != 127)
    return;
  setsockopt (fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  (void) !bind (fd, (struct sockaddr *) &source, sizeof source); /* without it the ports may run out, and connect() says so */
}

void
ctl_crowd_open (CtlCrowd *self, guint member)
{
  Member *m = &self->members[member];
  int one = 1, fd;

  g_assert (m->fd < 0);
  fd = socket (self->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    {
      self->funcs.ended (member, errno, self->data);
      return;
    }
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  choose_source (self, fd, member);
  m->fd = fd;
  m->connected = FALSE;
  m->shakes = self->tls != NULL;
  if (connect (fd, (struct sockaddr *) &self->address, self->address_bytes) != 0 && errno != EINPROGRESS)
    {
      end_member (self, member, errno);
      return;
    }
  watch (self, member, EPOLL_CTL_ADD, TRUE);
}

static gssize
transmit (Member *m, gconstpointer bytes, gsize length)
{
  return m->tls != NULL ? ctl_load_tls_session_send (m->tls, bytes, length) : send (m->fd, bytes, length, MSG_NOSIGNAL);
}

void
ctl_crowd_send (CtlCrowd *self, guint member, gconstpointer bytes, gsize length)
{
  Member *m = &self->members[member];
  gssize sent = 0;

  if (m->fd < 0)
    return;
  if (m->unsent == NULL)
    sent = transmit (m, bytes, length);
  sent = MAX (sent, 0); /* an error comes with the next recv() */
  if ((gsize) sent == length)
    return;
  if (m->unsent == NULL)
    m->unsent = g_byte_array_new ();
  g_byte_array_append (m->unsent, (const guint8 *) bytes + sent, (guint) (length - (gsize) sent));
  if (!m->watches_output)
    watch (self, member, EPOLL_CTL_MOD, TRUE);
}

/* Tells that it is open. FALSE: it has ended meanwhile. */
static gboolean
tell_opened (CtlCrowd *self, guint member)
{
  Member *m = &self->members[member];
  guint32 generation = m->generation;

  self->funcs.opened (member, self->data);
  return m->fd >= 0 && m->generation == generation;
}

/* A step of TLS's handshake. FALSE: it has ended. */
static gboolean
shake_hands (CtlCrowd *self, guint member)
{
  Member *m = &self->members[member];
  int code = ctl_load_tls_session_handshake (m->tls);
  gboolean waits_for_output = code == 0 && ctl_load_tls_session_wants_output (m->tls);

  if (code < 0)
    {
      end_member (self, member, code);
      return FALSE;
    }
  if (m->watches_output != waits_for_output)
    watch (self, member, EPOLL_CTL_MOD, waits_for_output);
  if (code == 0)
    return TRUE;
  m->shakes = FALSE;
  m->returns = TRUE;
  return tell_opened (self, member);
}

/* FALSE: it has ended. */
static gboolean
on_writable (CtlCrowd *self, guint member)
{
  Member *m = &self->members[member];

  if (!m->connected)
    {
      int error = 0;
      socklen_t error_bytes = sizeof error;

      getsockopt (m->fd, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
      if (error != 0)
        {
          end_member (self, member, error);
          return FALSE;
        }
      m->connected = TRUE;
      watch (self, member, EPOLL_CTL_MOD, FALSE);
      if (self->tls == NULL)
        return tell_opened (self, member);
      m->tls = ctl_load_tls_session_new (self->tls, m->fd, m->returns);
    }
  if (m->shakes)
    return shake_hands (self, member);
  if (m->unsent != NULL)
    {
      gssize sent = transmit (m, m->unsent->data, m->unsent->len);

      if (sent > 0)
        g_byte_array_remove_range (m->unsent, 0, (guint) sent);
      if (sent < 0 && errno != EAGAIN && errno != EINTR)
        {
          end_member (self, member, errno);
          return FALSE;
        }
      if (m->unsent->len > 0)
        return TRUE;
      g_clear_pointer (&m->unsent, g_byte_array_unref);
    }
  watch (self, member, EPOLL_CTL_MOD, FALSE);
  return TRUE;
}

/* What one recv() brings is a part of a record, or several: all that can be read of it. */
static void
on_readable_tls (CtlCrowd *self, guint member)
{
  Member *m = &self->members[member];
  guint32 generation = m->generation;
  int error = 0;
  gssize got = ctl_load_tls_session_fill (m->tls);

  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got < 0)
    {
      end_member (self, member, errno);
      return;
    }
  if (m->shakes && (!shake_hands (self, member) || m->shakes))
    return;
  while ((got = ctl_load_tls_session_read (m->tls, self->buffer, BUFFER_BYTES, &error)) > 0)
    {
      self->funcs.received (member, self->buffer, (gsize) got, self->data);
      if (m->fd < 0 || m->generation != generation)
        return;
    }
  if (got < 0)
    end_member (self, member, error);
}

static void
on_readable (CtlCrowd *self, guint member)
{
  Member *m = &self->members[member];
  guint64 skippable = self->funcs.skippable != NULL ? self->funcs.skippable (member, self->data) : 0;
  gboolean skips = skippable >= SKIP_MIN_BYTES;
  gssize got;

  /* TCP's MSG_TRUNC (tcp(7)): what is not looked at is not copied either. */
  if (skips)
    got = recv (m->fd, NULL, MIN (skippable, G_MAXINT32), MSG_TRUNC);
  else
    got = recv (m->fd, self->buffer, BUFFER_BYTES, 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (got <= 0)
    end_member (self, member, got < 0 ? errno : 0);
  else if (skips)
    self->funcs.skipped (member, (guint64) got, self->data);
  else
    self->funcs.received (member, self->buffer, (gsize) got, self->data);
}

guint
ctl_crowd_turn (CtlCrowd *self, int timeout_ms)
{
  struct epoll_event events[512];
  int n = epoll_wait (self->set, events, G_N_ELEMENTS (events), timeout_ms);
  guint n_members = 0;

  for (int i = 0; i < n; i++)
    {
      guint member = (guint) (events[i].data.u64 & G_MAXUINT32);
      guint64 count;

      if (events[i].data.u64 == WAKE_KEY)
        {
          (void) !read (self->wake, &count, sizeof count);
          continue;
        }
      n_members++;
      if (self->members[member].fd < 0 || self->members[member].generation != events[i].data.u64 >> 32)
        continue;
      if ((events[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0 && self->members[member].watches_output && !on_writable (self, member))
        continue;
      if ((events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) == 0)
        continue;
      if (self->members[member].tls != NULL)
        on_readable_tls (self, member);
      else
        on_readable (self, member);
    }
  return n_members;
}

void
ctl_crowd_wake (CtlCrowd *self)
{
  guint64 one = 1;

  (void) !write (self->wake, &one, sizeof one);
}

gboolean
ctl_crowd_look (CtlCrowd *self, guint member, CtlCrowdLook *look)
{
  Member *m = &self->members[member];
  struct sockaddr_storage own = { 0 };
  socklen_t own_bytes = sizeof own;
  int n_unread = 0;

  if (m->fd < 0)
    return FALSE;
  getsockname (m->fd, (struct sockaddr *) &own, &own_bytes);
  ioctl (m->fd, FIONREAD, &n_unread);
  *look = (CtlCrowdLook) {
    .port = ntohs (own.ss_family == AF_INET6 ? ((struct sockaddr_in6 *) &own)->sin6_port : ((struct sockaddr_in *) &own)->sin_port),
    .n_unread = (guint) MAX (n_unread, 0),
    .n_unsent = m->unsent != NULL ? m->unsent->len : 0,
  };
  return TRUE;
}
