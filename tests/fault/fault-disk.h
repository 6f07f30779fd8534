/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* What the two parts of fault-disk.so share: fault-disk.c stands before libc's calls, fault-shadow.c keeps what the disk has. All of
 * fault-shadow.c is called with the one lock, or before there are threads. */

extern char fault_folder[PATH_MAX];
extern const char *fault_shadow; /* (nullable): the shadow's folder; without it the notes below do nothing */

/* System calls that do not come back to what stands before libc. */
int fault_open (const char *path, int flags);
void fault_close (int fd);
void fault_die (const char *what) __attribute__ ((noreturn)); /* something is wrong here, not in the program: SIGABRT */

void fault_shadow_begin (void);
void fault_note_made (const struct stat *now); /* a new file */
void fault_note_change (const char *name, const struct stat *now, off_t from, off_t to); /* these bytes of it were written */
void fault_note_names (void);                  /* a file has got another name, or none */
void fault_note_sync (const char *name, const struct stat *now, bool done); /* FALSE: it failed */
void fault_end_process (void) __attribute__ ((noreturn)); /* as by SIGKILL */
void fault_cut_power (unsigned long seed) __attribute__ ((noreturn));
