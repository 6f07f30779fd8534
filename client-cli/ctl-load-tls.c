/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* GnuTLS, which is what GLib's TLS uses: no other library. It asks for five bytes, then for the record behind them; so that this is no call of the kernel each, what a
 * socket has is taken at once into memory that all connections share, and given to it from there. What is left of a record GnuTLS keeps itself.
 *
 * GTlsConnection was rejected: a GMainContext for its handshake's thread, and several objects a connection. */

#include "ctl-load-tls.h"

#include <errno.h>
#include <gio/gio.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/socket.h>

#define WINDOW_BYTES (256u * 1024)
#define SESSION_AGE_US (60 * G_USEC_PER_SEC) /* a newer one is taken after that */

struct _CtlLoadTls
{
  char *host; /* (owned) */
  gnutls_certificate_credentials_t credentials;
  gboolean is_address;
  CtlLoadTlsResumption resumption;
  gnutls_datum_t kept; /* (owned): a session to take up; NULL: none */
  gint64 kept_us;
  guint8 *window; /* (owned) */
  gsize at, end;  /* of what was taken from the socket of … */
  CtlLoadTlsSession *filled; /* (nullable) this one */
};

struct _CtlLoadTlsSession
{
  CtlLoadTls *tls;
  gnutls_session_t session;
  int fd;
  gboolean unsent;   /* GnuTLS has bytes of the last send, which the socket did not take */
  gboolean is_ended; /* by the socket */
};

CtlLoadTls *
ctl_load_tls_new (const char *host, const char *ca_file, CtlLoadTlsResumption resumption, GError **error)
{
  g_autoptr (CtlLoadTls) self = g_new0 (CtlLoadTls, 1);
  int n_trusted;

  self->host = g_strdup (host);
  self->is_address = g_hostname_is_ip_address (host);
  self->resumption = resumption;
  self->window = g_malloc (WINDOW_BYTES);
  gnutls_certificate_allocate_credentials (&self->credentials);
  if (ca_file != NULL)
    n_trusted = gnutls_certificate_set_x509_trust_file (self->credentials, ca_file, GNUTLS_X509_FMT_PEM);
  else
    n_trusted = gnutls_certificate_set_x509_system_trust (self->credentials);
  if (n_trusted <= 0)
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: %s", ca_file != NULL ? ca_file : "the system's authorities",
                   n_trusted < 0 ? gnutls_strerror (n_trusted) : "there is no certificate (PEM)");
      return NULL;
    }
  return g_steal_pointer (&self);
}

void
ctl_load_tls_free (CtlLoadTls *self)
{
  gnutls_certificate_free_credentials (self->credentials);
  gnutls_free (self->kept.data);
  g_free (self->window);
  g_free (self->host);
  g_free (self);
}

gboolean
ctl_load_tls_awaits_session (CtlLoadTls *self)
{
  return self->resumption == CTL_LOAD_TLS_ALWAYS && self->kept.data == NULL;
}

const char *
ctl_load_tls_strerror (int error)
{
  return error == 0 ? "closed by the server" : error > 0 ? g_strerror (error) : gnutls_strerror (error);
}

/* ---- what GnuTLS calls ---- */

static ssize_t
push_cb (gnutls_transport_ptr_t pointer, const giovec_t *pieces, int n_pieces)
{
  CtlLoadTlsSession *self = pointer;
  struct msghdr message = { .msg_iov = (struct iovec *) pieces, .msg_iovlen = (gsize) n_pieces };
  ssize_t sent = sendmsg (self->fd, &message, MSG_NOSIGNAL);

  if (sent < 0)
    gnutls_transport_set_errno (self->session, errno);
  return sent;
}

static ssize_t
pull_cb (gnutls_transport_ptr_t pointer, void *out, size_t size)
{
  CtlLoadTlsSession *self = pointer;
  CtlLoadTls *tls = self->tls;
  gsize n = tls->filled == self ? MIN (size, tls->end - tls->at) : 0;

  if (n == 0 && !self->is_ended)
    {
      gnutls_transport_set_errno (self->session, EAGAIN);
      return -1;
    }
  memcpy (out, tls->window + tls->at, n);
  tls->at += n;
  return (ssize_t) n;
}

/* ---- a connection ---- */

