/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The data folder. On a fresh one the incarnation is written before the format: so a folder that has a format and no
 * incarnation was tampered with, and is refused, because counting from 1 again would give tokens out twice.
 *
 * Runs on the main thread at the start. Rejected: fcntl() record locks (lost when any descriptor of the file is
 * closed in the process), a pid file alone (says nothing after a crash). */
#define G_LOG_DOMAIN "syn-data-dir"

#include "syn-data-dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "syn-error.h"

#define MAX_FILE_BYTES 256

struct _SynDataDir {
  char *path;
  int dir_fd;
  int lock_fd;
};

static gboolean
fail_errno (const char *dir, const char *file, const char *what, GError **error)
{
  int saved_errno = errno;

  g_set_error (error, SYN_ERROR, SYN_ERROR_INTERNAL, "%s%s%s: cannot %s: %s", dir, file[0] != '\0' ? "/" : "", file, what,
               g_strerror (saved_errno));
  return FALSE;
}

/* The whole of a short file; *text is NULL when there is none. */
static gboolean
read_short (SynDataDir *self, const char *file, char **text, GError **error)
{
  char buffer[MAX_FILE_BYTES];
  int fd = openat (self->dir_fd, file, O_RDONLY | O_CLOEXEC);
  gssize n;

  *text = NULL;
  if (fd < 0)
    return errno == ENOENT ? TRUE : fail_errno (self->path, file, "open it", error);
  n = read (fd, buffer, sizeof buffer);
  if (n < 0)
    fail_errno (self->path, file, "read it", error);
  close (fd);
  if (n < 0)
    return FALSE;
  if ((gsize) n == sizeof buffer || memchr (buffer, '\0', (gsize) n) != NULL)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s/%s: is not a short line of text", self->path, file);
      return FALSE;
    }
  *text = g_strndup (buffer, (gsize) n);
  return TRUE;
}

static gboolean
write_all (int fd, const char *text)
{
  gsize left = strlen (text);

  while (left > 0)
    {
      gssize n = write (fd, text, left);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      text += n;
      left -= (gsize) n;
    }
  return TRUE;
}

/* What was there before, or @text: never less, whenever the power fails. */
static gboolean
replace (SynDataDir *self, const char *file, const char *text, GError **error)
{
  g_autofree char *beside = g_strconcat (file, ".new", NULL);
  int fd = openat (self->dir_fd, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  gboolean written;

  if (fd < 0)
    return fail_errno (self->path, beside, "write it", error);
  written = write_all (fd, text) && fsync (fd) == 0;
  if (!written)
    fail_errno (self->path, beside, "write it", error);
  close (fd);
  if (!written)
    return FALSE;
  if (renameat (self->dir_fd, beside, self->dir_fd, file) != 0)
    return fail_errno (self->path, file, "replace it", error);
  if (fsync (self->dir_fd) != 0)
    return fail_errno (self->path, "", "flush it", error);
  return TRUE;
}

static gboolean
take_lock (SynDataDir *self, GError **error)
{
  g_autofree char *text = NULL;
  guint64 pid = 0;

  self->lock_fd = openat (self->dir_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0640);
  if (self->lock_fd < 0)
    return fail_errno (self->path, "lock", "open it", error);
  if (flock (self->lock_fd, LOCK_EX | LOCK_NB) != 0)
    {
      if (errno != EWOULDBLOCK)
        return fail_errno (self->path, "lock", "lock it", error);
      if (read_short (self, "lock", &text, NULL) && text != NULL)
        pid = g_ascii_strtoull (text, NULL, 10);
      if (pid != 0)
        g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: another silo (pid %" G_GUINT64_FORMAT ") uses this folder",
                     self->path, pid);
      else
        g_set_error (error, SYN_ERROR, SYN_ERROR_UNAVAILABLE, "%s: another silo uses this folder", self->path);
      return FALSE;
    }
  text = g_strdup_printf ("%ld\n", (long) getpid ());
  if (ftruncate (self->lock_fd, 0) != 0 || !write_all (self->lock_fd, text))
    return fail_errno (self->path, "lock", "write it", error);
  return TRUE;
}

