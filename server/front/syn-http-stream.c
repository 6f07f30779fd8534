/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stream between a socket of ours and libsoup. Front lane.
 *
 * Why not a GSocketConnection: libsoup 3.2.3 (Debian 12) leaks a descriptor and its connection object for
 * each keep-alive connection that its client closes. Between requests it waits with a message that has no
 * completion callback yet; that is connected only after a first byte was read. An end of file, or an error,
 * before that byte "finishes" a message that nobody listens to, and the connection stays in the server's list
 * for good. Closing the GSocket from outside would save the descriptor but leave the objects, and there is no
 * public call to drop them. So this stream, when its end comes between requests, first shuts the socket down
 * and then gives libsoup one byte, an empty line: that starts a request, which fails as any bad request does
 * (nothing of the answer can be sent), and libsoup drops the connection itself. It also knows when its
 * descriptor goes, which is how the front counts connections, and gives the descriptor away for WebSockets
 * without a GSocket around it. */
#define G_LOG_DOMAIN "syn-front"
#include "syn-http-stream.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include "syn-socket.h"

/* The two directions: thin, and pointing back. The GIOStream owns both. */
#define SYN_TYPE_HTTP_INPUT (syn_http_input_get_type ())
G_DECLARE_FINAL_TYPE (SynHttpInput, syn_http_input, SYN, HTTP_INPUT, GInputStream)
#define SYN_TYPE_HTTP_OUTPUT (syn_http_output_get_type ())
G_DECLARE_FINAL_TYPE (SynHttpOutput, syn_http_output, SYN, HTTP_OUTPUT, GOutputStream)

struct _SynHttpInput
{
  GInputStream parent_instance;
  SynHttpStream *stream; /* (unowned) (nullable): NULL once it is gone */
};

struct _SynHttpOutput
{
  GOutputStream parent_instance;
  SynHttpStream *stream; /* (unowned) (nullable) */
};

struct _SynHttpStream
{
  GIOStream parent_instance;
  int fd;
  SynTls *tls;           /* (owned) (nullable) */
  guint idle : 1;
  guint ended : 1;       /* the end was told: nothing more is read */
  guint unseen : 1;      /* what is written is a refusal that libsoup words */
  GBytes *first;         /* (owned) (nullable): to be read before the socket; what is left of it */
  GString *refusal;      /* (owned) (nullable): what goes out instead; what is left of it */
  SynHttpInput *input;   /* (owned) */
  SynHttpOutput *output; /* (owned) */
  guint64 progress;
  void (*gone) (gpointer user_data);
  gpointer gone_data;
};

static void syn_http_input_pollable_init (GPollableInputStreamInterface *iface);
static void syn_http_output_pollable_init (GPollableOutputStreamInterface *iface);

G_DEFINE_FINAL_TYPE (SynHttpStream, syn_http_stream, G_TYPE_IO_STREAM)
G_DEFINE_FINAL_TYPE_WITH_CODE (SynHttpInput,
                               syn_http_input,
                               G_TYPE_INPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_INPUT_STREAM,
                                                      syn_http_input_pollable_init))
G_DEFINE_FINAL_TYPE_WITH_CODE (SynHttpOutput,
                               syn_http_output,
                               G_TYPE_OUTPUT_STREAM,
                               G_IMPLEMENT_INTERFACE (G_TYPE_POLLABLE_OUTPUT_STREAM,
                                                      syn_http_output_pollable_init))

static void
set_errno (GError **error, int code)
{
  g_set_error_literal (error, G_IO_ERROR, g_io_error_from_errno (code), g_strerror (code));
}

/* ---- input ---- */

static gssize
take_first (SynHttpStream *stream, void *buffer, gsize count)
{
  gsize size, n;
  const char *data = g_bytes_get_data (stream->first, &size);
  GBytes *rest = NULL;

  n = MIN (count, size);
  memcpy (buffer, data, n);
  if (n < size)
    rest = g_bytes_new_from_bytes (stream->first, n, size - n);
  g_bytes_unref (stream->first);
  stream->first = rest;
  stream->progress += n;
  return (gssize) n;
}

static gssize
input_read (GPollableInputStream *pollable, void *buffer, gsize count, GError **error)
{
  SynHttpStream *stream = SYN_HTTP_INPUT (pollable)->stream;
  gssize n;

  if (stream == NULL || stream->ended)
    return 0;
  if (stream->first != NULL)
    return take_first (stream, buffer, count);
  do
    n = stream->fd >= 0 ? syn_socket_recv (stream->fd, stream->tls, buffer, count) : 0;
  while (n < 0 && errno == EINTR);
  if (n > 0)
    {
      stream->progress += (guint64) n;
      return n;
    }
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    {
      set_errno (error, EAGAIN);
      return -1;
    }
  if (stream->idle && count > 0)
    {
      stream->ended = TRUE;
      if (stream->fd >= 0)
        shutdown (stream->fd, SHUT_RDWR);
      *(char *) buffer = '\n';
      return 1;
    }
  if (n == 0)
    return 0;
  set_errno (error, errno);
  return -1;
}

