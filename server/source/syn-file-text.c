/* SPDX-License-Identifier: LGPL-2.1-or-later
 *
 * Reading a file in pieces of 128 KB, through zstd when its name ends in .zst: any number of frames, one
 * after the other; an end inside of a frame and a frame that does not check out are errors that say where (in
 * the file as it is, not as it unfolds). Rejected: g_file_get_contents() and mmap() (files may be larger than
 * memory, grow, or be cut while mapped), GConverterInputStream (it hides the offsets).
 *
 * Runs on a worker's thread, never on a lane.
 */
#include "syn-file-text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "syn-error.h"

#define PIECE_BYTES (128u << 10)

struct _SynFileText
{
  char *path; /* (owned) */
  int fd;
  dev_t device;
  ino_t inode;
  guint64 offset; /* of what comes next from the file */
  char *input;    /* (owned): PIECE_BYTES */
  /* zstd */
  ZSTD_DCtx *zstd; /* (owned) (nullable): plain */
  char *output;    /* (owned) */
  ZSTD_inBuffer in;
  gboolean in_frame;
  gboolean output_full; /* there may be more text without more input */
};

static gboolean
fail_errno (GError **error, int code, const char *path, const char *what)
{
  int saved = errno;

  g_set_error (error, SYN_ERROR, code, "%s: %s: %s", path, what, g_strerror (saved));
  return FALSE;
}

SynFileText *
syn_file_text_open (const char *path, GError **error)
{
  g_autoptr (SynFileText) self = g_new0 (SynFileText, 1);
  struct stat status;

  self->path = g_strdup (path);
  /* Without blocking: opening a FIFO would wait for its writer for ever. */
  self->fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (self->fd < 0)
    {
      fail_errno (error, SYN_ERROR_NOT_FOUND, path, "cannot be opened");
      return NULL;
    }
  if (fstat (self->fd, &status) != 0)
    {
      fail_errno (error, SYN_ERROR_INVALID, path, "cannot be examined");
      return NULL;
    }
  if (!S_ISREG (status.st_mode))
    {
      g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID, "%s: not a regular file", path);
      return NULL;
    }
  self->device = status.st_dev;
  self->inode = status.st_ino;
  self->input = g_malloc (PIECE_BYTES);
  if (g_str_has_suffix (path, ".zst"))
    {
      self->zstd = ZSTD_createDCtx ();
      self->output = g_malloc (PIECE_BYTES);
    }
  return g_steal_pointer (&self);
}

void
syn_file_text_close (SynFileText *self)
{
  if (self->fd >= 0)
    close (self->fd);
  if (self->zstd != NULL)
    ZSTD_freeDCtx (self->zstd);
  g_free (self->output);
  g_free (self->input);
  g_free (self->path);
  g_free (self);
}

gboolean
syn_file_text_is_compressed (SynFileText *self)
{
  return self->zstd != NULL;
}

/* Bytes from the file into the input; *@length 0 at its end. */
static gboolean
read_input (SynFileText *self, gsize *length, GError **error)
{
  gssize n;

  do
    n = read (self->fd, self->input, PIECE_BYTES);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    {
      g_autofree char *what = g_strdup_printf ("cannot be read at byte %" G_GUINT64_FORMAT, self->offset);
      return fail_errno (error, SYN_ERROR_INVALID, self->path, what);
    }
  self->offset += (guint64) n;
  *length = (gsize) n;
  return TRUE;
}

static gboolean
read_zstd (SynFileText *self, const char **text, gsize *length, GError **error)
{
  ZSTD_outBuffer out = { self->output, PIECE_BYTES, 0 };

  while (out.pos == 0)
    {
      size_t left, before;

      if (self->in.pos == self->in.size && !self->output_full)
        {
          gsize n;

          if (!read_input (self, &n, error))
            return FALSE;
          self->in = (ZSTD_inBuffer){ self->input, n, 0 };
          if (n == 0 && self->in_frame)
            {
              g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                           "%s: the file ends at byte %" G_GUINT64_FORMAT
                           ", inside of a zstd frame: it is truncated",
                           self->path, self->offset);
              return FALSE;
            }
          if (n == 0)
            break;
        }
      before = self->in.pos;
      left = ZSTD_decompressStream (self->zstd, &out, &self->in);
      if (ZSTD_isError (left))
        {
          g_set_error (error, SYN_ERROR, SYN_ERROR_INVALID,
                       "%s: corrupt zstd data near byte %" G_GUINT64_FORMAT ": %s", self->path,
                       self->offset - (self->in.size - self->in.pos), ZSTD_getErrorName (left));
          return FALSE;
        }
      /* Asked without input after a frame's end, it wants the header of another one: that is no frame yet. */
      if (self->in.pos > before || out.pos > 0)
        self->in_frame = left != 0;
      self->output_full = self->in_frame && out.pos == out.size;
    }
  *text = self->output;
  *length = out.pos;
  return TRUE;
}

gboolean
syn_file_text_read (SynFileText *self, const char **text, gsize *length, GError **error)
{
  if (self->zstd != NULL)
    return read_zstd (self, text, length, error);
  *text = self->input;
  return read_input (self, length, error);
}

SynFileChange
syn_file_text_check (SynFileText *self)
{
  struct stat open_file, named;

  if (fstat (self->fd, &open_file) == 0 && (guint64) open_file.st_size < self->offset)
    return SYN_FILE_TRUNCATED;
  if (stat (self->path, &named) == 0 && (named.st_dev != self->device || named.st_ino != self->inode))
    return SYN_FILE_REPLACED;
  return SYN_FILE_SAME; /* also while it has no name */
}
