/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ctl-run.h"

#include <stdio.h>
#include <unistd.h>

void
run_clear (Run *self)
{
  g_free (self->out);
  g_free (self->err);
}

/* Into a file without a name. */
static int
catch (int fd, int *kept)
{
  g_autofree char *name = NULL;
  int file = g_file_open_tmp ("synoptic-out-XXXXXX", &name, NULL);

  unlink (name);
  *kept = dup (fd);
  dup2 (file, fd);
  return file;
}

static void
put_back (int fd, int kept)
{
  dup2 (kept, fd);
  close (kept);
}

static char *
slurp (int fd)
{
  GString *text = g_string_new (NULL);
  char buffer[4096];
  gssize n;

  lseek (fd, 0, SEEK_SET);
  while ((n = read (fd, buffer, sizeof buffer)) > 0)
    g_string_append_len (text, buffer, n);
  close (fd);
  return g_string_free (text, FALSE);
}

Run
run_verb (int (*verb) (const char *server, int argc, char **argv), const char *server, const char *line)
{
  g_auto (GStrv) argv = NULL;
  g_autofree char **copy = NULL; /* the verbs' parser moves them */
  int out, err, kept_out, kept_err, argc;
  Run result;

  g_assert_true (g_shell_parse_argv (line, &argc, &argv, NULL));
  copy = g_memdup2 (argv, ((gsize) argc + 1) * sizeof *argv);
  fflush (stdout);
  out = catch (STDOUT_FILENO, &kept_out);
  err = catch (STDERR_FILENO, &kept_err);
  result.status = verb (server, argc, copy);
  fflush (stdout);
  put_back (STDOUT_FILENO, kept_out);
  put_back (STDERR_FILENO, kept_err);
  result.out = slurp (out);
  result.err = slurp (err);
  return result;
}