CtlLoadTlsSession *
ctl_load_tls_session_new (CtlLoadTls *tls, int fd, gboolean returns)
{
  CtlLoadTlsSession *self = g_new0 (CtlLoadTlsSession, 1);

  self->tls = tls;
  self->fd = fd;
  gnutls_init (&self->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  gnutls_set_default_priority (self->session);
  gnutls_credentials_set (self->session, GNUTLS_CRD_CERTIFICATE, tls->credentials);
  gnutls_session_set_verify_cert (self->session, tls->host, 0);
  if (!tls->is_address)
    gnutls_server_name_set (self->session, GNUTLS_NAME_DNS, tls->host, strlen (tls->host));
  if (tls->kept.data != NULL && (returns || tls->resumption == CTL_LOAD_TLS_ALWAYS))
    gnutls_session_set_data (self->session, tls->kept.data, tls->kept.size);
  gnutls_transport_set_ptr (self->session, self);
  gnutls_transport_set_vec_push_function (self->session, push_cb);
  gnutls_transport_set_pull_function (self->session, pull_cb);
  return self;
}

void
ctl_load_tls_session_free (CtlLoadTlsSession *self)
{
  if (self->tls->filled == self)
    self->tls->filled = NULL;
  gnutls_deinit (self->session);
  g_free (self);
}

int
ctl_load_tls_session_fill (CtlLoadTlsSession *self)
{
  CtlLoadTls *tls = self->tls;
  gssize got = recv (self->fd, tls->window, WINDOW_BYTES, 0);

  tls->filled = self;
  tls->at = 0;
  tls->end = (gsize) MAX (got, 0);
  self->is_ended = got == 0;
  return got > 0 ? 1 : (int) got;
}

int
ctl_load_tls_session_handshake (CtlLoadTlsSession *self)
{
  int code;

  do
    code = gnutls_handshake (self->session);
  while (code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_WARNING_ALERT_RECEIVED);
  if (code == GNUTLS_E_AGAIN)
    return 0;
  return code == GNUTLS_E_SUCCESS ? 1 : code;
}

gboolean
ctl_load_tls_session_wants_output (CtlLoadTlsSession *self)
{
  return gnutls_record_get_direction (self->session) != 0;
}

gssize
ctl_load_tls_session_send (CtlLoadTlsSession *self, gconstpointer bytes, gsize length)
{
  gssize sent;

  do /* what it has already it wants no second time */
    sent = self->unsent ? gnutls_record_send (self->session, NULL, 0) : gnutls_record_send (self->session, bytes, length);
  while (sent == GNUTLS_E_INTERRUPTED);
  self->unsent = sent == GNUTLS_E_AGAIN;
  if (sent >= 0)
    return sent;
  errno = sent == GNUTLS_E_AGAIN ? EAGAIN : EPIPE;
  return -1;
}

/* TLS 1.3 tells what to take up later when the handshake is over already. */
static void
keep_session (CtlLoadTlsSession *self)
{
  CtlLoadTls *tls = self->tls;
  gint64 now_us = g_get_monotonic_time ();
  gnutls_datum_t data;

  if ((tls->kept.data != NULL && now_us < tls->kept_us + SESSION_AGE_US) || (gnutls_session_get_flags (self->session) & GNUTLS_SFLAGS_SESSION_TICKET) == 0
      || gnutls_session_get_data2 (self->session, &data) != GNUTLS_E_SUCCESS)
    return;
  gnutls_free (tls->kept.data);
  tls->kept = data;
  tls->kept_us = now_us;
}

gssize
ctl_load_tls_session_read (CtlLoadTlsSession *self, guint8 *out, gsize size, int *error)
{
  for (;;)
    {
      gsize at = self->tls->at;
      gssize got = gnutls_record_recv (self->session, out, size);

      if (got == GNUTLS_E_INTERRUPTED || (got < 0 && got != GNUTLS_E_AGAIN && !gnutls_error_is_fatal ((int) got)))
        continue;
      keep_session (self);
      if (got > 0)
        return got;
      /* So it says also after a message of its own, as one with a ticket. */
      if (got == GNUTLS_E_AGAIN && self->tls->filled == self && self->tls->at > at && self->tls->at < self->tls->end)
        continue;
      if (got == GNUTLS_E_AGAIN)
        return 0;
      *error = got == 0 || got == GNUTLS_E_PREMATURE_TERMINATION ? 0 : (int) got;
      return -1;
    }
}
