/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How answers leave. A body goes to one after the other as it is; whose turn is the SYN_SEND_FILE_AFTER-th finds that many get it, and lays it into a
 * file in memory, sealed, with its own head in front. From then on sendfile() hands pages of that file to the sockets: nothing is copied on
 * our side, however long the body, and who has the same head (over a WebSocket those that number their views alike, over HTTP all of one second) needs
 * one call of the kernel for all of it. Others send their head first, marked as not yet the end.
 *
 * Pages that are on their way stay what they are: the file is sealed and never written again, and lives for as long as a socket has pages of it, also after it is
 * closed. That is why it is a file, and not the memory of the body itself (vmsplice()), which may be freed and used again before the peer has it.
 * A lane keeps the last few of them, for as long as they are sent: the answers to one snapshot come in one go.
 *
 * Rejected: MSG_ZEROCOPY (a completion to be read for each send, and over loopback it copies after all); one file for all lanes (it would have to
 * be found across threads, and copying a body once more for each lane is nothing against its thousands of readers). */
#define G_LOG_DOMAIN "syn-front"
#include "syn-sender.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include "syn-limits.h"
#include "syn-metrics.h"
#include "syn-socket.h"

#define N_SHEETS 4
#define HEAD_ROOM 4096 /* so that the body begins with a page */
#define HEAD_MAX 512
#define KEEP_MS 1000
#define NOEXEC_SEAL 0x0008u /* MFD_NOEXEC_SEAL: newer than the C library of Debian 12 */

/* A body that is being sent. */
typedef struct
{
  GBytes *body; /* (owned) (nullable) */
  guint n_sent; /* before there was a file */
  guint head_bytes;
  int file; /* -1: none */
  gboolean used; /* since the timer looked last */
  guint8 head[HEAD_MAX]; /* that lies in front of it in the file */
} Sheet;

struct _SynSender
{
  SynLane *lane;
  Sheet sheets[N_SHEETS];
  guint next; /* to give way */
  gboolean no_files; /* the system lets us not send from them */
  SynTimer timer;
};

static SynMetric files, file_answers;

/* ---- the sheets ---- */

static void
clear_sheet (Sheet *sheet)
{
  g_clear_pointer (&sheet->body, g_bytes_unref);
  if (sheet->file >= 0)
    close (sheet->file);
  sheet->file = -1;
}

static void
forget_unused (SynTimer *timer, gpointer user_data)
{
  SynSender *self = user_data;
  gboolean some = FALSE;

  for (guint i = 0; i < N_SHEETS; i++)
    {
      if (!self->sheets[i].used)
        clear_sheet (&self->sheets[i]);
      self->sheets[i].used = FALSE;
      some |= self->sheets[i].body != NULL;
    }
  if (some)
    syn_lane_arm (self->lane, &self->timer, KEEP_MS, forget_unused, self);
}

static Sheet *
find_sheet (SynSender *self, GBytes *body)
{
  Sheet *sheet;

  for (guint i = 0; i < N_SHEETS; i++)
    if (self->sheets[i].body == body)
      return &self->sheets[i];
  sheet = &self->sheets[self->next++ % N_SHEETS];
  clear_sheet (sheet);
  sheet->body = g_bytes_ref (body);
  sheet->n_sent = 0;
  if (!syn_timer_is_armed (&self->timer))
    syn_lane_arm (self->lane, &self->timer, KEEP_MS, forget_unused, self);
  return sheet;
}

static gboolean
write_all (int file, const void *data, gsize size, off_t at)
{
  for (gsize done = 0; done < size;)
    {
      gssize n = pwrite (file, (const char *) data + done, size - done, at + (off_t) done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n <= 0)
        return FALSE;
      done += (gsize) n;
    }
  return TRUE;
}