static gboolean
input_is_readable (GPollableInputStream *pollable)
{
  SynHttpStream *stream = SYN_HTTP_INPUT (pollable)->stream;
  GPollFD poll_fd = { .fd = stream != NULL ? stream->fd : -1, .events = G_IO_IN };

  if (poll_fd.fd < 0 || stream->ended || stream->first != NULL || syn_http_stream_has_pending (stream))
    return TRUE;
  return g_poll (&poll_fd, 1, 0) > 0;
}

static GSource *
make_source (GObject *pollable, int fd, gboolean now, GIOCondition condition, GCancellable *cancellable)
{
  g_autoptr (GSource) child = NULL;

  /* A descriptor that is gone, or an end that was told, is ready at once and stays so. */
  if (now || fd < 0)
    child = g_timeout_source_new (0);
  else
    child = g_unix_fd_source_new (fd, condition);
  return g_pollable_source_new_full (pollable, child, cancellable);
}

static GSource *
input_create_source (GPollableInputStream *pollable, GCancellable *cancellable)
{
  SynHttpStream *stream = SYN_HTTP_INPUT (pollable)->stream;

  return make_source (G_OBJECT (pollable), stream != NULL ? stream->fd : -1, stream == NULL || stream->ended || stream->first != NULL || syn_http_stream_has_pending (stream),
                      G_IO_IN, cancellable);
}

static gssize
input_read_fn (GInputStream *stream, void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  return input_read (G_POLLABLE_INPUT_STREAM (stream), buffer, count, error);
}

static void
syn_http_input_pollable_init (GPollableInputStreamInterface *iface)
{
  iface->is_readable = input_is_readable;
  iface->create_source = input_create_source;
  iface->read_nonblocking = input_read;
}

static void
syn_http_input_init (SynHttpInput *self)
{
}

static void
syn_http_input_class_init (SynHttpInputClass *klass)
{
  G_INPUT_STREAM_CLASS (klass)->read_fn = input_read_fn;
}

/* ---- output ---- */

/* As many bytes as the socket takes; -1 with @error. */
static gssize
send_bytes (SynHttpStream *stream, const void *bytes, gsize count, GError **error)
{
  gssize n;

  do
    n = syn_socket_send (stream->fd, stream->tls, bytes, count);
  while (n < 0 && errno == EINTR);
  if (n >= 0)
    stream->progress += (guint64) n;
  else
    set_errno (error, errno);
  return n;
}

/* With the status line of libsoup's answer, which begins at @buffer. */
static GString *
word_refusal (const char *buffer, gsize count)
{
  static const char body[] = "{\"error\":{\"code\":\"invalid\",\"message\":\"this is no request of HTTP/1.1: its first line "
                             "(a wrong %-escape?) or a header is malformed\"}}\n";
  const char *end = memchr (buffer, '\r', count);
  GString *answer = g_string_new (NULL);

  if (end != NULL && g_str_has_prefix (buffer, "HTTP/1."))
    g_string_append_len (answer, buffer, end - buffer);
  else
    g_string_append (answer, "HTTP/1.1 400 Bad Request");
  g_string_append_printf (answer,
                          "\r\nContent-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                          "Connection: close\r\nContent-Length: %" G_GSIZE_FORMAT "\r\n\r\n%s",
                          sizeof body - 1, body);
  return answer;
}

static gssize
write_refusal (SynHttpStream *stream, const void *buffer, gsize count, GError **error)
{
  if (stream->refusal == NULL)
    stream->refusal = word_refusal (buffer, count);
  while (stream->refusal->len > 0)
    {
      gssize n = send_bytes (stream, stream->refusal->str, stream->refusal->len, error);

      if (n < 0)
        return -1; /* full: asked again when there is room */
      g_string_erase (stream->refusal, 0, n);
    }
  return (gssize) count;
}

static gssize
output_write (GPollableOutputStream *pollable, const void *buffer, gsize count, GError **error)
{
  SynHttpStream *stream = SYN_HTTP_OUTPUT (pollable)->stream;

  if (stream == NULL || stream->fd < 0)
    {
      set_errno (error, EPIPE);
      return -1;
    }
  return stream->unseen ? write_refusal (stream, buffer, count, error) : send_bytes (stream, buffer, count, error);
}

static gboolean
output_is_writable (GPollableOutputStream *pollable)
{
  SynHttpStream *stream = SYN_HTTP_OUTPUT (pollable)->stream;
  GPollFD poll_fd = { .fd = stream != NULL ? stream->fd : -1, .events = G_IO_OUT };

  return poll_fd.fd < 0 || g_poll (&poll_fd, 1, 0) > 0;
}

static GSource *
output_create_source (GPollableOutputStream *pollable, GCancellable *cancellable)
{
  SynHttpStream *stream = SYN_HTTP_OUTPUT (pollable)->stream;

  return make_source (G_OBJECT (pollable), stream != NULL ? stream->fd : -1, FALSE, G_IO_OUT, cancellable);
}