/* Digits and one newline, nothing else. */
static gboolean
parse_number (const char *text, guint64 max, guint64 *value)
{
  g_autofree char *digits = g_strndup (text, strcspn (text, "\n"));
  const char *rest = text + strlen (digits);

  return g_str_equal (rest, "\n") && g_ascii_string_to_unsigned (digits, 10, 1, max, value, NULL);
}

static gboolean
check_format (SynDataDir *self, gboolean *fresh, GError **error)
{
  static const char prefix[] = "synoptic-data ";
  g_autofree char *text = NULL;
  guint64 version;

  if (!read_short (self, "format", &text, error))
    return FALSE;
  *fresh = text == NULL;
  if (*fresh)
    return TRUE;
  if (!g_str_has_prefix (text, prefix) || !parse_number (text + strlen (prefix), G_MAXUINT32, &version))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s/format: expected \"%s%d\", found \"%.40s\"", self->path, prefix,
                   SYN_DATA_FORMAT, g_strchomp (text));
      return FALSE;
    }
  if (version > SYN_DATA_FORMAT)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "%s/format: the folder is of format %" G_GUINT64_FORMAT ", made by a newer version; this one knows up to %d",
                   self->path, version, SYN_DATA_FORMAT);
      return FALSE;
    }
  return TRUE;
}

static gboolean
count_incarnation (SynDataDir *self, gboolean fresh, guint32 *incarnation, GError **error)
{
  g_autofree char *text = NULL;
  guint64 last = 0;

  if (!read_short (self, "incarnation", &text, error))
    return FALSE;
  if (text == NULL && !fresh)
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "%s/incarnation: is missing; write into it a number larger than it ever held, or take an empty folder",
                   self->path);
      return FALSE;
    }
  if (text != NULL && !parse_number (text, G_MAXUINT32 - 1, &last))
    {
      g_autofree char *shown = g_strescape (g_strchomp (text), NULL);

      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                   "%s/incarnation: expected a number from 1 to %u and a newline, found \"%.40s\"", self->path,
                   G_MAXUINT32 - 1, shown);
      return FALSE;
    }
  /* A fresh folder does not count from 1: were an old one lost, its tokens would be given out twice. The clock's seconds are beyond
   * what any older folder counted to, as long as it was started less than once a second. */
  if (text == NULL)
    last = (guint64) CLAMP (g_get_real_time () / G_USEC_PER_SEC, 1, G_MAXUINT32 - 1) - 1;
  *incarnation = (guint32) last + 1;
  return syn_data_dir_write_incarnation (self, *incarnation, error);
}

SynDataDir *
syn_data_dir_open (const char *path, guint32 *incarnation, GError **error)
{
  g_autoptr (SynDataDir) self = g_new0 (SynDataDir, 1);
  g_autofree char *format = g_strdup_printf ("synoptic-data %d\n", SYN_DATA_FORMAT);
  gboolean fresh;

  self->path = g_strdup (path);
  self->dir_fd = self->lock_fd = -1;
  if (g_mkdir_with_parents (path, 0750) != 0)
    {
      fail_errno (path, "", "make the folder", error);
      return NULL;
    }
  self->dir_fd = open (path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (self->dir_fd < 0)
    {
      fail_errno (path, "", "open the folder", error);
      return NULL;
    }
  if (!take_lock (self, error) || !check_format (self, &fresh, error)
      || !count_incarnation (self, fresh, incarnation, error))
    return NULL;
  if (fresh && !replace (self, "format", format, error))
    return NULL;
  return g_steal_pointer (&self);
}

gboolean
syn_data_dir_write_incarnation (SynDataDir *self, guint32 incarnation, GError **error)
{
  g_autofree char *text = g_strdup_printf ("%u\n", incarnation);

  return replace (self, "incarnation", text, error);
}

void
syn_data_dir_close (SynDataDir *self)
{
  if (self == NULL)
    return;
  if (self->lock_fd >= 0)
    close (self->lock_fd); /* lets go of the lock */
  if (self->dir_fd >= 0)
    close (self->dir_fd);
  g_free (self->path);
  g_free (self);
}
