/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A verb of synopticctl, run in process with stdout and stderr caught. */

typedef struct {
  int status;
  char *out, *err;
} Run;

void run_clear (Run *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

/* @line: the verb and its arguments, as a shell would read them. */
Run run_verb (int (*verb) (const char *server, int argc, char **argv), const char *server, const char *line);