static gssize
output_write_fn (
    GOutputStream *stream, const void *buffer, gsize count, GCancellable *cancellable, GError **error)
{
  return output_write (G_POLLABLE_OUTPUT_STREAM (stream), buffer, count, error);
}

static void
syn_http_output_pollable_init (GPollableOutputStreamInterface *iface)
{
  iface->is_writable = output_is_writable;
  iface->create_source = output_create_source;
  iface->write_nonblocking = output_write;
}

static void
syn_http_output_init (SynHttpOutput *self)
{
}

static void
syn_http_output_class_init (SynHttpOutputClass *klass)
{
  G_OUTPUT_STREAM_CLASS (klass)->write_fn = output_write_fn;
}

/* ---- both ---- */

static void
tell_gone (SynHttpStream *self)
{
  void (*gone) (gpointer user_data) = g_steal_pointer (&self->gone);

  if (gone != NULL)
    gone (self->gone_data);
}

static gboolean
syn_http_stream_close (GIOStream *stream, GCancellable *cancellable, GError **error)
{
  SynHttpStream *self = SYN_HTTP_STREAM (stream);
  SynTls *tls;
  int fd = syn_http_stream_take_fd (self, &tls);

  if (fd >= 0)
    syn_socket_close (fd, tls);
  return TRUE;
}

static GInputStream *
syn_http_stream_get_input_stream (GIOStream *stream)
{
  return G_INPUT_STREAM (SYN_HTTP_STREAM (stream)->input);
}

static GOutputStream *
syn_http_stream_get_output_stream (GIOStream *stream)
{
  return G_OUTPUT_STREAM (SYN_HTTP_STREAM (stream)->output);
}

static void
syn_http_stream_finalize (GObject *object)
{
  SynHttpStream *self = SYN_HTTP_STREAM (object);

  /* Disposed before, and so closed. libsoup may still hold one of the two. */
  self->input->stream = NULL;
  self->output->stream = NULL;
  g_clear_object (&self->input);
  g_clear_object (&self->output);
  g_clear_pointer (&self->first, g_bytes_unref);
  if (self->refusal != NULL)
    g_string_free (self->refusal, TRUE);
  G_OBJECT_CLASS (syn_http_stream_parent_class)->finalize (object);
}

static void
syn_http_stream_init (SynHttpStream *self)
{
  self->fd = -1;
  self->input = g_object_new (SYN_TYPE_HTTP_INPUT, NULL);
  self->input->stream = self;
  self->output = g_object_new (SYN_TYPE_HTTP_OUTPUT, NULL);
  self->output->stream = self;
}

static void
syn_http_stream_class_init (SynHttpStreamClass *klass)
{
  GIOStreamClass *stream_class = G_IO_STREAM_CLASS (klass);

  G_OBJECT_CLASS (klass)->finalize = syn_http_stream_finalize;
  stream_class->get_input_stream = syn_http_stream_get_input_stream;
  stream_class->get_output_stream = syn_http_stream_get_output_stream;
  stream_class->close_fn = syn_http_stream_close;
}

SynHttpStream *
syn_http_stream_new (int fd, SynTls *tls)
{
  SynHttpStream *self = g_object_new (SYN_TYPE_HTTP_STREAM, NULL);

  self->fd = fd;
  self->tls = tls;
  return self;
}

void
syn_http_stream_set_first (SynHttpStream *self, GBytes *first)
{
  if (g_bytes_get_size (first) > 0)
    self->first = g_bytes_ref (first);
}

int
syn_http_stream_get_fd (SynHttpStream *self)
{
  return self->fd;
}

int
syn_http_stream_take_fd (SynHttpStream *self, SynTls **tls)
{
  int fd = self->fd;

  /* Told while the descriptor still is what it was: whoever watches it can stop to. */
  if (fd >= 0)
    tell_gone (self);
  self->fd = -1;
  *tls = g_steal_pointer (&self->tls);
  return fd;
}

gboolean
syn_http_stream_has_pending (SynHttpStream *self)
{
  return self->tls != NULL && syn_tls_has_pending (self->tls);
}

SynTls *
syn_http_stream_get_tls (SynHttpStream *self)
{
  return self->tls;
}

void
syn_http_stream_set_idle (SynHttpStream *self, gboolean idle)
{
  self->idle = idle;
}

void
syn_http_stream_set_unseen (SynHttpStream *self, gboolean unseen)
{
  self->unseen = unseen;
}

void
syn_http_stream_abort (SynHttpStream *self)
{
  if (self->fd >= 0)
    shutdown (self->fd, SHUT_RDWR);
}

void
syn_http_stream_set_gone (SynHttpStream *self, void (*gone) (gpointer user_data), gpointer user_data)
{
  self->gone = gone;
  self->gone_data = user_data;
}

guint64
syn_http_stream_get_progress (SynHttpStream *self)
{
  return self->progress;
}
