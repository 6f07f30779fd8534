/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* TLS of a connection, by GnuTLS itself.
 *
 * GTlsConnection, which is GnuTLS behind GIO, was rejected: of glib-networking 2.74 a non-blocking read or write that meets the handshake runs it in a
 * thread of its own for each connection (do_implicit_handshake(): g_task_run_in_thread()), whose end only a main context notices; every operation takes
 * a mutex; and a connection is some six objects, with streams that are GSources when they wait. This is one call more on the descriptors that the lanes
 * watch anyway, and the same library, which the link of an edge uses too. OpenSSL was measured beside it: the same memory (10 KB a connection) and
 * ECDSA in the same time; with RSA keys it is four times as fast, which an ECDSA key makes up for. The kernel's own TLS would need no memory here: it
 * is not in every kernel, and what a peer may send after the handshake would have to be handled by hand.
 *
 * Sending: records are encrypted into a buffer on the stack, some at a time, and leave by one call of the kernel. What it does not take is kept, and the
 * bytes that it stands for are told as sent only as it leaves: so those who send count as they do without TLS, and wait for the descriptor when not all
 * is told. Shared bytes are only read. A head and the beginning of a body go into one record.
 *
 * Receiving: GnuTLS reads no further than the record that it needs, so that epoll tells of everything that was not read: but for the rest of a record
 * that was larger than asked for. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-tls.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include "syn-limits.h"

#define RECORD_ROOM (SYN_TLS_RECORD_BYTES + 512) /* with all that TLS 1.2 or 1.3 may add */
#define RECORDS_PER_SEND 4u                      /* encrypted before the kernel is asked; one, once it was full: what it does not take is held */
#define BATCH_ROOM (RECORDS_PER_SEND * RECORD_ROOM)
#define HELD_MAX (1u << 18)                      /* more that cannot be sent than this is of a peer that makes us answer and does not read */
#define TRIES 8                                  /* of what is no data and no reason to wait */

struct _SynTls
{
  gnutls_session_t connection; /* (owned) */
  SynTlsServer *server;        /* (owned) */
  int fd;
  guint32 rest_bytes;
  guint8 *rest;         /* (owned) (nullable): encrypted, and not sent */
  guint8 *batch;        /* (nullable): BATCH_ROOM, while something is being sent: where records are gathered */
  guint32 batch_bytes;
  guint32 idle_bytes;   /* came, and were no data: since the last that was */
  guint32 held;         /* bytes of what was last given, encrypted, and not told as sent */
  guint was_full : 1;
  guint is_too_much : 1; /* see pull() */
  guint is_left : 1;     /* nothing more comes */
  guint is_alerted : 1;  /* what came last is an alert that is not encrypted */
  guint is_ended : 1;   /* our end was told */
};

/* ---- under GnuTLS ---- */

