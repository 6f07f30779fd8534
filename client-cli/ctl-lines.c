/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Records out of a file or pipe of any length, in memory bounded by the longest one. Blocking: the tool has
 * nothing else to do while it waits for input. A pipe that pauses is noticed (WAIT), so that what has come
 * can go out meanwhile. */

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

#define READ_BYTES (256 * 1024)

struct _CtlLines
{
  int fd;
  gboolean quoted;
  gboolean in_quotes; /* at scanned */
  gboolean ended;
  char *buffer;       /* (owned) */
  gsize size;         /* allocated */
  gsize begin;        /* of the record */
  gsize scanned;      /* no record ends before */
  gsize end;          /* of what was read */
  guint64 line;       /* of begin */
  guint64 n_newlines; /* from begin to scanned */
};

CtlLines *
ctl_lines_new (int fd, gboolean quoted)
{
  CtlLines *self = g_new0 (CtlLines, 1);

  self->fd = fd;
  self->quoted = quoted;
  self->line = 1;
  self->size = CTL_LINE_MAX_BYTES + READ_BYTES;
  self->buffer = g_malloc (self->size);
  return self;
}

void
ctl_lines_free (CtlLines *self)
{
  g_free (self->buffer);
  g_free (self);
}

/* The end of the record that begins at begin, behind its line end; 0: not here yet. */
static gsize
find_end (CtlLines *self)
{
  if (!self->quoted)
    {
      const char *newline = memchr (self->buffer + self->scanned, '\n', self->end - self->scanned);

      if (newline == NULL)
        {
          self->scanned = self->end;
          return 0;
        }
      self->n_newlines = 1;
      return (gsize) (newline - self->buffer) + 1;
    }
  for (; self->scanned < self->end; self->scanned++)
    {
      char c = self->buffer[self->scanned];

      if (c == '"')
        {
          self->in_quotes = !self->in_quotes; /* a doubled quote turns twice */
        }
      else if (c == '\n')
        {
          self->n_newlines++;
          if (!self->in_quotes)
            return self->scanned + 1;
        }
    }
  return 0;
}

static CtlLinesResult
take (CtlLines *self, gsize end, const char **record, gsize *length, guint64 *line)
{
  *record = self->buffer + self->begin;
  *length = end - self->begin;
  *line = self->line;
  self->line += self->n_newlines;
  self->n_newlines = 0;
  self->in_quotes = FALSE;
  self->begin = self->scanned = end;
  return CTL_LINES_RECORD;
}

CtlLinesResult
ctl_lines_next (
    CtlLines *self, gboolean block, const char **record, gsize *length, guint64 *line, GError **error)
{
  for (;;)
    {
      gsize end = find_end (self);
      gssize n;

      if (end > 0 && end - self->begin <= CTL_LINE_MAX_BYTES)
        return take (self, end, record, length, line);
      if (end > 0 || self->end - self->begin > CTL_LINE_MAX_BYTES)
        {
          g_set_error (error, REPLICA_ERROR, REPLICA_ERROR_TOO_LARGE,
                       "line %" G_GUINT64_FORMAT ": longer than %u bytes%s", self->line, CTL_LINE_MAX_BYTES,
                       self->in_quotes ? " (a quote is not closed)" : "");
          return CTL_LINES_ERROR;
        }
      if (self->ended)
        return self->end > self->begin ? take (self, self->end, record, length, line) : CTL_LINES_END;
      if (!block && poll (&(struct pollfd){ .fd = self->fd, .events = POLLIN }, 1, 0) == 0)
        return CTL_LINES_WAIT;

      if (self->size - self->end < READ_BYTES)
        {
          memmove (self->buffer, self->buffer + self->begin, self->end - self->begin);
          self->end -= self->begin;
          self->scanned -= self->begin;
          self->begin = 0;
        }
      n = read (self->fd, self->buffer + self->end, MIN (self->size - self->end, READ_BYTES));
      if (n < 0 && errno != EINTR)
        {
          g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s", g_strerror (errno));
          return CTL_LINES_ERROR;
        }
      if (n == 0)
        self->ended = TRUE;
      if (n > 0)
        self->end += (gsize) n;
    }
}