/* Without a file (no descriptors, no memory, a kernel that lets us not) all is sent as if there were fewer. */
static void
make_file (SynSender *self, Sheet *sheet, const void *head, gsize head_bytes)
{
  gsize size;
  const void *data = g_bytes_get_data (sheet->body, &size);
  int file = memfd_create ("snapshot", MFD_CLOEXEC | NOEXEC_SEAL);

  if (file < 0 && errno == EINVAL) /* before Linux 6.3 */
    file = memfd_create ("snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0)
    return;
  if (!write_all (file, head, head_bytes, (off_t) (HEAD_ROOM - head_bytes)) || !write_all (file, data, size, HEAD_ROOM)
      || fcntl (file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
    {
      close (file);
      return;
    }
  sheet->file = file;
  memcpy (sheet->head, head, head_bytes);
  sheet->head_bytes = (guint) head_bytes;
  syn_metric_add (self->lane, files, 1);
}

/* ---- out ---- */

/* What a call of the kernel that sends has returned, for the callers here. */
static gssize
outcome (gssize n)
{
  if (n >= 0)
    return n;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS || errno == ENOMEM ? 0 : -1;
}

gssize
syn_sender_send_vector (int fd, SynTls *tls, struct iovec *vector, int n_vector)
{
  gssize n;

  do
    n = syn_socket_sendv (fd, tls, vector, n_vector);
  while (n < 0 && errno == EINTR);
  return outcome (n);
}

int
syn_sender_rest (const void *head, gsize head_bytes, GBytes *body, gsize sent, struct iovec *vector)
{
  gsize size = 0;
  const guint8 *data = body != NULL ? g_bytes_get_data (body, &size) : NULL;
  int n = 0;

  if (sent < head_bytes)
    vector[n++] = (struct iovec){ (guint8 *) head + sent, head_bytes - sent };
  sent = sent > head_bytes ? sent - head_bytes : 0;
  if (sent < size)
    vector[n++] = (struct iovec){ (guint8 *) data + sent, size - sent };
  return n;
}

static gssize
send_copied (int fd, SynTls *tls, const void *head, gsize head_bytes, GBytes *body)
{
  struct iovec vector[2];

  return syn_sender_send_vector (fd, tls, vector, syn_sender_rest (head, head_bytes, body, 0, vector));
}

static gssize
send_file (SynSender *self, int fd, int file, gsize from, gsize size)
{
  off_t at = (off_t) from;
  gssize n;

  do
    n = sendfile (fd, file, &at, size);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EINVAL || errno == ENOSYS || errno == EPERM || errno == EOPNOTSUPP))
    {
      self->no_files = TRUE; /* a sandbox may forbid it: it was not the peer */
      return 0;
    }
  return outcome (n);
}

static gssize
send_sheet (SynSender *self, int fd, const Sheet *sheet, const void *head, gsize head_bytes)
{
  gsize size = g_bytes_get_size (sheet->body);
  gssize n, more;

  if (head_bytes == sheet->head_bytes && memcmp (head, sheet->head, head_bytes) == 0)
    return send_file (self, fd, sheet->file, HEAD_ROOM - head_bytes, head_bytes + size);
  do
    n = send (fd, head, head_bytes, MSG_MORE | MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  n = outcome (n);
  if (n < (gssize) head_bytes)
    return n;
  more = send_file (self, fd, sheet->file, HEAD_ROOM, size);
  return more < 0 ? -1 : n + more;
}

gssize
syn_sender_send (SynSender *self, int fd, SynTls *tls, const void *head, gsize head_bytes, GBytes *body)
{
  gsize size = body != NULL ? g_bytes_get_size (body) : 0;
  Sheet *sheet;

  if (tls != NULL || size < SYN_SEND_FILE_MIN_BYTES || size > SYN_SEND_FILE_MAX_BYTES || head_bytes > HEAD_MAX || self->no_files)
    return send_copied (fd, tls, head, head_bytes, body);
  sheet = find_sheet (self, body);
  sheet->used = TRUE;
  if (sheet->file < 0 && ++sheet->n_sent == SYN_SEND_FILE_AFTER)
    make_file (self, sheet, head, head_bytes);
  if (sheet->file < 0)
    return send_copied (fd, tls, head, head_bytes, body);
  syn_metric_add (self->lane, file_answers, 1);
  return send_sheet (self, fd, sheet, head, head_bytes);
}

/* ---- its life ---- */

static void
sender_free (gpointer data)
{
  SynSender *self = data;

  syn_lane_disarm (self->lane, &self->timer);
  for (guint i = 0; i < N_SHEETS; i++)
    clear_sheet (&self->sheets[i]);
  g_free (self);
}

SynSender *
syn_sender_for_lane (SynLane *lane)
{
  SynSender *self = syn_lane_get_slot (lane, SYN_LANE_SLOT_SENDER);

  if (self != NULL)
    return self;
  self = g_new0 (SynSender, 1);
  self->lane = lane;
  for (guint i = 0; i < N_SHEETS; i++)
    self->sheets[i].file = -1;
  syn_lane_set_slot (lane, SYN_LANE_SLOT_SENDER, self, sender_free);
  return self;
}

void
syn_sender_register_metrics (void)
{
  files = syn_metric_register (SYN_METRIC_COUNTER, "shared_bodies_total", "Bodies laid into a file in memory, because many get them.");
  file_answers = syn_metric_register (SYN_METRIC_COUNTER, "shared_body_answers_total", "Answers whose body was sent from there, without a copy.");
}