static gssize
send_some (SynTls *self, const guint8 *bytes, gsize count)
{
  gssize n;

  do
    n = send (self->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
    return 0;
  return n;
}

static gboolean
keep (SynTls *self, const guint8 *bytes, gsize count)
{
  if (self->rest_bytes + count > HELD_MAX)
    {
      errno = EPIPE;
      return FALSE;
    }
  self->rest = g_realloc (self->rest, self->rest_bytes + count);
  memcpy (self->rest + self->rest_bytes, bytes, count);
  self->rest_bytes += (guint32) count;
  return TRUE;
}

/* Behind what is kept. */
static gboolean
send_or_keep (SynTls *self, const guint8 *bytes, gsize count)
{
  gssize n = self->rest == NULL ? send_some (self, bytes, count) : 0;

  return n >= 0 && ((gsize) n == count || keep (self, bytes + n, count - (gsize) n));
}

static gboolean
send_batch (SynTls *self)
{
  gsize count = self->batch_bytes;

  self->batch_bytes = 0;
  return count == 0 || send_or_keep (self, self->batch, count);
}

static ssize_t
push (gnutls_transport_ptr_t data, const giovec_t *vector, int n_vector)
{
  SynTls *self = data;
  ssize_t total = 0;

  for (int i = 0; i < n_vector; i++)
    {
      const guint8 *bytes = vector[i].iov_base;
      gsize count = vector[i].iov_len;

      if (self->batch != NULL)
        {
          if (self->batch_bytes + count > BATCH_ROOM && (count > BATCH_ROOM || !send_batch (self)))
            return -1;
          memcpy (self->batch + self->batch_bytes, bytes, count);
          self->batch_bytes += (guint32) count;
        }
      else if (!send_or_keep (self, bytes, count))
        return -1;
      total += (ssize_t) count;
    }
  return total;
}

/* A message of a handshake may be as long as 16 MB by its head, and GnuTLS would put it together (gnutls_handshake_set_max_packet_length() is for others): no
 * peer needs so much before it says something. */
static ssize_t
pull (gnutls_transport_ptr_t data, void *buffer, size_t count)
{
  SynTls *self = data;
  ssize_t n;

  if (self->idle_bytes >= SYN_MAX_TLS_HELLO_BYTES)
    {
      self->is_too_much = TRUE;
      errno = EPROTO;
      return -1;
    }
  n = recv (self->fd, buffer, count, MSG_DONTWAIT);
  if (n > 0)
    self->idle_bytes += (guint32) n;
  self->is_left = n == 0;
  /* The head of a record. OpenSSL's clients refuse a certificate so, where GnuTLS has keys already, and calls it a record that cannot be decrypted. */
  if (n == 5)
    self->is_alerted = memcmp (buffer, "\x15\x03", 2) == 0 && memcmp ((guint8 *) buffer + 3, "\x00\x02", 2) == 0;
  return n;
}

/* How many bytes of the rest left; -1 with errno. */
static gssize
flush_rest (SynTls *self)
{
  gssize n = send_some (self, self->rest, self->rest_bytes);

  if (n <= 0)
    return n;
  self->rest_bytes -= (guint32) n;
  if (self->rest_bytes > 0)
    memmove (self->rest, self->rest + n, self->rest_bytes);
  else
    g_clear_pointer (&self->rest, g_free);
  return n;
}

/* ---- the handshake ---- */

SynTls *
syn_tls_new (SynTlsServer *server, int fd)
{
  SynTls *self = g_new0 (SynTls, 1);

  self->server = syn_tls_server_ref (server);
  self->fd = fd;
  gnutls_init (&self->connection, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
  syn_tls_server_set_up (server, self->connection);
  gnutls_transport_set_ptr (self->connection, self);
  gnutls_transport_set_vec_push_function (self->connection, push);
  gnutls_transport_set_pull_function (self->connection, pull);
  return self;
}

static SynTlsFailure
failure_of (int code)
{
  switch (code)
    {
    case GNUTLS_E_PREMATURE_TERMINATION:
    case GNUTLS_E_PULL_ERROR:
    case GNUTLS_E_PUSH_ERROR:
    case GNUTLS_E_SESSION_EOF:
      return SYN_TLS_FAILURE_LEFT;
    case GNUTLS_E_FATAL_ALERT_RECEIVED:
      return SYN_TLS_FAILURE_REFUSED;
    case GNUTLS_E_NO_CIPHER_SUITES:
    case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
    case GNUTLS_E_NO_COMMON_KEY_SHARE:
    case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
    case GNUTLS_E_INAPPROPRIATE_FALLBACK:
    case GNUTLS_E_INSUFFICIENT_SECURITY:
      return SYN_TLS_FAILURE_MISMATCH;
    default:
      return SYN_TLS_FAILURE_PROTOCOL;
    }
}

/* All that one step says leaves at once: in small pieces each would be a packet, and a peer that does not like the first would be gone before the last. */
SynTlsStep
syn_tls_handshake (SynTls *self, SynTlsFailure *failure)
{
  guint8 batch[BATCH_ROOM];
  int code = GNUTLS_E_AGAIN;

  if (self->rest != NULL && flush_rest (self) < 0)
    code = GNUTLS_E_PUSH_ERROR;
  else
    {
      self->batch = batch;
      for (guint i = 0; i < TRIES; i++)
        {
          code = gnutls_handshake (self->connection);
          if (code == GNUTLS_E_SUCCESS || code == GNUTLS_E_AGAIN || gnutls_error_is_fatal (code))
            break;
        }
      if (!send_batch (self))
        code = GNUTLS_E_PUSH_ERROR;
      self->batch = NULL;
    }
  if (code == GNUTLS_E_SUCCESS)
    return self->rest == NULL ? SYN_TLS_DONE : SYN_TLS_WAITS; /* asked again, it says the same */
  if (!gnutls_error_is_fatal (code))
    return SYN_TLS_WAITS;
  gnutls_alert_send_appropriate (self->connection, code);
  self->is_ended = TRUE;
  if (self->is_too_much)
    *failure = SYN_TLS_FAILURE_PROTOCOL;
  else if (self->is_left)
    *failure = SYN_TLS_FAILURE_LEFT;
  else
    *failure = self->is_alerted ? SYN_TLS_FAILURE_REFUSED : failure_of (code);
  return SYN_TLS_FAILED;
}

gboolean
syn_tls_wants_write (SynTls *self)
{
  return self->rest != NULL;
}

/* ---- in ---- */

static gssize
fail (int code)
{
  errno = code;
  return -1;
}

gssize
syn_tls_recv (SynTls *self, void *buffer, gsize count)
{
  for (guint i = 0; i < TRIES; i++)
    {
      ssize_t n = gnutls_record_recv (self->connection, buffer, count);

      if (n >= 0)
        {
          self->idle_bytes = 0;
          return n;
        }
      if (self->is_left)
        return 0; /* in the middle of a record, too */
      switch (n)
        {
        case GNUTLS_E_AGAIN:
          return fail (EAGAIN);
        case GNUTLS_E_INTERRUPTED:
        case GNUTLS_E_WARNING_ALERT_RECEIVED:
          continue;
        case GNUTLS_E_PULL_ERROR:
        case GNUTLS_E_PUSH_ERROR:
          return fail (self->is_too_much ? EPROTO : ECONNRESET);
        default: /* also a handshake within TLS 1.2 */
          gnutls_alert_send_appropriate (self->connection, (int) n);
          self->is_ended = TRUE;
          return fail (EPROTO);
        }
    }
  return fail (EAGAIN); /* what is left epoll will tell of */
}

gboolean
syn_tls_has_pending (SynTls *self)
{
  return gnutls_record_check_pending (self->connection) > 0;
}

/* ---- out ---- */

/* Where in a vector. */
typedef struct
{
  const struct iovec *vector;
  int n_vector;
  gsize offset; /* in the first */
} Cursor;

static void
skip (Cursor *at, gsize n)
{
  at->offset += n;
  while (at->n_vector > 0 && at->offset >= at->vector->iov_len)
    {
      at->offset -= at->vector->iov_len;
      at->vector++;
      at->n_vector--;
    }
}

/* The next @max bytes or fewer, in place where they are in one stretch, or else put together in @room. */
static const guint8 *
take (Cursor *at, gsize max, guint8 *room, gsize *length)
{
  const guint8 *start = (const guint8 *) at->vector->iov_base + at->offset;
  gsize left = at->vector->iov_len - at->offset;

  if (left >= max || at->n_vector == 1)
    {
      *length = MIN (left, max);
      skip (at, *length);
      return start;
    }
  for (*length = 0; at->n_vector > 0 && *length < max;)
    {
      gsize n = MIN (at->vector->iov_len - at->offset, max - *length);

      memcpy (room + *length, (const guint8 *) at->vector->iov_base + at->offset, n);
      *length += n;
      skip (at, n);
    }
  return room;
}

/* Encrypts some records of what follows. Bytes of it; -1 with errno. */
static gssize
encrypt (SynTls *self, Cursor *at, guint n_records)
{
  guint8 room[SYN_TLS_RECORD_BYTES];
  gsize max = MIN (gnutls_record_get_max_size (self->connection), SYN_TLS_RECORD_BYTES);
  gssize taken = 0;

  for (guint i = 0; i < n_records && at->n_vector > 0; i++)
    {
      gsize length;
      const guint8 *bytes = take (at, max, room, &length);
      ssize_t n = gnutls_record_send (self->connection, bytes, length);

      if (n != (ssize_t) length)
        return fail (EPIPE); /* the kernel was not asked: it has ended, or has no memory */
      taken += n;
    }
  return taken;
}

/* What of @held may be told as sent, now that so many bytes left: never all before all did. */
static gsize
credit (SynTls *self, gsize n)
{
  gsize told = self->rest == NULL ? self->held : MIN (n, self->held - MIN (self->held, 1));

  self->held -= (guint32) told;
  return told;
}

gssize
syn_tls_sendv (SynTls *self, const struct iovec *vector, int n_vector)
{
  guint8 batch[BATCH_ROOM];
  Cursor at = { vector, n_vector, 0 };
  gsize sent = 0;

  skip (&at, 0);
  if (self->rest != NULL)
    {
      gssize n = flush_rest (self);

      if (n < 0)
        return -1;
      skip (&at, self->held);
      sent = credit (self, (gsize) n);
      if (self->rest != NULL)
        return sent > 0 ? (gssize) sent : fail (EAGAIN);
    }
  while (at.n_vector > 0)
    {
      gssize taken, n;

      self->batch = batch;
      self->batch_bytes = 0;
      taken = encrypt (self, &at, self->was_full ? 1 : RECORDS_PER_SEND);
      self->batch = NULL;
      if (taken < 0)
        return -1;
      n = send_some (self, batch, self->batch_bytes);
      if (n < 0 || ((guint32) n < self->batch_bytes && !keep (self, batch + n, self->batch_bytes - (gsize) n)))
        return -1;
      self->held = (guint32) taken;
      self->was_full = self->rest != NULL;
      sent += credit (self, (gsize) n);
      if (self->rest != NULL)
        break;
    }
  return sent > 0 || self->rest == NULL ? (gssize) sent : fail (EAGAIN);
}

/* ---- the end ---- */

void
syn_tls_end (SynTls *self)
{
  /* Behind half a record it could not be told. */
  if (!self->is_ended && self->rest == NULL)
    gnutls_bye (self->connection, GNUTLS_SHUT_WR);
  self->is_ended = TRUE;
}

void
syn_tls_free (SynTls *self)
{
  syn_tls_end (self);
  gnutls_deinit (self->connection);
  syn_tls_server_unref (self->server);
  g_free (self->rest);
  g_free (self);
}

const char *
syn_tls_get_version (SynTls *self)
{
  return gnutls_protocol_get_name (gnutls_protocol_get_version (self->connection));
}

gboolean
syn_tls_is_resumed (SynTls *self)
{
  return gnutls_session_is_resumed (self->connection) != 0;
}
